/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of the memory of messages: any octets can be kept as a sent message and read again, and
 * masking them changes neither their length nor what is masked already. The input is cut at NULs into
 * messages, so that they share Call-IDs and push each other out.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip-b2bua/trace/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_mask(const char *bytes, size_t n)
{
	char *once = malloc(n + 1), *twice = malloc(n + 1);

	if (!once || !twice)
		abort();
	memcpy(once, bytes, n);
	trace_mask(once, n);
	memcpy(twice, once, n);
	trace_mask(twice, n);
	if (memcmp(once, twice, n) != 0)
		abort();
	free(once);
	free(twice);
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
