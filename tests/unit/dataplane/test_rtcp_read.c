/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read of RTCP: reports, round trips, VoIP metrics; what of it may pass, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/session/stream.h"
#include "dataplane/stages/csum.h"
#include "dataplane/stages/rtcp.h"
#include "dataplane/stages/rtp.h"

#define HZ   UINT64_C(1000000000)
#define SSRC 0x11223344u
#define MID  0xaabbccddu

static void put32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
}

/* A report with one block; lsr 0: no sender report was heard. Returns its length. */
static uint32_t report(uint8_t *p, uint8_t type, uint32_t on, uint32_t fraction_lost,
	uint32_t jitter, uint32_t lsr, uint32_t dlsr)
{
	uint32_t at = type == RTCP_SR ? RTCP_SR_LEN : RTCP_RR_LEN;

	memset(p, 0, 64);
	p[0] = 0x81;
	p[1] = type;
	p[3] = (uint8_t)((at + RTCP_BLOCK_LEN) / 4 - 1);
	put32(p + 4, 0x99);
	if (type == RTCP_SR) {
		put32(p + 8, 0x1111aabb);
		put32(p + 12, 0xccdd2222);
	}
	put32(p + at, on);
	put32(p + at + 4, fraction_lost);
	put32(p + at + 12, jitter);
	put32(p + at + 16, lsr);
	put32(p + at + 20, dlsr);
	assert_true(rtcp_is_valid(p, at + RTCP_BLOCK_LEN));
	return at + RTCP_BLOCK_LEN;
}

static void test_reports(void **state)
{
	static const struct {
		const char *what;
		uint32_t on, fraction_lost, jitter;
		int32_t lost;
		uint32_t reports, fraction, jitter_us;
	} rows[] = {
		{"nothing lost", SSRC, 0, 0, 0, 1, 0, 0},
		{"a quarter, 1000", SSRC, 0x400003e8, 80, 1000, 1, 64, 10000},
		{"duplicates: negative", SSRC, 0x00ffffff, 8, -1, 1, 0, 1000},
		{"most negative", SSRC, 0xff800000, 8, -8388608, 1, 255, 1000},
		{"absurd jitter", SSRC, 0, 0xffffffff, 0, 1, 0, UINT32_MAX},
		{"on somebody else", SSRC + 1, 0x400003e8, 80, 0, 0, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (uint8_t type = RTCP_SR; type <= RTCP_RR; type++) {
			struct dp_stream_quality q = {0}, echoes = {0};
			struct rtcp_heard_of sent = {SSRC, 8000, &echoes};
			uint8_t p[64];
			uint32_t n = report(
				p, type, rows[i].on, rows[i].fraction_lost, rows[i].jitter, 0, 0);
			rtcp_read(&q, &sent, p, n, HZ, HZ);
			if (q.far_reports != rows[i].reports || q.far_lost != rows[i].lost ||
				q.far_fraction != rows[i].fraction ||
				q.far_jitter_us != rows[i].jitter_us || q.rtt_us)
				fail_msg("%s: %u reports, lost %d, %u of 256, jitter %u us",
					rows[i].what, q.far_reports, q.far_lost, q.far_fraction,
					q.far_jitter_us);
			assert_int_equal(q.sender_ssrc, 0x99);
			assert_int_equal(q.sr_mid, type == RTCP_SR ? MID : 0);
		}
	}
}

static void test_jitter_without_clock(void **state)
{
	struct dp_stream_quality q = {0}, echoes = {0};
	struct rtcp_heard_of sent = {SSRC, 0, &echoes};
	uint8_t p[64];

	rtcp_read(&q, &sent, p, report(p, RTCP_RR, SSRC, 0, 80, 0, 0), HZ, HZ);
	assert_int_equal(q.far_jitter_us, UINT32_MAX);
}

/* An SR passes at 10 s; the answer to it is read at now. */
static void test_round_trip(void **state)
{
	static const struct {
		const char *what;
		uint32_t lsr, dlsr;
		uint64_t now_ms;
		uint32_t rtt_us;
	} rows[] = {
		{"at once", MID, 0, 10030, 30000},
		{"after lying there for half a second", MID, 32768, 10540, 40000},
		{"no SR was heard", 0, 0, 10030, 0},
		{"of another SR", MID + 1, 0, 10030, 0},
		{"it claims to have lain longer than it was away", MID, 65536, 10030, 0},
		{"longer by what a millisecond's rounding makes", MID, 2032, 10030, 1},
		{"longer by more than that", MID, 2163, 10030, 0},
		{"half a minute is no round trip", MID, 0, 10000 + 30001, 0},
		{"faster than the clock can tell", MID, 0, 10000, 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_stream_quality q = {0}, echoes = {0};
		struct rtcp_heard_of sent = {SSRC, 8000, &echoes};
		uint8_t p[64];
		rtcp_note_sent(&echoes, p, report(p, RTCP_SR, 1, 0, 0, 0, 0), 10 * HZ);
		rtcp_read(&q, &sent, p, report(p, RTCP_RR, SSRC, 0, 0, rows[i].lsr, rows[i].dlsr),
			rows[i].now_ms * (HZ / 1000), HZ);
		if (q.rtt_us != rows[i].rtt_us)
			fail_msg("%s: %u us", rows[i].what, q.rtt_us);
	}
}

/* Of the last DP_ECHOES sender reports each may be answered; older ones are forgotten. */
static void test_echoes(void **state)
{
	struct dp_stream_quality echoes = {0};
	uint8_t p[64];

	for (uint32_t i = 0; i < DP_ECHOES + 1; i++) {
		uint32_t n = report(p, RTCP_SR, 1, 0, 0, 0, 0);
		put32(p + 8, i);
		put32(p + 12, 0);
		rtcp_note_sent(&echoes, p, n, (10 + i) * HZ);
	}
	for (uint32_t i = 0; i < DP_ECHOES + 1; i++) {
		struct dp_stream_quality q = {0};
		struct rtcp_heard_of sent = {SSRC, 8000, &echoes};
		rtcp_read(&q, &sent, p, report(p, RTCP_RR, SSRC, 0, 0, i << 16, 0), 20 * HZ, HZ);
		assert_int_equal(q.rtt_us, i == 0 ? 0 : (10 - i) * 1000000);
	}
}

static const uint8_t xr_voip[] = {0x80, 207, 0, 10, 0, 0, 0, 0x99, 7, 0, 0, 8, 0x11, 0x22, 0x33,
	0x44, 25, 5, 128, 2, 0, 100, 0x10, 0, 0, 60, 0, 80, 0, 0, 0, 16, 80, 127, 41, 40, 0, 0, 0,
	40, 0, 80, 0, 120};

static void test_voip_metrics(void **state)
{
	struct dp_stream_rare rare = {0};
	struct dp_stream_stats stats = {0};
	struct dp_stream_quality echoes = {0};
	struct rtcp_heard_of sent = {SSRC, 8000, &echoes};
	struct dp_stream_sum sum;
	uint8_t p[64];

	assert_true(rtcp_is_valid(xr_voip, sizeof(xr_voip)));
	rtcp_read(&rare.quality, &sent, xr_voip, sizeof(xr_voip), HZ, HZ);
	stream_sum(&stats, &rare, HZ, HZ, &sum);
	assert_int_equal(sum.far.xr_reports, 1);
	assert_int_equal(sum.far.loss_rate, 25);
	assert_int_equal(sum.far.discard_rate, 5);
	assert_int_equal(sum.far.burst_density, 128);
	assert_int_equal(sum.far.gap_density, 2);
	assert_int_equal(sum.far.burst_ms, 100);
	assert_int_equal(sum.far.gap_ms, 4096);
	assert_int_equal(sum.far.end_rtt_ms, 60);
	assert_int_equal(sum.far.end_delay_ms, 80);
	assert_int_equal(sum.far.r_factor, 80);
	assert_int_equal(sum.far.mos_lq, 41);
	assert_int_equal(sum.far.mos_cq, 40);
	assert_int_equal(sum.far.reports, 0);
	/* on another stream, and one of a wrong length */
	memcpy(p, xr_voip, sizeof(xr_voip));
	p[15] ^= 1;
	rtcp_read(&rare.quality, &sent, p, sizeof(xr_voip), HZ, HZ);
	memcpy(p, xr_voip, sizeof(xr_voip));
	p[11] = 7;
	rtcp_read(&rare.quality, &sent, p, sizeof(xr_voip), HZ, HZ);
	p[11] = 9; /* longer than the packet */
	rtcp_read(&rare.quality, &sent, p, sizeof(xr_voip), HZ, HZ);
	assert_int_equal(rare.quality.xr_reports, 1);
}

/* RRTR goes out, DLRR comes back: the round trip of who sends no media (RFC 3611 4.4, 4.5). */
static void test_reference_time(void **state)
{
	static const uint8_t rrtr[] = {0x80, 207, 0, 4, 0, 0, 0, 1, 4, 0, 0, 2, 0x11, 0x11, 0xaa,
		0xbb, 0xcc, 0xdd, 0x22, 0x22};
	static const uint8_t dlrr[] = {0x80, 207, 0, 8, 0, 0, 0, 2, 5, 0, 0, 6, 0, 0, 0, 9, 0, 0, 0,
		1, 0, 0, 0, 2, 0, 0, 0, 1, 0xaa, 0xbb, 0xcc, 0xdd, 0, 0, 0x80, 0};
	struct dp_stream_quality q = {0}, echoes = {0};
	struct rtcp_heard_of sent = {SSRC, 8000, &echoes};

	assert_true(rtcp_is_valid(rrtr, sizeof(rrtr)) && rtcp_is_valid(dlrr, sizeof(dlrr)));
	rtcp_note_sent(&echoes, rrtr, sizeof(rrtr), 10 * HZ);
	rtcp_read(&q, &sent, dlrr, sizeof(dlrr), 10 * HZ + HZ / 2 + HZ / 100, HZ);
	assert_int_equal(q.rtt_us, 10000);
	rtcp_read(&q, &sent, rrtr, sizeof(rrtr), 11 * HZ, HZ);
	assert_int_equal(q.rrtr_mid, MID);
	assert_int_equal(q.rrtr_tsc, 11 * HZ);
}

static void test_rate(void **state)
{
	uint8_t budget = RTCP_BURST;
	uint64_t filled = 0, now = HZ;
	unsigned int n = 0;

	while (rtcp_may_pass(&budget, &filled, now, HZ))
		n++;
	assert_int_equal(n, RTCP_BURST);
	now += HZ / RTCP_PER_S;
	assert_true(rtcp_may_pass(&budget, &filled, now, HZ));
	assert_false(rtcp_may_pass(&budget, &filled, now, HZ));
	now += 2 * HZ / RTCP_PER_S - 1; /* two periods less a little are one */
	assert_true(rtcp_may_pass(&budget, &filled, now, HZ));
	assert_false(rtcp_may_pass(&budget, &filled, now, HZ));
	now += 1;
	assert_true(rtcp_may_pass(&budget, &filled, now, HZ));
	now += 3600 * HZ;
	for (n = 0; rtcp_may_pass(&budget, &filled, now, HZ);)
		n++;
	assert_int_equal(n, RTCP_BURST);
}

#define RR8 "\x80\xc9\x00\x01\x01\x02\x03\x04"
#define APP16                              \
	"\x80\xcc\x00\x03\x01\x02\x03\x04" \
	"nameDATA"
#define BYE8  "\x81\xcb\x00\x01\x01\x02\x03\x04"
#define NEW8  "\x81\xd0\x00\x01\x01\x02\x03\x04"
#define PLI12 "\x81\xce\x00\x02\x01\x02\x03\x04\x05\x06\x07\x08"

static void test_strip(void **state)
{
	static const struct {
		const char *what, *in, *out;
		uint32_t in_len, out_len;
	} rows[] = {
#define ROW(what, in, out) {what, in, out, sizeof(in) - 1, sizeof(out) - 1}
		ROW("nothing to cut", RR8 BYE8, RR8 BYE8),
		ROW("APP in the middle", RR8 APP16 BYE8, RR8 BYE8),
		ROW("APP and an unknown type", NEW8 RR8 APP16, RR8),
		ROW("only APP", APP16, ""),
		ROW("feedback stays", PLI12, PLI12),
		ROW("reduced size, two feedbacks", PLI12 PLI12, PLI12 PLI12),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t dgram[128] = {0x12, 0x34, 0x56, 0x78};
		uint32_t len = rows[i].in_len;
		dgram[5] = (uint8_t)(8 + len);
		memcpy(dgram + 8, rows[i].in, len);
		/* a pseudo header is only its length here, the rest of it does not change */
		uint8_t pseudo[4] = {0, 17, dgram[4], dgram[5]};
		uint16_t csum = (uint16_t)~csum_fold(
			csum_add(csum_add(0, pseudo, 4), dgram, 8 + len));
		memcpy(dgram + 6, &csum, 2);
		assert_true(rtcp_is_valid(dgram + 8, len));
		uint32_t left = rtcp_strip(dgram + 8, len);
		if (left != rows[i].out_len || memcmp(dgram + 8, rows[i].out, left) != 0)
			fail_msg("%s: %u octets", rows[i].what, left);
		pseudo[2] = dgram[4];
		pseudo[3] = dgram[5];
		assert_int_equal(dgram[5], 8 + left);
		assert_int_equal(
			csum_fold(csum_add(csum_add(0, pseudo, 4), dgram, 8 + left)), 0xffff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_jitter_without_clock),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_echoes),
		cmocka_unit_test(test_voip_metrics),
		cmocka_unit_test(test_reference_time),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_strip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
