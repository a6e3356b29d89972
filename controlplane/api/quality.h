/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What limen-control makes of the counters of a call: ratings and a verdict in words. In records,
 * show commands and reports it is this struct that is printed. What is not known says so.
 */
#pragma once

#include <stdint.h>

#include "dataplane/api/dp_api.h"

#define QUALITY_VERDICT_MAX 96
#define QUALITY_UNKNOWN_U32 UINT32_MAX

/* Where a rating comes from. X(symbol, word). */
#define QUALITY_SOURCES(X)                                                             \
	X(UNKNOWN, "unknown")                                                          \
	X(MEASURED_RTP, "measured-rtp") /* E-model of what arrived at the box */       \
	X(RTCP_FAR_END, "rtcp-far-end") /* E-model of what the far end reports (RR) */ \
	X(RTCP_XR, "rtcp-xr")		/* the far end's own rating (RFC 3611 4.7.5) */

enum quality_source {
#define X(sym, word) QUALITY_##sym,
	QUALITY_SOURCES(X)
#undef X
		QUALITY_SOURCE_N,
};

/* In hundredths; 0: not known. */
struct quality_score {
	uint32_t source; /* enum quality_source; UNKNOWN: all is 0 */
	uint32_t r;	 /* up to 10000, wide band 12900 */
	uint32_t mos_lq; /* listening */
	uint32_t mos_cq; /* conversation: with the delay of both ways */
};

struct quality_leg {
	struct quality_score heard; /* what came from the leg, as it is at the box */
	struct quality_score far;   /* what its far end gets, as it says */
	/* Shares in millionths of what was expected; QUALITY_UNKNOWN_U32: nothing was. */
	uint32_t loss_ppm, reordered_ppm;
	uint32_t mean_jitter_us; /* QUALITY_UNKNOWN_U32: nothing came */
	/* RFC 3611 4.7.2, in ms and millionths; QUALITY_UNKNOWN_U32: the packet time is not known. */
	uint32_t burst_ms, gap_ms;
	uint32_t burst_ppm, gap_ppm; /* lost of a burst's, of a gap's packets */
};

struct quality {
	struct quality_leg leg[DP_LEGS];
	uint32_t delay_ms;		   /* mouth to ear, estimated; QUALITY_UNKNOWN_U32 */
	char verdict[QUALITY_VERDICT_MAX]; /* empty: there was nothing to judge */
};
