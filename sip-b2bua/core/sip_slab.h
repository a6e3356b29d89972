/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Objects of one size in chunks that never move, found by index and generation in O(1). The
 * generation of a slot changes at each release, so an old token finds nothing. Grows up to a
 * limit; memory of released objects is used again but not given back. One thread per slab.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sip_slab;

/* first_generation: of fresh slots; random per start, so that tokens of an earlier process do not
 * match. max_objects at most 2^24. NULL when memory is short. */
struct sip_slab *sip_slab_new(size_t object_size, uint32_t max_objects, uint32_t first_generation);
void sip_slab_free(struct sip_slab *slab);

/* A zeroed object and its index and generation; NULL at the limit or when memory is short. */
void *sip_slab_get(struct sip_slab *slab, uint32_t *ret_index, uint32_t *ret_generation);
/* The object of a given index and generation (restore after a restart). NULL when that slot is
 * taken, out of range, or memory is short. */
void *sip_slab_claim(struct sip_slab *slab, uint32_t index, uint32_t generation);
/* A used object gets another generation, so that its old one finds nothing; the new one. */
uint32_t sip_slab_renew(struct sip_slab *slab, uint32_t index);
/* NULL when that slot is free or was used anew. */
void *sip_slab_find(const struct sip_slab *slab, uint32_t index, uint32_t generation);
/* The object of an index that the caller knows to be in use. */
void *sip_slab_at(const struct sip_slab *slab, uint32_t index);
void sip_slab_put(struct sip_slab *slab, uint32_t index);
uint32_t sip_slab_n_used(const struct sip_slab *slab);
/* The used object at or after *pos, which moves behind it; NULL at the end. */
void *sip_slab_next(const struct sip_slab *slab, uint32_t *pos);
