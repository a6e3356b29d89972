/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PCMU to PCMA and back in a packet that is relayed: the octets of the payload where they lie, and
 * what that changes in the checksum. By the tables 3 and 4 of ITU-T G.711, which keep all that can
 * be kept when a call is converted there and back; both are pieces of straight lines, so they are
 * written as sums of clipped ramps, which a compiler turns into a few instructions for 16 octets.
 *
 * Packet workers call it; pure, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/stages/csum.h"

/* From 0 at first, one up for each of n codes, then n. */
static inline uint8_t g711_ramp(uint8_t code, uint8_t first, uint8_t n)
{
	uint8_t up = code > first ? (uint8_t)(code - first) : 0;

	return up < n ? up : n;
}

/* Table 3: a u-law code of RTP to an A-law code of RTP. */
static inline uint8_t g711_ulaw_to_alaw(uint8_t ulaw)
{
	uint8_t c = (uint8_t)~ulaw & 0x7f;
	uint8_t a = (uint8_t)(c - (uint8_t)((g711_ramp(c, 0, 16) + 1) >> 1) + g711_ramp(c, 32, 4) +
			      g711_ramp(c, 47, 2) + g711_ramp(c, 63, 1) + g711_ramp(c, 80, 1));

	return (uint8_t)(((ulaw & 0x80) | a) ^ 0x55);
}

/* Table 4: the other way. */
static inline uint8_t g711_alaw_to_ulaw(uint8_t alaw)
{
	uint8_t c = (alaw ^ 0x55) & 0x7f;
	uint8_t u = (uint8_t)(c + 1 + g711_ramp(c, 0, 7) -
			      (uint8_t)((g711_ramp(c, 24, 8) + 1) >> 1) -
			      (uint8_t)((g711_ramp(c, 44, 4) + 1) >> 1) - g711_ramp(c, 62, 1) -
			      g711_ramp(c, 79, 1));

	return (uint8_t)((alaw & 0x80) | (~u & 0x7f));
}

/* The words of a payload that may end within one. */
static inline uint64_t g711_map_sum(const uint8_t *payload, uint32_t len, bool less)
{
	uint32_t whole = len & ~3u, last = 0;
	uint64_t sum = less ? csum_sub(0, payload, whole) : csum_add(0, payload, whole);

	memcpy(&last, payload + whole, len & 3);
	return less ? csum_sub(sum, &last, sizeof(last)) : csum_add(sum, &last, sizeof(last));
}

/*
 * Converts a payload in place. Returns the difference for csum_udp_update(), to be added to what
 * else changes; payload begins at an even place of the datagram, as it does in RTP.
 */
static inline uint64_t g711_map_payload(uint8_t *payload, uint32_t len, bool to_alaw)
{
	uint64_t difference = g711_map_sum(payload, len, true);

	if (to_alaw) {
		for (uint32_t i = 0; i < len; i++)
			payload[i] = g711_ulaw_to_alaw(payload[i]);
	} else {
		for (uint32_t i = 0; i < len; i++)
			payload[i] = g711_alaw_to_ulaw(payload[i]);
	}
	return difference + g711_map_sum(payload, len, false);
}
