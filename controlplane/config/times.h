/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times of the week and of the calendar as they are typed: "weekdays 9:00 to 17:30", "08:00 24
 * December 2026". Words may be abbreviated to three letters. Any thread. */
#pragma once

#include "controlplane/config/schema.h"

/* Minutes since 1970-01-01 00:00 of the same clock. */
int64_t cfg_date_minutes(const struct cfg_date *date);

int cfg_periodic_parse(struct view text, struct cfg_periodic *ret, char error[CFG_ERROR_MAX])
	__attribute__((warn_unused_result));
char *cfg_periodic_print(const struct cfg_periodic *periodic, char buf[CFG_VALUE_MAX]);
int cfg_date_parse(struct view text, struct cfg_date *ret, char error[CFG_ERROR_MAX])
	__attribute__((warn_unused_result));
char *cfg_date_print(const struct cfg_date *date, char buf[CFG_VALUE_MAX]);
