/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See check.h. */
#include "dataplane/session/check.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "dataplane/session/direction.h"
#include "dataplane/session/stream.h"

#define FLAGS_KNOWN                                                                             \
	(DP_LEG_SEND | DP_LEG_RECV | DP_LEG_RTCP_MUX | DP_LEG_LATCH | DP_LEG_ANY_PT |           \
		DP_LEG_EARLY | DP_LEG_RTCP_OWN | DP_LEG_RTCP_STRICT | DP_LEG_NAT | DP_LEG_TAP | \
		DP_LEG_BUNDLE | DP_LEG_DTMF | DP_LEG_TONES)

#define TONE_HZ_MIN    20
#define TONE_HZ_MAX    3400
#define PLAY_LEVEL_MAX 40
#define PLAY_KIND_MAX  DP_PLAY_ROOM

static bool is_zero(const void *p, size_t n)
{
	const uint8_t *b = p;
	/* The first octet is, and each is like the one before. */
	return n == 0 || (!b[0] && memcmp(b, b + 1, n - 1) == 0);
}

/* An address and port that one host can send from. */
static const char *endpoint_fault(const struct ipaddr *a)
{
	if (!ipaddr_valid(a))
		return "is no address";
	if (ipaddr_is_any(a) || ipaddr_is_multicast(a))
		return "is not the address of one host";
	if (a->family == 4 && is_zero((const uint8_t[4]){(uint8_t)~a->ip[0], (uint8_t)~a->ip[1],
					      (uint8_t)~a->ip[2], (uint8_t)~a->ip[3]},
				      4))
		return "is the broadcast address";
	if (ipaddr_port(a) == 0)
		return "has no port";
	return NULL;
}

static const char *local_fault(const struct dp_leg *leg)
{
	if (!ipaddr_is_set(&leg->local))
		return "local address is missing";
	if (endpoint_fault(&leg->local))
		return "local address is not that of one host, or without a port";
	if (ipaddr_port(&leg->local) & 1)
		return "local port is odd";
	return NULL;
}

static const char *remote_fault(const struct dp_leg *leg)
{
	const struct ipaddr *rtp = &leg->remote_rtp, *rtcp = &leg->remote_rtcp;
	if (!ipaddr_valid(rtp) || !ipaddr_valid(rtcp))
		return "remote address is malformed";
	if (ipaddr_is_set(rtp) && (endpoint_fault(rtp) || rtp->family != leg->local.family))
		return "remote address is not that of one host in the local address's family";
	if (ipaddr_is_set(rtcp) && (endpoint_fault(rtcp) || rtcp->family != leg->local.family))
		return "remote RTCP address is not that of one host in the local family";
	if ((leg->flags & DP_LEG_RTCP_MUX) && ipaddr_is_set(rtcp) && !ipaddr_equal(rtp, rtcp))
		return "remote RTCP address differs although RTCP is muxed";
	return NULL;
}

static const char *params_fault(uint8_t codec, const struct dp_codec_params *params)
{
	if (codec >= DP_CODEC_END)
		return "unknown codec";
	if (!codec && !is_zero(params, sizeof *params))
		return "parameters of no codec";
	if (!is_zero(params->zero, sizeof params->zero))
		return "reserved bytes of a codec's parameters are not zero";
	if (params->ptime_ms && !dp_codec_ptime_ok(dp_codec_row(codec), params->ptime_ms))
		return "packet time that the codec does not have";
	return NULL;
}

static const char *payload_fault(const struct dp_payload *p)
{
	if (p->pt > 127 || p->pt_out > 127)
		return "payload type over 127";
	if (p->clock_hz > STREAM_CLOCK_MAX)
		return "clock rate out of range";
	if (p->action > DP_PT_NOISE)
		return "unknown action";
	if (p->pt_out && p->action != DP_PT_RENUMBER && p->action != DP_PT_EVENT)
		return "another payload type without the action for it";
	if (p->action == DP_PT_TRANSCODE && !p->codec)
		return "transcoding from no codec";
	return params_fault(p->codec, &p->params);
}

static const char *payloads_fault(const struct dp_leg *leg)
{
	uint64_t seen[2] = {0};
	if (leg->n_payloads > DP_PAYLOAD_TYPES)
		return "too many payload types";
	for (unsigned int i = 0; i < leg->n_payloads; i++) {
		const struct dp_payload *p = &leg->payloads[i];
		const char *why = payload_fault(p);
		if (why)
			return why;
		if (seen[p->pt / 64] >> (p->pt % 64) & 1)
			return "payload type twice";
		seen[p->pt / 64] |= UINT64_C(1) << (p->pt % 64);
	}
	/* So that equal sessions are equal bytes. */
	if (!is_zero(&leg->payloads[leg->n_payloads],
		    (DP_PAYLOAD_TYPES - leg->n_payloads) * sizeof leg->payloads[0]))
		return "payload types after the last one";
	return NULL;
}

static const char *srtp_fault(const struct dp_leg *leg)
{
	if (!dp_srtp_valid(&leg->rx) || !dp_srtp_valid(&leg->tx))
		return "unknown SRTP suite, or a key of another length";
	if (!leg->rx.suite != !leg->tx.suite)
		return "SRTP in one direction only";
	return NULL;
}

static bool state_valid(const struct dp_srtp_state *st)
{
	return st->rtp_next <= DP_SRTP_RTP_END && st->rtcp_next <= DP_SRTP_RTCP_END && !st->zero;
}

static const char *state_fault(const struct dp_session *s)
{
	for (unsigned int i = 0; i < DP_LEGS; i++)
		if (!state_valid(&s->srtp_rx[i]) || !state_valid(&s->srtp_tx[i]))
			return "SRTP index out of range";
	return NULL;
}

/* So that equal sessions are equal bytes. */
static const char *one_leg_fault(const struct dp_session *s)
{
	if (!is_zero(&s->leg[1], sizeof s->leg[1]) ||
		!is_zero(&s->srtp_rx[1], sizeof s->srtp_rx[1]) ||
		!is_zero(&s->srtp_tx[1], sizeof s->srtp_tx[1]))
		return "something about a leg that has no local address";
	return NULL;
}

static const char *send_fault(const struct dp_send *s)
{
	if (s->pt > 127 || s->event_pt > 127 || s->noise_pt > 127)
		return "payload type over 127";
	if (!is_zero(s->zero, sizeof s->zero))
		return "reserved bytes are not zero";
	if (s->event_khz && s->event_khz != 8 && s->event_khz != 16 && s->event_khz != 32 &&
		s->event_khz != 48)
		return "clock of telephone-event that is none";
	if (s->digits > DP_DIGITS_AWAY)
		return "unknown way of digits";
	if (!s->codec && s->pt)
		return "payload type of no codec";
	/* 0 is PCMU, never one of the two */
	if ((s->event_pt && s->event_pt == s->noise_pt) ||
		(s->codec && ((s->event_pt && s->event_pt == s->pt) ||
				     (s->noise_pt && s->noise_pt == s->pt))))
		return "one payload type for two things";
	return params_fault(s->codec, &s->params);
}

static const char *bundle_fault(const struct dp_leg *leg)
{
	const struct dp_bundle *b = &leg->bundle;
	if (!(leg->flags & DP_LEG_BUNDLE))
		return is_zero(b, sizeof *b) ? NULL : "bundle without its flag";
	if (!(leg->flags & DP_LEG_RTCP_MUX))
		return "bundle without rtcp-mux";
	if (b->n_ssrcs > DP_BUNDLE_SSRCS || b->mid_len > DP_MID_MAX || b->mid_ext == 15)
		return "bundle with too many SSRCs, too long a MID, or a reserved extension id";
	if (!is_zero(b->zero, sizeof b->zero) ||
		!is_zero(b->ssrc + b->n_ssrcs, (DP_BUNDLE_SSRCS - b->n_ssrcs) * sizeof *b->ssrc) ||
		!is_zero(b->mid + b->mid_len, (size_t)DP_MID_MAX - b->mid_len))
		return "reserved bytes of a bundle are not zero";
	return NULL;
}

/* Frequencies that a telephone passes. */
static bool tone_hz_valid(const struct dp_tone_step *step)
{
	for (unsigned int i = 0; i < DP_TONE_FREQS; i++)
		if (step->hz[i] && (step->hz[i] < TONE_HZ_MIN || step->hz[i] > TONE_HZ_MAX))
			return false;
	return step->hz[0] || !step->hz[1];
}

static const char *tone_fault(const struct dp_tone_step steps[DP_TONE_STEPS])
{
	bool last = false;
	for (unsigned int i = 0; i < DP_TONE_STEPS; i++) {
		const struct dp_tone_step *step = &steps[i];
		if (step->zero || !tone_hz_valid(step))
			return "step of a tone that is none";
		if (last && !is_zero(step, sizeof *step))
			return "steps after the last one of a tone";
		last = last || !step->ms;
		if (i && !step->ms && step->hz[0])
			return "step of a tone that takes no time";
	}
	return NULL;
}

static const char *play_fault(const struct dp_play *p, const struct dp_send *send)
{
	bool by_id = p->kind == DP_PLAY_PROMPT || p->kind == DP_PLAY_ROOM;
	if (p->kind > PLAY_KIND_MAX)
		return "unknown kind of what is played";
	if (p->kind == DP_PLAY_NONE)
		return is_zero(p, sizeof *p) ? NULL : "something about what is not played";
	if (!send->codec)
		return "something is played, and no codec for it";
	if (p->zero || !p->id == by_id)
		return "what is played has no id where one is needed, or one where none is";
	if (p->flags & ~(uint32_t)(p->kind == DP_PLAY_PROMPT ? DP_PLAY_LOOP : 0))
		return "unknown flag of what is played";
	if (p->level > PLAY_LEVEL_MAX || (p->level && p->kind != DP_PLAY_TONE))
		return "level of what is played";
	if (p->max_ms && p->kind == DP_PLAY_ROOM)
		return "a room with an end";
	if (p->kind == DP_PLAY_TONE)
		return tone_fault(p->steps);
	return is_zero(p->steps, sizeof p->steps) ? NULL : "steps of what is no tone";
}

static const char *leg_fault(const struct dp_leg *leg)
{
	const char *why = local_fault(leg);
	if (!why)
		why = remote_fault(leg);
	if (!why)
		why = payloads_fault(leg);
	if (!why)
		why = srtp_fault(leg);
	if (!why)
		why = send_fault(&leg->send);
	if (!why)
		why = bundle_fault(leg);
	if (!why)
		why = play_fault(&leg->play, &leg->send);
	if (!why && (leg->flags & ~(uint32_t)FLAGS_KNOWN))
		why = "unknown flag";
	if (!why && leg->dscp > 63)
		why = "DSCP over 63";
	return why;
}

/* Of what one leg sends, both legs being in order by themselves. */
static const char *direction_fault(const struct dp_session *s, unsigned int leg)
{
	const struct dp_leg *in = &s->leg[leg];
	const struct dp_send *send = &s->leg[!leg].send;
	bool voice = direction_is_voice(s, leg);
	if (!voice && in->flags & DP_LEG_TONES)
		return "tones to be found where nothing is decoded";
	if (voice && in->flags & DP_LEG_ANY_PT)
		return "any payload type, where some are transcoded";
	for (unsigned int i = 0; i < in->n_payloads; i++) {
		uint8_t action = in->payloads[i].action;
		if (action == DP_PT_TRANSCODE && !send->codec)
			return "transcoding to no codec";
		if (voice && (action == DP_PT_RELAY || action == DP_PT_RENUMBER))
			return "payload type that passes beside one that is transcoded";
	}
	return NULL;
}

/* Bit n for codec n, of what is to be decoded from leg and encoded for the other. */
static uint32_t codecs_needed(const struct dp_session *s, unsigned int leg)
{
	const struct dp_leg *in = &s->leg[leg];
	uint32_t mask = 0;
	bool voice = direction_is_voice(s, leg), room = in->play.kind == DP_PLAY_ROOM;
	for (unsigned int i = 0; i < in->n_payloads; i++) {
		const struct dp_payload *p = &in->payloads[i];
		if (voice ? p->action == DP_PT_TRANSCODE : room && p->codec)
			mask |= UINT32_C(1) << p->codec;
	}
	return direction_is_made(s, leg) ? mask | UINT32_C(1) << s->leg[!leg].send.codec : mask;
}

int session_check(
	const struct dp_session *s, unsigned int n_workers, uint32_t codecs, const char **ret_why)
{
	const char *why = s->id ? NULL : "id is 0";
	unsigned int n_legs = dp_session_n_legs(s);
	for (unsigned int i = 0; i < n_legs && !why; i++)
		why = leg_fault(&s->leg[i]);
	if (!why)
		why = state_fault(s);
	if (!why && n_legs == 1)
		why = one_leg_fault(s);
	for (unsigned int i = 0; i < DP_LEGS && !why; i++)
		why = direction_fault(s, i);
	if (why) {
		*ret_why = why;
		return -EINVAL;
	}
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		if (codecs_needed(s, i) & ~codecs) {
			*ret_why = "a codec that is not there";
			return -ENOTSUP;
		}
	}
	if (n_legs == 1)
		return 0;
	const struct ipaddr *a = &s->leg[0].local, *b = &s->leg[1].local;
	if (ipaddr_equal(a, b)) {
		*ret_why = "both legs have the same local address";
		return -EADDRINUSE;
	}
	if (dp_port_owner(ipaddr_port(a), n_workers) != dp_port_owner(ipaddr_port(b), n_workers)) {
		*ret_why = "the legs' ports belong to different workers";
		return -EXDEV;
	}
	return 0;
}
