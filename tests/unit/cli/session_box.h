/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A session at the command line over the real grammar and datastore, with the figures of
 * fake_source. One thread; a fault fails the cmocka test.
 */
#pragma once

#include "cli/grammar/session.h"
#include "controlplane/config/buf.h"

struct session_box {
	struct cfg_store *store;
	struct cli_engine *engine;
	struct cli_session *session;
	struct buf output; /* of the last line */
	int status;	   /* of the last line */
	unsigned int caret;
	bool closed; /* the last line ended the session */
	int n_done;
};

/*
 * dir: where the box keeps its state, an empty directory; NULL: nowhere. config: what runs, as text of a start-up
 * file. The session is one of an administrator.
 */
void session_box_open(struct session_box *box, const char *dir, const char *config);
void session_box_close(struct session_box *box);
/* Ends the session and begins another one, whose user may say enable or not. */
void session_box_login(struct session_box *box, bool admin);
/* Runs a line that is done at once: output, status, caret and closed are those of it. */
void session_box_line(struct session_box *box, const char *line, size_t len);

/* A directory for a test, as setup and teardown of cmocka. */
extern char session_box_dir[64];
int session_box_setup(void **state);
int session_box_teardown(void **state);

/* Contents of a file of the source tree, malloc()ed; fails the test when there is none. */
char *session_box_file(const char *name);
