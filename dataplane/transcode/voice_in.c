/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See voice.h. What arrives: packets go to the jitter buffer, telephone-events past it. Called by
 * the media core that has the direction.
 */
#include "dataplane/stages/rtp.h"
#include "dataplane/transcode/voice_priv.h"

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

/*
 * A telephone-event passes beside the audio, which it silences: event, end bit and volume as they
 * are, the duration in our clock, the timestamp that of our stream when the event began.
 */
static void put_event(struct voice *v, const struct voice_in *in, const uint8_t *payload,
	uint32_t len, uint32_t ts, uint64_t now_us)
{
	struct voice_event *e = &v->events[(v->event_at + v->n_events) % VOICE_EVENTS];
	bool first = !v->event.live || v->event.in_ts != ts;

	if (len < VOICE_EVENT_LEN || v->n_events == VOICE_EVENTS)
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
		p.duration_ts = (uint32_t)n * (VOICE_JB_HZ / in->dec->rate_hz);
	}
	(void)vp_jitter_put(v->jitter, &p, now_us);
}
