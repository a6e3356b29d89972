/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When what on a media core is due: a wheel of 1 ms, so that a turn looks at nothing that has
 * nothing to do. Private to dataplane/core; the core's own thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define MWHEEL_SLOTS 256 /* ms, a power of 2 */

struct mwheel_item {
	TAILQ_ENTRY(mwheel_item) link; /* when queued */
	uint64_t slot_ms;	       /* when queued: where */
	bool queued;
	uint8_t kind; /* the owner's */
};
TAILQ_HEAD(mwheel_items, mwheel_item);

struct mwheel {
	uint64_t next_ms; /* the slot to look at next */
	uint32_t n_queued;
	struct mwheel_items slots[MWHEEL_SLOTS];
};

void mwheel_init(struct mwheel *w);
/* Its place follows from when it is due; UINT64_MAX: it has none. One that is queued stays. */
void mwheel_queue(struct mwheel *w, struct mwheel_item *item, uint64_t due_us);
void mwheel_leave(struct mwheel *w, struct mwheel_item *item);
/* The next one of slots whose time is over, so that everything in one is due; not queued any more.
 * NULL: there is none. */
struct mwheel_item *mwheel_take(struct mwheel *w, uint64_t now_us);
