/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration as lines of the CLI: show running-config and differences. What is printed can
 * be pasted back: objects come in the order of their references, one space of indentation inside
 * an object, a '!' between objects.
 */
#include "controlplane/config/schema.h"

#include <stdio.h>
#include <stdlib.h>

/* Adds the syntax with the value in place of '$' or at the end; the form behind '|' for IPv6. */
static void print_words(const char *syntax, bool ipv6, const char *value, struct buf *out)
{
	const char *bar = strchr(syntax, '|'), *end, *dollar;

	end = bar ? bar : syntax + strlen(syntax);
	if (bar && ipv6) {
		syntax = bar + 1;
		end = syntax + strlen(syntax);
	}
	dollar = memchr(syntax, '$', (size_t)(end - syntax));
	if (!dollar) {
		buf_add(out, syntax, (size_t)(end - syntax));
		if (value && *value)
			buf_printf(out, "%s%s", end > syntax ? " " : "", value);
		return;
	}
	buf_add(out, syntax, (size_t)(dollar - syntax));
	buf_puts(out, value ? value : "");
	buf_add(out, dollar + 1, (size_t)(end - dollar - 1));
}

/* The words without the place of the value, for a "no" line. */
static void print_no(const char *syntax, struct buf *out)
{
	const char *dollar = strchr(syntax, '$');

	buf_puts(out, "no ");
	if (dollar) {
		buf_add(out, syntax, (size_t)(dollar - syntax));
		buf_puts(out, dollar[1] == ' ' ? dollar + 2 : dollar + 1);
	} else {
		buf_add(out, syntax, strcspn(syntax, "|"));
	}
}

static bool is_ipv6(const struct cfg_leaf *leaf, const void *value)
{
	return (leaf->type == CFG_T_PREFIX || leaf->type == CFG_T_NET) &&
	       ((const struct cfg_prefix *)value)->addr.family == 6;
}

static void print_value_line(
	const struct cfg_leaf *leaf, const void *value, bool mask, struct buf *out)
{
	char text[CFG_VALUE_MAX];

	if (leaf->type == CFG_T_BOOL) {
		buf_puts(out, leaf->syntax);
		return;
	}
	cfg_value_print(leaf, value, text);
	print_words(leaf->syntax, is_ipv6(leaf, value),
		mask && (leaf->flags & CFG_F_SECRET) ? CFG_MASK : text, out);
}

/* The lines of one setting, each with prefix in front. Nothing when it has its default. */
static void print_leaf(const struct cfg_leaf *leaf, const void *obj, const char *prefix, bool mask,
	struct buf *out)
{
	unsigned int n = (leaf->flags & CFG_F_LIST) ? cfg_leaf_count(leaf, obj) : 1;

	if (cfg_leaf_is_default(leaf, obj))
		return;
	if (!cfg_leaf_is_set(leaf, obj)) {
		buf_puts(out, prefix);
		print_no(leaf->syntax, out);
		buf_puts(out, "\n");
		return;
	}
	for (unsigned int i = 0; i < n; i++) {
		buf_puts(out, prefix);
		print_value_line(leaf, cfg_leaf_at(leaf, obj, i), mask, out);
		buf_puts(out, "\n");
	}
}

/* The line that opens an object, without a newline. For one-line objects: the whole line. */
static void print_header(enum cfg_kind kind, const void *obj, bool mask, struct buf *out)
{
	const struct cfg_leaf *key = cfg_leaf_key(kind), *leaf, *end;
	char text[CFG_VALUE_MAX] = "";

	if (key)
		cfg_value_print(key, cfg_leaf_at(key, obj, 0), text);
	print_words(
		cfg_objects[kind].syntax, key && is_ipv6(key, cfg_leaf_at(key, obj, 0)), text, out);
	if (!cfg_objects[kind].one_line)
		return;
	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++) {
		if ((leaf->flags & CFG_F_KEY) || !cfg_leaf_is_set(leaf, obj))
			continue;
		buf_puts(out, " ");
		print_value_line(leaf, cfg_leaf_at(leaf, obj, 0), mask, out);
	}
}

static void print_rows(const struct cfg_leaf *leaf, const struct cfg_leaf *end, const void *obj,
	const char *prefix, bool mask, struct buf *out)
{
	for (; leaf < end; leaf++) {
		if (!(leaf->flags & CFG_F_KEY))
			print_leaf(leaf, obj, prefix, mask, out);
	}
}

static void print_body(
	enum cfg_kind kind, const void *obj, const char *prefix, bool mask, struct buf *out)
{
	const struct cfg_leaf *first, *end;

	cfg_leaves_of(kind, &first, &end);
	print_rows(first, end, obj, prefix, mask, out);
}

void cfg_print_object(enum cfg_kind kind, const void *obj, bool mask, struct buf *out)
{
	if (!cfg_objects[kind].syntax) {
		print_body(kind, obj, "", mask, out);
		return;
	}
	print_header(kind, obj, mask, out);
	buf_puts(out, "\n");
	if (!cfg_objects[kind].one_line)
		print_body(kind, obj, " ", mask, out);
}

static bool all_default(enum cfg_kind kind, const void *obj)
{
	const struct cfg_leaf *leaf, *end;

	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++) {
		if (!cfg_leaf_is_default(leaf, obj))
			return false;
	}
	return true;
}

/* ---- objects that name others of their kind ---- */

enum family_state { FAMILY_NEW, FAMILY_PRINTED, FAMILY_IN_PART };

struct family {
	const struct cfg *cfg;
	enum cfg_kind kind;
	const struct cfg_leaf *name; /* the setting that names another one */
	uint8_t *state;		     /* enum family_state of each object */
};

static const struct cfg_leaf *family_name(enum cfg_kind kind)
{
	const struct cfg_leaf *leaf, *end;

	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++) {
		if (leaf->ref == kind)
			return leaf;
	}
	return NULL;
}

/* It names another one that is not printed yet. */
static bool family_waits(const struct family *f, const void *obj)
{
	const struct cfg_object *object = &cfg_objects[f->kind];
	unsigned int n = (f->name->flags & CFG_F_LIST) ? cfg_leaf_count(f->name, obj)
						       : cfg_leaf_is_set(f->name, obj);

	for (unsigned int i = 0; i < n; i++) {
		char text[CFG_VALUE_MAX];
		const char *all = cfg_object_at(f->cfg, f->kind, 0), *other;

		cfg_value_print(f->name, cfg_leaf_at(f->name, obj, i), text);
		other = cfg_object_find(f->cfg, f->kind, view_of(text));
		if (other && other != obj &&
			f->state[(size_t)(other - all) / object->size] == FAMILY_NEW)
			return true;
	}
	return false;
}

static void print_part(const struct family *f, const void *obj, const struct cfg_leaf *first,
	const struct cfg_leaf *end, bool mask, struct buf *out)
{
	print_header(f->kind, obj, mask, out);
	buf_puts(out, "\n");
	print_rows(first, end, obj, " ", mask, out);
	buf_puts(out, "!\n");
}

/*
 * What is named comes first. Of objects that name each other one is printed up to the name, and from there
 * on, as later lines may build on it, under a second header behind all others.
 */
static void print_family(const struct family *f, bool mask, struct buf *out)
{
	unsigned int n = cfg_object_count(f->cfg, f->kind), n_new = n;
	const struct cfg_leaf *first, *end;

	cfg_leaves_of(f->kind, &first, &end);
	while (n_new > 0) {
		unsigned int waits = n, before = n_new;

		for (unsigned int i = n; i-- > 0;)
			waits = f->state[i] == FAMILY_NEW ? i : waits;
		for (unsigned int i = waits; i < n; i++) {
			const void *obj = cfg_object_at(f->cfg, f->kind, i);

			if (f->state[i] != FAMILY_NEW || family_waits(f, obj))
				continue;
			print_part(f, obj, first, end, mask, out);
			f->state[i] = FAMILY_PRINTED;
			n_new--;
		}
		if (n_new == before) {
			print_part(f, cfg_object_at(f->cfg, f->kind, waits), first, f->name, mask,
				out);
			f->state[waits] = FAMILY_IN_PART;
			n_new--;
		}
	}
	for (unsigned int i = 0; i < n; i++) {
		if (f->state[i] == FAMILY_IN_PART)
			print_part(f, cfg_object_at(f->cfg, f->kind, i), f->name, end, mask, out);
	}
}

static void print_kind(const struct cfg *cfg, enum cfg_kind kind, bool mask, struct buf *out)
{
	struct family f = {.cfg = cfg, .kind = kind, .name = family_name(kind)};
	unsigned int n = cfg_object_count(cfg, kind);

	if (f.name && n > 1) {
		f.state = calloc(n, sizeof(*f.state));
		if (f.state)
			print_family(&f, mask, out);
		else
			out->failed = true;
		free(f.state);
		return;
	}
	for (unsigned int i = 0; i < n; i++) {
		cfg_print_object(kind, cfg_object_at(cfg, kind, i), mask, out);
		if (!cfg_objects[kind].one_line || i + 1 == n)
			buf_puts(out, "!\n");
	}
}

void cfg_print_cli(const struct cfg *cfg, bool mask, struct buf *out)
{
	buf_puts(out, "!\n");
	/* The host name is shown even when it is the default, as people expect. */
	if (cfg_leaf_is_default(cfg_leaf_find(CFG_SYSTEM, "hostname"), cfg))
		buf_printf(out, "hostname %s\n", cfg->hostname);
	for (unsigned int kind = 0; kind < CFG_N_KINDS; kind++) {
		if (kind == CFG_SYSTEM || !cfg_objects[kind].single || !all_default(kind, cfg))
			print_kind(cfg, kind, mask, out);
	}
	buf_puts(out, "end\n");
}

/* Values of the list in a that are not in b. */
static void diff_list(const struct cfg_leaf *leaf, const void *a, const void *b, const char *sign,
	bool indent, struct buf *out)
{
	for (unsigned int i = 0; i < cfg_leaf_count(leaf, a); i++) {
		const void *value = cfg_leaf_at(leaf, a, i);
		bool found = false;
		for (unsigned int j = 0; j < cfg_leaf_count(leaf, b); j++)
			found |= cfg_value_equal(leaf, value, cfg_leaf_at(leaf, b, j));
		if (found)
			continue;
		buf_printf(out, "%s%s", sign, indent ? " " : "");
		print_value_line(leaf, value, true, out);
		buf_puts(out, "\n");
	}
}

static void diff_leaf(
	const struct cfg_leaf *leaf, const void *a, const void *b, bool indent, struct buf *out)
{
	size_t before = out->n;

	if (cfg_leaf_equal(leaf, a, b))
		return;
	if (leaf->flags & CFG_F_LIST) {
		diff_list(leaf, a, b, "-", indent, out);
		diff_list(leaf, b, a, "+", indent, out);
		if (out->n != before)
			return;
		/* The same values in another order: the first one is the preferred one. */
	}
	print_leaf(leaf, a, indent ? "- " : "-", true, out);
	print_leaf(leaf, b, indent ? "+ " : "+", true, out);
}

/* Lines of an object that only one side has. */
static void diff_whole(enum cfg_kind kind, const void *obj, char sign, struct buf *out)
{
	struct buf lines = {0};

	cfg_print_object(kind, obj, true, &lines);
	for (char *p = lines.p, *next; p && *p; p = next) {
		next = p + strcspn(p, "\n");
		if (*next)
			next++;
		buf_add(out, &sign, 1);
		buf_add(out, p, (size_t)(next - p));
	}
	out->failed |= lines.failed;
	buf_free(&lines);
}

static void diff_both(enum cfg_kind kind, const void *a, const void *b, struct buf *out)
{
	const struct cfg_object *object = &cfg_objects[kind];
	const struct cfg_leaf *leaf, *end;
	struct buf body = {0};

	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++)
		diff_leaf(leaf, a, b, object->syntax != NULL, &body);
	if (body.n && object->one_line) {
		diff_whole(kind, a, '-', out);
		diff_whole(kind, b, '+', out);
	} else if (body.n) {
		if (object->syntax) {
			buf_puts(out, " ");
			print_header(kind, b, true, out);
			buf_puts(out, "\n");
		}
		buf_add(out, body.p, body.n);
	}
	out->failed |= body.failed;
	buf_free(&body);
}

void cfg_print_diff(const struct cfg *a, const struct cfg *b, struct buf *out)
{
	for (unsigned int kind = 0; kind < CFG_N_KINDS; kind++) {
		unsigned int i = 0, j = 0;
		while (i < cfg_object_count(a, kind) || j < cfg_object_count(b, kind)) {
			const void *x = i < cfg_object_count(a, kind) ? cfg_object_at(a, kind, i)
								      : NULL;
			const void *y = j < cfg_object_count(b, kind) ? cfg_object_at(b, kind, j)
								      : NULL;
			int c = !x ? 1 : !y ? -1 : cfg_object_compare(kind, x, y);
			if (c < 0)
				diff_whole(kind, x, '-', out);
			else if (c > 0)
				diff_whole(kind, y, '+', out);
			else
				diff_both(kind, x, y, out);
			i += c <= 0;
			j += c >= 0;
		}
	}
}
