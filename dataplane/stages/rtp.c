/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RTP and RTCP by RFC 3550, the parts that not every packet needs: see rtp.h. */
#include "dataplane/stages/rtp.h"

#include "dataplane/session/loss.h"
#include "dataplane/stages/rtcp.h"

bool rtcp_is_valid(const uint8_t *pkt, uint32_t len)
{
	uint32_t at = 0;

	/* RFC 3550 A.2: padding may only be on the last packet, so not on the first of several */
	while (at < len) {
		const uint8_t *p = pkt + at;
		if (len - at < 4 || p[0] >> 6 != 2 || !rtp_is_rtcp(p))
			return false;
		uint32_t n = (rtp_be16(p + 2) + 1u) * 4;
		if (n > len - at)
			return false;
		if (p[0] & 0x20) {
			uint8_t pad = p[n - 1];
			if (at + n != len || pad == 0 || pad % 4 || pad > n - 4)
				return false;
		}
		/* reports carry their sender's SSRC, and an SR its 20 octets of sender info */
		if ((p[1] == RTCP_RR && n < 8u + (p[0] & 0x1fu) * 24) ||
			(p[1] == RTCP_SR && n < 28u + (p[0] & 0x1fu) * 24))
			return false;
		at += n;
	}
	return len > 0;
}

static uint32_t rescale(uint32_t value, uint32_t to_hz, uint32_t from_hz)
{
	return (uint32_t)((uint64_t)value * to_hz / from_hz);
}

void rtp_clock(struct dp_stream_stats *stats, uint32_t timestamp, uint64_t now_tsc,
	uint32_t clock_mult, uint32_t clock_hz)
{
	uint32_t transit = rtp_arrival(now_tsc, clock_mult) - timestamp;

	if (!clock_hz)
		return;
	if (stats->transit_valid && stats->clock_hz == clock_hz) {
		rtp_jitter(stats, transit);
		return;
	}
	if (stats->clock_hz && stats->clock_hz != clock_hz) {
		stats->jitter = rescale(stats->jitter, clock_hz, stats->clock_hz);
		stats->max_jitter = rescale(stats->max_jitter, clock_hz, stats->clock_hz);
	}
	stats->clock_hz = clock_hz;
	stats->transit = transit;
	stats->transit_valid = 1;
}

/* A.1 init_seq(), after what the past has lost was put aside. */
static void init_seq(struct stream_more *more, struct dp_stream_stats *stats,
	struct dp_stream_rare *rare, uint16_t seq)
{
	rare->lost_before += rtp_lost(stats->ext_seq, stats->base_seq, stats->received);
	loss_begin(&rare->quality, stats->ext_seq, seq);
	rare->quality.prior_expected = rare->quality.prior_received = 0;
	rare->quality.tx_packets_before = (uint32_t)(stats->rx_packets - rare->unsent_packets);
	rare->quality.tx_octets_before = (uint32_t)(stats->rx_octets - rare->unsent_octets);
	stats->base_seq = seq;
	stats->ext_seq = seq;
	stats->received = 1;
	stats->transit_valid = 0;
	more->bad_seq = STREAM_SEQ_NONE;
	more->next_seq = STREAM_SEQ_NONE;
}

/* One change of SSRC costs one token; a token comes back every RTP_SSRC_REFILL_MS. */
static bool ssrc_may_change(struct stream_more *more, uint64_t now_tsc, uint64_t tsc_hz)
{
	uint64_t period = tsc_hz / 1000 * RTP_SSRC_REFILL_MS;

	if (more->ssrc_budget >= RTP_SSRC_BUDGET) {
		more->ssrc_tsc = now_tsc;
	} else if (period && now_tsc - more->ssrc_tsc >= period) {
		uint64_t n = (now_tsc - more->ssrc_tsc) / period;
		uint64_t room = RTP_SSRC_BUDGET - more->ssrc_budget;
		more->ssrc_budget = (uint8_t)(more->ssrc_budget + (n < room ? n : room));
		more->ssrc_tsc += n * period;
	}
	if (!more->ssrc_budget)
		return false;
	more->ssrc_budget--;
	return true;
}

/*
 * Whether another SSRC than the present one is to be believed. Anybody can make one up, and the
 * talker is not to pay for it: so two in a row (A.1) after the present one has gone quiet, or one
 * after it has been gone for long.
 */
static bool ssrc_is_next(struct stream_more *more, const struct dp_stream_stats *stats,
	uint32_t ssrc, uint16_t seq, uint64_t now_tsc, uint64_t tsc_per_ms)
{
	uint64_t quiet = now_tsc - stats->last_rx_tsc;
	bool in_row = ssrc == more->next_ssrc && seq == more->next_seq;

	more->next_ssrc = ssrc;
	more->next_seq = (uint16_t)(seq + 1);
	return quiet >= tsc_per_ms * RTP_SSRC_GONE_MS ||
	       (in_row && quiet >= tsc_per_ms * RTP_SSRC_QUIET_MS);
}

enum dp_drop rtp_sequence(struct stream *s, struct stream_more *more, struct dp_stream_stats *stats,
	struct dp_stream_rare *rare, uint32_t ssrc, uint16_t seq, uint64_t now_tsc, uint64_t tsc_hz)
{
	if (!(s->flags & STREAM_SEQ)) {
		s->flags |= STREAM_SEQ;
		stats->ssrc = ssrc;
		if (!rare->quality.first_rx_tsc)
			rare->quality.first_rx_tsc = now_tsc;
		init_seq(more, stats, rare, seq);
		return DP_DROP_N;
	}
	if (ssrc != stats->ssrc) {
		if ((!more->proven &&
			    !ssrc_is_next(more, stats, ssrc, seq, now_tsc, tsc_hz / 1000)) ||
			!ssrc_may_change(more, now_tsc, tsc_hz))
			return DP_DROP_SSRC;
		init_seq(more, stats, rare, seq);
		stats->ssrc = ssrc;
		rare->ssrc_changes++;
		return DP_DROP_N;
	}

	uint16_t delta = (uint16_t)(seq - (uint16_t)stats->ext_seq), back = (uint16_t)-delta;
	if (delta && delta < RTP_MAX_DROPOUT) {
		if (delta > 1)
			loss_step(&rare->quality, stats->ext_seq, delta);
		stats->ext_seq += delta;
	} else if (delta && delta <= 65536 - RTP_MAX_MISORDER) {
		/* Two in a row at the new place: the sender restarted without telling. */
		if (seq == more->bad_seq) {
			init_seq(more, stats, rare, seq);
			return DP_DROP_N;
		}
		more->bad_seq = (uint16_t)(seq + 1);
		return DP_DROP_SEQUENCE;
	} else if (loss_late(&rare->quality, stats->ext_seq, back) == LOSS_DUPLICATE) {
		return DP_DROP_N;
	} else if (stats->ext_seq - stats->base_seq < back) {
		stats->base_seq = stats->ext_seq - back; /* the first two came in wrong order */
	}
	stats->received++;
	return DP_DROP_N;
}

/* A source that is known already has sent once more. */
static void beside_again(struct stream_more *more, struct dp_stream_stats *stats,
	struct dp_stream_rare *rare, unsigned int i, uint16_t seq)
{
	uint32_t ssrc = more->beside[i];

	if (more->beside_mark != stats->received) {
		more->beside_mark = stats->received;
		more->beside_row = 0;
	}
	if (++more->beside_row < RTP_BESIDE_MAIN)
		return;
	more->beside[i] = stats->ssrc;
	init_seq(more, stats, rare, seq);
	stats->ssrc = ssrc;
	rare->ssrc_changes++;
}

bool rtp_beside(struct stream_more *more, struct dp_stream_stats *stats,
	struct dp_stream_rare *rare, uint32_t ssrc, uint16_t seq, uint64_t now_tsc, uint64_t tsc_hz)
{
	bool in_row = ssrc == more->next_ssrc && seq == more->next_seq;

	for (unsigned int i = 0; i < more->n_beside; i++) {
		if (more->beside[i] != ssrc)
			continue;
		beside_again(more, stats, rare, i, seq);
		return true;
	}
	more->next_ssrc = ssrc;
	more->next_seq = (uint16_t)(seq + 1);
	if ((!in_row && !more->proven) || !ssrc_may_change(more, now_tsc, tsc_hz))
		return false;
	more->beside[more->beside_next++ % STREAM_BESIDE_MAX] = ssrc;
	if (more->n_beside < STREAM_BESIDE_MAX)
		more->n_beside++;
	return true;
}

/* The time between two packets that follow each other, when it is one that a sender may have. */
static void note_frame(struct dp_stream_quality *q, uint32_t ticks, uint32_t delta, uint32_t hz)
{
	uint64_t us = (uint64_t)(ticks / delta) * 1000000 / hz;

	if (ticks % delta == 0 && us % 2500 == 0 && us >= 2500 && us <= RTP_FRAME_MAX_US)
		q->frame_us = (uint32_t)us;
}

void rtp_place(const struct dp_stream_stats *stats, struct dp_stream_quality *q,
	const struct rtp_before *before, uint16_t seq, uint32_t timestamp, uint64_t now_tsc,
	uint32_t clock_mult, uint32_t clock_hz)
{
	uint32_t delta = stats->ext_seq - before->ext_seq;
	uint32_t transit = rtp_arrival(now_tsc, clock_mult) - timestamp;

	if (!clock_hz || !stats->transit_valid || stats->clock_hz != clock_hz)
		return;
	if (q->reordered != before->reordered) {
		/* by how much later than its neighbours, whose place in time transit says */
		int32_t late = (int32_t)(transit - stats->transit);
		if (late > (int32_t)(clock_hz / 1000 * DP_PLAYOUT_MS))
			loss_too_late(q, (uint16_t)((uint16_t)stats->ext_seq - seq));
	} else if (delta && delta <= RTP_FRAME_STEPS) {
		uint32_t sent = rtp_arrival(stats->last_rx_tsc, clock_mult) - stats->transit;
		note_frame(q, timestamp - sent, delta, clock_hz);
	}
}

bool rtp_over_limit(
	struct dp_stream_stats *stats, struct stream_more *more, uint64_t now_tsc, uint64_t tsc_hz)
{
	uint32_t n = (uint32_t)stats->rx_packets;

	if (n != stats->limit_mark)
		return false;
	if (more->max_pps && more->limit_tsc && now_tsc - more->limit_tsc < tsc_hz)
		return true;
	more->limit_tsc = now_tsc;
	/* without a limit: a whole round of the counter */
	stats->limit_mark = n + (more->max_pps ? more->max_pps : UINT32_MAX);
	return false;
}
