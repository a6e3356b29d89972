/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See block.h. */
#include "dataplane/stages/block.h"

#include <string.h>

#define ETH_LEN	 14
#define IPV4_LEN 32

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd };

const uint8_t block_lens[BLOCK_LENS] = {48, 56, 64, 128};

void block_table_init(struct block_table *t, struct block_bucket *buckets, const uint64_t key[2])
{
	*t = (struct block_table){.buckets = buckets, .key = {key[0], key[1]}};
}

static uint32_t place_of(const struct block_table *t, const struct block_key *key)
{
	uint64_t a, b, h;

	memcpy(&a, key->ip, 8);
	memcpy(&b, key->ip + 8, 8);
	h = a ^ t->key[0] ^ ((uint64_t)key->scope << 8 | key->len);
	h = (h ^ h >> 32) * (t->key[1] | 1);
	h = (h ^ h >> 29 ^ b) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 32) * (t->key[0] | 1);
	return (uint32_t)(h >> 40) % BLOCK_BUCKETS;
}

static uint32_t next_of(uint32_t i)
{
	return (i + 1) % BLOCK_BUCKETS;
}

/* Where it is, or the free place where it would be. */
static struct block_bucket *find(const struct block_table *t, const struct block_key *key)
{
	uint32_t i = place_of(t, key);

	while (t->buckets[i].key.scope && memcmp(&t->buckets[i].key, key, sizeof(*key)) != 0)
		i = next_of(i);
	return &t->buckets[i];
}

static uint32_t *count_of(struct block_table *t, uint8_t len)
{
	unsigned int i = 0;

	if (len == IPV4_LEN)
		return &t->n4;
	while (i < BLOCK_LENS - 1 && block_lens[i] != len)
		i++;
	return &t->n6[i];
}

void block_table_set(
	struct block_table *t, const struct block_key *key, uint32_t row, uint64_t until_tsc)
{
	struct block_bucket *b = find(t, key);

	if (!b->key.scope) {
		t->n++;
		++*count_of(t, key->len);
	}
	*b = (struct block_bucket){.key = *key, .row = row, .until_tsc = until_tsc};
}

/* What stands behind it may have to move up, or it would not be found any more. */
static void close_gap(struct block_table *t, uint32_t gap)
{
	for (uint32_t i = next_of(gap); t->buckets[i].key.scope; i = next_of(i)) {
		uint32_t home = place_of(t, &t->buckets[i].key);
		/* how far i and the gap are from where a search for it begins */
		uint32_t here = (i - home) % BLOCK_BUCKETS, there = (gap - home) % BLOCK_BUCKETS;
		if (there > here)
			continue;
		t->buckets[gap] = t->buckets[i];
		gap = i;
	}
	memset(&t->buckets[gap], 0, sizeof(t->buckets[gap]));
}

void block_table_del(struct block_table *t, const struct block_key *key)
{
	struct block_bucket *b = find(t, key);

	if (!b->key.scope)
		return;
	t->n--;
	--*count_of(t, key->len);
	close_gap(t, (uint32_t)(b - t->buckets));
}

static uint32_t look(const struct block_table *t, const struct block_key *key, uint64_t now_tsc)
{
	const struct block_bucket *b = find(t, key);

	return b->key.scope && now_tsc < b->until_tsc ? b->row : BLOCK_NO_ROW;
}

void block_prefetch(const struct block_table *t, uint8_t scope, const uint8_t *frame, uint32_t len)
{
	struct block_key key = {.scope = scope, .len = IPV4_LEN};

	if (len < ETH_LEN + 20 || frame[12] != TYPE_IPV4 >> 8 || frame[13] != 0)
		return;
	memcpy(key.ip, frame + ETH_LEN + 12, 4);
	__builtin_prefetch(&t->buckets[place_of(t, &key)]);
}

uint32_t block_source(const struct block_table *t, uint8_t scope, const uint8_t *frame,
	uint32_t len, uint64_t now_tsc)
{
	struct block_key key = {.scope = scope, .len = IPV4_LEN};
	uint16_t type = len < ETH_LEN ? 0 : (uint16_t)(frame[12] << 8 | frame[13]);

	if (type == TYPE_IPV4 && t->n4 && len >= ETH_LEN + 20) {
		memcpy(key.ip, frame + ETH_LEN + 12, 4);
		return look(t, &key, now_tsc);
	}
	if (type != TYPE_IPV6 || len < ETH_LEN + 40)
		return BLOCK_NO_ROW;
	/* from the shortest network on, each with more of the address */
	for (unsigned int i = 0; i < BLOCK_LENS; i++) {
		if (!t->n6[i])
			continue;
		memcpy(key.ip, frame + ETH_LEN + 8, block_lens[i] / 8);
		key.len = block_lens[i];
		uint32_t row = look(t, &key, now_tsc);
		if (row != BLOCK_NO_ROW)
			return row;
	}
	return BLOCK_NO_ROW;
}
