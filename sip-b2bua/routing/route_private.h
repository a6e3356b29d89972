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

struct route_node {
	uint32_t child[NUMTRIE_SYMBOLS]; /* 0: none (the root is nobody's child) */
	uint32_t first_exact; /* index + 1 into next[], of peers whose pattern ends here */
	uint32_t first_open;  /* the same for patterns that end in 'T' */
};

struct route_entry {
	uint32_t trunk_index; /* or ROUTE_NONE */
	uint16_t n_explicit, n_matched;
	uint32_t next; /* index + 1 of the next dial-peer at the same node */
};

struct route_table {
	const struct cfg *cfg;
	struct translate *translate;
	struct route_node *nodes;
	uint32_t n_nodes, cap_nodes;
	struct route_entry *entries; /* one per cfg->dial_peers, same index */
	uint32_t *by_map; /* indices of dial-peers with a map, by the tags of their maps */
	uint32_t n_by_map;
	struct route_in in;
	struct timeranges *ranges;
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

/* The number without separators, and its symbols. -EINVAL: it is none. */
int route_number_read(struct view number, char ret[ROUTE_NUMBER_MAX + 1],
	uint8_t sym[ROUTE_NUMBER_MAX], uint32_t *ret_n) __attribute__((warn_unused_result));

/* route_quality.c: what is known of the trunks of rows, the order that "order quality" makes of them
 * (group: whose dial-peers they are, or NULL), and, once they have their verdicts, bad ones last. */
void route_quality_rate(
	const struct route_table *t, const struct route_query *q, struct route_result *res);
void route_quality_order(
	const struct route_table *t, const struct cfg_dpg *group, struct route_result *res);
void route_quality_demote(struct route_result *res);

/* The dial-peer that matched the number. */
static inline const struct cfg_dial_peer *row_by(const struct route_row *row)
{
	return row->via ? row->via : row->peer;
}

/* A number that looks like chance, the same for the same x. */
uint64_t route_mix(uint64_t x);

/* Gives each row its verdict, in their order. */
void route_rows_judge(
	const struct route_table *t, const struct route_query *q, struct route_result *res);
