/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The streams of the packets: see lookup.h. */
#include "dataplane/stages/lookup.h"

#include "dataplane/stages/stages.h"

/*
 * Some packet has a row that names no stream by itself: nobody's port, or one that is shared. The
 * rows still are what they were: nobody writes them but this thread, between two batches.
 */
static __rte_noinline void sort_strangers(struct worker *w, struct batch *b)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < b->n; i++) {
		struct packet *p = &b->pkt[i];
		uint32_t slot = *p->entry - 1;
		if (lookup_is_stranger(slot) && !stage_demux(w, p, &slot))
			continue;
		p->slot = slot;
		keep(b, n++, i);
	}
	b->n = n;
}

void stage_lookup(struct worker *w, struct batch *b)
{
	while (b->n_slots < b->n)
		lookup_slot(w, b);
	if (unlikely(b->no_stream))
		sort_strangers(w, b);
}
