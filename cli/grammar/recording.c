/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recordings of calls: starting and stopping by hand, what is recorded, the room for it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/grammar/command.h"

#define MB (1024.0 * 1024.0)

/* ---- record call, no record call ---- */

static int record_call(struct cli_ctx *ctx, bool on)
{
	const char *text = cli_arg(ctx, 0);
	uint64_t id;
	char *end;
	int rc;

	id = strtoull(text, &end, 16);
	if (strlen(text) > 16 || *end || strspn(text, "0123456789abcdefABCDEF") == 0)
		return cli_fail(ctx, -EINVAL, "%.40s is not the number of a call", text);
	rc = ctx->source->record(ctx->source->ctx, id, on);
	if (rc == -ENOENT)
		return cli_fail(ctx, rc, "There is no call %s", text);
	if (rc == -EALREADY)
		return cli_fail(ctx, rc, "Call %s is %srecorded already", text, on ? "" : "not ");
	if (rc == -ENOTCONN)
		return cli_fail(ctx, rc,
			"limen-rec is not running: call %s will be recorded when it is back", text);
	if (rc < 0)
		return cli_fail(ctx, rc, "Call %s cannot be recorded: %s", text, strerror(-rc));
	return 0;
}

static int record_call_on(struct cli_ctx *ctx)
{
	return record_call(ctx, true);
}

static int record_call_off(struct cli_ctx *ctx)
{
	return record_call(ctx, false);
}

/* ---- show recordings ---- */

static const char *state_word(uint32_t state)
{
	return state == CTL_REC_RUNS ? "recording" : state == CTL_REC_WAITS ? "waiting" : "ended";
}

static int recording_row(const struct ctl_rec_status *s, void *arg)
{
	struct cli_table_out *table = arg;

	cli_table_cell(table, "%016" PRIx64, s->call_id);
	cli_table_cell(table, "%s", state_word(s->state));
	cli_table_cell(table, "%s", s->demand ? "operator" : "rule");
	cli_table_cell(table, "%u", s->parts);
	cli_table_cell(table, "%.1f", (double)s->bytes / MB);
	if (s->parts)
		cli_table_cell(table, "%s", s->name);
	else
		cli_table_null(table);
	if (s->note[0])
		cli_table_cell(table, "%s", s->note);
	else
		cli_table_null(table);
	return 0;
}

static void room_text(struct cli_ctx *ctx, const struct ctl_rec_info *info, bool here)
{
	if (!here)
		buf_printf(ctx->out,
			"limen-rec is not running: nothing is recorded. Its last "
			"figures:\n");
	else if (info->note[0])
		buf_printf(ctx->out, "Nothing is recorded now: %s\n", info->note);
	buf_printf(ctx->out, "Recording now: %u, waiting: %u\n", info->running, info->waiting);
	buf_printf(
		ctx->out, "Files: %" PRIu64 ", %.1f MB", info->n_files, (double)info->bytes / MB);
	if (info->free_bytes != UINT64_MAX)
		buf_printf(
			ctx->out, ", %.0f MB are free on the disk", (double)info->free_bytes / MB);
	buf_printf(ctx->out, "\n\n");
}

static json_t *room_json(const struct ctl_rec_info *info, bool here)
{
	return json_pack("{s:b,s:I,s:I,s:I,s:I,s:I,s:s}", "running", here, "recording_now",
		(json_int_t)info->running, "waiting", (json_int_t)info->waiting, "files",
		(json_int_t)info->n_files, "bytes", (json_int_t)info->bytes, "free_bytes",
		(json_int_t)(info->free_bytes == UINT64_MAX ? UINT64_C(0) : info->free_bytes),
		"note", info->note);
}

/* Text or JSON of the room, and under it the table, which is freed. */
static int print(struct cli_ctx *ctx, struct cli_table_out *table, const char *key)
{
	struct ctl_rec_info info;
	bool here = ctx->source->recorder(ctx->source->ctx, &info);

	if (!table)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	if (ctx->json) {
		json_t *json = room_json(&info, here);
		json_object_set_new(json, key, cli_table_json(table));
		return cli_print_json(ctx, json);
	}
	room_text(ctx, &info, here);
	cli_table_text(ctx, table);
	cli_table_free(table);
	return 0;
}

static int show_recordings(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"CALL", "call", 16, false, false},
		{"STATE", "state", 9, false, false},
		{"BY", "by", 8, false, false},
		{"PARTS", "parts", 5, true, true},
		{"MB", "mb", 8, true, true},
		{"FILES", "files", 34, false, false},
		{"NOTE", "note", 0, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 7);

	if (table)
		ctx->source->recordings(ctx->source->ctx, recording_row, table);
	return print(ctx, table, "recordings");
}

static int show_recordings_statistics(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"COUNTER", "counter", 18, false, false},
		{"VALUE", "value", 12, true, true},
		{"MEANING", "meaning", 0, false, false},
	};
	struct cli_table_out *table = cli_table_new(columns, 3);
	struct ctl_rec_info info;

	ctx->source->recorder(ctx->source->ctx, &info);
	if (table) {
#define X(field, name, help)                                  \
	cli_table_cell(table, "%s", name);                    \
	cli_table_cell(table, "%" PRIu64, info.counts.field); \
	cli_table_cell(table, "%s", help);
		CTL_REC_COUNTERS(X)
#undef X
	}
	return print(ctx, table, "counters");
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"record call WORD",
		"Record something\nA call\nIts number, as in `show call active voice brief`",
		record_call_on, CLI_PRIV},
	{"no record call WORD", "Stop something\nRecord something\nA call\nIts number",
		record_call_off, CLI_PRIV},
	{"show recordings",
		"Show what the box does and knows\nRecordings of calls, and the room for them",
		show_recordings, FLAGS},
	{"show recordings statistics",
		"Show what the box does and knows\nRecordings of calls, and the room for them\n"
		"What was recorded, and what could not be",
		show_recordings_statistics, FLAGS},
};
const struct cli_table cli_recording_commands = {rows, sizeof(rows) / sizeof(rows[0])};
