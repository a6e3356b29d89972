/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SIP over UDP, TCP, TLS, WebSocket and secure WebSocket (server side), IPv4 and IPv6 (RFC 3261 18,
 * RFC 3581, RFC 7118) for one worker thread: its own sockets (SO_REUSEPORT), its own connections, its own batches. It delivers framed messages and
 * sends bytes along a path; it knows nothing of transactions.
 *
 * UDP datagrams are collected and leave with one sendmmsg() per socket at the end of the loop
 * turn, or when the batch is full; before that the flush hook runs, so that what was told to
 * limen-control is written first.
 *
 * A listener is a (transport, address) of a realm. Its id stays the same as long as the
 * configuration keeps it. All functions: the worker's thread.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/base/ipaddr.h"
#include "controlplane/base/twheel.h"
#include "controlplane/base/view.h"
#include "sip-b2bua/transport/sip_tls.h"
#include "sip-b2bua/transport/ws_handshake.h"

enum sip_transport_kind { SIP_UDP = 1, SIP_TCP = 2, SIP_TLS = 3, SIP_WS = 4, SIP_WSS = 5 };

/* Messages follow each other in a connection, and none is lost while it lives. */
static inline bool sip_transport_is_stream(uint8_t transport)
{
	return transport >= SIP_TCP && transport <= SIP_WSS;
}

static inline bool sip_transport_is_tls(uint8_t transport)
{
	return transport == SIP_TLS || transport == SIP_WSS;
}

/* Only the far end can make a connection; what has none (any more) cannot be reached. */
static inline bool sip_transport_is_ws(uint8_t transport)
{
	return transport == SIP_WS || transport == SIP_WSS;
}

/* Content-Length says where a message ends (RFC 3261 18.3; of a WebSocket its frames do). */
static inline bool sip_transport_is_framed(uint8_t transport)
{
	return transport == SIP_TCP || transport == SIP_TLS;
}

#define SIP_LISTENERS_MAX 64
#define SIP_REALM_MAX	  32
#define SIP_LISTENER_NONE 0xffff
#define SIP_MTU_SAFE	  1300 /* RFC 3261 18.1.1 */

/* Where a message came from, and where one goes. */
struct sip_path {
	uint8_t transport;   /* enum sip_transport_kind */
	uint8_t conn_worker; /* whose connection conn is */
	uint16_t listener;   /* our side */
	uint8_t flow;	 /* streams: conn and no other (RFC 5626 5.3); with a dead one -ENOTCONN */
	uint8_t by_name; /* a request whose next hop is a host name: sip_txn.h's, not sent so */
	uint16_t zero;
	uint64_t
		conn; /* streams: the connection, 0: any to remote; a dead one: connect to remote */
	struct ipaddr local; /* the listener's address */
	struct ipaddr
		remote; /* far end; for answers on a stream where to connect if conn is gone */
};

struct sip_listener {
	uint16_t id;
	uint8_t transport;
	uint8_t dscp;
	struct ipaddr addr;
	uint32_t tls;		   /* SIP_TLS, SIP_WSS: tag of its profile */
	char realm[SIP_REALM_MAX]; /* name of the realm it belongs to */
	uint32_t scope;		   /* for who decides about sources; see struct sip_transport_ops */
	bool defended;
	/* SIP_WS, SIP_WSS: whose pages may connect; must live until the next apply is over. */
	struct ws_origins origins;
};

struct sip_transport_limits {
	uint32_t max_conns;	     /* per worker; further ones are refused */
	uint32_t max_conns_per_peer; /* accepted ones, by address */
	uint32_t idle_ms;	     /* a connection without a message is closed after this */
	uint32_t connect_ms;	     /* time for a connection to come up */
	uint32_t partial_ms;	     /* time for a message to arrive whole */
	uint32_t tx_queue_max;	     /* octets that may wait in one connection */
	uint32_t ws_ping_ms;	     /* a WebSocket that was silent so long is asked */
};
extern const struct sip_transport_limits SIP_TRANSPORT_LIMITS_DEFAULT;
#define SIP_CONNS_MAX 0x100000 /* of a worker, whatever the limits say */

struct sip_transport_counters {
	uint64_t rx_datagrams, rx_stream_msgs, rx_keepalives, rx_bad_frames;
	uint64_t tx_datagrams, tx_stream_msgs, tx_dropped, tx_errors;
	uint64_t conns_accepted, conns_opened, conns_failed, conns_refused, conns_idle_closed;
	uint64_t conns_far_closed, conns_slow_closed;
	uint64_t tls_failed;   /* handshakes; also counted in conns_failed where we connected */
	uint64_t tls_no_name;  /* of them those that asked for a server that we are not */
	uint64_t conns_silent; /* closed as sip_transport_conn_silent() says; not in idle_closed */
	uint64_t rx_stun;      /* binding requests that were answered */
	uint64_t ws_refused;   /* opening handshakes */
	uint64_t ws_broken; /* WebSockets that were closed for what came; also in rx_bad_frames */
	uint64_t n_conns;   /* now */
};

struct sip_transport_ops {
	/* One message (a datagram, or framed). The bytes are valid during the call. */
	void (*receive)(void *ctx, const struct sip_path *path, const char *bytes, size_t n);
	/* A message given to sip_transport_send() with this origin did not leave. err: negative
	 * errno. Never called from inside sip_transport_send(). */
	void (*send_failed)(void *ctx, uint64_t origin, int err);
	/* Before a batch of messages leaves. May be NULL. */
	void (*before_flush)(void *ctx);
	/* path->conn belongs to another worker: pass it on. 0 or a negative errno. May be NULL with
	 * one worker. */
	int (*send_elsewhere)(void *ctx, const struct sip_path *path, const char *bytes, size_t n,
		uint64_t origin);
	/* A connection that was watched has ended. May be NULL. */
	void (*conn_gone)(void *ctx, uint64_t conn);
	/* Of each datagram, connection and message that comes: false drops it without a word, and ends
	 * the connection. NULL: all are taken. */
	bool (*admits)(void *ctx, const struct sip_listener *listener, const struct ipaddr *remote);
	/* A far end broke the rules below SIP: TLS, HTTP, frames, a message that did not end. May be
	 * NULL. */
	void (*misbehaved)(
		void *ctx, const struct sip_listener *listener, const struct ipaddr *remote);
};

struct sip_transport;

struct sip_transport *sip_transport_new(struct event_base *base, struct twheel *wheel,
	uint8_t worker, const struct sip_transport_limits *limits,
	const struct sip_transport_ops *ops, void *ctx);
/* What is open stays, also beyond the new limits. */
void sip_transport_set_limits(struct sip_transport *t, const struct sip_transport_limits *limits);
/* Sends what waits, closes everything; no callbacks. */
void sip_transport_free(struct sip_transport *t);

/*
 * Three phases of a configuration change. prepare opens the sockets that are new among specs (id
 * is ignored; IP_FREEBIND, so the address may come later; wildcard addresses are refused, as Via
 * and Contact must name one) without receiving from them; on failure nothing changed and error
 * holds a sentence. apply makes exactly specs the listeners (no failure); abort forgets prepare.
 *
 * prepare_tls, before prepare, reads the certificates that go with it (without it: those of before);
 * they too wait for apply. Files that are renewed later are found every SIP_TLS_REFRESH_MS.
 */
#define SIP_TLS_REFRESH_MS 3000
int sip_transport_prepare_tls(struct sip_transport *t, const struct sip_tls_conf *conf, char *error,
	size_t error_size) __attribute__((warn_unused_result));
int sip_transport_prepare(struct sip_transport *t, const struct sip_listener *specs,
	unsigned int n_specs, char *error, size_t error_size) __attribute__((warn_unused_result));
void sip_transport_apply(struct sip_transport *t);
/* What certificates of far ends have to say: these far ends and no others, from now on. The list is
 * copied; a change of the configuration keeps it. */
void sip_transport_set_far_ends(
	struct sip_transport *t, const struct sip_tls_far *far_ends, unsigned int n);
void sip_transport_abort(struct sip_transport *t);

/* NULL when there is none with this id (any more). */
const struct sip_listener *sip_transport_listener(const struct sip_transport *t, uint16_t id);
/* First listener of a realm with this transport and family (4, 6, 0: any), or NULL. */
const struct sip_listener *sip_transport_find(
	const struct sip_transport *t, const char *realm, uint8_t transport, uint8_t family);
/* The address is one of our listeners' (own requests that come back, Route of ours). */
bool sip_transport_is_own(const struct sip_transport *t, const struct ipaddr *addr);

/* A path from a listener to a far end, for a new request. */
void sip_path_to(
	const struct sip_listener *from, const struct ipaddr *remote, struct sip_path *ret_path);

/*
 * Queues a copy of the bytes. origin is given back by send_failed (0: nobody wants to know).
 * 0; -ENOBUFS when a bound is reached, -ENOTCONN/-EADDRNOTAVAIL when the listener is gone,
 * -EMSGSIZE, -EMFILE for connections.
 */
int sip_transport_send(struct sip_transport *t, const struct sip_path *path, const char *bytes,
	size_t n, uint64_t origin) __attribute__((warn_unused_result));
/* Sends the waiting datagrams now (also done at the end of each loop turn). */
void sip_transport_flush(struct sip_transport *t);
/* Closes a connection once what waits was sent (an unframeable stream). */
void sip_transport_conn_close(struct sip_transport *t, uint64_t conn);

/* A connection that is up, for who watches the box. */
struct sip_conn {
	uint64_t id;
	uint8_t transport;
	bool accepted; /* the far end opened it */
	struct ipaddr local, remote;
	char realm[SIP_REALM_MAX];
};
/*
 * What has changed since the last call, at most max of either: those that are up, and the ids of those
 * that were named and have gone. A callback that returns false ends it; its connection comes again.
 */
void sip_transport_report(struct sip_transport *t, unsigned int max,
	bool (*up)(void *ctx, const struct sip_conn *conn), bool (*gone)(void *ctx, uint64_t id),
	void *ctx);
/* Who is told has forgotten everything. */
void sip_transport_report_again(struct sip_transport *t);
/* Ends one in good order. -ENOENT. */
int sip_transport_conn_end(struct sip_transport *t, uint64_t conn);

/*
 * A flow (RFC 5626): the conn of a path names a connection for as long as it lives and never another
 * one; once watched, its end is told by conn_gone.
 */
void sip_transport_conn_watch(struct sip_transport *t, uint64_t conn);
/* One of TCP or TLS ends when nothing, no CRLF either, comes by it for so long (Flow-Timer, RFC 5626 4.4). */
void sip_transport_conn_silent(struct sip_transport *t, uint64_t conn, uint32_t silent_ms);
/*
 * Who opened it says (by "alias" in Via, RFC 5923) that it also takes there what goes to addr. Done
 * for TLS only, from the address itself, and with the certificate that addr would have to show us.
 */
void sip_transport_conn_alias(struct sip_transport *t, uint64_t conn, const struct ipaddr *addr);

const struct sip_transport_counters *sip_transport_counters(const struct sip_transport *t);

/* As in Via. */
static inline struct view sip_transport_text(uint8_t transport)
{
	return transport == SIP_WSS   ? VIEW("WSS")
	       : transport == SIP_WS  ? VIEW("WS")
	       : transport == SIP_TLS ? VIEW("TLS")
	       : transport == SIP_TCP ? VIEW("TCP")
				      : VIEW("UDP");
}

/* The transport parameter of a URI (RFC 7118 8: "ws" is that of both); empty: none is needed. */
static inline struct view sip_transport_param(uint8_t transport)
{
	return sip_transport_is_ws(transport) ? VIEW("ws")
	       : transport == SIP_TLS	      ? VIEW("tls")
	       : transport == SIP_TCP	      ? VIEW("tcp")
					      : VIEW("");
}
