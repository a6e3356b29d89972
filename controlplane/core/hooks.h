/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What workers of limen-sip told of their route-hooks, for the show commands. limen-control's one thread. */
#pragma once

#include <stdbool.h>

#include "controlplane/api/ctl_hook.h"

struct hook_store;

struct hook_store *hook_store_new(void); /* NULL when memory is short */
void hook_store_free(struct hook_store *store);

/* CTL_HOOK_STATUS. 0, or -EPROTO: then the connection is closed. */
int hook_store_message(
	struct hook_store *store, uint32_t worker, const struct ctl_hook_status *status);
void hook_store_forget(struct hook_store *store, uint32_t worker); /* it is gone */
/* Sums over the workers; left_alone counts those that leave it alone. false: nothing was told. */
bool hook_store_sum(const struct hook_store *store, uint32_t tag, struct ctl_hook_status *ret);
