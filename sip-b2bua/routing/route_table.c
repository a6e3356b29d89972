/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making a route table. The tree has one node per distinct prefix of the patterns, with one child per
 * dial character and one for '.'.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/config/cfg.h"
#include "sip-b2bua/routing/route_private.h"

int route_pattern_check(struct view pattern, char error[ROUTE_REASON_MAX])
{
	const char *what = NULL;

	if (pattern.n == 0)
		what = "a destination pattern must not be empty";
	else if (pattern.n > ROUTE_NUMBER_MAX)
		what = "a destination pattern has at most 63 characters";
	for (size_t i = 0; !what && i < pattern.n; i++) {
		char c = pattern.p[i];

		if (c == '+' && i != 0)
			what = "'+' stands only at the beginning of a destination pattern";
		else if (c == 'T' && i + 1 != pattern.n)
			what = "'T' stands only at the end of a destination pattern";
		else if (c != '.' && c != 'T' && numtrie_symbol(c) < 0)
			what = "a destination pattern consists of 0-9 * # A-D, '.', a first '+' "
			       "and a last 'T'";
	}
	if (!what)
		return 0;
	snprintf(error, ROUTE_REASON_MAX, "%s", what);
	return -EINVAL;
}

static int node_add(struct route_table *t, uint32_t *ret_index)
{
	if (t->n_nodes == t->cap_nodes) {
		uint32_t cap = t->cap_nodes ? t->cap_nodes * 2 : 64;
		struct route_node *nodes = reallocarray(t->nodes, cap, sizeof(*nodes));

		if (!nodes)
			return -ENOMEM;
		t->nodes = nodes;
		t->cap_nodes = cap;
	}
	memset(&t->nodes[t->n_nodes], 0, sizeof(t->nodes[0]));
	*ret_index = t->n_nodes++;
	return 0;
}

static int compare_maps(const void *a, const void *b, void *arg)
{
	const struct cfg_dial_peer *peers = arg;
	uint32_t ta = peers[*(const uint32_t *)a].destination_map;
	uint32_t tb = peers[*(const uint32_t *)b].destination_map;

	return ta < tb ? -1 : ta > tb;
}

static int by_map_fill(struct route_table *t)
{
	const struct cfg *cfg = t->cfg;

	t->by_map = calloc(cfg->n_dial_peers ? cfg->n_dial_peers : 1, sizeof(*t->by_map));
	if (!t->by_map)
		return -ENOMEM;
	for (uint32_t i = 0; i < cfg->n_dial_peers; i++) {
		if (cfg->dial_peers[i].destination_map)
			t->by_map[t->n_by_map++] = i;
	}
	if (t->n_by_map)
		qsort_r(t->by_map, t->n_by_map, sizeof(*t->by_map), compare_maps, cfg->dial_peers);
	return 0;
}

static uint32_t trunk_index_of(const struct cfg *cfg, const char *name)
{
	const struct cfg_trunk *trunk = cfg_find_trunk(cfg, name);

	return trunk ? (uint32_t)(trunk - cfg->trunks) : ROUTE_NONE;
}

static int pattern_add(struct route_table *t, uint32_t peer_index)
{
	struct route_entry *e = &t->entries[peer_index];
	const char *p = t->cfg->dial_peers[peer_index].destination_pattern;
	uint32_t at = 0;

	for (; *p && *p != 'T'; p++) {
		int sym = *p == '.' ? NUMTRIE_DOT : numtrie_symbol(*p);
		uint32_t next = t->nodes[at].child[sym];

		if (next == 0) {
			int rc = node_add(t, &next);

			if (rc < 0)
				return rc;
			t->nodes[at].child[sym] = next;
		}
		e->n_explicit += sym != NUMTRIE_DOT;
		e->n_matched++;
		at = next;
	}
	uint32_t *first = *p == 'T' ? &t->nodes[at].first_open : &t->nodes[at].first_exact;

	e->next = *first;
	*first = peer_index + 1;
	return 0;
}

int route_table_new(
	const struct cfg *cfg, struct route_table **ret_table, char error[ROUTE_REASON_MAX])
{
	struct route_table *t = calloc(1, sizeof(*t));
	uint32_t root;
	int rc = -ENOMEM;

	snprintf(error, ROUTE_REASON_MAX, "memory is short");
	if (!t)
		return -ENOMEM;
	t->cfg = cfg;
	rc = translate_new(cfg, &t->translate, error);
	if (rc < 0)
		goto out;
	rc = timeranges_new(cfg, &t->ranges, error);
	if (rc < 0)
		goto out;
	rc = route_in_build(cfg, &t->in);
	if (rc < 0)
		goto out;
	rc = -ENOMEM;
	t->entries = calloc(cfg->n_dial_peers ? cfg->n_dial_peers : 1, sizeof(*t->entries));
	if (!t->entries || node_add(t, &root) < 0 || by_map_fill(t) < 0)
		goto out;
	for (uint32_t i = 0; i < cfg->n_dial_peers; i++) {
		const struct cfg_dial_peer *peer = &cfg->dial_peers[i];
		char why[ROUTE_REASON_MAX];

		t->entries[i].trunk_index = trunk_index_of(cfg, peer->trunk);
		/* A dial-peer that is still being configured matches nothing. */
		if (!peer->destination_pattern[0])
			continue;
		rc = route_pattern_check(view_of(peer->destination_pattern), why);
		if (rc < 0) {
			snprintf(error, ROUTE_REASON_MAX, "dial-peer %u: %.120s", peer->tag, why);
			goto out;
		}
		rc = pattern_add(t, i);
		if (rc < 0)
			goto out;
	}
	*ret_table = t;
	return 0;
out:
	route_table_free(t);
	return rc;
}

void route_table_free(struct route_table *table)
{
	if (!table)
		return;
	translate_free(table->translate);
	timeranges_free(table->ranges);
	route_in_clear(&table->in);
	free(table->by_map);
	free(table->entries);
	free(table->nodes);
	free(table);
}

const struct cfg *route_table_cfg(const struct route_table *table)
{
	return table->cfg;
}

struct translate *route_table_translate(const struct route_table *table)
{
	return table->translate;
}
