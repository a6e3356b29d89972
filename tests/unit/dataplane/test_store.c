/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of sessions: taking, finding, freeing, paging in order; and the book of UDP ports. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/session/addrs.h"
#include "dataplane/session/store.h"

static void test_take_and_release(void **state)
{
	struct store *s = store_new(3);
	struct row *a = store_take(s, 11), *b = store_take(s, 12), *c = store_take(s, 13);
	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	assert_null(store_take(s, 14));
	assert_ptr_equal(store_find(s, 12), b);
	assert_null(store_find(s, 14));
	assert_int_equal(store_n_live(s), 3);
	assert_int_equal(store_n_free(s), 0);
	store_unlink(s, b);
	assert_null(store_find(s, 12));
	assert_ptr_equal(store_find(s, 11), a);
	assert_ptr_equal(store_find(s, 13), c);
	assert_null(store_take(s, 14)); /* the workers still have it */
	store_release(s, b);
	struct row *again = store_take(s, 12);
	assert_ptr_equal(again, b);
	assert_int_equal(again->generation, 0);
	store_free(s);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void test_paging(void **state)
{
	enum { N = 1000 };
	struct store *s = store_new(N);
	static uint64_t ids[N];
	uint64_t x = 88172645463325252u;
	for (unsigned int i = 0; i < N; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		ids[i] = x | 1;
		assert_non_null(store_take(s, ids[i]));
	}
	qsort(ids, N, sizeof ids[0], by_value);
	static const uint32_t pages[] = {1, 2, 7, 104, 999, 1000, 1001};
	for (unsigned int p = 0; p < sizeof pages / sizeof pages[0]; p++) {
		struct row *rows[N + 1];
		uint64_t after = 0;
		unsigned int n = 0;
		bool more = true;
		while (more) {
			uint32_t got = store_page(s, after, pages[p], rows, &more);
			assert_true(got > 0 && got <= pages[p]);
			for (uint32_t i = 0; i < got; i++)
				assert_true(rows[i]->conf.id == ids[n++]);
			after = rows[got - 1]->conf.id;
		}
		assert_int_equal(n, N);
	}
	struct row *rows[1];
	bool more = true;
	assert_int_equal(store_page(s, UINT64_MAX, 1, rows, &more), 0);
	assert_false(more);
	store_free(s);
}

static struct dp_media_addr media(const char *ip, uint16_t lo, uint16_t hi)
{
	struct dp_media_addr m = {.port_lo = lo, .port_hi = hi};
	assert_int_equal(ipaddr_parse(view_of(ip), 0, &m.addr), 0);
	return m;
}

static void test_addrs(void **state)
{
	struct addrs *a = addrs_new();
	uint8_t first, index;
	struct dp_media_addr m = media("192.0.2.1", 16384, 32767);
	assert_int_equal(addrs_set(a, &m, &first), 0);
	m.port_hi = 20000;
	assert_int_equal(addrs_set(a, &m, &index), 0);
	assert_int_equal(index, first);
	assert_true(addrs_port_ok(a, index, 16384));
	assert_true(addrs_port_ok(a, index, 20000));
	assert_false(addrs_port_ok(a, index, 16383));
	assert_false(addrs_port_ok(a, index, 20001));
	assert_int_equal(addrs_port_owner(a, index, 16384), ADDRS_SLOT_NONE);
	addrs_port_take(a, index, 16384, 0);
	assert_int_equal(addrs_port_owner(a, index, 16385), 0);
	assert_int_equal(addrs_port_owner(a, index, 16386), ADDRS_SLOT_NONE);
	assert_int_equal(addrs_del(a, &m.addr, &index), -EBUSY);
	addrs_port_release(a, index, 16384);
	assert_int_equal(addrs_del(a, &m.addr, &index), 0);
	assert_int_equal(addrs_del(a, &m.addr, &index), -ENOENT);
	assert_null(addrs_get(a, index));
	addrs_free(a);
}

static void test_addrs_refused(void **state)
{
	struct addrs *a = addrs_new();
	uint8_t index;
	struct dp_media_addr bad[6];
	for (unsigned int i = 0; i < 6; i++)
		bad[i] = media("192.0.2.1", 16384, 32767);
	bad[0].addr.family = 5;
	bad[1].addr = (struct ipaddr){.family = 4};
	bad[2].addr.ip[0] = 224;
	bad[3].addr.port_be16 = 1;
	bad[4].port_lo = 0;
	bad[5].port_lo = 32768;
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(addrs_set(a, &bad[i], &index), -EINVAL);
	for (unsigned int i = 0; i < DP_MEDIA_ADDRS_MAX; i++) {
		struct dp_media_addr m = media("192.0.2.1", 1024, 2047);
		m.addr.ip[3] = (uint8_t)(i + 1);
		assert_int_equal(addrs_set(a, &m, &index), 0);
	}
	struct dp_media_addr more = media("198.51.100.1", 1024, 2047);
	assert_int_equal(addrs_set(a, &more, &index), -ENOSPC);
	addrs_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_and_release),
		cmocka_unit_test(test_paging),
		cmocka_unit_test(test_addrs),
		cmocka_unit_test(test_addrs_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
