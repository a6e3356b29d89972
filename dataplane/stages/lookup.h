/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the table row of a packet to its stream: for stage_classify(), which does it for the packet
 * LOOKUP_BEHIND 10places before the one that it looks at, and stage_lookup(), which does the rest. So
 * the fetch of a row, and then those of the stream's two lines, are spread over the time of
 * classifying: a core has only some ten fetches under way at once, and would wait for them if they
 * were all asked for together. The worker's thread.
 */
#pragma once

#include "dataplane/core/worker_priv.h"

#include <rte_prefetch.h>

#define LOOKUP_BEHIND 10

/* Whether a row - 1 names no stream: nobody's (-1), or with ROW_BUNDLE. */
static inline bool lookup_is_stranger(uint32_t slot)
{
	return (int32_t)slot < 0;
}

/* The next packet of the batch whose row has not been read yet. */
static inline void lookup_slot(const struct worker *w, struct batch *b)
{
	struct packet *p = &b->pkt[b->n_slots++];
	uint32_t slot = *p->entry - 1;

	if (unlikely(lookup_is_stranger(slot))) {
		b->no_stream = true;
		slot = 0;
	}
	p->slot = slot;
	rte_prefetch0(&w->stream_stats[slot]);
	rte_prefetch0(stream_at(w, slot));
	if (unlikely(p->flags))
		rte_prefetch0(&w->more[slot]);
}
