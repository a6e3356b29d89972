/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See mwheel.h. */
#include "dataplane/core/mwheel.h"

#include <stddef.h>

void mwheel_init(struct mwheel *w)
{
	w->next_ms = 0;
	w->n_queued = 0;
	for (unsigned int i = 0; i < MWHEEL_SLOTS; i++)
		TAILQ_INIT(&w->slots[i]);
}

/* What is late comes next, what is far off comes early. */
static uint64_t slot_of(const struct mwheel *w, uint64_t due_us)
{
	uint64_t ms = due_us / 1000;

	if (ms < w->next_ms)
		ms = w->next_ms;
	return ms < w->next_ms + MWHEEL_SLOTS ? ms : w->next_ms + MWHEEL_SLOTS - 1;
}

void mwheel_queue(struct mwheel *w, struct mwheel_item *item, uint64_t due_us)
{
	if (item->queued || due_us == UINT64_MAX)
		return;
	item->slot_ms = slot_of(w, due_us);
	TAILQ_INSERT_TAIL(&w->slots[item->slot_ms % MWHEEL_SLOTS], item, link);
	item->queued = true;
	w->n_queued++;
}

static void remove_from(struct mwheel *w, struct mwheel_item *item, uint64_t slot_ms)
{
	TAILQ_REMOVE(&w->slots[slot_ms % MWHEEL_SLOTS], item, link);
	item->queued = false;
	w->n_queued--;
}

void mwheel_leave(struct mwheel *w, struct mwheel_item *item)
{
	if (item->queued)
		remove_from(w, item, item->slot_ms);
}

struct mwheel_item *mwheel_take(struct mwheel *w, uint64_t now_us)
{
	uint64_t now_ms = now_us / 1000;
	struct mwheel_item *item = NULL;

	if (now_ms >= w->next_ms + MWHEEL_SLOTS)
		w->next_ms = now_ms - (MWHEEL_SLOTS - 1);
	while (w->next_ms < now_ms && w->n_queued) {
		item = TAILQ_FIRST(&w->slots[w->next_ms % MWHEEL_SLOTS]);
		if (item) {
			/* comes back at the end of the slot when it is due again at once */
			remove_from(w, item, w->next_ms);
			return item;
		}
		w->next_ms++;
	}
	if (!w->n_queued && w->next_ms < now_ms)
		w->next_ms = now_ms;
	return NULL;
}
