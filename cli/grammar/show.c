/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show commands about the box, its interfaces, realms, trunks and dial-peers. */
#include "cli/grammar/command.h"
#include "sip-b2bua/routing/route.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

static int show_version(struct cli_ctx *ctx)
{
	struct cli_totals totals = {0};
	char span[32], time[48];
	struct utsname un = {0};
	uint64_t now = cli_now_ms(ctx->engine), up;

	ctx->source->totals(ctx->source->ctx, &totals);
	uname(&un);
	up = now > totals.boot_ms ? now - totals.boot_ms : 0;
	if (ctx->json)
		return cli_print_json(
			ctx, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:s,s:s}", "version",
				     LIMEN_VERSION, "hostname", ctx->running->hostname, "boot_ms",
				     (json_int_t)totals.boot_ms, "uptime_ms", (json_int_t)up,
				     "generation", (json_int_t)totals.generation, "revision",
				     (json_int_t)cfg_store_revision(ctx->store), "kernel",
				     un.release, "machine", un.machine));
	buf_printf(ctx->out, "Limen session border controller, version %s\n", LIMEN_VERSION);
	buf_puts(ctx->out, "License GPL-3.0-or-later\n\n");
	buf_printf(ctx->out, "%s uptime is %s\n", ctx->running->hostname, cli_print_span(up, span));
	buf_printf(ctx->out, "limen-control started at %s (start %u)\n",
		cli_print_time(totals.boot_ms, time), totals.generation);
	buf_printf(ctx->out, "Configuration revision is %llu\n",
		(unsigned long long)cfg_store_revision(ctx->store));
	buf_printf(ctx->out, "Kernel is %s %s on %s\n", un.sysname, un.release, un.machine);
	return 0;
}

static int show_clock(struct cli_ctx *ctx)
{
	uint64_t now = cli_now_ms(ctx->engine);
	char time[48];

	if (ctx->json)
		return cli_print_json(ctx, json_pack("{s:I,s:s}", "time_ms", (json_int_t)now,
						   "time", cli_print_time(now, time)));
	buf_printf(ctx->out, "%s\n", cli_print_time(now, time));
	return 0;
}

static int show_users(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"Line", "line", 4, true, true},
		{"User", "user", 12, false, false},
		{"Uid", "uid", 5, true, true},
		{"Pid", "pid", 7, true, true},
		{"Privilege", "privilege", 9, false, false},
		{"Since", "since", 29, false, false},
		{"Idle", "idle", 8, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 7);
	uint64_t now = cli_now_ms(ctx->engine);
	char text[48];

	for (struct cli_session *s = ctx->engine->sessions; s; s = s->next) {
		cli_table_cell(table, "%u", s->line);
		cli_table_cell(table, "%s", s->identity.user);
		cli_table_cell(table, "%u", (unsigned int)s->identity.uid);
		cli_table_cell(table, "%d", (int)s->identity.pid);
		cli_table_cell(table, "%s", s->priv ? "privileged" : "user");
		cli_table_cell(table, "%s", cli_print_time(s->since_ms, text));
		cli_table_cell(table, "%s",
			cli_print_span(now > s->active_ms ? now - s->active_ms : 0, text));
	}
	return cli_table_print(ctx, table);
}

struct processes {
	struct cli_table_out *table;
	uint64_t now_ms;
};

static int process_row(const struct cli_process *p, void *arg)
{
	struct processes *processes = arg;
	struct cli_table_out *table = processes->table;
	uint64_t now = processes->now_ms;
	char span[32];

	cli_table_cell(table, "%s", p->name);
	cli_table_cell(table, "%d", (int)p->pid);
	cli_table_cell(table, "%s", p->connected ? "up" : "down");
	/* 0: it was never there. */
	if (p->since_ms)
		cli_table_cell(table, "%s",
			cli_print_span(now > p->since_ms ? now - p->since_ms : 0, span));
	else
		cli_table_null(table);
	cli_table_cell(table, "%" PRIu64, p->since_ms);
	cli_table_cell(table, "%" PRIu64, p->restarts);
	cli_table_cell(table, "%" PRIu64, p->rx_msgs);
	cli_table_cell(table, "%" PRIu64, p->tx_msgs);
	cli_table_cell(table, "%" PRIu64, p->rx_malformed);
	cli_table_cell(table, "%" PRIu64, p->tx_dropped);
	return 0;
}

static int show_processes(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"Process", "process", 16, false, false},
		{"Pid", "pid", 7, true, true},
		{"State", "state", 5, false, false},
		{"For", "for", 8, false, false},
		{NULL, "since_ms", 0, false, true},
		{"Restarts", "restarts", 8, true, true},
		{"Rx", "rx_messages", 10, true, true},
		{"Tx", "tx_messages", 10, true, true},
		{"Malformed", "rx_malformed", 9, true, true},
		{"Dropped", "tx_dropped", 7, true, true},
	};
	struct processes processes = {
		.table = cli_table_new(columns, 10), .now_ms = cli_now_ms(ctx->engine)};

	if (!processes.table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	ctx->source->processes(ctx->source->ctx, process_row, &processes);
	return cli_table_print(ctx, processes.table);
}

/* ---- interfaces ---- */

static const char *link_word(const struct cfg_interface *interface, const struct cli_link *link)
{
	return interface->shutdown	 ? "administratively down"
	       : link->known && link->up ? "up"
					 : "down";
}

static const char *hardware_word(const struct cfg_interface *interface, const struct cli_link *link)
{
	if (link->has_port)
		return link->port.driver;
	if (cfg_interface_has_device(interface))
		return "not in the data plane";
	return link->known ? "Linux" : "missing";
}

static void print_mac(const uint8_t mac[6], char buf[20])
{
	snprintf(buf, 20, "%02x%02x.%02x%02x.%02x%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		mac[5]);
}

static json_t *interface_json(const struct cfg_interface *interface, const struct cli_link *link)
{
	const struct dp_port_stats *port = &link->port;
	json_t *json = json_object(), *addresses = json_array();
	const struct cfg_leaf *leaf = cfg_leaf_find(CFG_INTERFACE, "address");
	char text[CFG_VALUE_MAX];

	json_object_set_new(json, "name", json_string(interface->name));
	json_object_set_new(json, "description", json_string(interface->description));
	json_object_set_new(json, "device", json_string(interface->device));
	if (interface->vlan)
		json_object_set_new(json, "vlan", json_integer(interface->vlan));
	json_object_set_new(json, "status", json_string(link_word(interface, link)));
	json_object_set_new(json, "protocol", json_string(link->carrier ? "up" : "down"));
	for (uint32_t i = 0; i < interface->n_address; i++)
		json_array_append_new(addresses,
			json_string(cfg_value_print(leaf, &interface->address[i], text)));
	json_object_set_new(json, "address", addresses);
	print_mac(link->mac, text);
	json_object_set_new(json, "mac", json_string(text));
	json_object_set_new(json, "mtu", json_integer(link->known ? link->mtu : interface->mtu));
	if (!link->has_port)
		return json;
#define N(name, field) json_object_set_new(json, name, json_integer((json_int_t)port->field))
	json_object_set_new(json, "driver", json_string(port->driver));
	N("speed_mbps", speed_mbps);
	N("rx_packets", rx_packets);
	N("rx_bytes", rx_bytes);
	N("tx_packets", tx_packets);
	N("tx_bytes", tx_bytes);
	N("rx_missed", rx_missed);
	N("rx_errors", rx_errors);
	N("rx_nombuf", rx_nombuf);
	N("tx_errors", tx_errors);
	N("tap_rx_packets", tap_rx_packets);
	N("tap_tx_packets", tap_tx_packets);
	N("tap_dropped", tap_dropped);
#undef N
	return json;
}

static void print_interface(
	struct cli_ctx *ctx, const struct cfg_interface *interface, const struct cli_link *link)
{
	const struct cfg_leaf *leaf = cfg_leaf_find(CFG_INTERFACE, "address");
	const struct dp_port_stats *port = &link->port;
	char text[CFG_VALUE_MAX];

	print_mac(link->mac, text);
	buf_printf(ctx->out, "%s is %s, line protocol is %s\n", interface->name,
		link_word(interface, link), link->carrier ? "up" : "down");
	buf_printf(ctx->out, "  Hardware is %s, address is %s\n", hardware_word(interface, link),
		text);
	if (interface->vlan)
		buf_printf(ctx->out, "  Encapsulation 802.1Q Virtual LAN, Vlan ID  %u.\n",
			interface->vlan);
	if (interface->description[0])
		buf_printf(ctx->out, "  Description: %s\n", interface->description);
	for (uint32_t i = 0; i < interface->n_address; i++)
		buf_printf(ctx->out, "  Internet address is %s\n",
			cfg_value_print(leaf, &interface->address[i], text));
	buf_printf(ctx->out, "  MTU %u bytes, BW %u Mbit/sec\n",
		link->known ? link->mtu : interface->mtu, link->has_port ? port->speed_mbps : 0);
	if (!link->has_port)
		return;
	buf_printf(ctx->out,
		"     %" PRIu64 " packets input, %" PRIu64 " bytes, %" PRIu64
		" no buffer\n"
		"     %" PRIu64 " input errors, %" PRIu64
		" missed\n"
		"     %" PRIu64 " packets output, %" PRIu64
		" bytes\n"
		"     %" PRIu64
		" output errors\n"
		"     %" PRIu64 " packets to Linux, %" PRIu64 " from Linux, %" PRIu64 " dropped\n",
		port->rx_packets, port->rx_bytes, port->rx_nombuf, port->rx_errors, port->rx_missed,
		port->tx_packets, port->tx_bytes, port->tx_errors, port->tap_tx_packets,
		port->tap_rx_packets, port->tap_dropped);
}

static int show_interfaces(struct cli_ctx *ctx)
{
	const char *name = cli_arg(ctx, 0);
	json_t *list = ctx->json ? json_array() : NULL;
	unsigned int n = 0;

	for (uint32_t i = 0; i < ctx->running->n_interfaces; i++) {
		const struct cfg_interface *interface = &ctx->running->interfaces[i];
		struct cli_link link = {0};
		if (name && strcmp(name, interface->name) != 0)
			continue;
		n++;
		ctx->source->link(ctx->source->ctx, interface->name, &link);
		if (list)
			json_array_append_new(list, interface_json(interface, &link));
		else
			print_interface(ctx, interface, &link);
	}
	if (name && n == 0) {
		json_decref(list);
		return cli_fail(ctx, -ENOENT, "There is no interface %.40s", name);
	}
	return list ? cli_print_json(ctx, list) : 0;
}

static int show_ip_brief(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"Interface", "interface", 16, false, false},
		{"IP-Address", "address", 18, false, false},
		{"OK?", "ok", 3, false, false},
		{"Method", "method", 6, false, false},
		{"Status", "status", 21, false, false},
		{"Protocol", "protocol", 8, false, false},
	};
	const struct cfg_leaf *leaf = cfg_leaf_find(CFG_INTERFACE, "address");
	struct cli_table_out *table = cli_table_new(columns, 6);
	char text[CFG_VALUE_MAX];

	for (uint32_t i = 0; i < ctx->running->n_interfaces; i++) {
		const struct cfg_interface *interface = &ctx->running->interfaces[i];
		struct cli_link link = {0};
		ctx->source->link(ctx->source->ctx, interface->name, &link);
		for (uint32_t j = 0; j == 0 || j < interface->n_address; j++) {
			cli_table_cell(table, "%s", interface->name);
			cli_table_cell(table, "%s",
				interface->n_address
					? cfg_value_print(leaf, &interface->address[j], text)
					: "unassigned");
			cli_table_cell(table, "YES");
			cli_table_cell(table, "%s", interface->n_address ? "manual" : "unset");
			cli_table_cell(table, "%s", link_word(interface, &link));
			cli_table_cell(table, "%s", link.carrier ? "up" : "down");
		}
	}
	return cli_table_print(ctx, table);
}

/* ---- realms and trunks ---- */

static int show_realm(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"REALM", "realm", 16, false, false},
		{"CLASS", "class", 7, false, false},
		{"ADMISSION", "admission", 9, false, false},
		{"INTERFACE", "interface", 12, false, false},
		{"MEDIA-IPV4", "media_ipv4", 15, false, false},
		{"PORTS-FREE", "ports_free_ipv4", 10, true, true},
		{"MEDIA-IPV6", "media_ipv6", 15, false, false},
		{"PORTS-FREE", "ports_free_ipv6", 10, true, true},
		{"LISTEN", "listen", 0, false, false},
	};
	const struct cfg_leaf *class = cfg_leaf_find(CFG_REALM, "class");
	const struct cfg_leaf *admission = cfg_leaf_find(CFG_REALM, "admission");
	const struct cfg_leaf *listen = cfg_leaf_find(CFG_REALM, "listen");
	struct cli_table_out *table = cli_table_new(columns, 9);
	char text[CFG_VALUE_MAX], addr[IPADDR_TEXT_MAX];
	struct cli_ports ports;

	for (uint32_t i = 0; i < ctx->running->n_realms; i++) {
		const struct cfg_realm *realm = &ctx->running->realms[i];
		struct buf listens = {0};
		cli_table_cell(table, "%s", realm->name);
		cli_table_cell(table, "%s", cfg_value_print(class, &realm->class, text));
		cli_table_cell(table, "%s", cfg_value_print(admission, &realm->admission, text));
		cli_table_cell(table, "%s", realm->interface);
		for (unsigned int family = 4; family <= 6; family += 2) {
			const struct ipaddr *media = family == 4 ? &realm->media_ipv4
								 : &realm->media_ipv6;
			if (ipaddr_is_set(media))
				cli_table_cell(table, "%s", ipaddr_print(media, addr));
			else
				cli_table_null(table);
			if (ctx->source->ports(ctx->source->ctx, realm->name, family, &ports))
				cli_table_cell(table, "%u", ports.available);
			else
				cli_table_null(table);
		}
		for (uint32_t j = 0; j < realm->n_listen; j++)
			buf_printf(&listens, "%s%s", j ? ", " : "",
				cfg_value_print(listen, &realm->listen[j], text));
		cli_table_cell(table, "%s", listens.p ? listens.p : "");
		buf_free(&listens);
	}
	return cli_table_print(ctx, table);
}

enum keepalive { KEEP_NONE, KEEP_ACTIVE, KEEP_BUSYOUT, KEEP_UNKNOWN, KEEP_SHUTDOWN };

static enum keepalive keepalive(struct cli_ctx *ctx, const struct cfg_trunk *trunk)
{
	struct ctl_trunk_status status;

	if (trunk->shutdown)
		return KEEP_SHUTDOWN;
	if (trunk->reg_required && !cli_trunk_registered(ctx, trunk))
		return KEEP_BUSYOUT;
	if (!trunk->options_interval_s)
		return KEEP_NONE;
	if (!ctx->source->trunk(ctx->source->ctx, trunk->name, &status))
		return KEEP_UNKNOWN;
	return status.up ? KEEP_ACTIVE : KEEP_BUSYOUT;
}

static const char *keepalive_word(struct cli_ctx *ctx, const struct cfg_trunk *trunk)
{
	static const char *const words[] = {"none", "active", "busyout", "unknown", "shutdown"};

	return words[keepalive(ctx, trunk)];
}

static bool trunk_usable(struct cli_ctx *ctx, const struct cfg_trunk *trunk)
{
	enum keepalive state = keepalive(ctx, trunk);

	return state != KEEP_BUSYOUT && state != KEEP_SHUTDOWN;
}

static int show_trunk(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"TRUNK", "trunk", 16, false, false},
		{"REALM", "realm", 12, false, false},
		{"TARGET", "target", 26, false, false},
		{"TRANSPORT", "transport", 9, false, false},
		{"KEEPALIVE", "keepalive", 9, false, false},
		{"SINCE", "since", 29, false, false},
		{"RTT-MS", "rtt_ms", 6, true, false},
		{"LAST", "last_status", 4, true, true},
		{"REASON", "reason", 0, false, false},
	};
	const struct cfg_leaf *target = cfg_leaf_find(CFG_TRUNK, "target");
	const struct cfg_leaf *transport = cfg_leaf_find(CFG_TRUNK, "transport");
	const char *name = cli_arg(ctx, 0);
	struct cli_table_out *table = cli_table_new(columns, 9);
	char text[CFG_VALUE_MAX], time[48];

	for (uint32_t i = 0; i < ctx->running->n_trunks; i++) {
		const struct cfg_trunk *trunk = &ctx->running->trunks[i];
		struct ctl_trunk_status status;
		if (name && strcmp(name, trunk->name) != 0)
			continue;
		cli_table_cell(table, "%s", trunk->name);
		cli_table_cell(table, "%s", trunk->realm);
		if (trunk->server_group)
			cli_table_cell(table, "server-group %u", trunk->server_group);
		else
			cli_table_cell(table, "%s", cfg_value_print(target, &trunk->target, text));
		cli_table_cell(table, "%s", cfg_value_print(transport, &trunk->transport, text));
		cli_table_cell(table, "%s", keepalive_word(ctx, trunk));
		if (!ctx->source->trunk(ctx->source->ctx, trunk->name, &status)) {
			cli_table_null(table);
			cli_table_null(table);
			cli_table_null(table);
			cli_table_null(table);
			continue;
		}
		cli_table_cell(table, "%s", cli_print_time(status.since_ms, time));
		cli_table_cell(table, "%.1f", (double)status.rtt_us / 1000.0);
		cli_table_cell(table, "%u", status.last_status);
		cli_table_cell(table, "%s", status.reason);
	}
	if (name && cli_table_rows(table) == 0) {
		cli_table_free(table);
		return cli_fail(ctx, -ENOENT, "There is no trunk %.40s", name);
	}
	return cli_table_print(ctx, table);
}

/* ---- dial-peers ---- */

static int show_dial_peers(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"TAG", "tag", 6, false, true},
		{"TYPE", "type", 4, false, false},
		{"MIN", "admin", 4, false, false},
		{"OPER", "oper", 4, false, false},
		{"PREFIX", "prefix", 6, false, false},
		{"DEST-PATTERN", "destination_pattern", 16, false, false},
		{"FER", "preference", 3, true, true},
		{"THRU", "pass_thru", 4, false, false},
		{"SESS-TARGET", "session_target", 22, false, false},
		{"STAT", "out_stat", 4, false, false},
		{"PORT", "port", 4, false, false},
		{"KEEPALIVE", "keepalive", 9, false, false},
		{"VRF", "incoming_realm", 3, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 13);

	for (uint32_t i = 0; i < ctx->running->n_dial_peers; i++) {
		const struct cfg_dial_peer *peer = &ctx->running->dial_peers[i];
		const struct cfg_trunk *trunk = cfg_find_trunk(ctx->running, peer->trunk);
		bool local = cfg_dial_peer_is_local(peer) || peer->registrar;
		/* It goes to no trunk of its own; one that is for incoming calls alone goes nowhere. */
		bool chosen = peer->route_table || peer->route_hook;
		bool inside = local || chosen || !peer->trunk[0];
		bool oper = !peer->shutdown && (inside || (trunk && trunk_usable(ctx, trunk)));
		char target[ROUTE_TARGET_MAX];
		cli_table_cell(table, "%u", peer->tag);
		cli_table_cell(table, "voip");
		cli_table_cell(table, "%s", peer->shutdown ? "down" : "up");
		cli_table_cell(table, "%s", oper ? "up" : "down");
		cli_table_null(table);
		if (peer->destination_map)
			cli_table_cell(table, "map:%u", peer->destination_map);
		else if (peer->destination_pattern[0])
			cli_table_cell(table, "%s", peer->destination_pattern);
		else
			cli_table_null(table);
		cli_table_cell(table, "%u", peer->preference);
		cli_table_cell(table, "syst");
		route_target_text(peer, target);
		target[strcspn(target, " ")] = target[strcspn(target, " ")] ? ':' : '\0';
		if (inside && !local && !chosen)
			cli_table_null(table);
		else
			cli_table_cell(table, "%s", target);
		cli_table_null(table);
		cli_table_null(table);
		if (inside)
			cli_table_null(table);
		else
			cli_table_cell(table, "%s", trunk ? keepalive_word(ctx, trunk) : "none");
		if (peer->incoming_realm[0])
			cli_table_cell(table, "%s", peer->incoming_realm);
		else
			cli_table_null(table);
	}
	return cli_table_print(ctx, table);
}

/* As limen-sip sees it: one target that takes calls is enough. */
bool cli_trunk_up(struct cli_ctx *ctx, const struct cfg_trunk *trunk)
{
	const struct ctl_target *list;
	struct ctl_targets head;
	bool up = false;

	if (!ctx->source->targets(ctx->source->ctx, trunk->name, &head, &list) || head.n == 0)
		return keepalive(ctx, trunk) != KEEP_BUSYOUT;
	for (uint32_t i = 0; i < head.n; i++)
		up |= list[i].state == CTL_TARGET_ACTIVE || list[i].state == CTL_TARGET_TRIAL;
	return up;
}

/* ---- SIP ---- */

static int add_sip(uint32_t worker, const struct ctl_sip_stats *stats, void *arg)
{
	struct ctl_sip_stats *sum = arg;

#define X(field, name, help) sum->field += stats->field;
	CTL_SIP_COUNTERS(X)
#undef X
	return 0;
}

void cli_sip_sum(struct cli_ctx *ctx, struct ctl_sip_stats *ret_sum)
{
	*ret_sum = (struct ctl_sip_stats){0};
	ctx->source->sip(ctx->source->ctx, add_sip, ret_sum);
}

static int show_sip_statistics(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"COUNTER", "counter", 20, false, false},
		{"VALUE", "value", 12, true, true},
		{"MEANING", "meaning", 0, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 3);
	struct ctl_sip_stats sum;
	char error[] = "Out of memory";

	if (!table)
		return cli_fail(ctx, -ENOMEM, "%s", error);
	cli_sip_sum(ctx, &sum);
#define X(field, name, help)                          \
	cli_table_cell(table, "%s", name);            \
	cli_table_cell(table, "%" PRIu64, sum.field); \
	cli_table_cell(table, "%s", help);
	CTL_SIP_COUNTERS(X)
#undef X
	return cli_table_print(ctx, table);
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show version", "Show what the box does and knows\nSoftware and uptime", show_version,
		FLAGS},
	{"show clock", "Time of day", show_clock, FLAGS},
	{"show users", "Sessions of the command line", show_users, FLAGS},
	{"show processes", "Processes of the box and messages between them", show_processes, FLAGS},
	{"show peers", "The same as processes", show_processes, FLAGS},
	{"show interfaces [{interface}]", "Interfaces and their counters\nOne of them",
		show_interfaces, FLAGS},
	{"show ip interface brief", "IP\nInterfaces\nOne line an address", show_ip_brief, FLAGS},
	{"show realm", "Sides of the box", show_realm, FLAGS},
	{"show realm voice", "The same", show_realm, FLAGS},
	{"show trunk [{trunk}]", "Trunks and their health\nOne of them", show_trunk, FLAGS},
	{"show dial-peer voice summary", "Dial-peers\nVoice\nOne line each", show_dial_peers,
		FLAGS},
	{"show sip-ua statistics", "SIP\nCounters", show_sip_statistics, FLAGS},
};
const struct cli_table cli_show_commands = {rows, sizeof(rows) / sizeof(rows[0])};
