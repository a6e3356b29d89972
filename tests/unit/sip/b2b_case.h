/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests on the rig say again and again. */
#pragma once

#include "b2b_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/config/schema.h"

#define LONG_MS 400000 /* longer than every timer of a call that ends */

/* Nothing of anybody is left. */
static inline void finish(struct rig *r)
{
	rig_settle(r);
	rig_pass(r, LONG_MS);
	rig_expect_empty(r);
	rig_free(r);
}

static inline void expect_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in\n%s", part, text);
}

static inline void expect_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" in\n%s", part, text);
}

static inline void *object(struct rig *r, enum cfg_kind kind, const char *key)
{
	char error[CFG_ERROR_MAX];
	void *obj;

	assert_int_equal(cfg_object_add(r->cfg, kind, view_of(key), &obj, error), 0);
	return obj;
}

static inline void set(void *obj, enum cfg_kind kind, const char *setting, const char *value)
{
	char error[CFG_ERROR_MAX];

	if (cfg_leaf_set(cfg_leaf_find(kind, setting), obj, view_of(value), error) < 0)
		fail_msg("%s: %s", setting, error);
}

static inline void apply(struct rig *r)
{
	char error[CFG_ERROR_MAX];

	if (b2b_config_prepare(r->b, r->cfg, error) < 0)
		fail_msg("%s", error);
	b2b_config_apply(r->b, r->cfg);
}
