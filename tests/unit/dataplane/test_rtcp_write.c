/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTCP of our own: when it is due, its octets (read back by the same code that reads everybody
 * else's, and against bytes written down by hand), and what it says of a stream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/session/stream.h"
#include "dataplane/stages/rtcp.h"
#include "dataplane/stages/rtcp_write.h"
#include "dataplane/stages/rtp.h"

#define HZ   UINT64_C(1000000000)
#define MULT ((uint32_t)((UINT64_C(8000) << STREAM_CLOCK_SHIFT) / HZ))

/* RFC 3550 6.3.1: between half and one and a half of 5 s, over 1.21828; the mean of it is 4.1 s. */
static void test_interval(void **state)
{
	uint64_t sum = 0;
	uint32_t seed = 1, lowest = UINT32_MAX, highest = 0;

	for (unsigned int i = 0; i < 10000; i++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t ms = rtcp_interval_ms(false, seed);
		sum += ms;
		lowest = ms < lowest ? ms : lowest;
		highest = ms > highest ? ms : highest;
	}
	assert_in_range(lowest, 2052, 2070);
	assert_in_range(highest, 6140, 6156);
	assert_in_range(sum / 10000, 4050, 4150);
	assert_int_equal(rtcp_interval_ms(true, 0), 1026);
	assert_int_equal(rtcp_interval_ms(true, UINT32_MAX), 3078);
}

/* Without media in either direction: RR, SDES, XR with the reference time; written down by hand. */
static void test_smallest(void **state)
{
	static const uint8_t want[] = {0x80, 201, 0, 1, 0x0a, 0x0b, 0x0c, 0x0d,		 /* RR */
		0x81, 202, 0, 3, 0x0a, 0x0b, 0x0c, 0x0d, 1, 4, 'n', 'a', 'm', 'e', 0, 0, /* SDES */
		0x80, 207, 0, 4, 0x0a, 0x0b, 0x0c, 0x0d, 4, 0, 0, 2, 0, 0, 0, 9, 0x80, 0, 0, 0,
		0x81, 203, 0, 1, 0x0a, 0x0b, 0x0c, 0x0d}; /* BYE */
	struct rtcp_report r = {.ssrc = 0x0a0b0c0d,
		.cname = "name",
		.ntp = UINT64_C(9) << 32 | 0x80000000,
		.bye = true};
	uint8_t buf[RTCP_REPORT_MAX];

	assert_int_equal(rtcp_write(&r, buf, sizeof(buf)), sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
	for (uint32_t room = 0; room < sizeof(want); room++)
		assert_int_equal(rtcp_write(&r, buf, room), 0);
	r.bye = false;
	assert_int_equal(rtcp_write(&r, buf, sizeof(buf)), sizeof(want) - 8);
}

/* Every length of a name gives a chunk that ends on a word, with at least one null octet. */
static void test_names(void **state)
{
	for (uint32_t n = 0; n <= RTCP_CNAME_MAX; n++) {
		char name[RTCP_CNAME_MAX + 1] = {0};
		struct rtcp_report r = {.ssrc = 1, .cname = name};
		uint8_t buf[RTCP_REPORT_MAX];
		memset(name, 'x', n);
		uint32_t len = rtcp_write(&r, buf, sizeof(buf));
		assert_true(rtcp_is_valid(buf, len));
		uint32_t sdes = (rtp_be16(buf + 8 + 2) + 1u) * 4;
		assert_int_equal(buf[8 + 9], n);
		assert_int_equal(buf[8 + 10 + n], 0);
		assert_in_range(sdes, 4 + 4 + 2 + n + 1, 4 + 4 + 2 + n + 4);
	}
}

/* Everything at its largest: it fits, it is valid, and the reader reads what was written. */
static void test_round_trip(void **state)
{
	struct rtcp_report r = {.ssrc = 0x99,
		.cname = "ABCDEFGHIJKLMNOP",
		.sender = true,
		.ntp = UINT64_C(0x1111aabbccdd2222),
		.rtp_ts = 5,
		.packets = 6,
		.octets = 7,
		.receiver = true,
		.on_ssrc = 0x11223344,
		.fraction = 64,
		.lost = -3,
		.ext_seq = 70000,
		.jitter = 80,
		.lsr = 0x01020304,
		.dlsr = 32768,
		.loss_rate = 25,
		.discard_rate = 5,
		.burst_density = 128,
		.gap_density = 2,
		.burst_ms = 100,
		.gap_ms = 4096,
		.rtt_ms = 60,
		.dlrr = true,
		.dlrr_ssrc = 9,
		.lrr = 0x01020304,
		.delay = 32768,
		.rating = {93, 44, DP_RATING_NONE},
		.bye = true};
	struct dp_stream_rare rare = {0};
	struct dp_stream_stats stats = {0};
	struct dp_stream_quality echoes = {.echo_mid = {0x01020304}, .echo_tsc = {10 * HZ}};
	struct rtcp_heard_of sent = {0x11223344, 8000, &echoes};
	struct dp_stream_sum sum;
	uint8_t buf[RTCP_REPORT_MAX];
	uint32_t len = rtcp_write(&r, buf, sizeof(buf));

	assert_true(len > 0 && rtcp_is_valid(buf, len));
	rtcp_read(&rare.quality, &sent, buf, len, 10 * HZ + HZ / 2 + HZ / 100, HZ);
	stream_sum(&stats, &rare, 11 * HZ, HZ, &sum);
	assert_int_equal(rare.quality.sender_ssrc, 0x99);
	assert_int_equal(rare.quality.sr_mid, 0xaabbccdd);
	assert_int_equal(sum.far.reports, 1);
	assert_int_equal(sum.far.fraction_lost, 64);
	assert_int_equal(sum.far.lost, -3);
	assert_int_equal(sum.far.jitter_us, 10000);
	assert_int_equal(sum.far.rtt_us, 10000);
	assert_int_equal(sum.far.xr_reports, 1);
	assert_int_equal(sum.far.loss_rate, 25);
	assert_int_equal(sum.far.discard_rate, 5);
	assert_int_equal(sum.far.burst_density, 128);
	assert_int_equal(sum.far.gap_density, 2);
	assert_int_equal(sum.far.burst_ms, 100);
	assert_int_equal(sum.far.gap_ms, 4096);
	assert_int_equal(sum.far.end_rtt_ms, 60);
	assert_int_equal(sum.far.r_factor, 93);
	assert_int_equal(sum.far.mos_lq, 44);
	assert_int_equal(sum.far.mos_cq, 127);	     /* not known */
	assert_int_equal(rtcp_strip(buf, len), len); /* nothing in it that may not pass */
	rtcp_note_sent(&echoes, buf, len, 20 * HZ);
	assert_int_equal(echoes.echo_mid[0], 0xaabbccdd);
}

struct leg {
	struct stream s;
	struct stream_more more;
	struct dp_stream_stats stats;
	struct dp_stream_rare rare;
	uint32_t n;
};

/* A packet of 160 octets every 20 ms; number n of the leg's. */
static void take(struct leg *leg, uint32_t ssrc, uint16_t seq, uint64_t now)
{
	if (!leg->n++)
		leg->more.bad_seq = leg->more.next_seq = STREAM_SEQ_NONE;
	leg->more.ssrc_budget = RTP_SSRC_BUDGET;
	assert_int_equal(
		rtp_sequence(&leg->s, &leg->more, &leg->stats, &leg->rare, ssrc, seq, now, HZ),
		DP_DROP_N);
	rtp_clock(&leg->stats, seq * 160u, now, MULT, 8000);
	leg->stats.rx_packets++;
	leg->stats.rx_octets += 160;
	leg->stats.last_rx_tsc = now;
}

static void test_what_it_says(void **state)
{
	struct leg from = {0}, to = {0};
	struct rtcp_subject subject = {
		&from.stats, &to.stats, &from.rare, &to.rare, .to_clock_mult = MULT};
	struct rtcp_report r;

	rtcp_report_of(&subject, 77, HZ, HZ, &r);
	assert_int_equal(r.ssrc, 77);
	assert_false(r.sender || r.receiver || r.dlrr);

	/* 20 of 25 come, then 100 of 100; one of them twice */
	for (uint16_t i = 0; i < 25; i++)
		if (i % 5 != 3)
			take(&from, 0xa, i, HZ + i * (HZ / 50));
	for (uint16_t i = 0; i < 50; i++)
		take(&to, 0xb, i, HZ + i * (HZ / 50));
	from.rare.quality.sr_mid = 0x1234;
	from.rare.quality.sr_tsc = HZ;
	from.rare.quality.rtt_us = 33000;
	rtcp_report_of(&subject, 77, 2 * HZ, HZ, &r);
	assert_true(r.sender && r.receiver);
	assert_int_equal(r.ssrc, 0xb);
	assert_int_equal(r.packets, 50);
	assert_int_equal(r.octets, 50 * 160);
	assert_in_range(r.rtp_ts, 50 * 160 - 1, 50 * 160 + 1); /* 20 ms after the last packet */
	assert_int_equal(r.on_ssrc, 0xa);
	assert_int_equal(r.ext_seq, 24);
	assert_int_equal(r.lost, 5);
	assert_int_equal(r.fraction, 256 * 5 / 25);
	assert_int_equal(r.lsr, 0x1234);
	assert_int_equal(r.dlsr, 65536);
	assert_int_equal(r.loss_rate, 256 * 5 / 25);
	assert_int_equal(r.rtt_ms, 33);
	assert_int_equal(r.burst_density, 256 * 5 / 21); /* one burst, from 3 to 23 */

	/* nothing was sent since: no sender any more; duplicates make good for losses */
	for (uint16_t i = 25; i < 125; i++)
		take(&from, 0xa, i, 2 * HZ + i * (HZ / 50));
	take(&from, 0xa, 124, 5 * HZ);
	rtcp_report_of(&subject, 77, 5 * HZ, HZ, &r);
	assert_false(r.sender);
	assert_int_equal(r.ssrc, 0xb);
	assert_int_equal(r.lost, 4);
	assert_int_equal(r.fraction, 0);
	assert_int_equal(r.ext_seq, 124);

	/* another SSRC begins at nothing, in both directions */
	take(&from, 0xc, 9, 10 * HZ);
	take(&to, 0xd, 7, 10 * HZ);
	rtcp_report_of(&subject, 77, 10 * HZ, HZ, &r);
	assert_true(r.sender);
	assert_int_equal(r.packets, 1);
	assert_int_equal(r.octets, 160);
	assert_int_equal(r.on_ssrc, 0xc);
	assert_int_equal(r.lost, 0);
	assert_int_equal(r.fraction, 0);

	/* who asks for the time gets it */
	from.rare.quality.rrtr_tsc = 10 * HZ;
	from.rare.quality.rrtr_mid = 0x5678;
	from.rare.quality.sender_ssrc = 0xc;
	rtcp_report_of(&subject, 77, 10 * HZ + HZ / 2, HZ, &r);
	assert_true(r.dlrr && r.dlrr_ssrc == 0xc && r.lrr == 0x5678 && r.delay == 32768);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_what_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
