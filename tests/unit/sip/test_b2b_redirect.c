/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A called side that answers 3xx: the next dial-peer, the new numbers, or the caller's to call them. */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rig *rig_redirected(uint64_t seed, uint8_t realm, uint8_t trunk)
{
	struct rig *r = rig_new(seed);

	r->cfg->realms[1].redirection = realm;
	r->cfg->trunks[0].redirection = trunk;
	r->side[RIG_CALLEE].contacts =
		"<sip:100@x.example>;q=0.25, <sip:201@10.0.1.9>;q=0.9, "
		"\"B\" <tel:+4930>;q=0.5, <mailto:a@x.example>";
	r->side[RIG_CALLEE].answer = 0;
	r->side[RIG_CALLEE].ring = 0;
	return r;
}

/* The newest INVITE of the called side gets this answer. */
static void answer(struct rig *r, unsigned int status)
{
	rig_answer(r, rig_callee(r), status);
	rig_settle(r);
}

static void test_hunt(void **state)
{
	struct rig *r = rig_redirected(1, CFG_REDIRECTION_REALM, CFG_REDIRECTION_REALM);
	struct rig_ua *a = rig_invite(r, "200", false);

	rig_settle(r);
	answer(r, 302);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	assert_int_equal(r->stats.redirected, 0);
	answer(r, 200);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	finish(r);
}

static void test_follow(void **state)
{
	for (unsigned int late = 0; late < 2; late++) {
		struct rig *r = rig_redirected(
			10 + late, CFG_REDIRECTION_FOLLOW, CFG_REDIRECTION_REALM);
		struct rig_ua *a = rig_invite(r, "100", late);

		rig_settle(r);
		answer(r, 302);
		/* by q: 201 has three trunks; +4930 no dial-peer */
		assert_string_equal(rig_last_call(r)->rec.called[1], "201");
		assert_string_equal(rig_last_call(r)->rec.called[0], "100");
		assert_string_equal(rig_last_call(r)->rec.trunk[1], "t0");
		answer(r, 503);
		assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
		answer(r, 503);
		answer(r, 503);
		assert_string_equal(rig_last_call(r)->rec.called[1], "100");
		answer(r, 200);
		assert_int_equal(a->last, 200);
		assert_int_equal(r->stats.redirected, 1);
		rig_bye(r, a);
		finish(r);
	}
}

/* A refusal that concerns the user ends it, as after any INVITE; so do too many redirections. */
static void test_follow_ends(void **state)
{
	struct rig *r = rig_redirected(20, CFG_REDIRECTION_HUNT, CFG_REDIRECTION_FOLLOW);
	struct rig_ua *a = rig_invite(r, "100", false);

	rig_settle(r);
	answer(r, 301);
	answer(r, 486);
	assert_int_equal(a->last, 486);
	finish(r);

	r = rig_redirected(21, CFG_REDIRECTION_FOLLOW, CFG_REDIRECTION_REALM);
	r->side[RIG_CALLEE].contacts = "<sip:100@x.example>";
	r->side[RIG_CALLEE].answer = 302;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 480);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 6);
	finish(r);

	/* nobody takes the new numbers; no Contact that names one */
	for (unsigned int i = 0; i < 2; i++) {
		r = rig_redirected(22 + i, CFG_REDIRECTION_FOLLOW, CFG_REDIRECTION_REALM);
		r->side[RIG_CALLEE].contacts = i ? "<sip:x.example>" : "<sip:999@x.example>";
		a = rig_invite(r, "100", false);
		rig_settle(r);
		answer(r, 302);
		assert_int_equal(a->last, 480);
		finish(r);
	}
}

static void test_relay(void **state)
{
	struct rig *r = rig_redirected(30, CFG_REDIRECTION_FOLLOW, CFG_REDIRECTION_RELAY);
	struct rig_ua *a = rig_invite(r, "200", false);

	r->side[RIG_CALLEE].contacts = "<sip:100@x.example>;q=0.25, <sip:201@10.0.1.9>";
	rig_settle(r);
	r->side[RIG_CALLEE].contacts = "<sip:a%20b@x.example>;q=0.25, <sip:201@10.0.1.9>";
	rig_answer(r, rig_callee(r), 305); /* no new number, but another proxy: not told */
	rig_settle(r);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	r->cfg->trunks[1].redirection = CFG_REDIRECTION_RELAY;
	r->side[RIG_CALLEE]
		.contacts = "<sip:100@x.example>;q=0.25, <sip:201@10.0.1.9>, <sip:7@h>;q=0.0";
	answer(r, 301);
	assert_int_equal(a->last, 301);
	assert_string_equal(a->last_contacts,
		"<sip:201@10.0.0.1:5060>;q=1.0 <sip:100@10.0.0.1:5060>;q=0.250 "
		"<sip:7@10.0.0.1:5060>;q=0.000 ");
	assert_string_equal(
		rig_last_call(r)->rec.reason, "trunk t1 answered 301 Moved Permanently");
	assert_int_equal(rig_last_call(r)->rec.sip_status, 301);
	finish(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hunt),
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_follow_ends),
		cmocka_unit_test(test_relay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
