/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is not media goes to the control thread, which writes it to the port's TAP twin: as much of
 * it as the policer lets pass. The ring is served within milliseconds, and what it holds is within
 * the limits; so when it is full the newest go: who waits for an answer to the others has been
 * waiting for longer, and all that matters is sent again.
 */
#include "dataplane/stages/stages.h"

static unsigned int police(struct worker *w)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < w->n_punt; i++) {
		struct rte_mbuf *m = w->punt[i];
		enum dp_drop reason = police_frame(
			&w->police, rte_pktmbuf_mtod(m, uint8_t *), m->data_len, w->now);
		if (reason == DP_DROP_N)
			w->punt[n++] = m;
		else
			drop(w, m, reason);
	}
	return n;
}

void stage_punt(struct worker *w)
{
	unsigned int n, n_good;

	if (likely(w->n_punt == 0))
		return;
	n_good = police(w);
	n = rte_ring_sp_enqueue_burst(w->punt_ring, (void **)w->punt, n_good, NULL);
	w->stats->punted_packets += n;
	w->bell.ring |= n > 0;
	for (unsigned int i = n; i < n_good; i++)
		drop(w, w->punt[i], DP_DROP_PUNT_FULL);
	w->n_punt = 0;
}
