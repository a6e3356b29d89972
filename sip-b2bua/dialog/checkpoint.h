/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bounded writer and reader of checkpoints: what a call is, as bytes that outlive the process.
 * Numbers are little-endian, text is a 16-bit length and the bytes. A writer that runs out of room
 * and a reader that runs past the end remember it; the caller asks once, at the end. What a reader
 * hands out are views into its input. Any thread (no state).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "controlplane/base/ipaddr.h"
#include "controlplane/base/view.h"

struct ckpt_out {
	uint8_t *p;
	size_t n, size;
	bool failed; /* did not fit */
};

struct ckpt_in {
	const uint8_t *p;
	size_t n;    /* left */
	bool failed; /* too short, or a value that cannot be */
};

static inline void ckpt_put(struct ckpt_out *out, const void *p, size_t n)
{
	if (n > out->size - out->n) {
		out->failed = true;
		return;
	}
	if (n > 0)
		memcpy(out->p + out->n, p, n);
	out->n += n;
}

static inline void ckpt_put_u(struct ckpt_out *out, uint64_t value, size_t n_bytes)
{
	uint8_t b[8];

	for (size_t i = 0; i < n_bytes; i++)
		b[i] = (uint8_t)(value >> (8 * i));
	ckpt_put(out, b, n_bytes);
}

static inline void ckpt_put_view(struct ckpt_out *out, struct view v)
{
	if (v.n > UINT16_MAX) {
		out->failed = true;
		return;
	}
	ckpt_put_u(out, v.n, 2);
	ckpt_put(out, v.p, v.n);
}

static inline const uint8_t *ckpt_get(struct ckpt_in *in, size_t n)
{
	const uint8_t *p = in->p;

	if (in->failed || n > in->n) {
		in->failed = true;
		return NULL;
	}
	in->p += n;
	in->n -= n;
	return p;
}

static inline uint64_t ckpt_get_u(struct ckpt_in *in, size_t n_bytes)
{
	const uint8_t *p = ckpt_get(in, n_bytes);
	uint64_t value = 0;

	for (size_t i = 0; p && i < n_bytes; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

/* Fails when the text is longer than max. */
static inline struct view ckpt_get_view(struct ckpt_in *in, size_t max)
{
	size_t n = (size_t)ckpt_get_u(in, 2);
	const uint8_t *p;

	if (n > max)
		in->failed = true;
	p = ckpt_get(in, n);
	return p ? (struct view){(const char *)p, n} : (struct view){NULL, 0};
}

static inline void ckpt_put_addr(struct ckpt_out *out, const struct ipaddr *addr)
{
	ckpt_put(out, addr, sizeof(*addr));
}

static inline void ckpt_get_addr(struct ckpt_in *in, struct ipaddr *ret_addr)
{
	const uint8_t *p = ckpt_get(in, sizeof(*ret_addr));

	memset(ret_addr, 0, sizeof(*ret_addr));
	if (p)
		memcpy(ret_addr, p, sizeof(*ret_addr));
	if (!ipaddr_valid(ret_addr)) {
		in->failed = true;
		memset(ret_addr, 0, sizeof(*ret_addr));
	}
}
