/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/cli/doc_syntax.h"
#include "cli/grammar/match.h"

#include <stdlib.h>
#include <string.h>

static void places_add(struct doc_places *places, const struct cli_node *node)
{
	for (unsigned int i = 0; i < places->n; i++) {
		if (places->node[i] == node)
			return;
	}
	if (places->n == DOC_PLACES_MAX)
		abort();
	places->node[places->n++] = node;
}

static void places_join(struct doc_places *places, const struct doc_places *more)
{
	for (unsigned int i = 0; i < more->n; i++)
		places_add(places, more->node[i]);
}

static bool is_typed(struct view word)
{
	for (size_t i = 0; i < word.n; i++) {
		char c = word.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return word.n > 0;
}

/* Values, also those that are words of a list. */
static bool takes_value(const struct cli_node *node)
{
	return node->type != CLI_KEYWORD || node->is_arg;
}

/* Does a word fit a node as a page means it? */
static bool fits(const struct cli_node *node, struct view word)
{
	char text[64];
	struct cli_token token = {.text = text};

	if (node->type == CLI_KEYWORD && view_eq(view_of(node->text), word))
		return true;
	if (!is_typed(word))
		return takes_value(node);
	if (node->type == CLI_KEYWORD || view_copy(word, text, sizeof(text)) < 0)
		return false;
	token.len = (unsigned int)word.n;
	return cli_node_fits(node, &token) > 0;
}

static struct doc_places step(const struct doc_places *from, struct view word)
{
	struct doc_places next = {0};

	for (unsigned int i = 0; i < from->n; i++) {
		if (from->node[i]->type == CLI_LINE) /* what follows is part of the line */
			places_add(&next, from->node[i]);
		for (unsigned int c = 0; c < from->node[i]->n_children; c++) {
			if (fits(from->node[i]->children[c], word))
				places_add(&next, from->node[i]->children[c]);
		}
	}
	return next;
}

/* Up to one of the characters, outside of brackets. */
static size_t span_of(struct view text, char end)
{
	unsigned int depth = 0;
	size_t i = 0;

	for (; i < text.n && (depth || text.p[i] != end); i++) {
		depth += text.p[i] == '[';
		depth -= text.p[i] == ']' && depth;
	}
	return i;
}

/* Each of the alternatives has to lead on. walk: each is a word, or a syntax. */
typedef struct doc_places (*walk_fn)(const struct doc_places *from, struct view syntax);

static struct doc_places each(const struct doc_places *from, struct view text, walk_fn walk)
{
	struct doc_places all = {0};

	while (text.n) {
		size_t n = span_of(text, '|');
		struct doc_places one = walk(from, (struct view){text.p, n});
		if (!one.n)
			return one;
		places_join(&all, &one);
		n += n < text.n;
		text = (struct view){text.p + n, text.n - n};
	}
	return all;
}

const struct cli_action *doc_places_action(const struct doc_places *places)
{
	for (unsigned int i = 0; i < places->n; i++) {
		if (places->node[i]->action)
			return places->node[i]->action;
	}
	return NULL;
}

static bool takes_pipe(const struct doc_places *places)
{
	const struct cli_action *action = doc_places_action(places);

	return action && (action->flags & CLI_PIPE);
}

struct doc_places doc_syntax_walk(const struct doc_places *from, struct view syntax)
{
	struct doc_places at = *from, next;

	for (syntax = view_trim(syntax); syntax.n && at.n; syntax = view_trim(syntax)) {
		size_t n = span_of(syntax, ' ');
		struct view part = {syntax.p, n};
		if (view_eq(part, VIEW("...")))
			break;
		if (view_eq(part, VIEW("|")) && takes_pipe(&at))
			break;
		if (part.p[0] == '[' && part.p[n - 1] == ']' && n > 2) {
			part = (struct view){part.p + 1, n - 2};
			next = each(&at, part, doc_syntax_walk);
			if (next.n)
				places_join(&next, &at);
		} else {
			next = each(&at, part, step);
		}
		at = next;
		syntax = (struct view){syntax.p + n, syntax.n - n};
	}
	return at;
}
