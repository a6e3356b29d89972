/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show sip-ua connections: transports of SIP, totals, connections that are up, listeners; and ending one. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/grammar/command.h"

/* Which transports a command is about. */
struct want {
	bool all, brief;
	uint8_t transport; /* enum cfg_transport */
};

static bool wanted(const struct want *want, uint8_t transport)
{
	return want->all || want->transport == transport;
}

/* The arguments are a transport, "tls" behind tcp (as Cisco has it), "brief" or "detail", each or none. */
static struct want want_of(const struct cli_ctx *ctx)
{
	struct want want = {.all = true};
	const char *word;

	for (unsigned int i = 0; (word = cli_arg(ctx, i)) != NULL; i++) {
		if (strcmp(word, "brief") == 0)
			want.brief = true;
		for (const struct cfg_word *w = cfg_listen_words; w->word; w++) {
			if (strcmp(w->word, word) == 0) {
				want.transport = w->value;
				want.all = false;
			}
		}
	}
	return want;
}

static const char *transport_word(uint8_t transport)
{
	for (const struct cfg_word *w = cfg_listen_words; w->word; w++) {
		if (w->value == transport)
			return w->word;
	}
	return "";
}

static const struct cli_column conn_columns[] = {
	{"Conn-Id", "id", 8, true, true},
	{"Transport", "transport", 9, false, false},
	{"Remote-Agent", "remote", 24, false, false},
	{"Local-Address", "local", 24, false, false},
	{"Conn-State", "state", 12, false, false},
	{"Opened-By", "opened_by", 9, false, false},
	{"Age(s)", "age_s", 8, true, true},
	{"Realm", "realm", 0, false, false},
};

static const struct cli_column listen_columns[] = {
	{"Realm", "realm", 16, false, false},
	{"Transport", "transport", 9, false, false},
	{"Local-Address", "local", 0, false, false},
};

struct walk {
	struct cli_ctx *ctx;
	struct cli_table_out *table;
	struct want want;
	uint32_t n;
};

static int conn_row(const struct cli_conn *conn, void *arg)
{
	struct walk *walk = arg;
	uint64_t now_ms = walk->ctx->source->now_ms(walk->ctx->source->ctx);
	char text[IPADDR_TEXT_MAX];

	if (!wanted(&walk->want, conn->conn.transport))
		return 0;
	walk->n++;
	cli_table_cell(walk->table, "%u", conn->number);
	cli_table_cell(walk->table, "%s", transport_word(conn->conn.transport));
	cli_table_cell(walk->table, "%s", ipaddr_print_port(&conn->conn.remote, text));
	cli_table_cell(walk->table, "%s", ipaddr_print_port(&conn->conn.local, text));
	cli_table_cell(walk->table, "Established");
	cli_table_cell(walk->table, "%s", conn->conn.accepted ? "far-end" : "box");
	cli_table_cell(walk->table, "%" PRIu64,
		now_ms > conn->since_ms ? (now_ms - conn->since_ms) / 1000 : 0);
	cli_table_cell(walk->table, "%s", conn->conn.realm);
	return 0;
}

static void listen_rows(const struct walk *walk)
{
	const struct cfg *cfg = walk->ctx->running;
	char text[IPADDR_TEXT_MAX];

	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		const struct cfg_realm *realm = &cfg->realms[i];
		for (uint32_t k = 0; k < realm->n_listen; k++) {
			if (!wanted(&walk->want, realm->listen[k].transport))
				continue;
			cli_table_cell(walk->table, "%s", realm->name);
			cli_table_cell(
				walk->table, "%s", transport_word(realm->listen[k].transport));
			cli_table_cell(
				walk->table, "%s", ipaddr_print_port(&realm->listen[k].addr, text));
		}
	}
}

static int add_sip(uint32_t worker, const struct ctl_sip_stats *stats, void *arg)
{
	struct ctl_sip_stats *sum = arg;

#define X(field, name, help) sum->field += stats->field;
	CTL_SIP_COUNTERS(X)
#undef X
	return 0;
}

/* Figures of all connections together, Cisco's words first. */
#define TOTALS(X)                                                          \
	X("No. of send failures", "send_failures", tx_dropped)             \
	X("No. of remote closures", "remote_closures", conns_far_closed)   \
	X("No. of conn. failures", "connection_failures", conns_failed)    \
	X("No. of inactive conn. ageouts", "inactive_ageouts", conns_aged) \
	X("No. of conn. accepted", "accepted", conns_accepted)             \
	X("No. of conn. opened", "opened", conns_opened)                   \
	X("No. of conn. refused by limits", "refused", conns_refused)      \
	X("No. of slow senders", "slow_senders", conns_slow)               \
	X("No. of keep-alives", "keepalives", keepalives)

static void print_totals(struct cli_ctx *ctx, uint32_t n, const struct ctl_sip_stats *sum)
{
	buf_printf(ctx->out, "%-30s: %u\n", "Total active connections", n);
#define X(words, key, field) buf_printf(ctx->out, "%-30s: %" PRIu64 "\n", words, sum->field);
	TOTALS(X)
#undef X
}

static json_t *json_totals(uint32_t n, const struct ctl_sip_stats *sum)
{
	json_t *totals = json_object();

	json_object_set_new(totals, "active", json_integer(n));
#define X(words, key, field) json_object_set_new(totals, key, json_integer((json_int_t)sum->field));
	TOTALS(X)
#undef X
	return totals;
}

#define N_COLUMNS(columns) (sizeof(columns) / sizeof((columns)[0]))

static int show_connections(struct cli_ctx *ctx)
{
	struct walk conns = {.ctx = ctx, .want = want_of(ctx)}, listens = conns;
	struct ctl_sip_stats sum = {0};

	conns.table = cli_table_new(conn_columns, N_COLUMNS(conn_columns));
	listens.table = cli_table_new(listen_columns, N_COLUMNS(listen_columns));
	if (!conns.table || !listens.table) {
		cli_table_free(conns.table);
		cli_table_free(listens.table);
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	}
	ctx->source->conns(ctx->source->ctx, conn_row, &conns);
	ctx->source->sip(ctx->source->ctx, add_sip, &sum);
	listen_rows(&listens);
	if (ctx->json)
		return cli_print_json(
			ctx, json_pack("{s:o,s:o,s:o}", "totals", json_totals(conns.n, &sum),
				     "connections", cli_table_json(conns.table), "listen",
				     cli_table_json(listens.table)));
	print_totals(ctx, conns.n, &sum);
	if (!conns.want.brief) {
		buf_printf(ctx->out, "\n");
		cli_table_text(ctx, conns.table);
	}
	buf_printf(
		ctx->out, "\n-------------- SIP Transport Layer Listen Sockets ---------------\n");
	cli_table_text(ctx, listens.table);
	cli_table_free(conns.table);
	cli_table_free(listens.table);
	return 0;
}

static int clear_connection(struct cli_ctx *ctx)
{
	const struct want want = want_of(ctx);
	const char *number = NULL, *word;

	for (unsigned int i = 0; (word = cli_arg(ctx, i)) != NULL; i++)
		number = word;
	int rc = number ? ctx->source->conn_end(ctx->source->ctx,
				  (uint32_t)strtoul(number, NULL, 10), want.transport)
			: -EINVAL;
	if (rc == -ENOENT)
		return cli_fail(ctx, rc, "There is no %s connection %s",
			transport_word(want.transport), number);
	if (rc < 0)
		return cli_fail(ctx, rc, "limen-sip is not reachable");
	return 0;
}

#define FLAGS	 (CLI_JSON | CLI_PIPE)
#define HELP	 "Transports of SIP: connections that are up, listeners\n"
#define FORM	 "\nTotals and listeners\nEach connection, too"
#define NUMBER	 "<1-4294967295>"
#define END_HELP "\nIts number, as in `show sip-ua connections`"
static const struct cli_row rows[] = {
	{"show sip-ua connections", "Transports of SIP: connections that are up, listeners",
		show_connections, FLAGS},
	{"show sip-ua connections (udp|tcp|tls|ws|wss) [(brief|detail)]",
		HELP "UDP\nTCP\nTLS\nWebSocket\nSecure WebSocket" FORM, show_connections, FLAGS},
	{"show sip-ua connections tcp (tls) [(brief|detail)]", "TCP\nTLS over it" FORM,
		show_connections, FLAGS},
	{"clear sip-ua (tcp|tls|ws|wss) connection id " NUMBER,
		"SIP\nTCP\nTLS\nWebSocket\nSecure WebSocket\nA connection\nOne of them" END_HELP,
		clear_connection, CLI_PRIV},
	{"clear sip-ua tcp (tls) connection id " NUMBER,
		"TLS over it\nA connection\nOne of them" END_HELP, clear_connection, CLI_PRIV},
};
const struct cli_table cli_show_conns = {rows, sizeof(rows) / sizeof(rows[0])};
