/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Losses, duplicates and bursts: see loss.h. */
#include "dataplane/session/loss.h"

#include <stdbool.h>

typedef unsigned __int128 window;

static window load(const uint64_t half[2])
{
	return (window)half[1] << 64 | half[0];
}

static void store(uint64_t half[2], window w)
{
	half[0] = (uint64_t)w;
	half[1] = (uint64_t)(w >> 64);
}

/* What stood together is over: two losses and more are a burst, one alone belongs to the gap. */
static void cluster_close(struct dp_stream_quality *q)
{
	if (q->cluster_lost == 1) {
		q->gap_lost++;
	} else if (q->cluster_lost > 1) {
		q->bursts++;
		q->burst_packets += q->cluster_last - q->cluster_first + 1;
		q->burst_lost += q->cluster_lost;
	}
	q->cluster_lost = 0;
}

/* n numbers from first on are lost. */
static void cluster_add(struct dp_stream_quality *q, uint32_t first, uint32_t n)
{
	if (!q->loss_runs || first != q->cluster_last + 1)
		q->loss_runs++;
	if (q->cluster_lost && first - q->cluster_last > LOSS_GMIN)
		cluster_close(q);
	if (!q->cluster_lost)
		q->cluster_first = first;
	q->cluster_lost += n;
	q->cluster_last = first + n - 1;
}

/* Judges the n oldest numbers of the window (n up to its length), oldest first. */
static void judge_oldest(struct dp_stream_quality *q, uint32_t n)
{
	window bad = ~load(q->history) | load(q->too_late);
	uint32_t span = q->history_seq - q->first_seq;

	/* nothing was expected before the first one */
	if (span < LOSS_WINDOW - 1)
		bad &= ((window)1 << (span + 1)) - 1;
	if (n < LOSS_WINDOW)
		bad = bad >> (LOSS_WINDOW - n) << (LOSS_WINDOW - n);
	while (bad) {
		uint64_t high = (uint64_t)(bad >> 64), low = (uint64_t)bad;
		uint32_t bit = high ? 127 - (uint32_t)__builtin_clzll(high)
				    : 63 - (uint32_t)__builtin_clzll(low);
		cluster_add(q, q->history_seq - bit, 1);
		bad &= ~((window)1 << bit);
	}
}

/* Moves the window up by n numbers, which are empty. */
static void push(struct dp_stream_quality *q, uint32_t n)
{
	if (n >= LOSS_WINDOW) {
		judge_oldest(q, LOSS_WINDOW);
		if (n > LOSS_WINDOW)
			cluster_add(q, q->history_seq + 1, n - LOSS_WINDOW);
		store(q->history, 0);
		store(q->too_late, 0);
	} else if (n) {
		judge_oldest(q, n);
		store(q->history, load(q->history) << n);
		store(q->too_late, load(q->too_late) << n);
	}
	q->history_seq += n;
}

/* Everything up to ext_seq came in its order. */
static void catch_up(struct dp_stream_quality *q, uint32_t ext_seq)
{
	uint32_t n = ext_seq - q->history_seq;
	window full = ~(window)0;

	if (!n)
		return;
	if (n >= LOSS_WINDOW) {
		judge_oldest(q, LOSS_WINDOW);
		store(q->history, full);
		store(q->too_late, 0);
		q->history_seq = ext_seq;
		return;
	}
	push(q, n);
	store(q->history, load(q->history) | full >> (LOSS_WINDOW - n));
}

void loss_finish(struct dp_stream_quality *q, uint32_t ext_seq)
{
	catch_up(q, ext_seq);
	judge_oldest(q, LOSS_WINDOW);
	cluster_close(q);
}

void loss_begin(struct dp_stream_quality *q, uint32_t old_ext_seq, uint32_t ext_seq)
{
	if (q->history[0]) /* it has begun before: the newest number always came */
		loss_finish(q, old_ext_seq);
	store(q->history, 1);
	store(q->too_late, 0);
	q->history_seq = q->first_seq = ext_seq;
	q->duplicates_before = q->duplicates;
}

void loss_step(struct dp_stream_quality *q, uint32_t ext_seq, uint32_t delta)
{
	catch_up(q, ext_seq);
	push(q, delta);
	q->history[0] |= 1;
}

enum loss_verdict loss_late(struct dp_stream_quality *q, uint32_t ext_seq, uint32_t back)
{
	window bit = (window)1 << back;

	catch_up(q, ext_seq);
	if (load(q->history) & bit) {
		q->duplicates++;
		return LOSS_DUPLICATE;
	}
	store(q->history, load(q->history) | bit);
	if (q->history_seq - q->first_seq < back)
		q->first_seq = q->history_seq - back;
	q->reordered++;
	return LOSS_REORDERED;
}

void loss_too_late(struct dp_stream_quality *q, uint32_t back)
{
	store(q->too_late, load(q->too_late) | (window)1 << back);
	q->too_late_packets++;
}
