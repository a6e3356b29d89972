/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See users.h. */
#include "sip-b2bua/registrar/users.h"

#include <stdlib.h>

#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/registrar/bindings.h"

struct reg_users {
	const struct cfg *cfg;
	uint64_t key[2];
	uint32_t mask; /* slots - 1, at least twice the users: no chain gets long */
	/* index in cfg->pools + 1; 0: free */
	uint32_t *by_name, *by_number, *by_owner;
	uint64_t owner_key[2];
};

static uint64_t owner_of(const struct reg_users *u, const struct cfg_pool *pool)
{
	const struct cfg_registrar *conf = cfg_find_registrar(u->cfg, pool->registrar);

	return reg_owner_hash(
		u->owner_key, view_of(conf ? conf->realm : ""), view_of(pool->username));
}

/* name: shorter than CFG_PHONE_MAX */
static uint64_t name_hash(const struct reg_users *u, const char *registrar, struct view name)
{
	size_t n = strlen(registrar) + 1; /* its NUL keeps the two apart */
	char text[CFG_NAME_MAX + CFG_PHONE_MAX];

	memcpy(text, registrar, n);
	memcpy(text + n, name.p, name.n);
	return siphash24(u->key, text, n + name.n);
}

static void insert(uint32_t *slots, uint32_t mask, uint64_t hash, uint32_t pool)
{
	uint32_t i = (uint32_t)hash & mask;

	while (slots[i] != 0)
		i = (i + 1) & mask;
	slots[i] = pool + 1;
}

struct reg_users *reg_users_new(const struct cfg *cfg, const uint64_t key[2])
{
	struct reg_users *u = calloc(1, sizeof(*u));
	uint32_t n = 16;

	if (!u)
		return NULL;
	while (n < 2 * cfg->n_pools)
		n *= 2;
	u->cfg = cfg;
	u->mask = n - 1;
	u->by_name = calloc(n, sizeof(*u->by_name));
	u->by_number = calloc(n, sizeof(*u->by_number));
	u->by_owner = calloc(n, sizeof(*u->by_owner));
	memcpy(u->owner_key, key, sizeof(u->owner_key));
	if (!u->by_name || !u->by_number || !u->by_owner) {
		reg_users_free(u);
		return NULL;
	}
	secret_random(u->key, sizeof(u->key));
	for (uint32_t i = 0; i < cfg->n_pools; i++) {
		const struct cfg_pool *pool = &cfg->pools[i];
		struct view number = view_of(cfg_pool_number(pool));

		insert(u->by_name, u->mask, name_hash(u, pool->registrar, view_of(pool->username)),
			i);
		insert(u->by_number, u->mask, siphash24(u->key, number.p, number.n), i);
		insert(u->by_owner, u->mask, owner_of(u, pool), i);
	}
	return u;
}

void reg_users_free(struct reg_users *users)
{
	if (!users)
		return;
	free(users->by_name);
	free(users->by_number);
	free(users->by_owner);
	free(users);
}

const struct cfg_pool *reg_users_name(
	const struct reg_users *u, const char *registrar, struct view name)
{
	if (name.n >= CFG_PHONE_MAX)
		return NULL;
	for (uint32_t i = (uint32_t)name_hash(u, registrar, name) & u->mask; u->by_name[i] != 0;
		i = (i + 1) & u->mask) {
		const struct cfg_pool *pool = &u->cfg->pools[u->by_name[i] - 1];

		if (view_eq(view_of(pool->username), name) &&
			strcmp(pool->registrar, registrar) == 0)
			return pool->shutdown ? NULL : pool;
	}
	return NULL;
}

const struct cfg_pool *reg_users_number(const struct reg_users *u, struct view number)
{
	for (uint32_t i = (uint32_t)siphash24(u->key, number.p, number.n) & u->mask;
		u->by_number[i] != 0; i = (i + 1) & u->mask) {
		const struct cfg_pool *pool = &u->cfg->pools[u->by_number[i] - 1];

		if (view_eq(view_of(cfg_pool_number(pool)), number))
			return pool->shutdown ? NULL : pool;
	}
	return NULL;
}

const struct cfg_pool *reg_users_owner(const struct reg_users *u, uint64_t owner)
{
	for (uint32_t i = (uint32_t)owner & u->mask; u->by_owner[i] != 0; i = (i + 1) & u->mask) {
		const struct cfg_pool *pool = &u->cfg->pools[u->by_owner[i] - 1];

		if (owner_of(u, pool) == owner)
			return pool->shutdown ? NULL : pool;
	}
	return NULL;
}

const struct cfg_pool *reg_users_either(
	const struct reg_users *u, const char *registrar, struct view text)
{
	const struct cfg_pool *pool = reg_users_name(u, registrar, text);

	if (pool)
		return pool;
	pool = reg_users_number(u, text);
	return pool && strcmp(pool->registrar, registrar) == 0 ? pool : NULL;
}
