/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Session timers of each leg (RFC 4028): who asks, who refreshes and how, and who is found gone. */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_end(struct rig *r, const char *reason)
{
	assert_true(rig_last_call(r)->ended);
	assert_string_equal(rig_last_call(r)->rec.reason, reason);
	assert_int_equal(r->stats.se_expired, 1);
}

/* What the caller asks for, and what its 200 says. */
static void test_caller_asks(void **state)
{
	static const struct {
		const char *asks;
		bool knows, wanted; /* session refresh of its realm */
		unsigned int status;
		const char *gets;
		bool requires;
	} rows[] = {
		{NULL, true, false, 200, "", false},
		{NULL, false, false, 200, "", false},
		{"1800", true, false, 200, "1800;refresher=uac", true},
		{"1800;refresher=uac", true, false, 200, "1800;refresher=uac", true},
		{"1800;refresher=uas", true, false, 200, "1800;refresher=uas", false},
		{"89", true, false, 422, "", false},
		{"119", true, true, 422, "", false},
		{"120", true, true, 200, "120;refresher=uac", true},
		/* a proxy on the way has put it there */
		{"1800", false, false, 200, "1800;refresher=uas", false},
		{"100", false, true, 200, "100;refresher=uas", false},
		{NULL, true, true, 200, "600;refresher=uac", true},
		{NULL, false, true, 200, "600;refresher=uas", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(1 + i);
		struct rig_ua *a;

		r->cfg->realms[0].session_refresh = rows[i].wanted;
		r->cfg->realms[0].session_expires_s = 600;
		r->cfg->realms[0].min_se_s = rows[i].wanted ? 120 : 90;
		r->side[RIG_CALLER].se = rows[i].asks;
		r->side[RIG_CALLER].timer = rows[i].knows;
		r->side[RIG_CALLER].update = true;
		a = rig_invite(r, "100", false);
		rig_settle(r);
		if (a->last != rows[i].status || strcmp(a->last_se, rows[i].gets) != 0 ||
			a->last_requires_timer != rows[i].requires)
			fail_msg("row %zu: %u \"%s\" %d", i, a->last, a->last_se,
				a->last_requires_timer);
		if (a->last == 422) {
			assert_string_equal(a->last_min_se, rows[i].wanted ? "120" : "90");
			assert_int_equal(r->stats.se_refused, 1);
		}
		rig_bye(r, a);
		finish(r);
	}
}

/* What the box asks of the called side, and what it makes of the answer. */
static void test_box_asks(void **state)
{
	struct rig *r = rig_new(20);
	struct rig_ua *a, *b;

	r->cfg->trunks[0].session_refresh = true;
	r->cfg->trunks[0].session_expires_s = 200;
	r->cfg->trunks[0].min_se_s = 100;
	r->side[RIG_CALLEE].min_se = 300;
	r->side[RIG_CALLEE].timer = true;
	r->side[RIG_CALLEE].update = true;
	r->side[RIG_CALLEE].se = "300;refresher=uac";
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	b = rig_callee(r);
	/* 422 there: once more with its interval */
	assert_string_equal(b->last_se, "300");
	assert_string_equal(b->last_min_se, "300");
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 2);
	rig_pass(r, 149000);
	assert_int_equal(b->n_updates, 0);
	rig_pass(r, 2000);
	assert_int_equal(b->n_updates, 1);
	assert_string_equal(b->last_se, "300;refresher=uac");
	rig_pass(r, 600000);
	assert_int_equal(b->n_updates, 5);
	assert_int_equal(b2b_n_calls(r->b), 1);
	/* nothing of that reached the caller */
	assert_int_equal(a->n_updates, 0);
	rig_bye(r, a);
	finish(r);
}

/* A far end without timers, and without UPDATE: a re-INVITE with what it has already. */
static void test_refresh_by_invite(void **state)
{
	struct rig *r = rig_new(30);
	struct rig_ua *a, *b;
	char before[2048];

	r->cfg->realms[0].session_refresh = r->cfg->realms[1].session_refresh = true;
	r->cfg->realms[0].session_expires_s = 400;
	r->cfg->realms[1].session_expires_s = 100;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	b = rig_callee(r);
	assert_int_equal(b->n_invites, 1);
	memcpy(before, b->last_sdp, sizeof(before));
	rig_pass(r, 51000);
	assert_int_equal(b->n_invites, 2);
	assert_string_equal(b->last_sdp, before);
	rig_pass(r, 150000);
	assert_int_equal(b->n_invites, 5);
	/* both were due at once: the second waited */
	rig_pass(r, 5000);
	assert_int_equal(a->n_invites, 1);
	assert_int_equal(r->stats.se_refreshes, 5);
	/* a hold by either side goes on as ever, and what it says is repeated from then on */
	rig_reinvite(r, a, "sendonly", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	memcpy(before, b->last_sdp, sizeof(before));
	assert_non_null(strstr(before, "sendonly"));
	rig_pass(r, 51000);
	assert_int_equal(b->n_invites, 7);
	assert_string_equal(b->last_sdp, before);
	/* refused for now: again after a while */
	r->side[RIG_CALLEE].answer = 500;
	rig_pass(r, 50000);
	assert_int_equal(b->n_invites, 8);
	r->side[RIG_CALLEE].answer = 491;
	rig_pass(r, 10000);
	assert_int_equal(b->n_invites, 9);
	/* the box owns the Call-ID: 2.1 to 4 s (RFC 3261 14.1) */
	rig_pass(r, 1000);
	assert_int_equal(b->n_invites, 9);
	r->side[RIG_CALLEE].answer = 200;
	rig_pass(r, 3000);
	assert_int_equal(b->n_invites, 10);
	assert_int_equal(b2b_n_calls(r->b), 1);
	r->side[RIG_CALLEE].answer = 481;
	rig_pass(r, 60000);
	assert_true(a->hung_up);
	expect_end(r, "the session timer of the called side: a refresh found the far end gone");
	finish(r);
}

static void test_far_end_gone(void **state)
{
	struct rig *r = rig_new(40);
	struct rig_ua *a, *b;

	/* The caller promised to refresh, and is silent. */
	r->side[RIG_CALLER].se = "90";
	r->side[RIG_CALLER].timer = r->side[RIG_CALLER].update = true;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	b = rig_callee(r);
	rig_pass(r, 50000);
	rig_update(r, a, NULL);
	rig_settle(r);
	assert_string_equal(a->last_se, "90;refresher=uac");
	rig_pass(r, 59000);
	assert_int_equal(b2b_n_calls(r->b), 1);
	rig_pass(r, 2000);
	assert_true(b->hung_up);
	assert_true(a->hung_up);
	expect_end(r, "the session timer of the caller: the far end did not refresh in time");
	finish(r);

	/* The called side answers no refresh. */
	r = rig_new(41);
	r->cfg->realms[1].session_refresh = true;
	r->cfg->realms[1].session_expires_s = 100;
	r->side[RIG_CALLEE].update = true;
	r->side[RIG_CALLEE].on_update = 0;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	rig_pass(r, 100000);
	assert_true(a->hung_up);
	assert_int_equal(r->stats.se_expired, 1);
	finish(r);

	/* or refuses each of them */
	r = rig_new(42);
	r->cfg->realms[1].session_refresh = true;
	r->cfg->realms[1].session_expires_s = 100;
	r->side[RIG_CALLEE].update = true;
	r->side[RIG_CALLEE].on_update = 503;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	rig_pass(r, 100000);
	expect_end(r,
		"the session timer of the called side: no refresh of the box was answered in time");
	finish(r);
}

/* It says UPDATE in its Allow, and does not take it. */
static void test_update_after_all_not(void **state)
{
	struct rig *r = rig_new(45);
	struct rig_ua *a, *b;

	r->cfg->realms[1].session_refresh = true;
	r->cfg->realms[1].session_expires_s = 100;
	r->side[RIG_CALLEE].update = true;
	r->side[RIG_CALLEE].on_update = 405;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	b = rig_callee(r);
	rig_pass(r, 51000);
	assert_int_equal(b->n_updates, 1);
	assert_int_equal(b->n_invites, 2);
	r->side[RIG_CALLEE].update = false;
	rig_pass(r, 100000);
	assert_int_equal(b->n_invites, 4);
	rig_bye(r, a);
	finish(r);
}

/* The timers outlive limen-sip, on both sides and in both roles. */
static void test_restart(void **state)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct rig *r = rig_new(50 + i);
		struct rig_ua *a, *b;

		r->cfg->realms[1].session_refresh = true;
		r->cfg->realms[1].session_expires_s = 100;
		r->side[RIG_CALLEE].update = i;
		r->side[RIG_CALLER].se = "90";
		r->side[RIG_CALLER].timer = r->side[RIG_CALLER].update = true;
		a = rig_invite(r, "100", false);
		rig_settle(r);
		b = rig_callee(r);
		rig_pass(r, 40000);
		rig_restart_sip(r);
		rig_pass(r, 17000);
		assert_int_equal(i ? b->n_updates : b->n_invites - 1, 1);
		rig_update(r, a, NULL);
		rig_pass(r, 51000);
		assert_int_equal(i ? b->n_updates : b->n_invites - 1, 2);
		assert_int_equal(b2b_n_calls(r->b), 1);
		rig_pass(r, 15000);
		expect_end(
			r, "the session timer of the caller: the far end did not refresh in time");
		assert_true(b->hung_up);
		finish(r);
	}
}

/* A refresh meets an exchange of the far ends: one of them waits, both succeed. */
static void test_glare(void **state)
{
	struct rig *r = rig_new(60);
	struct rig_ua *a, *b;

	r->cfg->realms[1].session_refresh = true;
	r->cfg->realms[1].session_expires_s = 100;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	b = rig_callee(r);
	r->side[RIG_CALLEE].answer = 0;
	rig_reinvite(r, a, "sendonly", false);
	rig_settle(r);
	rig_pass(r, 51000);
	assert_int_equal(b->n_invites, 2);
	rig_answer(r, b, 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	/* and the other way round: the box waits for the answer to its refresh */
	rig_pass(r, 50500);
	assert_int_equal(b->n_invites, 3);
	rig_reinvite(r, a, "sendrecv", false);
	rig_settle(r);
	assert_int_equal(a->last, 491);
	rig_answer(r, b, 200);
	r->side[RIG_CALLEE].answer = 200;
	rig_settle(r);
	rig_reinvite(r, a, "sendrecv", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, b);
	finish(r);
}

/* A refresh is answered with another description than the last one: the other side hears of it. */
static void test_changed_answer(void **state)
{
	static const struct {
		const char *says;   /* from now on, NULL: as before, but for a number in o= */
		const char *caller; /* what the caller then says, NULL: as before */
		unsigned int invites[2], followed;
	} rows[] = {
		{NULL, NULL, {0, 2}, 0},
		{"m=audio 4100 RTP/AVP 8 0\r\n", NULL, {1, 2}, 1},
		/* the caller changes, too: that is told */
		{"m=audio 4100 RTP/AVP 0\r\n", "m=audio 4300 RTP/AVP 0\r\na=ptime:40\r\n", {1, 3},
			1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(60 + i);
		struct rig_ua *a, *b;
		const struct ctl_media *m = &r->calls[0].conf;

		r->cfg->realms[1].session_refresh = true;
		r->cfg->realms[1].session_expires_s = 100;
		a = rig_invite(r, "100", false);
		rig_settle(r);
		b = rig_callee(r);
		r->side[RIG_CALLEE].m_line = rows[i].says;
		r->side[RIG_CALLER].m_line = rows[i].caller;
		b->version++;
		rig_pass(r, 51000);
		assert_int_equal(a->n_invites, rows[i].invites[0]);
		assert_int_equal(b->n_invites, rows[i].invites[1]);
		assert_int_equal(r->stats.se_followed, rows[i].followed);
		assert_int_equal(ntohs(m->leg[1].remote_rtp.port_be16), rows[i].says ? 4100 : 4000);
		assert_int_equal(
			ntohs(m->leg[0].remote_rtp.port_be16), rows[i].caller ? 4300 : 4000);
		if (rows[i].caller)
			assert_non_null(strstr(b->last_sdp, "a=ptime:40"));
		/* and nothing more of it */
		rig_pass(r, 51000);
		assert_int_equal(a->n_invites, rows[i].invites[0]);
		rig_bye(r, a);
		finish(r);
	}
}

/* Who does not follow keeps what it had, and so does the call. */
static void test_changed_refused(void **state)
{
	struct rig *r = rig_new(70);
	struct rig_ua *a;

	r->cfg->realms[1].session_refresh = true;
	r->cfg->realms[1].session_expires_s = 100;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	r->side[RIG_CALLEE].m_line = "m=audio 4100 RTP/AVP 8 0\r\n";
	r->side[RIG_CALLER].answer = 488;
	rig_pass(r, 51000);
	assert_int_equal(a->n_invites, 1);
	assert_int_equal(b2b_n_calls(r->b), 1);
	assert_int_equal(ntohs(r->calls[0].conf.leg[1].remote_rtp.port_be16), 4000);
	rig_bye(r, a);
	finish(r);
}

/* What show commands say of it. */
static void test_shown(void **state)
{
	struct rig *r = rig_new(80);
	struct rig_ua *a;
	const struct ctl_call *rec = &r->calls[0].rec;

	r->cfg->realms[1].session_refresh = true;
	r->cfg->realms[1].session_expires_s = 600;
	r->side[RIG_CALLER].se = "1800;refresher=uac";
	r->side[RIG_CALLER].timer = true;
	r->side[RIG_CALLEE].update = true;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(rec->se_interval_s[0], 1800);
	assert_int_equal(rec->se_we[0], 0);
	assert_int_equal(rec->se_interval_s[1], 600);
	assert_int_equal(rec->se_we[1], 1);
	assert_int_equal(rec->se_end_ms[1] - rec->answer_ms, 568000);
	rig_pass(r, 301000); /* refreshed at half of it */
	assert_in_range(rec->se_end_ms[1] - rec->answer_ms, 868000, 869000);
	rig_bye(r, a);
	finish(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_caller_asks),
		cmocka_unit_test(test_box_asks),
		cmocka_unit_test(test_refresh_by_invite),
		cmocka_unit_test(test_far_end_gone),
		cmocka_unit_test(test_update_after_all_not),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_glare),
		cmocka_unit_test(test_changed_answer),
		cmocka_unit_test(test_changed_refused),
		cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
