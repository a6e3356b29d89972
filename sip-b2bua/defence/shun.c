/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See shun.h. */
#include "sip-b2bua/defence/shun.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/siphash.h"

#define LEVEL_MAX 20

struct entry {
	_Atomic uint64_t tag;	 /* 0: free */
	_Atomic uint64_t end_ms; /* until then what it sends is dropped */
	_Atomic uint64_t drops;
	/* under the lock */
	uint64_t drops_told, forget_ms;
	struct ctl_block info;
	unsigned int owner;
};

struct shun {
	pthread_mutex_t lock;		/* of all that is not atomic, and of coming and going */
	_Atomic uint32_t n, n_len[129]; /* of each length of a source's network */
	struct entry *sets;		/* [SHUN_SETS * SHUN_WAYS]; pages come with use */
};

#define LOAD(field)	    atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), value, memory_order_relaxed)

struct shun *shun_new(void)
{
	struct shun *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->sets = calloc(SHUN_SETS * SHUN_WAYS, sizeof(s->sets[0]));
	if (s->sets == NULL) {
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void shun_free(struct shun *shun)
{
	if (shun == NULL)
		return;
	pthread_mutex_destroy(&shun->lock);
	free(shun->sets);
	free(shun);
}

uint64_t shun_tag(const uint64_t key[2], uint32_t scope, const struct ipaddr *net, uint8_t len)
{
	struct {
		uint32_t scope;
		uint8_t family, len;
		uint8_t zero[2];
		uint8_t ip[16];
	} source = {.scope = scope, .family = net->family, .len = len};

	memcpy(source.ip, net->ip, sizeof(source.ip));
	uint64_t tag = siphash24(key, &source, sizeof(source));
	return tag ? tag : 1;
}

static struct entry *set_of(const struct shun *s, uint64_t tag)
{
	return &s->sets[(tag >> 32) % SHUN_SETS * SHUN_WAYS];
}

static struct entry *find(const struct shun *s, uint64_t tag)
{
	struct entry *set = set_of(s, tag);

	for (unsigned int i = 0; i < SHUN_WAYS; i++) {
		if (LOAD(set[i].tag) == tag)
			return &set[i];
	}
	return NULL;
}

bool shun_any(const struct shun *shun)
{
	return LOAD(shun->n) > 0;
}

bool shun_any_of(const struct shun *shun, uint8_t prefix_len)
{
	return LOAD(shun->n_len[prefix_len]) > 0;
}

bool shun_drops(struct shun *shun, uint64_t tag, uint64_t now_ms)
{
	struct entry *e = shun_any(shun) ? find(shun, tag) : NULL;

	if (e == NULL || now_ms >= LOAD(e->end_ms))
		return false;
	atomic_fetch_add_explicit(&e->drops, 1, memory_order_relaxed);
	return true;
}

/* ---- with the lock ---- */

static void leave(struct shun *s, struct entry *e)
{
	STORE(e->end_ms, 0);
	STORE(e->tag, 0);
	STORE(s->n, LOAD(s->n) - 1);
	STORE(s->n_len[e->info.prefix_len], LOAD(s->n_len[e->info.prefix_len]) - 1);
}

/* Its entry, or a place for one: what can best be done without goes. */
static struct entry *take(struct shun *s, uint64_t tag, uint8_t prefix_len, uint64_t now_ms)
{
	struct entry *set = set_of(s, tag), *e = find(s, tag);

	if (e != NULL && e->forget_ms > now_ms)
		return e;
	for (unsigned int i = 0; e == NULL && i < SHUN_WAYS; i++)
		e = LOAD(set[i].tag) == 0 ? &set[i] : NULL;
	for (unsigned int i = 0; e == NULL && i < SHUN_WAYS; i++)
		e = set[i].forget_ms <= now_ms ? &set[i] : NULL;
	if (e == NULL) {
		e = &set[0];
		for (unsigned int i = 1; i < SHUN_WAYS; i++)
			e = LOAD(set[i].end_ms) < LOAD(e->end_ms) ? &set[i] : e;
	}
	if (LOAD(e->tag) != 0)
		leave(s, e);
	e->info = (struct ctl_block){.prefix_len = prefix_len};
	e->drops_told = e->forget_ms = 0;
	STORE(e->drops, 0);
	STORE(e->tag, tag);
	STORE(s->n, LOAD(s->n) + 1);
	STORE(s->n_len[prefix_len], LOAD(s->n_len[prefix_len]) + 1);
	return e;
}

static uint32_t time_of(const struct shun_times *times, unsigned int level)
{
	uint64_t ms = times->first_ms;

	for (unsigned int i = 0; i < level && ms < times->max_ms; i++)
		ms *= 2;
	return ms < times->max_ms ? (uint32_t)ms : times->max_ms;
}

bool shun_block(struct shun *shun, uint64_t tag, struct ctl_block *block,
	const struct shun_times *times, unsigned int owner, uint64_t now_ms)
{
	pthread_mutex_lock(&shun->lock);
	struct entry *e = take(shun, tag, block->prefix_len, now_ms);
	bool fresh = LOAD(e->end_ms) <= now_ms;
	if (fresh) {
		bool before = e->forget_ms != 0;
		block->level = before && e->info.level < LEVEL_MAX ? e->info.level + 1
			       : before				   ? LEVEL_MAX
								   : 0;
		block->remaining_ms = time_of(times, block->level);
		block->memory_ms = times->memory_ms;
		block->drops = 0;
		e->info = *block;
		e->owner = owner;
		e->forget_ms = now_ms + block->remaining_ms + block->memory_ms;
		e->drops_told = 0;
		STORE(e->drops, 0);
		STORE(e->end_ms, now_ms + block->remaining_ms);
	}
	pthread_mutex_unlock(&shun->lock);
	return fresh;
}

void shun_put(struct shun *shun, uint64_t tag, const struct ctl_block *block, unsigned int owner,
	uint64_t now_ms)
{
	pthread_mutex_lock(&shun->lock);
	struct entry *e = take(shun, tag, block->prefix_len, now_ms);
	e->info = *block;
	e->owner = owner;
	e->forget_ms = now_ms + block->remaining_ms + block->memory_ms;
	if (LOAD(e->drops) < block->drops) {
		STORE(e->drops, block->drops);
		e->drops_told = block->drops;
	}
	STORE(e->end_ms, block->remaining_ms ? now_ms + block->remaining_ms : 0);
	pthread_mutex_unlock(&shun->lock);
}

bool shun_del(struct shun *shun, uint64_t tag)
{
	pthread_mutex_lock(&shun->lock);
	struct entry *e = find(shun, tag);
	if (e != NULL)
		leave(shun, e);
	pthread_mutex_unlock(&shun->lock);
	return e != NULL;
}

void shun_del_all(struct shun *shun)
{
	pthread_mutex_lock(&shun->lock);
	for (unsigned int i = 0; i < SHUN_SETS * SHUN_WAYS; i++) {
		if (LOAD(shun->sets[i].tag) != 0)
			leave(shun, &shun->sets[i]);
	}
	pthread_mutex_unlock(&shun->lock);
}

static void now_of(const struct entry *e, uint64_t now_ms, struct ctl_block *ret)
{
	uint64_t end_ms = LOAD(e->end_ms);
	bool on = end_ms > now_ms;

	*ret = e->info;
	ret->drops = LOAD(e->drops);
	ret->remaining_ms = on ? (uint32_t)(end_ms - now_ms) : 0;
	ret->memory_ms = (uint32_t)(e->forget_ms - (on ? end_ms : now_ms));
}

void shun_each(struct shun *shun, enum shun_which which, unsigned int owner, uint64_t now_ms,
	bool (*row)(const struct ctl_block *block, void *arg), void *arg)
{
	struct ctl_block now;

	if (!shun_any(shun))
		return;
	pthread_mutex_lock(&shun->lock);
	for (unsigned int i = 0; i < SHUN_SETS * SHUN_WAYS; i++) {
		struct entry *e = &shun->sets[i];
		if (LOAD(e->tag) == 0)
			continue;
		if (e->forget_ms <= now_ms) {
			leave(shun, e);
			continue;
		}
		if (e->owner != owner ||
			(which == SHUN_DROPS_CHANGED && LOAD(e->drops) == e->drops_told))
			continue;
		now_of(e, now_ms, &now);
		e->drops_told = now.drops;
		if (row(&now, arg))
			leave(shun, e);
	}
	pthread_mutex_unlock(&shun->lock);
}
