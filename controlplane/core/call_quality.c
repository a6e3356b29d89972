/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The figures of a call, while it lasts and when it ends: sums over its media lines, ratings and
 * verdict. One function makes both, so that what is shown live is what the record will say.
 */
#include <string.h>

#include "controlplane/core/calls_private.h"
#include "controlplane/quality/emodel.h"
#include "controlplane/core/recordings.h"
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
	recordings_record(call, &r->recording);
}

/* ---- what XR of our own says ---- */

#define RATE_PARTS 4	/* seconds until a call has its turn again */
#define RATE_MOST  1000 /* calls in a second */

/* hundredths to whole numbers, or to tenths of a MOS; not known: 127. */
static uint8_t rounded(uint32_t hundredths, uint32_t unit, uint32_t max)
{
	uint32_t n = (hundredths + unit / 2) / unit;

	return (uint8_t)(hundredths == 0 ? DP_RATING_NONE : n < max ? n : max);
}

/* R of wide band ends at 129, that of a report at 100: G.107.1 has the factor between them. */
static struct dp_rating rating_of(
	const struct quality_score *score, const char *codec, uint64_t session_id, unsigned int leg)
{
	const struct emodel_codec *c = emodel_codec_find(codec);
	uint32_t r = c != NULL && c->wideband ? score->r * 100 / 129 : score->r;

	return (struct dp_rating){.session_id = session_id,
		.leg = leg,
		.r_factor = rounded(r, 100, 100),
		.mos_lq = rounded(score->mos_lq, 10, 50),
		.mos_cq = rounded(score->mos_cq, 10, 50)};
}

static bool reports_itself(const struct call *call)
{
	for (unsigned int i = 0; i < CTL_MEDIA_MAX; i++) {
		const struct media_session *s = call->media[i];
		if (s != NULL &&
			((s->conf.leg[0].flags | s->conf.leg[1].flags) & DP_LEG_RTCP_OWN) != 0)
			return true;
	}
	return false;
}

/* The first line with sound of a call is the one that is rated; ratings are of the whole call. */
static void rate_call(const struct calls *cs, const struct call *call)
{
	struct record record;

	calls_record(cs, call, cs->ops.wall_ms(cs->ops.arg), &record);
	for (unsigned int i = 0; i < CTL_MEDIA_MAX; i++) {
		const struct media_session *s = call->media[i];
		for (unsigned int leg = 0; s != NULL && leg < DP_LEGS; leg++) {
			if ((s->conf.leg[leg].flags & DP_LEG_RTCP_OWN) == 0)
				continue;
			struct dp_rating rating = rating_of(
				&record.quality.leg[leg].heard, call->info.codec[leg], s->id, leg);
			cs->ops.rating(cs->ops.arg, &rating);
		}
		if (s != NULL)
			return;
	}
}

void calls_rate(struct calls *cs)
{
	uint64_t n = cs->by_id.n / RATE_PARTS + 1;

	for (n = n < RATE_MOST ? n : RATE_MOST; n > 0; n--) {
		const struct call *call = idmap_next(&cs->by_id, &cs->rate_pos);
		if (call == NULL) {
			cs->rate_pos = 0;
			return;
		}
		if (call->info.answer_ms != 0 && call->info.end_ms == 0 && reports_itself(call))
			rate_call(cs, call);
	}
}
