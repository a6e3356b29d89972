/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fingerprints of SDP: what is taken, what is refused, and the way back. */
#include "controlplane/api/fingerprint.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define B8  "00:11:22:33:44:55:66:77"
#define B16 B8 ":" B8
#define B32 B16 ":" B16

static const struct {
	const char *text;
	int result;
	uint8_t hash, len;
} cases[] = {
	{"sha-256 " B32, 0, FINGERPRINT_SHA_256, 32},
	{"SHA-256  " B32 " ", 0, FINGERPRINT_SHA_256, 32},
	{"sha-384 " B32 ":" B16, 0, FINGERPRINT_SHA_384, 48},
	{"sha-512 " B32 ":" B32, 0, FINGERPRINT_SHA_512, 64},
	{"sha-1 " B16 ":00:11:22:33", -ENOTSUP, 0, 0},
	{"md5 " B16, -ENOTSUP, 0, 0},
	{"sha-256", -EINVAL, 0, 0},
	{"", -EINVAL, 0, 0},
	{" " B32, -ENOTSUP, 0, 0},
	{"sha-256 " B16, -EINVAL, 0, 0},
	{"sha-256 " B32 ":00", -EINVAL, 0, 0},
	{"sha-256 " B32 ":", -EINVAL, 0, 0},
	{"sha-256 " B16 ":" B8 ":00:11:22:33:44:55:66:7g", -EINVAL, 0, 0},
	{"sha-256 " B16 ":" B8 ":00:11:22:33:44:55-66:77", -EINVAL, 0, 0},
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fingerprint f;
		memset(&f, 0xa5, sizeof(f));
		assert_int_equal(fingerprint_parse(view_of(cases[i].text), &f), cases[i].result);
		if (cases[i].result < 0) {
			assert_int_equal(f.hash, 0xa5); /* untouched */
			continue;
		}
		assert_int_equal(f.hash, cases[i].hash);
		assert_int_equal(f.len, cases[i].len);
		assert_int_equal(f.value[9], 0x11);
	}
}

static void test_print(void **state)
{
	char text[FINGERPRINT_TEXT], upper[FINGERPRINT_TEXT];
	struct fingerprint f;

	for (size_t i = 0; i < 4; i++) {
		struct fingerprint back;
		assert_int_equal(fingerprint_parse(view_of(cases[i].text), &f), 0);
		f.value[1] = 0xab;
		assert_true(fingerprint_valid(&f));
		fingerprint_print(&f, text);
		assert_int_equal(fingerprint_parse(view_of(text), &back), 0);
		assert_memory_equal(&f, &back, sizeof(f));
		strcpy(upper, text);
		assert_non_null(strstr(upper, "00:AB:22"));
	}
}

static void test_valid(void **state)
{
	struct fingerprint f = {0};

	assert_true(fingerprint_valid(&f)); /* none */
	f.value[0] = 1;
	assert_false(fingerprint_valid(&f));
	assert_int_equal(fingerprint_parse(view_of(cases[0].text), &f), 0);
	f.value[32] = 1;
	assert_false(fingerprint_valid(&f));
	f.value[32] = 0;
	f.len = 48;
	assert_false(fingerprint_valid(&f));
	f.hash = FINGERPRINT_HASHES;
	assert_false(fingerprint_valid(&f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
