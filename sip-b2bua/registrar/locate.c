/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a user is registered, for calls: of this worker's own users at once, of others by a question to
 * their worker over the rings. Questions and answers never leave the process.
 */
#include "sip-b2bua/registrar/registrar_private.h"

#include <errno.h>
#include <stdlib.h>

enum { ASK = 1, TELL = 2 };

struct ask {
	uint8_t what;
	uint8_t zero;
	uint16_t n_realm, n_user, n_instance;
	uint64_t ticket, hash;
	char text[];
};

struct tell {
	uint8_t what;
	uint8_t zero[7];
	uint64_t ticket;
	struct registrar_targets targets;
};

/* A proxy in front of the phone: its address, when that is one (RFC 3327 5.1). */
static void via_path(struct view path, struct sip_path *ret_way)
{
	struct view rest = path, first;
	struct sip_addr hop;
	struct ipaddr addr;

	if (sip_list_next(&rest, &first) && sip_addr_parse(first, &hop) == 0 &&
		sip_uri_addr(&hop.uri, &addr) == 0 && addr.family == ret_way->local.family &&
		!ipaddr_equal(&addr, &ret_way->remote)) {
		ret_way->remote = addr;
		ret_way->conn = 0;
	}
}

static bool is_instance(const struct reg_contact *c, struct view instance)
{
	struct view v = reg_contact_text(c, REG_INSTANCE);

	/* "<...>" with its quotes */
	return v.n > 4 && view_eq((struct view){v.p + 2, v.n - 4}, instance);
}

/* By q, then the latest first; of one phone with several flows the latest alone (RFC 5626 7). */
static unsigned int pick(const struct reg_aor *aor, struct view instance,
	const struct reg_contact *ret_picked[REGISTRAR_TARGETS_MAX])
{
	unsigned int n = 0;

	for (const struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next) {
		bool again = false;
		unsigned int at = n;

		if (instance.n > 0 && !is_instance(c, instance))
			continue;
		for (unsigned int i = 0; i < n && c->flags & REG_OUTBOUND; i++)
			again = again ||
				(ret_picked[i]->flags & REG_OUTBOUND &&
					view_eq(reg_contact_text(ret_picked[i], REG_INSTANCE),
						reg_contact_text(c, REG_INSTANCE)));
		if (again)
			continue;
		while (at > 0 && ret_picked[at - 1]->q < c->q)
			at--;
		if (at == REGISTRAR_TARGETS_MAX)
			continue;
		if (n < REGISTRAR_TARGETS_MAX)
			n++;
		memmove(&ret_picked[at + 1], &ret_picked[at], (n - 1 - at) * sizeof(*ret_picked));
		ret_picked[at] = c;
	}
	return n;
}

static size_t targets_size(unsigned int n, size_t n_text)
{
	return sizeof(struct registrar_targets) + n * sizeof(struct registrar_target) + n_text;
}

/* One block, also for none. NULL when memory is short. */
static struct registrar_targets *targets_make(const struct registrar *r, uint64_t hash,
	struct view realm, struct view user, struct view instance)
{
	const struct reg_contact *picked[REGISTRAR_TARGETS_MAX];
	unsigned int n = pick(reg_aor_find(r->store, hash, realm, user), instance, picked);
	struct registrar_targets *t;
	size_t n_text = 0, at;

	for (unsigned int i = 0; i < n; i++)
		n_text += picked[i]->n_text[REG_URI] + picked[i]->n_text[REG_PATH];
	t = calloc(1, targets_size(n, n_text));
	if (!t)
		return NULL;
	t->n = n;
	t->size = targets_size(n, n_text);
	at = targets_size(n, 0);
	for (unsigned int i = 0; i < n; i++) {
		struct view uri = reg_contact_text(picked[i], REG_URI),
			    path = reg_contact_text(picked[i], REG_PATH);
		struct registrar_target *one = &t->target[i];

		*one = (struct registrar_target){.path = picked[i]->path,
			.q = picked[i]->q,
			.uri_at = (uint32_t)at,
			.n_uri = (uint32_t)uri.n,
			.n_route = (uint32_t)path.n};
		memcpy((char *)t + at, uri.p, uri.n);
		if (path.n > 0) {
			memcpy((char *)t + at + uri.n, path.p, path.n);
			via_path(path, &one->path);
		}
		at += uri.n + path.n;
	}
	return t;
}

struct view registrar_target_uri(const struct registrar_targets *t, unsigned int i)
{
	return (struct view){(const char *)t + t->target[i].uri_at, t->target[i].n_uri};
}

struct view registrar_target_route(const struct registrar_targets *t, unsigned int i)
{
	return (struct view){
		(const char *)t + t->target[i].uri_at + t->target[i].n_uri, t->target[i].n_route};
}

const struct cfg_pool *registrar_user(const struct registrar *r, const char *number)
{
	return r->users ? reg_users_number(r->users, view_of(number)) : NULL;
}

int registrar_locate(struct registrar *r, const struct cfg_pool *pool, struct view instance,
	uint64_t ticket, struct registrar_targets **ret_targets)
{
	const struct cfg_registrar *conf = cfg_find_registrar(r->cfg, pool->registrar);
	struct view realm = view_of(conf ? conf->realm : ""), user = view_of(pool->username);
	uint64_t hash = reg_owner_hash(r->env.key->mac, realm, user);
	unsigned int owner = (unsigned int)(hash % r->env.n_workers);
	size_t size = sizeof(struct ask) + realm.n + user.n + instance.n;
	struct ask *ask;
	int rc;

	if (owner == r->env.worker) {
		*ret_targets = targets_make(r, hash, realm, user, instance);
		return *ret_targets ? 0 : -ENOMEM;
	}
	ask = malloc(size);
	if (!ask)
		return -ENOMEM;
	*ask = (struct ask){.what = ASK,
		.n_realm = (uint16_t)realm.n,
		.n_user = (uint16_t)user.n,
		.n_instance = (uint16_t)instance.n,
		.ticket = ticket,
		.hash = hash};
	memcpy(ask->text, realm.p, realm.n);
	memcpy(ask->text + realm.n, user.p, user.n);
	if (instance.n > 0)
		memcpy(ask->text + realm.n + user.n, instance.p, instance.n);
	rc = r->env.ops->worker_tell(r->env.ctx, owner, ask, size);
	free(ask);
	return rc < 0 ? rc : -EINPROGRESS;
}

static void answer(struct registrar *r, unsigned int from, const struct ask *ask)
{
	struct view realm = {ask->text, ask->n_realm},
		    user = {ask->text + ask->n_realm, ask->n_user},
		    instance = {user.p + user.n, ask->n_instance};
	struct registrar_targets *t = targets_make(r, ask->hash, realm, user, instance);
	struct tell *tell = t ? malloc(sizeof(*tell) + t->size) : NULL;

	/* Nobody waits for ever: who asked has a timer. */
	if (tell) {
		*tell = (struct tell){.what = TELL, .ticket = ask->ticket};
		memcpy(&tell->targets, t, t->size);
		(void)!r->env.ops->worker_tell(
			r->env.ctx, from, tell, offsetof(struct tell, targets) + t->size);
	}
	free(tell);
	free(t);
}

void registrar_told(struct registrar *r, unsigned int from, const void *bytes, size_t n,
	registrar_located_fn located, void *arg)
{
	const struct tell *tell = bytes;
	struct registrar_targets *t;

	if (*(const uint8_t *)bytes == ASK) {
		answer(r, from, bytes);
		return;
	}
	t = malloc(n - offsetof(struct tell, targets));
	if (!t)
		return;
	memcpy(t, &tell->targets, n - offsetof(struct tell, targets));
	located(arg, tell->ticket, t);
}
