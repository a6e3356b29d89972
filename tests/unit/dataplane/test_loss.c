/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Losses, duplicates and bursts: rtp_sequence() and loss.c on random arrivals beside a slow
 * reference that keeps every sequence number and finds the bursts from the definition (RFC 3611
 * 4.7.2) when all is over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/session/loss.h"
#include "dataplane/stages/rtp.h"

#define HZ     UINT64_C(1000000000) /* of the pretended TSC */
#define FRAMES 4000
#define MULT   ((uint32_t)((UINT64_C(8000) << STREAM_CLOCK_SHIFT) / HZ))

static uint32_t seed;

static uint32_t any(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)seed * n) >> 32);
}

struct state {
	struct stream s;
	struct stream_more more;
	struct dp_stream_stats stats;
	struct dp_stream_rare rare;
};

static void fresh(struct state *st)
{
	memset(st, 0, sizeof(*st));
	st->more.bad_seq = st->more.next_seq = STREAM_SEQ_NONE;
	st->more.ssrc_budget = RTP_SSRC_BUDGET;
}

/* As the guard does it: the fast way for the next number, else the slow one. */
static void take(struct state *st, uint32_t ssrc, uint16_t seq, uint32_t ts, uint64_t now)
{
	uint16_t delta = (uint16_t)(seq - (uint16_t)st->stats.ext_seq);

	if (st->s.flags & STREAM_SEQ && ssrc == st->stats.ssrc && delta == 1) {
		st->stats.ext_seq++;
		st->stats.received++;
		if (st->stats.transit_valid)
			rtp_jitter(&st->stats, rtp_arrival(now, MULT) - ts);
	} else {
		struct rtp_before before = {st->stats.ext_seq, st->rare.quality.reordered};
		assert_int_equal(
			rtp_sequence(&st->s, &st->more, &st->stats, &st->rare, ssrc, seq, now, HZ),
			DP_DROP_N);
		rtp_place(&st->stats, &st->rare.quality, &before, seq, ts, now, MULT, 8000);
		rtp_clock(&st->stats, ts, now, MULT, 8000);
	}
	st->stats.last_rx_tsc = now;
}

static void sum_of(const struct state *st, struct dp_stream_sum *ret)
{
	stream_sum(&st->stats, &st->rare, st->stats.last_rx_tsc, HZ, ret);
}

/* ---- the reference ---- */

struct reference {
	uint32_t lost, bursts, burst_packets, burst_lost, gap_lost, runs;
};

static void close_cluster(struct reference *r, uint32_t first, uint32_t last, uint32_t n)
{
	if (n == 1)
		r->gap_lost++;
	if (n < 2)
		return;
	r->bursts++;
	r->burst_packets += last - first + 1;
	r->burst_lost += n;
}

/* came[i]: number i was received; first and last were. */
static struct reference judge(const bool *came, uint32_t first, uint32_t last)
{
	struct reference r = {0};
	uint32_t start = 0, end = 0, n = 0, good = 0;

	for (uint32_t i = first; i <= last; i++) {
		if (came[i]) {
			good++;
			continue;
		}
		r.lost++;
		r.runs += came[i - 1];
		if (n && good >= LOSS_GMIN) {
			close_cluster(&r, start, end, n);
			n = 0;
		}
		if (!n)
			start = i;
		end = i;
		n++;
		good = 0;
	}
	close_cluster(&r, start, end, n);
	return r;
}

static void same(const struct dp_stream_sum *sum, const struct reference *want, unsigned int round)
{
	if (sum->lost != want->lost || sum->bursts != want->bursts ||
		sum->burst_packets != want->burst_packets || sum->burst_lost != want->burst_lost ||
		sum->gap_lost != want->gap_lost || sum->loss_runs != want->runs)
		fail_msg("round %u: lost %lu/%u bursts %u/%u of %u/%u lost %u/%u, alone %u/%u",
			round, (unsigned long)sum->lost, want->lost, sum->bursts, want->bursts,
			sum->burst_packets, want->burst_packets, sum->burst_lost, want->burst_lost,
			sum->gap_lost, want->gap_lost);
}

/* Random losses of several kinds, duplicates, and packets that come up to 60 places late. */
static void test_against_reference(void **state)
{
	for (unsigned int round = 0; round < 300; round++) {
		static bool came[FRAMES];
		static uint32_t order[2 * FRAMES], late[FRAMES];
		uint32_t n = 0, last = 0, duplicates = 0, in_burst = 0;
		uint16_t base = (uint16_t)(seed = round * 7919 + 1);
		uint32_t percent = round % 5 * 4, burst = round % 3, late_percent = round % 7;
		struct dp_stream_sum sum;
		struct state st;

		memset(came, 0, sizeof(came));
		memset(late, 0, sizeof(late));
		for (uint32_t i = 0; i < FRAMES; i++) {
			if (burst && !in_burst && any(1000) < 5)
				in_burst = 1 + any(burst == 1 ? 20 : 400);
			bool lose = i > 0 && (any(100) < percent || (in_burst && any(100) < 70));
			in_burst -= in_burst > 0;
			if (i == 0 || i + 100 > FRAMES)
				lose = false;
			came[i] = !lose;
			if (came[i] && i > 100 && i + 100 < FRAMES && any(100) < late_percent)
				late[i] = 1 + any(60);
		}
		/* who is late by k places comes after i + k */
		for (uint32_t i = 0; i < FRAMES; i++) {
			if (came[i] && !late[i]) {
				order[n++] = i;
				if (i > 200 && any(100) < round % 4)
					order[n++] = i - any(60) * (any(2)); /* maybe twice */
			}
			for (uint32_t k = 1; k <= 60 && k <= i; k++)
				if (late[i - k] == k)
					order[n++] = i - k;
		}
		fresh(&st);
		bool seen[FRAMES] = {false};
		for (uint32_t i = 0; i < n; i++) {
			duplicates += seen[order[i]];
			seen[order[i]] = true;
			if (order[i] > last)
				last = order[i];
			take(&st, 1, (uint16_t)(base + order[i]), 0, HZ + i);
		}
		sum_of(&st, &sum);
		struct reference want = judge(seen, 0, last);
		same(&sum, &want, round);
		assert_int_equal(sum.duplicates, duplicates);
		assert_int_equal(st.stats.received, last + 1 - want.lost);
		/* reading does not change what is read */
		sum_of(&st, &sum);
		same(&sum, &want, round);
	}
}

/* Fixed patterns: what a burst is. Digits: '1' came, '0' did not. */
static void test_patterns(void **state)
{
#define G15 "111111111111111"
#define G16 G15 "1"
	static const struct {
		const char *came;
		uint32_t bursts, burst_packets, burst_lost, gap_lost;
	} rows[] = {
		{"1", 0, 0, 0, 0},
		{"111", 0, 0, 0, 0},
		{"101", 0, 0, 0, 1},
		{"1001", 1, 2, 2, 0},
		{"10" G15 "01", 1, 17, 2, 0},
		{"10" G16 "01", 0, 0, 0, 2},
		{"10" G16 "00" G16 "01", 1, 2, 2, 2},
		{"100" G15 "0" G16 "01", 1, 18, 3, 1},
		{"10" G16 "0" G16 "0" G15 "01", 1, 17, 2, 2},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_stream_sum sum;
		struct state st;
		fresh(&st);
		for (uint32_t k = 0; rows[i].came[k]; k++)
			if (rows[i].came[k] == '1')
				take(&st, 1, (uint16_t)(65530 + k), 160 * k, HZ + k * HZ / 50);
		sum_of(&st, &sum);
		if (sum.bursts != rows[i].bursts || sum.burst_packets != rows[i].burst_packets ||
			sum.burst_lost != rows[i].burst_lost || sum.gap_lost != rows[i].gap_lost)
			fail_msg("%s: %u bursts, %u packets, %u lost, %u alone", rows[i].came,
				sum.bursts, sum.burst_packets, sum.burst_lost, sum.gap_lost);
	}
}

/* More than the window in one step, and figures that outlive their SSRC. */
static void test_long_outage_and_next_ssrc(void **state)
{
	struct dp_stream_sum sum;
	struct state st;

	fresh(&st);
	take(&st, 1, 0, 0, HZ);
	take(&st, 1, 1001, 0, HZ);
	take(&st, 1, 1003, 0, HZ);
	sum_of(&st, &sum);
	assert_int_equal(sum.lost, 1001);
	assert_int_equal(sum.bursts, 1);
	assert_int_equal(sum.burst_packets, 1002);
	take(&st, 1, 1001, 0, HZ);
	take(&st, 2, 7, 0, 3 * HZ);
	take(&st, 2, 9, 0, 3 * HZ);
	sum_of(&st, &sum);
	assert_int_equal(sum.lost, 1002);
	assert_int_equal(sum.bursts, 1);
	assert_int_equal(sum.burst_lost, 1001);
	assert_int_equal(sum.gap_lost, 1);
	assert_int_equal(sum.duplicates, 1);
	assert_int_equal(st.rare.quality.duplicates_before, 1);
	assert_int_equal(sum.first_rx_ago_ms, 2000);
}

/* A reordered packet counts as lost where it matters when it is over DP_PLAYOUT_MS late. */
static void test_too_late(void **state)
{
	static const struct {
		uint32_t late_ms, too_late;
	} rows[] = {{1, 0}, {DP_PLAYOUT_MS, 0}, {DP_PLAYOUT_MS + 1, 1}, {500, 1}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_stream_sum sum;
		struct state st;
		uint64_t ms = HZ / 1000;
		fresh(&st);
		for (uint32_t k = 0; k < 40; k++)
			if (k != 20)
				take(&st, 1, (uint16_t)k, 160 * k, HZ + k * 20 * ms);
		take(&st, 1, 20, 160 * 20, HZ + (20 * 20 + rows[i].late_ms) * ms);
		sum_of(&st, &sum);
		assert_int_equal(sum.reordered, 1);
		assert_int_equal(sum.too_late, rows[i].too_late);
		assert_int_equal(sum.lost, 0);
		assert_int_equal(sum.gap_lost, rows[i].too_late);
		assert_int_equal(sum.frame_us, 20000); /* told by the gap that it left */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_reference),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_long_outage_and_next_ssrc),
		cmocka_unit_test(test_too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
