/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A call record: what is kept of one attempt, answered or not, and its form as a line of JSON.
 * Schema version 1, documented field by field at record_print(). Pure functions; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/api/quality.h"

#define RECORD_SCHEMA	1
#define RECORD_LINE_MAX 49152

/* Where the media counters of a record come from. */
enum record_source {
	RECORD_MEDIA_NONE,	/* the attempt never had media */
	RECORD_MEDIA_DATAPLANE, /* final answer of the data plane */
	RECORD_MEDIA_SEGMENT,	/* last seen in the shared segment: the data plane was away */
	RECORD_MEDIA_UNKNOWN,	/* it had media, and neither was there */
};

/* What limen-rec told last of the recording of a media line. */
#define RECORD_RECORDINGS_MAX 2
struct record_recording {
	uint32_t n;
	struct ctl_rec_status line[RECORD_RECORDINGS_MAX];
};

struct record {
	struct ctl_call call;
	uint32_t n_media;		    /* lines that had a session */
	uint32_t source;		    /* enum record_source; the worst of the lines */
	struct dp_stream_sum from[DP_LEGS]; /* summed over the lines; jitter: the largest */
	struct quality quality;
	struct record_recording recording;
};

/* How an attempt ended. X(symbol, word in the record and in counters, sentence). */
#define RECORD_OUTCOMES(X)                                                               \
	X(ANSWERED, "answered", "answered with 2xx")                                     \
	X(BUSY, "busy", "486, 600")                                                      \
	X(NO_ANSWER, "no-answer", "408, 480, 487 sent by the box: nobody took the call") \
	X(CANCELLED, "cancelled", "487: the caller gave up")                             \
	X(REDIRECTED, "redirected", "3xx")                                               \
	X(REFUSED, "refused", "any other 4xx or 6xx")                                    \
	X(FAILED, "failed", "5xx")                                                       \
	X(NO_FINAL, "no-final", "ended without a final answer (a process was restarted)")

enum record_outcome {
#define X(sym, word, text) RECORD_##sym,
	RECORD_OUTCOMES(X)
#undef X
		RECORD_OUTCOME_N,
};

/* What counts of an attempt. */
struct record_totals {
	uint64_t n, answered_ms; /* records; sum of the durations of answered calls */
	uint64_t by_outcome[RECORD_OUTCOME_N];
};

enum record_outcome record_outcome(const struct ctl_call *call);
void record_count(struct record_totals *totals, enum record_outcome outcome, uint64_t duration_ms);
const char *record_outcome_word(enum record_outcome outcome);

/* Adds the counters of one more media line, or of one more life of the data plane. */
void record_sum_add(struct dp_stream_sum *sum, const struct dp_stream_sum *more);
/* The worse of two sources, NONE being no source at all. */
uint32_t record_source_add(uint32_t a, uint32_t b);

/*
 * One line with its newline; returns its length, 0 when buf is too small. Every line begins with
 * {"schema":1,"id":"<16 hexadecimal digits>" in exactly this form: record_line_id() reads it.
 */
size_t record_print(const struct record *record, const char *node, char *buf, size_t size);
/* The id of a line; -EINVAL when it does not begin as a record does. */
int record_line_id(const char *line, size_t len, uint64_t *ret_id)
	__attribute__((warn_unused_result));
/* Outcome and duration (0: none) of a line; -EINVAL when it has none. */
int record_line_outcome(const char *line, size_t len, enum record_outcome *ret_outcome,
	uint64_t *ret_duration_ms) __attribute__((warn_unused_result));
