/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls whose numbers are signed: checked for the caller's side, made for the called one. */
#include "b2b_case.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "sip-b2bua/identity/passport.h"

#define URL   "https://cert.example.org/a.pem"
#define NOW_S (1700000000u + RIG_START_MS / 1000)

static char text[16384], folder[64], key_path[96], ca_path[96];
static char leaf_pem[4096], stranger_pem[4096];
static struct sip_msg msg;
static EVP_PKEY *ca_key, *leaf_key;

/* ---- certificates ---- */

static X509 *cert_new(
	const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, bool is_ca)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), is_ca ? 1 : 2);
	ASN1_TIME_set(X509_getm_notBefore(x), 1600000000);
	ASN1_TIME_set(X509_getm_notAfter(x), 2000000000);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : subject);
	X509_set_pubkey(x, key);
	X509V3_set_ctx(&ctx, issuer ? issuer : x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(
		NULL, &ctx, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
	return x;
}

static void pem_of(X509 *x, char *dst, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	PEM_write_bio_X509(bio, x);
	n = BIO_read(bio, dst, (int)size - 1);
	assert_true(n > 0);
	dst[n] = '\0';
	BIO_free(bio);
}

static int set_up(void **state)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	X509 *ca, *leaf, *stranger;
	FILE *f;

	snprintf(folder, sizeof(folder), "/tmp/limen-stir-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(key_path, sizeof(key_path), "%s/key.pem", folder);
	snprintf(ca_path, sizeof(ca_path), "%s/ca.pem", folder);
	ca_key = EVP_EC_gen("P-256");
	leaf_key = EVP_EC_gen("P-256");
	ca = cert_new("authority", ca_key, NULL, ca_key, true);
	leaf = cert_new("signer", leaf_key, ca, ca_key, false);
	stranger = cert_new("stranger", leaf_key, NULL, leaf_key, true);
	pem_of(leaf, leaf_pem, sizeof(leaf_pem));
	pem_of(stranger, stranger_pem, sizeof(stranger_pem));
	f = fopen(ca_path, "we");
	PEM_write_X509(f, ca);
	fclose(f);
	f = fopen(key_path, "we");
	PEM_write_PrivateKey(f, leaf_key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(ca);
	X509_free(leaf);
	X509_free(stranger);
	EVP_PKEY_free(other);
	return 0;
}

static int tear_down(void **state)
{
	unlink(key_path);
	unlink(ca_path);
	rmdir(folder);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(leaf_key);
	return 0;
}

/* ---- the box ---- */

/* Side 0 is checked, side 1 is signed for. */
static struct rig *stir_rig(uint64_t seed)
{
	struct rig *r = rig_new(seed);
	char error[CFG_ERROR_MAX];

	r->cfg->stirs = calloc(2, sizeof(*r->cfg->stirs));
	r->cfg->n_stirs = 2;
	r->cfg->tenants = calloc(2, sizeof(*r->cfg->tenants));
	r->cfg->n_tenants = 2;
	for (unsigned int i = 0; i < 2; i++) {
		r->cfg->stirs[i].tag = r->cfg->tenants[i].tag = i + 1;
		r->cfg->tenants[i].stir = r->cfg->realms[i].tenant = i + 1;
	}
	snprintf(r->cfg->stirs[0].trust, CFG_PATH_MAX, "%s", ca_path);
	r->cfg->stirs[0].max_age_s = 60;
	snprintf(r->cfg->stirs[1].private_key, CFG_PATH_MAX, "%s", key_path);
	snprintf(r->cfg->stirs[1].certificate_url, CFG_PATH_MAX, URL);
	r->cfg->stirs[1].verstat = CFG_VERSTAT_FROM;
	if (b2b_config_prepare(r->b, r->cfg, error) < 0)
		fail_msg("%s", error);
	b2b_config_apply(r->b, r->cfg);
	return r;
}

static void again(struct rig *r)
{
	char error[CFG_ERROR_MAX];

	assert_int_equal(b2b_config_prepare(r->b, r->cfg, error), 0);
	b2b_config_apply(r->b, r->cfg);
}

/* All that is under way arrives, until a message of the box that begins so; then it is in msg. */
static bool until(struct rig *r, unsigned int to, const char *start)
{
	for (unsigned int n = 0; n < 1000; n++) {
		for (unsigned int i = 0; i < r->n_queue; i++) {
			const struct rig_packet *p = &r->queue[i];

			if (p->from != RIG_BOX || p->to != to ||
				strncmp(p->bytes, start, strlen(start)) != 0)
				continue;
			snprintf(text, sizeof(text), "%.*s", (int)p->n, p->bytes);
			assert_int_equal(sip_msg_parse(&msg, text, p->n, false), 0);
			return true;
		}
		if (!rig_reply(r) && !rig_deliver(r, -1))
			break;
	}
	return false;
}

/* identity: the value of the header field, or empty. */
static void invite(struct rig *r, const char *identity)
{
	static unsigned int n;
	char request[8192];

	snprintf(request, sizeof(request),
		"INVITE sip:100@10.0.0.1 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 10.0.0.50:5060;branch=z9hG4bKstir%u\r\nMax-Forwards: 70\r\n"
		"From: <sip:+12155551212@10.0.0.50>;tag=s%u\r\nTo: <sip:100@10.0.0.1>\r\n"
		"Call-ID: phone-stir%u\r\nCSeq: 1 INVITE\r\n"
		"Contact: <sip:phone-c@10.0.0.50>\r\n%s%s%sContent-Length: 0\r\n\r\n",
		n, n, n, identity[0] ? "Identity: " : "", identity, identity[0] ? "\r\n" : "");
	n++;
	rig_raw(r, RIG_CALLER, request);
}

static const char *token(uint64_t iat, const char *orig)
{
	static char value[PASSPORT_TOKEN_MAX + 1];
	struct passport p = {
		.x5u = URL, .attest = 'B', .iat = iat, .dest = {"100"}, .n_dest = 1, .origid = "o"};
	size_t n;

	snprintf(p.orig, sizeof(p.orig), "%s", orig);
	n = passport_print(&p, leaf_key, value, sizeof(value) - 1);
	assert_true(n > 0);
	value[n] = '\0';
	return value;
}

static void test_sign(void **state)
{
	struct rig *r = stir_rig(1);
	struct passport p;
	const char *reason;

	r->cfg->stirs[0].trust[0] = '\0';
	again(r);
	r->side[RIG_CALLEE].answer = 486;
	invite(r, "");
	assert_true(until(r, RIG_CALLEE, "INVITE "));
	assert_int_equal(passport_read(sip_msg_value(&msg, SIP_H_IDENTITY), &p, &reason), 0);
	assert_true(passport_verify(&p, leaf_key));
	assert_string_equal(p.orig, "12155551212");
	assert_string_equal(p.dest[0], "100");
	assert_string_equal(p.x5u, URL);
	assert_int_equal(p.attest, 'C'); /* nobody says more of the caller */
	assert_in_range(p.iat, NOW_S - 1, NOW_S + 1);
	assert_int_equal(strlen(p.origid), 36);
	assert_non_null(strstr(text, "\r\nDate: Tue, 14 Nov 2023 22:"));
	rig_settle(r);
	assert_int_equal(rig_last_call(r)->rec.stir_attest[1], 'C');
	assert_int_equal(r->stats.stir_signed, 1);
	r->cfg->stirs[0].attestation = CFG_ATTEST_A;
	again(r);
	invite(r, "");
	assert_true(until(r, RIG_CALLEE, "INVITE "));
	assert_int_equal(passport_read(sip_msg_value(&msg, SIP_H_IDENTITY), &p, &reason), 0);
	assert_int_equal(p.attest, 'A');
	rig_settle(r);
	rig_invite(r, "100", false); /* from "phone", which is no number */
	assert_true(until(r, RIG_CALLEE, "INVITE "));
	assert_null(strstr(text, "\r\nIdentity:"));
	assert_int_equal(r->stats.stir_unsigned, 1);
	finish(r);
}

struct row {
	const char *orig;
	int age_s;
	const char *body; /* NULL: it is not reached */
	uint8_t policy;
	enum ctl_stir_verdict verdict;
	unsigned int status; /* 0: it goes on */
	const char *verstat;
};

static void test_check(void **state)
{
	const struct row rows[] = {
		{"12155551212", 0, leaf_pem, CFG_STIR_REQUIRE, CTL_STIR_PASSED, 0,
			"TN-Validation-Passed"},
		{"12155551212", 61, NULL, CFG_STIR_PASS, CTL_STIR_STALE, 0, "TN-Validation-Failed"},
		{"12155551212", -61, NULL, CFG_STIR_REJECT, CTL_STIR_STALE, 403, NULL},
		{"12155550000", 0, NULL, CFG_STIR_REJECT, CTL_STIR_NUMBERS, 438, NULL},
		{"12155551212", 0, stranger_pem, CFG_STIR_REJECT, CTL_STIR_UNTRUSTED, 437, NULL},
		{"12155551212", 0, "", CFG_STIR_REJECT, CTL_STIR_UNREACHABLE, 436, NULL},
		{"12155551212", 0, "", CFG_STIR_PASS, CTL_STIR_UNREACHABLE, 0,
			"TN-Validation-Failed"},
		{"12155551212", 0, "garbage", CFG_STIR_REJECT, CTL_STIR_UNREACHABLE, 436, NULL},
		{NULL, 0, NULL, CFG_STIR_REQUIRE, CTL_STIR_NO_IDENTITY, 428, NULL},
		{NULL, 0, NULL, CFG_STIR_REJECT, CTL_STIR_NO_IDENTITY, 0, "No-TN-Validation"},
		{"", 0, NULL, CFG_STIR_REJECT, CTL_STIR_MALFORMED, 438, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct rig *r = stir_rig(10 + i);
		char start[32], verstat[96];

		r->cfg->stirs[0].verification = row->policy;
		again(r);
		r->side[RIG_CALLEE].answer = 486;
		invite(r, !row->orig ? ""
			  : row->orig[0] == 0
				  ? "no.pass.port;info=<" URL ">"
				  : token(NOW_S - (uint64_t)(int64_t)row->age_s, row->orig));
		rig_settle(r);
		assert_int_equal(r->n_fetches, row->body ? 1 : 0);
		if (row->body) {
			assert_string_equal(r->fetch_url, URL);
			assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 0);
			b2b_fetched(r->b, r->fetch_id, view_of(row->body), 0, "it is down");
		}
		if (row->verstat) {
			/* The queue may be past it already when nothing had to be fetched. */
			snprintf(verstat, sizeof(verstat), "From: <sip:+12155551212;verstat=%s@",
				row->verstat);
			if (row->body) {
				assert_true(until(r, RIG_CALLEE, "INVITE "));
				if (!strstr(text, verstat))
					fail_msg("row %zu: no %s in\n%s", i, verstat, text);
			}
		}
		if (row->status) {
			snprintf(start, sizeof(start), "SIP/2.0 %u", row->status);
			assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 0);
		}
		rig_settle(r);
		assert_int_equal(rig_last_call(r)->rec.stir_verdict, row->verdict);
		assert_int_equal(rig_last_call(r)->rec.sip_status, row->status ? row->status : 486);
		finish(r);
	}
}

/* One fetch for those that wait, none for the next; a signature of another key does not pass. */
static void test_cache(void **state)
{
	struct rig *r = stir_rig(40);
	EVP_PKEY *other = EVP_EC_gen("P-256"), *kept = leaf_key;

	r->side[RIG_CALLEE].answer = 486;
	invite(r, token(NOW_S, "12155551212"));
	invite(r, token(NOW_S, "12155551212"));
	rig_settle(r);
	assert_int_equal(r->n_fetches, 1);
	b2b_fetched(r->b, r->fetch_id, view_of(leaf_pem), 3600, "");
	rig_settle(r);
	invite(r, token(NOW_S, "12155551212"));
	leaf_key = other;
	invite(r, token(NOW_S, "12155551212"));
	leaf_key = kept;
	rig_settle(r);
	assert_int_equal(r->n_fetches, 1);
	assert_int_equal(r->stats.stir_passed, 3);
	assert_int_equal(r->stats.stir_invalid, 1);
	assert_int_equal(rig_last_call(r)->rec.stir_verdict, CTL_STIR_SIGNATURE);
	EVP_PKEY_free(other);
	finish(r);
}

/* The configuration changes, or limen-sip starts anew: what comes then touches nobody. */
static void test_while_it_waits(void **state)
{
	struct rig *r = stir_rig(50);
	uint64_t id;

	invite(r, token(NOW_S, "12155551212"));
	rig_settle(r);
	id = r->fetch_id;
	r->cfg->stirs[0].max_age_s = 50;
	again(r); /* another class: it asks again */
	rig_settle(r);
	assert_int_equal(r->n_fetches, 2);
	b2b_fetched(r->b, id, view_of(leaf_pem), 3600, "");
	rig_settle(r);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 0);
	b2b_fetched(r->b, r->fetch_id, view_of(leaf_pem), 3600, "");
	r->side[RIG_CALLEE].answer = 486;
	rig_settle(r);
	assert_int_equal(r->stats.stir_passed, 1);
	/* And one that ends while it waits. */
	r->cfg->stirs[0].max_age_s = 40;
	again(r);
	invite(r, token(NOW_S, "12155551212"));
	rig_settle(r);
	assert_int_equal(r->n_fetches, 3);
	rig_restart_sip(r);
	b2b_fetched(r->b, r->fetch_id, view_of(leaf_pem), 3600, "");
	rig_settle(r);
	rig_pass(r, LONG_MS);
	assert_int_equal(b2b_n_slots(r->b), 0);
	assert_int_equal(b2b_n_dialogs(r->b), 0);
	rig_free(r);
}

static void test_bad_files(void **state)
{
	struct rig *r = stir_rig(60);
	char error[CFG_ERROR_MAX] = "";

	snprintf(r->cfg->stirs[1].private_key, CFG_PATH_MAX, "%s", ca_path);
	assert_true(b2b_config_prepare(r->b, r->cfg, error) < 0);
	assert_non_null(strstr(error, "voice class stir-shaken 2: "));
	snprintf(r->cfg->stirs[1].private_key, CFG_PATH_MAX, "%s", key_path);
	snprintf(r->cfg->stirs[0].trust, CFG_PATH_MAX, "%s/none.pem", folder);
	assert_true(b2b_config_prepare(r->b, r->cfg, error) < 0);
	assert_non_null(strstr(error, "/none.pem"));
	finish(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sign),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_while_it_waits),
		cmocka_unit_test(test_bad_files),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
