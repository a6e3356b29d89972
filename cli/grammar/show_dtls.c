/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What limen-nat tells of its handshakes. */
#include <errno.h>
#include <inttypes.h>

#include "cli/grammar/command.h"

static struct cli_table_out *counters_table(const struct ctl_nat_counts *counts)
{
	static const struct cli_column columns[] = {
		{"COUNTER", "counter", 18, false, false},
		{"VALUE", "value", 12, true, true},
		{"MEANING", "meaning", 0, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 3);

	if (!table)
		return NULL;
#define X(field, name, help)                              \
	cli_table_cell(table, "%s", name);                \
	cli_table_cell(table, "%" PRIu64, counts->field); \
	cli_table_cell(table, "%s", help);
	CTL_NAT_COUNTERS(X)
#undef X
	return table;
}

static int show_dtls_statistics(struct cli_ctx *ctx)
{
	struct ctl_nat_info info;
	struct cli_table_out *table;
	char text[FINGERPRINT_TEXT] = "";
	bool here;

	ctx->source->nat(ctx->source->ctx, &info);
	here = info.own.hash != FINGERPRINT_NONE;
	if (here)
		fingerprint_print(&info.own, text);
	table = counters_table(&info.counts);
	if (!table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	if (ctx->json) {
		json_t *json = json_pack("{s:b,s:s,s:I}", "running", here, "fingerprint", text,
			"associations", (json_int_t)info.n_associations);
		json_object_set_new(json, "counters", cli_table_json(table));
		return cli_print_json(ctx, json);
	}
	if (here)
		buf_printf(ctx->out, "Certificate: %s\n", text);
	else
		buf_printf(ctx->out,
			"limen-nat is not running: no new DTLS handshakes. Its last figures:\n");
	buf_printf(ctx->out, "Associations: %u\n\n", info.n_associations);
	cli_table_text(ctx, table);
	cli_table_free(table);
	return 0;
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show dtls statistics",
		"Show what the box does and knows\nHandshakes that give SRTP its keys\nCertificate "
		"and counters",
		show_dtls_statistics, FLAGS},
};
const struct cli_table cli_show_dtls = {rows, sizeof(rows) / sizeof(rows[0])};
