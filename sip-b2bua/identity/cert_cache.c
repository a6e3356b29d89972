/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sip-b2bua/identity/cert_cache.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 8

enum state { FETCHING, GOOD, FAILED };

struct cert_entry {
	LIST_ENTRY(cert_entry) link;
	LIST_HEAD(, cert_wait) waits;
	char *url;
	uint8_t state;
	uint64_t id, used_ms, until_ms;
	char reason[96];
	X509 *leaf;
	STACK_OF(X509) * chain; /* what came with it */
	/* What was checked last, and against whom. */
	EVP_PKEY *key;
	const X509_STORE *store;
	uint64_t checked_ms;
};

struct cert_cache {
	cert_fetch_fn fetch;
	void *ctx;
	uint64_t next_id;
	uint32_t n;
	LIST_HEAD(, cert_entry) entries;
};

struct cert_cache *cert_cache_new(cert_fetch_fn fetch, void *ctx)
{
	struct cert_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->fetch = fetch;
	cache->ctx = ctx;
	LIST_INIT(&cache->entries);
	return cache;
}

static void entry_empty(struct cert_entry *entry)
{
	X509_free(entry->leaf);
	sk_X509_pop_free(entry->chain, X509_free);
	EVP_PKEY_free(entry->key);
	entry->leaf = NULL;
	entry->chain = NULL;
	entry->key = NULL;
	entry->store = NULL;
}

static void entry_free(struct cert_cache *cache, struct cert_entry *entry)
{
	entry_empty(entry);
	LIST_REMOVE(entry, link);
	cache->n--;
	free(entry->url);
	free(entry);
}

void cert_cache_free(struct cert_cache *cache)
{
	if (!cache)
		return;
	while (!LIST_EMPTY(&cache->entries))
		entry_free(cache, LIST_FIRST(&cache->entries));
	free(cache);
}

void cert_wait_cancel(struct cert_wait *wait)
{
	if (!wait->entry)
		return;
	LIST_REMOVE(wait, link);
	wait->entry = NULL;
}

static struct cert_entry *find(struct cert_cache *cache, const char *url)
{
	struct cert_entry *entry;

	LIST_FOREACH(entry, &cache->entries, link) {
		if (strcmp(entry->url, url) == 0)
			return entry;
	}
	return NULL;
}

/* The one that was not used for longest gives way. */
static bool make_room(struct cert_cache *cache)
{
	struct cert_entry *entry, *oldest = NULL;

	if (cache->n < CERT_CACHE_MAX)
		return true;
	LIST_FOREACH(entry, &cache->entries, link) {
		if (entry->state != FETCHING && (!oldest || entry->used_ms < oldest->used_ms))
			oldest = entry;
	}
	if (oldest)
		entry_free(cache, oldest);
	return oldest != NULL;
}

static struct cert_entry *entry_new(struct cert_cache *cache, const char *url)
{
	struct cert_entry *entry = make_room(cache) ? calloc(1, sizeof(*entry)) : NULL;

	if (!entry)
		return NULL;
	entry->url = strdup(url);
	if (!entry->url) {
		free(entry);
		return NULL;
	}
	LIST_INIT(&entry->waits);
	LIST_INSERT_HEAD(&cache->entries, entry, link);
	cache->n++;
	return entry;
}

int cert_cache_get(struct cert_cache *cache, const char *url, uint64_t now_ms,
	struct cert_wait *wait, struct cert_entry **ret_entry, const char **ret_reason)
{
	struct cert_entry *entry = find(cache, url);
	int rc;

	if (entry && entry->state != FETCHING && now_ms < entry->until_ms) {
		entry->used_ms = now_ms;
		*ret_entry = entry;
		*ret_reason = entry->reason;
		return entry->state == GOOD ? 0 : -ENOENT;
	}
	*ret_reason = "too many certificates are being fetched";
	if (!entry) {
		entry = entry_new(cache, url);
		if (!entry)
			return -ENOSPC;
		entry->state = FAILED;
	}
	entry->used_ms = now_ms;
	if (entry->state != FETCHING) {
		entry->id = ++cache->next_id;
		rc = cache->fetch(cache->ctx, url, entry->id);
		if (rc < 0) {
			entry_free(cache, entry);
			*ret_reason = "its certificate cannot be fetched";
			return -ENOENT;
		}
		entry->state = FETCHING;
	}
	wait->entry = entry;
	LIST_INSERT_HEAD(&entry->waits, wait, link);
	return -EINPROGRESS;
}

/* A chain in PEM, the signer's certificate first. */
static bool entry_read(struct cert_entry *entry, struct view pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *cert;

	entry->chain = sk_X509_new_null();
	entry->leaf = bio && entry->chain ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	while (entry->leaf && sk_X509_num(entry->chain) < CHAIN_MAX &&
		(cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (sk_X509_push(entry->chain, cert) == 0) {
			X509_free(cert);
			break;
		}
	}
	BIO_free(bio);
	return entry->leaf != NULL;
}

void cert_cache_fetched(struct cert_cache *cache, uint64_t id, uint64_t now_ms, struct view body,
	uint32_t max_age_s, const char *reason)
{
	LIST_HEAD(, cert_wait) waits = LIST_HEAD_INITIALIZER(waits);
	struct cert_entry *entry;
	struct cert_wait *wait;

	LIST_FOREACH(entry, &cache->entries, link) {
		if (entry->id == id && entry->state == FETCHING)
			break;
	}
	if (!entry)
		return;
	entry_empty(entry);
	entry->state = FAILED;
	if (body.n == 0) {
		snprintf(entry->reason, sizeof(entry->reason), "%s", reason);
	} else if (body.n > CERT_CACHE_BYTES_MAX || !entry_read(entry, body)) {
		entry_empty(entry);
		snprintf(entry->reason, sizeof(entry->reason),
			"what its URL gives is no "
			"certificate in PEM");
	} else {
		entry->state = GOOD;
	}
	if (max_age_s < CERT_CACHE_MIN_S)
		max_age_s = CERT_CACHE_MIN_S;
	if (max_age_s > CERT_CACHE_MAX_S)
		max_age_s = CERT_CACHE_MAX_S;
	entry->until_ms = now_ms +
			  (entry->state == GOOD ? max_age_s : CERT_CACHE_FAILED_S) * (uint64_t)1000;
	/* Who is called may ask again, and so may use this very entry. */
	while ((wait = LIST_FIRST(&entry->waits)) != NULL) {
		LIST_REMOVE(wait, link);
		LIST_INSERT_HEAD(&waits, wait, link);
	}
	while ((wait = LIST_FIRST(&waits)) != NULL) {
		LIST_REMOVE(wait, link);
		wait->entry = NULL;
		wait->ready(wait, wait->arg);
	}
}

void cert_cache_give_up(struct cert_cache *cache)
{
	struct cert_entry *entry = LIST_FIRST(&cache->entries), *next;

	for (; entry; entry = next) {
		next = LIST_NEXT(entry, link);
		if (entry->state == FETCHING)
			cert_cache_fetched(cache, entry->id, 0, (struct view){NULL, 0}, 0,
				"the configuration has changed");
	}
}

static bool chain_good(
	struct cert_entry *entry, X509_STORE *store, uint64_t now_ms, const char **ret_reason)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool ok = false;

	*ret_reason = "memory is short";
	if (ctx && X509_STORE_CTX_init(ctx, store, entry->leaf, entry->chain) == 1) {
		X509_STORE_CTX_set_time(ctx, 0, (time_t)(now_ms / 1000));
		ok = X509_verify_cert(ctx) == 1;
		*ret_reason = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	}
	X509_STORE_CTX_free(ctx);
	return ok;
}

EVP_PKEY *cert_entry_key(
	struct cert_entry *entry, X509_STORE *store, uint64_t now_ms, const char **ret_reason)
{
	bool fresh = entry->store == store && now_ms >= entry->checked_ms &&
		     now_ms - entry->checked_ms < CERT_CHECK_S * 1000;

	if (entry->key && fresh)
		return entry->key;
	EVP_PKEY_free(entry->key);
	entry->key = NULL;
	if (!chain_good(entry, store, now_ms, ret_reason))
		return NULL;
	*ret_reason = "its certificate has no usable key";
	entry->key = X509_get_pubkey(entry->leaf);
	entry->store = store;
	entry->checked_ms = now_ms;
	return entry->key;
}

uint32_t cert_cache_n(const struct cert_cache *cache)
{
	return cache->n;
}
