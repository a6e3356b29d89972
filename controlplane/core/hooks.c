/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See hooks.h. */
#include "controlplane/core/hooks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/config/cfg_model.h"
#include "controlplane/core/calls.h"

struct hook_store {
	struct ctl_hook_status status[CALLS_WORKERS_MAX][CFG_HOOKS_MAX]; /* tag 0: free */
};

struct hook_store *hook_store_new(void)
{
	return calloc(1, sizeof(struct hook_store));
}

void hook_store_free(struct hook_store *store)
{
	free(store);
}

int hook_store_message(
	struct hook_store *store, uint32_t worker, const struct ctl_hook_status *status)
{
	struct ctl_hook_status *spare = NULL;

	if (status->tag == 0 || status->left_alone > 1 || worker >= CALLS_WORKERS_MAX ||
		!ipc_str_ok(status->problem, sizeof(status->problem)))
		return -EPROTO;
	for (unsigned int i = 0; i < CFG_HOOKS_MAX; i++) {
		struct ctl_hook_status *s = &store->status[worker][i];

		if (s->tag == status->tag) {
			*s = *status;
			return 0;
		}
		if (s->tag == 0 && spare == NULL)
			spare = s;
	}
	/* Hooks came and went: of those that are no longer there nobody asks. */
	if (spare == NULL) {
		memset(store->status[worker], 0, sizeof(store->status[worker]));
		spare = &store->status[worker][0];
	}
	*spare = *status;
	return 0;
}

void hook_store_forget(struct hook_store *store, uint32_t worker)
{
	if (worker < CALLS_WORKERS_MAX)
		memset(store->status[worker], 0, sizeof(store->status[worker]));
}

bool hook_store_sum(const struct hook_store *store, uint32_t tag, struct ctl_hook_status *ret)
{
	*ret = (struct ctl_hook_status){.tag = tag};
	bool found = false;

	for (unsigned int w = 0; w < CALLS_WORKERS_MAX; w++) {
		for (unsigned int i = 0; i < CFG_HOOKS_MAX; i++) {
			const struct ctl_hook_status *s = &store->status[w][i];

			if (s->tag != tag)
				continue;
			found = true;
			ret->left_alone += s->left_alone;
			ret->pending += s->pending;
			ret->kept += s->kept;
			ret->asked += s->asked;
			ret->answered += s->answered;
			ret->failed += s->failed;
			ret->cached += s->cached;
			ret->left_out += s->left_out;
			ret->refused += s->refused;
			ret->wait_us += s->wait_us;
			ret->max_us = s->max_us > ret->max_us ? s->max_us : ret->max_us;
			if (s->problem[0])
				memcpy(ret->problem, s->problem, sizeof(ret->problem));
		}
	}
	return found;
}
