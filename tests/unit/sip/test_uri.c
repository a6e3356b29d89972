/* SPDX-License-Identifier: GPL-3.0-or-later */
/* URIs: what parses, into what, and which are equivalent (RFC 3261 19.1, RFC 5118, RFC 3966). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>

#include "sip-b2bua/parser/sip_uri.h"

struct good_row {
	const char *text, *user, *password, *host;
	uint16_t port;
	const char *params, *headers;
	uint8_t scheme, host_kind;
};

#define NAME SIP_HOST_NAME
#define V4   SIP_HOST_IPV4
#define V6   SIP_HOST_IPV6

static const struct good_row good[] = {
	{"sip:a.example", NULL, NULL, "a.example", 0, NULL, NULL, SIP_SCHEME_SIP, NAME},
	{"SIPS:bob@a.example:5061", "bob", NULL, "a.example", 5061, NULL, NULL, SIP_SCHEME_SIPS,
		NAME},
	{"sip:alice:pw@192.0.2.1;transport=tcp;lr?Subject=x&P=y", "alice", "pw", "192.0.2.1", 0,
		"transport=tcp;lr", "Subject=x&P=y", SIP_SCHEME_SIP, V4},
	{"sip:bob@[2001:db8::10]:5070", "bob", NULL, "2001:db8::10", 5070, NULL, NULL,
		SIP_SCHEME_SIP, V6},
	{"sip:user@[2001:db8:::192.0.2.1]", "user", NULL, "2001:db8:::192.0.2.1", 0, NULL, NULL,
		SIP_SCHEME_SIP, V6},
	{"sip:[2001:db8::10]", NULL, NULL, "2001:db8::10", 0, NULL, NULL, SIP_SCHEME_SIP, V6},
	{"sip:+1-212-555-1212:1234@gw.example.com;user=phone", "+1-212-555-1212", "1234",
		"gw.example.com", 0, "user=phone", NULL, SIP_SCHEME_SIP, NAME},
	{"sip:user;par=u%40x@host", "user;par=u%40x", NULL, "host", 0, NULL, NULL, SIP_SCHEME_SIP,
		NAME},
	{"sip:*31#@host", "*31#", NULL, "host", 0, NULL, NULL, SIP_SCHEME_SIP, NAME},
	{"sip:a:@h", "a", "", "h", 0, NULL, NULL, SIP_SCHEME_SIP, NAME},
	{"tel:+1-201-555-0123", "+1-201-555-0123", NULL, NULL, 0, NULL, NULL, SIP_SCHEME_TEL, 0},
	{"tel:7042;phone-context=example.com", "7042", NULL, NULL, 0, "phone-context=example.com",
		NULL, SIP_SCHEME_TEL, 0},
	{"urn:service:sos", NULL, NULL, NULL, 0, NULL, NULL, SIP_SCHEME_OTHER, 0},
};

static void is_text(struct view v, const char *expected)
{
	if (expected == NULL) {
		assert_null(v.p);
		return;
	}
	assert_non_null(v.p);
	assert_int_equal(v.n, strlen(expected));
	assert_memory_equal(v.p, expected, v.n);
}

static void test_good(void **state)
{
	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct good_row *row = &good[i];
		struct sip_uri uri;
		assert_int_equal(sip_uri_parse(view_of(row->text), &uri), 0);
		assert_int_equal(uri.scheme, row->scheme);
		assert_int_equal(uri.host_kind, row->host_kind);
		assert_int_equal(uri.port, row->port);
		is_text(uri.text, row->text);
		is_text(uri.user, row->user);
		is_text(uri.password, row->password);
		is_text(uri.host, row->host);
		is_text(uri.params, row->params);
		is_text(uri.headers, row->headers);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = {"", "sip", "sip:", ":", "sip:@host", "sip:a@",
		"sip:a@b@c", "sip:host:", "sip:host:0", "sip:host:65536", "sip:host:99999999999",
		"sip:host:5x", "sip:ho st", "sip:a b@host", "sip:%4@host", "sip:%zz@host",
		"sip:[::1", "sip:::1", "sip:[", "sip:[]", "sip:[2001:db8:::1]",
		"sip:[2001:db8::::192.0.2.1]", "sip:[2001::db8:::192.0.2.1]",
		"sip:[1:2:3:4:5:6:::192.0.2.1]", "sip:[:::1:192.0.2.1]", "sip:[192.0.2.1]",
		"sip:[2001:db8::g]", "sip:192.0.2.256", "sip:1.2.3", "sip:host;", "sip:host;;a",
		"sip:host;a=", "sip:host;a=\"b\"", "sip:host;=b", "sip:host?", "sip:host?a",
		"sip:host?a=b&", "sip:host?=b", "sip:host>", "<sip:host>", "tel:", "tel:12x",
		"tel:12;", "tel:+", "tel:-.-", "tel:1+2", "1abc:x", "a%:x", "a_b:x", "http://a b",
		"mailto:", "sip:a\r\nb@host", "sip:host;a=b c"};
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sip_uri uri;
		if (sip_uri_parse(view_of(bad[i]), &uri) != -EINVAL)
			fail_msg("taken: '%s'", bad[i]);
	}
}

struct pair_row {
	const char *a, *b;
	bool equal;
};

/* The examples of RFC 3261 19.1.4, then our own. */
static const struct pair_row pairs[] = {
	{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true},
	{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
	{"sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true},
	{"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
	{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
		"sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
	{"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
		"sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
	{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
	{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
	{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
	{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
	{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
	{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
	{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
	{"sip:a@h", "sips:a@h", false},
	{"sip:h", "sip:a@h", false},
	{"sip:a@h", "sip:a:pw@h", false},
	{"sip:a@h;maddr=1", "sip:a@h", false},
	{"sip:a@[2001:db8:0::1]", "sip:a@[2001:DB8::1]", true},
	{"sip:a@[2001:db8::1]", "sip:a@[2001:db8::2]", false},
	{"sip:a@[2001:db8:::192.0.2.1]", "sip:a@[2001:db8::192.0.2.1]", true},
	{"sip:a@[2001:db8:::192.0.2.1]", "sip:a@[2001:db8::192.0.2.2]", false},
	{"tel:+1-201-555-0123", "tel:+1(201)5550123", true},
	{"tel:+12015550123", "tel:+12015550124", false},
	{"tel:123;phone-context=a.b", "tel:123", false},
	{"urn:service:sos", "urn:service:sos", true},
	{"urn:service:sos", "urn:service:fire", false},
};

static void test_equal(void **state)
{
	for (unsigned int i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct sip_uri a, b;
		assert_int_equal(sip_uri_parse(view_of(pairs[i].a), &a), 0);
		assert_int_equal(sip_uri_parse(view_of(pairs[i].b), &b), 0);
		if (sip_uri_equal(&a, &b) != pairs[i].equal ||
			sip_uri_equal(&b, &a) != pairs[i].equal)
			fail_msg("%s and %s: not %d", pairs[i].a, pairs[i].b, pairs[i].equal);
		assert_true(sip_uri_equal(&a, &a));
	}
}

static void test_params(void **state)
{
	struct view rest = VIEW("a = 1 ; b;c=\"x;\\\"y\" ; D=4"), name, value;
	assert_true(sip_params_next(&rest, &name, &value));
	is_text(name, "a");
	is_text(value, "1");
	assert_true(sip_params_next(&rest, &name, &value));
	is_text(name, "b");
	assert_null(value.p);
	assert_true(sip_params_next(&rest, &name, &value));
	is_text(value, "\"x;\\\"y\"");
	assert_true(sip_params_next(&rest, &name, &value));
	is_text(name, "D");
	assert_false(sip_params_next(&rest, &name, &value));
	assert_true(sip_params_get(VIEW("a=1;d=4"), VIEW("D"), &value));
	is_text(value, "4");
	assert_false(sip_params_has(VIEW("a=1;d=4"), VIEW("e")));
	assert_false(sip_params_has((struct view){NULL, 0}, VIEW("e")));
	/* A malformed list ends, it does not loop. */
	rest = VIEW(";;x");
	assert_false(sip_params_next(&rest, &name, &value));
	assert_false(sip_params_next(&rest, &name, &value));
}

static void test_addr(void **state)
{
	struct sip_uri uri;
	struct ipaddr addr;
	char text[IPADDR_TEXT_MAX];
	assert_int_equal(sip_uri_parse(VIEW("sip:a@192.0.2.7"), &uri), 0);
	assert_int_equal(sip_uri_addr(&uri, &addr), 0);
	assert_string_equal(ipaddr_print_port(&addr, text), "192.0.2.7:5060");
	assert_int_equal(sip_uri_parse(VIEW("sips:a@[2001:db8::7]"), &uri), 0);
	assert_int_equal(sip_uri_addr(&uri, &addr), 0);
	assert_string_equal(ipaddr_print_port(&addr, text), "[2001:db8::7]:5061");
	assert_int_equal(sip_uri_parse(VIEW("sip:a@example.com"), &uri), 0);
	assert_int_equal(sip_uri_addr(&uri, &addr), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_addr),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
