/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * show call quality: how calls sound, as far as that is known, and where each figure comes from
 * (docs/VOICE-QUALITY.md). A figure that is not known is "-", in JSON null.
 */
#include "cli/grammar/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ID "%016" PRIx64

static const char *const side[DP_LEGS] = {"caller", "called"};

static const char *source_word(uint32_t source)
{
	static const char *const words[] = {
#define X(sym, word) word,
		QUALITY_SOURCES(X)
#undef X
	};
	return source < QUALITY_SOURCE_N ? words[source] : words[QUALITY_UNKNOWN];
}

static void cell_scaled(struct cli_table_out *table, uint32_t value, double unit, int decimals)
{
	if (value == QUALITY_UNKNOWN_U32)
		cli_table_null(table);
	else
		cli_table_cell(table, "%.*f", decimals, value / unit);
}

static void cell_or_null(struct cli_table_out *table, uint32_t value, double unit, int decimals)
{
	cell_scaled(table, value ? value : QUALITY_UNKNOWN_U32, unit, decimals);
}

/* ---- all calls ---- */

static void quality_row(struct cli_table_out *table, const struct cli_record *r, unsigned int leg)
{
	const struct quality_leg *q = &r->quality.leg[leg];
	const struct dp_stream_sum *from = &r->from[leg];

	cli_table_cell(table, ID ".%u", r->call.id, leg);
	cli_table_cell(table, "%s", side[leg]);
	if (r->call.codec[leg][0])
		cli_table_cell(table, "%s", r->call.codec[leg]);
	else
		cli_table_null(table);
	cli_table_cell(table, "%" PRIu64, from->rx_packets);
	cell_scaled(table, q->loss_ppm, 1e4, 2);
	cell_scaled(table, q->reordered_ppm, 1e4, 2);
	cell_scaled(table, q->mean_jitter_us, 1e3, 1);
	cell_or_null(table, from->far.rtt_us, 1e3, 1);
	cell_or_null(table, q->heard.mos_cq ? q->heard.mos_cq : q->heard.mos_lq, 100, 2);
	cli_table_cell(table, "%s", source_word(q->heard.source));
	cell_or_null(table, q->far.mos_cq ? q->far.mos_cq : q->far.mos_lq, 100, 2);
	cli_table_cell(table, "%s", source_word(q->far.source));
	if (r->quality.verdict[0])
		cli_table_cell(table, "%s", r->quality.verdict);
	else
		cli_table_null(table);
}

struct rows {
	struct cli_ctx *ctx;
	struct cli_table_out *table;
};

static int call_row(const struct ctl_call *call, void *arg)
{
	struct rows *rows = arg;
	const struct cli_source *source = rows->ctx->source;
	struct cli_record record;

	if (!source->call(source->ctx, call->id, &record))
		return 0;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		if (leg == 0 || record.call.sip_call_id[1][0])
			quality_row(rows->table, &record, leg);
	return 0;
}

static int show_all(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"CallId", "call_id", 18, false, false},
		{"From", "from", 6, false, false},
		{"Codec", "codec", 6, false, false},
		{"Packets", "packets", 8, true, true},
		{"Loss%", "loss_percent", 6, true, true},
		{"OutOf%", "out_of_order_percent", 6, true, true},
		{"Jitter", "jitter_ms", 6, true, true},
		{"RTT", "rtt_ms", 6, true, true},
		{"MOS", "mos", 4, true, true},
		{"Source", "mos_source", 12, false, false},
		{"Far", "far_mos", 4, true, true},
		{"Source", "far_mos_source", 12, false, false},
		{"Verdict", "verdict", 10, false, false},
	};
	struct rows rows = {
		.ctx = ctx, .table = cli_table_new(columns, sizeof(columns) / sizeof(columns[0]))};

	if (!rows.table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	ctx->source->calls(ctx->source->ctx, call_row, &rows);
	return cli_table_print(ctx, rows.table);
}

/* ---- one call ---- */

static json_t *scaled(uint32_t value, double unit)
{
	return value == QUALITY_UNKNOWN_U32 ? json_null() : json_real(value / unit);
}

static json_t *scaled_or_null(uint32_t value, double unit)
{
	return value ? json_real(value / unit) : json_null();
}

static json_t *score_json(const struct quality_score *score)
{
	return json_pack("{s:s,s:o,s:o,s:o}", "source", source_word(score->source), "r",
		scaled_or_null(score->r, 100), "mos_lq", scaled_or_null(score->mos_lq, 100),
		"mos_cq", scaled_or_null(score->mos_cq, 100));
}

static json_t *leg_json(const struct cli_record *r, unsigned int leg)
{
	const struct dp_stream_sum *from = &r->from[leg];
	const struct quality_leg *q = &r->quality.leg[leg];
	const struct dp_far_sum *far = &from->far;
	json_t *json = json_object();

#define INT(key, value)	 json_object_set_new(json, key, json_integer((json_int_t)(value)))
#define SET(key, object) json_object_set_new(json, key, object)
	SET("side", json_string(side[leg]));
	INT("packets", from->rx_packets);
	INT("octets", from->rx_octets);
	INT("lost", from->lost);
	SET("loss_percent", scaled(q->loss_ppm, 1e4));
	INT("duplicates", from->duplicates);
	INT("reordered", from->reordered);
	INT("too_late", from->too_late);
	SET("mean_jitter_ms", scaled(q->mean_jitter_us, 1e3));
	SET("max_jitter_ms", json_real(from->max_jitter_us / 1e3));
	SET("packet_ms", scaled_or_null(from->frame_us, 1e3));
	INT("bursts", from->bursts);
	SET("burst_ms", scaled(q->burst_ms, 1));
	SET("burst_loss_percent", scaled(q->burst_ppm, 1e4));
	SET("gap_ms", scaled(q->gap_ms, 1));
	SET("gap_loss_percent", scaled(q->gap_ppm, 1e4));
	SET("rtt_ms", scaled_or_null(far->rtt_us, 1e3));
	SET("max_rtt_ms", scaled_or_null(far->max_rtt_us, 1e3));
	SET("heard", score_json(&q->heard));
	INT("far_reports", far->reports);
	SET("far_lost", far->reports ? json_integer(far->lost) : json_null());
	SET("far_jitter_ms", scaled(far->reports ? far->jitter_us : QUALITY_UNKNOWN_U32, 1e3));
	INT("xr_reports", far->xr_reports);
	SET("far", score_json(&q->far));
#undef INT
#undef SET
	return json;
}

static void print_value(struct cli_ctx *ctx, const char *name, uint32_t value, double unit,
	int decimals, const char *suffix)
{
	if (value == QUALITY_UNKNOWN_U32)
		buf_printf(ctx->out, "  %-22s unknown\n", name);
	else
		buf_printf(ctx->out, "  %-22s %.*f%s\n", name, decimals, value / unit, suffix);
}

static void print_known(struct cli_ctx *ctx, const char *name, uint32_t value, double unit,
	int decimals, const char *suffix)
{
	print_value(ctx, name, value ? value : QUALITY_UNKNOWN_U32, unit, decimals, suffix);
}

static void print_score(struct cli_ctx *ctx, const char *what, const struct quality_score *s)
{
	buf_printf(ctx->out, "  %s (%s)\n", what, source_word(s->source));
	print_known(ctx, "  R", s->r, 100, 1, "");
	print_known(ctx, "  MOS listening", s->mos_lq, 100, 2, "");
	print_known(ctx, "  MOS conversation", s->mos_cq, 100, 2, "");
}

static void print_leg(struct cli_ctx *ctx, const struct cli_record *r, unsigned int leg)
{
	const struct dp_stream_sum *from = &r->from[leg];
	const struct quality_leg *q = &r->quality.leg[leg];
	const struct dp_far_sum *far = &from->far;

	buf_printf(ctx->out, "From the %s:\n", leg ? "called side" : "caller");
	buf_printf(ctx->out,
		"  %-22s %" PRIu64 ", %" PRIu64
		" octets\n"
		"  %-22s %" PRIu64 "\n  %-22s %u\n  %-22s %u, %u of them too late\n",
		"Packets", from->rx_packets, from->rx_octets, "Lost", from->lost, "Duplicates",
		from->duplicates, "Out of order", from->reordered, from->too_late);
	print_value(ctx, "Loss", q->loss_ppm, 1e4, 2, " %");
	buf_printf(ctx->out, "  %-22s %u\n", "Bursts of loss", from->bursts);
	print_value(ctx, "  Length, mean", q->burst_ms, 1, 0, " ms");
	print_value(ctx, "  Lost in them", q->burst_ppm, 1e4, 1, " %");
	print_value(ctx, "  Lost in gaps", q->gap_ppm, 1e4, 2, " %");
	print_value(ctx, "Jitter, mean", q->mean_jitter_us, 1e3, 1, " ms");
	buf_printf(ctx->out, "  %-22s %.1f ms\n", "Jitter, highest", from->max_jitter_us / 1e3);
	print_known(ctx, "Round trip", far->rtt_us, 1e3, 1, " ms");
	print_known(ctx, "Round trip, longest", far->max_rtt_us, 1e3, 1, " ms");
	print_score(ctx, "As it arrives here", &q->heard);
	buf_printf(ctx->out, "  %-22s %u, XR %u\n", "Reports of the far end", far->reports,
		far->xr_reports);
	if (far->reports) {
		buf_printf(ctx->out, "  %-22s %d\n", "  Lost", far->lost);
		print_value(ctx, "  Jitter", far->jitter_us, 1e3, 1, " ms");
	}
	print_score(ctx, "As its far end hears", &q->far);
}

static int show_one(struct cli_ctx *ctx)
{
	const char *text = cli_arg(ctx, 0);
	char *end = NULL;
	uint64_t id = strtoull(text, &end, 16);
	struct cli_record r;

	/* with or without the number of a leg behind it, as other commands print it */
	if (end == text || (*end && *end != '.') || !ctx->source->call(ctx->source->ctx, id, &r))
		return cli_fail(ctx, -ENOENT, "There is no call %s", text);
	if (ctx->json) {
		char word[24];
		snprintf(word, sizeof(word), ID, r.call.id);
		json_t *json = json_pack("{s:s,s:s,s:o,s:o,s:[o,o]}", "id", word, "codec",
			r.call.codec[0], "verdict",
			r.quality.verdict[0] ? json_string(r.quality.verdict) : json_null(),
			"delay_ms", scaled(r.quality.delay_ms, 1), "legs", leg_json(&r, 0),
			leg_json(&r, 1));
		return cli_print_json(ctx, json);
	}
	char codecs[CLI_CODECS_MAX];
	buf_printf(ctx->out, "Call " ID ", codec %s\nVerdict: %s\n", r.call.id,
		cli_codecs_text(&r.call, codecs),
		r.quality.verdict[0] ? r.quality.verdict : "none yet");
	print_value(ctx, "Delay, mouth to ear", r.quality.delay_ms, 1, 0, " ms");
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		print_leg(ctx, &r, leg);
	return 0;
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show call quality", "How calls sound", show_all, FLAGS},
	{"show call quality WORD", "A call, by its identifier; also one that is over", show_one,
		FLAGS},
};
const struct cli_table cli_show_quality = {rows, sizeof(rows) / sizeof(rows[0])};
