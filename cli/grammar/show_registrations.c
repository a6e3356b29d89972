/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is registered: show sip-ua registrations, clear sip-ua registration. */
#include "cli/grammar/command.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ROWS_MAX 5000 /* of all users; the rest is only counted */

struct listing {
	struct cli_table_out *table;
	uint64_t now_ms;
	unsigned int n;
};

static const char *transport_word(uint8_t transport)
{
	static const char *const words[] = {"-", "udp", "tcp", "tls", "ws", "wss"};

	return transport < sizeof(words) / sizeof(words[0]) ? words[transport] : "-";
}

static const char *digest_word(uint8_t digest)
{
	static const char *const words[] = {"none", "MD5", "SHA-256", "SHA-512-256"};

	return digest < sizeof(words) / sizeof(words[0]) ? words[digest] : "none";
}

static int row(const struct ctl_reg *reg, void *arg)
{
	struct listing *l = arg;
	char text[IPADDR_TEXT_MAX], when[48];

	if (l->n++ >= ROWS_MAX)
		return 1;
	cli_table_cell(l->table, "%s", reg->user);
	cli_table_cell(l->table, "%s", reg->realm);
	cli_table_cell(l->table, "%s", reg->contact);
	cli_table_cell(l->table, "%s", ipaddr_print_port(&reg->remote, text));
	cli_table_cell(l->table, "%s", transport_word(reg->transport));
	cli_table_cell(l->table, "%" PRIu64,
		reg->expires_ms > l->now_ms ? (reg->expires_ms - l->now_ms) / 1000 : 0);
	cli_table_cell(l->table, "%s", reg->flags & CTL_REG_NAT ? "yes" : "no");
	cli_table_cell(l->table, "%s", digest_word(reg->digest));
	cli_table_cell(l->table, "%u", reg->q);
	if (reg->flags & CTL_REG_OUTBOUND)
		cli_table_cell(l->table, "%u", reg->reg_id);
	else
		cli_table_null(l->table);
	cli_table_cell(l->table, "%s", cli_print_time(reg->since_ms, when));
	if (reg->agent[0])
		cli_table_cell(l->table, "%s", reg->agent);
	else
		cli_table_null(l->table);
	return 0;
}

static int show(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"USER", "user", 16, false, false},
		{"REALM", "realm", 10, false, false},
		{"CONTACT", "contact", 32, false, false},
		{"FROM", "source", 21, false, false},
		{"TRAN", "transport", 4, false, false},
		{"EXPIRES", "expires_s", 7, true, true},
		{"NAT", "nat", 3, false, false},
		{"DIGEST", "digest", 11, false, false},
		{NULL, "q", 0, false, true},
		{NULL, "reg_id", 0, false, true},
		{NULL, "since", 0, false, false},
		{"AGENT", "agent", 0, false, false},
	};
	const char *user = cli_arg(ctx, 0), *problem;
	struct listing l = {.table = cli_table_new(columns, 12), .now_ms = cli_now_ms(ctx->engine)};
	uint64_t n;
	int rc;

	ctx->source->registrations(ctx->source->ctx, user, row, &l);
	rc = cli_table_print(ctx, l.table);
	if (ctx->json || rc < 0)
		return rc;
	problem = ctx->source->registrations_state(ctx->source->ctx, &n);
	if (l.n > ROWS_MAX)
		buf_printf(ctx->out, "The first %u of %" PRIu64 "; name a user to see others\n",
			ROWS_MAX, n);
	if (problem[0])
		buf_printf(ctx->out, "A restart of limen-control loses these: %s\n", problem);
	return 0;
}

struct sums {
	uint64_t n, nat, outbound, users, by_transport[8], by_digest[8];
	char user[CTL_REG_USER_MAX];
};

static int sum_row(const struct ctl_reg *reg, void *arg)
{
	struct sums *s = arg;

	s->n++;
	s->nat += (reg->flags & CTL_REG_NAT) != 0;
	s->outbound += (reg->flags & CTL_REG_OUTBOUND) != 0;
	s->by_transport[reg->transport & 7]++;
	s->by_digest[reg->digest & 7]++;
	if (s->users == 0 || strcmp(s->user, reg->user) != 0)
		s->users++;
	memcpy(s->user, reg->user, sizeof(s->user));
	return 0;
}

static int show_summary(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"WHAT", "name", 24, false, false},
		{"CONTACTS", "contacts", 10, true, true},
	};
	struct cli_table_out *table = cli_table_new(columns, 2);
	struct sums s = {0};

	ctx->source->registrations(ctx->source->ctx, NULL, sum_row, &s);
	const struct {
		const char *name;
		uint64_t n;
	} lines[] = {{"all", s.n}, {"users", s.users}, {"behind NAT", s.nat},
		{"outbound (RFC 5626)", s.outbound}, {"udp", s.by_transport[1]},
		{"tcp", s.by_transport[2]}, {"tls", s.by_transport[3]}, {"ws", s.by_transport[4]},
		{"wss", s.by_transport[5]}, {"digest MD5", s.by_digest[1]},
		{"digest SHA-256", s.by_digest[2]}, {"digest SHA-512-256", s.by_digest[3]}};
	for (unsigned int i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		cli_table_cell(table, "%s", lines[i].name);
		cli_table_cell(table, "%" PRIu64, lines[i].n);
	}
	return cli_table_print(ctx, table);
}

static int clear(struct cli_ctx *ctx)
{
	const char *user = cli_arg(ctx, 0);
	int rc = ctx->source->registration_clear(ctx->source->ctx, user, false);

	switch (rc) {
	case 0:
		return 0;
	case -ENOENT:
		return cli_fail(ctx, rc, "User %s is not registered", user);
	default:
		return cli_fail(
			ctx, rc, "limen-sip, which has the registrations of %s, is away", user);
	}
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show sip-ua registrations", "SIP\nWho is registered here, and where", show, FLAGS},
	{"show sip-ua registrations user WORD", "One user\nName of the user", show, FLAGS},
	{"show sip-ua registrations summary", "How many are registered, and how", show_summary,
		FLAGS},
	{"clear sip-ua registration WORD",
		"SIP\nRemove the registrations of a user; its phones come back when they register "
		"again\nName of the user",
		clear, CLI_PRIV},
};
const struct cli_table cli_show_registrations = {rows, sizeof(rows) / sizeof(rows[0])};
