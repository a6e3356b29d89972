/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which media core a new session goes to: the one with the most head-room, by what the cores have
 * measured in the last second and what was placed on them since. Pure; time is an input.
 *
 * Control thread only.
 */
#pragma once

#include "dataplane/api/dp_stats.h"

struct placing {
	uint32_t n_cores;
	const struct dp_core_load *loads; /* [n_cores], in the statistics segment */
	uint32_t n_sessions[DP_MCORES_MAX];
	uint32_t n_since[DP_MCORES_MAX]; /* placed, and not yet seen in loads */
	uint64_t second;
};

void placing_init(struct placing *p, uint32_t n_cores, const struct dp_core_load *loads);
/* Whatever may have been measured anew meanwhile. */
void placing_turn(struct placing *p, uint64_t now_ms);
/* There is at least one core. */
uint8_t placing_take(struct placing *p);
void placing_release(struct placing *p, uint8_t core);
