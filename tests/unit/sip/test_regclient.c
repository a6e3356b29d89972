/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The box as a user of a carrier's registrar, which is a script of answers here: credentials, too short
 * a time, refresh, failures and how long they are waited for, the end of a binding, goodbyes, calls to
 * the Contact. Time is the wheel's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/sip/b2b_rig.h"

#define CHALLENGE \
	"WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256\r\n"

/* What the registrar says; the last one again and again. 0: nothing. */
struct answer {
	unsigned int status;
	const char *headers; /* "Contact": ours with that many seconds */
	unsigned int given_s;
};

static struct {
	struct rig *r;
	const struct answer *answers;
	unsigned int n_answers, n;
	char request[64][512]; /* Contact, Authorization, Expires of each */
	char contact[256];     /* the last one, with < > */
	uint64_t at_ms[64];
} g;

static void registrar(struct rig *r, struct sip_stxn *stxn, const struct sip_msg *msg)
{
	const struct answer *answer = &g.answers[g.n < g.n_answers ? g.n : g.n_answers - 1];
	struct view contact = sip_msg_value(msg, SIP_H_CONTACT);
	const struct sip_hdr *auth = sip_msg_hdr_named(msg, VIEW("Authorization"));
	const char *end = memchr(contact.p, '>', contact.n);
	char headers[1024];

	assert_true(g.n < 64);
	snprintf(g.request[g.n], sizeof(g.request[0]), "%.*s|%.*s|%.*s", VIEW_ARG(contact),
		VIEW_ARG(auth ? auth->value : VIEW("none")), VIEW_ARG(msg->uri_text));
	assert_non_null(end);
	snprintf(g.contact, sizeof(g.contact), "%.*s", (int)(end - contact.p + 1), contact.p);
	g.at_ms[g.n++] = twheel_now(r->wheel);
	if (answer->status == 0) {
		sip_stxn_detach(stxn);
		return;
	}
	if (answer->given_s)
		snprintf(headers, sizeof(headers),
			"Contact: <sip:other@10.9.9.9>;expires=9, %s;expires=%u\r\n%s", g.contact,
			answer->given_s, answer->headers);
	else
		snprintf(headers, sizeof(headers), "%s", answer->headers);
	assert_int_equal(
		sip_stxn_reject(stxn, answer->status, VIEW(""), view_of(headers), VIEW("")), 0);
}

static void configure(struct rig *r)
{
	char error[CFG_ERROR_MAX];
	assert_int_equal(b2b_config_prepare(r->b, r->cfg, error), 0);
	b2b_config_apply(r->b, r->cfg);
	rig_pass(r, 50);
	rig_settle(r);
}

static struct cfg_trunk *line(struct rig *r)
{
	struct cfg_trunk *trunk = &r->cfg->trunks[0];
	trunk->reg_expires_s = 300;
	trunk->reg_retry_s = 30;
	trunk->reg_required = true;
	snprintf(trunk->reg_number, sizeof(trunk->reg_number), "+4930777");
	snprintf(trunk->reg_domain, sizeof(trunk->reg_domain), "itsp.example");
	snprintf(trunk->auth_username, sizeof(trunk->auth_username), "seven");
	snprintf(trunk->auth_password, sizeof(trunk->auth_password), "secret");
	return trunk;
}

static struct rig *begin(const struct answer *answers, unsigned int n)
{
	memset(&g, 0, sizeof(g));
	g.r = rig_new(1);
	g.answers = answers;
	g.n_answers = n;
	g.r->registrar = registrar;
	g.r->side[RIG_CALLEE].answer = 486;
	line(g.r);
	return g.r;
}
#define BEGIN(answers) begin(answers, sizeof(answers) / sizeof((answers)[0]))

static void end(void)
{
	g.r->cfg->trunks[0].reg_expires_s = 0;
	configure(g.r);
	rig_pass(g.r, 40000);
	rig_expect_empty(g.r);
	rig_free(g.r);
}

/* Whether a call to the trunk leaves the box. */
static bool call_goes(struct rig *r)
{
	uint64_t before = r->side[RIG_CALLEE].n_requests[SIP_M_INVITE];
	struct rig_ua *a = rig_invite(r, "100", false);
	rig_settle(r);
	bool goes = r->side[RIG_CALLEE].n_requests[SIP_M_INVITE] > before;
	rig_forget(r, a);
	rig_pass(r, 40000);
	return goes;
}

static void test_life(void **state)
{
	static const struct answer answers[] = {
		{401, CHALLENGE, 0},
		{423, "Min-Expires: 600\r\n", 0},
		{200, "P-Associated-URI: <sip:a@itsp.example>, <sip:b@itsp.example>\r\n", 600},
	};
	struct rig *r = BEGIN(answers);
	configure(r);
	rig_pass(r, 100);
	assert_int_equal(g.n, 3);
	assert_non_null(strstr(g.request[0], ";expires=300|none|sip:itsp.example"));
	assert_non_null(strstr(g.request[1], "username=\"seven\", realm=\"r\", nonce=\"n1\""));
	assert_non_null(strstr(g.request[2], ";expires=600|Digest "));
	assert_non_null(strstr(g.request[2], "nc=00000002"));
	assert_int_equal(r->reg_status.registered, 1);
	assert_int_equal(r->reg_status.given_s, 600);
	assert_string_equal(r->reg_status.trunk, "t0");
	assert_string_equal(r->reg_status.line, "+4930777");
	assert_string_equal(r->reg_status.associated, "<sip:a@itsp.example>");
	assert_true(call_goes(r));
	/* It is refreshed in time, again and again, as one and the same. */
	char contact[256];
	memcpy(contact, g.contact, sizeof(contact));
	for (unsigned int i = 0; i < 5; i++) {
		unsigned int n = g.n;
		while (g.n == n)
			rig_pass(r, 1000);
		uint64_t after_ms = g.at_ms[n] - g.at_ms[n - 1];
		if (after_ms < 260000 || after_ms > 545000)
			fail_msg("refreshed after %llu ms", (unsigned long long)after_ms);
		assert_string_equal(g.contact, contact);
	}
	/* Limen-control comes back and has forgotten it. */
	memset(&r->reg_status, 0, sizeof(r->reg_status));
	rig_control_down(r);
	rig_control_up(r, true);
	assert_int_equal(r->reg_status.registered, 1);
	/* What else changes of the trunk disturbs nobody; the end of the line is said. */
	unsigned int n = g.n;
	snprintf(r->cfg->trunks[0].description, sizeof(r->cfg->trunks[0].description), "new");
	configure(r);
	assert_int_equal(g.n, n);
	r->cfg->trunks[0].shutdown = true;
	configure(r);
	assert_int_equal(g.n, n + 1);
	assert_non_null(strstr(g.request[n], ";expires=0|Digest "));
	end();
}

/* Nothing goes to a trunk that must be registered and is not; other failures are waited for longer. */
static void test_refused(void **state)
{
	static const struct answer answers[] = {{401, CHALLENGE, 0}};
	struct rig *r = BEGIN(answers);
	configure(r);
	rig_pass(r, 100);
	assert_int_equal(g.n, 2);
	assert_int_equal(r->reg_status.registered, 0);
	assert_string_equal(
		r->reg_status.reason, "REGISTER was answered with 401: it refused the credentials");
	/* 15 to 30 s, 30 to 60, ... two requests each, half an hour at the end. */
	for (unsigned int i = 0; i < 10; i++) {
		unsigned int n = g.n;
		uint64_t most_ms = (uint64_t)30000 << i < 1800000 ? (uint64_t)30000 << i : 1800000;
		while (g.n < n + 2)
			rig_pass(r, 500);
		uint64_t after_ms = g.at_ms[n] - g.at_ms[n - 1];
		if (after_ms < most_ms / 2 - 1000 || after_ms > most_ms + 1000)
			fail_msg("try %u came after %llu ms", i, (unsigned long long)after_ms);
	}
	assert_false(call_goes(r));
	/* It need not be registered any more: calls go. */
	r->cfg->trunks[0].reg_required = false;
	configure(r);
	assert_true(call_goes(r));
	end();
}

/* A binding that cannot be refreshed is good until its end; Retry-After is kept to. */
static void test_registrar_away(void **state)
{
	static const struct answer answers[] = {{200, "", 100}, {503, "Retry-After: 90\r\n", 0},
		{0, "", 0}, {0, "", 0}, {200, "", 100}};
	struct rig *r = BEGIN(answers);
	configure(r);
	assert_int_equal(r->reg_status.registered, 1);
	while (g.n < 2)
		rig_pass(r, 500);
	assert_int_equal(r->reg_status.registered, 1);
	assert_string_equal(r->reg_status.reason, "REGISTER was answered with 503");
	while (r->reg_status.registered)
		rig_pass(r, 500);
	uint64_t lived_ms = twheel_now(r->wheel) - g.at_ms[0];
	assert_true(lived_ms >= 100000 && lived_ms < 102000);
	assert_false(call_goes(r));
	while (g.n < 3)
		rig_pass(r, 500);
	assert_true(g.at_ms[2] - g.at_ms[1] >= 90000);
	while (!r->reg_status.registered)
		rig_pass(r, 500);
	assert_true(call_goes(r));
	end();
}

/* A 200 that is about other bindings is none. */
static void test_not_ours(void **state)
{
	static const struct answer answers[] = {
		{200, "Contact: <sip:x@10.0.1.1>;expires=60\r\n", 0}};
	struct rig *r = BEGIN(answers);
	configure(r);
	assert_int_equal(r->reg_status.registered, 0);
	assert_string_equal(
		r->reg_status.reason, "the answer to REGISTER does not name our Contact");
	end();
}

/* All numbers at once: no user in the Contact, "gin" required (RFC 6140 5.2). */
static void test_bulk(void **state)
{
	static const struct answer answers[] = {{200, "", 100}};
	struct rig *r = BEGIN(answers);
	r->cfg->trunks[0].reg_bulk = true;
	configure(r);
	assert_string_equal(g.contact, "<sip:10.0.1.1:5060;bnc>");
	assert_int_equal(r->reg_status.registered, 1);
	end();
}

/* A call to the Contact is the trunk's wherever it comes from, and goes to
 * whom To names. */
static void test_inbound(void **state)
{
	static const struct answer answers[] = {{200, "", 100}};
	static const char form[] =
		"INVITE %.*s SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 10.0.1.99:5060;branch=z9hG4bK%u\r\n"
		"From: <sip:anna@itsp.example>;tag=a\r\nTo: <sip:9555@itsp.example>\r\n"
		"Call-ID: in%u\r\nCSeq: 1 INVITE\r\nMax-Forwards: 9\r\n"
		"Contact: <sip:anna@10.0.1.99>\r\nContent-Length: 0\r\n\r\n";
	struct rig *r = BEGIN(answers);
	char text[1024];
	configure(r);
	for (unsigned int i = 0; i < 2; i++) {
		if (i == 1) /* another token */
			g.contact[5] = g.contact[5] == 'a' ? 'b' : 'a';
		snprintf(text, sizeof(text), form, (int)strlen(g.contact) - 2, g.contact + 1, i, i);
		rig_raw_from(r, RIG_CALLEE, 99, text);
		rig_settle(r);
		struct rig_call *call = rig_last_call(r);
		/* Let in, then there is no way for that number; or not let in. */
		assert_int_equal(call->rec.sip_status, i == 0 ? 404 : 403);
		assert_string_equal(call->rec.trunk[0], i == 0 ? "t0" : "");
		if (i == 0)
			assert_string_equal(call->rec.called[0], "9555");
	}
	rig_pass(r, 40000);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_registrar_away),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_inbound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
