/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client machine of everything but INVITE: RFC 3261 17.1.2.
 *
 *   state       1xx                2xx-6xx             retx (E)            life
 *   TRYING      tell, PROCEEDING   tell, COMPLETED, K  send, *2 up to T2   F: failed
 *   PROCEEDING  tell               tell, COMPLETED, K  send, T2            F: failed
 *   COMPLETED                                                              K: end
 */
#include <errno.h>

#include "sip-b2bua/transaction/txn_private.h"

void octxn_start(struct sip_ctxn *c)
{
	const struct sip_timers *t = &c->txns->timers;
	c->state = TXN_TRYING;
	c->interval_ms = t->t1;
	if (!c->reliable)
		twheel_start(c->txns->wheel, &c->retx, c->interval_ms);
	twheel_start(c->txns->wheel, &c->life, 64ull * t->t1);
	ctxn_transmit(c);
}

void octxn_response(struct sip_ctxn *c, const struct sip_msg *msg, const struct sip_path *path)
{
	if (c->state != TXN_TRYING && c->state != TXN_PROCEEDING)
		return;
	if (msg->status < 200) {
		c->state = TXN_PROCEEDING;
	} else {
		c->state = TXN_COMPLETED;
		twheel_stop(c->txns->wheel, &c->retx);
		twheel_start(c->txns->wheel, &c->life, c->reliable ? 1 : c->txns->timers.t4);
		ctxn_bytes_set(c, NULL, 0);
	}
	ctxn_tell(c, msg, path);
}

void octxn_retx(struct sip_ctxn *c)
{
	const struct sip_timers *t = &c->txns->timers;
	c->txns->counters.tx_retransmissions++;
	c->interval_ms = c->state == TXN_PROCEEDING ? t->t2 : 2 * c->interval_ms;
	if (c->interval_ms > t->t2)
		c->interval_ms = t->t2;
	twheel_start(c->txns->wheel, &c->retx, c->interval_ms);
	ctxn_transmit(c);
}

void octxn_life(struct sip_ctxn *c)
{
	if (c->state == TXN_TRYING || c->state == TXN_PROCEEDING) {
		c->txns->counters.timeouts++;
		ctxn_fail(c, -ETIMEDOUT);
	} else {
		ctxn_end(c);
	}
}
