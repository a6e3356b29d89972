/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of controlplane/base/ipaddr.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/ipaddr.h"

static void test_parse_print(void **state)
{
	static const struct {
		const char *text;
		const char *with_port; /* NULL: refused */
	} rows[] = {
		{"192.0.2.1:5060", "192.0.2.1:5060"},
		{"192.0.2.1", "192.0.2.1:7"},
		{"[2001:db8::1]:65535", "[2001:db8::1]:65535"},
		{"2001:db8::1", "[2001:db8::1]:7"},
		{"[::1]", "[::1]:7"},
		{"::", "[::]:7"},
		{"192.0.2.1:65536", NULL},
		{"192.0.2.1:", NULL},
		{"192.0.2.256", NULL},
		{"192.0.2", NULL},
		{"[192.0.2.1]:5", NULL},
		{"[2001:db8::1", NULL},
		{"[2001:db8::1]5", NULL},
		{"[2001:db8::1]:x", NULL},
		{"", NULL},
		{":5060", NULL},
		{"host", NULL},
		{" 192.0.2.1", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipaddr a = {.family = 9};
		char buf[IPADDR_TEXT_MAX];
		int ret = ipaddr_parse_port(view_of(rows[i].text), 7, &a);
		if (rows[i].with_port == NULL) {
			assert_int_equal(ret, -EINVAL);
			assert_int_equal(a.family, 9);
			continue;
		}
		assert_int_equal(ret, 0);
		assert_true(ipaddr_valid(&a));
		assert_string_equal(ipaddr_print_port(&a, buf), rows[i].with_port);
	}
}

/* Both take the same texts. */
static void test_ipv4_is_inet_pton(void **state)
{
	static const char *const texts[] = {"0.0.0.0", "255.255.255.255", "256.0.0.0", "260.0.0.0",
		"1.2.3.299", "1.2.3.1000", "01.2.3.4", "1.2.3.00", "1.2.3.0", "1.2.3.4.",
		"1.2.3.4.5", "1..3.4", ".1.2.3", "1.2.3.", "1.2.3", "1.2.3.4 ", "1.2.3.a",
		"25a.2.3.4", "1.2.3.4294967297", "-1.2.3.4", "+1.2.3.4", "1,2.3.4", "192.0.2.17",
		""};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint8_t ours[4] = {9, 9, 9, 9}, theirs[4] = {9, 9, 9, 9};
		bool good = inet_pton(AF_INET, texts[i], theirs) == 1;
		if (ipaddr_parse_ipv4(view_of(texts[i]), ours) != good)
			fail_msg("%s", texts[i]);
		if (good)
			assert_memory_equal(ours, theirs, sizeof(ours));
		else
			assert_int_equal(ours[0], 9);
	}
}

static void test_long_text(void **state)
{
	const struct view longest = VIEW("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535");
	struct ipaddr a;
	char buf[IPADDR_TEXT_MAX];

	assert_int_equal(ipaddr_parse_port(longest, 0, &a), 0);
	assert_string_equal(
		ipaddr_print_port(&a, buf), "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	assert_string_equal(ipaddr_print(&a, buf), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	a.family = 0;
	assert_string_equal(ipaddr_print(&a, buf), "-");
}

static void test_valid(void **state)
{
	struct ipaddr a = {0};

	assert_true(ipaddr_valid(&a));
	assert_false(ipaddr_is_set(&a));
	a.port_be16 = 1;
	assert_false(ipaddr_valid(&a));
	assert_int_equal(ipaddr_parse(VIEW("192.0.2.1"), 5060, &a), 0);
	assert_int_equal(ipaddr_port(&a), 5060);
	a.ip[4] = 1;
	assert_false(ipaddr_valid(&a));
	a.ip[4] = 0;
	a.zero = 1;
	assert_false(ipaddr_valid(&a));
	a.zero = 0;
	a.family = 5;
	assert_false(ipaddr_valid(&a));
	a.family = 6;
	assert_true(ipaddr_valid(&a));
}

static void test_kinds(void **state)
{
	static const struct {
		const char *text;
		int any, multicast;
	} rows[] = {
		{"0.0.0.0", 1, 0},
		{"::", 1, 0},
		{"0.0.0.1", 0, 0},
		{"::1", 0, 0},
		{"223.255.255.255", 0, 0},
		{"224.0.0.1", 0, 1},
		{"239.1.1.1", 0, 1},
		{"240.0.0.1", 0, 0},
		{"ff02::1", 0, 1},
		{"fe80::1", 0, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipaddr a;
		assert_int_equal(ipaddr_parse(view_of(rows[i].text), 0, &a), 0);
		assert_int_equal(ipaddr_is_any(&a), rows[i].any);
		assert_int_equal(ipaddr_is_multicast(&a), rows[i].multicast);
	}
	struct ipaddr none = {0};
	assert_false(ipaddr_is_any(&none));
}

static void test_sockaddr(void **state)
{
	static const char *const rows[] = {"192.0.2.1:5060", "[2001:db8::1]:9"};
	struct sockaddr_storage ss;
	struct ipaddr a, b;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(ipaddr_parse_port(view_of(rows[i]), 0, &a), 0);
		socklen_t len = ipaddr_to_sockaddr(&a, &ss);
		assert_int_equal(
			len, i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		assert_int_equal(ipaddr_from_sockaddr((struct sockaddr *)&ss, &b), 0);
		assert_true(ipaddr_equal(&a, &b));
		b.port_be16 = 0;
		assert_false(ipaddr_equal(&a, &b));
		assert_true(ipaddr_same_ip(&a, &b));
	}
	assert_int_equal(ipaddr_parse_port(VIEW("[::ffff:192.0.2.9]:5"), 0, &a), 0);
	ipaddr_to_sockaddr(&a, &ss);
	assert_int_equal(ipaddr_from_sockaddr((struct sockaddr *)&ss, &b), 0);
	assert_int_equal(ipaddr_parse_port(VIEW("192.0.2.9:5"), 0, &a), 0);
	assert_true(ipaddr_equal(&a, &b));
	ss.ss_family = AF_UNIX;
	assert_int_equal(ipaddr_from_sockaddr((struct sockaddr *)&ss, &b), -EAFNOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_print),
		cmocka_unit_test(test_ipv4_is_inet_pton),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_sockaddr),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
