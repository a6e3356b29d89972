/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The copy of the bindings that limen-control keeps: what changed is told in order, a bounded number
 * at a time, and kept until it was acknowledged. So it does not matter when limen-control is away or
 * starts again, nor that a whole store is told anew to one that lost its own. One per worker, its
 * thread.
 */
#pragma once

#include "controlplane/api/ctl_api.h"
#include "sip-b2bua/registrar/bindings.h"

#define REG_SYNC_WINDOW 1024 /* told and not acknowledged */

struct reg_sync_ops {
	/* 0, or a negative errno while limen-control is away. */
	int (*send)(void *ctx, uint16_t type, const void *part1, size_t len1, const void *part2,
		size_t len2);
	uint64_t (*wall_ms)(void *ctx);
};

struct reg_sync;

/* NULL when memory is short. The store is set before anything else is done. */
struct reg_sync *reg_sync_new(const struct reg_sync_ops *ops, void *ctx);
void reg_sync_free(struct reg_sync *sync); /* before its store */
void reg_sync_set_store(struct reg_sync *sync, struct reg_store *store);

/* As struct reg_store_ops. Short memory is made good by telling everything anew later. */
void reg_sync_put(struct reg_sync *sync, struct reg_contact *contact);
void reg_sync_gone(struct reg_sync *sync, struct reg_contact *contact);
/* Of a binding that limen-control has, and nobody else any more. */
void reg_sync_forget(struct reg_sync *sync, uint64_t id, uint64_t owner);

void reg_sync_down(struct reg_sync *sync);
/* Also the first message after HELLO; before it nothing is told. */
void reg_sync_ack(struct reg_sync *sync, const struct ctl_reg_ack *ack);
uint32_t reg_sync_n_waiting(const struct reg_sync *sync);
