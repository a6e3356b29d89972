/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PASSporTs: the octets of RFC 8225, the signature of RFC 7515, what is made is read again, what is bent is not. */
#include "sip-b2bua/identity/passport.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define URL "https://cert.example.org/passport.cer"

/* RFC 8225 appendix A: header and claims as they are encoded. */
#define RFC_HEADER                                                         \
	"eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9j" \
	"ZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9"
#define RFC_CLAIMS                                                        \
	"eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI" \
	"6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn19"
/* RFC 7515 appendix A.3: what is signed, the signature, the key's point. */
#define JWS_TEXT                                                           \
	"eyJhbGciOiJFUzI1NiJ9."                                            \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt" \
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define JWS_SIGNATURE                                                      \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA" \
	"pmWQxfKTUJqPP3-Kg6NU1Q"
#define JWS_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define JWS_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"

static EVP_PKEY *own;

static EVP_PKEY *jws_key(void)
{
	uint8_t point[65] = {4};
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("group", (char *)"P-256", 0),
		OSSL_PARAM_construct_octet_string("pub", point, sizeof(point)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(passport_decode64(VIEW(JWS_X), point + 1, 32), 32);
	assert_int_equal(passport_decode64(VIEW(JWS_Y), point + 33, 32), 32);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static int set_up(void **state)
{
	own = EVP_EC_gen("P-256");
	return own ? 0 : -1;
}

static int tear_down(void **state)
{
	EVP_PKEY_free(own);
	return 0;
}

static void test_base64(void **state)
{
	static const char header[] = "{\"alg\":\"ES256\",\"typ\":\"passport\",\"x5u\":\"" URL "\"}";
	static const char claims[] =
		"{\"dest\":{\"uri\":[\"sip:alice@example.com\"]},"
		"\"iat\":1471375418,\"orig\":{\"tn\":\"12155551212\"}}";
	static const char *const bad[] = {"A", "AAAAA", "AB", "A=", "A+AA", "A/AA", "A AA"};
	char text[256];
	uint8_t data[64];
	size_t n = passport_encode64(header, strlen(header), text, sizeof(text));

	assert_int_equal(n, strlen(RFC_HEADER));
	assert_memory_equal(text, RFC_HEADER, n);
	n = passport_encode64(claims, strlen(claims), text, sizeof(text));
	assert_int_equal(n, strlen(RFC_CLAIMS));
	assert_memory_equal(text, RFC_CLAIMS, n);
	assert_int_equal(passport_decode64(VIEW("Zg"), data, sizeof(data)), 1);
	assert_int_equal(data[0], 'f');
	assert_int_equal(passport_decode64(VIEW("_-8"), data, sizeof(data)), 2);
	assert_int_equal(data[0], 0xff);
	assert_int_equal(data[1], 0xef);
	assert_int_equal(passport_decode64(VIEW(JWS_SIGNATURE), data, 63), -EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(passport_decode64(view_of(bad[i]), data, sizeof(data)), -EINVAL);
}

static void test_es256(void **state)
{
	EVP_PKEY *key = jws_key();
	uint8_t signature[64];

	assert_int_equal(passport_decode64(VIEW(JWS_SIGNATURE), signature, 64), 64);
	assert_true(passport_verify_text(VIEW(JWS_TEXT), key, signature));
	assert_false(passport_verify_text(VIEW(JWS_TEXT "A"), key, signature));
	assert_false(passport_verify_text(VIEW(JWS_TEXT), own, signature));
	signature[63] ^= 1;
	assert_false(passport_verify_text(VIEW(JWS_TEXT), key, signature));
	EVP_PKEY_free(key);
	assert_true(passport_sign_text(VIEW(RFC_HEADER "." RFC_CLAIMS), own, signature));
	assert_true(passport_verify_text(VIEW(RFC_HEADER "." RFC_CLAIMS), own, signature));
}

static struct passport sample(void)
{
	return (struct passport){.x5u = URL,
		.attest = 'A',
		.iat = 1471375418,
		.orig = "12155551212",
		.dest = {"12155551213", "12155551214"},
		.n_dest = 2,
		.origid = "123e4567-e89b-12d3-a456-426655440000"};
}

/* RFC 8588 5: the claims of SHAKEN in their order, and back. */
static void test_shaken(void **state)
{
	static const char header[] =
		"{\"alg\":\"ES256\",\"ppt\":\"shaken\",\"typ\":\"passport\",\"x5u\":\"" URL "\"}";
	static const char claims[] =
		"{\"attest\":\"A\",\"dest\":{\"tn\":[\"12155551213\",\"12155551214\"]},"
		"\"iat\":1471375418,\"orig\":{\"tn\":\"12155551212\"},"
		"\"origid\":\"123e4567-e89b-12d3-a456-426655440000\"}";
	struct passport p = sample(), back;
	char text[PASSPORT_TOKEN_MAX], want[1024];
	const char *reason;
	size_t n = passport_print(&p, own, text, sizeof(text)), at;

	assert_true(n > 0);
	at = passport_encode64(header, strlen(header), want, sizeof(want));
	want[at++] = '.';
	at += passport_encode64(claims, strlen(claims), want + at, sizeof(want) - at);
	assert_memory_equal(text, want, at);
	assert_int_equal(passport_read((struct view){text, n}, &back, &reason), 0);
	assert_string_equal(back.x5u, URL);
	assert_int_equal(back.attest, 'A');
	assert_int_equal(back.iat, 1471375418);
	assert_string_equal(back.orig, "12155551212");
	assert_int_equal(back.n_dest, 2);
	assert_string_equal(back.dest[1], "12155551214");
	assert_true(passport_verify(&back, own));
	/* Each octet of what is signed counts. */
	for (size_t i = 0; i < at; i += 7) {
		char kept = text[i];

		text[i] = kept == 'A' ? 'B' : 'A';
		if (passport_read((struct view){text, n}, &back, &reason) == 0)
			assert_false(passport_verify(&back, own));
		text[i] = kept;
	}
}

/* A token of our own JSON. */
static int read_json(const char *header, const char *claims, const char *params)
{
	char text[2048];
	struct passport p;
	const char *reason = NULL;
	uint8_t signature[64] = {1};
	size_t n = passport_encode64(header, strlen(header), text, sizeof(text));
	int rc;

	text[n++] = '.';
	n += passport_encode64(claims, strlen(claims), text + n, sizeof(text) - n);
	text[n++] = '.';
	n += passport_encode64(signature, 64, text + n, sizeof(text) - n);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", params);
	rc = passport_read((struct view){text, n}, &p, &reason);
	assert_true(rc == 0 || reason[0] != '\0');
	return rc;
}

#define HEADER(ppt_) \
	"{\"alg\":\"ES256\",\"ppt\":\"" ppt_ "\",\"typ\":\"passport\",\"x5u\":\"" URL "\"}"
#define CLAIMS(iat_, dest_)                                  \
	"{\"attest\":\"B\",\"dest\":" dest_ ",\"iat\":" iat_ \
	",\"orig\":{\"tn\":\"1234567\"},"                    \
	"\"origid\":\"x\"}"
#define GOOD_CLAIMS CLAIMS("1", "{\"tn\":[\"+1-215\"]}")
#define PARAMS	    ";info=<" URL ">;alg=ES256;ppt=\"shaken\""

static void test_bent(void **state)
{
	static const struct {
		const char *header, *claims, *params;
		bool good;
	} rows[] = {
		{HEADER("shaken"), GOOD_CLAIMS, PARAMS, true},
		{HEADER("shaken"), GOOD_CLAIMS, ";info=<" URL ">", true},
		{HEADER("shaken"), GOOD_CLAIMS, "", false},
		{HEADER("shaken"), GOOD_CLAIMS, ";info=<https://evil.example/x>", false},
		{HEADER("shaken"), GOOD_CLAIMS, ";info=<" URL ">;alg=none", false},
		{HEADER("shaken"), GOOD_CLAIMS, ";info=<" URL ">;ppt=div", false},
		{HEADER("div"), GOOD_CLAIMS, PARAMS, false},
		{"{\"alg\":\"none\",\"ppt\":\"shaken\",\"typ\":\"passport\",\"x5u\":\"" URL "\"}",
			GOOD_CLAIMS, PARAMS, false},
		{"[]", GOOD_CLAIMS, PARAMS, false},
		{"{", GOOD_CLAIMS, PARAMS, false},
		{HEADER("shaken"), CLAIMS("\"1\"", "{\"tn\":[\"1\"]}"), PARAMS, false},
		{HEADER("shaken"), CLAIMS("-1", "{\"tn\":[\"1\"]}"), PARAMS, false},
		{HEADER("shaken"), CLAIMS("1", "{\"tn\":[]}"), PARAMS, false},
		{HEADER("shaken"), CLAIMS("1", "{\"tn\":\"1\"}"), PARAMS, false},
		{HEADER("shaken"), CLAIMS("1", "{\"uri\":[\"sip:a@b\"]}"), PARAMS, false},
		{HEADER("shaken"), CLAIMS("1", "{\"tn\":[\"alice\"]}"), PARAMS, false},
		{HEADER("shaken"), CLAIMS("1,\"iat\":2", "{\"tn\":[\"1\"]}"), PARAMS, false},
		{HEADER("shaken"), "null", PARAMS, false},
	};
	static const char *const texts[] = {"", ".", "..", "a.b", "...", "a.b.c;info=<x>",
		";info=<x>", RFC_HEADER "." RFC_CLAIMS "." JWS_SIGNATURE ";info=<" URL ">"};
	struct passport p;
	const char *reason;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((read_json(rows[i].header, rows[i].claims, rows[i].params) == 0) !=
			rows[i].good)
			fail_msg("row %zu", i);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(passport_read(view_of(texts[i]), &p, &reason), -EINVAL);
}

static void test_keys_and_numbers(void **state)
{
	EVP_PKEY *other = EVP_EC_gen("P-384");
	struct passport p = sample();
	char text[PASSPORT_TOKEN_MAX], tn[PASSPORT_TN_MAX];

	assert_int_equal(passport_print(&p, other, text, sizeof(text)), 0);
	assert_int_equal(passport_print(&p, own, text, 100), 0);
	snprintf(p.x5u, sizeof(p.x5u), "https://x/\"><");
	assert_int_equal(passport_print(&p, own, text, sizeof(text)), 0);
	EVP_PKEY_free(other);
	assert_true(passport_tn("+1 (215) 555-12.12", tn));
	assert_string_equal(tn, "12155551212");
	assert_false(passport_tn("alice", tn));
	assert_false(passport_tn("", tn));
	assert_false(passport_tn("+", tn));
	assert_false(passport_tn("123456789012345678901234", tn));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_es256),
		cmocka_unit_test(test_shaken),
		cmocka_unit_test(test_bent),
		cmocka_unit_test(test_keys_and_numbers),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
