/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fmtp lines of SDP to dp_codec_params and back, and what offer and answer make of them (RFC 3264
 * 6.1; RFC 4856 for G.729, RFC 4867 for AMR, RFC 7587 for Opus). The only place that reads or
 * writes them; limen-sip calls it, the data plane gets the result. Pure; any thread.
 *
 * How they fit together:
 *   their offer:  dp_fmtp_parse() -> dp_fmtp_answer() -> dp_fmtp_print()   our answer
 *   our offer:    dp_fmtp_local() -> dp_fmtp_print();  their answer: dp_fmtp_parse()
 *   both known:   dp_fmtp_agree()                      what the leg's codec runs with
 *
 * A codec without parameters has an empty text, and takes any: unknown parameters are no reason to
 * refuse a format (RFC 6838 and each RFC above say to ignore them).
 */
#pragma once

#include "dataplane/api/dp_codec.h"

#define DP_FMTP_MAX 160 /* no text of dp_fmtp_print() is longer */

/*
 * What the far end says in "a=fmtp:PT text" (without "PT "); an empty text is a missing line.
 * 0; -EINVAL: a value that its RFC forbids; -ENOTSUP: AMR with crc, interleaving, robust-sorting
 * or several channels, so the format must be refused.
 */
int dp_fmtp_parse(uint32_t id, struct view text, struct dp_codec_params *ret_params)
	__attribute__((warn_unused_result));

/* What the box says and does by itself where a realm or trunk sets nothing else. */
void dp_fmtp_local(uint32_t id, struct dp_codec_params *ret_params);

/*
 * Our answer to an offered format. local is dp_fmtp_local() as a realm or trunk changed it. 0, or
 * -ENOTSUP when the format must be refused: an AMR mode-set that shares nothing with ours.
 */
int dp_fmtp_answer(uint32_t id, const struct dp_codec_params *offered,
	const struct dp_codec_params *local, struct dp_codec_params *ret_ours)
	__attribute__((warn_unused_result));

/*
 * With what encoder and decoder of the leg run. ours is what we said, theirs what they said, in
 * whichever order. ptime_ms of theirs is that of a=ptime, where they said it. -EPROTO: the two do
 * not fit (the other AMR payload form, no mode in common).
 */
int dp_fmtp_agree(uint32_t id, const struct dp_codec_params *ours,
	const struct dp_codec_params *theirs, struct dp_codec_params *ret_params)
	__attribute__((warn_unused_result));

/*
 * Whether packets that one end makes under a suit another end under b, so that they can be relayed
 * as they are. Compare what the ends declared, dp_fmtp_parse().
 */
bool dp_fmtp_relayable(
	uint32_t id, const struct dp_codec_params *a, const struct dp_codec_params *b);

/* The text, possibly empty (then no fmtp line is needed); its length. */
size_t dp_fmtp_print(
	uint32_t id, const struct dp_codec_params *params, char dst[static DP_FMTP_MAX]);
