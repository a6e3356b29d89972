/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Session-ID, callers' numbers and causes of Q.850 as both legs of a call and its record see them. */
#include "b2b_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char text[8192];

static void tenant_add(struct rig *r, unsigned int realm)
{
	if (!r->cfg->tenants) {
		r->cfg->tenants = calloc(2, sizeof(*r->cfg->tenants));
		r->cfg->n_tenants = 2;
		for (unsigned int i = 0; i < 2; i++) {
			r->cfg->tenants[i].tag = i + 1;
			strcpy(r->cfg->tenants[i].national_prefix, "0");
			strcpy(r->cfg->tenants[i].international_prefix, "00");
		}
	}
	r->cfg->realms[realm].tenant = realm + 1;
}

/* Goes on until a message of the box that begins so waits for this side; it is in text then. */
static void until(struct rig *r, unsigned int to, const char *start)
{
	for (unsigned int n = 0; n < 1000; n++) {
		for (unsigned int i = 0; i < r->n_queue; i++) {
			const struct rig_packet *p = &r->queue[i];

			if (p->from != RIG_BOX || p->to != to ||
				strncmp(p->bytes, start, strlen(start)))
				continue;
			snprintf(text, sizeof(text), "%.*s", (int)p->n, p->bytes);
			return;
		}
		if (!rig_reply(r) && !rig_deliver(r, -1))
			break;
	}
	fail_msg("no %s", start);
}

static void expect_session_id(const char *own, const char *theirs)
{
	char line[128];

	snprintf(line, sizeof(line), "\r\nSession-ID: %s;remote=%s\r\n", own,
		theirs[0] ? theirs : "00000000000000000000000000000000");
	if (!strstr(text, line))
		fail_msg("no%sin\n%s", line, text);
}

static void test_session_id(void **state)
{
	struct rig *r = rig_new(1);
	struct rig_ua *a = rig_invite(r, "100", false);
	const struct ctl_call *rec;
	char id[2][CTL_SESSION_ID];

	until(r, RIG_CALLEE, "INVITE ");
	rec = &rig_last_call(r)->rec;
	memcpy(id[0], rec->session_id[0], sizeof(id[0]));
	assert_int_equal(strlen(id[0]), 32);
	expect_session_id(id[0], "");
	until(r, RIG_CALLER, "SIP/2.0 180");
	rig_settle(r);
	memcpy(id[1], rec->session_id[1], sizeof(id[1]));
	assert_int_equal(strlen(id[1]), 32);
	assert_string_not_equal(id[0], id[1]);
	assert_string_equal(rec->session_id[0], id[0]);
	expect_session_id(id[1], id[0]);
	rig_restart_sip(r);
	rig_bye(r, a);
	until(r, RIG_CALLEE, "BYE ");
	expect_session_id(id[0], id[1]);
	rig_settle(r);
	assert_string_equal(rec->session_id[1], id[1]);
	finish(r);
}

/* The far end's own answer with these header lines, in place of its user agent's. */
static void answer_raw(struct rig *r, unsigned int status, const char *headers)
{
	static struct sip_msg invite;
	char answer[4096];
	struct sip_buf b;

	until(r, RIG_CALLEE, "INVITE ");
	assert_int_equal(sip_msg_parse(&invite, text, strlen(text), false), 0);
	sip_buf_init(&b, answer, sizeof(answer) - 1);
	sip_build_response(&b, &invite, NULL, status, (struct view){NULL, 0}, VIEW("raw"));
	sip_put(&b, view_of(headers));
	assert_int_equal(sip_build_end(&b, (struct view){NULL, 0}, (struct view){NULL, 0}), 0);
	answer[b.n] = '\0';
	rig_raw(r, RIG_CALLEE, answer);
}

static void test_reason(void **state)
{
	static const struct {
		bool override, q850;
		unsigned int status;
		const char *headers;
		unsigned int want_status, want_q850;
		const char *want_reason; /* NULL: none */
	} rows[] = {
		{false, false, 480, "Reason: Q.850;cause=17\r\n", 480, 17,
			"Reason: Q.850;cause=17\r\n"},
		{true, false, 480, "Reason: Q.850;cause=17\r\n", 486, 17,
			"Reason: Q.850;cause=17\r\n"},
		{true, false, 404, "", 404, 1, NULL},
		{false, true, 404, "", 404, 1, "Reason: Q.850;cause=1\r\n"},
		{false, true, 480, "Reason: Q.850;cause=19;text=\"10.0.1.9\"\r\n", 480, 19,
			"Reason: Q.850;cause=19\r\n"},
		{false, false, 486, "Reason: SIP;cause=600\r\n", 486, 17,
			"Reason: SIP;cause=600\r\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(10 + i);
		char start[16];
		const char *reason;

		tenant_add(r, 0);
		tenant_add(r, 1);
		r->cfg->tenants[0].reason_q850 = rows[i].q850;
		r->cfg->tenants[1].reason_override = rows[i].override;
		r->side[RIG_CALLEE].ring = r->side[RIG_CALLEE].answer = 0;
		rig_invite(r, "100", false);
		answer_raw(r, rows[i].status, rows[i].headers);
		snprintf(start, sizeof(start), "SIP/2.0 %u", rows[i].want_status);
		until(r, RIG_CALLER, start);
		reason = strstr(text, "Reason:");
		if (!rows[i].want_reason)
			assert_null(reason);
		else if (!reason ||
			 strncmp(reason, rows[i].want_reason, strlen(rows[i].want_reason)))
			fail_msg("row %zu: no %s in\n%s", i, rows[i].want_reason, text);
		if (rows[i].want_reason)
			assert_null(strstr(reason + 1, "Reason:"));
		rig_settle(r);
		assert_int_equal(rig_last_call(r)->rec.sip_status, rows[i].want_status);
		assert_int_equal(rig_last_call(r)->rec.q850, rows[i].want_q850);
		/* The user agent's transaction never hears of it; its INVITE is forgotten. */
		rig_forget(r, rig_callee(r));
		finish(r);
	}
}

static void test_number(void **state)
{
	struct rig *r = rig_new(30);

	tenant_add(r, 0);
	tenant_add(r, 1);
	r->cfg->tenants[0].country_code = r->cfg->tenants[1].country_code = 49;
	r->cfg->tenants[1].caller_id = CFG_CALLER_ID_E164;
	r->side[RIG_CALLEE].answer = 486;
	rig_raw(r, RIG_CALLER,
		"INVITE sip:100@10.0.0.1 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 10.0.0.50:5060;branch=z9hG4bKnumber\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:030123456@10.0.0.50>;tag=x1\r\n"
		"To: <sip:100@10.0.0.1>\r\nCall-ID: phone-number\r\nCSeq: 1 INVITE\r\n"
		"Contact: <sip:phone-c@10.0.0.50>\r\nContent-Length: 0\r\n\r\n");
	until(r, RIG_CALLEE, "INVITE ");
	assert_non_null(strstr(text, "\r\nFrom: <sip:+4930123456@10.0.1.1>;tag="));
	assert_string_equal(rig_last_call(r)->rec.calling[0], "030123456");
	assert_string_equal(rig_last_call(r)->rec.calling[1], "+4930123456");
	finish(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session_id),
		cmocka_unit_test(test_reason),
		cmocka_unit_test(test_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
