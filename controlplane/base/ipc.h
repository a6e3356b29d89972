/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages between Limen's processes: Unix SOCK_SEQPACKET, one versioned header, fixed-size
 * structs in host byte order (one machine), counted arrays at the end, no pointers. A packet holds
 * one message or several, each of which begins at a multiple of 8 bytes; what a process has to say
 * in one turn of its loop costs it and the reader one system call.
 *
 * A peer is one connection. Each side has a table with one row per message it accepts: type,
 * bounds of the body's size, who may send it, handler. Whatever does not fit its row closes that
 * peer with a counted reason, never the receiver. The first message on a connection is HELLO
 * (type 1 in every table), and until it was accepted nothing else is.
 *
 * Sending never blocks: messages wait in a bounded queue and leave together when the loop comes
 * round. A full queue drops the oldest message whose row says IPC_DROPPABLE (the new
 * one, if it is the only such) and counts it; if there is none the peer is closed, and both sides
 * resynchronise on the next connection. Who has much to send at once (a replay) keeps below the
 * bound with ipc_peer_n_queued() and goes on when drained is called.
 *
 * A reply with a status below 0 may come without its body, whatever min_len says. A descriptor
 * that no handler takes is closed.
 *
 * Runs on a libevent base; one thread per base.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define IPC_VERSION    2
#define IPC_MSG_MAX    65536 /* header and body; also the length of a packet */
#define IPC_TYPE_HELLO 1
#define IPC_TYPE_REPLY 0x8000 /* or-ed to the type of a request */

struct ipc_hdr {
	uint16_t version; /* IPC_VERSION */
	uint16_t type;
	uint32_t len;	     /* header and body, without what fills up to the next message */
	uint32_t seq;	     /* the sender's number of a request, repeated in its reply; 0: none */
	int32_t status;	     /* replies: 0 or a negative errno; requests: 0 */
	uint32_t generation; /* of the sender's state, see the message */
	uint32_t zero;
};
_Static_assert(sizeof(struct ipc_hdr) == 24, "wire struct");

/* Who is at the other end, as said in HELLO and allowed by the socket's credentials. */
enum ipc_role {
	IPC_ROLE_NONE = 0,
	IPC_ROLE_CONTROL = 1 << 0,
	IPC_ROLE_DATAPLANE = 1 << 1,
	IPC_ROLE_SIP = 1 << 2,
	IPC_ROLE_CLI = 1 << 3,
	IPC_ROLE_NAT = 1 << 4,
	IPC_ROLE_REC = 1 << 5,
};

struct ipc_peer;

/*
 * body is aligned to 8 bytes and valid during the call. 0, or a negative errno: then the peer is
 * closed. A request that is merely refused is answered with a status and returns 0.
 */
typedef int (*ipc_handler_fn)(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t body_len);

enum { IPC_DROPPABLE = 1 };

struct ipc_row {
	uint16_t type;
	uint16_t flags;
	uint32_t roles;		   /* enum ipc_role bits that may send it */
	uint32_t min_len, max_len; /* of the body */
	const char *name;
	ipc_handler_fn handler;
};

struct ipc_table {
	const struct ipc_row *rows;
	unsigned int n_rows;
	/* After the peer is gone, for whatever reason; why is a sentence. The peer is freed next. */
	void (*closed)(struct ipc_peer *peer, const char *why);
	/* The queue was not empty and now is. May be NULL. */
	void (*drained)(struct ipc_peer *peer);
};

struct ipc_stats {
	uint64_t rx_msgs, tx_msgs, rx_malformed, rx_refused, tx_dropped;
};

/*
 * Takes a connected descriptor. ctx is the owner's. queue_max: messages that may wait, and 2 KiB
 * each on average (1 MiB at least). NULL when memory is short (fd then stays the caller's).
 */
struct ipc_peer *ipc_peer_new(struct event_base *base, int fd, const struct ipc_table *table,
	unsigned int queue_max, void *ctx);
void ipc_peer_free(struct ipc_peer *peer); /* without calling closed */
/* Closes at the end of the present loop turn; closed is called. Safe inside a handler. */
void ipc_peer_close(struct ipc_peer *peer, const char *why);

void *ipc_peer_ctx(const struct ipc_peer *peer);
void ipc_peer_set_ctx(struct ipc_peer *peer, void *ctx);
void ipc_peer_set_role(struct ipc_peer *peer, enum ipc_role role); /* HELLO was accepted */
enum ipc_role ipc_peer_role(const struct ipc_peer *peer);
/* uid and pid of the process at the other end when it connected (SO_PEERCRED). */
int ipc_peer_cred(const struct ipc_peer *peer, uid_t *ret_uid, pid_t *ret_pid);
unsigned int ipc_peer_n_queued(const struct ipc_peer *peer);
const struct ipc_stats *ipc_peer_stats(const struct ipc_peer *peer);

/*
 * Queues one message; the body may be given in two parts (part2 NULL: one). type decides over
 * IPC_DROPPABLE by the table given in ipc_peer_set_tx_table (none: never dropped).
 * 0, -EMSGSIZE, -ENOMEM, or -EPIPE once the peer is closing.
 */
int ipc_send(struct ipc_peer *peer, uint16_t type, uint32_t seq, int32_t status,
	uint32_t generation, const void *part1, size_t len1, const void *part2, size_t len2);
/* The same with a descriptor (SCM_RIGHTS), which stays the caller's. */
int ipc_send_fd(struct ipc_peer *peer, uint16_t type, uint32_t seq, int32_t status,
	uint32_t generation, const void *body, size_t len, int fd);
int ipc_reply(struct ipc_peer *peer, const struct ipc_hdr *request, int32_t status,
	const void *body, size_t len);
void ipc_peer_set_tx_table(struct ipc_peer *peer, const struct ipc_table *table);
uint32_t ipc_next_seq(struct ipc_peer *peer);
/* The descriptor that came with the message being handled, or -1. The caller owns it then. */
int ipc_take_fd(struct ipc_peer *peer);
/* Writes what is queued now, without waiting for the loop (order against other sockets). */
void ipc_flush(struct ipc_peer *peer);
/*
 * What comes within us microseconds (under a second) is left to the kernel until then, so that many
 * messages that nobody waits for cost one wake-up. Also in a handler; messages that were received
 * already are handled.
 */
void ipc_peer_rest(struct ipc_peer *peer, uint64_t us);
bool ipc_peer_rests(const struct ipc_peer *peer);
/*
 * Waits up to us microseconds (under a second) until messages come, and handles those that are there
 * as the loop would. false: nothing came. The handlers may close or free the peer.
 */
bool ipc_wait(struct ipc_peer *peer, uint64_t us);

/*
 * One message as it came, aligned to 8; exposed for the fuzz target and the unit tests. A negative
 * errno: it was refused and the peer is closing.
 */
int ipc_dispatch(struct ipc_peer *peer, const void *msg, size_t len);
/* The same for each message of a packet, up to the first fault. */
int ipc_receive(struct ipc_peer *peer, const void *packet, size_t len);

/* A NUL within size bytes, and only printable UTF-8 or ASCII before it. */
bool ipc_str_ok(const char *field, size_t size);

struct ipc_listener;
typedef void (*ipc_accept_fn)(int fd, void *arg);
/*
 * Binds and listens at a path of at most 107 bytes; a stale socket file of a dead process is
 * replaced, a live one is -EADDRINUSE. mode: of the socket file. Negative errno otherwise.
 */
int ipc_listen(struct event_base *base, const char *path, mode_t mode, ipc_accept_fn accept,
	void *arg, struct ipc_listener **ret_listener);
void ipc_listener_free(struct ipc_listener *listener);

/* Connects without blocking; the descriptor, or a negative errno. */
int ipc_connect(const char *path);
