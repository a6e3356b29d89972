/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/cli/doc_settings.h"
#include "tests/unit/cli/doc_syntax.h"
#include "tests/unit/cli/doc_text.h"
#include "cli/grammar/command.h"

#include <stdio.h>
#include <string.h>

/* The cell of a table and the rest of the row behind it. */
static struct view cell_take(struct view *row)
{
	size_t n = 0;

	while (n < row->n && !(row->p[n] == '|' && n && row->p[n - 1] != '\\'))
		n++;
	struct view cell = view_trim((struct view){row->p, n});
	n += n < row->n;
	*row = (struct view){row->p + n, row->n - n};
	return cell;
}

/* Part number i of a cell like "200, 30"; the whole of one that has fewer. */
static struct view part_of(struct view cell, unsigned int i)
{
	struct view rest = cell;

	for (;; i--) {
		size_t n = 0;
		while (n < rest.n && rest.p[n] != ',')
			n++;
		if (i == 0)
			return view_trim((struct view){rest.p, n});
		if (n == rest.n)
			return cell;
		rest = (struct view){rest.p + n + 1, rest.n - n - 1};
	}
}

/* Is that the default of the setting? Only numbers and words of a list are compared; other text is for people. */
static bool is_default(const struct cfg_leaf *leaf, struct view text)
{
	const struct cfg_word *word = leaf->words;
	uint64_t number;

	if (leaf->flags & CFG_F_LIST)
		return true;
	switch (leaf->type) {
	case CFG_T_BOOL:
		return leaf->def
			       ? view_eq(text, VIEW("on"))
			       : !text.n || view_eq(text, VIEW("off")) || view_eq(text, VIEW("no"));
	case CFG_T_U32:
		if (view_to_u64(text, UINT32_MAX, &number) < 0)
			return leaf->def == 0 || leaf->flags & CFG_F_REQUIRED;
		return number == leaf->def;
	case CFG_T_ENUM:
		while (word->word && word->value != leaf->def)
			word++;
		return view_eq(text, view_of(word->word));
	default:
		return true;
	}
}

static bool names_leaf(const struct cli_action *action, const char *file)
{
	for (; action; action = action->next) {
		char name[72];
		snprintf(name, sizeof(name), "`%s`", action->leaf ? action->leaf->name : "");
		if (strstr(file, name))
			return true;
	}
	return false;
}

struct settings {
	const struct cli_engine *engine;
	struct doc_places root, modes; /* modes: that the rows are of */
	unsigned int n_lines;
};

/* A row; the lines of its first cell share the others. */
struct row {
	struct doc_place at;
	char lines[512], file[512];
	struct view defaults;
	bool opens; /* in bold: the mode of the following rows */
};

/* Line number i of a row; where it leads. */
static const struct cli_action *line_check(
	struct settings *s, const struct row *row, unsigned int i, struct view line)
{
	struct doc_places end = doc_syntax_walk(row->opens ? &s->root : &s->modes, line);
	const struct cli_action *action = doc_places_action(&end);

	s->n_lines++;
	if (!end.n)
		doc_fault(&row->at, line, "is no line of that mode");
	else if (!action)
		doc_fault(&row->at, line, "is not a whole line");
	else if (action->leaf && !names_leaf(action, row->file))
		doc_fault(&row->at, line, "is not that setting in the file");
	else if (action->leaf && !is_default(action->leaf, part_of(row->defaults, i)))
		doc_fault(&row->at, line, "has another default");
	return action;
}

static void row_check(struct settings *s, const struct row *row)
{
	struct doc_place at = row->at;
	const char *rest = row->lines;
	char line[256];

	if (row->opens)
		s->modes.n = 0;
	for (unsigned int i = 0; doc_span_take(&rest, &at, line, sizeof(line)); i++) {
		const struct cli_action *action = line_check(s, row, i, view_of(line));
		if (action && row->opens && s->engine->config[action->kind])
			s->modes.node[s->modes.n++] = s->engine->config[action->kind];
	}
}

unsigned int doc_settings_check(const struct cli_engine *engine, const char *page, const char *text)
{
	struct settings s = {
		.engine = engine, .root = {.node = {engine->config[CFG_SYSTEM]}, .n = 1}};
	struct row row = {.at = {page, 0}};
	bool in = false;

	s.modes = s.root;
	while (*text) {
		struct view rest = doc_line_take(&text), first;
		row.at.line++;
		if (doc_starts(rest, "## "))
			in = doc_starts(rest, "## Settings");
		if (!in || !doc_starts(rest, "| ") || doc_starts(rest, "| Line "))
			continue;
		rest = (struct view){rest.p + 1, rest.n - 1};
		first = cell_take(&rest);
		row.opens = doc_starts(first, "**");
		row.defaults = cell_take(&rest);
		if (view_copy(first, row.lines, sizeof(row.lines)) < 0 ||
			view_copy(cell_take(&rest), row.file, sizeof(row.file)) < 0)
			doc_fault(&row.at, first, "is too long for the test");
		else
			row_check(&s, &row);
	}
	return s.n_lines;
}
