/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many new calls a worker takes in while more come than it can serve. A share of them is let in, so
 * that those take the wanted occupancy of the thread (RFC 6357 5.1 calls such an algorithm
 * utilization-based), and refusals what they need beside it, as long as the thread has some rest. What a
 * call costs is measured: all time of the thread over all calls that were let in and a part of those
 * refused, so that the cost of everything else is in it, and that work which follows a call later does
 * not make the share swing. A thread without a rest does not see what is offered, since it waits in the
 * sockets: then the share falls until there is rest again. What is let in is spread evenly. Time and use
 * of the CPU are inputs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define OVERLOAD_PERIOD_MS 100
#define OVERLOAD_SHARE_MIN 0.01

struct overload {
	double target;	    /* of 1; 0: everything is let in */
	double share;	    /* of new calls that are let in, up to 1 */
	double credit;	    /* a call is let in when it has reached 1 */
	double busy;	    /* of 1, smoothed: one long task is no overload */
	double offered;	    /* calls in a microsecond, smoothed the same way */
	double spent, paid; /* busy, and calls by what they cost, smoothed over a longer time */
	uint64_t wall_us, cpu_us;     /* at the last period */
	uint32_t n_offered, n_let_in; /* since then */
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
