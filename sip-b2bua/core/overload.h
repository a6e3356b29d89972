/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many new calls a worker takes in while more come than it can serve. A share of them is let in, and
 * the share follows how busy the thread is: every OVERLOAD_PERIOD_MS it is multiplied by the wanted
 * occupancy over the one that was measured (the occupancy algorithm, as RFC 6357 5.1 calls it
 * utilization-based). What is let in is spread evenly. A refusal costs a small part of a call, so the rest
 * of the time goes into calls that are finished, whatever is offered. Time and use of the CPU are inputs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define OVERLOAD_PERIOD_MS 100
#define OVERLOAD_SHARE_MIN 0.01

struct overload {
	double target;		  /* of 1; 0: everything is let in */
	double share;		  /* of new calls that are let in, up to 1 */
	double credit;		  /* a call is let in when it has reached 1 */
	double busy;		  /* of 1, smoothed: one long task is no overload */
	uint64_t wall_us, cpu_us; /* at the last period */
};

/* target_percent 0: never refuse. */
void overload_init(struct overload *o, uint64_t wall_us, uint64_t cpu_us);
void overload_target(struct overload *o, unsigned int target_percent);
/* Once a period: both clocks as they are now, of any epoch. */
void overload_tick(struct overload *o, uint64_t wall_us, uint64_t cpu_us);
/* Whether the next new call is let in. */
bool overload_admit(struct overload *o);
/* Seconds for Retry-After (RFC 3261 20.33): longer, the less is let in. */
unsigned int overload_retry_s(const struct overload *o);
