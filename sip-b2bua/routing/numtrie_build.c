/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Building the image of numtrie.h: the patterns are sorted, then cut into nodes breadth first, so
 * that the children of a node stand together.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sip-b2bua/routing/numtrie_image.h"

struct key {
	uint32_t at;	  /* its symbols, in the pool */
	uint32_t id : 30; /* in the order of adding */
	uint32_t open : 1;
	uint32_t n : 6; /* symbols */
};

struct numtrie_builder {
	struct key *keys;
	uint32_t n_keys, cap_keys;
	uint8_t *pool;
	uint32_t n_pool, cap_pool;
};

/* Keys lo to hi - 1 have the same first depth symbols, and each has more. */
struct range {
	uint32_t lo, hi;
	unsigned int depth;
};

struct cutting {
	const struct numtrie_builder *b;
	const struct key *keys;
	struct numtrie_node *nodes;
	struct range *ranges; /* of the node with the same index */
	uint32_t n, cap;
	uint32_t *first; /* by value: the first of its keys */
	uint32_t n_values;
	bool failed;
};

struct numtrie_builder *numtrie_builder_new(void)
{
	return calloc(1, sizeof(struct numtrie_builder));
}

void numtrie_builder_free(struct numtrie_builder *b)
{
	if (!b)
		return;
	free(b->keys);
	free(b->pool);
	free(b);
}

/* Room for more elements than n. */
static bool grow(void *array, uint32_t *cap, uint64_t n, size_t size)
{
	uint64_t more = *cap ? *cap : 1024;
	void *p;

	if (n <= *cap)
		return true;
	while (more < n)
		more *= 2;
	memcpy(&p, array, sizeof(p));
	p = more <= UINT32_MAX ? reallocarray(p, more, size) : NULL;
	if (!p)
		return false;
	memcpy(array, &p, sizeof(p));
	*cap = (uint32_t)more;
	return true;
}

int numtrie_add(struct numtrie_builder *b, struct view pattern, bool open)
{
	bool t = pattern.n > 0 && pattern.p[pattern.n - 1] == 'T';
	unsigned int n = (unsigned int)pattern.n - t;
	struct key *key;

	if (b->n_keys == NUMTRIE_MAX || pattern.n > NUMTRIE_DEPTH_MAX)
		return -ENOSPC;
	if (!grow(&b->keys, &b->cap_keys, (uint64_t)b->n_keys + 1, sizeof(*b->keys)) ||
		!grow(&b->pool, &b->cap_pool, (uint64_t)b->n_pool + n + 1, 1)) /* also for "T" */
		return -ENOMEM;
	key = &b->keys[b->n_keys];
	*key = (struct key){.at = b->n_pool, .id = b->n_keys, .open = open || t};
	key->n = n & 63;
	b->n_keys++;
	for (unsigned int i = 0; i < n; i++)
		b->pool[b->n_pool++] = pattern.p[i] == '.' ? NUMTRIE_DOT
							   : (uint8_t)numtrie_symbol(pattern.p[i]);
	return 0;
}

/* By symbols, a beginning before what goes on, exact before open, then in the order of adding. */
static int compare(const void *pa, const void *pb, void *arg)
{
	const struct key *a = pa, *b = pb;
	const uint8_t *pool = arg;
	unsigned int n = a->n < b->n ? a->n : b->n;
	int c = memcmp(pool + a->at, pool + b->at, n);

	if (c != 0)
		return c;
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	if (a->open != b->open)
		return a->open ? 1 : -1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static void sort(struct numtrie_builder *b)
{
	/* Files are often sorted already. */
	for (uint32_t i = 1; i < b->n_keys; i++) {
		if (compare(&b->keys[i - 1], &b->keys[i], b->pool) > 0) {
			qsort_r(b->keys, b->n_keys, sizeof(*b->keys), compare, b->pool);
			return;
		}
	}
}

static unsigned int symbol(const struct cutting *c, uint32_t key, unsigned int depth)
{
	return c->b->pool[c->keys[key].at + depth];
}

/* A node for a range; its index. */
static uint32_t node_add(struct cutting *c, struct range range)
{
	uint32_t cap = c->cap;

	if (!grow(&c->nodes, &cap, (uint64_t)c->n + 1, sizeof(*c->nodes)) ||
		!grow(&c->ranges, &c->cap, (uint64_t)c->n + 1, sizeof(*c->ranges))) {
		c->failed = true;
		return 0;
	}
	c->nodes[c->n] = (struct numtrie_node){0};
	c->ranges[c->n] = range;
	return c->n++;
}

/* Keys from lo on with the same pattern as the first: how many. */
static uint32_t same(const struct cutting *c, uint32_t lo, uint32_t hi)
{
	const struct key *a = &c->keys[lo];
	uint32_t i = lo + 1;

	while (i < hi && c->keys[i].n == a->n && c->keys[i].open == a->open &&
		memcmp(c->b->pool + c->keys[i].at, c->b->pool + a->at, a->n) == 0)
		i++;
	return i - lo;
}

static uint32_t value_add(struct cutting *c, uint32_t key)
{
	c->first[c->n_values] = key;
	return c->n_values++;
}

/* How many symbols all keys of a range share behind its depth, without the last of the shortest. */
static unsigned int shared(const struct cutting *c, const struct range *r)
{
	unsigned int most = c->keys[r->lo].n - 1 - r->depth, n = 0;

	while (n < most && n < IMAGE_CHAIN_MAX &&
		symbol(c, r->lo, r->depth + n) == symbol(c, r->hi - 1, r->depth + n))
		n++;
	return n;
}

static uint64_t chain_bits(
	const struct cutting *c, const struct range *r, unsigned int n, enum image_kind kind)
{
	uint64_t bits = (uint64_t)kind << IMAGE_KIND_SHIFT | (uint64_t)n << IMAGE_CHAIN_SHIFT;

	for (unsigned int i = 0; i < n; i++)
		bits |= (uint64_t)symbol(c, r->lo, r->depth + i) << 5 * i;
	return bits;
}

static void cut_branch(struct cutting *c, uint32_t node, struct range r)
{
	uint32_t open[NUMTRIE_SYMBOLS], n_open = 0, child = c->n;
	uint64_t bits = 0;

	c->nodes[node].value = c->n_values;
	for (uint32_t lo = r.lo, hi; lo < r.hi; lo = hi) {
		unsigned int s = symbol(c, lo, r.depth);

		for (hi = lo + 1; hi < r.hi && symbol(c, hi, r.depth) == s;)
			hi++;
		while (lo < hi && c->keys[lo].n == r.depth + 1) {
			bits |= image_bit(c->keys[lo].open ? IMAGE_OPEN : IMAGE_EXACT, s);
			if (c->keys[lo].open)
				open[n_open++] = lo;
			else
				value_add(c, lo);
			lo += same(c, lo, hi);
		}
		if (lo == hi)
			continue;
		bits |= image_bit(IMAGE_CHILD, s);
		node_add(c, (struct range){lo, hi, r.depth + 1});
	}
	for (uint32_t i = 0; i < n_open; i++)
		value_add(c, open[i]);
	if (c->failed)
		return;
	c->nodes[node].bits = bits;
	c->nodes[node].child = child;
}

static void cut(struct cutting *c, uint32_t node)
{
	struct range r = c->ranges[node];
	unsigned int rest = c->keys[r.lo].n - r.depth;
	uint32_t next;

	if (same(c, r.lo, r.hi) == r.hi - r.lo && rest <= IMAGE_CHAIN_MAX) {
		c->nodes[node].bits = chain_bits(
			c, &r, rest, c->keys[r.lo].open ? IMAGE_CHAIN_OPEN : IMAGE_CHAIN_EXACT);
		c->nodes[node].value = value_add(c, r.lo);
		return;
	}
	rest = shared(c, &r);
	if (rest == 0) {
		cut_branch(c, node, r);
		return;
	}
	next = node_add(c, (struct range){r.lo, r.hi, r.depth + rest});
	if (c->failed)
		return;
	c->nodes[node].bits = chain_bits(c, &r, rest, IMAGE_CHAIN);
	c->nodes[node].child = next;
}

static int put_image(const struct cutting *c, bool any, void **ret_image, size_t *ret_len)
{
	size_t nodes = (size_t)c->n * sizeof(*c->nodes);
	struct numtrie_head head = {.magic = IMAGE_MAGIC,
		.version = IMAGE_VERSION,
		.n_nodes = c->n,
		.n_values = c->n_values,
		.any = any};
	char *image = malloc(sizeof(head) + nodes);

	if (!image)
		return -ENOMEM;
	memcpy(image, &head, sizeof(head));
	if (nodes)
		memcpy(image + sizeof(head), c->nodes, nodes);
	*ret_image = image;
	*ret_len = sizeof(head) + nodes;
	return 0;
}

/* Which keys have which value. */
static int put_ids(const struct cutting *c, uint32_t **ret_first, uint32_t **ret_ids)
{
	uint32_t *first = calloc((size_t)c->n_values + 1, sizeof(*first));
	uint32_t *ids = calloc((size_t)c->b->n_keys + 1, sizeof(*ids)), n = 0;

	if (!first || !ids) {
		free(first);
		free(ids);
		return -ENOMEM;
	}
	for (uint32_t v = 0; v < c->n_values; v++) {
		uint32_t key = c->first[v], more = same(c, key, c->b->n_keys);

		first[v] = n;
		for (uint32_t i = 0; i < more; i++)
			ids[n++] = c->keys[key + i].id;
	}
	first[c->n_values] = n;
	*ret_first = first;
	*ret_ids = ids;
	return 0;
}

int numtrie_build(struct numtrie_builder *b, void **ret_image, size_t *ret_len,
	uint32_t **ret_first, uint32_t **ret_ids)
{
	struct cutting c = {.b = b};
	void *image = NULL;
	uint32_t start = 0;
	size_t len = 0;
	int rc;

	sort(b);
	c.keys = b->keys;
	c.first = calloc((size_t)b->n_keys + 1, sizeof(*c.first));
	if (!c.first)
		return -ENOMEM;
	if (b->n_keys && b->keys[0].n == 0) {
		value_add(&c, 0);
		start = same(&c, 0, b->n_keys);
	}
	if (start < b->n_keys)
		node_add(&c, (struct range){start, b->n_keys, 0});
	for (uint32_t i = 0; i < c.n && !c.failed; i++)
		cut(&c, i);
	rc = c.failed ? -ENOMEM : put_image(&c, start > 0, &image, &len);
	if (rc == 0 && ret_first)
		rc = put_ids(&c, ret_first, ret_ids);
	if (rc == 0) {
		*ret_image = image;
		*ret_len = len;
	} else {
		free(image);
	}
	free(c.first);
	free(c.nodes);
	free(c.ranges);
	return rc;
}
