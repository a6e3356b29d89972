/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See resample.h. */
#include "dataplane/transcode/resample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <speex/speex_resampler.h>

#include "dataplane/transcode/vp.h"

struct vp_resample {
	SpeexResamplerState *speex; /* NULL: equal rates */
	uint32_t from_hz, to_hz;
};

int vp_resample_new(
	uint32_t from_hz, uint32_t to_hz, int quality, struct vp_resample **ret_resample)
{
	struct vp_resample *r;
	int err = 0;

	if (!vp_rate_is_valid(from_hz) || !vp_rate_is_valid(to_hz) || quality < 0 ||
		quality > VP_RESAMPLE_QUALITY_MAX)
		return -EINVAL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->from_hz = from_hz;
	r->to_hz = to_hz;
	if (from_hz != to_hz) {
		r->speex = speex_resampler_init(1, from_hz, to_hz, quality, &err);
		if (!r->speex) {
			free(r);
			return -ENOMEM;
		}
	}
	*ret_resample = r;
	return 0;
}

void vp_resample_free(struct vp_resample *r)
{
	if (!r)
		return;
	if (r->speex)
		speex_resampler_destroy(r->speex);
	free(r);
}

void vp_resample_reset(struct vp_resample *r)
{
	if (r->speex)
		speex_resampler_reset_mem(r->speex);
}

uint32_t vp_resample_delay_us(const struct vp_resample *r)
{
	if (!r->speex)
		return 0;
	return (uint32_t)((uint64_t)speex_resampler_get_input_latency(r->speex) * 1000000 /
			  r->from_hz);
}

int vp_resample_run(
	struct vp_resample *r, const int16_t *in, uint32_t n_in, int16_t *out, uint32_t out_max)
{
	uint32_t per_ms = r->from_hz / 1000;
	uint32_t n_out = n_in / per_ms * (r->to_hz / 1000), done_in = n_in, done_out = n_out;

	if (n_in % per_ms || n_in / per_ms > VP_FRAME_MAX_MS)
		return -EINVAL;
	if (n_out > out_max)
		return -ENOSPC;
	if (!r->speex) {
		memcpy(out, in, n_in * sizeof(*in));
		return (int)n_in;
	}
	if (speex_resampler_process_int(r->speex, 0, in, &done_in, out, &done_out) !=
			RESAMPLER_ERR_SUCCESS ||
		done_in != n_in || done_out != n_out)
		return -EINVAL;
	return (int)n_out;
}
