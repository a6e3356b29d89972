/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Output a page at a time. libedit leaves the terminal cooked while a command runs, so the pager
 * sets raw mode itself for the one key it waits for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct pager {
	bool paging;	     /* a terminal is at both ends and pages are wanted */
	unsigned int lines;  /* of a page */
	unsigned int width;  /* of a line; 0: any */
	unsigned int row;    /* lines of this page so far */
	unsigned int column; /* in the line */
	bool quit;	     /* 'q' was pressed: the rest is not wanted */
};

/* Before the output of a line. lines 0: no paging. */
void pager_begin(struct pager *pager, unsigned int lines, unsigned int width);
/* Writes text to standard output; asks at the end of a page. */
void pager_write(struct pager *pager, const char *text, size_t len);
