/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of controlplane/media/pool.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/media/pool.h"

static const struct ipaddr addr = {.family = 4, .ip = {192, 0, 2, 1}};

static void test_ranges(void **state)
{
	static const struct {
		uint16_t lo, hi;
		uint32_t pairs;
		uint16_t first;
	} rows[] = {
		{10000, 10001, 1, 10000},
		{10000, 10002, 1, 10000},
		{10001, 10003, 1, 10002},
		{10001, 10002, 0, 0},
		{10000, 10000, 0, 0},
		{65534, 65535, 1, 65534},
		{65535, 65535, 0, 0},
		{16384, 32767, 8192, 16384},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pool *pool = pool_new(&addr, rows[i].lo, rows[i].hi, 1);
		struct pool_counts counts;
		uint16_t port;
		pool_counts(pool, &counts);
		assert_int_equal(counts.pairs, rows[i].pairs);
		assert_int_equal(pool_available(pool, 0), rows[i].pairs);
		if (rows[i].pairs > 0) {
			assert_int_equal(pool_take(pool, 0, 0, false, &port), 0);
			assert_int_equal(port, rows[i].first);
		} else {
			assert_int_equal(pool_take(pool, 0, 0, false, &port), -ENOSPC);
			assert_int_equal(pool_claim(pool, rows[i].lo & 0xfffe), -ERANGE);
		}
		pool_free(pool);
	}
	pool_free(NULL);
}

static void test_owners_and_exhaustion(void **state)
{
	struct pool *pool = pool_new(&addr, 20000, 20023, 3); /* 12 pairs, 4 a worker */
	struct pool_counts counts;
	uint16_t port;

	for (uint32_t w = 0; w < 3; w++) {
		for (unsigned int i = 0; i < 4; i++) {
			assert_int_equal(pool_take(pool, w, 5, false, &port), 0);
			assert_int_equal(dp_port_owner(port, 3), w);
			assert_int_equal(port % 2, 0);
		}
		assert_int_equal(pool_take(pool, w, 5, false, &port), -ENOSPC);
	}
	assert_int_equal(pool_take(pool, 3, 5, false, &port), -ENOSPC);
	assert_int_equal(pool_take(pool, UINT32_MAX, 5, false, &port), -ENOSPC);
	pool_counts(pool, &counts);
	assert_int_equal(counts.in_use, 12);
	assert_int_equal(counts.taken, 12);
	assert_int_equal(counts.exhausted, 5);
	pool_free(pool);
}

static void test_guard_and_order(void **state)
{
	struct pool *pool = pool_new(&addr, 20000, 20005, 1);
	uint16_t a, b, c, d;

	assert_int_equal(pool_take(pool, 0, 1000, false, &a), 0);
	assert_int_equal(pool_take(pool, 0, 1000, false, &b), 0);
	pool_give(pool, b, 1000);
	pool_give(pool, a, 1010);
	pool_give(pool, a, 5000); /* twice: no effect */
	/* The one never used comes first, then those that rested, the longest first. */
	assert_int_equal(pool_take(pool, 0, 1020, false, &c), 0);
	assert_int_equal(c, 20004);
	assert_int_equal(pool_take(pool, 0, 1000 + POOL_GUARD_MS - 1, false, &d), -ENOSPC);
	assert_int_equal(pool_take(pool, 0, 1000 + POOL_GUARD_MS, false, &d), 0);
	assert_int_equal(d, b);
	assert_int_equal(pool_take(pool, 0, 1000 + POOL_GUARD_MS, false, &d), -ENOSPC);
	assert_int_equal(pool_take(pool, 0, 1010 + POOL_GUARD_MS, false, &d), 0);
	assert_int_equal(d, a);
	pool_free(pool);
}

static void test_claims(void **state)
{
	struct pool *pool = pool_new(&addr, 20000, 20009, 2);
	uint16_t port;

	assert_int_equal(pool_claim(pool, 20004), 0);
	assert_int_equal(pool_claim(pool, 20004), -EADDRINUSE);
	assert_int_equal(pool_claim(pool, 20005), -ERANGE);
	assert_int_equal(pool_claim(pool, 19998), -ERANGE);
	assert_int_equal(pool_claim(pool, 20010), -ERANGE);
	assert_int_equal(pool_available(pool, 0) + pool_available(pool, 1), 4);
	for (unsigned int i = 0; i < 4; i++) {
		uint32_t w = pool_available(pool, 0) > 0 ? 0 : 1;
		assert_int_equal(pool_take(pool, w, 0, false, &port), 0);
		assert_int_not_equal(port, 20004);
	}
	/* A claim ignores the rest: the call is there already. */
	pool_give(pool, 20004, 100);
	assert_int_equal(pool_claim(pool, 20004), 0);
	pool_give(pool, 1, 100);
	pool_free(pool);
}

/* What others leave free, the same of each worker, also of pairs that rest. */
static void test_reserve(void **state)
{
	struct pool *pool = pool_new(&addr, 20000, 20015, 2); /* 4 pairs a worker */
	struct pool *other;
	uint16_t port, first = 0;

	pool_reserve(pool, 3); /* two of each */
	for (uint32_t w = 0; w < 2; w++) {
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(pool_take(pool, w, 0, false, &port), 0);
		assert_int_equal(pool_take(pool, w, 0, false, &port), -ENOSPC);
	}
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(pool_take(pool, 0, 0, true, &port), 0);
		first = first ? first : port;
	}
	assert_int_equal(pool_take(pool, 0, 0, true, &port), -ENOSPC);
	pool_give(pool, first, 1000);
	assert_int_equal(pool_take(pool, 0, 1001, false, &port), -ENOSPC);
	assert_int_equal(pool_take(pool, 0, 1001, true, &port), 0);
	assert_int_equal(port, first);
	/* it goes on with the pool, and ends with the setting */
	other = pool_new(&addr, 20000, 20015, 2);
	pool_inherit(other, pool);
	pool_free(pool);
	assert_int_equal(pool_take(other, 1, 5000, false, &port), -ENOSPC);
	pool_reserve(other, 0);
	assert_int_equal(pool_take(other, 1, 5000, false, &port), 0);
	pool_free(other);
}

static void test_workers_change(void **state)
{
	struct pool *pool = pool_new(&addr, 20000, 20015, 1);
	uint16_t first, port;

	assert_int_equal(pool_take(pool, 0, 50, false, &first), 0);
	assert_int_equal(pool_take(pool, 0, 50, false, &port), 0);
	pool_give(pool, first, 60);
	pool_set_workers(pool, 2);
	assert_int_equal(pool_available(pool, 0) + pool_available(pool, 1), 7);
	pool_give(pool, port, 70);
	for (uint32_t w = 0; w < 2; w++) {
		uint16_t last = 0;
		for (unsigned int i = 0; i < 4; i++) {
			assert_int_equal(pool_take(pool, w, 5000, false, &last), 0);
			assert_int_equal(dp_port_owner(last, 2), w);
		}
		/* what was used last comes last */
		assert_int_equal(last, dp_port_owner(first, 2) == w ? first : port);
	}
	pool_free(pool);
}

static void test_other_range(void **state)
{
	struct pool *old = pool_new(&addr, 20000, 20015, 1);
	struct pool_counts counts;

	assert_int_equal(pool_claim(old, 20002), 0);
	assert_int_equal(pool_claim(old, 20012), 0);
	assert_int_equal(pool_in_use_outside(old, 20000, 20015), 0);
	assert_int_equal(pool_in_use_outside(old, 20003, 20015), 1);
	assert_int_equal(pool_in_use_outside(old, 20000, 20012), 1);
	assert_int_equal(pool_in_use_outside(old, 30000, 30100), 2);
	struct pool *pool = pool_new(&addr, 20002, 20031, 1);
	pool_inherit(pool, old);
	pool_free(old);
	pool_counts(pool, &counts);
	assert_int_equal(counts.in_use, 2);
	assert_int_equal(pool_available(pool, 0), 13);
	assert_int_equal(pool_claim(pool, 20002), -EADDRINUSE);
	assert_int_equal(pool_claim(pool, 20012), -EADDRINUSE);
	assert_int_equal(pool_claim(pool, 20004), 0);
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_owners_and_exhaustion),
		cmocka_unit_test(test_guard_and_order),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_workers_change),
		cmocka_unit_test(test_other_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
