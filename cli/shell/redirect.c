/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See redirect.h. */
#include "cli/shell/redirect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char word[] = "redirect";

/* Only what shows something has filters; elsewhere a bar is text. */
static bool shows(const char *line, size_t len)
{
	size_t n = 0;

	while (len && *line == ' ') {
		line++;
		len--;
	}
	while (n < len && line[n] != ' ')
		n++;
	if (n == 2 && strncasecmp(line, "do", 2) == 0)
		return shows(line + n, len - n);
	return n >= 2 && n <= 4 && strncasecmp(line, "show", n) == 0;
}

/* The file of a last filter "| redirect FILE" (the word may be cut as every word); empty: none. */
static const char *file_of(const char *line, size_t len, size_t *ret_len)
{
	const char *bar = NULL, *p, *end = line + len;
	size_t n = 0;

	for (p = line; p + 3 <= end; p++) {
		if (memcmp(p, " | ", 3) == 0)
			bar = p + 3;
	}
	*ret_len = 0;
	if (!bar || !shows(line, len))
		return "";
	while (bar < end && *bar == ' ')
		bar++;
	while (bar + n < end && bar[n] != ' ')
		n++;
	if (n == 0 || n > sizeof(word) - 1 || strncasecmp(bar, word, n) != 0)
		return "";
	for (bar += n; bar < end && *bar == ' '; bar++)
		;
	while (end > bar && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*ret_len = (size_t)(end - bar);
	return bar;
}

/* Hidden files are settings of programs: those are not written, nor is what lies in such folders. */
static bool is_hidden(const char *name)
{
	for (const char *p = name; *p; p++) {
		bool begins = p == name || p[-1] == '/';

		if (begins && *p == '.' && p[1] != '/')
			return true;
	}
	return false;
}

int redirect_begin(struct redirect *r, const char *line, size_t len, char why[160])
{
	size_t n;
	const char *name = file_of(line, len, &n);

	*r = (struct redirect){0};
	if (n == 0)
		return 0;
	if (n >= sizeof(r->name)) {
		snprintf(why, 160, "the name of the file is too long");
		return -ENAMETOOLONG;
	}
	memcpy(r->name, name, n);
	if (is_hidden(r->name)) {
		snprintf(why, 160, "%.100s: hidden files are not written", r->name);
		return -EPERM;
	}
	r->memory = open_memstream(&r->text, &r->n);
	if (!r->memory) {
		snprintf(why, 160, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

void redirect_write(struct redirect *r, const char *text, size_t len)
{
	fwrite(text, 1, len, r->memory);
}

static int write_file(const struct redirect *r)
{
	int fd = open(r->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t done = 0;
	int rc = 0;

	if (fd < 0)
		return -errno;
	while (rc == 0 && done < r->n) {
		ssize_t n = write(fd, r->text + done, r->n - done);

		if (n < 0 && errno != EINTR)
			rc = -errno;
		else if (n > 0)
			done += (size_t)n;
	}
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

int redirect_end(struct redirect *r, bool ok, char why[160])
{
	int rc = 0;

	if (!r->memory)
		return 0;
	if (fclose(r->memory) != 0)
		rc = -ENOMEM;
	else if (ok)
		rc = write_file(r);
	else
		fwrite(r->text, 1, r->n, stdout);
	if (rc < 0)
		snprintf(why, 160, "%.100s: %s", r->name, strerror(-rc));
	free(r->text);
	*r = (struct redirect){0};
	return rc;
}
