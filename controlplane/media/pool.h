/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The UDP ports of one media address, handed out in pairs (RTP even, RTCP the next). Used by
 * limen-control's media sessions only; one thread.
 *
 * A pair belongs to the data plane worker that dp_port_owner() names, so there is one free list a
 * worker. Lists are first in, first out: the pair that has rested longest is taken first, and none
 * before it has rested POOL_GUARD_MS, so that late packets of an old call meet no new one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/ipaddr.h"
#include "dataplane/api/dp_stats.h"

#define POOL_GUARD_MS 1000

struct pool;

struct pool_counts {
	uint32_t pairs, in_use;
	uint64_t taken, exhausted; /* since the start */
};

/* lo and hi: the configured range; an odd end is left unused. NULL: memory is short. */
struct pool *pool_new(const struct ipaddr *addr, uint16_t lo, uint16_t hi, uint32_t n_workers);
void pool_free(struct pool *pool);
const struct ipaddr *pool_addr(const struct pool *pool); /* port 0 */
void pool_range(const struct pool *pool, uint16_t *ret_lo, uint16_t *ret_hi);

/* Sorts the free pairs anew: the data plane came back with another number of workers. */
void pool_set_workers(struct pool *pool, uint32_t n_workers);

/* So many pairs are left to urgent calls, the same share of each worker's, rounded up. */
void pool_reserve(struct pool *pool, uint32_t n_pairs);
/*
 * The RTP port of a pair of that worker, or -ENOSPC (counted). urgent: also of those that others leave
 * free, and one that has not rested where there is no other.
 */
int pool_take(struct pool *pool, uint32_t owner, uint64_t now_ms, bool urgent, uint16_t *ret_port)
	__attribute__((warn_unused_result));
/* A given pair, rested or not: -EADDRINUSE, -ERANGE (odd, or not of this pool). */
int pool_claim(struct pool *pool, uint16_t port) __attribute__((warn_unused_result));
void pool_give(struct pool *pool, uint16_t port, uint64_t now_ms);

/* Pairs of that worker that could be taken now. */
uint32_t pool_available(const struct pool *pool, uint32_t owner);
void pool_counts(const struct pool *pool, struct pool_counts *ret_counts);
/* Pairs in use that would not be in [lo, hi]. */
uint32_t pool_in_use_outside(const struct pool *pool, uint16_t lo, uint16_t hi);
/* Takes over what is in use in old (a pool of the same address), and its counters. */
void pool_inherit(struct pool *pool, const struct pool *old);
