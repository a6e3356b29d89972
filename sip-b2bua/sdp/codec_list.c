/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See codec_list.h. */
#include "sip-b2bua/sdp/codec_list.h"

#include "dataplane/api/dp_fmtp.h"

#define CLOCK_MAX_HZ 768000 /* of dp_payload */
#define EVENT_PT     101    /* what most ends use */

/* FNV-1a, of lower case. */
static uint32_t hash_of(struct view name, uint32_t clock_hz, uint32_t channels, bool octet_align)
{
	uint32_t parts[3] = {clock_hz, channels, octet_align}, hash = 2166136261U;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		hash = (hash ^ (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c)) * 16777619U;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		hash = (hash ^ parts[i]) * 16777619U;
	return hash;
}

/* What a number is remembered for. */
static uint32_t key_of(const struct codec_format *format)
{
	uint32_t key = format->hash + format->nth * 0x9e3779b1U;

	return key ? key : 1;
}

static void read_voice(const struct sdp *sdp, unsigned int index, struct view text,
	const struct sdp_rtpmap *map, struct codec_format *f)
{
	const struct dp_codec *codec = dp_codec_find(map->encoding, map->rate, map->channels);
	const struct sdp_media *m = &sdp->media[index];

	f->kind = CODEC_OTHER;
	/* AMR in a form that the box cannot read passes as it is, or not at all. */
	if (!codec || dp_fmtp_parse(codec->id, sdp_fmtp(sdp, index, text), &f->params) < 0) {
		memset(&f->params, 0, sizeof(f->params));
		return;
	}
	f->kind = CODEC_VOICE;
	f->id = codec->id;
	if (m->ptime != 0 && m->ptime <= 240)
		f->params.ptime_ms = (uint8_t)m->ptime;
	if (m->maxptime != 0 && m->maxptime <= 240)
		f->params.max_ptime_ms = (uint8_t)m->maxptime;
}

static void format_read(const struct sdp *sdp, unsigned int index, struct view text,
	unsigned int pt, struct codec_format *f)
{
	struct sdp_rtpmap map;
	bool octet_align;

	*f = (struct codec_format){.pt = (uint8_t)pt, .source = (uint8_t)pt, .kind = CODEC_OTHER};
	if (sdp_rtpmap(sdp, index, pt, &map) < 0) {
		f->hash = hash_of((struct view){NULL, 0}, 0, pt, false);
		return;
	}
	f->clock_hz = map.rate <= CLOCK_MAX_HZ ? map.rate : 0;
	if (view_eq_nocase(map.encoding, VIEW("telephone-event")))
		f->kind = CODEC_EVENT;
	else if (view_eq_nocase(map.encoding, VIEW("CN")))
		f->kind = CODEC_NOISE;
	else
		read_voice(sdp, index, text, &map, f);
	octet_align = f->params.flags & DP_CODEC_OCTET_ALIGN;
	f->hash = hash_of(map.encoding, map.rate, map.channels ? map.channels : 1, octet_align);
}

void codec_list_read(const struct sdp *sdp, unsigned int index, struct codec_list *ret_list)
{
	struct view rest = sdp->media[index].formats, text;
	uint64_t seen[2] = {0};

	memset(ret_list, 0, sizeof(*ret_list));
	while (ret_list->n < CODEC_FORMATS_MAX && sdp_format_next(&rest, &text)) {
		struct codec_format *f = &ret_list->format[ret_list->n];
		uint64_t pt;

		if (view_to_u64(text, 127, &pt) < 0 || seen[pt / 64] >> (pt % 64) & 1)
			continue;
		seen[pt / 64] |= UINT64_C(1) << (pt % 64);
		format_read(sdp, index, text, (unsigned int)pt, f);
		for (unsigned int i = 0; i < ret_list->n; i++)
			f->nth += ret_list->format[i].hash == f->hash;
		ret_list->n++;
	}
}

void codec_format_own(struct codec_format *format, uint8_t id, uint32_t event_hz,
	const struct dp_codec_params *params)
{
	const struct dp_codec *codec = dp_codec_row(id);

	*format = (struct codec_format){.source = CODEC_OURS, .kind = CODEC_EVENT};
	if (!codec) {
		format->clock_hz = event_hz;
		format->hash = hash_of(VIEW("telephone-event"), event_hz, 1, false);
		return;
	}
	format->kind = CODEC_VOICE;
	format->id = id;
	format->clock_hz = codec->clock_hz;
	format->params = *params;
	format->hash = hash_of(view_of(codec->name), codec->clock_hz, codec->channels,
		params->flags & DP_CODEC_OCTET_ALIGN);
}

const struct codec_format *codec_list_match(
	const struct codec_list *list, const struct codec_format *format)
{
	for (unsigned int i = 0; i < list->n; i++) {
		if (list->format[i].pt == format->pt && list->format[i].hash == format->hash)
			return &list->format[i];
	}
	for (unsigned int i = 0; i < list->n; i++) {
		if (list->format[i].hash == format->hash && list->format[i].nth == format->nth)
			return &list->format[i];
	}
	return NULL;
}

void codec_numbers_learn(struct codec_numbers *numbers, const struct codec_list *list)
{
	for (unsigned int i = 0; i < list->n; i++) {
		const struct codec_format *f = &list->format[i];

		if (f->pt >= CODEC_PT_DYNAMIC)
			numbers->key[f->pt - CODEC_PT_DYNAMIC] = key_of(f);
	}
}

static bool number_free(
	const struct codec_numbers *numbers, unsigned int pt, const uint64_t taken[2])
{
	if (taken[pt / 64] >> (pt % 64) & 1)
		return false;
	return pt < CODEC_PT_DYNAMIC || numbers->key[pt - CODEC_PT_DYNAMIC] == 0;
}

int codec_numbers_take(struct codec_numbers *numbers, const struct codec_format *format,
	unsigned int wanted, const uint64_t taken[2])
{
	uint32_t key = key_of(format);
	const struct dp_codec *codec = dp_codec_row(format->id);

	if (format->source == CODEC_OURS)
		wanted = !codec			 ? EVENT_PT
			 : codec->static_pt >= 0 ? (unsigned int)codec->static_pt
						 : CODEC_PT_DYNAMIC;
	for (unsigned int i = 0; i < CODEC_N_DYNAMIC; i++) {
		unsigned int pt = CODEC_PT_DYNAMIC + i;

		if (numbers->key[i] == key && !(taken[pt / 64] >> (pt % 64) & 1))
			return (int)pt;
	}
	for (unsigned int pt = CODEC_PT_DYNAMIC; !number_free(numbers, wanted, taken); pt++) {
		if (pt == CODEC_PT_DYNAMIC + CODEC_N_DYNAMIC)
			return -1;
		wanted = pt;
	}
	if (wanted >= CODEC_PT_DYNAMIC)
		numbers->key[wanted - CODEC_PT_DYNAMIC] = key;
	return (int)wanted;
}
