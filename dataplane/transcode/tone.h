/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Call progress tones (ITU-T E.180 and its supplement 2): frequencies and cadences of a few
 * countries as rows of a table. A tone goes on for ever; each step fades within its last 5 ms, against clicks.
 *
 * Owner: one thread; the table is constant. Memory: 100 bytes, the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/transcode/osc.h"

#define VP_TONE_FREQS	   2
#define VP_TONE_STEPS	   4
#define VP_TONE_LEVEL_DBM0 (-13) /* of all frequencies together: E.180 has -10, give or take 5 */

enum vp_tone_kind {
	VP_TONE_DIAL,
	VP_TONE_RINGBACK,
	VP_TONE_BUSY,
	VP_TONE_CONGESTION,
	VP_TONE_SPECIAL, /* special information: this number cannot be reached */
	VP_TONE_KINDS,
};

struct vp_tone_row {
	const char *country; /* de, eu, fr, uk, us */
	enum vp_tone_kind kind;
	/* One after the other, and again; 0 ms: it stays. No frequency: silence. */
	struct {
		uint16_t hz[VP_TONE_FREQS], ms;
	} steps[VP_TONE_STEPS];
};

/* The row of a country and kind, or NULL. */
const struct vp_tone_row *vp_tone_find(const char *country, enum vp_tone_kind kind);

/* Row number i; NULL after the last. */
const struct vp_tone_row *vp_tone_at(size_t i);

struct vp_tone {
	const struct vp_tone_row *row;
	uint32_t rate_hz;
	int level_dbm0;
	uint32_t step, at, len; /* which step, samples into it, of it (UINT32_MAX: a day) */
	uint32_t n_freqs;
	struct vp_osc osc[VP_TONE_FREQS];
};

/* Starts at the beginning of the cadence. level_dbm0 from -40 to 0. */
void vp_tone_start(
	struct vp_tone *t, const struct vp_tone_row *row, uint32_t rate_hz, int level_dbm0);

/* The next n samples. */
void vp_tone_run(struct vp_tone *t, int16_t *pcm, uint32_t n);
