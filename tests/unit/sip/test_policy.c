/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What crosses from one leg to the other, and what a refusal becomes. */
#include "sip-b2bua/b2b/policy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct sip_msg msg;
static char text[4096], out[4096];

static const struct sip_msg *parse(const char *headers)
{
	int n = snprintf(text, sizeof(text),
		"INVITE sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n"
		"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
		"Max-Forwards: 70\r\n%s\r\n",
		headers);

	if (sip_msg_parse(&msg, text, (size_t)n, false) < 0)
		fail_msg("%s in %s", msg.error, text);
	return &msg;
}

static const char *done(struct sip_buf *b)
{
	assert_false(b->overflow);
	out[b->n] = '\0';
	return out;
}

static void test_headers(void **state)
{
	static const struct {
		const char *in;
		enum policy_msg kind;
		const char *want;
	} rows[] = {
		{"Subject: host10\r\nX-A: b\r\nServer: s\r\nUser-Agent: u\r\nWarning: 399 h "
		 "\"x\"\r\n"
		 "Call-Info: <http://h>\r\nDiversion: <sip:h>\r\nSupported: timer\r\n"
		 "Session-Expires: 90\r\nHistory-Info: <sip:h>\r\nRecord-Route: <sip:h;lr>\r\n",
			POLICY_INVITE, ""},
		{"Priority: URGENT\r\n", POLICY_INVITE, "Priority: URGENT\r\n"},
		{"Priority: h.example\r\n", POLICY_INVITE, ""},
		{"Privacy: id\r\nP-Asserted-Identity: <sip:1@h>\r\n", POLICY_INVITE, ""},
		{"P-Early-Media: sendrecv, gated, secret\r\n", POLICY_PROVISIONAL,
			"P-Early-Media: sendrecv, gated\r\n"},
		{"P-Early-Media: sendrecv\r\n", POLICY_FAILURE, ""},
		{"Retry-After: 18 (in h.example);duration=5\r\n", POLICY_FAILURE,
			"Retry-After: 18\r\n"},
		{"Retry-After: 18\r\n", POLICY_INVITE, ""},
		{"Reason: Q.850;cause=17;text=\"h.example\", SIP;cause=486\r\n", POLICY_FAILURE,
			"Reason: Q.850;cause=17\r\nReason: SIP;cause=486\r\n"},
		{"Reason: Q.850;text=\"x\"\r\nReason: Q.850;cause=99999\r\n", POLICY_BYE, ""},
		{"Reason: Q.850;cause=16\r\n", POLICY_INVITE, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_buf b;

		sip_buf_init(&b, out, sizeof(out) - 1);
		policy_put_headers(&b, parse(rows[i].in), rows[i].kind);
		if (strcmp(done(&b), rows[i].want) != 0)
			fail_msg("row %zu: \"%s\", want \"%s\"", i, out, rows[i].want);
	}
}

static void test_addresses(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{"<sip:+49@10.9.9.9>", "sip:+49@192.0.2.1:5070"},
		{"\"A, B\" <sip:a@h.example:99;transport=tcp;user=phone>",
			"sip:a@192.0.2.1:5070;user=phone"},
		{"<sip:a:secret@h>", "sip:a@192.0.2.1:5070"},
		{"<sip:h.example>", "sip:192.0.2.1:5070"},
		{"<tel:+49-30;phone-context=h.example>", "sip:+49-30@192.0.2.1:5070;user=phone"},
		{"\"Anonymous\" <sip:anonymous@anonymous.invalid>",
			"sip:anonymous@anonymous.invalid"},
	};
	struct ipaddr host;

	assert_int_equal(ipaddr_parse_port(VIEW("192.0.2.1:5070"), 5060, &host), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_addr addr;
		struct sip_buf b;

		assert_int_equal(sip_addr_parse(view_of(rows[i].in), &addr), 0);
		sip_buf_init(&b, out, sizeof(out) - 1);
		policy_put_uri(&b, &addr.uri, &host);
		if (strcmp(done(&b), rows[i].want) != 0)
			fail_msg("row %zu: %s, want %s", i, out, rows[i].want);
	}
}

static void test_user_text(void **state)
{
	static const struct {
		const char *uri;
		int rc;
		const char *want;
	} rows[] = {
		{"sip:+4930@h", 0, "+4930"},
		{"sip:%2B4930%23@h", 0, "+4930#"},
		{"sip:1;npdi@h", 0, "1"},
		{"sip:h", -EINVAL, ""},
		{"tel:+49-30", 0, "+49-30"},
		{"sip:a%00b@h", -EINVAL, ""},
		{"sip:a%0D%0Ab@h", -EINVAL, ""},
		{"sip:12345678901234567890@h", -ENAMETOOLONG, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_uri uri;
		char got[16];

		assert_int_equal(sip_uri_parse(view_of(rows[i].uri), &uri), 0);
		if (policy_user_text(&uri, got, sizeof(got)) != rows[i].rc ||
			strcmp(got, rows[i].want) != 0)
			fail_msg("%s: \"%s\"", rows[i].uri, got);
	}
}

static void test_unsupported(void **state)
{
	static const struct {
		const char *in, *want; /* want NULL: nothing is required */
		unsigned int known;
	} rows[] = {
		{"", NULL, 0},
		{"Supported: 100rel\r\n", NULL, 0},
		{"Require: 100rel, timer\r\n", "Unsupported: 100rel, timer\r\n", 0},
		{"Require: 100REL, x\r\n", "Unsupported: x\r\n", POLICY_100REL},
		{"Require: 100rel\r\n", NULL, POLICY_100REL},
		{"Proxy-Require: 100rel\r\n", "Unsupported: 100rel\r\n", POLICY_100REL},
		{"Require: a\r\nProxy-Require: b\r\n", "Unsupported: a, b\r\n", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_buf b;

		sip_buf_init(&b, out, sizeof(out) - 1);
		assert_int_equal(policy_unsupported(parse(rows[i].in), rows[i].known, &b),
			rows[i].want != NULL);
		assert_string_equal(done(&b), rows[i].want ? rows[i].want : "");
	}
}

/* Every status becomes a refusal, never a success or a question to the caller about our hop. */
static void test_failures(void **state)
{
	for (unsigned int status = 300; status < 700; status++) {
		struct policy_failure f = policy_failure_of(status);

		assert_true(f.status >= 400 && f.status < 700);
		assert_true(f.q850 > 0 && f.q850 < 128);
		assert_true(f.status != 401 && f.status != 407 && f.status != 420 &&
			    f.status != 421 && f.status != 422 && f.status != 481);
		/* A busy or rejecting user is not asked again elsewhere. */
		if (status == 486 || status == 603 || status >= 600)
			assert_false(f.hunt);
	}
	assert_true(policy_failure_of(503).hunt);
	assert_true(policy_failure_of(408).hunt);
	assert_int_equal(policy_q850_of_status(200), 16);
	assert_int_equal(policy_status_of_q850(1), 404);
	assert_int_equal(policy_status_of_q850(17), 486);
	assert_int_equal(policy_status_of_q850(31), 480);
	assert_int_equal(policy_status_of_q850(34), 503);
	assert_int_equal(policy_status_of_q850(16), 480); /* no cause is a 2xx, or below 400 */
	assert_int_equal(policy_status_of_q850(127), 500);
	assert_int_equal(
		policy_reason_q850(parse("Reason: SIP;cause=486, Q.850;cause=17\r\n")), 17);
	assert_int_equal(policy_reason_q850(parse("Reason: Q.850;cause=0\r\n")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_user_text),
		cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
