/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A route table: which trunks lead to a prefix or a number, at what rate, in which order and when.
 * Made from a CSV file as an image without addresses (numtrie.h says why), looked up without
 * allocating or locking; any thread. A damaged image gives wrong answers, never a wrong access.
 *
 * The first line of the file names the columns, separated by ',' or ';':
 *
 *   prefix or number	digits of a prefix, or a whole number; '+' may be first
 *   trunk		its name in the configuration
 *   backup, backup2	further trunks, tried after those of all other rows' column before (optional)
 *   rate		decimal, up to six places; lowest first (optional)
 *   valid-from, valid-to	YYYY-MM-DD or YYYY-MM-DDTHH:MM, UTC; not from valid-to on (optional)
 *
 * Of each trunk the row with the longest prefix that is valid counts.
 */
#pragma once

#include "sip-b2bua/routing/numtrie.h"

#define RATETABLE_NAME_MAX  32 /* of a trunk, with its NUL */
#define RATETABLE_ERROR_MAX 160
#define RATETABLE_NAMES_MAX 4096

struct rate_row {
	uint32_t from_s, to_s; /* seconds since 1970 UTC; to_s 0: for ever */
	uint32_t rate;	       /* in millionths */
	uint16_t trunk;	       /* in the names */
	uint8_t order;	       /* 0: trunk, 1: backup, 2: backup2 */
	uint8_t zero;
};

/* An image that was looked at once; the bytes stay the caller's. */
struct ratetable {
	struct numtrie trie;
	const uint32_t *first; /* by value of the trie: its first row; one more at the end */
	const struct rate_row *rows;
	uint32_t n_rows, n_names;
	const char (*names)[RATETABLE_NAME_MAX];
};

int ratetable_open(const void *image, size_t len, struct ratetable *ret_table)
	__attribute__((warn_unused_result));

/* The image of a file, malloc()ed. -EINVAL names the line; -ENOSPC, -ENOMEM; with a sentence. */
int ratetable_build(struct view csv, void **ret_image, size_t *ret_len, uint32_t *ret_rows,
	char error[RATETABLE_ERROR_MAX]) __attribute__((warn_unused_result));

struct rate_hit {
	const char *trunk; /* in the image */
	uint32_t rate;
	uint16_t index; /* of the trunk in the image */
	uint16_t n_matched;
	uint8_t order;
};

/*
 * The best ways of a number at a moment, at most max of them: by order, rate, longest prefix, then
 * as the trunks first stand in the file. Returns how many are in ret_hits.
 */
unsigned int ratetable_find(const struct ratetable *table, const uint8_t *symbols, unsigned int n,
	int64_t now_s, struct rate_hit *ret_hits, unsigned int max);
