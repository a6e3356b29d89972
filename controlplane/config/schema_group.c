/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of server groups: several servers that calls of one trunk are spread over. */
#include "controlplane/config/schema_rows.h"

static const struct cfg_word hunt_words[] = {
	{"preference", CFG_HUNT_PREFERENCE, "By their preference, the lowest first"},
	{"round-robin", CFG_HUNT_ROUND_ROBIN, "All in turn, whatever their preference"},
	{"weight", CFG_HUNT_WEIGHT, "By their preference; equals as often as their weights say"},
	{"least-load", CFG_HUNT_LEAST_LOAD,
		"By their preference; of equals the one with the fewest calls for its weight"},
	{"parallel", CFG_HUNT_PARALLEL,
		"Those of the lowest preference ring at a time, the first answer wins"},
	{NULL, 0, NULL},
};

static const struct cfg_leaf rows[] = {
	{.kind = CFG_SERVER_GROUP,
		.type = CFG_T_U32,
		.flags = CFG_F_KEY,
		.name = "tag",
		FIELD(cfg_server_group, tag),
		.min = 1,
		.max = 10000,
		NO_REF,
		.help = "Number of the group",
		.value_help = "Tag of the group"},
	{.kind = CFG_SERVER_GROUP,
		.type = CFG_T_LINE,
		.name = "description",
		.syntax = "description",
		FIELD(cfg_server_group, description),
		NO_REF,
		.help = "Text about this group",
		.value_help = "Up to 79 bytes of text"},
	{.kind = CFG_SERVER_GROUP,
		.type = CFG_T_ENUM,
		.name = "hunt_scheme",
		.syntax = "hunt-scheme",
		FIELD(cfg_server_group, hunt),
		.words = hunt_words,
		.max = CFG_HUNT_PARALLEL,
		.def = CFG_HUNT_PREFERENCE,
		NO_REF,
		.help = "In which order the servers are tried"},
	{.kind = CFG_SERVER_GROUP,
		.type = CFG_T_MEMBER,
		.flags = CFG_F_LIST | CFG_F_REQUIRED,
		.name = "servers",
		.syntax = "",
		LIST(cfg_server_group, members),
		.max = 65535,
		NO_REF,
		.help = "Server of the group",
		.value_help = "Server"},
};

const struct cfg_rows cfg_rows_group = CFG_ROWS(rows);
