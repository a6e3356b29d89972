/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the schema's rows share. Private to controlplane/config/schema*.c. */
#pragma once

#include "controlplane/config/schema.h"
#include "dataplane/api/dp_api.h"

struct cfg_rows {
	const struct cfg_leaf *first, *end;
};

/* In the order of the kinds; the rows of one kind are in one of them, together. */
extern const struct cfg_rows cfg_rows_box, cfg_rows_net, cfg_rows_class, cfg_rows_profiles,
	cfg_rows_routing, cfg_rows_quality, cfg_rows_tenant, cfg_rows_group, cfg_rows_realm,
	cfg_rows_trunk, cfg_rows_peer, cfg_rows_users, cfg_rows_toll, cfg_rows_link;

/* Of settings that several kinds of objects have (schema_words.c). */
extern const struct cfg_word cfg_class_words[], cfg_admission_words[], cfg_trunk_transport_words[],
	cfg_srtp_words[], cfg_trunk_srtp_words[], cfg_bundle_words[], cfg_keying_words[],
	cfg_trunk_keying_words[], cfg_transcoding_words[], cfg_trunk_transcoding_words[],
	cfg_dtmf_words[], cfg_trunk_dtmf_words[], cfg_dtmf_fallback_words[], cfg_rel1xx_words[],
	cfg_trunk_rel1xx_words[], cfg_redirection_words[], cfg_trunk_redirection_words[],
	cfg_refer_words[], cfg_trunk_refer_words[], cfg_cptone_words[], cfg_tone_words[];

#define CFG_ROWS(rows_)                                               \
	{                                                             \
		(rows_), (rows_) + sizeof(rows_) / sizeof((rows_)[0]) \
	}
#define FIELD(type_, field_) \
	.offset = offsetof(struct type_, field_), .size = sizeof(((struct type_ *)0)->field_)
#define LIST(type_, field_)                                                                       \
	.offset = offsetof(struct type_, field_), .size = sizeof(((struct type_ *)0)->field_[0]), \
	.count_offset = offsetof(struct type_, n_##field_)
#define NO_REF .ref = CFG_NO_KIND

/* A reference to a voice class by its tag: the words behind "voice-class", what is in it. */
#define CLASS_ROW(kind_, struct_, field_, words_, ref_, help_)                                   \
	{                                                                                        \
		.kind = kind_, .type = CFG_T_U32, .flags = CFG_F_ZERO_NONE, .name = #field_,     \
		.syntax = "voice-class " words_, FIELD(struct_, field_), .min = 1, .max = 10000, \
		.def = 0, .ref = ref_, .help = "Named list\n" help_,                             \
		.value_help = "Tag of a voice class " words_                                     \
	}
#define DESCRIPTION_ROW(kind_, struct_, noun_)                                                     \
	{                                                                                          \
		.kind = kind_, .type = CFG_T_LINE, .name = "description", .syntax = "description", \
		FIELD(struct_, description), NO_REF, .help = "Text about this " noun_,             \
		.value_help = "Up to 79 bytes of text"                                             \
	}

/* voice class sip-profiles: of what is sent, and of what is received. */
#define SIP_PROFILE_ROW(kind_, struct_, field_, words_, help_)                                  \
	{                                                                                       \
		.kind = kind_, .type = CFG_T_U32, .flags = CFG_F_ZERO_NONE, .name = #field_,    \
		.syntax = "voice-class sip profiles " words_, FIELD(struct_, field_), .min = 1, \
		.max = 10000, .def = 0, .ref = CFG_SIP_PROFILE,                                 \
		.help = "Named list\nSIP\nRules that change messages which are sent" help_,     \
		.value_help = "Tag of a voice class sip-profiles"                               \
	}

#define LIMIT_ROW(kind_, struct_, field_, syntax_, max_, help_, value_)                      \
	{                                                                                    \
		.kind = kind_, .type = CFG_T_U32, .flags = CFG_F_ZERO_NONE, .name = #field_, \
		.syntax = syntax_, FIELD(struct_, field_), .min = 1, .max = max_, .def = 0,  \
		NO_REF, .help = help_, .value_help = value_                                  \
	}
#define CONN_ROW(kind_, struct_)                                 \
	LIMIT_ROW(kind_, struct_, max_conn, "max-conn", 1000000, \
		"Calls at a time; more are refused with 503, or go elsewhere", "Calls")
#define SPIKE_ROW(kind_, struct_)                                                                \
	LIMIT_ROW(kind_, struct_, call_spike, "call spike", 100000,                              \
		"Limits of calls\nCalls that may begin in a second; more are refused with 503, " \
		"or "                                                                            \
		"go elsewhere",                                                                  \
		"Calls a second")

#define BANDWIDTH_ROW(kind_, struct_)                                                  \
	LIMIT_ROW(kind_, struct_, bandwidth_kbps, "bandwidth", 100000000,              \
		"Media of calls in one direction, with all headers; calls beyond are " \
		"refused, or go elsewhere",                                            \
		"kbit/s")
#define LINK_ROW(kind_, struct_, help_)                                              \
	{                                                                            \
		.kind = kind_, .type = CFG_T_NAME, .name = "link", .syntax = "link", \
		FIELD(struct_, link), .ref = CFG_LINK, .help = help_,                \
		.value_help = "Name of a link"                                       \
	}
#define TOLL_ROW(kind_, struct_, help_)                                                           \
	{                                                                                         \
		.kind = kind_, .type = CFG_T_U32, .flags = CFG_F_LIST, .name = "toll_limits",     \
		.syntax = "voice-class toll-limit", LIST(struct_, tolls), .min = 1, .max = 10000, \
		.def = 1, .ref = CFG_TOLL,                                                        \
		.help = "Named list\nLimit of calls to a class of numbers; several may be "       \
			"given: " help_,                                                          \
		.value_help = "Tag of a voice class toll-limit"                                   \
	}

#define PROFILE_ROW(kind_, struct_, way_, word_, help_)                                     \
	{                                                                                   \
		.kind = kind_, .type = CFG_T_NAME, .name = "translation_" word_,            \
		.syntax = "translation-profile " word_, FIELD(struct_, translation_##way_), \
		.ref = CFG_TRANSLATION_PROFILE, .help = "How numbers are changed\n" help_,  \
		.value_help = "Name of a voice translation-profile"                         \
	}

/* The best way first: where it stands, and among which ways. */
#define ORDER_ROW(kind_, struct_, help_)                                          \
	{                                                                         \
		.kind = kind_, .type = CFG_T_BOOL, .name = "order_quality",       \
		.syntax = "order quality", FIELD(struct_, order_quality), NO_REF, \
		.help = "Order in which ways are tried\n" help_                   \
	}

#define REDIRECT_ROW(kind_, struct_)                                                             \
	{                                                                                        \
		.kind = kind_, .type = CFG_T_BOOL, .name = "redirect_server",                    \
		.syntax = "redirect-server", FIELD(struct_, redirect_server), NO_REF,            \
		.help = "Answer calls from here with 302 and the ways they have, carry none of " \
			"them"                                                                   \
	}
