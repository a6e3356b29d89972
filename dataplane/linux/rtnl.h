/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Feeds a mirror (mirror.h) from rtnetlink: dumps at start, events afterwards, and a whole
 * resynchronisation wherever events alone do not tell the truth: after an overrun (ENOBUFS),
 * after a route was replaced or appended, after an address went away or a link changed (Linux
 * then removes IPv4 routes without saying so).
 *
 * The data plane only reads the tables; the one thing it asks of the kernel is to probe a
 * neighbour (NTF_USE). Owner and only thread: the control thread of limen-dataplane.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/linux/mirror.h"

struct rtnl;

struct rtnl_stats {
	uint64_t events, resyncs, overruns, probes;
};

/* Opens the sockets and dumps. A negative errno when the kernel refuses; m is kept. */
int rtnl_new(struct event_base *base, struct mirror *m, struct rtnl **ret_nl)
	__attribute__((warn_unused_result));
void rtnl_free(struct rtnl *nl);

/* Asks the kernel to resolve or confirm a neighbour. Never blocks; a loss is made up later. */
void rtnl_probe(struct rtnl *nl, const struct mirror_hop *hop);

/* Everything is dumped anew before the loop goes on. Used at start, after overruns and by tests. */
void rtnl_resync(struct rtnl *nl, unsigned int kinds);

const struct rtnl_stats *rtnl_stats_get(const struct rtnl *nl);
