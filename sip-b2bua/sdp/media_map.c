/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state of a call's media lines, and what it means for each leg. A line's two descriptions are
 * kept as received; what the data plane is told is computed from both at once (media_answer.c), so
 * an offer alone (media_offer.c) changes nothing.
 */
#include "sip-b2bua/sdp/media_private.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"

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
	side->bundle = realm->bundle;
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

bool media_line_is_dtls(const struct media_line *line, unsigned int leg)
{
	return line->ctl.dtls[leg].role != CTL_DTLS_NONE;
}

bool media_line_is_plain(const struct media_line *line, unsigned int leg)
{
	return line->state == MEDIA_OPEN && !line->fresh &&
	       line->ctl.leg[leg].rx.suite == DP_SRTP_NONE && !media_line_is_dtls(line, leg);
}

enum media_srtp_mode media_line_mode(
	const struct media_map *map, const struct media_line *line, unsigned int leg)
{
	const struct media_srtp *srtp = &map->side[leg].srtp;
	bool dtls = srtp->keying == CFG_KEYING_DTLS;

	if (srtp->policy == CFG_SRTP_NEVER || (map->local && leg == 1))
		return MEDIA_PLAIN;
	if (srtp->policy == CFG_SRTP_REQUIRE)
		return dtls ? MEDIA_DTLS : MEDIA_SECURE;
	if (media_line_is_plain(line, leg))
		return MEDIA_PLAIN;
	if (line->state == MEDIA_OPEN && !line->fresh)
		return media_line_is_dtls(line, leg) ? MEDIA_DTLS : MEDIA_SECURE;
	for (unsigned int i = 0; i < map->n_lines; i++) {
		if (srtp->refused || media_line_is_plain(map->line[i], leg))
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

int media_map_opened(
	struct media_map *map, unsigned int index, const struct ctl_media_opened *reply)
{
	struct media_line *line = map->line[index];
	unsigned int n_legs = map->alone ? 1 : DP_LEGS;

	for (unsigned int leg = 0; leg < n_legs; leg++) {
		const struct ipaddr *local = &reply->local[leg];

		if (!ipaddr_valid(local) || !ipaddr_is_set(local) || local->port_be16 == 0) {
			line->state = MEDIA_UNUSED;
			return -EPROTO;
		}
	}
	for (unsigned int leg = 0; leg < n_legs; leg++)
		line->ctl.leg[leg].local = reply->local[leg];
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

bool media_map_fall_back(struct media_map *map, unsigned int leg)
{
	struct media_srtp *srtp = &map->side[leg].srtp;
	bool offered = false;

	for (unsigned int i = 0; i < map->n_lines; i++) {
		const struct media_line *line = map->line[i];

		enum media_srtp_mode mode = media_line_mode(map, line, leg);

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
		if (media_line_is_dtls(line, leg))
			keying = CTL_KEYING_DTLS;
		else if (line->ctl.leg[leg].rx.suite == DP_SRTP_NONE)
			return CTL_KEYING_NONE;
		else if (keying == CTL_KEYING_NONE)
			keying = CTL_KEYING_SDES;
	}
	return keying;
}

bool media_map_transcoded(const struct media_map *map)
{
	for (unsigned int i = 0; i < map->n_lines; i++) {
		if (map->line[i]->state == MEDIA_OPEN && map->line[i]->transcoded)
			return true;
	}
	return false;
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
	map->n_media = map->n_before;
	return close;
}

void media_map_renew(struct media_map *map)
{
	for (unsigned int i = 0; i < map->n_lines; i++)
		map->line[i]->fresh = map->line[i]->state == MEDIA_OPEN;
}

bool media_map_shares_codecs(const struct media_map *map)
{
	for (unsigned int i = 0; i < map->n_lines; i++) {
		const struct media_line *line = map->line[i];
		const struct codec_list *a = &line->pending[0].codecs,
					*b = &line->pending[1].codecs;
		bool shared = false;

		if (line->state != MEDIA_OPEN || !line->pending[0].usable ||
			!line->pending[1].usable)
			continue;
		for (unsigned int k = 0; k < b->n && !shared; k++)
			shared = codec_is_audio(&b->format[k]) &&
				 codec_list_match(a, &b->format[k]);
		if (!shared)
			return false;
	}
	return true;
}

void media_map_done(struct media_map *map)
{
	for (unsigned int i = 0; i < map->n_lines; i++)
		map->line[i]->fresh = false;
	map->n_before = map->n_media;
}
