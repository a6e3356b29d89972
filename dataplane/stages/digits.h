/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digits by RFC 4733 in streams that are relayed, at the worker that owns them. Those that come are
 * read and told to the control thread, each once, whatever becomes of their packets. Those that the
 * control thread asks for are put into the stream, where they take numbers of their own and what
 * comes from the far end is moved behind them (struct stream_wire); voice stays out meanwhile.
 *
 * Packets with digits never take the fast path, all others never come here. Nothing is allocated but
 * packets; streams that send at the same time are bounded (-ENOSPC), those whose key is pressed too:
 * beyond that an end that was lost is told by the next press only.
 */
#pragma once

#include "dataplane/core/worker_priv.h"

/* A packet that guard has accepted, of payload type i of the stream, which carries digits. */
void digits_heard(
	struct worker *w, uint32_t slot, int i, const uint8_t *rtp, uint32_t len, uint64_t now);
/* -ENOENT: no such stream; -EOPNOTSUPP: it takes no events; -ENOSPC: too many wait; -EINVAL. */
int digits_press(struct worker *w, const struct worker_press *press);
/* The slot is about to be somebody else's. */
void digits_forget(struct worker *w, uint32_t slot);
/* Sends what is due, and looks for ends that were lost. */
void digits_turn(struct worker *w);

static inline bool digits_wait(const struct worker *w)
{
	return w->digits.n_sending | w->digits.n_pressed;
}

/* Whether packets of this type carry digits. */
static inline bool digits_are_in(const struct stream_more *more, uint8_t pt)
{
	for (unsigned int i = 0; i < more->n_payloads; i++)
		if (more->pts[i] == pt)
			return more->digits.khz[i] != 0;
	return false;
}
