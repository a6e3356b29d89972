/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Voice translation rules: how they are written, and what they make of numbers; by tables. */
#include "sip-b2bua/routing/translate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/config/schema.h"
#include "controlplane/config/translation.h"

static struct cfg *cfg_of(const char *const *rules)
{
	struct cfg *cfg = cfg_new();
	char error[CFG_ERROR_MAX];
	void *obj;

	assert_non_null(cfg);
	assert_int_equal(cfg_object_add(cfg, CFG_TRANSLATION_RULE, VIEW("7"), &obj, error), 0);
	for (; *rules; rules++) {
		if (cfg_leaf_set(cfg_leaf_find(CFG_TRANSLATION_RULE, "rules"), obj, view_of(*rules),
			    error) < 0)
			fail_msg("%s: %s", *rules, error);
	}
	return cfg;
}

static struct translate *compiled(const struct cfg *cfg)
{
	char error[TRANSLATE_REASON_MAX];
	struct translate *t;

	if (translate_new(cfg, &t, error) < 0)
		fail_msg("%s", error);
	return t;
}

static void test_one_rule(void **state)
{
	static const struct {
		const char *rule, *number, *want; /* NULL: nothing fits */
	} rows[] = {
		{"1 /^0\\(.*\\)/ /+49\\1/", "030123", "+4930123"},
		{"1 /^0\\(.*\\)/ /+49\\1/", "+4930123", NULL},
		{"1 /^\\+49/ /0/", "+4930123", "030123"},
		{"1 /^+49/ /0/", "+4930123", "030123"},
		{"1 /^+49/ /0/", "+4830123", NULL},
		{"1 /123/ /456/", "91230", "94560"}, /* what does not match stays */
		{"1 /^9\\(...\\)\\(...\\)$/ /\\2\\1/", "9123456", "456123"},
		{"1 /^9\\(...\\)\\(...\\)$/ /\\2\\1/", "91234567", NULL},
		{"1 /^.*/ //", "123", ""},
		{"1 /^$/ /100/", "", "100"},
		{"1 /^$/ /100/", "1", NULL},
		{"1 /.*/ /&#/", "12", "12#"},
		{"1 /.*/ /\\&\\/\\\\/", "12", "&/\\"},
		{"1 /\\(1\\)\\(x\\)*/ /[\\2\\1\\0]/", "1", "[11]"}, /* a group without part in it */
		{"1 /[2-9]*$/ /0/", "123", "10"},
		{"1 /^[^0-1]/ /x/", "12", NULL},
		{"1 /^[^0-1]/ /x/", "22", "x2"},
		{"1 /^[-+]/ /x/", "+1", "x1"},
		{"1 /1+2?3/ /x/", "1113", "x"},
		{"1 /1+2?3/ /x/", "11223", NULL},
		{"1 /^\\*31#/ /x/", "*31#1", "x1"},
		{"1 /a|b/ /x/", "a", NULL}, /* '|', '(', '{' are no words of sed's */
		{"1 /a|b/ /x/", "a|b", "x"},
		{"1 /(1)/ /x/", "1", NULL},
		{"1 /(1)/ /x/", "(1)", "x"},
		{"1 /1{2}/ /x/", "11", NULL},
		{"1 /\\$1/ /x/", "$1", "x"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const rules[] = {rows[i].rule, NULL};
		char got[TRANSLATE_NUMBER_MAX];
		enum translate_outcome outcome;
		struct translate *t;
		struct cfg *cfg;
		uint32_t rank;

		cfg = cfg_of(rules);
		t = compiled(cfg);
		outcome = translate_number(t, 7, rows[i].number, got, &rank);
		if (strcmp(got, rows[i].want ? rows[i].want : rows[i].number) != 0 ||
			(outcome == TRANSLATE_CHANGED) != (rows[i].want != NULL) ||
			rank != (rows[i].want ? 1 : 0))
			fail_msg("%s on %s: got \"%s\" (%d, rule %u), want \"%s\"", rows[i].rule,
				rows[i].number, got, (int)outcome, rank,
				rows[i].want ? rows[i].want : "as it is");
		translate_free(t);
		cfg_free(cfg);
	}
}

static void test_not_a_rule(void **state)
{
	static const char *const rows[] = {
		"1 /*1/ /x/",
		"1 /^*31#/ /x/",
		"1 /?/ /x/",
		"1 /1**/ /x/",
		"1 /1*+/ /x/", /* would be possessive */
		"1 /1+?/ /x/",
		"1 /\\(1/ /x/",
		"1 /1\\)/ /x/",
		"1 /\\(\\(1*\\)2\\)*/ /x/", /* runs for ever on 111...3 */
		"1 /\\(.*\\)+/ /x/",
		"1 /1^/ /x/",
		"1 /$1/ /x/",
		"1 /[1/ /x/",
		"1 /[]/ /x/",
		"1 /[2-1]/ /x/",
		"1 /[[:alpha:]]/ /x/",
		"1 /\\d/ /x/",
		"1 /\\(1\\)\\1/ /x/", /* a reference back */
		"1 /1/ /\\1/",
		"1 /\\(1\\)/ /\\2/",
		"1 /1/ /\\x/",
		"1 /1/ /x\\/",
		"1 /1\t/ /x/",
		"1 /1/ /x/ type any",
		"1 reject /1/ /x/",
		"1 /0123456789012345678901234567890123456789012345678901234567890123/ /x/",
		"1 /1/ /0123456789012345678901234567890123456789/",
		"1 /\\(1\\)\\(2\\)\\(3\\)\\(4\\)\\(5\\)\\(6\\)\\(7\\)\\(8\\)\\(9\\)\\(0\\)/ /x/",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cfg_translation rule;
		char error[CFG_ERROR_MAX] = "";

		if (cfg_translation_parse(100, view_of(rows[i]), &rule, error) != -EINVAL)
			fail_msg("%s was taken", rows[i]);
		assert_true(error[0] != '\0');
	}
}

static void test_order_and_reject(void **state)
{
	static const char *const rules[] = {
		"30 /^0/ /+49/", "10 /^00/ /+/", "20 reject /^0900/", "5 /^000/ /000/", NULL};
	static const struct {
		const char *number, *want;
		enum translate_outcome outcome;
		uint32_t rank;
	} rows[] = {
		{"0044", "+44", TRANSLATE_CHANGED, 10},
		{"0900123", "0900123", TRANSLATE_REJECTED, 20},
		{"030", "+4930", TRANSLATE_CHANGED, 30},
		{"0001", "0001", TRANSLATE_SAME, 5}, /* it fits, so the others do not count */
		{"112", "112", TRANSLATE_SAME, 0},
	};
	struct cfg *cfg = cfg_of(rules);
	struct translate *t = compiled(cfg);
	char got[TRANSLATE_NUMBER_MAX], longest[TRANSLATE_NUMBER_MAX + 1];
	uint32_t rank;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			translate_number(t, 7, rows[i].number, got, &rank), rows[i].outcome);
		assert_string_equal(got, rows[i].want);
		assert_int_equal(rank, rows[i].rank);
	}
	assert_int_equal(translate_number(t, 8, "030", got, &rank), TRANSLATE_SAME);
	assert_string_equal(got, "030");
	/* 63 characters are a number; the two more that rule 30 makes of it are not. */
	memset(longest, '1', sizeof(longest));
	longest[0] = '0';
	longest[TRANSLATE_NUMBER_MAX - 1] = '\0';
	assert_int_equal(translate_number(t, 7, longest, got, &rank), TRANSLATE_FAILED);
	assert_string_equal(got, longest);
	assert_int_equal(rank, 30);
	longest[TRANSLATE_NUMBER_MAX - 1] = '1';
	longest[TRANSLATE_NUMBER_MAX] = '\0';
	assert_int_equal(translate_number(t, 7, longest, got, &rank), TRANSLATE_FAILED);
	assert_int_equal(rank, 0);
	translate_free(t);
	cfg_free(cfg);
}

/* The worst that the grammar lets in ends by the limit of steps, not by patience. */
static void test_bounded(void **state)
{
	static const char *const rules[] = {"1 /.*.*.*.*.*.*.*.*.*.*.*x2/ /y/", NULL};
	struct cfg *cfg = cfg_of(rules);
	struct translate *t = compiled(cfg);
	char number[TRANSLATE_NUMBER_MAX], got[TRANSLATE_NUMBER_MAX];
	uint32_t rank;

	memset(number, '1', sizeof(number));
	memcpy(number, "2x", 2);
	number[sizeof(number) - 1] = '\0';
	assert_int_equal(translate_number(t, 7, number, got, &rank), TRANSLATE_FAILED);
	assert_string_equal(got, number);
	assert_int_equal(rank, 1);
	assert_int_equal(translate_number(t, 7, "11x2", got, &rank), TRANSLATE_CHANGED);
	assert_string_equal(got, "y");
	translate_free(t);
	cfg_free(cfg);
}

static void test_profile(void **state)
{
	static const char *const rules[] = {"1 reject /^9/", "2 /^0/ /+49/", NULL};
	static struct cfg_translation_profile profile = {.name = "p", .calling = 7, .called = 7};
	struct cfg *cfg = cfg_of(rules);
	struct numbers numbers = {.calling = "0301", .called = "0892"};
	struct translate_steps steps = {0};
	char why[TRANSLATE_REASON_MAX] = "";
	struct translate *t;

	cfg->translation_profiles = &profile;
	cfg->n_translation_profiles = 1;
	t = compiled(cfg);
	assert_true(translate_profile(t, "p", "trunk a", &numbers, &steps, why));
	assert_string_equal(numbers.calling, "+49301");
	assert_string_equal(numbers.called, "+49892");
	assert_int_equal(steps.n, 2);
	assert_true(steps.step[0].calling);
	assert_string_equal(steps.step[1].before, "0892");
	assert_string_equal(steps.step[1].after, "+49892");
	assert_int_equal(steps.step[1].rank, 2);
	numbers = (struct numbers){.calling = "911", .called = "0892"};
	assert_false(translate_profile(t, "p", "trunk a", &numbers, NULL, why));
	assert_string_equal(
		why, "voice translation-rule 7 rule 1 (trunk a) rejects the calling number 911");
	assert_true(translate_profile(t, "", "trunk a", &numbers, NULL, why));
	translate_free(t);
	cfg->translation_profiles = NULL;
	cfg->n_translation_profiles = 0;
	cfg_free(cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_rule),
		cmocka_unit_test(test_not_a_rule),
		cmocka_unit_test(test_order_and_reject),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
