/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One direction of a recorded call: copies of RTP in, samples on the recording's time line out.
 *
 * The time line counts samples from when the recording began. The first packet lies where it
 * arrived, the next ones where their timestamps say, so that jitter is not heard; when timestamps
 * and arrival drift apart, or jump, the line is joined anew by arrival. Packets are put in order;
 * what is missing, or is no voice (RFC 4733 events, RFC 3389 noise), is silence.
 *
 * Owner: one thread. Time is an input: microseconds of CLOCK_MONOTONIC, as in the copies.
 */
#pragma once

#include <stdint.h>

#include "dataplane/api/dp_api.h"

#define REC_HOLD_US  200000 /* so long a packet waits for those before it */
#define REC_SLACK_US 400000 /* so far timestamps and arrival may be apart */
/* What is older than this does not change any more. */
#define REC_LAG_US (REC_HOLD_US + REC_SLACK_US + 100000)

struct rec_dir;

struct rec_dir_counts {
	uint64_t packets; /* of them played: */
	uint64_t played, events, duplicates, late, undecodable, no_codec;
};

/* rate_hz of the time line, 8000 or 16000, which begins at origin_us. NULL when memory is short. */
struct rec_dir *rec_dir_new(uint32_t rate_hz, uint64_t origin_us);
void rec_dir_free(struct rec_dir *d);
/* What the leg may send from now on; decoders of what stays are kept. n <= DP_PAYLOAD_TYPES. */
void rec_dir_payloads(struct rec_dir *d, const struct dp_payload *payloads, uint32_t n);

/* Takes a copy of any form: its bytes are a stranger's. */
void rec_dir_put(struct rec_dir *d, const struct dp_tap_packet *packet);
/* Nothing earlier than now_us - REC_HOLD_US is waited for any more. UINT64_MAX: for nothing. */
void rec_dir_advance(struct rec_dir *d, uint64_t now_us);
/*
 * The next n samples of the time line, silence where there is nothing. To be called for what is
 * REC_LAG_US old, and for at most a second at a time.
 */
void rec_dir_take(struct rec_dir *d, int16_t *pcm, uint32_t n);
/* Where the last sample lies. */
uint64_t rec_dir_end(const struct rec_dir *d);

void rec_dir_counts_add(const struct rec_dir *d, struct rec_dir_counts *sum);
