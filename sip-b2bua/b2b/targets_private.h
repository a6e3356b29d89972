/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the files of the targets: spots.c, targets.c, targets_make.c, targets_tell.c. */
#pragma once

#include "sip-b2bua/b2b/targets.h"

/* spots.c: a set refers to its spots. SPOT_NONE: there are too many. */
uint16_t spot_ref(struct b2b *b, const char *trunk, const struct ipaddr *addr, uint8_t transport);
void spot_unref(struct b2b *b, uint16_t spot);
uint32_t spot_load(const struct b2b *b, uint16_t spot); /* calls now */

/* A set in the making: room for all that one may have. */
struct target_draft {
	struct target_set set; /* its arrays are those below */
	struct target targets[TARGETS_MAX];
	struct target_server servers[TARGETS_MAX];
	struct target_member members[CFG_LIST_MAX];
};

/* targets_make.c: what a trunk's targets are now; no spots yet. */
void targets_make(struct b2b *b, const struct cfg *cfg, const struct cfg_trunk *trunk,
	struct target_draft *ret_draft);

/* targets_tell.c: limen-control gets the sets of this worker that changed since it was told. */
void targets_tell(struct b2b *b, struct targets *t, bool all);
struct target_set *targets_set_of(struct targets *t, uint32_t trunk_index);
