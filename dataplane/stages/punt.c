/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is not media goes to the control thread, which writes it to the port's TAP twin. */
#include "dataplane/stages/stages.h"

void stage_punt(struct worker *w)
{
	unsigned int n;

	if (likely(w->n_punt == 0))
		return;
	n = rte_ring_sp_enqueue_burst(w->punt_ring, (void **)w->punt, w->n_punt, NULL);
	w->stats->punted_packets += n;
	w->ring_bell |= n > 0;
	for (unsigned int i = n; i < w->n_punt; i++)
		drop(w, w->punt[i], DP_DROP_PUNT_FULL);
	w->n_punt = 0;
}
