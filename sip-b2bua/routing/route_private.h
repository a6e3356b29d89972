/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of the route table that are used in two files. Private to sip-b2bua/routing. */
#pragma once

#include "sip-b2bua/routing/numtrie.h"
#include "sip-b2bua/routing/route.h"
#include "sip-b2bua/routing/timerange.h"

/* Incoming dial-peers by their called numbers. */
struct route_in {
	void *image; /* of trie; NULL: there are none */
	struct numtrie trie;
	uint32_t *first, *ids; /* of numtrie_build(): places in peers */
	uint32_t *peers;       /* indices in cfg->dial_peers */
};

int route_in_build(const struct cfg *cfg, struct route_in *in) __attribute__((warn_unused_result));
void route_in_clear(struct route_in *in);

/* Is the dial-peer meant for a call of this source at this time? ROUTE_USE: yes. */
enum route_verdict route_source_judge(const struct cfg_dial_peer *peer,
	const struct timeranges *ranges, const struct route_query *q, int64_t *ret_local);

/* The incoming dial-peer of a call to this number; NULL: it has none. */
const struct cfg_dial_peer *route_in_find(const struct cfg *cfg, const struct route_in *in,
	const struct timeranges *ranges, const struct route_query *q, const uint8_t *symbols,
	unsigned int n);

/*
 * Puts rows that are equal but for their weights into an order by chance: each comes first as often
 * as its share says. random 0: by their weights. Rows are in order but for that.
 */
void route_weigh(struct route_row *rows, uint32_t n, uint64_t random);
