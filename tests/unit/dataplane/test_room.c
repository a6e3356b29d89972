/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rooms on a clock of the test. Each member says a tone of its own, in its own codec, packet time and
 * by its own clock; what it hears are the tones of the others and not its own.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/stages/rtp.h"
#include "dataplane/transcode/codec.h"
#include "dataplane/transcode/room.h"
#include "tests/unit/dataplane/signal.h"

#define START_US  9000300
#define MEMBERS	  DP_ROOM_MEMBERS_MAX
#define AMPLITUDE 3000.0
#define HEARD_S	  8

/* A far end: says a tone, hears the mix. */
struct party {
	struct member *m;
	uint8_t codec, ptime_ms, hears_ms; /* packet times of what it says and hears */
	uint32_t hz;			   /* of its samples */
	double tone_hz;
	int ppm; /* how much faster its clock is */
	bool silent;
	struct codec_encoder *enc;
	struct codec_decoder *dec;
	uint64_t next_us; /* when it says the next packet; nanoseconds are left out */
	double drift_us;
	uint64_t at;
	uint16_t seq;
	uint32_t ts, clock_hz;
	uint32_t n_packets, n_heard, last_ts;
	uint16_t last_seq;
	uint64_t last_us;
	int16_t heard[HEARD_S * 48000];
};

static struct {
	struct room *room;
	struct party parties[MEMBERS];
	uint32_t n;
	uint64_t now_us;
	struct dp_mcore_stats stats;
	unsigned int n_released;
} w;

static void released(void *arg)
{
	w.n_released++;
}

static struct member_conf conf_of(const struct party *p)
{
	struct dp_session s = {
		.leg = {{.n_payloads = 2,
			.payloads = {{.pt = 96, .codec = p->codec},
				{.pt = 101, .action = DP_PT_EVENT}},
			.send = {.codec = p->codec, .pt = 97, .params.ptime_ms = p->hears_ms},
			.play = {.kind = DP_PLAY_ROOM, .id = 1}}}};
	struct member_conf c;

	member_conf_of(&s, 0, &c);
	return c;
}

static struct party *enter(uint8_t codec, uint8_t ptime_ms, double tone_hz, int ppm)
{
	struct party *p = &w.parties[w.n++];
	struct codec_config config = {.ptime_ms = ptime_ms};

	memset(p, 0, sizeof(*p));
	*p = (struct party){.codec = codec,
		.ptime_ms = ptime_ms,
		.hears_ms = ptime_ms,
		.tone_hz = tone_hz,
		.ppm = ppm};
	p->hz = config.rate_hz = codec_rate_fit(codec_by_id(codec), &config.params, 16000);
	p->clock_hz = dp_codec_row(codec)->clock_hz;
	p->next_us = w.now_us + w.n * 1700; /* out of step with each other */
	assert_int_equal(codec_encoder_new(codec_by_id(codec), &config, &p->enc), 0);
	assert_int_equal(codec_decoder_new(codec_by_id(codec), &config, &p->dec), 0);
	struct member_conf c = conf_of(p);
	assert_int_equal(member_new(&c, w.room, w.n, released, NULL, &p->m), 0);
	assert_int_equal(room_join(p->m, w.now_us), 0);
	return p;
}

static void leave(struct party *p)
{
	room_leave(p->m);
	member_free(p->m);
	p->m = NULL;
}

static void begin(void)
{
	memset(&w, 0, offsetof(typeof(w), parties));
	w.n = w.n_released = 0;
	memset(&w.stats, 0, sizeof(w.stats));
	w.now_us = START_US;
	assert_int_equal(room_new(&w.room), 0);
	assert_true(room_due_us(w.room) == UINT64_MAX);
}

static void end(void)
{
	for (uint32_t i = 0; i < w.n; i++) {
		if (w.parties[i].m)
			leave(&w.parties[i]);
		codec_encoder_free(w.parties[i].enc);
		codec_decoder_free(w.parties[i].dec);
	}
	assert_int_equal(w.n_released, w.n);
	assert_int_equal(room_n_members(w.room), 0);
	assert_true(room_due_us(w.room) == UINT64_MAX);
	room_free(w.room);
}

static void say(struct party *p)
{
	int16_t pcm[48 * 60] = {0};
	uint8_t rtp[RTP_HDR_LEN + CODEC_PAYLOAD_MAX] = {0x80, 96};
	uint32_t n = p->hz / 1000 * p->ptime_ms;

	signal_tone(pcm, n, p->hz, p->tone_hz, AMPLITUDE, p->at);
	p->at += n;
	rtp[2] = (uint8_t)(p->seq >> 8);
	rtp[3] = (uint8_t)p->seq++;
	for (int i = 0; i < 4; i++)
		rtp[4 + i] = (uint8_t)(p->ts >> (24 - 8 * i));
	p->ts += p->clock_hz / 1000 * p->ptime_ms;
	int len = codec_encode(p->enc, pcm, rtp + RTP_HDR_LEN, CODEC_PAYLOAD_MAX);
	assert_true(len >= 0);
	if (len && !p->silent)
		member_put(p->m, rtp, RTP_HDR_LEN + (uint32_t)len, w.now_us, &w.stats);
	double step = p->ptime_ms * 1000.0 * (1 - p->ppm / 1e6) + p->drift_us;
	p->next_us += (uint64_t)step;
	p->drift_us = step - (double)(uint64_t)step;
}

static void hear(struct party *p)
{
	uint8_t rtp[VOICE_PACKET_MAX];
	int16_t pcm[CODEC_SAMPLES_MAX];
	uint32_t len = member_tick(p->m, rtp, sizeof(rtp), &w.stats);

	if (!len)
		return;
	assert_int_equal(rtp[1] & 0x7f, 97);
	if (p->n_packets++) {
		assert_int_equal((uint16_t)(rtp_be16(rtp + 2) - p->last_seq), 1);
		assert_int_equal(
			(rtp_be32(rtp + 4) - p->last_ts) % (p->clock_hz / 1000 * p->hears_ms), 0);
	}
	p->last_seq = rtp_be16(rtp + 2);
	p->last_ts = rtp_be32(rtp + 4);
	p->last_us = w.now_us;
	int n = codec_decode(p->dec, rtp + RTP_HDR_LEN, len - RTP_HDR_LEN, pcm, CODEC_SAMPLES_MAX);
	assert_true(n > 0 && p->n_heard + (uint32_t)n <= HEARD_S * 48000);
	memcpy(p->heard + p->n_heard, pcm, (uint32_t)n * 2);
	p->n_heard += (uint32_t)n;
}

static void pass(uint32_t ms)
{
	while (ms--) {
		w.now_us += 1000;
		for (uint32_t i = 0; i < w.n; i++)
			while (w.parties[i].m && w.parties[i].next_us <= w.now_us)
				say(&w.parties[i]);
		while (room_due_us(w.room) <= w.now_us)
			room_tick(w.room, w.now_us, &w.stats);
		for (uint32_t i = 0; i < w.n; i++)
			while (w.parties[i].m && member_due_us(w.parties[i].m) <= w.now_us)
				hear(&w.parties[i]);
	}
}

/* How loud party i hears a tone, in the last half second; 1: as it was said. */
static double loudness(const struct party *p, double tone_hz)
{
	uint32_t n = p->hz / 2;

	assert_true(p->n_heard >= n);
	return signal_amplitude(p->heard + p->n_heard - n, n, p->hz, tone_hz) / AMPLITUDE;
}

/* Everybody hears the others and not itself, in this half second. */
static void check_everybody(void)
{
	for (uint32_t i = 0; i < w.n; i++) {
		for (uint32_t k = 0; k < w.n && w.parties[i].m; k++) {
			double got = loudness(&w.parties[i], w.parties[k].tone_hz);
			bool heard = k != i && w.parties[k].m && !w.parties[k].silent;
			if (heard ? got < 0.75 || got > 1.25 : got > 0.05)
				fail_msg("%u hears %u: %.3f", i, k, got);
		}
	}
}

/* Two to five, as alike as they can be. */
static void test_sizes(void **state)
{
	for (uint32_t n = 2; n <= 5; n++) {
		begin();
		for (uint32_t i = 0; i < n; i++)
			enter(DP_CODEC_L16_8K, 20, 500 + 300 * i, 0);
		pass(1500);
		check_everybody();
		for (uint32_t i = 0; i < n; i++)
			assert_in_range(w.parties[i].n_packets, 74, 76);
		end();
	}
}

/* Codecs, packet times and clocks that have nothing to do with each other. */
static void test_mixed(void **state)
{
	begin();
	enter(DP_CODEC_PCMU, 20, 450, 150);
	enter(DP_CODEC_L16_16K, 10, 780, -200);
	enter(DP_CODEC_G722, 30, 1110, 0);
	enter(DP_CODEC_PCMA, 60, 1530, 90);
	enter(DP_CODEC_L16_8K, 40, 2020, -90);
	pass(3000);
	check_everybody();
	assert_in_range(w.parties[0].n_packets, 148, 151);
	assert_in_range(w.parties[1].n_packets, 297, 301);
	assert_in_range(w.parties[3].n_packets, 48, 51);
	end();
}

/* Alone one hears silence, in step; later ones are heard from then on, those who left no more. */
static void test_come_and_go(void **state)
{
	begin();
	struct party *a = enter(DP_CODEC_L16_8K, 20, 500, 0);
	pass(1000);
	assert_in_range(a->n_packets, 49, 51);
	assert_float_equal(signal_rms(a->heard, a->n_heard), 0, 0.001);
	enter(DP_CODEC_PCMA, 20, 800, 0);
	struct party *c = enter(DP_CODEC_L16_16K, 20, 1100, 0);
	pass(1000);
	check_everybody();
	leave(c);
	pass(1000);
	check_everybody();
	leave(a);
	pass(500);
	/* the first who was there is gone, and the room goes on with who is left */
	struct party *d = enter(DP_CODEC_G722, 20, 1400, 0);
	pass(1000);
	check_everybody();
	assert_in_range(d->n_packets, 49, 51);
	end();
}

/* Who says nothing holds up nobody; neither does one whose packets stop, or are late. */
static void test_silent(void **state)
{
	begin();
	enter(DP_CODEC_L16_8K, 20, 500, 0)->silent = true;
	struct party *b = enter(DP_CODEC_PCMU, 20, 800, 0);
	enter(DP_CODEC_L16_8K, 20, 1100, 0);
	pass(1000);
	check_everybody();
	b->silent = true;
	pass(1000);
	check_everybody();
	for (uint32_t i = 0; i < 3; i++)
		assert_in_range(w.parties[i].n_packets, 99, 101);
	b->silent = false;
	pass(1500);
	check_everybody();
	end();
}

/* Eight of many are mixed: the loudest. */
static void test_full(void **state)
{
	begin();
	for (uint32_t i = 0; i < MEMBERS; i++)
		enter(DP_CODEC_L16_8K, 20, 300 + 90 * i, 0);
	struct party *p = &w.parties[0];
	struct member_conf c = conf_of(p);
	struct member *m;
	assert_int_equal(member_new(&c, w.room, 99, NULL, NULL, &m), 0);
	assert_int_equal(room_join(m, w.now_us), -ENOSPC);
	member_free(m);
	pass(1000);
	unsigned int n = 0;
	for (uint32_t k = 1; k < MEMBERS; k++)
		n += loudness(p, w.parties[k].tone_hz) > 0.5;
	assert_in_range(n, 7, 8);
	/* the place of one who left is another's */
	leave(&w.parties[5]);
	assert_int_equal(member_new(&c, w.room, 99, NULL, NULL, &m), 0);
	assert_int_equal(room_join(m, w.now_us), 0);
	room_leave(m);
	member_free(m);
	end();
}

/* Another codec in the middle: the same place, and nothing is missed for long. */
static void test_replace(void **state)
{
	begin();
	struct party *a = enter(DP_CODEC_PCMU, 20, 500, 0);
	struct party *b = enter(DP_CODEC_L16_8K, 20, 800, 0);
	pass(1000);
	struct member *old = a->m;
	a->hears_ms = 30;
	struct member_conf c = conf_of(a);
	assert_int_equal(member_new(&c, w.room, 7, released, NULL, &a->m), 0);
	room_replace(a->m, old);
	member_free(old);
	w.n_released--;
	a->n_packets = a->n_heard = 0;
	uint32_t n = b->n_heard;
	pass(100);
	assert_in_range(b->n_heard - n, 720, 880);
	pass(900);
	assert_in_range(a->n_packets, 32, 34);
	check_everybody();
	end();
}

/* A core that could do nothing for a while: afterwards all is as before. */
static void test_skip(void **state)
{
	begin();
	struct party *a = enter(DP_CODEC_L16_8K, 20, 500, 0);
	enter(DP_CODEC_PCMA, 30, 800, 0);
	pass(1000);
	uint32_t ts = a->last_ts;
	uint64_t us = a->last_us;
	for (int i = 0; i < 700; i++) {
		w.now_us += 1000;
		for (uint32_t k = 0; k < w.n; k++)
			while (w.parties[k].next_us <= w.now_us)
				say(&w.parties[k]);
	}
	room_skip(w.room, w.now_us);
	assert_in_range(room_due_us(w.room), w.now_us - 10000, w.now_us);
	pass(1000);
	check_everybody();
	/* what passed is time */
	assert_in_range((a->last_us - us) / 1000 - (a->last_ts - ts) / 8, 0, 20);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_come_and_go),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_skip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
