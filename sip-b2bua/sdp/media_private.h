/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the media map share; see media_map.h. The map is media_map.c, one description
 * is read in media_desc.c, offers in media_offer.c and answers in media_answer.c become what the
 * data plane is told, and media_rewrite.c prints what the other leg gets.
 */
#pragma once

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

/* ---- media_desc.c ---- */

bool media_direction_sends(uint8_t direction);
bool media_direction_receives(uint8_t direction);
/* 0.0.0.0 is the hold of RFC 2543: the leg does not want to receive. */
uint8_t media_held_direction(const struct sdp_media *m);
void media_desc_read(const struct sdp *sdp, unsigned int index, const struct media_take *take,
	struct media_desc *desc);
