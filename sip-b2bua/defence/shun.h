/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sources that limen-sip drops: a fixed table that all workers share, in sets of eight found by a
 * keyed hash. Whether a source is in it is asked for each message and costs a look at one set, without a
 * lock; changes are rare and have one. Where a set is full the block that ends first goes. After its end
 * an entry stays for a while, so that the next block is longer. now_ms: monotonic.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_block.h"

#define SHUN_SETS 8192
#define SHUN_WAYS 8

struct shun;

/* NULL when memory is short. */
struct shun *shun_new(void);
void shun_free(struct shun *shun);

/* For the tables of this process: of a source in a scope, not 0. key: random. */
uint64_t shun_tag(const uint64_t key[2], uint32_t scope, const struct ipaddr *net, uint8_t len);

/* A message or connection of it came; true: it is to be dropped, and is counted. */
bool shun_drops(struct shun *shun, uint64_t tag, uint64_t now_ms);
/* Some source is in the table, or was a moment ago; one of that length. */
bool shun_any(const struct shun *shun);
bool shun_any_of(const struct shun *shun, uint8_t prefix_len);

struct shun_times {
	uint32_t first_ms, max_ms; /* of the first block, and of any */
	uint32_t memory_ms;	   /* how long it counts beyond its end */
};
/*
 * Blocks a source, longer if it had been blocked before. block: who, where, why, since when; the rest is
 * filled in. owner: worker that tells limen-control. false: it is blocked already.
 */
bool shun_block(struct shun *shun, uint64_t tag, struct ctl_block *block,
	const struct shun_times *times, unsigned int owner, uint64_t now_ms);
/* As it was before our start, or as an operator wants it. */
void shun_put(struct shun *shun, uint64_t tag, const struct ctl_block *block, unsigned int owner,
	uint64_t now_ms);
/* false: it was not there. */
bool shun_del(struct shun *shun, uint64_t tag);
void shun_del_all(struct shun *shun);

enum shun_which { SHUN_ALL, SHUN_DROPS_CHANGED };
/*
 * As they are now, those of one owner; with DROPS_CHANGED those whose count is not the one that the last
 * such walk saw. row: what it returns with true is taken out. It must not call back.
 */
void shun_each(struct shun *shun, enum shun_which which, unsigned int owner, uint64_t now_ms,
	bool (*row)(const struct ctl_block *block, void *arg), void *arg);
