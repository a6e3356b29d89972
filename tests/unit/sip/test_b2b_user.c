/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls to a registered user with three phones: all ring, one gets the call, whatever the others do; and
 * nothing is left of any of them.
 */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controlplane/config/schema.h"
#include "sip-b2bua/registrar/bindings.h"

#define N_PHONES 3
static void nothing(void *ctx, struct reg_contact *contact)
{
}

static void nothing_gone(void *ctx, struct reg_contact *contact, enum reg_gone why)
{
}

/* What distinguishes a phone from others; zeros are those of an ordinary one. */
struct phone {
	uint16_t q;	 /* thousandths */
	uint32_t reg_id; /* 0: no flow */
};

#define INSTANCE "\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\""

/* limen-control gives a phone's binding back, as after a restart. */
static void phone_restore(struct rig *r, unsigned int i, const struct phone *phone)
{
	static const struct reg_store_ops ops = {.put = nothing, .gone = nothing_gone};
	struct reg_store *store = reg_store_new(r->wheel, i + 1, 10, &ops, NULL);
	uint8_t bytes[1024];
	struct ckpt_out out = {bytes, 0, sizeof(bytes), false};
	struct reg_contact *c;
	char uri[64];
	struct reg_new fresh = {.realm = VIEW("peering"),
		.user = VIEW("clara"),
		.id = i + 1,
		.expires_s = 3600,
		.q = phone->q ? phone->q : REG_Q_ONE,
		.reg_id = phone->reg_id,
		.flags = phone->reg_id ? REG_OUTBOUND : 0};

	snprintf(uri, sizeof(uri), "sip:clara-%u@10.9.9.9", i);
	fresh.text[REG_URI] = view_of(uri);
	if (phone->reg_id)
		fresh.text[REG_INSTANCE] = VIEW(INSTANCE);
	fresh.path.transport = SIP_UDP;
	fresh.path.remote = r->cfg->trunks[0].target.addr;
	assert_non_null(store);
	assert_int_equal(reg_contact_set(store, NULL, &fresh, &c), 0);
	reg_contact_write(store, c, 1700000000000u + twheel_now(r->wheel), &out);
	assert_false(out.failed);
	assert_int_equal(b2b_registration(r->b, CTL_REG_RESTORE, bytes, out.n), 0);
	reg_store_free(store);
}

/* The users are on the side of the rig's called user agents. */
static struct rig *start_with(unsigned int n_phones, const struct phone *phones, const char *fork)
{
	struct rig *r = rig_new(1);
	struct cfg *old = r->cfg;
	char error[CFG_ERROR_MAX];

	r->cfg = cfg_clone(old);
	void *registrar = object(r, CFG_REGISTRAR, "phones");
	set(registrar, CFG_REGISTRAR, "realm", "peering");
	set(registrar, CFG_REGISTRAR, "fork", fork);
	void *pool = object(r, CFG_POOL, "1");
	set(pool, CFG_POOL, "registrar", "phones");
	set(pool, CFG_POOL, "username", "clara");
	set(pool, CFG_POOL, "number", "7001");
	void *peer = object(r, CFG_DIAL_PEER, "70");
	set(peer, CFG_DIAL_PEER, "destination_pattern", "70..");
	set(peer, CFG_DIAL_PEER, "registrar", "true");
	assert_int_equal(b2b_config_prepare(r->b, r->cfg, error), 0);
	b2b_config_apply(r->b, r->cfg);
	cfg_free(old);
	for (unsigned int i = 0; i < n_phones; i++)
		phone_restore(r, i, &phones[i]);
	assert_int_equal(b2b_n_bindings(r->b), n_phones);
	return r;
}

static struct rig *start(unsigned int n_phones)
{
	static const struct phone phones[N_PHONES];

	return start_with(n_phones, phones, "q-order");
}

static unsigned int n_ringing(const struct rig *r)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < RIG_UAS; i++)
		n += r->side[RIG_CALLEE].ua[i].used && r->side[RIG_CALLEE].ua[i].in;
	return n;
}

static void test_all_answer(void **state)
{
	struct rig *r = start(N_PHONES);
	struct rig_ua *a;

	r->side[RIG_CALLEE].ring = 180;
	r->side[RIG_CALLEE].answer = 200;
	a = rig_invite(r, "7001", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], N_PHONES);
	assert_int_equal(b2b_n_calls(r->b), 1);
	rig_pass(r, 5000);
	assert_int_equal(b2b_n_calls(r->b), 1);
	rig_bye(r, a);
	finish(r);
}

/* A user's own limit counts, not the registrar's; who calls him hears that he is busy. */
static void test_limits(void **state)
{
	struct rig *r = start(N_PHONES);
	struct cfg_registrar *registrar = object(r, CFG_REGISTRAR, "phones");
	struct cfg_pool *pool = object(r, CFG_POOL, "1");
	const struct ctl_call *rec;
	char error[CFG_ERROR_MAX];
	struct rig_ua *a, *b;

	registrar->user_max_conn = 5;
	pool->max_conn = 1;
	assert_int_equal(b2b_config_prepare(r->b, r->cfg, error), 0);
	b2b_config_apply(r->b, r->cfg);
	r->side[RIG_CALLEE].answer = 200;
	a = rig_invite(r, "7001", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	b = rig_invite(r, "7001", false);
	rig_settle(r);
	rec = &rig_last_call(r)->rec;
	assert_int_equal(b->last, 486);
	assert_int_equal(rec->q850, 17);
	assert_int_equal(rec->limit, CTL_LIMIT_CALLS);
	assert_string_equal(
		rec->reason, "user clara at phones has the 1 calls that it may have (max-conn)");
	/* after a restart, too */
	rig_restart_sip(r);
	b = rig_invite(r, "7001", false);
	rig_settle(r);
	assert_int_equal(b->last, 480); /* the rig keeps no bindings */
	pool->max_conn = 0;
	assert_int_equal(b2b_config_prepare(r->b, r->cfg, error), 0);
	b2b_config_apply(r->b, r->cfg);
	rig_bye(r, a);
	finish(r);
}

/* A call to the user; its phones ring, and answer when they are told to. */
static struct rig_ua *all_ring(struct rig *r)
{
	struct rig_ua *a;

	r->side[RIG_CALLEE].ring = 180;
	r->side[RIG_CALLEE].answer = 0;
	a = rig_invite(r, "7001", false);
	rig_settle(r);
	return a;
}

static void test_one_answers(void **state)
{
	struct rig *r = start(N_PHONES);
	struct rig_ua *a;

	a = all_ring(r);
	assert_int_equal(n_ringing(r), N_PHONES);
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(n_ringing(r), 0);
	rig_bye(r, a);
	finish(r);
}

static void test_refusals(void **state)
{
	static const struct {
		unsigned int phone[N_PHONES], caller;
	} rows[] = {
		{{480, 486, 503}, 486}, {{486, 480, 408}, 486}, {{503, 480, 503}, 480},
		{{404, 404, 404}, 404}, {{603, 486, 486}, 603}, /* the others are not waited for */
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = start(N_PHONES);
		struct rig_side *side = &r->side[RIG_CALLEE];
		unsigned int k = 0;
		struct rig_ua *a;

		side->ring = 180;
		side->answer = 0;
		a = rig_invite(r, "7001", false);
		rig_settle(r);
		for (unsigned int u = 0; u < RIG_UAS; u++) {
			if (side->ua[u].used && side->ua[u].in)
				rig_answer(r, &side->ua[u], rows[i].phone[k++]);
			rig_settle(r);
		}
		if (a->last != rows[i].caller)
			fail_msg("row %u: %u", i, a->last);
		finish(r);
	}
}

static void test_given_up(void **state)
{
	struct rig *r = start(N_PHONES);
	struct rig_ua *a;

	a = all_ring(r);
	rig_cancel(r, a);
	rig_settle(r);
	assert_int_equal(a->last, 487);
	assert_int_equal(n_ringing(r), 0);
	finish(r);

	/* and answers nobody waits for: by the caller's CANCEL all have crossed it */
	r = start(N_PHONES);
	r->side[RIG_CALLEE].ring = 180;
	r->side[RIG_CALLEE].answer = 0;
	r->side[RIG_CALLEE].on_cancel_answer = true;
	a = rig_invite(r, "7001", false);
	rig_settle(r);
	rig_cancel(r, a);
	rig_settle(r);
	assert_int_equal(a->last, 487);
	finish(r);

	/* the box ends while they ring */
	r = start(N_PHONES);
	r->side[RIG_CALLEE].ring = 180;
	r->side[RIG_CALLEE].answer = 0;
	(void)rig_invite(r, "7001", false);
	rig_settle(r);
	rig_free(r);
}

/* All that ring now answer so. */
static void answer_all(struct rig *r, unsigned int status)
{
	bool rang[RIG_UAS];

	for (unsigned int i = 0; i < RIG_UAS; i++)
		rang[i] = r->side[RIG_CALLEE].ua[i].used && r->side[RIG_CALLEE].ua[i].in;
	for (unsigned int i = 0; i < RIG_UAS; i++) {
		if (rang[i])
			rig_answer(r, &r->side[RIG_CALLEE].ua[i], status);
	}
	rig_settle(r);
}

/* Higher q first, equal ones together (RFC 3261 16.6). */
static void test_q_order(void **state)
{
	static const struct phone phones[] = {{500, 0}, {0, 0}, {500, 0}, {100, 0}};
	struct rig *r = start_with(4, phones, "q-order");
	struct rig_ua *a = all_ring(r);

	/* the next ones when they refuse; of all refusals the best counts */
	assert_int_equal(n_ringing(r), 1);
	assert_non_null(strstr(r->last_invite, "sip:clara-1@"));
	answer_all(r, 486);
	assert_int_equal(a->last, 0);
	assert_int_equal(n_ringing(r), 2);
	answer_all(r, 480);
	assert_int_equal(n_ringing(r), 1);
	assert_non_null(strstr(r->last_invite, "sip:clara-3@"));
	answer_all(r, 503);
	assert_int_equal(a->last, 486);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 4);
	finish(r);

	/* nobody there wants it anywhere */
	r = start_with(4, phones, "q-order");
	a = all_ring(r);
	answer_all(r, 603);
	assert_int_equal(a->last, 603);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 1);
	finish(r);

	/* one of the second ones answers, the last is never called */
	r = start_with(4, phones, "q-order");
	a = all_ring(r);
	answer_all(r, 404);
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(n_ringing(r), 0);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 3);
	rig_bye(r, a);
	finish(r);

	/* silence: the first ones are cancelled, the next ones ring */
	r = start_with(4, phones, "q-order");
	a = all_ring(r);
	rig_pass(r, 19000);
	assert_int_equal(n_ringing(r), 1);
	rig_pass(r, 2000);
	assert_int_equal(n_ringing(r), 2);
	rig_pass(r, 20000);
	assert_int_equal(n_ringing(r), 1);
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	finish(r);

	/* the caller gives up in between */
	r = start_with(4, phones, "q-order");
	a = all_ring(r);
	rig_pass(r, 21000);
	rig_cancel(r, a);
	rig_settle(r);
	assert_int_equal(a->last, 487);
	assert_int_equal(n_ringing(r), 0);
	finish(r);

	r = start_with(4, phones, "parallel");
	a = all_ring(r);
	assert_int_equal(n_ringing(r), 4);
	answer_all(r, 486);
	assert_int_equal(a->last, 486);
	finish(r);
}

/* A phone with two flows rings once; 430 of a proxy in front leads to the other flow (RFC 5626 5.3.1). */
static void test_flows(void **state)
{
	static const struct phone phones[] = {{0, 1}, {0, 2}};
	struct rig *r = start_with(2, phones, "parallel");
	struct rig_ua *a = all_ring(r);

	assert_int_equal(n_ringing(r), 1);
	assert_non_null(strstr(r->last_invite, "sip:clara-1@"));
	rig_answer(r, rig_callee(r), 430);
	rig_settle(r);
	assert_int_equal(a->last, 0);
	assert_int_equal(n_ringing(r), 1);
	assert_non_null(strstr(r->last_invite, "sip:clara-0@"));
	assert_int_equal(b2b_n_bindings(r->b), 1);
	assert_int_equal(r->stats.flow_failovers, 1);
	assert_int_equal(r->stats.flows_lost, 1);
	/* what no flow leads to is away, and nobody is told of flows */
	rig_answer(r, rig_callee(r), 430);
	rig_settle(r);
	assert_int_equal(a->last, 480);
	assert_int_equal(b2b_n_bindings(r->b), 0);
	finish(r);

	/* beside another phone, which answers */
	static const struct phone mixed[] = {{0, 1}, {0, 2}, {0, 0}};
	r = start_with(3, mixed, "q-order");
	a = all_ring(r);
	assert_int_equal(n_ringing(r), 2);
	answer_all(r, 430);
	assert_int_equal(n_ringing(r), 1);
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(b2b_n_bindings(r->b), 2);
	rig_bye(r, a);
	finish(r);
}

static void test_nobody(void **state)
{
	struct rig *r = start(0);
	struct rig_ua *a = rig_invite(r, "7001", false), *b = rig_invite(r, "7002", false);

	rig_settle(r);
	assert_int_equal(a->last, 480);
	assert_int_equal(b->last, 404);
	assert_string_equal(r->calls[0].rec.reason, "user clara is not registered");
	finish(r);
}

/* Who has to be a user of a realm without a registrar is none. */
static void test_no_registrar(void **state)
{
	struct rig *r = rig_new(1);
	struct cfg *old = r->cfg;
	struct rig_ua *ua;

	r->cfg = cfg_clone(old);
	set(object(r, CFG_REALM, "access"), CFG_REALM, "admission", "users");
	apply(r);
	cfg_free(old);
	ua = rig_invite(r, "0100", false);
	rig_settle(r);
	assert_int_equal(ua->last, 403);
	assert_int_equal(r->n_calls, 0);
	finish(r);
}

/* Where the user is another worker knows, which does not say it, or not in time. */
static void test_other_worker(void **state)
{
	enum { SILENT, RINGS_FULL, CALLER_GONE, N };
	static const char why[] = "no worker of limen-sip says where user clara is";

	for (unsigned int i = 0; i < N; i++) {
		struct rig *r = start(0);
		struct rig_ua *a;

		r->n_others = 2; /* of three clara is not this one's */
		rig_restart_sip(r);
		r->tell_error = i == RINGS_FULL ? -ENOBUFS : 0;
		a = rig_invite(r, "7001", false);
		if (i == CALLER_GONE)
			r->answer_error = -ECONNRESET;
		rig_settle(r);
		assert_int_equal(r->n_told, i != RINGS_FULL);
		rig_pass(r, 5000);
		if (i == CALLER_GONE) {
			assert_true(r->calls[0].ended);
			assert_string_equal(
				r->calls[0].rec.reason, "the caller's transaction is gone");
		} else {
			assert_int_equal(a->last, 480);
			assert_string_equal(r->calls[0].rec.reason, why);
		}
		r->answer_error = 0;
		rig_cancel(r, a);
		finish(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_answer),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_one_answers),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_q_order),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_no_registrar),
		cmocka_unit_test(test_other_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
