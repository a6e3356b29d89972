/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See store.h. */
#include "dataplane/session/store.h"

#include <stdlib.h>
#include <string.h>

#include "controlplane/base/secret.h"

struct store {
	uint32_t capacity, n_live, n_free, n_used; /* rows from n_used on were never taken */
	uint32_t n_buckets;			   /* a power of two */
	uint32_t *buckets;			   /* row + 1 */
	uint32_t *free;				   /* stack of n_free */
	uint64_t *ids;				   /* [capacity]; 0: not live. Dense, for paging */
	struct row *rows;
};

struct store *store_new(uint32_t capacity)
{
	struct store *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->capacity = capacity;
	s->n_buckets = 64;
	while (s->n_buckets < capacity)
		s->n_buckets *= 2;
	s->buckets = calloc(s->n_buckets, sizeof *s->buckets);
	s->free = calloc(capacity, sizeof *s->free);
	s->ids = calloc(capacity, sizeof *s->ids);
	s->rows = calloc(capacity, sizeof *s->rows);
	if (!s->buckets || !s->free || !s->ids || !s->rows) {
		store_free(s);
		return NULL;
	}
	return s;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	free(store->buckets);
	free(store->free);
	free(store->ids);
	free(store->rows);
	free(store);
}

static uint32_t *bucket_of(struct store *s, uint64_t id)
{
	uint64_t h = id * UINT64_C(0x9e3779b97f4a7c15);
	return &s->buckets[(h >> 32) & (s->n_buckets - 1)];
}

struct row *store_find(struct store *store, uint64_t id)
{
	for (uint32_t i = *bucket_of(store, id); i; i = store->rows[i - 1].hash_next)
		if (store->rows[i - 1].conf.id == id)
			return &store->rows[i - 1];
	return NULL;
}

struct row *store_take(struct store *store, uint64_t id)
{
	uint32_t i;
	if (store->n_free)
		i = store->free[--store->n_free];
	else if (store->n_used < store->capacity)
		i = store->n_used++;
	else
		return NULL;
	struct row *row = &store->rows[i];
	memset(row, 0, sizeof *row);
	row->conf.id = id;
	row->state = ROW_LIVE;
	uint32_t *bucket = bucket_of(store, id);
	row->hash_next = *bucket;
	*bucket = i + 1;
	store->ids[i] = id;
	store->n_live++;
	return row;
}

void store_unlink(struct store *store, struct row *row)
{
	uint32_t i = store_index(store, row);
	uint32_t *at = bucket_of(store, row->conf.id);
	while (*at != i + 1)
		at = &store->rows[*at - 1].hash_next;
	*at = row->hash_next;
	store->ids[i] = 0;
	row->state = ROW_GOING;
	store->n_live--;
}

void store_release(struct store *store, struct row *row)
{
	row->state = ROW_FREE;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		secret_wipe(&row->conf.leg[leg].rx, sizeof row->conf.leg[leg].rx);
		secret_wipe(&row->conf.leg[leg].tx, sizeof row->conf.leg[leg].tx);
	}
	store->free[store->n_free++] = store_index(store, row);
}

uint32_t store_index(const struct store *store, const struct row *row)
{
	return (uint32_t)(row - store->rows);
}

struct row *store_row(struct store *store, uint32_t index)
{
	return &store->rows[index];
}

uint32_t store_capacity(const struct store *store)
{
	return store->capacity;
}

uint32_t store_n_live(const struct store *store)
{
	return store->n_live;
}

uint32_t store_n_used(const struct store *store)
{
	return store->n_used;
}

uint32_t store_n_free(const struct store *store)
{
	return store->n_free + store->capacity - store->n_used;
}

/* A heap of rows with the largest id on top: what a smaller id drives out is the top. */
static void heap_down(struct row **heap, uint32_t n, uint32_t i)
{
	for (;;) {
		uint32_t top = i, kid = 2 * i + 1;
		if (kid < n && heap[kid]->conf.id > heap[top]->conf.id)
			top = kid;
		if (kid + 1 < n && heap[kid + 1]->conf.id > heap[top]->conf.id)
			top = kid + 1;
		if (top == i)
			return;
		struct row *r = heap[i];
		heap[i] = heap[top];
		heap[top] = r;
		i = top;
	}
}

static void heap_add(struct row **heap, uint32_t i, struct row *row)
{
	heap[i] = row;
	while (i && heap[(i - 1) / 2]->conf.id < heap[i]->conf.id) {
		struct row *r = heap[i];
		heap[i] = heap[(i - 1) / 2];
		heap[(i - 1) / 2] = r;
		i = (i - 1) / 2;
	}
}

uint32_t store_page(
	struct store *store, uint64_t after_id, uint32_t max, struct row **ret_rows, bool *ret_more)
{
	uint32_t n = 0;
	bool more = false;
	for (uint32_t i = 0; i < store->n_used; i++) {
		uint64_t id = store->ids[i];
		if (id <= after_id)
			continue;
		if (n < max) {
			heap_add(ret_rows, n++, &store->rows[i]);
			continue;
		}
		more = true;
		if (n && id < ret_rows[0]->conf.id) {
			ret_rows[0] = &store->rows[i];
			heap_down(ret_rows, n, 0);
		}
	}
	/* Heap sort: the largest goes behind the rest, again and again. */
	for (uint32_t left = n; left > 1; left--) {
		struct row *r = ret_rows[0];
		ret_rows[0] = ret_rows[left - 1];
		ret_rows[left - 1] = r;
		heap_down(ret_rows, left - 1, 0);
	}
	*ret_more = more;
	return n;
}
