/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The connection to limen-dataplane: brings ports, media addresses and sessions there, keeps the
 * statistics segment, passes events on. It reconnects for ever. limen-control's one thread.
 *
 * Order: ports, then media addresses, then sessions. What the data plane refuses is tried again
 * each second (a device may appear later) and does not hold up the rest.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "controlplane/config/cfg.h"
#include "controlplane/media/blocks.h"
#include "controlplane/media/prompts.h"
#include "controlplane/media/segment.h"
#include "controlplane/media/sessions.h"

struct dpclient;

struct dpclient_ops {
	/*
	 * The generation for requests. bump: the data plane may have sessions of this process that
	 * were ended while it was away; a new generation lets SESSION_SWEEP tell them.
	 */
	uint32_t (*generation)(void *arg, bool bump);
	/* A leg that should receive did not. */
	void (*media_timeout)(void *arg, struct media_session *session, unsigned int leg);
	/* What was played to a leg has come to its end. */
	void (*play_done)(
		void *arg, struct media_session *session, unsigned int leg, uint32_t serial);
	/* It is connected now, or no longer. NULL: nobody wants to know. */
	void (*changed)(void *arg);
	void *arg;
	/* A digit that a leg's media brought; may be NULL. */
	void (*dtmf)(void *arg, struct media_session *session, const struct dp_event_dtmf *event);
};

struct dpclient_state {
	bool connected;
	pid_t pid;
	uint64_t since_ms; /* wall clock */
	uint64_t restarts;
	uint32_t n_workers;
	struct ipc_stats stats;
	uint64_t refused; /* requests that the data plane refused */
};

/* path: RUN/dataplane.sock; copied. */
struct dpclient *dpclient_new(
	struct event_base *base, const char *path, const struct dpclient_ops *ops);
void dpclient_free(struct dpclient *dp);
/* The sessions, prompts and blocked sources it serves; the sessions' ops.dirty and ops.sums are the two
 * functions below. */
void dpclient_start(struct dpclient *dp, struct sessions *sessions, struct prompts *prompts,
	struct blocks *blocks);
void dpclient_pump_later(struct dpclient *dp);
bool dpclient_sums(const struct dpclient *dp, const struct media_session *session,
	struct dp_stream_sum ret_sums[DP_LEGS]);
/* struct blocks_ops: what the workers have dropped of a blocked source's. */
uint64_t dpclient_block_drops(const struct dpclient *dp, uint32_t row);
/* How far its SRTP has come, as the segment has it now: into conf. */
bool dpclient_srtp(
	const struct dpclient *dp, const struct media_session *s, struct dp_session *conf);

/* Ports and media addresses are to be these from now on. -ENOSPC: more than the data plane takes. */
int dpclient_check(const struct cfg *cfg, char error[CFG_ERROR_MAX])
	__attribute__((warn_unused_result));
void dpclient_apply(struct dpclient *dp, const struct cfg *cfg);
/* Lost when the data plane is away or slow: the next one says it again. */
void dpclient_rating(struct dpclient *dp, const struct dp_rating *rating);
/* The counters of a list, or with an empty name and family 0 of all, begin at 0. -ENOTCONN. */
int dpclient_acl_clear(struct dpclient *dp, const char *name, uint32_t family);
/* Everybody has claimed what is theirs: sessions of older generations can go. */
void dpclient_sweep(struct dpclient *dp);

const struct segment_map *dpclient_segment(const struct dpclient *dp); /* header NULL: none */
void dpclient_state(const struct dpclient *dp, struct dpclient_state *ret_state);
/* A digit for a leg; when the data plane is away it is lost, as late it would do harm. */
void dpclient_press(
	struct dpclient *dp, const struct media_session *session, const struct ctl_dtmf *msg);
