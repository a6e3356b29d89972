/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Blocked sources: the table of a worker against one that is searched from end to end, what of a frame
 * decides, and the book of the control thread on a worker: drops, counters, time, generations, a full
 * table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "dataplane/core/worker_priv.h"
#include "dataplane/server/blocks.h"
#include "tests/unit/dataplane/rig.h"

#define HZ UINT64_C(1000000)

enum { TCP = 6, UDP = 17 };

static struct block_bucket *make(void)
{
	return calloc(BLOCK_BUCKETS, sizeof(struct block_bucket));
}

static void unmake(struct block_bucket *buckets)
{
	free(buckets);
}

static uint32_t build(uint8_t *out, const char *src, uint8_t proto, uint16_t dport)
{
	bool v6 = strchr(src, ':') != NULL;
	uint8_t *ip = out + 14, *l4 = ip + (v6 ? 40 : 20);

	memset(out, 0, 100);
	out[12] = v6 ? 0x86 : 0x08;
	out[13] = v6 ? 0xdd : 0;
	if (v6) {
		ip[0] = 0x60;
		ip[6] = proto;
		inet_pton(AF_INET6, src, ip + 8);
	} else {
		ip[0] = 0x45;
		ip[9] = proto;
		inet_pton(AF_INET, src, ip + 12);
	}
	l4[2] = (uint8_t)(dport >> 8);
	l4[3] = (uint8_t)dport;
	l4[13] = 0x10; /* of TCP: ACK, so no connection that begins */
	return 80;
}

/* ---- the table ---- */

static struct block_key key_of(uint32_t n, uint8_t scope, uint8_t len)
{
	struct block_key key = {.scope = scope, .len = len};

	memcpy(key.ip, &n, 4);
	return key;
}

static uint32_t row_of(const struct block_table *t, uint32_t n, uint8_t scope, uint64_t now)
{
	uint8_t frame[100];
	uint32_t len = build(frame, "0.0.0.0", UDP, 5060);

	memcpy(frame + 14 + 12, &n, 4);
	return block_source(t, scope, frame, len, now);
}

#define FEW 200

/* Sets and removals at random, with keys that are often the same. */
static void test_as_a_list(void **state)
{
	static const uint64_t secret[2] = {0x0123456789abcdef, 0xfedcba9876543210};
	uint64_t until[2][FEW] = {{0}};
	struct block_table t;

	block_table_init(&t, make(), secret);
	srand(1);
	for (unsigned int i = 0; i < 20000; i++) {
		uint32_t n = (uint32_t)rand() % FEW, scope = (uint32_t)rand() % 2;
		struct block_key key = key_of(n, (uint8_t)(scope + 1), 32);
		until[scope][n] = rand() % 3 ? 1 + (uint64_t)rand() % 100 : 0;
		if (until[scope][n])
			block_table_set(&t, &key, n, until[scope][n]);
		else
			block_table_del(&t, &key);
		if (i % 100)
			continue;
		uint32_t live = 0;
		for (uint32_t k = 0; k < 2 * FEW; k++) {
			uint64_t end = until[k % 2][k / 2];
			assert_int_equal(row_of(&t, k / 2, (uint8_t)(k % 2 + 1), 50),
				end > 50 ? k / 2 : BLOCK_NO_ROW);
			live += end != 0;
		}
		assert_int_equal(t.n, live);
		assert_int_equal(t.n4, live);
	}
	unmake(t.buckets);
}

/* As many as there may be, whose addresses follow each other; then every third of them goes. */
static void test_full_table(void **state)
{
	static const uint64_t secret[2] = {1, 2};
	struct block_table t;

	block_table_init(&t, make(), secret);
	for (uint32_t i = 0; i < DP_BLOCKS_MAX; i++) {
		struct block_key key = key_of(htonl(0x0a000000 + i), 1, 32);
		block_table_set(&t, &key, i, 10);
	}
	for (uint32_t i = 0; i < DP_BLOCKS_MAX; i += 3) {
		struct block_key key = key_of(htonl(0x0a000000 + i), 1, 32);
		block_table_del(&t, &key);
	}
	for (uint32_t i = 0; i < DP_BLOCKS_MAX; i++)
		assert_int_equal(row_of(&t, htonl(0x0a000000 + i), 1, 9), i % 3 ? i : BLOCK_NO_ROW);
	assert_int_equal(row_of(&t, htonl(0x0b000000), 1, 9), BLOCK_NO_ROW);
	unmake(t.buckets);
}

static void test_frames(void **state)
{
	static const struct {
		const char *net;
		uint8_t len;
	} nets[] = {{"2001:db8:1::", 48}, {"2001:db8:2:100::", 56}, {"2001:db8:3:4::", 64},
		{"2001:db8:4::1", 128}};
	static const struct {
		const char *src;
		uint32_t row;
	} rows[] = {{"2001:db8:1:ffff::9", 0}, {"2001:db8:2:1ff::9", 1},
		{"2001:db8:2:200::9", BLOCK_NO_ROW}, {"2001:db8:3:4:5::9", 2},
		{"2001:db8:3:5::9", BLOCK_NO_ROW}, {"2001:db8:4::1", 3},
		{"2001:db8:4::2", BLOCK_NO_ROW}, {"32.1.13.184", BLOCK_NO_ROW}};
	static const uint64_t secret[2] = {3, 4};
	struct block_table t;
	uint8_t frame[100];

	block_table_init(&t, make(), secret);
	for (uint32_t i = 0; i < 4; i++) {
		struct block_key key = {.scope = 1, .len = nets[i].len};
		inet_pton(AF_INET6, nets[i].net, key.ip);
		block_table_set(&t, &key, i, 10);
	}
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t len = build(frame, rows[i].src, UDP, 5060);
		assert_int_equal(block_source(&t, 1, frame, len, 9), rows[i].row);
		assert_int_equal(block_source(&t, 1, frame, len, 10), BLOCK_NO_ROW);
		assert_int_equal(block_source(&t, 2, frame, len, 9), BLOCK_NO_ROW);
		for (uint32_t cut = 0; cut < 14 + 40; cut++)
			(void)block_source(&t, 1, frame, cut, 9);
		assert_int_equal(block_source(&t, 1, frame, 14 + 39, 9), BLOCK_NO_ROW);
	}
	/* the last of a length is gone: nobody looks for it */
	for (uint32_t i = 0; i < 4; i++) {
		struct block_key key = {.scope = 1, .len = nets[i].len};
		inet_pton(AF_INET6, nets[i].net, key.ip);
		block_table_del(&t, &key);
		assert_int_equal(t.n6[i], 0);
	}
	assert_int_equal(t.n, 0);
	unmake(t.buckets);
}

/* ---- on a worker ---- */

static struct rig *rig;
static struct blocks *blocks;
static struct mail *mail;
static struct ports *ports;
static uint64_t *counts;

static int set_up(void **state)
{
	struct rig_conf conf = {.n_workers = 1, .n_streams = RIG_SLOTS, .n_ports = 2};
	struct blocks_conf blocks_conf = {
		.n_workers = 1, .tsc_hz = HZ, .make = make, .unmake = unmake};
	struct ports_conf ports_conf = {.n_workers = 1};

	rig = rig_new(&conf);
	counts = rig->block_counts;
	if (mail_new(rig->group, &mail) || ports_new(&ports_conf, &ports))
		return -1;
	/* as if it slept: its mail is done at once */
	atomic_store(&rig->group->workers[0]->mail_hands, MAIL_LENT);
	blocks_conf.mail = mail;
	blocks_conf.ports = ports;
	rig->now_tsc = 1000 * HZ;
	return blocks_new(&blocks_conf, &blocks);
}

static int tear_down(void **state)
{
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0;

	rig_free(rig);
	blocks_free(blocks);
	mail_free(mail);
	ports_free(ports);
	return ok ? 0 : -1;
}

static struct {
	struct dp_blocks head;
	struct dp_block list[DP_BLOCKS_BATCH];
} msg;

static struct dp_block block(const char *ip, uint8_t len, uint32_t ttl_ms)
{
	struct dp_block b = {.prefix_len = len, .ttl_ms = ttl_ms, .port = "acc0"};

	b.family = strchr(ip, ':') ? 6 : 4;
	inet_pton(b.family == 6 ? AF_INET6 : AF_INET, ip, b.ip);
	return b;
}

static int set(uint32_t n, uint32_t generation, uint32_t *ret_rows)
{
	msg.head = (struct dp_blocks){.n = n};
	return blocks_set(blocks, &msg.head, generation, rig->now_tsc, ret_rows);
}

static int set_one(struct dp_block b, uint32_t generation, uint32_t *ret_row)
{
	msg.list[0] = b;
	return set(1, generation, ret_row);
}

static int del_one(struct dp_block b)
{
	b.ttl_ms = 0;
	msg.list[0] = b;
	msg.head = (struct dp_blocks){.n = 1};
	return blocks_del(blocks, &msg.head);
}

/* What passes to Linux of one frame. */
static unsigned int passes(uint8_t port, const char *src, uint8_t proto, uint16_t dport)
{
	struct rte_mbuf *frames[64];
	uint8_t bytes[100];
	unsigned int n;

	rig_put(rig, port, bytes, build(bytes, src, proto, dport));
	rig_run(rig);
	n = worker_punts(rig->group, frames, 64);
	if (n)
		rte_pktmbuf_free_bulk(frames, n);
	return n;
}

/* The first name of a port is scope 1; here that is port 0. */
static void scope_to_port(void)
{
	struct worker_msg letter = {.op = WORKER_BLOCKS};

	letter.blocks.scopes_set = true;
	letter.blocks.scopes[0] = 1;
	assert_int_equal(rig_post(rig, 0, &letter), 0);
}

static const struct dp_police sip_ports = {.n_sip_ports = 2, .sip_ports = {5060, 5061}};

static void test_on_a_worker(void **state)
{
	uint32_t row, again, row6;

	rig_police(rig, &sip_ports);
	assert_int_equal(set_one(block("192.0.2.66", 32, 5000), 1, &row), 0);
	assert_int_equal(set_one(block("2001:db8:0:1::", 64, 5000), 1, &row6), 0);
	assert_int_not_equal(row, row6);
	scope_to_port();
	assert_int_equal(passes(0, "192.0.2.66", UDP, 5060), 0);
	assert_int_equal(passes(0, "192.0.2.66", TCP, 5061), 0);
	assert_int_equal(passes(0, "2001:db8:0:1:2::3", UDP, 5060), 0);
	assert_int_equal(rig_drops(rig, DP_DROP_BLOCKED), 3);
	assert_int_equal(counts[row], 2);
	assert_int_equal(counts[row6], 1);
	/* only SIP, only there, only that source */
	assert_int_equal(passes(0, "192.0.2.66", TCP, 22), 1);
	assert_int_equal(passes(0, "192.0.2.66", 1, 5060), 1);
	assert_int_equal(passes(1, "192.0.2.66", UDP, 5060), 1);
	assert_int_equal(passes(0, "192.0.2.67", UDP, 5060), 1);
	assert_int_equal(passes(0, "2001:db8:0:2:2::3", UDP, 5060), 1);
	/* a longer time is no other row, and its counter goes on */
	assert_int_equal(set_one(block("192.0.2.66", 32, 9000), 1, &again), 0);
	assert_int_equal(again, row);
	rig->now_tsc += 6 * HZ;
	assert_int_equal(passes(0, "192.0.2.66", UDP, 5060), 0);
	assert_int_equal(counts[row], 3);
	/* the other's time is over, before anybody has taken it out */
	assert_int_equal(blocks_n(blocks), 2);
	assert_int_equal(passes(0, "2001:db8:0:1:2::3", UDP, 5060), 1);
	for (unsigned int i = 0; i < 8; i++)
		blocks_second(blocks, rig->now_tsc);
	assert_int_equal(blocks_n(blocks), 1);
	assert_int_equal(rig->group->workers[0]->blocks.n, 1);
	/* by hand; and that it is not there is no error */
	assert_int_equal(del_one(block("192.0.2.66", 32, 0)), 0);
	assert_int_equal(del_one(block("192.0.2.66", 32, 0)), 0);
	assert_int_equal(passes(0, "192.0.2.66", UDP, 5060), 1);
	/* who comes to a row that was another's begins at 0 */
	assert_int_equal(set_one(block("192.0.2.99", 32, 9000), 1, &again), 0);
	assert_true(again == row || again == row6);
	assert_int_equal(counts[again], 0);
}

static void test_generations(void **state)
{
	uint32_t row, rows[2];

	rig_police(rig, &sip_ports);
	assert_int_equal(set_one(block("192.0.2.66", 32, 5000), 7, &row), 0);
	assert_int_equal(set_one(block("192.0.2.77", 32, 5000), 7, &row), 0);
	scope_to_port();
	assert_int_equal(passes(0, "192.0.2.77", UDP, 5060), 0);
	/* a limen-control that has started again claims one of them */
	assert_int_equal(set_one(block("192.0.2.77", 32, 4000), 8, &rows[0]), 0);
	assert_int_equal(rows[0], row);
	blocks_sweep(blocks, 8);
	assert_int_equal(blocks_n(blocks), 1);
	assert_int_equal(counts[row], 1);
	assert_int_equal(passes(0, "192.0.2.66", UDP, 5060), 1);
	assert_int_equal(passes(0, "192.0.2.77", UDP, 5060), 0);
	blocks_sweep(blocks, 8);
	assert_int_equal(blocks_n(blocks), 1);
}

static void test_fields(void **state)
{
	struct dp_block bad[10];
	uint32_t row;

	for (unsigned int i = 0; i < 10; i++)
		bad[i] = block("192.0.2.66", 32, 5000);
	bad[0].family = 5;
	bad[1].prefix_len = 24;
	bad[2].ip[4] = 1;
	bad[3].zero = 1;
	bad[4].ttl_ms = 0;
	bad[5].port[0] = 0;
	memset(bad[6].port, 'x', sizeof(bad[6].port));
	bad[7] = block("2001:db8::1", 64, 1);
	bad[8] = block("2001:db8::", 32, 1);
	bad[9] = block("2001:db8::", 96, 1);
	for (unsigned int i = 0; i < 10; i++) {
		msg.list[0] = block("192.0.2.1", 32, 1000);
		msg.list[1] = bad[i];
		uint32_t rows[2];
		assert_int_equal(set(2, 1, rows), -EINVAL);
		assert_int_equal(blocks_n(blocks), 0);
	}
	assert_int_equal(set(0, 1, &row), -EINVAL);
	msg.list[0] = block("192.0.2.1", 32, 1000);
	msg.head = (struct dp_blocks){.n = 1};
	assert_int_equal(blocks_del(blocks, &msg.head), -EINVAL); /* a time */
}

/* As many as there may be; the next ones have no room, and those there stay what they are. */
static void test_full(void **state)
{
	static uint32_t rows[DP_BLOCKS_BATCH];
	uint32_t row;

	rig_police(rig, &sip_ports);
	for (uint32_t i = 0; i < DP_BLOCKS_MAX; i += DP_BLOCKS_BATCH) {
		for (uint32_t k = 0; k < DP_BLOCKS_BATCH; k++) {
			uint32_t ip = htonl(0x0a000000 + i + k);
			msg.list[k] = block("10.0.0.0", 32, 5000);
			memcpy(msg.list[k].ip, &ip, 4);
		}
		assert_int_equal(set(DP_BLOCKS_BATCH, 1, rows), 0);
		assert_int_not_equal(rows[DP_BLOCKS_BATCH - 1], DP_BLOCK_NO_ROW);
	}
	scope_to_port();
	assert_int_equal(set_one(block("192.0.2.66", 32, 5000), 1, &row), 0);
	assert_int_equal(row, DP_BLOCK_NO_ROW);
	assert_int_equal(passes(0, "192.0.2.66", UDP, 5060), 1);
	assert_int_equal(passes(0, "10.0.255.255", UDP, 5060), 0);
	assert_int_equal(set_one(block("10.0.0.9", 32, 5000), 1, &row), 0);
	assert_int_not_equal(row, DP_BLOCK_NO_ROW);
	rig->now_tsc += 6 * HZ;
	for (unsigned int i = 0; i < 8; i++)
		blocks_second(blocks, rig->now_tsc);
	assert_int_equal(blocks_n(blocks), 0);
	/* names of ports are given back with their last source */
	for (unsigned int i = 0; i < 3 * BLOCKS_PORTS; i++) {
		struct dp_block b = block("192.0.2.66", 32, 5000);
		snprintf(b.port, sizeof(b.port), "p%u", i);
		assert_int_equal(set_one(b, 1, &row), 0);
		if (i < 2 * BLOCKS_PORTS)
			assert_int_equal(del_one(b), 0);
		if (i < 3 * BLOCKS_PORTS)
			assert_int_not_equal(row, DP_BLOCK_NO_ROW);
	}
	struct dp_block b = block("192.0.2.66", 32, 5000);
	assert_int_equal(set_one(b, 1, &row), 0);
	assert_int_equal(row, DP_BLOCK_NO_ROW);
	assert_int_equal(blocks_n(blocks), BLOCKS_PORTS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_a_list),
		cmocka_unit_test(test_full_table),
		cmocka_unit_test(test_frames),
		TEST(test_on_a_worker),
		TEST(test_generations),
		TEST(test_fields),
		TEST(test_full),
	};

	rig_eal("block");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
