/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * show call ladder: the SIP messages of a call, asked from limen-sip's workers. The line waits for
 * their answer; what is wanted of it is kept in struct ask meanwhile.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/grammar/command.h"
#include "cli/grammar/ladder.h"

#define ID "%016" PRIx64

enum form { FORM_TEXT, FORM_ONE, FORM_ALL, FORM_SVG, FORM_PCAPNG };

struct ask {
	struct cli_wait wait;
	enum form form;
	bool json;
	unsigned int number; /* FORM_ONE */
	bool inside, done;   /* the request is being made; it was answered meanwhile */
	int status;
	bool known; /* record is valid */
	struct cli_record record;
};

static void title_make(const struct ask *ask, const struct cli_trace *trace, struct buf *out)
{
	const struct ctl_call *call = &ask->record.call;

	buf_printf(out, "Call " ID, trace->call_id);
	if (ask->known)
		buf_printf(out, ": %s to %s", call->calling[0][0] ? call->calling[0] : "-",
			call->called[0][0] ? call->called[0] : "-");
	buf_puts(out, "\n");
	if (ask->known && call->reason[0])
		buf_printf(out, "Reason: %s\n", call->reason);
	if (trace->n_missing)
		buf_printf(out, "%" PRIu64 " further messages are too many to be shown\n",
			trace->n_missing);
	if (trace->incomplete)
		buf_puts(out, "A worker of limen-sip did not answer, there may be more\n");
}

/* Comments of capture files and of pictures are one text. */
static char *title_of(const struct ask *ask, const struct cli_trace *trace)
{
	struct buf title = {0};

	title_make(ask, trace, &title);
	return buf_take(&title, NULL);
}

static int print_json(const struct ask *ask, const struct cli_trace *trace, struct ladder *ladder,
	struct buf *out)
{
	char id[24], *text;
	json_t *json;

	snprintf(id, sizeof(id), ID, trace->call_id);
	json = json_pack("{s:s,s:s,s:I,s:b,s:o}", "id", id, "reason",
		ask->known ? ask->record.call.reason : "", "messages_missing",
		(json_int_t)trace->n_missing, "incomplete", trace->incomplete, "messages",
		ladder_json(ladder));
	text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	json_decref(json);
	if (!text) {
		buf_puts(out, "% Out of memory\n");
		return -ENOMEM;
	}
	buf_puts(out, text);
	buf_puts(out, "\n");
	free(text);
	return 0;
}

static int print(const struct ask *ask, const struct cli_trace *trace, struct ladder *ladder,
	struct buf *out)
{
	char *title = title_of(ask, trace);
	int rc = 0;

	if (!title) {
		buf_puts(out, "% Out of memory\n");
		return -ENOMEM;
	}
	if (ask->json) {
		rc = print_json(ask, trace, ladder, out);
	} else if (ask->form == FORM_SVG) {
		ladder_svg(ladder, title, out);
	} else if (ask->form == FORM_PCAPNG) {
		ladder_pcapng(ladder, title, out);
	} else if (ask->form == FORM_TEXT) {
		buf_printf(out, "%s\n", title);
		ladder_text(ladder, out);
	} else if (ask->form == FORM_ALL) {
		buf_puts(out, title);
		for (unsigned int i = 0; i < trace->n; i++) {
			buf_puts(out, "\n");
			ladder_message(ladder, i, out);
		}
	} else if (ask->number > trace->n) {
		buf_printf(out, "%% The call has %u messages\n", trace->n);
		rc = -ENOENT;
	} else {
		ladder_message(ladder, ask->number - 1, out);
	}
	free(title);
	return rc;
}

static void on_trace(void *arg, const struct cli_trace *trace)
{
	struct ask *ask = arg;
	struct cli_session *session = ask->wait.session;
	struct ladder ladder;
	int rc = -ENOMEM;

	if (session) {
		session->wait = NULL;
		if (trace->n == 0) {
			rc = -ENOENT;
			buf_printf(&session->out, "%% No SIP messages of call " ID " are kept%s\n",
				trace->call_id,
				trace->incomplete ? ", as far as limen-sip answered" : "");
		} else if (ladder_make(trace, &ladder) == 0) {
			rc = print(ask, trace, &ladder, &session->out);
			ladder_free(&ladder);
		} else {
			buf_puts(&session->out, "% Out of memory\n");
		}
	}
	if (ask->inside) {
		ask->done = true;
		ask->status = rc;
		return;
	}
	free(ask);
	if (session)
		cli_finish(session, rc);
}

static int start(struct cli_ctx *ctx, enum form form)
{
	const char *number = cli_arg(ctx, 1);
	struct ask *ask;
	uint64_t id;
	int rc = cli_call_id(ctx, cli_arg(ctx, 0), &id);

	if (rc < 0)
		return rc;
	if (form == FORM_PCAPNG && ctx->session->identity.interactive && !ctx->redirected)
		return cli_fail(ctx, -EINVAL,
			"A capture file is not for a terminal: `| redirect FILE`, or "
			"ssh BOX 'show call ladder ID pcapng' > FILE");
	ask = calloc(1, sizeof(*ask));
	if (!ask)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	ask->wait.session = ctx->session;
	ask->wait.aborted = "% Interrupted\n";
	ask->form = form;
	ask->json = ctx->json;
	ask->number = number ? (unsigned int)atoi(number) : 0;
	ask->known = ctx->source->call(ctx->source->ctx, id, &ask->record);
	ask->inside = true;
	rc = ctx->source->trace(ctx->source->ctx, id, on_trace, ask);
	ask->inside = false;
	if (rc == 0 && ask->done) {
		rc = ask->status;
		free(ask);
		return rc;
	}
	if (rc < 0) {
		free(ask);
		return cli_fail(ctx, rc, "%s",
			rc == -ENOTCONN ? "the messages are with limen-sip, which is away"
			: rc == -EBUSY	? "too many command lines ask for SIP messages: try again"
					: "out of memory");
	}
	ctx->session->wait = &ask->wait;
	return -EINPROGRESS;
}

static int show_text(struct cli_ctx *ctx)
{
	return start(ctx, FORM_TEXT);
}

static int show_one(struct cli_ctx *ctx)
{
	return start(ctx, FORM_ONE);
}

static int show_all(struct cli_ctx *ctx)
{
	return start(ctx, FORM_ALL);
}

static int show_svg(struct cli_ctx *ctx)
{
	return start(ctx, FORM_SVG);
}

static int show_pcapng(struct cli_ctx *ctx)
{
	return start(ctx, FORM_PCAPNG);
}

/* ---- the memory of all of them ---- */

static int add_worker(uint32_t worker, const struct ctl_sip_stats *stats, void *arg)
{
	struct ctl_sip_stats *sum = arg;

	sum->trace_messages += stats->trace_messages;
	sum->trace_calls += stats->trace_calls;
	sum->trace_octets += stats->trace_octets;
	sum->trace_octets_failed += stats->trace_octets_failed;
	return 0;
}

static int show_statistics(struct cli_ctx *ctx)
{
	struct ctl_sip_stats sum = {0};
	uint64_t limit = (uint64_t)ctx->running->trace_memory_mb << 20;

	ctx->source->sip(ctx->source->ctx, add_worker, &sum);
	if (ctx->json)
		return cli_print_json(
			ctx, json_pack("{s:I,s:I,s:I,s:I,s:I}", "memory_limit", (json_int_t)limit,
				     "memory_used", (json_int_t)sum.trace_octets, "memory_failed",
				     (json_int_t)sum.trace_octets_failed, "messages",
				     (json_int_t)sum.trace_messages, "calls",
				     (json_int_t)sum.trace_calls));
	buf_printf(ctx->out,
		"Memory limit          %14" PRIu64 " octets%s\nMemory in use         %14" PRIu64
		" octets\n  of calls that failed%14" PRIu64
		" octets\nMessages              %14" PRIu64 "\nCalls                 %14" PRIu64
		"\n",
		limit, limit ? "" : ": nothing is kept", sum.trace_octets, sum.trace_octets_failed,
		sum.trace_messages, sum.trace_calls);
	return 0;
}

#define FLAGS (CLI_PIPE | CLI_PRIV)
static const struct cli_row rows[] = {
	{"show call ladder WORD",
		"SIP messages of a call\nA call, by its identifier; also one that is over",
		show_text, FLAGS | CLI_JSON},
	{"show call ladder WORD message <1-1000>",
		"One message as it was, keys and digits masked\nIts number", show_one, FLAGS},
	{"show call ladder WORD messages", "All messages as they were, keys and digits masked",
		show_all, FLAGS},
	{"show call ladder WORD svg", "A picture for a browser", show_svg, FLAGS},
	{"show call ladder WORD pcapng", "A capture file", show_pcapng, FLAGS},
	{"show voip trace statistics", "Voice over IP\nKept SIP messages\nMemory and what is in it",
		show_statistics, CLI_PIPE | CLI_JSON},
};
const struct cli_table cli_show_ladder = {rows, sizeof(rows) / sizeof(rows[0])};
