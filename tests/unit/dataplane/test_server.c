/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The session API over a real socket pair, with fake workers: who is let in, malformed messages of
 * every kind, storms, and that none of it harms the next client.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/base/ipc.h"
#include "dataplane/server/server.h"
#include "fake_worker.h"
#include "session_sample.h"

#define MAX_SESSIONS 2000
#define TSC_HZ	     UINT64_C(1000000000)

struct world {
	struct event_base *base;
	struct mail *mail;
	struct mirror *mirror;
	struct addrs *addrs;
	struct prompts *prompts;
	struct ports *ports;
	struct media media;
	struct acls *acls;
	struct blocks *blocks;
	struct sessions *ss;
	struct segment segment;
	struct natlink *natlink;
	struct server *server;
	uint64_t now_ms;
	uint32_t seq;
	uint8_t packet[IPC_MSG_MAX]; /* the one in hand; it came by packet_fd */
	size_t packet_len, packet_at;
	int packet_fd;
};

struct message {
	struct ipc_hdr hdr;
	uint8_t body[IPC_MSG_MAX];
};

static struct message rx;

static void done(
	void *arg, const struct session_ticket *t, int status, const void *body, size_t len)
{
	server_session_done(((struct world *)arg)->server, t, status, body, len);
}

static void event(void *arg, enum dp_msg type, const struct dp_event *e)
{
	server_session_event(((struct world *)arg)->server, type, e);
}

static bool egress(void *arg, int ifindex, uint8_t *ret_port, uint8_t ret_mac[6])
{
	return false;
}

static const struct sessions_ops sessions_ops = {done, event, egress};

static void hop_changed(struct mirror_hop *hop, void *arg)
{
}

static void routes_changed(void *arg)
{
}

static void hop_probe(const struct mirror_hop *hop, void *arg)
{
}

static const struct mirror_ops mirror_ops = {hop_changed, routes_changed, hop_probe};

static uint64_t tsc(void)
{
	return TSC_HZ;
}

static void link_event(void *arg, const struct dp_event_port *e)
{
	server_port_event(((struct world *)arg)->server, e);
}

static void ports_changed(void *arg)
{
}

static const struct ports_ops ports_ops = {link_event, ports_changed};

static void nat_packet(void *arg, const struct dp_nat_packet *head, const uint8_t *bytes)
{
	server_nat_packet(((struct world *)arg)->server, head, bytes);
}

static const struct natlink_ops natlink_ops = {nat_packet, egress};

/* In place of librte_acl, which needs DPDK to run. */
static int make_acl(const struct dp_acl *conf, const uint16_t *rows, uint64_t number, int socket_id,
	struct acl **ret_acl)
{
	*ret_acl = malloc(1);
	return *ret_acl ? 0 : -ENOMEM;
}

static void unmake_acl(struct acl *acl)
{
	free(acl);
}

static struct block_bucket *make_blocks(void)
{
	return calloc(BLOCK_BUCKETS, sizeof(struct block_bucket));
}

static void unmake_blocks(struct block_bucket *buckets)
{
	free(buckets);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	fake_reset();
	w->base = event_base_new();
	w->now_ms = 1000;
	assert_int_equal(mail_new(NULL, &w->mail), 0);
	w->mirror = mirror_new(&mirror_ops, w);
	w->addrs = addrs_new();
	w->prompts = prompts_new();
	assert_int_equal(segment_new(1, 1, 2 * MAX_SESSIONS, &w->segment), 0);
	struct ports_conf ports = {
		.base = w->base,
		.mail = w->mail,
		.n_workers = 1,
		.stats = w->segment.ports,
		.workers = w->segment.workers,
		.ops = &ports_ops,
		.arg = w,
	};
	assert_int_equal(ports_new(&ports, &w->ports), 0);
	w->media = (struct media){w->addrs, w->ports, w->mail, NULL, 1};
	struct sessions_conf sessions = {
		.max_sessions = MAX_SESSIONS,
		.n_workers = 1,
		.tsc_hz = TSC_HZ,
		.mail = w->mail,
		.mirror = w->mirror,
		.addrs = w->addrs,
		.stream_stats = w->segment.streams,
		.stream_rare = w->segment.rare,
		.srtp = fake_srtp_engine(),
		.prompts = w->prompts,
		.ops = &sessions_ops,
		.arg = w,
	};
	assert_int_equal(sessions_new(&sessions, w->now_ms, &w->ss), 0);
	struct natlink_conf natlink = {
		.mirror = w->mirror, .sessions = w->ss, .ops = &natlink_ops, .arg = w};
	w->natlink = natlink_new(&natlink);
	assert_non_null(w->natlink);
	struct acls_conf acls = {
		.ports = w->ports,
		.mail = w->mail,
		.n_workers = 1,
		.info = w->segment.acls,
		.make = make_acl,
		.unmake = unmake_acl,
	};
	assert_int_equal(acls_new(&acls, &w->acls), 0);
	struct blocks_conf blocks = {
		.ports = w->ports,
		.mail = w->mail,
		.n_workers = 1,
		.tsc_hz = TSC_HZ,
		.make = make_blocks,
		.unmake = unmake_blocks,
	};
	assert_int_equal(blocks_new(&blocks, &w->blocks), 0);
	struct server_conf server = {
		.base = w->base,
		.n_workers = 1,
		.max_sessions = MAX_SESSIONS,
		.boot_id = 0x1122334455667788,
		.sessions = w->ss,
		.prompts = w->prompts,
		.ports = w->ports,
		.media = &w->media,
		.acls = w->acls,
		.blocks = w->blocks,
		.natlink = w->natlink,
		.segment = &w->segment,
		.tsc = tsc,
	};
	assert_int_equal(server_new(&server, &w->server), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	server_free(w->server);
	natlink_free(w->natlink);
	sessions_free(w->ss);
	ports_free(w->ports);
	acls_free(w->acls);
	blocks_free(w->blocks);
	mirror_free(w->mirror);
	addrs_free(w->addrs);
	prompts_free(w->prompts);
	segment_free(&w->segment);
	mail_free(w->mail);
	event_base_free(w->base);
	free(w);
	return 0;
}

/* As many turns as there is something to do. */
static void turn(struct world *w)
{
	bool more = true;
	for (int i = 0; i < 4 || more; i++) {
		event_base_loop(w->base, EVLOOP_NONBLOCK);
		mail_turn(w->mail);
		more = sessions_turn(w->ss, w->now_ms, TSC_HZ / 1000 * w->now_ms);
	}
	event_base_loop(w->base, EVLOOP_NONBLOCK); /* what the last turn queued */
}

static int dial(struct world *w)
{
	int sv[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv), 0);
	server_accept(w->server, sv[1]);
	w->packet_len = 0;
	return sv[0];
}

static ssize_t try_send(
	struct world *w, int fd, uint16_t type, uint32_t generation, const void *body, size_t len)
{
	static struct message tx;
	tx.hdr = (struct ipc_hdr){
		.version = IPC_VERSION,
		.type = type,
		.len = (uint32_t)(sizeof tx.hdr + len),
		.seq = ++w->seq,
		.generation = generation,
	};
	if (len)
		memcpy(tx.body, body, len);
	return send(fd, &tx, tx.hdr.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void tell(
	struct world *w, int fd, uint16_t type, uint32_t generation, const void *body, size_t len)
{
	assert_true(try_send(w, fd, type, generation, body, len) > 0);
}

/* The next message of the packet in hand; its length, 0: there is none. */
static ssize_t hear_more(struct world *w, int fd)
{
	if (w->packet_fd != fd || w->packet_at >= w->packet_len)
		return 0;
	memcpy(&rx.hdr, w->packet + w->packet_at, sizeof rx.hdr);
	assert_true(rx.hdr.len >= sizeof rx.hdr && w->packet_at + rx.hdr.len <= w->packet_len);
	memcpy(&rx, w->packet + w->packet_at, rx.hdr.len);
	w->packet_at += (rx.hdr.len + 7) & ~(size_t)7;
	return (ssize_t)rx.hdr.len;
}

/* The next message in rx; its length, 0: closed, -1: nothing. */
static ssize_t hear(struct world *w, int fd, int *ret_fd)
{
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {w->packet, sizeof w->packet};
	struct msghdr mh = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	turn(w);
	ssize_t n = hear_more(w, fd);
	if (n > 0)
		return n;
	n = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&mh) : NULL;
	int got = -1;
	if (c)
		memcpy(&got, CMSG_DATA(c), sizeof got);
	if (ret_fd)
		*ret_fd = got;
	else if (got >= 0)
		close(got);
	if (n <= 0)
		return n;
	w->packet_fd = fd;
	w->packet_len = (size_t)n;
	w->packet_at = 0;
	return hear_more(w, fd);
}

static int ask(
	struct world *w, int fd, uint16_t type, uint32_t generation, const void *body, size_t len)
{
	tell(w, fd, type, generation, body, len);
	assert_true(hear(w, fd, NULL) >= (ssize_t)sizeof rx.hdr);
	assert_int_equal(rx.hdr.type, type | IPC_TYPE_REPLY);
	assert_int_equal(rx.hdr.seq, w->seq);
	return rx.hdr.status;
}

static void hello(struct world *w, int fd)
{
	struct dp_hello h = {DP_API_VERSION, IPC_ROLE_CONTROL};
	assert_int_equal(ask(w, fd, DP_HELLO, 0, &h, sizeof h), 0);
}

static void addr_set(struct world *w, int fd, const char *ip)
{
	struct dp_media_addr m = {.port_lo = 16384, .port_hi = 32767};
	m.addr = sample_ip(ip, 0);
	assert_int_equal(ask(w, fd, DP_MEDIA_ADDR_SET, 0, &m, sizeof m), 0);
}

static int client(struct world *w)
{
	int fd = dial(w);
	hello(w, fd);
	addr_set(w, fd, "192.0.2.1");
	addr_set(w, fd, "198.51.100.1");
	return fd;
}

static void expect_closed(struct world *w, int fd)
{
	ssize_t n;
	do
		n = hear(w, fd, NULL);
	while (n > 0);
	assert_int_equal(n, 0);
	close(fd);
}

static void test_hello(void **state)
{
	struct world *w = *state;
	int fd = dial(w), stats;
	struct dp_hello h = {DP_API_VERSION, IPC_ROLE_CONTROL};
	tell(w, fd, DP_HELLO, 0, &h, sizeof h);
	assert_int_equal(hear(w, fd, &stats), sizeof rx.hdr + sizeof(struct dp_hello_reply));
	const struct dp_hello_reply *r = (const void *)rx.body;
	assert_int_equal(rx.hdr.status, 0);
	assert_int_equal(r->api_version, DP_API_VERSION);
	assert_true(r->boot_id == 0x1122334455667788);
	assert_int_equal(r->max_sessions, MAX_SESSIONS);
	/* The segment can be read, and by nobody be written. */
	assert_true(stats >= 0);
	assert_ptr_equal(
		mmap(NULL, r->stats_len, PROT_READ | PROT_WRITE, MAP_SHARED, stats, 0), MAP_FAILED);
	const struct dp_stats_header *head = mmap(
		NULL, r->stats_len, PROT_READ, MAP_SHARED, stats, 0);
	assert_ptr_not_equal(head, MAP_FAILED);
	assert_int_equal(head->magic, DP_STATS_MAGIC);
	assert_int_equal(head->n_streams, 2 * MAX_SESSIONS);
	assert_true(
		head->off_rare + head->n_streams * sizeof(struct dp_stream_rare) <= r->stats_len);
	assert_int_equal(ftruncate(stats, 0), -1);
	if (!w->segment.hugepages)
		assert_int_equal(pwrite(stats, "x", 1, 0), -1);
	munmap((void *)(uintptr_t)head, r->stats_len);
	close(stats);
	close(fd);
}

static void test_hello_refused(void **state)
{
	struct world *w = *state;
	const struct dp_hello bad[] = {{DP_API_VERSION + 1, IPC_ROLE_CONTROL},
		{DP_API_VERSION, IPC_ROLE_SIP}, {DP_API_VERSION, 0}, {0, 0}};
	for (unsigned int i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int fd = dial(w);
		assert_true(ask(w, fd, DP_HELLO, 0, &bad[i], sizeof bad[i]) < 0);
		expect_closed(w, fd);
	}
	close(client(w));
}

static int helper_client(struct world *w, uint32_t role)
{
	struct dp_hello h = {DP_API_VERSION, role};
	int fd = dial(w), stats;
	tell(w, fd, DP_HELLO, 0, &h, sizeof h);
	assert_int_equal(hear(w, fd, &stats), sizeof rx.hdr + sizeof(struct dp_hello_reply));
	assert_int_equal(rx.hdr.status, 0);
	assert_int_equal(stats, -1); /* figures are none of its business */
	return fd;
}

static int nat_client(struct world *w)
{
	return helper_client(w, IPC_ROLE_NAT);
}

/* limen-rec hears copies while it follows, and may say nothing. */
static void test_rec(void **state)
{
	struct world *w = *state;
	int control = client(w), rec = helper_client(w, IPC_ROLE_REC), second;
	struct dp_tap_packet packet = {.session_id = 7};
	struct dp_tap head = {.n = 1, .lost = 2};
	unsigned int n = 0;

	assert_true(server_rec_ready(w->server));
	server_rec_packets(w->server, &head, (const uint8_t *)&packet, sizeof packet);
	assert_int_equal(hear(w, rec, NULL), sizeof rx.hdr + sizeof head + sizeof packet);
	assert_int_equal(rx.hdr.type, DP_TAP);
	assert_memory_equal(rx.body, &head, sizeof head);
	assert_memory_equal(rx.body + sizeof head, &packet, sizeof packet);
	assert_int_equal(hear(w, control, NULL), -1);
	/* It does not read: soon it is not ready any more. */
	while (server_rec_ready(w->server) && n++ < 1000)
		server_rec_packets(w->server, &head, (const uint8_t *)&packet, sizeof packet);
	assert_in_range(n, 10, 900);
	second = helper_client(w, IPC_ROLE_REC);
	close(rec);
	assert_true(server_rec_ready(w->server));
	tell(w, second, DP_SESSION_REMOVE, 1, &packet, sizeof(struct dp_session_id));
	expect_closed(w, second);
	assert_false(server_rec_ready(w->server));
	close(control);
}

/* Both roles side by side; datagrams go to limen-nat alone, and it may do nothing else. */
static void test_nat(void **state)
{
	struct world *w = *state;
	int control = client(w), nat = nat_client(w), second;
	struct dp_nat_packet head = {.session_id = 9, .leg = 1, .n = 3};
	struct dp_session s = sample_session(1);
	struct {
		struct dp_nat_packet head;
		uint8_t bytes[4];
	} tx = {.head = {.session_id = 1, .n = 4}};

	server_nat_packet(w->server, &head, (const uint8_t *)"abc");
	assert_int_equal(hear(w, nat, NULL), sizeof rx.hdr + sizeof head + 3);
	assert_int_equal(rx.hdr.type, DP_NAT_RX);
	assert_memory_equal(rx.body, &head, sizeof head);
	assert_memory_equal(rx.body + sizeof head, "abc", 3);
	assert_int_equal(hear(w, control, NULL), -1);
	/* What cannot be sent closes nothing. */
	tell(w, nat, DP_NAT_TX, 0, &tx, sizeof head + 4);
	assert_int_equal(hear(w, nat, NULL), -1);
	server_stats(w->server);
	assert_int_equal(w->segment.header->api_refused, 1);
	/* Another one takes its place, and limen-control does not notice. */
	second = nat_client(w);
	expect_closed(w, nat);
	tx.head.n = 5;
	tell(w, second, DP_NAT_TX, 0, &tx, sizeof head + 4);
	expect_closed(w, second);
	second = nat_client(w);
	tell(w, second, DP_SESSION_ADD, 1, &s, sizeof s);
	expect_closed(w, second);
	tell(w, control, DP_NAT_TX, 0, &tx, sizeof head + 4);
	expect_closed(w, control);
	server_nat_packet(w->server, &head, (const uint8_t *)"abc"); /* nobody is there */
	close(client(w));
}

/* Each closes its own connection and nothing else; sessions and the next client do not notice. */
static void test_malformed(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	int fd = client(w);
	assert_int_equal(ask(w, fd, DP_SESSION_ADD, 1, &s, sizeof s), 0);
	static const struct {
		const char *what;
		struct ipc_hdr hdr; /* len is that of the packet plus this */
		size_t body;
		bool before_hello;
	} cases[] = {
		{"version", {.version = IPC_VERSION + 1, .type = DP_SESSION_DUMP}, 16, false},
		{"length too large", {.version = IPC_VERSION, .type = DP_SESSION_DUMP, .len = 1},
			16, false},
		{"length 0",
			{.version = IPC_VERSION, .type = DP_SESSION_SWEEP, .len = (uint32_t)-24}, 0,
			false},
		{"unknown type", {.version = IPC_VERSION, .type = 999}, 0, false},
		{"event from the client", {.version = IPC_VERSION, .type = DP_EVENT_LATCH}, 56,
			false},
		{"reply", {.version = IPC_VERSION, .type = DP_SESSION_ADD | IPC_TYPE_REPLY}, 16,
			false},
		{"status", {.version = IPC_VERSION, .type = DP_SESSION_SWEEP, .status = 1}, 0,
			false},
		{"reserved", {.version = IPC_VERSION, .type = DP_SESSION_SWEEP, .zero = 1}, 0,
			false},
		{"short", {.version = IPC_VERSION, .type = DP_SESSION_ADD}, sizeof s - 1, false},
		{"long", {.version = IPC_VERSION, .type = DP_SESSION_ADD}, sizeof s + 1, false},
		{"empty", {.version = IPC_VERSION, .type = DP_SESSION_ADD}, 0, false},
		{"body where none belongs", {.version = IPC_VERSION, .type = DP_SESSION_SWEEP}, 8,
			false},
		{"very long", {.version = IPC_VERSION, .type = DP_PORT_SET}, IPC_MSG_MAX - 24,
			false},
		{"HELLO twice", {.version = IPC_VERSION, .type = DP_HELLO}, 8, false},
		{"before HELLO", {.version = IPC_VERSION, .type = DP_SESSION_DUMP}, 16, true},
		{"short HELLO", {.version = IPC_VERSION, .type = DP_HELLO}, 7, true},
	};
	server_stats(w->server);
	uint64_t counted = w->segment.header->api_malformed;
	for (unsigned int i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		static struct message m;
		int bad = dial(w);
		if (!cases[i].before_hello)
			hello(w, bad);
		memset(&m, 0, sizeof m);
		m.hdr = cases[i].hdr;
		m.hdr.len += (uint32_t)(sizeof m.hdr + cases[i].body);
		assert_true(send(bad, &m, sizeof m.hdr + cases[i].body, 0) > 0);
		expect_closed(w, bad);
		server_stats(w->server);
		if (w->segment.header->api_malformed != ++counted)
			fail_msg("'%s' was not counted", cases[i].what);
	}
	int bad = dial(w);
	assert_int_equal(send(bad, "short", 5, 0), 5);
	expect_closed(w, bad);
	int last = client(w);
	assert_int_equal(ask(w, last, DP_SESSION_ADD, 1, &s, sizeof s), 0);
	assert_int_equal(sessions_n(w->ss), 1);
	close(last);
	close(fd);
}

/* Bodies of the right size with wrong contents: refused by a status, the connection stays. */
static void test_refused(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	struct dp_port port = {.name = "acc0", .devargs = "net_null", .zero = {1}};
	assert_int_equal(ask(w, fd, DP_PORT_SET, 0, &port, sizeof port), -EINVAL);
	memset(&port, 'x', sizeof port); /* no NUL anywhere */
	assert_int_equal(ask(w, fd, DP_PORT_SET, 0, &port, sizeof port), -EINVAL);
	port = (struct dp_port){.name = "acc0", .devargs = "rm -rf"};
	assert_int_equal(ask(w, fd, DP_PORT_SET, 0, &port, sizeof port), -EINVAL);
	port = (struct dp_port){.name = "acc0", .devargs = "net_null", .mtu = 9000};
	assert_int_equal(ask(w, fd, DP_PORT_SET, 0, &port, sizeof port), -EINVAL);
	struct dp_port_name name = {"nothing"};
	assert_int_equal(ask(w, fd, DP_PORT_DEL, 0, &name, sizeof name), -ENOENT);
	memset(&name, 'x', sizeof name);
	assert_int_equal(ask(w, fd, DP_PORT_DEL, 0, &name, sizeof name), -EINVAL);
	struct dp_media_addr addr = {.port_lo = 1, .port_hi = 2, .port_name = "nothing"};
	addr.addr = sample_ip("192.0.2.9", 0);
	assert_int_equal(ask(w, fd, DP_MEDIA_ADDR_SET, 0, &addr, sizeof addr), -ENODEV);
	memset(addr.port_name, 'x', sizeof addr.port_name);
	assert_int_equal(ask(w, fd, DP_MEDIA_ADDR_SET, 0, &addr, sizeof addr), -EINVAL);
	assert_int_equal(ask(w, fd, DP_MEDIA_ADDR_DEL, 0, &addr, sizeof addr), -ENOENT);
	struct dp_dump dump = {.max = 0};
	assert_int_equal(ask(w, fd, DP_SESSION_DUMP, 0, &dump, sizeof dump), -EINVAL);
	struct dp_session s = sample_session(1);
	s.leg[0].dscp = 64;
	assert_int_equal(ask(w, fd, DP_SESSION_ADD, 0, &s, sizeof s), -EINVAL);
	struct dp_session_id id = {77};
	assert_int_equal(ask(w, fd, DP_SESSION_REMOVE, 0, &id, sizeof id), -ENOENT);
	s = sample_session(1);
	assert_int_equal(ask(w, fd, DP_SESSION_ADD, 1, &s, sizeof s), 0);
	addr.addr = sample_ip("192.0.2.1", 0);
	assert_int_equal(ask(w, fd, DP_MEDIA_ADDR_DEL, 0, &addr, sizeof addr), -EBUSY);
	server_stats(w->server);
	assert_int_equal(w->segment.header->api_refused, 13);
	close(fd);
}

/* Samples as a prompt comes with them. */
static int samples(uint64_t n, unsigned int seals)
{
	int fd = memfd_create("prompt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(n * 2)), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* sent -1: without a descriptor. */
static int ask_prompt(
	struct world *w, int fd, uint32_t generation, const struct dp_prompt *p, int sent)
{
	struct {
		struct ipc_hdr hdr;
		struct dp_prompt prompt;
	} m = {.hdr = {.version = IPC_VERSION,
		       .type = DP_PROMPT_SET,
		       .len = sizeof m,
		       .seq = ++w->seq,
		       .generation = generation},
		.prompt = *p};
	union {
		struct cmsghdr head;
		uint8_t space[CMSG_SPACE(sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
			     .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS}};
	struct iovec iov = {&m, sizeof m};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	if (sent >= 0) {
		mh.msg_control = &control;
		mh.msg_controllen = sizeof control;
		memcpy(CMSG_DATA(&control.head), &sent, sizeof sent);
	}
	assert_true(sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) > 0);
	if (sent >= 0)
		close(sent);
	assert_true(hear(w, fd, NULL) >= (ssize_t)sizeof rx.hdr);
	assert_int_equal(rx.hdr.seq, w->seq);
	return rx.hdr.status;
}

static unsigned int n_descriptors(void)
{
	unsigned int n = 0;
	for (int i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

#define SEALED (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

static void test_prompt_refused(void **state)
{
	struct world *w = *state;
	static const struct {
		struct dp_prompt prompt;
		uint32_t n_samples; /* 0: no descriptor */
		unsigned int seals;
		int status;
	} rows[] = {
		{{7, 8000, 100}, 100, SEALED, 0},
		{{8, 16000, 100}, 100, SEALED | F_SEAL_SEAL, 0},
		{{9, 48000, 1}, 1, SEALED, 0},
		{{0, 8000, 100}, 100, SEALED, -EINVAL},
		{{7, 11025, 100}, 100, SEALED, -EINVAL},
		{{7, 8000, 0}, 100, SEALED, -EINVAL},
		{{7, 8000, 101}, 100, SEALED, -EINVAL},
		{{7, 8000, 99}, 100, SEALED, -EINVAL},
		{{7, 8000, UINT64_MAX / 2 + 101}, 100, SEALED, -EINVAL},
		{{7, 8000, 100}, 100, F_SEAL_GROW | F_SEAL_SHRINK, -EINVAL},
		{{7, 8000, 100}, 100, F_SEAL_WRITE | F_SEAL_GROW, -EINVAL},
		{{7, 8000, 100}, 0, 0, -EINVAL},
	};
	int fd = client(w);
	unsigned int n_before = n_descriptors();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int sent = rows[i].n_samples ? samples(rows[i].n_samples, rows[i].seals) : -1;
		int got = ask_prompt(w, fd, 1, &rows[i].prompt, sent);
		if (got != rows[i].status)
			fail_msg("row %zu: %d", i, got);
	}
	assert_int_equal(n_descriptors(), n_before);
	assert_int_equal(prompts_n(w->prompts), 3);
	assert_int_equal(prompts_bytes(w->prompts), 402);
	/* all places taken, but one that is there is replaced; and too much all together */
	for (uint32_t i = 0; i < DP_PROMPTS_MAX; i++) {
		struct dp_prompt p = {100 + i, 8000, 1};
		assert_int_equal(ask_prompt(w, fd, 1, &p, samples(1, SEALED)),
			i < DP_PROMPTS_MAX - 3 ? 0 : -ENOSPC);
	}
	assert_int_equal(ask_prompt(w, fd, 1, &rows[0].prompt, samples(100, SEALED)), 0);
	struct dp_prompt large = {9, 8000, DP_PROMPTS_BYTES / 2 - 99};
	assert_int_equal(ask_prompt(w, fd, 1, &large, samples(large.n_samples, SEALED)), -ENOSPC);
	assert_int_equal(prompts_n(w->prompts), DP_PROMPTS_MAX);
	assert_int_equal(prompts_bytes(w->prompts), 402 + 2 * (DP_PROMPTS_MAX - 3));
	close(fd);
}

static void test_prompts(void **state)
{
	struct world *w = *state;
	const struct dp_prompt good = {7, 8000, 100}, next = {7, 16000, 50}, other = {8, 8000, 101};
	int fd = client(w);
	assert_int_equal(ask_prompt(w, fd, 1, &good, samples(100, SEALED)), 0);
	assert_int_equal(ask_prompt(w, fd, 1, &other, samples(101, SEALED)), 0);
	/* who holds one keeps it when another takes its place, and when that is deleted */
	struct prompt *held = prompts_get(w->prompts, 7);
	assert_int_equal(ask_prompt(w, fd, 1, &next, samples(50, SEALED)), 0);
	struct prompt *now = prompts_get(w->prompts, 7);
	assert_true(now != held);
	assert_int_equal(held->n_samples, 100);
	assert_int_equal(held->pcm[99], 0);
	assert_int_equal(prompts_bytes(w->prompts), 502);
	struct dp_prompt_id id = {7, 1};
	assert_int_equal(ask(w, fd, DP_PROMPT_DEL, 1, &id, sizeof id), -EINVAL);
	id.zero = 0;
	assert_int_equal(ask(w, fd, DP_PROMPT_DEL, 1, &id, sizeof id), 0);
	assert_int_equal(ask(w, fd, DP_PROMPT_DEL, 1, &id, sizeof id), -ENOENT);
	assert_null(prompts_get(w->prompts, 7));
	prompt_unref(held);
	prompt_unref(now);
	server_stats(w->server);
	assert_int_equal(w->segment.header->n_prompts, 1);
	assert_int_equal(w->segment.header->prompt_bytes, 202);
	/* a new control process says only one of them */
	assert_int_equal(ask_prompt(w, fd, 2, &good, samples(100, SEALED)), 0);
	assert_int_equal(ask(w, fd, DP_SESSION_SWEEP, 2, NULL, 0), 0);
	assert_int_equal(prompts_n(w->prompts), 1);
	assert_int_equal(prompts_bytes(w->prompts), 200);
	close(fd);
}

static void test_life(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	for (uint64_t id = 1; id <= 250; id++) {
		struct dp_session s = sample_session(id);
		assert_int_equal(ask(w, fd, DP_SESSION_ADD, 1, &s, sizeof s), 0);
		assert_int_equal(((const struct dp_session_reply *)(const void *)rx.body)->id, id);
	}
	struct dp_dump dump = {.max = UINT32_MAX};
	unsigned int n = 0, pages = 0;
	const struct dp_dump_reply *r = (const void *)rx.body;
	do {
		assert_int_equal(ask(w, fd, DP_SESSION_DUMP, 0, &dump, sizeof dump), 0);
		assert_int_equal(rx.hdr.len, sizeof rx.hdr + sizeof *r + r->n * sizeof r->rows[0]);
		for (uint32_t i = 0; i < r->n; i++)
			assert_int_equal(r->rows[i].session.id, ++n);
		dump.after_id = n;
		pages++;
	} while (r->more);
	assert_int_equal(n, 250);
	assert_true(pages > 2);
	assert_int_equal(ask(w, fd, DP_SESSION_SWEEP, 2, NULL, 0), 0);
	assert_int_equal(sessions_n(w->ss), 0);
	assert_int_equal(fake_n_live(), 0);
	close(fd);
}

static void test_one_client(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	int first = client(w);
	assert_int_equal(ask(w, first, DP_SESSION_ADD, 1, &s, sizeof s), 0);
	/* A request whose answer comes after its client went is answered to nobody. */
	fake.held = true;
	s = sample_session(2);
	tell(w, first, DP_SESSION_ADD, 1, &s, sizeof s);
	turn(w);
	int second = dial(w);
	hello(w, second);
	fake.held = false;
	expect_closed(w, first);
	assert_int_equal(hear(w, second, NULL), -1);
	assert_int_equal(sessions_n(w->ss), 2);
	/* Connections that never say HELLO do not keep others out. */
	int idle[40];
	for (unsigned int i = 0; i < 40; i++)
		idle[i] = dial(w);
	struct dp_session_id id = {1};
	assert_int_equal(ask(w, second, DP_SESSION_REMOVE, 1, &id, sizeof id), 0);
	for (unsigned int i = 0; i < 40; i++)
		close(idle[i]);
	close(second);
	turn(w);
}

static void test_events(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	s.leg[0].timeout_ms = 1000;
	int fd = client(w);
	assert_int_equal(ask(w, fd, DP_SESSION_ADD, 1, &s, sizeof s), 0);
	w->now_ms += 1100;
	assert_int_equal(hear(w, fd, NULL), sizeof rx.hdr + sizeof(struct dp_event));
	assert_int_equal(rx.hdr.type, DP_EVENT_TIMEOUT);
	const struct dp_event *e = (const void *)rx.body;
	assert_int_equal(e->session_id, 1);
	assert_int_equal(e->lost_events, 0);
	close(fd);
	turn(w);
	/* Without a client they are lost, and counted. */
	server_session_event(w->server, DP_EVENT_LATCH, &(struct dp_event){.session_id = 1});
	server_stats(w->server);
	assert_int_equal(w->segment.header->api_overflows, 1);
	/* A client that does not read loses the oldest, and is told. */
	fd = client(w);
	for (unsigned int i = 0; i < 40000; i++)
		server_session_event(w->server, DP_EVENT_LATCH, &(struct dp_event){.call_id = i});
	unsigned int n = 0;
	uint64_t lost = 0, last = 0;
	while (hear(w, fd, NULL) > 0) {
		assert_true(n == 0 || e->call_id > last);
		last = e->call_id;
		lost += e->lost_events;
		n++;
	}
	assert_int_equal(last, 39999);
	assert_true(n < 40000);
	/* The loss that the last event caused itself would be told with the next one. */
	assert_int_equal(n + lost, 40000 - 1);
	close(fd);
}

/* Light, heavy, light: requests as fast as the socket takes them, answers read now and then. */
static void test_storm(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	struct dp_session s = sample_session(1);
	assert_int_equal(ask(w, fd, DP_SESSION_ADD, 1, &s, sizeof s), 0);
	unsigned int sent = 0, answered = 0, added = 0;
	uint32_t x = 7;
	while (sent < 100000) {
		x = x * 1664525u + 1013904223u;
		uint64_t id = 2 + (x >> 12) % 3000;
		struct dp_session_id del = {id};
		s = sample_session(id);
		bool add = x >> 31;
		ssize_t n = add ? try_send(w, fd, DP_SESSION_ADD, 1, &s, sizeof s)
				: try_send(w, fd, DP_SESSION_REMOVE, 1, &del, sizeof del);
		if (n > 0) {
			sent++;
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		while (hear(w, fd, NULL) > 0) {
			answered++;
			added += rx.hdr.type == (DP_SESSION_ADD | IPC_TYPE_REPLY) && !rx.hdr.status;
		}
	}
	while (hear(w, fd, NULL) > 0)
		answered++;
	assert_int_equal(answered, 100000);
	assert_true(added > 10000);
	assert_true(sessions_n(w->ss) <= MAX_SESSIONS);
	assert_int_equal(fake_n_live(), 2 * sessions_n(w->ss));
	assert_int_equal(ask(w, fd, DP_SESSION_SWEEP, 9, NULL, 0), 0);
	assert_int_equal(sessions_n(w->ss), 0);
	s = sample_session(1);
	assert_int_equal(ask(w, fd, DP_SESSION_ADD, 9, &s, sizeof s), 0);
	close(fd);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static struct {
	struct dp_blocks head;
	struct dp_block list[3];
} block_msg;

static size_t block_msg_fill(uint32_t n, uint32_t ttl_ms)
{
	block_msg.head = (struct dp_blocks){.n = n};
	for (uint32_t i = 0; i < 3; i++)
		block_msg.list[i] = (struct dp_block){.ip = {192, 0, 2, (uint8_t)(i + 1)},
			.family = 4,
			.prefix_len = 32,
			.ttl_ms = ttl_ms,
			.port = "acc0"};
	return sizeof block_msg.head + n * sizeof block_msg.list[0];
}

/* Blocked sources: rows come back, a length that does not fit ends the connection, a sweep forgets. */
static void test_blocks(void **state)
{
	struct world *w = *state;
	struct dp_blocks_reply reply;
	int fd = client(w);
	size_t len = block_msg_fill(3, 1000);

	assert_int_equal(ask(w, fd, DP_BLOCK_SET, 1, &block_msg, len), 0);
	assert_int_equal(rx.hdr.len - sizeof rx.hdr,
		offsetof(struct dp_blocks_reply, rows) + 3 * sizeof reply.rows[0]);
	memcpy(&reply, rx.body, rx.hdr.len - sizeof rx.hdr);
	assert_int_equal(reply.n, 3);
	assert_int_equal(blocks_n(w->blocks), 3);
	assert_true(reply.rows[0] != reply.rows[1] && reply.rows[1] != reply.rows[2]);
	server_stats(w->server);
	assert_int_equal(w->segment.header->n_blocks, 3);
	len = block_msg_fill(1, 0);
	assert_int_equal(ask(w, fd, DP_BLOCK_SET, 1, &block_msg, len), -EINVAL);
	assert_int_equal(ask(w, fd, DP_BLOCK_DEL, 1, &block_msg, len), 0);
	assert_int_equal(blocks_n(w->blocks), 2);
	len = block_msg_fill(1, 1000);
	assert_int_equal(ask(w, fd, DP_BLOCK_SET, 2, &block_msg, len), 0);
	assert_int_equal(ask(w, fd, DP_SESSION_SWEEP, 2, NULL, 0), 0);
	assert_int_equal(blocks_n(w->blocks), 1);
	/* says two and brings one */
	block_msg.head.n = 2;
	tell(w, fd, DP_BLOCK_SET, 2, &block_msg, len);
	assert_int_equal(hear(w, fd, NULL), 0);
	assert_int_equal(blocks_n(w->blocks), 1);
	close(fd);
	fd = client(w);
	assert_int_equal(ask(w, fd, DP_SESSION_SWEEP, 3, NULL, 0), 0);
	assert_int_equal(blocks_n(w->blocks), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_hello),
		T(test_hello_refused),
		T(test_nat),
		T(test_rec),
		T(test_malformed),
		T(test_refused),
		T(test_prompt_refused),
		T(test_prompts),
		T(test_life),
		T(test_one_client),
		T(test_events),
		T(test_storm),
		T(test_blocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
