/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration as plain structs. Each field has exactly one row in the schema
 * (controlplane/config/schema*.c), from which the CLI grammar, show running-config, the start-up
 * file, validation and help come; nothing else parses or prints a setting. A struct cfg is
 * immutable once it is running: readers hold it by pointer and the datastore replaces it whole.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/ipaddr.h"
#include "dataplane/api/dp_api.h"

#define CFG_NAME_MAX   32
#define CFG_TEXT_MAX   80
#define CFG_IF_MAX     16
#define CFG_DEVICE_MAX 160
#define CFG_AGENT_MAX  40
#define CFG_LIST_MAX   16 /* members of a small list inside an object */

struct cfg_prefix {
	struct ipaddr addr; /* port 0 */
	uint8_t len;
};

enum cfg_realm_class { CFG_REALM_ACCESS, CFG_REALM_PEERING, CFG_REALM_CORE };
/* CFG_TRANSPORT_DNS: of a trunk, as the records of its name say (RFC 3263 4.1). */
enum cfg_transport {
	CFG_TRANSPORT_DNS = 0,
	CFG_TRANSPORT_UDP = 1,
	CFG_TRANSPORT_TCP = 2,
	CFG_TRANSPORT_TLS = 3,
	CFG_TRANSPORT_WS = 4, /* the last two only to listen */
	CFG_TRANSPORT_WSS = 5,
};
/* Whether who connects with TLS has to show a certificate. */
enum cfg_tls_client { CFG_TLS_CLIENT_NONE, CFG_TLS_CLIENT_OPTIONAL, CFG_TLS_CLIENT_REQUIRE };
enum cfg_tls_version { CFG_TLS_1_2, CFG_TLS_1_3 };
/* Whose new calls a realm takes: of configured trunks, of these and users with a password, anybody's. */
enum cfg_admission { CFG_ADMIT_TRUNKS, CFG_ADMIT_ANY, CFG_ADMIT_USERS };

/* Whether a realm keeps limits per source; BY_CLASS: one of class access does. */
enum cfg_defence { CFG_DEFENCE_BY_CLASS, CFG_DEFENCE_ALWAYS, CFG_DEFENCE_NEVER };

/* SRTP of a realm's or trunk's far ends; CFG_SRTP_REALM: a trunk does as its realm says. */
enum cfg_srtp { CFG_SRTP_NEVER, CFG_SRTP_PREFER, CFG_SRTP_REQUIRE, CFG_SRTP_REALM };

/* Where its keys come from: the session descriptions (RFC 4568), or a handshake (RFC 5763). */
/* Whether media lines of a call share a port (BUNDLE, RFC 9143). */
enum cfg_bundle { CFG_BUNDLE_NEVER, CFG_BUNDLE_ACCEPT, CFG_BUNDLE_OFFER };
enum cfg_keying { CFG_KEYING_SDES, CFG_KEYING_DTLS, CFG_KEYING_REALM };

/* One of several, in the order of their ranks: "crypto RANK SUITE". */
struct cfg_preference {
	uint8_t rank; /* from 1 */
	uint8_t value;
};

/* "voice class srtp-crypto TAG" */
struct cfg_srtp_crypto {
	uint32_t tag;
	struct cfg_preference crypto[CFG_LIST_MAX]; /* value: enum dp_srtp_suite; sorted by rank */
	uint32_t n_crypto;
};

/* The codecs that engineers know by these names; what they are is cfg_codec_id(). */
enum cfg_codec {
	CFG_CODEC_G711U = 1,
	CFG_CODEC_G711A,
	CFG_CODEC_G722,
	CFG_CODEC_G726,
	CFG_CODEC_AAL2_G726,
	CFG_CODEC_G729,
	CFG_CODEC_G729B,
	CFG_CODEC_OPUS,
	CFG_CODEC_GSM,
	CFG_CODEC_AMR,
	CFG_CODEC_AMR_WB,
	CFG_CODEC_L16,
	CFG_CODEC_L16_WIDE,
	CFG_CODEC_TRANSPARENT, /* whatever else was offered */
	CFG_N_CODECS,
};

/* Payload form of AMR and AMR-WB (RFC 4867 4.3, 4.4) where the box offers them by itself. */
enum cfg_amr_form { CFG_AMR_BANDWIDTH_EFFICIENT, CFG_AMR_OCTET_ALIGNED };

/* "voice class codec TAG" */
struct cfg_voice_codec {
	uint32_t tag;
	struct cfg_preference codec[CFG_LIST_MAX]; /* value: enum cfg_codec; sorted by rank */
	uint32_t n_codec;
	uint32_t packet_ms; /* of what is made for that side; 0: as it asks for, else 20 */
	uint8_t amr_form;   /* enum cfg_amr_form */
};

/* Whether voice is decoded and encoded for a side; CFG_TRANSCODING_REALM: as the realm says. */
enum cfg_transcoding {
	CFG_TRANSCODING_REALM,
	CFG_TRANSCODING_NEVER,
	CFG_TRANSCODING_AS_NEEDED,
	CFG_TRANSCODING_BY_PREFERENCE,
};

/* Reliable provisional answers (RFC 3262); CFG_REL1XX_REALM: a trunk does as its realm says. */
enum cfg_rel1xx { CFG_REL1XX_REALM, CFG_REL1XX_SUPPORTED, CFG_REL1XX_REQUIRE, CFG_REL1XX_DISABLE };

/* What comes of a REFER in a call, supplementary-service sip refer; CFG_REFER_REALM: of a trunk. */
enum cfg_refer {
	CFG_REFER_REALM,
	CFG_REFER_REFUSE,
	CFG_REFER_RELAY, /* it passes, where the other side relays as well */
	CFG_REFER_LOCAL, /* the box makes the transfer */
};

/* What comes of a 3xx of the called side; CFG_REDIRECTION_REALM: a trunk does as its realm says. */
enum cfg_redirection {
	CFG_REDIRECTION_REALM,
	CFG_REDIRECTION_HUNT,
	CFG_REDIRECTION_FOLLOW,
	CFG_REDIRECTION_RELAY,
};

/* How digits come from and go to a side's far ends. */
enum cfg_dtmf {
	CFG_DTMF_NONE,	  /* of a trunk's first: as its realm says; as what comes second: nothing */
	CFG_DTMF_RTP_NTE, /* telephone-events (RFC 4733) */
	CFG_DTMF_SIP_INFO, /* application/dtmf-relay, application/dtmf */
	CFG_DTMF_INBAND,   /* tones in the voice */
};

/* "voice class prompt NAME": sound that the box can play. */
struct cfg_prompt {
	char name[CFG_NAME_MAX];
	char description[CFG_TEXT_MAX];
	char file[CFG_TEXT_MAX]; /* "flash:/PATH", a WAV file below STATE/prompts */
};

/* What a caller hears when a call fails with this status: "announcement status 404 NAME". */
struct cfg_announcement {
	uint16_t status;
	char prompt[CFG_NAME_MAX];
};

/* Which country's call progress tones are made. */
enum cfg_cptone {
	CFG_CPTONE_EU,
	CFG_CPTONE_DE,
	CFG_CPTONE_FR,
	CFG_CPTONE_UK,
	CFG_CPTONE_US,
	CFG_N_CPTONES,
};

/* Call progress tones: X(symbol, word, help). */
#define CFG_TONES(X)                                                     \
	X(DIAL, "dial", "Dial tone")                                     \
	X(STUTTER, "stutter", "Dial tone that begins interrupted")       \
	X(RINGBACK, "ringback", "The called party's telephone rings")    \
	X(BUSY, "busy", "The called party is busy")                      \
	X(CONGESTION, "congestion", "There is no way through (reorder)") \
	X(SPECIAL, "special", "Special information: the number cannot be reached")
enum cfg_tone {
	CFG_TONE_NONE,
#define X(sym, word, help) CFG_TONE_##sym,
	CFG_TONES(X)
#undef X
		CFG_N_TONES,
};

static inline const char *cfg_tone_word(unsigned int tone)
{
	switch (tone) {
#define X(sym, word, help)   \
	case CFG_TONE_##sym: \
		return word;
		CFG_TONES(X)
#undef X
	default:
		return "";
	}
}

/*
 * A rule of a translation: what of a number fits match is replaced, or the call is refused. The
 * words of match and replace are those of translation.h.
 */
#define CFG_TRANSLATIONS_MAX 100
struct cfg_translation {
	uint32_t rank;
	char match[64];
	char replace[40];
	bool reject;
	uint8_t zero[3];
};

/* "voice translation-rule TAG": the first rule that fits a number counts. */
struct cfg_translation_rule {
	uint32_t tag;
	struct cfg_translation rules[CFG_TRANSLATIONS_MAX]; /* by ascending rank */
	uint32_t n_rules;
};

/* "voice translation-profile NAME": which rules change which number; tags, 0: none. */
struct cfg_translation_profile {
	char name[CFG_NAME_MAX];
	uint32_t calling, called, redirect_called;
};

/* Some days of the week, from a minute of the day to another; over midnight when end <= start. */
struct cfg_periodic {
	uint8_t days; /* bit 0: Monday ... bit 6: Sunday; of the start */
	uint8_t zero;
	uint16_t start, end; /* minutes; end up to 1440 */
};

/* A minute of a calendar; year 0: none. */
struct cfg_date {
	uint16_t year;
	uint8_t month, day; /* from 1 */
	uint16_t minute;    /* of the day */
};

/* "time-range NAME": by the clock of its time zone. */
struct cfg_time_range {
	char name[CFG_NAME_MAX];
	char description[CFG_TEXT_MAX];
	char timezone[CFG_TEXT_MAX];		    /* as "Europe/Berlin" */
	struct cfg_date start, end;		    /* not before, not from then on */
	struct cfg_periodic periodic[CFG_LIST_MAX]; /* none: all the time */
	uint32_t n_periodic;
};

/* "voice class e164-pattern-map TAG": called numbers, listed or in a file. */
struct cfg_e164_map {
	uint32_t tag;
	char description[CFG_TEXT_MAX];
	char url[CFG_TEXT_MAX];		       /* "flash:/PATH", below STATE/maps; empty: none */
	char e164[CFG_LIST_MAX][CFG_TEXT_MAX]; /* patterns as of destination-pattern */
	uint32_t n_e164;
};

/* "voice class dpg TAG": dial-peers that calls of an incoming dial-peer go to, in this order. */
struct cfg_dpg {
	uint32_t tag;
	char description[CFG_TEXT_MAX];
	uint32_t dial_peers[CFG_LIST_MAX]; /* tags */
	uint32_t n_dial_peers;
	bool order_quality; /* the best way first, in place of the order of the lines */
};

/* "voice class route-table TAG": which trunks lead to which numbers, from a file. */
struct cfg_route_table {
	uint32_t tag;
	char description[CFG_TEXT_MAX];
	char url[CFG_TEXT_MAX]; /* "flash:/PATH", below STATE/maps */
	bool order_quality;	/* the best trunk first, in place of the cheapest */
};

/* What becomes of a way whose trunk is too bad. */
enum cfg_quality_action { CFG_QUALITY_DEMOTE, CFG_QUALITY_EXCLUDE };

/*
 * "voice class quality TAG": what calls to a trunk are to be like, by the sliding window of its last
 * calls. A bound of 0 is none.
 */
#define CFG_QUALITIES_MAX 16
struct cfg_quality {
	uint32_t tag;
	char description[CFG_TEXT_MAX];
	uint32_t window_min;
	uint32_t min_calls;		/* in the window, before it counts */
	uint32_t asr_min, ner_min;	/* percent */
	uint32_t acd_min_s, pdd_max_ms; /* means */
	uint32_t mos_min;		/* hundredths */
	uint8_t action;			/* enum cfg_quality_action */
	uint32_t probe_percent;		/* of calls go there all the same */
	uint32_t recovery_calls;	/* that have to be good until it is as before */
};

/* What comes of a call whose route-hook gives no answer. */
enum cfg_hook_fallback { CFG_HOOK_LOCAL, CFG_HOOK_REJECT };

/* "voice class route-hook TAG": an HTTP server that is asked where a call goes. */
#define CFG_HOOKS_MAX 16
#define CFG_URL_MAX   160
struct cfg_route_hook {
	uint32_t tag;
	char description[CFG_TEXT_MAX];
	char url[CFG_URL_MAX];
	char trust[CFG_URL_MAX];  /* authorities of https; empty: the system's */
	char bearer[CFG_URL_MAX]; /* token of an Authorization; empty: none */
	bool loopback;		  /* the server may be this box */
	uint32_t timeout_ms;
	uint32_t max_pending;	   /* questions at a time */
	uint32_t cache_s;	   /* an answer is good for so long; 0: not kept */
	uint8_t fallback;	   /* enum cfg_hook_fallback */
	uint32_t breaker_failures; /* in a row, until it is left alone; 0: never */
	uint32_t breaker_hold_s;
};

/* A rule of header fields; its words are those of sip_rule.h. */
#define CFG_SIP_RULES_MAX  64
#define CFG_SIP_RANK_MAX   10000
#define CFG_SIP_METHOD_MAX 12
#define CFG_SIP_COPIES_MAX 19
enum cfg_sip_action { CFG_SIP_ADD, CFG_SIP_COPY, CFG_SIP_MODIFY, CFG_SIP_REMOVE };
struct cfg_sip_rule {
	uint32_t rank;
	uint16_t status;  /* of responses; 0: any */
	uint8_t response; /* 1: of responses */
	uint8_t sdp;	  /* 1: header is a part of the session description */
	uint8_t action;	  /* enum cfg_sip_action */
	uint8_t copy;	  /* CFG_SIP_COPY: into which text, 1.. */
	uint8_t zero[2];
	char method[CFG_SIP_METHOD_MAX]; /* empty: any */
	char header[32];
	char match[96], text[96];
};

/* "voice class sip-profiles TAG": every rule that fits a message is carried out, in order. */
struct cfg_sip_profile {
	uint32_t tag;
	struct cfg_sip_rule rules[CFG_SIP_RULES_MAX]; /* by ascending rank */
	uint32_t n_rules;
};

#define CFG_NUMBER_MAX	    32
#define CFG_PATH_MAX	    160
#define CFG_HOST_MAX	    128
#define CFG_AUTH_MAX	    128
#define CFG_ORIGIN_MAX	    128
#define CFG_REG_EXPIRES_MAX 86400

/* "voice class tls-profile TAG": files in PEM, which limen-sip reads. */
struct cfg_tls_profile {
	uint32_t tag;
	char certificate[CFG_PATH_MAX], private_key[CFG_PATH_MAX];
	char trust[CFG_PATH_MAX]; /* who may vouch for far ends; empty: nobody */
	uint8_t client;		  /* enum cfg_tls_client */
	uint8_t min_version;	  /* enum cfg_tls_version */
	/* Servers that clients may ask for by name, "*.example.com" too (RFC 6066 3). */
	char server_names[CFG_LIST_MAX][CFG_HOST_MAX];
	uint32_t n_server_names;
	uint32_t sni_profiles[CFG_LIST_MAX]; /* whose names are taken where this one is used */
	uint32_t n_sni_profiles;
	bool sni_strict; /* who asks for no name of them is refused */
};

/* Whether what a side says of the caller is believed (in), and may be told to it (out). */
enum cfg_trust { CFG_TRUST_CLASS, CFG_TRUST_NONE, CFG_TRUST_IN, CFG_TRUST_OUT, CFG_TRUST_BOTH };

/* The header field that tells a side who calls. */
enum cfg_asserted_id {
	CFG_ASSERTED_PASS, /* P-Asserted-Identity when there is one */
	CFG_ASSERTED_PAI,
	CFG_ASSERTED_PPI,
	CFG_ASSERTED_RPID,
	CFG_ASSERTED_NONE,
};

/* What is asked for callers towards a side (RFC 3323, 3325). */
enum cfg_privacy {
	CFG_PRIVACY_PASS, /* what they ask for themselves */
	CFG_PRIVACY_DISABLE,
	CFG_PRIVACY_ID,
	CFG_PRIVACY_USER,
	CFG_PRIVACY_FULL,
};

/* How a side is told of redirections before the call (RFC 5806, 7044). */
enum cfg_redirecting {
	CFG_REDIRECTING_NONE,
	CFG_REDIRECTING_PASS,
	CFG_REDIRECTING_DIVERSION,
	CFG_REDIRECTING_HISTORY,
};

/* How callers' numbers are written towards a side. */
enum cfg_caller_id { CFG_CALLER_ID_PASS, CFG_CALLER_ID_E164, CFG_CALLER_ID_NATIONAL };

/* What the box attests of a caller's number (RFC 8588 4), and what comes of a check that fails. */
enum cfg_attestation { CFG_ATTEST_NONE, CFG_ATTEST_A, CFG_ATTEST_B, CFG_ATTEST_C };
enum cfg_verification { CFG_STIR_PASS, CFG_STIR_REJECT, CFG_STIR_REQUIRE };
/* Where a side is told what came of the check. */
enum cfg_verstat { CFG_VERSTAT_NONE, CFG_VERSTAT_PAI, CFG_VERSTAT_FROM, CFG_VERSTAT_BOTH };

/* "voice class stir-shaken TAG" */
struct cfg_stir {
	uint32_t tag;
	char description[CFG_TEXT_MAX];
	uint8_t attestation;		    /* enum cfg_attestation: of calls from there */
	char private_key[CFG_PATH_MAX];	    /* calls to there are signed with it; empty: not */
	char certificate_url[CFG_PATH_MAX]; /* where everybody finds its certificate */
	char origid[CFG_TEXT_MAX];	    /* empty: made by the box */
	char trust[CFG_PATH_MAX];	/* authorities; empty: calls from there are not verified */
	char https_trust[CFG_PATH_MAX]; /* of servers of certificates; empty: the system's */
	bool plain_http;		/* certificates may come by http: too */
	uint32_t max_age_s;		/* of a token */
	uint8_t verification;		/* enum cfg_verification */
	uint8_t verstat;		/* enum cfg_verstat: calls to there */
};

/* What comes of a call beyond a toll limit. */
enum cfg_toll_action { CFG_TOLL_BOTH, CFG_TOLL_REFUSE, CFG_TOLL_ALARM };

/* "voice class toll-limit TAG": how much may be called of a class of numbers; 0: no limit. */
struct cfg_toll {
	uint32_t tag;
	char description[CFG_TEXT_MAX];
	uint32_t maps[CFG_LIST_MAX]; /* tags of e164-pattern-maps: the numbers that count */
	uint32_t n_maps;
	uint32_t period_s;	 /* of calls and minutes: a window that slides */
	uint32_t calls, minutes; /* in a period */
	uint32_t max_conn;	 /* at a time */
	uint32_t max_duration_s; /* of one call */
	uint8_t action;		 /* enum cfg_toll_action */
};

/* "voice class tenant TAG": how SIP is spoken with far ends of a realm or trunk. */
struct cfg_tenant {
	uint32_t tag;
	char description[CFG_TEXT_MAX];
	uint8_t trust;			    /* enum cfg_trust */
	uint8_t asserted_id;		    /* enum cfg_asserted_id */
	uint8_t privacy;		    /* enum cfg_privacy */
	uint8_t redirecting;		    /* enum cfg_redirecting */
	uint8_t caller_id;		    /* enum cfg_caller_id */
	uint32_t country_code;		    /* of numbers without one; 0: left alone */
	char national_prefix[CFG_NAME_MAX]; /* digits before a number of that country, or none */
	char international_prefix[CFG_NAME_MAX]; /* digits before a country code */
	bool reason_override;	      /* a cause of Q.850 from there counts more than the status */
	bool reason_q850;	      /* refusals and BYE to there carry a cause of Q.850 */
	uint32_t stir;		      /* tag of a voice class; 0: none */
	uint32_t tolls[CFG_LIST_MAX]; /* tags of toll-limits: of all calls from there together */
	uint32_t n_tolls;
	/* Methods that pass where the tenants of both sides say so; other: those nobody knows. */
	bool relay_message, relay_subscribe, relay_notify, relay_publish, relay_info, relay_options,
		relay_other;
};

/* A line of an access list; with a remark the rest of match but seq is zero. */
#define CFG_RULES_MAX  DP_ACL_RULES_MAX
#define CFG_REMARK_MAX 80
struct cfg_rule {
	struct dp_acl_rule match;
	char remark[CFG_REMARK_MAX];
};

/* "ip access-list extended NAME", "ipv6 access-list NAME" */
struct cfg_access_list {
	char name[CFG_NAME_MAX];
	struct cfg_rule rules[CFG_RULES_MAX]; /* by ascending number */
	uint32_t n_rules;
};

/* The priority of 802.1Q that a DSCP gets. */
struct cfg_cos {
	uint8_t dscp, cos;
};

/*
 * "interface NAME": a DPDK port and its TAP twin; with a VLAN a sub-interface of the port whose
 * name stands before the last dot.
 */
struct cfg_interface {
	char name[CFG_IF_MAX];
	char description[CFG_TEXT_MAX];
	char device[CFG_DEVICE_MAX]; /* devargs, or a PCI address; empty: Linux has it already */
	struct cfg_prefix address[CFG_LIST_MAX]; /* ip address, ipv6 address */
	uint32_t n_address;
	uint32_t vlan;			  /* encapsulation dot1q; 0: none */
	struct cfg_cos cos[CFG_LIST_MAX]; /* where it is not the upper three bits of the DSCP */
	uint32_t n_cos;
	char access4[CFG_NAME_MAX],
		access6[CFG_NAME_MAX]; /* lists of what may come in; empty: all */
	uint32_t mtu;
	bool shutdown;
};

/* "ip route PREFIX NEXT-HOP", "ipv6 route ..." */
struct cfg_route {
	struct cfg_prefix dest; /* host bits zero */
	struct ipaddr next_hop;
};

/* Which files a recording is, and what becomes of it when there is no room. */
enum cfg_rec_files { CFG_REC_ALL, CFG_REC_SEPARATE, CFG_REC_MIX, CFG_REC_STEREO };
enum cfg_rec_full { CFG_REC_STOP, CFG_REC_DELETE_OLDEST };

struct cfg_listen {
	uint8_t transport; /* enum cfg_transport */
	struct ipaddr addr;
};

#define CFG_LINKS_DEEP 4 /* links behind each other, the first one included */

/* "link NAME": a line that realms, trunks and other links share. 0: no limit. */
struct cfg_link {
	char name[CFG_NAME_MAX];
	char description[CFG_TEXT_MAX];
	char uplink[CFG_NAME_MAX]; /* behind which it is: its calls count there, too; empty: none */
	uint32_t max_conn, call_spike;
	uint32_t bandwidth_kbps; /* of one direction */
};

/* "realm NAME" */
struct cfg_realm {
	char name[CFG_NAME_MAX];
	char description[CFG_TEXT_MAX];
	uint8_t class;				/* enum cfg_realm_class */
	char interface[CFG_IF_MAX];		/* of the media; empty: none (signalling only) */
	struct cfg_listen listen[CFG_LIST_MAX]; /* sip listen TRANSPORT ADDRESS [PORT] */
	uint32_t n_listen;
	struct ipaddr media_ipv4, media_ipv6;		/* media address ADDRESS; port 0 */
	uint32_t media_port_min, media_port_max;	/* media port-range MIN MAX */
	uint8_t dscp_media, dscp_video, dscp_signaling; /* ip qos dscp ef media | cs3 signaling */
	uint8_t admission;				/* enum cfg_admission */
	uint8_t rel1xx;		    /* enum cfg_rel1xx; REALM counts as SUPPORTED */
	uint8_t redirection;	    /* enum cfg_redirection; REALM counts as HUNT */
	uint8_t refer;		    /* enum cfg_refer; REALM counts as REFUSE */
	bool replaces;		    /* supplementary-service sip handle-replaces */
	bool session_refresh;	    /* session timers are asked for, and kept alive by the box */
	uint32_t session_expires_s; /* what is asked for */
	uint32_t min_se_s;	    /* what is granted */
	bool latch;		    /* media latching: learn the far media source (NAT) */
	uint8_t bundle;		    /* media bundle: enum cfg_bundle */
	bool redirect_server;	    /* calls from here get 302 with their ways */
	bool record;		    /* media record: calls from and to here are recorded */
	bool rtcp_strict;	    /* media rtcp-strict: only RTCP of known types passes */
	uint32_t media_timeout_s;   /* 0: never */
	uint8_t srtp;		    /* enum cfg_srtp, not CFG_SRTP_REALM */
	uint8_t srtp_keying;	    /* enum cfg_keying, not CFG_KEYING_REALM */
	uint32_t srtp_crypto;	    /* tag of a voice class; 0: all suites in the usual order */
	uint32_t voice_codec;	    /* tag of a voice class; 0: all codecs, as they are offered */
	uint8_t transcoding;	    /* enum cfg_transcoding, not CFG_TRANSCODING_REALM */
	uint8_t dtmf;		    /* enum cfg_dtmf; NONE is RTP_NTE */
	uint8_t dtmf_fallback;	    /* enum cfg_dtmf, when the far end takes no telephone-events */
	uint32_t audio_pps, other_pps; /* media packet-limit; 0: none */
	uint8_t cptone;		       /* enum cfg_cptone, of the tones that its far ends hear */
	bool ringback_tone; /* callers of this realm hear one while only a 180 is there */
	char ringback_prompt[CFG_NAME_MAX]; /* or this, in its place */
	/* What the other side hears while a far end of this realm holds the call; empty: nothing. */
	char music_on_hold[CFG_NAME_MAX];
	struct cfg_announcement announcements[CFG_LIST_MAX]; /* to callers of this realm */
	uint32_t n_announcements;
	uint32_t tls_profile;			  /* 0: none, so no TLS */
	bool large_tcp;				  /* as of a trunk, for phones and others */
	uint32_t sip_profile_out, sip_profile_in; /* tags of voice classes; 0: none */
	uint32_t max_conn, call_spike; /* calls at a time, begun in a second; 0: no limit */
	uint32_t bandwidth_kbps;       /* media of one direction; 0: no limit */
	char link[CFG_NAME_MAX];       /* that its media goes by; empty: none */
	bool emergency_unregistered;   /* emergency calls are taken from anybody */
	uint8_t defence;	       /* enum cfg_defence */
	uint32_t tenant;	       /* tag of a voice class; 0: none */
	/* Web sites whose pages may connect: "https://phone.example.com"; none: all */
	char ws_origins[CFG_LIST_MAX][CFG_ORIGIN_MAX];
	uint32_t n_ws_origins;
};

/* Where a trunk's far end is: ADDRESS or a name that DNS knows. Compared as memory. */
struct cfg_target {
	struct ipaddr addr;	 /* with its port; family 0: by name */
	char name[CFG_HOST_MAX]; /* empty: by address */
	uint32_t port;		 /* of the name; 0: as DNS says (RFC 3263 4.2) */
};

static inline bool cfg_target_is_set(const struct cfg_target *target)
{
	return ipaddr_is_set(&target->addr) || target->name[0];
}

/* In which order the members of a server group are tried. */
enum cfg_hunt {
	CFG_HUNT_PREFERENCE,
	CFG_HUNT_ROUND_ROBIN,
	CFG_HUNT_WEIGHT,
	CFG_HUNT_LEAST_LOAD,
	CFG_HUNT_PARALLEL, /* those of a preference ring at a time */
};

/* "ipv4 ADDRESS [port P] [preference N] [weight W]". Compared as memory. */
struct cfg_member {
	struct cfg_target target;
	uint32_t preference; /* 0 first */
	uint32_t weight;
};

/* "voice class server-group TAG" */
struct cfg_server_group {
	uint32_t tag;
	char description[CFG_TEXT_MAX];
	uint8_t hunt; /* enum cfg_hunt */
	struct cfg_member members[CFG_LIST_MAX];
	uint32_t n_members;
};

/* What a trunk is told that we understand of its overload (RFC 7339, RFC 7415). */
enum cfg_overload_control { CFG_OC_NONE, CFG_OC_LOSS, CFG_OC_RATE };

/* "trunk NAME": a far end with fixed addresses. */
struct cfg_trunk {
	char name[CFG_NAME_MAX];
	char description[CFG_TEXT_MAX];
	char realm[CFG_NAME_MAX];
	/* session target ipv4:A[:P] | ipv6:[A][:P] | dns:NAME[:P], or a group of servers by its tag */
	struct cfg_target target;
	uint32_t server_group;
	bool large_tcp;		   /* requests over 1300 octets go by TCP in place of UDP */
	uint32_t breaker_failures; /* in a row, until a target is left alone; 0: never */
	uint32_t breaker_hold_s;   /* for so long, when it does not say itself */
	uint8_t transport;
	uint32_t options_interval_s;	  /* options-keepalive; 0: none */
	uint32_t options_down_after;	  /* unanswered OPTIONS in a row until busyout */
	uint8_t srtp;			  /* enum cfg_srtp */
	uint8_t srtp_keying;		  /* enum cfg_keying */
	uint32_t srtp_crypto;		  /* 0: the realm's */
	uint32_t voice_codec;		  /* 0: the realm's */
	uint8_t transcoding;		  /* enum cfg_transcoding */
	uint8_t dtmf;			  /* enum cfg_dtmf; NONE: both are the realm's */
	uint8_t dtmf_fallback;		  /* enum cfg_dtmf */
	uint8_t rel1xx;			  /* enum cfg_rel1xx */
	uint8_t redirection;		  /* enum cfg_redirection */
	uint8_t refer;			  /* enum cfg_refer */
	bool replaces;			  /* or the realm's */
	bool session_refresh;		  /* or the realm's */
	uint32_t session_expires_s;	  /* 0: the realm's */
	uint32_t min_se_s;		  /* 0: the realm's */
	char music_on_hold[CFG_NAME_MAX]; /* empty: the realm's */
	uint32_t tls_profile;		  /* 0: the realm's */
	uint32_t tenant;		  /* 0: the realm's */
	char tls_name[CFG_HOST_MAX];	  /* in its certificate; empty: the target's address */
	char auth_username[CFG_AUTH_MAX]; /* what a 401 or 407 is answered with; empty: nothing */
	char auth_password[CFG_AUTH_MAX];
	/* The box registers at the target; 0: it does not. */
	uint32_t reg_expires_s;
	uint32_t reg_retry_s;	       /* after the first failure (RFC 5626 4.5) */
	char reg_domain[CFG_HOST_MAX]; /* of From, To and Request-URI; empty: the target's */
	char reg_number[CFG_AUTH_MAX]; /* user of them; empty: auth_username */
	bool reg_required;	       /* without a registration the trunk is busied out */
	bool reg_bulk;		       /* all its numbers at once (RFC 6140) */
	bool redirect_server;	       /* calls from here get 302 with their ways */
	bool record;		       /* media record */
	/* Profiles of numbers that come from this far end and go there; empty: as they are. */
	char translation_incoming[CFG_NAME_MAX];
	char translation_outgoing[CFG_NAME_MAX];
	uint32_t sip_profile_out, sip_profile_in; /* 0: the realm's */
	uint32_t max_conn, call_spike; /* calls at a time, begun in a second; 0: no limit */
	uint32_t quality;	       /* tag of a voice class; 0: none */
	uint32_t bandwidth_kbps;       /* media of one direction; 0: no limit */
	char link[CFG_NAME_MAX];       /* empty: the realm's */
	uint32_t tolls[CFG_LIST_MAX];  /* tags of toll-limits: of calls from there */
	uint32_t n_tolls;
	uint8_t overload_control; /* enum cfg_overload_control */
	bool shutdown;
};

/* "dial-peer voice TAG voip" */
struct cfg_dial_peer {
	uint32_t tag;
	char description[CFG_TEXT_MAX];
	char destination_pattern
		[CFG_TEXT_MAX];		   /* digits, '+' first, '.' one digit, trailing 'T' any */
	uint32_t destination_map;	   /* tag of an e164-pattern-map in its place; 0: none */
	char incoming_realm[CFG_NAME_MAX]; /* only for calls from this realm; empty: any */
	char incoming_trunk[CFG_NAME_MAX]; /* only for calls from this trunk; empty: any */
	/* It is also the incoming dial-peer of calls to these numbers; empty: of none. */
	char incoming_called[CFG_TEXT_MAX];
	uint32_t
		destination_dpg; /* tag: its incoming calls go there, whatever the number; 0: none */
	/* session target: exactly one of these. The last three end the call in the box itself. */
	char trunk[CFG_NAME_MAX];
	uint32_t route_table;		 /* tag; 0: none */
	uint32_t route_hook;		 /* tag; 0: none */
	char announcement[CFG_NAME_MAX]; /* a prompt */
	char conference[CFG_NAME_MAX];	 /* a room */
	uint8_t tone;			 /* enum cfg_tone */
	bool announcement_loop;		 /* the prompt begins again and again */
	bool announcement_early;	 /* the call is not answered: early media, then a refusal */
	uint32_t release_cause;		 /* Q.850, at the end of the prompt; 0: by its kind */
	bool registrar;			 /* a target, too: the user whose number was called */
	uint32_t preference;		 /* 0 first */
	uint32_t weight;		 /* share among equals; 0: none */
	char translation_incoming[CFG_NAME_MAX]; /* with incoming_called */
	char translation_outgoing[CFG_NAME_MAX];
	char time_range[CFG_NAME_MAX]; /* empty: at any time */
	uint32_t sip_profile_out;      /* 0: the trunk's */
	uint32_t quality;	       /* tag of a voice class; 0: the trunk's */
	bool order_quality;	       /* among its equals the best first */
	uint32_t max_conn;	       /* calls at a time that it leads on; 0: no limit */
	bool record;		       /* media record */
	bool huntstop;
	bool shutdown;
};

/* By which hashes users of a registrar may prove themselves (RFC 8760). */
enum cfg_digest { CFG_DIGEST_ANY, CFG_DIGEST_SHA, CFG_DIGEST_MD5 };

/* In what order the phones of a user ring (RFC 3261 16.6). */
enum cfg_fork { CFG_FORK_Q_ORDER, CFG_FORK_PARALLEL };

/* "registrar NAME": takes the registrations of a realm. */
struct cfg_registrar {
	char name[CFG_NAME_MAX];
	char description[CFG_TEXT_MAX];
	char realm[CFG_NAME_MAX];
	char domain
		[CFG_HOST_MAX]; /* digest realm, and host of GRUUs; empty: the registrar's name */
	uint8_t digest;		/* enum cfg_digest */
	uint32_t expires_max_s, expires_min_s;
	uint32_t expires_nat_s; /* 0: as others */
	uint32_t max_contacts;	/* of a user */
	bool service_route;
	uint32_t flow_timer_s;	 /* silence that ends a flow (RFC 5626 4.4); 0: none is named */
	uint8_t fork;		 /* enum cfg_fork */
	uint32_t fork_timeout_s; /* until phones of the next lower q ring */
	/* Of each user that has none of its own; 0: no limit. */
	uint32_t user_max_conn, user_call_spike, user_bandwidth_kbps;
	uint32_t tolls[CFG_LIST_MAX];
	uint32_t n_tolls;
	uint32_t
		rate_limit; /* REGISTERs in a second: of users that are new, or to the core; 0: any */
	/* registration passthrough: users are those of a registrar at this trunk; empty: they are ours */
	char core[CFG_NAME_MAX];
	uint32_t core_expires_s; /* asked of it */
	uint32_t core_timeout_s; /* it has so long for an answer */
	uint32_t core_queue_ms;	 /* a REGISTER waits so long for its turn (rate_limit) */
	uint32_t core_grace_s;	 /* phones are answered so long without it; 0: they are not */
	bool core_path;		 /* RFC 3327 */
};

#define CFG_PHONE_MAX  64
#define CFG_NOTE_MAX   40
#define CFG_DIGITS_MAX 32

/* "voice register pool TAG": a user of a registrar. */
struct cfg_pool {
	uint32_t tag;
	char description[CFG_NOTE_MAX];
	char registrar[CFG_NAME_MAX];
	char username[CFG_PHONE_MAX];
	char password[CFG_PHONE_MAX];
	char number[CFG_DIGITS_MAX]; /* by which it is called; empty: the user name */
	bool shutdown;
	uint32_t max_conn, call_spike, bandwidth_kbps; /* 0: as the registrar says */
	uint32_t tolls[CFG_LIST_MAX];		       /* none: as the registrar says */
	uint32_t n_tolls;
};

/* Its calls end in the box itself. */
static inline bool cfg_dial_peer_is_local(const struct cfg_dial_peer *peer)
{
	return peer->announcement[0] || peer->conference[0] || peer->tone != CFG_TONE_NONE;
}

struct cfg {
	char hostname[CFG_NAME_MAX];
	/* voice service voip */
	uint32_t max_calls;	  /* 0: no limit */
	uint32_t overload_target; /* percent of a worker's time; 0: it refuses nothing */
	char emergency_numbers[CFG_LIST_MAX][CFG_NUMBER_MAX]; /* calls that no limit refuses */
	uint32_t n_emergency_numbers;
	uint32_t emergency_calls; /* of max_calls, kept free for them */
	uint32_t emergency_ports; /* pairs of UDP ports of each media address, kept free for them */
	uint32_t video_kbps;	  /* of media that is not audio and does not say it (b=) */
	/* What calls beyond a limit are refused with. */
	uint32_t conn_status, spike_status, bandwidth_status, user_status, toll_status;
	/* Limits of one source; 0: none */
	uint32_t defence_messages, defence_calls;	  /* a second */
	uint32_t defence_malformed, defence_unknown;	  /* a minute */
	uint32_t defence_challenges, defence_passwords;	  /* a minute */
	uint32_t defence_trusted;			  /* times as much for registered phones */
	uint32_t defence_block_s, defence_block_max_s;	  /* the first time; at most */
	uint8_t defence_prefix6;			  /* of IPv6 that is one source */
	bool defence_scanners;				  /* the names that the box knows */
	char defence_agents[CFG_LIST_MAX][CFG_AGENT_MAX]; /* more of them */
	uint32_t n_defence_agents;
	struct cfg_prefix defence_exempt[CFG_LIST_MAX];
	uint32_t n_defence_exempt;
	uint32_t trace_memory_mb; /* SIP messages of calls in limen-sip; 0: none are kept */
	/* sip-ua */
	uint32_t max_forwards;	      /* of requests that the box originates */
	uint32_t max_subscriptions;   /* through the box at a time */
	uint32_t timer_t1_ms;	      /* RFC 3261 17.1.1.1 */
	uint32_t timer_no_answer_s;   /* INVITE without a final answer */
	uint32_t timer_next_target_s; /* INVITE without any, when there is another target */
	/* ip name-server, ip domain ... */
	struct ipaddr name_servers[CFG_LIST_MAX]; /* port 0 */
	uint32_t n_name_servers;
	bool domain_lookup;
	char domain_name[CFG_HOST_MAX]; /* is added to names without a dot; empty: nothing is */
	uint32_t domain_timeout_s, domain_retry;
	uint32_t domain_stale_s;  /* answers are used so long beyond their time; 0: not at all */
	uint32_t conn_max;	  /* TCP, TLS and WebSocket connections */
	uint32_t conn_max_source; /* of them accepted from one address, in each worker */
	uint32_t conn_idle_s;	  /* of silence until one is closed */
	uint32_t conn_receive_s;  /* for a message to arrive whole */
	uint32_t ws_ping_s;	  /* of silence until a WebSocket is asked */
	/* media recording */
	uint8_t rec_files;	  /* enum cfg_rec_files */
	uint8_t rec_when_full;	  /* enum cfg_rec_full */
	uint32_t rec_quota_mb;	  /* 0: none */
	uint32_t rec_min_free_mb; /* 0: none */
	/* control-plane */
	struct dp_police_rate police[DP_POLICE_N];
	/* Each array is sorted by its key: name, destination, tag. */
	struct cfg_access_list *access_lists4;
	uint32_t n_access_lists4;
	struct cfg_access_list *access_lists6;
	uint32_t n_access_lists6;
	struct cfg_interface *interfaces;
	uint32_t n_interfaces;
	struct cfg_route *routes;
	uint32_t n_routes;
	struct cfg_srtp_crypto *srtp_cryptos;
	uint32_t n_srtp_cryptos;
	struct cfg_voice_codec *voice_codecs;
	uint32_t n_voice_codecs;
	struct cfg_prompt *prompts;
	uint32_t n_prompts;
	struct cfg_tls_profile *tls_profiles;
	uint32_t n_tls_profiles;
	struct cfg_sip_profile *sip_profiles;
	uint32_t n_sip_profiles;
	struct cfg_translation_rule *translation_rules;
	uint32_t n_translation_rules;
	struct cfg_translation_profile *translation_profiles;
	uint32_t n_translation_profiles;
	struct cfg_time_range *time_ranges;
	uint32_t n_time_ranges;
	struct cfg_e164_map *e164_maps;
	uint32_t n_e164_maps;
	struct cfg_toll *tolls;
	uint32_t n_tolls;
	struct cfg_dpg *dpgs;
	uint32_t n_dpgs;
	struct cfg_route_table *route_tables;
	uint32_t n_route_tables;
	struct cfg_quality *qualities;
	uint32_t n_qualities;
	struct cfg_route_hook *route_hooks;
	uint32_t n_route_hooks;
	struct cfg_stir *stirs;
	uint32_t n_stirs;
	struct cfg_tenant *tenants;
	uint32_t n_tenants;
	struct cfg_server_group *server_groups;
	uint32_t n_server_groups;
	struct cfg_link *links;
	uint32_t n_links;
	struct cfg_realm *realms;
	uint32_t n_realms;
	struct cfg_trunk *trunks;
	uint32_t n_trunks;
	struct cfg_dial_peer *dial_peers;
	uint32_t n_dial_peers;
	struct cfg_registrar *registrars;
	uint32_t n_registrars;
	struct cfg_pool *pools;
	uint32_t n_pools;
};
