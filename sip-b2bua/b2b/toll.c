/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See toll.h. */
#include "sip-b2bua/b2b/toll.h"

#include <stdlib.h>
#include <string.h>

#include "controlplane/base/view.h"

#define MINUTE_MS 60000

void tolls_init(struct tolls *all)
{
	pthread_mutex_init(&all->lock, NULL);
}

void tolls_clear(struct tolls *all)
{
	free(all->list);
	pthread_mutex_destroy(&all->lock);
	memset(all, 0, sizeof(*all));
}

static uint32_t bucket_of(uint32_t tag, const char *subject)
{
	uint32_t hash = 2166136261U ^ tag;

	for (; *subject; subject++)
		hash = (hash ^ (uint8_t)*subject) * 16777619U;
	return hash % TOLL_BUCKETS;
}

/* Under the lock; NULL: memory is short, or the subject too long. */
static struct toll *find(struct tolls *all, uint32_t tag, const char *subject)
{
	uint32_t bucket = bucket_of(tag, subject), i;
	struct toll *t;

	for (i = all->buckets[bucket]; i != 0; i = all->list[i - 1].next) {
		t = &all->list[i - 1];
		if (t->ctl.tag == tag && strcmp(t->ctl.subject, subject) == 0)
			return t;
	}
	if (all->n == all->cap) {
		uint32_t cap = all->cap ? all->cap * 2 : 64;
		struct toll *list = reallocarray(all->list, cap, sizeof(*list));

		if (!list)
			return NULL;
		all->list = list;
		all->cap = cap;
	}
	t = &all->list[all->n];
	memset(t, 0, sizeof(*t));
	if (view_copy(view_of(subject), t->ctl.subject, sizeof(t->ctl.subject)) < 0)
		return NULL;
	t->ctl.tag = tag;
	t->next = all->buckets[bucket];
	all->buckets[bucket] = ++all->n;
	return t;
}

static void window_empty(struct ctl_toll *ctl)
{
	memset(ctl->calls, 0, sizeof(ctl->calls));
	memset(ctl->talked_ms, 0, sizeof(ctl->talked_ms));
}

/* The window ends now: slices that are too old fall out. */
static void window_slide(struct ctl_toll *ctl, uint64_t now_ms)
{
	uint64_t slice_ms = (uint64_t)ctl->period_s * 1000 / CTL_TOLL_SLICES, slice;

	if (ctl->period_s == 0)
		return;
	slice = now_ms / slice_ms;
	/* A clock that was set back leaves the window as it is until it catches up, or a period passes. */
	if (slice + CTL_TOLL_SLICES < ctl->slice || slice >= ctl->slice + CTL_TOLL_SLICES)
		window_empty(ctl);
	else
		for (uint64_t s = ctl->slice + 1; s <= slice; s++)
			ctl->calls[s % CTL_TOLL_SLICES] = ctl->talked_ms[s % CTL_TOLL_SLICES] = 0;
	if (slice > ctl->slice || slice + CTL_TOLL_SLICES < ctl->slice)
		ctl->slice = slice;
}

static uint32_t calls_of(const struct ctl_toll *ctl)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < CTL_TOLL_SLICES; i++)
		n += ctl->calls[i];
	return n;
}

/* With what calls that are up have talked so far. */
static uint64_t talked_of(const struct toll *t, uint64_t now_ms)
{
	uint64_t ms = (uint64_t)t->n_answered * now_ms;

	ms = ms > t->answered_sum_ms ? ms - t->answered_sum_ms : 0;
	for (unsigned int i = 0; i < CTL_TOLL_SLICES; i++)
		ms += t->ctl.talked_ms[i];
	return ms;
}

static enum toll_cause judge(const struct toll *t, const struct cfg_toll *toll, uint64_t now_ms)
{
	if (toll->max_conn && t->ctl.n_calls >= toll->max_conn)
		return TOLL_CONN;
	if (toll->calls && calls_of(&t->ctl) >= toll->calls)
		return TOLL_CALLS;
	if (toll->minutes && talked_of(t, now_ms) >= (uint64_t)toll->minutes * MINUTE_MS)
		return TOLL_MINUTES;
	return TOLL_FITS;
}

enum toll_cause toll_begin(struct tolls *all, const struct cfg_toll *toll, const char *subject,
	uint64_t now_ms, uint32_t *ret_index)
{
	enum toll_cause cause = TOLL_CONN;
	struct toll *t;

	*ret_index = TOLL_NONE;
	pthread_mutex_lock(&all->lock);
	t = find(all, toll->tag, subject);
	if (t && t->ctl.period_s != toll->period_s) {
		window_empty(&t->ctl);
		t->ctl.period_s = toll->period_s;
	}
	if (t) {
		window_slide(&t->ctl, now_ms);
		cause = judge(t, toll, now_ms);
	}
	if (t && cause != TOLL_FITS) {
		t->ctl.tripped_ms = now_ms;
		if (toll->action == CFG_TOLL_ALARM)
			t->ctl.n_alarms++;
		else
			t->ctl.n_refused++;
	}
	if (t && (cause == TOLL_FITS || toll->action == CFG_TOLL_ALARM)) {
		t->ctl.n_calls++;
		t->ctl.calls[t->ctl.slice % CTL_TOLL_SLICES]++;
		*ret_index = (uint32_t)(t - all->list);
	}
	pthread_mutex_unlock(&all->lock);
	return cause;
}

uint32_t toll_again(struct tolls *all, uint32_t tag, const char *subject, uint64_t answer_ms)
{
	uint32_t index = TOLL_NONE;
	struct toll *t;

	pthread_mutex_lock(&all->lock);
	t = find(all, tag, subject);
	if (t) {
		t->ctl.n_calls++;
		t->n_answered++;
		t->answered_sum_ms += answer_ms;
		index = (uint32_t)(t - all->list);
	}
	pthread_mutex_unlock(&all->lock);
	return index;
}

void toll_answered(struct tolls *all, uint32_t index, uint64_t answer_ms)
{
	pthread_mutex_lock(&all->lock);
	all->list[index].n_answered++;
	all->list[index].answered_sum_ms += answer_ms;
	pthread_mutex_unlock(&all->lock);
}

void toll_end(struct tolls *all, uint32_t index, uint64_t answer_ms, uint64_t now_ms)
{
	struct toll *t;

	pthread_mutex_lock(&all->lock);
	t = &all->list[index];
	t->ctl.n_calls--;
	window_slide(&t->ctl, now_ms);
	if (answer_ms != 0) {
		t->n_answered--;
		t->answered_sum_ms -= answer_ms;
		if (now_ms > answer_ms)
			t->ctl.talked_ms[t->ctl.slice % CTL_TOLL_SLICES] += now_ms - answer_ms;
	}
	pthread_mutex_unlock(&all->lock);
}

void toll_restore(struct tolls *all, const struct ctl_toll *toll)
{
	struct toll *t;

	pthread_mutex_lock(&all->lock);
	t = find(all, toll->tag, toll->subject);
	if (t && t->ctl.slice == 0) {
		uint32_t n_calls = t->ctl.n_calls; /* of calls that are back already */

		t->ctl = *toll;
		t->ctl.n_calls = n_calls;
	}
	pthread_mutex_unlock(&all->lock);
}

bool toll_copy(struct tolls *all, uint32_t index, uint64_t now_ms, struct ctl_toll *ret_toll)
{
	bool there;

	pthread_mutex_lock(&all->lock);
	there = index < all->n;
	if (there) {
		struct toll *t = &all->list[index];

		window_slide(&t->ctl, now_ms);
		*ret_toll = t->ctl;
		ret_toll->index = index;
		ret_toll->window_calls = calls_of(&t->ctl);
		ret_toll->window_s = (uint32_t)(talked_of(t, now_ms) / 1000);
	}
	pthread_mutex_unlock(&all->lock);
	return there;
}

void toll_reset(struct tolls *all, const char *subject)
{
	pthread_mutex_lock(&all->lock);
	for (uint32_t i = 0; i < all->n; i++) {
		struct ctl_toll *ctl = &all->list[i].ctl;

		if (subject[0] && strcmp(ctl->subject, subject) != 0)
			continue;
		window_empty(ctl);
		ctl->n_refused = ctl->n_alarms = ctl->tripped_ms = 0;
	}
	pthread_mutex_unlock(&all->lock);
}
