/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Blocked sources as limen-control sets them: who is blocked where and until when, which row counts
 * his drops, and the same in the table of each worker (stages/block.h), which is made when there is the
 * first one. Control thread only; waits for the workers.
 */
#pragma once

#include "dataplane/api/dp_api.h"
#include "dataplane/ports/ports.h"
#include "dataplane/server/mail.h"
#include "dataplane/stages/block.h"

#define BLOCKS_PORTS 64 /* names of ports at which somebody is blocked */

struct blocks_conf {
	struct ports *ports;
	struct mail *mail;
	unsigned int n_workers;
	uint64_t tsc_hz;
	/* worker_blocks_new() and _free(); tests have their own where DPDK does not run */
	struct block_bucket *(*make)(void);
	void (*unmake)(struct block_bucket *buckets);
};

struct blocks;

/* 0 or -ENOMEM; conf is copied. */
int blocks_new(const struct blocks_conf *conf, struct blocks **ret_blocks)
	__attribute__((warn_unused_result));
/* The workers have stopped. */
void blocks_free(struct blocks *blocks);

/*
 * rows: room for msg->n. -EINVAL: a field, and nothing has changed; -ENOMEM: for the first table;
 * -ETIMEDOUT: a worker hangs. One for which there is no room has DP_BLOCK_NO_ROW.
 */
int blocks_set(struct blocks *blocks, const struct dp_blocks *msg, uint32_t generation,
	uint64_t now_tsc, uint32_t *ret_rows) __attribute__((warn_unused_result));
/* -EINVAL, -ETIMEDOUT. */
int blocks_del(struct blocks *blocks, const struct dp_blocks *msg)
	__attribute__((warn_unused_result));
/* Those of an older generation go. */
void blocks_sweep(struct blocks *blocks, uint32_t generation);
/* A port is about to be given to the workers: tells them at which ports who is blocked. */
int blocks_ports_post(struct blocks *blocks) __attribute__((warn_unused_result));
/* Once a second: takes out whose time is over, some thousands at a time. */
void blocks_second(struct blocks *blocks, uint64_t now_tsc);
uint32_t blocks_n(const struct blocks *blocks);
