/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Line editing at a terminal: libedit's native interface. '?' and Tab ask limen-control without
 * Enter, log lines appear above the line that is being typed. One editor a process.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

struct link;
struct editor;

/* idle is called while a line is waited for, outside of the event loop, after each turn of it. */
struct editor *editor_new(
	struct event_base *base, struct link *link, void (*idle)(void *arg), void *arg);
void editor_free(struct editor *editor);

/*
 * Waits for a line. NULL: end of input (Ctrl-D). Valid until the next call. While it waits, the
 * event loop runs.
 */
const char *editor_line(struct editor *editor);
/* Prints a line above the prompt and what is typed. Also when no line is being edited. */
void editor_print(struct editor *editor, const char *text, size_t len);
/* The prompt has changed while a line is being edited. */
void editor_refresh(struct editor *editor);
void editor_resize(struct editor *editor);
