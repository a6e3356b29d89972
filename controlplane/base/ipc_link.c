/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ipc_link.h. */
#include "controlplane/base/ipc_link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/base/log.h"

LOG_TOPIC("link");

static void retry_later(struct ipc_link *link)
{
	static const struct timeval tv = {.tv_usec = IPC_LINK_RETRY_MS * 1000};

	event_add(link->retry, &tv);
}

void ipc_link_closed(struct ipc_peer *peer, const char *why)
{
	struct ipc_link *link = ipc_link_of(peer);

	log_notice("%s is gone: %s", link->name, why);
	link->peer = NULL;
	link->greeted = false;
	retry_later(link);
}

static void try_cb(evutil_socket_t unused, short what, void *arg)
{
	struct ipc_link *link = arg;
	int fd = ipc_connect(link->path);

	if (fd < 0) {
		log_debug("cannot connect to %s: %s", link->path, strerror(-fd));
		retry_later(link);
		return;
	}
	link->peer = ipc_peer_new(link->base, fd, link->table, link->queue_max, link);
	if (!link->peer) {
		close(fd);
		retry_later(link);
		return;
	}
	if (link->hello(link) < 0)
		ipc_peer_close(link->peer, "HELLO could not be sent");
}

int ipc_link_start(struct ipc_link *link, const char *dir, const char *socket)
{
	size_t n = (size_t)snprintf(link->path, sizeof(link->path), "%s/%s", dir, socket);

	if (n >= sizeof(link->path))
		return -ENAMETOOLONG;
	link->retry = event_new(link->base, -1, 0, try_cb, link);
	if (!link->retry)
		return -ENOMEM;
	try_cb(-1, 0, link);
	return 0;
}

void ipc_link_stop(struct ipc_link *link)
{
	ipc_peer_free(link->peer);
	if (link->retry)
		event_free(link->retry);
	link->peer = NULL;
	link->retry = NULL;
}
