/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How packets are lost: which sequence numbers never came, came twice or came too late, and
 * whether the losses stand alone or in bursts (RFC 3611 4.7.2, Gmin 16).
 *
 * While every packet follows the one before, nothing is done at all: loss_step(), loss_late() are
 * called when a number is skipped or steps back, and take for received whatever lies between the
 * last such moment and the present highest number. Losses are judged when their number leaves a
 * window of LOSS_WINDOW numbers, so that a packet that is merely out of order is no loss.
 *
 * Pure; called by the owning worker, and on copies by anyone who reads the segment.
 */
#pragma once

#include <stdint.h>

#include "dataplane/api/dp_stats.h"

#define LOSS_WINDOW 128 /* more than RTP_MAX_MISORDER */
#define LOSS_GMIN   16

enum loss_verdict {
	LOSS_DUPLICATE, /* this number was here before */
	LOSS_REORDERED, /* it fills a place that was empty, or comes before the first */
};

/* A new run of sequence numbers begins at ext_seq; what was before it (if any) is judged. */
void loss_begin(struct dp_stream_quality *q, uint32_t old_ext_seq, uint32_t ext_seq);
/* The highest number goes from ext_seq to ext_seq + delta (1 and more): what lies between is missing. */
void loss_step(struct dp_stream_quality *q, uint32_t ext_seq, uint32_t delta);
/* A packet with the number ext_seq - back (0 .. LOSS_WINDOW - 1). Counts it. */
enum loss_verdict loss_late(struct dp_stream_quality *q, uint32_t ext_seq, uint32_t back);
/* The last packet that loss_late() called reordered came too late to be played. */
void loss_too_late(struct dp_stream_quality *q, uint32_t back);
/* Judges also what is still in the window; for a copy of the row. */
void loss_finish(struct dp_stream_quality *q, uint32_t ext_seq);
