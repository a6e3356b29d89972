/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See voice.h. A direction whose samples somebody takes, in place of packets. Called by the media
 * core that has it.
 */
#include <string.h>

#include "dataplane/transcode/voice_priv.h"

bool voice_hear(
	struct voice *v, uint64_t now_us, int16_t *pcm, uint32_t n, struct dp_mcore_stats *stats)
{
	if (n > v->enc->n_samples || !voice_fill(v, now_us, stats))
		return false;
	memcpy(pcm, v->fifo, n * sizeof(*pcm));
	v->n_fifo -= v->enc->n_samples;
	memmove(v->fifo, v->fifo + v->enc->n_samples, v->n_fifo * sizeof(*v->fifo));
	return !v->all_silent;
}
