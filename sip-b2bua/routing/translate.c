/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See translate.h. */
#include "sip-b2bua/routing/translate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "controlplane/config/cfg.h"
#include "controlplane/config/translation.h"

#define MATCH_STEPS   20000
#define MATCH_HEAP_KB 256

struct rules {
	uint32_t n;
	pcre2_code *code[CFG_TRANSLATIONS_MAX]; /* of cfg->translation_rules[same index].rules */
};

struct translate {
	const struct cfg *cfg;
	struct rules *rules; /* one per cfg->translation_rules, same index */
	pcre2_match_context *limits;
	pcre2_match_data *match;
};

static int compile(const struct cfg_translation_rule *from, struct rules *to, char *error)
{
	char pcre[CFG_TRANSLATION_PCRE_MAX], why[CFG_ERROR_MAX];
	unsigned int groups;
	PCRE2_SIZE at;
	int code;

	for (uint32_t i = 0; i < from->n_rules; i++) {
		if (cfg_translation_regex(from->rules[i].match, pcre, &groups, why) < 0) {
			snprintf(error, TRANSLATE_REASON_MAX,
				"voice translation-rule %u rule %u: %.90s", from->tag,
				from->rules[i].rank, why);
			return -EINVAL;
		}
		to->code[i] = pcre2_compile((PCRE2_SPTR)pcre, PCRE2_ZERO_TERMINATED,
			PCRE2_DOLLAR_ENDONLY | PCRE2_DOTALL, &code, &at, NULL);
		if (!to->code[i]) {
			snprintf(error, TRANSLATE_REASON_MAX,
				"voice translation-rule %u rule %u: PCRE2 does not take it (%d)",
				from->tag, from->rules[i].rank, code);
			return -EINVAL;
		}
		to->n = i + 1;
	}
	return 0;
}

int translate_new(
	const struct cfg *cfg, struct translate **ret_translate, char error[TRANSLATE_REASON_MAX])
{
	struct translate *t = calloc(1, sizeof(*t));
	uint32_t n = cfg->n_translation_rules;
	int rc = -ENOMEM;

	snprintf(error, TRANSLATE_REASON_MAX, "memory is short");
	if (!t)
		return -ENOMEM;
	t->cfg = cfg;
	t->rules = calloc(n ? n : 1, sizeof(*t->rules));
	t->limits = pcre2_match_context_create(NULL);
	t->match = pcre2_match_data_create(CFG_TRANSLATION_GROUPS + 1, NULL);
	if (!t->rules || !t->limits || !t->match)
		goto out;
	pcre2_set_match_limit(t->limits, MATCH_STEPS);
	pcre2_set_heap_limit(t->limits, MATCH_HEAP_KB);
	for (uint32_t i = 0; i < n; i++) {
		rc = compile(&cfg->translation_rules[i], &t->rules[i], error);
		if (rc < 0)
			goto out;
	}
	*ret_translate = t;
	return 0;
out:
	translate_free(t);
	return rc;
}

void translate_free(struct translate *translate)
{
	if (!translate)
		return;
	for (uint32_t i = 0; translate->rules && i < translate->cfg->n_translation_rules; i++) {
		for (uint32_t k = 0; k < CFG_TRANSLATIONS_MAX; k++)
			pcre2_code_free(translate->rules[i].code[k]);
	}
	free(translate->rules);
	pcre2_match_data_free(translate->match);
	pcre2_match_context_free(translate->limits);
	free(translate);
}

/* Appends; false when it does not fit. */
static bool put(char *dst, size_t *n, const char *text, size_t len)
{
	if (len >= TRANSLATE_NUMBER_MAX - *n)
		return false;
	memcpy(dst + *n, text, len);
	*n += len;
	dst[*n] = '\0';
	return true;
}

static bool put_group(const struct translate *t, const char *number, unsigned int group,
	unsigned int n_groups, char *dst, size_t *n)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(t->match);

	if (group >= n_groups || at[2 * group] == PCRE2_UNSET)
		return true; /* it took no part in the match */
	return put(dst, n, number + at[2 * group], at[2 * group + 1] - at[2 * group]);
}

/* The number with the replacement in the place of what matched. */
static bool replace(const struct translate *t, const char *replacement, unsigned int n_groups,
	const char *number, char ret[TRANSLATE_NUMBER_MAX])
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(t->match);
	size_t n = 0;
	bool fits = put(ret, &n, number, at[0]);

	for (const char *p = replacement; fits && *p; p++) {
		if (*p == '&')
			fits = put_group(t, number, 0, n_groups, ret, &n);
		else if (*p == '\\' && p[1] >= '0' && p[1] <= '9')
			fits = put_group(t, number, (unsigned int)(*++p - '0'), n_groups, ret, &n);
		else if (*p == '\\')
			fits = put(ret, &n, ++p, 1);
		else
			fits = put(ret, &n, p, 1);
	}
	return fits && put(ret, &n, number + at[1], strlen(number + at[1]));
}

enum translate_outcome translate_number(struct translate *translate, uint32_t tag,
	const char *number, char ret[TRANSLATE_NUMBER_MAX], uint32_t *ret_rank)
{
	const struct cfg_translation_rule *rule = cfg_find_translation_rule(translate->cfg, tag);
	const struct rules *rules;
	char text[TRANSLATE_NUMBER_MAX];
	int rc = PCRE2_ERROR_NOMATCH;
	uint32_t i;

	*ret_rank = 0;
	ret[0] = '\0';
	if (view_copy(view_of(number), text, sizeof(text)) < 0)
		return TRANSLATE_FAILED;
	memcpy(ret, text, sizeof(text));
	if (!rule)
		return TRANSLATE_SAME;
	rules = &translate->rules[rule - translate->cfg->translation_rules];
	for (i = 0; i < rules->n && rc == PCRE2_ERROR_NOMATCH; i++)
		rc = pcre2_match(rules->code[i], (PCRE2_SPTR)text, strlen(text), 0, 0,
			translate->match, translate->limits);
	if (rc == PCRE2_ERROR_NOMATCH)
		return TRANSLATE_SAME;
	*ret_rank = rule->rules[i - 1].rank;
	if (rc < 0)
		return TRANSLATE_FAILED;
	if (rule->rules[i - 1].reject)
		return TRANSLATE_REJECTED;
	if (!replace(translate, rule->rules[i - 1].replace, (unsigned int)rc, text, ret)) {
		memcpy(ret, text, sizeof(text));
		return TRANSLATE_FAILED;
	}
	return strcmp(ret, text) == 0 ? TRANSLATE_SAME : TRANSLATE_CHANGED;
}

/* One of the two numbers; tag 0: it has no rules. */
static bool apply(struct translate *t, const struct cfg_translation_profile *profile, bool calling,
	const char *whose, struct numbers *numbers, struct translate_steps *steps, char *why)
{
	char *number = calling ? numbers->calling : numbers->called;
	struct translate_step step = {.profile = profile->name,
		.whose = whose,
		.calling = calling,
		.tag = calling ? profile->calling : profile->called};

	if (step.tag == 0)
		return true;
	step.outcome = translate_number(t, step.tag, number, step.after, &step.rank);
	memcpy(step.before, number, sizeof(step.before));
	memcpy(number, step.after, sizeof(step.after));
	if (steps && step.rank != 0 && steps->n < TRANSLATE_STEPS_MAX)
		steps->step[steps->n++] = step;
	if (step.outcome == TRANSLATE_REJECTED || step.outcome == TRANSLATE_FAILED) {
		snprintf(why, TRANSLATE_REASON_MAX,
			"voice translation-rule %u rule %u (%s) %s the %s number %.40s", step.tag,
			step.rank, whose,
			step.outcome == TRANSLATE_REJECTED ? "rejects" : "cannot be applied to",
			calling ? "calling" : "called", step.before);
		return false;
	}
	return true;
}

bool translate_profile(struct translate *translate, const char *profile, const char *whose,
	struct numbers *numbers, struct translate_steps *steps, char why[TRANSLATE_REASON_MAX])
{
	const struct cfg_translation_profile *p = profile[0] ? cfg_find_translation_profile(
								       translate->cfg, profile)
							     : NULL;

	return !p || (apply(translate, p, true, whose, numbers, steps, why) &&
			     apply(translate, p, false, whose, numbers, steps, why));
}

bool translate_redirecting(
	struct translate *translate, const char *profile, char number[TRANSLATE_NUMBER_MAX])
{
	const struct cfg_translation_profile *p = profile[0] ? cfg_find_translation_profile(
								       translate->cfg, profile)
							     : NULL;
	char after[TRANSLATE_NUMBER_MAX];
	enum translate_outcome outcome;
	uint32_t rank;

	if (!p || p->redirect_called == 0)
		return true;
	outcome = translate_number(translate, p->redirect_called, number, after, &rank);
	memcpy(number, after, sizeof(after));
	return outcome == TRANSLATE_SAME || outcome == TRANSLATE_CHANGED;
}
