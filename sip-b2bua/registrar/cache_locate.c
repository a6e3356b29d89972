/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a phone is that another registrar calls by our Contact, and whether a caller is who registered
 * there: of this worker's own users at once, of others by a question over the rings, as in locate.c.
 */
#include "sip-b2bua/registrar/registrar_private.h"

#include <errno.h>
#include <stdlib.h>

#include "sip-b2bua/registrar/cache.h"

enum { ASK_BINDING = 8, ASK_CALLER = 9 }; /* others are in locate.c */

struct cache_ask {
	uint8_t what, transport;
	uint16_t n_realm, n_user;
	uint16_t zero;
	uint32_t number, contact; /* of ASK_BINDING */
	uint64_t ticket;
	struct ipaddr remote; /* of ASK_CALLER */
	char text[];	      /* realm, user */
};

/* One block, also for none. NULL when memory is short. */
static struct registrar_targets *target_of(
	const struct reg_contact *c, struct view uri, struct view route)
{
	size_t at = sizeof(struct registrar_targets) + (c ? sizeof(struct registrar_target) : 0);
	size_t size = at + uri.n + route.n;
	struct registrar_targets *t = calloc(1, size);

	if (!t)
		return NULL;
	t->size = size;
	if (!c)
		return t;
	t->n = 1;
	t->owner = c->aor->hash;
	t->target[0] = (struct registrar_target){.path = c->path,
		.uri_at = (uint32_t)at,
		.n_uri = (uint32_t)uri.n,
		.n_route = (uint32_t)route.n,
		.id = c->id,
		.q = c->q};
	t->target[0].path.flow = reg_needs_flow(c->flags, &c->path);
	if (uri.n > 0)
		memcpy((char *)t + at, uri.p, uri.n);
	if (route.n > 0)
		memcpy((char *)t + at + uri.n, route.p, route.n);
	return t;
}

static struct registrar_targets *binding(const struct registrar *r, const struct cache_ask *ask)
{
	const struct reg_contact *c = reg_cache_find(
		r->store, reg_cache_hash(r->env.key, ask->number), ask->contact);

	return target_of(c, c ? reg_contact_text(c, REG_URI) : (struct view){NULL, 0},
		c ? reg_contact_text(c, REG_PATH) : (struct view){NULL, 0});
}

/* Of several the first is the one that stands for the user (3GPP TS 24.229 5.1.1.4). */
static struct view identity_of(const struct reg_contact *c, char buf[REG_USER_MAX + 4])
{
	struct view rest = reg_core_associated(c), first, user = reg_aor_user(c->aor);
	struct sip_addr addr;

	if (sip_list_next(&rest, &first) && sip_addr_parse(first, &addr) == 0 && !addr.star)
		return addr.uri.text;
	memcpy(buf, "sip:", 4);
	memcpy(buf + 4, user.p, user.n);
	return (struct view){buf, user.n + 4};
}

static struct registrar_targets *caller(const struct registrar *r, const struct cache_ask *ask)
{
	struct view realm = {ask->text, ask->n_realm},
		    user = {ask->text + ask->n_realm, ask->n_user};
	const struct reg_aor *aor = reg_aor_find(
		r->store, reg_cache_hash(r->env.key, ask->number), realm, user);
	char buf[REG_USER_MAX + 4];

	for (const struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next) {
		if (c->flags & REG_CACHED && c->path.transport == ask->transport &&
			ipaddr_equal(&c->path.remote, &ask->remote))
			return target_of(c, identity_of(c, buf), reg_core_route(c));
	}
	return target_of(NULL, (struct view){NULL, 0}, (struct view){NULL, 0});
}

static struct registrar_targets *look(const struct registrar *r, const struct cache_ask *ask)
{
	return ask->what == ASK_BINDING ? binding(r, ask) : caller(r, ask);
}

bool registrar_cache_asked(struct registrar *r, unsigned int from, const void *bytes, size_t n)
{
	const struct cache_ask *ask = bytes;
	struct registrar_targets *t;

	if (ask->what != ASK_BINDING && ask->what != ASK_CALLER)
		return false;
	t = look(r, ask);
	registrar_tell(r, from, ask->ticket, t);
	free(t);
	return true;
}

static int ask_owner(struct registrar *r, const struct cache_ask *ask, size_t size,
	struct registrar_targets **ret_targets)
{
	unsigned int owner = (unsigned int)(reg_cache_hash(r->env.key, ask->number) %
					    r->env.n_workers);
	int rc;

	if (owner == r->env.worker) {
		*ret_targets = look(r, ask);
		return *ret_targets ? 0 : -ENOMEM;
	}
	rc = r->env.ops->worker_tell(r->env.ctx, owner, ask, size);
	return rc < 0 ? rc : -EINPROGRESS;
}

int registrar_locate_binding(struct registrar *r, uint32_t user_number, uint32_t contact_number,
	uint64_t ticket, struct registrar_targets **ret_targets)
{
	const struct cache_ask ask = {.what = ASK_BINDING,
		.number = user_number,
		.contact = contact_number,
		.ticket = ticket};

	return ask_owner(r, &ask, sizeof(ask), ret_targets);
}

int registrar_locate_caller(struct registrar *r, const char *realm, struct view user,
	const struct sip_path *path, uint64_t ticket, struct registrar_targets **ret_targets)
{
	struct view name = view_of(realm);
	size_t size = sizeof(struct cache_ask) + name.n + user.n;
	struct cache_ask *ask = malloc(size);
	int rc;

	if (!ask)
		return -ENOMEM;
	*ask = (struct cache_ask){.what = ASK_CALLER,
		.transport = path->transport,
		.n_realm = (uint16_t)name.n,
		.n_user = (uint16_t)user.n,
		.number = reg_cache_number(r->env.key, name, user),
		.ticket = ticket,
		.remote = path->remote};
	memcpy(ask->text, name.p, name.n);
	memcpy(ask->text + name.n, user.p, user.n);
	rc = ask_owner(r, ask, size, ret_targets);
	free(ask);
	return rc;
}
