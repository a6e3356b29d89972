/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the patterns of the command tables to paths of the tree. Alternatives and optional ends
 * become several paths.
 */
#include "cli/grammar/command.h"

#include <stdio.h>
#include <stdlib.h>

/* A pattern cut into words: "(a|b)" is one atom with two words, "[" and "]" are atoms. */
#define ATOMS_MAX 24
struct atom {
	char text[64];
	unsigned int help; /* index of the help line of its first word */
};

static unsigned int cut(const char *pattern, struct atom atoms[ATOMS_MAX], unsigned int *ret_words)
{
	unsigned int n = 0, words = 0;

	while (*pattern) {
		struct atom *atom = &atoms[n];
		size_t len = strcspn(pattern, " ");
		if (*pattern == ' ') {
			pattern++;
			continue;
		}
		if (*pattern == '[' || *pattern == ']')
			len = 1;
		else if (pattern[len - 1] == ']')
			len--;
		if (n == ATOMS_MAX || len >= sizeof(atom->text))
			abort(); /* a row of our own tables */
		memcpy(atom->text, pattern, len);
		atom->text[len] = 0;
		atom->help = words;
		if (*pattern == '(') {
			for (size_t i = 0; i < len; i++)
				words += pattern[i] == '|';
		}
		words += *pattern != '[' && *pattern != ']';
		pattern += len;
		n++;
	}
	*ret_words = words;
	return n;
}

static enum cli_node_type type_of(const char *word)
{
	static const struct {
		const char *word;
		enum cli_node_type type;
	} values[] = {
		{"A.B.C.D", CLI_IPV4},
		{"X:X::X", CLI_IPV6},
		{"WORD", CLI_WORD},
		{"LINE", CLI_LINE},
	};

	for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (strcmp(word, values[i].word) == 0)
			return values[i].type;
	}
	return word[0] == '<' ? CLI_INT : word[0] == '{' ? CLI_NAME : CLI_KEYWORD;
}

static struct cli_node *add_word(struct cli_node *node, const char *word, const char *help)
{
	enum cli_node_type type = type_of(word);
	struct cli_node *child = cli_tree_child(node, type, type == CLI_NAME ? "WORD" : word, NULL);
	char kind[32];

	if (!child->help && help && *help != '\n')
		child->help = help;
	if (type == CLI_INT && sscanf(word, "<%u-%u>", &child->lo, &child->hi) != 2)
		abort();
	if (type == CLI_NAME && sscanf(word, "{%31[a-z-]}", kind) == 1) {
		for (unsigned int i = 0; i < CFG_N_KINDS; i++) {
			if (strcmp(cfg_objects[i].noun, kind) == 0)
				child->ref = (uint8_t)i;
		}
	}
	return child;
}

struct builder {
	const struct cli_row *row;
	const struct atom *atoms;
	unsigned int n, skip; /* words without an own line of help */
};

static const char *help_of(const struct builder *b, unsigned int word)
{
	if (word < b->skip)
		return NULL;
	return cli_help_line(b->row->help, word - b->skip).p;
}

static void build(const struct builder *b, unsigned int i, struct cli_node *node)
{
	char words[64], *save = NULL, *word;
	unsigned int help;

	if (i < b->n && strcmp(b->atoms[i].text, "]") == 0) {
		build(b, i + 1, node);
		return;
	}
	if (i == b->n || strcmp(b->atoms[i].text, "[") == 0) {
		if (b->row->handler)
			cli_tree_action(node, &(struct cli_action){.handler = b->row->handler,
						      .flags = b->row->flags,
						      .kind = CFG_NO_KIND});
		if (i < b->n)
			build(b, i + 1, node);
		return;
	}
	snprintf(words, sizeof(words), "%s", b->atoms[i].text);
	help = b->atoms[i].help;
	if (words[0] != '(') {
		build(b, i + 1, add_word(node, words, help_of(b, help)));
		return;
	}
	for (word = strtok_r(words + 1, "|)", &save); word; word = strtok_r(NULL, "|)", &save)) {
		struct cli_node *child = add_word(node, word, help_of(b, help++));
		/* The handler wants to know which one it was. */
		child->is_arg = true;
		build(b, i + 1, child);
	}
}

void cli_rows_build(struct cli_node *root, const struct cli_table *table)
{
	for (unsigned int i = 0; i < table->n; i++) {
		struct atom atoms[ATOMS_MAX];
		struct builder b = {.row = &table->rows[i], .atoms = atoms};
		unsigned int words, lines = 1;
		b.n = cut(b.row->pattern, atoms, &words);
		for (const char *p = b.row->help; *p; p++)
			lines += *p == '\n';
		if (lines > words)
			abort();
		b.skip = words - lines;
		build(&b, 0, root);
	}
}
