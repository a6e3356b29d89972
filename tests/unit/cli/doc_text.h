/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the pages of docs/, and what is wrong with them. */
#pragma once

#include "controlplane/base/view.h"
#include "controlplane/config/buf.h"

struct doc_place {
	const char *page;
	unsigned int line;
};

/* All that is wrong, a line each, so that one run shows it. */
extern struct buf doc_faults;
void doc_fault(const struct doc_place *at, struct view text, const char *why);

/* A line without its end; *rest is moved behind it. */
struct view doc_line_take(const char **rest);
bool doc_starts(struct view text, const char *with);
/*
 * The next `span` of *rest, with single blanks and without the backslashes of a table; at is moved to its line, *rest
 * behind it. false: no more.
 */
bool doc_span_take(const char **rest, struct doc_place *at, char *ret_text, size_t size);
