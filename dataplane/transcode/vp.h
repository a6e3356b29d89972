/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Voice processing: what its modules (vp_*) have in common. Samples are 16-bit linear, mono, at
 * 8, 16 or 48 kHz. An object belongs to one thread; all its memory is taken by its _new() and is
 * bounded; time is an input.
 *
 * Levels: dBov is relative to a square wave of full scale (RFC 3389), dBm0 to the 0 dBm0 of G.711,
 * where a sine of full scale has +3.14 dBm0.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define VP_RATE_MAX_HZ	  48000
#define VP_FRAME_MAX_MS	  120
#define VP_FRAME_MAX	  (VP_RATE_MAX_HZ / 1000 * VP_FRAME_MAX_MS) /* samples */
#define VP_SINE_FULL_DBM0 3.14

static inline bool vp_rate_is_valid(uint32_t rate_hz)
{
	return rate_hz == 8000 || rate_hz == 16000 || rate_hz == 48000;
}

static inline int16_t vp_saturate(int32_t sample)
{
	return sample > INT16_MAX ? INT16_MAX : sample < INT16_MIN ? INT16_MIN : (int16_t)sample;
}

/* A sum of squares per sample, for n of at least 1. */
static inline uint64_t vp_power(const int16_t *pcm, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += (uint64_t)((int32_t)pcm[i] * pcm[i]);
	return sum / n;
}
