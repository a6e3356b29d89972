/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the workers' copies of RTP (DP_LEG_TAP, core/tap.h) to limen-rec: many packets a message,
 * with times in place of TSCs. What limen-rec does not take, because it is away or too far behind,
 * is counted and thrown away here.
 *
 * Control thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/core/worker.h"

struct taplink_ops {
	/* Whether limen-rec is there and has room for one more message. */
	bool (*ready)(void *arg);
	/* DP_TAP; records are len octets of struct dp_tap_packet. */
	void (*packets)(void *arg, const struct dp_tap *head, const uint8_t *records, size_t len);
};

struct taplink_conf {
	struct worker_group *group;
	uint32_t n_workers;
	const struct dp_worker_stats *stats; /* [n_workers] */
	uint64_t tsc_hz;
	const struct taplink_ops *ops;
	void *arg;
};

struct taplink;

struct taplink *taplink_new(const struct taplink_conf *conf); /* NULL when memory is short */
void taplink_free(struct taplink *link);

/*
 * Takes what the workers have, when it is time (TAP_PERIOD_MS) or a worker has much. now_us:
 * CLOCK_MONOTONIC at now_tsc. True: there is more.
 */
bool taplink_collect(struct taplink *link, uint64_t now_us, uint64_t now_tsc);
/* Since the start: sent; and lost, also for want of room at a worker. */
void taplink_counts(const struct taplink *link, uint64_t *ret_packets, uint64_t *ret_lost);
