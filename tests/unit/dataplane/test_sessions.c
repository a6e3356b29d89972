/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of sessions, with fake workers and a mirror fed by hand. Time is passed in. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/session/sessions.h"
#include "dataplane/transcode/codec.h"
#include "fake_worker.h"
#include "session_sample.h"

#define N_WORKERS    3
#define N_MCORES     2
#define MAX_SESSIONS 100
#define TSC_HZ	     UINT64_C(1000000000)
#define TSC(ms)	     ((uint64_t)(ms) * (TSC_HZ / 1000))
#define IF_A	     3
#define IF_B	     4

struct world {
	struct mail *mail;
	struct mirror *mirror;
	struct addrs *addrs;
	struct prompts *prompts;
	struct sessions *ss;
	struct dp_stream_stats stats[2 * MAX_SESSIONS];
	struct dp_stream_rare rare[2 * MAX_SESSIONS];
	struct dp_core_load loads[N_MCORES];
	unsigned int n_done, n_events, n_probes;
	int status;
	struct session_ticket ticket;
	struct dp_session_reply reply;
	struct dp_session_final final;
	enum dp_msg event_type;
	struct dp_event event;
	struct dp_event_dtmf dtmf;
	bool no_egress;
	unsigned int n_played;
	struct dp_event_play played;
};

static const uint8_t mac_gw[6] = {2, 0, 0, 0, 9, 1}, mac_b[6] = {2, 0, 0, 0, 9, 2};

static void done(
	void *arg, const struct session_ticket *ticket, int status, const void *body, size_t len)
{
	struct world *w = arg;
	w->n_done++;
	w->status = status;
	w->ticket = *ticket;
	if (len == sizeof w->reply)
		memcpy(&w->reply, body, len);
	if (len == sizeof w->final)
		memcpy(&w->final, body, len);
}

static void event(void *arg, enum dp_msg type, const struct dp_event *e)
{
	struct world *w = arg;
	w->n_events++;
	w->event_type = type;
	w->event = *e;
}

static bool egress(void *arg, int ifindex, uint8_t *ret_port, uint8_t ret_mac[6])
{
	const struct world *w = arg;
	if (w->no_egress || (ifindex != IF_A && ifindex != IF_B))
		return false;
	*ret_port = ifindex == IF_A ? 0 : 1;
	memset(ret_mac, ifindex, 6);
	return true;
}

static void dtmf(void *arg, const struct dp_event_dtmf *e)
{
	struct world *w = arg;
	w->n_events++;
	w->dtmf = *e;
}

static void played(void *arg, const struct dp_event_play *e)
{
	struct world *w = arg;
	w->n_played++;
	w->played = *e;
}

static const struct sessions_ops ops = {
	.done = done, .event = event, .egress = egress, .dtmf = dtmf, .played = played};

static void hop_changed(struct mirror_hop *hop, void *arg)
{
	sessions_hop_changed(((struct world *)arg)->ss, hop);
}

static void routes_changed(void *arg)
{
	struct world *w = arg;
	if (w->ss)
		sessions_routes_changed(w->ss);
}

static void hop_probe(const struct mirror_hop *hop, void *arg)
{
	((struct world *)arg)->n_probes++;
}

static const struct mirror_ops mirror_ops = {hop_changed, routes_changed, hop_probe};

static void neighbour(struct world *w, int ifindex, const char *ip, const uint8_t *mac)
{
	struct ipaddr a = sample_ip(ip, 0);
	assert_int_equal(mirror_neigh_set(w->mirror, ifindex, &a, mac, false), 0);
}

static void link_route(struct world *w, const char *dst, uint8_t len, int ifindex)
{
	struct mirror_route r = {.dst = sample_ip(dst, 0), .prefix_len = len, .ifindex = ifindex};
	assert_int_equal(mirror_route_set(w->mirror, &r), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	fake_reset();
	assert_int_equal(mail_new(NULL, &w->mail), 0);
	w->mirror = mirror_new(&mirror_ops, w);
	w->addrs = addrs_new();
	w->prompts = prompts_new();
	static const char *const ips[] = {"192.0.2.1", "198.51.100.1", "2001:db8::1"};
	for (unsigned int i = 0; i < 3; i++) {
		struct dp_media_addr m = {.port_lo = 16384, .port_hi = 32767};
		uint8_t index;
		m.addr = sample_ip(ips[i], 0);
		assert_int_equal(addrs_set(w->addrs, &m, &index), 0);
	}
	struct sessions_conf conf = {
		.max_sessions = MAX_SESSIONS,
		.n_workers = N_WORKERS,
		.tsc_hz = TSC_HZ,
		.mail = w->mail,
		.mirror = w->mirror,
		.addrs = w->addrs,
		.stream_stats = w->stats,
		.stream_rare = w->rare,
		.srtp = fake_srtp_engine(),
		.prompts = w->prompts,
		.codecs = codec_mask(),
		.n_mcores = N_MCORES,
		.mcore_loads = w->loads,
		.ops = &ops,
		.arg = w,
	};
	link_route(w, "192.0.2.0", 24, IF_A);
	link_route(w, "198.51.100.0", 24, IF_B);
	assert_int_equal(sessions_new(&conf, 1000, &w->ss), 0);
	sessions_turn(w->ss, 1000, TSC(1000));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	sessions_free(w->ss);
	mirror_free(w->mirror);
	addrs_free(w->addrs);
	prompts_free(w->prompts);
	mail_free(w->mail);
	free(w);
	return 0;
}

static struct session_ticket ticket(uint32_t seq, uint32_t generation)
{
	return (struct session_ticket){.client = 1, .seq = seq, .generation = generation};
}

static int add(struct world *w, const struct dp_session *s, uint32_t generation)
{
	struct session_ticket t = ticket(7, generation);
	int err = sessions_add(w->ss, s, &t);
	if (err)
		return err;
	mail_turn(w->mail);
	return w->status;
}

static int modify(struct world *w, const struct dp_session *s, uint32_t generation)
{
	struct session_ticket t = ticket(8, generation);
	int err = sessions_modify(w->ss, s, &t);
	if (err)
		return err;
	mail_turn(w->mail);
	return w->status;
}

static int del(struct world *w, uint64_t id)
{
	struct session_ticket t = ticket(9, 1);
	int err = sessions_remove(w->ss, id, &t);
	if (err)
		return err;
	mail_turn(w->mail);
	return w->status;
}

static void turn(struct world *w, uint64_t ms)
{
	while (sessions_turn(w->ss, ms, TSC(ms)))
		mail_turn(w->mail);
	mail_turn(w->mail);
}

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

static void assert_order(unsigned int n, const enum worker_op *want)
{
	assert_int_equal(fake.n_order, n);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(fake.order[i], want[i]);
	fake.n_order = 0;
}

/*
 * A media core hears of a session before its worker does, and of its end after; the same again is
 * no news; the answer waits for all of them; what comes back is freed.
 */
static void test_voice(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1), relay = s;
	sample_voice(&s, DP_CODEC_PCMA, DP_CODEC_L16_8K);
	fake.n_order = 0;
	assert_int_equal(add(w, &s, 1), 0);
	assert_order(3, (enum worker_op[]){MCORE_VOICE_SET, WORKER_STREAM_SET, WORKER_STREAM_SET});
	uint32_t slot = w->reply.stream[0];
	const struct fake_voice *v = &fake.voices[slot / DP_LEGS];
	const struct stream_conf *a = &fake.slots[slot].conf, *b = &fake.slots[slot + 1].conf;
	assert_true(v->tag && v->from[0].voice && !v->from[1].voice);
	assert_in_range(v->thread[0], N_WORKERS, N_WORKERS + N_MCORES - 1);
	assert_int_equal(a->more.voice.tag, v->tag);
	assert_int_equal(a->more.voice.core + N_WORKERS, v->thread[0]);
	assert_int_equal(b->more.voice.tag, 0);
	uint32_t ssrc = a->more.wire.ssrc;

	/* the same again: only the streams are written once more */
	assert_int_equal(add(w, &s, 1), 0);
	assert_order(2, (enum worker_op[]){WORKER_STREAM_SET, WORKER_STREAM_SET});
	assert_int_equal(a->more.wire.ssrc, ssrc);
	/* another packet time is another encoder, of the same session */
	uint32_t tag = v->tag;
	s.leg[1].send.params.ptime_ms = 30;
	assert_int_equal(modify(w, &s, 1), 0);
	assert_order(3, (enum worker_op[]){MCORE_VOICE_SET, WORKER_STREAM_SET, WORKER_STREAM_SET});
	assert_int_equal(v->tag, tag);
	/* both directions */
	s.leg[1].payloads[0] = (struct dp_payload){
		.pt = 96, .action = DP_PT_TRANSCODE, .codec = DP_CODEC_L16_8K, .clock_hz = 8000};
	s.leg[1].payloads[1].action = DP_PT_EVENT;
	s.leg[0].send = (struct dp_send){.codec = DP_CODEC_PCMA, .pt = 8, .event_pt = 101};
	assert_int_equal(modify(w, &s, 1), 0);
	assert_true(v->from[0].voice && v->from[1].voice && b->more.voice.tag == tag);
	fake.n_order = 0;
	/* relayed again, then not: the media core forgets it after the worker does */
	assert_int_equal(modify(w, &relay, 1), 0);
	assert_order(3, (enum worker_op[]){WORKER_STREAM_SET, WORKER_STREAM_SET, MCORE_VOICE_SET});
	assert_int_equal(v->tag, 0);
	assert_int_equal(a->more.voice.tag, 0);
	assert_int_equal(modify(w, &s, 1), 0);
	assert_true(v->tag != tag && v->tag);
	fake.n_order = 0;
	assert_int_equal(del(w, 1), 0);
	assert_order(
		3, (enum worker_op[]){WORKER_STREAM_UNLINK, WORKER_STREAM_UNLINK, MCORE_VOICE_END});
	assert_int_equal(w->final.id, 1);
	assert_int_equal(fake_n_voices(), 0);
	assert_int_equal(fake_n_live(), 0);
}

/* One sample, as a prompt comes. */
static void put_prompt(struct world *w, uint32_t id, uint32_t n)
{
	struct dp_prompt p = {id, 8000, n};
	int fd = memfd_create("prompt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0 && ftruncate(fd, n * 2) == 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK), 0);
	assert_int_equal(prompts_set(w->prompts, &p, fd, 1), 0);
	close(fd);
}

static void tell_played(struct world *w, const struct fake_voice *v, uint32_t slot, uint32_t serial)
{
	sessions_played(
		w->ss, &(struct worker_played){.slot = slot, .tag = v->tag, .serial = serial});
}

/*
 * A prompt is played in place of the other leg: the media core hears of it first; the same again is no
 * news, also when the prompt was replaced; its end is told once for the serial that plays.
 */
static void test_play(void **state)
{
	struct world *w = *state;
	struct dp_session relay = sample_session(1), s = relay;
	sample_play(&s, 0, DP_PLAY_PROMPT);
	assert_int_equal(add(w, &s, 1), -ENODATA);
	assert_int_equal(sessions_n(w->ss), 0);
	put_prompt(w, 1, 100);
	fake.n_order = 0;
	assert_int_equal(add(w, &s, 1), 0);
	assert_order(3, (enum worker_op[]){MCORE_VOICE_SET, WORKER_STREAM_SET, WORKER_STREAM_SET});
	uint32_t slot = w->reply.stream[0];
	const struct fake_voice *v = &fake.voices[slot / DP_LEGS];
	const struct stream_conf *a = &fake.slots[slot].conf, *b = &fake.slots[slot + 1].conf;
	assert_true(v->from[1].player && !v->from[0].player);
	assert_int_equal(a->more.voice.to, STREAM_TO_LEG);
	assert_int_equal(b->more.voice.to, STREAM_TO_NONE);
	assert_int_equal(a->more.voice.tag, 0);
	assert_int_equal(b->more.voice.tag, v->tag);
	assert_true(b->hot.edit & STREAM_EDIT_WIRE);
	/* another prompt of that number, for whoever begins now */
	put_prompt(w, 1, 50);
	assert_int_equal(prompts_bytes(w->prompts), 300);
	assert_int_equal(add(w, &s, 2), 0);
	assert_order(2, (enum worker_op[]){WORKER_STREAM_SET, WORKER_STREAM_SET});
	/* another codec: the same prompt goes on */
	s.leg[0].send.params.ptime_ms = 30;
	assert_int_equal(modify(w, &s, 2), 0);
	assert_order(3, (enum worker_op[]){MCORE_VOICE_SET, WORKER_STREAM_SET, WORKER_STREAM_SET});
	assert_int_equal(prompts_bytes(w->prompts), 300);
	tell_played(w, v, slot, 1); /* to leg B, which is played nothing */
	tell_played(w, v, slot + 1, 7);
	assert_int_equal(w->n_played, 0);
	tell_played(w, v, slot + 1, 1);
	assert_int_equal(w->n_played, 1);
	assert_int_equal(w->played.session_id, 1);
	assert_int_equal(w->played.call_id, 1000001);
	assert_int_equal(w->played.leg, 0);
	assert_int_equal(w->played.serial, 1);
	struct dp_dump_row dumped;
	uint32_t more;
	assert_int_equal(sessions_dump(w->ss, 0, 1, 0, &dumped, &more), 1);
	assert_int_equal(dumped.play_done[0], 1);
	/* anew: what is played now is the one that has the number now */
	s.leg[0].play.serial = 2;
	assert_int_equal(modify(w, &s, 2), 0);
	assert_int_equal(prompts_bytes(w->prompts), 100);
	assert_int_equal(sessions_dump(w->ss, 0, 1, 0, &dumped, &more), 1);
	assert_int_equal(dumped.play_done[0], 0);
	/* deleted, and played yet */
	assert_int_equal(prompts_del(w->prompts, 1), 0);
	assert_int_equal(add(w, &s, 2), 0);
	s.leg[0].play.serial = 3;
	assert_int_equal(modify(w, &s, 2), -ENODATA);
	assert_int_equal(prompts_bytes(w->prompts), 100);
	fake.n_order = 0;
	uint32_t tag = v->tag;
	assert_int_equal(modify(w, &relay, 2), 0);
	assert_order(3, (enum worker_op[]){WORKER_STREAM_SET, WORKER_STREAM_SET, MCORE_VOICE_SET});
	assert_int_equal(prompts_bytes(w->prompts), 0);
	assert_int_equal(fake_n_voices(), 0);
	sessions_played(w->ss, &(struct worker_played){.slot = slot + 1, .tag = tag, .serial = 2});
	assert_int_equal(w->n_played, 1);
	assert_int_equal(del(w, 1), 0);
}

static struct dp_session member(uint64_t id, uint32_t room)
{
	struct dp_session s = sample_session(id);
	sample_one_leg(&s);
	sample_play(&s, 0, DP_PLAY_ROOM);
	s.leg[0].play.id = room;
	return s;
}

/* All members of a room are on one core; rooms are spread, and go with the last member. */
static void test_rooms(void **state)
{
	struct world *w = *state;
	uint32_t thread[2] = {0}, slot = 0;
	for (uint64_t id = 1; id <= 20; id++) {
		struct dp_session s = member(id, 1 + id % 2);
		assert_int_equal(add(w, &s, 1), 0);
		slot = w->reply.stream[0];
		const struct fake_voice *v = &fake.voices[slot / DP_LEGS];
		const struct stream_voice *heard = &fake.slots[slot].conf.more.voice;
		assert_true(v->from[1].member && !v->from[0].member);
		assert_int_equal(heard->to, STREAM_TO_ROOM);
		assert_int_equal(heard->tag, v->tag);
		assert_int_equal(heard->core + N_WORKERS, v->thread[1]);
		assert_int_equal(fake.slots[slot + 1].conf.more.voice.tag, v->tag);
		if (!thread[id % 2])
			thread[id % 2] = v->thread[1];
		assert_int_equal(v->thread[1], thread[id % 2]);
	}
	assert_int_not_equal(thread[0], thread[1]);
	assert_int_equal(sessions_n_rooms(w->ss), 2);
	/* from one to the other: the old core forgets it when the streams know */
	struct dp_session s = member(20, 2);
	fake.n_order = 0;
	assert_int_equal(modify(w, &s, 1), 0);
	assert_order(4, (enum worker_op[]){MCORE_VOICE_SET, WORKER_STREAM_SET, WORKER_STREAM_SET,
				MCORE_VOICE_SET});
	const struct fake_voice *v = &fake.voices[slot / DP_LEGS];
	assert_int_equal(v->thread[1], thread[1]);
	assert_null(v->cores[thread[0]].from[1].member);
	assert_int_equal(v->cores[thread[0]].tag, 0);
	assert_int_equal(fake.slots[slot].conf.more.voice.core + N_WORKERS, thread[1]);
	/* another codec: it stays where it is */
	s.leg[0].send = (struct dp_send){.codec = DP_CODEC_PCMU};
	assert_int_equal(modify(w, &s, 1), 0);
	assert_order(3, (enum worker_op[]){MCORE_VOICE_SET, WORKER_STREAM_SET, WORKER_STREAM_SET});
	for (uint64_t id = 1; id <= 20; id++)
		assert_int_equal(del(w, id), 0);
	assert_int_equal(sessions_n_rooms(w->ss), 0);
	assert_int_equal(fake_n_voices(), 0);
}

/* A room that is full, too many rooms; and that whoever was refused took no place. */
static void test_rooms_full(void **state)
{
	struct world *w = *state;
	for (uint64_t id = 1; id <= DP_ROOM_MEMBERS_MAX; id++) {
		struct dp_session s = member(id, 7);
		assert_int_equal(add(w, &s, 1), 0);
	}
	struct dp_session late = member(90, 7), other = member(90, 8);
	assert_int_equal(add(w, &late, 1), -EUSERS);
	assert_int_equal(add(w, &other, 1), 0);
	assert_int_equal(modify(w, &late, 1), -EUSERS);
	assert_int_equal(sessions_n_rooms(w->ss), 2);
	/* who is there may change */
	struct dp_session s = member(1, 7);
	s.leg[0].send.params.ptime_ms = 30;
	assert_int_equal(modify(w, &s, 1), 0);
	/* a session for which there is no row makes no room */
	for (uint64_t id = 200; id < 200 + MAX_SESSIONS - DP_ROOM_MEMBERS_MAX - 1; id++) {
		s = sample_session(id);
		assert_int_equal(add(w, &s, 1), 0);
	}
	s = member(95, 9);
	assert_int_equal(add(w, &s, 1), -ENOSPC);
	assert_int_equal(sessions_n_rooms(w->ss), 2);
	for (uint64_t id = 200; id < 200 + MAX_SESSIONS - DP_ROOM_MEMBERS_MAX - 1; id++)
		assert_int_equal(del(w, id), 0);
	assert_int_equal(del(w, 5), 0);
	assert_int_equal(modify(w, &late, 1), 0);
	assert_int_equal(sessions_n_rooms(w->ss), 1);
	s = member(91, 7);
	assert_int_equal(add(w, &s, 1), -EUSERS);
	for (uint64_t id = 1; id <= DP_ROOM_MEMBERS_MAX; id++)
		assert_int_equal(del(w, id), id == 5 ? -ENOENT : 0);
	assert_int_equal(del(w, 90), 0);
	assert_int_equal(sessions_n_rooms(w->ss), 0);
}

static void test_voice_refused(void **state)
{
	struct world *w = *state;
	struct dp_session s = sample_session(1);
	sample_voice(&s, DP_CODEC_PCMA, DP_CODEC_L16_8K);
	assert_int_equal(add(w, &s, 1), 0);
	struct dp_session bad = s;
	/* whatever build this is: a codec that it has not, and what no codec can do */
	bad.leg[1].send.params.ptime_ms = 13;
	assert_int_equal(modify(w, &bad, 1), -EINVAL);
	bad = s;
	bad.leg[1].send.codec = 0;
	assert_int_equal(modify(w, &bad, 1), -EINVAL);
	assert_int_equal(fake.voices[0].n_sets, 1);
	assert_int_equal(del(w, 1), 0);
	/* all rows taken: nothing is left over of what was made */
	for (uint64_t id = 1; id <= MAX_SESSIONS; id++) {
		s = sample_session(id);
		assert_int_equal(add(w, &s, 1), 0);
	}
	s = sample_session(MAX_SESSIONS + 1);
	sample_voice(&s, DP_CODEC_PCMA, DP_CODEC_L16_8K);
	assert_int_equal(add(w, &s, 1), -ENOSPC);
	assert_int_equal(fake_n_voices(), 0);
}

/* To the core with the most head-room, also before it shows what was placed there. */
static void test_voice_placing(void **state)
{
	struct world *w = *state;
	unsigned int n[N_MCORES] = {0};
	w->loads[0].busy_permille = 500;
	w->loads[1].busy_permille = 460;
	for (uint64_t id = 1; id <= 20; id++) {
		struct dp_session s = sample_session(id);
		sample_voice(&s, DP_CODEC_PCMA, DP_CODEC_L16_8K);
		assert_int_equal(add(w, &s, 1), 0);
		n[fake.voices[w->reply.stream[0] / DP_LEGS].thread[0] - N_WORKERS]++;
		if (id == 4)
			assert_int_equal(n[1], 4);
	}
	assert_in_range(n[0], 5, 10);
	for (uint64_t id = 1; id <= 20; id++)
		assert_int_equal(del(w, id), 0);
	assert_int_equal(fake_n_voices(), 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_add),
		T(test_voice),
		T(test_play),
		T(test_rooms),
		T(test_rooms_full),
		T(test_voice_refused),
		T(test_voice_placing),
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
