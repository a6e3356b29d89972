/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of controlplane/core/state.c in a folder of their own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/core/state.h"

static char dir[64], path[96];

static void put_file(const char *name, const char *text)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_generation(void **state)
{
	static const char *const bad[] = {
		"", "x", "-1", "4294967295", "1 2", "00000000000000000000000000000000000000000000"};
	uint32_t g = 0;
	char error[256];

	for (uint32_t i = 1; i < 5; i++) {
		assert_int_equal(state_next_generation(dir, &g, error), 0);
		assert_int_equal(g, i);
	}
	put_file("generation", "4294967293\n");
	assert_int_equal(state_next_generation(dir, &g, error), 0);
	assert_true(g == 4294967294u);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_file("generation", bad[i]);
		assert_true(state_next_generation(dir, &g, error) < 0);
		assert_non_null(strstr(error, "does not hold a number"));
	}
	assert_true(g == 4294967294u);
	unlink(path);
	assert_int_equal(state_next_generation("/proc/none", &g, error), -ENOENT);
}

static void test_token_key(void **state)
{
	uint8_t a[CTL_TOKEN_KEY], b[CTL_TOKEN_KEY];
	struct stat st;
	char error[256];

	assert_int_equal(state_token_key(dir, a, error), 0);
	snprintf(path, sizeof(path), "%s/token.key", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(state_token_key(dir, b, error), 0);
	assert_memory_equal(a, b, sizeof(a)); /* the same after a restart */
	unlink(path);
	assert_int_equal(state_token_key(dir, b, error), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	put_file("token.key", "short");
	assert_int_equal(state_token_key(dir, b, error), -EINVAL);
	put_file("token.key", "this one is longer than a key may be, by far");
	assert_int_equal(state_token_key(dir, b, error), -EINVAL);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generation),
		cmocka_unit_test(test_token_key),
	};
	strcpy(dir, "/tmp/limen-state-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	int ret = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return ret;
}
