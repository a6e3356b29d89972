/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What each leg of a call is counted in: its realm, trunk, dial-peer, registered user, and the links
 * that its media goes by (budget.h). A leg remembers it, so a changed configuration cannot make counts
 * wrong. Where bandwidth is limited it is reserved with the worst case of what a leg is offered, before anybody
 * answers; it becomes what was agreed with the answer; what a re-INVITE would need beyond that is refused with 488,
 * and the call goes on as it was. Emergency calls are counted and never refused. Private to
 * sip-b2bua/b2b; the worker's thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/config/cfg.h"
#include "sip-b2bua/b2b/budget.h"

struct b2b;
struct call;
struct sip_buf;
struct view;

#define ADMISSION_HELD_MAX (4 + CFG_LINKS_DEEP) /* of a leg: realm, trunk, dial-peer, user, links */

/* What a leg of a call is counted in. */
struct admission_held {
	uint32_t budget[ADMISSION_HELD_MAX];
	uint8_t n;
	bool vlan;	 /* its interface tags frames */
	uint32_t pool;	 /* tag of the user's voice register pool; 0: none */
	uint64_t bps;	 /* reserved now */
	uint64_t agreed; /* of it by the last answer */
};

/* What a call that was refused for a limit is told; limit NONE: it was not. */
struct admission_refusal {
	uint16_t status, q850;
	uint8_t limit; /* enum ctl_limit */
};

/* The budgets of a configuration's objects, by their index there; BUDGET_NONE: it has none. */
struct admission_map {
	uint32_t *realms, *trunks, *peers, *links, *pools;
};

/* -ENOMEM. Objects that find no budget any more are not limited; that is logged. */
int admission_map_new(struct b2b *b, const struct cfg *cfg, struct admission_map *ret_map)
	__attribute__((warn_unused_result));
/* The limits of the configuration count from now on. */
void admission_map_apply(struct b2b *b, const struct cfg *cfg, const struct admission_map *map);
void admission_map_free(struct admission_map *map);

/* The called number is one of emergency-number. */
bool admission_is_emergency(const struct cfg *cfg, const char *called);

/* Where a leg comes from, or goes to; trunk, peer and pool may be NULL. */
struct admission_place {
	const struct cfg_realm *realm;
	const struct cfg_trunk *trunk;
	const struct cfg_dial_peer *peer;
	const struct cfg_pool *pool;
	uint8_t family; /* of its media; 0: not known yet, the wider one */
};

/*
 * Counts a leg, with the bandwidth that the description in the caller's INVITE offers. false: a limit is
 * reached, nothing is counted, call->rec.reason says which and call->limited with what it is refused.
 */
bool admission_take(struct call *call, unsigned int side, const struct admission_place *place,
	struct view offer);
/* The leg is somewhere else now, or over. */
void admission_drop(struct call *call, unsigned int side);
/* Counts a restored call, or one that takes the place of another, whatever the limits. */
void admission_restore(struct call *call);
/* The called side of a call that takes another one's place: counted, whatever the limits. */
void admission_replaces(struct call *call, struct view offer);
/* Room for the box's calls: max-calls less what is kept for emergency numbers. As admission_take(). */
bool admission_box(struct call *call);

/*
 * The description in b->sdp is offered from a leg: bandwidth of both legs for the worst of it. false: a
 * budget has no room for it, nothing has changed, *ret_reason is a sentence. must: it is too late to refuse.
 */
bool admission_offer(struct call *call, unsigned int from, bool must, const char **ret_reason);
void admission_agreed(struct call *call); /* the exchange is complete */
void admission_failed(struct call *call); /* it came to nothing: the agreement before it holds */
void admission_revert(struct call *call, unsigned int side); /* the same for a leg, in any state */

/* Header lines of a refusal: Retry-After, Warning. */
void admission_put_headers(const struct admission_refusal *refusal, struct sip_buf *headers);
