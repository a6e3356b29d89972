/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The statistics segment of the data plane: a sealed memfd that comes with the reply to DP_HELLO
 * and can only be mapped read-only. Reading it costs the data plane nothing. Each field has one
 * writer (a worker, or the control thread where said); readers use relaxed loads and must accept
 * that two fields of one row are not of the same instant.
 */
#pragma once

#include <stdint.h>

#include "dataplane/api/dp_api.h"

#define DP_STATS_MAGIC	 0x4c494d53u
#define DP_STATS_VERSION 5
#define DP_WORKERS_MAX	 32
#define DP_ENGINE_MAX	 24
#define DP_MCORES_MAX	 32

/*
 * Why a packet did not go out. X(symbol, name in show commands, sentence). The order is the
 * index in dp_worker_stats.drops.
 */
#define DP_DROPS(X)                                                                              \
	X(MALFORMED, "malformed", "Ethernet, IP or UDP lengths or versions do not fit")          \
	X(IP_CHECKSUM, "ip-checksum", "bad IPv4 header checksum")                                \
	X(FRAGMENT, "fragment", "IP fragment to a media port")                                   \
	X(TTL, "ttl", "TTL or hop limit used up")                                                \
	X(NO_STREAM, "no-stream", "media port without a session")                                \
	X(SOURCE, "source", "from an address that is not the session's")                         \
	X(DIRECTION, "direction", "the leg is not receiving or the other is not sending (hold)") \
	X(NOT_RTP, "not-rtp", "not RTP version 2, or lengths inside do not fit")                 \
	X(PAYLOAD_TYPE, "payload-type", "payload type that was not negotiated")                  \
	X(SSRC, "ssrc", "SSRC changes too often")                                                \
	X(SEQUENCE, "sequence", "sequence number far off (RFC 3550 A.1)")                        \
	X(RTCP_INVALID, "rtcp-invalid", "RTCP fails the checks of RFC 3550 A.2")                 \
	X(RTCP_RATE, "rtcp-rate", "more RTCP than a stream may have")                            \
	X(RTCP_TYPE, "rtcp-type", "RTCP with nothing in it that may pass")                       \
	X(RTCP_OWN, "rtcp-own", "RTCP taken in where the box sends its own reports")             \
	X(SRTP_SHORT, "srtp-short", "SRTP whose lengths do not fit")                             \
	X(SRTP_AUTH, "srtp-auth", "SRTP that fails authentication")                              \
	X(SRTP_FORGED, "srtp-forged",                                                            \
		"SRTP of an unknown SSRC, right after others that were forged")                  \
	X(SRTP_REPLAY, "srtp-replay", "SRTP that was seen before, or is too old to tell")        \
	X(SRTP_CLEAR, "srtp-clear", "SRTCP that is not encrypted")                               \
	X(SRTP_KEY_LIMIT, "srtp-key-limit", "an SRTP key served all it may (RFC 3711 9.2)")      \
	X(SRTP_REPEAT, "srtp-repeat", "sequence number that was sealed before")                  \
	X(BUNDLE, "bundle", "of no media line that shares the port (MID, SSRC, payload type)")   \
	X(BUNDLE_SSRC, "bundle-ssrc", "SSRC of another media line that shares the SRTP key")     \
	X(NO_REMOTE, "no-remote", "the other leg's address is not known yet")                    \
	X(NO_NEIGHBOUR, "no-neighbour", "no route or no MAC address for the next hop yet")       \
	X(RING_FULL, "ring-full", "hand-over between workers was full (oldest dropped)")         \
	X(PUNT_FULL, "punt-full", "queue to the Linux stack was full")                           \
	X(TX_FULL, "tx-full", "the port's transmit queue was full")                              \
	X(NO_PORT, "no-port", "the port to leave by was taken away")                             \
	X(MTU, "mtu", "longer than the MTU of the port to leave by")                             \
	X(RATE, "rate", "more packets than the media limit of the leg")                          \
	X(BLOCKED, "blocked", "SIP from a source that is blocked")                               \
	X(ACL, "acl", "denied by the access list of its interface")                              \
	X(POLICE_ARP, "police-arp", "over the limit: ARP and neighbour discovery for Linux")     \
	X(POLICE_ICMP, "police-icmp", "over the limit: ICMP for Linux")                          \
	X(POLICE_SIP_UDP, "police-sip-udp", "over the limit: SIP over UDP for Linux")            \
	X(POLICE_SIP_TCP, "police-sip-tcp", "over the limit: SIP over TCP for Linux")            \
	X(POLICE_MANAGEMENT, "police-management", "over the limit: management for Linux")        \
	X(POLICE_ROUTING, "police-routing", "over the limit: routing protocols for Linux")       \
	X(POLICE_TCP_NEW, "police-tcp-new", "over the limit: new TCP connections for Linux")     \
	X(POLICE_OTHER, "police-other", "over the limit: anything else for Linux")               \
	X(POLICE_SOURCE, "police-source", "over the limit of one source for its class")          \
	X(VLAN, "vlan", "VLAN tag of which the port has no sub-interface")                       \
	X(QINQ, "qinq", "more than one VLAN tag")                                                \
	X(NO_MBUF, "no-mbuf", "packet memory is used up")                                        \
	X(NAT_RATE, "nat-rate", "more STUN or DTLS than a leg may have")                         \
	X(NAT_FULL, "nat-full", "queue to limen-nat was full")                                   \
	X(VOICE_FULL, "voice-full", "a media core or its worker fell behind (oldest dropped)")   \
	X(VOICE_GONE, "voice-gone", "to or from a media core for a session that has ended")      \
	X(VOICE_BROKEN, "voice-broken", "payload that its codec cannot decode")                  \
	X(UNHEARD, "unheard", "media for a leg that is played something else, or is not there")  \
	X(DTMF, "dtmf", "digits that go on otherwise, and voice in place of which one is sent")

enum dp_drop {
#define X(sym, name, text) DP_DROP_##sym,
	DP_DROPS(X)
#undef X
		DP_DROP_N,
};

/* The path of a packet through a worker, in this order. */
#define DP_STAGES(X)            \
	X(CLASSIFY, "classify") \
	X(LOOKUP, "lookup")     \
	X(OPEN, "open")         \
	X(GUARD, "guard")       \
	X(SEAL, "seal")         \
	X(REWRITE, "rewrite")   \
	X(TRANSMIT, "transmit") \
	X(PUNT, "punt")

enum dp_stage {
#define X(sym, name) DP_STAGE_##sym,
	DP_STAGES(X)
#undef X
		DP_STAGE_N,
};

/* cycles are those of the batches that were sampled, sampled counts their packets. */
struct dp_stage_stats {
	uint64_t packets;
	uint64_t sampled, cycles;
};

/* Of a sub-interface; its frames count at its port, too. */
struct dp_vlan_stats {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};

/*
 * One writer: that worker. Each packet ends in exactly one place, so at rest
 *   rx + taken_over + injected + from_mcores =
 *           relayed + sent_for_linux + punted + nat + handed_over + to_mcores + sum of drops.
 */
struct dp_worker_stats {
	uint64_t rx_packets, rx_bytes;		 /* from ports */
	uint64_t relayed_packets, relayed_bytes; /* media given to a port's transmit queue */
	uint64_t rtcp_packets;			 /* of them RTCP */
	uint64_t punted_packets;		 /* to Linux */
	uint64_t injected_packets;		 /* from Linux, and RTCP of our own */
	uint64_t sent_for_linux;		 /* of them given to a port's transmit queue */
	uint64_t handed_over; /* to the worker that owns the stream or the transmit queue */
	uint64_t taken_over;  /* the same, seen by that worker */
	uint64_t cycles_total, cycles_busy, cycles_asleep;
	uint64_t loops, sleeps;
	uint64_t events_late; /* news for the control thread that had to wait for room */
	uint64_t nat_packets; /* to limen-nat */
	uint64_t to_mcores;   /* packets that a media core decodes */
	uint64_t from_mcores; /* packets that one made */
	uint64_t tapped;      /* copies for limen-rec; no packet ends there */
	uint64_t tap_full;    /* copies that found no room */
	uint64_t drops[DP_DROP_N];
	struct dp_stage_stats stages[DP_STAGE_N];
	struct dp_vlan_stats vlans[DP_PORTS_MAX]; /* by port index */
} __attribute__((aligned(128)));

/* One writer: that media core. At rest rx = taken + sum of drops but NO_MBUF and VOICE_FULL. */
struct dp_mcore_stats {
	uint64_t rx_packets;		      /* from the workers */
	uint64_t taken_packets;		      /* of them given to a stream's jitter buffer */
	uint64_t made_packets;		      /* given to the ring to a worker */
	uint64_t decoded, concealed, encoded; /* frames */
	uint64_t skipped; /* packets that were due and not made, because the core fell behind */
	uint64_t streams; /* directions that it serves now */
	uint64_t cycles_total, cycles_busy, cycles_asleep;
	uint64_t loops, sleeps;
	uint64_t drops[DP_DROP_N];
} __attribute__((aligned(128)));

/* How busy a core was in the last second; the rest is its head-room. Control thread. */
struct dp_core_load {
	uint32_t busy_permille;
	uint32_t zero;
};

/* Written by the control thread once a second. */
struct dp_port_stats {
	char name[DP_NAME_MAX];
	char driver[32];
	uint8_t mac[6];
	uint8_t link_up;
	uint8_t used;
	uint32_t speed_mbps; /* of a sub-interface: its port's */
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t rx_missed, rx_errors, tx_errors, rx_nombuf;
	uint64_t tap_rx_packets, tap_tx_packets, tap_dropped;
} __attribute__((aligned(64)));

/*
 * What nearly every packet of a stream counts: one cache line, written by the owning worker
 * alone. Row of a slot: dp_stats_header.off_streams + slot * 128. rx is what came from the leg
 * and was valid. stream_sum() of dataplane/session/stream.h makes dp_stream_sum of both rows.
 */
struct dp_stream_stats {
	uint64_t rx_packets, rx_octets; /* RTP; octets of payload without headers and padding */
	uint64_t last_rx_tsc;		/* of valid RTP; 0: never */
	uint32_t ssrc;
	uint32_t ext_seq;  /* highest sequence number with its cycles in the upper half */
	uint32_t base_seq; /* of this SSRC, or since it jumped */
	uint32_t received; /* of this SSRC since base_seq, each number once */
	uint32_t transit;
	uint32_t jitter; /* RFC 3550 A.8: scaled by 16, in timestamp units of clock_hz */
	uint32_t max_jitter;
	uint32_t clock_hz;	/* 0: no packet with a clock yet */
	uint32_t transit_valid; /* 0: the next packet only sets transit */
	uint32_t limit_mark;	/* of rx_packets: then the limit of the leg is looked at */
	/*
	 * What the worker reads per packet lies beside what it counts, as neighbours in one page:
	 * struct stream of dataplane/session/stream.h. It means nothing to anybody else.
	 */
	uint8_t worker[64];
} __attribute__((aligned(128)));
_Static_assert(sizeof(struct dp_stream_stats) == 128, "two cache lines");

#define DP_ECHOES 4

/*
 * How well a stream arrives, beyond what its hot line says: written when a packet does not follow
 * the one before, and when RTCP comes. Times are TSC; 0: never.
 */
struct dp_stream_quality {
	/* Losses, by dataplane/session/loss.h; stream_sum() judges what is still open. */
	uint64_t history[2], too_late[2]; /* the newest 128 numbers; bit 0: history_seq */
	uint32_t history_seq, first_seq;
	uint32_t cluster_first, cluster_last, cluster_lost;
	uint32_t bursts, burst_packets, burst_lost, gap_lost;
	uint32_t duplicates, duplicates_before; /* before: those of SSRCs that are over */
	uint32_t reordered, too_late_packets;
	uint32_t loss_runs;
	uint64_t first_rx_tsc;
	uint32_t frame_us; /* from one packet to the next by their timestamps; 0: not known */
	/* What the leg's far end says in RTCP of the stream that it gets (SR, RR, XR). */
	uint32_t far_reports;
	uint64_t far_tsc;
	uint32_t far_fraction, far_jitter_us; /* of 256; UINT32_MAX: not known */
	int32_t far_lost;
	uint32_t rtt_us, max_rtt_us; /* to the leg's far end; 0: not known */
	uint32_t xr_reports;
	uint8_t xr[24]; /* VoIP metrics (RFC 3611 4.7) after the SSRC, as they came */
	/* The last sender report and receiver reference time that came from the leg. */
	uint64_t sr_tsc, rrtr_tsc;
	uint32_t sr_mid, rrtr_mid; /* middle 32 bits of their NTP time */
	uint32_t sender_ssrc;	   /* who sent the last RTCP */
	/* Such times that passed to the other leg, by which its answers tell the round trip. */
	uint32_t echo_next;
	uint32_t echo_mid[DP_ECHOES];
	uint64_t echo_tsc[DP_ECHOES];
	/* Where the last report of our own ended, for what the next one says. */
	uint32_t prior_expected, prior_received, prior_tx_packets;
	uint32_t tx_packets_before, tx_octets_before; /* sent by SSRCs that are over */
	uint32_t room;
};
_Static_assert(sizeof(struct dp_stream_quality) == 264, "no holes");

/* What is counted now and then. Row of a slot: off_rare + slot * 384. Same writer. */
struct dp_stream_rare {
	uint64_t lost_before;			/* by SSRCs, and before jumps, that are over */
	uint64_t unsent_packets, unsent_octets; /* valid RTP that did not leave as it came */
	uint64_t last_rtcp_tsc;
	uint32_t rtcp_packets;
	uint32_t dropped; /* by the guards, all reasons */
	uint32_t ssrc_changes;
	uint32_t zero;
	struct dp_stream_quality quality;
	uint64_t made_packets, made_octets; /* RTP that a media core made in place of it */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct dp_stream_rare) == 384, "six cache lines");

/*
 * How far one direction of a stream's SRTP or SRTCP has come. It is what the worker itself works
 * with (RFC 3711 3.2.1, 3.3.2); limen-control reads it to let a session go on after a restart.
 */
struct dp_srtp_flow {
	uint64_t next;	    /* highest index plus one; 0: no packet yet */
	uint64_t window[2]; /* bit n: index next - 1 - n was seen */
	uint32_t ssrc;
	uint32_t zero;
};

/*
 * The SRTP of a stream: opened as it comes from its leg, sealed as it goes to the other one. Row
 * of a slot: off_srtp + slot * 128. Written by the owning worker.
 */
struct dp_stream_srtp {
	struct dp_srtp_flow rx, tx;
	struct dp_srtp_flow rx_rtcp, tx_rtcp;
} __attribute__((aligned(128)));
_Static_assert(sizeof(struct dp_stream_srtp) == 128, "two cache lines");

/* The state of one direction in the form of the session API. The flows may be written meanwhile. */
static inline struct dp_srtp_state dp_srtp_state_of(
	const struct dp_srtp_flow *rtp, const struct dp_srtp_flow *rtcp)
{
	return (struct dp_srtp_state){
		.rtp_next = __atomic_load_n(&rtp->next, __ATOMIC_RELAXED),
		.rtp_ssrc = __atomic_load_n(&rtp->ssrc, __ATOMIC_RELAXED),
		.rtcp_ssrc = __atomic_load_n(&rtcp->ssrc, __ATOMIC_RELAXED),
		.rtcp_next = (uint32_t)__atomic_load_n(&rtcp->next, __ATOMIC_RELAXED),
	};
}

/*
 * The counters of access lists: a row for each rule, two for what no rule decided. The control
 * thread writes who has which, and 0 before a row is another's. Of list i, row r, worker w:
 * off_acl_counts + ((w * DP_ACLS_MAX + i) * DP_ACL_ROWS + r) * 8, written by that worker.
 */
#define DP_ACL_ROWS 1024
enum { DP_ACL_ROW_DENY, DP_ACL_ROW_UNREADABLE, DP_ACL_ROW_RULES };
_Static_assert(DP_ACL_ROW_RULES + 2 * DP_ACL_RULES_MAX <= DP_ACL_ROWS, "old and new rules");

struct dp_acl_info {
	char name[DP_ACL_NAME_MAX]; /* "": free */
	uint32_t family;
	uint32_t seq[DP_ACL_ROWS]; /* of the rule whose counter it is; 0: nobody's */
};

struct dp_stats_header {
	uint32_t magic, version;
	uint64_t boot_id;
	uint64_t tsc_hz;
	uint64_t heartbeat_ms; /* CLOCK_MONOTONIC of the control thread's last turn */
	uint32_t n_workers, n_ports, n_streams, n_drops;
	uint32_t off_workers, off_ports;
	uint64_t off_streams; /* dp_stream_stats[n_streams] */
	uint64_t off_rare;    /* dp_stream_rare[n_streams] */
	uint32_t hugepages;   /* 1: packet memory is on hugepages */
	uint32_t n_sessions;
	uint64_t api_requests, api_refused, api_malformed, api_overflows;
	uint64_t mbufs_total, mbufs_in_use;
	uint64_t off_srtp; /* dp_stream_srtp[n_streams] */
	/* which back ends do SRTP, chosen at the start */
	char srtp_cm[DP_ENGINE_MAX], srtp_gcm[DP_ENGINE_MAX];
	uint32_t n_mcores, off_mcores; /* dp_mcore_stats[n_mcores] */
	uint32_t off_loads;	       /* dp_core_load[n_workers + n_mcores], workers first */
	uint32_t codecs;	       /* bit n: enum dp_codec_id n can be transcoded */
	uint64_t prompt_bytes;	       /* of prompts, with those that were replaced and play yet */
	uint32_t n_prompts;
	uint32_t n_rooms; /* of mixers */
	/* Copies for limen-rec that it was sent, and that it was not: away, slow or no room. */
	uint64_t tap_packets, tap_lost;
	uint64_t off_acls;	 /* dp_acl_info[DP_ACLS_MAX] */
	uint64_t off_acl_counts; /* uint64_t[n_workers][DP_ACLS_MAX][DP_ACL_ROWS] */
	/* Drops of blocked sources, uint64_t[n_workers][DP_BLOCKS_MAX]: by the rows of BLOCK_SET's
	 * reply, each written by its worker. */
	uint64_t off_block_counts;
	uint32_t n_blocks; /* now */
	uint32_t zero;
} __attribute__((aligned(128)));
