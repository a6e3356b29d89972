/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The INVITE server machine: RFC 3261 17.2.1 with RFC 6026 7.1.
 *
 *   state       INVITE again  1xx by user  2xx by user   3xx-6xx by user      ACK            retx     life
 *   PROCEEDING  last 1xx      send         send,         send, COMPLETED,                    the 100
 *                                          ACCEPTED, L   G (unreliable), H
 *   ACCEPTED                                                                  to the user             L: end
 *   COMPLETED   the final                                                     CONFIRMED, I   G: send  H: failed
 *   CONFIRMED                                                                                         I: end
 */
#include <errno.h>

#include "sip-b2bua/transaction/txn_private.h"

static void trying_send(struct sip_stxn *s)
{
	struct sip_buf b;
	struct sip_txns *txns = s->txns;
	const struct sip_msg *req = sip_stxn_request(s);
	if (req == NULL)
		return;
	sip_buf_init(&b, txns->out, sizeof(txns->out));
	sip_build_response(&b, req, &s->source, 100, VIEW(""), VIEW(""));
	if (sip_build_end(&b, VIEW(""), VIEW("")) == 0)
		(void)!sip_stxn_respond(s, sip_buf_view(&b));
}

void istxn_start(struct sip_stxn *s)
{
	uint32_t after = s->txns->timers.trying;
	s->state = TXN_PROCEEDING;
	if (after == 0)
		trying_send(s);
	else if (after != SIP_TRYING_NEVER)
		twheel_start(s->txns->wheel, &s->retx, after);
}

void istxn_again(struct sip_stxn *s)
{
	if ((s->state == TXN_PROCEEDING || s->state == TXN_COMPLETED) && s->response != NULL) {
		s->txns->counters.tx_retransmissions++;
		stxn_transmit(s);
	}
}

void istxn_ack(struct sip_stxn *s, const struct sip_msg *msg, const struct sip_path *path)
{
	struct sip_txns *txns = s->txns;
	if (s->state == TXN_ACCEPTED) {
		txns->user.ack(txns->ctx, msg, path);
	} else if (s->state == TXN_COMPLETED) {
		s->state = TXN_CONFIRMED;
		twheel_stop(txns->wheel, &s->retx);
		twheel_start(txns->wheel, &s->life, s->reliable ? 1 : txns->timers.t4); /* I */
		stxn_response_forget(s);
	}
}

void istxn_accept(struct sip_stxn *s, struct view response)
{
	struct sip_txns *txns = s->txns;
	twheel_stop(txns->wheel, &s->retx);
	stxn_send(s, response);
	if (s->state == TXN_FAILED)
		return;
	twheel_start(txns->wheel, &s->life, 64ull * txns->timers.t1); /* L */
	s->state = TXN_ACCEPTED;
}

void istxn_respond(struct sip_stxn *s, unsigned int status)
{
	struct sip_txns *txns = s->txns;
	const struct sip_timers *t = &txns->timers;
	twheel_stop(txns->wheel, &s->retx); /* the automatic 100 is not needed any more */
	stxn_transmit(s);
	if (status < 200 || s->state == TXN_FAILED)
		return;
	twheel_start(txns->wheel, &s->life, 64ull * t->t1); /* H */
	s->state = TXN_COMPLETED;
	s->interval_ms = t->t1;
	if (!s->reliable)
		twheel_start(txns->wheel, &s->retx, s->interval_ms);
}

void istxn_retx(struct sip_stxn *s)
{
	const struct sip_timers *t = &s->txns->timers;
	if (s->state == TXN_PROCEEDING) {
		trying_send(s);
		return;
	}
	s->txns->counters.tx_retransmissions++;
	s->interval_ms = 2 * s->interval_ms > t->t2 ? t->t2 : 2 * s->interval_ms;
	twheel_start(s->txns->wheel, &s->retx, s->interval_ms);
	stxn_transmit(s);
}

void istxn_life(struct sip_stxn *s)
{
	if (s->state == TXN_COMPLETED) {
		s->txns->counters.timeouts++;
		stxn_fail(s, -ETIMEDOUT);
	} else {
		stxn_end(s);
	}
}
