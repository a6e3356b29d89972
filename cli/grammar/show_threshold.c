/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show call threshold: the limits of calls, and how far they are used. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/grammar/command.h"

/* Calls now, by the index of their realm, trunk and dial-peer in the configuration. */
struct usage {
	const struct cfg *cfg;
	uint32_t *realms, *trunks, *peers;
	uint32_t all;
};

static int count_call(const struct ctl_call *call, void *arg)
{
	struct usage *u = arg;
	const struct cfg_dial_peer *peer = cfg_find_dial_peer(u->cfg, call->dial_peer_out);

	u->all++;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct cfg_realm *realm = cfg_find_realm(u->cfg, call->realm[leg]);
		const struct cfg_trunk *trunk = cfg_find_trunk(u->cfg, call->trunk[leg]);

		if (realm)
			u->realms[realm - u->cfg->realms]++;
		if (trunk)
			u->trunks[trunk - u->cfg->trunks]++;
	}
	if (peer)
		u->peers[peer - u->cfg->dial_peers]++;
	return 0;
}

static void put_number(struct cli_table_out *table, uint32_t n)
{
	if (n)
		cli_table_cell(table, "%u", n);
	else
		cli_table_null(table);
}

static void put_row(struct cli_table_out *table, const char *kind, const char *name, uint32_t calls,
	uint32_t max, uint32_t spike)
{
	cli_table_cell(table, "%s", kind);
	cli_table_cell(table, "%s", name);
	cli_table_cell(table, "%u", calls);
	put_number(table, max);
	put_number(table, spike);
}

static int show_threshold(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"Of", "of", 9, false, false},
		{"Name", "name", 31, false, false},
		{"Calls", "calls", 7, true, true},
		{"Max-conn", "max_conn", 8, true, true},
		{"Spike/s", "call_spike", 7, true, true},
	};
	const struct cfg *cfg = ctx->running;
	struct usage u = {.cfg = cfg,
		.realms = calloc(cfg->n_realms + 1, sizeof(uint32_t)),
		.trunks = calloc(cfg->n_trunks + 1, sizeof(uint32_t)),
		.peers = calloc(cfg->n_dial_peers + 1, sizeof(uint32_t))};
	struct cli_table_out *table = cli_table_new(columns, 5);
	char tag[16];
	int rc = -ENOMEM;

	if (u.realms && u.trunks && u.peers && table) {
		ctx->source->calls(ctx->source->ctx, count_call, &u);
		put_row(table, "box", "-", u.all, cfg->max_calls, 0);
		for (uint32_t i = 0; i < cfg->n_realms; i++)
			put_row(table, "realm", cfg->realms[i].name, u.realms[i],
				cfg->realms[i].max_conn, cfg->realms[i].call_spike);
		for (uint32_t i = 0; i < cfg->n_trunks; i++)
			put_row(table, "trunk", cfg->trunks[i].name, u.trunks[i],
				cfg->trunks[i].max_conn, cfg->trunks[i].call_spike);
		for (uint32_t i = 0; i < cfg->n_dial_peers; i++) {
			if (!cfg->dial_peers[i].max_conn)
				continue;
			snprintf(tag, sizeof(tag), "%u", cfg->dial_peers[i].tag);
			put_row(table, "dial-peer", tag, u.peers[i], cfg->dial_peers[i].max_conn,
				0);
		}
		rc = cli_table_print(ctx, table);
	} else {
		cli_table_free(table);
		cli_fail(ctx, rc, "Out of memory");
	}
	free(u.realms);
	free(u.trunks);
	free(u.peers);
	return rc;
}

static const struct cli_row rows[] = {
	{"show call threshold", "Limits of calls and how far they are used", show_threshold,
		CLI_JSON | CLI_PIPE},
};
const struct cli_table cli_show_threshold = {rows, sizeof(rows) / sizeof(rows[0])};
