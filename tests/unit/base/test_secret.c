/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of controlplane/base/secret.c. */
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/secret.h"

static void test_equal(void **state)
{
	assert_true(secret_equal("abcd", "abcd", 4));
	assert_false(secret_equal("abcd", "abce", 4));
	assert_false(secret_equal("xbcd", "abcd", 4));
	assert_true(secret_equal("x", "y", 0));
}

static void test_random_and_wipe(void **state)
{
	uint8_t a[64] = {0}, b[64] = {0}, zero[64] = {0};

	secret_random(a, sizeof(a));
	secret_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, zero, sizeof(a));
	secret_wipe(a, sizeof(a));
	assert_memory_equal(a, zero, sizeof(a));
	secret_wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_random_and_wipe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
