/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A look-up walks all branches of the tree that fit (at most two a digit, and never more than there
 * are nodes), asks the maps, collects the dial-peers that match and sorts those few.
 */
#include "sip-b2bua/routing/route.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "controlplane/config/cfg.h"
#include "sip-b2bua/routing/route_private.h"

/* Negative when a is to be tried before b. */
static int row_compare(const struct route_row *a, const struct route_row *b)
{
	const struct cfg_dial_peer *by_a = row_by(a), *by_b = row_by(b);

	if (a->group_rank != b->group_rank)
		return a->group_rank < b->group_rank ? -1 : 1;
	if (a->n_explicit != b->n_explicit)
		return a->n_explicit > b->n_explicit ? -1 : 1;
	if (a->n_matched != b->n_matched)
		return a->n_matched > b->n_matched ? -1 : 1;
	if (by_a->preference != by_b->preference)
		return by_a->preference < by_b->preference ? -1 : 1;
	if (by_a == by_b && a->hook_rank != b->hook_rank)
		return (int)a->hook_rank - (int)b->hook_rank;
	if (by_a == by_b)
		return (int)a->table_rank - (int)b->table_rank;
	return by_a->tag < by_b->tag ? -1 : by_a->tag > by_b->tag;
}

/* Inserts in order; the worst row falls off a full list. */
static void row_insert(struct route_result *res, const struct route_row *row)
{
	uint32_t at = res->n_rows;

	while (at > 0 && row_compare(row, &res->rows[at - 1]) < 0)
		at--;
	if (res->n_rows == ROUTE_ROWS_MAX) {
		res->n_left_off++;
		if (at == ROUTE_ROWS_MAX)
			return;
		res->n_rows--;
	}
	memmove(&res->rows[at + 1], &res->rows[at], (res->n_rows - at) * sizeof(*row));
	res->rows[at] = *row;
	res->n_rows++;
}

/* A look-up that is under way. */
struct look {
	const struct route_table *t;
	const struct route_query *q;
	const uint8_t *sym;
	uint32_t n;
	uint8_t group_rank;
	struct route_result *res;
};

/* A row for each trunk that the dial-peer's table has for the number, or one that says why not. */
static void row_add_table(const struct look *l, struct route_row *row)
{
	const struct ratetable *table = numbers_find_table(l->q->numbers, row->peer->route_table);
	struct rate_hit hits[ROUTE_TRIES_MAX];
	unsigned int n = 0;

	if (table)
		n = ratetable_find(table, l->sym, l->n, l->q->now_s, hits, ROUTE_TRIES_MAX);
	row->verdict = table ? ROUTE_NO_WAY : ROUTE_NO_MAP;
	if (n == 0)
		row_insert(l->res, row);
	for (unsigned int i = 0; i < n; i++) {
		row->verdict = ROUTE_USE;
		row->table_trunk = hits[i].trunk;
		row->rate = hits[i].rate;
		row->table_rank = (uint8_t)i;
		row->trunk = cfg_find_trunk(l->t->cfg, hits[i].trunk);
		row->trunk_index = row->trunk ? (uint32_t)(row->trunk - l->t->cfg->trunks)
					      : ROUTE_NONE;
		row_insert(l->res, row);
	}
}

static void row_trunk(const struct look *l, struct route_row *row, const struct cfg_trunk *trunk)
{
	row->trunk = trunk;
	row->trunk_index = trunk ? (uint32_t)(trunk - l->t->cfg->trunks) : ROUTE_NONE;
}

/* The trunk whose address or name a URI of a hook has. */
static const struct cfg_trunk *trunk_of_uri(const struct cfg *cfg, const struct hook_target *target)
{
	for (uint32_t i = 0; i < cfg->n_trunks; i++) {
		const struct cfg_target *t = &cfg->trunks[i].target;

		if (t->name[0] ? !ipaddr_is_set(&target->addr) &&
					 strcasecmp(t->name, target->name) == 0 &&
					 t->port == target->port
			       : ipaddr_is_set(&target->addr) &&
					 ipaddr_equal(&t->addr, &target->addr))
			return &cfg->trunks[i];
	}
	return NULL;
}

/* One target of a hook's answer: a row, or several when its dial-peer has a table. */
static void row_add_target(
	const struct look *l, struct route_row row, const struct hook_target *target)
{
	const struct cfg *cfg = l->t->cfg;
	const struct cfg_dial_peer *to;

	switch ((enum hook_kind)target->kind) {
	case HOOK_TRUNK:
		row_trunk(l, &row, cfg_find_trunk(cfg, target->name));
		break;
	case HOOK_URI:
		row_trunk(l, &row, trunk_of_uri(cfg, target));
		break;
	case HOOK_DIAL_PEER:
		to = cfg_find_dial_peer(cfg, target->tag);
		if (!to || to->route_hook)
			break;
		row.via = row.peer;
		row.peer = to;
		if (to->route_table) {
			row_add_table(l, &row);
			return;
		}
		row_trunk(l, &row, cfg_find_trunk(cfg, to->trunk));
		break;
	}
	row_insert(l->res, &row);
}

bool route_is_emergency(const struct cfg *cfg, struct view called)
{
	for (uint32_t i = 0; i < cfg->n_emergency_numbers; i++) {
		if (view_eq(called, view_of(cfg->emergency_numbers[i])))
			return true;
	}
	return false;
}

/* Without an answer a row that says why not; the judge sees to refusals. */
static void row_add_hook(const struct look *l, struct route_row *row)
{
	const struct route_asked *asked = l->q->asked;
	const struct hook_answer *answer = asked ? asked->answer : NULL;

	if (route_is_emergency(l->t->cfg, l->q->called))
		row->verdict = ROUTE_NOT_ASKED;
	else if (!asked)
		row->verdict = ROUTE_ASK;
	else if (asked->tag != row->peer->route_hook)
		row->verdict = ROUTE_NOT_ASKED;
	else if (!answer)
		row->verdict = ROUTE_NO_ANSWER;
	else if (answer->reject)
		row->verdict = ROUTE_REFUSED;
	else if (answer->n == 0)
		row->verdict = ROUTE_NO_WAY;
	row->hook_why = asked ? asked->why : NULL;
	if (row->verdict != ROUTE_USE) {
		row_insert(l->res, row);
		return;
	}
	for (uint32_t i = 0; i < answer->n; i++) {
		row->hook_rank = (uint8_t)(i + 1);
		row_add_target(l, *row, &answer->target[i]);
	}
}

static void row_add(
	const struct look *l, uint32_t peer_index, unsigned int n_explicit, unsigned int n_matched)
{
	const struct route_entry *e = &l->t->entries[peer_index];
	struct route_row row = {
		.peer = &l->t->cfg->dial_peers[peer_index],
		.trunk_index = e->trunk_index,
		.n_explicit = (uint16_t)n_explicit,
		.n_matched = (uint16_t)n_matched,
		.group_rank = l->group_rank,
	};

	if (row.peer->route_table) {
		row_add_table(l, &row);
		return;
	}
	if (row.peer->route_hook) {
		row_add_hook(l, &row);
		return;
	}
	if (e->trunk_index != ROUTE_NONE)
		row.trunk = &l->t->cfg->trunks[e->trunk_index];
	row_insert(l->res, &row);
}

static void collect(const struct look *l, uint32_t first)
{
	const struct route_entry *entries = l->t->entries;

	for (uint32_t i = first; i != 0; i = entries[i - 1].next)
		row_add(l, i - 1, entries[i - 1].n_explicit, entries[i - 1].n_matched);
}

/* Dial-peers with maps: each map is asked once. Of one that is not there nobody knows. */
static void collect_maps(const struct look *l)
{
	const struct route_table *t = l->t;
	const struct numtrie *map = NULL;
	struct numtrie_hit hit = {0};
	bool matches = false;
	uint32_t tag = 0;

	for (uint32_t i = 0; i < t->n_by_map; i++) {
		const struct cfg_dial_peer *peer = &t->cfg->dial_peers[t->by_map[i]];

		if (peer->destination_map != tag) {
			tag = peer->destination_map;
			map = numbers_find(l->q->numbers, tag);
			hit = (struct numtrie_hit){0};
			matches = map && numtrie_best(map, l->sym, l->n, &hit);
		}
		if (matches || !map)
			row_add(l, t->by_map[i], hit.n_explicit, hit.n_matched);
	}
}

/* The incoming dial-peer says where its calls go. */
static void collect_group(struct look *l, const struct cfg_dpg *group)
{
	for (uint32_t i = 0; i < group->n_dial_peers; i++) {
		const struct cfg_dial_peer *peer = cfg_find_dial_peer(
			l->t->cfg, group->dial_peers[i]);

		l->group_rank = (uint8_t)(i + 1);
		if (peer)
			row_add(l, (uint32_t)(peer - l->t->cfg->dial_peers), 0, 0);
	}
}

/* Every dial-peer whose pattern matches the number. */
static void collect_matching(const struct look *l)
{
	/* Depth-first: at each depth at most one branch waits besides the one being walked. */
	struct {
		uint32_t node, depth;
	} stack[ROUTE_NUMBER_MAX + 2];
	uint32_t n_stack = 0;

	stack[n_stack].node = 0;
	stack[n_stack++].depth = 0;
	while (n_stack > 0) {
		uint32_t depth = stack[--n_stack].depth;
		const struct route_node *node = &l->t->nodes[stack[n_stack].node];
		uint32_t child;

		collect(l, node->first_open);
		if (depth == l->n) {
			collect(l, node->first_exact);
			continue;
		}
		child = node->child[l->sym[depth]];
		if (child != 0) {
			stack[n_stack].node = child;
			stack[n_stack++].depth = depth + 1;
		}
		child = l->sym[depth] == NUMTRIE_PLUS ? 0 : node->child[NUMTRIE_DOT];
		if (child != 0) {
			stack[n_stack].node = child;
			stack[n_stack++].depth = depth + 1;
		}
	}
}

int route_lookup(const struct route_table *table, const struct route_query *query,
	struct route_result *ret_result)
{
	uint8_t sym[ROUTE_NUMBER_MAX];
	struct look look = {.t = table, .q = query, .sym = sym, .res = ret_result};
	const struct cfg_dpg *group;
	uint32_t n;
	int rc;

	ret_result->number[0] = ret_result->rejected[0] = '\0';
	ret_result->n_rows = ret_result->n_use = ret_result->n_left_off = 0;
	ret_result->peer_in = ret_result->ask = NULL;
	ret_result->rejected_status = 403;
	/* What does not fit is no number; the calling one is only text. */
	if (view_copy(view_of(query->calling), ret_result->in.calling, TRANSLATE_NUMBER_MAX) < 0)
		ret_result->in.calling[0] = '\0';
	if (view_copy(query->called, ret_result->in.called, TRANSLATE_NUMBER_MAX) < 0)
		return -EINVAL;
	if (!route_numbers_in(table, query, &ret_result->in, &ret_result->peer_in, NULL,
		    ret_result->rejected))
		return -EPERM;
	rc = route_number_read(view_of(ret_result->in.called), ret_result->number, sym, &n);
	if (rc < 0) {
		ret_result->number[0] = '\0';
		return rc;
	}
	look.n = n;
	group = ret_result->peer_in && ret_result->peer_in->destination_dpg
			? cfg_find_dpg(table->cfg, ret_result->peer_in->destination_dpg)
			: NULL;
	if (group) {
		collect_group(&look, group);
	} else {
		collect_matching(&look);
		collect_maps(&look);
	}
	route_weigh(ret_result->rows, ret_result->n_rows, query->random);
	route_quality_rate(table, query, ret_result);
	route_quality_order(table, group, ret_result);
	route_rows_judge(table, query, ret_result);
	route_quality_demote(ret_result);
	return 0;
}

bool numbers_match(const struct numbers *numbers, uint32_t tag, struct view number)
{
	const struct numtrie *map = numbers_find(numbers, tag);
	char text[ROUTE_NUMBER_MAX + 1];
	uint8_t sym[ROUTE_NUMBER_MAX];
	struct numtrie_hit hit;
	uint32_t n;

	return map && route_number_read(number, text, sym, &n) == 0 &&
	       numtrie_best(map, sym, n, &hit);
}
