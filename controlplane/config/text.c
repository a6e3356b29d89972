/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The start-up file: libconfig syntax, lists of groups with a key member (named groups are
 * quadratic to read). libconfig parses; everything else is ours: unknown and repeated settings
 * are refused with their line, types and ranges are checked by the schema. The writer prints what
 * differs from the default, in the order of the schema, so equal configurations are equal files.
 */
#include "controlplane/config/load.h"

#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX (32u << 20)

struct reader {
	const char *origin;
	char *error;
};

static int refuse_at(
	const struct reader *reader, unsigned int line, const char *what, const char *why)
{
	snprintf(reader->error, CFG_ERROR_MAX, "%.60s line %u: %.60s%s%.120s", reader->origin, line,
		what, *what ? ": " : "", why);
	return -EINVAL;
}

static int refuse(const struct reader *reader, const config_setting_t *setting, const char *why)
{
	const char *name = config_setting_name(setting);

	if (!name && config_setting_parent(setting))
		name = config_setting_name(config_setting_parent(setting));
	return refuse_at(reader, config_setting_source_line(setting), name ? name : "", why);
}

static struct load_scalar scalar_of(const config_setting_t *setting)
{
	struct load_scalar scalar = {.type = LOAD_OTHER};

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		scalar.type = LOAD_INT;
		scalar.number = config_setting_get_int64(setting);
		break;
	case CONFIG_TYPE_BOOL:
		scalar.type = LOAD_BOOL;
		scalar.boolean = config_setting_get_bool(setting);
		break;
	case CONFIG_TYPE_STRING:
		scalar.type = LOAD_STRING;
		scalar.string = view_of(config_setting_get_string(setting));
		break;
	default:
		break;
	}
	return scalar;
}

static int read_leaf(const struct reader *reader, const struct cfg_leaf *leaf, void *obj,
	const config_setting_t *setting)
{
	char why[CFG_ERROR_MAX];
	struct load_scalar scalar;
	int rc;

	if (!(leaf->flags & CFG_F_LIST)) {
		scalar = scalar_of(setting);
		rc = load_leaf(leaf, obj, &scalar, why);
		return rc < 0 ? refuse(reader, setting, why) : 0;
	}
	if (!config_setting_is_aggregate(setting) || config_setting_is_group(setting))
		return refuse(reader, setting, "must be a list in brackets");
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *elem = config_setting_get_elem(setting, (unsigned int)i);
		scalar = scalar_of(elem);
		rc = load_leaf(leaf, obj, &scalar, why);
		if (rc < 0)
			return refuse(reader, elem, why);
	}
	return 0;
}

/* The members of a group; skip is the key, which was read before. */
static int read_members(const struct reader *reader, enum cfg_kind kind, void *obj,
	const config_setting_t *group, const struct cfg_leaf *skip)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *member = config_setting_get_elem(group, (unsigned int)i);
		const struct cfg_leaf *leaf = cfg_leaf_find(kind, config_setting_name(member));
		int rc;
		if (leaf && leaf == skip)
			continue;
		if (!leaf)
			return refuse(reader, member, "there is no such setting here");
		rc = read_leaf(reader, leaf, obj, member);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_object(const struct reader *reader, struct cfg *cfg, enum cfg_kind kind,
	const config_setting_t *group)
{
	const struct cfg_leaf *key = cfg_leaf_key(kind);
	const config_setting_t *member;
	char text[CFG_VALUE_MAX], why[CFG_ERROR_MAX];
	struct load_scalar scalar;
	unsigned int before = cfg_object_count(cfg, kind);
	void *obj;

	if (!config_setting_is_group(group))
		return refuse(reader, group, "must be a list of groups in braces");
	member = config_setting_get_member(group, key->name);
	if (!member) {
		snprintf(why, sizeof(why), "a %s needs \"%s\"", cfg_objects[kind].noun, key->name);
		return refuse(reader, group, why);
	}
	scalar = scalar_of(member);
	if (load_key(kind, &scalar, text, why) < 0)
		return refuse(reader, member, why);
	if (cfg_object_add(cfg, kind, view_of(text), &obj, why) < 0) {
		char must[CFG_ERROR_MAX + 16];
		snprintf(must, sizeof(must), "must be %s", why);
		return refuse(reader, member, must);
	}
	if (cfg_object_count(cfg, kind) == before)
		return refuse(reader, member, "is there twice");
	return read_members(reader, kind, obj, group, key);
}

static int read_top(const struct reader *reader, struct cfg *cfg, const config_setting_t *setting)
{
	const char *name = config_setting_name(setting);
	enum cfg_kind kind = load_kind(name);
	const struct cfg_leaf *leaf;

	if (strcmp(name, "format") == 0) {
		if (config_setting_type(setting) != CONFIG_TYPE_INT ||
			config_setting_get_int(setting) != CFG_FORMAT)
			return refuse(reader, setting, "this version reads format 1 only");
		return 0;
	}
	if (kind == CFG_NO_KIND) {
		leaf = cfg_leaf_find(CFG_SYSTEM, name);
		if (!leaf)
			return refuse(reader, setting, "there is no such setting");
		return read_leaf(reader, leaf, cfg, setting);
	}
	if (cfg_objects[kind].single) {
		if (!config_setting_is_group(setting))
			return refuse(reader, setting, "must be a group in braces");
		return read_members(reader, kind, cfg, setting, NULL);
	}
	if (!config_setting_is_list(setting))
		return refuse(reader, setting, "must be a list in parentheses");
	for (int i = 0; i < config_setting_length(setting); i++) {
		int rc = read_object(
			reader, cfg, kind, config_setting_get_elem(setting, (unsigned int)i));
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* What libconfig must not see: a NUL would end the text early, @include reads files of ours. */
static int check_raw(const struct reader *reader, const char *text, size_t len)
{
	unsigned int line = 1;

	if (len > TEXT_MAX)
		return refuse_at(reader, 1, "", "the file is too large");
	for (size_t i = 0; i < len; i++) {
		if (text[i] == 0)
			return refuse_at(reader, line, "", "a NUL character");
		if (text[i] == '@' && len - i >= 8 && memcmp(text + i, "@include", 8) == 0)
			return refuse_at(reader, line, "", "@include is not allowed");
		if (text[i] == '\n')
			line++;
	}
	return 0;
}

static int read_config(const struct reader *reader, const char *text, struct cfg *cfg)
{
	const config_setting_t *root;
	config_t file;
	int rc = 0;

	config_init(&file);
	if (config_read_string(&file, text) != CONFIG_TRUE) {
		rc = refuse_at(reader, (unsigned int)config_error_line(&file), "",
			config_error_text(&file) ? config_error_text(&file) : "syntax error");
		goto out;
	}
	root = config_root_setting(&file);
	for (int i = 0; rc == 0 && i < config_setting_length(root); i++)
		rc = read_top(reader, cfg, config_setting_get_elem(root, (unsigned int)i));
out:
	config_destroy(&file);
	return rc;
}

int cfg_from_text(const char *text, size_t len, const char *origin, struct cfg **ret_cfg,
	char error[CFG_ERROR_MAX])
{
	struct reader reader = {.origin = origin, .error = error};
	struct cfg *cfg = NULL;
	char *copy = NULL;
	int rc;

	error[0] = 0;
	rc = check_raw(&reader, text, len);
	if (rc < 0)
		return rc;
	copy = malloc(len + 1);
	cfg = cfg_new();
	if (!copy || !cfg) {
		snprintf(error, CFG_ERROR_MAX, "out of memory");
		rc = -ENOMEM;
		goto out;
	}
	memcpy(copy, text, len);
	copy[len] = 0;
	rc = read_config(&reader, copy, cfg);
	if (rc == 0) {
		*ret_cfg = cfg;
		cfg = NULL;
	}
out:
	cfg_free(cfg);
	free(copy);
	return rc;
}

/* ---- writing ---- */

static void write_value(const struct cfg_leaf *leaf, const void *value, struct buf *out)
{
	char text[CFG_VALUE_MAX];

	cfg_value_print(leaf, value, text);
	if (leaf->type == CFG_T_BOOL || leaf->type == CFG_T_U32) {
		buf_puts(out, text);
		return;
	}
	buf_puts(out, "\"");
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_add(out, "\\", 1);
		buf_add(out, p, 1);
	}
	buf_puts(out, "\"");
}

static void write_leaf(
	const struct cfg_leaf *leaf, const void *obj, const char *indent, struct buf *out)
{
	if (!(leaf->flags & CFG_F_KEY) && cfg_leaf_is_default(leaf, obj))
		return;
	buf_printf(out, "%s%s = ", indent, leaf->name);
	if (leaf->flags & CFG_F_LIST) {
		for (unsigned int i = 0; i < cfg_leaf_count(leaf, obj); i++) {
			buf_puts(out, i ? ", " : "[ ");
			write_value(leaf, cfg_leaf_at(leaf, obj, i), out);
		}
		buf_puts(out, " ]");
	} else {
		write_value(leaf, cfg_leaf_at(leaf, obj, 0), out);
	}
	buf_puts(out, ";\n");
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

static void write_object(enum cfg_kind kind, const void *obj, const char *indent, struct buf *out)
{
	const struct cfg_leaf *leaf, *end;

	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++)
		write_leaf(leaf, obj, indent, out);
}

int cfg_to_text(const struct cfg *cfg, char **ret_text, size_t *ret_len)
{
	struct buf out = {0};
	char *text;

	buf_printf(&out, "format = %d;\n", CFG_FORMAT);
	for (unsigned int i = 0; i < CFG_N_KINDS; i++) {
		const struct cfg_object *object = &cfg_objects[i];
		unsigned int n = cfg_object_count(cfg, i);
		if (!object->name) {
			write_object(i, cfg, "", &out);
		} else if (object->single && !all_default(i, cfg)) {
			buf_printf(&out, "%s = {\n", object->name);
			write_object(i, cfg, "  ", &out);
			buf_puts(&out, "};\n");
		} else if (!object->single && n) {
			buf_printf(&out, "%s = (\n", object->name);
			for (unsigned int j = 0; j < n; j++) {
				buf_puts(&out, "  {\n");
				write_object(i, cfg_object_at(cfg, i, j), "    ", &out);
				buf_puts(&out, j + 1 < n ? "  },\n" : "  }\n");
			}
			buf_puts(&out, ");\n");
		}
	}
	text = buf_take(&out, ret_len);
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}
