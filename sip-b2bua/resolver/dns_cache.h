/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What DNS has said, by name and type: kept for its TTL within limits, also that there is nothing
 * (RFC 2308), and served beyond its time while no server answers (RFC 8767). Time is an input; it
 * says when to ask, and asks nobody itself. One owner, one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "sip-b2bua/resolver/dns_answer.h"

#define DNS_CACHE_MAX	   4096	 /* names and types; the one not used for longest makes room */
#define DNS_TTL_MIN_S	   5	 /* a TTL of 0 would have every call ask */
#define DNS_TTL_MAX_S	   86400 /* RFC 8767 4 would have up to a week */
#define DNS_NEGATIVE_MIN_S 5
#define DNS_NEGATIVE_MAX_S 600
#define DNS_RETRY_MS	   5000	 /* after no answer, when nothing is there to go on with */
#define DNS_RETRY_STALE_MS 30000 /* when something is: RFC 8767 5, "failure recheck timer" */

/* Why the last question had no answer. X(symbol, words that follow "DNS of NAME: ") */
#define DNS_ERRORS(X)                                                        \
	X(NONE, "")                                                          \
	X(OFF, "\"ip domain lookup\" is off")                                \
	X(NO_SERVER, "no \"ip name-server\" is set")                         \
	X(TIMEOUT, "no name server answered in time")                        \
	X(REFUSED, "the name servers refuse to answer or cannot be reached") \
	X(BROKEN, "the name server's answer is broken")                      \
	X(BUSY, "too many questions are open")                               \
	X(MEMORY, "memory is short")
enum dns_error {
#define X(sym, words) DNS_ERROR_##sym,
	DNS_ERRORS(X)
#undef X
		DNS_N_ERRORS,
};
const char *dns_error_words(unsigned int error);

enum dns_state {
	DNS_UNKNOWN, /* nothing was said yet */
	DNS_FRESH,
	DNS_STALE, /* past its time, and nobody answers */
	DNS_LOST,  /* nothing was said, or too long ago, and nobody answers */
};

struct dns_entry {
	LIST_ENTRY(dns_entry) link;
	char name[DNS_NAME_MAX];
	uint16_t type;
	bool no_such_name;	   /* NXDOMAIN, not only no records of this type */
	bool asking;		   /* a question is open */
	uint8_t error;		   /* enum dns_error of the last question */
	struct dns_answer *answer; /* NULL: none yet; n 0: there is nothing */
	uint64_t got_ms, expires_ms;
	uint64_t retry_ms; /* not to be asked for again before */
	uint64_t used_ms;
};

struct dns_cache;

struct dns_cache *dns_cache_new(void); /* NULL: memory is short */
void dns_cache_free(struct dns_cache *cache);
/* 0: what is past its time is not served at all. */
void dns_cache_set_stale(struct dns_cache *cache, uint32_t max_stale_s);

/* The entry of a name (as of dns_name_copy()) and type, made if there is none. NULL: memory is
 * short. Valid until the next dns_cache_get() or dns_cache_clear(), unless it is asking. */
struct dns_entry *dns_cache_get(
	struct dns_cache *cache, const char *name, uint16_t type, uint64_t now_ms);
/* The same without making one. */
struct dns_entry *dns_cache_find(const struct dns_cache *cache, const char *name, uint16_t type);

enum dns_state dns_entry_state(
	const struct dns_cache *cache, const struct dns_entry *entry, uint64_t now_ms);
/* Whether it is time to ask: nothing is known, or nine tenths of its TTL are over. */
bool dns_entry_wants_asking(const struct dns_entry *entry, uint64_t now_ms);

/* The answer to its question; answer becomes the cache's. */
void dns_entry_answered(
	struct dns_entry *entry, struct dns_answer *answer, bool no_such_name, uint64_t now_ms);
void dns_entry_failed(struct dns_entry *entry, enum dns_error error, uint64_t now_ms);

/* Forgets a name, NULL: all of them; what is asking stays, empty. Number of entries. */
unsigned int dns_cache_clear(struct dns_cache *cache, const char *name);
/* All may be asked for at once again: the servers have changed. */
void dns_cache_retry_all(struct dns_cache *cache);

unsigned int dns_cache_n(const struct dns_cache *cache);
/* In no order. A non-zero return ends the walk. */
void dns_cache_walk(const struct dns_cache *cache,
	int (*row)(const struct dns_entry *entry, void *arg), void *arg);
