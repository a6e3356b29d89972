/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two workers with a small answering app, a limen-control played by the test, and plain sockets:
 * configuration in phases, one owner per Call-ID and per token whatever socket a message came by,
 * answers over a neighbour's connection, order of what leaves, loss of limen-control.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "sip-b2bua/core/worker_private.h"

#define N	    2
#define DEADLINE_MS 10000

/* ---- the app: answers everything and says who it is ---- */

static atomic_uint n_ready, n_up, n_restarted, n_down, n_acks, n_strays, n_aborts;

static int app_start(struct sip_worker *w, void *arg, void **ret_app)
{
	*ret_app = w;
	return 0;
}

static void app_stop(void *app)
{
}

static int app_prepare(void *app, const struct cfg *cfg, char error[CFG_ERROR_MAX])
{
	if (strcmp(cfg->hostname, "refused") != 0)
		return 0;
	snprintf(error, CFG_ERROR_MAX, "the app does not like the name");
	return -EINVAL;
}

static void app_apply(void *app, const struct cfg *old, const struct cfg *cfg)
{
	assert_ptr_equal(sip_worker_cfg(app), cfg);
}

static void app_abort(void *app)
{
	n_aborts++;
}

static void app_request(
	void *app, struct sip_stxn *stxn, const struct sip_msg *msg, const struct sip_path *path)
{
	struct sip_worker *w = app;
	struct ctl_trunk_status status = {.rtt_us = 1};
	struct sip_token token = {SIP_TOKEN_DIALOG, (uint8_t)sip_worker_id(w), 7, 9};
	char headers[100], tag[SIP_TOKEN_LEN];
	snprintf(headers, sizeof(headers), "X-Worker: %u\r\nX-Own-Vias: %u\r\n", sip_worker_id(w),
		sip_worker_own_vias(w, msg));
	/* From now on there is too much to do. */
	if (view_eq(msg->from.uri.user, VIEW("last")))
		w->overload.share = w->overload.credit = 0.001;
	/* Told before the answer, so it must be there before the answer. */
	if (sip_worker_control(w) != NULL)
		assert_int_equal(ipc_send(sip_worker_control(w), CTL_TRUNK_STATUS, 0, 0, 0, &status,
					 sizeof(status), NULL, 0),
			0);
	assert_int_equal(sip_stxn_reject(stxn, 200, VIEW(""), view_of(headers),
				 sip_token_print(sip_worker_key(w), &token, tag)),
		0);
}

static void app_ack(void *app, const struct sip_msg *msg, const struct sip_path *path)
{
	n_acks++;
}

static void app_stray(void *app, const struct sip_msg *msg, const struct sip_path *path)
{
	n_strays++;
}

static enum sip_admit app_admit(void *app, const struct sip_msg *msg, const struct sip_path *path)
{
	return view_eq(msg->from.uri.user, VIEW("evil")) ? SIP_ADMIT_NO : SIP_ADMIT_YES;
}

static void app_up(void *app, const struct ctl_hello_reply *hello, bool restarted)
{
	n_up++;
	n_restarted += restarted;
}

static void app_down(void *app)
{
	n_down++;
}

static uint32_t app_n_calls(void *app)
{
	return 5;
}

static const struct sip_app_ops app_ops = {
	.start = app_start,
	.stop = app_stop,
	.config_prepare = app_prepare,
	.config_apply = app_apply,
	.config_abort = app_abort,
	.request = app_request,
	.ack = app_ack,
	.stray = app_stray,
	.admit = app_admit,
	.control_up = app_up,
	.control_down = app_down,
	.n_calls = app_n_calls,
};

static void on_ready(void *arg)
{
	n_ready++;
}

/* ---- limen-control ---- */

static struct {
	struct event_base *base;
	struct ipc_listener *listener;
	struct sip_workers *workers;
	char dir[64], path[96], host[32];
	const char *more; /* of the configuration */
	struct ipc_peer *peers[N];
	struct ctl_hello hellos[N];
	struct ctl_sip_stats stats[N];
	unsigned int n_hellos, n_replies, n_status, n_stats, n_accepted, n_let_in;
	int reply_status;
	char reply_text[300];
	uint32_t reply_seq;
} f;

static int on_hello(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct ctl_hello *hello = body;
	struct ctl_hello_reply reply = {
		.api_version = CTL_API_VERSION, .generation = 3, .boot_id = 4, .token_key = {9, 8}};
	assert_true(hello->worker < N);
	f.hellos[hello->worker] = *hello;
	f.peers[hello->worker] = peer;
	ipc_peer_set_ctx(peer, (void *)(uintptr_t)(hello->worker + 1));
	ipc_peer_set_role(peer, IPC_ROLE_SIP);
	f.n_hellos++;
	return ipc_reply(peer, hdr, 0, &reply, sizeof(reply));
}

static int on_config_reply(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct ctl_text *text = body;
	f.n_replies++;
	f.reply_status = hdr->status;
	f.reply_seq = hdr->seq;
	f.reply_text[0] = '\0';
	if (len > sizeof(*text))
		snprintf(f.reply_text, sizeof(f.reply_text), "%.*s", (int)text->n, text->text);
	return 0;
}

static int on_stats(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	f.stats[(uintptr_t)ipc_peer_ctx(peer) - 1] = *(const struct ctl_sip_stats *)body;
	f.n_stats++;
	return 0;
}

static int on_status(struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	f.n_status++;
	return 0;
}

static int on_blocks_del(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	f.n_let_in += ((const struct ctl_blocks *)body)->n;
	return 0;
}

#define SIZED(t) sizeof(t), sizeof(t)
static const struct ipc_row rows[] = {
	{CTL_HELLO, 0, 0, SIZED(struct ctl_hello), "HELLO", on_hello},
	{CTL_CONFIG | IPC_TYPE_REPLY, 0, IPC_ROLE_SIP, 0, 4096, "CONFIG reply", on_config_reply},
	{CTL_SIP_STATS, 0, IPC_ROLE_SIP, SIZED(struct ctl_sip_stats), "STATS", on_stats},
	{CTL_TRUNK_STATUS, 0, IPC_ROLE_SIP, SIZED(struct ctl_trunk_status), "STATUS", on_status},
	{CTL_BLOCKS_DEL, 0, IPC_ROLE_SIP, sizeof(struct ctl_blocks), 65000, "DEL", on_blocks_del},
};

static void on_closed(struct ipc_peer *peer, const char *why)
{
	for (unsigned int i = 0; i < N; i++) {
		if (f.peers[i] == peer)
			f.peers[i] = NULL;
	}
}

static const struct ipc_table table = {rows, sizeof(rows) / sizeof(rows[0]), on_closed};

static void on_accept(int fd, void *arg)
{
	assert_non_null(ipc_peer_new(f.base, fd, &table, 1000, NULL));
	f.n_accepted++;
}

#define until(condition)                                                             \
	do {                                                                         \
		uint64_t end_ms = clock_mono_ms() + DEADLINE_MS;                     \
		event_base_loop(f.base, EVLOOP_NONBLOCK);                            \
		while (!(condition)) {                                               \
			if (clock_mono_ms() > end_ms)                                \
				fail_msg("not within the deadline: %s", #condition); \
			poll(NULL, 0, 1);                                            \
			event_base_loop(f.base, EVLOOP_NONBLOCK);                    \
		}                                                                    \
	} while (0)

static void config_phase(unsigned int worker, uint64_t revision, uint32_t phase)
{
	struct ctl_config msg = {.revision = revision, .phase = phase};
	assert_int_equal(
		ipc_send(f.peers[worker], CTL_CONFIG, 0, 0, 3, &msg, sizeof(msg), NULL, 0), 0);
}

static void config_prepare(unsigned int worker, uint64_t revision, const char *text)
{
	uint32_t total = (uint32_t)strlen(text), half = total / 2;
	struct ctl_config one = {
		.revision = revision, .phase = CTL_CONFIG_PREPARE, .total = total, .n = half};
	struct ctl_config two = one;
	two.offset = half;
	two.n = total - half;
	assert_int_equal(
		ipc_send(f.peers[worker], CTL_CONFIG, 70, 0, 3, &one, sizeof(one), text, half), 0);
	assert_int_equal(ipc_send(f.peers[worker], CTL_CONFIG, 71, 0, 3, &two, sizeof(two),
				 text + half, total - half),
		0);
}

static const char *config_text(const char *hostname)
{
	static char text[1000];
	snprintf(text, sizeof(text),
		"format = 1;\nhostname = \"%s\";\nrealms = ( { name = \"a\"; admission = \"any\";\n"
		"listen = [ \"udp %s 5060\", \"tcp %s 5060\" ]; } );\n%s",
		hostname, f.host, f.host, f.more);
	return text;
}

static void config_give(uint64_t revision, const char *hostname)
{
	unsigned int before = f.n_replies;
	for (unsigned int i = 0; i < N; i++)
		config_prepare(i, revision, config_text(hostname));
	until(f.n_replies == before + N);
	if (f.reply_status != 0)
		fail_msg("refused: %s", f.reply_text);
	for (unsigned int i = 0; i < N; i++)
		config_phase(i, revision, CTL_CONFIG_APPLY);
}

static int setup(void **state)
{
	unsigned int pid = (unsigned int)getpid();
	memset(&f, 0, sizeof(f));
	f.more = "";
	n_ready = n_up = n_restarted = n_down = n_acks = n_strays = n_aborts = 0;
	snprintf(f.host, sizeof(f.host), "127.%u.%u.2", 1 + (pid >> 8 & 0x7f), pid & 0xff);
	strcpy(f.dir, "/tmp/limen-test-XXXXXX");
	if (mkdtemp(f.dir) == NULL)
		return -1;
	snprintf(f.path, sizeof(f.path), "%s/control.sock", f.dir);
	f.base = event_base_new();
	struct sip_workers_opts opts = {
		.n_workers = N, .control_path = f.path, .app = &app_ops, .ready = on_ready};
	/* The workers are there first: they try until there is a limen-control. */
	if (sip_workers_start(&opts, &f.workers) != 0)
		return -1;
	return ipc_listen(f.base, f.path, 0600, on_accept, NULL, &f.listener);
}

static int teardown(void **state)
{
	sip_workers_stop(f.workers);
	for (unsigned int i = 0; i < N; i++)
		ipc_peer_free(f.peers[i]);
	ipc_listener_free(f.listener);
	event_base_free(f.base);
	unlink(f.path);
	rmdir(f.dir);
	return 0;
}

/* ---- phones ---- */

static int phone(int type)
{
	struct sockaddr_storage sa;
	struct ipaddr a;
	assert_int_equal(ipaddr_parse(view_of(f.host), 0, &a), 0);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	socklen_t len = ipaddr_to_sockaddr(&a, &sa);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	a.port_be16 = htons(5060);
	len = ipaddr_to_sockaddr(&a, &sa);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static unsigned int n_branches;

static void request_send(int fd, const char *method, const char *call_id, const char *user,
	const char *to_tag, const char *more)
{
	char text[2000];
	int len = snprintf(text, sizeof(text),
		"%s sip:b@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%u\r\n"
		"From: <sip:%s@h>;tag=f\r\nTo: <sip:b@h>%s%s\r\nCall-ID: %s\r\n"
		"CSeq: 1 %s\r\n%sContent-Length: 0\r\n\r\n",
		method, f.host, f.host, n_branches++, user, to_tag[0] ? ";tag=" : "", to_tag,
		call_id, method, more);
	assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
}

static struct sip_msg msg;

/* The next final answer; on a stream they may come several in one piece. */
static void answer_read(int fd, bool is_stream)
{
	static char buf[65536];
	static size_t n;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t len;
	if (!is_stream) {
		do {
			assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
			ssize_t got = recv(fd, buf, sizeof(buf), 0);
			assert_true(got > 0);
			assert_int_equal(sip_msg_parse(&msg, buf, (size_t)got, false), 0);
		} while (msg.status < 200);
		return;
	}
	n = 0;
	while (sip_msg_frame(buf, n, &len) != 0 || len > n) {
		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
		assert_int_equal(recv(fd, buf + n, 1, 0), 1);
		n++;
	}
	assert_int_equal(sip_msg_parse(&msg, buf, len, true), 0);
}

static unsigned int worker_of_answer(void)
{
	const struct sip_hdr *h = sip_msg_hdr_named(&msg, VIEW("X-Worker"));
	assert_non_null(h);
	return (unsigned int)(h->value.p[0] - '0');
}

/* ---- tests ---- */

static void test_config(void **state)
{
	until(f.n_hellos == N);
	assert_int_equal(f.hellos[0].api_version, CTL_API_VERSION);
	assert_int_equal(f.hellos[1].worker, 1);
	assert_int_equal(f.hellos[1].n_workers, N);
	assert_int_equal(f.hellos[1].n_calls, 5);
	assert_true(f.hellos[0].boot_id == f.hellos[1].boot_id && f.hellos[0].boot_id != 0);
	/* Text that does not parse, an app that refuses, and what was prepared forgotten */
	config_prepare(0, 1, "format = 1;\nhostname = ;\n");
	until(f.n_replies == 1);
	assert_true(f.reply_status < 0 && f.reply_text[0] != '\0');
	assert_int_equal(f.reply_seq, 71);
	config_prepare(0, 2, config_text("refused"));
	until(f.n_replies == 2);
	assert_int_equal(f.reply_status, -EINVAL);
	assert_string_equal(f.reply_text, "the app does not like the name");
	config_prepare(0, 3, config_text("box"));
	until(f.n_replies == 3);
	assert_int_equal(f.reply_status, 0);
	config_phase(0, 3, CTL_CONFIG_ABORT);
	until(n_aborts == 1);
	assert_int_equal(n_ready, 0);
	config_give(4, "box");
	until(n_ready == 1);
	config_give(5, "box2");
	/* APPLY of what was not prepared is a fault of the sender: the connection ends. */
	config_phase(0, 77, CTL_CONFIG_APPLY);
	until(n_down == 1 && f.n_hellos == N + 1);
	assert_int_equal(f.hellos[0].config_revision, 5);
	until(n_restarted == 1);
	assert_int_equal(n_ready, 1);
}

static void test_one_owner(void **state)
{
	int fds[8];
	unsigned int n_of[N] = {0}, handed_over = 0;
	char call_id[32];
	until(f.n_hellos == N);
	config_give(1, "box");
	until(n_ready == 1);
	for (unsigned int i = 0; i < 8; i++)
		fds[i] = phone(SOCK_DGRAM);
	for (unsigned int c = 0; c < 20; c++) {
		unsigned int owner = 0;
		snprintf(call_id, sizeof(call_id), "call-%u", c);
		for (unsigned int i = 0; i < 8; i++) {
			request_send(fds[i], "OPTIONS", call_id, "a", "", "");
			answer_read(fds[i], false);
			assert_int_equal(msg.status, 200);
			if (i == 0)
				owner = worker_of_answer();
			assert_int_equal(worker_of_answer(), owner);
		}
		n_of[owner]++;
	}
	/* 2^-19 that all of 20 fall on one */
	assert_true(n_of[0] > 0 && n_of[1] > 0);
	f.n_stats = 0;
	until(f.n_stats >= 2 * N);
	for (unsigned int i = 0; i < N; i++)
		handed_over += (unsigned int)f.stats[i].handed_over;
	assert_true(handed_over > 0 && handed_over < 160);
	assert_int_equal(f.stats[0].rx_requests + f.stats[1].rx_requests, 160);
	assert_int_equal(f.stats[0].tx_responses + f.stats[1].tx_responses, 160);
	for (unsigned int i = 0; i < 8; i++)
		close(fds[i]);
}

/* The token in the To tag decides, not the Call-ID; a forged one does not. */
static void test_token_owner(void **state)
{
	char tag[SIP_TOKEN_LEN + 1] = "", call_id[32];
	until(f.n_hellos == N);
	config_give(1, "box");
	until(n_ready == 1);
	int fd = phone(SOCK_DGRAM);
	request_send(fd, "OPTIONS", "first", "a", "", "");
	answer_read(fd, false);
	unsigned int owner = worker_of_answer(), elsewhere = 0;
	assert_int_equal(msg.to.tag.n, SIP_TOKEN_LEN);
	memcpy(tag, msg.to.tag.p, SIP_TOKEN_LEN);
	for (unsigned int i = 0; i < 20; i++) {
		snprintf(call_id, sizeof(call_id), "other-%u", i);
		request_send(fd, "BYE", call_id, "a", tag, "");
		answer_read(fd, false);
		assert_int_equal(worker_of_answer(), owner);
	}
	tag[3] = tag[3] == 'a' ? 'b' : 'a';
	for (unsigned int i = 0; i < 20; i++) {
		snprintf(call_id, sizeof(call_id), "other-%u", i);
		request_send(fd, "BYE", call_id, "a", tag, "");
		answer_read(fd, false);
		elsewhere += worker_of_answer() != owner;
	}
	assert_true(elsewhere > 0);
	close(fd);
}

/* One connection, calls of both workers: every answer comes back on it. */
static void test_stream(void **state)
{
	unsigned int n_of[N] = {0};
	char call_id[32];
	until(f.n_hellos == N);
	config_give(1, "box");
	until(n_ready == 1);
	int fd = phone(SOCK_STREAM);
	for (unsigned int i = 0; i < 30; i++) {
		snprintf(call_id, sizeof(call_id), "stream-%u", i);
		request_send(fd, "OPTIONS", call_id, "a", "", "");
	}
	for (unsigned int i = 0; i < 30; i++) {
		answer_read(fd, true);
		assert_int_equal(msg.status, 200);
		n_of[worker_of_answer()]++;
	}
	assert_true(n_of[0] > 0 && n_of[1] > 0);
	close(fd);
}

static void test_refused(void **state)
{
	struct ctl_sip_stats *s = f.stats;
	char text[400];
	until(f.n_hellos == N);
	config_give(1, "box");
	until(n_ready == 1);
	int fd = phone(SOCK_DGRAM);
	request_send(fd, "INVITE", "c", "evil", "", "");
	answer_read(fd, false);
	assert_int_equal(msg.status, 403);
	request_send(fd, "INVITE", "c", "a", "", "Max-Forwards: 900\r\n");
	answer_read(fd, false);
	assert_int_equal(msg.status, 400);
	assert_int_equal(send(fd, "rubbish", 7, 0), 7);
	request_send(fd, "ACK", "c", "a", "", "");
	until(n_acks == 1);
	/* An answer with no branch of ours */
	int n = snprintf(text, sizeof(text),
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=f\r\n"
		"To: <sip:b@h>;tag=t\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n");
	assert_int_equal(send(fd, text, (size_t)n, 0), n);
	until(n_strays == 1);
	f.n_stats = 0;
	until(f.n_stats >= 2 * N);
	assert_int_equal(s[0].rx_refused + s[1].rx_refused, 1);
	assert_int_equal(s[0].rx_malformed + s[1].rx_malformed, 2);
	assert_int_equal(s[0].rx_stray + s[1].rx_stray, 1);
	assert_int_equal(s[0].rx_responses + s[1].rx_responses, 1);
	close(fd);
}

/* Under overload a call that was let in is not judged again when it is sent again; others are. */
static void test_overload(void **state)
{
	char branch[32];
	until(f.n_hellos == N);
	config_give(1, "box");
	until(n_ready == 1);
	int fd = phone(SOCK_DGRAM);
	request_send(fd, "INVITE", "over", "last", "", "");
	answer_read(fd, false);
	assert_int_equal(msg.status, 200);
	n_branches--; /* the same once more */
	request_send(fd, "INVITE", "over", "last", "", "");
	request_send(fd, "INVITE", "over", "x", "", "");
	answer_read(fd, false);
	snprintf(branch, sizeof(branch), "z9hG4bK%u", n_branches - 1);
	assert_true(view_eq(msg.via.branch, view_of(branch)));
	assert_int_equal(msg.status, 503);
	assert_non_null(sip_msg_hdr(&msg, SIP_H_RETRY_AFTER));
	/* other requests and what belongs to calls are served */
	request_send(fd, "OPTIONS", "over", "x", "", "");
	answer_read(fd, false);
	assert_int_equal(msg.status, 200);
	close(fd);
}

/* What the app told limen-control is there before its answer is. */
static void test_order(void **state)
{
	until(f.n_hellos == N);
	config_give(1, "box");
	until(n_ready == 1);
	int fd = phone(SOCK_DGRAM);
	for (unsigned int i = 1; i <= 200; i++) {
		char call_id[32];
		snprintf(call_id, sizeof(call_id), "order-%u", i);
		request_send(fd, "OPTIONS", call_id, "a", "", "");
		answer_read(fd, false);
		event_base_loop(f.base, EVLOOP_NONBLOCK);
		assert_int_equal(f.n_status, i);
	}
	close(fd);
}

static void test_control_lost(void **state)
{
	until(f.n_hellos == N && n_up == N);
	config_give(9, "box");
	until(n_ready == 1);
	for (unsigned int i = 0; i < N; i++)
		ipc_peer_close(f.peers[i], "killed by the test");
	until(n_down == N);
	/* Calls go on without it. */
	int fd = phone(SOCK_DGRAM);
	request_send(fd, "OPTIONS", "meanwhile", "a", "", "");
	answer_read(fd, false);
	assert_int_equal(msg.status, 200);
	until(f.n_hellos == 2 * N && n_up == 2 * N);
	assert_int_equal(n_restarted, N);
	assert_int_equal(f.hellos[0].config_revision, 9);
	close(fd);
}

static void test_own_vias(void **state)
{
	char more[200], branch[SIP_BRANCH_LEN];
	uint8_t secret[SIP_TOKEN_KEY] = {9, 8};
	struct sip_token_key key;
	struct sip_token token = {SIP_TOKEN_CLIENT, 0, 5, 6};
	until(f.n_hellos == N);
	config_give(1, "box");
	until(n_ready == 1);
	sip_token_key_set(&key, secret);
	(void)sip_token_branch(&key, &token, branch);
	snprintf(more, sizeof(more),
		"Via: SIP/2.0/UDP x;branch=z9hG4bKq\r\nVia: SIP/2.0/UDP y;branch=%.*s\r\n",
		SIP_BRANCH_LEN, branch);
	int fd = phone(SOCK_DGRAM);
	request_send(fd, "OPTIONS", "loop", "a", "", more);
	answer_read(fd, false);
	assert_true(view_eq(sip_msg_hdr_named(&msg, VIEW("X-Own-Vias"))->value, VIEW("1")));
	request_send(fd, "OPTIONS", "straight", "a", "", "");
	answer_read(fd, false);
	assert_true(view_eq(sip_msg_hdr_named(&msg, VIEW("X-Own-Vias"))->value, VIEW("0")));
	close(fd);
}

/* All of a network that becomes exempt, however many are blocked, with that commit; others stay. */
static void test_let_in(void **state)
{
	struct {
		struct ctl_blocks head;
		struct ctl_block list[CTL_BLOCKS_BATCH];
	} msg_put = {.head = {.n = CTL_BLOCKS_BATCH}};
	until(f.n_hellos == N);
	config_give(1, "box");
	until(n_ready == 1);
	for (uint8_t net = 1; net <= 3; net++) {
		for (unsigned int i = 0; i < CTL_BLOCKS_BATCH; i++)
			msg_put.list[i] = (struct ctl_block){
				.addr = {.family = 4, .ip = {10, i < 250 ? 0 : 9, net, (uint8_t)i}},
				.prefix_len = 32,
				.reason = CTL_BLOCK_MALFORMED,
				.remaining_ms = 100000,
				.realm = "a"};
		assert_int_equal(ipc_send(f.peers[0], CTL_BLOCKS_PUT, 0, 0, 3, &msg_put,
					 sizeof(msg_put), NULL, 0),
			0);
	}
	f.more = "voice_service = { defence_exempt = [ \"10.0.0.0/16\" ]; };\n";
	config_give(2, "box");
	until(f.n_let_in == 750);
	f.more = "";
	config_give(3, "box");
	until(f.n_replies == 3 * N);
	assert_int_equal(f.n_let_in, 750);
}

int main(void)
{
	log_init("test", LOG_L_ERR);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_config, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_token_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overload, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_vias, setup, teardown),
		cmocka_unit_test_setup_teardown(test_let_in, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
