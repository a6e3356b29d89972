/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sources whose SIP does not go up to Linux (struct dp_block). A worker has a table of its own: open
 * addressing, never more than half full, found by a keyed hash, so nobody can choose addresses that
 * make it slow. An entry counts until its time, and the control thread takes it out later. A source is
 * blocked in a scope, a number that stands for the name of a port.
 *
 * Owner: one worker. Time is passed in; no DPDK, and no memory of its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"

#define BLOCK_BUCKETS (2 * DP_BLOCKS_MAX)
#define BLOCK_NO_ROW  DP_BLOCK_NO_ROW
#define BLOCK_LENS    4 /* of IPv6 networks */

/* As memory; zero is 0. */
struct block_key {
	uint8_t ip[16];
	uint8_t scope; /* from 1 */
	uint8_t len;   /* 32: IPv4 */
	uint16_t zero;
};

struct block_bucket {
	struct block_key key; /* scope 0: free */
	uint32_t row;
	uint64_t until_tsc;
} __attribute__((aligned(32)));
_Static_assert(sizeof(struct block_bucket) == 32, "two in a cache line");

/* What is to change in a table. */
struct worker_block {
	struct block_key key;
	uint32_t row;
	uint64_t until_tsc; /* 0: it goes */
	bool fresh;	    /* its counter begins at 0 */
};

struct block_table {
	struct block_bucket *buckets; /* [BLOCK_BUCKETS]; NULL: n is 0 */
	uint64_t key[2];
	uint32_t n;
	uint32_t n4, n6[BLOCK_LENS]; /* of them by length, as block_lens has them */
};

extern const uint8_t block_lens[BLOCK_LENS];

/* buckets: zeroed. key: random. */
void block_table_init(struct block_table *t, struct block_bucket *buckets, const uint64_t key[2]);
/* New, or with another row and time. The caller sees to it that there are no more than DP_BLOCKS_MAX. */
void block_table_set(
	struct block_table *t, const struct block_key *key, uint32_t row, uint64_t until_tsc);
void block_table_del(struct block_table *t, const struct block_key *key);

/* Fetches what block_source() will read first of a frame of IPv4; of a burst all, before the first. */
void block_prefetch(const struct block_table *t, uint8_t scope, const uint8_t *frame, uint32_t len);
/* The row of the source of a frame (len octets from the Ethernet header, without a tag) when it is
 * blocked in the scope; BLOCK_NO_ROW. */
uint32_t block_source(const struct block_table *t, uint8_t scope, const uint8_t *frame,
	uint32_t len, uint64_t now_tsc);
