/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The figures of a call, while it lasts and when it ends: sums over its media lines, ratings and
 * verdict. One function makes both, so that what is shown live is what the record will say.
 */
#include <string.h>

#include "controlplane/core/calls_private.h"
#include "controlplane/quality/quality.h"

#define PT_COMFORT_NOISE 13 /* RFC 3389 */

/* A codec that pauses, as far as the session knows: comfort noise was negotiated. */
static bool leg_pauses(const struct dp_leg *leg)
{
	for (unsigned int i = 0; i < leg->n_payloads && i < DP_PAYLOAD_TYPES; i++)
		if (leg->payloads[i].pt == PT_COMFORT_NOISE)
			return true;
	return false;
}

/* A leg that one line expects to hear is expected to be heard. */
static void look_at_legs(const struct call *call, struct quality_input *in)
{
	uint64_t sum_us[DP_LEGS] = {0};
	uint32_t n[DP_LEGS] = {0};

	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		in->held[leg] = true;
		for (unsigned int i = 0; i < CTL_MEDIA_MAX; i++) {
			const struct media_session *s = call->media[i];
			if (s == NULL)
				continue;
			if (s->conf.leg[leg].flags & DP_LEG_RECV)
				in->held[leg] = false;
			if (leg_pauses(&s->conf.leg[leg]))
				in->pauses[leg] = true;
			sum_us[leg] += s->jitter_sum_us[leg];
			n[leg] += s->n_jitter[leg];
		}
		in->mean_jitter_us[leg] = n[leg] ? (uint32_t)(sum_us[leg] / n[leg])
						 : QUALITY_UNKNOWN_U32;
	}
}

void calls_record(const struct calls *cs, const struct call *call, uint64_t wall_now_ms,
	struct record *ret_record)
{
	struct record *r = ret_record;
	struct quality_input in = {.from = r->from,
		.codec = {call->info.codec[0], call->info.codec[1]},
		.transcoded = call->info.transcoded};

	memset(r, 0, sizeof(*r));
	calls_info(call, &r->call);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		r->from[leg].last_rx_ago_ms = r->from[leg].first_rx_ago_ms = UINT64_MAX;
	for (unsigned int i = 0; i < CTL_MEDIA_MAX; i++) {
		struct dp_stream_sum sums[DP_LEGS];
		if (call->media[i] == NULL)
			continue;
		r->n_media++;
		r->source = record_source_add(
			r->source, sessions_sum(cs->sessions, call->media[i], sums));
		for (unsigned int leg = 0; leg < DP_LEGS; leg++)
			record_sum_add(&r->from[leg], &sums[leg]);
	}
	uint64_t until_ms = call->info.end_ms != 0 ? call->info.end_ms : wall_now_ms;
	if (call->info.answer_ms != 0 && until_ms > call->info.answer_ms)
		in.talked_ms = until_ms - call->info.answer_ms;
	in.has_media = r->n_media > 0 && r->source != RECORD_MEDIA_UNKNOWN;
	look_at_legs(call, &in);
	quality_judge(&in, &r->quality);
}
