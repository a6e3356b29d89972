/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of voice classes tenant and stir-shaken: what crosses the border of a side, and how. */
#include "controlplane/config/schema_rows.h"

static const struct cfg_word trust_words[] = {
	{"by-class", CFG_TRUST_CLASS,
		"As its realm is: peering and core both ways, access neither"},
	{"none", CFG_TRUST_NONE, "It is not believed, and learns nothing that is private"},
	{"in", CFG_TRUST_IN, "What it says of callers is believed"},
	{"out", CFG_TRUST_OUT, "It is told identities that are private (it keeps them so)"},
	{"both", CFG_TRUST_BOTH, "Both"},
	{NULL, 0, NULL},
};

static const struct cfg_word asserted_words[] = {
	{"passthru", CFG_ASSERTED_PASS, "P-Asserted-Identity when the call came with one"},
	{"pai", CFG_ASSERTED_PAI, "P-Asserted-Identity, made when need be (RFC 3325)"},
	{"ppi", CFG_ASSERTED_PPI, "P-Preferred-Identity (RFC 3325)"},
	{"remote-party-id", CFG_ASSERTED_RPID, "Remote-Party-ID"},
	{"none", CFG_ASSERTED_NONE, "None of them"},
	{NULL, 0, NULL},
};

static const struct cfg_word privacy_words[] = {
	{"passthru", CFG_PRIVACY_PASS, "As the caller asks"},
	{"disable", CFG_PRIVACY_DISABLE, "None, whatever the caller asks"},
	{"id", CFG_PRIVACY_ID, "The identity is private"},
	{"user", CFG_PRIVACY_USER, "Name and number of the caller are hidden"},
	{"full", CFG_PRIVACY_FULL, "All of RFC 3323"},
	{NULL, 0, NULL},
};

static const struct cfg_word redirecting_words[] = {
	{"none", CFG_REDIRECTING_NONE, "It is not told"},
	{"passthru", CFG_REDIRECTING_PASS, "In the header field that the call came with"},
	{"diversion", CFG_REDIRECTING_DIVERSION, "In Diversion (RFC 5806)"},
	{"history-info", CFG_REDIRECTING_HISTORY, "In History-Info (RFC 7044)"},
	{NULL, 0, NULL},
};

static const struct cfg_word caller_id_words[] = {
	{"passthru", CFG_CALLER_ID_PASS, "As it came, or was translated"},
	{"e164", CFG_CALLER_ID_E164, "A plus sign and the country code in front"},
	{"national", CFG_CALLER_ID_NATIONAL, "As numbers are dialled in the country"},
	{NULL, 0, NULL},
};

#define ENUM_ROW(field_, syntax_, words_, max_, help_)                                         \
	{                                                                                      \
		.kind = CFG_TENANT, .type = CFG_T_ENUM, .name = #field_, .syntax = syntax_,    \
		FIELD(cfg_tenant, field_), .words = words_, .max = max_, NO_REF, .help = help_ \
	}
#define BOOL_ROW(field_, syntax_, help_)                                                    \
	{                                                                                   \
		.kind = CFG_TENANT, .type = CFG_T_BOOL, .name = #field_, .syntax = syntax_, \
		FIELD(cfg_tenant, field_), NO_REF, .help = help_                            \
	}
static const struct cfg_word attestation_words[] = {
	{"none", CFG_ATTEST_NONE, "As the class of the called side says"},
	{"A", CFG_ATTEST_A, "Full: the caller is known, and may use the number"},
	{"B", CFG_ATTEST_B, "Partial: the caller is known, not whether the number is his"},
	{"C", CFG_ATTEST_C, "Gateway: the call came in here, no more is known"},
	{NULL, 0, NULL},
};

static const struct cfg_word verification_words[] = {
	{"pass", CFG_STIR_PASS, "The call goes on; the record and verstat tell"},
	{"reject", CFG_STIR_REJECT, "A bad Identity refuses the call, none does not"},
	{"require", CFG_STIR_REQUIRE, "A call without a good Identity is refused"},
	{NULL, 0, NULL},
};

static const struct cfg_word verstat_words[] = {
	{"none", CFG_VERSTAT_NONE, "It is not told"},
	{"pai", CFG_VERSTAT_PAI, "In P-Asserted-Identity or what stands for it"},
	{"from", CFG_VERSTAT_FROM, "In From"},
	{"both", CFG_VERSTAT_BOTH, "In both"},
	{NULL, 0, NULL},
};

#define STIR_WORD_ROW(field_, syntax_, help_, value_help_)                                \
	{                                                                                 \
		.kind = CFG_STIR, .type = CFG_T_WORD, .name = #field_, .syntax = syntax_, \
		FIELD(cfg_stir, field_), NO_REF, .help = help_, .value_help = value_help_ \
	}
#define STIR_ENUM_ROW(field_, syntax_, words_, max_, help_)                                  \
	{                                                                                    \
		.kind = CFG_STIR, .type = CFG_T_ENUM, .name = #field_, .syntax = syntax_,    \
		FIELD(cfg_stir, field_), .words = words_, .max = max_, NO_REF, .help = help_ \
	}

static const struct cfg_leaf rows[] = {
	/* ---- voice class stir-shaken TAG ---- */
	{.kind = CFG_STIR,
		.type = CFG_T_U32,
		.flags = CFG_F_KEY,
		.name = "tag",
		FIELD(cfg_stir, tag),
		.min = 1,
		.max = 10000,
		NO_REF,
		.help = "Number of the class",
		.value_help = "Tag of the class"},
	{.kind = CFG_STIR,
		.type = CFG_T_LINE,
		.name = "description",
		.syntax = "description",
		FIELD(cfg_stir, description),
		NO_REF,
		.help = "Text about this class",
		.value_help = "Up to 79 bytes of text"},
	STIR_ENUM_ROW(attestation, "attestation", attestation_words, CFG_ATTEST_C,
		"What is attested of calls that come from this side"),
	STIR_WORD_ROW(private_key, "private-key",
		"Calls to this side are signed with the key (P-256, PEM) in this file", "Path"),
	{.kind = CFG_STIR,
		.type = CFG_T_BOOL,
		.name = "plain_http",
		.syntax = "plain-http",
		FIELD(cfg_stir, plain_http),
		NO_REF,
		.help = "Certificates may be fetched by http: too"},
	STIR_WORD_ROW(certificate_url, "certificate-url",
		"Where everybody finds the certificate of the key", "URL"),
	STIR_WORD_ROW(origid, "origid",
		"Origin in what is signed; without it one that is made of trunk and host name",
		"UUID"),
	STIR_WORD_ROW(trust, "trust",
		"Calls from this side are verified: authorities (PEM) of signers' certificates",
		"Path"),
	STIR_WORD_ROW(https_trust, "https-trust",
		"Authorities (PEM) of the servers that certificates are fetched from; without it "
		"the system's",
		"Path"),
	{.kind = CFG_STIR,
		.type = CFG_T_U32,
		.name = "max_age_s",
		.syntax = "max-age",
		FIELD(cfg_stir, max_age_s),
		.min = 5,
		.max = 3600,
		.def = 60,
		NO_REF,
		.help = "How old what is signed may be",
		.value_help = "Seconds"},
	STIR_ENUM_ROW(verification, "verification", verification_words, CFG_STIR_REQUIRE,
		"What comes of a check that fails"),
	STIR_ENUM_ROW(verstat, "verstat", verstat_words, CFG_VERSTAT_BOTH,
		"Where this side is told what came of the check of a caller"),
	/* ---- voice class tenant TAG ---- */
	{.kind = CFG_TENANT,
		.type = CFG_T_U32,
		.flags = CFG_F_KEY,
		.name = "tag",
		FIELD(cfg_tenant, tag),
		.min = 1,
		.max = 10000,
		NO_REF,
		.help = "Number of the class",
		.value_help = "Tag of the class"},
	{.kind = CFG_TENANT,
		.type = CFG_T_LINE,
		.name = "description",
		.syntax = "description",
		FIELD(cfg_tenant, description),
		NO_REF,
		.help = "Text about this class",
		.value_help = "Up to 79 bytes of text"},
	ENUM_ROW(trust, "trust", trust_words, CFG_TRUST_BOTH,
		"Whether the side is in our domain of trust (RFC 3325)"),
	ENUM_ROW(asserted_id, "asserted-id", asserted_words, CFG_ASSERTED_NONE,
		"How the side is told who calls"),
	ENUM_ROW(privacy, "privacy", privacy_words, CFG_PRIVACY_FULL,
		"What callers towards this side keep private (RFC 3323)"),
	ENUM_ROW(redirecting, "redirecting", redirecting_words, CFG_REDIRECTING_HISTORY,
		"How the side is told of redirections before the call"),
	ENUM_ROW(caller_id, "caller-id form", caller_id_words, CFG_CALLER_ID_NATIONAL,
		"Callers' numbers\nHow they are written towards this side"),
	{.kind = CFG_TENANT,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "country_code",
		.syntax = "caller-id country-code",
		FIELD(cfg_tenant, country_code),
		.min = 1,
		.max = 999,
		NO_REF,
		.help = "Callers' numbers\nCountry that this side is in; without it numbers stay "
			"as "
			"they are",
		.value_help = "Country code without prefix, such as 49"},
	{.kind = CFG_TENANT,
		.type = CFG_T_NAME,
		.name = "national_prefix",
		.syntax = "caller-id national-prefix",
		FIELD(cfg_tenant, national_prefix),
		.def_text = "0",
		NO_REF,
		.help = "Callers' numbers\nWhat stands before a number of the same country",
		.value_help = "Digits, 0 by default"},
	{.kind = CFG_TENANT,
		.type = CFG_T_NAME,
		.name = "international_prefix",
		.syntax = "caller-id international-prefix",
		FIELD(cfg_tenant, international_prefix),
		.def_text = "00",
		NO_REF,
		.help = "Callers' numbers\nWhat stands before a country code",
		.value_help = "Digits, 00 by default"},
	BOOL_ROW(reason_override, "reason-header override",
		"Causes of Q.850 in Reason (RFC 3326)\nOne that comes from this side decides the "
		"status that the caller gets"),
	BOOL_ROW(reason_q850, "reason-header q850",
		"Causes of Q.850 in Reason (RFC 3326)\nEach refusal and BYE to this side carries "
		"one"),
	{.kind = CFG_TENANT,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "stir_shaken",
		.syntax = "voice-class stir-shaken",
		FIELD(cfg_tenant, stir),
		.min = 1,
		.max = 10000,
		.ref = CFG_STIR,
		.help = "Named list\nSigned numbers of callers",
		.value_help = "Tag of a voice class stir-shaken"},
	BOOL_ROW(relay_message, "relay message",
		"Methods that pass, when the other side's class lets them too\nMESSAGE (RFC 3428)"),
	BOOL_ROW(relay_subscribe, "relay subscribe",
		"Methods that pass, when the other side's class lets them too\nSUBSCRIBE, and "
		"NOTIFY of "
		"what was subscribed (RFC 6665)"),
	BOOL_ROW(relay_notify, "relay notify",
		"Methods that pass, when the other side's class lets them too\nNOTIFY that nobody "
		"subscribed"),
	BOOL_ROW(relay_publish, "relay publish",
		"Methods that pass, when the other side's class lets them too\nPUBLISH (RFC 3903)"),
	BOOL_ROW(relay_info, "relay info",
		"Methods that pass, when the other side's class lets them too\nINFO that is no "
		"digit "
		"(RFC 6086)"),
	BOOL_ROW(relay_options, "relay options",
		"Methods that pass, when the other side's class lets them too\nOPTIONS to somebody "
		"behind the box"),
	BOOL_ROW(relay_other, "relay other",
		"Methods that pass, when the other side's class lets them too\nThose that no RFC "
		"known "
		"here names"),
	TOLL_ROW(CFG_TENANT, cfg_tenant, "of all calls from its sides together"),
};

const struct cfg_rows cfg_rows_tenant = CFG_ROWS(rows);
