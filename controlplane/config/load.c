/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See load.h. */
#include "controlplane/config/load.h"

#include <errno.h>
#include <stdio.h>

static const char *type_wanted(const struct cfg_leaf *leaf)
{
	return leaf->type == CFG_T_BOOL	 ? "true or false"
	       : leaf->type == CFG_T_U32 ? "a number without quotes"
					 : "text in quotes";
}

/* The scalar in the text form of values. */
static int to_text(const struct cfg_leaf *leaf, const struct load_scalar *scalar, char *number,
	size_t number_size, struct view *ret, char *error)
{
	bool fits = scalar->type == (leaf->type == CFG_T_BOOL	      ? LOAD_BOOL
					    : leaf->type == CFG_T_U32 ? LOAD_INT
								      : LOAD_STRING);

	if (!fits) {
		snprintf(error, CFG_ERROR_MAX, "must be %s", type_wanted(leaf));
		return -EINVAL;
	}
	if (scalar->type == LOAD_BOOL) {
		*ret = scalar->boolean ? VIEW("true") : VIEW("false");
	} else if (scalar->type == LOAD_INT) {
		snprintf(number, number_size, "%lld", scalar->number);
		*ret = view_of(number);
	} else {
		*ret = scalar->string;
	}
	return 0;
}

int load_leaf(const struct cfg_leaf *leaf, void *obj, const struct load_scalar *scalar,
	char error[CFG_ERROR_MAX])
{
	char number[32], why[CFG_ERROR_MAX] = "";
	struct view text;
	int rc = 0;

	if (leaf->bare && scalar->type == LOAD_BOOL && !scalar->boolean) {
		cfg_leaf_reset(leaf, obj);
		return 0;
	}
	if (leaf->bare && scalar->type == LOAD_BOOL)
		text = view_of(leaf->bare);
	else
		rc = to_text(leaf, scalar, number, sizeof(number), &text, error);
	if (rc < 0)
		return rc;
	rc = cfg_leaf_set(leaf, obj, text, why);
	if (rc < 0)
		snprintf(error, CFG_ERROR_MAX, "must be %.*s", CFG_ERROR_MAX - 16, why);
	return rc;
}

int load_key(enum cfg_kind kind, const struct load_scalar *scalar, char ret[CFG_VALUE_MAX],
	char error[CFG_ERROR_MAX])
{
	char number[32];
	struct view text;
	int rc = to_text(cfg_leaf_key(kind), scalar, number, sizeof(number), &text, error);

	if (rc < 0)
		return rc;
	rc = view_copy(text, ret, CFG_VALUE_MAX);
	if (rc < 0)
		snprintf(error, CFG_ERROR_MAX, "is too long");
	return rc;
}

enum cfg_kind load_kind(const char *name)
{
	for (unsigned int kind = 0; kind < CFG_N_KINDS; kind++) {
		if (cfg_objects[kind].name && strcmp(cfg_objects[kind].name, name) == 0)
			return (enum cfg_kind)kind;
	}
	return CFG_NO_KIND;
}
