/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What limen-control says of how the last calls to trunks went, as a worker routes by it. Each worker
 * has its own copy. Private to sip-b2bua/b2b; the worker's thread.
 */
#pragma once

#include "controlplane/api/ctl_quality.h"
#include "controlplane/config/cfg.h"

struct trunk_quality;

struct trunk_quality *trunk_quality_new(void); /* NULL when memory is short */
void trunk_quality_free(struct trunk_quality *tq);

/* The configuration from now on. -ENOMEM: nothing is known of trunks until the next one. */
int trunk_quality_config(struct trunk_quality *tq, const struct cfg *cfg);
/* It starts anew: limen-control is another one, and tells all that it knows. */
void trunk_quality_clear(struct trunk_quality *tq);
/* -EPROTO: malformed; -ENOMEM. */
int trunk_quality_set(struct trunk_quality *tq, const struct ctl_quality *msg)
	__attribute__((warn_unused_result));
/* For struct route_query; arg is the struct trunk_quality. NULL: nothing is known. */
const struct ctl_quality *trunk_quality_of(void *arg, uint32_t trunk_index);
