/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The packet workers as the control thread of limen-dataplane sees them.
 *
 * Threads: one control thread (the main lcore) and N workers, each alone on an lcore. They share
 * nothing but rings with one producer and one consumer each:
 *
 *   control -> worker   mailbox (struct worker_msg *), inject (frames from Linux)
 *   worker -> control   completions (the same messages back), events, punt (frames for Linux),
 *                       nat (frames for limen-nat), tap (copies for limen-rec, see tap.h),
 *                       digits (media cores have that ring, too)
 *   worker -> worker    hand-over of packets whose stream, or whose transmit queue, is another's
 *   media core -> control  what was played (has come to its end)
 *   worker <-> media core  voice that is transcoded, see mcore.h; a media core, too, has a mailbox
 *                          and completions, by the numbers after those of the workers
 *
 * Everything a worker reads per packet it has written itself: it copies what a message says
 * between two bursts. A message therefore has taken effect, and nothing of what it replaced is
 * in use any more, when it comes back by worker_completions(). Only while a worker sleeps for
 * want of packets does the control thread do its mail for it.
 *
 * Queues are bounded and never block: a full mailbox is -ENOBUFS for the control thread, a full
 * punt ring is DP_DROP_PUNT_FULL (the newest go, stages/punt.c says why), and of a full inject
 * ring the control thread drops the newest too: Linux sends faster than the wire takes, and TCP
 * slows down by nothing but a loss. Hand-over rings shed the oldest packets first
 * (DP_DROP_RING_FULL). News that finds no room in the event ring is kept in the stream and told
 * with a later packet.
 *
 * A worker makes no system call but two: nanosleep when it had nothing to do for a while, and
 * write() to the doorbell, only when the control thread has said that it is about to sleep.
 *
 * All functions are for the control thread unless the comment says otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"
#include "dataplane/api/dp_stats.h"
#include "dataplane/session/stream.h"
#include "dataplane/srtp/srtp.h"
#include "dataplane/stages/rtcp_write.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>

#define WORKER_BURST	     32
#define WORKER_SRTP_RETURNED 3
#define WORKER_PORT_ANY	     0xff
#define WORKER_MAILBOX	     4096 /* messages in flight per worker */
#define WORKER_EVENTS	     1024
#define WORKER_PUNT	     2048
#define WORKER_NAT	     512
#define WORKER_DIGITS	     1024
#define WORKER_PLAYED	     1024 /* of a media core */
#define WORKER_INJECT	     1024
#define WORKER_HANDOVER	     2048 /* room; what is over WORKER_BACKLOG at a turn is shed */
#define WORKER_BACKLOG	     1024

struct acl;
struct block_bucket;
struct worker_block;
struct worker;
struct worker_group;
struct tap_ring;
struct voice;
struct player;
struct member;

struct worker_group_conf {
	const char
		*name; /* of rings and memory zones, at most 8 characters, unique in the process */
	uint32_t n_workers; /* 1..DP_WORKERS_MAX */
	uint32_t n_mcores;  /* 0..DP_MCORES_MAX */
	uint32_t n_streams; /* slots, an even number */
	int socket_id;	    /* for memory, -1: any */
	/* Rows in the shared segment; zeroed by the caller, written by the workers from then on. */
	struct dp_worker_stats *stats;	      /* [n_workers] */
	struct dp_stream_stats *stream_stats; /* [n_streams] */
	struct dp_stream_rare *stream_rare;   /* [n_streams] */
	struct dp_stream_srtp *stream_srtp;   /* [n_streams] */
	/* [n_workers][DP_ACLS_MAX][DP_ACL_ROWS]; NULL: access lists are refused */
	uint64_t *acl_counts;
	/* [n_workers][DP_BLOCKS_MAX]; NULL: blocked sources are refused */
	uint64_t *block_counts;
	struct srtp_choice srtp; /* the back ends; contexts must come from an engine of the same */
	struct dp_mcore_stats *mcore_stats; /* [n_mcores] */
	struct rte_mempool *pool;	    /* for what media cores and workers make */
	/*
	 * Microseconds without work before a worker sleeps for the first time, and the longest
	 * sleep; 0, 0: 50 and 2000. While media flowed within the last second sleeps are at most
	 * an eighth of that; after a second without any packet they are four times as long.
	 * max_sleep_us UINT32_MAX: never sleeps.
	 */
	uint32_t spin_us, max_sleep_us;
};

/* -EINVAL, -ENOMEM. The group is not running yet; messages may already be posted. */
int worker_group_new(const struct worker_group_conf *conf, struct worker_group **ret_group)
	__attribute__((warn_unused_result));
/* Of a group that does not run; frees packets still in rings. NULL is fine. */
void worker_group_free(struct worker_group *group);
/* Worker i runs on lcores[i] from now on, media core i on lcores[n_workers + i]. Negative errno when one cannot be launched. */
int worker_group_start(struct worker_group *group, const unsigned int *lcores)
	__attribute__((warn_unused_result));
/* Tells all workers to stop and waits until they have. Mail that is on its way is still done. */
void worker_group_stop(struct worker_group *group);
/*
 * One turn of the loop of worker i in the calling thread, for a group that was not started
 * (benchmarks, tests, fuzzing). Returns the number of packets and messages that were handled.
 */
unsigned int worker_turn(struct worker_group *group, uint32_t i);
/* The same at a time given in TSC cycles, which never steps back; and of media core i. */
unsigned int worker_turn_at(struct worker_group *group, uint32_t i, uint64_t now_tsc);
unsigned int mcore_turn(struct worker_group *group, uint32_t i, uint64_t now_tsc);

/* ---- mailbox ---- */

enum worker_op {
	WORKER_PORT_ATTACH,
	WORKER_PORT_DETACH,
	WORKER_ADDR_SET,
	WORKER_ADDR_DEL,
	WORKER_STREAM_SET,
	WORKER_STREAM_UNLINK,
	WORKER_POLICE_SET,
	WORKER_ACL_SET,
	WORKER_ACCESS_SET,
	WORKER_BLOCKS,
	WORKER_REPORT,
	WORKER_PRESS,
	MCORE_VOICE_SET, /* these three to media cores, all others to workers */
	MCORE_VOICE_END,
	MCORE_PRESS,
	WORKER_STOP, /* by worker_group_stop() */
};

/*
 * A started ethdev, to every worker. Worker w polls the receive queues q with q % N == w and
 * sends by transmit queue w when there is one, else through worker w % n_txq. After DETACH came
 * back from all workers nobody touches the ethdev; its mbufs may still be in rings.
 */
struct worker_port {
	uint8_t index; /* 0..DP_PORTS_MAX-1: what stream_hop.port and worker_addr.in_port name */
	uint8_t mac[6];
	uint16_t ethdev; /* DPDK's port id */
	uint16_t n_rxq, n_txq;
	uint16_t mtu; /* of the IP packet */
	bool costly;  /* each burst is a system call: it pays to wait for longer ones */
	/*
	 * A sub-interface: the ethdev is that of another port, which must have been attached, and
	 * frames have this tag there; n_rxq 0. vlan 0: a port of its own.
	 */
	uint16_t vlan;
	uint8_t parent;	 /* index */
	uint8_t pcp[64]; /* by DSCP */
};

/*
 * A media address, to every worker, each with a table of its own from worker_table_new(). SET of
 * an index that is in use changes the range and the port and leaves its table alone. The table
 * that is not needed (any more) comes back in the completed message.
 */
struct worker_addr {
	struct ipaddr addr; /* port 0 */
	uint8_t index;	    /* 0..DP_MEDIA_ADDRS_MAX-1, chosen by the control thread */
	uint8_t in_port;    /* media must arrive here; WORKER_PORT_ANY: wherever */
	uint16_t port_lo, port_hi;
	uint32_t *table;
};

/* To the owner, dp_port_owner(local port). -EADDRINUSE: another slot has the port; -ENOENT: no
 * such media address. Statistics of a slot begin at 0 when it was not in use. */
struct worker_stream_set {
	uint32_t slot;
	bool relearn; /* the leg's configured remote changed: forget what was learned */
	struct stream_conf conf;
	/*
	 * SRTP contexts: the worker takes those that it does not have yet, and has them until they
	 * come back. They come back in returned (with others NULL): those whose place was taken, and
	 * when the message fails those that were not taken. One to open with is kept a while as the
	 * predecessor of the next.
	 */
	struct stream_srtp srtp;
	struct dp_srtp_state rx_state, tx_state; /* for a slot that was not in use */
	bool tx_anew; /* the new key to seal with begins at index 0 (RFC 4568 7.1.4) */
	struct srtp_ctx *returned[WORKER_SRTP_RETURNED];
	/* That the leg is in, and the other leg (NULL: in none); the worker's while a stream of its
	 * is in one. -ENOSPC: it is full. */
	struct bundle *bundle, *bundle_out;
};

/* -ENOENT: the slot was not in use. Nothing of the stream is read or counted afterwards. */
struct worker_stream_unlink {
	uint32_t slot;
	struct dp_stream_stats
		stats; /* as they were at the end; the rows in the segment are zeroed */
	struct dp_stream_rare rare;
	struct dp_stream_srtp srtp;
	struct ipaddr learned[STREAM_KINDS]; /* family 0: was not learned */
	struct srtp_ctx *returned[WORKER_SRTP_RETURNED];
};

/*
 * An access list, in place of the one that the worker had under that number, which is the control
 * thread's again once the message is done. -EINVAL: no such number, or no memory for its counters.
 */
struct worker_acl {
	uint8_t index;	      /* 0..DP_ACLS_MAX-1 */
	bool zero_all;	      /* all its counters begin at 0 */
	uint16_t n_zero;      /* else these do */
	const uint16_t *zero; /* the control thread's; stays until the message is done */
	struct acl *acl;      /* NULL: none */
};

/* By IPv4 and IPv6, and by port: the number of its access list plus one; 0: all goes up. */
struct worker_access {
	uint8_t list[2][DP_PORTS_MAX];
};

/*
 * Changes of the table of blocked sources. -EINVAL: the worker has no table yet and gets none here, or
 * no memory for its counters.
 */
struct worker_blocks {
	struct block_bucket
		*buckets; /* worker_blocks_new(): the worker's table from now on; or NULL */
	const struct worker_block
		*changes; /* the control thread's; stays until the message is done */
	uint16_t n;
	bool scopes_set;
	uint8_t scopes[DP_PORTS_MAX]; /* scopes_set: of each port, 0: none */
};

/*
 * RTCP of our own to the far end of the leg that stream slot comes from. The worker fills the frame
 * and sends it, or frees it: -ENOENT: no such session, -EHOSTUNREACH: no address or next hop yet.
 */
struct worker_report {
	uint32_t slot;
	uint32_t own_ssrc; /* while nothing was sent to the leg */
	bool bye;
	struct rtcp_rating rating; /* of what comes from it */
	uint64_t ntp, ntp_tsc;	   /* the time of day and the TSC of one moment */
	char cname[RTCP_CNAME_MAX];
	struct rte_mbuf *frame; /* without content; the worker's */
};

/* What makes the packets for a leg: one of them, or none. */
struct mcore_maker {
	struct voice *voice;   /* what the other leg sends, transcoded */
	struct player *player; /* a prompt or a tone */
	struct member *member; /* a room, where that leg is heard too */
};

/* Of whoever has it; leaves it empty. */
void mcore_maker_free(struct mcore_maker *maker);

/*
 * What a media core makes of a session, by the leg that is heard (or would be): from[leg] makes for
 * the other leg. SET replaces those whose bit is set; they are the media core's from then on. What
 * it had in their place, or has at END, comes back in the completed message and is the control
 * thread's again. -ENOSPC: a room that is full.
 */
struct worker_voice {
	uint32_t row;	 /* slots 2 row and 2 row + 1 */
	uint32_t tag;	 /* of stream_args; what is not of this tag is not of this session */
	uint32_t worker; /* owner of the slots */
	uint32_t set;	 /* bit n: from[n] */
	struct mcore_maker from[DP_LEGS];
};

/*
 * A digit to be sent where the packets of stream slot go: by the worker that owns it, or by the media
 * core that makes those packets. -ENOENT, -EOPNOTSUPP: digits do not go that way there; -ENOSPC.
 */
struct worker_press {
	uint32_t slot;
	uint32_t tag; /* to a media core: as in worker_voice */
	uint8_t code; /* RFC 4733 3.2: 0 to 16 */
	uint32_t duration_ms;
};

/* Owned by the control thread, lent to the worker from post to completion. */
struct worker_msg {
	enum worker_op op;
	int result;	 /* 0 or a negative errno, by the worker */
	uint32_t worker; /* by worker_post() */
	void *owner;	 /* the control thread's */
	union {
		struct worker_port port;
		struct worker_addr addr;
		struct worker_stream_set set;
		struct worker_stream_unlink unlink;
		struct dp_police police; /* checked by the control thread */
		struct worker_acl acl;
		struct worker_access access;
		struct worker_blocks blocks;
		struct worker_report report;
		struct worker_voice voice;
		struct worker_press press;
	};
};

/* i: a worker, or n_workers and more: media core i - n_workers.
 * -ENOBUFS: WORKER_MAILBOX messages are in flight already. Order is kept per worker. */
int worker_post(struct worker_group *group, uint32_t i, struct worker_msg *msg)
	__attribute__((warn_unused_result));
/* Messages that are done, from all workers. Those to a worker in a long sleep are done by this
 * call, in its place. */
unsigned int worker_completions(
	struct worker_group *group, struct worker_msg **ret_msgs, unsigned int max);

/* Zeroed [address][port] table of one media address and worker; NULL when memory is short. */
uint32_t *worker_table_new(const struct worker_group *group);
void worker_table_free(uint32_t *table);

/* Zeroed [BLOCK_BUCKETS], the table of one worker; NULL when memory is short. */
struct block_bucket *worker_blocks_new(void);
void worker_blocks_free(struct block_bucket *buckets);

/* ---- events ---- */

/* The stream's owner learned a source. epoch: of the stream_conf in force. */
struct worker_event {
	uint32_t slot;
	uint32_t epoch;
	uint32_t kind; /* enum stream_kind */
	struct ipaddr learned;
};

unsigned int worker_events(
	struct worker_group *group, struct worker_event *ret_events, unsigned int max);

/* A key was pressed at the far end of the stream, and let go. */
struct worker_digit {
	uint32_t slot;
	uint32_t mark; /* epoch of the stream; from a media core the session's tag */
	uint32_t duration_ms;
	uint8_t code;
	bool core, tone; /* told by a media core; it came as a tone */
};

/* From all workers and media cores. What finds no room in their rings is lost. */
unsigned int worker_digits(
	struct worker_group *group, struct worker_digit *ret_digits, unsigned int max);

/* What a media core played to the other leg of the stream has come to its end. */
struct worker_played {
	uint32_t slot;
	uint32_t tag; /* of the session there */
	uint32_t serial;
};

unsigned int worker_played(
	struct worker_group *group, struct worker_played *ret_played, unsigned int max);

/* ---- frames from and to Linux ---- */

/* Frames for the TAP twin; mbuf->port is the index of the port. The caller frees them. */
unsigned int worker_punts(
	struct worker_group *group, struct rte_mbuf **ret_frames, unsigned int max);
/* A frame for limen-nat, with the stream at whose port it arrived. */
struct worker_nat {
	struct rte_mbuf *frame; /* the caller frees it */
	uint32_t slot;
	uint32_t kind; /* enum stream_kind: by the port */
};
unsigned int worker_nats(
	struct worker_group *group, struct worker_nat *ret_frames, unsigned int max);
/* What worker i has copied for limen-rec; the control thread is the one who takes it. */
struct tap_ring *worker_tap(const struct worker_group *group, uint32_t i);
/* A frame from the TAP twin, sent by port index. -ENOBUFS: full, the caller keeps the frame. */
int worker_inject(struct worker_group *group, uint8_t port, struct rte_mbuf *frame)
	__attribute__((warn_unused_result));

/* ---- sleeping of the control thread ---- */

/*
 * An eventfd that becomes readable when a worker put something into a ring while the control
 * thread sleeps. Read it empty on wake-up.
 *
 *   if (worker_doorbell_arm(group)) { poll(fd, timers...); worker_doorbell_disarm(group); }
 *   worker_completions(); worker_events(); worker_punts();
 *
 * arm returns false when there is something to fetch already. With libevent: arm at the end of
 * each turn, disarm first thing in the callbacks; when arm fails make the event active by hand.
 */
int worker_doorbell_fd(const struct worker_group *group);
bool worker_doorbell_arm(struct worker_group *group);
void worker_doorbell_disarm(struct worker_group *group);

/* ---- looking inside ---- */

/*
 * Called by the worker after each stage with the packets that stay in the path; off (NULL) costs
 * one predicted branch a stage. Set before start; runs in the worker's thread.
 */
typedef void (*worker_trace_fn)(void *arg, uint32_t worker, enum dp_stage stage,
	struct rte_mbuf *const *frames, unsigned int n);
void worker_group_set_trace(struct worker_group *group, worker_trace_fn trace, void *arg);
