/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The session API between limen-control (client) and limen-dataplane (server): messages over
 * controlplane/base/ipc.h at the socket RUN/dataplane.sock. docs/SESSION-API.md describes it for
 * outsiders.
 *
 * Everything that the data plane knows comes through this API, so a restart of the data plane is
 * a replay of PORT_SET, MEDIA_ADDR_SET, PROMPT_SET and SESSION_ADD. Every request is idempotent:
 * the same request again has the same answer and no other effect. The generation in ipc_hdr of ADD and
 * MODIFY is that of the control process (one more each time it starts); SESSION_SWEEP removes
 * what a restarted control process did not claim again.
 *
 * A session is one media line of a call: two legs A and B, a pair of UDP ports on each (RTP even,
 * RTCP the next; one port when rtcp-mux). What arrives at the local port of leg A leaves from the
 * local port of leg B towards leg B's remote address, and the reverse. A session may have leg A
 * alone: then leg B is all zero, and what leg A hears is played to it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "controlplane/base/ipaddr.h"
#include "controlplane/base/ipc.h"
#include "dataplane/api/dp_codec.h"
#include "dataplane/api/dp_tone.h"

#define DP_API_VERSION	    3
#define DP_NAME_MAX	    16 /* of a port, as IFNAMSIZ */
#define DP_DEVARGS_MAX	    160
#define DP_PAYLOAD_TYPES    16
#define DP_LEGS		    2
#define DP_MEDIA_ADDRS_MAX  64
#define DP_PORTS_MAX	    32
#define DP_SRTP_KEY_MAX	    46 /* master key and master salt of the longest suite */
#define DP_PLAYOUT_MS	    60 /* what a far end's jitter buffer is taken to even out */
#define DP_PROMPTS_MAX	    256
#define DP_PROMPTS_BYTES    (UINT64_C(256) << 20) /* all of them together */
#define DP_ROOMS_MAX	    256
#define DP_ROOM_MEMBERS_MAX 32
#define DP_MID_MAX	    16
#define DP_BUNDLE_SSRCS	    8
#define DP_BUNDLE_LINES	    8 /* sessions that may share a port */

enum dp_msg {
	DP_HELLO = IPC_TYPE_HELLO, /* control -> dp: dp_hello; reply dp_hello_reply + stats fd */
	DP_PORT_SET = 2,	   /* dp_port */
	DP_PORT_DEL = 3,	   /* dp_port_name */
	DP_MEDIA_ADDR_SET = 4,	   /* dp_media_addr: which UDP ports of an address are media */
	DP_MEDIA_ADDR_DEL = 5,	   /* dp_media_addr */
	DP_POLICE_SET = 6,	   /* dp_police: limits of what goes up to Linux */
	DP_PROMPT_SET = 7,	   /* dp_prompt and a descriptor: what can be played */
	DP_PROMPT_DEL = 8,	   /* dp_prompt_id; -ENOENT when unknown */
	DP_SESSION_ADD = 10,	   /* dp_session; reply dp_session_reply */
	DP_SESSION_MODIFY = 11,	   /* dp_session; -ENOENT when unknown */
	DP_SESSION_REMOVE = 12,	   /* dp_session_id; reply dp_session_final; -ENOENT when unknown */
	DP_SESSION_DUMP = 13,	   /* dp_dump; reply dp_dump_reply with a counted array */
	DP_SESSION_SWEEP = 14,	   /* no body: removes sessions older than hdr.generation */
	DP_DTMF_SEND = 15,	   /* dp_dtmf_send: a digit towards a leg */
	DP_EVENT_TIMEOUT = 20,	   /* dp -> control, droppable: dp_event */
	DP_EVENT_LATCH = 21,	   /* dp -> control, droppable: dp_event */
	DP_EVENT_PORT = 22,	   /* dp -> control, droppable: dp_event_port */
	DP_EVENT_PLAY_DONE = 23,   /* dp -> control, droppable: dp_event_play */
	DP_EVENT_DTMF = 24,	   /* dp -> control, droppable: dp_event_dtmf */
	DP_NAT_RX = 30,		   /* dp -> nat, droppable: dp_nat_packet */
	DP_NAT_TX = 31,		   /* nat -> dp: dp_nat_packet; no reply, may be lost */
	DP_ACL_SET = 40,	   /* dp_acl with its rules: a new list, or all of one anew */
	DP_ACL_DEL = 41,	   /* dp_acl_name; -EBUSY: a port uses it */
	DP_ACL_CLEAR = 42,  /* dp_acl_name: its counters begin at 0; "": those of all lists */
	DP_RATING = 44,	    /* dp_rating; no reply, may be lost */
	DP_ACCESS_SET = 43, /* dp_access: the lists of all ports */
	DP_BLOCK_SET = 45,  /* dp_blocks; reply dp_blocks_reply */
	DP_BLOCK_DEL = 46,  /* dp_blocks; who is not there is no error */
	DP_TAP = 60,	    /* dp -> rec, may be lost: dp_tap */
};

struct dp_hello {
	uint32_t api_version;
	uint32_t role; /* IPC_ROLE_CONTROL, IPC_ROLE_NAT or IPC_ROLE_REC */
};

struct dp_hello_reply {
	uint32_t api_version;
	uint32_t n_workers;
	uint64_t boot_id; /* random at each start: another one means everything must be replayed */
	uint32_t max_sessions;
	uint32_t n_sessions;
	uint32_t stats_len; /* bytes of the segment whose descriptor comes along, see dp_stats.h */
	uint32_t zero;
};

struct dp_port_name {
	char name[DP_NAME_MAX];
};

/*
 * A DPDK port and its TAP twin in the kernel, which carries the same name and MAC and owns the IP
 * addresses. devargs: "net_af_packet,iface=veth0", "net_tap,...", "net_memif,...", "net_pcap,...",
 * "net_null", or a PCI address. A port that exists with other devargs is -EBUSY.
 *
 * With a vlan it is a sub-interface: devargs are empty, and the part of the name before its last
 * dot is the port that carries it, which must be there (-ENODEV). PORT_DEL of that port removes
 * its sub-interfaces too.
 */
struct dp_port {
	char name[DP_NAME_MAX];
	char devargs[DP_DEVARGS_MAX];
	uint16_t mtu;  /* 0: 1500 */
	uint16_t vlan; /* 1..4094, 0: none */
	uint16_t zero[2];
	uint8_t pcp[64]; /* vlan: the priority 0..7 for each DSCP; else 0 */
};
_Static_assert(sizeof(struct dp_port) == 248, "as tests/lib/limenlab/dp_client.py has it");

/*
 * Something to play. The descriptor is a memfd whose size is that of its samples, sealed against
 * writing, growing and shrinking (F_SEAL_WRITE, F_SEAL_GROW, F_SEAL_SHRINK); it is mapped and
 * closed. Samples are 16 bits in host byte order, mono. SET of an id that is there replaces it for
 * what is played from then on; who is hearing the old one, or one that is deleted, hears it to its
 * end. SESSION_SWEEP deletes those of an older generation.
 */
struct dp_prompt {
	uint32_t id;	    /* not 0; chosen by limen-control */
	uint32_t rate_hz;   /* 8000, 16000 or 48000 */
	uint64_t n_samples; /* not 0 */
};
_Static_assert(sizeof(struct dp_prompt) == 16, "as tests/lib/limenlab/dp_client.py has it");

struct dp_prompt_id {
	uint32_t id;
	uint32_t zero;
};

/* UDP to addr and a port in [port_lo, port_hi] is media; everything else goes to the TAP twin. */
struct dp_media_addr {
	struct ipaddr addr; /* port 0 */
	uint16_t port_lo, port_hi;
	char port_name[DP_NAME_MAX];
};

/*
 * What goes up to Linux, by class: X(symbol, word, packets per second that the box passes, and of
 * them from one source, what it is). The rates are the defaults.
 */
#define DP_POLICE(X)                                                                          \
	X(ARP, "arp", 2000, 200, "ARP and IPv6 neighbour discovery")                          \
	X(ICMP, "icmp", 1000, 200, "ICMP and ICMPv6")                                         \
	X(SIP_UDP, "sip-udp", 20000, 10000, "UDP to or from a port at which a realm listens") \
	X(SIP_TCP, "sip-tcp", 40000, 20000, "TCP to or from a port at which a realm listens") \
	X(MANAGEMENT, "management", 40000, 20000, "SSH, HTTP, SNMP, DNS, NTP, syslog")        \
	X(ROUTING, "routing", 5000, 2500, "BGP, OSPF, BFD, RIP, VRRP, PIM, IGMP")             \
	X(TCP_NEW, "tcp-new", 2000, 500, "TCP connections that begin (SYN), to any port")     \
	X(OTHER, "other", 5000, 2000, "all else")

enum dp_police_class {
#define X(sym, word, rate, source_rate, text) DP_POLICE_##sym,
	DP_POLICE(X)
#undef X
		DP_POLICE_N,
};

#define DP_POLICE_SIP_PORTS 16

/* Packets per second, 0: no limit. */
struct dp_police_rate {
	uint32_t rate, source_rate;
};

struct dp_police {
	struct dp_police_rate class[DP_POLICE_N];
	uint32_t n_sip_ports;
	uint16_t sip_ports[DP_POLICE_SIP_PORTS]; /* beyond n_sip_ports 0 */
};
_Static_assert(sizeof(struct dp_police) == 100, "as tests/lib/limenlab/dp_client.py has it");

/*
 * Access lists: what of that which is not media a port lets up to Linux. The first rule that fits
 * decides; without one, or when the headers cannot be read as far as the rules need them, the
 * packet is dropped. IPv6 neighbour discovery (solicitation and advertisement) passes a list whose
 * rules say nothing about it. What is not IP is not judged.
 */
#define DP_ACL_NAME_MAX	 32
#define DP_ACLS_MAX	 32
#define DP_ACL_RULES_MAX 500

enum dp_acl_flags {
	DP_ACL_PERMIT = 1 << 0,
	DP_ACL_ANY_PROTO = 1 << 1,
	DP_ACL_PORTS = 1 << 2,	     /* the two ranges count; proto is TCP or UDP */
	DP_ACL_ICMP_TYPE = 1 << 3,   /* icmp_type counts; proto is ICMP or ICMPv6 */
	DP_ACL_ICMP_CODE = 1 << 4,   /* and icmp_code */
	DP_ACL_ESTABLISHED = 1 << 5, /* TCP with ACK or RST */
	DP_ACL_FRAGMENTS = 1 << 6,   /* only fragments but the first */
	DP_ACL_ALL_FLAGS = (1 << 7) - 1,
};

/*
 * A rule with ports, ICMP type or ESTABLISHED looks deeper than later fragments reach: one that
 * permits takes them by their addresses (without the first they are worth nothing), one that
 * denies leaves them to the rules that follow.
 */
struct dp_acl_rule {
	uint32_t seq;  /* not 0; its counter goes on while the rest of the rule stays the same */
	uint8_t flags; /* enum dp_acl_flags */
	uint8_t proto;
	uint8_t icmp_type, icmp_code;
	uint16_t sport_lo, sport_hi, dport_lo, dport_hi;
	/* A packet's address & mask must equal ip, whose other bits are 0. IPv4: 4 bytes. */
	uint8_t src[16], src_mask[16], dst[16], dst_mask[16];
};
_Static_assert(sizeof(struct dp_acl_rule) == 80, "wire struct");

struct dp_acl {
	char name[DP_ACL_NAME_MAX];
	uint32_t family; /* 4 or 6; two lists of different family may share a name */
	uint32_t n;
	struct dp_acl_rule rules[]; /* by ascending seq */
};

struct dp_acl_name {
	char name[DP_ACL_NAME_MAX];
	uint32_t family; /* 0 with an empty name */
	uint32_t zero;
};

/* Names of lists, "": all of that family passes. */
struct dp_access_port {
	char port[DP_NAME_MAX];
	char in4[DP_ACL_NAME_MAX], in6[DP_ACL_NAME_MAX];
};

/*
 * Of every port, also of ports that come later: they never are without their list. A port that is
 * not here has none. -ENOENT: there is no such list.
 */
struct dp_access {
	uint32_t n;
	uint32_t zero;
	struct dp_access_port ports[DP_PORTS_MAX]; /* beyond n zero */
};
_Static_assert(sizeof(struct dp_access) == 8 + 80 * DP_PORTS_MAX, "wire struct");

/*
 * Sources that are blocked: what they send to a port of dp_police.sip_ports, by UDP or TCP, goes no
 * further than the port where it arrives. Everything else of them passes. SET of one that is there
 * sets its time anew and leaves its counter alone; after its time it is gone by itself. SESSION_SWEEP
 * removes those of an older generation.
 */
#define DP_BLOCKS_MAX	65536
#define DP_BLOCKS_BATCH 256 /* of one message */
#define DP_BLOCK_NO_ROW UINT32_MAX

struct dp_block {
	uint8_t ip[16];	    /* IPv4: the first 4; of an IPv6 network the rest is 0 */
	uint8_t family;	    /* 4 or 6 */
	uint8_t prefix_len; /* 32; of IPv6 48, 56, 64 or 128 */
	uint16_t zero;
	uint32_t ttl_ms;	/* not 0; in DEL 0 */
	char port[DP_NAME_MAX]; /* at which it is blocked; it may come later */
};
_Static_assert(sizeof(struct dp_block) == 40, "as tests/lib/limenlab/dp_client.py has it");

struct dp_blocks {
	uint32_t n; /* 1..DP_BLOCKS_BATCH */
	uint32_t zero;
	struct dp_block blocks[];
};

/* In the same order: where the drops of each are counted, DP_BLOCK_NO_ROW: there is no room. */
struct dp_blocks_reply {
	uint32_t n;
	uint32_t zero;
	uint32_t rows[DP_BLOCKS_BATCH]; /* n of them are sent */
};

/*
 * How voice that comes from a leg with DP_LEG_RTCP_OWN is rated, for the VoIP metrics (RFC 3611
 * 4.7.5) that its far end is sent: R of 0..100, MOS of 10..50, each 127 when it is not known. What
 * was said last counts; a new session begins with 127.
 */
struct dp_rating {
	uint64_t session_id;
	uint32_t leg;
	uint8_t r_factor, mos_lq, mos_cq;
	uint8_t zero;
};
_Static_assert(sizeof(struct dp_rating) == 16, "wire struct");
#define DP_RATING_NONE 127

enum dp_leg_flags {
	DP_LEG_SEND = 1 << 0,	  /* packets may leave towards remote_rtp */
	DP_LEG_RECV = 1 << 1,	  /* packets are accepted from remote_rtp */
	DP_LEG_RTCP_MUX = 1 << 2, /* RFC 5761 */
	/*
	 * Learn the source of the first valid packet in place of remote_rtp. Without it only
	 * packets whose source equals remote_rtp are taken. Learned once per ADD or per MODIFY that
	 * changed remote_rtp.
	 */
	DP_LEG_LATCH = 1 << 3,
	/* Relay payload types that are not listed, and several SSRCs at a time (non-audio media). */
	DP_LEG_ANY_PT = 1 << 4,
	/*
	 * Without a remote_rtp yet (an offer is out, RFC 3264 5.1): take what the first source
	 * sends, for the other leg's ears only. Nothing is sent to that source, and it counts no
	 * longer once remote_rtp is known.
	 */
	DP_LEG_EARLY = 1 << 5,
	/*
	 * The box is the end of RTCP towards this leg: it sends reports of its own, and what comes
	 * from either leg is read and goes no further.
	 */
	DP_LEG_RTCP_OWN = 1 << 6,
	/* Of RTCP from this leg only SR, RR, SDES, BYE, feedback and XR pass; APP is cut out. */
	DP_LEG_RTCP_STRICT = 1 << 7,
	/*
	 * STUN and DTLS at the local ports (first byte 0..3 and 20..63, RFC 7983) go to limen-nat,
	 * whoever sent them and whatever the other flags say.
	 */
	DP_LEG_NAT = 1 << 8,
	/*
	 * The leg shares its local port with the legs of other sessions of the same call that have
	 * this flag (RFC 9143): struct dp_bundle tells whose a packet is. Wants RTCP_MUX.
	 */
	DP_LEG_BUNDLE = 1 << 9,
	/*
	 * RTP that comes from this leg and goes on to the other one is copied, opened and not yet
	 * changed, for limen-rec (DP_TAP).
	 */
	DP_LEG_TAP = 1 << 12,
	/* Digits that come from this leg (payload types EVENT; tones, with TONES) are told: EVENT_DTMF. */
	DP_LEG_DTMF = 1 << 10,
	/*
	 * Digits are looked for in what this leg says, and taken out of it, which costs the voice a
	 * delay of 45 ms. Only where it is decoded by a media core.
	 */
	DP_LEG_TONES = 1 << 11,
};

/*
 * The worker that owns a UDP port of a media address. Both legs of a session must have the same
 * owner (-EXDEV otherwise), so that all state of a session has one writer.
 */
static inline uint32_t dp_port_owner(uint16_t udp_port, uint32_t n_workers)
{
	return (uint32_t)(udp_port >> 1) % n_workers;
}

/* What becomes of packets of a payload type. */
enum dp_pt_action {
	DP_PT_RELAY,	 /* they pass as they are */
	DP_PT_RENUMBER,	 /* they pass with another payload type, pt_out */
	DP_PT_TRANSCODE, /* decoded, and encoded as the other leg's dp_send says */
	/*
	 * RFC 4733. Where the rest of what the leg sends is transcoded they are made anew for the
	 * other leg. Else they pass as pt_out, or when that is 0 as the other leg's event_pt; when
	 * that is 0 too they are taken out of the stream.
	 */
	DP_PT_EVENT,
	/* where the rest of what the leg sends is transcoded, or could be: */
	DP_PT_NOISE, /* RFC 3389 */
};

struct dp_payload {
	uint8_t pt; /* 0..127 */
	uint8_t pt_out;
	uint8_t action; /* enum dp_pt_action */
	uint8_t codec;	/* enum dp_codec_id; needed where anything is transcoded */
	/*
	 * For the jitter of RFC 3550 6.4.1, up to 768000. 0: leave packets of this type out of it
	 * (telephone-event, whose timestamps stand still during an event). EVENT and NOISE are left
	 * out in any case; 0 is 8000 for their durations.
	 */
	uint32_t clock_hz;
	struct dp_codec_params params; /* of what we receive; zero where codec is 0 */
};
_Static_assert(sizeof(struct dp_payload) == 24, "wire struct");

/* How digits of the other leg get to this one. */
enum dp_digits {
	DP_DIGITS_MEDIA, /* as events where there is an event_pt, else as tones in what is encoded */
	DP_DIGITS_AWAY,	 /* the leg hears of the other's digits by other means (SIP INFO) */
};

/*
 * What the data plane makes itself towards a leg, when payload types accepted from the other leg
 * are to be transcoded, or something is played to it (codec not 0). It then has an SSRC, sequence
 * numbers and timestamps of its own on the wire, which go on without a break when MODIFY switches
 * between relaying, transcoding and playing; RTCP that describes other sources does not pass any
 * more.
 *
 * PCMU to PCMA and back, with params.ptime_ms 0 (as it comes): a table in the packet worker. SSRC
 * and all else of the header stay, RTCP passes. Everything else is done by a media core.
 */
struct dp_send {
	uint8_t codec; /* enum dp_codec_id; 0: nothing is made */
	uint8_t pt;
	uint8_t event_pt;  /* of RFC 4733 events; 0: the leg takes none */
	uint8_t noise_pt;  /* of RFC 3389 comfort noise; 0: the leg takes none */
	uint8_t event_khz; /* clock of event_pt: 8, 16, 32 or 48; 0: that of the codec */
	uint8_t digits;	   /* enum dp_digits */
	uint8_t zero[2];
	struct dp_codec_params params;
};
_Static_assert(sizeof(struct dp_send) == 24, "wire struct");

enum dp_play_kind {
	DP_PLAY_NONE, /* what the other leg sends */
	DP_PLAY_PROMPT, /* the prompt with this id (-ENODATA: there is none), once or again and again */
	DP_PLAY_TONE, /* steps, again and again; all zero: silence */
	DP_PLAY_ROOM, /* the room with this id: the others in it, who hear this leg */
};

enum dp_play_flags {
	DP_PLAY_LOOP = 1 << 0, /* PROMPT: its end is followed by its beginning */
};

/*
 * What is played to a leg, encoded as its dp_send says, in place of what the other leg sends. It
 * begins anew when it is another one than before, or has another serial; else it goes on, also when
 * dp_send changes. When a prompt has come to its end, or max_ms is over, EVENT_PLAY_DONE says so and
 * the leg is sent nothing until the session is modified.
 *
 * A leg in a ROOM is heard there and not by the other leg of its session. What it sends is decoded
 * by the codec of its payload types, which need no action for it. A room is there while somebody is
 * in it (-EUSERS: DP_ROOM_MEMBERS_MAX are, or DP_ROOMS_MAX rooms).
 */
struct dp_play {
	uint8_t kind;  /* enum dp_play_kind; with NONE all is zero */
	uint8_t flags; /* enum dp_play_flags */
	uint8_t level; /* TONE: so many dB below 0 dBm0, 1 to 40; 0: 13 */
	uint8_t zero;
	uint32_t id; /* of a PROMPT or ROOM */
	uint32_t serial;
	uint32_t max_ms; /* PROMPT, TONE: the end after so long; 0: none but its own */
	struct dp_tone_step steps[DP_TONE_STEPS]; /* TONE */
};
_Static_assert(sizeof(struct dp_play) == 48, "wire struct");

/*
 * What protects RTP and RTCP. X(symbol, name as in SDP (RFC 4568, RFC 6188, RFC 7714), bytes of
 * master key, master salt and RTP tag). SRTCP always has a tag of 10 bytes, or 16 with GCM. There
 * is no suite without encryption or without authentication.
 */
#define DP_SRTP_SUITES(X)                                        \
	X(NONE, "", 0, 0, 0)                                     \
	X(CM_128_SHA1_80, "AES_CM_128_HMAC_SHA1_80", 16, 14, 10) \
	X(CM_128_SHA1_32, "AES_CM_128_HMAC_SHA1_32", 16, 14, 4)  \
	X(CM_256_SHA1_80, "AES_256_CM_HMAC_SHA1_80", 32, 14, 10) \
	X(CM_256_SHA1_32, "AES_256_CM_HMAC_SHA1_32", 32, 14, 4)  \
	X(GCM_128, "AEAD_AES_128_GCM", 16, 12, 16)               \
	X(GCM_256, "AEAD_AES_256_GCM", 32, 12, 16)

enum dp_srtp_suite {
#define X(sym, name, key, salt, tag) DP_SRTP_##sym,
	DP_SRTP_SUITES(X)
#undef X
		DP_SRTP_N,
};

struct dp_srtp_suite_info {
	const char *name;
	uint8_t key_len, salt_len, tag_len;
};

/* NULL: no such suite. */
static inline const struct dp_srtp_suite_info *dp_srtp_suite(unsigned int suite)
{
	static const struct dp_srtp_suite_info suites[] = {
#define X(sym, name, key, salt, tag) {name, key, salt, tag},
		DP_SRTP_SUITES(X)
#undef X
	};
	return suite < DP_SRTP_N ? &suites[suite] : NULL;
}

/* The keys of one direction. Secret: wiped when no longer used, never logged, blank in a dump. */
struct dp_srtp {
	uint8_t suite; /* enum dp_srtp_suite; NONE: RTP, and the rest is zero */
	uint8_t zero;
	uint8_t key[DP_SRTP_KEY_MAX]; /* master key, master salt, and zero behind them */
};
_Static_assert(sizeof(struct dp_srtp) == 48, "wire struct");

/* A known suite, and nothing behind its key. */
static inline bool dp_srtp_valid(const struct dp_srtp *srtp)
{
	const struct dp_srtp_suite_info *info = dp_srtp_suite(srtp->suite);

	static const uint8_t none[DP_SRTP_KEY_MAX];
	unsigned int used = info ? info->key_len + info->salt_len : 0;

	return info && !srtp->zero && !memcmp(srtp->key + used, none, DP_SRTP_KEY_MAX - used);
}

/*
 * How far one direction of a leg had come, so that it goes on after a restart (RFC 3711 3.2.1):
 * "next" is the highest packet index (roll-over counter and sequence number) plus one, 0: none yet.
 */
#define DP_SRTP_RTP_END	 (UINT64_C(1) << 48) /* packets under one key and SSRC */
#define DP_SRTP_RTCP_END (UINT32_C(1) << 31)
struct dp_srtp_state {
	uint64_t rtp_next;
	uint32_t rtp_ssrc, rtcp_ssrc;
	uint32_t rtcp_next; /* the same of the SRTCP index */
	uint32_t zero;
};
_Static_assert(sizeof(struct dp_srtp_state) == 24, "wire struct");

/*
 * How RTP that arrives at a shared port is known to be this session's, in this order (RFC 9143
 * 9.2): its MID, its SSRC (told here, or learned from a packet that was), its payload type where
 * no other session of the bundle has that. RTCP goes where the SSRCs in it belong.
 */
struct dp_bundle {
	uint32_t ssrc[DP_BUNDLE_SSRCS]; /* a=ssrc of the far end; zero behind the last */
	uint8_t n_ssrcs;
	uint8_t mid_ext; /* RFC 8285 id of urn:ietf:params:rtp-hdrext:sdes:mid; 0: none */
	uint8_t mid_len; /* 0: not known by MID */
	uint8_t zero[5];
	char mid[DP_MID_MAX]; /* zero behind mid_len */
	uint8_t pts[16];      /* bit pt % 8 of octet pt / 8: it may have this payload type */
};
_Static_assert(sizeof(struct dp_bundle) == 72, "wire struct");

struct dp_leg {
	struct ipaddr local;	   /* our RTP address and port; RTCP is port + 1 unless muxed */
	struct ipaddr remote_rtp;  /* family 0: not known yet */
	struct ipaddr remote_rtcp; /* family 0: remote_rtp with port + 1, or the same when muxed */
	uint32_t flags;		   /* enum dp_leg_flags */
	uint32_t timeout_ms;	   /* without a valid packet while RECV is set; 0: never */
	uint8_t dscp;		   /* of packets leaving towards this leg, 0..63 */
	uint8_t n_payloads;
	uint16_t max_pps; /* RTP accepted from this leg in any second; 0: no limit */
	struct dp_payload payloads[DP_PAYLOAD_TYPES]; /* accepted from this leg */
	/* Both or neither: rx opens what comes from this leg, tx seals what goes to it. */
	struct dp_srtp rx, tx;
	struct dp_send send;	 /* what is made for this leg */
	struct dp_bundle bundle; /* zero without DP_LEG_BUNDLE */
	struct dp_play play;	 /* what is played to it */
};
_Static_assert(sizeof(struct dp_leg) == 696, "wire struct");

struct dp_session {
	uint64_t id;		    /* not 0; chosen by limen-control */
	uint64_t call_id;	    /* for dump and logs */
	struct dp_leg leg[DP_LEGS]; /* leg[1] all zero: there is leg[0] alone */
	/*
	 * For a session that goes on: where its SRTP was before. Used when the session is new to
	 * the data plane, and no part of what makes two sessions the same.
	 */
	struct dp_srtp_state srtp_rx[DP_LEGS], srtp_tx[DP_LEGS];
};
_Static_assert(sizeof(struct dp_session) == 1504, "wire struct");

static inline unsigned int dp_session_n_legs(const struct dp_session *s)
{
	return s->leg[1].local.family ? 2 : 1;
}

struct dp_session_id {
	uint64_t id;
};

struct dp_session_reply {
	uint64_t id;
	uint32_t stream[DP_LEGS]; /* slot of the stream received from leg i in the stats segment */
};

/* What the far end of a leg says in RTCP of what it is sent, and the round trip to it. */
struct dp_far_sum {
	uint32_t reports; /* blocks on the stream that it is sent; 0: the next four say nothing */
	uint32_t fraction_lost; /* of 256, in the interval before the last report */
	int32_t lost;	    /* since it began to listen; negative: duplicates (RFC 3550 6.4.1) */
	uint32_t jitter_us; /* UINT32_MAX: not known */
	uint32_t rtt_us, max_rtt_us; /* from the box to it and back; 0: not known */
	uint32_t xr_reports;	     /* VoIP metrics, RFC 3611 4.7; 0: the rest says nothing */
	uint8_t loss_rate, discard_rate, burst_density, gap_density; /* of 256 */
	uint16_t burst_ms, gap_ms, end_rtt_ms, end_delay_ms;	     /* RFC 3611 4.7.2, 4.7.3 */
	uint8_t r_factor, mos_lq, mos_cq; /* 0..100, 10..50; 127: not available */
	uint8_t zero;
};

/* What was received from one leg and what came of it, counted since ADD. */
struct dp_stream_sum {
	uint64_t rx_packets, rx_octets; /* valid RTP; octets of the RTP payload */
	uint64_t tx_packets, tx_octets; /* sent on to the other leg */
	uint64_t lost;			/* sequence numbers that never came, over all SSRCs */
	uint32_t jitter_us;		/* RFC 3550 6.4.1, of the last SSRC */
	uint32_t max_jitter_us;
	uint32_t rtcp_packets;
	uint32_t dropped; /* by the guards, all reasons */
	uint32_t ssrc;
	uint32_t ssrc_changes;
	uint64_t last_rx_ago_ms; /* UINT64_MAX: never */
	struct ipaddr latched;	 /* family 0: not latched */
	uint32_t frame_us;	 /* from one packet to the next by their timestamps; 0: not known */
	uint64_t first_rx_ago_ms; /* UINT64_MAX: never */
	uint32_t duplicates, reordered;
	uint32_t too_late; /* of the reordered: more than DP_PLAYOUT_MS */
	/*
	 * Losses (too late counts as lost): a burst begins and ends with one and has fewer than 16
	 * good packets in a row between two (RFC 3611 4.7.2). The others stand alone in gaps.
	 */
	uint32_t bursts, burst_packets, burst_lost, gap_lost;
	uint32_t loss_runs; /* losses in a row count once: with lost, how long a row is */
	struct dp_far_sum far;
	uint32_t zero;
};
_Static_assert(sizeof(struct dp_stream_sum) == 184, "no holes");

_Static_assert(sizeof(struct dp_stream_sum) == 184, "as dp_client.py has it");

struct dp_session_final {
	uint64_t id;
	struct dp_stream_sum from[DP_LEGS];
	struct dp_srtp_state srtp_rx[DP_LEGS], srtp_tx[DP_LEGS]; /* at its end */
};

struct dp_dump {
	uint64_t after_id; /* 0: from the first */
	uint32_t max;	   /* rows wanted, capped at what fits a message */
	uint32_t zero;
};

struct dp_dump_row {
	struct dp_session session; /* without keys */
	uint32_t generation;
	uint32_t worker;
	uint32_t stream[DP_LEGS];
	struct dp_stream_sum from[DP_LEGS];
	uint8_t play_done[DP_LEGS]; /* 1: what is played to the leg has come to its end */
	uint8_t zero[6];
};
_Static_assert(sizeof(struct dp_dump_row) == 1504 + 16 + 2 * 184 + 8, "no holes");

struct dp_dump_reply {
	uint32_t n;
	uint32_t more; /* 1: ask again after the last id */
	struct dp_dump_row rows[];
};

struct dp_event {
	uint64_t session_id;
	uint64_t call_id;
	uint32_t leg;
	uint32_t lost_events; /* events dropped since the last one that was delivered */
	struct ipaddr addr;   /* LATCH: the learned source */
	uint32_t zero;
};

/* What was played to a leg has come to its end. */
struct dp_event_play {
	uint64_t session_id;
	uint64_t call_id;
	uint32_t leg;
	uint32_t lost_events; /* as in dp_event */
	uint32_t serial;      /* of dp_play */
	uint32_t zero;
};
_Static_assert(sizeof(struct dp_event_play) == 32, "as tests/lib/limenlab/dp_client.py has it");

/* A key was pressed and let go. */
struct dp_event_dtmf {
	uint64_t session_id;
	uint64_t call_id;
	uint32_t leg;	      /* that it came from */
	uint32_t lost_events; /* as in dp_event */
	uint32_t duration_ms;
	uint8_t digit;	/* '0' to '9', '*', '#', 'A' to 'D', '!' for flash */
	uint8_t source; /* enum dp_dtmf_source */
	uint8_t zero[2];
};
_Static_assert(sizeof(struct dp_event_dtmf) == 32, "as tests/lib/limenlab/dp_client.py has it");

enum dp_dtmf_source { DP_DTMF_RFC4733, DP_DTMF_INBAND };

/*
 * A digit for a leg, as its dp_send says: in the stream that it hears, whose numbers run on, whether
 * that is relayed or made by a media core. -ENOENT: no such session; -EOPNOTSUPP: the leg takes no
 * events and nothing is encoded for it. Digits queue. The serial that the leg was sent last does
 * nothing; 0 is none.
 */
#define DP_DTMF_MIN_MS 40
#define DP_DTMF_MAX_MS 60000
struct dp_dtmf_send {
	uint64_t session_id;
	uint32_t leg;
	uint32_t serial;
	uint32_t duration_ms; /* DP_DTMF_MIN_MS to DP_DTMF_MAX_MS */
	uint8_t digit;
	uint8_t zero[3];
};
_Static_assert(sizeof(struct dp_dtmf_send) == 24, "as tests/lib/limenlab/dp_client.py has it");

struct dp_event_port {
	char name[DP_NAME_MAX];
	uint32_t link_up;
	uint32_t speed_mbps;
};

/*
 * A datagram between limen-nat and a far end, by the local port of a leg that has DP_LEG_NAT. The
 * session tells our end of it; only that far end's address comes along.
 */
#define DP_NAT_BYTES_MAX 1500
struct dp_nat_packet {
	uint64_t session_id;
	uint32_t leg;
	uint32_t rtcp;	      /* 1: the second port of the pair */
	struct ipaddr remote; /* RX: its source; TX: its destination */
	uint32_t n;
	uint8_t bytes[]; /* payload of UDP */
};
_Static_assert(sizeof(struct dp_nat_packet) == 40, "wire struct");

/*
 * RTP of legs with DP_LEG_TAP, for limen-rec. A message has n of these one after the other, each
 * filled up with zero to a multiple of 8 bytes. Order: as it came from each leg.
 */
#define DP_TAP_BYTES_MAX 2000
struct dp_tap_packet {
	uint64_t session_id; /* not 0 */
	uint64_t time_us;    /* of arrival, CLOCK_MONOTONIC */
	uint32_t ssrc, timestamp;
	uint16_t seq;
	uint8_t leg;
	uint8_t pt;
	uint8_t marker;
	uint8_t zero;
	uint16_t n;
	uint8_t bytes[]; /* the payload, without padding */
};
_Static_assert(sizeof(struct dp_tap_packet) == 32, "wire struct");

static inline uint32_t dp_tap_packet_len(uint32_t n)
{
	return (uint32_t)(sizeof(struct dp_tap_packet) + n + 7) & ~7u;
}

struct dp_tap {
	uint32_t n;
	uint32_t lost; /* packets that found no room since the message before */
		       /* struct dp_tap_packet */
};
_Static_assert(sizeof(struct dp_tap) == 8, "wire struct");
