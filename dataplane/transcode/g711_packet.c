/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PCMU to PCMA and back in one pass: each block is read once, mapped, written, and what it changes
 * in the checksum is added up.
 *
 * Both mappings keep the sign bit, so of an octet at most 127 are added or taken away: the
 * difference and 128 fit into one octet, and the sums of the octets at even and at odd places
 * (PSADBW) give that of the 16-bit words.
 */
#include "dataplane/transcode/g711_packet.h"

#include "dataplane/transcode/g711_map.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define BIAS 128

/* clang 14 fails on 512-bit masks under its checks of undefined behaviour. */
#define NO_UBSAN no_sanitize("undefined")

/* [to A-law][code without its sign] of the result without its sign */
static uint8_t codes[2][128] __attribute__((aligned(64)));

/*
 * From the sum of biased differences, those at odd places 256 times, over so many octets, to what
 * csum_udp_update() takes: never negative, since 65535 is nothing to a checksum.
 */
static inline uint64_t difference_of(uint64_t sum, uint32_t octets)
{
	uint64_t bias = (uint64_t)BIAS * (octets / 2) * (1 + 256);

	return sum + UINT64_C(0xffff) * octets * BIAS - bias;
}

__attribute__((target("avx512f,avx512vl,avx512bw,avx512vbmi"), NO_UBSAN)) static uint64_t
map_avx512(uint8_t *payload, uint32_t len, bool to_alaw)
{
	const __m512i low = _mm512_load_si512(codes[to_alaw]),
		      high = _mm512_load_si512(codes[to_alaw] + 64),
		      sign = _mm512_set1_epi8((char)0x80), even_octets = _mm512_set1_epi16(0xff),
		      zero = _mm512_setzero_si512();
	__m512i even = zero, odd = zero;
	uint32_t octets = 0;

	for (; octets < len; octets += 64) {
		uint32_t left = len - octets;
		__mmask64 mask = left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
		__m512i old = _mm512_maskz_loadu_epi8(mask, payload + octets);
		__m512i new = _mm512_maskz_permutex2var_epi8(mask, low, old, high);
		new = _mm512_ternarylogic_epi64(new, old, sign, 0xf8); /* new | (old & sign) */
		_mm512_mask_storeu_epi8(payload + octets, mask, new);
		__m512i biased = _mm512_xor_si512(_mm512_sub_epi8(new, old), sign);
		even = _mm512_add_epi64(
			even, _mm512_sad_epu8(_mm512_and_si512(biased, even_octets), zero));
		odd = _mm512_add_epi64(odd, _mm512_sad_epu8(_mm512_srli_epi16(biased, 8), zero));
	}
	even = _mm512_add_epi64(even, _mm512_slli_epi64(odd, 8));
	return difference_of((uint64_t)_mm512_reduce_add_epi64(even), octets);
}

#define AVX2 __attribute__((target("avx2"), always_inline)) static inline

/* g711_ramp() */
AVX2 __m256i ramp(__m256i code, char first, char n)
{
	return _mm256_min_epu8(
		_mm256_subs_epu8(code, _mm256_set1_epi8(first)), _mm256_set1_epi8(n));
}

/* Half of a ramp, rounded up; of what is below 2 * 127. */
AVX2 __m256i half_ramp(__m256i code, char first, char n)
{
	return _mm256_avg_epu8(ramp(code, first, n), _mm256_setzero_si256());
}

/* g711_ulaw_to_alaw() without the sign */
AVX2 __m256i to_a(__m256i old)
{
	__m256i c = _mm256_andnot_si256(old, _mm256_set1_epi8(0x7f));
	__m256i a = _mm256_sub_epi8(c, half_ramp(c, 0, 16));

	a = _mm256_add_epi8(a, ramp(c, 32, 4));
	a = _mm256_add_epi8(a, ramp(c, 47, 2));
	a = _mm256_add_epi8(a, _mm256_add_epi8(ramp(c, 63, 1), ramp(c, 80, 1)));
	return _mm256_xor_si256(a, _mm256_set1_epi8(0x55));
}

/* g711_alaw_to_ulaw() without the sign */
AVX2 __m256i to_u(__m256i old)
{
	const __m256i seven = _mm256_set1_epi8(0x7f);
	__m256i c = _mm256_and_si256(_mm256_xor_si256(old, _mm256_set1_epi8(0x55)), seven);
	__m256i u = _mm256_add_epi8(_mm256_add_epi8(c, _mm256_set1_epi8(1)), ramp(c, 0, 7));

	u = _mm256_sub_epi8(u, half_ramp(c, 24, 8));
	u = _mm256_sub_epi8(u, half_ramp(c, 44, 4));
	u = _mm256_sub_epi8(u, _mm256_add_epi8(ramp(c, 62, 1), ramp(c, 79, 1)));
	return _mm256_andnot_si256(u, seven);
}

__attribute__((target("avx2"))) static uint64_t map_avx2(
	uint8_t *payload, uint32_t len, bool to_alaw)
{
	const __m256i sign = _mm256_set1_epi8((char)0x80), even_octets = _mm256_set1_epi16(0xff),
		      zero = _mm256_setzero_si256();
	__m256i even = zero, odd = zero;
	uint32_t at = 0;

	for (; at + 32 <= len; at += 32) {
		__m256i old = _mm256_loadu_si256((const __m256i *)(const void *)(payload + at));
		__m256i new = to_alaw ? to_a(old) : to_u(old);
		new = _mm256_or_si256(new, _mm256_and_si256(old, sign));
		_mm256_storeu_si256((__m256i *)(void *)(payload + at), new);
		__m256i biased = _mm256_xor_si256(_mm256_sub_epi8(new, old), sign);
		even = _mm256_add_epi64(
			even, _mm256_sad_epu8(_mm256_and_si256(biased, even_octets), zero));
		odd = _mm256_add_epi64(odd, _mm256_sad_epu8(_mm256_srli_epi16(biased, 8), zero));
	}
	uint64_t sums[4];
	_mm256_storeu_si256(
		(__m256i *)(void *)sums, _mm256_add_epi64(even, _mm256_slli_epi64(odd, 8)));
	uint64_t difference = difference_of(sums[0] + sums[1] + sums[2] + sums[3], at);
	return at == len ? difference
			 : difference + g711_map_payload(payload + at, len - at, to_alaw);
}

bool g711_way_works(enum g711_way way)
{
	switch (way) {
	case G711_AVX512:
		return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
		       __builtin_cpu_supports("avx512vbmi");
	case G711_AVX2:
		return __builtin_cpu_supports("avx2");
	default:
		return way == G711_PLAIN;
	}
}

uint64_t g711_map_by(enum g711_way way, uint8_t *payload, uint32_t len, bool to_alaw)
{
	if (way == G711_AVX512)
		return map_avx512(payload, len, to_alaw);
	return way == G711_AVX2 ? map_avx2(payload, len, to_alaw)
				: g711_map_payload(payload, len, to_alaw);
}
uint64_t (*g711_map_packet)(uint8_t *, uint32_t, bool) = g711_map_payload;

__attribute__((constructor)) static void prepare(void)
{
	__builtin_cpu_init();
	if (g711_way_works(G711_AVX512))
		g711_map_packet = map_avx512;
	else if (g711_way_works(G711_AVX2))
		g711_map_packet = map_avx2;
	for (unsigned int i = 0; i < 128; i++) {
		codes[0][i] = g711_alaw_to_ulaw((uint8_t)i) & 0x7f;
		codes[1][i] = g711_ulaw_to_alaw((uint8_t)i) & 0x7f;
	}
}
#else
uint64_t (*g711_map_packet)(uint8_t *, uint32_t, bool) = g711_map_payload;

bool g711_way_works(enum g711_way way)
{
	return way == G711_PLAIN;
}

uint64_t g711_map_by(enum g711_way way, uint8_t *payload, uint32_t len, bool to_alaw)
{
	return g711_map_payload(payload, len, to_alaw);
}
#endif
