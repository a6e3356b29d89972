/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See voice.h. What is played: fetched from the jitter buffer, decoded, concealed, resampled, into
 * the queue from which the encoder takes. Called by the media core that has the direction.
 */
#include <string.h>

#include "dataplane/transcode/voice_priv.h"

/* Samples at the decoder's rate to ours, at the end of the queue. */
static void append(struct voice *v, const struct voice_in *in, const int16_t *pcm, uint32_t n)
{
	int16_t *to = v->fifo + v->n_fifo;
	uint32_t room = v->fifo_max - v->n_fifo;

	if (in && in->resample) {
		int got = vp_resample_run(in->resample, pcm, n, to, room);
		n = got > 0 ? (uint32_t)got : 0;
	} else {
		n = n < room ? n : room;
		memcpy(to, pcm, n * sizeof(*pcm));
	}
	v->n_fifo += n;
}

void voice_append_silence(struct voice *v, uint32_t n)
{
	uint32_t room = v->fifo_max - v->n_fifo;

	n = n < room ? n : room;
	memset(v->fifo + v->n_fifo, 0, n * sizeof(*v->fifo));
	v->n_fifo += n;
}

/* What was kept fades out while what has come since at `from` fades in. */
static void merge_held(struct voice *v, uint32_t from)
{
	uint32_t n = v->n_fifo - from;

	if (n > v->n_held)
		n = v->n_held;
	for (uint32_t i = 0; i < n; i++) {
		int32_t a = v->held[i], b = v->fifo[from + i];
		v->fifo[from + i] = (int16_t)((a * (int32_t)(n - i) + b * (int32_t)i) / (int32_t)n);
	}
	v->n_held = 0;
}

/* Comfort noise of the far end (RFC 3389): what its silence sounds like from now on. */
static void hear_noise(struct voice *v, const struct vp_jitter_chunk *c)
{
	struct vp_noise noise;

	if (vp_noise_parse(c->payload, c->len, &noise) < 0)
		return;
	vp_noise_gen_set(&v->noise, &noise);
	v->noise_told = noise;
	v->noise_known = v->noise_news = true;
}

static void play(struct voice *v, const struct vp_jitter_chunk *c, struct dp_mcore_stats *stats)
{
	struct voice_in *in = voice_in_find(v, c->pt);
	int16_t pcm[CODEC_SAMPLES_MAX];
	uint32_t from = v->n_fifo;
	int n;

	if (c->kind == VP_JITTER_NOISE)
		hear_noise(v, c);
	if (c->kind != VP_JITTER_VOICE)
		return;
	if (!in || !in->dec) {
		voice_append_silence(
			v, c->duration_ts / (VOICE_JB_HZ / v->rate_hz)); /* of another codec once */
		return;
	}
	n = codec_decode(in->dec, c->payload, c->len, pcm, CODEC_SAMPLES_MAX);
	if (n < 0) {
		stats->drops[DP_DROP_VOICE_BROKEN]++;
		voice_append_silence(v, c->duration_ts / (VOICE_JB_HZ / v->rate_hz));
		return;
	}
	stats->decoded++;
	if (v->peer && in->dec->mode_request != CODEC_NO_REQUEST)
		codec_encoder_request(v->peer->enc, in->dec->mode_request);
	v->last = in;
	append(v, in, pcm, (uint32_t)n);
	if (!(in->dec->codec->flags & CODEC_HAS_PLC))
		vp_plc_good(v->plc, v->fifo + from, v->n_fifo - from);
	if (v->n_held)
		merge_held(v, from);
	if (c->merge) {
		v->n_held = v->n_fifo - from;
		memcpy(v->held, v->fifo + from, v->n_held * sizeof(*v->held));
		v->n_fifo = from;
	}
}

/* A codec may conceal whole frames only: a little more than is asked for is played. */
static int conceal_len(const struct codec_decoder *dec, uint32_t duration_ts)
{
	const struct dp_codec *row = dp_codec_row(dec->codec->id);
	uint32_t frame = dec->rate_hz / 1000 * row->frame_ms;
	uint32_t n = duration_ts / (VOICE_JB_HZ / dec->rate_hz);

	n = (n + frame - 1) / frame * frame;
	return n < CODEC_SAMPLES_MAX ? (int)n : CODEC_SAMPLES_MAX;
}

/* By the codec's own means; false: it has none. next: the packet after the gap, or NULL. */
static bool conceal_own(struct voice *v, uint32_t duration_ts, const struct vp_jitter_chunk *next)
{
	int16_t pcm[CODEC_SAMPLES_MAX];
	bool use = next && next->payload && voice_in_find(v, next->pt) == v->last;
	int n;

	if (!v->last)
		return false;
	n = codec_conceal(v->last->dec, pcm, (uint32_t)conceal_len(v->last->dec, duration_ts),
		use ? next->payload : NULL, use ? next->len : 0);
	if (n > 0)
		append(v, v->last, pcm, (uint32_t)n);
	return n > 0;
}

static void conceal(struct voice *v, const struct vp_jitter_chunk *c, struct dp_mcore_stats *stats)
{
	uint32_t n = c->duration_ts / (VOICE_JB_HZ / v->rate_hz), room = v->fifo_max - v->n_fifo;

	stats->concealed++;
	if (conceal_own(v, c->duration_ts, c))
		return;
	n = n < room ? n : room;
	vp_plc_lost(v->plc, v->fifo + v->n_fifo, n);
	v->n_fifo += n;
}

/* A talker who sends nothing: his noise, if he told it or his codec knows it. */
static void silent(struct voice *v, uint32_t duration_ts)
{
	uint32_t n = duration_ts / (VOICE_JB_HZ / v->rate_hz), room = v->fifo_max - v->n_fifo;

	if (!v->noise_known && v->last && v->last->dec->codec->flags & CODEC_HAS_DTX &&
		conceal_own(v, duration_ts, NULL))
		return;
	n = n < room ? n : room;
	vp_noise_gen_run(&v->noise, v->fifo + v->n_fifo, n);
	v->n_fifo += n;
}

bool voice_fill(struct voice *v, uint64_t now_us, struct dp_mcore_stats *stats)
{
	uint32_t want = v->enc->n_samples, scale = VOICE_JB_HZ / v->rate_hz;
	bool any = v->n_fifo > 0;

	v->all_silent = !any;
	while (v->n_fifo < want) {
		struct vp_jitter_chunk c;
		vp_jitter_get(v->jitter, now_us, (want - v->n_fifo) * scale, v->quiet, &c);
		switch (c.what) {
		case VP_JITTER_PLAY:
			play(v, &c, stats);
			any = true;
			v->all_silent = v->all_silent && c.kind != VP_JITTER_VOICE;
			break;
		case VP_JITTER_CONCEAL:
			conceal(v, &c, stats);
			any = true;
			v->all_silent = false;
			break;
		case VP_JITTER_SILENT:
			silent(v, c.duration_ts);
			any = true;
			break;
		case VP_JITTER_WAIT:
			if (!any)
				return false;
			voice_append_silence(v, want - v->n_fifo);
			break;
		}
	}
	v->played_us = now_us;
	v->quiet = !vp_vad_run(&v->vad, v->fifo, want);
	return true;
}
