/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See numbers.h. */
#include "sip-b2bua/routing/numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct map {
	uint32_t tag;
	void *base;
	size_t len;
	union {
		struct numtrie trie;
		struct ratetable table;
	};
};

struct list {
	struct map *maps; /* by ascending tag */
	uint32_t n;
};

struct numbers {
	struct list lists[NUMBERS_N_KINDS];
};

struct numbers *numbers_new(void)
{
	struct numbers *numbers = calloc(1, sizeof(*numbers));

	for (unsigned int k = 0; numbers && k < NUMBERS_N_KINDS; k++) {
		numbers->lists[k].maps = calloc(NUMBERS_MAPS_MAX, sizeof(struct map));
		if (!numbers->lists[k].maps) {
			numbers_free(numbers);
			return NULL;
		}
	}
	return numbers;
}

void numbers_free(struct numbers *numbers)
{
	if (!numbers)
		return;
	for (unsigned int k = 0; k < NUMBERS_N_KINDS; k++) {
		const struct list *list = &numbers->lists[k];

		for (uint32_t i = 0; i < list->n; i++)
			munmap(list->maps[i].base, list->maps[i].len);
		free(list->maps);
	}
	free(numbers);
}

/* Where the tag is, or would be. */
static uint32_t place(const struct list *list, uint32_t tag)
{
	uint32_t lo = 0, hi = list->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (list->maps[mid].tag < tag)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_there(const struct list *list, uint32_t at, uint32_t tag)
{
	return at < list->n && list->maps[at].tag == tag;
}

/* Nobody may take the pages away or change them while they are looked at. */
static int map_image(enum numbers_kind kind, int fd, size_t len, struct map *ret)
{
	const int want = F_SEAL_WRITE | F_SEAL_SHRINK;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & want) != want || fstat(fd, &st) < 0 || len == 0 ||
		(uint64_t)st.st_size < len)
		return -EINVAL;
	ret->base = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	if (ret->base == MAP_FAILED)
		return -ENOMEM;
	ret->len = len;
	if ((kind == NUMBERS_MAP ? numtrie_open(ret->base, len, &ret->trie, NULL)
				 : ratetable_open(ret->base, len, &ret->table)) == 0)
		return 0;
	munmap(ret->base, len);
	return -EINVAL;
}

int numbers_set(struct numbers *numbers, enum numbers_kind kind, uint32_t tag, int fd, size_t len)
{
	struct list *list = &numbers->lists[kind];
	uint32_t at = place(list, tag);
	struct map map = {.tag = tag};
	int rc;

	if (!is_there(list, at, tag) && list->n == NUMBERS_MAPS_MAX)
		return -ENOSPC;
	rc = map_image(kind, fd, len, &map);
	if (rc < 0)
		return rc;
	if (is_there(list, at, tag)) {
		munmap(list->maps[at].base, list->maps[at].len);
	} else {
		memmove(&list->maps[at + 1], &list->maps[at],
			(list->n - at) * sizeof(list->maps[0]));
		list->n++;
	}
	list->maps[at] = map;
	return 0;
}

void numbers_del(struct numbers *numbers, enum numbers_kind kind, uint32_t tag)
{
	struct list *list = &numbers->lists[kind];
	uint32_t at = place(list, tag);

	if (!is_there(list, at, tag))
		return;
	munmap(list->maps[at].base, list->maps[at].len);
	list->n--;
	memmove(&list->maps[at], &list->maps[at + 1], (list->n - at) * sizeof(list->maps[0]));
}

static const struct map *find(const struct numbers *numbers, enum numbers_kind kind, uint32_t tag)
{
	const struct list *list = numbers ? &numbers->lists[kind] : NULL;
	uint32_t at = list ? place(list, tag) : 0;

	return list && is_there(list, at, tag) ? &list->maps[at] : NULL;
}

const struct numtrie *numbers_find(const struct numbers *numbers, uint32_t tag)
{
	const struct map *map = find(numbers, NUMBERS_MAP, tag);

	return map ? &map->trie : NULL;
}

const struct ratetable *numbers_find_table(const struct numbers *numbers, uint32_t tag)
{
	const struct map *map = find(numbers, NUMBERS_TABLE, tag);

	return map ? &map->table : NULL;
}
