/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What CTL_TOLL has to be, on either side. */
#pragma once

#include <stdbool.h>

#include "controlplane/api/ctl_api.h"

#define CTL_TOLL_PERIOD_MAX 604800

static inline bool ctl_toll_ok(const struct ctl_toll *toll)
{
	return ipc_str_ok(toll->subject, sizeof(toll->subject)) && toll->tag != 0 &&
	       toll->period_s <= CTL_TOLL_PERIOD_MAX && toll->slice < UINT64_C(1) << 48;
}
