/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stream is one direction of a media session: what arrives from leg L at L's local ports (RTP
 * and RTCP) and leaves from the other leg's local ports. Its number, the slot, indexes four
 * arrays whose rows belong to the one worker that owns the stream's UDP port. The two streams of a
 * session are slot and slot ^ 1, and have the same owner:
 *
 *   struct stream           what nearly every packet reads: guard and IPv4 rewriting, one line
 *                           beside that of its counters (shared segment, of no use to others)
 *   struct stream_more      IPv6, RTCP, payload types, learning: read by the other packets
 *   struct dp_stream_stats  (shared segment) what nearly every packet counts, one line
 *   struct dp_stream_rare   (shared segment) what is counted now and then
 *
 * The control thread touches neither of the first two: it builds a stream_conf with the pure function
 * stream_build() and mails it to the owner (WORKER_STREAM_SET), who copies it between two bursts.
 * So every variable has one writer and no reader on another core, except the statistics, which
 * are read with relaxed loads.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"
#include "dataplane/api/dp_stats.h"
#include "dataplane/session/direction.h"
#include "dataplane/transcode/event_rx.h"

enum stream_kind { STREAM_RTP, STREAM_RTCP, STREAM_KINDS };

#define STREAM_FIRST_NONE 0xffff
/* STUN and DTLS that a leg may have at once, and in a second: a handshake takes some ten. */
#define STREAM_NAT_BURST  100
#define STREAM_NAT_PER_S  50
#define STREAM_SEQ_NONE	  0x10000
#define STREAM_BESIDE_MAX 8
/* Packets that are not authentic, by their source: so many in a period of so long are opened. */
#define STREAM_FORGED_WAYS  8
#define STREAM_FORGED_MAX   8
#define STREAM_FORGED_PER_S 8	 /* periods */
#define STREAM_ADDR_NONE    0xff /* addr_index: nothing arrives, the leg is not there */

enum stream_flag {
	/* from the configuration */
	STREAM_RECV = 1 << 0,	/* the leg may send to us */
	STREAM_SEND = 1 << 1,	/* we may send to the other leg */
	STREAM_REMOTE = 1 << 2, /* the other leg's RTP address is known */
	STREAM_HOP = 1 << 3,	/* and so is the MAC address of the next hop towards it */
	STREAM_IN6 = 1 << 4,	/* arrives as IPv6 */
	STREAM_OUT6 = 1 << 5,	/* leaves as IPv6 */
	STREAM_MUX = 1 << 6,	/* RTCP arrives on the RTP port (RFC 5761) */
	STREAM_ANY_PT = 1 << 7,
	STREAM_LATCH = 1 << 8, /* the source is learned, not configured */
	/* the owner's own */
	STREAM_LEARN = 1 << 9,	 /* LATCH, and nothing was learned yet */
	STREAM_NO_SRC = 1 << 10, /* not LATCH, and no source is configured: nothing is accepted */
	STREAM_SEQ = 1 << 11,  /* at least one packet was accepted: sequence numbers are compared */
	STREAM_TELL = 1 << 12, /* a learned source waits for room in the event ring */
	STREAM_LIVE = 1 << 13, /* the slot is in use */
	STREAM_SRTP = 1 << 14, /* opened, sealed or both: see struct stream_srtp */
};
/* What a packet is, and which stages it needs besides the usual ones. */
enum packet_flag {
	PACKET_RTCP = 1 << 0, /* enum stream_kind: by the port, and then by RFC 5761 */
	PACKET_IN6 = 1 << 1,
	PACKET_PLAIN = 1 << 2, /* RTP, IPv4 to IPv4: rewritten from struct stream alone */
	PACKET_EDIT = 1 << 3,  /* something in RTP changes on the way: enum stream_edit */
	PACKET_VOICE = 1 << 4, /* goes to the stream's media core */
	PACKET_MADE = 1 << 5,  /* comes from there */
	PACKET_LAW = 1 << 6,   /* its payload may be converted by table */
};

/* What changes in the RTP that leaves. */
enum stream_edit {
	STREAM_EDIT_PT = 1 << 0,   /* payload types, or what is coded in them by table */
	STREAM_EDIT_WIRE = 1 << 1, /* SSRC, sequence number and timestamp: struct stream_wire */
	STREAM_EDIT_TAP = 1 << 2,  /* nothing; what came is copied for limen-rec */
};

#define STREAM_OWN_FLAGS \
	(STREAM_LEARN | STREAM_NO_SRC | STREAM_SEQ | STREAM_TELL | STREAM_LIVE | STREAM_SRTP)

/* Read per packet, written by the owner alone. */
struct stream {
	uint32_t src_ip_be32; /* the accepted source of RTP over IPv4 */
	uint16_t src_port_be16;
	uint16_t flags;
	uint8_t macs[12]; /* destination, source: as the frame begins */
	uint8_t ends[12]; /* source and destination address, source and destination port */
	/* of the payload type in rtp_first: RTP time = TSC * clock_mult >> STREAM_CLOCK_SHIFT */
	uint32_t clock_mult;
	uint16_t ends_sum; /* ones-complement sum of ends[] */
	uint16_t ip_sum;   /* the same of the words of the IPv4 header that never change */
	/* first two octets of the last packet, without its marker: 0x80 and the payload type */
	uint16_t rtp_first;
	uint8_t tos;  /* DSCP << 2 */
	uint8_t port; /* index of the port to leave by */
	uint8_t fast; /* enum packet_flag: of a packet that guard_fast() lets through */
	uint8_t edit; /* enum stream_edit */
	/* of the payload type in rtp_first */
	uint8_t pt_out;
	uint8_t law;	   /* enum direction_law */
	uint16_t ip_first; /* version and TOS as the IPv4 header begins */
	uint8_t room[10];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct stream) == 64, "one cache line");

enum stream_rtcp {
	STREAM_RTCP_ENDS = 1 << 0,   /* DP_LEG_RTCP_OWN of either leg */
	STREAM_RTCP_STRICT = 1 << 1, /* DP_LEG_RTCP_STRICT of the leg that it comes from */
	STREAM_RTCP_SHUT = 1 << 2, /* one of the legs waits for its keys: nothing passes in clear */
	STREAM_RTCP_KEYLESS = 1 << 3, /* the leg that it comes from does */
};

#define STREAM_CLOCK_SHIFT 36
#define STREAM_CLOCK_MAX   768000u /* Hz; with the shift above exact for any TSC over 13 MHz */

/* One way out, for whatever the IPv4 line of struct stream does not serve. */
struct stream_path {
	uint8_t family; /* 0: the remote address is not known; 4, 6 */
	uint8_t ready;	/* 1: macs and port are known */
	uint8_t port;
	uint8_t tos;
	uint8_t macs[12];
	uint8_t src_ip[16], dst_ip[16]; /* IPv4: the first 4 bytes, the rest zero */
	uint16_t src_port_be16, dst_port_be16;
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct stream_path) == 64, "one cache line");

/*
 * What the far end has been sent, once anything other than the packets of the other leg was: one
 * SSRC whose sequence numbers and timestamps run on whoever makes the packets, so that a switch
 * between relaying and transcoding is no break for the receiver (RFC 3550 5.1). What comes from
 * one source is moved by constant sums; they are reckoned anew when the source changes.
 */
struct stream_wire {
	uint64_t tsc;	   /* when the last packet left */
	uint32_t ssrc, ts; /* of it */
	uint16_t seq;
	uint16_t seq_add;
	uint32_t ts_add;
	uint32_t from;	  /* SSRC of the source that the sums are for */
	uint8_t anchored; /* 0: there was no source yet */
	uint8_t same;	  /* SSRC and timestamps are the source's: only sequence numbers move */
	uint8_t zero[2];
};

/* Digits (RFC 4733) in a stream that is relayed; see stages/digits.h. */
struct stream_digits {
	/* from the configuration */
	uint8_t khz[DP_PAYLOAD_TYPES]; /* clock of a payload type that carries them, else 0 */
	uint8_t tell;		       /* 1: they are told to the control thread */
	uint8_t pt, out_khz; /* as what one is sent, and its clock; out_khz 0: it is not */
	/* the owner's own */
	uint8_t pressed; /* one is, and the stream is among those that are looked at */
	uint8_t sending; /* one of ours goes out: meanwhile nothing else does */
	uint8_t cut;	 /* something was taken out of the stream, last: */
	uint16_t cut_seq;
	struct vp_event_rx rx;
};

/* What becomes of media that the leg may send. */
enum stream_to {
	STREAM_TO_LEG,	/* it goes to the other leg, as it is or made anew */
	STREAM_TO_NONE, /* that leg is not there, or hears something else */
	STREAM_TO_ROOM, /* it goes to a media core, and no further from there */
};

/* What media cores and the owner of a stream agree on. */
struct stream_voice {
	uint32_t tag;	     /* of the session there; 0: no media core */
	uint32_t clock_mult; /* of what one makes, as in struct stream; 0: nothing is made */
	uint8_t core;	     /* to which the packets go */
	uint8_t to;	     /* enum stream_to */
	uint8_t zero[6];
};

struct bundle;

struct stream_more {
	struct stream_path path[STREAM_KINDS];

	struct ipaddr expect[STREAM_KINDS]; /* accepted sources; family 0: none (yet) */
	uint32_t epoch;	    /* of the slot, from stream_args; comes back in events */
	uint16_t half_port; /* local UDP port >> 1 and */
	uint8_t addr_index; /* media address at which the owner has linked it; or _ADDR_NONE */
	uint8_t n_payloads;
	/* the owner's own */
	uint32_t bad_seq;	      /* RFC 3550 A.1; STREAM_SEQ_NONE: none */
	uint32_t next_ssrc, next_seq; /* what would confirm another SSRC; STREAM_SEQ_NONE: none */
	uint8_t ssrc_budget;
	uint8_t n_beside, beside_next; /* known sources beside the main one, where any type goes */
	uint16_t beside_row;	       /* packets of theirs since the main one sent any */
	uint32_t beside_mark;	       /* what it had sent then */
	uint32_t beside[STREAM_BESIDE_MAX];
	uint8_t tell; /* 1 << enum stream_kind: sources learned and not told yet */
	uint8_t rtcp; /* enum stream_rtcp, from the configuration */
	uint8_t rtcp_budget;
	uint8_t proven;	     /* 1: packets are authenticated, so nobody makes SSRCs up */
	uint64_t ssrc_tsc;   /* when ssrc_budget was last topped up */
	uint64_t rtcp_tsc;   /* the same of rtcp_budget */
	uint8_t nat;	     /* 1: STUN and DTLS go to limen-nat; from the configuration */
	uint8_t nat_budget;  /* of which so many now */
	uint64_t nat_tsc;    /* when nat_budget was last topped up */
	uint64_t forged_tsc; /* when the period began in which these were counted */
	uint8_t forged[STREAM_FORGED_WAYS]; /* stages/open.c; anew with each configuration */
	uint32_t max_pps;		    /* from the leg; 0: no limit */
	uint64_t limit_tsc;		    /* when the second began that is being counted */
	struct stream_wire wire;	    /* in the configuration: what it begins with */
	struct stream_voice voice;
	uint64_t tap_id; /* of the session, for limen-rec */
	struct stream_digits digits;

	struct bundle *bundle, *bundle_out; /* that the leg is in, and the other one; or NULL */

	uint8_t pts[DP_PAYLOAD_TYPES];
	uint8_t pts_out[DP_PAYLOAD_TYPES]; /* as what each leaves */
	uint8_t laws[DP_PAYLOAD_TYPES];	   /* enum direction_law */
	uint32_t clock_mult[DP_PAYLOAD_TYPES];
	uint32_t clock_hz[DP_PAYLOAD_TYPES]; /* 0: kept out of the jitter */
} __attribute__((aligned(64)));

struct srtp_ctx;

/* What opens the packets of a stream and what seals them for the other leg; NULL: plain RTP. */
struct stream_srtp {
	struct srtp_ctx *rx, *tx;
};

/* What the control thread mails to the owner. */
struct stream_conf {
	struct stream hot; /* STREAM_OWN_FLAGS are clear */
	struct stream_more more;
	struct dp_bundle bundle; /* of the leg */
};

/* The next hop towards an address, as the netlink mirror resolved it. */
struct stream_hop {
	bool ready;   /* false: no route, or no neighbour yet */
	uint8_t port; /* index of the port */
	uint8_t dst_mac[6], src_mac[6];
};

struct stream_out {
	struct ipaddr remote; /* configured, or learned by the opposite stream; family 0: unknown */
	struct stream_hop hop;
};

struct stream_args {
	const struct dp_session *session;
	unsigned int leg; /* packets come from this leg and go to the other */
	/*
	 * Towards the other leg. RTCP is taken as RTP when that leg is muxed; when its address is
	 * unknown it is RTP's with the next port and the same hop.
	 */
	struct stream_out out[STREAM_KINDS];
	uint8_t addr_index; /* of the leg's local address; STREAM_ADDR_NONE: no such leg */
	uint32_t epoch; /* chosen anew whenever the slot is reused, so that late events are known */
	uint64_t tsc_hz;
	/* For a direction that a media core serves, and where the box sends digits. */
	struct {
		uint32_t tag;	   /* not 0; chosen anew whenever the slot is reused */
		uint8_t core;	   /* that is to have what arrives */
		uint32_t ssrc, ts; /* random: with what the stream begins on the wire */
		uint16_t seq;
	} voice;
};

/*
 * Builds the configuration of one stream. Pure; any thread.
 * -EINVAL: odd or missing local port, more than DP_PAYLOAD_TYPES payload types or one over 127,
 * a clock over STREAM_CLOCK_MAX, a DSCP over 63, a remote of another family than the local
 * address it is reached from.
 */
int stream_build(const struct stream_args *args, struct stream_conf *ret_conf)
	__attribute__((warn_unused_result));

/*
 * Copies conf over the present state of a slot. fresh: the slot was not in use (learning,
 * sequence state and SSRC budget begin anew). relearn: the configured remote of the leg
 * changed, so what was learned is forgotten. Called by the owner; exposed for tests.
 */
void stream_apply(struct stream *s, struct stream_more *more, const struct stream_conf *conf,
	bool fresh, bool relearn);

/*
 * After stream_apply() of a stream that was live: when it was relayed so far and is not any more,
 * the wire goes on where the last packet left it. Called by the owner; exposed for tests.
 */
void stream_wire_continue(struct stream *s, struct stream_more *more,
	const struct dp_stream_stats *stats, const struct dp_stream_rare *rare,
	uint32_t clock_mult);

/*
 * The same of a stream that is relayed and goes on being so, before a packet is put into it or taken
 * out of it: from now on its sequence numbers are its own. No more than once.
 */
void stream_wire_begin(struct stream *s, struct stream_more *more,
	const struct dp_stream_stats *stats, const struct dp_stream_rare *rare);

uint32_t stream_clock_mult(const struct stream *s, const struct stream_more *more);

/* SSRC or timestamps are others than those that the far end sends. */
static inline bool stream_is_made(const struct stream *s, const struct stream_more *more)
{
	return (s->edit & STREAM_EDIT_WIRE) && !more->wire.same;
}

/*
 * The sums of the session API from the two rows of a slot. ret_sum->latched stays zero: the
 * control thread knows it from the event. Pure; the rows may be written meanwhile.
 */
void stream_sum(const struct dp_stream_stats *stats, const struct dp_stream_rare *rare,
	uint64_t now_tsc, uint64_t tsc_hz, struct dp_stream_sum *ret_sum);
