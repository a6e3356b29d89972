/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether there is speech: by level against the noise floor, with hangover. The floor is the least
 * level of the last 1.5 to 3 s. What is 9 dB above it is active, and for 200 ms after it
 * everything is. Above -36 dBov everything is active (a steady tone is not noise), below -65 dBov
 * nothing is.
 *
 * Owner: one thread. Memory: 40 bytes, the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define VP_VAD_HANGOVER_MS 200

struct vp_vad {
	uint32_t rate_hz;
	uint32_t window_n;   /* samples in the window in being */
	uint32_t hangover_n; /* samples left */
	uint64_t power;	     /* of the last pieces, smoothed */
	uint64_t least[2];   /* of the window in being, of the one before */
};

void vp_vad_init(struct vp_vad *v, uint32_t rate_hz);

/* Whether these n samples (10 to 60 ms) are active. */
bool vp_vad_run(struct vp_vad *v, const int16_t *pcm, uint32_t n);
