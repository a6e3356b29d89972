/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What changes in RTP on its way through a worker: payload types, PCMU and PCMA, and the SSRC,
 * sequence numbers and timestamps of a stream that a media core has once made. A frame goes in,
 * exact bytes come out; every packet is accounted for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/stages/rtp.h"
#include "dataplane/transcode/g711_map.h"
#include "tests/unit/dataplane/rig.h"

#include <rte_cycles.h>

#define A4	 "192.0.2.1"
#define A4_PHONE "198.51.100.7"
#define B4	 "203.0.113.1"
#define B4_PHONE "203.0.113.99"
#define B6	 "2001:db8:b::1"
#define B6_PHONE "2001:db8:b::9999"
#define SSRC	 0xcafe0001

static struct rig *rig;

static int set_up(void **state)
{
	struct rig_conf conf = {
		.n_workers = 1, .n_streams = RIG_SLOTS, .n_ports = 2, .n_mcores = 1};

	rig = rig_new(&conf);
	rig->now_tsc = 1000 * RIG_TSC_HZ;
	rig_addr(rig, 0, A4, 10000, 19999, 0);
	rig_addr(rig, 1, B4, 20000, 29999, 1);
	rig_addr(rig, 2, B6, 20000, 29999, 1);
	return 0;
}

static int tear_down(void **state)
{
	rig_voice_end(rig, 0);
	rig_run(rig);
	rig_discard(rig, 0);
	rig_discard(rig, 1);
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0;
	rig_free(rig);
	return ok ? 0 : -1;
}

static struct dp_session make_session(bool ipv6)
{
	struct dp_session s = {.id = 7,
		.leg = {{.local = rig_ip(A4, 10000), .remote_rtp = rig_ip(A4_PHONE, 4000)},
			{.local = rig_ip(ipv6 ? B6 : B4, 20000),
				.remote_rtp = rig_ip(ipv6 ? B6_PHONE : B4_PHONE, 5000)}}};

	for (unsigned int i = 0; i < DP_LEGS; i++) {
		s.leg[i].flags = DP_LEG_SEND | DP_LEG_RECV;
		s.leg[i].n_payloads = 2;
		s.leg[i].payloads[0] = (struct dp_payload){.clock_hz = 8000};
		s.leg[i].payloads[1] = (struct dp_payload){.pt = 101};
	}
	return s;
}

static void put_session(const struct dp_session *s)
{
	uint8_t addr_b = s->leg[1].local.family == 6 ? 2 : 1;

	if (direction_is_voice(s, 0) || direction_is_voice(s, 1))
		assert_int_equal(rig_voice(rig, 0, s), 0);
	assert_int_equal(rig_session(rig, 0, s, 0, addr_b, 0, 1, false), 0);
}

/* An RTP packet of the phone at leg A; what leaves at leg B, or 0. */
static uint32_t pass(uint8_t pt, uint16_t seq, uint32_t ts, uint32_t ssrc, uint8_t *ret_rtp)
{
	uint8_t rtp[256], bytes[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, 0},
		.src = A4_PHONE,
		.dst = A4,
		.sport = 4000,
		.dport = 10000,
		.payload = rtp};

	f.payload_len = rig_rtp(rtp, pt, seq, ts, ssrc, 160);
	rig_put(rig, 0, bytes, rig_build(&f, bytes));
	rig_run(rig);
	uint32_t len = rig_get(rig, 1, bytes);
	if (!len)
		return 0;
	assert_null(rig_checksums(bytes, len));
	uint32_t hdr = bytes[12] == 0x86 ? 62 : 42;
	memcpy(ret_rtp, bytes + hdr, len - hdr);
	return len - hdr;
}

/* Only the number changes, on the slow way and on the fast one, with the checksum. */
static void renumber(bool ipv6)
{
	struct dp_session s = make_session(ipv6);
	uint8_t got[256], want[256];

	s.leg[0].payloads[0].pt = 96;
	s.leg[0].payloads[0].action = DP_PT_RENUMBER;
	s.leg[0].payloads[0].pt_out = 110;
	s.leg[0].payloads[1].action = DP_PT_EVENT;
	s.leg[1].send.event_pt = 97;
	put_session(&s);
	for (uint16_t seq = 1; seq < 9; seq++) {
		uint8_t pt = seq == 4 || seq == 5 ? 101 : 96;
		uint32_t len = rig_rtp(want, pt == 96 ? 110 : 97, seq, seq * 160u, SSRC, 160);
		assert_int_equal(pass(pt, seq, seq * 160u, SSRC, got), len);
		assert_memory_equal(got, want, len);
	}
	/* nobody there to hear events */
	s.leg[1].send.event_pt = 0;
	put_session(&s);
	assert_int_equal(pass(101, 9, 9 * 160, SSRC, got), 0);
	assert_int_equal(rig_drops(rig, DP_DROP_DTMF), 1);
	assert_int_equal(rig->stream_rare[0].unsent_packets, 1);
}

static void test_renumber(void **state)
{
	renumber(false);
}

static void test_renumber_ipv6(void **state)
{
	renumber(true);
}

static void test_marker_stays(void **state)
{
	struct dp_session s = make_session(false);
	uint8_t got[256];

	s.leg[0].payloads[0].action = DP_PT_RENUMBER;
	s.leg[0].payloads[0].pt_out = 110;
	put_session(&s);
	assert_true(pass(0, 1, 160, SSRC, got) > 0);
	assert_true(pass(0x80, 2, 320, SSRC, got) > 0);
	assert_int_equal(got[1], 0x80 | 110);
}

/* PCMU to PCMA in the worker: header as it was but for the type, payload octet for octet. */
static void test_law(void **state)
{
	struct dp_session s = make_session(false);
	uint8_t got[256], want[256];

	s.leg[0].payloads[0].action = DP_PT_TRANSCODE;
	s.leg[0].payloads[0].codec = DP_CODEC_PCMU;
	s.leg[0].n_payloads = 3;
	s.leg[0].payloads[2] = (struct dp_payload){
		.pt = 8, .action = DP_PT_TRANSCODE, .codec = DP_CODEC_PCMA, .clock_hz = 8000};
	s.leg[1].send = (struct dp_send){.codec = DP_CODEC_PCMA, .pt = 8};
	assert_false(direction_is_voice(&s, 0));
	put_session(&s);
	for (uint16_t seq = 1; seq < 9; seq++) {
		uint8_t pt = seq == 4 || seq == 5 ? 8 : 0;
		uint32_t len = rig_rtp(want, 8, seq, seq * 160u, SSRC, 160);
		if (pt == 0)
			for (int i = 12; i < 172; i++)
				want[i] = g711_ulaw_to_alaw(want[i]);
		assert_int_equal(pass(pt, seq, seq * 160u, SSRC, got), len);
		assert_memory_equal(got, want, len);
	}
	assert_int_equal(rig->stream_rare[0].made_packets, 0);
}

static void put_rtcp(uint8_t port)
{
	static const uint8_t rr[] = {0x80, 201, 0, 1, 0xca, 0xfe, 0, 1};
	uint8_t bytes[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, port},
		.src = port ? B4_PHONE : A4_PHONE,
		.dst = port ? B4 : A4,
		.sport = port ? 5001 : 4001,
		.dport = port ? 20001 : 10001,
		.payload = rr,
		.payload_len = sizeof(rr)};

	rig_put(rig, port, bytes, rig_build(&f, bytes));
	rig_run(rig);
}

static uint16_t seq_of(const uint8_t *rtp)
{
	return rtp_be16(rtp + 2);
}

/* Time passes until the media core has made a packet. */
static uint32_t made(uint8_t *ret_rtp)
{
	uint8_t bytes[RIG_FRAME];

	for (int i = 0; i < 100; i++) {
		rig_pass(rig, 1);
		uint32_t len = rig_get(rig, 1, bytes);
		if (len) {
			assert_null(rig_checksums(bytes, len));
			memcpy(ret_rtp, bytes + 42, len - 42);
			return len - 42;
		}
	}
	return 0;
}

/* For a session that is transcoded from the beginning the wire begins as the control thread says. */
static void test_wire_begins(void **state)
{
	struct dp_session s = make_session(false);
	uint8_t got[RIG_FRAME];

	s.leg[0].payloads[0].action = DP_PT_TRANSCODE;
	s.leg[0].payloads[0].codec = DP_CODEC_PCMU;
	s.leg[0].payloads[1].action = DP_PT_EVENT;
	s.leg[1].send = (struct dp_send){.codec = DP_CODEC_L16_8K, .pt = 99};
	put_session(&s);
	for (uint16_t i = 0; i < 10; i++) {
		assert_int_equal(pass(0, (uint16_t)(100 + i), i * 160u, SSRC, got), 0);
		uint32_t len = made(got);
		if (i == 0)
			assert_int_equal(got[1], 0x80 | 99);
		assert_int_equal(len, 12 + 320);
		assert_int_equal(seq_of(got), (uint16_t)(65531 + i)); /* see rig.c; it wraps */
		assert_int_equal(rtp_be32(got + 8), 0x5eed0000);
		assert_int_equal(rtp_be32(got + 4), 1000 + i * 160u);
	}
	assert_int_equal(rig->stream_rare[0].made_packets, 10);
	assert_int_equal(rig->stream_rare[0].made_octets, 10 * 320);
	assert_int_equal(rig->stream_rare[0].unsent_packets, 10);
	assert_int_equal(rig->stream_stats[0].rx_packets, 10);
	/* our own report to leg B is about what was made: SSRC, packets, octets, timestamp */
	struct worker_msg msg = {.op = WORKER_REPORT,
		.report = {.slot = 1,
			.own_ssrc = 1,
			.cname = "c",
			.frame = rte_pktmbuf_alloc(rig->pool)}};
	uint32_t last_ts = rtp_be32(got + 4);
	assert_int_equal(rig_post(rig, 0, &msg), 0);
	assert_true(rig_get(rig, 1, got) > 42 + 28);
	const uint8_t *sr = got + 42;
	assert_int_equal(sr[1], 200);
	assert_int_equal(rtp_be32(sr + 4), 0x5eed0000);
	assert_in_range(rtp_be32(sr + 16) - last_ts, 0, 160);
	assert_int_equal(rtp_be32(sr + 20), 10);
	assert_int_equal(rtp_be32(sr + 24), 10 * 320);
	/* reports of either side speak of sources that the other one does not know */
	put_rtcp(0);
	put_rtcp(1);
	assert_int_equal(rig_drops(rig, DP_DROP_RTCP_OWN), 2);
	assert_int_equal(rig->stream_rare[0].rtcp_packets, 1);
}

/* Relayed, transcoded, relayed again: one SSRC, one sequence, timestamps by the time that passed. */
static void test_switch_in_mid_call(void **state)
{
	struct dp_session relay = make_session(false), voice = relay;
	uint8_t got[RIG_FRAME];
	uint16_t seq = 100, out;
	uint32_t ts = 5000, out_ts;

	voice.leg[0].payloads[0].action = DP_PT_TRANSCODE;
	voice.leg[0].payloads[0].codec = DP_CODEC_PCMU;
	voice.leg[0].payloads[1].action = DP_PT_EVENT;
	voice.leg[1].send = (struct dp_send){.codec = DP_CODEC_L16_8K, .pt = 99};
	put_session(&relay);
	for (int i = 0; i < 5; i++, rig_pass(rig, 20))
		assert_true(pass(0, seq++, ts += 160, SSRC, got) > 0);
	assert_int_equal(seq_of(got), 104);
	assert_int_equal(rtp_be32(got + 4), ts);
	out = seq_of(got);
	out_ts = rtp_be32(got + 4);
	uint64_t left = rig->now_tsc - RIG_TSC_HZ / 50;

	put_session(&voice);
	assert_int_equal(pass(0, seq++, ts += 160, SSRC, got), 0);
	assert_int_equal(made(got), 332);
	assert_int_equal(seq_of(got), ++out);
	assert_int_equal(rtp_be32(got + 8), SSRC);
	uint32_t passed = (uint32_t)((rig->now_tsc - left) * 8000 / RIG_TSC_HZ);
	assert_in_range(rtp_be32(got + 4) - out_ts, passed - 1, passed + 1);
	assert_int_equal(pass(0, seq++, ts += 160, SSRC, got), 0);
	assert_int_equal(made(got), 332);
	assert_int_equal(seq_of(got), ++out);
	out_ts = rtp_be32(got + 4);
	left = rig->now_tsc;

	/* back, and the talker is another one meanwhile: the far end does not notice */
	assert_int_equal(rig_voice_end(rig, 0), 0);
	put_session(&relay);
	rig_pass(rig, 600);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pass(0, (uint16_t)(9000 + i), 77 + i * 160u, 0x1234, got), 172);
		assert_int_equal(seq_of(got), ++out);
		assert_int_equal(rtp_be32(got + 8), SSRC);
		assert_in_range(rtp_be32(got + 4) - out_ts, 4800 + i * 160 - 1, 4800 + i * 160 + 1);
	}
	put_rtcp(0);
	assert_int_equal(rig_drops(rig, DP_DROP_RTCP_OWN), 1);
	/* late packets are moved as far as the others */
	assert_int_equal(pass(0, 9005, 77 + 5 * 160, 0x1234, got), 172);
	assert_int_equal(seq_of(got), out + 3);
	assert_int_equal(pass(0, 9004, 77 + 4 * 160, 0x1234, got), 172);
	assert_int_equal(seq_of(got), out + 2);
}

/* What finds no session at the media core, or none at the worker when it comes back. */
static void test_gone(void **state)
{
	struct dp_session s = make_session(false);
	uint8_t got[RIG_FRAME];

	s.leg[0].n_payloads = 1;
	s.leg[0].payloads[0].action = DP_PT_TRANSCODE;
	s.leg[0].payloads[0].codec = DP_CODEC_PCMU;
	s.leg[1].send = (struct dp_send){.codec = DP_CODEC_L16_8K, .pt = 99};
	/* the worker has it, the media core not */
	assert_int_equal(rig_session(rig, 0, &s, 0, 1, 0, 1, false), 0);
	assert_int_equal(pass(0, 1, 160, SSRC, got), 0);
	assert_int_equal(rig->mcore_stats[0].drops[DP_DROP_VOICE_GONE], 1);
	/* the other way round: unlinked while a packet is being made */
	put_session(&s);
	assert_int_equal(pass(0, 2, 320, SSRC, got), 0);
	struct worker_msg msg = {.op = WORKER_STREAM_UNLINK, .unlink = {.slot = 0}};
	assert_int_equal(rig_post(rig, 0, &msg), 0);
	rig_pass(rig, 60);
	assert_true(rig_drops(rig, DP_DROP_VOICE_GONE) > 0);
	assert_int_equal(rig_get(rig, 1, got), 0);
	assert_int_equal(rig_voice_end(rig, 0), 0);
	assert_int_equal(rig_voice_end(rig, 0), -ENOENT);
}

/* On hold nothing that was made leaves. */
static void test_hold(void **state)
{
	struct dp_session s = make_session(false);
	uint8_t got[RIG_FRAME];

	s.leg[0].n_payloads = 1;
	s.leg[0].payloads[0].action = DP_PT_TRANSCODE;
	s.leg[0].payloads[0].codec = DP_CODEC_PCMU;
	s.leg[1].send = (struct dp_send){.codec = DP_CODEC_L16_8K, .pt = 99};
	put_session(&s);
	assert_int_equal(pass(0, 1, 160, SSRC, got), 0);
	s.leg[1].flags = DP_LEG_RECV;
	assert_int_equal(rig_session(rig, 0, &s, 0, 1, 0, 1, false), 0);
	rig_pass(rig, 60);
	assert_int_equal(rig_get(rig, 1, got), 0);
	assert_true(rig_drops(rig, DP_DROP_DIRECTION) > 0);
	assert_int_equal(pass(0, 2, 320, SSRC, got), 0);
}

int main(void)
{
	rig_eal("edit");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_renumber, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_renumber_ipv6, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_marker_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_law, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wire_begins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_switch_in_mid_call, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hold, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
