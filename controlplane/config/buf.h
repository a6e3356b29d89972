/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A text that grows: configuration files and the output of commands are printed into it. Once an
 * allocation failed everything further is ignored and `failed` stays set, so that a printer needs
 * one check at its end. Not thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *p; /* NUL-terminated unless NULL */
	size_t n, cap;
	bool failed;
};

void buf_add(struct buf *buf, const char *text, size_t n);
void buf_puts(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_fill(struct buf *buf, char c, size_t n);
/* Hands the text to the caller, who frees it; NULL when memory ran out. The buffer is empty then. */
char *buf_take(struct buf *buf, size_t *ret_len);
void buf_free(struct buf *buf);
