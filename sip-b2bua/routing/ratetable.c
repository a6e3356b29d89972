/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking ways up in a route table; see ratetable.h. */
#include "sip-b2bua/routing/ratetable.h"

#include <errno.h>

#include "sip-b2bua/routing/ratetable_image.h"

#define FOUND_MAX 256 /* trunks that one look-up compares */

int ratetable_open(const void *image, size_t len, struct ratetable *ret_table)
{
	const struct rates_head *head = image;
	const char *p = image;
	struct ratetable t = {0};
	uint64_t want;

	if (len < sizeof(*head) || head->magic != RATES_MAGIC || head->version != RATES_VERSION ||
		head->trie_len > len - sizeof(*head) || head->trie_len % 8 != 0)
		return -EINVAL;
	p += sizeof(*head);
	if (numtrie_open(p, head->trie_len, &t.trie, NULL) < 0)
		return -EINVAL;
	p += head->trie_len;
	want = (uint64_t)head->n_rows * sizeof(struct rate_row) +
	       (uint64_t)head->n_names * RATETABLE_NAME_MAX +
	       ((uint64_t)t.trie.n_values + 1) * sizeof(uint32_t);
	if (want > len - sizeof(*head) - head->trie_len)
		return -EINVAL;
	t.n_rows = head->n_rows;
	t.n_names = head->n_names;
	t.rows = (const struct rate_row *)p;
	p += (size_t)t.n_rows * sizeof(struct rate_row);
	t.names = (const char(*)[RATETABLE_NAME_MAX])p;
	p += (size_t)t.n_names * RATETABLE_NAME_MAX;
	t.first = (const uint32_t *)p;
	for (uint32_t i = 0; i < t.n_names; i++) {
		if (t.names[i][RATETABLE_NAME_MAX - 1] != '\0')
			return -EINVAL;
	}
	*ret_table = t;
	return 0;
}

struct finding {
	const struct ratetable *table;
	int64_t now_s;
	unsigned int n;
	struct rate_hit found[FOUND_MAX];
};

static void take_row(struct finding *f, const struct rate_row *row, unsigned int n_matched)
{
	struct rate_hit hit = {.rate = row->rate,
		.index = row->trunk,
		.n_matched = (uint16_t)n_matched,
		.order = row->order};
	unsigned int i = 0;

	if (row->trunk >= f->table->n_names || f->now_s < row->from_s ||
		(row->to_s && f->now_s >= row->to_s))
		return;
	hit.trunk = f->table->names[row->trunk];
	while (i < f->n && f->found[i].index != row->trunk)
		i++;
	if (i == FOUND_MAX || (i < f->n && f->found[i].n_matched >= n_matched))
		return;
	f->found[i] = hit;
	f->n += i == f->n;
}

static void take(void *arg, const struct numtrie_hit *hit)
{
	struct finding *f = arg;
	uint32_t from = f->table->first[hit->value], to = f->table->first[hit->value + 1];

	for (uint32_t i = from; i < to && i < f->table->n_rows; i++)
		take_row(f, &f->table->rows[i], hit->n_matched);
}

static bool is_before(const struct rate_hit *a, const struct rate_hit *b)
{
	if (a->order != b->order)
		return a->order < b->order;
	if (a->rate != b->rate)
		return a->rate < b->rate;
	if (a->n_matched != b->n_matched)
		return a->n_matched > b->n_matched;
	return a->index < b->index;
}

unsigned int ratetable_find(const struct ratetable *table, const uint8_t *symbols, unsigned int n,
	int64_t now_s, struct rate_hit *ret_hits, unsigned int max)
{
	struct finding f;
	unsigned int n_hits = 0;

	f.table = table;
	f.now_s = now_s;
	f.n = 0;
	numtrie_walk(&table->trie, symbols, n, take, &f);
	for (unsigned int i = 0; i < f.n; i++) {
		unsigned int at = n_hits;

		while (at > 0 && is_before(&f.found[i], &ret_hits[at - 1]))
			at--;
		if (at == max)
			continue;
		n_hits -= n_hits == max;
		memmove(&ret_hits[at + 1], &ret_hits[at], (n_hits - at) * sizeof(*ret_hits));
		ret_hits[at] = f.found[i];
		n_hits++;
	}
	return n_hits;
}
