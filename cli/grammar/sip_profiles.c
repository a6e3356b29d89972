/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test voice class sip-profiles: what a profile makes of a message, without any call. The message is
 * typed, or one of a call that is kept. In a configuration mode the candidate's profiles are tried.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/grammar/command.h"
#include "sip-b2bua/profiles/profiles.h"

/* A line of the result that was not there before, or of the original that is gone. */
static bool has_line(struct view text, struct view line)
{
	while (text.n > 0) {
		const char *stop = memchr(text.p, '\n', text.n);
		size_t n = stop ? (size_t)(stop - text.p) : text.n;

		if (view_eq(view_trim((struct view){text.p, n}), line))
			return true;
		n += stop != NULL;
		text = (struct view){text.p + n, text.n - n};
	}
	return false;
}

static void print_lines(struct buf *out, struct view text, struct view other, char mark, bool all)
{
	while (text.n > 0) {
		const char *stop = memchr(text.p, '\n', text.n);
		size_t n = stop ? (size_t)(stop - text.p) : text.n;
		struct view line = view_trim((struct view){text.p, n});
		bool both = has_line(other, line);

		if (all || !both) {
			char sign = both ? ' ' : mark;

			buf_add(out, &sign, 1);
			buf_puts(out, " ");
			for (size_t i = 0; i < line.n; i++) {
				char c = (unsigned char)line.p[i] < ' ' || line.p[i] == 0x7f
						 ? '?'
						 : line.p[i];
				buf_add(out, &c, 1);
			}
			buf_puts(out, "\n");
		}
		n += stop != NULL;
		text = (struct view){text.p + n, text.n - n};
	}
}

static int try_out(const struct cfg *cfg, uint32_t tag, struct view msg, struct buf *out)
{
	char why[SIP_PROFILES_WHY_MAX], error[CFG_ERROR_MAX];
	struct sip_profiles *profiles;
	char *result = malloc(SIP_PROFILES_OUT_MAX);
	size_t n = 0;
	int rc;

	if (!result) {
		buf_puts(out, "% Out of memory\n");
		rc = -ENOMEM;
	} else if (!cfg_find_sip_profile(cfg, tag)) {
		buf_printf(out, "%% There is no voice class sip-profiles %u\n", tag);
		rc = -ENOENT;
	} else if ((rc = sip_profiles_new(cfg, &profiles, error)) < 0) {
		buf_printf(out, "%% %s\n", error);
	} else {
		rc = sip_profiles_apply(
			profiles, tag, msg, false, result, SIP_PROFILES_OUT_MAX, &n, why);
		if (rc == -EINVAL) {
			buf_printf(out, "%% The text is no SIP message: %s\n", why);
		} else if (rc < 0) {
			buf_printf(out, "%% The message stays as it is: %s\n", why);
		} else if (rc == 0) {
			buf_puts(out, "No rule changes the message\n");
		} else {
			struct view made = {result, n};

			buf_puts(out, "- taken out, + put in:\n");
			print_lines(out, msg, made, '-', false);
			print_lines(out, made, msg, '+', true);
			rc = 0;
		}
		sip_profiles_free(profiles);
	}
	free(result);
	return rc;
}

/* What is tried: of who is editing a configuration that one, else the running one. */
static const struct cfg *cfg_of(const struct cli_session *session)
{
	return session->candidate ? cfg_candidate_cfg(session->candidate)
				  : cfg_store_running(session->engine->store);
}

/* "\r\n" and "\n" as they are written in a line become ends of lines; each line gets both. */
static size_t unescape(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; *text && n + 2 < size; text++) {
		if (text[0] == '\\' && text[1] == 'r' && text[2] == '\\' && text[3] == 'n')
			text += 2;
		if (text[0] == '\\' && text[1] == 'n') {
			out[n++] = '\r';
			out[n++] = '\n';
			text++;
		} else {
			out[n++] = *text;
		}
	}
	return n;
}

static int test_text(struct cli_ctx *ctx)
{
	static char text[CLI_LINE_MAX + 8];
	const char *typed = cli_arg(ctx, 1);
	size_t len = strlen(typed), n;

	/* In quotes or without them. */
	if (len > 1 && typed[0] == '"' && typed[len - 1] == '"') {
		char *inner = strndup(typed + 1, len - 2);

		if (!inner)
			return cli_fail(ctx, -ENOMEM, "Out of memory");
		n = unescape(inner, text, sizeof(text) - 4);
		free(inner);
	} else {
		n = unescape(typed, text, sizeof(text) - 4);
	}
	/* A header that was pasted without the empty line behind it. */
	if (!memmem(text, n, "\r\n\r\n", 4)) {
		if (n < 2 || text[n - 1] != '\n')
			n += (size_t)sprintf(text + n, "\r\n");
		n += (size_t)sprintf(text + n, "\r\n");
	}
	return try_out(cfg_of(ctx->session), (uint32_t)atoi(cli_arg(ctx, 0)),
		(struct view){text, n}, ctx->out);
}

/* ---- a message of a call ---- */

struct ask {
	struct cli_wait wait;
	uint32_t tag;
	unsigned int number;
	bool inside, done;
	int status;
};

static void on_trace(void *arg, const struct cli_trace *trace)
{
	struct ask *ask = arg;
	struct cli_session *session = ask->wait.session;
	int rc = -ENOENT;

	if (session) {
		session->wait = NULL;
		if (ask->number > trace->n)
			buf_printf(&session->out, "%% %u SIP messages of the call are kept\n",
				trace->n);
		else
			rc = try_out(cfg_of(session), ask->tag,
				(struct view){trace->msgs[ask->number - 1].bytes,
					trace->msgs[ask->number - 1].n},
				&session->out);
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

static int test_call(struct cli_ctx *ctx)
{
	struct ask *ask;
	uint64_t id;
	int rc = cli_call_id(ctx, cli_arg(ctx, 1), &id);

	if (rc < 0)
		return rc;
	ask = calloc(1, sizeof(*ask));
	if (!ask)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	*ask = (struct ask){.wait = {ctx->session, "% Interrupted\n"},
		.tag = (uint32_t)atoi(cli_arg(ctx, 0)),
		.number = (unsigned int)atoi(cli_arg(ctx, 2)),
		.inside = true};
	rc = ctx->source->trace(ctx->source->ctx, id, on_trace, ask);
	ask->inside = false;
	if (rc < 0 || ask->done) {
		if (rc == 0)
			rc = ask->status;
		else
			cli_fail(ctx, rc, "The messages of calls cannot be had now: %s",
				rc == -ENOTCONN ? "limen-sip is away" : strerror(-rc));
		free(ask);
		return rc;
	}
	ctx->session->wait = &ask->wait;
	return -EINPROGRESS;
}

static const struct cli_row rows[] = {
	{"test voice class sip-profiles <1-10000> message LINE",
		"Try something without doing it\nVoice\nVoice classes\nRules on SIP messages\nTag "
		"of the class\n"
		"A message that is typed here\nThe message; \\n is the end of a line",
		test_text, CLI_PRIV},
	{"test voice class sip-profiles <1-10000> call WORD message <1-1000>",
		"A message of a call, as `show call ladder` has it\nIts identifier\nOne of its "
		"messages\nIts number",
		test_call, CLI_PRIV},
};
const struct cli_table cli_sip_profiles = {rows, sizeof(rows) / sizeof(rows[0])};
