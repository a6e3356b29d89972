/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reports of our own; see rtcp_write.h. */
#include "dataplane/stages/rtcp_write.h"

#include "dataplane/session/loss.h"
#include "dataplane/session/stream.h"
#include "dataplane/stages/rtcp.h"
#include "dataplane/stages/rtp.h"

#define INTERVAL_MS  5000
#define COMPENSATION 1.21828 /* e - 3/2: RFC 3550 6.3.1 */
#define UNAVAILABLE  127     /* RFC 3611 4.7 */
#define LOST_MAX     0x7fffff

uint32_t rtcp_interval_ms(bool first, uint32_t random)
{
	double ms = first ? INTERVAL_MS / 2.0 : INTERVAL_MS;

	return (uint32_t)(ms * (0.5 + random / 4294967296.0) / COMPENSATION);
}

/* ---- octets ---- */

struct writer {
	uint8_t *at, *end;
	bool full;
};

static void put8(struct writer *w, uint32_t v)
{
	if (w->at == w->end) {
		w->full = true;
		return;
	}
	*w->at++ = (uint8_t)v;
}

static void put16(struct writer *w, uint32_t v)
{
	put8(w, v >> 8);
	put8(w, v);
}

static void put32(struct writer *w, uint32_t v)
{
	put16(w, v >> 16);
	put16(w, v);
}

static uint8_t *open_packet(struct writer *w, uint32_t count, enum rtcp_type type)
{
	uint8_t *start = w->at;

	put8(w, 0x80 | count);
	put8(w, type);
	put16(w, 0);
	return start;
}

static void close_packet(struct writer *w, uint8_t *start)
{
	if (w->full)
		return;
	uint32_t words = (uint32_t)(w->at - start) / 4 - 1;
	start[2] = (uint8_t)(words >> 8);
	start[3] = (uint8_t)words;
}

static void put_report(struct writer *w, const struct rtcp_report *r)
{
	uint8_t *start = open_packet(w, r->receiver, r->sender ? RTCP_SR : RTCP_RR);

	put32(w, r->ssrc);
	if (r->sender) {
		put32(w, (uint32_t)(r->ntp >> 32));
		put32(w, (uint32_t)r->ntp);
		put32(w, r->rtp_ts);
		put32(w, r->packets);
		put32(w, r->octets);
	}
	if (r->receiver) {
		put32(w, r->on_ssrc);
		put32(w, (uint32_t)r->fraction << 24 | ((uint32_t)r->lost & 0xffffff));
		put32(w, r->ext_seq);
		put32(w, r->jitter);
		put32(w, r->lsr);
		put32(w, r->dlsr);
	}
	close_packet(w, start);
}

static void put_sdes(struct writer *w, const struct rtcp_report *r)
{
	uint8_t *start = open_packet(w, 1, RTCP_SDES);
	uint32_t n = (uint32_t)strnlen(r->cname, RTCP_CNAME_MAX);

	put32(w, r->ssrc);
	put8(w, 1); /* CNAME */
	put8(w, n);
	for (uint32_t i = 0; i < n; i++)
		put8(w, (uint8_t)r->cname[i]);
	/* a null octet ends the chunk, more of them fill its last word */
	do
		put8(w, 0);
	while (!w->full && (w->at - start) % 4);
	close_packet(w, start);
}

static void put_voip(struct writer *w, const struct rtcp_report *r)
{
	put32(w, RTCP_XR_VOIP << 24 | (RTCP_XR_VOIP_LEN / 4 - 1));
	put32(w, r->on_ssrc);
	put8(w, r->loss_rate);
	put8(w, r->discard_rate);
	put8(w, r->burst_density);
	put8(w, r->gap_density);
	put16(w, r->burst_ms);
	put16(w, r->gap_ms);
	put16(w, r->rtt_ms);
	put16(w, 0); /* end system delay: there is no end system here */
	put16(w, UNAVAILABLE << 8 | UNAVAILABLE); /* signal, noise */
	put8(w, UNAVAILABLE);			  /* residual echo return loss */
	put8(w, LOSS_GMIN);
	put8(w, r->rating.r_factor);
	put8(w, UNAVAILABLE); /* external R */
	put8(w, r->rating.mos_lq);
	put8(w, r->rating.mos_cq);
	put32(w, 0); /* concealment and jitter buffer: unspecified, nominal delay */
	put32(w, 0); /* its greatest delays */
}

static void put_xr(struct writer *w, const struct rtcp_report *r)
{
	uint8_t *start = open_packet(w, 0, RTCP_XR);

	put32(w, r->ssrc);
	if (!r->sender) {
		/* who sends no media is timed by this in place of its sender reports */
		put32(w, RTCP_XR_RRTR << 24 | 2);
		put32(w, (uint32_t)(r->ntp >> 32));
		put32(w, (uint32_t)r->ntp);
	}
	if (r->dlrr) {
		put32(w, RTCP_XR_DLRR << 24 | 3);
		put32(w, r->dlrr_ssrc);
		put32(w, r->lrr);
		put32(w, r->delay);
	}
	if (r->receiver)
		put_voip(w, r);
	close_packet(w, start);
}

uint32_t rtcp_write(const struct rtcp_report *report, uint8_t *buf, uint32_t room)
{
	struct writer w = {buf, buf + room, false};

	put_report(&w, report);
	put_sdes(&w, report);
	put_xr(&w, report);
	if (report->bye) {
		uint8_t *start = open_packet(&w, 1, RTCP_BYE);
		put32(&w, report->ssrc);
		close_packet(&w, start);
	}
	return w.full ? 0 : (uint32_t)(w.at - buf);
}

/* ---- what it says ---- */

/* Of 65536 parts of a second. */
static uint32_t since(uint64_t tsc, uint64_t now_tsc, uint64_t tsc_hz)
{
	return now_tsc > tsc ? (uint32_t)((unsigned __int128)(now_tsc - tsc) * 65536 / tsc_hz) : 0;
}

static uint8_t of_256(uint64_t part, uint64_t whole)
{
	uint64_t share = whole ? part * 256 / whole : 0;

	return share < 255 ? (uint8_t)share : 255;
}

static uint16_t at_most_16(uint64_t value)
{
	return value < UINT16_MAX ? (uint16_t)value : UINT16_MAX;
}

static void describe_sender(const struct rtcp_subject *s, uint64_t now_tsc, struct rtcp_report *r)
{
	const struct dp_stream_stats *to = s->to;
	struct dp_stream_quality *q = &s->to_rare->quality;
	uint32_t packets = (uint32_t)(to->rx_packets - s->to_rare->unsent_packets);

	if (!to->ssrc)
		return;
	r->ssrc = to->ssrc;
	r->packets = packets - q->tx_packets_before;
	r->octets = (uint32_t)(to->rx_octets - s->to_rare->unsent_octets) - q->tx_octets_before;
	/* what was not sent since the last report makes no sender (RFC 3550 6.4) */
	r->sender = packets != q->prior_tx_packets && s->to_clock_mult && to->transit_valid;
	r->rtp_ts = rtp_arrival(now_tsc, s->to_clock_mult) - to->transit;
	q->prior_tx_packets = packets;
}

/* RFC 3550 A.3; duplicates make good for losses there, and here alone. */
static void describe_loss(const struct rtcp_subject *s, struct rtcp_report *r)
{
	struct dp_stream_quality *q = &s->from_rare->quality;
	uint32_t expected = s->from->ext_seq - s->from->base_seq + 1;
	uint32_t received = s->from->received + q->duplicates - q->duplicates_before;
	int64_t lost = (int64_t)expected - received;
	uint32_t expected_now = expected - q->prior_expected;
	int64_t lost_now = (int64_t)expected_now - (int32_t)(received - q->prior_received);

	r->lost = (int32_t)(lost > LOST_MAX ? LOST_MAX : lost < -LOST_MAX ? -LOST_MAX : lost);
	r->fraction = lost_now > 0 ? of_256((uint64_t)lost_now, expected_now) : 0;
	q->prior_expected = expected;
	q->prior_received = received;
}

static void describe_receiver(
	const struct rtcp_subject *s, uint64_t now_tsc, uint64_t tsc_hz, struct rtcp_report *r)
{
	const struct dp_stream_quality *q = &s->from_rare->quality;
	struct dp_stream_sum sum;

	if (!s->from->received)
		return;
	stream_sum(s->from, s->from_rare, now_tsc, tsc_hz, &sum);
	uint64_t expected = sum.rx_packets - sum.duplicates + sum.lost;
	uint64_t gap = expected > sum.burst_packets ? expected - sum.burst_packets : 0;
	uint64_t frame_us = sum.frame_us;
	if (!frame_us && expected && sum.first_rx_ago_ms != UINT64_MAX)
		frame_us = (sum.first_rx_ago_ms - sum.last_rx_ago_ms) * 1000 / expected;
	r->receiver = true;
	r->on_ssrc = s->from->ssrc;
	r->ext_seq = s->from->ext_seq;
	r->jitter = s->from->jitter >> 4;
	describe_loss(s, r);
	if (q->sr_tsc) {
		r->lsr = q->sr_mid;
		r->dlsr = since(q->sr_tsc, now_tsc, tsc_hz);
	}
	r->loss_rate = of_256(sum.lost, expected);
	r->discard_rate = of_256(sum.too_late, expected);
	r->burst_density = of_256(sum.burst_lost, sum.burst_packets);
	r->gap_density = of_256(sum.gap_lost, gap);
	if (sum.bursts)
		r->burst_ms = at_most_16(sum.burst_packets * frame_us / sum.bursts / 1000);
	r->gap_ms = at_most_16(gap * frame_us / (sum.bursts + 1u) / 1000);
	r->rtt_ms = at_most_16(q->rtt_us / 1000);
}

void rtcp_report_of(const struct rtcp_subject *subject, uint32_t own_ssrc, uint64_t now_tsc,
	uint64_t tsc_hz, struct rtcp_report *ret_report)
{
	const struct dp_stream_quality *q = &subject->from_rare->quality;
	struct rtcp_report r = {.ssrc = own_ssrc, .rating = RTCP_RATING_NONE};

	describe_sender(subject, now_tsc, &r);
	describe_receiver(subject, now_tsc, tsc_hz, &r);
	if (q->rrtr_tsc) {
		r.dlrr = true;
		r.dlrr_ssrc = q->sender_ssrc;
		r.lrr = q->rrtr_mid;
		r.delay = since(q->rrtr_tsc, now_tsc, tsc_hz);
	}
	*ret_report = r;
}
