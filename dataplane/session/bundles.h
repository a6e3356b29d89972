/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ports that legs of several sessions share, as the control thread keeps them: who is in one, and
 * the memory that is lent to the worker for it (bundle.h) until the last letter about it is back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"

struct bundle;

struct bundle_port {
	struct bundle *shared; /* the worker's */
	uint32_t refs;	       /* members, and requests under way that took one away */
	uint32_t n_members;
	uint32_t member[DP_BUNDLE_LINES]; /* slots */
};

/* Without members or references. NULL: memory is short. */
struct bundle_port *bundle_port_new(void);
/* Of one that nobody refers to; NULL is fine. */
void bundle_port_free(struct bundle_port *port);

/* A member has a reference. There is room: see locals_prepare(). */
void bundle_port_enter(struct bundle_port *port, uint32_t slot);
/* Its reference is the caller's from now on. */
void bundle_port_leave(struct bundle_port *port, uint32_t slot);
/* Gives up a reference; NULL is fine. */
void bundle_port_put(struct bundle_port *port);
