/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What commands are written against: the rows of the command tables, and the context in which a
 * handler runs. Private to cli/grammar.
 */
#pragma once

#include <jansson.h>

#include "cli/grammar/match.h"
#include "cli/grammar/session.h"
#include "cli/grammar/source.h"
#include "controlplane/config/datastore.h"

struct cli_row {
	/*
	 * Words; "<1-10>", "A.B.C.D", "WORD", "LINE", "{realm}" (name of an object) are values,
	 * "(a|b)" alternatives, "[...]" at the end is optional.
	 */
	const char *pattern;
	/* One line a word (each alternative is a word), for the last words that need one. */
	const char *help;
	cli_handler_fn handler; /* NULL: help for words only */
	uint16_t flags;
};

struct cli_table {
	const struct cli_row *rows;
	unsigned int n;
};

extern const struct cli_table cli_exec_commands; /* exec.c */
extern const struct cli_table cli_show_commands; /* show_*.c */
extern const struct cli_table cli_show_calls;
extern const struct cli_table cli_show_quality;
extern const struct cli_table cli_trunk_quality;
extern const struct cli_table cli_show_hooks;
extern const struct cli_table cli_show_reason;
extern const struct cli_table cli_show_ladder;
extern const struct cli_table cli_show_targets;
extern const struct cli_table cli_show_conns;
extern const struct cli_table cli_show_threshold;
extern const struct cli_table cli_show_capacity;
extern const struct cli_table cli_show_blocked;
extern const struct cli_table cli_sip_profiles;
extern const struct cli_table cli_show_register;
extern const struct cli_table cli_show_config;
extern const struct cli_table cli_show_network;
extern const struct cli_table cli_show_access;
extern const struct cli_table cli_show_platform;
extern const struct cli_table cli_show_dtls;
extern const struct cli_table cli_show_stir;
extern const struct cli_table cli_show_prompts;
extern const struct cli_table cli_show_cache;
extern const struct cli_table cli_show_registrations;
extern const struct cli_table cli_show_codecs;
extern const struct cli_table cli_recording_commands;
extern const struct cli_table cli_routing_commands;   /* routing.c */
extern const struct cli_table cli_test_call_commands; /* test_call.c */
extern const struct cli_table cli_config_commands; /* config_cmds.c: in every configuration mode */
extern const struct cli_table cli_configure_commands; /* config_cmds.c: of EXEC */

void cli_rows_build(struct cli_node *root, const struct cli_table *table);
/* The settings of a mode, from the schema; kind CFG_SYSTEM is the root of configuration. */
void cli_settings_build(struct cli_node *root, enum cfg_kind kind);
/* Makes "no" and "default" paths, too. Handlers: */
int cli_run_setting(struct cli_ctx *ctx);
int cli_run_object(struct cli_ctx *ctx);

enum cli_mode { CLI_MODE_EXEC, CLI_MODE_CONFIG, CLI_MODE_OBJECT };

struct cli_engine {
	struct cfg_store *store;
	const struct cli_source *source;
	struct cli_node *exec;
	struct cli_node *config[CFG_N_KINDS]; /* [CFG_SYSTEM] is (config)# */
	struct cli_node *pipes;
	struct cli_session *sessions;
	uint64_t last_group;
	unsigned int last_line;
};

/* What a session waits for (a commit, messages of limen-sip); outlives the session. */
struct cli_wait {
	struct cli_session *session; /* NULL: it does not wait any more */
	const char *aborted;	     /* what Ctrl-C prints */
};

struct cli_session {
	struct cli_engine *engine;
	struct cli_session *next;
	struct cli_identity identity;
	struct cli_session_ops ops;
	void *arg;
	unsigned int line; /* number in show users */
	uint64_t since_ms, active_ms;
	bool priv, monitor, close;
	bool busy;
	enum cli_mode mode;
	enum cfg_kind kind;	 /* CLI_MODE_OBJECT */
	char key[CFG_VALUE_MAX]; /* its object */
	char prompt[CFG_NAME_MAX + 48];
	/* configuration modes */
	struct cfg_candidate *candidate;
	bool implicit;		     /* configure terminal: each line is a commit */
	uint64_t group;		     /* of those commits */
	struct cfg *undo;	     /* the candidate before the line that runs */
	char missing[CFG_ERROR_MAX]; /* why the candidate is not committed yet; empty: it is */
	struct cli_wait *wait;
	/* the line that runs */
	struct buf out;
	struct cli_words words;
	struct cli_match match;
	struct cli_pipe *pipe; /* that its output goes through; NULL: none */
};

struct cli_ctx {
	struct cli_session *session;
	struct cli_engine *engine;
	struct cfg_store *store;
	const struct cli_source *source;
	const struct cfg *running;
	const struct cli_match *match;
	const struct cli_action *action;
	struct buf *out;
	bool json;	 /* the JSON form is wanted */
	bool redirected; /* the output goes into a file */
};

/* The argument number i, or NULL. */
const char *cli_arg(const struct cli_ctx *ctx, unsigned int i);
/* The arguments of one setting (key or value) joined by blanks. */
void cli_args_of(const struct cli_ctx *ctx, const struct cfg_leaf *leaf, char buf[CFG_VALUE_MAX]);
/* "% text" and a newline; returns rc. */
int cli_fail(struct cli_ctx *ctx, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull(3)));
/* Prints and frees it. */
int cli_print_json(struct cli_ctx *ctx, json_t *json);
/* The end of a handler that returned -EINPROGRESS; what it prints is in session->out. */
void cli_finish(struct cli_session *session, int status);

/* Counters of all workers of limen-sip. (show.c) */
void cli_sip_sum(struct cli_ctx *ctx, struct ctl_sip_stats *ret_sum);
/* Is the box registered at it? (show_register.c) */
bool cli_trunk_registered(struct cli_ctx *ctx, const struct cfg_trunk *trunk);
/* trunk_quality.c: what limen-sip was told of its quality; NULL: nothing is known. */
const struct ctl_quality *cli_trunk_told(struct cli_ctx *ctx, const struct cfg_trunk *trunk);
/* Does the trunk answer OPTIONS, or is it not asked; is it registered where it must be? (show.c) */
bool cli_trunk_up(struct cli_ctx *ctx, const struct cfg_trunk *trunk);

/* ---- configuration modes (config_cmds.c) ---- */

/* After the candidate was edited: commits when every line is a commit. undo was saved before. */
int cli_edited(struct cli_ctx *ctx);
/* Saves the candidate so that the line can be taken back. */
int cli_edit_begin(struct cli_ctx *ctx);
void cli_edit_undo(struct cli_session *session);
/* Leaving the object: what could not be committed because something is missing is dropped. */
void cli_leave_object(struct cli_session *session);
void cli_leave_config(struct cli_session *session);
void cli_enter_object(struct cli_session *session, enum cfg_kind kind, const char *key);
/* Commit of the candidate; answers the line. */
int cli_commit(struct cli_ctx *ctx, const struct cfg_commit *how);

/* ---- tables of show commands (table.c) ---- */

struct cli_column {
	const char *title; /* NULL: only in JSON */
	const char *key;   /* in JSON */
	unsigned int width;
	bool right;
	bool number; /* in JSON */
};

struct cli_table_out;
struct cli_table_out *cli_table_new(const struct cli_column *columns, unsigned int n);
/* The next cell of the row, NULL is empty ("-" in the text, null in JSON). */
void cli_table_cell(struct cli_table_out *table, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void cli_table_null(struct cli_table_out *table);
/* Prints text or JSON, as wanted, and frees it. In JSON the rows are an array. */
int cli_table_print(struct cli_ctx *ctx, struct cli_table_out *table);
unsigned int cli_table_rows(const struct cli_table_out *table);
/* Or into an own JSON document: the rows as an array; frees the table. */
json_t *cli_table_json(struct cli_table_out *table);
/* The text; the table stays. */
void cli_table_text(struct cli_ctx *ctx, const struct cli_table_out *table);
void cli_table_free(struct cli_table_out *table);

/* ---- pipes (pipe.c) ---- */

/* Parses what follows the command and filters text. 0 or a negative errno with error. */
struct cli_pipe;
int cli_pipe_parse(
	const char *text, struct cli_pipe **ret_pipe, bool *ret_json, char error[CFG_ERROR_MAX]);
/* 0, or -E2BIG and nothing in out: a pattern (Perl's syntax) needs too many steps on a line. */
int cli_pipe_run(const struct cli_pipe *pipe, const char *text, size_t len, struct buf *out)
	__attribute__((warn_unused_result));
/* The program `limen` writes what is left into a file. */
bool cli_pipe_redirects(const struct cli_pipe *pipe);
void cli_pipe_free(struct cli_pipe *pipe);
/* The words that may follow a '|', for help. */
void cli_pipes_build(struct cli_node *root);

/* Time of day as "Sun Nov 22 2026 18:21:31.123 UTC". */
/* The codecs of a call, "-" where they are not known. */
#define CLI_CODECS_MAX (2 * CTL_CODEC_MAX + 24)
char *cli_codecs_text(const struct ctl_call *call, char text[CLI_CODECS_MAX]);
/* enum ctl_released_by in a word. */
const char *cli_released_word(uint32_t by);
/* The number of a call as commands print it, also with ".LEG" behind. -EINVAL, and it was said. */
int cli_call_id(struct cli_ctx *ctx, const char *text, uint64_t *ret_id)
	__attribute__((warn_unused_result));
char *cli_print_time(uint64_t wall_ms, char buf[48]);
/* "1w2d", "3d04h", "01:02:03". */
char *cli_print_span(uint64_t ms, char buf[32]);
/* Wall clock, from the source. */
uint64_t cli_now_ms(const struct cli_engine *engine);
