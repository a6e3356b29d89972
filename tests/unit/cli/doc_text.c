/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/cli/doc_text.h"

#include <string.h>

struct buf doc_faults;

void doc_fault(const struct doc_place *at, struct view text, const char *why)
{
	buf_printf(&doc_faults, "%s line %u: %.*s: %s\n", at->page, at->line, VIEW_ARG(text), why);
}

struct view doc_line_take(const char **rest)
{
	struct view line = {*rest, strcspn(*rest, "\n")};

	*rest += line.n + ((*rest)[line.n] == '\n');
	return line;
}

bool doc_starts(struct view text, const char *with)
{
	return strncmp(text.p, with, strlen(with)) == 0 && text.n >= strlen(with);
}

bool doc_span_take(const char **rest, struct doc_place *at, char *ret_text, size_t size)
{
	const char *from = strchr(*rest, '`'), *end = from ? strchr(from + 1, '`') : NULL;
	size_t n = 0;

	if (!end)
		return false;
	for (const char *p = *rest; p < from; p++)
		at->line += *p == '\n';
	for (const char *p = from + 1; p < end && n + 1 < size; p++) {
		at->line += *p == '\n';
		if (*p == '\\' && p[1] == '|')
			continue;
		if ((*p == '\n' || *p == ' ') && n && ret_text[n - 1] == ' ')
			continue;
		ret_text[n++] = *p == '\n' ? ' ' : *p;
	}
	ret_text[n] = 0;
	*rest = end + 1;
	return true;
}
