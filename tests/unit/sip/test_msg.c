/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages: framing, limits, header access, the faults that RFC 4475 does not have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <cmocka.h>

#include "sip-b2bua/parser/sip_msg.h"

static struct sip_msg msg;

static const char HEAD[] =
	"INVITE sip:bob@b.example SIP/2.0\r\n"
	"Via: SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bKx;rport\r\n"
	"Max-Forwards: 70\r\n"
	"From: \"A, B\" <sip:alice@a.example>;tag=ft\r\n"
	"To: <sip:bob@b.example>\r\n"
	"Call-ID: c1@a\r\n"
	"CSeq: 7 INVITE\r\n";

/* Parses HEAD with further lines and a body, from memory of exactly that size. */
static int parse_with(const char *lines, const char *body, bool is_stream)
{
	static char *text;
	free(text);
	text = NULL;
	int n = asprintf(&text, "%s%s\r\n%s", HEAD, lines, body);
	assert_true(n > 0);
	return sip_msg_parse(&msg, text, (size_t)n, is_stream);
}

static void test_fields(void **state)
{
	struct sip_values it;
	struct view v, subtype, params;
	uint32_t seconds;
	assert_int_equal(parse_with("Route: <sip:p1;lr>, <sip:p2;lr>\r\n"
				    "Supported: timer, 100rel\r\nk: replaces\r\n"
				    "X-New: one\r\n two\r\nRoute: <sip:p3;lr>\r\n"
				    "Contact: <sip:a@192.0.2.1;x=\r\n"
				    "Expires: 60\r\n",
				 "", false),
		-EBADMSG);
	assert_string_equal(msg.error, "bad Contact");
	assert_int_equal(parse_with("Route: <sip:p1;lr>, <sip:p2;lr>\r\n"
				    "Supported: timer, 100rel\r\nk: replaces\r\n"
				    "X-New: one\r\n two\r\nRoute: <sip:p3;lr>\r\n"
				    "Session-Expires: 1800;refresher=uac\r\n"
				    "Retry-After: 18 (soon)\r\n"
				    "c: application/SDP ; charset=x\r\n",
				 "v=0\r\n", false),
		0);
	assert_true(msg.is_request);
	assert_int_equal(msg.method, SIP_M_INVITE);
	assert_int_equal(msg.max_forwards, 70);
	assert_true(view_eq(msg.via.sent_by, VIEW("192.0.2.1:5080")));
	assert_true(msg.via.has_rport);
	assert_int_equal(msg.via.rport, 0);
	assert_true(view_eq(msg.from.display, VIEW("\"A, B\"")));
	assert_true(view_eq(msg.from.uri.user, VIEW("alice")));
	assert_null(msg.to.tag.p);
	assert_int_equal(msg.body.n, 5);

	const char *const routes[] = {"<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"};
	sip_values_start(&it, &msg, SIP_H_ROUTE);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(sip_values_next(&it, &v));
		assert_true(view_eq(v, view_of(routes[i])));
	}
	assert_false(sip_values_next(&it, &v));
	assert_true(sip_msg_has_token(&msg, SIP_H_SUPPORTED, VIEW("REPLACES")));
	assert_true(sip_msg_has_token(&msg, SIP_H_SUPPORTED, VIEW("100rel")));
	assert_false(sip_msg_has_token(&msg, SIP_H_SUPPORTED, VIEW("100")));
	assert_false(sip_msg_has_token(&msg, SIP_H_REQUIRE, VIEW("100rel")));
	assert_true(view_eq(sip_msg_hdr_named(&msg, VIEW("x-new"))->value, VIEW("one\r\n two")));
	assert_int_equal(sip_msg_seconds(&msg, SIP_H_SESSION_EXPIRES, &seconds), 0);
	assert_int_equal(seconds, 1800);
	assert_int_equal(sip_msg_seconds(&msg, SIP_H_RETRY_AFTER, &seconds), 0);
	assert_int_equal(seconds, 18);
	assert_int_equal(sip_msg_seconds(&msg, SIP_H_EXPIRES, &seconds), -ENOENT);
	assert_int_equal(sip_msg_content_type(&msg, &v, &subtype, &params), 0);
	assert_true(view_eq(params, VIEW("charset=x")));
	assert_true(sip_msg_is_sdp(&msg));
}

struct bad_row {
	const char *lines, *body;
	bool is_stream;
	const char *error;
};

static const struct bad_row bad[] = {
	{"Content-Length: 4\r\n", "abc", false, "Content-Length larger than the message"},
	{"Content-Length: x\r\n", "", false, "bad Content-Length"},
	{"Content-Length: 99999999999999999999999\r\n", "", false, "bad Content-Length"},
	{"", "body", true, "no Content-Length"},
	{"no colon\r\n", "", false, "bad header field"},
	{": empty\r\n", "", false, "bad header field"},
	{"Bad Name: x\r\n", "", false, "bad header field"},
	{"X-A: b\rRoute: <sip:x@y>\r\n", "", false, "a bare CR in the header"},
	{"X-A: b\r\r\n", "", false, "a bare CR in the header"},
	{"X-A: b\r c\n", "", false, "a bare CR in the header"},
	{"Max-Forwards: 256\r\n", "", false, "a header field that may stand once stands twice"},
	{"Contact: <sip:a@b>, *x\r\n", "", false, "bad Contact"},
	{"Route: *\r\n", "", false, "bad Route"},
	{"Record-Route: <sip:a\r\n", "", false, "bad Record-Route"},
	{"Via: SIP/2.0/UDP\r\n", "", false, "bad Via"},
	{"Via: SIP/2.0/UDPhost\r\n", "", false, "bad Via"},
	{"Via: SIP/3.0/UDP host\r\n", "", false, "bad Via"},
	{"Via: SIP/2.0/UDP host:0\r\n", "", false, "bad Via"},
	{"Via: SIP/2.0/UDP host;rport=x\r\n", "", false, "bad Via"},
	{"Via: SIP/2.0/UDP host x\r\n", "", false, "bad Via"},
	{"Via: SIP/2.0/UDP host;branch=a<,SIP/2.0/UDP b\r\n", "", false, "bad Via"},
	{"Via: SIP/2.0/UDP host;branch=a;branch=b\r\n", "", false, "bad Via"},
	{"Via: SIP/2.0/UDP host;rport;rport=1\r\n", "", false, "bad Via"},
	{"Via: SIP/2.0/UDP host;branch=a\001b\r\n", "", false, "bad Via"},
	{"Date: Sat, 13 Nov 2010 23:29:00 PST\r\n", "", false, "bad Date"},
};

/* Nothing in a copy points into the octets that it was made from, and it says the same. */
static void test_dup(void **state)
{
	static const char *const lines[] = {
		"Route: <sip:p1;lr>, <sip:p2;lr>\r\nX-New: one\r\n two\r\nSubject:\r\n",
		"",
	};
	static struct sip_msg again;
	char text[2000];
	for (unsigned int i = 0; i < 2; i++) {
		int n = snprintf(text, sizeof(text),
			"INVITE sip:bob:pw@b.example:5061;user=phone SIP/2.0\r\n"
			"Via: SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bKx;received=192.0.2.9;"
			"maddr=224.0.0.1;rport=7\r\n"
			"From: \"A, B\" <sip:alice@a.example>;tag=ft;x=y\r\n"
			"To: Bob <sip:bob@b.example?a=b>;tag=tt\r\n"
			"Call-ID: c1@a\r\n"
			"CSeq: 7 INVITE\r\n%s\r\nbody",
			lines[i]);
		assert_int_equal(sip_msg_parse(&msg, text, (size_t)n, false), 0);
		struct sip_msg *copy = sip_msg_dup(&msg);
		assert_non_null(copy);
		size_t head = offsetof(struct sip_msg, hdrs) + msg.n_hdrs * sizeof(msg.hdrs[0]);
		for (size_t at = 0; at + sizeof(char *) <= head; at += sizeof(char *)) {
			const char *p;
			memcpy(&p, (const char *)copy + at, sizeof(p));
			if (p >= text && p <= text + n)
				fail_msg("octets %zu of the struct are not moved", at);
		}
		/* Parsed where it lies now it is the same, views included. */
		memset(&again, 0, sizeof(again));
		assert_int_equal(sip_msg_parse(&again, copy->raw.p, copy->raw.n, false), 0);
		assert_int_equal(again.n_hdrs, copy->n_hdrs);
		assert_memory_equal(&again, copy, head);
		sip_msg_free(copy);
	}
	sip_msg_free(NULL);
}

static void test_bad(void **state)
{
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse_with(bad[i].lines, bad[i].body, bad[i].is_stream), -EBADMSG);
		assert_string_equal(msg.error, bad[i].error);
		assert_int_equal(msg.error_status, 400);
		assert_true(msg.answerable);
	}
}

static void test_not_a_message(void **state)
{
	static const char *const texts[] = {"", "\r\n", "\n", "\r\n\r\n", "INVITE", "INVITE\r\n",
		" \r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0\r\n\r\n", "SIP/2.0 99 x\r\n\r\n",
		"SIP/2.0 700 x\r\n\r\n", "SIP/2.0 2000 x\r\n\r\n", "SIP/2.0 200\r\n"};
	for (unsigned int i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t n = strlen(texts[i]);
		char *p = malloc(n + 1);
		memcpy(p, texts[i], n);
		assert_int_equal(sip_msg_parse(&msg, p, n, false), -EBADMSG);
		assert_false(msg.answerable);
		assert_non_null(msg.error);
		free(p);
	}
}

static void test_limits(void **state)
{
	char *lines = malloc(200000);
	size_t n = 0;
	for (unsigned int i = 0; i < SIP_HDRS_MAX - 6; i++)
		n += (size_t)sprintf(lines + n, "X-%u: y\r\n", i);
	assert_int_equal(parse_with(lines, "", false), 0);
	assert_int_equal(msg.n_hdrs, SIP_HDRS_MAX);
	strcpy(lines + n, "One: more\r\n");
	assert_int_equal(parse_with(lines, "", false), -EBADMSG);
	assert_string_equal(msg.error, "too many header fields");

	memset(lines, 'x', SIP_LINE_MAX + 1);
	memcpy(lines, "X: ", 3);
	strcpy(lines + SIP_LINE_MAX, "\r\n");
	assert_int_equal(parse_with(lines, "", false), 0);
	strcpy(lines + SIP_LINE_MAX, "y\r\n");
	assert_int_equal(parse_with(lines, "", false), -EBADMSG);
	assert_string_equal(msg.error, "header field too long");

	memset(lines, 'x', SIP_MSG_MAX);
	lines[SIP_MSG_MAX] = '\0';
	assert_int_equal(parse_with("", lines, false), -EBADMSG);
	assert_string_equal(msg.error, "no message");
	free(lines);
}

struct frame_row {
	const char *text;
	int rc;
	size_t len; /* 0: that of the text */
};

static const struct frame_row frames[] = {
	{"", -EAGAIN, 0},
	{"OPTIONS x SIP/2.0\r\n", -EAGAIN, 0},
	{"OPTIONS x SIP/2.0\r\nContent-Length: 4\r\n", -EAGAIN, 0},
	{"OPTIONS x SIP/2.0\r\nContent-Length: 4\r\n\r", -EAGAIN, 0},
	{"OPTIONS x SIP/2.0\r\nContent-Length: 4\r\n\r\n", 0, 44},
	{"OPTIONS x SIP/2.0\r\nContent-Length: 4\r\n\r\nabcdef", 0, 44},
	{"OPTIONS x SIP/2.0\r\nl:4\r\n\r\nabcd", 0, 0},
	{"OPTIONS x SIP/2.0\r\nL :\r\n 4\r\n\r\nabcd", 0, 0},
	{"OPTIONS x SIP/2.0\r\nCall-ID: x\r\n\r\n", -EBADMSG, 0},
	{"OPTIONS x SIP/2.0\r\nl: -4\r\n\r\n", -EBADMSG, 0},
	{"OPTIONS x SIP/2.0\r\nl: 4\r\nl: 5\r\n\r\n", -EBADMSG, 0},
	{"OPTIONS x SIP/2.0\r\nl: 65535\r\n\r\n", -EBADMSG, 0},
};

static void test_frame(void **state)
{
	for (unsigned int i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		const struct frame_row *row = &frames[i];
		size_t n = strlen(row->text), len = 0;
		char *p = malloc(n + 1);
		memcpy(p, row->text, n);
		assert_int_equal(sip_msg_frame(p, n, &len), row->rc);
		if (row->rc == 0)
			assert_int_equal(len, row->len ? row->len : n);
		free(p);
	}
	/* A header that never ends is refused at the limit, not collected for ever. */
	size_t n = SIP_MSG_MAX + 1, len;
	char *p = malloc(n);
	memset(p, 'x', n);
	assert_int_equal(sip_msg_frame(p, n, &len), -EBADMSG);
	free(p);
}

static void test_tables(void **state)
{
	for (unsigned int id = 1; id < SIP_H_N; id++)
		assert_int_equal(sip_hdr_lookup(sip_hdr_text(id)), id);
	assert_int_equal(sip_hdr_lookup(VIEW("cALL-iD")), SIP_H_CALL_ID);
	assert_int_equal(sip_hdr_lookup(VIEW("I")), SIP_H_CALL_ID);
	assert_int_equal(sip_hdr_lookup(VIEW("z")), SIP_H_OTHER);
	assert_int_equal(sip_hdr_lookup(VIEW("")), SIP_H_OTHER);
	for (unsigned int m = 1; m < SIP_M_N; m++)
		assert_int_equal(sip_method_lookup(sip_method_text(m)), m);
	assert_int_equal(sip_method_lookup(VIEW("invite")), SIP_M_OTHER);
	assert_true(view_eq(sip_reason_text(486), VIEW("Busy Here")));
	assert_true(view_eq(sip_reason_text(499), VIEW("Request Failure")));
}

struct addr_row {
	const char *text, *display, *uri, *tag;
	int rc;
};

static const struct addr_row addrs[] = {
	{"<sip:a@b>", NULL, "sip:a@b", NULL, 0},
	{"sip:a@b;tag=1", NULL, "sip:a@b", "1", 0},
	{"<sip:a@b;x=y>;tag=1", NULL, "sip:a@b;x=y", "1", 0},
	{"A B <sip:a@b> ; p ; tag = 1", "A B", "sip:a@b", "1", 0},
	{"\"A \\\" <sip:x@y>\"<sip:a@b>", "\"A \\\" <sip:x@y>\"", "sip:a@b", NULL, 0},
	{"\"\t\xc3\xa9\\\1\" <sip:a@b>", "\"\t\xc3\xa9\\\1\"", "sip:a@b", NULL, 0},
	{"<tel:+123>;tag=x", NULL, "tel:+123", "x", 0},
	{"<sip:a@b>;tag=", NULL, NULL, NULL, -EINVAL},
	{"<sip:a@b>;tag=\"q\"", NULL, NULL, NULL, -EINVAL},
	{"<sip:a@b>;tag", NULL, NULL, NULL, -EINVAL},
	{"<sip:a@b>;tag=1;tag=1", NULL, NULL, NULL, -EINVAL},
	{"<sip:a@b>;x=\1", NULL, NULL, NULL, -EINVAL},
	{"<sip:a@b>x", NULL, NULL, NULL, -EINVAL},
	{"\"A\" sip:a@b", NULL, NULL, NULL, -EINVAL},
	{"\"A\"", NULL, NULL, NULL, -EINVAL},
	{"\"A\1\" <sip:a@b>", NULL, NULL, NULL, -EINVAL},
	{"\"A\x7f\" <sip:a@b>", NULL, NULL, NULL, -EINVAL},
	{"\"A\\\" <sip:a@b>", NULL, NULL, NULL, -EINVAL},
	{"\"A\\", NULL, NULL, NULL, -EINVAL},
	{"<>", NULL, NULL, NULL, -EINVAL},
	{"", NULL, NULL, NULL, -EINVAL},
	{"<sip:a@b", NULL, NULL, NULL, -EINVAL},
	{"sip:a@b?x=y", NULL, NULL, NULL, -EINVAL},
	{"A; B <sip:a@b>", NULL, NULL, NULL, -EINVAL},
};

static void test_addr(void **state)
{
	for (unsigned int i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		const struct addr_row *row = &addrs[i];
		struct sip_addr a;
		if (sip_addr_parse(view_of(row->text), &a) != row->rc)
			fail_msg("%s: not %d", row->text, row->rc);
		if (row->rc != 0)
			continue;
		assert_true(view_eq(a.uri.text, view_of(row->uri)));
		assert_true(view_eq(a.display, view_of(row->display)));
		assert_true(view_eq(a.tag, view_of(row->tag)));
	}
}

static void test_cseq(void **state)
{
	struct sip_cseq c;
	assert_int_equal(sip_cseq_parse(VIEW("4294967295 BYE"), &c), 0);
	assert_int_equal(c.method, SIP_M_BYE);
	assert_int_equal(sip_cseq_parse(VIEW("4294967296 BYE"), &c), -EINVAL);
	assert_int_equal(sip_cseq_parse(VIEW("1BYE"), &c), -EINVAL);
	assert_int_equal(sip_cseq_parse(VIEW("BYE"), &c), -EINVAL);
	assert_int_equal(sip_cseq_parse(VIEW("1 "), &c), -EINVAL);
	assert_int_equal(sip_cseq_parse(VIEW("1 BYE x"), &c), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_dup),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_not_a_message),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_addr),
		cmocka_unit_test(test_cseq),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
