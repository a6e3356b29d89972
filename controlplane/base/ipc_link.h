/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A client's connection to another process that is made again for ever: limen-nat and limen-rec
 * towards limen-control and limen-dataplane. The owner says HELLO when it is connected, and that
 * it was answered. Runs on a libevent base; one thread per base.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

#include "controlplane/base/ipc.h"

#define IPC_LINK_RETRY_MS 200
#define IPC_LINK_PATH	  108

struct ipc_link {
	struct event_base *base;
	const char *name;		     /* of the other process, for the log */
	const struct ipc_table *table;	     /* its closed is ipc_link_closed() */
	int (*hello)(struct ipc_link *link); /* sends it; negative errno */
	unsigned int queue_max;
	void *owner;
	char path[IPC_LINK_PATH];
	struct ipc_peer *peer; /* NULL: away */
	bool greeted;	       /* HELLO was answered; the owner's */
	struct event *retry;
};

/* Begins; base, name, table, hello, queue_max and owner are set. -ENAMETOOLONG, -ENOMEM. */
int ipc_link_start(struct ipc_link *link, const char *dir, const char *socket)
	__attribute__((warn_unused_result));
void ipc_link_stop(struct ipc_link *link);
/* For the table. The context of the link's peers is the link. */
void ipc_link_closed(struct ipc_peer *peer, const char *why);
static inline struct ipc_link *ipc_link_of(const struct ipc_peer *peer)
{
	return ipc_peer_ctx(peer);
}
