/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the worker share. A struct sip_worker is written by its own thread only, with
 * two exceptions: the rings into it (one writer each, see handover.h) and wake_pending.
 */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "controlplane/base/pace.h"
#include "sip-b2bua/core/overload.h"
#include "sip-b2bua/defence/defence.h"
#include "sip-b2bua/core/sip_worker.h"
#include "sip-b2bua/trace/trace.h"
#include "sip-b2bua/resolver/resolver.h"

#define HANDOVER_RING 1024 /* messages on the way from one worker to another */

enum handover_kind {
	HANDOVER_RECEIVED,    /* a message that belongs to the other worker */
	HANDOVER_SEND,	      /* to be sent on a connection of the other worker */
	HANDOVER_SEND_FAILED, /* that one did not leave */
	HANDOVER_CONN_GONE,   /* a connection of the sender that was watched; in path */
	HANDOVER_FLOW_TIMER,  /* a connection of the receiver may be silent for err ms */
	HANDOVER_APP,	      /* from the other worker's app to this one's */
};

/* One malloc()ed block; the sender gives it away with the push. */
struct handover {
	uint8_t kind; /* enum handover_kind */
	int err;
	uint64_t origin;
	struct sip_path path;
	size_t n;
	char bytes[];
};

#define SENT_ON 1024

/* One writer (the sending worker), one reader (the owner): two indices, each on its own line. */
struct handover_ring {
	_Alignas(64) atomic_uint head; /* written by the sender */
	_Alignas(64) atomic_uint tail; /* written by the receiver */
	_Alignas(64) struct handover *slots[HANDOVER_RING];
};

/* What is known of limen-control; written by the worker's thread. */
struct control_link {
	struct ipc_peer *peer; /* connected, perhaps before the HELLO reply */
	bool up;	       /* HELLO was accepted */
	uint32_t n_hellos;     /* accepted so far */
	uint32_t generation;
	uint64_t backoff_ms;
	struct twheel_timer retry;
	/* the configuration that is coming in, and the one that waits for APPLY */
	uint64_t revision;
	char *text;
	size_t text_n, text_total;
	struct cfg *prepared;
};

struct sip_worker {
	struct sip_workers *group;
	const struct sip_app_ops *ops;
	void *app;
	unsigned int id;
	struct pace pace;
	pthread_t thread;
	bool thread_started;
	int start_rc;
	struct event_base *base;
	struct twheel *wheel;
	struct event *tick, *wake;
	int wake_fd;
	struct twheel_timer stats_timer;
	struct sip_token_key key;
	bool key_known;
	struct sip_txns *txns;
	struct sip_transport *transport;
	struct trace *trace;
	struct resolver *resolver;
	uint64_t hosts_told; /* hash of what limen-control knows of names; sip_names.c */
	struct defence_conf defence_conf;
	unsigned int defence_lines; /* of the log, in this second */
	struct overload overload;
	int time_fd; /* thread_time_open() */
	struct twheel_timer overload_timer;
	struct cfg *cfg;
	uint64_t cfg_revision;
	bool was_ready;
	struct control_link control;
	struct ctl_sip_stats stats; /* the app's and the worker's own; see stats_send() */
	struct sip_msg msg;	    /* the one being received */
	/* Where INVITEs with Replaces went that fell to this worker, for their CANCEL: by Call-ID. */
	struct {
		uint64_t hash, until_ms;
		unsigned int worker;
	} sent_on[SENT_ON];
	_Alignas(64) atomic_bool wake_pending; /* set by who pushes, cleared by the owner */
};

struct sip_workers {
	struct sip_workers_opts opts;
	uint64_t boot_id;
	atomic_bool stopping;
	atomic_uint n_ready;
	sem_t started;
	struct handover_ring *rings; /* [to * n + from] */
	struct defence *defence;
	struct sip_worker *workers[SIP_WORKERS_MAX];
	atomic_uint refuses[SIP_WORKERS_MAX]; /* percent of new calls, each written by its worker */
};

/* sip_worker.c */
void worker_time(struct sip_worker *w); /* brings the wheel up to the clock */

/* sip_dispatch.c */
extern const struct sip_transport_ops worker_transport_ops;
extern const struct sip_txn_user worker_txn_user;
/* A message that came in here or was handed over. */
void worker_receive(struct sip_worker *w, const struct sip_path *path, const char *bytes, size_t n,
	bool handed_over);

/* A connection of a worker, on which somebody registered, has ended. */
void worker_conn_gone(struct sip_worker *w, unsigned int conn_worker, uint64_t conn);

/* sip_defence.c */
/* As in struct sip_transport_ops; ctx: the worker. */
bool defence_admits(void *ctx, const struct sip_listener *l, const struct ipaddr *remote);
void defence_misbehaved(void *ctx, const struct sip_listener *l, const struct ipaddr *remote);
/* What came, in this order; false: its source is over a limit, and it is dropped. */
bool defence_octets(struct sip_worker *w, const struct sip_path *path);
bool defence_malformed(struct sip_worker *w, const struct sip_path *path);
bool defence_request(struct sip_worker *w, const struct sip_msg *msg, const struct sip_path *path);
/* A request outside of dialogs got a final answer. */
void defence_answered(struct sip_worker *w, const struct sip_path *path,
	const struct ipaddr *source, unsigned int status);
void defence_config(struct sip_worker *w); /* w->cfg is another one */
void defence_second(struct sip_worker *w);
void defence_tell_all(struct sip_worker *w); /* limen-control is there (again) */
/* CTL_BLOCKS_PUT, CTL_BLOCKS_DEL. 0 or -EPROTO. */
int defence_message(struct sip_worker *w, const struct ipc_hdr *hdr, const void *body, size_t len);

/* sip_handover.c */
/* A copy goes to worker `to`. 0, -ENOBUFS (ring full), -ENOMEM. */
int handover_push(struct sip_worker *w, unsigned int to, enum handover_kind kind,
	const struct sip_path *path, const char *bytes, size_t n, uint64_t origin, int err);
void handover_wake(struct sip_worker *to);
void handover_readable(evutil_socket_t fd, short what, void *arg);
void handover_free_all(struct sip_workers *group);

/* sip_trace.c */
void worker_trace_received(
	struct sip_worker *w, const struct sip_msg *msg, const struct sip_path *path);
void worker_trace_sent(
	struct sip_worker *w, const struct sip_path *path, const char *bytes, size_t n);
void worker_trace_config(struct sip_worker *w); /* w->cfg is another one */
void worker_trace_stats(const struct sip_worker *w, struct ctl_sip_stats *stats);
/* Answers CTL_TRACE_GET. 0 or a negative errno of ipc_send(). */
int worker_trace_get(struct sip_worker *w, struct ipc_peer *peer, const struct ctl_trace_get *get);

/* sip_names.c */
void names_changed(void *arg); /* the worker; from its resolver */
void names_tell(struct sip_worker *w);

/* sip_control.c */
void control_start(struct sip_worker *w);
void control_stop(struct sip_worker *w);
void control_flush(struct sip_worker *w);
/* Waits up to us for limen-control and serves what it says; false: nothing came. */
bool control_wait(struct sip_worker *w, uint64_t us);
/* What connections have come up and gone since the last call. */
void control_conns_send(struct sip_worker *w);
void control_stats_send(struct sip_worker *w, const struct ctl_sip_stats *stats);
