/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See datagram.h. */
#include "dataplane/server/datagram.h"

#include <errno.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#define TTL	    64
#define PROTO_UDP   17
#define ETH_LEN	    sizeof(struct rte_ether_hdr)
#define IP4_DF	    RTE_BE16(0x4000)
#define IP4_PLAIN   0x45
#define IP6_VERSION 0x60

static int read_udp(const uint8_t *udp, uint32_t room, struct datagram *ret)
{
	struct rte_udp_hdr hdr;

	if (room < sizeof(hdr))
		return -EBADMSG;
	memcpy(&hdr, udp, sizeof(hdr));
	uint32_t len = rte_be_to_cpu_16(hdr.dgram_len);
	if (len < sizeof(hdr) || len > room)
		return -EBADMSG;
	ret->source.port_be16 = hdr.src_port;
	ret->bytes = udp + sizeof(hdr);
	ret->len = len - (uint32_t)sizeof(hdr);
	return 0;
}

int datagram_read(const uint8_t *frame, uint32_t frame_len, struct datagram *ret_datagram)
{
	struct datagram d = {0};
	const uint8_t *ip = frame + ETH_LEN;
	uint32_t hdr_len;
	int err;

	if (frame_len < ETH_LEN + sizeof(struct rte_ipv4_hdr))
		return -EBADMSG;
	if (ip[0] == IP4_PLAIN && ip[9] == PROTO_UDP) {
		hdr_len = sizeof(struct rte_ipv4_hdr);
		d.source.family = 4;
		memcpy(d.source.ip, ip + 12, 4);
	} else if ((ip[0] & 0xf0) == IP6_VERSION && ip[6] == PROTO_UDP &&
		   frame_len >= ETH_LEN + sizeof(struct rte_ipv6_hdr)) {
		hdr_len = sizeof(struct rte_ipv6_hdr);
		d.source.family = 6;
		memcpy(d.source.ip, ip + 8, 16);
	} else {
		return -EBADMSG;
	}
	err = read_udp(ip + hdr_len, frame_len - (uint32_t)ETH_LEN - hdr_len, &d);
	if (err == 0)
		*ret_datagram = d;
	return err;
}

static void put_ip4(uint8_t *ip, struct rte_udp_hdr *udp, const struct ipaddr *from,
	const struct ipaddr *to, uint8_t tos, uint16_t udp_len)
{
	struct rte_ipv4_hdr hdr = {
		.version_ihl = IP4_PLAIN,
		.type_of_service = tos,
		.total_length = rte_cpu_to_be_16((uint16_t)(udp_len + sizeof(hdr))),
		.fragment_offset = IP4_DF,
		.time_to_live = TTL,
		.next_proto_id = PROTO_UDP,
	};

	memcpy(&hdr.src_addr, from->ip, 4);
	memcpy(&hdr.dst_addr, to->ip, 4);
	hdr.hdr_checksum = rte_ipv4_cksum(&hdr);
	memcpy(ip, &hdr, sizeof(hdr));
	udp->dgram_cksum = rte_ipv4_udptcp_cksum((struct rte_ipv4_hdr *)ip, udp);
}

static void put_ip6(uint8_t *ip, struct rte_udp_hdr *udp, const struct ipaddr *from,
	const struct ipaddr *to, uint8_t tos, uint16_t udp_len)
{
	struct rte_ipv6_hdr hdr = {
		.vtc_flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)tos << 20),
		.payload_len = rte_cpu_to_be_16(udp_len),
		.proto = PROTO_UDP,
		.hop_limits = TTL,
	};

	memcpy(hdr.src_addr, from->ip, 16);
	memcpy(hdr.dst_addr, to->ip, 16);
	memcpy(ip, &hdr, sizeof(hdr));
	udp->dgram_cksum = rte_ipv6_udptcp_cksum((struct rte_ipv6_hdr *)ip, udp);
}

int datagram_write(struct rte_mbuf *m, const struct stream_hop *hop, const struct ipaddr *from,
	const struct ipaddr *to, uint8_t dscp, const uint8_t *bytes, uint32_t len)
{
	bool v6 = to->family == 6;
	uint32_t ip_len = v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	uint32_t udp_len = len + (uint32_t)sizeof(struct rte_udp_hdr);
	uint32_t total = (uint32_t)ETH_LEN + ip_len + udp_len;
	uint16_t type = v6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	uint8_t *frame;

	if (len > UINT16_MAX - 100)
		return -EMSGSIZE;
	frame = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)total);
	if (!frame)
		return -EMSGSIZE;
	memcpy(frame, hop->dst_mac, 6);
	memcpy(frame + 6, hop->src_mac, 6);
	memcpy(frame + 12, &type, 2);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(frame + ETH_LEN + ip_len);
	*udp = (struct rte_udp_hdr){
		.src_port = from->port_be16,
		.dst_port = to->port_be16,
		.dgram_len = rte_cpu_to_be_16((uint16_t)udp_len),
	};
	memcpy(udp + 1, bytes, len);
	(v6 ? put_ip6 : put_ip4)(
		frame + ETH_LEN, udp, from, to, (uint8_t)(dscp << 2), (uint16_t)udp_len);
	return 0;
}
