/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sessions of the command line: modes and prompts, running a line, help and completion. The tree
 * and the matcher know nothing of sessions; handlers know nothing of sockets.
 */
#include "cli/grammar/session.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "cli/grammar/command.h"

#define OUT_CHUNK 16384

uint64_t cli_now_ms(const struct cli_engine *engine)
{
	return engine->source->now_ms(engine->source->ctx);
}

/* ---- engine ---- */

static void build_mode(struct cli_engine *engine, enum cfg_kind kind)
{
	struct cli_node *root = cli_tree_new(), *node;

	cli_settings_build(root, kind);
	cli_rows_build(root, &cli_config_commands);
	node = cli_tree_child(root, CLI_KEYWORD, "do", "Run a command of EXEC mode");
	node->children = engine->exec->children;
	node->n_children = engine->exec->n_children;
	node->shares_children = true;
	cli_tree_finish(root);
	engine->config[kind] = root;
}

struct cli_engine *cli_engine_new(struct cfg_store *store, const struct cli_source *source)
{
	static const struct cli_table *const tables[] = {&cli_exec_commands,
		&cli_show_registrations, &cli_configure_commands, &cli_show_commands,
		&cli_show_config, &cli_show_calls, &cli_show_network, &cli_show_access,
		&cli_show_quality, &cli_trunk_quality, &cli_show_hooks, &cli_show_reason,
		&cli_show_ladder, &cli_show_targets, &cli_show_platform, &cli_show_dtls,
		&cli_show_stir, &cli_show_prompts, &cli_show_codecs, &cli_recording_commands,
		&cli_routing_commands, &cli_test_call_commands, &cli_show_conns, &cli_sip_profiles,
		&cli_show_threshold, &cli_show_register, &cli_show_capacity, &cli_show_blocked,
		&cli_show_cache};
	struct cli_engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	engine->store = store;
	engine->source = source;
	engine->exec = cli_tree_new();
	for (unsigned int i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		cli_rows_build(engine->exec, tables[i]);
	cli_tree_finish(engine->exec);
	engine->pipes = cli_tree_new();
	cli_pipes_build(engine->pipes);
	cli_tree_finish(engine->pipes);
	for (unsigned int kind = 0; kind < CFG_N_KINDS; kind++) {
		if (kind == CFG_SYSTEM || cfg_objects[kind].prompt)
			build_mode(engine, kind);
	}
	return engine;
}

void cli_engine_free(struct cli_engine *engine)
{
	if (!engine)
		return;
	for (unsigned int kind = 0; kind < CFG_N_KINDS; kind++)
		cli_tree_free(engine->config[kind]);
	cli_tree_free(engine->exec);
	cli_tree_free(engine->pipes);
	free(engine);
}

/* ---- sessions ---- */

static void set_prompt(struct cli_session *session)
{
	const char *host = cfg_store_running(session->engine->store)->hostname;

	switch (session->mode) {
	case CLI_MODE_EXEC:
		snprintf(session->prompt, sizeof(session->prompt), "%s%s", host,
			session->priv ? "#" : ">");
		break;
	case CLI_MODE_CONFIG:
		snprintf(session->prompt, sizeof(session->prompt), "%s(config)#", host);
		break;
	case CLI_MODE_OBJECT:
		snprintf(session->prompt, sizeof(session->prompt), "%s(%s)#", host,
			cfg_objects[session->kind].prompt);
		break;
	}
}

struct cli_session *cli_session_new(struct cli_engine *engine, const struct cli_identity *identity,
	const struct cli_session_ops *ops, void *arg)
{
	struct cli_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->engine = engine;
	session->identity = *identity;
	session->identity.user[sizeof(session->identity.user) - 1] = 0;
	session->ops = *ops;
	session->arg = arg;
	session->line = ++engine->last_line;
	session->since_ms = session->active_ms = cli_now_ms(engine);
	/* As a user of privilege 15: an administrator need not say enable. */
	session->priv = identity->admin;
	session->next = engine->sessions;
	engine->sessions = session;
	set_prompt(session);
	return session;
}

void cli_session_free(struct cli_session *session)
{
	struct cli_session **link;

	if (!session)
		return;
	for (link = &session->engine->sessions; *link && *link != session;)
		link = &(*link)->next;
	if (*link)
		*link = session->next;
	if (session->wait)
		session->wait->session = NULL;
	cfg_candidate_free(session->candidate);
	cfg_free(session->undo);
	buf_free(&session->out);
	cli_pipe_free(session->pipe);
	free(session);
}

void cli_session_set_size(struct cli_session *session, uint16_t width, uint16_t height)
{
	session->identity.width = width;
	session->identity.height = height;
}

const char *cli_session_prompt(const struct cli_session *session)
{
	return session->prompt;
}

bool cli_session_busy(const struct cli_session *session)
{
	return session->busy;
}

bool cli_session_monitors(const struct cli_session *session)
{
	return session->monitor;
}

/* ---- what handlers use ---- */

const char *cli_arg(const struct cli_ctx *ctx, unsigned int i)
{
	return i < ctx->match->n_args ? ctx->match->args[i].text : NULL;
}

void cli_args_of(const struct cli_ctx *ctx, const struct cfg_leaf *leaf, char buf[CFG_VALUE_MAX])
{
	size_t n = 0;

	buf[0] = 0;
	for (unsigned int i = 0; i < ctx->match->n_args; i++) {
		const struct cli_arg *arg = &ctx->match->args[i];
		/* The line of a setting has no other arguments; two may share their nodes. */
		if ((ctx->action->leaf || arg->node->leaf == leaf) && n < CFG_VALUE_MAX)
			n += (size_t)snprintf(
				buf + n, CFG_VALUE_MAX - n, "%s%s", n ? " " : "", arg->text);
	}
}

int cli_fail(struct cli_ctx *ctx, int rc, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Sentences of other modules begin small, a line begins with a capital. */
	if (strcmp(fmt, "%s") == 0)
		text[0] = (char)toupper((unsigned char)text[0]);
	buf_printf(ctx->out, "%% %s\n", text);
	return rc;
}

/* ---- running a line ---- */

static void emit(struct cli_session *session, const char *text, size_t len)
{
	while (len) {
		size_t n = len < OUT_CHUNK ? len : OUT_CHUNK;
		session->ops.out(session->arg, text, n);
		text += n;
		len -= n;
	}
}

/* The output of a line that was carried out goes through its filters. */
static int filter(struct cli_session *session, int status)
{
	struct buf filtered = {0};

	if (status == 0 && !session->out.failed) {
		status = cli_pipe_run(session->pipe, session->out.p ? session->out.p : "",
			session->out.n, &filtered);
		buf_free(&session->out);
		session->out = filtered;
		if (status < 0)
			buf_printf(
				&session->out, "%% The pattern takes too long: make it simpler\n");
	}
	cli_pipe_free(session->pipe);
	session->pipe = NULL;
	return status;
}

static void finish(struct cli_session *session, int status, unsigned int caret)
{
	struct cli_result result = {.caret = caret, .close = session->close};

	result.status = session->pipe ? filter(session, status) : status;

	session->busy = false;
	set_prompt(session);
	if (session->out.failed) {
		static const char text[] = "% Out of memory\n";
		emit(session, text, sizeof(text) - 1);
		result.status = -ENOMEM;
	} else {
		emit(session, session->out.p, session->out.n);
	}
	buf_free(&session->out);
	result.prompt = session->prompt;
	result.page_lines = session->identity.height;
	session->ops.done(session->arg, &result);
}

void cli_finish(struct cli_session *session, int status)
{
	finish(session, status, 0);
}

static const struct cli_node *root_of(const struct cli_session *session)
{
	switch (session->mode) {
	case CLI_MODE_EXEC:
		break;
	case CLI_MODE_CONFIG:
		return session->engine->config[CFG_SYSTEM];
	case CLI_MODE_OBJECT:
		return session->engine->config[session->kind];
	}
	return session->engine->exec;
}

/*
 * A line that does not fit the sub-mode but the mode above is run there: that is how a printed
 * configuration is pasted. true: the match is of the mode above.
 */
static bool match_line(struct cli_session *session, const struct cli_words *words,
	unsigned int n_words, struct cli_match *match)
{
	struct cli_match above;

	cli_match(root_of(session), words, n_words, session->priv, match);
	if (session->mode != CLI_MODE_OBJECT || match->outcome == CLI_OK ||
		match->outcome == CLI_EMPTY)
		return false;
	cli_match(session->engine->config[CFG_SYSTEM], words, n_words, session->priv, &above);
	if (above.n_matched <= match->n_matched && above.outcome != CLI_OK)
		return false;
	*match = above;
	return true;
}

static int print_outcome(struct cli_session *session, const struct cli_match *match)
{
	switch (match->outcome) {
	case CLI_INCOMPLETE:
		buf_puts(&session->out, "% Incomplete command.\n");
		break;
	case CLI_AMBIGUOUS:
		buf_printf(&session->out, "%% Ambiguous command:  \"%s\"\n", session->words.line);
		break;
	default:
		buf_puts(&session->out, "% Invalid input detected at '^' marker.\n");
		break;
	}
	return -EINVAL;
}

static int run_action(struct cli_session *session, bool json, bool redirected)
{
	const struct cli_action *action = session->match.node->action;
	struct cli_ctx ctx = {.session = session,
		.engine = session->engine,
		.store = session->engine->store,
		.source = session->engine->source,
		.running = cfg_store_running(session->engine->store),
		.match = &session->match,
		.action = action,
		.out = &session->out,
		.json = json,
		.redirected = redirected};

	if (json && !(action->flags & CLI_JSON))
		return cli_fail(&ctx, -EOPNOTSUPP, "This command has no JSON form");
	return action->handler(&ctx);
}

static int run_piped(struct cli_session *session)
{
	char error[CFG_ERROR_MAX];
	bool json;
	int rc = cli_pipe_parse(session->words.line + session->words.token[session->match.pipe].end,
		&session->pipe, &json, error);

	if (rc < 0) {
		buf_printf(&session->out, "%% %s\n", error);
		return rc;
	}
	return run_action(session, json, cli_pipe_redirects(session->pipe));
}

static void run(struct cli_session *session)
{
	bool above = match_line(session, &session->words, session->words.n, &session->match);
	unsigned int caret = 0;
	int rc;

	if (session->match.outcome == CLI_OK) {
		if (above)
			cli_leave_object(session);
		rc = session->match.pipe ? run_piped(session) : run_action(session, false, false);
		if (rc == -EINPROGRESS)
			return;
	} else {
		rc = print_outcome(session, &session->match);
		if (session->match.outcome == CLI_INVALID)
			caret = session->match.column + 1;
	}
	finish(session, rc, caret);
}

void cli_session_line(struct cli_session *session, const char *text, size_t len)
{
	struct cli_result busy = {.status = -EBUSY,
		.prompt = session->prompt,
		.page_lines = session->identity.height};

	if (session->busy) {
		session->ops.done(session->arg, &busy);
		return;
	}
	session->busy = true;
	session->active_ms = cli_now_ms(session->engine);
	if (cli_words_split(text, len, &session->words) < 0) {
		buf_printf(&session->out, "%% A line has at most %d bytes and %d words\n",
			CLI_LINE_MAX, CLI_TOKENS_MAX);
		finish(session, -E2BIG, 0);
		return;
	}
	/* '!' is a comment: printed configurations have them between their sections. */
	if (session->words.n == 0 || session->words.token[0].text[0] == '!') {
		finish(session, 0, 0);
		return;
	}
	run(session);
}

void cli_session_abort(struct cli_session *session)
{
	if (!session->busy || !session->wait)
		return;
	/* What it waits for cannot be stopped; it will find nobody who waits. */
	buf_puts(&session->out, session->wait->aborted);
	session->wait->session = NULL;
	session->wait = NULL;
	session->missing[0] = 0;
	cfg_free(session->undo);
	session->undo = NULL;
	finish(session, -EINTR, 0);
}

/* ---- help and completion ---- */

/* Where the word at the cursor belongs: the node above it, and what is typed of it. */
struct cursor {
	struct cli_words words;
	struct cli_match match;
	const struct cli_node *node; /* NULL: the words before do not fit */
	struct cli_token partial;    /* empty text: after a blank */
};

static const struct cli_node *walk(
	const struct cli_node *root, struct cursor *cursor, unsigned int n, bool priv)
{
	cli_match(root, &cursor->words, n, priv, &cursor->match);
	return cursor->match.outcome == CLI_INVALID || cursor->match.outcome == CLI_AMBIGUOUS
		       ? NULL
		       : cursor->match.node;
}

static int find_cursor(
	struct cli_session *session, const char *text, size_t len, struct cursor *cursor)
{
	unsigned int n;

	if (cli_words_split(text, len, &cursor->words) < 0)
		return -E2BIG;
	n = cursor->words.n;
	cursor->partial = (struct cli_token){.text = ""};
	if (n && !cursor->words.blank_end)
		cursor->partial = cursor->words.token[--n];
	/* Behind the last '|' there are filters. */
	for (unsigned int i = n; i-- > 1;) {
		struct cli_words behind;
		unsigned int end = cursor->words.token[i].end;
		if (strcmp(cursor->words.token[i].text, "|") != 0)
			continue;
		cursor->node = walk(root_of(session), cursor, n, session->priv);
		if (!cursor->node || !cursor->match.pipe)
			break;
		if (cli_words_split(text + end, len - end, &behind) < 0)
			return -E2BIG;
		cursor->words = behind;
		n = behind.n - (behind.n && !behind.blank_end);
		cursor->partial.text = n < behind.n ? cursor->words.token[n].text : "";
		cursor->node = walk(session->engine->pipes, cursor, n, true);
		return 0;
	}
	cursor->node = walk(root_of(session), cursor, n, session->priv);
	if (!cursor->node && session->mode == CLI_MODE_OBJECT)
		cursor->node = walk(session->engine->config[CFG_SYSTEM], cursor, n, session->priv);
	return 0;
}

static void print_help(struct buf *out, const char *word, const char *help)
{
	struct view line = cli_help_line(help, 0);

	if (line.n)
		buf_printf(out, "  %-18s %.*s\n", word, VIEW_ARG(line));
	else
		buf_printf(out, "  %s\n", word);
}

static bool can_run(const struct cli_node *node, bool priv)
{
	return node->action && (priv || !(node->action->flags & CLI_PRIV));
}

/* Does the node belong into the list for what is typed so far? */
static bool may_be(const struct cli_node *node, const struct cli_token *partial)
{
	if (partial->len == 0 && !partial->quoted)
		return true;
	if (node->type == CLI_KEYWORD)
		return cli_node_fits(node, partial) > 0;
	/* Values are shown while they can still become right. */
	switch (node->type) {
	case CLI_INT:
		return strspn(partial->text, "0123456789") == partial->len;
	case CLI_IPV4:
		return strspn(partial->text, "0123456789.") == partial->len;
	case CLI_PREFIX4:
		return strspn(partial->text, "0123456789./") == partial->len;
	case CLI_IPV6:
		return strspn(partial->text, "0123456789abcdefABCDEF:.") == partial->len;
	case CLI_PREFIX6:
		return strspn(partial->text, "0123456789abcdefABCDEF:./") == partial->len;
	default:
		return true;
	}
}

char *cli_session_help(struct cli_session *session, const char *text, size_t len)
{
	struct cursor *cursor = calloc(1, sizeof(*cursor));
	struct buf out = {0};
	bool pipe_ok;

	if (!cursor)
		return NULL;
	if (find_cursor(session, text, len, cursor) < 0 || !cursor->node) {
		if (cursor->match.outcome == CLI_AMBIGUOUS)
			buf_printf(&out, "%% Ambiguous command:  \"%s\"\n", cursor->words.line);
		else
			buf_puts(&out, "% Unrecognized command\n");
		free(cursor);
		return buf_take(&out, NULL);
	}
	/* In the middle of a text: it is still that text. */
	if (cursor->node->type == CLI_LINE && cursor->partial.len)
		print_help(&out, cursor->node->text, cursor->node->help);
	for (unsigned int i = 0; i < cursor->node->n_children; i++) {
		const struct cli_node *child = cursor->node->children[i];
		if (cli_node_visible(child, session->priv) && may_be(child, &cursor->partial))
			print_help(&out, child->text, child->help);
	}
	if (cursor->partial.len == 0 && can_run(cursor->node, session->priv)) {
		pipe_ok = cursor->node->action->flags & CLI_PIPE;
		if (pipe_ok)
			print_help(&out, "|", "Filter the output");
		print_help(&out, "<cr>", "");
	}
	if (out.n == 0)
		buf_puts(&out, "% Unrecognized command\n");
	free(cursor);
	return buf_take(&out, NULL);
}

static void complete_names(struct cli_session *session, const struct cli_node *node,
	const struct cli_token *partial, struct buf *out)
{
	const struct cfg *cfg = session->candidate ? cfg_candidate_cfg(session->candidate)
						   : cfg_store_running(session->engine->store);
	const struct cfg_leaf *key = cfg_leaf_key(node->ref);
	char name[CFG_VALUE_MAX];

	for (unsigned int i = 0; key && i < cfg_object_count(cfg, node->ref); i++) {
		cfg_value_print(key, cfg_leaf_at(key, cfg_object_at(cfg, node->ref, i), 0), name);
		if (strncmp(name, partial->text, partial->len) == 0)
			buf_printf(out, "%s\n", name);
	}
}

char *cli_session_complete(struct cli_session *session, const char *text, size_t len)
{
	struct cursor *cursor = calloc(1, sizeof(*cursor));
	struct buf out = {0};

	if (!cursor)
		return NULL;
	if (find_cursor(session, text, len, cursor) == 0 && cursor->node) {
		for (unsigned int i = 0; i < cursor->node->n_children; i++) {
			const struct cli_node *child = cursor->node->children[i];
			if (!cli_node_visible(child, session->priv))
				continue;
			if (child->type == CLI_KEYWORD &&
				(cursor->partial.len == 0 ||
					cli_node_fits(child, &cursor->partial)))
				buf_printf(&out, "%s\n", child->text);
			else if (child->type != CLI_KEYWORD && child->ref != CFG_NO_KIND)
				complete_names(session, child, &cursor->partial, &out);
		}
	}
	free(cursor);
	return buf_take(&out, NULL);
}
