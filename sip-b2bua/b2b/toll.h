/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much trunks, users and tenants call of the numbers that toll-limits are about: calls and minutes of
 * a window that slides, calls now. A window has CTL_TOLL_SLICES slices; the oldest falls out whole. All workers
 * count in the same ones, under a lock: few calls go to such numbers. Time is passed in, in ms of the wall
 * clock. Any thread.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/config/cfg.h"

#define TOLL_BUCKETS 4096
#define TOLL_NONE    UINT32_MAX

struct toll {
	uint32_t next; /* in its bucket */
	uint32_t n_answered;
	uint64_t answered_sum_ms; /* of the calls that are answered now: when, added up */
	struct ctl_toll ctl;
};

struct tolls {
	pthread_mutex_t lock; /* all of it */
	uint32_t n, cap;
	struct toll *list;
	uint32_t buckets[TOLL_BUCKETS]; /* index + 1 of the first one, 0: none */
};

/* Of memory that is all zero. */
void tolls_init(struct tolls *all);
void tolls_clear(struct tolls *all);

/* Why a call is beyond a limit; NONE: it is not. */
enum toll_cause { TOLL_FITS, TOLL_CALLS, TOLL_MINUTES, TOLL_CONN };

/*
 * A call of a subject ("user alice at phones") to numbers of a toll-limit begins, and is counted unless
 * the limit refuses it. ret_index: where, for the others; TOLL_NONE when it was refused or memory is short
 * (then ret_cause says TOLL_CONN: what cannot be counted is not let through).
 */
enum toll_cause toll_begin(struct tolls *all, const struct cfg_toll *toll, const char *subject,
	uint64_t now_ms, uint32_t *ret_index);
/* A call that was restored is counted again, and answered since answer_ms; its window has it already. */
uint32_t toll_again(struct tolls *all, uint32_t tag, const char *subject, uint64_t answer_ms);
void toll_answered(struct tolls *all, uint32_t index, uint64_t answer_ms);
/* answer_ms 0: it was not answered. */
void toll_end(struct tolls *all, uint32_t index, uint64_t answer_ms, uint64_t now_ms);

/* What was counted before a restart of limen-sip; of windows that began anew nothing is taken. */
void toll_restore(struct tolls *all, const struct ctl_toll *toll);
/* A copy of one; false: there are not so many. */
bool toll_copy(struct tolls *all, uint32_t index, uint64_t now_ms, struct ctl_toll *ret_toll);
/* Windows begin anew, of one subject or (empty) of all. */
void toll_reset(struct tolls *all, const char *subject);
