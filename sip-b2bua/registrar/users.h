/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The users of a configuration (voice register pool) by name and by number, without a walk over a
 * hundred thousand of them. Immutable; refers to the configuration, which must outlive it. Any thread.
 */
#pragma once

#include "controlplane/base/view.h"
#include "controlplane/config/cfg.h"

struct reg_users;

/* key: the token key's, for reg_users_owner(). NULL when memory is short. */
struct reg_users *reg_users_new(const struct cfg *cfg, const uint64_t key[2]);
void reg_users_free(struct reg_users *users);

/* By user name at a registrar, by number at any; NULL: none, or shut down. */
const struct cfg_pool *reg_users_name(
	const struct reg_users *users, const char *registrar, struct view name);
const struct cfg_pool *reg_users_number(const struct reg_users *users, struct view number);
/* By reg_owner_hash(). */
const struct cfg_pool *reg_users_owner(const struct reg_users *users, uint64_t owner);
/* The same of a registrar, by either. */
const struct cfg_pool *reg_users_either(
	const struct reg_users *users, const char *registrar, struct view text);
