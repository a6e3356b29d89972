/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Light, heavy, light, for a packet worker: after ten seconds of twice what it can do, every
 * stream that fits is served again within one second, relayed and out of SRTP. The clock is the
 * test's: a worker has one turn, that is one burst, in the time of one packet of each stream, and
 * the receive queue of the port is as deep as the test says. (Media cores: test_mcore.c.)
 */
#include "tests/unit/dataplane/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define LIGHT	    24 /* of 32 that fit into a turn */
#define HEAVY	    64
#define STEPS_PER_S 50
#define QUEUE	    256 /* frames */
#define PORT_FIRST  10000
#define PAYLOAD	    20

static struct rig *rig;
static struct srtp_engine *engine;
static struct {
	struct srtp_ctx *ctx;
	struct dp_srtp_flow flow;
	uint16_t seq;
	uint32_t n_out;
} streams[HEAVY];
static uint32_t n_lost; /* for want of room in the queue */

static struct dp_srtp key_of(unsigned int i)
{
	struct dp_srtp key = {.suite = DP_SRTP_GCM_128};

	memset(key.key, (int)i + 1, 28);
	return key;
}

static void session_new(unsigned int i, bool sealed)
{
	struct dp_session s = {.id = i + 1};

	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		s.leg[leg] = (struct dp_leg){.local = rig_ip(leg ? "10.3.0.1" : "10.2.0.1",
						     (uint16_t)(PORT_FIRST + 2 * i)),
			.remote_rtp = rig_ip(
				leg ? "172.16.0.1" : "10.1.0.1", (uint16_t)(20000 + 2 * i)),
			.flags = DP_LEG_SEND | DP_LEG_RECV,
			.n_payloads = 1,
			.payloads = {{.pt = 0, .clock_hz = 8000}}};
	if (sealed) {
		s.leg[0].rx = s.leg[0].tx = key_of(i);
		assert_int_equal(srtp_ctx_new(engine, &s.leg[0].rx, &streams[i].ctx), 0);
	}
	assert_int_equal(rig_session(rig, 2 * i, &s, 0, 1, 0, 1, false), 0);
}

/* The next packet of a stream comes to the port; it is lost when the queue is full. */
static void talk(unsigned int i)
{
	uint8_t rtp[64], bytes[RIG_FRAME];
	uint16_t seq = streams[i].seq++;
	struct rig_frame f = {.src = "10.1.0.1",
		.dst = "10.2.0.1",
		.sport = (uint16_t)(20000 + 2 * i),
		.dport = (uint16_t)(PORT_FIRST + 2 * i),
		.payload = rtp};

	memcpy(f.dst_mac, rig->mac[0], 6);
	f.payload_len = rig_rtp(rtp, 0, seq, seq * 160u, 0x1000 + i, PAYLOAD);
	if (streams[i].ctx) {
		struct srtp_pkt p = {.data = rtp,
			.len = f.payload_len,
			.ctx = streams[i].ctx,
			.flow = &streams[i].flow};
		srtp_seal(engine, &p, 1);
		assert_int_equal(p.result, SRTP_OK);
		f.payload_len = (uint16_t)p.len;
	}
	if (rte_ring_count(rig->rx[0]) < QUEUE)
		rig_put(rig, 0, bytes, rig_build(&f, bytes));
	else
		n_lost++;
}

/* n streams talk for so long; what comes out is counted by stream. */
static void seconds(unsigned int n, unsigned int s)
{
	uint8_t bytes[RIG_FRAME];
	uint32_t len;

	n_lost = 0;
	for (unsigned int i = 0; i < HEAVY; i++)
		streams[i].n_out = 0;
	for (unsigned int step = 0; step < s * STEPS_PER_S; step++) {
		/* those that go on afterwards come last, where the queue is full */
		for (unsigned int i = n; i-- > 0;)
			talk(i);
		rig->now_tsc += RIG_TSC_HZ / STEPS_PER_S;
		worker_turn_at(rig->group, 0, rig->now_tsc);
		while ((len = rig_get(rig, 1, bytes)) > 0) {
			unsigned int i = (unsigned int)((bytes[34] << 8 | bytes[35]) - PORT_FIRST) /
					 2;
			assert_true(i < HEAVY);
			assert_null(rig_checksums(bytes, len));
			streams[i].n_out++;
		}
	}
}

static void light_heavy_light(bool sealed)
{
	struct rig_conf conf = {
		.n_workers = 1, .n_streams = 2 * HEAVY, .n_ports = 2, .n_mbufs = 2047};
	struct srtp_choice choice;

	memset(streams, 0, sizeof(streams));
	assert_int_equal(srtp_choose(&choice), 0);
	assert_int_equal(srtp_engine_new(&choice, &engine), 0);
	conf.srtp = choice;
	rig = rig_new(&conf);
	rig->now_tsc = RIG_TSC_HZ;
	rig_addr(rig, 0, "10.2.0.1", PORT_FIRST, PORT_FIRST + 2 * HEAVY, 0);
	rig_addr(rig, 1, "10.3.0.1", PORT_FIRST, PORT_FIRST + 2 * HEAVY, 1);
	for (unsigned int i = 0; i < HEAVY; i++)
		session_new(i, sealed);

	seconds(LIGHT, 1);
	for (unsigned int i = 0; i < LIGHT; i++)
		assert_int_equal(streams[i].n_out, STEPS_PER_S);

	seconds(HEAVY, 10);
	uint32_t n_out = 0;
	for (unsigned int i = 0; i < HEAVY; i++)
		n_out += streams[i].n_out;
	/* it does what it can, and no more */
	assert_int_equal(n_out, 10 * STEPS_PER_S * WORKER_BURST);
	assert_true(n_lost > 9 * STEPS_PER_S * WORKER_BURST);

	seconds(LIGHT, 1); /* within this second */
	seconds(LIGHT, 1);
	assert_int_equal(n_lost, 0);
	for (unsigned int i = 0; i < LIGHT; i++)
		assert_int_equal(streams[i].n_out, STEPS_PER_S);
	for (unsigned int i = 0; i < DP_DROP_N; i++)
		assert_int_equal(rig_drops(rig, (enum dp_drop)i), 0);
	assert_int_equal(rig_balance(rig), 0);
	rig_free(rig);
	for (unsigned int i = 0; i < HEAVY; i++)
		srtp_ctx_free(streams[i].ctx);
	srtp_engine_free(engine);
}

static void test_relay(void **state)
{
	light_heavy_light(false);
}

static void test_srtp(void **state)
{
	light_heavy_light(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_srtp),
	};
	rig_eal("overload");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
