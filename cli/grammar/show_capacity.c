/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * show capacity, show toll-limit, show sip-ua overload-control: how far limits are used, of what limen-sip
 * tells once a second; and clear of their peaks and windows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/grammar/command.h"

/* ---- show capacity ---- */

struct limits {
	uint32_t calls, per_s, kbps;
};

/* The users of a configuration by their names, as there may be a hundred thousand. */
struct users {
	const struct cfg_pool **list;
	uint32_t n;
};

static int user_compare(const void *a, const void *b)
{
	const struct cfg_pool *x = *(const struct cfg_pool *const *)a,
			      *y = *(const struct cfg_pool *const *)b;
	int rc = strcmp(x->username, y->username);

	return rc ? rc : strcmp(x->registrar, y->registrar);
}

static int users_sort(const struct cfg *cfg, struct users *ret)
{
	ret->list = malloc((cfg->n_pools + 1) * sizeof(*ret->list));
	ret->n = cfg->n_pools;
	if (!ret->list)
		return -ENOMEM;
	for (uint32_t i = 0; i < ret->n; i++)
		ret->list[i] = &cfg->pools[i];
	qsort(ret->list, ret->n, sizeof(*ret->list), user_compare);
	return 0;
}

/* "alice at phones" */
static const struct cfg_pool *user_find(const struct users *users, const char *name)
{
	struct cfg_pool wanted = {.username = ""};
	const struct cfg_pool *key = &wanted;
	const struct cfg_pool **found;
	const char *at = strstr(name, " at ");

	if (!at ||
		view_copy((struct view){name, (size_t)(at - name)}, wanted.username,
			sizeof(wanted.username)) < 0 ||
		view_copy(view_of(at + 4), wanted.registrar, sizeof(wanted.registrar)) < 0)
		return NULL;
	found = bsearch(&key, users->list, users->n, sizeof(*users->list), user_compare);
	return found ? *found : NULL;
}

static bool user_limits(
	const struct cfg *cfg, const struct users *users, const char *name, struct limits *ret)
{
	const struct cfg_pool *p = user_find(users, name);
	const struct cfg_registrar *r = p ? cfg_find_registrar(cfg, p->registrar) : NULL;

	if (!r)
		return false;
	ret->calls = p->max_conn ? p->max_conn : r->user_max_conn;
	ret->per_s = p->call_spike ? p->call_spike : r->user_call_spike;
	ret->kbps = p->bandwidth_kbps ? p->bandwidth_kbps : r->user_bandwidth_kbps;
	return true;
}

/* What the running configuration lets an object have; false: it is configured no more. */
static bool limits_of(const struct cfg *cfg, const struct users *users, const char *kind,
	const char *name, struct limits *ret)
{
	*ret = (struct limits){0};
	if (strcmp(kind, "realm") == 0) {
		const struct cfg_realm *c = cfg_find_realm(cfg, name);

		if (c)
			*ret = (struct limits){c->max_conn, c->call_spike, c->bandwidth_kbps};
		return c;
	}
	if (strcmp(kind, "trunk") == 0) {
		const struct cfg_trunk *c = cfg_find_trunk(cfg, name);

		if (c)
			*ret = (struct limits){c->max_conn, c->call_spike, c->bandwidth_kbps};
		return c;
	}
	if (strcmp(kind, "link") == 0) {
		const struct cfg_link *c = cfg_find_link(cfg, name);

		if (c)
			*ret = (struct limits){c->max_conn, c->call_spike, c->bandwidth_kbps};
		return c;
	}
	if (strcmp(kind, "dial-peer") == 0) {
		const struct cfg_dial_peer *c = cfg_find_dial_peer(
			cfg, (uint32_t)strtoul(name, NULL, 10));

		ret->calls = c ? c->max_conn : 0;
		return c;
	}
	return strcmp(kind, "user") == 0 && user_limits(cfg, users, name, ret);
}

static void put_limit(struct cli_table_out *table, uint32_t limit)
{
	if (limit)
		cli_table_cell(table, "%u", limit);
	else
		cli_table_null(table);
}

static unsigned int kbps(uint64_t bps)
{
	return (unsigned int)((bps + 999) / 1000);
}

static void put_capacity(struct cli_table_out *table, const char *kind, const char *name,
	const struct ctl_capacity *c, const struct limits *limits)
{
	cli_table_cell(table, "%s", kind);
	cli_table_cell(table, "%s", name);
	cli_table_cell(table, "%u", c->calls);
	cli_table_cell(table, "%u", c->peak_calls);
	put_limit(table, limits->calls);
	cli_table_cell(table, "%u", kbps(c->bps));
	cli_table_cell(table, "%u", kbps(c->peak_bps));
	put_limit(table, limits->kbps);
	put_limit(table, limits->per_s);
	for (unsigned int i = 0; i < CTL_CAPACITY_N_CAUSES; i++)
		cli_table_cell(table, "%llu", (unsigned long long)c->refused[i]);
}

static int show_capacity(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"Of", "of", 9, false, false},
		{"Name", "name", 24, false, false},
		{"Calls", "calls", 6, true, true},
		{"Peak", "peak_calls", 6, true, true},
		{"Limit", "max_conn", 6, true, true},
		{"kbit/s", "kbps", 7, true, true},
		{"Peak", "peak_kbps", 7, true, true},
		{"Limit", "bandwidth", 7, true, true},
		{"Spike/s", "call_spike", 7, true, true},
		{"No-call", "refused_calls", 7, true, true},
		{"No-rate", "refused_rate", 7, true, true},
		{"No-bw", "refused_bandwidth", 6, true, true},
	};
	const struct cli_source *source = ctx->source;
	const char *wanted = cli_arg(ctx, 0);
	struct cli_table_out *table = cli_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	const struct ctl_capacity *c;
	struct users users;

	if (!table || users_sort(ctx->running, &users) < 0) {
		cli_table_free(table);
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	}
	for (uint32_t i = 0; (c = source->capacity(source->ctx, i)) != NULL; i++) {
		const char *blank = strchr(c->key, ' ');
		struct limits limits;
		char kind[16];

		if (!blank || (size_t)(blank - c->key) >= sizeof(kind))
			continue;
		snprintf(kind, sizeof(kind), "%.*s", (int)(blank - c->key), c->key);
		if ((wanted && strcmp(wanted, kind) != 0) ||
			!limits_of(ctx->running, &users, kind, blank + 1, &limits))
			continue;
		put_capacity(table, kind, blank + 1, c, &limits);
	}
	free(users.list);
	return cli_table_print(ctx, table);
}

/* ---- show capacity ports ---- */

static int show_ports(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"Realm", "realm", 24, false, false},
		{"Address", "address", 24, false, false},
		{"Pairs", "pairs", 7, true, true},
		{"In-use", "in_use", 7, true, true},
		{"Reserved", "reserved", 8, true, true},
	};
	static const unsigned int families[] = {4, 6};
	const struct cli_source *source = ctx->source;
	const struct cfg *cfg = ctx->running;
	struct cli_table_out *table = cli_table_new(columns, 5);
	char text[IPADDR_TEXT_MAX];

	if (!table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		for (unsigned int f = 0; f < 2; f++) {
			struct cli_ports ports;

			if (!source->ports(source->ctx, cfg->realms[i].name, families[f], &ports))
				continue;
			cli_table_cell(table, "%s", cfg->realms[i].name);
			cli_table_cell(table, "%s", ipaddr_print(&ports.addr, text));
			cli_table_cell(table, "%u", (ports.available + ports.in_use) / 2);
			cli_table_cell(table, "%u", ports.in_use / 2);
			cli_table_cell(table, "%u", cfg->emergency_ports);
		}
	}
	return cli_table_print(ctx, table);
}

/* ---- show toll-limit ---- */

static const char *toll_state(const struct cfg_toll *toll, const struct ctl_toll *t)
{
	if ((toll->calls && t->window_calls >= toll->calls) ||
		(toll->minutes && t->window_s / 60 >= toll->minutes) ||
		(toll->max_conn && t->n_calls >= toll->max_conn))
		return toll->action == CFG_TOLL_ALARM ? "alarm" : "full";
	return "ok";
}

static int show_tolls(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"Limit", "limit", 5, true, true},
		{"Of", "of", 30, false, false},
		{"State", "state", 5, false, false},
		{"Now", "calls", 5, true, true},
		{"Max", "max_conn", 6, true, true},
		{"Calls", "window_calls", 6, true, true},
		{"Max", "max_calls", 6, true, true},
		{"Minutes", "window_minutes", 7, true, true},
		{"Max", "max_minutes", 6, true, true},
		{"Refused", "refused", 7, true, true},
		{"Alarms", "alarms", 6, true, true},
		{"Last", "last", 20, false, false},
	};
	const struct cli_source *source = ctx->source;
	struct cli_table_out *table = cli_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	const struct ctl_toll *t;
	char text[48];

	if (!table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	for (uint32_t i = 0; (t = source->toll(source->ctx, i)) != NULL; i++) {
		const struct cfg_toll *toll = cfg_find_toll(ctx->running, t->tag);

		if (!toll || !t->subject[0])
			continue;
		cli_table_cell(table, "%u", t->tag);
		cli_table_cell(table, "%s", t->subject);
		cli_table_cell(table, "%s", toll_state(toll, t));
		cli_table_cell(table, "%u", t->n_calls);
		put_limit(table, toll->max_conn);
		cli_table_cell(table, "%u", t->window_calls);
		put_limit(table, toll->calls);
		cli_table_cell(table, "%u", t->window_s / 60);
		put_limit(table, toll->minutes);
		cli_table_cell(table, "%llu", (unsigned long long)t->n_refused);
		cli_table_cell(table, "%llu", (unsigned long long)t->n_alarms);
		if (t->tripped_ms)
			cli_table_cell(table, "%s", cli_print_time(t->tripped_ms, text));
		else
			cli_table_null(table);
	}
	return cli_table_print(ctx, table);
}

/* ---- show sip-ua overload-control ---- */

static const char *algo_word(uint32_t algo)
{
	static const char *const words[] = {
#define X(sym, word) word,
		CTL_OVERLOADS(X)
#undef X
	};

	return algo < CTL_OVERLOAD_N_ALGOS ? words[algo] : "?";
}

static int show_overload(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"Trunk", "trunk", 20, false, false},
		{"Target", "target", 24, false, false},
		{"Asks", "algorithm", 5, false, false},
		{"Value", "value", 6, true, true},
		{"Until", "until", 20, false, false},
		{"Told", "told", 8, true, true},
		{"Ignored", "ignored", 8, true, true},
		{"Kept-away", "dropped", 9, true, true},
	};
	const struct cli_source *source = ctx->source;
	struct cli_table_out *table = cli_table_new(columns, sizeof(columns) / sizeof(columns[0]));
	uint64_t now_ms = source->now_ms(source->ctx);
	const struct ctl_overload *o;
	char text[IPADDR_TEXT_MAX], time[48];

	if (!table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	for (uint32_t i = 0; (o = source->overload(source->ctx, i)) != NULL; i++) {
		bool on = o->algo != CTL_OVERLOAD_NONE && o->until_ms > now_ms;

		if (!o->trunk[0] || !cfg_find_trunk(ctx->running, o->trunk))
			continue;
		cli_table_cell(table, "%s", o->trunk);
		cli_table_cell(table, "%s", ipaddr_print_port(&o->addr, text));
		cli_table_cell(table, "%s", algo_word(on ? o->algo : CTL_OVERLOAD_NONE));
		if (on) {
			cli_table_cell(table, "%u", o->value);
			cli_table_cell(table, "%s", cli_print_time(o->until_ms, time));
		} else {
			cli_table_null(table);
			cli_table_null(table);
		}
		cli_table_cell(table, "%llu", (unsigned long long)o->n_told);
		cli_table_cell(table, "%llu", (unsigned long long)o->n_ignored);
		cli_table_cell(table, "%llu", (unsigned long long)o->n_dropped);
	}
	return cli_table_print(ctx, table);
}

/* ---- clear ---- */

static int cleared(struct cli_ctx *ctx, int rc)
{
	if (rc == -EINVAL)
		return cli_fail(ctx, rc, "That name is too long");
	return rc < 0 ? cli_fail(ctx, rc, "limen-sip is not connected") : 0;
}

static int unknown(struct cli_ctx *ctx, const char *name, const char *command)
{
	return cli_fail(
		ctx, -ENOENT, "Nothing is counted of \"%.70s\"; `%s` has the names", name, command);
}

static int clear_capacity(struct cli_ctx *ctx)
{
	const char *key = cli_arg(ctx, 0) ? cli_arg(ctx, 0) : "";
	const struct cli_source *source = ctx->source;
	int rc = cleared(ctx, source->capacity_clear(source->ctx, key));
	const struct ctl_capacity *c;

	if (rc < 0 || !*key)
		return rc;
	for (uint32_t i = 0; (c = source->capacity(source->ctx, i)) != NULL; i++) {
		if (strcmp(c->key, key) == 0)
			return 0;
	}
	return unknown(ctx, key, "show capacity");
}

static int clear_tolls(struct cli_ctx *ctx)
{
	const char *subject = cli_arg(ctx, 0) ? cli_arg(ctx, 0) : "";
	const struct cli_source *source = ctx->source;
	int rc = cleared(ctx, source->toll_clear(source->ctx, subject));
	const struct ctl_toll *t;

	if (rc < 0 || !*subject)
		return rc;
	for (uint32_t i = 0; (t = source->toll(source->ctx, i)) != NULL; i++) {
		if (strcmp(t->subject, subject) == 0)
			return 0;
	}
	return unknown(ctx, subject, "show toll-limit");
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show capacity", "How far limits of calls and bandwidth are used", show_capacity, FLAGS},
	{"show capacity (realm|trunk|link|dial-peer|user)",
		"How far limits of calls and bandwidth are used\nOf realms\nOf trunks\nOf links\n"
		"Of dial-peers that have a limit\nOf users that have a limit",
		show_capacity, FLAGS},
	{"show capacity ports", "Media ports, and those kept for emergency numbers", show_ports,
		FLAGS},
	{"show toll-limit", "What is called of numbers with toll-limits", show_tolls, FLAGS},
	{"show sip-ua overload-control",
		"What targets of trunks ask for while they are overloaded (RFC 7339)",
		show_overload, FLAGS},
	{"clear capacity [LINE]",
		"Peaks and refusals of show capacity begin anew\n"
		"Of one: realm NAME, trunk NAME, link NAME",
		clear_capacity, CLI_PRIV},
	{"clear toll-limit [LINE]",
		"Windows and counters of toll-limits begin anew\n"
		"Of one: user NAME at REGISTRAR, trunk NAME, tenant TAG",
		clear_tolls, CLI_PRIV},
};
const struct cli_table cli_show_capacity = {rows, sizeof(rows) / sizeof(rows[0])};
