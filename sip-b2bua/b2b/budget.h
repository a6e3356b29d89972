/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a realm, trunk, dial-peer, user or link may carry, and what it carries now: calls, calls that
 * begin in a second, bandwidth. All workers of a process count in the same one: relaxed atomics, for a
 * limit is a bound, not an order. Limits come from the configuration and may be lowered at any time:
 * what is there stays, nothing is added. A budget lives as long as the process, also when its object is
 * configured no more, so that who counts in it can always give back. Any thread.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BUDGET_KEY_MAX 104 /* "user NAME at REGISTRAR" */
#define BUDGET_CHUNK   1024
#define BUDGET_CHUNKS  256
#define BUDGETS_MAX    (BUDGET_CHUNK * BUDGET_CHUNKS)
#define BUDGET_BUCKETS 16384
#define BUDGET_NONE    UINT32_MAX
#define BUDGET_BPS_MAX UINT64_C(1000000000000) /* of one reservation; more is cut to it */

enum budget_cause { BUDGET_CALLS, BUDGET_RATE, BUDGET_BANDWIDTH, BUDGET_N_CAUSES };

struct budget {
	char key[BUDGET_KEY_MAX]; /* written once, under the lock */
	uint32_t next;		  /* in its bucket, under the lock */
	/* 0: no limit */
	atomic_uint max_calls, per_s;
	_Atomic uint64_t max_bps;
	atomic_uint n_calls, peak_calls;
	_Atomic uint64_t bps, peak_bps;
	_Atomic uint64_t
		next_us; /* monotonic: when a call may begin at the earliest, less a second */
	_Atomic uint64_t refused[BUDGET_N_CAUSES];
};

struct budgets {
	pthread_mutex_t lock; /* making: n, chunks[], buckets[], next and key of budgets */
	atomic_uint n;	      /* those below are whole (release) */
	_Atomic(struct budget *) chunks[BUDGET_CHUNKS];
	uint32_t buckets[BUDGET_BUCKETS]; /* index + 1 of the first one, 0: none */
};

/* Of memory that is all zero. */
void budgets_init(struct budgets *all);
void budgets_clear(struct budgets *all);

/* The budget of a key, made at its first use; BUDGET_NONE: there are too many, or memory is short. */
uint32_t budget_of(struct budgets *all, const char *key);
struct budget *budget_at(struct budgets *all, uint32_t index);
/* 0: no limit. */
void budget_limit(struct budget *b, uint32_t max_calls, uint32_t per_s, uint32_t kbps);

static inline bool budget_limits_bps(struct budget *b)
{
	return atomic_load_explicit(&b->max_bps, memory_order_relaxed) != 0;
}

/* One call more, and one less. must: whatever the limit. false: it is counted as refused. */
bool budget_call_take(struct budget *b, bool must);
void budget_call_give(struct budget *b);
/* May a call begin now? As many as begin in a second may begin at once. */
bool budget_rate_take(struct budget *b, uint64_t now_us, bool must);
/*
 * The same for who can wait, with another limit than budget_limit()'s: microseconds until its turn, which
 * is taken. Negative: it would be later than most_us from now, and none is taken.
 */
int64_t budget_turn_take(struct budget *b, uint32_t per_s, uint64_t now_us, uint64_t most_us);
/* Whether such a one would have to wait now. */
bool budget_turn_waits(const struct budget *b, uint32_t per_s, uint64_t now_us);
/* A reservation becomes another one, in bit/s. Less is always granted. */
bool budget_bps_move(struct budget *b, uint64_t from, uint64_t to, bool must);
/* Peaks are what there is now. */
void budget_peaks_reset(struct budget *b);
