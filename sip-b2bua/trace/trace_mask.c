/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What nobody may read in a trace, overwritten with as many 'x': answers to challenges (RFC 7616
 * 3.4.1), SRTP keys (RFC 4568 9.1, RFC 4567), passwords of ICE, and digits that a user dialled within
 * the call (RFC 6086, KPML). Works line by line on any octets; see trace.h.
 */
#include <strings.h>

#include "sip-b2bua/trace/trace.h"

struct line {
	char *p;
	size_t n; /* without CR and LF */
};

static void blank(char *p, size_t n)
{
	memset(p, 'x', n);
}

static bool next_line(char **pos, const char *end, struct line *ret)
{
	char *p = *pos, *stop;

	if (p >= end)
		return false;
	stop = memchr(p, '\n', (size_t)(end - p));
	*ret = (struct line){p, (size_t)((stop ? stop : end) - p)};
	*pos = stop ? stop + 1 : p + ret->n;
	if (ret->n > 0 && p[ret->n - 1] == '\r')
		ret->n--;
	return true;
}

static bool begins(const struct line *line, const char *word)
{
	size_t n = strlen(word);

	return line->n >= n && strncasecmp(line->p, word, n) == 0;
}

/* Where a word stands in the line, at or behind from; line->n: nowhere. */
static size_t find(const struct line *line, size_t from, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = from; i + n <= line->n; i++) {
		if (strncasecmp(line->p + i, word, n) == 0)
			return i;
	}
	return line->n;
}

/* The value that follows: in quotes, or up to a separator. */
static void blank_value(const struct line *line, size_t at)
{
	size_t end;

	while (at < line->n && (line->p[at] == ' ' || line->p[at] == '\t'))
		at++;
	if (at < line->n && (line->p[at] == '"' || line->p[at] == '\'')) {
		char quote = line->p[at++];

		for (end = at; end < line->n && line->p[end] != quote; end++)
			;
	} else {
		for (end = at; end < line->n && !strchr(" \t,;|", line->p[end]); end++)
			;
	}
	blank(line->p + at, end - at);
}

/* Each "name=" that begins a word: its value. */
static void blank_params(const struct line *line, const char *name)
{
	size_t at = 0, n = strlen(name);

	while ((at = find(line, at, name)) < line->n) {
		bool whole = at == 0 || strchr(" \t,\"", line->p[at - 1]);

		at += n;
		if (whole)
			blank_value(line, at);
	}
}

/* Credentials in Authorization and its like: of Digest what proves the password, else all. */
static void mask_credentials(const struct line *line, bool first, bool *digest)
{
	size_t at = first ? find(line, 0, ":") : 0;

	if (first) {
		size_t word = at + (at < line->n);

		while (word < line->n && (line->p[word] == ' ' || line->p[word] == '\t'))
			word++;
		*digest = word + 6 <= line->n && strncasecmp(line->p + word, "digest", 6) == 0;
		at = word;
		while (at < line->n && line->p[at] != ' ' && line->p[at] != '\t')
			at++;
	}
	if (!*digest) {
		blank(line->p + at, line->n - at);
		return;
	}
	blank_params(line, "response=");
	blank_params(line, "cnonce=");
	blank_params(line, "nonce=");
}

static void mask_body_line(const struct line *line, bool digits)
{
	size_t at;

	if (begins(line, "a=crypto:")) {
		for (at = 0; (at = find(line, at, "inline:")) < line->n;) {
			size_t end = at += 7;

			while (end < line->n && line->p[end] != ' ' && line->p[end] != '|')
				end++;
			blank(line->p + at, end - at);
		}
	} else if (begins(line, "a=key-mgmt:")) {
		at = find(line, 0, " ");
		blank(line->p + at, line->n - at);
	} else if (begins(line, "k=")) {
		blank(line->p + 2, line->n - 2);
	} else if (begins(line, "a=ice-pwd:")) {
		blank(line->p + 10, line->n - 10);
	} else if (begins(line, "signal")) {
		at = find(line, 0, "=");
		blank_value(line, at + (at < line->n));
	} else if (digits) {
		blank(line->p, line->n);
	}
	for (at = 0; (at = find(line, at, "digits=")) < line->n; at += 7)
		blank_value(line, at + 7);
}

void trace_mask(char *msg, size_t n)
{
	enum { PLAIN, CREDENTIALS } header = PLAIN;
	bool digest = false, digits = false;
	const char *end = msg + n;
	struct line line;

	while (next_line(&msg, end, &line) && line.n > 0) {
		bool folded = line.p[0] == ' ' || line.p[0] == '\t';

		if (!folded) {
			header = begins(&line, "authorization") ||
						 begins(&line, "proxy-authorization")
					 ? CREDENTIALS
					 : PLAIN;
			/* A body of nothing but digits; application/dtmf-relay names them. */
			if (begins(&line, "content-type") || begins(&line, "c:") ||
				begins(&line, "c "))
				digits = find(&line, 0, "application/dtmf") < line.n &&
					 find(&line, 0, "application/dtmf-relay") == line.n;
		}
		if (header == CREDENTIALS)
			mask_credentials(&line, !folded, &digest);
	}
	while (next_line(&msg, end, &line))
		mask_body_line(&line, digits);
}
