/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See siphash.h. */
#include "controlplane/base/siphash.h"

#include <endian.h>
#include <string.h>

static inline uint64_t rotl(uint64_t x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/* rounds: for each word; end: after the last one. Constants where this is inlined. */
static inline __attribute__((always_inline)) uint64_t hash(
	const uint64_t key[2], const void *p, size_t n, unsigned int rounds, unsigned int end)
{
	const uint8_t *in = p;
	uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
		key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
	uint64_t m, last = (uint64_t)n << 56;
	for (; n >= 8; n -= 8, in += 8) {
		memcpy(&m, in, 8);
		m = le64toh(m);
		v[3] ^= m;
		for (unsigned int i = 0; i < rounds; i++)
			sip_round(v);
		v[0] ^= m;
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)in[i] << (8 * i);
	v[3] ^= last;
	for (unsigned int i = 0; i < rounds; i++)
		sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (unsigned int i = 0; i < end; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t siphash24(const uint64_t key[2], const void *p, size_t n)
{
	return hash(key, p, n, 2, 4);
}

uint64_t siphash13(const uint64_t key[2], const void *p, size_t n)
{
	return hash(key, p, n, 1, 3);
}
