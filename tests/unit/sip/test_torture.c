/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The 49 messages of RFC 4475, each with what its section asks of a parser: 0 parses (what is wrong
 * with it is for the layers above), else the status of the answer (responses: they are dropped).
 * And messages like those of RFC 5118, of which one is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "sip-b2bua/parser/sip_build.h"

struct row {
	const char *name;
	uint16_t status; /* 0: parses */
	bool answerable;
	const char *method; /* of the request line; NULL: not looked at */
	unsigned int n_hdrs;
};

static const struct row rows[] = {
	/* 3.1.1 valid */
	{"wsinv", 0, false, "INVITE", 14},
	{"intmeth", 0, false, "!interesting-Method0123456789_*+`.%indeed'~", 8},
	{"esc01", 0, false, "INVITE", 9},
	{"escnull", 0, false, "REGISTER", 9},
	{"esc02", 0, false, "RE%47IST%45R", 10},
	{"lwsdisp", 0, false, "OPTIONS", 7},
	{"longreq", 0, false, "INVITE", 43},
	{"dblreq", 0, false, "REGISTER", 8},
	{"semiuri", 0, false, "OPTIONS", 8},
	{"transports", 0, false, "OPTIONS", 12},
	{"mpart01", 0, false, "MESSAGE", 14},
	{"unreason", 0, false, NULL, 8},
	{"noreason", 0, false, NULL, 7},
	/* 3.1.2 invalid */
	{"badinv01", 400, true, NULL, 0},
	{"clerr", 400, true, NULL, 0},
	{"ncl", 400, true, NULL, 0},
	{"scalar02", 400, true, NULL, 0},
	{"scalarlg", 400, false, NULL, 0},
	{"quotbal", 400, true, NULL, 0},
	{"ltgtruri", 400, true, NULL, 0},
	{"lwsruri", 400, true, NULL, 0},
	{"lwsstart", 400, true, NULL, 0},
	{"trws", 400, true, NULL, 0},
	{"escruri", 400, true, NULL, 0},
	{"baddate", 400, true, NULL, 0},
	{"regbadct", 400, true, NULL, 0},
	{"badaspec", 400, true, NULL, 0},
	{"baddn", 400, true, NULL, 0},
	{"badvers", 505, true, NULL, 0},
	{"mismatch01", 400, true, NULL, 0},
	{"mismatch02", 400, true, NULL, 0},
	{"bigcode", 400, false, NULL, 0},
	/* 3.2 to 3.4 */
	{"badbranch", 0, false, "OPTIONS", 8},
	{"insuf", 400, true, NULL, 0},
	{"unkscm", 0, false, "OPTIONS", 7},
	{"novelsc", 0, false, "OPTIONS", 7},
	{"unksm2", 0, false, "REGISTER", 8},
	{"bext01", 0, false, "OPTIONS", 9},
	{"invut", 0, false, "INVITE", 9},
	{"regaut01", 0, false, "REGISTER", 8},
	{"multi01", 400, true, NULL, 0},
	{"mcl01", 400, true, NULL, 0},
	{"bcast", 0, false, NULL, 9},
	{"zeromf", 0, false, "OPTIONS", 7},
	{"cparam01", 0, false, "REGISTER", 8},
	{"cparam02", 0, false, "REGISTER", 8},
	{"regescrt", 0, false, "REGISTER", 8},
	{"sdp01", 0, false, "INVITE", 10},
	{"inv2543", 0, false, "INVITE", 7},
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == 49, "RFC 4475 has 49 messages");

static struct sip_msg msg;

/* malloc()ed and exactly as large as the file, so that a sanitizer sees reads behind it. */
static char *file_read(const char *folder, const char *name, size_t *ret_n)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/sip/%s/%s.dat", TEST_DATA, folder, name);
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("no %s", path);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	*ret_n = (size_t)ftell(f);
	rewind(f);
	char *p = malloc(*ret_n);
	assert_non_null(p);
	assert_int_equal(fread(p, 1, *ret_n, f), *ret_n);
	fclose(f);
	return p;
}

static void test_expectations(void **state)
{
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		size_t n;
		char *p = file_read("rfc4475", row->name, &n);
		int rc = sip_msg_parse(&msg, p, n, false);
		if ((rc == 0) != (row->status == 0))
			fail_msg("%s: %s", row->name, rc == 0 ? "taken" : msg.error);
		if (rc != 0) {
			assert_int_equal(rc, -EBADMSG);
			if (msg.error_status != row->status || msg.answerable != row->answerable)
				fail_msg("%s: %d %s, answerable %d", row->name, msg.error_status,
					msg.error, msg.answerable);
		} else if (msg.n_hdrs != row->n_hdrs) {
			fail_msg("%s: %d header fields", row->name, msg.n_hdrs);
		}
		if (row->method != NULL)
			assert_true(view_eq(msg.method_text, view_of(row->method)));
		free(p);
	}
}

/* The answer to each request parses again, whatever the request was. */
static void test_answers(void **state)
{
	static char out[SIP_MSG_MAX];
	static struct sip_msg answer;
	struct ipaddr source;
	assert_int_equal(ipaddr_parse(VIEW("203.0.113.9"), 5099, &source), 0);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n;
		char *p = file_read("rfc4475", rows[i].name, &n);
		int rc = sip_msg_parse(&msg, p, n, false);
		if (msg.is_request && (rc == 0 || msg.answerable)) {
			struct sip_buf b;
			unsigned int status = rc == 0 ? 486 : msg.error_status;
			sip_buf_init(&b, out, sizeof(out));
			sip_build_response(&b, &msg, &source, status, VIEW(""), VIEW("t1"));
			assert_int_equal(sip_build_end(&b, VIEW(""), VIEW("")), 0);
			int rc2 = sip_msg_parse(&answer, b.p, b.n, false);
			if (rc == 0 && rc2 != 0)
				fail_msg("%s: the answer: %s", rows[i].name, answer.error);
			assert_int_equal(answer.status, status);
			if (rc == 0)
				assert_true(view_eq(
					answer.to.tag, msg.to.tag.p ? msg.to.tag : VIEW("t1")));
		}
		free(p);
	}
}

static void test_wsinv(void **state)
{
	size_t n;
	char *p = file_read("rfc4475", "wsinv", &n);
	struct sip_values it;
	struct sip_via via;
	struct sip_addr contact;
	struct view v;
	assert_int_equal(sip_msg_parse(&msg, p, n, false), 0);
	assert_true(view_eq(msg.to.tag, VIEW("1918181833n")));
	assert_true(view_eq(msg.from.tag, VIEW("98asjd8")));
	assert_true(view_eq(msg.from.display, VIEW("\"J Rosenberg \\\\\\\"\"")));
	assert_int_equal(msg.max_forwards, 68);
	assert_int_equal(msg.cseq.number, 9);
	assert_int_equal(msg.cseq.method, SIP_M_INVITE);
	assert_true(view_eq(msg.via.host, VIEW("192.0.2.2")));
	assert_true(view_eq(msg.via.branch, VIEW("390skdjuw")));
	sip_values_start(&it, &msg, SIP_H_VIA);
	assert_true(sip_values_next(&it, &v));
	assert_true(sip_values_next(&it, &v));
	assert_int_equal(sip_via_parse(v, &via), 0);
	assert_true(view_eq(via.host, VIEW("spindle.example.com")));
	assert_true(view_eq(via.branch, VIEW("z9hG4bK9ikj8")));
	assert_true(sip_values_next(&it, &v));
	assert_int_equal(sip_via_parse(v, &via), 0);
	assert_true(view_eq(via.host, VIEW("192.168.255.111")));
	assert_false(sip_values_next(&it, &v));
	assert_int_equal(sip_msg_contact(&msg, &contact), 0);
	assert_true(sip_params_get(contact.params, VIEW("q"), &v));
	assert_true(view_eq(v, VIEW("0.33")));
	assert_true(sip_msg_is_sdp(&msg));
	free(p);
}

static void test_dblreq(void **state)
{
	size_t n;
	char *p = file_read("rfc4475", "dblreq", &n);
	assert_int_equal(sip_msg_parse(&msg, p, n, false), 0);
	assert_int_equal(msg.body.n, 0);
	assert_true(msg.raw.n < n);
	free(p);
}

static void test_ipv6(void **state)
{
	static const char *const good[] = {"reference", "port-ambiguous", "port", "received",
		"received-bare", "sdp", "two-families", "sdp-two-families", "mapped", "colons",
		"colons-right"};
	struct ipaddr addr, right;
	size_t n;
	char *p;

	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		p = file_read("rfc5118", good[i], &n);
		if (sip_msg_parse(&msg, p, n, false) != 0)
			fail_msg("%s: %s", good[i], msg.error);
		if (strcmp(good[i], "port-ambiguous") == 0) {
			assert_int_equal(msg.uri.port, 0);
			assert_true(view_eq(msg.uri.host, VIEW("2001:db8::10:5070")));
		} else if (strcmp(good[i], "port") == 0) {
			assert_int_equal(msg.uri.port, 5070);
		} else if (strcmp(good[i], "colons") == 0) {
			assert_int_equal(sip_uri_addr(&msg.uri, &addr), 0);
			assert_int_equal(ipaddr_parse(VIEW("2001:db8::c000:201"), 5060, &right), 0);
			assert_true(ipaddr_same_ip(&addr, &right));
		}
		free(p);
	}
	p = file_read("rfc5118", "bad-reference", &n);
	assert_int_equal(sip_msg_parse(&msg, p, n, false), -EBADMSG);
	assert_int_equal(msg.error_status, 400);
	assert_true(msg.answerable);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expectations),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_wsinv),
		cmocka_unit_test(test_dblreq),
		cmocka_unit_test(test_ipv6),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
