/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A line of an access list as it is typed, and in the form in which the data plane matches it:
 *
 *   [NUMBER] permit|deny PROTOCOL SOURCE [PORTS] DESTINATION [PORTS] [TYPE [CODE]] [established]
 *           [fragments]
 *   [NUMBER] remark TEXT
 *
 * An address is any, host A, A/LEN or, of IPv4, A WILDCARD; ports are eq N, range N M, gt N, lt N.
 */
#pragma once

#include "controlplane/config/schema.h"

/* number 0: none was given. -EINVAL with a sentence. */
int cfg_rule_parse(unsigned int family, struct view text, struct cfg_rule *ret,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
char *cfg_rule_print(unsigned int family, const struct cfg_rule *rule, char buf[CFG_VALUE_MAX]);

/*
 * Gives a rule without a number that of the place behind the last one. True: it is there already,
 * whatever its number.
 */
bool cfg_rule_number(const struct cfg_rule *rules, unsigned int n, struct cfg_rule *rule);
/* The place of what "no TEXT" names: a number, or a rule with or without it. -ENOENT. */
int cfg_rule_find(unsigned int family, const struct cfg_rule *rules, unsigned int n,
	struct view text, char error[CFG_ERROR_MAX]);
