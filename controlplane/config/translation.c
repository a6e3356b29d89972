/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See translation.h. */
#include "controlplane/config/translation.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

static int refuse(char *error, const char *what)
{
	snprintf(error, CFG_ERROR_MAX, "%s", what);
	return -EINVAL;
}

/* ---- regular expressions ---- */

struct writer {
	char *out;
	size_t n;
	unsigned int depth, groups;
	bool repeats[CFG_TRANSLATION_GROUPS + 1]; /* by depth: something in this group repeats */
	bool item;	   /* something stands before that could be repeated */
	bool repeated;	   /* a repetition stands before */
	bool item_repeats; /* and it is a group in which something repeats */
};

static void put(struct writer *w, const char *text)
{
	while (*text && w->n + 1 < CFG_TRANSLATION_PCRE_MAX)
		w->out[w->n++] = *text++;
	w->out[w->n] = '\0';
}

static void put_char(struct writer *w, char c)
{
	char text[3] = {'\\', c, 0};

	put(w, isalnum((unsigned char)c) ? text + 1 : text);
}

static void put_item(struct writer *w, char c)
{
	put_char(w, c);
	w->item = true;
	w->item_repeats = w->repeated = false;
}

static int put_repeat(struct writer *w, char c, char *error)
{
	char text[2] = {c, 0};

	if (!w->item && !w->repeated && c == '+') {
		put_item(w, c);
		return 0;
	}
	if (!w->item)
		return refuse(error, "something that '*' or '?' can repeat must stand before it");
	if (w->item_repeats)
		return refuse(error, "a group in which something repeats must not be repeated");
	put(w, text);
	w->item = false;
	w->repeated = w->repeats[w->depth] = true;
	return 0;
}

/* "[0-9]" from its bracket on; *p is behind it afterwards. */
static int put_class(struct writer *w, const char **p, char *error)
{
	const char *at = *p + 1;
	int last = -1; /* a character that a range may begin with */

	put(w, "[");
	if (*at == '^') {
		put(w, "^");
		at++;
	}
	if (*at == ']')
		return refuse(error, "a class in brackets must not be empty");
	for (; *at != ']'; at++) {
		if (*at == '\0')
			return refuse(error, "']' is missing");
		if (*at == '[' || *at == '\\')
			return refuse(error, "a class in brackets lists characters and ranges");
		if (*at == '-' && last >= 0 && at[1] != ']' && at[1] != '\0') {
			if (at[1] < last || at[1] == '[' || at[1] == '\\')
				return refuse(error, "a range in brackets goes upwards");
			put(w, "-");
			put_char(w, *++at);
			last = -1;
			continue;
		}
		put_char(w, *at);
		last = *at;
	}
	put(w, "]");
	*p = at + 1;
	w->item = true;
	w->item_repeats = w->repeated = false;
	return 0;
}

static int put_open(struct writer *w, char *error)
{
	if (w->groups == CFG_TRANSLATION_GROUPS)
		return refuse(error, "there may be nine groups");
	put(w, "(");
	w->groups++;
	w->repeats[++w->depth] = false;
	w->item = w->repeated = false;
	return 0;
}

static int put_close(struct writer *w, char *error)
{
	bool repeats = w->repeats[w->depth];

	if (w->depth == 0)
		return refuse(error, "a '\\)' without its '\\('");
	put(w, ")");
	w->depth--;
	w->repeats[w->depth] |= repeats;
	w->item = true;
	w->repeated = false;
	w->item_repeats = repeats;
	return 0;
}

static int put_escaped(struct writer *w, char c, char *error)
{
	if (c == '(')
		return put_open(w, error);
	if (c == ')')
		return put_close(w, error);
	if (c == '\0' || isalnum((unsigned char)c))
		return refuse(error,
			"a backslash stands before '(', ')' or a character that is to stand for "
			"itself");
	put_item(w, c);
	return 0;
}

int cfg_translation_regex(const char *match, char ret_pcre[CFG_TRANSLATION_PCRE_MAX],
	unsigned int *ret_groups, char error[CFG_ERROR_MAX])
{
	struct writer w = {.out = ret_pcre};
	int rc = 0;

	ret_pcre[0] = '\0';
	for (const char *p = match; rc == 0 && *p;) {
		if (*p == '[') {
			rc = put_class(&w, &p, error);
			continue;
		}
		if (*p == '\\') {
			rc = put_escaped(&w, *++p, error);
		} else if (*p == '^' || *p == '$') {
			if (*p == '^' ? p != match : p[1] != '\0')
				rc = refuse(error,
					"'^' stands only at the beginning, '$' only at the end");
			put(&w, *p == '^' ? "^" : "$");
			w.item = w.repeated = false;
		} else if (*p == '*' || *p == '+' || *p == '?') {
			rc = put_repeat(&w, *p, error);
		} else if (*p == '.') {
			put(&w, ".");
			w.item = true;
			w.item_repeats = w.repeated = false;
		} else {
			put_item(&w, *p);
		}
		p++;
	}
	if (rc == 0 && w.depth > 0)
		rc = refuse(error, "a '\\(' without its '\\)'");
	if (rc == 0 && w.n + 1 == CFG_TRANSLATION_PCRE_MAX)
		rc = refuse(error, "the expression is too long");
	if (rc == 0)
		*ret_groups = w.groups;
	return rc;
}

static int check_replacement(const char *replace, unsigned int groups, char *error)
{
	for (const char *p = replace; *p; p++) {
		if (*p != '\\')
			continue;
		p++;
		if (*p >= '0' && *p <= '9' && (unsigned int)(*p - '0') > groups) {
			snprintf(
				error, CFG_ERROR_MAX, "\\%c is a group that the match has not", *p);
			return -EINVAL;
		}
		if (*p == '\0' || isalpha((unsigned char)*p))
			return refuse(error,
				"a backslash in the replacement stands before a digit or a "
				"character that is to stand for itself");
	}
	return 0;
}

/* ---- lines ---- */

static void skip_blanks(struct view *rest)
{
	while (rest->n && *rest->p == ' ') {
		rest->p++;
		rest->n--;
	}
}

static struct view take_word(struct view *rest)
{
	struct view word;

	skip_blanks(rest);
	word = (struct view){rest->p, 0};
	while (word.n < rest->n && word.p[word.n] != ' ')
		word.n++;
	rest->p += word.n;
	rest->n -= word.n;
	return word;
}

/* "/TEXT/": what stands between, with "\/" as it is. */
static int take_slashes(struct view *rest, char *dst, size_t size, char *error)
{
	size_t n = 1;

	skip_blanks(rest);
	if (rest->n == 0 || *rest->p != '/')
		return refuse(error, "RANK /MATCH/ /REPLACEMENT/ or RANK reject /MATCH/");
	while (n < rest->n && rest->p[n] != '/')
		n += rest->p[n] == '\\' ? 2 : 1;
	if (n >= rest->n)
		return refuse(error, "the '/' behind it is missing");
	for (size_t i = 1; i < n; i++) {
		if (rest->p[i] < ' ' || rest->p[i] > '~')
			return refuse(error, "a rule is plain ASCII text");
	}
	if (view_copy((struct view){rest->p + 1, n - 1}, dst, size) < 0) {
		snprintf(error, CFG_ERROR_MAX, "at most %zu characters stand between two '/'",
			size - 1);
		return -EINVAL;
	}
	rest->p += n + 1;
	rest->n -= n + 1;
	return 0;
}

static int take_rank(struct view *rest, uint32_t max, uint32_t *ret, char *error)
{
	uint64_t rank;

	if (view_to_u64(take_word(rest), max, &rank) < 0 || rank == 0) {
		snprintf(error, CFG_ERROR_MAX, "a rank from 1 to %u comes first", max);
		return -EINVAL;
	}
	*ret = (uint32_t)rank;
	return 0;
}

int cfg_translation_parse(
	uint32_t max, struct view text, struct cfg_translation *ret, char error[CFG_ERROR_MAX])
{
	char pcre[CFG_TRANSLATION_PCRE_MAX];
	struct cfg_translation rule;
	struct view rest = text, look;
	unsigned int groups;
	int rc;

	memset(&rule, 0, sizeof(rule)); /* compared as memory */
	rc = take_rank(&rest, max, &rule.rank, error);
	if (rc < 0)
		return rc;
	look = rest;
	if (view_eq(take_word(&look), VIEW("reject"))) {
		rule.reject = true;
		rest = look;
	}
	rc = take_slashes(&rest, rule.match, sizeof(rule.match), error);
	if (rc == 0 && !rule.reject)
		rc = take_slashes(&rest, rule.replace, sizeof(rule.replace), error);
	skip_blanks(&rest);
	if (rc == 0 && rest.n)
		rc = refuse(error, "nothing may follow the last '/'");
	if (rc == 0)
		rc = cfg_translation_regex(rule.match, pcre, &groups, error);
	if (rc == 0)
		rc = check_replacement(rule.replace, groups, error);
	if (rc == 0)
		*ret = rule;
	return rc;
}

char *cfg_translation_print(const struct cfg_translation *rule, char buf[CFG_VALUE_MAX])
{
	if (rule->reject)
		snprintf(buf, CFG_VALUE_MAX, "%u reject /%s/", rule->rank, rule->match);
	else
		snprintf(
			buf, CFG_VALUE_MAX, "%u /%s/ /%s/", rule->rank, rule->match, rule->replace);
	return buf;
}

int cfg_translation_find(uint32_t max, const struct cfg_translation *rules, unsigned int n,
	struct view text, char error[CFG_ERROR_MAX])
{
	struct cfg_translation rule = {0};
	struct view rest = text;
	int rc = take_rank(&rest, max, &rule.rank, error);
	bool alone;

	skip_blanks(&rest);
	alone = rest.n == 0;
	if (rc == 0 && !alone)
		rc = cfg_translation_parse(max, text, &rule, error);
	if (rc < 0)
		return rc;
	for (unsigned int i = 0; i < n; i++) {
		if (alone ? rules[i].rank == rule.rank
			  : memcmp(&rules[i], &rule, sizeof(rule)) == 0)
			return (int)i;
	}
	snprintf(error, CFG_ERROR_MAX, "there is no such rule");
	return -ENOENT;
}
