/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See load.h. */
#include "dataplane/server/load.h"

static void one(struct load *load, struct segment *segment, uint32_t i, const uint64_t *total_at,
	const uint64_t *busy_at)
{
	uint64_t total = __atomic_load_n(total_at, __ATOMIC_RELAXED);
	uint64_t busy = __atomic_load_n(busy_at, __ATOMIC_RELAXED);
	uint64_t d_total = total - load->before[i].total, d_busy = busy - load->before[i].busy;
	/* Read one after the other: a part may be a little more than the whole. */
	uint64_t permille = d_total ? d_busy * 1000 / d_total : 0;

	load->before[i].total = total;
	load->before[i].busy = busy;
	/* A turn that takes long is counted when it ends: until then nothing is known. */
	if (d_total)
		__atomic_store_n(&segment->loads[i].busy_permille,
			permille < 1000 ? (uint32_t)permille : 1000, __ATOMIC_RELAXED);
}

void load_second(struct load *load, struct segment *segment)
{
	const struct dp_stats_header *h = segment->header;

	for (uint32_t i = 0; i < h->n_workers; i++)
		one(load, segment, i, &segment->workers[i].cycles_total,
			&segment->workers[i].cycles_busy);
	for (uint32_t i = 0; i < h->n_mcores; i++)
		one(load, segment, h->n_workers + i, &segment->mcores[i].cycles_total,
			&segment->mcores[i].cycles_busy);
}
