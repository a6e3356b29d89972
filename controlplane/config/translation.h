/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A rule of a voice translation-rule as it is typed:
 *
 *   RANK /MATCH/ /REPLACEMENT/
 *   RANK reject /MATCH/
 *
 * MATCH is a regular expression in the form of sed: . [abc] [^0-9] ^ $ * + ? and groups in \( \).
 * A '+' with nothing before it stands for itself, as in /^+49/; a backslash makes any other
 * character stand for itself. REPLACEMENT takes the place of what matched: \0 or & is all of it,
 * \1 to \9 are the groups. What does not match stays.
 *
 * Expressions are kept from running away: no repetition of a group that repeats, no references
 * back, and the limits of length of cfg_model.h; who matches limits the steps. Any thread.
 */
#pragma once

#include "controlplane/config/schema.h"

#define CFG_TRANSLATION_GROUPS	 9
#define CFG_TRANSLATION_PCRE_MAX 160 /* of an expression in the words of PCRE2, with its NUL */

/* rank: 1..max. -EINVAL with a sentence. */
int cfg_translation_parse(uint32_t max, struct view text, struct cfg_translation *ret,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
char *cfg_translation_print(const struct cfg_translation *rule, char buf[CFG_VALUE_MAX]);
/* The place of what "no rule TEXT" names: a rank alone, or the whole rule. -ENOENT. */
int cfg_translation_find(uint32_t max, const struct cfg_translation *rules, unsigned int n,
	struct view text, char error[CFG_ERROR_MAX]);

/* match in the words of PCRE2. -EINVAL with a sentence; ret_groups: how many there are. */
int cfg_translation_regex(const char *match, char ret_pcre[CFG_TRANSLATION_PCRE_MAX],
	unsigned int *ret_groups, char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
