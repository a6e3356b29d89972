/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See rig.h. */
#include "tests/unit/dataplane/rig.h"

#include "dataplane/session/bundle.h"
#include "dataplane/transcode/room.h"
#include "dataplane/transcode/voice.h"

#include <arpa/inet.h>
#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_udp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned int n_rigs; /* makes names unique */

/* Lcores that float over the CPUs this program may use. */
static void allowed_cpus(char *text, size_t size)
{
	cpu_set_t set;
	char cpus[2048];
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		rte_exit(1, "rig: no CPUs\n");
	for (int cpu = 0; cpu < CPU_SETSIZE && n < (int)sizeof(cpus) - 8; cpu++)
		if (CPU_ISSET(cpu, &set))
			n += snprintf(
				cpus + n, sizeof(cpus) - (size_t)n, "%s%d", n ? "," : "", cpu);
	n = snprintf(text, size, "--lcores=");
	for (unsigned int i = 0; i < RIG_LCORES; i++)
		n += snprintf(text + n, size - (size_t)n, "%s%u@(%s)", i ? "," : "", i, cpus);
}

void rig_eal(const char *prefix)
{
	static bool done;
	char arg[64], lcores[16384];
	char *argv[] = {(char *)"rig", (char *)"--no-huge", (char *)"-m", (char *)"96",
		(char *)"--no-pci", (char *)"--no-shconf", (char *)"--no-telemetry",
		(char *)"--iova-mode=va", (char *)"--log-level=3", lcores, arg};

	if (done)
		return;
	/* EAL wants a place of its own even when it keeps nothing there */
	if (!getenv("XDG_RUNTIME_DIR") || access(getenv("XDG_RUNTIME_DIR"), W_OK) != 0)
		setenv("XDG_RUNTIME_DIR", "/tmp", 1);
	allowed_cpus(lcores, sizeof(lcores));
	snprintf(arg, sizeof(arg), "--file-prefix=%s%d", prefix, (int)getpid());
	if (rte_eal_init(RTE_DIM(argv), argv) < 0)
		rte_exit(1, "EAL does not start\n");
	done = true;
}

/* What is lent to the workers for a slot, and of which keys it was made. */
struct rig_srtp {
	struct dp_srtp rx_key, tx_key;
	struct srtp_ctx *rx, *tx;
};

static struct rte_ring *ring_new(const char *kind, uint8_t port, unsigned int queue, uint32_t size)
{
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "%u%s%u_%u", n_rigs, kind, port, queue);
	ring = rte_ring_create(name, size, SOCKET_ID_ANY, RING_F_EXACT_SZ);
	if (!ring)
		rte_exit(1, "rig: ring %s\n", name);
	return ring;
}

static void port_new(struct rig *rig, uint8_t port)
{
	struct rte_eth_conf conf = {0};
	struct rte_ether_addr mac;
	char name[32];
	uint16_t n_txq = rig->conf.n_txq;

	rig->rx[port] = ring_new("rx", port, 0, rig->conf.ring);
	for (uint16_t q = 0; q < n_txq; q++)
		rig->tx[port][q] = ring_new("tx", port, q, rig->conf.ring);
	snprintf(name, sizeof(name), "rig%u_%u", n_rigs, port);
	int id = rte_eth_from_rings(name, &rig->rx[port], 1, rig->tx[port], n_txq, 0);
	if (id < 0 || rte_eth_dev_configure((uint16_t)id, 1, n_txq, &conf) ||
		rte_eth_rx_queue_setup((uint16_t)id, 0, 1024, 0, NULL, rig->pool))
		rte_exit(1, "rig: port %s\n", name);
	for (uint16_t q = 0; q < n_txq; q++)
		if (rte_eth_tx_queue_setup((uint16_t)id, q, 1024, 0, NULL))
			rte_exit(1, "rig: port %s\n", name);
	/* Two ring ports would have the same MAC. */
	if (rte_eth_dev_start((uint16_t)id) || rte_eth_macaddr_get((uint16_t)id, &mac))
		rte_exit(1, "rig: port %s\n", name);
	memcpy(rig->mac[port], "\x02\x00\x00\x00\x00", 5);
	rig->mac[port][5] = port;
	rig->ethdev[port] = (uint16_t)id;
}

static void port_attach(struct rig *rig, uint8_t port)
{
	for (uint32_t i = 0; i < rig->conf.n_workers; i++) {
		struct worker_msg msg = {.op = WORKER_PORT_ATTACH,
			.port = {.index = port,
				.ethdev = rig->ethdev[port],
				.n_rxq = 1,
				.n_txq = rig->conf.n_txq,
				.mtu = 1500}};
		memcpy(msg.port.mac, rig->mac[port], 6);
		int r = rig_post(rig, i, &msg);
		if (r != 0)
			rte_exit(1, "rig: attaching port %u: %d\n", port, r);
	}
}

/* The shared segment as the data plane has it: on hugepages when there are some. */
static void segment_new(struct rig *rig)
{
	size_t workers = sizeof(struct dp_worker_stats) * rig->conf.n_workers;
	size_t streams = sizeof(struct dp_stream_stats) * (size_t)rig->conf.n_streams;
	size_t rare = sizeof(struct dp_stream_rare) * (size_t)rig->conf.n_streams;
	size_t srtp = sizeof(struct dp_stream_srtp) * (size_t)rig->conf.n_streams;
	size_t at_srtp = RTE_ALIGN_CEIL(streams + rare, (size_t)128), at_workers = at_srtp + srtp;
	size_t mcores = sizeof(struct dp_mcore_stats) * rig->conf.n_mcores;
	size_t len = RTE_ALIGN_CEIL(at_workers + workers + mcores, (size_t)2 << 20);
	int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE;
	uint8_t *at = rte_eal_has_hugepages() ? mmap(NULL, len, prot, flags | MAP_HUGETLB, -1, 0)
					      : MAP_FAILED;

	rig->stats_on_hugepages = at != MAP_FAILED;
	if (at == MAP_FAILED)
		at = mmap(NULL, len, prot, flags, -1, 0);
	if (at == MAP_FAILED)
		rte_exit(1, "rig: no memory for the statistics\n");
	rig->segment = at;
	rig->segment_len = len;
	rig->stream_stats = (void *)at;
	rig->stream_rare = (void *)(at + streams);
	rig->stream_srtp = (void *)(at + at_srtp);
	rig->stats = (void *)(at + at_workers);
	rig->mcore_stats = (void *)((uint8_t *)rig->stats + workers);
}

struct rig *rig_new(const struct rig_conf *conf)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	char name[32];

	if (!rig)
		rte_exit(1, "rig: memory\n");
	n_rigs++;
	rig->conf = *conf;
	if (!rig->conf.n_txq)
		rig->conf.n_txq = (uint16_t)conf->n_workers;
	if (!rig->conf.ring)
		rig->conf.ring = RIG_RING;
	snprintf(name, sizeof(name), "rig%u", n_rigs);
	rig->pool = rte_pktmbuf_pool_create(name, conf->n_mbufs ? conf->n_mbufs : 4095, 64, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!rig->pool)
		rte_exit(1, "rig: packet memory\n");
	segment_new(rig);
	if (!rig->conf.srtp.cm)
		rig->conf.srtp.cm = rig->conf.srtp.gcm = srtp_backends()[0];
	rig->srtp_slots = calloc(conf->n_streams, sizeof(*rig->srtp_slots));
	if (!rig->srtp_slots || srtp_engine_new(&rig->conf.srtp, &rig->srtp) < 0)
		rte_exit(1, "rig: SRTP\n");
	rig->acl_counts = calloc(
		(size_t)conf->n_workers * DP_ACLS_MAX * DP_ACL_ROWS, sizeof(*rig->acl_counts));
	rig->block_counts = calloc(
		(size_t)conf->n_workers * DP_BLOCKS_MAX, sizeof(*rig->block_counts));
	if (!rig->acl_counts || !rig->block_counts)
		rte_exit(1, "rig: memory\n");
	struct worker_group_conf group = {.name = name,
		.n_workers = conf->n_workers,
		.n_streams = conf->n_streams,
		.socket_id = SOCKET_ID_ANY,
		.stats = rig->stats,
		.stream_stats = rig->stream_stats,
		.stream_rare = rig->stream_rare,
		.stream_srtp = rig->stream_srtp,
		.acl_counts = rig->acl_counts,
		.block_counts = rig->block_counts,
		.srtp = rig->conf.srtp,
		.n_mcores = conf->n_mcores,
		.mcore_stats = rig->mcore_stats,
		.pool = rig->pool};
	int r = worker_group_new(&group, &rig->group);
	if (r < 0)
		rte_exit(1, "rig: workers: %d\n", r);
	for (uint8_t port = 0; port < conf->n_ports; port++) {
		port_new(rig, port);
		port_attach(rig, port);
	}
	return rig;
}

void rig_free(struct rig *rig)
{
	for (uint8_t port = 0; port < rig->conf.n_ports; port++) {
		void *frame;
		rig_discard(rig, port);
		rte_eth_dev_stop(rig->ethdev[port]);
		rte_eth_dev_close(rig->ethdev[port]);
		while (rte_ring_dequeue(rig->rx[port], &frame) == 0)
			rte_pktmbuf_free(frame);
		rte_ring_free(rig->rx[port]);
		for (uint16_t q = 0; q < rig->conf.n_txq; q++)
			rte_ring_free(rig->tx[port][q]);
	}
	srtp_engine_free(rig->srtp);
	free(rig->srtp_slots);
	free(rig->acl_counts);
	free(rig->block_counts);
	for (unsigned int i = 0; i < RIG_BUNDLES; i++)
		free(rig->bundle[i].shared);
	worker_group_free(rig->group);
	for (unsigned int i = 0; i < RIG_ROOMS; i++)
		room_free(rig->rooms[i]);
	munmap(rig->segment, rig->segment_len);
	rte_mempool_free(rig->pool);
	free(rig);
}

static unsigned int turn_one(struct rig *rig, uint32_t i)
{
	uint64_t now = rig->now_tsc ? rig->now_tsc : rte_rdtsc();

	return i < rig->conf.n_workers ? worker_turn_at(rig->group, i, now)
				       : mcore_turn(rig->group, i - rig->conf.n_workers, now);
}

int rig_post(struct rig *rig, uint32_t i, struct worker_msg *msg)
{
	struct worker_msg *done = NULL;

	if (worker_post(rig->group, i, msg) < 0)
		rte_exit(1, "rig: mailbox\n");
	turn_one(rig, i);
	if (worker_completions(rig->group, &done, 1) != 1 || done != msg)
		rte_exit(1, "rig: a message did not come back\n");
	return msg->result;
}

struct ipaddr rig_ip(const char *ip, uint16_t port)
{
	struct ipaddr addr = {.port_be16 = htons(port)};

	addr.family = strchr(ip, ':') ? 6 : 4;
	if (inet_pton(addr.family == 6 ? AF_INET6 : AF_INET, ip, addr.ip) != 1)
		rte_exit(1, "rig: %s is no address\n", ip);
	return addr;
}

void rig_addr(
	struct rig *rig, uint8_t index, const char *ip, uint16_t lo, uint16_t hi, uint8_t in_port)
{
	for (uint32_t i = 0; i < rig->conf.n_workers; i++) {
		struct worker_msg msg = {.op = WORKER_ADDR_SET,
			.addr = {.addr = rig_ip(ip, 0),
				.index = index,
				.in_port = in_port,
				.port_lo = lo,
				.port_hi = hi,
				.table = worker_table_new(rig->group)}};
		int r = rig_post(rig, i, &msg);
		worker_table_free(msg.addr.table); /* not needed when the row was in use */
		if (r != 0)
			rte_exit(1, "rig: address %s: %d\n", ip, r);
	}
}

void rig_police(struct rig *rig, const struct dp_police *conf)
{
	for (uint32_t i = 0; i < rig->conf.n_workers; i++) {
		struct worker_msg msg = {.op = WORKER_POLICE_SET};
		if (conf)
			msg.police = *conf;
		if (rig_post(rig, i, &msg) != 0)
			rte_exit(1, "rig: limits\n");
	}
}

static void srtp_ctx_follow(
	struct rig *rig, const struct dp_srtp *key, struct dp_srtp *have, struct srtp_ctx **ctx)
{
	if (memcmp(key, have, sizeof(*key)) == 0)
		return;
	*have = *key;
	*ctx = NULL;
	if (key->suite && srtp_ctx_new(rig->srtp, key, ctx) < 0)
		rte_exit(1, "rig: SRTP keys\n");
}

static uint32_t mcore_of(const struct rig *rig, uint32_t slot)
{
	return slot / DP_LEGS % rig->conf.n_mcores;
}

static struct bundle *bundle_of(struct rig *rig, const struct dp_leg *leg)
{
	if (!(leg->flags & DP_LEG_BUNDLE))
		return NULL;
	for (unsigned int i = 0; i < RIG_BUNDLES; i++) {
		struct rig_bundle *b = &rig->bundle[i];
		if (b->shared && !ipaddr_equal(&b->local, &leg->local))
			continue;
		if (!b->shared)
			*b = (struct rig_bundle){leg->local, calloc(1, sizeof(struct bundle))};
		return b->shared;
	}
	rte_exit(1, "rig: bundles\n");
}

int rig_stream(struct rig *rig, uint32_t slot, const struct stream_args *args, bool relearn)
{
	struct worker_msg msg = {
		.op = WORKER_STREAM_SET, .set = {.slot = slot, .relearn = relearn}};
	int r = stream_build(args, &msg.set.conf);

	if (r < 0)
		return r;
	const struct dp_session *session = args->session;
	/* both legs' ports have the same owner, and the second leg may not be there */
	uint16_t local = ipaddr_port(&session->leg[0].local);
	/* a slot that there is not is for the worker to refuse */
	struct rig_srtp *srtp = &rig->srtp_slots[slot % rig->conf.n_streams];
	srtp_ctx_follow(rig, &session->leg[args->leg].rx, &srtp->rx_key, &srtp->rx);
	srtp_ctx_follow(rig, &session->leg[!args->leg].tx, &srtp->tx_key, &srtp->tx);
	msg.set.srtp = (struct stream_srtp){srtp->rx, srtp->tx};
	msg.set.bundle = bundle_of(rig, &session->leg[args->leg]);
	msg.set.bundle_out = bundle_of(rig, &session->leg[!args->leg]);
	msg.set.rx_state = session->srtp_rx[args->leg];
	msg.set.tx_state = session->srtp_tx[!args->leg];
	r = rig_post(rig, dp_port_owner(local, rig->conf.n_workers), &msg);
	for (unsigned int i = 0; i < WORKER_SRTP_RETURNED && r == 0; i++)
		srtp_ctx_free(msg.set.returned[i]);
	return r;
}

int rig_session(struct rig *rig, uint32_t slot, const struct dp_session *session, uint8_t addr_a,
	uint8_t addr_b, uint8_t port_a, uint8_t port_b, bool relearn)
{
	const uint8_t addr[DP_LEGS] = {
		addr_a, dp_session_n_legs(session) == 1 ? STREAM_ADDR_NONE : addr_b};

	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct dp_leg *out = &session->leg[!leg];
		uint8_t port = leg == 0 ? port_b : port_a;
		struct stream_args args = {.session = session,
			.leg = leg,
			.addr_index = addr[leg],
			.epoch = slot + 1000,
			.tsc_hz = RIG_TSC_HZ,
			.voice = {.tag = slot - slot % DP_LEGS + 1,
				.core = rig->conf.n_mcores ? (uint8_t)mcore_of(rig, slot) : 0,
				.ssrc = 0x5eed0000 + slot,
				.ts = 1000,
				.seq = 65530},
			.out = {{.remote = out->remote_rtp}, {.remote = out->remote_rtcp}}};
		for (unsigned int kind = 0; kind < STREAM_KINDS; kind++) {
			struct stream_hop *hop = &args.out[kind].hop;
			*hop = (struct stream_hop){.ready = true, .port = port};
			memcpy(hop->src_mac, rig->mac[port], 6);
			memcpy(hop->dst_mac, "\x02\x00\x00\x00\x01", 5);
			hop->dst_mac[5] = port;
		}
		int r = rig_stream(rig, slot + leg, &args, relearn);
		if (r < 0)
			return r;
	}
	return 0;
}

static uint32_t build_ip(const struct rig_frame *f, uint8_t *bytes)
{
	struct ipaddr src = rig_ip(f->src, 0), dst = rig_ip(f->dst, 0);
	uint16_t udp_len = (uint16_t)(f->payload_len + 8);
	uint8_t ttl = f->ttl ? f->ttl : 61;

	if (src.family == 4) {
		struct rte_ipv4_hdr ip = {.version_ihl = 0x45,
			.type_of_service = f->tos,
			.total_length = htons((uint16_t)(udp_len + 20)),
			.packet_id = htons(0x1234),
			.time_to_live = ttl,
			.next_proto_id = IPPROTO_UDP};
		memcpy(&ip.src_addr, src.ip, 4);
		memcpy(&ip.dst_addr, dst.ip, 4);
		ip.hdr_checksum = rte_ipv4_cksum(&ip);
		memcpy(bytes, &ip, sizeof(ip));
		return sizeof(ip);
	}
	struct rte_ipv6_hdr ip = {.vtc_flow = htonl(6u << 28 | (uint32_t)f->tos << 20 | 0x54321),
		.payload_len = htons(udp_len),
		.proto = IPPROTO_UDP,
		.hop_limits = ttl};
	memcpy(ip.src_addr, src.ip, 16);
	memcpy(ip.dst_addr, dst.ip, 16);
	memcpy(bytes, &ip, sizeof(ip));
	return sizeof(ip);
}

uint32_t rig_build(const struct rig_frame *f, uint8_t *ret_bytes)
{
	uint8_t *ip = ret_bytes + 14, *udp;
	uint32_t ip_len;
	struct rte_udp_hdr hdr = {.src_port = htons(f->sport),
		.dst_port = htons(f->dport),
		.dgram_len = htons((uint16_t)(f->payload_len + 8))};

	memcpy(ret_bytes, f->dst_mac, 6);
	memcpy(ret_bytes + 6, "\x02\x00\x00\x00\x02\x02", 6);
	ip_len = build_ip(f, ip);
	memcpy(ret_bytes + 12, ip_len == 20 ? "\x08\x00" : "\x86\xdd", 2);
	udp = ip + ip_len;
	memcpy(udp, &hdr, sizeof(hdr));
	if (f->payload_len)
		memcpy(udp + 8, f->payload, f->payload_len);
	if (!f->no_udp_csum) {
		uint16_t csum = ip_len == 20 ? rte_ipv4_udptcp_cksum((void *)ip, udp)
					     : rte_ipv6_udptcp_cksum((void *)ip, udp);
		memcpy(udp + 6, &csum, 2);
	}
	return 14 + ip_len + 8 + f->payload_len;
}

uint16_t rig_rtp(uint8_t *ret_pkt, uint8_t pt, uint16_t seq, uint32_t timestamp, uint32_t ssrc,
	uint16_t payload_len)
{
	uint16_t seq_be = htons(seq);
	uint32_t ts_be = htonl(timestamp), ssrc_be = htonl(ssrc);

	ret_pkt[0] = 0x80;
	ret_pkt[1] = pt;
	memcpy(ret_pkt + 2, &seq_be, 2);
	memcpy(ret_pkt + 4, &ts_be, 4);
	memcpy(ret_pkt + 8, &ssrc_be, 4);
	for (uint16_t i = 0; i < payload_len; i++)
		ret_pkt[12 + i] = (uint8_t)(i * 7 + seq);
	return (uint16_t)(12 + payload_len);
}

void rig_put(struct rig *rig, uint8_t port, const uint8_t *bytes, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig->pool);

	if (!m)
		rte_exit(1, "rig: out of packets\n");
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), bytes, len);
	if (rte_ring_enqueue(rig->rx[port], m) != 0)
		rte_exit(1, "rig: port %u is full\n", port);
}

void rig_run(struct rig *rig)
{
	unsigned int work;

	do {
		work = 0;
		for (uint32_t i = 0; i < rig->conf.n_workers + rig->conf.n_mcores; i++)
			work += turn_one(rig, i);
	} while (work);
}

void rig_pass(struct rig *rig, uint32_t ms)
{
	while (ms--) {
		rig->now_tsc += RIG_TSC_HZ / 1000;
		rig_run(rig);
	}
}

static struct room *room_of(struct rig *rig, uint32_t id)
{
	if (!rig->rooms[id % RIG_ROOMS] && room_new(&rig->rooms[id % RIG_ROOMS]) < 0)
		rte_exit(1, "rig: room\n");
	return rig->rooms[id % RIG_ROOMS];
}

static int maker_new(struct rig *rig, const struct dp_session *session, unsigned int leg,
	struct mcore_maker *ret)
{
	static uint32_t n_makers;
	uint8_t kind = session->leg[!leg].play.kind;
	struct player_conf player;
	struct member_conf member;
	struct voice_conf voice;

	if (kind == DP_PLAY_ROOM) {
		member_conf_of(session, !leg, &member);
		return member_new(&member, room_of(rig, session->leg[!leg].play.id), ++n_makers,
			NULL, NULL, &ret->member);
	}
	if (kind != DP_PLAY_NONE) {
		player_conf_of(session, !leg, &player);
		return player_new(&player, kind == DP_PLAY_PROMPT ? &rig->prompt : NULL, ++n_makers,
			&ret->player);
	}
	if (!direction_is_voice(session, leg))
		return 0;
	voice_conf_of(session, leg, &voice);
	return voice_new(&voice, ++n_makers, &ret->voice);
}

int rig_voice(struct rig *rig, uint32_t slot, const struct dp_session *session)
{
	uint32_t worker = dp_port_owner(ipaddr_port(&session->leg[0].local), rig->conf.n_workers);
	struct worker_msg msg = {.op = MCORE_VOICE_SET,
		.voice = {.row = slot / DP_LEGS, .tag = slot + 1, .worker = worker, .set = 3}};

	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		int r = maker_new(rig, session, leg, &msg.voice.from[leg]);
		if (r < 0)
			return r;
	}
	voice_pair(msg.voice.from[0].voice, msg.voice.from[1].voice);
	int r = rig_post(rig, rig->conf.n_workers + mcore_of(rig, slot), &msg);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		mcore_maker_free(&msg.voice.from[leg]);
	return r;
}

int rig_voice_end(struct rig *rig, uint32_t slot)
{
	struct worker_msg msg = {.op = MCORE_VOICE_END, .voice = {.row = slot / DP_LEGS}};
	int r = rig_post(rig, rig->conf.n_workers + mcore_of(rig, slot), &msg);

	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		mcore_maker_free(&msg.voice.from[leg]);
	return r;
}

uint32_t rig_get(struct rig *rig, uint8_t port, uint8_t *ret_bytes)
{
	for (uint16_t q = 0; q < rig->conf.n_txq; q++) {
		void *p;
		if (rte_ring_dequeue(rig->tx[port][q], &p) != 0)
			continue;
		struct rte_mbuf *m = p;
		uint32_t len = m->pkt_len;
		if (len != m->data_len || len > RIG_FRAME)
			rte_exit(1, "rig: a frame of odd length was sent\n");
		memcpy(ret_bytes, rte_pktmbuf_mtod(m, void *), len);
		rte_pktmbuf_free(m);
		return len;
	}
	return 0;
}

uint32_t rig_discard(struct rig *rig, uint8_t port)
{
	uint8_t bytes[RIG_FRAME];
	uint32_t n = 0;

	while (rig_get(rig, port, bytes))
		n++;
	return n;
}

uint64_t rig_drops(const struct rig *rig, enum dp_drop reason)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < rig->conf.n_workers; i++)
		n += rig->stats[i].drops[reason];
	return n;
}

void rig_totals(const struct rig *rig, struct dp_worker_stats *ret_sum)
{
	memset(ret_sum, 0, sizeof(*ret_sum));
	for (uint32_t i = 0; i < rig->conf.n_workers; i++) {
		const uint64_t *from = (const uint64_t *)&rig->stats[i];
		uint64_t *to = (uint64_t *)ret_sum;
		for (size_t k = 0; k < sizeof(*ret_sum) / sizeof(uint64_t); k++)
			to[k] += from[k];
	}
}

int64_t rig_balance(const struct rig *rig)
{
	struct dp_worker_stats sum;
	uint64_t out;

	rig_totals(rig, &sum);
	out = sum.relayed_packets + sum.sent_for_linux + sum.punted_packets + sum.nat_packets +
	      sum.handed_over + sum.to_mcores;
	for (unsigned int i = 0; i < DP_DROP_N; i++)
		out += sum.drops[i];
	return (int64_t)(sum.rx_packets + sum.taken_over + sum.injected_packets + sum.from_mcores -
			 out);
}

const char *rig_checksums(const uint8_t *bytes, uint32_t len)
{
	uint8_t copy[RIG_FRAME];
	uint8_t *ip = copy + 14;
	uint16_t got;

	memcpy(copy, bytes, len);
	if (bytes[12] == 0x08) {
		struct rte_ipv4_hdr *v4 = (void *)ip;
		got = v4->hdr_checksum;
		v4->hdr_checksum = 0;
		if (rte_ipv4_cksum(v4) != got)
			return "IPv4 header";
		memcpy(&got, ip + 26, 2);
		memset(ip + 26, 0, 2);
		return got == 0 || got == rte_ipv4_udptcp_cksum(v4, ip + 20) ? NULL : "UDP";
	}
	memcpy(&got, ip + 46, 2);
	memset(ip + 46, 0, 2);
	return got && got == rte_ipv6_udptcp_cksum((void *)ip, ip + 40) ? NULL : "UDP over IPv6";
}
