/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is played to a leg, through workers and media cores: in place of the other leg's media, as one
 * stream with what was relayed before and after; to a leg that is alone; rooms of legs; and that
 * nothing is left when sessions come and go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/mcore.h"
#include "dataplane/stages/rtp.h"
#include "dataplane/transcode/g711.h"
#include "tests/unit/dataplane/rig.h"
#include "tests/unit/dataplane/signal.h"

#include <rte_cycles.h>

#define LOCAL_A	  "192.0.2.1"
#define LOCAL_B	  "203.0.113.1"
#define FAR_A	  "198.51.100.7"
#define FAR_B	  "203.0.113.99"
#define SSRC_A	  0xa0000001
#define SSRC_B	  0xb0000001
#define MEMBERS	  5
#define HEARD	  16000
#define CHURN	  3000
#define AMPLITUDE 3000.0

static struct rig *rig;
static int16_t prompt[8000];

static int set_up(void **state)
{
	struct rig_conf conf = {.n_workers = 1,
		.n_mcores = 1,
		.n_streams = RIG_SLOTS,
		.n_ports = 2,
		.n_mbufs = 8191};

	rig = rig_new(&conf);
	rig->now_tsc = 1000 * RIG_TSC_HZ;
	rig->prompt = (struct player_sound){.pcm = prompt, .n_samples = 800, .rate_hz = 8000};
	rig_addr(rig, 0, LOCAL_A, 10000, 19999, 0);
	rig_addr(rig, 1, LOCAL_B, 10000, 19999, 1);
	return 0;
}

static int tear_down(void **state)
{
	rig_run(rig);
	rig_discard(rig, 0);
	rig_discard(rig, 1);
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0 &&
		 rig->mcore_stats[0].streams == 0;
	rig_free(rig);
	return ok ? 0 : -1;
}

/* Session i: ports 10000 + 2 i on both sides, PCMA relayed both ways. */
static struct dp_session make_session(uint32_t i, unsigned int n_legs)
{
	struct dp_session s = {.id = i + 1};

	for (unsigned int k = 0; k < n_legs; k++) {
		struct dp_leg *leg = &s.leg[k];
		leg->local = rig_ip(k ? LOCAL_B : LOCAL_A, (uint16_t)(10000 + 2 * i));
		leg->remote_rtp = rig_ip(k ? FAR_B : FAR_A, (uint16_t)(4000 + 2 * i));
		leg->flags = DP_LEG_SEND | DP_LEG_RECV;
		leg->n_payloads = 1;
		leg->payloads[0] = (struct dp_payload){
			.pt = 8, .codec = DP_CODEC_PCMA, .clock_hz = 8000};
		leg->send = (struct dp_send){.codec = DP_CODEC_PCMA, .pt = 8};
	}
	return s;
}

static void put_session(uint32_t i, const struct dp_session *s)
{
	assert_int_equal(rig_voice(rig, 2 * i, s), 0);
	assert_int_equal(rig_session(rig, 2 * i, s, 0, 1, 0, 1, false), 0);
}

static void end_session(uint32_t i)
{
	for (uint32_t slot = 2 * i; slot < 2 * i + 2; slot++) {
		struct worker_msg msg = {.op = WORKER_STREAM_UNLINK, .unlink = {.slot = slot}};
		assert_int_equal(rig_post(rig, 0, &msg), 0);
	}
	assert_int_equal(rig_voice_end(rig, 2 * i), 0);
}

/* 20 ms of a talker at leg A or B; pcm NULL: any. */
static void say(uint32_t i, unsigned int leg, uint16_t seq, const int16_t *pcm)
{
	uint8_t rtp[256], p[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, (uint8_t)leg},
		.src = leg ? FAR_B : FAR_A,
		.dst = leg ? LOCAL_B : LOCAL_A,
		.sport = (uint16_t)(4000 + 2 * i),
		.dport = (uint16_t)(10000 + 2 * i),
		.payload = rtp};

	f.payload_len = rig_rtp(rtp, 8, seq, seq * 160u, (leg ? SSRC_B : SSRC_A) + 16 * i, 160);
	for (int k = 0; k < 160 && pcm; k++)
		rtp[12 + k] = g711_alaw_encode(pcm[k]);
	rig_put(rig, (uint8_t)leg, p, rig_build(&f, p));
}

struct heard {
	uint32_t i; /* session, by the port */
	uint8_t rtp[256];
	uint32_t len;
};

static bool hear(unsigned int leg, struct heard *ret)
{
	uint8_t bytes[RIG_FRAME];
	uint32_t len = rig_get(rig, (uint8_t)leg, bytes);

	if (!len)
		return false;
	assert_null(rig_checksums(bytes, len));
	ret->i = (rtp_be16(bytes + 36) - 4000u) / 2;
	ret->len = len - 42;
	memcpy(ret->rtp, bytes + 42, ret->len);
	return true;
}

/* ---- in place of the other leg ---- */

/* One stream, whatever it is made of: each packet follows the last one in number and time. */
struct ear {
	uint32_t n, ssrc, ts;
	uint16_t seq;
};

static void follow(struct ear *ear, const uint8_t *rtp)
{
	if (ear->n++) {
		assert_int_equal((uint16_t)(rtp_be16(rtp + 2) - ear->seq), 1);
		assert_int_equal(rtp_be32(rtp + 8), ear->ssrc);
		assert_in_range(rtp_be32(rtp + 4) - ear->ts, 1, 8000);
	}
	ear->seq = rtp_be16(rtp + 2);
	ear->ts = rtp_be32(rtp + 4);
	ear->ssrc = rtp_be32(rtp + 8);
}

/* Both talk for so many packets; what A hears is followed, what B hears counted. */
static uint32_t talk(struct ear *ear, uint16_t *seq, uint32_t n, int16_t *heard)
{
	struct heard h;
	uint32_t n_b = 0, at = 0;

	for (uint32_t k = 0; k < n; k++, ++*seq) {
		say(0, 0, *seq, NULL);
		say(0, 1, *seq, NULL);
		rig_run(rig);
		rig_pass(rig, 20);
		while (hear(0, &h)) {
			follow(ear, h.rtp);
			for (uint32_t i = 12; i < h.len && heard && at < HEARD; i++)
				heard[at++] = (int16_t)G711_ALAW_LINEAR(h.rtp[i]);
		}
		while (hear(1, &h))
			n_b++;
	}
	return n_b;
}

static void test_in_place(void **state)
{
	struct dp_session relay = make_session(0, 2), play = relay;
	static int16_t heard[HEARD];
	struct worker_played played;
	struct dp_stream_sum sum;
	struct ear ear = {0};
	uint16_t seq = 100;

	play.leg[0].play = (struct dp_play){.kind = DP_PLAY_PROMPT, .id = 1, .serial = 9};
	put_session(0, &relay);
	assert_int_equal(talk(&ear, &seq, 10, NULL), 10);
	assert_int_equal(ear.n, 10);
	assert_int_equal(ear.ssrc, SSRC_B);
	assert_int_equal(rig_drops(rig, DP_DROP_UNHEARD), 0);
	/* 100 ms of prompt, then nothing; B hears A as before */
	put_session(0, &play);
	assert_int_equal(talk(&ear, &seq, 20, heard), 20);
	assert_int_equal(ear.n, 15);
	assert_int_equal(rig_drops(rig, DP_DROP_UNHEARD), 20);
	for (uint32_t k = 0; k < 800; k++)
		assert_int_equal(heard[k], (int16_t)G711_ALAW_LINEAR(g711_alaw_encode(prompt[k])));
	assert_int_equal(worker_played(rig->group, &played, 1), 1);
	assert_int_equal(played.slot, 1);
	assert_int_equal(played.tag, 1);
	assert_int_equal(played.serial, 9);
	assert_int_equal(worker_played(rig->group, &played, 1), 0);
	/* the same again is no news; another serial is */
	put_session(0, &play);
	talk(&ear, &seq, 5, NULL);
	assert_int_equal(ear.n, 15);
	play.leg[0].play.serial++;
	play.leg[0].play.flags = DP_PLAY_LOOP;
	put_session(0, &play);
	talk(&ear, &seq, 25, NULL);
	assert_in_range(ear.n, 39, 40);
	assert_int_equal(worker_played(rig->group, &played, 1), 0);
	/* a tone, and the other leg again */
	play.leg[0].play = (struct dp_play){
		.kind = DP_PLAY_TONE, .serial = 1, .steps = {{.hz = {425}}}};
	put_session(0, &play);
	memset(heard, 0, sizeof(heard));
	talk(&ear, &seq, 25, heard);
	assert_in_range(ear.n, 63, 65);
	assert_true(signal_amplitude(heard + 800, 3200, 8000, 425) > 3000);
	put_session(0, &relay);
	uint32_t n = ear.n;
	assert_int_equal(talk(&ear, &seq, 10, NULL), 10);
	assert_int_equal(ear.n, n + 10);
	stream_sum(&rig->stream_stats[1], &rig->stream_rare[1], 0, RIG_TSC_HZ, &sum);
	assert_int_equal(sum.rx_packets, 95);
	assert_int_equal(sum.tx_packets, ear.n);
	assert_int_equal(sum.dropped, 0);
	end_session(0);
}

/* ---- one leg ---- */

static void put_rtcp(uint32_t i)
{
	static const uint8_t rr[] = {0x80, 201, 0, 1, 0xa0, 0, 0, 1};
	uint8_t p[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, 0},
		.src = FAR_A,
		.dst = LOCAL_A,
		.sport = (uint16_t)(4001 + 2 * i),
		.dport = (uint16_t)(10001 + 2 * i),
		.payload = rr,
		.payload_len = sizeof(rr)};

	rig_put(rig, 0, p, rig_build(&f, p));
	rig_run(rig);
}

/* A leg alone hears what is played and gets reports about it. */
static void test_one_leg(void **state)
{
	struct dp_session s = make_session(3, 1);
	struct ear ear = {0};
	struct heard h;

	s.leg[0].flags |= DP_LEG_RTCP_OWN;
	s.leg[0].play = (struct dp_play){.kind = DP_PLAY_TONE, .steps = {{.hz = {425}}}};
	put_session(3, &s);
	for (uint16_t seq = 1; seq <= 50; seq++) {
		say(3, 0, seq, NULL);
		rig_run(rig);
		rig_pass(rig, 20);
		while (hear(0, &h)) {
			assert_int_equal(h.i, 3);
			follow(&ear, h.rtp);
		}
	}
	assert_in_range(ear.n, 49, 50); /* the first is due when it was told, and then made */
	assert_int_equal(rig_drops(rig, DP_DROP_UNHEARD), 50);
	put_rtcp(3);
	assert_int_equal(rig->stream_rare[6].rtcp_packets, 1);
	struct worker_msg msg = {.op = WORKER_REPORT,
		.report = {.slot = 6,
			.own_ssrc = 5,
			.cname = "c",
			.frame = rte_pktmbuf_alloc(rig->pool)}};
	assert_int_equal(rig_post(rig, 0, &msg), 0);
	assert_true(hear(0, &h));
	/* SR of what was played: SSRC, packets and octets; with a block on what came */
	assert_int_equal(h.rtp[0], 0x81);
	assert_int_equal(h.rtp[1], 200);
	assert_int_equal(rtp_be32(h.rtp + 4), ear.ssrc);
	assert_int_equal(rtp_be32(h.rtp + 20), ear.n);
	assert_int_equal(rtp_be32(h.rtp + 24), ear.n * 160);
	assert_int_equal(rtp_be32(h.rtp + 28), SSRC_A + 48);
	end_session(3);
	assert_false(hear(0, &h));
}

/* ---- rooms ---- */

static double tone_of(uint32_t i)
{
	return 400 + 290 * i;
}

/* Each of n says its tone for so many packets; ret_heard: the last second of what each hears. */
static void converse(uint32_t n, const unsigned int *legs, uint16_t *seq, uint32_t n_packets,
	int16_t heard[MEMBERS][HEARD])
{
	uint32_t at[MEMBERS] = {0};
	struct heard h;

	for (uint32_t k = 0; k < n_packets; k++, ++*seq) {
		for (uint32_t i = 0; i < n; i++) {
			int16_t pcm[160] = {0};
			signal_tone(pcm, 160, 8000, tone_of(i), AMPLITUDE, *seq * UINT64_C(160));
			say(i, legs[i], *seq, pcm);
		}
		rig_run(rig);
		rig_pass(rig, 20);
		for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
			while (hear(leg, &h)) {
				if (leg != legs[h.i])
					continue;
				for (uint32_t j = 12; j < h.len; j++)
					heard[h.i][at[h.i]++ % 8000] = (int16_t)G711_ALAW_LINEAR(
						h.rtp[j]);
			}
		}
	}
}

static void check(int16_t heard[MEMBERS][HEARD], uint32_t i, uint32_t k, bool wanted)
{
	double got = signal_amplitude(heard[i], 8000, 8000, tone_of(k)) / AMPLITUDE;

	if (wanted ? got < 0.7 || got > 1.2 : got > 0.05)
		fail_msg("%u hears %u: %.3f", i, k, got);
}

/* Three to five legs, of sessions with one and with two: everybody hears the others. */
static void test_rooms(void **state)
{
	static int16_t heard[MEMBERS][HEARD];
	static const unsigned int legs[MEMBERS] = {0, 0, 1, 0, 1};
	uint16_t seq = 1;

	for (uint32_t n = 3; n <= MEMBERS; n++) {
		for (uint32_t i = 0; i < n; i++) {
			struct dp_session s = make_session(i, legs[i] ? 2 : 1);
			s.leg[legs[i]].play = (struct dp_play){.kind = DP_PLAY_ROOM, .id = 1};
			put_session(i, &s);
		}
		converse(n, legs, &seq, 75, heard);
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t k = 0; k < n; k++)
				check(heard, i, k, i != k);
		/* one goes to another room, alone */
		struct dp_session s = make_session(0, 1);
		s.leg[0].play = (struct dp_play){.kind = DP_PLAY_ROOM, .id = 2};
		put_session(0, &s);
		converse(n, legs, &seq, 75, heard);
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t k = 0; k < n; k++)
				check(heard, i, k, i != k && i && k);
		for (uint32_t i = 0; i < n; i++)
			end_session(i);
		assert_int_equal(rig_drops(rig, DP_DROP_VOICE_FULL), 0);
	}
}

/* Of both legs of a session one is in a room: the other hears nothing, or what is played to it. */
static void test_room_beside_tone(void **state)
{
	struct dp_session s = make_session(0, 2), other = make_session(1, 1);
	struct heard h;
	uint32_t n[2] = {0};

	s.leg[0].play = (struct dp_play){.kind = DP_PLAY_ROOM, .id = 1};
	other.leg[0].play = s.leg[0].play;
	put_session(0, &s);
	put_session(1, &other);
	for (uint16_t seq = 1; seq <= 20; seq++) {
		say(0, 0, seq, NULL);
		say(0, 1, seq, NULL);
		rig_pass(rig, 20);
		while (hear(1, &h))
			n[0]++;
	}
	assert_int_equal(n[0], 0);
	assert_int_equal(rig_drops(rig, DP_DROP_UNHEARD), 20);
	s.leg[1].play = (struct dp_play){.kind = DP_PLAY_TONE, .steps = {{.hz = {425}}}};
	put_session(0, &s);
	for (uint16_t seq = 21; seq <= 40; seq++) {
		say(0, 0, seq, NULL);
		rig_pass(rig, 20);
		while (hear(1, &h))
			n[1]++;
	}
	assert_in_range(n[1], 19, 21);
	end_session(0);
	end_session(1);
}

/* A core that comes too late for a while: afterwards everybody is served as before. */
static void test_light_heavy_light(void **state)
{
	static int16_t heard[MEMBERS][HEARD];
	static const unsigned int legs[MEMBERS];
	uint16_t seq = 1;
	struct heard h;

	for (uint32_t i = 0; i < MEMBERS; i++) {
		struct dp_session s = make_session(i, 1);
		s.leg[0].play = (struct dp_play){.kind = DP_PLAY_ROOM, .id = 1};
		put_session(i, &s);
	}
	converse(MEMBERS, legs, &seq, 60, heard);
	assert_int_equal(rig->mcore_stats[0].skipped, 0);
	for (int k = 0; k < 10; k++) {
		rig->now_tsc += RIG_TSC_HZ / 5;
		mcore_turn(rig->group, 0, rig->now_tsc);
		rig_run(rig);
		while (hear(0, &h))
			;
	}
	assert_true(rig->mcore_stats[0].skipped > 0);
	converse(MEMBERS, legs, &seq, 100, heard);
	for (uint32_t i = 0; i < MEMBERS; i++)
		for (uint32_t k = 0; k < MEMBERS; k++)
			check(heard, i, k, i != k);
	for (uint32_t i = 0; i < MEMBERS; i++)
		end_session(i);
}

/* ---- churn ---- */

static void test_churn(void **state)
{
	static const uint8_t kinds[] = {
		DP_PLAY_ROOM, DP_PLAY_PROMPT, DP_PLAY_NONE, DP_PLAY_TONE, DP_PLAY_ROOM};
	bool there[16] = {false};
	uint32_t seed = 7;
	struct heard h;

	for (uint32_t k = 0; k < CHURN; k++) {
		uint32_t i = signal_random(&seed, 16);
		struct dp_session s = make_session(i, 1 + k % 2);
		for (unsigned int leg = 0; leg < 1 + k % 2; leg++) {
			uint8_t kind = kinds[signal_random(&seed, 5)];
			bool by_id = kind == DP_PLAY_ROOM || kind == DP_PLAY_PROMPT;
			s.leg[leg].play = (struct dp_play){.kind = kind,
				.id = by_id ? 1 + signal_random(&seed, 3) : 0,
				.serial = kind ? k % 3 : 0};
			s.leg[leg].send.params.ptime_ms = (uint8_t)(10 + 10 * (k % 3));
		}
		if (there[i] && k % 5 == 0) {
			end_session(i);
			there[i] = false;
			continue;
		}
		put_session(i, &s);
		there[i] = true;
		say(i, 0, (uint16_t)k, NULL);
		rig_pass(rig, 7);
		while (hear(0, &h) || hear(1, &h))
			;
	}
	for (uint32_t i = 0; i < 16; i++)
		if (there[i])
			end_session(i);
	assert_true(rig->mcore_stats[0].made_packets > 1000);
}

static int start(void **state)
{
	rig_eal("play");
	for (uint32_t i = 0; i < 8000; i++)
		prompt[i] = (int16_t)(i * 37);
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_in_place),
		TEST(test_one_leg),
		TEST(test_rooms),
		TEST(test_room_beside_tone),
		TEST(test_light_heavy_light),
		TEST(test_churn),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
