/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests of controlplane/core/calls.c and call_restore.c with the real sessions and spool. The
 * test plays limen-sip (what is sent is kept) and the data plane.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/log.h"
#include "controlplane/core/calls.h"
#include "tests/unit/control/media_sample.h"

#define SENT_MAX 4096

static struct {
	struct cfg cfg;
	struct cfg_realm realms_cfg[2];
	struct cfg_interface interfaces[2];
	struct media_realms *realms;
	struct sessions *ss;
	struct spool *spool;
	struct calls *calls;
	char dir[64];
	bool sip_away;
	unsigned int room;
	struct {
		uint16_t type;
		uint32_t worker;
		uint64_t id;
		size_t len2;
	} sent[SENT_MAX];
	unsigned int n_sent;
	unsigned int n_replies;
	uint16_t reply_type;
	int32_t reply_status;
	struct media_ticket reply_to;
	struct ctl_media_opened reply_media;
	struct ctl_call_clear clear;
	struct dp_stream_sum sums[DP_LEGS]; /* of every session, while has_sums */
	bool has_sums;
	struct dp_rating ratings[4]; /* the last ones */
	unsigned int n_ratings;
	struct ctl_play_done done;
} w;

static bool ops_send(void *arg, uint32_t worker, uint16_t type, const void *part1, size_t len1,
	const void *part2, size_t len2)
{
	uint64_t id = 0;

	if (w.sip_away)
		return false;
	if (len1 >= sizeof(id))
		memcpy(&id, part1, sizeof(id));
	assert_true(w.n_sent < SENT_MAX);
	w.sent[w.n_sent].type = type;
	w.sent[w.n_sent].worker = worker;
	w.sent[w.n_sent].id = id;
	w.sent[w.n_sent++].len2 = len2;
	if (type == CTL_PLAY_DONE)
		memcpy(&w.done, part1, sizeof(w.done));
	if (type == CTL_CALL_CLEAR)
		memcpy(&w.clear, part1, sizeof(w.clear));
	return true;
}

static void ops_reply(void *arg, const struct media_ticket *ticket, uint16_t type, int32_t status,
	const void *body, size_t len)
{
	w.n_replies++;
	w.reply_type = type;
	w.reply_status = status;
	w.reply_to = *ticket;
	if (len == sizeof(w.reply_media))
		memcpy(&w.reply_media, body, len);
}

static unsigned int ops_room(void *arg, uint32_t worker)
{
	return w.room;
}

static uint64_t ops_wall(void *arg)
{
	return 1767225700000;
}

static uint64_t ops_mono(void *arg)
{
	return 5000000;
}

static bool get_sums(void *arg, const struct media_session *s, struct dp_stream_sum sums[DP_LEGS])
{
	memcpy(sums, w.sums, sizeof(w.sums));
	return w.has_sums;
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

/* The callbacks want the struct calls, which comes after the sessions. */
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
	calls_media_lost(w.calls, s, error);
}

static void on_dtls(void *arg, const struct media_session *session, unsigned int leg)
{
}

static void on_dirty(void *arg)
{
}

static void on_written(void *arg, uint64_t id)
{
	calls_record_written(w.calls, id);
}

static void ops_rating(void *arg, const struct dp_rating *rating)
{
	w.ratings[w.n_ratings++ % 4] = *rating;
}

static void open_world(void)
{
	struct sessions_ops ops = {on_answer, on_gone, on_lost, on_dtls, on_dirty, get_sums,
		sample_play, get_srtp, NULL};
	struct calls_ops calls_ops = {ops_send, ops_reply, ops_room, ops_wall, ops_mono,
		sample_prompt_ms, ops_rating, NULL};
	struct spool_conf conf = {.dir = w.dir, .node = "n", .written = on_written};
	char error[256];

	sample_cfg(&w.cfg, w.realms_cfg, w.interfaces, 64);
	w.room = 1000;
	w.realms = media_realms_new();
	assert_int_equal(media_realms_apply(w.realms, &w.cfg, 1), 0);
	w.ss = sessions_new(w.realms, &ops);
	sessions_up(w.ss, 1, false);
	assert_int_equal(spool_open(&conf, ops_wall(NULL), &w.spool, error), 0);
	w.calls = calls_new(&calls_ops);
	calls_bind(w.calls, w.ss, w.spool);
}

static void close_world(void)
{
	calls_free(w.calls);
	sessions_free(w.ss);
	media_realms_free(w.realms);
	spool_close(w.spool);
}

static int setup(void **state)
{
	memset(&w, 0, sizeof(w));
	strcpy(w.dir, "/tmp/limen-calls-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	open_world();
	return 0;
}

static int teardown(void **state)
{
	DIR *d;

	close_world();
	d = opendir(w.dir);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	return rmdir(w.dir);
}

static struct media_ticket ticket(uint32_t seq)
{
	return (struct media_ticket){.worker = 0, .connection = 1, .seq = seq};
}

/* The data plane answers everything that waits; returns how many requests that were. */
static unsigned int serve_all(void)
{
	struct media_session *s;
	unsigned int n = 0;
	uint16_t type;

	for (; sessions_next(w.ss, &type, &s); n++) {
		struct dp_session_reply reply = {.id = s->id};
		struct dp_session_final final = {.id = s->id};
		final.from[0].rx_packets = 10;
		final.from[1].rx_packets = 20;
		bool is_remove = type == DP_SESSION_REMOVE;
		assert_int_equal(
			sessions_done(w.ss, s->id, type, 0, is_remove ? (void *)&final : &reply,
				is_remove ? sizeof(final) : sizeof(reply), 0),
			0);
	}
	return n;
}

static void media_set(uint64_t id, uint32_t index, uint32_t seq)
{
	struct ctl_media m = sample_media(id, index);
	struct media_ticket t = ticket(seq);
	calls_media_set(w.calls, 0, &t, &m);
}

static void put(uint64_t id, uint32_t state)
{
	struct ctl_call c = sample_call(id, state);
	assert_int_equal(
		calls_put(w.calls, 0, &c, "checkpoint", state == CTL_CALL_ACTIVE ? 10 : 0), 0);
}

static void end(uint64_t id, uint32_t seq)
{
	struct ctl_call c = sample_call(id, CTL_CALL_ENDED);
	struct media_ticket t = ticket(seq);
	calls_end(w.calls, 0, &t, &c);
}

static uint64_t n_written(void)
{
	struct spool_counts counts;
	spool_counts(w.spool, &counts);
	return counts.written;
}

/* Keys go to the data plane and are kept. */
static void test_keys(void **state)
{
	struct ctl_media m = sample_media(1, 0);
	struct media_ticket t = ticket(11);
	struct media_session *s;

	m.leg[1].rx = m.leg[1].tx = (struct dp_srtp){.suite = DP_SRTP_GCM_128, .key = {1, 2, 3}};
	assert_true(ctl_media_ok(&m));
	calls_media_set(w.calls, 0, &t, &m);
	assert_int_equal(serve_all(), 1);
	assert_int_equal(w.reply_type, CTL_MEDIA_SET);
	s = sessions_find(w.ss, 1, 0);
	assert_memory_equal(&s->conf.leg[1].rx, &m.leg[1].rx, sizeof(struct dp_srtp));
	m.leg[1].tx.suite = DP_SRTP_NONE;
	assert_false(ctl_media_ok(&m));
	m = sample_media(1, 0);
	m.leg[0].tx.key[45] = 1; /* a key without a suite */
	assert_false(ctl_media_ok(&m));
}

/* The suite of a handshake is limen-control's to tell, also in the record. */
static void test_suite_of_handshake(void **state)
{
	struct ctl_media m = sample_media(1, 0);
	struct media_ticket t = ticket(11), t2 = ticket(12);
	struct ctl_nat_keys keys = {.id = {.leg = 1, .association = 5}};
	struct ctl_call c = sample_call(1, CTL_CALL_ACTIVE), info;
	struct record record;

	m.dtls[1] = (struct ctl_dtls){.role = CTL_DTLS_SERVER,
		.suites = 1u << DP_SRTP_GCM_128,
		.peer = {.hash = FINGERPRINT_SHA_256, .len = 32},
		.association = 5};
	calls_media_set(w.calls, 0, &t, &m);
	sessions_keys_told(w.ss);
	serve_all();
	c.srtp_keying[1] = CTL_KEYING_DTLS;
	assert_int_equal(calls_put(w.calls, 0, &c, NULL, 0), 0);
	calls_info(calls_find(w.calls, 1), &info);
	assert_int_equal(info.srtp[1], DP_SRTP_NONE);
	keys.id.session_id = sessions_find(w.ss, 1, 0)->id;
	keys.rx.suite = keys.tx.suite = DP_SRTP_GCM_128;
	assert_int_equal(sessions_keys(w.ss, &keys), 0);
	calls_info(calls_find(w.calls, 1), &info);
	assert_int_equal(info.srtp[1], DP_SRTP_GCM_128);
	assert_int_equal(info.srtp[0], DP_SRTP_NONE);
	c.state = CTL_CALL_ENDED;
	calls_end(w.calls, 0, &t2, &c);
	calls_record(w.calls, calls_find(w.calls, 1), 1000, &record);
	assert_int_equal(record.call.srtp[1], DP_SRTP_GCM_128);
}

static void test_life(void **state)
{
	struct calls_counts counts;
	const struct record *r;

	media_set(1, 0, 11);
	media_set(1, 1, 12);
	assert_int_equal(w.n_replies, 0);
	assert_int_equal(serve_all(), 2);
	assert_int_equal(w.n_replies, 2);
	assert_int_equal(w.reply_type, CTL_MEDIA_SET);
	assert_int_equal(w.reply_to.seq, 12);
	assert_true(ipaddr_equal(
		&w.reply_media.local[1], &sessions_find(w.ss, 1, 1)->conf.leg[1].local));
	assert_int_not_equal(ipaddr_port(&w.reply_media.local[1]), 0);
	assert_int_equal(w.reply_media.prompt[0].length_ms, 0);
	put(1, CTL_CALL_ACTIVE);
	/* One line goes during the call; its counters belong to the record all the same. */
	struct ctl_media_id id = {.call_id = 1, .media_index = 1};
	calls_media_close(w.calls, &id);
	assert_int_equal(serve_all(), 1);
	end(1, 13);
	assert_int_equal(w.n_replies, 2); /* the last counters are not there yet */
	assert_int_equal(n_written(), 0);
	assert_int_equal(serve_all(), 1);
	assert_int_equal(w.n_replies, 3);
	assert_int_equal(w.reply_type, CTL_CALL_END);
	assert_int_equal(w.reply_status, 0);
	assert_int_equal(w.reply_to.seq, 13);
	r = spool_recent(w.spool, 0);
	assert_int_equal(r->call.id, 1);
	assert_int_equal(r->n_media, 2);
	assert_int_equal(r->source, RECORD_MEDIA_DATAPLANE);
	assert_int_equal(r->from[0].rx_packets, 20);
	assert_int_equal(r->from[1].rx_packets, 40);
	calls_counts(w.calls, &counts);
	assert_int_equal(counts.live + counts.ending, 0);
	assert_null(calls_find(w.calls, 1));
	/* Said again, and what comes too late. */
	end(1, 14);
	assert_int_equal(w.reply_to.seq, 14);
	assert_int_equal(w.reply_status, 0);
	assert_int_equal(n_written(), 1);
	media_set(1, 0, 15);
	assert_int_equal(w.reply_status, -ENOENT);
}

static void test_refused_attempt(void **state)
{
	struct ctl_call c = sample_call(5, CTL_CALL_ENDED);
	struct media_ticket t = ticket(1);

	c.answer_ms = 0;
	c.sip_status = 404;
	c.end_ms = 0;
	calls_end(w.calls, 0, &t, &c);
	assert_int_equal(w.n_replies, 1);
	assert_int_equal(w.reply_status, 0);
	assert_int_equal(spool_recent(w.spool, 0)->source, RECORD_MEDIA_NONE);
	assert_int_equal(spool_recent(w.spool, 0)->call.end_ms, ops_wall(NULL));
	/* The same over a restart of this process. */
	close_world();
	open_world();
	calls_end(w.calls, 0, &t, &c);
	assert_int_equal(w.n_replies, 2);
	assert_int_equal(n_written(), 0);
}

static void test_end_said_twice(void **state)
{
	media_set(1, 0, 1);
	serve_all();
	end(1, 2);
	put(1, CTL_CALL_ACTIVE); /* overtaken: no effect */
	end(1, 3);
	assert_int_equal(w.n_replies, 1);
	serve_all();
	assert_int_equal(w.n_replies, 2);
	assert_int_equal(w.reply_to.seq, 3); /* the connection that asked last */
	assert_int_equal(n_written(), 1);
}

static void test_data_plane_away_at_the_end(void **state)
{
	media_set(1, 0, 1);
	serve_all();
	end(1, 2);
	sessions_down(w.ss, 0);
	assert_int_equal(w.n_replies, 2);
	assert_int_equal(spool_recent(w.spool, 0)->source, RECORD_MEDIA_UNKNOWN);
	media_set(2, 0, 3);
	assert_int_equal(w.n_replies, 3);
	assert_int_equal(w.reply_status, 0);
	end(2, 4);
	assert_int_equal(w.n_replies, 4);
	assert_int_equal(n_written(), 2);
	sessions_up(w.ss, 1, false);
	assert_int_equal(serve_all(), 0);
}

static unsigned int count_sent(uint16_t type)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < w.n_sent; i++)
		n += w.sent[i].type == type;
	return n;
}

static void test_sip_restarts(void **state)
{
	struct calls_counts counts;

	media_set(1, 0, 1); /* answered */
	put(1, CTL_CALL_ACTIVE);
	media_set(2, 0, 2); /* rings */
	put(2, CTL_CALL_ALERTING);
	media_set(3, 0, 3); /* was never described */
	serve_all();
	media_set(4, 0, 4); /* another worker's */
	calls_find(w.calls, 4)->worker = 1;
	serve_all();
	unsigned int replies = w.n_replies;
	calls_restore(w.calls, 0, 2);
	assert_int_equal(w.n_sent, 2);
	assert_int_equal(w.sent[0].type, CTL_CALL_RESTORE);
	assert_int_equal(w.sent[0].id, 1);
	assert_int_equal(w.sent[0].len2, 10);
	assert_int_equal(w.sent[1].type, CTL_RESTORE_DONE);
	serve_all(); /* their media goes, then their records are written; nobody is told */
	assert_int_equal(n_written(), 2);
	assert_int_equal(w.n_replies, replies);
	const struct record *r = spool_recent(w.spool, 0);
	assert_int_equal(r->call.released_by, CTL_BY_BOX);
	assert_non_null(strstr(r->call.reason, "signalling restarted"));
	assert_int_equal(r->from[0].rx_packets, 10);
	assert_string_equal(record_outcome_word(record_outcome(&r->call)), "no-final");
	calls_counts(w.calls, &counts);
	assert_int_equal(counts.live, 2);
	assert_int_equal(counts.cut_short, 2);
	assert_int_equal(counts.restored, 1);
	/* It starts with fewer workers: the calls of the missing ones are dealt out. */
	put(4, CTL_CALL_ACTIVE);
	calls_find(w.calls, 4)->worker = 1;
	w.n_sent = 0;
	calls_restore(w.calls, 0, 1);
	assert_int_equal(count_sent(CTL_CALL_RESTORE), 2);
	assert_int_equal(calls_find(w.calls, 4)->worker, 0);
	/* An ordinary end afterwards. */
	end(4, 9);
	serve_all();
	assert_int_equal(w.reply_to.seq, 9);
}

static void test_many_are_paced(void **state)
{
	for (uint64_t id = 1; id <= 100; id++)
		put(id, CTL_CALL_ACTIVE);
	w.room = 21;
	calls_restore(w.calls, 0, 1);
	assert_int_equal(count_sent(CTL_CALL_RESTORE), 10);
	assert_int_equal(count_sent(CTL_RESTORE_DONE), 0);
	for (unsigned int i = 0; i < 20; i++)
		calls_restore_more(w.calls, 0);
	assert_int_equal(count_sent(CTL_CALL_RESTORE), 100);
	assert_int_equal(count_sent(CTL_RESTORE_DONE), 1);
	calls_restore_more(w.calls, 0);
	assert_int_equal(count_sent(CTL_RESTORE_DONE), 1);
}

static void test_clearing(void **state)
{
	assert_int_equal(calls_clear(w.calls, 9, 16, CTL_BY_OPERATOR, "x"), -ENOENT);
	media_set(1, 0, 1);
	put(1, CTL_CALL_ACTIVE);
	serve_all();
	struct media_session *s = sessions_find(w.ss, 1, 0);
	calls_media_timeout(w.calls, s, 1);
	assert_int_equal(count_sent(CTL_CALL_CLEAR), 1);
	assert_string_equal(
		w.clear.reason, "no media from the called side (realm peering) for 0 s");
	calls_media_timeout(w.calls, s, 0); /* once is enough */
	assert_int_equal(count_sent(CTL_CALL_CLEAR), 1);
	/* While limen-sip is away it is kept, and said when the call is given back. */
	put(2, CTL_CALL_ACTIVE);
	w.sip_away = true;
	assert_int_equal(calls_clear(w.calls, 2, 16, CTL_BY_OPERATOR, "operator"), -ENOTCONN);
	w.sip_away = false;
	w.n_sent = 0;
	calls_restore(w.calls, 0, 1);
	assert_int_equal(count_sent(CTL_CALL_RESTORE), 2);
	assert_int_equal(count_sent(CTL_CALL_CLEAR), 2);
	assert_string_equal(w.clear.reason, "operator");
	assert_int_equal(w.clear.released_by, CTL_BY_OPERATOR);
	calls_clear_again(w.calls, 0);
	assert_int_equal(count_sent(CTL_CALL_CLEAR), 4);
}

/* What limen-sip is told of prompts: their ends, and an operator's wishes. */
static void test_playing(void **state)
{
	struct media_ticket ticket = {.connection = 1, .seq = 5};
	struct ctl_call call = sample_call(1, CTL_CALL_ACTIVE);
	struct ctl_media media = sample_media(1, 0);
	struct media_session *s;

	media.cookie = 77;
	media.play[0] = (struct ctl_play){.kind = CTL_PLAY_PROMPT, .serial = 4, .name = "hello"};
	assert_int_equal(calls_play(w.calls, 1, 3, "hello"), -ENOENT);
	call.answer_ms = 0;
	assert_int_equal(calls_put(w.calls, 0, &call, NULL, 0), 0);
	assert_int_equal(calls_play(w.calls, 1, 3, "hello"), -EBUSY);
	call.answer_ms = 1;
	assert_int_equal(calls_put(w.calls, 0, &call, NULL, 0), 0);
	calls_media_set(w.calls, 0, &ticket, &media);
	assert_int_equal(calls_play(w.calls, 1, 3, "hello"), -ENOTSUP);
	media.leg[1].send.codec = DP_CODEC_PCMA;
	calls_media_set(w.calls, 0, &ticket, &media);
	assert_int_equal(calls_play(w.calls, 1, 1, "hello"), -ENOTSUP);
	assert_int_equal(calls_play(w.calls, 1, 2, ""), -ENODATA);
	assert_int_equal(calls_play(w.calls, 1, 2, "hello"), 0);
	assert_int_equal(w.sent[w.n_sent - 1].type, CTL_CALL_PLAY);
	assert_int_equal(w.sent[w.n_sent - 1].id, 1);
	w.sip_away = true;
	assert_int_equal(calls_play(w.calls, 1, 2, "hello"), -ENOTCONN);
	w.sip_away = false;
	strcpy(call.target, "conference sales");
	assert_int_equal(calls_put(w.calls, 0, &call, NULL, 0), 0);
	assert_int_equal(calls_play(w.calls, 1, 2, "hello"), -EBUSY);

	s = sessions_find(w.ss, 1, 0);
	assert_non_null(s);
	calls_play_done(w.calls, s, 0, 4);
	assert_int_equal(w.sent[w.n_sent - 1].type, CTL_PLAY_DONE);
	assert_int_equal(w.done.call_id, 1);
	assert_int_equal(w.done.cookie, 77);
	assert_int_equal(w.done.serial, 4);
	/* The reply to limen-sip says how long the prompt is. */
	calls_media_answer(w.calls, s, &ticket, 0);
	assert_int_equal(w.reply_media.prompt[0].length_ms, 1500);
	assert_int_equal(w.reply_media.prompt[0].serial, 4);
}

static void test_disk_full(void **state)
{
	struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	media_set(1, 0, 1);
	serve_all();
	end(1, 2);
	serve_all();
	end(2, 3);
	assert_int_equal(w.n_replies, 1); /* MEDIA_SET's; no END is acknowledged */
	assert_non_null(calls_find(w.calls, 1));
	assert_null(sessions_find(w.ss, 1, 0)); /* its ports are free already */
	end(1, 4);
	assert_int_equal(w.n_replies, 1);
	setrlimit(RLIMIT_FSIZE, &all);
	spool_tick(w.spool, ops_wall(NULL));
	assert_int_equal(w.n_replies, 3);
	assert_int_equal(w.reply_to.seq, 3);
	assert_null(calls_find(w.calls, 1));
	assert_int_equal(n_written(), 2);
}

static void test_replay_after_our_restart(void **state)
{
	struct ctl_media m = sample_media(1, 0);
	struct ctl_media_opened reply;
	struct media_ticket t = ticket(5);

	media_set(1, 0, 1);
	serve_all();
	reply = w.reply_media;
	uint64_t id = sessions_find(w.ss, 1, 0)->id;
	close_world();
	open_world();
	/* limen-sip claims the ports it has; the session has the id that the data plane knows. */
	put(1, CTL_CALL_ACTIVE);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		m.leg[leg].local = reply.local[leg];
	calls_media_set(w.calls, 0, &t, &m);
	serve_all();
	assert_int_equal(w.reply_to.seq, 5);
	assert_int_equal(w.reply_status, 0);
	assert_memory_equal(&w.reply_media, &reply, sizeof(reply));
	assert_true(sessions_find(w.ss, 1, 0)->id == id);
	/* Somebody else cannot have them. */
	m.call_id = 2;
	calls_media_set(w.calls, 0, &t, &m);
	assert_int_equal(w.reply_status, -EADDRINUSE);
}

static void test_form(void **state)
{
	struct ctl_call c = sample_call(1, CTL_CALL_SETUP);

	assert_true(ctl_call_ok(&c));
#define BAD(change)                         \
	c = sample_call(1, CTL_CALL_SETUP); \
	change;                             \
	assert_false(ctl_call_ok(&c))
	BAD(c.id = 0);
	BAD(c.state = 0);
	BAD(c.state = 5);
	BAD(c.released_by = 5);
	BAD(c.srtp[1] = DP_SRTP_N);
	BAD(c.srtp_note[0] = CTL_SRTP_N_NOTES);
	BAD(c.n_media = 5);
	BAD(c.peer_sig[1].family = 3);
	BAD(memset(c.reason, 'x', sizeof(c.reason)));
	BAD(c.codec[0][0] = '\x01');
	BAD(c.transcoded = 2);
	BAD(memset(c.sip_call_id[1], 'x', sizeof(c.sip_call_id[1])));
	BAD(c.calling[0][0] = '\xff');
	BAD(c.trunk[1][0] = '\n');
}

/* What XR of ours is to say: only of legs to which the box reports, and only what is known. */
static void test_ratings(void **state)
{
	static const struct {
		const char *codec;
		uint64_t lost;
		uint8_t r, mos_lq;
	} rows[] = {
		{"PCMA", 0, 93, 44},
		{"PCMA", 50, 78, 40}, /* 4.8 % */
		{"G722", 0, 90, 43},  /* 116 on the scale of 129 */
		{"opus", 0, DP_RATING_NONE, DP_RATING_NONE},
	};
	struct ctl_media m = sample_media(9, 0);
	struct media_ticket t = ticket(1);

	m.leg[1].flags |= DP_LEG_RTCP_OWN;
	calls_media_set(w.calls, 0, &t, &m);
	serve_all();
	w.has_sums = true;
	for (unsigned int i = 0; i < DP_LEGS; i++)
		w.sums[i] = (struct dp_stream_sum){.rx_packets = 1000,
			.tx_packets = 1000,
			.frame_us = 20000,
			.last_rx_ago_ms = 10,
			.first_rx_ago_ms = 20000};
	calls_tick(w.calls); /* not answered yet */
	assert_int_equal(w.n_ratings, 0);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ctl_call c = sample_call(9, CTL_CALL_ACTIVE);
		strcpy(c.codec[1], rows[i].codec);
		assert_int_equal(calls_put(w.calls, 0, &c, "checkpoint", 10), 0);
		w.sums[1].lost = rows[i].lost;
		w.sums[1].loss_runs = (uint32_t)rows[i].lost;
		w.n_ratings = 0;
		for (unsigned int k = 0; k < 4; k++)
			calls_tick(w.calls);
		assert_in_range(w.n_ratings, 1, 4);
		assert_int_equal(w.ratings[0].leg, 1);
		assert_true(w.ratings[0].session_id != 0);
		assert_int_equal(w.ratings[0].r_factor, rows[i].r);
		assert_int_equal(w.ratings[0].mos_lq, rows[i].mos_lq);
		assert_int_equal(w.ratings[0].mos_cq, DP_RATING_NONE); /* no round trip */
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_life),
		TEST(test_keys),
		TEST(test_suite_of_handshake),
		TEST(test_refused_attempt),
		TEST(test_end_said_twice),
		TEST(test_data_plane_away_at_the_end),
		TEST(test_sip_restarts),
		TEST(test_many_are_paced),
		TEST(test_clearing),
		TEST(test_playing),
		TEST(test_disk_full),
		TEST(test_replay_after_our_restart),
		TEST(test_ratings),
		TEST(test_form),
	};
	log_init("test_calls", LOG_L_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
