/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Limits on a worker: what goes up to Linux, by class and source, and what a leg may send. Each
 * packet is counted at one named exit, and media never feels it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dataplane/rig.h"

#include <rte_cycles.h>

#define A4	 "192.0.2.1"
#define A4_PHONE "198.51.100.7"
#define B4	 "203.0.113.1"
#define B4_PHONE "203.0.113.99"
#define LIMIT	 100

static struct rig *rig;

static int set_up(void **state)
{
	struct rig_conf conf = {.n_workers = 1, .n_streams = RIG_SLOTS, .n_ports = 2};

	rig = rig_new(&conf);
	rig_addr(rig, 0, A4, 10000, 19999, 0);
	rig_addr(rig, 1, B4, 20000, 29999, 1);
	return 0;
}

static void take_punts(void)
{
	struct rte_mbuf *frames[64];
	unsigned int n;

	while ((n = worker_punts(rig->group, frames, 64)) > 0)
		rte_pktmbuf_free_bulk(frames, n);
}

static int tear_down(void **state)
{
	rig_run(rig);
	rig_discard(rig, 0);
	rig_discard(rig, 1);
	take_punts();
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0;
	rig_free(rig);
	return ok ? 0 : -1;
}

static void put_udp(const char *src, uint16_t dport, const uint8_t *payload, uint16_t len)
{
	uint8_t bytes[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2},
		.src = src,
		.dst = A4,
		.sport = 4000,
		.dport = dport,
		.payload = payload,
		.payload_len = len};

	rig_put(rig, 0, bytes, rig_build(&f, bytes));
	rig_run(rig);
}

/* A session of PCMU between the phones. */
static void put_session(uint16_t max_pps)
{
	struct dp_session s = {.id = 7, .call_id = 7};

	for (unsigned int i = 0; i < DP_LEGS; i++)
		s.leg[i] = (struct dp_leg){.local = rig_ip(i ? B4 : A4, i ? 20000 : 10000),
			.remote_rtp = rig_ip(i ? B4_PHONE : A4_PHONE, i ? 5000 : 4000),
			.flags = DP_LEG_SEND | DP_LEG_RECV,
			.max_pps = i ? 0 : max_pps,
			.n_payloads = 1,
			.payloads = {{.pt = 0, .clock_hz = 8000}}};
	assert_int_equal(rig_session(rig, 0, &s, 0, 1, 0, 1, false), 0);
}

static void put_rtp(uint16_t seq)
{
	uint8_t rtp[256];
	uint16_t len = rig_rtp(rtp, 0, seq, seq * 160u, 0xcafe, 160);

	put_udp(A4_PHONE, 10000, rtp, len);
}

static const struct {
	enum dp_police_class class;
	enum dp_drop drop;
	uint16_t type;	  /* EtherType, and when it is IPv4: */
	uint8_t at[3][2]; /* what differs from UDP to port 0: offset and value */
} classes[] = {
	{DP_POLICE_ARP, DP_DROP_POLICE_ARP, 0x0806, {{0}}},
	{DP_POLICE_ICMP, DP_DROP_POLICE_ICMP, 0x0800, {{23, 1}}},
	{DP_POLICE_SIP_UDP, DP_DROP_POLICE_SIP_UDP, 0x0800, {{36, 0x13}, {37, 0xc4}}},
	{DP_POLICE_SIP_TCP, DP_DROP_POLICE_SIP_TCP, 0x0800, {{23, 6}, {36, 0x13}, {37, 0xc4}}},
	{DP_POLICE_MANAGEMENT, DP_DROP_POLICE_MANAGEMENT, 0x0800, {{23, 6}, {37, 22}}},
	{DP_POLICE_ROUTING, DP_DROP_POLICE_ROUTING, 0x0800, {{23, 89}}},
	{DP_POLICE_TCP_NEW, DP_DROP_POLICE_TCP_NEW, 0x0800, {{23, 6}, {47, 2}}},
	{DP_POLICE_OTHER, DP_DROP_POLICE_OTHER, 0x88cc, {{0}}},
};

static void put_class(unsigned int i, uint8_t host)
{
	uint8_t f[60] = {[0] = 2, [11] = host, [14] = 0x45, [23] = 17, [29] = host};

	f[12] = (uint8_t)(classes[i].type >> 8);
	f[13] = (uint8_t)classes[i].type;
	for (unsigned int k = 0; k < 3; k++)
		if (classes[i].at[k][0])
			f[classes[i].at[k][0]] = classes[i].at[k][1];
	rig_put(rig, 0, f, sizeof(f));
	rig_run(rig);
}

/* Each class has its own limit and its own counter; the others and media do not feel it. */
static void test_each_class(void **state)
{
	struct dp_worker_stats before, after;
	struct dp_police conf = {.n_sip_ports = 1, .sip_ports = {5060}};
	uint16_t seq = 0;

	assert_int_equal(sizeof(classes) / sizeof(classes[0]), DP_POLICE_N);
	put_session(0);
	for (unsigned int i = 0; i < DP_POLICE_N; i++) {
		memset(conf.class, 0, sizeof(conf.class));
		conf.class[i].rate = 1; /* and a burst of 64 */
		rig_police(rig, &conf);
		rig_totals(rig, &before);
		for (unsigned int k = 0; k < 200; k++) {
			put_class(i, (uint8_t)k);
			put_rtp(++seq);
		}
		put_class((i + 1) % DP_POLICE_N, 1);
		rig_totals(rig, &after);
		uint64_t dropped = after.drops[classes[i].drop] - before.drops[classes[i].drop];
		/* time is real here: one more may pass for each second that this takes */
		assert_in_range(dropped, 200 - 64 - 20, 200 - 64);
		assert_int_equal(after.punted_packets - before.punted_packets, 201 - dropped);
		assert_int_equal(after.relayed_packets - before.relayed_packets, 200);
		take_punts();
	}
}

static void test_source(void **state)
{
	struct dp_police conf = {.n_sip_ports = 1, .sip_ports = {5060}};

	conf.class[DP_POLICE_SIP_UDP].source_rate = 1;
	rig_police(rig, &conf);
	for (unsigned int k = 0; k < 200; k++)
		put_class(2, 1);
	assert_in_range(rig_drops(rig, DP_DROP_POLICE_SOURCE), 200 - 64 - 20, 200 - 64);
	uint64_t dropped = rig_drops(rig, DP_DROP_POLICE_SOURCE);
	put_class(2, 2);
	assert_int_equal(rig_drops(rig, DP_DROP_POLICE_SOURCE), dropped);
}

/* Without a word from limen-control there are limits, and a storm of ARP meets them. */
static void test_defaults(void **state)
{
	for (unsigned int k = 0; k < 1000; k++)
		put_class(0, 1);
	assert_in_range(rig_drops(rig, DP_DROP_POLICE_SOURCE), 1, 1000 - 64);
}

/* What may pass in any second, when more than a second may have gone by. */
static void assert_limited(uint64_t passed, uint16_t limit, uint64_t t0)
{
	uint64_t seconds = (rte_rdtsc() - t0) / RIG_TSC_HZ + 1;

	assert_in_range(passed, limit, limit * seconds);
}

static void test_rtp_limit(void **state)
{
	uint16_t seq = 0;
	struct dp_stream_sum sum;
	uint64_t t0 = rte_rdtsc();

	put_session(LIMIT);
	for (unsigned int i = 0; i < 3 * LIMIT; i++)
		put_rtp(++seq);
	uint64_t dropped = rig_drops(rig, DP_DROP_RATE);
	assert_limited(3 * LIMIT - dropped, LIMIT, t0);
	assert_int_equal(rig_discard(rig, 1), 3 * LIMIT - dropped);
	stream_sum(&rig->stream_stats[0], &rig->stream_rare[0], 0, RIG_TSC_HZ, &sum);
	assert_int_equal(sum.rx_packets, 3 * LIMIT - dropped);
	assert_int_equal(sum.dropped, dropped);
	/* From elsewhere they are no packets of this stream at all. */
	put_udp("198.51.100.8", 10000, (const uint8_t *)"xxxxxxxxxxxx", 12);
	assert_int_equal(rig_drops(rig, DP_DROP_RATE), dropped);
	assert_int_equal(rig_drops(rig, DP_DROP_SOURCE), 1);
	/* Another limit begins at once. */
	t0 = rte_rdtsc();
	put_session(LIMIT / 2);
	for (unsigned int i = 0; i < LIMIT; i++)
		put_rtp(++seq);
	assert_limited(rig_discard(rig, 1), LIMIT / 2, t0);
	put_session(0);
	for (unsigned int i = 0; i < 3 * LIMIT; i++)
		put_rtp(++seq);
	assert_int_equal(rig_discard(rig, 1), 3 * LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_class),
		TEST(test_source),
		TEST(test_defaults),
		TEST(test_rtp_limit),
	};

	rig_eal("lim");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
