/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Map from a 64-bit id to an object, which stays its owner's. Open addressing with linear probing,
 * at most 3/4 full; removal leaves no tombstones, so a table that calls come to and go from for
 * months stays as fast as on the first day. One thread per map.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct idmap {
	struct idmap_slot *slots; /* value NULL: free */
	size_t mask, n;
	uint64_t seed; /* so that ids chosen by somebody else cannot be made to collide */
};

void idmap_init(struct idmap *map);
void idmap_wipe(struct idmap *map); /* frees the table, not the objects */
void *idmap_get(const struct idmap *map, uint64_t id);
/* value is not NULL. 0, -EEXIST when the id is there, -ENOMEM. */
int idmap_put(struct idmap *map, uint64_t id, void *value) __attribute__((warn_unused_result));
/* What was there, or NULL. */
void *idmap_del(struct idmap *map, uint64_t id);
/* Any n-th object for walks: *pos starts at 0; NULL at the end. The map may not change meanwhile. */
void *idmap_next(const struct idmap *map, size_t *pos);
