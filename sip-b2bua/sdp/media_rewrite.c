/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A description as the other leg gets it: our addresses and keys, our origin, attributes of the
 * allow table only. See media_map.h.
 */
#include "sip-b2bua/sdp/media_private.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/siphash.h"

/* Attributes that pass. Everything about addresses, identities, keys, ICE, bundling stays. */
static const char *const allow_attrs[] = {"rtpmap", "fmtp", "ptime", "maxptime", "rtcp-fb",
	"rtcp-rsize", "framerate", "framesize", "imageattr", "content", "lang", "sdplang",
	"quality", "silenceSupp", "extmap", NULL};

#define FORMATS_TEXT_MAX 8192 /* of all lines of a description */

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
		if (media_line_is_dtls(line, to_leg))
			media_assoc_plan(&line->assoc[to_leg], true, &plan->dtls);
		return;
	}
	mode = media_line_mode(map, line, to_leg);
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

/* Formats as the policies of both sides have them. texts has room for them. False: none fits. */
static bool plan_codecs(const struct media_map *map, const struct media_line *line,
	const struct sdp *sdp, unsigned int index, unsigned int to_leg, struct sip_buf *texts,
	struct sdp_media_plan *plan)
{
	const struct codec_list *said = &line->said[to_leg];
	struct sip_buf formats, lines;

	if (said->n == 0)
		return false;
	sip_buf_init(&formats, texts->p + texts->n, texts->size - texts->n);
	sip_buf_init(&lines, formats.p, formats.size);
	media_codec_print(sdp, index, said, &map->side[to_leg].codecs, &formats, NULL);
	lines.p += formats.n;
	lines.size -= formats.n;
	media_codec_print(sdp, index, said, &map->side[to_leg].codecs, NULL, &lines);
	texts->n += formats.n + lines.n;
	texts->overflow |= formats.overflow || lines.overflow;
	plan->formats = sip_buf_view(&formats);
	plan->format_lines = sip_buf_view(&lines);
	plan->no_bandwidth = media_codec_all_ours(said);
	return true;
}

static enum sdp_direction direction_of(bool sends, bool receives)
{
	return sends ? (receives ? SDP_SENDRECV : SDP_SENDONLY)
		     : (receives ? SDP_RECVONLY : SDP_INACTIVE);
}

/* Who would hear music is not told to be silent; and an answer keeps to its offer (RFC 3264 6.1). */
static enum sdp_direction plan_direction(const struct media_map *map, const struct media_line *line,
	unsigned int to_leg, uint8_t direction)
{
	uint8_t offered = line->pending[to_leg].direction;
	bool sends = media_direction_sends(direction),
	     receives = media_direction_receives(direction);

	if (media_line_has_music(map, line, to_leg) && !receives)
		sends = true;
	if (to_leg == map->offerer) {
		sends = sends && media_direction_receives(offered);
		receives = receives && media_direction_sends(offered);
	}
	return direction_of(sends, receives);
}

static void plan_line(const struct media_map *map, const struct sdp *sdp, unsigned int index,
	unsigned int to_leg, struct sip_buf *texts, struct sdp_media_plan *plan)
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
	if (!line->coded)
		plan->formats = formats_cut(m);
	else if (!plan_codecs(map, line, sdp, index, to_leg, texts, plan))
		return;
	plan->addr = line->ctl.leg[to_leg].local;
	plan->direction = plan_direction(map, line, to_leg, media_held_direction(m));
	/*
	 * An offer asks for mux when the offerer does; an answer says yes when the peer that gets
	 * it had asked, whatever the other side does: each leg is muxed for itself.
	 */
	plan->rtcp_mux = to_leg == map->offerer ? line->pending[to_leg].rtcp_mux : m->rtcp_mux;
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
		enum media_srtp_mode mode = media_line_mode(map, line, to_leg);

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

static bool lacks_codecs(const struct media_map *map)
{
	for (unsigned int i = 0; i < map->n_lines; i++) {
		if (map->line[i]->codec_why != CODEC_FITS)
			return true;
	}
	return false;
}

static int print_once(
	struct media_map *map, const struct sdp *sdp, unsigned int to_leg, struct sip_buf *out)
{
	struct sdp_media_plan lines[SDP_MEDIA_MAX];
	char text[FORMATS_TEXT_MAX];
	struct sip_buf texts;
	bool any = false;
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

	sip_buf_init(&texts, text, sizeof(text));
	for (unsigned int i = sdp->n_media; i-- > 0;) {
		plan_line(map, sdp, i, to_leg, &texts, &lines[i]);
		if (lines[i].addr.port_be16 == 0)
			continue;
		origin = lines[i].addr;
		any = true;
	}
	if (texts.overflow)
		return -EMSGSIZE;
	if (!any && to_leg != map->offerer && lacks_codecs(map))
		return -ENOTSUP;
	media_bundle_plan(map, sdp, to_leg, &plan, lines);
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
	hash = siphash13(hash_key, out->p + start, out->n - start) | 1;
	if (side->hash == hash)
		return 0;
	if (side->hash != 0) {
		/* Another text than the last one: the next version (RFC 3264 8). */
		side->sess_version++;
		out->n = start;
		rc = print_once(map, sdp, to_leg, out);
		if (rc < 0)
			return rc;
		hash = siphash13(hash_key, out->p + start, out->n - start) | 1;
	}
	side->hash = hash;
	return 0;
}
