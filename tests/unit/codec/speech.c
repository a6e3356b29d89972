/* SPDX-License-Identifier: GPL-3.0-or-later */
/* speech.h. The folder of the recordings is LIMEN_AUDIO, set by meson. */
#include "tests/unit/codec/speech.h"

#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_MAX	(SPEECH_SECONDS * 48000)
#define TAPS	32 /* of the interpolation filter, each side */
#define FFT_N	256
#define SILENCE 60.0 /* rms below this is no speech */

static int16_t *load(const char *name, size_t n)
{
	char path[512];
	int16_t *pcm = malloc(n * sizeof(*pcm));
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", LIMEN_AUDIO, name);
	f = fopen(path, "rb");
	if (pcm == NULL || f == NULL || fread(pcm, sizeof(*pcm), n, f) != n) {
		(void)fprintf(stderr, "cannot read %zu samples of %s\n", n, path);
		exit(1);
	}
	(void)fclose(f);
	return pcm;
}

const int16_t *speech_at(uint32_t rate_hz, size_t *ret_n)
{
	static struct {
		uint32_t rate_hz;
		int16_t *pcm;
	} made[] = {{16000, NULL}, {8000, NULL}, {12000, NULL}, {24000, NULL}, {48000, NULL}};

	if (made[0].pcm == NULL) {
		made[0].pcm = load("speech-16k.raw", SPEECH_SECONDS * 16000);
		made[1].pcm = load("speech-8k.raw", SPEECH_SECONDS * 8000);
	}
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		if (made[i].rate_hz != rate_hz)
			continue;
		*ret_n = SPEECH_SECONDS * rate_hz;
		if (made[i].pcm == NULL) {
			made[i].pcm = malloc(*ret_n * sizeof(int16_t));
			if (made[i].pcm == NULL)
				exit(1);
			speech_resample(
				made[0].pcm, SPEECH_SECONDS * 16000, 16000, made[i].pcm, rate_hz);
		}
		return made[i].pcm;
	}
	(void)fprintf(stderr, "no speech at %u Hz\n", rate_hz);
	exit(1);
}

static double sinc(double x)
{
	return fabs(x) < 1e-9 ? 1 : sin(M_PI * x) / (M_PI * x);
}

/* Windowed sinc, one filter for each of the few phases that rates of this kind have. */
void speech_resample(const int16_t *in, size_t n, uint32_t from_hz, int16_t *out, uint32_t to_hz)
{
	double cut = to_hz < from_hz ? 0.95 * to_hz / from_hz : 0.95;
	size_t n_out = n * to_hz / from_hz;

	if (from_hz == to_hz) {
		memcpy(out, in, n * sizeof(*in));
		return;
	}
	for (uint32_t phase = 0; phase < to_hz / 1000; phase++) {
		double taps[2 * TAPS];
		double at = (double)phase * from_hz / to_hz;
		long first = (long)floor(at) - TAPS + 1;
		for (int k = 0; k < 2 * TAPS; k++) {
			double x = at - (double)(first + k);
			taps[k] = cut * sinc(cut * x) * (0.5 + 0.5 * cos(M_PI * x / (TAPS + 1)));
		}
		for (size_t i = phase; i < n_out; i += to_hz / 1000) {
			long base = (long)(i / (to_hz / 1000) * (from_hz / 1000)) + first;
			double sum = 0;
			for (int k = 0; k < 2 * TAPS; k++) {
				if (base + k >= 0 && base + k < (long)n)
					sum += taps[k] * in[base + k];
			}
			out[i] = (int16_t)lrint(fmax(-32768, fmin(32767, sum)));
		}
	}
}

static double correlation(const int16_t *in, const int16_t *out, size_t n, size_t step)
{
	double ab = 0, aa = 1, bb = 1;

	for (size_t i = 0; i < n; i += step) {
		ab += (double)in[i] * out[i];
		aa += (double)in[i] * in[i];
		bb += (double)out[i] * out[i];
	}
	return ab / sqrt(aa * bb);
}

size_t speech_lag(
	const int16_t *in, const int16_t *out, size_t n, size_t max_lag, double *ret_likeness)
{
	size_t best = 0, near = 0;
	double likeness = -2;

	/* Every fourth sample and each second lag first: speech has little above 1 kHz. */
	for (size_t lag = 0; lag <= max_lag; lag += 2) {
		double c = correlation(in, out + lag, n - max_lag, 4);
		if (c > likeness) {
			likeness = c;
			near = lag;
		}
	}
	likeness = -2;
	for (size_t lag = near > 0 ? near - 1 : 0; lag <= near + 1 && lag <= max_lag; lag++) {
		double c = correlation(in, out + lag, n - max_lag, 1);
		if (c > likeness) {
			likeness = c;
			best = lag;
		}
	}
	*ret_likeness = likeness;
	return best;
}

double speech_level(const int16_t *pcm, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)pcm[i] * pcm[i];
	return n ? sqrt(sum / (double)n) : 0;
}

double speech_snr(const int16_t *in, const int16_t *out, size_t n)
{
	const size_t piece = 160;
	double sum = 0;
	size_t n_pieces = 0;

	for (size_t at = 0; at + piece <= n; at += piece) {
		double noise = 0.1;
		double level = speech_level(in + at, piece);
		if (level < SILENCE)
			continue;
		for (size_t i = at; i < at + piece; i++)
			noise += ((double)in[i] - out[i]) * ((double)in[i] - out[i]);
		sum += fmax(-10, fmin(60, 10 * log10(level * level * (double)piece / noise)));
		n_pieces++;
	}
	return n_pieces ? sum / (double)n_pieces : 0;
}

static void fft(double complex *x)
{
	for (size_t i = 1, j = 0; i < FFT_N; i++) {
		size_t bit = FFT_N >> 1;
		for (; j & bit; bit >>= 1)
			j ^= bit;
		j ^= bit;
		if (i < j) {
			double complex t = x[i];
			x[i] = x[j];
			x[j] = t;
		}
	}
	for (size_t len = 2; len <= FFT_N; len <<= 1) {
		double complex root = cexp(-2 * I * M_PI / (double)len);
		for (size_t i = 0; i < FFT_N; i += len) {
			double complex w = 1;
			for (size_t k = 0; k < len / 2; k++, w *= root) {
				double complex a = x[i + k], b = x[i + k + len / 2] * w;
				x[i + k] = a + b;
				x[i + k + len / 2] = a - b;
			}
		}
	}
}

/* Levels in dB of bands of 125 Hz from 312 to 3437 Hz. Two real pieces share one transform. */
static void spectra(const int16_t *a, const int16_t *b, double ret[2][25])
{
	double complex x[FFT_N];
	double power[2][25], peak = 0;

	for (size_t i = 0; i < FFT_N; i++) {
		double w = 0.5 - 0.5 * cos(2 * M_PI * (double)i / FFT_N);
		x[i] = w * a[i] + I * w * b[i];
	}
	fft(x);
	for (size_t band = 0; band < 25; band++) {
		power[0][band] = power[1][band] = 1e4;
		for (size_t k = 10 + 4 * band; k < 14 + 4 * band; k++) {
			double complex even = (x[k] + conj(x[FFT_N - k])) / 2;
			double complex odd = (x[k] - conj(x[FFT_N - k])) / 2;
			power[0][band] += creal(even * conj(even));
			power[1][band] += creal(odd * conj(odd));
		}
		peak = fmax(peak, power[0][band]);
	}
	/* What is 30 dB below the loudest band at that moment is not heard beside it. */
	for (size_t band = 0; band < 25; band++) {
		ret[0][band] = 10 * log10(fmax(power[0][band], peak / 1000));
		ret[1][band] = 10 * log10(fmax(power[1][band], peak / 1000));
	}
}

double speech_spectral_distance(const int16_t *in, const int16_t *out, size_t n)
{
	double sum = 0;
	size_t n_pieces = 0;

	for (size_t at = 0; at + FFT_N <= n; at += FFT_N / 2) {
		double bands[2][25], square = 0;
		if (speech_level(in + at, FFT_N) < SILENCE)
			continue;
		spectra(in + at, out + at, bands);
		for (size_t i = 0; i < 25; i++)
			square += (bands[0][i] - bands[1][i]) * (bands[0][i] - bands[1][i]);
		sum += sqrt(square / 25);
		n_pieces++;
	}
	return n_pieces ? sum / (double)n_pieces : 0;
}
