/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Datagrams between the packet workers and limen-nat: what arrived at the port of a leg with
 * DP_LEG_NAT becomes a DP_NAT_RX, and a DP_NAT_TX leaves from that port. limen-nat says only
 * where to; the leg decides from where, so it cannot speak for anything else of the box.
 *
 * Control thread only.
 */
#pragma once

#include <stdint.h>

#include "dataplane/core/worker.h"
#include "dataplane/linux/mirror.h"
#include "dataplane/session/sessions.h"

struct natlink_ops {
	/* To limen-nat, if it is there. */
	void (*packet)(void *arg, const struct dp_nat_packet *head, const uint8_t *bytes);
	bool (*egress)(void *arg, int ifindex, uint8_t *ret_port, uint8_t ret_mac[6]);
};

struct natlink_conf {
	struct worker_group *group;
	struct rte_mempool *pool;
	struct mirror *mirror;
	struct sessions *sessions;
	const struct natlink_ops *ops;
	void *arg;
};

struct natlink;

struct natlink *natlink_new(const struct natlink_conf *conf); /* NULL when memory is short */
void natlink_free(struct natlink *link);		      /* before the mirror */

/* Takes what the workers have for limen-nat; how many. */
unsigned int natlink_collect(struct natlink *link);

/*
 * 0, or why it was not sent: -ENOENT no such leg, or one that is not limen-nat's; -EINVAL not an
 * address that one host can have, or of another family; -EHOSTUNREACH no route, or no MAC address
 * of the next hop yet (it is asked for); -EMSGSIZE; -ENOBUFS.
 */
int natlink_send(struct natlink *link, const struct dp_nat_packet *packet, uint64_t now_ms)
	__attribute__((warn_unused_result));
/* Once a second: forgets next hops that were not used for NATLINK_KEEP_MS. */
#define NATLINK_KEEP_MS 10000
void natlink_second(struct natlink *link, uint64_t now_ms);
