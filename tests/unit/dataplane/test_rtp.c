/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of dataplane/stages/rtp.c and csum.h against the text of RFC 3550 and RFC 1624. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/stages/csum.h"
#include "dataplane/stages/rtp.h"

#define HZ UINT64_C(1000000000) /* of the pretended TSC */

static void test_payload_len(void **state)
{
	static const struct {
		const char *what;
		uint8_t pkt[32];
		uint32_t len;
		int want;
	} rows[] = {
		{"plain", {0x80}, 32, 20},
		{"empty", {0x80}, 12, 0},
		{"short", {0x80}, 11, -1},
		{"version 1", {0x40}, 32, -1},
		{"version 3", {0xc0}, 32, -1},
		{"5 CSRC fill it", {0x85}, 32, 0},
		{"6 CSRC do not fit", {0x86}, 32, -1},
		{"extension of 2 words", {0x90, [14] = 0, [15] = 2}, 32, 8},
		{"extension of 4 words fills it", {0x90, [14] = 0, [15] = 4}, 32, 0},
		{"extension of 5 words", {0x90, [14] = 0, [15] = 5}, 32, -1},
		{"extension of 65535 words", {0x90, [14] = 0xff, [15] = 0xff}, 32, -1},
		{"extension header cut off", {0x90}, 15, -1},
		{"CSRC and extension", {0x91, [18] = 0, [19] = 1}, 32, 8},
		{"padding 4", {0xa0, [31] = 4}, 32, 16},
		{"padding 20 is all", {0xa0, [31] = 20}, 32, 0},
		{"padding 21", {0xa0, [31] = 21}, 32, -1},
		{"padding 0", {0xa0, [31] = 0}, 32, -1},
		{"padding without payload", {0xa0, [11] = 1}, 12, -1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int got = rtp_payload_len(rows[i].pkt, rows[i].len);
		if (got != rows[i].want)
			fail_msg("%s: %d, not %d", rows[i].what, got, rows[i].want);
	}
}

static void test_rtcp_valid(void **state)
{
	static const struct {
		const char *what;
		uint8_t pkt[64];
		uint32_t len;
		bool want;
	} rows[] = {
		{"nothing", {0}, 0, false},
		{"empty RR", {0x80, 201, 0, 1}, 8, true},
		{"SR", {0x80, 200, 0, 6}, 28, true},
		{"SR without sender info", {0x80, 200, 0, 1}, 8, false},
		{"RR with one block", {0x81, 201, 0, 7}, 32, true},
		{"RR with one block that is missing", {0x81, 201, 0, 1}, 8, false},
		{"RR and SDES", {0x80, 201, 0, 1, [8] = 0x81, 202, 0, 2}, 20, true},
		{"RR and BYE", {0x80, 201, 0, 1, [8] = 0x81, 203, 0, 1}, 16, true},
		{"reduced size, one PSFB", {0x81, 206, 0, 2}, 12, true},
		{"version", {0x40, 201, 0, 1}, 8, false},
		{"second version", {0x80, 201, 0, 1, [8] = 0x41, 203, 0, 1}, 16, false},
		{"too long", {0x80, 201, 0, 2}, 8, false},
		{"too short", {0x80, 201, 0, 1}, 12, false},
		{"3 octets", {0x80, 201, 0}, 3, false},
		{"RTP", {0x80, 0, 0, 1}, 8, false},
		{"type 191", {0x80, 191, 0, 1}, 8, false},
		{"type 224", {0x80, 224, 0, 1}, 8, false},
		{"padding on the last", {0xa0, 201, 0, 2, [11] = 4}, 12, true},
		{"padding on the first of two", {0xa0, 201, 0, 2, [11] = 4, 0x81, 203, 0, 1}, 20,
			false},
		{"padding of 3", {0xa0, 201, 0, 2, [11] = 3}, 12, false},
		{"padding of 0", {0xa0, 201, 0, 2}, 12, false},
		{"padding longer than the packet", {0xa0, 203, 0, 1, [7] = 8}, 8, false},
		{"length 65535", {0x80, 203, 0xff, 0xff}, 64, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rtcp_is_valid(rows[i].pkt, rows[i].len) != rows[i].want)
			fail_msg("%s", rows[i].what);
}

struct state {
	struct stream s;
	struct stream_more more;
	struct dp_stream_stats stats;
	struct dp_stream_rare rare;
	uint64_t now;
};

static void fresh(struct state *st)
{
	memset(st, 0, sizeof(*st));
	st->more.bad_seq = STREAM_SEQ_NONE;
	st->more.next_seq = STREAM_SEQ_NONE;
	st->more.ssrc_budget = RTP_SSRC_BUDGET;
	st->now = HZ;
}

static enum dp_drop take(struct state *st, uint32_t ssrc, uint16_t seq)
{
	enum dp_drop reason = rtp_sequence(
		&st->s, &st->more, &st->stats, &st->rare, ssrc, seq, st->now, HZ);

	if (reason == DP_DROP_N)
		st->stats.last_rx_tsc = st->now;
	return reason;
}

/* Another talker's packets seq - 1 and seq after the present one fell silent. */
static enum dp_drop change(struct state *st, uint32_t ssrc, uint16_t seq)
{
	st->stats.last_rx_tsc = st->now - HZ / 1000 * RTP_SSRC_QUIET_MS;
	assert_int_equal(take(st, ssrc, (uint16_t)(seq - 1)), DP_DROP_SSRC);
	return take(st, ssrc, seq);
}

static uint64_t lost(const struct state *st)
{
	return st->rare.lost_before +
	       rtp_lost(st->stats.ext_seq, st->stats.base_seq, st->stats.received);
}

static void test_sequence(void **state)
{
	static const struct {
		const char *what;
		uint16_t seq[12];
		unsigned int n, n_bad;
		uint32_t ext_seq;
		uint64_t lost;
	} rows[] = {
		{"in order", {10, 11, 12}, 3, 0, 12, 0},
		{"two lost", {10, 13, 14}, 3, 0, 14, 2},
		{"reordered", {10, 12, 11, 13}, 4, 0, 13, 0},
		{"late by 98", {200, 299, 201}, 3, 0, 299, 97},
		{"a duplicate hides no loss", {10, 12, 12}, 3, 0, 12, 1},
		{"twice and late", {10, 12, 11, 11, 10}, 5, 0, 12, 0},
		{"the first two are swapped", {11, 10, 13}, 3, 0, 13, 1},
		{"only duplicates: never negative", {10, 10, 10}, 3, 0, 10, 0},
		{"wrap", {65534, 65535, 0, 1}, 4, 0, 0x10001, 0},
		{"wrap with loss", {65534, 1}, 2, 0, 0x10001, 2},
		{"reordered over the wrap", {65535, 1, 0}, 3, 0, 0x10001, 0},
		{"one step of 2999", {0, 2999}, 2, 0, 2999, 2998},
		{"one step of 3000 is dropped", {0, 3000, 1}, 3, 1, 1, 0},
		{"back by 99 comes before the first", {500, 401}, 2, 0, 500, 98},
		{"back by 100 is dropped", {500, 400, 501}, 3, 1, 501, 0},
		{"two in a row resynchronise", {0, 1, 30000, 30001, 30002}, 5, 1, 30002, 0},
		{"two jumps to different places do not", {0, 30000, 40000, 1}, 4, 2, 1, 0},
		{"loss before a jump is kept", {0, 5, 30000, 30001}, 4, 1, 30001, 4},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct state st;
		unsigned int n_bad = 0;
		fresh(&st);
		for (unsigned int k = 0; k < rows[i].n; k++) {
			enum dp_drop reason = take(&st, 1, rows[i].seq[k]);
			assert_true(reason == DP_DROP_N || reason == DP_DROP_SEQUENCE);
			n_bad += reason != DP_DROP_N;
		}
		if (n_bad != rows[i].n_bad || st.stats.ext_seq != rows[i].ext_seq ||
			lost(&st) != rows[i].lost)
			fail_msg("%s: bad %u, ext %u, lost %lu", rows[i].what, n_bad,
				st.stats.ext_seq, (unsigned long)lost(&st));
	}
}

static void test_ssrc_change_keeps_loss(void **state)
{
	struct state st;

	fresh(&st);
	take(&st, 1, 100);
	take(&st, 1, 104);
	assert_int_equal(lost(&st), 3);
	assert_int_equal(change(&st, 2, 60000), DP_DROP_N);
	assert_int_equal(lost(&st), 3);
	assert_int_equal(st.rare.ssrc_changes, 1);
	take(&st, 2, 60002);
	assert_int_equal(lost(&st), 4);
	change(&st, 1, 105);
	assert_int_equal(lost(&st), 4);
	assert_int_equal(st.stats.ssrc, 1);
	assert_int_equal(st.rare.ssrc_changes, 2);
}

/* Made-up SSRCs, also in sequence, do not push out the one that is talking. */
static void test_ssrc_forged(void **state)
{
	struct state st;

	fresh(&st);
	for (uint16_t i = 0; i < 500; i++) {
		assert_int_equal(take(&st, 1, i), DP_DROP_N);
		st.now += HZ / 100;
		assert_int_equal(take(&st, 1000u + i, (uint16_t)(i * 7)), DP_DROP_SSRC);
		assert_int_equal(take(&st, 2, (uint16_t)(2 * i)), DP_DROP_SSRC);
		assert_int_equal(take(&st, 2, (uint16_t)(2 * i + 1)), DP_DROP_SSRC);
		st.now += HZ / 100;
	}
	assert_int_equal(lost(&st), 0);
	assert_int_equal(st.rare.ssrc_changes, 0);
	/* it has gone: who sends in sequence is taken, who jumps is not */
	st.now += HZ / 1000 * RTP_SSRC_QUIET_MS;
	assert_int_equal(take(&st, 3, 10), DP_DROP_SSRC);
	assert_int_equal(take(&st, 3, 12), DP_DROP_SSRC);
	assert_int_equal(take(&st, 3, 13), DP_DROP_N);
	assert_int_equal(st.rare.ssrc_changes, 1);
	/* long gone: the first packet of the next one is not lost */
	st.now += HZ / 1000 * RTP_SSRC_GONE_MS - 1;
	assert_int_equal(take(&st, 4, 50), DP_DROP_SSRC);
	st.now += 1;
	assert_int_equal(take(&st, 5, 70), DP_DROP_N);
}

static void test_ssrc_budget(void **state)
{
	struct state st;
	unsigned int good = 0;

	fresh(&st);
	take(&st, 0, 0);
	for (uint32_t i = 1; i <= 100; i++)
		good += change(&st, i, 0) == DP_DROP_N;
	assert_int_equal(good, RTP_SSRC_BUDGET);
	assert_int_equal(change(&st, 500, 0), DP_DROP_SSRC);
	/* the SSRC that is in force is not harmed */
	assert_int_equal(take(&st, RTP_SSRC_BUDGET, 1), DP_DROP_N);
	st.now += HZ / 1000 * RTP_SSRC_REFILL_MS - 1;
	assert_int_equal(change(&st, 500, 0), DP_DROP_SSRC);
	st.now += 1;
	assert_int_equal(change(&st, 500, 0), DP_DROP_N);
	assert_int_equal(change(&st, 501, 0), DP_DROP_SSRC);
	/* one and a half periods are one change now and another after half a period */
	st.now += HZ / 1000 * RTP_SSRC_REFILL_MS * 3 / 2;
	assert_int_equal(change(&st, 502, 0), DP_DROP_N);
	assert_int_equal(change(&st, 503, 0), DP_DROP_SSRC);
	st.now += HZ / 1000 * RTP_SSRC_REFILL_MS / 2;
	assert_int_equal(change(&st, 503, 0), DP_DROP_N);
	assert_int_equal(change(&st, 504, 0), DP_DROP_SSRC);
	/* an hour later there is all of it, and not more */
	st.now += 3600 * HZ;
	for (uint32_t i = good = 0; i < 100; i++)
		good += change(&st, 1000 + i, 0) == DP_DROP_N;
	assert_int_equal(good, RTP_SSRC_BUDGET);
}

/* RFC 3550 6.4.1 in floating point beside A.8 in integers, for made-up arrivals. */
static void test_jitter(void **state)
{
	static const uint32_t clocks[] = {8000, 16000, 48000, 90000};
	uint32_t seed = 1;

	for (size_t c = 0; c < sizeof(clocks) / sizeof(clocks[0]); c++) {
		uint32_t hz = clocks[c], ts = 0xffffff00; /* wraps on the way */
		uint32_t mult = (uint32_t)(((uint64_t)hz << STREAM_CLOCK_SHIFT) / HZ);
		double want = 0, before = 0, sent = 0;
		uint64_t arrived = 5 * HZ;
		struct state st;

		fresh(&st);
		for (unsigned int i = 0; i < 500; i++) {
			double transit;
			seed = seed * 1664525 + 1013904223;
			arrived = 5 * HZ + i * (HZ / 50) + seed % (HZ / 40);
			transit = (double)arrived / 1e9 * hz - sent;
			if (i)
				want += (fabs(transit - before) - want) / 16;
			before = transit;
			rtp_clock(&st.stats, ts, arrived, mult, hz);
			ts += hz / 50;
			sent += hz / 50;
		}
		double got = st.stats.jitter / 16.0;
		if (fabs(got - want) > 1 + want / 100)
			fail_msg("%u Hz: %f, not %f", hz, got, want);
		assert_true(st.stats.max_jitter >= st.stats.jitter);
		assert_true(want > hz / 400.0); /* the arrivals did vary */
	}
}

static void test_jitter_origin(void **state)
{
	struct state st;
	uint32_t mult = (uint32_t)((UINT64_C(8000) << STREAM_CLOCK_SHIFT) / HZ);
	uint32_t mult16 = mult * 2;

	fresh(&st);
	rtp_clock(&st.stats, 123456789, HZ, mult, 8000);
	assert_int_equal(st.stats.jitter, 0); /* the first packet has nothing to compare with */
	rtp_clock(&st.stats, 123456789 + 160, HZ + HZ / 50, mult, 8000);
	assert_true(st.stats.jitter <= 1);
	rtp_clock(&st.stats, 5, HZ + HZ / 25, mult, 8000); /* a new origin is no jitter */
	assert_true(st.stats.jitter <= 1);
	rtp_clock(&st.stats, 165 + 320, HZ + 3 * HZ / 50, mult, 8000); /* 320 off */
	assert_in_range(st.stats.jitter, 300, 340);
	uint32_t jitter = st.stats.jitter;
	rtp_clock(&st.stats, 0, HZ * 2, mult, 0); /* a type without a clock is left out */
	assert_int_equal(st.stats.jitter, jitter);
	rtp_clock(&st.stats, 0, HZ * 2, mult16, 16000); /* the same time in finer units */
	assert_int_equal(st.stats.jitter, jitter * 2);
	assert_int_equal(st.stats.clock_hz, 16000);
}

static uint16_t sum_of(const uint8_t *p, uint32_t len)
{
	return csum_fold(csum_add(0, p, len));
}

/* The difference and the sum from nothing are the same, also where they come to 0. */
static void test_csum_update(void **state)
{
	uint8_t p[32];
	uint32_t seed = 9;

	for (unsigned int round = 0; round < 200000; round++) {
		for (size_t i = 0; i < sizeof(p); i++) {
			seed = seed * 1664525 + 1013904223;
			p[i] = (seed >> 24) & (round % 3 ? 0xff : 0x80 | 0x7f * (seed >> 31));
		}
		uint64_t difference = csum_sub(0, p, 12);
		uint16_t csum = (uint16_t)~sum_of(p, 32);
		csum = csum ? csum : 0xffff;
		for (size_t i = 0; i < 12; i++)
			p[i] = (uint8_t)(p[i] * 5 + round);
		uint16_t want = (uint16_t)~sum_of(p, 32);
		assert_int_equal(
			csum_udp_update(csum, csum_add(difference, p, 12)), want ? want : 0xffff);
	}
}

/* A stream may send so many packets in each second; more come back as over the limit. */
static void test_limit(void **state)
{
	struct dp_stream_stats stats = {0};
	struct stream_more more = {.max_pps = 100};
	unsigned int passed = 0;

	for (unsigned int i = 0; i < 10000; i++) { /* 1000 a second for 10 s */
		bool over = rtp_over_limit(&stats, &more, HZ + i * (HZ / 1000), HZ);
		passed += !over;
		stats.rx_packets += !over;
	}
	assert_int_equal(passed, 1000);
	for (unsigned int i = 0; i < 1000; i++) { /* 50 a second */
		assert_false(rtp_over_limit(&stats, &more, 20 * HZ + i * (HZ / 50), HZ));
		stats.rx_packets++;
	}
	more = (struct stream_more){0};
	stats.limit_mark = (uint32_t)stats.rx_packets;
	for (unsigned int i = 0; i < 100000; i++) {
		assert_false(rtp_over_limit(&stats, &more, 50 * HZ, HZ));
		stats.rx_packets++;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payload_len),
		cmocka_unit_test(test_rtcp_valid),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_ssrc_change_keeps_loss),
		cmocka_unit_test(test_ssrc_forged),
		cmocka_unit_test(test_ssrc_budget),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_jitter_origin),
		cmocka_unit_test(test_csum_update),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
