/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The media map in the checkpoint of an answered call; see media_map.h. Read as input from outside:
 * what limen-control gives back is checked before anything is believed.
 */
#include "sip-b2bua/sdp/media_map.h"

#include <errno.h>

#include "controlplane/api/ctl_play.h"

#define CKPT_VERSION 8

static void policy_checkpoint(const struct codec_policy *policy, struct ckpt_out *out)
{
	ckpt_put_u(out, policy->transcoding, 1);
	ckpt_put_u(out, policy->packet_ms, 1);
	ckpt_put_u(out, policy->amr_form, 1);
	ckpt_put_u(out, policy->n, 1);
	ckpt_put(out, policy->codec, policy->n);
}

static void policy_restore(struct codec_policy *policy, struct ckpt_in *in)
{
	memset(policy, 0, sizeof(*policy));
	policy->transcoding = (uint8_t)ckpt_get_u(in, 1);
	policy->packet_ms = (uint8_t)ckpt_get_u(in, 1);
	policy->amr_form = (uint8_t)ckpt_get_u(in, 1);
	policy->n = (uint8_t)ckpt_get_u(in, 1);
	if (policy->transcoding > CFG_TRANSCODING_BY_PREFERENCE ||
		policy->amr_form > CFG_AMR_OCTET_ALIGNED || policy->n > CFG_LIST_MAX) {
		policy->n = 0;
		in->failed = true;
	}
	for (unsigned int i = 0; i < policy->n; i++) {
		policy->codec[i] = (uint8_t)ckpt_get_u(in, 1);
		if (policy->codec[i] == 0 || policy->codec[i] >= CFG_N_CODECS)
			in->failed = true;
	}
}

/* What the legs have said, and what their numbers mean, holds on in the next exchange. */
static void codecs_checkpoint(const struct media_line *line, struct ckpt_out *out)
{
	ckpt_put_u(out, line->transcoded, 1);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct codec_list *list = &line->pending[leg].codecs;

		ckpt_put_u(out, list->n, 1);
		ckpt_put(out, list->format, list->n * sizeof(list->format[0]));
		ckpt_put(out, &line->numbers[leg], sizeof(line->numbers[leg]));
	}
}

static void codecs_restore(struct media_line *line, struct ckpt_in *in)
{
	line->transcoded = ckpt_get_u(in, 1) != 0;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		struct codec_list *list = &line->pending[leg].codecs;
		unsigned int n = (unsigned int)ckpt_get_u(in, 1);
		const void *formats = NULL, *numbers;

		if (n <= CODEC_FORMATS_MAX)
			formats = ckpt_get(in, n * sizeof(list->format[0]));
		numbers = formats ? ckpt_get(in, sizeof(line->numbers[leg])) : NULL;
		if (!numbers) {
			in->failed = true;
			return;
		}
		memcpy(list->format, formats, n * sizeof(list->format[0]));
		memcpy(&line->numbers[leg], numbers, sizeof(line->numbers[leg]));
		for (unsigned int i = 0; i < n; i++) {
			const struct codec_format *f = &list->format[i];

			if (f->pt > 127 || f->kind > CODEC_NOISE || f->id >= DP_CODEC_END ||
				(f->kind == CODEC_VOICE) != (f->id != DP_CODEC_NONE))
				in->failed = true;
		}
		list->n = (uint8_t)n;
	}
}

void media_map_checkpoint(const struct media_map *map, struct ckpt_out *out)
{
	ckpt_put_u(out, CKPT_VERSION, 1);
	ckpt_put_u(out, map->n_media, 1);
	ckpt_put_u(out, map->n_lines, 1);
	ckpt_put_u(out, map->cookie, 4);
	ckpt_put_u(out, map->alone, 1);
	ckpt_put_u(out, map->emergency, 1);
	ckpt_put_u(out, map->play_serial, 4);
	ckpt_put(out, map->play, sizeof(map->play));
	ckpt_put_u(out, map->dtmf_line, 1);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct media_side *side = &map->side[leg];

		ckpt_put_u(out, side->sess_id, 8);
		ckpt_put_u(out, side->sess_version, 8);
		ckpt_put_u(out, side->hash, 8);
		ckpt_put_view(out, view_of(side->realm));
		ckpt_put_addr(out, &side->fallback);
		ckpt_put_u(out, side->timeout_ms, 4);
		ckpt_put_u(out, side->family, 1);
		ckpt_put_u(out, side->dscp, 1);
		ckpt_put_u(out, side->latch, 1);
		ckpt_put_u(out, side->bundle, 1);
		media_srtp_checkpoint(&side->srtp, out);
		ckpt_put_u(out, side->dtmf.first, 1);
		ckpt_put_u(out, side->dtmf.second, 1);
		ckpt_put_u(out, map->dtmf[leg], 1);
		policy_checkpoint(&side->codecs, out);
		ckpt_put_view(out, view_of(side->music));
	}
	for (unsigned int i = 0; i < map->n_lines; i++) {
		const struct media_line *line = map->line[i];

		ckpt_put_u(out, line->state, 1);
		ckpt_put_u(out, line->any_pt, 1);
		if (line->state == MEDIA_OPEN)
			ckpt_put(out, &line->ctl, sizeof(line->ctl));
		for (unsigned int leg = 0; leg < DP_LEGS; leg++)
			media_assoc_checkpoint(&line->assoc[leg], out);
		ckpt_put_u(out, line->coded, 1);
		if (line->coded)
			codecs_checkpoint(line, out);
	}
}

static void restore_side(struct media_side *side, uint8_t *ret_dtmf, struct ckpt_in *in)
{
	side->sess_id = ckpt_get_u(in, 8);
	side->sess_version = ckpt_get_u(in, 8);
	side->hash = ckpt_get_u(in, 8);
	memset(side->realm, 0, sizeof(side->realm));
	if (view_copy(ckpt_get_view(in, CTL_NAME_MAX), side->realm, sizeof(side->realm)) < 0)
		in->failed = true;
	ckpt_get_addr(in, &side->fallback);
	side->timeout_ms = (uint32_t)ckpt_get_u(in, 4);
	side->family = (uint8_t)ckpt_get_u(in, 1);
	side->dscp = (uint8_t)ckpt_get_u(in, 1);
	side->latch = ckpt_get_u(in, 1) != 0;
	side->bundle = (uint8_t)ckpt_get_u(in, 1);
	media_srtp_restore(&side->srtp, in);
	side->dtmf.first = (uint8_t)ckpt_get_u(in, 1);
	side->dtmf.second = (uint8_t)ckpt_get_u(in, 1);
	*ret_dtmf = (uint8_t)ckpt_get_u(in, 1);
	if (side->dtmf.first >= CTL_DTMF_N_WAYS || side->dtmf.second >= CTL_DTMF_N_WAYS ||
		*ret_dtmf >= CTL_DTMF_N_WAYS)
		in->failed = true;
	policy_restore(&side->codecs, in);
	if (view_copy(ckpt_get_view(in, CTL_NAME_MAX - 1), side->music, sizeof(side->music)) < 0)
		in->failed = true;
	if ((side->family != 4 && side->family != 6) || side->dscp > 63 ||
		side->bundle > CFG_BUNDLE_OFFER)
		in->failed = true;
}

static void restore_plays(struct media_map *map, struct ckpt_in *in)
{
	const uint8_t *raw = ckpt_get(in, sizeof(map->play));

	if (!raw)
		return;
	memcpy(map->play, raw, sizeof(map->play));
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		in->failed = in->failed || !ctl_play_ok(&map->play[leg]);
}

static bool leg_valid(const struct dp_leg *leg)
{
	return ipaddr_valid(&leg->local) && leg->local.port_be16 != 0 &&
	       ipaddr_valid(&leg->remote_rtp) && ipaddr_valid(&leg->remote_rtcp) &&
	       leg->n_payloads <= DP_PAYLOAD_TYPES && leg->dscp <= 63 && dp_srtp_valid(&leg->rx) &&
	       dp_srtp_valid(&leg->tx) && !leg->rx.suite == !leg->tx.suite;
}

/* As limen-control demands it (ctl_media_ok), and of the association that we know. */
static bool dtls_valid(const struct media_line *line, unsigned int leg)
{
	static const struct ctl_dtls none;
	const struct ctl_dtls *dtls = &line->ctl.dtls[leg];
	const struct media_assoc *assoc = &line->assoc[leg];

	if (dtls->role == CTL_DTLS_NONE)
		return memcmp(dtls, &none, sizeof(none)) == 0;
	return dtls->role == assoc->role && dtls->association == assoc->number &&
	       memcmp(&dtls->peer, &assoc->peer, sizeof(dtls->peer)) == 0 && dtls->suites != 0 &&
	       dtls->zero == 0 && dtls->zero2 == 0 && line->ctl.leg[leg].rx.suite == DP_SRTP_NONE;
}

/* The realm names were terminated by us; a damaged checkpoint may have lost that. */
static void restore_line(struct media_map *map, unsigned int index, struct ckpt_in *in)
{
	struct media_line *line = map->line[index];
	const uint8_t *raw;

	line->state = (uint8_t)ckpt_get_u(in, 1);
	line->any_pt = ckpt_get_u(in, 1) != 0;
	if (line->state == MEDIA_OPEN) {
		raw = ckpt_get(in, sizeof(line->ctl));
		if (!raw)
			return;
		memcpy(&line->ctl, raw, sizeof(line->ctl));
	}
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		media_assoc_restore(&line->assoc[leg], in);
	line->coded = ckpt_get_u(in, 1) != 0;
	if (line->coded)
		codecs_restore(line, in);
	if (line->state != MEDIA_OPEN) {
		line->state = MEDIA_UNUSED;
		return;
	}
	if (line->ctl.call_id != map->call_id || line->ctl.media_index != index ||
		line->ctl.emergency != map->emergency || line->ctl.zero != 0 ||
		!leg_valid(&line->ctl.leg[0]) || (!map->alone && !leg_valid(&line->ctl.leg[1])) ||
		!ctl_play_ok(&line->ctl.play[0]) || !ctl_play_ok(&line->ctl.play[1]))
		in->failed = true;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		if (memcmp(line->ctl.realm[leg], map->side[leg].realm, CTL_NAME_MAX) != 0 ||
			!dtls_valid(line, leg))
			in->failed = true;
	}
}

int media_map_restore(struct media_map *map, struct ckpt_in *in)
{
	unsigned int n_lines;

	if (ckpt_get_u(in, 1) != CKPT_VERSION)
		return -EINVAL;
	map->n_media = map->n_before = (uint8_t)ckpt_get_u(in, 1);
	n_lines = (unsigned int)ckpt_get_u(in, 1);
	map->cookie = (uint32_t)ckpt_get_u(in, 4);
	map->alone = ckpt_get_u(in, 1) != 0;
	map->emergency = ckpt_get_u(in, 1) != 0;
	map->play_serial = (uint32_t)ckpt_get_u(in, 4);
	restore_plays(map, in);
	map->dtmf_line = (uint8_t)ckpt_get_u(in, 1);
	if (map->dtmf_line >= CTL_MEDIA_MAX || map->n_media > SDP_MEDIA_MAX ||
		n_lines > CTL_MEDIA_MAX)
		return -EINVAL;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		restore_side(&map->side[leg], &map->dtmf[leg], in);
	if (media_map_grow(map, n_lines) < 0)
		return -ENOMEM;
	for (unsigned int i = 0; i < n_lines && !in->failed; i++)
		restore_line(map, i, in);
	return in->failed ? -EINVAL : 0;
}
