/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The offering half of RFC 3264: which lines of an offer can be relayed, the ports that they want,
 * and what is heard before there is an answer. See media_map.h.
 */
#include "sip-b2bua/sdp/media_private.h"

#include <errno.h>

#include "controlplane/base/secret.h"

static const char no_media[] = "the session description offers no RTP media";
static const char fewer_lines[] = "the new offer has fewer media lines than the session";
static const char denied[] =
	"the offer has no codec that the voice class of its side allows (voice-class codec)";
static const char leaves_bundle[] =
	"a media line leaves its bundle, which is not possible in mid-call";
static const char other_family[] =
	"the offer has a media address of another IP version than its side";
static const char no_memory[] = "memory is short";
static const char no_handshakes[] = "a far end requires keys by DTLS, and limen-nat is not running";

static struct ipaddr wanted_addr(const struct media_side *side)
{
	return (struct ipaddr){.family = side->family};
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
	struct codec_result codecs;
	bool fits;

	if (map->alone || !media_direction_receives(offer->direction) ||
		!ipaddr_is_set(&offer->rtp))
		return;
	if (offer->peer.srtp.suite != DP_SRTP_NONE ||
		offer->dtls.fingerprint.hash != FINGERPRINT_NONE ||
		media_line_mode(map, line, !map->offerer) != MEDIA_PLAIN)
		return;
	fits = media_line_early_codecs(map, line, &codecs);
	if (line->coded && !fits)
		return;
	to->remote_rtp = offer->rtp;
	to->remote_rtcp = offer->rtcp;
	to->flags = DP_LEG_SEND | (line->any_pt ? DP_LEG_ANY_PT : 0);
	from->flags = DP_LEG_RECV | DP_LEG_EARLY | (line->any_pt ? DP_LEG_ANY_PT : 0);
	if (fits)
		to->send = codecs.offerer.send;
	if (!line->coded) {
		media_codec_pass(&offer->codecs, from);
		return;
	}
	to->flags |= codecs.by_core ? DP_LEG_RTCP_OWN : 0;
	from->flags |= codecs.by_core ? DP_LEG_RTCP_OWN : 0;
	from->n_payloads = codecs.answerer.n_payloads;
	memcpy(from->payloads, codecs.answerer.payloads, sizeof(from->payloads));
}

/* The request for ports. */
static void line_ask(struct media_map *map, unsigned int index)
{
	struct media_line *line = map->line[index];

	memset(&line->ctl, 0, sizeof(line->ctl));
	line->ctl.call_id = map->call_id;
	line->ctl.media_index = index;
	line->ctl.cookie = map->cookie;
	line->ctl.emergency = map->emergency;
	for (unsigned int leg = 0; leg < (map->alone ? 1 : DP_LEGS); leg++) {
		const struct media_side *side = &map->side[leg];

		memcpy(line->ctl.realm[leg], side->realm, sizeof(side->realm));
		line->ctl.leg[leg].local = wanted_addr(side);
		line->ctl.leg[leg].dscp = side->dscp;
		media_assoc_forget(&line->assoc[leg]);
	}
	line_expect_early(map, line);
	media_bundle_leg(line, map->offerer, &line->ctl.leg[map->offerer]);
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
		memset(line->ctl.play, 0, sizeof(line->ctl.play));
		/* The offerer may have made its handshake, on an early answer, and will not again. */
		memset(&line->ctl.dtls[!map->offerer], 0, sizeof(line->ctl.dtls[0]));
		media_assoc_forget(&line->assoc[!map->offerer]);
		media_line_forget_codecs(line, !map->offerer);
		media_line_offer_codecs(map, line);
		line_expect_early(map, line);
		media_bundle_leg(line, map->offerer, &line->ctl.leg[map->offerer]);
		/* a port that is shared stays so */
		if (before.leg[!map->offerer].flags & DP_LEG_BUNDLE) {
			line->ctl.leg[!map->offerer].flags |= DP_LEG_BUNDLE | DP_LEG_RTCP_MUX;
			line->ctl.leg[!map->offerer].bundle = before.leg[!map->offerer].bundle;
		}
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
		media_line_forget_codecs(line, !map->offerer);
		media_line_offer_codecs(map, line);
		line_ask(map, i);
		if (keep_leg0 && was_open)
			line->ctl.leg[0].local = leg0;
	}
	return close;
}

/* The classes of both sides are known; of the offering one's this line must have some codec. */
static void offer_take_codecs(const struct media_map *map, const struct sdp *sdp, unsigned int leg,
	unsigned int index, struct media_take *take)
{
	static const struct codec_policy any = {.transcoding = CFG_TRANSCODING_NEVER};
	struct codec_sides sides = {.offerer = &map->side[leg].codecs, .answerer = &any};
	struct codec_numbers numbers = {.key = {0}};
	struct codec_list offer, said;
	static const struct codec_list none;

	if (!take->usable || !media_line_wants_codecs(map, &sdp->media[index]))
		return;
	codec_list_read(sdp, index, &offer);
	if (codec_offer(&sides, &offer, &none, &numbers, &said) == CODEC_FITS)
		return;
	take->usable = false;
	take->by_policy = true;
	take->why = denied;
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
	offer_take_codecs(map, sdp, leg, index, take);
	if (take->usable && !media_same_family(m, index < map->n_lines ? map->line[index] : NULL,
				    leg, map->side[leg].family)) {
		take->usable = false;
		take->by_policy = true;
		take->why = other_family;
	}
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
	media_desc_read(sdp, index, take, NULL, desc);
	if (!take->usable)
		return; /* closed by the answer, which must refuse it too */
	line->any_pt = !view_eq(sdp->media[index].media, VIEW("audio"));
	line->coded = media_line_wants_codecs(map, &sdp->media[index]);
	if (line->coded) {
		codec_numbers_learn(&line->numbers[leg], &desc->codecs);
		media_line_offer_codecs(map, line);
	}
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
	} else if (media_bundle_leaves(map, sdp, leg)) {
		*ret_reason = leaves_bundle;
		rc = -ENOTSUP;
	} else if (media_map_grow(map, n) < 0) {
		*ret_reason = no_memory;
		rc = -ENOMEM;
	}
	if (rc == 0) {
		map->n_before = map->n_media;
		map->n_media = (uint8_t)sdp->n_media;
		map->offerer = (uint8_t)leg;
		map->answered = false;
	}
	for (unsigned int i = 0; rc == 0 && i < n; i++)
		offer_line(map, sdp, i, leg, &takes[i]);
	if (rc == 0)
		media_bundle_share_keys(map, leg);
	secret_wipe(takes, sizeof(takes));
	return rc;
}
