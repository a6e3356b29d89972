/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Call progress tones as sound (dataplane/api/dp_tone.h has those of countries). A tone goes on for
 * ever; each step fades within its last 5 ms, against clicks.
 *
 * Owner: one thread. Memory: 100 bytes, the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/api/dp_tone.h"
#include "dataplane/transcode/osc.h"

#define VP_TONE_LEVEL_DBM0 (-13) /* of all frequencies together: E.180 has -10, give or take 5 */

struct vp_tone {
	const struct dp_tone_step *steps; /* [DP_TONE_STEPS], the caller's */
	uint32_t rate_hz;
	int level_dbm0;
	uint32_t step, at, len; /* which step, samples into it, of it (UINT32_MAX: a day) */
	uint32_t n_freqs;
	struct vp_osc osc[DP_TONE_FREQS];
};

/* Starts at the beginning of the cadence. level_dbm0 from -40 to 0. */
void vp_tone_start(
	struct vp_tone *t, const struct dp_tone_step *steps, uint32_t rate_hz, int level_dbm0);

/* t, which was started with the same steps, goes on where old is, whatever their rates. */
void vp_tone_follow(struct vp_tone *t, const struct vp_tone *old);

/* The next n samples. */
void vp_tone_run(struct vp_tone *t, int16_t *pcm, uint32_t n);
