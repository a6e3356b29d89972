/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Overload control with targets of trunks, as their client (RFC 7339 5, RFC 7415 3.4): what a target asks for
 * is kept beside what else is known of it (struct b2b_spot), for all workers, and calls that it does not
 * want stay away from it. Private to sip-b2bua/b2b; any worker's thread.
 */
#pragma once

#include "sip-b2bua/b2b/b2b.h"

struct call;

/* Parameters for our Via to the trunk; empty: none. */
struct view peer_load_offer(const struct cfg_trunk *trunk);
/* A response of a target of the trunk. spot may be SPOT_NONE. */
void peer_load_heard(
	struct b2b *b, uint16_t spot, const struct cfg_trunk *trunk, const struct sip_msg *msg);
/* Whether the next call may go there. false: a sentence is in reason. */
bool peer_load_admit(
	struct b2b *b, uint16_t spot, const struct cfg_trunk *trunk, char *reason, size_t size);
/* What a target asks for now; false: nothing was ever heard of it. */
bool peer_load_copy(struct b2b *b, uint16_t spot, struct ctl_overload *ret);
