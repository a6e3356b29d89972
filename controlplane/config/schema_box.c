/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of what concerns the whole box: its name, SIP timers, recording, limits towards Linux. */
#include "controlplane/config/schema_rows.h"

static const struct cfg_word rec_files_words[] = {
	{"all", CFG_REC_ALL, "One of the caller, one of the called party, one of both mixed"},
	{"separate", CFG_REC_SEPARATE, "One of the caller and one of the called party"},
	{"mix", CFG_REC_MIX, "One, both mixed into one channel"},
	{"stereo", CFG_REC_STEREO, "One, the caller left and the called party right"},
	{NULL, 0, NULL},
};

static const struct cfg_word rec_full_words[] = {
	{"stop", CFG_REC_STOP, "Record nothing more until there is room"},
	{"delete-oldest", CFG_REC_DELETE_OLDEST, "Delete the oldest files"},
	{NULL, 0, NULL},
};

/* The defaults of DP_POLICE, by class. */
#define X(sym, word, rate, source_rate, text)          \
	enum {                                         \
		POLICE_##sym##_RATE = rate,            \
		POLICE_##sym##_SOURCE = (source_rate), \
	};
DP_POLICE(X)
#undef X

/* Both limits of a class: its word in the CLI and in the file, what it is. */
#define POLICE_ROWS(sym, word, file, text)                                                    \
	{.kind = CFG_CONTROL_PLANE,                                                           \
		.type = CFG_T_U32,                                                            \
		.flags = CFG_F_ZERO_NONE,                                                     \
		.name = "police_" file,                                                       \
		.syntax = "police " word " rate",                                             \
		FIELD(cfg, police[DP_POLICE_##sym].rate),                                     \
		.min = 10,                                                                    \
		.max = 10000000,                                                              \
		.def = POLICE_##sym##_RATE,                                                   \
		NO_REF,                                                                       \
		.help = "Limit what goes up to Linux\n" text "\nAll of it, whoever sends it", \
		.value_help = "Packets per second"},                                          \
	{                                                                                     \
		.kind = CFG_CONTROL_PLANE, .type = CFG_T_U32, .flags = CFG_F_ZERO_NONE,       \
		.name = "police_" file "_source", .syntax = "police " word " source-rate",    \
		FIELD(cfg, police[DP_POLICE_##sym].source_rate), .min = 10, .max = 10000000,  \
		.def = POLICE_##sym##_SOURCE, NO_REF,                                         \
		.help = "Limit what goes up to Linux\n" text "\nOf it from one source",       \
		.value_help = "Packets per second"                                            \
	}

static const struct cfg_leaf rows[] = {
	/* ---- the whole box ---- */
	{.kind = CFG_SYSTEM,
		.type = CFG_T_NAME,
		.name = "hostname",
		.syntax = "hostname",
		FIELD(cfg, hostname),
		.def_text = "limen",
		NO_REF,
		.help = "Name of this box, shown in the prompt",
		.value_help = "Name: letters, digits, '-', '_' and '.'"},
	{.kind = CFG_SYSTEM,
		.type = CFG_T_BOOL,
		.name = "domain_lookup",
		.syntax = "ip domain lookup",
		FIELD(cfg, domain_lookup),
		.def = true,
		NO_REF,
		.help = "IP settings\nDomain Name System\nLook names up"},
	{.kind = CFG_SYSTEM,
		.type = CFG_T_WORD,
		.name = "domain_name",
		.syntax = "ip domain name",
		FIELD(cfg, domain_name),
		NO_REF,
		.help = "IP settings\nDomain Name System\nDomain of names without a dot",
		.value_help = "Name of a domain"},
	{.kind = CFG_SYSTEM,
		.type = CFG_T_IP,
		.flags = CFG_F_LIST,
		.name = "name_servers",
		.syntax = "ip name-server",
		LIST(cfg, name_servers),
		NO_REF,
		.help = "IP settings\nServer that names are looked up at; several are asked in "
			"turn",
		.value_help = "Address of a name server"},
	{.kind = CFG_SYSTEM,
		.type = CFG_T_U32,
		.name = "domain_timeout_s",
		.syntax = "ip domain timeout",
		FIELD(cfg, domain_timeout_s),
		.min = 1,
		.max = 60,
		.def = 2,
		NO_REF,
		.help = "IP settings\nDomain Name System\nWait of the first round for an answer",
		.value_help = "Seconds"},
	{.kind = CFG_SYSTEM,
		.type = CFG_T_U32,
		.name = "domain_retry",
		.syntax = "ip domain retry",
		FIELD(cfg, domain_retry),
		.max = 10,
		.def = 2,
		NO_REF,
		.help = "IP settings\nDomain Name System\nFurther rounds through the name servers",
		.value_help = "Rounds"},
	{.kind = CFG_SYSTEM,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "domain_stale_s",
		.syntax = "ip domain stale-answers",
		FIELD(cfg, domain_stale_s),
		.min = 1,
		.max = 604800,
		.def = 86400,
		NO_REF,
		.help = "IP settings\nDomain Name System\n"
			"Use answers beyond their time while no name server answers",
		.value_help = "Seconds"},
	/* ---- voice service voip ---- */
	{.kind = CFG_VOICE,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "max_calls",
		.syntax = "max-calls",
		FIELD(cfg, max_calls),
		.min = 1,
		.max = 1000000,
		.def = 0,
		NO_REF,
		.help = "Calls at a time; more are refused with 503",
		.value_help = "Calls"},
	{.kind = CFG_VOICE,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "trace_memory_mb",
		.syntax = "trace memory-limit",
		FIELD(cfg, trace_memory_mb),
		.min = 1,
		.max = 16384,
		.def = 64,
		NO_REF,
		.help = "SIP messages of calls are kept for `show call ladder`\nMemory for them, "
			"half "
			"of it for calls that failed; none: keep nothing",
		.value_help = "MB"},
	/* ---- sip-ua ---- */
	{.kind = CFG_SIP_UA,
		.type = CFG_T_U32,
		.name = "max_forwards",
		.syntax = "max-forwards",
		FIELD(cfg, max_forwards),
		.min = 1,
		.max = 255,
		.def = 70,
		NO_REF,
		.help = "Max-Forwards of requests that this box originates",
		.value_help = "Hops"},
	{.kind = CFG_SIP_UA,
		.type = CFG_T_U32,
		.name = "max_subscriptions",
		.syntax = "subscriptions maximum",
		FIELD(cfg, max_subscriptions),
		.min = 1,
		.max = 1000000,
		.def = 10000,
		NO_REF,
		.help = "Subscriptions through the box (RFC 6665)\nAt a time; more are refused "
			"with 503",
		.value_help = "Subscriptions"},
	{.kind = CFG_SIP_UA,
		.type = CFG_T_U32,
		.name = "timer_t1_ms",
		.syntax = "timers t1",
		FIELD(cfg, timer_t1_ms),
		.min = 100,
		.max = 5000,
		.def = 500,
		NO_REF,
		.help = "SIP timers\nRound-trip estimate, first retransmission (RFC 3261 T1)",
		.value_help = "Milliseconds"},
	{.kind = CFG_SIP_UA,
		.type = CFG_T_U32,
		.name = "timer_no_answer_s",
		.syntax = "timers no-answer",
		FIELD(cfg, timer_no_answer_s),
		.min = 5,
		.max = 3600,
		.def = 180,
		NO_REF,
		.help = "SIP timers\nINVITE without a final answer is given up after",
		.value_help = "Seconds"},
	{.kind = CFG_SIP_UA,
		.type = CFG_T_U32,
		.name = "timer_next_target_s",
		.syntax = "timers next-target",
		FIELD(cfg, timer_next_target_s),
		.min = 1,
		.max = 32,
		.def = 4,
		NO_REF,
		.help = "SIP timers\nINVITE without any answer goes to the next target of a trunk "
			"after",
		.value_help = "Seconds"},
	/* ---- media recording ---- */
	{.kind = CFG_RECORDING,
		.type = CFG_T_ENUM,
		.name = "files",
		.syntax = "files",
		FIELD(cfg, rec_files),
		.words = rec_files_words,
		.max = CFG_REC_STEREO,
		.def = CFG_REC_ALL,
		NO_REF,
		.help = "Which WAV files a recording is"},
	{.kind = CFG_RECORDING,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "quota_mb",
		.syntax = "quota",
		FIELD(cfg, rec_quota_mb),
		.min = 1,
		.max = 100000000,
		.def = 10240,
		NO_REF,
		.help = "All recordings together, at most",
		.value_help = "Megabytes"},
	{.kind = CFG_RECORDING,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "min_free_mb",
		.syntax = "min-free",
		FIELD(cfg, rec_min_free_mb),
		.min = 1,
		.max = 100000000,
		.def = 512,
		NO_REF,
		.help = "What recordings leave free on their disk",
		.value_help = "Megabytes"},
	{.kind = CFG_RECORDING,
		.type = CFG_T_ENUM,
		.name = "when_full",
		.syntax = "when-full",
		FIELD(cfg, rec_when_full),
		.words = rec_full_words,
		.max = CFG_REC_DELETE_OLDEST,
		.def = CFG_REC_STOP,
		NO_REF,
		.help = "What to do when there is no more room"},
	/* ---- control-plane ---- */
	POLICE_ROWS(ARP, "arp", "arp", "ARP and IPv6 neighbour discovery"),
	POLICE_ROWS(ICMP, "icmp", "icmp", "ICMP and ICMPv6"),
	POLICE_ROWS(SIP_UDP, "sip-udp", "sip_udp", "SIP over UDP"),
	POLICE_ROWS(SIP_TCP, "sip-tcp", "sip_tcp", "SIP over TCP"),
	POLICE_ROWS(MANAGEMENT, "management", "management", "SSH, HTTP, SNMP, DNS, NTP, syslog"),
	POLICE_ROWS(ROUTING, "routing", "routing", "BGP, OSPF, BFD, RIP, VRRP, PIM, IGMP"),
	POLICE_ROWS(TCP_NEW, "tcp-new", "tcp_new", "TCP connections that begin"),
	POLICE_ROWS(OTHER, "other", "other", "All else"),
};

const struct cfg_rows cfg_rows_box = CFG_ROWS(rows);
