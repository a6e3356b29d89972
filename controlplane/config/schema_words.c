/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words that settings of realms, trunks and dial-peers choose from. */
#include "controlplane/config/schema_rows.h"

const struct cfg_word cfg_class_words[] = {
	{"access", CFG_REALM_ACCESS, "Phones and customers, possibly behind NAT"},
	{"peering", CFG_REALM_PEERING, "Carriers and other trunks"},
	{"core", CFG_REALM_CORE, "Own servers"},
	{NULL, 0, NULL},
};

const struct cfg_word cfg_admission_words[] = {
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

const struct cfg_word cfg_trunk_transport_words[] = {
	{"udp", CFG_TRANSPORT_UDP, "SIP over UDP"},
	{"tcp", CFG_TRANSPORT_TCP, "SIP over TCP"},
	{"tls", CFG_TRANSPORT_TLS, "SIP over TLS 1.2 or 1.3"},
	{"dns", CFG_TRANSPORT_DNS, "What DNS says of the target's name (NAPTR, SRV)"},
	{NULL, 0, NULL},
};

const struct cfg_word cfg_srtp_words[] = {
	{"never", CFG_SRTP_NEVER, "Neither offered nor taken"},
	{"prefer", CFG_SRTP_PREFER, "Offered first and taken, RTP where the far end wants it"},
	{"require", CFG_SRTP_REQUIRE, "Nothing but SRTP"},
	{NULL, 0, NULL},
};

const struct cfg_word cfg_trunk_srtp_words[] = {
	{"never", CFG_SRTP_NEVER, "Neither offered nor taken"},
	{"prefer", CFG_SRTP_PREFER, "Offered first and taken, RTP where the far end wants it"},
	{"require", CFG_SRTP_REQUIRE, "Nothing but SRTP"},
	{"realm", CFG_SRTP_REALM, "As the realm says"},
	{NULL, 0, NULL},
};

const struct cfg_word cfg_bundle_words[] = {
	{"never", CFG_BUNDLE_NEVER, "Each media line has its own port"},
	{"accept", CFG_BUNDLE_ACCEPT, "Where the far end offers it, lines share one"},
	{"offer", CFG_BUNDLE_OFFER, "Offered as well"},
	{NULL, 0, NULL},
};

const struct cfg_word cfg_keying_words[] = {
	{"sdes", CFG_KEYING_SDES, "The session descriptions (SDES, RFC 4568)"},
	{"dtls", CFG_KEYING_DTLS, "A handshake on the media's own way (DTLS-SRTP, RFC 5763)"},
	{NULL, 0, NULL},
};

const struct cfg_word cfg_trunk_keying_words[] = {
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

const struct cfg_word cfg_transcoding_words[] = {
	TRANSCODING_NEVER,
	TRANSCODING_AS_NEEDED,
	TRANSCODING_BY_PREFERENCE,
	{NULL, 0, NULL},
};

const struct cfg_word cfg_trunk_transcoding_words[] = {
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

const struct cfg_word cfg_dtmf_words[] = {
	DTMF_RTP_NTE,
	DTMF_SIP_INFO,
	DTMF_INBAND,
	{NULL, 0, NULL},
};

const struct cfg_word cfg_trunk_dtmf_words[] = {
	{"realm", CFG_DTMF_NONE, "As the realm says, with its fallback"},
	DTMF_RTP_NTE,
	DTMF_SIP_INFO,
	DTMF_INBAND,
	{NULL, 0, NULL},
};

const struct cfg_word cfg_dtmf_fallback_words[] = {
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

const struct cfg_word cfg_rel1xx_words[] = {
	REL1XX_SUPPORTED,
	REL1XX_REQUIRE,
	REL1XX_DISABLE,
	{NULL, 0, NULL},
};

const struct cfg_word cfg_trunk_rel1xx_words[] = {
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

const struct cfg_word cfg_redirection_words[] = {
	REDIRECTION_HUNT,
	REDIRECTION_FOLLOW,
	REDIRECTION_RELAY,
	{NULL, 0, NULL},
};

const struct cfg_word cfg_trunk_redirection_words[] = {
	{"realm", CFG_REDIRECTION_REALM, "As the realm says"},
	REDIRECTION_HUNT,
	REDIRECTION_FOLLOW,
	REDIRECTION_RELAY,
	{NULL, 0, NULL},
};

#define REFER_WORDS                                                                               \
	{"refuse", CFG_REFER_REFUSE, "It is refused"},                                            \
		{"relay", CFG_REFER_RELAY, "It goes on to the other side, if that says so, too"}, \
		{"local", CFG_REFER_LOCAL, "The box makes the transfer"},                         \
	{                                                                                         \
		NULL, 0, NULL                                                                     \
	}

const struct cfg_word cfg_refer_words[] = {REFER_WORDS};

const struct cfg_word cfg_trunk_refer_words[] = {
	{"realm", CFG_REFER_REALM, "As the realm says"}, REFER_WORDS};

const struct cfg_word cfg_cptone_words[] = {
	{"eu", CFG_CPTONE_EU, "As ETSI recommends, for countries without a word of their own"},
	{"de", CFG_CPTONE_DE, "Germany"},
	{"fr", CFG_CPTONE_FR, "France"},
	{"uk", CFG_CPTONE_UK, "United Kingdom"},
	{"us", CFG_CPTONE_US, "North America"},
	{NULL, 0, NULL},
};

const struct cfg_word cfg_tone_words[] = {
#define X(sym, word, help) {word, CFG_TONE_##sym, help},
	CFG_TONES(X)
#undef X
		{NULL, 0, NULL},
};
