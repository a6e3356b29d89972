/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Server groups that ring at a time (hunt-scheme parallel): one gets the call whatever the others do,
 * the best refusal reaches the caller, the next preference follows, and nothing is left of anybody.
 */
#include "b2b_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Trunk t0 is a group of hosts 60 and 61, and if they fail 62. */
static struct rig *start(uint64_t seed)
{
	struct rig *r = rig_new(seed);
	struct cfg_server_group *g = calloc(1, sizeof(*g));
	char error[CFG_ERROR_MAX];

	assert_non_null(g);
	g->tag = 4;
	g->hunt = CFG_HUNT_PARALLEL;
	g->n_members = 3;
	for (unsigned int i = 0; i < 3; i++) {
		g->members[i].target.addr = r->cfg->trunks[i].target.addr;
		g->members[i].preference = i == 2;
		g->members[i].weight = 1;
	}
	r->cfg->server_groups = g;
	r->cfg->n_server_groups = 1;
	r->cfg->n_trunks = 1;
	r->cfg->n_dial_peers = 1;
	r->cfg->timer_next_target_s = 4;
	memset(&r->cfg->trunks[0].target, 0, sizeof(r->cfg->trunks[0].target));
	r->cfg->trunks[0].server_group = 4;
	assert_int_equal(b2b_config_prepare(r->b, r->cfg, error), 0);
	b2b_config_apply(r->b, r->cfg);
	return r;
}

/* The called user agent with an open INVITE at that host; NULL: there is none. */
static struct rig_ua *rings_at(struct rig *r, unsigned int host)
{
	for (unsigned int i = 0; i < RIG_UAS; i++) {
		struct rig_ua *ua = &r->side[RIG_CALLEE].ua[i];

		if (ua->used && ua->in && ua->addr.ip[3] == host)
			return ua;
	}
	return NULL;
}

static struct rig_ua *call_rings(struct rig *r)
{
	struct rig_ua *a;

	r->side[RIG_CALLEE].ring = 180;
	r->side[RIG_CALLEE].answer = 0;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	return a;
}

static void test_first_wins(void **state)
{
	for (unsigned int host = 60; host < 62; host++) {
		struct rig *r = start(host);
		struct rig_ua *a = call_rings(r), *b = rings_at(r, host);
		struct rig_ua *loser = rings_at(r, host == 60 ? 61 : 60);

		assert_non_null(b);
		assert_non_null(loser);
		assert_null(rings_at(r, 62));
		assert_int_equal(rig_spot(r, "t0")->n_active, 1);
		rig_answer(r, b, 200);
		rig_settle(r);
		assert_int_equal(a->last, 200);
		expect_has(loser->last_cancel,
			"\r\nReason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n");
		assert_int_equal(rig_last_call(r)->rec.peer_sig[1].ip[3], host);
		/* the losers' targets are free again, and no media but the call's are open */
		for (unsigned int i = 0; i < r->shared.n_spots; i++) {
			const struct b2b_spot *s = &r->shared.spots[i];

			if (strcmp(s->trunk, "t0") == 0 && s->refs > 0)
				assert_int_equal(s->n_active, s->addr.ip[3] == host);
		}
		assert_int_equal(rig_last_call(r)->media, 1);
		rig_bye(r, b);
		rig_settle(r);
		assert_true(a->hung_up);
		finish(r);
	}
}

/* Two say 200 at a time, after reliable provisionals: who is too late is rid of the call as well. */
static void test_both_answer(void **state)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct rig *r = start(5 + i);
		struct rig_ua *a, *b[2];

		r->side[RIG_CALLER].rel = r->side[RIG_CALLEE].rel = i ? RIG_REL_KNOWN
								      : RIG_REL_NONE;
		r->side[RIG_CALLEE].ring = 183;
		r->side[RIG_CALLEE].early_media = true;
		r->side[RIG_CALLEE].answer = 0;
		a = rig_invite(r, "100", false);
		rig_settle(r);
		for (unsigned int k = 0; k < 2; k++) {
			b[k] = rings_at(r, 60 + k);
			assert_non_null(b[k]);
			assert_int_equal(b[k]->n_pracked > 0, i);
		}
		rig_answer(r, b[0], 200);
		rig_answer(r, b[1], 200);
		rig_settle(r);
		assert_int_equal(a->last, 200);
		assert_false(b[0]->hung_up);
		assert_true(b[1]->acked);
		assert_true(b[1]->hung_up);
		rig_bye(r, a);
		rig_settle(r);
		assert_true(b[0]->hung_up);
		finish(r);
	}
}

/* Who is asked for an offer beside others is not to make it before the answer: only one could be answered. */
static void test_late_offer(void **state)
{
	struct rig *r = start(8);
	struct rig_ua *a, *b;

	r->side[RIG_CALLER].rel = r->side[RIG_CALLEE].rel = RIG_REL_KNOWN;
	r->side[RIG_CALLEE].ring = 183;
	r->side[RIG_CALLEE].early_media = true;
	r->side[RIG_CALLEE].answer = 0;
	a = rig_invite(r, "100", true);
	rig_settle(r);
	expect_not(r->last_invite, "100rel");
	b = rings_at(r, 61);
	assert_non_null(b);
	assert_int_equal(b->n_pracked, 0);
	rig_answer(r, b, 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_true(b->acked);
	rig_bye(r, a);
	finish(r);
}

/* What two say, what the caller hears; next: 62 is asked as well. */
static void test_refusals(void **state)
{
	static const struct {
		unsigned int say[2], caller;
		bool next;
	} rows[] = {
		{{486, 480}, 486, false},
		{{480, 486}, 486, false},
		{{404, 503}, 404, false},
		{{503, 404}, 404, false},
		{{603, 0}, 603, false}, /* the other one is not waited for */
		{{0, 600}, 600, false},
		{{500, 486}, 486, false},
		{{503, 503}, 200, true},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = start(10 + i);
		struct rig_ua *a = call_rings(r);

		r->side[RIG_CALLEE].answer = 200; /* whoever is asked now */
		for (unsigned int k = 0; k < 2; k++) {
			struct rig_ua *b = rings_at(r, 60 + k);

			if (rows[i].say[k] && b)
				rig_answer(r, b, rows[i].say[k]);
			rig_settle(r);
		}
		if (a->last != rows[i].caller)
			fail_msg("row %u: %u, %s", i, a->last, rig_last_call(r)->rec.reason);
		assert_int_equal(
			r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], rows[i].next ? 3 : 2);
		if (rows[i].next)
			rig_bye(r, a);
		finish(r);
	}
}

/* One is silent, the other said 503: the next preference is asked when the time of a target is over. */
static void test_silent(void **state)
{
	struct rig *r = start(30);
	unsigned int failed = 0;
	struct rig_ua *a;

	r->side[RIG_CALLEE].mute_trunk = 60;
	r->side[RIG_CALLEE].busy_trunk = 61;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 0);
	rig_pass(r, 4100);
	assert_int_equal(a->last, 200);
	assert_int_equal(rig_last_call(r)->rec.peer_sig[1].ip[3], 62);
	for (unsigned int i = 0; i < r->shared.n_spots; i++)
		failed += (unsigned int)r->shared.spots[i].n_failed;
	assert_int_equal(failed, 2);
	rig_bye(r, a);
	finish(r);
}

/* Both answer at once, or answer the CANCEL: the second one gets ACK and BYE. */
static void test_races(void **state)
{
	struct rig *r = start(40);
	struct rig_ua *a;

	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(b2b_n_calls(r->b), 1);
	rig_bye(r, a);
	finish(r);

	r = start(41);
	r->side[RIG_CALLEE].on_cancel_answer = true;
	a = call_rings(r);
	rig_cancel(r, a);
	rig_settle(r);
	assert_int_equal(a->last, 487);
	finish(r);

	/* the box ends while they ring */
	r = start(42);
	(void)call_rings(r);
	rig_free(r);
}

/* SRTP is preferred, and nobody takes it: all are asked again, for RTP. */
static void test_fall_back(void **state)
{
	struct rig *r = start(50);
	struct rig_ua *a;

	r->cfg->realms[1].srtp = CFG_SRTP_PREFER;
	r->side[RIG_CALLEE].srtp = RIG_REFUSE;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 4);
	rig_bye(r, a);
	finish(r);
}

/* The caller hears the first one that sends early media, and the other when that one has refused. */
static void test_early_media(void **state)
{
	struct rig *r = start(60);
	struct rig_ua *a, *first, *second;
	unsigned int n;

	r->side[RIG_CALLEE].answer = r->side[RIG_CALLEE].ring = 0;
	r->side[RIG_CALLEE].early_media = true;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	first = rings_at(r, 60);
	second = rings_at(r, 61);
	rig_answer(r, first, 183);
	rig_settle(r);
	assert_int_equal(rig_last_call(r)->conf.leg[1].remote_rtp.ip[3], 60);
	n = rig_last_call(r)->n_sets;
	rig_answer(r, second, 183);
	rig_settle(r);
	assert_int_equal(a->n_ringing, 2);
	assert_int_equal(rig_last_call(r)->n_sets, n);
	rig_answer(r, first, 486);
	rig_answer(r, second, 183);
	rig_settle(r);
	assert_int_equal(rig_last_call(r)->conf.leg[1].remote_rtp.ip[3], 61);
	rig_answer(r, second, 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	finish(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_wins),
		cmocka_unit_test(test_both_answer),
		cmocka_unit_test(test_late_offer),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_races),
		cmocka_unit_test(test_fall_back),
		cmocka_unit_test(test_early_media),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
