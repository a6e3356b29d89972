/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Headers of packets that a worker makes itself: RTCP of our own, digits. Any thread (no state). */
#pragma once

#include "dataplane/core/worker_priv.h"
#include "dataplane/stages/csum.h"

#define MADE_HEADERS (ETH_HDR_LEN + IPV4_HDR_LEN + UDP_HDR_LEN)

/*
 * Before len octets of UDP payload, as if they had come from nowhere: addresses and ports are 0, the
 * checksum is right for that, and rewriting carries it on by difference.
 */
static inline void made_put_headers(uint8_t *frame, uint32_t len)
{
	uint8_t *udp = frame + ETH_HDR_LEN + IPV4_HDR_LEN;
	uint16_t total = (uint16_t)(UDP_HDR_LEN + len), csum;

	memset(frame, 0, MADE_HEADERS);
	udp[4] = (uint8_t)(total >> 8);
	udp[5] = (uint8_t)total;
	uint8_t pseudo[4] = {0, 17, udp[4], udp[5]};
	csum = (uint16_t)~csum_fold(csum_add(csum_add(0, pseudo, 4), udp, total));
	csum = csum ? csum : 0xffff;
	memcpy(udp + 6, &csum, 2);
}
