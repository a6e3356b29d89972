/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * REGISTERs on their way to a registrar behind the box (registration passthrough), and what is answered
 * without it; see registrar/cache.h for what they mean. One object per worker, its thread.
 *
 * regcache.c decides: refreshes are shielded, what exceeds the rate waits for its turn, and while the core
 * is silent phones that are registered stay so. regcache_send.c is the way to the core: the targets of its
 * trunk one after the other, and the answer back to the phone. Private to sip-b2bua/b2b.
 */
#pragma once

#include "sip-b2bua/auth/digest.h"
#include "sip-b2bua/b2b/budget.h"
#include "sip-b2bua/b2b/call.h"
#include "sip-b2bua/b2b/targets.h"
#include "sip-b2bua/registrar/cache.h"

#define REGCACHE_FORWARDS_MAX 100000 /* of a worker at a time; half of them removals */
#define REGCACHE_AGAIN_MS     1000 /* a removal for which there was no turn comes again after it */
#define REGCACHE_SILENT_MS    5000 /* a silent core is not asked again for so long */
#define REGCACHE_RETRY_MIN_S  5	   /* Retry-After: at random from here */
#define REGCACHE_RETRY_MAX_S  30   /* to here */

/* One REGISTER, of a phone or of the box. */
struct reg_forward {
	LIST_ENTRY(reg_forward) link;
	struct b2b *b;
	struct sip_stxn *in; /* the phone's; NULL: it is the box's, or the phone's is over */
	struct sip_ctxn *out;
	struct twheel_timer timer; /* its turn, then the core's time */
	char realm[CTL_NAME_MAX];
	struct call_targets to;
	bool picked;			   /* the targets are known */
	bool lengthened;		   /* the core wanted more time (423), once */
	uint32_t core_s;		   /* asked */
	struct reg_cache_removal *removal; /* NULL: it is a phone's */
	struct digest_client *auth;	   /* of a removal that was challenged */
};

/* What is known of a registrar, the box's own or one behind it. */
struct reg_core_state {
	char name[CTL_NAME_MAX], trunk[CTL_NAME_MAX];
	uint32_t budget;	  /* of registration rate-limit; BUDGET_NONE: it is not limited */
	uint64_t silent_until_ms; /* of the wheel */
};

struct regcache {
	struct b2b *b;
	LIST_HEAD(, reg_forward) forwards;
	uint32_t n_forwards;
	struct reg_core_state *cores; /* as the configuration's registrars */
	uint32_t n_cores;
};

/* The registrar of a realm, if it is in front of another one; NULL. */
const struct cfg_registrar *regcache_conf(const struct b2b *b, const char *realm);
/* Fills and reads a request. false: it is refused for what ret_refusal says. */
bool regcache_read(struct b2b *b, const struct cfg_registrar *conf, const struct sip_msg *msg,
	const struct sip_path *path, struct reg_cache_limits *limits,
	struct reg_cache_request *ret_request, struct reg_cache_refusal *ret_refusal);
/* answer: the core's, NULL: out of the cache. */
void regcache_accept(struct b2b *b, const struct cfg_registrar *conf, struct sip_stxn *stxn,
	const struct reg_cache_request *r, const struct sip_msg *answer);
void regcache_refuse(
	struct sip_stxn *stxn, unsigned int status, struct view headers, const char *reason);
/* "Retry-After" at random, least_s at least. */
void regcache_put_off(struct b2b *b, struct sip_stxn *stxn, uint32_t least_s, const char *reason);
/* The core does not answer: from the cache if that may be, else 503. */
void regcache_survive(struct b2b *b, const struct cfg_registrar *conf, struct sip_stxn *stxn,
	struct reg_cache_request *r, const char *reason);
struct reg_core_state *regcache_core(struct b2b *b, const struct cfg_registrar *conf);

void reg_forward_free(struct reg_forward *f);
void reg_forward_send(struct reg_forward *f);
