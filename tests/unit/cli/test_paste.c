/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `show running-config` prints can be pasted into an empty box, in one pass, line by line and as a
 * candidate. tests/data/cli/everything.cfg sets every setting of the schema somewhere.
 */
#include "tests/unit/cli/fake_source.h"
#include "cli/grammar/session.h"
#include "controlplane/config/datastore.h"
#include "controlplane/config/schema.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

struct box {
	struct cfg_store *store;
	struct cli_engine *engine;
	struct cli_session *session;
	struct buf output; /* of the last line */
	int status;
};

static void out(void *arg, const char *text, size_t len)
{
	buf_add(&((struct box *)arg)->output, text, len);
}

static void done(void *arg, const struct cli_result *result)
{
	((struct box *)arg)->status = result->status;
}

static void started(void *arg, int status, const char *text)
{
	if (status < 0)
		fail_msg("%s", text);
}

static void open_box(struct box *box)
{
	static const struct cli_session_ops ops = {out, done};
	static const struct cli_identity identity = {
		.user = "anna", .admin = true, .interactive = true, .width = 80, .height = 24};
	char error[CFG_ERROR_MAX];

	*box = (struct box){0};
	if (cfg_store_open(NULL, fake_source.now_ms(NULL), &box->store, error) < 0)
		fail_msg("%s", error);
	cfg_store_start(box->store, "", started, NULL);
	box->engine = cli_engine_new(box->store, &fake_source);
	assert_non_null(box->engine);
	box->session = cli_session_new(box->engine, &identity, &ops, box);
	assert_non_null(box->session);
}

static void close_box(struct box *box)
{
	cli_session_free(box->session);
	cli_engine_free(box->engine);
	cfg_store_close(box->store);
	buf_free(&box->output);
}

static const char *run(struct box *box, const char *line, size_t len)
{
	buf_free(&box->output);
	cli_session_line(box->session, line, len);
	return box->output.p ? box->output.p : "";
}

static void run_silent(struct box *box, const char *line, size_t len)
{
	const char *said = run(box, line, len);

	if (box->status < 0 || *said)
		fail_msg("%s%.*s: %s", cli_session_prompt(box->session), (int)len, line, said);
}

/* Every line but the last, "end". */
static void paste(struct box *box, const char *text)
{
	for (const char *p = text; strcmp(p, "end\n") != 0;) {
		size_t len = strcspn(p, "\n");

		run_silent(box, p, len);
		p += len + 1;
	}
}

static char *read_everything(void)
{
	static const char path[] = SOURCE_ROOT "/tests/data/cli/everything.cfg";
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 65536);

	assert_non_null(file);
	assert_non_null(text);
	assert_in_range(fread(text, 1, 65536, file), 1, 65535);
	fclose(file);
	return text;
}

static char *print_running(struct box *box)
{
	struct buf text = {0};

	cfg_print_cli(cfg_store_running(box->store), false, &text);
	assert_false(text.failed);
	return buf_take(&text, NULL);
}

static void check_same(const char *want, const char *got)
{
	while (*want && *want == *got) {
		size_t n = strcspn(want, "\n");

		if (strncmp(want, got, n + 1) != 0)
			break;
		want += n + 1;
		got += n + 1;
	}
	if (*want || *got)
		fail_msg("want: %.*s\n got: %.*s", (int)strcspn(want, "\n"), want,
			(int)strcspn(got, "\n"), got);
}

/* Each line acts at once, so what it needs has to be there. */
static void test_terminal(void **state)
{
	char *everything = read_everything(), *printed;
	struct box box;

	open_box(&box);
	run_silent(&box, "enable", 6);
	run_silent(&box, "configure terminal", 18);
	paste(&box, everything);
	run_silent(&box, "end", 3);
	printed = print_running(&box);
	check_same(everything, printed);
	free(printed);
	free(everything);
	close_box(&box);
}

/* A new setting has to stand in everything.cfg. */
static void check_all_used(const struct cfg *cfg)
{
	for (const struct cfg_leaf *leaf = NULL; (leaf = cfg_leaf_next(leaf)) != NULL;) {
		bool used = false;

		for (unsigned int i = 0; i < cfg_object_count(cfg, leaf->kind); i++)
			used |= !cfg_leaf_is_default(leaf, cfg_object_at(cfg, leaf->kind, i));
		if (!used)
			fail_msg("everything.cfg has no %s of %s", leaf->name,
				cfg_objects[leaf->kind].noun);
		/* What is referred to is printed first. */
		assert_true(leaf->ref == CFG_NO_KIND || leaf->ref <= leaf->kind);
	}
}

static void test_candidate(void **state)
{
	char *everything = read_everything(), *printed;
	struct box box;

	open_box(&box);
	run_silent(&box, "enable", 6);
	run_silent(&box, "configure private", 17);
	paste(&box, everything);
	if (!strstr(run(&box, "commit", 6), " is running."))
		fail_msg("%s", box.output.p);
	check_all_used(cfg_store_running(box.store));
	run_silent(&box, "end", 3);
	printed = print_running(&box);
	check_same(everything, printed);
	free(printed);
	free(everything);
	close_box(&box);
}

/* What is masked does not become the secret. */
static void test_masked(void **state)
{
	static const char line[] = " authentication password " CFG_MASK;
	char *everything = read_everything();
	struct buf masked = {0};
	struct box box;

	open_box(&box);
	run_silent(&box, "enable", 6);
	run_silent(&box, "configure private", 17);
	paste(&box, everything);
	if (!strstr(run(&box, "commit", 6), " is running."))
		fail_msg("%s", box.output.p);
	cfg_print_cli(cfg_store_running(box.store), true, &masked);
	assert_non_null(strstr(masked.p, line));
	assert_null(strstr(masked.p, "correct horse"));
	paste(&box, masked.p);
	run_silent(&box, "do show configuration diff", 26);
	run_silent(&box, "trunk new", 9);
	assert_non_null(strstr(run(&box, line, sizeof(line) - 1),
		"authentication password: ****** is how it is shown: say it in clear"));
	assert_int_equal(box.status, -EINVAL);
	assert_string_equal(cfg_find_trunk(cfg_store_running(box.store), "carrier")->auth_password,
		"correct horse");
	buf_free(&masked);
	free(everything);
	close_box(&box);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_candidate),
		cmocka_unit_test(test_masked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
