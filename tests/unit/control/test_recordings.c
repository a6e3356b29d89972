/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests of controlplane/core/recordings.c: whose calls are recorded, what limen-rec and the
 * data plane are told of it, and restarts of either side. The test plays limen-rec at the other
 * end of a socket.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "controlplane/core/calls.h"
#include "controlplane/core/recordings.h"
#include "tests/unit/control/media_sample.h"

#define NOW_MS UINT64_C(1767225600000)

static struct cfg cfg;
static struct cfg_realm realms_cfg[2];
static struct cfg_interface interfaces[2];
static struct cfg_trunk trunk;
static struct cfg_dial_peer dial_peer;
static struct media_realms *realms;
static struct sessions *sessions;
static struct recordings *recordings;
static struct call_list list;
static struct call call;
static struct event_base *base;
static struct ipc_peer *peer;
static int end; /* limen-rec's */

static void on_answer(
	void *arg, const struct media_session *s, const struct media_ticket *t, int32_t status)
{
}

static void on_gone(void *arg, struct media_session *s)
{
}

static void on_lost(void *arg, struct media_session *s, int error)
{
}

static void on_dtls(void *arg, const struct media_session *s, unsigned int leg)
{
}

static void on_dirty(void *arg)
{
}

static bool no_sums(void *arg, const struct media_session *s, struct dp_stream_sum sums[DP_LEGS])
{
	return false;
}

static bool no_srtp(void *arg, const struct media_session *s, struct dp_session *conf)
{
	return false;
}

static int no_play(void *arg, const struct ctl_play *play, struct dp_play *ret_play)
{
	memset(ret_play, 0, sizeof(*ret_play));
	return 0;
}

static const struct cfg *running(void *arg)
{
	return &cfg;
}

static struct call *find(void *arg, uint64_t id)
{
	return id == call.info.id ? &call : NULL;
}

static const struct call_list *get_list(void *arg)
{
	return &list;
}

static uint64_t wall_ms(void *arg)
{
	return NOW_MS;
}

static void on_closed(struct ipc_peer *p, const char *why)
{
}

/* ---- limen-rec ---- */

static union {
	uint8_t bytes[IPC_MSG_MAX];
	struct ipc_hdr hdr;
} packet __attribute__((aligned(8)));
static size_t packet_len, packet_at;

/* The next message to limen-rec, or NULL. */
static const struct ipc_hdr *hear(void)
{
	if (packet_at >= packet_len) {
		ssize_t n;
		ipc_flush(peer);
		n = recv(end, packet.bytes, sizeof(packet.bytes), MSG_DONTWAIT);
		if (n <= 0)
			return NULL;
		packet_len = (size_t)n;
		packet_at = 0;
	}
	const struct ipc_hdr *hdr = (const void *)(packet.bytes + packet_at);
	packet_at += (hdr->len + 7) & ~7u;
	return hdr;
}

static const void *expect(uint16_t type)
{
	const struct ipc_hdr *hdr = hear();

	assert_non_null(hdr);
	assert_int_equal(hdr->type, type);
	return hdr + 1;
}

static void expect_nothing(void)
{
	assert_null(hear());
}

static void recorder_up(void)
{
	static const struct ipc_table table = {NULL, 0, on_closed, NULL};
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	peer = ipc_peer_new(base, fds[0], &table, 100, NULL);
	end = fds[1];
	packet_len = packet_at = 0;
	recordings_up(recordings, peer);
}

static void recorder_down(void)
{
	recordings_down(recordings, peer);
	ipc_peer_free(peer);
	peer = NULL;
	close(end);
}

static void tell(uint32_t state, uint32_t parts, uint8_t demand)
{
	const struct ipc_hdr hdr = {.type = CTL_REC_STATUS};
	struct ctl_rec_status status = {.session_id = sessions_find(sessions, 5, 0)->id,
		.call_id = 5,
		.start_ms = NOW_MS - 5000,
		.state = state,
		.parts = parts,
		.tracks = 7,
		.demand = demand,
		.name = "2026-01-01/000000-0000000000000005"};

	assert_int_equal(recordings_message(recordings, &hdr, &status), 0);
}

/* ---- a call ---- */

static void put_media(uint32_t index, uint32_t flags)
{
	struct ctl_media media = sample_media(5, index);
	struct media_ticket ticket = {.seq = 1};

	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		media.leg[leg].flags |= flags;
	assert_int_equal(sessions_set(sessions, &media, &ticket, &call, 0, &call.media[index]), 0);
}

static bool tapped(uint32_t index)
{
	const struct media_session *s = call.media[index];
	uint32_t both = s->conf.leg[0].flags & s->conf.leg[1].flags;
	uint32_t any = s->conf.leg[0].flags | s->conf.leg[1].flags;

	assert_int_equal(both & DP_LEG_TAP, any & DP_LEG_TAP);
	return both & DP_LEG_TAP;
}

static int set_up(void **state)
{
	struct sessions_ops ops = {
		on_answer, on_gone, on_lost, on_dtls, on_dirty, no_sums, no_play, no_srtp, NULL};
	struct recordings_ops rec_ops = {running, find, get_list, wall_ms, NULL};

	log_init("test", LOG_L_ERR);
	sample_cfg(&cfg, realms_cfg, interfaces, 10);
	memset(&trunk, 0, sizeof(trunk));
	memset(&dial_peer, 0, sizeof(dial_peer));
	strcpy(trunk.name, "carrier");
	dial_peer.tag = 7;
	cfg.trunks = &trunk;
	cfg.dial_peers = &dial_peer;
	cfg.n_trunks = cfg.n_dial_peers = 1;
	base = event_base_new();
	realms = media_realms_new();
	sessions = sessions_new(realms, &ops);
	recordings = recordings_new(&rec_ops);
	recordings_bind(recordings, sessions);
	assert_int_equal(media_realms_apply(realms, &cfg, 1), 0);
	sessions_up(sessions, 1, false);
	TAILQ_INIT(&list);
	memset(&call, 0, sizeof(call));
	call.info = sample_call(5, CTL_CALL_SETUP);
	strcpy(call.info.trunk[1], "carrier");
	call.info.dial_peer_out = 7;
	call.described = true;
	TAILQ_INSERT_TAIL(&list, &call, link);
	put_media(0, 0);
	recorder_up();
	expect(CTL_REC_POLICY);
	expect_nothing();
	return 0;
}

static int tear_down(void **state)
{
	if (peer != NULL)
		recorder_down();
	recordings_call_free(&call);
	recordings_free(recordings);
	sessions_free(sessions);
	media_realms_free(realms);
	event_base_free(base);
	return 0;
}

static void answer(void)
{
	call.info.state = CTL_CALL_ACTIVE;
	recordings_call(recordings, &call);
}

static void test_rules(void **state)
{
	bool *const rules[] = {
		&realms_cfg[0].record, &realms_cfg[1].record, &trunk.record, &dial_peer.record};

	for (unsigned int i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (i > 0) {
			tear_down(NULL);
			set_up(NULL);
		}
		*rules[i] = true;
		recordings_call(recordings, &call);
		expect_nothing(); /* not before it is answered */
		assert_false(tapped(0));
		answer();
		const struct ctl_rec *msg = expect(CTL_REC_SET);
		assert_int_equal(msg->call_id, 5);
		assert_true(msg->session_id == call.media[0]->id);
		assert_int_equal(msg->start_ms, NOW_MS);
		assert_int_equal(msg->demand, 0);
		assert_int_equal(msg->n_payloads[1], 1);
		assert_int_equal(msg->payloads[1][0].pt, 8);
		assert_true(tapped(0));
		recordings_call(recordings, &call); /* nothing new */
		expect_nothing();
	}
}

static void test_no_rule(void **state)
{
	answer();
	expect_nothing();
	/* a rule that comes later is for later calls */
	trunk.record = true;
	recordings_call(recordings, &call);
	expect_nothing();
	assert_false(tapped(0));
	struct record_recording r;
	recordings_record(&call, &r);
	assert_int_equal(r.n, 0);
}

/* A re-INVITE: other payload types are told, the flag stays. Another medium is not recorded. */
static void test_media(void **state)
{
	struct ctl_media media = sample_media(5, 0);
	struct media_ticket ticket = {.seq = 2};

	trunk.record = true;
	answer();
	expect(CTL_REC_SET);
	put_media(1, DP_LEG_ANY_PT);
	recordings_call(recordings, &call);
	expect_nothing();
	assert_false(tapped(1));
	media.leg[0].payloads[0].pt = 9;
	memcpy(&media.leg[0].local, &call.media[0]->conf.leg[0].local, sizeof(media.leg[0].local));
	memcpy(&media.leg[1].local, &call.media[0]->conf.leg[1].local, sizeof(media.leg[1].local));
	assert_int_equal(sessions_set(sessions, &media, &ticket, &call, 0, &call.media[0]), 0);
	assert_true(tapped(0));
	recordings_call(recordings, &call);
	const struct ctl_rec *msg = expect(CTL_REC_SET);
	assert_int_equal(msg->payloads[0][0].pt, 9);
	/* the end */
	recordings_call_end(recordings, &call);
	uint64_t since_us = msg->since_us, now_us = clock_mono_us();
	const struct ctl_rec_end *over = expect(CTL_REC_END);
	assert_true(over->session_id == call.media[0]->id);
	assert_true(since_us > 0 && since_us <= over->at_us && over->at_us <= now_us);
	expect_nothing();
}

static void test_demand(void **state)
{
	struct record_recording r;

	assert_int_equal(recordings_demand(recordings, 6, true), -ENOENT);
	assert_int_equal(recordings_demand(recordings, 5, false), -EALREADY);
	/* asked for before the answer: from then on */
	assert_int_equal(recordings_demand(recordings, 5, true), 0);
	expect_nothing();
	answer();
	const struct ctl_rec *msg = expect(CTL_REC_SET);
	assert_int_equal(msg->demand, 1);
	assert_int_equal(recordings_demand(recordings, 5, true), -EALREADY);
	tell(CTL_REC_RUNS, 1, 1);
	assert_int_equal(recordings_at(recordings, 0)->state, CTL_REC_RUNS);
	assert_null(recordings_at(recordings, 1));
	assert_int_equal(recordings_demand(recordings, 5, false), 0);
	expect(CTL_REC_END);
	assert_false(tapped(0));
	tell(CTL_REC_ENDED, 1, 1);
	assert_int_equal(recordings_at(recordings, 0)->state, CTL_REC_ENDED);
	assert_null(recordings_at(recordings, 1));
	recordings_record(&call, &r);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.line[0].parts, 1);
	/* again, and a rule does not come in between */
	trunk.record = true;
	recordings_call(recordings, &call);
	expect_nothing();
	assert_int_equal(recordings_demand(recordings, 5, true), 0);
	expect(CTL_REC_SET);
}

/* limen-rec away: noted, told when it is back; its silence is in the record. */
static void test_recorder_restart(void **state)
{
	struct record_recording r;

	recorder_down();
	assert_false(recordings_here(recordings));
	answer();
	assert_int_equal(recordings_demand(recordings, 5, true), -ENOTCONN);
	assert_true(tapped(0));
	recordings_record(&call, &r);
	assert_int_equal(r.n, 1);
	assert_string_equal(r.line[0].note, "limen-rec did not answer");
	recorder_up();
	expect(CTL_REC_POLICY);
	expect(CTL_REC_SET);
	expect_nothing();
	cfg.rec_quota_mb = 3;
	cfg.rec_files = CFG_REC_STEREO;
	cfg.rec_when_full = CFG_REC_DELETE_OLDEST;
	recordings_policy(recordings, &cfg);
	const struct ctl_rec_policy *policy = expect(CTL_REC_POLICY);
	assert_int_equal(policy->quota_bytes, 3 << 20);
	assert_int_equal(policy->files, CTL_REC_FILES_STEREO);
	assert_int_equal(policy->when_full, CTL_REC_FULL_DELETE_OLDEST);
}

/* We started again: limen-rec tells what it records before limen-sip tells the call, or after. */
static void test_own_restart(void **state)
{
	for (unsigned int late = 0; late < 2; late++) {
		if (late) {
			tear_down(NULL);
			set_up(NULL);
			answer();
			expect_nothing();
		}
		tell(CTL_REC_RUNS, 2, 1);
		if (!late)
			answer();
		const struct ctl_rec *msg = expect(CTL_REC_SET);
		assert_int_equal(msg->demand, 1);
		assert_int_equal(msg->start_ms, NOW_MS - 5000); /* its files are called so */
		assert_true(tapped(0));
		assert_int_equal(recordings_at(recordings, 0)->parts, 2);
	}
	/* one by a rule that is not there any more is not taken up */
	tear_down(NULL);
	set_up(NULL);
	tell(CTL_REC_RUNS, 2, 0);
	answer();
	expect_nothing();
	assert_false(tapped(0));
}

static void test_malformed(void **state)
{
	struct ctl_rec_status good = {.session_id = 1, .call_id = 2}, bad;
	struct ctl_rec_info info = {0};
	struct ipc_hdr hdr = {.type = CTL_REC_STATUS};

	assert_int_equal(recordings_message(recordings, &hdr, &good), 0);
#define BAD(what)   \
	bad = good; \
	bad.what;   \
	assert_int_equal(recordings_message(recordings, &hdr, &bad), -EPROTO)
	BAD(session_id = 0);
	BAD(call_id = 0);
	BAD(media_index = CTL_MEDIA_MAX);
	BAD(state = CTL_REC_ENDED + 1);
	BAD(parts = 10000);
	BAD(tracks = 1 << CTL_REC_N_TRACKS);
	BAD(demand = 2);
	BAD(name[0] = '\n');
	memset(good.note, 'x', sizeof(good.note));
	assert_int_equal(recordings_message(recordings, &hdr, &good), -EPROTO);
	hdr.type = CTL_REC_INFO;
	assert_int_equal(recordings_message(recordings, &hdr, &info), 0);
	info.note[0] = 7;
	assert_int_equal(recordings_message(recordings, &hdr, &info), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(test_rules),
		T(test_no_rule),
		T(test_media),
		T(test_demand),
		T(test_recorder_restart),
		T(test_own_restart),
		T(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
