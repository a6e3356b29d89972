/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See hooks.h. */
#include "sip-b2bua/b2b/hooks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "controlplane/api/ctl_hook.h"
#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/b2b/breaker.h"

LOG_TOPIC("hook");

#define CACHE_SLOTS \
	4096 /* answers of a hook in a worker; a newer one takes the place of an older */
#define KEY_MAX (2 * CTL_NAME_MAX + CTL_NUMBER_MAX + 2)

struct kept {
	uint64_t until_ms; /* of the wheel */
	char key[KEY_MAX];
	struct hook_answer answer; /* as many targets as it has */
};

struct hook {
	struct cfg_route_hook cfg;
	_Atomic uint64_t breaker;
	uint32_t n_pending;
	struct kept **cache; /* CACHE_SLOTS of them, from the first one on */
	uint32_t n_kept;
	struct ctl_hook_status status, told;
};

struct hook_pending {
	LIST_ENTRY(hook_pending) link;
	uint64_t id;
	struct hook *hook;
	struct hook_wait *wait; /* NULL: nobody waits any more */
	uint64_t since_us;
	char key[KEY_MAX];
};

struct hooks {
	const struct b2b_env *env;
	const uint64_t *key; /* of hashes */
	struct hook *list[CFG_HOOKS_MAX];
	uint32_t n;
	uint64_t n_ids;
	LIST_HEAD(, hook_pending) pending;
};

struct hooks *hooks_new(const struct b2b_env *env, const uint64_t key[2])
{
	struct hooks *hs = calloc(1, sizeof(*hs));

	if (!hs)
		return NULL;
	hs->env = env;
	hs->key = key;
	LIST_INIT(&hs->pending);
	return hs;
}

static void hook_free(struct hook *hook)
{
	for (unsigned int i = 0; hook->cache && i < CACHE_SLOTS; i++)
		free(hook->cache[i]);
	free(hook->cache);
	free(hook);
}

static void pending_free(struct hook_pending *p)
{
	LIST_REMOVE(p, link);
	p->hook->n_pending--;
	if (p->wait)
		p->wait->pending = NULL;
	free(p);
}

void hooks_free(struct hooks *hs)
{
	if (!hs)
		return;
	while (!LIST_EMPTY(&hs->pending))
		pending_free(LIST_FIRST(&hs->pending));
	for (uint32_t i = 0; i < hs->n; i++)
		hook_free(hs->list[i]);
	free(hs);
}

/* ---- configuration ---- */

static struct hook *take_same(struct hooks *old, const struct cfg_route_hook *cfg)
{
	for (uint32_t i = 0; i < old->n; i++) {
		struct hook *hook = old->list[i];

		if (hook && memcmp(&hook->cfg, cfg, sizeof(*cfg)) == 0) {
			old->list[i] = NULL;
			return hook;
		}
	}
	return NULL;
}

static void give_up(struct hooks *hs, struct hook *hook)
{
	struct hook_pending *p, *next;

	for (p = LIST_FIRST(&hs->pending); p; p = next) {
		struct hook_wait *wait = p->wait;

		next = LIST_NEXT(p, link);
		if (p->hook != hook)
			continue;
		pending_free(p);
		if (wait)
			wait->ready(wait, NULL, "its configuration changed while it was asked");
		next = LIST_FIRST(&hs->pending); /* the callback may have changed the list */
	}
}

void hooks_config(struct hooks *hs, const struct cfg *cfg)
{
	struct hooks old = *hs;

	hs->n = 0;
	for (uint32_t i = 0; i < cfg->n_route_hooks && hs->n < CFG_HOOKS_MAX; i++) {
		struct hook *hook = take_same(&old, &cfg->route_hooks[i]);

		if (!hook)
			hook = calloc(1, sizeof(*hook));
		if (!hook) {
			log_err("voice class route-hook %u is not asked: memory is short",
				cfg->route_hooks[i].tag);
			continue;
		}
		hook->cfg = cfg->route_hooks[i];
		hook->status.tag = hook->cfg.tag;
		hs->list[hs->n++] = hook;
	}
	for (uint32_t i = 0; i < old.n; i++) {
		if (!old.list[i])
			continue;
		give_up(hs, old.list[i]);
		hook_free(old.list[i]);
	}
}

static struct hook *hook_find(const struct hooks *hs, uint32_t tag)
{
	for (uint32_t i = 0; i < hs->n; i++) {
		if (hs->list[i]->cfg.tag == tag)
			return hs->list[i];
	}
	return NULL;
}

/* ---- answers that are kept ---- */

static void key_make(const struct hook_question *q, char key[KEY_MAX])
{
	/* None of the three can have a blank: names, and what a URI's user part was. */
	snprintf(key, KEY_MAX, "%.31s %.31s %.63s", q->realm, q->trunk, q->called);
}

static struct kept **slot_of(const struct hooks *hs, struct hook *hook, const char *key)
{
	if (!hook->cache)
		hook->cache = calloc(CACHE_SLOTS, sizeof(struct kept *));
	return hook->cache ? &hook->cache[siphash24(hs->key, key, strlen(key)) % CACHE_SLOTS]
			   : NULL;
}

static size_t answer_size(const struct hook_answer *answer)
{
	return offsetof(struct hook_answer, target) + answer->n * sizeof(answer->target[0]);
}

static bool look_up(
	const struct hooks *hs, struct hook *hook, const char *key, struct hook_answer *ret_answer)
{
	struct kept **slot = hook->cfg.cache_s ? slot_of(hs, hook, key) : NULL;

	if (!slot || !*slot || strcmp((*slot)->key, key) != 0 ||
		(*slot)->until_ms <= twheel_now(hs->env->wheel))
		return false;
	memcpy(ret_answer, &(*slot)->answer, answer_size(&(*slot)->answer));
	return true;
}

static void keep(const struct hooks *hs, struct hook *hook, const char *key,
	const struct hook_answer *answer)
{
	uint32_t ttl_s = hook->cfg.cache_s < answer->ttl_s ? hook->cfg.cache_s : answer->ttl_s;
	struct kept **slot = ttl_s ? slot_of(hs, hook, key) : NULL, *kept;

	if (!slot)
		return;
	kept = malloc(offsetof(struct kept, answer) + answer_size(answer));
	if (!kept)
		return;
	hook->n_kept += !*slot;
	free(*slot);
	kept->until_ms = twheel_now(hs->env->wheel) + (uint64_t)ttl_s * 1000;
	memcpy(kept->key, key, KEY_MAX);
	memcpy(&kept->answer, answer, answer_size(answer));
	*slot = kept;
}

/* ---- asking ---- */

static void failed(struct hooks *hs, struct hook *hook, const char *why)
{
	const struct breaker_conf conf = {
		hook->cfg.breaker_failures, hook->cfg.breaker_hold_s * 1000};

	hs->env->stats->hook_failed++;
	hook->status.failed++;
	snprintf(hook->status.problem, sizeof(hook->status.problem), "%s", why);
	if (breaker_failed(&hook->breaker, &conf, twheel_now(hs->env->wheel), 0))
		log_warning("route-hook %u is left alone for %u s or more: %s", hook->cfg.tag,
			hook->cfg.breaker_hold_s, why);
}

static void worked(struct hooks *hs, struct hook *hook, uint64_t since_us)
{
	uint64_t us = hs->env->ops->mono_us(hs->env->ctx) - since_us;

	hs->env->stats->hook_answered++;
	hook->status.answered++;
	hook->status.wait_us += us;
	if (us > hook->status.max_us)
		hook->status.max_us = us;
	if (breaker_worked(&hook->breaker))
		log_notice("route-hook %u answers again", hook->cfg.tag);
}

/* Why a question is not asked at all; NULL: it is. */
static const char *not_asked(struct hooks *hs, struct hook *hook)
{
	uint32_t n = hs->env->n_workers ? hs->env->n_workers : 1;

	if (hook->n_pending >= (hook->cfg.max_pending + n - 1) / n)
		return "too many questions are under way (max-pending)";
	if (!breaker_enter(&hook->breaker, twheel_now(hs->env->wheel)))
		return "it did not work before and is left alone (circuit-breaker)";
	return NULL;
}

static int ask(struct hooks *hs, struct hook *hook, const struct hook_question *question,
	const char *key, struct hook_wait *wait, char why[HOOK_REASON_MAX])
{
	const struct cfg_route_hook *cfg = &hook->cfg;
	struct hook_pending *p = calloc(1, sizeof(*p));
	char *body = hook_question_text(question);
	const struct b2b_ask request = {.url = cfg->url,
		.ca_file = cfg->trust,
		.bearer = cfg->bearer,
		.body = body,
		.loopback = cfg->loopback,
		.timeout_ms = cfg->timeout_ms};
	int rc = p && body ? hs->env->ops->ask(hs->env->ctx, &request, ++hs->n_ids) : -ENOMEM;

	free(body);
	if (rc < 0) {
		free(p);
		snprintf(why, HOOK_REASON_MAX, "it could not be asked: %s", strerror(-rc));
		failed(hs, hook, why);
		return rc;
	}
	p->id = hs->n_ids;
	p->hook = hook;
	p->wait = wait;
	p->since_us = hs->env->ops->mono_us(hs->env->ctx);
	memcpy(p->key, key, KEY_MAX);
	wait->pending = p;
	LIST_INSERT_HEAD(&hs->pending, p, link);
	hook->n_pending++;
	hs->env->stats->hook_asked++;
	hook->status.asked++;
	return -EINPROGRESS;
}

int hooks_ask(struct hooks *hs, uint32_t tag, const struct hook_question *question,
	struct hook_wait *wait, struct hook_answer *ret_answer, char why[HOOK_REASON_MAX])
{
	struct hook *hook = hook_find(hs, tag);
	const char * not ;
	char key[KEY_MAX];

	wait->pending = NULL;
	if (!hook) {
		snprintf(why, HOOK_REASON_MAX, "it is not there any more");
		return -ENOENT;
	}
	key_make(question, key);
	if (look_up(hs, hook, key, ret_answer)) {
		hs->env->stats->hook_cached++;
		hook->status.cached++;
		return 0;
	}
	not = not_asked(hs, hook);
	if (not ) {
		hs->env->stats->hook_left_out++;
		hook->status.left_out++;
		snprintf(why, HOOK_REASON_MAX, "%s", not );
		return -EBUSY;
	}
	return ask(hs, hook, question, key, wait, why);
}

void hooks_refused(struct hooks *hs, uint32_t tag)
{
	struct hook *hook = hook_find(hs, tag);

	hs->env->stats->hook_refused++;
	if (hook)
		hook->status.refused++;
}

void hook_wait_cancel(struct hook_wait *wait)
{
	if (wait->pending)
		wait->pending->wait = NULL;
	wait->pending = NULL;
}

void hooks_answered(struct hooks *hs, uint64_t id, struct view body, const char *reason)
{
	char why[HOOK_REASON_MAX], bad[HOOK_REASON_MAX];
	struct hook_answer answer;
	struct hook_pending *p;
	struct hook_wait *wait;
	bool good = false;

	LIST_FOREACH(p, &hs->pending, link) {
		if (p->id == id)
			break;
	}
	if (!p)
		return; /* the hook is not configured any more */
	if (body.n == 0)
		snprintf(why, sizeof(why), "it did not answer: %.70s", reason);
	else if (hook_answer_read(body, &answer, bad) < 0)
		snprintf(why, sizeof(why), HOOK_NOT_UNDERSTOOD, bad);
	else
		good = true;
	if (good) {
		worked(hs, p->hook, p->since_us);
		keep(hs, p->hook, p->key, &answer);
	} else {
		failed(hs, p->hook, why);
	}
	wait = p->wait;
	pending_free(p);
	if (wait)
		wait->ready(wait, good ? &answer : NULL, why);
}

/* ---- how they do ---- */

void hooks_tell(struct hooks *hs, bool again)
{
	for (uint32_t i = 0; i < hs->n; i++) {
		struct hook *hook = hs->list[i];
		uint64_t word = atomic_load_explicit(&hook->breaker, memory_order_relaxed);

		hook->status.pending = hook->n_pending;
		hook->status.kept = hook->n_kept;
		hook->status.left_alone = breaker_state(word) != BREAKER_CLOSED;
		if (!again && memcmp(&hook->status, &hook->told, sizeof(hook->told)) == 0)
			continue;
		if (hs->env->ops->control_send(hs->env->ctx, CTL_HOOK_STATUS, 0, &hook->status,
			    sizeof(hook->status), NULL, 0) == 0)
			hook->told = hook->status;
	}
}
