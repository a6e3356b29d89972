/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What may come in, as limen-control sets it, checked and brought to every worker. Control thread
 * only; waits for the workers.
 */
#pragma once

#include "dataplane/server/media.h"

/* 0; -EINVAL: more SIP ports than fit, or rows behind them that are not 0; -ETIMEDOUT. */
int policy_police_set(const struct media *media, const struct dp_police *conf)
	__attribute__((warn_unused_result));
