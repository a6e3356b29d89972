/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the media map share; see media_map.h. The map is media_map.c, one description
 * is read in media_desc.c, offers in media_offer.c and answers in media_answer.c become what the
 * data plane is told, and media_rewrite.c prints what the other leg gets.
 */
#pragma once

#include "sip-b2bua/sdp/dtmf_policy.h"
#include "sip-b2bua/sdp/media_map.h"

/* ---- media_map.c ---- */

bool media_line_is_dtls(const struct media_line *line, unsigned int leg);
/* A line that is up and not encrypted towards this leg. */
bool media_line_is_plain(const struct media_line *line, unsigned int leg);
/*
 * How the present offer is made to a leg. With prefer, what was agreed before holds: a far end that
 * has said no to SRTP is not asked again at every hold, one that has it is not asked to drop it.
 */
enum media_srtp_mode media_line_mode(
	const struct media_map *map, const struct media_line *line, unsigned int leg);

/* ---- media_codec.c ---- */

/* Whether codec_policy.h decides on a line: audio, and one of the sides has a voice class. */
bool media_line_wants_codecs(const struct media_map *map, const struct sdp_media *m);
/* What the other leg is offered of the offerer's present description. */
void media_line_offer_codecs(const struct media_map *map, struct media_line *line);
/* The call goes to another far end on that leg: what was learned of the former one is void. */
void media_line_forget_codecs(struct media_line *line, unsigned int leg);
/*
 * What the data plane is told while there is no answer; of lines that are not coded only what could
 * be made for the offerer. False: there is no such thing.
 */
bool media_line_early_codecs(const struct media_map *map, const struct media_line *line,
	struct codec_result *ret_result);
/* What comes of an answer; of lines that are not coded only what could be made for the legs. */
enum codec_why media_line_answer_codecs(const struct media_map *map, const struct media_line *line,
	const struct codec_list *answer, struct codec_result *ret_result)
	__attribute__((warn_unused_result));
/* A sentence on a reason, *ret_soon: it may be otherwise in a moment. */
const char *media_codec_text(const struct media_map *map, enum codec_why why, bool *ret_soon);
/* Formats that pass as they came. */
void media_codec_pass(const struct codec_list *list, struct dp_leg *dp);
/* Formats of an m= line, and the lines that belong to them. sdp: what they were taken from. */
void media_codec_print(const struct sdp *sdp, unsigned int index, const struct codec_list *list,
	const struct codec_policy *policy, struct sip_buf *formats, struct sip_buf *lines);
/* Nothing of the description that it comes from is said of its codecs: the box makes all. */
bool media_codec_all_ours(const struct codec_list *list);

/* The rtpmap and fmtp lines of formats as the box says them. */
void media_codec_put_own(struct sip_buf *out, const struct codec_list *list);

/* ---- media_local.c ---- */

/* A leg that listens would hear music while the other one holds. */
bool media_line_has_music(
	const struct media_map *map, const struct media_line *line, unsigned int leg);
/* What the legs hear, from both descriptions; after the legs were computed. */
void media_line_play(struct media_map *map, struct media_line *line);
/* Leg 1 is not there. */
void media_line_alone(struct media_line *line);

/* ---- media_desc.c ---- */

bool media_direction_sends(uint8_t direction);
bool media_direction_receives(uint8_t direction);
/* 0.0.0.0 is the hold of RFC 2543: the leg does not want to receive. */
uint8_t media_held_direction(const struct sdp_media *m);
/* Its address, when it names one, is of the version that our port of the line has, or is to have. */
bool media_same_family(
	const struct sdp_media *m, const struct media_line *line, unsigned int leg, uint8_t wanted);
/* codecs: its formats, where they were read before; else NULL. */
void media_desc_read(const struct sdp *sdp, unsigned int index, const struct media_take *take,
	const struct codec_list *codecs, struct media_desc *desc);
