/* SPDX-License-Identifier: GPL-3.0-or-later */
/* STUN on the SIP port: answers octet by octet, refusals, silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sip-b2bua/transport/sip_stun.h"

#define COOKIE	    "\x21\x12\xa4\x42"
#define ID	    "\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae" /* of RFC 5769 2 */
#define REQ(length) "\x00\x01" length COOKIE ID
#define BYTES(text) (text), sizeof(text) - 1

static struct ipaddr from(const char *host, uint16_t port)
{
	struct ipaddr a;
	assert_int_equal(ipaddr_parse(view_of(host), port, &a), 0);
	return a;
}

static void expect(const char *host, const char *in, size_t n, const char *want, size_t want_n)
{
	struct ipaddr remote = from(host, 32853);
	char out[STUN_ANSWER_MAX];
	size_t got = stun_answer(in, n, &remote, out);
	assert_int_equal(got, want_n);
	assert_memory_equal(out, want, want_n);
}

/* The addresses and results are those of RFC 5769 2.2 and 2.3. */
static void test_mapped(void **state)
{
	expect("192.0.2.1", BYTES(REQ("\0\0")),
		BYTES("\x01\x01\x00\x0c" COOKIE ID "\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6"
		      "\x43"));
	expect("2001:db8:1234:5678:11:2233:4455:6677", BYTES(REQ("\0\0")),
		BYTES("\x01\x01\x00\x18" COOKIE ID "\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9"
		      "\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9"));
}

/* Software and a fingerprint may be ignored, a user name is; what has to be known is named. */
static void test_attributes(void **state)
{
	expect("192.0.2.1",
		BYTES(REQ("\0\x18") "\x80\x22\x00\x03"
				    "abc\0"
				    "\x00\x06\x00\x04"
				    "user"
				    "\x80\x28\x00\x04"
				    "\1\2\3\4"),
		BYTES("\x01\x01\x00\x0c" COOKIE ID "\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6"
		      "\x43"));
	expect("192.0.2.1", BYTES(REQ("\0\x08") "\x00\x03\x00\x04\0\0\0\6"),
		BYTES("\x01\x11\x00\x10" COOKIE ID "\x00\x09\x00\x04\0\0\x04\x14"
		      "\x00\x0a\x00\x02\x00\x03\0\0"));
}

static void test_silence(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} rows[] = {
		{BYTES("\0\1\0\0" COOKIE "short")},
		{BYTES(REQ("\0\4"))},	     /* less than it says */
		{BYTES(REQ("\0\0") "more")}, /* more */
		{BYTES("\0\1\0\0"
		       "\x21\x12\xa4\x43" ID)},	   /* RFC 3489 */
		{BYTES("\0\2\0\0" COOKIE ID)},	   /* another method */
		{BYTES("\x01\x01\0\0" COOKIE ID)}, /* an answer: no loops */
		{BYTES("\0\x11\0\0" COOKIE ID)},   /* an indication */
		{BYTES(REQ("\0\x08") "\x80\x22\xff\xff"
				     "abcd")}, /* an attribute beyond the end */
		{BYTES(REQ("\0\2") "\x80\x22")},
		{BYTES("\0\0\0\0")},
	};
	struct ipaddr remote = from("192.0.2.1", 1);
	char out[STUN_ANSWER_MAX];
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(stun_answer(rows[i].p, rows[i].n, &remote, out), 0);
	assert_true(stun_is("\0\1", 2) && stun_is("\1\1", 2));
	assert_false(stun_is("\0", 1) || stun_is("INVITE", 6) || stun_is("\r\n", 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mapped),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_silence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
