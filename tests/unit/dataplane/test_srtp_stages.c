/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SRTP in the packet path: frames in, exact bytes out, with libsrtp2 as the phone at either end.
 * Each drop of SRTP is provoked, and what an attacker sends moves nothing: no learned address, no
 * counter of media, no time-out. After each test every packet is accounted for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_cycles.h>
#include <srtp2/srtp.h>

#include "dataplane/core/worker_priv.h"
#include "tests/unit/dataplane/rig.h"

#define A4	 "192.0.2.1"
#define A4_PHONE "198.51.100.7"
#define B4	 "203.0.113.1"
#define B4_PHONE "203.0.113.99"
#define A6	 "2001:db8:a::1"
#define A6_PHONE "2001:db8:a::7777"
#define B6	 "2001:db8:b::1"
#define B6_PHONE "2001:db8:b::9999"
#define STRANGER "198.51.100.66"
#define SSRC	 0xcafe0001u

enum { ADDR_A4, ADDR_B4, ADDR_A6, ADDR_B6 };
enum { PORT_A, PORT_B };

static struct rig *rig;
static struct dp_session session;
static srtp_t phone_tx[DP_LEGS], phone_rx[DP_LEGS]; /* of the leg's far end */

static void rig_set_up(uint32_t n_workers)
{
	struct rig_conf conf = {.n_workers = n_workers, .n_streams = RIG_SLOTS, .n_ports = 2};

	rig = rig_new(&conf);
	rig_addr(rig, ADDR_A4, A4, 10000, 19999, PORT_A);
	rig_addr(rig, ADDR_B4, B4, 20000, 29999, WORKER_PORT_ANY);
	rig_addr(rig, ADDR_A6, A6, 10000, 19999, PORT_A);
	rig_addr(rig, ADDR_B6, B6, 20000, 29999, PORT_B);
}

static int set_up(void **state)
{
	if (srtp_init() != srtp_err_status_ok)
		return -1;
	rig_set_up(1);
	return 0;
}

static int tear_down(void **state)
{
	rig_run(rig);
	rig_discard(rig, PORT_A);
	rig_discard(rig, PORT_B);
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0;
	rig_free(rig);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		if (phone_tx[leg])
			srtp_dealloc(phone_tx[leg]);
		if (phone_rx[leg])
			srtp_dealloc(phone_rx[leg]);
		phone_tx[leg] = phone_rx[leg] = NULL;
	}
	srtp_shutdown();
	return ok ? 0 : -1;
}

static struct dp_srtp key_of(unsigned int suite, uint8_t first)
{
	const struct dp_srtp_suite_info *info = dp_srtp_suite(suite);
	struct dp_srtp key = {.suite = (uint8_t)suite};

	for (unsigned int i = 0; i < info->key_len + info->salt_len; i++)
		key.key[i] = (uint8_t)(first + 3 * i);
	return key;
}

static srtp_t phone(const struct dp_srtp *key, bool sender)
{
	static const srtp_profile_t profiles[] = {
		[DP_SRTP_CM_128_SHA1_80] = srtp_profile_aes128_cm_sha1_80,
		[DP_SRTP_CM_128_SHA1_32] = srtp_profile_aes128_cm_sha1_32,
		[DP_SRTP_GCM_128] = srtp_profile_aead_aes_128_gcm,
		[DP_SRTP_GCM_256] = srtp_profile_aead_aes_256_gcm,
	};
	srtp_policy_t policy = {.window_size = 128, .allow_repeat_tx = 1};
	struct dp_srtp copy = *key;
	srtp_t s;

	assert_int_equal(
		srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profiles[key->suite]), 0);
	assert_int_equal(
		srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profiles[key->suite]),
		0);
	policy.ssrc.type = sender ? ssrc_any_outbound : ssrc_any_inbound;
	policy.key = copy.key;
	assert_int_equal(srtp_create(&s, &policy), 0);
	return s;
}

static void put_session(bool relearn)
{
	uint8_t a = session.leg[0].local.family == 4 ? ADDR_A4 : ADDR_A6;
	uint8_t b = session.leg[1].local.family == 4 ? ADDR_B4 : ADDR_B6;

	assert_int_equal(rig_session(rig, 0, &session, a, b, PORT_A, PORT_B, relearn), 0);
}

/* New keys for a leg, on both sides of it. */
static void key_leg(unsigned int leg, unsigned int suite, uint8_t first)
{
	struct dp_leg *l = &session.leg[leg];

	l->rx = l->tx = (struct dp_srtp){0};
	if (!suite)
		return;
	l->rx = key_of(suite, first);
	l->tx = key_of(suite, (uint8_t)(first + 100));
	if (phone_tx[leg]) {
		srtp_dealloc(phone_tx[leg]);
		srtp_dealloc(phone_rx[leg]);
	}
	phone_tx[leg] = phone(&l->rx, true);
	phone_rx[leg] = phone(&l->tx, false);
}

/* Leg A at 10000 and leg B at 20000, with their suites; PCMU. */
static void start(
	int family_a, int family_b, unsigned int suite_a, unsigned int suite_b, uint32_t flags)
{
	session = (struct dp_session){.id = 7,
		.leg = {{.local = rig_ip(family_a == 4 ? A4 : A6, 10000),
				.remote_rtp = rig_ip(family_a == 4 ? A4_PHONE : A6_PHONE, 4000),
				.dscp = 26},
			{.local = rig_ip(family_b == 4 ? B4 : B6, 20000),
				.remote_rtp = rig_ip(family_b == 4 ? B4_PHONE : B6_PHONE, 5000),
				.dscp = 46}}};
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		session.leg[i].flags = DP_LEG_SEND | DP_LEG_RECV | flags;
		session.leg[i].n_payloads = 1;
		session.leg[i].payloads[0] = (struct dp_payload){.pt = 0, .clock_hz = 8000};
	}
	key_leg(0, suite_a, 1);
	key_leg(1, suite_b, 2);
	put_session(false);
}

struct payload {
	uint8_t bytes[512];
	uint16_t len;
};

/* As the far end of a leg sends it: sealed when that leg has keys. */
static struct payload from_phone(unsigned int leg, const struct payload *plain, bool rtcp)
{
	struct payload p = *plain;
	int len = p.len;

	if (phone_tx[leg])
		assert_int_equal(rtcp ? srtp_protect_rtcp(phone_tx[leg], p.bytes, &len)
				      : srtp_protect(phone_tx[leg], p.bytes, &len),
			0);
	p.len = (uint16_t)len;
	return p;
}

static struct payload rtp_of(uint16_t seq, uint32_t ssrc)
{
	struct payload p;

	p.len = rig_rtp(p.bytes, 0, seq, seq * 160u, ssrc, 21); /* odd on purpose */
	return p;
}

/* A sender report with an SDES whose text the box replaces. */
static struct payload rtcp_of(void)
{
	static const uint8_t sr[] = {0x80, 200, 0, 6, 0xca, 0xfe, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9,
		10, 11, 12, 0, 0, 0, 1, 0, 0, 0, 160, 0x81, 202, 0, 3, 0xca, 0xfe, 0, 1, 1, 5, 'a',
		'@', 'b', '.', 'c', 0};
	struct payload p = {.len = sizeof(sr)};

	memcpy(p.bytes, sr, sizeof(sr));
	return p;
}

static struct rig_frame frame_of(unsigned int leg, const struct payload *p, bool rtcp)
{
	bool v4 = session.leg[leg].local.family == 4;
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, (uint8_t)leg},
		.payload = p->bytes,
		.payload_len = p->len};

	f.src = leg ? (v4 ? B4_PHONE : B6_PHONE) : (v4 ? A4_PHONE : A6_PHONE);
	f.dst = leg ? (v4 ? B4 : B6) : (v4 ? A4 : A6);
	f.sport = (uint16_t)((leg ? 5000 : 4000) + rtcp);
	f.dport = (uint16_t)((leg ? 20000 : 10000) + rtcp);
	return f;
}

static void put_frame(unsigned int leg, const struct rig_frame *f)
{
	uint8_t bytes[RIG_FRAME];

	rig_put(rig, (uint8_t)leg, bytes, rig_build(f, bytes));
	rig_run(rig);
}

static void put(unsigned int leg, const struct payload *p, bool rtcp)
{
	struct rig_frame f = frame_of(leg, p, rtcp);

	put_frame(leg, &f);
}

/* What came out at a leg's port: headers checked, payload taken. false: nothing came. */
static bool take(unsigned int leg, struct payload *ret)
{
	uint8_t out[RIG_FRAME];
	uint32_t len = rig_get(rig, (uint8_t)leg, out);
	uint32_t off = session.leg[leg].local.family == 4 ? 42 : 62;

	if (!len)
		return false;
	assert_null(rig_checksums(out, len));
	assert_true(len > off);
	ret->len = (uint16_t)(len - off);
	assert_int_equal(out[off - 4] << 8 | out[off - 3], ret->len + 8);
	memcpy(ret->bytes, out + off, ret->len);
	return true;
}

/* The phone at a leg hears exactly this. */
static void expect(unsigned int leg, const struct payload *plain, bool rtcp)
{
	struct payload got;

	assert_true(take(leg, &got));
	if (phone_rx[leg]) {
		int len = got.len;
		assert_true(memmem(got.bytes, got.len, plain->bytes + 12, 9) == NULL);
		assert_int_equal(rtcp ? srtp_unprotect_rtcp(phone_rx[leg], got.bytes, &len)
				      : srtp_unprotect(phone_rx[leg], got.bytes, &len),
			0);
		got.len = (uint16_t)len;
	}
	assert_int_equal(got.len, plain->len);
	assert_memory_equal(got.bytes, plain->bytes, plain->len);
}

static void expect_nothing(unsigned int leg)
{
	struct payload got;

	assert_false(take(leg, &got));
}

static void talk(unsigned int leg, uint16_t seq, uint32_t ssrc)
{
	struct payload plain = rtp_of(seq, ssrc), sent = from_phone(leg, &plain, false);

	put(leg, &sent, false);
	expect(!leg, &plain, false);
}

/* Every suite to every other and to plain RTP, both ways, IPv4 and IPv6, over the roll-over. */
static void test_every_suite_to_every_other(void **state)
{
	static const uint8_t suites[] = {DP_SRTP_NONE, DP_SRTP_CM_128_SHA1_80,
		DP_SRTP_CM_128_SHA1_32, DP_SRTP_GCM_128, DP_SRTP_GCM_256};

	for (unsigned int k = 0; k < 25; k++) {
		unsigned int a = suites[k % 5], b = suites[k / 5 % 5];
		if (!a && !b)
			continue;
		start(k & 1 ? 6 : 4, k & 2 ? 6 : 4, a, b, 0);
		for (uint16_t i = 0; i < 6; i++) {
			talk(0, (uint16_t)(65533 + i), SSRC + k);
			talk(1, (uint16_t)(65533 + i), SSRC + 1000 + k);
		}
		tear_down(NULL);
		set_up(NULL);
	}
	start(4, 4, DP_SRTP_GCM_128, DP_SRTP_NONE, 0);
	talk(0, 1, SSRC);
	assert_int_equal(rig->stats[0].stages[DP_STAGE_OPEN].packets, 1);
	assert_int_equal(rig->stats[0].stages[DP_STAGE_SEAL].packets, 1);
	assert_int_equal(rig->stats[0].stages[DP_STAGE_GUARD].packets, 1);
}

/* One packet in, exact bytes out: open. The vector of RFC 3711 is libsrtp2's word here. */
static void test_open_exact(void **state)
{
	struct payload plain = rtp_of(0x1001, SSRC), sent, got;

	start(4, 4, DP_SRTP_CM_128_SHA1_80, DP_SRTP_NONE, 0);
	sent = from_phone(0, &plain, false);
	assert_int_equal(sent.len, plain.len + 10);
	put(0, &sent, false);
	assert_true(take(1, &got));
	assert_int_equal(got.len, plain.len);
	assert_memory_equal(got.bytes, plain.bytes, plain.len);
	assert_int_equal(rig->stream_stats[0].rx_packets, 1);
	assert_int_equal(rig->stream_stats[0].rx_octets, 21);
	assert_int_equal(rig->stream_srtp[0].rx.next, 0x1002);
	assert_int_equal(rig->stream_srtp[0].rx.ssrc, SSRC);
}

/* Seal: byte for byte what libsrtp2 makes of it under the same key. */
static void test_seal_exact(void **state)
{
	struct payload plain = rtp_of(0x1001, SSRC), got;
	int len = plain.len;

	start(4, 4, DP_SRTP_NONE, DP_SRTP_GCM_256, 0);
	put(0, &plain, false);
	assert_true(take(1, &got));
	srtp_t same = phone(&session.leg[1].tx, true);
	assert_int_equal(srtp_protect(same, plain.bytes, &len), 0);
	srtp_dealloc(same);
	assert_int_equal(got.len, len);
	assert_memory_equal(got.bytes, plain.bytes, len);
	assert_int_equal(rig->stream_srtp[0].tx.next, 0x1002);
}

/* A wrong UDP checksum of what comes in clear is still wrong when it leaves; none stays none. */
static void test_seal_keeps_the_error_of_a_checksum(void **state)
{
	struct payload plain = rtp_of(1, SSRC);
	uint8_t bytes[RIG_FRAME], out[RIG_FRAME];
	struct rig_frame f;

	start(4, 4, DP_SRTP_NONE, DP_SRTP_CM_128_SHA1_80, 0);
	f = frame_of(0, &plain, false);
	uint32_t len = rig_build(&f, bytes);
	bytes[len - 1] ^= 1; /* damaged on its way to the box */
	rig_put(rig, PORT_A, bytes, len);
	rig_run(rig);
	len = rig_get(rig, PORT_B, out);
	assert_int_equal(len, 14 + 20 + 8 + plain.len + 10);
	assert_non_null(rig_checksums(out, len));
	plain = rtp_of(2, SSRC);
	f.payload = plain.bytes;
	f.no_udp_csum = true;
	put_frame(0, &f);
	rig_get(rig, PORT_B, out);
	assert_int_equal(out[40] | out[41], 0);
}

/* Clear to sealed at every length: the checksum that is carried on stays right. */
static void test_checksum_of_every_length(void **state)
{
	uint8_t bytes[RIG_FRAME], out[RIG_FRAME], rtp[1500];

	for (unsigned int suite = DP_SRTP_CM_128_SHA1_80; suite <= DP_SRTP_CM_128_SHA1_32;
		suite++) {
		start(4, 4, DP_SRTP_NONE, suite, 0);
		for (uint16_t n = 1; n < 1400; n++) {
			struct payload none = {0};
			struct rig_frame f = frame_of(0, &none, false);
			f.payload = rtp;
			f.payload_len = rig_rtp(rtp, 0, n, n * 160u, SSRC + suite, n);
			for (unsigned int i = 12; i < f.payload_len; i++)
				rtp[i] = (uint8_t)(i * 131 + n);
			rig_put(rig, PORT_A, bytes, rig_build(&f, bytes));
			rig_run(rig);
			uint32_t len = rig_get(rig, PORT_B, out);
			const char *bad = rig_checksums(out, len);
			if (!len || bad)
				fail_msg("suite %u, %u octets: %s", suite, n,
					len ? bad : "nothing came");
		}
		rig_free(rig);
		rig_set_up(1);
	}
}

static void rtcp_both_ways(unsigned int a, unsigned int b, uint32_t flags)
{
	struct payload plain = rtcp_of(), sent, got;
	int len;

	start(4, 4, a, b, flags);
	talk(0, 1, SSRC);
	sent = from_phone(0, &plain, true);
	bool mux = flags & DP_LEG_RTCP_MUX;
	struct rig_frame f = frame_of(0, &sent, !mux);
	put_frame(0, &f);
	assert_true(take(1, &got));
	len = got.len;
	if (phone_rx[1])
		assert_int_equal(srtp_unprotect_rtcp(phone_rx[1], got.bytes, &len), 0);
	assert_int_equal(len, plain.len);
	assert_memory_equal(got.bytes, plain.bytes, 38);
	assert_memory_not_equal(got.bytes + 38, plain.bytes + 38, 5); /* the name stays inside */
	assert_int_equal(rig->stream_rare[0].rtcp_packets, 1);
	assert_int_equal(rig->stats[0].rtcp_packets, 1);
}

static void test_rtcp(void **state)
{
	static const uint8_t suites[][2] = {{DP_SRTP_CM_128_SHA1_32, DP_SRTP_NONE},
		{DP_SRTP_NONE, DP_SRTP_GCM_128}, {DP_SRTP_GCM_256, DP_SRTP_CM_128_SHA1_80}};

	for (unsigned int i = 0; i < 3; i++) {
		rtcp_both_ways(suites[i][0], suites[i][1], 0);
		tear_down(NULL);
		set_up(NULL);
		rtcp_both_ways(suites[i][0], suites[i][1], DP_LEG_RTCP_MUX);
		tear_down(NULL);
		set_up(NULL);
	}
}

/* What an attack may not move. */
struct still {
	struct dp_stream_stats stats;
	struct dp_stream_srtp srtp;
	struct stream stream;
	uint64_t last_rtcp;
	uint32_t rtcp_packets;
};

static struct still look(void)
{
	const struct worker *w = rig->group->workers[0];
	struct still now;

	memset(&now, 0, sizeof(now)); /* holes, too: it is compared as bytes */
	now.stats = rig->stream_stats[0];
	now.srtp = rig->stream_srtp[0];
	now.stream = *stream_at(w, 0);
	now.last_rtcp = rig->stream_rare[0].last_rtcp_tsc;
	now.rtcp_packets = rig->stream_rare[0].rtcp_packets;
	return now;
}

static void assert_still(const struct still *before)
{
	struct still now = look();

	assert_memory_equal(&now, before, sizeof(now));
}

/* So much later that forged packets are worth a hash again: those tests want each to be opened. */
static void pass_period(void)
{
	rig->now_tsc = (rig->now_tsc ? rig->now_tsc : rte_rdtsc()) +
		       RIG_TSC_HZ / STREAM_FORGED_PER_S;
}

/*
 * Equal suites and even equal keys at both legs are no reason to pass a packet on: it is opened,
 * verified and sealed, and what is not authentic stays out. (The RTP inject of 2025.)
 */
static void test_unauthenticated_never_passes(void **state)
{
	static const uint8_t suites[] = {DP_SRTP_CM_128_SHA1_80, DP_SRTP_GCM_128};

	for (unsigned int i = 0; i < 2; i++) {
		start(4, 4, suites[i], suites[i], 0);
		session.leg[1].rx = session.leg[0].rx;
		session.leg[1].tx = session.leg[0].tx;
		put_session(false);
		for (uint16_t seq = 1; seq <= 200; seq++) {
			struct payload plain = rtp_of(seq, SSRC);
			memset(plain.bytes + plain.len, 0x5a, 16);
			plain.len += 16; /* long enough to be SRTP */
			pass_period();
			put(0, &plain, false);
			expect_nothing(1);
		}
		assert_int_equal(rig_drops(rig, DP_DROP_SRTP_AUTH), 200 * (i + 1u));
		assert_int_equal(rig->stream_stats[0].rx_packets, 0);
		assert_int_equal(rig->stream_stats[0].last_rx_tsc, 0);
	}
}

/* Floods of forged, replayed, cut and unencrypted packets do not touch a call or its time-out. */
static void test_attacks_move_nothing(void **state)
{
	struct payload plain, sent, old, clear, next_plain = rtp_of(101, SSRC), next;

	start(4, 4, DP_SRTP_CM_128_SHA1_80, DP_SRTP_NONE, 0);
	plain = rtp_of(99, SSRC);
	old = from_phone(0, &plain, false);
	put(0, &old, false);
	expect(1, &plain, false);
	talk(0, 100, SSRC);
	plain = rtcp_of();
	clear = from_phone(0, &plain, true);
	clear.bytes[clear.len - 14] &= 0x7f;
	next = from_phone(0, &next_plain, false);
	struct still before = look();
	for (unsigned int i = 0; i < 300; i++) {
		pass_period();
		plain = rtp_of((uint16_t)(102 + i * 37), i % 3 ? SSRC : SSRC + i);
		sent = from_phone(0, &plain, false);
		sent.bytes[20 + i % 20] ^= (uint8_t)(1 + i % 255);
		put(0, &sent, false);
		put(0, &old, false);
		put(0, &clear, true);
		sent.len = (uint16_t)(1 + i % 21);
		sent.bytes[0] = 0x80;
		put(0, &sent, false);
	}
	expect_nothing(1);
	assert_still(&before);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_AUTH), 300);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_REPLAY), 300);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_CLEAR), 300);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_SHORT), 300);
	assert_int_equal(rig->stream_rare[0].dropped, 1200);
	put(0, &next, false); /* and the call goes on */
	expect(1, &next_plain, false);
}

/* Only an authentic packet may be learned from, whoever comes first. */
static void test_latch_is_by_authentic_packets(void **state)
{
	struct payload plain, sent;
	struct worker_event event;
	struct rig_frame f;

	start(4, 4, DP_SRTP_GCM_128, DP_SRTP_NONE, DP_LEG_LATCH);
	for (uint16_t seq = 1; seq < 50; seq++) {
		pass_period();
		plain = rtp_of(seq, SSRC);
		sent = from_phone(0, &plain, false);
		sent.bytes[sent.len - 1] ^= 1;
		f = frame_of(0, &sent, false);
		f.src = STRANGER;
		put_frame(0, &f);
	}
	assert_int_equal(worker_events(rig->group, &event, 1), 0);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_AUTH), 49);
	plain = rtp_of(60, SSRC);
	sent = from_phone(0, &plain, false);
	put(0, &sent, false);
	expect(1, &plain, false);
	assert_int_equal(worker_events(rig->group, &event, 1), 1);
	struct ipaddr want = rig_ip(A4_PHONE, 4000);
	assert_memory_equal(&event.learned, &want, sizeof(want));
	/* from then on a stranger is not worth a hash, even with a true packet */
	plain = rtp_of(61, SSRC);
	sent = from_phone(0, &plain, false);
	f = frame_of(0, &sent, false);
	f.src = STRANGER;
	put_frame(0, &f);
	expect_nothing(1);
	assert_int_equal(rig_drops(rig, DP_DROP_SOURCE), 1);
	plain = rtcp_of();
	sent = from_phone(0, &plain, true);
	f = frame_of(0, &sent, true);
	f.src = STRANGER;
	put_frame(0, &f);
	assert_int_equal(rig_drops(rig, DP_DROP_SOURCE), 2);
	expect_nothing(1);
}

/* A packet with a wrong tag. */
static struct payload forged(uint16_t seq, uint32_t ssrc)
{
	struct payload plain = rtp_of(seq, ssrc), p = from_phone(0, &plain, false);

	p.bytes[p.len - 1] ^= 1;
	return p;
}

static uint64_t hashed(void)
{
	return rig_drops(rig, DP_DROP_SRTP_AUTH);
}

/*
 * Made-up packets with the right source and any SSRC are opened so often and no more, also a second
 * later; those of the far end all pass meanwhile, and so do those of its next SSRC soon.
 */
static void test_forged_are_limited(void **state)
{
	const unsigned int flood = 500;
	struct payload p;
	uint16_t seq = 1;

	start(4, 4, DP_SRTP_CM_128_SHA1_80, DP_SRTP_NONE, 0);
	rig->now_tsc = rte_rdtsc();
	talk(0, seq++, SSRC);
	for (unsigned int period = 1; period <= 3; period++) {
		for (unsigned int i = 0; i < flood; i++) {
			p = forged((uint16_t)(i * 77), 1000 + period * flood + i);
			put(0, &p, false);
			p.bytes[1] = 200; /* and as SRTCP */
			p.bytes[p.len - 14] |= 0x80;
			put(0, &p, true);
			if (i % 100 == 0)
				talk(0, seq++, SSRC);
		}
		assert_in_range(hashed(), 1, 2 * period * STREAM_FORGED_MAX);
		assert_int_equal(
			hashed() + rig_drops(rig, DP_DROP_SRTP_FORGED), 2 * period * flood);
		pass_period();
	}
	/* its SSRC is never held back, not even when it fails */
	uint64_t before = hashed();
	for (unsigned int i = 0; i < 3 * STREAM_FORGED_MAX; i++) {
		p = forged((uint16_t)(seq + 1), SSRC);
		put(0, &p, false);
	}
	assert_int_equal(hashed() - before, 3 * STREAM_FORGED_MAX);
	talk(0, seq++, SSRC);
	/* another SSRC of the far end waits for the next period while its source has too many */
	for (unsigned int i = 0; i < STREAM_FORGED_MAX; i++) {
		p = forged(1, 77);
		put(0, &p, false);
	}
	struct payload plain = rtp_of(1, SSRC + 1), sent = from_phone(0, &plain, false);
	put(0, &sent, false);
	expect_nothing(1);
	pass_period();
	put(0, &sent, false);
	expect(1, &plain, false);
	assert_int_equal(
		rig->stream_rare[0].dropped, hashed() + rig_drops(rig, DP_DROP_SRTP_FORGED));
}

/* While a stream learns: who floods from one place does not keep the far end from being heard. */
static void test_forged_do_not_keep_others_from_latching(void **state)
{
	unsigned int heard = 0;

	start(4, 4, DP_SRTP_GCM_128, DP_SRTP_NONE, DP_LEG_LATCH);
	rig->now_tsc = rte_rdtsc();
	for (unsigned int port = 4000; port < 4100; port++) {
		struct payload p = forged(1, 9), got;
		struct rig_frame f = frame_of(0, &p, false);
		f.src = STRANGER;
		for (unsigned int i = 0; i < 2 * STREAM_FORGED_MAX; i++)
			put_frame(0, &f);
		struct payload plain = rtp_of((uint16_t)port, SSRC + port);
		p = from_phone(0, &plain, false);
		f = frame_of(0, &p, false);
		f.sport = (uint16_t)port;
		put_frame(0, &f);
		heard += take(1, &got);
		put_session(true); /* it learns anew */
		pass_period();
	}
	/* one of STREAM_FORGED_WAYS shares the stranger's count */
	assert_in_range(heard, 60, 100);
	assert_in_range(rig_drops(rig, DP_DROP_SRTP_FORGED), 100 * STREAM_FORGED_MAX,
		100 * 2 * STREAM_FORGED_MAX);
}

/* On hold nothing is opened; the second port of a muxed pair is nobody's. */
static void test_not_admitted(void **state)
{
	struct payload plain = rtp_of(1, SSRC), sent;

	start(4, 4, DP_SRTP_GCM_128, DP_SRTP_NONE, DP_LEG_RTCP_MUX);
	sent = from_phone(0, &plain, false);
	session.leg[0].flags &= ~(uint32_t)DP_LEG_RECV;
	put_session(false);
	put(0, &sent, false);
	assert_int_equal(rig_drops(rig, DP_DROP_DIRECTION), 1);
	put(0, &sent, true);
	assert_int_equal(rig_drops(rig, DP_DROP_NO_STREAM), 1);
	assert_int_equal(rig->stream_srtp[0].rx.next, 0);
	expect_nothing(1);
}

/* An authentic talker may change its SSRC at once, as often as a plain one may. */
static void test_ssrc_change(void **state)
{
	start(4, 4, DP_SRTP_CM_128_SHA1_80, DP_SRTP_GCM_128, 0);
	for (uint32_t i = 0; i < 5; i++) {
		talk(0, (uint16_t)(65534 + i), SSRC + i % 3);
		talk(0, (uint16_t)(65535 + i), SSRC + i % 3);
	}
	assert_int_equal(rig->stream_rare[0].ssrc_changes, 4);
}

/* Sources of one video stream, packet by packet in turn, each with its own index past a roll-over. */
static void test_several_sources(void **state)
{
	start(4, 4, DP_SRTP_CM_128_SHA1_80, DP_SRTP_GCM_128, DP_LEG_ANY_PT);
	for (uint32_t i = 0; i < 200; i++) {
		for (uint32_t source = 0; source < 3; source++)
			talk(0, (uint16_t)(65400 + 50 * source + i), SSRC + source);
	}
	assert_int_equal(rig->stream_rare[0].ssrc_changes, 0);
	assert_int_equal(rig->stream_rare[0].dropped, 0);
}

/* The plain side may say the same sequence number twice; under a key that must not leave. */
static void test_repeat_is_not_sealed(void **state)
{
	struct payload plain = rtp_of(7, SSRC);

	start(4, 4, DP_SRTP_NONE, DP_SRTP_CM_128_SHA1_80, 0);
	put(0, &plain, false);
	expect(1, &plain, false);
	plain.bytes[20] ^= 0xff;
	put(0, &plain, false);
	expect_nothing(1);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_REPEAT), 1);
	assert_int_equal(rig->stream_rare[0].unsent_packets, 1);
	talk(0, 8, SSRC);
}

static void test_key_limit(void **state)
{
	start(4, 4, DP_SRTP_NONE, DP_SRTP_CM_128_SHA1_80, 0);
	struct payload plain = rtp_of(0, SSRC);
	rig->stream_srtp[0].tx = (struct dp_srtp_flow){.next = DP_SRTP_RTP_END, .ssrc = SSRC};
	put(0, &plain, false);
	expect_nothing(1);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_KEY_LIMIT), 1);
	plain = rtcp_of();
	rig->stream_srtp[0].tx_rtcp.next = DP_SRTP_RTCP_END;
	put(0, &plain, true);
	expect_nothing(1);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_KEY_LIMIT), 2);
}

/* No room behind the packet for a tag. */
static void test_no_room_to_seal(void **state)
{
	static uint8_t rtp[1960], bytes[RIG_FRAME];
	struct rig_frame f;
	struct payload plain = rtp_of(1, SSRC);

	start(4, 4, DP_SRTP_NONE, DP_SRTP_GCM_128, 0);
	f = frame_of(0, &plain, false);
	f.payload = rtp;
	f.payload_len = rig_rtp(rtp, 0, 1, 160, SSRC, sizeof(rtp) - 12);
	uint32_t len = rig_build(&f, bytes);
	for (unsigned int i = 0; i < 2; i++) {
		/* 2048 octets a buffer: the tag does not fit, or the MTU forbids it */
		rig_put(rig, PORT_A, bytes, len);
		rig_run(rig);
		expect_nothing(1);
		assert_int_equal(rig_drops(rig, DP_DROP_MTU), i + 1);
		bytes[45]++;
	}
}

/* A re-INVITE with new keys: what is in flight still passes, and both ends go on. */
static void test_rekey_in_a_call(void **state)
{
	struct payload late_plain, late;

	start(4, 4, DP_SRTP_CM_128_SHA1_80, DP_SRTP_GCM_128, 0);
	for (uint16_t i = 0; i < 4; i++)
		talk(0, (uint16_t)(65534 + i), SSRC);
	late_plain = rtp_of(2, SSRC);
	late = from_phone(0, &late_plain, false);
	uint64_t next = rig->stream_srtp[0].rx.next;
	key_leg(0, DP_SRTP_GCM_256, 55);
	put_session(false);
	assert_int_equal(rig->stream_srtp[0].rx.next, next);
	put(0, &late, false);
	expect(1, &late_plain, false);
	/* the phone goes on with its counter */
	assert_int_equal(srtp_set_stream_roc(phone_tx[0], SSRC, 1), srtp_err_status_bad_param);
	talk(1, 500, SSRC + 1);
	talk(0, 3, SSRC); /* or begins anew: counter 0 */
	talk(0, 4, SSRC);
	late_plain = rtp_of(3, SSRC);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_AUTH), 0);
	/* to plain and back, as a policy may have it */
	key_leg(0, DP_SRTP_NONE, 0);
	srtp_dealloc(phone_tx[0]);
	srtp_dealloc(phone_rx[0]);
	phone_tx[0] = phone_rx[0] = NULL;
	put_session(false);
	talk(0, 5, SSRC);
	key_leg(0, DP_SRTP_CM_128_SHA1_32, 99);
	put_session(false);
	talk(0, 6, SSRC);
	talk(0, 7, SSRC);
}

/* What the far end seals with the key it had before is not taken for ever. */
static void test_an_old_key_ends_by_itself(void **state)
{
	struct payload plain, late[2];

	rig->now_tsc = 1000 * RIG_TSC_HZ;
	start(4, 4, DP_SRTP_CM_128_SHA1_80, DP_SRTP_GCM_128, 0);
	talk(0, 1, SSRC);
	plain = rtp_of(2, SSRC);
	late[0] = from_phone(0, &plain, false);
	plain = rtp_of(3, SSRC);
	late[1] = from_phone(0, &plain, false);
	key_leg(0, DP_SRTP_GCM_256, 55);
	put_session(false);
	rig->now_tsc += 31 * RIG_TSC_HZ;
	put(0, &late[0], false);
	plain = rtp_of(2, SSRC);
	expect(1, &plain, false);
	rig->now_tsc += 2 * RIG_TSC_HZ;
	put(0, &late[1], false);
	expect_nothing(1);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_AUTH), 1);
	talk(0, 4, SSRC); /* under the new one */
	rig->now_tsc = 0;
}

/* A slot goes on where the session was before a restart of the data plane. */
static void test_goes_on_after_a_restart(void **state)
{
	start(4, 4, DP_SRTP_CM_128_SHA1_80, DP_SRTP_GCM_128, 0);
	for (uint16_t i = 0; i < 4; i++)
		talk(0, (uint16_t)(65534 + i), SSRC);
	struct payload plain = rtcp_of(), sent = from_phone(0, &plain, true), got;
	put(0, &sent, true);
	assert_true(take(1, &got));
	int len = got.len;
	assert_int_equal(srtp_unprotect_rtcp(phone_rx[1], got.bytes, &len), 0);
	struct payload replay_plain = rtp_of(2, SSRC);
	struct payload replay = from_phone(0, &replay_plain, false);
	put(0, &replay, false);
	expect(1, &replay_plain, false);
	const struct dp_stream_srtp *row = &rig->stream_srtp[0];
	session.srtp_rx[0] = dp_srtp_state_of(&row->rx, &row->rx_rtcp);
	session.srtp_tx[1] = dp_srtp_state_of(&row->tx, &row->tx_rtcp);
	assert_int_equal(session.srtp_rx[0].rtp_next, 65536 + 3);
	assert_int_equal(session.srtp_tx[1].rtp_next, 65536 + 3);
	assert_int_equal(session.srtp_tx[1].rtcp_next, 1);
	rig_free(rig);
	rig_set_up(1);
	put_session(false);
	/* what was played before does not come again, and both ends hear what is new */
	put(0, &replay, false);
	expect_nothing(1);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_REPLAY), 1);
	put(0, &sent, true);
	expect_nothing(1);
	talk(0, 3, SSRC);
	sent = from_phone(0, &plain, true);
	put(0, &sent, true);
	assert_true(take(1, &got));
	len = got.len;
	assert_int_equal(srtp_unprotect_rtcp(phone_rx[1], got.bytes, &len), 0);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_AUTH), 0);
}

/* The same traffic of many calls, in bursts, by one worker and by three: the same comes out. */
#define CALLS 20

static void many_calls(uint32_t n_workers, uint8_t out[CALLS * 8][64])
{
	uint8_t bytes[RIG_FRAME];

	rig_free(rig);
	rig_set_up(n_workers);
	memset(out, 0, CALLS * 8 * 64);
	for (uint16_t call = 0; call < CALLS; call++) {
		start(4, 4, DP_SRTP_NONE, call % 2 ? DP_SRTP_GCM_128 : DP_SRTP_CM_128_SHA1_32, 0);
		for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
			session.leg[leg].local.port_be16 = rte_cpu_to_be_16(
				(uint16_t)((leg ? 20000 : 10000) + 2 * call));
		}
		if (call % 3 == 0)
			session.leg[1].rx = session.leg[1].tx = (struct dp_srtp){0};
		assert_int_equal(rig_session(rig, 2u * call, &session, ADDR_A4, ADDR_B4, PORT_A,
					 PORT_B, false),
			0);
	}
	for (uint16_t seq = 0; seq < 8; seq++) {
		for (uint16_t call = 0; call < CALLS; call++) {
			struct payload plain = rtp_of(seq, SSRC + call);
			struct rig_frame f = frame_of(0, &plain, false);
			f.dport = (uint16_t)(10000 + 2 * call);
			rig_put(rig, PORT_A, bytes, rig_build(&f, bytes));
		}
		rig_run(rig); /* plain and sealed ones of one burst */
		for (unsigned int i = 0; i < CALLS; i++) {
			uint32_t len = rig_get(rig, PORT_B, bytes);
			assert_null(rig_checksums(bytes, len));
			uint32_t call = ((uint32_t)bytes[34] << 8 | bytes[35]) / 2 % CALLS;
			memcpy(out[seq * CALLS + call], bytes + 34, len - 34);
		}
	}
}

static void test_any_number_of_workers(void **state)
{
	static uint8_t one[CALLS * 8][64], two[CALLS * 8][64];

	many_calls(1, one);
	many_calls(2, two); /* both legs of a call have one owner */
	assert_memory_equal(one, two, sizeof(one));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_every_suite_to_every_other),
		T(test_open_exact),
		T(test_seal_exact),
		T(test_seal_keeps_the_error_of_a_checksum),
		T(test_checksum_of_every_length),
		T(test_rtcp),
		T(test_unauthenticated_never_passes),
		T(test_attacks_move_nothing),
		T(test_latch_is_by_authentic_packets),
		T(test_forged_are_limited),
		T(test_forged_do_not_keep_others_from_latching),
		T(test_not_admitted),
		T(test_ssrc_change),
		T(test_several_sources),
		T(test_repeat_is_not_sealed),
		T(test_key_limit),
		T(test_no_room_to_seal),
		T(test_rekey_in_a_call),
		T(test_an_old_key_ends_by_itself),
		T(test_goes_on_after_a_restart),
		T(test_any_number_of_workers),
	};
	rig_eal("srtp");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
