/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls that ask a route-hook: while they wait, when the answer comes, and when none does. */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/config/schema.h"

static void *object_in(struct cfg *cfg, enum cfg_kind kind, const char *key)
{
	char error[CFG_ERROR_MAX];
	void *obj;

	assert_int_equal(cfg_object_add(cfg, kind, view_of(key), &obj, error), 0);
	return obj;
}

/* The settings of hook 1, in pairs, NULL ends; calls to 5... are asked for there, and else to t0. */
static void configure(struct rig *r, const char *const *settings)
{
	struct cfg *old = r->cfg;
	char error[CFG_ERROR_MAX];
	void *hook;

	r->cfg = cfg_clone(old);
	assert_non_null(r->cfg);
	hook = object_in(r->cfg, CFG_ROUTE_HOOK, "1");
	set(hook, CFG_ROUTE_HOOK, "url", "https://router.example/way");
	for (; settings && *settings; settings += 2)
		set(hook, CFG_ROUTE_HOOK, settings[0], settings[1]);
	set(object_in(r->cfg, CFG_DIAL_PEER, "50"), CFG_DIAL_PEER, "destination_pattern", "5T");
	set(object_in(r->cfg, CFG_DIAL_PEER, "50"), CFG_DIAL_PEER, "route_hook", "1");
	set(object_in(r->cfg, CFG_DIAL_PEER, "51"), CFG_DIAL_PEER, "destination_pattern", "5T");
	set(object_in(r->cfg, CFG_DIAL_PEER, "51"), CFG_DIAL_PEER, "preference", "1");
	set(object_in(r->cfg, CFG_DIAL_PEER, "51"), CFG_DIAL_PEER, "trunk", "t0");
	if (b2b_config_prepare(r->b, r->cfg, error) < 0)
		fail_msg("%s", error);
	b2b_config_apply(r->b, r->cfg);
	cfg_free(old);
}

static void say(struct rig *r, const char *text)
{
	b2b_asked(r->b, r->asked_id, view_of(text), "");
	rig_settle(r);
}

static void go_wrong(struct rig *r, const char *why)
{
	b2b_asked(r->b, r->asked_id, (struct view){NULL, 0}, why);
	rig_settle(r);
}

static void test_answer(void **state)
{
	struct rig *r = rig_new(31);
	const struct ctl_call *rec;
	struct rig_ua *a;
	char id[40];

	configure(r, NULL);
	a = rig_invite(r, "5551", false);
	rig_settle(r);
	assert_int_equal(r->n_asked, 1);
	assert_int_equal(r->asked_ms, 300);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 0);
	assert_true(a->last < 200);
	assert_non_null(strstr(r->asked_body, "\"calling\":\"phone\",\"called\":\"5551\""));
	assert_non_null(strstr(r->asked_body, "\"realm\":\"access\""));
	assert_non_null(strstr(r->asked_body, "\"dial_peer\":50"));
	say(r, "{\"targets\":[{\"trunk\":\"t1\",\"called\":\"777\",\"calling\":\"888\"}]}");
	assert_int_equal(a->last, 200);
	rec = &rig_last_call(r)->rec;
	snprintf(id, sizeof(id), "\"call_id\":\"%016llx\"", (unsigned long long)rec->id);
	assert_non_null(strstr(r->asked_body, id));
	assert_string_equal(rec->trunk[1], "t1");
	assert_string_equal(rec->called[0], "5551");
	assert_string_equal(rec->called[1], "777");
	assert_string_equal(rec->calling[1], "888");
	assert_int_equal(rec->dial_peer_out, 50);
	assert_int_equal(r->stats.hook_asked, 1);
	assert_int_equal(r->stats.hook_answered, 1);
	b2b_second(r->b);
	assert_int_equal(r->hook_status.asked, 1);
	assert_int_equal(r->hook_status.answered, 1);
	assert_int_equal(r->hook_status.pending, 0);
	rig_bye(r, a);
	finish(r);
}

/* What becomes of the call when no answer can be used, and what the operator is told of it. */
static void test_no_answer(void **state)
{
	static const struct {
		const char *fallback, *text, *why; /* text NULL: it fails with why */
		unsigned int status;
		const char *reason;
	} rows[] = {
		{"local", NULL, "Operation timed out", 200, ""},
		{"local", "<html>", NULL, 200, ""},
		{"local", "{\"targets\":[]}", NULL, 200, ""},
		{"reject", "{\"targets\":[]}", NULL, 200, ""}, /* it has answered */
		{"reject", NULL, "Operation timed out", 503,
			"route-hook 1: it did not answer: Operation timed out (fallback reject)"},
		{"reject", "7", NULL, 503,
			"route-hook 1: its answer is not understood: it is no JSON: line 1: '[' or "
			"'{' expected near '7' (fallback reject)"},
		{"local", "{\"reject\":{\"status\":603,\"reason\":\"blocked number\"}}", NULL, 603,
			"route-hook 1 refuses the call: blocked number"},
		{"local", "{\"reject\":{}}", NULL, 403,
			"route-hook 1 refuses the call: no reason given"},
		{"local", "{\"targets\":[{\"trunk\":\"nobody\"}]}", NULL, 200, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(32);
		struct rig_ua *a;

		configure(r, (const char *const[]){"fallback", rows[i].fallback, NULL});
		a = rig_invite(r, "5551", false);
		rig_settle(r);
		if (rows[i].text)
			say(r, rows[i].text);
		else
			go_wrong(r, rows[i].why);
		assert_int_equal(a->last, rows[i].status);
		if (rows[i].status == 200)
			assert_string_equal(rig_last_call(r)->rec.trunk[1], "t0");
		else
			assert_string_equal(rig_last_call(r)->rec.reason, rows[i].reason);
		assert_int_equal(r->stats.hook_refused, rows[i].status != 200);
		if (rows[i].status == 200)
			rig_bye(r, a);
		finish(r);
	}
}

/* The caller hangs up while the hook thinks; its answer comes late, and is of no use any more. */
static void test_cancel(void **state)
{
	struct rig *r = rig_new(33);
	struct rig_ua *a;

	configure(r, NULL);
	a = rig_invite(r, "5551", false);
	rig_settle(r);
	rig_cancel(r, a);
	rig_settle(r);
	assert_int_equal(a->last, 487);
	say(r, "{\"targets\":[{\"trunk\":\"t1\"}]}");
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 0);
	say(r, "{\"targets\":[]}"); /* once more: nobody knows the number */
	assert_int_equal(r->stats.hook_answered, 1);
	finish(r);
}

/* An answer serves the calls to the number from the same side, until its time is over. */
static void test_cache(void **state)
{
	struct rig *r = rig_new(34);
	struct rig_ua *a;

	configure(r, (const char *const[]){"cache_ttl_s", "60", NULL});
	a = rig_invite(r, "5551", false);
	rig_settle(r);
	say(r, "{\"targets\":[{\"trunk\":\"t1\",\"called\":\"777\"}]}");
	rig_bye(r, a);
	rig_settle(r);
	a = rig_invite(r, "5551", false);
	rig_settle(r);
	assert_int_equal(r->n_asked, 1);
	assert_int_equal(r->stats.hook_cached, 1);
	assert_int_equal(a->last, 200);
	assert_string_equal(rig_last_call(r)->rec.called[1], "777");
	rig_bye(r, a);
	/* Another number. Its answer is for this call alone. */
	a = rig_invite(r, "5552", false);
	rig_settle(r);
	assert_int_equal(r->n_asked, 2);
	say(r, "{\"targets\":[{\"trunk\":\"t1\"}],\"ttl\":0}");
	rig_bye(r, a);
	rig_settle(r);
	a = rig_invite(r, "5552", false);
	rig_settle(r);
	assert_int_equal(r->n_asked, 3);
	say(r, "{\"targets\":[{\"trunk\":\"t1\"}],\"ttl\":10}");
	rig_bye(r, a);
	b2b_second(r->b);
	assert_int_equal(r->hook_status.kept, 2);
	rig_pass(r, 11000);
	a = rig_invite(r, "5552", false);
	rig_settle(r);
	assert_int_equal(r->n_asked, 4);
	go_wrong(r, "no");
	rig_bye(r, a);
	rig_settle(r);
	/* The same configuration keeps what was said, another one does not. */
	configure(r, (const char *const[]){"cache_ttl_s", "60", NULL});
	a = rig_invite(r, "5551", false);
	rig_settle(r);
	assert_int_equal(r->n_asked, 4);
	rig_bye(r, a);
	rig_settle(r);
	configure(r, (const char *const[]){"timeout_ms", "100", NULL});
	a = rig_invite(r, "5551", false);
	rig_settle(r);
	assert_int_equal(r->n_asked, 5);
	assert_int_equal(r->asked_ms, 100);
	say(r, "{\"targets\":[]}");
	rig_bye(r, a);
	finish(r);
}

/* A dead hook is asked no more for a while; then one call tries it. */
static void test_breaker(void **state)
{
	struct rig *r = rig_new(35);
	struct rig_ua *a;

	configure(r, (const char *const[]){"breaker_failures", "3", "breaker_hold_s", "10", NULL});
	for (unsigned int i = 0; i < 5; i++) {
		a = rig_invite(r, "5551", false);
		rig_settle(r);
		if (i < 3)
			go_wrong(r, "Connection refused");
		assert_int_equal(a->last, 200);
		assert_string_equal(rig_last_call(r)->rec.trunk[1], "t0");
		rig_bye(r, a);
		rig_settle(r);
	}
	assert_int_equal(r->n_asked, 3);
	assert_int_equal(r->stats.hook_left_out, 2);
	b2b_second(r->b);
	assert_int_equal(r->hook_status.left_alone, 1);
	assert_string_equal(r->hook_status.problem, "it did not answer: Connection refused");
	rig_pass(r, 11000);
	a = rig_invite(r, "5551", false);
	rig_settle(r);
	assert_int_equal(r->n_asked, 4);
	say(r, "{\"targets\":[{\"trunk\":\"t1\"}]}");
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	rig_bye(r, a);
	rig_settle(r);
	b2b_second(r->b);
	assert_int_equal(r->hook_status.left_alone, 0);
	a = rig_invite(r, "5551", false);
	rig_settle(r);
	assert_int_equal(r->n_asked, 5);
	say(r, "{\"targets\":[{\"trunk\":\"t1\"}]}");
	rig_bye(r, a);
	finish(r);
}

/* More questions than there may be, one that cannot be asked at all, and a hook that goes away. */
static void test_bounds(void **state)
{
	struct rig *r = rig_new(36);
	struct rig_ua *a, *b;
	struct cfg *old;
	char error[CFG_ERROR_MAX];

	configure(r, (const char *const[]){"max_pending", "1", NULL});
	a = rig_invite(r, "5551", false);
	rig_settle(r);
	b = rig_invite(r, "5552", false);
	rig_settle(r);
	assert_int_equal(r->n_asked, 1);
	assert_int_equal(b->last, 200);
	rig_bye(r, b);
	rig_settle(r);
	/* The first still waits when the configuration takes its hook away. */
	old = r->cfg;
	r->cfg = cfg_clone(old);
	assert_int_equal(cfg_object_del(r->cfg, CFG_DIAL_PEER, view_of("50")), 0);
	assert_int_equal(cfg_object_del(r->cfg, CFG_ROUTE_HOOK, view_of("1")), 0);
	assert_int_equal(b2b_config_prepare(r->b, r->cfg, error), 0);
	b2b_config_apply(r->b, r->cfg);
	cfg_free(old);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t0");
	b2b_asked(r->b, r->asked_id, view_of("{\"targets\":[]}"), "");
	rig_bye(r, a);
	rig_settle(r);
	configure(r, NULL);
	r->ask_error = -ENOBUFS;
	a = rig_invite(r, "5551", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(r->stats.hook_failed, 1);
	rig_bye(r, a);
	finish(r);
}

/* A commit changes the hook, and the places of trunks: the call that waits goes by what is known of its own. */
static void test_commit(void **state)
{
	struct rig *r = rig_new(38);
	struct rig_ua *a;
	struct cfg *old;
	void *t1;

	t1 = cfg_object_find(r->cfg, CFG_TRUNK, VIEW("t1"));
	set(t1, CFG_TRUNK, "registrar_expires_s", "300");
	set(t1, CFG_TRUNK, "registrar_required", "true");
	set(t1, CFG_TRUNK, "credentials_number", "100");
	r->side[RIG_CALLEE].mute_trunk = 61; /* it is not registered there */
	configure(r, NULL);
	a = rig_invite(r, "5551", false);
	rig_settle(r);
	assert_int_equal(r->n_asked, 1);
	old = r->cfg;
	r->cfg = cfg_clone(old);
	set(object_in(r->cfg, CFG_TRUNK, "a0"), CFG_TRUNK, "realm", "peering");
	set(object_in(r->cfg, CFG_TRUNK, "a0"), CFG_TRUNK, "target", "ipv4:10.0.1.63");
	configure(r, (const char *const[]){"timeout_ms", "500", NULL});
	cfg_free(old);
	rig_settle(r);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t0");
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	rig_settle(r);
	rig_free(r); /* it registers as long as it lives */
}

/* limen-sip goes down while a call waits. */
static void test_free_while_waiting(void **state)
{
	struct rig *r = rig_new(37);

	configure(r, NULL);
	rig_invite(r, "5551", false);
	rig_settle(r);
	assert_int_equal(r->n_asked, 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_breaker),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_commit),
		cmocka_unit_test(test_free_while_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
