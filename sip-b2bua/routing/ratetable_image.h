/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The layout of an image of ratetable.h: head, trie, first, rows, names. Private to ratetable*.c. */
#pragma once

#include "sip-b2bua/routing/ratetable.h"

#define RATES_MAGIC   0x54524d4cu /* "LMRT" */
#define RATES_VERSION 1

struct rates_head {
	uint32_t magic, version;
	uint32_t n_rows, n_names;
	uint64_t trie_len; /* a multiple of 8 */
};
