/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See voice.h. What arrives: packets go to the jitter buffer, telephone-events past it. Called by
 * the media core that has the direction.
 */
#include <string.h>

#include "dataplane/stages/rtp.h"
#include "dataplane/transcode/voice_priv.h"

#define EVENT_SEGMENT_MIN 0xf000 /* they end near 0xffff; senders round to their packets */

struct voice_in *voice_in_find(struct voice *v, uint8_t pt)
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

/* A segment of the press before, not another press (RFC 4733 2.5.1.3): right behind it. */
static bool goes_on(const struct voice *v, uint8_t code, uint32_t ts, bool marker)
{
	uint32_t ahead = ts - v->event.in_ts;

	return v->event.live && !marker && code == v->event.code && ahead >= EVENT_SEGMENT_MIN &&
	       ahead <= UINT16_MAX;
}

/*
 * A telephone-event passes beside the audio, which it silences: event, end bit, volume and duration
 * as they are, the timestamp that of our stream when the event began.
 */
static void pass_event(struct voice *v, const uint8_t *payload, uint32_t len, uint32_t ts,
	bool marker, uint64_t now_us)
{
	struct voice_event *e = &v->events[(v->event_at + v->n_events) % VOICE_EVENTS];
	bool segment = len >= VOICE_EVENT_LEN && goes_on(v, payload[0], ts, marker);
	bool first = !v->event.live || v->event.in_ts != ts;

	if (len < VOICE_EVENT_LEN || v->n_events == VOICE_EVENTS)
		return;
	e->ts = v->event.out_ts;
	if (v->event.live && v->event.segments && ts - v->event.before_ts == 0) {
		/* the end of the segment before, sent again */
		e->ts = v->event.before_out_ts;
		first = false;
	} else if (first) {
		v->event.before_ts = v->event.in_ts;
		v->event.before_out_ts = v->event.out_ts;
		v->event.segments = segment;
		e->ts = segment ? v->event.out_ts + (uint32_t)((uint64_t)(ts - v->event.in_ts) *
							       v->out_hz / v->event_hz)
				: v->ts;
		v->event.live = true;
		v->event.code = payload[0];
		v->event.in_ts = ts;
		v->event.out_ts = e->ts;
	}
	v->event.seen_us = payload[1] & 0x80 ? 0 : now_us;
	memcpy(e->payload, payload, VOICE_EVENT_LEN);
	e->marker = first && !segment;
	if (v->n_events++ == 0)
		v->event_us = now_us;
}

/* Those of another clock, whose durations may not fit, and those for a leg without events. */
static void put_event(struct voice *v, const struct voice_in *in, const uint8_t *payload,
	uint32_t len, uint32_t ts, bool marker, uint64_t now_us)
{
	bool passes = v->keys.conf.to == VP_KEYS_EVENTS && in->clock_hz == v->event_hz;

	vp_keys_event(&v->keys, payload, len, in->clock_hz, ts, marker, passes, now_us);
	if (passes)
		pass_event(v, payload, len, ts, marker, now_us);
}

int voice_press(struct voice *v, uint8_t code, uint32_t duration_ms, uint64_t now_us)
{
	int r = vp_keys_press(&v->keys, code, duration_ms);

	if (r == 0)
		wake(v, now_us);
	return r;
}

bool voice_told(struct voice *v, struct vp_keys_told *ret_told)
{
	return vp_keys_next(&v->keys, ret_told);
}

void voice_put(struct voice *v, const uint8_t *rtp, uint32_t len, uint64_t now_us,
	struct dp_mcore_stats *stats)
{
	int payload_len = rtp_payload_len(rtp, len);
	uint32_t pad = rtp[0] & 0x20 ? rtp[len - 1] : 0;
	struct voice_in *in = voice_in_find(v, rtp[1] & 0x7f);
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
	p.timestamp = rtp_be32(rtp + 4) * (VOICE_JB_HZ / in->clock_hz);
	wake(v, now_us);
	if (in->conf.action == DP_PT_EVENT) {
		p.kind = VP_JITTER_EVENT;
		put_event(v, in, p.payload, p.len, rtp_be32(rtp + 4), p.marker, now_us);
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
		p.duration_ts = (uint32_t)n * (VOICE_JB_HZ / in->dec->rate_hz);
	}
	(void)vp_jitter_put(v->jitter, &p, now_us);
}
