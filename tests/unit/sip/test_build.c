/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Building: what is written, and that nothing is written past the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <cmocka.h>

#include "sip-b2bua/parser/sip_build.h"

static struct sip_msg msg;

static void is_text(const struct sip_buf *b, const char *expected)
{
	if (b->n != strlen(expected) || memcmp(b->p, expected, b->n) != 0)
		fail_msg("is:\n%.*s\nnot:\n%s", (int)b->n, b->p, expected);
}

static void request_build(struct sip_buf *b)
{
	struct ipaddr own;
	assert_int_equal(ipaddr_parse(VIEW("2001:db8::1"), 5060, &own), 0);
	sip_build_request(b, sip_method_text(SIP_M_INVITE), VIEW("sip:bob@b"));
	sip_put_via(b, VIEW("UDP"), &own, VIEW("z9hG4bKx"));
	sip_put_hdr_u64(b, SIP_H_MAX_FORWARDS, 69);
	sip_put_hdr(b, SIP_H_SUBJECT, VIEW("a\r\n b \r\n\t c"));
	sip_put_cseq(b, 4294967295, VIEW("INVITE"));
}

static void test_request(void **state)
{
	char out[1000];
	struct sip_buf b;
	sip_buf_init(&b, out, sizeof(out));
	request_build(&b);
	assert_int_equal(sip_build_end(&b, VIEW("application/sdp"), VIEW("v=0\r\n")), 0);
	is_text(&b,
		"INVITE sip:bob@b SIP/2.0\r\n"
		"Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bKx;rport\r\n"
		"Max-Forwards: 69\r\n"
		"Subject: a b  c\r\n"
		"CSeq: 4294967295 INVITE\r\n"
		"Content-Type: application/sdp\r\n"
		"Content-Length: 5\r\n\r\nv=0\r\n");
}

static void test_overflow(void **state)
{
	char out[1000];
	struct sip_buf b;
	sip_buf_init(&b, out, sizeof(out));
	request_build(&b);
	assert_int_equal(sip_build_end(&b, VIEW(""), VIEW("")), 0);
	size_t whole = b.n;
	for (size_t size = 0; size <= whole; size++) {
		memset(out, '#', sizeof(out));
		sip_buf_init(&b, out, size);
		request_build(&b);
		assert_int_equal(
			sip_build_end(&b, VIEW(""), VIEW("")), size < whole ? -EMSGSIZE : 0);
		assert_int_equal(out[size], '#');
	}
}

struct via_row {
	const char *via, *source, *expected;
};

/* RFC 3261 18.2.1, RFC 3581 4 */
static const struct via_row vias[] = {
	{"SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bKx", "192.0.2.1",
		"SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bKx"},
	{"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx", "192.0.2.1",
		"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx;received=192.0.2.1"},
	{"SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKx", "192.0.2.1",
		"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx;rport=4321;received=192.0.2.1"},
	{"SIP/2.0/TCP host.example;received=1.2.3.4;rport=99;branch=z9hG4bKx", "192.0.2.1",
		"SIP/2.0/TCP host.example;branch=z9hG4bKx;rport=4321;received=192.0.2.1"},
	{"SIP / 2.0 / UDP [2001:db8::5]:5060 ; branch = z9hG4bKx, SIP/2.0/UDP second",
		"2001:db8::6",
		"SIP/2.0/UDP [2001:db8::5]:5060;branch=z9hG4bKx;received=2001:db8::6\r\n"
		"Via: SIP/2.0/UDP second"},
};

static void test_response(void **state)
{
	for (unsigned int i = 0; i < sizeof(vias) / sizeof(vias[0]); i++) {
		char in[1000], out[1000], expected[1000];
		struct sip_buf b;
		struct ipaddr source;
		int n = snprintf(in, sizeof(in),
			"OPTIONS sip:b SIP/2.0\r\nv: %s\r\nVia: SIP/2.0/UDP last\r\n"
			"f: <sip:a@a>;tag=1\r\nt: <sip:b@b>\r\ni: x\r\nCSeq: 1\r\n OPTIONS\r\n"
			"Timestamp: 5\r\n\r\n",
			vias[i].via);
		assert_int_equal(sip_msg_parse(&msg, in, (size_t)n, false), 0);
		assert_int_equal(ipaddr_parse(view_of(vias[i].source), 4321, &source), 0);
		sip_buf_init(&b, out, sizeof(out));
		sip_build_response(&b, &msg, &source, 404, VIEW(""), VIEW("tt"));
		snprintf(expected, sizeof(expected),
			"SIP/2.0 404 Not Found\r\nVia: %s\r\nVia: SIP/2.0/UDP last\r\n"
			"From: <sip:a@a>;tag=1\r\nTo: <sip:b@b>;tag=tt\r\nCall-ID: x\r\n"
			"CSeq: 1 OPTIONS\r\n",
			vias[i].expected);
		is_text(&b, expected);
	}
}

static void test_copies(void **state)
{
	static const char in[] =
		"SIP/2.0 180 R\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
		"From: <sip:a@a>;tag=1\r\nTo: <sip:b@b>;tag=2\r\nCall-ID: x\r\n"
		"CSeq: 1 INVITE\r\nRecord-Route: <sip:r1;lr>,<sip:r2;lr>\r\n"
		"RECORD-ROUTE: <sip:r3;lr>\r\n\r\n";
	char out[500];
	struct sip_buf b;
	assert_int_equal(sip_msg_parse(&msg, in, sizeof(in) - 1, false), 0);
	assert_int_equal(msg.method, SIP_M_INVITE);
	sip_buf_init(&b, out, sizeof(out));
	assert_int_equal(sip_put_copies(&b, &msg, SIP_H_RECORD_ROUTE), 2);
	assert_int_equal(sip_put_copies(&b, &msg, SIP_H_ROUTE), 0);
	is_text(&b, "Record-Route: <sip:r1;lr>,<sip:r2;lr>\r\nRecord-Route: <sip:r3;lr>\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_response),
		cmocka_unit_test(test_copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
