/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transfers: REFER and its NOTIFYs from leg to leg, and Replaces from one dialog space into another. */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rig *rig_refer(uint64_t seed)
{
	struct rig *r = rig_new(seed);

	for (unsigned int side = 0; side < 2; side++) {
		r->cfg->realms[side].refer = CFG_REFER_RELAY;
		r->cfg->realms[side].replaces = true;
		r->side[RIG_CALLER + side].replaces = true;
	}
	return r;
}

static void test_blind(void **state)
{
	struct rig *r = rig_refer(1);
	struct rig_ua *a = rig_invite(r, "100", false), *b;

	rig_settle(r);
	b = rig_callee(r);
	assert_int_equal(
		rig_request_with(r, b, SIP_M_REFER,
			"Refer-To: \"secret\" <sip:+4930@10.0.1.60;user=phone>\r\n"
			"Referred-By: <sip:boss@10.0.1.60>\r\nContact: <sip:c@10.0.1.60>\r\n",
			NULL, NULL),
		202);
	assert_int_equal(a->n_refers, 1);
	expect_has(a->last_refer, "\r\nRefer-To: <sip:+4930@10.0.0.1;user=phone>\r\n");
	expect_has(a->last_refer, "\r\nReferred-By: <sip:boss@10.0.0.1>\r\n");
	/* What became of it goes back, and no more than that. */
	assert_int_equal(
		rig_request_with(r, a, SIP_M_NOTIFY,
			"Event: refer;id=77\r\nSubscription-State: active;expires=60;x=secret\r\n"
			"Contact: <sip:c@10.0.0.50>\r\n",
			"message/sipfrag;version=2.0",
			"SIP/2.0 180 phone-rings\r\nContact: <sip:phone-c@10.0.0.50>\r\n"),
		200);
	assert_int_equal(b->n_notifies, 1);
	expect_has(b->last_notify, "\r\nSubscription-State: active;expires=60\r\n");
	expect_has(b->last_notify, "\r\nContent-Type: message/sipfrag;version=2.0\r\n");
	expect_has(b->last_notify, "\r\n\r\nSIP/2.0 180 Ringing\r\n");
	expect_has(b->last_notify, "\r\nEvent: refer;id=");
	expect_not(b->last_notify, "id=77");
	assert_int_equal(
		rig_request_with(r, a, SIP_M_NOTIFY,
			"Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n",
			"message/sipfrag", "SIP/2.0 200 OK\r\n"),
		200);
	expect_has(b->last_notify, "\r\nSubscription-State: terminated;reason=noresource\r\n");
	expect_has(b->last_notify, "\r\nEvent: refer\r\n");
	/* the subscription is over */
	assert_int_equal(rig_request_with(r, a, SIP_M_NOTIFY,
				 "Event: refer\r\nSubscription-State: active\r\n", NULL, NULL),
		481);
	assert_int_equal(b->n_notifies, 2);
	assert_int_equal(r->stats.refer_in, 1);
	rig_bye(r, b);
	finish(r);
}

static void test_answers(void **state)
{
	static const struct {
		const char *lines;
		unsigned int on_refer, want;
		unsigned int n; /* that the other side saw */
	} rows[] = {
		{"Refer-To: <sip:1@x.example>\r\n", 200, 202, 1},
		{"Refer-To: <tel:+4930>\r\n", 202, 202, 1},
		{"Refer-To: <sip:1@x.example>\r\n", 603, 603, 1},
		{"Refer-To: <sip:1@x.example>\r\n", 405, 502, 1},
		{"Refer-To: <sip:x.example>\r\n", 202, 400, 0}, /* nobody */
		{"Refer-To: <mailto:a@x.example>\r\n", 202, 400, 0},
		{"Refer-To: <sip:1@x.example;method=BYE>\r\n", 202, 400, 0},
		{"X: y\r\n", 202, 400, 0},
		{"Refer-To: <sip:1@x.example?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\r\n", 202, 481,
			0},
		{"Refer-To: <sip:1@x.example?Replaces=a%3Bto-tag%3Db>\r\n", 202, 400, 0},
		{"Refer-To: <sip:1@x.example?Replaces=a%3>\r\n", 202, 400, 0},
		{"Refer-To: <sip:1@x.example?Replaces=a%0d%0aX:>\r\n", 202, 400, 0},
		{"Refer-To: <sip:1@x.example>\r\nRequire: norefersub\r\n", 202, 202, 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_refer(10 + i);
		struct rig_ua *a = rig_invite(r, "100", false), *b;
		unsigned int got;

		rig_settle(r);
		b = rig_callee(r);
		r->side[RIG_CALLEE].on_refer = rows[i].on_refer;
		got = rig_request_with(r, a, SIP_M_REFER, rows[i].lines, NULL, NULL);
		if (got != rows[i].want || b->n_refers != rows[i].n)
			fail_msg("row %zu: %u, %u seen", i, got, b->n_refers);
		assert_int_equal(b2b_n_calls(r->b), 1);
		rig_bye(r, a);
		finish(r);
	}
}

/* Refer-Sub: false on both sides (RFC 4488): no NOTIFY is expected. */
static void test_no_subscription(void **state)
{
	struct rig *r = rig_refer(30);
	struct rig_ua *a = rig_invite(r, "100", false), *b;

	rig_settle(r);
	b = rig_callee(r);
	r->side[RIG_CALLEE].refer_lines = "Refer-Sub: false\r\n";
	assert_int_equal(rig_request_with(r, a, SIP_M_REFER,
				 "Refer-To: <sip:1@x.example>\r\nRefer-Sub: false\r\n", NULL, NULL),
		202);
	expect_has(b->last_refer, "\r\nRefer-Sub: false\r\n");
	assert_int_equal(rig_request_with(r, b, SIP_M_NOTIFY,
				 "Event: refer\r\nSubscription-State: active\r\n", NULL, NULL),
		481);
	/* a state that is none, of a REFER that wants to know */
	r->side[RIG_CALLEE].refer_lines = NULL;
	assert_int_equal(
		rig_request_with(r, a, SIP_M_REFER, "Refer-To: <sip:1@x.example>\r\n", NULL, NULL),
		202);
	assert_int_equal(rig_request_with(r, b, SIP_M_NOTIFY,
				 "Event: refer\r\nSubscription-State: odd\r\n", NULL, NULL),
		400);
	assert_int_equal(a->n_notifies, 0);
	rig_bye(r, a);
	finish(r);
}

/* Both sides have to allow it; and the call may end while it is under way. */
static void test_policy(void **state)
{
	for (unsigned int i = 0; i < 3; i++) {
		struct rig *r = rig_refer(40 + i);
		struct rig_ua *a;

		if (i < 2)
			r->cfg->realms[i].refer = CFG_REFER_REFUSE;
		r->side[RIG_CALLEE].on_refer = 0;
		a = rig_invite(r, "100", false);
		rig_settle(r);
		assert_int_equal(rig_request_with(r, a, SIP_M_REFER,
					 "Refer-To: <sip:1@x.example>\r\n", NULL, NULL),
			i < 2 ? 403 : 0);
		assert_int_equal(r->stats.refer_refused, i < 2);
		if (i == 2)
			assert_int_equal(rig_request_with(r, a, SIP_M_REFER,
						 "Refer-To: <sip:2@x.example>\r\n", NULL, NULL),
				491);
		rig_bye(r, i ? rig_callee(r) : a);
		finish(r);
	}
}

/*
 * The phone talks to two, and brings them together: its REFER names one of its own dialogs, the first
 * far end hears a name that means nothing outside, and its INVITE reaches the second with the name of
 * the dialog that the second has.
 */
static void test_attended(void **state)
{
	struct rig *r = rig_refer(50);
	struct rig_ua *a1 = rig_invite(r, "100", false), *a2, *b1, *b2, *c;
	char lines[1024], name[64], invite[256];
	const char *at;

	rig_settle(r);
	b1 = rig_callee(r);
	a2 = rig_invite(r, "200", false);
	rig_settle(r);
	b2 = rig_callee(r);
	assert_ptr_not_equal(b1, b2);
	snprintf(lines, sizeof(lines),
		"Refer-To: "
		"<sip:200@10.0.0.1?Replaces=%.*s%%3Bto-tag%%3D%.*s%%3bfrom-tag%%3d%.*s>\r\n",
		VIEW_ARG(a2->dialog->call_id), VIEW_ARG(a2->dialog->remote_tag),
		VIEW_ARG(a2->dialog->local_tag));
	assert_int_equal(rig_request_with(r, a1, SIP_M_REFER, lines, NULL, NULL), 202);
	expect_has(b1->last_refer, "Refer-To: <sip:200@10.0.1.1?Replaces=");
	at = strstr(b1->last_refer, "?Replaces=") + strlen("?Replaces=");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "%"), at);
	expect_not(b1->last_refer, "phone-");

	/* b1 is a far end like any other: rig_invite() calls from the caller's side, by its policy */
	snprintf(invite, sizeof(invite),
		"Replaces: %s;to-tag=%s;from-tag=%s\r\nRequire: replaces\r\n", name, name, name);
	r->side[RIG_CALLER].lines = invite;
	c = rig_invite(r, "200", false);
	rig_settle(r);
	assert_int_equal(c->last, 200);
	assert_int_equal(r->stats.replaced, 1);
	snprintf(lines, sizeof(lines), "%.*s;to-tag=%.*s;from-tag=%.*s",
		VIEW_ARG(b2->dialog->call_id), VIEW_ARG(b2->dialog->local_tag),
		VIEW_ARG(b2->dialog->remote_tag));
	assert_string_equal(rig_callee(r)->last_replaces, lines);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t0");
	assert_string_equal(rig_last_call(r)->rec.called[1], "200");
	/* who is replaced hangs up */
	rig_bye(r, b2);
	rig_settle(r);
	assert_true(a2->hung_up);
	rig_bye(r, a1);
	rig_bye(r, c);
	finish(r);
}

static void expand(const char *form, const char *id, const char *ours, const char *theirs,
	char *buf, size_t size)
{
	struct sip_buf b;

	sip_buf_init(&b, buf, size - 1);
	for (const char *p = form; *p; p++) {
		if (*p != '{') {
			sip_put_char(&b, *p);
			continue;
		}
		p++;
		sip_put(&b, view_of(*p == 'I' ? id : *p == 'O' ? ours : theirs));
	}
	buf[b.n] = '\0';
}

static void test_replaces_refused(void **state)
{
	static const struct {
		const char *form; /* {I: Call-ID, {O: our tag, {T: theirs */
		bool allowed, known;
		unsigned int want;
	} rows[] = {
		{"Replaces: {I;to-tag={O;from-tag={T\r\n", true, true, 200},
		{"Replaces: {I;from-tag={T;to-tag={O\r\nRequire: replaces\r\n", true, true, 200},
		{"Replaces: x;to-tag={O;from-tag={T\r\n", true, true, 481},
		{"Replaces: {I;to-tag={O;from-tag=x\r\n", true, true, 481},
		{"Replaces: {I;to-tag=x;from-tag={T\r\n", true, true, 481},
		{"Replaces: {I;to-tag={O\r\n", true, true, 400},
		{"Replaces: {I;to-tag={O;from-tag={T;early-only\r\n", true, true, 486},
		{"Replaces: a;to-tag=b;from-tag=c\r\nReplaces: a;to-tag=b;from-tag=c\r\n", true,
			true, 400},
		{"Replaces: {I;to-tag={O;from-tag={T\r\n", false, true, 403},
		{"Replaces: {I;to-tag={O;from-tag={T\r\nRequire: replaces\r\n", false, true, 420},
		{"Replaces: {I;to-tag={O;from-tag={T\r\n", true, false, 501},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_refer(60 + i);
		char id[64], ours[64], theirs[64], lines[512];
		struct rig_ua *a, *c;

		r->cfg->realms[0].replaces = rows[i].allowed;
		r->side[RIG_CALLEE].replaces = rows[i].known;
		a = rig_invite(r, "100", false);
		rig_settle(r);
		snprintf(id, sizeof(id), "%.*s", VIEW_ARG(a->dialog->call_id));
		snprintf(ours, sizeof(ours), "%.*s", VIEW_ARG(a->dialog->remote_tag));
		snprintf(theirs, sizeof(theirs), "%.*s", VIEW_ARG(a->dialog->local_tag));
		expand(rows[i].form, id, ours, theirs, lines, sizeof(lines));
		r->side[RIG_CALLER].lines = lines;
		c = rig_invite(r, "100", false);
		rig_settle(r);
		if (c->last != rows[i].want)
			fail_msg("row %zu: %u, %s", i, c->last, rig_last_call(r)->rec.reason);
		rig_bye(r, a);
		rig_bye(r, c);
		finish(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blind),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_subscription),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_attended),
		cmocka_unit_test(test_replaces_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
