/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Media cores and workers together: the same packets whatever their numbers, mail, more than a core
 * can do and what comes after it, threads, and that nothing is left when sessions come and go.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/base/clock.h"
#include "dataplane/core/mcore.h"
#include "tests/unit/dataplane/rig.h"

#include <rte_cycles.h>

#define LOCAL_A	    "192.0.2.1"
#define LOCAL_B	    "203.0.113.1"
#define N_SESSIONS  24
#define OUT_MAX	    4096
#define DEADLINE_MS 20000

static struct rig *rig;

static void begin(uint32_t n_workers, uint32_t n_mcores)
{
	struct rig_conf conf = {.n_workers = n_workers,
		.n_mcores = n_mcores,
		.n_streams = RIG_SLOTS,
		.n_ports = 2,
		.n_mbufs = 8191};

	rig = rig_new(&conf);
	rig->now_tsc = 1000 * RIG_TSC_HZ;
	rig_addr(rig, 0, LOCAL_A, 10000, 19999, 0);
	rig_addr(rig, 1, LOCAL_B, 10000, 19999, 1);
}

static void end(void)
{
	rig_run(rig);
	rig_discard(rig, 0);
	rig_discard(rig, 1);
	assert_int_equal(rig_balance(rig), 0);
	assert_int_equal(rte_mempool_in_use_count(rig->pool), 0);
	rig_free(rig);
}

/* Session i: ports 10000 + 2 i on both sides, PCMU on leg A, L16 on leg B. */
static struct dp_session make_session(uint32_t i, uint8_t codec)
{
	uint16_t port = (uint16_t)(10000 + 2 * i);
	struct dp_session s = {.id = i + 1,
		.leg = {{.local = rig_ip(LOCAL_A, port),
				.remote_rtp = rig_ip("198.51.100.7", 4000)},
			{.local = rig_ip(LOCAL_B, port),
				.remote_rtp = rig_ip("203.0.113.99", 5000)}}};

	for (unsigned int k = 0; k < DP_LEGS; k++) {
		uint8_t other = k ? DP_CODEC_PCMU : codec, own = k ? codec : DP_CODEC_PCMU;
		s.leg[k].flags = DP_LEG_SEND | DP_LEG_RECV;
		s.leg[k].n_payloads = 1;
		s.leg[k].payloads[0] = (struct dp_payload){.pt = k ? 96 : 0,
			.action = DP_PT_TRANSCODE,
			.codec = own,
			.clock_hz = 8000};
		s.leg[!k].send = (struct dp_send){.codec = other, .pt = k ? 0 : 96};
	}
	return s;
}

static void put_session(uint32_t i, uint8_t codec)
{
	struct dp_session s = make_session(i, codec);

	assert_int_equal(rig_voice(rig, 2 * i, &s), 0);
	assert_int_equal(rig_session(rig, 2 * i, &s, 0, 1, 0, 1, false), 0);
}

static void end_session(uint32_t i)
{
	for (uint32_t slot = 2 * i; slot < 2 * i + 2; slot++) {
		struct worker_msg msg = {.op = WORKER_STREAM_UNLINK, .unlink = {.slot = slot}};
		assert_int_equal(rig_post(rig, (5000 + i) % rig->conf.n_workers, &msg), 0);
	}
	assert_int_equal(rig_voice_end(rig, 2 * i), 0);
}

static void put_rtp(uint32_t i, uint16_t seq)
{
	uint8_t rtp[256], p[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, 0},
		.src = "198.51.100.7",
		.dst = LOCAL_A,
		.sport = 4000,
		.dport = (uint16_t)(10000 + 2 * i),
		.payload = rtp};

	f.payload_len = rig_rtp(rtp, 0, seq, seq * 160u, 77 + i, 160);
	rig_put(rig, 0, p, rig_build(&f, p));
}

/* ---- any number of workers and media cores ---- */

struct output {
	uint32_t n;
	struct {
		uint32_t len;
		uint8_t bytes[400];
	} frames[OUT_MAX];
};

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((struct output *)0)->frames[0]));
}

static struct output *run_calls(uint32_t n_workers, uint32_t n_mcores)
{
	struct output *out = calloc(1, sizeof(*out));
	uint8_t bytes[RIG_FRAME];
	uint32_t len;

	assert_non_null(out);
	begin(n_workers, n_mcores);
	for (uint32_t i = 0; i < N_SESSIONS; i++)
		put_session(i, DP_CODEC_L16_8K);
	for (uint16_t seq = 1; seq <= 30; seq++) {
		for (uint32_t i = 0; i < N_SESSIONS; i++)
			if ((seq + i) % 13)
				put_rtp(i, seq);
		rig_run(rig);
		rig_pass(rig, 20);
		while ((len = rig_get(rig, 1, bytes)) > 0) {
			assert_null(rig_checksums(bytes, len));
			assert_true(out->n < OUT_MAX && len <= sizeof(out->frames[0].bytes));
			out->frames[out->n].len = len;
			memcpy(out->frames[out->n++].bytes, bytes, len);
		}
	}
	for (uint32_t i = 0; i < N_SESSIONS; i++)
		end_session(i);
	qsort(out->frames, out->n, sizeof(out->frames[0]), by_bytes);
	end();
	return out;
}

static void test_any_number(void **state)
{
	static const struct {
		uint32_t n_workers, n_mcores;
	} rows[] = {{2, 1}, {1, 2}, {3, 2}, {2, 3}};
	struct output *want = run_calls(1, 1);

	assert_in_range(want->n, N_SESSIONS * 27, N_SESSIONS * 30);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct output *got = run_calls(rows[i].n_workers, rows[i].n_mcores);
		assert_int_equal(got->n, want->n);
		assert_memory_equal(got, want, sizeof(*want));
		free(got);
	}
	free(want);
}

/* ---- mail ---- */

static void test_mail(void **state)
{
	struct worker_msg msg = {.op = MCORE_VOICE_END, .voice = {.row = 3}};

	begin(1, 1);
	assert_int_equal(rig_post(rig, 1, &msg), -ENOENT);
	msg.voice.row = RIG_SLOTS / 2;
	assert_int_equal(rig_post(rig, 1, &msg), -EINVAL);
	msg = (struct worker_msg){.op = MCORE_VOICE_SET, .voice = {.row = 1, .worker = 1}};
	assert_int_equal(rig_post(rig, 1, &msg), -EINVAL);
	msg = (struct worker_msg){.op = WORKER_STREAM_UNLINK};
	assert_int_equal(rig_post(rig, 1, &msg), -EINVAL);
	msg = (struct worker_msg){.op = MCORE_VOICE_SET};
	assert_int_equal(rig_post(rig, 0, &msg), -EINVAL);
	/* what is set again takes the place of what was there; what is left is freed at the end */
	put_session(0, DP_CODEC_L16_8K);
	put_session(0, DP_CODEC_L16_16K);
	assert_int_equal(rig->mcore_stats[0].streams, 2);
	end_session(0);
	assert_int_equal(rig->mcore_stats[0].streams, 0);
	put_session(1, DP_CODEC_L16_8K);
	end();
}

/* ---- more than it can do ---- */

/* One talker among many: how many packets of 50 come out. */
static uint32_t heard(uint16_t *seq, uint32_t lag_ms)
{
	uint8_t bytes[RIG_FRAME];
	uint32_t n = 0;

	for (int k = 0; k < 50; k++) {
		for (uint32_t i = 0; i < N_SESSIONS; i++)
			put_rtp(i, *seq);
		++*seq;
		for (uint32_t i = 0; i < rig->conf.n_workers; i++)
			worker_turn_at(rig->group, i, rig->now_tsc);
		rig->now_tsc += RIG_TSC_HZ / 50;
		/* a core that is late by so much has one turn now and then */
		if (lag_ms) {
			mcore_turn(rig->group, 0, rig->now_tsc + lag_ms * RIG_TSC_HZ / 1000);
			worker_turn_at(rig->group, 0, rig->now_tsc);
		} else {
			rig_run(rig);
		}
		while (rig_get(rig, 1, bytes))
			n++;
	}
	return n;
}

/*
 * Light, heavy, light: a core that is too late skips whole packets, and once it is on time again
 * everybody is served, with nothing left of what waited.
 */
static void test_light_heavy_light(void **state)
{
	uint16_t seq = 1;

	begin(1, 1);
	for (uint32_t i = 0; i < N_SESSIONS; i++)
		put_session(i, DP_CODEC_L16_8K);
	heard(&seq, 0);
	assert_int_equal(heard(&seq, 0), 50 * N_SESSIONS);
	assert_int_equal(rig->mcore_stats[0].skipped, 0);
	uint32_t n = heard(&seq, 300);
	assert_true(n < 40 * N_SESSIONS);
	assert_true(rig->mcore_stats[0].skipped > 0);
	/* the clock of the core does not step back */
	rig->now_tsc += 320 * RIG_TSC_HZ / 1000;
	heard(&seq, 0); /* within this second */
	uint64_t skipped = rig->mcore_stats[0].skipped;
	assert_int_equal(heard(&seq, 0), 50 * N_SESSIONS);
	assert_int_equal(rig->mcore_stats[0].skipped, skipped);
	for (uint32_t i = 0; i < N_SESSIONS; i++)
		end_session(i);
	end();
}

/* A core that does not move: its ring sheds, the worker goes on, and the newest are served. */
static void test_ring_sheds(void **state)
{
	begin(1, 1);
	put_session(0, DP_CODEC_L16_8K);
	for (uint16_t seq = 1; seq <= 3 * MCORE_RING; seq++) {
		put_rtp(0, seq);
		worker_turn_at(rig->group, 0, rig->now_tsc);
	}
	assert_int_equal(rig->stats[0].drops[DP_DROP_VOICE_FULL], 2 * MCORE_RING);
	assert_int_equal(rig->stats[0].to_mcores, MCORE_RING);
	rig_run(rig);
	assert_int_equal(rig->mcore_stats[0].drops[DP_DROP_VOICE_FULL], MCORE_RING / 2);
	assert_int_equal(rig->mcore_stats[0].rx_packets, MCORE_RING);
	end_session(0);
	end();
}

/* Without packet memory nothing is made, and it goes on when there is some again. */
static void test_no_memory(void **state)
{
	struct rte_mbuf *hoard[8191];
	unsigned int n = 0;
	uint8_t bytes[RIG_FRAME];

	begin(1, 1);
	put_session(0, DP_CODEC_L16_8K);
	put_rtp(0, 1);
	rig_run(rig);
	while (n < 8191 && (hoard[n] = rte_pktmbuf_alloc(rig->pool)))
		n++;
	rig_pass(rig, 60);
	assert_true(rig->mcore_stats[0].drops[DP_DROP_NO_MBUF] > 0);
	assert_int_equal(rig_get(rig, 1, bytes), 0);
	rte_pktmbuf_free_bulk(hoard, n);
	for (uint16_t seq = 2; seq < 10; seq++) {
		put_rtp(0, seq);
		rig_run(rig);
		rig_pass(rig, 20);
	}
	assert_true(rig_discard(rig, 1) >= 6);
	end_session(0);
	end();
}

/* ---- coming and going ---- */

/* LIMEN_CHURN: how many sessions; the full number of the issue takes a while. */
static uint32_t churn_n(void)
{
	const char *text = getenv("LIMEN_CHURN");

	return text ? (uint32_t)strtoul(text, NULL, 10) : 1500;
}

/* Added, changed and removed under traffic: no packet and no memory is left over. */
static void test_churn(void **state)
{
	static const uint8_t codecs[] = {DP_CODEC_L16_8K, DP_CODEC_PCMA, DP_CODEC_L16_16K};
	uint32_t n = churn_n();
	uint16_t seq = 1;

	begin(2, 2);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = k % N_SESSIONS;
		if (k >= N_SESSIONS)
			end_session(i);
		put_session(i, codecs[k % 3]);
		put_session(i, codecs[(k + 1) % 3]);
		put_rtp(i, seq);
		put_rtp((i + 7) % N_SESSIONS, seq++);
		rig_run(rig);
		if (k % 16 == 0)
			rig_pass(rig, 45);
		if (k % 64 == 0)
			rig_discard(rig, 1);
	}
	for (uint32_t i = 0; i < N_SESSIONS; i++)
		end_session(i);
	assert_int_equal(rig->mcore_stats[0].streams + rig->mcore_stats[1].streams, 0);
	assert_true(rig->mcore_stats[0].made_packets > 0);
	end();
}

/* ---- threads ---- */

static void test_threads(void **state)
{
	static const unsigned int lcores[] = {1, 2, 3};
	uint64_t deadline = clock_mono_ms() + DEADLINE_MS;
	uint16_t seq = 1;
	uint32_t n = 0;
	uint8_t bytes[RIG_FRAME];

	begin(2, 1);
	rig->now_tsc = 0;
	for (uint32_t i = 0; i < 4; i++)
		put_session(i, DP_CODEC_L16_8K);
	assert_int_equal(worker_group_start(rig->group, lcores), 0);
	while (n < 40 && clock_mono_ms() < deadline) {
		uint64_t next = clock_mono_ms() + 20;
		for (uint32_t i = 0; i < 4; i++)
			put_rtp(i, seq);
		seq++;
		while (clock_mono_ms() < next)
			while (rig_get(rig, 1, bytes))
				n++;
	}
	worker_group_stop(rig->group);
	assert_true(n >= 40);
	assert_true(rig->mcore_stats[0].sleeps > 0);
	assert_true(rig->mcore_stats[0].cycles_asleep > 0);
	end();
}

int main(void)
{
	rig_eal("mcore");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_number),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_light_heavy_light),
		cmocka_unit_test(test_ring_sheds),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
