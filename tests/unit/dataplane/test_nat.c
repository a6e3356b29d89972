/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * STUN and DTLS at media ports: what goes to limen-nat, from whom, and how much of it; datagrams
 * of limen-nat on their way out. Workers are turned by hand.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/server/datagram.h"
#include "dataplane/server/natlink.h"
#include "tests/unit/dataplane/rig.h"

#define LOCAL  "192.0.2.1"
#define LOCAL6 "2001:db8::1"
#define PHONE  "198.51.100.7"
#define PHONE6 "2001:db8:1::7"
#define PORT   10000

static struct rig *rig;

static int set_up(void **state)
{
	struct rig_conf conf = {.n_workers = 1, .n_streams = RIG_SLOTS, .n_ports = 2};

	rig = rig_new(&conf);
	rig_addr(rig, 0, LOCAL, 10000, 19999, 0);
	rig_addr(rig, 1, "203.0.113.1", 20000, 29999, 1);
	rig_addr(rig, 2, LOCAL6, 10000, 19999, 0);
	return 0;
}

static int tear_down(void **state)
{
	struct worker_nat item;
	unsigned int in_ring = 0;

	rig_run(rig);
	rig_discard(rig, 0);
	rig_discard(rig, 1);
	while (worker_nats(rig->group, &item, 1)) {
		in_ring++;
		rte_pktmbuf_free(item.frame);
	}
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0 && !in_ring;
	rig_free(rig);
	return ok ? 0 : -1;
}

/* Leg A: no remote, nothing may be sent or received, only limen-nat's business. */
static void put_session(uint32_t flags, const char *local)
{
	uint8_t addr_a = strchr(local, ':') ? 2 : 0;
	struct dp_session s = {.id = 1,
		.leg = {{.local = rig_ip(local, PORT), .flags = flags},
			{.local = rig_ip("203.0.113.1", 20000),
				.remote_rtp = rig_ip("203.0.113.99", 5000),
				.flags = DP_LEG_SEND | DP_LEG_RECV}}};

	for (unsigned int i = 0; i < DP_LEGS; i++) {
		s.leg[i].n_payloads = 1;
		s.leg[i].payloads[0] = (struct dp_payload){.pt = 0, .clock_hz = 8000};
	}
	assert_int_equal(rig_session(rig, 0, &s, addr_a, 1, 0, 1, false), 0);
}

static void send_bytes(
	const char *src, const char *dst, uint16_t dport, const void *bytes, uint16_t n)
{
	uint8_t p[RIG_FRAME];
	struct rig_frame f = {.src = src,
		.dst = dst,
		.sport = 4000,
		.dport = dport,
		.payload = bytes,
		.payload_len = n};

	memcpy(f.dst_mac, rig->mac[dport >= 20000], 6);
	rig_put(rig, dport >= 20000, p, rig_build(&f, p));
	rig_run(rig);
}

static void send_first(uint8_t first, uint16_t dport)
{
	uint8_t bytes[40] = {first, 0xfe, 0xfd};

	send_bytes(PHONE, LOCAL, dport, bytes, sizeof(bytes));
}

/* One datagram for limen-nat, or none. */
static bool take(uint32_t *ret_kind, struct datagram *ret, uint8_t ret_bytes[RIG_FRAME])
{
	struct worker_nat item;

	if (!worker_nats(rig->group, &item, 1))
		return false;
	assert_int_equal(item.slot, 0);
	*ret_kind = item.kind;
	assert_int_equal(datagram_read(rte_pktmbuf_mtod(item.frame, const uint8_t *),
				 item.frame->data_len, ret),
		0);
	memcpy(ret_bytes, ret->bytes, ret->len);
	rte_pktmbuf_free(item.frame);
	return true;
}

static void test_first_byte(void **state)
{
	uint8_t bytes[RIG_FRAME];
	struct datagram d;
	uint32_t kind;

	put_session(DP_LEG_NAT, LOCAL);
	for (unsigned int first = 0; first < 256; first++) {
		bool nat = first <= 3 || (first >= 20 && first <= 63);
		send_first((uint8_t)first, PORT);
		assert_int_equal(take(&kind, &d, bytes), nat);
		if (!nat)
			continue;
		assert_int_equal(kind, STREAM_RTP);
		assert_int_equal(d.len, 40);
		assert_int_equal(bytes[0], first);
		struct ipaddr want = rig_ip(PHONE, 4000);
		assert_memory_equal(&d.source, &want, sizeof(want));
	}
	/* Nothing of it was media, and nobody was learned. */
	assert_int_equal(rig->stream_stats[0].rx_packets, 0);
	assert_int_equal(rig->stream_stats[0].last_rx_tsc, 0);
}

static void test_not_asked_for(void **state)
{
	uint8_t bytes[RIG_FRAME];
	struct datagram d;
	uint32_t kind;

	put_session(0, LOCAL);
	send_first(22, PORT);
	send_first(0, PORT);
	assert_false(take(&kind, &d, bytes));
	assert_int_equal(rig_drops(rig, DP_DROP_SOURCE), 2);
}

/* Until a leg has its keys, RTCP in clear neither comes from it nor goes to it, nor reports of ours. */
static void test_rtcp_waits_for_keys(void **state)
{
	static const uint8_t rr[] = {0x80, 201, 0, 1, 0, 0, 0, 7};
	struct dp_session s = {.id = 1,
		.leg = {{.local = rig_ip(LOCAL, PORT), .remote_rtp = rig_ip(PHONE, 4000)},
			{.local = rig_ip("203.0.113.1", 20000),
				.remote_rtp = rig_ip("203.0.113.99", 4000)}}};
	uint8_t out[RIG_FRAME];

	for (unsigned int keyed = 0; keyed < 2; keyed++) {
		for (unsigned int i = 0; i < DP_LEGS; i++)
			s.leg[i].flags = DP_LEG_RTCP_MUX | DP_LEG_SEND | DP_LEG_RECV;
		s.leg[0].flags = DP_LEG_RTCP_MUX | DP_LEG_NAT;
		if (keyed) {
			s.leg[0].flags |= DP_LEG_SEND | DP_LEG_RECV;
			s.leg[0].rx = s.leg[0].tx = (struct dp_srtp){.suite = DP_SRTP_GCM_128};
		}
		assert_int_equal(rig_session(rig, 0, &s, 0, 1, 0, 1, false), 0);
		send_bytes("203.0.113.99", "203.0.113.1", 20000, rr, sizeof(rr));
		uint32_t n = rig_get(rig, 0, out);
		/* E bit, index and tag of GCM behind it */
		assert_int_equal(n, keyed ? 42 + sizeof(rr) + 20 : 0);
		send_bytes(PHONE, LOCAL, PORT, rr, sizeof(rr));
		assert_int_equal(rig_get(rig, 1, out), 0);
		struct worker_msg msg = {.op = WORKER_REPORT,
			.report = {
				.slot = 0, .own_ssrc = 9, .frame = rte_pktmbuf_alloc(rig->pool)}};
		memcpy(msg.report.cname, "abcdefghijklmnop", 16);
		assert_int_equal(rig_post(rig, 0, &msg), keyed ? 0 : -EHOSTUNREACH);
		rig_run(rig);
		n = rig_get(rig, 0, out);
		assert_int_equal(n != 0, keyed);
	}
	assert_int_equal(rig_drops(rig, DP_DROP_DIRECTION), 2);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_SHORT), 1);
}

static void test_ports(void **state)
{
	uint8_t bytes[RIG_FRAME];
	struct datagram d;
	uint32_t kind;

	put_session(DP_LEG_NAT, LOCAL);
	send_first(22, PORT + 1);
	assert_true(take(&kind, &d, bytes));
	assert_int_equal(kind, STREAM_RTCP);
	put_session(DP_LEG_NAT | DP_LEG_RTCP_MUX, LOCAL);
	send_first(22, PORT + 1);
	assert_false(take(&kind, &d, bytes));
	assert_int_equal(rig_drops(rig, DP_DROP_NO_STREAM), 1);
	send_first(22, PORT);
	assert_true(take(&kind, &d, bytes));
	assert_int_equal(kind, STREAM_RTP);
	/* the other leg is no business of limen-nat */
	send_bytes("203.0.113.99", "203.0.113.1", 20000, (uint8_t[]){22}, 1);
	assert_false(take(&kind, &d, bytes));
}

static void test_ipv6_and_empty(void **state)
{
	struct ipaddr want = rig_ip(PHONE6, 4000);
	uint8_t bytes[RIG_FRAME];
	struct datagram d;
	uint32_t kind;

	put_session(DP_LEG_NAT, LOCAL6);
	send_bytes(PHONE6, LOCAL6, PORT, (uint8_t[]){22, 1, 2}, 3);
	assert_true(take(&kind, &d, bytes));
	assert_memory_equal(&d.source, &want, sizeof(want));
	assert_int_equal(d.len, 3);
	send_bytes(PHONE6, LOCAL6, PORT, bytes, 0);
	assert_false(take(&kind, &d, bytes));
}

/* A flood reaches limen-nat as a trickle; each packet that does not is counted once. */
static void test_rate(void **state)
{
	uint8_t bytes[RIG_FRAME];
	struct datagram d;
	uint32_t kind, n = 0;

	put_session(DP_LEG_NAT, LOCAL);
	for (unsigned int i = 0; i < 3000; i++) {
		send_first(22, PORT);
		n += take(&kind, &d, bytes);
	}
	assert_true(n >= STREAM_NAT_BURST && n < 3000);
	assert_int_equal(rig_drops(rig, DP_DROP_NAT_RATE), 3000 - n);
	/* A modification of the session is no new budget. */
	put_session(DP_LEG_NAT | DP_LEG_RTCP_MUX, LOCAL);
	for (unsigned int i = 0; i < 3000; i++) {
		send_first(22, PORT);
		n += take(&kind, &d, bytes);
	}
	assert_int_equal(rig_drops(rig, DP_DROP_NAT_RATE), 6000 - n);
	assert_true(n < 6000);
}

static void test_full(void **state)
{
	struct dp_session s = {.id = 1};
	unsigned int n = WORKER_NAT / STREAM_NAT_BURST + 1;
	uint8_t bytes[RIG_FRAME];
	struct worker_nat item;

	for (uint32_t i = 0; i < n; i++) {
		for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
			s.leg[leg] = (struct dp_leg){.flags = DP_LEG_NAT};
			s.leg[leg].local = leg ? rig_ip("203.0.113.1", (uint16_t)(20000 + 2 * i))
					       : rig_ip(LOCAL, (uint16_t)(PORT + 2 * i));
		}
		assert_int_equal(rig_session(rig, 2 * i, &s, 0, 1, 0, 1, false), 0);
		for (unsigned int k = 0; k < STREAM_NAT_BURST; k++)
			send_first(22, (uint16_t)(PORT + 2 * i));
	}
	assert_int_equal(rig_drops(rig, DP_DROP_NAT_FULL), n * STREAM_NAT_BURST - WORKER_NAT);
	while (worker_nats(rig->group, &item, 1))
		rte_pktmbuf_free(item.frame);
	/* and the next one has room again */
	memset(bytes, 22, 40);
	send_bytes("203.0.113.99", "203.0.113.1", 20000, bytes, 40);
	assert_int_equal(worker_nats(rig->group, &item, 1), 1);
	rte_pktmbuf_free(item.frame);
}

/* Every cut of a frame: read whole or refused, never beyond its end. */
static void test_read_cut(void **state)
{
	static const char *const from[] = {PHONE, PHONE6}, *const to[] = {LOCAL, LOCAL6};
	uint8_t p[RIG_FRAME], payload[30] = {22};

	for (unsigned int i = 0; i < 2; i++) {
		struct rig_frame f = {.src = from[i],
			.dst = to[i],
			.sport = 1,
			.dport = 2,
			.payload = payload,
			.payload_len = sizeof(payload)};
		uint32_t len = rig_build(&f, p);
		for (uint32_t cut = 0; cut <= len; cut++) {
			uint8_t *exact = malloc(cut + 1);
			struct datagram d;
			memcpy(exact, p, cut);
			assert_int_equal(datagram_read(exact, cut, &d), cut < len ? -EBADMSG : 0);
			free(exact);
		}
	}
}

/* ---- the way out ---- */

struct control {
	struct mail *mail;
	struct mirror *mirror;
	struct addrs *addrs;
	struct sessions *sessions;
	struct natlink *link;
	unsigned int n_probes, n_packets;
	struct dp_nat_packet head;
};

static struct control control;

static void on_done(
	void *arg, const struct session_ticket *ticket, int status, const void *body, size_t len)
{
	assert_int_equal(status, 0);
}

static void on_event(void *arg, enum dp_msg type, const struct dp_event *event)
{
}

static bool on_egress(void *arg, int ifindex, uint8_t *ret_port, uint8_t ret_mac[6])
{
	*ret_port = 0;
	memcpy(ret_mac, rig->mac[0], 6);
	return ifindex == 3;
}

static void on_hop(struct mirror_hop *hop, void *arg)
{
}

static void on_routes(void *arg)
{
}

static void on_probe(const struct mirror_hop *hop, void *arg)
{
	control.n_probes++;
}

static void on_packet(void *arg, const struct dp_nat_packet *head, const uint8_t *bytes)
{
	control.n_packets++;
	control.head = *head;
	assert_int_equal(bytes[0], 22);
}

static int control_up(void **state)
{
	static const struct sessions_ops sessions_ops = {on_done, on_event, on_egress};
	static const struct mirror_ops mirror_ops = {on_hop, on_routes, on_probe};
	static const struct natlink_ops natlink_ops = {on_packet, on_egress};

	set_up(state);
	control = (struct control){0};
	assert_int_equal(mail_new(rig->group, &control.mail), 0);
	control.mirror = mirror_new(&mirror_ops, NULL);
	control.addrs = addrs_new();
	for (unsigned int i = 0; i < 3; i++) {
		static const char *const ips[] = {LOCAL, "203.0.113.1", LOCAL6};
		struct dp_media_addr a = {
			.addr = rig_ip(ips[i], 0), .port_lo = 10000, .port_hi = 29999};
		uint8_t index;
		assert_int_equal(addrs_set(control.addrs, &a, &index), 0);
		assert_int_equal(index, i);
	}
	struct sessions_conf sessions = {.max_sessions = RIG_SLOTS / 2,
		.n_workers = 1,
		.tsc_hz = RIG_TSC_HZ,
		.mail = control.mail,
		.mirror = control.mirror,
		.addrs = control.addrs,
		.stream_stats = rig->stream_stats,
		.stream_rare = rig->stream_rare,
		.ops = &sessions_ops};
	assert_int_equal(sessions_new(&sessions, 1000, &control.sessions), 0);
	struct natlink_conf link = {.group = rig->group,
		.pool = rig->pool,
		.mirror = control.mirror,
		.sessions = control.sessions,
		.ops = &natlink_ops};
	control.link = natlink_new(&link);
	return 0;
}

static int control_down(void **state)
{
	natlink_free(control.link);
	sessions_free(control.sessions);
	addrs_free(control.addrs);
	mirror_free(control.mirror);
	mail_free(control.mail);
	return tear_down(state);
}

static void add_session(const char *local, uint32_t flags)
{
	struct session_ticket ticket = {.generation = 1};
	struct dp_session s = {.id = 77, .call_id = 1};

	s.leg[0].local = rig_ip(local, PORT);
	s.leg[0].flags = flags;
	s.leg[0].dscp = 46;
	s.leg[1].local = rig_ip("203.0.113.1", 20000);
	assert_int_equal(sessions_add(control.sessions, &s, &ticket), 0);
	rig_run(rig);
	mail_turn(control.mail);
}

static void make_way(const char *remote, bool known)
{
	static const uint8_t mac[6] = {2, 7, 7, 7, 7, 7};
	struct ipaddr ip = rig_ip(remote, 0);
	struct mirror_route route = {.dst = {.family = ip.family}, .ifindex = 3};

	assert_int_equal(mirror_route_set(control.mirror, &route), 0);
	assert_int_equal(mirror_neigh_set(control.mirror, 3, &ip, known ? mac : NULL, false), 0);
}

static int nat_send(const char *remote, uint32_t leg, uint32_t rtcp, uint32_t n)
{
	static union {
		struct dp_nat_packet head;
		uint8_t bytes[sizeof(struct dp_nat_packet) + DP_NAT_BYTES_MAX];
	} m;

	m.head = (struct dp_nat_packet){
		.session_id = 77, .leg = leg, .rtcp = rtcp, .remote = rig_ip(remote, 5000), .n = n};
	memset(m.bytes + sizeof(m.head), 22, n);
	return natlink_send(control.link, &m.head, 1000);
}

static void test_send(void **state)
{
	static const char *const local[] = {LOCAL, LOCAL6}, *const far[] = {PHONE, PHONE6};
	uint8_t p[RIG_FRAME];

	for (unsigned int i = 0; i < 2; i++) {
		for (uint32_t rtcp = 0; rtcp < 2; rtcp++) {
			struct session_ticket ticket = {.generation = 1};
			add_session(local[i], DP_LEG_NAT);
			make_way(far[i], true);
			assert_int_equal(nat_send(far[i], 0, rtcp, 101), 0);
			rig_run(rig);
			uint32_t len = rig_get(rig, 0, p);
			uint32_t ip_len = i ? 40 : 20;
			assert_int_equal(len, 14 + ip_len + 8 + 101);
			assert_null(rig_checksums(p, len));
			assert_memory_equal(p, ((uint8_t[]){2, 7, 7, 7, 7, 7}), 6);
			assert_memory_equal(p + 6, rig->mac[0], 6);
			const uint8_t *udp = p + 14 + ip_len;
			assert_int_equal(udp[0] << 8 | udp[1], PORT + rtcp);
			assert_int_equal(udp[2] << 8 | udp[3], 5000);
			assert_int_equal(i ? (p[14] & 15) << 4 | p[15] >> 4 : p[15], 46 << 2);
			struct datagram d;
			assert_int_equal(datagram_read(p, len, &d), 0);
			struct ipaddr from = rig_ip(local[i], (uint16_t)(PORT + rtcp));
			assert_memory_equal(&d.source, &from, sizeof(from));
			assert_int_equal(sessions_remove(control.sessions, 77, &ticket), 0);
			rig_run(rig);
			mail_turn(control.mail);
		}
	}
}

static void test_send_refused(void **state)
{
	make_way(PHONE, true);
	assert_int_equal(nat_send(PHONE, 0, 0, 10), -ENOENT);
	add_session(LOCAL, DP_LEG_NAT | DP_LEG_RTCP_MUX);
	assert_int_equal(nat_send(PHONE, 1, 0, 10), -ENOENT); /* not that leg */
	assert_int_equal(nat_send(PHONE, 2, 0, 10), -ENOENT);
	assert_int_equal(nat_send(PHONE, 0, 1, 10), -EINVAL); /* muxed: no second port */
	assert_int_equal(nat_send(PHONE6, 0, 0, 10), -EINVAL);
	assert_int_equal(nat_send("0.0.0.0", 0, 0, 10), -EINVAL);
	assert_int_equal(nat_send("224.0.0.1", 0, 0, 10), -EINVAL);
	make_way("198.51.100.8", false);
	assert_int_equal(nat_send("198.51.100.8", 0, 0, 10), -EHOSTUNREACH);
	assert_true(control.n_probes > 0);
	assert_int_equal(nat_send(PHONE, 0, 0, DP_NAT_BYTES_MAX), 0);
	rig_run(rig);
	assert_int_equal(rig_discard(rig, 0), 1);
}

/* A next hop is not asked for for ever. */
static void test_forget(void **state)
{
	struct mirror_count n;

	add_session(LOCAL, DP_LEG_NAT);
	make_way(PHONE, false);
	assert_int_equal(nat_send(PHONE, 0, 0, 10), -EHOSTUNREACH);
	natlink_second(control.link, 1000 + NATLINK_KEEP_MS);
	mirror_count_get(control.mirror, &n);
	assert_int_equal(n.used, 1);
	natlink_second(control.link, 1001 + NATLINK_KEEP_MS);
	mirror_count_get(control.mirror, &n);
	assert_int_equal(n.used, 0);
}

static void test_collect(void **state)
{
	struct ipaddr want = rig_ip(PHONE, 4000);

	add_session(LOCAL, DP_LEG_NAT);
	send_first(22, PORT + 1);
	assert_int_equal(natlink_collect(control.link), 1);
	assert_int_equal(control.n_packets, 1);
	assert_int_equal(control.head.session_id, 77);
	assert_int_equal(control.head.leg, 0);
	assert_int_equal(control.head.rtcp, 1);
	assert_int_equal(control.head.n, 40);
	assert_memory_equal(&control.head.remote, &want, sizeof(want));
	/* on its way when the session went */
	struct session_ticket ticket = {.generation = 1};
	send_first(22, PORT);
	assert_int_equal(sessions_remove(control.sessions, 77, &ticket), 0);
	assert_int_equal(natlink_collect(control.link), 1);
	assert_int_equal(control.n_packets, 1);
	rig_run(rig);
	mail_turn(control.mail);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define C(f) cmocka_unit_test_setup_teardown(f, control_up, control_down)
	const struct CMUnitTest tests[] = {
		T(test_first_byte),
		T(test_not_asked_for),
		T(test_rtcp_waits_for_keys),
		T(test_ports),
		T(test_ipv6_and_empty),
		T(test_rate),
		T(test_full),
		T(test_read_cut),
		C(test_send),
		C(test_send_refused),
		C(test_forget),
		C(test_collect),
	};

	rig_eal("nat");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
