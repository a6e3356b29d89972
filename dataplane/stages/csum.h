/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ones-complement sums for the checksums of IP and UDP (RFC 1071, RFC 1624). Sums are of 16-bit
 * words as they lie in memory: the sum of swapped words is the swapped sum, so nothing is
 * converted. Pure; any thread.
 */
#pragma once

#include <stdint.h>
#include <string.h>

/* Adds len bytes, a multiple of 4. */
static inline uint64_t csum_add(uint64_t sum, const void *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 4) {
		uint32_t word;
		memcpy(&word, (const uint8_t *)data + i, 4);
		sum += word;
	}
	return sum;
}

static inline uint16_t csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/*
 * The UDP checksum after words with the folded sum old became words with the folded sum new
 * (RFC 1624, equation 3). Never 0, which would say that there is no checksum (RFC 768).
 */
static inline uint16_t csum_udp_update(uint16_t csum, uint16_t old, uint16_t new)
{
	uint32_t sum = (uint32_t)(uint16_t)~csum + (uint16_t)~old + new;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	csum = (uint16_t)~sum;
	return csum ? csum : 0xffff;
}
