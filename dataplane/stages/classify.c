/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which frames are media. A frame to our MAC, without IP options or extension headers, with UDP
 * to a media address and a port of its range is ours; Linux gets all the rest, so nothing is
 * dropped here but what is ours and broken. Fragments: the first of a datagram to a media port is
 * dropped (media is never fragmented by design, and reassembly would be a target), later ones
 * carry no port and go to Linux, which discards them for want of the first.
 *
 * A tagged frame loses its tag and is then one of its sub-interface; a priority tag (VLAN 0) only
 * goes. Two tags are dropped, and so is a tag that nobody has.
 */
#include "dataplane/stages/csum.h"
#include "dataplane/stages/lookup.h"
#include "dataplane/stages/stages.h"
#include "dataplane/stages/vlan.h"

#include <rte_prefetch.h>

#define FETCH_MAX	(uint16_t)320
#define PREFETCH_FRAME	4 /* how many packets ahead of the one that is looked at */
#define ETH_P_IPV4	RTE_BE16(0x0800)
#define ETH_P_IPV6	RTE_BE16(0x86dd)
#define IP4_FRAG_MASK	RTE_BE16(0x3fff) /* more fragments, and the offset */
#define IP4_OFFSET_MASK RTE_BE16(0x1fff)
/* EtherType IPv4, version 4 and no options, then TOS; fragment, TTL and protocol: UDP, whole */
#define PLAIN_TYPE_MASK RTE_BE32(0xffffff00)
#define PLAIN_TYPE	RTE_BE32(0x08004500)
#define PLAIN_FRAG_MASK RTE_BE32(0x3fff00ff)
#define PLAIN_FRAG	RTE_BE32(PROTO_UDP)
#define PROTO_UDP	17
#define PROTO_FRAGMENT	44

#if RTE_BYTE_ORDER != RTE_LITTLE_ENDIAN
#error "the MAC compare and the checksum words are written for little-endian machines"
#endif

static inline uint16_t load16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, 2);
	return v;
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

static inline bool in_range4(const struct addr_bucket *a, uint8_t in_port, uint16_t dport)
{
	return (uint16_t)(dport - a->port_lo) <= a->port_span && (a->in_ports >> in_port & 1);
}

static bool in_range6(const struct media_addr *a, uint8_t in_port, uint16_t dport)
{
	return dport >= a->port_lo && dport <= a->port_hi &&
	       (a->in_port == in_port || a->in_port == WORKER_PORT_ANY);
}

static void hand_over(struct worker *w, uint32_t owner, struct rte_mbuf *m, uint8_t in_port)
{
	m->port = in_port;
	if (likely(rte_ring_sp_enqueue(w->to_rx[owner], m) == 0))
		w->stats->handed_over++;
	else
		drop(w, m, DP_DROP_RING_FULL);
}

_Static_assert(PACKET_RTCP == 1, "odd ports are RTCP's");

/* Media for whoever owns the port. */
static inline void admit(struct worker *w, struct batch *b, struct rte_mbuf *m, uint8_t *frame,
	const uint32_t *table, uint16_t dport, uint16_t udp_len, uint16_t flags, uint8_t in_port)
{
	uint32_t row, owner = owner_of(w, dport >> 1, &row);

	if (unlikely(owner != w->id)) {
		hand_over(w, owner, m, in_port);
		return;
	}
	struct packet *p = &b->pkt[b->n++];
	p->m = m;
	p->frame = frame;
	p->entry = table + row;
	p->udp_len = udp_len;
	p->flags = flags | (dport & PACKET_RTCP);
	rte_prefetch0(p->entry);
}

static inline const struct addr_bucket *find_addr4(const struct worker *w, uint32_t ip_be32)
{
	/* ends at a free row, where in_range4() is false */
	for (uint32_t i = addr_hash(ip_be32);; i = (i + 1) % ADDR_BUCKETS) {
		const struct addr_bucket *a = &w->addr4[i];
		if (likely(a->ip_be32 == ip_be32) || !a->table)
			return a;
	}
}

static const struct media_addr *find_addr6(const struct worker *w, const uint8_t *ip)
{
	if (!w->n_addr6)
		return NULL;
	for (unsigned int i = 0; i < DP_MEDIA_ADDRS_MAX; i++) {
		const struct media_addr *a = &w->addrs[i];
		if (a->table && a->addr.family == 6 && memcmp(a->addr.ip, ip, 16) == 0)
			return a;
	}
	return NULL;
}

/* Ethernet padding and trailers do not travel on. */
static inline void trim(struct rte_mbuf *m, uint32_t len)
{
	if (unlikely(m->data_len != len)) {
		m->data_len = (uint16_t)len;
		m->pkt_len = len;
	}
}

/*
 * Media over IPv4 whose header has no options, in a frame that has room for it and for UDP's: the
 * lengths, the checksum, the TTL.
 */
static inline enum dp_drop check_ipv4(struct rte_mbuf *m, const uint8_t *ip, uint16_t *ret_udp_len)
{
	uint32_t len = m->data_len - (uint32_t)ETH_HDR_LEN;
	uint32_t ip_len = rte_be_to_cpu_16(load16(ip + 2));
	uint32_t dgram_len = rte_be_to_cpu_16(load16(ip + IPV4_HDR_LEN + 4));

	if (unlikely(dgram_len + IPV4_HDR_LEN != ip_len))
		return DP_DROP_MALFORMED;
	if (unlikely(ip_len != len)) {
		if (ip_len > len || dgram_len < UDP_HDR_LEN)
			return DP_DROP_MALFORMED;
		trim(m, ip_len + ETH_HDR_LEN);
	}
	if (unlikely(!csum_is_right(csum_add(0, ip, IPV4_HDR_LEN))))
		return DP_DROP_IP_CHECKSUM;
	if (unlikely(ip[8] == 0))
		return DP_DROP_TTL;
	*ret_udp_len = (uint16_t)(dgram_len - UDP_HDR_LEN);
	return DP_DROP_N;
}

/* Fragments of IPv4: see the head of this file. */
static void classify_fragment4(
	struct worker *w, struct rte_mbuf *m, const uint8_t *ip, uint32_t len, uint8_t in_port)
{
	const struct addr_bucket *a = find_addr4(w, load32(ip + 16));
	uint32_t hdr = (ip[0] & 0x0fu) * 4;

	if (!(load16(ip + 6) & IP4_OFFSET_MASK) && hdr >= IPV4_HDR_LEN && hdr + 4 <= len) {
		uint16_t dport = rte_be_to_cpu_16(load16(ip + hdr + 2));
		if (in_range4(a, in_port, dport)) {
			drop(w, m, DP_DROP_FRAGMENT);
			return;
		}
	}
	punt(w, m, in_port);
}

static void classify_ipv6(
	struct worker *w, struct batch *b, struct rte_mbuf *m, uint8_t *frame, uint8_t in_port)
{
	const uint8_t *ip = frame + ETH_HDR_LEN, *udp = ip + IPV6_HDR_LEN;
	uint32_t len = m->data_len - ETH_HDR_LEN;
	const struct media_addr *a;
	bool fragment;

	if (len < IPV6_HDR_LEN + UDP_HDR_LEN || ip[0] >> 4 != 6 || !(a = find_addr6(w, ip + 24))) {
		punt(w, m, in_port);
		return;
	}
	fragment = ip[6] == PROTO_FRAGMENT;
	if (fragment) {
		/* RFC 8200 4.5: the header is 8 octets; only the first fragment has the port */
		if (udp[0] != PROTO_UDP || (load16(udp + 2) & RTE_BE16(0xfff8)) ||
			len < IPV6_HDR_LEN + 8 + 4) {
			punt(w, m, in_port);
			return;
		}
		udp += 8;
	} else if (ip[6] != PROTO_UDP) {
		punt(w, m, in_port);
		return;
	}
	uint16_t dport = rte_be_to_cpu_16(load16(udp + 2));
	if (!in_range6(a, in_port, dport)) {
		punt(w, m, in_port);
		return;
	}
	if (fragment) {
		drop(w, m, DP_DROP_FRAGMENT);
		return;
	}
	uint32_t ip_len = rte_be_to_cpu_16(load16(ip + 4)) + (uint32_t)IPV6_HDR_LEN;
	uint32_t dgram_len = rte_be_to_cpu_16(load16(udp + 4));
	if (ip_len > len || dgram_len < UDP_HDR_LEN || dgram_len + IPV6_HDR_LEN != ip_len ||
		load16(udp + 6) == 0) { /* RFC 8200 8.1: the checksum is not optional */
		drop(w, m, DP_DROP_MALFORMED);
	} else if (ip[7] == 0) {
		drop(w, m, DP_DROP_TTL);
	} else {
		trim(m, ip_len + ETH_HDR_LEN);
		admit(w, b, m, frame, a->table, dport, (uint16_t)(dgram_len - UDP_HDR_LEN),
			PACKET_IN6, in_port);
	}
}

static void classify_untagged(
	struct worker *w, struct batch *b, struct rte_mbuf *m, uint8_t in_port);

static __rte_noinline void classify_tagged(struct worker *w, struct batch *b, struct rte_mbuf *m,
	const uint8_t *frame, uint8_t in_port)
{
	if (m->data_len < ETH_HDR_LEN + VLAN_TAG_LEN) {
		drop(w, m, DP_DROP_MALFORMED);
		return;
	}
	if (load16(frame + 12) != TYPE_8021Q || vlan_is_tag(load16(frame + 16))) {
		drop(w, m, DP_DROP_QINQ);
		return;
	}
	uint16_t vlan = rte_be_to_cpu_16(load16(frame + 14)) & VLAN_ID_MASK;
	uint8_t index = vlan ? w->vlan_port[in_port][vlan] : in_port + 1;
	if (!index--) {
		drop(w, m, DP_DROP_VLAN);
		return;
	}
	if (vlan) {
		w->stats->vlans[index].rx_packets++;
		w->stats->vlans[index].rx_bytes += m->pkt_len;
	}
	vlan_pop(m);
	classify_untagged(w, b, m, index);
}

/* Everything that is not plain UDP over IPv4 in one segment to our MAC. */
static __rte_noinline void classify_other(struct worker *w, struct batch *b, struct rte_mbuf *m,
	uint8_t *frame, uint8_t in_port, bool to_us)
{
	if (m->data_len < ETH_HDR_LEN) {
		drop(w, m, DP_DROP_MALFORMED);
		return;
	}
	const uint8_t *ip = frame + ETH_HDR_LEN;
	uint32_t len = m->data_len - ETH_HDR_LEN;
	uint16_t type = load16(frame + 12);
	if (vlan_is_tag(type))
		classify_tagged(w, b, m, frame, in_port);
	else if (to_us && type == ETH_P_IPV6)
		classify_ipv6(w, b, m, frame, in_port);
	else if (to_us && type == ETH_P_IPV4 && len >= IPV4_HDR_LEN + UDP_HDR_LEN &&
		 ip[0] >> 4 == 4 && ip[9] == PROTO_UDP && (load16(ip + 6) & IP4_FRAG_MASK))
		classify_fragment4(w, m, ip, len, in_port);
	else
		punt(w, m, in_port);
}

static __rte_always_inline void classify_one(
	struct worker *w, struct batch *b, struct rte_mbuf *m, uint8_t in_port)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	const uint8_t *ip = frame + ETH_HDR_LEN;
	uint16_t udp_len;
	/* what is shorter is no media, whoever it is for */
	bool to_us = m->data_len >= ETH_HDR_LEN + IPV4_HDR_LEN + UDP_HDR_LEN &&
		     (load64(frame) ^ w->ports[in_port].mac) << 16 == 0;

	if (unlikely(!to_us || (load32(frame + 12) & PLAIN_TYPE_MASK) != PLAIN_TYPE ||
		     (load32(ip + 6) & PLAIN_FRAG_MASK) != PLAIN_FRAG)) {
		classify_other(w, b, m, frame, in_port, to_us);
		return;
	}
	const struct addr_bucket *a = find_addr4(w, load32(ip + 16));
	uint16_t dport = rte_be_to_cpu_16(load16(ip + IPV4_HDR_LEN + 2));
	if (unlikely(!in_range4(a, in_port, dport))) {
		punt(w, m, in_port);
		return;
	}
	enum dp_drop reason = check_ipv4(m, ip, &udp_len);
	if (unlikely(reason != DP_DROP_N)) {
		drop(w, m, reason);
		return;
	}
	admit(w, b, m, frame, a->table, dport, udp_len, 0, in_port);
}

static __rte_noinline void classify_untagged(
	struct worker *w, struct batch *b, struct rte_mbuf *m, uint8_t in_port)
{
	classify_one(w, b, m, in_port);
}

/* All of a frame but its first line. What is longer than a packet of voice is left alone. */
static inline void fetch_payload(const struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t len = RTE_MIN(m->data_len, FETCH_MAX);

	for (uint32_t at = RTE_CACHE_LINE_SIZE; at < len; at += RTE_CACHE_LINE_SIZE)
		rte_prefetch0(frame + at);
}

static __rte_always_inline void classify_all(struct worker *w, struct batch *b,
	struct rte_mbuf **frames, unsigned int n, uint8_t in_port, bool mixed)
{
	uint64_t bytes = 0;
	bool whole = w->whole;

	/* the mbuf says where the frame is: its line first, the frame's later */
	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(frames[i]);
	for (unsigned int i = 0; i < n && i < PREFETCH_FRAME; i++)
		rte_prefetch0(rte_pktmbuf_mtod(frames[i], void *));
	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = frames[i];
		if (i + PREFETCH_FRAME < n)
			rte_prefetch0(rte_pktmbuf_mtod(frames[i + PREFETCH_FRAME], void *));
		bytes += m->pkt_len;
		if (unlikely(whole))
			fetch_payload(m);
		classify_one(w, b, m, mixed ? (uint8_t)m->port : in_port);
		if (b->n > b->n_slots + LOOKUP_BEHIND)
			lookup_slot(w, b);
	}
	b->bytes = bytes;
}

void stage_classify(struct worker *w, struct batch *b, struct rte_mbuf **frames, unsigned int n,
	uint8_t in_port)
{
	b->n = b->n_slots = 0;
	b->no_stream = false;
	if (likely(in_port != WORKER_PORT_ANY))
		classify_all(w, b, frames, n, in_port, false);
	else
		classify_all(w, b, frames, n, 0, true);
}
