/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See blocks.h. */
#include "dataplane/server/blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/ipc.h"
#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"

LOG_TOPIC("blocks");

#define LOOKED_AT 8192 /* rows in a second, for those whose time is over */

/* A row: who it is, in the chain of his bucket; or in the chain of free ones. */
struct row {
	struct block_key key; /* scope 0: free */
	uint32_t next;	      /* row + 1, 0: the last one */
	uint32_t generation;
	uint64_t until_tsc;
};

struct scope {
	char port[DP_NAME_MAX]; /* empty: free */
	uint32_t n;		/* rows */
};

struct blocks {
	struct blocks_conf conf;
	uint64_t hash_key[2];
	uint32_t n, first_free, looked_at;
	struct block_bucket *tables[DP_WORKERS_MAX]; /* all, or none yet */
	struct scope scopes[BLOCKS_PORTS];
	uint32_t heads[DP_BLOCKS_MAX];
	struct row rows[DP_BLOCKS_MAX];
	/* of the letters under way */
	struct worker_block changes[DP_BLOCKS_BATCH];
	unsigned int n_changes;
};

int blocks_new(const struct blocks_conf *conf, struct blocks **ret_blocks)
{
	struct blocks *b = calloc(1, sizeof *b);
	if (!b)
		return -ENOMEM;
	b->conf = *conf;
	secret_random(b->hash_key, sizeof b->hash_key);
	for (uint32_t i = 0; i + 1 < DP_BLOCKS_MAX; i++)
		b->rows[i].next = i + 2;
	b->first_free = 1;
	*ret_blocks = b;
	return 0;
}

void blocks_free(struct blocks *blocks)
{
	if (!blocks)
		return;
	for (unsigned int w = 0; w < blocks->conf.n_workers; w++)
		if (blocks->tables[w])
			blocks->conf.unmake(blocks->tables[w]);
	free(blocks);
}

uint32_t blocks_n(const struct blocks *blocks)
{
	return blocks->n;
}

/* ---- rows ---- */

static uint32_t *head_of(struct blocks *b, const struct block_key *key)
{
	return &b->heads[siphash24(b->hash_key, key, sizeof *key) % DP_BLOCKS_MAX];
}

/* Row + 1, 0: it is not there. */
static uint32_t row_find(struct blocks *b, const struct block_key *key)
{
	uint32_t i = *head_of(b, key);
	while (i && memcmp(&b->rows[i - 1].key, key, sizeof *key) != 0)
		i = b->rows[i - 1].next;
	return i;
}

/* Row + 1, 0: there is no room. */
static uint32_t row_take(struct blocks *b, const struct block_key *key)
{
	uint32_t i = b->first_free, *head = head_of(b, key);
	if (!i)
		return 0;
	struct row *row = &b->rows[i - 1];
	b->first_free = row->next;
	*row = (struct row){.key = *key, .next = *head};
	*head = i;
	b->n++;
	b->scopes[key->scope - 1].n++;
	return i;
}

static void row_leave(struct blocks *b, uint32_t i)
{
	struct row *row = &b->rows[i - 1];
	struct scope *scope = &b->scopes[row->key.scope - 1];
	uint32_t *link = head_of(b, &row->key);
	while (*link != i)
		link = &b->rows[*link - 1].next;
	*link = row->next;
	*row = (struct row){.next = b->first_free};
	b->first_free = i;
	b->n--;
	if (--scope->n == 0)
		*scope = (struct scope){0}; /* the workers' ports are told with the next one */
}

/* ---- scopes ---- */

/* Number of a port's, 0: it has none, or (take) there is no room. */
static uint8_t scope_of(struct blocks *b, const char *port, bool take, bool *ret_new)
{
	unsigned int free_place = BLOCKS_PORTS;
	for (unsigned int i = 0; i < BLOCKS_PORTS; i++) {
		if (b->scopes[i].port[0] && !strcmp(b->scopes[i].port, port))
			return (uint8_t)(i + 1);
		if (!b->scopes[i].port[0] && free_place == BLOCKS_PORTS)
			free_place = i;
	}
	if (!take || free_place == BLOCKS_PORTS)
		return 0;
	memcpy(b->scopes[free_place].port, port, DP_NAME_MAX);
	*ret_new = true;
	return (uint8_t)(free_place + 1);
}

/* Where those ports are now. */
static void scopes_fill(const struct blocks *b, struct worker_blocks *letter)
{
	letter->scopes_set = true;
	for (unsigned int i = 0; i < BLOCKS_PORTS; i++) {
		uint8_t port;
		if (b->scopes[i].port[0] && !ports_find(b->conf.ports, b->scopes[i].port, &port))
			letter->scopes[port] = (uint8_t)(i + 1);
	}
}

/* ---- to the workers ---- */

static int tables_make(struct blocks *b)
{
	for (unsigned int w = 0; w < b->conf.n_workers; w++) {
		b->tables[w] = b->conf.make();
		if (b->tables[w])
			continue;
		while (w-- > 0) {
			b->conf.unmake(b->tables[w]);
			b->tables[w] = NULL;
		}
		return -ENOMEM;
	}
	return 0;
}

static int post(struct blocks *b, bool with_tables, bool with_scopes)
{
	struct worker_blocks letter = {.changes = b->changes, .n = (uint16_t)b->n_changes};
	if (with_scopes)
		scopes_fill(b, &letter);
	int err = mail_reserve(b->conf.mail, b->conf.n_workers);
	for (uint32_t w = 0; !err && w < b->conf.n_workers; w++) {
		struct letter *l = mail_letter(b->conf.mail, WORKER_BLOCKS, NULL, NULL);
		l->msg.blocks = letter;
		l->msg.blocks.buckets = with_tables ? b->tables[w] : NULL;
		mail_post(b->conf.mail, w, l);
	}
	b->n_changes = 0;
	return err ? err : mail_flush(b->conf.mail);
}

/* The row is gone at once here; what the workers are told waits for the others of the batch. */
static int row_end(struct blocks *b, uint32_t i)
{
	b->changes[b->n_changes++] = (struct worker_block){.key = b->rows[i - 1].key, .row = i - 1};
	row_leave(b, i);
	return b->n_changes == DP_BLOCKS_BATCH ? post(b, false, false) : 0;
}

static int rows_ended(struct blocks *b)
{
	return b->n_changes ? post(b, false, false) : 0;
}

/* ---- messages ---- */

static bool len_ok(const struct dp_block *block)
{
	if (block->family == 4)
		return block->prefix_len == 32;
	for (unsigned int i = 0; i < BLOCK_LENS; i++)
		if (block_lens[i] == block->prefix_len)
			return block->family == 6;
	return false;
}

static bool block_ok(const struct dp_block *block, bool set)
{
	unsigned int octets = block->prefix_len / 8u;
	if (!len_ok(block) || block->zero || (block->ttl_ms != 0) != set ||
		!ipc_str_ok(block->port, sizeof block->port) || !block->port[0])
		return false;
	for (unsigned int i = octets; i < sizeof block->ip; i++)
		if (block->ip[i])
			return false;
	return true;
}

static bool msg_ok(const struct dp_blocks *msg, bool set)
{
	if (!msg->n || msg->n > DP_BLOCKS_BATCH || msg->zero)
		return false;
	for (uint32_t i = 0; i < msg->n; i++)
		if (!block_ok(&msg->blocks[i], set))
			return false;
	return true;
}

static void key_of(const struct dp_block *block, uint8_t scope, struct block_key *ret_key)
{
	*ret_key = (struct block_key){.scope = scope, .len = block->prefix_len};
	memcpy(ret_key->ip, block->ip, sizeof ret_key->ip);
}

static uint32_t block_set(struct blocks *b, const struct dp_block *block, uint32_t generation,
	uint64_t now_tsc, bool *scopes_new)
{
	/* As the port is in struct scope: nothing behind the end of its name. */
	char port[DP_NAME_MAX] = {0};
	strncpy(port, block->port, sizeof port - 1);
	uint8_t scope = scope_of(b, port, true, scopes_new);
	struct block_key key;
	if (!scope)
		return DP_BLOCK_NO_ROW;
	key_of(block, scope, &key);
	uint32_t i = row_find(b, &key);
	bool fresh = !i;
	if (fresh)
		i = row_take(b, &key);
	if (!i) {
		if (!b->scopes[scope - 1].n)
			b->scopes[scope - 1] = (struct scope){0};
		return DP_BLOCK_NO_ROW;
	}
	struct row *row = &b->rows[i - 1];
	row->generation = generation;
	row->until_tsc = now_tsc + block->ttl_ms * (b->conf.tsc_hz / 1000);
	b->changes[b->n_changes++] = (struct worker_block){
		.key = key, .row = i - 1, .until_tsc = row->until_tsc, .fresh = fresh};
	return i - 1;
}

int blocks_set(struct blocks *blocks, const struct dp_blocks *msg, uint32_t generation,
	uint64_t now_tsc, uint32_t *ret_rows)
{
	bool tables_new = !blocks->tables[0], scopes_new = false;
	if (!msg_ok(msg, true))
		return -EINVAL;
	int err = tables_new ? tables_make(blocks) : 0;
	if (err) {
		log_err("no packet memory for blocked sources: more is needed (--memory)");
		return err;
	}
	for (uint32_t i = 0; i < msg->n; i++)
		ret_rows[i] = block_set(blocks, &msg->blocks[i], generation, now_tsc, &scopes_new);
	return post(blocks, tables_new, scopes_new);
}

int blocks_del(struct blocks *blocks, const struct dp_blocks *msg)
{
	int err = 0;
	if (!msg_ok(msg, false))
		return -EINVAL;
	for (uint32_t i = 0; !err && i < msg->n; i++) {
		uint8_t scope = scope_of(blocks, msg->blocks[i].port, false, NULL);
		struct block_key key;
		key_of(&msg->blocks[i], scope, &key);
		uint32_t row = scope ? row_find(blocks, &key) : 0;
		if (row)
			err = row_end(blocks, row);
	}
	return err ? err : rows_ended(blocks);
}

void blocks_sweep(struct blocks *blocks, uint32_t generation)
{
	int err = 0;
	for (uint32_t i = 0; !err && blocks->n && i < DP_BLOCKS_MAX; i++)
		if (blocks->rows[i].key.scope && blocks->rows[i].generation < generation)
			err = row_end(blocks, i + 1);
	if (!err)
		err = rows_ended(blocks);
	if (err)
		log_err("blocked sources that nobody wants any more stay until their time is over");
}

int blocks_ports_post(struct blocks *blocks)
{
	return blocks->n ? post(blocks, false, true) : 0;
}

void blocks_second(struct blocks *blocks, uint64_t now_tsc)
{
	int err = 0;
	for (unsigned int k = 0; !err && blocks->n && k < LOOKED_AT; k++) {
		uint32_t i = blocks->looked_at;
		blocks->looked_at = (i + 1) % DP_BLOCKS_MAX;
		if (blocks->rows[i].key.scope && blocks->rows[i].until_tsc <= now_tsc)
			err = row_end(blocks, i + 1);
	}
	if (!err)
		(void)rows_ended(blocks); /* they do not count any more in any case */
}
