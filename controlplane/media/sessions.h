/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Media sessions as limen-control holds them: one for each media line of a call, found by
 * (call id, media index). This is the state that the data plane is made to have; dpclient.c does
 * the talking: it asks sessions_next() for what to send and reports with sessions_done().
 *
 * Because the state is here and not in a queue of messages, there is at most one request of a
 * session under way, a reconnection needs no memory of what was sent, and a data plane that is
 * away costs nothing: sessions are allocated and answered as ever and follow when it is back, so
 * that calls survive its restart. Only before limen-control has ever met a data plane, new
 * sessions are refused (-EAGAIN): nobody knows yet how many workers share the ports.
 *
 * limen-control's one thread. Time is an input.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/base/idmap.h"
#include "controlplane/media/realms.h"

/* To whom a CTL_MEDIA_SET is answered. */
struct media_ticket {
	uint32_t worker, connection; /* of limen-sip */
	uint32_t seq;
	uint32_t generation;
};

struct media_waiter;

struct media_session {
	uint64_t id, call_id;
	uint32_t index;
	void *owner;		/* the call's; for callbacks */
	struct dp_session conf; /* as wanted */
	struct ctl_dtls dtls[DP_LEGS];
	struct media_dtls_keys *dtls_keys; /* by handshake; NULL: no leg has a role */
	uint32_t cookie;		   /* of limen-sip */
	struct ctl_play play[DP_LEGS];
	char realm_name[DP_LEGS][CTL_NAME_MAX];
	struct media_realm *realm[DP_LEGS]; /* whose ports it holds; NULL: there is no such leg */
	uint64_t set_ms;		    /* monotonic: of the last change */
	/* private to sessions.c */
	bool wanted; /* it is to be in the data plane */
	bool known;  /* it is in the data plane, as far as this connection goes */
	bool tap;    /* both legs are copied for limen-rec */
	bool reset;  /* to be removed and added: a local address changed */
	bool queued;
	uint16_t inflight; /* enum dp_msg under way, 0: none */
	uint32_t rev, sent_rev, acked_rev;
	int error; /* last refusal */
	bool has_streams;
	uint32_t stream[DP_LEGS]; /* slots in the statistics segment */
	struct ipaddr latched[DP_LEGS];
	struct dp_stream_sum carried[DP_LEGS]; /* of lives in the data plane that are over */
	uint32_t source;		       /* enum record_source of carried */
	/* The jitter of each leg, looked at once a second while packets come. */
	uint64_t jitter_sum_us[DP_LEGS];
	uint32_t n_jitter[DP_LEGS];
	TAILQ_ENTRY(media_session) dirty_link;
	STAILQ_HEAD(, media_waiter) waiters;
};

/* What limen-nat agreed on for the legs of a session. */
struct media_dtls_keys {
	bool keyed[DP_LEGS];
	struct dp_srtp rx[DP_LEGS], tx[DP_LEGS];
	uint32_t flags[DP_LEGS]; /* of the leg, once it is keyed */
};

struct sessions_ops {
	/* A CTL_MEDIA_SET is done: 0 or the data plane's refusal. The session is as it is now. */
	void (*answer)(void *arg, const struct media_session *session,
		const struct media_ticket *ticket, int32_t status);
	/* The data plane does not have it any more; carried holds its sums. May free it. */
	void (*gone)(void *arg, struct media_session *session);
	/* The data plane refused it in a replay: the call has no media. */
	void (*lost)(void *arg, struct media_session *session, int error);
	/* A leg wants a handshake, another one, or (role NONE) none any more. */
	void (*dtls)(void *arg, const struct media_session *session, unsigned int leg);
	/* Something is to be sent. Called often; remember and pump at the end of the turn. */
	void (*dirty)(void *arg);
	/* The counters as the shared segment has them now; false: there is no segment. */
	bool (*sums)(void *arg, const struct media_session *session,
		struct dp_stream_sum ret_sums[DP_LEGS]);
	/* What the data plane is told of what is to be played; as prompts_resolve(). */
	int (*play)(void *arg, const struct ctl_play *play, struct dp_play *ret_play);
	/* The same of how far its SRTP has come: into srtp_rx and srtp_tx of conf. */
	bool (*srtp)(void *arg, const struct media_session *session, struct dp_session *conf);
	void *arg;
};

struct sessions_counts {
	uint64_t sessions, added, refused, exhausted;
};

struct sessions;

struct sessions *sessions_new(struct media_realms *realms, const struct sessions_ops *ops);
void sessions_free(struct sessions *ss);

/*
 * A CTL_MEDIA_SET that was checked for its form (ctl_media_ok). 0: answer() follows, perhaps
 * inside. Else it is refused and nothing changed: -ENOENT unknown realm, -EAFNOSUPPORT the realm
 * has no media address of that family, -ENOSPC no free ports, -EADDRINUSE, -ERANGE (a claimed port
 * is not in the realm's range), -EXDEV (claimed ports of two owners), -EAGAIN, -ENOMEM.
 */
int sessions_set(struct sessions *ss, const struct ctl_media *media,
	const struct media_ticket *ticket, void *owner, uint64_t now_ms,
	struct media_session **ret_session) __attribute__((warn_unused_result));
struct media_session *sessions_find(const struct sessions *ss, uint64_t call_id, uint32_t index);
/* Takes it out of the data plane; gone() follows, perhaps inside. */
void sessions_close(struct sessions *ss, struct media_session *session, uint64_t now_ms);
bool sessions_is_gone(const struct media_session *session);
/* After gone(), when nobody needs the sums any more. */
void sessions_forget(struct sessions *ss, struct media_session *session, uint64_t now_ms);
/* Sums until now: what is carried and what the segment shows. Returns enum record_source. */
uint32_t sessions_sum(const struct sessions *ss, const struct media_session *session,
	struct dp_stream_sum ret_sums[DP_LEGS]);

/*
 * Looks at the jitter of a part of all sessions; called part by part it gets round all of them.
 * n_parts: how many calls make a round.
 */
void sessions_sample(struct sessions *ss, uint32_t n_parts);

/*
 * Keys of a handshake. 0; -ENOENT: no such leg, or not of that association any more. keys may
 * come again.
 */
int sessions_keys(struct sessions *ss, const struct ctl_nat_keys *keys)
	__attribute__((warn_unused_result));
bool sessions_keyed(const struct media_session *session, unsigned int leg);
/*
 * After our own start limen-nat tells the keys that it made before. Until sessions_keys_told()
 * legs that have none are not sent, so that a call which the data plane still carries is not
 * silenced.
 */
void sessions_keys_told(struct sessions *ss);

/* Copies of its RTP for limen-rec, from now on or no more. */
void sessions_tap(struct sessions *ss, struct media_session *session, bool on);

/* ---- for dpclient.c ---- */

/* The next request, or false. type is ADD, MODIFY or REMOVE of enum dp_msg. */
bool sessions_next(struct sessions *ss, uint16_t *ret_type, struct media_session **ret_session);
bool sessions_idle(const struct sessions *ss); /* nothing to send, nothing under way */
/* body: of the reply; checked here. -EPROTO: not what was asked for. */
int sessions_done(struct sessions *ss, uint64_t id, uint16_t type, int32_t status, const void *body,
	size_t len, uint64_t now_ms) __attribute__((warn_unused_result));
/* Connected and greeted. same_boot: the data plane is the one we knew (its counters go on). */
void sessions_up(struct sessions *ss, uint32_t n_workers, bool same_boot);
void sessions_down(struct sessions *ss, uint64_t now_ms);
/* Media addresses came: what was refused for their lack is tried again. */
void sessions_retry(struct sessions *ss);
struct media_session *sessions_by_id(const struct sessions *ss, uint64_t id);
struct media_session *sessions_walk(const struct sessions *ss, size_t *pos);
void sessions_counts(const struct sessions *ss, struct sessions_counts *ret_counts);
uint32_t sessions_n_workers(const struct sessions *ss); /* 0: not known yet */

/* The form of a message from limen-sip: names, addresses, reserved bytes. */
bool ctl_media_ok(const struct ctl_media *media);
