/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests of dataplane/stages/police.c: what class a frame is of, and what its buckets let
 * pass. Time is passed in: a pretended TSC of 1 GHz.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/stages/police.h"

#define HZ UINT64_C(1000000000)

static struct police p;

struct frame {
	uint8_t bytes[128];
	uint32_t len;
};

/* One class limited, all others free. */
static void limit(enum dp_police_class class, uint32_t rate, uint32_t source_rate)
{
	struct dp_police conf = {.n_sip_ports = 2, .sip_ports = {5060, 5070}};

	conf.class[class] = (struct dp_police_rate){rate, source_rate};
	memset(&p, 0, sizeof(p));
	p.key[0] = 0x0123456789abcdef;
	p.key[1] = 0xfedcba9876543210;
	police_configure(&p, &conf, HZ);
}

static struct frame ipv4(uint8_t proto, uint32_t src, uint16_t sport, uint16_t dport, uint8_t flags)
{
	struct frame f = {.bytes = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45}, .len = 60};

	f.bytes[14 + 9] = proto;
	src = htonl(src);
	memcpy(f.bytes + 26, &src, 4);
	sport = htons(sport);
	dport = htons(dport);
	memcpy(f.bytes + 34, &sport, 2);
	memcpy(f.bytes + 36, &dport, 2);
	f.bytes[34 + 13] = flags;
	return f;
}

static struct frame ipv6(uint8_t next, uint16_t sport, uint16_t dport)
{
	struct frame f = {.bytes = {[12] = 0x86, 0xdd, 0x60}, .len = 80};

	f.bytes[14 + 6] = next;
	sport = htons(sport);
	dport = htons(dport);
	memcpy(f.bytes + 54, &sport, 2);
	memcpy(f.bytes + 56, &dport, 2);
	f.bytes[54 + 13] = 0x10;
	return f;
}

static struct frame arp(uint8_t mac)
{
	struct frame f = {.bytes = {[6] = 2, [11] = mac, [12] = 8, 6}, .len = 60};

	return f;
}

static void test_classes(void **state)
{
	struct frame late = ipv4(17, 1, 5060, 5060, 0), options = ipv4(17, 1, 1, 1, 0),
		     cut = ipv4(17, 1, 5060, 5060, 0), cut6 = ipv6(17, 5060, 1), junk = arp(1);
	late.bytes[21] = 1; /* a fragment that is not the first */
	options.bytes[14] = 0x46;
	memcpy(options.bytes + 38, "\x13\xc4\x13\xc4", 4);
	cut.len = 36;
	cut6.len = 50;
	junk.bytes[12] = 0x12;
	const struct {
		const char *what;
		struct frame f;
		enum dp_police_class want;
	} rows[] = {
		{"ARP", arp(1), DP_POLICE_ARP},
		{"neighbour solicitation", ipv6(58, 135 << 8, 0), DP_POLICE_ARP},
		{"router solicitation", ipv6(58, 133 << 8, 0), DP_POLICE_ARP},
		{"redirect", ipv6(58, 137 << 8, 0), DP_POLICE_ARP},
		{"ICMPv6 echo", ipv6(58, 128 << 8, 0), DP_POLICE_ICMP},
		{"ICMPv6 138", ipv6(58, 138 << 8, 0), DP_POLICE_ICMP},
		{"ICMP", ipv4(1, 1, 0x800, 0, 0), DP_POLICE_ICMP},
		{"SIP", ipv4(17, 1, 40000, 5060, 0), DP_POLICE_SIP_UDP},
		{"SIP from the far end's port", ipv4(17, 1, 5070, 40000, 0), DP_POLICE_SIP_UDP},
		{"SIP over IPv6", ipv6(17, 40000, 5070), DP_POLICE_SIP_UDP},
		{"not a SIP port", ipv4(17, 1, 40000, 5061, 0), DP_POLICE_OTHER},
		{"SIP, TCP", ipv4(6, 1, 40000, 5060, 0x18), DP_POLICE_SIP_TCP},
		{"SIP, TCP over IPv6", ipv6(6, 40000, 5060), DP_POLICE_SIP_TCP},
		{"SIP, TCP, SYN ACK", ipv4(6, 1, 5060, 40000, 0x12), DP_POLICE_SIP_TCP},
		{"SYN to SIP", ipv4(6, 1, 40000, 5060, 0x02), DP_POLICE_TCP_NEW},
		{"SYN to SSH", ipv4(6, 1, 40000, 22, 0xc2), DP_POLICE_TCP_NEW},
		{"SSH", ipv4(6, 1, 40000, 22, 0x10), DP_POLICE_MANAGEMENT},
		{"DNS answer", ipv4(17, 1, 53, 40000, 0), DP_POLICE_MANAGEMENT},
		{"SNMP", ipv4(17, 1, 40000, 161, 0), DP_POLICE_MANAGEMENT},
		{"BGP", ipv4(6, 1, 179, 40000, 0x10), DP_POLICE_ROUTING},
		{"BFD", ipv4(17, 1, 49152, 3784, 0), DP_POLICE_ROUTING},
		{"OSPF", ipv4(89, 1, 0, 0, 0), DP_POLICE_ROUTING},
		{"OSPFv3", ipv6(89, 0, 0), DP_POLICE_ROUTING},
		{"VRRP", ipv4(112, 1, 0, 0, 0), DP_POLICE_ROUTING},
		{"GRE", ipv4(47, 1, 0, 0, 0), DP_POLICE_OTHER},
		{"later fragment", late, DP_POLICE_OTHER},
		{"IP options", options, DP_POLICE_SIP_UDP},
		{"cut off in the ports", cut, DP_POLICE_OTHER},
		{"cut off in IPv6", cut6, DP_POLICE_OTHER},
		{"unknown EtherType", junk, DP_POLICE_OTHER},
		{"nothing", {.len = 0}, DP_POLICE_OTHER},
	};

	limit(DP_POLICE_ARP, 0, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum dp_police_class got = police_class(&p, rows[i].f.bytes, rows[i].f.len);
		if (got != rows[i].want)
			fail_msg("%s: class %d, not %d", rows[i].what, got, rows[i].want);
		assert_int_equal(police_frame(&p, rows[i].f.bytes, rows[i].f.len, HZ), DP_DROP_N);
	}
}

/* How many of n that come within seconds from t0 on pass. */
static unsigned int offer(
	const struct frame *f, unsigned int n, uint64_t t0, uint64_t seconds, enum dp_drop reason)
{
	unsigned int passed = 0;

	for (unsigned int i = 0; i < n; i++) {
		enum dp_drop r = police_frame(&p, f->bytes, f->len, t0 + seconds * HZ * i / n);
		assert_true(r == DP_DROP_N || r == reason);
		passed += r == DP_DROP_N;
	}
	return passed;
}

static void test_rate(void **state)
{
	struct frame f = ipv4(17, 1, 4000, 5060, 0);

	limit(DP_POLICE_SIP_UDP, 1000, 0);
	/* 20 times too much for 10 s: the rate, and the burst of an eighth of a second once */
	unsigned int n = offer(&f, 200000, HZ, 10, DP_DROP_POLICE_SIP_UDP);
	assert_in_range(n, 10000 + 124, 10000 + 126);
	/* after a second of silence the burst is there again, and no more than it */
	assert_int_equal(offer(&f, 1000, 12 * HZ, 0, DP_DROP_POLICE_SIP_UDP), 125);
	/* just the rate: nothing is dropped */
	assert_int_equal(offer(&f, 10000, 14 * HZ, 10, DP_DROP_N), 10000);
	/* a small rate has a burst that a human's tool fits in */
	limit(DP_POLICE_SIP_UDP, 10, 0);
	assert_int_equal(offer(&f, 1000, HZ, 0, DP_DROP_POLICE_SIP_UDP), 64);
	limit(DP_POLICE_SIP_UDP, 0, 0);
	assert_int_equal(offer(&f, 100000, HZ, 0, DP_DROP_N), 100000);
}

/* Who floods is limited by its own bucket, and takes nothing of the class from the others. */
static void test_sources(void **state)
{
	struct frame bad = ipv4(17, 0x0a000001, 4000, 5060, 0),
		     good = ipv4(17, 0x0a000002, 4000, 5060, 0),
		     tcp = ipv4(6, 0x0a000001, 4000, 5060, 0x10);
	unsigned int passed = 0;

	limit(DP_POLICE_SIP_UDP, 2000, 1000);
	for (unsigned int i = 0; i < 200000; i++) { /* 10 s of 20,000, and 100 of another */
		uint64_t now = HZ + i * (HZ / 20000);
		enum dp_drop r = police_frame(&p, bad.bytes, bad.len, now);
		assert_true(r == DP_DROP_N || r == DP_DROP_POLICE_SOURCE);
		passed += r == DP_DROP_N;
		if (i % 200 == 0)
			assert_int_equal(police_frame(&p, good.bytes, good.len, now), DP_DROP_N);
		if (i % 100 == 0) /* the same source has another bucket for another class */
			assert_int_equal(police_frame(&p, tcp.bytes, tcp.len, now), DP_DROP_N);
	}
	assert_in_range(passed, 10000, 10000 + 126);
	/* ARP counts by MAC address, IPv6 by /64 */
	limit(DP_POLICE_ARP, 0, 100);
	struct frame a = arp(1), b = arp(2), v6 = ipv6(17, 4000, 5060);
	assert_int_equal(offer(&a, 1000, HZ, 0, DP_DROP_POLICE_SOURCE), 64);
	assert_int_equal(offer(&b, 64, HZ, 0, DP_DROP_N), 64);
	limit(DP_POLICE_SIP_UDP, 0, 100);
	unsigned int n = 0;
	for (unsigned int i = 0; i < 200; i++) {
		v6.bytes[37] = (uint8_t)i; /* another host of the same network */
		n += police_frame(&p, v6.bytes, v6.len, HZ) == DP_DROP_N;
	}
	assert_int_equal(n, 64);
	v6.bytes[29]++;
	assert_int_equal(police_frame(&p, v6.bytes, v6.len, HZ), DP_DROP_N);
}

#define WORKERS 3

static struct police workers[WORKERS];
static struct police_passed passed_by[WORKERS], *others_of[WORKERS][WORKERS - 1];

static void join(const struct dp_police *conf)
{
	memset(workers, 0, sizeof(workers));
	memset(passed_by, 0, sizeof(passed_by));
	for (unsigned int i = 0; i < WORKERS; i++) {
		unsigned int n = 0;
		for (unsigned int k = 0; k < WORKERS; k++)
			if (k != i)
				others_of[i][n++] = &passed_by[k];
		workers[i].passed = &passed_by[i];
		workers[i].others = others_of[i];
		workers[i].n_others = n;
		police_configure(&workers[i], conf, HZ);
	}
}

/* n frames evenly over so many seconds, to the workers of a mask in turn; how many pass. */
static unsigned int share(
	const struct frame *f, unsigned int n, uint64_t t0, uint64_t seconds, unsigned int mask)
{
	unsigned int passed = 0, w = 0;

	for (unsigned int i = 0; i < n; i++) {
		do
			w = (w + 1) % WORKERS;
		while (!(mask >> w & 1));
		passed += police_frame(&workers[w], f->bytes, f->len, t0 + seconds * HZ * i / n) ==
			  DP_DROP_N;
	}
	return passed;
}

/* A class is one, whether its packets come to one worker or to all of them. */
static void test_box(void **state)
{
	struct frame f = ipv4(17, 1, 4000, 5060, 0);
	struct dp_police conf = {.n_sip_ports = 1, .sip_ports = {5060}};

	conf.class[DP_POLICE_SIP_UDP].rate = 1000;
	join(&conf);
	assert_in_range(share(&f, 60000, HZ, 10, 7), 10000 + 120, 10000 + 130);
	/* one alone has all of it, also after the others had it */
	assert_in_range(share(&f, 60000, 12 * HZ, 10, 1), 10000 + 120, 10000 + 130);
	assert_in_range(share(&f, 60000, 24 * HZ, 10, 6), 10000 + 120, 10000 + 130);
	/* no less passes than the rate, and one that comes late is not made to pay for the past */
	assert_int_equal(share(&f, 9000, 40 * HZ, 10, 6), 9000);
	assert_int_equal(share(&f, 100, 51 * HZ, 0, 1), 100);
	/* one after the other at full speed: together not much more than alone */
	assert_in_range(share(&f, 60000, 60 * HZ, 5, 1) + share(&f, 60000, 65 * HZ, 5, 2),
		10000 + 120, 10000 + 260);
}

/* Made-up sources get no more than the class, whatever they do to the table. */
static void test_spoofed(void **state)
{
	unsigned int passed = 0, of_class = 0;

	limit(DP_POLICE_SIP_UDP, 1000, 500);
	for (uint32_t i = 0; i < 500000; i++) {
		struct frame f = ipv4(17, 0x0a000000 + i * 7919, 4000, 5060, 0);
		enum dp_drop r = police_frame(&p, f.bytes, f.len, HZ + i * (HZ / 50000));
		passed += r == DP_DROP_N;
		of_class += r == DP_DROP_POLICE_SIP_UDP;
	}
	assert_in_range(passed, 10000, 10126);
	assert_int_equal(of_class, 500000 - passed);
	/* and whoever comes afterwards is served */
	struct frame f = ipv4(17, 0xc0000201, 4000, 5060, 0);
	assert_int_equal(offer(&f, 64, 12 * HZ, 0, DP_DROP_N), 64);
	/* and, being known after two seconds, also while they come */
	for (uint32_t i = 0; i < 500000; i++) {
		uint64_t now = 15 * HZ + i * (HZ / 50000);
		struct frame bad = ipv4(17, 0x0b000000 + i * 7919, 4000, 5060, 0);
		police_frame(&p, bad.bytes, bad.len, now);
		if (i % 500 == 0)
			assert_int_equal(police_frame(&p, f.bytes, f.len, now), DP_DROP_N);
	}
}

/* Many sources within their limits share the table without harm; known ones go when quiet. */
static void test_many_sources(void **state)
{
	struct frame late = ipv4(17, 0xc0000201, 4000, 5060, 0);

	limit(DP_POLICE_SIP_UDP, 0, 10);
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 50000; i++) {
			struct frame f = ipv4(17, 0x0a000000 + i, 4000, 5060, 0);
			uint64_t now = HZ * (1 + round) + i * (HZ / 50000);
			assert_int_equal(police_frame(&p, f.bytes, f.len, now), DP_DROP_N);
		}
	}
	/* the table is full of known ones: a newcomer is limited by its class alone, */
	assert_int_equal(offer(&late, 1000, 30 * HZ, 0, DP_DROP_N), 1000);
	/* until they have been quiet for a minute */
	assert_int_equal(offer(&late, 1000, 100 * HZ, 0, DP_DROP_POLICE_SOURCE), 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_box),
		cmocka_unit_test(test_spoofed),
		cmocka_unit_test(test_many_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
