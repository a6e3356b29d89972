/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bindings told to a limen-control of arrays: in order, a window at a time, again after a loss, all anew
 * to a store that lost its own; what is left there is always what the worker has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sip-b2bua/registrar/sync.h"

#define N 3000

static struct twheel *wheel;
static struct reg_store *store;
static struct reg_sync *sync_of;
static bool up;
static uint64_t there[2 * N], last_seq; /* ids that the far side has */
static uint32_t n_there, n_told, n_puts;

static int far_send(
	void *ctx, uint16_t type, const void *part1, size_t len1, const void *part2, size_t len2)
{
	struct ctl_reg_key key;
	uint32_t i = 0;

	if (!up)
		return -EPIPE;
	memcpy(&key, part1, sizeof(key));
	assert_int_equal(key.seq, last_seq + 1);
	last_seq = key.seq;
	n_told++;
	while (i < n_there && there[i] != key.id)
		i++;
	if (type == CTL_REG_PUT) {
		assert_true(len2 > 0);
		n_puts++;
		there[i] = key.id;
		n_there += i == n_there;
	} else if (i < n_there) {
		there[i] = there[--n_there];
	}
	return 0;
}

static uint64_t far_wall(void *ctx)
{
	return 1000;
}

static void on_put(void *ctx, struct reg_contact *contact)
{
	reg_sync_put(sync_of, contact);
}

static void on_gone(void *ctx, struct reg_contact *contact, enum reg_gone why)
{
	reg_sync_gone(sync_of, contact);
}

static int setup(void **state)
{
	static const struct reg_store_ops store_ops = {.put = on_put, .gone = on_gone};
	static const struct reg_sync_ops sync_ops = {.send = far_send, .wall_ms = far_wall};

	wheel = twheel_new(0);
	sync_of = reg_sync_new(&sync_ops, NULL);
	store = reg_store_new(wheel, 1, 10000, &store_ops, NULL);
	reg_sync_set_store(sync_of, store);
	up = false;
	n_there = n_told = n_puts = 0;
	last_seq = 0;
	return 0;
}

static int teardown(void **state)
{
	reg_sync_free(sync_of);
	reg_store_free(store);
	twheel_free(wheel);
	return 0;
}

static struct reg_contact *add(struct reg_contact *old, unsigned int i)
{
	char user[16];
	struct reg_contact *c;
	struct reg_new n = {.realm = VIEW("r"), .hash = i, .expires_s = 100};

	snprintf(user, sizeof(user), "u%u", i);
	n.user = view_of(user);
	n.text[REG_URI] = view_of(user);
	assert_int_equal(reg_contact_set(store, old, &n, &c), 0);
	return c;
}

static void ack(uint64_t store_id, uint64_t seq)
{
	reg_sync_ack(sync_of, &(struct ctl_reg_ack){store_id, seq});
}

/* Until nothing waits; the far side has what we have. */
static void settle(uint64_t store_id)
{
	for (unsigned int i = 0; i < 100 && reg_sync_n_waiting(sync_of) > 0; i++)
		ack(store_id, last_seq);
	assert_int_equal(reg_sync_n_waiting(sync_of), 0);
	assert_int_equal(n_there, reg_store_n_contacts(store));
}

static void test_window(void **state)
{
	for (unsigned int i = 0; i < N; i++)
		add(NULL, i);
	assert_int_equal(n_told, 0); /* nobody has said HELLO */
	up = true;
	ack(7, 0);
	assert_int_equal(n_told, REG_SYNC_WINDOW);
	ack(7, 100);
	assert_int_equal(n_told, REG_SYNC_WINDOW + 100);
	settle(7);
	assert_int_equal(n_puts, N);
}

static void test_changes(void **state)
{
	struct reg_contact *c[4];

	up = true;
	ack(7, 0);
	for (unsigned int i = 0; i < 4; i++)
		c[i] = add(NULL, i);
	/* changed and removed while the first state is not acknowledged */
	c[0] = add(c[0], 0);
	c[1] = add(c[1], 1);
	reg_contact_remove(store, c[1], REG_REMOVED);
	reg_contact_remove(store, c[2], REG_REMOVED);
	settle(7);
	c[0] = add(c[0], 0);
	settle(7);
	twheel_advance(wheel, 200000);
	settle(7);
	assert_int_equal(n_there, 0);
}

static void test_loss(void **state)
{
	struct reg_contact *c[10];

	up = true;
	ack(7, 0);
	for (unsigned int i = 0; i < 10; i++)
		c[i] = add(NULL, i);
	/* the last five told are lost with the connection, and more happens meanwhile */
	n_there = 5;
	up = false;
	reg_sync_down(sync_of);
	reg_contact_remove(store, c[9], REG_REMOVED);
	reg_contact_remove(store, c[0], REG_REMOVED);
	c[1] = add(c[1], 1);
	add(NULL, 20);
	up = true;
	ack(7, 0);
	settle(7);
	/* another store: everything once more */
	n_puts = n_there = 0;
	reg_sync_down(sync_of);
	ack(8, 0);
	settle(8);
	assert_int_equal(n_puts, reg_store_n_contacts(store));
	reg_sync_forget(sync_of, 12345, 1);
	settle(8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_window, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loss, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
