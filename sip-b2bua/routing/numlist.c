/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See numlist.h. */
#include "sip-b2bua/routing/numlist.h"

#include <errno.h>
#include <stdio.h>

#include "sip-b2bua/routing/route.h"

int numlist_read(struct numtrie_builder *builder, struct view text, char error[NUMLIST_ERROR_MAX])
{
	char why[ROUTE_REASON_MAX];
	uint32_t n_line = 0;
	int rc = 0;

	while (rc == 0 && text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		struct view line = view_trim((struct view){text.p, n});

		n_line++;
		text.p += n + (end != NULL);
		text.n -= n + (end != NULL);
		if (line.n == 0 || line.p[0] == '!')
			continue;
		rc = route_pattern_check(line, why);
		if (rc < 0) {
			snprintf(error, NUMLIST_ERROR_MAX, "line %u: %.120s", n_line, why);
			return rc;
		}
		rc = numtrie_add(builder, line, false);
	}
	if (rc == -ENOSPC)
		snprintf(error, NUMLIST_ERROR_MAX, "it has more than %u patterns", NUMTRIE_MAX);
	else if (rc < 0)
		snprintf(error, NUMLIST_ERROR_MAX, "memory is short");
	return rc;
}
