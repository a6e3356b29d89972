/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What far ends say of the media they get: report blocks and round trips (RFC 3550 6.4), VoIP
 * metrics and receiver reference times (RFC 3611). Besides, what of RTCP may pass at all.
 *
 * The round trip to a leg needs no report of our own: the middle of the NTP time of whatever
 * sender report passes towards a leg is kept with the moment it did, and the leg's answer names it
 * (LSR) with the time that it lay there (DLSR). So both legs have a round trip of their own.
 */
#include "dataplane/stages/rtcp.h"

#include "dataplane/stages/csum.h"
#include "dataplane/stages/rtp.h"

#include <string.h>

#define MICROS 1000000u

/* Calls back for each packet of a compound, without its padding. */
struct walk {
	const uint8_t *at, *end;
};

static const uint8_t *next_packet(struct walk *w, uint32_t *ret_len)
{
	const uint8_t *pkt = w->at;

	if (w->end - pkt < 4)
		return NULL;
	uint32_t n = (rtp_be16(pkt + 2) + 1u) * 4;
	if (n > (uint32_t)(w->end - pkt))
		return NULL;
	w->at += n;
	uint32_t pad = pkt[0] & 0x20 ? pkt[n - 1] : 0;
	*ret_len = pad < n ? n - pad : 0;
	return pkt;
}

/* lsr, delay: of 65536 parts of a second. 0: no round trip can be told. */
static uint32_t round_trip_us(const struct dp_stream_quality *echoes, uint32_t lsr, uint32_t delay,
	uint64_t now_tsc, uint64_t tsc_hz)
{
	for (unsigned int i = 0; lsr && i < DP_ECHOES; i++) {
		uint64_t sent = echoes->echo_tsc[i];
		if (!sent || echoes->echo_mid[i] != lsr)
			continue;
		uint64_t lay = (uint64_t)((unsigned __int128)delay * tsc_hz >> 16);
		uint64_t gone = now_tsc - sent;
		/* peers count the time that it lay there in whole milliseconds: then it was short */
		if (gone < lay)
			return lay - gone <= tsc_hz / 1000 * RTCP_RTT_ERROR_MS ? 1 : 0;
		if (gone - lay > tsc_hz * RTCP_RTT_MAX_S)
			return 0;
		uint64_t us = (gone - lay) * MICROS / tsc_hz;
		return us ? (uint32_t)us : 1;
	}
	return 0;
}

static void take_round_trip(struct dp_stream_quality *q, uint32_t us)
{
	if (!us)
		return;
	q->rtt_us = us;
	if (us > q->max_rtt_us)
		q->max_rtt_us = us;
}

static void read_block(struct dp_stream_quality *q, const struct rtcp_heard_of *sent,
	const uint8_t *block, uint64_t now_tsc, uint64_t tsc_hz)
{
	uint64_t jitter_us = UINT32_MAX;

	if (rtp_be32(block) != sent->ssrc)
		return; /* on somebody else, such as the video beside it */
	if (sent->clock_hz)
		jitter_us = (uint64_t)rtp_be32(block + 12) * MICROS / sent->clock_hz;
	q->far_reports++;
	q->far_tsc = now_tsc;
	q->far_fraction = block[4];
	/* 24 bits with a sign */
	q->far_lost = (int32_t)(rtp_be32(block + 4) << 8) >> 8;
	q->far_jitter_us = jitter_us < UINT32_MAX ? (uint32_t)jitter_us : UINT32_MAX;
	take_round_trip(q, round_trip_us(sent->echoes, rtp_be32(block + 16), rtp_be32(block + 20),
				   now_tsc, tsc_hz));
}

static void read_report(struct dp_stream_quality *q, const struct rtcp_heard_of *sent,
	const uint8_t *pkt, uint32_t n, uint64_t now_tsc, uint64_t tsc_hz)
{
	uint32_t at = pkt[1] == RTCP_SR ? RTCP_SR_LEN : RTCP_RR_LEN;

	if (n < at)
		return;
	if (pkt[1] == RTCP_SR) {
		q->sr_mid = rtp_be32(pkt + 10);
		q->sr_tsc = now_tsc;
	}
	for (uint32_t i = pkt[0] & 0x1f; i && at + RTCP_BLOCK_LEN <= n; i--) {
		read_block(q, sent, pkt + at, now_tsc, tsc_hz);
		at += RTCP_BLOCK_LEN;
	}
}

static void read_xr_block(struct dp_stream_quality *q, const struct rtcp_heard_of *sent,
	const uint8_t *block, uint32_t n, uint64_t now_tsc, uint64_t tsc_hz)
{
	switch (block[0]) {
	case RTCP_XR_VOIP:
		if (n != RTCP_XR_VOIP_LEN || rtp_be32(block + 4) != sent->ssrc)
			return;
		memcpy(q->xr, block + 8, sizeof(q->xr));
		q->xr_reports++;
		return;
	case RTCP_XR_RRTR:
		if (n != 12)
			return;
		q->rrtr_mid = rtp_be32(block + 6);
		q->rrtr_tsc = now_tsc;
		return;
	case RTCP_XR_DLRR:
		for (uint32_t at = 4; at + 12 <= n; at += 12)
			take_round_trip(q, round_trip_us(sent->echoes, rtp_be32(block + at + 4),
						   rtp_be32(block + at + 8), now_tsc, tsc_hz));
		return;
	default:
		return;
	}
}

/* The next block of an XR packet; NULL: no more, or one that does not fit. */
static const uint8_t *next_xr_block(const uint8_t *pkt, uint32_t n, uint32_t *at, uint32_t *ret_len)
{
	const uint8_t *block = pkt + *at;

	if (*at + 4 > n)
		return NULL;
	*ret_len = (rtp_be16(block + 2) + 1u) * 4;
	if (*ret_len > n - *at)
		return NULL;
	*at += *ret_len;
	return block;
}

void rtcp_read(struct dp_stream_quality *q, const struct rtcp_heard_of *sent, const uint8_t *rtcp,
	uint32_t len, uint64_t now_tsc, uint64_t tsc_hz)
{
	struct walk w = {rtcp, rtcp + len};
	const uint8_t *pkt, *block;
	uint32_t n, m;

	while ((pkt = next_packet(&w, &n))) {
		if (n < RTCP_RR_LEN)
			continue;
		if (pkt[1] == RTCP_SR || pkt[1] == RTCP_RR) {
			q->sender_ssrc = rtp_be32(pkt + 4);
			read_report(q, sent, pkt, n, now_tsc, tsc_hz);
		} else if (pkt[1] == RTCP_XR) {
			uint32_t at = 8;
			q->sender_ssrc = rtp_be32(pkt + 4);
			while ((block = next_xr_block(pkt, n, &at, &m)))
				read_xr_block(q, sent, block, m, now_tsc, tsc_hz);
		}
	}
}

static void note(struct dp_stream_quality *q, uint32_t mid, uint64_t now_tsc)
{
	uint32_t i = q->echo_next++ % DP_ECHOES;

	q->echo_mid[i] = mid;
	q->echo_tsc[i] = now_tsc;
}

void rtcp_note_sent(
	struct dp_stream_quality *q, const uint8_t *rtcp, uint32_t len, uint64_t now_tsc)
{
	struct walk w = {rtcp, rtcp + len};
	const uint8_t *pkt, *block;
	uint32_t n, m;

	while ((pkt = next_packet(&w, &n))) {
		uint32_t at = 8;
		if (pkt[1] == RTCP_SR && n >= RTCP_SR_LEN)
			note(q, rtp_be32(pkt + 10), now_tsc);
		while (pkt[1] == RTCP_XR && (block = next_xr_block(pkt, n, &at, &m)))
			if (block[0] == RTCP_XR_RRTR && m == 12)
				note(q, rtp_be32(block + 6), now_tsc);
	}
}

bool rtcp_may_pass(uint8_t *budget, uint64_t *filled_tsc, uint64_t now_tsc, uint64_t tsc_hz)
{
	uint64_t period = tsc_hz / RTCP_PER_S, n = (now_tsc - *filled_tsc) / period;
	uint32_t room = (uint32_t)(RTCP_BURST - *budget);

	if (n) {
		*budget = (uint8_t)(*budget + (n < room ? n : room));
		*filled_tsc = n < room ? *filled_tsc + n * period : now_tsc;
	}
	if (!*budget)
		return false;
	--*budget;
	return true;
}

uint32_t rtcp_strip(uint8_t *rtcp, uint32_t len)
{
	uint8_t *udp = rtcp - 8, *to = rtcp;
	uint64_t difference = csum_sub(0, rtcp, len);
	struct walk w = {rtcp, rtcp + len};
	const uint8_t *pkt;
	uint32_t n;
	uint16_t csum;

	while ((pkt = next_packet(&w, &n))) {
		uint32_t whole = (uint32_t)(w.at - pkt);
		if (pkt[1] < RTCP_SR || pkt[1] > RTCP_XR || pkt[1] == RTCP_APP)
			continue;
		memmove(to, pkt, whole);
		to += whole;
	}
	uint32_t left = (uint32_t)(to - rtcp);
	if (left == len)
		return len;
	/* the length stands in the UDP header and once more in the pseudo header */
	uint8_t twice[4] = {udp[4], udp[5], udp[4], udp[5]};
	difference = csum_sub(difference, twice, 4);
	udp[4] = twice[0] = twice[2] = (uint8_t)((left + 8) >> 8);
	udp[5] = twice[1] = twice[3] = (uint8_t)(left + 8);
	difference = csum_add(csum_add(difference, twice, 4), rtcp, left);
	memcpy(&csum, udp + 6, 2);
	if (csum) {
		csum = csum_udp_update(csum, difference);
		memcpy(udp + 6, &csum, 2);
	}
	return left;
}
