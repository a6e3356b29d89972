/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See voice.h. A direction has one clock, its own: each ptime one packet is due, and what it holds
 * is fetched from the jitter buffer at that pace, decoded and resampled into a small queue of
 * samples from which the encoder takes what it needs. So packet times need not have anything to do
 * with each other, and the clocks of both ends are parted by the jitter buffer alone.
 *
 * The jitter buffer counts in 1/48000 s whatever the clocks of the payload types are: all of them
 * divide it, and a stream may change its codec.
 */
#include "dataplane/transcode/voice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/stages/rtp.h"
#include "dataplane/transcode/cn.h"
#include "dataplane/transcode/codec.h"
#include "dataplane/transcode/jitter.h"
#include "dataplane/transcode/keys.h"
#include "dataplane/transcode/plc.h"
#include "dataplane/transcode/resample.h"
#include "dataplane/transcode/vad.h"
#include "dataplane/transcode/vp.h"

#define JB_HZ		 48000
#define JB_MIN_MS	 20
#define JB_MAX_MS	 200
#define JB_SLOTS	 64
#define PTIME_DEFAULT_MS 20
#define IDLE_MS		 1000 /* without anything to play: no ticks until a packet comes */
#define EVENTS		 8    /* waiting to be sent */
#define EVENT_LEN	 4
#define EVENT_DEFAULT_HZ 8000
#define EVENT_GONE_US	 200000 /* an event without an end, RFC 4733 2.5.1.2: three packets lost */

/* How a payload type is heard. */
struct voice_in {
	struct dp_payload conf;
	uint32_t clock_hz;
	struct codec_decoder *dec;    /* NULL: no audio */
	struct vp_resample *resample; /* NULL: it decodes at the right rate */
};

/* A telephone-event packet on its way out. */
struct voice_event {
	uint8_t payload[EVENT_LEN];
	uint32_t ts;
	bool marker;
};

struct voice {
	struct voice_conf conf;
	struct voice *peer; /* the other direction, or NULL */
	uint32_t ssrc;
	struct voice_in in[DP_PAYLOAD_TYPES];
	struct voice_in *last; /* what decoded last, or NULL */
	struct vp_jitter *jitter;
	struct vp_plc *plc; /* for codecs that conceal nothing themselves */
	struct vp_vad vad;
	struct vp_noise_gen noise; /* what a silent talker is heard as */
	struct vp_noise noise_told;
	bool noise_known, noise_news; /* there was one; it was not sent on yet */
	struct codec_encoder *enc;
	uint32_t rate_hz;  /* of samples here and in the encoder */
	uint32_t out_hz;   /* clock of what is sent */
	uint32_t event_hz; /* and of its events */
	uint32_t ptime_us;
	uint32_t ptime_ts; /* at out_hz */

	uint64_t due_us;    /* UINT64_MAX: idle */
	uint64_t played_us; /* when something was last played */
	uint64_t idle_us;   /* when the packet would have been due at which it became idle */
	uint32_t ts;
	uint16_t seq;
	bool marker;	 /* the next packet is the first after a pause */
	bool quiet;	 /* what was played last was no speech */
	bool all_silent; /* nor did anything of it come from the far end */

	struct {
		uint64_t seen_us; /* last packet of it; 0: none goes on */
		uint32_t in_ts, out_ts;
		bool live;
	} event;
	struct voice_event events[EVENTS];
	uint32_t n_events, event_at;
	uint64_t event_us;   /* when the oldest of them came */
	struct vp_keys keys; /* where only one of the legs has events */

	uint32_t n_held; /* to be merged with what follows */
	uint32_t n_fifo, fifo_max;
	int16_t *held, *fifo; /* [fifo_max] */
};

/* ---- making ---- */

void voice_conf_of(const struct dp_session *session, unsigned int leg, struct voice_conf *ret_conf)
{
	const struct dp_leg *in = &session->leg[leg];

	memset(ret_conf, 0, sizeof(*ret_conf));
	ret_conf->n_payloads = in->n_payloads;
	memcpy(ret_conf->payloads, in->payloads, sizeof(ret_conf->payloads));
	ret_conf->send = session->leg[!leg].send;
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
	return p->clock_hz && JB_HZ % p->clock_hz == 0 ? p->clock_hz : EVENT_DEFAULT_HZ;
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

/* Tones are looked for where no events can come and events may be sent. */
static int keys_init(struct voice *v)
{
	bool find = v->conf.send.event_pt != 0;

	for (uint32_t i = 0; i < v->conf.n_payloads; i++)
		find = find && v->conf.payloads[i].action != DP_PT_EVENT;
	return vp_keys_init(&v->keys, v->rate_hz, v->event_hz, v->out_hz, find);
}

int voice_new(const struct voice_conf *conf, uint32_t ssrc, struct voice **ret_voice)
{
	const struct vp_jitter_conf jitter = {.clock_hz = JB_HZ,
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

/* ---- what arrives ---- */

static struct voice_in *find_in(struct voice *v, uint8_t pt)
{
	for (uint32_t i = 0; i < v->conf.n_payloads; i++)
		if (v->in[i].conf.pt == pt)
			return &v->in[i];
	return NULL;
}

static void wake(struct voice *v, uint64_t now_us)
{
	if (v->due_us != UINT64_MAX)
		return;
	/* what is silent for long has no packets, but its time goes on (RFC 3550 5.1) */
	if (v->idle_us && now_us > v->idle_us)
		v->ts += (uint32_t)((now_us - v->idle_us) / v->ptime_us) * v->ptime_ts;
	v->due_us = now_us;
	v->played_us = now_us;
	v->marker = true;
}

/*
 * A telephone-event passes beside the audio, which it silences: event, end bit and volume as they
 * are, the duration in our clock, the timestamp that of our stream when the event began.
 */
static void put_event(struct voice *v, const struct voice_in *in, const uint8_t *payload,
	uint32_t len, uint32_t ts, uint64_t now_us)
{
	struct voice_event *e = &v->events[(v->event_at + v->n_events) % EVENTS];
	bool first = !v->event.live || v->event.in_ts != ts;

	if (len < EVENT_LEN || v->n_events == EVENTS)
		return;
	if (first) {
		v->event.live = true;
		v->event.in_ts = ts;
		v->event.out_ts = v->ts;
	}
	v->event.seen_us = payload[1] & 0x80 ? 0 : now_us;
	uint64_t duration = (uint64_t)rtp_be16(payload + 2) * v->event_hz / in->clock_hz;
	uint16_t scaled = duration < UINT16_MAX ? (uint16_t)duration : UINT16_MAX;
	e->payload[0] = payload[0];
	e->payload[1] = payload[1];
	e->payload[2] = (uint8_t)(scaled >> 8);
	e->payload[3] = (uint8_t)scaled;
	e->ts = v->event.out_ts;
	e->marker = first;
	if (v->n_events++ == 0)
		v->event_us = now_us;
}

void voice_put(struct voice *v, const uint8_t *rtp, uint32_t len, uint64_t now_us,
	struct dp_mcore_stats *stats)
{
	int payload_len = rtp_payload_len(rtp, len);
	uint32_t pad = rtp[0] & 0x20 ? rtp[len - 1] : 0;
	struct voice_in *in = find_in(v, rtp[1] & 0x7f);
	struct vp_jitter_packet p = {
		.ssrc = rtp_be32(rtp + 8),
		.seq = rtp_be16(rtp + 2),
		.marker = rtp[1] >> 7,
		.pt = rtp[1] & 0x7f,
	};

	if (!in || payload_len < 0)
		return;
	p.payload = rtp + len - pad - (uint32_t)payload_len;
	p.len = (uint32_t)payload_len;
	p.timestamp = rtp_be32(rtp + 4) * (JB_HZ / in->clock_hz);
	wake(v, now_us);
	if (in->conf.action == DP_PT_EVENT) {
		p.kind = VP_JITTER_EVENT;
		if (v->conf.send.event_pt)
			put_event(v, in, p.payload, p.len, rtp_be32(rtp + 4), now_us);
		else
			vp_keys_event(&v->keys, p.payload, p.len, in->clock_hz, rtp_be32(rtp + 4),
				p.marker, now_us);
		/* sent at once, ahead of the audio that waits */
		p.len = 0;
	} else if (in->conf.action == DP_PT_NOISE) {
		p.kind = VP_JITTER_NOISE;
	} else {
		int n = codec_samples(in->dec, p.payload, p.len);
		if (n < 0) {
			stats->drops[DP_DROP_VOICE_BROKEN]++;
			return;
		}
		p.kind = n ? VP_JITTER_VOICE : VP_JITTER_EVENT;
		p.duration_ts = (uint32_t)n * (JB_HZ / in->dec->rate_hz);
	}
	(void)vp_jitter_put(v->jitter, &p, now_us);
}

/* ---- what is played ---- */

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

static void append_silence(struct voice *v, uint32_t n)
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
	struct voice_in *in = find_in(v, c->pt);
	int16_t pcm[CODEC_SAMPLES_MAX];
	uint32_t from = v->n_fifo;
	int n;

	if (c->kind == VP_JITTER_NOISE)
		hear_noise(v, c);
	if (c->kind != VP_JITTER_VOICE)
		return;
	if (!in || !in->dec) {
		append_silence(
			v, c->duration_ts / (JB_HZ / v->rate_hz)); /* of another codec once */
		return;
	}
	n = codec_decode(in->dec, c->payload, c->len, pcm, CODEC_SAMPLES_MAX);
	if (n < 0) {
		stats->drops[DP_DROP_VOICE_BROKEN]++;
		append_silence(v, c->duration_ts / (JB_HZ / v->rate_hz));
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
	uint32_t n = duration_ts / (JB_HZ / dec->rate_hz);

	n = (n + frame - 1) / frame * frame;
	return n < CODEC_SAMPLES_MAX ? (int)n : CODEC_SAMPLES_MAX;
}

/* By the codec's own means; false: it has none. next: the packet after the gap, or NULL. */
static bool conceal_own(struct voice *v, uint32_t duration_ts, const struct vp_jitter_chunk *next)
{
	int16_t pcm[CODEC_SAMPLES_MAX];
	bool use = next && next->payload && find_in(v, next->pt) == v->last;
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
	uint32_t n = c->duration_ts / (JB_HZ / v->rate_hz), room = v->fifo_max - v->n_fifo;

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
	uint32_t n = duration_ts / (JB_HZ / v->rate_hz), room = v->fifo_max - v->n_fifo;

	if (!v->noise_known && v->last && v->last->dec->codec->flags & CODEC_HAS_DTX &&
		conceal_own(v, duration_ts, NULL))
		return;
	n = n < room ? n : room;
	vp_noise_gen_run(&v->noise, v->fifo + v->n_fifo, n);
	v->n_fifo += n;
}

/* Fills the queue with what one packet needs; false: there is nothing to be heard. */
static bool fill(struct voice *v, uint64_t now_us, struct dp_mcore_stats *stats)
{
	uint32_t want = v->enc->n_samples, scale = JB_HZ / v->rate_hz;
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
			append_silence(v, want - v->n_fifo);
			break;
		}
	}
	v->played_us = now_us;
	v->quiet = !vp_vad_run(&v->vad, v->fifo, want);
	return true;
}

/* ---- what leaves ---- */

static void put_header(struct voice *v, uint8_t *rtp, uint8_t pt, bool marker, uint32_t ts)
{
	uint32_t ssrc = v->ssrc;

	rtp[0] = 0x80;
	rtp[1] = (uint8_t)(marker << 7 | pt);
	rtp[2] = (uint8_t)(v->seq >> 8);
	rtp[3] = (uint8_t)v->seq;
	for (int i = 0; i < 4; i++) {
		rtp[4 + i] = (uint8_t)(ts >> (24 - 8 * i));
		rtp[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
	}
	v->seq++;
}

uint64_t voice_due_us(const struct voice *v)
{
	return v->n_events && v->event_us < v->due_us ? v->event_us : v->due_us;
}

static uint32_t send_event(struct voice *v, uint8_t *rtp)
{
	const struct voice_event *e = &v->events[v->event_at];

	put_header(v, rtp, v->conf.send.event_pt, e->marker, e->ts);
	memcpy(rtp + RTP_HDR_LEN, e->payload, EVENT_LEN);
	v->event_at = (v->event_at + 1) % EVENTS;
	v->n_events--;
	return RTP_HDR_LEN + EVENT_LEN;
}

/* Silence passes as silence: its noise when it is another one, else nothing (RFC 3389 4). */
static uint32_t send_noise(struct voice *v, uint8_t *rtp, uint32_t ts, uint32_t max)
{
	int n;

	v->marker = true;
	if (!v->noise_news)
		return 0;
	v->noise_news = false;
	n = vp_noise_build(&v->noise_told, rtp + RTP_HDR_LEN, max - RTP_HDR_LEN);
	if (n <= 0)
		return 0;
	put_header(v, rtp, v->conf.send.noise_pt, false, ts);
	return RTP_HDR_LEN + (uint32_t)n;
}

/* One packet time passes. The last tick of a direction that has been silent for long. */
static void advance(struct voice *v, uint64_t now_us)
{
	v->ts += v->ptime_ts;
	v->due_us += v->ptime_us;
	if (now_us > v->played_us + IDLE_MS * UINT64_C(1000)) {
		v->idle_us = v->due_us;
		v->due_us = UINT64_MAX;
	}
}

static bool in_event(struct voice *v, uint64_t now_us)
{
	return v->event.seen_us && now_us < v->event.seen_us + EVENT_GONE_US;
}

static void consume(struct voice *v)
{
	v->n_fifo -= v->enc->n_samples;
	memmove(v->fifo, v->fifo + v->enc->n_samples, v->n_fifo * sizeof(*v->fifo));
}

/* Keys in place of what was to be heard, or of nothing. Whether there are any. */
static bool put_tones(struct voice *v, uint64_t now_us)
{
	if (!vp_keys_busy(&v->keys, now_us))
		return false;
	if (v->n_fifo < v->enc->n_samples)
		append_silence(v, v->enc->n_samples - v->n_fifo);
	vp_keys_tones(&v->keys, v->fifo, v->enc->n_samples);
	v->played_us = now_us;
	v->all_silent = false;
	return true;
}

/* Tones in what is about to be sent leave it. Whether events go in place of it. */
static bool find_tones(struct voice *v, uint32_t ts, uint64_t now_us)
{
	struct vp_event_tx_packet packets[VP_EVENT_TX_PACKETS];
	int n = vp_keys_find(&v->keys, v->fifo, v->enc->n_samples, ts, v->ptime_us / 1000, packets);

	for (int i = 0; i < n && v->n_events < EVENTS; i++) {
		struct voice_event *e = &v->events[(v->event_at + v->n_events) % EVENTS];
		memcpy(e->payload, packets[i].payload, EVENT_LEN);
		e->ts = packets[i].timestamp;
		e->marker = packets[i].marker;
		if (v->n_events++ == 0)
			v->event_us = now_us;
	}
	return n > 0;
}

uint32_t voice_tick(
	struct voice *v, uint64_t now_us, uint8_t *rtp, uint32_t max, struct dp_mcore_stats *stats)
{
	uint32_t ts = v->ts;
	bool heard;
	int n;

	if (v->n_events)
		return send_event(v, rtp);
	heard = fill(v, now_us, stats);
	heard = put_tones(v, now_us) || heard;
	if (!heard) {
		v->marker = true;
		advance(v, now_us);
		return 0;
	}
	advance(v, now_us);
	if (find_tones(v, ts, now_us) || in_event(v, now_us)) {
		consume(v);
		v->marker = true;
		return 0;
	}
	if (v->all_silent && v->noise_known && v->conf.send.noise_pt) {
		consume(v);
		return send_noise(v, rtp, ts, max);
	}
	n = codec_encode(v->enc, v->fifo, rtp + RTP_HDR_LEN, max - RTP_HDR_LEN);
	stats->encoded++;
	consume(v);
	if (n <= 0) {
		v->marker = true;
		return 0;
	}
	put_header(v, rtp, v->conf.send.pt, v->marker, ts);
	v->marker = false;
	return RTP_HDR_LEN + (uint32_t)n;
}

/* The oldest of what waits goes, undecoded. */
void voice_skip(struct voice *v, uint64_t now_us)
{
	uint32_t scale = JB_HZ / v->rate_hz, left = v->enc->n_samples;
	struct vp_jitter_chunk c;

	if (v->n_events) {
		v->event_at = (v->event_at + 1) % EVENTS;
		v->n_events--;
		return;
	}
	v->n_fifo = 0;
	v->n_held = 0;
	while (left) {
		uint32_t n;
		vp_jitter_get(v->jitter, now_us, left * scale, true, &c);
		if (c.what == VP_JITTER_WAIT)
			break;
		v->played_us = now_us;
		n = c.duration_ts / scale;
		left -= n < left ? n : left;
	}
	v->marker = true;
	advance(v, now_us);
}
