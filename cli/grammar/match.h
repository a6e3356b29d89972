/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a line against the grammar: words may be abbreviated as long as they are unique, an
 * exact word wins. Nothing here has effects; running a command, help and completion all start
 * from the same walk.
 */
#pragma once

#include "cli/grammar/tree.h"

#define CLI_LINE_MAX   1024 /* bytes of a line */
#define CLI_TOKENS_MAX 64
#define CLI_ARGS_MAX   12

struct cli_token {
	unsigned int column; /* offset in the line */
	unsigned int end;    /* behind its last byte, quotes included */
	const char *text;    /* NUL-terminated, without quotes */
	unsigned int len;
	bool quoted;
};

/* A line cut into words. The texts are in store. */
struct cli_words {
	struct cli_token token[CLI_TOKENS_MAX];
	unsigned int n;
	bool blank_end; /* the line ends with a blank, or is empty */
	bool open_quote;
	char line[CLI_LINE_MAX + 1]; /* control characters became blanks */
	unsigned int len;
	char store[2 * CLI_LINE_MAX + CLI_TOKENS_MAX];
};

/* -E2BIG: longer than CLI_LINE_MAX or more than CLI_TOKENS_MAX words. */
int cli_words_split(const char *text, size_t len, struct cli_words *ret);

struct cli_arg {
	const struct cli_node *node;
	const char *text; /* keywords in full */
};

enum cli_outcome {
	CLI_OK,
	CLI_EMPTY,	/* no words */
	CLI_INCOMPLETE, /* more words are needed */
	CLI_INVALID,	/* at column */
	CLI_AMBIGUOUS,	/* the word at column */
};

struct cli_match {
	enum cli_outcome outcome;
	unsigned int column;
	unsigned int n_matched;	     /* words that were understood */
	const struct cli_node *node; /* the last one reached */
	struct cli_arg args[CLI_ARGS_MAX];
	unsigned int n_args;
	unsigned int pipe; /* index of the '|' that ends the command; 0: none */
};

/* n_words: how many of the words are looked at (help and completion leave out the last one). */
void cli_match(const struct cli_node *root, const struct cli_words *words, unsigned int n_words,
	bool priv, struct cli_match *ret);

/* May a node be seen at this privilege? */
bool cli_node_visible(const struct cli_node *node, bool priv);
/* Does a word fit a node: 0 no, 1 as an abbreviation, 2 exactly (values: always 2). */
int cli_node_fits(const struct cli_node *node, const struct cli_token *token);
