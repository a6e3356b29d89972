/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hierarchical timer wheel; see twheel.h. Level 0 has one slot a millisecond for the next 256 ms;
 * the levels above have 64 slots each, every slot as wide as the whole level below. A timer waits
 * in the highest level whose slot differs from the present one, and moves down ("cascades") when
 * the wheel comes to that slot. A bitmap of used slots a level makes empty stretches free.
 */
#include "controlplane/base/twheel.h"

#include <stdlib.h>
#include <string.h>

#define L0_BITS	 8
#define LN_BITS	 6
#define N_LEVELS 5 /* 8 + 4 * 6 = 32 bits of milliseconds: 49.7 days */
#define L0_SLOTS (1u << L0_BITS)
#define LN_SLOTS (1u << LN_BITS)
#define RANGE_MS (UINT64_C(1) << 32)

struct twheel {
	uint64_t now_ms; /* everything due up to here was fired */
	uint64_t used0[L0_SLOTS / 64];
	uint64_t used[N_LEVELS]; /* [0] is not used, see used0 */
	uint32_t n_pending;
	struct twheel_timer *slot0[L0_SLOTS];
	struct twheel_timer *slot[N_LEVELS][LN_SLOTS];
};

static inline unsigned int level_shift(unsigned int level)
{
	return level == 0 ? 0 : L0_BITS + (level - 1) * LN_BITS;
}

struct twheel *twheel_new(uint64_t now_ms)
{
	struct twheel *wheel = calloc(1, sizeof(*wheel));
	if (wheel != NULL)
		wheel->now_ms = now_ms;
	return wheel;
}

void twheel_free(struct twheel *wheel)
{
	free(wheel);
}

void twheel_timer_init(struct twheel_timer *timer, twheel_fire_fn fire, void *arg)
{
	*timer = (struct twheel_timer){.fire = fire, .arg = arg};
}

static void link_at(struct twheel_timer **head, struct twheel_timer *timer)
{
	timer->next = *head;
	timer->prevp = head;
	if (*head != NULL)
		(*head)->prevp = &timer->next;
	*head = timer;
}

static void unlink_timer(struct twheel_timer *timer)
{
	*timer->prevp = timer->next;
	if (timer->next != NULL)
		timer->next->prevp = timer->prevp;
	timer->next = NULL;
	timer->prevp = NULL;
}

/* due_ms is at or after now_ms, less than RANGE_MS ahead. */
static void place(struct twheel *wheel, struct twheel_timer *timer)
{
	uint64_t differ = timer->due_ms ^ wheel->now_ms;

	if (differ < L0_SLOTS) {
		unsigned int i = timer->due_ms & (L0_SLOTS - 1);
		link_at(&wheel->slot0[i], timer);
		wheel->used0[i / 64] |= UINT64_C(1) << (i % 64);
		return;
	}
	unsigned int level = 1;
	while (level < N_LEVELS - 1 && (differ >> level_shift(level + 1)) != 0)
		level++;
	unsigned int i = (timer->due_ms >> level_shift(level)) & (LN_SLOTS - 1);
	link_at(&wheel->slot[level][i], timer);
	wheel->used[level] |= UINT64_C(1) << i;
}

void twheel_start(struct twheel *wheel, struct twheel_timer *timer, uint64_t delay_ms)
{
	if (timer->prevp != NULL)
		unlink_timer(timer);
	else
		wheel->n_pending++;
	if (delay_ms < 1)
		delay_ms = 1;
	/* The top level's slot of now is taken by what is due now, so stay one slot short. */
	if (delay_ms > RANGE_MS - (UINT64_C(1) << level_shift(N_LEVELS - 1)))
		delay_ms = RANGE_MS - (UINT64_C(1) << level_shift(N_LEVELS - 1));
	timer->due_ms = wheel->now_ms + delay_ms;
	place(wheel, timer);
}

void twheel_stop(struct twheel *wheel, struct twheel_timer *timer)
{
	if (timer->prevp == NULL)
		return;
	unlink_timer(timer);
	wheel->n_pending--;
	/* A slot left empty keeps its bit: it is cleared when the wheel comes by. */
}

/* Index of the first used slot of level 0 at or after from, or L0_SLOTS. */
static unsigned int next_used0(const struct twheel *wheel, unsigned int from)
{
	for (unsigned int w = from / 64; w < L0_SLOTS / 64; w++) {
		uint64_t bits = wheel->used0[w];
		if (w == from / 64)
			bits &= ~UINT64_C(0) << (from % 64);
		if (bits != 0)
			return w * 64 + (unsigned int)__builtin_ctzll(bits);
	}
	return L0_SLOTS;
}

/* The earliest time after now at which a slot of any level is due, or UINT64_MAX. */
static uint64_t next_event(const struct twheel *wheel)
{
	uint64_t now = wheel->now_ms;
	unsigned int at = (unsigned int)(now & (L0_SLOTS - 1));
	unsigned int i = at + 1 < L0_SLOTS ? next_used0(wheel, at + 1) : L0_SLOTS;

	if (i < L0_SLOTS)
		return (now & ~(uint64_t)(L0_SLOTS - 1)) + i;
	for (unsigned int level = 1; level < N_LEVELS; level++) {
		unsigned int shift = level_shift(level);
		unsigned int here = (unsigned int)(now >> shift) & (LN_SLOTS - 1);
		uint64_t base = now >> shift >> LN_BITS << LN_BITS << shift;
		uint64_t ahead = here + 1 < LN_SLOTS ? wheel->used[level] >> (here + 1) : 0;
		if (ahead != 0) {
			uint64_t slot = here + 1 + (unsigned int)__builtin_ctzll(ahead);
			return base + (slot << shift);
		}
		/* The top level wraps: what is behind the present slot is due in the next turn. */
		if (level == N_LEVELS - 1 && wheel->used[level] != 0) {
			uint64_t slot = (unsigned int)__builtin_ctzll(wheel->used[level]);
			return base + (UINT64_C(1) << (shift + LN_BITS)) + (slot << shift);
		}
	}
	return UINT64_MAX;
}

/* Moves the timers of the higher levels' slots that begin at now one or more levels down. */
static void cascade(struct twheel *wheel)
{
	uint64_t now = wheel->now_ms;

	for (unsigned int level = N_LEVELS - 1; level >= 1; level--) {
		unsigned int shift = level_shift(level);
		if ((now & ((UINT64_C(1) << shift) - 1)) != 0)
			continue;
		unsigned int i = (unsigned int)(now >> shift) & (LN_SLOTS - 1);
		if ((wheel->used[level] & (UINT64_C(1) << i)) == 0)
			continue;
		wheel->used[level] &= ~(UINT64_C(1) << i);
		struct twheel_timer *timer = wheel->slot[level][i];
		wheel->slot[level][i] = NULL;
		while (timer != NULL) {
			struct twheel_timer *next = timer->next;
			place(wheel, timer);
			timer = next;
		}
	}
}

/* Fires the slot of now. Callbacks start timers at now + 1 at the earliest: never in this slot. */
static void fire_slot(struct twheel *wheel)
{
	unsigned int i = (unsigned int)(wheel->now_ms & (L0_SLOTS - 1));

	while (wheel->slot0[i] != NULL) {
		struct twheel_timer *timer = wheel->slot0[i];
		unlink_timer(timer);
		wheel->n_pending--;
		timer->fire(timer, timer->arg);
	}
	wheel->used0[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

void twheel_advance(struct twheel *wheel, uint64_t now_ms)
{
	while (wheel->now_ms < now_ms) {
		uint64_t next = next_event(wheel);
		if (next > now_ms) {
			/* No slot of any level begins in between, so nothing has to cascade. */
			wheel->now_ms = now_ms;
			return;
		}
		wheel->now_ms = next;
		cascade(wheel);
		fire_slot(wheel);
	}
}

uint64_t twheel_next_ms(const struct twheel *wheel, uint64_t max_ms)
{
	if (wheel->n_pending == 0)
		return max_ms;
	uint64_t next = next_event(wheel);
	if (next == UINT64_MAX || next - wheel->now_ms > max_ms)
		return max_ms;
	return next - wheel->now_ms;
}

uint64_t twheel_now(const struct twheel *wheel)
{
	return wheel->now_ms;
}

uint32_t twheel_n_pending(const struct twheel *wheel)
{
	return wheel->n_pending;
}
