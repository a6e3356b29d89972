/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * "| redirect FILE" at the end of a line: limen-control checks the words, this program writes the file,
 * with the rights of its user. Output is kept until the line has ended well, so that an error leaves
 * neither half a file nor an old one without its content.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define REDIRECT_NAME_MAX 256

struct redirect {
	char name[REDIRECT_NAME_MAX]; /* empty: the line's output goes to the terminal */
	FILE *memory;
	char *text;
	size_t n;
};

/* Before a line: finds out where its output goes. 0, or a negative errno with a sentence in why. */
int redirect_begin(struct redirect *r, const char *line, size_t len, char why[160])
	__attribute__((warn_unused_result));
static inline bool redirect_active(const struct redirect *r)
{
	return r->memory != NULL;
}
void redirect_write(struct redirect *r, const char *text, size_t len);
/*
 * After it: ok writes the file (mode 0600), else the text goes to standard output. 0, or a negative errno
 * with a sentence in why.
 */
int redirect_end(struct redirect *r, bool ok, char why[160]) __attribute__((warn_unused_result));
