/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See editor.h. */
#include "cli/shell/editor.h"

#include <errno.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/shell/link.h"

#define HISTORY_LINES 500

struct editor {
	EditLine *el;
	History *history;
	struct event_base *base;
	struct event *input;
	struct link *link;
	void (*idle)(void *arg);
	void *idle_arg;
	bool readable, eof;
	bool editing;
	bool run_end; /* Ctrl-Z: the line is "end" */
	char line[4096];
};

static struct editor *editor_of(EditLine *el)
{
	struct editor *editor = NULL;

	el_get(el, EL_CLIENTDATA, &editor);
	return editor;
}

static char *prompt(EditLine *el)
{
	/* libedit does not change it, its interface is only older than const. */
	return (char *)(uintptr_t)link_prompt(editor_of(el)->link);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	struct editor *editor = arg;

	editor->readable = true;
	event_base_loopbreak(editor->base);
}

/* One byte; the loop runs until there is one. */
static int get_byte(struct editor *editor, char *ret)
{
	ssize_t n;

	for (;;) {
		editor->readable = false;
		event_add(editor->input, NULL);
		while (!editor->readable) {
			if (event_base_loop(editor->base, EVLOOP_ONCE) < 0)
				return 0;
			editor->idle(editor->idle_arg);
		}
		n = read(STDIN_FILENO, ret, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		return n > 0;
	}
}

static int get_char(EditLine *el, wchar_t *ret)
{
	struct editor *editor = editor_of(el);
	mbstate_t state = {0};
	char c;

	for (int i = 0; i < 8; i++) {
		size_t n;
		if (!get_byte(editor, &c)) {
			editor->eof = true;
			return 0;
		}
		n = mbrtowc(ret, &c, 1, &state);
		if (n == (size_t)-2)
			continue;
		if (n == (size_t)-1) {
			/* Not of this character set: dropped, editing goes on. */
			state = (mbstate_t){0};
			continue;
		}
		return 1;
	}
	*ret = L' ';
	return 1;
}

/* ---- keys ---- */

static unsigned char key_help(EditLine *el, int c)
{
	struct editor *editor = editor_of(el);
	const LineInfo *info = el_line(el);
	char *text = link_help(editor->link, info->buffer, (size_t)(info->cursor - info->buffer));

	printf("?\n%s", text ? text : "% No answer from limen-control\n");
	fflush(stdout);
	free(text);
	return CC_REDISPLAY;
}

static size_t common_prefix(const char *words)
{
	size_t n = strcspn(words, "\n");

	for (const char *p = words; *p;) {
		size_t i = 0, len = strcspn(p, "\n");
		while (i < n && i < len && p[i] == words[i])
			i++;
		n = i;
		p += len + (p[len] == '\n');
	}
	return n;
}

/* Length of the word at the cursor: what completion replaces. */
static size_t word_len(const LineInfo *info)
{
	const char *p = info->cursor;

	while (p > info->buffer && p[-1] != ' ' && p[-1] != '|')
		p--;
	return (size_t)(info->cursor - p);
}

static unsigned char complete_with(EditLine *el, const char *words)
{
	const LineInfo *info = el_line(el);
	size_t typed = word_len(info), n = common_prefix(words);
	bool single = words[strcspn(words, "\n")] == '\n' && !words[strcspn(words, "\n") + 1];
	char word[256];

	if (!*words)
		return CC_REFRESH_BEEP;
	if (n < typed || (n == typed && !single)) {
		printf("\n");
		for (const char *p = words; *p;) {
			size_t len = strcspn(p, "\n");
			printf("%.*s  ", (int)len, p);
			p += len + (p[len] == '\n');
		}
		printf("\n");
		fflush(stdout);
		return CC_REDISPLAY;
	}
	/* In place of what is typed: its case may differ. */
	snprintf(word, sizeof(word), "%.*s%s", (int)n, words, single ? " " : "");
	el_deletestr(el, (int)typed);
	if (el_insertstr(el, word) < 0)
		return CC_REFRESH_BEEP;
	return CC_REFRESH;
}

static unsigned char key_complete(EditLine *el, int c)
{
	struct editor *editor = editor_of(el);
	const LineInfo *info = el_line(el);
	unsigned char rc;
	char *words = link_complete(
		editor->link, info->buffer, (size_t)(info->cursor - info->buffer));

	rc = words ? complete_with(el, words) : CC_REFRESH_BEEP;
	free(words);
	return rc;
}

/* Ctrl-C: the line is abandoned. */
static unsigned char key_abandon(EditLine *el, int c)
{
	const LineInfo *info = el_line(el);

	printf("^C\n");
	fflush(stdout);
	el_cursor(el, (int)(info->lastchar - info->cursor));
	el_deletestr(el, (int)(info->lastchar - info->buffer));
	return CC_REDISPLAY;
}

/* Ctrl-Z: leave configuration. */
static unsigned char key_end(EditLine *el, int c)
{
	struct editor *editor = editor_of(el);

	editor->run_end = true;
	printf("^Z");
	fflush(stdout);
	return CC_NEWLINE;
}

static void bind_keys(EditLine *el)
{
	el_set(el, EL_ADDFN, "limen-help", "Help", key_help);
	el_set(el, EL_ADDFN, "limen-complete", "Complete", key_complete);
	el_set(el, EL_ADDFN, "limen-abandon", "Abandon the line", key_abandon);
	el_set(el, EL_ADDFN, "limen-end", "Leave configuration", key_end);
	el_set(el, EL_BIND, "?", "limen-help", NULL);
	el_set(el, EL_BIND, "^I", "limen-complete", NULL);
	el_set(el, EL_BIND, "^C", "limen-abandon", NULL);
	el_set(el, EL_BIND, "^Z", "limen-end", NULL);
	el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_set(el, EL_BIND, "^W", "ed-delete-prev-word", NULL);
	el_set(el, EL_BIND, "^V", "ed-quoted-insert", NULL);
	/* While editing, Ctrl-C and Ctrl-Z are keys; while a command runs they are signals. */
	el_set(el, EL_SETTY, "-d", "-isig", NULL);
}

struct editor *editor_new(
	struct event_base *base, struct link *link, void (*idle)(void *arg), void *arg)
{
	struct editor *editor = calloc(1, sizeof(*editor));
	HistEvent event;

	if (!editor)
		return NULL;
	editor->base = base;
	editor->link = link;
	editor->idle = idle;
	editor->idle_arg = arg;
	editor->input = event_new(base, STDIN_FILENO, EV_READ, on_input, editor);
	editor->el = el_init("limen", stdin, stdout, stderr);
	editor->history = history_init();
	if (!editor->input || !editor->el || !editor->history) {
		editor_free(editor);
		return NULL;
	}
	history(editor->history, &event, H_SETSIZE, HISTORY_LINES);
	history(editor->history, &event, H_SETUNIQUE, 1);
	el_set(editor->el, EL_CLIENTDATA, editor);
	el_set(editor->el, EL_PROMPT, prompt);
	el_set(editor->el, EL_EDITOR, "emacs");
	el_set(editor->el, EL_SIGNAL, 0);
	el_set(editor->el, EL_HIST, history, editor->history);
	el_set(editor->el, EL_GETCFN, get_char);
	bind_keys(editor->el);
	return editor;
}

void editor_free(struct editor *editor)
{
	if (!editor)
		return;
	if (editor->el)
		el_end(editor->el);
	if (editor->history)
		history_end(editor->history);
	if (editor->input)
		event_free(editor->input);
	free(editor);
}

const char *editor_line(struct editor *editor)
{
	HistEvent event;
	const char *text;
	int n = 0;

	editor->run_end = false;
	editor->editing = true;
	/* libedit prints the prompt first: what is typed at its sight must find raw mode. */
	el_set(editor->el, EL_PREP_TERM, 1);
	text = el_gets(editor->el, &n);
	editor->editing = false;
	if (!text || n <= 0)
		return NULL;
	if (editor->run_end) {
		printf("\n");
		return "end";
	}
	snprintf(editor->line, sizeof(editor->line), "%.*s", n, text);
	editor->line[strcspn(editor->line, "\r\n")] = 0;
	if (editor->line[strspn(editor->line, " ")])
		history(editor->history, &event, H_ENTER, editor->line);
	return editor->line;
}

void editor_refresh(struct editor *editor)
{
	if (editor->editing)
		el_set(editor->el, EL_REFRESH);
}

void editor_print(struct editor *editor, const char *text, size_t len)
{
	/* Over the line being typed, which is drawn again below. */
	printf("%s%.*s\n", editor->editing ? "\r\033[K" : "", (int)len, text);
	fflush(stdout);
	editor_refresh(editor);
}

void editor_resize(struct editor *editor)
{
	el_resize(editor->el);
}
