/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Binding requests and their answers; see sip_stun.h. */
#include "sip-b2bua/transport/sip_stun.h"

#include <string.h>

#define HEADER		  20
#define BINDING		  0x0001
#define BINDING_OK	  0x0101
#define BINDING_ERROR	  0x0111
#define COOKIE		  0x2112A442u
#define ERROR_CODE	  0x0009
#define UNKNOWN_ATTRS	  0x000a
#define XOR_MAPPED	  0x0020
#define UNKNOWN_MAX	  4 /* that are named in an answer */
#define IS_REQUIRED(attr) ((attr) < 0x8000)

static uint16_t get16(const char *p)
{
	return (uint16_t)((uint8_t)p[0] << 8 | (uint8_t)p[1]);
}

static void put16(char *p, unsigned int v)
{
	p[0] = (char)(v >> 8);
	p[1] = (char)v;
}

/* Those of credentials, which nobody asked for and which change nothing (RFC 8489 9). */
static bool is_known(uint16_t attr)
{
	return attr == 0x0006 || attr == 0x0008 || attr == 0x0014 || attr == 0x0015 ||
	       attr == 0x001c || attr == 0x001d || attr == 0x001e;
}

/* Attributes that have to be understood, and are not. false: the message is broken. */
static bool attributes_read(
	const char *p, size_t n, uint16_t unknown[UNKNOWN_MAX], unsigned int *ret_n_unknown)
{
	*ret_n_unknown = 0;
	while (n > 0) {
		if (n < 4)
			return false;
		uint16_t attr = get16(p);
		size_t size = 4 + (((size_t)get16(p + 2) + 3) & ~(size_t)3);
		if (size > n)
			return false;
		if (IS_REQUIRED(attr) && !is_known(attr) && *ret_n_unknown < UNKNOWN_MAX)
			unknown[(*ret_n_unknown)++] = attr;
		p += size;
		n -= size;
	}
	return true;
}

/* XOR-MAPPED-ADDRESS (RFC 8489 14.2). in: of the request, with cookie and transaction id. */
static size_t mapped_put(char *out, const char *in, const struct ipaddr *remote)
{
	unsigned int size = remote->family == 6 ? 16 : 4;

	put16(out, XOR_MAPPED);
	put16(out + 2, 4 + size);
	out[4] = 0;
	out[5] = remote->family == 6 ? 2 : 1;
	put16(out + 6, (unsigned int)ipaddr_port(remote) ^ COOKIE >> 16);
	for (unsigned int i = 0; i < size; i++)
		out[8 + i] = (char)(remote->ip[i] ^ (uint8_t)in[4 + i]);
	return 8 + size;
}

/* 420 with the list (RFC 8489 6.3.1, 14.8, 14.13). */
static size_t unknown_put(char *out, const uint16_t unknown[UNKNOWN_MAX], unsigned int n_unknown)
{
	size_t n = 12;

	memset(out, 0, 12 + 4 * UNKNOWN_MAX);
	put16(out, ERROR_CODE);
	put16(out + 2, 4);
	out[6] = 4;
	out[7] = 20;
	put16(out + 8, UNKNOWN_ATTRS);
	put16(out + 10, 2 * n_unknown);
	for (unsigned int i = 0; i < n_unknown; i++, n += 2)
		put16(out + n, unknown[i]);
	return (n + 3) & ~(size_t)3;
}

size_t stun_answer(const char *p, size_t n, const struct ipaddr *remote, char out[STUN_ANSWER_MAX])
{
	uint16_t unknown[UNKNOWN_MAX];
	unsigned int n_unknown;
	size_t size;

	if (n < HEADER || get16(p) != BINDING || get16(p + 2) != n - HEADER ||
		get16(p + 4) != COOKIE >> 16 || get16(p + 6) != (COOKIE & 0xffff) ||
		!attributes_read(p + HEADER, n - HEADER, unknown, &n_unknown))
		return 0;
	memcpy(out, p, HEADER);
	if (n_unknown > 0)
		size = unknown_put(out + HEADER, unknown, n_unknown);
	else
		size = mapped_put(out + HEADER, p, remote);
	put16(out, n_unknown > 0 ? BINDING_ERROR : BINDING_OK);
	put16(out + 2, (unsigned int)size);
	return HEADER + size;
}
