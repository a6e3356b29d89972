/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of sessions: asked for, changed, silent, counted, removed; and their keys. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sessions_world.h"

static const uint8_t mac_gw[6] = {2, 0, 0, 0, 9, 1}, mac_b[6] = {2, 0, 0, 0, 9, 2};

static void test_add(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	fake.held = true;
	struct session_ticket t = ticket(7, 1);
	assert_int_equal(sessions_add(w->ss, &s, &t), 0);
	mail_turn(w->mail);
	assert_int_equal(w->n_done, 0); /* the answer waits for the workers */
	fake.held = false;
	mail_turn(w->mail);
	assert_int_equal(w->n_done, 1);
	assert_int_equal(w->status, 0);
	assert_int_equal(w->ticket.seq, 7);
	assert_int_equal(w->reply.id, 1);
	assert_int_equal(w->reply.stream[0] + 1, w->reply.stream[1]);
	const struct fake_slot *from_a = &fake.slots[w->reply.stream[0]];
	assert_true(from_a->live);
	assert_int_equal(from_a->worker, dp_port_owner(16384, N_WORKERS));
	assert_int_equal(sessions_n(w->ss), 1);
	/* Neither next hop is known: asked for, and not ready. */
	assert_int_equal(w->n_probes, 2);
	assert_int_equal(from_a->conf.more.path[STREAM_RTP].ready, 0);
	assert_memory_equal(from_a->conf.more.path[STREAM_RTP].dst_ip, s.leg[1].remote_rtp.ip, 4);
}

static void test_idempotent(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	assert_int_equal(add(w, &s, 1), 0);
	struct dp_session_reply first = w->reply;
	assert_int_equal(add(w, &s, 1), 0);
	assert_memory_equal(&first, &w->reply, sizeof first);
	assert_int_equal(sessions_n(w->ss), 1);
	assert_int_equal(fake_n_live(), 2);
	assert_int_equal(fake.slots[first.stream[0]].n_relearns, 0);
	/* Other content: only from a newer control process. */
	s.leg[0].dscp = 10;
	assert_int_equal(add(w, &s, 1), -EEXIST);
	assert_int_equal(add(w, &s, 2), 0);
	assert_memory_equal(&first, &w->reply, sizeof first);
	assert_int_equal(modify(w, &s, 1), -EEXIST); /* an old one comes too late */
	assert_int_equal(del(w, 1), 0);
	assert_int_equal(del(w, 1), -ENOENT);
	assert_int_equal(modify(w, &s, 2), -ENOENT);
	assert_int_equal(fake_n_live(), 0);
}

static void test_refused(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1), other;
	assert_int_equal(add(w, &s, 1), 0);
	other = sample_session(2);
	other.id = 0;
	assert_int_equal(add(w, &other, 1), -EINVAL);
	other = sample_session(2);
	other.leg[1].local = s.leg[1].local;
	other.leg[0].local = sample_ip("192.0.2.1", 16384 + 6);
	assert_int_equal(add(w, &other, 1), -EADDRINUSE);
	other = sample_session(2);
	other.leg[0].local = sample_ip("192.0.2.2", 16386);
	assert_int_equal(add(w, &other, 1), -EADDRNOTAVAIL);
	other = sample_session(2);
	other.leg[0].local = sample_ip("192.0.2.1", 32768);
	other.leg[1].local = sample_ip("198.51.100.1", 32768);
	assert_int_equal(add(w, &other, 1), -EADDRNOTAVAIL);
	other = sample_session(2);
	other.leg[0].local.port_be16 = htons(16388);
	assert_int_equal(add(w, &other, 1), -EXDEV);
	/* MODIFY into the ports of another session, or to another worker. */
	other = sample_session(2);
	assert_int_equal(add(w, &other, 1), 0);
	struct dp_session moved = other;
	moved.leg[0].local = s.leg[0].local;
	moved.leg[1].local = s.leg[1].local;
	assert_int_equal(modify(w, &moved, 1), -EADDRINUSE);
	moved.leg[0].local.port_be16 = moved.leg[1].local.port_be16 = htons(16388);
	assert_int_equal(modify(w, &moved, 1), -EXDEV);
	moved.leg[0].local.port_be16 = moved.leg[1].local.port_be16 = htons(16392);
	assert_int_equal(modify(w, &moved, 1), 0);
	/* Its old ports are free now, the new ones are not. */
	struct dp_session third = other;
	third.id = 3;
	assert_int_equal(add(w, &third, 1), 0);
	third = moved;
	third.id = 4;
	assert_int_equal(add(w, &third, 1), -EADDRINUSE);
	assert_int_equal(sessions_n(w->ss), 3);
	assert_int_equal(fake_n_live(), 6);
}

/* Leg A alone: its ports and its silence as usual, and another leg may come and go. */
static void test_one_leg(void **state)
{
	struct world *w = *state;
	struct dp_session both = sample_session(1), one = both, other = sample_session(4);
	sample_one_leg(&one);
	one.leg[0].timeout_ms = both.leg[0].timeout_ms = both.leg[1].timeout_ms = 5000;
	assert_int_equal(add(w, &one, 1), 0);
	uint32_t slot = w->reply.stream[0];
	assert_int_equal(fake_n_live(), 2);
	assert_int_equal(fake.slots[slot].conf.more.voice.to, STREAM_TO_NONE);
	assert_int_equal(fake.slots[slot + 1].conf.more.addr_index, STREAM_ADDR_NONE);
	assert_memory_equal(fake.slots[slot + 1].conf.more.path[STREAM_RTP].dst_ip,
		one.leg[0].remote_rtp.ip, 4);
	turn(w, 7000);
	assert_int_equal(w->n_events, 1); /* of one leg */
	assert_int_equal(w->event.leg, 0);
	/* the port of the leg that is not there is free */
	other.leg[1].local = both.leg[1].local;
	assert_int_equal(add(w, &other, 1), 0);
	assert_int_equal(modify(w, &both, 1), -EADDRINUSE);
	assert_int_equal(del(w, 4), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(modify(w, &both, 1), 0);
		assert_int_equal(fake.slots[slot].conf.more.voice.to, STREAM_TO_LEG);
		assert_int_equal(add(w, &other, 1), -EADDRINUSE);
		assert_int_equal(modify(w, &one, 1), 0);
		assert_int_equal(add(w, &other, 1), 0);
		assert_int_equal(del(w, 4), 0);
	}
	assert_int_equal(del(w, 1), 0);
	assert_int_equal(fake_n_live(), 0);
	assert_int_equal(add(w, &both, 1), 0);
}

/* Session n of one call, sharing the port of leg A; leg B has its own with the same owner. */
static struct dp_session bundled(unsigned int n)
{
	struct dp_session s = sample_session(50 + N_WORKERS * n);
	s.id = 500 + n;
	s.call_id = 77;
	s.leg[0].local = sample_session(50).leg[0].local;
	s.leg[0].flags |= DP_LEG_BUNDLE | DP_LEG_RTCP_MUX;
	return s;
}

static bool port_is_free(struct world *w)
{
	struct dp_session s = sample_session(50);
	struct session_ticket t = ticket(9, 1);
	if (add(w, &s, 1))
		return false;
	assert_int_equal(sessions_remove(w->ss, s.id, &t), 0);
	mail_turn(w->mail);
	return true;
}

static void test_bundle(void **state)
{
	struct world *w = *state;
	struct session_ticket t = ticket(8, 1);
	for (unsigned int n = 0; n < DP_BUNDLE_LINES; n++) {
		struct dp_session s = bundled(n);
		assert_int_equal(add(w, &s, 1), 0);
	}
	struct dp_session s = bundled(DP_BUNDLE_LINES);
	assert_int_equal(add(w, &s, 1), -ENOSPC);
	s.call_id++;
	assert_int_equal(add(w, &s, 1), -EADDRINUSE);
	s = bundled(0);
	s.leg[0].flags &= ~(uint32_t)DP_LEG_BUNDLE;
	assert_int_equal(modify(w, &s, 1), -EADDRINUSE);
	assert_false(port_is_free(w));
	/* the workers are told of the same place, and of what is said of each line */
	s = bundled(1);
	s.leg[0].bundle.mid_len = 1;
	s.leg[0].bundle.mid[0] = 'v';
	assert_int_equal(modify(w, &s, 1), 0);
	uint32_t slot = w->reply.stream[0], other = w->reply.stream[1];
	assert_non_null(fake.slots[slot].bundle);
	assert_null(fake.slots[slot].bundle_out);
	assert_ptr_equal(fake.slots[other].bundle_out, fake.slots[slot].bundle);
	assert_int_equal(fake.slots[slot].conf.bundle.mid[0], 'v');
	/* one moves to a port of its own and comes back; the first one leaves, the last one too */
	s.leg[0].local = sample_session(50 + N_WORKERS).leg[0].local;
	s.leg[0].flags &= ~(uint32_t)DP_LEG_BUNDLE;
	s.leg[0].bundle = (struct dp_bundle){0};
	assert_int_equal(modify(w, &s, 1), 0);
	assert_null(fake.slots[slot].bundle);
	s = bundled(1);
	assert_int_equal(modify(w, &s, 1), 0);
	for (unsigned int n = 0; n < DP_BUNDLE_LINES; n++) {
		assert_false(port_is_free(w));
		assert_int_equal(sessions_remove(w->ss, 500 + n, &t), 0);
		mail_turn(w->mail);
		assert_int_equal(w->status, 0);
	}
	assert_true(port_is_free(w));
}

static void test_capacity(void **state)
{
	struct world *w = *state;
	for (unsigned int i = 1; i <= MAX_SESSIONS; i++) {
		struct dp_session s = sample_session(i);
		assert_int_equal(add(w, &s, 1), 0);
	}
	struct dp_session s = sample_session(MAX_SESSIONS + 1);
	assert_int_equal(add(w, &s, 1), -ENOSPC);
	/* The slot of a session on its way out is waited for. */
	struct session_ticket t = ticket(1, 1);
	assert_int_equal(sessions_remove(w->ss, 50, &t), 0);
	assert_int_equal(add(w, &s, 1), 0);
	assert_int_equal(sessions_n(w->ss), MAX_SESSIONS);
}

static void test_remove_sums(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(5);
	assert_int_equal(add(w, &s, 1), 0);
	fake.stats = (struct dp_stream_stats){.rx_packets = 100, .rx_octets = 16000, .ssrc = 77};
	fake.rare = (struct dp_stream_rare){.dropped = 3, .rtcp_packets = 2};
	fake.learned = sample_ip("192.0.2.99", 5000);
	assert_int_equal(del(w, 5), 0);
	assert_int_equal(w->final.id, 5);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		assert_int_equal(w->final.from[leg].rx_packets, 100);
		assert_int_equal(w->final.from[leg].dropped, 3);
		assert_int_equal(w->final.from[leg].ssrc, 77);
		assert_true(ipaddr_equal(&w->final.from[leg].latched, &fake.learned));
	}
	assert_int_equal(sessions_n(w->ss), 0);
	struct mirror_count n;
	mirror_count_get(w->mirror, &n);
	assert_int_equal(n.used, 0);
}

static void test_worker_refuses(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(5);
	fake.set_result = -EADDRINUSE;
	assert_int_equal(add(w, &s, 1), -EADDRINUSE);
	turn(w, 1100); /* the half that worked is taken back */
	assert_int_equal(sessions_n(w->ss), 0);
	assert_int_equal(fake_n_live(), 0);
	assert_int_equal(add(w, &s, 1), 0);
}

static void test_next_hop_follows(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	s.leg[1].remote_rtp = sample_ip("203.0.113.5", 6000); /* no route yet */
	assert_int_equal(add(w, &s, 1), 0);
	const struct stream_path *to_b = &fake.slots[w->reply.stream[0]].conf.more.path[STREAM_RTP];
	const struct stream_path *to_a = &fake.slots[w->reply.stream[1]].conf.more.path[STREAM_RTP];
	assert_int_equal(to_b->ready, 0);
	neighbour(w, IF_A, "192.0.2.10", mac_b);
	turn(w, 1100);
	assert_int_equal(to_a->ready, 1);
	assert_int_equal(to_a->port, 0);
	assert_memory_equal(to_a->macs, mac_b, 6);
	assert_int_equal(to_a->macs[6], IF_A);
	assert_int_equal(to_b->ready, 0);
	/* A route by a gateway that is known already. */
	neighbour(w, IF_B, "198.51.100.254", mac_gw);
	struct mirror_route r = {.dst = sample_ip("203.0.113.0", 0),
		.prefix_len = 24,
		.ifindex = IF_B,
		.gateway = sample_ip("198.51.100.254", 0)};
	assert_int_equal(mirror_route_set(w->mirror, &r), 0);
	unsigned int sets_to_a = fake.slots[w->reply.stream[1]].n_sets;
	turn(w, 1200);
	assert_int_equal(to_b->ready, 1);
	assert_int_equal(to_b->port, 1);
	assert_memory_equal(to_b->macs, mac_gw, 6);
	/* Only what changed is sent. */
	assert_int_equal(fake.slots[w->reply.stream[1]].n_sets, sets_to_a);
	/* The gateway's card is replaced; then it goes silent. */
	neighbour(w, IF_B, "198.51.100.254", mac_b);
	turn(w, 1300);
	assert_memory_equal(to_b->macs, mac_b, 6);
	neighbour(w, IF_B, "198.51.100.254", NULL);
	turn(w, 1400);
	assert_int_equal(to_b->ready, 0);
	/* The interface is not (any more) one of ours. */
	neighbour(w, IF_B, "198.51.100.254", mac_b);
	turn(w, 1500);
	assert_int_equal(to_b->ready, 1);
	w->no_egress = true;
	sessions_routes_changed(w->ss);
	turn(w, 1600);
	assert_int_equal(to_b->ready, 0);
	assert_int_equal(to_a->ready, 0);
	mirror_route_del(w->mirror, &r);
	turn(w, 1700);
	assert_int_equal(del(w, 1), 0);
}

static void test_learning(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	s.leg[0].flags |= DP_LEG_LATCH;
	neighbour(w, IF_A, "192.0.2.55", mac_b);
	assert_int_equal(add(w, &s, 1), 0);
	const struct fake_slot *from_a = &fake.slots[w->reply.stream[0]];
	const struct fake_slot *from_b = &fake.slots[w->reply.stream[1]];
	struct worker_event e = {
		.slot = w->reply.stream[0],
		.epoch = from_a->conf.more.epoch,
		.kind = STREAM_RTP,
		.learned = sample_ip("192.0.2.55", 7000),
	};
	sessions_learned(w->ss, &e);
	assert_int_equal(w->n_events, 1);
	assert_int_equal(w->event_type, DP_EVENT_LATCH);
	assert_int_equal(w->event.session_id, 1);
	assert_int_equal(w->event.call_id, 1000001);
	assert_int_equal(w->event.leg, 0);
	assert_true(ipaddr_equal(&w->event.addr, &e.learned));
	turn(w, 1100);
	const struct stream_path *to_a = &from_b->conf.more.path[STREAM_RTP];
	assert_memory_equal(to_a->dst_ip, e.learned.ip, 4);
	assert_int_equal(to_a->dst_port_be16, htons(7000));
	assert_int_equal(to_a->ready, 1);
	/* RTCP goes beside it. */
	assert_int_equal(from_b->conf.more.path[STREAM_RTCP].dst_port_be16, htons(7001));
	/* A MODIFY that leaves the remote address alone keeps it, */
	s.leg[0].dscp = 46;
	assert_int_equal(modify(w, &s, 1), 0);
	assert_memory_equal(to_a->dst_ip, e.learned.ip, 4);
	assert_int_equal(from_a->n_relearns, 0);
	/* another remote address begins anew, and what comes late of the old one is ignored. */
	s.leg[0].remote_rtp = sample_ip("192.0.2.77", 4400);
	assert_int_equal(modify(w, &s, 1), 0);
	assert_int_equal(from_a->n_relearns, 1);
	assert_memory_equal(to_a->dst_ip, s.leg[0].remote_rtp.ip, 4);
	sessions_learned(w->ss, &e);
	turn(w, 1200);
	assert_int_equal(w->n_events, 1);
	assert_memory_equal(to_a->dst_ip, s.leg[0].remote_rtp.ip, 4);
	/* Nonsense from a ring is no crash. */
	sessions_learned(w->ss, &(struct worker_event){.slot = UINT32_MAX});
	sessions_learned(w->ss, &(struct worker_event){.slot = w->reply.stream[0], .kind = 9});
}

/* Digits to a leg go to whom its packets are made by, once for a serial. */
static void test_press(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	struct dp_dtmf_send p = {
		.session_id = 1, .leg = 1, .serial = 9, .duration_ms = 100, .digit = '#'};
	assert_int_equal(sessions_press(w->ss, &p), -ENOENT);
	assert_int_equal(add(w, &s, 1), 0);
	assert_int_equal(sessions_press(w->ss, &p), -EOPNOTSUPP);
	s.leg[1].send.event_pt = 101;
	assert_int_equal(modify(w, &s, 1), 0);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(sessions_press(w->ss, &p), 0);
		mail_turn(w->mail);
		assert_int_equal(fake.n_presses, 1);
	}
	assert_int_equal(fake.press.slot, w->reply.stream[0]);
	assert_int_equal(fake.press.code, 11);
	assert_int_equal(fake.press.duration_ms, 100);
	assert_true(fake.press_thread < N_WORKERS);
	p.serial = 0;
	assert_int_equal(sessions_press(w->ss, &p), 0);
	assert_int_equal(sessions_press(w->ss, &p), 0);
	mail_turn(w->mail);
	assert_int_equal(fake.n_presses, 3);
	static const struct dp_dtmf_send bad[] = {{1, 2, 0, 100, '1', {0}},
		{1, 1, 0, 100, 'E', {0}}, {1, 1, 0, 100, 0, {0}},
		{1, 1, 0, DP_DTMF_MIN_MS - 1, '1', {0}}, {1, 1, 0, DP_DTMF_MAX_MS + 1, '1', {0}},
		{1, 1, 0, 100, '1', {0, 0, 1}}};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(sessions_press(w->ss, &bad[i]), -EINVAL);
	/* what a media core makes takes them with events and without, but not when they go elsewhere */
	sample_voice(&s, DP_CODEC_PCMA, DP_CODEC_L16_8K);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(modify(w, &s, 1), 0);
		assert_int_equal(sessions_press(w->ss, &p), 0);
		mail_turn(w->mail);
		assert_int_equal(fake.n_presses, 4 + i);
		assert_true(fake.press_thread >= N_WORKERS);
		assert_int_equal(fake.press.tag, fake.voices[0].tag);
		s.leg[1].send.event_pt = 0;
	}
	s.leg[1].send.digits = DP_DIGITS_AWAY;
	assert_int_equal(modify(w, &s, 1), 0);
	assert_int_equal(sessions_press(w->ss, &p), -EOPNOTSUPP);
	assert_int_equal(del(w, 1), 0);
}

/* Digits of a leg are told when it was asked for, and not when they are those of another session. */
static void test_digits(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	assert_int_equal(add(w, &s, 1), 0);
	struct worker_digit d = {.slot = w->reply.stream[1],
		.mark = fake.slots[w->reply.stream[1]].conf.more.epoch,
		.code = 10,
		.duration_ms = 170};
	sessions_digit(w->ss, &d);
	assert_int_equal(w->n_events, 0);
	s.leg[1].flags |= DP_LEG_DTMF;
	assert_int_equal(modify(w, &s, 1), 0);
	sessions_digit(w->ss, &d);
	assert_int_equal(w->n_events, 1);
	assert_int_equal(w->dtmf.session_id, 1);
	assert_int_equal(w->dtmf.call_id, 1000001);
	assert_int_equal(w->dtmf.leg, 1);
	assert_int_equal(w->dtmf.digit, '*');
	assert_int_equal(w->dtmf.duration_ms, 170);
	assert_int_equal(w->dtmf.source, DP_DTMF_RFC4733);
	d.mark++;
	sessions_digit(w->ss, &d);
	d.slot = UINT32_MAX;
	sessions_digit(w->ss, &d);
	d = (struct worker_digit){.slot = w->reply.stream[1], .code = 99};
	sessions_digit(w->ss, &d);
	assert_int_equal(w->n_events, 1);
	sample_voice(&s, DP_CODEC_PCMA, DP_CODEC_L16_8K);
	s.leg[0].flags |= DP_LEG_DTMF | DP_LEG_TONES;
	assert_int_equal(modify(w, &s, 1), 0);
	d = (struct worker_digit){.slot = w->reply.stream[0],
		.mark = fake.voices[0].tag,
		.core = true,
		.tone = true,
		.code = 1,
		.duration_ms = 60};
	sessions_digit(w->ss, &d);
	assert_int_equal(w->n_events, 2);
	assert_int_equal(w->dtmf.source, DP_DTMF_INBAND);
	assert_int_equal(del(w, 1), 0);
	sessions_digit(w->ss, &d);
	assert_int_equal(w->n_events, 2);
}

/* Whoever talks before the far end has said where it is may be heard, but is sent nothing. */
static void test_early_learning(void **state)
{
	static const uint32_t flags[] = {DP_LEG_EARLY, DP_LEG_EARLY | DP_LEG_LATCH, DP_LEG_LATCH};
	struct world *w = *state;

	neighbour(w, IF_A, "192.0.2.55", mac_b);
	for (unsigned int i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct dp_session s = sample_session(1);
		s.leg[0].flags = DP_LEG_RECV | flags[i];
		s.leg[0].remote_rtp = s.leg[0].remote_rtcp = (struct ipaddr){0};
		assert_int_equal(add(w, &s, 1), 0);
		const struct fake_slot *from_b = &fake.slots[w->reply.stream[1]];
		struct worker_event e = {
			.slot = w->reply.stream[0],
			.epoch = fake.slots[w->reply.stream[0]].conf.more.epoch,
			.kind = STREAM_RTP,
			.learned = sample_ip("192.0.2.55", 7000),
		};
		sessions_learned(w->ss, &e);
		turn(w, 1100 + i);
		assert_int_equal(from_b->conf.more.path[STREAM_RTP].family, 0);
		assert_int_equal(from_b->conf.more.path[STREAM_RTCP].family, 0);
		assert_int_equal(del(w, 1), 0);
	}
}

static void test_silence(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	s.leg[0].timeout_ms = 5000;
	assert_int_equal(add(w, &s, 1), 0);
	uint32_t slot = w->reply.stream[0];
	turn(w, 5900);
	assert_int_equal(w->n_events, 0);
	turn(w, 6000);
	assert_int_equal(w->n_events, 1);
	assert_int_equal(w->event_type, DP_EVENT_TIMEOUT);
	assert_int_equal(w->event.leg, 0);
	for (uint64_t ms = 6000; ms < 30000; ms += 100)
		turn(w, ms);
	assert_int_equal(w->n_events, 1); /* once a silence */
	/* Media flows, RTCP alone flows, all stops. */
	for (uint64_t ms = 30000; ms < 50000; ms += 100) {
		w->stats[slot].last_rx_tsc = TSC(ms);
		turn(w, ms);
	}
	for (uint64_t ms = 50000; ms < 70000; ms += 1000) {
		w->rare[slot].last_rtcp_tsc = TSC(ms);
		turn(w, ms);
	}
	assert_int_equal(w->n_events, 1);
	turn(w, 73900);
	assert_int_equal(w->n_events, 1);
	/* A packet that came after the clock was read is no reason either. */
	w->rare[slot].last_rtcp_tsc = TSC(74001);
	turn(w, 74000);
	assert_int_equal(w->n_events, 1);
	turn(w, 79100);
	assert_int_equal(w->n_events, 2);
	/* On hold nothing is expected; at its end a new silence begins. */
	s.leg[0].flags &= ~(uint32_t)DP_LEG_RECV;
	assert_int_equal(modify(w, &s, 1), 0);
	turn(w, 150000);
	assert_int_equal(w->n_events, 2);
	s.leg[0].flags |= DP_LEG_RECV;
	assert_int_equal(modify(w, &s, 1), 0);
	turn(w, 154900);
	assert_int_equal(w->n_events, 2);
	turn(w, 155100);
	assert_int_equal(w->n_events, 3);
	assert_int_equal(del(w, 1), 0);
	turn(w, 300000);
	assert_int_equal(w->n_events, 3);
}

static void test_sweep(void **state)
{
	struct world *w = *state;
	for (unsigned int i = 1; i <= MAX_SESSIONS; i++) {
		struct dp_session s = sample_session(i);
		assert_int_equal(add(w, &s, 1), 0);
	}
	for (unsigned int i = 1; i <= 10; i++) {
		struct dp_session s = sample_session(i);
		assert_int_equal(add(w, &s, 2), 0);
	}
	unsigned int before = w->n_done;
	struct session_ticket t = ticket(99, 2);
	assert_int_equal(sessions_sweep(w->ss, &t), 0);
	assert_int_equal(w->n_done, before);
	/* Claimed while it waits to be swept: it stays. */
	struct dp_session late = sample_session(50);
	assert_int_equal(add(w, &late, 2), 0);
	turn(w, 1100);
	assert_int_equal(w->ticket.seq, 99);
	assert_int_equal(sessions_n(w->ss), 11);
	assert_int_equal(fake_n_live(), 22);
	/* Again: nothing is older any more, the answer is the same. */
	assert_int_equal(sessions_sweep(w->ss, &t), 0);
	turn(w, 1200);
	assert_int_equal(sessions_n(w->ss), 11);
	/* An old process that claims what it knows does not make sessions older. */
	assert_int_equal(add(w, &late, 1), 0);
	assert_int_equal(sessions_sweep(w->ss, &t), 0);
	turn(w, 1300);
	assert_int_equal(sessions_n(w->ss), 11);
}

static void test_dump(void **state)
{
	struct world *w = *state;
	for (unsigned int i = 40; i > 0; i--) {
		struct dp_session s = sample_session(i * 3);
		assert_int_equal(add(w, &s, i), 0);
	}
	static struct dp_dump_row rows[MAX_SESSIONS];
	uint32_t more;
	assert_int_equal(sessions_dump(w->ss, 0, 15, 0, rows, &more), 15);
	assert_int_equal(more, 1);
	for (unsigned int i = 0; i < 15; i++) {
		struct dp_session want = sample_session((i + 1) * 3);
		assert_memory_equal(&rows[i].session, &want, sizeof want);
		assert_int_equal(rows[i].generation, i + 1);
	}
	assert_int_equal(sessions_dump(w->ss, rows[14].session.id, 100, 0, rows, &more), 25);
	assert_int_equal(more, 0);
	assert_int_equal(rows[24].session.id, 120);
}

/* Keys do not come out again. */
static void test_keys_stay(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(3);
	static struct dp_dump_row row;
	uint32_t more;
	sample_srtp(&s.leg[0], DP_SRTP_GCM_256);
	assert_int_equal(add(w, &s, 1), 0);
	assert_int_equal(sessions_dump(w->ss, 0, 1, 0, &row, &more), 1);
	assert_int_equal(row.session.leg[0].rx.suite, DP_SRTP_GCM_256);
	assert_int_equal(row.session.leg[0].tx.suite, DP_SRTP_GCM_256);
	for (unsigned int i = 0; i < DP_SRTP_KEY_MAX; i++)
		assert_int_equal(row.session.leg[0].rx.key[i] | row.session.leg[0].tx.key[i], 0);
}

/* Contexts go to the streams that need them, and only when a key changes. */
static void test_keys_reach_the_streams(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	s.srtp_rx[0] = (struct dp_srtp_state){.rtp_next = 70000, .rtp_ssrc = 5};
	s.srtp_tx[1] = (struct dp_srtp_state){.rtp_next = 80000, .rtcp_next = 9};
	sample_srtp(&s.leg[0], DP_SRTP_CM_128_SHA1_80);
	assert_int_equal(add(w, &s, 1), 0);
	turn(w, 1);
	struct stream_srtp a = fake.slots[0].srtp, b = fake.slots[1].srtp;
	assert_true(a.rx && !a.tx && b.tx && !b.rx);
	assert_int_equal(fake.slots[0].rx_state.rtp_next, 70000);
	assert_int_equal(fake.slots[0].tx_state.rtp_next, 80000);
	assert_int_equal(fake.slots[0].tx_state.rtcp_next, 9);
	s.leg[1].dscp = 7; /* something else */
	assert_int_equal(modify(w, &s, 1), 0);
	turn(w, 2);
	assert_ptr_equal(fake.slots[0].srtp.rx, a.rx);
	assert_ptr_equal(fake.slots[1].srtp.tx, b.tx);
	s.leg[0].tx.key[3] ^= 1; /* the other key stays */
	assert_int_equal(modify(w, &s, 1), 0);
	turn(w, 3);
	assert_ptr_equal(fake.slots[0].srtp.rx, a.rx);
	assert_ptr_not_equal(fake.slots[1].srtp.tx, b.tx);
	assert_false(fake.slots[1].tx_anew);
	/* RFC 4568 7.1.4: from another port with another key the index begins at 0 */
	s.leg[0].tx.key[4] ^= 1;
	s.leg[0].local = sample_ip("192.0.2.1", 16384 + 12);
	assert_int_equal(modify(w, &s, 1), 0);
	turn(w, 4);
	assert_true(fake.slots[1].tx_anew);
	s.leg[0].rx = s.leg[0].tx = (struct dp_srtp){0};
	assert_int_equal(modify(w, &s, 1), 0);
	turn(w, 5);
	assert_true(!fake.slots[0].srtp.rx && !fake.slots[1].srtp.tx);
}

/* A worker that refuses gives the contexts back; the session goes, and nothing is freed twice. */
static void test_keys_of_a_refused_stream(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	sample_srtp(&s.leg[1], DP_SRTP_GCM_128);
	fake.set_result = -EADDRINUSE;
	assert_int_equal(add(w, &s, 1), -EADDRINUSE);
	turn(w, 1);
	turn(w, 2);
	assert_int_equal(sessions_n(w->ss), 0);
	assert_int_equal(fake_n_live(), 0);
	assert_int_equal(add(w, &s, 1), 0);
	turn(w, 3);
	assert_non_null(fake.slots[1].srtp.rx);
}

/* The same session, further on: nothing to complain about in the same generation. */
static void test_srtp_state_is_no_content(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(3);
	sample_srtp(&s.leg[0], DP_SRTP_GCM_256);
	assert_int_equal(add(w, &s, 1), 0);
	s.srtp_rx[0].rtp_next = 70000;
	assert_int_equal(add(w, &s, 1), 0);
	s.leg[0].rx.key[43] ^= 1;
	assert_int_equal(add(w, &s, 1), -EEXIST);
}

/* Many rounds of coming and going leave nothing behind. */
static void test_churn(void **state)
{
	struct world *w = *state;
	unsigned int n_free = mail_n_free(w->mail);
	uint32_t x = 1;
	for (unsigned int i = 0; i < 20000; i++) {
		x = x * 1664525u + 1013904223u;
		uint64_t id = 1 + (x >> 16) % (MAX_SESSIONS + 20);
		struct dp_session s = sample_session(id);
		struct session_ticket t = ticket(i, 1);
		fake.held = x >> 30 == 0;
		int err = x & 0x8000 ? sessions_add(w->ss, &s, &t) : sessions_remove(w->ss, id, &t);
		assert_true(err == 0 || err == -ENOENT || err == -ENOSPC);
		fake.held = false;
		if (x >> 28 == 5)
			mail_turn(w->mail);
	}
	for (uint64_t id = 1; id <= MAX_SESSIONS + 20; id++)
		(void)del(w, id);
	mail_turn(w->mail);
	assert_int_equal(sessions_n(w->ss), 0);
	assert_int_equal(fake_n_live(), 0);
	assert_int_equal(mail_n_free(w->mail), n_free);
	struct mirror_count n;
	mirror_count_get(w->mirror, &n);
	assert_int_equal(n.used, 0);
	assert_int_equal(n.neighs, 0);
	uint8_t index;
	struct ipaddr a = sample_ip("192.0.2.1", 0);
	assert_int_equal(addrs_del(w->addrs, &a, &index), 0); /* no port is taken any more */
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_add),
		T(test_idempotent),
		T(test_refused),
		T(test_one_leg),
		T(test_bundle),
		T(test_capacity),
		T(test_remove_sums),
		T(test_worker_refuses),
		T(test_next_hop_follows),
		T(test_learning),
		T(test_early_learning),
		T(test_press),
		T(test_digits),
		T(test_silence),
		T(test_sweep),
		T(test_dump),
		T(test_keys_stay),
		T(test_keys_reach_the_streams),
		T(test_keys_of_a_refused_stream),
		T(test_srtp_state_is_no_content),
		T(test_churn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
