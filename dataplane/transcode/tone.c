/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See tone.h. */
#include "dataplane/transcode/tone.h"

#define EDGE_MS 5

static void enter(struct vp_tone *t, uint32_t step)
{
	const uint16_t *hz = t->steps[step].hz;
	uint32_t ms = t->steps[step].ms;

	t->step = step;
	t->at = 0;
	t->len = ms ? ms * (t->rate_hz / 1000) : UINT32_MAX;
	t->n_freqs = 0;
	while (t->n_freqs < DP_TONE_FREQS && hz[t->n_freqs])
		t->n_freqs++;
	for (uint32_t i = 0; i < t->n_freqs; i++)
		vp_osc_start(&t->osc[i], t->rate_hz, hz[i],
			vp_amplitude(t->level_dbm0 - 10 * log10(t->n_freqs)));
}

void vp_tone_start(
	struct vp_tone *t, const struct dp_tone_step *steps, uint32_t rate_hz, int level_dbm0)
{
	*t = (struct vp_tone){.steps = steps,
		.rate_hz = rate_hz,
		.level_dbm0 = level_dbm0 > 0	 ? 0
			      : level_dbm0 < -40 ? -40
						 : level_dbm0};
	enter(t, 0);
}

void vp_tone_follow(struct vp_tone *t, const struct vp_tone *old)
{
	enter(t, old->step);
	t->at = (uint32_t)((uint64_t)old->at * t->rate_hz / old->rate_hz);
}

static int16_t sample(struct vp_tone *t)
{
	uint32_t edge = EDGE_MS * (t->rate_hz / 1000), left = t->len - t->at;
	double sum = 0;

	for (uint32_t i = 0; i < t->n_freqs; i++)
		sum += vp_osc_next(&t->osc[i]);
	if (left < edge)
		sum = sum * left / edge;
	return vp_saturate((int32_t)lrint(sum));
}

void vp_tone_run(struct vp_tone *t, int16_t *pcm, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (t->at == t->len) {
			uint32_t next = t->step + 1;
			enter(t, next < DP_TONE_STEPS && t->steps[next].ms ? next : 0);
		}
		pcm[i] = sample(t);
		t->at++;
	}
}
