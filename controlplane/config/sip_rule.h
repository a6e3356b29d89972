/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A rule of a voice class sip-profiles as it is typed:
 *
 *   [RANK] request METHOD|ANY sip-header|sdp-header NAME ACTION
 *   [RANK] response STATUS|ANY [method METHOD|ANY] sip-header|sdp-header NAME ACTION
 *
 *   ACTION: add "TEXT" | copy "MATCH" uNN | modify "MATCH" "TEXT" | remove
 *
 * MATCH is a regular expression (Perl's), looked for in the whole line, name included. TEXT may hold
 * \0 to \9 (what matched, its groups) and \u01 to \u19 (what was copied). A quote within quotes is \".
 * Any thread.
 */
#pragma once

#include "controlplane/config/schema.h"

/* Without a rank ret->rank is 0. -EINVAL with a sentence. */
int cfg_sip_rule_parse(struct view text, struct cfg_sip_rule *ret, char error[CFG_ERROR_MAX])
	__attribute__((warn_unused_result));
char *cfg_sip_rule_print(const struct cfg_sip_rule *rule, char buf[CFG_VALUE_MAX]);
/* The place of what "no ..." names: a rank alone, or a rule with or without its rank. -ENOENT. */
int cfg_sip_rule_find(const struct cfg_sip_rule *rules, unsigned int n, struct view text,
	char error[CFG_ERROR_MAX]);
/*
 * Gives a rule without a rank the next one; true: the same rule is there already. The last rank there is
 * taken anew when there is none behind it.
 */
bool cfg_sip_rule_number(
	const struct cfg_sip_rule *rules, unsigned int n, struct cfg_sip_rule *rule);
