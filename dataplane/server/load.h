/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How busy workers and media cores are: what they counted in the last second, as a share in the
 * statistics segment. The rest of a core is its head-room, for admission and for the command line.
 *
 * Control thread only.
 */
#pragma once

#include "dataplane/server/segment.h"

struct load {
	struct {
		uint64_t total, busy;
	} before[DP_WORKERS_MAX + DP_MCORES_MAX];
};

/* Once a second; load is zero before the first time. */
void load_second(struct load *load, struct segment *segment);
