/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests of controlplane/media/sessions.c, session_ports.c, realms.c and ctl_media.c. The test
 * plays the data plane: it takes requests from sessions_next() and answers with sessions_done().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/log.h"
#include "controlplane/media/sessions.h"
#include "controlplane/records/record.h"
#include "tests/unit/control/media_sample.h"

struct world {
	struct cfg cfg;
	struct cfg_realm realms_cfg[2];
	struct cfg_interface interfaces[2];
	struct media_realms *realms;
	struct sessions *ss;
	unsigned int n_answers, n_gone, n_lost, n_dirty, n_dtls;
	uint8_t dtls_role; /* of the last on_dtls() */
	unsigned int dtls_leg;
	int32_t last_status;
	uint32_t last_seq;
	struct dp_session last;
	struct dp_stream_sum segment[DP_LEGS];
	bool has_segment;
	bool forget_when_gone;
};

static void on_answer(
	void *arg, const struct media_session *s, const struct media_ticket *t, int32_t status)
{
	struct world *w = arg;

	w->n_answers++;
	w->last_status = status;
	w->last_seq = t->seq;
	w->last = s->conf;
}

static void on_gone(void *arg, struct media_session *s)
{
	struct world *w = arg;

	w->n_gone++;
	assert_true(sessions_is_gone(s));
	if (w->forget_when_gone)
		sessions_forget(w->ss, s, 0);
}

static void on_lost(void *arg, struct media_session *s, int error)
{
	((struct world *)arg)->n_lost++;
}

static void on_dtls(void *arg, const struct media_session *session, unsigned int leg)
{
	struct world *w = arg;

	w->n_dtls++;
	w->dtls_role = session->dtls[leg].role;
	w->dtls_leg = leg;
}

static void on_dirty(void *arg)
{
	((struct world *)arg)->n_dirty++;
}

static bool get_sums(void *arg, const struct media_session *s, struct dp_stream_sum sums[DP_LEGS])
{
	struct world *w = arg;

	memcpy(sums, w->segment, sizeof(w->segment));
	return w->has_segment;
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

static void world_open(struct world *w, unsigned int n_pairs, uint32_t n_workers)
{
	struct sessions_ops ops = {
		on_answer, on_gone, on_lost, on_dtls, on_dirty, get_sums, sample_play, get_srtp, w};

	memset(w, 0, sizeof(*w));
	sample_cfg(&w->cfg, w->realms_cfg, w->interfaces, n_pairs);
	w->realms = media_realms_new();
	w->ss = sessions_new(w->realms, &ops);
	assert_int_equal(media_realms_apply(w->realms, &w->cfg, 1), 0);
	if (n_workers > 0)
		sessions_up(w->ss, n_workers, false);
}

static void world_close(struct world *w)
{
	sessions_free(w->ss);
	media_realms_free(w->realms);
}

static int set(struct world *w, const struct ctl_media *m, uint32_t seq, struct media_session **ret)
{
	struct media_ticket ticket = {.seq = seq, .connection = 1};
	struct media_session *s = NULL;
	int r = sessions_set(w->ss, m, &ticket, w, 1000000, &s);

	if (ret != NULL)
		*ret = s;
	return r;
}

/* Answers the next request, which must be of that type; returns its session. */
static struct media_session *serve(struct world *w, uint16_t type, int32_t status)
{
	struct dp_session_reply reply = {.stream = {6, 7}};
	struct dp_session_final final;
	struct media_session *s = NULL;
	uint16_t got = 0;

	memset(&final, 0, sizeof(final));
	assert_true(sessions_next(w->ss, &got, &s));
	assert_int_equal(got, type);
	reply.id = final.id = s->id;
	final.from[0].rx_packets = 100;
	final.from[1].lost = 3;
	final.srtp_rx[1].rtp_next = 77;
	bool is_remove = type == DP_SESSION_REMOVE;
	uint64_t id = s->id;
	assert_int_equal(sessions_done(w->ss, id, type, status, is_remove ? (void *)&final : &reply,
				 is_remove ? sizeof(final) : sizeof(reply), 1000000),
		0);
	return sessions_by_id(w->ss, id);
}

static void nothing_more(struct world *w)
{
	struct media_session *s;
	uint16_t type;

	assert_false(sessions_next(w->ss, &type, &s));
	assert_true(sessions_idle(w->ss));
}

static void test_life(void **state)
{
	struct ctl_media m = sample_media(7, 0);
	struct dp_stream_sum sums[DP_LEGS];
	struct media_session *s;
	struct pool_counts counts;
	struct world w;

	world_open(&w, 8, 1);
	assert_int_equal(set(&w, &m, 11, &s), 0);
	assert_int_equal(w.n_answers, 0); /* not before the data plane has it */
	serve(&w, DP_SESSION_ADD, 0);
	assert_int_equal(w.n_answers, 1);
	assert_int_equal(w.last_seq, 11);
	assert_int_equal(w.last_status, 0);
	assert_int_equal(ipaddr_port(&w.last.leg[0].local) % 2, 0);
	assert_int_equal(w.last.leg[0].local.ip[0], 192);
	assert_int_equal(w.last.leg[1].local.ip[0], 198);
	/* What the realm says: marking, latching and silence towards each leg. */
	assert_int_equal(w.last.leg[0].dscp, 46);
	assert_int_equal(w.last.leg[0].max_pps, 500);
	assert_int_equal(w.last.leg[0].timeout_ms, 30000);
	assert_int_equal(w.last.leg[0].flags, DP_LEG_SEND | DP_LEG_RECV | DP_LEG_LATCH);
	assert_int_equal(w.last.leg[1].flags, DP_LEG_SEND | DP_LEG_RECV | DP_LEG_RTCP_STRICT);
	nothing_more(&w);
	/* The answer of the call: the same ports, other remote ends. */
	struct ipaddr local = w.last.leg[0].local;
	m.leg[1].remote_rtp = (struct ipaddr){
		.family = 4, .port_be16 = htons(4000), .ip = {198, 51, 100, 9}};
	assert_int_equal(set(&w, &m, 12, NULL), 0);
	serve(&w, DP_SESSION_MODIFY, 0);
	assert_int_equal(w.last_seq, 12);
	assert_true(ipaddr_equal(&w.last.leg[0].local, &local));
	assert_int_equal(ipaddr_port(&w.last.leg[1].remote_rtp), 4000);
	/* Two before the first is answered: one more request, two answers. */
	assert_int_equal(set(&w, &m, 13, NULL), 0);
	assert_int_equal(set(&w, &m, 14, NULL), 0);
	serve(&w, DP_SESSION_MODIFY, 0);
	assert_int_equal(w.n_answers, 4);
	/* What is not audio has a mark and a limit of its own. */
	m.leg[0].flags |= DP_LEG_ANY_PT;
	assert_int_equal(set(&w, &m, 15, NULL), 0);
	serve(&w, DP_SESSION_MODIFY, 0);
	assert_int_equal(w.last.leg[0].dscp, 34);
	assert_int_equal(w.last.leg[0].max_pps, 9000);
	m.leg[0].flags &= ~(uint32_t)DP_LEG_ANY_PT;
	assert_int_equal(set(&w, &m, 16, NULL), 0);
	serve(&w, DP_SESSION_MODIFY, 0);
	nothing_more(&w);
	sessions_close(w.ss, s, 1000000);
	assert_int_equal(w.n_gone, 0);
	serve(&w, DP_SESSION_REMOVE, 0);
	assert_int_equal(w.n_gone, 1);
	assert_int_equal(sessions_sum(w.ss, s, sums), RECORD_MEDIA_DATAPLANE);
	assert_int_equal(sums[0].rx_packets, 100);
	assert_int_equal(sums[1].lost, 3);
	sessions_forget(w.ss, s, 1000000);
	assert_null(sessions_find(w.ss, 7, 0));
	pool_counts(media_realm_find(w.realms, "access")->pool[REALM_V4], &counts);
	assert_int_equal(counts.in_use, 0);
	assert_int_equal(counts.taken, 1);
	world_close(&w);
}

/* The jitter of every session is looked at once a round, while its packets come. */
static void test_jitter_samples(void **state)
{
	struct media_session *s[3];
	struct world w;

	world_open(&w, 8, 1);
	for (unsigned int i = 0; i < 3; i++) {
		struct ctl_media m = sample_media(7 + i, 0);
		assert_int_equal(set(&w, &m, i, &s[i]), 0);
	}
	sessions_sample(w.ss, 1); /* none of them is in the data plane yet */
	for (unsigned int i = 0; i < 3; i++)
		serve(&w, DP_SESSION_ADD, 0);
	w.has_segment = true;
	for (unsigned int round = 1; round <= 3; round++) {
		w.segment[0] = (struct dp_stream_sum){.jitter_us = 100 * round};
		w.segment[1] = (struct dp_stream_sum){.jitter_us = 7, .last_rx_ago_ms = UINT64_MAX};
		for (unsigned int part = 0; part < 4; part++)
			sessions_sample(w.ss, 4);
	}
	for (unsigned int i = 0; i < 3; i++) {
		assert_in_range(s[i]->n_jitter[0], 2, 4);
		assert_in_range(s[i]->jitter_sum_us[0] / s[i]->n_jitter[0], 150, 250);
		assert_int_equal(s[i]->n_jitter[1], 0);
	}
	world_close(&w);
}

static void test_refusals(void **state)
{
	struct ctl_media m = sample_media(7, 0);
	struct world w;

	world_open(&w, 1, 0);
	assert_int_equal(set(&w, &m, 1, NULL), -EAGAIN); /* no data plane was ever met */
	sessions_up(w.ss, 1, false);
	strcpy(m.realm[1], "nowhere");
	assert_int_equal(set(&w, &m, 1, NULL), -ENOENT);
	strcpy(m.realm[1], "peering");
	m.leg[1].local.family = 6;
	assert_int_equal(set(&w, &m, 1, NULL), -EAFNOSUPPORT);
	m.leg[1].local.family = 0;
	m.leg[0].local = (struct ipaddr){
		.family = 4, .port_be16 = htons(20000), .ip = {9, 9, 9, 9}};
	assert_int_equal(set(&w, &m, 1, NULL), -ERANGE);
	m.leg[0].local.ip[0] = 192, m.leg[0].local.ip[1] = 0, m.leg[0].local.ip[2] = 2,
	m.leg[0].local.ip[3] = 1;
	m.leg[0].local.port_be16 = htons(30000);
	assert_int_equal(set(&w, &m, 1, NULL), -ERANGE);
	m = sample_media(7, 0);
	assert_int_equal(set(&w, &m, 1, NULL), 0);
	/* One pair there was; a refusal takes none of the other realm. */
	struct ctl_media other = sample_media(8, 0);
	assert_int_equal(set(&w, &other, 2, NULL), -ENOSPC);
	other.leg[0].local = (struct ipaddr){
		.family = 4, .port_be16 = htons(20000), .ip = {192, 0, 2, 1}};
	assert_int_equal(set(&w, &other, 2, NULL), -EADDRINUSE);
	assert_null(sessions_find(w.ss, 8, 0));
	struct sessions_counts counts;
	sessions_counts(w.ss, &counts);
	assert_int_equal(counts.sessions, 1);
	assert_int_equal(counts.exhausted, 1);
	assert_int_equal(counts.refused, 7);
	world_close(&w);
}

static void test_owners(void **state)
{
	unsigned int per_worker[3] = {0};
	struct world w;

	world_open(&w, 30, 3);
	for (uint64_t id = 1; id <= 30; id++) {
		struct ctl_media m = sample_media(id, 0);
		struct media_session *s;
		assert_int_equal(set(&w, &m, 1, &s), 0);
		uint32_t a = dp_port_owner(ipaddr_port(&s->conf.leg[0].local), 3);
		assert_int_equal(a, dp_port_owner(ipaddr_port(&s->conf.leg[1].local), 3));
		per_worker[a]++;
	}
	assert_int_equal(per_worker[0], 10);
	assert_int_equal(per_worker[1], 10);
	assert_int_equal(per_worker[2], 10);
	/* Claims of two owners do not go together. */
	struct ctl_media m = sample_media(99, 0);
	struct media_session *s = sessions_find(w.ss, 1, 0);
	sessions_forget(w.ss, s, 0);
	s = sessions_find(w.ss, 2, 0);
	sessions_forget(w.ss, s, 0);
	m.leg[0].local = (struct ipaddr){
		.family = 4, .port_be16 = htons(20000), .ip = {192, 0, 2, 1}};
	m.leg[1].local = (struct ipaddr){
		.family = 4, .port_be16 = htons(20002), .ip = {198, 51, 100, 1}};
	int ret = set(&w, &m, 1, NULL);
	assert_true(ret == -EXDEV || ret == -EADDRINUSE);
	assert_null(sessions_find(w.ss, 99, 0));
	world_close(&w);
}

static void test_same_realm(void **state)
{
	struct ctl_media m = sample_media(1, 0);
	struct media_session *s;
	struct world w;

	world_open(&w, 2, 1);
	strcpy(m.realm[1], "access");
	assert_int_equal(set(&w, &m, 1, &s), 0);
	assert_false(ipaddr_equal(&s->conf.leg[0].local, &s->conf.leg[1].local));
	m = sample_media(2, 0);
	assert_int_equal(set(&w, &m, 1, NULL), -ENOSPC);
	world_close(&w);
}

static void test_close_at_any_time(void **state)
{
	struct dp_session_reply reply = {0};
	struct ctl_media m = sample_media(1, 0);
	struct media_session *s;
	uint16_t type;
	struct world w;

	world_open(&w, 4, 1);
	/* before it was sent */
	assert_int_equal(set(&w, &m, 1, &s), 0);
	sessions_close(w.ss, s, 0);
	assert_int_equal(w.n_gone, 1);
	assert_int_equal(w.last_status, -ECANCELED);
	nothing_more(&w);
	sessions_forget(w.ss, s, 0);
	/* while ADD is under way: REMOVE follows */
	assert_int_equal(set(&w, &m, 2, &s), 0);
	assert_true(sessions_next(w.ss, &type, &s));
	sessions_close(w.ss, s, 0);
	assert_int_equal(w.n_gone, 1);
	reply.id = s->id;
	assert_int_equal(sessions_done(w.ss, s->id, type, 0, &reply, sizeof(reply), 0), 0);
	assert_int_equal(w.n_gone, 1);
	serve(&w, DP_SESSION_REMOVE, 0);
	assert_int_equal(w.n_gone, 2);
	sessions_forget(w.ss, s, 0);
	/* while an ADD is under way that is then refused */
	assert_int_equal(set(&w, &m, 3, &s), 0);
	assert_true(sessions_next(w.ss, &type, &s));
	sessions_close(w.ss, s, 0);
	assert_int_equal(sessions_done(w.ss, s->id, type, -ENOSPC, NULL, 0, 0), 0);
	assert_int_equal(w.n_gone, 3);
	nothing_more(&w);
	/* closed and set again before REMOVE was sent, with the same id */
	assert_int_equal(set(&w, &m, 4, &s), 0);
	serve(&w, DP_SESSION_ADD, 0);
	sessions_close(w.ss, s, 0);
	assert_int_equal(set(&w, &m, 5, NULL), 0);
	serve(&w, DP_SESSION_MODIFY, 0);
	assert_int_equal(w.last_seq, 5);
	assert_int_equal(w.n_gone, 3);
	/* and while REMOVE is under way: ADD follows */
	sessions_close(w.ss, s, 0);
	assert_true(sessions_next(w.ss, &type, &s));
	assert_int_equal(type, DP_SESSION_REMOVE);
	assert_int_equal(set(&w, &m, 6, NULL), 0);
	assert_int_equal(sessions_done(w.ss, s->id, type, -ENOENT, NULL, 0, 0), 0);
	assert_int_equal(w.n_gone, 3);
	serve(&w, DP_SESSION_ADD, 0);
	assert_int_equal(w.last_seq, 6);
	w.forget_when_gone = true;
	sessions_close(w.ss, s, 0);
	assert_null(serve(&w, DP_SESSION_REMOVE, 0));
	assert_int_equal(w.n_gone, 4);
	world_close(&w);
}

static void test_other_realm(void **state)
{
	struct ctl_media m = sample_media(1, 0);
	struct media_session *s;
	struct pool_counts counts;
	struct world w;

	world_open(&w, 8, 2);
	assert_int_equal(set(&w, &m, 1, &s), 0);
	serve(&w, DP_SESSION_ADD, 0);
	struct ipaddr kept = s->conf.leg[0].local;
	strcpy(m.realm[1], "access");
	m.leg[1].local = (struct ipaddr){.family = 6};
	assert_int_equal(set(&w, &m, 2, NULL), 0);
	/* A session's local address does not change: it goes and comes. */
	serve(&w, DP_SESSION_REMOVE, 0);
	assert_int_equal(w.n_gone, 0);
	assert_int_equal(w.n_answers, 1);
	serve(&w, DP_SESSION_ADD, 0);
	assert_int_equal(w.n_answers, 2);
	assert_true(ipaddr_equal(&w.last.leg[0].local, &kept));
	assert_int_equal(w.last.leg[1].local.family, 6);
	assert_int_equal(dp_port_owner(ipaddr_port(&kept), 2),
		dp_port_owner(ipaddr_port(&w.last.leg[1].local), 2));
	pool_counts(media_realm_find(w.realms, "peering")->pool[REALM_V4], &counts);
	assert_int_equal(counts.in_use, 0);
	nothing_more(&w);
	world_close(&w);
}

static void test_data_plane_restarts(void **state)
{
	struct ctl_media m = sample_media(1, 0), other = sample_media(2, 0);
	struct dp_stream_sum sums[DP_LEGS];
	struct media_session *s, *t;
	struct world w;

	world_open(&w, 8, 1);
	w.has_segment = true;
	w.segment[0].rx_packets = 50;
	assert_int_equal(set(&w, &m, 1, &s), 0);
	serve(&w, DP_SESSION_ADD, 0);
	assert_int_equal(set(&w, &other, 2, &t), 0);
	serve(&w, DP_SESSION_ADD, 0);
	/* It goes while a change is under way: answered, and done later. */
	assert_int_equal(set(&w, &m, 3, NULL), 0);
	sessions_down(w.ss, 0);
	assert_int_equal(w.last_seq, 3);
	assert_int_equal(w.last_status, 0);
	/* While it is away calls come and go. */
	struct ctl_media fresh = sample_media(3, 0);
	assert_int_equal(set(&w, &fresh, 4, NULL), 0);
	assert_int_equal(w.last_seq, 4);
	sessions_close(w.ss, t, 0);
	assert_int_equal(w.n_gone, 1);
	assert_int_equal(sessions_sum(w.ss, t, sums), RECORD_MEDIA_SEGMENT);
	assert_int_equal(sums[0].rx_packets, 50);
	sessions_forget(w.ss, t, 0);
	/* Another one comes: everything is added again, and what the last one counted is kept. */
	sessions_up(w.ss, 1, false);
	w.segment[0].rx_packets = 0;
	serve(&w, DP_SESSION_ADD, 0);
	serve(&w, DP_SESSION_ADD, 0);
	nothing_more(&w);
	w.segment[0].rx_packets = 5;
	sessions_sum(w.ss, s, sums);
	assert_int_equal(sums[0].rx_packets, 55);
	sessions_close(w.ss, s, 0);
	serve(&w, DP_SESSION_REMOVE, 0);
	assert_int_equal(sessions_sum(w.ss, s, sums), RECORD_MEDIA_SEGMENT);
	assert_int_equal(sums[0].rx_packets, 150);
	/* The same one after a broken connection: its counters go on, nothing is added twice. */
	s = sessions_find(w.ss, 3, 0);
	w.segment[0].rx_packets = 20;
	sessions_down(w.ss, 0);
	sessions_up(w.ss, 1, true);
	serve(&w, DP_SESSION_ADD, 0);
	sessions_sum(w.ss, s, sums);
	assert_int_equal(sums[0].rx_packets, 20);
	world_close(&w);
}

/* RFC 3711 3.3.1: whatever restarts or moves, the packet index goes on. */
static void test_srtp_goes_on(void **state)
{
	struct ctl_media m = sample_media(7, 0);
	struct media_session *s;
	struct world w;

	world_open(&w, 8, 1);
	w.has_segment = true;
	assert_int_equal(set(&w, &m, 11, &s), 0);
	serve(&w, DP_SESSION_ADD, 0);
	assert_int_equal(s->conf.srtp_rx[0].rtp_next, 0);
	/* another data plane: as far as the old one's segment says */
	sessions_down(w.ss, 0);
	sessions_up(w.ss, 1, false);
	serve(&w, DP_SESSION_ADD, 0);
	assert_int_equal(s->conf.srtp_rx[0].rtp_next, 1006);
	assert_int_equal(s->conf.srtp_tx[1].rtp_next, 2006);
	assert_int_equal(s->conf.srtp_rx[1].rtp_next, 1007);
	assert_int_equal(s->conf.srtp_tx[0].rtp_next, 2007);
	/* one that never had it says nothing new */
	sessions_down(w.ss, 0);
	s->stream[0] = 500;
	s->has_streams = false;
	sessions_up(w.ss, 1, false);
	serve(&w, DP_SESSION_ADD, 0);
	assert_int_equal(s->conf.srtp_rx[0].rtp_next, 1006);
	/* moved to other ports: as far as it was when it was taken out */
	s->reset = true;
	assert_int_equal(set(&w, &m, 12, NULL), 0);
	serve(&w, DP_SESSION_REMOVE, 0);
	assert_int_equal(s->conf.srtp_rx[1].rtp_next, 77);
	serve(&w, DP_SESSION_ADD, 0);
	world_close(&w);
}

static void test_answers_of_the_data_plane(void **state)
{
	struct ctl_media m = sample_media(1, 0);
	struct dp_session_reply reply = {0};
	struct media_session *s;
	uint16_t type;
	struct world w;

	world_open(&w, 8, 1);
	/* It has the session with other content (of an earlier life of ours). */
	assert_int_equal(set(&w, &m, 1, &s), 0);
	serve(&w, DP_SESSION_ADD, -EEXIST);
	assert_int_equal(w.n_answers, 0);
	serve(&w, DP_SESSION_MODIFY, 0);
	assert_int_equal(w.n_answers, 1);
	/* It lost the session. */
	struct dp_stream_sum sums[DP_LEGS];
	w.has_segment = true;
	w.segment[1].rx_packets = 70;
	assert_int_equal(set(&w, &m, 2, NULL), 0);
	serve(&w, DP_SESSION_MODIFY, -ENOENT);
	serve(&w, DP_SESSION_ADD, 0);
	w.segment[1].rx_packets = 1;
	sessions_sum(w.ss, s, sums);
	assert_int_equal(sums[1].rx_packets, 71);
	assert_int_equal(w.last_seq, 2);
	assert_int_equal(w.last_status, 0);
	/* It refuses a change: whoever asked is told; the session stays. */
	assert_int_equal(set(&w, &m, 3, NULL), 0);
	serve(&w, DP_SESSION_MODIFY, -EINVAL);
	assert_int_equal(w.last_status, -EINVAL);
	nothing_more(&w);
	assert_int_equal(w.n_lost, 0);
	/* It refuses in a replay: nobody asked, the call is told. */
	sessions_up(w.ss, 1, false);
	serve(&w, DP_SESSION_ADD, -ENOSPC);
	assert_int_equal(w.n_lost, 1);
	nothing_more(&w);
	/* Without its media address it waits for that. */
	sessions_up(w.ss, 1, false);
	serve(&w, DP_SESSION_ADD, -EADDRNOTAVAIL);
	assert_int_equal(w.n_lost, 1);
	nothing_more(&w);
	sessions_retry(w.ss);
	serve(&w, DP_SESSION_ADD, 0);
	/* Answers that do not fit the question. */
	assert_int_equal(set(&w, &m, 4, NULL), 0);
	assert_true(sessions_next(w.ss, &type, &s));
	reply.id = s->id + 1;
	assert_int_equal(sessions_done(w.ss, s->id, type, 0, &reply, sizeof(reply), 0), -EPROTO);
	assert_int_equal(sessions_done(w.ss, s->id, type, 0, &reply, 8, 0), -EPROTO);
	assert_int_equal(sessions_done(w.ss, s->id, DP_SESSION_REMOVE, 0, NULL, 0, 0), 0);
	assert_int_equal(sessions_done(w.ss, 12345, type, 0, NULL, 0, 0), 0);
	assert_int_equal(s->inflight, type);
	world_close(&w);
}

static void test_configuration_changes(void **state)
{
	struct ctl_media m = sample_media(1, 0);
	char error[CFG_ERROR_MAX];
	struct media_session *s;
	struct world w;

	world_open(&w, 8, 1);
	assert_int_equal(set(&w, &m, 1, &s), 0);
	w.realms_cfg[0].media_port_min = 20002;
	assert_int_equal(media_realms_check(w.realms, &w.cfg, error), -EBUSY);
	assert_non_null(strstr(error, "realm access: calls hold 1 pairs"));
	w.realms_cfg[0].media_port_min = 20000;
	w.realms_cfg[0].media_port_max = 29999;
	assert_int_equal(media_realms_check(w.realms, &w.cfg, error), 0);
	assert_int_equal(media_realms_apply(w.realms, &w.cfg, 1), 0);
	w.realms_cfg[1].media_ipv4.ip[3] = 2;
	assert_int_equal(media_realms_check(w.realms, &w.cfg, error), -EBUSY);
	w.cfg.n_realms = 1;
	assert_int_equal(media_realms_check(w.realms, &w.cfg, error), -EBUSY);
	/* A call that came between check and apply keeps its ports until it ends. */
	assert_int_equal(media_realms_apply(w.realms, &w.cfg, 1), 0);
	assert_null(media_realm_find(w.realms, "peering"));
	m.call_id = 2;
	assert_int_equal(set(&w, &m, 2, NULL), -ENOENT);
	sessions_close(w.ss, s, 0);
	sessions_forget(w.ss, s, 0);
	assert_int_equal(media_realms_check(w.realms, &w.cfg, error), 0);
	assert_int_equal(media_realms_apply(w.realms, &w.cfg, 1), 0);
	world_close(&w);
}

static struct ctl_media one_leg(uint64_t call_id)
{
	struct ctl_media m = sample_media(call_id, 0);

	memset(m.realm[1], 0, sizeof(m.realm[1]));
	memset(&m.leg[1], 0, sizeof(m.leg[1]));
	m.play[0] = (struct ctl_play){.kind = CTL_PLAY_PROMPT, .serial = 1, .name = "hello"};
	return m;
}

/* A session takes one pair of ports, gives back what it needs no more, and plays. */
static void test_one_leg(void **state)
{
	struct ctl_media m = one_leg(1);
	struct media_session *s;
	struct world w;

	world_open(&w, 2, 1);
	assert_int_equal(set(&w, &m, 1, &s), 0);
	assert_int_equal(s->conf.leg[0].local.family, 4);
	assert_int_equal(s->conf.leg[1].local.family, 0);
	assert_int_equal(s->conf.leg[0].play.kind, DP_PLAY_PROMPT);
	assert_int_equal(s->conf.leg[0].play.serial, 1);
	assert_int_equal(dp_session_n_legs(&s->conf), 1);
	s = serve(&w, DP_SESSION_ADD, 0);

	/* a called side comes, and goes again */
	m = sample_media(1, 0);
	assert_int_equal(set(&w, &m, 2, NULL), 0);
	assert_int_equal(dp_session_n_legs(&s->conf), 2);
	assert_int_equal(s->conf.leg[0].play.kind, DP_PLAY_NONE);
	m = one_leg(1);
	assert_int_equal(set(&w, &m, 3, NULL), 0);
	assert_int_equal(dp_session_n_legs(&s->conf), 1);
	s = serve(&w, DP_SESSION_REMOVE, 0);
	s = serve(&w, DP_SESSION_ADD, 0);
	nothing_more(&w);
	sessions_close(w.ss, s, 1000000);
	serve(&w, DP_SESSION_REMOVE, 0);
	sessions_forget(w.ss, s, 1000000);
	for (unsigned int i = 0; i < 2; i++) {
		struct pool_counts counts;

		pool_counts(
			media_realm_pool(media_realm_find(w.realms, i ? "peering" : "access"), 4),
			&counts);
		assert_int_equal(counts.in_use, 0);
	}

	/* A prompt that is not there: refused with one leg, silence with two. */
	strcpy(m.play[0].name, "none");
	assert_int_equal(set(&w, &m, 4, NULL), -ENODATA);
	m = sample_media(2, 0);
	m.play[1] = (struct ctl_play){.kind = CTL_PLAY_PROMPT, .name = "none"};
	assert_int_equal(set(&w, &m, 5, &s), 0);
	assert_int_equal(s->conf.leg[1].play.kind, DP_PLAY_TONE);
	assert_int_equal(s->conf.leg[1].play.steps[0].hz[0], 0);
	world_close(&w);
}

static void test_form(void **state)
{
	struct ctl_media m = sample_media(1, 0);

	assert_true(ctl_media_ok(&m));
#define BAD(change)             \
	m = sample_media(1, 0); \
	change;                 \
	assert_false(ctl_media_ok(&m))
	BAD(m.call_id = 0);
	BAD(m.media_index = CTL_MEDIA_MAX);
	BAD(m.realm[1][0] = '\0'); /* one leg, and something about the other */
	BAD(m.play[0].serial = 1);
	BAD(m.play[0].kind = CTL_PLAY_N_KINDS);
	BAD(m.play[0].kind = CTL_PLAY_PROMPT);
	BAD(m.play[0].kind = CTL_PLAY_TONE; m.play[0].name[0] = 'x');
	BAD(m.play[0].kind = CTL_PLAY_TONE; m.play[0].tone = CFG_N_TONES);
	BAD(m.play[0].kind = CTL_PLAY_TONE; m.play[0].flags = 2);
	BAD(m.leg[0].play.kind = DP_PLAY_TONE);
	m = one_leg(1);
	assert_true(ctl_media_ok(&m));
	BAD(m.realm[0][0] = '\0');
	BAD(memset(m.realm[1], 'x', CTL_NAME_MAX));
	BAD(m.realm[1][1] = '\n');
	BAD(m.leg[0].local.family = 5);
	BAD(m.leg[0].local.zero = 1);
	BAD(m.leg[0].local.family = 0; m.leg[0].local.ip[3] = 1);
	BAD(m.leg[0].local.family = 0; m.leg[0].local.port_be16 = 1);
	BAD(m.leg[1].remote_rtp.ip[0] = 1);
	BAD(m.leg[1].remote_rtcp.family = 7);
	BAD(m.leg[1].flags = 1u << 31);
	BAD(m.leg[1].n_payloads = DP_PAYLOAD_TYPES + 1);
	BAD(m.leg[1].n_payloads = 0);
	BAD(m.leg[1].payloads[0].pt = 128);
	BAD(m.leg[1].payloads[0].action = DP_PT_NOISE + 1);
	BAD(m.leg[1].payloads[0].codec = DP_CODEC_END);
	BAD(m.leg[1].payloads[0].pt_out = 128);
	BAD(m.leg[1].payloads[15].pt = 1);
	BAD(m.leg[1].dscp = 64);
	BAD(m.leg[1].max_pps = 1);
}

/* ---- keys by handshake ---- */

static struct ctl_media dtls_media(uint8_t role, uint32_t association)
{
	struct ctl_media m = sample_media(1, 0);

	assert_int_equal(ipaddr_parse(view_of("192.0.2.10"), 4000, &m.leg[0].remote_rtp), 0);
	m.dtls[0] = (struct ctl_dtls){.role = role,
		.suites = 1u << DP_SRTP_GCM_128,
		.peer = {.hash = FINGERPRINT_SHA_256, .len = 32, .value = {7}},
		.association = association};
	return m;
}

static struct ctl_nat_keys dtls_keys(const struct media_session *s, uint32_t association)
{
	struct ctl_nat_keys k = {.id = {.session_id = s->id, .association = association}};

	k.rx.suite = k.tx.suite = DP_SRTP_GCM_128;
	memset(k.rx.key, 0xa1, 28);
	memset(k.tx.key, 0xa2, 28);
	return k;
}

/* Nothing passes before there are keys, and then what limen-sip wanted does. */
static void test_dtls(void **state)
{
	const uint32_t both = DP_LEG_SEND | DP_LEG_RECV;
	struct ctl_media m = dtls_media(CTL_DTLS_SERVER, 5);
	struct media_session *s;
	struct ctl_nat_keys keys;
	struct world w;

	assert_true(ctl_media_ok(&m));
	world_open(&w, 10, 1);
	sessions_keys_told(w.ss);
	assert_int_equal(set(&w, &m, 1, &s), 0);
	assert_int_equal(w.n_dtls, 1);
	assert_int_equal(w.dtls_role, CTL_DTLS_SERVER);
	assert_int_equal(s->conf.leg[0].flags & (both | DP_LEG_NAT), DP_LEG_NAT);
	assert_int_equal(s->conf.leg[1].flags & (both | DP_LEG_NAT), both);
	s = serve(&w, DP_SESSION_ADD, 0);
	keys = dtls_keys(s, 4);
	assert_int_equal(sessions_keys(w.ss, &keys), -ENOENT); /* of an earlier association */
	keys = dtls_keys(s, 5);
	keys.rx.suite = keys.tx.suite = DP_SRTP_CM_128_SHA1_80;
	assert_int_equal(sessions_keys(w.ss, &keys), -ENOENT); /* not allowed */
	keys = dtls_keys(s, 5);
	keys.id.leg = 1;
	assert_int_equal(sessions_keys(w.ss, &keys), -ENOENT);
	nothing_more(&w);
	keys.id.leg = 0;
	assert_int_equal(sessions_keys(w.ss, &keys), 0);
	assert_true(sessions_keyed(s, 0));
	assert_int_equal(s->conf.leg[0].flags & (both | DP_LEG_NAT), both | DP_LEG_NAT);
	assert_memory_equal(&s->conf.leg[0].rx, &keys.rx, sizeof(keys.rx));
	assert_memory_equal(&s->conf.leg[0].tx, &keys.tx, sizeof(keys.tx));
	s = serve(&w, DP_SESSION_MODIFY, 0);

	/* A hold keeps the keys; another association does not. */
	m.leg[0].flags = DP_LEG_RECV;
	assert_int_equal(set(&w, &m, 2, &s), 0);
	assert_int_equal(w.n_dtls, 1);
	assert_int_equal(s->conf.leg[0].flags & both, DP_LEG_RECV);
	assert_int_equal(s->conf.leg[0].rx.suite, DP_SRTP_GCM_128);
	serve(&w, DP_SESSION_MODIFY, 0);
	m.dtls[0].association = 6;
	assert_int_equal(set(&w, &m, 3, &s), 0);
	assert_int_equal(w.n_dtls, 2);
	assert_int_equal(s->conf.leg[0].flags & both, 0);
	assert_int_equal(s->conf.leg[0].rx.suite, DP_SRTP_NONE);
	serve(&w, DP_SESSION_MODIFY, 0);

	/* The end of the leg's role, and of the session, is told. */
	m.dtls[0] = (struct ctl_dtls){0};
	assert_int_equal(set(&w, &m, 4, &s), 0);
	assert_int_equal(w.n_dtls, 3);
	assert_int_equal(w.dtls_role, CTL_DTLS_NONE);
	assert_int_equal(s->conf.leg[0].flags & (both | DP_LEG_NAT), DP_LEG_RECV);
	serve(&w, DP_SESSION_MODIFY, 0);
	m = dtls_media(CTL_DTLS_SERVER, 7);
	assert_int_equal(set(&w, &m, 5, &s), 0);
	sessions_close(w.ss, s, 1000000);
	assert_int_equal(w.n_dtls, 5);
	assert_int_equal(w.dtls_role, CTL_DTLS_NONE);
	world_close(&w);
}

/* A client that has not been heard calls anew where the far end moved to; a server waits. */
static void test_dtls_remote(void **state)
{
	static const uint8_t roles[] = {CTL_DTLS_SERVER, CTL_DTLS_CLIENT};

	for (unsigned int i = 0; i < 2; i++) {
		struct ctl_media m = dtls_media(roles[i], 5);
		struct media_session *s;
		struct world w;
		world_open(&w, 10, 1);
		assert_int_equal(set(&w, &m, 1, &s), 0);
		m.leg[0].remote_rtp.ip[3] = 11;
		assert_int_equal(set(&w, &m, 2, &s), 0);
		assert_int_equal(w.n_dtls, 1 + i);
		struct ctl_nat_keys keys = dtls_keys(s, 5);
		assert_int_equal(sessions_keys(w.ss, &keys), 0);
		m.leg[0].remote_rtp.ip[3] = 12;
		assert_int_equal(set(&w, &m, 3, &s), 0);
		assert_int_equal(w.n_dtls, 1 + i);
		world_close(&w);
	}
}

/* After our start a leg without keys is not sent, nor anything swept, before limen-nat has told. */
static void test_dtls_replay(void **state)
{
	struct ctl_media m = dtls_media(CTL_DTLS_SERVER, 5), plain = sample_media(2, 0);
	struct media_session *s, *none;
	struct world w;
	uint16_t type;

	world_open(&w, 10, 1);
	assert_int_equal(set(&w, &m, 1, &s), 0);
	assert_int_equal(set(&w, &plain, 2, NULL), 0);
	serve(&w, DP_SESSION_ADD, 0); /* the plain one */
	assert_false(sessions_next(w.ss, &type, &none));
	assert_false(sessions_idle(w.ss));
	struct ctl_nat_keys keys = dtls_keys(s, 5);
	assert_int_equal(sessions_keys(w.ss, &keys), 0);
	serve(&w, DP_SESSION_ADD, 0);
	assert_false(sessions_idle(w.ss));
	m.call_id = 3;
	assert_int_equal(set(&w, &m, 3, NULL), 0);
	assert_false(sessions_next(w.ss, &type, &none));
	sessions_keys_told(w.ss);
	serve(&w, DP_SESSION_ADD, 0);
	nothing_more(&w);
	world_close(&w);
}

static void test_dtls_form(void **state)
{
	struct ctl_media m = dtls_media(CTL_DTLS_SERVER, 5);

	m.dtls[0].role = CTL_DTLS_CLIENT + 1;
	assert_false(ctl_media_ok(&m));
	m = dtls_media(CTL_DTLS_NONE, 5);
	assert_false(ctl_media_ok(&m));
	m = dtls_media(CTL_DTLS_SERVER, 5);
	m.dtls[0].peer.len = 31;
	assert_false(ctl_media_ok(&m));
	m = dtls_media(CTL_DTLS_SERVER, 5);
	memset(&m.dtls[0].peer, 0, sizeof(m.dtls[0].peer));
	assert_false(ctl_media_ok(&m));
	m = dtls_media(CTL_DTLS_SERVER, 5);
	m.dtls[0].zero = 1;
	assert_false(ctl_media_ok(&m));
	m = dtls_media(CTL_DTLS_SERVER, 5);
	m.leg[0].rx.suite = m.leg[0].tx.suite = DP_SRTP_GCM_128;
	assert_false(ctl_media_ok(&m)); /* keys and a handshake */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_same_realm),
		cmocka_unit_test(test_close_at_any_time),
		cmocka_unit_test(test_other_realm),
		cmocka_unit_test(test_data_plane_restarts),
		cmocka_unit_test(test_srtp_goes_on),
		cmocka_unit_test(test_answers_of_the_data_plane),
		cmocka_unit_test(test_configuration_changes),
		cmocka_unit_test(test_one_leg),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_jitter_samples),
		cmocka_unit_test(test_dtls),
		cmocka_unit_test(test_dtls_remote),
		cmocka_unit_test(test_dtls_replay),
		cmocka_unit_test(test_dtls_form),
	};
	log_init("test_sessions", LOG_L_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
