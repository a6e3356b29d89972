/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The number maps and route tables that a process has, by their tags: images in sealed memory that limen-control
 * made, mapped read only. One object a thread (limen-control has one, each worker of limen-sip has
 * one); the pages are shared. A map that is replaced is unmapped at once, so nothing of it may be
 * kept over a call into numbers_set().
 */
#pragma once

#include "sip-b2bua/routing/numtrie.h"
#include "sip-b2bua/routing/ratetable.h"

#define NUMBERS_MAPS_MAX 1024 /* of each kind */

/* Each has tags of its own. The numbers stand in messages between processes. */
enum numbers_kind {
	NUMBERS_MAP = 0,   /* of an e164-pattern-map: a struct numtrie */
	NUMBERS_TABLE = 1, /* of a route-table */
	NUMBERS_N_KINDS,
};

struct numbers;

struct numbers *numbers_new(void); /* NULL: memory is short */
void numbers_free(struct numbers *numbers);

/*
 * Maps an image of len bytes under a tag, in place of the one that was there. fd stays the caller's.
 * -EINVAL: it is not sealed against writing and shrinking, or no image; -ENOSPC: too many maps;
 * -ENOMEM. On failure nothing has changed.
 */
int numbers_set(struct numbers *numbers, enum numbers_kind kind, uint32_t tag, int fd, size_t len)
	__attribute__((warn_unused_result));
void numbers_del(struct numbers *numbers, enum numbers_kind kind, uint32_t tag);
/* NULL: there is none of that tag, or numbers is NULL. */
const struct numtrie *numbers_find(const struct numbers *numbers, uint32_t tag);
/* A number matches a pattern of a map. Of a map that is not there nothing does, nor does what is no number. */
bool numbers_match(const struct numbers *numbers, uint32_t tag, struct view number);
const struct ratetable *numbers_find_table(const struct numbers *numbers, uint32_t tag);
