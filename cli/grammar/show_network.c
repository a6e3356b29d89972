/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * show commands about what may come in, read from the data plane's statistics segment. Rates are
 * those of the running configuration.
 */
#include "cli/grammar/command.h"

#include <errno.h>
#include <inttypes.h>

static uint64_t drops(const struct dp_stats_header *header, enum dp_drop reason)
{
	const char *rows = (const char *)header + header->off_workers;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < header->n_workers && i < DP_WORKERS_MAX; i++) {
		const struct dp_worker_stats
			*w = (const void *)(rows + i * sizeof(struct dp_worker_stats));
		sum += __atomic_load_n(&w->drops[reason], __ATOMIC_RELAXED);
	}
	return sum;
}

static void rate_cell(struct cli_table_out *table, uint32_t rate)
{
	if (rate)
		cli_table_cell(table, "%u", rate);
	else
		cli_table_null(table);
}

static int show_control_plane(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"CLASS", "class", 12, false, false},
		{"RATE", "rate", 8, true, true},
		{"SOURCE-RATE", "source_rate", 11, true, true},
		{"DROPPED", "dropped", 12, true, true},
		{"MEANING", "meaning", 0, false, false},
	};
	static const struct {
		const char *word, *text;
	} classes[DP_POLICE_N] = {
#define X(sym, word, rate, source_rate, text) {word, text},
		DP_POLICE(X)
#undef X
	};
	const struct dp_stats_header *header = ctx->source->dp_stats(ctx->source->ctx);
	struct cli_table_out *table;

	if (!header)
		return cli_fail(ctx, -ENOTCONN, "limen-dataplane is not connected");
	table = cli_table_new(columns, 5);
	for (unsigned int i = 0; table && i < DP_POLICE_N; i++) {
		cli_table_cell(table, "%s", classes[i].word);
		rate_cell(table, ctx->running->police[i].rate);
		rate_cell(table, ctx->running->police[i].source_rate);
		cli_table_cell(table, "%" PRIu64, drops(header, DP_DROP_POLICE_ARP + i));
		cli_table_cell(table, "%s", classes[i].text);
	}
	if (table) {
		cli_table_cell(table, "source");
		cli_table_null(table);
		cli_table_null(table);
		cli_table_cell(table, "%" PRIu64, drops(header, DP_DROP_POLICE_SOURCE));
		cli_table_cell(table, "of any class, above the source-rate");
	}
	return cli_table_print(ctx, table);
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show control-plane", "Limits of what reaches the box itself, and what was over them",
		show_control_plane, FLAGS},
};
const struct cli_table cli_show_network = {rows, sizeof(rows) / sizeof(rows[0])};
