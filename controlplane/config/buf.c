/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The growing text of buf.h. */
#include "controlplane/config/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct buf *buf, size_t n)
{
	size_t cap = buf->cap ? buf->cap : 256;
	char *p;

	if (buf->failed)
		return false;
	while (cap - buf->n <= n)
		cap *= 2;
	if (cap == buf->cap)
		return true;
	p = realloc(buf->p, cap);
	if (!p) {
		buf->failed = true;
		return false;
	}
	buf->p = p;
	buf->cap = cap;
	return true;
}

void buf_add(struct buf *buf, const char *text, size_t n)
{
	if (!reserve(buf, n))
		return;
	if (n)
		memcpy(buf->p + buf->n, text, n);
	buf->n += n;
	buf->p[buf->n] = 0;
}

void buf_puts(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	if (!reserve(buf, 1))
		return;
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(buf->p + buf->n, buf->cap - buf->n, fmt, ap);
	va_end(ap);
	if (n < 0) {
		buf->failed = true;
	} else if ((size_t)n < buf->cap - buf->n) {
		buf->n += (size_t)n;
	} else if (reserve(buf, (size_t)n + 1)) {
		vsnprintf(buf->p + buf->n, buf->cap - buf->n, fmt, again);
		buf->n += (size_t)n;
	}
	va_end(again);
}

void buf_fill(struct buf *buf, char c, size_t n)
{
	if (!reserve(buf, n))
		return;
	memset(buf->p + buf->n, c, n);
	buf->n += n;
	buf->p[buf->n] = 0;
}

char *buf_take(struct buf *buf, size_t *ret_len)
{
	char *p;

	if (!buf->p && !buf->failed)
		buf_add(buf, "", 0);
	if (buf->failed) {
		buf_free(buf);
		return NULL;
	}
	p = buf->p;
	if (ret_len)
		*ret_len = buf->n;
	*buf = (struct buf){0};
	return p;
}

void buf_free(struct buf *buf)
{
	free(buf->p);
	*buf = (struct buf){0};
}
