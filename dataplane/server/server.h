/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server side of the session API (dataplane/api/dp_api.h) at RUN/dataplane.sock: who may
 * speak, one table row per message, replies when the workers have applied what was asked, events.
 *
 * One client at a time in each of three roles: limen-control, which rules, limen-nat, which sends
 * and receives the datagrams of legs that are its business, and limen-rec, which only hears. A connection that says HELLO while another one of that role holds takes
 * its place, if it is of the same user or of root: a control process that hangs, or whose end the
 * kernel has not told yet, must not keep its successor out. Sessions outlive every client.
 *
 * Control thread only.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "dataplane/server/acls.h"
#include "dataplane/server/blocks.h"
#include "dataplane/server/media.h"
#include "dataplane/server/natlink.h"
#include "dataplane/server/segment.h"
#include "dataplane/session/sessions.h"

struct server_conf {
	struct event_base *base;
	bool control_uid_set;
	uid_t control_uid; /* may speak besides root and the process's own user */
	unsigned int n_workers;
	uint32_t max_sessions;
	uint64_t boot_id;
	struct sessions *sessions;
	struct prompts *prompts;
	struct ports *ports;
	struct media *media;
	struct acls *acls;
	struct blocks *blocks;
	struct natlink *natlink;
	struct segment *segment;
	bool nat_uid_set;
	uid_t nat_uid; /* may speak as limen-nat, and as nobody else */
	bool rec_uid_set;
	uid_t rec_uid; /* the same of limen-rec */
	uint64_t (*tsc)(void);
};

struct server;

/* 0 or -ENOMEM; conf is copied. Does not listen yet. */
int server_new(const struct server_conf *conf, struct server **ret_server)
	__attribute__((warn_unused_result));
void server_free(struct server *server);
/* The socket appears only now: who connects finds everything ready. Negative errno. */
int server_listen(struct server *server, const char *path) __attribute__((warn_unused_result));
/* Takes over a connected descriptor, as if it had come in; for tests. */
void server_accept(struct server *server, int fd);

/* Callbacks of sessions and ports. */
void server_session_done(struct server *server, const struct session_ticket *ticket, int status,
	const void *body, size_t len);
void server_session_event(struct server *server, enum dp_msg type, const struct dp_event *event);
void server_dtmf_event(struct server *server, const struct dp_event_dtmf *event);
void server_play_event(struct server *server, const struct dp_event_play *event);
/* To limen-nat; nothing happens while it is away. */
void server_nat_packet(
	struct server *server, const struct dp_nat_packet *head, const uint8_t *bytes);
/* Whether limen-rec is there and follows; and copies of RTP for it. */
bool server_rec_ready(const struct server *server);
void server_rec_packets(
	struct server *server, const struct dp_tap *head, const uint8_t *records, size_t len);
void server_port_event(struct server *server, const struct dp_event_port *event);

/* Sends what waits for the client now, without another turn of the loop. */
void server_flush(struct server *server);

/* Writes the server's counters into the segment's header. */
void server_stats(struct server *server);
