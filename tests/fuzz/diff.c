/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See diff.h. */
#include "tests/fuzz/diff.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#define HOST                                                                                      \
	"([a-z]([a-z0-9-]*[a-z0-9])?|[a-z0-9]+(\\.[a-z0-9]+)*\\.[a-z]+|1?[0-9]\\.1?[0-9]\\.1?[0-" \
	"9]\\.1?[0-9])"
#define PORT  "(:[1-9][0-9]{0,3})?"
#define PARAM "(;[a-z][a-z-]*(=[A-Za-z0-9._~-]+)?)?" /* one: the same twice is none */
#define URI   "sips?:([A-Za-z0-9._+*-]+(:[A-Za-z0-9]*)?@)?" HOST PORT PARAM

static bool matches(const char *pattern, regex_t *re, struct view v)
{
	char text[1024];

	if (!re->re_nsub && regcomp(re, pattern, REG_EXTENDED) != 0)
		abort();
	if (v.n >= sizeof(text) || memchr(v.p, '\0', v.n))
		return false;
	memcpy(text, v.p, v.n);
	text[v.n] = '\0';
	return regexec(re, text, 0, NULL, 0) == 0;
}

bool diff_plain_uri(struct view v)
{
	static regex_t re;

	return matches("^" URI "$", &re, v);
}

bool diff_plain_addr(struct view v)
{
	static regex_t re;

	return matches("^((\"[A-Za-z0-9 ,;<>]*\" ?|([A-Za-z0-9.]+ )*)<" URI ">" PARAM
		       "|sips?:([A-Za-z0-9]+@)?" HOST PORT "(;tag=[a-z0-9]+)?)$",
		&re, v);
}

bool diff_plain_via(struct view v)
{
	static regex_t re;

	return matches("^SIP/2\\.0/(UDP|TCP|TLS) " HOST PORT PARAM "$", &re, v);
}

bool diff_ipv4_inside(struct view host)
{
	return host.n > 0 && memchr(host.p, ':', host.n) && memchr(host.p, '.', host.n);
}

void diff_refused(const char *why)
{
	fprintf(stderr, "refused by us, though plain and taken by the others: %s\n", why);
	abort();
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

struct view diff_uri_text(struct view v, char *buf, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n && n < size; i++) {
		if (v.p[i] == '%' && i + 2 < v.n && hex(v.p[i + 1]) >= 0 && hex(v.p[i + 2]) >= 0) {
			buf[n++] = (char)(hex(v.p[i + 1]) << 4 | hex(v.p[i + 2]));
			i += 2;
		} else {
			buf[n++] = v.p[i];
		}
	}
	return (struct view){buf, n};
}

struct view diff_quoted_text(struct view v, char *buf, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n && n < size; i++) {
		if (v.p[i] == '\\' && i + 1 < v.n)
			i++;
		buf[n++] = v.p[i];
	}
	return (struct view){buf, n};
}

static void found(
	const struct oracle *oracle, const char *what, struct view ours, struct view theirs)
{
	for (const struct diff_known *known = diff_known; known->is; known++) {
		if ((!known->oracle || known->oracle == oracle) &&
			(!known->what || strcmp(known->what, what) == 0) && known->is(ours, theirs))
			return;
	}
	fprintf(stderr, "%s differs: ours '%.*s', %s has '%.*s'\n", what, VIEW_ARG(ours),
		oracle->name, VIEW_ARG(theirs));
	abort();
}

void diff_text(const struct oracle *oracle, const char *what, struct view ours, struct view theirs)
{
	if (!view_eq(ours, theirs))
		found(oracle, what, ours, theirs);
}

void diff_nocase(
	const struct oracle *oracle, const char *what, struct view ours, struct view theirs)
{
	if (!view_eq_nocase(ours, theirs))
		found(oracle, what, ours, theirs);
}

void diff_number(
	const struct oracle *oracle, const char *what, unsigned long ours, unsigned long theirs)
{
	char a[24], b[24];

	if (ours == theirs)
		return;
	snprintf(a, sizeof(a), "%lu", ours);
	snprintf(b, sizeof(b), "%lu", theirs);
	found(oracle, what, view_of(a), view_of(b));
}
