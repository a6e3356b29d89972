/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The layer: making it, dispatch, the way back, answers without state, repeated messages. */
#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/transaction/txn_private.h"

const struct sip_timers SIP_TIMERS_DEFAULT = {500, 4000, 5000, 32000, 0, 4000};

struct sip_txns *sip_txns_new(struct twheel *wheel, const struct sip_token_key *key, uint8_t worker,
	uint32_t limit, const struct sip_txn_user *user, void *ctx)
{
	uint32_t n_buckets = 64, first;
	struct sip_txns *txns = calloc(1, sizeof(*txns));
	if (txns == NULL)
		return NULL;
	while (n_buckets < limit && n_buckets < 1u << 20)
		n_buckets *= 2;
	txns->wheel = wheel;
	txns->key = key;
	txns->worker = worker;
	txns->user = *user;
	txns->ctx = ctx;
	txns->timers = SIP_TIMERS_DEFAULT;
	txns->bucket_mask = n_buckets - 1;
	secret_random(txns->hash_key, sizeof(txns->hash_key));
	secret_random(&txns->stateless_count, sizeof(txns->stateless_count));
	secret_random(&first, sizeof(first));
	txns->clients = sip_slab_new(sizeof(struct sip_ctxn), limit, first);
	txns->servers = sip_slab_new(sizeof(struct sip_stxn), limit, first);
	txns->buckets = malloc(n_buckets * sizeof(txns->buckets[0]));
	if (txns->clients == NULL || txns->servers == NULL || txns->buckets == NULL) {
		sip_txns_free(txns);
		return NULL;
	}
	memset(txns->buckets, 0xff, n_buckets * sizeof(txns->buckets[0]));
	return txns;
}

void sip_txns_free(struct sip_txns *txns)
{
	struct sip_ctxn *c;
	struct sip_stxn *s;
	uint32_t pos = 0;
	if (txns == NULL)
		return;
	while (txns->clients != NULL && (c = sip_slab_next(txns->clients, &pos)) != NULL) {
		twheel_stop(txns->wheel, &c->retx);
		twheel_stop(txns->wheel, &c->life);
		secret_free(c->bytes, c->n);
		free(c->cancel_headers);
		free(c->ways);
	}
	ways_free_all(txns);
	pos = 0;
	while (txns->servers != NULL && (s = sip_slab_next(txns->servers, &pos)) != NULL) {
		twheel_stop(txns->wheel, &s->retx);
		twheel_stop(txns->wheel, &s->life);
		sip_msg_free(s->request);
		secret_free(s->response, s->response_n);
	}
	sip_slab_free(txns->clients);
	sip_slab_free(txns->servers);
	free(txns->buckets);
	secret_wipe(txns->hash_key, sizeof(txns->hash_key));
	free(txns);
}

void sip_txns_set_timers(struct sip_txns *txns, const struct sip_timers *timers)
{
	txns->timers = *timers;
}

const struct sip_timers *sip_txns_timers(const struct sip_txns *txns)
{
	return &txns->timers;
}

const struct sip_txn_counters *sip_txns_counters(const struct sip_txns *txns)
{
	return &txns->counters;
}

void sip_txns_receive(struct sip_txns *txns, const struct sip_msg *msg, const struct sip_path *path)
{
	if (msg->is_request)
		stxn_receive(txns, msg, path);
	else
		ctxn_receive(txns, msg, path);
}

void sip_txns_send_failed(struct sip_txns *txns, uint64_t origin, int err)
{
	uint32_t index = (uint32_t)(origin >> 28) & SIP_TOKEN_INDEX_MAX;
	uint32_t generation = (uint32_t)origin & SIP_TOKEN_GEN_MASK;
	struct sip_ctxn *c;
	struct sip_stxn *s;
	if (origin >> 52 == TXN_ORIGIN_CLIENT) {
		c = sip_slab_find(txns->clients, index, generation);
		if (c != NULL)
			ctxn_send_failed(c, err);
	} else if (origin >> 52 == TXN_ORIGIN_HELD) {
		ways_hold_failed(txns, origin & (((uint64_t)1 << 52) - 1));
	} else if (origin >> 52 == TXN_ORIGIN_SERVER) {
		s = sip_slab_find(txns->servers, index, generation);
		if (s != NULL)
			stxn_send_failed(s, err);
	}
}

char *txn_copy(struct view bytes)
{
	char *copy = malloc(bytes.n > 0 ? bytes.n : 1);
	if (copy != NULL && bytes.n > 0)
		memcpy(copy, bytes.p, bytes.n);
	return copy;
}

bool txn_send(struct sip_txns *txns, const struct sip_path *path, struct view bytes,
	uint64_t origin, int *ret_err)
{
	int rc = txns->user.send(txns->ctx, path, bytes.p, bytes.n, origin);
	if (rc == 0 || (rc == -ENOBUFS && path->transport == SIP_UDP))
		return true;
	*ret_err = rc;
	return false;
}

struct view txn_stateless_tag(
	const struct sip_txns *txns, const struct sip_msg *request, char buf[SIP_TOKEN_LEN])
{
	/* From what all retransmissions share, so that each gets the same tag. */
	uint64_t h = siphash24(txns->hash_key[0], request->call_id.p, request->call_id.n);
	h ^= siphash24(txns->hash_key[1], request->from.tag.p, request->from.tag.n);
	h += request->cseq.number;
	struct sip_token token = {SIP_TOKEN_STATELESS, txns->worker,
		(uint32_t)(h >> 32) & SIP_TOKEN_INDEX_MAX, (uint32_t)h & SIP_TOKEN_GEN_MASK};
	return sip_token_print(txns->key, &token, buf);
}

void sip_path_back(
	const struct sip_msg *request, const struct sip_path *in, struct sip_path *ret_path)
{
	struct sip_path path = *in;
	uint16_t port = request->via.port != 0 ? request->via.port : 5060;
	/*
	 * The address is always the source's, which is what "received" says (18.2.2). maddr is not
	 * followed: it is for multicast, and would let anybody send our answers to a third party.
	 * UDP with rport goes back to the very port (RFC 3581 4); a stream goes back on its
	 * connection, and to the port of sent-by if that is gone.
	 */
	if (in->transport != SIP_UDP || !request->via.has_rport)
		path.remote.port_be16 = htons(port);
	*ret_path = path;
}

int sip_txns_send(struct sip_txns *txns, const struct sip_path *path, struct view bytes)
{
	int rc = ways_hold(txns, path, bytes);
	txns->counters.tx_requests++;
	return rc != -EOPNOTSUPP ? rc : txns->user.send(txns->ctx, path, bytes.p, bytes.n, 0);
}

struct view sip_txns_branch(struct sip_txns *txns, char buf[SIP_BRANCH_LEN])
{
	/* Of the stateless kind, so that it never finds a transaction. */
	uint32_t n = txns->stateless_count++;
	struct sip_token token = {SIP_TOKEN_STATELESS, txns->worker, n >> 16, n};
	return sip_token_branch(txns->key, &token, buf);
}

int sip_txns_reply_stateless(struct sip_txns *txns, const struct sip_msg *request,
	const struct sip_path *path, unsigned int status, struct view reason, struct view headers)
{
	struct sip_path back;
	struct sip_buf b;
	char tag[SIP_TOKEN_LEN];
	sip_path_back(request, path, &back);
	sip_buf_init(&b, txns->out, sizeof(txns->out));
	sip_build_response(
		&b, request, &path->remote, status, reason, txn_stateless_tag(txns, request, tag));
	sip_put(&b, headers);
	int rc = sip_build_end(&b, VIEW(""), VIEW(""));
	if (rc != 0)
		return rc;
	txns->counters.tx_responses++;
	if (request->to.tag.n == 0 && txns->user.answered != NULL)
		txns->user.answered(txns->ctx, path, &path->remote, status);
	return txns->user.send(txns->ctx, &back, b.p, b.n, 0);
}

/* ---- repeated messages ---- */

static void resend_fired(struct twheel_timer *timer, void *arg)
{
	struct sip_resend *r = arg;
	struct sip_txns *txns = r->txns;
	if (twheel_now(txns->wheel) >= r->end_ms) {
		sip_resend_stop(r);
		r->gave_up(r, r->arg);
		return;
	}
	r->interval_ms *= 2;
	if (r->t2_ms != 0 && r->interval_ms > r->t2_ms)
		r->interval_ms = r->t2_ms;
	uint64_t left = r->end_ms - twheel_now(txns->wheel);
	twheel_start(txns->wheel, &r->timer, r->interval_ms < left ? r->interval_ms : left);
	txns->counters.tx_retransmissions++;
	/* A failed copy is a lost one: the next follows, and the end is told by gave_up. */
	(void)txns->user.send(txns->ctx, &r->path, r->bytes, r->n, 0);
}

int sip_resend_start(struct sip_txns *txns, struct sip_resend *r, const struct sip_path *path,
	struct view bytes, bool send_now, void (*gave_up)(struct sip_resend *resend, void *arg),
	void *arg)
{
	char *copy = txn_copy(bytes);
	if (copy == NULL)
		return -ENOMEM;
	*r = (struct sip_resend){.txns = txns,
		.path = *path,
		.bytes = copy,
		.n = (uint32_t)bytes.n,
		.interval_ms = txns->timers.t1,
		.t1_ms = txns->timers.t1,
		.t2_ms = txns->timers.t2,
		.gave_up = gave_up,
		.arg = arg};
	r->end_ms = twheel_now(txns->wheel) + 64ull * r->t1_ms;
	twheel_timer_init(&r->timer, resend_fired, r);
	twheel_start(txns->wheel, &r->timer, r->interval_ms);
	if (send_now)
		(void)txns->user.send(txns->ctx, path, copy, bytes.n, 0);
	return 0;
}

void sip_resend_stop(struct sip_resend *r)
{
	if (r->bytes == NULL)
		return;
	twheel_stop(r->txns->wheel, &r->timer);
	secret_free(r->bytes, r->n);
	r->bytes = NULL;
}
