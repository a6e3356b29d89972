/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The codec libraries called directly, without anything of ours in between: what a codec does to
 * sound at best. The yardstick of test_quality.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Encodes and decodes n samples at the codec's own rate (library_rate()), a multiple of 20 ms.
 * id as of enum dp_codec_id. false when this build does not have the library.
 */
bool library_round_trip(uint32_t id, const int16_t *in, int16_t *out, size_t n);

/* 16000 for wide band codecs and Opus, else 8000. */
uint32_t library_rate(uint32_t id);
