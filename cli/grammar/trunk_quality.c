/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the last calls to trunks went, and which trunks are beyond their bounds (docs/ROUTING.md). */
#include "cli/grammar/command.h"

#include <errno.h>
#include <inttypes.h>

#include "sip-b2bua/routing/route.h"

const struct ctl_quality *cli_trunk_told(struct cli_ctx *ctx, const struct cfg_trunk *trunk)
{
	struct cli_trunk_quality q;

	return ctx->source->trunk_quality(ctx->source->ctx, trunk->name, &q) ? q.told : NULL;
}

static void cell_value(struct cli_table_out *table, const struct cli_trunk_quality *q,
	enum ctl_quality_metric metric)
{
	if (q->n[metric] == 0)
		cli_table_null(table);
	else if (metric == CTL_QUALITY_MOS)
		cli_table_cell(table, "%u.%02u", q->value[metric] / 100, q->value[metric] % 100);
	else
		cli_table_cell(table, "%u", q->value[metric]);
}

static void trunk_row(
	struct cli_ctx *ctx, struct cli_table_out *table, const struct cfg_trunk *trunk)
{
	struct cli_trunk_quality q;
	char text[ROUTE_REASON_MAX], time[48];

	if (!ctx->source->trunk_quality(ctx->source->ctx, trunk->name, &q))
		return;
	cli_table_cell(table, "%s", trunk->name);
	cli_table_cell(table, "%u", q.window_min);
	cli_table_cell(table, "%u", q.calls);
	cli_table_cell(table, "%u", q.answered);
	for (unsigned int m = 0; m < CTL_QUALITY_N_METRICS; m++)
		cell_value(table, &q, m);
	cli_table_cell(table, "%u", q.told->score);
	if (q.told->n == 0) {
		cli_table_cell(table, "good");
		cli_table_null(table);
		cli_table_null(table);
		cli_table_null(table);
		return;
	}
	cli_table_cell(table, "bad");
	cli_table_cell(table, "%s", cli_print_time(q.told->breach[0].since_ms, time));
	cli_table_cell(table, "%u of %u", q.trial_calls, q.trial_of);
	cli_table_cell(table, "%s", route_breach_text(&q.told->breach[0], text));
}

static int show_trunks(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"TRUNK", "trunk", 16, false, false},
		{"MIN", "window_min", 3, true, true},
		{"CALLS", "calls", 6, true, true},
		{"ANSWERED", "answered", 8, true, true},
		{"ASR%", "asr_percent", 4, true, true},
		{"NER%", "ner_percent", 4, true, true},
		{"ACD-S", "acd_s", 6, true, true},
		{"PDD-MS", "pdd_ms", 6, true, true},
		{"MOS", "mos", 4, true, true},
		{"SCORE", "score", 5, true, true},
		{"STATE", "state", 5, false, false},
		{"SINCE", "since", 29, false, false},
		{"TRIAL", "trial", 8, false, false},
		{"WHY", "why", 0, false, false},
	};
	const char *name = cli_arg(ctx, 0);
	struct cli_table_out *table;

	if (name && !cfg_find_trunk(ctx->running, name))
		return cli_fail(ctx, -ENOENT, "There is no trunk %.40s", name);
	table = cli_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	for (uint32_t i = 0; i < ctx->running->n_trunks; i++) {
		const struct cfg_trunk *trunk = &ctx->running->trunks[i];

		if (!name || strcmp(name, trunk->name) == 0)
			trunk_row(ctx, table, trunk);
	}
	return cli_table_print(ctx, table);
}

static int clear(struct cli_ctx *ctx)
{
	const char *name = cli_arg(ctx, 0);

	if (!ctx->source->trunk_quality_clear(ctx->source->ctx, name) && name)
		return cli_fail(ctx, -ENOENT, "There is no trunk %.40s", name);
	return 0;
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show trunk quality [{trunk}]",
		"Trunks\nHow the last calls to them went, and which of them are too bad\nOf one "
		"trunk",
		show_trunks, FLAGS},
	{"clear trunk quality [{trunk}]",
		"Forget\nTrunks\nHow the last calls went, and that they were too bad\nOf one trunk",
		clear, CLI_PRIV},
};
const struct cli_table cli_trunk_quality = {rows, sizeof(rows) / sizeof(rows[0])};
