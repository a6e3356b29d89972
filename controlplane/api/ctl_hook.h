/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the route-hooks of a worker of limen-sip do, for show. Told once a second when it changed. */
#pragma once

#include "controlplane/api/ctl_api.h"

struct ctl_hook_status {
	uint32_t tag;	     /* of the voice class */
	uint32_t left_alone; /* 1: the circuit breaker keeps calls from it */
	uint32_t pending;    /* questions under way */
	uint32_t kept;	     /* answers in memory */
	uint64_t asked, answered, failed;
	uint64_t cached;   /* calls that an answer in memory served */
	uint64_t left_out; /* calls that went on without asking: breaker, max-pending */
	uint64_t refused;  /* calls that it refused */
	uint64_t wait_us;  /* sum over the answers */
	uint64_t max_us;
	char problem[96]; /* the last one, a part of a sentence; empty: there was none */
};
_Static_assert(sizeof(struct ctl_hook_status) == 176, "wire struct");
