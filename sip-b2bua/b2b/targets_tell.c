/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What limen-control shows of targets. Of each trunk one worker tells it, the one that asks it. */
#include "sip-b2bua/b2b/call.h"

#include <stdio.h>

#include "controlplane/base/siphash.h"
#include "sip-b2bua/b2b/breaker.h"
#include "sip-b2bua/b2b/targets_private.h"

_Static_assert(TARGETS_MAX <= CTL_TARGETS_MAX, "all are told");

static void spot_tell(const struct b2b *b, uint16_t spot, struct ctl_target *ret)
{
	const struct b2b_spot *s = &b->env.shared->spots[spot];
	uint64_t word = atomic_load_explicit(&s->breaker, memory_order_relaxed);
	uint64_t now_ms = twheel_now(b->env.wheel);

	ret->n_active = atomic_load_explicit(&s->n_active, memory_order_relaxed);
	ret->n_calls = atomic_load_explicit(&s->n_calls, memory_order_relaxed);
	ret->n_failed = atomic_load_explicit(&s->n_failed, memory_order_relaxed);
	ret->n_opened = atomic_load_explicit(&s->n_opened, memory_order_relaxed);
	if (spot_down(b, spot)) {
		ret->state = CTL_TARGET_BUSYOUT;
	} else if (breaker_state(word) == BREAKER_TRIAL ||
		   (breaker_state(word) == BREAKER_OPEN && breaker_passes(word, now_ms))) {
		ret->state = CTL_TARGET_TRIAL;
	} else if (breaker_state(word) == BREAKER_OPEN) {
		ret->state = CTL_TARGET_OPEN;
		ret->until_ms = b->env.ops->wall_ms(b->env.ctx) + breaker_until_ms(word) - now_ms;
		ret->until_ms -= ret->until_ms % 1000; /* the same each time that it is told */
	}
}

static void target_tell(const struct b2b *b, const struct target_set *set, unsigned int server,
	unsigned int index, struct ctl_target *ret)
{
	const struct target *target = &set->targets[index];
	const struct target_member *member = &set->members[target->member];

	*ret = (struct ctl_target){.addr = target->addr,
		.transport = target->transport,
		.member = target->member,
		.preference = member->preference,
		.weight = member->weight,
		/* above it is the rank of the transport: see locate.h */
		.srv_priority = (uint16_t)set->servers[server].priority,
		.srv_weight = set->servers[server].weight};
	memcpy(ret->host, set->servers[server].host, sizeof(ret->host));
	if (target->spot != SPOT_NONE)
		spot_tell(b, target->spot, ret);
}

static void set_tell(struct b2b *b, struct target_set *set)
{
	struct ctl_targets head = {.n = set->n_targets, .stale = set->stale};
	struct ctl_target *list = b->told;
	uint64_t hash;

	memcpy(head.trunk, set->trunk->name, sizeof(head.trunk));
	if (set->n_targets == 0)
		memcpy(head.why, set->why, sizeof(head.why));
	for (unsigned int i = 0; i < set->n_servers; i++) {
		const struct target_server *server = &set->servers[i];

		for (unsigned int k = 0; k < server->n; k++)
			target_tell(b, set, i, server->first + k, &list[server->first + k]);
	}
	hash = siphash24(b->id_key, list, set->n_targets * sizeof(*list)) ^
	       siphash24(b->id_key, &head, sizeof(head));
	if (hash != set->told && b->env.ops->control_send(b->env.ctx, CTL_TARGETS, 0, &head,
					 sizeof(head), list, set->n_targets * sizeof(*list)) == 0)
		set->told = hash;
}

void targets_tell(struct b2b *b, struct targets *t, bool all)
{
	if (!b->control_up)
		return;
	for (uint32_t i = b->env.worker; i < targets_n(t); i += b->env.n_workers) {
		struct target_set *set = targets_set_of(t, i);

		if (all)
			set->told = 0;
		set_tell(b, set);
	}
}
