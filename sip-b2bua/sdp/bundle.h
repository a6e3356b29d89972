/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BUNDLE (RFC 9143) in the media map: which lines of a leg share one transport. Each side of a call
 * is for itself: lines that share a port here may have their own there.
 *
 * An offer or an answer is prepared before the map takes it: each line that is in the bundle gets
 * the address of the tagged one, and its keys are read from there. A line that is open stays in the
 * bundle or out of it until it is closed. What the map remembers is the flag DP_LEG_BUNDLE of the
 * leg that limen-control was told of, and its struct dp_bundle.
 *
 * Keys by DTLS are not bundled. Owner: the call.
 */
#pragma once

#include <stdbool.h>

#include "dataplane/api/dp_api.h"
#include "sip-b2bua/sdp/sdp.h"

struct media_map;
struct media_line;

/* What a description says of one line's place; part of struct media_desc. */
struct media_bundle {
	bool in;		    /* the bundle */
	uint8_t place;		    /* in its group */
	uint8_t tagged;		    /* the line whose transport it shares */
	struct dp_bundle announced; /* MID, extension and SSRCs; also of a line that is not in it */
};

/* Before media_map_offer() and whenever the offer is read again: what of its group is taken. */
void media_bundle_offer(const struct media_map *map, struct sdp *sdp, unsigned int leg);
/*
 * Before media_map_answer(), to what we offered. -EINVAL: it takes a line out of a bundle that is
 * in use; *ret_reason says so.
 */
int media_bundle_answer(const struct media_map *map, struct sdp *sdp, unsigned int leg,
	const char **ret_reason) __attribute__((warn_unused_result));

/* ---- for the map ---- */

void media_bundle_read(const struct sdp *sdp, unsigned int index, struct media_bundle *ret);
/* A prepared offer wants a line out of the bundle that it is in. */
bool media_bundle_leaves(const struct media_map *map, const struct sdp *sdp, unsigned int leg);
/* After the lines of an offer were read: those that share a transport share our key, too. */
void media_bundle_share_keys(struct media_map *map, unsigned int leg);
/* What limen-control is told of a leg, at the end of what is reckoned for it. */
void media_bundle_leg(const struct media_line *line, unsigned int leg, struct dp_leg *dp);
/* After an answer: lines of the bundle move to the port of its first. */
void media_bundle_move(struct media_map *map, unsigned int leg);
/* The line whose keys hold for a line of an answer, or the line itself. */
const struct media_line *media_bundle_keys(
	const struct media_map *map, const struct sdp *sdp, unsigned int index);

/*
 * Completes the plan of what goes to a leg: group, a=mid, a=extmap, keys of the tagged line alone.
 * Of an offer it remembers which lines are in the group.
 */
void media_bundle_plan(struct media_map *map, const struct sdp *sdp, unsigned int to_leg,
	struct sdp_plan *plan, struct sdp_media_plan *lines);
