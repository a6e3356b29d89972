/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A data plane without processes, NICs or threads, for unit tests, fuzzing and the in-process
 * benchmark: workers that are turned by hand, on ports made of rings. A test puts a frame into a
 * port, turns the workers until they have nothing to do, and looks at what came out.
 * Everything here stops the program when it fails: it is the test's own machinery.
 */
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/transcode/player.h"

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <stddef.h>

#define RIG_PORTS   4
#define RIG_LCORES  4 /* the main one and three for worker_group_start() */
#define RIG_SLOTS   64
#define RIG_BUNDLES 4
#define RIG_FRAME   2048
#define RIG_RING    4096
#define RIG_TSC_HZ  rte_get_tsc_hz()
#define RIG_ROOMS   4

struct rig_conf {
	uint32_t n_workers, n_streams, n_ports;
	uint16_t n_txq;		 /* of each port; 0: one a worker */
	uint32_t n_mbufs;	 /* 0: 4095 */
	uint32_t ring;		 /* packets a port's rings hold; 0: RIG_RING */
	struct srtp_choice srtp; /* cm NULL: whatever comes first */
	uint32_t n_mcores;
};

struct rig {
	struct rig_conf conf;
	struct worker_group *group;
	struct rte_mempool *pool;
	uint16_t ethdev[RIG_PORTS];
	uint8_t mac[RIG_PORTS][6];
	struct rte_ring *rx[RIG_PORTS], *tx[RIG_PORTS][DP_WORKERS_MAX];
	struct dp_worker_stats *stats;
	struct dp_stream_stats *stream_stats;
	struct dp_stream_rare *stream_rare;
	struct dp_stream_srtp *stream_srtp;
	struct srtp_engine *srtp; /* its contexts are what rig_session() lends */
	struct rig_srtp *srtp_slots;
	/* Ports that legs with DP_LEG_BUNDLE share, by local address. */
	struct rig_bundle {
		struct ipaddr local;
		struct bundle *shared;
	} bundle[RIG_BUNDLES];
	struct dp_mcore_stats *mcore_stats;
	uint64_t *block_counts;	    /* as in struct worker_group_conf */
	uint64_t *acl_counts;	    /* as in struct worker_group_conf */
	uint64_t now_tsc;	    /* 0: real time; else the clock of all turns, set by the test */
	struct player_sound prompt; /* what every prompt sounds like; the test's */
	struct room *rooms[RIG_ROOMS];
	void *segment;
	size_t segment_len;
	bool stats_on_hugepages;
};

/* Starts EAL once for the program, without hugepages. */
void rig_eal(const char *prefix);
struct rig *rig_new(const struct rig_conf *conf);
void rig_free(struct rig *rig);

/* Posts to worker (or media core, by the numbers after) i, turns it and returns the result. */
int rig_post(struct rig *rig, uint32_t i, struct worker_msg *msg);
/* "192.0.2.1" or "2001:db8::1" and a range, on all workers; in_port as in worker_addr. */
void rig_addr(
	struct rig *rig, uint8_t index, const char *ip, uint16_t lo, uint16_t hi, uint8_t in_port);
/*
 * Sets both streams of a session: slot (from leg A) and slot + 1 (from leg B). What is received
 * from leg A leaves by port_b and the reverse; the media addresses are addr_a and addr_b. The
 * next hops have MACs 02:00:00:00:01:<port>. Returns the first error.
 */
int rig_session(struct rig *rig, uint32_t slot, const struct dp_session *session, uint8_t addr_a,
	uint8_t addr_b, uint8_t port_a, uint8_t port_b, bool relearn);
/*
 * What a media core makes of a session, on the one that the slot gets (slot / 2 % n_mcores; rooms need
 * n_mcores 1); to be called before rig_session(). Returns the first error.
 */
int rig_voice(struct rig *rig, uint32_t slot, const struct dp_session *session);
int rig_voice_end(struct rig *rig, uint32_t slot);
/* Only one stream, with everything given. */
int rig_stream(struct rig *rig, uint32_t slot, const struct stream_args *args, bool relearn);

/* Limits of what goes up to Linux, at every worker; NULL: none. */
void rig_police(struct rig *rig, const struct dp_police *conf);

struct ipaddr rig_ip(const char *ip, uint16_t port);

/* What a frame is made of; fields left 0 are filled in with what makes it valid. */
struct rig_frame {
	uint8_t dst_mac[6];
	const char *src, *dst; /* addresses, both IPv4 or both IPv6 */
	uint16_t sport, dport;
	uint8_t tos, ttl;
	bool no_udp_csum;
	const uint8_t *payload;
	uint16_t payload_len;
};

/* Builds a frame with right checksums; returns its length. */
uint32_t rig_build(const struct rig_frame *frame, uint8_t *ret_bytes);
/* An RTP packet without CSRC; returns its length. */
uint16_t rig_rtp(uint8_t *ret_pkt, uint8_t pt, uint16_t seq, uint32_t timestamp, uint32_t ssrc,
	uint16_t payload_len);

/* Puts bytes into a port as a received frame. */
void rig_put(struct rig *rig, uint8_t port, const uint8_t *bytes, uint32_t len);
/* Turns all workers and media cores until none has anything to do. */
void rig_run(struct rig *rig);
/* The same after time has passed (now_tsc is set), a millisecond at a time. */
void rig_pass(struct rig *rig, uint32_t ms);
/* Takes one sent frame, whichever queue it left by; 0: there is none. */
uint32_t rig_get(struct rig *rig, uint8_t port, uint8_t *ret_bytes);
/* Throws away all that was sent; how many frames. */
uint32_t rig_discard(struct rig *rig, uint8_t port);

/* Sums over the workers. */
uint64_t rig_drops(const struct rig *rig, enum dp_drop reason);
void rig_totals(const struct rig *rig, struct dp_worker_stats *ret_sum);
/* rx + taken_over + injected minus all ways out: 0 when no packet was lost or counted twice. */
int64_t rig_balance(const struct rig *rig);

/* 0 when a frame's IP and UDP checksums are right, computed from nothing; else which is not. */
const char *rig_checksums(const uint8_t *bytes, uint32_t len);
