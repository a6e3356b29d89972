/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See bundle.h. */
#include "sip-b2bua/sdp/bundle.h"

#include <errno.h>

#include "sip-b2bua/sdp/media_private.h"

static const char mid_uri[] = "urn:ietf:params:rtp-hdrext:sdes:mid";
static const char leaves[] = "a media line leaves its bundle, which is not possible in mid-call";

/* ---- what a description says ---- */

static struct view mid_of(const struct sdp *sdp, unsigned int index)
{
	uint16_t pos = 0;
	const struct sdp_line *l = sdp_attr(sdp, (int)index, VIEW("mid"), &pos);
	struct view mid = l ? view_trim(l->attr_value) : (struct view){NULL, 0};

	return mid.n <= DP_MID_MAX ? mid : (struct view){NULL, 0};
}

/* "3 URI", "3/recvonly URI ..." (RFC 8285 8); 0: another extension, or an id that cannot be. */
static uint8_t mid_ext_parse(struct view v)
{
	struct view id, uri;
	uint64_t n;

	if (!sdp_format_next(&v, &id) || !sdp_format_next(&v, &uri) ||
		!view_eq(uri, view_of(mid_uri)))
		return 0;
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] == '/')
			id.n = i;
	return view_to_u64(id, 255, &n) == 0 && n != 15 ? (uint8_t)n : 0;
}

static uint8_t mid_ext_of(const struct sdp *sdp, unsigned int index)
{
	for (int at = (int)index; at >= -1; at = at == -1 ? -2 : -1) {
		const struct sdp_line *l;
		uint16_t pos = 0;
		while ((l = sdp_attr(sdp, at, VIEW("extmap"), &pos)) != NULL) {
			uint8_t id = mid_ext_parse(l->attr_value);
			if (id)
				return id;
		}
	}
	return 0;
}

/* The SSRCs of RFC 5576 lines, each once. */
static void ssrcs_read(const struct sdp *sdp, unsigned int index, struct dp_bundle *ret)
{
	const struct sdp_line *l;
	uint16_t pos = 0;

	while ((l = sdp_attr(sdp, (int)index, VIEW("ssrc"), &pos)) != NULL) {
		struct view v = l->attr_value, number;
		uint64_t ssrc;
		bool known = false;
		if (!sdp_format_next(&v, &number) || view_to_u64(number, UINT32_MAX, &ssrc) < 0)
			continue;
		for (unsigned int i = 0; i < ret->n_ssrcs; i++)
			known = known || ret->ssrc[i] == ssrc;
		if (!known && ret->n_ssrcs < DP_BUNDLE_SSRCS)
			ret->ssrc[ret->n_ssrcs++] = (uint32_t)ssrc;
	}
}

void media_bundle_read(const struct sdp *sdp, unsigned int index, struct media_bundle *ret)
{
	const struct sdp_media *m = &sdp->media[index];
	struct view mid = mid_of(sdp, index);

	*ret = (struct media_bundle){
		.in = m->bundled, .place = m->place, .tagged = (uint8_t)m->transport};
	ret->announced.mid_len = (uint8_t)mid.n;
	if (mid.n)
		memcpy(ret->announced.mid, mid.p, mid.n);
	ret->announced.mid_ext = mid.n ? mid_ext_of(sdp, index) : 0;
	ssrcs_read(sdp, index, &ret->announced);
}

/* The identifiers of the first group, one after the other. */
static bool group_find(const struct sdp *sdp, struct view *ret_mids)
{
	const struct sdp_line *l;
	uint16_t pos = 0;

	while ((l = sdp_attr(sdp, -1, VIEW("group"), &pos)) != NULL) {
		struct view v = l->attr_value, kind;
		if (!sdp_format_next(&v, &kind) || !view_eq(kind, VIEW("BUNDLE")))
			continue;
		*ret_mids = v;
		return true;
	}
	return false;
}

/* ---- which lines are in it ---- */

static bool is_open(const struct media_map *map, unsigned int index)
{
	return index < map->n_lines && map->line[index]->state == MEDIA_OPEN &&
	       !map->line[index]->fresh;
}

static bool is_in(const struct media_map *map, unsigned int index, unsigned int leg)
{
	return index < map->n_lines && map->line[index]->state == MEDIA_OPEN &&
	       map->line[index]->ctl.leg[leg].flags & DP_LEG_BUNDLE;
}

static bool formats_meet(struct view a, struct view b)
{
	struct view one, two;

	while (sdp_format_next(&a, &one)) {
		struct view rest_b = b;
		while (sdp_format_next(&rest_b, &two))
			if (view_eq(one, two))
				return true;
	}
	return false;
}

/* Whether packets of a line can be told from those of the lines that are in already. */
static bool can_be_told(const struct sdp *sdp, unsigned int index)
{
	for (unsigned int i = 0; i < sdp->n_media; i++) {
		if (i == index || !sdp->media[i].bundled)
			continue;
		if (formats_meet(sdp->media[i].formats, sdp->media[index].formats) &&
			(!mid_ext_of(sdp, i) || !mid_ext_of(sdp, index)))
			return false;
	}
	return true;
}

static enum sdp_keying keying_of(const struct sdp_media *m)
{
	return sdp_profile_keying(sdp_profile_parse(m->proto));
}

/* A line of an offer that may be in the bundle of a leg. tagged: NULL while it would be the first. */
static bool may_enter(const struct media_map *map, const struct sdp *sdp, unsigned int leg,
	unsigned int index, const struct sdp_media *tagged)
{
	const struct sdp_media *m = &sdp->media[index];
	bool only = sdp_has_attr(sdp, (int)index, VIEW("bundle-only"));

	if (m->bundled || !m->rtcp_mux || (m->port == 0 && (!tagged || !only)) ||
		sdp_profile_parse(m->proto) == SDP_PROFILE_NONE || keying_of(m) == SDP_DTLS)
		return false;
	if (tagged && keying_of(m) != keying_of(tagged))
		return false;
	if (is_open(map, index) && !is_in(map, index, leg))
		return false;
	return can_be_told(sdp, index);
}

static void enter(struct sdp *sdp, unsigned int index, unsigned int tagged, unsigned int place)
{
	struct sdp_media *m = &sdp->media[index];

	m->bundled = true;
	m->transport = (uint16_t)tagged;
	m->place = (uint8_t)place;
	m->rtcp_mux = true;
	m->rtcp_port = 0;
	m->port = sdp->media[tagged].port;
	m->connection = sdp->media[tagged].connection;
}

/* The line of an offer with this identifier; CTL_MEDIA_MAX: there is none. */
static unsigned int line_by_mid(const struct sdp *sdp, struct view mid)
{
	for (unsigned int i = 0; i < sdp->n_media && i < CTL_MEDIA_MAX; i++) {
		struct view has = mid_of(sdp, i);
		if (has.n && view_eq(has, mid))
			return i;
	}
	return CTL_MEDIA_MAX;
}

void media_bundle_offer(const struct media_map *map, struct sdp *sdp, unsigned int leg)
{
	unsigned int tagged = CTL_MEDIA_MAX, place = 0;
	struct view mids, mid;

	if (map->side[leg].bundle == CFG_BUNDLE_NEVER || !group_find(sdp, &mids))
		return;
	while (sdp_format_next(&mids, &mid)) {
		unsigned int i = line_by_mid(sdp, mid);
		bool first = tagged == CTL_MEDIA_MAX;
		if (i == CTL_MEDIA_MAX ||
			!may_enter(map, sdp, leg, i, first ? NULL : &sdp->media[tagged]))
			continue;
		tagged = first ? i : tagged;
		enter(sdp, i, tagged, place++);
	}
}

bool media_bundle_leaves(const struct media_map *map, const struct sdp *sdp, unsigned int leg)
{
	for (unsigned int i = 0; i < sdp->n_media; i++)
		if (is_in(map, i, leg) && is_open(map, i) && !sdp->media[i].bundled &&
			sdp->media[i].port != 0)
			return true;
	return false;
}

void media_bundle_share_keys(struct media_map *map, unsigned int leg)
{
	for (unsigned int i = 0; i < map->n_lines; i++) {
		struct media_desc *desc = &map->line[i]->pending[leg];
		if (desc->bundle.in && desc->bundle.tagged != i)
			desc->ours = map->line[desc->bundle.tagged]->pending[leg].ours;
	}
}

/* ---- what we offer ---- */

/* Identifiers pass where each line has one; else they are ours. */
static bool mids_pass(const struct media_map *map, unsigned int to_leg)
{
	for (unsigned int i = 0; i < map->n_lines; i++) {
		const struct media_desc *desc = &map->line[i]->pending[!to_leg];
		if (desc->usable && !desc->bundle.announced.mid_len)
			return false;
	}
	return true;
}

static bool has_mid_ext(const struct media_map *map, unsigned int index, unsigned int to_leg)
{
	return mids_pass(map, to_leg) &&
	       map->line[index]->pending[!to_leg].bundle.announced.mid_ext;
}

static bool may_offer(const struct media_map *map, unsigned int index, unsigned int to_leg)
{
	const struct media_line *line = map->line[index];

	return is_in(map, index, to_leg) ||
	       (map->side[to_leg].bundle == CFG_BUNDLE_OFFER && !is_open(map, index) &&
		       media_line_mode(map, line, to_leg) != MEDIA_DTLS);
}

/* Marks the lines that are offered in a bundle, by what is going to be printed. How many. */
static unsigned int offer_mark(struct media_map *map, const struct sdp *sdp, unsigned int to_leg,
	const struct sdp_media_plan *lines)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < map->n_lines; i++) {
		struct media_line *line = map->line[i];
		line->bundle_offered = i < sdp->n_media && lines[i].addr.port_be16 != 0 &&
				       may_offer(map, i, to_leg);
		for (unsigned int k = 0; k < i && line->bundle_offered; k++) {
			struct view a = lines[i].formats.p ? lines[i].formats
							   : sdp->media[i].formats,
				    b = lines[k].formats.p ? lines[k].formats
							   : sdp->media[k].formats;
			if (map->line[k]->bundle_offered && formats_meet(a, b) &&
				!(has_mid_ext(map, i, to_leg) && has_mid_ext(map, k, to_leg)))
				line->bundle_offered = is_in(map, i, to_leg);
		}
		n += line->bundle_offered;
	}
	return n;
}

/* The identifier of a line in what we say to a leg that has not offered it. */
static struct view our_mid(const struct media_map *map, unsigned int index, unsigned int to_leg)
{
	static const char numbers[CTL_MEDIA_MAX][2] = {"0", "1", "2", "3"};
	const struct media_line *line = map->line[index];
	const struct dp_bundle *b = is_in(map, index, to_leg)
					    ? &line->ctl.leg[to_leg].bundle
					    : &line->pending[!to_leg].bundle.announced;

	if (!is_in(map, index, to_leg) && !mids_pass(map, to_leg))
		return view_of(numbers[index]);
	return (struct view){b->mid, b->mid_len};
}

/* ---- what is answered to us ---- */

static unsigned int offered_by_mid(
	const struct media_map *map, const struct sdp *sdp, unsigned int leg, struct view mid)
{
	for (unsigned int i = 0; i < map->n_lines; i++)
		if (map->line[i]->bundle_offered && sdp->media[i].port != 0 &&
			view_eq(our_mid(map, i, leg), mid))
			return i;
	return CTL_MEDIA_MAX;
}

int media_bundle_answer(
	const struct media_map *map, struct sdp *sdp, unsigned int leg, const char **ret_reason)
{
	unsigned int tagged = CTL_MEDIA_MAX, place = 0;
	struct view mids, mid;

	if (sdp->n_media != map->n_media)
		return 0; /* is found out by the map */
	if (group_find(sdp, &mids)) {
		while (sdp_format_next(&mids, &mid)) {
			unsigned int i = offered_by_mid(map, sdp, leg, mid);
			if (i == CTL_MEDIA_MAX || sdp->media[i].bundled)
				continue;
			/* RFC 9143 9.3: without rtcp-mux there is no bundle */
			if (tagged == CTL_MEDIA_MAX && !sdp->media[i].rtcp_mux)
				break;
			tagged = tagged == CTL_MEDIA_MAX ? i : tagged;
			enter(sdp, i, tagged, place++);
		}
	}
	for (unsigned int i = 0; i < map->n_lines; i++) {
		if (is_in(map, i, leg) && !sdp->media[i].bundled && sdp->media[i].port != 0) {
			*ret_reason = leaves;
			return -EINVAL;
		}
	}
	return 0;
}

const struct media_line *media_bundle_keys(
	const struct media_map *map, const struct sdp *sdp, unsigned int index)
{
	return map->line[sdp->media[index].bundled ? sdp->media[index].transport : index];
}

/* ---- what limen-control is told ---- */

void media_bundle_leg(const struct media_line *line, unsigned int leg, struct dp_leg *dp)
{
	const struct media_bundle *b = &line->pending[leg].bundle;

	if (!b->in)
		return;
	dp->flags |= DP_LEG_BUNDLE | DP_LEG_RTCP_MUX;
	dp->bundle = b->announced;
	for (unsigned int i = 0; i < dp->n_payloads; i++) {
		uint8_t pt = dp->payloads[i].pt;
		dp->bundle.pts[pt / 8] |= (uint8_t)(1 << pt % 8);
	}
}

void media_bundle_move(struct media_map *map, unsigned int leg)
{
	const struct ipaddr *to = NULL;

	for (unsigned int i = 0; i < map->n_lines; i++) {
		struct media_line *line = map->line[i];
		if (!is_in(map, i, leg))
			continue;
		if (to)
			line->ctl.leg[leg].local = *to;
		else
			to = &line->ctl.leg[leg].local;
	}
}

/* ---- printing ---- */

static void plan_keys_of_first(struct sdp_media_plan *line, bool first)
{
	if (first)
		return;
	line->n_crypto = 0;
	line->dtls = (struct sdp_dtls_plan){.own = {.hash = FINGERPRINT_NONE}};
}

static void plan_answer(const struct media_map *map, const struct sdp *sdp, unsigned int to_leg,
	struct sdp_plan *plan, struct sdp_media_plan *lines)
{
	unsigned int places = 0;

	for (unsigned int i = 0; i < map->n_lines && i < sdp->n_media; i++) {
		const struct media_bundle *b = &map->line[i]->pending[to_leg].bundle;
		lines[i].mid = (struct view){b->announced.mid, b->announced.mid_len};
		lines[i].mid_ext = b->in ? b->announced.mid_ext : 0;
		lines[i].mid_ext_recvonly = lines[i].mid_ext != mid_ext_of(sdp, i);
		places = b->in && b->place >= places ? b->place + 1u : places;
	}
	for (unsigned int place = 0; place < places; place++) {
		for (unsigned int i = 0; i < map->n_lines && i < sdp->n_media; i++) {
			const struct media_bundle *b = &map->line[i]->pending[to_leg].bundle;
			if (!b->in || b->place != place || lines[i].addr.port_be16 == 0)
				continue;
			plan_keys_of_first(&lines[i], plan->n_group == 0);
			plan->group[plan->n_group++] = lines[i].mid;
		}
	}
}

static void plan_offer(struct media_map *map, const struct sdp *sdp, unsigned int to_leg,
	struct sdp_plan *plan, struct sdp_media_plan *lines)
{
	unsigned int n = offer_mark(map, sdp, to_leg, lines), n_in = 0;

	for (unsigned int i = 0; i < map->n_lines && i < sdp->n_media; i++) {
		bool in = is_in(map, i, to_leg);
		/* one line alone needs no bundle, but stays in the one that it is in */
		map->line[i]->bundle_offered &= n > 1 || in;
		if (!map->line[i]->bundle_offered)
			continue;
		lines[i].mid = our_mid(map, i, to_leg);
		if (has_mid_ext(map, i, to_leg))
			lines[i].mid_ext = map->line[i]->pending[!to_leg].bundle.announced.mid_ext;
		lines[i].rtcp_mux = true;
		if (in)
			plan_keys_of_first(&lines[i], n_in++ == 0);
		plan->group[plan->n_group++] = lines[i].mid;
	}
}

void media_bundle_plan(struct media_map *map, const struct sdp *sdp, unsigned int to_leg,
	struct sdp_plan *plan, struct sdp_media_plan *lines)
{
	if (map->side[to_leg].bundle == CFG_BUNDLE_NEVER)
		return;
	if (to_leg == map->offerer)
		plan_answer(map, sdp, to_leg, plan, lines);
	else
		plan_offer(map, sdp, to_leg, plan, lines);
}
