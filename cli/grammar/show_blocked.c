/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show sip blocked-sources; blocking a source by hand, and letting one in again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/grammar/command.h"
#include "controlplane/api/ctl_block.h"

#define SECONDS_DEFAULT 3600
#define MEMORY_MS	(24u * 3600 * 1000)

static const struct cli_column columns[] = {
	{"Source", "source", 28, false, false},
	{"Realm", "realm", 12, false, false},
	{"Reason", "reason", 22, false, false},
	{"Times", "times", 5, true, true},
	{"Since(s)", "since_s", 9, true, true},
	{"Left(s)", "left_s", 9, true, true},
	{"Drops", "drops", 12, true, true},
	{"Of-them-dataplane", "drops_dataplane", 0, true, true},
};

struct walk {
	struct cli_ctx *ctx;
	struct cli_table_out *table;
	uint64_t now_ms;
	uint32_t n;
};

static int block_row(const struct ctl_block *block, uint64_t dp_drops, void *arg)
{
	struct walk *walk = arg;
	char text[CTL_BLOCK_TEXT];
	uint64_t since_ms = walk->now_ms > block->since_ms ? walk->now_ms - block->since_ms : 0;

	walk->n++;
	cli_table_cell(walk->table, "%s", ctl_block_print(block, text));
	cli_table_cell(walk->table, "%s", block->realm);
	cli_table_cell(walk->table, "%s", ctl_block_word(block->reason));
	cli_table_cell(walk->table, "%u", block->level + 1u);
	cli_table_cell(walk->table, "%" PRIu64, since_ms / 1000);
	cli_table_cell(walk->table, "%u", (block->remaining_ms + 999) / 1000);
	cli_table_cell(walk->table, "%" PRIu64, block->drops + dp_drops);
	cli_table_cell(walk->table, "%" PRIu64, dp_drops);
	return 0;
}

static int show_blocked(struct cli_ctx *ctx)
{
	struct walk walk = {.ctx = ctx, .now_ms = ctx->source->now_ms(ctx->source->ctx)};

	walk.table = cli_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	if (!walk.table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	ctx->source->blocks(ctx->source->ctx, block_row, &walk);
	if (ctx->json)
		return cli_print_json(ctx, cli_table_json(walk.table));
	cli_table_text(ctx, walk.table);
	buf_printf(ctx->out, "%u source%s blocked\n", walk.n, walk.n == 1 ? " is" : "s are");
	cli_table_free(walk.table);
	return 0;
}

/* An address, or the network of one: with the length that limen-sip takes for a source. */
static int source_of(const struct cli_ctx *ctx, const char *word, struct ctl_block *ret_block)
{
	char text[IPADDR_TEXT_MAX];
	struct ipaddr addr;
	uint8_t len = ctx->running->defence_prefix6;
	char *slash;

	snprintf(text, sizeof(text), "%s", word);
	slash = strchr(text, '/');
	if (slash) {
		*slash = 0;
		len = (uint8_t)strtoul(slash + 1, NULL, 10);
	}
	if (ipaddr_parse(view_of(text), 0, &addr) < 0)
		return -EINVAL;
	if (addr.family == 4)
		len = slash && len != 32 ? 0 : 32;
	else if (len != 48 && len != 56 && len != 64 && len != 128)
		len = 0;
	if (!len)
		return -EINVAL;
	*ret_block = (struct ctl_block){
		.addr = ctl_block_net(&addr, len), .prefix_len = len, .level = 0};
	return 0;
}

static int cannot(struct cli_ctx *ctx, int rc, const char *word)
{
	if (rc == -ENOTCONN)
		return cli_fail(ctx, rc,
			"limen-sip is not reachable: nothing has changed, and blocks run out by "
			"themselves");
	if (rc == -ENOENT)
		return cli_fail(ctx, rc, "%s is not blocked", word);
	return cli_fail(ctx, rc, "There is no room for another blocked source");
}

/* Of the word's source what is blocked; realm NULL: in the only one where it is. */
struct find {
	struct ctl_block block;
	const char *realm;
	uint32_t n;
};

static int find_row(const struct ctl_block *block, uint64_t dp_drops, void *arg)
{
	struct find *find = arg;
	struct ipaddr net = ctl_block_net(&find->block.addr, block->prefix_len);

	if (!ipaddr_equal(&net, &block->addr) || (find->realm && strcmp(find->realm, block->realm)))
		return 0;
	find->n++;
	find->block = *block;
	return 0;
}

static int clear_one(struct cli_ctx *ctx)
{
	const char *word = cli_arg(ctx, 0);
	struct find find = {.realm = cli_arg(ctx, 1)};
	struct ctl_block first;

	if (strcmp(word, "all") == 0) {
		int rc = ctx->source->unblock(ctx->source->ctx, NULL);
		return rc < 0 ? cannot(ctx, rc, word) : 0;
	}
	if (source_of(ctx, word, &find.block) < 0)
		return cli_fail(ctx, -EINVAL, "%s is no address of a source", word);
	first = find.block;
	ctx->source->blocks(ctx->source->ctx, find_row, &find);
	if (find.n == 0)
		return cannot(ctx, -ENOENT, word);
	/* In each realm where it is. */
	for (uint32_t i = find.n; i > 0; i--) {
		int rc = ctx->source->unblock(ctx->source->ctx, &find.block);
		if (rc < 0)
			return cannot(ctx, rc, word);
		find.block = first;
		find.n = 0;
		ctx->source->blocks(ctx->source->ctx, find_row, &find);
	}
	return 0;
}

static int block_one(struct cli_ctx *ctx)
{
	const char *word = cli_arg(ctx, 0), *name = cli_arg(ctx, 1), *seconds = cli_arg(ctx, 2);
	const struct cfg_realm *realm = cfg_find_realm(ctx->running, name);
	struct ctl_block block;

	if (source_of(ctx, word, &block) < 0)
		return cli_fail(ctx, -EINVAL,
			"%s is no source: an IPv4 address, or an IPv6 address with /48, /56, /64 "
			"or /128",
			word);
	if (!realm)
		return cli_fail(ctx, -ENOENT, "There is no realm %s", name);
	snprintf(block.realm, sizeof(block.realm), "%s",
		cfg_realm_network(ctx->running, realm)->name);
	block.reason = CTL_BLOCK_OPERATOR;
	block.since_ms = ctx->source->now_ms(ctx->source->ctx);
	block.remaining_ms = 1000u *
			     (seconds ? (uint32_t)strtoul(seconds, NULL, 10) : SECONDS_DEFAULT);
	block.memory_ms = MEMORY_MS;
	int rc = ctx->source->block(ctx->source->ctx, &block);
	return rc < 0 ? cannot(ctx, rc, word) : 0;
}

#define BLOCK_HELP                                                                         \
	"SIP of a source is dropped for a time\nSIP\nWho\nAddress, of IPv6 also network\n" \
	"Where\nName of a realm"
static const struct cli_row rows[] = {
	{"show sip blocked-sources", "SIP\nSources whose SIP is dropped, and why", show_blocked,
		CLI_JSON | CLI_PIPE},
	{"clear sip blocked-sources WORD [realm {realm}]",
		"SIP\nSources whose SIP is dropped\nAddress of one, or all\nOnly there\nName of a "
		"realm",
		clear_one, CLI_PRIV},
	{"block sip source WORD realm {realm}", BLOCK_HELP, block_one, CLI_PRIV},
	{"block sip source WORD realm {realm} seconds <1-604800>", "For how long\nSeconds",
		block_one, CLI_PRIV},
};
const struct cli_table cli_show_blocked = {rows, sizeof(rows) / sizeof(rows[0])};
