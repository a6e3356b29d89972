/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See server.h. */
#include "cli/grammar/server.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/grammar/session.h"
#include "controlplane/api/ctl_api.h"
#include "controlplane/base/log.h"
#include "controlplane/config/buf.h"

LOG_TOPIC("cli");

#define CHUNK	   16384
#define QUEUED_MAX 16 /* messages that may wait for a slow reader */
#define PACE_US	   5000
#define TEXT_MAX   32768 /* of a completion or help */

struct connection {
	struct connection *next;
	struct cli_server *server;
	struct ipc_peer *peer;
	struct cli_session *session;
	uint32_t seq; /* of the line that runs or whose output is on its way */
	bool running; /* from CTL_CLI_LINE until its last CTL_CLI_OUT is queued */
	bool done;
	struct cli_result result; /* prompt: see cli_session_prompt() */
	struct buf pending;
	size_t sent;
};

struct cli_server {
	struct event_base *base;
	struct cli_engine *engine;
	uid_t admin;
	struct connection *connections;
	struct event *pace_event;
};

static int send_out(struct connection *c, struct ctl_cli_out *out, const char *text, size_t n_text,
	const char *prompt)
{
	char *both = NULL;
	size_t n_prompt = prompt ? strlen(prompt) : 0;
	int rc;

	out->n_text = (uint32_t)n_text;
	out->n_prompt = (uint32_t)n_prompt;
	if (n_text + n_prompt) {
		both = malloc(n_text + n_prompt);
		if (!both)
			return -ENOMEM;
		if (n_text)
			memcpy(both, text, n_text);
		if (n_prompt)
			memcpy(both + n_text, prompt, n_prompt);
	}
	rc = ipc_send(
		c->peer, CTL_CLI_OUT, c->seq, 0, 0, out, sizeof(*out), both, n_text + n_prompt);
	free(both);
	return rc;
}

static void finish_line(struct connection *c)
{
	struct ctl_cli_out out = {.status = c->result.status,
		.close = c->result.close,
		.caret = c->result.caret,
		.page_lines = c->result.page_lines};

	if (send_out(c, &out, NULL, 0, cli_session_prompt(c->session)) < 0)
		ipc_peer_close(c->peer, "out of memory");
	c->running = false;
	buf_free(&c->pending);
	c->sent = 0;
}

/* Sends what the peer's queue takes; true when nothing is left. */
static bool flush(struct connection *c)
{
	while (c->sent < c->pending.n) {
		struct ctl_cli_out out = {.more = 1, .caret = c->done ? c->result.caret : 0};
		size_t n = c->pending.n - c->sent;
		if (ipc_peer_n_queued(c->peer) >= QUEUED_MAX)
			return false;
		if (n > CHUNK)
			n = CHUNK;
		if (send_out(c, &out, c->pending.p + c->sent, n, NULL) < 0) {
			ipc_peer_close(c->peer, "its output cannot be sent");
			return true;
		}
		c->sent += n;
	}
	if (c->running && c->done)
		finish_line(c);
	return true;
}

static void pace_later(struct cli_server *server)
{
	struct timeval tv = {0, PACE_US};

	if (!event_pending(server->pace_event, EV_TIMEOUT, NULL))
		event_add(server->pace_event, &tv);
}

static void on_pace(evutil_socket_t fd, short what, void *arg)
{
	struct cli_server *server = arg;
	bool again = false;

	for (struct connection *c = server->connections; c; c = c->next)
		again |= !flush(c);
	if (again)
		pace_later(server);
}

static void on_out(void *arg, const char *text, size_t len)
{
	struct connection *c = arg;

	buf_add(&c->pending, text, len);
}

static void on_done(void *arg, const struct cli_result *result)
{
	struct connection *c = arg;

	c->done = true;
	c->result = *result;
	if (c->pending.failed) {
		buf_free(&c->pending);
		buf_puts(&c->pending, "% Out of memory\n");
		c->result.status = -ENOMEM;
	}
	if (!flush(c))
		pace_later(c->server);
}

/* ---- messages ---- */

/* The text of a message, or NULL when its length is not what it says. */
static const char *text_of(const void *body, size_t len, size_t *ret_len)
{
	const struct ctl_text *text = body;

	if (len < sizeof(*text) || text->n != len - sizeof(*text))
		return NULL;
	*ret_len = text->n;
	return text->text;
}

static int reply_text(struct ipc_peer *peer, const struct ipc_hdr *hdr, const char *text)
{
	size_t n = text ? strlen(text) : 0;
	struct ctl_text *reply;
	int rc;

	if (n > TEXT_MAX)
		n = TEXT_MAX;
	reply = malloc(sizeof(*reply) + n);
	if (!reply)
		return -ENOMEM;
	reply->n = (uint32_t)n;
	if (n)
		memcpy(reply->text, text, n);
	rc = ipc_reply(peer, hdr, 0, reply, sizeof(*reply) + n);
	free(reply);
	return rc;
}

static int open_session(struct cli_server *server, struct ipc_peer *peer, void **session,
	const struct ipc_hdr *hdr, const struct ctl_cli_open *open)
{
	static const struct cli_session_ops ops = {on_out, on_done};
	struct cli_identity who = {.interactive = open->interactive != 0,
		.width = (uint16_t)(open->width > 512 ? 512 : open->width),
		.height = (uint16_t)(open->height > 512 ? 512 : open->height)};
	struct connection *c;
	struct passwd *pw;
	int rc = ipc_peer_cred(peer, &who.uid, &who.pid);

	if (rc < 0)
		return rc;
	pw = getpwuid(who.uid);
	if (pw)
		snprintf(who.user, sizeof(who.user), "%s", pw->pw_name);
	else
		snprintf(who.user, sizeof(who.user), "uid%u", (unsigned int)who.uid);
	who.admin = who.uid == 0 || who.uid == geteuid() || who.uid == server->admin;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->server = server;
	c->peer = peer;
	c->session = cli_session_new(server->engine, &who, &ops, c);
	if (!c->session) {
		free(c);
		return -ENOMEM;
	}
	c->next = server->connections;
	server->connections = c;
	*session = c;
	log_info("session of %s (pid %d)", who.user, (int)who.pid);
	return reply_text(peer, hdr, cli_session_prompt(c->session));
}

static int on_text(struct connection *c, const struct ipc_hdr *hdr, const char *text, size_t len)
{
	char *answer;
	int rc;

	if (hdr->type == CTL_CLI_LINE) {
		if (c->running)
			return -EPROTO;
		c->running = true;
		c->done = false;
		c->seq = hdr->seq;
		cli_session_line(c->session, text, len);
		return 0;
	}
	answer = hdr->type == CTL_CLI_HELP ? cli_session_help(c->session, text, len)
					   : cli_session_complete(c->session, text, len);
	if (!answer)
		return -ENOMEM;
	rc = reply_text(c->peer, hdr, answer);
	free(answer);
	return rc;
}

int cli_server_message(void *arg, struct ipc_peer *peer, void **session, const struct ipc_hdr *hdr,
	const void *body, size_t len)
{
	struct cli_server *server = arg;
	struct connection *c = *session;
	const char *text;
	size_t n;

	if (hdr->type == CTL_CLI_OPEN) {
		if (c || len != sizeof(struct ctl_cli_open))
			return -EPROTO;
		return open_session(server, peer, session, hdr, body);
	}
	if (!c)
		return -EPROTO;
	switch (hdr->type) {
	case CTL_CLI_LINE:
	case CTL_CLI_COMPLETE:
	case CTL_CLI_HELP:
		text = text_of(body, len, &n);
		return text ? on_text(c, hdr, text, n) : -EPROTO;
	case CTL_CLI_ABORT:
		/* What was not sent yet is not wanted any more. */
		c->sent = c->pending.n;
		cli_session_abort(c->session);
		flush(c);
		return 0;
	default:
		return -EPROTO;
	}
}

void cli_server_closed(void *arg, void *session)
{
	struct cli_server *server = arg;
	struct connection **link = &server->connections, *c = session;

	while (*link && *link != c)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = c->next;
	cli_session_free(c->session);
	buf_free(&c->pending);
	free(c);
}

void cli_server_log(struct cli_server *server, const char *line)
{
	struct ctl_text text = {.n = (uint32_t)strlen(line)};

	for (struct connection *c = server->connections; c; c = c->next) {
		if (cli_session_monitors(c->session) &&
			ipc_send(c->peer, CTL_CLI_LOG, 0, 0, 0, &text, sizeof(text), line, text.n) <
				0)
			continue; /* closing, or too slow: log lines may be lost */
	}
}

struct cli_server *cli_server_new(struct event_base *base, struct cli_engine *engine, uid_t admin)
{
	struct cli_server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->base = base;
	server->engine = engine;
	server->admin = admin;
	server->pace_event = evtimer_new(base, on_pace, server);
	if (!server->pace_event) {
		free(server);
		return NULL;
	}
	return server;
}

void cli_server_free(struct cli_server *server)
{
	if (!server)
		return;
	while (server->connections)
		cli_server_closed(server, server->connections);
	event_free(server->pace_event);
	free(server);
}
