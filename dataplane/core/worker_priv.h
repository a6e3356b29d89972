/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of a worker: private to dataplane/core and dataplane/stages (and to tests that look
 * at its state while it stands still). Unless a field says otherwise it is read and written by
 * the worker's own thread alone, and by the control thread only before start and after stop.
 */
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/stages/acl.h"
#include "dataplane/stages/block.h"
#include "dataplane/stages/police.h"
#include "dataplane/transcode/event_tx.h"

#include <rte_ring.h>
#include <stdatomic.h>

#define ADDR_BUCKETS	  128 /* twice DP_MEDIA_ADDRS_MAX, so that probing ends */
#define STAGE_SAMPLE_MASK 63  /* one batch of 64 is timed stage by stage */
#define PORT_TX_ROOM	  (2 * WORKER_BURST)
#define SLOT_NONE	  UINT32_MAX	       /* no stream counts the frame */
#define SLOT_LINUX	  (UINT32_MAX - 1)     /* it comes from Linux */
#define ROW_BUNDLE	  UINT32_C(0x80000000) /* of the port table: slot + 1 of one that shares it */
#define ETH_HDR_LEN	  14
#define IPV4_HDR_LEN	  20
#define IPV6_HDR_LEN	  40
#define UDP_HDR_LEN	  8

/* Written by the control thread, read by all threads. */
struct doorbell {
	_Atomic uint32_t asleep_seq; /* odd: the control thread sleeps; each sleep has its own */
	int fd;
} __rte_cache_aligned;

/* The bell as one thread sees it: rung at the end of a turn that put something into a ring. */
struct doorbell_use {
	const struct doorbell *bell; /* read only here */
	uint32_t seq;		     /* sleep of the control thread for which it was rung */
	bool ring;
};

/*
 * A packet on its way through the stages. Each stage fills in what the next ones read.
 * classify: all but slot; lookup: slot; guard: PACKET_PLAIN and what the stream adds.
 */
struct packet {
	struct rte_mbuf *m;
	uint8_t *frame;	       /* the Ethernet header */
	const uint32_t *entry; /* of the direct table */
	uint32_t slot;
	uint16_t udp_len; /* payload of UDP */
	uint16_t flags;	  /* enum packet_flag */
};

struct batch {
	unsigned int n; /* packets still in the path */
	unsigned int
		n_slots; /* of them those whose row of the table was read: see stages/lookup.h */
	bool no_stream;	 /* some row was empty */
	uint16_t flags;	 /* of all packets that guard let through, together */
	uint64_t now;	 /* TSC: their time of arrival */
	uint64_t bytes;	 /* of all that came, with what left the path */
	struct packet pkt[WORKER_BURST];
};

/* A media address; IPv4 ones are also in the hash. */
struct media_addr {
	uint32_t *table; /* [half port / n_workers] of slot + 1; NULL: the row is free */
	struct ipaddr addr;
	uint16_t port_lo, port_hi;
	uint8_t in_port;
};

/* One row of the hash of IPv4 media addresses: all that classify reads of an address. */
struct addr_bucket {
	uint32_t *table; /* NULL: free; then in_ports is 0 and ip_be32 says nothing */
	uint32_t ip_be32;
	uint16_t port_lo, port_span;
	uint32_t in_ports; /* bit p: media may arrive at port p */
} __attribute__((aligned(32)));

struct port {
	bool attached;
	bool own_tx;
	uint8_t index;
	uint16_t ethdev;
	uint16_t tx_queue;
	uint16_t tx_worker; /* when not own_tx */
	uint16_t mtu;
	uint16_t vlan; /* tag of what is sent; 0: none */
	uint64_t mac;  /* as the first 6 bytes of a frame, in an integer's lower 48 bits */
	/* Waiting for the end of the batch, with the stream of each: into queues[index]. */
	unsigned int n_tx, n_tx_linux; /* n_tx_linux: of them those from Linux */
	uint64_t tx_bytes;	       /* of the others */
	struct rte_mbuf **tx;
	uint32_t *tx_slot;
	uint8_t parent; /* vlan: the port whose device it is */
	uint8_t pcp[64];
} __attribute__((aligned(64)));

/*
 * A packet between a worker and a media core. To there: m is the RTP packet alone, which guard has
 * accepted. From there: an Ethernet frame with IPv4 and UDP headers whose lengths and checksum are
 * right for addresses and ports of 0, so that it leaves like any other; tsc is 0.
 */
struct voice_packet {
	struct rte_mbuf *m;
	uint64_t tsc; /* of arrival */
	uint32_t slot;
	uint32_t tag;
};
#define VOICE_HEADERS (ETH_HDR_LEN + IPV4_HDR_LEN + UDP_HDR_LEN)

struct port_queue {
	struct rte_mbuf *tx[PORT_TX_ROOM];
	uint32_t tx_slot[PORT_TX_ROOM];
};

struct poll {
	uint16_t ethdev, queue;
	uint8_t port;
	bool costly; /* see struct worker_port */
};

#define WORKER_PRESSED 1024 /* streams whose key is pressed at a time */
#define WORKER_SENDING 64   /* streams to which digits are sent at a time */

/* A stream into which digits are put. */
struct worker_sending {
	uint32_t slot;
	uint32_t clock;		      /* of tx */
	uint32_t press_ts, press_out; /* the same when the key was pressed, and on the wire */
	uint64_t due_tsc;
	struct vp_event_tx tx;
};

/* See stages/digits.h. */
struct worker_digits {
	uint32_t n_sending, n_pressed;
	uint64_t look_tsc; /* when those that are pressed are looked at */
	struct worker_sending sending[WORKER_SENDING];
	uint32_t pressed[WORKER_PRESSED]; /* slots */
};

/* Who may do the mail of a worker: itself, or while it is in a long sleep the control thread. */
enum mail_hands {
	MAIL_OWN,
	MAIL_LENT,  /* the worker sleeps */
	MAIL_TAKEN, /* the control thread is at it; who wakes waits */
};

struct worker {
	uint32_t id, n_workers;
	uint64_t recip; /* ceil(2^32 / n_workers): half port / n_workers without a division */
	uint64_t tsc_hz;
	uint64_t now;
	uint64_t name_key[2]; /* of the group: see stages/rtcp.c */

	/* arrays by slot; only the rows of this worker's streams are touched */
	struct stream_more *more;
	struct dp_stream_stats *stream_stats; /* and in them struct stream: stream_at() */
	struct dp_stream_rare *stream_rare;
	struct stream_srtp *srtp;
	struct dp_stream_srtp *stream_srtp;
	struct dp_worker_stats *stats;
	struct srtp_engine *srtp_engine;
	uint32_t n_streams;

	uint32_t n_polls;
	bool rests;	     /* all of them are costly: see rest() in loop.c */
	uint32_t tx_pending; /* bit p: port p has packets waiting */
	uint32_t n_addr6;
	uint32_t n_punt;
	uint32_t n_batches;
	bool stop;
	bool whole; /* the last batch had payloads to work on: those of the next are fetched early */

	worker_trace_fn trace;
	void *trace_arg;

	struct rte_ring *mailbox;     /* from the control thread */
	struct rte_ring *inject;      /* from the control thread */
	struct rte_ring *completions; /* to the control thread */
	struct rte_ring *events;      /* to the control thread */
	struct rte_ring *punt_ring;   /* to the control thread */
	struct rte_ring *nat_ring;    /* to the control thread */
	struct tap_ring *tap;	      /* to the control thread, see tap.h */
	struct rte_ring *digit_ring;  /* to the control thread */
	struct rte_mempool *pool;     /* for digits; NULL: none are sent */
	/* by worker: to_rx/to_tx the other consumes, from_rx/from_tx the other fills */
	struct rte_ring *to_rx[DP_WORKERS_MAX], *to_tx[DP_WORKERS_MAX];
	struct rte_ring *from_rx[DP_WORKERS_MAX], *from_tx[DP_WORKERS_MAX];
	/* by media core, of struct voice_packet */
	struct rte_ring *to_mcore[DP_MCORES_MAX], *from_mcore[DP_MCORES_MAX];
	uint32_t n_mcores;

	struct doorbell_use bell;

	/* accounting of time, see worker.c */
	uint64_t turn_tsc;  /* start of the last turn; 0: none yet */
	bool turn_busy;	    /* it did something */
	bool turn_packets;  /* the last turn handled some */
	uint64_t media_tsc; /* media last flowed */
	uint64_t idle_tsc;  /* first turn without work; 0: not idle */
	uint64_t spin_cycles;
	uint32_t sleep_us, max_sleep_us;

	_Atomic uint32_t mail_hands; /* enum mail_hands; see mail_lend() */

	struct addr_bucket addr4[ADDR_BUCKETS];
	struct media_addr addrs[DP_MEDIA_ADDRS_MAX];
	struct poll polls[256];
	struct rte_mbuf *punt[WORKER_BURST];
	struct batch batch;
	struct batch srtp_batch; /* what the guard has set aside: see stages/open.c */
	struct port ports[DP_PORTS_MAX];
	struct port_queue queues[DP_PORTS_MAX];
	/* [parent][VLAN id]: index + 1 of the sub-interface, 0: none */
	uint8_t vlan_port[DP_PORTS_MAX][4096];
	/* of the punt list */
	struct worker_access access;
	bool has_access; /* some port has a list */
	const struct acl *acls[DP_ACLS_MAX];
	uint64_t *acl_counts; /* [DP_ACLS_MAX][DP_ACL_ROWS] */
	struct block_table blocks;
	uint8_t block_scopes[DP_PORTS_MAX];
	uint64_t *block_counts; /* [DP_BLOCKS_MAX] */
	struct police_passed *police_others[DP_WORKERS_MAX];
	struct police police;
	struct worker_digits digits;
	struct police_passed police_passed; /* read by the other workers */
} __rte_cache_aligned;

/* One thread: a worker or a media core. */
struct thread_mail {
	struct rte_ring *mailbox, *completions; /* of struct worker_msg * */
	uint32_t in_flight;			/* messages; control thread */
	unsigned int lcore;
	struct worker_msg stop_msg; /* written by the control thread before it is posted */
};

struct mcore;

struct worker_group {
	uint64_t name_key[2]; /* made at the start, the same for all workers */
	uint32_t n_workers, n_mcores;
	uint32_t n_streams;
	int socket_id;
	bool running;
	struct doorbell bell;
	struct worker *workers[DP_WORKERS_MAX];
	struct mcore *mcores[DP_MCORES_MAX];
	struct thread_mail threads[DP_WORKERS_MAX + DP_MCORES_MAX]; /* media cores after workers */
	uint32_t port_tx_worker[DP_PORTS_MAX]; /* who sends injected frames; control thread */
	uint32_t next_completion, next_event, next_punt, next_nat,
		next_digit;   /* round robin over the workers */
	uint32_t next_played; /* and over the media cores */
	struct stream_more *more;
	struct stream_srtp *srtp;
};

/* mailbox.c: does what is in the mailbox; number of messages. */
unsigned int mailbox_run(struct worker *w);
/* report.c: sends, or frees what the message brings. */
int worker_do_report(struct worker *w, struct worker_report *msg);
/* loop.c */
void doorbell_ring(struct doorbell_use *use);
unsigned int turn(struct worker *w, uint64_t now_tsc);
int worker_main(void *arg);

_Static_assert(sizeof(struct stream) == sizeof(((struct dp_stream_stats *)0)->worker),
	"a stream has its place in the row of its counters");

static inline struct stream *stream_of(struct dp_stream_stats *stats)
{
	return (struct stream *)(void *)stats->worker;
}

static inline struct stream *stream_at(const struct worker *w, uint32_t slot)
{
	return stream_of(&w->stream_stats[slot]);
}

/* The owner of a half port, and the row in that owner's table. */
static inline uint32_t owner_of(const struct worker *w, uint32_t half, uint32_t *ret_row)
{
	uint32_t row = (uint32_t)((half * w->recip) >> 32);

	*ret_row = row;
	return half - row * w->n_workers;
}

static inline uint32_t addr_hash(uint32_t ip_be32)
{
	return (ip_be32 * 0x9e3779b1u) >> 25;
}
_Static_assert(ADDR_BUCKETS == 1 << (32 - 25), "addr_hash() gives 7 bits");

static inline enum stream_kind packet_kind(const struct packet *p)
{
	return p->flags & PACKET_RTCP ? STREAM_RTCP : STREAM_RTP;
}

/* A named exit: counts and frees. */
static inline void drop(struct worker *w, struct rte_mbuf *m, enum dp_drop reason)
{
	w->stats->drops[reason]++;
	rte_pktmbuf_free(m);
}
