/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen-rec without its sockets: the recordings that limen-control wants, the copies of RTP that
 * the data plane brings for them, and the files that come of it. Whoever owns it gives it messages
 * and carries what it tells. One thread; now_us is CLOCK_MONOTONIC, as in the copies. What is brought may
 * be read long after it was sent (a disk made the process wait): the times that it says count.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "dataplane/api/dp_api.h"

struct rec_ops {
	/* Something about a recording is otherwise, or it was asked for. */
	void (*status)(void *arg, const struct ctl_rec_status *status);
};

struct rec;

/* path: of the directory of recordings. Negative errno; the reason was logged. */
int rec_new(const char *path, const struct rec_ops *ops, void *arg, struct rec **ret_rec)
	__attribute__((warn_unused_result));
/* Finishes all files. */
void rec_free(struct rec *rec, uint64_t now_us);

/* -EINVAL: malformed. */
int rec_policy(struct rec *rec, const struct ctl_rec_policy *policy)
	__attribute__((warn_unused_result));
/*
 * A session is recorded, or what its legs may send is otherwise. Until the policy is known nothing
 * is written. 0, -EINVAL: malformed, -ENOMEM.
 */
int rec_set(struct rec *rec, const struct ctl_rec *msg, uint64_t now_us)
	__attribute__((warn_unused_result));
/* It is over, at the time that the message says; what is still under way is waited for. */
void rec_end(struct rec *rec, const struct ctl_rec_end *msg, uint64_t now_us);

/*
 * A DP_TAP of len bytes. -EPROTO: malformed; nothing of it was taken then. What is in it comes from
 * strangers.
 */
int rec_tap(struct rec *rec, const void *body, size_t len, uint64_t now_us)
	__attribute__((warn_unused_result));

/* There are recordings: rec_tick() is to be called some ten times a second, else now and then. */
bool rec_busy(const struct rec *rec);
/* Writes what does not change any more. */
void rec_tick(struct rec *rec, uint64_t now_us);

/*
 * limen-control said HELLO. Tells it all recordings; those that another life of it does not claim
 * within REC_CLAIM_US end.
 */
#define REC_CLAIM_US 20000000
void rec_control(struct rec *rec, uint64_t boot_id, uint64_t now_us);
void rec_info(const struct rec *rec, struct ctl_rec_info *ret_info);
