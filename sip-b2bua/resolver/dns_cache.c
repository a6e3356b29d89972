/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See dns_cache.h. */
#include "sip-b2bua/resolver/dns_cache.h"

#include <stdlib.h>
#include <string.h>

#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"

#define BUCKETS 1024

struct dns_cache {
	LIST_HEAD(, dns_entry) buckets[BUCKETS];
	uint64_t key[2]; /* names come from DNS itself, so nobody may choose how they collide */
	unsigned int n;
	uint64_t max_stale_ms;
};

const char *dns_error_words(unsigned int error)
{
	static const char *const words[] = {
#define X(sym, words_) words_,
		DNS_ERRORS(X)
#undef X
	};

	return error < DNS_N_ERRORS ? words[error] : "";
}

struct dns_cache *dns_cache_new(void)
{
	struct dns_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		secret_random(cache->key, sizeof(cache->key));
	return cache;
}

static void entry_free(struct dns_cache *cache, struct dns_entry *entry)
{
	LIST_REMOVE(entry, link);
	cache->n--;
	free(entry->answer);
	free(entry);
}

void dns_cache_free(struct dns_cache *cache)
{
	if (!cache)
		return;
	for (unsigned int i = 0; i < BUCKETS; i++) {
		while (!LIST_EMPTY(&cache->buckets[i]))
			entry_free(cache, LIST_FIRST(&cache->buckets[i]));
	}
	free(cache);
}

void dns_cache_set_stale(struct dns_cache *cache, uint32_t max_stale_s)
{
	cache->max_stale_ms = (uint64_t)max_stale_s * 1000;
}

static unsigned int bucket_of(const struct dns_cache *cache, const char *name, uint16_t type)
{
	return (unsigned int)(siphash24(cache->key, name, strlen(name)) + type) % BUCKETS;
}

struct dns_entry *dns_cache_find(const struct dns_cache *cache, const char *name, uint16_t type)
{
	struct dns_entry *entry;

	LIST_FOREACH(entry, &cache->buckets[bucket_of(cache, name, type)], link) {
		if (entry->type == type && strcmp(entry->name, name) == 0)
			return entry;
	}
	return NULL;
}

/* A full cache: rare, so a walk over all will do. */
static void room_make(struct dns_cache *cache)
{
	struct dns_entry *entry, *oldest = NULL;

	for (unsigned int i = 0; i < BUCKETS; i++) {
		LIST_FOREACH(entry, &cache->buckets[i], link) {
			if (!entry->asking && (!oldest || entry->used_ms < oldest->used_ms))
				oldest = entry;
		}
	}
	if (oldest)
		entry_free(cache, oldest);
}

struct dns_entry *dns_cache_get(
	struct dns_cache *cache, const char *name, uint16_t type, uint64_t now_ms)
{
	struct dns_entry *entry = dns_cache_find(cache, name, type);

	if (!entry) {
		if (cache->n >= DNS_CACHE_MAX)
			room_make(cache);
		entry = calloc(1, sizeof(*entry));
		if (!entry || view_copy(view_of(name), entry->name, sizeof(entry->name)) < 0) {
			free(entry);
			return NULL;
		}
		entry->type = type;
		LIST_INSERT_HEAD(&cache->buckets[bucket_of(cache, name, type)], entry, link);
		cache->n++;
	}
	entry->used_ms = now_ms;
	return entry;
}

enum dns_state dns_entry_state(
	const struct dns_cache *cache, const struct dns_entry *entry, uint64_t now_ms)
{
	if (entry->answer && now_ms < entry->expires_ms)
		return DNS_FRESH;
	/* That there is nothing is not worth going on with (RFC 8767 4 speaks of data). */
	if (entry->answer && entry->answer->n > 0 &&
		now_ms < entry->expires_ms + cache->max_stale_ms)
		return DNS_STALE;
	return entry->error == DNS_ERROR_NONE ? DNS_UNKNOWN : DNS_LOST;
}

bool dns_entry_wants_asking(const struct dns_entry *entry, uint64_t now_ms)
{
	if (entry->asking || now_ms < entry->retry_ms)
		return false;
	return !entry->answer ||
	       now_ms >= entry->expires_ms - (entry->expires_ms - entry->got_ms) / 10;
}

static uint64_t clamp(uint32_t value, uint32_t min, uint32_t max)
{
	return value < min ? min : value > max ? max : value;
}

void dns_entry_answered(
	struct dns_entry *entry, struct dns_answer *answer, bool no_such_name, uint64_t now_ms)
{
	uint64_t ttl_s = answer->n > 0
				 ? clamp(answer->ttl_s, DNS_TTL_MIN_S, DNS_TTL_MAX_S)
				 : clamp(answer->ttl_s, DNS_NEGATIVE_MIN_S, DNS_NEGATIVE_MAX_S);

	free(entry->answer);
	entry->answer = answer;
	entry->no_such_name = no_such_name;
	entry->asking = false;
	entry->error = DNS_ERROR_NONE;
	entry->got_ms = now_ms;
	entry->expires_ms = now_ms + ttl_s * 1000;
	entry->retry_ms = 0;
}

void dns_entry_failed(struct dns_entry *entry, enum dns_error error, uint64_t now_ms)
{
	bool there = entry->answer && entry->answer->n > 0;

	entry->asking = false;
	entry->error = (uint8_t)error;
	entry->retry_ms = now_ms + (there ? DNS_RETRY_STALE_MS : DNS_RETRY_MS);
}

unsigned int dns_cache_clear(struct dns_cache *cache, const char *name)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < BUCKETS; i++) {
		struct dns_entry *entry = LIST_FIRST(&cache->buckets[i]), *next;

		for (; entry; entry = next) {
			next = LIST_NEXT(entry, link);
			if (name && strcmp(name, entry->name) != 0)
				continue;
			n++;
			if (!entry->asking) {
				entry_free(cache, entry);
				continue;
			}
			free(entry->answer);
			entry->answer = NULL;
			entry->error = DNS_ERROR_NONE;
		}
	}
	return n;
}

void dns_cache_retry_all(struct dns_cache *cache)
{
	struct dns_entry *entry;

	for (unsigned int i = 0; i < BUCKETS; i++) {
		LIST_FOREACH(entry, &cache->buckets[i], link)
			entry->retry_ms = 0;
	}
}

unsigned int dns_cache_n(const struct dns_cache *cache)
{
	return cache->n;
}

void dns_cache_walk(const struct dns_cache *cache,
	int (*row)(const struct dns_entry *entry, void *arg), void *arg)
{
	const struct dns_entry *entry;

	for (unsigned int i = 0; i < BUCKETS; i++) {
		LIST_FOREACH(entry, &cache->buckets[i], link) {
			if (row(entry, arg) != 0)
				return;
		}
	}
}
