/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A login at the command line, as limen-control sees it: lines go in, text and a prompt come out.
 * The engine is made once (it builds the grammar from the schema and the command tables); each
 * connection of the program `limen` has a session. Everything runs on limen-control's one thread.
 *
 * Authorization happens here and not in the program: what a session may do follows from the
 * credentials of its socket.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cfg_store;
struct cli_source;
struct cli_engine;
struct cli_session;

/* The store and the source stay the caller's and must outlive the engine. NULL: memory is short. */
struct cli_engine *cli_engine_new(struct cfg_store *store, const struct cli_source *source);
void cli_engine_free(struct cli_engine *engine); /* after all its sessions */

struct cli_identity {
	uid_t uid; /* of the peer of the socket */
	pid_t pid;
	char user[32];	  /* for the history of commits and `show users` */
	bool admin;	  /* may say enable: uid 0 or --cli-admin */
	bool interactive; /* a terminal is at the other end */
	uint16_t width, height;
};

struct cli_result {
	int status;	     /* 0, or a negative errno: then the text says what is wrong */
	unsigned int caret;  /* offset in the line that the error is about plus 1; 0: none */
	bool close;	     /* the session is over */
	uint16_t page_lines; /* of a page of output (terminal length); 0: no paging */
	const char *prompt;  /* the next one; valid until the next call */
};

struct cli_session_ops {
	/* Output of the running line, in pieces of any size. May not call back into the session. */
	void (*out)(void *arg, const char *text, size_t len);
	/*
	 * The line is finished; called exactly once a line, inside cli_session_line() or later
	 * (a commit waits for its subscribers). Not called after cli_session_free().
	 */
	void (*done)(void *arg, const struct cli_result *result);
};

struct cli_session *cli_session_new(struct cli_engine *engine, const struct cli_identity *identity,
	const struct cli_session_ops *ops, void *arg);
/* Drops the candidate and its lock. Closing does not confirm a confirmed commit. */
void cli_session_free(struct cli_session *session);

void cli_session_set_size(struct cli_session *session, uint16_t width, uint16_t height);
const char *cli_session_prompt(const struct cli_session *session);

/*
 * Runs one line (no newline inside; other control characters count as blanks). A line sent before
 * the previous one is done is refused with -EBUSY through done.
 */
void cli_session_line(struct cli_session *session, const char *text, size_t len);
/* Ctrl-C: gives up waiting (a commit that cannot be stopped any more finishes unseen). */
void cli_session_abort(struct cli_session *session);
/* True while a line is not done. */
bool cli_session_busy(const struct cli_session *session);

/*
 * Tab and '?': text is the line up to the cursor. The results are malloc()ed, NULL when memory is
 * short. complete: words that may stand in place of the last one, one a line.
 */
char *cli_session_complete(struct cli_session *session, const char *text, size_t len);
char *cli_session_help(struct cli_session *session, const char *text, size_t len);

/* `terminal monitor` is on: log lines are wanted. */
bool cli_session_monitors(const struct cli_session *session);
