/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Building and freeing the trees of tree.h. */
#include "cli/grammar/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "out of memory while the grammar is built\n");
		abort();
	}
	return p;
}

struct cli_node *cli_tree_new(void)
{
	return must(calloc(1, sizeof(struct cli_node)));
}

void cli_tree_free(struct cli_node *root)
{
	if (!root)
		return;
	for (unsigned int i = 0; !root->shares_children && i < root->n_children; i++)
		cli_tree_free(root->children[i]);
	if (!root->shares_children)
		free(root->children);
	while (root->action) {
		struct cli_action *next = root->action->next;
		free(root->action);
		root->action = next;
	}
	free(root->text);
	free(root);
}

struct cli_node *cli_tree_child(
	struct cli_node *node, enum cli_node_type type, const char *text, const char *help)
{
	struct cli_node *child;

	for (unsigned int i = 0; i < node->n_children; i++) {
		child = node->children[i];
		if (child->type == type && strcmp(child->text, text) == 0) {
			if (!child->help)
				child->help = help;
			return child;
		}
	}
	child = cli_tree_new();
	child->type = type;
	child->text = must(strdup(text));
	child->help = help;
	child->is_arg = type != CLI_KEYWORD;
	child->ref = CFG_NO_KIND;
	node->children = must(
		realloc(node->children, (node->n_children + 1) * sizeof(*node->children)));
	node->children[node->n_children++] = child;
	return child;
}

void cli_tree_action(struct cli_node *node, const struct cli_action *action)
{
	struct cli_action **link = &node->action;

	while (*link)
		link = &(*link)->next;
	*link = must(malloc(sizeof(**link)));
	**link = *action;
	(*link)->next = NULL;
}

static int by_type_and_text(const void *a, const void *b)
{
	const struct cli_node *x = *(struct cli_node *const *)a, *y = *(struct cli_node *const *)b;

	if (x->type != y->type)
		return (int)x->type - (int)y->type;
	return strcmp(x->text, y->text);
}

void cli_tree_finish(struct cli_node *root)
{
	root->all_priv = !root->action || (root->action->flags & CLI_PRIV);
	if (root->shares_children)
		return;
	if (root->n_children)
		qsort(root->children, root->n_children, sizeof(*root->children), by_type_and_text);
	for (unsigned int i = 0; i < root->n_children; i++) {
		cli_tree_finish(root->children[i]);
		root->all_priv &= root->children[i]->all_priv;
	}
}

struct view cli_help_line(const char *help, unsigned int i)
{
	while (help && i--) {
		help = strchr(help, '\n');
		if (help)
			help++;
	}
	return help ? (struct view){help, strcspn(help, "\n")} : (struct view){"", 0};
}
