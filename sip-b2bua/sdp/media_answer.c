/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The answering half of RFC 3264: with both descriptions at hand, what the data plane is told of
 * each leg. See media_map.h.
 */
#include "sip-b2bua/sdp/media_private.h"

#include <errno.h>
#include <stdio.h>

#include "controlplane/base/secret.h"

static const char bad_count[] = "the answer does not have as many media lines as the offer";
static const char other_family[] =
	"the answer has a media address of another IP version than the offer";
static const char no_offer[] = "an answer came without an offer";

/* The codecs of a leg that codec_policy.h has decided on, or of one whose formats all pass. */
static void leg_compute_codecs(const struct media_map *map, const struct media_line *line,
	unsigned int leg, const struct codec_result *codecs, struct dp_leg *dp)
{
	const struct codec_leg *own = leg == map->offerer ? &codecs->offerer : &codecs->answerer;

	dp->send = own->send;
	if (!line->coded) {
		media_codec_pass(&line->pending[!leg].codecs, dp);
		return;
	}
	dp->n_payloads = own->n_payloads;
	memcpy(dp->payloads, own->payloads, sizeof(dp->payloads));
	dp->flags |= codecs->by_core ? DP_LEG_RTCP_OWN : 0;
	dp->flags |= own->flags;
}

/* What the data plane is told of one leg: its own description and what the other one takes. */
static void leg_compute(const struct media_map *map, struct media_line *line, unsigned int leg,
	const struct codec_result *codecs)
{
	const struct media_desc *own = &line->pending[leg], *other = &line->pending[!leg];
	const struct media_side *side = &map->side[leg];
	struct dp_leg *dp = &line->ctl.leg[leg];
	struct ipaddr local = dp->local;

	memset(dp, 0, sizeof(*dp));
	dp->local = local;
	/* The box answers in its place: it may still do its handshake, and hears nothing yet. */
	if (map->local && leg == 1) {
		dp->dscp = side->dscp;
		return;
	}
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
	if (media_direction_sends(own->direction) && media_direction_receives(other->direction)) {
		dp->flags |= DP_LEG_RECV;
		dp->timeout_ms = side->timeout_ms;
	}
	if (media_direction_receives(own->direction) && media_direction_sends(other->direction))
		dp->flags |= DP_LEG_SEND;
	if (side->latch)
		dp->flags |= DP_LEG_LATCH;
	if (own->rtcp_mux)
		dp->flags |= DP_LEG_RTCP_MUX;
	if (line->any_pt)
		dp->flags |= DP_LEG_ANY_PT;
	leg_compute_codecs(map, line, leg, codecs, dp);
	media_bundle_leg(line, leg, dp);
}

/* Name of a codec that a leg talks; of its description pt is a format. */
static void codec_name(const struct sdp *sdp, unsigned int index, const struct codec_leg *leg,
	bool transcoded, char name[CTL_CODEC_MAX])
{
	struct sdp_rtpmap rtpmap;

	name[0] = '\0';
	if (transcoded)
		snprintf(name, CTL_CODEC_MAX, "%s", dp_codec_row(leg->send.codec)->name);
	else if (sdp_rtpmap(sdp, index, leg->pt, &rtpmap) == 0 &&
		 view_copy(rtpmap.encoding, name, CTL_CODEC_MAX) < 0)
		name[0] = '\0';
}

/* For the record. What is relayed has one name on both sides. */
static void codec_names(struct media_map *map, const struct sdp *sdp, unsigned int index,
	const struct codec_result *codecs)
{
	unsigned int answerer = !map->offerer;

	codec_name(sdp, index, &codecs->answerer, codecs->transcoded, map->codec[answerer]);
	if (codecs->transcoded)
		codec_name(sdp, index, &codecs->offerer, true, map->codec[map->offerer]);
	else
		memcpy(map->codec[map->offerer], map->codec[answerer], CTL_CODEC_MAX);
}

/* Both legs know each other's description now. */
static void line_answered(
	struct media_map *map, struct media_line *line, const struct codec_result *codecs)
{
	if (line->coded) {
		codec_numbers_learn(
			&line->numbers[!map->offerer], &line->pending[!map->offerer].codecs);
		line->said[map->offerer] = codecs->said;
	}
	line->transcoded = line->coded && codecs->transcoded;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		bool was_secure = !line->fresh && !media_line_is_plain(line, leg);

		leg_compute(map, line, leg, codecs);
		if (was_secure && media_line_is_plain(line, leg))
			map->side[leg].srtp.lost = true;
	}
	if (map->alone)
		media_line_alone(line);
	media_line_play(map, line);
}

/* Reads the lines of an answer before any of them counts. */
static int answer_take(struct media_map *map, const struct sdp *sdp, unsigned int leg,
	struct media_take takes[CTL_MEDIA_MAX], struct codec_list answers[CTL_MEDIA_MAX],
	struct codec_result codecs[CTL_MEDIA_MAX], const char **ret_reason)
{
	enum codec_why why;
	bool soon;
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
		mode = media_line_mode(map, line, leg);
		rc = mode == MEDIA_DTLS ? media_dtls_take_answer(sdp, i, &takes[i])
					: media_srtp_take_answer(srtp, mode,
						  media_bundle_keys(map, sdp, i)->keys[leg], sdp, i,
						  &takes[i]);
		map->n_crypto_ignored += takes[i].n_ignored;
		if (rc < 0) {
			*ret_reason = takes[i].why;
			map->n_srtp_refused++;
			return rc;
		}
		if (!takes[i].usable)
			continue;
		if (!media_same_family(&sdp->media[i], line, leg, 0)) {
			*ret_reason = other_family;
			return -EINVAL;
		}
		codec_list_read(sdp, i, &answers[i]);
		why = media_line_answer_codecs(map, line, &answers[i], &codecs[i]);
		if (why != CODEC_FITS && line->coded) {
			*ret_reason = media_codec_text(map, why, &soon);
			return -EINVAL;
		}
	}
	return 0;
}

int media_map_answer(struct media_map *map, const struct sdp *sdp, unsigned int leg,
	uint32_t *ret_set, uint32_t *ret_close, const char **ret_reason)
{
	struct codec_list answers[CTL_MEDIA_MAX]; /* of lines that are usable */
	struct codec_result codecs[CTL_MEDIA_MAX];
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
	rc = answer_take(map, sdp, leg, takes, answers, codecs, ret_reason);
	for (unsigned int i = 0; rc == 0 && i < map->n_lines; i++) {
		struct media_line *line = map->line[i];

		if (line->state != MEDIA_OPEN)
			continue;
		media_desc_read(sdp, i, &takes[i], takes[i].usable ? &answers[i] : NULL,
			&line->pending[leg]);
		/* Refused: closed once the exchange is complete, as a fork may still take it. */
		if (!takes[i].usable) {
			close |= 1u << i;
			continue;
		}
		/* RFC 5761 5.1.1: mux is used only when the offer had it, as with DTLS it always has. */
		line->pending[leg].rtcp_mux &= line->pending[!leg].rtcp_mux ||
					       line->pending[leg].bundle.in ||
					       takes[i].dtls.fingerprint.hash != FINGERPRINT_NONE;
		line_answered(map, line, &codecs[i]);
		set |= 1u << i;
		if (!named && !line->any_pt) {
			codec_names(map, sdp, i, &codecs[i]);
			map->dtmf[!leg] = codecs[i].dtmf_offerer;
			map->dtmf[leg] = codecs[i].dtmf_answerer;
			map->dtmf_line = (uint8_t)i;
			named = true;
		}
	}
	secret_wipe(takes, sizeof(takes));
	if (rc < 0)
		return rc;
	media_bundle_move(map, leg);
	map->answered = true;
	*ret_set = set;
	*ret_close = close;
	return 0;
}
