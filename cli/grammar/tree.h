/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The grammar: a tree of words for each mode, built once, read by all sessions. A path from the
 * root to a node with an action is a command. The nodes of settings are made from the schema
 * (settings.c), those of other commands from tables (commands.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/config/schema.h"

struct cli_ctx;

/* 0; a negative errno after a sentence in ctx->out; -EINPROGRESS: cli_finish() will be called. */
typedef int (*cli_handler_fn)(struct cli_ctx *ctx);

enum cli_node_type {
	CLI_KEYWORD,
	/* From here on: values. A better match comes first. */
	CLI_INT, /* lo..hi */
	CLI_IPV4,
	CLI_IPV6,
	CLI_PREFIX4, /* A.B.C.D/M */
	CLI_PREFIX6,
	CLI_NAME, /* of an object of the kind ref, completed */
	CLI_WORD,
	CLI_LINE, /* the rest of the line */
};

enum cli_flags {
	CLI_PRIV = 1 << 0,   /* needs privileged mode */
	CLI_JSON = 1 << 1,   /* has a JSON form */
	CLI_PIPE = 1 << 2,   /* its output may be filtered */
	CLI_CONFIG = 1 << 3, /* only in a configuration mode (commit, rollback) */
};

enum cli_verb { CLI_SET, CLI_NO, CLI_DEFAULT };

/* What a complete path does. Several settings may share a path ("no media address"). */
struct cli_action {
	cli_handler_fn handler;
	uint16_t flags;
	uint8_t verb;	/* enum cli_verb */
	uint8_t kind;	/* settings and objects: enum cfg_kind */
	uint8_t family; /* settings with a form for each IP version: 4 or 6, else 0 */
	const struct cfg_leaf *leaf;
	struct cli_action *next;
};

struct cli_node {
	enum cli_node_type type;
	char *text;		     /* the keyword, or what stands for the value in help */
	const char *help;	     /* up to the end of its first line */
	bool is_arg;		     /* its text is an argument of the handler */
	bool all_priv;		     /* every command below needs privileged mode */
	uint8_t ref;		     /* CLI_NAME */
	uint32_t lo, hi;	     /* CLI_INT */
	const struct cfg_leaf *leaf; /* arguments of settings: which one */
	struct cli_node **children;
	unsigned int n_children;
	bool shares_children; /* "do": the children belong to another tree */
	struct cli_action *action;
};

/* The ends of the paths that were built last; a further word goes behind each of them. */
#define CLI_TAILS_MAX 32
struct cli_tails {
	struct cli_node *node[CLI_TAILS_MAX];
	unsigned int n;
};

/* Building stops the process when memory is short: it happens once, at the start. */
struct cli_node *cli_tree_new(void);
void cli_tree_free(struct cli_node *root);
/* The child of that type and text, made when it is not there. */
struct cli_node *cli_tree_child(
	struct cli_node *node, enum cli_node_type type, const char *text, const char *help);
void cli_tree_action(struct cli_node *node, const struct cli_action *action);
/* After everything was built: sorts keywords and computes all_priv. */
void cli_tree_finish(struct cli_node *root);

/* Line number i of a help text (0 the first); empty when there is none. */
struct view cli_help_line(const char *help, unsigned int i);
