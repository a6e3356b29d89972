/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration modes: entering, editing the candidate, committing. Under `configure terminal`
 * every line is a commit of its own. A line after which an object still lacks something it needs
 * (a trunk without a target) waits in the candidate for the lines that complete it; what is not
 * complete when the object is left is dropped with a message, so that nothing half configured
 * ever runs.
 */
#include "cli/grammar/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- modes ---- */

static int enter_config(struct cli_ctx *ctx, bool implicit, bool exclusive)
{
	struct cli_session *session = ctx->session;
	char error[CFG_ERROR_MAX];
	int rc;

	rc = cfg_candidate_new(
		ctx->store, session->identity.user, exclusive, &session->candidate, error);
	if (rc < 0)
		return cli_fail(ctx, rc, "%s", error);
	session->mode = CLI_MODE_CONFIG;
	session->implicit = implicit;
	/* Unique over restarts too: it is kept in the revisions on disk. */
	ctx->engine->last_group++;
	if (ctx->engine->last_group < cli_now_ms(ctx->engine))
		ctx->engine->last_group = cli_now_ms(ctx->engine);
	session->group = ctx->engine->last_group;
	session->missing[0] = 0;
	return 0;
}

static int configure_terminal(struct cli_ctx *ctx)
{
	return enter_config(ctx, true, false);
}

static int configure_private(struct cli_ctx *ctx)
{
	return enter_config(ctx, false, false);
}

static int configure_exclusive(struct cli_ctx *ctx)
{
	return enter_config(ctx, false, true);
}

void cli_enter_object(struct cli_session *session, enum cfg_kind kind, const char *key)
{
	session->mode = CLI_MODE_OBJECT;
	session->kind = kind;
	snprintf(session->key, sizeof(session->key), "%s", key);
}

void cli_leave_object(struct cli_session *session)
{
	if (session->mode == CLI_MODE_OBJECT)
		session->mode = CLI_MODE_CONFIG;
	if (!session->missing[0])
		return;
	buf_printf(&session->out, "%% Not taken over: %s\n", session->missing);
	session->missing[0] = 0;
	if (cfg_candidate_discard(session->candidate) < 0)
		buf_puts(&session->out, "% Out of memory\n");
}

void cli_leave_config(struct cli_session *session)
{
	if (session->mode == CLI_MODE_EXEC)
		return;
	cli_leave_object(session);
	cfg_candidate_free(session->candidate);
	session->candidate = NULL;
	session->mode = CLI_MODE_EXEC;
}

/* true: there are changes that would be lost. */
static bool keeps_changes(struct cli_ctx *ctx)
{
	struct cli_session *session = ctx->session;

	if (session->implicit || !cfg_candidate_changed(session->candidate))
		return false;
	cli_fail(ctx, 0, "There are changes that are not committed: commit or discard them first");
	return true;
}

static int cmd_exit(struct cli_ctx *ctx)
{
	if (ctx->session->mode == CLI_MODE_OBJECT) {
		cli_leave_object(ctx->session);
		return 0;
	}
	if (keeps_changes(ctx))
		return -EBUSY;
	cli_leave_config(ctx->session);
	return 0;
}

static int cmd_end(struct cli_ctx *ctx)
{
	if (keeps_changes(ctx))
		return -EBUSY;
	cli_leave_config(ctx->session);
	return 0;
}

/* ---- editing ---- */

int cli_edit_begin(struct cli_ctx *ctx)
{
	struct cli_session *session = ctx->session;

	/* Each line starts from what runs now, unless earlier ones wait to be completed. */
	if (session->implicit && !session->missing[0] &&
		cfg_candidate_discard(session->candidate) < 0)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	cfg_free(session->undo);
	session->undo = cfg_clone(cfg_candidate_cfg(session->candidate));
	return session->undo ? 0 : cli_fail(ctx, -ENOMEM, "Out of memory");
}

void cli_edit_undo(struct cli_session *session)
{
	struct cfg *cfg, swap;

	if (!session->undo)
		return;
	cfg = cfg_candidate_cfg(session->candidate);
	swap = *cfg;
	*cfg = *session->undo;
	*session->undo = swap;
	cfg_free(session->undo);
	session->undo = NULL;
	if (session->mode == CLI_MODE_OBJECT &&
		!cfg_object_find(cfg, session->kind, view_of(session->key)))
		session->mode = CLI_MODE_CONFIG;
}

int cli_edited(struct cli_ctx *ctx)
{
	struct cli_session *session = ctx->session;

	if (session->implicit)
		return cli_commit(ctx, &(struct cfg_commit){.user = session->identity.user,
					       .group = session->group});
	cfg_free(session->undo);
	session->undo = NULL;
	return 0;
}

/* ---- commits ---- */

struct commit_wait {
	struct cli_wait wait;
	bool inside; /* cfg_store_commit() did not return yet */
	bool done;
	int status;
	bool check;
	unsigned int confirm_min;
};

/* Each line of text behind a "% ". */
static void print_fault(struct cli_session *session, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		buf_printf(&session->out, "%% %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

/* Is it the object being edited that lacks something? Faults begin with the object's title. */
static bool own_fault(const struct cli_session *session, const char *text)
{
	char title[CFG_VALUE_MAX + 32];
	const void *obj;

	if (session->mode != CLI_MODE_OBJECT)
		return false;
	obj = cfg_object_find(
		cfg_candidate_cfg(session->candidate), session->kind, view_of(session->key));
	if (!obj)
		return false;
	cfg_object_title(session->kind, obj, title);
	return strncmp(text, title, strlen(title)) == 0 && text[strlen(title)] == ':';
}

static int after_line(struct cli_session *session, int status, const char *text)
{
	if (status == -ENODATA && own_fault(session, text)) {
		snprintf(session->missing, sizeof(session->missing), "%s", text);
		status = 0;
	} else if (status == 0) {
		session->missing[0] = 0;
	} else {
		print_fault(session, text);
		cli_edit_undo(session);
	}
	cfg_free(session->undo);
	session->undo = NULL;
	return status;
}

static int after_commit(
	struct cli_session *session, const struct commit_wait *wait, int status, const char *text)
{
	if (status < 0)
		print_fault(session, text);
	else if (wait->check)
		buf_puts(&session->out, "The configuration is valid.\n");
	else
		buf_printf(&session->out, "Revision %llu is running.\n",
			(unsigned long long)cfg_store_revision(session->engine->store));
	if (status == 0 && wait->confirm_min)
		buf_printf(&session->out,
			"It will be rolled back in %u minute%s unless you confirm.\n",
			wait->confirm_min, wait->confirm_min == 1 ? "" : "s");
	return status;
}

static void on_commit(void *arg, int status, const char *text)
{
	struct commit_wait *wait = arg;
	struct cli_session *session = wait->wait.session;

	if (session)
		status = session->implicit ? after_line(session, status, text)
					   : after_commit(session, wait, status, text);
	if (wait->inside) {
		wait->done = true;
		wait->status = status;
		return;
	}
	free(wait);
	if (session) {
		session->wait = NULL;
		cli_finish(session, status);
	}
}

int cli_commit(struct cli_ctx *ctx, const struct cfg_commit *how)
{
	struct cli_session *session = ctx->session;
	struct commit_wait *wait = calloc(1, sizeof(*wait));
	int status;

	if (!wait)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	wait->wait.session = session;
	wait->wait.aborted = "% Interrupted; the commit goes on\n";
	wait->inside = true;
	wait->check = how->check;
	wait->confirm_min = how->confirm_min;
	session->wait = &wait->wait;
	cfg_store_commit(
		ctx->store, session->candidate, how, cli_now_ms(ctx->engine), on_commit, wait);
	wait->inside = false;
	if (!wait->done)
		return -EINPROGRESS;
	status = wait->status;
	session->wait = NULL;
	free(wait);
	return status;
}

static int commit_with(struct cli_ctx *ctx, struct cfg_commit how)
{
	how.user = ctx->session->identity.user;
	if (ctx->session->implicit)
		return cli_fail(ctx, -EINVAL,
			"Every line of `configure terminal` is a commit; use `configure private`");
	return cli_commit(ctx, &how);
}

static int cmd_commit(struct cli_ctx *ctx)
{
	return commit_with(ctx, (struct cfg_commit){0});
}

static int cmd_commit_check(struct cli_ctx *ctx)
{
	return commit_with(ctx, (struct cfg_commit){.check = true});
}

static int cmd_commit_comment(struct cli_ctx *ctx)
{
	const char *comment = cli_arg(ctx, 0);

	if (strlen(comment) >= CFG_COMMENT_MAX)
		return cli_fail(
			ctx, -EINVAL, "A comment has at most %d bytes", CFG_COMMENT_MAX - 1);
	return commit_with(ctx, (struct cfg_commit){.comment = comment});
}

static int cmd_commit_confirmed(struct cli_ctx *ctx)
{
	return commit_with(
		ctx, (struct cfg_commit){.confirm_min = (unsigned int)atoi(cli_arg(ctx, 0)),
			     .comment = cli_arg(ctx, 1)});
}

static int cmd_confirm(struct cli_ctx *ctx)
{
	if (cfg_store_confirm(ctx->store, ctx->session->identity.user) < 0)
		return cli_fail(ctx, -ENOENT, "No commit waits to be confirmed");
	buf_puts(ctx->out, "Confirmed.\n");
	return 0;
}

static int cmd_discard(struct cli_ctx *ctx)
{
	struct cli_session *session = ctx->session;

	session->missing[0] = 0;
	if (cfg_candidate_discard(session->candidate) < 0)
		return cli_fail(ctx, -ENOMEM, "Out of memory");
	session->mode = CLI_MODE_CONFIG;
	return 0;
}

static int cmd_rollback(struct cli_ctx *ctx)
{
	struct cli_session *session = ctx->session;
	char error[CFG_ERROR_MAX];
	int rc = cli_edit_begin(ctx);

	if (rc < 0)
		return rc;
	rc = cfg_candidate_rollback(session->candidate, (unsigned int)atoi(cli_arg(ctx, 0)), error);
	if (rc < 0) {
		cli_edit_undo(session);
		return cli_fail(ctx, rc, "%s", error);
	}
	session->missing[0] = 0;
	session->mode = CLI_MODE_CONFIG;
	return cli_edited(ctx);
}

static int cmd_write(struct cli_ctx *ctx)
{
	char error[CFG_ERROR_MAX];
	int rc = cfg_store_save(ctx->store, error);

	if (rc < 0)
		return cli_fail(ctx, rc, "%s", error);
	buf_puts(ctx->out, "[OK]\n");
	return 0;
}

static const struct cli_row config_rows[] = {
	{"exit", "Leave this mode", cmd_exit, 0},
	{"end", "Leave configuration", cmd_end, 0},
	{"commit", "Make the candidate run", cmd_commit, CLI_PRIV},
	{"commit check", "Say whether the candidate could be committed", cmd_commit_check,
		CLI_PRIV},
	{"commit comment LINE", "Note in the history\nText of the note", cmd_commit_comment,
		CLI_PRIV},
	{"commit confirmed <1-65535>",
		"Roll back unless `confirm` follows in time\nMinutes to wait for it",
		cmd_commit_confirmed, CLI_PRIV},
	{"commit confirmed <1-65535> comment LINE", "Note in the history\nText of the note",
		cmd_commit_confirmed, CLI_PRIV},
	{"confirm", "Keep what `commit confirmed` made run", cmd_confirm, CLI_PRIV},
	{"discard", "Make the candidate equal to what runs", cmd_discard, CLI_PRIV},
	{"rollback <0-49>", "Take an earlier configuration\nSo many commits ago", cmd_rollback,
		CLI_PRIV},
};
const struct cli_table cli_config_commands = {
	config_rows, sizeof(config_rows) / sizeof(config_rows[0])};

static const struct cli_row exec_rows[] = {
	{"configure terminal", "Change the configuration\nEach line takes effect at once",
		configure_terminal, CLI_PRIV},
	{"configure private", "Edit a candidate of your own, then commit", configure_private,
		CLI_PRIV},
	{"configure candidate", "The same as private", configure_private, CLI_PRIV},
	{"configure exclusive", "Edit a candidate while nobody else can commit",
		configure_exclusive, CLI_PRIV},
	{"confirm", "Keep what `commit confirmed` made run", cmd_confirm, CLI_PRIV},
	{"write memory", "Save the configuration\nAs the start-up configuration", cmd_write,
		CLI_PRIV},
	{"write", "Save the configuration", cmd_write, CLI_PRIV},
	{"copy running-config startup-config",
		"Copy a configuration\nWhat runs\nWhat the next start takes", cmd_write, CLI_PRIV},
};
const struct cli_table cli_configure_commands = {
	exec_rows, sizeof(exec_rows) / sizeof(exec_rows[0])};
