/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Access lists: what is read from a frame, which rule decides (by tables, and against a matcher
 * that tries one rule after the other), and lists on a worker: drops, counters, replacement while
 * packets flow, rows of rules that stay.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "dataplane/core/worker_priv.h"
#include "dataplane/server/acls.h"
#include "dataplane/stages/acl.h"
#include "tests/unit/dataplane/rig.h"

enum { ICMP = 1, TCP = 6, UDP = 17, ESP = 50, ICMP6 = 58, FRAG6 = 44, HOP6 = 0 };
enum { ACK = 0x10, SYN = 0x02, RST = 0x04 };
#define P DP_ACL_PERMIT

/* ---- frames ---- */

struct frame {
	const char *src, *dst;
	uint8_t proto;
	uint16_t sport, dport; /* ICMP: type, code */
	uint8_t tcp_flags;
	uint16_t offset; /* of a fragment, in 8 octets */
	uint8_t hops;	 /* IPv6; 0: 64 */
};

static uint32_t build(const struct frame *f, uint8_t *out)
{
	bool v6 = strchr(f->src, ':') != NULL;
	uint8_t *ip = out + 14, *l4 = ip + (v6 ? 40 : 20);
	uint32_t l4_len = f->proto == TCP ? 20 : 8;

	memset(out, 0, 100);
	out[12] = v6 ? 0x86 : 0x08;
	out[13] = v6 ? 0xdd : 0;
	if (v6) {
		ip[0] = 0x60;
		ip[6] = f->proto;
		ip[7] = f->hops ? f->hops : 64;
		inet_pton(AF_INET6, f->src, ip + 8);
		inet_pton(AF_INET6, f->dst, ip + 24);
		if (f->offset) {
			ip[6] = FRAG6;
			l4[0] = f->proto;
			l4[2] = (uint8_t)(f->offset >> 5);
			l4[3] = (uint8_t)(f->offset << 3);
			l4_len += 8;
			l4 += 8;
		}
		ip[5] = (uint8_t)l4_len;
	} else {
		ip[0] = 0x45;
		ip[3] = (uint8_t)(20 + l4_len);
		ip[6] = (uint8_t)(f->offset >> 8);
		ip[7] = (uint8_t)f->offset;
		ip[9] = f->proto;
		inet_pton(AF_INET, f->src, ip + 12);
		inet_pton(AF_INET, f->dst, ip + 16);
	}
	if (f->proto == ICMP || f->proto == ICMP6) {
		l4[0] = (uint8_t)f->sport;
		l4[1] = (uint8_t)f->dport;
	} else {
		l4[0] = (uint8_t)(f->sport >> 8);
		l4[1] = (uint8_t)f->sport;
		l4[2] = (uint8_t)(f->dport >> 8);
		l4[3] = (uint8_t)f->dport;
		l4[13] = f->tcp_flags;
	}
	return 14 + (v6 ? 40 : 20) + l4_len;
}

/* ---- rules ---- */

static void address(const char *text, uint8_t ip[16], uint8_t mask[16], unsigned int family)
{
	char copy[64];
	int bits = family == 4 ? 32 : 128;

	memset(ip, 0, 16);
	memset(mask, 0, 16);
	if (!text)
		return;
	strcpy(copy, text);
	char *slash = strchr(copy, '/');
	if (slash) {
		*slash = 0;
		bits = atoi(slash + 1);
	}
	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, copy, ip), 1);
	for (int i = 0; i < bits; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

/* Ports of 0: any. proto 255: any. */
struct rule {
	uint8_t flags, proto;
	const char *src, *dst;
	uint16_t sport_lo, sport_hi, dport_lo, dport_hi;
	uint8_t type;
};

static void add(struct dp_acl *acl, const struct rule *rule)
{
	struct dp_acl_rule *r = &acl->rules[acl->n++];

	*r = (struct dp_acl_rule){.seq = acl->n * 10,
		.flags = rule->flags,
		.proto = rule->proto,
		.icmp_type = rule->type};
	if (rule->proto == 255) {
		r->flags |= DP_ACL_ANY_PROTO;
		r->proto = 0;
	}
	if (rule->sport_hi || rule->dport_hi) {
		r->flags |= DP_ACL_PORTS;
		r->sport_lo = rule->sport_lo;
		r->sport_hi = rule->sport_hi ? rule->sport_hi : UINT16_MAX;
		r->dport_lo = rule->dport_lo;
		r->dport_hi = rule->dport_hi ? rule->dport_hi : UINT16_MAX;
	}
	address(rule->src, r->src, r->src_mask, acl->family);
	address(rule->dst, r->dst, r->dst_mask, acl->family);
}

static struct dp_acl *list_of(uint32_t family, const struct rule *rules, unsigned int n)
{
	struct dp_acl *acl = calloc(1, sizeof(*acl) + DP_ACL_RULES_MAX * sizeof(acl->rules[0]));

	assert_non_null(acl);
	strcpy(acl->name, "test");
	acl->family = family;
	for (unsigned int i = 0; i < n; i++)
		add(acl, &rules[i]);
	return acl;
}

static uint64_t number;

static struct acl *compile(const struct dp_acl *conf)
{
	uint16_t rows[DP_ACL_RULES_MAX];
	struct acl *acl;

	for (uint32_t i = 0; i < conf->n; i++)
		rows[i] = (uint16_t)(DP_ACL_ROW_RULES + i);
	assert_int_equal(acl_new(conf, rows, ++number, -1, &acl), 0);
	return acl;
}

/* seq of the rule that decides: 0 none, -1 unreadable, -2 not judged, -3 neighbour discovery. */
static int decide(const struct acl *acl, const struct dp_acl *conf, const uint8_t *frame,
	uint32_t len, bool *ret_in)
{
	static uint64_t counts[DP_ACL_ROWS];
	struct acl_key key;
	const struct acl_key *ref = &key;
	enum acl_read result = acl_key_read(frame, len, conf->family, &key);

	*ret_in = result == ACL_READ_OTHER;
	if (result != ACL_READ_OK)
		return result == ACL_READ_OTHER ? -2 : -1;
	memset(counts, 0, sizeof(counts));
	*ret_in = acl_match(acl, &ref, 1, counts) & 1;
	for (uint32_t i = 0; i < conf->n; i++)
		if (counts[DP_ACL_ROW_RULES + i])
			return (int)conf->rules[i].seq;
	return counts[DP_ACL_ROW_DENY] ? 0 : -3;
}

static const struct rule rules4[] = {
	{0, 255, "203.0.113.9", NULL, 0, 0, 0, 0, 0},			/* 10 */
	{P, TCP, NULL, "192.0.2.1", 0, 0, 22, 22, 0},			/* 20 */
	{P, UDP, "198.51.100.0/24", NULL, 0, 0, 5060, 5061, 0},		/* 30 */
	{P | DP_ACL_ESTABLISHED, TCP, NULL, NULL, 0, 0, 0, 0, 0},	/* 40 */
	{P | DP_ACL_ICMP_TYPE, ICMP, NULL, NULL, 0, 0, 0, 0, 8},	/* 50 */
	{0, UDP, "198.51.100.0/24", NULL, 0, 0, 53, 53, 0},		/* 60 */
	{P, UDP, "198.51.0.0/16", NULL, 53, 53, 0, 0, 0},		/* 70 */
	{0 | DP_ACL_FRAGMENTS, 255, "10.0.0.0/8", NULL, 0, 0, 0, 0, 0}, /* 80 */
	{P, 255, "10.0.0.0/8", NULL, 0, 0, 0, 0, 0},			/* 90 */
	{P, ESP, NULL, NULL, 0, 0, 0, 0, 0},				/* 100 */
};

static const struct {
	const char *what;
	struct frame frame;
	int seq;
} cases4[] = {
	{"the first that fits wins", {"203.0.113.9", "192.0.2.1", TCP, 1, 22, SYN}, 10},
	{"a host and a port", {"203.0.113.8", "192.0.2.1", TCP, 1, 22, SYN}, 20},
	{"another host", {"203.0.113.8", "192.0.2.2", TCP, 1, 22, SYN}, 0},
	{"another port", {"203.0.113.8", "192.0.2.1", TCP, 1, 23, SYN}, 0},
	{"the port on the other side", {"203.0.113.8", "192.0.2.1", TCP, 22, 1, SYN}, 0},
	{"another protocol", {"203.0.113.8", "192.0.2.1", UDP, 1, 22}, 0},
	{"begin of a range", {"198.51.100.255", "192.0.2.1", UDP, 1, 5060}, 30},
	{"end of a range", {"198.51.100.0", "192.0.2.1", UDP, 1, 5061}, 30},
	{"before a range", {"198.51.100.1", "192.0.2.1", UDP, 1, 5059}, 0},
	{"behind a range", {"198.51.100.1", "192.0.2.1", UDP, 1, 5062}, 0},
	{"outside of a network", {"198.51.101.0", "192.0.2.1", UDP, 1, 5060}, 0},
	{"ACK", {"1.2.3.4", "192.0.2.1", TCP, 1, 2, ACK}, 40},
	{"RST", {"1.2.3.4", "192.0.2.1", TCP, 1, 2, RST}, 40},
	{"SYN with ACK", {"1.2.3.4", "192.0.2.1", TCP, 1, 2, SYN | ACK}, 40},
	{"SYN", {"1.2.3.4", "192.0.2.1", TCP, 1, 2, SYN}, 0},
	{"an echo request", {"1.2.3.4", "192.0.2.1", ICMP, 8, 0}, 50},
	{"an echo reply", {"1.2.3.4", "192.0.2.1", ICMP, 0, 0}, 0},
	{"a port that is denied", {"198.51.100.1", "192.0.2.1", UDP, 53, 53}, 60},
	{"an answer of DNS", {"198.51.100.1", "192.0.2.1", UDP, 53, 4000}, 70},
	{"a later fragment of UDP: 30 permits it, 60 has no say",
		{"198.51.100.1", "192.0.2.1", UDP, 0, 0, 0, 100}, 30},
	{"a later fragment of TCP: 20 permits it", {"1.2.3.4", "192.0.2.1", TCP, 0, 0, 0, 1}, 20},
	{"a later fragment that only a deny with ports would fit",
		{"1.2.3.4", "192.0.2.1", UDP, 0, 0, 0, 1}, 0},
	{"fragments of a network", {"10.1.1.1", "192.0.2.1", UDP, 0, 0, 0, 8191}, 80},
	{"no fragment", {"10.1.1.1", "192.0.2.1", UDP, 0, 0, 0, 0}, 90},
	{"a protocol without ports", {"1.2.3.4", "192.0.2.1", ESP}, 100},
	{"nothing fits", {"1.2.3.4", "192.0.2.1", 47}, 0},
};

static const struct rule rules6[] = {
	{0, 255, "2001:db8:bad::/48", NULL, 0, 0, 0, 0, 0},	       /* 10 */
	{P, UDP, "2001:db8::/32", "2001:db8::1", 0, 0, 5060, 5060, 0}, /* 20 */
	{P | DP_ACL_ICMP_TYPE, ICMP6, NULL, NULL, 0, 0, 0, 0, 128},    /* 30 */
	{0, 255, "fe80::1", NULL, 0, 0, 0, 0, 0},		       /* 40 */
	{P, TCP, "2001:db8:1:2:3:4:5:0/112", NULL, 0, 0, 443, 443, 0}, /* 50 */
};

static const struct {
	const char *what;
	struct frame frame;
	int seq;
} cases6[] = {
	{"a network", {"2001:db8:bad::1", "2001:db8::1", UDP, 1, 5060}, 10},
	{"SIP", {"2001:db8:ffff::1", "2001:db8::1", UDP, 1, 5060}, 20},
	{"the last bit of the address", {"2001:db8:ffff::1", "2001:db8::3", UDP, 1, 5060}, 0},
	{"outside", {"2001:db9::1", "2001:db8::1", UDP, 1, 5060}, 0},
	{"echo", {"::1", "2001:db8::1", ICMP6, 128, 0}, 30},
	{"neighbour solicitation", {"fe80::2", "ff02::1", ICMP6, 135, 0, 0, 0, 255}, -3},
	{"neighbour advertisement", {"fe80::2", "ff02::1", ICMP6, 136, 0, 0, 0, 255}, -3},
	{"a rule is asked before", {"fe80::1", "ff02::1", ICMP6, 136, 0, 0, 0, 255}, 40},
	{"from another network", {"fe80::2", "ff02::1", ICMP6, 135, 0, 0, 0, 254}, 0},
	{"router advertisement", {"fe80::2", "ff02::1", ICMP6, 134, 0, 0, 0, 255}, 0},
	{"/112", {"2001:db8:1:2:3:4:5:ffff", "::1", TCP, 1, 443, SYN}, 50},
	{"outside of it", {"2001:db8:1:2:3:4:6:0", "::1", TCP, 1, 443, SYN}, 0},
	{"a later fragment", {"2001:db8:1:2:3:4:5:6", "::1", TCP, 0, 0, 0, 2}, 50},
};

static void run_case(const struct acl *acl, const struct dp_acl *conf, const char *what,
	const struct frame *frame, int want)
{
	uint8_t bytes[128];
	bool in, want_in = want == -3;

	for (uint32_t i = 0; i < conf->n; i++)
		want_in |= (int)conf->rules[i].seq == want && (conf->rules[i].flags & P);
	int got = decide(acl, conf, bytes, build(frame, bytes), &in);
	if (got != want || in != want_in)
		fail_msg("%s: %d, not %d", what, got, want);
}

static void test_first_match(void **state)
{
	struct dp_acl *conf = list_of(4, rules4, sizeof(rules4) / sizeof(rules4[0]));
	struct acl *acl = compile(conf);

	for (unsigned int i = 0; i < sizeof(cases4) / sizeof(cases4[0]); i++)
		run_case(acl, conf, cases4[i].what, &cases4[i].frame, cases4[i].seq);
	acl_free(acl);
	free(conf);
	conf = list_of(6, rules6, sizeof(rules6) / sizeof(rules6[0]));
	acl = compile(conf);
	for (unsigned int i = 0; i < sizeof(cases6) / sizeof(cases6[0]); i++)
		run_case(acl, conf, cases6[i].what, &cases6[i].frame, cases6[i].seq);
	acl_free(acl);
	free(conf);
}

/* What cannot be read is denied, whatever the rules say; what is not IP is not judged. */
static void test_unreadable(void **state)
{
	static const struct rule all = {P, 255, NULL, NULL, 0, 0, 0, 0, 0};
	static const struct frame tcp = {"1.2.3.4", "192.0.2.1", TCP, 1, 2, SYN},
				  tcp6 = {"2001:db8::9", "2001:db8::1", TCP, 1, 2, SYN};
	struct dp_acl *conf4 = list_of(4, &all, 1), *conf6 = list_of(6, &all, 1);
	struct acl *acl4 = compile(conf4), *acl6 = compile(conf6);
	uint8_t f[128];
	bool in;

	uint32_t len = build(&tcp, f);
	assert_int_equal(decide(acl4, conf4, f, len, &in), 10);
	assert_true(in);
	assert_int_equal(decide(acl6, conf6, f, len, &in), -2);
	assert_true(in);
	for (uint32_t cut = 14; cut < len; cut++) {
		assert_int_equal(decide(acl4, conf4, f, cut, &in), -1);
		assert_false(in);
	}
	f[17] = 20 + 13; /* total length: the flags of TCP are not there */
	assert_int_equal(decide(acl4, conf4, f, len, &in), -1);
	f[17] = 40;
	f[14] = 0x44; /* a header of 16 octets */
	assert_int_equal(decide(acl4, conf4, f, len, &in), -1);
	f[14] = 0x65;
	assert_int_equal(decide(acl4, conf4, f, len, &in), -1);
	f[13] = 6; /* ARP */
	assert_int_equal(decide(acl4, conf4, f, len, &in), -2);
	assert_true(in);

	len = build(&tcp6, f);
	assert_int_equal(decide(acl6, conf6, f, len, &in), 10);
	for (uint32_t cut = 14; cut < len; cut++)
		assert_int_equal(decide(acl6, conf6, f, cut, &in), -1);
	/* more extension headers than anybody needs, and one that ends nowhere */
	memset(f + 54, 0, 8 * 8);
	f[20] = HOP6;
	f[19] = 72;
	f[54 + 64] = 59;
	assert_int_equal(decide(acl6, conf6, f, 54 + 72, &in), -1);
	f[54 + 56] = 59; /* eight are read */
	assert_int_equal(decide(acl6, conf6, f, 54 + 72, &in), 10);
	f[55] = 100;
	assert_int_equal(decide(acl6, conf6, f, 54 + 72, &in), -1);
	acl_free(acl4);
	acl_free(acl6);
	free(conf4);
	free(conf6);
}

static void test_rules_are_checked(void **state)
{
	static const struct rule good = {P, UDP, "192.0.2.0/24", NULL, 0, 0, 53, 53, 0};
	static const struct {
		size_t at;
		uint8_t value;
	} bad[] = {
		{offsetof(struct dp_acl_rule, seq), 0}, {offsetof(struct dp_acl_rule, flags), 0x85},
		{offsetof(struct dp_acl_rule, flags), P},     /* ports that nobody asks for */
		{offsetof(struct dp_acl_rule, proto), ICMP},  /* has no ports */
		{offsetof(struct dp_acl_rule, icmp_type), 1}, /* no ICMP */
		{offsetof(struct dp_acl_rule, flags), P | DP_ACL_PORTS | DP_ACL_ESTABLISHED},
		{offsetof(struct dp_acl_rule, flags), P | DP_ACL_PORTS | DP_ACL_FRAGMENTS},
		{offsetof(struct dp_acl_rule, dport_lo), 54},	 /* ends before it begins */
		{offsetof(struct dp_acl_rule, src) + 3, 1},	 /* outside of the mask */
		{offsetof(struct dp_acl_rule, src_mask) + 4, 1}, /* of IPv6 */
	};
	struct dp_acl *conf = list_of(4, &good, 1);

	assert_int_equal(acl_check(conf), 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct dp_acl_rule saved = conf->rules[0];
		((uint8_t *)&conf->rules[0])[bad[i].at] = bad[i].value;
		assert_int_equal(acl_check(conf), -EINVAL);
		conf->rules[0] = saved;
	}
	add(conf, &good);
	assert_int_equal(acl_check(conf), 0);
	conf->rules[1].seq = 10;
	assert_int_equal(acl_check(conf), -EINVAL);
	conf->family = 5;
	assert_int_equal(acl_check(conf), -EINVAL);
	free(conf);
}

/* ---- against one rule after the other ---- */

static uint32_t seed = 1;

static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static bool plain_match(const struct dp_acl_rule *r, const struct acl_key *k)
{
	bool deep = r->flags & (DP_ACL_PORTS | DP_ACL_ICMP_TYPE | DP_ACL_ESTABLISHED);
	bool later = k->flags & ACL_KEY_LATER;
	uint16_t sport = (uint16_t)(k->sport[0] << 8 | k->sport[1]),
		 dport = (uint16_t)(k->dport[0] << 8 | k->dport[1]);

	if (!(r->flags & DP_ACL_ANY_PROTO) && r->proto != k->proto)
		return false;
	for (unsigned int i = 0; i < 16; i++)
		if ((k->src[i] & r->src_mask[i]) != r->src[i] ||
			(k->dst[i] & r->dst_mask[i]) != r->dst[i])
			return false;
	if ((r->flags & DP_ACL_FRAGMENTS) && !later)
		return false;
	if (deep && later)
		return r->flags & DP_ACL_PERMIT;
	if ((r->flags & DP_ACL_PORTS) && (sport < r->sport_lo || sport > r->sport_hi ||
						 dport < r->dport_lo || dport > r->dport_hi))
		return false;
	if ((r->flags & DP_ACL_ICMP_TYPE) && r->icmp_type != k->icmp_type)
		return false;
	if ((r->flags & DP_ACL_ICMP_CODE) && r->icmp_code != k->icmp_code)
		return false;
	return !(r->flags & DP_ACL_ESTABLISHED) || (k->flags & ACL_KEY_ESTABLISHED);
}

/* Few different octets, so that much overlaps; masks of any kind. */
static void random_address(uint8_t *ip, uint8_t *mask, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++) {
		mask[i] = chance(3) ? (uint8_t)(chance(4) ? 0xff : 0xf0) : (uint8_t)chance(256);
		ip[i] = (uint8_t)(chance(4) * 85) & mask[i];
	}
	if (chance(3) == 0)
		memset(ip, 0, len), memset(mask, 0, len);
}

static void random_ports(uint16_t *lo, uint16_t *hi)
{
	*lo = (uint16_t)(chance(4) ? chance(16) : 0);
	*hi = (uint16_t)(chance(4) ? *lo + chance(8) : UINT16_MAX);
}

static void random_rule(struct dp_acl_rule *r, uint32_t i, uint32_t family)
{
	static const uint8_t protos[] = {TCP, UDP, 0, 47};
	uint8_t icmp = family == 4 ? ICMP : ICMP6;
	unsigned int len = family == 4 ? 4 : 16;

	*r = (struct dp_acl_rule){.seq = i + 1, .flags = chance(2) ? P : 0};
	r->proto = chance(5) ? protos[chance(4)] : icmp;
	if (r->proto == 0)
		r->flags |= DP_ACL_ANY_PROTO;
	if ((r->proto == TCP || r->proto == UDP) && chance(3)) {
		r->flags |= DP_ACL_PORTS;
		random_ports(&r->sport_lo, &r->sport_hi);
		random_ports(&r->dport_lo, &r->dport_hi);
	} else if (r->proto == icmp && chance(3)) {
		r->flags |= DP_ACL_ICMP_TYPE;
		r->icmp_type = (uint8_t)chance(4);
		if (chance(2)) {
			r->flags |= DP_ACL_ICMP_CODE;
			r->icmp_code = (uint8_t)chance(3);
		}
	} else if (chance(4) == 0) {
		r->flags |= DP_ACL_FRAGMENTS;
	}
	if (r->proto == TCP && !(r->flags & DP_ACL_FRAGMENTS) && chance(4) == 0)
		r->flags |= DP_ACL_ESTABLISHED;
	random_address(r->src, r->src_mask, len);
	random_address(r->dst, r->dst_mask, len);
}

static void random_key(struct acl_key *k, uint32_t family)
{
	static const uint8_t protos[] = {TCP, UDP, ICMP, ICMP6, 47};
	unsigned int len = family == 4 ? 4 : 16;

	*k = (struct acl_key){.proto = protos[chance(5)]};
	for (unsigned int i = 0; i < len; i++) {
		k->src[i] = (uint8_t)(chance(4) * 85);
		k->dst[i] = (uint8_t)(chance(4) * 85);
	}
	if (chance(6) == 0) {
		k->flags = ACL_KEY_LATER;
		return;
	}
	k->sport[1] = (uint8_t)chance(20);
	k->dport[1] = (uint8_t)chance(20);
	k->icmp_type = (uint8_t)chance(4);
	k->icmp_code = (uint8_t)chance(3);
	k->flags = chance(2) ? ACL_KEY_ESTABLISHED : 0;
	if (k->proto == ICMP6 && chance(4) == 0)
		k->flags |= ACL_KEY_ND;
}

static void random_list(uint32_t family)
{
	struct dp_acl *conf = list_of(family, NULL, 0);
	static uint64_t counts[DP_ACL_ROWS], want[DP_ACL_ROWS];
	struct acl_key keys[ACL_BURST];
	const struct acl_key *refs[ACL_BURST];
	uint32_t want_in = 0;

	conf->n = chance(60);
	for (uint32_t i = 0; i < conf->n; i++)
		random_rule(&conf->rules[i], i, family);
	struct acl *acl = compile(conf);
	for (unsigned int burst = 0; burst < 20; burst++) {
		memset(counts, 0, sizeof(counts));
		memset(want, 0, sizeof(want));
		want_in = 0;
		unsigned int n = 1 + chance(ACL_BURST);
		for (unsigned int k = 0; k < n; k++) {
			uint32_t i = 0;
			random_key(&keys[k], family);
			refs[k] = &keys[k];
			while (i < conf->n && !plain_match(&conf->rules[i], &keys[k]))
				i++;
			bool nd = i == conf->n && family == 6 && (keys[k].flags & ACL_KEY_ND);
			if (!nd)
				want[i < conf->n ? DP_ACL_ROW_RULES + i : DP_ACL_ROW_DENY]++;
			if (nd || (i < conf->n && (conf->rules[i].flags & P)))
				want_in |= 1u << k;
		}
		assert_int_equal(acl_match(acl, refs, n, counts), want_in);
		assert_memory_equal(counts, want, sizeof(want));
	}
	acl_free(acl);
	free(conf);
}

static void test_against_one_after_the_other(void **state)
{
	for (unsigned int i = 0; i < 40; i++)
		random_list(i & 1 ? 6 : 4);
}

/* ---- on a worker ---- */

static struct rig *rig;
static struct acls *acls;
static struct mail *mail;
static struct ports *ports;
static struct dp_acl_info info[DP_ACLS_MAX];

static int set_up(void **state)
{
	struct rig_conf conf = {.n_workers = 1, .n_streams = RIG_SLOTS, .n_ports = 2};
	struct acls_conf acls_conf = {
		.n_workers = 1, .info = info, .make = acl_new, .unmake = acl_free};
	struct ports_conf ports_conf = {.n_workers = 1};

	memset(info, 0, sizeof(info));
	rig = rig_new(&conf);
	if (mail_new(rig->group, &mail) || ports_new(&ports_conf, &ports))
		return -1;
	/* as if it slept: its mail is done at once */
	atomic_store(&rig->group->workers[0]->mail_hands, MAIL_LENT);
	acls_conf.mail = mail;
	acls_conf.ports = ports;
	return acls_new(&acls_conf, &acls);
}

static int tear_down(void **state)
{
	struct rte_mbuf *frames[64];
	unsigned int n;

	while ((n = worker_punts(rig->group, frames, 64)) > 0)
		rte_pktmbuf_free_bulk(frames, n);
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0;
	rig_free(rig);
	acls_free(acls);
	mail_free(mail);
	ports_free(ports);
	return ok ? 0 : -1;
}

/* The list of IPv4 for port 0, and of IPv6. */
static void use(uint8_t list4, uint8_t list6)
{
	struct worker_msg msg = {.op = WORKER_ACCESS_SET};

	msg.access.list[0][0] = list4;
	msg.access.list[1][0] = list6;
	assert_int_equal(rig_post(rig, 0, &msg), 0);
}

static void put(uint8_t port, const struct frame *f)
{
	uint8_t bytes[128];

	rig_put(rig, port, bytes, build(f, bytes));
}

static unsigned int punts(void)
{
	struct rte_mbuf *frames[64];
	unsigned int n, total = 0;

	rig_run(rig);
	while ((n = worker_punts(rig->group, frames, 64)) > 0) {
		rte_pktmbuf_free_bulk(frames, n);
		total += n;
	}
	return total;
}

/* The counter of a rule as a reader of the segment finds it; UINT64_MAX: it has none. */
static uint64_t matches(unsigned int list, uint32_t seq)
{
	const uint64_t *counts = rig->acl_counts + (size_t)list * DP_ACL_ROWS;

	for (unsigned int row = DP_ACL_ROW_RULES; row < DP_ACL_ROWS; row++)
		if (info[list].seq[row] == seq)
			return counts[row];
	return UINT64_MAX;
}

static const struct frame ssh = {"203.0.113.8", "192.0.2.1", TCP, 1, 22, SYN},
			  dns = {"198.51.100.1", "192.0.2.1", UDP, 53, 4000},
			  sip6 = {"2001:db8:ffff::1", "2001:db8::1", UDP, 1, 5060};

static void put_arp(void)
{
	uint8_t f[60] = {[0] = 0xff, [12] = 8, [13] = 6};

	rig_put(rig, 0, f, sizeof(f));
}

static void test_on_a_worker(void **state)
{
	static const struct rule list4[] = {{P, TCP, NULL, "192.0.2.1", 0, 0, 22, 22, 0}};
	struct dp_acl *conf = list_of(4, list4, 1), *conf6 = list_of(6, rules6, 2);

	rig_police(rig, NULL);
	/* a port whose list is not there lets in no IP */
	use(1, 1);
	put(0, &ssh);
	put(0, &sip6);
	put_arp();
	assert_int_equal(punts(), 1);
	assert_int_equal(rig_drops(rig, DP_DROP_ACL), 2);
	assert_int_equal(acls_set(acls, conf), 0);
	assert_int_equal(acls_set(acls, conf6), 0);
	use(1, 2);
	put(0, &ssh);
	put(0, &dns);
	put(0, &sip6);
	put_arp();
	put(1, &dns); /* the other port has no list */
	assert_int_equal(punts(), 4);
	assert_int_equal(rig_drops(rig, DP_DROP_ACL), 3);
	assert_string_equal(info[0].name, "test");
	assert_int_equal(info[0].family, 4);
	assert_int_equal(info[1].family, 6);
	assert_int_equal(matches(0, 10), 1);
	assert_int_equal(matches(1, 20), 1);
	assert_int_equal(rig->acl_counts[DP_ACL_ROW_DENY], 1);
	/* cut short */
	uint8_t bytes[128];
	rig_put(rig, 0, bytes, build(&ssh, bytes) - 8);
	assert_int_equal(punts(), 0);
	assert_int_equal(rig->acl_counts[DP_ACL_ROW_UNREADABLE], 1);
	/* a burst of everything */
	for (unsigned int i = 0; i < 3 * WORKER_BURST; i++)
		put(0, i % 3 == 0 ? &ssh : i % 3 == 1 ? &dns : &sip6);
	assert_int_equal(punts(), 2 * WORKER_BURST);
	use(0, 0);
	put(0, &dns);
	assert_int_equal(punts(), 1);
	free(conf);
	free(conf6);
}

/* A list is another from one burst to the next; rules that stay keep their counters. */
static void test_replaced(void **state)
{
	static const struct rule rules[] = {{P, TCP, NULL, "192.0.2.1", 0, 0, 22, 22, 0},
		{P, UDP, NULL, NULL, 53, 53, 0, 0, 0}};
	struct dp_acl *conf = list_of(4, rules, 2);
	struct dp_acl_name name = {.name = "test", .family = 4};
	struct dp_access access = {.n = 1, .ports = {{.port = "x", .in4 = "test"}}};

	rig_police(rig, NULL);
	assert_int_equal(acls_set(acls, conf), 0);
	use(1, 0);
	put(0, &ssh);
	put(0, &dns);
	assert_int_equal(punts(), 2);
	assert_int_equal(acls_set(acls, conf), 0); /* the same again is nothing */
	assert_int_equal(matches(0, 10), 1);
	/* a rule in front; 20 is another one now */
	conf->n = 3;
	conf->rules[2] = conf->rules[1];
	conf->rules[2].seq = 30;
	conf->rules[1].flags = DP_ACL_PORTS; /* deny */
	conf->rules[1].seq = 20;
	assert_int_equal(acls_set(acls, conf), 0);
	assert_int_equal(matches(0, 10), 1);
	assert_int_equal(matches(0, 20), 0);
	assert_int_equal(matches(0, 30), 0);
	put(0, &ssh);
	put(0, &dns);
	assert_int_equal(punts(), 1);
	assert_int_equal(matches(0, 10), 2);
	assert_int_equal(matches(0, 20), 1);
	/* one that cannot be made changes nothing */
	conf->rules[1].proto = 1;
	assert_int_equal(acls_set(acls, conf), -EINVAL);
	put(0, &dns);
	assert_int_equal(punts(), 0);
	assert_int_equal(matches(0, 20), 2);
	assert_int_equal(acls_clear(acls, &name), 0);
	assert_int_equal(matches(0, 10), 0);
	assert_int_equal(matches(0, 20), 0);
	/* changed so often that rows come again: they begin at 0 */
	conf->rules[1].proto = UDP;
	conf->n = 300;
	for (unsigned int round = 0; round < DP_ACL_ROWS / 100; round++) {
		for (uint32_t i = 1; i < conf->n; i++) {
			conf->rules[i] = conf->rules[1];
			conf->rules[i].seq = 10 * (i + 1);
			conf->rules[i].sport_lo = conf->rules[i].sport_hi =
				(uint16_t)(i == 1 ? 53 : 1000 * round + i);
			conf->rules[i].dport_hi = (uint16_t)(60000 + round);
		}
		assert_int_equal(acls_set(acls, conf), 0);
		put(0, &dns);
		assert_int_equal(punts(), 0);
		assert_int_equal(matches(0, 20), 1);
		assert_int_equal(matches(0, 3000), 0);
	}
	/* in use it cannot be removed */
	assert_int_equal(acls_access_set(acls, &access), 0);
	assert_int_equal(acls_del(acls, &name), -EBUSY);
	strcpy(access.ports[0].in4, "other");
	assert_int_equal(acls_access_set(acls, &access), -ENOENT);
	assert_int_equal(acls_del(acls, &name), -EBUSY);
	memset(&access, 0, sizeof(access));
	assert_int_equal(acls_access_set(acls, &access), 0);
	assert_int_equal(acls_del(acls, &name), 0);
	assert_int_equal(acls_del(acls, &name), -ENOENT);
	assert_int_equal(acls_clear(acls, &name), -ENOENT);
	assert_int_equal(info[0].name[0], 0);
	free(conf);
}

/* As many lists and rules as there may be. */
static void test_full(void **state)
{
	struct dp_acl *conf = list_of(4, NULL, 0);

	for (uint32_t i = 0; i < DP_ACL_RULES_MAX; i++) {
		struct dp_acl_rule *r = &conf->rules[conf->n++];
		*r = (struct dp_acl_rule){.seq = i + 1,
			.flags = P | DP_ACL_PORTS,
			.proto = UDP,
			.src = {10, (uint8_t)(i >> 4), (uint8_t)(i * 37), (uint8_t)i},
			.src_mask = {255, 255, 255, 255},
			.sport_hi = 65535,
			.dport_lo = 5060,
			.dport_hi = (uint16_t)(5060 + i % 7)};
	}
	for (unsigned int i = 0; i < DP_ACLS_MAX; i++) {
		snprintf(conf->name, sizeof(conf->name), "list-%u", i);
		conf->n = i ? 2 : DP_ACL_RULES_MAX;
		assert_int_equal(acls_set(acls, conf), 0);
	}
	strcpy(conf->name, "one-more");
	assert_int_equal(acls_set(acls, conf), -ENOSPC);
	rig_police(rig, NULL);
	use(1, 0);
	struct frame f = {"10.31.31.243", "192.0.2.1", UDP, 9, 5061};
	put(0, &f);
	assert_int_equal(punts(), 1);
	assert_int_equal(matches(0, 500), 1);
	free(conf);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_match),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_rules_are_checked),
		cmocka_unit_test(test_against_one_after_the_other),
		TEST(test_on_a_worker),
		TEST(test_replaced),
		TEST(test_full),
	};

	rig_eal("acl");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
