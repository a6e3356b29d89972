/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `show running-config` prints can be pasted into an empty box, in one pass, line by line and as a
 * candidate. tests/data/cli/everything.cfg sets every setting of the schema somewhere.
 */
#include "tests/unit/cli/session_box.h"
#include "controlplane/config/datastore.h"
#include "controlplane/config/schema.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const char *run(struct session_box *box, const char *line, size_t len)
{
	session_box_line(box, line, len);
	return box->output.p ? box->output.p : "";
}

static void run_silent(struct session_box *box, const char *line, size_t len)
{
	const char *said = run(box, line, len);

	if (box->status < 0 || *said)
		fail_msg("%s%.*s: %s", cli_session_prompt(box->session), (int)len, line, said);
}

/* Every line but the last, "end". */
static void paste(struct session_box *box, const char *text)
{
	for (const char *p = text; strcmp(p, "end\n") != 0;) {
		size_t len = strcspn(p, "\n");

		run_silent(box, p, len);
		p += len + 1;
	}
}

static char *print_running(struct session_box *box)
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

/* A box into which everything.cfg was pasted, in this mode; returns what was pasted. */
static char *box_with_everything(struct session_box *box, const char *configure)
{
	char *everything = session_box_file("tests/data/cli/everything.cfg");

	session_box_open(box, NULL, "");
	run_silent(box, "enable", 6);
	run_silent(box, configure, strlen(configure));
	paste(box, everything);
	return everything;
}

/* Each line acts at once, so what it needs has to be there. */
static void test_terminal(void **state)
{
	struct session_box box;
	char *everything = box_with_everything(&box, "configure terminal"), *printed;

	run_silent(&box, "end", 3);
	printed = print_running(&box);
	check_same(everything, printed);
	free(printed);
	free(everything);
	session_box_close(&box);
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
	struct session_box box;
	char *everything = box_with_everything(&box, "configure private"), *printed;

	if (!strstr(run(&box, "commit", 6), " is running."))
		fail_msg("%s", box.output.p);
	check_all_used(cfg_store_running(box.store));
	run_silent(&box, "end", 3);
	printed = print_running(&box);
	check_same(everything, printed);
	free(printed);
	free(everything);
	session_box_close(&box);
}

/* What is masked does not become the secret. */
static void test_masked(void **state)
{
	static const char line[] = " authentication password " CFG_MASK;
	struct session_box box;
	char *everything = box_with_everything(&box, "configure private");
	struct buf masked = {0};

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
	session_box_close(&box);
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
