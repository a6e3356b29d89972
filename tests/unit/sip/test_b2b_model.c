/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random sequences: calls are made, answered, changed, given up and ended by either side in any
 * order, over a network that loses, doubles and reorders, while limen-control comes and goes and
 * limen-sip is killed. Whatever happened, when everybody has hung up nothing may be left: no call,
 * dialog, transaction, port or unwritten record. A failing seed is printed; give it as argument, or
 * two of them for a range.
 */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controlplane/base/log.h"

#define RUNS  300
#define STEPS 250

static unsigned int n_answered, n_refused, n_restarts, n_reinvites_ok;
static uint64_t n_prack_in, n_prack_out, n_update_in, n_update_out, n_update_local;
static uint64_t n_refer_in, n_replaced, n_redirected, n_transfers, n_transfers_failed;

static struct rig_ua *pick(struct rig *r, unsigned int side)
{
	struct rig_ua *ua = &r->side[side].ua[rig_random(r, 6)];

	return ua->used ? ua : NULL;
}

static void sides_change(struct rig *r)
{
	static const unsigned int answers[] = {0, 0, 200, 200, 200, 486, 503, 488, 404, 302};
	static const unsigned int rings[] = {0, 180, 180, 183};
	static const unsigned int updates[] = {200, 200, 200, 491, 488, 0};
	struct rig_side *callee = &r->side[RIG_CALLEE];

	callee->answer = answers[rig_random(r, 10)];
	callee->ring = rings[rig_random(r, 4)];
	callee->on_cancel_answer = rig_random(r, 4) == 0;
	callee->rel = (enum rig_rel)rig_random(r, 3);
	r->side[RIG_CALLER].rel = (enum rig_rel)rig_random(r, 4);
	/* What was said in an Allow before stays true: it may change only between runs. */
	callee->on_update = updates[rig_random(r, 6)];
	r->side[RIG_CALLER].on_update = updates[rig_random(r, 6)];
	callee->no_sdp = rig_random(r, 20) == 0;
	callee->busy_trunk = rig_random(r, 3) == 0 ? 60 + rig_random(r, 3) : 0;
	r->side[RIG_CALLER].answer = answers[rig_random(r, 8)];
}

/* An INVITE that names the dialog of another user agent of the caller's side. */
static void invite_in_place_of(struct rig *r, const struct rig_ua *ua)
{
	char lines[512];

	if (!ua || !ua->dialog)
		return;
	snprintf(lines, sizeof(lines), "Replaces: %.*s;to-tag=%.*s;from-tag=%.*s\r\n",
		VIEW_ARG(ua->dialog->call_id), VIEW_ARG(ua->dialog->remote_tag),
		VIEW_ARG(ua->dialog->local_tag));
	r->side[RIG_CALLER].lines = lines;
	rig_invite(r, "100", false);
	r->side[RIG_CALLER].lines = NULL;
}

/* Blind, or to the far end of another dialog of the same side. */
static void refer(struct rig *r, struct rig_ua *ua)
{
	const struct rig_ua *other = &r->side[ua->side].ua[rig_random(r, 6)];
	char lines[1024] = "Refer-To: <sip:100@10.9.9.9>\r\n";

	if (rig_random(r, 2) && other->used && other->dialog)
		snprintf(lines, sizeof(lines),
			"Refer-To: <sip:100@10.9.9.9?Replaces=%.*s%%3Bto-tag%%3D%.*s%%3Bfrom-tag%%"
			"3D%.*s>\r\n",
			VIEW_ARG(other->dialog->call_id), VIEW_ARG(other->dialog->remote_tag),
			VIEW_ARG(other->dialog->local_tag));
	/* Mostly somebody takes it. */
	if (rig_random(r, 3))
		r->side[RIG_CALLER].answer = r->side[RIG_CALLEE].answer = 200;
	rig_send(r, ua, SIP_M_REFER, lines);
}

static void ua_act(struct rig *r)
{
	static const char *const directions[] = {"sendrecv", "sendonly", "recvonly", "inactive"};
	static const unsigned int statuses[] = {180, 183, 200, 200, 200, 486, 503};
	unsigned int side = RIG_CALLER + rig_random(r, 2);
	struct rig_ua *ua = pick(r, side);

	switch (rig_random(r, 17)) {
	case 10:
	case 15:
	case 16:
		if (ua)
			refer(r, ua);
		break;
	case 11:
		if (ua)
			rig_send(r, ua, SIP_M_NOTIFY,
				"Event: refer\r\nSubscription-State: active\r\n");
		break;
	case 13:
	case 14:
		/* what only early dialogs have */
		for (unsigned int i = 0; i < 6; i++) {
			struct rig_ua *early = &r->side[RIG_CALLEE].ua[i];

			if (early->used && early->in && early->answered_early && !early->confirmed)
				rig_update(r, early, directions[rig_random(r, 4)]);
		}
		break;
	case 12:
		invite_in_place_of(r, pick(r, RIG_CALLER));
		break;
	case 8:
	case 9:
		if (ua)
			rig_update(r, ua, rig_random(r, 5) ? directions[rig_random(r, 4)] : NULL);
		break;
	case 0:
	case 1:
		rig_invite(r, rig_random(r, 2) ? "100" : "200", rig_random(r, 5) == 0);
		break;
	case 2:
		if (ua && side == RIG_CALLER && !ua->dialog)
			rig_cancel(r, ua);
		break;
	case 3:
	case 4:
		if (ua && ua->in)
			rig_answer(r, ua, statuses[rig_random(r, 7)]);
		break;
	case 5:
		if (ua)
			rig_reinvite(r, ua, directions[rig_random(r, 4)], rig_random(r, 5) == 0);
		break;
	case 6:
		if (ua && ua->dialog && (ua->confirmed || side == RIG_CALLER))
			rig_bye(r, ua);
		break;
	default:
		if (ua && ua->last == 200)
			n_reinvites_ok++;
		sides_change(r);
	}
}

static void network_act(struct rig *r, bool reliable)
{
	unsigned int which;

	if (r->n_queue == 0)
		return;
	which = !reliable && rig_random(r, 4) == 0 ? rig_random(r, r->n_queue) : 0;
	if (!reliable && rig_random(r, 100) < 5) {
		rig_drop(r, which);
	} else if (!reliable && rig_random(r, 100) < 3 && r->n_queue + 1 < RIG_QUEUE) {
		struct rig_packet *p = &r->queue[which];
		struct rig_packet *copy = &r->queue[r->n_queue++];

		*copy = *p;
		copy->bytes = malloc(p->n);
		memcpy(copy->bytes, p->bytes, p->n);
	} else {
		rig_deliver(r, (int)which);
	}
}

static void control_act(struct rig *r)
{
	struct ctl_call_clear clear = {.q850 = 16, .released_by = CTL_BY_OPERATOR};

	switch (rig_random(r, 12)) {
	case 0:
		if (!r->control_away)
			rig_control_down(r);
		break;
	case 1:
	case 2:
		if (r->control_away)
			rig_control_up(r, rig_random(r, 2));
		break;
	case 3:
		r->media_status = rig_random(r, 2) ? -ENOSPC : 0;
		break;
	case 4:
		if (r->n_calls > 0) {
			snprintf(clear.reason, sizeof(clear.reason), "cleared");
			clear.call_id = r->calls[rig_random(r, r->n_calls)].id;
			b2b_call_clear(r->b, &clear);
		}
		break;
	case 5:
		if (rig_random(r, 6) == 0 && !r->control_away) {
			rig_restart_sip(r);
			n_restarts++;
		}
		break;
	default:
		while (rig_reply(r))
			;
	}
}

static void everybody_hangs_up(struct rig *r)
{
	r->side[RIG_CALLEE].answer = 486;
	r->side[RIG_CALLER].answer = 488;
	r->side[RIG_CALLEE].on_cancel_answer = false;
	r->media_status = 0;
	if (r->control_away)
		rig_control_up(r, false);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int side = RIG_CALLER; side < RIG_N; side++) {
			for (unsigned int i = 0; i < RIG_UAS; i++) {
				struct rig_ua *ua = &r->side[side].ua[i];

				if (!ua->used)
					continue;
				if (ua->in)
					rig_answer(r, ua, 486);
				if (ua->out && !ua->dialog)
					rig_cancel(r, ua);
				if (ua->dialog && ua->confirmed)
					rig_bye(r, ua);
			}
		}
		rig_pass(r, 60000);
	}
	/* Calls whose user agents know nothing of them (a lost 2xx and a restart) need an operator
	 * or the media time-out, which is the same message. */
	for (unsigned int i = 0; i < r->n_calls; i++) {
		struct ctl_call_clear clear = {.call_id = r->calls[i].id,
			.q850 = 31,
			.released_by = CTL_BY_BOX,
			.reason = "media time-out"};

		if (!r->calls[i].ended)
			b2b_call_clear(r->b, &clear);
	}
	rig_pass(r, 400000);
}

static unsigned int n_live(struct rig *r, unsigned int side)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < RIG_UAS; i++) {
		const struct rig_ua *ua = &r->side[side].ua[i];

		n += ua->used && ua->dialog && ua->confirmed && !ua->hung_up;
	}
	return n;
}

/* Over a network that loses and delays nothing each living dialog of a user agent belongs to a living call,
 * on both sides: nobody is left ringing, and nobody believes in a call that is over. */
static void expect_no_orphans(struct rig *r)
{
	if (r->control_away)
		rig_control_up(r, false);
	rig_pass(r, 250000); /* the no-answer timer and 64*T1 are in it */
	/* after a transfer both may be of one side */
	assert_int_equal(n_live(r, RIG_CALLER) + n_live(r, RIG_CALLEE), 2 * b2b_n_calls(r->b));
	expect_counted(r);
	for (unsigned int i = 0; i < RIG_UAS; i++) {
		const struct rig_ua *ua = &r->side[RIG_CALLEE].ua[i];

		if (ua->used && ua->in)
			fail_msg("user agent %u (%.*s) is left with an INVITE%s%s", i,
				VIEW_ARG(ua->dialog->call_id), ua->confirmed ? " in a call" : "",
				ua->hung_up ? ", hung up" : "");
	}
}

static void counts(struct rig *r)
{
	for (unsigned int i = 0; i < r->n_calls; i++) {
		if (r->calls[i].rec.answer_ms)
			n_answered++;
		else
			n_refused++;
	}
}

/* t0 may be a group that rings at a time; calls, their rate and bandwidth may be limited. */
static void terms(struct rig *r)
{
	struct cfg *old = r->cfg;
	struct cfg_realm *realm;

	r->cfg = cfg_clone(old);
	if (rig_random(r, 2)) {
		struct cfg_server_group *g = object(r, CFG_SERVER_GROUP, "4");

		g->hunt = rig_random(r, 4) ? CFG_HUNT_PARALLEL : CFG_HUNT_ROUND_ROBIN;
		g->n_members = 3;
		for (unsigned int i = 0; i < 3; i++) {
			g->members[i].target.addr = old->trunks[i].target.addr;
			g->members[i].preference = (uint16_t)rig_random(r, 2);
			g->members[i].weight = 1;
		}
		memset(&r->cfg->trunks[0].target, 0, sizeof(r->cfg->trunks[0].target));
		r->cfg->trunks[0].server_group = 4;
	}
	for (unsigned int i = 0; i < 2; i++) {
		realm = &r->cfg->realms[i];
		realm->max_conn = rig_random(r, 3) ? 0 : 1 + rig_random(r, 4);
		realm->bandwidth_kbps = rig_random(r, 3) ? 0 : 90 + rig_random(r, 400);
		realm->call_spike = rig_random(r, 4) ? 0 : 1 + rig_random(r, 4);
	}
	r->cfg->trunks[0].max_conn = rig_random(r, 3) ? 0 : 1 + rig_random(r, 3);
	r->cfg->trunks[1].bandwidth_kbps = rig_random(r, 3) ? 0 : 90 + rig_random(r, 300);
	apply(r);
	cfg_free(old);
}

static void run(uint64_t seed, bool trace)
{
	struct rig *r = rig_new(seed);
	unsigned int restarts_before = n_restarts;
	static const char *const intervals[] = {
		NULL, "90;refresher=uac", "100;refresher=uas", "120"};
	bool reliable = seed % 3 == 0;

	r->trace = trace;
	r->side[RIG_CALLER].update = rig_random(r, 3) > 0;
	r->side[RIG_CALLEE].update = rig_random(r, 3) > 0;
	for (unsigned int side = 0; side < 2; side++) {
		r->cfg->realms[side].redirection = (uint8_t)rig_random(r, 4);
		r->side[RIG_CALLER + side].contacts = "<sip:200@x.example>";
		r->cfg->realms[side].refer = rig_random(r, 2) ? CFG_REFER_LOCAL : CFG_REFER_RELAY;
		r->cfg->realms[side].replaces = true;
		r->side[RIG_CALLER + side].replaces = rig_random(r, 4) > 0;
		r->side[RIG_CALLER + side].on_refer = rig_random(r, 4) ? 202 : 0;
		r->cfg->realms[side].session_refresh = rig_random(r, 3) == 0;
		r->cfg->realms[side].min_se_s = rig_random(r, 2) ? 90 : 120;
		r->side[RIG_CALLER + side].timer = rig_random(r, 2);
		r->side[RIG_CALLER + side].se = rig_random(r, 3) ? NULL
								 : intervals[rig_random(r, 4)];
		r->side[RIG_CALLER + side].min_se = rig_random(r, 2) ? 150 : 0;
	}
	terms(r);
	r->any_realm = true;
	sides_change(r);
	for (unsigned int step = 0; step < STEPS; step++) {
		unsigned int what = rig_random(r, 100);

		if (what < 25)
			ua_act(r);
		else if (what < 75)
			network_act(r, reliable);
		else if (what < 93)
			control_act(r);
		else
			twheel_advance(r->wheel,
				twheel_now(r->wheel) + 1 + rig_random(r, what > 97 ? 5000 : 300));
		rig_expect_sane(r);
	}
	if (reliable && n_restarts == restarts_before)
		expect_no_orphans(r);
	everybody_hangs_up(r);
	rig_expect_empty(r);
	counts(r);
	n_prack_in += r->stats.prack_in;
	n_prack_out += r->stats.prack_out;
	n_update_in += r->stats.update_in;
	n_refer_in += r->stats.refer_in;
	n_replaced += r->stats.replaced;
	n_transfers += r->stats.transfers;
	n_transfers_failed += r->stats.transfers_failed;
	n_redirected += r->stats.redirected;
	n_update_out += r->stats.update_out;
	n_update_local += r->stats.update_local;
	rig_free(r);
}

static uint64_t first_seed = 1, last_seed = RUNS, current_seed;

static void test_runs(void **state)
{
	for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
		current_seed = seed;
		run(seed, first_seed == last_seed);
	}
}

/* The sequences do reach what they are meant to reach. */
static void test_reached(void **state)
{
	if (last_seed - first_seed + 1 < RUNS)
		return;
	assert_true(n_answered > RUNS / 2);
	assert_true(n_refused > RUNS);
	assert_true(n_reinvites_ok > RUNS / 50);
	assert_true(n_restarts > RUNS / 20);
	assert_true(n_prack_in > RUNS / 20);
	assert_true(n_prack_out > RUNS / 20);
	assert_true(n_update_in > RUNS / 20);
	assert_true(n_update_out > 0);
	assert_true(n_update_local > 0);
	assert_true(n_refer_in > RUNS / 20);
	assert_true(n_replaced > 0);
	assert_true(n_transfers > 0);
	assert_true(n_transfers_failed > 0);
	assert_true(n_redirected > RUNS / 20);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_reached),
	};

	int rc;

	log_init("test", LOG_L_ERR);
	if (argc > 1)
		first_seed = last_seed = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		last_seed = strtoull(argv[2], NULL, 10);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	if (rc != 0)
		printf("seed %llu\n", (unsigned long long)current_seed);
	return rc;
}
