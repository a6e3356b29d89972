/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See sources.h. */
#include "sip-b2bua/defence/sources.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

#define SECOND_US UINT64_C(1000000)

struct source {
	_Atomic uint64_t tag; /* 0: free */
	_Atomic uint64_t empty_us[SOURCE_N_COUNTS];
	_Atomic uint32_t last_s, trusted_s; /* last seen; trusted until then */
};
_Static_assert(sizeof(struct source) == 64, "a cache line");

struct sources {
	_Alignas(64) uint64_t seed;
	_Alignas(64) struct source sets[SOURCES_SETS][SOURCES_WAYS];
};

#define LOAD(field)	    atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), value, memory_order_relaxed)

struct source_limit source_limit_of(uint32_t n, uint64_t period_us, uint32_t periods)
{
	struct source_limit limit = {0};

	if (n == 0)
		return limit;
	limit.cost_us = period_us / n ? period_us / n : 1;
	limit.burst_us = limit.cost_us * n * periods;
	return limit;
}

struct sources *sources_new(uint64_t seed)
{
	/* Zeroed, and pages come with use. */
	struct sources *s = mmap(
		NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		return NULL;
	s->seed = seed;
	return s;
}

void sources_free(struct sources *sources)
{
	if (sources != NULL)
		munmap(sources, sizeof(*sources));
}

static struct source *set_of(const struct sources *s, uint64_t tag)
{
	uint64_t h = (tag ^ s->seed) * UINT64_C(0x9e3779b97f4a7c15);

	return ((struct sources *)s)->sets[(h >> 40) % SOURCES_SETS];
}

static struct source *find(const struct sources *s, uint64_t tag)
{
	struct source *set = set_of(s, tag);

	for (unsigned int i = 0; i < SOURCES_WAYS; i++) {
		if (LOAD(set[i].tag) == tag)
			return &set[i];
	}
	return NULL;
}

static bool is_trusted(const struct source *e, uint32_t now_s)
{
	return LOAD(e->tag) != 0 && LOAD(e->trusted_s) > now_s;
}

/* The one that has been silent for longest of those that are trusted or not; NULL: there is none. */
static struct source *oldest(struct source *set, bool trusted, uint32_t now_s, unsigned int *ret_n)
{
	struct source *best = NULL;
	unsigned int n = 0;

	for (unsigned int i = 0; i < SOURCES_WAYS; i++) {
		struct source *e = &set[i];
		if (is_trusted(e, now_s) != trusted)
			continue;
		n++;
		if (best == NULL || LOAD(e->tag) == 0 ||
			(LOAD(best->tag) != 0 && LOAD(e->last_s) < LOAD(best->last_s)))
			best = e;
	}
	*ret_n = n;
	return best;
}

/* Its entry, a new one if need be. NULL: others take the places at this moment. */
static struct source *get(struct sources *s, uint64_t tag, uint32_t now_s)
{
	struct source *e = find(s, tag);
	unsigned int n;

	if (e != NULL)
		return e;
	e = oldest(set_of(s, tag), false, now_s, &n);
	/* Six at most are trusted, but for what two workers do at the same moment. */
	uint64_t old = e != NULL ? LOAD(e->tag) : 0;
	if (e == NULL)
		return NULL;
	if (!atomic_compare_exchange_strong_explicit(
		    &e->tag, &old, tag, memory_order_relaxed, memory_order_relaxed))
		return NULL;
	for (unsigned int i = 0; i < SOURCE_N_COUNTS; i++)
		STORE(e->empty_us[i], 0);
	STORE(e->trusted_s, 0);
	STORE(e->last_s, now_s);
	return e;
}

bool sources_count(struct sources *sources, uint64_t tag, enum source_count what,
	const struct source_limit *limit, uint32_t factor, uint64_t now_us)
{
	uint32_t now_s = (uint32_t)(now_us / SECOND_US);
	uint64_t cost = limit->cost_us;

	if (cost == 0)
		return true;
	struct source *e = get(sources, tag, now_s);
	if (e == NULL)
		return true;
	STORE(e->last_s, now_s);
	if (is_trusted(e, now_s) && factor > 1)
		cost = cost / factor ? cost / factor : 1;
	uint64_t empty = LOAD(e->empty_us[what]);
	if (empty < now_us)
		empty = now_us;
	if (empty - now_us > limit->burst_us)
		empty = now_us + limit->burst_us; /* the clock has stepped back */
	if (empty - now_us + cost > limit->burst_us)
		return false;
	STORE(e->empty_us[what], empty + cost);
	return true;
}

void sources_trust(struct sources *sources, uint64_t tag, uint32_t seconds, uint64_t now_us)
{
	uint32_t now_s = (uint32_t)(now_us / SECOND_US);
	struct source *e = get(sources, tag, now_s);
	unsigned int n;

	if (e == NULL)
		return;
	if (!is_trusted(e, now_s)) {
		struct source *other = oldest(set_of(sources, tag), true, now_s, &n);
		if (n >= SOURCES_TRUSTED_MAX)
			STORE(other->trusted_s, 0);
	}
	STORE(e->last_s, now_s);
	STORE(e->empty_us[SOURCE_CHALLENGES], 0);
	if (LOAD(e->trusted_s) < now_s + seconds)
		STORE(e->trusted_s, now_s + seconds);
}

bool sources_is_trusted(const struct sources *sources, uint64_t tag, uint64_t now_us)
{
	const struct source *e = find(sources, tag);

	return e != NULL && is_trusted(e, (uint32_t)(now_us / SECOND_US));
}

void sources_forgive(struct sources *sources, uint64_t tag)
{
	struct source *e = find(sources, tag);

	for (unsigned int i = 0; e != NULL && i < SOURCE_N_COUNTS; i++)
		STORE(e->empty_us[i], 0);
}
