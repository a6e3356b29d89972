/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show commands about the configuration and its history. */
#include "cli/grammar/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int print_cfg(struct cli_ctx *ctx, const struct cfg *cfg, const char *title)
{
	if (ctx->json)
		return cli_print_json(ctx, cfg_to_json(cfg, true));
	buf_printf(ctx->out, "%s\n\n", title);
	cfg_print_cli(cfg, true, ctx->out);
	return 0;
}

static int show_running(struct cli_ctx *ctx)
{
	return print_cfg(ctx, ctx->running, "Current configuration:");
}

static int show_startup(struct cli_ctx *ctx)
{
	char error[CFG_ERROR_MAX];
	struct cfg *cfg;
	int rc = cfg_store_startup(ctx->store, &cfg, error);

	if (rc < 0)
		return cli_fail(ctx, rc, "%s", error);
	rc = print_cfg(ctx, cfg, "Start-up configuration:");
	cfg_free(cfg);
	return rc;
}

static int show_candidate(struct cli_ctx *ctx)
{
	if (!ctx->session->candidate)
		return cli_fail(ctx, -ENOENT, "There is no candidate: use `configure private`");
	return print_cfg(
		ctx, cfg_candidate_cfg(ctx->session->candidate), "Candidate configuration:");
}

static int print_diff(struct cli_ctx *ctx, const struct cfg *from, const struct cfg *to)
{
	struct buf lines = {0};
	json_t *list;

	cfg_print_diff(from, to, &lines);
	if (!ctx->json) {
		buf_add(ctx->out, lines.p ? lines.p : "", lines.n);
		ctx->out->failed |= lines.failed;
		buf_free(&lines);
		return 0;
	}
	list = json_array();
	for (const char *p = lines.p; p && *p;) {
		size_t len = strcspn(p, "\n");
		json_array_append_new(list, json_stringn(p, len));
		p += len + (p[len] == '\n');
	}
	buf_free(&lines);
	return cli_print_json(ctx, list);
}

/* What a commit would change; outside of a candidate: what the next start would lose. */
static int show_diff(struct cli_ctx *ctx)
{
	char error[CFG_ERROR_MAX];
	struct cfg *startup;
	int rc;

	if (ctx->session->candidate && !ctx->session->implicit)
		return print_diff(ctx, cfg_candidate_base(ctx->session->candidate),
			cfg_candidate_cfg(ctx->session->candidate));
	rc = cfg_store_startup(ctx->store, &startup, error);
	if (rc < 0)
		return cli_fail(ctx, rc, "%s", error);
	rc = print_diff(ctx, startup, ctx->running);
	cfg_free(startup);
	return rc;
}

/* From the earlier configuration to the running one. */
static int show_diff_rollback(struct cli_ctx *ctx)
{
	char error[CFG_ERROR_MAX];
	struct cfg *old;
	int rc = cfg_store_load(ctx->store, (unsigned int)atoi(cli_arg(ctx, 0)), &old, error);

	if (rc < 0)
		return cli_fail(ctx, rc, "%s", error);
	rc = print_diff(ctx, old, ctx->running);
	cfg_free(old);
	return rc;
}

static int show_history(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"NUM", "num", 3, true, true},
		{"REVISION", "revision", 8, true, true},
		{NULL, "time_ms", 0, false, true},
		{"TIME", "time", 29, false, false},
		{"USER", "user", 10, false, false},
		{"COMMENT", "comment", 0, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 6);
	struct cfg_revision rev;
	char time[48];

	for (unsigned int i = 0; cfg_store_history(ctx->store, i, &rev); i++) {
		cli_table_cell(table, "%u", i);
		cli_table_cell(table, "%llu", (unsigned long long)rev.number);
		cli_table_cell(table, "%llu", (unsigned long long)rev.time_ms);
		cli_table_cell(table, "%s", cli_print_time(rev.time_ms, time));
		cli_table_cell(table, "%s", rev.user);
		cli_table_cell(table, "%s", rev.comment);
	}
	return cli_table_print(ctx, table);
}

#define FLAGS (CLI_PRIV | CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show running-config", "Show what the box does and knows\nConfiguration that runs",
		show_running, FLAGS},
	{"show startup-config", "Configuration that the next start takes", show_startup, FLAGS},
	{"show configuration candidate", "Candidate, history, differences\nWhat you are editing",
		show_candidate, FLAGS},
	{"show configuration diff", "What a commit would change, or what is not saved", show_diff,
		FLAGS},
	{"show configuration diff rollback <0-49>",
		"What changed since an earlier configuration\nSo many commits ago",
		show_diff_rollback, FLAGS},
	{"show configuration history", "The last commits", show_history, FLAGS},
};
const struct cli_table cli_show_config = {rows, sizeof(rows) / sizeof(rows[0])};
