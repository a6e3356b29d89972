/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The box as an end of media: descriptions that it makes by itself, and what is played to a leg. The
 * box speaks as leg 1, in the place of a far end: what it says is taken by media_map_offer() and
 * media_map_answer() like anybody's, so keys, holds and codecs have no second way. See media_map.h.
 */
#include "sip-b2bua/sdp/media_private.h"

#include <errno.h>

#include "dataplane/api/dp_fmtp.h"

#define EVENT_PT 101
#define OPUS_PT	 111
#define PORT	 9 /* discard: nobody sends there */

static const char no_audio[] = "the session description offers no audio that the box can play to";
static const char no_codec[] = "the box can make none of the offered codecs";

/* What the box offers by itself, the first one first; those that the data plane has. */
static const struct {
	uint8_t id, pt;
} own_codecs[] = {
	{DP_CODEC_PCMA, 8},
	{DP_CODEC_PCMU, 0},
	{DP_CODEC_G722, 9},
	{DP_CODEC_OPUS, OPUS_PT},
};

void media_map_set_alone(struct media_map *map)
{
	struct media_side *side = &map->side[1];

	map->alone = true;
	memset(side->realm, 0, sizeof(side->realm));
	memset(&side->srtp, 0, sizeof(side->srtp));
	side->srtp.policy = CFG_SRTP_NEVER;
	side->codecs = (struct codec_policy){.transcoding = CFG_TRANSCODING_AS_NEEDED};
	side->music[0] = '\0';
	side->family = 4;
	side->fallback = (struct ipaddr){.family = 4, .ip = {127, 0, 0, 1}};
	side->latch = false;
	side->dscp = 0;
	side->timeout_ms = 0;
}

void media_map_set_music(struct media_map *map, unsigned int leg, const struct cfg_realm *realm,
	const struct cfg_trunk *trunk)
{
	const char *name = trunk && trunk->music_on_hold[0] ? trunk->music_on_hold
							    : realm->music_on_hold;

	memcpy(map->side[leg].music, name, sizeof(map->side[leg].music));
}

void media_map_play(struct media_map *map, unsigned int leg, const struct ctl_play *play)
{
	map->play[leg] = *play;
	if (play->kind != CTL_PLAY_NONE)
		map->play[leg].serial = ++map->play_serial;
}

bool media_map_can_play(const struct media_map *map, const char **ret_reason)
{
	static const char *const texts[CTL_TRANSCODER_N_STATES] = {
#define X(sym, text) "the box can play nothing now: " text,
		CTL_TRANSCODER_STATES(X)
#undef X
	};

	*ret_reason = texts[map->transcoder.state];
	return map->transcoder.state == CTL_TRANSCODER_READY;
}

/* One line is enough: the first audio of a description. */
static bool is_first_audio(const struct media_map *map, const struct media_line *line)
{
	for (unsigned int i = 0; i < map->n_lines; i++) {
		if (!map->line[i]->any_pt && map->line[i]->state != MEDIA_UNUSED)
			return map->line[i] == line;
	}
	return false;
}

bool media_line_has_music(
	const struct media_map *map, const struct media_line *line, unsigned int leg)
{
	return !map->alone && !map->local && map->side[!leg].music[0] &&
	       map->transcoder.state == CTL_TRANSCODER_READY && is_first_audio(map, line);
}

/* The other leg holds, and this one would listen. */
static bool hears_music(
	const struct media_map *map, const struct media_line *line, unsigned int leg)
{
	return media_line_has_music(map, line, leg) &&
	       !media_direction_receives(line->pending[!leg].direction) &&
	       media_direction_receives(line->pending[leg].direction);
}

static struct ctl_play music(struct media_map *map, const struct media_line *line, unsigned int leg)
{
	const struct ctl_play *now = &line->ctl.play[leg];
	struct ctl_play play = {.kind = CTL_PLAY_PROMPT, .flags = CTL_PLAY_LOOP};

	memcpy(play.name, map->side[!leg].music, sizeof(play.name));
	/* Another offer while it is held: the music goes on. */
	play.serial = now->kind == CTL_PLAY_PROMPT && strcmp(now->name, play.name) == 0
			      ? now->serial
			      : ++map->play_serial;
	return play;
}

/* Nothing is asked of the data plane that it has to refuse. */
static bool can_make(const struct media_map *map, const struct dp_leg *leg)
{
	return leg->send.codec != DP_CODEC_NONE && (map->transcoder.codecs >> leg->send.codec & 1);
}

void media_line_play(struct media_map *map, struct media_line *line)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		struct dp_leg *dp = &line->ctl.leg[leg];
		struct ctl_play play = {0};
		bool held = hears_music(map, line, leg);

		if (map->play[leg].kind != CTL_PLAY_NONE && is_first_audio(map, line))
			play = map->play[leg];
		else if (held)
			play = music(map, line, leg);
		if (!can_make(map, dp))
			play = (struct ctl_play){0}; /* a codec that only passes */
		line->ctl.play[leg] = play;
		if (play.kind == CTL_PLAY_NONE)
			continue;
		if (media_direction_receives(line->pending[leg].direction))
			dp->flags |= DP_LEG_SEND;
		/* Nobody hears who holds, and its silence is no fault. */
		if (held)
			line->ctl.leg[!leg].flags &= ~(uint32_t)DP_LEG_RECV;
	}
}

static int first_audio(const struct media_map *map)
{
	for (unsigned int i = 0; i < map->n_lines; i++) {
		if (map->line[i]->state == MEDIA_OPEN && is_first_audio(map, map->line[i]))
			return (int)i;
	}
	return -ENOTSUP;
}

int media_map_insert(struct media_map *map, unsigned int leg, const struct ctl_play *play)
{
	int i = first_audio(map);
	struct media_line *line = i < 0 ? NULL : map->line[i];

	if (!line || !can_make(map, &line->ctl.leg[leg]) ||
		!(line->ctl.leg[leg].flags & DP_LEG_SEND))
		return -ENOTSUP;
	if (map->play[leg].kind == CTL_PLAY_NONE)
		line->under[leg] = line->ctl.play[leg];
	media_map_play(map, leg, play);
	line->ctl.play[leg] = map->play[leg];
	return i;
}

int media_map_insert_over(struct media_map *map, unsigned int leg)
{
	static const struct ctl_play silence;
	int i = first_audio(map);

	media_map_play(map, leg, &silence);
	if (i < 0)
		return i;
	/* An exchange meanwhile has told what is to be heard now; after a restart none has. */
	if (map->line[i]->pending[leg].direction != SDP_DIR_NONE)
		media_line_play(map, map->line[i]);
	else
		map->line[i]->ctl.play[leg] = map->line[i]->under[leg];
	return i;
}

/* What leg 0 may send to the box: with its codecs, as a room decodes them. */
void media_line_alone(struct media_line *line)
{
	const struct codec_list *list = &line->pending[1].codecs;
	struct dp_leg *dp = &line->ctl.leg[0];

	memset(&line->ctl.leg[1], 0, sizeof(line->ctl.leg[1]));
	memset(&line->ctl.dtls[1], 0, sizeof(line->ctl.dtls[1]));
	memset(line->ctl.realm[1], 0, sizeof(line->ctl.realm[1]));
	dp->flags |= DP_LEG_RTCP_OWN;
	memset(dp->payloads, 0, sizeof(dp->payloads));
	dp->n_payloads = list->n;
	for (unsigned int i = 0; i < list->n; i++) {
		const struct codec_format *f = &list->format[i];
		struct dp_payload *p = &dp->payloads[i];

		p->pt = f->pt;
		p->clock_hz = f->kind == CODEC_EVENT ? 0 : f->clock_hz;
		if (f->kind == CODEC_VOICE) {
			p->codec = f->id;
			p->params = f->params;
		}
	}
}

/* ---- descriptions ---- */

static void put_head(struct sip_buf *out)
{
	sip_put_lit(
		out, "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n");
}

static void put_m(struct sip_buf *out, struct view media, unsigned int port, struct view proto)
{
	sip_put_lit(out, "m=");
	sip_put(out, media);
	sip_put_char(out, ' ');
	sip_put_u64(out, port);
	sip_put_char(out, ' ');
	sip_put(out, proto);
}

static void put_formats(struct sip_buf *out, const struct codec_list *list)
{
	for (unsigned int i = 0; i < list->n; i++) {
		sip_put_char(out, ' ');
		sip_put_u64(out, list->format[i].pt);
	}
	sip_put_crlf(out);
	media_codec_put_own(out, list);
}

static enum sdp_direction mirrored(uint8_t direction)
{
	return direction == SDP_SENDONLY   ? SDP_RECVONLY
	       : direction == SDP_RECVONLY ? SDP_SENDONLY
	       : direction == SDP_INACTIVE ? SDP_INACTIVE
					   : SDP_SENDRECV;
}

/* The first codec that the data plane can make, and events of its clock. */
static bool choose(
	const struct media_map *map, const struct codec_list *said, struct codec_list *ret)
{
	const struct codec_format *voice = NULL;

	ret->n = 0;
	for (unsigned int i = 0; i < said->n && !voice; i++) {
		const struct codec_format *f = &said->format[i];

		if (f->kind == CODEC_VOICE && (map->transcoder.codecs >> f->id & 1))
			voice = f;
	}
	if (!voice)
		return false;
	ret->format[ret->n++] = *voice;
	for (unsigned int i = 0; i < said->n && ret->n == 1; i++) {
		if (said->format[i].kind == CODEC_EVENT &&
			said->format[i].clock_hz == voice->clock_hz)
			ret->format[ret->n++] = said->format[i];
	}
	return true;
}

int media_map_local_answer(const struct media_map *map, const struct sdp *offer,
	struct sip_buf *out, const char **ret_reason)
{
	bool any = false;

	*ret_reason = no_audio;
	put_head(out);
	for (unsigned int i = 0; i < offer->n_media; i++) {
		const struct sdp_media *m = &offer->media[i];
		const struct media_line *line = i < map->n_lines ? map->line[i] : NULL;
		const struct media_desc *desc = line ? &line->pending[0] : NULL;
		struct codec_list list;

		if (any || !line || line->any_pt || line->state != MEDIA_OPEN || m->port == 0 ||
			!desc->usable ||
			!choose(map, line->coded ? &line->said[1] : &desc->codecs, &list)) {
			if (line && !line->any_pt && line->state == MEDIA_OPEN && m->port != 0)
				*ret_reason = no_codec;
			put_m(out, m->media, 0, m->proto);
			sip_put_char(out, ' ');
			sip_put(out, m->formats);
			sip_put_crlf(out);
			continue;
		}
		any = true;
		put_m(out, m->media, PORT,
			sdp_profile_text(sdp_profile_with(desc->profile, SDP_PLAIN)));
		put_formats(out, &list);
		sip_put_lit(out, "a=");
		sip_put(out, sdp_direction_text(mirrored(desc->direction)));
		sip_put_crlf(out);
	}
	if (!any)
		return -ENOTSUP;
	return out->overflow ? -EMSGSIZE : 0;
}

int media_map_local_offer(const struct media_map *map, struct sip_buf *out, const char **ret_reason)
{
	static const struct dp_codec_params none;
	struct codec_list list = {.n = 0};

	*ret_reason = no_codec;
	for (unsigned int i = 0; i < sizeof(own_codecs) / sizeof(own_codecs[0]); i++) {
		struct codec_format *f = &list.format[list.n];

		if (!(map->transcoder.codecs >> own_codecs[i].id & 1))
			continue;
		codec_format_own(f, own_codecs[i].id, 0, &none);
		f->pt = own_codecs[i].pt;
		list.n++;
	}
	if (list.n == 0)
		return -ENOTSUP;
	codec_format_own(&list.format[list.n], DP_CODEC_NONE, 8000, &none);
	list.format[list.n++].pt = EVENT_PT;
	put_head(out);
	put_m(out, VIEW("audio"), PORT, VIEW("RTP/AVP"));
	put_formats(out, &list);
	/* Lines that the session had are refused, but they stay. */
	for (unsigned int i = 1; i < map->n_media; i++) {
		put_m(out, VIEW("audio"), 0, VIEW("RTP/AVP"));
		sip_put_lit(out, " 0\r\n");
	}
	return out->overflow ? -EMSGSIZE : 0;
}
