/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See direction.h. */
#include "dataplane/session/direction.h"

static bool is_g711(uint8_t codec)
{
	return codec == DP_CODEC_PCMU || codec == DP_CODEC_PCMA;
}

bool direction_is_heard(const struct dp_session *session, unsigned int leg)
{
	return dp_session_n_legs(session) == DP_LEGS && !session->leg[!leg].play.kind &&
	       session->leg[leg].play.kind != DP_PLAY_ROOM;
}

bool direction_is_voice(const struct dp_session *session, unsigned int leg)
{
	const struct dp_leg *in = &session->leg[leg];
	const struct dp_send *send = &session->leg[!leg].send;
	bool table = is_g711(send->codec) && send->params.ptime_ms == 0;

	if (!direction_is_heard(session, leg))
		return false;
	for (unsigned int i = 0; i < in->n_payloads && i < DP_PAYLOAD_TYPES; i++) {
		const struct dp_payload *p = &in->payloads[i];
		if (p->action == DP_PT_TRANSCODE && !(table && is_g711(p->codec)))
			return true;
	}
	return false;
}

bool direction_is_made(const struct dp_session *session, unsigned int leg)
{
	return session->leg[!leg].play.kind || direction_is_voice(session, leg);
}

uint8_t direction_pt_out(const struct dp_session *session, unsigned int leg, unsigned int i)
{
	const struct dp_payload *p = &session->leg[leg].payloads[i];
	const struct dp_send *send = &session->leg[!leg].send;

	switch (p->action) {
	case DP_PT_RENUMBER:
		return p->pt_out;
	case DP_PT_TRANSCODE:
		return send->pt;
	case DP_PT_EVENT:
		if (p->pt_out)
			return p->pt_out;
		return send->event_pt ? send->event_pt : DIRECTION_PT_NONE;
	case DP_PT_NOISE:
		return send->noise_pt ? send->noise_pt : DIRECTION_PT_NONE;
	default:
		return p->pt;
	}
}

enum direction_law direction_law(const struct dp_session *session, unsigned int leg, unsigned int i)
{
	const struct dp_payload *p = &session->leg[leg].payloads[i];
	const struct dp_send *send = &session->leg[!leg].send;

	if (p->action != DP_PT_TRANSCODE || p->codec == send->codec)
		return DIRECTION_LAW_KEEP;
	return p->codec == DP_CODEC_PCMU ? DIRECTION_LAW_U_TO_A : DIRECTION_LAW_A_TO_U;
}
