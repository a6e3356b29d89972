/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The four transaction machines of RFC 3261 17 with RFC 6026, one file each behind this header.
 * Time (a twheel) and the way out (a function) are inputs, so tests drive them alone. A client
 * transaction is found by the token in our branch, a server transaction by branch, sent-by and
 * method (17.2.3; RFC 2543 peers by what 17.2.3 says for them). One layer per worker; all functions
 * and callbacks in its thread.
 *
 * Ownership: the layer owns transactions. A user gets a pointer with its first callback or from
 * _new, and may use it until terminated() was called for it, or until it calls _detach (then no
 * further callback comes and the machine finishes alone). No callback is called from inside a
 * function that the user called, except where said.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/base/twheel.h"
#include "sip-b2bua/core/sip_token.h"
#include "sip-b2bua/parser/sip_build.h"
#include "sip-b2bua/parser/sip_msg.h"
#include "sip-b2bua/transport/sip_transport.h"

#define SIP_WAYS_MAX 8 /* addresses of a name that are tried */

struct sip_txns; /* the layer */
struct sip_ctxn; /* client transaction */
struct sip_stxn; /* server transaction */

/* RFC 3261 17.1.1.1 and table 4; ms. */
struct sip_timers {
	uint32_t t1, t2, t4;
	uint32_t timer_d; /* more than 32 s for unreliable transports */
	uint32_t trying;  /* automatic 100 after this; 0: at once; SIP_TRYING_NEVER */
	/* Until a request to a name goes to its next address when nothing comes; timer B or F if those are
	 * shorter, and for the last one (RFC 3263 4.3). */
	uint32_t next_way;
};
#define SIP_TRYING_NEVER UINT32_MAX
extern const struct sip_timers SIP_TIMERS_DEFAULT; /* 500, 4000, 5000, 32000, 0, 4000 */

struct sip_txn_counters {
	uint64_t rx_retransmissions, tx_retransmissions;
	uint64_t rx_stray;		    /* responses that match no transaction */
	uint64_t tx_requests, tx_responses; /* without retransmissions */
	uint64_t timeouts, transport_errors;
	uint64_t refused;	 /* requests that met the limit of transactions */
	uint64_t named, unnamed; /* requests to names; of them those to names that nobody knew */
	uint64_t next_ways;	 /* that went on to the next address of their name */
	uint64_t large_stream;	 /* that went by a stream for their length */
	uint64_t large_back;	 /* of them those that nobody took */
	uint64_t n_clients, n_servers; /* now */
};

/* What the layer needs and whom it tells. */
struct sip_txn_user {
	/* The way out; origin (below 2^54) comes back in sip_txns_send_failed(). 0 or a negative
	 * errno. */
	int (*send)(void *ctx, const struct sip_path *path, const char *bytes, size_t n,
		uint64_t origin);
	/* A new request with its new server transaction; never ACK, never a matched CANCEL. The
	 * user answers it now or later, and may sip_stxn_set_user() it now. */
	void (*request)(void *ctx, struct sip_stxn *stxn, const struct sip_msg *msg,
		const struct sip_path *path);
	/* An ACK that belongs to a 2xx (no transaction takes it). */
	void (*ack)(void *ctx, const struct sip_msg *msg, const struct sip_path *path);
	/* A response that no transaction takes; a late 2xx to INVITE still wants ACK and BYE. The
	 * layer has counted it. */
	void (*stray)(void *ctx, const struct sip_msg *msg, const struct sip_path *path);
	/* A request outside of dialogs, which came from source, gets this final answer along path.
	 * May be NULL. */
	void (*answered)(void *ctx, const struct sip_path *path, const struct ipaddr *source,
		unsigned int status);
	/*
	 * Where a request with path->by_name goes, whose next hop is that host name (RFC 3263), the
	 * first one first. 0; -EINPROGRESS: sip_txns_look_again() follows when it is known, or nothing
	 * does; -EOPNOTSUPP: names are not looked up; else it is not known. Then, and without this
	 * function, it goes along path.
	 */
	int (*locate)(void *ctx, const struct sip_path *path, const struct sip_uri *hop,
		struct sip_path ret_ways[SIP_WAYS_MAX], unsigned int *ret_n);
	/* The way by TCP of a request too long for this path of UDP (RFC 3261 18.1.1); false, and
	 * without this function: it goes by UDP. */
	bool (*stream_way)(void *ctx, const struct sip_path *path, struct sip_path *ret_way);
};

/* limit: transactions of each sort. worker and key go into the branches. key may change its
 * content later. NULL when memory is short. */
struct sip_txns *sip_txns_new(struct twheel *wheel, const struct sip_token_key *key, uint8_t worker,
	uint32_t limit, const struct sip_txn_user *user, void *ctx);
void sip_txns_free(struct sip_txns *txns); /* without callbacks */
void sip_txns_set_timers(struct sip_txns *txns, const struct sip_timers *timers);
const struct sip_timers *sip_txns_timers(const struct sip_txns *txns);
const struct sip_txn_counters *sip_txns_counters(const struct sip_txns *txns);

/* A parsed message from the transport. */
void sip_txns_receive(
	struct sip_txns *txns, const struct sip_msg *msg, const struct sip_path *path);
/* A request is one again whose server transaction there is. */
bool sip_txns_knows(struct sip_txns *txns, const struct sip_msg *msg);
/* A message with this origin could not be sent. */
void sip_txns_send_failed(struct sip_txns *txns, uint64_t origin, int err);

/* Names are known that were not: requests that wait for them go on. */
void sip_txns_look_again(struct sip_txns *txns);
/* A connection of a worker has ended: what was sent by it and not heard of fails (-ENOTCONN). */
void sip_txns_conn_gone(struct sip_txns *txns, uint8_t conn_worker, uint64_t conn);

/* ---- client side ---- */

struct sip_ctxn_ops {
	/* Each provisional, the first final, and each further 2xx to INVITE (RFC 6026 Accepted:
	 * answer it with an ACK). Retransmitted non-2xx finals are not shown. */
	void (*response)(struct sip_ctxn *ctxn, const struct sip_msg *msg,
		const struct sip_path *path, void *arg);
	/* No final answer: -ETIMEDOUT (timer B or F: as if 408), or the transport's error (as if
	 * 503, RFC 3261 8.1.3.1). terminated() follows. */
	void (*failed)(struct sip_ctxn *ctxn, int err, void *arg);
	/* The last call. May be NULL. */
	void (*terminated)(struct sip_ctxn *ctxn, void *arg);
};

/*
 * Makes a transaction and its branch; the user then builds the request with that branch in its
 * only Via and sends it. INVITE gets the INVITE machine, every other method the other one; ACK is
 * -EINVAL. -ENOBUFS at the limit, -ENOMEM.
 */
int sip_ctxn_new(struct sip_txns *txns, enum sip_method method, const struct sip_ctxn_ops *ops,
	void *arg, struct sip_ctxn **ret_ctxn) __attribute__((warn_unused_result));
struct view sip_ctxn_branch(const struct sip_ctxn *ctxn);
/* Copies the built request and starts the machine. A send error comes by failed() from the wheel.
 * -ENOMEM or -EINVAL (its branch is not in it): the transaction is then gone. */
int sip_ctxn_send(struct sip_ctxn *ctxn, const struct sip_path *path, struct view request)
	__attribute__((warn_unused_result));
/*
 * Cancels an INVITE (RFC 3261 9.1): at once if a provisional has come, else when the first one
 * comes, not at all after a final answer. headers: further header lines, each with its CRLF (for
 * example Reason), or empty. The user still gets the final answer (487, or a 2xx that crossed);
 * if none comes within 64*T1 after the CANCEL, failed(-ETIMEDOUT). Idempotent.
 */
void sip_ctxn_cancel(struct sip_ctxn *ctxn, struct view headers);
/* Somebody else is told from now on. */
void sip_ctxn_set_user(struct sip_ctxn *ctxn, const struct sip_ctxn_ops *ops, void *arg);
void sip_ctxn_detach(struct sip_ctxn *ctxn);
/*
 * An INVITE to which nothing has come is given up: it is sent no more, cancelled should anything
 * come, and what comes goes to another user. Until its time is over (timer B).
 */
void sip_ctxn_abandon(struct sip_ctxn *ctxn, const struct sip_ctxn_ops *ops, void *arg);
/* Not yet sent, not wanted. */
void sip_ctxn_discard(struct sip_ctxn *ctxn);
void *sip_ctxn_arg(const struct sip_ctxn *ctxn);
const struct sip_path *sip_ctxn_path(const struct sip_ctxn *ctxn);

/* ---- server side ---- */

struct sip_stxn_ops {
	/* INVITE only: a CANCEL matched; the layer has answered it with 200. The user sends 487
	 * unless a final answer has left. May be NULL. */
	void (*cancelled)(struct sip_stxn *stxn, const struct sip_msg *cancel, void *arg);
	/* -ETIMEDOUT: no ACK came for a non-2xx (timer H); else the transport's error. May be NULL. */
	void (*failed)(struct sip_stxn *stxn, int err, void *arg);
	/* The last call. May be NULL. */
	void (*terminated)(struct sip_stxn *stxn, void *arg);
};

void sip_stxn_set_user(struct sip_stxn *stxn, const struct sip_stxn_ops *ops, void *arg);
/*
 * Sends a built response (sip_build_response()); its status is read from its status line. A
 * provisional after a final, and a second final, are -EALREADY. After a 2xx to INVITE the user
 * repeats the 2xx until the ACK comes: struct sip_resend. A send error comes by failed() later.
 */
int sip_stxn_respond(struct sip_stxn *stxn, struct view response)
	__attribute__((warn_unused_result));
/* A response with nothing but what must be there (errors): reason empty is the standard phrase,
 * headers are further lines with CRLF or empty, to_tag empty makes one up if To has none. */
int sip_stxn_reject(struct sip_stxn *stxn, unsigned int status, struct view reason,
	struct view headers, struct view to_tag) __attribute__((warn_unused_result));
void sip_stxn_detach(struct sip_stxn *stxn);
/* The request as it came, parsed; the layer's, valid until the user returns or answers finally,
 * whatever comes first. NULL once a final answer was given. */
const struct sip_msg *sip_stxn_request(struct sip_stxn *stxn);
enum sip_method sip_stxn_method(const struct sip_stxn *stxn);
const struct sip_path *sip_stxn_path(const struct sip_stxn *stxn); /* the way back */
const struct ipaddr *sip_stxn_source(const struct sip_stxn *stxn); /* where it came from */
/* The way that it came by, as the user got it with the request: that of sip_stxn_path(), whose port may be
 * sent-by's, with the source. */
struct sip_path sip_stxn_came_by(const struct sip_stxn *stxn);
void *sip_stxn_arg(const struct sip_stxn *stxn);
bool sip_stxn_is_final(const struct sip_stxn *stxn); /* a final answer was given */

/* ---- for the user ---- */

/*
 * Repeats a message at T1, 2*T1, ... T2 until stopped or 64*T1 have passed (2xx to INVITE,
 * RFC 3261 13.3.1.4, on every transport). Embedded in the user's object. For reliable provisionals
 * (RFC 3262 3) set t2_ms to 0 after the start: the interval then doubles without bound.
 */
struct sip_resend {
	struct sip_txns *txns;
	struct twheel_timer timer;
	struct sip_path path;
	char *bytes;
	uint32_t n, interval_ms, t2_ms, t1_ms;
	uint64_t end_ms;
	void (*gave_up)(struct sip_resend *resend, void *arg);
	void *arg;
};
/* Sends now if send_now, and goes on. resend must be zeroed or stopped. -ENOMEM. */
int sip_resend_start(struct sip_txns *txns, struct sip_resend *resend, const struct sip_path *path,
	struct view bytes, bool send_now, void (*gave_up)(struct sip_resend *resend, void *arg),
	void *arg) __attribute__((warn_unused_result));
void sip_resend_stop(struct sip_resend *resend); /* also for one that never started (zeroed) */

/* Sends a message that no transaction carries (ACK to 2xx), by the same ways. 0 or a negative errno. */
int sip_txns_send(struct sip_txns *txns, const struct sip_path *path, struct view bytes);
/* A branch for such a message; unique, belongs to no transaction. */
struct view sip_txns_branch(struct sip_txns *txns, char buf[SIP_BRANCH_LEN]);
/* Answers a request without a transaction (RFC 3261 8.2.7): 400 to malformed, 503 under load. The
 * To tag is the same for each retransmission. 0 or a negative errno. */
int sip_txns_reply_stateless(struct sip_txns *txns, const struct sip_msg *request,
	const struct sip_path *path, unsigned int status, struct view reason, struct view headers);
/* The way back of an answer: RFC 3261 18.2.2, RFC 3581 4. */
void sip_path_back(
	const struct sip_msg *request, const struct sip_path *in, struct sip_path *ret_path);
