/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of dataplane/transcode/mixer.c: who hears whom, how loud, and what saturation does. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/mixer.h"
#include "dataplane/transcode/vp.h"
#include "tests/unit/dataplane/signal.h"

#define FRAME 160

static struct vp_mixer *mixer(uint32_t n_parties, uint32_t n_talkers)
{
	struct vp_mixer *m = NULL;

	assert_int_equal(vp_mixer_new(n_parties, n_talkers, FRAME, &m), 0);
	return m;
}

static void test_arguments(void **state)
{
	static const struct {
		uint32_t n_parties, n_talkers, frame_n;
	} rows[] = {{0, 0, 160}, {33, 0, 160}, {3, 4, 160}, {3, 0, 0}, {3, 0, VP_FRAME_MAX + 1}};
	int16_t pcm[FRAME + 1] = {0};
	struct vp_mixer *m = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			vp_mixer_new(rows[i].n_parties, rows[i].n_talkers, rows[i].frame_n, &m),
			-EINVAL);
	vp_mixer_free(NULL);
	m = mixer(3, 0);
	assert_int_equal(vp_mixer_put(m, 3, pcm, FRAME), -EINVAL);
	assert_int_equal(vp_mixer_put(m, 0, pcm, FRAME + 1), -EINVAL);
	assert_int_equal(vp_mixer_get(m, 3, pcm), -EINVAL);
	vp_mixer_free(m);
}

/* Three parties, three tones: each hears the other two, and less than -50 dB of itself. */
static void test_three_tones(void **state)
{
	static const double tones[] = {400, 700, 1100};
	static int16_t out[3][50 * FRAME], all[50 * FRAME];
	struct vp_mixer *m = mixer(3, 0);

	for (uint32_t at = 0; at < 50 * FRAME; at += FRAME) {
		vp_mixer_begin(m);
		for (uint32_t p = 0; p < 3; p++) {
			int16_t pcm[FRAME] = {0};
			signal_tone(pcm, FRAME, 8000, tones[p], 4000, at);
			assert_int_equal(vp_mixer_put(m, p, pcm, FRAME), 0);
		}
		for (uint32_t p = 0; p < 3; p++)
			assert_int_equal(vp_mixer_get(m, p, out[p] + at), 0);
		vp_mixer_get_all(m, all + at);
	}
	for (uint32_t p = 0; p < 3; p++)
		for (uint32_t q = 0; q < 3; q++) {
			double got = signal_amplitude(out[p], 50 * FRAME, 8000, tones[q]);
			if (p == q)
				assert_true(got < 4000 * pow(10, -50 / 20.0));
			else
				assert_float_equal(got, 4000, 20);
			assert_float_equal(
				signal_amplitude(all, 50 * FRAME, 8000, tones[p]), 4000, 20);
		}
	vp_mixer_free(m);
}

/* Absent and late parties are silence; what they put in an earlier frame is not heard again. */
static void test_absent(void **state)
{
	struct vp_mixer *m = mixer(3, 0);
	int16_t a[FRAME], b[FRAME], out[FRAME];

	for (int i = 0; i < FRAME; i++) {
		a[i] = 100;
		b[i] = 1000;
	}
	vp_mixer_begin(m);
	assert_int_equal(vp_mixer_put(m, 1, b, FRAME), 0);
	vp_mixer_begin(m);
	assert_int_equal(vp_mixer_put(m, 0, a, FRAME), 0);
	assert_int_equal(vp_mixer_put(m, 1, b, FRAME / 2), 0);
	assert_int_equal(vp_mixer_get(m, 2, out), 0);
	assert_int_equal(out[0], 1100);
	assert_int_equal(out[FRAME / 2 - 1], 1100);
	assert_int_equal(out[FRAME / 2], 100);
	/* who put twice is heard once, and not by itself */
	assert_int_equal(vp_mixer_put(m, 0, b, FRAME), 0);
	assert_int_equal(vp_mixer_get(m, 2, out), 0);
	assert_int_equal(out[FRAME - 1], 1000);
	assert_int_equal(vp_mixer_get(m, 0, out), 0);
	assert_int_equal(out[FRAME - 1], 0);
	assert_int_equal(out[0], 1000);
	vp_mixer_begin(m);
	assert_int_equal(vp_mixer_put(m, 1, b, FRAME), 0);
	assert_int_equal(vp_mixer_get(m, 1, out), 0);
	for (int i = 0; i < FRAME; i++)
		assert_int_equal(out[i], 0);
	assert_int_equal(vp_mixer_get(m, 0, out), 0);
	assert_int_equal(out[5], 1000);
	vp_mixer_free(m);
	/* nor is its place kept */
	m = mixer(3, 1);
	vp_mixer_begin(m);
	assert_int_equal(vp_mixer_put(m, 1, b, FRAME), 0);
	vp_mixer_get_all(m, out);
	assert_int_equal(out[5], 1000);
	vp_mixer_begin(m);
	assert_int_equal(vp_mixer_put(m, 0, a, FRAME), 0);
	vp_mixer_get_all(m, out);
	assert_int_equal(out[5], 100);
	vp_mixer_free(m);
}

/* The sum never wraps, never falls while what is summed rises, and is exact below 3/4. */
static void test_saturation(void **state)
{
	struct vp_mixer *m = mixer(VP_MIXER_PARTIES_MAX, 0);
	int16_t in[FRAME], out[FRAME], last = -INT16_MAX;

	for (int32_t level = -32768; level < 32767; level += 37) {
		for (int i = 0; i < FRAME; i++)
			in[i] = (int16_t)level;
		vp_mixer_begin(m);
		for (uint32_t p = 0; p < VP_MIXER_PARTIES_MAX; p++)
			assert_int_equal(vp_mixer_put(m, p, in, FRAME), 0);
		assert_int_equal(vp_mixer_get(m, 0, out), 0);
		assert_true(out[0] >= last);
		last = out[0];
		if (abs(level * 31) <= 24576)
			assert_int_equal(out[0], level * 31);
		else
			assert_true(abs(out[0]) >= 24576 && (out[0] < 0) == (level < 0));
		/* 1.2 of full scale is bent by about 3 dB, and 2.4 further */
		if (abs(level * 31) > 39000 && abs(level * 31) < 40500)
			assert_in_range(abs(out[0]), 29500, 30100);
		if (abs(level * 31) > 78000 && abs(level * 31) < 80000)
			assert_in_range(abs(out[0]), 31600, 31900);
	}
	vp_mixer_free(m);
}

/* Of ten noises and two voices, the two are heard; a cough does not take the place of who talks. */
static void test_loudest(void **state)
{
	struct vp_mixer *m = mixer(12, 2);
	uint32_t seed = 1;
	double noise, coughed = 0;
	int16_t out[FRAME];

	for (int frame = 0; frame < 100; frame++) {
		vp_mixer_begin(m);
		for (uint32_t p = 0; p < 12; p++) {
			int16_t pcm[FRAME] = {0};
			for (int i = 0; i < FRAME; i++)
				pcm[i] = (int16_t)((int)signal_random(&seed, 401) - 200);
			if (p == 3)
				signal_tone(pcm, FRAME, 8000, 500, 3000, (uint64_t)frame * FRAME);
			/* the other pauses within words */
			if (p == 7 && frame % 10 < 8)
				signal_tone(pcm, FRAME, 8000, 900, 3000, (uint64_t)frame * FRAME);
			if (p == 9 && (frame == 50 || frame == 58))
				signal_tone(pcm, FRAME, 8000, 1500, frame == 50 ? 4000 : 2000,
					(uint64_t)frame * FRAME);
			assert_int_equal(vp_mixer_put(m, p, pcm, FRAME), 0);
		}
		assert_int_equal(vp_mixer_get(m, 0, out), 0);
		assert_float_equal(signal_amplitude(out, FRAME, 8000, 500), 3000, 250);
		if (frame % 10 < 8)
			assert_float_equal(signal_amplitude(out, FRAME, 8000, 900), 3000, 250);
		coughed = fmax(coughed, signal_amplitude(out, FRAME, 8000, 1500));
		if (frame % 10 == 9) {
			/* two noises and no more: each has 116 rms */
			noise = signal_rms(out, FRAME);
			assert_true(noise > 2000 && noise < 2250);
		}
		assert_int_equal(vp_mixer_get(m, 3, out), 0);
		assert_true(signal_amplitude(out, FRAME, 8000, 500) < 100);
	}
	assert_true(coughed < 400);
	/* but who goes on being louder is heard */
	for (int frame = 0; frame < 50; frame++) {
		vp_mixer_begin(m);
		for (uint32_t p = 0; p < 12; p++) {
			int16_t pcm[FRAME] = {0};
			signal_tone(pcm, FRAME, 8000, 300.0 + 100 * p,
				p == 9		   ? 9000
				: p == 3 || p == 7 ? 3000
						   : 100,
				0);
			assert_int_equal(vp_mixer_put(m, p, pcm, FRAME), 0);
		}
		assert_int_equal(vp_mixer_get(m, 0, out), 0);
	}
	assert_float_equal(signal_amplitude(out, FRAME, 8000, 1200), 9000, 200);
	vp_mixer_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_three_tones),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_saturation),
		cmocka_unit_test(test_loudest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
