/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen-control as one object: what main() starts and what the show commands read. Owner of all
 * modules; one thread.
 */
#pragma once

#include <event2/event.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/grammar/server.h"
#include "cli/grammar/session.h"
#include "cli/grammar/source.h"
#include "controlplane/config/datastore.h"
#include "controlplane/core/calls.h"
#include "controlplane/core/peers.h"
#include "controlplane/core/sipconf.h"
#include "controlplane/core/traces.h"
#include "controlplane/media/dpclient.h"
#include "controlplane/netlink/nlw.h"
#include "controlplane/records/spool.h"

struct control_options {
	const char *run_dir, *state_dir;
	const char *factory; /* text of the factory configuration */
	uid_t sip_uid, nat_uid, rec_uid, cli_uid, cli_admin;
};

struct control {
	struct control_options options;
	struct event_base *base;
	uint64_t boot_id, boot_ms;
	uint32_t generation;
	struct cfg_store *store;
	struct spool *spool;
	struct media_realms *realms;
	struct prompts *prompts;
	struct maps *maps;
	struct sessions *sessions;
	struct dpclient *dp;
	struct calls *calls;
	struct nat_peer *nat;
	struct recordings *recordings;
	struct traces *traces;
	struct target_store *targets;
	struct windows *windows;
	struct capacity_store *capacity;
	struct hook_store *hooks;
	struct registrations *registrations;
	struct blocks *blocks;
	struct peers *peers;
	struct sipconf *sipconf;
	struct ctl_transcoder transcoder; /* as limen-sip knows it */
	struct nlw *nlw;
	struct cli_source source;
	struct cli_engine *cli;
	struct cli_server *cli_server;
	struct cfg_subscriber media_subscriber, netlink_subscriber, maps_subscriber;
	struct event *second_event, *grace_event;
	uint64_t seconds; /* since our start */
	int failed;	  /* negative errno: the start failed and the loop was ended */
	char error[CFG_ERROR_MAX];
};

/* Everything up to the first configuration; the loop has to run for the rest. error: a sentence. */
int control_new(struct event_base *base, const struct control_options *options,
	struct control **ret_control, char error[CFG_ERROR_MAX])
	__attribute__((warn_unused_result));
void control_free(struct control *control);
