/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Prompts and tones on a clock of the test: exact samples at exact times, again and again or once,
 * and the end that is told once; rates, packet times, codecs; another codec in the middle.
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
#include "dataplane/transcode/player.h"
#include "dataplane/transcode/voice.h"
#include "tests/unit/dataplane/signal.h"

#define START_US 7000500
#define HEARD	 (20 * 48000)

static int16_t samples[48000];
static unsigned int n_released;

static struct {
	struct player *p;
	uint64_t now_us, first_us, last_us;
	struct dp_mcore_stats stats;
	uint32_t n_packets, n_heard, n_markers;
	uint32_t last_ts;
	uint16_t last_seq;
	int16_t heard[HEARD];
} w;

static void release(void *owner)
{
	assert_ptr_equal(owner, samples);
	n_released++;
}

static struct player_sound sound(uint32_t n, uint32_t rate_hz)
{
	return (struct player_sound){.pcm = samples,
		.n_samples = n,
		.rate_hz = rate_hz,
		.owner = samples,
		.release = release};
}

static struct player_conf prompt(uint8_t codec, uint8_t ptime_ms, uint8_t flags)
{
	return (struct player_conf){
		.play = {.kind = DP_PLAY_PROMPT, .id = 3, .serial = 11, .flags = flags},
		.send = {.codec = codec, .pt = 97, .params.ptime_ms = ptime_ms}};
}

static void begin(struct player *p)
{
	memset(&w, 0, sizeof(w));
	w.p = p;
	w.now_us = START_US;
}

/* Milliseconds go by; L16 is heard as it is. */
static void pass(uint32_t ms)
{
	uint8_t rtp[VOICE_PACKET_MAX];

	for (; ms; ms--, w.now_us += 1000) {
		while (player_due_us(w.p) <= w.now_us) {
			uint32_t len = player_tick(w.p, w.now_us, rtp, sizeof(rtp), &w.stats);
			if (!len)
				continue;
			assert_int_equal(rtp[1] & 0x7f, 97);
			w.n_markers += rtp[1] >> 7;
			if (w.n_packets)
				assert_int_equal((uint16_t)(rtp_be16(rtp + 2) - w.last_seq), 1);
			else
				w.first_us = w.now_us;
			w.last_us = w.now_us;
			w.last_seq = rtp_be16(rtp + 2);
			w.last_ts = rtp_be32(rtp + 4);
			w.n_packets++;
			for (uint32_t i = RTP_HDR_LEN; i + 1 < len; i += 2)
				w.heard[w.n_heard++] = (int16_t)rtp_be16(rtp + i);
		}
	}
}

static void make_samples(void)
{
	for (uint32_t i = 0; i < 48000; i++)
		samples[i] = (int16_t)(i * 7 + 1);
}

/* Once, with silence behind it up to the end of the packet; then nothing, and the end is told once. */
static void test_once(void **state)
{
	static const struct {
		uint32_t n, packets;
		uint8_t ptime_ms;
	} rows[] = {{1, 1, 20}, {160, 1, 20}, {161, 2, 20}, {800, 10, 10}, {801, 2, 60},
		{960, 2, 60}, {7990, 34, 30}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct player_conf c = prompt(DP_CODEC_L16_8K, rows[i].ptime_ms, 0);
		struct player_sound s = sound(rows[i].n, 8000);
		struct player *p;
		uint32_t serial;

		assert_int_equal(player_new(&c, &s, 5, &p), 0);
		begin(p);
		pass(rows[i].packets * rows[i].ptime_ms);
		assert_int_equal(w.n_packets, rows[i].packets);
		assert_int_equal(w.n_markers, 1);
		assert_int_equal(w.first_us, START_US);
		assert_int_equal(
			w.last_us - w.first_us, (rows[i].packets - 1) * rows[i].ptime_ms * 1000);
		assert_int_equal(w.last_ts, (rows[i].packets - 1) * rows[i].ptime_ms * 8);
		assert_memory_equal(w.heard, samples, rows[i].n * 2);
		for (uint32_t k = rows[i].n; k < w.n_heard; k++)
			assert_int_equal(w.heard[k], 0);
		/* it is over when the last packet has been played */
		assert_false(player_is_done(p, &serial));
		pass(1);
		assert_true(player_is_done(p, &serial));
		assert_int_equal(serial, 11);
		player_told(p);
		assert_false(player_is_done(p, &serial));
		pass(1000);
		assert_int_equal(w.n_packets, rows[i].packets);
		assert_true(player_due_us(p) == UINT64_MAX);
		player_free(p);
		assert_int_equal(n_released, i + 1);
	}
}

/* The end is followed by the beginning, without a sample too much or too few; until it has lasted. */
static void test_loop(void **state)
{
	static const uint32_t lengths[] = {1, 7, 160, 161, 8000};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct player_conf c = prompt(DP_CODEC_L16_8K, 20, DP_PLAY_LOOP);
		struct player_sound s = sound(lengths[i], 8000);
		struct player *p;
		uint32_t serial;

		c.play.max_ms = 3010;
		assert_int_equal(player_new(&c, &s, 5, &p), 0);
		begin(p);
		pass(3500);
		assert_int_equal(w.n_packets, 151);
		for (uint32_t k = 0; k < w.n_heard; k++)
			assert_int_equal(w.heard[k], samples[k % lengths[i]]);
		assert_true(player_is_done(p, &serial));
		player_free(p);
	}
}

static void test_rates(void **state)
{
	static const struct {
		uint32_t from_hz, to_hz;
		uint8_t codec;
	} rows[] = {{8000, 16000, DP_CODEC_L16_16K}, {16000, 8000, DP_CODEC_L16_8K},
		{48000, 8000, DP_CODEC_L16_8K}, {48000, 16000, DP_CODEC_L16_16K}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct player_conf c = prompt(rows[i].codec, 0, DP_PLAY_LOOP);
		struct player_sound s = sound(rows[i].from_hz / 2, rows[i].from_hz);
		struct player *p;

		memset(samples, 0, sizeof(samples));
		signal_tone(samples, 48000, rows[i].from_hz, 1000, 8000, 0);
		assert_int_equal(player_new(&c, &s, 5, &p), 0);
		begin(p);
		pass(2000);
		assert_int_equal(w.n_heard, 2 * rows[i].to_hz);
		double got = signal_amplitude(
			w.heard + rows[i].to_hz, rows[i].to_hz / 2, rows[i].to_hz, 1000);
		assert_float_equal(got, 8000, 200);
		assert_float_equal(signal_rms(w.heard + rows[i].to_hz, rows[i].to_hz / 2) * 1.41421,
			8000, 250);
		player_free(p);
	}
	make_samples();
}

/* Every codec of this build takes a prompt of each rate, and makes packets in step. */
static void test_codecs(void **state)
{
	uint8_t rtp[VOICE_PACKET_MAX];

	for (uint32_t i = 0; codec_at(i); i++) {
		for (uint32_t hz = 8000; hz <= 48000; hz = hz == 8000 ? 16000 : hz * 3) {
			struct player_conf c = prompt((uint8_t)codec_at(i)->id, 0, 0);
			struct player_sound s = sound(hz / 2, hz);
			struct dp_mcore_stats stats = {0};
			uint64_t now_us = START_US;
			struct player *p;
			unsigned int n = 0;
			uint32_t serial;

			assert_int_equal(player_new(&c, &s, 5, &p), 0);
			for (; !player_is_done(p, &serial); now_us = player_due_us(p))
				n += player_tick(p, now_us, rtp, sizeof(rtp), &stats) > RTP_HDR_LEN;
			assert_int_equal(n, 25);
			player_free(p);
		}
	}
}

static void test_tone(void **state)
{
	struct player_conf c = {.play = {.kind = DP_PLAY_TONE,
					.serial = 4,
					.level = 20,
					.max_ms = 2000,
					.steps = {{{425}, 200}, {{0}, 300}}},
		.send = {.codec = DP_CODEC_L16_8K, .pt = 97}};
	struct player *p;
	uint32_t serial;

	assert_int_equal(player_new(&c, NULL, 5, &p), 0);
	begin(p);
	pass(2100);
	assert_int_equal(w.n_packets, 100);
	assert_true(player_is_done(p, &serial));
	assert_int_equal(serial, 4);
	for (uint32_t k = 0; k < 4; k++) {
		const int16_t *on = w.heard + k * 4000, *off = on + 1600;
		double want = 32767 * 0.0696; /* -23.14 dB */
		assert_float_equal(signal_amplitude(on + 160, 1280, 8000, 425), want, want / 20);
		assert_float_equal(signal_rms(off, 2400), 0, 0.5);
	}
	player_free(p);
	/* all zero: silence for ever */
	memset(c.play.steps, 0, sizeof(c.play.steps));
	c.play.max_ms = 0;
	assert_int_equal(player_new(&c, NULL, 5, &p), 0);
	begin(p);
	pass(5000);
	assert_int_equal(w.n_packets, 250);
	assert_float_equal(signal_rms(w.heard, w.n_heard), 0, 0.001);
	player_free(p);
}

/* A core without time: packets are missing, the rest is where and when it belongs. */
static void test_skip(void **state)
{
	struct player_conf c = prompt(DP_CODEC_L16_8K, 20, 0);
	struct player_sound s = sound(1600, 8000);
	struct player *p;

	assert_int_equal(player_new(&c, &s, 5, &p), 0);
	begin(p);
	pass(40);
	w.now_us += 60000;
	for (int i = 0; i < 3; i++)
		player_skip(p, w.now_us);
	pass(100);
	assert_int_equal(w.n_packets, 7);
	assert_int_equal(w.n_markers, 2);
	assert_int_equal(w.last_ts, 9 * 160);
	assert_memory_equal(w.heard + 320, samples + 5 * 160, 5 * 160 * 2);
	player_free(p);
}

/* What is played goes on in another codec; with another serial it begins anew. */
static void test_adopt(void **state)
{
	struct player_conf c = prompt(DP_CODEC_L16_8K, 20, 0);
	struct player_sound s = sound(8000, 8000);
	struct player *old, *p;
	uint32_t serial;

	assert_int_equal(player_new(&c, &s, 5, &old), 0);
	begin(old);
	pass(110);
	c.send.params.ptime_ms = 40;
	assert_int_equal(player_new(&c, &s, 6, &p), 0);
	player_adopt(p, old);
	player_free(old);
	w.p = p;
	w.last_seq = UINT16_MAX;
	pass(100);
	assert_memory_equal(w.heard, samples, w.n_heard * 2);
	assert_int_equal(w.n_heard, 6 * 160 + 3 * 320);
	old = p;
	c.play.serial++;
	assert_int_equal(player_new(&c, &s, 7, &p), 0);
	player_adopt(p, old);
	player_free(old);
	begin(p);
	pass(2000);
	assert_memory_equal(w.heard, samples, 16000);
	assert_true(player_is_done(p, &serial));
	player_told(p);
	old = p;
	c.send.pt = 98;
	assert_int_equal(player_new(&c, &s, 8, &p), 0);
	player_adopt(p, old);
	player_free(old);
	assert_false(player_is_done(p, &serial));
	assert_true(player_due_us(p) == UINT64_MAX);
	player_free(p);
}

static void test_refused(void **state)
{
	struct player_conf c = prompt(DP_CODEC_END, 20, 0);
	struct player_sound s = sound(100, 8000);
	struct player *p = NULL;

	n_released = 0;
	assert_int_equal(player_new(&c, &s, 5, &p), -ENOTSUP);
	c.send.codec = DP_CODEC_L16_8K;
	c.send.params.ptime_ms = 15;
	assert_true(player_new(&c, &s, 5, &p) < 0);
	assert_null(p);
	assert_int_equal(n_released, 2);
	player_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_loop),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_codecs),
		cmocka_unit_test(test_tone),
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_refused),
	};
	make_samples();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
