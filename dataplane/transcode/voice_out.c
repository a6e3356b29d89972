/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See voice.h. What leaves: events that wait, tones, noise, encoded voice, and the time that
 * passes. Called by the media core that has the direction.
 */
#include <string.h>

#include "dataplane/stages/rtp.h"
#include "dataplane/transcode/voice_priv.h"

#define IDLE_MS	      1000   /* without anything to play: no ticks until a packet comes */
#define EVENT_GONE_US 200000 /* an event without an end, RFC 4733 2.5.1.2: three packets lost */

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
	memcpy(rtp + RTP_HDR_LEN, e->payload, VOICE_EVENT_LEN);
	v->event_at = (v->event_at + 1) % VOICE_EVENTS;
	v->n_events--;
	return RTP_HDR_LEN + VOICE_EVENT_LEN;
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
static bool put_keys(struct voice *v, uint64_t now_us)
{
	if (!vp_keys_busy(&v->keys, now_us))
		return false;
	if (v->n_fifo < v->enc->n_samples)
		voice_append_silence(v, v->enc->n_samples - v->n_fifo);
	vp_keys_tones(&v->keys, v->fifo, v->enc->n_samples);
	v->played_us = now_us;
	v->all_silent = false;
	return true;
}

/* Tones in what is about to be sent leave it. Whether events go in place of it. */
static bool find_tones(struct voice *v, uint32_t ts, uint64_t now_us)
{
	struct vp_event_tx_packet packets[VP_EVENT_TX_PACKETS];
	int n = vp_keys_run(&v->keys, v->fifo, v->enc->n_samples, ts, v->ptime_us / 1000, packets);

	for (int i = 0; i < n && v->n_events < VOICE_EVENTS; i++) {
		struct voice_event *e = &v->events[(v->event_at + v->n_events) % VOICE_EVENTS];
		memcpy(e->payload, packets[i].payload, VOICE_EVENT_LEN);
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
	heard = voice_fill(v, now_us, stats);
	heard = put_keys(v, now_us) || heard;
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
	/* G.729 with annex B leaves out what was silent before speech set in. */
	ts += (uint32_t)((uint64_t)v->enc->n_skipped * v->ptime_ts / v->enc->n_samples);
	put_header(v, rtp, v->conf.send.pt, v->marker, ts);
	v->marker = false;
	return RTP_HDR_LEN + (uint32_t)n;
}

/* The oldest of what waits goes, undecoded. */
void voice_skip(struct voice *v, uint64_t now_us)
{
	uint32_t scale = VOICE_JB_HZ / v->rate_hz, left = v->enc->n_samples;
	struct vp_jitter_chunk c;

	if (v->n_events) {
		v->event_at = (v->event_at + 1) % VOICE_EVENTS;
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
