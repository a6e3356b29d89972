/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the transaction layer share. Each machine is a table of what happens at a
 * message and at a timer; finding transactions, sending and ending are common.
 */
#pragma once

#include <sys/queue.h>

#include "sip-b2bua/core/sip_slab.h"
#include "sip-b2bua/transaction/sip_txn.h"

enum txn_state {
	TXN_NEW,	/* client: not sent yet */
	TXN_WAITING,	/* client: for DNS */
	TXN_CALLING,	/* client INVITE */
	TXN_TRYING,	/* not INVITE */
	TXN_PROCEEDING, /* a provisional was seen or sent; server INVITE starts here */
	TXN_ACCEPTED,	/* INVITE: 2xx (RFC 6026) */
	TXN_COMPLETED,	/* a final was seen or sent */
	TXN_CONFIRMED,	/* server INVITE: ACK was seen */
	TXN_FAILED,	/* waits for the wheel to tell the user */
};

#define TXN_REFUSED_MAX 64

/* A far end that takes no stream. */
struct txn_refused {
	struct ipaddr remote;
	uint64_t until_ms;
};

/* Where a client transaction goes, if not simply along its path. */
struct txn_ways {
	unsigned int n, next;
	bool by_stream; /* for its length; else it would go along udp */
	struct sip_path udp;
	struct sip_path list[SIP_WAYS_MAX];
};

struct txn_held;

struct sip_txns {
	struct twheel *wheel;
	const struct sip_token_key *key;
	struct sip_txn_user user;
	void *ctx;
	uint8_t worker;
	uint32_t stateless_count; /* for branches without a transaction */
	struct sip_timers timers;
	struct sip_txn_counters counters;
	struct sip_slab *clients, *servers;
	LIST_HEAD(, sip_ctxn) unheard; /* sent by a connection, and nothing has come yet */
	LIST_HEAD(, sip_ctxn) waiting;
	LIST_HEAD(, txn_held) held;
	unsigned int n_held;
	uint64_t held_count;
	struct txn_refused refused[TXN_REFUSED_MAX];
	uint64_t hash_key[2][2]; /* of the table of server transactions; random */
	uint32_t bucket_mask;
	uint32_t *buckets; /* index of the first server transaction, or TXN_NO_INDEX */
	/* The request that its new transaction's user is being told, in the receiver's buffer. */
	const struct sip_stxn *told;
	const struct sip_msg *told_msg;
	struct sip_msg scratch; /* messages of ours parsed again */
	char out[SIP_MSG_MAX];	/* built here before it is copied or sent */
};

#define TXN_NO_INDEX UINT32_MAX

/* What stands above index (24 bits) and generation (28) in an origin; the top 10 bits are free for
 * the worker. */
enum { TXN_ORIGIN_CLIENT = 1, TXN_ORIGIN_SERVER = 2, TXN_ORIGIN_HELD = 3 };

struct sip_ctxn {
	struct sip_txns *txns;
	uint32_t index, generation;
	uint8_t state;	/* enum txn_state */
	uint8_t method; /* enum sip_method */
	bool reliable;
	bool cancel_wanted;
	bool heard; /* something has come */
	int err;    /* TXN_FAILED */
	uint32_t interval_ms;
	const struct sip_ctxn_ops *ops; /* NULL: detached */
	void *arg;
	struct sip_path path;
	struct twheel_timer retx; /* A, E */
	struct twheel_timer life; /* B, F; then D, K, M */
	char *bytes;		  /* the request; after a non-2xx to INVITE the ACK */
	size_t n;
	char *cancel_headers;
	struct sip_ctxn *cancel;			 /* INVITE: its CANCEL */
	struct sip_ctxn *invite;			 /* CANCEL: what it cancels */
	LIST_ENTRY(sip_ctxn) unheard_link, waiting_link; /* le_prev NULL: not there */
	struct txn_ways *ways;				 /* NULL: along path */
	char branch[SIP_BRANCH_LEN];
};

struct sip_stxn {
	struct sip_txns *txns;
	uint32_t index, generation;
	uint32_t next; /* in its bucket */
	uint64_t key[2];
	uint8_t state;	/* enum txn_state */
	uint8_t method; /* enum sip_method */
	bool reliable;
	bool answered; /* a final was given */
	int err;       /* TXN_FAILED */
	uint32_t interval_ms;
	const struct sip_stxn_ops *ops; /* NULL: detached */
	void *arg;
	struct sip_path path; /* of the answers */
	struct ipaddr source;
	struct twheel_timer retx; /* G; before an answer: the automatic 100 */
	struct twheel_timer life; /* H, I, J, L */
	struct sip_msg *request;  /* ours; NULL while it is being told, and once it is answered */
	char *response;		  /* the last one sent */
	size_t response_n;
};

/* sip_txns.c */
char *txn_copy(struct view bytes);
/* Sends; true unless the transaction must fail with *ret_err. A full queue of an unreliable
 * transport is a lost datagram. */
bool txn_send(struct sip_txns *txns, const struct sip_path *path, struct view bytes,
	uint64_t origin, int *ret_err);
struct view txn_stateless_tag(
	const struct sip_txns *txns, const struct sip_msg *request, char buf[SIP_TOKEN_LEN]);

/* sip_ctxn.c: client side, common */
uint64_t ctxn_origin(const struct sip_ctxn *c);
void ctxn_transmit(struct sip_ctxn *c); /* the bytes; fails the transaction later if so */
void ctxn_fail_later(struct sip_ctxn *c, int err);
void ctxn_fail(struct sip_ctxn *c, int err); /* failed(), then the end; c is gone */
void ctxn_end(struct sip_ctxn *c);	     /* terminated(); c is gone */
void ctxn_tell(struct sip_ctxn *c, const struct sip_msg *msg, const struct sip_path *path);
void ctxn_bytes_set(struct sip_ctxn *c, char *bytes, size_t n);
void ctxn_receive(struct sip_txns *txns, const struct sip_msg *msg, const struct sip_path *path);
void ctxn_send_failed(struct sip_ctxn *c, int err);

void ctxn_start(struct sip_ctxn *c); /* the machine, along its path */
void ctxn_unheard_end(struct sip_ctxn *c);

/* sip_ways.c */

/* Sends it, now or when it is known where. -ENOMEM. */
int ways_start(struct sip_ctxn *c);
void ways_free(struct sip_ctxn *c);
void ways_late(struct sip_ctxn *c); /* nobody has said where in time */
/* It has failed, by_timer: as nothing came. true: it is under way to somebody else. */
bool ways_next(struct sip_ctxn *c, bool by_timer);
/* The same for a response, which is 503 then. */
bool ways_refused(struct sip_ctxn *c, const struct sip_msg *msg);
/* The path that a response is told with: what length alone has moved binds nothing that follows. */
const struct sip_path *ways_told(
	const struct sip_ctxn *c, const struct sip_msg *msg, const struct sip_path *path);
/* A message without a transaction. -EOPNOTSUPP: it simply goes along the path. */
int ways_hold(struct sip_txns *txns, const struct sip_path *path, struct view bytes);
void ways_hold_failed(struct sip_txns *txns, uint64_t id);
void ways_free_all(struct sip_txns *txns);

/* sip_ctxn_invite.c, sip_ctxn_other.c: one machine each. _response may end c. */
void ictxn_start(struct sip_ctxn *c);
/* Acknowledges a final that the user is not told of. */
void ictxn_ack_once(struct sip_ctxn *c, const struct sip_msg *response);
void ictxn_response(struct sip_ctxn *c, const struct sip_msg *msg, const struct sip_path *path);
void ictxn_retx(struct sip_ctxn *c);
void ictxn_life(struct sip_ctxn *c);
void octxn_start(struct sip_ctxn *c);
void octxn_response(struct sip_ctxn *c, const struct sip_msg *msg, const struct sip_path *path);
void octxn_retx(struct sip_ctxn *c);
void octxn_life(struct sip_ctxn *c);

/* sip_stxn.c: server side, common */
uint64_t stxn_origin(const struct sip_stxn *s);
void stxn_send(struct sip_stxn *s, struct view response);
void stxn_transmit(struct sip_stxn *s); /* the response that it keeps */
void stxn_fail_later(struct sip_stxn *s, int err);
void stxn_fail(struct sip_stxn *s, int err);
void stxn_end(struct sip_stxn *s);
void stxn_receive(struct sip_txns *txns, const struct sip_msg *msg, const struct sip_path *path);
void stxn_send_failed(struct sip_stxn *s, int err);
void stxn_response_forget(struct sip_stxn *s);

/* sip_stxn_invite.c, sip_stxn_other.c */
void istxn_start(struct sip_stxn *s);
void istxn_again(struct sip_stxn *s); /* the request came again */
void istxn_ack(struct sip_stxn *s, const struct sip_msg *msg, const struct sip_path *path);
void istxn_respond(struct sip_stxn *s, unsigned int status); /* s->response is it; not of a 2xx */
void istxn_accept(struct sip_stxn *s, struct view response); /* a 2xx, which is not kept */
void istxn_retx(struct sip_stxn *s);
void istxn_life(struct sip_stxn *s);
void ostxn_start(struct sip_stxn *s);
void ostxn_again(struct sip_stxn *s);
void ostxn_respond(struct sip_stxn *s, unsigned int status);
void ostxn_life(struct sip_stxn *s);
