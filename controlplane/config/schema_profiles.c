/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of voice class sip-profiles. */
#include "controlplane/config/schema_rows.h"

static const struct cfg_leaf rows[] = {
	{.kind = CFG_SIP_PROFILE,
		.type = CFG_T_U32,
		.flags = CFG_F_KEY,
		.name = "tag",
		FIELD(cfg_sip_profile, tag),
		.min = 1,
		.max = 10000,
		NO_REF,
		.help = "Number of the class",
		.value_help = "Tag of the class"},
	{.kind = CFG_SIP_PROFILE,
		.type = CFG_T_SIP_RULE,
		.flags = CFG_F_LIST | CFG_F_REQUIRED,
		.name = "rules",
		.syntax = "rule",
		LIST(cfg_sip_profile, rules),
		.min = 1,
		.max = CFG_SIP_RANK_MAX,
		NO_REF,
		.help = "A rule; all that fit are carried out, in the order of their ranks",
		.value_help = "Rank, 1 first"},
};

const struct cfg_rows cfg_rows_profiles = CFG_ROWS(rows);
