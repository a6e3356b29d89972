/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the box reads of RTCP and what it changes in RTCP that it passes on. All of it is for
 * packets that rtcp_is_valid() of rtp.h has accepted, in the owning worker's thread; time is
 * passed in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_stats.h"

enum rtcp_type {
	RTCP_SR = 200,
	RTCP_RR = 201,
	RTCP_SDES = 202,
	RTCP_BYE = 203,
	RTCP_APP = 204,
	RTCP_RTPFB = 205, /* RFC 4585: NACK, TWCC */
	RTCP_PSFB = 206,  /* PLI, FIR, REMB */
	RTCP_XR = 207,	  /* RFC 3611 */
};

enum rtcp_xr_block { RTCP_XR_RRTR = 4, RTCP_XR_DLRR = 5, RTCP_XR_VOIP = 7 };

#define RTCP_BLOCK_LEN	  24 /* a report block */
#define RTCP_SR_LEN	  28 /* an SR without blocks */
#define RTCP_RR_LEN	  8
#define RTCP_XR_VOIP_LEN  36 /* a VoIP metrics block with its header */
#define RTCP_RTT_ERROR_MS 2
#define RTCP_RTT_MAX_S	  30 /* longer ones are no round trips */

/* What a leg is sent: on what its reports are to be, and what they may answer. */
struct rtcp_heard_of {
	uint32_t ssrc, clock_hz; /* clock_hz 0: not known */
	const struct dp_stream_quality *echoes;
};

/* Reads what came from a leg into the row of its stream: reports, round trip, VoIP metrics. */
void rtcp_read(struct dp_stream_quality *q, const struct rtcp_heard_of *sent, const uint8_t *rtcp,
	uint32_t len, uint64_t now_tsc, uint64_t tsc_hz);
/* RTCP goes out to the other leg: remembers the times in it that the answers will name. */
void rtcp_note_sent(
	struct dp_stream_quality *q, const uint8_t *rtcp, uint32_t len, uint64_t now_tsc);

/* One more RTCP packet of a stream? Tokens of RTCP_PER_S and RTCP_BURST. */
bool rtcp_may_pass(uint8_t *budget, uint64_t *filled_tsc, uint64_t now_tsc, uint64_t tsc_hz);
/*
 * Cuts out the packets whose type is not in enum rtcp_type, and APP. Returns the length that is
 * left, a multiple of 4, perhaps 0. Corrects the UDP header in front of rtcp, not the IP header.
 */
uint32_t rtcp_strip(uint8_t *rtcp, uint32_t len);

/*
 * Replaces the text of SDES items and BYE reasons in place and corrects the UDP checksum at
 * udp_csum (0: there is none). rtcp: len bytes, a multiple of 4, accepted by rtcp_is_valid().
 */
void rtcp_hide_names(const uint64_t key[2], uint8_t *rtcp, uint32_t len, uint8_t *udp_csum);
