/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the table row that classify has asked the cache for to the stream. The rows of a batch are
 * all read before any stream is, so that the fetches of the streams' lines overlap.
 */
#include "dataplane/stages/stages.h"

#include <rte_prefetch.h>

void stage_lookup(struct worker *w, struct batch *b)
{
	const struct stream *streams = w->streams;
	const struct dp_stream_stats *stats = w->stream_stats;
	unsigned int n = 0;

	for (unsigned int i = 0; i < b->n; i++) {
		struct packet *p = &b->pkt[i];
		uint32_t slot = *p->entry;

		if (unlikely(slot == 0)) {
			drop(w, p->m, DP_DROP_NO_STREAM);
			continue;
		}
		slot--;
		rte_prefetch0(&streams[slot]);
		rte_prefetch0(&stats[slot]);
		if (unlikely(p->flags))
			rte_prefetch0(&w->more[slot]);
		p->slot = slot;
		keep(b, n++, i);
	}
	b->n = n;
}
