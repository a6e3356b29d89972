/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See signal.h. */
#include "tests/unit/dataplane/signal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SPEECH TEST_DATA "/speech/two-talkers-16k.raw"

void signal_tone(
	int16_t *pcm, uint32_t n, uint32_t rate_hz, double freq_hz, double amplitude, uint64_t at)
{
	for (uint32_t i = 0; i < n; i++)
		pcm[i] = (int16_t)lrint(
			pcm[i] + amplitude * sin(2 * M_PI * freq_hz * (double)(at + i) / rate_hz));
}

double signal_amplitude(const int16_t *pcm, uint32_t n, uint32_t rate_hz, double freq_hz)
{
	double w = 2 * M_PI * freq_hz / rate_hz, re = 0, im = 0, gain = 0;

	for (uint32_t i = 0; i < n; i++) {
		double window = 0.5 - 0.5 * cos(2 * M_PI * (i + 0.5) / n);
		re += window * pcm[i] * cos(w * i);
		im += window * pcm[i] * sin(w * i);
		gain += window;
	}
	return 2 * sqrt(re * re + im * im) / gain;
}

double signal_rms(const int16_t *pcm, uint32_t n)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += (double)pcm[i] * pcm[i];
	return n ? sqrt(sum / n) : 0;
}

/* Every other sample of the file, after a filter that leaves what is under 3.4 kHz. */
static int16_t *halve(const int16_t *in, uint32_t n_in, uint32_t *ret_n)
{
	int16_t *out = malloc(n_in / 2 * sizeof(*out));

	for (uint32_t i = 0; out && i < n_in / 2; i++) {
		double sum = 0;
		for (int k = -32; k <= 32; k++) {
			int at = (int)(2 * i) + k;
			double x = M_PI * 0.44 * k, h = k ? sin(x) / x * 0.44 : 0.44;
			if (at >= 0 && at < (int)n_in)
				sum += in[at] * h * (0.5 + 0.5 * cos(M_PI * k / 33));
		}
		out[i] = (int16_t)lrint(sum);
	}
	*ret_n = n_in / 2;
	return out;
}

const int16_t *signal_speech(uint32_t *ret_n)
{
	static int16_t *speech;
	static uint32_t n;
	static int16_t raw[16000 * 10];
	FILE *f;

	if (!speech) {
		f = fopen(SPEECH, "rb");
		if (f) {
			uint32_t n_raw = (uint32_t)fread(raw, 2, sizeof(raw) / 2, f);
			fclose(f);
			speech = halve(raw, n_raw, &n);
		}
		if (!speech || n < 8000) {
			fprintf(stderr, "no speech in %s\n", SPEECH);
			abort();
		}
	}
	*ret_n = n;
	return speech;
}

uint32_t signal_random(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)*seed * n) >> 32);
}
