/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A UDP port that several streams share (BUNDLE, RFC 9143): whose a packet is. By its MID (RFC 8285
 * header extension), else by its SSRC, else by its payload type where only one has that; RTCP by
 * the SSRCs that it speaks of. Pure; no DPDK.
 *
 * Owner: the worker that owns the port, from the letter that brings it to the one that takes its
 * last stream away; the control thread makes and frees it (bundles.h). All zero at first.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"
#include "dataplane/srtp/srtp.h"

#define BUNDLE_NONE  UINT32_MAX /* no slot */
#define BUNDLE_HEARD 32		/* SSRCs that are remembered */

struct bundle_ssrc {
	uint32_t ssrc, slot;
	bool told; /* by signalling: not forgotten for others that are heard */
};

struct bundle {
	uint32_t n_lines;
	struct bundle_line {
		uint32_t slot;
		struct dp_bundle conf;
	} line[DP_BUNDLE_LINES];
	uint8_t pt_line[128]; /* line + 1; 0: nobody's, or more than one has it */
	uint32_t n_heard, next_heard;
	struct bundle_ssrc heard[BUNDLE_HEARD];
	struct srtp_share share; /* of the streams that are sealed to leave by this port */
};

/* Takes a stream in, or what it says of itself now. -ENOSPC: DP_BUNDLE_LINES are in it. */
int bundle_join(struct bundle *b, uint32_t slot, const struct dp_bundle *conf)
	__attribute__((warn_unused_result));
void bundle_leave(struct bundle *b, uint32_t slot);
bool bundle_has(const struct bundle *b, uint32_t slot);

/* Of what is RTP by its second octet; BUNDLE_NONE: nobody's. Changes nothing. */
uint32_t bundle_of_rtp(const struct bundle *b, const uint8_t *pkt, uint32_t len);
/* An SSRC was heard in a good packet of the stream. */
void bundle_heard(struct bundle *b, uint32_t ssrc, uint32_t slot);
uint32_t bundle_of_ssrc(const struct bundle *b, uint32_t ssrc);

/* What the streams of the other direction send to the far end. */
struct bundle_sent {
	unsigned int n;
	struct {
		uint32_t ssrc, slot; /* slot: of this direction */
	} of[DP_BUNDLE_LINES * (1 + BUNDLE_HEARD)];
};

/*
 * RTCP goes where its feedback belongs, else where its sender does, else where what it reports on
 * does. Lengths need not fit. BUNDLE_NONE: nothing in it is known.
 */
uint32_t bundle_of_rtcp(
	const struct bundle *b, const struct bundle_sent *sent, const uint8_t *pkt, uint32_t len);
