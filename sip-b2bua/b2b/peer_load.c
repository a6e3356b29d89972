/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See peer_load.h. */
#include "sip-b2bua/b2b/peer_load.h"

#include <stdio.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/call.h"
#include "sip-b2bua/parser/sip_oc.h"

LOG_TOPIC("overload");

/* A restriction in one word, so that nobody sees half of it: value, algorithm, end (ms of the wheel). */
#define ALGO_SHIFT  16
#define UNTIL_SHIFT 18
#define VALUE(word) ((uint32_t)((word)&0xffff))
#define ALGO(word)  ((uint8_t)((word) >> ALGO_SHIFT & 3))
#define UNTIL(word) ((word) >> UNTIL_SHIFT)

_Static_assert(
	(int)CTL_OVERLOAD_LOSS == (int)SIP_OC_LOSS && (int)CTL_OVERLOAD_RATE == (int)SIP_OC_RATE,
	"the same numbers");

struct view peer_load_offer(const struct cfg_trunk *trunk)
{
	if (!trunk || trunk->overload_control == CFG_OC_NONE)
		return (struct view){NULL, 0};
	return trunk->overload_control == CFG_OC_RATE ? VIEW(";oc;oc-algo=\"loss,rate\"")
						      : VIEW(";oc;oc-algo=\"loss\"");
}

static void ignore(struct b2b_spot *s)
{
	atomic_fetch_add_explicit(&s->n_oc_ignored, 1, memory_order_relaxed);
}

void peer_load_heard(
	struct b2b *b, uint16_t spot, const struct cfg_trunk *trunk, const struct sip_msg *msg)
{
	uint64_t now_ms = twheel_now(b->env.wheel), word, before, seq;
	struct b2b_spot *s;
	struct sip_oc oc;
	char addr[IPADDR_TEXT_MAX];
	int rc;

	if (spot == SPOT_NONE || !trunk || trunk->overload_control == CFG_OC_NONE)
		return;
	s = &b->env.shared->spots[spot];
	rc = sip_oc_read(msg->via.params, trunk->overload_control == CFG_OC_RATE, &oc);
	if (rc == -ENOENT)
		return;
	before = atomic_load_explicit(&s->oc, memory_order_relaxed);
	seq = atomic_load_explicit(&s->oc_seq, memory_order_relaxed);
	/* RFC 7339 4.4: older than what is known. Of a target that began anew nothing is in force. */
	if (rc < 0 || (oc.seq < seq && UNTIL(before) > now_ms)) {
		ignore(s);
		return;
	}
	word = (uint64_t)oc.value | (uint64_t)oc.algo << ALGO_SHIFT |
	       (now_ms + oc.validity_ms) << UNTIL_SHIFT;
	atomic_store_explicit(&s->oc_seq, oc.seq, memory_order_relaxed);
	atomic_store_explicit(&s->oc, word, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->n_oc_told, 1, memory_order_relaxed);
	if (UNTIL(before) <= now_ms && oc.validity_ms > 0 &&
		!(oc.algo == SIP_OC_LOSS && oc.value == 0))
		log_notice("trunk %s: %s is overloaded: it wants %u %s", s->trunk,
			ipaddr_print_port(&s->addr, addr), oc.value,
			oc.algo == SIP_OC_LOSS ? "percent of the calls to stay away"
					       : "calls a second");
}

/* Evenly: of a share of 25 percent each fourth call stays away. */
static bool loss_admit(struct b2b_spot *s, uint32_t percent)
{
	uint32_t was = atomic_fetch_add_explicit(&s->oc_credit, percent, memory_order_relaxed);

	return was % 100 + percent < 100;
}

/* A leaky bucket (RFC 7415 3.5.1) whose tolerance is the time of one call. */
static bool rate_admit(struct b2b_spot *s, uint32_t per_s, uint64_t now_us)
{
	uint64_t next = atomic_load_explicit(&s->oc_next_us, memory_order_relaxed), wanted, step;

	if (per_s == 0)
		return false;
	step = 1000000 / per_s;
	do {
		if (next > now_us + step)
			return false;
		wanted = (next > now_us ? next : now_us) + step;
	} while (!atomic_compare_exchange_weak_explicit(
		&s->oc_next_us, &next, wanted, memory_order_relaxed, memory_order_relaxed));
	return true;
}

bool peer_load_admit(
	struct b2b *b, uint16_t spot, const struct cfg_trunk *trunk, char *reason, size_t size)
{
	struct b2b_spot *s;
	char addr[IPADDR_TEXT_MAX];
	uint64_t word;
	bool loss, ok;

	if (spot == SPOT_NONE || trunk->overload_control == CFG_OC_NONE)
		return true;
	s = &b->env.shared->spots[spot];
	word = atomic_load_explicit(&s->oc, memory_order_relaxed);
	if (UNTIL(word) <= twheel_now(b->env.wheel))
		return true;
	loss = ALGO(word) == SIP_OC_LOSS;
	ok = loss ? loss_admit(s, VALUE(word))
		  : rate_admit(s, VALUE(word), b->env.ops->mono_us(b->env.ctx));
	if (ok)
		return true;
	atomic_fetch_add_explicit(&s->n_oc_dropped, 1, memory_order_relaxed);
	b->env.stats->oc_dropped++;
	ipaddr_print_port(&s->addr, addr);
	if (loss)
		snprintf(reason, size,
			"trunk %.31s: %s is overloaded and wants %u percent of the calls to stay "
			"away (oc)",
			trunk->name, addr, VALUE(word));
	else
		snprintf(reason, size,
			"trunk %.31s: %s is overloaded and wants at most %u calls a second (oc)",
			trunk->name, addr, VALUE(word));
	return false;
}

bool peer_load_copy(struct b2b *b, uint16_t spot, struct ctl_overload *ret)
{
	struct b2b_spot *s = &b->env.shared->spots[spot];
	uint64_t now_ms = twheel_now(b->env.wheel), word;

	if (atomic_load_explicit(&s->refs, memory_order_acquire) == 0)
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->index = spot;
	ret->n_told = atomic_load_explicit(&s->n_oc_told, memory_order_relaxed);
	ret->n_ignored = atomic_load_explicit(&s->n_oc_ignored, memory_order_relaxed);
	ret->n_dropped = atomic_load_explicit(&s->n_oc_dropped, memory_order_relaxed);
	if (ret->n_told + ret->n_ignored == 0)
		return false;
	memcpy(ret->trunk, s->trunk, sizeof(ret->trunk));
	ret->addr = s->addr;
	ret->transport = s->transport;
	word = atomic_load_explicit(&s->oc, memory_order_relaxed);
	if (UNTIL(word) <= now_ms)
		return true;
	ret->algo = ALGO(word);
	ret->value = VALUE(word);
	/* To the tenth of a second, so that it does not seem to change with each look. */
	ret->until_ms = (b->env.ops->wall_ms(b->env.ctx) + UNTIL(word) - now_ms) / 100 * 100;
	return true;
}
