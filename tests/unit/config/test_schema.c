/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Goes over every row of the schema: it has help, its values survive each form, what is out of
 * bounds is refused, and the default comes back.
 */
#include "tests/unit/config/samples.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* A configuration with the object of the row in it. */
static struct cfg *with_object(const struct cfg_leaf *leaf, void **ret_obj)
{
	struct cfg *cfg = cfg_new();
	const char *key = sample_key(leaf->kind);
	char error[CFG_ERROR_MAX];

	assert_non_null(cfg);
	if (!key)
		assert_true(cfg_objects[leaf->kind].single);
	if (cfg_object_add(cfg, leaf->kind, view_of(key), ret_obj, error) < 0)
		fail_msg("%s: %s", leaf->name, error);
	return cfg;
}

static void through_text_and_json(const struct cfg_leaf *leaf, const struct cfg *cfg)
{
	char error[CFG_ERROR_MAX], *text;
	struct cfg *back;
	struct json_t *json;
	size_t len;

	assert_int_equal(cfg_to_text(cfg, &text, &len), 0);
	if (cfg_from_text(text, len, "text", &back, error) < 0)
		fail_msg("%s: %s in\n%s", leaf->name, error, text);
	assert_true(cfg_equal(cfg, back));
	cfg_free(back);
	free(text);

	json = cfg_to_json(cfg, false);
	assert_non_null(json);
	text = json_dumps(json, 0);
	json_decref(json);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	if (cfg_from_json(json, &back, error) < 0)
		fail_msg("%s: %s in\n%s", leaf->name, error, text);
	assert_true(cfg_equal(cfg, back));
	json_decref(json);
	cfg_free(back);
	free(text);
}

/* Shown and compared with an empty configuration, the value is one line, or it is the default. */
static void through_lines(
	const struct cfg_leaf *leaf, const struct cfg *cfg, const void *obj, const char *value)
{
	struct cfg *empty = cfg_new();
	struct buf shown = {0}, diff = {0};

	assert_non_null(empty);
	cfg_print_object(leaf->kind, obj, false, &shown);
	cfg_print_diff(empty, cfg, &diff);
	assert_false(shown.failed || diff.failed);
	if (!(leaf->flags & CFG_F_KEY) && !cfg_leaf_is_default(leaf, obj)) {
		if (leaf->type != CFG_T_BOOL && cfg_leaf_is_set(leaf, obj) &&
			!strstr(shown.p, value))
			fail_msg("%s: %s is not in %s", leaf->name, value, shown.p);
		assert_non_null(diff.p);
		assert_non_null(strstr(diff.p, "+"));
	}
	buf_free(&shown);
	buf_free(&diff);
	cfg_free(empty);
}

static void check_good(const struct cfg_leaf *leaf, const char *value)
{
	char error[CFG_ERROR_MAX], printed[CFG_VALUE_MAX];
	void *obj;
	struct cfg *cfg = with_object(leaf, &obj);

	if (leaf->flags & CFG_F_KEY) {
		cfg_free(cfg);
		cfg = cfg_new();
		if (cfg_object_add(cfg, leaf->kind, view_of(value), &obj, error) < 0)
			fail_msg("%s: %s", leaf->name, error);
	} else if (cfg_leaf_set(leaf, obj, view_of(value), error) < 0) {
		fail_msg("%s: %s: %s", leaf->name, value, error);
	}
	cfg_value_print(leaf, cfg_leaf_at(leaf, obj, 0), printed);
	assert_string_equal(printed, value);
	through_text_and_json(leaf, cfg);
	through_lines(leaf, cfg, obj, value);
	cfg_leaf_reset(leaf, obj);
	assert_true((leaf->flags & CFG_F_KEY) || cfg_leaf_is_default(leaf, obj));
	cfg_leaf_none(leaf, obj);
	if (leaf->type == CFG_T_BOOL || (leaf->flags & (CFG_F_LIST | CFG_F_ZERO_NONE)))
		assert_false(cfg_leaf_is_set(leaf, obj));
	through_lines(leaf, cfg, obj, "no ");
	cfg_free(cfg);
}

static void check_bad(const struct cfg_leaf *leaf, const char *value)
{
	char error[CFG_ERROR_MAX] = "", memory[CFG_VALUE_MAX], before[CFG_VALUE_MAX];

	memset(memory, 0x55, sizeof(memory));
	memcpy(before, memory, sizeof(before));
	if (cfg_value_parse(leaf, view_of(value), memory, error) != -EINVAL)
		fail_msg("%s takes '%s'", leaf->name, value);
	assert_int_not_equal(error[0], 0);
	if (leaf->type != CFG_T_NAME && leaf->type != CFG_T_WORD && leaf->type != CFG_T_LINE &&
		leaf->type != CFG_T_PATTERN)
		assert_memory_equal(memory, before, sizeof(memory));
}

static void check_bounds(const struct cfg_leaf *leaf)
{
	char text[32];

	if (leaf->min > 1 || (leaf->min == 1 && !(leaf->flags & CFG_F_ZERO_NONE))) {
		snprintf(text, sizeof(text), "%u", leaf->min - 1);
		check_bad(leaf, text);
	}
	snprintf(text, sizeof(text), "%llu", leaf->max + 1ull);
	check_bad(leaf, text);
	check_bad(leaf, "");
	check_bad(leaf, "-1");
	check_bad(leaf, "1x");
	if (leaf->flags & CFG_F_ZERO_NONE)
		check_good(leaf, "0");
	assert_true(leaf->min <= leaf->max && leaf->max <= 2147483647);
	assert_true((leaf->flags & CFG_F_KEY) ||
		    (leaf->def == 0 && (leaf->flags & CFG_F_ZERO_NONE)) ||
		    (leaf->def >= leaf->min && leaf->def <= leaf->max));
}

static void test_every_row(void **state)
{
	for (const struct cfg_leaf *leaf = NULL; (leaf = cfg_leaf_next(leaf)) != NULL;) {
		char buf[CFG_VALUE_MAX], error[CFG_ERROR_MAX];
		const struct sample *sample = sample_of(leaf);
		const char *value;

		for (unsigned int j = 0; (value = sample_good(leaf, j, buf)); j++) {
			if (leaf->type == CFG_T_NAME && strlen(value) >= leaf->size)
				continue;
			check_good(leaf, value);
		}
		for (unsigned int j = 0; sample && j < 6 && sample->bad[j]; j++)
			check_bad(leaf, sample->bad[j]);
		if (leaf->type == CFG_T_U32)
			check_bounds(leaf);
		if (leaf->type == CFG_T_ENUM)
			check_bad(leaf, "nothing-of-this");
		(void)error;
	}
}

static unsigned int count_lines(const char *text)
{
	unsigned int n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static unsigned int count_words(const char *text)
{
	unsigned int n = 0;

	for (; *text && *text != '|'; text++)
		n += *text != ' ' && *text != '$' && (text[1] == ' ' || !text[1] || text[1] == '|');
	return n;
}

/* Each row says what it is: a line of help for each of its words, and what its value means. */
static void test_help(void **state)
{
	for (const struct cfg_leaf *leaf = NULL; (leaf = cfg_leaf_next(leaf)) != NULL;) {
		assert_non_null(leaf->name);
		assert_true(leaf->help && *leaf->help);
		if (!(leaf->flags & CFG_F_KEY) && *leaf->syntax &&
			count_lines(leaf->help) != count_words(leaf->syntax))
			fail_msg("%s: %u words, %u lines of help", leaf->syntax,
				count_words(leaf->syntax), count_lines(leaf->help));
		if (leaf->type != CFG_T_BOOL && leaf->type != CFG_T_ENUM)
			assert_true(leaf->value_help && *leaf->value_help);
		for (const struct cfg_word *w = leaf->words; w && w->word; w++)
			assert_true(w->help && *w->help);
		assert_ptr_equal(cfg_leaf_find(leaf->kind, leaf->name), leaf);
	}
	for (unsigned int kind = 0; kind < CFG_N_KINDS; kind++) {
		assert_int_equal(cfg_objects[kind].kind, kind);
		if (cfg_objects[kind].syntax)
			assert_int_equal(count_lines(cfg_objects[kind].help),
				count_words(cfg_objects[kind].syntax));
		assert_true(cfg_objects[kind].single || cfg_leaf_key(kind));
	}
}

static void test_other_spellings(void **state)
{
	static const struct {
		enum cfg_kind kind;
		const char *leaf, *typed, *canonical;
	} cases[] = {
		{CFG_INTERFACE, "address", "10.0.0.1 255.255.255.0", "10.0.0.1/24"},
		{CFG_INTERFACE, "address", "10.0.0.1 255.255.255.255", "10.0.0.1/32"},
		{CFG_ROUTE, "dest", "10.0.0.0 255.0.0.0", "10.0.0.0/8"},
		{CFG_ROUTE, "dest", "0.0.0.0 0.0.0.0", "0.0.0.0/0"},
		{CFG_REALM, "listen", "udp 10.0.0.1", "udp 10.0.0.1 5060"},
		{CFG_REALM, "dscp_media", "46", "ef"},
		{CFG_REALM, "media_ipv6", "2001:DB8:0:0::1", "2001:db8::1"},
		{CFG_TRUNK, "target", "ipv4:10.0.0.1", "ipv4:10.0.0.1:5060"},
		{CFG_TRUNK, "target", "ipv6:[2001:db8::1]", "ipv6:[2001:db8::1]:5060"},
		{CFG_TRUNK, "target", "dns:SIP.Example.COM", "dns:sip.example.com"},
		{CFG_SERVER_GROUP, "servers", "ipv4 10.0.0.1 weight 1", "ipv4 10.0.0.1 port 5060"},
	};
	char error[CFG_ERROR_MAX], text[CFG_VALUE_MAX],
		value[CFG_VALUE_MAX] __attribute__((aligned(8)));

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct cfg_leaf *leaf = cfg_leaf_find(cases[i].kind, cases[i].leaf);
		if (cfg_value_parse(leaf, view_of(cases[i].typed), value, error) < 0)
			fail_msg("%s: %s", cases[i].typed, error);
		assert_string_equal(cfg_value_print(leaf, value, text), cases[i].canonical);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_other_spellings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
