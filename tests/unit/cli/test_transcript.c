/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sessions as an engineer sees them: the commands of tests/data/cli/NAME.in must give exactly
 * NAME.out, prompts and carets included. In a .in file a line "?TEXT" asks for help at the end of
 * TEXT, "<TAB>TEXT" completes it, "#" is a comment, "=user" opens a session without privileges.
 * With LIMEN_GOLDEN=write the .out files are written instead; read the difference before you
 * commit it.
 */
#include "tests/unit/cli/fake_source.h"
#include "tests/unit/config/samples.h"
#include "cli/grammar/session.h"
#include "controlplane/config/datastore.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

struct box {
	struct cfg_store *store;
	struct cli_engine *engine;
	struct cli_session *session;
	struct buf transcript;
	unsigned int column; /* of the command in its line */
	struct buf output;
	int n_done;
	bool closed;
};

static char dir[64];

static void out(void *arg, const char *text, size_t len)
{
	buf_add(&((struct box *)arg)->output, text, len);
}

static void done(void *arg, const struct cli_result *result)
{
	struct box *box = arg;

	box->n_done++;
	box->closed |= result->close;
	if (result->caret) {
		buf_fill(&box->transcript, ' ', box->column + result->caret - 1);
		buf_puts(&box->transcript, "^\n");
	}
	/* An error says so, and only an error does. */
	if (result->status == 0 && box->output.n && strstr(box->output.p, "% Invalid"))
		fail_msg("status 0 with %s", box->output.p);
	if (result->status < 0 && (!box->output.n || !strchr(box->output.p, '%')))
		fail_msg("status %d without a message", result->status);
	buf_add(&box->transcript, box->output.p ? box->output.p : "", box->output.n);
	buf_free(&box->output);
}

static void started(void *arg, int status, const char *text)
{
	if (status < 0)
		fail_msg("%s", text);
}

static void open_session(struct box *box, bool admin)
{
	static const struct cli_session_ops ops = {out, done};
	struct cli_identity identity = {.uid = admin ? 0 : 1000,
		.pid = 4711,
		.admin = admin,
		.interactive = true,
		.width = 80,
		.height = 24};

	snprintf(identity.user, sizeof(identity.user), "%s", admin ? "anna" : "bert");
	cli_session_free(box->session);
	box->session = cli_session_new(box->engine, &identity, &ops, box);
	assert_non_null(box->session);
	box->closed = false;
}

static void open_box(struct box *box)
{
	char error[CFG_ERROR_MAX];

	*box = (struct box){0};
	if (cfg_store_open(dir, fake_source.now_ms(NULL), &box->store, error) < 0)
		fail_msg("%s", error);
	cfg_store_start(box->store, sample_config, started, NULL);
	box->engine = cli_engine_new(box->store, &fake_source);
	assert_non_null(box->engine);
	open_session(box, true);
}

static void close_box(struct box *box)
{
	cli_session_free(box->session);
	cli_engine_free(box->engine);
	cfg_store_close(box->store);
	buf_free(&box->transcript);
	buf_free(&box->output);
}

static void run_line(struct box *box, const char *line)
{
	struct buf *t = &box->transcript;
	char *text;
	int before = box->n_done;

	if (*line == '#') {
		buf_printf(t, "%s\n", line);
		return;
	}
	if (strcmp(line, "=user") == 0 || strcmp(line, "=admin") == 0) {
		open_session(box, line[1] == 'a');
		return;
	}
	buf_printf(t, "%s", cli_session_prompt(box->session));
	box->column = (unsigned int)strlen(cli_session_prompt(box->session));
	if (*line == '?' || *line == '\t') {
		text = *line == '?'
			       ? cli_session_help(box->session, line + 1, strlen(line + 1))
			       : cli_session_complete(box->session, line + 1, strlen(line + 1));
		assert_non_null(text);
		buf_printf(t, "%s%s\n%s", line + 1, *line == '?' ? "?" : "<TAB>", text);
		free(text);
		return;
	}
	buf_printf(t, "%s\n", line);
	cli_session_line(box->session, line, strlen(line));
	assert_int_equal(box->n_done, before + 1);
	if (box->closed) {
		buf_puts(t, "(closed)\n");
		open_session(box, true);
	}
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	struct buf text = {0};
	char chunk[4096];
	size_t n;

	if (!file)
		return NULL;
	while ((n = fread(chunk, 1, sizeof(chunk), file)))
		buf_add(&text, chunk, n);
	fclose(file);
	return buf_take(&text, NULL);
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
	struct box box;
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/data/cli/%s.in", SOURCE_ROOT, name);
	in = read_file(path);
	if (!in)
		fail_msg("no %s", path);
	open_box(&box);
	for (char *line = strtok_r(in, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		run_line(&box, line);
	snprintf(path, sizeof(path), "%s/tests/data/cli/%s.out", SOURCE_ROOT, name);
	if (getenv("LIMEN_GOLDEN")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(box.transcript.p, file);
		fclose(file);
	} else {
		want = read_file(path);
		if (!want)
			fail_msg("no %s", path);
		compare(name, want, box.transcript.p);
		free(want);
	}
	free(in);
	close_box(&box);
}

static int setup(void **state)
{
	/* Times of day are shown in UTC; the state directory holds the start-up file. */
	strcpy(dir, "/tmp/limen-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"exec", check, setup, teardown, (void *)(uintptr_t) "exec"},
		{"help", check, setup, teardown, (void *)(uintptr_t) "help"},
		{"errors", check, setup, teardown, (void *)(uintptr_t) "errors"},
		{"configure", check, setup, teardown, (void *)(uintptr_t) "configure"},
		{"candidate", check, setup, teardown, (void *)(uintptr_t) "candidate"},
		{"routing", check, setup, teardown, (void *)(uintptr_t) "routing"},
		{"limits", check, setup, teardown, (void *)(uintptr_t) "limits"},
		{"pipes", check, setup, teardown, (void *)(uintptr_t) "pipes"},
		{"show", check, setup, teardown, (void *)(uintptr_t) "show"},
		{"show-json", check, setup, teardown, (void *)(uintptr_t) "show-json"},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
