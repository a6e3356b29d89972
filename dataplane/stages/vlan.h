/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * 802.1Q in software, so that it is the same on every card: the tag is taken off where a frame
 * comes in and put on where it is sent; in between a frame of a sub-interface is like any other
 * and belongs to a port of its own. The worker's thread.
 */
#pragma once

#include "dataplane/core/worker_priv.h"

#define VLAN_TAG_LEN 4
#define TYPE_8021Q   RTE_BE16(0x8100)
#define TYPE_8021AD \
	RTE_BE16(0x88a8) /* an outer tag; other cards use 0x9100, which has no port here */
#define VLAN_ID_MASK   0xfff
#define VLAN_PCP_SHIFT 13

static inline bool vlan_is_tag(uint16_t ether_type)
{
	return ether_type == TYPE_8021Q || ether_type == TYPE_8021AD;
}

/* Moves the addresses over the tag; the frame starts later. */
static inline uint8_t *vlan_pop(struct rte_mbuf *m)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	memmove(frame + VLAN_TAG_LEN, frame, 12);
	m->data_off = (uint16_t)(m->data_off + VLAN_TAG_LEN);
	m->data_len = (uint16_t)(m->data_len - VLAN_TAG_LEN);
	m->pkt_len -= VLAN_TAG_LEN;
	return frame + VLAN_TAG_LEN;
}

/* The priority of a frame by the DSCP of its IP header; what is not IP has none. */
static inline uint8_t vlan_pcp(const uint8_t pcp[64], const uint8_t *frame)
{
	uint16_t type;

	memcpy(&type, frame + 12, 2);
	if (type == RTE_BE16(0x0800))
		return pcp[frame[15] >> 2];
	if (type == RTE_BE16(0x86dd))
		return pcp[(frame[14] & 0x0f) << 2 | frame[15] >> 6];
	return 0;
}

/* False: there is no room in front of the frame. */
static inline bool vlan_push(struct rte_mbuf *m, uint16_t vlan, const uint8_t pcp[64])
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t tci = vlan | (uint16_t)(vlan_pcp(pcp, frame) << VLAN_PCP_SHIFT);
	uint16_t tag[2] = {TYPE_8021Q, rte_cpu_to_be_16(tci)};

	if (rte_pktmbuf_headroom(m) < VLAN_TAG_LEN)
		return false;
	m->data_off = (uint16_t)(m->data_off - VLAN_TAG_LEN);
	m->data_len = (uint16_t)(m->data_len + VLAN_TAG_LEN);
	m->pkt_len += VLAN_TAG_LEN;
	memmove(frame - VLAN_TAG_LEN, frame, 12);
	memcpy(frame + 12 - VLAN_TAG_LEN, tag, VLAN_TAG_LEN);
	return true;
}
