/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Parts of cfg_validate() that have files of their own. As that: 0, -EINVAL or -ENODATA with a
 * sentence of at most CFG_ERROR_MAX in error. Private to controlplane/config/validate*.c.
 */
#pragma once

#include "controlplane/config/schema.h"

int cfg_check_tenants(const struct cfg *cfg, char *error) __attribute__((warn_unused_result));
/* A sentence into error; returns rc. */
int cfg_fault(char *error, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* validate_targets.c: trunks and server groups. As cfg_validate(). */
int cfg_check_targets(const struct cfg *cfg, char *error);
/* validate_routing.c: quality classes and route-hooks. */
int cfg_check_quality(const struct cfg *cfg, char *error) __attribute__((warn_unused_result));
int cfg_check_users(const struct cfg *cfg, char *error) __attribute__((warn_unused_result));
/* validate_admission.c: links, toll limits, what is reserved for emergency calls. */
int cfg_check_admission(const struct cfg *cfg, char *error) __attribute__((warn_unused_result));
