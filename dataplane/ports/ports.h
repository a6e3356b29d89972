/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ports of the data plane, each with its TAP twin: opened and closed at run time, frames
 * between the workers and Linux, link state, counters.
 *
 * Control thread only. Opening and closing wait for the workers (a millisecond or two).
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"
#include "dataplane/api/dp_stats.h"
#include "dataplane/server/mail.h"

struct rte_mbuf;
struct rte_mempool;

struct ports_ops {
	/* Link state changed, or a port appeared (then it is told once). */
	void (*link)(void *arg, const struct dp_event_port *event);
	/* Ports came or went: every egress may be another. */
	void (*changed)(void *arg);
	/* A port has its index, and the workers are about to get it. 0, or it does not come. */
	int (*opening)(void *arg);
};

struct ports_conf {
	struct event_base *base;
	struct worker_group *group;
	struct mail *mail;
	struct rte_mempool *pool;
	unsigned int n_workers;
	struct dp_port_stats *stats;	       /* [DP_PORTS_MAX], in the segment */
	const struct dp_worker_stats *workers; /* [n_workers] */
	const struct ports_ops *ops;
	void *arg;
};

struct ports;

/* 0 or -ENOMEM; conf is copied. */
int ports_new(const struct ports_conf *conf, struct ports **ret_ports)
	__attribute__((warn_unused_result));
/* Closes every port. The workers may have stopped already. */
void ports_free(struct ports *ports);

/*
 * 0, also when it exists just so; -EBUSY: it exists otherwise, or the name or the kernel interface
 * is taken; -EINVAL: a field; -ENOSPC: DP_PORTS_MAX are there; -ENODEV and others: the device.
 */
int ports_set(struct ports *ports, const struct dp_port *conf) __attribute__((warn_unused_result));
int ports_del(struct ports *ports, const char *name) __attribute__((warn_unused_result));

/* -ENOENT. */
int ports_find(const struct ports *ports, const char *name, uint8_t *ret_index)
	__attribute__((warn_unused_result));
bool ports_egress(const struct ports *ports, int ifindex, uint8_t *ret_index, uint8_t ret_mac[6]);
unsigned int ports_n(const struct ports *ports);

/* Writes frames into the TAP twins and frees them. */
void ports_punt(struct ports *ports, struct rte_mbuf **frames, unsigned int n);

/* Once a second: link states and counters. */
void ports_watch(struct ports *ports);
