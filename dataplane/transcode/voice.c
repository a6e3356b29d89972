/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See voice.h. A direction has one clock, its own: each ptime one packet is due, and what it holds
 * is fetched from the jitter buffer at that pace, decoded and resampled into a small queue of
 * samples from which the encoder takes what it needs. So packet times need not have anything to do
 * with each other, and the clocks of both ends are parted by the jitter buffer alone.
 *
 * The jitter buffer counts in 1/48000 s whatever the clocks of the payload types are: all of them
 * divide it, and a stream may change its codec.
 *
 * This file makes the object and takes it apart.
 */
#include "dataplane/transcode/voice_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JB_MIN_MS	 20
#define JB_MAX_MS	 200
#define JB_SLOTS	 64
#define PTIME_DEFAULT_MS 20
#define EVENT_DEFAULT_HZ 8000

void voice_conf_of(const struct dp_session *session, unsigned int leg, struct voice_conf *ret_conf)
{
	const struct dp_leg *in = &session->leg[leg];

	memset(ret_conf, 0, sizeof(*ret_conf));
	ret_conf->n_payloads = in->n_payloads;
	memcpy(ret_conf->payloads, in->payloads, sizeof(ret_conf->payloads));
	ret_conf->send = session->leg[!leg].send;
	ret_conf->tones = in->flags & DP_LEG_TONES;
}

/* A rate that all parts of a direction have; codecs have some more. */
static uint32_t fit_hz(
	const struct codec *codec, const struct dp_codec_params *params, uint32_t other_hz)
{
	uint32_t hz = codec_rate_fit(codec, params, other_hz);

	if (!vp_rate_is_valid(hz))
		hz = hz > 16000 ? 16000 : 8000;
	return hz;
}

/* The highest rate of a codec; a coded band that the other end cannot hear is not decoded. */
static uint32_t natural_hz(const struct codec *codec, const struct dp_codec_params *params)
{
	return codec_rate_fit(codec, params, UINT32_MAX);
}

static uint32_t clock_of(const struct dp_payload *p)
{
	const struct dp_codec *row = dp_codec_row(p->action == DP_PT_TRANSCODE ? p->codec : 0);

	if (row)
		return row->clock_hz;
	return p->clock_hz && VOICE_JB_HZ % p->clock_hz == 0 ? p->clock_hz : EVENT_DEFAULT_HZ;
}

static int decoder_new(struct voice *v, struct voice_in *in)
{
	const struct codec *codec = codec_by_id(in->conf.codec);
	struct codec_config config = {.params = in->conf.params};
	int r;

	if (!codec)
		return -ENOTSUP;
	config.rate_hz = fit_hz(codec, &in->conf.params, v->rate_hz);
	r = codec_decoder_new(codec, &config, &in->dec);
	if (r == 0 && config.rate_hz != v->rate_hz)
		r = vp_resample_new(config.rate_hz, v->rate_hz, VP_RESAMPLE_QUALITY, &in->resample);
	return r;
}

static int encoder_new(struct voice *v)
{
	const struct dp_send *send = &v->conf.send;
	const struct dp_codec *row = dp_codec_row(send->codec);
	const struct codec *codec = codec_by_id(send->codec);
	uint32_t in_hz = 0, ptime_ms;

	if (!codec || !row)
		return -ENOTSUP;
	for (uint32_t i = 0; i < v->conf.n_payloads; i++) {
		const struct dp_payload *p = &v->conf.payloads[i];
		const struct codec *from = codec_by_id(p->codec);
		if (p->action == DP_PT_TRANSCODE && from && natural_hz(from, &p->params) > in_hz)
			in_hz = natural_hz(from, &p->params);
	}
	ptime_ms = send->params.ptime_ms ? send->params.ptime_ms
					 : dp_codec_ptime_fit(row, PTIME_DEFAULT_MS);
	v->rate_hz = fit_hz(codec, &send->params, in_hz);
	v->out_hz = row->clock_hz;
	v->event_hz = send->event_khz ? send->event_khz * 1000u : v->out_hz;
	v->ptime_us = ptime_ms * 1000;
	v->ptime_ts = v->out_hz / 1000 * ptime_ms;
	struct codec_config config = {
		.params = send->params, .rate_hz = v->rate_hz, .ptime_ms = ptime_ms};
	return codec_encoder_new(codec, &config, &v->enc);
}

static int keys_init(struct voice *v)
{
	const struct dp_send *send = &v->conf.send;

	return vp_keys_init(&v->keys, &(struct vp_keys_conf){.rate_hz = v->rate_hz,
					      .event_hz = v->event_hz,
					      .out_hz = v->out_hz,
					      .to = send->digits == DP_DIGITS_AWAY ? VP_KEYS_NOTHING
						    : send->event_pt		   ? VP_KEYS_EVENTS
										   : VP_KEYS_TONES,
					      .find = v->conf.tones});
}

int voice_new(const struct voice_conf *conf, uint32_t ssrc, struct voice **ret_voice)
{
	const struct vp_jitter_conf jitter = {.clock_hz = VOICE_JB_HZ,
		.min_ms = JB_MIN_MS,
		.max_ms = JB_MAX_MS,
		.payload_max = CODEC_PAYLOAD_MAX,
		.slots = JB_SLOTS};
	struct voice *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	v->conf = *conf;
	v->ssrc = ssrc;
	v->marker = true;
	v->due_us = UINT64_MAX;
	r = encoder_new(v);
	for (uint32_t i = 0; i < conf->n_payloads && r == 0; i++) {
		v->in[i].conf = conf->payloads[i];
		v->in[i].clock_hz = clock_of(&conf->payloads[i]);
		if (conf->payloads[i].action == DP_PT_TRANSCODE)
			r = decoder_new(v, &v->in[i]);
	}
	if (r == 0)
		r = keys_init(v);
	if (r == 0)
		r = vp_jitter_new(&jitter, &v->jitter);
	if (r == 0)
		r = vp_plc_new(v->rate_hz, &v->plc);
	if (r < 0)
		goto out;
	/* one packet less one sample wanted, and the longest one that may then be decoded */
	v->fifo_max = v->enc->n_samples + v->rate_hz / 1000 * VP_FRAME_MAX_MS;
	v->fifo = calloc(2 * (size_t)v->fifo_max, sizeof(*v->fifo));
	if (!v->fifo) {
		r = -ENOMEM;
		goto out;
	}
	v->held = v->fifo + v->fifo_max;
	vp_vad_init(&v->vad, v->rate_hz);
	vp_noise_gen_init(&v->noise);
	*ret_voice = v;
	return 0;
out:
	voice_free(v);
	return r;
}

void voice_free(struct voice *v)
{
	if (!v)
		return;
	for (uint32_t i = 0; i < DP_PAYLOAD_TYPES; i++) {
		codec_decoder_free(v->in[i].dec);
		vp_resample_free(v->in[i].resample);
	}
	codec_encoder_free(v->enc);
	vp_keys_close(&v->keys);
	vp_jitter_free(v->jitter);
	vp_plc_free(v->plc);
	free(v->fifo);
	free(v);
}

void voice_pair(struct voice *a, struct voice *b)
{
	if (a)
		a->peer = b;
	if (b)
		b->peer = a;
}

/* Pointers change sides, so that both objects are still whole and freed as usual. */
#define SWAP(a, b)                   \
	do {                         \
		__typeof__(a) t = a; \
		(a) = b;             \
		(b) = t;             \
	} while (0)

void voice_adopt(struct voice *v, struct voice *old)
{
	bool same_in = v->conf.n_payloads == old->conf.n_payloads &&
		       memcmp(v->conf.payloads, old->conf.payloads, sizeof(v->conf.payloads)) == 0;

	/* The buffer counts the same in all of them, and says of what type a packet was. */
	SWAP(v->jitter, old->jitter);
	v->due_us = old->due_us;
	v->played_us = old->played_us;
	if (v->rate_hz == old->rate_hz)
		vp_keys_adopt(&v->keys, &old->keys);
	if (!same_in || v->rate_hz != old->rate_hz)
		return;
	for (uint32_t i = 0; i < v->conf.n_payloads; i++) {
		SWAP(v->in[i].dec, old->in[i].dec);
		SWAP(v->in[i].resample, old->in[i].resample);
	}
	SWAP(v->plc, old->plc);
	v->vad = old->vad;
	v->noise = old->noise;
	v->noise_told = old->noise_told;
	v->noise_known = v->noise_news = old->noise_known;
	v->last = old->last ? &v->in[old->last - old->in] : NULL;
	v->quiet = old->quiet;
	if (memcmp(&v->conf.send, &old->conf.send, sizeof(v->conf.send)) == 0)
		SWAP(v->enc, old->enc);
}
