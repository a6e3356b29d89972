/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See pager.h. */
#include "cli/shell/pager.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PROMPT " --More-- "

void pager_begin(struct pager *pager, unsigned int lines, unsigned int width)
{
	*pager = (struct pager){
		.paging = lines > 1 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
		.lines = lines,
		.width = width};
}

static char read_key(void)
{
	char key;
	ssize_t n;

	do
		n = read(STDIN_FILENO, &key, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? key : 'q';
}

static void wait_for_key(struct pager *pager)
{
	for (;;) {
		switch (read_key()) {
		case ' ':
		case 'f':
			pager->row = 0;
			return;
		case '\r':
		case '\n':
		case 'j':
			pager->row = pager->lines - 2;
			return;
		case 'q':
		case 'Q':
		case 3:	 /* Ctrl-C */
		case 26: /* Ctrl-Z */
			pager->quit = true;
			return;
		default:
			break;
		}
	}
}

/* Keys come one by one, without echo, from before the prompt is seen. */
static void page_end(struct pager *pager)
{
	struct termios saved, raw;

	fflush(stdout);
	if (tcgetattr(STDIN_FILENO, &saved) < 0) {
		pager->quit = true;
		return;
	}
	raw = saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	fputs(PROMPT, stdout);
	fflush(stdout);
	wait_for_key(pager);
	fputs("\r          \r", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
}

static bool starts_char(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* Rows the text takes until the end of this line, and what is behind it. */
static const char *next_line(struct pager *pager, const char *p, const char *end, bool *ret_row)
{
	*ret_row = false;
	while (p < end && *p != '\n') {
		if (starts_char(*p))
			pager->column++;
		p++;
		if (pager->width && pager->column > pager->width) {
			/* The terminal wraps here. */
			pager->column = 1;
			*ret_row = true;
			return p;
		}
	}
	if (p < end) {
		p++;
		pager->column = 0;
		*ret_row = true;
	}
	return p;
}

void pager_write(struct pager *pager, const char *text, size_t len)
{
	const char *end = text + len;

	if (!pager->paging) {
		fwrite(text, 1, len, stdout);
		return;
	}
	while (text < end && !pager->quit) {
		bool row;
		const char *next;
		if (pager->row + 1 >= pager->lines)
			page_end(pager);
		if (pager->quit)
			break;
		next = next_line(pager, text, end, &row);
		fwrite(text, 1, (size_t)(next - text), stdout);
		pager->row += row;
		text = next;
	}
}
