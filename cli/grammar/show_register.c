/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show sip-ua register status: trunks where the box is registered. Columns and the words yes and no as
 * Cisco has them, for scripts; the trunk and why it is so stand behind. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/grammar/command.h"

static const struct cli_column columns[] = {
	{"Line", "line", 24, false, false},
	{"peer", "peer", 8, false, true},
	{"expires(sec)", "expires_s", 12, false, true},
	{"reg", "registered", 3, false, false},
	{"survival", "survival", 8, false, false},
	{"P-Associ-URI", "associated_uri", 24, false, false},
	{"Trunk", "trunk", 12, false, false},
	{"Status", "status", 0, false, false},
};

static void registration_row(
	struct cli_ctx *ctx, struct cli_table_out *table, const struct cfg_trunk *trunk)
{
	struct ctl_reg_status status = {.reason = "limen-sip has not said anything yet"};
	uint64_t now_ms = ctx->source->now_ms(ctx->source->ctx), left_s = 0;

	(void)ctx->source->registration(ctx->source->ctx, trunk->name, &status);
	if (status.registered && status.until_ms > now_ms)
		left_s = (status.until_ms - now_ms) / 1000;
	cli_table_cell(
		table, "%s", trunk->reg_number[0] ? trunk->reg_number : trunk->auth_username);
	cli_table_cell(table, "%d", -1);
	cli_table_cell(table, "%" PRIu64, left_s);
	cli_table_cell(table, "%s", status.registered ? "yes" : "no");
	cli_table_cell(table, "normal");
	cli_table_cell(table, "%s", status.associated);
	cli_table_cell(table, "%s", trunk->name);
	cli_table_cell(table, "%s", trunk->shutdown ? "the trunk is shut down" : status.reason);
}

bool cli_trunk_registered(struct cli_ctx *ctx, const struct cfg_trunk *trunk)
{
	struct ctl_reg_status status;

	return ctx->source->registration(ctx->source->ctx, trunk->name, &status) &&
	       status.registered;
}

static int show_register_status(struct cli_ctx *ctx)
{
	struct cli_table_out *table = cli_table_new(columns, sizeof(columns) / sizeof(columns[0]));

	if (!table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	for (uint32_t i = 0; i < ctx->running->n_trunks; i++) {
		if (ctx->running->trunks[i].reg_expires_s != 0)
			registration_row(ctx, table, &ctx->running->trunks[i]);
	}
	return cli_table_print(ctx, table);
}

static const struct cli_row rows[] = {
	{"show sip-ua register status", "Registrations of the box at carriers\nTheir state",
		show_register_status, CLI_JSON | CLI_PIPE},
};
const struct cli_table cli_show_register = {rows, sizeof(rows) / sizeof(rows[0])};
