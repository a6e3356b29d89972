/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Learning of sources: who may teach a stream, what the control thread is told, and attacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dataplane/rig.h"

#define LOCAL	 "192.0.2.1"
#define PHONE	 "198.51.100.7"
#define ATTACKER "198.51.100.66"
#define FAR	 "203.0.113.99"
#define N_MANY	 (WORKER_EVENTS + 100)
#define SSRC	 0x1001

static struct rig *rig;

static int set_up(void **state)
{
	struct rig_conf conf = {.n_workers = 1, .n_streams = 2 * N_MANY, .n_ports = 2};

	rig = rig_new(&conf);
	rig_addr(rig, 0, LOCAL, 10000, 19999, 0);
	rig_addr(rig, 1, "203.0.113.1", 20000, 29999, 1);
	rig_addr(rig, 2, "2001:db8::1", 10000, 19999, 0);
	return 0;
}

static int tear_down(void **state)
{
	rig_run(rig);
	rig_discard(rig, 0);
	rig_discard(rig, 1);
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0;
	rig_free(rig);
	return ok ? 0 : -1;
}

static struct dp_session make_session(uint32_t slot, uint32_t flags)
{
	struct dp_session session = {.id = 1 + slot,
		.leg = {{.local = rig_ip(LOCAL, (uint16_t)(10000 + slot)),
				.remote_rtp = rig_ip("198.51.100.250", 4000),
				.flags = DP_LEG_SEND | DP_LEG_RECV | DP_LEG_LATCH | flags},
			{.local = rig_ip("203.0.113.1", (uint16_t)(20000 + slot)),
				.remote_rtp = rig_ip(FAR, 5000),
				.flags = DP_LEG_SEND | DP_LEG_RECV}}};

	for (unsigned int i = 0; i < DP_LEGS; i++) {
		session.leg[i].n_payloads = 1;
		session.leg[i].payloads[0] = (struct dp_payload){.pt = 0, .clock_hz = 8000};
	}
	return session;
}

static void put_session(const struct dp_session *session, uint32_t slot, bool relearn)
{
	uint8_t addr_a = session->leg[0].local.family == 4 ? 0 : 2;

	assert_int_equal(rig_session(rig, slot, session, addr_a, 1, 0, 1, relearn), 0);
}

static uint16_t next_seq;

/* One packet to the stream of slot; how many frames came out. */
static uint32_t send_as(const char *src, uint16_t sport, uint32_t slot, uint8_t pt)
{
	uint8_t rtp[64], p[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, 0},
		.src = src,
		.dst = strchr(src, ':') ? "2001:db8::1" : LOCAL,
		.sport = sport,
		.dport = (uint16_t)(10000 + slot),
		.payload = rtp};

	next_seq++;
	f.payload_len = rig_rtp(rtp, pt, next_seq, next_seq * 160u, SSRC, 20);
	rig_put(rig, 0, p, rig_build(&f, p));
	rig_run(rig);
	return rig_discard(rig, 1);
}

static uint32_t send_rtcp(const char *src, uint16_t sport, uint16_t dport)
{
	static const uint8_t rr[] = {0x80, 201, 0, 1, 1, 2, 3, 4};
	uint8_t p[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, 0},
		.src = src,
		.dst = LOCAL,
		.sport = sport,
		.dport = dport,
		.payload = rr,
		.payload_len = sizeof(rr)};

	rig_put(rig, 0, p, rig_build(&f, p));
	rig_run(rig);
	return rig_discard(rig, 1);
}

static void expect_event(uint32_t slot, uint32_t kind, const char *ip, uint16_t port)
{
	struct worker_event event;
	struct ipaddr want = rig_ip(ip, port);

	assert_int_equal(worker_events(rig->group, &event, 1), 1);
	assert_int_equal(event.slot, slot);
	assert_int_equal(event.epoch, slot + 1000);
	assert_int_equal(event.kind, kind);
	assert_memory_equal(&event.learned, &want, sizeof(want));
}

static void expect_silence(void)
{
	struct worker_event event;

	assert_int_equal(worker_events(rig->group, &event, 1), 0);
}

/* An offer is out, no answer is in: one source is heard, and then the answer's counts. */
static void test_early(void **state)
{
	struct dp_session session = make_session(0, 0);
	struct dp_leg *leg = &session.leg[0];

	leg->flags = DP_LEG_RECV;
	leg->remote_rtp = (struct ipaddr){0};
	put_session(&session, 0, false);
	assert_int_equal(send_as(PHONE, 40000, 0, 0), 0); /* without the flag nobody is heard */
	leg->flags |= DP_LEG_EARLY;
	put_session(&session, 0, false);
	assert_int_equal(send_as(PHONE, 40000, 0, 9), 0); /* not what was offered */
	assert_int_equal(send_as(PHONE, 40000, 0, 0), 1);
	assert_int_equal(send_as(ATTACKER, 40000, 0, 0), 0);
	assert_int_equal(send_as(PHONE, 40000, 0, 0), 1);

	leg->flags |= DP_LEG_SEND;
	leg->remote_rtp = rig_ip(ATTACKER, 40000);
	put_session(&session, 0, true);
	assert_int_equal(send_as(PHONE, 40000, 0, 0), 0);
	assert_int_equal(send_as(ATTACKER, 40000, 0, 0), 1);
}

static void test_first_valid_source(void **state)
{
	struct dp_session session = make_session(0, 0);

	put_session(&session, 0, false);
	assert_int_equal(send_as(PHONE, 40000, 0, 0), 1);
	expect_event(0, STREAM_RTP, PHONE, 40000);
	assert_int_equal(send_as(PHONE, 40000, 0, 0), 1);
	expect_silence();
	/* now only that one: not another address, not another port, not even the configured one */
	assert_int_equal(send_as(ATTACKER, 40000, 0, 0), 0);
	assert_int_equal(send_as(PHONE, 40002, 0, 0), 0);
	assert_int_equal(send_as("198.51.100.250", 4000, 0, 0), 0);
	assert_int_equal(rig_drops(rig, DP_DROP_SOURCE), 3);
	assert_int_equal(send_as(PHONE, 40000, 0, 0), 1);
	expect_silence();
}

static void test_invalid_packets_teach_nothing(void **state)
{
	struct dp_session session = make_session(0, 0);
	uint8_t p[RIG_FRAME], junk[40] = {0};
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, 0},
		.src = ATTACKER,
		.dst = LOCAL,
		.sport = 1,
		.dport = 10000,
		.payload = junk,
		.payload_len = sizeof(junk)};

	put_session(&session, 0, false);
	rig_put(rig, 0, p, rig_build(&f, p));
	rig_run(rig);
	assert_int_equal(rig_drops(rig, DP_DROP_NOT_RTP), 1);
	assert_int_equal(send_as(ATTACKER, 2, 0, 96), 0);
	assert_int_equal(rig_drops(rig, DP_DROP_PAYLOAD_TYPE), 1);
	session.leg[0].flags &= ~(uint32_t)DP_LEG_RECV;
	put_session(&session, 0, false);
	assert_int_equal(send_as(ATTACKER, 3, 0, 0), 0);
	assert_int_equal(rig_drops(rig, DP_DROP_DIRECTION), 1);
	expect_silence();
	session.leg[0].flags |= DP_LEG_RECV;
	put_session(&session, 0, false);
	assert_int_equal(send_as(PHONE, 40000, 0, 0), 1);
	expect_event(0, STREAM_RTP, PHONE, 40000);
}

static void test_modify(void **state)
{
	struct dp_session session = make_session(0, 0);

	put_session(&session, 0, false);
	send_as(PHONE, 40000, 0, 0);
	expect_event(0, STREAM_RTP, PHONE, 40000);
	session.leg[0].flags &= ~(
		uint32_t)DP_LEG_SEND; /* something else changes: nothing is forgotten */
	put_session(&session, 0, false);
	assert_int_equal(send_as(ATTACKER, 1, 0, 0), 0);
	assert_int_equal(send_as(PHONE, 40000, 0, 0), 1);
	expect_silence();
	put_session(&session, 0, true); /* the remote changed: once more */
	assert_int_equal(send_as(PHONE, 50000, 0, 0), 1);
	expect_event(0, STREAM_RTP, PHONE, 50000);
	assert_int_equal(send_as(PHONE, 40000, 0, 0), 0);
	session.leg[0].flags &= ~(uint32_t)DP_LEG_LATCH; /* as configured, from now on */
	put_session(&session, 0, false);
	assert_int_equal(send_as(PHONE, 50000, 0, 0), 0);
	assert_int_equal(send_as("198.51.100.250", 4000, 0, 0), 1);
	expect_silence();
	assert_int_equal(rig->stream_stats[0].rx_packets, 4);
}

static void test_no_remote_and_no_latch(void **state)
{
	struct dp_session session = make_session(0, 0);

	session.leg[0].flags &= ~(uint32_t)DP_LEG_LATCH;
	session.leg[0].remote_rtp.family = 0;
	memset(&session.leg[0].remote_rtp, 0, sizeof(session.leg[0].remote_rtp));
	put_session(&session, 0, false);
	assert_int_equal(send_as(PHONE, 40000, 0, 0), 0);
	assert_int_equal(send_as("0.0.0.0", 0, 0, 0), 0); /* what an unset address looks like */
	assert_int_equal(rig_drops(rig, DP_DROP_SOURCE), 2);
}

static void test_rtcp(void **state)
{
	struct dp_session session = make_session(0, 0);

	put_session(&session, 0, false);
	assert_int_equal(send_rtcp(ATTACKER, 40001, 10001), 0); /* before RTP: nobody */
	assert_int_equal(send_rtcp(PHONE, 40001, 10001), 0);
	send_as(PHONE, 40000, 0, 0);
	expect_event(0, STREAM_RTP, PHONE, 40000);
	assert_int_equal(send_rtcp(ATTACKER, 40001, 10001), 0);
	expect_silence();
	assert_int_equal(send_rtcp(PHONE, 40007, 10001), 1);
	expect_event(0, STREAM_RTCP, PHONE, 40007);
	assert_int_equal(send_rtcp(PHONE, 40001, 10001), 0);
	assert_int_equal(send_rtcp(PHONE, 40007, 10001), 1);
	expect_silence();
	assert_int_equal(rig_drops(rig, DP_DROP_SOURCE), 4);
}

static void test_rtcp_muxed(void **state)
{
	struct dp_session session = make_session(0, DP_LEG_RTCP_MUX);

	put_session(&session, 0, false);
	assert_int_equal(send_rtcp(PHONE, 40000, 10000), 0); /* RTCP alone teaches nothing */
	send_as(PHONE, 40000, 0, 0);
	expect_event(0, STREAM_RTP, PHONE, 40000);
	assert_int_equal(send_rtcp(PHONE, 40000, 10000), 1);
	assert_int_equal(send_rtcp(PHONE, 40001, 10000), 0);
	expect_silence();
}

static void test_ipv6(void **state)
{
	struct dp_session session = make_session(0, 0);

	session.leg[0].local = rig_ip("2001:db8::1", 10000);
	session.leg[0].remote_rtp = (struct ipaddr){0};
	put_session(&session, 0, false);
	assert_int_equal(send_as("2001:db8::7", 40000, 0, 0), 1);
	expect_event(0, STREAM_RTP, "2001:db8::7", 40000);
	assert_int_equal(send_as("2001:db8::8", 40000, 0, 0), 0);
	assert_int_equal(send_as("2001:db8::7", 40000, 0, 0), 1);
}

static void test_final_counters_name_the_source(void **state)
{
	struct dp_session session = make_session(0, 0);
	struct worker_msg msg = {.op = WORKER_STREAM_UNLINK};
	struct ipaddr want = rig_ip(PHONE, 40000);

	put_session(&session, 0, false);
	send_as(PHONE, 40000, 0, 0);
	send_as(ATTACKER, 40000, 0, 0);
	assert_int_equal(rig_post(rig, 0, &msg), 0);
	assert_memory_equal(&msg.unlink.learned[STREAM_RTP], &want, sizeof(want));
	assert_int_equal(msg.unlink.stats.rx_packets, 1);
	assert_int_equal(msg.unlink.rare.dropped, 1);
	assert_int_equal(rig->stream_stats[0].rx_packets, 0);
	assert_int_equal(send_as(PHONE, 40000, 0, 0), 0);
	assert_int_equal(rig_drops(rig, DP_DROP_NO_STREAM), 1);
	assert_int_equal(rig_post(rig, 0, &msg), -2 /* ENOENT */);
}

/* News that finds the ring full is told later; the media flows meanwhile. */
static void test_event_ring_full(void **state)
{
	static struct worker_event events[N_MANY];
	bool told[2 * N_MANY] = {0};
	unsigned int n, total = 0;

	for (uint32_t slot = 0; slot < 2 * N_MANY; slot += 2) {
		struct dp_session session = make_session(slot, 0);
		put_session(&session, slot, false);
		assert_int_equal(send_as(PHONE, 40000, slot, 0), 1);
	}
	assert_int_equal(rig->stats[0].events_late, 100);
	for (int round = 0; round < 2; round++) {
		while ((n = worker_events(rig->group, events, N_MANY)) > 0) {
			for (unsigned int i = 0; i < n; i++) {
				assert_false(told[events[i].slot]);
				told[events[i].slot] = true;
			}
			total += n;
		}
		assert_int_equal(total, round ? N_MANY : WORKER_EVENTS);
		for (uint32_t slot = 0; slot < 2 * N_MANY; slot += 2)
			assert_int_equal(send_as(PHONE, 40000, slot, 0), 1);
	}
	expect_silence();
}

static int start(void **state)
{
	rig_eal("latch");
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_early),
		TEST(test_first_valid_source),
		TEST(test_invalid_packets_teach_nothing),
		TEST(test_modify),
		TEST(test_no_remote_and_no_latch),
		TEST(test_rtcp),
		TEST(test_rtcp_muxed),
		TEST(test_ipv6),
		TEST(test_final_counters_name_the_source),
		TEST(test_event_ring_full),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
