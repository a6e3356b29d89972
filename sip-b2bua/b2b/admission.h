/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many calls a realm, trunk or dial-peer may carry and begin in a second. Counts are of all workers
 * of the process, in struct b2b_shared: relaxed atomics, for a limit is a bound, not an order. A call
 * remembers what it is counted in, so a changed configuration cannot make counts wrong. Emergency calls are
 * counted and never refused. Private to sip-b2bua/b2b; the worker's thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/config/cfg.h"

struct b2b;
struct call;

#define ADMISSION_SLOTS	   8192 /* realms, trunks and dial-peers, also of former configurations */
#define ADMISSION_KEY_MAX  40
#define ADMISSION_NO_SLOT  UINT16_MAX
#define ADMISSION_HELD_MAX 3 /* of a leg: realm, trunk, dial-peer */

/* One realm, trunk or dial-peer. */
struct admission_slot {
	char key[ADMISSION_KEY_MAX]; /* written once, under the lock of struct b2b_shared */
	atomic_uint n_calls;
	_Atomic uint64_t
		next_us; /* monotonic: when a call may begin at the earliest, less a second */
};

/* What a leg of a call is counted in. */
struct admission_held {
	uint16_t slot[ADMISSION_HELD_MAX];
	uint8_t n;
};

/* The slots of a configuration's objects, by their index there. */
struct admission_map {
	uint16_t *realms, *trunks, *peers;
};

/* -ENOMEM. Objects that find no slot any more are not limited; that is logged. */
int admission_map_new(struct b2b *b, const struct cfg *cfg, struct admission_map *ret_map)
	__attribute__((warn_unused_result));
void admission_map_free(struct admission_map *map);

/* The called number is one of emergency-number. */
bool admission_is_emergency(const struct cfg *cfg, const char *called);

/*
 * Counts leg A, or leg B, in what it comes from or goes to; trunk and peer may be NULL. false: a limit is
 * reached, nothing is counted, and call->rec.reason says which.
 */
bool admission_take(struct call *call, unsigned int side, const struct cfg_realm *realm,
	const struct cfg_trunk *trunk, const struct cfg_dial_peer *peer);
/* The leg is somewhere else now, or over. */
void admission_drop(struct call *call, unsigned int side);
/* Counts a restored call, whatever the limits. */
void admission_restore(struct call *call);
