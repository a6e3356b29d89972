/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * "| include PATTERN" and its friends: filters behind a command, several in a row. They work on
 * the finished text, line by line. A filter starts at " | "; a '|' without blanks around it
 * belongs to the pattern ("include a|b").
 */
#include "cli/grammar/command.h"

#define PCRE2_CODE_UNIT_WIDTH 8

#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define STAGES_MAX  8
#define PATTERN_MAX 200
/*
 * What one line may cost. Usual patterns need some dozens of steps; the limits keep a nested
 * repetition from holding up a process that serves calls.
 */
#define MATCH_STEPS   10000
#define MATCH_HEAP_KB 1024

enum filter { F_INCLUDE, F_EXCLUDE, F_BEGIN, F_SECTION, F_COUNT, F_JSON, F_REDIRECT };

static const struct {
	const char *name, *help;
	bool needs_pattern;
} filters[] = {
	[F_INCLUDE] = {"include", "Lines that match", true},
	[F_EXCLUDE] = {"exclude", "Lines that do not match", true},
	[F_BEGIN] = {"begin", "From the first line that matches", true},
	[F_SECTION] = {"section", "Sections whose first line matches", true},
	[F_COUNT] = {"count", "Number of lines that match", false},
	[F_JSON] = {"json", "The data as JSON", false},
	[F_REDIRECT] = {"redirect", "Into a file where `limen` runs, with your rights", true},
};
#define N_FILTERS (sizeof(filters) / sizeof(filters[0]))

struct stage {
	enum filter filter;
	pcre2_code *regex; /* NULL: every line matches */
};

struct cli_pipe {
	struct stage stage[STAGES_MAX];
	unsigned int n;
	bool redirect; /* the last one; not among stage[], as it changes nothing here */
	pcre2_match_context *limits;
	pcre2_match_data *match; /* one pair of offsets: nobody asks for more */
};

static int say(char *error, const char *what, struct view text)
{
	snprintf(error, CFG_ERROR_MAX, "%s: %.*s", what, (int)(text.n > 60 ? 60 : text.n), text.p);
	return -EINVAL;
}

static int find_filter(struct view word, char *error)
{
	int found = -1;

	for (unsigned int i = 0; i < N_FILTERS; i++) {
		if (word.n > strlen(filters[i].name) ||
			strncasecmp(filters[i].name, word.p, word.n) != 0)
			continue;
		if (found >= 0)
			return say(error, "Ambiguous filter", word);
		found = (int)i;
	}
	return found < 0 ? say(error, "There is no such filter", word) : found;
}

static int compile(struct stage *stage, struct view pattern, char *error)
{
	PCRE2_SIZE where;
	int code;

	if (pattern.n > PATTERN_MAX)
		return say(error, "The pattern is too long", pattern);
	stage->regex = pcre2_compile(
		(PCRE2_SPTR)pattern.p, pattern.n, PCRE2_NEVER_BACKSLASH_C, &code, &where, NULL);
	return stage->regex ? 0 : say(error, "Not a regular expression", pattern);
}

static int parse_stage(struct cli_pipe *pipe, struct view text, bool *ret_json, char *error)
{
	struct stage *stage;
	struct view word, pattern;
	int filter;

	text = view_trim(text);
	word = (struct view){text.p, 0};
	while (word.n < text.n && text.p[word.n] != ' ')
		word.n++;
	if (word.n == 0)
		return say(error, "A filter is missing", text);
	filter = find_filter(word, error);
	if (filter < 0)
		return filter;
	pattern = view_trim((struct view){text.p + word.n, text.n - word.n});
	if (filters[filter].needs_pattern && pattern.n == 0)
		return say(error, "A pattern is missing", text);
	if (filter == F_JSON) {
		if (pipe->n || pattern.n || pipe->redirect)
			return say(error, "json is the first filter and has no pattern", text);
		*ret_json = true;
		return 0;
	}
	if (pipe->redirect)
		return say(error, "redirect is the last filter", text);
	if (filter == F_REDIRECT) {
		if (memchr(pattern.p, ' ', pattern.n))
			return say(error, "A file name has no blanks", pattern);
		pipe->redirect = true;
		return 0;
	}
	if (pipe->n == STAGES_MAX)
		return say(error, "Too many filters", text);
	stage = &pipe->stage[pipe->n];
	stage->filter = (enum filter)filter;
	if (pattern.n && compile(stage, pattern, error) < 0)
		return -EINVAL;
	pipe->n++;
	return 0;
}

static struct cli_pipe *pipe_new(void)
{
	struct cli_pipe *pipe = calloc(1, sizeof(*pipe));

	if (!pipe)
		return NULL;
	pipe->limits = pcre2_match_context_create(NULL);
	pipe->match = pcre2_match_data_create(1, NULL);
	if (!pipe->limits || !pipe->match) {
		cli_pipe_free(pipe);
		return NULL;
	}
	pcre2_set_match_limit(pipe->limits, MATCH_STEPS);
	pcre2_set_heap_limit(pipe->limits, MATCH_HEAP_KB);
	return pipe;
}

int cli_pipe_parse(
	const char *text, struct cli_pipe **ret_pipe, bool *ret_json, char error[CFG_ERROR_MAX])
{
	struct cli_pipe *pipe = pipe_new();
	int rc = pipe ? 0 : -ENOMEM;

	*ret_json = false;
	snprintf(error, CFG_ERROR_MAX, "Out of memory");
	while (rc == 0 && text) {
		const char *next = strstr(text, " | ");
		size_t len = next ? (size_t)(next - text) : strlen(text);
		rc = parse_stage(pipe, (struct view){text, len}, ret_json, error);
		text = next ? next + 3 : NULL;
	}
	if (rc < 0)
		cli_pipe_free(pipe);
	else
		*ret_pipe = pipe;
	return rc;
}

bool cli_pipe_redirects(const struct cli_pipe *pipe)
{
	return pipe->redirect;
}

void cli_pipe_free(struct cli_pipe *pipe)
{
	if (!pipe)
		return;
	for (unsigned int i = 0; i < STAGES_MAX; i++)
		pcre2_code_free(pipe->stage[i].regex);
	pcre2_match_data_free(pipe->match);
	pcre2_match_context_free(pipe->limits);
	free(pipe);
}

/* Whether the line matches: 1, 0, or -E2BIG when it cannot be told within the limits. */
static int line_matches(
	const struct cli_pipe *pipe, const struct stage *stage, const char *line, size_t len)
{
	int rc;

	if (!stage->regex)
		return 1;
	rc = pcre2_match(stage->regex, (PCRE2_SPTR)line, len, 0, 0, pipe->match, pipe->limits);
	if (rc >= 0)
		return 1;
	return rc == PCRE2_ERROR_NOMATCH ? 0 : -E2BIG;
}

static int run_stage(const struct cli_pipe *pipe, const struct stage *stage, const struct buf *in,
	struct buf *out)
{
	bool begun = false, in_section = false;
	size_t count = 0, section_indent = 0;

	for (const char *p = in->p; p && *p;) {
		size_t len = strcspn(p, "\n"), whole = len + (p[len] == '\n');
		int match = line_matches(pipe, stage, p, len);
		size_t indent = strspn(p, " ");
		bool keep;

		if (match < 0)
			return match;
		/* A section: a line that matches, and what is indented more below it. */
		if (!in_section || indent <= section_indent || !len) {
			in_section = match;
			section_indent = indent;
		}
		begun |= match;
		count += match;
		keep = stage->filter == F_INCLUDE   ? match
		       : stage->filter == F_EXCLUDE ? !match
		       : stage->filter == F_BEGIN   ? begun
		       : stage->filter == F_SECTION ? in_section
						    : false;
		if (keep)
			buf_add(out, p, whole);
		p += whole;
	}
	if (stage->filter == F_COUNT)
		buf_printf(out, "Number of lines which match regexp = %zu\n", count);
	return 0;
}

int cli_pipe_run(const struct cli_pipe *pipe, const char *text, size_t len, struct buf *out)
{
	struct buf in = {0}, next = {0};
	int rc = 0;

	if (pipe->n == 0) {
		buf_add(out, text, len); /* also what is no text */
		return 0;
	}
	buf_add(&in, text, len);
	for (unsigned int i = 0; rc == 0 && i < pipe->n; i++) {
		rc = run_stage(pipe, &pipe->stage[i], &in, &next);
		next.failed |= in.failed;
		buf_free(&in);
		in = next;
		next = (struct buf){0};
	}
	if (rc == 0)
		buf_add(out, in.p ? in.p : "", in.n);
	out->failed |= in.failed;
	buf_free(&in);
	return rc;
}

void cli_pipes_build(struct cli_node *root)
{
	for (unsigned int i = 0; i < N_FILTERS; i++) {
		struct cli_node *node = cli_tree_child(
			root, CLI_KEYWORD, filters[i].name, filters[i].help);
		struct cli_action action = {.kind = CFG_NO_KIND};
		if (i != F_JSON)
			cli_tree_action(i == F_REDIRECT
						? cli_tree_child(node, CLI_WORD, "WORD", "Its name")
						: cli_tree_child(node, CLI_LINE, "LINE",
							  "Regular expression"),
				&action);
		if (!filters[i].needs_pattern)
			cli_tree_action(node, &action);
	}
}
