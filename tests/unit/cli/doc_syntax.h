/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands as the pages of docs/ write them, `sip listen udp|tcp ADDRESS [PORT]`, looked up in the grammar: every
 * alternative and every optional part must be there.
 *
 * Words of small letters, digits and hyphens are typed as they stand; any other word is a value. a|b are two
 * words for one place; [a b|c] may be left out. What is behind ... or a pipe is not looked at.
 */
#pragma once

#include "cli/grammar/tree.h"

/* Nodes of the grammar that a syntax has led to. */
#define DOC_PLACES_MAX 64
struct doc_places {
	const struct cli_node *node[DOC_PLACES_MAX];
	unsigned int n;
};

/* Where a syntax leads from some places; n is 0: nowhere. */
struct doc_places doc_syntax_walk(const struct doc_places *from, struct view syntax);
/* Can a command end at one of the places? Its action; NULL: none. */
const struct cli_action *doc_places_action(const struct doc_places *places);
