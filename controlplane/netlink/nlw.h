/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Brings the configuration's addresses, routes and link states into the kernel (rtnetlink), and
 * keeps them there: an interface may come later, or again, because limen-dataplane was started
 * again and its TAP twin with it. limen-control's one thread.
 *
 * Of a TAP twin the set of addresses is exact (link-local IPv6 aside): nobody else owns it. Of
 * other interfaces only addresses that the previous configuration had are removed. Routes carry
 * the protocol number NLW_ROUTE_PROTOCOL; those with it that the configuration does not have go,
 * all others are left alone.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/config/cfg.h"

#define NLW_ROUTE_PROTOCOL 201 /* none of rtnetlink.h's, nor of /etc/iproute2/rt_protos */

struct nlw;

/* -EPERM and others: no netlink socket. */
int nlw_new(struct event_base *base, struct nlw **ret_nlw) __attribute__((warn_unused_result));
void nlw_free(struct nlw *nlw);
/* cfg stays valid until the next call; old (NULL at start) only during this one. */
void nlw_apply(struct nlw *nlw, const struct cfg *old, const struct cfg *cfg);

struct nlw_link {
	bool known, up, carrier;
	uint8_t mac[6];
	uint32_t mtu;
};
/* As the kernel says now. */
void nlw_link(struct nlw *nlw, const char *name, struct nlw_link *ret_link);
