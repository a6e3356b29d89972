/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The time-ranges of a configuration, with the clocks of their time zones. Compiled once; then
 * immutable. Any thread.
 */
#pragma once

#include "controlplane/config/cfg_model.h"
#include "sip-b2bua/routing/timezone.h"

struct timeranges;

/* cfg must outlive the object. -ENOMEM, or -EINVAL, -ENOENT with a sentence. */
int timeranges_new(const struct cfg *cfg, struct timeranges **ret_ranges,
	char error[TIMEZONE_ERROR_MAX]) __attribute__((warn_unused_result));
void timeranges_free(struct timeranges *ranges);

/*
 * Is the range of that name on at this moment? ret_local: minutes since 1970 of its own clock. A
 * name that is empty or unknown is always on.
 */
bool timeranges_on(
	const struct timeranges *ranges, const char *name, int64_t unix_s, int64_t *ret_local);
/* "Fri 18:02" */
char *timeranges_clock(int64_t local_minutes, char buf[16]);
