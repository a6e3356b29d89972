/* SPDX-License-Identifier: GPL-3.0-or-later */
/* a=crypto: what is taken, what is refused and why, and that what we print is what we mean. */
#include "sip-b2bua/sdp/sdp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* 30, 46, 28 and 44 octets: the lengths of all suites */
#define K30  "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz" /* RFC 4568 4 */
#define K46  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLQ"
#define K28  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw"
#define K44  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis"
#define CM80 "AES_CM_128_HMAC_SHA1_80"

static void test_lines(void **state)
{
	static const struct {
		const char *value;
		enum sdp_crypto_fault want;
		uint32_t tag;
		uint8_t suite;
	} rows[] = {
		{"1 " CM80 " inline:" K30, SDP_CRYPTO_NONE, 1, DP_SRTP_CM_128_SHA1_80},
		{"7 AES_CM_128_HMAC_SHA1_32 inline:" K30, 0, 7, DP_SRTP_CM_128_SHA1_32},
		{"2 AES_256_CM_HMAC_SHA1_80 inline:" K46 "==", 0, 2, DP_SRTP_CM_256_SHA1_80},
		{"2 AES_256_CM_HMAC_SHA1_32 inline:" K46, 0, 2, DP_SRTP_CM_256_SHA1_32},
		{"3 AEAD_AES_128_GCM inline:" K28 "==", 0, 3, DP_SRTP_GCM_128},
		{"3 AEAD_AES_128_GCM inline:" K28, 0, 3, DP_SRTP_GCM_128},
		{"999999999 AEAD_AES_256_GCM inline:" K44 "=", 0, 999999999, DP_SRTP_GCM_256},
		{"1 aes_cm_128_hmac_sha1_80 INLINE:" K30, 0, 1, DP_SRTP_CM_128_SHA1_80},
		{"1 " CM80 " inline:" K30 "|2^20", 0, 1, DP_SRTP_CM_128_SHA1_80},
		{"1 " CM80 " inline:" K30 "|2^48", 0, 1, DP_SRTP_CM_128_SHA1_80},
		{"1 " CM80 " inline:" K30 "|1048576", 0, 1, DP_SRTP_CM_128_SHA1_80},
		{"1 " CM80 " inline:" K30 " WSH=64", 0, 1, DP_SRTP_CM_128_SHA1_80},
		{"1 " CM80 " inline:" K30 " -MAY-BE-IGNORED", 0, 1, DP_SRTP_CM_128_SHA1_80},
		{"  1   " CM80 "  inline:" K30 " ", 0, 1, DP_SRTP_CM_128_SHA1_80},
		{"", SDP_CRYPTO_FORM, 0, 0},
		{"1", SDP_CRYPTO_FORM, 0, 0},
		{"1 " CM80, SDP_CRYPTO_FORM, 0, 0},
		{"0 " CM80 " inline:" K30, SDP_CRYPTO_FORM, 0, 0},
		{"-1 " CM80 " inline:" K30, SDP_CRYPTO_FORM, 0, 0},
		{"x " CM80 " inline:" K30, SDP_CRYPTO_FORM, 0, 0},
		{"1000000000 " CM80 " inline:" K30, SDP_CRYPTO_FORM, 0, 0},
		{"0000000001 " CM80 " inline:" K30, SDP_CRYPTO_FORM, 0, 0},
		{"1 " CM80 " outline:" K30, SDP_CRYPTO_FORM, 0, 0},
		{"1 " CM80 " " K30, SDP_CRYPTO_FORM, 0, 0},
		{"1 " CM80 " inline:" K30 "|2^20|2^20", SDP_CRYPTO_FORM, 0, 0},
		{"1 NULL_HMAC_SHA1_80 inline:" K30, SDP_CRYPTO_SUITE, 0, 0},
		{"1 F8_128_HMAC_SHA1_80 inline:" K30, SDP_CRYPTO_SUITE, 0, 0},
		{"1 AES_192_CM_HMAC_SHA1_80 inline:" K30, SDP_CRYPTO_SUITE, 0, 0},
		{"1 AES_CM_128_HMAC_SHA1_8 inline:" K30, SDP_CRYPTO_SUITE, 0, 0},
		{"1 " CM80 " inline:", SDP_CRYPTO_KEY, 0, 0},
		{"1 " CM80 " inline:" K28, SDP_CRYPTO_KEY, 0, 0},
		{"1 " CM80 " inline:" K46, SDP_CRYPTO_KEY, 0, 0},
		{"1 " CM80 " inline:" K30 "A", SDP_CRYPTO_KEY, 0, 0},
		{"1 " CM80 " inline:" K30 "====", SDP_CRYPTO_KEY, 0, 0},
		{"1 " CM80 " inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVub-Vz", SDP_CRYPTO_KEY, 0,
			0},
		{"1 " CM80 " inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGU=", SDP_CRYPTO_KEY, 0,
			0},
		{"3 AEAD_AES_128_GCM inline:" K28 "=", SDP_CRYPTO_KEY, 0, 0},
		{"3 AEAD_AES_128_GCM inline:" K28 "=A", SDP_CRYPTO_KEY, 0, 0},
		/* bits behind the last octet */
		{"3 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGx", SDP_CRYPTO_KEY,
			0, 0},
		{"1 " CM80 " inline:" K30 "|", SDP_CRYPTO_LIFETIME, 0, 0},
		{"1 " CM80 " inline:" K30 "|0", SDP_CRYPTO_LIFETIME, 0, 0},
		{"1 " CM80 " inline:" K30 "|2^49", SDP_CRYPTO_LIFETIME, 0, 0},
		{"1 " CM80 " inline:" K30 "|281474976710657", SDP_CRYPTO_LIFETIME, 0, 0},
		{"1 " CM80 " inline:" K30 "|2^", SDP_CRYPTO_LIFETIME, 0, 0},
		{"1 " CM80 " inline:" K30 "|forever", SDP_CRYPTO_LIFETIME, 0, 0},
		{"1 " CM80 " inline:" K30 "|1:4", SDP_CRYPTO_MKI, 0, 0},
		{"1 " CM80 " inline:" K30 "|2^20|1:4", SDP_CRYPTO_MKI, 0, 0},
		{"1 " CM80 " inline:" K30 "|2^20|1:4;inline:" K30 "|2^20|2:4", SDP_CRYPTO_MKI, 0,
			0},
		{"1 " CM80 " inline:" K30 ";inline:" K30, SDP_CRYPTO_MKI, 0, 0},
		{"1 " CM80 " inline:" K30 " UNENCRYPTED_SRTP", SDP_CRYPTO_PARAM, 0, 0},
		{"1 " CM80 " inline:" K30 " UNENCRYPTED_SRTCP", SDP_CRYPTO_PARAM, 0, 0},
		{"1 " CM80 " inline:" K30 " UNAUTHENTICATED_SRTP", SDP_CRYPTO_PARAM, 0, 0},
		{"1 " CM80 " inline:" K30 " WSH=128 UNAUTHENTICATED_SRTP", SDP_CRYPTO_PARAM, 0, 0},
		{"1 " CM80 " inline:" K30 " KDR=1", SDP_CRYPTO_PARAM, 0, 0},
		{"1 " CM80 " inline:" K30 " FEC_ORDER=SRTP_FEC", SDP_CRYPTO_PARAM, 0, 0},
		{"1 " CM80 " inline:" K30 " FEC_KEY=inline:" K30, SDP_CRYPTO_PARAM, 0, 0},
		{"1 " CM80 " inline:" K30 " WSH=1", SDP_CRYPTO_PARAM, 0, 0},
		{"1 " CM80 " inline:" K30 " WSH=x", SDP_CRYPTO_PARAM, 0, 0},
		{"1 " CM80 " inline:" K30 " MUST_KNOW", SDP_CRYPTO_PARAM, 0, 0},
		{"1 " CM80 " inline:" K30 " -", SDP_CRYPTO_PARAM, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sdp_crypto c = {.tag = 4711}, untouched = c;
		enum sdp_crypto_fault fault = sdp_crypto_parse(view_of(rows[i].value), &c);

		if (fault != rows[i].want)
			fail_msg("%s: %s", rows[i].value, sdp_crypto_fault_text(fault));
		if (fault != SDP_CRYPTO_NONE) {
			assert_memory_equal(&c, &untouched, sizeof(c));
			continue;
		}
		assert_int_equal(c.tag, rows[i].tag);
		assert_int_equal(c.srtp.suite, rows[i].suite);
		assert_true(dp_srtp_valid(&c.srtp));
	}
}

/* The key is the octets, not only their number. */
static void test_key(void **state)
{
	struct sdp_crypto c;

	assert_int_equal(sdp_crypto_parse(view_of("1 AEAD_AES_256_GCM inline:" K44 "="), &c), 0);
	for (unsigned int i = 0; i < DP_SRTP_KEY_MAX; i++)
		assert_int_equal(c.srtp.key[i], i < 44 ? i : 0);
	assert_int_equal(sdp_crypto_parse(view_of("1 " CM80 " inline:" K30), &c), 0);
	assert_memory_equal(c.srtp.key, "YS___semctl () {\t220;}\n}\nunles", 30);
	assert_int_equal(
		sdp_crypto_parse(
			view_of("1 AEAD_AES_128_GCM inline:"
				"//////////////////////////////////////////////////////////"),
			&c),
		SDP_CRYPTO_KEY);
	assert_int_equal(
		sdp_crypto_parse(
			view_of("1 " CM80 " inline:+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/"), &c),
		0);
	assert_memory_equal(c.srtp.key, "\xfb\xff\xbf\xfb\xff\xbf", 6);
}

/* Every suite: printed as RFC 4568 says, and read back to the same. */
static void test_print(void **state)
{
	for (unsigned int suite = 1; suite < DP_SRTP_N; suite++) {
		const struct dp_srtp_suite_info *info = dp_srtp_suite(suite);
		struct sdp_crypto c = {.tag = 10 * suite, .srtp = {.suite = (uint8_t)suite}}, back;
		char text[256], start[64];
		struct sip_buf b;

		for (unsigned int i = 0; i < (unsigned int)info->key_len + info->salt_len; i++)
			c.srtp.key[i] = (uint8_t)(250 - 7 * i);
		sip_buf_init(&b, text, sizeof(text));
		sdp_crypto_put(&b, &c);
		assert_false(b.overflow);
		snprintf(start, sizeof(start), "a=crypto:%u %s inline:", 10 * suite, info->name);
		assert_memory_equal(text, start, strlen(start));
		assert_memory_equal(text + b.n - 2, "\r\n", 2);
		/* with its padding: whole groups of four */
		assert_int_equal((b.n - 2 - strlen(start)) % 4, 0);
		assert_int_equal(sdp_crypto_parse((struct view){text + 9, b.n - 11}, &back),
			SDP_CRYPTO_NONE);
		assert_memory_equal(&back, &c, sizeof(c));
	}
}

static void test_section(void **state)
{
	static const char text[] =
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
		"a=crypto:1 " CM80 " inline:" K30
		"\r\n" /* not of a medium: says nothing */
		"m=audio 4000 RTP/SAVP 8\r\n"
		"a=crypto:4 " CM80
		" inline:short\r\n"
		"a=crypto:1 " CM80 " inline:" K30
		"\r\n"
		"a=crypto:1 AEAD_AES_128_GCM inline:" K28
		"\r\n" /* the tag again */
		"a=crypto:2 " CM80 " inline:" K30
		"|1:1\r\n"
		"a=crypto\r\n"
		"a=crypto:9 AEAD_AES_128_GCM inline:" K28
		"\r\n"
		"m=audio 4002 RTP/AVP 8\r\n";
	static struct sdp sdp;
	struct sdp_cryptos all;

	assert_int_equal(sdp_parse(&sdp, VIEW(text)), 0);
	sdp_cryptos_read(&sdp, 0, &all);
	assert_int_equal(all.n_lines, 6);
	assert_int_equal(all.n, 2);
	assert_int_equal(all.faults, 4);
	assert_int_equal(all.first_fault, SDP_CRYPTO_KEY);
	assert_int_equal(all.line[0].tag, 1);
	assert_int_equal(all.line[0].srtp.suite, DP_SRTP_CM_128_SHA1_80);
	assert_int_equal(all.line[1].tag, 9);
	sdp_cryptos_read(&sdp, 1, &all);
	assert_int_equal(all.n_lines, 0);
}

static void test_too_many(void **state)
{
	static struct sdp sdp;
	struct sdp_cryptos all;
	char text[4096];
	int n = snprintf(text, sizeof(text),
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
		"m=audio 4000 RTP/SAVP 8\r\n");

	for (int tag = 1; tag <= SDP_CRYPTO_MAX + 4; tag++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			"a=crypto:%d " CM80 " inline:" K30 "\r\n", tag);
	assert_int_equal(sdp_parse(&sdp, (struct view){text, (size_t)n}), 0);
	sdp_cryptos_read(&sdp, 0, &all);
	assert_int_equal(all.n, SDP_CRYPTO_MAX);
	assert_int_equal(all.n_lines, SDP_CRYPTO_MAX + 4);
	assert_int_equal(all.line[0].tag, 1);
	assert_int_equal(all.line[SDP_CRYPTO_MAX - 1].tag, SDP_CRYPTO_MAX);
}

static void test_profiles(void **state)
{
	static const struct {
		const char *text;
		enum sdp_profile want;
		enum sdp_keying keying;
		bool feedback;
	} rows[] = {
		{"RTP/AVP", SDP_RTP_AVP, SDP_PLAIN, false},
		{"RTP/AVPF", SDP_RTP_AVPF, SDP_PLAIN, true},
		{"RTP/SAVP", SDP_RTP_SAVP, SDP_SDES, false},
		{"RTP/SAVPF", SDP_RTP_SAVPF, SDP_SDES, true},
		{"UDP/TLS/RTP/SAVP", SDP_DTLS_SAVP, SDP_DTLS, false},
		{"UDP/TLS/RTP/SAVPF", SDP_DTLS_SAVPF, SDP_DTLS, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum sdp_profile p = sdp_profile_parse(view_of(rows[i].text));

		assert_int_equal(p, rows[i].want);
		assert_int_equal(sdp_profile_keying(p), rows[i].keying);
		assert_true(view_eq(sdp_profile_text(p), view_of(rows[i].text)));
		for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++) {
			if (rows[j].feedback == rows[i].feedback)
				assert_int_equal(sdp_profile_with(p, rows[j].keying), rows[j].want);
		}
	}
	assert_int_equal(sdp_profile_parse(VIEW("udptl")), SDP_PROFILE_NONE);
	assert_int_equal(sdp_profile_parse(VIEW("TCP/TLS/RTP/SAVP")), SDP_PROFILE_NONE);
	assert_int_equal(sdp_profile_text(SDP_PROFILE_NONE).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_section),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
