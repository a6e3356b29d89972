/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Client transactions: what the two machines share (making, finding, sending, ending). */
#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/secret.h"
#include "sip-b2bua/transaction/txn_private.h"

static void retx_fired(struct twheel_timer *timer, void *arg)
{
	struct sip_ctxn *c = arg;
	if (c->method == SIP_M_INVITE)
		ictxn_retx(c);
	else
		octxn_retx(c);
}

static void life_fired(struct twheel_timer *timer, void *arg)
{
	struct sip_ctxn *c = arg;
	bool asked = c->state == TXN_CALLING || c->state == TXN_TRYING;
	if (c->state == TXN_WAITING)
		ways_late(c);
	else if ((asked || c->state == TXN_FAILED) && ways_next(c, asked))
		return;
	else if (c->state == TXN_FAILED)
		ctxn_fail(c, c->err);
	else if (c->method == SIP_M_INVITE)
		ictxn_life(c);
	else
		octxn_life(c);
}

int sip_ctxn_new(struct sip_txns *txns, enum sip_method method, const struct sip_ctxn_ops *ops,
	void *arg, struct sip_ctxn **ret_ctxn)
{
	uint32_t index, generation;
	if (method == SIP_M_ACK)
		return -EINVAL;
	struct sip_ctxn *c = sip_slab_get(txns->clients, &index, &generation);
	if (c == NULL) {
		txns->counters.refused++;
		return -ENOBUFS;
	}
	c->txns = txns;
	c->index = index;
	c->generation = generation;
	c->method = (uint8_t)method;
	c->ops = ops;
	c->arg = arg;
	twheel_timer_init(&c->retx, retx_fired, c);
	twheel_timer_init(&c->life, life_fired, c);
	struct sip_token token = {SIP_TOKEN_CLIENT, txns->worker, index, generation};
	(void)sip_token_branch(txns->key, &token, c->branch);
	txns->counters.n_clients++;
	*ret_ctxn = c;
	return 0;
}

struct view sip_ctxn_branch(const struct sip_ctxn *c)
{
	return (struct view){c->branch, sizeof(c->branch)};
}

void *sip_ctxn_arg(const struct sip_ctxn *c)
{
	return c->arg;
}

const struct sip_path *sip_ctxn_path(const struct sip_ctxn *c)
{
	return &c->path;
}

void sip_ctxn_set_user(struct sip_ctxn *c, const struct sip_ctxn_ops *ops, void *arg)
{
	c->ops = ops;
	c->arg = arg;
}

void sip_ctxn_detach(struct sip_ctxn *c)
{
	c->ops = NULL;
	c->arg = NULL;
}

void ctxn_bytes_set(struct sip_ctxn *c, char *bytes, size_t n)
{
	secret_free(c->bytes, c->n);
	c->bytes = bytes;
	c->n = n;
}

/* A connection that ends has nothing more to do with it. */
void ctxn_unheard_end(struct sip_ctxn *c)
{
	if (c->unheard_link.le_prev)
		LIST_REMOVE(c, unheard_link);
	c->unheard_link.le_prev = NULL;
}

static void release(struct sip_ctxn *c)
{
	struct sip_txns *txns = c->txns;
	ctxn_unheard_end(c);
	ways_free(c);
	twheel_stop(txns->wheel, &c->retx);
	twheel_stop(txns->wheel, &c->life);
	secret_free(c->bytes, c->n);
	free(c->cancel_headers);
	txns->counters.n_clients--;
	sip_slab_put(txns->clients, c->index);
}

void sip_ctxn_discard(struct sip_ctxn *c)
{
	release(c);
}

int sip_ctxn_send(struct sip_ctxn *c, const struct sip_path *path, struct view request)
{
	if (memmem(request.p, request.n, c->branch, sizeof(c->branch)) == NULL) {
		release(c);
		return -EINVAL;
	}
	c->bytes = txn_copy(request);
	if (c->bytes == NULL) {
		release(c);
		return -ENOMEM;
	}
	c->n = request.n;
	c->path = *path;
	c->txns->counters.tx_requests++;
	int rc = ways_start(c);
	if (rc != 0)
		release(c);
	return rc;
}

void ctxn_start(struct sip_ctxn *c)
{
	c->reliable = c->path.transport != SIP_UDP;
	if (c->path.conn != 0)
		LIST_INSERT_HEAD(&c->txns->unheard, c, unheard_link);
	if (c->method == SIP_M_INVITE)
		ictxn_start(c);
	else
		octxn_start(c);
}

uint64_t ctxn_origin(const struct sip_ctxn *c)
{
	return (uint64_t)TXN_ORIGIN_CLIENT << 52 | (uint64_t)c->index << 28 | c->generation;
}

void ctxn_transmit(struct sip_ctxn *c)
{
	int err;
	if (!txn_send(c->txns, &c->path, (struct view){c->bytes, c->n}, ctxn_origin(c), &err))
		ctxn_fail_later(c, err);
}

void ctxn_fail_later(struct sip_ctxn *c, int err)
{
	c->txns->counters.transport_errors++;
	c->err = err;
	/* What has its final answer has nothing more to fail: only an ACK was lost. */
	if (c->state != TXN_COMPLETED)
		c->state = TXN_FAILED;
	twheel_stop(c->txns->wheel, &c->retx);
	twheel_start(c->txns->wheel, &c->life, 1);
}

void ctxn_send_failed(struct sip_ctxn *c, int err)
{
	if (c->state == TXN_CALLING || c->state == TXN_TRYING || c->state == TXN_PROCEEDING)
		ctxn_fail_later(c, err);
}

void sip_txns_conn_gone(struct sip_txns *txns, uint8_t conn_worker, uint64_t conn)
{
	struct sip_ctxn *c, *next;
	for (c = LIST_FIRST(&txns->unheard); c != NULL; c = next) {
		next = LIST_NEXT(c, unheard_link);
		if (c->path.conn != conn || c->path.conn_worker != conn_worker)
			continue;
		ctxn_unheard_end(c);
		ctxn_send_failed(c, -ENOTCONN);
	}
}

void ctxn_end(struct sip_ctxn *c)
{
	struct sip_ctxn *cancel = c->cancel;
	if (c->invite != NULL)
		c->invite->cancel = NULL;
	if (cancel != NULL) {
		cancel->invite = NULL;
		release(cancel); /* its answers find nothing any more, and nobody wants them */
	}
	if (c->ops != NULL && c->ops->terminated != NULL)
		c->ops->terminated(c, c->arg);
	release(c);
}

void ctxn_fail(struct sip_ctxn *c, int err)
{
	c->state = TXN_FAILED;
	if (c->ops != NULL)
		c->ops->failed(c, err, c->arg);
	ctxn_end(c);
}

void ctxn_tell(struct sip_ctxn *c, const struct sip_msg *msg, const struct sip_path *path)
{
	if (c->ops != NULL)
		c->ops->response(c, msg, ways_told(c, msg, path), c->arg);
}

/* RFC 3261 8.1.3.3: a response with more than our own Via is not for us. */
static bool only_via(const struct sip_msg *msg)
{
	struct sip_values it;
	struct view value;
	sip_values_start(&it, msg, SIP_H_VIA);
	return sip_values_next(&it, &value) && !sip_values_next(&it, &value);
}

static struct sip_ctxn *match(struct sip_txns *txns, const struct sip_msg *msg)
{
	struct sip_token token;
	if (sip_token_parse_branch(txns->key, msg->via.branch, &token) != 0 ||
		token.kind != SIP_TOKEN_CLIENT || token.worker != txns->worker || !only_via(msg))
		return NULL;
	struct sip_ctxn *c = sip_slab_find(txns->clients, token.index, token.generation);
	if (c == NULL || c->state == TXN_NEW)
		return NULL;
	/* A CANCEL has its INVITE's branch. */
	if (c->method == SIP_M_INVITE && msg->method == SIP_M_CANCEL)
		c = c->cancel;
	return c != NULL && c->method == msg->method ? c : NULL;
}

void ctxn_receive(struct sip_txns *txns, const struct sip_msg *msg, const struct sip_path *path)
{
	struct sip_ctxn *c = match(txns, msg);
	if (c != NULL) {
		ctxn_unheard_end(c);
		c->heard = true;
		if (ways_refused(c, msg))
			return;
	}
	if (c == NULL) {
		txns->counters.rx_stray++;
		txns->user.stray(txns->ctx, msg, path);
	} else if (c->method == SIP_M_INVITE) {
		ictxn_response(c, msg, path);
	} else {
		octxn_response(c, msg, path);
	}
}
