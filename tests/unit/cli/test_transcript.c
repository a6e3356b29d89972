/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sessions as an engineer sees them: the commands of tests/data/cli/NAME.in must give exactly
 * NAME.out, prompts and carets included. In a .in file a line "?TEXT" asks for help at the end of
 * TEXT, "<TAB>TEXT" completes it, "#" is a comment, "=user" opens a session without privileges.
 * With LIMEN_GOLDEN=write the .out files are written instead; read the difference before you
 * commit it.
 */
#include "tests/unit/cli/session_box.h"
#include "tests/unit/config/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct session_box box;
static struct buf transcript;

/* A line's output, with a caret below a prompt of that width. */
static void answer(unsigned int column)
{
	const char *output = box.output.p ? box.output.p : "";

	if (box.caret) {
		buf_fill(&transcript, ' ', column + box.caret - 1);
		buf_puts(&transcript, "^\n");
	}
	/* An error says so, and only an error does. */
	if (box.status == 0 && strstr(output, "% Invalid"))
		fail_msg("status 0 with %s", output);
	if (box.status < 0 && !strchr(output, '%'))
		fail_msg("status %d without a message", box.status);
	buf_puts(&transcript, output);
}

static void run_line(const char *line)
{
	struct buf *t = &transcript;
	const char *prompt;
	char *text;

	if (*line == '#') {
		buf_printf(t, "%s\n", line);
		return;
	}
	if (strcmp(line, "=user") == 0 || strcmp(line, "=admin") == 0) {
		session_box_login(&box, line[1] == 'a');
		return;
	}
	prompt = cli_session_prompt(box.session);
	buf_printf(t, "%s", prompt);
	if (*line == '?' || *line == '\t') {
		text = *line == '?' ? cli_session_help(box.session, line + 1, strlen(line + 1))
				    : cli_session_complete(box.session, line + 1, strlen(line + 1));
		assert_non_null(text);
		buf_printf(t, "%s%s\n%s", line + 1, *line == '?' ? "?" : "<TAB>", text);
		free(text);
		return;
	}
	unsigned int column = (unsigned int)strlen(prompt);
	buf_printf(t, "%s\n", line);
	session_box_line(&box, line, strlen(line));
	answer(column);
	if (box.closed) {
		buf_puts(t, "(closed)\n");
		session_box_login(&box, true);
	}
}

static void compare(const char *name, const char *want, const char *got)
{
	unsigned int line = 1;

	for (; *want && *want == *got; want++, got++)
		line += *want == '\n';
	if (*want != *got) {
		while (line > 1 && want[-1] != '\n')
			want--, got--;
		fail_msg("%s line %u:\n want: %.*s\n got:  %.*s", name, line,
			(int)strcspn(want, "\n"), want, (int)strcspn(got, "\n"), got);
	}
}

static void check(void **state)
{
	const char *name = *state;
	char path[512], *in, *want, *save = NULL;
	FILE *file;

	snprintf(path, sizeof(path), "tests/data/cli/%s.in", name);
	in = session_box_file(path);
	session_box_open(&box, session_box_dir, sample_config);
	for (char *line = strtok_r(in, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		run_line(line);
	if (getenv("LIMEN_GOLDEN")) {
		snprintf(path, sizeof(path), "%s/tests/data/cli/%s.out", SOURCE_ROOT, name);
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(transcript.p, file);
		fclose(file);
	} else {
		snprintf(path, sizeof(path), "tests/data/cli/%s.out", name);
		want = session_box_file(path);
		compare(name, want, transcript.p);
		free(want);
	}
	free(in);
	buf_free(&transcript);
	session_box_close(&box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"exec", check, session_box_setup, session_box_teardown,
			(void *)(uintptr_t) "exec"},
		{"help", check, session_box_setup, session_box_teardown,
			(void *)(uintptr_t) "help"},
		{"errors", check, session_box_setup, session_box_teardown,
			(void *)(uintptr_t) "errors"},
		{"configure", check, session_box_setup, session_box_teardown,
			(void *)(uintptr_t) "configure"},
		{"candidate", check, session_box_setup, session_box_teardown,
			(void *)(uintptr_t) "candidate"},
		{"routing", check, session_box_setup, session_box_teardown,
			(void *)(uintptr_t) "routing"},
		{"limits", check, session_box_setup, session_box_teardown,
			(void *)(uintptr_t) "limits"},
		{"pipes", check, session_box_setup, session_box_teardown,
			(void *)(uintptr_t) "pipes"},
		{"show", check, session_box_setup, session_box_teardown,
			(void *)(uintptr_t) "show"},
		{"show-json", check, session_box_setup, session_box_teardown,
			(void *)(uintptr_t) "show-json"},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
