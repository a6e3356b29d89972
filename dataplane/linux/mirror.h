/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel knows about the way out: routes of the main table, local addresses and
 * neighbours, mirrored from netlink (rtnl.h feeds it) so that the data plane can resolve a
 * next hop without asking anybody. No system calls here: tests feed it with events.
 *
 * Owner and only thread: the control thread of limen-dataplane.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "controlplane/base/ipaddr.h"

/* What one resynchronisation covers. */
enum mirror_kind {
	MIRROR_ROUTES = 1 << 0,
	MIRROR_ADDRS = 1 << 1,
	MIRROR_NEIGHS = 1 << 2,
};

/* One nexthop of a route. Several with the same prefix and metric: the first that came counts. */
struct mirror_route {
	struct ipaddr dst; /* port 0; bits after prefix_len are ignored */
	uint8_t prefix_len;
	uint32_t metric;
	int ifindex;	       /* 0: unreachable, blackhole or prohibit */
	struct ipaddr gateway; /* family 0: the destination itself is on the link */
};

/*
 * A neighbour on one link. It lives while the kernel has it or while somebody uses it; a user may
 * read every field.
 */
struct mirror_hop {
	struct ipaddr ip; /* port 0 */
	int ifindex;
	bool resolved; /* mac is usable */
	bool stale;    /* usable, but the kernel will forget it unless it is used */
	bool in_kernel;
	uint8_t mac[6];
	uint32_t epoch;
	uint32_t hash;
	LIST_HEAD(, mirror_user) users;
	LIST_ENTRY(mirror_hop) bucket;
	LIST_ENTRY(mirror_hop) used_link; /* while it has users */
};

/* Embedded in whatever sends towards an address. hop NULL: no way out is known. */
struct mirror_user {
	struct mirror_hop *hop;
	LIST_ENTRY(mirror_user) link;
};

/* The callbacks only take note or send: they must not call into the mirror. */
struct mirror_ops {
	/* resolved or mac of a hop in use changed. */
	void (*hop_changed)(struct mirror_hop *hop, void *arg);
	/* Routes changed: every destination may have another hop now. */
	void (*routes_changed)(void *arg);
	/* A hop is used that the kernel does not know or is about to forget: provoke it. */
	void (*hop_probe)(const struct mirror_hop *hop, void *arg);
};

struct mirror;

/* ops and arg are kept. NULL when memory is short. */
struct mirror *mirror_new(const struct mirror_ops *ops, void *arg);
void mirror_free(struct mirror *m);

/* The kernel said so. 0, or -ENOMEM (the caller must resynchronise later), or -EINVAL. */
int mirror_route_set(struct mirror *m, const struct mirror_route *route)
	__attribute__((warn_unused_result));
void mirror_route_del(struct mirror *m, const struct mirror_route *route);
int mirror_addr_set(struct mirror *m, int ifindex, const struct ipaddr *addr)
	__attribute__((warn_unused_result));
void mirror_addr_del(struct mirror *m, int ifindex, const struct ipaddr *addr);
/* mac NULL: known, but unresolved (incomplete or failed). */
int mirror_neigh_set(struct mirror *m, int ifindex, const struct ipaddr *ip, const uint8_t *mac,
	bool stale) __attribute__((warn_unused_result));
void mirror_neigh_del(struct mirror *m, int ifindex, const struct ipaddr *ip);

/*
 * Resynchronisation: mark, then feed a whole dump, then sweep what the dump did not have. kinds
 * are bits of enum mirror_kind. routes_changed comes at most once, and only if something did.
 */
void mirror_mark(struct mirror *m);
void mirror_sweep(struct mirror *m, unsigned int kinds);

/*
 * Lets user have the next hop towards dst (its port is ignored): longest prefix, then lowest
 * metric. A new hop takes the place of the one it had. 0, or without a hop -ENETUNREACH (no
 * route, or one that rejects), -EADDRINUSE (dst is an address of this host), -ENOMEM.
 */
int mirror_user_set(struct mirror *m, struct mirror_user *user, const struct ipaddr *dst);
void mirror_user_clear(struct mirror *m, struct mirror_user *user);

/* Provokes every used hop that is unresolved (or, with stale, about to be forgotten). */
void mirror_probe_used(struct mirror *m, bool stale);

bool mirror_addr_known(const struct mirror *m, const struct ipaddr *addr);

struct mirror_count {
	uint32_t routes, addrs, neighs, used;
};
void mirror_count_get(const struct mirror *m, struct mirror_count *ret_count);
