/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The shell's connection to limen-control: one session, one line at a time. Functions wait in the
 * event loop; nothing here knows of terminals. One thread.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link;

struct link_result {
	int status;	    /* 0, or a negative errno */
	unsigned int caret; /* offset in the line plus 1; 0: none */
	bool close;	    /* the session is over */
	unsigned int page_lines;
};

struct link_ops {
	/* Output of the running line; caret: offset in it that an error is about plus 1, or 0. */
	void (*out)(void *arg, const char *text, size_t len, unsigned int caret);
	void (*log)(void *arg, const char *text, size_t len); /* terminal monitor */
	void (*lost)(void *arg, const char *why);	      /* the connection ended */
	void *arg;
};

/* base stays the caller's. NULL: memory is short. */
struct link *link_new(struct event_base *base, const char *path, const struct link_ops *ops);
void link_free(struct link *link);

/* Opens a session. 0, or a negative errno with a sentence in why. */
int link_open(struct link *link, bool interactive, unsigned int width, unsigned int height,
	char why[160]) __attribute__((warn_unused_result));
bool link_is_up(const struct link *link);
const char *link_prompt(const struct link *link);

/* Runs a line. -ENOTCONN: the connection ended before the line did. */
int link_line(struct link *link, const char *text, size_t len, struct link_result *ret)
	__attribute__((warn_unused_result));
/* Gives up the running line: output stops soon. */
void link_abort(struct link *link);

/* malloc()ed text, NULL when there is none. */
char *link_help(struct link *link, const char *text, size_t len);
char *link_complete(struct link *link, const char *text, size_t len);
