/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digest, the side that asks: what it offers, what our own client side and the RFCs' examples answer,
 * nonces that are old, used or somebody else's, and who guesses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sip-b2bua/auth/digest_server.h"

struct parse_row {
	const char *text;
	int rc;
	uint8_t hash;
	bool qop;
	uint32_t nc;
};

#define MD5_0  "\"0123456789abcdef0123456789ABCDEF\""
#define SHA_0  "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
#define COMMON "username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\""
static const struct parse_row parse_rows[] = {
	{"Digest " COMMON ",response=" MD5_0, 0, DIGEST_MD5, false, 0},
	{"digest " COMMON " , response=" MD5_0 ", qop=auth, nc=0000000A,cnonce=\"c\"", 0,
		DIGEST_MD5, true, 10},
	{"Digest " COMMON ",response=" SHA_0 ",algorithm=SHA-256,qop=\"auth\",nc=00000001,"
	 "cnonce=\"c\",opaque=\"\"",
		0, DIGEST_SHA256, true, 1},
	{"Digest " COMMON ",response=" SHA_0 ",algorithm=sha-512-256", 0, DIGEST_SHA512_256, false,
		0},
	{"Digest " COMMON, -EINVAL},
	{"Digest " COMMON ",response=\"12\"", -EINVAL},
	{"Digest " COMMON ",response=" MD5_0 ",algorithm=SHA-256", -EINVAL},
	{"Digest " COMMON ",response=" MD5_0 ",qop=auth,cnonce=\"c\"", -EINVAL},
	{"Digest " COMMON ",response=" MD5_0 ",qop=auth,nc=00000001", -EINVAL},
	{"Digest " COMMON ",response=" MD5_0 ",qop=auth,nc=1,cnonce=\"c\"", -EINVAL},
	{"Digest " COMMON ",response=" MD5_0 ",qop=auth,nc=0000000g,cnonce=\"c\"", -EINVAL},
	{"Digest " COMMON ",response=" MD5_0 ",qop=auth-int,nc=00000001,cnonce=\"c\"", -ENOTSUP},
	{"Digest " COMMON ",response=" MD5_0 ",algorithm=MD5-sess", -ENOTSUP},
	{"Digest username=\"u,realm=\"r\"", -EINVAL},
	{"Digest username=\"u\",username=\"v\",realm=\"r\",nonce=\"n\",uri=\"sip:x\","
	 "response=\"00000000000000000000000000000000\"",
		-EINVAL},
	{"Basic dTpw", -ENOTSUP},
	{"", -ENOTSUP},
};

static void test_parse(void **state)
{
	for (unsigned int i = 0; i < sizeof(parse_rows) / sizeof(parse_rows[0]); i++) {
		const struct parse_row *row = &parse_rows[i];
		struct digest_credentials c;
		int rc = digest_credentials_parse(view_of(row->text), &c);

		if (rc != row->rc)
			fail_msg("%s: %d", row->text, rc);
		if (rc < 0)
			continue;
		assert_int_equal(c.hash, row->hash);
		assert_int_equal(c.qop, row->qop);
		assert_int_equal(c.nc, row->nc);
	}
	struct digest_credentials c = {.username = VIEW("a\\\"b\\\\c")};
	char name[8], little[5];
	assert_int_equal(digest_credentials_username(&c, name, sizeof(name)), 0);
	assert_string_equal(name, "a\"b\\c");
	assert_int_equal(digest_credentials_username(&c, little, sizeof(little)), -ENAMETOOLONG);
}

/* ---- a server and our own client at it ---- */

#define NOW 1000000

static struct sip_msg msg; /* large */
static char challenge_text[2000], credentials_text[2000];
static struct ipaddr source;

static void challenge(struct digest_server *s, unsigned int hashes, bool stale, uint64_t now_ms)
{
	struct sip_buf b;

	sip_buf_init(&b, challenge_text, sizeof(challenge_text) - 1);
	digest_server_challenge(s, &b, false, "example", hashes, stale, now_ms);
	assert_false(b.overflow);
	challenge_text[b.n] = '\0';
}

/* The client takes the present challenge. */
static void client_take(struct digest_client *client)
{
	static char text[3000];
	int n = snprintf(text, sizeof(text),
		"SIP/2.0 401 x\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
		"To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n%sContent-Length: "
		"0\r\n\r\n",
		challenge_text);

	*client = (struct digest_client){0};
	assert_int_equal(sip_msg_parse(&msg, text, (size_t)n, false), 0);
	assert_true(digest_client_take(client, &msg));
}

/* What the client puts into its next request, parsed. */
static struct digest_credentials client_says(struct digest_client *client, const char *password)
{
	struct digest_credentials c;
	struct sip_buf b;

	sip_buf_init(&b, credentials_text, sizeof(credentials_text));
	digest_client_put(client, &b, VIEW("REGISTER"), VIEW("sip:example"), "us\"er", password);
	/* without "Authorization: " and CRLF */
	assert_int_equal(
		digest_credentials_parse((struct view){credentials_text + 15, b.n - 17}, &c), 0);
	return c;
}

static struct digest_try attempt(const char *password, uint64_t now_ms)
{
	return (struct digest_try){.method = VIEW("REGISTER"),
		.hashes = DIGEST_HASHES_ALL,
		.realm = "example",
		.username = password ? "us\"er" : NULL,
		.password = password,
		.source = &source,
		.now_ms = now_ms};
}

static int verify(struct digest_server *s, const struct digest_credentials *c, const char *password,
	uint64_t now_ms)
{
	struct digest_try t = attempt(password, now_ms);

	return (int)digest_server_verify(s, c, &t);
}

static void test_offer(void **state)
{
	struct digest_server *s = digest_server_new(1);
	const char *first, *second, *third;
	struct digest_client client;

	challenge(s, DIGEST_HASHES_ALL, false, NOW);
	first = strstr(challenge_text, "algorithm=SHA-512-256");
	second = strstr(challenge_text, "algorithm=SHA-256");
	third = strstr(challenge_text, "algorithm=MD5");
	assert_true(first && second && third && first < second && second < third);
	assert_null(strstr(challenge_text, "stale"));
	client_take(&client);
	assert_int_equal(client.challenge.hash, DIGEST_SHA512_256);
	challenge(s, 1u << DIGEST_MD5, true, NOW);
	assert_null(strstr(challenge_text, "SHA"));
	assert_non_null(strstr(challenge_text, "stale=true"));
	digest_server_free(s);
}

static void test_right_and_wrong(void **state)
{
	for (unsigned int hash = DIGEST_MD5; hash <= DIGEST_SHA512_256; hash++) {
		struct digest_server *s = digest_server_new(hash);
		struct digest_client client;
		struct digest_credentials c;
		struct digest_try t;

		challenge(s, 1u << hash, false, NOW);
		client_take(&client);
		assert_int_equal(client.challenge.hash, hash);
		c = client_says(&client, "secret");
		assert_int_equal(verify(s, &c, "Secret", NOW), DIGEST_WRONG);
		assert_int_equal(verify(s, &c, NULL, NOW), DIGEST_WRONG);
		t = attempt("secret", NOW);
		t.method = VIEW("INVITE");
		assert_int_equal(digest_server_verify(s, &c, &t), DIGEST_WRONG);
		t.hashes = DIGEST_HASHES_ALL & ~(1u << hash);
		assert_int_equal(digest_server_verify(s, &c, &t), DIGEST_WEAK);
		assert_int_equal(verify(s, &c, "secret", NOW), DIGEST_OK);
		digest_server_free(s);
	}
}

/* The numbers of RFC 7616 3.9.1 as a far end would send them: the nonce is not ours, so stale. */
static void test_foreign_nonce(void **state)
{
	struct digest_server *s = digest_server_new(7), *other = digest_server_new(8);
	struct digest_credentials c;
	struct digest_client client;

	assert_int_equal(
		digest_credentials_parse(
			VIEW("Digest username=\"Mufasa\", realm=\"http-auth@example.org\", "
			     "uri=\"/dir/index.html\", algorithm=MD5, "
			     "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "
			     "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, "
			     "response=\"8ca523f5e9506fed4657c9700eebdbec\""),
			&c),
		0);
	assert_int_equal(verify(s, &c, "Circle of Life", NOW), DIGEST_STALE);
	/* of another worker, or of before the restart */
	challenge(other, DIGEST_HASHES_ALL, false, NOW);
	client_take(&client);
	c = client_says(&client, "secret");
	assert_int_equal(verify(s, &c, "secret", NOW), DIGEST_STALE);
	assert_int_equal(verify(other, &c, "secret", NOW), DIGEST_OK);
	digest_server_free(s);
	digest_server_free(other);
}

static void test_replay_and_age(void **state)
{
	struct digest_server *s = digest_server_new(3);
	struct digest_client client;
	struct digest_credentials c;

	challenge(s, DIGEST_HASHES_ALL, false, NOW);
	client_take(&client);
	c = client_says(&client, "secret");
	assert_int_equal(verify(s, &c, "secret", NOW), DIGEST_OK);
	assert_int_equal(verify(s, &c, "secret", NOW), DIGEST_STALE);
	c = client_says(&client, "secret");
	assert_int_equal(c.nc, 2);
	assert_int_equal(verify(s, &c, "secret", NOW), DIGEST_OK);
	/* one may overtake another, each counts once */
	client.nc = 9;
	c = client_says(&client, "secret");
	assert_int_equal(verify(s, &c, "secret", NOW), DIGEST_OK);
	client.nc = 5;
	c = client_says(&client, "secret");
	assert_int_equal(verify(s, &c, "secret", NOW), DIGEST_OK);
	assert_int_equal(verify(s, &c, "secret", NOW), DIGEST_STALE);
	client.nc = 499;
	c = client_says(&client, "secret");
	assert_int_equal(verify(s, &c, "secret", NOW), DIGEST_OK);
	client.nc = 400;
	c = client_says(&client, "secret");
	assert_int_equal(verify(s, &c, "secret", NOW), DIGEST_STALE);
	/* one that was never used gets old, too */
	client.nc = 600;
	c = client_says(&client, "secret");
	assert_int_equal(verify(s, &c, "secret", NOW + DIGEST_NONCE_LIFE_MS + 1000), DIGEST_STALE);
	assert_int_equal(verify(s, &c, "secret", NOW - 1000), DIGEST_STALE);
	assert_int_equal(verify(s, &c, "secret", NOW + DIGEST_NONCE_LIFE_MS), DIGEST_OK);
	digest_server_free(s);
}

/* Without qop a nonce is good once. */
static void test_old_style(void **state)
{
	struct digest_server *s = digest_server_new(4);
	struct digest_client client;
	struct digest_credentials c;
	char *qop;

	challenge(s, 1u << DIGEST_MD5, false, NOW);
	qop = strstr(challenge_text, ", qop=\"auth\"");
	assert_non_null(qop);
	memmove(qop, qop + 12, strlen(qop + 12) + 1);
	client_take(&client);
	c = client_says(&client, "secret");
	assert_false(c.qop);
	assert_int_equal(verify(s, &c, "secret", NOW), DIGEST_OK);
	c = client_says(&client, "secret");
	assert_int_equal(verify(s, &c, "secret", NOW), DIGEST_STALE);
	digest_server_free(s);
}

static void test_guessing(void **state)
{
	struct digest_server *s = digest_server_new(5);
	struct digest_client client;
	struct digest_credentials bad, good;
	struct digest_try t;

	challenge(s, DIGEST_HASHES_ALL, false, NOW);
	client_take(&client);
	bad = client_says(&client, "guess");
	char copy[sizeof(credentials_text)];
	memcpy(copy, credentials_text, sizeof(copy));
	assert_int_equal(
		digest_credentials_parse((struct view){copy + 15, strcspn(copy + 15, "\r")}, &bad),
		0);
	good = client_says(&client, "secret");
	/* from many addresses: it is the user who is guessed at */
	for (unsigned int i = 0; i < DIGEST_GUESSES_USER; i++) {
		source.ip[3] = (uint8_t)i;
		assert_int_equal(verify(s, &bad, "secret", NOW), DIGEST_WRONG);
	}
	source.ip[3] = 200;
	assert_int_equal(verify(s, &good, "secret", NOW), DIGEST_LIMITED);
	/* but from where the user is registered it goes on */
	t = attempt("secret", NOW);
	t.known_source = true;
	assert_int_equal(digest_server_verify(s, &good, &t), DIGEST_OK);
	/* and a while later for everybody */
	good = client_says(&client, "secret");
	assert_int_equal(verify(s, &good, "secret", NOW + DIGEST_GUESS_MS), DIGEST_OK);
	digest_server_free(s);

	/* from one address: nobody at it gets any further, whatever the user */
	s = digest_server_new(6);
	challenge(s, DIGEST_HASHES_ALL, false, NOW);
	client_take(&client);
	good = client_says(&client, "secret");
	source.ip[3] = 7;
	for (unsigned int i = 0; i < DIGEST_GUESSES_SOURCE; i++) {
		char name[8];

		snprintf(name, sizeof(name), "u%u", i);
		bad = good;
		bad.username = view_of(name);
		assert_int_equal(verify(s, &bad, NULL, NOW), DIGEST_WRONG);
	}
	assert_int_equal(verify(s, &good, "secret", NOW), DIGEST_LIMITED);
	source.ip[3] = 8;
	assert_int_equal(verify(s, &good, "secret", NOW), DIGEST_OK);
	digest_server_free(s);
}

/* Credentials for other realms stand beside ours. */
static void test_find(void **state)
{
	static char text[3000];
	struct digest_credentials c;
	int n = snprintf(text, sizeof(text),
		"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n"
		"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n"
		"Authorization: Basic abc\r\n"
		"Authorization: Digest username=\"o\",realm=\"other\",nonce=\"n\",uri=\"sip:x\","
		"response=" MD5_0
		"\r\n"
		"Authorization: Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\","
		"response=" MD5_0
		"\r\n"
		"Content-Length: 0\r\n\r\n");

	assert_int_equal(sip_msg_parse(&msg, text, (size_t)n, false), 0);
	assert_int_equal(digest_credentials_find(&msg, false, "r", &c), 0);
	assert_true(view_eq(c.username, VIEW("u")));
	assert_int_equal(digest_credentials_find(&msg, false, "R", &c), -ENOTSUP);
	assert_int_equal(digest_credentials_find(&msg, true, "r", &c), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_offer),
		cmocka_unit_test(test_right_and_wrong),
		cmocka_unit_test(test_foreign_nonce),
		cmocka_unit_test(test_replay_and_age),
		cmocka_unit_test(test_old_style),
		cmocka_unit_test(test_guessing),
		cmocka_unit_test(test_find),
	};

	source = (struct ipaddr){.family = 4, .ip = {192, 0, 2, 1}};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
