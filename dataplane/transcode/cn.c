/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See cn.h. */
#include "dataplane/transcode/cn.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "dataplane/transcode/vp.h"

#define FULL	   32768.0f
#define LEVEL_N	   160	  /* samples in which the level gets where it should be */
#define SMOOTH	   0.25f  /* share of a new frame in the estimate */
#define WHITE	   1.001f /* keeps the filter away from instability */
#define QUANT	   258	  /* RFC 3389 3.2: k = 258 * (N - 127) / 32768 */
#define QUANT_ZERO 127
#define QUANT_MAX  254

int vp_noise_parse(const uint8_t *payload, size_t len, struct vp_noise *ret_noise)
{
	struct vp_noise noise = {0};

	if (len < 1)
		return -EINVAL;
	noise.level = payload[0] & VP_NOISE_LEVEL_MAX; /* the highest bit is reserved */
	for (size_t i = 1; i < len && i <= VP_NOISE_ORDER_MAX; i++) {
		if (payload[i] > QUANT_MAX)
			return -EINVAL;
		noise.k[noise.order++] = (float)(QUANT * (payload[i] - QUANT_ZERO)) / FULL;
	}
	*ret_noise = noise;
	return 0;
}

int vp_noise_build(const struct vp_noise *noise, uint8_t *payload, size_t max)
{
	if (max < 1u + noise->order)
		return -ENOSPC;
	payload[0] = noise->level;
	for (unsigned int i = 0; i < noise->order; i++) {
		long n = lrintf(noise->k[i] * FULL / QUANT) + QUANT_ZERO;
		payload[1 + i] = (uint8_t)(n < 0 ? 0 : n > QUANT_MAX ? QUANT_MAX : n);
	}
	return 1 + noise->order;
}

/* ---- the generator ---- */

void vp_noise_gen_init(struct vp_noise_gen *g)
{
	*g = (struct vp_noise_gen){.seed = 1};
}

void vp_noise_gen_set(struct vp_noise_gen *g, const struct vp_noise *noise)
{
	float rms = FULL * powf(10, -(float)noise->level / 20), loss = 1;

	/* the filter raises the power by 1 / product(1 - k^2); uniform noise has a third of its peak */
	for (unsigned int i = 0; i < noise->order; i++)
		loss *= 1 - noise->k[i] * noise->k[i];
	g->gain_end = noise->level == VP_NOISE_LEVEL_MAX ? 0 : rms * sqrtf(3 * loss);
	g->gain_step = (g->gain_end - g->gain) / LEVEL_N;
	for (unsigned int i = noise->order; i < VP_NOISE_ORDER_MAX; i++)
		g->back[i] = 0;
	g->noise = *noise;
}

static float excite(struct vp_noise_gen *g)
{
	g->seed = g->seed * 1664525u + 1013904223u;
	return (float)(int32_t)g->seed / 2147483648.0f;
}

/* One sample through the lattice; back[i] is the backward error of stage i. */
static float filter(struct vp_noise_gen *g, float sample)
{
	for (int i = g->noise.order - 1; i >= 0; i--) {
		sample -= g->noise.k[i] * g->back[i];
		if (i + 1 < g->noise.order)
			g->back[i + 1] = g->back[i] + g->noise.k[i] * sample;
	}
	if (g->noise.order)
		g->back[0] = sample;
	return sample;
}

void vp_noise_gen_run(struct vp_noise_gen *g, int16_t *pcm, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (g->gain != g->gain_end) {
			g->gain += g->gain_step;
			if ((g->gain_step > 0) == (g->gain > g->gain_end) || g->gain_step == 0)
				g->gain = g->gain_end;
		}
		pcm[i] = vp_saturate((int32_t)lrintf(filter(g, excite(g) * g->gain)));
	}
}

/* ---- sending ---- */

void vp_dtx_init(struct vp_dtx *d, uint32_t rate_hz)
{
	*d = (struct vp_dtx){.rate_hz = rate_hz};
	vp_vad_init(&d->vad, rate_hz);
}

/* Takes a frame of noise into the estimate; anew when the last one was speech. */
static void learn(struct vp_dtx *d, const int16_t *pcm, uint32_t n)
{
	float share = d->silent ? SMOOTH : 1;

	d->power += share * ((float)vp_power(pcm, n) - d->power);
	for (unsigned int lag = 0; lag <= VP_NOISE_ORDER; lag++) {
		float sum = 0;
		for (uint32_t i = lag; i < n; i++)
			sum += (float)pcm[i] * (float)pcm[i - lag];
		d->corr[lag] += share * (sum / (float)n - d->corr[lag]);
	}
}

static uint8_t level_of(float power)
{
	float below = power > 0 ? -10 * log10f(power / (FULL * FULL)) : VP_NOISE_LEVEL_MAX;

	return below > VP_NOISE_LEVEL_MAX ? VP_NOISE_LEVEL_MAX
	       : below < 0		  ? 0
					  : (uint8_t)lrintf(below);
}

/* Levinson and Durbin: from correlations to reflection coefficients. */
static void reflect(const float *corr, struct vp_noise *noise)
{
	float a[VP_NOISE_ORDER + 1] = {1}, error = corr[0] * WHITE;

	noise->order = 0;
	for (unsigned int m = 1; m <= VP_NOISE_ORDER && error > 0; m++) {
		float next[VP_NOISE_ORDER + 1], sum = 0, k;
		for (unsigned int i = 0; i < m; i++)
			sum += a[i] * corr[m - i];
		k = -sum / error;
		if (fabsf(k) >= 1)
			break;
		memcpy(next, a, sizeof(next));
		for (unsigned int i = 1; i <= m; i++)
			next[i] = (i < m ? a[i] : 0) + k * a[m - i];
		memcpy(a, next, sizeof(a));
		noise->k[noise->order++] = k;
		error *= 1 - k * k;
	}
}

enum vp_dtx_what vp_dtx_run(
	struct vp_dtx *d, const int16_t *pcm, uint32_t n, struct vp_noise *ret_noise)
{
	uint32_t per_ms = d->rate_hz / 1000;
	bool first = !d->silent;
	int change;

	if (vp_vad_run(&d->vad, pcm, n) || !n) {
		d->silent = false;
		return VP_DTX_SPEECH;
	}
	learn(d, pcm, n);
	d->silent = true;
	d->since_n += n;
	change = level_of(d->power) - d->level;
	if (!first && d->since_n < VP_DTX_GAP_MS * per_ms)
		return VP_DTX_NOTHING;
	if (!first && change < VP_DTX_CHANGE_DB && change > -VP_DTX_CHANGE_DB &&
		d->since_n < VP_DTX_REPEAT_MS * per_ms)
		return VP_DTX_NOTHING;
	d->since_n = 0;
	d->level = level_of(d->power);
	*ret_noise = (struct vp_noise){.level = d->level};
	reflect(d->corr, ret_noise);
	return VP_DTX_NOISE;
}
