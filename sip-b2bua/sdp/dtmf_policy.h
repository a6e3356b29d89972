/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How digits get from one side of a call to the other: telephone-events (RFC 4733), SIP INFO or
 * tones, each side by what its realm or trunk says and what its far end agrees to. Where the two
 * sides differ the data plane or limen-sip turns one into the other, and what is turned does not
 * pass as it is, so that no digit comes twice. Pure functions over lists of formats, called by
 * media_codec.c. Any thread.
 */
#pragma once

#include "controlplane/api/ctl_api.h"
#include "sip-b2bua/sdp/codec_policy.h"

/* Of one side, copied from the configuration when the call gets to it. */
struct dtmf_policy {
	uint8_t first, second; /* enum ctl_dtmf_way; first: never NONE */
};

void dtmf_policy_set(
	struct dtmf_policy *policy, const struct cfg_realm *realm, const struct cfg_trunk *trunk);

/* Telephone-events where they are agreed on and nothing else: formats pass as they come. */
static inline bool dtmf_policy_is_plain(const struct dtmf_policy *policy)
{
	return policy->first <= CTL_DTMF_RTP_NTE && policy->second == CTL_DTMF_NONE;
}

/* The way of a side whose far end has agreed on telephone-events, or has not. */
enum ctl_dtmf_way dtmf_way(const struct dtmf_policy *policy, bool events);

/* The offerer first. */
struct dtmf_sides {
	const struct dtmf_policy *offerer, *answerer;
};

/* What of an offer's events is offered on to the answering side. */
void dtmf_offer(const struct dtmf_sides *sides, const struct codec_list *offer,
	struct codec_list *ret_offer);
/*
 * Adds events of our own to what is said to the answering side, where it wants some, none came from
 * the offerer, and that has another way.
 */
void dtmf_say(const struct dtmf_sides *sides, const struct codec_list *offer,
	struct codec_numbers *numbers, struct codec_list *said);

struct dtmf_ways {
	uint8_t offerer, answerer; /* enum ctl_dtmf_way */
	bool by_core;		   /* a media core must make or find tones */
};

/* What an answer makes of the two sides. can_core: a media core can stand between. */
void dtmf_ways(const struct dtmf_sides *sides, const struct codec_list *offer,
	const struct codec_list *said, const struct codec_list *answer, bool can_core,
	struct dtmf_ways *ret_ways);

/*
 * Makes what codec_answer() found, with ways->by_core as it was asked, carry digits by these ways:
 * payload types, what is made for the legs, flags, and the events in the answer to the offerer.
 */
void dtmf_apply(const struct dtmf_ways *ways, const struct codec_list *offer,
	const struct codec_list *said, const struct codec_list *answer,
	struct codec_result *result);
