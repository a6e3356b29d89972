/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See overload.h. */
#include "sip-b2bua/core/overload.h"

/* Up in small steps: who was refused comes back at once when the door opens wide. */
#define STEP_UP	  1.1
#define STEP_DOWN 0.5

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

void overload_tick(struct overload *o, uint64_t wall_us, uint64_t cpu_us)
{
	double elapsed = (double)(wall_us - o->wall_us), busy, step;

	if (wall_us <= o->wall_us)
		return;
	o->busy += 0.5 * ((double)(cpu_us - o->cpu_us) / elapsed - o->busy);
	busy = o->busy;
	o->wall_us = wall_us;
	o->cpu_us = cpu_us;
	if (o->target <= 0)
		return;
	step = busy > 0.01 ? o->target / busy : STEP_UP;
	if (step > STEP_UP)
		step = STEP_UP;
	if (step < STEP_DOWN)
		step = STEP_DOWN;
	o->share *= step;
	if (o->share > 1)
		o->share = 1;
	if (o->share < OVERLOAD_SHARE_MIN)
		o->share = OVERLOAD_SHARE_MIN;
}

bool overload_admit(struct overload *o)
{
	if (o->share >= 1)
		return true;
	o->credit += o->share;
	if (o->credit < 1)
		return false;
	o->credit -= 1;
	return true;
}

unsigned int overload_retry_s(const struct overload *o)
{
	unsigned int s = (unsigned int)(2 / o->share);

	return s < 2 ? 2 : s > 30 ? 30 : s;
}
