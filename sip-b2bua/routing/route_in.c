/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Incoming dial-peers, sources, times and weights; see route_private.h. */
#include "sip-b2bua/routing/route_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int route_in_build(const struct cfg *cfg, struct route_in *in)
{
	struct numtrie_builder *b = numtrie_builder_new();
	uint32_t n = 0;
	size_t len;
	int rc = b ? 0 : -ENOMEM;

	in->peers = calloc(cfg->n_dial_peers + 1, sizeof(*in->peers));
	if (!in->peers)
		rc = -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < cfg->n_dial_peers; i++) {
		const char *pattern = cfg->dial_peers[i].incoming_called;

		if (!pattern[0])
			continue;
		in->peers[n++] = i;
		rc = numtrie_add(b, view_of(pattern), false);
	}
	if (rc == 0 && n > 0) {
		rc = numtrie_build(b, &in->image, &len, &in->first, &in->ids);
		if (rc == 0)
			rc = numtrie_open(in->image, len, &in->trie, NULL);
	}
	numtrie_builder_free(b);
	return rc;
}

void route_in_clear(struct route_in *in)
{
	free(in->image);
	free(in->first);
	free(in->ids);
	free(in->peers);
}

enum route_verdict route_source_judge(const struct cfg_dial_peer *peer,
	const struct timeranges *ranges, const struct route_query *q, int64_t *ret_local)
{
	if (peer->shutdown)
		return ROUTE_SHUTDOWN;
	if (q->realm && peer->incoming_realm[0] && strcmp(peer->incoming_realm, q->realm) != 0)
		return ROUTE_OTHER_REALM;
	if (q->realm && peer->incoming_trunk[0] &&
		(!q->trunk || strcmp(peer->incoming_trunk, q->trunk) != 0))
		return ROUTE_OTHER_TRUNK;
	if (!timeranges_on(ranges, peer->time_range, q->now_s, ret_local))
		return ROUTE_OTHER_TIME;
	return ROUTE_USE;
}

struct finding {
	const struct cfg *cfg;
	const struct route_in *in;
	const struct timeranges *ranges;
	const struct route_query *q;
	const struct cfg_dial_peer *best;
	struct numtrie_hit hit; /* of the best one */
};

/* Most explicit, most matched, lowest preference, lowest tag: as on the way out. */
static bool is_better(
	const struct finding *f, const struct numtrie_hit *hit, const struct cfg_dial_peer *peer)
{
	if (!f->best)
		return true;
	if (hit->n_explicit != f->hit.n_explicit)
		return hit->n_explicit > f->hit.n_explicit;
	if (hit->n_matched != f->hit.n_matched)
		return hit->n_matched > f->hit.n_matched;
	if (peer->preference != f->best->preference)
		return peer->preference < f->best->preference;
	return peer->tag < f->best->tag;
}

static void consider(void *arg, const struct numtrie_hit *hit)
{
	struct finding *f = arg;
	int64_t local;

	for (uint32_t i = f->in->first[hit->value]; i < f->in->first[hit->value + 1]; i++) {
		const struct cfg_dial_peer *peer = &f->cfg->dial_peers[f->in->peers[f->in->ids[i]]];

		if (route_source_judge(peer, f->ranges, f->q, &local) != ROUTE_USE ||
			!is_better(f, hit, peer))
			continue;
		f->best = peer;
		f->hit = *hit;
	}
}

const struct cfg_dial_peer *route_in_find(const struct cfg *cfg, const struct route_in *in,
	const struct timeranges *ranges, const struct route_query *q, const uint8_t *symbols,
	unsigned int n)
{
	struct finding f = {.cfg = cfg, .in = in, .ranges = ranges, .q = q};

	if (in->image)
		numtrie_walk(&in->trie, symbols, n, consider, &f);
	return f.best;
}

/* ---- weights ---- */

/* splitmix64 */
uint64_t route_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static bool are_equal(const struct route_row *a, const struct route_row *b)
{
	/* The ways of a route-table and of a route-hook have their order. */
	return !a->peer->route_table && !b->peer->route_table && !a->hook_rank && !b->hook_rank &&
	       a->group_rank == b->group_rank && a->n_explicit == b->n_explicit &&
	       a->n_matched == b->n_matched && a->peer->preference == b->peer->preference;
}

/* Which of n rows comes first; those without a weight come last, in their order. */
static uint32_t draw(const struct route_row *rows, uint32_t n, uint64_t random)
{
	uint64_t total = 0, at;
	uint32_t best = 0;

	for (uint32_t i = 0; i < n; i++) {
		total += rows[i].peer->weight;
		if (rows[i].peer->weight > rows[best].peer->weight)
			best = i;
	}
	if (random == 0 || total == 0)
		return best;
	at = route_mix(random) % total;
	for (uint32_t i = 0; i < n; i++) {
		if (at < rows[i].peer->weight)
			return i;
		at -= rows[i].peer->weight;
	}
	return 0;
}

static void weigh_equals(struct route_row *rows, uint32_t n, uint64_t random)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < n; i++)
		total += rows[i].peer->weight;
	for (uint32_t i = 0; total > 0 && i < n; i++) {
		uint32_t first = i + draw(rows + i, n - i, random ? random + i : 0);
		struct route_row row = rows[first];

		memmove(&rows[i + 1], &rows[i], (first - i) * sizeof(*rows));
		rows[i] = row;
		rows[i].weight_total = total;
	}
}

void route_weigh(struct route_row *rows, uint32_t n, uint64_t random)
{
	for (uint32_t lo = 0, hi; lo < n; lo = hi) {
		for (hi = lo + 1; hi < n && are_equal(&rows[lo], &rows[hi]);)
			hi++;
		if (hi - lo > 1)
			weigh_equals(&rows[lo], hi - lo, random);
	}
}
