/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See link.h. */
#include "cli/shell/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/base/ipc.h"
#include "controlplane/base/secret.h"

#define QUEUE_MAX 256
#define OPEN_S	  5 /* until limen-control must have answered */
#define LINE_MAX  4096

struct link {
	struct event_base *base;
	const char *path;
	struct link_ops ops;
	struct ipc_peer *peer; /* NULL: away */
	struct event *timer;
	char prompt[128];
	/* the one request that is waited for */
	uint32_t seq;
	bool waiting;
	bool open; /* a session was opened on this connection */
	int status;
	char *text; /* of a reply */
	struct link_result result;
};

static void stop_waiting(struct link *link, int status)
{
	link->waiting = false;
	link->status = status;
	event_base_loopbreak(link->base);
}

static void set_prompt(struct link *link, const char *text, size_t n)
{
	if (n >= sizeof(link->prompt))
		n = sizeof(link->prompt) - 1;
	memcpy(link->prompt, text, n);
	link->prompt[n] = 0;
}

/* ---- messages from limen-control ---- */

static int on_reply(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct link *link = ipc_peer_ctx(peer);

	if (link->waiting && hdr->seq == link->seq)
		stop_waiting(link, hdr->status);
	return 0;
}

static int on_text_reply(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct link *link = ipc_peer_ctx(peer);
	const struct ctl_text *text = body;

	if (hdr->status == 0 && (len < sizeof(*text) || text->n != len - sizeof(*text)))
		return -EPROTO;
	if (!link->waiting || hdr->seq != link->seq)
		return 0;
	free(link->text);
	link->text = hdr->status == 0 ? strndup(text->text, text->n) : NULL;
	stop_waiting(link, hdr->status);
	return 0;
}

static int on_out(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct link *link = ipc_peer_ctx(peer);
	const struct ctl_cli_out *out = body;

	if ((uint64_t)out->n_text + out->n_prompt != len - sizeof(*out))
		return -EPROTO;
	if (!link->waiting || hdr->seq != link->seq)
		return 0;
	if (out->n_text)
		link->ops.out(link->ops.arg, out->text, out->n_text, out->caret);
	if (out->more)
		return 0;
	set_prompt(link, out->text + out->n_text, out->n_prompt);
	link->result = (struct link_result){.status = out->status,
		.caret = out->caret,
		.close = out->close,
		.page_lines = out->page_lines};
	stop_waiting(link, 0);
	return 0;
}

static int on_log(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct link *link = ipc_peer_ctx(peer);
	const struct ctl_text *text = body;

	if (text->n != len - sizeof(*text))
		return -EPROTO;
	link->ops.log(link->ops.arg, text->text, text->n);
	return 0;
}

static void on_closed(struct ipc_peer *peer, const char *why)
{
	struct link *link = ipc_peer_ctx(peer);

	bool was_open = link->open;

	link->peer = NULL;
	link->open = false;
	if (link->waiting)
		stop_waiting(link, -ENOTCONN);
	if (was_open)
		link->ops.lost(link->ops.arg, why);
}

#define BODY_MAX (IPC_MSG_MAX - sizeof(struct ipc_hdr))
static const struct ipc_row rows[] = {
	{CTL_HELLO | IPC_TYPE_REPLY, 0, 0, sizeof(struct ctl_hello_reply),
		sizeof(struct ctl_hello_reply), "CTL_HELLO reply", on_reply},
	{CTL_CLI_OPEN | IPC_TYPE_REPLY, 0, IPC_ROLE_CONTROL, sizeof(struct ctl_text), BODY_MAX,
		"CTL_CLI_OPEN reply", on_text_reply},
	{CTL_CLI_COMPLETE | IPC_TYPE_REPLY, 0, IPC_ROLE_CONTROL, sizeof(struct ctl_text), BODY_MAX,
		"CTL_CLI_COMPLETE reply", on_text_reply},
	{CTL_CLI_HELP | IPC_TYPE_REPLY, 0, IPC_ROLE_CONTROL, sizeof(struct ctl_text), BODY_MAX,
		"CTL_CLI_HELP reply", on_text_reply},
	{CTL_CLI_OUT, 0, IPC_ROLE_CONTROL, sizeof(struct ctl_cli_out), BODY_MAX, "CTL_CLI_OUT",
		on_out},
	{CTL_CLI_LOG, 0, IPC_ROLE_CONTROL, sizeof(struct ctl_text), BODY_MAX, "CTL_CLI_LOG",
		on_log},
};
static const struct ipc_table table = {
	.rows = rows, .n_rows = sizeof(rows) / sizeof(rows[0]), .closed = on_closed};

/* ---- requests ---- */

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	if (link->waiting)
		stop_waiting(link, -ETIMEDOUT);
}

/* Sends a request and waits in the loop for its answer; limit_s 0: for ever. */
static int request(struct link *link, uint16_t type, const void *part1, size_t len1,
	const void *part2, size_t len2, unsigned int limit_s)
{
	struct timeval tv = {limit_s, 0};
	int rc;

	if (!link->peer)
		return -ENOTCONN;
	link->seq = ipc_next_seq(link->peer);
	rc = ipc_send(link->peer, type, link->seq, 0, 0, part1, len1, part2, len2);
	if (rc < 0)
		return rc;
	link->waiting = true;
	link->status = 0;
	if (limit_s)
		event_add(link->timer, &tv);
	while (link->waiting && event_base_loop(link->base, EVLOOP_ONCE) == 0)
		;
	event_del(link->timer);
	if (link->waiting) {
		link->waiting = false;
		return -EIO;
	}
	return link->status;
}

static int request_text(
	struct link *link, uint16_t type, const char *text, size_t len, unsigned int limit_s)
{
	struct ctl_text head = {.n = (uint32_t)len};

	if (len > LINE_MAX)
		return -E2BIG;
	return request(link, type, &head, sizeof(head), text, len, limit_s);
}

struct link *link_new(struct event_base *base, const char *path, const struct link_ops *ops)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->base = base;
	link->path = path;
	link->ops = *ops;
	link->timer = evtimer_new(base, on_timeout, link);
	if (!link->timer) {
		free(link);
		return NULL;
	}
	return link;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	if (link->peer)
		ipc_peer_free(link->peer);
	event_free(link->timer);
	free(link->text);
	free(link);
}

static int say(char *why, int rc, const char *path, const char *what)
{
	snprintf(why, 160, "%.80s: %s", path, what);
	return rc;
}

static int hello(struct link *link)
{
	struct ctl_hello hello = {.api_version = CTL_API_VERSION, .role = IPC_ROLE_CLI};
	int rc;

	secret_random(&hello.boot_id, sizeof(hello.boot_id));
	rc = request(link, CTL_HELLO, &hello, sizeof(hello), NULL, 0, OPEN_S);
	if (rc == 0 && link->peer)
		ipc_peer_set_role(link->peer, IPC_ROLE_CONTROL);
	return rc;
}

int link_open(
	struct link *link, bool interactive, unsigned int width, unsigned int height, char why[160])
{
	struct ctl_cli_open open = {.interactive = interactive, .width = width, .height = height};
	int fd = ipc_connect(link->path), rc;

	if (fd < 0)
		return say(why, fd, link->path,
			fd == -ENOENT || fd == -ECONNREFUSED ? "limen-control is not running"
							     : strerror(-fd));
	link->peer = ipc_peer_new(link->base, fd, &table, QUEUE_MAX, link);
	if (!link->peer) {
		close(fd);
		return say(why, -ENOMEM, link->path, "out of memory");
	}
	rc = hello(link);
	if (rc == 0)
		rc = request(link, CTL_CLI_OPEN, &open, sizeof(open), NULL, 0, OPEN_S);
	if (rc < 0) {
		if (link->peer)
			ipc_peer_free(link->peer);
		link->peer = NULL;
		return say(why, rc, link->path,
			rc == -EPERM	   ? "this user may not use the command line"
			: rc == -ETIMEDOUT ? "limen-control does not answer"
			: rc == -ENOTCONN  ? "limen-control closed the connection"
					   : strerror(-rc));
	}
	set_prompt(link, link->text ? link->text : "", link->text ? strlen(link->text) : 0);
	link->open = true;
	return 0;
}

bool link_is_up(const struct link *link)
{
	return link->peer != NULL;
}

const char *link_prompt(const struct link *link)
{
	return link->prompt;
}

int link_line(struct link *link, const char *text, size_t len, struct link_result *ret)
{
	int rc = request_text(link, CTL_CLI_LINE, text, len, 0);

	if (rc == 0)
		*ret = link->result;
	return rc;
}

void link_abort(struct link *link)
{
	/* A failure here closes the peer, which ends the wait, too. */
	if (link->peer && link->waiting &&
		ipc_send(link->peer, CTL_CLI_ABORT, 0, 0, 0, NULL, 0, NULL, 0) < 0)
		ipc_peer_close(link->peer, "limen-control does not take messages");
}

static char *ask(struct link *link, uint16_t type, const char *text, size_t len)
{
	char *answer;

	if (request_text(link, type, text, len, OPEN_S) < 0)
		return NULL;
	answer = link->text;
	link->text = NULL;
	return answer;
}

char *link_help(struct link *link, const char *text, size_t len)
{
	return ask(link, CTL_CLI_HELP, text, len);
}

char *link_complete(struct link *link, const char *text, size_t len)
{
	return ask(link, CTL_CLI_COMPLETE, text, len);
}
