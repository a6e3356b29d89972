/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the box with its network (b2b_rig.c) and the user agents (b2b_rig_ua.c) need of each other. */
#pragma once

#include "b2b_rig.h"

extern struct sip_listener rig_bound[2]; /* the box's: access, peering */

/* "10.0.0.1" or "10.0.0.1:5060"; port 5060 when it has none. */
struct ipaddr rig_addr(const char *text);
/* A datagram gets into the network; from: who sends it. */
void rig_enqueue(struct rig *r, unsigned int from, const struct ipaddr *src,
	const struct ipaddr *dst, const char *bytes, size_t n);
/* Both sides' transactions and habits; wheel and keys of the rig are there. */
void rig_sides_new(struct rig *r);
