/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A box for tests of the program limen: the real sessions and datastore behind the real socket,
 * with the figures of fake_source. Arguments: run directory, state directory. Ends at SIGTERM.
 * It speaks the server side of CTL_HELLO as limen-control does.
 */
#include "tests/unit/cli/fake_source.h"
#include "tests/unit/config/samples.h"
#include "cli/grammar/server.h"
#include "cli/grammar/session.h"
#include "controlplane/config/datastore.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct event_base *base;
static struct cli_server *server;
static struct ipc_peer *peers[16];

static int on_hello(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct ctl_hello_reply reply = {.api_version = CTL_API_VERSION, .generation = 1};

	ipc_peer_set_role(peer, IPC_ROLE_CLI);
	return ipc_reply(peer, hdr, 0, &reply, sizeof(reply));
}

static int on_message(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	void *session = ipc_peer_ctx(peer);
	int rc = cli_server_message(server, peer, &session, hdr, body, len);

	ipc_peer_set_ctx(peer, session);
	return rc;
}

static void on_closed(struct ipc_peer *peer, const char *why)
{
	if (ipc_peer_ctx(peer))
		cli_server_closed(server, ipc_peer_ctx(peer));
	for (unsigned int i = 0; i < 16; i++) {
		if (peers[i] == peer)
			peers[i] = NULL;
	}
}

static const struct ipc_row rows[] = {
	{CTL_HELLO, 0, 0, sizeof(struct ctl_hello), sizeof(struct ctl_hello), "HELLO", on_hello},
	{CTL_CLI_OPEN, 0, IPC_ROLE_CLI, sizeof(struct ctl_cli_open), sizeof(struct ctl_cli_open),
		"OPEN", on_message},
	{CTL_CLI_LINE, 0, IPC_ROLE_CLI, sizeof(struct ctl_text), 8192, "LINE", on_message},
	{CTL_CLI_COMPLETE, 0, IPC_ROLE_CLI, sizeof(struct ctl_text), 8192, "COMPLETE", on_message},
	{CTL_CLI_HELP, 0, IPC_ROLE_CLI, sizeof(struct ctl_text), 8192, "HELP", on_message},
	{CTL_CLI_ABORT, 0, IPC_ROLE_CLI, 0, 0, "ABORT", on_message},
};
static const struct ipc_table table = {
	.rows = rows, .n_rows = sizeof(rows) / sizeof(rows[0]), .closed = on_closed};

static void on_accept(int fd, void *arg)
{
	unsigned int i = 0;

	while (i < 15 && peers[i])
		i++;
	peers[i] = ipc_peer_new(base, fd, &table, 64, NULL);
	if (!peers[i])
		exit(1);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	if (fd == SIGTERM)
		event_base_loopbreak(base);
	else
		cli_server_log(server, "notice trunk carrier is busied out");
}

static void started(void *arg, int status, const char *text)
{
	if (status == 0)
		return;
	fprintf(stderr, "%s\n", text);
	exit(1);
}

int main(int argc, char **argv)
{
	char error[CFG_ERROR_MAX], path[256];
	struct ipc_listener *listener;
	struct event *term, *usr1;
	struct cli_engine *engine;
	struct cfg_store *store;

	if (argc != 3 || cfg_store_open(argv[2], fake_source.now_ms(NULL), &store, error) < 0)
		return 1;
	cfg_store_start(store, sample_config, started, NULL);
	base = event_base_new();
	engine = cli_engine_new(store, &fake_source);
	server = cli_server_new(base, engine, (uid_t)-1);
	term = evsignal_new(base, SIGTERM, on_signal, NULL);
	usr1 = evsignal_new(base, SIGUSR1, on_signal, NULL);
	event_add(term, NULL);
	event_add(usr1, NULL);
	snprintf(path, sizeof(path), "%s/control.sock", argv[1]);
	if (ipc_listen(base, path, 0600, on_accept, NULL, &listener) < 0)
		return 1;
	printf("ready\n");
	fflush(stdout);
	event_base_dispatch(base);
	cli_server_free(server);
	for (unsigned int i = 0; i < 16; i++) {
		if (peers[i])
			ipc_peer_free(peers[i]);
	}
	cli_engine_free(engine);
	cfg_store_close(store);
	ipc_listener_free(listener);
	event_free(term);
	event_free(usr1);
	event_base_free(base);
	return 0;
}
