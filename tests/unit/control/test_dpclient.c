/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests of controlplane/media/dpclient.c, dpobjs.c and segment.c: a played data plane listens
 * at a socket of its own, keeps what it was told and can be "killed".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "controlplane/media/dpclient.h"
#include "tests/unit/control/media_sample.h"

#define SEEN_MAX 256

static struct {
	struct event_base *base;
	char dir[64], path[96];
	struct cfg cfg;
	struct cfg_realm realms_cfg[2];
	struct cfg_interface interfaces[2];
	/* ours */
	struct media_realms *realms;
	struct sessions *ss;
	struct dpclient *dp;
	uint32_t generation;
	unsigned int n_answers, n_timeouts, n_bumps, n_played, n_prompt_fds;
	struct prompts *prompts;
	struct blocks *blocks;
	char prompts_dir[48];
	int32_t answer_status;
	/* the played data plane */
	struct ipc_listener *listener;
	struct ipc_peer *peer;
	uint64_t boot_id;
	uint32_t n_workers;
	int segment_fd;
	struct dp_stats_header *header;
	uint32_t segment_len;
	uint32_t hello_version;
	int32_t refuse_port; /* status of the next PORT_SET */
	bool mute;
	unsigned int n_closed;
	struct {
		uint16_t type;
		uint32_t generation;
		uint64_t id;
		char name[DP_NAME_MAX];
	} seen[SEEN_MAX];
	unsigned int n_seen, n_police;
	struct dp_police police; /* the last one */
} w;

/* ---- the played data plane ---- */

static int dp_on_hello(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct dp_hello_reply reply = {.api_version = w.hello_version,
		.n_workers = w.n_workers,
		.boot_id = w.boot_id,
		.max_sessions = 100,
		.stats_len = w.segment_len};

	ipc_peer_set_role(peer, IPC_ROLE_CONTROL);
	return ipc_send_fd(peer, DP_HELLO | IPC_TYPE_REPLY, hdr->seq, 0, 0, &reply, sizeof(reply),
		w.segment_fd);
}

static int dp_on_request(
	struct ipc_peer *peer, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	struct dp_session_reply reply = {.stream = {2, 3}};
	struct dp_session_final final;
	const void *answer = NULL;
	size_t answer_len = 0;
	int32_t status = 0;

	if (hdr->type == DP_PROMPT_SET) {
		int fd = ipc_take_fd(peer);

		w.n_prompt_fds += fd >= 0;
		if (fd >= 0)
			close(fd);
	}
	if (hdr->type == DP_POLICE_SET) {
		w.n_police++;
		memcpy(&w.police, body, sizeof(w.police));
		return w.mute ? 0 : ipc_reply(peer, hdr, 0, NULL, 0);
	}
	if (hdr->type == DP_ACCESS_SET)
		return w.mute ? 0 : ipc_reply(peer, hdr, 0, NULL, 0);
	assert_true(w.n_seen < SEEN_MAX);
	w.seen[w.n_seen].type = hdr->type;
	w.seen[w.n_seen].generation = hdr->generation;
	memset(&final, 0, sizeof(final));
	if (hdr->type >= DP_SESSION_ADD && len >= 8) {
		memcpy(&w.seen[w.n_seen].id, body, 8);
		reply.id = final.id = w.seen[w.n_seen].id;
		bool is_remove = hdr->type == DP_SESSION_REMOVE;
		answer = is_remove ? (void *)&final : &reply;
		answer_len = is_remove ? sizeof(final) : sizeof(reply);
	} else if (hdr->type == DP_PORT_SET || hdr->type == DP_PORT_DEL) {
		memcpy(w.seen[w.n_seen].name, body, DP_NAME_MAX);
	}
	w.n_seen++;
	if (hdr->type == DP_PORT_SET && w.refuse_port != 0) {
		status = w.refuse_port;
		w.refuse_port = 0;
	}
	return w.mute ? 0 : ipc_reply(peer, hdr, status, answer, answer_len);
}

static void dp_on_closed(struct ipc_peer *peer, const char *why)
{
	if (w.peer == peer)
		w.peer = NULL;
	w.n_closed++;
}

#define ROW(type, len)                                                    \
	{                                                                 \
		type, 0, IPC_ROLE_CONTROL, len, len, #type, dp_on_request \
	}
static const struct ipc_row dp_rows[] = {
	{DP_HELLO, 0, 0, sizeof(struct dp_hello), sizeof(struct dp_hello), "DP_HELLO", dp_on_hello},
	ROW(DP_PORT_SET, sizeof(struct dp_port)),
	ROW(DP_PORT_DEL, sizeof(struct dp_port_name)),
	ROW(DP_MEDIA_ADDR_SET, sizeof(struct dp_media_addr)),
	ROW(DP_MEDIA_ADDR_DEL, sizeof(struct dp_media_addr)),
	ROW(DP_POLICE_SET, sizeof(struct dp_police)),
	ROW(DP_PROMPT_SET, sizeof(struct dp_prompt)),
	ROW(DP_PROMPT_DEL, sizeof(struct dp_prompt_id)),
	ROW(DP_ACCESS_SET, sizeof(struct dp_access)),
	ROW(DP_SESSION_ADD, sizeof(struct dp_session)),
	ROW(DP_SESSION_MODIFY, sizeof(struct dp_session)),
	ROW(DP_SESSION_REMOVE, sizeof(struct dp_session_id)),
	ROW(DP_SESSION_SWEEP, 0),
};
static const struct ipc_table dp_table = {
	dp_rows, sizeof(dp_rows) / sizeof(dp_rows[0]), dp_on_closed, NULL};

static void dp_on_accept(int fd, void *arg)
{
	w.peer = ipc_peer_new(w.base, fd, &dp_table, 1000, NULL);
}

static void segment_make(uint64_t boot_id)
{
	size_t streams = 8;

	w.boot_id = boot_id;
	w.segment_len = 65536 + 200000 +
			w.n_workers * (DP_ACLS_MAX * DP_ACL_ROWS + DP_BLOCKS_MAX) * 8;
	w.segment_fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	assert_int_equal(ftruncate(w.segment_fd, w.segment_len), 0);
	w.header = mmap(NULL, w.segment_len, PROT_READ | PROT_WRITE, MAP_SHARED, w.segment_fd, 0);
	*w.header = (struct dp_stats_header){.magic = DP_STATS_MAGIC,
		.version = DP_STATS_VERSION,
		.boot_id = boot_id,
		.tsc_hz = 1000000000,
		.n_workers = w.n_workers,
		.n_ports = 2,
		.n_streams = (uint32_t)streams,
		.n_drops = DP_DROP_N,
		.off_workers = 1024,
		.off_ports = 32768,
		.off_streams = 40960,
		.off_rare = 49152,
		.off_srtp = 57344,
		.off_acls = 65536,
		.off_acl_counts = 65536 + 200000,
		.off_block_counts = 65536 + 200000 + w.n_workers * DP_ACLS_MAX * DP_ACL_ROWS * 8};
	assert_int_equal(fcntl(w.segment_fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
}

static struct dp_stream_stats *segment_stream(unsigned int slot)
{
	return (struct dp_stream_stats *)(void *)((uint8_t *)w.header + w.header->off_streams) +
	       slot;
}

static void segment_drop(void)
{
	munmap(w.header, w.segment_len);
	close(w.segment_fd);
}

/* ---- ours ---- */

static void on_answer(
	void *arg, const struct media_session *s, const struct media_ticket *t, int32_t status)
{
	w.n_answers++;
	w.answer_status = status;
}

static void on_gone(void *arg, struct media_session *s)
{
}

static void on_lost(void *arg, struct media_session *s, int error)
{
}

static void on_dtls(void *arg, const struct media_session *session, unsigned int leg)
{
}

static void on_dirty(void *arg)
{
	dpclient_pump_later(w.dp);
}

static bool get_sums(void *arg, const struct media_session *s, struct dp_stream_sum sums[DP_LEGS])
{
	return dpclient_sums(w.dp, s, sums);
}

static bool get_srtp(void *arg, const struct media_session *s, struct dp_session *conf)
{
	return dpclient_srtp(w.dp, s, conf);
}

static uint32_t get_generation(void *arg, bool bump)
{
	w.n_bumps += bump;
	w.generation += bump;
	return w.generation;
}

static void on_timeout(void *arg, struct media_session *s, unsigned int leg)
{
	w.n_timeouts++;
}

static void on_play_done(
	void *arg, struct media_session *session, unsigned int leg, uint32_t serial)
{
	w.n_played += session->play[leg].serial == serial;
}

/* Runs the loop until done is true; the deadline is far above what is needed. */
#define RUN_UNTIL(done)                                       \
	do {                                                  \
		uint64_t deadline = clock_mono_ms() + 10000;  \
		while (!(done) && clock_mono_ms() < deadline) \
			event_base_loop(w.base, EVLOOP_ONCE); \
		assert_true(done);                            \
	} while (0)

static uint64_t block_drops(void *arg, uint32_t row)
{
	return dpclient_block_drops(w.dp, row);
}

static void blocks_dirty(void *arg)
{
	dpclient_pump_later(w.dp);
}

static int setup(void **state)
{
	struct sessions_ops ops = {on_answer, on_gone, on_lost, on_dtls, on_dirty, get_sums,
		sample_play, get_srtp, NULL};
	struct dpclient_ops dp_ops = {get_generation, on_timeout, on_play_done, NULL, NULL};

	memset(&w, 0, sizeof(w));
	w.base = event_base_new();
	w.n_workers = 2;
	w.hello_version = DP_API_VERSION;
	w.generation = 5;
	strcpy(w.dir, "/tmp/limen-dpc-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	snprintf(w.path, sizeof(w.path), "%s/dataplane.sock", w.dir);
	sample_cfg(&w.cfg, w.realms_cfg, w.interfaces, 32);
	w.realms = media_realms_new();
	assert_int_equal(media_realms_apply(w.realms, &w.cfg, 1), 0);
	w.ss = sessions_new(w.realms, &ops);
	w.dp = dpclient_new(w.base, w.path, &dp_ops);
	snprintf(w.prompts_dir, sizeof(w.prompts_dir), "%s/prompts", w.dir);
	assert_int_equal(prompts_new(w.prompts_dir, &w.prompts), 0);
	const struct blocks_ops blocks_ops = {block_drops, blocks_dirty, NULL};
	w.blocks = blocks_new(&blocks_ops);
	assert_non_null(w.blocks);
	dpclient_apply(w.dp, &w.cfg);
	segment_make(77);
	assert_int_equal(ipc_listen(w.base, w.path, 0600, dp_on_accept, NULL, &w.listener), 0);
	return 0;
}

static int teardown(void **state)
{
	dpclient_free(w.dp);
	sessions_free(w.ss);
	media_realms_free(w.realms);
	ipc_peer_free(w.peer);
	ipc_listener_free(w.listener);
	segment_drop();
	event_base_free(w.base);
	prompts_free(w.prompts);
	blocks_free(w.blocks);
	assert_int_equal(rmdir(w.prompts_dir), 0);
	return rmdir(w.dir);
}

static struct media_session *add_session(uint64_t call_id)
{
	struct ctl_media m = sample_media(call_id, 0);
	struct media_ticket ticket = {.connection = 1};
	struct media_session *s;

	assert_int_equal(sessions_set(w.ss, &m, &ticket, NULL, clock_mono_ms(), &s), 0);
	return s;
}

static unsigned int count(uint16_t type)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < w.n_seen; i++)
		n += w.seen[i].type == type;
	return n;
}

static void dp_kill(uint64_t next_boot_id)
{
	ipc_peer_free(w.peer);
	w.peer = NULL;
	w.n_seen = 0;
	if (next_boot_id != w.boot_id) {
		segment_drop();
		segment_make(next_boot_id);
	}
}

static void test_replay_order(void **state)
{
	dpclient_start(w.dp, w.ss, w.prompts, w.blocks);
	RUN_UNTIL(w.n_seen == 5);
	/* Ports, then media addresses (two of access, one of peering), nothing else. */
	assert_int_equal(w.seen[0].type, DP_PORT_SET);
	assert_int_equal(w.seen[1].type, DP_PORT_SET);
	assert_string_equal(w.seen[0].name, "acc0");
	assert_int_equal(count(DP_MEDIA_ADDR_SET), 3);
	for (uint64_t id = 1; id <= 20; id++)
		add_session(id);
	RUN_UNTIL(w.n_answers == 20);
	assert_int_equal(count(DP_SESSION_ADD), 20);
	assert_int_equal(w.seen[5].generation, 5);
	/* Killed: another boot id, everything again and in order; counters of the dead one are kept. */
	struct media_session *s = sessions_find(w.ss, 1, 0);
	struct dp_stream_sum sums[DP_LEGS];
	segment_stream(s->stream[0])->rx_packets = 9;
	dp_kill(78);
	RUN_UNTIL(w.n_seen == 25);
	assert_int_equal(w.seen[0].type, DP_PORT_SET);
	assert_int_equal(w.seen[4].type, DP_MEDIA_ADDR_SET);
	for (unsigned int i = 5; i < 25; i++)
		assert_int_equal(w.seen[i].type, DP_SESSION_ADD);
	RUN_UNTIL(sessions_idle(w.ss));
	sessions_sum(w.ss, s, sums);
	assert_int_equal(sums[0].rx_packets, 9);
	assert_int_equal(w.n_bumps, 0);
	struct dpclient_state dp;
	dpclient_state(w.dp, &dp);
	assert_int_equal(dp.restarts, 1);
	assert_true(dp.connected);
}

static void test_broken_connection(void **state)
{
	dpclient_start(w.dp, w.ss, w.prompts, w.blocks);
	RUN_UNTIL(w.n_seen == 5);
	struct media_session *s = add_session(1);
	add_session(2);
	RUN_UNTIL(w.n_answers == 2);
	/* The same data plane: a session that ended meanwhile is swept by a new generation. */
	dp_kill(77);
	RUN_UNTIL(w.peer != NULL || sessions_idle(w.ss));
	sessions_close(w.ss, s, 0);
	RUN_UNTIL(count(DP_SESSION_SWEEP) == 1);
	assert_int_equal(w.n_bumps, 1);
	for (unsigned int i = 0; i < w.n_seen; i++)
		assert_int_equal(w.seen[i].generation, 6);
	assert_int_equal(w.seen[w.n_seen - 1].type, DP_SESSION_SWEEP);
	/* Asked for, it comes after whatever waits. */
	add_session(3);
	dpclient_sweep(w.dp);
	RUN_UNTIL(count(DP_SESSION_SWEEP) == 2);
	assert_int_equal(w.seen[w.n_seen - 1].type, DP_SESSION_SWEEP);
	assert_int_equal(w.seen[w.n_seen - 2].type, DP_SESSION_ADD);
}

static void test_refused_port(void **state)
{
	w.refuse_port = -ENODEV;
	dpclient_start(w.dp, w.ss, w.prompts, w.blocks);
	/* The other port and its address do not wait; the refused one comes again, then its own. */
	RUN_UNTIL(count(DP_MEDIA_ADDR_SET) == 1);
	assert_int_equal(count(DP_PORT_SET), 2);
	RUN_UNTIL(count(DP_MEDIA_ADDR_SET) == 3);
	assert_int_equal(count(DP_PORT_SET), 3);
}

static void test_port_with_other_device(void **state)
{
	w.refuse_port = -EBUSY;
	dpclient_start(w.dp, w.ss, w.prompts, w.blocks);
	RUN_UNTIL(count(DP_MEDIA_ADDR_SET) == 3);
	assert_int_equal(count(DP_PORT_DEL), 1);
	assert_int_equal(count(DP_PORT_SET), 3);
	/* And by configuration: the old one goes before the new one comes. */
	w.n_seen = 0;
	strcpy(w.interfaces[1].device, "net_null9");
	dpclient_apply(w.dp, &w.cfg);
	RUN_UNTIL(count(DP_PORT_SET) == 1);
	assert_int_equal(w.seen[0].type, DP_PORT_DEL);
	assert_string_equal(w.seen[0].name, "peer0");
	assert_string_equal(w.seen[1].name, "peer0");
	/* Shut down: its media address goes first, then the port. */
	w.n_seen = 0;
	w.interfaces[0].shutdown = true;
	dpclient_apply(w.dp, &w.cfg);
	RUN_UNTIL(count(DP_PORT_DEL) == 1);
	assert_int_equal(count(DP_MEDIA_ADDR_DEL), 2);
	assert_int_equal(w.seen[2].type, DP_PORT_DEL);
}

static void test_old_port(void **state)
{
	struct dp_port_stats *ports = (struct dp_port_stats *)(void *)((uint8_t *)w.header +
								       w.header->off_ports);

	strcpy(ports[1].name, "gone0");
	ports[1].used = 1;
	dpclient_start(w.dp, w.ss, w.prompts, w.blocks);
	RUN_UNTIL(count(DP_PORT_DEL) == 1 && count(DP_MEDIA_ADDR_SET) == 3);
	assert_int_equal(count(DP_PORT_SET), 2);
}

static void send_event(uint16_t type, uint64_t session_id, uint32_t leg, uint32_t lost)
{
	struct dp_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.session_id = session_id;
	ev.leg = leg;
	ev.lost_events = lost;
	if (type == DP_EVENT_LATCH)
		ev.addr = (struct ipaddr){.family = 4, .port_be16 = 7, .ip = {192, 0, 2, 9}};
	ipc_send(w.peer, type, 0, 0, 0, &ev, sizeof(ev), NULL, 0);
}

static void test_events(void **state)
{
	dpclient_start(w.dp, w.ss, w.prompts, w.blocks);
	RUN_UNTIL(w.n_seen == 5);
	struct media_session *s = add_session(1);
	RUN_UNTIL(w.n_answers == 1);
	send_event(DP_EVENT_LATCH, s->id, 0, 0);
	send_event(DP_EVENT_TIMEOUT, s->id, 1, 0);
	send_event(DP_EVENT_TIMEOUT, 12345, 0, 0); /* ended meanwhile */
	RUN_UNTIL(w.n_timeouts == 1);
	assert_int_equal(s->latched[0].ip[3], 9);
	/* Events were lost: whoever is silent by the segment's counters is found. */
	s->set_ms = clock_mono_ms() - 60000;
	send_event(DP_EVENT_LATCH, s->id, 0, 3);
	RUN_UNTIL(w.n_timeouts == 2);
	/* An event that cannot be closes the connection, and a new one is made. */
	unsigned int closed = w.n_closed;
	send_event(DP_EVENT_TIMEOUT, s->id, 2, 0);
	RUN_UNTIL(w.n_closed > closed && w.peer != NULL && count(DP_SESSION_SWEEP) == 1);
}

static void test_bad_replies(void **state)
{
	struct dp_session_reply reply = {.id = 1};

	dpclient_start(w.dp, w.ss, w.prompts, w.blocks);
	RUN_UNTIL(w.n_seen == 5);
	static const uint32_t seqs[] = {0, 99999, 2};
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int closed = w.n_closed;
		ipc_send(w.peer, DP_SESSION_ADD | IPC_TYPE_REPLY, seqs[i], 0, 0, &reply,
			sizeof(reply), NULL, 0);
		RUN_UNTIL(
			w.n_closed > closed && w.peer != NULL && count(DP_SESSION_SWEEP) == i + 1);
	}
}

static void check_segment_refused(void)
{
	struct dp_hello_reply hello = {
		.boot_id = w.boot_id, .n_workers = w.n_workers, .stats_len = w.segment_len};
	struct segment_map map = {0};

	assert_true(segment_map(w.segment_fd, &hello, &map) < 0);
	assert_null(map.header);
}

static void test_segment(void **state)
{
	struct dp_hello_reply hello = {
		.boot_id = w.boot_id, .n_workers = w.n_workers, .stats_len = w.segment_len};
	struct dp_stats_header good = *w.header;
	struct dp_stream_sum sum;
	struct dp_port_stats port;
	struct segment_map map;

#define BAD(change)       \
	*w.header = good; \
	change;           \
	check_segment_refused()
	BAD(w.header->magic++);
	BAD(w.header->version++);
	BAD(w.header->boot_id++);
	BAD(w.header->n_workers++);
	BAD(w.header->n_ports = DP_PORTS_MAX + 1);
	BAD(w.header->n_drops--);
	BAD(w.header->tsc_hz = 0);
	BAD(w.header->off_workers = w.segment_len);
	BAD(w.header->off_ports = w.segment_len - 7);
	BAD(w.header->off_ports = 3);
	BAD(w.header->off_streams = UINT64_MAX);
	BAD(w.header->off_streams = UINT64_MAX - 63);
	BAD(w.header->n_streams = UINT32_MAX);
	BAD(w.header->off_rare = w.segment_len - 8 * 64 + 8);
	BAD(w.header->off_acls = w.segment_len - 8);
	BAD(w.header->off_acl_counts = w.segment_len - 8);
	BAD(w.header->off_block_counts += 8);
	*w.header = good;
	hello.stats_len = 100;
	assert_int_equal(segment_map(w.segment_fd, &hello, &map), -EPROTO);
	hello.stats_len = w.segment_len * 2;
	assert_int_equal(segment_map(w.segment_fd, &hello, &map), -EPROTO);
	hello.stats_len = w.segment_len;
	int fd = memfd_create("unsealed", MFD_CLOEXEC);
	assert_int_equal(segment_map(fd, &hello, &map), -EPERM);
	close(fd);
	assert_int_equal(segment_map(w.segment_fd, &hello, &map), 0);
	/* What the writer changes afterwards leads nowhere. */
	segment_stream(7)->rx_packets = 4;
	w.header->n_streams = 1000000;
	w.header->off_streams = 1u << 30;
	assert_true(segment_sum(&map, 7, &sum));
	assert_int_equal(sum.rx_packets, 4);
	assert_false(segment_sum(&map, 8, &sum));
	assert_false(segment_sum(&map, UINT32_MAX, &sum));
	assert_false(segment_port(&map, 0, &port));
	assert_false(segment_port(&map, 2, &port));
	segment_unmap(&map);
	assert_false(segment_sum(&map, 0, &sum));
	segment_unmap(&map);
	*w.header = good;
}

static void test_other_version(void **state)
{
	w.hello_version = DP_API_VERSION + 1;
	dpclient_start(w.dp, w.ss, w.prompts, w.blocks);
	RUN_UNTIL(w.n_closed == 2); /* it tries again, and sends nothing */
	assert_int_equal(w.n_seen, 0);
	w.hello_version = DP_API_VERSION;
	RUN_UNTIL(w.n_seen == 5);
}

/* Prompts go before the sessions that play them, again to each data plane; its end is told. */
static void test_prompts(void **state)
{
	static const uint8_t wav[] =
		"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0"
		"\2\0\x10\0data\4\0\0\0\1\0\2";
	struct cfg_prompt prompt = {.name = "music", .file = "flash:/m.wav"};
	struct cfg cfg = {.prompts = &prompt, .n_prompts = 1};
	struct dp_event_play ev = {.leg = 0, .serial = 3};
	char path[64], error[CFG_ERROR_MAX];
	struct media_session *s;
	FILE *file;

	snprintf(path, sizeof(path), "%s/m.wav", w.prompts_dir);
	file = fopen(path, "w");
	assert_int_equal(fwrite(wav, 1, sizeof(wav), file), sizeof(wav));
	fclose(file);
	assert_int_equal(prompts_prepare(w.prompts, &cfg, false, error), 0);
	prompts_apply(w.prompts, 0);
	dpclient_start(w.dp, w.ss, w.prompts, w.blocks);
	RUN_UNTIL(count(DP_PROMPT_SET) == 1);
	struct ctl_media m = sample_media(1, 0);
	struct media_ticket ticket = {.connection = 1};
	m.play[0] = (struct ctl_play){.kind = CTL_PLAY_PROMPT, .serial = 3, .name = "music"};
	assert_int_equal(sessions_set(w.ss, &m, &ticket, NULL, clock_mono_ms(), &s), 0);
	RUN_UNTIL(w.n_answers == 1);
	ev.session_id = s->id;
	ipc_send(w.peer, DP_EVENT_PLAY_DONE, 0, 0, 0, &ev, sizeof(ev), NULL, 0);
	RUN_UNTIL(w.n_played == 1);

	dp_kill(w.boot_id + 1);
	RUN_UNTIL(count(DP_SESSION_ADD) == 1);
	assert_int_equal(count(DP_PROMPT_SET), 1);
	for (unsigned int i = 0; w.seen[i].type != DP_PROMPT_SET; i++)
		assert_int_not_equal(w.seen[i].type, DP_SESSION_ADD);
	assert_int_equal(w.n_prompt_fds, 2);
	unlink(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_replay_order),
		TEST(test_broken_connection),
		TEST(test_refused_port),
		TEST(test_port_with_other_device),
		TEST(test_old_port),
		TEST(test_events),
		TEST(test_bad_replies),
		TEST(test_segment),
		TEST(test_other_version),
		TEST(test_prompts),
	};
	/* What is refused on purpose would fill the log. */
	log_init("test_dpclient", LOG_L_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
