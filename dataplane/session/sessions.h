/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The life of media sessions: added, modified, removed and swept by limen-control; learning of
 * sources and silence told back to it; next hops looked up and followed as the kernel's tables
 * change. Turns all that into letters to the workers.
 *
 * A request is accepted at once (or refused with a negative errno) and answered by the done
 * callback when the owning worker has applied it. Time is an input. No sockets here.
 *
 * Control thread only.
 */
#pragma once

#include <stdint.h>

#include "dataplane/api/dp_api.h"
#include "dataplane/api/dp_stats.h"
#include "dataplane/linux/mirror.h"
#include "dataplane/server/mail.h"
#include "dataplane/session/addrs.h"
#include "dataplane/session/prompts.h"

/* Whom to answer; the server's, only copied here. */
struct session_ticket {
	uint64_t client;
	uint16_t type;
	uint32_t seq, generation;
};

struct sessions_ops {
	/* body is NULL when status is negative. */
	void (*done)(void *arg, const struct session_ticket *ticket, int status, const void *body,
		size_t len);
	/* type is DP_EVENT_TIMEOUT or DP_EVENT_LATCH; lost_events is for the server to fill. */
	void (*event)(void *arg, enum dp_msg type, const struct dp_event *event);
	/* The port and its MAC behind a kernel interface; false: not one of ours. */
	bool (*egress)(void *arg, int ifindex, uint8_t *ret_port, uint8_t ret_mac[6]);
	/* For RTCP of our own, as in reports_conf; frame NULL: there is none. */
	struct rte_mbuf *(*frame)(void *arg);
	uint64_t (*ntp)(void *arg, uint64_t *ret_tsc);
	/* A digit of a leg that has DP_LEG_DTMF; NULL: nobody is told. */
	void (*dtmf)(void *arg, const struct dp_event_dtmf *event);
	/* Something has come to its end; NULL: nobody is told. lost_events as above. */
	void (*played)(void *arg, const struct dp_event_play *event);
};

struct sessions_conf {
	uint32_t max_sessions;
	uint32_t n_workers;
	uint32_t codecs; /* bit n: codec n can be transcoded */
	uint32_t n_mcores;
	const struct dp_core_load *mcore_loads; /* [n_mcores], in the segment */
	uint64_t tsc_hz;
	uint64_t seed; /* random, for what RTCP of our own calls itself */
	struct mail *mail;
	struct mirror *mirror;
	struct addrs *addrs;
	const struct dp_stream_stats *stream_stats; /* [2 * max_sessions], in the segment */
	const struct dp_stream_rare *stream_rare;
	struct srtp_engine *srtp; /* the control thread's */
	struct prompts *prompts;
	const struct sessions_ops *ops;
	void *arg;
};

struct sessions;

/* 0 or -ENOMEM. conf is copied; what it points to must stay. */
int sessions_new(const struct sessions_conf *conf, uint64_t now_ms, struct sessions **ret_sessions)
	__attribute__((warn_unused_result));
void sessions_free(struct sessions *ss);

/*
 * 0: done will be called. -EINVAL, -EADDRINUSE, -EXDEV (session_check, and ports that another
 * session has), -EADDRNOTAVAIL: no such media address or port outside its range, -ENOSPC,
 * -EEXIST: known with other content and not of an older generation, -ENOENT (modify), -ETIMEDOUT:
 * the workers do not move, -ENOTSUP: a codec that is not there, -ENODATA: a prompt that is not there,
 * -EUSERS: a room that is full, -ENOMEM.
 */
int sessions_add(struct sessions *ss, const struct dp_session *conf,
	const struct session_ticket *ticket) __attribute__((warn_unused_result));
int sessions_modify(struct sessions *ss, const struct dp_session *conf,
	const struct session_ticket *ticket) __attribute__((warn_unused_result));
/* -ENOENT. */
int sessions_remove(struct sessions *ss, uint64_t id, const struct session_ticket *ticket)
	__attribute__((warn_unused_result));
/* Removes, bit by bit, what is older than ticket->generation; prompts too. -EAGAIN: too many at once. */
int sessions_sweep(struct sessions *ss, const struct session_ticket *ticket)
	__attribute__((warn_unused_result));

/* Rows in order of id; *ret_more: 1 when there are others. Returns how many. */
uint32_t sessions_dump(struct sessions *ss, uint64_t after_id, uint32_t max, uint64_t now_tsc,
	struct dp_dump_row *ret_rows, uint32_t *ret_more);

/* Whose stream a slot is; false: nobody's any more. */
bool sessions_slot(struct sessions *ss, uint32_t slot, uint64_t *ret_id, unsigned int *ret_leg);
/* As configured; NULL: there is no such session. Valid until the next call of this module. */
const struct dp_leg *sessions_leg(struct sessions *ss, uint64_t id, unsigned int leg);

/*
 * -ENOENT, -EINVAL, -EOPNOTSUPP as DP_DTMF_SEND says; -ETIMEDOUT. 0: it is on its way; whether there
 * was room for it in the leg's queue is only logged.
 */
int sessions_press(struct sessions *ss, const struct dp_dtmf_send *press)
	__attribute__((warn_unused_result));

/* A worker or a media core heard a digit. */
void sessions_digit(struct sessions *ss, const struct worker_digit *digit);

/* For the next reports to a leg; nothing happens when there is no such session, or it gets none. */
void sessions_rating(struct sessions *ss, const struct dp_rating *rating);

/* A worker learned a source. */
void sessions_learned(struct sessions *ss, const struct worker_event *event);
/* What a media core played has come to its end. */
void sessions_played(struct sessions *ss, const struct worker_played *played);
/* From the mirror. */
void sessions_hop_changed(struct sessions *ss, struct mirror_hop *hop);
void sessions_routes_changed(struct sessions *ss);

/* Timers, sweeping and following the routes. Returns true when there is more to do at once. */
bool sessions_turn(struct sessions *ss, uint64_t now_ms, uint64_t now_tsc);

uint32_t sessions_n(const struct sessions *ss);
uint32_t sessions_n_rooms(const struct sessions *ss);
