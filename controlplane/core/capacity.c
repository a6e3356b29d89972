/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See capacity.h. */
#include "controlplane/core/capacity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/api/ctl_limits.h"

/* Of one kind, by the numbers of limen-sip. */
struct list {
	char *items;
	uint32_t n, room;
	size_t size;
};

struct capacity_store {
	struct list budgets, tolls, loads;
};

struct capacity_store *capacity_store_new(void)
{
	struct capacity_store *store = calloc(1, sizeof(*store));

	if (store == NULL)
		return NULL;
	store->budgets.size = sizeof(struct ctl_capacity);
	store->tolls.size = sizeof(struct ctl_toll);
	store->loads.size = sizeof(struct ctl_overload);
	return store;
}

void capacity_store_free(struct capacity_store *store)
{
	if (store == NULL)
		return;
	free(store->budgets.items);
	free(store->tolls.items);
	free(store->loads.items);
	free(store);
}

static int put(struct list *list, uint32_t index, const void *item)
{
	if (index >= CTL_CAPACITY_MAX)
		return -EPROTO;
	if (index >= list->room) {
		uint32_t room = index + 1 < 2 * list->room ? 2 * list->room : index + 64;
		char *items = reallocarray(list->items, room, list->size);
		if (items == NULL)
			return -ENOMEM;
		memset(items + list->room * list->size, 0, (room - list->room) * list->size);
		list->items = items;
		list->room = room;
	}
	memcpy(list->items + index * list->size, item, list->size);
	if (index >= list->n)
		list->n = index + 1;
	return 0;
}

static const void *at(const struct list *list, uint32_t i)
{
	return i < list->n ? list->items + i * list->size : NULL;
}

int capacity_store_message(
	struct capacity_store *store, const struct ipc_hdr *hdr, const void *body)
{
	const struct ctl_capacity *capacity = body;
	const struct ctl_overload *load = body;
	const struct ctl_toll *toll = body;

	switch (hdr->type) {
	case CTL_CAPACITY:
		return ipc_str_ok(capacity->key, sizeof(capacity->key)) && capacity->zero == 0
			       ? put(&store->budgets, capacity->index, capacity)
			       : -EPROTO;
	case CTL_TOLL:
		return ctl_toll_ok(toll) ? put(&store->tolls, toll->index, toll) : -EPROTO;
	default:
		return ipc_str_ok(load->trunk, sizeof(load->trunk)) && ipaddr_valid(&load->addr) &&
				       load->algo < CTL_OVERLOAD_N_ALGOS && load->zero == 0
			       ? put(&store->loads, load->index, load)
			       : -EPROTO;
	}
}

void capacity_store_restart(struct capacity_store *store,
	void (*give)(void *arg, const struct ctl_toll *toll), void *arg)
{
	const struct ctl_toll *toll;

	for (uint32_t i = 0; (toll = at(&store->tolls, i)) != NULL; i++) {
		if (toll->subject[0])
			give(arg, toll);
	}
	store->budgets.n = store->tolls.n = store->loads.n = 0;
	for (unsigned int k = 0; k < 3; k++) {
		struct list *list = k == 0   ? &store->budgets
				    : k == 1 ? &store->tolls
					     : &store->loads;

		if (list->items != NULL)
			memset(list->items, 0, list->room * list->size);
	}
}

const struct ctl_capacity *capacity_store_budget(const struct capacity_store *store, uint32_t i)
{
	return at(&store->budgets, i);
}

const struct ctl_toll *capacity_store_toll(const struct capacity_store *store, uint32_t i)
{
	return at(&store->tolls, i);
}

const struct ctl_overload *capacity_store_load(const struct capacity_store *store, uint32_t i)
{
	return at(&store->loads, i);
}
