/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * show commands about calls. The shapes of the voice commands are Cisco's, because scripts read
 * them; leg 0 is the one that called us (Answer), leg 1 the one that we called (Originate).
 */
#include "cli/grammar/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ID "%016" PRIx64

static const char *state_word(uint32_t state)
{
	switch (state) {
	case CTL_CALL_SETUP:
		return "connecting";
	case CTL_CALL_ALERTING:
		return "alerting";
	case CTL_CALL_ACTIVE:
		return "active";
	default:
		return "disconnected";
	}
}

const char *cli_released_word(uint32_t by)
{
	static const char *const words[] = {"none", "caller", "called", "box", "operator"};

	return by < sizeof(words) / sizeof(words[0]) ? words[by] : "none";
}

/* The far number of a leg: who called, or whom we called. */
static const char *far_number(const struct ctl_call *call, unsigned int leg)
{
	return leg == 0 ? call->calling[0] : call->called[1];
}

static uint32_t leg_peer(const struct ctl_call *call, unsigned int leg)
{
	return leg == 0 ? call->dial_peer_in : call->dial_peer_out;
}

struct all_media {
	struct cli_media media;
	unsigned int n;
};

static void add_sum(struct dp_stream_sum *sum, const struct dp_stream_sum *more)
{
	sum->rx_packets += more->rx_packets;
	sum->rx_octets += more->rx_octets;
	sum->tx_packets += more->tx_packets;
	sum->tx_octets += more->tx_octets;
	sum->lost += more->lost;
	sum->dropped += more->dropped;
	sum->rtcp_packets += more->rtcp_packets;
	sum->duplicates += more->duplicates;
	sum->reordered += more->reordered;
	sum->too_late += more->too_late;
	if (more->jitter_us > sum->jitter_us)
		sum->jitter_us = more->jitter_us;
	if (sum->far.rtt_us == 0)
		sum->far.rtt_us = more->far.rtt_us;
}

/* The first media line gives the addresses, counters are of all lines. */
static int collect_media(const struct cli_media *media, void *arg)
{
	struct all_media *all = arg;

	if (all->n++ == 0) {
		all->media = *media;
		return 0;
	}
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		add_sum(&all->media.from[leg], &media->from[leg]);
	return 0;
}

static struct all_media media_of(struct cli_ctx *ctx, uint64_t call_id)
{
	struct all_media all = {0};

	ctx->source->media(ctx->source->ctx, call_id, collect_media, &all);
	return all;
}

static const char *print_addr(const struct ipaddr *addr, char *buf)
{
	if (!ipaddr_is_set(addr)) {
		strcpy(buf, "-");
		return buf;
	}
	return ipaddr_print_port(addr, buf);
}

/* Of the packets that were to come. */
static double percent(const struct dp_stream_sum *sum, uint64_t n)
{
	uint64_t once = sum->rx_packets > sum->duplicates ? sum->rx_packets - sum->duplicates : 0;
	uint64_t expected = once + sum->lost;

	return expected ? 100.0 * (double)n / (double)expected : 0.0;
}

/* The suite that encrypts all media of a leg, or "off". */
static const char *srtp_suite(const struct ctl_call *call, unsigned int leg)
{
	return call->srtp[leg] != DP_SRTP_NONE && call->srtp[leg] < DP_SRTP_N
		       ? dp_srtp_suite(call->srtp[leg])->name
		       : "off";
}

static const char *srtp_note(const struct ctl_call *call, unsigned int leg)
{
	static const char *const words[] = {
#define X(sym, text) text,
		CTL_SRTP_NOTES(X)
#undef X
	};
	return call->srtp_note[leg] < CTL_SRTP_N_NOTES ? words[call->srtp_note[leg]] : "";
}

static const char *srtp_keying(const struct ctl_call *call, unsigned int leg)
{
	static const char *const words[] = {
#define X(sym, word) word,
		CTL_KEYINGS(X)
#undef X
	};
	return call->srtp_keying[leg] < CTL_N_KEYINGS ? words[call->srtp_keying[leg]] : "";
}

/* ---- JSON of a call, active or finished ---- */

static const char *dtmf_word(const struct ctl_call *call, unsigned int leg)
{
	static const char *const words[] = {
#define X(sym, word) word,
		CTL_DTMF_WAYS(X)
#undef X
	};
	return words[call->dtmf[leg] < CTL_DTMF_N_WAYS ? call->dtmf[leg] : 0];
}

static const char *transfer_text(const struct ctl_call *call)
{
	static const char *const texts[] = {
#define X(sym, text) text,
		CTL_TRANSFERS(X)
#undef X
	};
	return texts[call->transfer < CTL_TRANSFER_N ? call->transfer : 0];
}

static const char *refresher(const struct ctl_call *call, unsigned int leg)
{
	return !call->se_interval_s[leg] ? "" : call->se_we[leg] ? "box" : "far end";
}

static json_t *leg_json(const struct ctl_call *call, unsigned int leg,
	const struct dp_stream_sum from[DP_LEGS], const struct cli_media *media)
{
	char text[IPADDR_TEXT_MAX];
	json_t *json = json_object();

	json_object_set_new(json, "role", json_string(leg ? "originate" : "answer"));
	json_object_set_new(json, "realm", json_string(call->realm[leg]));
	json_object_set_new(json, "trunk", json_string(call->trunk[leg]));
	json_object_set_new(json, "dial_peer", json_integer(leg_peer(call, leg)));
	json_object_set_new(json, "calling", json_string(call->calling[leg]));
	json_object_set_new(json, "called", json_string(call->called[leg]));
	json_object_set_new(json, "sip_call_id", json_string(call->sip_call_id[leg]));
	json_object_set_new(json, "session_id", json_string(call->session_id[leg]));
	json_object_set_new(
		json, "signalling", json_string(print_addr(&call->peer_sig[leg], text)));
	if (media) {
		json_object_set_new(
			json, "media_local", json_string(print_addr(&media->local[leg], text)));
		json_object_set_new(
			json, "media_remote", json_string(print_addr(&media->remote[leg], text)));
	}
	json_object_set_new(json, "codec", json_string(call->codec[leg]));
	json_object_set_new(json, "dtmf_relay", json_string(dtmf_word(call, leg)));
	json_object_set_new(json, "dtmf_digits", json_integer(call->digits[leg]));
	json_object_set_new(json, "session_interval_s", json_integer(call->se_interval_s[leg]));
	json_object_set_new(json, "session_refresher", json_string(refresher(call, leg)));
	json_object_set_new(json, "session_end_ms", json_integer((json_int_t)call->se_end_ms[leg]));
	json_object_set_new(json, "srtp", json_string(srtp_suite(call, leg)));
	json_object_set_new(json, "srtp_keying", json_string(srtp_keying(call, leg)));
	json_object_set_new(json, "srtp_note", json_string(srtp_note(call, leg)));
	json_object_set_new(json, "rx_packets", json_integer((json_int_t)from[leg].rx_packets));
	json_object_set_new(json, "rx_octets", json_integer((json_int_t)from[leg].rx_octets));
	json_object_set_new(json, "tx_packets", json_integer((json_int_t)from[1 - leg].tx_packets));
	json_object_set_new(json, "tx_octets", json_integer((json_int_t)from[1 - leg].tx_octets));
	json_object_set_new(json, "lost", json_integer((json_int_t)from[leg].lost));
	json_object_set_new(
		json, "lost_packet_rate", json_real(percent(&from[leg], from[leg].lost)));
	json_object_set_new(
		json, "out_of_order_rate", json_real(percent(&from[leg], from[leg].reordered)));
	json_object_set_new(json, "duplicates", json_integer(from[leg].duplicates));
	json_object_set_new(json, "reordered", json_integer(from[leg].reordered));
	json_object_set_new(json, "too_late", json_integer(from[leg].too_late));
	json_object_set_new(json, "rtt_us",
		from[leg].far.rtt_us ? json_integer(from[leg].far.rtt_us) : json_null());
	json_object_set_new(json, "jitter_us", json_integer(from[leg].jitter_us));
	json_object_set_new(json, "dropped", json_integer(from[leg].dropped));
	return json;
}

static json_t *call_json(const struct ctl_call *call, const struct dp_stream_sum from[DP_LEGS],
	const struct cli_media *media)
{
	json_t *json = json_object(), *legs = json_array();
	char id[24];

	snprintf(id, sizeof(id), ID, call->id);
	json_object_set_new(json, "id", json_string(id));
	json_object_set_new(json, "state", json_string(state_word(call->state)));
	json_object_set_new(json, "invite_ms", json_integer((json_int_t)call->invite_ms));
	json_object_set_new(json, "ringing_ms", json_integer((json_int_t)call->ringing_ms));
	json_object_set_new(json, "answer_ms", json_integer((json_int_t)call->answer_ms));
	json_object_set_new(json, "end_ms", json_integer((json_int_t)call->end_ms));
	json_object_set_new(json, "codec", json_string(call->codec[0]));
	json_object_set_new(json, "transcoded", json_boolean(call->transcoded));
	json_object_set_new(
		json, "target", call->target[0] ? json_string(call->target) : json_null());
	json_object_set_new(json, "sip_status", json_integer(call->sip_status));
	json_object_set_new(json, "q850", json_integer(call->q850));
	json_object_set_new(json, "released_by", json_string(cli_released_word(call->released_by)));
	json_object_set_new(json, "reason", json_string(call->reason));
	json_object_set_new(
		json, "transfer", call->transfer ? json_string(transfer_text(call)) : json_null());
	snprintf(id, sizeof(id), ID, call->transfer_call);
	json_object_set_new(
		json, "transfer_call", call->transfer_call ? json_string(id) : json_null());
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		json_array_append_new(legs, leg_json(call, leg, from, media));
	json_object_set_new(json, "legs", legs);
	return json;
}

char *cli_codecs_text(const struct ctl_call *call, char text[CLI_CODECS_MAX])
{
	const char *a = call->codec[0][0] ? call->codec[0] : "-";
	const char *b = call->codec[1][0] ? call->codec[1] : "-";

	snprintf(text, CLI_CODECS_MAX, call->transcoded ? "%s and %s, transcoded" : "%s", a, b);
	return text;
}

/* ---- brief ---- */

static const char legend[] =
	"<ID>: <CallID> <start>ms.<index> (<time>) +<connect> pid:<peer> <dir> <number> <state>\n"
	" dur hh:mm:ss tx:<packets>/<bytes> rx:<packets>/<bytes> dscp:<dscp> media:<dropped>\n"
	" IP <ip>:<udp> SRTP: <on/off> rtt:<time>ms pl:<play>/<gap>ms lost:<lost>/<early>/<late>\n"
	"  delay:<last>/<min>/<max>ms <codec> TextRelay: <on/off> Transcoded: <Yes/No> ICE: "
	"<On/Off>\n"
	" LostPacketRate:<%> OutOfOrderRate:<%>\n"
	" VRF:<realm>\n\n";

static uint8_t leg_dscp(struct cli_ctx *ctx, const struct ctl_call *call, unsigned int leg)
{
	const struct cfg_realm *realm = cfg_find_realm(ctx->running, call->realm[leg]);

	return realm ? realm->dscp_media : 0;
}

static void print_brief_leg(struct cli_ctx *ctx, const struct ctl_call *call, unsigned int leg,
	const struct dp_stream_sum from[DP_LEGS], const struct ipaddr *remote, uint64_t end_ms)
{
	char time[48], addr[IPADDR_TEXT_MAX];
	uint64_t dur_s = call->answer_ms && end_ms > call->answer_ms
				 ? (end_ms - call->answer_ms) / 1000
				 : 0;
	long long connect = call->answer_ms ? (long long)(call->answer_ms - call->invite_ms) : -1;
	const struct dp_stream_sum *rx = &from[leg], *tx = &from[1 - leg];

	buf_printf(ctx->out, ID ": " ID ".%u %" PRIu64 "ms.%u (%s) +%lld pid:%u %s %s %s\n",
		call->id, call->id, leg, call->invite_ms, leg + 1,
		cli_print_time(call->invite_ms, time), connect, leg_peer(call, leg),
		leg ? "Originate" : "Answer", far_number(call, leg), state_word(call->state));
	buf_printf(ctx->out,
		" dur %02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " tx:%" PRIu64 "/%" PRIu64
		" rx:%" PRIu64 "/%" PRIu64 " dscp:%u media:%u\n",
		dur_s / 3600, dur_s / 60 % 60, dur_s % 60, tx->tx_packets, tx->tx_octets,
		rx->rx_packets, rx->rx_octets, leg_dscp(ctx, call, leg), rx->dropped);
	buf_printf(ctx->out,
		" IP %s SRTP: %s rtt:%ums pl:0/0ms lost:%" PRIu64
		"/0/%u delay:0/0/0ms %s "
		"TextRelay: off Transcoded: %s ICE: Off\n",
		print_addr(remote, addr), call->srtp[leg] != DP_SRTP_NONE ? "on" : "off",
		(rx->far.rtt_us + 500) / 1000, rx->lost, rx->too_late,
		call->codec[leg][0] ? call->codec[leg] : "-", call->transcoded ? "Yes" : "No");
	buf_printf(ctx->out, " LostPacketRate:%.2f OutOfOrderRate:%.2f\n VRF:%s\n",
		percent(rx, rx->lost), percent(rx, rx->reordered), call->realm[leg]);
	buf_printf(
		ctx->out, " DTMF relay: %s digits:%u\n", dtmf_word(call, leg), call->digits[leg]);
	if (call->srtp_note[leg] != CTL_SRTP_NONE)
		buf_printf(ctx->out, " SRTP: %s\n", srtp_note(call, leg));
	if (call->session_id[leg][0])
		buf_printf(ctx->out, " Session-ID: %s\n", call->session_id[leg]);
	if (call->se_interval_s[leg])
		buf_printf(ctx->out,
			" Session timer: %u s, refreshed by the %s, ends in %" PRIu64 " s\n",
			call->se_interval_s[leg], refresher(call, leg),
			call->se_end_ms[leg] > end_ms ? (call->se_end_ms[leg] - end_ms) / 1000 : 0);
	if (leg == 0 && call->transfer && call->transfer_call)
		buf_printf(ctx->out, " Transfer: %s, call " ID "\n", transfer_text(call),
			call->transfer_call);
	else if (leg == 0 && call->transfer)
		buf_printf(ctx->out, " Transfer: %s\n", transfer_text(call));
	if (leg == 0 && call->target[0])
		buf_printf(ctx->out, " Target: %s\n", call->target);
}

struct brief {
	struct cli_ctx *ctx;
	unsigned int legs;
	uint64_t now_ms;
	json_t *json;
};

static int brief_row(const struct ctl_call *call, void *arg)
{
	struct brief *brief = arg;
	struct all_media all = media_of(brief->ctx, call->id);

	if (brief->json)
		json_array_append_new(
			brief->json, call_json(call, all.media.from, all.n ? &all.media : NULL));
	/* A leg that we have not called yet has no row. */
	for (unsigned int leg = 0; !brief->json && leg < DP_LEGS; leg++) {
		if (leg && !call->sip_call_id[1][0])
			continue;
		print_brief_leg(brief->ctx, call, leg, all.media.from, &all.media.remote[leg],
			brief->now_ms);
		buf_puts(brief->ctx->out, "\n");
		brief->legs++;
	}
	return brief->ctx->out->failed;
}

static void print_leg_totals(struct cli_ctx *ctx, unsigned int legs)
{
	buf_printf(ctx->out,
		"Telephony call-legs: 0\nSIP call-legs: %u\nH323 call-legs: 0\n"
		"Call agent controlled call-legs: 0\nSCCP call-legs: 0\nMulticast call-legs: 0\n"
		"Total call-legs: %u\n",
		legs, legs);
}

static int show_active_brief(struct cli_ctx *ctx)
{
	struct brief brief = {.ctx = ctx, .now_ms = cli_now_ms(ctx->engine)};

	if (ctx->json)
		brief.json = json_array();
	else
		buf_puts(ctx->out, legend);
	ctx->source->calls(ctx->source->ctx, brief_row, &brief);
	if (ctx->json)
		return cli_print_json(ctx, brief.json);
	print_leg_totals(ctx, brief.legs);
	return 0;
}

/* ---- compact ---- */

static int count_legs(const struct ctl_call *call, void *arg)
{
	*(unsigned int *)arg += 1 + (call->sip_call_id[1][0] != 0);
	return 0;
}

static int compact_row(const struct ctl_call *call, void *arg)
{
	struct brief *brief = arg;
	struct all_media all = media_of(brief->ctx, call->id);
	uint64_t t_s = call->answer_ms && brief->now_ms > call->answer_ms
			       ? (brief->now_ms - call->answer_ms) / 1000
			       : 0;
	char addr[IPADDR_TEXT_MAX], peer[CTL_NUMBER_MAX + 1], id[24], seconds[24];

	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		if (leg && !call->sip_call_id[1][0])
			continue;
		snprintf(id, sizeof(id), ID ".%u", call->id, leg);
		snprintf(peer, sizeof(peer), "P%s", far_number(call, leg));
		snprintf(seconds, sizeof(seconds), "T%" PRIu64, t_s);
		buf_printf(brief->ctx->out, "%20s %-7s %-6s %-11s %-4s %-22s %-25s %s\n", id,
			leg ? "ORG" : "ANS", seconds, call->codec[leg][0] ? call->codec[leg] : "-",
			"VOIP", peer, print_addr(&all.media.remote[leg], addr), call->realm[leg]);
	}
	return brief->ctx->out->failed;
}

static int show_active_compact(struct cli_ctx *ctx)
{
	struct brief brief = {.ctx = ctx, .now_ms = cli_now_ms(ctx->engine)};
	unsigned int legs = 0;

	if (ctx->json)
		return show_active_brief(ctx);
	ctx->source->calls(ctx->source->ctx, count_legs, &legs);
	buf_puts(ctx->out,
		"            <callID> A/O FAX T<sec> Codec       type Peer Address           IP "
		"R<ip>:<udp>              VRF\n");
	buf_printf(ctx->out, "Total call-legs: %u\n", legs);
	ctx->source->calls(ctx->source->ctx, compact_row, &brief);
	return 0;
}

static int show_active_total(struct cli_ctx *ctx)
{
	struct cli_totals totals = {0};

	ctx->source->totals(ctx->source->ctx, &totals);
	if (ctx->json)
		return cli_print_json(
			ctx, json_pack("{s:I}", "calls_active", (json_int_t)totals.calls_active));
	buf_printf(ctx->out, "Total Number of Active Calls : %" PRIu64 "\n", totals.calls_active);
	return 0;
}

/* ---- history ---- */

static int history_row(const struct cli_record *record, void *arg)
{
	struct brief *brief = arg;
	const struct ctl_call *call = &record->call;
	static const struct ipaddr none;
	char time[48];

	if (brief->json) {
		json_array_append_new(brief->json, call_json(call, record->from, NULL));
		return 0;
	}
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		if (leg && !call->sip_call_id[1][0])
			continue;
		print_brief_leg(brief->ctx, call, leg, record->from, &none, call->end_ms);
		brief->legs++;
	}
	buf_printf(brief->ctx->out, " end %s sip:%u q850:%u by:%s %s\n\n",
		cli_print_time(call->end_ms, time), call->sip_status, call->q850,
		cli_released_word(call->released_by), call->reason);
	return brief->ctx->out->failed;
}

static int show_history_brief(struct cli_ctx *ctx)
{
	struct brief brief = {.ctx = ctx};
	const char *last = cli_arg(ctx, 0);

	if (ctx->json)
		brief.json = json_array();
	else
		buf_puts(ctx->out, legend);
	ctx->source->records(
		ctx->source->ctx, last ? (unsigned int)atoi(last) : 100, history_row, &brief);
	if (ctx->json)
		return cli_print_json(ctx, brief.json);
	print_leg_totals(ctx, brief.legs);
	return 0;
}

static int outcome_row(const char *word, uint64_t n, void *arg)
{
	struct brief *brief = arg;

	if (brief->json)
		json_object_set_new(brief->json, word, json_integer((json_int_t)n));
	else
		buf_printf(brief->ctx->out, "  %-14s %12" PRIu64 "\n", word, n);
	return 0;
}

static int show_history_stats(struct cli_ctx *ctx)
{
	struct brief brief = {.ctx = ctx};
	struct cli_totals t = {0};

	ctx->source->totals(ctx->source->ctx, &t);
	if (ctx->json) {
		json_t *json = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "calls_active",
			(json_int_t)t.calls_active, "calls_attempted",
			(json_int_t)t.calls_attempted, "calls_answered",
			(json_int_t)t.calls_answered, "calls_failed", (json_int_t)t.calls_failed,
			"answered_ms", (json_int_t)t.answered_ms, "records_written",
			(json_int_t)t.records_written, "records_failed",
			(json_int_t)t.records_failed);
		brief.json = json_object();
		ctx->source->outcomes(ctx->source->ctx, outcome_row, &brief);
		json_object_set_new(json, "outcomes", brief.json);
		return cli_print_json(ctx, json);
	}
	buf_printf(ctx->out,
		"Calls now            %12" PRIu64 "\nAttempts             %12" PRIu64
		"\nAnswered             %12" PRIu64 "\nNot answered         %12" PRIu64
		"\nAnswer seizure ratio %11.1f%%\nAverage duration     %11.1fs\n",
		t.calls_active, t.calls_attempted, t.calls_answered, t.calls_failed,
		t.calls_attempted ? 100.0 * (double)t.calls_answered / (double)t.calls_attempted
				  : 0.0,
		t.calls_answered ? (double)t.answered_ms / 1000.0 / (double)t.calls_answered : 0.0);
	buf_printf(ctx->out,
		"Records written      %12" PRIu64 "\nRecords lost         %12" PRIu64
		"\nRecords by outcome:\n",
		t.records_written, t.records_failed);
	ctx->source->outcomes(ctx->source->ctx, outcome_row, &brief);
	return 0;
}

/* ---- show voip rtp connections ---- */

static void print_pools(struct cli_ctx *ctx, json_t *json)
{
	static const struct cli_column columns[] = {
		{"Media-Address Range", "address", 39, false, false},
		{"Realm", "realm", 12, false, false},
		{"Min Port", "min", 5, true, true},
		{"Max Port", "max", 5, true, true},
		{"Available", "available", 9, true, true},
		{"Reserved", "reserved", 8, true, true},
		{"In-use", "in_use", 6, true, true},
	};
	struct cli_table_out *table = cli_table_new(columns, 7);
	char addr[IPADDR_TEXT_MAX];
	struct cli_ports ports;

	for (uint32_t i = 0; i < ctx->running->n_realms; i++) {
		const struct cfg_realm *realm = &ctx->running->realms[i];
		for (unsigned int family = 4; family <= 6; family += 2) {
			if (!ctx->source->ports(ctx->source->ctx, realm->name, family, &ports))
				continue;
			cli_table_cell(table, "%s", ipaddr_print(&ports.addr, addr));
			cli_table_cell(table, "%s", realm->name);
			cli_table_cell(table, "%u", ports.port_min);
			cli_table_cell(table, "%u", ports.port_max);
			cli_table_cell(table, "%u", ports.available);
			cli_table_cell(table, "%u", 0);
			cli_table_cell(table, "%u", ports.in_use);
		}
	}
	if (json) {
		json_object_set_new(json, "ports", cli_table_json(table));
		return;
	}
	cli_table_text(ctx, table);
	cli_table_free(table);
}

struct connections {
	struct cli_ctx *ctx;
	struct cli_table_out *table;
};

static int connection_row(const struct cli_media *media, void *arg)
{
	struct connections *c = arg;
	char addr[IPADDR_TEXT_MAX];

	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		cli_table_cell(c->table, "%u", cli_table_rows(c->table) + 1);
		cli_table_cell(c->table, ID ".%u", media->call_id, leg);
		cli_table_cell(c->table, ID ".%u", media->call_id, 1 - leg);
		cli_table_cell(c->table, "%u", ipaddr_port(&media->local[leg]));
		if (ipaddr_is_set(&media->remote[leg])) {
			cli_table_cell(c->table, "%u", ipaddr_port(&media->remote[leg]));
		} else {
			cli_table_null(c->table);
		}
		cli_table_cell(c->table, "%s", ipaddr_print(&media->local[leg], addr));
		if (ipaddr_is_set(&media->remote[leg]))
			cli_table_cell(c->table, "%s", ipaddr_print(&media->remote[leg], addr));
		else
			cli_table_null(c->table);
		cli_table_cell(c->table, "NO");
		cli_table_cell(c->table, "%u", media->worker);
	}
	return 0;
}

static int show_rtp(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"No.", "number", 3, false, true},
		{"CallId", "call_id", 18, false, false},
		{"dstCallId", "dst_call_id", 18, false, false},
		{"LocalRTP", "local_port", 8, false, true},
		{"RmtRTP", "remote_port", 6, false, true},
		{"LocalIP", "local_ip", 15, false, false},
		{"RemoteIP", "remote_ip", 15, false, false},
		{"MPSS", "mpss", 4, false, false},
		{"Worker", "worker", 6, false, true},
	};
	struct connections c = {.ctx = ctx, .table = cli_table_new(columns, 9)};
	json_t *json = NULL;
	unsigned int n;

	if (!c.table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	ctx->source->media(ctx->source->ctx, 0, connection_row, &c);
	if (ctx->json) {
		json = json_object();
		print_pools(ctx, json);
		json_object_set_new(json, "connections", cli_table_json(c.table));
		return cli_print_json(ctx, json);
	}
	n = cli_table_rows(c.table);
	buf_puts(ctx->out, "VoIP RTP Port Usage Information:\n");
	print_pools(ctx, NULL);
	buf_puts(ctx->out, "VoIP RTP active connections :\n");
	if (n)
		cli_table_text(ctx, c.table);
	buf_printf(ctx->out, "Found %u active RTP connections\n", n);
	cli_table_free(c.table);
	return 0;
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show call active voice",
		"Show what the box does and knows\nCalls\nIn progress\nVoice calls", NULL, 0},
	{"show call active voice brief", "A few lines a leg", show_active_brief, FLAGS},
	{"show call active voice compact", "One line a leg", show_active_compact, FLAGS},
	{"show call active total-calls", "Number of calls", show_active_total, FLAGS},
	{"show call history voice brief [last <1-100000>]",
		"Finished\nVoice calls\nA few lines a leg\nOnly the newest\nSo many calls",
		show_history_brief, FLAGS},
	{"show call history stats", "Sums of the records", show_history_stats, FLAGS},
	{"show voip rtp connections", "Voice over IP\nMedia\nPorts and connections", show_rtp,
		FLAGS},
};
const struct cli_table cli_show_calls = {rows, sizeof(rows) / sizeof(rows[0])};
