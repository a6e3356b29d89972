/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Speech for the tests of codecs (4 s from tests/data/audio, spoken by espeak-ng) and measures of
 * how like two recordings are. Samples are 16-bit mono; one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SPEECH_SECONDS 4

/* The same words at 8, 12, 16, 24 or 48 kHz; ends the program when the files are not there. */
const int16_t *speech_at(uint32_t rate_hz, size_t *ret_n);

/* Another sample rate, n * to_hz / from_hz samples; rates as of speech_at(). */
void speech_resample(const int16_t *in, size_t n, uint32_t from_hz, int16_t *out, uint32_t to_hz);

/*
 * By how many samples out lags in (0 .. max_lag), from the highest correlation; its value, -1 .. 1,
 * comes back in *ret_likeness.
 */
size_t speech_lag(
	const int16_t *in, const int16_t *out, size_t n, size_t max_lag, double *ret_likeness);

/* Root mean square. */
double speech_level(const int16_t *pcm, size_t n);

/* Signal to noise in dB, mean over 20 ms pieces that are not silent, each within -10 .. 60 dB. */
double speech_snr(const int16_t *in, const int16_t *out, size_t n);

/*
 * Mean distance in dB between the spectra of two recordings at 8 kHz, 300 to 3400 Hz, over pieces
 * of 32 ms that are not silent. 0 is the same; telephone codecs are at 2 to 6.
 */
double speech_spectral_distance(const int16_t *in, const int16_t *out, size_t n);
