/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the media map asks codec_policy.h: the policies of the line's two sides, what the data
 * plane can do now, and the text of formats that are not printed as they came.
 */
#include "sip-b2bua/sdp/media_private.h"

#include "dataplane/api/dp_fmtp.h"

#define NO_PT 0xff

/* Of a side where all codecs pass. */
static const struct codec_policy any = {.transcoding = CFG_TRANSCODING_NEVER};

bool media_line_wants_codecs(const struct media_map *map, const struct sdp_media *m)
{
	return view_eq(m->media, VIEW("audio")) &&
	       (map->side[0].codecs.n > 0 || map->side[1].codecs.n > 0 ||
		       !dtmf_policy_is_plain(&map->side[0].dtmf) ||
		       !dtmf_policy_is_plain(&map->side[1].dtmf));
}

/* A line that is transcoded already has its place on a media core. */
static struct codec_sides sides_of(const struct media_map *map, const struct media_line *line)
{
	bool can = map->transcoder.state == CTL_TRANSCODER_READY || line->transcoded;

	return (struct codec_sides){
		.offerer = &map->side[map->offerer].codecs,
		.answerer = &map->side[!map->offerer].codecs,
		.can = can ? map->transcoder.codecs : 0,
	};
}

static struct dtmf_sides dtmf_sides_of(const struct media_map *map)
{
	return (struct dtmf_sides){&map->side[map->offerer].dtmf, &map->side[!map->offerer].dtmf};
}

void media_line_offer_codecs(const struct media_map *map, struct media_line *line)
{
	unsigned int to = !map->offerer;
	const struct codec_list *offer = &line->pending[map->offerer].codecs;
	struct codec_sides sides = sides_of(map, line);
	struct dtmf_sides dtmf = dtmf_sides_of(map);
	struct codec_list wanted;

	line->codec_why = CODEC_FITS;
	if (!line->coded)
		return;
	dtmf_offer(&dtmf, offer, &wanted);
	line->codec_why = (uint8_t)codec_offer(
		&sides, &wanted, &line->pending[to].codecs, &line->numbers[to], &line->said[to]);
	if (line->codec_why == CODEC_FITS)
		dtmf_say(&dtmf, offer, &line->numbers[to], &line->said[to]);
}

void media_line_forget_codecs(struct media_line *line, unsigned int leg)
{
	memset(&line->pending[leg].codecs, 0, sizeof(line->pending[leg].codecs));
	memset(&line->numbers[leg], 0, sizeof(line->numbers[leg]));
}

bool media_line_early_codecs(
	const struct media_map *map, const struct media_line *line, struct codec_result *ret_result)
{
	const struct codec_list *offer = &line->pending[map->offerer].codecs;
	struct codec_sides sides = sides_of(map, line);

	if (line->coded)
		return line->codec_why == CODEC_FITS &&
		       codec_early(&sides, offer, &line->said[!map->offerer], ret_result) ==
			       CODEC_FITS;
	sides.offerer = sides.answerer = &any;
	return codec_early(&sides, offer, offer, ret_result) == CODEC_FITS;
}

/* With a media core between where digits need one, if there is one; and then the digits. */
static enum codec_why answer_coded(const struct media_map *map, const struct media_line *line,
	struct codec_sides *sides, const struct codec_list *answer, struct codec_result *ret_result)
{
	const struct codec_list *offer = &line->pending[map->offerer].codecs;
	const struct codec_list *said = &line->said[!map->offerer];
	struct dtmf_sides dtmf = dtmf_sides_of(map);
	bool can_core = codec_may_transcode(sides) &&
			(map->transcoder.state == CTL_TRANSCODER_READY || line->transcoded);
	struct dtmf_ways ways;
	enum codec_why why;

	dtmf_ways(&dtmf, offer, said, answer, can_core, &ways);
	sides->core = ways.by_core;
	why = codec_answer(sides, offer, said, answer, ret_result);
	if (why != CODEC_FITS && sides->core) {
		/* a codec that nobody can decode: digits stay where they are in it */
		dtmf_ways(&dtmf, offer, said, answer, false, &ways);
		sides->core = false;
		why = codec_answer(sides, offer, said, answer, ret_result);
	}
	if (why == CODEC_FITS)
		dtmf_apply(&ways, offer, said, answer, ret_result);
	ret_result->dtmf_offerer = ways.offerer;
	ret_result->dtmf_answerer = ways.answerer;
	return why;
}

/*
 * What was offered may be answered: a core that has become busy since takes this voice too. In a
 * line that is not coded all formats pass, and only what could be made for the legs is of use.
 */
enum codec_why media_line_answer_codecs(const struct media_map *map, const struct media_line *line,
	const struct codec_list *answer, struct codec_result *ret_result)
{
	const struct codec_list *offer = &line->pending[map->offerer].codecs;
	struct codec_sides sides = sides_of(map, line);
	struct dtmf_sides dtmf = dtmf_sides_of(map);
	struct dtmf_ways ways;
	enum codec_why why;

	sides.can = map->transcoder.codecs;
	if (line->coded)
		return answer_coded(map, line, &sides, answer, ret_result);
	sides.offerer = sides.answerer = &any;
	why = codec_answer(&sides, offer, offer, answer, ret_result);
	ret_result->answerer.pt = why == CODEC_FITS ? ret_result->answerer.pt : NO_PT;
	dtmf_ways(&dtmf, offer, offer, answer, false, &ways);
	ret_result->dtmf_offerer = ways.offerer;
	ret_result->dtmf_answerer = ways.answerer;
	for (unsigned int i = answer->n; why != CODEC_FITS && i-- > 0;) {
		if (codec_is_audio(&answer->format[i]))
			ret_result->answerer.pt = answer->format[i].pt;
	}
	return why;
}

const char *media_codec_text(const struct media_map *map, enum codec_why why, bool *ret_soon)
{
	static const char *const texts[CODEC_N_WHYS] = {
		[CODEC_FITS] = "",
		[CODEC_OFFER_DENIED] =
			"the offer has no codec that the voice class of its side allows "
			"(voice-class codec)",
		[CODEC_NOTHING_FITS] =
			"no codec of the offer is allowed on the other side, and none can be made "
			"from it (voice-class codec)",
		[CODEC_NOT_ALLOWED] =
			"the two sides share no codec, and a side does not allow "
			"transcoding (transcoding never)",
		[CODEC_NO_ANSWER] = "the answer has no codec that was offered",
	};
	static const char *const not_now[CTL_TRANSCODER_N_STATES] = {
#define X(sym, text) "the two sides share no codec, and " text,
		CTL_TRANSCODER_STATES(X)
#undef X
	};
	uint32_t state = map->transcoder.state;

	*ret_soon = why == CODEC_NO_TRANSCODER &&
		    (state == CTL_TRANSCODER_BUSY || state == CTL_TRANSCODER_AWAY);
	if (why != CODEC_NO_TRANSCODER)
		return texts[why];
	return state == CTL_TRANSCODER_READY
		       ? "the two sides share no codec, and the data plane lacks one of theirs"
		       : not_now[state];
}

const char *media_map_no_codec(const struct media_map *map, bool *ret_soon)
{
	*ret_soon = false;
	for (unsigned int i = 0; i < map->n_lines; i++) {
		if (map->line[i]->codec_why != CODEC_FITS)
			return media_codec_text(
				map, (enum codec_why)map->line[i]->codec_why, ret_soon);
	}
	return "";
}

void media_codec_pass(const struct codec_list *list, struct dp_leg *dp)
{
	dp->n_payloads = list->n;
	for (unsigned int i = 0; i < list->n; i++) {
		const struct codec_format *f = &list->format[i];

		/* Events are seen on their way, and of them the jitter is not measured. */
		dp->payloads[i] = (struct dp_payload){.pt = f->pt, .clock_hz = f->clock_hz};
		codec_format_payload(f, &dp->payloads[i]);
		if (f->kind != CODEC_EVENT)
			continue;
		dp->payloads[i].action = DP_PT_EVENT;
		dp->payloads[i].pt_out = f->pt;
		dp->flags |= DP_LEG_DTMF;
	}
}

/* ---- text ---- */

bool media_codec_all_ours(const struct codec_list *list)
{
	for (unsigned int i = 0; i < list->n; i++) {
		const struct codec_format *f = &list->format[i];

		if (codec_is_audio(f) && f->source != CODEC_OURS)
			return false;
	}
	return true;
}

static void attr_start(struct sip_buf *b, struct view attr, unsigned int pt)
{
	sip_put_lit(b, "a=");
	sip_put(b, attr);
	sip_put_char(b, ':');
	sip_put_u64(b, pt);
	sip_put_char(b, ' ');
}

/* The first line of that name about a payload type, with another number. */
static void attr_renumbered(struct sip_buf *b, const struct sdp *sdp, unsigned int index,
	struct view attr, const struct codec_format *f)
{
	const struct sdp_line *l;
	uint16_t pos = 0;

	while ((l = sdp_attr(sdp, (int)index, attr, &pos))) {
		struct view rest = l->attr_value, number;
		uint64_t pt;

		if (!sdp_format_next(&rest, &number) || view_to_u64(number, 127, &pt) < 0 ||
			pt != f->source)
			continue;
		attr_start(b, attr, f->pt);
		sip_put(b, view_trim(rest));
		sip_put_crlf(b);
		return;
	}
}

static void attrs_own(struct sip_buf *b, const struct codec_format *f)
{
	const struct dp_codec *codec = dp_codec_row(f->id);
	char fmtp[DP_FMTP_MAX];
	size_t n = 0;

	attr_start(b, VIEW("rtpmap"), f->pt);
	sip_put(b, codec		    ? view_of(codec->name)
		   : f->kind == CODEC_NOISE ? VIEW("CN")
					    : VIEW("telephone-event"));
	sip_put_char(b, '/');
	sip_put_u64(b, f->clock_hz);
	if (codec && codec->channels > 1) {
		sip_put_char(b, '/');
		sip_put_u64(b, codec->channels);
	}
	sip_put_crlf(b);
	if (codec)
		n = dp_fmtp_print(f->id, &f->params, fmtp);
	else if (f->kind == CODEC_EVENT)
		n = view_copy(VIEW("0-15"), fmtp, sizeof(fmtp)) < 0 ? 0 : 4;
	if (n == 0)
		return;
	attr_start(b, VIEW("fmtp"), f->pt);
	sip_put_mem(b, fmtp, n);
	sip_put_crlf(b);
}

static void attr_ms(struct sip_buf *b, struct view attr, uint32_t ms)
{
	if (ms == 0)
		return;
	sip_put_lit(b, "a=");
	sip_put(b, attr);
	sip_put_char(b, ':');
	sip_put_u64(b, ms);
	sip_put_crlf(b);
}

static void packet_times(const struct sdp_media *m, const struct codec_list *list,
	const struct codec_policy *policy, struct sip_buf *lines)
{
	bool ours = media_codec_all_ours(list);

	attr_ms(lines, VIEW("ptime"),
		policy->packet_ms ? policy->packet_ms
		: ours		  ? list->format[0].params.ptime_ms
				  : m->ptime);
	if (!ours)
		attr_ms(lines, VIEW("maxptime"), m->maxptime);
}

void media_codec_print(const struct sdp *sdp, unsigned int index, const struct codec_list *list,
	const struct codec_policy *policy, struct sip_buf *formats, struct sip_buf *lines)
{
	for (unsigned int i = 0; i < list->n; i++) {
		const struct codec_format *f = &list->format[i];

		if (formats) {
			sip_put_u64(formats, f->pt);
			sip_put_char(formats, ' ');
			continue;
		}
		if (f->source == CODEC_OURS) {
			attrs_own(lines, f);
			continue;
		}
		attr_renumbered(lines, sdp, index, VIEW("rtpmap"), f);
		attr_renumbered(lines, sdp, index, VIEW("fmtp"), f);
	}
	if (lines)
		packet_times(&sdp->media[index], list, policy, lines);
}

void media_codec_put_own(struct sip_buf *out, const struct codec_list *list)
{
	for (unsigned int i = 0; i < list->n; i++)
		attrs_own(out, &list->format[i]);
}
