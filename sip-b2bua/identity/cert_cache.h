/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates of signers by their URL (x5u): fetched once for all calls that ask meanwhile, kept as
 * long as the server says within bounds, also what could not be fetched; bounded in number and size. A
 * cache belongs to one worker; the fetch itself is its owner's, and time is an input.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "controlplane/base/view.h"

#define CERT_CACHE_MAX	     256   /* URLs */
#define CERT_CACHE_BYTES_MAX 32768 /* of one chain */
#define CERT_CACHE_MIN_S     60
#define CERT_CACHE_MAX_S     86400
#define CERT_CACHE_FAILED_S  30 /* until an unreachable one is tried again */
#define CERT_CHECK_S	     60 /* a chain that was found good is believed so long */

struct cert_cache;
struct cert_entry;

/* Who waits for an entry; embedded in heap memory of the owner. Zeroed: does not wait. */
struct cert_wait {
	LIST_ENTRY(cert_wait) link;
	struct cert_entry *entry; /* NULL: does not wait */
	void (*ready)(struct cert_wait *wait, void *arg);
	void *arg;
};
/* Also for one that does not wait. */
void cert_wait_cancel(struct cert_wait *wait);

/* Begins to fetch; cert_cache_fetched() follows, later and once. 0 or a negative errno. */
typedef int (*cert_fetch_fn)(void *ctx, const char *url, uint64_t id);

struct cert_cache *cert_cache_new(cert_fetch_fn fetch, void *ctx);
void cert_cache_free(struct cert_cache *cache); /* nobody may wait */

/*
 * 0: the entry is there. -EINPROGRESS: wait->ready() will be called, then ask again. -ENOENT: it could
 * not be fetched, ret_reason says why. -ENOSPC: as many URLs as there may be are being fetched.
 */
int cert_cache_get(struct cert_cache *cache, const char *url, uint64_t now_ms,
	struct cert_wait *wait, struct cert_entry **ret_entry, const char **ret_reason)
	__attribute__((warn_unused_result));
/* body: PEM (NULL: failed, reason says why); max_age_s: of Cache-Control, 0: not said. */
void cert_cache_fetched(struct cert_cache *cache, uint64_t id, uint64_t now_ms, struct view body,
	uint32_t max_age_s, const char *reason);

/*
 * The key of the leaf when the chain leads to an authority of store at this time; the entry's, valid
 * until the cache is used again. NULL with a reason.
 */
EVP_PKEY *cert_entry_key(
	struct cert_entry *entry, X509_STORE *store, uint64_t now_ms, const char **ret_reason);

/* All that is being fetched counts as failed now, and who waits is told. */
void cert_cache_give_up(struct cert_cache *cache);

uint32_t cert_cache_n(const struct cert_cache *cache);
