/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What limen-control is told of limits: budgets, toll limits and targets that restrict their load. They are
 * of all workers, so worker 0 alone tells, once a second, what has changed since it last did. Private to
 * sip-b2bua/b2b; the worker's thread.
 */
#pragma once

#include "sip-b2bua/b2b/b2b.h"

#define CAPACITY_TOLD_MAX 1000 /* of each kind in a second; the rest follows */

/* What was told last, by index; a zeroed one was not told. */
struct capacity {
	struct ctl_capacity *budgets;
	struct ctl_toll *tolls;
	struct ctl_overload *loads;
	uint32_t n_budgets, n_tolls, n_loads; /* room */
	uint32_t at_budget, at_toll, at_load; /* where the next second goes on */
};

/* limen-control is another process: it knows nothing. */
void capacity_forget(struct capacity *c);
void capacity_clear(struct capacity *c);
