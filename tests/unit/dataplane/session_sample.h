/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session that is in order, for tests to change. */
#pragma once

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/api/dp_api.h"

static inline struct ipaddr sample_ip(const char *text, uint16_t port)
{
	struct ipaddr a;
	if (ipaddr_parse(view_of(text), port, &a))
		abort();
	return a;
}

/* SRTP on one leg: its key bytes are 0xd1 (rx) and 0xd2 (tx). */
static inline void sample_srtp(struct dp_leg *leg, uint8_t suite)
{
	const struct dp_srtp_suite_info *info = dp_srtp_suite(suite);
	leg->rx = leg->tx = (struct dp_srtp){.suite = suite};
	memset(leg->rx.key, 0xd1, info->key_len + info->salt_len);
	memset(leg->tx.key, 0xd2, info->key_len + info->salt_len);
}

/* What leg A sends with payload type 8 is transcoded for leg B. */
static inline void sample_voice(struct dp_session *s, uint8_t from, uint8_t to)
{
	s->leg[0].payloads[0] = (struct dp_payload){
		.pt = 8, .action = DP_PT_TRANSCODE, .codec = from, .clock_hz = 8000};
	s->leg[0].payloads[1].action = DP_PT_EVENT;
	s->leg[1].send = (struct dp_send){.codec = to, .pt = 96, .event_pt = 101};
}

/* Something is played to a leg: prompt or room 1, or a tone; in PCMA. */
static inline void sample_play(struct dp_session *s, unsigned int leg, uint8_t kind)
{
	struct dp_leg *l = &s->leg[leg];
	l->play = (struct dp_play){.kind = kind, .id = kind != DP_PLAY_TONE, .serial = 1};
	if (kind == DP_PLAY_TONE)
		l->play.steps[0] = (struct dp_tone_step){.hz = {425}};
	l->send = (struct dp_send){.codec = DP_CODEC_PCMA, .pt = 8};
	l->payloads[0].codec = DP_CODEC_PCMA;
}

/* Leg A alone. */
static inline void sample_one_leg(struct dp_session *s)
{
	memset(&s->leg[1], 0, sizeof s->leg[1]);
	for (unsigned int i = 0; i < s->leg[0].n_payloads; i++)
		s->leg[0].payloads[i].action = DP_PT_RELAY;
}

/* Local ports are 16384 + 2 * (id - 1) on both sides. */
static inline struct dp_session sample_session(uint64_t id)
{
	uint16_t port = (uint16_t)(16384 + 2 * ((id - 1) % 8000));
	struct dp_leg leg = {
		.flags = DP_LEG_SEND | DP_LEG_RECV,
		.n_payloads = 2,
		.payloads = {{.pt = 8, .clock_hz = 8000}, {.pt = 101}},
	};
	struct dp_session s = {.id = id, .call_id = id + 1000000, .leg = {leg, leg}};
	s.leg[0].local = sample_ip("192.0.2.1", port);
	s.leg[0].remote_rtp = sample_ip("192.0.2.10", 4000);
	s.leg[1].local = sample_ip("198.51.100.1", port);
	s.leg[1].remote_rtp = sample_ip("198.51.100.10", 6000);
	return s;
}
