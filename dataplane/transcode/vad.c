/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See vad.h. Levels are mean squares of samples. */
#include "dataplane/transcode/vad.h"

#include "dataplane/transcode/vp.h"

#define WINDOW_MS   1500
#define ABOVE	    8	  /* 9 dB */
#define FLOOR_MAX   34000 /* -45 dBov */
#define FLOOR_FIRST 3400  /* -55 dBov, until the first window is over */
#define ACTIVE_MIN  340	  /* -65 dBov */

void vp_vad_init(struct vp_vad *v, uint32_t rate_hz)
{
	*v = (struct vp_vad){.rate_hz = rate_hz, .least = {UINT64_MAX, FLOOR_FIRST}};
}

static uint64_t noise_floor(struct vp_vad *v, uint32_t n)
{
	uint64_t least;

	if (v->power < v->least[0])
		v->least[0] = v->power;
	v->window_n += n;
	if (v->window_n >= v->rate_hz / 1000 * WINDOW_MS) {
		v->least[1] = v->least[0];
		v->least[0] = UINT64_MAX;
		v->window_n = 0;
	}
	least = v->least[0] < v->least[1] ? v->least[0] : v->least[1];
	return least < FLOOR_MAX ? least : FLOOR_MAX;
}

bool vp_vad_run(struct vp_vad *v, const int16_t *pcm, uint32_t n)
{
	uint64_t power = n ? vp_power(pcm, n) : 0, limit;
	bool active;

	v->power = v->power ? (v->power + power) / 2 : power;
	limit = noise_floor(v, n) * ABOVE;
	if (power > limit && power > ACTIVE_MIN)
		v->hangover_n = v->rate_hz / 1000 * VP_VAD_HANGOVER_MS + n;
	active = v->hangover_n > 0;
	v->hangover_n -= n < v->hangover_n ? n : v->hangover_n;
	return active;
}
