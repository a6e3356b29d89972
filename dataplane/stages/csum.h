/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ones-complement sums for the checksums of IP and UDP (RFC 1071, RFC 1624). Sums are of 16-bit
 * words as they lie in memory: the sum of swapped words is the swapped sum, so nothing is
 * converted. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
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

/*
 * The sum folded to 16 bits, in the upper half of the result: adding the halves to each other
 * makes the upper one the sum with its end-around carry.
 */
static inline uint32_t csum_fold_upper(uint64_t sum)
{
	uint32_t half;

	sum += sum >> 32 | sum << 32;
	half = (uint32_t)(sum >> 32);
	return half + (half >> 16 | half << 16);
}

static inline uint16_t csum_fold(uint64_t sum)
{
	return (uint16_t)(csum_fold_upper(sum) >> 16);
}

/* Whether a sum that includes its checksum, and is not 0, folds to 0xffff: 65535 divides it. */
static inline bool csum_is_right(uint64_t sum)
{
	return sum % 0xffff == 0;
}

/* Subtracts len bytes, a multiple of 4: adds their complement. */
static inline uint64_t csum_sub(uint64_t sum, const void *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 4) {
		uint32_t word;
		memcpy(&word, (const uint8_t *)data + i, 4);
		sum += (uint32_t)~word;
	}
	return sum;
}

/*
 * The UDP checksum after its datagram's words changed; difference: the sum of the new words less
 * the old ones (RFC 1624, equation 3). Never 0, which would say that there is no checksum (RFC
 * 768).
 */
static inline uint16_t csum_udp_update(uint16_t csum, uint64_t difference)
{
	csum = (uint16_t)~csum_fold(difference + (uint16_t)~csum);
	return csum ? csum : 0xffff;
}
