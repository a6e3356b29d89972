/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of the sides of a call: realms, trunks, dial-peers. */
#include "controlplane/config/schema_rows.h"

static const struct cfg_word class_words[] = {
	{"access", CFG_REALM_ACCESS, "Phones and customers, possibly behind NAT"},
	{"peering", CFG_REALM_PEERING, "Carriers and other trunks"},
	{"core", CFG_REALM_CORE, "Own servers"},
	{NULL, 0, NULL},
};

static const struct cfg_word admission_words[] = {
	{"trunks", CFG_ADMIT_TRUNKS, "Only from the addresses of trunks of this realm"},
	{"any", CFG_ADMIT_ANY, "From any address"},
	{"users", CFG_ADMIT_USERS,
		"Of trunks, and of users of its registrar, who prove themselves"},
	{NULL, 0, NULL},
};

const struct cfg_word cfg_transport_words[] = {
	{"udp", CFG_TRANSPORT_UDP, "SIP over UDP"},
	{"tcp", CFG_TRANSPORT_TCP, "SIP over TCP"},
	{"tls", CFG_TRANSPORT_TLS, "SIP over TLS 1.2 or 1.3"},
	{NULL, 0, NULL},
};

const struct cfg_word cfg_listen_words[] = {
	{"udp", CFG_TRANSPORT_UDP, "SIP over UDP"},
	{"tcp", CFG_TRANSPORT_TCP, "SIP over TCP"},
	{"tls", CFG_TRANSPORT_TLS, "SIP over TLS 1.2 or 1.3"},
	{"ws", CFG_TRANSPORT_WS, "SIP over WebSocket"},
	{"wss", CFG_TRANSPORT_WSS, "SIP over secure WebSocket, for browsers"},
	{NULL, 0, NULL},
};

static const struct cfg_word trunk_transport_words[] = {
	{"udp", CFG_TRANSPORT_UDP, "SIP over UDP"},
	{"tcp", CFG_TRANSPORT_TCP, "SIP over TCP"},
	{"tls", CFG_TRANSPORT_TLS, "SIP over TLS 1.2 or 1.3"},
	{"dns", CFG_TRANSPORT_DNS, "What DNS says of the target's name (NAPTR, SRV)"},
	{NULL, 0, NULL},
};

static const struct cfg_word srtp_words[] = {
	{"never", CFG_SRTP_NEVER, "Neither offered nor taken"},
	{"prefer", CFG_SRTP_PREFER, "Offered first and taken, RTP where the far end wants it"},
	{"require", CFG_SRTP_REQUIRE, "Nothing but SRTP"},
	{NULL, 0, NULL},
};

static const struct cfg_word trunk_srtp_words[] = {
	{"never", CFG_SRTP_NEVER, "Neither offered nor taken"},
	{"prefer", CFG_SRTP_PREFER, "Offered first and taken, RTP where the far end wants it"},
	{"require", CFG_SRTP_REQUIRE, "Nothing but SRTP"},
	{"realm", CFG_SRTP_REALM, "As the realm says"},
	{NULL, 0, NULL},
};

static const struct cfg_word bundle_words[] = {
	{"never", CFG_BUNDLE_NEVER, "Each media line has its own port"},
	{"accept", CFG_BUNDLE_ACCEPT, "Where the far end offers it, lines share one"},
	{"offer", CFG_BUNDLE_OFFER, "Offered as well"},
	{NULL, 0, NULL},
};

static const struct cfg_word keying_words[] = {
	{"sdes", CFG_KEYING_SDES, "The session descriptions (SDES, RFC 4568)"},
	{"dtls", CFG_KEYING_DTLS, "A handshake on the media's own way (DTLS-SRTP, RFC 5763)"},
	{NULL, 0, NULL},
};

static const struct cfg_word trunk_keying_words[] = {
	{"realm", CFG_KEYING_REALM, "As the realm says"},
	{"sdes", CFG_KEYING_SDES, "The session descriptions (SDES, RFC 4568)"},
	{"dtls", CFG_KEYING_DTLS, "A handshake on the media's own way (DTLS-SRTP, RFC 5763)"},
	{NULL, 0, NULL},
};

#define TRANSCODING_NEVER                                                          \
	{                                                                          \
		"never", CFG_TRANSCODING_NEVER, "Both sides have to share a codec" \
	}

#define TRANSCODING_AS_NEEDED                                                             \
	{                                                                                 \
		"as-needed", CFG_TRANSCODING_AS_NEEDED, "Where both sides share no codec" \
	}

#define TRANSCODING_BY_PREFERENCE                                             \
	{                                                                     \
		"by-preference", CFG_TRANSCODING_BY_PREFERENCE,               \
			"Where the order of this side's voice class wants it" \
	}

static const struct cfg_word transcoding_words[] = {
	TRANSCODING_NEVER,
	TRANSCODING_AS_NEEDED,
	TRANSCODING_BY_PREFERENCE,
	{NULL, 0, NULL},
};

static const struct cfg_word trunk_transcoding_words[] = {
	{"realm", CFG_TRANSCODING_REALM, "As the realm says"},
	TRANSCODING_NEVER,
	TRANSCODING_AS_NEEDED,
	TRANSCODING_BY_PREFERENCE,
	{NULL, 0, NULL},
};

#define DTMF_RTP_NTE                                                                \
	{                                                                           \
		"rtp-nte", CFG_DTMF_RTP_NTE, "Telephone-events in RTP, by RFC 4733" \
	}

#define DTMF_SIP_INFO                                              \
	{                                                          \
		"sip-info", CFG_DTMF_SIP_INFO,                     \
			"SIP INFO with application/dtmf-relay, no" \
			" telephone-events"                        \
	}

#define DTMF_INBAND                                                           \
	{                                                                     \
		"inband", CFG_DTMF_INBAND,                                    \
			"Tones in the voice, found and made by a media core " \
			"where the other side wants them otherwise"           \
	}

static const struct cfg_word dtmf_words[] = {
	DTMF_RTP_NTE,
	DTMF_SIP_INFO,
	DTMF_INBAND,
	{NULL, 0, NULL},
};

static const struct cfg_word trunk_dtmf_words[] = {
	{"realm", CFG_DTMF_NONE, "As the realm says, with its fallback"},
	DTMF_RTP_NTE,
	DTMF_SIP_INFO,
	DTMF_INBAND,
	{NULL, 0, NULL},
};

static const struct cfg_word dtmf_fallback_words[] = {
	{"none", CFG_DTMF_NONE, "Nothing: tones in the voice pass as they are"},
	DTMF_SIP_INFO,
	DTMF_INBAND,
	{NULL, 0, NULL},
};

#define REL1XX_SUPPORTED                                                   \
	{                                                                  \
		"supported", CFG_REL1XX_SUPPORTED,                         \
			"Taken and sent where the far end knows them, too" \
	}

#define REL1XX_REQUIRE                                                                          \
	{                                                                                       \
		"require", CFG_REL1XX_REQUIRE, "No call with a far end that does not know them" \
	}

#define REL1XX_DISABLE                                                  \
	{                                                               \
		"disable", CFG_REL1XX_DISABLE, "Neither taken nor sent" \
	}

static const struct cfg_word rel1xx_words[] = {
	REL1XX_SUPPORTED,
	REL1XX_REQUIRE,
	REL1XX_DISABLE,
	{NULL, 0, NULL},
};

static const struct cfg_word trunk_rel1xx_words[] = {
	{"realm", CFG_REL1XX_REALM, "As the realm says"},
	REL1XX_SUPPORTED,
	REL1XX_REQUIRE,
	REL1XX_DISABLE,
	{NULL, 0, NULL},
};

#define REDIRECTION_HUNT                                                    \
	{                                                                   \
		"hunt", CFG_REDIRECTION_HUNT, "The next dial-peer is tried" \
	}

#define REDIRECTION_FOLLOW                                                                      \
	{                                                                                       \
		"follow", CFG_REDIRECTION_FOLLOW, "The dial-peers of the new numbers are tried" \
	}

#define REDIRECTION_RELAY                                                                         \
	{                                                                                         \
		"relay", CFG_REDIRECTION_RELAY, "The caller gets the new numbers, at our address" \
	}

static const struct cfg_word redirection_words[] = {
	REDIRECTION_HUNT,
	REDIRECTION_FOLLOW,
	REDIRECTION_RELAY,
	{NULL, 0, NULL},
};

static const struct cfg_word trunk_redirection_words[] = {
	{"realm", CFG_REDIRECTION_REALM, "As the realm says"},
	REDIRECTION_HUNT,
	REDIRECTION_FOLLOW,
	REDIRECTION_RELAY,
	{NULL, 0, NULL},
};

static const struct cfg_word cptone_words[] = {
	{"eu", CFG_CPTONE_EU, "As ETSI recommends, for countries without a word of their own"},
	{"de", CFG_CPTONE_DE, "Germany"},
	{"fr", CFG_CPTONE_FR, "France"},
	{"uk", CFG_CPTONE_UK, "United Kingdom"},
	{"us", CFG_CPTONE_US, "North America"},
	{NULL, 0, NULL},
};

static const struct cfg_word tone_words[] = {
#define X(sym, word, help) {word, CFG_TONE_##sym, help},
	CFG_TONES(X)
#undef X
		{NULL, 0, NULL},
};

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

#define PROFILE_ROW(kind_, struct_, way_, word_, help_)                                     \
	{                                                                                   \
		.kind = kind_, .type = CFG_T_NAME, .name = "translation_" word_,            \
		.syntax = "translation-profile " word_, FIELD(struct_, translation_##way_), \
		.ref = CFG_TRANSLATION_PROFILE, .help = "How numbers are changed\n" help_,  \
		.value_help = "Name of a voice translation-profile"                         \
	}

#define REDIRECT_ROW(kind_, struct_)                                                             \
	{                                                                                        \
		.kind = kind_, .type = CFG_T_BOOL, .name = "redirect_server",                    \
		.syntax = "redirect-server", FIELD(struct_, redirect_server), NO_REF,            \
		.help = "Answer calls from here with 302 and the ways they have, carry none of " \
			"them"                                                                   \
	}

static const struct cfg_leaf rows[] = {
	/* ---- realm NAME ---- */
	{.kind = CFG_REALM,
		.type = CFG_T_NAME,
		.flags = CFG_F_KEY,
		.name = "name",
		FIELD(cfg_realm, name),
		NO_REF,
		.help = "Name of the realm",
		.value_help = "Realm name, at most 31 characters"},
	DESCRIPTION_ROW(CFG_REALM, cfg_realm, "realm"),
	{.kind = CFG_REALM,
		.type = CFG_T_ENUM,
		.name = "class",
		.syntax = "class",
		FIELD(cfg_realm, class),
		.words = class_words,
		.max = CFG_REALM_CORE,
		.def = CFG_REALM_ACCESS,
		NO_REF,
		.help = "Who is on this side"},
	{.kind = CFG_REALM,
		.type = CFG_T_LISTEN,
		.flags = CFG_F_LIST | CFG_F_REQUIRED,
		.name = "listen",
		.syntax = "sip listen",
		LIST(cfg_realm, listen),
		NO_REF,
		.help = "SIP\nAddress where SIP is taken; several may be given",
		.value_help = "Local address"},
	{.kind = CFG_REALM,
		.type = CFG_T_NAME,
		.name = "interface",
		.syntax = "media interface",
		FIELD(cfg_realm, interface),
		.ref = CFG_INTERFACE,
		.help = "Media\nInterface that carries the media; without it the realm has none",
		.value_help = "Name of an interface"},
	{.kind = CFG_REALM,
		.type = CFG_T_PORT_RANGE,
		.name = "media_ports",
		.syntax = "media port-range",
		FIELD(cfg_realm, media_port_min),
		.min = 1024,
		.max = 65535,
		.def_text = "16384 32767",
		NO_REF,
		.help = "Media\nUDP ports of the media, an even one to an odd one",
		.value_help = "UDP port"},
	{.kind = CFG_REALM,
		.type = CFG_T_IPV4,
		.name = "media_ipv4",
		.syntax = "media address",
		FIELD(cfg_realm, media_ipv4),
		NO_REF,
		.help = "Media\nLocal address of the media, one for IPv4 and one for IPv6",
		.value_help = "IPv4 address of the media interface"},
	{.kind = CFG_REALM,
		.type = CFG_T_IPV6,
		.name = "media_ipv6",
		.syntax = "media address",
		FIELD(cfg_realm, media_ipv6),
		NO_REF,
		.help = "Media\nLocal address of the media, one for IPv4 and one for IPv6",
		.value_help = "IPv6 address of the media interface"},
	{.kind = CFG_REALM,
		.type = CFG_T_BOOL,
		.name = "media_latching",
		.syntax = "media latching",
		FIELD(cfg_realm, latch),
		NO_REF,
		.help = "Media\nLearn the far end's media address from its first packet (NAT)"},
	{.kind = CFG_REALM,
		.type = CFG_T_ENUM,
		.name = "media_bundle",
		.syntax = "media bundle",
		FIELD(cfg_realm, bundle),
		.words = bundle_words,
		.max = CFG_BUNDLE_OFFER,
		.def = CFG_BUNDLE_ACCEPT,
		NO_REF,
		.help = "Media\nWhether audio and video share one UDP port (BUNDLE)"},
	{.kind = CFG_REALM,
		.type = CFG_T_BOOL,
		.name = "media_record",
		.syntax = "media record",
		FIELD(cfg_realm, record),
		NO_REF,
		.help = "Media\nRecord calls from and to this side"},
	{.kind = CFG_REALM,
		.type = CFG_T_BOOL,
		.name = "media_rtcp_strict",
		.syntax = "media rtcp-strict",
		FIELD(cfg_realm, rtcp_strict),
		NO_REF,
		.help = "Media\nCut RTCP of unknown types and APP out of what comes from here"},
	{.kind = CFG_REALM,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "media_timeout_s",
		.syntax = "media timeout",
		FIELD(cfg_realm, media_timeout_s),
		.min = 5,
		.max = 86400,
		.def = 120,
		NO_REF,
		.help = "Media\nEnd a call that receives no media for so long",
		.value_help = "Seconds"},
	{.kind = CFG_REALM,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "media_limit_audio",
		.syntax = "media packet-limit audio",
		FIELD(cfg_realm, audio_pps),
		.min = 50,
		.max = 65535,
		.def = 500,
		NO_REF,
		.help = "Media\nDrop what a far end sends above a limit\nOf an audio stream",
		.value_help = "Packets per second"},
	{.kind = CFG_REALM,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "media_limit_other",
		.syntax = "media packet-limit other",
		FIELD(cfg_realm, other_pps),
		.min = 50,
		.max = 65535,
		.def = 10000,
		NO_REF,
		.help = "Media\nDrop what a far end sends above a limit\n"
			"Of a stream of video or of anything else",
		.value_help = "Packets per second"},
	{.kind = CFG_REALM,
		.type = CFG_T_DSCP,
		.name = "dscp_media",
		.syntax = "ip qos dscp $ media",
		FIELD(cfg_realm, dscp_media),
		.max = 63,
		.def = 46,
		NO_REF,
		.help = "IP settings\nQuality of service\nMark of packets that leave\nAudio",
		.value_help = "DSCP"},
	{.kind = CFG_REALM,
		.type = CFG_T_DSCP,
		.name = "dscp_video",
		.syntax = "ip qos dscp $ video",
		FIELD(cfg_realm, dscp_video),
		.max = 63,
		.def = 34,
		NO_REF,
		.help = "IP settings\nQuality of service\nMark of packets that leave\n"
			"Video, and other media that is not audio",
		.value_help = "DSCP"},
	{.kind = CFG_REALM,
		.type = CFG_T_DSCP,
		.name = "dscp_signaling",
		.syntax = "ip qos dscp $ signaling",
		FIELD(cfg_realm, dscp_signaling),
		.max = 63,
		.def = 24,
		NO_REF,
		.help = "IP settings\nQuality of service\nMark of packets that leave\nSignalling",
		.value_help = "DSCP"},
	{.kind = CFG_REALM,
		.type = CFG_T_ENUM,
		.name = "admission",
		.syntax = "admission",
		FIELD(cfg_realm, admission),
		.words = admission_words,
		.max = CFG_ADMIT_USERS,
		.def = CFG_ADMIT_TRUNKS,
		NO_REF,
		.help = "Whose new calls are taken"},
	{.kind = CFG_REALM,
		.type = CFG_T_ENUM,
		.name = "srtp",
		.syntax = "srtp",
		FIELD(cfg_realm, srtp),
		.words = srtp_words,
		.max = CFG_SRTP_REQUIRE,
		.def = CFG_SRTP_NEVER,
		NO_REF,
		.help = "Encrypted media (SRTP)"},
	{.kind = CFG_REALM,
		.type = CFG_T_ENUM,
		.name = "srtp_keying",
		.syntax = "srtp keying",
		FIELD(cfg_realm, srtp_keying),
		.words = keying_words,
		.max = CFG_KEYING_DTLS,
		.def = CFG_KEYING_SDES,
		NO_REF,
		.help = "Encrypted media (SRTP)\nWhere its keys come from"},
	CLASS_ROW(CFG_REALM, cfg_realm, srtp_crypto, "srtp-crypto", CFG_SRTP_CRYPTO,
		"SRTP suites in an order of preference; without it all suites"),
	{.kind = CFG_REALM,
		.type = CFG_T_WORD,
		.flags = CFG_F_LIST,
		.name = "websocket_origins",
		.syntax = "websocket origin",
		LIST(cfg_realm, ws_origins),
		NO_REF,
		.help = "WebSocket\nWeb site whose pages may connect; several may be given, none: "
			"all",
		.value_help = "Origin as browsers name it: https://phone.example.com"},
	CLASS_ROW(CFG_REALM, cfg_realm, tls_profile, "tls-profile", CFG_TLS_PROFILE,
		"Certificates for SIP over TLS"),
	CONN_ROW(CFG_REALM, cfg_realm),
	SPIKE_ROW(CFG_REALM, cfg_realm),
	SIP_PROFILE_ROW(CFG_REALM, cfg_realm, sip_profile_out, "$", ""),
	SIP_PROFILE_ROW(CFG_REALM, cfg_realm, sip_profile_in, "$ inbound",
		", or received\nThose that are received"),
	CLASS_ROW(CFG_REALM, cfg_realm, tenant, "sip tenant", CFG_TENANT,
		"SIP\nIdentity of callers, headers and methods"),
	CLASS_ROW(CFG_REALM, cfg_realm, voice_codec, "codec", CFG_VOICE_CODEC,
		"Codecs in an order of preference; without it all, as they are offered"),
	{.kind = CFG_REALM,
		.type = CFG_T_ENUM,
		.name = "transcoding",
		.syntax = "transcoding",
		FIELD(cfg_realm, transcoding),
		.words = transcoding_words,
		.min = CFG_TRANSCODING_NEVER,
		.max = CFG_TRANSCODING_BY_PREFERENCE,
		.def = CFG_TRANSCODING_AS_NEEDED,
		NO_REF,
		.help = "When voice is decoded and encoded for this side"},

	{.kind = CFG_REALM,
		.type = CFG_T_ENUM,
		.name = "dtmf_relay",
		.syntax = "dtmf-relay",
		FIELD(cfg_realm, dtmf),
		.words = dtmf_words,
		.min = CFG_DTMF_RTP_NTE,
		.max = CFG_DTMF_INBAND,
		.def = CFG_DTMF_RTP_NTE,
		NO_REF,
		.help = "How digits come from this side and go there"},
	{.kind = CFG_REALM,
		.type = CFG_T_ENUM,
		.name = "dtmf_relay_fallback",
		.syntax = "dtmf-relay fallback",
		FIELD(cfg_realm, dtmf_fallback),
		.words = dtmf_fallback_words,
		.max = CFG_DTMF_INBAND,
		.def = CFG_DTMF_NONE,
		NO_REF,
		.help = "How digits come from this side and go there\n"
			"With far ends that agree on no telephone-events"},

	{.kind = CFG_REALM,
		.type = CFG_T_ENUM,
		.name = "redirection",
		.syntax = "redirection",
		FIELD(cfg_realm, redirection),
		.words = redirection_words,
		.min = CFG_REDIRECTION_HUNT,
		.max = CFG_REDIRECTION_RELAY,
		.def = CFG_REDIRECTION_HUNT,
		NO_REF,
		.help = "What comes of a 300, 301 or 302 from here"},
	{.kind = CFG_REALM,
		.type = CFG_T_BOOL,
		.name = "refer",
		.syntax = "supplementary-service sip refer",
		FIELD(cfg_realm, refer),
		NO_REF,
		.help = "Services beyond the call\nOf SIP\nTransfers by REFER come from here and "
			"go here"},
	{.kind = CFG_REALM,
		.type = CFG_T_BOOL,
		.name = "handle_replaces",
		.syntax = "supplementary-service sip handle-replaces",
		FIELD(cfg_realm, replaces),
		NO_REF,
		.help = "Services beyond the call\nOf SIP\nCalls from here may take the place of "
			"others (Replaces)"},
	{.kind = CFG_REALM,
		.type = CFG_T_BOOL,
		.name = "session_refresh",
		.syntax = "session refresh",
		FIELD(cfg_realm, session_refresh),
		NO_REF,
		.help = "Session\nSession timers (RFC 4028): ask for them, and refresh far ends "
			"that know none"},
	{.kind = CFG_REALM,
		.type = CFG_T_U32,
		.name = "session_expires_s",
		.syntax = "session-expires",
		FIELD(cfg_realm, session_expires_s),
		.min = 90,
		.max = 86400,
		.def = 1800,
		NO_REF,
		.help = "Interval of session timers that is asked for",
		.value_help = "Seconds"},
	{.kind = CFG_REALM,
		.type = CFG_T_U32,
		.name = "min_se_s",
		.syntax = "min-se",
		FIELD(cfg_realm, min_se_s),
		.min = 90,
		.max = 86400,
		.def = 90,
		NO_REF,
		.help = "Shortest interval of session timers that is granted; others get 422",
		.value_help = "Seconds"},
	{.kind = CFG_REALM,
		.type = CFG_T_ENUM,
		.name = "rel1xx",
		.syntax = "rel1xx",
		FIELD(cfg_realm, rel1xx),
		.words = rel1xx_words,
		.min = CFG_REL1XX_SUPPORTED,
		.max = CFG_REL1XX_DISABLE,
		.def = CFG_REL1XX_SUPPORTED,
		NO_REF,
		.help = "Provisional answers that are acknowledged (100rel)"},
	REDIRECT_ROW(CFG_REALM, cfg_realm),
	{.kind = CFG_REALM,
		.type = CFG_T_ENUM,
		.name = "cptone",
		.syntax = "cptone",
		FIELD(cfg_realm, cptone),
		.words = cptone_words,
		.max = CFG_N_CPTONES - 1,
		.def = CFG_CPTONE_EU,
		NO_REF,
		.help = "Country whose call progress tones the far ends of this realm hear"},
	{.kind = CFG_REALM,
		.type = CFG_T_BOOL,
		.name = "ringback_tone",
		.syntax = "ringback tone",
		FIELD(cfg_realm, ringback_tone),
		NO_REF,
		.help = "What callers hear when the called side says ringing and sends no media\n"
			"The ring-back tone of their country (cptone)"},
	{.kind = CFG_REALM,
		.type = CFG_T_NAME,
		.name = "ringback_prompt",
		.syntax = "ringback prompt",
		FIELD(cfg_realm, ringback_prompt),
		.ref = CFG_PROMPT,
		.help = "What callers hear when the called side says ringing and sends no media\n"
			"A prompt, over and over",
		.value_help = "Name of a voice class prompt"},
	{.kind = CFG_REALM,
		.type = CFG_T_NAME,
		.name = "music_on_hold",
		.syntax = "music-on-hold",
		FIELD(cfg_realm, music_on_hold),
		.ref = CFG_PROMPT,
		.help = "What the other side hears while a far end of this realm holds a call",
		.value_help = "Name of a voice class prompt"},
	{.kind = CFG_REALM,
		.type = CFG_T_ANNOUNCEMENT,
		.flags = CFG_F_LIST,
		.name = "announcements",
		.syntax = "announcement status",
		LIST(cfg_realm, announcements),
		.min = 400,
		.max = 699,
		.ref = CFG_PROMPT,
		.help = "What callers of this realm hear before a call is refused\n"
			"With this status of SIP",
		.value_help = "Name of a voice class prompt"},
	/* ---- trunk NAME ---- */
	{.kind = CFG_TRUNK,
		.type = CFG_T_NAME,
		.flags = CFG_F_KEY,
		.name = "name",
		FIELD(cfg_trunk, name),
		NO_REF,
		.help = "Name of the trunk",
		.value_help = "Trunk name, at most 31 characters"},
	DESCRIPTION_ROW(CFG_TRUNK, cfg_trunk, "trunk"),
	{.kind = CFG_TRUNK,
		.type = CFG_T_NAME,
		.flags = CFG_F_REQUIRED,
		.name = "realm",
		.syntax = "realm",
		FIELD(cfg_trunk, realm),
		.ref = CFG_REALM,
		.help = "Realm that the trunk is in",
		.value_help = "Name of a realm"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_TARGET,
		.name = "target",
		.syntax = "session target",
		FIELD(cfg_trunk, target),
		NO_REF,
		.help = "Session\nAddress or name of the far end",
		.value_help = "ipv4:A.B.C.D[:PORT], ipv6:[X:X::X][:PORT] or dns:NAME[:PORT]"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "server_group",
		.syntax = "session server-group",
		FIELD(cfg_trunk, server_group),
		.min = 1,
		.max = 10000,
		.def = 0,
		.ref = CFG_SERVER_GROUP,
		.help = "Session\nServers of a voice class in place of one target",
		.value_help = "Tag of a voice class server-group"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_ENUM,
		.name = "transport",
		.syntax = "session transport",
		FIELD(cfg_trunk, transport),
		.words = trunk_transport_words,
		.max = CFG_TRANSPORT_TLS,
		.def = CFG_TRANSPORT_UDP,
		NO_REF,
		.help = "Session\nTransport of SIP towards the far end"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_BOOL,
		.name = "large_requests_tcp",
		.syntax = "session large-requests tcp",
		FIELD(cfg_trunk, large_tcp),
		NO_REF,
		.help = "Session\nRequests of more than 1300 octets in place of UDP\n"
			"Over TCP, which the far end has to take at the same port"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "breaker_failures",
		.syntax = "circuit-breaker failures",
		FIELD(cfg_trunk, breaker_failures),
		.min = 1,
		.max = 100,
		.def = 5,
		NO_REF,
		.help = "Leave a target alone that does not work\n"
			"After so many 503 and unanswered INVITEs in a row, at once when it says "
			"Retry-After",
		.value_help = "Calls"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_U32,
		.name = "breaker_hold_s",
		.syntax = "circuit-breaker hold",
		FIELD(cfg_trunk, breaker_hold_s),
		.min = 1,
		.max = 600,
		.def = 30,
		NO_REF,
		.help = "Leave a target alone that does not work\n"
			"For so long, twice as long each time it fails again",
		.value_help = "Seconds"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "options_interval_s",
		.syntax = "options-keepalive interval",
		FIELD(cfg_trunk, options_interval_s),
		.min = 1,
		.max = 3600,
		.def = 0,
		NO_REF,
		.help = "Health check by SIP OPTIONS\nTime between two of them; without it none "
			"are sent",
		.value_help = "Seconds"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_U32,
		.name = "options_down_after",
		.syntax = "options-keepalive retry",
		FIELD(cfg_trunk, options_down_after),
		.min = 1,
		.max = 10,
		.def = 3,
		NO_REF,
		.help = "Health check by SIP OPTIONS\nUnanswered ones in a row until the trunk is "
			"busied out",
		.value_help = "Requests"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_ENUM,
		.name = "srtp",
		.syntax = "srtp",
		FIELD(cfg_trunk, srtp),
		.words = trunk_srtp_words,
		.max = CFG_SRTP_REALM,
		.def = CFG_SRTP_REALM,
		NO_REF,
		.help = "Encrypted media (SRTP)"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_ENUM,
		.name = "srtp_keying",
		.syntax = "srtp keying",
		FIELD(cfg_trunk, srtp_keying),
		.words = trunk_keying_words,
		.max = CFG_KEYING_REALM,
		.def = CFG_KEYING_REALM,
		NO_REF,
		.help = "Encrypted media (SRTP)\nWhere its keys come from"},
	CLASS_ROW(CFG_TRUNK, cfg_trunk, srtp_crypto, "srtp-crypto", CFG_SRTP_CRYPTO,
		"SRTP suites in an order of preference; without it the realm's"),
	CLASS_ROW(CFG_TRUNK, cfg_trunk, tls_profile, "tls-profile", CFG_TLS_PROFILE,
		"Certificates for SIP over TLS; without it the realm's"),
	CONN_ROW(CFG_TRUNK, cfg_trunk),
	SPIKE_ROW(CFG_TRUNK, cfg_trunk),
	SIP_PROFILE_ROW(CFG_TRUNK, cfg_trunk, sip_profile_out, "$", "; without it the realm's"),
	SIP_PROFILE_ROW(CFG_TRUNK, cfg_trunk, sip_profile_in, "$ inbound",
		", or received\nThose that are received; without it the realm's"),
	CLASS_ROW(CFG_TRUNK, cfg_trunk, tenant, "sip tenant", CFG_TENANT,
		"SIP\nIdentity of callers, headers and methods; without it the realm's"),
	{.kind = CFG_TRUNK,
		.type = CFG_T_WORD,
		.name = "tls_name",
		.syntax = "tls-name",
		FIELD(cfg_trunk, tls_name),
		NO_REF,
		.help = "Name that the far end's certificate has to have, also sent as SNI; "
			"without it the target's address",
		.value_help = "Host name"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_WORD,
		.name = "auth_username",
		.syntax = "authentication username",
		FIELD(cfg_trunk, auth_username),
		NO_REF,
		.help = "Digest authentication towards this far end\nName in it",
		.value_help = "User name"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_LINE,
		.flags = CFG_F_SECRET,
		.name = "auth_password",
		.syntax = "authentication password",
		FIELD(cfg_trunk, auth_password),
		NO_REF,
		.help = "Digest authentication towards this far end\nPassword of that name",
		.value_help = "Password"},
	CLASS_ROW(CFG_TRUNK, cfg_trunk, voice_codec, "codec", CFG_VOICE_CODEC,
		"Codecs in an order of preference; without it the realm's"),
	{.kind = CFG_TRUNK,
		.type = CFG_T_ENUM,
		.name = "transcoding",
		.syntax = "transcoding",
		FIELD(cfg_trunk, transcoding),
		.words = trunk_transcoding_words,
		.max = CFG_TRANSCODING_BY_PREFERENCE,
		.def = CFG_TRANSCODING_REALM,
		NO_REF,
		.help = "When voice is decoded and encoded for this far end"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_ENUM,
		.name = "dtmf_relay",
		.syntax = "dtmf-relay",
		FIELD(cfg_trunk, dtmf),
		.words = trunk_dtmf_words,
		.max = CFG_DTMF_INBAND,
		.def = CFG_DTMF_NONE,
		NO_REF,
		.help = "How digits come from this far end and go there"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_ENUM,
		.name = "dtmf_relay_fallback",
		.syntax = "dtmf-relay fallback",
		FIELD(cfg_trunk, dtmf_fallback),
		.words = dtmf_fallback_words,
		.max = CFG_DTMF_INBAND,
		.def = CFG_DTMF_NONE,
		NO_REF,
		.help = "How digits come from this far end and go there\n"
			"When it agrees on no telephone-events; counts with a dtmf-relay of "
			"the trunk's own"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_ENUM,
		.name = "redirection",
		.syntax = "redirection",
		FIELD(cfg_trunk, redirection),
		.words = trunk_redirection_words,
		.max = CFG_REDIRECTION_RELAY,
		.def = CFG_REDIRECTION_REALM,
		NO_REF,
		.help = "What comes of a 300, 301 or 302 from here"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_BOOL,
		.name = "refer",
		.syntax = "supplementary-service sip refer",
		FIELD(cfg_trunk, refer),
		NO_REF,
		.help = "Services beyond the call\nOf SIP\nTransfers by REFER come from here and "
			"go here; also where its realm says so"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_BOOL,
		.name = "handle_replaces",
		.syntax = "supplementary-service sip handle-replaces",
		FIELD(cfg_trunk, replaces),
		NO_REF,
		.help = "Services beyond the call\nOf SIP\nCalls from here may take the place of "
			"others (Replaces); also where its realm says so"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_BOOL,
		.name = "session_refresh",
		.syntax = "session refresh",
		FIELD(cfg_trunk, session_refresh),
		NO_REF,
		.help = "Session\nSession timers (RFC 4028): ask for them, and refresh the far end "
			"if it knows none; also where the realm says so"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "session_expires_s",
		.syntax = "session-expires",
		FIELD(cfg_trunk, session_expires_s),
		.min = 90,
		.max = 86400,
		.def = 0,
		NO_REF,
		.help = "Interval of session timers that is asked for; without it the realm's",
		.value_help = "Seconds"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "min_se_s",
		.syntax = "min-se",
		FIELD(cfg_trunk, min_se_s),
		.min = 90,
		.max = 86400,
		.def = 0,
		NO_REF,
		.help = "Shortest interval of session timers that is granted; without it the "
			"realm's",
		.value_help = "Seconds"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_ENUM,
		.name = "rel1xx",
		.syntax = "rel1xx",
		FIELD(cfg_trunk, rel1xx),
		.words = trunk_rel1xx_words,
		.max = CFG_REL1XX_DISABLE,
		.def = CFG_REL1XX_REALM,
		NO_REF,
		.help = "Provisional answers that are acknowledged (100rel)"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_NAME,
		.name = "music_on_hold",
		.syntax = "music-on-hold",
		FIELD(cfg_trunk, music_on_hold),
		.ref = CFG_PROMPT,
		.help = "What the other side hears while this far end holds a call; without it as "
			"the realm says",
		.value_help = "Name of a voice class prompt"},
	{.kind = CFG_TRUNK,
		.type = CFG_T_BOOL,
		.name = "media_record",
		.syntax = "media record",
		FIELD(cfg_trunk, record),
		NO_REF,
		.help = "Media\nRecord calls from and to this far end"},
	REDIRECT_ROW(CFG_TRUNK, cfg_trunk),
	PROFILE_ROW(
		CFG_TRUNK, cfg_trunk, incoming, "incoming", "Those that come from this far end"),
	PROFILE_ROW(CFG_TRUNK, cfg_trunk, outgoing, "outgoing", "Those that go to this far end"),
	{.kind = CFG_TRUNK,
		.type = CFG_T_BOOL,
		.name = "shutdown",
		.syntax = "shutdown",
		FIELD(cfg_trunk, shutdown),
		NO_REF,
		.help = "Take the trunk out of service; calls in progress go on"},
	/* ---- dial-peer voice TAG voip ---- */
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_U32,
		.flags = CFG_F_KEY,
		.name = "tag",
		FIELD(cfg_dial_peer, tag),
		.min = 1,
		.max = 2147483647,
		NO_REF,
		.help = "Number of the dial-peer",
		.value_help = "Tag of the dial-peer"},
	DESCRIPTION_ROW(CFG_DIAL_PEER, cfg_dial_peer, "dial-peer"),
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_PATTERN,
		.name = "destination_pattern",
		.syntax = "destination-pattern",
		FIELD(cfg_dial_peer, destination_pattern),
		NO_REF,
		.help = "Called numbers that this dial-peer is for",
		.value_help =
			"Digits; '+' first, '.' any digit, 'T' at the end: any further digits"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "destination_map",
		.syntax = "destination e164-pattern-map",
		FIELD(cfg_dial_peer, destination_map),
		.min = 1,
		.max = 10000,
		.ref = CFG_E164_MAP,
		.help = "Called numbers that this dial-peer is for\nThose of a map",
		.value_help = "Tag of a voice class e164-pattern-map"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_NAME,
		.name = "incoming_realm",
		.syntax = "incoming realm",
		FIELD(cfg_dial_peer, incoming_realm),
		.ref = CFG_REALM,
		.help = "Incoming calls\nOnly those from this realm; without it from any",
		.value_help = "Name of a realm"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_NAME,
		.name = "incoming_trunk",
		.syntax = "incoming trunk",
		FIELD(cfg_dial_peer, incoming_trunk),
		.ref = CFG_TRUNK,
		.help = "Incoming calls\nOnly those from this trunk; without it from any",
		.value_help = "Name of a trunk"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_PATTERN,
		.name = "incoming_called",
		.syntax = "incoming called-number",
		FIELD(cfg_dial_peer, incoming_called),
		NO_REF,
		.help = "Incoming calls\nTo these numbers it is the incoming dial-peer",
		.value_help =
			"Digits; '+' first, '.' any digit, 'T' at the end: any further digits"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "destination_dpg",
		.syntax = "destination dpg",
		FIELD(cfg_dial_peer, destination_dpg),
		.min = 1,
		.max = 10000,
		.ref = CFG_DPG,
		.help = "Called numbers that this dial-peer is for\n"
			"None: its incoming calls go to a group of dial-peers",
		.value_help = "Tag of a voice class dpg"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_NAME,
		.name = "trunk",
		.syntax = "session target trunk",
		FIELD(cfg_dial_peer, trunk),
		.ref = CFG_TRUNK,
		.help = "Session\nWhere the call goes\nA trunk",
		.value_help = "Name of a trunk"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_BOOL,
		.name = "registrar",
		.syntax = "session target registrar",
		FIELD(cfg_dial_peer, registrar),
		NO_REF,
		.help = "Session\nWhere the call goes\nA user of this box, by the number"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "route_table",
		.syntax = "session target route-table",
		FIELD(cfg_dial_peer, route_table),
		.min = 1,
		.max = 10000,
		.ref = CFG_ROUTE_TABLE,
		.help = "Session\nWhere the call goes\nThe trunks that a table has for the number",
		.value_help = "Tag of a voice class route-table"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_NAME,
		.name = "announcement",
		.syntax = "session target announcement",
		FIELD(cfg_dial_peer, announcement),
		.ref = CFG_PROMPT,
		.help = "Session\nWhere the call goes\nThe box itself, which plays a prompt",
		.value_help = "Name of a voice class prompt"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_NAME,
		.name = "conference",
		.syntax = "session target conference",
		FIELD(cfg_dial_peer, conference),
		NO_REF,
		.help = "Session\nWhere the call goes\nA room of the box, where all hear each "
			"other",
		.value_help = "Name of the room"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_ENUM,
		.flags = CFG_F_ZERO_NONE,
		.name = "tone",
		.syntax = "session target tone",
		FIELD(cfg_dial_peer, tone),
		.words = tone_words,
		.max = CFG_N_TONES - 1,
		.def = CFG_TONE_NONE,
		NO_REF,
		.help = "Session\nWhere the call goes\nThe box itself, which plays a tone"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_BOOL,
		.name = "announcement_loop",
		.syntax = "announcement loop",
		FIELD(cfg_dial_peer, announcement_loop),
		NO_REF,
		.help = "How an announcement or a tone is played\nOver and over"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_BOOL,
		.name = "announcement_early",
		.syntax = "announcement early-media",
		FIELD(cfg_dial_peer, announcement_early),
		NO_REF,
		.help = "How an announcement or a tone is played\nBefore a refusal, without an "
			"answer"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "release_cause",
		.syntax = "announcement release-cause",
		FIELD(cfg_dial_peer, release_cause),
		.min = 1,
		.max = 127,
		.def = 0,
		NO_REF,
		.help = "How an announcement or a tone is played\nCause of the release at its end",
		.value_help = "Cause of Q.850"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_U32,
		.name = "preference",
		.syntax = "preference",
		FIELD(cfg_dial_peer, preference),
		.max = 10,
		.def = 0,
		NO_REF,
		.help = "Order among dial-peers that match equally well, 0 first",
		.value_help = "Preference"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_U32,
		.flags = CFG_F_ZERO_NONE,
		.name = "weight",
		.syntax = "weight",
		FIELD(cfg_dial_peer, weight),
		.min = 1,
		.max = 1000,
		.def = 0,
		NO_REF,
		.help = "Share of the calls among dial-peers that match equally well and have the "
			"same preference",
		.value_help = "Weight"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_NAME,
		.name = "time_range",
		.syntax = "time-range",
		FIELD(cfg_dial_peer, time_range),
		.ref = CFG_TIME_RANGE,
		.help = "Only at these times; without it always",
		.value_help = "Name of a time-range"},
	PROFILE_ROW(CFG_DIAL_PEER, cfg_dial_peer, incoming, "incoming",
		"Those of calls that it is the incoming dial-peer of"),
	CONN_ROW(CFG_DIAL_PEER, cfg_dial_peer),
	SIP_PROFILE_ROW(
		CFG_DIAL_PEER, cfg_dial_peer, sip_profile_out, "$", "; without it the trunk's"),
	PROFILE_ROW(CFG_DIAL_PEER, cfg_dial_peer, outgoing, "outgoing",
		"Those of calls that this dial-peer routes"),
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_BOOL,
		.name = "media_record",
		.syntax = "media record",
		FIELD(cfg_dial_peer, record),
		NO_REF,
		.help = "Media\nRecord calls that this dial-peer routes"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_BOOL,
		.name = "huntstop",
		.syntax = "huntstop",
		FIELD(cfg_dial_peer, huntstop),
		NO_REF,
		.help = "Try no further dial-peer when this one fails"},
	{.kind = CFG_DIAL_PEER,
		.type = CFG_T_BOOL,
		.name = "shutdown",
		.syntax = "shutdown",
		FIELD(cfg_dial_peer, shutdown),
		NO_REF,
		.help = "Do not use this dial-peer for new calls"},
};

const struct cfg_rows cfg_rows_side = CFG_ROWS(rows);
