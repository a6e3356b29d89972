/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server at RUN/control.sock: workers of limen-sip and command lines. Checks who may be what,
 * hands messages to calls, configuration and CLI sessions. limen-control's one thread.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/core/calls.h"
#include "controlplane/core/capacity.h"
#include "controlplane/core/conns.h"
#include "controlplane/core/hooks.h"
#include "controlplane/core/nat_peer.h"
#include "controlplane/core/recordings.h"
#include "controlplane/core/traces.h"
#include "controlplane/core/targets.h"
#include "controlplane/core/registrations.h"
#include "controlplane/quality/windows.h"
#include "controlplane/media/blocks.h"

struct peers;
struct peer;

struct peers_conf {
	const char *path;
	uid_t sip_uid, cli_uid, nat_uid, rec_uid; /* beside root and our own */
	struct nat_peer *nat;			  /* NULL: limen-nat is not served */
	struct recordings *recordings;		  /* NULL: limen-rec is not served */
	struct traces *traces;			  /* NULL: nobody asks for SIP messages */
	struct target_store *targets;		  /* NULL: what limen-sip tells is dropped */
	struct hook_store *hooks;		  /* NULL: what limen-sip tells is dropped */
	struct windows *windows;	     /* how calls to trunks go; NULL: nobody counts that */
	struct capacity_store *capacity;     /* the same */
	struct registrations *registrations; /* NULL: none are kept */
	struct blocks *blocks;		     /* NULL: who is blocked is not kept */
	const struct ctl_transcoder *transcoder; /* for limen-sip; NULL: it is not told */
	uint64_t boot_id;
	uint8_t token_key[CTL_TOKEN_KEY];
	uint32_t (*generation)(void *arg);
	/* A worker of limen-sip came; it has no configuration yet. */
	void (*sip_up)(void *arg, uint32_t worker);
	void (*sip_down)(void *arg, uint32_t worker);
	/* Its answer to the last chunk of CTL_CONFIG PREPARE; text: a sentence on refusal. */
	void (*sip_config)(
		void *arg, uint32_t worker, uint32_t seq, int32_t status, const char *text);
	/* All workers have sent what they had, after our own start. */
	void (*replayed)(void *arg);
	/* Messages of command lines, checked for role and size only. NULL: none are served. */
	int (*cli)(void *arg, struct ipc_peer *peer, void **session, const struct ipc_hdr *hdr,
		const void *body, size_t len);
	void (*cli_closed)(void *arg, void *session);
	void *arg;
};

/* State of one worker of limen-sip. */
struct peer_sip {
	struct ipc_peer *peer; /* NULL: away */
	bool known;	       /* it was there since our start */
	uint32_t connection;   /* counts up, so that an answer never goes to a successor */
	uint32_t n_workers;
	uint64_t boot_id;
	pid_t pid;
	bool restore_due;  /* it started again and is to be given its calls back */
	bool replay_due;   /* it has calls that it has not put again yet */
	bool bindings_due; /* it is to be given its bindings back */
	uint64_t since_ms, restarts;
	struct ctl_sip_stats stats;
	struct ctl_sip_stats before; /* sums of its former lives: counters never fall */
};

int peers_new(struct event_base *base, const struct peers_conf *conf, struct calls *calls,
	struct peers **ret_peers) __attribute__((warn_unused_result));
void peers_free(struct peers *peers);
/* Starts to listen, once there is a configuration to give. */
int peers_listen(struct peers *peers) __attribute__((warn_unused_result));

/* For struct calls_ops; arg is the struct peers. */
bool peers_sip_send(void *arg, uint32_t worker, uint16_t type, const void *part1, size_t len1,
	const void *part2, size_t len2);
void peers_sip_reply(void *arg, const struct media_ticket *ticket, uint16_t type, int32_t status,
	const void *body, size_t len);
unsigned int peers_sip_room(void *arg, uint32_t worker);
/* With a descriptor, which stays the caller's. */
bool peers_sip_send_fd(
	struct peers *peers, uint32_t worker, uint16_t type, const void *body, size_t len, int fd);
/* As peers_sip_send(), with a number for the answer; 0 when it is away. */
uint32_t peers_sip_request(struct peers *peers, uint32_t worker, uint16_t type, const void *part1,
	size_t len1, const void *part2, size_t len2);
/* After the configuration: what it had before its restart. */
void peers_sip_give_calls(struct peers *peers, uint32_t worker);

/* Tells all workers of limen-sip what nat_peer_info() says now. */
void peers_nat_changed(struct peers *peers);
/* A windows_tell_fn: tells all workers; arg points to a struct peers * (NULL: nobody is there yet). */
void peers_quality(void *arg, const struct ctl_quality *quality);
/* And what the data plane can transcode now. NULL is fine. */
void peers_transcoder_changed(struct peers *peers);

const struct peer_sip *peers_sip(const struct peers *peers, uint32_t worker); /* NULL: no such */
bool peers_trunk(const struct peers *peers, const char *name, struct ctl_trunk_status *ret_status);
/* As limen-sip told it last; also of trunks that are not registered any more. */
bool peers_registration(
	const struct peers *peers, const char *trunk, struct ctl_reg_status *ret_status);
const struct conns *peers_conns(const struct peers *peers);
/*
 * An operator blocks a source, or (NULL: all) lets it in again. -ENOTCONN: limen-sip is away, and nothing
 * has changed; -ENOENT: it is not blocked; -ENOSPC, -ENOMEM.
 */
int peers_block(struct peers *peers, const struct ctl_block *block);
int peers_unblock(struct peers *peers, const struct ctl_block *block);
/* Ends a connection of SIP. -ENOENT: none of that number and transport; -ENOTCONN. */
int peers_conn_end(struct peers *peers, uint32_t number, uint8_t transport);
struct ipc_stats peers_sip_stats(const struct peers *peers, uint32_t worker);
/* No worker has to put calls again. */
bool peers_replay_complete(const struct peers *peers);
