/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * New headers. What leaves is a datagram of our own, not a forwarded one: our MAC, address and
 * port, TTL 64, no IP id (RFC 6864: atomic datagrams need none), the leg's DSCP; of the old
 * headers only ECN and the checksum of UDP stay. That one is carried on by difference (RFC 1624),
 * so that a payload that was damaged before it came here is still found out by the receiver.
 */
#include "dataplane/stages/csum.h"
#include "dataplane/stages/stages.h"

#include <rte_ip.h>

#define IP4_DF	  RTE_BE16(0x4000)
#define TTL	  64
#define PROTO_UDP 17
#define WORD_KEPT 0xffff0300 /* of the header's first four octets: its length, and ECN */

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

/* RTP from IPv4 to IPv4: all that is needed is in the stream's one line. */
static inline void rewrite_plain(const struct stream *s, uint8_t *frame)
{
	uint8_t *ip = frame + ETH_HDR_LEN, *udp = ip + IPV4_HDR_LEN;
	/* addresses and ports lie side by side, in the packet and in the stream */
	uint64_t difference = csum_sub(s->ends_sum, ip + 12, 12);
	uint32_t word = (load32(ip) & WORD_KEPT) | s->ip_first;
	uint32_t csum_upper = ~csum_fold_upper((uint64_t)s->ip_sum + word) & 0xffff0000;
	/* version, TOS, length, no id, DF; TTL, UDP, checksum: in a little-endian machine's order */
	uint64_t first = word | (uint64_t)IP4_DF << 48;
	uint32_t second = TTL | PROTO_UDP << 8 | csum_upper;
	uint16_t udp_csum;

	memcpy(frame, s->macs, 12);
	memcpy(ip, &first, 8);
	memcpy(ip + 8, &second, 4);
	memcpy(ip + 12, s->ends, 12);
	memcpy(&udp_csum, udp + 6, 2);
	if (udp_csum) {
		udp_csum = csum_udp_update(udp_csum, difference);
		memcpy(udp + 6, &udp_csum, 2);
	}
}

static void put_ipv4(uint8_t *ip, const struct stream_path *path, uint8_t ecn, uint16_t ip_len)
{
	struct rte_ipv4_hdr hdr = {
		.version_ihl = 0x45,
		.type_of_service = path->tos | ecn,
		.total_length = rte_cpu_to_be_16(ip_len),
		.fragment_offset = IP4_DF,
		.time_to_live = TTL,
		.next_proto_id = PROTO_UDP,
	};

	memcpy(&hdr.src_addr, path->src_ip, 4);
	memcpy(&hdr.dst_addr, path->dst_ip, 4);
	hdr.hdr_checksum = (uint16_t)~csum_fold(csum_add(0, &hdr, sizeof(hdr)));
	memcpy(ip, &hdr, sizeof(hdr));
}

static void put_ipv6(uint8_t *ip, const struct stream_path *path, uint8_t ecn, uint16_t udp_total)
{
	struct rte_ipv6_hdr hdr = {
		.vtc_flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)(path->tos | ecn) << 20),
		.payload_len = rte_cpu_to_be_16(udp_total),
		.proto = PROTO_UDP,
		.hop_limits = TTL,
	};

	memcpy(hdr.src_addr, path->src_ip, 16);
	memcpy(hdr.dst_addr, path->dst_ip, 16);
	memcpy(ip, &hdr, sizeof(hdr));
}

/* Moves the start of the frame so that an IP header of another length fits. */
static bool resize(struct packet *p, int more)
{
	struct rte_mbuf *m = p->m;

	if (more > 0 && rte_pktmbuf_headroom(m) < (uint16_t)more)
		return false;
	m->data_off = (uint16_t)(m->data_off - more);
	m->data_len = (uint16_t)(m->data_len + more);
	m->pkt_len = (uint32_t)((int)m->pkt_len + more);
	p->frame -= more;
	return true;
}

/* Any family to any family, RTP or RTCP. DP_DROP_N, or why it cannot be. */
static __rte_noinline enum dp_drop rewrite_path(const struct stream_path *path, struct packet *p)
{
	bool in6 = p->flags & PACKET_IN6, out6 = path->family == 6;
	uint8_t *ip = p->frame + ETH_HDR_LEN;
	uint8_t *udp = ip + (in6 ? IPV6_HDR_LEN : IPV4_HDR_LEN);
	uint8_t ecn = in6 ? (ip[1] >> 4) & 3 : ip[1] & 3;
	uint16_t udp_total = p->udp_len + UDP_HDR_LEN, csum;
	uint16_t type = out6 ? RTE_BE16(0x86dd) : RTE_BE16(0x0800);
	uint64_t difference = csum_sub(0, in6 ? ip + 8 : ip + 12, in6 ? 32 : 8);

	difference = csum_sub(difference, udp, 4);
	difference = csum_add(csum_add(difference, path->src_ip, 16), path->dst_ip, 16);
	if (in6 != out6 && !resize(p, out6 ? 20 : -20))
		return DP_DROP_NO_MBUF;

	ip = p->frame + ETH_HDR_LEN;
	memcpy(p->frame, path->macs, 12);
	memcpy(p->frame + 12, &type, 2);
	memcpy(udp, &path->src_port_be16, 2);
	memcpy(udp + 2, &path->dst_port_be16, 2);
	difference = csum_add(difference, udp, 4);
	if (out6)
		put_ipv6(ip, path, ecn, udp_total);
	else
		put_ipv4(ip, path, ecn, udp_total + IPV4_HDR_LEN);

	memcpy(&csum, udp + 6, 2);
	if (csum)
		csum = csum_udp_update(csum, difference);
	else if (out6) /* RFC 8200 8.1: IPv6 must have what IPv4 may leave out */
		csum = rte_ipv6_udptcp_cksum((struct rte_ipv6_hdr *)ip, udp);
	memcpy(udp + 6, &csum, 2);
	return DP_DROP_N;
}

/* By the path of a stream that is not plain; queues or drops the frame. */
static __rte_noinline void rewrite_other(struct worker *w, struct packet *p)
{
	enum stream_kind kind = packet_kind(p);
	const struct stream_path *path = &w->more[p->slot].path[kind];
	struct port *port = &w->ports[path->port];
	uint32_t slot = kind == STREAM_RTP ? p->slot : SLOT_NONE;
	enum dp_drop reason = rewrite_path(path, p);

	w->stats->rtcp_packets += kind == STREAM_RTCP;
	if (reason == DP_DROP_N && p->m->data_len - ETH_HDR_LEN > port->mtu)
		reason = port->attached ? DP_DROP_MTU : DP_DROP_NO_PORT;
	if (reason == DP_DROP_N) {
		transmit_queue(w, port, p->m, slot);
		return;
	}
	transmit_unsent(w, p->m, slot);
	drop(w, p->m, reason);
}

/* The port by which the packets leave one after another, with what changes of it at hand. */
struct way {
	struct port *port;
	struct rte_mbuf **tx;
	uint32_t *tx_slot;
	unsigned int n;
	uint32_t mtu;
	uint64_t bytes;
};

/* room: so many packets will be queued at most */
static inline void way_open(struct worker *w, struct way *way, struct port *port, unsigned int room)
{
	if (unlikely(port->n_tx + room > PORT_TX_ROOM))
		transmit_flush(w, port);
	*way = (struct way){port, port->tx, port->tx_slot, port->n_tx, port->mtu, 0};
}

static inline void way_close(struct worker *w, const struct way *way)
{
	if (!way->port)
		return;
	way->port->n_tx = way->n;
	way->port->tx_bytes += way->bytes;
	w->tx_pending |= (uint32_t)(way->n > 0) << way->port->index;
}

void stage_rewrite(struct worker *w, struct batch *b)
{
	struct dp_stream_stats *stats = w->stream_stats;
	const unsigned int n = b->n;
	struct way way = {NULL};

	for (unsigned int i = 0; i < n; i++) {
		struct packet *p = &b->pkt[i];
		const struct stream *s = stream_of(&stats[p->slot]);
		struct port *port = &w->ports[s->port];
		uint32_t ip_len = p->udp_len + (uint32_t)(UDP_HDR_LEN + IPV4_HDR_LEN);

		if (unlikely(!(p->flags & PACKET_PLAIN))) {
			way_close(w, &way);
			way.port = NULL;
			rewrite_other(w, p);
			continue;
		}
		if (unlikely(port != way.port)) {
			way_close(w, &way);
			way_open(w, &way, port, n - i);
		}
		rewrite_plain(s, p->frame);
		/* a port that was taken away has an MTU of 0 */
		if (unlikely(ip_len > way.mtu)) {
			transmit_unsent(w, p->m, p->slot);
			drop(w, p->m, port->attached ? DP_DROP_MTU : DP_DROP_NO_PORT);
			continue;
		}
		way.tx[way.n] = p->m;
		way.tx_slot[way.n++] = p->slot;
		way.bytes += ip_len + ETH_HDR_LEN;
	}
	way_close(w, &way);
}
