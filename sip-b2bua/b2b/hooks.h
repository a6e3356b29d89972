/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The route-hooks of a worker: questions under way, answers that are kept, and a circuit breaker for
 * each. Nobody waits in here: who asks is called back. Private to sip-b2bua/b2b; the worker's thread.
 */
#pragma once

#include "sip-b2bua/b2b/b2b.h"
#include "sip-b2bua/hook/hook_answer.h"

struct hooks;
struct hook_pending;

/* Who waits for an answer. */
struct hook_wait {
	/* Once, and never from inside hooks_ask(). answer NULL: there is none, and why says why not. */
	void (*ready)(struct hook_wait *wait, const struct hook_answer *answer, const char *why);
	struct hook_pending *pending; /* NULL: it does not wait */
};

struct hooks *hooks_new(
	const struct b2b_env *env, const uint64_t key[2]); /* NULL: memory is short */
void hooks_free(struct hooks *hooks);			   /* without callbacks */
/* One that did not change keeps its answers. Who waits for one that is gone is called back. */
void hooks_config(struct hooks *hooks, const struct cfg *cfg);

/*
 * 0: ret_answer is an answer that was kept. -EINPROGRESS: wait is called back. Else there is none,
 * and why says why not (a part of a sentence): -ENOENT, -EBUSY (the breaker, or too many questions),
 * -ENOMEM, or what env.ops->ask() said.
 */
int hooks_ask(struct hooks *hooks, uint32_t tag, const struct hook_question *question,
	struct hook_wait *wait, struct hook_answer *ret_answer, char why[HOOK_REASON_MAX])
	__attribute__((warn_unused_result));
void hook_wait_cancel(struct hook_wait *wait);

/* Counts a call that was refused for what the hook said, or did not say. */
void hooks_refused(struct hooks *hooks, uint32_t tag);

/* What env.ops->ask() was asked for; see b2b_fetched(). */
void hooks_answered(struct hooks *hooks, uint64_t id, struct view body, const char *reason);
/* Tells limen-control how they do, if it has changed; about once a second. again: all of them. */
void hooks_tell(struct hooks *hooks, bool again);
