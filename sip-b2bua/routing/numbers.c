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
	struct numtrie trie;
};

struct numbers {
	struct map *maps; /* by ascending tag */
	uint32_t n;
};

struct numbers *numbers_new(void)
{
	struct numbers *numbers = calloc(1, sizeof(*numbers));

	if (numbers)
		numbers->maps = calloc(NUMBERS_MAPS_MAX, sizeof(*numbers->maps));
	if (numbers && !numbers->maps) {
		free(numbers);
		return NULL;
	}
	return numbers;
}

void numbers_free(struct numbers *numbers)
{
	if (!numbers)
		return;
	for (uint32_t i = 0; i < numbers->n; i++)
		munmap(numbers->maps[i].base, numbers->maps[i].len);
	free(numbers->maps);
	free(numbers);
}

/* Where the tag is, or would be. */
static uint32_t place(const struct numbers *numbers, uint32_t tag)
{
	uint32_t lo = 0, hi = numbers->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (numbers->maps[mid].tag < tag)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_there(const struct numbers *numbers, uint32_t at, uint32_t tag)
{
	return at < numbers->n && numbers->maps[at].tag == tag;
}

/* Nobody may take the pages away or change them while they are looked at. */
static int map_image(int fd, size_t len, struct map *ret)
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
	if (numtrie_open(ret->base, len, &ret->trie, NULL) == 0)
		return 0;
	munmap(ret->base, len);
	return -EINVAL;
}

int numbers_set(struct numbers *numbers, uint32_t tag, int fd, size_t len)
{
	uint32_t at = place(numbers, tag);
	struct map map = {.tag = tag};
	int rc;

	if (!is_there(numbers, at, tag) && numbers->n == NUMBERS_MAPS_MAX)
		return -ENOSPC;
	rc = map_image(fd, len, &map);
	if (rc < 0)
		return rc;
	if (is_there(numbers, at, tag)) {
		munmap(numbers->maps[at].base, numbers->maps[at].len);
	} else {
		memmove(&numbers->maps[at + 1], &numbers->maps[at],
			(numbers->n - at) * sizeof(numbers->maps[0]));
		numbers->n++;
	}
	numbers->maps[at] = map;
	return 0;
}

void numbers_del(struct numbers *numbers, uint32_t tag)
{
	uint32_t at = place(numbers, tag);

	if (!is_there(numbers, at, tag))
		return;
	munmap(numbers->maps[at].base, numbers->maps[at].len);
	numbers->n--;
	memmove(&numbers->maps[at], &numbers->maps[at + 1],
		(numbers->n - at) * sizeof(numbers->maps[0]));
}

const struct numtrie *numbers_find(const struct numbers *numbers, uint32_t tag)
{
	uint32_t at = numbers ? place(numbers, tag) : 0;

	return numbers && is_there(numbers, at, tag) ? &numbers->maps[at].trie : NULL;
}
