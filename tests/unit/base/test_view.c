/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of controlplane/base/view.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/view.h"

static void test_compare(void **state)
{
	assert_true(view_eq(VIEW(""), (struct view){NULL, 0}));
	assert_true(view_eq(VIEW("abc"), VIEW("abc")));
	assert_false(view_eq(VIEW("abc"), VIEW("abC")));
	assert_true(view_eq_nocase(VIEW("Via-Z["), VIEW("vIA-z[")));
	assert_false(view_eq_nocase(VIEW("["), VIEW("{")));
	assert_false(view_eq_nocase(VIEW("@"), VIEW("`")));
	assert_false(view_eq_nocase(VIEW("ab"), VIEW("abc")));
}

static void test_trim(void **state)
{
	assert_true(view_eq(view_trim(VIEW(" \t\r\na b\n ")), VIEW("a b")));
	assert_int_equal(view_trim(VIEW(" \t ")).n, 0);
	assert_int_equal(view_trim(VIEW("")).n, 0);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int ret;
		uint64_t value;
	} rows[] = {
		{"0", 0, 0, 0},
		{"0042", 42, 0, 42},
		{"65535", 65535, 0, 65535},
		{"65536", 65535, -ERANGE, 0},
		{"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, -ERANGE, 0},
		{"99999999999999999999999", UINT64_MAX, -ERANGE, 0},
		{"", 9, -EINVAL, 0},
		{"+1", 9, -EINVAL, 0},
		{" 1", 9, -EINVAL, 0},
		{"99999999999x", 9, -EINVAL, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t value = 77;
		assert_int_equal(
			view_to_u64(view_of(rows[i].text), rows[i].max, &value), rows[i].ret);
		assert_true(value == (rows[i].ret == 0 ? rows[i].value : 77));
	}
}

static void test_copy(void **state)
{
	char buf[4] = "zzz";

	assert_int_equal(view_copy(VIEW("abc"), buf, sizeof(buf)), 0);
	assert_string_equal(buf, "abc");
	assert_int_equal(view_copy(VIEW("abcd"), buf, sizeof(buf)), -ENAMETOOLONG);
	assert_string_equal(buf, "");
	assert_int_equal(view_copy((struct view){"a\0b", 3}, buf, sizeof(buf)), -EINVAL);
	assert_string_equal(buf, "");
	assert_int_equal(view_copy((struct view){NULL, 0}, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
	assert_int_equal(view_copy(VIEW(""), buf, 0), -ENAMETOOLONG);
}

/* Each octet at each place, with others like it behind. */
static void test_plain(void **state)
{
	char text[40];

	assert_int_equal(view_plain_len((struct view){NULL, 0}), 0);
	for (unsigned int c = 0; c < 256; c++) {
		bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
		for (size_t n = 1; n <= sizeof(text); n++) {
			for (size_t at = 0; at < n; at++) {
				memset(text, 'a' + (int)(c % 7), sizeof(text));
				text[at] = (char)c;
				assert_int_equal(
					view_plain_len((struct view){text, n}), plain ? n : at);
				memset(text + at, (int)c, sizeof(text) - at);
				assert_int_equal(
					view_plain_len((struct view){text, n}), plain ? n : at);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
