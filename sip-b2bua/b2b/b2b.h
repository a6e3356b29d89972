/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The back-to-back user agent of one worker: calls, each with two legs that are dialogs of their
 * own (RFC 7092 signalling/media B2BUA). It stands on the transaction layer and on what struct
 * b2b_env gives it, so that tests run it without sockets and without limen-control. One object per
 * worker; all functions in that worker's thread. b2b_app_ops binds it to struct sip_worker.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/base/twheel.h"
#include "controlplane/config/cfg.h"
#include "sip-b2bua/b2b/admission.h"
#include "sip-b2bua/b2b/budget.h"
#include "sip-b2bua/b2b/toll.h"
#include "sip-b2bua/core/sip_worker.h"
#include "sip-b2bua/trace/trace.h"
#include "sip-b2bua/resolver/locate.h"

#define B2B_CALLS_MAX	   (1u << 20) /* of a worker: what a token can name, 16 tags a call */
#define B2B_SPOTS_MAX	   4096	      /* targets that all workers know something of */
#define B2B_FORKS_MAX	   8	      /* early dialogs of a call */
#define B2B_MEDIA_WAIT_MS  2000	      /* for limen-control's answer, before a call gets 503 */
#define B2B_LOCATE_MS	   2000	      /* for another worker's answer where a user is registered */
#define B2B_ANSWER_WAIT_MS 300	      /* the same, before an answered call goes up without it */
#define B2B_RINGING_MS	   200	      /* until limen-control is told that a call rings */
#define B2B_UPDATE_WAIT_MS 15000      /* for a re-INVITE that stands for an UPDATE */
#define B2B_TRYING_MS	   100	      /* until an INVITE gets its 100 */
#define B2B_REQUIRED_MAX   1024	      /* trunks that must be registered */
#define B2B_RETRY_AFTER_S  5
#define B2B_CHECKPOINT_MAX 24576

/*
 * What is known of one target of a trunk. Claimed under the lock while nobody refers to it; who
 * refers reads trunk, addr and transport without it. The rest is relaxed: each word for itself.
 */
struct b2b_spot {
	char trunk[CTL_NAME_MAX];
	struct ipaddr addr;
	uint8_t transport;
	atomic_uint refs;	  /* sets and calls of all workers */
	atomic_bool down;	  /* written by the worker that asks this target by OPTIONS */
	_Atomic uint64_t breaker; /* breaker.h */
	atomic_uint n_active;	  /* calls now */
	_Atomic uint64_t n_calls, n_failed, n_opened;
	/* peer_load.h: what the target asked for, and what came of it */
	_Atomic uint64_t oc, oc_seq, oc_next_us;
	atomic_uint oc_credit;
	_Atomic uint64_t n_oc_told, n_oc_ignored, n_oc_dropped;
};

/* What the workers of a process have in common. Written rarely, read without a lock. */
struct b2b_shared {
	atomic_uint n_calls; /* of all workers, for max-calls; relaxed: a bound, not an order */
	atomic_uint n_subscriptions; /* the same, for subscriptions maximum */
	pthread_mutex_t lock;	     /* spots[] and keys while one is claimed */
	struct budgets budgets;
	struct tolls tolls;
	atomic_uint n_spots; /* the first ones of them were ever used */
	struct b2b_spot spots[B2B_SPOTS_MAX];
	uint32_t n_required; /* under the lock: names of trunks that must be registered */
	struct {
		char trunk[CTL_NAME_MAX];
		atomic_bool missing; /* written by the worker that sees to it (relaxed) */
	} required[B2B_REQUIRED_MAX];
};
void b2b_shared_init(struct b2b_shared *shared);
void b2b_shared_clear(struct b2b_shared *shared); /* nobody uses it any more */

/* What a route-hook is asked; the texts are the caller's, body is JSON. */
struct b2b_ask {
	const char *url, *ca_file, *bearer, *body;
	bool loopback; /* it may be this box */
	uint32_t timeout_ms;
};

struct b2b_env_ops {
	/* As sip_transport_listener() and sip_transport_find(). */
	const struct sip_listener *(*listener)(void *ctx, uint16_t id);
	const struct sip_listener *(*find)(
		void *ctx, const char *realm, uint8_t transport, uint8_t family);
	unsigned int (*own_vias)(void *ctx, const struct sip_msg *msg);
	/* As sip_transport_conn_watch(), of this worker; then b2b_conn_gone(). */
	void (*conn_watch)(void *ctx, uint64_t conn);
	/* The connection of a path, of whatever worker, ends when it is silent for so long. */
	void (*flow_timer)(void *ctx, const struct sip_path *path, uint32_t silent_ms);
	/* To limen-control; negative errno while it is away. seq 0: no reply is expected. */
	int (*control_send)(void *ctx, uint16_t type, uint32_t seq, const void *part1, size_t len1,
		const void *part2, size_t len2);
	uint32_t (*control_seq)(void *ctx);
	/* A small file by HTTP(S); b2b_fetched() follows, once and later. NULL: nothing is fetched. */
	int (*fetch)(void *ctx, const char *url, const char *ca_file, bool plain, uint64_t id);
	/* A question of a route-hook by POST; b2b_asked() follows, once and later. */
	int (*ask)(void *ctx, const struct b2b_ask *ask, uint64_t id);
	uint64_t (*wall_ms)(void *ctx);
	uint64_t (*mono_us)(void *ctx);
	/* What DNS says, as locate_look_fn; b2b_dns_changed() tells when it says something else. */
	struct locate_look (*look)(void *ctx, const char *name, uint16_t type);
	/* What certificates of far ends have to say, by their addresses: these and no others. */
	void (*tls_far_ends)(void *ctx, const struct sip_tls_far *far_ends, unsigned int n);
	/* To the app of another worker, which gets it by b2b_told(). 0 or a negative errno. */
	int (*worker_tell)(void *ctx, unsigned int worker, const void *bytes, size_t n);
	/* As sip_worker_proof(). May be NULL. */
	void (*proof)(void *ctx, const struct sip_path *path, bool good);
};

struct b2b_env {
	const struct b2b_env_ops *ops;
	void *ctx;
	struct twheel *wheel;
	struct sip_txns *txns;
	const struct sip_token_key *key;
	struct ctl_sip_stats *stats;
	struct b2b_shared *shared;
	struct trace *trace; /* to say whose messages are whose; NULL: nobody wants to know */
	uint64_t seed;	     /* random: first call id, generations, Call-IDs */
	uint8_t worker;
	uint8_t n_workers;
};

struct b2b;

/* env is copied; what it points to must outlive the object. -ENOMEM. */
int b2b_new(const struct b2b_env *env, struct b2b **ret_b2b) __attribute__((warn_unused_result));
/* Without telling anybody: calls live on in limen-control's copies. */
void b2b_free(struct b2b *b);

/* As in struct sip_app_ops. cfg must live until the next apply returned, or b2b_free(). */
int b2b_config_prepare(struct b2b *b, const struct cfg *cfg, char error[CFG_ERROR_MAX]);
void b2b_config_apply(struct b2b *b, const struct cfg *cfg);
void b2b_config_abort(struct b2b *b);
enum sip_admit b2b_admit(struct b2b *b, const struct sip_msg *msg, const struct sip_path *path);
bool b2b_register_owner(struct b2b *b, const struct sip_msg *msg, const struct sip_path *path,
	uint64_t *ret_number);
bool b2b_trusted(
	const struct b2b *b, const char *realm, const struct ipaddr *net, uint8_t prefix_len);
bool b2b_urgent(struct b2b *b, const struct sip_msg *msg);

/* Names have other addresses now. */
void b2b_dns_changed(struct b2b *b);

/* As in struct sip_txn_user. */
int b2b_locate(struct b2b *b, const struct sip_path *path, const struct sip_uri *hop,
	struct sip_path ret[SIP_WAYS_MAX], unsigned int *ret_n);
bool b2b_stream_way(struct b2b *b, const struct sip_path *path, struct sip_path *ret_way);

void b2b_request(struct b2b *b, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path);
void b2b_ack(struct b2b *b, const struct sip_msg *msg, const struct sip_path *path);
void b2b_stray(struct b2b *b, const struct sip_msg *msg, const struct sip_path *path);

/* As in struct sip_app_ops. */
bool b2b_rules_in(struct b2b *b, const struct sip_path *path, struct view msg, struct view *ret);
bool b2b_rules_out(struct b2b *b, const struct sip_path *path, struct view msg, struct view *ret);

/* A connection of a worker, on which somebody is registered, has ended. */
void b2b_conn_gone(struct b2b *b, uint8_t conn_worker, uint64_t conn);

/* limen-control; see controlplane/api/ctl_api.h. */
void b2b_control_up(struct b2b *b);
void b2b_control_down(struct b2b *b);
void b2b_media_reply(
	struct b2b *b, uint32_t seq, int32_t status, const struct ctl_media_opened *opened);
void b2b_nat_info(struct b2b *b, const struct ctl_nat_info *info);
void b2b_transcoder(struct b2b *b, const struct ctl_transcoder *transcoder);
void b2b_numbers(struct b2b *b, const struct ctl_numbers *msg, int fd); /* closes fd */
void b2b_dtmf(struct b2b *b, const struct ctl_dtmf *msg);
void b2b_call_end_reply(struct b2b *b, uint32_t seq, int32_t status);
void b2b_call_restore(
	struct b2b *b, const struct ctl_call *call, const void *checkpoint, size_t checkpoint_len);
void b2b_sub_restore(struct b2b *b, const struct ctl_sub *sub, const void *state, size_t state_len);
void b2b_call_clear(struct b2b *b, const struct ctl_call_clear *clear);
/* A message of CTL_REG_*; -EPROTO. */
int b2b_registration(struct b2b *b, uint16_t type, const void *body, size_t len);
/* CTL_QUALITY; -EPROTO, -ENOMEM. */
int b2b_routing(struct b2b *b, uint16_t type, const void *body, size_t len);
/* CTL_TOLL, CTL_CAPACITY_CLEAR, CTL_TOLL_CLEAR, of the right size. 0, or -EPROTO. */
int b2b_limits(struct b2b *b, uint16_t type, const void *body);
/* Once a second: what limen-control shows of limits. */
void b2b_limits_tell(struct b2b *b);
/* The worker that a dialog of ours has moved to, by the token of its tag; -1: it has not. */
int b2b_moved_to(struct b2b *b, const struct sip_token *token);
/* What b2b_env_ops.worker_tell() of another worker sent. */
void b2b_told(struct b2b *b, unsigned int from, const void *bytes, size_t n);
void b2b_play_done(struct b2b *b, const struct ctl_play_done *done);
void b2b_call_play(struct b2b *b, const struct ctl_call_play *play);

/* What env's fetch was asked for; body.p NULL: it failed, reason says why. max_age_s 0: not said. */
void b2b_fetched(
	struct b2b *b, uint64_t id, struct view body, uint32_t max_age_s, const char *reason);

/* What env's ask was asked for, likewise. */
void b2b_asked(struct b2b *b, uint64_t id, struct view body, const char *reason);
/* About once a second: tells limen-control what is only told then. */
void b2b_second(struct b2b *b);

struct sip_txns *b2b_txns(const struct b2b *b);

/* Figures for gauges and tests. */
uint32_t b2b_n_calls(const struct b2b *b); /* that are not over; for HELLO and the gauges */
uint32_t b2b_n_slots(const struct b2b *b); /* and those that still wait for a last answer */
uint32_t b2b_n_dialogs(const struct b2b *b);
uint32_t b2b_n_relays(const struct b2b *b); /* requests that are no calls, under way */
uint32_t b2b_n_unacked_ends(const struct b2b *b);
uint32_t b2b_n_bindings(const struct b2b *b); /* of users whose worker this is */

/* The app for sip_workers_start(); app_arg is the struct b2b_shared. */
extern const struct sip_app_ops b2b_app_ops;
