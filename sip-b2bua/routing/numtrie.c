/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking numbers up; see numtrie.h. */
#include "sip-b2bua/routing/numtrie.h"

#include <errno.h>

#include "sip-b2bua/routing/numtrie_image.h"

int numtrie_symbol(char c)
{
	switch (c) {
	case '0' ... '9':
		return c - '0';
	case '*':
		return 10;
	case '#':
		return 11;
	case 'A' ... 'D':
		return 12 + (c - 'A');
	case 'a' ... 'd':
		return 12 + (c - 'a');
	case '+':
		return NUMTRIE_PLUS;
	default:
		return -1;
	}
}

int numtrie_open(const void *image, size_t len, struct numtrie *ret_trie, size_t *ret_len)
{
	const struct numtrie_head *head = image;
	size_t want;

	if (len < sizeof(*head) || head->magic != IMAGE_MAGIC || head->version != IMAGE_VERSION)
		return -EINVAL;
	want = sizeof(*head) + (size_t)head->n_nodes * sizeof(struct numtrie_node);
	if (len < want || head->any > 1 || head->n_values < head->any)
		return -EINVAL;
	*ret_trie = (struct numtrie){
		.nodes = (const struct numtrie_node *)(head + 1),
		.n_nodes = head->n_nodes,
		.n_values = head->n_values,
		.any = head->any != 0,
	};
	if (ret_len)
		*ret_len = want;
	return 0;
}

struct place {
	uint32_t node;
	uint16_t depth, n_explicit;
};

struct walk {
	const struct numtrie *trie;
	const uint8_t *symbols;
	unsigned int n;
	numtrie_hit_fn hit;
	void *arg;
	struct place stack[NUMTRIE_DEPTH_MAX + 3];
	unsigned int n_stack;
};

static void report(const struct walk *w, uint64_t value, const struct place *at)
{
	if (value < w->trie->n_values)
		w->hit(w->arg, &(struct numtrie_hit){(uint32_t)value, at->n_explicit, at->depth});
}

static void push(struct walk *w, uint64_t node, const struct place *at)
{
	if (node >= w->trie->n_nodes || w->n_stack == sizeof(w->stack) / sizeof(w->stack[0]))
		return;
	w->stack[w->n_stack] = *at;
	w->stack[w->n_stack++].node = (uint32_t)node;
}

static void walk_chain(struct walk *w, const struct numtrie_node *node, struct place at)
{
	unsigned int n = image_chain_len(node), kind = image_kind(node);

	for (unsigned int i = 0; i < n; i++, at.depth++) {
		unsigned int want = image_chain_symbol(node, i);

		if (at.depth >= w->n)
			return;
		if (want == NUMTRIE_DOT ? w->symbols[at.depth] == NUMTRIE_PLUS
					: w->symbols[at.depth] != want)
			return;
		at.n_explicit += want != NUMTRIE_DOT;
	}
	if (kind == IMAGE_CHAIN)
		push(w, node->child, &at);
	else if (kind == IMAGE_CHAIN_OPEN || at.depth == w->n)
		report(w, node->value, &at);
}

static void walk_symbol(
	struct walk *w, const struct numtrie_node *node, struct place at, unsigned int symbol)
{
	uint64_t bit = UINT64_C(1) << symbol, below = bit - 1;
	uint64_t child = image_set(node, IMAGE_CHILD), exact = image_set(node, IMAGE_EXACT),
		 open = image_set(node, IMAGE_OPEN);

	at.depth++;
	at.n_explicit += symbol != NUMTRIE_DOT;
	if (open & bit)
		report(w,
			(uint64_t)node->value + (unsigned int)__builtin_popcountll(exact) +
				(unsigned int)__builtin_popcountll(open & below),
			&at);
	if (exact & bit && at.depth == w->n)
		report(w, (uint64_t)node->value + (unsigned int)__builtin_popcountll(exact & below),
			&at);
	if (child & bit)
		push(w, (uint64_t)node->child + (unsigned int)__builtin_popcountll(child & below),
			&at);
}

void numtrie_walk(const struct numtrie *trie, const uint8_t *symbols, unsigned int n,
	numtrie_hit_fn hit, void *arg)
{
	struct walk w = {.trie = trie, .symbols = symbols, .hit = hit, .arg = arg};
	struct place at = {0};
	/* Each node of a tree is seen once; only a damaged image could make it more. */
	uint64_t left = trie->n_nodes;

	w.n = n < NUMTRIE_DEPTH_MAX ? n : NUMTRIE_DEPTH_MAX;
	if (trie->any)
		report(&w, 0, &at);
	push(&w, 0, &at);
	while (w.n_stack > 0 && left-- > 0) {
		const struct numtrie_node *node;

		at = w.stack[--w.n_stack];
		node = &trie->nodes[at.node];
		if (image_kind(node) != IMAGE_BRANCH) {
			walk_chain(&w, node, at);
		} else if (at.depth < w.n) {
			if (symbols[at.depth] != NUMTRIE_PLUS)
				walk_symbol(&w, node, at, NUMTRIE_DOT);
			walk_symbol(&w, node, at, symbols[at.depth]);
		}
	}
}

static void keep_best(void *arg, const struct numtrie_hit *hit)
{
	struct numtrie_hit *best = arg;

	if (best->value == UINT32_MAX || hit->n_explicit > best->n_explicit ||
		(hit->n_explicit == best->n_explicit && hit->n_matched >= best->n_matched))
		*best = *hit;
}

bool numtrie_best(const struct numtrie *trie, const uint8_t *symbols, unsigned int n,
	struct numtrie_hit *ret_hit)
{
	struct numtrie_hit best = {.value = UINT32_MAX};

	numtrie_walk(trie, symbols, n, keep_best, &best);
	if (best.value == UINT32_MAX)
		return false;
	*ret_hit = best;
	return true;
}
