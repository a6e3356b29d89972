/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signed numbers of callers: the classes, and what became of calls. */
#include <errno.h>
#include <inttypes.h>

#include "cli/grammar/command.h"

static int add_sip(uint32_t worker, const struct ctl_sip_stats *stats, void *arg)
{
	struct ctl_sip_stats *sum = arg;

#define X(field, name, help) sum->field += stats->field;
	CTL_SIP_COUNTERS(X)
#undef X
	return 0;
}

static struct cli_table_out *classes_table(const struct cfg *cfg)
{
	static const struct cli_column columns[] = {
		{"TAG", "tag", 5, true, true},
		{"SIGNS", "signs", 5, false, false},
		{"ATTEST", "attestation", 6, false, false},
		{"VERIFIES", "verifies", 8, false, false},
		{"ON FAILURE", "verification", 10, false, false},
		{"CERTIFICATE", "certificate_url", 0, false, false},
	};
	static const char *const levels[] = {"-", "A", "B", "C"};
	static const char *const policies[] = {"pass", "reject", "require"};
	struct cli_table_out *table = cli_table_new(columns, 6);

	for (uint32_t i = 0; table && i < cfg->n_stirs; i++) {
		const struct cfg_stir *stir = &cfg->stirs[i];

		cli_table_cell(table, "%u", stir->tag);
		cli_table_cell(table, "%s", stir->private_key[0] ? "yes" : "no");
		cli_table_cell(table, "%s", levels[stir->attestation & 3]);
		cli_table_cell(table, "%s", stir->trust[0] ? "yes" : "no");
		cli_table_cell(table, "%s", policies[stir->verification % 3]);
		cli_table_cell(table, "%s", stir->certificate_url[0] ? stir->certificate_url : "-");
	}
	return table;
}

static struct cli_table_out *counters_table(const struct ctl_sip_stats *sum)
{
	static const struct cli_column columns[] = {
		{"COUNTER", "counter", 18, false, false},
		{"VALUE", "value", 12, true, true},
		{"MEANING", "meaning", 0, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 3);

#define X(field, name, help)                                   \
	if (table && strncmp(name, "stir-", 5) == 0) {         \
		cli_table_cell(table, "%s", name);             \
		cli_table_cell(table, "%" PRIu64, sum->field); \
		cli_table_cell(table, "%s", help);             \
	}
	CTL_SIP_COUNTERS(X)
#undef X
	return table;
}

static int show_stir(struct cli_ctx *ctx)
{
	struct ctl_sip_stats sum = {0};
	struct cli_table_out *classes, *counters;

	ctx->source->sip(ctx->source->ctx, add_sip, &sum);
	classes = classes_table(ctx->running);
	counters = counters_table(&sum);
	if (!classes || !counters)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	if (ctx->json) {
		json_t *json = json_object();

		json_object_set_new(json, "classes", cli_table_json(classes));
		json_object_set_new(json, "counters", cli_table_json(counters));
		return cli_print_json(ctx, json);
	}
	cli_table_text(ctx, classes);
	buf_puts(ctx->out, "\n");
	cli_table_text(ctx, counters);
	cli_table_free(classes);
	cli_table_free(counters);
	return 0;
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show stir",
		"Show what the box does and knows\nSigned numbers of callers (STIR/SHAKEN): "
		"classes "
		"and counters",
		show_stir, FLAGS},
};
const struct cli_table cli_show_stir = {rows, sizeof(rows) / sizeof(rows[0])};
