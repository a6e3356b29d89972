/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which way calls go and what becomes of their numbers: commands that ask the router itself, so
 * that what they say is what happens.
 */
#include "cli/grammar/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sip-b2bua/routing/route.h"

static bool route_trunk_up(void *arg, uint32_t trunk_index)
{
	struct cli_ctx *ctx = arg;

	return cli_trunk_up(ctx, &ctx->running->trunks[trunk_index]);
}

static const struct ctl_quality *route_quality(void *arg, uint32_t trunk_index)
{
	struct cli_ctx *ctx = arg;

	return cli_trunk_told(ctx, &ctx->running->trunks[trunk_index]);
}

static void cell_destination(struct cli_table_out *table, const struct cfg_dial_peer *peer)
{
	if (peer->destination_map)
		cli_table_cell(table, "map:%u", peer->destination_map);
	else
		cli_table_cell(table, "%s", peer->destination_pattern);
}

static int print_routes(struct cli_ctx *ctx, const struct route_result *result, const char *realm)
{
	static const struct cli_column columns[] = {
		{"ORDER", "order", 5, true, true},
		{"TAG", "tag", 6, false, true},
		{"DEST-PATTERN", "destination_pattern", 16, false, false},
		{"FER", "preference", 3, true, true},
		{"MATCHED", "matched", 7, true, true},
		{"TARGET", "target", 24, false, false},
		{"VERDICT", "verdict", 0, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 7);
	char text[ROUTE_REASON_MAX], target[ROUTE_TARGET_MAX];
	unsigned int order = 0;

	for (uint32_t i = 0; i < result->n_rows; i++) {
		const struct route_row *row = &result->rows[i];
		if (row->verdict == ROUTE_USE)
			cli_table_cell(table, "%u", ++order);
		else
			cli_table_null(table);
		cli_table_cell(table, "%u", row->peer->tag);
		cell_destination(table, row->peer);
		cli_table_cell(table, "%u", row->peer->preference);
		cli_table_cell(table, "%u", row->n_matched);
		cli_table_cell(table, "%s", route_row_target(row, target));
		cli_table_cell(table, "%s",
			row->verdict == ROUTE_USE ? "use" : route_row_explain(row, realm, text));
	}
	if (!ctx->json)
		buf_printf(ctx->out, "Number %s%s%s: %u of %u dial-peers can be used\n",
			result->number, realm ? " from realm " : "", realm ? realm : "",
			result->n_use, result->n_rows);
	if (!ctx->json && result->n_use == 0)
		buf_printf(ctx->out, "%s\n", route_result_explain(result, realm, text));
	if (!ctx->json && result->n_rows == 0) {
		cli_table_free(table);
		return 0;
	}
	return cli_table_print(ctx, table);
}

static int show_dialplan(struct cli_ctx *ctx)
{
	const char *number = cli_arg(ctx, 0), *realm = cli_arg(ctx, 1);
	struct route_result *result = calloc(1, sizeof(*result));
	struct route_table *table = NULL;
	char error[ROUTE_REASON_MAX] = "out of memory";
	int rc = result ? route_table_new(ctx->running, &table, error) : -ENOMEM;

	if (realm && !cfg_find_realm(ctx->running, realm)) {
		rc = -ENOENT;
		snprintf(error, sizeof(error), "there is no realm %.40s", realm);
	}
	if (rc == 0) {
		const struct route_query query = {.realm = realm,
			.called = view_of(number),
			.numbers = ctx->source->numbers(ctx->source->ctx),
			.now_s = (int64_t)(cli_now_ms(ctx->engine) / 1000),
			.up = route_trunk_up,
			.quality = route_quality,
			.arg = ctx};

		rc = route_lookup(table, &query, result);
		if (rc < 0)
			snprintf(error, sizeof(error), "%.60s is not a number", number);
	}
	rc = rc < 0 ? cli_fail(ctx, rc, "%s", error) : print_routes(ctx, result, realm);
	route_table_free(table);
	free(result);
	return rc;
}

/* ---- translation rules ---- */

static int print_translation(struct cli_ctx *ctx, enum translate_outcome outcome, uint32_t rank,
	const char *before, const char *after)
{
	static const char *const words[] = {
		[TRANSLATE_SAME] = "same",
		[TRANSLATE_CHANGED] = "changed",
		[TRANSLATE_REJECTED] = "rejected",
		[TRANSLATE_FAILED] = "failed",
	};

	if (ctx->json)
		return cli_print_json(
			ctx, json_pack("{s:s, s:I, s:s, s:s}", "outcome", words[outcome], "rule",
				     (json_int_t)rank, "original", before, "translated", after));
	if (rank == 0 && outcome == TRANSLATE_SAME)
		buf_printf(ctx->out, "Didn't match with any of rules\n");
	else if (rank == 0)
		buf_printf(
			ctx->out, "A number has at most %u characters\n", TRANSLATE_NUMBER_MAX - 1);
	else
		buf_printf(ctx->out, "Matched with rule %u\n", rank);
	if (outcome == TRANSLATE_REJECTED)
		buf_printf(ctx->out, "Original number: %s\tRejected\n", before);
	else if (outcome == TRANSLATE_FAILED && rank != 0)
		buf_printf(ctx->out,
			"Original number: %s\tRefused: the rule takes too many steps, or what it "
			"makes is too long\n",
			before);
	else if (rank != 0)
		buf_printf(ctx->out, "Original number: %s\tTranslated number: %s\n", before, after);
	return 0;
}

static int test_rule(struct cli_ctx *ctx, const struct cfg *cfg)
{
	uint32_t tag = (uint32_t)strtoul(cli_arg(ctx, 0), NULL, 10), rank;
	char error[TRANSLATE_REASON_MAX], after[TRANSLATE_NUMBER_MAX];
	const char *number = cli_arg(ctx, 1);
	enum translate_outcome outcome;
	struct translate *translate;
	int rc;

	if (!cfg_find_translation_rule(cfg, tag))
		return cli_fail(ctx, -ENOENT, "There is no voice translation-rule %u", tag);
	rc = translate_new(cfg, &translate, error);
	if (rc < 0)
		return cli_fail(ctx, rc, "%s", error);
	outcome = translate_number(translate, tag, number, after, &rank);
	translate_free(translate);
	return print_translation(ctx, outcome, rank, number, after);
}

static int test_rule_running(struct cli_ctx *ctx)
{
	return test_rule(ctx, ctx->running);
}

static int test_rule_candidate(struct cli_ctx *ctx)
{
	if (!ctx->session->candidate)
		return cli_fail(ctx, -ENOENT, "There is no candidate: use `configure private`");
	return test_rule(ctx, cfg_candidate_cfg(ctx->session->candidate));
}

static int show_rules(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"TAG", "tag", 6, true, true},
		{"RULE", "rule", 4, true, true},
		{"MATCH", "match", 24, false, false},
		{"REPLACEMENT", "replacement", 0, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 4);

	for (uint32_t i = 0; i < ctx->running->n_translation_rules; i++) {
		const struct cfg_translation_rule *list = &ctx->running->translation_rules[i];

		if (cli_arg(ctx, 0) && strtoul(cli_arg(ctx, 0), NULL, 10) != list->tag)
			continue;
		for (uint32_t k = 0; k < list->n_rules; k++) {
			const struct cfg_translation *rule = &list->rules[k];

			cli_table_cell(table, "%u", list->tag);
			cli_table_cell(table, "%u", rule->rank);
			cli_table_cell(table, "/%s/", rule->match);
			if (rule->reject)
				cli_table_cell(table, "reject");
			else
				cli_table_cell(table, "/%s/", rule->replace);
		}
	}
	return cli_table_print(ctx, table);
}

static void profile_users(struct cli_table_out *table, const struct cfg *cfg, const char *name)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < cfg->n_trunks; i++)
		n += strcmp(cfg->trunks[i].translation_incoming, name) == 0 ||
		     strcmp(cfg->trunks[i].translation_outgoing, name) == 0;
	cli_table_cell(table, "%u", n);
	n = 0;
	for (uint32_t i = 0; i < cfg->n_dial_peers; i++)
		n += strcmp(cfg->dial_peers[i].translation_outgoing, name) == 0;
	cli_table_cell(table, "%u", n);
}

static void cell_tag(struct cli_table_out *table, uint32_t tag)
{
	if (tag)
		cli_table_cell(table, "%u", tag);
	else
		cli_table_null(table);
}

static int show_profiles(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"PROFILE", "profile", 20, false, false},
		{"CALLING", "calling", 7, true, true},
		{"CALLED", "called", 7, true, true},
		{"REDIRECT", "redirect_called", 8, true, true},
		{"TRUNKS", "trunks", 6, true, true},
		{"DIAL-PEERS", "dial_peers", 10, true, true},
	};
	struct cli_table_out *table = cli_table_new(columns, 6);

	for (uint32_t i = 0; i < ctx->running->n_translation_profiles; i++) {
		const struct cfg_translation_profile *p = &ctx->running->translation_profiles[i];

		cli_table_cell(table, "%s", p->name);
		cell_tag(table, p->calling);
		cell_tag(table, p->called);
		cell_tag(table, p->redirect_called);
		profile_users(table, ctx->running, p->name);
	}
	return cli_table_print(ctx, table);
}

/* ---- e164-pattern-maps ---- */

static void map_row(struct cli_ctx *ctx, struct cli_table_out *table, bool is_table, uint32_t tag,
	const char *url)
{
	struct cli_map map = {0};
	char time[48];

	if (!ctx->source->map(ctx->source->ctx, is_table, tag, &map))
		snprintf(map.why, sizeof(map.why), "it is not known");
	cli_table_cell(table, "%u", tag);
	cli_table_cell(table, "%s", map.loading ? "loading" : map.loaded ? "loaded" : "missing");
	cli_table_cell(table, "%u", map.n_patterns);
	cli_table_cell(table, "%llu", (unsigned long long)map.bytes);
	cli_table_cell(table, "%u", map.build_ms);
	cli_table_cell(table, "%llu", (unsigned long long)map.loaded_ms);
	if (map.loaded)
		cli_table_cell(table, "%s", cli_print_time(map.loaded_ms, time));
	else
		cli_table_null(table);
	if (url[0])
		cli_table_cell(table, "%s", url);
	else
		cli_table_null(table);
	if (map.why[0])
		cli_table_cell(table, "%s", map.why);
	else
		cli_table_null(table);
}

#define MAP_COLUMNS(what, key)                                                                     \
	{                                                                                          \
		{"TAG", "tag", 5, true, true}, {"STATE", "state", 7, false, false},                \
			{what, key, 8, true, true}, {"BYTES", "bytes", 9, true, true},             \
			{"LOAD-MS", "load_ms", 7, true, true}, {NULL, "loaded_ms", 0, true, true}, \
			{"LOADED", "loaded", 29, false, false}, {"URL", "url", 20, false, false},  \
			{"PROBLEM", "problem", 0, false, false},                                   \
	}

static bool is_asked_for(struct cli_ctx *ctx, uint32_t tag)
{
	return !cli_arg(ctx, 0) || strtoul(cli_arg(ctx, 0), NULL, 10) == tag;
}

static int show_maps(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = MAP_COLUMNS("PATTERNS", "patterns");
	struct cli_table_out *table = cli_table_new(columns, 9);

	for (uint32_t i = 0; i < ctx->running->n_e164_maps; i++) {
		const struct cfg_e164_map *conf = &ctx->running->e164_maps[i];

		if (is_asked_for(ctx, conf->tag))
			map_row(ctx, table, false, conf->tag, conf->url);
	}
	return cli_table_print(ctx, table);
}

static int show_tables(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = MAP_COLUMNS("WAYS", "ways");
	struct cli_table_out *table = cli_table_new(columns, 9);

	for (uint32_t i = 0; i < ctx->running->n_route_tables; i++) {
		const struct cfg_route_table *conf = &ctx->running->route_tables[i];

		if (is_asked_for(ctx, conf->tag))
			map_row(ctx, table, true, conf->tag, conf->url);
	}
	return cli_table_print(ctx, table);
}

static int load_file(struct cli_ctx *ctx, bool is_table)
{
	const char *noun = is_table ? "route-table" : "e164-pattern-map";
	uint32_t tag = (uint32_t)strtoul(cli_arg(ctx, 0), NULL, 10);
	int rc = ctx->source->map_reload(ctx->source->ctx, is_table, tag);

	switch (rc) {
	case 0:
		buf_printf(ctx->out,
			"The file is read; `show voice class %s %u` says when it is there\n", noun,
			tag);
		return 0;
	case -ENOENT:
		return cli_fail(ctx, rc, "There is no voice class %s %u", noun, tag);
	case -ENODATA:
		return cli_fail(ctx, rc, "voice class %s %u has no url", noun, tag);
	case -EBUSY:
		return cli_fail(ctx, rc, "Another file is being read, or a commit runs");
	default:
		return cli_fail(ctx, rc, "The file cannot be read now: %s", strerror(-rc));
	}
}

static int load_map(struct cli_ctx *ctx)
{
	return load_file(ctx, false);
}

static int load_table(struct cli_ctx *ctx)
{
	return load_file(ctx, true);
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show dialplan number WORD [realm {realm}]",
		"Show what the box does and knows\nWhich way a call would go\nCalled number\n"
		"Digits\nFrom a realm\nIts name",
		show_dialplan, FLAGS},
	{"show voice translation-rule [<1-2147483647>]",
		"Show what the box does and knows\nVoice\nHow numbers are changed\nOne of them",
		show_rules, FLAGS},
	{"show voice translation-profile", "Which numbers are changed by which rules",
		show_profiles, FLAGS},
	{"show voice class e164-pattern-map [<1-10000>]",
		"Named lists\nNumbers that dial-peers are for\nOne of them", show_maps, FLAGS},
	{"show voice class route-table [<1-10000>]",
		"Trunks that lead to numbers, with rates and dates\nOne of them", show_tables,
		FLAGS},
	{"voice class route-table load <1-10000>",
		"Voice\nNamed lists\nTrunks that lead to numbers\n"
		"Read the file of a table again\nIts tag",
		load_table, CLI_PRIV},
	{"voice class e164-pattern-map load <1-10000>",
		"Voice\nNamed lists\nNumbers that dial-peers are for\n"
		"Read the file of a map again\nIts tag",
		load_map, CLI_PRIV},
	{"test voice translation-rule <1-2147483647> WORD",
		"Try something without doing it\nVoice\nWhat a rule makes of a number\nIts tag\n"
		"Number",
		test_rule_running, FLAGS},
	{"test voice translation-rule <1-2147483647> WORD candidate",
		"By the configuration that you are editing", test_rule_candidate, FLAGS | CLI_PRIV},
};
const struct cli_table cli_routing_commands = {rows, sizeof(rows) / sizeof(rows[0])};
