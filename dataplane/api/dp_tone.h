/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Call progress tones (ITU-T E.180 and its supplement 2) as the session API names them: one after
 * the other, steps of up to two frequencies; and the tones of a few countries as rows of a table.
 *
 * Pure, constant; any thread of any process.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DP_TONE_FREQS 2
#define DP_TONE_STEPS 4

/* No frequency: silence. 0 ms: it stays, in the first step; in another one: the cadence ends
 * before it and begins again. */
struct dp_tone_step {
	uint16_t hz[DP_TONE_FREQS], ms;
	uint16_t zero;
};
_Static_assert(sizeof(struct dp_tone_step) == 8, "travels in the session API");

enum dp_tone_kind {
	DP_TONE_DIAL,
	DP_TONE_STUTTER, /* dial tone with a notice: a service is on, a message waits */
	DP_TONE_RINGBACK,
	DP_TONE_BUSY,
	DP_TONE_CONGESTION,
	DP_TONE_SPECIAL, /* special information: this number cannot be reached */
	DP_TONE_KINDS,
};

struct dp_tone_row {
	const char *country; /* de, eu, fr, uk, us */
	enum dp_tone_kind kind;
	struct dp_tone_step steps[DP_TONE_STEPS];
};

/* The row of a country and kind, or NULL. */
const struct dp_tone_row *dp_tone_find(const char *country, enum dp_tone_kind kind);

/* Row number i; NULL after the last. */
const struct dp_tone_row *dp_tone_at(size_t i);
