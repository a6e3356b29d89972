/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Registrations of registrars behind the box: show registration cache, clear registration cache. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/grammar/command.h"

#define ROWS_MAX 5000 /* of all users; the rest is only counted */

struct listing {
	struct cli_table_out *table;
	uint64_t now_ms;
	unsigned int n;
};

static uint64_t left_s(uint64_t until_ms, uint64_t now_ms)
{
	return until_ms > now_ms ? (until_ms - now_ms) / 1000 : 0;
}

static int row(const struct ctl_reg *reg, void *arg)
{
	struct listing *l = arg;
	char text[IPADDR_TEXT_MAX];

	if (!(reg->flags & CTL_REG_CACHED))
		return 0;
	if (l->n++ >= ROWS_MAX)
		return 1;
	cli_table_cell(l->table, "%s", reg->user);
	cli_table_cell(l->table, "%s", reg->realm);
	cli_table_cell(l->table, "%s", ipaddr_print_port(&reg->remote, text));
	cli_table_cell(l->table, "%" PRIu64, left_s(reg->expires_ms, l->now_ms));
	cli_table_cell(l->table, "%" PRIu64, left_s(reg->core_until_ms, l->now_ms));
	cli_table_cell(l->table, "%u", reg->shielded);
	cli_table_cell(l->table, "%u", reg->forwarded);
	if (reg->core_lost_ms)
		cli_table_cell(l->table, "no answer for %" PRIu64 " s",
			l->now_ms > reg->core_lost_ms ? (l->now_ms - reg->core_lost_ms) / 1000 : 0);
	else
		cli_table_cell(l->table, "ok");
	cli_table_cell(l->table, "%s", reg->contact);
	return 0;
}

static int show(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"USER", "user", 28, false, false},
		{"REALM", "realm", 10, false, false},
		{"FROM", "source", 21, false, false},
		{"EXPIRES", "expires_s", 7, true, true},
		{"CORE", "core_expires_s", 6, true, true},
		{"SHIELDED", "shielded", 8, true, true},
		{"FORWARDED", "forwarded", 9, true, true},
		{"REGISTRAR", "registrar", 16, false, false},
		{"CONTACT", "contact", 0, false, false},
	};
	struct listing l = {.table = cli_table_new(columns, 9), .now_ms = cli_now_ms(ctx->engine)};
	int rc;

	if (!l.table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	ctx->source->registrations(ctx->source->ctx, cli_arg(ctx, 0), row, &l);
	rc = cli_table_print(ctx, l.table);
	if (!ctx->json && rc == 0 && l.n > ROWS_MAX)
		buf_printf(ctx->out, "Only the first %u; name a user to see others\n", ROWS_MAX);
	return rc;
}

struct sums {
	uint64_t now_ms, n, nat, lost, gone, shielded, forwarded;
};

static int sum_row(const struct ctl_reg *reg, void *arg)
{
	struct sums *s = arg;

	if (!(reg->flags & CTL_REG_CACHED))
		return 0;
	s->n++;
	s->nat += (reg->flags & CTL_REG_NAT) != 0;
	s->lost += reg->core_lost_ms != 0;
	s->gone += reg->core_until_ms <= s->now_ms;
	s->shielded += reg->shielded;
	s->forwarded += reg->forwarded;
	return 0;
}

static int show_brief(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"WHAT", "name", 40, false, false},
		{"NUMBER", "number", 12, true, true},
	};
	struct cli_table_out *table = cli_table_new(columns, 2);
	struct sums s = {.now_ms = cli_now_ms(ctx->engine)};

	if (!table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	ctx->source->registrations(ctx->source->ctx, NULL, sum_row, &s);
	const struct {
		const char *name;
		uint64_t n;
	} lines[] = {{"contacts", s.n}, {"behind NAT", s.nat},
		{"kept, as their registrar does not answer", s.lost},
		{"over in their registrar", s.gone}, {"their REGISTERs, shielded", s.shielded},
		{"their REGISTERs, forwarded", s.forwarded}};
	for (unsigned int i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		cli_table_cell(table, "%s", lines[i].name);
		cli_table_cell(table, "%" PRIu64, lines[i].n);
	}
	return cli_table_print(ctx, table);
}

static int show_statistics(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"COUNTER", "counter", 18, false, false},
		{"VALUE", "value", 12, true, true},
		{"MEANING", "meaning", 0, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 3);
	struct ctl_sip_stats sum;

	if (!table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	cli_sip_sum(ctx, &sum);
#define X(field, name, help)                                  \
	if (strncmp(name, "reg", 3) == 0) {                   \
		cli_table_cell(table, "%s", name);            \
		cli_table_cell(table, "%" PRIu64, sum.field); \
		cli_table_cell(table, "%s", help);            \
	}
	CTL_SIP_COUNTERS(X)
#undef X
	return cli_table_print(ctx, table);
}

static int cleared(struct cli_ctx *ctx, int rc)
{
	return rc < 0 ? cli_fail(ctx, rc, "limen-sip, which has the registrations, is away") : 0;
}

static int clear_user(struct cli_ctx *ctx)
{
	const char *user = cli_arg(ctx, 0);
	int rc = ctx->source->registration_clear(ctx->source->ctx, user, true);

	if (rc == -ENOENT)
		return cli_fail(ctx, rc, "The cache has no registration of %s", user);
	return cleared(ctx, rc);
}

static int clear_all(struct cli_ctx *ctx)
{
	return cleared(ctx, ctx->source->registration_clear(ctx->source->ctx, NULL, true));
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show registration cache",
		"Registrations of phones\nThose of registrars behind the box (registration "
		"passthrough)",
		show, FLAGS},
	{"show registration cache user WORD", "One user\nuser@domain", show, FLAGS},
	{"show registration cache brief", "How many there are", show_brief, FLAGS},
	{"show registration cache statistics", "Counters of REGISTERs", show_statistics, FLAGS},
	{"clear registration cache WORD",
		"Registrations of phones\nRemove those of registrars behind the box, also from "
		"there\n"
		"One user: user@domain",
		clear_user, CLI_PRIV},
	{"clear registration cache all", "All users", clear_all, CLI_PRIV},
};
const struct cli_table cli_show_cache = {rows, sizeof(rows) / sizeof(rows[0])};
