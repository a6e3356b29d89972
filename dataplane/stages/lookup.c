/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The streams of the packets: see lookup.h. */
#include "dataplane/stages/lookup.h"

#include "dataplane/stages/stages.h"

/* The rows still are what they were: nobody writes them but this thread, between two batches. */
static __rte_noinline void drop_strangers(struct worker *w, struct batch *b)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < b->n; i++) {
		if (*b->pkt[i].entry == 0)
			drop(w, b->pkt[i].m, DP_DROP_NO_STREAM);
		else
			keep(b, n++, i);
	}
	b->n = n;
}

void stage_lookup(struct worker *w, struct batch *b)
{
	while (b->n_slots < b->n)
		lookup_slot(w, b);
	if (unlikely(b->no_stream))
		drop_strangers(w, b);
}
