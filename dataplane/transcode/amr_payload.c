/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * amr_payload.h. Everything is read and written as a row of bits; in the octet-aligned form each
 * part begins at an octet.
 */
#include "dataplane/transcode/amr_payload.h"

#include <errno.h>
#include <string.h>

#define REQUEST_BITS 4
#define ENTRY_BITS   6 /* F, type, Q */
#define F_BIT	     0x20
#define Q_BIT	     0x01

/* 3GPP TS 26.101 table 1a, TS 26.201 table 1a; the rest is reserved. */
const struct amr_kind amr_narrow = {
	.bits = {95, 103, 118, 134, 148, 159, 204, 244, 39, -1, -1, -1, -1, -1, -1, 0},
	.n_modes = 8,
	.sid = 8,
};
const struct amr_kind amr_wide = {
	.bits = {132, 177, 253, 285, 317, 365, 397, 461, 477, 40, -1, -1, -1, -1, 0, 0},
	.n_modes = 9,
	.sid = 9,
};

static size_t octets(size_t bits)
{
	return (bits + 7) / 8;
}

/* n bits, up to 8, from bit_at on; the caller has checked that they are there. */
static uint8_t get_bits(const uint8_t *p, size_t bit_at, unsigned int n)
{
	size_t first = bit_at / 8;
	unsigned int used = bit_at % 8 + n;
	uint32_t word = (uint32_t)p[first] << 8;

	if (used > 8)
		word |= p[first + 1];
	return (uint8_t)(word >> (16 - used) & ((1U << n) - 1));
}

/* Puts the low n bits, up to 8, of value; what follows in the last octet becomes 0. */
static void put_bits(uint8_t *p, size_t bit_at, unsigned int n, uint8_t value)
{
	size_t first = bit_at / 8;
	unsigned int used = bit_at % 8 + n;
	uint32_t word = (uint32_t)value << (16 - used);
	uint8_t keep = (uint8_t)(0xff00U >> bit_at % 8);

	p[first] = (uint8_t)((p[first] & keep) | word >> 8);
	if (used > 8)
		p[first + 1] = (uint8_t)word;
}

static void copy_bits(uint8_t *dst, size_t dst_at, const uint8_t *src, size_t src_at, size_t n)
{
	for (; n >= 8; n -= 8, dst_at += 8, src_at += 8)
		put_bits(dst, dst_at, 8, get_bits(src, src_at, 8));
	if (n > 0)
		put_bits(dst, dst_at, (unsigned int)n, get_bits(src, src_at, (unsigned int)n));
}

int amr_toc_parse(const struct amr_kind *kind, bool octet_align, const uint8_t *payload, size_t len,
	struct amr_toc *ret_toc)
{
	unsigned int step = octet_align ? 8 : ENTRY_BITS;
	size_t at = octet_align ? 8 : REQUEST_BITS;
	struct amr_toc toc = {.n_frames = 0};
	bool more = true;

	if (len == 0)
		return -EBADMSG;
	toc.request = get_bits(payload, 0, REQUEST_BITS);
	if (toc.request >= kind->n_modes)
		toc.request = AMR_NO_REQUEST;
	for (; more; at += step) {
		uint8_t entry;
		if (toc.n_frames == AMR_FRAMES_MAX || at + ENTRY_BITS > 8 * len)
			return -EBADMSG;
		entry = get_bits(payload, at, ENTRY_BITS);
		more = entry & F_BIT;
		toc.good[toc.n_frames] = entry & Q_BIT;
		toc.type[toc.n_frames] = entry >> 1 & 0x0f;
		if (kind->bits[toc.type[toc.n_frames]] < 0)
			return -EBADMSG;
		toc.n_frames++;
	}
	for (uint32_t i = 0; i < toc.n_frames; i++) {
		size_t bits = (size_t)kind->bits[toc.type[i]];
		toc.bit_at[i] = (uint16_t)at;
		at += octet_align ? 8 * octets(bits) : bits;
	}
	if (octets(at) != len)
		return -EBADMSG;
	*ret_toc = toc;
	return 0;
}

void amr_frame_get(const struct amr_kind *kind, const struct amr_toc *toc, uint32_t i,
	const uint8_t *payload, struct amr_frame *ret_frame)
{
	uint8_t type = toc->type[i];

	memset(ret_frame, 0, sizeof(*ret_frame));
	ret_frame->octets[0] = (uint8_t)(type << 3 | (toc->good[i] ? 4 : 0));
	copy_bits(ret_frame->octets + 1, 0, payload, toc->bit_at[i], (size_t)kind->bits[type]);
}

size_t amr_payload_write(const struct amr_kind *kind, bool octet_align, uint8_t request,
	const struct amr_frame *frames, uint32_t n_frames, uint8_t *dst)
{
	unsigned int step = octet_align ? 8 : ENTRY_BITS;
	size_t at = octet_align ? 8 : REQUEST_BITS;

	put_bits(dst, 0, octet_align ? 8 : REQUEST_BITS,
		(uint8_t)(octet_align ? request << 4 : request));
	for (uint32_t i = 0; i < n_frames; i++, at += step) {
		uint8_t entry = (uint8_t)(amr_frame_type(&frames[i]) << 1);
		if (i + 1 < n_frames)
			entry |= F_BIT;
		if (frames[i].octets[0] & 4)
			entry |= Q_BIT;
		put_bits(dst, at, step, (uint8_t)(octet_align ? entry << 2 : entry));
	}
	for (uint32_t i = 0; i < n_frames; i++) {
		size_t bits = (size_t)kind->bits[amr_frame_type(&frames[i])];
		copy_bits(dst, at, frames[i].octets + 1, 0, bits);
		at += octet_align ? 8 * octets(bits) : bits;
	}
	return octets(at);
}

size_t amr_payload_max(const struct amr_kind *kind, bool octet_align, uint32_t n_frames)
{
	size_t bits = (size_t)kind->bits[kind->n_modes - 1];

	if (octet_align)
		return 1 + n_frames * (1 + octets(bits));
	return octets(REQUEST_BITS + n_frames * (ENTRY_BITS + bits));
}
