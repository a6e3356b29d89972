/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See sync.h. */
#include "sip-b2bua/registrar/sync.h"

#include <stdlib.h>

#include "sip-b2bua/registrar/cache.h"

/* A change: of a contact that is there, or the end of one. */
struct reg_sync_item {
	TAILQ_ENTRY(reg_sync_item) link;
	struct reg_contact *contact; /* NULL: it is gone */
	uint64_t id, owner;
	uint64_t seq; /* it was told under this number; 0: not yet */
};

struct reg_sync {
	const struct reg_sync_ops *ops;
	void *ctx;
	struct reg_store *store;
	/* Those told come first, in the order of their numbers. */
	TAILQ_HEAD(, reg_sync_item) items;
	struct reg_sync_item *next; /* the first that is not told; NULL: none */
	uint32_t n_items, n_told;
	uint64_t last_seq;
	uint64_t store_id; /* of limen-control's; 0: none has said so */
	bool up;
	bool all_due; /* memory was short: some change is not in the list */
	uint8_t state[8192];
};

struct reg_sync *reg_sync_new(const struct reg_sync_ops *ops, void *ctx)
{
	struct reg_sync *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ops = ops;
	s->ctx = ctx;
	TAILQ_INIT(&s->items);
	return s;
}

void reg_sync_set_store(struct reg_sync *s, struct reg_store *store)
{
	s->store = store;
}

static void item_drop(struct reg_sync *s, struct reg_sync_item *item)
{
	if (s->next == item)
		s->next = TAILQ_NEXT(item, link);
	TAILQ_REMOVE(&s->items, item, link);
	s->n_items--;
	s->n_told -= item->seq != 0;
	if (item->contact)
		item->contact->item = NULL;
	free(item);
}

void reg_sync_free(struct reg_sync *s)
{
	if (!s)
		return;
	while (!TAILQ_EMPTY(&s->items))
		item_drop(s, TAILQ_FIRST(&s->items));
	free(s);
}

uint32_t reg_sync_n_waiting(const struct reg_sync *s)
{
	return s->n_items;
}

/* ---- telling ---- */

static void text_take(char *dst, size_t size, struct view v)
{
	size_t n = v.n < size ? v.n : size - 1;

	if (n > 0)
		memcpy(dst, v.p, n);
	memset(dst + n, 0, size - n);
}

static int tell_put(struct reg_sync *s, const struct reg_contact *c, uint64_t seq)
{
	uint64_t now = s->ops->wall_ms(s->ctx);
	struct ckpt_out out = {s->state, 0, sizeof(s->state), false};
	struct ctl_reg msg = {.key = {.id = c->id, .owner = c->aor->hash, .seq = seq},
		.since_ms = c->since_ms,
		.expires_ms = now + (uint64_t)reg_contact_left_s(s->store, c) * 1000,
		.remote = c->path.remote,
		.reg_id = c->reg_id,
		.q = c->q,
		.transport = c->path.transport,
		.flags = c->flags,
		.digest = c->hash};

	text_take(msg.realm, sizeof(msg.realm), reg_aor_realm(c->aor));
	text_take(msg.user, sizeof(msg.user), reg_aor_user(c->aor));
	text_take(msg.contact, sizeof(msg.contact), reg_contact_text(c, REG_URI));
	text_take(msg.agent, sizeof(msg.agent), reg_contact_text(c, REG_AGENT));
	if (c->flags & REG_CACHED)
		reg_core_tell(c, &msg);
	reg_contact_write(s->store, c, now, &out);
	return s->ops->send(s->ctx, CTL_REG_PUT, &msg, sizeof(msg), out.p, out.n);
}

static void tell(struct reg_sync *s)
{
	while (s->up && s->next && s->n_told < REG_SYNC_WINDOW) {
		struct reg_sync_item *item = s->next;
		struct ctl_reg_key key = {item->id, item->owner, s->last_seq + 1};
		int rc = item->contact
				 ? tell_put(s, item->contact, key.seq)
				 : s->ops->send(s->ctx, CTL_REG_DEL, &key, sizeof(key), NULL, 0);

		if (rc < 0)
			return; /* the loss of the connection follows */
		item->seq = ++s->last_seq;
		s->n_told++;
		s->next = TAILQ_NEXT(item, link);
	}
}

static struct reg_sync_item *item_add(struct reg_sync *s, uint64_t id, uint64_t owner)
{
	struct reg_sync_item *item = calloc(1, sizeof(*item));

	if (!item) {
		s->all_due = true;
		return NULL;
	}
	item->id = id;
	item->owner = owner;
	TAILQ_INSERT_TAIL(&s->items, item, link);
	s->n_items++;
	if (!s->next)
		s->next = item;
	return item;
}

static void item_put(struct reg_sync *s, struct reg_contact *c)
{
	struct reg_sync_item *item = c->item;

	/* What was not told yet will be told as it is by then. */
	if (item && item->seq == 0) {
		item->contact = c;
		return;
	}
	if (item)
		item->contact = NULL; /* an answer to the older state; the number only counts */
	c->item = item_add(s, c->id, c->aor->hash);
	if (c->item)
		c->item->contact = c;
}

void reg_sync_put(struct reg_sync *s, struct reg_contact *c)
{
	item_put(s, c);
	tell(s);
}

void reg_sync_gone(struct reg_sync *s, struct reg_contact *c)
{
	if (c->item && c->item->seq == 0) {
		c->item->contact = NULL;
		c->item = NULL;
	} else {
		if (c->item)
			c->item->contact = NULL;
		c->item = NULL;
		(void)item_add(s, c->id, c->aor->hash);
	}
	tell(s);
}

void reg_sync_forget(struct reg_sync *s, uint64_t id, uint64_t owner)
{
	(void)item_add(s, id, owner);
	tell(s);
}

/* ---- the other side ---- */

static void visit_all(void *arg, struct reg_contact *contact)
{
	item_put(arg, contact);
}

/* What was told and not acknowledged may have been lost. */
static void untell(struct reg_sync *s)
{
	struct reg_sync_item *item;

	TAILQ_FOREACH(item, &s->items, link)
		item->seq = 0;
	s->next = TAILQ_FIRST(&s->items);
	s->n_told = 0;
}

void reg_sync_down(struct reg_sync *s)
{
	s->up = false;
	untell(s);
}

void reg_sync_ack(struct reg_sync *s, const struct ctl_reg_ack *ack)
{
	struct reg_sync_item *item;

	s->up = true;
	if (ack->store_id != s->store_id || s->all_due) {
		s->store_id = ack->store_id;
		s->all_due = false;
		untell(s);
		reg_store_each(s->store, visit_all, s);
	} else {
		while ((item = TAILQ_FIRST(&s->items)) && item->seq != 0 && item->seq <= ack->seq)
			item_drop(s, item);
	}
	tell(s);
}
