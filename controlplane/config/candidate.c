/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Candidates: copies of the running configuration that are edited before they are committed. */
#include "controlplane/config/schema.h"
#include "controlplane/config/store_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct cfg_candidate *cfg_candidate_exclusive(const struct cfg_store *store)
{
	struct cfg_candidate *candidate = store->candidates;

	while (candidate && !candidate->exclusive)
		candidate = candidate->next;
	return candidate;
}

int cfg_candidate_new(struct cfg_store *store, const char *user, bool exclusive,
	struct cfg_candidate **ret_candidate, char error[CFG_ERROR_MAX])
{
	struct cfg_candidate *candidate, *holder = cfg_candidate_exclusive(store);

	if (exclusive && holder)
		return cfg_store_say(
			error, -EBUSY, "the configuration is locked by %s", holder->user);
	candidate = calloc(1, sizeof(*candidate));
	if (!candidate)
		return cfg_store_say(error, -ENOMEM, "out of memory");
	candidate->store = store;
	candidate->exclusive = exclusive;
	snprintf(candidate->user, sizeof(candidate->user), "%s", user);
	if (cfg_candidate_discard(candidate) < 0) {
		free(candidate);
		return cfg_store_say(error, -ENOMEM, "out of memory");
	}
	candidate->next = store->candidates;
	store->candidates = candidate;
	*ret_candidate = candidate;
	return 0;
}

void cfg_candidate_free(struct cfg_candidate *candidate)
{
	struct cfg_candidate **link;

	if (!candidate)
		return;
	link = &candidate->store->candidates;
	while (*link && *link != candidate)
		link = &(*link)->next;
	if (*link)
		*link = candidate->next;
	if (candidate->store->txn && candidate->store->txn->candidate == candidate)
		candidate->store->txn->candidate = NULL;
	cfg_free(candidate->base);
	cfg_free(candidate->cfg);
	free(candidate);
}

struct cfg *cfg_candidate_cfg(struct cfg_candidate *candidate)
{
	return candidate->cfg;
}

const struct cfg *cfg_candidate_base(const struct cfg_candidate *candidate)
{
	return candidate->base;
}

bool cfg_candidate_changed(const struct cfg_candidate *candidate)
{
	return !cfg_equal(candidate->base, candidate->cfg);
}

void cfg_candidate_set(struct cfg_candidate *candidate, struct cfg *base, struct cfg *cfg)
{
	cfg_free(candidate->base);
	cfg_free(candidate->cfg);
	candidate->base = base;
	candidate->cfg = cfg;
	candidate->base_revision = cfg_store_revision(candidate->store);
}

int cfg_candidate_discard(struct cfg_candidate *candidate)
{
	struct cfg *base = cfg_clone(candidate->store->running);
	struct cfg *cfg = cfg_clone(candidate->store->running);

	if (!base || !cfg) {
		cfg_free(base);
		cfg_free(cfg);
		return -ENOMEM;
	}
	cfg_candidate_set(candidate, base, cfg);
	return 0;
}

int cfg_candidate_rollback(
	struct cfg_candidate *candidate, unsigned int n, char error[CFG_ERROR_MAX])
{
	struct cfg *cfg;
	int rc = cfg_store_load(candidate->store, n, &cfg, error);

	if (rc < 0)
		return rc;
	rc = cfg_candidate_discard(candidate);
	if (rc < 0) {
		cfg_free(cfg);
		return cfg_store_say(error, rc, "out of memory");
	}
	cfg_free(candidate->cfg);
	candidate->cfg = cfg;
	return 0;
}
