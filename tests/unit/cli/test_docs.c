/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pages of docs/ say what the command line takes.
 *
 * Blocks of code without a language are typed: lines with a prompt as commands in the mode that the prompt shows, what
 * is between them being output; other blocks as configuration that must commit, each for itself. What is neither has
 * a language (```text). In the running text, each `command` with a first word of the grammar must go on as the grammar does;
 * each line of the settings in CONFIGURATION.md must be a whole line of its mode, for the setting that stands beside it.
 * tests/data/cli/docs.md has what the pages take for granted.
 */
#include "tests/unit/cli/doc_settings.h"
#include "tests/unit/cli/doc_syntax.h"
#include "tests/unit/cli/doc_text.h"
#include "tests/unit/cli/session_box.h"
#include "tests/unit/config/samples.h"
#include "cli/grammar/command.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void faults_none(void)
{
	char *text = buf_take(&doc_faults, NULL);

	if (text && *text) {
		fputs(text, stderr);
		free(text);
		fail();
	}
	free(text);
}

/* ---- blocks ---- */

enum block { BLOCK_NONE, BLOCK_NEW, BLOCK_CONFIG, BLOCK_SESSION, BLOCK_OTHER };

struct reader {
	struct session_box box;
	struct doc_place at;
	enum block block;
	bool fenced;
	bool only_sessions;	/* blocks without prompts are no configuration (README) */
	unsigned int n_commits; /* on top of what the pages take for granted */
};

/* "limen(config-trunk)# realm peering": behind the prompt, and the prompt without the name of the box. */
static bool prompt_split(struct view line, struct view *ret_prompt, struct view *ret_command)
{
	size_t name = strspn(line.p, "abcdefghijklmnopqrstuvwxyz-0123456789"), n = name;

	if (line.p[n] == '(')
		n += strcspn(line.p + n, ")\n") + 1;
	if (!name || n >= line.n || (line.p[n] != '#' && line.p[n] != '>'))
		return false;
	*ret_prompt = (struct view){line.p + name, n + 1 - name};
	*ret_command = view_trim((struct view){line.p + n + 1, line.n - n - 1});
	return true;
}

static struct view prompt_now(const struct session_box *box)
{
	const char *prompt = cli_session_prompt(box->session);

	return view_of(prompt + strcspn(prompt, "(#>"));
}

/* The grammar has no such line; else it is that this box has no such call, trunk or the like. */
static bool misread(const struct session_box *box)
{
	static const char *const texts[] = {"% Invalid input", "% Incomplete", "% Ambiguous"};

	for (unsigned int i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strncmp(box->output.p, texts[i], strlen(texts[i])) == 0)
			return true;
	}
	return false;
}

static void type(struct reader *r, struct view text)
{
	struct view line = view_trim(text);

	session_box_line(&r->box, line.p, line.n);
	if (r->box.status < 0 && (r->block != BLOCK_SESSION || misread(&r->box)))
		doc_fault(&r->at, line, r->box.output.p);
}

static void config_line(struct reader *r, struct view line)
{
	bool inner = line.p[0] == ' ';
	char before[80];

	if (!inner && !view_eq(prompt_now(&r->box), VIEW("(config)#")))
		type(r, VIEW("exit"));
	snprintf(before, sizeof(before), "%s", cli_session_prompt(r->box.session));
	type(r, line);
	if (inner && strcmp(before, cli_session_prompt(r->box.session)) != 0)
		doc_fault(&r->at, line, "is no line of that mode");
}

static void session_line(struct reader *r, struct view line)
{
	struct view prompt, command;

	if (!prompt_split(line, &prompt, &command))
		return;
	if (!view_eq(prompt, prompt_now(&r->box)))
		doc_fault(&r->at, line, cli_session_prompt(r->box.session));
	type(r, command);
}

static void block_begin(struct reader *r, struct view line)
{
	struct view prompt, command;
	bool session = prompt_split(line, &prompt, &command);
	char base[16];

	if (!session && r->only_sessions)
		return;
	session_box_login(&r->box, true);
	r->block = session ? BLOCK_SESSION : BLOCK_CONFIG;
	if (session && view_eq(prompt, VIEW(">")))
		type(r, VIEW("disable"));
	if (session)
		return;
	type(r, VIEW("configure private"));
	snprintf(base, sizeof(base), "rollback %u", r->n_commits);
	if (r->n_commits)
		type(r, view_of(base));
}

static void block_line(struct reader *r, struct view line)
{
	if (r->block == BLOCK_NEW)
		block_begin(r, line);
	if (r->block == BLOCK_CONFIG)
		config_line(r, line);
	else if (r->block == BLOCK_SESSION)
		session_line(r, line);
}

static void block_end(struct reader *r)
{
	if (r->block == BLOCK_CONFIG) {
		type(r, VIEW("commit"));
		r->n_commits += r->box.status == 0;
	}
	r->block = BLOCK_NONE;
}

/* true: the line is part of a block of code. */
static bool read_line(struct reader *r, struct view line, bool after_blank)
{
	if (doc_starts(line, "```")) {
		if (r->fenced)
			block_end(r);
		else
			r->block = line.n > 3 ? BLOCK_OTHER : BLOCK_NEW;
		r->fenced = !r->fenced;
		return true;
	}
	if (!r->fenced && doc_starts(line, "    ") && (after_blank || r->block)) {
		if (!r->block)
			r->block = BLOCK_NEW;
		block_line(r, (struct view){line.p + 4, line.n - 4});
		return true;
	}
	if (r->fenced && line.n)
		block_line(r, line);
	else if (!r->fenced && line.n)
		block_end(r);
	return r->fenced;
}

/* Types the blocks of a page; ret_prose is its text without them, line for line. */
static void page_read(struct reader *r, const char *name, const char *text, struct buf *ret_prose)
{
	bool after_blank = true;

	r->at = (struct doc_place){name, 0};
	while (*text) {
		struct view line = doc_line_take(&text);
		r->at.line++;
		if (!read_line(r, line, after_blank))
			buf_add(ret_prose, line.p, line.n);
		buf_puts(ret_prose, "\n");
		after_blank = line.n == 0;
	}
	block_end(r);
	assert_false(r->fenced);
}

/* ---- commands in the text ---- */

static bool leads_anywhere(const struct cli_engine *engine, struct view syntax)
{
	struct doc_places root = {.node = {engine->exec}, .n = 1};
	bool there = doc_syntax_walk(&root, syntax).n > 0;

	for (unsigned int i = 0; i < CFG_N_KINDS && !there; i++) {
		root.node[0] = engine->config[i];
		there = root.node[0] && doc_syntax_walk(&root, syntax).n > 0;
	}
	return there;
}

static void prose_check(const struct cli_engine *engine, const char *page, const char *prose)
{
	struct doc_place at = {page, 1};
	char text[256];

	while (doc_span_take(&prose, &at, text, sizeof(text))) {
		size_t first = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
		if (text[first] != ' ')
			continue;
		if (!leads_anywhere(engine, (struct view){text, first})) {
			if (getenv("SHOW"))
				printf("IGNORED %s:%u %s\n", page, at.line, text);
			continue;
		}
		if (!leads_anywhere(engine, view_of(text)))
			doc_fault(&at, view_of(text), "is no command");
	}
}

/* ---- pages ---- */

static int is_page(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 3 && strcmp(entry->d_name + n - 3, ".md") == 0;
}

/* Blocks and commands of a page, in a box of its own. */
static void page_check(const char *name, bool only_sessions)
{
	struct reader r = {.only_sessions = only_sessions};
	struct buf prose = {0};
	char *text = session_box_file("tests/data/cli/docs.md"), *page = session_box_file(name);

	assert_int_equal(session_box_setup(NULL), 0);
	session_box_open(&r.box, session_box_dir, sample_config);
	r.only_sessions = false;
	page_read(&r, "tests/data/cli/docs.md", text, &prose);
	buf_free(&prose);
	r.n_commits = 0;
	r.only_sessions = only_sessions;
	page_read(&r, name, page, &prose);
	prose_check(r.box.engine, name, prose.p);
	if (strcmp(name, "docs/CONFIGURATION.md") == 0)
		assert_true(doc_settings_check(r.box.engine, name, page) > 250);
	session_box_close(&r.box);
	assert_int_equal(session_box_teardown(NULL), 0);
	buf_free(&prose);
	free(text);
	free(page);
}

static void test_pages(void **state)
{
	struct dirent **entries;
	int n = scandir(SOURCE_ROOT "/docs", &entries, is_page, alphasort);

	assert_true(n > 20);
	for (int i = 0; i < n; i++) {
		char name[300];
		snprintf(name, sizeof(name), "docs/%s", entries[i]->d_name);
		page_check(name, false);
		free(entries[i]);
	}
	free(entries);
	page_check("README", true);
	faults_none();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_pages)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
