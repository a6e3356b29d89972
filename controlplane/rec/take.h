/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One recording: both directions of a session on one time line, written to files while there is
 * room. When there is none, or a file cannot be written, the part ends and another begins when it
 * can. Owner: struct rec, one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/rec/dir.h"
#include "controlplane/rec/files.h"
#include "controlplane/rec/store.h"

struct take {
	struct ctl_rec conf;
	uint32_t rate_hz;
	struct rec_dir *dir[DP_LEGS]; /* NULL: no part is being written */
	uint64_t origin_us;	      /* of the part */
	uint64_t written;	      /* samples of the part that are in the files */
	struct rec_files files;
	uint32_t part;		     /* number of the present or last one; 0: none yet */
	uint64_t n_bytes;	     /* of parts that are finished */
	uint32_t tracks;	     /* of the last part */
	uint64_t retry_us;	     /* when to begin the next part */
	uint64_t end_us;	     /* when it was over; 0: it is not */
	uint64_t over_us;	     /* with end_us: until when copies are waited for */
	uint64_t claim_us;	     /* 0: limen-control wants it; else until when it must say so */
	char note[CTL_REC_NOTE_MAX]; /* why it is not written; empty: it is */
	struct rec_dir_counts counts; /* of parts that are over */
};

/* What codecs of a leg could be heard by; 8000 or 16000. */
uint32_t take_rate(const struct ctl_rec *conf);
/* NULL when memory is short. Writes nothing yet. */
struct take *take_new(const struct ctl_rec *conf);
/* After take_stop(). */
void take_free(struct take *t);
/* Other payload types of the same session. */
void take_conf(struct take *t, const struct ctl_rec *conf);

/* Begins a part at since_us. The errno of what failed, which is noted; or 0. */
int take_start(struct take *t, struct rec_store *store, const struct ctl_rec_policy *policy,
	uint64_t since_us, uint64_t now_us);
/* Ends it; what came until now_us is in it. why: a sentence, or NULL: the recording is over. */
void take_stop(struct take *t, struct rec_store *store, uint64_t now_us, const char *why);
static inline bool take_runs(const struct take *t)
{
	return t->dir[0] != NULL;
}

/* A packet of that time is so far ahead of what is written that room on the time line runs out. */
bool take_is_behind(const struct take *t, uint64_t time_us);
/* Writes what does not change any more, as of now_us. The errno of writing. */
int take_write(struct take *t, uint64_t now_us) __attribute__((warn_unused_result));

void take_status(const struct take *t, bool ended, struct ctl_rec_status *ret_status);
void take_counts(const struct take *t, struct rec_dir_counts *sum);
