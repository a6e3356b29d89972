/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the last calls to each trunk went, in sliding windows, and whether that is within the bounds of
 * the voice classes quality. A trunk beyond a bound stays so until as many calls to it as
 * "recovery-calls" says are within all bounds (what went before counts no more), or until nobody
 * tried it for a whole window. Owner: limen-control's one thread; time is an input.
 *
 *   GOOD  enough calls in the window, and a bound is passed        -> BAD, the trial is empty
 *   BAD   a trial of recovery-calls within the bounds              -> GOOD, the window is empty
 *         one that is not                                          -> BAD, the trial is empty
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_quality.h"
#include "controlplane/config/cfg.h"

#define WINDOWS_DEFAULT_MIN   15 /* of a trunk without a class */
#define WINDOWS_DEFAULT_CALLS 10

/* Sums over calls. */
struct window_sample {
	uint32_t calls;		      /* attempts */
	uint32_t answered, effective; /* of them; effective ones include the answered */
	uint32_t n_ended, n_pdd, n_mos;
	uint64_t talked_ms, pdd_ms, mos; /* sums over those; mos in hundredths */
};

/* What becomes of an attempt, for ASR and NER. */
enum window_attempt {
	WINDOW_ANSWERED,
	WINDOW_EFFECTIVE, /* the network did its part: busy, no answer, refused, no such number */
	WINDOW_FAILED,
};

struct windows;
typedef void (*windows_tell_fn)(void *arg, const struct ctl_quality *quality);

/* tell: what is known of a trunk has changed. NULL when memory is short. */
struct windows *windows_new(windows_tell_fn tell, void *arg);
void windows_free(struct windows *ws);

/* Classes and trunks from now on; trunks that are gone are forgotten. cfg may go afterwards. */
void windows_config(struct windows *ws, const struct cfg *cfg, uint64_t wall_ms);

void windows_attempt(
	struct windows *ws, const char *trunk, enum window_attempt what, uint64_t wall_ms);
/* Of an attempt: from its INVITE until the called side rang, in ms. */
void windows_pdd(struct windows *ws, const char *trunk, uint64_t pdd_ms, uint64_t wall_ms);
/* An answered call is over. mos in hundredths, 0: not known. */
void windows_ended(
	struct windows *ws, const char *trunk, uint64_t talked_ms, uint32_t mos, uint64_t wall_ms);
void windows_tick(struct windows *ws, uint64_t wall_ms); /* about once a second */
/* Forgets the calls of a trunk, and that it was bad; NULL: of all. false: nothing is known of it. */
bool windows_clear(struct windows *ws, const char *trunk, uint64_t wall_ms);

/* All trunks of which anything is known, for a worker that is new. */
void windows_each(const struct windows *ws, windows_tell_fn row, void *arg);
/* As it was told; NULL: nothing is known. Valid until the next call. */
const struct ctl_quality *windows_told(const struct windows *ws, const char *trunk);

struct windows_figures {
	uint32_t window_min; /* that the sums are of */
	struct window_sample sum;
	/* Of a trunk beyond a bound: calls of its trial so far, and how many it takes; else 0. */
	uint32_t trial_calls, trial_of;
};
/* false: nothing is known of the trunk. */
bool windows_figures(
	const struct windows *ws, const char *trunk, uint64_t wall_ms, struct windows_figures *ret);

/* A figure of a sum, in the units of struct ctl_quality_breach; false: it has no calls for it. */
bool window_value(const struct window_sample *sum, enum ctl_quality_metric metric,
	uint32_t *ret_value, uint32_t *ret_calls);
