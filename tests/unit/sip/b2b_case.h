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

/* A response of another branch of the called side than its user agents; lines: besides, with CRLF. */
static inline void fork_response(struct rig *r, const char *request, unsigned int status,
	const char *tag, const char *lines, const char *sdp)
{
	struct sip_msg msg;
	char text[4096];
	struct sip_buf b;

	assert_int_equal(sip_msg_parse(&msg, request, strlen(request), false), 0);
	sip_buf_init(&b, text, sizeof(text) - 1);
	sip_build_response(&b, &msg, NULL, status, (struct view){NULL, 0}, view_of(tag));
	sip_put_lit(&b, "Contact: <sip:trunk-f@10.0.1.60>\r\n");
	sip_put(&b, view_of(lines));
	assert_int_equal(
		sip_build_end(&b, *sdp ? VIEW("application/sdp") : VIEW(""), view_of(sdp)), 0);
	text[b.n] = '\0';
	rig_raw(r, RIG_CALLEE, text);
	rig_settle(r);
}

static inline uint32_t n_counted(struct rig *r, const char *key)
{
	return atomic_load(
		&budget_at(&r->shared.budgets, budget_of(&r->shared.budgets, key))->n_calls);
}

/* Each call that lives counts once on each side, whatever became of its transfers. */
static inline void expect_counted(struct rig *r)
{
	assert_int_equal(n_counted(r, "realm access") + n_counted(r, "realm peering"),
		2 * b2b_n_calls(r->b));
}
