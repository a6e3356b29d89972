/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages from a hostile process. The input is a list of packets, each with its length (16 bits,
 * little endian) before it and with one message or several in it; they are dispatched to a peer whose handlers check what ipc.c promises
 * them and read every byte of the body.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/base/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int n_closed;

static void require(int ok)
{
	if (!ok)
		abort();
}

static int on_hello(struct ipc_peer *p, const struct ipc_hdr *h, const void *body, size_t len)
{
	require(ipc_peer_role(p) == IPC_ROLE_NONE && len == 4);
	if (((const uint8_t *)body)[0] > 0)
		ipc_peer_set_role(p, ((const uint8_t *)body)[0] & 1 ? IPC_ROLE_SIP : IPC_ROLE_CLI);
	return ipc_reply(p, h, 0, NULL, 0);
}

static int on_any(struct ipc_peer *p, const struct ipc_hdr *h, const void *body, size_t len)
{
	const uint8_t *b = body;
	uint8_t sum = 0;

	require(h->len == sizeof(*h) + len && (uintptr_t)body % 8 == 0);
	require(ipc_peer_role(p) != IPC_ROLE_NONE);
	require(h->type != 3 || ipc_peer_role(p) == IPC_ROLE_CLI);
	require(h->type != (4 | IPC_TYPE_REPLY) || len == 8 || (len == 0 && h->status < 0));
	for (size_t i = 0; i < len; i++)
		sum ^= b[i];
	ipc_str_ok(body, len);
	/* A handler may send, close and refuse. */
	if (sum == 1)
		return -EINVAL;
	if (sum == 2)
		ipc_peer_close(p, "said so");
	return ipc_reply(p, h, 0, body, len);
}

static void on_closed(struct ipc_peer *p, const char *why)
{
	n_closed++;
}

static const struct ipc_row rows[] = {
	{IPC_TYPE_HELLO, 0, 0, 4, 4, "HELLO", on_hello},
	{2, 0, IPC_ROLE_SIP | IPC_ROLE_CLI, 0, 65536 - 24, "ANY", on_any},
	{3, 0, IPC_ROLE_CLI, 4, 200, "CLI", on_any},
	{4 | IPC_TYPE_REPLY, IPC_DROPPABLE, IPC_ROLE_SIP, 8, 8, "REPLY", on_any},
	{2 | IPC_TYPE_REPLY, IPC_DROPPABLE, 0, 0, 0, "ANY reply", on_any},
};
static const struct ipc_table table = {rows, sizeof(rows) / sizeof(rows[0]), on_closed, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t msg[IPC_MSG_MAX / 8 + 1];
	static struct event_base *base;
	int fds[2], ret = 0;

	if (base == NULL)
		base = event_base_new();
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) == 0);
	struct ipc_peer *peer = ipc_peer_new(base, fds[0], &table, 8, NULL);
	require(peer != NULL);
	ipc_peer_set_tx_table(peer, &table);
	n_closed = 0;
	for (size_t at = 0; at + 2 <= size;) {
		size_t len = data[at] | (size_t)data[at + 1] << 8;
		at += 2;
		if (len > size - at)
			len = size - at;
		memcpy(msg, data + at, len);
		at += len;
		int r = ipc_receive(peer, msg, len);
		require(ret == 0 || r == -EPIPE); /* after a fault nothing is dispatched */
		if (r < 0)
			ret = r;
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	require(ret == 0 || n_closed == 1);
	if (n_closed == 0)
		ipc_peer_free(peer);
	close(fds[1]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	return 0;
}
