/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dialogs: made from requests and responses, next hop, requests inside them, checkpoints. */
#include "sip-b2bua/dialog/dialog.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TAG "aaaabbbbccccddddeeeeffffgg"

static struct sip_msg msg;
static char text[65536];

static struct ipaddr addr(const char *s)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse_port(view_of(s), 5060, &a), 0);
	return a;
}

static struct sip_path path_of(const char *remote)
{
	return (struct sip_path){
		.transport = SIP_UDP, .local = addr("10.0.0.1"), .remote = addr(remote)};
}

static const struct sip_msg *parse(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (sip_msg_parse(&msg, text, (size_t)n, false) < 0)
		fail_msg("%s in\n%s", msg.error, text);
	return &msg;
}

static const struct sip_msg *invite(const char *via, const char *more)
{
	return parse(
		"INVITE sip:100@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKx\r\n"
		"From: \"A B\" <sip:a@x.example>;tag=ft\r\nTo: <sip:100@10.0.0.1>\r\n"
		"Call-ID: cid1\r\nCSeq: 7 INVITE\r\nMax-Forwards: 9\r\n%s\r\n",
		via, more);
}

static const struct sip_msg *response(int status, const char *more)
{
	return parse(
		"SIP/2.0 %d X\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\n"
		"From: <sip:us@10.0.0.1>;tag=" TAG
		"\r\nTo: <sip:100@192.0.2.9>;tag=tt\r\n"
		"Call-ID: cid2\r\nCSeq: 3 INVITE\r\n%s\r\n",
		status, more);
}

static void test_next_hop(void **state)
{
	static const struct {
		const char *via, *more, *want; /* want NULL: refused */
	} rows[] = {
		{"192.0.2.1", "Contact: <sip:a@192.0.2.1:5062>\r\n", "192.0.2.1:5062"},
		{"192.0.2.1", "Contact: <sip:a@192.0.2.7>\r\n", "192.0.2.7:5060"},
		{"192.0.2.1", "Contact: <sip:a@phone.example>\r\n", "192.0.2.1:40000"},
		{"192.0.2.1", "Contact: <sip:a@[2001:db8::1]>\r\n", "192.0.2.1:40000"},
		{"192.0.2.1", "Contact: <sip:a@0.0.0.0>\r\n", "192.0.2.1:40000"},
		{"192.0.2.1", "Contact: <sip:a@224.0.0.1>\r\n", "192.0.2.1:40000"},
		/* behind a NAT: the Via names another address than the packet's */
		{"10.9.9.9", "Contact: <sip:a@10.9.9.9:5062>\r\n", "192.0.2.1:40000"},
		{"192.0.2.1",
			"Contact: <sip:a@192.0.2.1>\r\nRecord-Route: <sip:192.0.2.20;lr>, "
			"<sip:192.0.2.21;lr>\r\n",
			"192.0.2.20:5060"},
		{"192.0.2.1", "", NULL},
		{"192.0.2.1", "Contact: *\r\n", NULL},
		{"192.0.2.1", "Contact: <tel:+49>\r\n", NULL},
		{"192.0.2.1", "Contact: <sips:a@192.0.2.1>\r\n", NULL},
		{"192.0.2.1", "Contact: <sip:a@192.0.2.1>\r\nRecord-Route: <tel:1>\r\n", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_path path = path_of("192.0.2.1:40000");
		struct dialog *d = NULL;
		int rc = dialog_new_uas(invite(rows[i].via, rows[i].more), VIEW(TAG), &path, &d);
		char got[IPADDR_TEXT_MAX];

		if (!rows[i].want) {
			assert_int_equal(rc, -EINVAL);
			assert_null(d);
			continue;
		}
		assert_int_equal(rc, 0);
		ipaddr_print_port(&d->path.remote, got);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu: next hop %s, want %s", i, got, rows[i].want);
		dialog_free(d);
	}
}

static void expect_request(const struct dialog *d, const char *want)
{
	char buf[4096];
	struct sip_buf b;

	sip_buf_init(&b, buf, sizeof(buf) - 1);
	dialog_put_request(&b, d, SIP_M_BYE, 8, VIEW("z9hG4bKq"), 70);
	buf[b.n] = '\0';
	assert_string_equal(buf, want);
}

static void test_requests(void **state)
{
	struct sip_path path = path_of("192.0.2.1:5060");
	struct dialog *d;

	/* as UAS: Record-Route in order */
	assert_int_equal(dialog_new_uas(invite("192.0.2.1",
						"Contact: <sip:a@192.0.2.1:5062>\r\nRecord-Route: "
						"<sip:192.0.2.20;lr>\r\nRecord-Route: "
						"<sip:192.0.2.21;lr;x=1>\r\n"),
				 VIEW(TAG), &path, &d),
		0);
	expect_request(d,
		"BYE sip:a@192.0.2.1:5062 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKq;rport\r\n"
		"Route: <sip:192.0.2.20;lr>\r\nRoute: <sip:192.0.2.21;lr;x=1>\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:100@10.0.0.1>;tag=" TAG
		"\r\n"
		"To: \"A B\" <sip:a@x.example>;tag=ft\r\nCall-ID: cid1\r\nCSeq: 8 BYE\r\n");
	dialog_free(d);
	/* as UAC: reversed; the first one is a strict router (RFC 3261 12.2.1.1) */
	assert_int_equal(dialog_new_uac(response(200,
						"Contact: <sip:b@192.0.2.9>\r\nRecord-Route: "
						"<sip:192.0.2.21;lr>, <sip:192.0.2.20>\r\n"),
				 VIEW("sip:100@192.0.2.9"), &path, &d),
		0);
	assert_int_equal(d->state, DIALOG_CONFIRMED);
	expect_request(d,
		"BYE sip:192.0.2.20 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKq;rport\r\n"
		"Route: <sip:192.0.2.21;lr>\r\nRoute: <sip:b@192.0.2.9>\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:us@10.0.0.1>;tag=" TAG
		"\r\n"
		"To: <sip:100@192.0.2.9>;tag=tt\r\nCall-ID: cid2\r\nCSeq: 8 BYE\r\n");
	dialog_free(d);
}

static void test_sequence(void **state)
{
	struct sip_path path = path_of("192.0.2.1:5060");
	struct dialog *d;

	assert_int_equal(dialog_new_uas(invite("192.0.2.1", "Contact: <sip:a@192.0.2.1>\r\n"),
				 VIEW(TAG), &path, &d),
		0);
	assert_false(dialog_take_cseq(d, 7));
	assert_false(dialog_take_cseq(d, 6));
	assert_true(dialog_take_cseq(d, 8));
	assert_true(dialog_take_cseq(d, 20));
	assert_false(dialog_take_cseq(d, 19));
	assert_int_equal(dialog_next_cseq(d), 1);
	assert_int_equal(dialog_next_cseq(d), 2);
	dialog_free(d);
	assert_int_equal(
		dialog_new_uac(response(180, ""), VIEW("sip:100@192.0.2.9"), &path, &d), 0);
	assert_int_equal(d->state, DIALOG_EARLY);
	assert_int_equal(dialog_next_cseq(d), 4);
	assert_true(dialog_take_cseq(d, 1)); /* any first number (RFC 3261 12.1.2) */
	/* the 2xx brings target and routes anew, the numbers stay */
	assert_int_equal(dialog_confirm(&d,
				 response(200,
					 "Contact: <sip:b@192.0.2.9:5070>\r\n"
					 "Record-Route: <sip:192.0.2.30;lr>\r\n"),
				 VIEW("sip:100@192.0.2.9"), &path),
		0);
	assert_int_equal(d->state, DIALOG_CONFIRMED);
	assert_int_equal(d->n_routes, 1);
	assert_int_equal(dialog_next_cseq(d), 5);
	assert_false(dialog_take_cseq(d, 1));
	dialog_free(d);
}

static void test_match(void **state)
{
	static const struct {
		const char *from, *to, *call_id;
		bool want;
	} rows[] = {
		{"ft", TAG, "cid1", true},
		{"FT", TAG, "cid1", true}, /* tags compare without case (RFC 3261 7.3.1) */
		{"ft", TAG, "CID1", false},
		{"fx", TAG, "cid1", false},
		{"ft", "zzz", "cid1", false},
	};
	struct sip_path path = path_of("192.0.2.1:5060");
	struct dialog *d;

	assert_int_equal(dialog_new_uas(invite("192.0.2.1", "Contact: <sip:a@192.0.2.1>\r\n"),
				 VIEW(TAG), &path, &d),
		0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct sip_msg *bye = parse(
			"BYE sip:x@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKy\r\n"
			"From: <sip:a@x>;tag=%s\r\nTo: <sip:b@y>;tag=%s\r\nCall-ID: %s\r\n"
			"CSeq: 8 BYE\r\nMax-Forwards: 1\r\n\r\n",
			rows[i].from, rows[i].to, rows[i].call_id);

		assert_int_equal(dialog_match_request(d, bye), rows[i].want);
	}
	dialog_free(d);
}

static void test_refresh(void **state)
{
	struct sip_path path = path_of("192.0.2.1:5060"), other = path_of("192.0.2.5:5061");
	struct dialog *d;

	assert_int_equal(dialog_new_uas(invite("192.0.2.1", "Contact: <sip:a@192.0.2.1>\r\n"),
				 VIEW(TAG), &path, &d),
		0);
	assert_int_equal(
		dialog_refresh(d, invite("192.0.2.1", "Contact: <sip:n@192.0.2.8>\r\n"), &other),
		0);
	assert_true(view_eq(d->target, VIEW("sip:n@192.0.2.8")));
	assert_int_equal(
		dialog_refresh(d, invite("192.0.2.1", "Contact: <tel:1>\r\n"), &other), -EINVAL);
	assert_true(view_eq(d->target, VIEW("sip:n@192.0.2.8")));
	assert_int_equal(dialog_refresh(d, invite("192.0.2.1", ""), &other), 0);
	assert_true(view_eq(d->target, VIEW("sip:n@192.0.2.8")));
	dialog_free(d);
}

static void test_too_much(void **state)
{
	struct sip_path path = path_of("192.0.2.1:5060");
	char more[16384], uri[2048];
	struct dialog *d = NULL;
	size_t n = 0;

	/* nine routes */
	n = (size_t)snprintf(more, sizeof(more), "Contact: <sip:a@192.0.2.1>\r\n");
	for (int i = 0; i < 9; i++)
		n += (size_t)snprintf(
			more + n, sizeof(more) - n, "Record-Route: <sip:192.0.2.%d;lr>\r\n", i);
	assert_int_equal(dialog_new_uas(invite("192.0.2.1", more), VIEW(TAG), &path, &d), -E2BIG);
	/* few, but long */
	memset(uri, 'x', sizeof(uri) - 1);
	uri[sizeof(uri) - 1] = '\0';
	n = (size_t)snprintf(more, sizeof(more), "Contact: <sip:a@192.0.2.1>\r\n");
	for (int i = 0; i < 5; i++)
		n += (size_t)snprintf(
			more + n, sizeof(more) - n, "Record-Route: <sip:%s@192.0.2.1;lr>\r\n", uri);
	assert_int_equal(dialog_new_uas(invite("192.0.2.1", more), VIEW(TAG), &path, &d), -E2BIG);
	assert_null(d);
}

static size_t checkpoint(uint8_t *buf, size_t size)
{
	struct sip_path path = path_of("192.0.2.1:5060");
	struct ckpt_out out = {buf, 0, size, false};
	struct dialog *d;

	assert_int_equal(dialog_new_uac(response(200,
						"Contact: <sip:b@192.0.2.9>\r\nRecord-Route: "
						"<sip:192.0.2.21;lr>, <sip:192.0.2.20;lr>\r\n"),
				 VIEW("sip:100@192.0.2.9"), &path, &d),
		0);
	dialog_checkpoint(d, &out);
	dialog_free(d);
	return out.failed ? 0 : out.n;
}

static void test_checkpoint(void **state)
{
	uint8_t buf[4096];
	size_t n = checkpoint(buf, sizeof(buf));
	struct ckpt_in in = {buf, n, false};
	struct dialog *d;

	assert_true(n > 0);
	assert_int_equal(checkpoint(buf, n - 1), 0);
	assert_int_equal(checkpoint(buf, sizeof(buf)), n);
	assert_int_equal(dialog_restore(&in, &d), 0);
	assert_int_equal(in.n, 0);
	/* CSeq was 3; requests may have left since */
	assert_true(dialog_next_cseq(d) > 4);
	expect_request(d,
		"BYE sip:b@192.0.2.9 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKq;rport\r\n"
		"Route: <sip:192.0.2.20;lr>\r\nRoute: <sip:192.0.2.21;lr>\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:us@10.0.0.1>;tag=" TAG
		"\r\n"
		"To: <sip:100@192.0.2.9>;tag=tt\r\nCall-ID: cid2\r\nCSeq: 8 BYE\r\n");
	dialog_free(d);
}

/* Cut anywhere, or with any byte changed: an error or a sane dialog, never more. */
static void test_checkpoint_damaged(void **state)
{
	uint8_t good[4096], buf[4096];
	size_t n = checkpoint(good, sizeof(good));
	unsigned int refused = 0;

	for (size_t cut = 0; cut < n; cut++) {
		struct ckpt_in in = {good, cut, false};
		struct dialog *d;

		assert_true(dialog_restore(&in, &d) < 0);
	}
	for (size_t at = 0; at < n; at++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			struct ckpt_in in = {buf, n, false};
			struct dialog *d;
			char out[8192];
			struct sip_buf b;

			memcpy(buf, good, n);
			buf[at] ^= (uint8_t)(1u << bit);
			if (dialog_restore(&in, &d) < 0) {
				refused++;
				continue;
			}
			sip_buf_init(&b, out, sizeof(out));
			dialog_put_request(&b, d, SIP_M_BYE, 8, VIEW("z9hG4bKq"), 70);
			assert_null(memmem(out, b.n, "\r\n\r\n", 4));
			dialog_free(d);
		}
	}
	assert_true(refused > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_hop),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_checkpoint),
		cmocka_unit_test(test_checkpoint_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
