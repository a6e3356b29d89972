/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Slabs: chunks of objects that never move; see sip_slab.h. */
#include <stdlib.h>
#include <string.h>

#include "sip-b2bua/core/sip_slab.h"
#include "sip-b2bua/core/sip_token.h"

#define CHUNK	 256
#define NO_INDEX UINT32_MAX

struct slot {
	uint32_t generation;
	uint32_t next_free;
	bool used;
	bool listed; /* stands in the free list; a claimed slot may, until _get meets it */
};

struct chunk {
	struct slot slots[CHUNK];
	_Alignas(16) uint8_t objects[];
};

struct sip_slab {
	size_t object_size;
	uint32_t max_chunks, max_objects, n_used, first_generation, free_head;
	uint32_t n_chunks; /* chunks below this may exist; for _next */
	struct chunk *chunks[];
};

struct sip_slab *sip_slab_new(size_t object_size, uint32_t max_objects, uint32_t first_generation)
{
	if (max_objects == 0 || max_objects > SIP_TOKEN_INDEX_MAX + 1)
		return NULL;
	uint32_t n = (max_objects + CHUNK - 1) / CHUNK;
	struct sip_slab *slab = calloc(1, sizeof(*slab) + n * sizeof(slab->chunks[0]));
	if (slab == NULL)
		return NULL;
	slab->object_size = (object_size + 15) & ~(size_t)15;
	slab->max_chunks = n;
	slab->max_objects = max_objects;
	slab->first_generation = first_generation & SIP_TOKEN_GEN_MASK;
	slab->free_head = NO_INDEX;
	return slab;
}

void sip_slab_free(struct sip_slab *slab)
{
	if (slab == NULL)
		return;
	for (uint32_t i = 0; i < slab->max_chunks; i++)
		free(slab->chunks[i]);
	free(slab);
}

static struct slot *slot_of(const struct sip_slab *slab, uint32_t index)
{
	if (index >= slab->max_objects || slab->chunks[index / CHUNK] == NULL)
		return NULL;
	return &slab->chunks[index / CHUNK]->slots[index % CHUNK];
}

static void *object_of(const struct sip_slab *slab, uint32_t index)
{
	return slab->chunks[index / CHUNK]->objects + (index % CHUNK) * slab->object_size;
}

static void list_push(struct sip_slab *slab, uint32_t index)
{
	struct slot *slot = slot_of(slab, index);
	slot->next_free = slab->free_head;
	slot->listed = true;
	slab->free_head = index;
}

static bool chunk_add(struct sip_slab *slab, uint32_t n)
{
	/* The objects start out as zero pages: memory is touched only as slots come into use. */
	struct chunk *chunk = calloc(1, sizeof(*chunk) + CHUNK * slab->object_size);
	if (chunk == NULL)
		return false;
	slab->chunks[n] = chunk;
	if (n >= slab->n_chunks)
		slab->n_chunks = n + 1;
	for (uint32_t i = CHUNK; i-- > 0;) {
		chunk->slots[i].generation = slab->first_generation;
		if (n * CHUNK + i < slab->max_objects)
			list_push(slab, n * CHUNK + i);
	}
	return true;
}

static bool grow(struct sip_slab *slab)
{
	for (uint32_t n = 0; n < slab->max_chunks; n++) {
		if (slab->chunks[n] == NULL)
			return chunk_add(slab, n);
	}
	return false;
}

static void *slot_use(struct sip_slab *slab, struct slot *slot, uint32_t index)
{
	void *object = object_of(slab, index);
	slot->used = true;
	slab->n_used++;
	memset(object, 0, slab->object_size);
	return object;
}

void *sip_slab_get(struct sip_slab *slab, uint32_t *ret_index, uint32_t *ret_generation)
{
	for (;;) {
		if (slab->free_head == NO_INDEX && !grow(slab))
			return NULL;
		uint32_t index = slab->free_head;
		struct slot *slot = slot_of(slab, index);
		slab->free_head = slot->next_free;
		slot->listed = false;
		if (slot->used)
			continue; /* claimed while it stood in the list */
		*ret_index = index;
		*ret_generation = slot->generation;
		return slot_use(slab, slot, index);
	}
}

void *sip_slab_claim(struct sip_slab *slab, uint32_t index, uint32_t generation)
{
	if (index >= slab->max_objects)
		return NULL;
	if (slab->chunks[index / CHUNK] == NULL && !chunk_add(slab, index / CHUNK))
		return NULL;
	struct slot *slot = slot_of(slab, index);
	if (slot->used)
		return NULL;
	slot->generation = generation & SIP_TOKEN_GEN_MASK;
	return slot_use(slab, slot, index);
}

uint32_t sip_slab_renew(struct sip_slab *slab, uint32_t index)
{
	struct slot *slot = slot_of(slab, index);
	slot->generation = (slot->generation + 1) & SIP_TOKEN_GEN_MASK;
	return slot->generation;
}

void *sip_slab_find(const struct sip_slab *slab, uint32_t index, uint32_t generation)
{
	const struct slot *slot = slot_of(slab, index);
	if (slot == NULL || !slot->used || slot->generation != generation)
		return NULL;
	return object_of(slab, index);
}

void *sip_slab_at(const struct sip_slab *slab, uint32_t index)
{
	return object_of(slab, index);
}

void sip_slab_put(struct sip_slab *slab, uint32_t index)
{
	struct slot *slot = slot_of(slab, index);
	if (slot == NULL || !slot->used)
		abort(); /* released twice: the slab would hand one object to two owners */
	slot->used = false;
	slot->generation = (slot->generation + 1) & SIP_TOKEN_GEN_MASK;
	slab->n_used--;
	if (!slot->listed)
		list_push(slab, index);
}

uint32_t sip_slab_n_used(const struct sip_slab *slab)
{
	return slab->n_used;
}

void *sip_slab_next(const struct sip_slab *slab, uint32_t *pos)
{
	while (*pos < slab->n_chunks * CHUNK) {
		uint32_t index = (*pos)++;
		const struct slot *slot = slot_of(slab, index);
		if (slot == NULL)
			*pos = (index / CHUNK + 1) * CHUNK;
		else if (slot->used)
			return object_of(slab, index);
	}
	return NULL;
}
