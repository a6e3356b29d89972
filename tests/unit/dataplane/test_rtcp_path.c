/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTCP through a whole worker: what passes byte for byte, what is cut out, what ends here, how
 * often it may come, and what the rows of the streams know afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/stages/rtcp.h"
#include "dataplane/stages/rtp.h"
#include "tests/unit/dataplane/rig.h"

#include <rte_cycles.h>

#define A4	 "192.0.2.1"
#define A4_PHONE "198.51.100.7"
#define B4	 "203.0.113.1"
#define B4_PHONE "203.0.113.99"
#define A6	 "2001:db8:a::1"
#define A6_PHONE "2001:db8:a::7777"
#define SSRC_A	 0xaaaa0001u
#define SSRC_B	 0xbbbb0001u

enum { PORT_A, PORT_B };

static struct rig *rig;

static int set_up(void **state)
{
	struct rig_conf conf = {.n_workers = 1, .n_streams = RIG_SLOTS, .n_ports = 2};

	rig = rig_new(&conf);
	rig_addr(rig, 0, A4, 10000, 19999, PORT_A);
	rig_addr(rig, 1, B4, 20000, 29999, PORT_B);
	rig_addr(rig, 2, A6, 10000, 19999, PORT_A);
	return 0;
}

static int tear_down(void **state)
{
	rig_run(rig);
	rig_discard(rig, PORT_A);
	rig_discard(rig, PORT_B);
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0;
	rig_free(rig);
	return ok ? 0 : -1;
}

static void session(bool six, uint32_t flags_a, uint32_t flags_b)
{
	struct dp_session s = {.id = 7,
		.leg = {{.local = rig_ip(six ? A6 : A4, 10000),
				.remote_rtp = rig_ip(six ? A6_PHONE : A4_PHONE, 4000)},
			{.local = rig_ip(B4, 20000), .remote_rtp = rig_ip(B4_PHONE, 5000)}}};
	uint32_t flags[DP_LEGS] = {flags_a, flags_b};

	for (unsigned int i = 0; i < DP_LEGS; i++) {
		s.leg[i].flags = DP_LEG_SEND | DP_LEG_RECV | flags[i];
		s.leg[i].n_payloads = 1;
		s.leg[i].payloads[0] = (struct dp_payload){.pt = 0, .clock_hz = 8000};
	}
	assert_int_equal(rig_session(rig, 0, &s, six ? 2 : 0, 1, PORT_A, PORT_B, false), 0);
}

/* From a leg's far end to the box; rtcp: to the odd port. */
static void put(unsigned int leg, bool six, bool rtcp, const uint8_t *payload, uint32_t len)
{
	uint8_t bytes[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, (uint8_t)leg},
		.src = leg   ? B4_PHONE
		       : six ? A6_PHONE
			     : A4_PHONE,
		.dst = leg   ? B4
		       : six ? A6
			     : A4,
		.sport = (uint16_t)((leg ? 5000 : 4000) + rtcp),
		.dport = (uint16_t)((leg ? 20000 : 10000) + rtcp),
		.payload = payload,
		.payload_len = (uint16_t)len};

	rig_put(rig, (uint8_t)leg, bytes, rig_build(&f, bytes));
	rig_run(rig);
}

/* What left towards leg B is an IPv4 frame with exactly this payload; NULL: nothing left. */
static void expect_b(const uint8_t *payload, uint32_t len)
{
	uint8_t out[RIG_FRAME];
	uint32_t n = rig_get(rig, PORT_B, out);

	if (!payload) {
		assert_int_equal(n, 0);
		return;
	}
	assert_int_equal(n, 14 + 20 + 8 + len);
	assert_null(rig_checksums(out, n));
	assert_int_equal(rtp_be16(out + 16), 20 + 8 + len);
	assert_int_equal(rtp_be16(out + 38), 8 + len);
	assert_memory_equal(out + 42, payload, len);
}

#define RR8   0x80, 201, 0, 1, 1, 2, 3, 4
#define APP16 0x80, 204, 0, 3, 1, 2, 3, 4, 'n', 'a', 'm', 'e', 1, 2, 3, 4
#define BYE8  0x81, 203, 0, 1, 1, 2, 3, 4
/* RFC 4585 6.2.1, 6.3.1; RFC 5104 4.3.1; REMB; transport-wide feedback: their bytes are their own */
#define NACK16 0x81, 205, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 0x12, 0x34, 0x80, 0x01
#define PLI12  0x81, 206, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8
#define FIR20  0x84, 206, 0, 4, 1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8, 9, 0, 0, 0
#define REMB24 \
	0x8f, 206, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 1, 0x0b, 0x3f, 0x9a, 5, 6, 7, 8
#define TWCC20 0x8f, 205, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 0, 1, 0, 0, 7, 1

static const uint8_t feedback[] = {NACK16, PLI12, FIR20, REMB24, TWCC20};

/* Feedback passes as it is, alone (RFC 5506) or in a compound, with either policy and family. */
static void test_feedback(void **state)
{
	static const uint8_t compound[] = {RR8, NACK16, PLI12};

	for (unsigned int i = 0; i < 4; i++) {
		session(i & 1, i & 2 ? DP_LEG_RTCP_STRICT : 0, 0);
		put(0, i & 1, true, feedback, sizeof(feedback));
		expect_b(feedback, sizeof(feedback));
		put(0, i & 1, true, compound, sizeof(compound));
		expect_b(compound, sizeof(compound));
		assert_int_equal(tear_down(state), 0);
		set_up(state);
	}
}

static void test_strict(void **state)
{
	static const uint8_t in[] = {RR8, APP16, BYE8}, want[] = {RR8, BYE8};
	static const uint8_t app[] = {APP16};

	for (unsigned int i = 0; i < 4; i++) {
		bool six = i & 1, strict = i & 2;
		session(six, strict ? DP_LEG_RTCP_STRICT : 0, 0);
		put(0, six, true, in, sizeof(in));
		expect_b(strict ? want : in, strict ? sizeof(want) : sizeof(in));
		put(0, six, true, app, sizeof(app));
		expect_b(strict ? NULL : app, sizeof(app));
		assert_int_equal(rig_drops(rig, DP_DROP_RTCP_TYPE), strict);
		/* the policy is of the leg that it comes from */
		put(1, false, true, app, sizeof(app));
		assert_int_equal(rig_discard(rig, PORT_A), 1);
		assert_int_equal(tear_down(state), 0);
		set_up(state);
	}
}

/* Where the box reports by itself nothing passes in either direction, and all is read. */
static void test_own(void **state)
{
	static const uint8_t rr[] = {RR8};

	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		session(false, leg ? 0 : DP_LEG_RTCP_OWN, leg ? DP_LEG_RTCP_OWN : 0);
		put(0, false, true, rr, sizeof(rr));
		put(1, false, true, rr, sizeof(rr));
		expect_b(NULL, 0);
		assert_int_equal(rig_discard(rig, PORT_A), 0);
		assert_int_equal(rig_drops(rig, DP_DROP_RTCP_OWN), 2);
		for (unsigned int slot = 0; slot < 2; slot++) {
			assert_int_equal(rig->stream_rare[slot].rtcp_packets, 1);
			assert_int_equal(rig->stream_rare[slot].dropped, 0);
			assert_int_equal(rig->stream_rare[slot].quality.sender_ssrc, 0x01020304);
		}
		assert_int_equal(tear_down(state), 0);
		set_up(state);
	}
}

static void test_rate(void **state)
{
	static const uint8_t rr[] = {RR8};

	session(false, 0, 0);
	for (unsigned int i = 0; i < 2 * RTCP_BURST; i++)
		put(0, false, true, rr, sizeof(rr));
	uint64_t dropped = rig_drops(rig, DP_DROP_RTCP_RATE);
	assert_in_range(dropped, 1, RTCP_BURST); /* some tokens came back meanwhile */
	assert_int_equal(rig_discard(rig, PORT_B), 2 * RTCP_BURST - dropped);
	assert_int_equal(rig->stream_rare[0].dropped, dropped);
	/* the other direction has tokens of its own */
	put(1, false, true, rr, sizeof(rr));
	assert_int_equal(rig_discard(rig, PORT_A), 1);
}

/* A talks and reports, B answers: A's SR is what B's round trip is told by. */
static void test_round_trip(void **state)
{
	uint8_t sr[RTCP_SR_LEN] = {
		0x80, RTCP_SR, 0, 6, 0xaa, 0xaa, 0, 1, 1, 2, 0x33, 0x44, 0x55, 0x66, 7, 8};
	uint8_t rr[RTCP_RR_LEN + RTCP_BLOCK_LEN] = {0x81, RTCP_RR, 0, 7, 0xbb, 0xbb, 0, 1, 0xaa,
		0xaa, 0, 1, 64, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 80, 0x33, 0x44, 0x55, 0x66};
	uint8_t rtp[64];
	struct dp_stream_sum sum;

	session(false, 0, 0);
	put(0, false, false, rtp, rig_rtp(rtp, 0, 1, 160, SSRC_A, 20));
	put(0, false, true, sr, sizeof(sr));
	put(1, false, true, rr, sizeof(rr));
	stream_sum(&rig->stream_stats[1], &rig->stream_rare[1], rte_rdtsc(), RIG_TSC_HZ, &sum);
	assert_int_equal(sum.far.reports, 1);
	assert_int_equal(sum.far.fraction_lost, 64);
	assert_int_equal(sum.far.lost, 9);
	assert_int_equal(sum.far.jitter_us, 10000);
	assert_in_range(sum.far.rtt_us, 1, 1000000);
	assert_int_equal(sum.far.max_rtt_us, sum.far.rtt_us);
	/* of A nobody knows anything yet */
	stream_sum(&rig->stream_stats[0], &rig->stream_rare[0], rte_rdtsc(), RIG_TSC_HZ, &sum);
	assert_int_equal(sum.far.reports, 0);
	assert_int_equal(sum.far.rtt_us, 0);
}

static int report(uint32_t slot, bool bye)
{
	struct worker_msg msg = {.op = WORKER_REPORT,
		.report = {.slot = slot,
			.own_ssrc = 0x0b0b0b0b,
			.bye = bye,
			.ntp = UINT64_C(0x1111222233334444),
			.ntp_tsc = rte_rdtsc(),
			.cname = "ABCDEFGHIJKLMNOP",
			.frame = rte_pktmbuf_alloc(rig->pool)}};

	int ret = rig_post(rig, 0, &msg);
	assert_null(msg.report.frame); /* sent or freed */
	rig_run(rig);
	return ret;
}

/* A report of our own leaves by the leg's RTCP path with right checksums, and BYE with the last. */
static void test_own_report(void **state)
{
	uint8_t out[RIG_FRAME], rtp[64];

	assert_int_equal(report(0, false), -ENOENT); /* no such session */
	for (unsigned int mux = 0; mux < 2; mux++) {
		session(false, DP_LEG_RTCP_OWN,
			mux ? DP_LEG_RTCP_OWN | DP_LEG_RTCP_MUX : DP_LEG_RTCP_OWN);
		put(0, false, false, rtp, rig_rtp(rtp, 0, 1, 160, SSRC_A, 20));
		rig_discard(rig, PORT_B);
		/* to the far end of leg B, about what comes from there, which is nothing yet */
		assert_int_equal(report(1, mux), 0);
		uint32_t n = rig_get(rig, PORT_B, out);
		assert_true(n > 42);
		assert_null(rig_checksums(out, n));
		assert_int_equal(rtp_be16(out + 34), mux ? 20000 : 20001);
		assert_int_equal(rtp_be16(out + 36), mux ? 5000 : 5001);
		assert_true(rtcp_is_valid(out + 42, n - 42));
		assert_int_equal(out[42 + 1], RTCP_SR);
		assert_int_equal(rtp_be32(out + 42 + 4), SSRC_A); /* as which A is relayed */
		assert_int_equal(rtp_be32(out + 42 + 8), 0x11112222);
		assert_int_equal(rtp_be32(out + 42 + 20), 1); /* packets */
		assert_int_equal(rtp_be32(out + 42 + 24), 20);
		assert_int_equal(out[n - 7] == RTCP_BYE, mux);
		/* the far end answers it: its round trip is told */
		uint8_t rr[] = {0x81, RTCP_RR, 0, 7, 0xbb, 0xbb, 0, 1, 0xaa, 0xaa, 0, 1, 0, 0, 0, 0,
			0, 0, 0, 0, 0, 0, 0, 0, out[42 + 10], out[42 + 11], out[42 + 12],
			out[42 + 13], 0, 0, 0, 0};
		put(1, false, !mux, rr, sizeof(rr));
		assert_in_range(rig->stream_rare[1].quality.rtt_us, 1, 5000000);
		/* to A: nothing was sent, so it is an RR under a name of its own */
		assert_int_equal(report(0, false), 0);
		n = rig_get(rig, PORT_A, out);
		assert_int_equal(out[42 + 1], RTCP_RR);
		assert_int_equal(rtp_be32(out + 42 + 4), 0x0b0b0b0b);
		assert_int_equal(rtp_be32(out + 42 + 8), SSRC_A);
		assert_int_equal(tear_down(state), 0);
		set_up(state);
	}
	/* over IPv6 */
	session(true, DP_LEG_RTCP_OWN, 0);
	assert_int_equal(report(0, false), 0);
	uint32_t n = rig_get(rig, PORT_A, out);
	assert_null(rig_checksums(out, n));
	assert_true(rtcp_is_valid(out + 62, n - 62));
}

static int start(void **state)
{
	rig_eal("rtcp");
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_feedback),
		TEST(test_strict),
		TEST(test_own),
		TEST(test_rate),
		TEST(test_round_trip),
		TEST(test_own_report),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
