/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Three-way merge by object and setting, for a candidate that was made from an older running
 * configuration. What only one side changed is taken; what both changed in the same way is taken
 * once; the rest are conflicts.
 */
#include "controlplane/config/schema.h"

#include <errno.h>
#include <stdio.h>

static void *same_key(const struct cfg *cfg, enum cfg_kind kind, const void *obj)
{
	const struct cfg_leaf *key = cfg_leaf_key(kind);
	char text[CFG_VALUE_MAX] = "";

	if (key)
		cfg_value_print(key, cfg_leaf_at(key, obj, 0), text);
	return cfg_object_find(cfg, kind, view_of(text));
}

static bool objects_equal(enum cfg_kind kind, const void *a, const void *b)
{
	const struct cfg_leaf *leaf, *end;

	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++) {
		if (!cfg_leaf_equal(leaf, a, b))
			return false;
	}
	return true;
}

static void conflict(struct buf *conflicts, enum cfg_kind kind, const void *obj, const char *what)
{
	char title[CFG_VALUE_MAX + 32];

	buf_printf(conflicts, "%s: %s\n", cfg_object_title(kind, obj, title), what);
}

/* base NULL: the object is new on both sides, so its settings are compared with the defaults. */
static void merge_leaves(
	enum cfg_kind kind, const void *base, const void *mine, void *result, struct buf *conflicts)
{
	const struct cfg_leaf *leaf, *end;
	char what[CFG_ERROR_MAX];

	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++) {
		bool mine_same = base ? cfg_leaf_equal(leaf, base, mine)
				      : cfg_leaf_is_default(leaf, mine);
		bool theirs_same = base ? cfg_leaf_equal(leaf, base, result)
					: cfg_leaf_is_default(leaf, result);
		if ((leaf->flags & CFG_F_KEY) || mine_same || cfg_leaf_equal(leaf, mine, result))
			continue;
		if (theirs_same) {
			cfg_leaf_copy(leaf, result, mine);
			continue;
		}
		snprintf(what, sizeof(what), "%s was changed on both sides", leaf->name);
		conflict(conflicts, kind, mine, what);
	}
}

static int add_copy(struct cfg *result, enum cfg_kind kind, const void *mine)
{
	const struct cfg_leaf *key = cfg_leaf_key(kind), *leaf, *end;
	char text[CFG_VALUE_MAX], error[CFG_ERROR_MAX];
	void *obj;
	int rc;

	cfg_value_print(key, cfg_leaf_at(key, mine, 0), text);
	rc = cfg_object_add(result, kind, view_of(text), &obj, error);
	for (cfg_leaves_of(kind, &leaf, &end); rc == 0 && leaf < end; leaf++)
		cfg_leaf_copy(leaf, obj, mine);
	return rc;
}

static int merge_mine(const struct cfg *base, enum cfg_kind kind, const void *mine,
	struct cfg *result, struct buf *conflicts)
{
	const void *old = same_key(base, kind, mine);
	void *theirs = same_key(result, kind, mine);

	if (theirs) {
		merge_leaves(kind, old, mine, theirs, conflicts);
		return 0;
	}
	if (!old)
		return add_copy(result, kind, mine);
	if (!objects_equal(kind, old, mine))
		conflict(conflicts, kind, mine, "was changed here and removed there");
	return 0;
}

/* An object of base that mine does not have any more. */
static void merge_removed(const struct cfg *base, enum cfg_kind kind, const void *old,
	struct cfg *result, struct buf *conflicts)
{
	const struct cfg_leaf *key = cfg_leaf_key(kind);
	void *theirs = same_key(result, kind, old);
	char text[CFG_VALUE_MAX];

	if (!theirs)
		return;
	if (!objects_equal(kind, old, theirs)) {
		conflict(conflicts, kind, old, "was removed here and changed there");
		return;
	}
	cfg_value_print(key, cfg_leaf_at(key, old, 0), text);
	if (cfg_object_del(result, kind, view_of(text)) < 0)
		conflict(conflicts, kind, old, "cannot be removed");
}

int cfg_merge(const struct cfg *base, const struct cfg *mine, const struct cfg *theirs,
	struct cfg **ret_cfg, struct buf *conflicts)
{
	struct cfg *result = cfg_clone(theirs);
	int rc = 0;

	if (!result)
		return -ENOMEM;
	for (unsigned int kind = 0; rc == 0 && kind < CFG_N_KINDS; kind++) {
		for (unsigned int i = 0; rc == 0 && i < cfg_object_count(mine, kind); i++)
			rc = merge_mine(
				base, kind, cfg_object_at(mine, kind, i), result, conflicts);
		for (unsigned int i = 0; rc == 0 && i < cfg_object_count(base, kind); i++) {
			const void *old = cfg_object_at(base, kind, i);
			if (!same_key(mine, kind, old))
				merge_removed(base, kind, old, result, conflicts);
		}
	}
	if (rc == 0 && conflicts->failed)
		rc = -ENOMEM;
	if (rc == 0 && conflicts->n)
		rc = -ECANCELED;
	if (rc < 0)
		cfg_free(result);
	else
		*ret_cfg = result;
	return rc;
}
