/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls with SRTP, flow by flow: fall-back to RTP by a new INVITE or a re-INVITE, refusals with
 * their reason, hold and re-key, and what becomes of the keys when a process is killed.
 */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controlplane/base/secret.h"

static struct rig *start(enum cfg_srtp a, enum cfg_srtp b, enum rig_srtp phone, enum rig_srtp trunk)
{
	struct rig *r = rig_new(1);

	r->cfg->realms[0].srtp = (uint8_t)a;
	r->cfg->realms[1].srtp = (uint8_t)b;
	r->side[RIG_CALLER].srtp = phone;
	r->side[RIG_CALLER].key_octet = 0x41;
	r->side[RIG_CALLEE].srtp = trunk;
	r->side[RIG_CALLEE].key_octet = 0x42;
	return r;
}

static const struct dp_leg *leg_of(struct rig *r, unsigned int leg)
{
	return &rig_last_call(r)->conf.leg[leg];
}

static void hang_up(struct rig *r, struct rig_ua *a)
{
	rig_bye(r, a);
	rig_settle(r);
	assert_true(rig_last_call(r)->ended);
}

static void test_both_sides(void **state)
{
	struct rig *r = start(CFG_SRTP_REQUIRE, CFG_SRTP_REQUIRE, RIG_SRTP, RIG_SRTP);
	struct rig_ua *a = rig_invite(r, "100", false);
	const struct rig_call *call;

	rig_settle(r);
	call = rig_last_call(r);
	assert_int_equal(a->last, 200);
	expect_has(a->last_sdp, "RTP/SAVP 8 0\r\n");
	expect_has(a->last_sdp, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:");
	assert_int_equal(call->rec.srtp[0], DP_SRTP_CM_128_SHA1_80);
	assert_int_equal(call->rec.srtp[1], DP_SRTP_GCM_256);
	assert_int_equal(call->rec.srtp_note[0] | call->rec.srtp_note[1], CTL_SRTP_NONE);
	/* each side's own keys, and ours are none of them */
	assert_int_equal(leg_of(r, 0)->rx.key[29], 0x41);
	assert_int_equal(leg_of(r, 1)->rx.key[43], 0x42);
	assert_memory_not_equal(leg_of(r, 0)->tx.key, leg_of(r, 1)->tx.key, 16);
	hang_up(r, a);
	assert_int_equal(call->rec.srtp[1], DP_SRTP_GCM_256);
	finish(r);
}

static void test_other_side_plain(void **state)
{
	struct rig *r = start(CFG_SRTP_REQUIRE, CFG_SRTP_NEVER, RIG_SRTP, RIG_PLAIN);
	struct rig_ua *a = rig_invite(r, "100", false);

	rig_settle(r);
	assert_int_equal(a->last, 200);
	expect_has(rig_callee(r)->last_sdp, "RTP/AVP 8 0\r\n");
	assert_null(strstr(rig_callee(r)->last_sdp, "crypto"));
	assert_int_equal(rig_last_call(r)->rec.srtp[0], DP_SRTP_CM_128_SHA1_80);
	assert_int_equal(rig_last_call(r)->rec.srtp[1], DP_SRTP_NONE);
	hang_up(r, a);
	finish(r);
}

/* The caller's offer against the policy of its realm: 488 and a sentence in the record. */
static void test_offer_refused(void **state)
{
	static const struct {
		enum cfg_srtp policy;
		enum rig_srtp phone;
		const char *reason;
	} rows[] = {
		{CFG_SRTP_REQUIRE, RIG_PLAIN, "srtp require"},
		{CFG_SRTP_NEVER, RIG_SRTP, "srtp never"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = start(rows[i].policy, CFG_SRTP_NEVER, rows[i].phone, RIG_PLAIN);
		struct rig_ua *a = rig_invite(r, "100", false);

		rig_settle(r);
		assert_int_equal(a->last, 488);
		expect_has(rig_last_call(r)->rec.reason, rows[i].reason);
		assert_int_equal(rig_last_call(r)->rec.sip_status, 488);
		assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 0);
		assert_int_equal(r->stats.srtp_refused, 1);
		finish(r);
	}
}

/* 488 to SRTP: the same trunk gets a new INVITE with RTP, and the record says so. */
static void test_fall_back(void **state)
{
	static const enum rig_srtp trunks[] = {RIG_REFUSE, RIG_PORT_0};

	for (size_t i = 0; i < 2; i++) {
		struct rig *r = start(CFG_SRTP_NEVER, CFG_SRTP_PREFER, RIG_PLAIN, trunks[i]);
		struct rig_ua *a = rig_invite(r, "200", false);
		const struct rig_call *call;

		rig_settle(r);
		call = rig_last_call(r);
		assert_int_equal(a->last, 200);
		assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 2);
		assert_string_equal(call->rec.trunk[1], "t0"); /* no hunt */
		expect_has(rig_callee(r)->last_sdp, "RTP/AVP");
		assert_int_equal(call->rec.state, CTL_CALL_ACTIVE);
		assert_int_equal(call->rec.srtp_note[1], CTL_SRTP_REFUSED);
		assert_int_equal(call->rec.srtp[1], DP_SRTP_NONE);
		assert_int_equal(r->stats.srtp_fallback, 1);
		assert_int_equal(b2b_n_dialogs(r->b), 2);
		/* a hold later does not ask for SRTP again */
		rig_reinvite(r, a, "sendonly", false);
		rig_settle(r);
		assert_int_equal(a->last, 200);
		assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 3);
		expect_has(rig_callee(r)->last_sdp, "RTP/AVP");
		hang_up(r, a);
		assert_int_equal(call->rec.srtp_note[1], CTL_SRTP_REFUSED);
		finish(r);
	}
}

/* The re-INVITE without SRTP is refused, or the caller gives up meanwhile: nobody stays behind. */
static void test_fall_back_in_vain(void **state)
{
	for (unsigned int cancel = 0; cancel < 2; cancel++) {
		struct rig *r = start(CFG_SRTP_NEVER, CFG_SRTP_PREFER, RIG_PLAIN, RIG_PORT_0);
		struct rig_ua *a, *b;

		r->side[RIG_CALLEE].answer = 0;
		a = rig_invite(r, "100", false);
		rig_settle(r);
		b = rig_callee(r);
		rig_answer(r, b, 200);
		rig_settle(r);
		assert_true(b->acked);
		assert_int_equal(a->last, 0);
		assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 2);
		if (cancel)
			rig_cancel(r, a);
		else
			rig_answer(r, b, 488);
		rig_settle(r);
		assert_int_equal(a->last, cancel ? 487 : 488);
		assert_true(b->hung_up);
		if (!cancel)
			expect_has(rig_last_call(r)->rec.reason, "took no SRTP, and answered 488");
		finish(r);
	}
}

/* With require there is no second try; the next trunk is asked only for what may be hunted. */
static void test_require_refused(void **state)
{
	struct rig *r = start(CFG_SRTP_NEVER, CFG_SRTP_REQUIRE, RIG_PLAIN, RIG_REFUSE);
	struct rig_ua *a = rig_invite(r, "100", false);

	rig_settle(r);
	assert_int_equal(a->last, 488);
	expect_has(rig_last_call(r)->rec.reason, "SRTP, which is required there");
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 1);
	assert_int_equal(r->stats.srtp_fallback, 0);
	finish(r);
}

/* A trunk's policy is its own; the hunt offers each one what it is to get. */
static void test_trunk_policy(void **state)
{
	struct rig *r = start(CFG_SRTP_NEVER, CFG_SRTP_NEVER, RIG_PLAIN, RIG_SRTP);
	struct rig_ua *a;

	r->cfg->trunks[0].srtp = CFG_SRTP_REQUIRE;
	r->cfg->trunks[1].srtp = CFG_SRTP_REALM;
	r->side[RIG_CALLEE].busy_trunk = 60;
	a = rig_invite(r, "200", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	expect_has(rig_callee(r)->last_sdp, "RTP/AVP");
	assert_int_equal(rig_last_call(r)->rec.srtp[1], DP_SRTP_NONE);
	hang_up(r, a);
	r->side[RIG_CALLEE].busy_trunk = 0;
	a = rig_invite(r, "200", false);
	rig_settle(r);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t0");
	assert_int_equal(rig_last_call(r)->rec.srtp[1], DP_SRTP_GCM_256);
	hang_up(r, a);
	finish(r);
}

static void test_bad_answers(void **state)
{
	static const struct {
		enum rig_srtp trunk;
		const char *reason;
	} rows[] = {
		{RIG_BAD_TAG, "the tag of the answer's a=crypto line was not offered"},
		{RIG_PLAIN, "does not keep to the profile"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = start(CFG_SRTP_NEVER, CFG_SRTP_PREFER, RIG_PLAIN, rows[i].trunk);
		struct rig_ua *a = rig_invite(r, "100", false);

		rig_settle(r);
		assert_int_equal(a->last, 502);
		assert_true(rig_callee(r)->hung_up);
		expect_has(rig_last_call(r)->rec.reason, rows[i].reason);
		assert_int_equal(r->stats.srtp_refused, 1);
		assert_int_equal(leg_of(r, 1)->rx.suite, DP_SRTP_NONE);
		finish(r);
	}
}

/* A 183 with an answer opens the way, with the keys that the 200 repeats. */
static void test_early_media(void **state)
{
	struct rig *r = start(CFG_SRTP_REQUIRE, CFG_SRTP_REQUIRE, RIG_SRTP, RIG_SRTP);
	struct ctl_media early;
	struct rig_ua *a;
	char sdp[2048];

	r->side[RIG_CALLEE].answer = r->side[RIG_CALLEE].ring = 0;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(leg_of(r, 0)->flags | leg_of(r, 1)->flags, 0);
	rig_answer(r, rig_callee(r), 183);
	rig_settle(r);
	early = rig_last_call(r)->conf;
	assert_true(early.leg[0].flags & DP_LEG_SEND && early.leg[1].flags & DP_LEG_RECV);
	assert_int_equal(early.leg[1].rx.suite, DP_SRTP_GCM_256);
	assert_int_equal(early.leg[0].tx.suite, DP_SRTP_CM_128_SHA1_80);
	memcpy(sdp, a->last_sdp, sizeof(sdp));
	expect_has(sdp, "a=crypto:1 ");
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_string_equal(a->last_sdp, sdp);
	assert_true(secret_equal(&early, &rig_last_call(r)->conf, sizeof(early)));
	hang_up(r, a);
	finish(r);
}

/* An INVITE without offer: the called side offers, the caller gets SRTP or may leave it. */
static void test_late_offer(void **state)
{
	static const struct {
		enum cfg_srtp policy; /* of the caller */
		enum rig_srtp phone;
		const char *offer;
		uint8_t suite;
	} rows[] = {
		{CFG_SRTP_NEVER, RIG_PLAIN, "RTP/AVP 8 0\r\n", DP_SRTP_NONE},
		{CFG_SRTP_PREFER, RIG_PLAIN, "RTP/AVP 8 0\r\n", DP_SRTP_NONE},
		{CFG_SRTP_REQUIRE, RIG_SRTP, "RTP/SAVP 8 0\r\n", DP_SRTP_GCM_256},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = start(rows[i].policy, CFG_SRTP_REQUIRE, rows[i].phone, RIG_SRTP);
		struct rig_ua *a = rig_invite(r, "100", true);

		rig_settle(r);
		assert_int_equal(a->last, 200);
		expect_has(a->last_sdp, rows[i].offer);
		assert_int_equal(!!strstr(a->last_sdp, "a=crypto:"), rows[i].policy != 0);
		assert_int_equal(rig_last_call(r)->rec.srtp[0], rows[i].suite);
		assert_int_equal(rig_last_call(r)->rec.srtp[1], DP_SRTP_CM_128_SHA1_80);
		assert_int_equal(leg_of(r, 1)->rx.key[0], 0x42);
		hang_up(r, a);
		finish(r);
	}
}

/* A trunk with keys by DTLS: limen-nat is needed, where it is required; with it DTLS is offered. */
static void test_dtls_needs_nat(void **state)
{
	static const struct {
		enum cfg_srtp policy;
		bool nat;
		unsigned int status;
		const char *reason;
	} rows[] = {
		{CFG_SRTP_REQUIRE, false, 503, "limen-nat is not running"},
		{CFG_SRTP_PREFER, false, 200, ""},
		{CFG_SRTP_NEVER, true, 200, ""},
		/* the user agents here answer with RTP, which takes the encryption away */
		{CFG_SRTP_REQUIRE, true, 502, "profile"},
		{CFG_SRTP_PREFER, true, 502, "profile"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = start(CFG_SRTP_NEVER, rows[i].policy, RIG_PLAIN, RIG_PLAIN);
		struct ctl_nat_info info = {.own = {.hash = FINGERPRINT_SHA_256, .len = 32}};
		struct rig_ua *a;

		r->cfg->realms[1].srtp_keying = CFG_KEYING_DTLS;
		if (rows[i].nat)
			b2b_nat_info(r->b, &info);
		a = rig_invite(r, "100", false);
		rig_settle(r);
		if (a->last != rows[i].status)
			fail_msg("row %zu: %u, %s", i, a->last, rig_last_call(r)->rec.reason);
		if (rows[i].status == 200)
			hang_up(r, a);
		else
			expect_has(rig_last_call(r)->rec.reason, rows[i].reason);
		assert_int_equal(rig_last_call(r)->rec.srtp_keying[1], CTL_KEYING_NONE);
		finish(r);
	}
}

/* The called side's offer in its 200 is judged like any other. */
static void test_late_offer_refused(void **state)
{
	struct rig *r = start(CFG_SRTP_NEVER, CFG_SRTP_REQUIRE, RIG_PLAIN, RIG_PLAIN);
	struct rig_ua *a = rig_invite(r, "100", true);

	rig_settle(r);
	assert_true(a->last >= 400);
	assert_true(rig_callee(r)->hung_up);
	expect_has(rig_last_call(r)->rec.reason, "srtp require");
	finish(r);
}

static void test_hold_and_rekey(void **state)
{
	struct rig *r = start(CFG_SRTP_REQUIRE, CFG_SRTP_REQUIRE, RIG_SRTP, RIG_SRTP);
	struct rig_ua *a = rig_invite(r, "100", false);
	struct dp_srtp tx[DP_LEGS];

	rig_settle(r);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		tx[leg] = leg_of(r, leg)->tx;
	rig_reinvite(r, a, "sendonly", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_true(secret_equal(&tx[0], &leg_of(r, 0)->tx, sizeof(tx[0])));
	assert_true(secret_equal(&tx[1], &leg_of(r, 1)->tx, sizeof(tx[1])));
	rig_reinvite(r, rig_callee(r), "sendrecv", false); /* another suite from the other side */
	rig_settle(r);
	assert_int_equal(leg_of(r, 1)->rx.suite, DP_SRTP_CM_128_SHA1_80);
	assert_false(secret_equal(&tx[0], &leg_of(r, 0)->tx, sizeof(tx[0])));
	r->side[RIG_CALLER].key_octet = 0x43;
	tx[0] = leg_of(r, 0)->tx;
	tx[1] = leg_of(r, 1)->tx;
	rig_reinvite(r, a, "sendrecv", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(leg_of(r, 0)->rx.key[0], 0x43);
	assert_false(secret_equal(&tx[0], &leg_of(r, 0)->tx, sizeof(tx[0])));
	assert_false(secret_equal(&tx[1], &leg_of(r, 1)->tx, sizeof(tx[1])));
	hang_up(r, a);
	finish(r);
}

/* A re-INVITE in the clear: refused and the call goes on as it was, or taken and told. */
static void test_downgrade(void **state)
{
	for (unsigned int prefer = 0; prefer < 2; prefer++) {
		struct rig *r = start(prefer ? CFG_SRTP_PREFER : CFG_SRTP_REQUIRE, CFG_SRTP_NEVER,
			RIG_SRTP, RIG_PLAIN);
		struct rig_ua *a = rig_invite(r, "100", false);
		const struct rig_call *call;
		unsigned int n_sets;

		rig_settle(r);
		call = rig_last_call(r);
		n_sets = call->n_sets;
		r->side[RIG_CALLER].srtp = RIG_PLAIN;
		rig_reinvite(r, a, "sendrecv", false);
		rig_settle(r);
		assert_int_equal(a->last, prefer ? 200 : 488);
		assert_int_equal(call->rec.srtp[0], prefer ? DP_SRTP_NONE : DP_SRTP_CM_128_SHA1_80);
		assert_int_equal(call->rec.srtp_note[0], prefer ? CTL_SRTP_LOST : CTL_SRTP_NONE);
		assert_int_equal(call->n_sets, n_sets + prefer);
		assert_false(call->ended);
		hang_up(r, a);
		finish(r);
	}
}

/* Keys survive either process; limen-control gets them again from limen-sip, and the reverse. */
static void test_restarts(void **state)
{
	struct rig *r = start(CFG_SRTP_REQUIRE, CFG_SRTP_REQUIRE, RIG_SRTP, RIG_SRTP);
	struct rig_ua *a = rig_invite(r, "100", false);
	struct ctl_media before;
	struct rig_call *call;

	rig_settle(r);
	call = rig_last_call(r);
	before = call->conf;
	memset(&call->conf, 0, sizeof(call->conf));
	rig_control_down(r);
	rig_control_up(r, true);
	rig_settle(r);
	call = rig_last_call(r);
	assert_true(secret_equal(&before, &call->conf, sizeof(before)));
	rig_restart_sip(r);
	rig_settle(r);
	memset(&call->conf, 0, sizeof(call->conf));
	rig_control_down(r);
	rig_control_up(r, false);
	rig_settle(r);
	assert_true(secret_equal(&before, &call->conf, sizeof(before)));
	/* and the call can still be held, with the keys that both sides know */
	rig_reinvite(r, a, "sendonly", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		assert_true(secret_equal(
			&before.leg[leg].tx, &call->conf.leg[leg].tx, sizeof(struct dp_srtp)));
	assert_int_equal(call->rec.srtp[1], DP_SRTP_GCM_256);
	hang_up(r, a);
	finish(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_sides),
		cmocka_unit_test(test_other_side_plain),
		cmocka_unit_test(test_offer_refused),
		cmocka_unit_test(test_fall_back),
		cmocka_unit_test(test_fall_back_in_vain),
		cmocka_unit_test(test_require_refused),
		cmocka_unit_test(test_trunk_policy),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_early_media),
		cmocka_unit_test(test_late_offer),
		cmocka_unit_test(test_late_offer_refused),
		cmocka_unit_test(test_dtls_needs_nat),
		cmocka_unit_test(test_hold_and_rekey),
		cmocka_unit_test(test_downgrade),
		cmocka_unit_test(test_restarts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
