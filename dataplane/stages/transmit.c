/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sending. Each worker has a transmit queue of its own where the device has enough of them;
 * otherwise frames go over a ring to a worker that has one, which counts them as relayed.
 */
#include "dataplane/stages/rtp.h"
#include "dataplane/stages/stages.h"
#include "dataplane/stages/vlan.h"

#include <rte_ethdev.h>

#define ETH_P_IPV6 RTE_BE16(0x86dd)

void transmit_unsent(struct worker *w, const struct rte_mbuf *m, uint32_t slot)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t off = ETH_HDR_LEN + UDP_HDR_LEN;
	uint16_t type;

	if (slot >= SLOT_LINUX)
		return;
	memcpy(&type, frame + 12, 2);
	if (type == TYPE_8021Q) {
		memcpy(&type, frame + 12 + VLAN_TAG_LEN, 2);
		off += VLAN_TAG_LEN;
	}
	off += type == ETH_P_IPV6 ? IPV6_HDR_LEN : IPV4_HDR_LEN;
	int octets = rtp_payload_len(frame + off, m->data_len - off);
	w->stream_rare[slot].unsent_packets++;
	w->stream_rare[slot].unsent_octets += octets > 0 ? (uint32_t)octets : 0;
}

/* A frame that was queued is dropped after all. */
static void take_back(struct worker *w, struct port *port, unsigned int i, enum dp_drop reason)
{
	if (port->tx_slot[i] == SLOT_LINUX)
		port->n_tx_linux--;
	else
		port->tx_bytes -= port->tx[i]->pkt_len;
	transmit_unsent(w, port->tx[i], port->tx_slot[i]);
	drop(w, port->tx[i], reason);
}

/* What leaves by a sub-interface gets its tag. */
static __rte_noinline void push_tags(struct worker *w, struct port *port)
{
	struct dp_vlan_stats *stats = &w->stats->vlans[port->index];
	unsigned int n = 0;

	for (unsigned int i = 0; i < port->n_tx; i++) {
		struct rte_mbuf *m = port->tx[i];
		if (unlikely(!vlan_push(m, port->vlan, port->pcp))) {
			take_back(w, port, i, DP_DROP_NO_MBUF);
			continue;
		}
		stats->tx_bytes += m->pkt_len;
		port->tx_bytes += port->tx_slot[i] == SLOT_LINUX ? 0 : VLAN_TAG_LEN;
		port->tx_slot[n] = port->tx_slot[i];
		port->tx[n++] = m;
	}
	stats->tx_packets += n;
	port->n_tx = n;
}

static void send_own(struct worker *w, struct port *port)
{
	unsigned int n = 0, k;

	if (unlikely(port->vlan))
		push_tags(w, port);
	do {
		k = rte_eth_tx_burst(
			port->ethdev, port->tx_queue, port->tx + n, (uint16_t)(port->n_tx - n));
		n += k;
	} while (unlikely(k && n < port->n_tx));
	for (unsigned int i = n; i < port->n_tx; i++)
		take_back(w, port, i, DP_DROP_TX_FULL);
	w->stats->relayed_packets += n - port->n_tx_linux;
	w->stats->sent_for_linux += port->n_tx_linux;
	w->stats->relayed_bytes += port->tx_bytes;
}

static void send_by_other(struct worker *w, struct port *port)
{
	for (unsigned int i = 0; i < port->n_tx; i++) {
		port->tx[i]->port = port->index;
		if (rte_ring_sp_enqueue(w->to_tx[port->tx_worker], port->tx[i]) == 0) {
			w->stats->handed_over++;
		} else {
			transmit_unsent(w, port->tx[i], port->tx_slot[i]);
			drop(w, port->tx[i], DP_DROP_RING_FULL);
		}
	}
}

void transmit_flush(struct worker *w, struct port *port)
{
	if (likely(port->own_tx))
		send_own(w, port);
	else
		send_by_other(w, port);
	port->n_tx = port->n_tx_linux = 0;
	port->tx_bytes = 0;
}

void stage_transmit(struct worker *w)
{
	while (w->tx_pending) {
		unsigned int i = (unsigned int)__builtin_ctz(w->tx_pending);
		w->tx_pending &= w->tx_pending - 1;
		transmit_flush(w, &w->ports[i]);
	}
}
