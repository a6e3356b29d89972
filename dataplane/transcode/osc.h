/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sine oscillator for tones: one multiplication a sample (s[n] = 2 cos(w) s[n-1] - s[n-2], in
 * double precision, whose error stays under a millionth for hours).
 */
#pragma once

#include <math.h>
#include <stdint.h>

#include "dataplane/transcode/vp.h"

struct vp_osc {
	double factor, last, before;
};

/* Peak of a sine of that level. */
static inline double vp_amplitude(double level_dbm0)
{
	return INT16_MAX * pow(10, (level_dbm0 - VP_SINE_FULL_DBM0) / 20);
}

/* Starts at 0 with the next sample. freq_hz 0: silence. */
static inline void vp_osc_start(
	struct vp_osc *o, uint32_t rate_hz, double freq_hz, double amplitude)
{
	double w = 2 * M_PI * freq_hz / rate_hz;

	o->factor = 2 * cos(w);
	o->last = -amplitude * sin(w);
	o->before = -amplitude * sin(2 * w);
}

static inline double vp_osc_next(struct vp_osc *o)
{
	double sample = o->factor * o->last - o->before;

	o->before = o->last;
	o->last = sample;
	return sample;
}
