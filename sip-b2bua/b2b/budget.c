/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See budget.h. */
#include "sip-b2bua/b2b/budget.h"

#include <stdlib.h>
#include <string.h>

void budgets_init(struct budgets *all)
{
	pthread_mutex_init(&all->lock, NULL);
}

void budgets_clear(struct budgets *all)
{
	for (unsigned int i = 0; i < BUDGET_CHUNKS; i++)
		free(atomic_load_explicit(&all->chunks[i], memory_order_relaxed));
	pthread_mutex_destroy(&all->lock);
	memset(all, 0, sizeof(*all));
}

struct budget *budget_at(struct budgets *all, uint32_t index)
{
	/* acquire pairs with the release in budget_of() */
	struct budget *chunk = atomic_load_explicit(
		&all->chunks[index / BUDGET_CHUNK], memory_order_acquire);

	return &chunk[index % BUDGET_CHUNK];
}

/* FNV-1a; keys are the operator's. */
static uint32_t bucket_of(const char *key)
{
	uint32_t hash = 2166136261U;

	for (; *key; key++)
		hash = (hash ^ (uint8_t)*key) * 16777619U;
	return hash % BUDGET_BUCKETS;
}

static uint32_t find(struct budgets *all, const char *key, uint32_t bucket)
{
	uint32_t next = all->buckets[bucket];

	while (next != 0 && strcmp(budget_at(all, next - 1)->key, key) != 0)
		next = budget_at(all, next - 1)->next;
	return next != 0 ? next - 1 : BUDGET_NONE;
}

static uint32_t make(struct budgets *all, const char *key, uint32_t bucket)
{
	uint32_t n = atomic_load_explicit(&all->n, memory_order_relaxed);
	struct budget *chunk, *b;
	size_t len = strlen(key);

	if (n == BUDGETS_MAX || len >= BUDGET_KEY_MAX)
		return BUDGET_NONE;
	if (n % BUDGET_CHUNK == 0) {
		chunk = calloc(BUDGET_CHUNK, sizeof(*chunk));
		if (!chunk)
			return BUDGET_NONE;
		atomic_store_explicit(&all->chunks[n / BUDGET_CHUNK], chunk, memory_order_release);
	}
	b = budget_at(all, n);
	memcpy(b->key, key, len + 1);
	b->next = all->buckets[bucket];
	all->buckets[bucket] = n + 1;
	atomic_store_explicit(&all->n, n + 1, memory_order_release);
	return n;
}

uint32_t budget_of(struct budgets *all, const char *key)
{
	uint32_t bucket = bucket_of(key), index;

	pthread_mutex_lock(&all->lock);
	index = find(all, key, bucket);
	if (index == BUDGET_NONE)
		index = make(all, key, bucket);
	pthread_mutex_unlock(&all->lock);
	return index;
}

void budget_limit(struct budget *b, uint32_t max_calls, uint32_t per_s, uint32_t kbps)
{
	atomic_store_explicit(&b->max_calls, max_calls, memory_order_relaxed);
	atomic_store_explicit(&b->per_s, per_s, memory_order_relaxed);
	atomic_store_explicit(&b->max_bps, (uint64_t)kbps * 1000, memory_order_relaxed);
}

static bool refuse(struct budget *b, enum budget_cause cause)
{
	atomic_fetch_add_explicit(&b->refused[cause], 1, memory_order_relaxed);
	return false;
}

static void peak32(atomic_uint *peak, uint32_t now)
{
	uint32_t was = atomic_load_explicit(peak, memory_order_relaxed);

	while (now > was && !atomic_compare_exchange_weak_explicit(
				    peak, &was, now, memory_order_relaxed, memory_order_relaxed))
		;
}

static void peak64(_Atomic uint64_t *peak, uint64_t now)
{
	uint64_t was = atomic_load_explicit(peak, memory_order_relaxed);

	while (now > was && !atomic_compare_exchange_weak_explicit(
				    peak, &was, now, memory_order_relaxed, memory_order_relaxed))
		;
}

bool budget_call_take(struct budget *b, bool must)
{
	uint32_t max = atomic_load_explicit(&b->max_calls, memory_order_relaxed);
	uint32_t n = atomic_load_explicit(&b->n_calls, memory_order_relaxed);

	do {
		if (max != 0 && n >= max && !must)
			return refuse(b, BUDGET_CALLS);
	} while (!atomic_compare_exchange_weak_explicit(
		&b->n_calls, &n, n + 1, memory_order_relaxed, memory_order_relaxed));
	peak32(&b->peak_calls, n + 1);
	return true;
}

void budget_call_give(struct budget *b)
{
	atomic_fetch_sub_explicit(&b->n_calls, 1, memory_order_relaxed);
}

/* A bucket that holds one second's calls. */
int64_t budget_turn_take(struct budget *b, uint32_t per_s, uint64_t now_us, uint64_t most_us)
{
	uint64_t next = atomic_load_explicit(&b->next_us, memory_order_relaxed), wanted, over;

	do {
		wanted = (next > now_us ? next : now_us) + 1000000 / per_s;
		over = wanted > now_us + 1000000 ? wanted - now_us - 1000000 : 0;
		if (over > most_us)
			return -1;
	} while (!atomic_compare_exchange_weak_explicit(
		&b->next_us, &next, wanted, memory_order_relaxed, memory_order_relaxed));
	return (int64_t)over;
}

bool budget_turn_waits(const struct budget *b, uint32_t per_s, uint64_t now_us)
{
	return atomic_load_explicit(&b->next_us, memory_order_relaxed) + 1000000 / per_s >
	       now_us + 1000000;
}

bool budget_rate_take(struct budget *b, uint64_t now_us, bool must)
{
	uint32_t per_s = atomic_load_explicit(&b->per_s, memory_order_relaxed);

	return per_s == 0 || budget_turn_take(b, per_s, now_us, must ? UINT64_MAX : 0) >= 0 ||
	       refuse(b, BUDGET_RATE);
}

bool budget_bps_move(struct budget *b, uint64_t from, uint64_t to, bool must)
{
	uint64_t max = atomic_load_explicit(&b->max_bps, memory_order_relaxed);
	uint64_t now = atomic_load_explicit(&b->bps, memory_order_relaxed), wanted;

	do {
		wanted = now - from + to;
		if (max != 0 && to > from && wanted > max && !must)
			return refuse(b, BUDGET_BANDWIDTH);
	} while (!atomic_compare_exchange_weak_explicit(
		&b->bps, &now, wanted, memory_order_relaxed, memory_order_relaxed));
	peak64(&b->peak_bps, wanted);
	return true;
}

void budget_peaks_reset(struct budget *b)
{
	atomic_store_explicit(&b->peak_calls,
		atomic_load_explicit(&b->n_calls, memory_order_relaxed), memory_order_relaxed);
	atomic_store_explicit(&b->peak_bps, atomic_load_explicit(&b->bps, memory_order_relaxed),
		memory_order_relaxed);
	for (unsigned int i = 0; i < BUDGET_N_CAUSES; i++)
		atomic_store_explicit(&b->refused[i], 0, memory_order_relaxed);
}
