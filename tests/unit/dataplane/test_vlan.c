/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sub-interfaces on one worker: a tagged frame is one of its VLAN, what leaves there is tagged
 * with the priority of its DSCP, and what has no place is counted.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dataplane/rig.h"

#define A4	 "192.0.2.1"
#define A4_PHONE "198.51.100.7"
#define B4	 "203.0.113.1"
#define B4_PHONE "203.0.113.99"

enum { PORT_A, PORT_B, SUB_100, SUB_200 };

static struct rig *rig;
static const uint8_t none[1];

static int sub_attach(uint8_t index, uint16_t vlan, uint16_t mtu, enum worker_op op)
{
	struct worker_msg msg = {.op = op,
		.port = {.index = index,
			.ethdev = rig->ethdev[PORT_A],
			.n_txq = rig->conf.n_txq,
			.mtu = mtu,
			.vlan = vlan,
			.parent = PORT_A}};

	for (unsigned int i = 0; i < 64; i++)
		msg.port.pcp[i] = (uint8_t)(i >> 3);
	msg.port.pcp[46] = 6;
	memcpy(msg.port.mac, rig->mac[PORT_A], 6);
	if (index < RIG_PORTS)
		memcpy(rig->mac[index], rig->mac[PORT_A], 6);
	return rig_post(rig, 0, &msg);
}

static int set_up(void **state)
{
	struct rig_conf conf = {.n_workers = 1, .n_streams = RIG_SLOTS, .n_ports = 2};

	rig = rig_new(&conf);
	assert_int_equal(sub_attach(SUB_100, 100, 1500, WORKER_PORT_ATTACH), 0);
	assert_int_equal(sub_attach(SUB_200, 200, 1500, WORKER_PORT_ATTACH), 0);
	rig_addr(rig, 0, A4, 10000, 19999, SUB_100);
	rig_addr(rig, 1, B4, 20000, 29999, PORT_B);
	struct dp_session s = {.id = 7, .call_id = 7};
	for (unsigned int i = 0; i < DP_LEGS; i++)
		s.leg[i] = (struct dp_leg){.local = rig_ip(i ? B4 : A4, i ? 20000 : 10000),
			.remote_rtp = rig_ip(i ? B4_PHONE : A4_PHONE, i ? 5000 : 4000),
			.flags = DP_LEG_SEND | DP_LEG_RECV,
			.dscp = 46,
			.n_payloads = 1,
			.payloads = {{.pt = 0, .clock_hz = 8000}}};
	assert_int_equal(rig_session(rig, 0, &s, 0, 1, SUB_100, PORT_B, false), 0);
	return 0;
}

static unsigned int take_punts(uint16_t port)
{
	struct rte_mbuf *frames[64];
	unsigned int n, total = 0;

	while ((n = worker_punts(rig->group, frames, 64)) > 0) {
		for (unsigned int i = 0; i < n; i++)
			total += frames[i]->port == port;
		rte_pktmbuf_free_bulk(frames, n);
	}
	return total;
}

static int tear_down(void **state)
{
	rig_run(rig);
	rig_discard(rig, PORT_A);
	rig_discard(rig, PORT_B);
	take_punts(0);
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0;
	rig_free(rig);
	return ok ? 0 : -1;
}

/* RTP of one side's phone, with tags in front of its EtherType. */
static uint32_t build(bool from_b, uint16_t seq, const uint8_t *tags, unsigned int n_tags,
	uint16_t payload, uint8_t *ret)
{
	uint8_t rtp[1500], plain[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, from_b ? PORT_B : PORT_A},
		.src = from_b ? B4_PHONE : A4_PHONE,
		.dst = from_b ? B4 : A4,
		.sport = from_b ? 5000 : 4000,
		.dport = from_b ? 20000 : 10000,
		.payload = rtp};

	f.payload_len = rig_rtp(rtp, 0, seq, seq * 160u, 0xcafe, payload);
	uint32_t len = rig_build(&f, plain);
	memcpy(ret, plain, 12);
	memcpy(ret + 12, tags, n_tags * 4);
	memcpy(ret + 12 + n_tags * 4, plain + 12, len - 12);
	return len + n_tags * 4;
}

static void put(const uint8_t *bytes, uint32_t len, uint8_t port)
{
	rig_put(rig, port, bytes, len);
	rig_run(rig);
}

/* Takes the tag off a frame that left; returns it. */
static uint32_t untag(uint8_t *bytes, uint32_t *len)
{
	uint32_t tag = (uint32_t)bytes[12] << 24 | (uint32_t)bytes[13] << 16 |
		       (uint32_t)bytes[14] << 8 | bytes[15];

	memmove(bytes + 12, bytes + 16, *len - 16);
	*len -= 4;
	return tag;
}

static void test_media(void **state)
{
	uint8_t in[RIG_FRAME], out[RIG_FRAME];
	uint32_t len;

	for (uint16_t seq = 1; seq < 4; seq++) { /* the slow way, then the fast one */
		/* priority bits of what comes do not matter */
		len = build(false, seq, (const uint8_t *)"\x81\x00\xe0\x64", 1, 160, in);
		put(in, len, PORT_A);
		assert_int_equal(rig_get(rig, PORT_B, out), len - 4);
		assert_null(rig_checksums(out, len - 4));
		assert_memory_equal(out + 42, in + 46, 172);
		len = build(true, seq, none, 0, 160, in);
		put(in, len, PORT_B);
		uint32_t got = rig_get(rig, PORT_A, out);
		assert_int_equal(got, len + 4);
		assert_int_equal(untag(out, &got), 0x81000000u | 6u << 13 | 100);
		assert_null(rig_checksums(out, got));
		assert_memory_equal(
			out, "\x02\x00\x00\x00\x01\x02\x02\x00\x00\x00\x00\x00\x08\x00", 14);
		assert_memory_equal(out + 42, in + 42, 172);
	}
	assert_int_equal(rig->stats[0].vlans[SUB_100].rx_packets, 3);
	assert_int_equal(rig->stats[0].vlans[SUB_100].tx_packets, 3);
	assert_int_equal(rig->stats[0].vlans[SUB_100].tx_bytes, 3 * (14 + 4 + 200));
	assert_int_equal(rig->stats[0].vlans[SUB_200].rx_packets, 0);
}

/* The same packet elsewhere is not that realm's media, and some have no place at all. */
static void test_strays(void **state)
{
	static const struct {
		const char *what;
		uint8_t tags[8];
		unsigned int n_tags;
		int punted_at; /* -1: dropped */
		enum dp_drop drop;
	} rows[] = {
		{"untagged", {0}, 0, PORT_A, 0},
		{"priority tag", {0x81, 0, 0xa0, 0}, 1, PORT_A, 0},
		{"the other VLAN", {0x81, 0, 0, 200}, 1, SUB_200, 0},
		{"nobody's VLAN", {0x81, 0, 0, 101}, 1, -1, DP_DROP_VLAN},
		{"the last VLAN", {0x81, 0, 0x0f, 0xff}, 1, -1, DP_DROP_VLAN},
		{"QinQ", {0x88, 0xa8, 0, 100, 0x81, 0, 0, 100}, 2, -1, DP_DROP_QINQ},
		{"a service tag alone", {0x88, 0xa8, 0, 100}, 1, -1, DP_DROP_QINQ},
		{"two tags", {0x81, 0, 0, 100, 0x81, 0, 0, 100}, 2, -1, DP_DROP_QINQ},
		{"a service tag inside", {0x81, 0, 0, 100, 0x88, 0xa8, 0, 100}, 2, -1,
			DP_DROP_QINQ},
	};
	uint8_t in[RIG_FRAME];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t before = rig_drops(rig, rows[i].drop);
		uint32_t len = build(false, 1, rows[i].tags, rows[i].n_tags, 160, in);
		put(in, len, PORT_A);
		if (rows[i].punted_at >= 0 && take_punts((uint16_t)rows[i].punted_at) != 1)
			fail_msg("%s: did not go to Linux", rows[i].what);
		if (rows[i].punted_at < 0 && rig_drops(rig, rows[i].drop) != before + 1)
			fail_msg("%s: was not dropped by that name", rows[i].what);
		assert_int_equal(rig_discard(rig, PORT_B), 0);
	}
	for (uint32_t len = 14; len < 18; len++) { /* cut off in the tag */
		put((const uint8_t *)"\2\0\0\0\0\0\2\0\0\0\0\2\x81\0\0\x64\x08", len, PORT_A);
		assert_int_equal(rig_drops(rig, DP_DROP_MALFORMED), len - 13);
	}
}

static void inject(const uint8_t *frame, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig->pool);

	memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
	assert_int_equal(worker_inject(rig->group, SUB_200, m), 0);
	rig_run(rig);
}

static void test_linux(void **state)
{
	uint8_t arp[60] = {[12] = 8, 6}, v4[60] = {[12] = 8, 0, 0x45, 24 << 2},
		v6[60] = {[12] = 0x86, 0xdd, 0x6b, 0x80}, out[RIG_FRAME];
	const struct {
		const uint8_t *frame;
		uint32_t tag;
	} rows[] = {{arp, 0x81000000 | 200}, {v4, 0x81000000 | 3 << 13 | 200},
		{v6, 0x81000000u | 6u << 13 | 200}};

	for (size_t i = 0; i < 3; i++) {
		inject(rows[i].frame, 60);
		uint32_t len = rig_get(rig, PORT_A, out);
		assert_int_equal(len, 64);
		assert_int_equal(untag(out, &len), rows[i].tag);
		assert_memory_equal(out, rows[i].frame, 60);
	}
}

static void test_detach(void **state)
{
	uint8_t in[RIG_FRAME];
	uint32_t len = build(false, 1, (const uint8_t *)"\x81\x00\x00\x64", 1, 160, in);

	/* taken, no VLAN, no such port, itself with queues */
	assert_int_equal(sub_attach(4, 100, 1500, WORKER_PORT_ATTACH), -EINVAL);
	assert_int_equal(sub_attach(4, 4095, 1500, WORKER_PORT_ATTACH), -EINVAL);
	assert_int_equal(sub_attach(SUB_100, 0, 1500, WORKER_PORT_DETACH), 0);
	put(in, len, PORT_A);
	assert_int_equal(rig_drops(rig, DP_DROP_VLAN), 1);
	len = build(true, 1, none, 0, 160, in);
	put(in, len, PORT_B);
	assert_int_equal(rig_drops(rig, DP_DROP_NO_PORT), 1);
	/* back, with a smaller MTU */
	assert_int_equal(sub_attach(SUB_100, 100, 1280, WORKER_PORT_ATTACH), 0);
	len = build(true, 2, none, 0, 1280 - 39, in);
	put(in, len, PORT_B);
	assert_int_equal(rig_drops(rig, DP_DROP_MTU), 1);
	len = build(true, 3, none, 0, 1280 - 40, in);
	put(in, len, PORT_B);
	assert_int_equal(rig_discard(rig, PORT_A), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_media),
		TEST(test_strays),
		TEST(test_linux),
		TEST(test_detach),
	};

	rig_eal("vlan");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
