/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pairs of UDP ports of one media address; see pool.h. */
#include "controlplane/media/pool.h"

#include <errno.h>
#include <stdlib.h>

#define NONE UINT32_MAX

struct pair {
	uint32_t next, prev; /* in the owner's free list */
	uint64_t rested_ms;  /* may be taken from then on */
	bool in_use;
};

struct free_list {
	uint32_t first, last, n;
};

struct pool {
	struct ipaddr addr;
	uint16_t lo, hi; /* lo even, hi odd */
	uint32_t n_pairs, n_workers;
	uint32_t reserve; /* for urgent calls, of all workers together */
	struct pool_counts counts;
	struct free_list free[DP_WORKERS_MAX];
	struct pair pairs[];
};

static uint32_t owner_of(const struct pool *pool, uint32_t i)
{
	return dp_port_owner((uint16_t)(pool->lo + 2 * i), pool->n_workers);
}

static void list_append(struct pool *pool, uint32_t i)
{
	struct free_list *list = &pool->free[owner_of(pool, i)];

	pool->pairs[i].next = NONE;
	pool->pairs[i].prev = list->last;
	if (list->last != NONE)
		pool->pairs[list->last].next = i;
	else
		list->first = i;
	list->last = i;
	list->n++;
}

static void list_remove(struct pool *pool, uint32_t i)
{
	struct free_list *list = &pool->free[owner_of(pool, i)];
	struct pair *pair = &pool->pairs[i];

	if (pair->prev != NONE)
		pool->pairs[pair->prev].next = pair->next;
	else
		list->first = pair->next;
	if (pair->next != NONE)
		pool->pairs[pair->next].prev = pair->prev;
	else
		list->last = pair->prev;
	list->n--;
}

struct pool *pool_new(const struct ipaddr *addr, uint16_t lo, uint16_t hi, uint32_t n_workers)
{
	uint32_t first = (lo + 1u) & ~1u;
	uint32_t n_pairs = hi > first ? (hi - first + 1u) / 2 : 0;
	struct pool *pool = calloc(1, sizeof(*pool) + n_pairs * sizeof(pool->pairs[0]));

	if (pool == NULL)
		return NULL;
	pool->addr = *addr;
	pool->addr.port_be16 = 0;
	pool->lo = (uint16_t)first;
	pool->hi = (uint16_t)(first + 2 * n_pairs - 1);
	pool->n_pairs = n_pairs;
	pool->counts.pairs = n_pairs;
	pool_set_workers(pool, n_workers);
	return pool;
}

void pool_free(struct pool *pool)
{
	free(pool);
}

const struct ipaddr *pool_addr(const struct pool *pool)
{
	return &pool->addr;
}

void pool_range(const struct pool *pool, uint16_t *ret_lo, uint16_t *ret_hi)
{
	*ret_lo = pool->lo;
	*ret_hi = pool->hi;
}

static int by_rest(const void *a, const void *b, void *arg)
{
	const struct pair *pairs = arg;
	uint64_t x = pairs[*(const uint32_t *)a].rested_ms,
		 y = pairs[*(const uint32_t *)b].rested_ms;

	return x < y ? -1 : x > y;
}

/* Free pairs in order of their rest; in order of ports when memory for sorting is short. */
void pool_set_workers(struct pool *pool, uint32_t n_workers)
{
	uint32_t *order = malloc((pool->n_pairs + 1) * sizeof(*order));

	if (n_workers < 1)
		n_workers = 1;
	if (n_workers > DP_WORKERS_MAX)
		n_workers = DP_WORKERS_MAX;
	pool->n_workers = n_workers;
	for (uint32_t w = 0; w < DP_WORKERS_MAX; w++)
		pool->free[w] = (struct free_list){NONE, NONE, 0};
	for (uint32_t i = 0; order != NULL && i < pool->n_pairs; i++)
		order[i] = i;
	if (order != NULL)
		qsort_r(order, pool->n_pairs, sizeof(*order), by_rest, pool->pairs);
	for (uint32_t i = 0; i < pool->n_pairs; i++) {
		uint32_t pair = order != NULL ? order[i] : i;
		if (!pool->pairs[pair].in_use)
			list_append(pool, pair);
	}
	free(order);
}

void pool_reserve(struct pool *pool, uint32_t n_pairs)
{
	pool->reserve = n_pairs;
}

int pool_take(struct pool *pool, uint32_t owner, uint64_t now_ms, bool urgent, uint16_t *ret_port)
{
	uint32_t i = owner < pool->n_workers ? pool->free[owner].first : NONE;
	uint32_t keep = (pool->reserve + pool->n_workers - 1) / pool->n_workers;

	if (i == NONE ||
		(!urgent && (pool->free[owner].n <= keep || pool->pairs[i].rested_ms > now_ms))) {
		pool->counts.exhausted++;
		return -ENOSPC;
	}
	list_remove(pool, i);
	pool->pairs[i].in_use = true;
	pool->counts.in_use++;
	pool->counts.taken++;
	*ret_port = (uint16_t)(pool->lo + 2 * i);
	return 0;
}

int pool_claim(struct pool *pool, uint16_t port)
{
	if (pool->n_pairs == 0 || port < pool->lo || port > pool->hi || port % 2 != 0)
		return -ERANGE;
	uint32_t i = (uint32_t)(port - pool->lo) / 2;
	if (pool->pairs[i].in_use)
		return -EADDRINUSE;
	list_remove(pool, i);
	pool->pairs[i].in_use = true;
	pool->counts.in_use++;
	pool->counts.taken++;
	return 0;
}

void pool_give(struct pool *pool, uint16_t port, uint64_t now_ms)
{
	if (pool->n_pairs == 0 || port < pool->lo || port > pool->hi)
		return;
	uint32_t i = (uint32_t)(port - pool->lo) / 2;
	if (!pool->pairs[i].in_use)
		return;
	pool->pairs[i].in_use = false;
	pool->pairs[i].rested_ms = now_ms + POOL_GUARD_MS;
	pool->counts.in_use--;
	list_append(pool, i);
}

uint32_t pool_available(const struct pool *pool, uint32_t owner)
{
	return owner < pool->n_workers ? pool->free[owner].n : 0;
}

void pool_counts(const struct pool *pool, struct pool_counts *ret_counts)
{
	*ret_counts = pool->counts;
}

uint32_t pool_in_use_outside(const struct pool *pool, uint16_t lo, uint16_t hi)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < pool->n_pairs; i++) {
		uint32_t port = pool->lo + 2 * i;
		n += pool->pairs[i].in_use && (port < lo || port + 1 > hi);
	}
	return n;
}

void pool_inherit(struct pool *pool, const struct pool *old)
{
	for (uint32_t i = 0; i < old->n_pairs; i++) {
		uint32_t port = old->lo + 2 * i;
		if (pool->n_pairs == 0 || port < pool->lo || port > pool->hi)
			continue;
		struct pair *pair = &pool->pairs[(port - pool->lo) / 2];
		pair->rested_ms = old->pairs[i].rested_ms;
		pair->in_use = old->pairs[i].in_use;
		pool->counts.in_use += pair->in_use;
	}
	pool->reserve = old->reserve;
	pool->counts.taken = old->counts.taken;
	pool->counts.exhausted = old->counts.exhausted;
	pool_set_workers(pool, pool->n_workers);
}
