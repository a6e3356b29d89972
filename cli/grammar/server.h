/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The CLI's end of RUN/control.sock in limen-control: CTL_CLI_* messages to sessions and back.
 * The functions fit struct peers_conf of controlplane/core/peers.h. One thread.
 *
 * Replies to CTL_CLI_OPEN (the prompt), CTL_CLI_COMPLETE and CTL_CLI_HELP are a struct ctl_text.
 * Output of a line comes as CTL_CLI_OUT messages whose seq is that of the CTL_CLI_LINE. Long output is
 * sent no faster than the other side reads.
 */
#pragma once

#include <event2/event.h>
#include <stddef.h>
#include <sys/types.h>

#include "controlplane/base/ipc.h"

struct cli_engine;
struct cli_server;

/* The engine stays the caller's. admin: may use privileged mode, beside root and our own user. */
struct cli_server *cli_server_new(struct event_base *base, struct cli_engine *engine, uid_t admin);
/* Before the engine is freed; the peers may still exist. */
void cli_server_free(struct cli_server *server);

/*
 * A message of a peer that said HELLO as IPC_ROLE_CLI. *session is kept by the caller for that
 * connection, NULL at first. server: struct cli_server. 0, or a negative errno: close the peer.
 */
int cli_server_message(void *server, struct ipc_peer *peer, void **session,
	const struct ipc_hdr *hdr, const void *body, size_t len);
/* The connection is gone. */
void cli_server_closed(void *server, void *session);

/* A line for those who said `terminal monitor`. */
void cli_server_log(struct cli_server *server, const char *line);
