/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The B2BUA flow by flow: what each side and limen-control see. */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_end(struct rig *r, unsigned int status, unsigned int by, const char *reason)
{
	const struct rig_call *call = rig_last_call(r);

	assert_true(call->ended);
	assert_int_equal(call->rec.sip_status, status);
	assert_int_equal(call->rec.released_by, by);
	assert_string_equal(call->rec.reason, reason);
}

static void test_call(void **state)
{
	struct rig *r = rig_new(1);
	struct rig_ua *a = rig_invite(r, "100", false), *b;
	const struct rig_call *call;

	rig_settle(r);
	b = rig_callee(r);
	call = rig_last_call(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(a->n_ringing, 1);
	assert_true(b->acked);
	expect_has(a->last_sdp, "c=IN IP4 10.0.0.1");
	expect_has(b->last_sdp, "c=IN IP4 10.0.1.1");
	assert_int_equal(call->rec.state, CTL_CALL_ACTIVE);
	assert_string_equal(call->rec.called[1], "100");
	assert_string_equal(call->rec.calling[0], "phone");
	assert_string_equal(call->rec.realm[0], "access");
	assert_string_equal(call->rec.trunk[1], "t0");
	assert_string_equal(call->rec.codec[0], "PCMA");
	assert_string_equal(call->rec.codec[1], "PCMA");
	assert_int_equal(call->rec.dial_peer_out, 10);
	assert_int_equal(call->media, 1);
	assert_true(call->checkpoint_len > 0);
	assert_int_equal(b2b_n_calls(r->b), 1);
	assert_int_equal(b2b_n_dialogs(r->b), 2);
	rig_pass(r, 5000);
	rig_bye(r, a);
	rig_settle(r);
	assert_true(b->hung_up);
	expect_end(r, 200, CTL_BY_CALLER, "the caller hung up");
	assert_int_equal(call->rec.q850, 16);
	assert_true(call->rec.end_ms >= call->rec.answer_ms + 5000);
	finish(r);
}

static void test_called_hangs_up(void **state)
{
	struct rig *r = rig_new(2);
	struct rig_ua *a = rig_invite(r, "100", false);

	rig_settle(r);
	rig_bye(r, rig_callee(r));
	rig_settle(r);
	assert_true(a->hung_up);
	expect_end(r, 200, CTL_BY_CALLED, "the called party hung up");
	finish(r);
}

static void test_bye_glare(void **state)
{
	struct rig *r = rig_new(3);
	struct rig_ua *a = rig_invite(r, "100", false);

	rig_settle(r);
	rig_bye(r, a);
	rig_bye(r, rig_callee(r));
	rig_settle(r);
	assert_int_equal(r->stats.rx_stray, 0); /* both found their call */
	finish(r);
}

/* The answers that a refusal becomes, and whether the hunt goes on. */
static void test_refusals(void **state)
{
	static const struct {
		unsigned int from, want, q850;
	} rows[] = {
		{486, 486, 17},
		{404, 404, 1},
		{480, 480, 18},
		{603, 603, 21},
		{488, 488, 65},
		{401, 502, 63},
		{407, 502, 63},
		{420, 502, 127},
		{422, 502, 127},
		{302, 480, 23},
		{500, 500, 41},
		{503, 503, 41},
		{481, 502, 41},
		{499, 500, 127},
		{699, 603, 21},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(4);
		struct rig_ua *a;

		r->side[RIG_CALLEE].answer = rows[i].from;
		a = rig_invite(r, "100", false);
		rig_settle(r);
		if (a->last != rows[i].want || rig_last_call(r)->rec.q850 != rows[i].q850)
			fail_msg("%u gives %u (%u), want %u (%u)", rows[i].from, a->last,
				rig_last_call(r)->rec.q850, rows[i].want, rows[i].q850);
		assert_int_equal(r->stats.calls_failed, 1);
		finish(r);
	}
}

static void test_hunt(void **state)
{
	struct rig *r = rig_new(5);
	struct rig_ua *a;

	r->side[RIG_CALLEE].busy_trunk = 60;
	a = rig_invite(r, "200", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	assert_int_equal(rig_last_call(r)->rec.dial_peer_out, 21);
	rig_bye(r, a);
	rig_settle(r);
	expect_end(r, 200, CTL_BY_CALLER, "the caller hung up");
	finish(r);
}

/* A trunk that says nothing at all costs timer B, then the next one is tried. */
static void test_hunt_silent(void **state)
{
	struct rig *r = rig_new(6);
	struct rig_ua *a = rig_invite(r, "200", false);
	uint64_t start = twheel_now(r->wheel);

	while (twheel_now(r->wheel) < start + 33000) {
		twheel_advance(r->wheel, twheel_now(r->wheel) + 50);
		for (unsigned int i = 0; i < r->n_queue;) {
			if (r->queue[i].dst.ip[2] == 1 && r->queue[i].dst.ip[3] == 60)
				rig_drop(r, i);
			else
				rig_deliver(r, (int)i);
		}
		while (rig_reply(r))
			;
	}
	assert_int_equal(a->last, 200);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	rig_bye(r, a);
	finish(r);
}

static void test_cancel(void **state)
{
	for (unsigned int how = 0; how < 4; how++) {
		struct rig *r = rig_new(7);
		struct rig_ua *a;

		r->side[RIG_CALLEE].answer = 0;
		r->side[RIG_CALLEE].ring = how == 0 ? 0 : 180;
		/* the callee answers 200 instead of giving up: ACK and BYE must follow */
		r->side[RIG_CALLEE].on_cancel_answer = how == 2;
		a = rig_invite(r, "100", how == 3);
		rig_settle(r);
		rig_cancel(r, a);
		rig_settle(r);
		rig_pass(r, 1000);
		assert_int_equal(a->last, 487);
		expect_end(r, 487, CTL_BY_CALLER, "the caller cancelled the call");
		if (how == 2) {
			assert_true(rig_callee(r)->acked);
			assert_true(rig_callee(r)->hung_up);
		}
		finish(r);
	}
}

/* Cancelled while limen-control has not answered yet: no INVITE ever goes out. */
static void test_cancel_early(void **state)
{
	struct rig *r = rig_new(8);
	struct rig_ua *a = rig_invite(r, "100", false);

	while (rig_deliver(r, -1))
		; /* no replies */
	rig_cancel(r, a);
	while (rig_deliver(r, -1))
		;
	rig_settle(r);
	assert_int_equal(a->last, 487);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 0);
	finish(r);
}

static void test_late_offer(void **state)
{
	struct rig *r = rig_new(9);
	struct rig_ua *a = rig_invite(r, "100", true), *b;

	rig_settle(r);
	b = rig_callee(r);
	assert_int_equal(a->last, 200);
	assert_true(b->acked);
	expect_has(a->last_sdp, "c=IN IP4 10.0.0.1");
	expect_has(b->last_sdp, "c=IN IP4 10.0.1.1"); /* came in the ACK */
	assert_int_equal(rig_last_call(r)->media, 1);
	rig_bye(r, a);
	finish(r);
}

static void test_early_media(void **state)
{
	struct rig *r = rig_new(10);
	struct rig_ua *a;

	r->side[RIG_CALLEE].ring = 183;
	r->side[RIG_CALLEE].answer = 0;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->n_ringing, 1);
	expect_has(a->last_sdp, "c=IN IP4 10.0.0.1");
	assert_int_equal(rig_last_call(r)->rec.state, CTL_CALL_SETUP);
	rig_pass(r, 300);
	assert_int_equal(rig_last_call(r)->rec.state, CTL_CALL_ALERTING);
	/* a 200 without a description after that: the early answer holds */
	a->last_sdp[0] = '\0';
	r->side[RIG_CALLEE].no_sdp = true;
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	expect_has(a->last_sdp, "c=IN IP4 10.0.0.1");
	rig_bye(r, a);
	finish(r);
}

static void test_answer_without_sdp(void **state)
{
	struct rig *r = rig_new(11);
	struct rig_ua *a;

	r->side[RIG_CALLEE].no_sdp = true;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 502);
	assert_true(rig_callee(r)->acked);
	assert_true(rig_callee(r)->hung_up);
	expect_end(r, 502, CTL_BY_BOX, "the 200 of trunk t0 has no session description");
	finish(r);
}

static void test_reinvite(void **state)
{
	for (unsigned int how = 0; how < 4; how++) {
		struct rig *r = rig_new(12);
		struct rig_ua *a = rig_invite(r, "100", false), *b, *from, *to;

		rig_settle(r);
		b = rig_callee(r);
		from = how & 1 ? b : a;
		to = how & 1 ? a : b;
		rig_reinvite(r, from, "sendonly", how & 2);
		rig_settle(r);
		assert_int_equal(from->last, 200);
		if (how & 2) {
			expect_has(to->last_sdp, "m=audio 2"); /* in the ACK */
		} else {
			expect_has(to->last_sdp, "a=sendonly");
			expect_has(to->last_sdp, how & 1 ? "10.0.0.1" : "10.0.1.1");
		}
		rig_bye(r, to);
		rig_settle(r);
		assert_true(from->hung_up);
		finish(r);
	}
}

static void test_reinvite_refused(void **state)
{
	struct rig *r = rig_new(13);
	struct rig_ua *a = rig_invite(r, "100", false);

	rig_settle(r);
	r->side[RIG_CALLEE].answer = 488;
	rig_reinvite(r, a, "inactive", false);
	rig_settle(r);
	assert_int_equal(a->last, 488);
	assert_int_equal(b2b_n_calls(r->b), 1);
	r->side[RIG_CALLEE].answer = 200;
	rig_reinvite(r, a, "sendrecv", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	rig_settle(r);
	expect_end(r, 200, CTL_BY_CALLER, "the caller hung up");
	finish(r);
}

static void test_reinvite_cancelled(void **state)
{
	struct rig *r = rig_new(14);
	struct rig_ua *a = rig_invite(r, "100", false);

	rig_settle(r);
	r->side[RIG_CALLEE].answer = 0;
	rig_reinvite(r, a, "sendonly", false);
	rig_settle(r);
	rig_answer(r, rig_callee(r), 180); /* the CANCEL waits for a provisional */
	rig_settle(r);
	rig_cancel(r, a);
	rig_settle(r);
	assert_int_equal(a->last, 487);
	assert_int_equal(b2b_n_calls(r->b), 1);
	rig_bye(r, a);
	finish(r);
}

/* Nobody answers it: given up after the no-answer time, the session stays. */
static void test_reinvite_ringing(void **state)
{
	struct rig *r = rig_new(31);
	struct rig_ua *a = rig_invite(r, "100", false);

	rig_settle(r);
	r->side[RIG_CALLEE].answer = 0;
	rig_reinvite(r, a, "sendonly", false);
	rig_settle(r);
	rig_answer(r, rig_callee(r), 180);
	rig_pass(r, 170000);
	assert_int_equal(a->last, 0);
	rig_pass(r, 11000);
	assert_int_equal(a->last, 487);
	assert_int_equal(b2b_n_calls(r->b), 1);
	rig_bye(r, a);
	finish(r);
}

/* Both sides at once: somebody gets 491, the session stays (RFC 3261 14.1). */
static void test_reinvite_glare(void **state)
{
	struct rig *r = rig_new(15);
	struct rig_ua *a = rig_invite(r, "100", false), *b;

	rig_settle(r);
	b = rig_callee(r);
	rig_reinvite(r, a, "sendonly", false);
	rig_reinvite(r, b, "sendonly", false);
	rig_settle(r);
	assert_int_equal(a->last, 491);
	assert_int_equal(b->last, 491);
	assert_int_equal(b2b_n_calls(r->b), 1);
	rig_reinvite(r, b, "sendonly", false);
	rig_settle(r);
	assert_int_equal(b->last, 200);
	rig_bye(r, b);
	finish(r);
}

static void test_no_ack(void **state)
{
	struct rig *r = rig_new(16);

	rig_invite(r, "100", false);
	/* The caller's ACK never arrives; the box must give up after 64*T1 and hang up. */
	for (unsigned int t = 0; t < 40000; t += 100) {
		for (unsigned int i = 0; i < r->n_queue;) {
			if (r->queue[i].to == RIG_BOX && r->queue[i].from == RIG_CALLER &&
				memcmp(r->queue[i].bytes, "ACK", 3) == 0)
				rig_drop(r, i);
			else
				rig_deliver(r, (int)i);
		}
		while (rig_reply(r))
			;
		twheel_advance(r->wheel, twheel_now(r->wheel) + 100);
	}
	expect_end(r, 200, CTL_BY_BOX,
		"no ACK came from the caller for the 200 within 32000 ms (64*T1)");
	assert_true(rig_callee(r)->hung_up);
	finish(r);
}

/* The called side hangs up before the caller's ACK came: the BYE waits for it (RFC 3261 15). */
static void test_bye_before_ack(void **state)
{
	struct rig *r = rig_new(17);
	struct rig_ua *a = rig_invite(r, "100", false);
	unsigned int ack = 0;

	/* hold back the caller's ACK */
	while (rig_reply(r) || r->n_queue > ack) {
		if (r->n_queue <= ack)
			continue;
		if (memcmp(r->queue[ack].bytes, "ACK", 3) == 0 && r->queue[ack].from == RIG_CALLER)
			ack = 1;
		else
			rig_deliver(r, (int)ack);
	}
	assert_int_equal(ack, 1);
	rig_bye(r, rig_callee(r));
	while (r->n_queue > 1)
		rig_deliver(r, 1);
	assert_true(rig_last_call(r)->ended);
	assert_false(a->hung_up);
	rig_settle(r); /* now the ACK */
	assert_true(a->hung_up);
	finish(r);
}

static void test_no_answer(void **state)
{
	struct rig *r = rig_new(18);
	struct rig_ua *a;

	r->side[RIG_CALLEE].answer = 0;
	a = rig_invite(r, "100", false);
	rig_pass(r, 179000);
	assert_int_equal(a->last, 0);
	rig_pass(r, 2000);
	assert_int_equal(a->last, 480);
	expect_end(r, 480, CTL_BY_BOX,
		"trunk t0 rang, and nobody answered within 180 s (timers no-answer)");
	finish(r);
}

static void test_clear(void **state)
{
	struct rig *r = rig_new(19);
	struct rig_ua *a = rig_invite(r, "100", false);
	struct ctl_call_clear clear = {.q850 = 16, .released_by = CTL_BY_OPERATOR};

	rig_settle(r);
	snprintf(clear.reason, sizeof(clear.reason), "cleared by an operator");
	clear.call_id = 1;
	b2b_call_clear(r->b, &clear); /* another call */
	assert_int_equal(b2b_n_calls(r->b), 1);
	clear.call_id = rig_last_call(r)->id;
	b2b_call_clear(r->b, &clear);
	rig_settle(r);
	assert_true(a->hung_up);
	assert_true(rig_callee(r)->hung_up);
	expect_end(r, 200, CTL_BY_OPERATOR, "cleared by an operator");
	finish(r);
}

static void test_limits_and_routes(void **state)
{
	static const struct {
		const char *number;
		unsigned int want;
		const char *reason;
	} rows[] = {
		{"999", 404, "no dial-peer matches 999"},
		{"bob", 404, "the called party is not a number"},
		{"300", 503, "dial-peer 30: trunk t0 is busied out"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(20);
		struct rig_ua *a;

		if (i == 2) {
			r->cfg->dial_peers[0].tag = 30;
			memcpy(r->cfg->dial_peers[0].destination_pattern, "300", 4);
			char error[CFG_ERROR_MAX];

			assert_int_equal(b2b_config_prepare(r->b, r->cfg, error), 0);
			b2b_config_apply(r->b, r->cfg);
			atomic_store(&rig_spot(r, "t0")->down, true);
		}
		a = rig_invite(r, rows[i].number, false);
		rig_settle(r);
		assert_int_equal(a->last, rows[i].want);
		expect_end(r, rows[i].want, CTL_BY_BOX, rows[i].reason);
		assert_int_equal(r->stats.calls_attempted, 1);
		assert_int_equal(r->stats.calls_failed, 1);
		finish(r);
	}
	struct rig *r = rig_new(21);
	struct rig_ua *a, *second;

	r->cfg->max_calls = 1;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	second = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(second->last, 503);
	expect_end(r, 503, CTL_BY_BOX, "the limit of 1 calls is reached (max-calls)");
	rig_bye(r, a);
	finish(r);
}

static unsigned int counted(struct rig *r, const char *key)
{
	uint32_t n = atomic_load(&r->shared.budgets.n), index = budget_of(&r->shared.budgets, key);

	if (index >= n)
		fail_msg("nothing is counted of %s", key);
	return atomic_load(&budget_at(&r->shared.budgets, index)->n_calls);
}

/* A full trunk is passed over; emergency calls pass; counts outlive a restart and a commit. */
static void test_max_conn(void **state)
{
	struct rig *r = rig_new(34);
	struct rig_ua *a, *b, *c;

	r->cfg->trunks[0].max_conn = 1;
	r->cfg->trunks[1].max_conn = 1;
	r->cfg->trunks[2].max_conn = 1;
	apply(r);
	a = rig_invite(r, "200", false);
	rig_settle(r);
	b = rig_invite(r, "200", false);
	rig_settle(r);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	assert_int_equal(rig_last_call(r)->rec.dial_peer_out, 21);
	assert_int_equal(counted(r, "trunk t0"), 1);
	assert_int_equal(counted(r, "realm access"), 2);
	assert_int_equal(counted(r, "realm peering"), 2);
	rig_restart_sip(r);
	assert_int_equal(counted(r, "trunk t1"), 1);
	assert_int_equal(counted(r, "realm access"), 2);
	apply(r);
	c = rig_invite(r, "200", false);
	rig_settle(r);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t2");
	/* the trunk refuses: nothing stays counted of it, and nobody else has room */
	r->side[RIG_CALLEE].answer = 503;
	rig_bye(r, a);
	rig_settle(r);
	assert_int_equal(rig_invite(r, "200", false)->last, 0);
	rig_settle(r);
	expect_end(r, 503, CTL_BY_BOX, "trunk t2 has the 1 calls that it may have (max-conn)");
	assert_int_equal(counted(r, "trunk t0"), 0);
	assert_true(r->stats.admission_refused > 0);
	/* an emergency call passes each limit */
	r->side[RIG_CALLEE].answer = 200;
	r->cfg->max_calls = 1;
	r->cfg->realms[0].max_conn = 1;
	r->cfg->trunks[0].call_spike = 1;
	memcpy(r->cfg->dial_peers[0].destination_pattern, "112", 4);
	memcpy(r->cfg->emergency_numbers[0], "112", 4);
	r->cfg->n_emergency_numbers = 1;
	apply(r);
	for (unsigned int i = 0; i < 3; i++) {
		a = rig_invite(r, "112", false);
		rig_settle(r);
		assert_int_equal(a->last, 200);
		rig_bye(r, a);
		a = rig_invite(r, "200", false);
		rig_settle(r);
		assert_int_equal(a->last, 503);
	}
	assert_int_equal(r->stats.emergency_calls, 3);
	rig_bye(r, b);
	rig_bye(r, c);
	finish(r);
}

/* So many in a second, then again as many as time goes by. */
static void test_spike(void **state)
{
	struct rig *r = rig_new(35);
	unsigned int taken = 0;

	r->cfg->realms[0].call_spike = 5;
	apply(r);
	for (unsigned int i = 0; i < 40; i++) {
		struct rig_ua *a = rig_invite(r, "100", false);

		rig_settle(r);
		taken += a->last == 200;
		if (a->last == 200)
			rig_bye(r, a);
		rig_settle(r);
		rig_pass(r, 100);
	}
	/* four seconds, and the five that the first one begins with */
	assert_in_range(taken, 20, 26);
	finish(r);
}

static void test_control_away(void **state)
{
	struct rig *r = rig_new(22);
	struct rig_ua *a = rig_invite(r, "100", false), *second;

	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_control_down(r);
	second = rig_invite(r, "100", false);
	rig_pass(r, 1000);
	assert_int_equal(second->last, 0);
	rig_pass(r, 1500);
	assert_int_equal(second->last, 503);
	/* established calls go on, and their ends are kept */
	rig_reinvite(r, a, "sendonly", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	rig_settle(r);
	assert_int_equal(b2b_n_unacked_ends(r->b), 2);
	rig_control_up(r, true);
	rig_settle(r);
	assert_int_equal(b2b_n_unacked_ends(r->b), 0);
	finish(r);
	/* back within the wait: the call goes on */
	r = rig_new(23);
	rig_control_down(r);
	a = rig_invite(r, "100", false);
	rig_pass(r, 1000);
	rig_control_up(r, false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	finish(r);
}

static void test_no_ports(void **state)
{
	struct rig *r = rig_new(24);
	struct rig_ua *a;

	r->media_status = -ENOSPC;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 503);
	expect_end(r, 503, CTL_BY_BOX,
		"realm access or realm peering has no free media port (media port-range)");
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 0);
	finish(r);
}

/* kill -9 of limen-sip in a call: a BYE afterwards still finds it, from either side. */
static void test_restart(void **state)
{
	for (unsigned int how = 0; how < 4; how++) {
		struct rig *r = rig_new(25);
		struct rig_ua *a = rig_invite(r, "100", how & 2), *b;

		rig_settle(r);
		b = rig_callee(r);
		rig_restart_sip(r);
		assert_int_equal(b2b_n_calls(r->b), 1);
		assert_int_equal(b2b_n_dialogs(r->b), 2);
		rig_reinvite(r, how & 1 ? b : a, "sendonly", false);
		rig_settle(r);
		assert_int_equal((how & 1 ? b : a)->last, 200);
		rig_bye(r, how & 1 ? b : a);
		rig_settle(r);
		assert_true(a->hung_up);
		assert_true(b->hung_up);
		assert_true(rig_last_call(r)->ended);
		finish(r);
	}
}

static void test_restart_damaged(void **state)
{
	struct rig *r = rig_new(26);

	rig_invite(r, "100", false);
	rig_settle(r);
	rig_last_call(r)->checkpoint[5] ^= 1;
	rig_restart_sip(r);
	rig_settle(r);
	assert_int_equal(b2b_n_calls(r->b), 0);
	assert_true(rig_last_call(r)->ended);
	expect_has(rig_last_call(r)->rec.reason, "could not restore");
	finish(r);
}

static void test_methods(void **state)
{
	static const struct {
		enum sip_method method;
		unsigned int want;
	} rows[] = {
		{SIP_M_OPTIONS, 200},
		{SIP_M_INFO, 200},
		{SIP_M_UPDATE, 200},
		{SIP_M_PRACK, 400},
		{SIP_M_REFER, 403},
		{SIP_M_MESSAGE, 405},
	};
	struct rig *r = rig_new(27);
	struct rig_ua *a = rig_invite(r, "100", false);

	rig_settle(r);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(rig_request(r, a, rows[i].method), rows[i].want);
	assert_int_equal(b2b_n_calls(r->b), 1);
	rig_bye(r, a);
	finish(r);
}

/* Requests outside of calls, by text: first line and extra headers, and the answer's status. */
static void test_outside(void **state)
{
	static const struct {
		const char *line, *cseq, *more;
		unsigned int mf, want;
	} rows[] = {
		{"OPTIONS sip:10.0.0.1", "OPTIONS", "", 70, 200},
		{"OPTIONS sip:10.0.0.1", "OPTIONS", "Require: foo\r\n", 70, 420},
		{"OPTIONS sip:10.0.0.1", "OPTIONS", "", 0, 483},
		{"REGISTER sip:10.0.0.1", "REGISTER", "", 70, 405},
		{"SUBSCRIBE sip:10.0.0.1", "SUBSCRIBE", "", 70, 405},
		{"MESSAGE sip:10.0.0.1", "MESSAGE", "", 70, 405},
		{"FLUB sip:10.0.0.1", "FLUB", "", 70, 501},
		{"BYE sip:10.0.0.1", "BYE", "", 70, 481},
		{"INVITE sip:100@10.0.0.1", "INVITE", "", 70, 400}, /* no Contact */
		{"INVITE sip:100@10.0.0.1", "INVITE", "Contact: <sip:a@10.0.0.50>\r\n", 0, 483},
		{"INVITE sip:100@10.0.0.1", "INVITE",
			"Contact: <sip:a@10.0.0.50>\r\nRequire: foo\r\n", 70, 420},
		{"INVITE mailto:x@y", "INVITE", "Contact: <sip:a@10.0.0.50>\r\n", 70, 416},
		{"INVITE sip:100@10.0.0.1", "INVITE",
			"Contact: <sip:a@10.0.0.50>\r\nContent-Type: text/plain\r\n"
			"Content-Length: 2\r\n\r\nhi",
			70, 415},
		{"INVITE sip:100@10.0.0.1", "INVITE",
			"Contact: <sip:a@10.0.0.50>\r\nContent-Type: application/sdp\r\n"
			"Content-Length: 2\r\n\r\nhi",
			70, 400},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(28);
		char text[2048], want[32];
		bool found = false;

		snprintf(text, sizeof(text),
			"%s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.50;branch=z9hG4bKq%zu\r\n"
			"From: <sip:a@10.0.0.50>;tag=1\r\nTo: <sip:b@10.0.0.1>\r\nCall-ID: x%zu\r\n"
			"CSeq: 1 %s\r\nMax-Forwards: %u\r\n%s%s",
			rows[i].line, i, i, rows[i].cseq, rows[i].mf, rows[i].more,
			strstr(rows[i].more, "\r\n\r\n") ? "" : "\r\n");
		rig_raw(r, RIG_CALLER, text);
		rig_deliver(r, -1);
		snprintf(want, sizeof(want), "SIP/2.0 %u ", rows[i].want);
		while (r->n_queue > 0) {
			found |= memmem(r->queue[0].bytes, r->queue[0].n, want, strlen(want)) !=
				 NULL;
			rig_drop(r, 0);
		}
		if (!found)
			fail_msg("row %zu: no %s", i, want);
		finish(r);
	}
}

static unsigned int take(struct rig *r, const char *start, char *ret_text, size_t size)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < r->n_queue;) {
		struct rig_packet *p = &r->queue[i];

		if (p->from != RIG_BOX || memcmp(p->bytes, start, strlen(start)) != 0) {
			i++;
			continue;
		}
		if (ret_text)
			snprintf(ret_text, size, "%.*s", (int)p->n, p->bytes);
		n++;
		rig_drop(r, i);
	}
	return n;
}

/* The same INVITE by another path (RFC 3261 8.2.2.2) is 482 while the first one is open; several
 * early dialogs behind us are as many for the caller, and a 2xx of one of them is the call. */
static void test_merged(void **state)
{
	struct rig *r = rig_new(32);
	struct rig_ua *a;
	char text[4096];

	r->side[RIG_CALLEE].answer = 0;
	a = rig_invite(r, "100", false);
	assert_int_equal(r->n_queue, 1);
	snprintf(text, sizeof(text), "%.*s", (int)r->queue[0].n, r->queue[0].bytes);
	rig_settle(r);
	memcpy(strstr(text, "branch=z9hG4bK") + 14, "other", 5);
	rig_raw(r, RIG_CALLER, text);
	rig_deliver(r, -1);
	assert_int_equal(take(r, "SIP/2.0 100", NULL, 0), 1);
	assert_int_equal(take(r, "SIP/2.0 482", NULL, 0), 1);
	assert_int_equal(r->n_queue, 0);
	assert_int_equal(r->stats.calls_attempted, 1);
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	finish(r);
}

static void test_forks(void **state)
{
	static const char sdp[] =
		"v=0\r\no=- 1 1 IN IP4 10.0.1.60\r\ns=-\r\nc=IN IP4 10.0.1.60\r\n"
		"t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
	struct rig *r = rig_new(33);
	struct rig_ua *a = rig_invite(r, "100", false);
	char invite[4096];

	while (rig_reply(r) ||
		(r->n_queue > 0 && r->queue[0].to != RIG_CALLEE && rig_deliver(r, -1)))
		;
	assert_int_equal(take(r, "INVITE", invite, sizeof(invite)), 1);
	fork_response(r, invite, 180, "one", "", "");
	fork_response(r, invite, 183, "two", "", sdp);
	fork_response(r, invite, 180, "three", "", "");
	assert_int_equal(a->n_ringing, 3);
	assert_int_equal(b2b_n_dialogs(r->b), 4);
	fork_response(r, invite, 200, "three", "", sdp);
	assert_int_equal(a->last, 200);
	assert_int_equal(b2b_n_dialogs(r->b), 4);
	/* a second fork answers too: ACK and BYE, the call stays (RFC 3261 13.2.2.4) */
	r->side[RIG_CALLEE].n_requests[SIP_M_BYE] = 0;
	fork_response(r, invite, 200, "one", "", sdp);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_BYE], 1);
	assert_int_equal(b2b_n_calls(r->b), 1);
	rig_bye(r, a);
	finish(r);
}

/* A forged BYE: someone else's tag, Call-ID or a made-up token ends nothing. */
static void test_forged_bye(void **state)
{
	struct rig *r = rig_new(29);
	struct rig_ua *a = rig_invite(r, "100", false);
	char text[2048];

	rig_settle(r);
	for (unsigned int how = 0; how < 4; how++) {
		char tag[32];

		snprintf(tag, sizeof(tag), "%.*s", VIEW_ARG(a->dialog->remote_tag));
		if (how == 1)
			tag[5] = tag[5] == 'a' ? 'b' : 'a';
		snprintf(text, sizeof(text),
			"BYE sip:x@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP "
			"10.0.0.50;branch=z9hG4bKf%u\r\n"
			"From: <sip:a@10.0.0.50>;tag=%s\r\nTo: <sip:b@10.0.0.1>;tag=%s\r\n"
			"Call-ID: %s\r\nCSeq: 99 BYE\r\nMax-Forwards: 70\r\n\r\n",
			how, how == 2 ? "other" : a->tag, how == 3 ? "zz" : tag,
			how == 0 ? "other" : a->call_id);
		rig_raw(r, RIG_CALLER, text);
		rig_deliver(r, -1);
		rig_settle(r);
		assert_int_equal(b2b_n_calls(r->b), 1);
	}
	assert_int_equal(r->stats.rx_stray, 4);
	rig_bye(r, a);
	finish(r);
}

/* What is kept of a call: all messages of both legs, in order, under the number of its record. */
static void expect_kept(struct rig *r, const char *const *want, unsigned int n)
{
	struct trace_msg msgs[64];
	unsigned int got = trace_read(r->kept, rig_last_call(r)->id, msgs, 64);

	for (unsigned int i = 0; i < got && i < n; i++) {
		char text[64];
		bool response = memcmp(msgs[i].bytes.p, "SIP", 3) == 0;

		snprintf(text, sizeof(text), "%c%c %.*s", "AB?"[msgs[i].leg],
			msgs[i].sent ? '<' : '>', response ? 3 : (int)strcspn(msgs[i].bytes.p, " "),
			msgs[i].bytes.p + (response ? 8 : 0));
		assert_string_equal(text, want[i]);
	}
	assert_int_equal(got, n);
}

static void test_kept(void **state)
{
	static const char *const answered[] = {"A> INVITE", "A< 100", "B< INVITE", "B> 100",
		"B> 180", "A< 180", "B> 200", "B< ACK", "A< 200", "A> ACK", "A> BYE", "A< 200",
		"B< BYE", "B> 200"};
	static const char *const hunted[] = {"A> INVITE", "A< 100", "B< INVITE", "B> 100", "B> 503",
		"B< ACK", "B< INVITE", "B> 100", "B> 503", "B< ACK", "B< INVITE", "B> 100",
		"B> 503", "B< ACK", "A< 503", "A> ACK"};
	static const char *const after[] = {"A> INVITE", "A< 100", "B< INVITE", "B> 100", "B> 200",
		"B< ACK", "A< 200", "A> ACK", "A> BYE", "A< 200", "B< BYE", "B> 200"};
	struct rig *r = rig_new(31);
	struct rig_ua *a = rig_invite(r, "100", false);
	struct trace_stats stats;

	rig_settle(r);
	rig_bye(r, a);
	rig_settle(r);
	expect_kept(r, answered, sizeof(answered) / sizeof(answered[0]));
	/* a call that outlived a restart: the messages of the new process */
	a = rig_invite(r, "100", false);
	rig_settle(r);
	rig_restart_sip(r);
	rig_reinvite(r, a, "sendonly", false);
	rig_settle(r);
	rig_bye(r, a);
	rig_settle(r);
	expect_kept(r, after, sizeof(after) / sizeof(after[0]));
	/* three trunks refuse; others' messages push it out of the first ring, and it is still there */
	r->side[RIG_CALLEE].answer = 503;
	r->side[RIG_CALLEE].ring = 0;
	rig_invite(r, "200", false);
	rig_settle(r);
	for (unsigned int i = 0; i < 2000; i++) {
		static const char filler[1000];
		char call_id[16];

		snprintf(call_id, sizeof(call_id), "%u", i);
		trace_put(r->kept, &(struct trace_msg){.bytes = {filler, sizeof(filler)}},
			view_of(call_id), true);
	}
	expect_kept(r, hunted, sizeof(hunted) / sizeof(hunted[0]));
	trace_stats(r->kept, &stats);
	assert_true(stats.octets_failed > 0);
	finish(r);
}

static void test_health(void **state)
{
	struct rig *r = rig_new(30);
	char error[CFG_ERROR_MAX];
	struct rig_ua *a;

	r->cfg->trunks[0].options_interval_s = 10;
	assert_int_equal(b2b_config_prepare(r->b, r->cfg, error), 0);
	b2b_config_apply(r->b, r->cfg);
	rig_pass(r, 1000);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_OPTIONS], 1);
	rig_pass(r, 60000);
	assert_true(r->side[RIG_CALLEE].n_requests[SIP_M_OPTIONS] >= 5);
	assert_false(atomic_load(&rig_spot(r, "t0")->down));
	/* two refusals in a row and it is out */
	r->side[RIG_CALLEE].busy_trunk = 60;
	rig_pass(r, 30000);
	assert_true(atomic_load(&rig_spot(r, "t0")->down));
	assert_int_equal(r->trunk_status.up, 0);
	assert_int_equal(r->trunk_status.last_status, 503);
	assert_string_equal(r->trunk_status.trunk, "t0");
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 503);
	r->side[RIG_CALLEE].busy_trunk = 0;
	rig_pass(r, 15000);
	assert_false(atomic_load(&rig_spot(r, "t0")->down));
	assert_int_equal(r->trunk_status.up, 1);
	/* nobody asks any more */
	r->cfg->trunks[0].options_interval_s = 0;
	assert_int_equal(b2b_config_prepare(r->b, r->cfg, error), 0);
	b2b_config_apply(r->b, r->cfg);
	finish(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_called_hangs_up),
		cmocka_unit_test(test_bye_glare),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_hunt),
		cmocka_unit_test(test_hunt_silent),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_cancel_early),
		cmocka_unit_test(test_late_offer),
		cmocka_unit_test(test_early_media),
		cmocka_unit_test(test_answer_without_sdp),
		cmocka_unit_test(test_reinvite),
		cmocka_unit_test(test_reinvite_refused),
		cmocka_unit_test(test_reinvite_cancelled),
		cmocka_unit_test(test_reinvite_ringing),
		cmocka_unit_test(test_reinvite_glare),
		cmocka_unit_test(test_no_ack),
		cmocka_unit_test(test_bye_before_ack),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_limits_and_routes),
		cmocka_unit_test(test_max_conn),
		cmocka_unit_test(test_spike),
		cmocka_unit_test(test_control_away),
		cmocka_unit_test(test_no_ports),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_restart_damaged),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_outside),
		cmocka_unit_test(test_merged),
		cmocka_unit_test(test_forks),
		cmocka_unit_test(test_forged_bye),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_health),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
