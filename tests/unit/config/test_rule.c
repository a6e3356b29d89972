/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of access lists: what is typed, what stands in the configuration, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/config/rule.h"

static const struct {
	unsigned int family;
	const char *in, *out; /* out NULL: as it was typed */
} good[] = {
	{4, "10 permit ip any any", NULL},
	{4, "  20   deny  ip host 192.0.2.1   any ", "20 deny ip host 192.0.2.1 any"},
	{4, "permit tcp 192.0.2.0 0.0.0.255 any eq ssh", "permit tcp 192.0.2.0/24 any eq 22"},
	{4, "permit tcp 192.0.2.77/24 any", "permit tcp 192.0.2.0/24 any"},
	{4, "permit tcp 192.0.2.1 0.0.0.0 any", "permit tcp host 192.0.2.1 any"},
	{4, "permit tcp 10.0.0.5 0.255.255.0 any", "permit tcp 10.0.0.5 0.255.255.0 any"},
	{4, "permit tcp 0.0.0.0/0 any", "permit tcp any any"},
	{4, "permit udp any range 10000 20000 host 192.0.2.1 eq domain",
		"permit udp any range 10000 20000 host 192.0.2.1 eq 53"},
	{4, "permit udp any gt 1023 any lt 1024",
		"permit udp any range 1024 65535 any range 0 1023"},
	{4, "permit udp any range 0 65535 any", "permit udp any any"},
	{4, "permit tcp any any established", NULL},
	{4, "permit tcp any eq 179 any established", NULL},
	{4, "deny ip 10.0.0.0/8 any fragments", NULL},
	{4, "permit icmp any any echo", NULL},
	{4, "permit icmp any any 8", "permit icmp any any echo"},
	{4, "permit icmp any any unreachable 4", NULL},
	{4, "permit 89 any any", "permit ospf any any"},
	{4, "permit 6 any any eq 22", "permit tcp any any eq 22"},
	{4, "permit 200 any any", NULL},
	{4, "2147483647 permit ip any any", NULL},
	{4, "30 remark permit nothing, \"really\"", NULL},
	{6, "10 permit ipv6 any any", NULL},
	{6, "sequence 10 permit udp 2001:db8::/32 host 2001:db8::1 eq 5060",
		"10 permit udp 2001:db8::/32 host 2001:db8::1 eq 5060"},
	{6, "permit icmp any any nd-ns", NULL},
	{6, "permit icmp any any echo", NULL},
	{6, "permit 58 any any 128", "permit icmp any any echo"},
	{6, "permit tcp 2001:DB8:0::1/64 any", "permit tcp 2001:db8::/64 any"},
};

static const struct {
	unsigned int family;
	const char *in, *error;
} bad[] = {
	{4, "", "permit, deny or remark is expected, not the end"},
	{4, "10", "permit, deny or remark is expected, not the end"},
	{4, "0 permit ip any any", "a number from 1 to"},
	{4, "allow ip any any", "not \"allow\""},
	{4, "permit", "a protocol"},
	{4, "permit quic any any", "a protocol"},
	{4, "permit 256 any any", "a protocol"},
	{4, "permit ipv6 any any", "a protocol"},
	{4, "permit ip", "any, host A.B.C.D"},
	{4, "permit ip any", "any, host A.B.C.D"},
	{4, "permit ip any 192.0.2.1", "a wildcard as 0.0.0.255"},
	{4, "permit ip any host", "any, host A.B.C.D"},
	{4, "permit ip any 192.0.2.1/33", "length of its prefix"},
	{4, "permit ip any 192.0.2.1/", "length of its prefix"},
	{4, "permit ip any 2001:db8::/32", "any, host A.B.C.D"},
	{4, "permit ip any any eq 5", "the end of the line is expected, not \"eq\""},
	{4, "permit udp any any eq", "a port is expected"},
	{4, "permit udp any any eq 65536", "a port is expected"},
	{4, "permit udp any any range 5", "a port is expected"},
	{4, "permit udp any any range 6 5", "these ports are none"},
	{4, "permit udp any any gt 65535", "these ports are none"},
	{4, "permit udp any any lt 0", "these ports are none"},
	{4, "permit udp any any neq 5", "the end of the line"},
	{4, "permit udp any any established", "the end of the line"},
	{4, "permit tcp any any eq 5 fragments", "neither ports nor types"},
	{4, "permit icmp any any pong", "a type of ICMP"},
	{4, "permit icmp any any nd-ns", "a type of ICMP"},
	{4, "permit icmp any any 8 x", "a code of ICMP"},
	{4, "permit ip any any log", "nothing is logged"},
	{4, "permit ip any any any", "the end of the line"},
	{4, "remark", "a remark has"},
	{4,
		"remark 0123456789012345678901234567890123456789012345678901234567890123456789"
		"01234567890",
		"a remark has"},
	{4, "remark \x1b[2J", "plain ASCII"},
	{6, "permit ip any any", "a protocol"},
	{6, "permit udp 192.0.2.0 0.0.0.255 any", "any, host X:X::X"},
	{6, "permit udp 2001:db8::1 any", "host X:X::X or X:X::X/LEN"},
	{6, "permit 44 any any", "an extension header"},
	{6, "permit ahp any any", "a protocol"},
};

static void test_table(void **state)
{
	char error[CFG_ERROR_MAX], text[CFG_VALUE_MAX];
	struct cfg_rule rule, again;

	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char *want = good[i].out ? good[i].out : good[i].in;
		if (cfg_rule_parse(good[i].family, view_of(good[i].in), &rule, error) < 0)
			fail_msg("%s: %s", good[i].in, error);
		assert_string_equal(cfg_rule_print(good[i].family, &rule, text), want);
		assert_int_equal(cfg_rule_parse(good[i].family, view_of(text), &again, error), 0);
		assert_memory_equal(&rule, &again, sizeof(rule));
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error[0] = 0;
		assert_int_equal(
			cfg_rule_parse(bad[i].family, view_of(bad[i].in), &rule, error), -EINVAL);
		if (!strstr(error, bad[i].error))
			fail_msg("%s: %s", bad[i].in, error);
	}
}

/* In a list: places by number, one without goes behind, one number has one rule. */
static void test_list(void **state)
{
	const struct cfg_leaf *leaf = cfg_leaf_find(CFG_ACCESS_LIST4, "rules");
	static struct cfg_access_list list;
	char error[CFG_ERROR_MAX], text[CFG_VALUE_MAX];
	static const char *const in[] = {"permit tcp any any eq 22", "permit tcp any any eq 80",
		"15 deny tcp any any eq 23", "permit tcp any any eq 22",
		"20 permit tcp any any eq 443", "5 remark first", "permit udp any any"};
	static const char *const out[] = {"5 remark first", "10 permit tcp any any eq 22",
		"15 deny tcp any any eq 23", "20 permit tcp any any eq 443",
		"30 permit udp any any"};

	for (unsigned int i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		assert_int_equal(cfg_leaf_set(leaf, &list, view_of(in[i]), error), 0);
	assert_int_equal(list.n_rules, 5);
	for (unsigned int i = 0; i < 5; i++)
		assert_string_equal(cfg_value_print(leaf, &list.rules[i], text), out[i]);
	assert_int_equal(cfg_leaf_remove(leaf, &list, view_of("15"), error), 0);
	assert_int_equal(cfg_leaf_remove(leaf, &list, view_of("15"), error), -ENOENT);
	assert_int_equal(cfg_leaf_remove(leaf, &list, view_of("permit udp any any"), error), 0);
	assert_int_equal(
		cfg_leaf_remove(leaf, &list, view_of("20 permit tcp any any eq 22"), error),
		-ENOENT);
	assert_int_equal(
		cfg_leaf_remove(leaf, &list, view_of("10 permit tcp any any eq 22"), error), 0);
	assert_int_equal(list.n_rules, 2);
	for (unsigned int i = list.n_rules; i < CFG_RULES_MAX; i++) {
		snprintf(text, sizeof(text), "permit udp any any eq %u", i);
		assert_int_equal(cfg_leaf_set(leaf, &list, view_of(text), error), 0);
	}
	assert_int_equal(cfg_leaf_set(leaf, &list, view_of("permit ip any any"), error), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
