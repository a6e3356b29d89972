/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How late packets are: the least transit time of the last seconds, and what the latest of the
 * last packets exceeded it by. Used by the jitter buffer (jitter.c) alone.
 *
 * The least transit time is that of two windows of 4 s, so it follows a drifting clock and a path
 * that became longer after 4 to 8 s, and one that became shorter at once.
 */
#pragma once

#include <stdint.h>

#define VP_TRANSIT_WINDOW_US 4000000
#define VP_TRANSIT_STEP_US   5000
#define VP_TRANSIT_BINS	     104 /* 520 ms */
#define VP_TRANSIT_PACKETS   512
#define VP_TRANSIT_LATE	     100 /* one packet in so many may be later than the target */

struct vp_transit {
	int64_t least_us[2]; /* of the window in being, of the one before */
	uint64_t since_us;   /* start of the window in being */
	uint16_t n, at;	     /* of ring */
	uint8_t highest;     /* no bin above it has a packet */
	uint8_t late_bin;
	uint16_t bins[VP_TRANSIT_BINS];
	uint8_t ring[VP_TRANSIT_PACKETS];
};

/* The least transit time; only after the first vp_transit_put(). */
static inline int64_t vp_transit_least_us(const struct vp_transit *t)
{
	return t->least_us[0] < t->least_us[1] ? t->least_us[0] : t->least_us[1];
}

/* What all but the latest packets stay under, beyond the least; 5 ms before there was any. */
static inline int64_t vp_transit_late_us(const struct vp_transit *t)
{
	return (t->late_bin + INT64_C(1)) * VP_TRANSIT_STEP_US;
}

/* A packet that arrived at now_us after a transit of transit_us (of any origin). t starts as 0. */
void vp_transit_put(struct vp_transit *t, int64_t transit_us, uint64_t now_us);

/* Forgets what the least was, and takes this instead. */
void vp_transit_restart(struct vp_transit *t, int64_t transit_us, uint64_t now_us);
