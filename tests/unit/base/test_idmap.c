/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of controlplane/base/idmap.c against a plain array as the model. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/idmap.h"

#define N 4000

static void test_against_model(void **state)
{
	static char objects[N];
	static void *model[N];
	struct idmap map;
	uint32_t seed = 7;
	size_t n = 0;

	idmap_init(&map);
	assert_null(idmap_get(&map, 1));
	assert_null(idmap_del(&map, 1));
	for (unsigned int step = 0; step < 200000; step++) {
		seed = seed * 1664525u + 1013904223u;
		unsigned int i = (seed >> 8) % N;
		uint64_t id = i % 2 ? i : (uint64_t)i << 40;
		if (seed & 1u << 30) {
			int ret = idmap_put(&map, id, &objects[i]);
			assert_int_equal(ret, model[i] ? -EEXIST : 0);
			n += model[i] == NULL;
			model[i] = &objects[i];
		} else {
			assert_ptr_equal(idmap_del(&map, id), model[i]);
			n -= model[i] != NULL;
			model[i] = NULL;
		}
		assert_int_equal(map.n, n);
	}
	size_t seen = 0, pos = 0;
	for (void *p; (p = idmap_next(&map, &pos)) != NULL; seen++)
		assert_ptr_equal(p, model[(char *)p - objects]);
	assert_int_equal(seen, n);
	for (unsigned int i = 0; i < N; i++)
		assert_ptr_equal(idmap_get(&map, i % 2 ? i : (uint64_t)i << 40), model[i]);
	idmap_wipe(&map);
	assert_null(idmap_get(&map, 1));
	pos = 0;
	assert_null(idmap_next(&map, &pos));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
