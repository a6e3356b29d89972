/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of controlplane/base/ipc.c and ipc_socket.c over socket pairs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/ipc.h"

enum { PING = 2, NOTE = 3, CLI_ONLY = 4, BAD = 5, TAKE_FD = 6, FREE_ME = 7 };

static struct event_base *base;

struct seen {
	unsigned int n_ping, n_note, n_reply, n_closed, n_drained;
	uint32_t last_note;
	int32_t last_status;
	size_t last_len;
	int fd;
	char why[200];
};

static int on_hello(struct ipc_peer *p, const struct ipc_hdr *h, const void *body, size_t len)
{
	uint32_t role;

	memcpy(&role, body, sizeof(role));
	ipc_peer_set_role(p, (enum ipc_role)role);
	return ipc_reply(p, h, 0, NULL, 0);
}

static int on_hello_reply(struct ipc_peer *p, const struct ipc_hdr *h, const void *b, size_t len)
{
	ipc_peer_set_role(p, IPC_ROLE_CONTROL);
	return 0;
}

static int on_ping(struct ipc_peer *p, const struct ipc_hdr *h, const void *body, size_t len)
{
	struct seen *s = ipc_peer_ctx(p);

	assert_int_equal((uintptr_t)body % 8, 0);
	s->n_ping++;
	s->last_len = len;
	return ipc_reply(p, h, len > 4 ? -ENOENT : 0, body, len > 4 ? 0 : len);
}

static int on_ping_reply(struct ipc_peer *p, const struct ipc_hdr *h, const void *b, size_t len)
{
	struct seen *s = ipc_peer_ctx(p);

	s->n_reply++;
	s->last_status = h->status;
	return 0;
}

static int on_note(struct ipc_peer *p, const struct ipc_hdr *h, const void *body, size_t len)
{
	struct seen *s = ipc_peer_ctx(p);

	s->n_note++;
	memcpy(&s->last_note, body, 4);
	return 0;
}

static int on_bad(struct ipc_peer *p, const struct ipc_hdr *h, const void *body, size_t len)
{
	return -ERANGE;
}

static int on_take_fd(struct ipc_peer *p, const struct ipc_hdr *h, const void *body, size_t len)
{
	struct seen *s = ipc_peer_ctx(p);
	s->fd = ipc_take_fd(p);
	return 0;
}

static int on_free_me(struct ipc_peer *p, const struct ipc_hdr *h, const void *body, size_t len)
{
	ipc_peer_free(p);
	return 0;
}

static void on_closed(struct ipc_peer *p, const char *why)
{
	struct seen *s = ipc_peer_ctx(p);

	s->n_closed++;
	snprintf(s->why, sizeof(s->why), "%s", why);
	assert_int_equal(ipc_send(p, PING, 1, 0, 0, "abcd", 4, NULL, 0), -EPIPE);
}

static void on_drained(struct ipc_peer *p)
{
	struct seen *s = ipc_peer_ctx(p);
	s->n_drained++;
}

#define ANY (IPC_ROLE_SIP | IPC_ROLE_CLI | IPC_ROLE_CONTROL)
static const struct ipc_row server_rows[] = {
	{IPC_TYPE_HELLO, 0, 0, 4, 4, "HELLO", on_hello},
	{PING, 0, ANY, 4, 4096, "PING", on_ping},
	{NOTE, IPC_DROPPABLE, ANY, 4, 65536 - 24, "NOTE", on_note},
	{CLI_ONLY, 0, IPC_ROLE_CLI, 0, 0, "CLI_ONLY", on_note},
	{BAD, 0, ANY, 0, 0, "BAD", on_bad},
	{TAKE_FD, 0, ANY, 0, 0, "TAKE_FD", on_take_fd},
	{FREE_ME, 0, ANY, 0, 0, "FREE_ME", on_free_me},
};
static const struct ipc_table server_table = {server_rows, 7, on_closed, NULL};
static const struct ipc_row client_rows[] = {
	{IPC_TYPE_HELLO | IPC_TYPE_REPLY, 0, 0, 0, 0, "HELLO reply", on_hello_reply},
	{PING | IPC_TYPE_REPLY, 0, IPC_ROLE_CONTROL, 4, 4, "PING reply", on_ping_reply},
};
static const struct ipc_table client_table = {client_rows, 2, on_closed, on_drained};

struct pair {
	struct ipc_peer *client, *server;
	struct seen c, s;
	int client_fd;
};

static void turn(void)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void pair_open(struct pair *p, unsigned int queue_max)
{
	int fds[2];
	uint32_t role = IPC_ROLE_SIP;

	memset(p, 0, sizeof(*p));
	p->s.fd = -1;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	p->client_fd = fds[0];
	p->client = ipc_peer_new(base, fds[0], &client_table, queue_max, &p->c);
	p->server = ipc_peer_new(base, fds[1], &server_table, queue_max, &p->s);
	assert_non_null(p->client);
	assert_non_null(p->server);
	ipc_peer_set_tx_table(p->client, &server_table);
	assert_int_equal(ipc_send(p->client, IPC_TYPE_HELLO, ipc_next_seq(p->client), 0, 0, &role,
				 4, NULL, 0),
		0);
	turn();
	assert_int_equal(ipc_peer_role(p->server), IPC_ROLE_SIP);
	assert_int_equal(ipc_peer_role(p->client), IPC_ROLE_CONTROL);
	p->c.n_drained = 0;
}

static void pair_close(struct pair *p)
{
	if (p->c.n_closed == 0)
		ipc_peer_free(p->client);
	if (p->s.n_closed == 0)
		ipc_peer_free(p->server);
	turn();
}

static void test_request_reply(void **state)
{
	struct pair p;
	uid_t uid;
	pid_t pid;

	pair_open(&p, 8);
	assert_int_equal(ipc_peer_cred(p.server, &uid, &pid), 0);
	assert_int_equal(uid, getuid());
	assert_int_equal(pid, getpid());
	assert_int_equal(ipc_send(p.client, PING, 5, 0, 9, "ab", 2, "cd", 2), 0);
	assert_int_equal(ipc_peer_n_queued(p.client), 1);
	turn();
	assert_int_equal(ipc_peer_n_queued(p.client), 0);
	assert_int_equal(p.s.n_ping, 1);
	assert_int_equal(p.s.last_len, 4);
	assert_int_equal(p.c.n_reply, 1);
	assert_int_equal(p.c.last_status, 0);
	assert_true(p.c.n_drained >= 1);
	/* An error comes without a body although the row wants one. */
	assert_int_equal(ipc_send(p.client, PING, 6, 0, 9, "abcdefgh", 8, NULL, 0), 0);
	turn();
	assert_int_equal(p.c.n_reply, 2);
	assert_int_equal(p.c.last_status, -ENOENT);
	/* ipc_flush does not wait for the loop: both are read in one go afterwards. */
	assert_int_equal(ipc_send(p.client, PING, 7, 0, 9, "abcd", 4, NULL, 0), 0);
	ipc_flush(p.client);
	assert_int_equal(ipc_peer_n_queued(p.client), 0);
	assert_int_equal(ipc_peer_stats(p.client)->tx_msgs, 4);
	turn();
	assert_int_equal(p.c.n_reply, 3);
	pair_close(&p);
}

/* Messages are handled while the loop does not run. */
static void test_wait(void **state)
{
	struct pair p;

	pair_open(&p, 8);
	assert_false(ipc_wait(p.server, 1));
	ipc_send(p.client, PING, 5, 0, 0, "abcd", 4, NULL, 0);
	ipc_send(p.client, PING, 6, 0, 0, "abcd", 4, NULL, 0);
	ipc_flush(p.client);
	assert_true(ipc_wait(p.server, 999999));
	assert_int_equal(p.s.n_ping, 2);
	ipc_flush(p.server);
	assert_true(ipc_wait(p.client, 999999));
	assert_int_equal(p.c.n_reply, 2);
	assert_false(ipc_wait(p.client, 1));
	/* The end of the connection is no message, and is told by the loop. */
	ipc_peer_free(p.client);
	p.c.n_closed = 1;
	(void)ipc_wait(p.server, 999999);
	assert_int_equal(p.s.n_closed, 0);
	turn();
	assert_int_equal(p.s.n_closed, 1);
	pair_close(&p);

	pair_open(&p, 8);
	ipc_send(p.client, FREE_ME, 1, 0, 0, NULL, 0, NULL, 0);
	ipc_flush(p.client);
	assert_true(ipc_wait(p.server, 999999));
	p.s.n_closed = 1;
	turn();
	assert_int_equal(p.c.n_closed, 1);
	pair_close(&p);
}

static void test_rest(void **state)
{
	struct pair p;

	pair_open(&p, 8);
	assert_false(ipc_peer_rests(p.server));
	ipc_peer_rest(p.server, 999999);
	assert_true(ipc_peer_rests(p.server));
	/* it says what it has to say */
	ipc_reply(p.server, &(struct ipc_hdr){.type = PING, .seq = 1}, 0, "abcd", 4);
	turn();
	assert_int_equal(p.c.n_reply, 1);
	ipc_peer_close(p.server, "enough");
	turn();
	assert_int_equal(p.s.n_closed, 1);
	assert_int_equal(p.c.n_closed, 1);
	pair_close(&p);

	pair_open(&p, 8);
	ipc_peer_rest(p.server, 1);
	while (ipc_peer_rests(p.server))
		event_base_loop(base, EVLOOP_ONCE);
	ipc_send(p.client, PING, 5, 0, 0, "abcd", 4, NULL, 0);
	turn();
	assert_int_equal(p.s.n_ping, 1);
	ipc_peer_rest(p.server, 999999);
	ipc_peer_free(p.server);
	p.s.n_closed = 1;
	turn();
	pair_close(&p);
}

static void test_big(void **state)
{
	static uint8_t body[65536];
	struct pair p;

	pair_open(&p, 100);
	for (uint32_t i = 0; i < 100; i++) {
		memcpy(body, &i, 4);
		assert_int_equal(ipc_send(p.client, NOTE, 0, 0, 0, body, 4 + i * 100, NULL, 0), 0);
	}
	assert_int_equal(ipc_send(p.client, NOTE, 0, 0, 0, body, 65536 - 23, NULL, 0), -EMSGSIZE);
	assert_int_equal(ipc_send(p.client, NOTE, 0, 0, 0, body, SIZE_MAX, body, 2), -EMSGSIZE);
	turn();
	assert_int_equal(p.s.n_note, 100);
	assert_int_equal(p.s.last_note, 99);
	assert_int_equal(ipc_send(p.client, NOTE, 0, 0, 0, body, 65536 - 24, NULL, 0), 0);
	turn();
	assert_int_equal(p.s.n_note, 101);
	pair_close(&p);
}

/* The raw bytes of every kind of malformed message; each closes the peer and only that. */
static void test_malformed(void **state)
{
	static const struct {
		struct ipc_hdr hdr;
		size_t len;
		const char *why;
		int refused; /* else malformed */
	} rows[] = {
		{{IPC_VERSION, PING, 28, 1, 0, 0, 0}, 20, "shorter than a header", 0},
		{{9, PING, 28, 1, 0, 0, 0}, 28, "other version", 0},
		{{IPC_VERSION, PING, 29, 1, 0, 0, 0}, 28, "length differs", 0},
		{{IPC_VERSION, PING, 24, 1, 0, 0, 0}, 28, "length differs", 0},
		{{IPC_VERSION, PING, 28, 1, 0, 0, 7}, 28, "reserved", 0},
		{{IPC_VERSION, PING, 28, 1, -2, 0, 0}, 28, "status", 0},
		{{IPC_VERSION, PING, 27, 1, 0, 0, 0}, 27, "wrong length", 0},
		{{IPC_VERSION, PING, 24, 1, 0, 0, 0}, 24, "wrong length", 0},
		{{IPC_VERSION, PING, 5000, 1, 0, 0, 0}, 5000, "wrong length", 0},
		{{IPC_VERSION, PING | IPC_TYPE_REPLY, 28, 1, 1, 0, 0}, 28, "status", 0},
		{{IPC_VERSION, PING | IPC_TYPE_REPLY, 28, 1, -5000, 0, 0}, 28, "status", 0},
		{{IPC_VERSION, PING | IPC_TYPE_REPLY, 28, 1, 0, 0, 0}, 28, "not known", 1},
		{{IPC_VERSION, 99, 28, 1, 0, 0, 0}, 28, "not known", 1},
		{{IPC_VERSION, CLI_ONLY, 24, 1, 0, 0, 0}, 24, "not allowed", 1},
		{{IPC_VERSION, IPC_TYPE_HELLO, 28, 1, 0, 0, 0}, 28, "second time", 1},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t msg[5000] = {0};
		struct pair p;
		pair_open(&p, 8);
		memcpy(msg, &rows[i].hdr, sizeof(rows[i].hdr));
		assert_int_equal(send(p.client_fd, msg, rows[i].len, 0), rows[i].len);
		/* What follows in the same batch is not looked at. */
		ipc_send(p.client, PING, 1, 0, 0, "abcd", 4, NULL, 0);
		ipc_flush(p.client);
		event_base_loop(base, EVLOOP_NONBLOCK);
		assert_int_equal(p.s.n_closed, 1);
		assert_int_equal(p.s.n_ping, 0);
		assert_non_null(strstr(p.s.why, rows[i].why));
		turn();
		assert_int_equal(p.c.n_closed, 1);
		pair_close(&p);
	}
}

static size_t packet_put(uint8_t *packet, size_t at, uint16_t type, uint32_t len, uint32_t value)
{
	struct ipc_hdr hdr = {.version = IPC_VERSION, .type = type, .len = len};

	memcpy(packet + at, &hdr, sizeof(hdr));
	memcpy(packet + at + sizeof(hdr), &value, 4);
	return at + ((len + 7) & ~7u);
}

/* What waits leaves as one packet; a descriptor begins another one, and so does a full one. */
static void test_packets(void **state)
{
	static uint8_t body[30000];
	_Alignas(8) static uint8_t packet[IPC_MSG_MAX];
	static const size_t want[] = {4 * 32 + 31, 24 + 25032 + 25028, 25028};
	int fds[2], fd = open("/dev/null", O_RDONLY);
	struct seen s = {0};

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	struct ipc_peer *client = ipc_peer_new(base, fds[0], &client_table, 100, &s);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(ipc_send(client, NOTE, i, 0, 0, body, 4, body, i == 4 ? 3 : 0), 0);
	assert_int_equal(ipc_send_fd(client, TAKE_FD, 0, 0, 0, NULL, 0, fd), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(ipc_send(client, NOTE, 0, 0, 0, body, 25004, NULL, 0), 0);
	ipc_flush(client);
	assert_int_equal(ipc_peer_stats(client)->tx_msgs, 9);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(recv(fds[1], packet, sizeof(packet), 0), want[i]);
		for (size_t at = 0, n = 0; i == 0 && n < 5; n++, at += 32) {
			const struct ipc_hdr *hdr = (const void *)(packet + at);
			assert_int_equal(hdr->seq, n);
			assert_int_equal(hdr->len, n == 4 ? 31 : 28);
		}
	}
	assert_int_equal(recv(fds[1], packet, sizeof(packet), 0), -1);
	ipc_peer_free(client);
	close(fds[1]);
	close(fd);
}

/* A packet whose parts do not add up is refused at the first part that is wrong. */
static void test_packet_malformed(void **state)
{
	static const struct {
		uint32_t len[3];
		size_t packet_len;
		unsigned int n_note;
		const char *why;
	} rows[] = {
		{{28, 28, 28}, 92, 3, NULL},
		{{28, 28, 29}, 92, 2, "length differs"},
		{{28, 28, 28}, 96, 2, "length differs"}, /* nothing follows the last one */
		{{28, 28, 28}, 88, 2, "length differs"},
		{{28, 23, 28}, 92, 1, "length differs"},
		{{28, 0, 28}, 92, 1, "length differs"},
		{{28, UINT32_MAX, 28}, 92, 1, "length differs"},
		{{28, UINT32_MAX - 3, 28}, 92, 1, "length differs"},
		{{24, 28, 28}, 92, 0, "wrong length"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_Alignas(8) uint8_t packet[128] = {0};
		struct pair p;
		pair_open(&p, 8);
		for (uint32_t k = 0; k < 3; k++)
			(void)packet_put(packet, k * 32, NOTE, rows[i].len[k], k);
		assert_int_equal(
			send(p.client_fd, packet, rows[i].packet_len, 0), rows[i].packet_len);
		turn();
		assert_int_equal(p.s.n_note, rows[i].n_note);
		assert_int_equal(p.s.n_closed, rows[i].why != NULL);
		if (rows[i].why != NULL)
			assert_non_null(strstr(p.s.why, rows[i].why));
		pair_close(&p);
	}
}

static void test_before_hello(void **state)
{
	struct seen s = {0};
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	struct ipc_peer *server = ipc_peer_new(base, fds[1], &server_table, 8, &s);
	struct ipc_hdr hdr = {.version = IPC_VERSION, .type = PING, .len = 28};
	uint8_t msg[28] = {0};
	memcpy(msg, &hdr, sizeof(hdr));
	assert_int_equal(ipc_dispatch(server, msg, sizeof(msg)), -EPROTO);
	assert_int_equal(ipc_peer_stats(server)->rx_refused, 1);
	assert_int_equal(ipc_dispatch(server, msg, sizeof(msg)), -EPIPE);
	turn();
	assert_int_equal(s.n_closed, 1);
	assert_int_equal(s.n_ping, 0);
	close(fds[0]);
}

static void test_handler_closes_or_frees(void **state)
{
	struct pair p;

	pair_open(&p, 8);
	ipc_send(p.client, BAD, 1, 0, 0, NULL, 0, NULL, 0);
	ipc_send(p.client, PING, 1, 0, 0, "abcd", 4, NULL, 0);
	turn();
	assert_int_equal(p.s.n_closed, 1);
	assert_int_equal(p.s.n_ping, 0);
	assert_non_null(strstr(p.s.why, "BAD: "));
	assert_int_equal(p.c.n_closed, 1);
	pair_close(&p);

	pair_open(&p, 8);
	ipc_send(p.client, FREE_ME, 1, 0, 0, NULL, 0, NULL, 0);
	ipc_send(p.client, PING, 1, 0, 0, "abcd", 4, NULL, 0);
	turn();
	assert_int_equal(p.s.n_closed, 0);
	assert_int_equal(p.s.n_ping, 0);
	assert_int_equal(p.c.n_closed, 1);
	p.s.n_closed = 1;
	pair_close(&p);
}

static unsigned int count_fds(void)
{
	unsigned int n = 0;
	for (int fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_descriptors(void **state)
{
	struct pair p;
	struct stat a, b;
	int fd = open("/dev/null", O_RDONLY);

	pair_open(&p, 8);
	unsigned int before = count_fds();
	assert_int_equal(ipc_send_fd(p.client, TAKE_FD, 1, 0, 0, NULL, 0, fd), 0);
	assert_int_equal(ipc_send(p.client, PING, 1, 0, 0, "abcd", 4, NULL, 0), 0);
	turn();
	assert_true(p.s.fd >= 0);
	assert_int_equal(fstat(p.s.fd, &a), 0);
	assert_int_equal(fstat(fd, &b), 0);
	assert_true(a.st_rdev == b.st_rdev);
	assert_int_equal(fcntl(p.s.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(p.s.fd);
	/* One that nobody takes, and those still queued when the peer goes, are closed. */
	assert_int_equal(ipc_send_fd(p.client, PING, 2, 0, 0, "abcd", 4, fd), 0);
	turn();
	assert_int_equal(p.s.n_ping, 2);
	assert_int_equal(count_fds(), before);
	assert_int_equal(ipc_send_fd(p.client, PING, 3, 0, 0, "abcd", 4, fd), 0);
	pair_close(&p);
	assert_int_equal(count_fds(), before - 2);

	/* More than one in a message is refused, and none leaks. */
	pair_open(&p, 8);
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	struct ipc_hdr hdr = {.version = IPC_VERSION, .type = TAKE_FD, .len = sizeof(hdr)};
	struct iovec iov = {&hdr, sizeof(hdr)};
	struct msghdr mh = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), (int[]){fd, fd}, 2 * sizeof(int));
	assert_int_equal(sendmsg(p.client_fd, &mh, 0), sizeof(hdr));
	turn();
	assert_int_equal(p.s.n_closed, 1);
	assert_int_equal(p.s.fd, -1);
	pair_close(&p);
	assert_int_equal(count_fds(), before - 2);
	close(fd);
}

static void test_full_queue(void **state)
{
	struct pair p;
	uint32_t i;

	/* Droppable ones: the oldest go, what is left arrives in order. */
	pair_open(&p, 10);
	assert_int_equal(ipc_send(p.client, PING, 1, 0, 0, "abcd", 4, NULL, 0), 0);
	for (i = 0; i < 1000; i++)
		assert_int_equal(ipc_send(p.client, NOTE, 0, 0, 0, &i, 4, NULL, 0), 0);
	assert_int_equal(ipc_peer_n_queued(p.client), 10);
	assert_int_equal(ipc_peer_stats(p.client)->tx_dropped, 991);
	turn();
	assert_int_equal(p.s.n_ping, 1);
	assert_int_equal(p.s.n_note, 9);
	assert_int_equal(p.s.last_note, 999);
	/* A request pushes a droppable one out; a droppable one does not push a request out. */
	assert_int_equal(ipc_send(p.client, NOTE, 0, 0, 0, &i, 4, NULL, 0), 0);
	for (i = 0; i < 10; i++)
		assert_int_equal(ipc_send(p.client, PING, 1, 0, 0, &i, 4, NULL, 0), 0);
	assert_int_equal(ipc_send(p.client, NOTE, 0, 0, 0, &i, 4, NULL, 0), 0);
	assert_int_equal(ipc_peer_stats(p.client)->tx_dropped, 993);
	/* Only requests: the peer is closed, but what was queued still goes out. */
	assert_int_equal(ipc_send(p.client, PING, 1, 0, 0, &i, 4, NULL, 0), -EPIPE);
	turn();
	assert_int_equal(p.c.n_closed, 1);
	assert_non_null(strstr(p.c.why, "10 are waiting"));
	assert_int_equal(p.s.n_ping, 11);
	pair_close(&p);
}

static void test_bytes_bound(void **state)
{
	static uint8_t body[60000];
	struct pair p;
	uint32_t i;

	/* 10 messages are allowed 1 MiB; 2000 are allowed 4 MiB. */
	pair_open(&p, 2000);
	for (i = 0; i < 2000; i++) {
		memcpy(body, &i, 4);
		assert_int_equal(ipc_send(p.client, NOTE, 0, 0, 0, body, sizeof(body), NULL, 0), 0);
	}
	assert_int_equal(ipc_peer_n_queued(p.client), 2000 * 2048 / 60024);
	/* Nobody reads: the socket fills, and goes on when somebody reads again. */
	ipc_flush(p.client);
	assert_true(ipc_peer_n_queued(p.client) > 40);
	turn();
	turn();
	assert_int_equal(ipc_peer_n_queued(p.client), 0);
	assert_int_equal(p.s.n_note, 2000 * 2048 / 60024);
	assert_int_equal(p.s.last_note, 1999);
	pair_close(&p);
}

/* The last messages of a process that died are read although it left ours unread. */
static void test_last_words(void **state)
{
	struct pair p;

	/* Seen when reading. */
	pair_open(&p, 8);
	ipc_send(p.client, PING, 1, 0, 0, "abcd", 4, NULL, 0);
	ipc_flush(p.client);
	ipc_send(p.server, PING | IPC_TYPE_REPLY, 1, 0, 0, "abcd", 4, NULL, 0);
	ipc_flush(p.server);
	ipc_peer_free(p.client);
	p.c.n_closed = 1;
	turn();
	assert_int_equal(p.s.n_ping, 1);
	assert_non_null(strstr(p.s.why, "the other end closed"));
	pair_close(&p);

	/* Seen when sending. */
	pair_open(&p, 8);
	ipc_send(p.client, PING, 1, 0, 0, "abcd", 4, NULL, 0);
	ipc_flush(p.client);
	ipc_send(p.server, PING | IPC_TYPE_REPLY, 1, 0, 0, "abcd", 4, NULL, 0);
	ipc_flush(p.server);
	ipc_peer_free(p.client); /* with the server's message unread: ECONNRESET over there */
	ipc_send(p.server, PING | IPC_TYPE_REPLY, 1, 0, 0, "abcd", 4, NULL, 0);
	ipc_flush(p.server);
	p.c.n_closed = 1;
	turn();
	assert_int_equal(p.s.n_ping, 1);
	assert_int_equal(p.s.n_closed, 1);
	assert_non_null(strstr(p.s.why, "the other end closed"));
	pair_close(&p);
}

static void test_strings(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		int ok;
	} rows[] = {
		{"abc", 4, 1},
		{"abc", 3, 0},
		{"", 1, 1},
		{"x", 0, 0},
		{"a\nb", 4, 0},
		{"a\x7f", 3, 0},
		{"\xc3\xa4", 3, 1},
		{"\xc3\xa4", 2, 0},
		{"\xc3", 2, 0},
		{"\xc0\x80", 3, 0},
		{"\xe2\x82\xac", 4, 1},
		{"\xed\xa0\x80", 4, 0},
		{"\xf0\x9f\x98\x80", 5, 1},
		{"\xf5\x80\x80\x80", 5, 0},
		{"\xc2\x9b", 3, 0},
		{"\x80", 2, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(ipc_str_ok(rows[i].text, rows[i].size), rows[i].ok);
}

static int accepted = -1;

static void on_accept(int fd, void *arg)
{
	accepted = fd;
}

static void test_listen(void **state)
{
	char dir[] = "/tmp/limen-ipc-XXXXXX", path[64], other[200];
	struct ipc_listener *l, *l2;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(ipc_connect(path), -ENOENT);
	assert_int_equal(ipc_listen(base, path, 0620, on_accept, NULL, &l), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0620);
	int fd = ipc_connect(path);
	assert_true(fd >= 0);
	turn();
	assert_true(accepted >= 0);
	close(accepted);
	close(fd);
	assert_int_equal(ipc_listen(base, path, 0600, on_accept, NULL, &l2), -EADDRINUSE);
	assert_int_equal(stat(path, &st), 0);
	turn();
	close(accepted);
	/* A file that a dead process left behind is replaced. */
	snprintf(other, sizeof(other), "%s.kept", path);
	assert_int_equal(rename(path, other), 0);
	ipc_listener_free(l);
	assert_int_equal(ipc_connect(other), -ECONNREFUSED);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(ipc_listen(base, path, 0600, on_accept, NULL, &l), 0);
	ipc_listener_free(l);
	assert_int_equal(stat(path, &st), -1);
	/* Anything else at the path is left alone. */
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(ipc_listen(base, path, 0600, on_accept, NULL, &l), -EEXIST);
	assert_int_equal(stat(path, &st), 0);
	unlink(path);
	rmdir(dir);
	memset(other, 'x', sizeof(other) - 1);
	other[sizeof(other) - 1] = '\0';
	assert_int_equal(ipc_connect(other), -ENAMETOOLONG);
	ipc_listener_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_reply),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_big),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_packet_malformed),
		cmocka_unit_test(test_before_hello),
		cmocka_unit_test(test_handler_closes_or_frees),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_full_queue),
		cmocka_unit_test(test_bytes_bound),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_listen),
	};
	base = event_base_new();
	int ret = cmocka_run_group_tests(tests, NULL, NULL);
	event_base_free(base);
	return ret;
}
