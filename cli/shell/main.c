/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen: the command line. An unprivileged program that edits lines and pages output; grammar,
 * authorization and state are in limen-control. Also a login shell, and the far end of
 * `ssh box 'show version'`.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/shell/editor.h"
#include "cli/shell/link.h"
#include "cli/shell/pager.h"
#include "cli/shell/redirect.h"
#include "controlplane/base/log.h"

#define COMMANDS_MAX 64
#define RECONNECT_MS 500

struct shell {
	struct event_base *base;
	struct link *link;
	struct editor *editor; /* NULL: no terminal */
	struct pager pager;
	struct redirect redirect;
	struct event *reconnect_event, *int_event, *winch_event;
	unsigned int width, height;	       /* of the terminal now */
	unsigned int page_lines, opened_lines; /* what the session says, and was told */
	bool interactive, aborted;
	bool reconnect_due;
	size_t prompt_len; /* of the line that runs */
	bool caret_shown;
};

static void usage(FILE *to)
{
	fputs("usage: limen [--run-dir DIR] [-c COMMANDS]...\n"
	      "Command line of the Limen session border controller.\n\n"
	      "  -c, --command TEXT  run commands, separated by ';' or newlines, and exit;\n"
	      "                      may be given several times; stops at the first error\n"
	      "  -r, --run-dir DIR   where limen-control listens (default /run/limen)\n"
	      "  -h, --help          this text\n"
	      "  -V, --version       version\n\n"
	      "Without -c it reads a terminal, or standard input line by line. Exit status: 0,\n"
	      "1 when a command failed, 2 for wrong usage.\n",
		to);
}

/* ---- what the link tells ---- */

static void print_caret(const struct shell *shell, unsigned int caret)
{
	size_t column = shell->prompt_len + caret - 1;

	/* A line that was wrapped has the place on its last row. */
	if (shell->width)
		column %= shell->width;
	printf("%*s^\n", (int)column, "");
}

static void on_out(void *arg, const char *text, size_t len, unsigned int caret)
{
	struct shell *shell = arg;

	if (shell->aborted)
		return;
	if (caret && shell->interactive && !shell->caret_shown) {
		print_caret(shell, caret);
		shell->caret_shown = true;
	}
	if (redirect_active(&shell->redirect)) {
		redirect_write(&shell->redirect, text, len);
		return;
	}
	pager_write(&shell->pager, text, len);
	if (shell->pager.quit && !shell->aborted) {
		shell->aborted = true;
		link_abort(shell->link);
	}
}

static void on_log(void *arg, const char *text, size_t len)
{
	struct shell *shell = arg;

	if (shell->editor)
		editor_print(shell->editor, text, len);
}

static void reconnect_later(struct shell *shell)
{
	struct timeval tv = {0, RECONNECT_MS * 1000};

	event_add(shell->reconnect_event, &tv);
}

static void on_lost(void *arg, const char *why)
{
	struct shell *shell = arg;
	char text[256];

	if (!shell->editor)
		return;
	snprintf(text, sizeof(text), "%% Connection to limen-control lost: %s", why);
	editor_print(shell->editor, text, strlen(text));
	reconnect_later(shell);
}

static void term_size(struct shell *shell)
{
	struct winsize size;

	shell->width = 80;
	shell->height = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
		shell->width = size.ws_col;
		shell->height = size.ws_row;
	}
}

static int open_link(struct shell *shell, char why[160])
{
	int rc;

	term_size(shell);
	rc = link_open(shell->link, shell->interactive, shell->interactive ? shell->width : 0,
		shell->interactive ? shell->height : 0, why);
	shell->opened_lines = shell->page_lines = shell->interactive ? shell->height : 0;
	return rc;
}

static void on_reconnect(evutil_socket_t fd, short what, void *arg)
{
	((struct shell *)arg)->reconnect_due = true;
}

/* Opening a session waits in the event loop, so it cannot be done from inside of it. */
static void on_idle(void *arg)
{
	static const char text[] = "% Connected again; configuration mode was left";
	struct shell *shell = arg;
	char why[160];

	if (!shell->reconnect_due)
		return;
	shell->reconnect_due = false;
	if (link_is_up(shell->link))
		return;
	if (open_link(shell, why) < 0)
		reconnect_later(shell);
	else
		editor_print(shell->editor, text, sizeof(text) - 1);
}

static void on_int(evutil_socket_t fd, short what, void *arg)
{
	struct shell *shell = arg;

	/* Only while a command runs: in the editor Ctrl-C is a key. */
	shell->aborted = true;
	link_abort(shell->link);
}

static void on_winch(evutil_socket_t fd, short what, void *arg)
{
	struct shell *shell = arg;

	term_size(shell);
	if (shell->editor)
		editor_resize(shell->editor);
}

/* ---- running lines ---- */

/* Lines of a page: what was said by `terminal length`, else the height of the window now. */
static unsigned int page_lines(const struct shell *shell)
{
	return shell->page_lines == shell->opened_lines ? shell->height : shell->page_lines;
}

static int run_line(struct shell *shell, const char *text, size_t len, struct link_result *result)
{
	char why[160];
	int rc;

	*result = (struct link_result){0};
	shell->aborted = shell->caret_shown = false;
	shell->prompt_len = strlen(link_prompt(shell->link));
	pager_begin(&shell->pager, shell->interactive ? page_lines(shell) : 0, shell->width);
	if (redirect_begin(&shell->redirect, text, len, why) < 0) {
		printf("%% %s\n", why);
		result->status = -EINVAL;
		return 0;
	}
	rc = link_line(shell->link, text, len, result);
	if (redirect_end(&shell->redirect, rc == 0 && result->status == 0 && !shell->aborted, why) <
		0) {
		printf("%% %s\n", why);
		result->status = -EIO;
	}
	fflush(stdout);
	if (rc == 0)
		shell->page_lines = result->page_lines;
	return rc;
}

/* A line of a script; number 0: of -c. Returns 0 to go on, 1 at an error, -1 at the end. */
static int run_scripted(struct shell *shell, const char *text, size_t len, unsigned int number)
{
	struct link_result result;
	int rc = run_line(shell, text, len, &result);

	if (rc < 0) {
		fprintf(stderr, "limen: %s\n",
			rc == -ENOTCONN ? "the connection to limen-control was lost"
			: rc == -E2BIG	? "the line is too long"
					: strerror(-rc));
		return 1;
	}
	if (result.status < 0) {
		if (number)
			fprintf(stderr, "%% line %u", number);
		if (result.caret)
			fprintf(stderr, "%s column %u", number ? "," : "%", result.caret);
		if (number || result.caret)
			fprintf(stderr, ": %.*s\n", (int)len, text);
		return 1;
	}
	return result.close ? -1 : 0;
}

/* "a; b" and lines, but not inside quotes. */
static int run_commands(struct shell *shell, const char *text)
{
	while (*text) {
		size_t len = 0;
		bool quoted = false;
		int rc;
		while (text[len] && text[len] != '\n' && (quoted || text[len] != ';')) {
			quoted ^= text[len] == '"';
			len++;
		}
		rc = run_scripted(shell, text, len, 0);
		if (rc)
			return rc;
		text += len + (text[len] != 0);
	}
	return 0;
}

static int run_stdin(struct shell *shell)
{
	unsigned int number = 0;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = getline(&line, &cap, stdin)) >= 0) {
		number++;
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			n--;
		rc = run_scripted(shell, line, (size_t)n, number);
	}
	free(line);
	return rc > 0;
}

static int run_terminal(struct shell *shell)
{
	struct link_result result;
	const char *line;

	for (;;) {
		int rc;
		line = editor_line(shell->editor);
		if (!line) {
			printf("\n");
			return 0;
		}
		rc = link_is_up(shell->link) ? run_line(shell, line, strlen(line), &result)
					     : -ENOTCONN;
		if (rc == -ENOTCONN)
			printf("%% limen-control is not there; trying again\n");
		else if (rc < 0)
			printf("%% %s\n", strerror(-rc));
		else if (result.close)
			return 0;
	}
}

/* ---- start ---- */

static int set_up(struct shell *shell, const char *run_dir, char *path, size_t path_size)
{
	const struct link_ops ops = {on_out, on_log, on_lost, shell};

	snprintf(path, path_size, "%s/control.sock", run_dir);
	shell->base = event_base_new();
	if (!shell->base)
		return -ENOMEM;
	shell->link = link_new(shell->base, path, &ops);
	shell->reconnect_event = evtimer_new(shell->base, on_reconnect, shell);
	shell->int_event = evsignal_new(shell->base, SIGINT, on_int, shell);
	shell->winch_event = evsignal_new(shell->base, SIGWINCH, on_winch, shell);
	if (!shell->link || !shell->reconnect_event || !shell->int_event || !shell->winch_event)
		return -ENOMEM;
	if (shell->interactive) {
		event_add(shell->int_event, NULL);
		event_add(shell->winch_event, NULL);
	}
	return 0;
}

static void tear_down(struct shell *shell)
{
	editor_free(shell->editor);
	link_free(shell->link);
	if (shell->reconnect_event)
		event_free(shell->reconnect_event);
	if (shell->int_event)
		event_free(shell->int_event);
	if (shell->winch_event)
		event_free(shell->winch_event);
	if (shell->base)
		event_base_free(shell->base);
}

static int run(struct shell *shell, const char *const *commands, unsigned int n_commands)
{
	int rc = 0;

	if (n_commands == 0 && !shell->interactive)
		return run_stdin(shell);
	if (n_commands == 0) {
		shell->editor = editor_new(shell->base, shell->link, on_idle, shell);
		if (!shell->editor) {
			fprintf(stderr, "limen: this terminal cannot be used\n");
			return 1;
		}
		return run_terminal(shell);
	}
	for (unsigned int i = 0; rc == 0 && i < n_commands; i++)
		rc = run_commands(shell, commands[i]);
	return rc > 0;
}

struct options {
	const char *run_dir;
	const char *commands[COMMANDS_MAX];
	unsigned int n_commands;
};

/* -1: go on; else the exit status. */
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{"command", required_argument, NULL, 'c'},
		{"run-dir", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:r:hV", longs, NULL)) >= 0) {
		switch (c) {
		case 'c':
			if (options->n_commands == COMMANDS_MAX) {
				fprintf(stderr, "limen: at most %d times -c\n", COMMANDS_MAX);
				return 2;
			}
			options->commands[options->n_commands++] = optarg;
			break;
		case 'r':
			options->run_dir = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			printf("limen %s\n", LIMEN_VERSION);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	/* sshd's ForceCommand hands over what the user asked for. */
	if (options->n_commands == 0 && getenv("SSH_ORIGINAL_COMMAND"))
		options->commands[options->n_commands++] = getenv("SSH_ORIGINAL_COMMAND");
	return -1;
}

int main(int argc, char **argv)
{
	struct options options = {.run_dir = "/run/limen"};
	struct shell shell = {0};
	char path[256], why[160] = "out of memory";
	int rc = parse_options(argc, argv, &options);

	if (rc >= 0)
		return rc;
	setlocale(LC_CTYPE, "");
	log_init("limen", LOG_L_WARNING);
	signal(SIGPIPE, SIG_IGN);
	shell.interactive = options.n_commands == 0 && isatty(STDIN_FILENO) &&
			    isatty(STDOUT_FILENO);
	rc = set_up(&shell, options.run_dir, path, sizeof(path));
	if (rc == 0)
		rc = open_link(&shell, why);
	if (rc < 0) {
		fprintf(stderr, "limen: %s\n", why);
		tear_down(&shell);
		return 1;
	}
	rc = run(&shell, options.commands, options.n_commands);
	tear_down(&shell);
	if (fflush(stdout) != 0)
		rc = 1;
	return rc;
}
