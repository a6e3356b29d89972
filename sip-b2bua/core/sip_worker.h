/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The workers of limen-sip: N threads that share nothing but the hand-over rings. Each has an event
 * loop, a timer wheel, a transport with its own sockets, a transaction layer and its own connection
 * to limen-control. What is built on top (dialogs, B2BUA, routing) is the app: one object per
 * worker, called in that worker's thread only.
 *
 * A message belongs to the worker that its token names (a response: our branch; a request in a
 * dialog: our To tag), else to the one that a hash of the Call-ID names. One that arrives elsewhere
 * is handed over by a ring. So all messages of a call, on both legs, meet in one thread, provided
 * that the app makes its own tokens with the number of its worker.
 *
 * A worker opens its sockets when the first configuration is applied, that is after HELLO; a lost
 * limen-control is looked for again for ever (50 ms to 1 s apart).
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/base/ipc.h"
#include "controlplane/base/twheel.h"
#include "controlplane/config/cfg.h"
#include "sip-b2bua/core/sip_token.h"
#include "sip-b2bua/transaction/sip_txn.h"
#include "sip-b2bua/transport/sip_transport.h"

#define SIP_WORKERS_MAX 64

struct resolver;
struct sip_worker;
struct sip_workers;
struct trace;

enum sip_admit {
	SIP_ADMIT_YES,
	SIP_ADMIT_NO,	    /* counted in rx_refused, answered with 403 without state */
	SIP_ADMIT_ANSWERED, /* the app has answered it, without state */
};

/* What the app does; all in the worker's thread. Members that may be NULL say so. */
struct sip_app_ops {
	/* The worker is up (wheel, transactions; no configuration yet). 0 or a negative errno. */
	int (*start)(struct sip_worker *worker, void *arg, void **ret_app);
	void (*stop)(void *app);

	/* cfg is parsed and valid and the sockets could be opened. Refuse with a sentence in error.
	 * May be NULL. After 0 exactly one of apply and abort follows. */
	int (*config_prepare)(void *app, const struct cfg *cfg, char error[CFG_ERROR_MAX]);
	/* sip_worker_cfg() is cfg already; old (NULL: none) lives until the return. Cannot fail. */
	void (*config_apply)(void *app, const struct cfg *old, const struct cfg *cfg);
	void (*config_abort)(void *app); /* may be NULL */

	/* As in struct sip_txn_user. */
	void (*request)(void *app, struct sip_stxn *stxn, const struct sip_msg *msg,
		const struct sip_path *path);
	void (*ack)(void *app, const struct sip_msg *msg, const struct sip_path *path);
	void (*stray)(void *app, const struct sip_msg *msg, const struct sip_path *path);
	/* Whether a new request from this source is let in at all, before any state is made
	 * (a realm that takes only its trunks). NULL: all. */
	enum sip_admit (*admit)(void *app, const struct sip_msg *msg, const struct sip_path *path);
	/* A REGISTER belongs to the worker that a number names, modulo their count: that of its
	 * user. false: to that of its Call-ID. NULL: never. */
	bool (*register_owner)(void *app, const struct sip_msg *msg, const struct sip_path *path,
		uint64_t *ret_number);
	/* The worker that a dialog of this one has moved to, by the token of its tag; -1: it has not.
	 * NULL: none ever does. */
	int (*moved_to)(void *app, const struct sip_token *token);
	/* What another worker's app sent by sip_worker_tell(). May be NULL with it. */
	void (*told)(void *app, unsigned int from, const void *bytes, size_t n);

	/*
	 * A connection on which a REGISTER had come has ended: path.conn and path.conn_worker of
	 * bindings that stand on it (RFC 5626 5.3). Told to all workers. May be NULL.
	 */
	void (*conn_gone)(void *app, uint8_t conn_worker, uint64_t conn);

	/* Whether a trunk of the realm, or of one on the same interface, is in a network (of an IPv4
	 * address or prefix_len of IPv6): no limit of a source concerns it. NULL: none is. */
	bool (*trusted)(void *app, const char *realm, const struct ipaddr *net, uint8_t prefix_len);

	/* Whether a new INVITE is let in even while the worker has too much to do. NULL: none. */
	bool (*urgent)(void *app, const struct sip_msg *msg);

	/* A message that came, before anybody reads it, and one that is about to leave, as rules of the
	 * configuration change them: true, and the octets, valid until the next call. May be NULL. */
	bool (*rules_in)(void *app, const struct sip_path *path, struct view msg, struct view *ret);
	bool (*rules_out)(
		void *app, const struct sip_path *path, struct view msg, struct view *ret);

	/* limen-control. restarted: not the first connection of this process, so messages may have
	 * been lost with the one before: replay everything, then CTL_REPLAY_DONE.
	 * CTL_CALL_RESTORE ... come afterwards by themselves. */
	void (*control_up)(void *app, const struct ctl_hello_reply *hello, bool restarted);
	void (*control_down)(void *app);
	void (*media_reply)(
		void *app, uint32_t seq, int32_t status, const struct ctl_media_opened *opened);
	/* Our certificate for DTLS; own is NONE while limen-nat is away. */
	void (*nat_info)(void *app, const struct ctl_nat_info *info);
	void (*transcoder)(void *app, const struct ctl_transcoder *transcoder);
	/* A number map; fd: its image, the callee's, or -1 when the map is gone. */
	void (*numbers)(void *app, const struct ctl_numbers *msg, int fd);
	/* A digit that a leg's media brought. */
	void (*dtmf)(void *app, const struct ctl_dtmf *msg);
	void (*call_end_reply)(void *app, uint32_t seq, int32_t status);
	void (*call_restore)(void *app, const struct ctl_call *call, const void *checkpoint,
		size_t checkpoint_len);
	/* A subscription of a former life of this worker. May be NULL. */
	void (*sub_restore)(
		void *app, const struct ctl_sub *sub, const void *state, size_t state_len);
	void (*restore_done)(void *app);
	void (*call_clear)(void *app, const struct ctl_call_clear *clear);
	void (*call_play)(void *app, const struct ctl_call_play *play);
	void (*play_done)(void *app, const struct ctl_play_done *done);
	/* As in struct sip_txn_user. May be NULL. */
	int (*locate)(void *app, const struct sip_path *path, const struct sip_uri *hop,
		struct sip_path ret_ways[SIP_WAYS_MAX], unsigned int *ret_n);
	bool (*stream_way)(void *app, const struct sip_path *path, struct sip_path *ret_way);
	/* Names have other addresses now. May be NULL. */
	void (*dns_changed)(void *app);
	/* CTL_REG_ACK, _RESTORE, _CLEAR, of the right size. 0, or -EPROTO. */
	int (*registration)(void *app, uint16_t type, const void *body, size_t len);
	/* CTL_QUALITY, of the right size. 0, or a negative errno that ends the connection. */
	int (*routing)(void *app, uint16_t type, const void *body, size_t len);
	/* CTL_TOLL, CTL_CAPACITY_CLEAR, CTL_TOLL_CLEAR, of the right size. 0, or -EPROTO. */
	int (*limits)(void *app, uint16_t type, const void *body);
	/* For HELLO, and the gauges of CTL_SIP_STATS (dialogs, calls_active) once a second. */
	uint32_t (*n_calls)(void *app);
	void (*gauges)(void *app, struct ctl_sip_stats *stats);
};

struct sip_workers_opts {
	unsigned int n_workers;	   /* 1..SIP_WORKERS_MAX */
	const char *control_path;  /* RUN/control.sock */
	uint32_t max_transactions; /* of each sort and worker; 0: 262144 */
	const struct sip_app_ops *app;
	void *app_arg;
	/* Called once, from a worker's thread, when the first configuration was applied by all
	 * workers (READY). May be NULL. */
	void (*ready)(void *arg);
};

/* Starts the threads. opts is copied; the strings must live on. 0 or a negative errno. */
int sip_workers_start(const struct sip_workers_opts *opts, struct sip_workers **ret_workers)
	__attribute__((warn_unused_result));
/* Ends the loops, waits for the threads, frees. Any thread but a worker's. */
void sip_workers_stop(struct sip_workers *workers);
/* For tests: the i-th worker; only its immutable parts may be used from outside. */
struct sip_worker *sip_workers_get(struct sip_workers *workers, unsigned int i);

unsigned int sip_worker_id(const struct sip_worker *w);
unsigned int sip_worker_n(const struct sip_worker *w);	 /* workers in all */
uint64_t sip_worker_boot_id(const struct sip_worker *w); /* of this process */
struct event_base *sip_worker_base(const struct sip_worker *w);
struct twheel *sip_worker_wheel(const struct sip_worker *w);
struct sip_txns *sip_worker_txns(const struct sip_worker *w);
struct sip_transport *sip_worker_transport(const struct sip_worker *w);
struct trace *sip_worker_trace(const struct sip_worker *w); /* for names of calls */
struct resolver *sip_worker_resolver(const struct sip_worker *w);
const struct cfg *sip_worker_cfg(const struct sip_worker *w); /* NULL before the first */
const struct sip_token_key *sip_worker_key(const struct sip_worker *w);
/* The connection to limen-control; NULL while there is none. Never keep the pointer. */
struct ipc_peer *sip_worker_control(const struct sip_worker *w);
uint32_t sip_worker_control_generation(const struct sip_worker *w); /* of the last HELLO reply */
/* Counters that the app increments (calls_attempted, rx_stray, ...); the rest is the worker's. */
struct ctl_sip_stats *sip_worker_stats(struct sip_worker *w);

/* As sip_transport_conn_silent(), of the worker whose connection the path names. */
void sip_worker_flow_timer(struct sip_worker *w, const struct sip_path *path, uint32_t silent_ms);

/* Credentials that came along a path were good, or wrong; who has good ones may send more. */
void sip_worker_proof(struct sip_worker *w, const struct sip_path *path, bool good);

/* A copy of the bytes goes to the app of another worker. 0, -ENOBUFS (too many wait), -ENOMEM. */
int sip_worker_tell(struct sip_worker *w, unsigned int to, const void *bytes, size_t n)
	__attribute__((warn_unused_result));

/*
 * The worker that a message belongs to; see above. A request in no dialog of ours and a response
 * that is not ours go by the Call-ID.
 */
unsigned int sip_worker_owner(const struct sip_worker *w, const struct sip_msg *msg);

/*
 * How many Via fields of a request carry a branch of ours: it was here before. A carrier that routes
 * a call back to us is legal, so it is for the caller to say when that is a loop (RFC 3261 8.2.2.2
 * and 16.3: 482); Max-Forwards, which must be taken from leg to leg, ends it in any case.
 */
unsigned int sip_worker_own_vias(const struct sip_worker *w, const struct sip_msg *msg);
