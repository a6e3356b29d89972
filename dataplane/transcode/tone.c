/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See tone.h. */
#include "dataplane/transcode/tone.h"

#include <string.h>

#define EDGE_MS 5

#define SPECIAL                                     \
	{{950}, 330}, {{1400}, 330}, {{1800}, 330}, \
	{                                           \
		{0}, 1000                           \
	}

static const struct vp_tone_row rows[] = {
	{"de", VP_TONE_DIAL, {{{425}, 0}}},
	{"de", VP_TONE_RINGBACK, {{{425}, 1000}, {{0}, 4000}}},
	{"de", VP_TONE_BUSY, {{{425}, 480}, {{0}, 480}}},
	{"de", VP_TONE_CONGESTION, {{{425}, 240}, {{0}, 240}}},
	{"de", VP_TONE_SPECIAL, {SPECIAL}},

	/* what ETSI and CEPT recommend, for countries that have no rows of their own */
	{"eu", VP_TONE_DIAL, {{{425}, 0}}},
	{"eu", VP_TONE_RINGBACK, {{{425}, 1000}, {{0}, 4000}}},
	{"eu", VP_TONE_BUSY, {{{425}, 500}, {{0}, 500}}},
	{"eu", VP_TONE_CONGESTION, {{{425}, 200}, {{0}, 200}}},
	{"eu", VP_TONE_SPECIAL, {SPECIAL}},

	{"fr", VP_TONE_DIAL, {{{440}, 0}}},
	{"fr", VP_TONE_RINGBACK, {{{440}, 1500}, {{0}, 3500}}},
	{"fr", VP_TONE_BUSY, {{{440}, 500}, {{0}, 500}}},
	{"fr", VP_TONE_CONGESTION, {{{440}, 250}, {{0}, 250}}},
	{"fr", VP_TONE_SPECIAL, {SPECIAL}},

	{"uk", VP_TONE_DIAL, {{{350, 440}, 0}}},
	{"uk", VP_TONE_RINGBACK, {{{400, 450}, 400}, {{0}, 200}, {{400, 450}, 400}, {{0}, 2000}}},
	{"uk", VP_TONE_BUSY, {{{400}, 375}, {{0}, 375}}},
	{"uk", VP_TONE_CONGESTION, {{{400}, 400}, {{0}, 350}, {{400}, 225}, {{0}, 525}}},
	{"uk", VP_TONE_SPECIAL, {SPECIAL}},

	{"us", VP_TONE_DIAL, {{{350, 440}, 0}}},
	{"us", VP_TONE_RINGBACK, {{{440, 480}, 2000}, {{0}, 4000}}},
	{"us", VP_TONE_BUSY, {{{480, 620}, 500}, {{0}, 500}}},
	{"us", VP_TONE_CONGESTION, {{{480, 620}, 250}, {{0}, 250}}},
	{"us", VP_TONE_SPECIAL, {SPECIAL}},
};

const struct vp_tone_row *vp_tone_at(size_t i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : NULL;
}

const struct vp_tone_row *vp_tone_find(const char *country, enum vp_tone_kind kind)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].kind == kind && strcmp(rows[i].country, country) == 0)
			return &rows[i];
	return NULL;
}

static void enter(struct vp_tone *t, uint32_t step)
{
	const uint16_t *hz = t->row->steps[step].hz;
	uint32_t ms = t->row->steps[step].ms;

	t->step = step;
	t->at = 0;
	t->len = ms ? ms * (t->rate_hz / 1000) : UINT32_MAX;
	t->n_freqs = 0;
	while (t->n_freqs < VP_TONE_FREQS && hz[t->n_freqs])
		t->n_freqs++;
	for (uint32_t i = 0; i < t->n_freqs; i++)
		vp_osc_start(&t->osc[i], t->rate_hz, hz[i],
			vp_amplitude(t->level_dbm0 - 10 * log10(t->n_freqs)));
}

void vp_tone_start(
	struct vp_tone *t, const struct vp_tone_row *row, uint32_t rate_hz, int level_dbm0)
{
	*t = (struct vp_tone){.row = row,
		.rate_hz = rate_hz,
		.level_dbm0 = level_dbm0 > 0	 ? 0
			      : level_dbm0 < -40 ? -40
						 : level_dbm0};
	enter(t, 0);
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
			enter(t, next < VP_TONE_STEPS && t->row->steps[next].ms ? next : 0);
		}
		pcm[i] = sample(t);
		t->at++;
	}
}
