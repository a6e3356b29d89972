/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests of dataplane/transcode/plc.c: on tones against what they would have been, on speech
 * for clicks. A click is a step or a bend at a joint beyond what the speech itself has nearby.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/plc.h"
#include "dataplane/transcode/resample.h"
#include "tests/unit/dataplane/signal.h"

static const uint32_t rates[] = {8000, 16000, 48000};

static struct vp_plc *plc(uint32_t rate_hz)
{
	struct vp_plc *p = NULL;

	assert_int_equal(vp_plc_new(rate_hz, &p), 0);
	return p;
}

static void test_arguments(void **state)
{
	struct vp_plc *p = NULL;

	assert_int_equal(vp_plc_new(44100, &p), -EINVAL);
	assert_int_equal(vp_plc_new(0, &p), -EINVAL);
	assert_null(p);
	vp_plc_free(NULL);
}

/* Tones of whole periods that go on as they were: 10 ms of them come within -20 dB. */
static void test_tone_goes_on(void **state)
{
	static const uint32_t periods[] = {100, 73, 40, 24}; /* samples of 8 kHz, and a half */
	static int16_t pcm[48 * 200], want[48 * 200];

	for (size_t r = 0; r < 3; r++) {
		for (size_t t = 0; t < sizeof(periods) / sizeof(periods[0]); t++) {
			uint32_t rate = rates[r], ms = rate / 1000;
			double hz = rate / (periods[t] * (rate / 8000) + floor(rate / 16000.0));
			struct vp_plc *p = plc(rate);
			double error = 0;

			memset(want, 0, sizeof(want));
			signal_tone(want, 200 * ms, rate, hz, 8000, 0);
			signal_tone(want, 200 * ms, rate, 9 * hz, 5000, 50);
			memcpy(pcm, want, sizeof(pcm));
			for (uint32_t at = 0; at < 200; at += 10) {
				if (at == 100)
					vp_plc_lost(p, pcm + at * ms, 10 * ms);
				else
					vp_plc_good(p, pcm + at * ms, 10 * ms);
			}
			for (uint32_t i = 100 * ms; i < 120 * ms; i++)
				error += pow(pcm[i] - want[i], 2);
			error = sqrt(error / (20 * ms)) / signal_rms(want, 200 * ms);
			if (error > 0.1)
				fail_msg("%u Hz, tone of %.1f Hz: error %.3f", rate, hz, error);
			/* what is good stays as it was */
			assert_memory_equal(pcm, want, 100 * ms * sizeof(int16_t));
			assert_memory_equal(pcm + 115 * ms, want + 115 * ms, 85 * ms * 2);
			vp_plc_free(p);
		}
	}
}

/* Of a tone that grows, each period ends higher than it starts: repeating it must not step. */
static void test_period_closes(void **state)
{
	int16_t pcm[2400] = {0};
	struct vp_plc *p = plc(8000);
	double step, worst = 0, usual = 0;

	signal_tone(pcm, 800, 8000, 133, 16000, 0);
	for (int i = 0; i < 800; i++)
		pcm[i] = (int16_t)(pcm[i] * (i < 400 ? 0.1 : 0.1 + 0.9 * (i - 400) / 400.0));
	for (int i = 1; i < 800; i++)
		usual = fmax(usual, fabs((double)pcm[i] - pcm[i - 1]));
	vp_plc_good(p, pcm, 800);
	vp_plc_lost(p, pcm + 800, 400);
	for (int i = 800; i < 1200; i++) {
		step = fabs((double)pcm[i] - pcm[i - 1]);
		worst = fmax(worst, step);
	}
	if (worst > usual)
		fail_msg("a step of %.0f where %.0f is usual", worst, usual);
	vp_plc_free(p);
}

/* Full, then less, then nothing; and nothing at all out of silence. */
static void test_fades(void **state)
{
	for (size_t r = 0; r < 3; r++) {
		uint32_t ms = rates[r] / 1000;
		struct vp_plc *p = plc(rates[r]);
		static int16_t pcm[48 * 200];

		vp_plc_lost(p, pcm, 20 * ms);
		for (uint32_t i = 0; i < 20 * ms; i++)
			assert_int_equal(pcm[i], 0);
		memset(pcm, 0, sizeof(pcm));
		signal_tone(pcm, 100 * ms, rates[r], 200, 8000, 0);
		vp_plc_good(p, pcm, 100 * ms);
		vp_plc_lost(p, pcm, 100 * ms);
		double full = signal_rms(pcm, 10 * ms), half = signal_rms(pcm + 30 * ms, 10 * ms);
		assert_float_equal(full, 8000 / sqrt(2), 100);
		assert_float_equal(half / full, 0.5, 0.05);
		for (uint32_t i = VP_PLC_SILENT_MS * ms; i < 100 * ms; i++)
			assert_int_equal(pcm[i], 0);
		vp_plc_reset(p);
		vp_plc_lost(p, pcm, 20 * ms);
		assert_true(signal_rms(pcm, 20 * ms) == 0);
		vp_plc_free(p);
	}
}

struct losses {
	uint32_t frame_ms;
	uint32_t row; /* frames lost in a row */
};

/* What became of all joints between good and lost. */
struct joints {
	uint32_t n, clicks;
	double bend, own_bend; /* sums over the joints: now, in the speech as it was */
	double error;	       /* of the level of 10 ms pieces, squared */
};

/* The largest step, and the largest change of a step, of samples from to to. */
static void largest(
	const int16_t *pcm, uint32_t from, uint32_t to, double *ret_step, double *ret_bend)
{
	*ret_step = *ret_bend = 0;
	for (uint32_t i = from; i < to; i++) {
		*ret_step = fmax(*ret_step, fabs((double)pcm[i] - pcm[i - 1]));
		*ret_bend = fmax(*ret_bend, fabs(pcm[i - 1] - 2.0 * pcm[i] + pcm[i + 1]));
	}
}

/* A joint clicks when it is one that this speech would not have by itself nearby. */
static void look(const int16_t *pcm, const int16_t *speech, uint32_t n, uint32_t at, uint32_t near,
	struct joints *j)
{
	double step, bend, own_step, own_bend;

	largest(pcm, at - 1, at + 2, &step, &bend);
	largest(speech, at - 1, at + 2, &own_step, &own_bend);
	j->n++;
	j->bend += bend;
	j->own_bend += own_bend;
	largest(speech, at > near ? at - near : 1, at + near < n ? at + near : n - 1, &own_step,
		&own_bend);
	j->clicks += step > own_step + 20 || bend > own_bend + 40;
}

static void lose(const int16_t *speech, uint32_t n, uint32_t rate, const struct losses *l,
	bool concealed, struct joints *j)
{
	uint32_t frame = l->frame_ms * rate / 1000, seed = 11, lost = 0, piece = rate / 100;
	int16_t *pcm = malloc(n * sizeof(*pcm));
	struct vp_plc *p = plc(rate);
	uint8_t is_lost[2000] = {0};

	memcpy(pcm, speech, n * sizeof(*pcm));
	for (uint32_t at = 0; at + frame <= n; at += frame) {
		if (!lost && signal_random(&seed, 100 * l->row) < 5)
			lost = l->row;
		is_lost[at / frame] = lost > 0;
		if (lost && concealed)
			vp_plc_lost(p, pcm + at, frame);
		else if (lost)
			memset(pcm + at, 0, frame * sizeof(*pcm));
		else if (concealed)
			vp_plc_good(p, pcm + at, frame);
		lost -= lost > 0;
	}
	/* what is repeated may be as old as the loss is long */
	for (uint32_t at = frame; at + frame <= n; at += frame)
		if (is_lost[at / frame] != is_lost[at / frame - 1])
			look(pcm, speech, n, at, rate / 50 + l->row * frame, j);
	for (uint32_t at = 0; at + piece <= n; at += piece)
		j->error += pow(signal_rms(pcm + at, piece) - signal_rms(speech + at, piece), 2);
	vp_plc_free(p);
	free(pcm);
}

/* The speech at another rate; the caller frees it. */
static int16_t *speech_at(uint32_t rate_hz, uint32_t *ret_n)
{
	uint32_t n8;
	const int16_t *speech8 = signal_speech(&n8);
	struct vp_resample *up;
	int16_t *speech;

	n8 -= n8 % 80;
	*ret_n = n8 * (rate_hz / 8000);
	speech = malloc(*ret_n * sizeof(*speech));
	assert_int_equal(vp_resample_new(8000, rate_hz, 5, &up), 0);
	for (uint32_t i = 0; i < n8; i += 80)
		assert_int_equal(vp_resample_run(up, speech8 + i, 80, speech + i * (rate_hz / 8000),
					 rate_hz / 100),
			rate_hz / 100);
	vp_resample_free(up);
	return speech;
}

static void test_no_clicks_in_speech(void **state)
{
	static const struct losses rows[] = {{20, 1}, {10, 1}, {20, 2}, {30, 1}, {20, 4}};
	struct joints made = {0}, silence = {0};

	for (size_t r = 0; r < 2; r++) {
		uint32_t n;
		int16_t *speech = speech_at(rates[r], &n);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			lose(speech, n, rates[r], &rows[i], false, &silence);
			lose(speech, n, rates[r], &rows[i], true, &made);
			if (made.clicks)
				fail_msg("%u Hz, %u ms, rows of %u: %u of %u joints click",
					rates[r], rows[i].frame_ms, rows[i].row, made.clicks,
					made.n);
		}
		free(speech);
	}
	assert_true(made.n > 200 && made.bend < 1.05 * made.own_bend);
	assert_true(made.error < 0.4 * silence.error);
	/* the measure hears clicks where there are some */
	assert_true(silence.clicks > 15 && silence.bend > 1.6 * silence.own_bend);
}

static void test_merge(void **state)
{
	int16_t a[160], b[160];

	for (int i = 0; i < 160; i++) {
		a[i] = 10000;
		b[i] = -10000;
	}
	vp_merge(a, b, 160);
	assert_true(b[0] > 9800 && b[159] < -9800);
	for (int i = 1; i < 160; i++)
		assert_true(b[i] <= b[i - 1] && b[i - 1] - b[i] < 130);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_tone_goes_on),
		cmocka_unit_test(test_period_closes),
		cmocka_unit_test(test_fades),
		cmocka_unit_test(test_no_clicks_in_speech),
		cmocka_unit_test(test_merge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
