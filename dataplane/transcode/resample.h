/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sampling rates 8, 16 and 48 kHz into each other (libspeexdsp). A multiple of 1 ms in gives
 * exactly as many ms out, from the first call on; the filter's delay is in the signal instead.
 *
 * Owner: one thread. Memory: allocated by _new alone; at most 24 KB at quality 10 (8 <-> 48 kHz),
 * 3 KB at quality 3 (8 <-> 16 kHz).
 */
#pragma once

#include <stdint.h>

struct vp_resample;

#define VP_RESAMPLE_QUALITY_MAX 10
#define VP_RESAMPLE_QUALITY	3 /* of voice: 60 dB and 3 ms at 8 <-> 16 kHz */

/*
 * quality 0 to 10: the longer filter. Equal rates are a copy without delay. -EINVAL: rate or
 * quality; -ENOMEM.
 */
int vp_resample_new(
	uint32_t from_hz, uint32_t to_hz, int quality, struct vp_resample **ret_resample);
void vp_resample_free(struct vp_resample *r);

/* Forgets the past, for another talker. */
void vp_resample_reset(struct vp_resample *r);

/* What comes out is this much behind what goes in. */
uint32_t vp_resample_delay_us(const struct vp_resample *r);

/*
 * n_in samples, a multiple of 1 ms and at most 120 ms, into out, which has room for out_max.
 * Returns how many were written: n_in * to_hz / from_hz. -EINVAL: n_in is no such multiple;
 * -ENOSPC: they do not fit.
 */
int vp_resample_run(
	struct vp_resample *r, const int16_t *in, uint32_t n_in, int16_t *out, uint32_t out_max);
