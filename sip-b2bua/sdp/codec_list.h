/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The formats of an audio line as values: what each payload type means, with its parameters, and
 * which numbers a leg knows for what. Payload type numbers of 96 and more mean what rtpmap says,
 * and RFC 3264 8.3.2 wants them to mean that until the session ends, so they are remembered by
 * leg. Pure; any thread.
 */
#pragma once

#include "dataplane/api/dp_api.h"
#include "sip-b2bua/sdp/sdp.h"

#define CODEC_FORMATS_MAX DP_PAYLOAD_TYPES
#define CODEC_OURS	  0xff /* source: the box added it */
#define CODEC_PT_DYNAMIC  96   /* RFC 3551 6 */
#define CODEC_N_DYNAMIC	  32

enum codec_kind {
	CODEC_VOICE, /* one of dp_codec.h */
	CODEC_OTHER, /* a codec that the box does not know, or not with these parameters */
	CODEC_EVENT, /* RFC 4733 */
	CODEC_NOISE, /* RFC 3389 */
};

struct codec_format {
	uint8_t pt;
	uint8_t kind;	/* enum codec_kind */
	uint8_t id;	/* VOICE: enum dp_codec_id, else 0 */
	uint8_t source; /* of what we say: payload type in the description that it comes from */
	uint8_t nth;	/* how many equal ones stand before it in its description */
	uint8_t zero[3];
	uint32_t clock_hz; /* 0: not known */
	uint32_t hash;	   /* of name, clock, channels and AMR payload form: what it is */
	struct dp_codec_params params;
};

/* What decodes it, for who listens in (recordings): nothing of how packets are made. */
static inline void codec_format_payload(const struct codec_format *f, struct dp_payload *payload)
{
	if (f->kind != CODEC_VOICE)
		return;
	payload->codec = f->id;
	payload->params = f->params;
	payload->params.ptime_ms = payload->params.max_ptime_ms = 0;
}

struct codec_list {
	uint8_t n;
	struct codec_format format[CODEC_FORMATS_MAX];
};

static inline bool codec_is_audio(const struct codec_format *f)
{
	return f->kind == CODEC_VOICE || f->kind == CODEC_OTHER;
}

/* By payload type from CODEC_PT_DYNAMIC on: what a leg knows it as, 0: nothing yet. */
struct codec_numbers {
	uint32_t key[CODEC_N_DYNAMIC];
};

/* The first CODEC_FORMATS_MAX formats of a media line, each payload type once. */
void codec_list_read(const struct sdp *sdp, unsigned int index, struct codec_list *ret_list);

/* What the box itself would say, for a codec or (id 0) for events of a clock. */
void codec_format_own(struct codec_format *format, uint8_t id, uint32_t event_hz,
	const struct dp_codec_params *params);

/* The format of a list that an answer's format means: the same number, else the same thing. */
const struct codec_format *codec_list_match(
	const struct codec_list *list, const struct codec_format *format);

/* A leg's own description: its numbers mean this from now on. */
void codec_numbers_learn(struct codec_numbers *numbers, const struct codec_list *list);
/*
 * A number for a format that is said to the leg: the one it knows, else the wanted one, else a
 * free one. taken: payload types in use in this description, bit by number. -1: none is free.
 */
int codec_numbers_take(struct codec_numbers *numbers, const struct codec_format *format,
	unsigned int wanted, const uint64_t taken[2]);
