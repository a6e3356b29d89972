/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A media core: a thread that decodes and encodes voice, beside the packet workers of its group
 * and like them an lcore of its own. What it needs comes over rings with one producer and one
 * consumer each: packets of transcoded streams from every worker, and the packets it makes back to
 * the worker that owns the slot; messages from the control thread and back. It never sees keys,
 * addresses or next hops, and nothing it does can hold up a worker.
 *
 * What makes packets is one of three: a direction that is transcoded (transcode/voice.h), a prompt or
 * tone that is played (player.h), a member of a room (room.h). They and the rooms lie in a wheel by
 * the time at which each is due. A core that falls behind skips packets that are late by more than
 * MCORE_LAG_US without encoding them, and sheds the oldest of what waits in its rings: what it does
 * serve is fresh, and nothing of an overload is left when it ends.
 *
 * Private to dataplane/core. The core's own thread, but for new and free.
 */
#pragma once

#include "dataplane/core/mwheel.h"
#include "dataplane/core/worker_priv.h"

#define MCORE_RING   1024 /* of each worker, each way; what is over half of it at a turn is shed */
#define MCORE_TICKS  16	  /* things served before the clock is read again */
#define MCORE_LAG_US 40000

enum mcore_kind { MCORE_DIR, MCORE_ROOM };

/* One direction: what is made of what arrives from a leg, or in its place, for the other leg. */
struct mcore_dir {
	struct mwheel_item item;
	struct mcore_maker maker;
	uint32_t row;
	uint8_t leg;
};

struct mcore_room {
	struct mwheel_item item;
	struct room *room; /* NULL: free */
};

struct mcore_session {
	uint32_t tag; /* 0: none */
	uint32_t worker;
	struct mcore_dir dir[DP_LEGS];
};

struct mcore {
	uint32_t id, n_workers, n_rows;
	uint64_t tsc_hz;
	uint64_t now_us;
	struct mcore_session *sessions; /* [n_rows] */
	struct rte_mempool *pool;
	struct dp_mcore_stats *stats;
	struct rte_ring *mailbox, *completions;
	struct rte_ring *digit_ring;
	struct rte_ring *played; /* to the control thread */
	struct rte_ring *from_worker[DP_WORKERS_MAX], *to_worker[DP_WORKERS_MAX];
	struct doorbell_use bell;
	bool stop;

	uint64_t turn_tsc; /* start of the last turn; 0: none yet */
	bool turn_busy;
	uint32_t sleep_us;

	struct mwheel wheel;
	struct mcore_room rooms[DP_ROOMS_MAX];
};

/* Of one media core; rings to and from the workers are the group's to make. NULL: no memory. */
struct mcore *mcore_new(
	const struct worker_group_conf *conf, struct worker_group *group, uint32_t id);
void mcore_free(struct mcore *m);
int mcore_main(void *arg);
unsigned int mcore_do_turn(struct mcore *m, uint64_t now_tsc);
