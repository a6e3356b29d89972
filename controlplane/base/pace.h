/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Moderation of an event loop's wake-ups, as network cards moderate interrupts. Under load every
 * message that arrives alone costs a wake-up, here and at its sender, which is dearer than the
 * work itself. A loop that has used up its turns for the moment rests and then serves all that has
 * come meanwhile. A loop that is woken less than once in a rest on the average is never delayed.
 *
 * The long rest is that of who faces the outside, limen-sip. What it does in a turn reaches the other
 * processes at once, as one packet for each, so these are woken as often as limen-sip turns, and long
 * rests of their own would add to the delay of a call and save nothing. limen-sip hears limen-control
 * within its rest. On two shared cores, CPU of all processes for a call, and INVITE to 200 (medians of
 * three runs and of two, which differed by a tenth and more, in turn on a machine that others used):
 *
 *                                           400 calls/s          1,000 calls/s
 *   all three rest 6 ms                     202 us   39.3 ms     142 us   42.2 ms
 *   limen-sip alone rests 6 ms              196 us   21.8 ms     133 us   23.6 ms
 *   and hears limen-control within, 6 ms    214 us   12.0 ms     137 us   11.1 ms
 *                                   8 ms    172 us   14.6 ms     131 us   15.0 ms
 *                                  10 ms    171 us   17.5 ms     133 us   18.9 ms
 *
 * At 400 calls/s, on a busier machine, 8 ms were no better than 6 ms, and 10 ms a tenth.
 *
 * The owner is the thread of the loop.
 */
#pragma once

#include <stdint.h>

#define PACE_REST_US 10000
#define PACE_BURST   64 /* turns that may follow each other freely */

struct pace {
	uint64_t rest_us;
	uint64_t last_us;
	uint64_t credit_us; /* rest_us a turn */
};

/* rest_us: the longest rest, under a second. now_us: any monotonic clock. Full credit. */
void pace_init(struct pace *pace, uint64_t rest_us, uint64_t now_us);
/* A turn begins at now_us: the microseconds to rest before it, 0 to rest_us. */
uint64_t pace_turn(struct pace *pace, uint64_t now_us);
/* The same with the clock, and rests. Call where the loop is about to wait for events. */
void pace_rest(struct pace *pace);
/* Rests until a moment of clock_mono_us(). */
void pace_until(uint64_t us);
