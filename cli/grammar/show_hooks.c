/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Route-hooks: how the HTTP servers do that are asked where calls go (docs/ROUTING.md). */
#include "cli/grammar/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static void hook_row(
	struct cli_ctx *ctx, struct cli_table_out *table, const struct cfg_route_hook *hook)
{
	struct ctl_hook_status s = {0};
	bool told = ctx->source->route_hook(ctx->source->ctx, hook->tag, &s);

	cli_table_cell(table, "%u", hook->tag);
	cli_table_cell(table, "%s", !told ? "unknown" : s.left_alone ? "left-alone" : "ok");
	cli_table_cell(table, "%u", s.pending);
	cli_table_cell(table, "%" PRIu64, s.asked);
	cli_table_cell(table, "%" PRIu64, s.answered);
	cli_table_cell(table, "%" PRIu64, s.failed);
	cli_table_cell(table, "%" PRIu64, s.cached);
	cli_table_cell(table, "%" PRIu64, s.left_out);
	cli_table_cell(table, "%" PRIu64, s.refused);
	cli_table_cell(table, "%u", s.kept);
	if (s.answered)
		cli_table_cell(table, "%.1f", (double)s.wait_us / (double)s.answered / 1e3);
	else
		cli_table_null(table);
	if (s.answered)
		cli_table_cell(table, "%.1f", (double)s.max_us / 1e3);
	else
		cli_table_null(table);
	cli_table_cell(table, "%s", hook->url);
	if (s.problem[0])
		cli_table_cell(table, "%s", s.problem);
	else
		cli_table_null(table);
}

static int show_hooks(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"TAG", "tag", 5, true, true},
		{"STATE", "state", 10, false, false},
		{"PENDING", "pending", 7, true, true},
		{"ASKED", "asked", 8, true, true},
		{"ANSWERED", "answered", 8, true, true},
		{"FAILED", "failed", 8, true, true},
		{"CACHED", "cached", 8, true, true},
		{"LEFT-OUT", "left_out", 8, true, true},
		{"REFUSED", "refused", 8, true, true},
		{"KEPT", "kept", 5, true, true},
		{"MEAN-MS", "mean_ms", 7, true, true},
		{"MAX-MS", "max_ms", 6, true, true},
		{"URL", "url", 30, false, false},
		{"PROBLEM", "problem", 0, false, false},
	};
	const char *tag = cli_arg(ctx, 0);
	struct cli_table_out *table;

	if (tag && !cfg_find_route_hook(ctx->running, (uint32_t)strtoul(tag, NULL, 10)))
		return cli_fail(ctx, -ENOENT, "There is no voice class route-hook %s", tag);
	table = cli_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	for (uint32_t i = 0; i < ctx->running->n_route_hooks; i++) {
		const struct cfg_route_hook *hook = &ctx->running->route_hooks[i];

		if (!tag || strtoul(tag, NULL, 10) == hook->tag)
			hook_row(ctx, table, hook);
	}
	return cli_table_print(ctx, table);
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show voice class route-hook [<1-10000>]",
		"HTTP servers that are asked where calls go\nOne of them", show_hooks, FLAGS},
};
const struct cli_table cli_show_hooks = {rows, sizeof(rows) / sizeof(rows[0])};
