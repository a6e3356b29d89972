/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen-nat as limen-control sees it: which handshakes it is to make, what came of them. The state
 * that counts is in media/sessions.h; a limen-nat that starts again is told all of it. limen-control's
 * one thread.
 */
#pragma once

#include <stdbool.h>

#include "controlplane/core/process.h"
#include "controlplane/media/sessions.h"

struct nat_peer;

struct nat_peer_ops {
	/* limen-sip is to know: another certificate, or limen-nat came or went. */
	void (*changed)(void *arg);
	/* A call cannot have its media. */
	void (*failed)(void *arg, const struct media_session *session, unsigned int leg);
	uint64_t (*wall_ms)(void *arg);
	void *arg;
};

struct nat_peer *nat_peer_new(const struct nat_peer_ops *ops); /* NULL when memory is short */
void nat_peer_free(struct nat_peer *nat);
void nat_peer_bind(struct nat_peer *nat, struct sessions *sessions);

/* For sessions_ops.dtls. */
void nat_peer_dtls(struct nat_peer *nat, const struct media_session *session, unsigned int leg);

/* The connection: one at a time. Another one takes its place. */
void nat_peer_up(struct nat_peer *nat, struct ipc_peer *peer);
void nat_peer_down(struct nat_peer *nat, struct ipc_peer *peer);
/* Its messages, checked for their size. 0, or -EPROTO: then the connection is closed. */
int nat_peer_message(struct nat_peer *nat, const struct ipc_hdr *hdr, const void *body);

/* limen-nat, now or last. */
const struct process *nat_peer_process(const struct nat_peer *nat);
/* What was last told; own is NONE while it is away. */
const struct ctl_nat_info *nat_peer_info(const struct nat_peer *nat);
