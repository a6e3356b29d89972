/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of what has a say in the order of ways: bounds of quality, and HTTP servers that are asked. */
#include "controlplane/config/schema_rows.h"

static const struct cfg_word action_words[] = {
	{"demote", CFG_QUALITY_DEMOTE, "It is tried after all others"},
	{"exclude", CFG_QUALITY_EXCLUDE, "It is not tried"},
	{NULL, 0, NULL},
};

static const struct cfg_word fallback_words[] = {
	{"local", CFG_HOOK_LOCAL, "The other dial-peers that match are tried"},
	{"reject", CFG_HOOK_REJECT, "The call is refused with 503"},
	{NULL, 0, NULL},
};

#define TAG_ROW(kind_, struct_, noun_)                                               \
	{                                                                            \
		.kind = kind_, .type = CFG_T_U32, .flags = CFG_F_KEY, .name = "tag", \
		FIELD(struct_, tag), .min = 1, .max = 10000, NO_REF,                 \
		.help = "Number of the " noun_, .value_help = "Tag of the " noun_    \
	}

/* A bound that is not set is none. */
#define BOUND_ROW(name_, syntax_, field_, min_, max_, help_, value_)                               \
	{                                                                                          \
		.kind = CFG_QUALITY, .type = CFG_T_U32, .flags = CFG_F_ZERO_NONE, .name = name_,   \
		.syntax = syntax_, FIELD(cfg_quality, field_), .min = min_, .max = max_, .def = 0, \
		NO_REF, .help = help_, .value_help = value_                                        \
	}

#define NUMBER_ROW(kind_, struct_, name_, syntax_, field_, min_, max_, def_, help_, value_) \
	{                                                                                   \
		.kind = kind_, .type = CFG_T_U32, .name = name_, .syntax = syntax_,         \
		FIELD(struct_, field_), .min = min_, .max = max_, .def = def_, NO_REF,      \
		.help = help_, .value_help = value_                                         \
	}

static const struct cfg_leaf rows[] = {
	/* ---- voice class quality TAG ---- */
	TAG_ROW(CFG_QUALITY, cfg_quality, "class"),
	DESCRIPTION_ROW(CFG_QUALITY, cfg_quality, "class"),
	NUMBER_ROW(CFG_QUALITY, cfg_quality, "window_min", "window", window_min, 1, 60, 15,
		"Calls of the last minutes count", "Minutes"),
	NUMBER_ROW(CFG_QUALITY, cfg_quality, "minimum_calls", "minimum-calls", min_calls, 1, 10000,
		10, "Fewer calls in the window say nothing", "Calls"),
	BOUND_ROW("asr_minimum", "asr minimum", asr_min, 1, 100,
		"Answer-seizure ratio: calls that are answered\nAt least", "Percent"),
	BOUND_ROW("ner_minimum", "ner minimum", ner_min, 1, 100,
		"Network effectiveness ratio: calls that are answered, or that the called party "
		"or the caller lets fail\nAt least",
		"Percent"),
	BOUND_ROW("acd_minimum_s", "acd minimum", acd_min_s, 1, 3600,
		"Mean duration of calls that were answered\nAt least", "Seconds"),
	BOUND_ROW("pdd_maximum_ms", "pdd maximum", pdd_max_ms, 100, 60000,
		"Mean time until the called party rings (post dial delay)\nAt most",
		"Milliseconds"),
	BOUND_ROW("mos_minimum", "mos minimum", mos_min, 100, 450,
		"Mean opinion score, as the E-model has it of what comes from there and of what "
		"it says it gets\nAt least",
		"Hundredths: 350 is 3.5"),
	{.kind = CFG_QUALITY,
		.type = CFG_T_ENUM,
		.name = "action",
		.syntax = "action",
		FIELD(cfg_quality, action),
		.words = action_words,
		.max = CFG_QUALITY_EXCLUDE,
		.def = CFG_QUALITY_DEMOTE,
		NO_REF,
		.help = "What becomes of a trunk beyond these bounds"},
	NUMBER_ROW(CFG_QUALITY, cfg_quality, "probe_percent", "probe", probe_percent, 0, 100, 5,
		"Calls that try such a trunk in its usual place all the same", "Percent of calls"),
	NUMBER_ROW(CFG_QUALITY, cfg_quality, "recovery_calls", "recovery-calls", recovery_calls, 1,
		1000, 5, "A trunk is good again when so many calls to it are within the bounds",
		"Calls"),
	/* ---- voice class route-hook TAG ---- */
	TAG_ROW(CFG_ROUTE_HOOK, cfg_route_hook, "hook"),
	DESCRIPTION_ROW(CFG_ROUTE_HOOK, cfg_route_hook, "hook"),
	{.kind = CFG_ROUTE_HOOK,
		.type = CFG_T_WORD,
		.flags = CFG_F_REQUIRED,
		.name = "url",
		.syntax = "url",
		FIELD(cfg_route_hook, url),
		NO_REF,
		.help = "Where it is asked, by POST",
		.value_help = "https://HOST[:PORT]/PATH, or http://"},
	{.kind = CFG_ROUTE_HOOK,
		.type = CFG_T_WORD,
		.name = "trust",
		.syntax = "trust",
		FIELD(cfg_route_hook, trust),
		NO_REF,
		.help = "Authorities that may vouch for it; without them those of the system",
		.value_help = "PEM file of certificates that the user limen-sip may read"},
	{.kind = CFG_ROUTE_HOOK,
		.type = CFG_T_WORD,
		.flags = CFG_F_SECRET,
		.name = "bearer",
		.syntax = "bearer",
		FIELD(cfg_route_hook, bearer),
		NO_REF,
		.help = "Token by which the box proves itself (Authorization: Bearer)",
		.value_help = "Token"},
	{.kind = CFG_ROUTE_HOOK,
		.type = CFG_T_BOOL,
		.name = "loopback",
		.syntax = "loopback",
		FIELD(cfg_route_hook, loopback),
		NO_REF,
		.help = "It may be a program of this box: loop-back addresses are asked, too"},
	NUMBER_ROW(CFG_ROUTE_HOOK, cfg_route_hook, "timeout_ms", "timeout", timeout_ms, 20, 5000,
		300, "A call waits no longer for the answer", "Milliseconds"),
	NUMBER_ROW(CFG_ROUTE_HOOK, cfg_route_hook, "max_pending", "max-pending", max_pending, 1,
		4096, 64, "Questions at a time; calls beyond them go on without an answer",
		"Questions"),
	{.kind = CFG_ROUTE_HOOK,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "cache_ttl_s",
		.syntax = "cache ttl",
		FIELD(cfg_route_hook, cache_s),
		.min = 1,
		.max = 86400,
		.def = 0,
		NO_REF,
		.help = "Keep answers\nFor so long, for the same called number from the same side",
		.value_help = "Seconds"},
	{.kind = CFG_ROUTE_HOOK,
		.type = CFG_T_ENUM,
		.name = "fallback",
		.syntax = "fallback",
		FIELD(cfg_route_hook, fallback),
		.words = fallback_words,
		.max = CFG_HOOK_REJECT,
		.def = CFG_HOOK_LOCAL,
		NO_REF,
		.help = "What becomes of a call for which there is no answer"},
	{.kind = CFG_ROUTE_HOOK,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "breaker_failures",
		.syntax = "circuit-breaker failures",
		FIELD(cfg_route_hook, breaker_failures),
		.min = 1,
		.max = 100,
		.def = 5,
		NO_REF,
		.help = "Ask no more when it does not work\nAfter so many failures in a row",
		.value_help = "Questions"},
	NUMBER_ROW(CFG_ROUTE_HOOK, cfg_route_hook, "breaker_hold_s", "circuit-breaker hold",
		breaker_hold_s, 1, 600, 10,
		"Ask no more when it does not work\nFor so long, twice as long each time it fails "
		"again",
		"Seconds"),
};

const struct cfg_rows cfg_rows_quality = CFG_ROWS(rows);
