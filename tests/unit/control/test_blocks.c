/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The book of blocked sources: what limen-sip and operators say, what the data plane is asked and
 * answers, in any order: a refusal, a connection that is lost, a realm that moves to another port, a
 * source that is let in while it is under way, a full book. And what may come in a message.
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

#include "controlplane/media/blocks.h"

static struct cfg_interface interfaces[2] = {
	{.name = "acc0", .device = "net_null"}, {.name = "acc1", .device = "net_null"}};
static struct cfg_realm realms[2] = {{.name = "access", .interface = "acc0"}, {.name = "kernel"}};
static struct cfg cfg = {
	.interfaces = interfaces, .n_interfaces = 2, .realms = realms, .n_realms = 2};
static unsigned int n_dirty;
static struct blocks *b;
static struct blocks_request request;

static uint64_t drops(void *arg, uint32_t row)
{
	return row + 1000;
}

static void dirty(void *arg)
{
	n_dirty++;
}

static int set_up(void **state)
{
	const struct blocks_ops ops = {drops, dirty, NULL};

	n_dirty = 0;
	strcpy(realms[0].interface, "acc0");
	b = blocks_new(&ops);
	blocks_config(b, &cfg);
	return b ? 0 : -1;
}

static int tear_down(void **state)
{
	blocks_free(b);
	return 0;
}

static struct ctl_block named(uint32_t n, const char *realm, uint32_t remaining_ms)
{
	struct ctl_block block = {.addr = {.family = 4},
		.prefix_len = 32,
		.reason = CTL_BLOCK_MALFORMED,
		.since_ms = 5,
		.remaining_ms = remaining_ms,
		.memory_ms = 60000};

	n = htonl(0x0a000000 + n);
	memcpy(block.addr.ip, &n, 4);
	snprintf(block.realm, sizeof(block.realm), "%s", realm);
	return block;
}

static int put(uint32_t n, const char *realm, uint32_t remaining_ms, uint64_t now_ms)
{
	struct ctl_block block = named(n, realm, remaining_ms);

	return blocks_put(b, &block, now_ms);
}

static bool del(uint32_t n, uint64_t now_ms)
{
	struct ctl_block block = named(n, "access", 0);

	return blocks_del(b, &block, now_ms);
}

/* The next request has this type and is of n sources; answered with rows from 7 on. */
static void serve(uint16_t type, uint32_t n, uint64_t now_ms)
{
	uint32_t rows[DP_BLOCKS_BATCH];

	assert_int_equal(blocks_next(b, now_ms, &request), type);
	if (!type)
		return;
	assert_int_equal(request.head.n, n);
	for (uint32_t i = 0; i < n; i++) {
		rows[i] = 7 + i;
		assert_int_equal(request.list[i].ttl_ms != 0, type == DP_BLOCK_SET);
	}
	assert_int_equal(blocks_next(b, now_ms, &request), 0); /* one at a time */
	blocks_done(b, 0, type == DP_BLOCK_SET ? rows : NULL, type == DP_BLOCK_SET ? n : 0, now_ms);
}

struct seen {
	unsigned int n;
	struct ctl_block last;
	uint64_t dp_drops;
};

static int see(const struct ctl_block *block, uint64_t dp_drops, void *arg)
{
	struct seen *seen = arg;

	seen->n++;
	seen->last = *block;
	seen->dp_drops = dp_drops;
	return 0;
}

static struct seen look(bool all, uint64_t now_ms)
{
	struct seen seen = {0};

	blocks_each(b, all, now_ms, see, &seen);
	return seen;
}

static void test_life(void **state)
{
	assert_int_equal(put(1, "access", 5000, 1000), 0);
	assert_int_equal(put(2, "kernel", 5000, 1000), 0); /* Linux alone has that realm */
	assert_int_equal(n_dirty, 1);
	serve(DP_BLOCK_SET, 1, 2000);
	assert_string_equal(request.list[0].port, "acc0");
	assert_int_equal(request.list[0].ttl_ms, 4000);
	serve(0, 0, 2000);
	assert_true(blocks_settled(b, 2000));
	struct seen seen = look(false, 3000);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.last.remaining_ms, 3000);
	assert_int_equal(seen.dp_drops, 0); /* of the second, which is nowhere there */
	/* only other figures: nothing for the data plane */
	struct ctl_block again = named(1, "access", 3000);
	again.drops = 9;
	assert_int_equal(blocks_put(b, &again, 3000), 0);
	serve(0, 0, 3000);
	assert_int_equal(del(2, 3000), false); /* not in that realm */
	/* over: shown no longer, remembered for a minute, then gone */
	assert_int_equal(look(false, 6000).n, 0);
	assert_int_equal(look(true, 6000).n, 2);
	assert_int_equal(look(true, 6000).last.remaining_ms, 0);
	blocks_second(b, 6000);
	serve(0, 0, 6000);
	assert_int_equal(del(1, 6000), false); /* over, so it was not blocked; and forgotten now */
	assert_int_equal(look(true, 6000).n, 1);
	blocks_second(b, 66001);
	assert_int_equal(blocks_n(b), 0);
	serve(0, 0, 66001);
}

static void test_let_in(void **state)
{
	assert_int_equal(put(1, "access", 5000, 1000), 0);
	assert_int_equal(put(2, "access", 5000, 1000), 0);
	serve(DP_BLOCK_SET, 2, 1000);
	assert_int_equal(look(false, 1000).dp_drops, 1008);
	assert_true(del(1, 1000));
	serve(DP_BLOCK_DEL, 1, 1000);
	/* while it is on its way there */
	assert_int_equal(put(3, "access", 5000, 1000), 0);
	assert_int_equal(blocks_next(b, 1000, &request), DP_BLOCK_SET);
	assert_true(del(3, 1000));
	assert_int_equal(put(3, "access", 9000, 1000), 0); /* and blocked again */
	const uint32_t row = 50;
	blocks_done(b, 0, &row, 1, 1000);
	serve(DP_BLOCK_DEL, 1, 1000);
	serve(DP_BLOCK_SET, 1, 1000);
	assert_int_equal(request.list[0].ttl_ms, 9000);
	blocks_del_all(b);
	assert_int_equal(blocks_n(b), 0);
	assert_int_equal(look(true, 1000).n, 0);
	serve(DP_BLOCK_DEL, 2, 1000);
	serve(0, 0, 1000);
}

static void test_refused_and_lost(void **state)
{
	assert_int_equal(put(1, "access", 50000, 1000), 0);
	assert_int_equal(blocks_next(b, 1000, &request), DP_BLOCK_SET);
	assert_false(blocks_settled(b, 1000));
	blocks_done(b, -ENOMEM, NULL, 0, 1000);
	assert_int_equal(blocks_next(b, 1500, &request), 0);
	assert_true(blocks_settled(b, 1500)); /* it does not hold up a sweep */
	/* again after a second, and the connection ends under it */
	assert_int_equal(blocks_next(b, 2000, &request), DP_BLOCK_SET);
	assert_int_equal(put(2, "access", 50000, 2000), 0);
	assert_true(del(2, 2000));
	blocks_reset(b);
	serve(DP_BLOCK_SET, 1, 2000);
	assert_int_equal(request.list[0].ttl_ms, 49000);
	/* a data plane that starts again is told what there is, and not of what is gone */
	assert_true(del(1, 3000));
	assert_int_equal(put(3, "access", 50000, 3000), 0);
	blocks_reset(b);
	serve(DP_BLOCK_SET, 1, 3000);
	assert_int_equal(request.list[0].ip[3], 3);
	serve(0, 0, 3000);
	/* no room there: limen-sip drops alone, and nobody asks for ever */
	assert_int_equal(put(4, "access", 50000, 3000), 0);
	assert_int_equal(blocks_next(b, 3000, &request), DP_BLOCK_SET);
	const uint32_t none = DP_BLOCK_NO_ROW;
	blocks_done(b, 0, &none, 1, 3000);
	serve(0, 0, 3000);
	assert_int_equal(look(false, 3000).dp_drops, 0);
	assert_true(del(4, 3000));
	serve(0, 0, 3000);
}

static void test_another_port(void **state)
{
	assert_int_equal(put(1, "access", 50000, 1000), 0);
	serve(DP_BLOCK_SET, 1, 1000);
	strcpy(realms[0].interface, "acc1");
	blocks_config(b, &cfg);
	serve(DP_BLOCK_DEL, 1, 1000);
	assert_string_equal(request.list[0].port, "acc0");
	serve(DP_BLOCK_SET, 1, 1000);
	assert_string_equal(request.list[0].port, "acc1");
	realms[0].interface[0] = 0;
	blocks_config(b, &cfg);
	serve(DP_BLOCK_DEL, 1, 1000);
	serve(0, 0, 1000);
	assert_int_equal(look(false, 1000).n, 1);
	blocks_config(b, &cfg);
	serve(0, 0, 1000);
}

/* A commit, or an operator, while the data plane is about to answer. */
static void test_another_port_meanwhile(void **state)
{
	const uint32_t rows[2] = {50, 51};

	for (unsigned int to_linux = 0; to_linux < 2; to_linux++) {
		strcpy(realms[0].interface, "acc0");
		blocks_config(b, &cfg);
		assert_int_equal(put(1, "access", 50000, 1000), 0);
		assert_int_equal(blocks_next(b, 1000, &request), DP_BLOCK_SET);
		strcpy(realms[0].interface, to_linux ? "" : "acc1");
		blocks_config(b, &cfg);
		blocks_done(b, 0, rows, 1, 1000);
		serve(DP_BLOCK_DEL, 1, 1000);
		assert_string_equal(request.list[0].port, "acc0");
		serve(to_linux ? 0 : DP_BLOCK_SET, 1, 1000);
		assert_true(del(1, 1000));
		serve(to_linux ? 0 : DP_BLOCK_DEL, 1, 1000);
	}
	/* a worker that hangs has it, or has not; then it is let in */
	strcpy(realms[0].interface, "acc0");
	blocks_config(b, &cfg);
	assert_int_equal(put(1, "access", 50000, 1000), 0);
	assert_int_equal(blocks_next(b, 1000, &request), DP_BLOCK_SET);
	blocks_done(b, -ETIMEDOUT, NULL, 0, 1000);
	assert_true(del(1, 1000));
	serve(DP_BLOCK_DEL, 1, 2000);
	serve(0, 0, 2000);
}

static void test_full(void **state)
{
	for (uint32_t i = 0; i < DP_BLOCKS_MAX; i++)
		assert_int_equal(put(i, "access", 50000, 1000), 0);
	assert_int_equal(put(DP_BLOCKS_MAX, "access", 50000, 1000), -ENOSPC);
	assert_int_equal(put(5, "access", 60000, 1000), 0);
	for (uint32_t i = 0; i < DP_BLOCKS_MAX; i += DP_BLOCKS_BATCH)
		serve(DP_BLOCK_SET, DP_BLOCKS_BATCH, 1000);
	serve(0, 0, 1000);
	blocks_second(b, 1000000);
	assert_int_equal(blocks_n(b), 0);
	assert_int_equal(put(DP_BLOCKS_MAX, "access", 50000, 1000000), 0);
}

/* Who is only remembered, for a day, keeps no room from who is blocked. */
static void test_full_of_memories(void **state)
{
	for (uint32_t i = 0; i < DP_BLOCKS_MAX; i++)
		assert_int_equal(put(i, "kernel", i == 7 ? 90000 : 1000, 1000), 0);
	blocks_second(b, 2000);
	assert_int_equal(put(3, "kernel", 90000, 2000), 0); /* one of them again */
	assert_int_equal(blocks_n(b), DP_BLOCKS_MAX);
	for (uint32_t i = 2; i < DP_BLOCKS_MAX; i++)
		assert_int_equal(put(DP_BLOCKS_MAX + i, "kernel", 90000, 2000), 0);
	assert_int_equal(put(1, "kernel", 90000, 2000), -ENOSPC);
	assert_int_equal(blocks_n(b), DP_BLOCKS_MAX);
	assert_int_equal(look(false, 2000).n, DP_BLOCKS_MAX);
	/* one that goes while the data plane has yet to hear of it is not in the way */
	blocks_second(b, 92000);
	assert_int_equal(put(1, "access", 90000, 92000), 0);
	serve(DP_BLOCK_SET, 1, 92000);
	assert_true(del(1, 92000));
	assert_int_equal(put(2, "access", 90000, 92000), 0);
	assert_int_equal(put(4, "access", 90000, 92000), 0);
	assert_int_equal(look(false, 92000).n, 2);
	blocks_del_all(b);
	assert_int_equal(blocks_n(b), 0);
	serve(DP_BLOCK_DEL, 1, 92000);
	serve(0, 0, 92000);
}

static void test_messages(void **state)
{
	struct {
		struct ctl_blocks head;
		struct ctl_block list[2];
	} msg = {.head = {.n = 2}};
	struct ctl_block bad[9];
	size_t len = sizeof(msg);
	char text[CTL_BLOCK_TEXT];

	for (unsigned int i = 0; i < 9; i++)
		bad[i] = named(1, "access", 1);
	bad[0].addr.family = 5;
	bad[1].addr.port_be16 = 1;
	bad[2].prefix_len = 31;
	bad[3].reason = CTL_BLOCK_N_REASONS;
	bad[4].zero = 1;
	bad[5].realm[0] = 0;
	memset(bad[6].realm, 'x', sizeof(bad[6].realm));
	bad[7].addr = (struct ipaddr){.family = 6, .ip = {0x20, 1, [15] = 1}};
	bad[7].prefix_len = 64;
	bad[8].addr.ip[7] = 1;
	msg.list[0] = msg.list[1] = named(1, "access", 1);
	assert_ptr_equal(ctl_blocks_of(&msg, len), msg.list);
	for (unsigned int i = 0; i < 9; i++) {
		msg.list[1] = bad[i];
		assert_null(ctl_blocks_of(&msg, len));
	}
	msg.list[1] = msg.list[0];
	assert_null(ctl_blocks_of(&msg, len - 1));
	msg.head.n = 1;
	assert_null(ctl_blocks_of(&msg, len));
	msg.head.n = UINT32_MAX;
	assert_null(ctl_blocks_of(&msg, len));
	msg.head = (struct ctl_blocks){.n = 2, .zero = 1};
	assert_null(ctl_blocks_of(&msg, len));
	bad[7].addr.ip[15] = 0;
	assert_string_equal(ctl_block_print(&bad[7], text), "2001::/64");
	assert_string_equal(ctl_block_print(&msg.list[0], text), "10.0.0.1");
	assert_string_equal(ctl_block_word(CTL_BLOCK_SCANNER), "scanner");
	assert_string_equal(ctl_block_word(200), "");
	assert_string_equal(ctl_block_text(200), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_life),
		TEST(test_let_in),
		TEST(test_refused_and_lost),
		TEST(test_another_port),
		TEST(test_another_port_meanwhile),
		TEST(test_full),
		TEST(test_full_of_memories),
		cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
