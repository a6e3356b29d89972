/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show commands about names, the targets of trunks, and server groups. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/grammar/command.h"

static const char *state_word(uint32_t state)
{
	static const char *const words[] = {
#define X(sym, word) word,
		CTL_TARGET_STATES(X)
#undef X
	};

	return state < CTL_TARGET_N_STATES ? words[state] : "unknown";
}

static const char *transport_word(uint32_t transport)
{
	for (const struct cfg_word *word = cfg_transport_words; word->word; word++) {
		if (word->value == transport)
			return word->word;
	}
	return "unknown";
}

/* ---- hosts ---- */

static const char *type_word(uint32_t type)
{
	return type == 1 ? "A" : type == 28 ? "AAAA" : type == 33 ? "SRV" : "NAPTR";
}

static const char *dns_word(uint32_t state)
{
	static const char *const words[] = {
#define X(sym, word) word,
		CTL_DNS_STATES(X)
#undef X
	};

	return state < CTL_DNS_N_STATES ? words[state] : "unknown";
}

static void show_dns_settings(struct cli_ctx *ctx)
{
	const struct cfg *cfg = ctx->running;
	char text[IPADDR_TEXT_MAX];

	buf_printf(ctx->out, "Name lookup is %s\n", cfg->domain_lookup ? "on" : "off");
	if (cfg->domain_name[0])
		buf_printf(ctx->out, "Default domain is %s\n", cfg->domain_name);
	buf_puts(ctx->out, "Name servers are ");
	for (uint32_t i = 0; i < cfg->n_name_servers; i++)
		buf_printf(
			ctx->out, "%s%s", i ? ", " : "", ipaddr_print(&cfg->name_servers[i], text));
	buf_puts(ctx->out, cfg->n_name_servers ? "\n\n" : "not set\n\n");
}

static int show_hosts(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"HOST", "host", 32, false, false},
		{"TYPE", "type", 5, false, false},
		{"STATE", "state", 7, false, false},
		{"TTL", "ttl_s", 6, true, true},
		{"DATA", "data", 0, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 5);
	uint64_t now_ms = ctx->source->now_ms(ctx->source->ctx);
	const struct ctl_dns_host *list;
	struct ctl_dns_hosts head;

	ctx->source->hosts(ctx->source->ctx, &head, &list);
	if (!ctx->json)
		show_dns_settings(ctx);
	for (uint32_t i = 0; i < head.n; i++) {
		const struct ctl_dns_host *h = &list[i];

		cli_table_cell(table, "%s", h->name);
		cli_table_cell(table, "%s", type_word(h->type));
		cli_table_cell(table, "%s", dns_word(h->state));
		if (h->until_ms > now_ms)
			cli_table_cell(table, "%" PRIu64, (h->until_ms - now_ms) / 1000);
		else
			cli_table_null(table);
		cli_table_cell(table, "%s", h->data);
	}
	return cli_table_print(ctx, table);
}

static int clear_host(struct cli_ctx *ctx)
{
	const char *name = cli_arg(ctx, 0);
	int rc = ctx->source->host_clear(ctx->source->ctx, strcmp(name, "*") == 0 ? "" : name);

	if (rc == -EINVAL)
		return cli_fail(ctx, rc, "%.60s is not the name of a host", name);
	return rc < 0 ? cli_fail(ctx, rc, "limen-sip is not connected") : 0;
}

/* ---- targets ---- */

static void target_cells(struct cli_ctx *ctx, struct cli_table_out *table,
	const struct cfg_trunk *trunk, const struct ctl_target *t)
{
	char text[IPADDR_TEXT_MAX], time[48];

	cli_table_cell(table, "%s", trunk->name);
	cli_table_cell(table, "%s", ipaddr_print_port(&t->addr, text));
	cli_table_cell(table, "%s", transport_word(t->transport));
	cli_table_cell(table, "%s", state_word(t->state));
	cli_table_cell(table, "%u", t->preference);
	cli_table_cell(table, "%u", t->weight);
	if (t->host[0]) {
		cli_table_cell(table, "%u", t->srv_priority);
		cli_table_cell(table, "%u", t->srv_weight);
	} else {
		cli_table_null(table);
		cli_table_null(table);
	}
	cli_table_cell(table, "%u", t->n_active);
	cli_table_cell(table, "%" PRIu64, t->n_calls);
	cli_table_cell(table, "%" PRIu64, t->n_failed);
	cli_table_cell(table, "%" PRIu64, t->n_opened);
	if (t->until_ms)
		cli_table_cell(table, "%s", cli_print_time(t->until_ms, time));
	else
		cli_table_null(table);
	cli_table_cell(table, "%s", t->host);
}

static const struct cli_column target_columns[] = {
	{"TRUNK", "trunk", 16, false, false},
	{"ADDRESS", "address", 21, false, false},
	{"TRANSPORT", "transport", 9, false, false},
	{"STATE", "state", 9, false, false},
	{"PREF", "preference", 4, true, true},
	{"WEIGHT", "weight", 6, true, true},
	{"SRV-PRIO", "srv_priority", 8, true, true},
	{"SRV-WGHT", "srv_weight", 8, true, true},
	{"ACTIVE", "calls_active", 6, true, true},
	{"CALLS", "calls", 8, true, true},
	{"FAILED", "calls_failed", 8, true, true},
	{"OPENED", "opened", 6, true, true},
	{"UNTIL", "until", 24, false, false},
	{"HOST", "host", 0, false, false},
};
#define N_COLUMNS (sizeof(target_columns) / sizeof(target_columns[0]))

/* A trunk without targets has a line that says why, in the last column. */
static void trunk_cells(
	struct cli_ctx *ctx, struct cli_table_out *table, const struct cfg_trunk *trunk)
{
	const struct ctl_target *list;
	struct ctl_targets head;

	if (!ctx->source->targets(ctx->source->ctx, trunk->name, &head, &list))
		return;
	for (uint32_t i = 0; i < head.n; i++)
		target_cells(ctx, table, trunk, &list[i]);
	if (head.n > 0)
		return;
	cli_table_cell(table, "%s", trunk->name);
	for (unsigned int i = 1; i + 1 < N_COLUMNS; i++)
		cli_table_null(table);
	cli_table_cell(table, "%s", head.why);
}

static int show_targets(struct cli_ctx *ctx)
{
	const char *name = cli_arg(ctx, 0);
	struct cli_table_out *table = cli_table_new(target_columns, N_COLUMNS);

	if (name && !cfg_find_trunk(ctx->running, name)) {
		cli_table_free(table);
		return cli_fail(ctx, -ENOENT, "There is no trunk %.40s", name);
	}
	for (uint32_t i = 0; i < ctx->running->n_trunks; i++) {
		const struct cfg_trunk *trunk = &ctx->running->trunks[i];

		if (!name || strcmp(name, trunk->name) == 0)
			trunk_cells(ctx, table, trunk);
	}
	return cli_table_print(ctx, table);
}

/* ---- server groups ---- */

struct group_sum {
	unsigned int n_trunks, n_targets, n_usable;
	uint32_t n_active;
};

/* What the trunks of a group tell of one of its members. */
static struct group_sum member_sum(
	struct cli_ctx *ctx, const struct cfg_server_group *group, uint32_t member)
{
	struct group_sum sum = {0};

	for (uint32_t i = 0; i < ctx->running->n_trunks; i++) {
		const struct cfg_trunk *trunk = &ctx->running->trunks[i];
		const struct ctl_target *list;
		struct ctl_targets head;

		if (trunk->server_group != group->tag)
			continue;
		sum.n_trunks++;
		if (!ctx->source->targets(ctx->source->ctx, trunk->name, &head, &list))
			continue;
		for (uint32_t k = 0; k < head.n; k++) {
			if (list[k].member != member)
				continue;
			sum.n_targets++;
			sum.n_usable += list[k].state == CTL_TARGET_ACTIVE ||
					list[k].state == CTL_TARGET_TRIAL;
			sum.n_active += list[k].n_active;
		}
	}
	return sum;
}

static int show_groups(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"GROUP", "group", 5, true, true},
		{"HUNT", "hunt_scheme", 11, false, false},
		{"SERVER", "server", 48, false, false},
		{"STATE", "state", 8, false, false},
		{"TARGETS", "targets", 7, true, true},
		{"USABLE", "usable", 6, true, true},
		{"ACTIVE", "calls_active", 6, true, true},
	};
	const struct cfg_leaf *hunt = cfg_leaf_find(CFG_SERVER_GROUP, "hunt_scheme");
	const struct cfg_leaf *server = cfg_leaf_find(CFG_SERVER_GROUP, "servers");
	const char *tag = cli_arg(ctx, 0);
	struct cli_table_out *table = cli_table_new(columns, 7);
	char text[CFG_VALUE_MAX];

	for (uint32_t i = 0; i < ctx->running->n_server_groups; i++) {
		const struct cfg_server_group *group = &ctx->running->server_groups[i];

		if (tag && strtoul(tag, NULL, 10) != group->tag)
			continue;
		for (uint32_t k = 0; k < group->n_members; k++) {
			struct group_sum sum = member_sum(ctx, group, k);

			cli_table_cell(table, "%u", group->tag);
			cli_table_cell(table, "%s", cfg_value_print(hunt, &group->hunt, text));
			cli_table_cell(
				table, "%s", cfg_value_print(server, &group->members[k], text));
			cli_table_cell(table, "%s",
				sum.n_trunks == 0    ? "unused"
				: sum.n_targets == 0 ? "unknown"
				: sum.n_usable == 0  ? "down"
						     : "active");
			cli_table_cell(table, "%u", sum.n_targets);
			cli_table_cell(table, "%u", sum.n_usable);
			cli_table_cell(table, "%u", sum.n_active);
		}
	}
	if (tag && cli_table_rows(table) == 0) {
		cli_table_free(table);
		return cli_fail(ctx, -ENOENT, "There is no voice class server-group %.10s", tag);
	}
	return cli_table_print(ctx, table);
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show hosts", "Names that are looked up, and what DNS says of them", show_hosts, FLAGS},
	{"show targets [{trunk}]", "Where the calls of trunks may go now\nOf one trunk",
		show_targets, FLAGS},
	{"show voice class server-group [<1-10000>]",
		"Voice\nNamed lists\nServer groups and their servers\nOne of them", show_groups,
		FLAGS},
	{"clear host WORD", "Forget what DNS said\nName of a host, * for all", clear_host,
		CLI_PRIV},
};
const struct cli_table cli_show_targets = {rows, sizeof(rows) / sizeof(rows[0])};
