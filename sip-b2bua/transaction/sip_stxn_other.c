/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server machine of everything but INVITE: RFC 3261 17.2.2.
 *
 *   state       request again  1xx by user       2xx-6xx by user     life
 *   TRYING                     send, PROCEEDING  send, COMPLETED, J  the client has given up: failed
 *   PROCEEDING  last 1xx       send              send, COMPLETED, J  the same
 *   COMPLETED   the final                                            J: end
 *
 * A request that nobody answers within 64*T1 cannot be answered any more (RFC 4320 4.2); ending it
 * here keeps a user's mistake from filling the memory.
 */
#include <errno.h>

#include "sip-b2bua/transaction/txn_private.h"

void ostxn_start(struct sip_stxn *s)
{
	s->state = TXN_TRYING;
	twheel_start(s->txns->wheel, &s->life, 64ull * s->txns->timers.t1);
}

void ostxn_again(struct sip_stxn *s)
{
	if ((s->state == TXN_PROCEEDING || s->state == TXN_COMPLETED) && s->response != NULL) {
		s->txns->counters.tx_retransmissions++;
		stxn_transmit(s);
	}
}

void ostxn_respond(struct sip_stxn *s, unsigned int status)
{
	struct sip_txns *txns = s->txns;
	stxn_transmit(s);
	if (s->state == TXN_FAILED)
		return;
	if (status < 200) {
		s->state = TXN_PROCEEDING;
		return;
	}
	s->state = TXN_COMPLETED;
	twheel_start(txns->wheel, &s->life, s->reliable ? 1 : 64ull * txns->timers.t1); /* J */
}

void ostxn_life(struct sip_stxn *s)
{
	if (s->state == TXN_COMPLETED) {
		stxn_end(s);
	} else {
		s->txns->counters.timeouts++;
		stxn_fail(s, -ETIMEDOUT);
	}
}
