/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hierarchical timer wheel: start, stop and expiry are O(1) for any number of pending timers
 * (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987). Resolution 1 ms, range 49
 * days. Time is an input: the owner calls twheel_advance() with the clock it uses, so tests pass
 * their own time. One thread per wheel. Timers are embedded in the objects that own them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct twheel;
struct twheel_timer;

typedef void (*twheel_fire_fn)(struct twheel_timer *timer, void *arg);

struct twheel_timer {
	struct twheel_timer *next, **prevp; /* NULL prevp: not pending */
	uint64_t due_ms;
	twheel_fire_fn fire;
	void *arg;
};

/* now_ms: the owner's present time. NULL when memory is short. */
struct twheel *twheel_new(uint64_t now_ms);
/* Pending timers are forgotten, their owners free them. */
void twheel_free(struct twheel *wheel);

/* Sets the callback; a timer must be initialised once, before its first start. */
void twheel_timer_init(struct twheel_timer *timer, twheel_fire_fn fire, void *arg);
/* (Re)starts: fires at the first advance to or past the wheel's time + delay_ms (at least 1). */
void twheel_start(struct twheel *wheel, struct twheel_timer *timer, uint64_t delay_ms);
void twheel_stop(struct twheel *wheel, struct twheel_timer *timer);
static inline bool twheel_pending(const struct twheel_timer *timer)
{
	return timer->prevp != 0;
}

/* Fires everything due, in order of time. A callback may start and stop any timer. */
void twheel_advance(struct twheel *wheel, uint64_t now_ms);
/* Milliseconds until the next call of twheel_advance() can have work, capped at max_ms. */
uint64_t twheel_next_ms(const struct twheel *wheel, uint64_t max_ms);
uint64_t twheel_now(const struct twheel *wheel);
uint32_t twheel_n_pending(const struct twheel *wheel);
