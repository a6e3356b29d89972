/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the rows of a stream in the statistics segment mean: stream_sum() of stream.h. A file of its
 * own, because limen-control reads the segment too. No state, no DPDK.
 */
#include "dataplane/session/stream.h"

#include "dataplane/session/loss.h"
#include "dataplane/stages/rtp.h"

#define MICROS 1000000u

/* TSC cycles in units of 1/unit s, without overflow for years of uptime. */
static uint64_t cycles_in(uint64_t cycles, uint64_t tsc_hz, uint64_t unit)
{
	return cycles / tsc_hz * unit + cycles % tsc_hz * unit / tsc_hz;
}

/* Word by word, as the owner writes it: the figures of one instant or of two. */
static void copy_quality(struct dp_stream_quality *ret, const struct dp_stream_quality *q)
{
	const uint64_t *from = (const void *)q;
	uint64_t *to = (void *)ret;

	for (size_t i = 0; i < sizeof(*q) / 8; i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

static uint16_t xr_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void sum_far(struct dp_far_sum *far, const struct dp_stream_quality *q)
{
	const uint8_t *xr = q->xr;

	far->rtt_us = q->rtt_us;
	far->max_rtt_us = q->max_rtt_us;
	far->reports = q->far_reports;
	if (q->far_reports) {
		far->fraction_lost = q->far_fraction;
		far->lost = q->far_lost;
		far->jitter_us = q->far_jitter_us;
	}
	far->xr_reports = q->xr_reports;
	if (!q->xr_reports)
		return;
	far->loss_rate = xr[0];
	far->discard_rate = xr[1];
	far->burst_density = xr[2];
	far->gap_density = xr[3];
	far->burst_ms = xr_be16(xr + 4);
	far->gap_ms = xr_be16(xr + 6);
	far->end_rtt_ms = xr_be16(xr + 8);
	far->end_delay_ms = xr_be16(xr + 10);
	far->r_factor = xr[16];
	far->mos_lq = xr[18];
	far->mos_cq = xr[19];
}

static void sum_quality(struct dp_stream_sum *sum, const struct dp_stream_quality *from,
	uint32_t ext_seq, uint64_t now_tsc, uint64_t tsc_hz)
{
	struct dp_stream_quality q;

	copy_quality(&q, from);
	sum->duplicates = q.duplicates;
	sum->reordered = q.reordered;
	sum->too_late = q.too_late_packets;
	sum->frame_us = q.frame_us;
	if (q.first_rx_tsc)
		sum->first_rx_ago_ms = now_tsc > q.first_rx_tsc
					       ? cycles_in(now_tsc - q.first_rx_tsc, tsc_hz, 1000)
					       : 0;
	sum_far(&sum->far, &q);
	if (q.history[0])
		loss_finish(&q, ext_seq);
	sum->bursts = q.bursts;
	sum->burst_packets = q.burst_packets;
	sum->burst_lost = q.burst_lost;
	sum->gap_lost = q.gap_lost;
	sum->loss_runs = q.loss_runs;
}

void stream_sum(const struct dp_stream_stats *stats, const struct dp_stream_rare *rare,
	uint64_t now_tsc, uint64_t tsc_hz, struct dp_stream_sum *ret_sum)
{
#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)
	struct dp_stream_sum sum = {
		.rx_packets = LOAD(stats->rx_packets),
		.rx_octets = LOAD(stats->rx_octets),
		.rtcp_packets = LOAD(rare->rtcp_packets),
		.dropped = LOAD(rare->dropped),
		.ssrc = LOAD(stats->ssrc),
		.ssrc_changes = LOAD(rare->ssrc_changes),
		.last_rx_ago_ms = UINT64_MAX,
		.first_rx_ago_ms = UINT64_MAX,
	};
	/* Read after rx: a packet that is counted in between makes tx smaller, never negative. */
	uint64_t unsent = LOAD(rare->unsent_packets), unsent_octets = LOAD(rare->unsent_octets);
	uint64_t last = LOAD(stats->last_rx_tsc);
	uint32_t hz = LOAD(stats->clock_hz);

	uint64_t made = LOAD(rare->made_packets), made_octets = LOAD(rare->made_octets);

	sum.tx_packets = sum.rx_packets + made > unsent ? sum.rx_packets + made - unsent : 0;
	sum.tx_octets = sum.rx_octets + made_octets > unsent_octets
				? sum.rx_octets + made_octets - unsent_octets
				: 0;
	sum.lost = LOAD(rare->lost_before) +
		   rtp_lost(LOAD(stats->ext_seq), LOAD(stats->base_seq), LOAD(stats->received));
	if (hz) {
		sum.jitter_us = (uint32_t)((uint64_t)LOAD(stats->jitter) * MICROS / 16 / hz);
		sum.max_jitter_us = (uint32_t)((uint64_t)LOAD(stats->max_jitter) * MICROS / 16 /
					       hz);
	}
	if (last)
		sum.last_rx_ago_ms = now_tsc > last ? cycles_in(now_tsc - last, tsc_hz, 1000) : 0;
	sum_quality(&sum, &rare->quality, LOAD(stats->ext_seq), now_tsc, tsc_hz);
#undef LOAD
	*ret_sum = sum;
}
