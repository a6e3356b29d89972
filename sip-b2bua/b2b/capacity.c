/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See capacity.h. */
#include "sip-b2bua/b2b/capacity.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/api/ctl_limits.h"
#include "sip-b2bua/b2b/call.h"
#include "sip-b2bua/b2b/peer_load.h"

_Static_assert((int)CTL_CAPACITY_N_CAUSES == (int)BUDGET_N_CAUSES &&
		       (int)CTL_CAPACITY_RATE == (int)BUDGET_RATE &&
		       (int)CTL_CAPACITY_KEY == (int)BUDGET_KEY_MAX &&
		       CTL_CAPACITY_MAX == BUDGETS_MAX,
	"the same numbers");

/* Room for n, zeroed. false: memory is short, they are told when it is not. */
static bool grow(void **list, uint32_t *room, uint32_t n, size_t size)
{
	char *grown;

	if (n <= *room)
		return true;
	n = (n + 63) & ~63u;
	grown = reallocarray(*list, n, size);
	if (!grown)
		return false;
	memset(grown + *room * size, 0, (n - *room) * size);
	*list = grown;
	*room = n;
	return true;
}

static bool tell(
	struct b2b *b, uint16_t type, const void *fresh, void *told, size_t size, uint32_t *n)
{
	if (memcmp(fresh, told, size) == 0)
		return true;
	if (++*n > CAPACITY_TOLD_MAX ||
		b->env.ops->control_send(b->env.ctx, type, 0, fresh, size, NULL, 0) < 0)
		return false;
	memcpy(told, fresh, size);
	return true;
}

static void budget_copy(struct budget *budget, uint32_t index, struct ctl_capacity *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->index = index;
	ret->calls = atomic_load_explicit(&budget->n_calls, memory_order_relaxed);
	ret->peak_calls = atomic_load_explicit(&budget->peak_calls, memory_order_relaxed);
	ret->bps = atomic_load_explicit(&budget->bps, memory_order_relaxed);
	ret->peak_bps = atomic_load_explicit(&budget->peak_bps, memory_order_relaxed);
	for (unsigned int i = 0; i < BUDGET_N_CAUSES; i++)
		ret->refused[i] = atomic_load_explicit(&budget->refused[i], memory_order_relaxed);
	memcpy(ret->key, budget->key, sizeof(ret->key));
}

static void tell_budgets(struct b2b *b, struct capacity *c)
{
	struct budgets *all = &b->env.shared->budgets;
	uint32_t n = atomic_load_explicit(&all->n, memory_order_acquire), sent = 0;
	struct ctl_capacity fresh;

	if (!grow((void **)&c->budgets, &c->n_budgets, n, sizeof(*c->budgets)))
		return;
	for (uint32_t i = 0; i < n; i++, c->at_budget++) {
		uint32_t at = c->at_budget % n;

		budget_copy(budget_at(all, at), at, &fresh);
		if (!tell(b, CTL_CAPACITY, &fresh, &c->budgets[at], sizeof(fresh), &sent))
			return;
	}
	c->at_budget = 0;
}

static void tell_tolls(struct b2b *b, struct capacity *c)
{
	uint64_t now_ms = b->env.ops->wall_ms(b->env.ctx);
	struct ctl_toll fresh;
	uint32_t sent = 0;

	for (; toll_copy(&b->env.shared->tolls, c->at_toll, now_ms, &fresh); c->at_toll++) {
		if (!grow((void **)&c->tolls, &c->n_tolls, c->at_toll + 1, sizeof(fresh)) ||
			!tell(b, CTL_TOLL, &fresh, &c->tolls[c->at_toll], sizeof(fresh), &sent))
			return;
	}
	c->at_toll = 0;
}

static void tell_loads(struct b2b *b, struct capacity *c)
{
	uint32_t n = atomic_load_explicit(&b->env.shared->n_spots, memory_order_relaxed), sent = 0;
	struct ctl_overload fresh;

	if (!grow((void **)&c->loads, &c->n_loads, n, sizeof(*c->loads)))
		return;
	for (; c->at_load < n; c->at_load++) {
		if (!peer_load_copy(b, (uint16_t)c->at_load, &fresh))
			continue;
		if (!tell(b, CTL_OVERLOAD, &fresh, &c->loads[c->at_load], sizeof(fresh), &sent))
			return;
	}
	c->at_load = 0;
}

void b2b_limits_tell(struct b2b *b)
{
	if (b->env.worker != 0 || !b->control_up)
		return;
	tell_budgets(b, &b->capacity);
	tell_tolls(b, &b->capacity);
	tell_loads(b, &b->capacity);
}

void capacity_forget(struct capacity *c)
{
	if (c->budgets)
		memset(c->budgets, 0, c->n_budgets * sizeof(*c->budgets));
	if (c->tolls)
		memset(c->tolls, 0, c->n_tolls * sizeof(*c->tolls));
	if (c->loads)
		memset(c->loads, 0, c->n_loads * sizeof(*c->loads));
}

void capacity_clear(struct capacity *c)
{
	free(c->budgets);
	free(c->tolls);
	free(c->loads);
	*c = (struct capacity){0};
}

int b2b_limits(struct b2b *b, uint16_t type, const void *body)
{
	const struct ctl_capacity_clear *capacity = body;
	const struct ctl_toll_clear *tolls = body;
	struct budgets *all = &b->env.shared->budgets;
	uint32_t n = atomic_load_explicit(&all->n, memory_order_acquire);

	if (type == CTL_TOLL) {
		if (!ctl_toll_ok(body))
			return -EPROTO;
		toll_restore(&b->env.shared->tolls, body);
		return 0;
	}
	if (!ipc_str_ok(capacity->key, sizeof(capacity->key)))
		return -EPROTO;
	if (type == CTL_TOLL_CLEAR) {
		toll_reset(&b->env.shared->tolls, tolls->subject);
		return 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct budget *budget = budget_at(all, i);

		if (!capacity->key[0] || strcmp(budget->key, capacity->key) == 0)
			budget_peaks_reset(budget);
	}
	return 0;
}
