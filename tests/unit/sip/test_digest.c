/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Digest credentials: which challenges are met, the examples of RFC 7616 and RFC 8760, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/evp.h>

#include "sip-b2bua/auth/digest.h"

struct challenge_row {
	const char *text;
	int rc;
	uint8_t hash;
	bool qop, stale;
	const char *realm, *nonce, *opaque;
};

static const struct challenge_row challenges[] = {
	{"Digest realm=\"atlanta.com\", nonce=\"f84f1cec41e6cbe5aea9c8e88d359\"", 0, DIGEST_MD5,
		false, false, "atlanta.com", "f84f1cec41e6cbe5aea9c8e88d359", ""},
	{"digest  REALM = \"a\" ,nonce=\"n\",algorithm=sha-256,qop=\"auth-int, "
	 "auth\",stale=TRUE,x=y",
		0, DIGEST_SHA256, true, true, "a", "n", ""},
	{"Digest algorithm=SHA-512-256,realm=\"a \\\"b\\\" "
	 "\\\\\",nonce=\"n,1\",opaque=\"o\",qop=auth",
		0, DIGEST_SHA512_256, true, false, "a \\\"b\\\" \\\\", "n,1", "o"},
	{"Digest realm=\"\",nonce=\"n\",algorithm=MD5", 0, DIGEST_MD5, false, false, "", "n", ""},
	{"Digest realm=\"a\",nonce=\"n\",", 0, DIGEST_MD5, false, false, "a", "n", ""},
	{"Basic realm=\"a\"", -EINVAL},
	{"Digest", -EINVAL},
	{"", -EINVAL},
	{"Digest realm=\"a\"", -EINVAL},
	{"Digest nonce=\"n\"", -EINVAL},
	{"Digest realm=\"a\",nonce=\"\"", -EINVAL},
	{"Digest realm=\"a,nonce=\"n\"", -EINVAL},
	{"Digest realm=\"a\" nonce=\"n\"", -EINVAL},
	{"Digest realm=\"a\",nonce=\"n\",Nonce=\"m\"", -EINVAL},
	{"Digest realm=\"a\",nonce=\"n\",opaque=\"o\",opaque=\"o\"", -EINVAL},
	{"Digest realm,nonce=\"n\"", -EINVAL},
	{"Digest realm=\"a\",nonce=\"n\",algorithm=MD5-sess", -EINVAL},
	{"Digest realm=\"a\",nonce=\"n\",algorithm=AKAv1-MD5", -EINVAL},
	{"Digest realm=\"a\",nonce=\"n\",qop=\"auth-int\"", -EINVAL},
	{"Digest realm=\"a\r\n b\",nonce=\"n\"", -EINVAL},
};

static void test_challenges(void **state)
{
	struct digest_challenge c;

	for (unsigned int i = 0; i < sizeof(challenges) / sizeof(challenges[0]); i++) {
		const struct challenge_row *row = &challenges[i];
		int rc = digest_challenge_parse(view_of(row->text), &c);
		if (rc != row->rc)
			fail_msg("%s: %d", row->text, rc);
		if (rc < 0)
			continue;
		assert_int_equal(c.hash, row->hash);
		assert_int_equal(c.qop_auth, row->qop);
		assert_int_equal(c.stale, row->stale);
		assert_string_equal(c.realm, row->realm);
		assert_string_equal(c.nonce, row->nonce);
		assert_string_equal(c.opaque, row->opaque);
	}
	char text[2 * DIGEST_TEXT_MAX];
	int n = snprintf(text, sizeof(text), "Digest realm=\"a\",nonce=\"");
	memset(text + n, 'x', DIGEST_TEXT_MAX);
	snprintf(text + n + DIGEST_TEXT_MAX, 2, "\"");
	assert_true(digest_challenge_parse(view_of(text), &c) < 0);
}

/* ---- an answer, as the other side checks it ---- */

static void hex_of(const EVP_MD *md, const char *text, char *ret_hex)
{
	unsigned char out[EVP_MAX_MD_SIZE];
	unsigned int n;
	assert_int_equal(EVP_Digest(text, strlen(text), out, &n, md, NULL), 1);
	for (unsigned int i = 0; i < n; i++)
		sprintf(ret_hex + 2 * i, "%02x", out[i]);
}

static void param(const char *header, const char *name, char *ret_value)
{
	char key[40];
	snprintf(key, sizeof(key), "%s=", name);
	const char *p = strstr(header, key);
	assert_non_null(p);
	p += strlen(key);
	bool quoted = *p == '"';
	p += quoted;
	size_t n = strcspn(p, quoted ? "\"" : ", \r");
	memcpy(ret_value, p, n);
	ret_value[n] = '\0';
}

static void expect_response(const char *header, const EVP_MD *md, bool qop, const char *a1_text,
	const char *nonce, const char *a2_text)
{
	char a1[130], a2[130], nc[40], cnonce[80], text[600], want[130], got[130];
	hex_of(md, a1_text, a1);
	hex_of(md, a2_text, a2);
	if (qop) {
		param(header, "nc", nc);
		param(header, "cnonce", cnonce);
		assert_int_equal(strlen(cnonce), 32);
		snprintf(text, sizeof(text), "%s:%s:%s:%s:auth:%s", a1, nonce, nc, cnonce, a2);
	} else {
		snprintf(text, sizeof(text), "%s:%s:%s", a1, nonce, a2);
	}
	hex_of(md, text, want);
	param(header, "response", got);
	assert_string_equal(got, want);
}

static struct sip_msg msg; /* large */

static const struct sip_msg *answer_with(const char *status, const char *fields)
{
	static char text[2000];
	int n = snprintf(text, sizeof(text),
		"SIP/2.0 %s\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
		"To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n%sContent-Length: "
		"0\r\n\r\n",
		status, fields);
	assert_int_equal(sip_msg_parse(&msg, text, (size_t)n, false), 0);
	return &msg;
}

static const char *put(struct digest_client *client, const char *user, const char *pass)
{
	static char text[2000];
	struct sip_buf b;
	sip_buf_init(&b, text, sizeof(text) - 1);
	digest_client_put(client, &b, VIEW("INVITE"), VIEW("sip:c@d"), user, pass);
	assert_false(b.overflow);
	text[b.n] = '\0';
	return text;
}

/* RFC 7616 3.9.1 with its own numbers: the hashes here agree with the RFC's. */
static void test_rfc7616(void **state)
{
	char a1[130], a2[130], text[600], got[130];
	static const struct {
		const EVP_MD *(*md)(void);
		const char *want;
	} rows[] = {
		{EVP_md5, "8ca523f5e9506fed4657c9700eebdbec"},
		{EVP_sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
	};
	for (unsigned int i = 0; i < 2; i++) {
		hex_of(rows[i].md(), "Mufasa:http-auth@example.org:Circle of Life", a1);
		hex_of(rows[i].md(), "GET:/dir/index.html", a2);
		snprintf(text, sizeof(text),
			"%s:7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v:00000001:"
			"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ:auth:%s",
			a1, a2);
		hex_of(rows[i].md(), text, got);
		assert_string_equal(got, rows[i].want);
	}
}

static void test_strongest_is_chosen(void **state)
{
	struct digest_client client = {0};
	const char *header;
	char value[200];

	assert_string_equal(put(&client, "u", "p"), "");
	assert_true(digest_client_take(&client,
		answer_with("401 Unauthorized",
			"WWW-Authenticate: Digest realm=\"r\",nonce=\"m\"\r\n"
			"WWW-Authenticate: Digest realm=\"r\",nonce=\"n2\",algorithm=SHA-512-256,"
			"qop=\"auth\",opaque=\"o\"\r\n"
			"WWW-Authenticate: Digest realm=\"r\",nonce=\"s\",algorithm=SHA-256\r\n"
			"Proxy-Authenticate: Digest realm=\"p\",nonce=\"p\"\r\n")));
	header = put(&client, "u", "p");
	assert_true(
		strncmp(header, "Authorization: Digest username=\"u\", realm=\"r\", nonce=\"n2\"",
			56) == 0);
	expect_response(header, EVP_sha512_256(), true, "u:r:p", "n2", "INVITE:sip:c@d");
	param(header, "algorithm", value);
	assert_string_equal(value, "SHA-512-256");
	param(header, "opaque", value);
	assert_string_equal(value, "o");
	param(header, "nc", value);
	assert_string_equal(value, "00000001");
	param(put(&client, "u", "p"), "nc", value);
	assert_string_equal(value, "00000002");
}

static void test_old_style_and_quotes(void **state)
{
	struct digest_client client = {0};
	const char *header;

	assert_true(digest_client_take(&client,
		answer_with("407 Proxy Authentication Required",
			"WWW-Authenticate: Digest realm=\"no\",nonce=\"no\"\r\n"
			"Proxy-Authenticate: Digest realm=\"a \\\"b\\\"\",nonce=\"n\"\r\n")));
	header = put(&client, "us\"er", "p:\\w");
	assert_non_null(strstr(header,
		"Proxy-Authorization: Digest username=\"us\\\"er\", "
		"realm=\"a \\\"b\\\"\", nonce=\"n\", uri=\"sip:c@d\""));
	assert_null(strstr(header, "algorithm"));
	assert_null(strstr(header, "qop"));
	expect_response(header, EVP_md5(), false, "us\"er:a \"b\":p:\\w", "n", "INVITE:sip:c@d");
}

/* What is hashed has any length. */
static void test_lengths(void **state)
{
	static char text[2000], uri[700], a2[720];
	struct digest_client client = {0};
	struct sip_buf b;

	assert_true(digest_client_take(&client,
		answer_with("401 Unauthorized",
			"WWW-Authenticate: Digest realm=\"r\",nonce=\"n\",algorithm=SHA-256\r\n")));
	for (size_t n = 4; n < sizeof(uri); n++) {
		memset(uri, 'x', n);
		memcpy(uri, "sip:", 4);
		sip_buf_init(&b, text, sizeof(text) - 1);
		digest_client_put(&client, &b, VIEW("INVITE"), (struct view){uri, n}, "u", "p");
		assert_false(b.overflow);
		text[b.n] = '\0';
		snprintf(a2, sizeof(a2), "INVITE:%.*s", (int)n, uri);
		expect_response(text, EVP_sha256(), false, "u:r:p", "n", a2);
	}
}

static bool take(struct digest_client *client, const char *nonce, bool stale)
{
	char text[200];
	snprintf(text, sizeof(text), "WWW-Authenticate: Digest realm=\"r\",nonce=\"%s\"%s\r\n",
		nonce, stale ? ",stale=true" : "");
	return digest_client_take(client, answer_with("401 Unauthorized", text));
}

static void test_when_to_give_up(void **state)
{
	struct digest_client client = {0};

	assert_false(digest_client_take(&client, answer_with("401 Unauthorized", "")));
	assert_true(take(&client, "1", false));
	put(&client, "u", "p");
	assert_false(take(&client, "2", false)); /* a wrong password */
	assert_true(take(&client, "2", true));	 /* only the nonce was old */
	put(&client, "u", "p");
	assert_true(take(&client, "3", true));
	assert_false(take(&client, "4", true)); /* for ever is too long */
	digest_client_accepted(&client);
	assert_true(take(&client, "5", false)); /* a later request, an old nonce */
	assert_false(take(&client, "6", false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_challenges),
		cmocka_unit_test(test_rfc7616),
		cmocka_unit_test(test_strongest_is_chosen),
		cmocka_unit_test(test_old_style_and_quotes),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_when_to_give_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
