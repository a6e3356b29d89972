/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See codec_policy.h. RFC 3264 5.1, 6.1 and 8.3.2; RFC 4733 2.5.1; RFC 7587. */
#include "sip-b2bua/sdp/codec_policy.h"

#include "controlplane/config/cfg.h"
#include "dataplane/api/dp_fmtp.h"

#define NO_RANK	  UINT32_MAX
#define PACKET_MS 20 /* of who says none */
#define BIT(id)	  (UINT32_C(1) << (id))
#define G711	  (BIT(DP_CODEC_PCMU) | BIT(DP_CODEC_PCMA))

void codec_policy_set(struct codec_policy *policy, const struct cfg *cfg,
	const struct cfg_realm *realm, const struct cfg_trunk *trunk)
{
	uint32_t tag = trunk && trunk->voice_codec ? trunk->voice_codec : realm->voice_codec;
	const struct cfg_voice_codec *class = tag ? cfg_find_voice_codec(cfg, tag) : NULL;
	uint8_t transcoding = trunk ? trunk->transcoding : CFG_TRANSCODING_REALM;

	if (transcoding == CFG_TRANSCODING_REALM)
		transcoding = realm->transcoding;
	if (transcoding == CFG_TRANSCODING_REALM)
		transcoding = CFG_TRANSCODING_AS_NEEDED;
	*policy = (struct codec_policy){.transcoding = transcoding};
	if (!class)
		return;
	policy->packet_ms = (uint8_t) class->packet_ms;
	policy->amr_form = class->amr_form;
	for (uint32_t i = 0; i < class->n_codec && i < CFG_LIST_MAX; i++)
		policy->codec[policy->n++] = class->codec[i].value;
}

/* The place of a codec in a class; NO_RANK: it is not allowed. Without a class all are equal. */
static uint32_t rank_of(const struct codec_policy *policy, const struct codec_format *f)
{
	uint32_t rank = policy->n == 0 ? 0 : NO_RANK;

	for (unsigned int i = 0; i < policy->n; i++) {
		if (policy->codec[i] == CFG_CODEC_TRANSPARENT)
			rank = i;
		else if (f->kind == CODEC_VOICE && cfg_codec_id(policy->codec[i]) == f->id)
			return i;
	}
	return rank;
}

/* Whether packets of one can be made from packets of the other. */
static bool can_pair(uint32_t can, uint32_t a, uint32_t b)
{
	uint32_t both = BIT(a) | BIT(b);

	return (both & ~can) == 0 || (both & ~G711) == 0;
}

static bool may_transcode(const struct codec_sides *sides)
{
	return sides->offerer->transcoding != CFG_TRANSCODING_NEVER &&
	       sides->answerer->transcoding != CFG_TRANSCODING_NEVER;
}

static uint8_t lower(uint32_t a, uint32_t b)
{
	return (uint8_t)(a == 0 || (b != 0 && b < a) ? b : a);
}

/* What the box says of a codec by itself. */
static void local_params(
	const struct codec_policy *policy, uint8_t id, struct dp_codec_params *ret_params)
{
	dp_fmtp_local(id, ret_params);
	if (policy->packet_ms)
		ret_params->ptime_ms = (uint8_t)dp_codec_ptime_fit(
			dp_codec_row(id), policy->packet_ms);
	if ((id == DP_CODEC_AMR || id == DP_CODEC_AMR_WB) &&
		policy->amr_form == CFG_AMR_OCTET_ALIGNED)
		ret_params->flags |= DP_CODEC_OCTET_ALIGN;
	for (unsigned int i = 0; i < policy->n; i++) {
		if (id == DP_CODEC_G729 && policy->codec[i] == CFG_CODEC_G729)
			ret_params->flags &= (uint8_t)~DP_CODEC_DTX;
	}
}

/* ---- the offer ---- */

struct choice {
	struct codec_format format;
	uint32_t rank;
};

struct choices {
	unsigned int n;
	struct choice choice[CODEC_FORMATS_MAX];
};

/* Behind those of the same rank. Without order: at the end. */
static void choice_add(
	struct choices *c, const struct codec_format *format, uint32_t rank, bool ordered)
{
	unsigned int at = c->n;

	if (c->n == CODEC_FORMATS_MAX)
		return;
	while (ordered && at > 0 && c->choice[at - 1].rank > rank) {
		c->choice[at] = c->choice[at - 1];
		at--;
	}
	c->choice[at] = (struct choice){*format, rank};
	c->n++;
}

static bool choice_has(const struct choices *c, uint8_t id)
{
	for (unsigned int i = 0; i < c->n; i++) {
		if (c->choice[i].format.kind == CODEC_VOICE && c->choice[i].format.id == id)
			return true;
	}
	return false;
}

/* Whether some codec of the offer that its side allows can be turned into this one. */
static bool can_reach(
	const struct codec_sides *sides, const struct codec_list *offer, uint8_t id, uint32_t can)
{
	for (unsigned int i = 0; i < offer->n; i++) {
		const struct codec_format *f = &offer->format[i];

		if (f->kind == CODEC_VOICE && rank_of(sides->offerer, f) != NO_RANK &&
			can_pair(can, f->id, id))
			return true;
	}
	return false;
}

/* What the answering side could be given by transcoding: its class, then what it has said. */
static void add_own(const struct codec_sides *sides, const struct codec_list *offer,
	const struct codec_list *known, uint32_t can, struct choices *c)
{
	const struct codec_policy *policy = sides->answerer;
	bool ordered = policy->transcoding == CFG_TRANSCODING_BY_PREFERENCE;
	struct dp_codec_params params;
	struct codec_format f;

	for (unsigned int i = 0; i < policy->n; i++) {
		uint8_t id = cfg_codec_id(policy->codec[i]);

		if (id == DP_CODEC_NONE || choice_has(c, id) || !can_reach(sides, offer, id, can))
			continue;
		local_params(policy, id, &params);
		codec_format_own(&f, id, 0, &params);
		choice_add(c, &f, i, ordered);
	}
	for (unsigned int i = 0; i < known->n; i++) {
		const struct codec_format *k = &known->format[i];

		if (k->kind != CODEC_VOICE || rank_of(policy, k) == NO_RANK ||
			choice_has(c, k->id) || !can_reach(sides, offer, k->id, can))
			continue;
		local_params(policy, k->id, &params);
		params.flags = (uint8_t)((params.flags & ~DP_CODEC_OCTET_ALIGN) |
					 (k->params.flags & DP_CODEC_OCTET_ALIGN));
		params.modes = k->params.modes;
		codec_format_own(&f, k->id, 0, &params);
		choice_add(c, &f, NO_RANK, false);
	}
}

static bool has_events(const struct codec_list *list, uint32_t clock_hz)
{
	for (unsigned int i = 0; i < list->n; i++) {
		if (list->format[i].kind == CODEC_EVENT &&
			(clock_hz == 0 || list->format[i].clock_hz == clock_hz))
			return true;
	}
	return false;
}

static void say(struct codec_list *said, const struct codec_format *format,
	struct codec_numbers *numbers, uint64_t taken[2])
{
	int pt;

	if (said->n == CODEC_FORMATS_MAX)
		return;
	pt = codec_numbers_take(numbers, format, format->source & 127, taken);
	if (pt < 0)
		return;
	taken[pt / 64] |= UINT64_C(1) << (pt % 64);
	said->format[said->n] = *format;
	said->format[said->n++].pt = (uint8_t)pt;
}

/* Events have the clock of the voice they stand in for (RFC 4733 2.5.1.2). */
static void say_events(const struct codec_list *offer, const struct choices *c,
	struct codec_numbers *numbers, uint64_t taken[2], struct codec_list *said)
{
	for (unsigned int i = 0; i < offer->n; i++) {
		if (offer->format[i].kind == CODEC_EVENT)
			say(said, &offer->format[i], numbers, taken);
	}
	for (unsigned int i = 0; i < c->n && has_events(offer, 0); i++) {
		const struct codec_format *f = &c->choice[i].format;
		struct codec_format events;

		if (f->source != CODEC_OURS || has_events(said, f->clock_hz))
			continue;
		codec_format_own(&events, DP_CODEC_NONE, f->clock_hz, NULL);
		say(said, &events, numbers, taken);
	}
}

static enum codec_why why_nothing(
	const struct codec_sides *sides, const struct codec_list *offer, bool any_allowed)
{
	static const struct codec_list none;
	struct choices c = {.n = 0};

	if (!any_allowed)
		return CODEC_OFFER_DENIED;
	add_own(sides, offer, &none, UINT32_MAX, &c);
	if (c.n == 0)
		return CODEC_NOTHING_FITS;
	return may_transcode(sides) ? CODEC_NO_TRANSCODER : CODEC_NOT_ALLOWED;
}

enum codec_why codec_offer(const struct codec_sides *sides, const struct codec_list *offer,
	const struct codec_list *known, struct codec_numbers *numbers, struct codec_list *ret_said)
{
	struct choices c = {.n = 0};
	bool any_allowed = false;
	uint64_t taken[2] = {0};

	memset(ret_said, 0, sizeof(*ret_said));
	for (unsigned int i = 0; i < offer->n; i++) {
		const struct codec_format *f = &offer->format[i];
		uint32_t rank = rank_of(sides->answerer, f);

		if (!codec_is_audio(f) || rank_of(sides->offerer, f) == NO_RANK)
			continue;
		any_allowed = true;
		if (rank != NO_RANK)
			choice_add(&c, f, rank, true);
	}
	if (may_transcode(sides))
		add_own(sides, offer, known, sides->can, &c);
	if (c.n == 0)
		return why_nothing(sides, offer, any_allowed);
	for (unsigned int i = 0; i < c.n; i++)
		say(ret_said, &c.choice[i].format, numbers, taken);
	if (ret_said->n == 0)
		return CODEC_NOTHING_FITS; /* all numbers mean something else there */
	say_events(offer, &c, numbers, taken, ret_said);
	for (unsigned int i = 0; i < offer->n; i++) {
		if (offer->format[i].kind == CODEC_NOISE)
			say(ret_said, &offer->format[i], numbers, taken);
	}
	return CODEC_FITS;
}

/* ---- the answer ---- */

/* A format of the answer with what it answers. */
struct pair {
	const struct codec_format *answer; /* as the answering side said it */
	const struct codec_format *said;   /* as it was offered to it */
	const struct codec_format *offer;  /* as the offering side said it; NULL: ours */
};

struct pairs {
	unsigned int n;
	struct pair pair[CODEC_FORMATS_MAX];
};

static const struct codec_format *by_pt(const struct codec_list *list, uint8_t pt)
{
	for (unsigned int i = 0; i < list->n; i++) {
		if (list->format[i].pt == pt)
			return &list->format[i];
	}
	return NULL;
}

/* Formats that were not offered are no answer, and each offered one has at most one. */
static void pairs_read(const struct codec_list *offer, const struct codec_list *said,
	const struct codec_list *answer, struct pairs *pairs)
{
	pairs->n = 0;
	for (unsigned int i = 0; i < answer->n; i++) {
		struct pair p = {.answer = &answer->format[i]};
		bool again = false;

		p.said = codec_list_match(said, p.answer);
		if (!p.said)
			continue;
		for (unsigned int j = 0; j < pairs->n; j++)
			again = again || pairs->pair[j].said == p.said;
		if (again)
			continue;
		if (p.said->source != CODEC_OURS)
			p.offer = by_pt(offer, p.said->source);
		pairs->pair[pairs->n++] = p;
	}
}

/* With what a leg's codec runs: what we said and what it said. */
static bool agree(const struct codec_policy *policy, uint8_t id, const struct dp_codec_params *ours,
	const struct dp_codec_params *theirs, struct dp_codec_params *ret_params)
{
	if (dp_fmtp_agree(id, ours, theirs, ret_params) < 0)
		return false;
	if (policy->packet_ms)
		ret_params->ptime_ms = (uint8_t)dp_codec_ptime_fit(
			dp_codec_row(id), lower(policy->packet_ms, ret_params->max_ptime_ms));
	return true;
}

/* The first format of a kind, of the wanted clock if there is one. */
static const struct codec_format *pick(
	const struct codec_list *list, enum codec_kind kind, uint32_t clock_hz)
{
	const struct codec_format *first = NULL;

	for (unsigned int i = 0; i < list->n; i++) {
		const struct codec_format *f = &list->format[i];

		if (f->kind != kind)
			continue;
		if (f->clock_hz == clock_hz)
			return f;
		if (!first)
			first = f;
	}
	return first;
}

static bool event_clock_ok(uint32_t clock_hz)
{
	return clock_hz == 8000 || clock_hz == 16000 || clock_hz == 32000 || clock_hz == 48000;
}

/* Of a codec that the box does not know nothing can be made. */
static void send_set(struct codec_leg *leg, const struct codec_format *codec,
	const struct dp_codec_params *params, const struct codec_format *event,
	const struct codec_format *noise)
{
	struct dp_send *send = &leg->send;

	memset(send, 0, sizeof(*send));
	leg->pt = codec->pt;
	if (codec->kind != CODEC_VOICE)
		return;
	send->codec = codec->id;
	send->pt = codec->pt;
	send->params = *params;
	if (event && event_clock_ok(event->clock_hz) && event->pt != codec->pt) {
		send->event_pt = event->pt;
		send->event_khz = (uint8_t)(event->clock_hz / 1000);
	}
	if (noise && noise->pt != codec->pt && noise->pt != send->event_pt)
		send->noise_pt = noise->pt;
}

static struct dp_payload *payload_add(struct codec_leg *leg, const struct codec_format *format,
	uint8_t pt, enum dp_pt_action action)
{
	struct dp_payload *p = &leg->payloads[leg->n_payloads];

	if (leg->n_payloads == DP_PAYLOAD_TYPES)
		return NULL;
	leg->n_payloads++;
	*p = (struct dp_payload){.pt = pt, .action = (uint8_t)action};
	/* Of events the jitter is not measured; where they are made anew their clock is needed. */
	if (format->kind != CODEC_EVENT || action == DP_PT_EVENT)
		p->clock_hz = format->clock_hz;
	codec_format_payload(format, p);
	return p;
}

/* Packets pass; where the two sides number them differently, with another number. */
static void pass(struct codec_leg *leg, const struct codec_format *format, uint8_t pt, uint8_t out)
{
	struct dp_payload *p = payload_add(
		leg, format, pt, pt == out ? DP_PT_RELAY : DP_PT_RENUMBER);

	if (p && pt != out)
		p->pt_out = out;
}

/*
 * The answering side sends with the numbers of our offer (RFC 3264 5.1); there are ends that use
 * those of their own answer. Both are taken, unless a number means something else.
 */
static void take_own_numbers(
	const struct codec_list *said, const struct pairs *pairs, struct codec_leg *leg)
{
	unsigned int n = leg->n_payloads;

	for (unsigned int i = 0; i < pairs->n; i++) {
		const struct pair *p = &pairs->pair[i];

		if (by_pt(said, p->answer->pt))
			continue;
		for (unsigned int k = 0; k < n && leg->n_payloads < DP_PAYLOAD_TYPES; k++) {
			struct dp_payload *more = &leg->payloads[leg->n_payloads];

			if (leg->payloads[k].pt != p->said->pt)
				continue;
			*more = leg->payloads[k];
			more->pt = p->answer->pt;
			if (more->action == DP_PT_RENUMBER && more->pt_out == more->pt) {
				more->action = DP_PT_RELAY;
				more->pt_out = 0;
			} else if (more->action == DP_PT_RELAY) {
				more->action = DP_PT_RENUMBER;
				more->pt_out = leg->payloads[k].pt;
			}
			leg->n_payloads++;
			break;
		}
	}
}

static void said_add(struct codec_list *said, const struct codec_format *f, uint8_t source)
{
	said->format[said->n] = *f;
	said->format[said->n++].source = source;
}

static void send_relayed(const struct codec_sides *sides, const struct codec_list *answer,
	const struct pair *p, struct codec_result *r)
{
	struct dp_codec_params params;

	memset(&params, 0, sizeof(params));
	r->answerer.pt = p->answer->pt;
	r->offerer.pt = p->offer->pt;
	if (p->answer->kind == CODEC_VOICE &&
		!agree(sides->answerer, p->answer->id, &p->said->params, &p->answer->params,
			&params))
		return;
	send_set(&r->answerer, p->answer, &params, pick(answer, CODEC_EVENT, p->answer->clock_hz),
		pick(answer, CODEC_NOISE, p->answer->clock_hz));
	if (p->answer->kind == CODEC_VOICE &&
		!agree(sides->offerer, p->offer->id, &p->answer->params, &p->offer->params,
			&params))
		return;
	send_set(&r->offerer, p->offer, &params, pick(&r->said, CODEC_EVENT, p->offer->clock_hz),
		pick(&r->said, CODEC_NOISE, p->offer->clock_hz));
}

/* The offerer gets the answer in its own numbers, without what only we had offered. */
static void relay(const struct codec_sides *sides, const struct codec_list *answer,
	const struct pairs *pairs, const struct pair *first, struct codec_result *r)
{
	for (unsigned int i = 0; i < pairs->n; i++) {
		const struct pair *p = &pairs->pair[i];

		if (!p->offer)
			continue;
		said_add(&r->said, p->offer, p->answer->pt);
		pass(&r->answerer, p->answer, p->said->pt, p->offer->pt);
		pass(&r->offerer, p->offer, p->offer->pt, p->answer->pt);
	}
	send_relayed(sides, answer, first, r);
}

static void transcode_from(struct codec_leg *leg, const struct codec_format *format, uint8_t pt,
	const struct dp_codec_params *params)
{
	struct dp_payload *p = payload_add(leg, format, pt, DP_PT_TRANSCODE);

	if (!p)
		return;
	p->codec = format->id;
	p->params = *params;
}

/* What the answering side may send: each codec of its answer, events, noise. False: none fits. */
static bool transcode_answerer(const struct codec_sides *sides, const struct codec_list *answer,
	const struct pairs *pairs, const struct pair *first, struct codec_result *r)
{
	struct dp_codec_params params;

	for (unsigned int i = 0; i < pairs->n; i++) {
		const struct pair *p = &pairs->pair[i];

		if (p->answer->kind == CODEC_EVENT) {
			payload_add(&r->answerer, p->answer, p->said->pt, DP_PT_EVENT);
		} else if (p->answer->kind == CODEC_NOISE) {
			payload_add(&r->answerer, p->answer, p->said->pt, DP_PT_NOISE);
		} else if (p->answer->kind == CODEC_VOICE &&
			   can_pair(sides->can, p->answer->id, first->answer->id) &&
			   agree(sides->answerer, p->answer->id, &p->said->params,
				   &p->answer->params, &params)) {
			transcode_from(&r->answerer, p->answer, p->said->pt, &params);
		} else if (p == first) {
			return false;
		}
	}
	if (!agree(sides->answerer, first->answer->id, &first->said->params, &first->answer->params,
		    &params))
		return false;
	send_set(&r->answerer, first->answer, &params,
		pick(answer, CODEC_EVENT, first->answer->clock_hz),
		pick(answer, CODEC_NOISE, first->answer->clock_hz));
	return true;
}

static bool transcode_offerer(const struct codec_sides *sides, const struct codec_list *offer,
	const struct codec_format *chosen, bool events, bool noise, struct codec_result *r)
{
	const struct codec_format *event, *cn;
	struct dp_codec_params local, ours, params;
	struct codec_format f = *chosen;

	local_params(sides->offerer, chosen->id, &local);
	if (dp_fmtp_answer(chosen->id, &chosen->params, &local, &ours) < 0 ||
		!agree(sides->offerer, chosen->id, &ours, &chosen->params, &params))
		return false;
	event = events ? pick(offer, CODEC_EVENT, chosen->clock_hz) : NULL;
	cn = noise ? pick(offer, CODEC_NOISE, chosen->clock_hz) : NULL;
	/* Noise of another clock than the voice has no place in its stream. */
	if (cn && cn->clock_hz != chosen->clock_hz)
		cn = NULL;
	f.params = ours;
	f.params.ptime_ms = params.ptime_ms;
	said_add(&r->said, &f, CODEC_OURS);
	transcode_from(&r->offerer, chosen, chosen->pt, &params);
	if (event) {
		said_add(&r->said, event, CODEC_OURS);
		payload_add(&r->offerer, event, event->pt, DP_PT_EVENT);
	}
	if (cn) {
		said_add(&r->said, cn, CODEC_OURS);
		payload_add(&r->offerer, cn, cn->pt, DP_PT_NOISE);
	}
	send_set(&r->offerer, chosen, &params, event, cn);
	return true;
}

static bool all_g711(const struct codec_leg *leg)
{
	for (unsigned int i = 0; i < leg->n_payloads; i++) {
		if (leg->payloads[i].action == DP_PT_TRANSCODE &&
			!(BIT(leg->payloads[i].codec) & G711))
			return false;
	}
	return true;
}

/* PCMU and PCMA are one table apart, packet by packet, as long as nobody set their length. */
static bool use_table(const struct codec_sides *sides, struct codec_result *r)
{
	if (sides->core || !all_g711(&r->offerer) || !all_g711(&r->answerer))
		return false;
	if ((sides->offerer->packet_ms || sides->answerer->packet_ms) && !(G711 & ~sides->can))
		return false;
	r->offerer.send.params.ptime_ms = r->answerer.send.params.ptime_ms = 0;
	return true;
}

/* Without one PCMU and PCMA would be a matter of the table. */
static void set_packet_time(struct dp_send *send)
{
	if (send->params.ptime_ms == 0)
		send->params.ptime_ms = (uint8_t)dp_codec_ptime_fit(
			dp_codec_row(send->codec), PACKET_MS);
}

static bool transcode(const struct codec_sides *sides, const struct codec_list *offer,
	const struct codec_list *answer, const struct pairs *pairs, const struct pair *first,
	const struct codec_format *chosen, struct codec_result *r)
{
	bool events = pick(answer, CODEC_EVENT, 0) != NULL;
	/* A media core plays the noise that the other side does not take; the table does not. */
	bool noise = ((BIT(chosen->id) | BIT(first->answer->id)) & ~G711) ||
		     pick(answer, CODEC_NOISE, 0);

	r->transcoded = true;
	if (!transcode_answerer(sides, answer, pairs, first, r) ||
		!transcode_offerer(sides, offer, chosen, events, noise, r))
		return false;
	r->by_core = !use_table(sides, r);
	if (sides->core)
		set_packet_time(&r->offerer.send);
	if (sides->core)
		set_packet_time(&r->answerer.send);
	return true;
}

/* The codec that the offerer gets: by its class, else by its own order. */
static const struct codec_format *choose(
	const struct codec_sides *sides, const struct codec_list *offer, const struct pair *first)
{
	const struct codec_format *best = NULL;
	uint32_t best_rank = NO_RANK;

	for (unsigned int i = 0; i < offer->n; i++) {
		const struct codec_format *f = &offer->format[i];
		uint32_t rank = codec_is_audio(f) ? rank_of(sides->offerer, f) : NO_RANK;
		bool fits = first->answer->kind == CODEC_VOICE && f->kind == CODEC_VOICE &&
			    may_transcode(sides) && can_pair(sides->can, f->id, first->answer->id);

		if (rank < best_rank && (fits || f == first->offer)) {
			best = f;
			best_rank = rank;
		}
	}
	return best;
}

enum codec_why codec_answer(const struct codec_sides *sides, const struct codec_list *offer,
	const struct codec_list *said, const struct codec_list *answer,
	struct codec_result *ret_result)
{
	struct codec_result *r = ret_result;
	const struct codec_format *chosen = NULL;
	const struct pair *first = NULL;
	struct pairs pairs;

	memset(r, 0, sizeof(*r));
	pairs_read(offer, said, answer, &pairs);
	for (unsigned int i = 0; i < pairs.n && !first; i++) {
		if (codec_is_audio(pairs.pair[i].answer))
			first = &pairs.pair[i];
	}
	if (!first)
		return CODEC_NO_ANSWER;
	if (first->offer && (sides->offerer->transcoding != CFG_TRANSCODING_BY_PREFERENCE ||
				    sides->offerer->n == 0))
		chosen = first->offer;
	else
		chosen = choose(sides, offer, first);
	if (!chosen)
		return CODEC_NO_TRANSCODER;
	if (chosen == first->offer && !sides->core)
		relay(sides, answer, &pairs, first, r);
	else if (!transcode(sides, offer, answer, &pairs, first, chosen, r))
		return CODEC_NO_TRANSCODER;
	take_own_numbers(said, &pairs, &r->answerer);
	return CODEC_FITS;
}

enum codec_why codec_early(const struct codec_sides *sides, const struct codec_list *offer,
	const struct codec_list *said, struct codec_result *ret_result)
{
	struct codec_list answer = {.n = 0};
	bool common = false;

	for (unsigned int i = 0; i < said->n; i++)
		common = common ||
			 (codec_is_audio(&said->format[i]) && said->format[i].source != CODEC_OURS);
	for (unsigned int i = 0; i < said->n; i++) {
		const struct codec_format *f = &said->format[i];

		if (!common || !codec_is_audio(f) || f->source != CODEC_OURS)
			answer.format[answer.n++] = *f;
	}
	return codec_answer(sides, offer, said, &answer, ret_result);
}
