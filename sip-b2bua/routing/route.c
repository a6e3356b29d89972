/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tree has one node per distinct prefix of the patterns, with one child per dial character
 * and one for '.'. A look-up walks all branches that fit (at most two a digit, and never more
 * than there are nodes), collects the dial-peers that end there and sorts those few.
 */
#include "sip-b2bua/routing/route.h"
#include "sip-b2bua/routing/route_in.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/config/cfg.h"

struct node {
	uint32_t child[NUMTRIE_SYMBOLS]; /* 0: none (the root is nobody's child) */
	uint32_t first_exact; /* index + 1 into next[], of peers whose pattern ends here */
	uint32_t first_open;  /* the same for patterns that end in 'T' */
};

struct entry {
	uint32_t trunk_index; /* or ROUTE_NONE */
	uint16_t n_explicit, n_matched;
	uint32_t next; /* index + 1 of the next dial-peer at the same node */
};

struct route_table {
	const struct cfg *cfg;
	struct translate *translate;
	struct node *nodes;
	uint32_t n_nodes, cap_nodes;
	struct entry *entries; /* one per cfg->dial_peers, same index */
	uint32_t *by_map;      /* indices of dial-peers with a map, by the tags of their maps */
	uint32_t n_by_map;
	struct route_in in;
	struct timeranges *ranges;
};

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
		struct node *nodes = reallocarray(t->nodes, cap, sizeof(*nodes));

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
	struct entry *e = &t->entries[peer_index];
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

/* The number without separators, and its symbols. */
static int number_read(
	struct view number, char ret[ROUTE_NUMBER_MAX + 1], uint8_t *sym, uint32_t *ret_n)
{
	uint32_t n = 0;

	for (size_t i = 0; i < number.n; i++) {
		char c = number.p[i];
		int s;

		if (n > 0 && (c == '-' || c == '.' || c == '(' || c == ')' || c == ' '))
			continue;
		if (n == 0 && c == '(')
			continue;
		s = numtrie_symbol(c);
		if (s < 0 || (s == NUMTRIE_PLUS && n > 0) || n == ROUTE_NUMBER_MAX)
			return -EINVAL;
		ret[n] = c;
		sym[n++] = (uint8_t)s;
	}
	if (n == 0 || (n == 1 && sym[0] == NUMTRIE_PLUS))
		return -EINVAL;
	ret[n] = '\0';
	*ret_n = n;
	return 0;
}

/* Negative when a is to be tried before b. */
static int row_compare(const struct route_row *a, const struct route_row *b)
{
	if (a->group_rank != b->group_rank)
		return a->group_rank < b->group_rank ? -1 : 1;
	if (a->n_explicit != b->n_explicit)
		return a->n_explicit > b->n_explicit ? -1 : 1;
	if (a->n_matched != b->n_matched)
		return a->n_matched > b->n_matched ? -1 : 1;
	if (a->peer->preference != b->peer->preference)
		return a->peer->preference < b->peer->preference ? -1 : 1;
	if (a->peer == b->peer)
		return (int)a->table_rank - (int)b->table_rank;
	return a->peer->tag < b->peer->tag ? -1 : a->peer->tag > b->peer->tag;
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

static void row_add(
	const struct look *l, uint32_t peer_index, unsigned int n_explicit, unsigned int n_matched)
{
	const struct entry *e = &l->t->entries[peer_index];
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
	if (e->trunk_index != ROUTE_NONE)
		row.trunk = &l->t->cfg->trunks[e->trunk_index];
	row_insert(l->res, &row);
}

static void collect(const struct look *l, uint32_t first)
{
	const struct entry *entries = l->t->entries;

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

/* Has the trunk's realm an address from which the trunk can be spoken to? */
static bool has_listener(const struct cfg *cfg, const struct cfg_trunk *trunk)
{
	const struct cfg_realm *realm = cfg_find_realm(cfg, trunk->realm);

	for (uint32_t i = 0; realm && i < realm->n_listen; i++) {
		if ((realm->listen[i].transport == trunk->transport ||
			    trunk->transport == CFG_TRANSPORT_DNS) &&
			(trunk->target.addr.family == 0 ||
				realm->listen[i].addr.family == trunk->target.addr.family))
			return true;
	}
	return !realm; /* a configuration of a test; cfg_validate() wants one */
}

static enum route_verdict row_judge(
	const struct route_table *t, const struct route_query *q, struct route_row *row)
{
	char why[ROUTE_REASON_MAX];
	struct translate_steps steps;

	enum route_verdict source = route_source_judge(
		row->peer, t->ranges, q, &row->local_minutes);

	if (source != ROUTE_USE)
		return source;
	if (row->peer->destination_map && !numbers_find(q->numbers, row->peer->destination_map))
		return ROUTE_NO_MAP;
	if (row->verdict != ROUTE_USE) /* its table said so */
		return row->verdict;
	if (!cfg_dial_peer_is_local(row->peer)) {
		if (!row->trunk)
			return ROUTE_NO_TRUNK;
		if (row->trunk->shutdown)
			return ROUTE_TRUNK_SHUTDOWN;
		if (!has_listener(t->cfg, row->trunk))
			return ROUTE_NO_LISTENER;
		if (q->up && !q->up(q->arg, row->trunk_index))
			return ROUTE_TRUNK_BUSYOUT;
	}
	steps.n = 0;
	if (route_numbers_out(t, row->peer, row->trunk, &row->out, &steps, why))
		return ROUTE_USE;
	row->rejected_tag = steps.step[steps.n - 1].tag;
	row->rejected_rank = steps.step[steps.n - 1].rank;
	return ROUTE_REJECTED;
}

/* Is a dial-peer with this verdict meant for the call, whether it can be used or not? */
static bool is_meant(enum route_verdict verdict)
{
	return verdict != ROUTE_SHUTDOWN && verdict != ROUTE_OTHER_REALM &&
	       verdict != ROUTE_OTHER_TRUNK && verdict != ROUTE_OTHER_TIME &&
	       verdict != ROUTE_NO_MAP && verdict != ROUTE_NO_WAY;
}

static void rows_judge(
	const struct route_table *t, const struct route_query *q, struct route_result *res)
{
	const struct cfg_dial_peer *stop = NULL;

	for (uint32_t i = 0; i < res->n_rows; i++) {
		struct route_row *row = &res->rows[i];

		row->out = res->in;
		row->verdict = row_judge(t, q, row);
		if (stop && stop != row->peer && row->verdict == ROUTE_USE) {
			row->verdict = ROUTE_HUNTSTOP;
			row->huntstop_tag = stop->tag;
		}
		if (row->verdict == ROUTE_USE && res->n_use == ROUTE_TRIES_MAX)
			row->verdict = ROUTE_TOO_MANY;
		res->n_use += row->verdict == ROUTE_USE;
		/*
		 * A dial-peer that is meant for this call stops the hunt also when its trunk is
		 * down: that is what the operator asks for with it.
		 */
		if (!stop && row->peer->huntstop && is_meant(row->verdict))
			stop = row->peer;
	}
}

bool route_numbers_in(const struct route_table *table, const struct route_query *query,
	struct numbers *numbers, const struct cfg_dial_peer **ret_peer,
	struct translate_steps *steps, char why[ROUTE_REASON_MAX])
{
	const struct cfg_trunk *from = query->trunk ? cfg_find_trunk(table->cfg, query->trunk)
						    : NULL;
	char number[ROUTE_NUMBER_MAX + 1];
	uint8_t sym[ROUTE_NUMBER_MAX];
	uint32_t n;

	*ret_peer = NULL;
	if (from && !translate_profile(table->translate, from->translation_incoming,
			    "incoming of its trunk", numbers, steps, why))
		return false;
	if (number_read(view_of(numbers->called), number, sym, &n) == 0)
		*ret_peer = route_in_find(table->cfg, &table->in, table->ranges, query, sym, n);
	return !*ret_peer || translate_profile(table->translate, (*ret_peer)->translation_incoming,
				     "incoming of the dial-peer", numbers, steps, why);
}

bool route_numbers_out(const struct route_table *table, const struct cfg_dial_peer *peer,
	const struct cfg_trunk *to, struct numbers *numbers, struct translate_steps *steps,
	char why[ROUTE_REASON_MAX])
{
	return translate_profile(table->translate, peer->translation_outgoing,
		       "outgoing of the dial-peer", numbers, steps, why) &&
	       (!to || translate_profile(table->translate, to->translation_outgoing,
			       "outgoing of the trunk", numbers, steps, why));
}

bool route_number_redirecting(const struct route_table *table, const struct cfg_trunk *from,
	const struct cfg_dial_peer *in, const struct cfg_dial_peer *out, const struct cfg_trunk *to,
	char number[TRANSLATE_NUMBER_MAX])
{
	const char *const profiles[] = {from ? from->translation_incoming : "",
		in ? in->translation_incoming : "", out ? out->translation_outgoing : "",
		to ? to->translation_outgoing : ""};

	for (unsigned int i = 0; i < 4; i++) {
		if (!translate_redirecting(table->translate, profiles[i], number))
			return false;
	}
	return true;
}

struct translate *route_table_translate(const struct route_table *table)
{
	return table->translate;
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
		const struct node *node = &l->t->nodes[stack[n_stack].node];
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
	ret_result->peer_in = NULL;
	/* What does not fit is no number; the calling one is only text. */
	if (view_copy(view_of(query->calling), ret_result->in.calling, TRANSLATE_NUMBER_MAX) < 0)
		ret_result->in.calling[0] = '\0';
	if (view_copy(query->called, ret_result->in.called, TRANSLATE_NUMBER_MAX) < 0)
		return -EINVAL;
	if (!route_numbers_in(table, query, &ret_result->in, &ret_result->peer_in, NULL,
		    ret_result->rejected))
		return -EPERM;
	rc = number_read(view_of(ret_result->in.called), ret_result->number, sym, &n);
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
	rows_judge(table, query, ret_result);
	return 0;
}

enum route_admit route_admit(const struct cfg_realm *realm, const struct cfg_trunk *trunk)
{
	if (trunk && trunk->shutdown)
		return ROUTE_SOURCE_SHUTDOWN;
	if (!trunk && realm->admission != CFG_ADMIT_ANY)
		return ROUTE_UNKNOWN_SOURCE;
	return ROUTE_ADMITTED;
}
