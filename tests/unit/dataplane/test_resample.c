/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of dataplane/transcode/resample.c: counts, level, aliasing, delay. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/resample.h"
#include "dataplane/transcode/vp.h"
#include "tests/unit/dataplane/signal.h"

static const uint32_t rates[] = {8000, 16000, 48000};

static void test_arguments(void **state)
{
	static const struct {
		uint32_t from_hz, to_hz;
		int quality;
	} rows[] = {{8000, 44100, 3}, {11025, 8000, 3}, {0, 8000, 3}, {8000, 16000, -1},
		{8000, 16000, 11}};
	struct vp_resample *r = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			vp_resample_new(rows[i].from_hz, rows[i].to_hz, rows[i].quality, &r),
			-EINVAL);
	assert_null(r);
	vp_resample_free(NULL);
}

/* From the first call on there come exactly as many milliseconds out as went in. */
static void test_exact_counts(void **state)
{
	int16_t in[VP_FRAME_MAX] = {0}, out[VP_FRAME_MAX];

	for (size_t i = 0; i < 9; i++) {
		for (int quality = 0; quality <= VP_RESAMPLE_QUALITY_MAX; quality += 5) {
			uint32_t from = rates[i / 3], to = rates[i % 3], seed = (uint32_t)i;
			struct vp_resample *r;
			assert_int_equal(vp_resample_new(from, to, quality, &r), 0);
			for (int n = 0; n < 100; n++) {
				uint32_t ms = 1 + signal_random(&seed, VP_FRAME_MAX_MS);
				assert_int_equal(
					vp_resample_run(r, in, ms * from / 1000, out, VP_FRAME_MAX),
					ms * to / 1000);
			}
			assert_int_equal(vp_resample_run(r, in, 7, out, VP_FRAME_MAX), -EINVAL);
			assert_int_equal(
				vp_resample_run(r, in, from / 1000 * 121, out, VP_FRAME_MAX),
				-EINVAL);
			assert_int_equal(
				vp_resample_run(r, in, from / 100, out, to / 100 - 1), -ENOSPC);
			vp_resample_free(r);
		}
	}
}

/* A tone that both rates carry keeps its level; what only the higher one carries is gone. */
static void test_level_and_alias(void **state)
{
	enum { MS = 400 };
	static int16_t in[48 * MS], out[48 * MS];

	for (size_t i = 0; i < 9; i++) {
		uint32_t from = rates[i / 3], to = rates[i % 3];
		struct vp_resample *r;
		assert_int_equal(vp_resample_new(from, to, VP_RESAMPLE_QUALITY, &r), 0);
		for (int alias = 0; alias < (from > to ? 2 : 1); alias++) {
			double freq = alias ? to / 2.0 + to * 0.2 : 1000;
			memset(in, 0, sizeof(in));
			signal_tone(in, from / 1000 * MS, from, freq, 10000, 0);
			vp_resample_reset(r);
			for (uint32_t ms = 0; ms < MS; ms += 10)
				assert_int_equal(
					vp_resample_run(r, in + ms * from / 1000, from / 100,
						out + ms * to / 1000, to / 100),
					to / 100);
			uint32_t skip = to / 1000 * 100, n = to / 1000 * (MS - 100);
			if (alias)
				assert_true(signal_rms(out + skip, n) < 10000 * 0.7071 * 0.003);
			else
				assert_float_equal(
					signal_amplitude(out + skip, n, to, 1000), 10000, 120);
		}
		vp_resample_free(r);
	}
}

/* The stated delay is the one that an impulse shows. */
static void test_delay(void **state)
{
	for (size_t i = 0; i < 9; i++) {
		uint32_t from = rates[i / 3], to = rates[i % 3], peak = 0;
		int16_t in[4800] = {0}, out[4800];
		struct vp_resample *r;

		assert_int_equal(vp_resample_new(from, to, VP_RESAMPLE_QUALITY, &r), 0);
		in[from / 1000 * 10] = 30000;
		assert_int_equal(vp_resample_run(r, in, from / 20, out, 4800), to / 20);
		for (uint32_t k = 0; k < to / 20; k++)
			if (abs(out[k]) > abs(out[peak]))
				peak = k;
		double late_us = peak * 1e6 / to - 10000;
		assert_float_equal(late_us, vp_resample_delay_us(r), 126);
		assert_true(vp_resample_delay_us(r) <= 6000);
		vp_resample_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_exact_counts),
		cmocka_unit_test(test_level_and_alias),
		cmocka_unit_test(test_delay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
