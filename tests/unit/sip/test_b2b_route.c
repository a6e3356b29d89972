/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What routing decides, as the called side and the record see it. */
#include "b2b_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controlplane/config/schema.h"

#define LONG_MS 400000 /* longer than every timer of a call that ends */

static void finish(struct rig *r)
{
	rig_settle(r);
	rig_pass(r, LONG_MS);
	rig_expect_empty(r);
	rig_free(r);
}

/* Another configuration to be edited, and what ran until then. */
static struct cfg *edit(struct rig *r)
{
	struct cfg *old = r->cfg;

	r->cfg = cfg_clone(old);
	assert_non_null(r->cfg);
	return old;
}

static void *object(struct rig *r, enum cfg_kind kind, const char *key)
{
	char error[CFG_ERROR_MAX];
	void *obj;

	assert_int_equal(cfg_object_add(r->cfg, kind, view_of(key), &obj, error), 0);
	return obj;
}

static void set(void *obj, enum cfg_kind kind, const char *setting, const char *value)
{
	char error[CFG_ERROR_MAX];

	if (cfg_leaf_set(cfg_leaf_find(kind, setting), obj, view_of(value), error) < 0)
		fail_msg("%s: %s", setting, error);
}

static void apply(struct rig *r, struct cfg *old)
{
	char error[CFG_ERROR_MAX];

	if (b2b_config_prepare(r->b, r->cfg, error) < 0)
		fail_msg("%s", error);
	b2b_config_apply(r->b, r->cfg);
	cfg_free(old);
}

/* Trunk "phone" is who calls in the rig. */
static void translations(struct rig *r)
{
	static const struct {
		const char *tag, *rule;
	} rules[] = {
		{"1", "1 /^0/ /1/"},
		{"1", "2 reject /^666/"},
		{"2", "1 /^1\\(.*\\)$/ /+49\\1#/"},
		{"3", "1 /^phone$/ /0 30/"},
		{"3", "2 reject /^17/"},
	};
	static const char *const profiles[][3] = {
		/* name, calling, called */
		{"in", NULL, "1"},
		{"peer", "3", "3"},
		{"out", NULL, "2"},
	};
	struct cfg *old = edit(r);
	struct cfg_trunk *phone;
	void *obj;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		set(object(r, CFG_TRANSLATION_RULE, rules[i].tag), CFG_TRANSLATION_RULE, "rules",
			rules[i].rule);
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		obj = object(r, CFG_TRANSLATION_PROFILE, profiles[i][0]);
		if (profiles[i][1])
			set(obj, CFG_TRANSLATION_PROFILE, "calling", profiles[i][1]);
		set(obj, CFG_TRANSLATION_PROFILE, "called", profiles[i][2]);
	}
	phone = object(r, CFG_TRUNK, "phone");
	snprintf(phone->realm, sizeof(phone->realm), "access");
	set(phone, CFG_TRUNK, "target", "ipv4:10.0.0.50:5060");
	set(phone, CFG_TRUNK, "translation_incoming", "in");
	set(object(r, CFG_TRUNK, "t0"), CFG_TRUNK, "translation_outgoing", "out");
	set(object(r, CFG_DIAL_PEER, "10"), CFG_DIAL_PEER, "translation_outgoing", "peer");
	apply(r, old);
}

static void test_numbers(void **state)
{
	struct rig *r = rig_new(11);
	const struct sip_msg *invite;
	const struct ctl_call *rec;
	struct rig_ua *a;

	translations(r);
	r->side[RIG_CALLEE].answer = 0;
	a = rig_invite(r, "0301", false);
	rig_settle(r);
	invite = sip_stxn_request(rig_callee(r)->in);
	assert_non_null(invite);
	assert_true(view_eq(invite->uri.user, VIEW("+49301%23")));
	assert_true(view_eq(invite->to.uri.user, VIEW("+49301%23")));
	assert_true(view_eq(invite->from.uri.user, VIEW("0%2030")));
	rec = &rig_last_call(r)->rec;
	assert_string_equal(rec->called[0], "0301");
	assert_string_equal(rec->called[1], "+49301#");
	assert_string_equal(rec->calling[0], "phone");
	assert_string_equal(rec->calling[1], "0 30");
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	finish(r);
}

/* A trunk that is tried next gets its own numbers, not those of the one before. */
static void test_hunt(void **state)
{
	struct rig *r = rig_new(12);
	const struct ctl_call *rec;
	struct rig_ua *a;
	struct cfg *old;

	translations(r);
	old = edit(r);
	set(object(r, CFG_TRANSLATION_RULE, "2"), CFG_TRANSLATION_RULE, "rules", "2 /^2/ /9/");
	apply(r, old);
	r->side[RIG_CALLEE].busy_trunk = 60;
	a = rig_invite(r, "200", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rec = &rig_last_call(r)->rec;
	assert_string_equal(rec->trunk[1], "t1");
	assert_string_equal(rec->called[1], "200");
	rig_bye(r, a);
	finish(r);
}

static void test_rejected(void **state)
{
	static const struct {
		const char *number, *reason;
	} rows[] = {
		{"6661", "voice translation-rule 1 rule 2 (incoming of its trunk) rejects the "
			 "called number 6661"},
		{"071", "dial-peer 10: voice translation-rule 3 rule 2 rejects the numbers"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(13);
		struct rig_ua *a;

		translations(r);
		a = rig_invite(r, rows[i].number, false);
		rig_settle(r);
		assert_int_equal(a->last, 403);
		assert_string_equal(rig_last_call(r)->rec.reason, rows[i].reason);
		finish(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_hunt),
		cmocka_unit_test(test_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
