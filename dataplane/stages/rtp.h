/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTP and RTCP as RFC 3550 defines them: validity of a packet (A.1, A.2), sequence numbers and
 * loss (A.1, A.3), jitter (A.8). Time is passed in. The caller owns the rows it passes; no state.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/api/dp_stats.h"
#include "dataplane/session/stream.h"

#define RTP_HDR_LEN	 12
#define RTCP_HDR_LEN	 8    /* with the SSRC of who sends it */
#define RTP_MAX_DROPOUT	 3000 /* RFC 3550 A.1 */
#define RTP_MAX_MISORDER 100
/*
 * Changes of SSRC that a stream may make at once, and how long until it may make one more. Two
 * senders on one port would otherwise reset sequence checking with each packet.
 */
#define RTP_SSRC_BUDGET	   8
#define RTP_SSRC_REFILL_MS 1000
#define RTP_SSRC_GONE_MS   500
#define RTP_BESIDE_MAIN	   64 /* packets of others without one of the main source: it is gone */
/* RTCP of one stream: feedback on video comes often (RFC 4585), everything else now and then. */
#define RTCP_PER_S	  100
#define RTCP_BURST	  200
#define RTP_FRAME_STEPS	  64 /* of the sequence number: what is further apart is no measure */
#define RTP_FRAME_MAX_US  120000
#define RTP_SSRC_QUIET_MS 35 /* more than one packet, so that the second of another SSRC counts */

static inline uint16_t rtp_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t rtp_be32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return __builtin_bswap32(v);
}

/* RFC 5761 4: on a shared port the second octet tells; 192 to 223 are RTCP packet types. */
static inline bool rtp_is_rtcp(const uint8_t *pkt)
{
	return pkt[1] >= 192 && pkt[1] <= 223;
}

/* Octets of payload without header, CSRCs, extension and padding, or -1 when they do not fit. */
static inline int rtp_payload_len(const uint8_t *pkt, uint32_t len)
{
	uint32_t hdr = RTP_HDR_LEN, pad = 0;

	if (len < RTP_HDR_LEN || pkt[0] >> 6 != 2)
		return -1;
	hdr += (pkt[0] & 0x0fu) * 4;
	if (pkt[0] & 0x10) {
		if (hdr + 4 > len)
			return -1;
		hdr += 4 + rtp_be16(pkt + hdr + 2) * 4u;
	}
	if (hdr > len)
		return -1;
	if (pkt[0] & 0x20) {
		pad = pkt[len - 1];
		if (pad == 0 || hdr + pad > len)
			return -1;
	}
	return (int)(len - hdr - pad);
}

/* A compound RTCP packet by RFC 3550 A.2, or one of reduced size by RFC 5506. */
bool rtcp_is_valid(const uint8_t *pkt, uint32_t len);

/* Packets missing between base_seq and ext_seq (RFC 3550 A.3, but for duplicates). */
static inline uint64_t rtp_lost(uint32_t ext_seq, uint32_t base_seq, uint32_t received)
{
	uint32_t expected = ext_seq - base_seq + 1;

	return received && expected > received ? expected - received : 0;
}

/* RFC 3550 A.8 for a packet whose clock is stats->clock_hz. transit is valid. */
static inline void rtp_jitter(struct dp_stream_stats *stats, uint32_t transit)
{
	uint32_t d = transit - stats->transit;
	uint32_t jitter = stats->jitter;

	stats->transit = transit;
	if (d > INT32_MAX)
		d = -d;
	/* More than a second is a new origin of the timestamps (a talker was switched). */
	if (d > stats->clock_hz)
		return;
	jitter += d - ((jitter + 8) >> 4);
	stats->jitter = jitter;
	if (jitter > stats->max_jitter)
		stats->max_jitter = jitter;
}

/*
 * Whether a stream has sent what it may within a second. Only asked when rx_packets has come to
 * limit_mark, which the fast path compares; then either the second is over and the next begins, or
 * every packet comes here until it is.
 */
bool rtp_over_limit(
	struct dp_stream_stats *stats, struct stream_more *more, uint64_t now_tsc, uint64_t tsc_hz);

/* The arrival time in units of the stream's clock, modulo 2^32 as timestamps are. */
static inline uint32_t rtp_arrival(uint64_t now_tsc, uint32_t clock_mult)
{
	return (uint32_t)(((unsigned __int128)now_tsc * clock_mult) >> STREAM_CLOCK_SHIFT);
}

/*
 * Takes a packet of the payload type whose clock is given; the first of a source, and the first
 * of another clock, only set the origin (RFC 7160 for changes of clock). clock_hz 0: left out.
 */
void rtp_clock(struct dp_stream_stats *stats, uint32_t timestamp, uint64_t now_tsc,
	uint32_t clock_mult, uint32_t clock_hz);

/*
 * RFC 3550 A.1 for any packet of a stream: the first one, another SSRC, a step back or forth.
 * Updates stats, rare, STREAM_SEQ and what more keeps of it. Returns DP_DROP_N when the packet is
 * good, else DP_DROP_SSRC or DP_DROP_SEQUENCE. Duplicates and late packets are good.
 */
enum dp_drop rtp_sequence(struct stream *s, struct stream_more *more, struct dp_stream_stats *stats,
	struct dp_stream_rare *rare, uint32_t ssrc, uint16_t seq, uint64_t now_tsc,
	uint64_t tsc_hz);

/*
 * For a packet of another SSRC than the main one, where any payload type goes: video has several
 * sources in one stream, such as retransmissions (RFC 4588), error correction and layers. Known ones
 * pass unjudged, up to STREAM_BESIDE_MAX; a new one is known from the second of two packets in a row,
 * or when it is authentic, as often as an SSRC may change. When the main one sends no more, one of
 * them takes its place. False: the packet is nobody's.
 */
bool rtp_beside(struct stream_more *more, struct dp_stream_stats *stats,
	struct dp_stream_rare *rare, uint32_t ssrc, uint16_t seq, uint64_t now_tsc,
	uint64_t tsc_hz);

/* What rtp_sequence() changed tells where a packet stands among the others. */
struct rtp_before {
	uint32_t ext_seq, reordered;
};

/*
 * Between rtp_sequence() and rtp_clock(), for a good packet of a type with this clock: whether it
 * came too late to be played, and how much time lies between two packets.
 */
void rtp_place(const struct dp_stream_stats *stats, struct dp_stream_quality *q,
	const struct rtp_before *before, uint16_t seq, uint32_t timestamp, uint64_t now_tsc,
	uint32_t clock_mult, uint32_t clock_hz);
