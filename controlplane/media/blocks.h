/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The book of blocked sources: what limen-sip and operators say, kept for a limen-sip that starts again,
 * and brought into the data plane where the realm has a port there. The time of a block runs out by
 * itself in all three processes; what remains for a while is how often a source had been blocked.
 * limen-control's one thread; now_ms: monotonic.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_block.h"
#include "controlplane/config/cfg.h"

struct blocks;

struct blocks_ops {
	/* The data plane's drops of a row since it was taken. */
	uint64_t (*drops)(void *arg, uint32_t row);
	/* There is something for blocks_next(). */
	void (*dirty)(void *arg);
	void *arg;
};

/* NULL: memory is short. */
struct blocks *blocks_new(const struct blocks_ops *ops);
void blocks_free(struct blocks *blocks);

/* New, or with other figures; who is only remembered makes room. -ENOSPC: DP_BLOCKS_MAX are blocked
 * (the log has a line, once); -ENOMEM. */
int blocks_put(struct blocks *blocks, const struct ctl_block *block, uint64_t now_ms)
	__attribute__((warn_unused_result));
/* Who and where count; false: not there (or over, when it is only remembered). */
bool blocks_del(struct blocks *blocks, const struct ctl_block *block, uint64_t now_ms);
void blocks_del_all(struct blocks *blocks);
/* Realms have other ports. */
void blocks_config(struct blocks *blocks, const struct cfg *cfg);
/* Once a second: forgets. */
void blocks_second(struct blocks *blocks, uint64_t now_ms);

/* As they are now; all: also those that are only remembered. A non-zero return ends the walk. */
typedef int (*blocks_fn)(const struct ctl_block *block, uint64_t dp_drops, void *arg);
void blocks_each(const struct blocks *blocks, bool all, uint64_t now_ms, blocks_fn row, void *arg);
uint32_t blocks_n(const struct blocks *blocks);

/* ---- towards the data plane ---- */

struct blocks_request {
	struct dp_blocks head;
	struct dp_block list[DP_BLOCKS_BATCH];
};

/* The next request, one at a time; its type, 0: there is none (now). */
uint16_t blocks_next(struct blocks *blocks, uint64_t now_ms, struct blocks_request *ret_request);
/* Its answer. rows: n of them, NULL with DP_BLOCK_DEL and when status is negative. */
void blocks_done(
	struct blocks *blocks, int32_t status, const uint32_t *rows, uint32_t n, uint64_t now_ms);
/* It is another connection: all has to be said again. */
void blocks_reset(struct blocks *blocks);
/* Nothing is under way or waits. */
bool blocks_settled(const struct blocks *blocks, uint64_t now_ms);
