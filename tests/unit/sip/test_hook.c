/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What route-hooks are asked and say: good answers, and each kind of a bad one. */
#include "sip-b2bua/hook/hook_answer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_good(void **state)
{
	static const char text[] =
		"{\"targets\":[{\"trunk\":\"carrier1\",\"called\":\"+4930\"},{\"dial_peer\":20},"
		"{\"uri\":\"sip:0800;npdi@192.0.2.7:5070;transport=udp\"},"
		"{\"uri\":\"sips:sip.example.com\",\"calling\":\"5\"},"
		"{\"uri\":\"sip:[2001:db8::7]\"}],"
		"\"called\":\"77\",\"calling\":\"88\",\"ttl\":30,\"comment\":[\"not ours\"]}";
	struct hook_answer a;
	char why[HOOK_REASON_MAX], addr[IPADDR_TEXT_MAX];

	if (hook_answer_read(view_of(text), &a, why) < 0)
		fail_msg("%s", why);
	assert_int_equal(a.n, 5);
	assert_int_equal(a.reject, 0);
	assert_int_equal(a.ttl_s, 30);
	assert_int_equal(a.target[0].kind, HOOK_TRUNK);
	assert_string_equal(a.target[0].name, "carrier1");
	assert_string_equal(a.target[0].called, "+4930");
	assert_string_equal(a.target[0].calling, "88");
	assert_int_equal(a.target[1].kind, HOOK_DIAL_PEER);
	assert_int_equal(a.target[1].tag, 20);
	assert_string_equal(a.target[1].called, "77");
	assert_int_equal(a.target[2].kind, HOOK_URI);
	assert_string_equal(ipaddr_print_port(&a.target[2].addr, addr), "192.0.2.7:5070");
	assert_string_equal(a.target[2].called, "0800");
	assert_false(ipaddr_is_set(&a.target[3].addr));
	assert_string_equal(a.target[3].name, "sip.example.com");
	assert_string_equal(a.target[3].called, "77");
	assert_string_equal(a.target[3].calling, "5");
	assert_string_equal(ipaddr_print_port(&a.target[4].addr, addr), "[2001:db8::7]:5060");

	assert_int_equal(hook_answer_read(view_of("{\"targets\":[]}"), &a, why), 0);
	assert_int_equal(a.n, 0);
	assert_int_equal(a.ttl_s, HOOK_TTL_UNSAID);
	assert_int_equal(hook_answer_read(view_of("{\"reject\":{}}"), &a, why), 0);
	assert_int_equal(a.reject, 403);
	assert_string_equal(a.reason, "");
	assert_int_equal(
		hook_answer_read(
			view_of("{\"reject\":{\"status\":603,\"reason\":\"not you\"}}"), &a, why),
		0);
	assert_int_equal(a.reject, 603);
	assert_string_equal(a.reason, "not you");
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", "it is no JSON: line 1"},
		{"<html>busy</html>", "it is no JSON: line 1"},
		{"{\"targets\":[", "it is no JSON: line 1"},
		{"{\"targets\":[]} x", "it is no JSON: line 1"},
		{"{\"targets\":[],\"targets\":[]}", "it is no JSON: line 1: duplicate"},
		{"[]", "it is no JSON object"},
		{"7", "it is no JSON"},
		{"{}", "it has neither \"targets\" nor \"reject\""},
		{"{\"targets\":[],\"reject\":{}}", "it has \"targets\" and \"reject\""},
		{"{\"targets\":{}}", "its \"targets\" are no list"},
		{"{\"targets\":[1]}", "one of its targets is no object"},
		{"{\"targets\":[{}]}", "one of its targets is not exactly one of"},
		{"{\"targets\":[{\"trunk\":\"a\",\"dial_peer\":1}]}",
			"one of its targets is not exactly one of"},
		{"{\"targets\":[{\"trunk\":7}]}", "its \"trunk\" is no text of at most 31"},
		{"{\"targets\":[{\"trunk\":\"\"}]}", "its \"trunk\" is no text of at most 31"},
		{"{\"targets\":[{\"trunk\":\"0123456789012345678901234567890123\"}]}",
			"its \"trunk\" is no text of at most 31"},
		{"{\"targets\":[{\"dial_peer\":0}]}", "its \"dial_peer\" is no number from 1"},
		{"{\"targets\":[{\"dial_peer\":\"5\"}]}", "its \"dial_peer\" is no number from 1"},
		{"{\"targets\":[{\"uri\":\"tel:+4930\"}]}", "its \"uri\" is no SIP URI"},
		{"{\"targets\":[{\"uri\":\"sip:\"}]}", "its \"uri\" is no SIP URI"},
		{"{\"targets\":[{\"uri\":\"sip:a%20b@h\"}]}", "the user part of its \"uri\""},
		{"{\"targets\":[{\"trunk\":\"a\",\"called\":\"1 2\"}]}",
			"its \"called\" is no text"},
		{"{\"targets\":[{\"trunk\":\"a\",\"called\":\"1\\r\\nX: y\"}]}",
			"its \"called\" is no text"},
		{"{\"targets\":[{\"trunk\":\"a\",\"called\":\"1\\u0000\"}]}",
			"it is no JSON: line 1"},
		{"{\"targets\":[{\"trunk\":\"a\",\"calling\":\"<>\"}]}",
			"its \"calling\" is no text"},
		{"{\"targets\":[],\"ttl\":-1}", "its \"ttl\" is no number from 0"},
		{"{\"targets\":[],\"ttl\":1.5}", "its \"ttl\" is no number from 0"},
		{"{\"reject\":403}", "its \"reject\" is no object"},
		{"{\"reject\":{\"status\":302}}", "its \"status\" is no number from 400"},
		{"{\"reject\":{\"status\":407}}", "no call can be refused with its status 407"},
		{"{\"reject\":{\"reason\":\"a\\nb\"}}", "its \"reason\" is no text"},
		{"{\"targets\":[{\"trunk\":\"a\"},{\"trunk\":\"a\"},{\"trunk\":\"a\"},"
		 "{\"trunk\":\"a\"},{\"trunk\":\"a\"},{\"trunk\":\"a\"},{\"trunk\":\"a\"},"
		 "{\"trunk\":\"a\"},{\"trunk\":\"a\"}]}",
			"it has more than 8 targets"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hook_answer a = {.n = 77};
		char why[HOOK_REASON_MAX] = "";

		if (hook_answer_read(view_of(rows[i].text), &a, why) != -EINVAL ||
			strncmp(why, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("row %zu: \"%s\", want \"%s\"", i, why, rows[i].why);
		assert_int_equal(a.n, 77);
	}
}

static void test_long(void **state)
{
	char *text = malloc(HOOK_BODY_MAX + 2), why[HOOK_REASON_MAX];
	struct hook_answer a;

	assert_non_null(text);
	memset(text, ' ', HOOK_BODY_MAX + 2);
	memcpy(text, "{\"targets\":[]}", 14);
	assert_int_equal(hook_answer_read((struct view){text, HOOK_BODY_MAX}, &a, why), 0);
	assert_int_equal(
		hook_answer_read((struct view){text, HOOK_BODY_MAX + 1}, &a, why), -EINVAL);
	/* Deep nesting ends in an error, not in the stack. */
	memset(text, '[', HOOK_BODY_MAX);
	assert_int_equal(hook_answer_read((struct view){text, HOOK_BODY_MAX}, &a, why), -EINVAL);
	free(text);
}

static void test_question(void **state)
{
	char *text = hook_question_text(&(struct hook_question){.call_id = 0x1234,
		.sip_call_id = "a\"b@c",
		.calling = "+4930",
		.called = "+4940",
		.calling_in = "030",
		.called_in = "040",
		.realm = "access",
		.trunk = "pbx",
		.dial_peer = 40,
		.verdict = "passed",
		.attest = 'A'});

	assert_non_null(text);
	assert_string_equal(text,
		"{\"call_id\":\"0000000000001234\",\"sip_call_id\":\"a\\\"b@c\",\"calling\":\"+"
		"4930\","
		"\"called\":\"+4940\",\"calling_received\":\"030\",\"called_received\":\"040\","
		"\"realm\":\"access\",\"trunk\":\"pbx\",\"dial_peer\":40,\"identity\":{\"verdict\":"
		"\"passed\",\"attestation\":\"A\"}}");
	free(text);
	/* What is no UTF-8 cannot be asked. */
	assert_null(hook_question_text(&(struct hook_question){.sip_call_id = "\xff",
		.calling = "",
		.called = "",
		.calling_in = "",
		.called_in = "",
		.realm = "",
		.trunk = "",
		.verdict = ""}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
