/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hostile frames through the whole packet path of two workers: classify to transmit, hand-over
 * included, between sessions of both families with and without learning, muxed and not, and of two
 * that share a port.
 *
 * The input is a list of steps: what (1 octet), how (1), length (2, little endian), octets. A
 * step is a raw frame, the payload of a frame with right headers, or a change of a session.
 * After each input: every packet is accounted for and none is leaked, what leaves has right
 * headers, and (under AddressSanitizer) nothing behind a frame's end was looked at.
 */
#include "tests/unit/dataplane/rig.h"

#include <stdlib.h>
#include <string.h>

#include <rte_ring.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define POISON 1
#endif
#ifdef POISON
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, len)
#define ASAN_UNPOISON_MEMORY_REGION(at, len)
#endif

#define N_SESSIONS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rig *rig;

static const struct {
	const char *local_a, *local_b, *remote_a, *remote_b;
	uint8_t addr_a, addr_b;
	uint32_t flags_a, flags_b;
} kinds[N_SESSIONS] = {
	{"192.0.2.1", "203.0.113.1", "198.51.100.7", "203.0.113.99", 0, 1, 0, 0},
	{"192.0.2.1", "203.0.113.1", NULL, NULL, 0, 1, DP_LEG_LATCH | DP_LEG_RTCP_STRICT,
		DP_LEG_LATCH},
	{"192.0.2.1", "2001:db8:b::1", "198.51.100.7", "2001:db8:b::9", 0, 3,
		DP_LEG_LATCH | DP_LEG_RTCP_MUX, DP_LEG_ANY_PT},
	{"2001:db8:a::1", "203.0.113.1", "2001:db8:a::7", "203.0.113.99", 2, 1, DP_LEG_ANY_PT,
		DP_LEG_RTCP_MUX | DP_LEG_RTCP_STRICT},
	{"2001:db8:a::1", "2001:db8:b::1", "2001:db8:a::7", "2001:db8:b::9", 2, 3, DP_LEG_LATCH,
		DP_LEG_RTCP_MUX | DP_LEG_LATCH},
	{"192.0.2.1", "203.0.113.1", "198.51.100.7", "203.0.113.99", 0, 1,
		DP_LEG_RTCP_MUX | DP_LEG_ANY_PT, DP_LEG_RTCP_MUX},
	{"192.0.2.1", "203.0.113.1", "198.51.100.7", "203.0.113.99", 0, 1,
		DP_LEG_RTCP_MUX | DP_LEG_BUNDLE, DP_LEG_RTCP_MUX},
	{"192.0.2.1", "203.0.113.1", "198.51.100.7", "203.0.113.99", 0, 1,
		DP_LEG_RTCP_MUX | DP_LEG_BUNDLE | DP_LEG_LATCH, 0},
};

/* One owner for both legs; those that share a port have that of the first. */
static uint16_t port_of(unsigned int i, unsigned int leg)
{
	if (kinds[i].flags_a & DP_LEG_BUNDLE)
		return (uint16_t)(leg ? 10200 + 4 * i : 10100);
	return (uint16_t)(10000 + 2 * i);
}

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void set_session(unsigned int i, uint8_t how)
{
	struct dp_session s = {.id = i + 1};
	bool a_known = kinds[i].remote_a && !(how & 1), b_known = kinds[i].remote_b && !(how & 2);

	s.leg[0].local = rig_ip(kinds[i].local_a, port_of(i, 0));
	s.leg[1].local = rig_ip(kinds[i].local_b, port_of(i, 1));
	if (a_known)
		s.leg[0].remote_rtp = rig_ip(kinds[i].remote_a, 4000);
	if (b_known)
		s.leg[1].remote_rtp = rig_ip(kinds[i].remote_b, 4000);
	s.leg[0].flags = kinds[i].flags_a | DP_LEG_RECV | (how & 4 ? 0 : DP_LEG_SEND);
	s.leg[1].flags = kinds[i].flags_b | DP_LEG_SEND | (how & 8 ? 0 : DP_LEG_RECV);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		s.leg[leg].n_payloads = 2;
		s.leg[leg].payloads[0] = (struct dp_payload){.pt = 0, .clock_hz = 8000};
		s.leg[leg].payloads[1] = (struct dp_payload){
			.pt = 101, .clock_hz = how & 16 ? 48000 : 0};
	}
	if (kinds[i].flags_a & DP_LEG_BUNDLE)
		s.leg[0].bundle = (struct dp_bundle){.n_ssrcs = how >> 4 & 1,
			.ssrc = {how & 16 ? 7 : 0},
			.mid_ext = 3,
			.mid_len = 1,
			.mid = {(char)('0' + i)},
			.pts = {(uint8_t)(1 << (i & 1)), [101 / 8] = 1 << 101 % 8}};
	require(rig_session(rig, 2 * i, &s, kinds[i].addr_a, kinds[i].addr_b, 0, 1, how & 32) == 0);
}

static void start(void)
{
	struct rig_conf conf = {
		.n_workers = 2, .n_streams = 2 * N_SESSIONS, .n_ports = 2, .n_txq = 1};

	rig_eal("rtpfuzz");
	/* Kept to the end, in DPDK's memory, where the leak checker sees no pointers. */
	__lsan_disable();
	rig = rig_new(&conf);
	__lsan_enable();
	rig_police(rig, NULL); /* the same input must do the same, however long it takes */
	rig_addr(rig, 0, "192.0.2.1", 10000, 19999, 0);
	rig_addr(rig, 1, "203.0.113.1", 10000, 19999, WORKER_PORT_ANY);
	rig_addr(rig, 2, "2001:db8:a::1", 10000, 19999, 0);
	rig_addr(rig, 3, "2001:db8:b::1", 10000, 19999, WORKER_PORT_ANY);
}

/* A received frame whose packet memory may not be read behind its end. */
static void receive(uint8_t port, const uint8_t *bytes, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig->pool);
	uint8_t *at;

	require(m != NULL);
	ASAN_UNPOISON_MEMORY_REGION(m->buf_addr, m->buf_len);
	at = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len);
	if (len)
		memcpy(at, bytes, len);
	ASAN_POISON_MEMORY_REGION(at + len, rte_pktmbuf_tailroom(m));
	require(rte_ring_enqueue(rig->rx[port], m) == 0);
}

/* The octets as the payload of a datagram of the session's phone, or of somebody near it. */
static void receive_payload(uint8_t how, const uint8_t *payload, uint16_t len)
{
	unsigned int i = how % 8 % N_SESSIONS, leg = how >> 3 & 1;
	uint8_t bytes[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, (uint8_t)leg},
		.dst = leg ? kinds[i].local_b : kinds[i].local_a,
		.dport = (uint16_t)(port_of(i, leg) + (how >> 4 & 1)),
		.sport = (uint16_t)(4000 + (how >> 5 & 1)),
		.no_udp_csum = how & 64,
		.payload = payload,
		.payload_len = len};
	bool v6 = strchr(f.dst, ':') != NULL;

	f.src = leg ? (v6 ? "2001:db8:b::9" : "203.0.113.99")
		    : (v6 ? "2001:db8:a::7" : "198.51.100.7");
	receive((uint8_t)leg, bytes, rig_build(&f, bytes));
}

static void check_output(void)
{
	uint8_t bytes[RIG_FRAME];
	struct rte_mbuf *frames[32];
	struct worker_event events[32];
	uint32_t len;
	unsigned int n;

	for (uint8_t port = 0; port < 2; port++) {
		while ((len = rig_get(rig, port, bytes)) > 0) {
			const char *bad = rig_checksums(bytes, len);
			/* that of UDP is the sender's business */
			require(!bad || strncmp(bad, "UDP", 3) == 0);
			uint32_t ip_len = bytes[12] == 0x08
						  ? (uint32_t)(bytes[16] << 8 | bytes[17])
						  : 40u + (uint32_t)(bytes[18] << 8 | bytes[19]);
			require(len == 14 + ip_len);
		}
	}
	while ((n = worker_punts(rig->group, frames, 32)) > 0)
		rte_pktmbuf_free_bulk(frames, n);
	while ((n = worker_events(rig->group, events, 32)) > 0)
		for (unsigned int i = 0; i < n; i++)
			require(events[i].slot < 2 * N_SESSIONS &&
				ipaddr_is_set(&events[i].learned));
}

static void unlink_all(void)
{
	for (uint32_t slot = 0; slot < 2 * N_SESSIONS; slot++) {
		struct worker_msg msg = {.op = WORKER_STREAM_UNLINK, .unlink = {.slot = slot}};
		uint32_t owner = dp_port_owner(port_of(slot / 2, 0), 2);
		require(rig_post(rig, owner, &msg) == 0);
		/* nothing was counted twice, lost, or sent without having come */
		struct dp_stream_sum sum;
		stream_sum(&msg.unlink.stats, &msg.unlink.rare, 0, 1000000, &sum);
		require(msg.unlink.rare.unsent_packets <= sum.rx_packets);
		require(msg.unlink.rare.unsent_octets <= sum.rx_octets);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!rig)
		start();
	for (unsigned int i = 0; i < N_SESSIONS; i++)
		set_session(i, 0);
	while (size >= 4) {
		uint8_t what = data[0], how = data[1];
		uint16_t len = (uint16_t)(data[2] | (data[3] & 7) << 8);
		data += 4;
		size -= 4;
		len = (uint16_t)(len < size ? len : size);
		len = (uint16_t)(len < 1900 ? len : 1900);
		if (what % 4 == 0)
			receive(how & 1, data, len);
		else if (what % 4 == 3)
			set_session(how % N_SESSIONS, (uint8_t)(what >> 2));
		else
			receive_payload(how, data, len);
		data += len;
		size -= len;
		if (what & 64)
			rig_run(rig);
	}
	rig_run(rig);
	check_output();
	unlink_all();
	require(rig_balance(rig) == 0);
	require(rte_mempool_in_use_count(rig->pool) == 0);
	return 0;
}
