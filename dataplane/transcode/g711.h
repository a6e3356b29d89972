/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * G.711: companded octets to 16-bit samples and back, by arithmetic that a compiler keeps in
 * registers (no 64 kB tables to push other data out of the cache). Pure; any thread.
 */
#pragma once

#include <stdint.h>

#define G711_ULAW_BIAS 132

/* ITU-T G.711 table 2, in 16-bit units: what code stands for. */
#define G711_ULAW_MAGNITUDE(code) \
	(((((~(code)&0x0f) << 3) + G711_ULAW_BIAS) << ((~(code) >> 4) & 7)) - G711_ULAW_BIAS)
#define G711_ULAW_LINEAR(code) \
	((code)&0x80 ? G711_ULAW_MAGNITUDE(code) : -G711_ULAW_MAGNITUDE(code))

/* ITU-T G.711 table 1; even bits are inverted on the wire. */
#define G711_ALAW_SEGMENT(code) ((((code) ^ 0x55) >> 4) & 7)
#define G711_ALAW_STEP(code)	((((code) ^ 0x55) & 0x0f) << 4)
#define G711_ALAW_MAGNITUDE(code)                                                \
	((G711_ALAW_STEP(code) + 8 + (G711_ALAW_SEGMENT(code) != 0 ? 0x100 : 0)) \
		<< (G711_ALAW_SEGMENT(code) - (G711_ALAW_SEGMENT(code) != 0)))
#define G711_ALAW_LINEAR(code) \
	(((code) ^ 0x55) & 0x80 ? G711_ALAW_MAGNITUDE(code) : -G711_ALAW_MAGNITUDE(code))

/* The u-law code of a sample. */
static inline uint8_t g711_ulaw_encode(int16_t sample)
{
	int32_t sign = sample < 0 ? 0x00 : 0x80;
	int32_t mag = (sample < 0 ? -(int32_t)sample : sample) + G711_ULAW_BIAS;
	int32_t segment;

	if (mag > 0x7fff)
		mag = 0x7fff;
	segment = 24 - __builtin_clz((uint32_t)mag); /* mag >= 132: bit 7 at least */
	return (uint8_t)(sign | (~(segment << 4 | ((mag >> (segment + 3)) & 0x0f)) & 0x7f));
}

/* The A-law code of a sample. */
static inline uint8_t g711_alaw_encode(int16_t sample)
{
	int32_t sign = sample < 0 ? 0x00 : 0x80;
	int32_t mag = sample < 0 ? ~(int32_t)sample : sample;
	int32_t segment = 24 - __builtin_clz((uint32_t)mag | 0xff); /* 0 below 256 */
	int32_t shift = segment == 0 ? 4 : segment + 3;

	return (uint8_t)((sign | segment << 4 | ((mag >> shift) & 0x0f)) ^ 0x55);
}
