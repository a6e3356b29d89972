/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See dtmf_policy.h. */
#include "sip-b2bua/sdp/dtmf_policy.h"

#include "controlplane/config/cfg.h"

#define EVENT_HZ 8000

_Static_assert((int)CFG_DTMF_RTP_NTE == (int)CTL_DTMF_RTP_NTE &&
		       (int)CFG_DTMF_SIP_INFO == (int)CTL_DTMF_SIP_INFO &&
		       (int)CFG_DTMF_INBAND == (int)CTL_DTMF_INBAND &&
		       (int)CFG_DTMF_NONE == (int)CTL_DTMF_NONE,
	"the same numbers");

void dtmf_policy_set(
	struct dtmf_policy *policy, const struct cfg_realm *realm, const struct cfg_trunk *trunk)
{
	bool own = trunk && trunk->dtmf != CFG_DTMF_NONE;

	policy->first = own ? trunk->dtmf : realm->dtmf;
	policy->second = own ? trunk->dtmf_fallback : realm->dtmf_fallback;
	if (policy->first == CTL_DTMF_NONE)
		policy->first = CTL_DTMF_RTP_NTE;
	/* who needs no agreement has no use for a second way */
	if (policy->first != CTL_DTMF_RTP_NTE)
		policy->second = CTL_DTMF_NONE;
}

enum ctl_dtmf_way dtmf_way(const struct dtmf_policy *policy, bool events)
{
	if (policy->first > CTL_DTMF_RTP_NTE)
		return (enum ctl_dtmf_way)policy->first;
	return events ? CTL_DTMF_RTP_NTE : (enum ctl_dtmf_way)policy->second;
}

static bool takes_events(const struct dtmf_policy *policy)
{
	return policy->first <= CTL_DTMF_RTP_NTE;
}

/* The first telephone-events of a list, of this clock if there are some. */
static const struct codec_format *events_of(const struct codec_list *list, uint32_t clock_hz)
{
	const struct codec_format *first = NULL;

	for (unsigned int i = 0; i < list->n; i++) {
		const struct codec_format *f = &list->format[i];

		if (f->kind != CODEC_EVENT || f->clock_hz % 1000 || f->clock_hz > 48000)
			continue;
		if (f->clock_hz == clock_hz)
			return f;
		if (!first)
			first = f;
	}
	return first;
}

void dtmf_offer(const struct dtmf_sides *sides, const struct codec_list *offer,
	struct codec_list *ret_offer)
{
	ret_offer->n = 0;
	for (unsigned int i = 0; i < offer->n; i++) {
		const struct codec_format *f = &offer->format[i];

		if (f->kind != CODEC_EVENT || takes_events(sides->answerer))
			ret_offer->format[ret_offer->n++] = *f;
	}
}

void dtmf_say(const struct dtmf_sides *sides, const struct codec_list *offer,
	struct codec_numbers *numbers, struct codec_list *said)
{
	enum ctl_dtmf_way from = dtmf_way(sides->offerer, events_of(offer, 0) != NULL);
	struct codec_format events;
	uint64_t taken[2] = {0};
	int pt;

	if (!takes_events(sides->answerer) || events_of(said, 0) || from == CTL_DTMF_NONE ||
		said->n == 0 || said->n == CODEC_FORMATS_MAX)
		return;
	for (unsigned int i = 0; i < said->n; i++)
		taken[said->format[i].pt / 64] |= UINT64_C(1) << (said->format[i].pt % 64);
	codec_format_own(&events, DP_CODEC_NONE,
		said->format[0].clock_hz ? said->format[0].clock_hz : EVENT_HZ, NULL);
	pt = codec_numbers_take(numbers, &events, 0, taken);
	if (pt < 0)
		return;
	events.pt = (uint8_t)pt;
	said->format[said->n++] = events;
}

/* Of what the answer has: the events as they were said, which it must have been. */
static const struct codec_format *answered_events(
	const struct codec_list *said, const struct codec_list *answer)
{
	const struct codec_format *events = events_of(
		answer, answer->n ? answer->format[0].clock_hz : EVENT_HZ);

	return events && codec_list_match(said, events) ? events : NULL;
}

void dtmf_ways(const struct dtmf_sides *sides, const struct codec_list *offer,
	const struct codec_list *said, const struct codec_list *answer, bool can_core,
	struct dtmf_ways *ret_ways)
{
	struct dtmf_ways ways = {
		.offerer = (uint8_t)dtmf_way(sides->offerer, events_of(offer, 0) != NULL),
		.answerer = (uint8_t)dtmf_way(
			sides->answerer, answered_events(said, answer) != NULL)};
	bool tones = ways.offerer == CTL_DTMF_INBAND || ways.answerer == CTL_DTMF_INBAND;

	if (ways.offerer == CTL_DTMF_NONE || ways.answerer == CTL_DTMF_NONE ||
		(tones && ways.offerer != ways.answerer && !can_core)) {
		/* who cannot be reached otherwise is told of no events: their digits are tones */
		if (ways.offerer != CTL_DTMF_SIP_INFO)
			ways.offerer = CTL_DTMF_NONE;
		if (ways.answerer != CTL_DTMF_SIP_INFO)
			ways.answerer = CTL_DTMF_NONE;
	} else {
		ways.by_core = tones && ways.offerer != ways.answerer;
	}
	*ret_ways = ways;
}

static void remove_pt(struct codec_leg *leg, uint8_t pt)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < leg->n_payloads; i++) {
		if (leg->payloads[i].pt != pt)
			leg->payloads[n++] = leg->payloads[i];
	}
	for (unsigned int i = n; i < leg->n_payloads; i++)
		leg->payloads[i] = (struct dp_payload){0};
	leg->n_payloads = (uint8_t)n;
}

static void remove_events(
	const struct codec_list *offer, const struct codec_list *said, struct codec_result *r)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < r->said.n; i++) {
		if (r->said.format[i].kind != CODEC_EVENT)
			r->said.format[n++] = r->said.format[i];
	}
	r->said.n = (uint8_t)n;
	for (unsigned int i = 0; i < offer->n; i++) {
		if (offer->format[i].kind == CODEC_EVENT)
			remove_pt(&r->offerer, offer->format[i].pt);
	}
	for (unsigned int i = 0; i < said->n; i++) {
		if (said->format[i].kind == CODEC_EVENT)
			remove_pt(&r->answerer, said->format[i].pt);
	}
	r->offerer.send.event_pt = r->answerer.send.event_pt = 0;
	r->offerer.send.event_khz = r->answerer.send.event_khz = 0;
}

/* from: as what they come, a number that we said; to: as what they go there. */
static void add_events(struct codec_leg *leg, uint8_t from_pt, const struct codec_format *to)
{
	if (leg->n_payloads == DP_PAYLOAD_TYPES)
		return;
	leg->payloads[leg->n_payloads++] = (struct dp_payload){
		.pt = from_pt, .action = DP_PT_EVENT, .clock_hz = to->clock_hz};
	leg->send.event_pt = to->pt;
	leg->send.event_khz = (uint8_t)(to->clock_hz / 1000);
}

static void set_way(struct codec_leg *leg, enum ctl_dtmf_way way, bool by_core)
{
	leg->flags |= DP_LEG_DTMF;
	if (way == CTL_DTMF_SIP_INFO)
		leg->send.digits = DP_DIGITS_AWAY;
	if (way == CTL_DTMF_INBAND && by_core)
		leg->flags |= DP_LEG_TONES;
}

/* Events that pass are seen on their way, for the count of them. */
static void watch(struct codec_leg *leg, const struct codec_list *list)
{
	leg->flags |= DP_LEG_DTMF;
	for (unsigned int i = 0; i < leg->n_payloads; i++) {
		struct dp_payload *p = &leg->payloads[i];

		for (unsigned int k = 0; k < list->n; k++) {
			const struct codec_format *f = &list->format[k];

			if (f->kind != CODEC_EVENT || f->pt != p->pt ||
				(p->action != DP_PT_RELAY && p->action != DP_PT_RENUMBER))
				continue;
			p->pt_out = p->action == DP_PT_RELAY ? p->pt : p->pt_out;
			p->action = DP_PT_EVENT;
			p->clock_hz = f->clock_hz;
		}
	}
}

void dtmf_apply(const struct dtmf_ways *ways, const struct codec_list *offer,
	const struct codec_list *said, const struct codec_list *answer, struct codec_result *r)
{
	const struct codec_format *events, *as_said;

	if (ways->offerer == CTL_DTMF_RTP_NTE && ways->answerer == CTL_DTMF_RTP_NTE &&
		events_of(&r->said, 0)) {
		watch(&r->offerer, offer);
		watch(&r->answerer, said);
		return;
	}
	remove_events(offer, said, r);
	if (ways->offerer == CTL_DTMF_RTP_NTE) {
		events = events_of(offer, r->said.n ? r->said.format[0].clock_hz : EVENT_HZ);
		if (events && r->said.n < CODEC_FORMATS_MAX) {
			r->said.format[r->said.n] = *events;
			r->said.format[r->said.n++].source = CODEC_OURS;
			add_events(&r->offerer, events->pt, events);
		}
	}
	if (ways->answerer == CTL_DTMF_RTP_NTE) {
		events = answered_events(said, answer);
		as_said = events ? codec_list_match(said, events) : NULL;
		if (as_said)
			add_events(&r->answerer, as_said->pt, events);
	}
	set_way(&r->offerer, (enum ctl_dtmf_way)ways->offerer, ways->by_core);
	set_way(&r->answerer, (enum ctl_dtmf_way)ways->answerer, ways->by_core);
}
