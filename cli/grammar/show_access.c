/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Access lists: their rules as configured, and how often each matched, from the data plane's
 * statistics segment.
 */
#include "cli/grammar/command.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Index of the list in the segment, -1: it is not there, because no interface uses it. */
static int list_find(const struct dp_stats_header *header, const char *name, uint32_t family)
{
	const struct dp_acl_info *info;

	if (!header || !header->off_acls)
		return -1;
	info = (const void *)((const char *)header + header->off_acls);
	for (int i = 0; i < DP_ACLS_MAX; i++)
		if (info[i].family == family && strncmp(info[i].name, name, DP_ACL_NAME_MAX) == 0)
			return i;
	return -1;
}

static uint64_t row_sum(const struct dp_stats_header *header, int list, unsigned int row)
{
	const uint64_t *counts = (const void *)((const char *)header + header->off_acl_counts);
	uint64_t sum = 0;

	for (uint32_t w = 0; w < header->n_workers && w < DP_WORKERS_MAX; w++)
		sum += __atomic_load_n(
			&counts[((size_t)w * DP_ACLS_MAX + (size_t)list) * DP_ACL_ROWS + row],
			__ATOMIC_RELAXED);
	return sum;
}

static bool rule_matches(
	const struct dp_stats_header *header, int list, uint32_t seq, uint64_t *ret)
{
	const struct dp_acl_info *info;

	if (list < 0)
		return false;
	info = (const struct dp_acl_info *)(const void *)((const char *)header + header->off_acls) +
	       list;
	for (unsigned int row = DP_ACL_ROW_RULES; row < DP_ACL_ROWS; row++) {
		if (__atomic_load_n(&info->seq[row], __ATOMIC_RELAXED) != seq)
			continue;
		*ret = row_sum(header, list, row);
		return true;
	}
	return false;
}

struct shown {
	const struct cfg *cfg;
	const struct cfg_access_list *list;
	unsigned int family;
	const struct dp_stats_header *header;
	int index;
};

static bool uses(const struct shown *s, const struct cfg_interface *interface)
{
	return strcmp(s->family == 4 ? interface->access4 : interface->access6, s->list->name) == 0;
}

static char *rule_text(const struct shown *s, const struct cfg_rule *rule, char buf[CFG_VALUE_MAX])
{
	const struct cfg_leaf *leaf = cfg_leaf_find(
		s->family == 4 ? CFG_ACCESS_LIST4 : CFG_ACCESS_LIST6, "rules");

	return cfg_value_print(leaf, rule, buf);
}

static void print_list(struct cli_ctx *ctx, const struct shown *s)
{
	char text[CFG_VALUE_MAX];
	uint64_t n;

	buf_printf(ctx->out, "%s access list %s\n", s->family == 4 ? "Extended IP" : "IPv6",
		s->list->name);
	for (uint32_t i = 0; i < s->list->n_rules; i++) {
		const struct cfg_rule *rule = &s->list->rules[i];
		buf_printf(ctx->out, "    %s", rule_text(s, rule, text));
		if (!rule->remark[0] && rule_matches(s->header, s->index, rule->match.seq, &n) && n)
			buf_printf(ctx->out, " (%" PRIu64 " match%s)", n, n == 1 ? "" : "es");
		buf_puts(ctx->out, "\n");
	}
	if (s->index >= 0) {
		buf_printf(ctx->out,
			"    denied by no rule: %" PRIu64 ", unreadable: %" PRIu64 "\n",
			row_sum(s->header, s->index, DP_ACL_ROW_DENY),
			row_sum(s->header, s->index, DP_ACL_ROW_UNREADABLE));
	}
	buf_puts(ctx->out, "    in use by:");
	bool any = false;
	for (uint32_t i = 0; i < s->cfg->n_interfaces; i++) {
		if (!uses(s, &s->cfg->interfaces[i]))
			continue;
		buf_printf(ctx->out, " %s", s->cfg->interfaces[i].name);
		any = true;
	}
	buf_puts(ctx->out, any ? "\n" : " no interface\n");
}

static json_t *count_json(bool known, uint64_t n)
{
	return known ? json_integer((json_int_t)n) : json_null();
}

static json_t *list_json(const struct shown *s)
{
	json_t *list = json_object(), *rules = json_array(), *interfaces = json_array();
	char text[CFG_VALUE_MAX];
	bool known = s->index >= 0;

	for (uint32_t i = 0; i < s->list->n_rules; i++) {
		const struct cfg_rule *rule = &s->list->rules[i];
		uint64_t n = 0;
		if (rule->remark[0])
			continue;
		json_t *row = json_object();
		bool counted = rule_matches(s->header, s->index, rule->match.seq, &n);
		json_object_set_new(row, "number", json_integer(rule->match.seq));
		json_object_set_new(row, "rule", json_string(rule_text(s, rule, text)));
		json_object_set_new(row, "matches", count_json(counted, n));
		json_array_append_new(rules, row);
	}
	for (uint32_t i = 0; i < s->cfg->n_interfaces; i++)
		if (uses(s, &s->cfg->interfaces[i]))
			json_array_append_new(interfaces, json_string(s->cfg->interfaces[i].name));
	json_object_set_new(list, "name", json_string(s->list->name));
	json_object_set_new(list, "family", json_integer(s->family));
	json_object_set_new(list, "rules", rules);
	json_object_set_new(list, "denied_by_no_rule",
		count_json(known, known ? row_sum(s->header, s->index, DP_ACL_ROW_DENY) : 0));
	json_object_set_new(list, "unreadable",
		count_json(known, known ? row_sum(s->header, s->index, DP_ACL_ROW_UNREADABLE) : 0));
	json_object_set_new(list, "interfaces", interfaces);
	return list;
}

/* name NULL: all of the family. */
static int show_lists(struct cli_ctx *ctx, unsigned int family, const char *name)
{
	struct shown s = {.cfg = ctx->running,
		.family = family,
		.header = ctx->source->dp_stats(ctx->source->ctx)};
	uint32_t n = family == 4 ? s.cfg->n_access_lists4 : s.cfg->n_access_lists6;
	json_t *json = ctx->json ? json_array() : NULL;
	bool found = !name;

	for (uint32_t i = 0; i < n; i++) {
		s.list = family == 4 ? &s.cfg->access_lists4[i] : &s.cfg->access_lists6[i];
		if (name && strcmp(name, s.list->name) != 0)
			continue;
		found = true;
		s.index = list_find(s.header, s.list->name, family);
		if (json)
			json_array_append_new(json, list_json(&s));
		else
			print_list(ctx, &s);
	}
	if (!found) {
		json_decref(json);
		return cli_fail(ctx, -ENOENT, "There is no access list %s", name);
	}
	return json ? cli_print_json(ctx, json) : 0;
}

static int show4(struct cli_ctx *ctx)
{
	return show_lists(ctx, 4, cli_arg(ctx, 0));
}

static int show6(struct cli_ctx *ctx)
{
	return show_lists(ctx, 6, cli_arg(ctx, 0));
}

static int clear(struct cli_ctx *ctx, uint32_t family)
{
	const char *name = cli_arg(ctx, 0);
	int rc;

	if (name && !cfg_find_access_list(ctx->running, family, name))
		return cli_fail(ctx, -ENOENT, "There is no access list %s", name);
	rc = ctx->source->acl_clear(ctx->source->ctx, name ? name : "", name ? family : 0);
	return rc < 0 ? cli_fail(ctx, rc, "limen-dataplane is not connected") : 0;
}

static int clear4(struct cli_ctx *ctx)
{
	return clear(ctx, 4);
}

static int clear6(struct cli_ctx *ctx)
{
	return clear(ctx, 6);
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show ip access-lists", "Access lists, and how often each rule matched", show4, FLAGS},
	{"show ip access-lists WORD", "Name of an access list", show4, FLAGS},
	{"show ipv6 access-list", "IPv6\nAccess lists, and how often each rule matched", show6,
		FLAGS},
	{"show ipv6 access-list WORD", "Name of an access list", show6, FLAGS},
	{"clear ip access-list counters",
		"IP\nAccess lists\nCounters of all access lists, of IPv6 too", clear4, CLI_PRIV},
	{"clear ip access-list counters WORD", "Name of an access list", clear4, CLI_PRIV},
	{"clear ipv6 access-list counters WORD",
		"IPv6\nAccess lists\nCounters\nName of an access list", clear6, CLI_PRIV},
};
const struct cli_table cli_show_access = {rows, sizeof(rows) / sizeof(rows[0])};
