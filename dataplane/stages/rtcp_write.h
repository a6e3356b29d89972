/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTCP of our own, for legs on which the box ends RTCP (DP_LEG_RTCP_OWN): when it is due, what it
 * says, its octets (RFC 3550 6.3, 6.4; RFC 3611 4.4, 4.5, 4.7). Pure; time is passed in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_stats.h"

#define RTCP_CNAME_MAX	24
#define RTCP_REPORT_MAX 256 /* what rtcp_write() makes is shorter */

/*
 * Milliseconds until the next report of two parties whose share of the bandwidth is no limit: 5 s
 * (the first time 2.5), by chance half as much more or less, by the factor of RFC 3550 A.7.
 */
uint32_t rtcp_interval_ms(bool first, uint32_t random);

/* As in struct dp_rating. */
struct rtcp_rating {
	uint8_t r_factor, mos_lq, mos_cq;
};
#define RTCP_RATING_NONE ((struct rtcp_rating){DP_RATING_NONE, DP_RATING_NONE, DP_RATING_NONE})

struct rtcp_report {
	uint32_t ssrc; /* ours */
	const char *cname;
	/* Present when media was sent since the last report: an SR, else an RR. */
	bool sender;
	uint64_t ntp;
	uint32_t rtp_ts, packets, octets;
	/* Present when something came from the leg: what it sends. */
	bool receiver;
	uint32_t on_ssrc, ext_seq, jitter, lsr, dlsr;
	uint8_t fraction;
	int32_t lost;
	/* VoIP metrics on it. */
	uint8_t loss_rate, discard_rate, burst_density, gap_density;
	uint16_t burst_ms, gap_ms, rtt_ms;
	struct rtcp_rating rating;
	/* An answer to the leg's receiver reference time. */
	bool dlrr;
	uint32_t dlrr_ssrc, lrr, delay;
	bool bye;
};

/* A compound packet; returns its length, a multiple of 4, 0 when room is too small. */
uint32_t rtcp_write(const struct rtcp_report *report, uint8_t *buf, uint32_t room);

/* The stream that comes from a leg, and the one that goes to it (its rows and clock). */
struct rtcp_subject {
	const struct dp_stream_stats *from, *to;
	struct dp_stream_rare *from_rare, *to_rare; /* what the next report is measured from */
	uint32_t to_clock_mult;			    /* as struct stream; 0: not known */
};

/*
 * All of *ret_report but cname, bye, ntp and rating (none). own_ssrc: what we call ourselves while nothing was
 * sent to the leg.
 */
void rtcp_report_of(const struct rtcp_subject *subject, uint32_t own_ssrc, uint64_t now_tsc,
	uint64_t tsc_hz, struct rtcp_report *ret_report);
