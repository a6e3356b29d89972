/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of the memory of messages: any octets can be kept as a sent message and read again, and
 * masking them covers octets and does nothing else. The input is cut at NULs into messages, so that
 * they share Call-IDs and push each other out.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip-b2bua/trace/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An octet is left as it is, or it is covered; ends of lines stay. */
static void check_mask(const char *bytes, size_t n)
{
	char *masked = malloc(n + 1);

	if (!masked)
		abort();
	memcpy(masked, bytes, n);
	trace_mask(masked, n);
	for (size_t i = 0; i < n; i++)
		if (masked[i] != bytes[i] && (masked[i] != 'x' || bytes[i] == '\n'))
			abort();
	free(masked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace *t = trace_new();
	struct trace_msg msgs[8];
	struct trace_stats stats;
	const char *p = (const char *)data, *end = p + size;
	uint64_t us = 0;

	if (!t || trace_limit(t, TRACE_LIMIT_MIN) < 0)
		abort();
	trace_name(t, VIEW("a"), 1, TRACE_LEG_A);
	while (p < end) {
		const char *stop = memchr(p, '\0', (size_t)(end - p));
		size_t n = (size_t)((stop ? stop : end) - p);
		struct trace_msg msg = {.wall_us = ++us, .sent = 1, .bytes = {p, n}};

		check_mask(p, n);
		trace_put_sent(t, &msg);
		trace_name(t, VIEW("a"), 1, TRACE_LEG_A);
		trace_name(t, VIEW("b"), 1, TRACE_LEG_B);
		p += n + 1;
	}
	trace_failed(t, 1);
	(void)trace_read(t, 1, msgs, 8);
	trace_stats(t, &stats);
	if (stats.n_calls > stats.n_now)
		abort();
	trace_free(t);
	return 0;
}
