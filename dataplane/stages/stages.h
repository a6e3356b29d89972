/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stages of the packet path, in the order in which a batch passes them. Each works on all
 * packets of the batch, moves those that go on to the front, and counts the others at a named
 * exit. They run in the worker's thread; none allocates, locks, logs or makes a system call.
 */
#pragma once

#include "dataplane/core/worker_priv.h"

/*
 * Sorts n frames into the batch (media for this worker), the owner's ring, the punt list and
 * drops. in_port: index of the port they came from, or WORKER_PORT_ANY: as mbuf->port says.
 */
void stage_classify(struct worker *w, struct batch *b, struct rte_mbuf **frames, unsigned int n,
	uint8_t in_port);
/* Finds the streams, and fetches their lines into the cache. */
void stage_lookup(struct worker *w, struct batch *b);
/*
 * For a row of the port table that names no stream by itself (*slot: the row - 1): whose the packet
 * is. false: it was dropped.
 */
bool stage_demux(struct worker *w, struct packet *p, uint32_t *slot);
/* Of RTCP that was opened, from a stream in a bundle; SLOT_NONE: nobody's. */
uint32_t demux_rtcp(const struct worker *w, uint32_t slot, const uint8_t *rtcp, uint32_t len);
/* Source and learning, direction, RTP and RTCP validity, payload type, sequence; counts. */
void stage_guard(struct worker *w, struct batch *b);
/* The same for what it had set aside for stage_open(): all its rules but the source's first. */
void stage_guard_opened(struct worker *w, struct batch *b);
/*
 * Packets of streams with SRTP, from w->srtp_batch: whom the packet is from, as far as that is
 * known before anything is learned; then authentic and decrypted, or dropped. Plain ones stay.
 */
void stage_open(struct worker *w, struct batch *b);
/* Seals for the other leg where that has SRTP, and makes the UDP checksums right. */
void stage_seal(struct worker *w, struct batch *b);
/* Copies a packet that guard let through into w->tap, for limen-rec. Not a stage of its own. */
void stage_tap(struct worker *w, const struct packet *p, uint64_t now);
/* What changes in RTP itself; voice goes to its media core. */
void stage_edit(struct worker *w, struct batch *b);
/*
 * Packets that a media core has made become the batch, and those that are to be sealed
 * w->srtp_batch, as if guard had let them through. shed: they have waited too long and are dropped.
 */
void stage_made(struct worker *w, struct batch *b, const struct voice_packet *made, unsigned int n,
	bool shed);
/* New headers; queues the frames at their ports. */
void stage_rewrite(struct worker *w, struct batch *b);
/* Sends what is queued at the ports, or hands it to the worker that can. */
void stage_transmit(struct worker *w);
/* Passes the punt list to the control thread. */
void stage_punt(struct worker *w);

/* Takes a frame that does not leave after all out of what the stream has sent. */
void transmit_unsent(struct worker *w, const struct rte_mbuf *m, uint32_t slot);

/* Sends what is queued at one port. */
void transmit_flush(struct worker *w, struct port *port);

/* Queues one frame at an attached port. slot: whose RTP it is, SLOT_NONE or SLOT_LINUX. */
static inline void transmit_queue(
	struct worker *w, struct port *port, struct rte_mbuf *m, uint32_t slot)
{
	unsigned int n = port->n_tx;

	if (unlikely(n == PORT_TX_ROOM)) {
		transmit_flush(w, port);
		n = 0;
	}
	if (n == 0)
		w->tx_pending |= 1u << port->index;
	if (slot == SLOT_LINUX)
		port->n_tx_linux++;
	else
		port->tx_bytes += m->pkt_len;
	port->tx[n] = m;
	port->tx_slot[n] = slot;
	port->n_tx = n + 1;
}

/*
 * Packet i of the batch stays in the path, as packet n. Nearly always it is in its place already,
 * and copying it onto itself would wait for the narrower stores that have just filled it in.
 */
static inline void keep(struct batch *b, unsigned int n, unsigned int i)
{
	if (unlikely(n != i))
		b->pkt[n] = b->pkt[i];
}

/* Why a valid RTP packet cannot leave, or DP_DROP_N. */
static inline enum dp_drop way_out(const struct stream *s)
{
	if (!(s->flags & STREAM_SEND))
		return DP_DROP_DIRECTION;
	if (!(s->flags & STREAM_REMOTE))
		return DP_DROP_NO_REMOTE;
	return s->flags & STREAM_HOP ? DP_DROP_N : DP_DROP_NO_NEIGHBOUR;
}

/* Puts a frame on the punt list. */
static inline void punt(struct worker *w, struct rte_mbuf *m, uint8_t in_port)
{
	m->port = in_port;
	w->punt[w->n_punt++] = m;
}
