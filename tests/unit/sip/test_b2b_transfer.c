/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transfers that the box makes (supplementary-service sip refer local): who is joined with whom, what the
 * transferor hears, and that a transfer that fails, wherever it does, leaves the call as it was.
 */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rig *start(uint64_t seed)
{
	struct rig *r = rig_new(seed);

	for (unsigned int side = 0; side < 2; side++)
		r->cfg->realms[side].refer = CFG_REFER_LOCAL;
	r->any_realm = true;
	return r;
}

static struct rig_ua *up(struct rig *r, const char *number, struct rig_ua **ret_b)
{
	struct rig_ua *a = rig_invite(r, number, false);

	rig_settle(r);
	assert_int_equal(a->last, 200);
	*ret_b = rig_callee(r);
	return a;
}

static unsigned int refer(struct rig *r, struct rig_ua *ua, const char *lines)
{
	return rig_request_with(r, ua, SIP_M_REFER, lines, NULL, NULL);
}

static struct rig_call *call_number(struct rig *r, unsigned int i)
{
	assert_true(i < r->n_calls);
	return &r->calls[i];
}

static unsigned int n_active(const struct rig *r)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < r->n_calls; i++)
		n += !r->calls[i].ended;
	return n;
}

static bool same_host(const struct ipaddr *a, const struct ipaddr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* The two far ends of a call, as the data plane has them. */
static void expect_media(
	const struct rig_call *call, const struct rig_ua *a, const struct rig_ua *b)
{
	assert_false(call->ended);
	assert_true(same_host(&call->conf.leg[0].remote_rtp, &a->addr));
	assert_true(same_host(&call->conf.leg[1].remote_rtp, &b->addr));
	assert_int_equal(
		call->conf.leg[0].flags & (DP_LEG_SEND | DP_LEG_RECV), DP_LEG_SEND | DP_LEG_RECV);
}

/* The called party brings the caller to somebody else. */
static void test_blind(void **state)
{
	struct rig *r = start(1);
	struct rig_ua *a, *b, *c;
	struct rig_call *made;
	char port[32];

	a = up(r, "100", &b);
	r->side[RIG_CALLEE].answer = 0;
	assert_int_equal(refer(r, b,
				 "Refer-To: \"secret\" <sip:200@10.0.1.60;user=phone>\r\n"
				 "Referred-By: <sip:boss@10.0.1.60>\r\n"),
		202);
	rig_settle(r);
	c = rig_callee(r);
	assert_ptr_not_equal(c, b);
	expect_has(r->last_invite, "\r\nReferred-By: <sip:boss@10.0.1.1>\r\n");
	expect_has(b->last_notify, "\r\nEvent: refer\r\n");
	expect_has(b->last_notify, "\r\nSubscription-State: active;expires=240\r\n");
	expect_has(b->last_notify, "\r\nContent-Type: message/sipfrag;version=2.0\r\n");
	expect_has(b->last_notify, "\r\n\r\nSIP/2.0 180 Ringing\r\n");
	assert_int_equal(b->n_notifies, 2);
	assert_int_equal(a->n_invites, 0);
	assert_int_equal(rig_last_call(r)->rec.transfer, CTL_TRANSFER_JOINING);
	rig_answer(r, c, 200);
	rig_settle(r);
	assert_int_equal(a->n_invites, 1);
	expect_has(b->last_notify, "\r\nSubscription-State: terminated;reason=noresource\r\n");
	expect_has(b->last_notify, "\r\n\r\nSIP/2.0 200 OK\r\n");
	assert_true(b->hung_up);
	assert_true(c->acked);
	assert_false(a->hung_up);
	assert_int_equal(b2b_n_calls(r->b), 1);
	/* two records, and media that are the new call's */
	made = call_number(r, 1);
	assert_true(call_number(r, 0)->ended);
	assert_string_equal(
		call_number(r, 0)->rec.reason, "the called party transferred it to 200 (REFER)");
	assert_int_equal(call_number(r, 0)->rec.released_by, CTL_BY_CALLED);
	assert_int_equal(call_number(r, 0)->rec.transfer, CTL_TRANSFER_DONE);
	assert_true(call_number(r, 0)->rec.transfer_call == made->id);
	assert_int_equal(made->rec.transfer, CTL_TRANSFER_MADE);
	assert_true(made->rec.transfer_call == call_number(r, 0)->id);
	assert_string_equal(made->rec.calling[0], call_number(r, 0)->rec.calling[0]);
	assert_string_equal(made->rec.called[1], "200");
	assert_string_equal(made->rec.trunk[1], "t0");
	expect_media(made, a, c);
	/* each was told of the new ports, in the session that it has (RFC 3264 8) */
	snprintf(port, sizeof(port), "m=audio %u ", ntohs(made->conf.leg[0].local.port_be16));
	expect_has(a->last_sdp, port);
	snprintf(port, sizeof(port), "m=audio %u ", ntohs(made->conf.leg[1].local.port_be16));
	expect_has(c->last_sdp, port);
	assert_int_equal(r->stats.transfers, 1);
	assert_int_equal(c->n_invites, 1); /* the party's answer was no news to the target */
	assert_int_equal(a->n_invites, 1);
	/* it is a call like any other */
	r->side[RIG_CALLEE].answer = 200;
	rig_reinvite(r, a, "sendonly", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	expect_has(c->last_sdp, "a=sendonly");
	rig_reinvite(r, c, "sendrecv", false);
	rig_settle(r);
	assert_int_equal(c->last, 200);
	rig_bye(r, a);
	rig_settle(r);
	assert_true(c->hung_up);
	finish(r);
}

/* Where the party's description is not known, the target's offer goes to it. */
static void test_late_offer(void **state)
{
	struct rig *r = start(5);
	struct rig_ua *a, *b, *c;

	r->cfg->realms[0].refer = r->cfg->realms[1].refer = CFG_REFER_REFUSE;
	a = up(r, "100", &b);
	r->cfg->realms[0].refer = r->cfg->realms[1].refer = CFG_REFER_LOCAL;
	assert_int_equal(refer(r, b, "Refer-To: <sip:200@10.0.1.60>\r\n"), 202);
	rig_settle(r);
	c = rig_callee(r);
	assert_true(c->acked);
	assert_true(b->hung_up);
	assert_int_equal(a->n_invites, 1);
	assert_int_equal(c->n_invites, 1);
	assert_null(strstr(r->last_invite, "m=audio"));
	expect_media(call_number(r, 1), a, c);
	rig_bye(r, c);
	finish(r);
}

/* The caller brings the called party to somebody else; the call lives through a restart of limen-sip. */
static void test_by_caller(void **state)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct rig *r = start(10 + i);
		struct rig_ua *a, *b, *c;

		a = up(r, "100", &b);
		assert_int_equal(refer(r, a, "Refer-To: <tel:200>\r\nRefer-Sub: false\r\n"), 202);
		rig_settle(r);
		c = rig_callee(r);
		assert_true(a->hung_up);
		assert_int_equal(a->n_notifies, 0);
		expect_media(call_number(r, 1), b, c);
		assert_string_equal(
			call_number(r, 0)->rec.reason, "the caller transferred it to 200 (REFER)");
		rig_restart_sip(r);
		assert_int_equal(b2b_n_calls(r->b), 1);
		rig_reinvite(r, i ? b : c, "sendonly", false);
		rig_settle(r);
		assert_int_equal((i ? b : c)->last, 200);
		rig_bye(r, i ? c : b);
		rig_settle(r);
		assert_true((i ? b : c)->hung_up);
		finish(r);
	}
}

static uint64_t bps_counted(struct rig *r, const char *key)
{
	return atomic_load(&budget_at(&r->shared.budgets, budget_of(&r->shared.budgets, key))->bps);
}

/* Nothing comes of it: the call is as it was, the transferor hears why. */
static void test_failures(void **state)
{
	static const struct {
		const char *to;
		unsigned int target, party, want; /* what they answer; the last NOTIFY */
		const char *reason;
	} rows[] = {
		{"sip:200@x.example", 486, 200, 486, "trunk t0 answered 486 Busy Here"},
		{"sip:200@x.example", 603, 200, 603, "trunk t0 answered 603 Decline"},
		{"sip:999@x.example", 200, 200, 404, NULL},
		{"sip:200@x.example", 302, 200, 480, "trunk t2 answered 302 Moved Temporarily"},
		{"sip:200@x.example", 200, 488, 488,
			"the transferred party answered 488 to the re-INVITE of a transfer"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = start(20 + i);
		struct rig_ua *a, *b;
		char text[64];

		r->cfg->realms[1].redirection = CFG_REDIRECTION_RELAY;
		r->side[RIG_CALLEE].contacts = "<sip:999@x.example>";
		a = up(r, "100", &b);
		r->side[RIG_CALLEE].answer = rows[i].target;
		r->side[RIG_CALLER].answer = rows[i].party;
		snprintf(text, sizeof(text), "Refer-To: <%s>\r\n", rows[i].to);
		assert_int_equal(refer(r, b, text), 202);
		rig_settle(r);
		snprintf(text, sizeof(text), "\r\n\r\nSIP/2.0 %u ", rows[i].want);
		expect_has(b->last_notify, text);
		expect_has(b->last_notify, "terminated;reason=noresource");
		assert_false(a->hung_up);
		assert_false(b->hung_up);
		rig_pass(r, 40000);
		assert_int_equal(n_active(r), 1);
		assert_int_equal(call_number(r, 0)->rec.transfer, CTL_TRANSFER_FAILED);
		expect_media(call_number(r, 0), a, b);
		if (rows[i].reason)
			assert_string_equal(call_number(r, 1)->rec.reason, rows[i].reason);
		assert_int_equal(r->stats.transfers_failed, 1);
		expect_counted(r);
		/* and it may be tried again */
		r->side[RIG_CALLEE].answer = r->side[RIG_CALLER].answer = 200;
		assert_int_equal(refer(r, b, "Refer-To: <sip:200@x.example>\r\n"), 202);
		rig_settle(r);
		expect_has(b->last_notify, "\r\nEvent: refer;id=");
		assert_true(b->hung_up);
		rig_bye(r, a);
		finish(r);
	}
}

/* Everybody may go at any time. */
static void test_hang_ups(void **state)
{
	enum { TRANSFEROR, TRANSFEROR_FAILS, PARTY, TARGET, N };

	for (unsigned int i = 0; i < N; i++) {
		struct rig *r = start(30 + i);
		struct rig_ua *a, *b, *c;

		a = up(r, "100", &b);
		r->side[RIG_CALLEE].answer = 0;
		assert_int_equal(refer(r, b, "Refer-To: <sip:200@x.example>\r\n"), 202);
		rig_settle(r);
		c = rig_callee(r);
		rig_bye(r, i == PARTY ? a : i == TARGET ? c : b);
		rig_settle(r);
		switch (i) {
		case TRANSFEROR:
			assert_false(a->hung_up);
			assert_int_equal(b2b_n_calls(r->b), 2);
			rig_reinvite(r, a, "sendonly", false); /* with nobody there */
			rig_settle(r);
			assert_int_equal(a->last, 491);
			rig_answer(r, c, 200);
			rig_settle(r);
			expect_media(call_number(r, 1), a, c);
			rig_bye(r, c);
			break;
		case TRANSFEROR_FAILS:
			rig_answer(r, c, 486);
			rig_settle(r);
			assert_true(a->hung_up);
			assert_string_equal(call_number(r, 0)->rec.reason,
				"a party hung up while a transfer was under way, which failed with "
				"486");
			break;
		case PARTY:
			assert_true(b->hung_up);
			assert_null(c->in); /* cancelled */
			assert_int_equal(b2b_n_calls(r->b), 0);
			/* no fault of the target's trunk */
			assert_int_equal(call_number(r, 1)->rec.released_by, CTL_BY_CALLER);
			assert_string_equal(call_number(r, 1)->rec.reason,
				"the call that was being transferred has ended");
			break;
		default:
			/* no dialog yet: the BYE is not sent by the rig, it refuses */
			rig_answer(r, c, 480);
			rig_settle(r);
			assert_int_equal(n_active(r), 1);
			rig_bye(r, b);
		}
		finish(r);
	}
}

/*
 * The target answers and dies before the transferred party has answered its re-INVITE: that one is told
 * again what it had.
 */
static void test_target_dies(void **state)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct rig *r = start(40 + i);
		struct rig_ua *a, *b, *c;
		char before[sizeof(a->last_sdp)];
		const char *m;

		a = up(r, "100", &b);
		memcpy(before, a->last_sdp, sizeof(before));
		r->side[RIG_CALLER].answer = 0;
		assert_int_equal(refer(r, b, "Refer-To: <sip:200@x.example>\r\n"), 202);
		rig_settle(r);
		c = rig_callee(r);
		assert_int_equal(a->n_invites, 1);
		assert_non_null(a->in);
		/* its answer is on its way, or still to come, when the target hangs up */
		if (i)
			rig_answer(r, a, 200);
		r->side[RIG_CALLER].answer = 200;
		c->confirmed = true;
		rig_bye(r, c);
		if (i)
			rig_deliver(r, (int)r->n_queue - 1);
		rig_settle(r);
		if (a->in)
			rig_answer(r, a, 200);
		rig_pass(r, 40000);
		assert_false(a->hung_up);
		assert_false(b->hung_up);
		assert_int_equal(n_active(r), 1);
		expect_media(call_number(r, 0), a, b);
		/* cancelled in time, or accepted and taken back */
		assert_int_equal(a->n_invites, i ? 2 : 1);
		expect_counted(r);
		m = strstr(before, "m=audio ");
		assert_non_null(m);
		if (i)
			assert_int_equal(
				strncmp(m, strstr(a->last_sdp, "m=audio "), strcspn(m, "\r")), 0);
		rig_bye(r, a);
		finish(r);
	}
}

/* limen-sip ends while the target rings: the call is as it was, or over if the transferor has hung up. */
static void test_restart(void **state)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct rig *r = start(45 + i);
		struct rig_ua *a, *b;

		a = up(r, "100", &b);
		r->side[RIG_CALLEE].answer = 0;
		assert_int_equal(refer(r, b, "Refer-To: <sip:200@x.example>\r\n"), 202);
		rig_settle(r);
		if (i)
			rig_bye(r, b);
		rig_settle(r);
		assert_false(a->hung_up);
		rig_restart_sip(r);
		rig_settle(r);
		assert_int_equal(b2b_n_calls(r->b), !i);
		assert_int_equal(a->hung_up, i);
		if (i) {
			assert_string_equal(call_number(r, 0)->rec.reason,
				"a party hung up while a transfer was under way, which ended with "
				"limen-sip");
			assert_int_equal(call_number(r, 0)->rec.released_by, CTL_BY_CALLED);
		} else {
			expect_media(call_number(r, 0), a, b);
			expect_counted(r);
			rig_bye(r, a);
		}
		rig_settle(r);
		assert_int_equal(call_number(r, 0)->rec.transfer, CTL_TRANSFER_FAILED);
		rig_answer(r, rig_callee(r), 480);
		finish(r);
	}
}

/* Both want to transfer, one of them is first; and a REFER that nobody may send. */
static void test_policy(void **state)
{
	struct rig *r = start(50);
	struct rig_ua *a, *b;

	a = up(r, "100", &b);
	r->side[RIG_CALLEE].answer = 0;
	assert_int_equal(refer(r, b, "Refer-To: <sip:200@x.example>\r\n"), 202);
	assert_int_equal(refer(r, a, "Refer-To: <sip:200@x.example>\r\n"), 491);
	assert_int_equal(refer(r, b, "Refer-To: <sip:300@x.example>\r\n"), 491);
	rig_bye(r, a);
	finish(r);

	r = start(51);
	r->cfg->realms[0].refer = CFG_REFER_REFUSE;
	a = up(r, "100", &b);
	assert_int_equal(refer(r, a, "Refer-To: <sip:200@x.example>\r\n"), 403);
	assert_int_equal(refer(r, b, "Refer-To: <mailto:200@x.example>\r\n"), 400);
	assert_int_equal(
		refer(r, b,
			"Refer-To: <sip:1@x.example?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>"
			"\r\n"),
		404);
	assert_int_equal(b2b_n_calls(r->b), 1);
	/* a side that passes them on, and one whose REFERs the box takes over */
	r->cfg->realms[1].refer = CFG_REFER_RELAY;
	assert_int_equal(refer(r, b, "Refer-To: <sip:200@x.example>\r\n"), 403);
	r->cfg->realms[0].refer = CFG_REFER_LOCAL;
	assert_int_equal(refer(r, b, "Refer-To: <sip:200@x.example>\r\n"), 202);
	rig_settle(r);
	assert_int_equal(a->n_refers, 0);
	assert_true(b->hung_up);
	rig_bye(r, a);
	finish(r);
}

/* A re-INVITE of the transferred party crosses: its 491, and the next one gets through. */
static void test_glare(void **state)
{
	struct rig *r = start(60);
	struct rig_ua *a, *b;

	a = up(r, "100", &b);
	r->side[RIG_CALLER].answer = 491;
	assert_int_equal(refer(r, b, "Refer-To: <sip:200@x.example>\r\n"), 202);
	rig_settle(r);
	r->side[RIG_CALLER].answer = 200;
	rig_pass(r, 3000);
	assert_true(b->hung_up);
	expect_media(call_number(r, 1), a, rig_callee(r));
	rig_bye(r, a);
	finish(r);

	/* it was first: the box waits until that exchange is over */
	r = start(61);
	a = up(r, "100", &b);
	r->side[RIG_CALLEE].answer = 0;
	assert_int_equal(refer(r, b, "Refer-To: <sip:200@x.example>\r\n"), 202);
	rig_settle(r);
	rig_reinvite(r, a, "sendrecv", false);
	rig_settle(r);
	assert_non_null(b->in);
	rig_answer(r, rig_callee(r), 200);
	rig_pass(r, 1000);
	assert_false(b->hung_up);
	rig_answer(r, b, 200);
	rig_pass(r, 1000);
	assert_int_equal(a->last, 200);
	assert_true(b->hung_up);
	rig_bye(r, a);
	finish(r);
}

/* Whether the transferred party is registered another worker would know, and is silent. */
static void test_asked_party(void **state)
{
	struct rig *r = start(65);
	struct cfg *old = r->cfg;
	struct rig_ua *a, *b;
	void *registrar;

	r->cfg = cfg_clone(old);
	registrar = object(r, CFG_REGISTRAR, "front");
	set(registrar, CFG_REGISTRAR, "realm", "access");
	set(registrar, CFG_REGISTRAR, "registration_passthrough", "t0");
	r->n_others = 6;
	rig_restart_sip(r);
	cfg_free(old);
	a = rig_invite(r, "100", false);
	rig_settle(r);
	rig_pass(r, 3000);
	assert_int_equal(r->n_told, 1);
	assert_int_equal(a->last, 200);
	b = rig_callee(r);
	assert_int_equal(refer(r, b, "Refer-To: <sip:200@x.example>\r\n"), 202);
	rig_settle(r);
	assert_int_equal(r->n_told, 2);
	rig_pass(r, 3000);
	assert_true(b->hung_up);
	expect_media(call_number(r, 1), a, rig_callee(r));
	rig_bye(r, a);
	finish(r);
}

static void name_dialog(const struct rig_ua *ua, const char *user, char *buf, size_t size)
{
	snprintf(buf, size,
		"Refer-To: "
		"<sip:%s@10.0.0.1?Replaces=%.*s%%3Bto-tag%%3D%.*s%%3Bfrom-tag%%3D%.*s>\r\n",
		user, VIEW_ARG(ua->dialog->call_id), VIEW_ARG(ua->dialog->remote_tag),
		VIEW_ARG(ua->dialog->local_tag));
}

/* The phone talks to two, and brings them together. */
static void test_attended(void **state)
{
	struct rig *r = start(70);
	struct rig_ua *a1, *a2, *b1, *b2;
	struct rig_call *made;
	char lines[1024];

	a1 = up(r, "100", &b1);
	a2 = up(r, "200", &b2);
	rig_reinvite(r, a1, "sendonly", false); /* it holds the first one */
	rig_settle(r);
	name_dialog(a2, "200", lines, sizeof(lines));
	assert_int_equal(refer(r, a1, lines), 202);
	rig_settle(r);
	expect_has(a1->last_notify, "\r\n\r\nSIP/2.0 200 OK\r\n");
	assert_true(a1->hung_up);
	assert_true(a2->hung_up);
	assert_false(b1->hung_up);
	assert_false(b2->hung_up);
	assert_int_equal(b2b_n_calls(r->b), 1);
	expect_counted(r);
	made = rig_last_call(r);
	expect_media(made, b1, b2);
	assert_string_equal(made->rec.calling[0], "100");
	assert_string_equal(made->rec.called[1], "200");
	assert_int_equal(made->rec.transfer, CTL_TRANSFER_MADE);
	for (unsigned int i = 0; i < 2; i++)
		assert_string_equal(
			call_number(r, i)->rec.reason, "the caller transferred it to 200 (REFER)");
	rig_restart_sip(r);
	rig_bye(r, b1);
	rig_settle(r);
	assert_true(b2->hung_up);
	finish(r);
}

static void test_attended_fails(void **state)
{
	enum { FIRST_REFUSES, SECOND_REFUSES, SECOND_GONE, SAME_CALL, N };

	for (unsigned int i = 0; i < N; i++) {
		struct rig *r = start(80 + i);
		struct rig_ua *a1, *a2, *b1, *b2;
		char lines[1024];
		uint64_t bps;

		r->cfg->realms[1].bandwidth_kbps = 10000;
		apply(r);
		a1 = up(r, "100", &b1);
		a2 = up(r, "200", &b2);
		bps = bps_counted(r, "realm peering");
		assert_true(bps > 0);
		name_dialog(i == SAME_CALL ? a1 : a2, "200", lines, sizeof(lines));
		r->side[RIG_CALLEE].answer = i == FIRST_REFUSES ? 488 : 0;
		assert_int_equal(refer(r, a1, lines), i == SAME_CALL ? 400 : 202);
		rig_settle(r);
		if (i == SECOND_REFUSES) {
			assert_non_null(b2->in);
			/* it offers more than its call has */
			r->side[RIG_CALLEE]
				.m_line = "m=video 4000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n";
			rig_answer(r, b2, 200);
			r->side[RIG_CALLEE].m_line = NULL;
			rig_settle(r);
			assert_non_null(b1->in);
			assert_true(bps_counted(r, "realm peering") > bps);
			rig_answer(r, b1, 488);
			r->side[RIG_CALLEE].answer = 200;
			rig_pass(r, 1000);
			assert_true(b2->acked);
		} else if (i == SECOND_GONE) {
			assert_non_null(b2->in);
			rig_answer(r, b2, 481);
			rig_pass(r, 1000);
			assert_true(a2->hung_up);
		}
		r->side[RIG_CALLEE].answer = 200;
		assert_false(a1->hung_up);
		assert_false(b1->hung_up);
		expect_counted(r);
		expect_media(call_number(r, 0), a1, b1);
		if (i != SECOND_GONE) {
			assert_int_equal(bps_counted(r, "realm peering"), bps);
			assert_false(b2->hung_up);
			assert_false(a2->hung_up);
			expect_media(call_number(r, 1), a2, b2);
			assert_int_equal(n_active(r), 2);
			rig_bye(r, a2);
			rig_settle(r);
			assert_true(b2->hung_up);
		}
		rig_bye(r, b1);
		rig_settle(r);
		assert_true(a1->hung_up);
		finish(r);
	}
}

/* A box that is one of two workers. */
static struct rig *start_worker(uint64_t seed, uint8_t worker)
{
	struct rig *r = start(seed);

	r->worker = worker;
	r->n_others = 1;
	rig_restart_sip(r);
	return r;
}

/*
 * The other dialog of an attended transfer belongs to another worker: what the one that asks and the one
 * that is asked do when the rings between them are full, or nothing comes back.
 */
static void test_between_workers(void **state)
{
	struct rig *r = start_worker(96, 0);
	struct rig_ua *a, *b;
	char lines[1024], question[sizeof(r->told)];
	size_t n;

	/* The same seed makes the same call again below: user agents know one rig at a time. */
	a = up(r, "200", &b);
	name_dialog(a, "200", lines, sizeof(lines));
	rig_bye(r, a);
	finish(r);

	r = start_worker(95, 1);
	a = up(r, "100", &b);
	r->tell_error = -ENOBUFS;
	assert_int_equal(refer(r, a, lines), 500);
	r->tell_error = 0;
	assert_int_equal(refer(r, a, lines), 202);
	assert_int_equal(r->n_told, 1);
	assert_int_equal(refer(r, b, "Refer-To: <sip:300@x.example>\r\n"), 491);
	rig_pass(r, 3000);
	expect_has(a->last_notify, "\r\n\r\nSIP/2.0 480 ");
	assert_int_equal(call_number(r, 0)->rec.transfer, CTL_TRANSFER_FAILED);
	expect_media(call_number(r, 0), a, b);
	expect_counted(r);
	n = r->told_len;
	memcpy(question, r->told, n);
	rig_bye(r, a);
	finish(r);

	r = start_worker(96, 0);
	a = up(r, "200", &b);
	for (size_t i = 1; i < n; i++)
		b2b_told(r->b, 1, question, i); /* cut short it asks for nothing */
	assert_int_equal(r->n_told, 0);
	r->tell_error = -ENOBUFS;
	b2b_told(r->b, 1, question, n);
	r->tell_error = 0;
	assert_int_equal(b2b_n_calls(r->b), 1);
	rig_reinvite(r, a, "sendonly", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	b2b_told(r->b, 1, question, n);
	assert_int_equal(r->n_told, 1);
	/* it lives on elsewhere: nobody was told that it ends */
	assert_false(a->hung_up);
	assert_false(b->hung_up);
	assert_false(call_number(r, 0)->ended);
	call_number(r, 0)->swept = true;
	finish(r);
}

/* Step by step: whatever message is the last one that arrives, everything ends. */
static void test_cut_off(void **state)
{
	for (unsigned int cut = 0; cut < 60; cut++) {
		struct rig *r = start(100 + cut);
		struct rig_ua *a, *b;

		a = up(r, "100", &b);
		rig_send(r, b, SIP_M_REFER, "Refer-To: <sip:200@x.example>\r\n");
		for (unsigned int i = 0; i < cut; i++) {
			if (!rig_reply(r) && !rig_deliver(r, -1))
				break;
		}
		r->deaf = cut & 1 ? RIG_CALLER : RIG_CALLEE;
		rig_pass(r, 100000);
		r->deaf = 0;
		rig_bye(r, a);
		rig_bye(r, b);
		rig_bye(r, rig_callee(r));
		finish(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blind),
		cmocka_unit_test(test_late_offer),
		cmocka_unit_test(test_by_caller),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_hang_ups),
		cmocka_unit_test(test_target_dies),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_glare),
		cmocka_unit_test(test_asked_party),
		cmocka_unit_test(test_attended),
		cmocka_unit_test(test_attended_fails),
		cmocka_unit_test(test_between_workers),
		cmocka_unit_test(test_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
