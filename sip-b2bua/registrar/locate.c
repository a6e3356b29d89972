/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a user is registered, for calls: of this worker's own users at once, of others by a question to
 * their worker over the rings. Questions and answers never leave the process.
 */
#include "sip-b2bua/registrar/registrar_private.h"

#include <errno.h>
#include <stdlib.h>

enum { ASK = 1, TELL = 2, FAILED = 3 };

struct ask {
	uint8_t what;
	uint8_t zero;
	uint16_t n_realm, n_user, n_instance;
	uint64_t ticket, hash;
	char text[];
};

struct failed {
	uint8_t what;
	uint8_t zero[7];
	uint64_t owner, id;
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
		ret_way->flow = 0;
	}
}

static bool is_instance(const struct reg_contact *c, struct view instance)
{
	struct view v = reg_contact_text(c, REG_INSTANCE);
	uint32_t tag;

	if (reg_gruu_chosen(instance, &tag))
		return c->flags & REG_GRUU && reg_gruu_tag(c) == tag;

	/* "<...>" with its quotes */
	return v.n > 4 && view_eq((struct view){v.p + 2, v.n - 4}, instance);
}

/* Phones by descending q, the latest first; behind them further flows of theirs. */
struct picked {
	unsigned int n, n_flows;
	const struct reg_contact *phone[REGISTRAR_TARGETS_MAX], *flow[REGISTRAR_FLOWS_MAX];
	uint8_t flow_of[REGISTRAR_FLOWS_MAX]; /* which phone's */
};

static bool is_same_phone(const struct reg_contact *a, const struct reg_contact *b)
{
	return a->flags & b->flags & REG_OUTBOUND &&
	       view_eq(reg_contact_text(a, REG_INSTANCE), reg_contact_text(b, REG_INSTANCE));
}

/* It has come back from a copy, and its phone has not connected again. */
static bool is_dead(const struct reg_contact *c)
{
	return reg_needs_flow(c->flags, &c->path) && c->path.conn == 0;
}

static void phone_add(struct picked *p, const struct reg_contact *c)
{
	unsigned int at = p->n;

	while (at > 0 && p->phone[at - 1]->q < c->q)
		at--;
	if (at == REGISTRAR_TARGETS_MAX)
		return;
	if (p->n < REGISTRAR_TARGETS_MAX)
		p->n++;
	memmove(&p->phone[at + 1], &p->phone[at], (p->n - 1 - at) * sizeof(p->phone[0]));
	p->phone[at] = c;
}

/* Of one phone with several flows the latest that lives; the others are kept for its failure (RFC 5626 7). */
static void pick(const struct reg_aor *aor, struct view instance, struct picked *p)
{
	const struct reg_contact *c;

	*p = (struct picked){0};
	for (c = aor ? aor->contacts : NULL; c; c = c->next) {
		bool again = false;

		if (instance.n > 0 && !is_instance(c, instance))
			continue;
		for (unsigned int i = 0; i < p->n && !again; i++) {
			again = is_same_phone(p->phone[i], c);
			if (again && is_dead(p->phone[i]) && !is_dead(c))
				p->phone[i] = c;
		}
		if (!again)
			phone_add(p, c);
	}
	for (c = aor ? aor->contacts : NULL; c; c = c->next) {
		for (unsigned int i = 0; i < p->n; i++) {
			if (p->n_flows == REGISTRAR_FLOWS_MAX || p->phone[i] == c || is_dead(c) ||
				!is_same_phone(p->phone[i], c))
				continue;
			p->flow_of[p->n_flows] = (uint8_t)i;
			p->flow[p->n_flows++] = c;
		}
	}
}

static size_t targets_size(unsigned int n, size_t n_text)
{
	return sizeof(struct registrar_targets) + n * sizeof(struct registrar_target) + n_text;
}

/* Who is not behind a NAT takes connections where its Contact says (RFC 3261 18.1.1). */
static void via_contact(struct view uri_text, struct sip_path *way)
{
	struct sip_uri uri;
	struct ipaddr addr;

	if (sip_uri_parse(uri_text, &uri) == 0 && sip_uri_addr(&uri, &addr) == 0 &&
		addr.family == way->local.family)
		way->remote = addr;
}

static void target_fill(
	struct registrar_targets *t, unsigned int i, const struct reg_contact *c, size_t at)
{
	struct view uri = reg_contact_text(c, REG_URI), path = reg_contact_text(c, REG_PATH);
	struct registrar_target *one = &t->target[i];

	*one = (struct registrar_target){.path = c->path,
		.id = c->id,
		.q = c->q,
		.uri_at = (uint32_t)at,
		.n_uri = (uint32_t)uri.n,
		.n_route = (uint32_t)path.n};
	memcpy((char *)t + at, uri.p, uri.n);
	/* Over UDP, too, what is behind a NAT has this one way, whatever the length of a request. */
	one->path.flow = reg_needs_flow(c->flags, &c->path) ||
			 (c->path.transport == SIP_UDP && c->flags & (REG_NAT | REG_OUTBOUND));
	if (path.n > 0) {
		memcpy((char *)t + at + uri.n, path.p, path.n);
		via_path(path, &one->path);
	} else if (sip_transport_is_stream(c->path.transport) && !one->path.flow &&
		   c->path.conn == 0) {
		via_contact(uri, &one->path);
	}
}

/* One block, also for none. NULL when memory is short. */
static struct registrar_targets *targets_make(const struct registrar *r, uint64_t hash,
	struct view realm, struct view user, struct view instance)
{
	const struct reg_contact *all[REGISTRAR_TARGETS_MAX + REGISTRAR_FLOWS_MAX];
	const struct cfg_registrar *conf = NULL;
	struct registrar_targets *t;
	char name[REG_REALM_MAX];
	struct picked p;
	size_t n_text = 0, at;
	unsigned int n;

	pick(reg_aor_find(r->store, hash, realm, user), instance, &p);
	memcpy(all, p.phone, p.n * sizeof(all[0]));
	memcpy(all + p.n, p.flow, p.n_flows * sizeof(all[0]));
	n = p.n + p.n_flows;
	for (unsigned int i = 0; i < n; i++)
		n_text += all[i]->n_text[REG_URI] + all[i]->n_text[REG_PATH];
	t = calloc(1, targets_size(n, n_text));
	if (!t)
		return NULL;
	if (r->cfg && view_copy(realm, name, sizeof(name)) == 0)
		conf = cfg_realm_registrar(r->cfg, name);
	t->fork = conf ? conf->fork : CFG_FORK_Q_ORDER;
	t->n = p.n;
	t->owner = hash;
	t->size = targets_size(n, n_text);
	at = targets_size(n, 0);
	for (unsigned int i = 0; i < n; i++) {
		target_fill(t, i, all[i], at);
		at += all[i]->n_text[REG_URI] + all[i]->n_text[REG_PATH];
	}
	for (unsigned int i = 0; i < p.n_flows; i++) {
		unsigned int last = p.flow_of[i];

		while (t->target[last].next_flow != 0)
			last = t->target[last].next_flow;
		t->target[last].next_flow = (uint8_t)(p.n + i);
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

const struct cfg_pool *registrar_temp_gruu(const struct registrar *r, const struct sip_uri *uri,
	char buf[REG_GRUU_CHOICE], struct view *ret_instance)
{
	const struct cfg_pool *pool;
	uint64_t owner;
	uint32_t tag;

	if (!r->users || !sip_params_has(uri->params, VIEW("gr")) ||
		reg_gruu_parse(r->gruu, uri->user, &owner, &tag) < 0)
		return NULL;
	pool = reg_users_owner(r->users, owner);
	if (pool)
		*ret_instance = reg_gruu_choice(tag, buf);
	return pool;
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

void registrar_tell(
	struct registrar *r, unsigned int to, uint64_t ticket, const struct registrar_targets *t)
{
	struct tell *tell = t ? malloc(sizeof(*tell) + t->size) : NULL;

	/* Nobody waits for ever: who asked has a timer. */
	if (!tell)
		return;
	*tell = (struct tell){.what = TELL, .ticket = ticket};
	memcpy(&tell->targets, t, t->size);
	(void)!r->env.ops->worker_tell(
		r->env.ctx, to, tell, offsetof(struct tell, targets) + t->size);
	free(tell);
}

static void answer(struct registrar *r, unsigned int from, const struct ask *ask)
{
	struct view realm = {ask->text, ask->n_realm},
		    user = {ask->text + ask->n_realm, ask->n_user},
		    instance = {user.p + user.n, ask->n_instance};
	struct registrar_targets *t = targets_make(r, ask->hash, realm, user, instance);

	registrar_tell(r, from, ask->ticket, t);
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
	if (*(const uint8_t *)bytes == FAILED) {
		const struct failed *failed = bytes;

		reg_flow_failed(r->store, failed->owner, failed->id);
		return;
	}
	if (registrar_cache_asked(r, from, bytes, n))
		return;
	t = malloc(n - offsetof(struct tell, targets));
	if (!t)
		return;
	memcpy(t, &tell->targets, n - offsetof(struct tell, targets));
	located(arg, tell->ticket, t);
}

/* ---- flows ---- */

void registrar_flow_failed(struct registrar *r, uint64_t owner, uint64_t id)
{
	unsigned int worker = (unsigned int)(owner % r->env.n_workers);
	struct failed failed = {.what = FAILED, .owner = owner, .id = id};

	if (worker == r->env.worker)
		reg_flow_failed(r->store, owner, id);
	else /* a full ring: the next call finds it out again */
		(void)!r->env.ops->worker_tell(r->env.ctx, worker, &failed, sizeof(failed));
}

void registrar_conn_gone(struct registrar *r, uint8_t conn_worker, uint64_t conn)
{
	(void)reg_flow_lost(r->store, conn_worker, conn);
}
