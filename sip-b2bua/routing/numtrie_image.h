/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bits of a node of numtrie.h. Private to numtrie*.c. */
#pragma once

#include "sip-b2bua/routing/numtrie.h"

#define IMAGE_MAGIC   0x544e4d4cu /* "LMNT" */
#define IMAGE_VERSION 1

enum image_kind {
	IMAGE_BRANCH,
	IMAGE_CHAIN,	   /* more follows */
	IMAGE_CHAIN_EXACT, /* a pattern ends with it */
	IMAGE_CHAIN_OPEN,  /* the same, with 'T' */
};
#define IMAGE_KIND_SHIFT 62

/* A branch: three sets of symbols. */
enum image_set { IMAGE_CHILD, IMAGE_EXACT, IMAGE_OPEN };
#define IMAGE_SET_MASK ((UINT64_C(1) << NUMTRIE_SYMBOLS) - 1)

/* A chain: up to ten symbols of five bits, and how many. */
#define IMAGE_CHAIN_MAX	  10
#define IMAGE_CHAIN_SHIFT 50

_Static_assert(3 * NUMTRIE_SYMBOLS <= IMAGE_KIND_SHIFT, "the sets leave room for the kind");
_Static_assert(sizeof(struct numtrie_node) == 16, "a node is a quarter of a cache line");

static inline unsigned int image_kind(const struct numtrie_node *node)
{
	return (unsigned int)(node->bits >> IMAGE_KIND_SHIFT);
}

static inline uint64_t image_set(const struct numtrie_node *node, enum image_set set)
{
	return node->bits >> (unsigned int)set * NUMTRIE_SYMBOLS & IMAGE_SET_MASK;
}

static inline uint64_t image_bit(enum image_set set, unsigned int symbol)
{
	return UINT64_C(1) << ((unsigned int)set * NUMTRIE_SYMBOLS + symbol);
}

static inline unsigned int image_chain_len(const struct numtrie_node *node)
{
	unsigned int n = (unsigned int)(node->bits >> IMAGE_CHAIN_SHIFT & 15);

	return n < IMAGE_CHAIN_MAX ? n : IMAGE_CHAIN_MAX;
}

static inline unsigned int image_chain_symbol(const struct numtrie_node *node, unsigned int i)
{
	return (unsigned int)(node->bits >> 5 * i & 31);
}
