/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See overload.h. */
#include "sip-b2bua/core/overload.h"

#define RECENT	  0.5 /* of the last period in a mean */
#define LONGER	  0.3
#define NO_REST	  0.95 /* busy: what is offered waits, nobody knows how much */
#define BUSY_MAX  0.92 /* with refusals */
#define REFUSAL	  0.1  /* of a call's cost, a cautious guess: 13 us to 82 us were measured */
#define STEP_DOWN 0.7
#define STEP_UP	  1.25 /* who was refused comes back at once when the door opens wide */

void overload_init(struct overload *o, uint64_t wall_us, uint64_t cpu_us)
{
	*o = (struct overload){.share = 1, .credit = 1, .wall_us = wall_us, .cpu_us = cpu_us};
}

void overload_target(struct overload *o, unsigned int target_percent)
{
	o->target = target_percent / 100.0;
	if (target_percent == 0)
		o->share = 1;
}

static void smooth(double *mean, double weight, double now)
{
	*mean += weight * (now - *mean);
}

/* The share of those offered whose cost the wanted occupancy can pay. */
static double affordable(const struct overload *o)
{
	double calls, all;

	if (o->busy > NO_REST)
		return o->share * STEP_DOWN;
	if (o->paid <= 0 || o->spent * o->offered <= 0)
		return 1;
	/* In calls a microsecond, over those offered. */
	calls = o->target / o->spent * o->paid / o->offered;
	all = BUSY_MAX / o->spent * o->paid / o->offered;
	/* share + (1 - share) * REFUSAL is to be below all, too. */
	all = (all - REFUSAL) / (1 - REFUSAL);
	return calls < all ? calls : all;
}

void overload_tick(struct overload *o, uint64_t wall_us, uint64_t cpu_us)
{
	double elapsed = (double)(wall_us - o->wall_us), busy, share;

	if (wall_us <= o->wall_us)
		return;
	busy = cpu_us > o->cpu_us ? (double)(cpu_us - o->cpu_us) / elapsed : 0;
	smooth(&o->busy, RECENT, busy);
	smooth(&o->offered, RECENT, o->n_offered / elapsed);
	smooth(&o->spent, LONGER, busy);
	smooth(&o->paid, LONGER, (o->n_let_in + REFUSAL * (o->n_offered - o->n_let_in)) / elapsed);
	o->wall_us = wall_us;
	o->cpu_us = cpu_us;
	o->n_offered = o->n_let_in = 0;
	if (o->target <= 0 || (o->share >= 1 && o->busy <= o->target))
		return;
	share = affordable(o);
	if (share > o->share * STEP_UP)
		share = o->share * STEP_UP;
	o->share = share > 1 ? 1 : share < OVERLOAD_SHARE_MIN ? OVERLOAD_SHARE_MIN : share;
}

bool overload_admit(struct overload *o)
{
	o->n_offered++;
	o->credit += o->share;
	if (o->share < 1 && o->credit < 1)
		return false;
	o->credit = o->share < 1 ? o->credit - 1 : 1;
	o->n_let_in++;
	return true;
}

unsigned int overload_retry_s(const struct overload *o)
{
	unsigned int s = (unsigned int)(2 / o->share);

	return s < 2 ? 2 : s > 30 ? 30 : s;
}
