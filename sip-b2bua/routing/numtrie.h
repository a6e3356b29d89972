/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many number patterns in one immutable image: built once by limen-control, written into sealed
 * memory and mapped by every process that looks numbers up. Positions are indices, so the image has
 * no addresses in it.
 *
 * A node is 16 bytes. A branch says by three sets of symbols which patterns end here exactly, which
 * end here and match any further digits, and where there is more; its children stand together, so a
 * population count finds one. What has only one way on is a chain of up to ten symbols in a node,
 * which may hold the end of a pattern. So dense prefixes share their nodes (about 2 bytes a prefix)
 * and a number that stands alone costs one.
 *
 * Patterns are those of destination-pattern (route.h). Each distinct pattern has a value: its
 * number, from 0, in the order of the image.
 *
 * Looking up neither allocates nor locks; any thread. A damaged image gives wrong answers, never a
 * wrong access and never an endless walk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/base/view.h"

/* Symbols: 0-9 * # A-D as 0..15, then these. */
#define NUMTRIE_PLUS	  16
#define NUMTRIE_DOT	  17 /* in patterns only: any one digit, not '+' */
#define NUMTRIE_SYMBOLS	  18
#define NUMTRIE_DEPTH_MAX 63
#define NUMTRIE_MAX	  4000000 /* patterns of an image */

/* The symbol of a dial character; -1: it is none. */
int numtrie_symbol(char c);

struct numtrie_node {
	uint64_t bits;
	uint32_t child; /* the first child of a branch; what follows a chain */
	uint32_t value; /* of the first end of a branch; of the end of a chain */
};

struct numtrie_head {
	uint32_t magic, version;
	uint32_t n_nodes, n_values;
	uint32_t any; /* 1: value 0 is the pattern "T", which every number matches */
	uint32_t zero;
};

/* An image that was looked at once; the bytes stay the caller's. */
struct numtrie {
	const struct numtrie_node *nodes;
	uint32_t n_nodes, n_values;
	bool any;
};

/* -EINVAL: these bytes (aligned to 8) are no image. ret_len may be NULL: how long it is. */
int numtrie_open(const void *image, size_t len, struct numtrie *ret_trie, size_t *ret_len)
	__attribute__((warn_unused_result));

struct numtrie_hit {
	uint32_t value;
	uint16_t n_explicit; /* characters of the pattern that stand for themselves */
	uint16_t n_matched;  /* the same and dots: characters matched before 'T' */
};
typedef void (*numtrie_hit_fn)(void *arg, const struct numtrie_hit *hit);

/* Every pattern that matches n symbols of a number. */
void numtrie_walk(const struct numtrie *trie, const uint8_t *symbols, unsigned int n,
	numtrie_hit_fn hit, void *arg);
/* The best one: most explicit, then most matched characters. false: none matches. */
bool numtrie_best(const struct numtrie *trie, const uint8_t *symbols, unsigned int n,
	struct numtrie_hit *ret_hit);

/* ---- building: one thread, any ---- */

struct numtrie_builder;
struct numtrie_builder *numtrie_builder_new(void); /* NULL: memory is short */
void numtrie_builder_free(struct numtrie_builder *builder);

/*
 * Adds a pattern that route_pattern_check() has found good. open: it matches any further digits,
 * with or without 'T'. The same one may be added again. -ENOSPC: NUMTRIE_MAX are there; -ENOMEM.
 */
int numtrie_add(struct numtrie_builder *builder, struct view pattern, bool open)
	__attribute__((warn_unused_result));

/*
 * The image, malloc()ed. ret_first may be NULL; else it and ret_ids are malloc()ed: patterns in the
 * order of adding, from 0, that have value v are ids[first[v]] to ids[first[v + 1] - 1].
 */
int numtrie_build(struct numtrie_builder *builder, void **ret_image, size_t *ret_len,
	uint32_t **ret_first, uint32_t **ret_ids) __attribute__((warn_unused_result));
