/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a packet comes from, and where its payload begins. */
#pragma once

#include "dataplane/core/worker_priv.h"

#include <string.h>

#define IP4_SRC_OFF   (ETH_HDR_LEN + 12)
#define IP4_SPORT_OFF (ETH_HDR_LEN + IPV4_HDR_LEN)
#define RTP4_OFF      (ETH_HDR_LEN + IPV4_HDR_LEN + UDP_HDR_LEN)
#define IP6_SRC_OFF   (ETH_HDR_LEN + 8)
#define IP6_SPORT_OFF (ETH_HDR_LEN + IPV6_HDR_LEN)
#define RTP6_OFF      (ETH_HDR_LEN + IPV6_HDR_LEN + UDP_HDR_LEN)

static inline uint8_t *packet_payload(const struct packet *p)
{
	return p->frame + (p->flags & PACKET_IN6 ? RTP6_OFF : RTP4_OFF);
}

static inline struct ipaddr source_of(const struct packet *p)
{
	struct ipaddr src = {0};

	if (p->flags & PACKET_IN6) {
		src.family = 6;
		memcpy(src.ip, p->frame + IP6_SRC_OFF, 16);
		memcpy(&src.port_be16, p->frame + IP6_SPORT_OFF, 2);
	} else {
		src.family = 4;
		memcpy(src.ip, p->frame + IP4_SRC_OFF, 4);
		memcpy(&src.port_be16, p->frame + IP4_SPORT_OFF, 2);
	}
	return src;
}

static inline bool same_ip(const struct ipaddr *a, const struct ipaddr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, 16) == 0;
}

static inline bool same_source(const struct ipaddr *a, const struct ipaddr *b)
{
	return a->port_be16 == b->port_be16 && same_ip(a, b);
}
