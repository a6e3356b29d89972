/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A circuit breaker for one target: after failures in a row, or when it says Retry-After (RFC 3261
 * 20.33, 21.5.4), it is left alone for a while; then a single call tries it, and what becomes of that
 * decides. The whole state is one word that all workers change, without a lock.
 *
 *   CLOSED  failure: counted, and OPEN at the limit          success: count 0
 *   OPEN    nobody enters until the time is over, then one does: TRIAL
 *   TRIAL   failure: OPEN, for twice as long as before       success: CLOSED
 *
 * A trial of which nothing is heard is given up after BREAKER_TRIAL_MS. Time is an input. Any thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BREAKER_TRIAL_MS     40000  /* more than the 64*T1 of an INVITE without an answer */
#define BREAKER_HOLD_MAX_MS  600000 /* also of what Retry-After may say */
#define BREAKER_FAILURES_MAX 100

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_TRIAL };

struct breaker_conf {
	uint32_t failures; /* 1 to BREAKER_FAILURES_MAX; 0: it never opens */
	uint32_t hold_ms;
};

/* Whether a call would be let through now. */
bool breaker_passes(uint64_t word, uint64_t now_ms);
/* A call wants to go: false when it may not. Of several at the end of OPEN one is the trial. */
bool breaker_enter(_Atomic uint64_t *word, uint64_t now_ms);
/* retry_after_ms: 0 when it said nothing. true: it is open since this failure. */
bool breaker_failed(_Atomic uint64_t *word, const struct breaker_conf *conf, uint64_t now_ms,
	uint64_t retry_after_ms);
/* true: it is closed again since this success. */
bool breaker_worked(_Atomic uint64_t *word);

enum breaker_state breaker_state(uint64_t word);
uint64_t breaker_until_ms(uint64_t word); /* OPEN, TRIAL */
