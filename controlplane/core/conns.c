/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See conns.h. A list in the order of arrival, and a hash by worker and id. */
#include "controlplane/core/conns.h"

#include <stdlib.h>
#include <sys/queue.h>

#define BUCKETS	  4096
#define CONNS_MAX 200000

struct entry {
	TAILQ_ENTRY(entry) order;
	LIST_ENTRY(entry) link;
	struct conns_row row;
};

struct conns {
	TAILQ_HEAD(, entry) order;
	LIST_HEAD(, entry) buckets[BUCKETS];
	uint32_t n, last_number;
};

struct conns *conns_new(void)
{
	struct conns *conns = calloc(1, sizeof(*conns));

	if (conns != NULL)
		TAILQ_INIT(&conns->order);
	return conns;
}

static void entry_free(struct conns *conns, struct entry *entry)
{
	TAILQ_REMOVE(&conns->order, entry, order);
	LIST_REMOVE(entry, link);
	conns->n--;
	free(entry);
}

void conns_free(struct conns *conns)
{
	struct entry *entry;

	while (conns != NULL && (entry = TAILQ_FIRST(&conns->order)) != NULL)
		entry_free(conns, entry);
	free(conns);
}

/* An id is an index and a generation; each alone is spread badly. */
static uint32_t bucket_of(uint32_t worker, uint64_t id)
{
	return (uint32_t)((id ^ id >> 28 ^ (uint64_t)worker << 6) % BUCKETS);
}

static struct entry *entry_find(const struct conns *conns, uint32_t worker, uint64_t id)
{
	struct entry *entry;

	LIST_FOREACH(entry, &conns->buckets[bucket_of(worker, id)], link) {
		if (entry->row.worker == worker && entry->row.conn.id == id)
			return entry;
	}
	return NULL;
}

void conns_put(struct conns *conns, uint32_t worker, const struct ctl_conn *conn, uint64_t now_ms)
{
	struct entry *entry = entry_find(conns, worker, conn->id);

	if (entry == NULL) {
		if (conns->n >= CONNS_MAX || (entry = calloc(1, sizeof(*entry))) == NULL)
			return;
		entry->row = (struct conns_row){
			.number = ++conns->last_number, .worker = worker, .since_ms = now_ms};
		TAILQ_INSERT_TAIL(&conns->order, entry, order);
		LIST_INSERT_HEAD(&conns->buckets[bucket_of(worker, conn->id)], entry, link);
		conns->n++;
	}
	entry->row.conn = *conn;
}

void conns_remove(struct conns *conns, uint32_t worker, uint64_t id)
{
	struct entry *entry = entry_find(conns, worker, id);

	if (entry != NULL)
		entry_free(conns, entry);
}

void conns_forget(struct conns *conns, uint32_t worker)
{
	struct entry *entry = TAILQ_FIRST(&conns->order);

	while (entry != NULL) {
		struct entry *next = TAILQ_NEXT(entry, order);
		if (entry->row.worker == worker)
			entry_free(conns, entry);
		entry = next;
	}
}

void conns_each(
	const struct conns *conns, int (*row)(const struct conns_row *row, void *arg), void *arg)
{
	struct entry *entry;

	TAILQ_FOREACH(entry, &conns->order, order) {
		if (row(&entry->row, arg) != 0)
			return;
	}
}

bool conns_find(const struct conns *conns, uint32_t number, struct conns_row *ret_row)
{
	struct entry *entry;

	TAILQ_FOREACH(entry, &conns->order, order) {
		if (entry->row.number == number) {
			*ret_row = entry->row;
			return true;
		}
	}
	return false;
}
