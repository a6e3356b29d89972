/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See blocks.h. */
#include "controlplane/media/blocks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "controlplane/base/idmap.h"
#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"
#include "controlplane/media/dpobjs.h"

LOG_TOPIC("blocks");

#define RETRY_MS 1000
#define LATER_MS 1000 /* an end so near to the one before is no other one */

struct block {
	TAILQ_ENTRY(block) link; /* of those that wait */
	TAILQ_ENTRY(block) order;
	uint64_t id;
	struct ctl_block info;
	uint64_t end_ms, forget_ms;
	/* In the data plane: at which port it is there, where its drops are counted; empty: it is not. */
	char dp_port[DP_NAME_MAX];
	char sent_port[DP_NAME_MAX]; /* in the request under way */
	uint32_t row;
	char port[DP_NAME_MAX]; /* where it should be; empty: nowhere */
	bool waits, gone;
	bool past; /* only remembered */
};

struct blocks {
	struct blocks_ops ops;
	uint64_t key[2];
	struct idmap map;
	TAILQ_HEAD(, block) all; /* first who is only remembered, last who has gone */
	TAILQ_HEAD(, block) waiting;
	uint32_t n, n_gone;
	const struct cfg *cfg;
	/* the request under way */
	uint16_t type;
	uint32_t n_sent;
	struct block *sent[DP_BLOCKS_BATCH];
	uint64_t retry_ms;
	bool full_told, book_told;
};

struct blocks *blocks_new(const struct blocks_ops *ops)
{
	struct blocks *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->ops = *ops;
	secret_random(b->key, sizeof(b->key));
	idmap_init(&b->map);
	TAILQ_INIT(&b->all);
	TAILQ_INIT(&b->waiting);
	return b;
}

static void block_free(struct blocks *b, struct block *e)
{
	if (e->waits)
		TAILQ_REMOVE(&b->waiting, e, link);
	TAILQ_REMOVE(&b->all, e, order);
	for (uint32_t i = 0; i < b->n_sent; i++) {
		if (b->sent[i] == e)
			b->sent[i] = NULL;
	}
	b->n -= !e->gone;
	b->n_gone -= e->gone;
	free(e);
}

void blocks_free(struct blocks *blocks)
{
	struct block *e;

	while (blocks != NULL && (e = TAILQ_FIRST(&blocks->all)) != NULL)
		block_free(blocks, e);
	if (blocks != NULL)
		idmap_wipe(&blocks->map);
	free(blocks);
}

uint32_t blocks_n(const struct blocks *blocks)
{
	return blocks->n;
}

/* ---- the book ---- */

static uint64_t id_of(const struct blocks *b, const struct ctl_block *block)
{
	struct {
		struct ipaddr addr;
		char realm[CTL_NAME_MAX];
		uint8_t len;
	} key;

	memset(&key, 0, sizeof(key));
	key.addr = block->addr;
	key.len = block->prefix_len;
	snprintf(key.realm, sizeof(key.realm), "%s", block->realm);
	return siphash24(b->key, &key, sizeof(key));
}

static void wait(struct blocks *b, struct block *e)
{
	if (!e->waits)
		TAILQ_INSERT_TAIL(&b->waiting, e, link);
	e->waits = true;
	b->ops.dirty(b->ops.arg);
}

/* The port of its realm in the data plane; empty: Linux alone knows the interface. */
static void port_of(const struct blocks *b, const char *realm_name, char port[DP_NAME_MAX])
{
	const struct cfg_realm *realm = b->cfg ? cfg_find_realm(b->cfg, realm_name) : NULL;
	const struct cfg_interface *interface = realm ? cfg_find_interface(b->cfg, realm->interface)
						      : NULL;

	memset(port, 0, DP_NAME_MAX);
	if (interface != NULL && dpobjs_interface_has_port(b->cfg, interface))
		snprintf(port, DP_NAME_MAX, "%s", interface->name);
}

static struct block *block_add(struct blocks *b, uint64_t id, const struct ctl_block *info)
{
	struct block *e = calloc(1, sizeof(*e));

	if (e == NULL || idmap_put(&b->map, id, e) < 0) {
		free(e);
		return NULL;
	}
	e->id = id;
	e->info = *info;
	e->row = DP_BLOCK_NO_ROW;
	port_of(b, info->realm, e->port);
	TAILQ_INSERT_TAIL(&b->all, e, order);
	b->n++;
	return e;
}

static void block_go(struct blocks *b, struct block *e);

/* A block counts more than the memory of one. */
static bool make_room(struct blocks *b)
{
	struct block *first = TAILQ_FIRST(&b->all);

	if (b->n >= DP_BLOCKS_MAX && first->past)
		block_go(b, first);
	if (b->n < DP_BLOCKS_MAX)
		return true;
	if (!b->book_told)
		log_warning(
			"the book of blocked sources is full: limen-sip alone drops further ones");
	b->book_told = true;
	return false;
}

int blocks_put(struct blocks *blocks, const struct ctl_block *block, uint64_t now_ms)
{
	uint64_t id = id_of(blocks, block), end_ms = now_ms + block->remaining_ms;
	struct block *e = idmap_get(&blocks->map, id);

	if (e == NULL && !make_room(blocks))
		return -ENOSPC;
	bool fresh = e == NULL;
	if (fresh)
		e = block_add(blocks, id, block);
	if (e == NULL)
		return -ENOMEM;
	if (e->past && block->remaining_ms > 0) {
		TAILQ_REMOVE(&blocks->all, e, order);
		TAILQ_INSERT_TAIL(&blocks->all, e, order);
		e->past = false;
	}
	bool later = end_ms > e->end_ms + LATER_MS || end_ms + LATER_MS < e->end_ms;
	uint64_t drops = e->info.drops > block->drops ? e->info.drops : block->drops;
	e->info = *block;
	e->info.drops = drops;
	if (fresh || later)
		e->end_ms = end_ms;
	e->forget_ms = e->end_ms + block->memory_ms;
	if (block->remaining_ms > 0 && (fresh || later) && e->port[0] != '\0')
		wait(blocks, e);
	return 0;
}

/* It goes out of the book at once, and out of memory when the data plane has forgotten it, too. */
static void block_go(struct blocks *b, struct block *e)
{
	idmap_del(&b->map, e->id);
	e->gone = true;
	e->past = false;
	TAILQ_REMOVE(&b->all, e, order);
	TAILQ_INSERT_TAIL(&b->all, e, order);
	b->n--;
	b->n_gone++;
	bool sent = false;
	for (uint32_t i = 0; i < b->n_sent; i++)
		sent |= b->sent[i] == e;
	if (e->dp_port[0] != '\0' || sent)
		wait(b, e);
	else
		block_free(b, e);
}

bool blocks_del(struct blocks *blocks, const struct ctl_block *block, uint64_t now_ms)
{
	struct block *e = idmap_get(&blocks->map, id_of(blocks, block));
	bool was_on = e != NULL && e->end_ms > now_ms;

	if (e != NULL)
		block_go(blocks, e);
	return was_on;
}

void blocks_del_all(struct blocks *blocks)
{
	struct block *e = TAILQ_FIRST(&blocks->all);

	while (e != NULL) {
		struct block *next = TAILQ_NEXT(e, order);
		if (!e->gone)
			block_go(blocks, e);
		e = next;
	}
}

void blocks_config(struct blocks *blocks, const struct cfg *cfg)
{
	struct block *e;

	blocks->cfg = cfg;
	TAILQ_FOREACH(e, &blocks->all, order) {
		if (e->gone)
			continue;
		port_of(blocks, e->info.realm, e->port);
		if (strcmp(e->port, e->dp_port) != 0)
			wait(blocks, e);
	}
}

void blocks_second(struct blocks *blocks, uint64_t now_ms)
{
	struct block *e = TAILQ_FIRST(&blocks->all);

	blocks->book_told = blocks->n >= DP_BLOCKS_MAX && blocks->book_told;
	while (e != NULL) {
		struct block *next = TAILQ_NEXT(e, order);
		if (e->end_ms <= now_ms) { /* the data plane has forgotten it by itself */
			e->dp_port[0] = '\0';
			e->row = DP_BLOCK_NO_ROW;
			if (!e->gone && !e->past) {
				TAILQ_REMOVE(&blocks->all, e, order);
				TAILQ_INSERT_HEAD(&blocks->all, e, order);
				e->past = true;
			}
		}
		if (!e->gone && e->forget_ms <= now_ms)
			block_go(blocks, e);
		e = next;
	}
}

void blocks_each(const struct blocks *blocks, bool all, uint64_t now_ms, blocks_fn row, void *arg)
{
	const struct block *e;

	TAILQ_FOREACH(e, &blocks->all, order) {
		struct ctl_block now = e->info;
		bool on = e->end_ms > now_ms;
		if (e->gone || (!on && !all))
			continue;
		now.remaining_ms = on ? (uint32_t)(e->end_ms - now_ms) : 0;
		now.memory_ms = (uint32_t)(e->forget_ms - (on ? e->end_ms : now_ms));
		uint64_t dp = e->row != DP_BLOCK_NO_ROW ? blocks->ops.drops(blocks->ops.arg, e->row)
							: 0;
		if (row(&now, dp, arg) != 0)
			return;
	}
}

/* ---- towards the data plane ---- */

/* What it should be told of one; 0: nothing (any more). */
static uint16_t type_of(const struct block *e, uint64_t now_ms)
{
	bool wanted = !e->gone && e->port[0] != '\0' && e->end_ms > now_ms;

	if (e->dp_port[0] != '\0' && (!wanted || strcmp(e->port, e->dp_port) != 0))
		return DP_BLOCK_DEL;
	return wanted ? DP_BLOCK_SET : 0;
}

static void fill(const struct block *e, uint16_t type, uint64_t now_ms, struct dp_block *ret)
{
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->ip, e->info.addr.ip, sizeof(ret->ip));
	ret->family = e->info.addr.family;
	ret->prefix_len = e->info.prefix_len;
	ret->ttl_ms = type == DP_BLOCK_SET ? (uint32_t)(e->end_ms - now_ms) : 0;
	snprintf(ret->port, sizeof(ret->port), "%s", type == DP_BLOCK_SET ? e->port : e->dp_port);
}

/* One that the data plane need not hear of: forgotten, if it waited for that. */
static void unwait(struct blocks *b, struct block *e)
{
	TAILQ_REMOVE(&b->waiting, e, link);
	e->waits = false;
	if (e->gone)
		block_free(b, e);
}

uint16_t blocks_next(struct blocks *blocks, uint64_t now_ms, struct blocks_request *ret_request)
{
	struct block *e = TAILQ_FIRST(&blocks->waiting);

	if (blocks->type != 0 || now_ms < blocks->retry_ms)
		return 0;
	blocks->n_sent = 0;
	while (e != NULL && blocks->n_sent < DP_BLOCKS_BATCH) {
		struct block *next = TAILQ_NEXT(e, link);
		uint16_t type = type_of(e, now_ms);
		if (type == 0) {
			unwait(blocks, e);
		} else if (blocks->type == 0 || blocks->type == type) {
			blocks->type = type;
			fill(e, type, now_ms, &ret_request->list[blocks->n_sent]);
			memcpy(e->sent_port, ret_request->list[blocks->n_sent].port, DP_NAME_MAX);
			blocks->sent[blocks->n_sent++] = e;
			TAILQ_REMOVE(&blocks->waiting, e, link);
			e->waits = false;
		}
		e = next;
	}
	ret_request->head = (struct dp_blocks){.n = blocks->n_sent};
	return blocks->type;
}

static void tell_full(struct blocks *b, uint32_t n)
{
	if (n > 0 && !b->full_told)
		log_warning(
			"the data plane has no room for %u blocked sources: limen-sip drops "
			"what they send",
			n);
	b->full_told = n > 0;
}

void blocks_done(
	struct blocks *blocks, int32_t status, const uint32_t *rows, uint32_t n, uint64_t now_ms)
{
	bool is_set = blocks->type == DP_BLOCK_SET, ok = status >= 0 && (!is_set || rows != NULL);
	uint32_t n_sent = blocks->n_sent, n_full = 0;

	blocks->type = 0;
	blocks->n_sent = 0;
	if (!ok) {
		log_err("the data plane does not take blocked sources: %s; it is tried again",
			strerror(-status));
		blocks->retry_ms = now_ms + RETRY_MS;
	}
	for (uint32_t i = 0; i < n_sent; i++) {
		struct block *e = blocks->sent[i];
		bool moved = false;
		if (e == NULL)
			continue;
		if (ok && is_set) {
			e->row = i < n ? rows[i] : DP_BLOCK_NO_ROW;
			bool has_room = e->row != DP_BLOCK_NO_ROW;
			memcpy(e->dp_port, has_room ? e->sent_port : "",
				has_room ? DP_NAME_MAX : 1);
			n_full += !has_room;
			moved = has_room && strcmp(e->port, e->sent_port) != 0;
		} else if (ok) {
			e->row = DP_BLOCK_NO_ROW;
			e->dp_port[0] = '\0';
		} else { /* who knows whether it is there */
			memcpy(e->dp_port, e->sent_port, DP_NAME_MAX);
		}
		if (!ok || e->gone || moved || (!is_set && e->port[0] != '\0'))
			wait(blocks, e);
	}
	if (ok && is_set)
		tell_full(blocks, n_full);
}

void blocks_reset(struct blocks *blocks)
{
	struct block *e = TAILQ_FIRST(&blocks->all);

	blocks->type = 0;
	blocks->n_sent = 0;
	blocks->retry_ms = 0;
	while (e != NULL) {
		struct block *next = TAILQ_NEXT(e, order);
		/* What is not said again is swept there. */
		e->dp_port[0] = '\0';
		e->row = DP_BLOCK_NO_ROW;
		if (e->gone)
			block_free(blocks, e);
		else if (e->port[0] != '\0')
			wait(blocks, e);
		e = next;
	}
}

bool blocks_settled(const struct blocks *blocks, uint64_t now_ms)
{
	return blocks->type == 0 && (TAILQ_EMPTY(&blocks->waiting) || now_ms < blocks->retry_ms);
}
