/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A map by id, and a list for walks; see subscriptions.h. */
#include "controlplane/core/subscriptions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "controlplane/base/idmap.h"

struct sub {
	TAILQ_ENTRY(sub) link;
	struct ctl_sub head;
	uint32_t worker;
	bool due;	/* to be given to its worker */
	bool unclaimed; /* its worker has not put it again yet */
	size_t len;
	void *state;
};

struct subscriptions {
	struct idmap by_id;
	TAILQ_HEAD(, sub) list;
};

struct subscriptions *subscriptions_new(void)
{
	struct subscriptions *subs = calloc(1, sizeof(*subs));

	if (subs == NULL)
		return NULL;
	idmap_init(&subs->by_id);
	TAILQ_INIT(&subs->list);
	return subs;
}

static void drop(struct subscriptions *subs, struct sub *sub)
{
	idmap_del(&subs->by_id, sub->head.id);
	TAILQ_REMOVE(&subs->list, sub, link);
	free(sub->state);
	free(sub);
}

void subscriptions_free(struct subscriptions *subs)
{
	if (subs == NULL)
		return;
	while (!TAILQ_EMPTY(&subs->list))
		drop(subs, TAILQ_FIRST(&subs->list));
	idmap_wipe(&subs->by_id);
	free(subs);
}

int subscriptions_put(struct subscriptions *subs, uint32_t worker, const struct ctl_sub *head,
	const void *state, size_t len)
{
	struct sub *sub = idmap_get(&subs->by_id, head->id);
	void *copy;

	if (head->id == 0 || len == 0)
		return -EPROTO;
	copy = malloc(len);
	if (copy == NULL)
		return -ENOMEM;
	if (sub == NULL) {
		sub = calloc(1, sizeof(*sub));
		if (sub == NULL || idmap_put(&subs->by_id, head->id, sub) < 0) {
			free(sub);
			free(copy);
			return -ENOMEM;
		}
		TAILQ_INSERT_TAIL(&subs->list, sub, link);
	}
	memcpy(copy, state, len);
	free(sub->state);
	sub->state = copy;
	sub->len = len;
	sub->head = *head;
	sub->worker = worker;
	sub->due = sub->unclaimed = false;
	return 0;
}

void subscriptions_del(struct subscriptions *subs, uint64_t id)
{
	struct sub *sub = idmap_get(&subs->by_id, id);

	if (sub != NULL)
		drop(subs, sub);
}

void subscriptions_due(struct subscriptions *subs, uint32_t worker, uint32_t n_workers)
{
	struct sub *sub;

	TAILQ_FOREACH(sub, &subs->list, link) {
		if (sub->worker >= n_workers && sub->worker % n_workers == worker)
			sub->worker = worker;
		if (sub->worker == worker)
			sub->due = true;
	}
}

void subscriptions_replay(struct subscriptions *subs, uint32_t worker)
{
	struct sub *sub;

	TAILQ_FOREACH(sub, &subs->list, link)
		sub->unclaimed |= sub->worker == worker;
}

void subscriptions_replayed(struct subscriptions *subs, uint32_t worker)
{
	struct sub *sub, *next;

	for (sub = TAILQ_FIRST(&subs->list); sub != NULL; sub = next) {
		next = TAILQ_NEXT(sub, link);
		if (sub->worker == worker && sub->unclaimed && !sub->due)
			drop(subs, sub);
	}
}

void subscriptions_give(struct subscriptions *subs, uint32_t worker, uint64_t wall_ms,
	subscriptions_send_fn send, void *arg)
{
	struct sub *sub, *next;

	for (sub = TAILQ_FIRST(&subs->list); sub != NULL; sub = next) {
		next = TAILQ_NEXT(sub, link);
		if (sub->worker != worker || !sub->due)
			continue;
		if (sub->head.end_ms <= wall_ms)
			drop(subs, sub);
		else if (send(arg, worker, &sub->head, sub->state, sub->len))
			sub->due = sub->unclaimed = false;
		else
			return;
	}
}

size_t subscriptions_n(const struct subscriptions *subs)
{
	return subs->by_id.n;
}
