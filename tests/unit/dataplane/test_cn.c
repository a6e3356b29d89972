/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests of dataplane/transcode/cn.c and vad.c: payloads as in RFC 3389, level and colour of
 * the noise, speech against silence.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/cn.h"
#include "tests/unit/dataplane/signal.h"

#define SECOND 8000

static void test_payload(void **state)
{
	static const struct {
		const char *what;
		uint8_t bytes[20];
		size_t len;
		int want, level, order;
		double k0;
	} rows[] = {
		{"empty", {0}, 0, -EINVAL, 0, 0, 0},
		{"level alone", {70}, 1, 0, 70, 0, 0},
		{"reserved bit", {0x80 | 70}, 1, 0, 70, 0, 0},
		{"lowest coefficient", {40, 0}, 2, 0, 40, 1, -258 * 127 / 32768.0},
		{"zero", {40, 127}, 2, 0, 40, 1, 0},
		{"highest", {40, 254}, 2, 0, 40, 1, 258 * 127 / 32768.0},
		{"not defined", {40, 255}, 2, -EINVAL, 0, 0, 0},
		{"more than we take", {40, 100, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 255}, 15, 0,
			40, 12, 258 * -27 / 32768.0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vp_noise noise = {.level = 99};
		uint8_t again[20];
		int err = vp_noise_parse(rows[i].bytes, rows[i].len, &noise);
		if (err != rows[i].want)
			fail_msg("%s: %d", rows[i].what, err);
		if (err) {
			assert_int_equal(noise.level, 99);
			continue;
		}
		assert_int_equal(noise.level, rows[i].level);
		assert_int_equal(noise.order, rows[i].order);
		assert_float_equal(noise.k[0], rows[i].k0, 1e-6);
		assert_int_equal(vp_noise_build(&noise, again, 1u + noise.order), 1 + noise.order);
		assert_int_equal(again[0], rows[i].level);
		assert_memory_equal(again + 1, rows[i].bytes + 1, noise.order);
		assert_int_equal(vp_noise_build(&noise, again, noise.order), -ENOSPC);
	}
}

static double level_dbov(const int16_t *pcm, uint32_t n)
{
	return 20 * log10(signal_rms(pcm, n) / 32768);
}

/* Level as told within 1 dB, for white, dark and bright noise; nothing at 127. */
static void test_generated_level(void **state)
{
	static const float k[][3] = {
		{0, 0, 0}, {-0.8f, 0.3f, -0.2f}, {0.7f, -0.5f, 0.4f}, {-0.99f, 0.9f, 0}};
	static int16_t pcm[4 * SECOND];

	for (size_t i = 0; i < 4; i++) {
		for (uint8_t level = 30; level < 80; level += 20) {
			struct vp_noise noise = {.level = level, .order = i ? 3 : 0};
			struct vp_noise_gen g;
			memcpy(noise.k, k[i], sizeof(k[i]));
			vp_noise_gen_init(&g);
			vp_noise_gen_run(&g, pcm, 80);
			assert_true(signal_rms(pcm, 80) == 0);
			vp_noise_gen_set(&g, &noise);
			vp_noise_gen_run(&g, pcm, 4 * SECOND);
			assert_float_equal(
				level_dbov(pcm + SECOND, 3 * SECOND), -level, i == 3 ? 2 : 1);
			noise.level = VP_NOISE_LEVEL_MAX;
			vp_noise_gen_set(&g, &noise);
			vp_noise_gen_run(&g, pcm, SECOND);
			assert_true(signal_rms(pcm + 800, SECOND - 800) == 0);
		}
	}
}

/* Power above 2 kHz against all power, by first differences: a crude measure of colour. */
static double brightness(const int16_t *pcm, uint32_t n)
{
	double d = 0;

	for (uint32_t i = 1; i < n; i++)
		d += pow(pcm[i] - pcm[i - 1], 2);
	return d / n / pow(signal_rms(pcm, n), 2) / 2;
}

/* What is made of an estimate sounds like what was estimated: level and colour. */
static void test_estimate(void **state)
{
	static const float k[][2] = {{0, 0}, {-0.8f, 0.3f}, {0.6f, -0.2f}};
	static int16_t pcm[4 * SECOND], again[4 * SECOND];

	for (size_t i = 0; i < 3; i++) {
		struct vp_noise noise = {.level = 52, .order = 2}, told = {0};
		struct vp_noise_gen g;
		struct vp_dtx d;
		uint8_t payload[VP_NOISE_LEN];
		unsigned int n_told = 0;

		memcpy(noise.k, k[i], sizeof(k[i]));
		vp_noise_gen_init(&g);
		vp_noise_gen_set(&g, &noise);
		vp_noise_gen_run(&g, pcm, 4 * SECOND);
		vp_dtx_init(&d, 8000);
		for (uint32_t at = 0; at < 4 * SECOND; at += 160)
			n_told += vp_dtx_run(&d, pcm + at, 160, &told) == VP_DTX_NOISE;
		assert_in_range(n_told, 3, 8);
		assert_int_equal(vp_noise_build(&told, payload, sizeof(payload)), VP_NOISE_LEN);
		assert_int_equal(vp_noise_parse(payload, VP_NOISE_LEN, &told), 0);
		vp_noise_gen_init(&g);
		vp_noise_gen_set(&g, &told);
		vp_noise_gen_run(&g, again, 4 * SECOND);
		assert_float_equal(level_dbov(again + 800, 3 * SECOND),
			level_dbov(pcm + 800, 3 * SECOND), 1.5);
		assert_float_equal(
			brightness(again + 800, 3 * SECOND) / brightness(pcm + 800, 3 * SECOND), 1,
			0.15);
	}
}

/* Speech with its level changed and noise added: active where there is speech, silent in pauses. */
static void test_speech(void **state)
{
	static const struct {
		double gain;
		uint8_t noise;
		uint32_t rate_hz;
	} rows[] = {{1, 127, 8000}, {1, 60, 8000}, {0.25, 70, 8000}, {1, 50, 8000}, {2.5, 55, 8000},
		{2.5, 45, 8000}};
	uint32_t n, speech_on, speech_all, pause_off, pause_all;
	const int16_t *speech = signal_speech(&n);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vp_noise noise = {.level = rows[i].noise};
		struct vp_noise_gen g;
		struct vp_vad v;
		uint64_t loud_at = 0;
		vp_noise_gen_init(&g);
		vp_noise_gen_set(&g, &noise);
		vp_vad_init(&v, 8000);
		speech_on = speech_all = pause_off = pause_all = 0;
		/* the second pass has the noise floor learned */
		for (uint32_t at = 0; at < 2 * n - 160; at += 160) {
			int16_t frame[160], add[160];
			const int16_t *own = speech + at % (n - 160);
			vp_noise_gen_run(&g, add, 160);
			for (int k = 0; k < 160; k++)
				frame[k] = (int16_t)(own[k] * rows[i].gain + add[k]);
			bool on = vp_vad_run(&v, frame, 160);
			bool loud = signal_rms(own, 160) > 500, soft = signal_rms(own, 160) < 60;
			if (loud)
				loud_at = at;
			if (at < n)
				continue;
			speech_all += loud;
			speech_on += loud && on;
			/* after the hangover */
			pause_all += soft && at - loud_at > 8 * 300;
			pause_off += soft && at - loud_at > 8 * 300 && !on;
		}
		assert_true(speech_all > 100 && pause_all > 20);
		if (speech_on < speech_all || pause_off * 100 < pause_all * 90)
			fail_msg(
				"gain %.2f, noise -%u dBov: %u of %u loud frames are speech, %u "
				"of %u in pauses are not",
				rows[i].gain, rows[i].noise, speech_on, speech_all, pause_off,
				pause_all);
	}
}

/* A steady tone is active for ever, and goes silent 200 ms after its end. */
static void test_tone_and_hangover(void **state)
{
	int16_t tone[160], nothing[160] = {0};
	struct vp_noise faint = {.level = 75};
	struct vp_noise_gen g;
	struct vp_vad v;
	int left = 0;

	vp_vad_init(&v, 8000);
	for (uint64_t at = 0; at < 20 * SECOND; at += 160) {
		memset(tone, 0, sizeof(tone));
		signal_tone(tone, 160, 8000, 425, 2000, at);
		assert_true(vp_vad_run(&v, tone, 160));
	}
	while (vp_vad_run(&v, nothing, 160))
		left++;
	assert_int_equal(left, VP_VAD_HANGOVER_MS / 20);
	for (int i = 0; i < 500; i++)
		assert_false(vp_vad_run(&v, nothing, 160));
	/* nor does the faintest noise wake it up */
	vp_noise_gen_init(&g);
	vp_noise_gen_set(&g, &faint);
	for (int i = 0; i < 500; i++) {
		vp_noise_gen_run(&g, tone, 160);
		assert_false(vp_vad_run(&v, tone, 160));
	}
}

/* What is told when: first frame of silence, then when the level changes, else once in a second. */
static void test_dtx(void **state)
{
	struct vp_noise noise = {.level = 68}, told = {0};
	struct vp_noise_gen g;
	struct vp_dtx d;
	int16_t frame[160];
	unsigned int at_ms = 0, told_ms[16] = {0}, n_told = 0, n_speech = 0;

	vp_noise_gen_init(&g);
	vp_noise_gen_set(&g, &noise);
	vp_noise_gen_run(&g, frame, 160);
	vp_dtx_init(&d, 8000);
	for (; at_ms < 5000; at_ms += 20) {
		/* noise, 6 dB louder from 3000 to 3600 ms, and speech from 1000 to 1200 ms */
		if (at_ms == 3000 || at_ms == 3600) {
			noise.level = at_ms == 3000 ? 62 : 68;
			vp_noise_gen_set(&g, &noise);
		}
		vp_noise_gen_run(&g, frame, 160);
		if (at_ms >= 1000 && at_ms < 1200)
			signal_tone(frame, 160, 8000, 300, 6000, at_ms * 8);
		enum vp_dtx_what what = vp_dtx_run(&d, frame, 160, &told);
		n_speech += what == VP_DTX_SPEECH;
		if (what == VP_DTX_NOISE && n_told < 16)
			told_ms[n_told++] = at_ms;
		if (what == VP_DTX_NOISE && at_ms == 0)
			assert_in_range(told.level, 66, 71);
	}
	assert_int_equal(n_speech * 20, 200 + VP_VAD_HANGOVER_MS);
	assert_int_equal(told_ms[0], 0);
	/* at once when speech and hangover are over, then once in a second */
	unsigned int i = 0;
	while (i < n_told && told_ms[i] < 1000)
		i++;
	assert_int_equal(told_ms[i], 1400);
	/* soon after each change, but not all the time */
	while (i < n_told && told_ms[i] < 3000)
		i++;
	assert_in_range(told_ms[i], 3000, 3220);
	while (i < n_told && told_ms[i] < 3600)
		i++;
	assert_in_range(told_ms[i], 3600, 3820);
	for (i = 1; i < n_told; i++)
		assert_true(told_ms[i] - told_ms[i - 1] >= VP_DTX_GAP_MS);
	assert_in_range(n_told, 6, 12);
	assert_in_range(told.level, 66, 69);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payload),
		cmocka_unit_test(test_generated_level),
		cmocka_unit_test(test_estimate),
		cmocka_unit_test(test_speech),
		cmocka_unit_test(test_tone_and_hangover),
		cmocka_unit_test(test_dtx),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
