/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A payload that changes under its headers: lengths and the checksum of UDP. */
#pragma once

#include "dataplane/stages/csum.h"
#include "dataplane/stages/source.h"

#include <rte_byteorder.h>

#define PROTO_UDP_BE RTE_BE16(17)

/* Another length, in UDP, in IP and of the frame. The checksums are for others to make right. */
static inline void payload_set_len(struct packet *p, uint32_t len)
{
	uint8_t *ip = p->frame + ETH_HDR_LEN;
	bool in6 = p->flags & PACKET_IN6;
	uint32_t hdr = in6 ? IPV6_HDR_LEN : IPV4_HDR_LEN;
	uint16_t udp = rte_cpu_to_be_16((uint16_t)(len + UDP_HDR_LEN));
	uint16_t all = rte_cpu_to_be_16((uint16_t)(len + UDP_HDR_LEN + hdr));

	memcpy(ip + hdr + 4, &udp, 2);
	memcpy(in6 ? ip + 4 : ip + 2, in6 ? &udp : &all, 2);
	p->udp_len = (uint16_t)len;
	p->m->data_len = (uint16_t)(ETH_HDR_LEN + hdr + UDP_HDR_LEN + len);
	p->m->pkt_len = p->m->data_len;
}

/* As csum_add(), of any length: what is missing to a whole word is zero. */
static inline uint64_t csum_add_bytes(uint64_t sum, const uint8_t *data, uint32_t len)
{
	uint32_t whole = len & ~3u, last = 0;

	for (uint32_t i = 0; i < (len & 3); i++)
		memcpy((uint8_t *)&last + i, data + whole + i, 1);
	return csum_add(sum, data, whole) + last;
}

/* The checksum of UDP from nothing, under the headers that the packet came with. */
static inline void payload_checksum(struct packet *p)
{
	uint8_t *ip = p->frame + ETH_HDR_LEN;
	bool in6 = p->flags & PACKET_IN6;
	uint8_t *udp = ip + (in6 ? IPV6_HDR_LEN : IPV4_HDR_LEN);
	uint64_t sum = in6 ? csum_add(PROTO_UDP_BE, ip + 8, 32)
			   : csum_add(PROTO_UDP_BE, ip + 12, 8);
	uint16_t len, csum = 0;

	memcpy(&len, udp + 4, 2); /* once for itself and once for the pseudo header */
	memcpy(udp + 6, &csum, 2);
	sum = csum_add_bytes(sum + len, udp, UDP_HDR_LEN + (uint32_t)p->udp_len);
	csum = (uint16_t)~csum_fold(sum);
	csum = csum ? csum : 0xffff;
	memcpy(udp + 6, &csum, 2);
}
