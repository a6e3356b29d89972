/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Quality of transcoding on speech, for each pair of codecs: what the far end of codec B hears of
 * a talker with codec A, through our payloads at the sample rates that codec_rate_fit() picks,
 * beside what the libraries make of the same speech at their own rates (library.h). Both are
 * aligned with the original and scored against it at 8 kHz.
 *
 * Bounds: the spectral distance is at most 0.5 dB more than the libraries' (differences below 1 dB
 * are hard to hear), the likeness of the waveforms at most 0.06 less (0.05 is what Opus
 * coded at 8 kHz has; all others are within 0.01).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/codec.h"
#include "tests/unit/codec/library.h"
#include "tests/unit/codec/speech.h"

#define N_FRAMES      60 /* of 20 ms */
#define N_NARROW      (N_FRAMES * 160)
#define N_MAX	      (N_FRAMES * 320)
#define LAG_MAX	      240 /* at 8 kHz: two codecs and a resampler */
#define DISTANCE_MORE 0.5
#define LIKENESS_LESS 0.06

struct score {
	double likeness, distance;
};

/* The original, 0 to 3 quarters of a sample later: the filters of G.722 delay by such parts. */
static const int16_t *later(uint32_t quarters)
{
	static int16_t pcm[4][N_NARROW], fine[4 * N_NARROW];
	size_t n;

	if (pcm[0][N_NARROW / 2] == 0) {
		memcpy(pcm[0], speech_at(8000, &n), sizeof(pcm[0]));
		speech_resample(pcm[0], N_NARROW, 8000, fine, 32000);
		for (size_t i = 1; i < N_NARROW; i++) {
			for (size_t k = 1; k < 4; k++)
				pcm[k][i] = fine[4 * i - k];
		}
	}
	return pcm[quarters];
}

static struct score score(const int16_t *heard, uint32_t rate_hz)
{
	static int16_t narrow[N_NARROW];
	struct score s;
	size_t n, lag;
	const int16_t *pcm = speech_at(8000, &n);
	double likeness;

	speech_resample(heard, N_FRAMES * rate_hz / 50, rate_hz, narrow, 8000);
	lag = speech_lag(pcm, narrow, N_NARROW, LAG_MAX, &s.likeness);
	for (uint32_t k = 1; k < 4; k++) {
		size_t from = lag > 0 ? lag - 1 : 0;
		(void)speech_lag(later(k), narrow + from, N_NARROW - LAG_MAX, 2, &likeness);
		if (likeness > s.likeness)
			s.likeness = likeness;
	}
	s.distance = speech_spectral_distance(pcm, narrow + lag, N_NARROW - LAG_MAX);
	return s;
}

/* Through packets: encoded at one rate, decoded at another, as two ends may. */
static void pass(
	const struct codec *c, const int16_t *in, uint32_t in_hz, int16_t *out, uint32_t out_hz)
{
	struct codec_config config = {.rate_hz = in_hz, .ptime_ms = 20};
	struct codec_encoder *enc;
	struct codec_decoder *dec;

	assert_int_equal(codec_encoder_new(c, &config, &enc), 0);
	config.rate_hz = out_hz;
	assert_int_equal(codec_decoder_new(c, &config, &dec), 0);
	for (uint32_t i = 0; i < N_FRAMES; i++) {
		uint8_t payload[CODEC_PAYLOAD_MAX];
		int len = codec_encode(enc, in + i * in_hz / 50, payload, sizeof(payload));
		assert_true(len > 0);
		assert_int_equal(
			codec_decode(dec, payload, (size_t)len, out + i * out_hz / 50, out_hz / 50),
			out_hz / 50);
	}
	codec_encoder_free(enc);
	codec_decoder_free(dec);
}

/* a talks, b hears. */
static struct score by_us(const struct codec *a, const struct codec *b)
{
	static int16_t first[N_MAX], between[N_MAX], last[N_MAX];
	const struct dp_codec_params params = {0};
	uint32_t a_hz = codec_rate_fit(a, &params, library_rate(b->id));
	uint32_t b_hz = codec_rate_fit(b, &params, a_hz);
	size_t n;

	/* The ends themselves run at full rate, whatever the box does in between. */
	pass(a, speech_at(library_rate(a->id), &n), library_rate(a->id), first, a_hz);
	speech_resample(first, N_FRAMES * a_hz / 50, a_hz, between, b_hz);
	pass(b, between, b_hz, last, library_rate(b->id));
	return score(last, library_rate(b->id));
}

static struct score by_libraries(const int16_t *first, uint32_t a, uint32_t b)
{
	static int16_t between[N_MAX], last[N_MAX];

	speech_resample(
		first, N_FRAMES * library_rate(a) / 50, library_rate(a), between, library_rate(b));
	assert_true(library_round_trip(b, between, last, N_FRAMES * library_rate(b) / 50));
	return score(last, library_rate(b));
}

static void test_pairs(void **state)
{
	static int16_t first[N_MAX];
	uint32_t n_pairs = 0;

	for (uint32_t i = 0; codec_at(i) != NULL; i++) {
		uint32_t a = codec_at(i)->id;
		size_t n;
		assert_true(library_round_trip(
			a, speech_at(library_rate(a), &n), first, N_FRAMES * library_rate(a) / 50));
		for (uint32_t k = 0; codec_at(k) != NULL; k++) {
			uint32_t b = codec_at(k)->id;
			struct score ours = by_us(codec_at(i), codec_at(k));
			struct score theirs = by_libraries(first, a, b);
			if (getenv("LIMEN_SCORES"))
				print_message("%-12s %-12s %.3f %.2f dB, libraries %.3f %.2f dB\n",
					dp_codec_row(a)->name, dp_codec_row(b)->name, ours.likeness,
					ours.distance, theirs.likeness, theirs.distance);
			if (ours.distance > theirs.distance + DISTANCE_MORE ||
				ours.likeness < theirs.likeness - LIKENESS_LESS)
				fail_msg(
					"%s to %s: likeness %.3f, distance %.2f dB; libraries "
					"%.3f, %.2f dB",
					dp_codec_row(a)->name, dp_codec_row(b)->name, ours.likeness,
					ours.distance, theirs.likeness, theirs.distance);
			n_pairs++;
		}
	}
	assert_true(n_pairs >= 49);
}

/* The measure tells good from bad: noise, another level of it, another word. */
static void test_measure(void **state)
{
	static int16_t bad[N_NARROW];
	size_t n;
	const int16_t *pcm = speech_at(8000, &n);
	struct score s = score(pcm, 8000);
	uint32_t seed = 1;

	assert_true(s.likeness > 0.9999 && s.distance < 0.01);
	for (size_t i = 0; i < N_NARROW; i++) {
		seed = seed * 1664525 + 1013904223;
		bad[i] = (int16_t)(pcm[i] + (int32_t)(seed >> 16) % 2000 - 1000);
	}
	s = score(bad, 8000);
	assert_true(s.likeness < 0.97 && s.distance > 3);
	s = score(pcm + 12000, 8000);
	assert_true(s.likeness < 0.5 && s.distance > 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_measure),
		cmocka_unit_test(test_pairs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
