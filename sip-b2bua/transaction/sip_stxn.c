/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Server transactions: what the two machines share (matching, making, answering, ending).
 *
 * Matching (RFC 3261 17.2.3) is by a keyed 128-bit digest of what must be equal, so that one table
 * serves both the branches of RFC 3261 and those of older peers, and no peer can aim at a bucket.
 */
#include <errno.h>
#include <stdlib.h>

#include "sip-b2bua/transaction/txn_private.h"
#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"

#define KEY_TEXT_MAX 2048

struct key_text {
	size_t n;
	bool overflow;
	char text[KEY_TEXT_MAX];
};

static void key_put(struct key_text *k, struct view v)
{
	uint16_t n = (uint16_t)v.n;
	if (v.n > UINT16_MAX || k->n + sizeof(n) + v.n > sizeof(k->text)) {
		k->overflow = true;
		return;
	}
	/* The length in front keeps "ab","c" and "a","bc" apart. */
	memcpy(k->text + k->n, &n, sizeof(n));
	if (v.n > 0)
		memcpy(k->text + k->n + sizeof(n), v.p, v.n);
	k->n += sizeof(n) + v.n;
}

static bool branch_is_unique(struct view branch)
{
	/* The cookie alone is no identifier (RFC 4475 3.2.1). */
	return branch.n > 7 && view_eq_nocase((struct view){branch.p, 7}, VIEW(SIP_BRANCH_MAGIC));
}

/* The key under which a request of this method with msg's other fields is found. */
static bool key_make(const struct sip_txns *txns, const struct sip_msg *msg, struct view method,
	uint64_t ret_key[2])
{
	struct key_text k;
	uint16_t port = msg->via.port;
	k.n = 0;
	k.overflow = false;
	key_put(&k, method);
	key_put(&k, msg->via.branch);
	key_put(&k, msg->via.host);
	key_put(&k, (struct view){(const char *)&port, sizeof(port)});
	if (!branch_is_unique(msg->via.branch)) {
		/* RFC 2543. The To tag is left out: an ACK carries ours, its INVITE did not. */
		uint32_t number = msg->cseq.number;
		key_put(&k, msg->uri_text);
		key_put(&k, msg->call_id);
		key_put(&k, msg->from.tag);
		key_put(&k, (struct view){(const char *)&number, sizeof(number)});
	}
	if (k.overflow)
		return false;
	ret_key[0] = siphash13(txns->hash_key[0], k.text, k.n);
	ret_key[1] = siphash13(txns->hash_key[1], k.text, k.n);
	return true;
}

static struct sip_stxn *find(struct sip_txns *txns, const uint64_t key[2])
{
	uint32_t i = txns->buckets[key[0] & txns->bucket_mask];
	while (i != TXN_NO_INDEX) {
		/* Chained ones are in use; their generation is their own. */
		struct sip_stxn *s = sip_slab_at(txns->servers, i);
		if (s->key[0] == key[0] && s->key[1] == key[1])
			return s;
		i = s->next;
	}
	return NULL;
}

static void chain_remove(struct sip_stxn *s)
{
	struct sip_txns *txns = s->txns;
	uint32_t *link = &txns->buckets[s->key[0] & txns->bucket_mask];
	while (*link != s->index)
		link = &((struct sip_stxn *)sip_slab_at(txns->servers, *link))->next;
	*link = s->next;
}

static void retx_fired(struct twheel_timer *timer, void *arg)
{
	istxn_retx(arg); /* only the INVITE machine starts it */
}

static void life_fired(struct twheel_timer *timer, void *arg)
{
	struct sip_stxn *s = arg;
	if (s->state == TXN_FAILED)
		stxn_fail(s, s->err);
	else if (s->method == SIP_M_INVITE)
		istxn_life(s);
	else
		ostxn_life(s);
}

static struct sip_stxn *make(struct sip_txns *txns, const struct sip_msg *msg,
	const struct sip_path *path, const uint64_t key[2])
{
	uint32_t index, generation;
	struct sip_stxn *s = sip_slab_get(txns->servers, &index, &generation);
	if (s == NULL)
		return NULL;
	s->txns = txns;
	s->index = index;
	s->generation = generation;
	s->key[0] = key[0];
	s->key[1] = key[1];
	s->method = msg->method;
	s->reliable = path->transport != SIP_UDP;
	s->source = path->remote;
	sip_path_back(msg, path, &s->path);
	twheel_timer_init(&s->retx, retx_fired, s);
	twheel_timer_init(&s->life, life_fired, s);
	uint32_t *head = &txns->buckets[key[0] & txns->bucket_mask];
	s->next = *head;
	*head = index;
	txns->counters.n_servers++;
	return s;
}

uint64_t stxn_origin(const struct sip_stxn *s)
{
	return (uint64_t)TXN_ORIGIN_SERVER << 52 | (uint64_t)s->index << 28 | s->generation;
}

void stxn_send(struct sip_stxn *s, struct view response)
{
	int err;
	if (!txn_send(s->txns, &s->path, response, stxn_origin(s), &err))
		stxn_fail_later(s, err);
}

void stxn_transmit(struct sip_stxn *s)
{
	stxn_send(s, (struct view){s->response, s->response_n});
}

void stxn_response_forget(struct sip_stxn *s)
{
	secret_free(s->response, s->response_n);
	s->response = NULL;
	s->response_n = 0;
}

void stxn_fail_later(struct sip_stxn *s, int err)
{
	s->txns->counters.transport_errors++;
	s->err = err;
	s->state = TXN_FAILED;
	twheel_stop(s->txns->wheel, &s->retx);
	twheel_start(s->txns->wheel, &s->life, 1);
}

void stxn_send_failed(struct sip_stxn *s, int err)
{
	if (s->state != TXN_FAILED && s->state != TXN_CONFIRMED)
		stxn_fail_later(s, err);
}

void stxn_end(struct sip_stxn *s)
{
	struct sip_txns *txns = s->txns;
	if (s->ops != NULL && s->ops->terminated != NULL)
		s->ops->terminated(s, s->arg);
	twheel_stop(txns->wheel, &s->retx);
	twheel_stop(txns->wheel, &s->life);
	chain_remove(s);
	sip_msg_free(s->request);
	secret_free(s->response, s->response_n);
	txns->counters.n_servers--;
	sip_slab_put(txns->servers, s->index);
}

void stxn_fail(struct sip_stxn *s, int err)
{
	s->state = TXN_FAILED;
	if (s->ops != NULL && s->ops->failed != NULL)
		s->ops->failed(s, err, s->arg);
	stxn_end(s);
}

/* RFC 3261 9.2. The CANCEL's own transaction answers it; what it cancels answers 487. */
static void cancel_take(struct sip_txns *txns, const struct sip_msg *msg, struct sip_stxn *cancel)
{
	uint64_t key[2];
	struct sip_stxn *invite = NULL;
	char tag[SIP_TOKEN_LEN];
	struct view to_tag = {NULL, 0};
	if (key_make(txns, msg, VIEW("INVITE"), key))
		invite = find(txns, key);
	if (invite == NULL) {
		(void)!sip_stxn_reject(cancel, 481, VIEW(""), VIEW(""), VIEW(""));
		return;
	}
	/* The tag should be that of the INVITE's answers, when there was one that has it. It
	 * points into that answer. */
	if (invite->response != NULL &&
		sip_msg_parse(&txns->scratch, invite->response, invite->response_n, false) == 0 &&
		txns->scratch.to.tag.n > 0)
		to_tag = txns->scratch.to.tag;
	else
		to_tag = txn_stateless_tag(txns, msg, tag);
	(void)!sip_stxn_reject(cancel, 200, VIEW(""), VIEW(""), to_tag);
	if (invite->state == TXN_PROCEEDING && invite->ops != NULL &&
		invite->ops->cancelled != NULL)
		invite->ops->cancelled(invite, msg, invite->arg);
}

static void request_take(struct sip_txns *txns, const struct sip_msg *msg,
	const struct sip_path *path, const uint64_t key[2])
{
	struct sip_stxn *s = make(txns, msg, path, key);
	if (s == NULL) {
		txns->counters.refused++;
		(void)!sip_txns_reply_stateless(
			txns, msg, path, 503, VIEW(""), VIEW("Retry-After: 5\r\n"));
		return;
	}
	/* Most but INVITE are answered at once, and then nobody needs a copy. */
	txns->told = s;
	txns->told_msg = msg;
	if (s->method == SIP_M_INVITE)
		istxn_start(s);
	else
		ostxn_start(s);
	if (s->method == SIP_M_CANCEL)
		cancel_take(txns, msg, s);
	else
		txns->user.request(txns->ctx, s, msg, path);
	txns->told = NULL;
	if (s->answered || s->state == TXN_FAILED)
		return;
	s->request = sip_msg_dup(msg);
	if (s->request == NULL)
		stxn_fail_later(s, -ENOMEM);
}

bool sip_txns_knows(struct sip_txns *txns, const struct sip_msg *msg)
{
	uint64_t key[2];
	return key_make(txns, msg, msg->method_text, key) && find(txns, key) != NULL;
}

void stxn_receive(struct sip_txns *txns, const struct sip_msg *msg, const struct sip_path *path)
{
	uint64_t key[2];
	bool is_ack = msg->method == SIP_M_ACK;
	if (!key_make(txns, msg, is_ack ? VIEW("INVITE") : msg->method_text, key)) {
		txns->counters.refused++;
		if (!is_ack)
			(void)!sip_txns_reply_stateless(
				txns, msg, path, 400, VIEW("Via Too Long"), VIEW(""));
		return;
	}
	struct sip_stxn *s = find(txns, key);
	if (is_ack && s == NULL) {
		txns->user.ack(txns->ctx, msg, path);
	} else if (is_ack) {
		istxn_ack(s, msg, path);
	} else if (s == NULL) {
		request_take(txns, msg, path, key);
	} else {
		txns->counters.rx_retransmissions++;
		if (s->method == SIP_M_INVITE)
			istxn_again(s);
		else
			ostxn_again(s);
	}
}

void sip_stxn_set_user(struct sip_stxn *s, const struct sip_stxn_ops *ops, void *arg)
{
	s->ops = ops;
	s->arg = arg;
}

void sip_stxn_detach(struct sip_stxn *s)
{
	s->ops = NULL;
	s->arg = NULL;
}

int sip_stxn_respond(struct sip_stxn *s, struct view response)
{
	uint64_t status;
	if (response.n < 12 || view_to_u64((struct view){response.p + 8, 3}, 699, &status) != 0 ||
		status < 100)
		return -EINVAL;
	if (s->answered)
		return -EALREADY;
	if (s->state == TXN_FAILED)
		return s->err; /* the user is about to hear of it */
	bool accepts = s->method == SIP_M_INVITE && status >= 200 && status < 300;
	char *copy = accepts ? NULL : txn_copy(response); /* of a 2xx the user sends the copies */
	if (copy == NULL && !accepts)
		return -ENOMEM;
	secret_free(s->response, s->response_n);
	s->response = copy;
	s->response_n = accepts ? 0 : response.n;
	s->answered = status >= 200;
	const struct sip_msg *request = s->answered ? sip_stxn_request(s) : NULL;
	if (request != NULL && request->to.tag.n == 0 && s->txns->user.answered != NULL)
		s->txns->user.answered(s->txns->ctx, &s->path, &s->source, (unsigned int)status);
	if (s->answered) {
		sip_msg_free(s->request);
		s->request = NULL;
	}
	s->txns->counters.tx_responses++;
	if (accepts)
		istxn_accept(s, response);
	else if (s->method == SIP_M_INVITE)
		istxn_respond(s, (unsigned int)status);
	else
		ostxn_respond(s, (unsigned int)status);
	return 0;
}

int sip_stxn_reject(struct sip_stxn *s, unsigned int status, struct view reason,
	struct view headers, struct view to_tag)
{
	struct sip_txns *txns = s->txns;
	struct sip_buf b;
	char tag[SIP_TOKEN_LEN];
	const struct sip_msg *req = sip_stxn_request(s);
	if (req == NULL)
		return s->answered ? -EALREADY : -EINVAL;
	if (to_tag.n == 0 && req->to.tag.n == 0)
		to_tag = txn_stateless_tag(txns, req, tag);
	sip_buf_init(&b, txns->out, sizeof(txns->out));
	sip_build_response(&b, req, &s->source, status, reason, to_tag);
	sip_put(&b, headers);
	int rc = sip_build_end(&b, VIEW(""), VIEW(""));
	return rc != 0 ? rc : sip_stxn_respond(s, sip_buf_view(&b));
}

const struct sip_msg *sip_stxn_request(struct sip_stxn *s)
{
	return s == s->txns->told ? s->txns->told_msg : s->request;
}

enum sip_method sip_stxn_method(const struct sip_stxn *s)
{
	return s->method;
}

const struct sip_path *sip_stxn_path(const struct sip_stxn *s)
{
	return &s->path;
}

const struct ipaddr *sip_stxn_source(const struct sip_stxn *s)
{
	return &s->source;
}

struct sip_path sip_stxn_came_by(const struct sip_stxn *s)
{
	struct sip_path path = s->path;

	path.remote = s->source;
	return path;
}

void *sip_stxn_arg(const struct sip_stxn *s)
{
	return s->arg;
}

bool sip_stxn_is_final(const struct sip_stxn *s)
{
	return s->answered;
}
