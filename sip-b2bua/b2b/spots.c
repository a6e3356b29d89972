/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all workers know of a target, and the calls that go there; see targets.h. */
#include "sip-b2bua/b2b/call.h"

#include <stdio.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/breaker.h"
#include "sip-b2bua/b2b/targets_private.h"

LOG_TOPIC("target");

void b2b_shared_init(struct b2b_shared *shared)
{
	memset(shared, 0, sizeof(*shared));
	pthread_mutex_init(&shared->lock, NULL);
	budgets_init(&shared->budgets);
	tolls_init(&shared->tolls);
}

void b2b_shared_clear(struct b2b_shared *shared)
{
	budgets_clear(&shared->budgets);
	tolls_clear(&shared->tolls);
	pthread_mutex_destroy(&shared->lock);
}

static struct b2b_spot *spot_at(const struct b2b *b, uint16_t spot)
{
	return &b->env.shared->spots[spot];
}

static bool is_of(
	const struct b2b_spot *s, const char *trunk, const struct ipaddr *addr, uint8_t transport)
{
	return s->transport == transport && ipaddr_equal(&s->addr, addr) &&
	       strcmp(s->trunk, trunk) == 0;
}

/* Under the lock. make: a free one is taken when there is none. */
static uint16_t claim(struct b2b_shared *shared, const char *trunk, const struct ipaddr *addr,
	uint8_t transport, bool make)
{
	unsigned int n = atomic_load_explicit(&shared->n_spots, memory_order_relaxed);
	uint16_t spare = SPOT_NONE;

	for (unsigned int i = 0; i < n; i++) {
		struct b2b_spot *s = &shared->spots[i];
		bool used = atomic_load_explicit(&s->refs, memory_order_acquire) > 0;

		if (used && is_of(s, trunk, addr, transport)) {
			atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
			return (uint16_t)i;
		}
		if (!used && spare == SPOT_NONE)
			spare = (uint16_t)i;
	}
	if (!make || (spare == SPOT_NONE && n == B2B_SPOTS_MAX))
		return SPOT_NONE;
	if (spare == SPOT_NONE) {
		spare = (uint16_t)n;
		atomic_store_explicit(&shared->n_spots, n + 1, memory_order_relaxed);
	}
	shared->spots[spare] = (struct b2b_spot){.addr = *addr, .transport = transport};
	snprintf(shared->spots[spare].trunk, CTL_NAME_MAX, "%s", trunk);
	atomic_store_explicit(&shared->spots[spare].refs, 1, memory_order_release);
	return spare;
}

uint16_t spot_ref(struct b2b *b, const char *trunk, const struct ipaddr *addr, uint8_t transport)
{
	struct b2b_shared *shared = b->env.shared;
	uint16_t spot;

	pthread_mutex_lock(&shared->lock);
	spot = claim(shared, trunk, addr, transport, true);
	pthread_mutex_unlock(&shared->lock);
	return spot;
}

void spot_unref(struct b2b *b, uint16_t spot)
{
	if (spot != SPOT_NONE)
		atomic_fetch_sub_explicit(&spot_at(b, spot)->refs, 1, memory_order_release);
}

bool spot_down(const struct b2b *b, uint16_t spot)
{
	return spot != SPOT_NONE &&
	       atomic_load_explicit(&spot_at(b, spot)->down, memory_order_relaxed);
}

void spot_set_down(struct b2b *b, uint16_t spot, bool down)
{
	if (spot != SPOT_NONE)
		atomic_store_explicit(&spot_at(b, spot)->down, down, memory_order_relaxed);
}

bool spot_usable(const struct b2b *b, uint16_t spot)
{
	if (spot == SPOT_NONE)
		return true;
	return !spot_down(b, spot) &&
	       breaker_passes(
		       atomic_load_explicit(&spot_at(b, spot)->breaker, memory_order_relaxed),
		       twheel_now(b->env.wheel));
}

uint32_t spot_load(const struct b2b *b, uint16_t spot)
{
	return spot == SPOT_NONE
		       ? 0
		       : atomic_load_explicit(&spot_at(b, spot)->n_active, memory_order_relaxed);
}

/* ---- calls ---- */

static void join(struct b2b *b, uint16_t *at, uint16_t spot)
{
	*at = spot;
	if (spot != SPOT_NONE)
		atomic_fetch_add_explicit(&spot_at(b, spot)->n_active, 1, memory_order_relaxed);
}

bool spot_enter(struct b2b *b, uint16_t *at, uint16_t spot)
{
	spot_leave(b, at);
	if (spot == SPOT_NONE)
		return true;
	if (!breaker_enter(&spot_at(b, spot)->breaker, twheel_now(b->env.wheel)))
		return false;
	/* The set that it was drawn from refers to it, so it cannot go meanwhile. */
	atomic_fetch_add_explicit(&spot_at(b, spot)->refs, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&spot_at(b, spot)->n_calls, 1, memory_order_relaxed);
	join(b, at, spot);
	return true;
}

void spot_leave(struct b2b *b, uint16_t *at)
{
	uint16_t spot = *at;

	*at = SPOT_NONE;
	if (spot == SPOT_NONE)
		return;
	atomic_fetch_sub_explicit(&spot_at(b, spot)->n_active, 1, memory_order_relaxed);
	spot_unref(b, spot);
}

void spot_find(struct b2b *b, uint16_t *at, const char *trunk, const struct ipaddr *addr,
	uint8_t transport)
{
	struct b2b_shared *shared = b->env.shared;
	uint16_t spot;

	pthread_mutex_lock(&shared->lock);
	spot = claim(shared, trunk, addr, transport, false);
	pthread_mutex_unlock(&shared->lock);
	join(b, at, spot);
}

void spot_failed(
	struct b2b *b, uint16_t spot, const struct cfg_trunk *trunk, uint64_t retry_after_ms)
{
	struct breaker_conf conf = {trunk->breaker_failures, trunk->breaker_hold_s * 1000};
	struct b2b_spot *s;
	char addr[IPADDR_TEXT_MAX];

	if (spot == SPOT_NONE)
		return;
	s = spot_at(b, spot);
	atomic_fetch_add_explicit(&s->n_failed, 1, memory_order_relaxed);
	if (!breaker_failed(&s->breaker, &conf, twheel_now(b->env.wheel), retry_after_ms))
		return;
	atomic_fetch_add_explicit(&s->n_opened, 1, memory_order_relaxed);
	b->env.stats->breaker_opened++;
	log_warning("trunk %s: %s is left alone: %s", s->trunk, ipaddr_print_port(&s->addr, addr),
		retry_after_ms ? "it said 503 with Retry-After" : "calls to it fail");
}

void spot_worked(struct b2b *b, uint16_t spot)
{
	char addr[IPADDR_TEXT_MAX];

	if (spot != SPOT_NONE && breaker_worked(&spot_at(b, spot)->breaker))
		log_notice("trunk %s: %s takes calls again", spot_at(b, spot)->trunk,
			ipaddr_print_port(&spot_at(b, spot)->addr, addr));
}
