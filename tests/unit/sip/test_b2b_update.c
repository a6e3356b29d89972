/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UPDATE (RFC 3311), before and after the answer: relayed, turned into a re-INVITE, or answered here. */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rig *rig_both(uint64_t seed)
{
	struct rig *r = rig_new(seed);

	for (unsigned int side = RIG_CALLER; side < RIG_N; side++) {
		r->side[side].update = true;
		r->side[side].rel = RIG_REL_KNOWN;
	}
	r->side[RIG_CALLEE].ring = 183;
	return r;
}

/* A call whose called side has rung, reliably with an answer where both know that. */
static struct rig_ua *ringing(struct rig *r, const char *number, bool late)
{
	struct rig_ua *a;

	r->side[RIG_CALLEE].answer = 0;
	a = rig_invite(r, number, late);
	rig_settle(r);
	return a;
}

static void answered(struct rig *r, struct rig_ua *a)
{
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	finish(r);
}

static void test_confirmed(void **state)
{
	struct rig *r = rig_both(1);
	struct rig_ua *a = rig_invite(r, "100", false), *b;
	uint64_t n_invites;

	rig_settle(r);
	b = rig_callee(r);
	rig_update(r, a, "sendonly");
	rig_settle(r);
	assert_int_equal(a->last_update, 200);
	assert_int_equal(b->n_updates, 1);
	expect_has(b->last_sdp, "a=sendonly");
	expect_has(b->last_sdp, "c=IN IP4 10.0.1.1");
	rig_update(r, b, "inactive");
	rig_settle(r);
	assert_int_equal(b->last_update, 200);
	expect_has(a->last_sdp, "a=inactive");
	/* Without an offer it goes no further. */
	rig_update(r, a, NULL);
	rig_settle(r);
	assert_int_equal(a->last_update, 200);
	assert_int_equal(b->n_updates, 1);
	assert_int_equal(r->stats.update_in, 3);
	assert_int_equal(r->stats.update_out, 2);
	n_invites = r->side[RIG_CALLEE].n_requests[SIP_M_INVITE];
	assert_int_equal(n_invites, 1);
	/* What was agreed outlives a restart, as does what the far ends take. */
	rig_restart_sip(r);
	rig_update(r, a, "sendrecv");
	rig_settle(r);
	assert_int_equal(a->last_update, 200);
	assert_int_equal(b->n_updates, 2);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], n_invites);
	rig_bye(r, a);
	finish(r);
}

/* Who does not take UPDATE gets a re-INVITE, also who only says so when it comes. */
static void test_as_reinvite(void **state)
{
	for (unsigned int i = 0; i < 3; i++) {
		static const unsigned int statuses[] = {200, 405, 501};
		struct rig *r = rig_both(10 + i);
		struct rig_ua *a, *b;

		r->side[RIG_CALLEE].update = i > 0;
		r->side[RIG_CALLEE].on_update = statuses[i];
		a = rig_invite(r, "100", i == 1);
		rig_settle(r);
		b = rig_callee(r);
		rig_update(r, a, "sendonly");
		rig_settle(r);
		assert_int_equal(a->last_update, 200);
		assert_int_equal(b->n_updates, i > 0);
		assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 2);
		expect_has(b->last_sdp, "a=sendonly");
		/* Refused there, refused here; and the call goes on. */
		r->side[RIG_CALLEE].answer = 488;
		rig_update(r, a, "sendrecv");
		rig_settle(r);
		assert_int_equal(a->last_update, 488);
		/* It only rings: who waits for an UPDATE does not wait for that. */
		r->side[RIG_CALLEE].answer = 0;
		rig_update(r, a, "sendrecv");
		rig_settle(r);
		rig_pass(r, 16000);
		assert_int_equal(a->last_update, 487);
		assert_int_equal(b2b_n_calls(r->b), 1);
		rig_bye(r, b);
		finish(r);
	}
}

static void test_refused(void **state)
{
	static const struct {
		unsigned int from, want;
	} rows[] = {{488, 488}, {491, 491}, {504, 504}, {420, 502}, {500, 500}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_both(20 + i);
		struct rig_ua *a = rig_invite(r, "100", false);

		rig_settle(r);
		r->side[RIG_CALLEE].on_update = rows[i].from;
		rig_update(r, a, "sendonly");
		rig_settle(r);
		assert_int_equal(a->last_update, rows[i].want);
		r->side[RIG_CALLEE].on_update = 200;
		rig_update(r, a, "sendonly");
		rig_settle(r);
		assert_int_equal(a->last_update, 200);
		rig_bye(r, a);
		finish(r);
	}
	/* Nobody there, or a dialog that is not known there: the call is over. */
	for (unsigned int i = 0; i < 2; i++) {
		struct rig *r = rig_both(30 + i);
		struct rig_ua *a = rig_invite(r, "100", false);

		rig_settle(r);
		r->side[RIG_CALLEE].on_update = i ? 481 : 0;
		rig_update(r, a, "sendonly");
		rig_settle(r);
		rig_pass(r, 33000);
		assert_string_equal(
			rig_last_call(r)->rec.reason, "an UPDATE found the far end gone");
		assert_true(a->hung_up);
		finish(r);
	}
}

/* One exchange at a time. */
static void test_glare(void **state)
{
	struct rig *r = rig_both(40);
	struct rig_ua *a = rig_invite(r, "100", false), *b;

	rig_settle(r);
	b = rig_callee(r);
	rig_update(r, a, "sendonly");
	rig_update(r, b, "sendonly");
	rig_settle(r);
	assert_true(a->last_update == 491 || b->last_update == 491);
	rig_reinvite(r, a, "sendrecv", false);
	rig_update(r, b, "sendonly");
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(b->last_update, 491);
	/* Its own re-INVITE is not answered: 500 with Retry-After */
	r->side[RIG_CALLEE].answer = 0;
	rig_reinvite(r, a, "sendrecv", false);
	rig_update(r, a, "sendonly");
	rig_settle(r);
	assert_int_equal(a->last_update, 500);
	rig_answer(r, b, 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	/* and an INVITE while an UPDATE is open */
	r->side[RIG_CALLEE].on_update = 0;
	rig_update(r, a, "sendonly");
	rig_settle(r);
	rig_reinvite(r, b, "sendrecv", false);
	rig_settle(r);
	assert_int_equal(b->last, 491);
	rig_bye(r, b);
	finish(r);
}

static void test_early(void **state)
{
	for (unsigned int late = 0; late < 2; late++) {
		struct rig *r = rig_both(50 + late);
		struct rig_ua *a = ringing(r, "100", late), *b = rig_callee(r);

		rig_update(r, a, "sendonly");
		rig_settle(r);
		assert_int_equal(a->last_update, 200);
		assert_int_equal(b->n_updates, 1);
		expect_has(b->last_sdp, "a=sendonly");
		rig_update(r, b, "sendrecv");
		rig_settle(r);
		assert_int_equal(b->last_update, 200);
		assert_int_equal(a->n_updates, 1);
		expect_has(a->last_sdp, "c=IN IP4 10.0.0.1");
		rig_update(r, b, NULL);
		rig_settle(r);
		assert_int_equal(b->last_update, 200);
		assert_int_equal(a->n_updates, 1);
		/* both at once */
		rig_update(r, a, "sendrecv");
		rig_update(r, b, "sendrecv");
		rig_settle(r);
		assert_true(a->last_update == 491 || b->last_update == 491);
		/* the limit of the answer still counts */
		rig_pass(r, 100000);
		assert_int_equal(a->last, 0);
		answered(r, a);
	}
}

static void test_early_no_answer(void **state)
{
	struct rig *r = rig_both(60);
	struct rig_ua *a = ringing(r, "100", false);

	rig_pass(r, 100000);
	rig_update(r, a, "sendonly");
	rig_settle(r);
	rig_pass(r, 81000);
	assert_int_equal(a->last, 480);
	finish(r);
}

/* The caller cannot be told: the box answers, and its 200 has what the called side said last. */
static void test_early_local(void **state)
{
	struct rig *r = rig_both(70);
	struct rig_ua *a, *b;

	r->side[RIG_CALLER].rel = RIG_REL_NONE;
	a = ringing(r, "100", false);
	b = rig_callee(r);
	rig_update(r, b, "sendonly");
	rig_settle(r);
	assert_int_equal(b->last_update, 200);
	assert_int_equal(a->n_updates, 0);
	assert_int_equal(r->stats.update_local, 1);
	expect_has(b->last_sdp, "a=recvonly");
	/* A codec that the caller does not have. */
	r->side[RIG_CALLEE].m_line = "m=audio 4000 RTP/AVP 9\r\n";
	rig_update(r, b, "sendonly");
	rig_settle(r);
	assert_int_equal(b->last_update, 488);
	r->side[RIG_CALLEE].m_line = NULL;
	rig_answer(r, b, 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_true(a->last_had_sdp);
	expect_has(a->last_sdp, "a=sendonly");
	assert_int_equal(rig_last_call(r)->conf.leg[1].flags & DP_LEG_RECV, DP_LEG_RECV);
	assert_int_equal(rig_last_call(r)->conf.leg[1].flags & DP_LEG_SEND, 0);
	rig_bye(r, a);
	finish(r);

	/* The called side answered unreliably, the caller was told reliably. */
	r = rig_both(71);
	r->side[RIG_CALLEE].rel = RIG_REL_NONE;
	a = ringing(r, "100", false);
	b = rig_callee(r);
	rig_update(r, a, "inactive");
	rig_settle(r);
	assert_int_equal(a->last_update, 200);
	assert_int_equal(b->n_updates, 0);
	rig_update(r, b, "sendrecv"); /* it has an offer of ours to answer first */
	rig_settle(r);
	assert_int_equal(b->last_update, 491);
	rig_answer(r, b, 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(rig_last_call(r)->conf.leg[0].flags & (DP_LEG_SEND | DP_LEG_RECV), 0);
	rig_bye(r, a);
	finish(r);
}

/* The answer of the called side overtakes an exchange. */
static void test_early_race(void **state)
{
	for (unsigned int late = 0; late < 2; late++) {
		struct rig *r = rig_both(80 + late);
		struct rig_ua *a = ringing(r, "100", late), *b = rig_callee(r);

		r->side[RIG_CALLEE].on_update = 0;
		rig_update(r, a, "inactive");
		rig_settle(r);
		assert_int_equal(a->last_update, 0);
		rig_answer(r, b, 200);
		rig_settle(r);
		assert_int_equal(a->last_update, 491);
		assert_int_equal(a->last, 200);
		assert_int_equal(rig_last_call(r)->conf.leg[0].flags & DP_LEG_SEND, DP_LEG_SEND);
		rig_bye(r, b);
		finish(r);
	}
}

/* A trunk gives up after an UPDATE: the next one is offered what the INVITE said. */
static void test_early_hunt(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct rig *r = rig_both(90 + i);
		struct rig_ua *a = ringing(r, "200", i & 1), *b = rig_callee(r);

		rig_update(r, i & 2 ? a : b, "inactive");
		if (i != 3)
			rig_settle(r);
		rig_answer(r, b, 503);
		rig_settle(r);
		assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
		b = rig_callee(r);
		assert_int_equal(b->n_pracked, 1);
		assert_null(strstr(b->last_sdp, "inactive"));
		answered(r, a);
	}
}

/* Nothing to answer with, no ports, a broken offer: refused, and the call goes on. */
static void test_early_refused(void **state)
{
	struct rig *r = rig_both(100);
	struct rig_ua *a = ringing(r, "100", false), *b = rig_callee(r);

	r->side[RIG_CALLER].m_line = "m=audio 4000 TCP/WRONG 8\r\n";
	rig_update(r, a, "sendrecv");
	rig_settle(r);
	assert_int_equal(a->last_update, 488);
	r->side[RIG_CALLER]
		.m_line = "m=audio 4000 RTP/AVP 8\r\na=sendrecv\r\nm=video 4002 RTP/AVP 99\r\n";
	r->media_status = -ENOSPC;
	rig_update(r, a, "sendrecv");
	rig_settle(r);
	assert_int_equal(a->last_update, 503);
	assert_int_equal(b->n_updates, 0);
	r->side[RIG_CALLER].m_line = NULL;
	rig_update(r, a, "sendonly");
	rig_settle(r);
	assert_int_equal(a->last_update, 200);
	answered(r, a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_confirmed),
		cmocka_unit_test(test_as_reinvite),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_glare),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_early_no_answer),
		cmocka_unit_test(test_early_local),
		cmocka_unit_test(test_early_race),
		cmocka_unit_test(test_early_hunt),
		cmocka_unit_test(test_early_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
