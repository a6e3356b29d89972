/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See breaker.h. */
#include "sip-b2bua/b2b/breaker.h"

#define LEVEL_MAX 5 /* doublings of the time */

struct state {
	enum breaker_state at;
	unsigned int failures; /* CLOSED: in a row */
	unsigned int level;    /* how often it was opened again without a success */
	uint64_t until_ms;
};

/* Bits 0-1 state, 2-8 failures, 9-11 level, 16-63 until_ms: 48 bits are 8,900 years. */
static uint64_t pack(const struct state *s)
{
	return s->at | (uint64_t)s->failures << 2 | (uint64_t)s->level << 9 | s->until_ms << 16;
}

static struct state unpack(uint64_t word)
{
	return (struct state){.at = (enum breaker_state)(word & 3),
		.failures = word >> 2 & 0x7f,
		.level = word >> 9 & 7,
		.until_ms = word >> 16};
}

/* Relaxed: the word stands for itself, nothing else is published with it. */
static bool change(_Atomic uint64_t *word, uint64_t *old, const struct state *s)
{
	return atomic_compare_exchange_weak_explicit(
		word, old, pack(s), memory_order_relaxed, memory_order_relaxed);
}

enum breaker_state breaker_state(uint64_t word)
{
	return unpack(word).at;
}

uint64_t breaker_until_ms(uint64_t word)
{
	return unpack(word).until_ms;
}

bool breaker_passes(uint64_t word, uint64_t now_ms)
{
	struct state s = unpack(word);

	return s.at == BREAKER_CLOSED || now_ms >= s.until_ms;
}

bool breaker_enter(_Atomic uint64_t *word, uint64_t now_ms)
{
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
	struct state s;

	do {
		if (!breaker_passes(old, now_ms))
			return false;
		s = unpack(old);
		if (s.at == BREAKER_CLOSED)
			return true;
		s.at = BREAKER_TRIAL;
		s.until_ms = now_ms + BREAKER_TRIAL_MS;
	} while (!change(word, &old, &s));
	return true;
}

static uint64_t hold_ms(
	const struct breaker_conf *conf, unsigned int level, uint64_t retry_after_ms)
{
	uint64_t ms = retry_after_ms ? retry_after_ms : (uint64_t)conf->hold_ms << level;

	return ms < BREAKER_HOLD_MAX_MS ? ms : BREAKER_HOLD_MAX_MS;
}

bool breaker_failed(_Atomic uint64_t *word, const struct breaker_conf *conf, uint64_t now_ms,
	uint64_t retry_after_ms)
{
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
	struct state s;
	bool opens;

	if (conf->failures == 0)
		return false;
	do {
		uint64_t until_ms;

		s = unpack(old);
		opens = s.at != BREAKER_OPEN;
		if (s.at == BREAKER_CLOSED && s.failures < BREAKER_FAILURES_MAX)
			s.failures++;
		if (s.at == BREAKER_CLOSED && s.failures < conf->failures && !retry_after_ms)
			opens = false;
		if (s.at == BREAKER_TRIAL && s.level < LEVEL_MAX)
			s.level++;
		until_ms = now_ms + hold_ms(conf, s.level, retry_after_ms);
		/* A call that began before: what it says of the time counts, if it is later. */
		if (opens || (s.at == BREAKER_OPEN && retry_after_ms && until_ms > s.until_ms))
			s.until_ms = until_ms;
		if (opens)
			s.at = BREAKER_OPEN;
	} while (!change(word, &old, &s));
	return opens;
}

bool breaker_worked(_Atomic uint64_t *word)
{
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
	struct state s;

	do {
		s = unpack(old);
		/* One that began before the failures says nothing about now. */
		if (s.at == BREAKER_OPEN || old == 0)
			return false;
	} while (!change(word, &old, &(struct state){.at = BREAKER_CLOSED}));
	return s.at == BREAKER_TRIAL;
}
