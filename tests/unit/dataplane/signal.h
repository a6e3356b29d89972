/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals for the tests of voice processing: tones, their level in a signal, speech, chance. */
#pragma once

#include <stdint.h>

/* Adds a sine of the given amplitude to n samples; at: the number of the first of them. */
void signal_tone(
	int16_t *pcm, uint32_t n, uint32_t rate_hz, double freq_hz, double amplitude, uint64_t at);

/* The amplitude of one frequency in n samples (Goertzel with a Hann window). */
double signal_amplitude(const int16_t *pcm, uint32_t n, uint32_t rate_hz, double freq_hz);

/* The root mean square. */
double signal_rms(const int16_t *pcm, uint32_t n);

/* Speech of tests/data/speech at 8 kHz; *ret_n samples. Allocated once, lives as the program. */
const int16_t *signal_speech(uint32_t *ret_n);

/* A number below n; the same sequence for the same seed. */
uint32_t signal_random(uint32_t *seed, uint32_t n);
