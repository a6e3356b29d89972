/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The INVITE client machine: RFC 3261 17.1.1 with RFC 6026 7.2.
 *
 *   state       1xx                2xx                 3xx-6xx              retx (A)   life
 *   CALLING     tell, PROCEEDING   tell, ACCEPTED, M   ACK, tell, COMPLETED send, *2   B: failed
 *   PROCEEDING  tell               tell, ACCEPTED, M   ACK, tell, COMPLETED            after CANCEL: failed
 *   ACCEPTED                       tell                                                M: end
 *   COMPLETED                                          ACK                             D: end
 */
#include <errno.h>
#include <stdlib.h>

#include "sip-b2bua/transaction/txn_private.h"

void ictxn_start(struct sip_ctxn *c)
{
	const struct sip_timers *t = &c->txns->timers;
	c->state = TXN_CALLING;
	c->interval_ms = t->t1;
	if (!c->reliable)
		twheel_start(c->txns->wheel, &c->retx, c->interval_ms);
	twheel_start(c->txns->wheel, &c->life, 64ull * t->t1);
	ctxn_transmit(c);
}

/*
 * What ACK to a non-2xx (17.1.1.3) and CANCEL (9.1) have in common: Request-URI, top Via, From,
 * Call-ID, CSeq number, Max-Forwards and Route of the INVITE in c->bytes. to: its To when empty.
 */
static int follow_up(struct sip_ctxn *c, const char *method, struct view to, struct sip_buf *b)
{
	struct sip_txns *txns = c->txns;
	struct sip_msg *req = &txns->scratch;
	if (sip_msg_parse(req, c->bytes, c->n, false) != 0)
		return -EINVAL;
	sip_buf_init(b, txns->out, sizeof(txns->out));
	sip_build_request(b, view_of(method), req->uri_text);
	sip_put_hdr(b, SIP_H_VIA, req->via.text);
	(void)sip_put_copies(b, req, SIP_H_MAX_FORWARDS);
	(void)sip_put_copies(b, req, SIP_H_ROUTE);
	sip_put_hdr(b, SIP_H_FROM, sip_msg_value(req, SIP_H_FROM));
	sip_put_hdr(b, SIP_H_TO, to.n > 0 ? to : sip_msg_value(req, SIP_H_TO));
	sip_put_hdr(b, SIP_H_CALL_ID, req->call_id);
	sip_put_cseq(b, req->cseq.number, view_of(method));
	return 0;
}

/*
 * The ACK to a non-2xx (17.1.1.3): Request-URI, Via, From, Call-ID, Max-Forwards and Route of the
 * INVITE, To of the response. It takes the INVITE's place in c->bytes.
 */
static int ack_make(struct sip_ctxn *c, const struct sip_msg *response)
{
	struct sip_buf b;
	if (follow_up(c, "ACK", sip_msg_value(response, SIP_H_TO), &b) < 0)
		return -EINVAL;
	int rc = sip_build_end(&b, VIEW(""), VIEW(""));
	char *ack = rc == 0 ? txn_copy(sip_buf_view(&b)) : NULL;
	if (ack == NULL)
		return rc != 0 ? rc : -ENOMEM;
	ctxn_bytes_set(c, ack, b.n);
	return 0;
}

void ictxn_ack_once(struct sip_ctxn *c, const struct sip_msg *response)
{
	struct sip_buf b;
	if (follow_up(c, "ACK", sip_msg_value(response, SIP_H_TO), &b) == 0 &&
		sip_build_end(&b, VIEW(""), VIEW("")) == 0)
		(void)c->txns->user.send(c->txns->ctx, &c->path, b.p, b.n, 0);
}

static void rejected(struct sip_ctxn *c, const struct sip_msg *msg, const struct sip_path *path)
{
	struct sip_txns *txns = c->txns;
	twheel_stop(txns->wheel, &c->retx);
	c->state = TXN_COMPLETED;
	if (ack_make(c, msg) == 0)
		ctxn_transmit(c);
	else
		ctxn_bytes_set(c, NULL, 0); /* no memory: the peer's timer H ends it there */
	twheel_start(txns->wheel, &c->life, c->reliable ? 1 : txns->timers.timer_d);
	ctxn_tell(c, msg, path);
}

static void accepted(struct sip_ctxn *c, const struct sip_msg *msg, const struct sip_path *path)
{
	twheel_stop(c->txns->wheel, &c->retx);
	c->state = TXN_ACCEPTED;
	twheel_start(c->txns->wheel, &c->life, 64ull * c->txns->timers.t1); /* M */
	ctxn_bytes_set(c, NULL, 0); /* never sent again; the ACK is the user's */
	ctxn_tell(c, msg, path);
}

void ictxn_response(struct sip_ctxn *c, const struct sip_msg *msg, const struct sip_path *path)
{
	unsigned int class = msg->status / 100;
	switch (c->state) {
	case TXN_CALLING:
		if (class == 1) {
			c->state = TXN_PROCEEDING;
			twheel_stop(c->txns->wheel, &c->retx);
			twheel_stop(c->txns->wheel, &c->life);
			if (c->cancel_wanted)
				sip_ctxn_cancel(c, VIEW(""));
		}
		__attribute__((fallthrough));
	case TXN_PROCEEDING:
		if (class == 1)
			ctxn_tell(c, msg, path);
		else if (class == 2)
			accepted(c, msg, path);
		else
			rejected(c, msg, path);
		break;
	case TXN_ACCEPTED:
		if (class == 2)
			ctxn_tell(c, msg, path);
		break;
	case TXN_COMPLETED:
		if (class > 2 && c->bytes != NULL) {
			c->txns->counters.tx_retransmissions++;
			ctxn_transmit(c);
		}
		break;
	default:
		break;
	}
}

void ictxn_retx(struct sip_ctxn *c)
{
	c->txns->counters.tx_retransmissions++;
	c->interval_ms *= 2;
	twheel_start(c->txns->wheel, &c->retx, c->interval_ms);
	ctxn_transmit(c);
}

void ictxn_life(struct sip_ctxn *c)
{
	if (c->state == TXN_CALLING || c->state == TXN_PROCEEDING) {
		c->txns->counters.timeouts++;
		ctxn_fail(c, -ETIMEDOUT);
	} else {
		ctxn_end(c);
	}
}

/* ---- CANCEL, RFC 3261 9.1 ---- */

static int cancel_make(struct sip_ctxn *c, struct view headers, char **ret_bytes, size_t *ret_n)
{
	struct sip_buf b;
	if (follow_up(c, "CANCEL", (struct view){NULL, 0}, &b) < 0)
		return -EINVAL;
	sip_put(&b, headers);
	int rc = sip_build_end(&b, VIEW(""), VIEW(""));
	if (rc != 0)
		return rc;
	*ret_bytes = txn_copy(sip_buf_view(&b));
	*ret_n = b.n;
	return *ret_bytes != NULL ? 0 : -ENOMEM;
}

static void cancel_send(struct sip_ctxn *c, struct view headers)
{
	struct sip_ctxn *cancel;
	char *bytes;
	size_t n;
	if (cancel_make(c, headers, &bytes, &n) != 0)
		return;
	if (sip_ctxn_new(c->txns, SIP_M_CANCEL, NULL, NULL, &cancel) != 0) {
		free(bytes);
		return;
	}
	memcpy(cancel->branch, c->branch, sizeof(cancel->branch));
	cancel->invite = c;
	c->cancel = cancel;
	cancel->path = c->path;
	cancel->reliable = c->reliable;
	ctxn_bytes_set(cancel, bytes, n);
	c->txns->counters.tx_requests++;
	octxn_start(cancel);
}

void sip_ctxn_abandon(struct sip_ctxn *c, const struct sip_ctxn_ops *ops, void *arg)
{
	c->ops = ops;
	c->arg = arg;
	twheel_stop(c->txns->wheel, &c->retx);
	sip_ctxn_cancel(c, VIEW(""));
}

void sip_ctxn_cancel(struct sip_ctxn *c, struct view headers)
{
	if (c->method != SIP_M_INVITE || c->cancel != NULL)
		return;
	if (c->state == TXN_WAITING) {
		ways_free(c);
		ctxn_fail_later(c, -ECANCELED);
		return;
	}
	if (c->state == TXN_CALLING) {
		/* Nothing may be cancelled that the peer has not confirmed to have. */
		if (!c->cancel_wanted && headers.n > 0)
			c->cancel_headers = strndup(headers.p, headers.n);
		c->cancel_wanted = true;
		return;
	}
	if (c->state != TXN_PROCEEDING)
		return;
	cancel_send(c, headers.n > 0 ? headers : view_of(c->cancel_headers));
	/* No answer to the INVITE within 64*T1: given up (9.1), also when no CANCEL got out. */
	twheel_start(c->txns->wheel, &c->life, 64ull * c->txns->timers.t1);
}
