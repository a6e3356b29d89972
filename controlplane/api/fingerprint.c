/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificate fingerprints as SDP writes them (RFC 8122 5). Pure. */
#include "controlplane/api/fingerprint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	uint8_t len;
} hashes[FINGERPRINT_HASHES] = {
	[FINGERPRINT_SHA_256] = {"sha-256", 32},
	[FINGERPRINT_SHA_384] = {"sha-384", 48},
	[FINGERPRINT_SHA_512] = {"sha-512", 64},
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint8_t hash_by_name(struct view name)
{
	for (uint8_t hash = 1; hash < FINGERPRINT_HASHES; hash++)
		if (view_eq_nocase(name, view_of(hashes[hash].name)))
			return hash;
	return FINGERPRINT_NONE;
}

int fingerprint_parse(struct view text, struct fingerprint *ret)
{
	struct fingerprint out = {0};
	const char *blank = text.n ? memchr(text.p, ' ', text.n) : NULL;
	struct view name, value;

	if (!blank)
		return -EINVAL;
	name = (struct view){text.p, (size_t)(blank - text.p)};
	value = view_trim((struct view){blank, text.n - name.n});
	out.hash = hash_by_name(name);
	if (!out.hash)
		return -ENOTSUP;
	out.len = hashes[out.hash].len;
	if (value.n != (size_t)out.len * 3 - 1)
		return -EINVAL;
	for (unsigned int i = 0; i < out.len; i++) {
		const char *p = value.p + (size_t)i * 3;
		int high = hex_digit(p[0]), low = hex_digit(p[1]);
		if (high < 0 || low < 0 || (i + 1u < out.len && p[2] != ':'))
			return -EINVAL;
		out.value[i] = (uint8_t)(high << 4 | low);
	}
	*ret = out;
	return 0;
}

char *fingerprint_print(const struct fingerprint *fingerprint, char *buf)
{
	int n = snprintf(buf, FINGERPRINT_TEXT, "%s", hashes[fingerprint->hash].name);

	for (unsigned int i = 0; i < fingerprint->len; i++)
		n += snprintf(buf + n, FINGERPRINT_TEXT - (size_t)n, "%c%02X", i ? ':' : ' ',
			fingerprint->value[i]);
	return buf;
}

bool fingerprint_valid(const struct fingerprint *fingerprint)
{
	if (fingerprint->hash >= FINGERPRINT_HASHES ||
		fingerprint->len != hashes[fingerprint->hash].len)
		return false;
	for (unsigned int i = fingerprint->len; i < FINGERPRINT_MAX; i++)
		if (fingerprint->value[i])
			return false;
	return true;
}
