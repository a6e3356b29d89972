/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See bandwidth.h. */
#include "sip-b2bua/sdp/bandwidth.h"

#include "sip-b2bua/sdp/media_private.h"

#define PTIME_USUAL    20
#define ETHERNET       18 /* addresses, type, check sequence */
#define VLAN_TAG       4
#define IPV4	       20
#define IPV6	       40
#define UDP	       8
#define RTP	       12
#define SRTP_TAG_SHORT 4
#define SRTP_TAG       10
#define SRTP_TAG_GCM   16
#define KBPS_UNKNOWN   64   /* a codec that nobody describes, as G.711 */
#define OTHER_PACKET   1200 /* octets of a usual packet of video */
#define KBPS_MAX       1000000000

static uint8_t tag_of(uint8_t suite)
{
	switch (suite) {
	case DP_SRTP_NONE:
		return 0;
	case DP_SRTP_CM_128_SHA1_32:
	case DP_SRTP_CM_256_SHA1_32:
		return SRTP_TAG_SHORT;
	case DP_SRTP_GCM_128:
	case DP_SRTP_GCM_256:
		return SRTP_TAG_GCM;
	default:
		return SRTP_TAG;
	}
}

uint8_t bandwidth_srtp_tag(const struct media_srtp *srtp)
{
	uint8_t most = 0;

	for (unsigned int i = 0; srtp->policy != CFG_SRTP_NEVER && i < srtp->n_suites; i++) {
		if (tag_of(srtp->suites[i]) > most)
			most = tag_of(srtp->suites[i]);
	}
	return most;
}

static unsigned int headers(const struct bandwidth_path *path)
{
	return ETHERNET + (path->vlan ? VLAN_TAG : 0) + (path->family == 6 ? IPV6 : IPV4) + UDP +
	       RTP + path->srtp_tag;
}

/* Octets of AMR and AMR-WB frames with their bits of table of contents (RFC 4867 4.3, 4.4). */
static unsigned int amr_octets(const struct codec_format *f, unsigned int frames)
{
	static const uint16_t nb[] = {95, 103, 118, 134, 148, 159, 204, 244};
	static const uint16_t wb[] = {132, 177, 253, 285, 317, 365, 397, 461, 477};
	bool wide = f->id == DP_CODEC_AMR_WB;
	unsigned int n = wide ? 9 : 8, mode = n - 1, bits;

	while (f->params.modes && mode > 0 && !(f->params.modes >> mode & 1))
		mode--;
	bits = wide ? wb[mode] : nb[mode];
	if (f->params.flags & DP_CODEC_OCTET_ALIGN)
		return 1 + frames * (1 + (bits + 7) / 8);
	return (4 + frames * (6 + bits) + 7) / 8;
}

static unsigned int opus_bps(const struct dp_codec_params *p)
{
	if (p->bitrate_bps)
		return p->bitrate_bps;
	/* The upper ends of what RFC 7587 3.1.1 advises for speech. */
	return p->max_rate_khz == 8			  ? 12000
	       : p->max_rate_khz && p->max_rate_khz <= 16 ? 20000
							  : 40000;
}

/* Octets of the payload of a packet; 0: not known. */
static unsigned int payload(const struct codec_format *f, unsigned int ptime_ms)
{
	unsigned int frames = (ptime_ms + 19) / 20;

	switch (f->kind == CODEC_VOICE ? f->id : DP_CODEC_NONE) {
	case DP_CODEC_PCMU:
	case DP_CODEC_PCMA:
	case DP_CODEC_G722:
		return 8 * ptime_ms;
	case DP_CODEC_L16_8K:
		return 16 * ptime_ms;
	case DP_CODEC_L16_16K:
		return 32 * ptime_ms;
	case DP_CODEC_G726_32:
	case DP_CODEC_AAL2_G726_32:
		return 4 * ptime_ms;
	case DP_CODEC_G729:
		return 10 * ((ptime_ms + 9) / 10);
	case DP_CODEC_GSM:
		return 33 * frames;
	case DP_CODEC_AMR:
	case DP_CODEC_AMR_WB:
		return amr_octets(f, frames);
	case DP_CODEC_OPUS:
		return (opus_bps(&f->params) * ptime_ms + 7999) / 8000;
	default:
		return 0;
	}
}

uint64_t bandwidth_voice(const struct codec_format *format, uint32_t ptime_ms, uint32_t kbps,
	const struct bandwidth_path *path)
{
	unsigned int octets;

	if (ptime_ms == 0 || ptime_ms > 240)
		ptime_ms = PTIME_USUAL;
	octets = payload(format, ptime_ms);
	if (octets == 0)
		octets = (unsigned int)((uint64_t)(kbps && kbps <= KBPS_MAX ? kbps : KBPS_UNKNOWN) *
						ptime_ms / 8 +
					1);
	return (uint64_t)(octets + headers(path)) * 8000 / ptime_ms;
}

uint32_t bandwidth_line_kbps(const struct sdp *sdp, unsigned int index)
{
	const struct sdp_media *m = &sdp->media[index];
	uint64_t kbps = 0, value;

	for (unsigned int i = m->line; i < (unsigned int)m->line + m->n_lines; i++) {
		const struct sdp_line *l = &sdp->lines[i];
		struct view text = l->value;

		if (l->type != 'b')
			continue;
		if (text.n > 3 && memcmp(text.p, "AS:", 3) == 0) {
			if (view_to_u64((struct view){text.p + 3, text.n - 3}, KBPS_MAX, &value) ==
					0 &&
				kbps == 0)
				kbps = value;
		} else if (text.n > 5 && memcmp(text.p, "TIAS:", 5) == 0) {
			if (view_to_u64((struct view){text.p + 5, text.n - 5},
				    (uint64_t)KBPS_MAX * 1000, &value) == 0)
				/* without headers, which AS counts (RFC 3890 6.2) */
				return (uint32_t)((value +
							  value / OTHER_PACKET *
								  (IPV4 + UDP + RTP) +
							  999) /
						  1000);
		}
	}
	return (uint32_t)kbps;
}

/* A line that is not audio: what it says it takes by IP, and its frames. */
static uint64_t other(uint32_t kbps, const struct bandwidth_path *path)
{
	uint64_t bps = (uint64_t)(kbps ? kbps : path->other_kbps) * 1000;
	unsigned int more = headers(path) - IPV4 - UDP - RTP;

	return bps + bps / OTHER_PACKET * more;
}

static uint64_t worst(const struct codec_list *list, uint32_t ptime_ms, uint32_t kbps,
	const struct bandwidth_path *path)
{
	uint64_t most = 0;

	for (unsigned int i = 0; i < list->n; i++) {
		uint64_t bps;

		if (!codec_is_audio(&list->format[i]))
			continue;
		bps = bandwidth_voice(&list->format[i], ptime_ms, kbps, path);
		if (bps > most)
			most = bps;
	}
	return most;
}

/* The formats of an offer as the side gets them to see. */
static void said_of(const struct codec_list *offer, const struct codec_policy *from,
	const struct codec_policy *to, uint32_t can, struct codec_list *ret_said)
{
	static const struct codec_policy any = {.transcoding = CFG_TRANSCODING_NEVER};
	struct codec_sides sides = {.offerer = from, .answerer = to ? to : &any, .can = can};
	struct codec_numbers numbers = {.key = {0}};
	static const struct codec_list none;

	if ((from->n == 0 && sides.answerer->n == 0) ||
		codec_offer(&sides, offer, &none, &numbers, ret_said) != CODEC_FITS)
		*ret_said = *offer;
}

uint64_t bandwidth_offered(const struct sdp *sdp, const struct codec_policy *from,
	const struct codec_policy *to, uint32_t can, const struct bandwidth_path *path)
{
	struct codec_list offer, said;
	uint64_t sum = 0;

	for (unsigned int i = 0; i < sdp->n_media && i < CTL_MEDIA_MAX; i++) {
		const struct sdp_media *m = &sdp->media[i];
		uint32_t kbps;

		/* What is no RTP is not relayed. */
		if (m->port == 0 || sdp_profile_parse(m->proto) == SDP_PROFILE_NONE)
			continue;
		kbps = bandwidth_line_kbps(sdp, i);
		if (!view_eq(m->media, VIEW("audio"))) {
			sum += other(kbps, path);
			continue;
		}
		codec_list_read(sdp, i, &offer);
		said_of(&offer, from, to, can, &said);
		sum += worst(&said, to && to->packet_ms ? to->packet_ms : m->ptime, kbps, path);
	}
	return sum;
}

/* The shorter packets of both directions, where the line is relayed; else those of the leg. */
static uint32_t ptime_of(
	const struct media_map *map, const struct media_line *line, unsigned int leg)
{
	uint32_t own = line->pending[leg].ptime_ms, far = line->pending[!leg].ptime_ms;

	if (line->coded && map->side[leg].codecs.packet_ms)
		own = map->side[leg].codecs.packet_ms;
	if (line->transcoded || map->alone)
		return own;
	own = own ? own : PTIME_USUAL;
	far = far ? far : PTIME_USUAL;
	return own < far ? own : far;
}

static bool has_voice(const struct codec_list *list)
{
	for (unsigned int i = 0; i < list->n; i++) {
		if (codec_is_audio(&list->format[i]))
			return true;
	}
	return false;
}

/* What may be talked on a leg: the answer, as the leg gave it or as it got it. */
static const struct codec_list *talked(
	const struct media_map *map, const struct media_line *line, unsigned int leg)
{
	if (line->coded && leg == map->offerer && has_voice(&line->said[leg]))
		return &line->said[leg];
	return &line->pending[!map->offerer].codecs;
}

uint64_t bandwidth_agreed(
	const struct media_map *map, unsigned int leg, bool vlan, uint32_t other_kbps)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < map->n_lines; i++) {
		const struct media_line *line = map->line[i];
		const struct dp_leg *dp = &line->ctl.leg[leg];
		struct bandwidth_path path = {.family = dp->local.family,
			.srtp_tag = tag_of(dp->rx.suite),
			.vlan = vlan,
			.other_kbps = other_kbps};
		uint32_t kbps = line->pending[leg].kbps;

		if (line->state != MEDIA_OPEN || !line->pending[leg].usable ||
			!line->pending[!leg].usable)
			continue;
		if (media_line_is_dtls(line, leg))
			path.srtp_tag = bandwidth_srtp_tag(&map->side[leg].srtp);
		if (line->pending[!leg].kbps > kbps)
			kbps = line->pending[!leg].kbps;
		sum += line->any_pt ? other(kbps, &path)
				    : worst(talked(map, line, leg), ptime_of(map, line, leg), kbps,
					      &path);
	}
	return sum;
}
