/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory for expanded keys. Contexts of many streams are read in turn, so they lie on large pages
 * where the kernel has them, and never in a core file. Cells of one size come from chunks of their
 * own and are used again; chunks are kept. Control thread only.
 */
#include "dataplane/srtp/priv.h"

#include "controlplane/base/secret.h"

#include <errno.h>
#include <sys/mman.h>

#define CHUNK (UINT64_C(2) << 20)
#define SIZES 8 /* two per back end, and one or two back ends in a process; tests use all */

struct cell {
	struct cell *next;
};

static struct {
	size_t size;
	struct cell *free;
} pools[SIZES];

/* A chunk at an address that a large page may have. */
static char *chunk_new(void)
{
	char *p = mmap(NULL, 2 * CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	size_t head = (size_t)(-(uintptr_t)p & (CHUNK - 1));
	if (head)
		munmap(p, head);
	munmap(p + head + CHUNK, CHUNK - head);
	p += head;
	/* Both are wishes: without them it works as well. */
	madvise(p, CHUNK, MADV_HUGEPAGE);
	madvise(p, CHUNK, MADV_DONTDUMP);
	return p;
}

void *srtp_memory_get(size_t size)
{
	unsigned int i = 0;

	while (i < SIZES && pools[i].size && pools[i].size != size)
		i++;
	if (i == SIZES || size > CHUNK)
		return NULL;
	pools[i].size = size;
	if (!pools[i].free) {
		char *chunk = chunk_new();
		for (size_t at = 0; chunk && at + size <= CHUNK; at += size) {
			struct cell *cell = (void *)(chunk + at);
			cell->next = pools[i].free;
			pools[i].free = cell;
		}
	}
	struct cell *cell = pools[i].free;
	if (cell)
		pools[i].free = cell->next;
	return cell;
}

void srtp_memory_put(void *p, size_t size)
{
	struct cell *cell = p;
	unsigned int i = 0;

	while (pools[i].size != size)
		i++;
	secret_wipe(p, size);
	cell->next = pools[i].free;
	pools[i].free = cell;
}
