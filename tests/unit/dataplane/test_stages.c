/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests of dataplane/stages on one worker: a frame goes in, exact bytes come out, or one
 * named counter moves. After each test every packet is accounted for and none is leaked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/stages/rtp.h"
#include "tests/unit/dataplane/rig.h"

#define A4	 "192.0.2.1"
#define A4_PHONE "198.51.100.7"
#define B4	 "203.0.113.1"
#define B4_PHONE "203.0.113.99"
#define A6	 "2001:db8:a::1"
#define A6_PHONE "2001:db8:a::7777"
#define B6	 "2001:db8:b::1"
#define B6_PHONE "2001:db8:b::9999"

#define SSRC	 0xcafe0001

enum { ADDR_A4, ADDR_B4, ADDR_A6, ADDR_B6 };
enum { PORT_A, PORT_B };

static struct rig *rig;

static int set_up(void **state)
{
	struct rig_conf conf = {.n_workers = 1, .n_streams = RIG_SLOTS, .n_ports = 2};

	rig = rig_new(&conf);
	rig_addr(rig, ADDR_A4, A4, 10000, 19999, PORT_A);
	rig_addr(rig, ADDR_B4, B4, 20000, 29999, WORKER_PORT_ANY);
	rig_addr(rig, ADDR_A6, A6, 10000, 19999, PORT_A);
	rig_addr(rig, ADDR_B6, B6, 20000, 29999, PORT_B);
	return 0;
}

static int tear_down(void **state)
{
	struct rte_mbuf *frames[64];
	unsigned int n;

	rig_run(rig);
	rig_discard(rig, PORT_A);
	rig_discard(rig, PORT_B);
	while ((n = worker_punts(rig->group, frames, 64)) > 0)
		rte_pktmbuf_free_bulk(frames, n);
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0;
	rig_free(rig);
	return ok ? 0 : -1;
}

/* Leg A at 10000 and leg B at 20000, of the given families; PCMU and telephone-event. */
static struct dp_session make_session(int family_a, int family_b, uint32_t flags)
{
	struct dp_session session = {.id = 7,
		.call_id = 70,
		.leg = {{.local = rig_ip(family_a == 4 ? A4 : A6, 10000),
				.remote_rtp = rig_ip(family_a == 4 ? A4_PHONE : A6_PHONE, 4000),
				.dscp = 26},
			{.local = rig_ip(family_b == 4 ? B4 : B6, 20000),
				.remote_rtp = rig_ip(family_b == 4 ? B4_PHONE : B6_PHONE, 5000),
				.dscp = 46}}};

	for (unsigned int i = 0; i < DP_LEGS; i++) {
		struct dp_leg *leg = &session.leg[i];
		leg->flags = DP_LEG_SEND | DP_LEG_RECV | flags;
		leg->n_payloads = 2;
		leg->payloads[0] = (struct dp_payload){.pt = 0, .clock_hz = 8000};
		leg->payloads[1] = (struct dp_payload){.pt = 101};
	}
	return session;
}

static void put_session(const struct dp_session *s)
{
	uint8_t a = s->leg[0].local.family == 4 ? ADDR_A4 : ADDR_A6;
	uint8_t b = s->leg[1].local.family == 4 ? ADDR_B4 : ADDR_B6;

	assert_int_equal(rig_session(rig, 0, s, a, b, PORT_A, PORT_B, false), 0);
}

static void plain_session(int family_a, int family_b)
{
	struct dp_session session = make_session(family_a, family_b, 0);

	put_session(&session);
}

/* A frame of the phone at leg A to the RTP port. */
static uint32_t frame_a(int family, uint16_t seq, uint8_t *ret_bytes)
{
	uint8_t rtp[256];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, PORT_A},
		.src = family == 4 ? A4_PHONE : A6_PHONE,
		.dst = family == 4 ? A4 : A6,
		.sport = 4000,
		.dport = 10000,
		.tos = 1,
		.payload = rtp};

	f.payload_len = rig_rtp(rtp, 0, seq, seq * 160u, SSRC, 20);
	return rig_build(&f, ret_bytes);
}

static void put_a(const uint8_t *bytes, uint32_t len)
{
	rig_put(rig, PORT_A, bytes, len);
	rig_run(rig);
}

static void test_exact_bytes(void **state)
{
	/* written down from the RFCs, not by this program */
	static const uint8_t in[] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
		0x02, 0x02, 0x08, 0x00, 0x45, 0x01, 0x00, 0x2c, 0x12, 0x34, 0x00, 0x00, 0x3d, 0x11,
		0x7f, 0x50, 0xc6, 0x33, 0x64, 0x07, 0xc0, 0x00, 0x02, 0x01, 0x0f, 0xa0, 0x27, 0x10,
		0x00, 0x18, 0x33, 0x6a, 0x80, 0x00, 0x10, 0x01, 0x00, 0x00, 0x0a, 0x00, 0xca, 0xfe,
		0x00, 0x01, 0x11, 0x22, 0x33, 0x44};
	static const uint8_t want[] = {0x02, 0x00, 0x00, 0x00, 0x01, 0x01, 0x02, 0x00, 0x00, 0x00,
		0x00, 0x01, 0x08, 0x00, 0x45, 0xb9, 0x00, 0x2c, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
		0xc1, 0xa2, 0xcb, 0x00, 0x71, 0x01, 0xcb, 0x00, 0x71, 0x63, 0x4e, 0x20, 0x13, 0x88,
		0x00, 0x18, 0x7c, 0x48, 0x80, 0x00, 0x10, 0x01, 0x00, 0x00, 0x0a, 0x00, 0xca, 0xfe,
		0x00, 0x01, 0x11, 0x22, 0x33, 0x44};
	uint8_t out[RIG_FRAME], padded[60] = {0};

	plain_session(4, 4);
	for (int i = 0; i < 3; i++) { /* the slow way, and twice the fast one */
		uint8_t seq = (uint8_t)(1 + i);
		memcpy(padded, in, sizeof(in));
		padded[45] = seq;
		padded[41] = (uint8_t)(0x6a - i);		     /* UDP checksum of it */
		put_a(padded, i == 2 ? sizeof(padded) : sizeof(in)); /* Ethernet padding goes */
		assert_int_equal(rig_get(rig, PORT_B, out), sizeof(want));
		assert_null(rig_checksums(out, sizeof(want)));
		assert_int_equal(out[45], seq);
		out[45] = 1;
		out[41] = (uint8_t)(out[41] + i);
		assert_memory_equal(out, want, sizeof(want));
	}
	assert_int_equal(rig->stats[0].relayed_packets, 3);
	assert_int_equal(rig->stats[0].relayed_bytes, 3 * sizeof(want));
	assert_int_equal(rig->stream_stats[0].rx_packets, 3);
	assert_int_equal(rig->stream_stats[0].rx_octets, 12);
	assert_int_equal(rig->stream_stats[1].rx_packets, 0);
}

/* What leaves is the same as a frame that was built anew with the addresses of the other leg. */
static void check_families(int from, int to, bool no_csum)
{
	uint8_t in[RIG_FRAME], out[RIG_FRAME], want[RIG_FRAME], rtp[256];

	plain_session(from, to);
	for (uint16_t seq = 1; seq <= 3; seq++) {
		struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, PORT_A},
			.src = from == 4 ? A4_PHONE : A6_PHONE,
			.dst = from == 4 ? A4 : A6,
			.sport = 4000,
			.dport = 10000,
			.tos = 0x2a, /* ECN 2 */
			.no_udp_csum = no_csum,
			.payload = rtp};
		f.payload_len = rig_rtp(rtp, 0, seq, seq * 160u, SSRC, 161); /* odd on purpose */
		put_a(in, rig_build(&f, in));
		f.src = to == 4 ? B4 : B6;
		f.dst = to == 4 ? B4_PHONE : B6_PHONE;
		f.sport = 20000;
		f.dport = 5000;
		f.tos = 46 << 2 | 2;
		f.ttl = 64;
		f.no_udp_csum = no_csum && to == 4;
		uint32_t len = rig_build(&f, want);
		assert_int_equal(rig_get(rig, PORT_B, out), len);
		assert_null(rig_checksums(out, len));
		memcpy(want, (uint8_t[]){2, 0, 0, 0, 1, PORT_B, 2, 0, 0, 0, 0, PORT_B}, 12);
		if (to == 4) { /* id 0 and DF; the sum differs by that */
			memcpy(want + 18, (uint8_t[]){0, 0, 0x40, 0}, 4);
			memcpy(want + 24, out + 24, 2);
		} else { /* no flow label */
			memset(want + 16, 0, 2);
			want[15] &= 0xf0;
		}
		assert_memory_equal(out, want, len);
	}
}

static void test_v4_to_v4(void **state)
{
	check_families(4, 4, false);
}

static void test_v4_to_v4_without_csum(void **state)
{
	check_families(4, 4, true);
}

static void test_v6_to_v6(void **state)
{
	check_families(6, 6, false);
}

static void test_v4_to_v6(void **state)
{
	check_families(4, 6, false);
}

static void test_v4_to_v6_without_csum(void **state)
{
	check_families(4, 6, true);
}

static void test_v6_to_v4(void **state)
{
	check_families(6, 4, false);
}

/* ---- one named exit each ---- */

#define IP   14
#define UDP  34
#define RTP  42
#define IP6  14
#define UDP6 54
#define RTP6 62

static void fix_ip(uint8_t *p)
{
	uint32_t sum = 0;

	p[IP + 10] = p[IP + 11] = 0;
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(p[IP + i] << 8 | p[IP + i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	p[IP + 10] = (uint8_t)(~sum >> 8);
	p[IP + 11] = (uint8_t)~sum;
}

struct drop_case {
	const char *what;
	int family;
	unsigned int at; /* byte that is changed, and to what */
	uint8_t to;
	unsigned int at2;
	uint8_t to2;
	int len; /* difference */
	bool keep_ip_csum;
	enum dp_drop reason;
};

/* clang-format off */
static const struct drop_case drop_cases[] = {
	{"IP longer than the frame", 4, IP + 2, 1, 0, 2, 0, false, DP_DROP_MALFORMED},
	{"frame cut short", 4, 0, 2, 0, 2, -1, false, DP_DROP_MALFORMED},
	{"UDP shorter than IP", 4, UDP + 5, 20, 0, 2, 0, false, DP_DROP_MALFORMED},
	{"UDP longer than IP", 4, UDP + 5, 50, 0, 2, 0, false, DP_DROP_MALFORMED},
	{"UDP length 7", 4, IP + 3, 27, UDP + 5, 7, 0, false, DP_DROP_MALFORMED},
	{"IPv4 checksum", 4, IP + 1, 0x55, 0, 2, 0, true, DP_DROP_IP_CHECKSUM},
	{"first fragment", 4, IP + 6, 0x20, 0, 2, 0, false, DP_DROP_FRAGMENT},
	{"TTL 0", 4, IP + 8, 0, 0, 2, 0, false, DP_DROP_TTL},
	{"port without a session", 4, UDP + 3, 0x20, 0, 2, 0, false, DP_DROP_NO_STREAM},
	{"source address", 4, IP + 15, 8, 0, 2, 0, false, DP_DROP_SOURCE},
	{"source port", 4, UDP + 1, 0xa1, 0, 2, 0, false, DP_DROP_SOURCE},
	{"RTP version", 4, RTP, 0x00, 0, 2, 0, false, DP_DROP_NOT_RTP},
	{"RTP with 15 CSRC", 4, RTP, 0x8f, 0, 2, 0, false, DP_DROP_NOT_RTP},
	{"payload type", 4, RTP + 1, 8, 0, 2, 0, false, DP_DROP_PAYLOAD_TYPE},
	{"RTCP type without mux is payload type 72", 4, RTP + 1, 200, 0, 2, 0, false, DP_DROP_PAYLOAD_TYPE},
	{"sequence jump", 4, RTP + 2, 0x40, RTP + 3, 9, 0, false, DP_DROP_SEQUENCE},
	{"RTP on the RTCP port", 4, UDP + 3, 0x11, UDP + 1, 0xa1, 0, false, DP_DROP_RTCP_INVALID},
	{"RTCP source", 4, UDP + 3, 0x11, 0, 2, 0, false, DP_DROP_SOURCE},
	{"IPv6 longer than the frame", 6, IP6 + 4, 1, 0, 2, 0, false, DP_DROP_MALFORMED},
	{"IPv6 frame cut short", 6, 0, 2, 0, 2, -1, false, DP_DROP_MALFORMED},
	{"IPv6 UDP length", 6, UDP6 + 5, 30, 0, 2, 0, false, DP_DROP_MALFORMED},
	{"IPv6 without UDP checksum", 6, UDP6 + 6, 0, UDP6 + 7, 0, 0, false, DP_DROP_MALFORMED},
	{"IPv6 hop limit 0", 6, IP6 + 7, 0, 0, 2, 0, false, DP_DROP_TTL},
	{"IPv6 port without a session", 6, UDP6 + 3, 0x20, 0, 2, 0, false, DP_DROP_NO_STREAM},
	{"IPv6 source address", 6, IP6 + 23, 8, 0, 2, 0, false, DP_DROP_SOURCE},
	{"IPv6 source port", 6, UDP6 + 1, 0xa1, 0, 2, 0, false, DP_DROP_SOURCE},
	{"IPv6 RTP version", 6, RTP6, 0xc0, 0, 2, 0, false, DP_DROP_NOT_RTP},
};
/* clang-format on */

/* Also in the middle of good packets, which must not suffer. */
static void check_drop(const struct drop_case *c)
{
	uint8_t good[RIG_FRAME], bad[RIG_FRAME];
	uint32_t len;

	plain_session(c->family, 4);
	for (uint16_t seq = 1; seq <= 5; seq++) {
		len = frame_a(c->family, seq, good);
		rig_put(rig, PORT_A, good, len);
		memcpy(bad, good, len);
		bad[c->at] = c->to;
		bad[c->at2] = c->to2;
		if (c->family == 4 && !c->keep_ip_csum)
			fix_ip(bad);
		/* not the first packet, which would be the beginning of the sequence */
		rig_put(rig, PORT_A, bad, (uint32_t)((int)len + c->len));
	}
	rig_run(rig);
	uint32_t n = rig_discard(rig, PORT_B);
	if (rig_drops(rig, c->reason) != 5 || n != 5)
		fail_msg("%s: %u dropped for it, %u relayed", c->what,
			(unsigned int)rig_drops(rig, c->reason), n);
}

static void test_drops(void **state)
{
	for (size_t i = 0; i < sizeof(drop_cases) / sizeof(drop_cases[0]); i++) {
		check_drop(&drop_cases[i]);
		assert_int_equal(tear_down(state), 0);
		set_up(state);
	}
}

static void test_ipv6_fragment(void **state)
{
	uint8_t p[RIG_FRAME];
	uint32_t len = frame_a(6, 1, p);

	plain_session(6, 6);
	memmove(p + UDP6 + 8, p + UDP6, len - UDP6);
	memcpy(p + UDP6, (uint8_t[]){17, 0, 0, 1, 0, 0, 0, 9}, 8); /* the first, more follow */
	p[IP6 + 6] = 44;
	put_a(p, len + 8);
	assert_int_equal(rig_drops(rig, DP_DROP_FRAGMENT), 1);
	p[UDP6 + 3] = 9; /* a later one has no port and is Linux's to forget */
	put_a(p, len + 8);
	assert_int_equal(rig->stats[0].punted_packets, 1);
}

/* What is not media goes to Linux as it came. */
static void test_punts(void **state)
{
	static const struct {
		const char *what;
		int family;
		unsigned int at;
		uint8_t to;
		int len;
	} rows[] = {
		{"ARP", 4, 13, 0x06, 0},
		{"broadcast", 4, 0, 0xff, 0},
		{"another MAC", 4, 5, 0x77, 0},
		{"another address", 4, IP + 19, 2, 0},
		{"port over the range", 4, UDP + 2, 0x60, 0},
		{"port under the range (SIP)", 4, UDP + 2, 0x13, 0},
		{"TCP", 4, IP + 9, 6, 0},
		{"ICMP", 4, IP + 9, 1, 0},
		{"IP options", 4, IP, 0x46, 0},
		{"later fragment", 4, IP + 7, 9, 0},
		{"bad checksum, not to us", 4, IP + 16, 9, 0},
		{"a runt", 4, 0, 2, -62},
		{"IPv6 to another address", 6, IP6 + 39, 2, 0},
		{"IPv6 port", 6, UDP6 + 2, 0x13, 0},
		{"ICMPv6", 6, IP6 + 6, 58, 0},
		{"IPv6 hop-by-hop options", 6, IP6 + 6, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t in[RIG_FRAME];
		struct rte_mbuf *m = NULL;
		uint32_t len = frame_a(rows[i].family, 1, in);
		plain_session(rows[i].family, 4);
		in[rows[i].at] = rows[i].to;
		len = (uint32_t)((int)len + rows[i].len);
		put_a(in, len);
		if (rows[i].len < -60) { /* not even an Ethernet header */
			assert_int_equal(rig_drops(rig, DP_DROP_MALFORMED), 1);
		} else {
			if (worker_punts(rig->group, &m, 1) != 1)
				fail_msg("%s", rows[i].what);
			assert_int_equal(m->pkt_len, len);
			assert_int_equal(m->port, PORT_A);
			assert_memory_equal(rte_pktmbuf_mtod(m, void *), in, len);
			rte_pktmbuf_free(m);
		}
		assert_int_equal(tear_down(state), 0);
		set_up(state);
	}
}

/* ADDR_A4 lives on port A only, ADDR_B4 anywhere. */
static void test_address_on_another_port(void **state)
{
	uint8_t p[RIG_FRAME];
	uint32_t len = frame_a(4, 1, p);

	plain_session(4, 4);
	p[5] = PORT_B;
	rig_put(rig, PORT_B, p, len);
	rig_run(rig);
	assert_int_equal(rig->stats[0].punted_packets, 1);
	len = frame_a(6, 1, p);
	p[5] = PORT_B;
	rig_put(rig, PORT_B, p, len);
	rig_run(rig);
	assert_int_equal(rig->stats[0].punted_packets, 2);
	assert_int_equal(rig_discard(rig, PORT_B), 0);
}

static void test_directions(void **state)
{
	static const struct {
		uint32_t flags_a, flags_b;
		bool relayed, counted;
	} rows[] = {
		{DP_LEG_RECV | DP_LEG_SEND, DP_LEG_RECV | DP_LEG_SEND, true, true},
		{DP_LEG_RECV, DP_LEG_SEND, true, true},
		{DP_LEG_SEND, DP_LEG_SEND, false, false},
		{DP_LEG_RECV, DP_LEG_RECV, false, true},
		{0, 0, false, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_session session = make_session(4, 4, 0);
		struct dp_stream_sum sum;
		uint8_t p[RIG_FRAME];
		session.leg[0].flags = rows[i].flags_a;
		session.leg[1].flags = rows[i].flags_b;
		put_session(&session);
		put_a(p, frame_a(4, 1, p));
		assert_int_equal(rig_discard(rig, PORT_B), rows[i].relayed);
		assert_int_equal(rig_drops(rig, DP_DROP_DIRECTION), !rows[i].relayed);
		stream_sum(&rig->stream_stats[0], &rig->stream_rare[0], 0, RIG_TSC_HZ, &sum);
		assert_int_equal(sum.rx_packets, rows[i].counted);
		assert_int_equal(sum.tx_packets, rows[i].relayed);
		assert_int_equal(sum.tx_octets, rows[i].relayed * 20);
		assert_int_equal(sum.dropped, !rows[i].counted);
		assert_int_equal(tear_down(state), 0);
		set_up(state);
	}
}

/* The other leg is not known, then known without a neighbour, then all is well. */
static void test_way_out(void **state)
{
	struct dp_session session = make_session(4, 4, 0);
	struct stream_args args = {.session = &session, .tsc_hz = RIG_TSC_HZ};
	struct dp_stream_sum sum;
	uint8_t p[RIG_FRAME];

	assert_int_equal(rig_stream(rig, 0, &args, false), 0);
	put_a(p, frame_a(4, 1, p));
	assert_int_equal(rig_drops(rig, DP_DROP_NO_REMOTE), 1);
	args.out[STREAM_RTP].remote = session.leg[1].remote_rtp;
	assert_int_equal(rig_stream(rig, 0, &args, false), 0);
	put_a(p, frame_a(4, 2, p));
	assert_int_equal(rig_drops(rig, DP_DROP_NO_NEIGHBOUR), 1);
	args.out[STREAM_RTP].hop = (struct stream_hop){.ready = true, .port = PORT_B};
	assert_int_equal(rig_stream(rig, 0, &args, false), 0);
	put_a(p, frame_a(4, 3, p));
	assert_int_equal(rig_discard(rig, PORT_B), 1);
	args.out[STREAM_RTP].hop.port = 9;
	assert_int_equal(rig_stream(rig, 0, &args, false), 0);
	put_a(p, frame_a(4, 4, p));
	assert_int_equal(rig_drops(rig, DP_DROP_NO_PORT), 1);
	stream_sum(&rig->stream_stats[0], &rig->stream_rare[0], 0, RIG_TSC_HZ, &sum);
	assert_int_equal(sum.rx_packets, 4); /* statistics went on through all of it */
	assert_int_equal(sum.tx_packets, 1);
	assert_int_equal(sum.tx_octets, 20);
	assert_int_equal(sum.lost, 0);
}

/* A packet of the phone at leg B. */
static void put_b(uint16_t seq)
{
	uint8_t rtp[64], p[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, PORT_B},
		.src = B4_PHONE,
		.dst = B4,
		.sport = 5000,
		.dport = 20000,
		.payload = rtp};

	f.payload_len = rig_rtp(rtp, 0, seq, seq * 160u, 5, 20);
	rig_put(rig, PORT_B, p, rig_build(&f, p));
	rig_run(rig);
}

/* Nobody is there to hear leg A, which is counted as usual; then there is, and then not again. */
static void test_one_leg(void **state)
{
	struct dp_session both = make_session(4, 4, 0), one = both;
	struct dp_stream_sum sum;
	uint8_t p[RIG_FRAME];
	uint16_t seq = 1;

	memset(&one.leg[1], 0, sizeof(one.leg[1]));
	for (int i = 0; i < 2; i++) {
		put_session(&one);
		for (int k = 0; k < 3; k++)
			put_a(p, frame_a(4, seq++, p));
		assert_int_equal(rig_drops(rig, DP_DROP_UNHEARD), 3 * (i + 1));
		assert_int_equal(rig_discard(rig, PORT_B), 0);
		put_session(&both);
		for (int k = 0; k < 3; k++)
			put_a(p, frame_a(4, seq++, p));
		assert_int_equal(rig_discard(rig, PORT_B), 3);
		put_b((uint16_t)(1 + i));
		assert_int_equal(rig_discard(rig, PORT_A), 1);
	}
	put_session(&one);
	put_b(3); /* whose port is nobody's any more */
	assert_int_equal(rig_drops(rig, DP_DROP_NO_STREAM), 1);
	stream_sum(&rig->stream_stats[0], &rig->stream_rare[0], 0, RIG_TSC_HZ, &sum);
	assert_int_equal(sum.rx_packets, 12);
	assert_int_equal(sum.tx_packets, 6);
	assert_int_equal(sum.dropped, 0);
	assert_int_equal(sum.lost, 0);
	for (uint32_t slot = 0; slot < 2; slot++) {
		struct worker_msg msg = {.op = WORKER_STREAM_UNLINK, .unlink = {.slot = slot}};
		assert_int_equal(rig_post(rig, 0, &msg), 0);
	}
	put_a(p, frame_a(4, seq, p));
	assert_int_equal(rig_drops(rig, DP_DROP_NO_STREAM), 2);
}

static void test_mtu(void **state)
{
	uint8_t rtp[1700], p[RIG_FRAME], out[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, PORT_A},
		.src = A4_PHONE,
		.dst = A4,
		.sport = 4000,
		.dport = 10000,
		.payload = rtp};

	plain_session(4, 6); /* grows by 20 bytes on the way */
	f.payload_len = rig_rtp(rtp, 0, 1, 0, SSRC, 1500 - 40 - 8 - 12);
	put_a(p, rig_build(&f, p));
	assert_int_equal(rig_get(rig, PORT_B, out), 1514);
	f.payload_len = rig_rtp(rtp, 0, 2, 0, SSRC, 1500 - 40 - 8 - 12 + 1);
	put_a(p, rig_build(&f, p));
	assert_int_equal(rig_drops(rig, DP_DROP_MTU), 1);
	assert_int_equal(rig->stream_rare[0].unsent_packets, 1);
	assert_int_equal(rig->stream_rare[0].unsent_octets, 1500 - 40 - 8 - 12 + 1);
}

/* ---- RTCP ---- */

static void put_rtcp(
	const char *src, uint16_t sport, uint16_t dport, const uint8_t *pkt, uint16_t len)
{
	uint8_t p[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, PORT_A},
		.src = src,
		.dst = strchr(src, ':') ? A6 : A4,
		.sport = sport,
		.dport = dport,
		.payload = pkt,
		.payload_len = len};

	put_a(p, rig_build(&f, p));
}

static const uint8_t rr_bye[] = {0x80, 201, 0, 1, 1, 2, 3, 4, 0x81, 203, 0, 1, 1, 2, 3, 4};

static void check_rtcp_out(uint16_t sport, uint16_t dport)
{
	uint8_t out[RIG_FRAME], want[RIG_FRAME];
	struct rig_frame f = {.src = B4,
		.dst = B4_PHONE,
		.sport = sport,
		.dport = dport,
		.payload = rr_bye,
		.payload_len = sizeof(rr_bye)};
	uint32_t len = rig_build(&f, want);

	assert_int_equal(rig_get(rig, PORT_B, out), len);
	assert_null(rig_checksums(out, len));
	assert_memory_equal(out + 26, want + 26, len - 26); /* addresses, UDP, payload */
	assert_int_equal(out[15], 46 << 2);
}

static void test_rtcp_ports(void **state)
{
	static const struct {
		uint32_t flags_a, flags_b;
		uint16_t in, out_sport, out_dport;
	} rows[] = {
		{0, 0, 10001, 20001, 5001},
		{DP_LEG_RTCP_MUX, 0, 10000, 20001, 5001},
		{0, DP_LEG_RTCP_MUX, 10001, 20000, 5000},
		{DP_LEG_RTCP_MUX, DP_LEG_RTCP_MUX, 10000, 20000, 5000},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_session session = make_session(4, 4, 0);
		session.leg[0].flags |= rows[i].flags_a;
		session.leg[1].flags |= rows[i].flags_b;
		put_session(&session);
		bool mux = rows[i].flags_a;
		put_rtcp(A4_PHONE, mux ? 4000 : 4001, rows[i].in, rr_bye, sizeof(rr_bye));
		check_rtcp_out(rows[i].out_sport, rows[i].out_dport);
		assert_int_equal(rig->stats[0].rtcp_packets, 1);
		assert_int_equal(rig->stream_rare[0].rtcp_packets, 1);
		assert_int_equal(rig->stream_stats[0].rx_packets, 0);
		if (mux) { /* then the second port is dead */
			put_rtcp(A4_PHONE, 4000, 10001, rr_bye, sizeof(rr_bye));
			assert_int_equal(rig_drops(rig, DP_DROP_NO_STREAM), 1);
		}
		assert_int_equal(tear_down(state), 0);
		set_up(state);
	}
}

/* Payload type 72 with its marker is a sender report, also when 72 was relayed just before. */
static void test_rtcp_mux_and_payload_type_72(void **state)
{
	static const uint8_t sr[28] = {0x80, 200, 0, 6, 0xca, 0xfe, 0, 1, 0xca, 0xfe, 0, 1};
	uint8_t rtp[64], p[RIG_FRAME];
	struct dp_session session = make_session(4, 4, DP_LEG_RTCP_MUX | DP_LEG_ANY_PT);
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, PORT_A},
		.src = A4_PHONE,
		.dst = A4,
		.sport = 4000,
		.dport = 10000,
		.payload = rtp};

	put_session(&session);
	for (uint16_t seq = 1; seq <= 3; seq++) {
		f.payload_len = rig_rtp(rtp, 72, seq, 0, SSRC, 20);
		put_a(p, rig_build(&f, p));
	}
	assert_int_equal(rig->stream_stats[0].rx_packets, 3);
	put_rtcp(A4_PHONE, 4000, 10000, sr, sizeof(sr));
	assert_int_equal(rig->stream_rare[0].rtcp_packets, 1);
	assert_int_equal(rig->stream_stats[0].rx_packets, 3);
}

static void test_rtcp_own_address_and_hold(void **state)
{
	struct dp_session session = make_session(4, 4, 0);
	uint8_t p[RIG_FRAME];

	session.leg[0].remote_rtcp = rig_ip("198.51.100.200", 6001);
	session.leg[1].flags = 0; /* on hold */
	put_session(&session);
	put_rtcp(A4_PHONE, 4001, 10001, rr_bye, sizeof(rr_bye));
	assert_int_equal(rig_drops(rig, DP_DROP_SOURCE), 1);
	put_rtcp("198.51.100.200", 6001, 10001, rr_bye, sizeof(rr_bye));
	check_rtcp_out(20001, 5001);
	put_a(p, frame_a(4, 1, p));
	assert_int_equal(rig_drops(rig, DP_DROP_DIRECTION), 1);
}

static void test_rtcp_v6_to_v4(void **state)
{
	plain_session(6, 4);
	put_rtcp(A6_PHONE, 4001, 10001, rr_bye, sizeof(rr_bye));
	check_rtcp_out(20001, 5001);
}

/* ---- payload types and statistics through the whole path ---- */

static uint32_t send_rtp(uint8_t pt, uint16_t seq, uint32_t ssrc)
{
	uint8_t rtp[256], p[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, PORT_A},
		.src = A4_PHONE,
		.dst = A4,
		.sport = 4000,
		.dport = 10000,
		.payload = rtp};

	f.payload_len = rig_rtp(rtp, pt, seq, seq * 160u, ssrc, 20);
	put_a(p, rig_build(&f, p));
	return rig_discard(rig, PORT_B);
}

static void test_payload_types(void **state)
{
	struct dp_session session = make_session(4, 4, 0);

	put_session(&session);
	assert_int_equal(send_rtp(0, 1, SSRC), 1);
	assert_int_equal(send_rtp(101, 2, SSRC), 1);
	assert_int_equal(send_rtp(101 | 0x80, 3, SSRC), 1); /* the marker is not part of it */
	assert_int_equal(send_rtp(0, 4, SSRC), 1);
	assert_int_equal(send_rtp(8, 5, SSRC), 0);
	assert_int_equal(send_rtp(127, 6, SSRC), 0);
	assert_int_equal(rig_drops(rig, DP_DROP_PAYLOAD_TYPE), 2);
	session.leg[0].flags |= DP_LEG_ANY_PT;
	put_session(&session);
	assert_int_equal(send_rtp(127, 7, SSRC), 1);
	assert_int_equal(send_rtp(127, 8, SSRC), 1);
	/* and what is taken back is gone, though it was used last */
	session.leg[0].flags &= ~(uint32_t)DP_LEG_ANY_PT;
	session.leg[0].n_payloads = 1;
	put_session(&session);
	assert_int_equal(send_rtp(127, 9, SSRC), 0);
	assert_int_equal(send_rtp(101, 10, SSRC), 0);
	assert_int_equal(send_rtp(0, 11, SSRC), 1);
}

/* The fast way and the slow way count alike: any sequence gives what rtp_sequence() alone gives. */
static void test_statistics(void **state)
{
	static const uint16_t seqs[] = {65530, 65531, 65533, 65532, 65535, 3, 2, 2, 4, 30000, 5, 6,
		40000, 40001, 40002, 40005};
	struct dp_stream_sum sum;
	uint32_t relayed = 0;

	plain_session(4, 4);
	for (size_t i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++)
		relayed += send_rtp(0, seqs[i], SSRC);
	/* dropped: the jumps to 30000 and 40000. Then lost: 2 of 40001..40005, and before that of
	 * 65530..6 (13 numbers) 3 (65534, 0, 1) */
	assert_int_equal(relayed, 14);
	assert_int_equal(rig_drops(rig, DP_DROP_SEQUENCE), 2);
	stream_sum(&rig->stream_stats[0], &rig->stream_rare[0], rig->stream_stats[0].last_rx_tsc,
		RIG_TSC_HZ, &sum);
	assert_int_equal(sum.rx_packets, 14);
	assert_int_equal(sum.rx_octets, 14 * 20);
	assert_int_equal(sum.lost, 5);
	assert_int_equal(sum.duplicates, 1);
	assert_int_equal(sum.reordered, 2);
	assert_int_equal(sum.dropped, 2);
	assert_int_equal(sum.last_rx_ago_ms, 0);
	rig->stream_stats[0].last_rx_tsc = 0; /* long silent */
	assert_int_equal(send_rtp(0, 7, SSRC + 1), 1);
	stream_sum(&rig->stream_stats[0], &rig->stream_rare[0], 0, RIG_TSC_HZ, &sum);
	assert_int_equal(sum.lost, 5);
	assert_int_equal(sum.ssrc, SSRC + 1);
	assert_int_equal(sum.ssrc_changes, 1);
}

static void test_ssrc_storm(void **state)
{
	uint32_t relayed = 0;

	plain_session(4, 4);
	for (uint16_t i = 0; i < 100; i++)
		relayed += send_rtp(0, i, SSRC + i % 2);
	/* the first one stays in force */
	assert_int_equal(relayed, 50);
	assert_int_equal(rig_drops(rig, DP_DROP_SSRC), 100 - relayed);
}

/*
 * Video has several sources in one stream: the packets of each pass as soon as two in a row have come,
 * loss is that of the main one, and one of the others takes its place when it sends no more.
 */
static void test_several_sources(void **state)
{
	struct dp_session session = make_session(4, 4, 0);
	uint32_t relayed = 0;

	session.leg[0].flags |= DP_LEG_ANY_PT;
	put_session(&session);
	for (uint16_t i = 0; i < 50; i++) {
		relayed += send_rtp(96, (uint16_t)(100 + i), SSRC);
		relayed += send_rtp(97, (uint16_t)(7000 + i), SSRC + 1);
		relayed += send_rtp(98, (uint16_t)(9000 + i), SSRC + 2);
	}
	/* the others' first packets come alternately, so that none is in a row */
	assert_int_equal(relayed, 50);
	for (uint32_t ssrc = SSRC + 1; ssrc <= SSRC + 2; ssrc++) {
		assert_int_equal(send_rtp(97, 7050, ssrc), 0);
		assert_int_equal(send_rtp(97, 7051, ssrc), 1);
	}
	for (uint16_t i = 0; i < 50; i++) {
		assert_int_equal(send_rtp(96, (uint16_t)(150 + i), SSRC), 1);
		assert_int_equal(send_rtp(97, (uint16_t)(7100 + 9 * i), SSRC + 1), 1);
		assert_int_equal(send_rtp(98, (uint16_t)(9100 + i), SSRC + 2), 1);
	}
	struct dp_stream_sum sum;
	stream_sum(&rig->stream_stats[0], &rig->stream_rare[0], rig->stream_stats[0].last_rx_tsc,
		RIG_TSC_HZ, &sum);
	assert_int_equal(sum.rx_packets, 202);
	assert_int_equal(sum.lost, 0);
	assert_int_equal(sum.ssrc, SSRC);
	put_session(&session); /* the same session goes on with what it knows */
	for (uint16_t i = 0; i < 2 * RTP_BESIDE_MAIN; i++)
		assert_int_equal(send_rtp(97, (uint16_t)(8000 + i), SSRC + 1), 1);
	stream_sum(&rig->stream_stats[0], &rig->stream_rare[0], rig->stream_stats[0].last_rx_tsc,
		RIG_TSC_HZ, &sum);
	assert_int_equal(sum.ssrc, SSRC + 1);
	assert_int_equal(sum.ssrc_changes, 1);
	assert_int_equal(sum.lost, 0);
	assert_int_equal(send_rtp(96, 200, SSRC), 1); /* and back: it is one of the others now */
	/* strangers fill no more than their places, as fast as an SSRC may change */
	relayed = 0;
	for (uint32_t i = 0; i < 100; i++) {
		(void)send_rtp(99, 1, SSRC + 100 + i);
		relayed += send_rtp(99, 2, SSRC + 100 + i);
	}
	assert_true(relayed <= RTP_SSRC_BUDGET);
}

/* A payload damaged on the way in is still found damaged by the receiver. */
static void test_damaged_payload(void **state)
{
	uint8_t p[RIG_FRAME], out[RIG_FRAME];

	for (int family = 4; family <= 6; family += 2) {
		plain_session(family, 4);
		uint32_t len = frame_a(family, 1, p);
		p[len - 1] ^= 0x40;
		put_a(p, len);
		len = rig_get(rig, PORT_B, out);
		assert_true(len > 0);
		assert_string_equal(rig_checksums(out, len), "UDP");
		assert_int_equal(tear_down(state), 0);
		set_up(state);
	}
}

static int start(void **state)
{
	rig_eal("stages");
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_exact_bytes),
		TEST(test_v4_to_v4),
		TEST(test_v4_to_v4_without_csum),
		TEST(test_v6_to_v6),
		TEST(test_v4_to_v6),
		TEST(test_v4_to_v6_without_csum),
		TEST(test_v6_to_v4),
		TEST(test_drops),
		TEST(test_ipv6_fragment),
		TEST(test_punts),
		TEST(test_address_on_another_port),
		TEST(test_directions),
		TEST(test_way_out),
		TEST(test_one_leg),
		TEST(test_mtu),
		TEST(test_rtcp_ports),
		TEST(test_rtcp_mux_and_payload_type_72),
		TEST(test_rtcp_own_address_and_hold),
		TEST(test_rtcp_v6_to_v4),
		TEST(test_payload_types),
		TEST(test_statistics),
		TEST(test_ssrc_storm),
		TEST(test_several_sources),
		TEST(test_damaged_payload),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
