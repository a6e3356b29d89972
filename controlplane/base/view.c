/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Comparison, numbers and copies of text views; see view.h. */
#include "controlplane/base/view.h"

#include <endian.h>
#include <errno.h>

static inline uint8_t lower(char c)
{
	uint8_t u = (uint8_t)c;
	return u >= 'A' && u <= 'Z' ? (uint8_t)(u | 0x20) : u;
}

bool view_eq_nocase_same_len(struct view a, struct view b)
{
	if (memcmp(a.p, b.p, a.n) == 0) /* as nearly all have it that are equal */
		return true;
	for (size_t i = 0; i < a.n; i++) {
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	}
	return true;
}

static inline bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct view view_trim(struct view v)
{
	while (v.n > 0 && is_space(v.p[0])) {
		v.p++;
		v.n--;
	}
	while (v.n > 0 && is_space(v.p[v.n - 1]))
		v.n--;
	return v;
}

int view_to_u64(struct view v, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;
	bool over = false;

	if (v.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < v.n; i++) {
		uint64_t digit = (uint8_t)v.p[i] - (uint64_t)'0';
		if (digit > 9)
			return -EINVAL;
		/* Up to 19 digits there is nothing that could overflow. */
		over |= i >= 19 && (value > UINT64_MAX / 10 || value * 10 > UINT64_MAX - digit);
		value = value * 10 + digit;
	}
	if (over || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int view_copy(struct view v, char *dst, size_t dst_size)
{
	int ret = 0;

	if (v.n >= dst_size)
		ret = -ENAMETOOLONG;
	else if (v.n > 0 && memchr(v.p, '\0', v.n) != NULL)
		ret = -EINVAL;
	if (ret == 0) {
		if (v.n > 0)
			memcpy(dst, v.p, v.n);
		dst[v.n] = '\0';
	} else if (dst_size > 0) {
		dst[0] = '\0';
	}
	return ret;
}

size_t view_plain_len(struct view v)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	size_t i = 0;

	for (; v.n - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
		uint64_t w;
		memcpy(&w, v.p + i, sizeof(w));
		w = le64toh(w);
		/* The lowest bit is of the first other octet: above 0x7f, below 0x20, or one of three. */
		uint64_t other = (w | (w - ones * 0x20) | ((w ^ ones * '"') - ones) |
					 ((w ^ ones * '\\') - ones) | ((w ^ ones * 0x7f) - ones)) &
				 tops;
		if (other != 0)
			return i + (size_t)__builtin_ctzll(other) / 8;
	}
	while (i < v.n && (uint8_t)(v.p[i] - 0x20) < 0x7f - 0x20 && v.p[i] != '"' && v.p[i] != '\\')
		i++;
	return i;
}

size_t view_utf8_len(struct view v)
{
	const uint8_t *s = (const uint8_t *)v.p;
	uint8_t lo = 0x80, hi = 0xbf; /* of the second byte */
	size_t len;

	if (v.n == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		len = 2;
	} else if ((s[0] & 0xf0) == 0xe0) {
		len = 3;
		lo = s[0] == 0xe0 ? 0xa0 : lo; /* shorter forms exist */
		hi = s[0] == 0xed ? 0x9f : hi; /* surrogates */
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		len = 4;
		lo = s[0] == 0xf0 ? 0x90 : lo;
		hi = s[0] == 0xf4 ? 0x8f : hi; /* above U+10FFFF */
	} else {
		return 0;
	}
	if (v.n < len || s[1] < lo || s[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}
