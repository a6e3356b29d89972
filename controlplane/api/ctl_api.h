/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages at limen-control's socket RUN/control.sock: from and to the workers of limen-sip, and
 * from the CLI. Framing and the rules for malformed messages are in controlplane/base/ipc.h.
 *
 * Ownership of state: a call belongs to the limen-sip worker that carries it. limen-control keeps
 * a copy of each call (CTL_CALL_PUT) and gives it back to a worker that starts again
 * (CTL_CALL_RESTORE); a worker that meets a restarted limen-control sends all its calls and media
 * again. So either process can be killed at any time without losing a call.
 */
#pragma once

#include <stdint.h>

#include "controlplane/api/fingerprint.h"
#include "controlplane/base/ipaddr.h"
#include "controlplane/base/ipc.h"
#include "dataplane/api/dp_api.h"

#define CTL_API_VERSION 4
#define CTL_NAME_MAX	32 /* realm, trunk */
#define CTL_TARGET_MAX	48
#define CTL_NUMBER_MAX	64
#define CTL_MEDIA_MAX	4 /* media lines of a call */
#define CTL_TOKEN_KEY	32
#define CTL_CODEC_MAX	32 /* encoding name of a codec */
#define CTL_SESSION_ID	40 /* UUID of an end (RFC 7989), with its NUL */

enum ctl_msg {
	CTL_HELLO = IPC_TYPE_HELLO, /* ctl_hello; reply ctl_hello_reply */
	/* configuration, control -> sip */
	CTL_CONFIG = 2, /* ctl_config + bytes; reply: status, and ctl_text on refusal */
	/* media, sip -> control */
	CTL_MEDIA_SET = 10,   /* ctl_media; reply ctl_media_opened */
	CTL_MEDIA_CLOSE = 11, /* ctl_media_id; no reply */
	/* calls, sip -> control */
	CTL_CALL_PUT = 20,     /* ctl_call + checkpoint bytes; no reply */
	CTL_CALL_END = 21,     /* ctl_call; frees media, writes the record; reply: status */
	CTL_SIP_STATS = 22,    /* ctl_sip_stats, droppable, once a second; no reply */
	CTL_TRUNK_STATUS = 23, /* ctl_trunk_status, at each change; no reply */
	/* subscriptions that go through limen-sip */
	CTL_SUB_PUT = 120,     /* ctl_sub + state; no reply */
	CTL_SUB_DEL = 121,     /* ctl_sub: it is over; no reply */
	CTL_SUB_RESTORE = 122, /* control -> sip: ctl_sub + state, for a worker that has started */
	CTL_REPLAY_DONE = 24,  /* no body: all calls were put again after CTL_HELLO */
	/* calls, control -> sip */
	CTL_CALL_RESTORE = 30, /* ctl_call + checkpoint bytes */
	CTL_RESTORE_DONE = 31, /* no body */
	CTL_TRANSCODER = 33,   /* ctl_transcoder, after HELLO and at each change */
	CTL_CALL_CLEAR = 32,   /* ctl_call_clear: end the call (operator, media timeout) */
	CTL_CALL_PLAY = 36,    /* ctl_call_play: an operator plays a prompt into an answered call */
	CTL_PLAY_DONE = 34,    /* ctl_play_done: what was played to a leg has come to its end */
	/* control -> sip: a digit that came from a leg; sip -> control: one that is for a leg */
	CTL_DTMF = 35, /* ctl_dtmf; no reply, may be lost */
	/* SIP messages of a call, control -> sip, and sip -> control for each worker that is asked */
	CTL_TRACE_GET = 90, /* ctl_trace_get */
	CTL_TRACE_MSG = 91, /* ctl_trace_msg + octets, with keys and digits masked */
	CTL_TRACE_END = 92, /* ctl_trace_end */
	/* DTLS handshakes, control <-> nat; CTL_NAT_INFO also control -> sip */
	CTL_NAT_SET = 50,	  /* ctl_nat: an association is wanted, or wanted otherwise */
	CTL_NAT_DEL = 51,	  /* ctl_nat_id */
	CTL_NAT_KEYS = 52,	  /* ctl_nat_keys, nat -> control */
	CTL_NAT_FAILED = 53,	  /* ctl_nat_id, nat -> control: nobody authenticated in time */
	CTL_NAT_INFO = 54,	  /* ctl_nat_info, nat -> control after HELLO and once a second */
	CTL_NAT_REPLAY_DONE = 55, /* no body, nat -> control: the keys it had were told again */
	/* routing, control -> sip */
	CTL_NUMBERS_SET = 85, /* ctl_numbers + descriptor: a number map is new, or another one */
	CTL_NUMBERS_DEL = 86, /* ctl_numbers, len 0 */
	/* recordings, control <-> rec */
	CTL_REC_POLICY = 60, /* ctl_rec_policy: after HELLO and at each change */
	CTL_REC_SET = 61,    /* ctl_rec: a session is recorded, or sends other payload types */
	CTL_REC_END = 62,    /* ctl_rec_end */
	CTL_REC_STATUS = 63, /* ctl_rec_status, rec -> control: of all after HELLO, then changes */
	CTL_REC_INFO = 64,   /* ctl_rec_info, rec -> control: after HELLO and once a second */
	/* names and targets, sip -> control */
	CTL_TARGETS = 100,   /* ctl_targets + ctl_target ...: of a trunk, at each change */
	CTL_DNS_HOSTS = 101, /* ctl_dns_hosts + ctl_dns_host ...: all names, at each change */
	/* control -> sip */
	CTL_DNS_CLEAR = 102, /* ctl_dns_clear */
	/* limits of calls, sip -> control: all after HELLO, then once a second what changed */
	CTL_CAPACITY = 125, /* ctl_capacity; no reply */
	CTL_TOLL = 126, /* ctl_toll; control -> sip after HELLO: as it was told before a restart */
	CTL_OVERLOAD = 127,	  /* ctl_overload */
	CTL_CAPACITY_CLEAR = 128, /* ctl_capacity_clear, control -> sip: an operator resets peaks */
	CTL_TOLL_CLEAR = 129,	  /* ctl_toll_clear, control -> sip */
	/* connections of SIP, sip -> control: all of them after HELLO, then once a second what changed */
	CTL_CONN = 80,	     /* ctl_conn: is up */
	CTL_CONN_GONE = 81,  /* ctl_conn_id */
	CTL_REG_STATUS = 83, /* ctl_reg_status, sip -> control, at each change; no reply */
	CTL_CONN_END = 82,   /* ctl_conn_id, control -> sip: an operator wants its end */
	/*
	 * Sources that are blocked. sip -> control: new ones, those with other figures, and after HELLO
	 * all that it knows; control -> sip: those of before its start, and those set by hand.
	 */
	CTL_BLOCKS_PUT = 130, /* ctl_blocks + ctl_block ...; no reply */
	CTL_BLOCKS_DEL = 131, /* the same, either way: only who and where count; n 0: all */
	/* registrations, sip <-> control */
	CTL_REG_PUT = 70, /* ctl_reg + state: a binding is new or changed; no reply */
	CTL_REG_DEL = 71, /* ctl_reg_key: it is gone; no reply */
	CTL_REG_ACK = 72, /* ctl_reg_ack, control -> sip: after HELLO, and once they are stored */
	CTL_REG_RESTORE = 73, /* state, control -> sip: of each binding, after its own start */
	CTL_REG_CLEAR = 74,   /* ctl_reg_clear, control -> sip: an operator removes bindings */
	/* quality of trunks: controlplane/api/ctl_quality.h */
	CTL_QUALITY = 140,     /* ctl_quality, control -> sip: after HELLO and at each change */
	CTL_ATTEMPT = 141,     /* ctl_attempt, sip -> control; no reply */
	CTL_HOOK_STATUS = 142, /* ctl_hook_status (ctl_hook.h), sip -> control, once a second */
	/* CLI */
	CTL_CLI_OPEN = 40, /* ctl_cli_open; reply: ctl_text, the prompt */
	CTL_CLI_LINE = 41, /* ctl_text; CTL_CLI_OUT ... with its seq, more=0 at the end */
	CTL_CLI_COMPLETE =
		42,	    /* ctl_text up to the cursor; reply: ctl_text, candidates, one a line */
	CTL_CLI_HELP = 43,  /* ctl_text up to the cursor; reply: ctl_text, help for '?' */
	CTL_CLI_OUT = 44,   /* ctl_cli_out + text, control -> cli */
	CTL_CLI_ABORT = 45, /* no body: Ctrl-C while output is coming */
	CTL_CLI_LOG = 46,   /* ctl_text, control -> cli, droppable: terminal monitor */
};

struct ctl_hello {
	uint32_t api_version;
	uint32_t role;		    /* IPC_ROLE_SIP or IPC_ROLE_CLI */
	uint32_t worker, n_workers; /* SIP */
	uint64_t boot_id;	    /* random at the start of the sending process */
	/* SIP, when it outlived a limen-control: what it was given before; else zero */
	uint64_t config_revision;
	uint32_t n_calls; /* that it carries: 0 after its own start */
	uint32_t zero;
};

struct ctl_hello_reply {
	uint32_t api_version;
	uint32_t generation; /* one more at each start of limen-control */
	uint64_t boot_id;
	uint8_t token_key[CTL_TOKEN_KEY]; /* for the MAC in tags and branches; SIP only */
};

enum ctl_config_phase { CTL_CONFIG_PREPARE = 1, CTL_CONFIG_APPLY = 2, CTL_CONFIG_ABORT = 3 };

/*
 * PREPARE carries the whole configuration as text in the format of the start-up file, in chunks;
 * the receiver parses it after the last one and answers that one only. APPLY and ABORT carry no
 * bytes; APPLY cannot fail.
 */
struct ctl_config {
	uint64_t revision;
	uint32_t phase;
	uint32_t total, offset; /* bytes of the whole text, and of this chunk's place */
	uint32_t n;
	char bytes[];
};

/* How a leg gets its SRTP keys, when not with CTL_MEDIA_SET: by a handshake of limen-nat. */
enum ctl_dtls_role {
	CTL_DTLS_NONE = 0,
	CTL_DTLS_SERVER = 1, /* our a=setup is passive (RFC 5763 5) */
	CTL_DTLS_CLIENT = 2, /* active */
};

struct ctl_dtls {
	uint8_t role; /* enum ctl_dtls_role; NONE: the rest is zero */
	uint8_t zero;
	uint16_t suites;	 /* bit 1 << enum dp_srtp_suite: what may be agreed on */
	struct fingerprint peer; /* the far end's certificate */
	uint16_t zero2;
	uint32_t association; /* another number is another association (RFC 8842) */
};
_Static_assert(sizeof(struct ctl_dtls) == 76, "wire struct");

enum ctl_play_kind {
	CTL_PLAY_NONE = 0, /* what the other leg sends; the rest is zero */
	CTL_PLAY_PROMPT,   /* the voice class prompt of that name */
	CTL_PLAY_TONE,
	CTL_PLAY_ROOM, /* the conference of that name: all in it hear each other */
	CTL_PLAY_N_KINDS,
};

enum ctl_play_flags { CTL_PLAY_LOOP = 1 << 0 };

/*
 * What a leg is to hear in place of the other one. It begins anew when the serial changes. A prompt
 * that is not there is refused (-ENODATA) when the session has one leg; with two it is silence.
 */
struct ctl_play {
	uint8_t kind;	 /* enum ctl_play_kind */
	uint8_t flags;	 /* enum ctl_play_flags */
	uint8_t tone;	 /* enum cfg_tone */
	uint8_t country; /* enum cfg_cptone */
	uint32_t serial;
	uint32_t max_ms; /* 0: to its own end */
	uint32_t zero;
	char name[CTL_NAME_MAX]; /* of a PROMPT or ROOM */
};
_Static_assert(sizeof(struct ctl_play) == 48, "wire struct");

/*
 * One media line of a call. Without a realm for leg 1 the session has leg 0 alone, and all else of
 * leg 1 is zero. Leg 0 faces the caller's realm, leg 1 the called realm. A local
 * address with port 0 is allocated from that leg's realm (family: wanted family, 0 any); one with
 * a port is claimed (replay after a restart of limen-control): -EADDRINUSE when it is another
 * call's. Repeating the message with other legs modifies the session.
 */
struct ctl_media {
	uint64_t call_id;
	uint32_t media_index; /* 0..CTL_MEDIA_MAX-1 */
	uint32_t cookie;      /* limen-sip's; comes back with CTL_PLAY_DONE */
	uint32_t emergency;   /* 1: it may have the ports that others leave free */
	uint32_t zero;
	char realm[DP_LEGS][CTL_NAME_MAX];
	struct dp_leg leg[DP_LEGS]; /* without dp_play */
	struct ctl_play play[DP_LEGS];
	/* With a role the leg has no keys, and neither sends nor receives until it has some. */
	struct ctl_dtls dtls[DP_LEGS];
};

/* What limen-control adds to a media line. */
struct ctl_media_opened {
	struct ipaddr local[DP_LEGS]; /* family 0: there is no such leg */
	struct {
		uint32_t serial;
		uint32_t length_ms; /* of the prompt once; 0: none is played, or again and again */
	} prompt[DP_LEGS];
};
_Static_assert(sizeof(struct ctl_media_opened) == 56, "wire struct");

static inline unsigned int ctl_media_n_legs(const struct ctl_media *media)
{
	return media->realm[1][0] ? 2 : 1;
}

struct ctl_play_done {
	uint64_t call_id;
	uint32_t media_index;
	uint32_t cookie;
	uint32_t leg;
	uint32_t serial;
};

struct ctl_call_play {
	uint64_t call_id;
	uint32_t legs; /* bit i: leg i hears it, once; meanwhile it does not hear the other one */
	uint32_t zero;
	char prompt[CTL_NAME_MAX];
};

struct ctl_media_id {
	uint64_t call_id;
	uint32_t media_index;
	uint32_t zero;
};

enum ctl_call_state {
	CTL_CALL_SETUP = 1,
	CTL_CALL_ALERTING = 2,
	CTL_CALL_ACTIVE = 3,
	CTL_CALL_ENDED = 4,
};

enum ctl_released_by {
	CTL_BY_NONE = 0,
	CTL_BY_CALLER = 1,
	CTL_BY_CALLED = 2,
	CTL_BY_BOX = 3, /* no route, timeout, media timeout, error */
	CTL_BY_OPERATOR = 4,
};

/* What is to be told of a leg's encryption. X(symbol, words in records and in show). */
#define CTL_SRTP_NOTES(X)                                                  \
	X(NONE, "")                                                        \
	X(REFUSED, "the far end refused SRTP, the media is not encrypted") \
	X(LOST, "the far end gave SRTP up in the call, the media is not encrypted")
enum ctl_srtp_note {
#define X(sym, words) CTL_SRTP_##sym,
	CTL_SRTP_NOTES(X)
#undef X
		CTL_SRTP_N_NOTES,
};

/* Where the SRTP keys of a leg come from. X(symbol, word in records and in show). */
#define CTL_KEYINGS(X)  \
	X(NONE, "")     \
	X(SDES, "sdes") \
	X(DTLS, "dtls")
enum ctl_keying {
#define X(sym, word) CTL_KEYING_##sym,
	CTL_KEYINGS(X)
#undef X
		CTL_N_KEYINGS,
};

/* How digits come from a leg and go to it. X(symbol, word in records and in show). */
#define CTL_DTMF_WAYS(X)        \
	X(NONE, "none")         \
	X(RTP_NTE, "rtp-nte")   \
	X(SIP_INFO, "sip-info") \
	X(INBAND, "inband")
enum ctl_dtmf_way {
#define X(sym, word) CTL_DTMF_##sym,
	CTL_DTMF_WAYS(X)
#undef X
		CTL_DTMF_N_WAYS,
};

/* What came of the check of a caller's Identity. X(symbol, word in records and in show). */
#define CTL_STIR_VERDICTS(X)          \
	X(NONE, "")                   \
	X(NO_IDENTITY, "no-identity") \
	X(PASSED, "passed")           \
	X(MALFORMED, "malformed")     \
	X(NUMBERS, "wrong-numbers")   \
	X(STALE, "stale")             \
	X(UNREACHABLE, "unreachable") \
	X(UNTRUSTED, "untrusted")     \
	X(SIGNATURE, "bad-signature")
enum ctl_stir_verdict {
#define X(sym, word) CTL_STIR_##sym,
	CTL_STIR_VERDICTS(X)
#undef X
		CTL_STIR_N_VERDICTS,
};

/* The kind of limit that refused a call. X(symbol, word in records and in show). */
#define CTL_LIMITS(X)             \
	X(NONE, "")               \
	X(CALLS, "max-conn")      \
	X(RATE, "call-spike")     \
	X(BANDWIDTH, "bandwidth") \
	X(TOLL, "toll-limit")     \
	X(PEER, "overload-control")
enum ctl_limit {
#define X(sym, word) CTL_LIMIT_##sym,
	CTL_LIMITS(X)
#undef X
		CTL_LIMIT_N,
};

/* What a REFER that the box acts on has to do with a call. X(symbol, text). */
#define CTL_TRANSFERS(X)                     \
	X(NONE, "")                          \
	X(ASKED, "is being transferred")     \
	X(FAILED, "a transfer of it failed") \
	X(DONE, "was transferred")           \
	X(JOINING, "is made for a transfer") \
	X(MADE, "comes of a transfer")
enum ctl_transfer {
#define X(sym, text) CTL_TRANSFER_##sym,
	CTL_TRANSFERS(X)
#undef X
		CTL_TRANSFER_N,
};

/* What is known of a call outside of limen-sip. Text is NUL-terminated, empty when unknown. */
struct ctl_call {
	uint64_t id;	/* unique over restarts; the key of the record */
	uint32_t state; /* enum ctl_call_state */
	uint32_t released_by;
	uint64_t invite_ms, ringing_ms, answer_ms, end_ms; /* wall clock; 0: did not happen */
	uint64_t tried_ms;   /* wall clock: the INVITE to trunk[1] left; 0: none did */
	uint32_t sip_status; /* final answer sent to the caller; 200 for answered calls */
	uint32_t q850;	     /* 0: unknown */
	uint32_t dial_peer_in, dial_peer_out; /* 0: none */
	struct ipaddr peer_sig[DP_LEGS];      /* far signalling addresses */
	uint32_t transport[DP_LEGS];	      /* enum sip_transport_kind */
	uint32_t n_media;
	uint8_t srtp[DP_LEGS];	    /* enum dp_srtp_suite; NONE unless all media is encrypted */
	uint8_t srtp_note[DP_LEGS]; /* enum ctl_srtp_note */
	/* enum ctl_keying. With DTLS only limen-control knows srtp, from the handshake's keys. */
	uint8_t srtp_keying[DP_LEGS];
	char calling[DP_LEGS][CTL_NUMBER_MAX]; /* as received, as sent */
	char called[DP_LEGS][CTL_NUMBER_MAX];
	char realm[DP_LEGS][CTL_NAME_MAX];
	char trunk[DP_LEGS][CTL_NAME_MAX];
	char sip_call_id[DP_LEGS][128];
	char codec[DP_LEGS][CTL_CODEC_MAX]; /* encoding names */
	uint32_t transcoded;		    /* 1: the voice is decoded and encoded */
	uint8_t dtmf[DP_LEGS];		    /* enum ctl_dtmf_way */
	uint8_t zero[2];
	/* Digits that came from each leg: by SIP INFO as limen-sip knows it, in records all. */
	uint32_t digits[DP_LEGS];
	uint64_t token;		     /* limen-sip's own, comes back with ctl_dtmf */
	char target[CTL_TARGET_MAX]; /* "announcement NAME", ... of a call that ends in the box */
	/* Attestation of SHAKEN, 'A' to 'C': that came, that was signed; 0: none. */
	uint8_t stir_attest[DP_LEGS];
	uint8_t stir_verdict; /* enum ctl_stir_verdict */
	uint8_t limit;	      /* enum ctl_limit: it was refused for that */
	uint8_t toll_alarm;   /* 1: it is beyond a toll-limit, and went on */
	uint8_t transfer;     /* enum ctl_transfer */
	uint8_t zero2[2];
	uint64_t transfer_call; /* the call that it was transferred to, or comes of; 0: none */
	/* Session timers (RFC 4028): the interval, 0: none; when it ends unless it is refreshed. */
	uint32_t se_interval_s[DP_LEGS];
	uint64_t se_end_ms[DP_LEGS]; /* wall clock */
	uint8_t se_we[DP_LEGS];	     /* 1: the box refreshes, else the far end */
	uint8_t zero3[6];
	char session_id[DP_LEGS][CTL_SESSION_ID]; /* UUIDs of both ends (RFC 7989) */
	char reason[160];			  /* one sentence: why it ended, or was refused */
};

/* Whether media cores take new voice. X(symbol, why not, in a sentence). */
#define CTL_TRANSCODER_STATES(X)                         \
	X(READY, "")                                     \
	X(NO_CORES, "the data plane has no media cores") \
	X(BUSY, "the media cores have no head-room")     \
	X(AWAY, "the data plane is not connected")
enum ctl_transcoder_state {
#define X(sym, text) CTL_TRANSCODER_##sym,
	CTL_TRANSCODER_STATES(X)
#undef X
		CTL_TRANSCODER_N_STATES,
};

struct ctl_transcoder {
	uint32_t state; /* enum ctl_transcoder_state */
	uint32_t
		codecs; /* bit n: enum dp_codec_id n; of the last data plane, also when not READY */
};

/* An e164-pattern-map or route-table as an image in sealed memory (sip-b2bua/routing/numbers.h). */
struct ctl_numbers {
	uint32_t tag;
	uint32_t kind; /* enum numbers_kind */
	uint64_t len;  /* of the image */
};
_Static_assert(sizeof(struct ctl_numbers) == 16, "wire struct");

struct ctl_call_clear {
	uint64_t call_id;
	uint32_t q850;
	uint32_t released_by;
	char reason[160];
};

/* Digits are private: they are in no log and in no record. */
struct ctl_dtmf {
	uint64_t call_id;
	uint64_t token; /* control -> sip: as in ctl_call */
	uint32_t media_index;
	uint32_t leg;
	uint32_t serial; /* sip -> control: another one for each digit of a leg, not 0 */
	uint32_t duration_ms;
	uint8_t digit; /* as in dp_event_dtmf */
	uint8_t zero[7];
};
_Static_assert(sizeof(struct ctl_dtmf) == 40, "wire struct");

struct ctl_trunk_status {
	char trunk[CTL_NAME_MAX];
	uint32_t up;	      /* 1 active, 0 busyout */
	uint32_t last_status; /* of the last OPTIONS; 0: no answer */
	uint64_t since_ms;    /* wall clock */
	uint64_t rtt_us;
	char reason[160];
};

/* Whether calls go to a target. X(symbol, word in show) */
#define CTL_TARGET_STATES(X)                                                       \
	X(ACTIVE, "active")                                                        \
	X(BUSYOUT, "busyout") /* it does not answer OPTIONS */                     \
	X(OPEN, "open")	      /* its circuit breaker is: left alone for a while */ \
	X(TRIAL, "half-open") /* one call tries it */
enum ctl_target_state {
#define X(sym, word) CTL_TARGET_##sym,
	CTL_TARGET_STATES(X)
#undef X
		CTL_TARGET_N_STATES,
};

#define CTL_TARGETS_MAX 64 /* of a trunk */
#define CTL_HOST_MAX	64

/* An address of a trunk. */
struct ctl_target {
	struct ipaddr addr;
	uint32_t transport;	     /* 1 UDP, 2 TCP, 3 TLS */
	uint32_t state;		     /* enum ctl_target_state */
	uint32_t member;	     /* of the server group, in its order; else 0 */
	uint32_t preference, weight; /* in the server group */
	uint32_t srv_priority, srv_weight;
	uint32_t n_active; /* calls now */
	uint32_t zero;
	uint64_t n_calls, n_failed, n_opened; /* n_failed: 503, or no answer */
	uint64_t until_ms;		      /* OPEN: wall clock */
	char host[CTL_HOST_MAX];	      /* what DNS calls it; empty: it is known by address */
};

struct ctl_targets {
	char trunk[CTL_NAME_MAX];
	uint32_t n;
	uint8_t stale; /* 1: no name server answers, these are the last known ones */
	uint8_t zero[3];
	char why[160]; /* there are none: a sentence */
};

/* Where what is known of a name comes from. X(symbol, word in show) */
#define CTL_DNS_STATES(X)                                            \
	X(FRESH, "ok")                                               \
	X(STALE, "stale")     /* past its time, no server answers */ \
	X(NOTHING, "none")    /* there is no such record */          \
	X(NO_NAME, "no-name") /* there is no such name */            \
	X(FAILED, "failed")   /* no server answers */                \
	X(ASKING, "asking")
enum ctl_dns_state {
#define X(sym, word) CTL_DNS_##sym,
	CTL_DNS_STATES(X)
#undef X
		CTL_DNS_N_STATES,
};

#define CTL_DNS_HOSTS_MAX 256 /* records that are told; more are left off */

/* A record, or that there is none. */
struct ctl_dns_host {
	char name[128];	   /* cut when it is longer */
	char data[96];	   /* an address, "10 60 5060 sip1.example.com", or why there is nothing */
	uint32_t type;	   /* of DNS: 1 A, 28 AAAA, 33 SRV, 35 NAPTR */
	uint32_t state;	   /* enum ctl_dns_state */
	uint64_t until_ms; /* wall clock: end of its time; 0: it has none */
};

struct ctl_dns_hosts {
	uint32_t n;
	uint32_t left_off; /* records that there are beyond these */
};

struct ctl_dns_clear {
	char name[256]; /* empty: all of them */
};

struct ctl_conn {
	uint64_t id; /* of the worker */
	struct ipaddr local, remote;
	uint8_t transport; /* enum sip_transport_kind */
	uint8_t accepted;  /* 1: the far end opened it */
	uint8_t zero[6];
	char realm[CTL_NAME_MAX];
};
_Static_assert(sizeof(struct ctl_conn) == 88, "wire struct");

#define CTL_ASSOCIATED_MAX 128

/* The box's registration at a trunk's registrar. Text is NUL-terminated. */
struct ctl_reg_status {
	char trunk[CTL_NAME_MAX];
	char line[CTL_NUMBER_MAX];
	uint32_t registered;		     /* 0, 1 */
	uint32_t given_s;		     /* life of the binding as the registrar said */
	uint64_t until_ms;		     /* wall clock: its end */
	uint32_t last_status;		     /* of the last REGISTER; 0: no answer */
	uint32_t n_failed;		     /* REGISTERs in a row */
	char associated[CTL_ASSOCIATED_MAX]; /* first value of P-Associated-URI */
	char reason[160];
};
_Static_assert(sizeof(struct ctl_reg_status) == 408, "wire struct");

struct ctl_sub {
	uint64_t id;	 /* not 0; unique over restarts */
	uint64_t end_ms; /* wall clock: when it is over unless it is refreshed; of DEL 0 */
};
_Static_assert(sizeof(struct ctl_sub) == 16, "wire struct");

struct ctl_conn_id {
	uint64_t id;
};

/* ---- sources that are blocked ---- */

/* X(symbol, word in show commands, what the source did). */
#define CTL_BLOCK_REASONS(X)                                                       \
	X(OPERATOR, "operator", "an operator blocked it")                          \
	X(MESSAGES, "messages", "more messages a second than a source may send")   \
	X(CALLS, "calls", "more new calls a second than a source may begin")       \
	X(MALFORMED, "malformed", "too many messages that do not parse")           \
	X(UNKNOWN, "unknown-targets", "too many requests for what there is not")   \
	X(CHALLENGES, "unanswered-challenges",                                     \
		"too many requests without the credentials that were asked for")   \
	X(PASSWORDS, "wrong-passwords", "too many wrong user names and passwords") \
	X(SCANNER, "scanner", "a User-Agent of tools that look for victims")

enum ctl_block_reason {
#define X(sym, word, text) CTL_BLOCK_##sym,
	CTL_BLOCK_REASONS(X)
#undef X
		CTL_BLOCK_N_REASONS,
};

#define CTL_BLOCKS_BATCH 256

struct ctl_block {
	struct ipaddr addr; /* port 0; of a network its first address */
	uint8_t prefix_len; /* 32; of IPv6 48, 56, 64 or 128 */
	uint8_t reason;	    /* enum ctl_block_reason */
	uint8_t level;	    /* how often it had been blocked before */
	uint8_t zero;
	uint64_t since_ms;     /* wall clock */
	uint64_t drops;	       /* by limen-sip */
	uint32_t remaining_ms; /* 0: it is over, and only remembered for the next time */
	uint32_t memory_ms;    /* how long it is remembered beyond that */
	char realm[CTL_NAME_MAX];
};
_Static_assert(sizeof(struct ctl_block) == 80, "wire struct");

struct ctl_blocks {
	uint32_t n; /* at most CTL_BLOCKS_BATCH */
	uint32_t zero;
};

/* ---- registrations ---- */

struct ctl_reg_key {
	uint64_t id;	/* unique over restarts */
	uint64_t owner; /* 63 bits; modulo the number of workers it names the one that has it */
	uint64_t seq;	/* counts up in each worker's messages; comes back in ctl_reg_ack */
};

enum ctl_reg_flags {
	CTL_REG_NAT = 1 << 0,
	CTL_REG_OUTBOUND = 1 << 1,
	CTL_REG_GRUU = 1 << 2,
	CTL_REG_CACHED = 1 << 7, /* of a registrar behind the box */
};

#define CTL_REG_USER_MAX    64
#define CTL_REG_CONTACT_MAX 160
#define CTL_REG_STATE_MAX   8192

/* A binding as it is shown; the state behind it is limen-sip's own. Texts may be cut short. */
struct ctl_reg {
	struct ctl_reg_key key;
	uint64_t since_ms, expires_ms; /* wall clock */
	struct ipaddr remote;	       /* it was sent from */
	uint32_t reg_id;	       /* RFC 5626; 0: none */
	uint16_t q;		       /* thousandths */
	uint8_t transport;	       /* enum sip_transport_kind */
	uint8_t flags;		       /* enum ctl_reg_flags */
	uint8_t digest; /* hash of its credentials: 1 MD5, 2 SHA-256, 3 SHA-512-256; 0: none */
	uint8_t zero[3];
	/* CTL_REG_CACHED; else 0 */
	uint64_t core_until_ms, core_lost_ms; /* wall clock: its end there; no answer since, or 0 */
	uint32_t shielded, forwarded;	      /* REGISTERs of it */
	char realm[CTL_NAME_MAX];
	char user[CTL_REG_USER_MAX];
	char contact[CTL_REG_CONTACT_MAX];
	char agent[CTL_REG_USER_MAX];
};
_Static_assert(sizeof(struct ctl_reg) == 416, "wire struct");

struct ctl_reg_ack {
	uint64_t store_id; /* another one: it knows nothing, all bindings are to be put again */
	uint64_t seq;	   /* all up to this number are stored */
};

struct ctl_reg_clear {
	char realm[CTL_NAME_MAX];
	char user[CTL_REG_USER_MAX];
};

/* Counters since the start of the worker. X(field, name in show and metrics, help). */
#define CTL_SIP_COUNTERS(X)                                                                   \
	X(rx_requests, "rx-requests", "SIP requests received")                                \
	X(tx_requests, "tx-requests", "SIP requests sent, without retransmissions")           \
	X(rx_responses, "rx-responses", "SIP responses received")                             \
	X(tx_responses, "tx-responses", "SIP responses sent, without retransmissions")        \
	X(rx_retransmissions, "rx-retransmissions", "requests received again")                \
	X(tx_retransmissions, "tx-retransmissions", "messages sent again")                    \
	X(rx_malformed, "rx-malformed", "messages that do not parse")                         \
	X(rx_stray, "rx-stray", "responses and in-dialog requests that match nothing")        \
	X(rx_refused, "rx-refused", "requests from a source that is not allowed")             \
	X(handed_over, "handed-over", "messages passed to the worker that owns their dialog") \
	X(tx_dropped, "tx-dropped", "messages that could not be sent")                        \
	X(transactions, "transactions", "transactions now")                                   \
	X(dialogs, "dialogs", "dialogs now")                                                  \
	X(connections, "connections", "TCP, TLS and WebSocket connections now")               \
	X(tls_failed, "tls-failed", "TLS handshakes that failed, from and to far ends")       \
	X(sources_blocked, "sources-blocked", "sources that were blocked")                    \
	X(blocked_drops, "blocked-drops", "messages and connections of blocked sources")      \
	X(block_refused, "block-refused", "sources not blocked: too many in one second")      \
	X(calls_active, "calls-active", "calls now")                                          \
	X(calls_attempted, "calls-attempted", "initial INVITEs")                              \
	X(calls_answered, "calls-answered", "calls answered with 2xx")                        \
	X(calls_failed, "calls-failed", "calls that ended without an answer")                 \
	X(prack_in, "prack-in", "reliable provisionals that a caller acknowledged")           \
	X(prack_out, "prack-out", "reliable provisionals that the box acknowledged")          \
	X(prack_missed, "prack-missed", "calls refused since no acknowledgement came")        \
	X(se_refreshes, "session-refreshes", "session refreshes sent")                        \
	X(se_followed, "session-changed", "refreshes answered with another description")      \
	X(se_refused, "session-too-short", "requests refused with 422")                       \
	X(se_expired, "session-expired", "calls ended by a session timer")                    \
	X(redirected, "redirected", "redirections that were followed or passed on")           \
	X(refer_in, "refer-in", "REFER requests in calls")                                    \
	X(refer_refused, "refer-refused", "those that a side does not allow")                 \
	X(transfers, "transfers", "transfers that the box made")                              \
	X(calls_moved, "calls-moved", "calls that another worker took over for a transfer")   \
	X(transfers_failed, "transfers-failed", "those that came to nothing")                 \
	X(replaced, "replaced", "calls that took the place of another (Replaces)")            \
	X(update_in, "update-in", "UPDATE requests in dialogs, and offers in PRACK")          \
	X(update_out, "update-out", "offers sent by UPDATE")                                  \
	X(update_local, "update-local", "offers by UPDATE that the box answered by itself")   \
	X(bindings, "bindings", "registered contacts now")                                    \
	X(registers, "registers", "REGISTER requests")                                        \
	X(reg_accepted, "reg-accepted", "REGISTERs that were accepted")                       \
	X(reg_refused, "reg-refused", "REGISTERs with right credentials that were refused")   \
	X(reg_expired, "reg-expired", "contacts whose time ran out")                          \
	X(reg_shielded, "reg-shielded", "refreshes that the cache answered")                  \
	X(reg_forwarded, "reg-forwarded", "REGISTERs sent to a registrar behind")             \
	X(reg_core_refused, "reg-core-refused", "of them refused there, without challenges")  \
	X(reg_core_silent, "reg-core-silent", "of them not answered there, or by 5xx")        \
	X(reg_core_removed, "reg-core-removed", "contacts that the box removed there")        \
	X(reg_core_kept, "reg-core-kept", "of them those that stayed there until their end")  \
	X(reg_survived, "reg-survived", "refreshes answered as the registrar did not")        \
	X(reg_smoothed, "reg-smoothed", "REGISTERs that waited, or stayed here, for a limit") \
	X(reg_put_off, "reg-put-off", "REGISTERs answered with 503 for a limit")              \
	X(auth_challenged, "auth-challenged", "requests of users without credentials")        \
	X(auth_stale, "auth-stale", "credentials with an old nonce, or one used before")      \
	X(auth_wrong, "auth-wrong", "credentials with a wrong user name or password")         \
	X(auth_limited, "auth-limited", "credentials not looked at: too many wrong ones")     \
	X(crypto_ignored, "crypto-ignored", "a=crypto lines that could not be used")          \
	X(srtp_refused, "srtp-refused", "offers and answers refused for SRTP or its absence") \
	X(srtp_fallback, "srtp-fallback", "offers made again without SRTP")                   \
	X(codec_refused, "codec-refused", "offers for which a side has no codec")             \
	X(relayed, "requests-relayed", "requests that are no calls, sent on")                 \
	X(relay_refused, "relay-refused", "such requests refused by the box")                 \
	X(subscriptions, "subscriptions", "subscriptions now")                                \
	X(subscriptions_refused, "subscribe-refused", "SUBSCRIBE beyond their limit")         \
	X(stir_signed, "stir-signed", "calls signed for the called side")                     \
	X(stir_unsigned, "stir-unsigned", "calls that could not be signed")                   \
	X(stir_passed, "stir-passed", "calls whose Identity is good")                         \
	X(stir_no_identity, "stir-no-identity", "calls without an Identity")                  \
	X(stir_invalid, "stir-invalid", "Identities broken or not of this call")              \
	X(stir_stale, "stir-stale", "Identities too old or from the future")                  \
	X(stir_unreachable, "stir-unreachable", "Identities whose certificate was not had")   \
	X(stir_untrusted, "stir-untrusted", "Identities of unknown signers")                  \
	X(stir_fetches, "stir-fetches", "certificates fetched")                               \
	X(stir_fetch_failed, "stir-fetch-failed", "of them in vain")                          \
	X(dtmf_in, "dtmf-info-in", "digits received by SIP INFO")                             \
	X(dtmf_out, "dtmf-info-out", "digits sent by SIP INFO")                               \
	X(dtmf_ignored, "dtmf-ignored", "digits by INFO from legs that have another way")     \
	X(dtmf_lost, "dtmf-lost", "digits that found no way to the other leg")                \
	X(ws_refused, "websocket-refused", "opening handshakes of WebSockets refused")        \
	X(ws_broken, "websocket-broken", "WebSockets closed for frames against the rules")    \
	X(trace_messages, "trace-messages", "SIP messages that are kept now")                 \
	X(trace_calls, "trace-calls", "calls of which SIP messages are kept now")             \
	X(trace_octets, "trace-octets", "memory of kept SIP messages in use")                 \
	X(trace_octets_failed, "trace-octets-failed", "of it for older calls that failed")    \
	X(profile_changed, "sip-profiles-changed", "messages changed by sip-profiles")        \
	X(profile_refused, "sip-profiles-refused", "messages that sip-profiles would break")  \
	X(admission_refused, "admission-refused", "calls and ways refused for a limit")       \
	X(bandwidth_refused, "bandwidth-refused", "calls, ways and re-INVITEs without room")  \
	X(toll_refused, "toll-refused", "calls refused for a toll-limit")                     \
	X(toll_alarms, "toll-alarms", "calls beyond a toll-limit that raised an alarm")       \
	X(oc_dropped, "peer-load-dropped", "calls kept away from an overloaded target")       \
	X(oc_told, "overload-told", "responses that told a peer our own overload")            \
	X(overload_refused, "overload-refused", "INVITEs refused for overload")               \
	X(overload_share, "overload-share", "percent of new calls let in now, each worker")   \
	X(emergency_calls, "emergency-calls", "calls to emergency numbers")                   \
	X(quality_demoted, "quality-demoted", "ways tried last, or not, for their quality")   \
	X(quality_probes, "quality-probes", "such ways tried in their place all the same")    \
	X(hook_asked, "hook-asked", "questions to route-hooks")                               \
	X(hook_answered, "hook-answered", "of them those with an answer that is understood")  \
	X(hook_failed, "hook-failed", "of them those without one")                            \
	X(hook_cached, "hook-cached", "calls served by a kept answer of a route-hook")        \
	X(hook_left_out, "hook-left-out", "calls on which a route-hook was not asked")        \
	X(hook_refused, "hook-refused", "calls refused by a route-hook, or without one")      \
	X(dns_queries, "dns-queries", "questions to name servers")                            \
	X(dns_failed, "dns-failed", "of them those that no name server answered")             \
	X(dns_stale, "dns-stale", "calls by answers past their time, as no server answers")   \
	X(failovers, "failovers", "requests that went on to another target")                  \
	X(breaker_opened, "breaker-opened", "times that a target was left alone")             \
	X(conns_accepted, "connections-accepted", "connections that far ends opened")         \
	X(conns_opened, "connections-opened", "connections that were opened to far ends")     \
	X(conns_failed, "connections-failed", "connections to far ends that did not come up") \
	X(conns_refused, "connections-refused", "connections beyond a limit")                 \
	X(conns_aged, "connections-aged", "connections closed because nothing was said")      \
	X(conns_slow, "connections-slow", "connections closed in the middle of a message")    \
	X(conns_far_closed, "connections-closed", "connections that far ends closed")         \
	X(keepalives, "keepalives", "CRLFs that keep a flow open")                            \
	X(stun, "stun-answers", "STUN binding requests answered on SIP ports")                \
	X(flows_lost, "flows-lost", "registrations that ended with their connection")         \
	X(flows_silent, "flows-silent", "flows closed as no keep-alive came (Flow-Timer)")    \
	X(flow_failovers, "flow-failovers", "requests that took another flow of their phone") \
	X(gruu_calls, "temp-gruu-calls", "calls to temporary GRUUs")                          \
	X(tls_no_name, "tls-no-server", "TLS clients refused for the server they asked for")  \
	X(large_tcp, "large-by-tcp", "requests that went by TCP for their length")            \
	X(large_udp, "large-by-udp", "of them those that nobody took, sent by UDP again")     \
	X(hops_named, "hops-by-name", "requests whose next hop DNS was asked for")            \
	X(hops_unknown, "hops-unknown", "of them those that DNS did not know, sent back")

struct ctl_sip_stats {
#define X(field, name, help) uint64_t field;
	CTL_SIP_COUNTERS(X)
#undef X
};

/* ---- limits of calls ---- */

#define CTL_CAPACITY_KEY 104
#define CTL_CAPACITY_MAX 262144 /* objects of limen-sip that are counted */

/* Why a limit refused a call. X(symbol, column of show) */
#define CTL_CAPACITY_CAUSES(X) \
	X(CALLS, "calls")      \
	X(RATE, "rate")        \
	X(BANDWIDTH, "bandwidth")
enum ctl_capacity_cause {
#define X(sym, word) CTL_CAPACITY_##sym,
	CTL_CAPACITY_CAUSES(X)
#undef X
		CTL_CAPACITY_N_CAUSES,
};

/* What a realm, trunk, link, dial-peer or user carries, of all workers. */
struct ctl_capacity {
	uint32_t index; /* of limen-sip's, stays as long as it runs */
	uint32_t zero;
	uint32_t calls, peak_calls;
	uint64_t bps, peak_bps; /* of one direction */
	uint64_t refused[CTL_CAPACITY_N_CAUSES];
	char key[CTL_CAPACITY_KEY]; /* "trunk carrier", "user alice at phones" */
};
_Static_assert(sizeof(struct ctl_capacity) == 160, "wire struct");

struct ctl_capacity_clear {
	char key[CTL_CAPACITY_KEY]; /* empty: all */
};

#define CTL_TOLL_SLICES 12 /* of a window */

/* What a trunk, user or tenant has called of the numbers of a toll-limit. */
struct ctl_toll {
	uint32_t index;			 /* as in ctl_capacity */
	uint32_t tag;			 /* of the voice class */
	uint32_t n_calls;		 /* now */
	uint32_t window_calls, window_s; /* in the window: calls, seconds talked */
	uint32_t period_s;
	uint64_t n_refused, n_alarms;
	uint64_t tripped_ms; /* wall clock: when a call last was beyond it; 0: none */
	uint64_t slice;	     /* number of the newest slice, since 1970 */
	uint32_t calls[CTL_TOLL_SLICES];
	uint64_t talked_ms[CTL_TOLL_SLICES];
	char subject[CTL_CAPACITY_KEY];
};
_Static_assert(sizeof(struct ctl_toll) == 304, "wire struct");

struct ctl_toll_clear {
	char subject[CTL_CAPACITY_KEY]; /* empty: all */
};

/* How a target of a trunk wants its load restricted. X(symbol, word in show) */
#define CTL_OVERLOADS(X) \
	X(NONE, "none")  \
	X(LOSS, "loss")  \
	X(RATE, "rate")
enum ctl_overload_algo {
#define X(sym, word) CTL_OVERLOAD_##sym,
	CTL_OVERLOADS(X)
#undef X
		CTL_OVERLOAD_N_ALGOS,
};

/* RFC 7339 with a target of a trunk. */
struct ctl_overload {
	uint32_t index; /* as in ctl_capacity */
	uint32_t algo;	/* enum ctl_overload_algo; NONE: it restricts nothing now */
	uint32_t value; /* LOSS: percent that stays away; RATE: calls a second */
	uint32_t transport;
	uint64_t until_ms;		       /* wall clock */
	uint64_t n_told, n_ignored, n_dropped; /* values taken and not, calls that stayed away */
	struct ipaddr addr;
	uint32_t zero;
	char trunk[CTL_NAME_MAX];
};
_Static_assert(sizeof(struct ctl_overload) == 104, "wire struct");

#define CTL_TRACE_MSGS	 1000		    /* messages of a call that a worker tells */
#define CTL_TRACE_TOTAL	 (2u * 1024 * 1024) /* octets of them; the last one may go beyond */
#define CTL_TRACE_OCTETS 65000		    /* of one message: what is longer is cut */

struct ctl_trace_get {
	uint64_t call_id;
	uint32_t ticket; /* comes back with the messages */
	uint32_t zero;
};

/* Oldest first. */
struct ctl_trace_msg {
	uint64_t wall_us;
	uint32_t ticket;
	uint32_t n;	/* octets that follow */
	uint32_t total; /* of the message */
	struct ipaddr local, remote;
	uint8_t sent; /* 1: by us */
	uint8_t transport;
	uint8_t leg; /* 0 A, 1 B, 2 not known */
	uint8_t zero;
};
_Static_assert(sizeof(struct ctl_trace_msg) == 64, "wire struct");

struct ctl_trace_end {
	uint32_t ticket;
	uint32_t n_sent, n_all;
	uint32_t zero;
};

struct ctl_text {
	uint32_t n;
	char text[];
};

struct ctl_cli_open {
	uint32_t interactive; /* 1: a terminal is at the other end */
	uint32_t width, height;
	uint32_t zero;
};

struct ctl_cli_out {
	uint32_t more;	/* 1: further CTL_CLI_OUT of this line follow */
	int32_t status; /* last one only: 0, or a negative errno */
	uint32_t n_text;
	uint32_t n_prompt; /* last one only: the new prompt follows the text */
	uint32_t close;	   /* 1: the session is over (exit, logout) */
	uint32_t caret; /* column of '^' in the line plus 1, or 0; on every message of the line */
	uint32_t page_lines; /* last one only: lines of a page (terminal length), 0: no paging */
	char text[];
};

/* An association of limen-nat is found by the data plane's session and its leg. */
struct ctl_nat_id {
	uint64_t session_id;
	uint32_t leg;
	uint32_t association; /* as in ctl_dtls; tells what is late */
};

struct ctl_nat {
	struct ctl_nat_id id;
	struct ctl_dtls dtls;
	struct ipaddr remote; /* the client's first datagram goes there; a server waits */
};

struct ctl_nat_keys {
	struct ctl_nat_id id;
	struct ipaddr source; /* who authenticated */
	uint32_t zero;
	struct dp_srtp rx, tx;
};

/* What became of handshakes since the start of limen-nat. X(field, name in show, help). */
#define CTL_NAT_COUNTERS(X)                                                                 \
	X(established, "established", "handshakes that ended with keys")                    \
	X(bad_fingerprint, "bad-fingerprint", "certificate is not the one signalled")       \
	X(no_profile, "no-profile", "no common SRTP protection profile")                    \
	X(failed, "failed", "handshakes that failed for another reason")                    \
	X(timed_out, "timed-out", "associations that nobody completed in time")             \
	X(ignored, "ignored", "datagrams from strangers beyond the limit, or out of place") \
	X(not_dtls, "not-dtls", "datagrams that are not DTLS records")                      \
	X(stray, "stray", "datagrams for legs without an association")

struct ctl_nat_counts {
#define X(field, name, help) uint64_t field;
	CTL_NAT_COUNTERS(X)
#undef X
};

struct ctl_nat_info {
	struct fingerprint own; /* NONE, to limen-sip: limen-nat is away, no DTLS now */
	uint16_t zero;
	uint32_t n_associations;
	struct ctl_nat_counts counts;
};

/* ---- recordings ---- */

/* Which files a recording is. X(symbol, word in the configuration, help). */
#define CTL_REC_FILES(X)                                                                     \
	X(ALL, "all", "One of the caller, one of the called party, and both mixed into one") \
	X(SEPARATE, "separate", "One of the caller and one of the called party")             \
	X(MIX, "mix", "Both mixed into one channel")                                         \
	X(STEREO, "stereo", "One of two channels, the caller left, the called party right")
enum ctl_rec_files {
#define X(sym, word, help) CTL_REC_FILES_##sym,
	CTL_REC_FILES(X)
#undef X
		CTL_REC_N_FILES,
};

enum ctl_rec_full { CTL_REC_FULL_STOP, CTL_REC_FULL_DELETE_OLDEST, CTL_REC_N_FULL };

struct ctl_rec_policy {
	uint64_t quota_bytes; /* 0: no limit */
	uint64_t min_free_bytes;
	uint32_t files;	    /* enum ctl_rec_files, of parts that begin */
	uint32_t when_full; /* enum ctl_rec_full */
};

/* A session (one audio line of a call) that is recorded. */
struct ctl_rec {
	uint64_t session_id; /* of the data plane */
	uint64_t call_id;
	uint64_t start_ms; /* wall clock: names its files */
	uint64_t since_us; /* CLOCK_MONOTONIC: what came before then is not recorded */
	uint32_t media_index;
	uint8_t demand; /* 1: an operator asked for it */
	uint8_t zero;
	uint8_t n_payloads[DP_LEGS];
	struct dp_payload payloads[DP_LEGS][DP_PAYLOAD_TYPES]; /* that come from each leg */
};
_Static_assert(sizeof(struct ctl_rec) == 808, "wire struct");

struct ctl_rec_end {
	uint64_t session_id;
	uint64_t at_us; /* CLOCK_MONOTONIC: what came later is not recorded */
};

enum ctl_rec_state {
	CTL_REC_RUNS,
	CTL_REC_WAITS, /* it is not written now; note says why */
	CTL_REC_ENDED,
};

#define CTL_REC_NAME_MAX 64
#define CTL_REC_NOTE_MAX 96

/* The tracks of a recording. X(symbol, end of the file's name, before ".wav") */
#define CTL_REC_TRACKS(X)    \
	X(CALLER, "-caller") \
	X(CALLED, "-called") \
	X(MIX, "-mix")       \
	X(STEREO, "-stereo")
enum ctl_rec_track {
#define X(sym, text) CTL_REC_##sym,
	CTL_REC_TRACKS(X)
#undef X
		CTL_REC_N_TRACKS,
};

/*
 * A recording has parts: another begins when the one before could not go on (no room, limen-rec
 * killed). Files are NAME-TRACK.wav, of further parts NAME-pN-TRACK.wav.
 */
struct ctl_rec_status {
	uint64_t session_id, call_id;
	uint64_t start_ms;
	uint64_t bytes;
	uint32_t media_index;
	uint32_t state; /* enum ctl_rec_state */
	uint32_t parts; /* so far; 0: nothing was written */
	uint8_t tracks; /* bits 1 << enum ctl_rec_track, of the last part */
	uint8_t demand;
	uint8_t zero[2];
	char name[CTL_REC_NAME_MAX]; /* of the first part, with the day's directory */
	char note[CTL_REC_NOTE_MAX]; /* a sentence: why it is not, or was not wholly, written */
};

/* Since the start of limen-rec. X(field, name in show, help). */
#define CTL_REC_COUNTERS(X)                                                               \
	X(begun, "begun", "recordings that began")                                        \
	X(ended, "ended", "recordings that ended")                                        \
	X(parts, "parts", "parts that were written, each of one to three files")          \
	X(packets, "packets", "packets of recorded calls")                                \
	X(played, "played", "of them heard in a recording")                               \
	X(events, "events", "of them DTMF events and comfort noise, which are silence")   \
	X(late, "late", "of them too late or twice")                                      \
	X(undecodable, "undecodable", "of them damaged")                                  \
	X(no_codec, "no-codec", "of them in a codec that cannot be recorded")             \
	X(stray, "stray", "packets of recordings that are not written now")               \
	X(lost, "lost", "packets that the data plane could not bring: recorder too slow") \
	X(write_errors, "write-errors", "files that could not be written")                \
	X(deleted, "deleted", "old files removed to make room")                           \
	X(repaired, "repaired", "files of a killed limen-rec that were finished")

struct ctl_rec_counts {
#define X(field, name, help) uint64_t field;
	CTL_REC_COUNTERS(X)
#undef X
};

struct ctl_rec_info {
	uint32_t running, waiting; /* recordings now */
	uint64_t n_files, bytes;   /* of all recordings */
	uint64_t free_bytes;	   /* on the disk; UINT64_MAX: not known */
	struct ctl_rec_counts counts;
	char note[CTL_REC_NOTE_MAX]; /* why nothing is recorded; empty: there is room */
};
