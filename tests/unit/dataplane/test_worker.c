/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Workers among themselves and with the control thread: the same results for any number of them,
 * mail, overload and what comes after it, frames of Linux, the doorbell, threads and sleep.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/base/clock.h"
#include "dataplane/core/worker_priv.h"
#include "tests/unit/dataplane/rig.h"

#include <rte_cycles.h>

#define LOCAL_A	    "192.0.2.1"
#define LOCAL_B	    "203.0.113.1"
#define N_SESSIONS  24
#define DEADLINE_MS 20000

static struct rig *rig;

static void begin(uint32_t n_workers, uint16_t n_txq, uint32_t ring)
{
	struct rig_conf conf = {.n_workers = n_workers,
		.n_streams = RIG_SLOTS,
		.n_ports = 2,
		.n_txq = n_txq,
		.n_mbufs = 8191,
		.ring = ring};

	rig = rig_new(&conf);
	rig_addr(rig, 0, LOCAL_A, 10000, 19999, 0);
	rig_addr(rig, 1, LOCAL_B, 10000, 19999, 1);
	rig_police(rig, NULL);
}

static void discard_punts(void)
{
	struct rte_mbuf *frames[64];
	unsigned int n;

	while ((n = worker_punts(rig->group, frames, 64)) > 0)
		rte_pktmbuf_free_bulk(frames, n);
}

static void end(void)
{
	rig_run(rig);
	rig_discard(rig, 0);
	rig_discard(rig, 1);
	discard_punts();
	assert_int_equal(rig_balance(rig), 0);
	assert_int_equal(rte_mempool_in_use_count(rig->pool), 0);
	rig_free(rig);
}

/* Session i: ports 10000 + 2 i on both sides, slots 2 i and 2 i + 1. */
static struct dp_session make_session(uint32_t i)
{
	uint16_t port = (uint16_t)(10000 + 2 * i);
	struct dp_session session = {.id = i + 1,
		.leg = {{.local = rig_ip(LOCAL_A, port),
				.remote_rtp = rig_ip("198.51.100.7", 4000)},
			{.local = rig_ip(LOCAL_B, port),
				.remote_rtp = rig_ip("203.0.113.99", 5000)}}};

	for (unsigned int k = 0; k < DP_LEGS; k++) {
		session.leg[k].flags = DP_LEG_SEND | DP_LEG_RECV;
		session.leg[k].n_payloads = 1;
		session.leg[k].payloads[0] = (struct dp_payload){.pt = 0, .clock_hz = 8000};
	}
	return session;
}

static void put_sessions(void)
{
	for (uint32_t i = 0; i < N_SESSIONS; i++) {
		struct dp_session session = make_session(i);
		assert_int_equal(rig_session(rig, 2 * i, &session, 0, 1, 0, 1, false), 0);
	}
}

static void put_rtp(uint32_t i, uint8_t leg, uint16_t seq)
{
	uint8_t rtp[128], p[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, leg},
		.src = leg ? "203.0.113.99" : "198.51.100.7",
		.dst = leg ? LOCAL_B : LOCAL_A,
		.sport = leg ? 5000 : 4000,
		.dport = (uint16_t)(10000 + 2 * i),
		.payload = rtp};

	f.payload_len = rig_rtp(rtp, 0, seq, seq * 160u, i * 2 + leg, 20);
	rig_put(rig, leg, p, rig_build(&f, p));
}

/* ---- any number of workers ---- */

struct output {
	uint32_t n;
	struct {
		uint32_t len;
		uint8_t bytes[128];
	} frames[4096];
	uint64_t drops[DP_DROP_N];
	uint64_t relayed, punted;
	struct dp_stream_sum sums[2 * N_SESSIONS];
};

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((struct output *)0)->frames[0]));
}

/* A fixed mixture of good and bad packets, the same in each call. */
static void put_mixture(uint32_t *seed, uint16_t *seqs)
{
	for (unsigned int k = 0; k < 200; k++) {
		*seed = *seed * 1664525 + 1013904223;
		uint32_t r = *seed >> 8, i = r % N_SESSIONS;
		uint8_t leg = r / N_SESSIONS % 2, junk[RIG_FRAME] = {0};
		uint16_t *seq = &seqs[2 * i + leg];
		switch (r / 1024 % 8) {
		case 0: /* a port without a session */
			put_rtp(N_SESSIONS + i, leg, 1);
			break;
		case 1: /* lost */
			*seq = (uint16_t)(*seq + 2);
			put_rtp(i, leg, *seq);
			break;
		case 2: /* something for Linux */
			rig_put(rig, leg, junk, 60);
			break;
		case 3: /* a jump */
			put_rtp(i, leg, (uint16_t)(*seq + 20000 + k));
			break;
		default:
			put_rtp(i, leg, ++*seq);
			break;
		}
	}
}

static struct output *run_mixture(uint32_t n_workers, uint16_t n_txq)
{
	struct output *out = calloc(1, sizeof(*out));
	struct dp_worker_stats sum;
	uint16_t seqs[2 * N_SESSIONS] = {0};
	uint32_t seed = 42;

	assert_non_null(out);
	begin(n_workers, n_txq, 0);
	put_sessions();
	for (unsigned int round = 0; round < 12; round++) {
		put_mixture(&seed, seqs);
		rig_run(rig);
		for (uint8_t port = 0; port < 2; port++) {
			uint8_t bytes[RIG_FRAME];
			uint32_t len;
			while ((len = rig_get(rig, port, bytes)) > 0) {
				assert_true(len <= sizeof(out->frames[0].bytes));
				assert_null(rig_checksums(bytes, len));
				out->frames[out->n].len = len;
				memcpy(out->frames[out->n++].bytes, bytes, len);
			}
		}
		discard_punts();
	}
	qsort(out->frames, out->n, sizeof(out->frames[0]), by_bytes);
	rig_totals(rig, &sum);
	memcpy(out->drops, sum.drops, sizeof(out->drops));
	out->relayed = sum.relayed_packets;
	out->punted = sum.punted_packets;
	for (uint32_t i = 0; i < 2 * N_SESSIONS; i++) {
		stream_sum(
			&rig->stream_stats[i], &rig->stream_rare[i], 0, RIG_TSC_HZ, &out->sums[i]);
		out->sums[i].jitter_us = out->sums[i].max_jitter_us = 0; /* real time */
	}
	end();
	return out;
}

static void test_any_number_of_workers(void **state)
{
	static const struct {
		uint32_t n_workers;
		uint16_t n_txq;
	} rows[] = {{2, 2}, {3, 3}, {2, 1}, {3, 1}, {3, 2}};
	struct output *want = run_mixture(1, 1);

	assert_true(want->n > 1000 && want->drops[DP_DROP_SEQUENCE] && want->punted);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct output *got = run_mixture(rows[i].n_workers, rows[i].n_txq);
		assert_int_equal(got->n, want->n);
		assert_memory_equal(got, want, sizeof(*want));
		free(got);
	}
	free(want);
}

/* ---- mail ---- */

static void test_mail_results(void **state)
{
	struct dp_session session = make_session(0), other = make_session(0);
	struct stream_args args = {.session = &session, .tsc_hz = RIG_TSC_HZ};
	struct worker_msg msg = {.op = WORKER_STREAM_SET};

	begin(2, 2, 0);
	assert_int_equal(rig_stream(rig, 4, &args, false), 0);
	assert_int_equal(rig_stream(rig, 4, &args, false), 0); /* idempotent */
	args.session = &other;
	assert_int_equal(rig_stream(rig, 5, &args, false), -EADDRINUSE);
	other.leg[0].local.port_be16 = rig_ip(LOCAL_A, 10004).port_be16;
	args.addr_index = 9;
	assert_int_equal(rig_stream(rig, 5, &args, false), -ENOENT);
	args.addr_index = DP_MEDIA_ADDRS_MAX;
	assert_int_equal(rig_stream(rig, 5, &args, false), -EINVAL);
	args.addr_index = 0;
	assert_int_equal(rig_stream(rig, RIG_SLOTS, &args, false), -EINVAL);
	assert_int_equal(stream_build(&args, &msg.set.conf), 0);
	assert_int_equal(rig_post(rig, 1, &msg), -EXDEV); /* the other worker's port */
	msg = (struct worker_msg){.op = WORKER_PORT_ATTACH, .port = {.index = 0}};
	assert_int_equal(rig_post(rig, 0, &msg), -EINVAL); /* no queues */
	msg.port.n_rxq = msg.port.n_txq = 1;
	assert_int_equal(rig_post(rig, 0, &msg), -EEXIST);
	msg.port.index = DP_PORTS_MAX;
	assert_int_equal(rig_post(rig, 0, &msg), -EINVAL);
	msg = (struct worker_msg){.op = WORKER_PORT_DETACH, .port = {.index = 7}};
	assert_int_equal(rig_post(rig, 0, &msg), -ENOENT);
	msg = (struct worker_msg){
		.op = WORKER_ADDR_SET, .addr = {.addr = rig_ip(LOCAL_A, 0), .index = 5}};
	assert_int_equal(rig_post(rig, 0, &msg), -EEXIST); /* it has an index already */
	msg.addr.addr = rig_ip("192.0.2.77", 0);
	assert_int_equal(rig_post(rig, 0, &msg), -EINVAL); /* no table */
	msg.addr.index = 0;
	assert_int_equal(rig_post(rig, 0, &msg), -EEXIST); /* the index is taken */
	msg = (struct worker_msg){.op = WORKER_ADDR_DEL, .addr = {.index = 6}};
	assert_int_equal(rig_post(rig, 0, &msg), -ENOENT);
	msg = (struct worker_msg){.op = (enum worker_op)99};
	assert_int_equal(rig_post(rig, 0, &msg), -EINVAL);
	end();
}

static void test_mailbox_is_bounded(void **state)
{
	static struct worker_msg msgs[WORKER_MAILBOX];
	struct worker_msg extra = {.op = WORKER_STREAM_UNLINK}, *done[64];
	unsigned int n, total = 0;

	begin(1, 1, 0);
	for (uint32_t i = 0; i < WORKER_MAILBOX; i++) {
		msgs[i] = (struct worker_msg){.op = WORKER_STREAM_UNLINK};
		assert_int_equal(worker_post(rig->group, 0, &msgs[i]), 0);
	}
	assert_int_equal(worker_post(rig->group, 0, &extra), -ENOBUFS);
	rig_run(rig);
	/* done, but not fetched: the way back would have no room for more */
	assert_int_equal(worker_post(rig->group, 0, &extra), -ENOBUFS);
	while ((n = worker_completions(rig->group, done, 64)) > 0)
		for (unsigned int i = 0; i < n; i++)
			assert_ptr_equal(done[i], &msgs[total++]); /* in order */
	assert_int_equal(total, WORKER_MAILBOX);
	assert_int_equal(rig_post(rig, 0, &extra), -ENOENT);
	end();
}

/* A stream that moves to another port leaves the first one; a removed address takes all along. */
static void test_links(void **state)
{
	struct dp_session session = make_session(0);
	struct worker_msg msg = {.op = WORKER_ADDR_DEL, .addr = {.index = 0}};

	begin(1, 1, 0);
	assert_int_equal(rig_session(rig, 0, &session, 0, 1, 0, 1, false), 0);
	session.leg[0].local = rig_ip(LOCAL_A, 10002);
	assert_int_equal(rig_session(rig, 0, &session, 0, 1, 0, 1, false), 0);
	put_rtp(0, 0, 1);
	put_rtp(1, 0, 2);
	rig_run(rig);
	assert_int_equal(rig_drops(rig, DP_DROP_NO_STREAM), 1);
	assert_int_equal(rig_discard(rig, 1), 1);
	assert_int_equal(rig_post(rig, 0, &msg), 0);
	worker_table_free(msg.addr.table);
	put_rtp(1, 0, 3);
	rig_run(rig);
	assert_int_equal(rig->stats[0].punted_packets, 1); /* not ours any more */
	msg = (struct worker_msg){.op = WORKER_STREAM_UNLINK};
	assert_int_equal(rig_post(rig, 0, &msg), 0);
	rig_addr(rig, 0, LOCAL_A, 10000, 10001, 0); /* back, with a smaller range */
	put_rtp(0, 0, 4);
	put_rtp(1, 0, 5);
	rig_run(rig);
	assert_int_equal(rig_drops(rig, DP_DROP_NO_STREAM), 2);
	assert_int_equal(rig->stats[0].punted_packets, 2);
	end();
}

/* ---- ports and Linux ---- */

static void test_detach(void **state)
{
	struct worker_msg msg = {.op = WORKER_PORT_DETACH, .port = {.index = 1}};
	void *left = NULL;

	begin(2, 1, 0);
	put_sessions();
	for (uint32_t i = 0; i < 2; i++) {
		struct worker_msg copy = msg;
		assert_int_equal(rig_post(rig, i, &copy), 0);
	}
	put_rtp(0, 0, 1);
	put_rtp(1, 0, 1);
	put_rtp(0, 1, 1);
	rig_run(rig);
	assert_int_equal(rig_drops(rig, DP_DROP_NO_PORT), 2);
	assert_int_equal(rte_ring_dequeue(rig->rx[1], &left), 0); /* nobody polls it any more */
	rte_pktmbuf_free(left);
	end();
}

static struct rte_mbuf *new_frame(void)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig->pool);

	assert_non_null(m);
	memset(rte_pktmbuf_append(m, 60), 0x5a, 60);
	return m;
}

static void test_inject(void **state)
{
	uint8_t out[RIG_FRAME];
	uint32_t n = 0;
	struct rte_mbuf *m;

	begin(3, 2, 0);
	for (uint8_t i = 0; i < 10; i++)
		assert_int_equal(worker_inject(rig->group, i % 2, new_frame()), 0);
	assert_int_equal(worker_inject(rig->group, 3, new_frame()), 0); /* no such port */
	rig_run(rig);
	assert_int_equal(rig_get(rig, 1, out), 60);
	assert_int_equal(out[0], 0x5a);
	assert_int_equal(rig_discard(rig, 0) + rig_discard(rig, 1), 9);
	assert_int_equal(rig_drops(rig, DP_DROP_NO_PORT), 1);
	struct dp_worker_stats sum;
	rig_totals(rig, &sum);
	assert_int_equal(sum.injected_packets, 11);
	assert_int_equal(sum.sent_for_linux, 10);
	assert_int_equal(sum.relayed_packets + sum.relayed_bytes, 0);
	while (worker_inject(rig->group, 0, m = new_frame()) == 0)
		n++;
	rte_pktmbuf_free(m); /* stays the caller's */
	assert_int_equal(n, WORKER_INJECT);
	end();
}

/* ---- overload: light, heavy, light ---- */

static void light(uint16_t *seq, uint64_t *relayed)
{
	struct dp_worker_stats before, after;

	rig_totals(rig, &before);
	for (unsigned int round = 0; round < 4; round++) {
		++*seq;
		for (uint32_t i = 0; i < N_SESSIONS; i++) {
			put_rtp(i, 0, *seq);
			put_rtp(i, 1, *seq);
		}
		rig_run(rig);
	}
	*relayed = rig_discard(rig, 0) + rig_discard(rig, 1);
	rig_totals(rig, &after);
	for (unsigned int i = 0; i < DP_DROP_N; i++)
		assert_int_equal(after.drops[i], before.drops[i]);
}

/* Worker 0 receives all, and nobody turns the others: the rings between them run over. */
static void test_overload_of_hand_over(void **state)
{
	uint64_t relayed;
	uint16_t seq = 0, last = 0;
	uint8_t out[RIG_FRAME];

	begin(2, 2, 0);
	put_sessions();
	light(&seq, &relayed);
	assert_int_equal(relayed, 8 * N_SESSIONS);
	for (unsigned int i = 0; i < WORKER_HANDOVER + 500; i++) {
		put_rtp(1, 0, ++seq); /* session 1 is worker 1's */
		if (i % 32 == 31)
			while (worker_turn(rig->group, 0))
				;
	}
	while (worker_turn(rig->group, 0))
		;
	assert_int_equal(rig->stats[0].drops[DP_DROP_RING_FULL], 500);
	rig_run(rig);
	/* what is served after that is what came last of what fitted, not what came first */
	assert_int_equal(rig->stats[1].drops[DP_DROP_RING_FULL], WORKER_HANDOVER - WORKER_BACKLOG);
	for (unsigned int i = 0; i < WORKER_BACKLOG; i++) {
		assert_true(rig_get(rig, 1, out) > 0);
		last = (uint16_t)(out[44] << 8 | out[45]);
	}
	assert_int_equal(last, seq - 500);
	assert_int_equal(rig_discard(rig, 1), 0);
	light(&seq, &relayed);
	assert_int_equal(relayed, 8 * N_SESSIONS);
	end();
}

/* One transmit queue: worker 1 sends through worker 0, which does not get its turn. */
static void test_overload_of_transmit_hand_over(void **state)
{
	struct dp_stream_sum sum;
	uint64_t relayed;
	uint16_t seq = 0;

	begin(2, 1, 0);
	put_sessions();
	light(&seq, &relayed);
	struct rte_ring *to_owner = rig->group->workers[0]->to_rx[1];
	uint64_t before = rig->stream_stats[2].rx_packets;
	for (unsigned int i = 0; i < WORKER_HANDOVER + 320; i += 32) {
		for (unsigned int k = 0; k < 32; k++) {
			void *frame = NULL;
			put_rtp(1, 0, ++seq);
			/* as worker 0 would hand it over, which then would take others back */
			assert_int_equal(rte_ring_dequeue(rig->rx[0], &frame), 0);
			((struct rte_mbuf *)frame)->port = 0;
			assert_int_equal(rte_ring_enqueue(to_owner, frame), 0);
		}
		while (worker_turn(rig->group, 1))
			;
	}
	assert_int_equal(rig->stats[1].drops[DP_DROP_RING_FULL], 320);
	stream_sum(&rig->stream_stats[2], &rig->stream_rare[2], 0, RIG_TSC_HZ, &sum);
	assert_int_equal(sum.rx_packets - before, WORKER_HANDOVER + 320);
	assert_int_equal(sum.rx_packets - sum.tx_packets, 320);
	assert_int_equal(sum.rx_octets - sum.tx_octets, 320 * 20);
	rig_run(rig);
	assert_int_equal(rig->stats[0].drops[DP_DROP_RING_FULL], WORKER_HANDOVER - WORKER_BACKLOG);
	assert_int_equal(rig_discard(rig, 1), WORKER_BACKLOG);
	light(&seq, &relayed);
	assert_int_equal(relayed, 8 * N_SESSIONS);
	end();
}

static void test_overload_of_ports_and_linux(void **state)
{
	uint8_t junk[60] = {0};
	uint64_t relayed;
	uint16_t seq = 0;
	struct dp_stream_sum sum;

	begin(1, 1, 256);
	put_sessions();
	light(&seq, &relayed);
	for (unsigned int i = 0; i < 1000; i++) { /* nobody empties port 1 */
		put_rtp(0, 0, ++seq);
		rig_run(rig);
	}
	assert_int_equal(rig_drops(rig, DP_DROP_TX_FULL), 1000 - 256);
	assert_int_equal(rig->stats[0].relayed_bytes,
		rig->stats[0].relayed_packets * (14 + 20 + 8 + 12 + 20));
	stream_sum(&rig->stream_stats[0], &rig->stream_rare[0], 0, RIG_TSC_HZ, &sum);
	assert_int_equal(sum.rx_packets - sum.tx_packets, 1000 - 256);
	assert_int_equal(sum.rx_octets - sum.tx_octets, 20 * (1000 - 256));
	assert_int_equal(rig_discard(rig, 1), 256);
	for (unsigned int i = 0; i < WORKER_PUNT + 300; i++) { /* nor the frames for Linux */
		rig_put(rig, 0, junk, sizeof(junk));
		rig_run(rig);
	}
	assert_int_equal(rig_drops(rig, DP_DROP_PUNT_FULL), 300);
	discard_punts();
	light(&seq, &relayed);
	assert_int_equal(relayed, 8 * N_SESSIONS);
	end();
}

/* ---- doorbell, trace, threads ---- */

static bool rings(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t count;

	return poll(&p, 1, 0) == 1 && read(fd, &count, sizeof(count)) == sizeof(count);
}

static void test_doorbell(void **state)
{
	uint8_t junk[60] = {0};

	begin(2, 2, 0);
	int fd = worker_doorbell_fd(rig->group);
	rig_put(rig, 0, junk, sizeof(junk));
	rig_run(rig);
	assert_false(rings(fd));		       /* nobody sleeps */
	assert_false(worker_doorbell_arm(rig->group)); /* and nobody may, with that in the ring */
	discard_punts();
	assert_true(worker_doorbell_arm(rig->group));
	rig_run(rig);
	assert_false(rings(fd));
	for (int i = 0; i < 3; i++) {
		rig_put(rig, 0, junk, sizeof(junk));
		rig_run(rig);
		assert_int_equal(rings(fd), i == 0); /* once for each sleep */
	}
	worker_doorbell_disarm(rig->group);
	discard_punts();
	rig_put(rig, 0, junk, sizeof(junk));
	rig_run(rig);
	assert_false(rings(fd));
	discard_punts();
	assert_true(worker_doorbell_arm(rig->group));
	rig_put(rig, 0, junk, sizeof(junk));
	rig_run(rig);
	assert_true(rings(fd));
	worker_doorbell_disarm(rig->group);
	end();
}

static void trace(void *arg, uint32_t worker, enum dp_stage stage, struct rte_mbuf *const *frames,
	unsigned int n)
{
	unsigned int *seen = arg;

	assert_int_equal(worker, 0);
	for (unsigned int i = 0; i < n; i++)
		assert_non_null(frames[i]);
	seen[stage] += n;
}

static void test_trace_and_stage_figures(void **state)
{
	unsigned int seen[DP_STAGE_N] = {0};

	begin(1, 1, 0);
	put_sessions();
	worker_group_set_trace(rig->group, trace, seen);
	put_rtp(0, 0, 1);
	put_rtp(1, 0, 1);
	put_rtp(N_SESSIONS, 0, 1); /* no session */
	put_rtp(2, 0, 1);
	rig_run(rig);
	assert_int_equal(seen[DP_STAGE_CLASSIFY], 4);
	assert_int_equal(seen[DP_STAGE_LOOKUP], 3);
	assert_int_equal(seen[DP_STAGE_REWRITE], 3);
	assert_int_equal(rig->stats[0].stages[DP_STAGE_CLASSIFY].packets, 4);
	assert_int_equal(rig->stats[0].stages[DP_STAGE_LOOKUP].packets, 4);
	assert_int_equal(rig->stats[0].stages[DP_STAGE_GUARD].packets, 3);
	assert_int_equal(rig->stats[0].stages[DP_STAGE_TRANSMIT].packets, 3);
	assert_true(rig->stats[0].stages[DP_STAGE_GUARD].cycles > 0);
	end();
}

/* The real threads: all packets come through, idle workers sleep, stop ends all of them. */
static void test_threads(void **state)
{
	static const unsigned int lcores[] = {1, 2, 3};
	uint64_t deadline = clock_mono_ms() + DEADLINE_MS;
	uint32_t got = 0, want = 0;
	uint64_t asleep = 0;

	begin(3, 3, 0);
	put_sessions();
	assert_int_equal(worker_group_start(rig->group, lcores), 0);
	for (uint16_t seq = 1; seq <= 40; seq++) {
		for (uint32_t i = 0; i < N_SESSIONS; i++) {
			put_rtp(i, i % 2, seq);
			want++;
		}
		while (got < want && clock_mono_ms() < deadline)
			got += rig_discard(rig, 0) + rig_discard(rig, 1);
	}
	assert_int_equal(got, want);
	while (asleep == 0 && clock_mono_ms() < deadline)
		asleep = __atomic_load_n(&rig->stats[1].cycles_asleep, __ATOMIC_RELAXED);
	assert_true(asleep > 0);
	worker_group_stop(rig->group);
	for (unsigned int i = 0; i < 3; i++) {
		const struct dp_worker_stats *s = &rig->stats[i];
		assert_true(s->cycles_total >= s->cycles_busy + s->cycles_asleep);
		assert_true(s->cycles_busy > 0);
	}
	end();
}

/* The port once more, and now each of its bursts is a system call. */
static void make_costly(struct worker *w, uint8_t index)
{
	struct worker_msg msg = {.op = WORKER_PORT_DETACH,
		.port = {.index = index,
			.ethdev = w->ports[index].ethdev,
			.n_rxq = 1,
			.n_txq = 1,
			.mtu = 1500,
			.costly = true,
			.mac = {2, 0, 0, 0, 0, index}}};
	struct worker_msg attach = msg;

	assert_int_equal(rig_post(rig, 0, &msg), 0);
	attach.op = WORKER_PORT_ATTACH;
	assert_int_equal(rig_post(rig, 0, &attach), 0);
}

/* Where all ports are costly a worker rests after each turn with few packets, and says so. */
static void test_rests(void **state)
{
	static const unsigned int lcores[] = {1};
	uint64_t deadline = clock_mono_ms() + DEADLINE_MS;
	const unsigned int n = 40;

	begin(1, 1, 0);
	put_sessions();
	struct worker *w = rig->group->workers[0];
	assert_false(w->rests);
	make_costly(w, 0);
	assert_false(w->rests); /* nobody waits for the cheap one's sake */
	make_costly(w, 1);
	assert_true(w->rests);
	assert_int_equal(worker_group_start(rig->group, lcores), 0);
	for (uint16_t seq = 1; seq <= n; seq++) {
		unsigned int got = 0;
		put_rtp(0, 0, seq);
		while (got == 0 && clock_mono_ms() < deadline)
			got = rig_discard(rig, 0) + rig_discard(rig, 1);
		assert_int_equal(got, 1);
	}
	worker_group_stop(rig->group);
	const struct dp_worker_stats *s = &rig->stats[0];
	assert_true(s->sleeps >= n);
	assert_true(s->cycles_total >= s->cycles_busy + s->cycles_asleep);
	end();
}

/* ---- mail of workers that sleep ---- */

/* Posts and fetches until the message is back. */
static int round_trip(uint32_t worker, struct worker_msg *msg, uint64_t deadline)
{
	struct worker_msg *done = NULL;

	assert_int_equal(worker_post(rig->group, worker, msg), 0);
	while (worker_completions(rig->group, &done, 1) == 0)
		assert_true(clock_mono_ms() < deadline);
	assert_ptr_equal(done, msg);
	return msg->result;
}

static void test_mail_is_lent(void **state)
{
	struct worker_msg msg = {.op = WORKER_STREAM_UNLINK}, *done;
	int fd;

	begin(1, 1, 0);
	put_sessions();
	struct worker *w = rig->group->workers[0];
	fd = worker_doorbell_fd(rig->group);
	assert_int_equal(worker_post(rig->group, 0, &msg), 0);
	/* Not the control thread's as long as the worker is up, nor while it takes it back. */
	assert_int_equal(worker_completions(rig->group, &done, 1), 0);
	w->mail_hands = MAIL_TAKEN;
	assert_int_equal(worker_completions(rig->group, &done, 1), 0);
	w->mail_hands = MAIL_LENT;
	assert_int_equal(worker_completions(rig->group, &done, 1), 1);
	assert_ptr_equal(done, &msg);
	assert_int_equal(msg.result, 0);
	assert_int_equal(w->mail_hands, MAIL_LENT);
	w->mail_hands = MAIL_OWN;
	/* The worker does as was done for it, and rings for nothing. */
	assert_true(worker_doorbell_arm(rig->group));
	put_rtp(0, 0, 1);
	put_rtp(1, 0, 1);
	rig_run(rig);
	assert_false(rings(fd));
	worker_doorbell_disarm(rig->group);
	assert_int_equal(rig_drops(rig, DP_DROP_NO_STREAM), 1);
	assert_int_equal(rig->stats[0].relayed_packets, 1);
	end();
}

/* Threads that fall asleep and wake while mail comes: each message is done once, and in order. */
static void test_mail_of_sleepers(void **state)
{
	static const unsigned int lcores[] = {1, 2};
	uint64_t deadline = clock_mono_ms() + DEADLINE_MS, sleeps = 0;
	struct dp_session session[2] = {make_session(0), make_session(1)};
	struct worker_msg set[2], unlink = {.op = WORKER_STREAM_UNLINK};

	begin(2, 2, 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct stream_args args = {.session = &session[i], .tsc_hz = RIG_TSC_HZ};
		set[i] = (struct worker_msg){.op = WORKER_STREAM_SET, .set = {.slot = i}};
		assert_int_equal(stream_build(&args, &set[i].set.conf), 0);
	}
	assert_int_equal(worker_group_start(rig->group, lcores), 0);
	for (uint32_t n = 0; n < 3000 || sleeps < 20; n++) {
		uint32_t worker = n % 2;
		unlink.unlink.slot = worker;
		assert_int_equal(round_trip(worker, &set[worker], deadline), 0);
		assert_int_equal(round_trip(worker, &unlink, deadline), 0);
		assert_int_equal(round_trip(worker, &unlink, deadline), -ENOENT);
		sleeps = __atomic_load_n(&rig->stats[0].sleeps, __ATOMIC_RELAXED);
	}
	worker_group_stop(rig->group);
	end();
}

static int start(void **state)
{
	rig_eal("worker");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_number_of_workers),
		cmocka_unit_test(test_mail_results),
		cmocka_unit_test(test_mailbox_is_bounded),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_detach),
		cmocka_unit_test(test_inject),
		cmocka_unit_test(test_overload_of_hand_over),
		cmocka_unit_test(test_overload_of_transmit_hand_over),
		cmocka_unit_test(test_overload_of_ports_and_linux),
		cmocka_unit_test(test_doorbell),
		cmocka_unit_test(test_trace_and_stage_figures),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_rests),
		cmocka_unit_test(test_mail_is_lent),
		cmocka_unit_test(test_mail_of_sleepers),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
