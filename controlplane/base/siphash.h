/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that nobody can aim at without the key.
 * For hash tables over text from outside, tokens, and words that stand for others. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t siphash24(const uint64_t key[2], const void *p, size_t n);
/* SipHash-1-3, half the work: for hash tables and changes of a text, of which nobody outside sees the value. */
uint64_t siphash13(const uint64_t key[2], const void *p, size_t n);
