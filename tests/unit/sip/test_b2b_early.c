/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reliable provisionals (RFC 3262) on both legs, and what each side gets when the other knows none. */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_end(struct rig *r, unsigned int status, const char *reason)
{
	const struct rig_call *call = rig_last_call(r);

	assert_true(call->ended);
	assert_string_equal(call->rec.reason, reason);
	assert_int_equal(call->rec.sip_status, status);
}

/* What the sides know, and what comes of it. */
static void test_interworking(void **state)
{
	static const struct {
		enum rig_rel caller, callee;
		unsigned int ring;
		bool late;
		unsigned int n_caller, n_callee; /* reliable ones with their PRACK */
		bool sdp_in_200;
	} rows[] = {
		{RIG_REL_NONE, RIG_REL_NONE, 183, false, 0, 0, true},
		{RIG_REL_KNOWN, RIG_REL_NONE, 180, false, 0, 0, true},
		{RIG_REL_KNOWN, RIG_REL_NONE, 183, false, 1, 0, false},
		{RIG_REL_REQUIRED, RIG_REL_NONE, 180, false, 1, 0, true},
		{RIG_REL_NONE, RIG_REL_KNOWN, 180, false, 0, 1, true},
		{RIG_REL_NONE, RIG_REL_KNOWN, 183, false, 0, 1, true},
		{RIG_REL_KNOWN, RIG_REL_KNOWN, 180, false, 1, 1, true},
		{RIG_REL_KNOWN, RIG_REL_KNOWN, 183, false, 1, 1, false},
		{RIG_REL_REQUIRED, RIG_REL_REQUIRED, 183, false, 1, 1, false},
		/* the called side is not told of 100rel where its offer could not be answered */
		{RIG_REL_NONE, RIG_REL_KNOWN, 183, true, 0, 0, true},
		{RIG_REL_KNOWN, RIG_REL_KNOWN, 183, true, 1, 1, false},
		{RIG_REL_KNOWN, RIG_REL_KNOWN, 180, true, 1, 1, true},
		{RIG_REL_KNOWN, RIG_REL_NONE, 183, true, 0, 0, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(100 + i);
		struct rig_ua *a, *b;

		r->side[RIG_CALLER].rel = rows[i].caller;
		r->side[RIG_CALLEE].rel = rows[i].callee;
		r->side[RIG_CALLEE].ring = rows[i].ring;
		a = rig_invite(r, "100", rows[i].late);
		rig_settle(r);
		b = rig_callee(r);
		if (a->last != 200 || a->n_reliable != rows[i].n_caller ||
			b->n_pracked != rows[i].n_callee || a->last_had_sdp != rows[i].sdp_in_200)
			fail_msg("row %zu: %u, %u to the caller, %u from the called side, %d", i,
				a->last, a->n_reliable, b->n_pracked, a->last_had_sdp);
		assert_int_equal(r->stats.prack_in, rows[i].n_caller);
		assert_int_equal(r->stats.prack_out, rows[i].n_callee);
		/* both sides know each other's media, whatever message it went in */
		assert_non_null(strstr(a->last_sdp, "c=IN IP4 10.0.0.1"));
		assert_non_null(strstr(b->last_sdp, "c=IN IP4 10.0.1.1"));
		assert_int_equal(rig_last_call(r)->conf.leg[0].flags & DP_LEG_SEND, DP_LEG_SEND);
		assert_int_equal(rig_last_call(r)->conf.leg[1].flags & DP_LEG_SEND, DP_LEG_SEND);
		assert_true(b->acked);
		/* requests in the dialog have numbers above the PRACK's */
		rig_reinvite(r, a, "sendonly", false);
		rig_settle(r);
		assert_int_equal(a->last, 200);
		rig_reinvite(r, b, "sendrecv", false);
		rig_settle(r);
		assert_int_equal(b->last, 200);
		rig_bye(r, i % 2 ? a : b);
		finish(r);
	}
}

static void test_no_prack(void **state)
{
	struct rig *r = rig_new(1);
	struct rig_ua *a;

	r->side[RIG_CALLER].rel = RIG_REL_DEAF;
	r->side[RIG_CALLEE].ring = 183;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	rig_pass(r, 31000);
	assert_int_equal(a->last, 0); /* the 200 waits for the PRACK (RFC 3262 3) */
	rig_pass(r, 2000);
	assert_int_equal(a->last, 504);
	expect_end(r, 504, "no PRACK came for a reliable provisional answer");
	assert_int_equal(r->stats.prack_missed, 1);
	assert_true(rig_callee(r)->hung_up);
	finish(r);

	/* Without an answer, too; and the called side is cancelled. */
	r = rig_new(2);
	r->side[RIG_CALLER].rel = RIG_REL_DEAF;
	r->side[RIG_CALLEE].ring = 183;
	r->side[RIG_CALLEE].answer = 0;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	rig_pass(r, 33000);
	assert_int_equal(a->last, 504);
	assert_null(rig_callee(r)->in);
	finish(r);
}

static void test_losses(void **state)
{
	unsigned int n_ok = 0;

	for (unsigned int seed = 1; seed <= 60; seed++) {
		struct rig *r = rig_new(seed);
		struct rig_ua *a;

		r->side[RIG_CALLER].rel = RIG_REL_KNOWN;
		r->side[RIG_CALLEE].rel = RIG_REL_KNOWN;
		r->side[RIG_CALLEE].ring = seed % 2 ? 183 : 180;
		r->loss_percent = 30;
		a = rig_invite(r, "100", seed % 3 == 0);
		rig_pass(r, 30000);
		r->loss_percent = 0;
		rig_pass(r, 40000);
		n_ok += a->last == 200;
		if (a->last == 200)
			rig_bye(r, a);
		finish(r);
	}
	assert_true(n_ok > 50);
}

static void test_settings(void **state)
{
	struct rig *r = rig_new(1);
	struct rig_ua *a;

	r->cfg->realms[0].rel1xx = CFG_REL1XX_DISABLE;
	r->side[RIG_CALLER].rel = RIG_REL_REQUIRED;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 420);
	r->side[RIG_CALLER].rel = RIG_REL_KNOWN;
	r->side[RIG_CALLEE].ring = 183;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(a->n_reliable, 0);
	rig_bye(r, a);
	finish(r);

	r = rig_new(2);
	r->cfg->realms[0].rel1xx = CFG_REL1XX_REQUIRE;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 421);
	expect_end(r, 421, "the caller does not know 100rel, which its side requires (rel1xx)");
	r->side[RIG_CALLER].rel = RIG_REL_KNOWN;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(a->n_reliable, 1);
	rig_bye(r, a);
	finish(r);

	/* A trunk without it is passed over, also where an offer is wanted. */
	r = rig_new(3);
	r->cfg->trunks[0].rel1xx = CFG_REL1XX_REQUIRE;
	r->side[RIG_CALLEE].answer = 420;
	r->side[RIG_CALLEE].ring = 0;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 502);
	expect_end(r, 502, "trunk t0 answered 420, and rel1xx require asks for 100rel there");
	a = rig_invite(r, "100", true);
	rig_settle(r);
	assert_int_equal(a->last, 503);
	expect_end(r, 503,
		"trunk t0 requires 100rel, and the caller wants an offer but does not know it");
	r->side[RIG_CALLEE].answer = 200;
	a = rig_invite(r, "200", true);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	rig_bye(r, a);
	finish(r);
}

/* A trunk that had offered early gives up: the next one's offer is another one. */
static void test_hunt(void **state)
{
	for (unsigned int late = 0; late < 2; late++) {
		struct rig *r = rig_new(10 + late);
		struct rig_ua *a, *b;

		r->side[RIG_CALLER].rel = RIG_REL_KNOWN;
		r->side[RIG_CALLEE].rel = RIG_REL_KNOWN;
		r->side[RIG_CALLEE].ring = 183;
		r->side[RIG_CALLEE].answer = 0;
		a = rig_invite(r, "200", late);
		rig_settle(r);
		assert_int_equal(a->n_reliable, 1);
		rig_answer(r, rig_callee(r), 503);
		rig_settle(r);
		assert_int_equal(a->n_reliable, 2);
		assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
		b = rig_callee(r);
		assert_int_equal(b->n_pracked, 1);
		rig_answer(r, b, 200);
		rig_settle(r);
		assert_int_equal(a->last, 200);
		assert_false(a->last_had_sdp);
		rig_bye(r, a);
		finish(r);
	}
}

/* Of two branches that offer reliably one is answered; the PRACK of the other would have no answer. */
static void test_two_offers(void **state)
{
	static const char sdp[] =
		"v=0\r\no=- 1 1 IN IP4 10.0.1.60\r\ns=-\r\nc=IN IP4 10.0.1.60\r\n"
		"t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
	struct rig *r = rig_new(14);
	struct rig_side *callee = &r->side[RIG_CALLEE];
	struct rig_ua *a;
	char invite[sizeof(r->last_invite)];

	r->side[RIG_CALLER].rel = callee->rel = RIG_REL_KNOWN;
	callee->ring = 183;
	callee->answer = 0;
	a = rig_invite(r, "100", true);
	rig_settle(r);
	assert_int_equal(callee->n_requests[SIP_M_PRACK], 1);
	memcpy(invite, r->last_invite, sizeof(invite));
	fork_response(r, invite, 183, "two", "Require: 100rel\r\nRSeq: 7\r\n", sdp);
	assert_int_equal(callee->n_requests[SIP_M_PRACK], 1);
	assert_int_equal(a->n_reliable, 1);
	/* one without an offer is acknowledged */
	fork_response(r, invite, 180, "three", "Require: 100rel\r\nRSeq: 7\r\n", "");
	assert_int_equal(callee->n_requests[SIP_M_PRACK], 2);
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	finish(r);
}

static void raw_prack(struct rig *r, struct rig_ua *a, const char *rack, unsigned int cseq)
{
	char text[2048];

	snprintf(text, sizeof(text),
		"PRACK sip:x@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP "
		"10.0.0.50:5060;branch=z9hG4bKp%u\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:phone@10.0.0.50>;tag=%.*s\r\n"
		"To: <sip:100@10.0.0.1>;tag=%.*s\r\nCall-ID: %.*s\r\nCSeq: %u PRACK\r\n"
		"%sContent-Length: 0\r\n\r\n",
		cseq, VIEW_ARG(a->early[0].dialog->local_tag),
		VIEW_ARG(a->early[0].dialog->remote_tag), VIEW_ARG(a->early[0].dialog->call_id),
		cseq, rack);
	rig_raw(r, RIG_CALLER, text);
}

/* A PRACK that fits nothing acknowledges nothing. */
static void test_wrong_prack(void **state)
{
	struct rig *r = rig_new(1);
	struct rig_ua *a;
	char rack[64];

	r->side[RIG_CALLER].rel = RIG_REL_DEAF;
	r->side[RIG_CALLEE].ring = 183;
	r->side[RIG_CALLEE].answer = 0;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_non_null(a->early[0].dialog);
	raw_prack(r, a, "", 10);
	raw_prack(r, a, "RAck: 1 1 INVITE\r\n", 11);
	raw_prack(r, a, "RAck: 4294967296 1 INVITE\r\n", 12);
	raw_prack(r, a, "RAck: 0 1 INVITE\r\n", 13);
	snprintf(rack, sizeof(rack), "RAck: %u 2 INVITE\r\n", a->last_rseq);
	raw_prack(r, a, rack, 14);
	snprintf(rack, sizeof(rack), "RAck: %u 1 BYE\r\n", a->last_rseq);
	raw_prack(r, a, rack, 15);
	rig_settle(r);
	assert_int_equal(r->stats.prack_in, 0);
	snprintf(rack, sizeof(rack), "RAck: %u 1 INVITE\r\n", a->last_rseq);
	raw_prack(r, a, rack, 16);
	rig_settle(r);
	assert_int_equal(r->stats.prack_in, 1);
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	a->dialog->local_cseq = 20;
	rig_bye(r, a);
	finish(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interworking),
		cmocka_unit_test(test_no_prack),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_hunt),
		cmocka_unit_test(test_two_offers),
		cmocka_unit_test(test_wrong_prack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
