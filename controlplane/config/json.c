/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON form: the same names and types as the start-up file, with all settings, defaults included,
 * so that a reader need not know them. Reading takes any subset.
 */
#include "controlplane/config/load.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *value_json(const struct cfg_leaf *leaf, const void *value, bool mask)
{
	char text[CFG_VALUE_MAX];

	if (leaf->type == CFG_T_BOOL)
		return json_boolean(*(const bool *)value);
	cfg_value_print(leaf, value, text);
	if (leaf->type == CFG_T_U32)
		return json_integer(atoll(text));
	return json_string(mask && (leaf->flags & CFG_F_SECRET) ? CFG_MASK : text);
}

static json_t *leaf_json(const struct cfg_leaf *leaf, const void *obj, bool mask)
{
	json_t *list;

	if (!(leaf->flags & CFG_F_LIST)) {
		/* No value at all, unlike 0 for "none" of a number. */
		if (!cfg_leaf_is_set(leaf, obj) && leaf->type != CFG_T_BOOL &&
			leaf->type != CFG_T_U32)
			return json_null();
		return value_json(leaf, cfg_leaf_at(leaf, obj, 0), mask);
	}
	list = json_array();
	for (unsigned int i = 0; i < cfg_leaf_count(leaf, obj); i++)
		json_array_append_new(list, value_json(leaf, cfg_leaf_at(leaf, obj, i), mask));
	return list;
}

static void object_json(enum cfg_kind kind, const void *obj, bool mask, json_t *into)
{
	const struct cfg_leaf *leaf, *end;

	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++)
		json_object_set_new(into, leaf->name, leaf_json(leaf, obj, mask));
}

json_t *cfg_to_json(const struct cfg *cfg, bool mask)
{
	json_t *root = json_object();

	json_object_set_new(root, "format", json_integer(CFG_FORMAT));
	for (unsigned int kind = 0; kind < CFG_N_KINDS; kind++) {
		const struct cfg_object *object = &cfg_objects[kind];
		json_t *child, *list;
		if (!object->name) {
			object_json(kind, cfg, mask, root);
		} else if (object->single) {
			child = json_object();
			object_json(kind, cfg, mask, child);
			json_object_set_new(root, object->name, child);
		} else {
			list = json_array();
			for (unsigned int i = 0; i < cfg_object_count(cfg, kind); i++) {
				child = json_object();
				object_json(kind, cfg_object_at(cfg, kind, i), mask, child);
				json_array_append_new(list, child);
			}
			json_object_set_new(root, object->name, list);
		}
	}
	return root;
}

static int refuse(char *error, const char *where, const char *name, const char *why)
{
	snprintf(error, CFG_ERROR_MAX, "%.40s%s%.40s: %.150s", where, *where ? "." : "", name, why);
	return -EINVAL;
}

static struct load_scalar scalar_of(const json_t *json)
{
	struct load_scalar scalar = {.type = LOAD_OTHER};

	if (json_is_boolean(json)) {
		scalar.type = LOAD_BOOL;
		scalar.boolean = json_is_true(json);
	} else if (json_is_integer(json)) {
		scalar.type = LOAD_INT;
		scalar.number = json_integer_value(json);
	} else if (json_is_string(json)) {
		scalar.type = LOAD_STRING;
		scalar.string = (struct view){json_string_value(json), json_string_length(json)};
	}
	return scalar;
}

static int read_leaf(const struct cfg_leaf *leaf, void *obj, const json_t *json, char *error)
{
	struct load_scalar scalar;

	if (json_is_null(json))
		return 0;
	if (!(leaf->flags & CFG_F_LIST)) {
		scalar = scalar_of(json);
		return load_leaf(leaf, obj, &scalar, error);
	}
	if (!json_is_array(json)) {
		snprintf(error, CFG_ERROR_MAX, "must be an array");
		return -EINVAL;
	}
	for (size_t i = 0; i < json_array_size(json); i++) {
		int rc;
		scalar = scalar_of(json_array_get(json, i));
		rc = load_leaf(leaf, obj, &scalar, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_members(
	enum cfg_kind kind, void *obj, const json_t *json, const char *where, char *error)
{
	char why[CFG_ERROR_MAX];
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)json, name, value)
	{
		const struct cfg_leaf *leaf = cfg_leaf_find(kind, name);
		if (!leaf && kind == CFG_SYSTEM)
			continue; /* read_top() looks at these */
		if (!leaf)
			return refuse(error, where, name, "there is no such setting");
		if (leaf->flags & CFG_F_KEY)
			continue;
		if (read_leaf(leaf, obj, value, why) < 0)
			return refuse(error, where, name, why);
	}
	return 0;
}

static int read_list(struct cfg *cfg, enum cfg_kind kind, const json_t *json, char *error)
{
	const struct cfg_object *object = &cfg_objects[kind];
	const char *key = cfg_leaf_key(kind)->name;
	char text[CFG_VALUE_MAX], why[CFG_ERROR_MAX];

	if (!json_is_array(json))
		return refuse(error, "", object->name, "must be an array");
	for (size_t i = 0; i < json_array_size(json); i++) {
		const json_t *member = json_array_get(json, i);
		const json_t *name = json_object_get(member, key);
		struct load_scalar scalar = scalar_of(name);
		unsigned int before = cfg_object_count(cfg, kind);
		void *obj;
		int rc;
		if (!name)
			return refuse(error, object->name, key, "is missing");
		if (load_key(kind, &scalar, text, why) < 0 ||
			cfg_object_add(cfg, kind, view_of(text), &obj, why) < 0)
			return refuse(error, object->name, key, why);
		if (cfg_object_count(cfg, kind) == before)
			return refuse(error, object->name, key, "is there twice");
		rc = read_members(kind, obj, member, object->name, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_top(struct cfg *cfg, const json_t *json, char *error)
{
	const char *name;
	json_t *value;
	int rc = read_members(CFG_SYSTEM, cfg, json, "", error);

	json_object_foreach((json_t *)(uintptr_t)json, name, value)
	{
		enum cfg_kind kind = load_kind(name);
		if (rc < 0)
			return rc;
		if (strcmp(name, "format") == 0) {
			if (json_integer_value(value) != CFG_FORMAT)
				rc = refuse(error, "", name, "this version reads format 1 only");
		} else if (kind != CFG_NO_KIND && cfg_objects[kind].single) {
			rc = json_is_object(value) ? read_members(kind, cfg, value, name, error)
						   : refuse(error, "", name, "must be an object");
		} else if (kind != CFG_NO_KIND) {
			rc = read_list(cfg, kind, value, error);
		} else if (!cfg_leaf_find(CFG_SYSTEM, name)) {
			rc = refuse(error, "", name, "there is no such setting");
		}
	}
	return rc;
}

int cfg_from_json(const json_t *json, struct cfg **ret_cfg, char error[CFG_ERROR_MAX])
{
	struct cfg *cfg;
	int rc;

	if (!json_is_object(json)) {
		snprintf(error, CFG_ERROR_MAX, "a configuration is a JSON object");
		return -EINVAL;
	}
	cfg = cfg_new();
	if (!cfg) {
		snprintf(error, CFG_ERROR_MAX, "out of memory");
		return -ENOMEM;
	}
	rc = read_top(cfg, json, error);
	if (rc < 0)
		cfg_free(cfg);
	else
		*ret_cfg = cfg;
	return rc;
}
