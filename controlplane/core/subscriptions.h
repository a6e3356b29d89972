/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Subscriptions that go through limen-sip (RFC 6665), as the bytes that a worker needs to go on with
 * them: kept here for a worker that starts again, in memory. limen-control's one thread; owned by
 * struct peers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"

struct subscriptions;

struct subscriptions *subscriptions_new(void); /* NULL: memory is short */
void subscriptions_free(struct subscriptions *subs);

/* The last state of one counts. -EPROTO: no id; -ENOMEM: it is not kept. */
int subscriptions_put(struct subscriptions *subs, uint32_t worker, const struct ctl_sub *sub,
	const void *state, size_t len) __attribute__((warn_unused_result));
void subscriptions_del(struct subscriptions *subs, uint64_t id);
/* A worker of n_workers has started: those of it, and of workers that are no more, are due. */
void subscriptions_due(struct subscriptions *subs, uint32_t worker, uint32_t n_workers);
/* A worker that lives on puts its subscriptions again; after that the others are gone. */
void subscriptions_replay(struct subscriptions *subs, uint32_t worker);
void subscriptions_replayed(struct subscriptions *subs, uint32_t worker);

/* false: the queue is full, more follow later. */
typedef bool (*subscriptions_send_fn)(
	void *arg, uint32_t worker, const struct ctl_sub *sub, const void *state, size_t len);
/* What is due of a worker, as far as its queue has room; what has ended by wall_ms is dropped. */
void subscriptions_give(struct subscriptions *subs, uint32_t worker, uint64_t wall_ms,
	subscriptions_send_fn send, void *arg);

size_t subscriptions_n(const struct subscriptions *subs);
