/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The calls of the box as limen-control knows them: limen-sip's description and checkpoint, the
 * media sessions, and the end with its record. Owner of struct call; limen-control's one thread.
 *
 * A call begins with the first CTL_CALL_PUT or CTL_MEDIA_SET of its id and ends when its record is
 * in the spool; only then CTL_CALL_END is acknowledged. In between limen-sip may be restarted (its
 * calls are given back, or ended when nobody had answered) and so may this process (limen-sip puts
 * all calls again).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/base/idmap.h"
#include "controlplane/media/sessions.h"
#include "controlplane/records/spool.h"

#define CALLS_WORKERS_MAX 64

enum call_phase {
	CALL_LIVE,
	CALL_ENDING,  /* waits for the data plane's last counters */
	CALL_WRITING, /* waits for the record to be written */
};

enum call_record {
	CALL_RECORD_NONE,
	CALL_RECORD_RULE,    /* the configuration wants it recorded */
	CALL_RECORD_DEMAND,  /* an operator does */
	CALL_RECORD_STOPPED, /* an operator does not */
};

struct call_recording;

struct call {
	TAILQ_ENTRY(call) link; /* oldest first */
	struct ctl_call info;
	bool described; /* info came from limen-sip, else only id and times are known */
	bool restore_due;
	bool tried;	 /* its attempt at a trunk is in the windows */
	bool ended;	 /* and so is its end */
	bool spooled;	 /* the spool has the record, at least in memory */
	uint8_t phase;	 /* enum call_phase */
	uint32_t worker; /* of limen-sip */
	void *checkpoint;
	size_t checkpoint_len;
	struct media_session *media[CTL_MEDIA_MAX];
	/* who waits for the acknowledgement of CTL_CALL_END; connection 0: nobody */
	struct media_ticket end_ticket;
	struct ctl_call_clear clear;	  /* call_id 0: none is asked for */
	uint32_t digits[DP_LEGS];	  /* that the data plane heard in the media of each leg */
	uint8_t record_wish;		  /* enum call_record */
	bool record_decided;		  /* the configuration was looked at */
	struct call_recording *recording; /* recordings.c's; NULL: never recorded */
};
TAILQ_HEAD(call_list, call);

struct calls_ops {
	/* To a worker of limen-sip; false when it is away. */
	bool (*send)(void *arg, uint32_t worker, uint16_t type, const void *part1, size_t len1,
		const void *part2, size_t len2);
	void (*reply)(void *arg, const struct media_ticket *ticket, uint16_t type, int32_t status,
		const void *body, size_t len);
	/* How many messages may still be queued for a worker without filling its queue. */
	unsigned int (*room)(void *arg, uint32_t worker);
	uint64_t (*wall_ms)(void *arg);
	uint64_t (*mono_ms)(void *arg);
	uint32_t (*prompt_ms)(void *arg, const char *name); /* its length; 0: there is none */
	/* To the data plane: how voice from a leg is rated. */
	void (*rating)(void *arg, const struct dp_rating *rating);
	void *arg;
	/* A digit for the media of a leg; NULL: there is no data plane. */
	void (*press)(void *arg, const struct media_session *session, const struct ctl_dtmf *msg);
};

struct calls_counts {
	uint64_t live, ending, restored, cut_short, cleared_for_silence;
};

struct calls;

struct calls *calls_new(const struct calls_ops *ops);
void calls_free(struct calls *calls);
void calls_bind(struct calls *calls, struct sessions *sessions, struct spool *spool);
struct recordings;
/* Who records calls; without it nobody does. */
void calls_record_with(struct calls *calls, struct recordings *recordings);
struct windows;
/* Where it is counted how calls to trunks go; without it nowhere. */
void calls_count_in(struct calls *calls, struct windows *windows);

/* From limen-sip; the messages were checked for their form (ctl_call_ok, ctl_media_ok). */
int calls_put(struct calls *calls, uint32_t worker, const struct ctl_call *info,
	const void *checkpoint, size_t len);
void calls_end(struct calls *calls, uint32_t worker, const struct media_ticket *ticket,
	const struct ctl_call *info);
void calls_media_set(struct calls *calls, uint32_t worker, const struct media_ticket *ticket,
	const struct ctl_media *media);
void calls_media_close(struct calls *calls, const struct ctl_media_id *id);
void calls_dtmf_send(struct calls *calls, const struct ctl_dtmf *msg);

/*
 * A worker said HELLO and has no calls: it gets back what is answered, the rest ends with a
 * record. Calls of workers that do not exist any more are dealt out to those that do. Ends with
 * CTL_RESTORE_DONE. calls_restore_more() goes on when its queue has room again.
 */
void calls_restore(struct calls *calls, uint32_t worker, uint32_t n_workers);
void calls_restore_more(struct calls *calls, uint32_t worker);
/* A worker that kept its calls is back: what was asked to be ended meanwhile is asked again. */
/*
 * An operator plays a prompt to legs (bits) of a call. -ENOENT; -ENODATA: no such prompt; -EBUSY: not
 * answered, or its end is the box; -ENOTSUP: a codec that the box cannot make; -ENOTCONN.
 */
int calls_play(struct calls *calls, uint64_t id, uint32_t legs, const char *prompt);
void calls_clear_again(struct calls *calls, uint32_t worker);

/* Asks the owner to end a call. -ENOENT, -ENOTCONN (it is asked when it is back). */
int calls_clear(
	struct calls *calls, uint64_t id, uint32_t q850, uint32_t released_by, const char *reason);
/*
 * About once a second: records that could not be written are tried again, and every fourth of the
 * calls is rated anew where the box reports to the far end itself.
 */
void calls_tick(struct calls *calls);

/* ---- callbacks of sessions and spool; arg is the struct calls ---- */
void calls_media_answer(void *arg, const struct media_session *session,
	const struct media_ticket *ticket, int32_t status);
void calls_dtmf_heard(
	void *arg, const struct media_session *session, const struct dp_event_dtmf *event);
void calls_media_gone(void *arg, struct media_session *session);
void calls_media_lost(void *arg, struct media_session *session, int error);
void calls_play_done(
	void *arg, const struct media_session *session, unsigned int leg, uint32_t serial);
void calls_media_timeout(void *arg, struct media_session *session, unsigned int leg);
void calls_media_no_keys(void *arg, const struct media_session *session, unsigned int leg);
void calls_record_written(void *arg, uint64_t id);

/* The record of a call as it would be if it ended now; call_quality.c. */
void calls_record(const struct calls *calls, const struct call *call, uint64_t wall_now_ms,
	struct record *ret_record);
/* What limen-sip said of a call, and what limen-control knows better: suites of handshakes. */
void calls_info(const struct call *call, struct ctl_call *ret_info);
const struct call_list *calls_list(const struct calls *calls);
struct call *calls_find(const struct calls *calls, uint64_t id);
void calls_counts(const struct calls *calls, struct calls_counts *ret_counts);
/* The form of a struct ctl_call from limen-sip. */
bool ctl_call_ok(const struct ctl_call *call);
