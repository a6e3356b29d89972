/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See select.h. A dozen servers at most are usual, so plain insertion will do. */
#include "sip-b2bua/resolver/select.h"

#include <stdbool.h>

/* Negative when a goes before b. */
typedef int (*order_fn)(const struct select_server *a, const struct select_server *b);

static int by_priority(const struct select_server *a, const struct select_server *b)
{
	return a->priority < b->priority ? -1 : a->priority > b->priority;
}

static int by_load(const struct select_server *a, const struct select_server *b)
{
	uint64_t load_a = (uint64_t)a->load * (b->weight ? b->weight : 1);
	uint64_t load_b = (uint64_t)b->load * (a->weight ? a->weight : 1);

	if (a->priority != b->priority)
		return by_priority(a, b);
	return load_a < load_b ? -1 : load_a > load_b;
}

/* Stable: who is equal keeps its place. */
static void sort(const struct select_server *servers, unsigned int n, order_fn order, uint8_t *ret)
{
	for (unsigned int i = 1; i < n; i++) {
		uint8_t moving = ret[i];
		unsigned int at = i;

		for (; at > 0 && order(&servers[moving], &servers[ret[at - 1]]) < 0; at--)
			ret[at] = ret[at - 1];
		ret[at] = moving;
	}
}

static void in_order(unsigned int n, uint8_t *ret)
{
	for (unsigned int i = 0; i < n; i++)
		ret[i] = (uint8_t)i;
}

static void swap(uint8_t *a, uint8_t *b)
{
	uint8_t was = *a;

	*a = *b;
	*b = was;
}

static void shuffle(uint8_t *ret, unsigned int n, select_random_fn random, void *arg)
{
	for (unsigned int i = n; i > 1; i--)
		swap(&ret[i - 1], &ret[random(arg, i)]);
}

/* Which of the n in list is next; those of weight 0 stand first. */
static unsigned int draw(const struct select_server *servers, const uint8_t *list, unsigned int n,
	select_random_fn random, void *arg)
{
	bool zeros = servers[list[0]].weight == 0;
	uint32_t sum = 0, below, at;

	for (unsigned int i = 0; i < n; i++)
		sum += servers[list[i]].weight;
	if (sum == 0)
		return 0;
	/*
	 * RFC 2782 draws from 0 to the sum, both included. Without servers of weight 0 the value 0
	 * would favour whoever stands first, so it is left out then.
	 */
	below = zeros ? sum + 1 : sum;
	at = random(arg, below) + (zeros ? 0 : 1);
	for (unsigned int i = 0; i < n; i++) {
		if (at <= servers[list[i]].weight)
			return i;
		at -= servers[list[i]].weight;
	}
	return n - 1;
}

void select_by_weight(const struct select_server *servers, unsigned int n, select_random_fn random,
	void *arg, uint8_t *ret_order)
{
	unsigned int from = 0;

	in_order(n, ret_order);
	sort(servers, n, by_priority, ret_order);
	while (from < n) {
		unsigned int end = from, zeros = from;

		while (end < n &&
			servers[ret_order[end]].priority == servers[ret_order[from]].priority)
			end++;
		for (unsigned int i = from; i < end; i++) {
			if (servers[ret_order[i]].weight == 0)
				swap(&ret_order[i], &ret_order[zeros++]);
		}
		shuffle(ret_order + from, zeros - from, random, arg);
		for (; from + 1 < end; from++) {
			unsigned int next = from + draw(servers, ret_order + from, end - from,
							   random, arg);
			uint8_t drawn = ret_order[next];

			/* The others keep their order, so that weights of 0 stay first. */
			for (; next > from; next--)
				ret_order[next] = ret_order[next - 1];
			ret_order[from] = drawn;
		}
		from = end;
	}
}

void select_by_priority(const struct select_server *servers, unsigned int n, uint8_t *ret_order)
{
	in_order(n, ret_order);
	sort(servers, n, by_priority, ret_order);
}

void select_round_robin(unsigned int n, uint32_t turn, uint8_t *ret_order)
{
	for (unsigned int i = 0; i < n; i++)
		ret_order[i] = (uint8_t)((turn + i) % n);
}

void select_least_load(const struct select_server *servers, unsigned int n, select_random_fn random,
	void *arg, uint8_t *ret_order)
{
	in_order(n, ret_order);
	shuffle(ret_order, n, random, arg);
	sort(servers, n, by_load, ret_order);
}
