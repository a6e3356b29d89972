/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See bindings.h. */
#include "sip-b2bua/registrar/bindings.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/siphash.h"

#define BUCKETS_MIN 256

LIST_HEAD(aor_list, reg_aor);
LIST_HEAD(flow_list, reg_contact);

struct reg_store {
	struct twheel *wheel;
	const struct reg_store_ops *ops;
	void *ctx;
	struct aor_list *buckets;
	struct flow_list *flows; /* contacts by their connection */
	uint32_t n_buckets;	 /* of each of the two; a power of two */
	uint32_t n_aors, n_contacts, max_contacts;
	uint64_t next_id;
};

static void expired(struct twheel_timer *timer, void *arg);

struct reg_store *reg_store_new(struct twheel *wheel, uint64_t seed, uint32_t max_contacts,
	const struct reg_store_ops *ops, void *ctx)
{
	struct reg_store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct reg_store){.wheel = wheel,
		.ops = ops,
		.ctx = ctx,
		.n_buckets = BUCKETS_MIN,
		.max_contacts = max_contacts,
		.next_id = seed | 1};
	s->buckets = calloc(s->n_buckets, sizeof(*s->buckets));
	s->flows = calloc(s->n_buckets, sizeof(*s->flows));
	if (!s->buckets || !s->flows) {
		free(s->buckets);
		free(s->flows);
		free(s);
		return NULL;
	}
	return s;
}

void reg_store_free(struct reg_store *s)
{
	struct reg_contact *c, *next;
	struct reg_aor *aor;

	if (!s)
		return;
	for (uint32_t i = 0; i < s->n_buckets; i++) {
		while ((aor = LIST_FIRST(&s->buckets[i])) != NULL) {
			for (c = aor->contacts; c; c = next) {
				next = c->next;
				twheel_stop(s->wheel, &c->expiry);
				free(c);
			}
			LIST_REMOVE(aor, link);
			free(aor);
		}
	}
	free(s->buckets);
	free(s->flows);
	free(s);
}

uint32_t reg_store_n_aors(const struct reg_store *s)
{
	return s->n_aors;
}

uint32_t reg_store_n_contacts(const struct reg_store *s)
{
	return s->n_contacts;
}

/* ---- users ---- */

uint64_t reg_owner_hash(const uint64_t key[2], struct view realm, struct view user)
{
	uint64_t parts[2] = {siphash24(key, realm.p, realm.n), siphash24(key, user.p, user.n)};

	return siphash24(key, parts, sizeof(parts)) >> 1;
}

static struct aor_list *bucket_of(const struct reg_store *s, uint64_t hash)
{
	/* The low bits name the worker, so within one they say little. */
	return &s->buckets[(hash >> 20) & (s->n_buckets - 1)];
}

struct reg_aor *reg_aor_find(
	const struct reg_store *s, uint64_t hash, struct view realm, struct view user)
{
	struct reg_aor *aor;

	LIST_FOREACH(aor, bucket_of(s, hash), link) {
		if (aor->hash == hash && view_eq(reg_aor_realm(aor), realm) &&
			view_eq(reg_aor_user(aor), user))
			return aor;
	}
	return NULL;
}

static struct flow_list *flow_bucket(const struct reg_store *s, uint8_t conn_worker, uint64_t conn)
{
	/* Index and generation of a slab's slot: the index lies above bit 28. */
	uint64_t h = (conn ^ conn >> 28 ^ conn_worker) * 0x9e3779b97f4a7c15u;

	return &s->flows[h >> 40 & (s->n_buckets - 1)];
}

static void flow_link(struct reg_store *s, struct reg_contact *c)
{
	if (c->path.conn != 0)
		LIST_INSERT_HEAD(flow_bucket(s, c->path.conn_worker, c->path.conn), c, flow);
}

static void flow_unlink(struct reg_contact *c)
{
	if (c->flow.le_prev)
		LIST_REMOVE(c, flow);
	c->flow.le_prev = NULL;
}

/* Twice the buckets; when memory is short the chains get longer instead. */
static void grow(struct reg_store *s)
{
	struct reg_store old = *s;
	struct aor_list *buckets = calloc((size_t)s->n_buckets * 2, sizeof(*buckets));
	struct flow_list *flows = calloc((size_t)s->n_buckets * 2, sizeof(*flows));
	struct reg_aor *aor;
	struct reg_contact *c;

	if (!buckets || !flows) {
		free(buckets);
		free(flows);
		return;
	}
	s->buckets = buckets;
	s->flows = flows;
	s->n_buckets *= 2;
	for (uint32_t i = 0; i < old.n_buckets; i++) {
		while ((aor = LIST_FIRST(&old.buckets[i])) != NULL) {
			LIST_REMOVE(aor, link);
			LIST_INSERT_HEAD(bucket_of(s, aor->hash), aor, link);
		}
		while ((c = LIST_FIRST(&old.flows[i])) != NULL) {
			flow_unlink(c);
			flow_link(s, c);
		}
	}
	free(old.buckets);
	free(old.flows);
}

static struct reg_aor *aor_get(struct reg_store *s, const struct reg_new *n)
{
	struct reg_aor *aor = reg_aor_find(s, n->hash, n->realm, n->user);

	if (aor)
		return aor;
	aor = malloc(sizeof(*aor) + n->realm.n + n->user.n);
	if (!aor)
		return NULL;
	*aor = (struct reg_aor){
		.hash = n->hash, .n_realm = (uint8_t)n->realm.n, .n_user = (uint8_t)n->user.n};
	memcpy(aor->text, n->realm.p, n->realm.n);
	memcpy(aor->text + n->realm.n, n->user.p, n->user.n);
	if (s->n_aors >= s->n_buckets)
		grow(s);
	LIST_INSERT_HEAD(bucket_of(s, n->hash), aor, link);
	s->n_aors++;
	return aor;
}

static void aor_drop_if_empty(struct reg_store *s, struct reg_aor *aor)
{
	if (aor->n_contacts > 0)
		return;
	LIST_REMOVE(aor, link);
	s->n_aors--;
	free(aor);
}

/* ---- contacts ---- */

struct view reg_contact_text(const struct reg_contact *c, enum reg_text which)
{
	size_t at = 0;

	for (unsigned int i = 0; i < which; i++)
		at += c->n_text[i];
	return (struct view){c->text + at, c->n_text[which]};
}

struct view reg_contact_extra(const struct reg_contact *c)
{
	size_t at = 0;

	for (unsigned int i = 0; i < REG_N_TEXTS; i++)
		at += c->n_text[i];
	return (struct view){c->text + at, c->n_extra};
}

uint32_t reg_contact_left_s(const struct reg_store *s, const struct reg_contact *c)
{
	uint64_t now = twheel_now(s->wheel);

	return c->expiry.due_ms > now ? (uint32_t)((c->expiry.due_ms - now + 999) / 1000) : 0;
}

static struct reg_contact *contact_make(const struct reg_new *n)
{
	struct reg_contact *c;
	size_t size = n->extra.n, at = 0;

	for (unsigned int i = 0; i < REG_N_TEXTS; i++)
		size += n->text[i].n;
	c = malloc(sizeof(*c) + size);
	if (!c)
		return NULL;
	*c = (struct reg_contact){.path = n->path,
		.cseq = n->cseq,
		.reg_id = n->reg_id,
		.q = n->q,
		.flags = n->flags,
		.hash = n->digest_hash};
	for (unsigned int i = 0; i < REG_N_TEXTS; i++) {
		c->n_text[i] = (uint16_t)n->text[i].n;
		if (n->text[i].n > 0)
			memcpy(c->text + at, n->text[i].p, n->text[i].n);
		at += n->text[i].n;
	}
	c->n_extra = (uint16_t)n->extra.n;
	if (n->extra.n > 0)
		memcpy(c->text + at, n->extra.p, n->extra.n);
	return c;
}

static void contact_unlink(struct reg_aor *aor, struct reg_contact *contact)
{
	struct reg_contact **at = &aor->contacts;

	while (*at != contact)
		at = &(*at)->next;
	*at = contact->next;
	aor->n_contacts--;
}

int reg_contact_set(struct reg_store *s, struct reg_contact *old, const struct reg_new *n,
	struct reg_contact **ret_contact)
{
	struct reg_contact *c;
	struct reg_aor *aor;

	if (n->realm.n >= REG_REALM_MAX || n->user.n == 0 || n->user.n >= REG_USER_MAX)
		return -EINVAL;
	for (unsigned int i = 0; i < REG_N_TEXTS; i++) {
		if (n->text[i].n > REG_TEXT_MAX)
			return -EINVAL;
	}
	if (n->extra.n > REG_EXTRA_MAX)
		return -EINVAL;
	if (!old && s->n_contacts >= s->max_contacts)
		return -ENOSPC;
	c = contact_make(n);
	aor = c ? aor_get(s, n) : NULL;
	if (!aor) {
		free(c);
		return -ENOMEM;
	}
	if (!old && aor->n_contacts >= REG_CONTACTS_MAX) {
		free(c);
		return -ENOSPC;
	}
	if (old) {
		contact_unlink(aor, old);
		flow_unlink(old);
		twheel_stop(s->wheel, &old->expiry);
		c->id = old->id;
		c->since_ms = old->since_ms;
		c->item = old->item;
		free(old);
	} else {
		c->id = n->id != 0 ? n->id : s->next_id++;
		c->since_ms = n->since_ms;
		s->n_contacts++;
	}
	c->aor = aor;
	c->next = aor->contacts;
	aor->contacts = c;
	aor->n_contacts++;
	flow_link(s, c);
	twheel_timer_init(&c->expiry, expired, s);
	twheel_start(s->wheel, &c->expiry, (uint64_t)n->expires_s * 1000);
	s->ops->put(s->ctx, c);
	*ret_contact = c;
	return 0;
}

void reg_contact_extend(
	struct reg_store *s, struct reg_contact *c, uint32_t expires_s, struct view extra)
{
	struct view at = reg_contact_extra(c);

	memcpy((char *)(uintptr_t)at.p, extra.p, extra.n < at.n ? extra.n : at.n);
	twheel_start(s->wheel, &c->expiry, (uint64_t)expires_s * 1000);
	s->ops->put(s->ctx, c);
}

struct reg_contact *reg_contact_match(const struct reg_store *s, uint64_t hash,
	bool (*is_it)(void *arg, const struct reg_contact *contact), void *arg)
{
	const struct reg_aor *aor;

	LIST_FOREACH(aor, bucket_of(s, hash), link) {
		for (struct reg_contact *c = aor->contacts; aor->hash == hash && c; c = c->next) {
			if (is_it(arg, c))
				return c;
		}
	}
	return NULL;
}

void reg_contact_remove(struct reg_store *s, struct reg_contact *c, enum reg_gone why)
{
	struct reg_aor *aor = c->aor;

	s->ops->gone(s->ctx, c, why);
	twheel_stop(s->wheel, &c->expiry);
	flow_unlink(c);
	contact_unlink(aor, c);
	s->n_contacts--;
	free(c);
	aor_drop_if_empty(s, aor);
}

unsigned int reg_flow_lost(struct reg_store *s, uint8_t conn_worker, uint64_t conn)
{
	struct flow_list *list = flow_bucket(s, conn_worker, conn);
	struct reg_contact *c, *next;
	unsigned int n = 0;

	for (c = LIST_FIRST(list); c; c = next) {
		next = LIST_NEXT(c, flow);
		if (c->path.conn != conn || c->path.conn_worker != conn_worker)
			continue;
		if (reg_needs_flow(c->flags, &c->path)) {
			reg_contact_remove(s, c, REG_FLOW_LOST);
			n++;
		} else {
			flow_unlink(c);
			c->path.conn = 0;
		}
	}
	return n;
}

void reg_flow_failed(struct reg_store *s, uint64_t hash, uint64_t id)
{
	const struct reg_aor *aor;

	LIST_FOREACH(aor, bucket_of(s, hash), link) {
		for (struct reg_contact *c = aor->hash == hash ? aor->contacts : NULL; c;
			c = c->next) {
			if (c->id != id)
				continue;
			if (c->flags & REG_OUTBOUND)
				reg_contact_remove(s, c, REG_FLOW_LOST);
			return;
		}
	}
}

static void expired(struct twheel_timer *timer, void *arg)
{
	struct reg_contact *c = (struct reg_contact *)((char *)timer -
						       offsetof(struct reg_contact, expiry));

	reg_contact_remove(arg, c, REG_EXPIRED);
}

void reg_store_each(
	struct reg_store *s, void (*visit)(void *arg, struct reg_contact *contact), void *arg)
{
	const struct reg_aor *aor;

	for (uint32_t i = 0; i < s->n_buckets; i++) {
		LIST_FOREACH(aor, &s->buckets[i], link) {
			for (struct reg_contact *c = aor->contacts; c; c = c->next)
				visit(arg, c);
		}
	}
}

void reg_store_sweep(struct reg_store *s,
	bool (*is_over)(void *arg, const struct reg_contact *contact), void *arg)
{
	struct reg_aor *aor, *next_aor;
	struct reg_contact *c, *next;

	for (uint32_t i = 0; i < s->n_buckets; i++) {
		for (aor = LIST_FIRST(&s->buckets[i]); aor; aor = next_aor) {
			/* The user is gone with its last contact. */
			next_aor = LIST_NEXT(aor, link);
			for (c = aor->contacts; c; c = next) {
				next = c->next;
				if (is_over(arg, c))
					reg_contact_remove(s, c, REG_REMOVED);
			}
		}
	}
}

/* ---- checkpoints ---- */

#define CKPT_VERSION 1

void reg_contact_write(const struct reg_store *s, const struct reg_contact *c, uint64_t wall_ms,
	struct ckpt_out *out)
{
	uint64_t now = twheel_now(s->wheel);
	uint64_t left = c->expiry.due_ms > now ? c->expiry.due_ms - now : 0;

	ckpt_put_u(out, CKPT_VERSION, 1);
	ckpt_put_u(out, c->id, 8);
	ckpt_put_u(out, c->since_ms, 8);
	ckpt_put_u(out, wall_ms + left, 8);
	ckpt_put_u(out, c->cseq, 4);
	ckpt_put_u(out, c->reg_id, 4);
	ckpt_put_u(out, c->q, 2);
	ckpt_put_u(out, c->flags, 1);
	ckpt_put_u(out, c->hash, 1);
	ckpt_put_u(out, c->path.transport, 1);
	ckpt_put_addr(out, &c->path.local);
	ckpt_put_addr(out, &c->path.remote);
	ckpt_put_u(out, c->aor->hash, 8);
	ckpt_put_view(out, reg_aor_realm(c->aor));
	ckpt_put_view(out, reg_aor_user(c->aor));
	for (unsigned int i = 0; i < REG_N_TEXTS; i++)
		ckpt_put_view(out, reg_contact_text(c, i));
	if (c->flags & REG_CACHED)
		ckpt_put_view(out, reg_contact_extra(c));
}

int reg_contact_read(struct ckpt_in *in, uint64_t wall_ms, struct reg_new *ret_new)
{
	struct reg_new n = {0};
	uint64_t end_ms;

	if (ckpt_get_u(in, 1) != CKPT_VERSION)
		return -EBADMSG;
	n.id = ckpt_get_u(in, 8);
	n.since_ms = ckpt_get_u(in, 8);
	end_ms = ckpt_get_u(in, 8);
	n.cseq = (uint32_t)ckpt_get_u(in, 4);
	n.reg_id = (uint32_t)ckpt_get_u(in, 4);
	n.q = (uint16_t)ckpt_get_u(in, 2);
	n.flags = (uint8_t)ckpt_get_u(in, 1);
	n.digest_hash = (uint8_t)ckpt_get_u(in, 1);
	n.path.transport = (uint8_t)ckpt_get_u(in, 1);
	ckpt_get_addr(in, &n.path.local);
	ckpt_get_addr(in, &n.path.remote);
	n.path.listener = SIP_LISTENER_NONE;
	n.hash = ckpt_get_u(in, 8);
	n.realm = ckpt_get_view(in, REG_REALM_MAX - 1);
	n.user = ckpt_get_view(in, REG_USER_MAX - 1);
	for (unsigned int i = 0; i < REG_N_TEXTS; i++)
		n.text[i] = ckpt_get_view(in, REG_TEXT_MAX);
	if (n.flags & REG_CACHED)
		n.extra = ckpt_get_view(in, REG_EXTRA_MAX);
	if (in->failed || in->n != 0 || n.id == 0 || n.user.n == 0 || n.text[REG_URI].n == 0 ||
		n.q > REG_Q_ONE)
		return -EBADMSG;
	if (end_ms <= wall_ms)
		return -ETIMEDOUT;
	/* Within what any registrar grants, also when the clock was set back meanwhile. */
	n.expires_s = end_ms - wall_ms < (uint64_t)INT32_MAX * 1000
			      ? (uint32_t)((end_ms - wall_ms + 999) / 1000)
			      : INT32_MAX;
	*ret_new = n;
	return 0;
}
