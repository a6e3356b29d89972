/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Map from a 64-bit id to an object; see idmap.h. */
#include "controlplane/base/idmap.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/secret.h"

#define FIRST_SLOTS 64

struct idmap_slot {
	uint64_t id;
	void *value;
};

void idmap_init(struct idmap *map)
{
	*map = (struct idmap){0};
	secret_random(&map->seed, sizeof(map->seed));
}

void idmap_wipe(struct idmap *map)
{
	free(map->slots);
	map->slots = NULL;
	map->mask = 0;
	map->n = 0;
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014): every bit of the id moves every bit. */
static size_t home(const struct idmap *map, uint64_t id)
{
	uint64_t h = id + map->seed;

	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (size_t)(h ^ (h >> 31)) & map->mask;
}

/* The slot that has the id, or the free one where it belongs. The table is never full. */
static struct idmap_slot *find(const struct idmap *map, uint64_t id)
{
	size_t i = home(map, id);

	while (map->slots[i].value != NULL && map->slots[i].id != id)
		i = (i + 1) & map->mask;
	return &map->slots[i];
}

void *idmap_get(const struct idmap *map, uint64_t id)
{
	return map->n == 0 ? NULL : find(map, id)->value;
}

static int grow(struct idmap *map)
{
	size_t n_old = map->slots == NULL ? 0 : map->mask + 1;
	size_t n_new = n_old == 0 ? FIRST_SLOTS : n_old * 2;
	struct idmap_slot *old = map->slots;
	struct idmap_slot *slots = calloc(n_new, sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	map->slots = slots;
	map->mask = n_new - 1;
	for (size_t i = 0; i < n_old; i++) {
		if (old[i].value != NULL)
			*find(map, old[i].id) = old[i];
	}
	free(old);
	return 0;
}

int idmap_put(struct idmap *map, uint64_t id, void *value)
{
	if (map->slots == NULL || (map->n + 1) * 4 > (map->mask + 1) * 3) {
		int ret = grow(map);
		if (ret < 0)
			return ret;
	}
	struct idmap_slot *slot = find(map, id);
	if (slot->value != NULL)
		return -EEXIST;
	slot->id = id;
	slot->value = value;
	map->n++;
	return 0;
}

void *idmap_del(struct idmap *map, uint64_t id)
{
	if (map->n == 0)
		return NULL;
	struct idmap_slot *slot = find(map, id);
	void *value = slot->value;
	if (value == NULL)
		return NULL;
	/* Move back whoever was pushed behind this slot (Knuth, 6.4, algorithm R). */
	size_t hole = (size_t)(slot - map->slots), i = hole;
	for (;;) {
		i = (i + 1) & map->mask;
		if (map->slots[i].value == NULL)
			break;
		size_t want = home(map, map->slots[i].id);
		if (((i - want) & map->mask) < ((i - hole) & map->mask))
			continue;
		map->slots[hole] = map->slots[i];
		hole = i;
	}
	map->slots[hole].value = NULL;
	map->n--;
	return value;
}

void *idmap_next(const struct idmap *map, size_t *pos)
{
	size_t end = map->slots == NULL ? 0 : map->mask + 1;

	while (*pos < end) {
		void *value = map->slots[(*pos)++].value;
		if (value != NULL)
			return value;
	}
	return NULL;
}
