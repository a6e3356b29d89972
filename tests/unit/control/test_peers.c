/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests of controlplane/core/peers.c and sipconf.c: played workers of limen-sip, honest and
 * not, at a control.sock of their own, with the real calls, sessions, spool and datastore.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "controlplane/core/peers.h"
#include "controlplane/core/sipconf.h"
#include "tests/unit/control/media_sample.h"

static struct {
	struct event_base *base;
	char dir[64], path[96], records[96];
	struct cfg cfg;
	struct cfg_realm realms_cfg[2];
	struct cfg_interface interfaces[2];
	struct media_realms *realms;
	struct sessions *ss;
	struct spool *spool;
	struct calls *calls;
	struct cfg_store *store;
	struct peers *peers;
	struct sipconf *sipconf;
	unsigned int n_replayed;
	int commit_status;
	bool committed;
	char commit_text[256];
} w;

/* The clock of all, libevent too, stands while this is not 0. */
static uint64_t stopped_ms;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (stopped_ms == 0)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = (time_t)(stopped_ms / 1000);
	ts->tv_nsec = (long)(stopped_ms % 1000) * 1000000;
	return 0;
}

/* ---- between the modules, as core/control.c does it ---- */

static void on_answer(
	void *arg, const struct media_session *s, const struct media_ticket *t, int32_t status)
{
	calls_media_answer(w.calls, s, t, status);
}

static void on_gone(void *arg, struct media_session *s)
{
	calls_media_gone(w.calls, s);
}

static void on_lost(void *arg, struct media_session *s, int error)
{
}

static void on_dtls(void *arg, const struct media_session *session, unsigned int leg)
{
}

static void on_dirty(void *arg)
{
}

static bool get_sums(void *arg, const struct media_session *s, struct dp_stream_sum sums[DP_LEGS])
{
	return false;
}

/* SRTP that came as far as its slot says. */
static bool get_srtp(void *arg, const struct media_session *s, struct dp_session *conf)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		conf->srtp_rx[leg] = (struct dp_srtp_state){.rtp_next = 1000 + s->stream[leg]};
		conf->srtp_tx[!leg] = (struct dp_srtp_state){.rtp_next = 2000 + s->stream[leg]};
	}
	return true;
}

static bool ops_send(void *arg, uint32_t worker, uint16_t type, const void *p1, size_t l1,
	const void *p2, size_t l2)
{
	return peers_sip_send(w.peers, worker, type, p1, l1, p2, l2);
}

static void ops_reply(void *arg, const struct media_ticket *t, uint16_t type, int32_t status,
	const void *body, size_t len)
{
	peers_sip_reply(w.peers, t, type, status, body, len);
}

static unsigned int ops_room(void *arg, uint32_t worker)
{
	return peers_sip_room(w.peers, worker);
}

static uint64_t ops_wall(void *arg)
{
	return 1767225700000;
}

static uint64_t ops_mono(void *arg)
{
	return 5000000;
}

static uint32_t get_generation(void *arg)
{
	return 3;
}

static void on_sip_up(void *arg, uint32_t worker)
{
	sipconf_worker_up(w.sipconf, worker);
}

static void on_sip_down(void *arg, uint32_t worker)
{
	sipconf_worker_down(w.sipconf, worker);
}

static void on_sip_config(
	void *arg, uint32_t worker, uint32_t seq, int32_t status, const char *text)
{
	sipconf_reply(w.sipconf, worker, seq, status, text);
}

static void on_replayed(void *arg)
{
	w.n_replayed++;
}

static void on_commit(void *arg, int status, const char *text)
{
	w.committed = true;
	w.commit_status = status;
	snprintf(w.commit_text, sizeof(w.commit_text), "%s", text != NULL ? text : "");
}

static void open_modules(void)
{
	struct sessions_ops ops = {on_answer, on_gone, on_lost, on_dtls, on_dirty, get_sums,
		sample_play, get_srtp, NULL};
	struct calls_ops calls_ops = {
		ops_send, ops_reply, ops_room, ops_wall, ops_mono, sample_prompt_ms, NULL};
	struct spool_conf spool = {.dir = w.records, .node = "n"};
	struct peers_conf conf = {.path = w.path,
		.sip_uid = 12345,
		.cli_uid = 12345,
		.boot_id = 99,
		.token_key = {1, 2, 3},
		.generation = get_generation,
		.sip_up = on_sip_up,
		.sip_down = on_sip_down,
		.sip_config = on_sip_config,
		.replayed = on_replayed};
	char error[256];

	sample_cfg(&w.cfg, w.realms_cfg, w.interfaces, 64);
	w.realms = media_realms_new();
	assert_int_equal(media_realms_apply(w.realms, &w.cfg, 1), 0);
	w.ss = sessions_new(w.realms, &ops);
	/* Known, and away: every CTL_MEDIA_SET is answered at once. */
	sessions_up(w.ss, 1, false);
	sessions_down(w.ss, 0);
	assert_int_equal(spool_open(&spool, ops_wall(NULL), &w.spool, error), 0);
	w.calls = calls_new(&calls_ops);
	calls_bind(w.calls, w.ss, w.spool);
	assert_int_equal(cfg_store_open(NULL, ops_wall(NULL), &w.store, error), 0);
	assert_int_equal(peers_new(w.base, &conf, w.calls, &w.peers), 0);
	w.sipconf = sipconf_new(w.base, w.store, w.peers);
	assert_int_equal(cfg_store_subscribe(w.store, sipconf_subscriber(w.sipconf)), 0);
	cfg_store_start(w.store, "", on_commit, NULL);
	assert_true(w.committed);
	assert_int_equal(w.commit_status, 0);
	assert_int_equal(peers_listen(w.peers), 0);
}

static void close_modules(void)
{
	peers_free(w.peers);
	sipconf_free(w.sipconf);
	calls_free(w.calls);
	sessions_free(w.ss);
	media_realms_free(w.realms);
	spool_close(w.spool);
	cfg_store_close(w.store);
}

static int setup(void **state)
{
	memset(&w, 0, sizeof(w));
	w.base = event_base_new();
	strcpy(w.dir, "/tmp/limen-peers-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	snprintf(w.path, sizeof(w.path), "%s/control.sock", w.dir);
	snprintf(w.records, sizeof(w.records), "%s/records", w.dir);
	open_modules();
	return 0;
}

static int teardown(void **state)
{
	char file[160];

	close_modules();
	snprintf(file, sizeof(file), "%s/current.jsonl", w.records);
	unlink(file);
	rmdir(w.records);
	event_base_free(w.base);
	return rmdir(w.dir);
}

/* ---- played peers: plain sockets, so that they can say anything ---- */

static void turn(void)
{
	for (int i = 0; i < 10; i++)
		event_base_loop(w.base, EVLOOP_NONBLOCK);
}

/* The packet in hand, which may hold several messages. */
static struct {
	uint8_t bytes[IPC_MSG_MAX];
	size_t len, at;
	int fd;
} packet;

static int connect_peer(void)
{
	int fd = ipc_connect(w.path);

	assert_true(fd >= 0);
	packet.len = 0;
	turn();
	return fd;
}

static void say(int fd, uint16_t type, uint32_t seq, int32_t status, const void *body, size_t len)
{
	static uint8_t msg[IPC_MSG_MAX];
	struct ipc_hdr hdr = {.version = IPC_VERSION,
		.type = type,
		.len = (uint32_t)(sizeof(hdr) + len),
		.seq = seq,
		.status = status};

	memcpy(msg, &hdr, sizeof(hdr));
	if (len > 0)
		memcpy(msg + sizeof(hdr), body, len);
	assert_int_equal(send(fd, msg, hdr.len, 0), hdr.len);
	turn();
}

static struct {
	struct ipc_hdr hdr;
	uint8_t body[IPC_MSG_MAX];
} got;

/* The next message, or false: there is none, or the connection is closed. */
static bool hear(int fd)
{
	if (packet.fd != fd || packet.at >= packet.len) {
		ssize_t n = recv(fd, packet.bytes, sizeof(packet.bytes), MSG_DONTWAIT);
		packet.fd = fd;
		packet.at = 0;
		packet.len = n > 0 ? (size_t)n : 0;
		if (n <= 0)
			return false;
	}
	memcpy(&got.hdr, packet.bytes + packet.at, sizeof(got.hdr));
	assert_true(got.hdr.len >= sizeof(got.hdr) && got.hdr.len <= packet.len - packet.at);
	memcpy(&got, packet.bytes + packet.at, got.hdr.len);
	packet.at += (got.hdr.len + 7) & ~(size_t)7;
	return true;
}

static bool is_closed(int fd)
{
	ssize_t n;

	turn();
	packet.len = 0;
	while ((n = recv(fd, &got, sizeof(got), MSG_DONTWAIT)) > 0)
		continue;
	return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static void say_hello(
	int fd, uint32_t worker, uint32_t n_workers, uint64_t boot_id, uint32_t n_calls)
{
	struct ctl_hello hello = {.api_version = CTL_API_VERSION,
		.role = IPC_ROLE_SIP,
		.worker = worker,
		.n_workers = n_workers,
		.boot_id = boot_id,
		.n_calls = n_calls};
	say(fd, CTL_HELLO, 1, 0, &hello, sizeof(hello));
}

/* HELLO, configuration taken. */
static int sip_worker(uint32_t worker, uint32_t n_workers, uint64_t boot_id, uint32_t n_calls)
{
	int fd = connect_peer();
	const struct ctl_config *config = (const void *)got.body;
	const struct ctl_hello_reply *reply = (const void *)got.body;

	say_hello(fd, worker, n_workers, boot_id, n_calls);
	assert_true(hear(fd));
	assert_int_equal(got.hdr.type, CTL_HELLO | IPC_TYPE_REPLY);
	assert_int_equal(got.hdr.status, 0);
	assert_int_equal(reply->generation, 3);
	assert_int_equal(reply->token_key[2], 3);
	assert_true(hear(fd));
	assert_int_equal(got.hdr.type, CTL_CONFIG);
	assert_int_equal(config->phase, CTL_CONFIG_PREPARE);
	assert_int_equal(config->n, config->total);
	say(fd, CTL_CONFIG | IPC_TYPE_REPLY, got.hdr.seq, 0, NULL, 0);
	assert_true(hear(fd));
	assert_int_equal(config->phase, CTL_CONFIG_APPLY);
	return fd;
}

static void test_hello(void **state)
{
	static const struct ctl_hello bad[] = {
		{.api_version = CTL_API_VERSION + 1, .role = IPC_ROLE_SIP, .n_workers = 1},
		{.api_version = CTL_API_VERSION, .role = IPC_ROLE_SIP, .n_workers = 1, .zero = 1},
		{.api_version = CTL_API_VERSION, .role = IPC_ROLE_DATAPLANE, .n_workers = 1},
		{.api_version = CTL_API_VERSION,
			.role = IPC_ROLE_SIP | IPC_ROLE_CLI,
			.n_workers = 1},
		{.api_version = CTL_API_VERSION, .role = IPC_ROLE_CLI}, /* nobody serves it here */
		{.api_version = CTL_API_VERSION, .role = IPC_ROLE_SIP, .worker = 1, .n_workers = 1},
		{.api_version = CTL_API_VERSION, .role = IPC_ROLE_SIP, .worker = 0, .n_workers = 0},
		{.api_version = CTL_API_VERSION,
			.role = IPC_ROLE_SIP,
			.worker = 64,
			.n_workers = 65},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = connect_peer();
		say(fd, CTL_HELLO, 1, 0, &bad[i], sizeof(bad[i]));
		assert_true(hear(fd)); /* it is told why before it is closed */
		assert_true(got.hdr.status < 0);
		assert_true(is_closed(fd));
		close(fd);
	}
	int fd = sip_worker(0, 1, 7, 0);
	assert_true(hear(fd));
	assert_int_equal(got.hdr.type, CTL_RESTORE_DONE);
	assert_false(hear(fd));
	assert_int_equal(w.n_replayed, 1);
	/* A successor takes the place of a connection that is not gone yet. */
	int next = connect_peer();
	say_hello(next, 0, 1, 8, 0);
	assert_true(is_closed(fd));
	assert_false(is_closed(next));
	assert_int_equal(peers_sip(w.peers, 0)->restarts, 1);
	assert_non_null(peers_sip(w.peers, 0)->peer);
	close(fd);
	close(next);
}

/* Whatever a worker says wrongly closes its connection and nobody else's. */
static void test_malformed(void **state)
{
	struct ctl_media media = sample_media(1, 0);
	struct ctl_call call = sample_call(1, CTL_CALL_ACTIVE);
	struct ctl_trunk_status trunk = {.up = 2};
	struct ctl_text text = {.n = 9};
	struct ctl_media_id id = {.call_id = 1, .media_index = 4};
	const struct {
		uint16_t type;
		int32_t status;
		const void *body;
		size_t len;
	} rows[] = {
		{CTL_HELLO, 0, &media, sizeof(struct ctl_hello)},
		{CTL_MEDIA_SET, 0, &media, sizeof(media) - 1},
		{CTL_MEDIA_SET, 0, got.body, sizeof(media)},
		{CTL_MEDIA_CLOSE, 0, &id, sizeof(id)},
		{CTL_MEDIA_CLOSE, 0, NULL, 0},
		{CTL_CALL_PUT, 0, &call, sizeof(call) - 1},
		{CTL_CALL_PUT, 0, &media, sizeof(media)},
		{CTL_CALL_END, 0, &call, sizeof(call) - 8},
		{CTL_CALL_END, 0, got.body, sizeof(call)},
		{CTL_SIP_STATS, 0, &media, sizeof(struct ctl_sip_stats) + 1},
		{CTL_TRUNK_STATUS, 0, &trunk, sizeof(trunk)},
		{CTL_REPLAY_DONE, 0, &trunk, 1},
		{CTL_CONFIG | IPC_TYPE_REPLY, -22, &text, sizeof(text)},
		{CTL_CLI_LINE, 0, &text, sizeof(text)},
		{CTL_CALL_RESTORE, 0, &call, sizeof(call)},
		{77, 0, NULL, 0},
	};
	int other = sip_worker(1, 2, 5, 0);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = sip_worker(0, 2, 100 + i, 0);
		memset(got.body, 0, sizeof(got.body));
		say(fd, rows[i].type, 5, rows[i].status, rows[i].body, rows[i].len);
		assert_true(is_closed(fd));
		close(fd);
		turn();
	}
	assert_false(is_closed(other));
	struct calls_counts counts;
	calls_counts(w.calls, &counts);
	assert_int_equal(counts.live + counts.ending, 0);
	close(other);
}

static void test_call(void **state)
{
	struct ctl_media media = sample_media(1, 0);
	struct ctl_call call = sample_call(1, CTL_CALL_ACTIVE);
	const struct ctl_media_opened *reply = (const void *)got.body;
	struct {
		struct ctl_call call;
		char checkpoint[100];
	} put = {.checkpoint = "dialog"};
	int fd = sip_worker(0, 1, 7, 0);

	assert_true(hear(fd)); /* CTL_RESTORE_DONE */
	say(fd, CTL_MEDIA_SET, 21, 0, &media, sizeof(media));
	assert_true(hear(fd));
	assert_int_equal(got.hdr.type, CTL_MEDIA_SET | IPC_TYPE_REPLY);
	assert_int_equal(got.hdr.seq, 21);
	assert_int_equal(got.hdr.status, 0);
	assert_int_not_equal(ipaddr_port(&reply->local[0]), 0);
	put.call = call;
	say(fd, CTL_CALL_PUT, 0, 0, &put, sizeof(put));
	/* limen-sip dies and comes again: the call is given back, with its checkpoint. */
	close(fd);
	turn();
	assert_null(peers_sip(w.peers, 0)->peer);
	struct media_ticket old = {.connection = peers_sip(w.peers, 0)->connection, .seq = 21};
	fd = sip_worker(0, 1, 8, 0);
	/* An answer to the connection before is for nobody. */
	peers_sip_reply(w.peers, &old, CTL_CALL_END, 0, NULL, 0);
	turn();
	assert_true(hear(fd));
	assert_int_equal(got.hdr.type, CTL_CALL_RESTORE);
	assert_int_equal(got.hdr.len, sizeof(struct ipc_hdr) + sizeof(put));
	assert_memory_equal(got.body, &put, sizeof(put));
	assert_true(hear(fd));
	assert_int_equal(got.hdr.type, CTL_RESTORE_DONE);
	assert_false(hear(fd));
	/* A broken connection only: nothing is given back. */
	close(fd);
	turn();
	fd = sip_worker(0, 1, 8, 1);
	assert_false(hear(fd));
	call.state = CTL_CALL_ENDED;
	say(fd, CTL_CALL_END, 22, 0, &call, sizeof(call));
	assert_true(hear(fd));
	assert_int_equal(got.hdr.type, CTL_CALL_END | IPC_TYPE_REPLY);
	assert_int_equal(got.hdr.seq, 22);
	assert_int_equal(got.hdr.status, 0);
	assert_int_equal(spool_recent(w.spool, 0)->call.id, 1);
	close(fd);
}

/* So many registrations end, in one packet. */
static void say_regs(int fd, unsigned int n)
{
	static struct {
		struct ipc_hdr hdr;
		struct ctl_reg_key key;
	} msgs[1000];

	for (unsigned int i = 0; i < n; i++) {
		msgs[i].hdr = (struct ipc_hdr){
			.version = IPC_VERSION, .type = CTL_REG_DEL, .len = sizeof(msgs[i])};
		msgs[i].key.id = i + 1;
	}
	assert_int_equal(send(fd, msgs, n * sizeof(msgs[0]), 0), n * sizeof(msgs[0]));
	turn();
}

/* A stream of registrations is not read at each message, unless there are calls. */
static void test_reg_rest(void **state)
{
	struct ctl_media media = sample_media(1, 0);
	struct {
		struct ctl_call call;
		char checkpoint[100];
	} put = {.call = sample_call(2, CTL_CALL_ACTIVE), .checkpoint = "dialog"};
	struct calls_counts before, after;
	int fd = sip_worker(0, 1, 7, 0);

	assert_true(hear(fd)); /* CTL_RESTORE_DONE */
	stopped_ms = clock_mono_ms();
	/* some now and then are nobody's load */
	for (unsigned int i = 0; i < 200; i++) {
		say_regs(fd, 1);
		stopped_ms += 20;
	}
	say(fd, CTL_MEDIA_SET, 1, 0, &media, sizeof(media));
	assert_true(hear(fd));
	/* while calls are set up, many change nothing */
	for (unsigned int i = 0; i < 5; i++) {
		say_regs(fd, 1000);
		say(fd, CTL_MEDIA_SET, 2 + i, 0, &media, sizeof(media));
		assert_true(hear(fd));
		assert_int_equal(got.hdr.seq, 2 + i);
		stopped_ms += 900;
	}
	stopped_ms += 101;
	say_regs(fd, 1000);
	say(fd, CTL_MEDIA_SET, 9, 0, &media, sizeof(media));
	stopped_ms += 19;
	turn();
	assert_false(hear(fd));
	stopped_ms += 2;
	turn();
	assert_true(hear(fd));
	assert_int_equal(got.hdr.seq, 9);
	/* who ends meanwhile is missed when the rest is over, and what it said last is heard */
	stopped_ms += 1000;
	calls_counts(w.calls, &before);
	say_regs(fd, 1000);
	say(fd, CTL_CALL_PUT, 0, 0, &put, sizeof(put));
	close(fd);
	turn();
	assert_non_null(peers_sip(w.peers, 0)->peer);
	calls_counts(w.calls, &after);
	assert_int_equal(after.live, before.live);
	stopped_ms += 21;
	turn();
	assert_null(peers_sip(w.peers, 0)->peer);
	calls_counts(w.calls, &after);
	assert_int_equal(after.live, before.live + 1);
	/* and a successor does not wait for that */
	fd = sip_worker(0, 1, 8, 0);
	say_regs(fd, 1000);
	int next = connect_peer();
	say_hello(next, 0, 1, 9, 0);
	assert_true(is_closed(fd));
	assert_false(is_closed(next));
	close(fd);
	close(next);
	stopped_ms = 0;
}

static void test_replay_after_our_restart(void **state)
{
	struct ctl_call call = sample_call(1, CTL_CALL_ACTIVE);
	int a = sip_worker(0, 2, 7, 1);

	assert_int_equal(w.n_replayed, 0);
	say(a, CTL_CALL_PUT, 0, 0, &call, sizeof(call));
	say(a, CTL_REPLAY_DONE, 0, 0, NULL, 0);
	assert_false(hear(a));		   /* what it has is not given back to it */
	assert_int_equal(w.n_replayed, 0); /* the other worker is missing */
	/* REPLAY_DONE before the answer to the configuration, as a worker in a hurry does. */
	int b = connect_peer();
	say_hello(b, 1, 2, 7, 1);
	assert_true(hear(b));
	assert_true(hear(b));
	uint32_t seq = got.hdr.seq;
	call.id = 2;
	say(b, CTL_CALL_PUT, 0, 0, &call, sizeof(call));
	say(b, CTL_REPLAY_DONE, 0, 0, NULL, 0);
	assert_int_equal(w.n_replayed, 1);
	say(b, CTL_CONFIG | IPC_TYPE_REPLY, seq, 0, NULL, 0);
	assert_true(hear(b)); /* APPLY */
	assert_int_equal(got.hdr.type, CTL_CONFIG);
	assert_false(hear(b));
	assert_int_equal(calls_find(w.calls, 2)->phase, CALL_LIVE);
	close(a);
	close(b);
}

static struct cfg_candidate *commit(void)
{
	struct cfg_commit how = {.user = "test"};
	struct cfg_candidate *candidate;
	char error[CFG_ERROR_MAX];

	assert_int_equal(cfg_candidate_new(w.store, "test", false, &candidate, error), 0);
	cfg_candidate_cfg(candidate)->timer_no_answer_s++;
	w.committed = false;
	cfg_store_commit(w.store, candidate, &how, ops_wall(NULL), on_commit, NULL);
	turn();
	return candidate;
}

static void test_commit(void **state)
{
	const struct ctl_config *config = (const void *)got.body;
	struct {
		struct ctl_text head;
		char text[8];
	} no = {{.n = 7}, "no port"};
	int fd[2] = {sip_worker(0, 2, 7, 0), sip_worker(1, 2, 7, 0)};
	uint32_t seq[2];

	for (unsigned int round = 0; round < 3; round++) {
		struct cfg_candidate *candidate = commit();
		assert_false(w.committed);
		for (unsigned int i = 0; i < 2; i++) {
			do
				assert_true(hear(fd[i]));
			while (got.hdr.type == CTL_RESTORE_DONE);
			assert_int_equal(config->phase, CTL_CONFIG_PREPARE);
			seq[i] = got.hdr.seq;
		}
		say(fd[0], CTL_CONFIG | IPC_TYPE_REPLY, seq[0], 0, NULL, 0);
		assert_false(w.committed);
		if (round == 0) {
			say(fd[1], CTL_CONFIG | IPC_TYPE_REPLY, seq[1], 0, NULL, 0);
		} else if (round == 1) {
			say(fd[1], CTL_CONFIG | IPC_TYPE_REPLY, seq[1], -EADDRINUSE, &no,
				sizeof(no.head) + 7);
		} else {
			close(fd[1]); /* who is gone holds nobody up */
			turn();
		}
		assert_true(w.committed);
		assert_int_equal(w.commit_status, round == 1 ? -EADDRINUSE : 0);
		turn();
		assert_true(hear(fd[0]));
		assert_int_equal(config->phase, round == 1 ? CTL_CONFIG_ABORT : CTL_CONFIG_APPLY);
		if (round == 1)
			assert_non_null(strstr(w.commit_text, "limen-sip worker 1: no port"));
		if (round < 2)
			assert_true(hear(fd[1]));
		cfg_candidate_free(candidate);
	}
	/* It comes again in the middle of a commit: it gets what was running, then the new one. */
	struct cfg_candidate *candidate = commit();
	assert_true(hear(fd[0]));
	seq[0] = got.hdr.seq;
	int late = sip_worker(1, 2, 9, 0);
	assert_true(hear(late));
	assert_int_equal(got.hdr.type, CTL_RESTORE_DONE);
	say(fd[0], CTL_CONFIG | IPC_TYPE_REPLY, seq[0], 0, NULL, 0);
	assert_true(w.committed);
	turn();
	assert_true(hear(late));
	assert_int_equal(got.hdr.type, CTL_CONFIG);
	assert_int_equal(config->phase, CTL_CONFIG_PREPARE);
	cfg_candidate_free(candidate);
	close(fd[0]);
	close(late);
}

static void test_stats_and_trunks(void **state)
{
	struct ctl_sip_stats stats = {.calls_attempted = 10, .dialogs = 4};
	struct ctl_trunk_status trunk = {.trunk = "carrier", .up = 1}, shown;
	int fd = sip_worker(0, 1, 7, 0);

	say(fd, CTL_SIP_STATS, 0, 0, &stats, sizeof(stats));
	assert_false(peers_trunk(w.peers, "carrier", &shown));
	say(fd, CTL_TRUNK_STATUS, 0, 0, &trunk, sizeof(trunk));
	assert_true(peers_trunk(w.peers, "carrier", &shown));
	assert_int_equal(shown.up, 1);
	close(fd);
	turn();
	/* Counters go on over its restart, gauges do not. */
	fd = sip_worker(0, 1, 8, 0);
	assert_int_equal(peers_sip(w.peers, 0)->before.calls_attempted, 10);
	assert_int_equal(peers_sip(w.peers, 0)->before.dialogs, 0);
	assert_int_equal(peers_sip(w.peers, 0)->stats.calls_attempted, 0);
	close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_hello),
		TEST(test_malformed),
		TEST(test_call),
		TEST(test_reg_rest),
		TEST(test_replay_after_our_restart),
		TEST(test_commit),
		TEST(test_stats_and_trunks),
	};
	log_init("test_peers", LOG_L_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
