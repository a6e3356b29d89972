/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See placing.h. */
#include "dataplane/session/placing.h"

#include <string.h>

/* What a session is taken to cost before it was measured: about one of Opus. */
#define SESSION_PERMILLE 8
/* Until what was just placed shows in the loads. */
#define SETTLE_MS 2000

void placing_init(struct placing *p, uint32_t n_cores, const struct dp_core_load *loads)
{
	*p = (struct placing){.n_cores = n_cores, .loads = loads};
}

void placing_turn(struct placing *p, uint64_t now_ms)
{
	if (now_ms / SETTLE_MS == p->second)
		return;
	p->second = now_ms / SETTLE_MS;
	memset(p->n_since, 0, sizeof(p->n_since));
}

uint8_t placing_take(struct placing *p)
{
	uint32_t best = 0, best_score = UINT32_MAX;

	for (uint32_t i = 0; i < p->n_cores; i++) {
		uint32_t busy = __atomic_load_n(&p->loads[i].busy_permille, __ATOMIC_RELAXED);
		uint32_t score = busy + p->n_since[i] * SESSION_PERMILLE;
		/* as busy as another one: whoever has fewer */
		if (score < best_score ||
			(score == best_score && p->n_sessions[i] < p->n_sessions[best])) {
			best = i;
			best_score = score;
		}
	}
	p->n_sessions[best]++;
	p->n_since[best]++;
	return (uint8_t)best;
}

void placing_release(struct placing *p, uint8_t core)
{
	p->n_sessions[core]--;
}
