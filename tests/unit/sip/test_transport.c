/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The transport against plain sockets on loopback: batches, framing, reuse, bounds, failures,
 * change of listeners. Timers run on a wheel that the test moves; real events have a deadline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "controlplane/base/clock.h"
#include "sip-b2bua/transport/sip_transport.h"

#define DEADLINE_MS 10000
#define MSG(id)	    "OPTIONS sip:x SIP/2.0\r\nCall-ID: " id "\r\nContent-Length: 4\r\n\r\nbody"

static struct {
	struct event_base *base;
	struct twheel *wheel;
	struct sip_transport *t;
	uint64_t now;
	char host[32]; /* a loopback address of this test process */
	unsigned int n_received, n_failed, n_flushes;
	char got[200][256];
	struct sip_path path; /* of the last one */
	uint64_t failed_origin;
	unsigned int n_gone;
	uint64_t gone;
	int failed_err;
} f;

static void on_receive(void *ctx, const struct sip_path *path, const char *bytes, size_t n)
{
	if (f.n_received < 200)
		snprintf(f.got[f.n_received], sizeof(f.got[0]), "%.*s", (int)n, bytes);
	f.n_received++;
	f.path = *path;
}

static void on_send_failed(void *ctx, uint64_t origin, int err)
{
	f.n_failed++;
	f.failed_origin = origin;
	f.failed_err = err;
}

static void on_before_flush(void *ctx)
{
	f.n_flushes++;
}

static void on_conn_gone(void *ctx, uint64_t conn)
{
	f.n_gone++;
	f.gone = conn;
}

static const struct sip_transport_ops ops = {.receive = on_receive,
	.send_failed = on_send_failed,
	.before_flush = on_before_flush,
	.conn_gone = on_conn_gone};

static struct sip_transport_limits limits = {
	.max_conns = 20,
	.max_conns_per_peer = 3,
	.idle_ms = 60000,
	.connect_ms = 5000,
	.partial_ms = 10000,
	.tx_queue_max = 300000,
};

static int setup(void **state)
{
	memset(&f, 0, sizeof(f));
	unsigned int pid = (unsigned int)getpid();
	snprintf(f.host, sizeof(f.host), "127.%u.%u.1", 1 + (pid >> 8 & 0x7f), pid & 0xff);
	f.base = event_base_new();
	f.now = 1000;
	f.wheel = twheel_new(f.now);
	f.t = sip_transport_new(f.base, f.wheel, 0, &limits, &ops, NULL);
	return f.t == NULL;
}

static int teardown(void **state)
{
	sip_transport_free(f.t);
	twheel_free(f.wheel);
	event_base_free(f.base);
	return 0;
}

static void turn(void)
{
	event_base_loop(f.base, EVLOOP_NONBLOCK);
	sip_transport_flush(f.t);
}

/* Turns the loop until the condition holds; the wait between turns is for other processes' sake. */
#define until(condition)                                                             \
	do {                                                                         \
		uint64_t end_ms = clock_mono_ms() + DEADLINE_MS;                     \
		turn();                                                              \
		while (!(condition)) {                                               \
			if (clock_mono_ms() > end_ms)                                \
				fail_msg("not within the deadline: %s", #condition); \
			poll(NULL, 0, 1);                                            \
			turn();                                                      \
		}                                                                    \
	} while (0)

static void time_pass(uint64_t ms)
{
	f.now += ms;
	twheel_advance(f.wheel, f.now);
}

static struct ipaddr addr_of(const char *host, uint16_t port)
{
	struct ipaddr a;
	assert_int_equal(ipaddr_parse(view_of(host), port, &a), 0);
	return a;
}

static struct sip_listener spec_of(
	uint8_t transport, const char *host, uint16_t port, const char *realm)
{
	struct sip_listener s = {.transport = transport, .addr = addr_of(host, port)};
	snprintf(s.realm, sizeof(s.realm), "%s", realm);
	return s;
}

static void listen_both(void)
{
	char error[256] = "";
	struct sip_listener specs[] = {
		spec_of(SIP_UDP, f.host, 5060, "a"), spec_of(SIP_TCP, f.host, 5060, "a")};
	if (sip_transport_prepare(f.t, specs, 2, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	sip_transport_apply(f.t);
}

/* A socket of the far end; port_out: that it got. */
static int peer_socket(int type, const char *host, uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_storage sa;
	struct ipaddr a = addr_of(host, port);
	int on = 1;
	socklen_t len = ipaddr_to_sockaddr(&a, &sa);
	int fd = socket(sa.ss_family, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	len = sizeof(sa);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	assert_int_equal(ipaddr_from_sockaddr((struct sockaddr *)&sa, &a), 0);
	if (ret_port != NULL)
		*ret_port = ipaddr_port(&a);
	return fd;
}

static void peer_connect(int fd, const char *host, uint16_t port)
{
	struct sockaddr_storage sa;
	struct ipaddr a = addr_of(host, port);
	socklen_t len = ipaddr_to_sockaddr(&a, &sa);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

/* What has arrived, without waiting; -1 at the end of the stream. */
static ssize_t peer_read(int fd, char *buf, size_t size)
{
	ssize_t n = recv(fd, buf, size - 1, MSG_DONTWAIT);
	buf[n > 0 ? n : 0] = '\0';
	return n == 0 ? -1 : n < 0 ? 0 : n;
}

static const struct sip_listener *listener(uint8_t transport)
{
	const struct sip_listener *l = sip_transport_find(f.t, "a", transport, 4);
	assert_non_null(l);
	return l;
}

static void test_phases(void **state)
{
	char error[256];
	struct sip_listener bad[] = {spec_of(SIP_UDP, "0.0.0.0", 5060, "any"),
		spec_of(SIP_UDP, f.host, 0, "none"), spec_of(SIP_TCP, "::", 5060, "any6")};
	listen_both();
	uint16_t udp = listener(SIP_UDP)->id, tcp = listener(SIP_TCP)->id;
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(
			sip_transport_prepare(f.t, &bad[i], 1, error, sizeof(error)), -EINVAL);
		assert_non_null(strstr(error, bad[i].realm));
	}
	/* A foreign socket that does not share its port; what was opened before it goes again. */
	uint16_t port;
	int other = peer_socket(SOCK_DGRAM, f.host, 0, &port);
	struct sip_listener two[] = {
		spec_of(SIP_UDP, f.host, 5080, "b"), spec_of(SIP_UDP, f.host, port, "c")};
	assert_int_equal(sip_transport_prepare(f.t, two, 2, error, sizeof(error)), -EADDRINUSE);
	assert_non_null(strstr(error, "realm c: cannot listen on udp"));
	assert_null(sip_transport_find(f.t, "b", SIP_UDP, 0));
	struct sip_listener twice[] = {two[0], two[0]};
	assert_int_equal(sip_transport_prepare(f.t, twice, 2, error, sizeof(error)), -EEXIST);
	close(other);
	assert_non_null(sip_transport_listener(f.t, udp));
	/* Prepared is not there yet, aborted never */
	assert_int_equal(sip_transport_prepare(f.t, two, 1, error, sizeof(error)), 0);
	assert_null(sip_transport_find(f.t, "b", SIP_UDP, 0));
	sip_transport_abort(f.t);
	sip_transport_abort(f.t);
	assert_non_null(sip_transport_listener(f.t, tcp));
	/* One stays (with its id, in another realm), one goes, one comes. */
	struct sip_listener next[] = {two[0], spec_of(SIP_UDP, f.host, 5060, "renamed")};
	assert_int_equal(sip_transport_prepare(f.t, next, 2, error, sizeof(error)), 0);
	sip_transport_apply(f.t);
	assert_string_equal(sip_transport_listener(f.t, udp)->realm, "renamed");
	assert_null(sip_transport_listener(f.t, tcp));
	const struct sip_listener *b = sip_transport_find(f.t, "b", SIP_UDP, 4);
	assert_non_null(b);
	assert_null(sip_transport_find(f.t, "b", SIP_UDP, 6));
	assert_true(sip_transport_is_own(f.t, &b->addr));
	/* An id whose slot was used again finds nothing. */
	assert_int_equal(sip_transport_prepare(f.t, &next[1], 1, error, sizeof(error)), 0);
	uint16_t old = b->id;
	sip_transport_apply(f.t);
	listen_both();
	assert_null(sip_transport_listener(f.t, old));
	assert_null(sip_transport_listener(f.t, tcp));
}

static void test_udp_receive(void **state)
{
	uint16_t port;
	char addr[IPADDR_TEXT_MAX], expected[IPADDR_TEXT_MAX];
	listen_both();
	int fd = peer_socket(SOCK_DGRAM, f.host, 0, &port);
	peer_connect(fd, f.host, 5060);
	assert_int_equal(send(fd, "\r\n\r\n", 4, 0), 4);
	assert_int_equal(send(fd, "\0", 1, 0), 1);
	assert_int_equal(send(fd, "\r\nHELLO", 7, 0), 7);
	until(f.n_received == 1);
	assert_string_equal(f.got[0], "HELLO");
	assert_int_equal(sip_transport_counters(f.t)->rx_keepalives, 2);
	snprintf(expected, sizeof(expected), "%s:%u", f.host, port);
	assert_string_equal(ipaddr_print_port(&f.path.remote, addr), expected);
	snprintf(expected, sizeof(expected), "%s:5060", f.host);
	assert_string_equal(ipaddr_print_port(&f.path.local, addr), expected);
	assert_int_equal(f.path.listener, listener(SIP_UDP)->id);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(send(fd, &"abc"[i % 3], 1, 0), 1);
	until(f.n_received == 101);
	assert_string_equal(f.got[100], "a");
	close(fd);
}

static void test_udp_send(void **state)
{
	uint16_t port;
	struct sip_path path;
	char buf[100];
	listen_both();
	int fd = peer_socket(SOCK_DGRAM, f.host, 0, &port);
	struct ipaddr to = addr_of(f.host, port), v6 = addr_of("::1", port);
	sip_path_to(listener(SIP_UDP), &to, &path);
	/* More than a batch: the first part leaves early, and the hook runs before each. */
	for (unsigned int i = 0; i < 100; i++) {
		snprintf(buf, sizeof(buf), "m%u", i);
		assert_int_equal(sip_transport_send(f.t, &path, buf, strlen(buf), i + 1), 0);
	}
	assert_int_equal(f.n_flushes, 1);
	sip_transport_flush(f.t);
	assert_int_equal(f.n_flushes, 2);
	for (unsigned int i = 0; i < 100; i++) {
		char expected[100];
		snprintf(expected, sizeof(expected), "m%u", i);
		assert_true(peer_read(fd, buf, sizeof(buf)) > 0);
		assert_string_equal(buf, expected);
	}
	assert_int_equal(sip_transport_counters(f.t)->tx_datagrams, 100);
	sip_transport_flush(f.t);
	assert_int_equal(f.n_flushes, 2); /* nothing waits: no hook */
	assert_int_equal(sip_transport_send(f.t, &path, buf, 0, 0), -EMSGSIZE);
	path.remote = v6;
	assert_int_equal(sip_transport_send(f.t, &path, "x", 1, 0), -EAFNOSUPPORT);
	path.listener = 999;
	assert_int_equal(sip_transport_send(f.t, &path, "x", 1, 0), -EADDRNOTAVAIL);
	/* An error of one datagram is told for that one, later; its neighbours leave. */
	sip_path_to(listener(SIP_UDP), &to, &path);
	assert_int_equal(sip_transport_send(f.t, &path, "one", 3, 71), 0);
	path.remote.port_be16 = 0;
	assert_int_equal(sip_transport_send(f.t, &path, "bad", 3, 72), 0);
	path.remote = to;
	assert_int_equal(sip_transport_send(f.t, &path, "two", 3, 73), 0);
	sip_transport_flush(f.t);
	assert_int_equal(f.n_failed, 0);
	until(f.n_failed == 1);
	assert_int_equal(f.failed_origin, 72);
	assert_int_equal(f.failed_err, -EINVAL);
	assert_true(peer_read(fd, buf, sizeof(buf)) > 0);
	assert_true(peer_read(fd, buf, sizeof(buf)) > 0);
	assert_string_equal(buf, "two");
	close(fd);
}

/* A binding request is answered, something like it is not; SIP goes on beside. */
static void test_udp_stun(void **state)
{
	static const char request[20] = "\0\1\0\0\x21\x12\xa4\x42transaction";
	char buf[100];
	listen_both();
	int fd = peer_socket(SOCK_DGRAM, f.host, 0, NULL);
	peer_connect(fd, f.host, 5060);
	assert_int_equal(send(fd, request, 19, 0), 19);
	assert_int_equal(send(fd, request, 20, 0), 20);
	assert_int_equal(send(fd, "HELLO", 5, 0), 5);
	until(f.n_received == 1);
	assert_int_equal(sip_transport_counters(f.t)->rx_stun, 1);
	assert_int_equal(sip_transport_counters(f.t)->rx_bad_frames, 1);
	assert_int_equal(peer_read(fd, buf, sizeof(buf)), 32);
	assert_memory_equal(buf, "\x01\x01\0\x0c", 4);
	assert_memory_equal(buf + 4, request + 4, 16);
	assert_int_equal(peer_read(fd, buf, sizeof(buf)), 0);
	close(fd);
}

struct told {
	unsigned int n_up, n_gone;
	struct sip_conn up;
	uint64_t gone;
	bool refuse;
};

static bool told_up(void *ctx, const struct sip_conn *conn)
{
	struct told *told = ctx;
	told->n_up += !told->refuse;
	told->up = *conn;
	return !told->refuse;
}

static bool told_gone(void *ctx, uint64_t id)
{
	struct told *told = ctx;
	told->n_gone++;
	told->gone = id;
	return true;
}

/* Who watches learns of each connection once, of its end, and of everything after he forgot it. */
static void test_watchers(void **state)
{
	struct told told = {.refuse = true};
	char buf[10];
	listen_both();
	int fd = peer_socket(SOCK_STREAM, f.host, 0, NULL);
	peer_connect(fd, f.host, 5060);
	assert_true(send(fd, MSG("1"), strlen(MSG("1")), MSG_NOSIGNAL) > 0);
	until(f.n_received == 1);
	sip_transport_report(f.t, 10, told_up, told_gone, &told);
	told.refuse = false;
	for (unsigned int i = 0; i < 2; i++)
		sip_transport_report(f.t, 10, told_up, told_gone, &told);
	assert_int_equal(told.n_up, 1);
	assert_int_equal(told.up.id, f.path.conn);
	assert_true(told.up.accepted && told.up.transport == SIP_TCP);
	assert_string_equal(told.up.realm, "a");
	sip_transport_report_again(f.t);
	sip_transport_report(f.t, 10, told_up, told_gone, &told);
	assert_int_equal(told.n_up, 2);
	/* One that comes and goes between two reports is not told of. */
	int brief = peer_socket(SOCK_STREAM, f.host, 0, NULL);
	peer_connect(brief, f.host, 5060);
	until(sip_transport_counters(f.t)->n_conns == 2);
	close(brief);
	until(sip_transport_counters(f.t)->n_conns == 1);
	sip_transport_report(f.t, 10, told_up, told_gone, &told);
	assert_int_equal(told.n_up, 2);
	assert_int_equal(told.n_gone, 0);
	assert_int_equal(sip_transport_counters(f.t)->conns_far_closed, 1);
	/* An operator ends the other; who asked hears of it, once. */
	sip_transport_conn_watch(f.t, f.path.conn);
	assert_int_equal(sip_transport_conn_end(f.t, f.path.conn), 0);
	until(f.n_gone == 1);
	assert_int_equal(f.gone, f.path.conn);
	until(peer_read(fd, buf, sizeof(buf)) == -1);
	assert_int_equal(sip_transport_conn_end(f.t, f.path.conn), -ENOENT);
	for (unsigned int i = 0; i < 2; i++)
		sip_transport_report(f.t, 10, told_up, told_gone, &told);
	assert_int_equal(told.n_gone, 1);
	assert_int_equal(told.gone, f.path.conn);
	assert_int_equal(f.n_gone, 1);
	close(fd);
}

/* A flow with a Flow-Timer ends in silence; a CRLF is no silence. */
static void test_silent(void **state)
{
	char buf[10];
	listen_both();
	int fd = peer_socket(SOCK_STREAM, f.host, 0, NULL);
	peer_connect(fd, f.host, 5060);
	assert_true(send(fd, MSG("1"), strlen(MSG("1")), MSG_NOSIGNAL) > 0);
	until(f.n_received == 1);
	sip_transport_conn_watch(f.t, f.path.conn);
	sip_transport_conn_silent(f.t, f.path.conn, 3000);
	sip_transport_conn_silent(f.t, f.path.conn + 1, 3000); /* of nobody */
	for (unsigned int i = 0; i < 3; i++) {
		time_pass(2900);
		assert_true(send(fd, "\r\n\r\n", 4, MSG_NOSIGNAL) == 4);
		until(sip_transport_counters(f.t)->rx_keepalives == i + 1);
		until(peer_read(fd, buf, sizeof(buf)) == 2);
	}
	assert_int_equal(f.n_gone, 0);
	time_pass(3000);
	until(f.n_gone == 1);
	assert_int_equal(f.gone, f.path.conn);
	assert_int_equal(sip_transport_counters(f.t)->conns_silent, 1);
	assert_int_equal(sip_transport_counters(f.t)->conns_idle_closed, 0);
	/* A flow, and no other: nobody is connected to in its place. */
	f.path.flow = 1;
	assert_int_equal(
		sip_transport_send(f.t, &f.path, MSG("2"), strlen(MSG("2")), 5), -ENOTCONN);
	f.path.conn = 0;
	assert_int_equal(
		sip_transport_send(f.t, &f.path, MSG("2"), strlen(MSG("2")), 5), -ENOTCONN);
	close(fd);
}

/* New limits hold for what comes; what is open stays. */
static void test_new_limits(void **state)
{
	struct sip_transport_limits tight = limits;
	char buf[10];
	int fd[3];
	listen_both();
	for (unsigned int i = 0; i < 3; i++) {
		if (i == 2) {
			tight.max_conns = 2;
			sip_transport_set_limits(f.t, &tight);
		}
		fd[i] = peer_socket(SOCK_STREAM, f.host, 0, NULL);
		peer_connect(fd[i], f.host, 5060);
		until(sip_transport_counters(f.t)->conns_accepted +
				sip_transport_counters(f.t)->conns_refused ==
			i + 1);
	}
	until(peer_read(fd[2], buf, sizeof(buf)) == -1);
	assert_int_equal(sip_transport_counters(f.t)->n_conns, 2);
	assert_int_equal(sip_transport_counters(f.t)->conns_refused, 1);
	for (unsigned int i = 0; i < 3; i++)
		close(fd[i]);
	until(sip_transport_counters(f.t)->n_conns == 0);
}

static void test_tcp_frames(void **state)
{
	char buf[200];
	static const char two[] = MSG("1") MSG("2");
	listen_both();
	int fd = peer_socket(SOCK_STREAM, f.host, 0, NULL);
	peer_connect(fd, f.host, 5060);
	/* Two messages, octet by octet */
	for (size_t i = 0; i + 1 < sizeof(two); i++) {
		assert_int_equal(send(fd, two + i, 1, MSG_NOSIGNAL), 1);
		turn();
	}
	until(f.n_received == 2);
	assert_string_equal(f.got[0], MSG("1"));
	assert_string_equal(f.got[1], MSG("2"));
	assert_int_equal(f.path.transport, SIP_TCP);
	/* In one piece, with keep-alives around them; the double one is answered. */
	assert_true(send(fd, "\r\n\r\n" MSG("3") "\r\n" MSG("4"), 2 * strlen(MSG("3")) + 6,
			    MSG_NOSIGNAL) > 0);
	until(f.n_received == 4);
	until(readable(fd));
	assert_int_equal(peer_read(fd, buf, sizeof(buf)), 2);
	assert_string_equal(buf, "\r\n");
	/* The answer goes back on the connection. */
	assert_int_equal(sip_transport_send(f.t, &f.path, "ANSWER", 6, 0), 0);
	assert_int_equal(peer_read(fd, buf, sizeof(buf)), 0);
	sip_transport_flush(f.t);
	until(readable(fd));
	peer_read(fd, buf, sizeof(buf));
	assert_string_equal(buf, "ANSWER");
	/* What cannot be framed is shown once and ends the stream. */
	assert_true(send(fd, "OPTIONS sip:x SIP/2.0\r\nl: x\r\n\r\n", 31, MSG_NOSIGNAL) > 0);
	until(f.n_received == 5);
	until(readable(fd) && peer_read(fd, buf, sizeof(buf)) == -1);
	assert_int_equal(sip_transport_counters(f.t)->rx_bad_frames, 1);
	assert_int_equal(sip_transport_counters(f.t)->n_conns, 0);
	close(fd);
}

static void test_tcp_bounds(void **state)
{
	int fd[4];
	char buf[100];
	listen_both();
	for (unsigned int i = 0; i < 4; i++) {
		fd[i] = peer_socket(SOCK_STREAM, f.host, 0, NULL);
		peer_connect(fd[i], f.host, 5060);
	}
	/* Three of one address, not four */
	until(sip_transport_counters(f.t)->conns_refused == 1);
	assert_int_equal(sip_transport_counters(f.t)->n_conns, 3);
	assert_true(send(fd[0], MSG("1"), strlen(MSG("1")), MSG_NOSIGNAL) > 0);
	assert_true(send(fd[1], "OPTIONS", 7, MSG_NOSIGNAL) > 0);
	until(f.n_received == 1);
	/* The second has said half a message, the third nothing: both go, the first stays. */
	turn();
	time_pass(limits.partial_ms);
	until(readable(fd[1]) && readable(fd[2]));
	assert_int_equal(sip_transport_counters(f.t)->n_conns, 1);
	assert_false(readable(fd[0]));
	time_pass(limits.idle_ms);
	until(readable(fd[0]));
	assert_int_equal(peer_read(fd[0], buf, sizeof(buf)), -1);
	assert_int_equal(sip_transport_counters(f.t)->n_conns, 0);
	for (unsigned int i = 0; i < 4; i++)
		close(fd[i]);
}

static int accept_one(int listen_fd)
{
	until(readable(listen_fd));
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void test_tcp_connect(void **state)
{
	char buf[100];
	uint16_t port;
	struct sip_path path;
	listen_both();
	int lfd = peer_socket(SOCK_STREAM, f.host, 0, &port);
	assert_int_equal(listen(lfd, 5), 0);
	struct ipaddr to = addr_of(f.host, port);
	sip_path_to(listener(SIP_TCP), &to, &path);
	assert_int_equal(sip_transport_send(f.t, &path, "one", 3, 1), 0);
	assert_int_equal(sip_transport_send(f.t, &path, "two", 3, 2), 0);
	int fd = accept_one(lfd);
	until(readable(fd));
	until(recv(fd, buf, 6, MSG_DONTWAIT | MSG_PEEK) == 6);
	peer_read(fd, buf, sizeof(buf));
	assert_string_equal(buf, "onetwo");
	assert_int_equal(sip_transport_counters(f.t)->conns_opened, 1);
	/* The same connection serves later requests, and what the peer sends on it. */
	assert_int_equal(sip_transport_send(f.t, &path, "three", 5, 3), 0);
	until(readable(fd));
	assert_true(send(fd, MSG("1"), strlen(MSG("1")), MSG_NOSIGNAL) > 0);
	until(f.n_received == 1);
	struct sip_path back = f.path;
	back.remote = to;
	/* Gone: an answer for it opens a new one to the address in its path. */
	close(fd);
	until(sip_transport_counters(f.t)->n_conns == 0);
	assert_int_equal(sip_transport_send(f.t, &back, "late", 4, 4), 0);
	fd = accept_one(lfd);
	until(readable(fd));
	peer_read(fd, buf, sizeof(buf));
	assert_string_equal(buf, "late");
	assert_int_equal(f.n_failed, 0);
	close(fd);
	close(lfd);
	until(sip_transport_counters(f.t)->n_conns == 0);
	/* Nobody listens any more. */
	int rc = sip_transport_send(f.t, &path, "x", 1, 77);
	if (rc == 0) {
		until(f.n_failed == 1);
		assert_int_equal(f.failed_origin, 77);
		rc = f.failed_err;
	}
	assert_int_equal(rc, -ECONNREFUSED);
}

/* A peer that does not read: the queue is bounded, and what never left is told of. */
static void test_tcp_backpressure(void **state)
{
	static char big[60000];
	uint16_t port;
	struct sip_path path;
	unsigned int n = 0;
	listen_both();
	int lfd = peer_socket(SOCK_STREAM, f.host, 0, &port);
	assert_int_equal(listen(lfd, 5), 0);
	struct ipaddr to = addr_of(f.host, port);
	sip_path_to(listener(SIP_TCP), &to, &path);
	memset(big, 'x', sizeof(big));
	int rc = sip_transport_send(f.t, &path, big, sizeof(big), 1);
	int fd = accept_one(lfd);
	while (rc == 0 && n++ < 1000) {
		turn();
		rc = sip_transport_send(f.t, &path, big, sizeof(big), 1);
	}
	assert_int_equal(rc, -ENOBUFS);
	close(fd);
	until(f.n_failed >= 4);
	assert_int_equal(f.failed_origin, 1);
	close(lfd);
}

static void test_listener_gone(void **state)
{
	char error[256], buf[10];
	listen_both();
	int fd = peer_socket(SOCK_STREAM, f.host, 0, NULL);
	peer_connect(fd, f.host, 5060);
	until(sip_transport_counters(f.t)->n_conns == 1);
	assert_int_equal(sip_transport_prepare(f.t, NULL, 0, error, sizeof(error)), 0);
	sip_transport_apply(f.t);
	until(readable(fd));
	assert_int_equal(peer_read(fd, buf, sizeof(buf)), -1);
	assert_int_equal(sip_transport_send(f.t, &f.path, "x", 1, 0), -EADDRNOTAVAIL);
	close(fd);
}

static void test_ipv6(void **state)
{
	uint16_t port, own;
	char error[256], buf[100];
	struct sip_path path;
	int probe = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	if (probe < 0 || bind(probe, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		print_message("no IPv6 loopback here\n");
		skip();
	}
	close(probe);
	int fd = peer_socket(SOCK_DGRAM, "::1", 0, &port);
	/* A port that was free a moment ago */
	int free_fd = peer_socket(SOCK_DGRAM, "::1", 0, &own);
	close(free_fd);
	struct sip_listener spec = spec_of(SIP_UDP, "::1", own, "six");
	assert_int_equal(sip_transport_prepare(f.t, &spec, 1, error, sizeof(error)), 0);
	sip_transport_apply(f.t);
	peer_connect(fd, "::1", own);
	assert_int_equal(send(fd, "SIX", 3, 0), 3);
	until(f.n_received == 1);
	path = f.path;
	assert_int_equal(path.remote.family, 6);
	assert_int_equal(ipaddr_port(&path.remote), port);
	assert_int_equal(sip_transport_send(f.t, &path, "BACK", 4, 0), 0);
	until(readable(fd));
	peer_read(fd, buf, sizeof(buf));
	assert_string_equal(buf, "BACK");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_phases, setup, teardown),
		cmocka_unit_test_setup_teardown(test_udp_receive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_udp_send, setup, teardown),
		cmocka_unit_test_setup_teardown(test_udp_stun, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watchers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp_connect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp_backpressure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_listener_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ipv6, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
