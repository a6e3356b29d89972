/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See plc.h. Lengths are in samples of the rate in use; the numbers of G.711 appendix I in ms. */
#include "dataplane/transcode/plc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/transcode/vp.h"

/* Pitch: 66 to 400 Hz, looked for in the last 20 ms. */
#define PITCH_HZ_MIN 66
#define PITCH_HZ_MAX 400
#define COARSE_HZ    4000
#define FINE_HZ	     8000
#define SPAN_MS	     20
#define FULL_MS	     10 /* without fading */
#define JOIN_MS_MAX  10

struct vp_plc {
	uint32_t rate_hz;
	uint32_t n_history; /* samples of history */
	uint32_t lag_min, lag_max;
	uint32_t lost;	 /* samples made since the last good one */
	uint32_t lag;	 /* samples of the period that is repeated */
	uint32_t at;	 /* in the period */
	int32_t step;	 /* what was heard last, less the sample before the period */
	int32_t slope;	 /* the same of the slopes there */
	int16_t *period; /* lag_max samples */
	int16_t history[];
};

int vp_plc_new(uint32_t rate_hz, struct vp_plc **ret_plc)
{
	struct vp_plc *p;
	uint32_t lag_max = rate_hz / PITCH_HZ_MIN,
		 n_history = rate_hz / 1000 * SPAN_MS + 2 * lag_max;

	if (!vp_rate_is_valid(rate_hz))
		return -EINVAL;
	p = calloc(1, sizeof(*p) + (n_history + lag_max) * sizeof(int16_t));
	if (!p)
		return -ENOMEM;
	p->rate_hz = rate_hz;
	p->lag_max = lag_max;
	p->lag_min = rate_hz / PITCH_HZ_MAX;
	p->n_history = n_history;
	p->period = p->history + n_history;
	*ret_plc = p;
	return 0;
}

void vp_plc_free(struct vp_plc *p)
{
	free(p);
}

void vp_plc_reset(struct vp_plc *p)
{
	p->lost = 0;
	memset(p->history, 0, p->n_history * sizeof(int16_t));
}

static void remember(struct vp_plc *p, const int16_t *pcm, uint32_t n)
{
	if (n >= p->n_history) {
		memcpy(p->history, pcm + n - p->n_history, p->n_history * sizeof(int16_t));
		return;
	}
	memmove(p->history, p->history + n, (p->n_history - n) * sizeof(int16_t));
	memcpy(p->history + p->n_history - n, pcm, n * sizeof(int16_t));
}

/*
 * How much the last span differs from what was lag samples before: the mean magnitude of the
 * difference (AMDF), looking at every stride-th sample.
 */
static uint32_t difference(const struct vp_plc *p, uint32_t lag, uint32_t stride)
{
	uint32_t span = p->rate_hz / 1000 * SPAN_MS, sum = 0;
	const int16_t *now = p->history + p->n_history - span, *before = now - lag;

	for (uint32_t i = 0; i < span; i += stride)
		sum += (uint32_t)abs(now[i] - before[i]);
	return sum;
}

static uint32_t best_lag(
	const struct vp_plc *p, uint32_t from, uint32_t to, uint32_t step, uint32_t stride)
{
	uint32_t best = from, least = UINT32_MAX;

	for (uint32_t lag = from; lag <= to; lag += step) {
		uint32_t d = difference(p, lag, stride);
		if (d < least) {
			least = d;
			best = lag;
		}
	}
	return best;
}

/* First as if at 4 kHz, then around the best of these. */
static uint32_t find_pitch(const struct vp_plc *p)
{
	uint32_t step = p->rate_hz / COARSE_HZ;
	uint32_t best = best_lag(p, p->lag_min, p->lag_max, step, step);
	uint32_t from = best > p->lag_min + step ? best - step + 1 : p->lag_min;
	uint32_t to = best + step - 1 < p->lag_max ? best + step - 1 : p->lag_max;

	return best_lag(p, from, to, 1, p->rate_hz / FINE_HZ);
}

/*
 * The period to repeat: the last one, whose last quarter becomes what was before its first sample,
 * so that its end leads into its start.
 */
static void begin(struct vp_plc *p)
{
	const int16_t *end = p->history + p->n_history;
	uint32_t quarter;

	p->lag = find_pitch(p);
	quarter = p->lag / 4;
	memcpy(p->period, end - p->lag, p->lag * sizeof(int16_t));
	for (uint32_t i = 0; i < quarter; i++) {
		uint32_t k = p->lag - quarter + i;
		int32_t last = end[-(int32_t)(quarter - i)];
		int32_t before = end[-(int32_t)(quarter - i + p->lag)];
		int32_t part = (int32_t)(i + 1);
		p->period[k] = (int16_t)((last * ((int32_t)quarter + 1 - part) + before * part) /
					 ((int32_t)quarter + 1));
	}
	/* the samples before the period and those that were heard last should be the same */
	p->step = end[-1] - end[-(int32_t)p->lag - 1];
	p->slope = p->step - (end[-2] - end[-(int32_t)p->lag - 2]);
	p->at = 0;
}

/* Full for 10 ms, then down in a line to nothing at VP_PLC_SILENT_MS; 32768 is full. */
static int32_t gain_at(const struct vp_plc *p, uint32_t lost)
{
	uint32_t full = p->rate_hz / 1000 * FULL_MS, none = p->rate_hz / 1000 * VP_PLC_SILENT_MS;

	if (lost <= full)
		return 32768;
	return lost >= none ? 0 : (int32_t)((uint64_t)(none - lost) * 32768 / (none - full));
}

static int16_t next_sample(struct vp_plc *p)
{
	int32_t sample = p->period[p->at], join = (int32_t)(p->lag / 2);
	int32_t made = (int32_t)p->lost, bend = (int32_t)(p->rate_hz / 2000);

	/* what differs fades out: the step over half a period, half of the slope within 0.5 ms */
	if (made < join)
		sample += p->step * (join - made) / join;
	if (made < bend)
		sample += p->slope * (made + 1) * (bend - made) / (2 * bend);
	sample = (int32_t)((int64_t)sample * gain_at(p, p->lost) >> 15);
	p->at = p->at + 1 < p->lag ? p->at + 1 : 0;
	if (p->lost < p->rate_hz)
		p->lost++;
	return vp_saturate(sample);
}

void vp_plc_lost(struct vp_plc *p, int16_t *pcm, uint32_t n)
{
	if (!n)
		return;
	if (!p->lost)
		begin(p);
	for (uint32_t i = 0; i < n; i++)
		pcm[i] = next_sample(p);
	remember(p, pcm, n);
}

void vp_plc_good(struct vp_plc *p, int16_t *pcm, uint32_t n)
{
	uint32_t per_ms = p->rate_hz / 1000;

	if (p->lost) {
		/* the longer the loss, the further the two may be apart: 4 ms and 1 ms for 10 ms */
		uint32_t join = 4 * per_ms + p->lost / 10;
		join = join < JOIN_MS_MAX * per_ms ? join : JOIN_MS_MAX * per_ms;
		join = join < n ? join : n;
		for (uint32_t i = 0; i < join; i++) {
			int32_t made = next_sample(p), part = (int32_t)(i + 1);
			pcm[i] = (int16_t)((made * ((int32_t)join + 1 - part) + pcm[i] * part) /
					   ((int32_t)join + 1));
		}
		p->lost = 0;
	}
	remember(p, pcm, n);
}

void vp_merge(const int16_t *first, int16_t *second, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int64_t part = i + INT64_C(1), whole = n + INT64_C(1);
		second[i] = (int16_t)((first[i] * (whole - part) + second[i] * part) / whole);
	}
}
