/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of what changes and finds numbers: translation rules and profiles. */
#include "controlplane/config/schema_rows.h"

#define RULE_REF_ROW(name_, syntax_, field_, help_)                                                \
	{                                                                                          \
		.kind = CFG_TRANSLATION_PROFILE, .type = CFG_T_U32, .flags = CFG_F_ZERO_NONE,      \
		.name = name_, .syntax = syntax_, FIELD(cfg_translation_profile, field_),          \
		.min = 1, .max = 2147483647, .def = 0, .ref = CFG_TRANSLATION_RULE,                \
		.help = "Change a number\n" help_, .value_help = "Tag of a voice translation-rule" \
	}

static const struct cfg_leaf rows[] = {
	/* ---- voice translation-rule TAG ---- */
	{.kind = CFG_TRANSLATION_RULE,
		.type = CFG_T_U32,
		.flags = CFG_F_KEY,
		.name = "tag",
		FIELD(cfg_translation_rule, tag),
		.min = 1,
		.max = 2147483647,
		NO_REF,
		.help = "Number of the translation",
		.value_help = "Tag of the translation"},
	{.kind = CFG_TRANSLATION_RULE,
		.type = CFG_T_TRANSLATION,
		.flags = CFG_F_LIST | CFG_F_REQUIRED,
		.name = "rules",
		.syntax = "rule",
		LIST(cfg_translation_rule, rules),
		.min = 1,
		.max = CFG_TRANSLATIONS_MAX,
		NO_REF,
		.help = "A rule; the first that fits counts",
		.value_help = "Rank, 1 first"},
	/* ---- voice translation-profile NAME ---- */
	{.kind = CFG_TRANSLATION_PROFILE,
		.type = CFG_T_NAME,
		.flags = CFG_F_KEY,
		.name = "name",
		FIELD(cfg_translation_profile, name),
		NO_REF,
		.help = "Name of the profile",
		.value_help = "Profile name, at most 31 characters"},
	RULE_REF_ROW("calling", "translate calling", calling, "That of the caller"),
	RULE_REF_ROW("called", "translate called", called, "That of the called party"),
	/* ---- voice class e164-pattern-map TAG ---- */
	{.kind = CFG_E164_MAP,
		.type = CFG_T_U32,
		.flags = CFG_F_KEY,
		.name = "tag",
		FIELD(cfg_e164_map, tag),
		.min = 1,
		.max = 10000,
		NO_REF,
		.help = "Number of the map",
		.value_help = "Tag of the map"},
	{.kind = CFG_E164_MAP,
		.type = CFG_T_LINE,
		.name = "description",
		.syntax = "description",
		FIELD(cfg_e164_map, description),
		NO_REF,
		.help = "Text about this map",
		.value_help = "Up to 79 bytes of text"},
	{.kind = CFG_E164_MAP,
		.type = CFG_T_PATTERN,
		.flags = CFG_F_LIST,
		.name = "e164",
		.syntax = "e164",
		LIST(cfg_e164_map, e164),
		NO_REF,
		.help = "A pattern of the map; many stand in a file",
		.value_help =
			"Digits; '+' first, '.' any digit, 'T' at the end: any further digits"},
	{.kind = CFG_E164_MAP,
		.type = CFG_T_WORD,
		.name = "url",
		.syntax = "url",
		FIELD(cfg_e164_map, url),
		NO_REF,
		.help = "File with patterns, one a line",
		.value_help = "flash:/NAME, a file in the directory of maps"},
};

const struct cfg_rows cfg_rows_routing = CFG_ROWS(rows);
