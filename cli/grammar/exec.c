/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands that act, outside of configuration: the terminal, privileges, calls. */
#include "cli/grammar/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int cmd_enable(struct cli_ctx *ctx)
{
	struct cli_session *session = ctx->session;

	if (!session->identity.admin)
		return cli_fail(ctx, -EPERM,
			"Access denied: user %s (uid %u) is not an administrator of this box",
			session->identity.user, (unsigned int)session->identity.uid);
	session->priv = true;
	return 0;
}

static int cmd_disable(struct cli_ctx *ctx)
{
	ctx->session->priv = false;
	return 0;
}

static int cmd_exit(struct cli_ctx *ctx)
{
	ctx->session->close = true;
	return 0;
}

static int cmd_end(struct cli_ctx *ctx)
{
	return 0; /* Ctrl-Z and the last line of a pasted configuration are fine here */
}

static int terminal_length(struct cli_ctx *ctx)
{
	ctx->session->identity.height = (uint16_t)atoi(cli_arg(ctx, 0));
	return 0;
}

static int terminal_width(struct cli_ctx *ctx)
{
	ctx->session->identity.width = (uint16_t)atoi(cli_arg(ctx, 0));
	return 0;
}

static int terminal_monitor(struct cli_ctx *ctx)
{
	ctx->session->monitor = true;
	return 0;
}

static int terminal_no_monitor(struct cli_ctx *ctx)
{
	ctx->session->monitor = false;
	return 0;
}

static int call_clear(struct cli_ctx *ctx, const char *id_text, unsigned int q850)
{
	uint64_t id;
	char reason[128], *end;
	int rc;

	id = strtoull(id_text, &end, 16);
	if (strlen(id_text) > 16 || *end || strspn(id_text, "0123456789abcdefABCDEF") == 0)
		return cli_fail(ctx, -EINVAL, "%.40s is not the number of a call", id_text);
	snprintf(reason, sizeof(reason), "cleared by %s", ctx->session->identity.user);
	rc = ctx->source->call_clear(ctx->source->ctx, id, q850, reason);
	if (rc == -ENOENT)
		return cli_fail(ctx, rc, "There is no call %s", id_text);
	if (rc < 0)
		return cli_fail(
			ctx, rc, "Call %s cannot be cleared now: %s", id_text, strerror(-rc));
	return 0;
}

static int clear_call(struct cli_ctx *ctx)
{
	return call_clear(ctx, cli_arg(ctx, 0), 16); /* Q.850 normal call clearing */
}

static int clear_call_cause(struct cli_ctx *ctx)
{
	return call_clear(ctx, cli_arg(ctx, 1), (unsigned int)atoi(cli_arg(ctx, 0)));
}

static int play_call(struct cli_ctx *ctx, uint32_t legs)
{
	const char *id_text = cli_arg(ctx, 0), *prompt = cli_arg(ctx, 1);
	uint64_t id;
	char *end;
	int rc;

	id = strtoull(id_text, &end, 16);
	if (strlen(id_text) > 16 || *end || strspn(id_text, "0123456789abcdefABCDEF") == 0)
		return cli_fail(ctx, -EINVAL, "%.40s is not the number of a call", id_text);
	rc = ctx->source->call_play(ctx->source->ctx, id, legs, prompt);
	switch (rc) {
	case 0:
		return 0;
	case -ENOENT:
		return cli_fail(ctx, rc, "There is no call %s", id_text);
	case -ENODATA:
		return cli_fail(ctx, rc, "There is no prompt %.40s, or it has no sound", prompt);
	case -EBUSY:
		return cli_fail(
			ctx, rc, "Call %s is not answered yet, or ends in the box itself", id_text);
	case -EAGAIN:
		return cli_fail(ctx, rc,
			"The data plane can play nothing now: it has no media cores, they are "
			"busy, or "
			"it is away");
	case -ENOTSUP:
		return cli_fail(ctx, rc, "Call %s has a codec that the box cannot make", id_text);
	default:
		return cli_fail(ctx, rc, "Nothing can be played into call %s now: %s", id_text,
			strerror(-rc));
	}
}

static int play_both(struct cli_ctx *ctx)
{
	return play_call(ctx, 3);
}

static int play_caller(struct cli_ctx *ctx)
{
	return play_call(ctx, 1);
}

static int play_called(struct cli_ctx *ctx)
{
	return play_call(ctx, 2);
}

static const struct cli_row rows[] = {
	{"enable", "Enter privileged mode", cmd_enable, 0},
	{"disable", "Leave privileged mode", cmd_disable, 0},
	{"exit", "End this session", cmd_exit, 0},
	{"logout", "End this session", cmd_exit, 0},
	{"quit", "End this session", cmd_exit, 0},
	{"end", "Leave configuration", cmd_end, 0},
	{"terminal length <0-512>", "This terminal\nLines of a page of output\nLines; 0: no paging",
		terminal_length, 0},
	{"terminal width <0-512>", "Characters of a line\nCharacters; 0: no limit", terminal_width,
		0},
	{"terminal monitor", "Show log messages", terminal_monitor, CLI_PRIV},
	{"terminal no monitor", "Stop\nShow no log messages", terminal_no_monitor, CLI_PRIV},
	{"play call WORD prompt WORD",
		"Play a sound\nInto a call in progress\n"
		"Its number, as in `show call active voice brief`\nA voice class prompt, once; "
		"meanwhile the other side is not heard\nIts name",
		play_both, CLI_PRIV},
	{"play call WORD prompt WORD caller", "Only the caller hears it", play_caller, CLI_PRIV},
	{"play call WORD prompt WORD called", "Only the called side hears it", play_called,
		CLI_PRIV},
	{"clear call voice id WORD",
		"Reset or end something\nCalls\nVoice calls\nOne call\n"
		"Its number, as in `show call active voice brief`",
		clear_call, CLI_PRIV},
	{"clear call voice causecode <1-127> id WORD",
		"Cause that both sides are told\nQ.850 cause\nOne call\nIts number",
		clear_call_cause, CLI_PRIV},
};
const struct cli_table cli_exec_commands = {rows, sizeof(rows) / sizeof(rows[0])};
