/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RFC 3264 and RFC 8866 seen from a relay. A line's two descriptions are kept as received; what
 * the data plane is told is computed from both at once, so an offer alone changes nothing.
 */
#include "sip-b2bua/sdp/media_map.h"

#include <errno.h>
#include <stdlib.h>

#include "sip-b2bua/core/sip_token.h"
#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"

/* Attributes that pass. Everything about addresses, identities, keys, ICE, bundling stays. */
static const char *const allow_attrs[] = {"rtpmap", "fmtp", "ptime", "maxptime", "rtcp-fb",
	"rtcp-rsize", "framerate", "framesize", "imageattr", "content", "lang", "sdplang",
	"quality", "silenceSupp", "extmap", NULL};

static const char no_media[] = "the session description offers no RTP media";
static const char bad_count[] = "the answer does not have as many media lines as the offer";
static const char fewer_lines[] = "the new offer has fewer media lines than the session";
static const char no_memory[] = "memory is short";
static const char no_handshakes[] = "a far end requires keys by DTLS, and limen-nat is not running";
static const char no_offer[] = "an answer came without an offer";

void media_map_init(struct media_map *map, uint64_t call_id, const uint64_t id_key[2])
{
	memset(map, 0, sizeof(*map));
	map->call_id = call_id;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		uint64_t seed[2] = {call_id, leg};

		/* RFC 8866 5.2: numeric, unique; 62 bits so that everybody can count on. */
		map->side[leg].sess_id = siphash24(id_key, seed, sizeof(seed)) >> 2;
		map->side[leg].sess_version = 1;
	}
}

void media_map_clear(struct media_map *map)
{
	for (unsigned int i = 0; i < CTL_MEDIA_MAX; i++) {
		struct media_line *line = map->line[i];

		if (!line)
			continue;
		for (unsigned int leg = 0; leg < DP_LEGS; leg++)
			media_keys_free(line->keys[leg]);
		secret_wipe(line, sizeof(*line));
		free(line);
		map->line[i] = NULL;
	}
	map->n_lines = 0;
}

void media_map_set_side(struct media_map *map, unsigned int leg, const struct cfg_realm *realm,
	const struct ipaddr *signalling)
{
	struct media_side *side = &map->side[leg];

	memcpy(side->realm, realm->name, sizeof(side->realm));
	side->fallback = *signalling;
	side->fallback.port_be16 = 0;
	side->family = signalling->family;
	/* A realm that has media addresses of one family only uses that one. */
	if (side->family == 6 && !ipaddr_is_set(&realm->media_ipv6))
		side->family = 4;
	else if (side->family == 4 && !ipaddr_is_set(&realm->media_ipv4))
		side->family = 6;
	side->timeout_ms = realm->media_timeout_s * 1000;
	side->dscp = realm->dscp_media;
	side->latch = realm->latch;
}

void media_map_set_srtp(struct media_map *map, unsigned int leg, const struct cfg *cfg,
	const struct cfg_realm *realm, const struct cfg_trunk *trunk)
{
	media_srtp_set(&map->side[leg].srtp, cfg, realm, trunk);
	for (unsigned int i = 0; i < map->n_lines; i++) {
		media_keys_free(map->line[i]->keys[leg]);
		map->line[i]->keys[leg] = NULL;
		media_assoc_forget(&map->line[i]->assoc[leg]);
	}
}

static bool line_is_dtls(const struct media_line *line, unsigned int leg)
{
	return line->ctl.dtls[leg].role != CTL_DTLS_NONE;
}

/* A line that is up and not encrypted towards this leg. */
static bool line_is_plain(const struct media_line *line, unsigned int leg)
{
	return line->state == MEDIA_OPEN && !line->fresh &&
	       line->ctl.leg[leg].rx.suite == DP_SRTP_NONE && !line_is_dtls(line, leg);
}

/*
 * How the present offer is made to a leg. With prefer, what was agreed before holds: a far end that
 * has said no to SRTP is not asked again at every hold, one that has it is not asked to drop it.
 */
static enum media_srtp_mode line_mode(
	const struct media_map *map, const struct media_line *line, unsigned int leg)
{
	const struct media_srtp *srtp = &map->side[leg].srtp;
	bool dtls = srtp->keying == CFG_KEYING_DTLS;

	if (srtp->policy == CFG_SRTP_NEVER)
		return MEDIA_PLAIN;
	if (srtp->policy == CFG_SRTP_REQUIRE)
		return dtls ? MEDIA_DTLS : MEDIA_SECURE;
	if (line_is_plain(line, leg))
		return MEDIA_PLAIN;
	if (line->state == MEDIA_OPEN && !line->fresh)
		return line_is_dtls(line, leg) ? MEDIA_DTLS : MEDIA_SECURE;
	for (unsigned int i = 0; i < map->n_lines; i++) {
		if (srtp->refused || line_is_plain(map->line[i], leg))
			return MEDIA_PLAIN;
	}
	if (dtls)
		return !map->in_success && media_dtls_possible(srtp, &map->own) ? MEDIA_DTLS
										: MEDIA_PLAIN;
	return map->in_success ? MEDIA_OPTIONAL : MEDIA_SECURE;
}

bool media_map_lacks_dtls(const struct media_map *map, unsigned int leg)
{
	const struct media_srtp *srtp = &map->side[leg].srtp;

	return srtp->policy == CFG_SRTP_REQUIRE && srtp->keying == CFG_KEYING_DTLS &&
	       !media_dtls_possible(srtp, &map->own);
}

static struct ipaddr wanted_addr(const struct media_side *side)
{
	return (struct ipaddr){.family = side->family};
}

static bool direction_sends(uint8_t direction)
{
	return direction == SDP_SENDRECV || direction == SDP_SENDONLY;
}

static bool direction_receives(uint8_t direction)
{
	return direction == SDP_SENDRECV || direction == SDP_RECVONLY;
}

/*
 * Before the answer the offerer must be ready to hear whoever answers (RFC 3264 5.1), and media
 * does overtake answers. So the line relays towards the offerer already, and only that way. Where
 * SRTP is offered or asked for, nothing passes before its keys are known.
 */
static void line_expect_early(const struct media_map *map, struct media_line *line)
{
	const struct media_desc *offer = &line->pending[map->offerer];
	struct dp_leg *to = &line->ctl.leg[map->offerer], *from = &line->ctl.leg[!map->offerer];

	if (!direction_receives(offer->direction) || !ipaddr_is_set(&offer->rtp))
		return;
	if (offer->peer.srtp.suite != DP_SRTP_NONE ||
		offer->dtls.fingerprint.hash != FINGERPRINT_NONE ||
		line_mode(map, line, !map->offerer) != MEDIA_PLAIN)
		return;
	to->remote_rtp = offer->rtp;
	to->remote_rtcp = offer->rtcp;
	to->flags = DP_LEG_SEND | (line->any_pt ? DP_LEG_ANY_PT : 0);
	from->flags = DP_LEG_RECV | DP_LEG_EARLY | (line->any_pt ? DP_LEG_ANY_PT : 0);
	from->n_payloads = offer->n_payloads;
	memcpy(from->payloads, offer->payloads, sizeof(from->payloads));
}

/* The request for ports. */
static void line_ask(struct media_map *map, unsigned int index)
{
	struct media_line *line = map->line[index];

	memset(&line->ctl, 0, sizeof(line->ctl));
	line->ctl.call_id = map->call_id;
	line->ctl.media_index = index;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct media_side *side = &map->side[leg];

		memcpy(line->ctl.realm[leg], side->realm, sizeof(side->realm));
		line->ctl.leg[leg].local = wanted_addr(side);
		line->ctl.leg[leg].dscp = side->dscp;
		media_assoc_forget(&line->assoc[leg]);
	}
	line_expect_early(map, line);
	line->state = MEDIA_WANTED;
	line->fresh = true;
}

uint32_t media_map_offer_again(struct media_map *map)
{
	uint32_t set = 0;

	for (unsigned int i = 0; i < map->n_lines; i++) {
		struct media_line *line = map->line[i];
		struct ctl_media before = line->ctl;

		if (!line->fresh || line->state != MEDIA_OPEN)
			continue;
		for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
			memset(&line->ctl.leg[leg], 0, sizeof(line->ctl.leg[leg]));
			line->ctl.leg[leg].local = before.leg[leg].local;
			line->ctl.leg[leg].dscp = map->side[leg].dscp;
		}
		/* The offerer may have made its handshake, on an early answer, and will not again. */
		memset(&line->ctl.dtls[!map->offerer], 0, sizeof(line->ctl.dtls[0]));
		media_assoc_forget(&line->assoc[!map->offerer]);
		line_expect_early(map, line);
		if (!secret_equal(&before, &line->ctl, sizeof(before)))
			set |= 1u << i;
		secret_wipe(&before, sizeof(before));
	}
	return set;
}

uint32_t media_map_reroute(struct media_map *map, bool keep_leg0)
{
	uint32_t close = 0;

	for (unsigned int i = 0; i < map->n_lines; i++) {
		struct media_line *line = map->line[i];
		struct ipaddr leg0 = line->ctl.leg[0].local;
		bool was_open = line->state == MEDIA_OPEN;

		if (line->state == MEDIA_UNUSED)
			continue;
		if (was_open)
			close |= 1u << i;
		line_ask(map, i);
		if (keep_leg0 && was_open)
			line->ctl.leg[0].local = leg0;
	}
	return close;
}

/* 0.0.0.0 is the hold of RFC 2543: the leg does not want to receive. */
static uint8_t held_direction(const struct sdp_media *m)
{
	if (!ipaddr_is_any(&m->connection))
		return m->direction;
	return m->direction == SDP_SENDRECV || m->direction == SDP_SENDONLY ? SDP_SENDONLY
									    : SDP_INACTIVE;
}

static void desc_addrs(const struct sdp_media *m, struct media_desc *desc)
{
	if (!ipaddr_is_set(&m->connection) || ipaddr_is_any(&m->connection) ||
		ipaddr_is_multicast(&m->connection) || m->port == 0 || m->port > UINT16_MAX)
		return;
	desc->rtp = m->connection;
	desc->rtp.port_be16 = htons((uint16_t)m->port);
	if (m->rtcp_port == 0 || m->rtcp_port > UINT16_MAX)
		return;
	desc->rtcp = ipaddr_is_set(&m->rtcp_addr) ? m->rtcp_addr : m->connection;
	desc->rtcp.port_be16 = htons((uint16_t)m->rtcp_port);
}

static void desc_read(const struct sdp *sdp, unsigned int index, const struct media_take *take,
	struct media_desc *desc)
{
	const struct sdp_media *m = &sdp->media[index];
	struct view rest = m->formats, format;

	secret_wipe(desc, sizeof(*desc));
	desc->usable = take->usable;
	desc->profile = take->profile;
	desc->peer = take->peer;
	desc->ours = take->ours;
	desc->dtls = take->dtls;
	desc->direction = held_direction(m);
	desc->rtcp_mux = m->rtcp_mux;
	desc_addrs(m, desc);
	while (desc->n_payloads < DP_PAYLOAD_TYPES && sdp_format_next(&rest, &format)) {
		struct dp_payload *p = &desc->payloads[desc->n_payloads];
		struct sdp_rtpmap rtpmap;
		uint64_t pt;

		if (view_to_u64(format, 127, &pt) < 0)
			continue;
		p->pt = (uint8_t)pt;
		/* Without a known clock, and for events, the jitter is not measured. */
		if (sdp_rtpmap(sdp, index, (uint32_t)pt, &rtpmap) == 0 &&
			!view_eq_nocase(rtpmap.encoding, VIEW("telephone-event")))
			p->clock_hz = rtpmap.rate;
		desc->n_payloads++;
	}
}

int media_map_grow(struct media_map *map, unsigned int n)
{
	while (map->n_lines < n) {
		struct media_line *line = calloc(1, sizeof(*line));

		if (!line)
			return -ENOMEM;
		map->line[map->n_lines++] = line;
	}
	return 0;
}

static void offer_take_line(const struct media_map *map, const struct sdp *sdp, unsigned int leg,
	unsigned int index, struct media_take *take)
{
	const struct media_srtp *srtp = &map->side[leg].srtp;
	const struct sdp_media *m = &sdp->media[index];
	enum sdp_profile profile = sdp_profile_parse(m->proto);

	if (m->port != 0 && sdp_profile_keying(profile) == SDP_DTLS)
		media_dtls_take_offer(srtp, &map->own,
			index < map->n_lines ? &map->line[index]->assoc[leg] : NULL, sdp, index,
			take);
	else
		media_srtp_take_offer(srtp, sdp, index, take);
}

/* What each line of an offer is worth. Returns how many can be relayed. */
static unsigned int offer_take(struct media_map *map, const struct sdp *sdp, unsigned int leg,
	struct media_take takes[CTL_MEDIA_MAX], bool *ret_away, const char **ret_reason)
{
	unsigned int n_usable = 0;
	bool by_policy = false;

	*ret_reason = no_media;
	for (unsigned int i = 0; i < sdp->n_media && i < CTL_MEDIA_MAX; i++) {
		struct media_take *take = &takes[i];

		offer_take_line(map, sdp, leg, i, take);
		map->n_crypto_ignored += take->n_ignored;
		n_usable += take->usable;
		*ret_away |= take->away;
		if (take->by_policy && !by_policy) {
			*ret_reason = take->why;
			by_policy = true;
		}
	}
	if (n_usable == 0)
		map->n_srtp_refused += by_policy;
	return n_usable;
}

/* One line of an offer that is taken. */
static void offer_line(struct media_map *map, const struct sdp *sdp, unsigned int index,
	unsigned int leg, const struct media_take *take)
{
	struct media_line *line = map->line[index];
	struct media_desc *desc = &line->pending[leg];
	const struct dp_leg *now = &line->ctl.leg[leg];

	line->fresh = false;
	line->rekeyed = false;
	desc_read(sdp, index, take, desc);
	if (!take->usable)
		return; /* closed by the answer, which must refuse it too */
	line->any_pt = !view_eq(sdp->media[index].media, VIEW("audio"));
	if (take->peer.srtp.suite != DP_SRTP_NONE) {
		line->rekeyed = line->state == MEDIA_OPEN &&
				!media_srtp_same(&take->peer.srtp, &now->rx);
		media_srtp_answer_key(&take->peer, &now->rx, &now->tx, &desc->ours);
	}
	if (line->state == MEDIA_UNUSED)
		line_ask(map, index);
}

/* Whether each line that is to be offered with DTLS has a certificate, if need be the old one. */
static bool can_announce(const struct media_map *map, unsigned int leg, unsigned int n)
{
	if (!media_map_lacks_dtls(map, leg))
		return true;
	for (unsigned int i = 0; i < n; i++) {
		if (i >= map->n_lines || map->line[i]->assoc[leg].own.hash == FINGERPRINT_NONE)
			return false;
	}
	return true;
}

int media_map_offer(
	struct media_map *map, const struct sdp *sdp, unsigned int leg, const char **ret_reason)
{
	unsigned int n = sdp->n_media < CTL_MEDIA_MAX ? sdp->n_media : CTL_MEDIA_MAX;
	struct media_take takes[CTL_MEDIA_MAX];
	bool away = false;
	int rc = 0;

	if (offer_take(map, sdp, leg, takes, &away, ret_reason) == 0) {
		rc = away ? -EAGAIN : -ENOTSUP;
	} else if (!can_announce(map, !leg, n)) {
		*ret_reason = no_handshakes;
		rc = -EAGAIN;
	} else if (sdp->n_media < map->n_media) {
		*ret_reason = fewer_lines;
		rc = -EINVAL;
	} else if (media_map_grow(map, n) < 0) {
		*ret_reason = no_memory;
		rc = -ENOMEM;
	}
	if (rc == 0) {
		map->n_media = (uint8_t)sdp->n_media;
		map->offerer = (uint8_t)leg;
		map->answered = false;
	}
	for (unsigned int i = 0; rc == 0 && i < n; i++)
		offer_line(map, sdp, i, leg, &takes[i]);
	secret_wipe(takes, sizeof(takes));
	return rc;
}

int media_map_opened(struct media_map *map, unsigned int index, const struct ctl_media *reply)
{
	struct media_line *line = map->line[index];

	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct ipaddr *local = &reply->leg[leg].local;

		if (!ipaddr_valid(local) || !ipaddr_is_set(local) || local->port_be16 == 0) {
			line->state = MEDIA_UNUSED;
			return -EPROTO;
		}
	}
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		line->ctl.leg[leg].local = reply->leg[leg].local;
	line->state = MEDIA_OPEN;
	return 0;
}

bool media_map_all_open(const struct media_map *map)
{
	for (unsigned int i = 0; i < map->n_lines; i++) {
		if (map->line[i]->state == MEDIA_WANTED || map->line[i]->state == MEDIA_ASKED)
			return false;
	}
	return true;
}

/* What the data plane is told of one leg: its own description and what the other one takes. */
static void leg_compute(const struct media_map *map, struct media_line *line, unsigned int leg)
{
	const struct media_desc *own = &line->pending[leg], *other = &line->pending[!leg];
	const struct media_side *side = &map->side[leg];
	struct dp_leg *dp = &line->ctl.leg[leg];
	struct ipaddr local = dp->local;

	memset(dp, 0, sizeof(*dp));
	dp->local = local;
	dp->remote_rtp = own->rtp;
	dp->remote_rtcp = own->rtcp;
	dp->dscp = side->dscp;
	dp->rx = own->peer.srtp;
	dp->tx = own->ours.srtp;
	memset(&line->ctl.dtls[leg], 0, sizeof(line->ctl.dtls[leg]));
	if (own->dtls.fingerprint.hash != FINGERPRINT_NONE) {
		media_assoc_agree(&line->assoc[leg], &own->dtls, &own->rtp, leg == map->offerer,
			side->latch, &map->own);
		media_assoc_ctl(&line->assoc[leg], &side->srtp, &line->ctl.dtls[leg]);
	} else {
		media_assoc_forget(&line->assoc[leg]);
	}
	if (direction_sends(own->direction) && direction_receives(other->direction)) {
		dp->flags |= DP_LEG_RECV;
		dp->timeout_ms = side->timeout_ms;
	}
	if (direction_receives(own->direction) && direction_sends(other->direction))
		dp->flags |= DP_LEG_SEND;
	if (side->latch)
		dp->flags |= DP_LEG_LATCH;
	if (own->rtcp_mux)
		dp->flags |= DP_LEG_RTCP_MUX;
	if (line->any_pt)
		dp->flags |= DP_LEG_ANY_PT;
	dp->n_payloads = other->n_payloads;
	memcpy(dp->payloads, other->payloads, sizeof(dp->payloads));
}

/* Name of the first audio codec that is no event and no comfort noise, for the record. */
static void codec_name(struct media_map *map, const struct sdp *sdp, unsigned int index)
{
	struct view rest = sdp->media[index].formats, format;

	while (sdp_format_next(&rest, &format)) {
		struct sdp_rtpmap rtpmap;
		uint64_t pt;

		if (view_to_u64(format, 127, &pt) < 0 ||
			sdp_rtpmap(sdp, index, (uint32_t)pt, &rtpmap) < 0 ||
			view_eq_nocase(rtpmap.encoding, VIEW("telephone-event")) ||
			view_eq_nocase(rtpmap.encoding, VIEW("CN")))
			continue;
		if (view_copy(rtpmap.encoding, map->codec, sizeof(map->codec)) < 0)
			map->codec[0] = '\0';
		return;
	}
}

/* Both legs know each other's description now. */
static void line_answered(struct media_map *map, struct media_line *line)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		bool was_secure = !line->fresh && !line_is_plain(line, leg);

		leg_compute(map, line, leg);
		if (was_secure && line_is_plain(line, leg))
			map->side[leg].srtp.lost = true;
	}
}

/* Reads the lines of an answer before any of them counts. */
static int answer_take(struct media_map *map, const struct sdp *sdp, unsigned int leg,
	struct media_take takes[CTL_MEDIA_MAX], const char **ret_reason)
{
	const struct media_srtp *srtp = &map->side[leg].srtp;

	memset(takes, 0, CTL_MEDIA_MAX * sizeof(*takes));
	for (unsigned int i = 0; i < map->n_lines; i++) {
		const struct media_line *line = map->line[i];
		enum media_srtp_mode mode;
		int rc;

		/* Refused, or taken although we refused it: no answer of ours takes it either. */
		if (line->state != MEDIA_OPEN || !line->pending[!leg].usable ||
			sdp->media[i].port == 0)
			continue;
		mode = line_mode(map, line, leg);
		rc = mode == MEDIA_DTLS ? media_dtls_take_answer(sdp, i, &takes[i])
					: media_srtp_take_answer(
						  srtp, mode, line->keys[leg], sdp, i, &takes[i]);
		map->n_crypto_ignored += takes[i].n_ignored;
		if (rc < 0) {
			*ret_reason = takes[i].why;
			map->n_srtp_refused++;
			return rc;
		}
	}
	return 0;
}

int media_map_answer(struct media_map *map, const struct sdp *sdp, unsigned int leg,
	uint32_t *ret_set, uint32_t *ret_close, const char **ret_reason)
{
	struct media_take takes[CTL_MEDIA_MAX];
	uint32_t set = 0, close = 0;
	bool named = false;
	int rc;

	if (map->n_media == 0 || leg == map->offerer) {
		*ret_reason = no_offer;
		return -EINVAL;
	}
	if (sdp->n_media != map->n_media) {
		*ret_reason = bad_count;
		return -EINVAL;
	}
	rc = answer_take(map, sdp, leg, takes, ret_reason);
	for (unsigned int i = 0; rc == 0 && i < map->n_lines; i++) {
		struct media_line *line = map->line[i];

		if (line->state != MEDIA_OPEN)
			continue;
		desc_read(sdp, i, &takes[i], &line->pending[leg]);
		/* Refused: closed once the exchange is complete, as a fork may still take it. */
		if (!takes[i].usable) {
			close |= 1u << i;
			continue;
		}
		/* RFC 5761 5.1.1: mux is used only when the offer had it, as with DTLS it always has. */
		line->pending[leg].rtcp_mux &= line->pending[!leg].rtcp_mux ||
					       takes[i].dtls.fingerprint.hash != FINGERPRINT_NONE;
		line_answered(map, line);
		set |= 1u << i;
		if (!named && !line->any_pt) {
			codec_name(map, sdp, i);
			named = true;
		}
	}
	secret_wipe(takes, sizeof(takes));
	if (rc < 0)
		return rc;
	map->answered = true;
	*ret_set = set;
	*ret_close = close;
	return 0;
}

bool media_map_fall_back(struct media_map *map, unsigned int leg)
{
	struct media_srtp *srtp = &map->side[leg].srtp;
	bool offered = false;

	for (unsigned int i = 0; i < map->n_lines; i++) {
		const struct media_line *line = map->line[i];

		enum media_srtp_mode mode = line_mode(map, line, leg);

		offered = offered || (line->fresh && line->pending[!leg].usable &&
					     (mode == MEDIA_SECURE || mode == MEDIA_DTLS));
	}
	if (srtp->policy != CFG_SRTP_PREFER || !offered)
		return false;
	srtp->refused = true;
	return true;
}

uint8_t media_map_srtp(const struct media_map *map, unsigned int leg)
{
	uint8_t suite = DP_SRTP_NONE;

	for (unsigned int i = 0; i < map->n_lines; i++) {
		const struct media_line *line = map->line[i];

		if (line->state != MEDIA_OPEN)
			continue;
		if (line->ctl.leg[leg].rx.suite == DP_SRTP_NONE)
			return DP_SRTP_NONE;
		if (suite == DP_SRTP_NONE)
			suite = line->ctl.leg[leg].rx.suite;
	}
	return suite;
}

enum ctl_keying media_map_keying(const struct media_map *map, unsigned int leg)
{
	enum ctl_keying keying = CTL_KEYING_NONE;

	for (unsigned int i = 0; i < map->n_lines; i++) {
		const struct media_line *line = map->line[i];

		if (line->state != MEDIA_OPEN)
			continue;
		if (line_is_dtls(line, leg))
			keying = CTL_KEYING_DTLS;
		else if (line->ctl.leg[leg].rx.suite == DP_SRTP_NONE)
			return CTL_KEYING_NONE;
		else if (keying == CTL_KEYING_NONE)
			keying = CTL_KEYING_SDES;
	}
	return keying;
}

uint32_t media_map_fail(struct media_map *map)
{
	uint32_t close = 0;

	for (unsigned int i = 0; i < map->n_lines; i++) {
		struct media_line *line = map->line[i];

		if (!line->fresh)
			continue;
		if (line->state == MEDIA_OPEN || line->state == MEDIA_ASKED)
			close |= 1u << i;
		line->state = MEDIA_UNUSED;
		line->fresh = false;
	}
	return close;
}

void media_map_done(struct media_map *map)
{
	for (unsigned int i = 0; i < map->n_lines; i++)
		map->line[i]->fresh = false;
}

/* At most DP_PAYLOAD_TYPES formats leave, as the data plane cannot accept more. */
static struct view formats_cut(const struct sdp_media *m)
{
	struct view rest = m->formats, format, all = m->formats;

	if (m->n_formats <= DP_PAYLOAD_TYPES)
		return (struct view){NULL, 0};
	for (unsigned int i = 0; i < DP_PAYLOAD_TYPES && sdp_format_next(&rest, &format); i++)
		all.n = (size_t)(format.p + format.n - all.p);
	return all;
}

static enum sdp_keying mode_keying(enum media_srtp_mode mode)
{
	return mode == MEDIA_DTLS ? SDP_DTLS : mode == MEDIA_SECURE ? SDP_SDES : SDP_PLAIN;
}

/* The profile and keys of a line: an offer as the policy of that side says, an answer as asked. */
static void plan_srtp(const struct media_map *map, const struct media_line *line,
	unsigned int to_leg, struct sdp_media_plan *plan)
{
	const struct media_desc *asked = &line->pending[map->offerer];
	enum media_srtp_mode mode;

	if (to_leg == map->offerer) {
		plan->proto = sdp_profile_text(asked->profile);
		plan->crypto = &asked->ours;
		plan->n_crypto = asked->ours.srtp.suite != DP_SRTP_NONE;
		if (line_is_dtls(line, to_leg))
			media_assoc_plan(&line->assoc[to_leg], true, &plan->dtls);
		return;
	}
	mode = line_mode(map, line, to_leg);
	plan->proto = sdp_profile_text(sdp_profile_with(asked->profile, mode_keying(mode)));
	if (mode == MEDIA_PLAIN)
		return;
	if (mode == MEDIA_DTLS) {
		media_assoc_plan(&line->assoc[to_leg], false, &plan->dtls);
		plan->rtcp_mux = true; /* RTCP has no handshake of its own here */
		return;
	}
	plan->crypto = line->keys[to_leg]->line;
	plan->n_crypto = line->keys[to_leg]->n;
}

static void plan_line(const struct media_map *map, const struct sdp *sdp, unsigned int index,
	unsigned int to_leg, struct sdp_media_plan *plan)
{
	const struct sdp_media *m = &sdp->media[index];
	const struct media_line *line = index < map->n_lines ? map->line[index] : NULL;

	memset(plan, 0, sizeof(*plan));
	plan->direction = SDP_DIR_NONE;
	plan->addr = map->side[to_leg].fallback;
	if (line && to_leg == map->offerer)
		plan->proto = sdp_profile_text(line->pending[to_leg].profile);
	if (!line || line->state != MEDIA_OPEN || m->port == 0 || !line->pending[!to_leg].usable)
		return;
	plan->addr = line->ctl.leg[to_leg].local;
	plan->direction = (enum sdp_direction)held_direction(m);
	/*
	 * An offer asks for mux when the offerer does; an answer says yes when the peer that gets
	 * it had asked, whatever the other side does: each leg is muxed for itself.
	 */
	plan->rtcp_mux = to_leg == map->offerer ? line->pending[to_leg].rtcp_mux : m->rtcp_mux;
	plan->formats = formats_cut(m);
	plan_srtp(map, line, to_leg, plan);
}

/*
 * Keys for what is offered to a leg. A session that goes on keeps its suite and key, unless the
 * offerer changed its own.
 */
static int keys_prepare(struct media_map *map, unsigned int to_leg)
{
	for (unsigned int i = 0; to_leg != map->offerer && i < map->n_lines; i++) {
		struct media_line *line = map->line[i];
		const struct dp_srtp *tx = &line->ctl.leg[to_leg].tx;
		struct media_keys *keys = line->keys[to_leg];
		bool goes_on = !line->fresh && tx->suite != DP_SRTP_NONE;
		enum media_srtp_mode mode = line_mode(map, line, to_leg);

		if (line->state == MEDIA_OPEN && mode == MEDIA_DTLS)
			media_assoc_announce(&line->assoc[to_leg], &map->own);
		if (line->state != MEDIA_OPEN || mode == MEDIA_PLAIN || mode == MEDIA_DTLS)
			continue;
		if (keys && !line->rekeyed && (!goes_on || media_keys_keep(keys, tx)))
			continue;
		if (!keys)
			keys = line->keys[to_leg] = calloc(1, sizeof(*keys));
		if (!keys)
			return -ENOMEM;
		media_keys_draw(keys, &map->side[to_leg].srtp, goes_on ? tx->suite : DP_SRTP_NONE);
		if (goes_on && !line->rekeyed)
			(void)media_keys_keep(keys, tx);
		line->rekeyed = false;
	}
	return 0;
}

static int print_once(
	struct media_map *map, const struct sdp *sdp, unsigned int to_leg, struct sip_buf *out)
{
	struct sdp_media_plan lines[SDP_MEDIA_MAX];
	const struct media_side *side = &map->side[to_leg];
	struct ipaddr origin = side->fallback;
	struct sdp_plan plan = {
		.username = VIEW("-"),
		.sess_id = side->sess_id,
		.sess_version = side->sess_version,
		.session_name = VIEW("-"),
		.origin = &origin,
		.media = lines,
		.n_media = sdp->n_media,
		.allow_attrs = allow_attrs,
	};

	for (unsigned int i = sdp->n_media; i-- > 0;) {
		plan_line(map, sdp, i, to_leg, &lines[i]);
		if (lines[i].addr.port_be16 != 0)
			origin = lines[i].addr;
	}
	origin.port_be16 = 0;
	return sdp_print(sdp, &plan, out);
}

int media_map_print(
	struct media_map *map, const struct sdp *sdp, unsigned int to_leg, struct sip_buf *out)
{
	static const uint64_t hash_key[2] = {0x6d61702d68617368, 0x7365737376657273};
	struct media_side *side = &map->side[to_leg];
	size_t start = out->n;
	uint64_t hash;
	int rc = keys_prepare(map, to_leg);

	if (rc == 0)
		rc = print_once(map, sdp, to_leg, out);
	if (rc < 0)
		return rc;
	hash = siphash24(hash_key, out->p + start, out->n - start) | 1;
	if (side->hash == hash)
		return 0;
	if (side->hash != 0) {
		/* Another text than the last one: the next version (RFC 3264 8). */
		side->sess_version++;
		out->n = start;
		rc = print_once(map, sdp, to_leg, out);
		if (rc < 0)
			return rc;
		hash = siphash24(hash_key, out->p + start, out->n - start) | 1;
	}
	side->hash = hash;
	return 0;
}
