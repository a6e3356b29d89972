/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call's SIP messages as a capture file; see ladder.h. Numbers are in the byte order of the machine,
 * as the format allows, but for those in packets. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "cli/grammar/ladder.h"

#define LINKTYPE_RAW	101 /* an IP header comes first */
#define BLOCK_SECTION	0x0a0d0d0a
#define BLOCK_INTERFACE 1
#define BLOCK_PACKET	6
#define OPT_COMMENT	1
#define OPT_APPLICATION 4
#define OPT_TIME_UNIT	9 /* of an interface: 10^-6 s */
#define DATAGRAM_MAX	65535
#define IP4_LEN		20
#define IP6_LEN		40
#define UDP_LEN		8

static void put16(struct buf *out, uint16_t v)
{
	buf_add(out, (const char *)&v, sizeof(v));
}

static void put32(struct buf *out, uint32_t v)
{
	buf_add(out, (const char *)&v, sizeof(v));
}

static void pad(struct buf *out, size_t n)
{
	buf_add(out, "\0\0\0", (4 - n % 4) % 4);
}

static void option(struct buf *out, uint16_t code, const char *value, size_t n)
{
	put16(out, code);
	put16(out, (uint16_t)n);
	buf_add(out, value, n);
	pad(out, n);
}

/* A block is its body between its type and two copies of its length. */
static void block(struct buf *out, uint32_t type, struct buf *body)
{
	uint32_t len = (uint32_t)body->n + 12;

	put32(out, type);
	put32(out, len);
	buf_add(out, body->p, body->n);
	put32(out, len);
	out->failed |= body->failed;
	buf_free(body);
}

static uint32_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (n & 1)
		sum += (uint32_t)p[n - 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void store16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* IP and UDP header in front of n octets; returns their length. RFC 791, 8200, 768. */
static size_t headers(const struct cli_trace_msg *msg, const struct ipaddr *src,
	const struct ipaddr *dst, size_t n, uint8_t h[IP6_LEN + UDP_LEN])
{
	bool six = src->family == 6;
	size_t ip = six ? IP6_LEN : IP4_LEN, alen = six ? 16 : 4;
	uint8_t *udp = h + ip;
	uint32_t sum;

	memset(h, 0, IP6_LEN + UDP_LEN);
	if (six) {
		h[0] = 0x60;
		store16(h + 4, (unsigned int)(n + UDP_LEN));
		h[6] = IPPROTO_UDP;
		h[7] = 64;
		memcpy(h + 8, src->ip, 16);
		memcpy(h + 24, dst->ip, 16);
	} else {
		h[0] = 0x45;
		store16(h + 2, (unsigned int)(n + IP4_LEN + UDP_LEN));
		h[8] = 64;
		h[9] = IPPROTO_UDP;
		memcpy(h + 12, src->ip, 4);
		memcpy(h + 16, dst->ip, 4);
		store16(h + 10, fold(sum16(h, IP4_LEN, 0)));
	}
	memcpy(udp, &src->port_be16, 2);
	memcpy(udp + 2, &dst->port_be16, 2);
	store16(udp + 4, (unsigned int)(n + UDP_LEN));
	sum = sum16(src->ip, alen, 0) + sum16(dst->ip, alen, 0) + IPPROTO_UDP +
	      (uint32_t)(n + UDP_LEN);
	sum = sum16(udp, UDP_LEN, sum);
	sum = sum16((const uint8_t *)msg->bytes, n, sum);
	store16(udp + 6, fold(sum) ? fold(sum) : 0xffff);
	return ip + UDP_LEN;
}

static void packet(const struct ladder *l, unsigned int i, struct buf *out)
{
	const struct cli_trace_msg *msg = &l->trace->msgs[i];
	const struct ipaddr *src = msg->sent ? &msg->local : &msg->remote;
	const struct ipaddr *dst = msg->sent ? &msg->remote : &msg->local;
	size_t most = DATAGRAM_MAX - UDP_LEN - (src->family == 4 ? IP4_LEN : 0);
	size_t n = msg->n < most ? msg->n : most, n_headers;
	uint8_t h[IP6_LEN + UDP_LEN];
	struct buf body = {0};
	char comment[96];

	n_headers = headers(msg, src, dst, n, h);
	put32(&body, 0); /* interface */
	put32(&body, (uint32_t)(msg->wall_us >> 32));
	put32(&body, (uint32_t)msg->wall_us);
	put32(&body, (uint32_t)(n_headers + n));
	put32(&body, (uint32_t)(n_headers + msg->total));
	buf_add(&body, (const char *)h, n_headers);
	buf_add(&body, msg->bytes, n);
	pad(&body, n_headers + n);
	snprintf(comment, sizeof(comment), "leg %s, %s by %s%s", ladder_leg(msg->leg),
		msg->sent ? "sent" : "received", ladder_transport(msg->transport),
		l->rows[i].again ? ", again" : "");
	option(&body, OPT_COMMENT, comment, strlen(comment));
	option(&body, 0, "", 0);
	block(out, BLOCK_PACKET, &body);
}

void ladder_pcapng(const struct ladder *l, const char *comment, struct buf *out)
{
	static const char unit = 6;
	struct buf body = {0};

	put32(&body, 0x1a2b3c4d);
	put16(&body, 1);
	put16(&body, 0);
	put32(&body, UINT32_MAX); /* length of the section: not said */
	put32(&body, UINT32_MAX);
	option(&body, OPT_COMMENT, comment, strlen(comment));
	option(&body, OPT_APPLICATION, "limen", 5);
	option(&body, 0, "", 0);
	block(out, BLOCK_SECTION, &body);
	put16(&body, LINKTYPE_RAW);
	put16(&body, 0);
	put32(&body, 0); /* any length */
	option(&body, OPT_TIME_UNIT, &unit, 1);
	option(&body, 0, "", 0);
	block(out, BLOCK_INTERFACE, &body);
	for (unsigned int i = 0; i < l->trace->n; i++)
		packet(l, i, out);
}
