/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of dataplane/transcode/tone.c and dataplane/api/dp_tone.c: each row as it sounds, measured. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/tone.h"
#include "dataplane/transcode/vp.h"
#include "tests/unit/dataplane/signal.h"

#define SECONDS 7

static const uint32_t rates[] = {8000, 16000, 48000};

static void test_every_country_has_all(void **state)
{
	static const char *const countries[] = {"de", "eu", "fr", "uk", "us"};
	size_t n = 0;

	for (size_t i = 0; i < 5; i++)
		for (int kind = 0; kind < DP_TONE_KINDS; kind++)
			assert_non_null(dp_tone_find(countries[i], (enum dp_tone_kind)kind));
	while (dp_tone_at(n))
		n++;
	assert_int_equal(n, 5 * DP_TONE_KINDS);
	assert_null(dp_tone_find("xx", DP_TONE_BUSY));
	assert_null(dp_tone_find("de", DP_TONE_KINDS));
}

/* Against ITU-T E.180 supplement 2, written down once more: frequencies, ms on and off. */
static void test_table(void **state)
{
	static const struct {
		const char *country;
		enum dp_tone_kind kind;
		const char *want;
	} wants[] = {
		{"de", DP_TONE_DIAL, "425 0 "},
		{"de", DP_TONE_RINGBACK, "425 1000 - 4000 "},
		{"de", DP_TONE_BUSY, "425 480 - 480 "},
		{"de", DP_TONE_CONGESTION, "425 240 - 240 "},
		{"eu", DP_TONE_BUSY, "425 500 - 500 "},
		{"eu", DP_TONE_CONGESTION, "425 200 - 200 "},
		{"fr", DP_TONE_DIAL, "440 0 "},
		{"fr", DP_TONE_RINGBACK, "440 1500 - 3500 "},
		{"fr", DP_TONE_BUSY, "440 500 - 500 "},
		{"fr", DP_TONE_CONGESTION, "440 250 - 250 "},
		{"uk", DP_TONE_DIAL, "350+440 0 "},
		{"uk", DP_TONE_RINGBACK, "400+450 400 - 200 400+450 400 - 2000 "},
		{"uk", DP_TONE_BUSY, "400 375 - 375 "},
		{"uk", DP_TONE_CONGESTION, "400 400 - 350 400 225 - 525 "},
		{"us", DP_TONE_DIAL, "350+440 0 "},
		{"us", DP_TONE_RINGBACK, "440+480 2000 - 4000 "},
		{"us", DP_TONE_BUSY, "480+620 500 - 500 "},
		{"us", DP_TONE_CONGESTION, "480+620 250 - 250 "},
		{"us", DP_TONE_SPECIAL, "950 330 1400 330 1800 330 - 1000 "},
	};

	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		const struct dp_tone_row *row = dp_tone_find(wants[i].country, wants[i].kind);
		char text[100] = "";
		for (int k = 0; k < DP_TONE_STEPS && (k == 0 || row->steps[k].ms); k++) {
			char *at = text + strlen(text);
			if (!row->steps[k].hz[0])
				sprintf(at, "- %u ", row->steps[k].ms);
			else if (row->steps[k].hz[1])
				sprintf(at, "%u+%u %u ", row->steps[k].hz[0], row->steps[k].hz[1],
					row->steps[k].ms);
			else
				sprintf(at, "%u %u ", row->steps[k].hz[0], row->steps[k].ms);
		}
		if (strcmp(text, wants[i].want) != 0)
			fail_msg("%s: %s instead of %s", wants[i].country, text, wants[i].want);
	}
}

/* One step of a cadence in pcm: what is to be heard is there, and nothing else. */
static void check_step(const int16_t *pcm, uint32_t n, uint32_t rate, const uint16_t *hz,
	const char *country, int kind)
{
	double want = vp_amplitude(VP_TONE_LEVEL_DBM0), power = 0;
	int n_freqs = !!hz[0] + !!hz[1];

	for (int i = 0; i < n_freqs; i++) {
		double got = signal_amplitude(pcm, n, rate, hz[i]);
		power += got * got;
		/* each has its share of the level */
		if (fabs(got * sqrt(n_freqs) / want - 1) > 0.05)
			fail_msg("%s, kind %d at %u Hz: amplitude %.0f of %u Hz", country, kind,
				rate, got, hz[i]);
	}
	/* all there is is what was measured */
	if (fabs(signal_rms(pcm, n) * sqrt(2) - sqrt(power)) > want * 0.05)
		fail_msg("%s, kind %d at %u Hz: level %.0f, %.0f of it known", country, kind, rate,
			signal_rms(pcm, n) * sqrt(2), sqrt(power));
}

static void test_cadences(void **state)
{
	static int16_t pcm[48000 * SECONDS];

	for (size_t r = 0; r < 3; r++) {
		for (size_t i = 0; dp_tone_at(i); i++) {
			const struct dp_tone_row *row = dp_tone_at(i);
			uint32_t at = 0, ms = rates[r] / 1000, n = SECONDS * rates[r];
			uint32_t step = 0, edge = 10 * ms;
			struct vp_tone t;

			vp_tone_start(&t, row->steps, rates[r], VP_TONE_LEVEL_DBM0);
			for (uint32_t k = 0; k < n; k += 10 * ms)
				vp_tone_run(&t, pcm + k, 10 * ms);
			/* once through the cadence at least, whatever it is */
			while (at < n) {
				uint32_t len = row->steps[step].ms * ms;
				if (!len || at + len > n)
					len = n - at;
				if (len > 3 * edge)
					check_step(pcm + at + edge, len - 2 * edge, rates[r],
						row->steps[step].hz, row->country, row->kind);
				at += len;
				step = step + 1 < DP_TONE_STEPS && row->steps[step + 1].ms
					       ? step + 1
					       : 0;
			}
			/* no click: no step larger than that of the highest tone at its top */
			for (uint32_t k = 1; k < n; k++)
				if (abs(pcm[k] - pcm[k - 1]) > vp_amplitude(VP_TONE_LEVEL_DBM0) *
								       1.5 * 2 * M_PI * 1800 /
								       rates[r])
					fail_msg("%s, kind %d: click at sample %u", row->country,
						row->kind, k);
			/* and the end of a step is soft */
			if (row->steps[0].ms)
				assert_true(abs(pcm[row->steps[0].ms * ms - 1]) < 300);
		}
	}
}

static void test_levels(void **state)
{
	static const struct {
		int level, got;
	} rows[] = {{0, 0}, {-13, -13}, {-40, -40}, {5, 0}, {-90, -40}};
	int16_t pcm[8000];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vp_tone t;
		vp_tone_start(&t, dp_tone_find("us", DP_TONE_DIAL)->steps, 8000, rows[i].level);
		vp_tone_run(&t, pcm, 8000);
		assert_float_equal(
			20 * log10(signal_rms(pcm, 8000) * sqrt(2) / INT16_MAX) + VP_SINE_FULL_DBM0,
			rows[i].got, 0.2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_country_has_all),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_cadences),
		cmocka_unit_test(test_levels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
