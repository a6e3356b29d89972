/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show call reason: why calls failed, one sentence each, from the records and the calls in progress. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/grammar/command.h"

#define ID	   "%016" PRIx64
#define LAST_USUAL 20
#define LAST_MAX   100000

int cli_call_id(struct cli_ctx *ctx, const char *text, uint64_t *ret_id)
{
	size_t n = strspn(text, "0123456789abcdefABCDEF");

	/* with or without the number of a leg behind it, as other commands print it */
	if (n == 0 || n > 16 || (text[n] != '\0' && text[n] != '.'))
		return cli_fail(ctx, -EINVAL, "%.40s is not the number of a call", text);
	*ret_id = strtoull(text, NULL, 16);
	return 0;
}

static bool is_over(const struct ctl_call *call)
{
	return call->state == CTL_CALL_ENDED || call->end_ms != 0;
}

/* What became of a call, in a word. */
static const char *fate(const struct ctl_call *call)
{
	if (!is_over(call))
		return call->answer_ms ? "in progress" : "not answered yet";
	return call->answer_ms ? "answered" : "failed";
}

static const char *reason_of(const struct ctl_call *call)
{
	if (call->reason[0])
		return call->reason;
	return is_over(call) ? "the record has no reason" : "nothing is wrong so far";
}

static int show_one(struct cli_ctx *ctx)
{
	char time[48], addr[DP_LEGS][IPADDR_TEXT_MAX];
	struct cli_record r;
	const struct ctl_call *call = &r.call;
	uint64_t id;
	int rc = cli_call_id(ctx, cli_arg(ctx, 0), &id);

	if (rc < 0)
		return rc;
	if (!ctx->source->call(ctx->source->ctx, id, &r))
		return cli_fail(ctx, -ENOENT, "There is no call " ID, id);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		strcpy(addr[leg], "-");
		if (ipaddr_is_set(&call->peer_sig[leg]))
			ipaddr_print_port(&call->peer_sig[leg], addr[leg]);
	}
	if (ctx->json) {
		char word[24];

		snprintf(word, sizeof(word), ID, call->id);
		return cli_print_json(ctx,
			json_pack("{s:s,s:s,s:I,s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:s}", "id",
				word, "fate", fate(call), "invite_ms", (json_int_t)call->invite_ms,
				"sip_status", (json_int_t)call->sip_status, "q850",
				(json_int_t)call->q850, "released_by",
				cli_released_word(call->released_by), "calling", call->calling[0],
				"called", call->called[0], "realm", call->realm[0], "trunk_in",
				call->trunk[0], "trunk_out", call->trunk[1], "dial_peer",
				(json_int_t)call->dial_peer_out, "reason", reason_of(call)));
	}
	buf_printf(ctx->out, "Call " ID ": %s\n", call->id, fate(call));
	buf_printf(ctx->out, "  Reason    %s\n", reason_of(call));
	buf_printf(ctx->out, "  Began     %s\n", cli_print_time(call->invite_ms, time));
	if (is_over(call))
		buf_printf(ctx->out, "  Ended by  %s, SIP %u, Q.850 %u\n",
			cli_released_word(call->released_by), call->sip_status, call->q850);
	buf_printf(ctx->out, "  Caller    %s at %s, realm %s%s%s\n",
		call->calling[0][0] ? call->calling[0] : "-", addr[0],
		call->realm[0][0] ? call->realm[0] : "-", call->trunk[0][0] ? ", trunk " : "",
		call->trunk[0]);
	if (call->target[0])
		buf_printf(ctx->out, "  Called    %s: %s, dial-peer %u\n", call->called[0],
			call->target, call->dial_peer_out);
	else if (call->trunk[1][0])
		buf_printf(ctx->out, "  Called    %s at %s, trunk %s, dial-peer %u\n",
			call->called[1], addr[1], call->trunk[1], call->dial_peer_out);
	else
		buf_printf(ctx->out, "  Called    %s, nobody was tried\n",
			call->called[0][0] ? call->called[0] : "-");
	return 0;
}

/* The newest failures are wanted, but records come oldest first: a ring of them. */
struct failures {
	struct ctl_call *ring;
	unsigned int size;
	uint64_t n;
};

static int failure_row(const struct cli_record *record, void *arg)
{
	struct failures *f = arg;

	if (record->call.answer_ms == 0)
		f->ring[f->n++ % f->size] = record->call;
	return 0;
}

static int show_last(struct cli_ctx *ctx)
{
	static const struct cli_column columns[] = {
		{"Began", "began", 31, false, false},
		{"Call", "id", 16, false, false},
		{"SIP", "sip_status", 3, true, true},
		{"By", "released_by", 8, false, false},
		{"Calling", "calling", 14, false, false},
		{"Called", "called", 14, false, false},
		{"Reason", "reason", 0, false, false},
	};
	const char *last = cli_arg(ctx, 0);
	struct failures f = {.size = last ? (unsigned int)atoi(last) : LAST_USUAL};
	struct cli_table_out *table = cli_table_new(columns, 7);
	char time[48];

	f.ring = calloc(f.size, sizeof(*f.ring));
	if (!table || !f.ring) {
		cli_table_free(table);
		free(f.ring);
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	}
	ctx->source->records(ctx->source->ctx, LAST_MAX, failure_row, &f);
	for (uint64_t i = f.n > f.size ? f.n - f.size : 0; i < f.n; i++) {
		const struct ctl_call *call = &f.ring[i % f.size];

		cli_table_cell(table, "%s", cli_print_time(call->invite_ms, time));
		cli_table_cell(table, ID, call->id);
		cli_table_cell(table, "%u", call->sip_status);
		cli_table_cell(table, "%s", cli_released_word(call->released_by));
		cli_table_cell(table, "%s", call->calling[0][0] ? call->calling[0] : "-");
		cli_table_cell(table, "%s", call->called[0][0] ? call->called[0] : "-");
		cli_table_cell(table, "%s", reason_of(call));
	}
	free(f.ring);
	return cli_table_print(ctx, table);
}

#define FLAGS (CLI_JSON | CLI_PIPE)
static const struct cli_row rows[] = {
	{"show call reason", "Why calls failed", show_last, FLAGS},
	{"show call reason last <1-10000>", "The newest failures\nSo many", show_last, FLAGS},
	{"show call reason WORD", "A call, by its identifier; also one that is over", show_one,
		FLAGS},
};
const struct cli_table cli_show_reason = {rows, sizeof(rows) / sizeof(rows[0])};
