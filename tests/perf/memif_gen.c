/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Load generator of ./bench relay.memif: both far ends of many calls, behind two memif ports of a
 * running limen-dataplane. Sends G.711 RTP of all streams in turn at a given rate in both
 * directions, checks what comes back on the other port, and measures how long it took.
 *
 * Flow i is a session: its far end A is (a_net + i, REMOTE_PORT) and talks to (a_local, port_lo +
 * 2i); far end B likewise with b_net and b_local. The box must have been programmed so.
 *
 *   memif_gen EAL... --vdev net_memif0,role=client,... --vdev net_memif1,role=client,... --
 *       flows=N port_lo=N a_local=IP b_local=IP a_net=IP b_net=IP a_mac=MAC b_mac=MAC
 *
 * a_mac and b_mac are the box's. Then commands on standard input, each answered by one line of
 * JSON: "link" (waits until both ports are up) and "run PACKETS_PER_SECOND MILLISECONDS". Ends
 * with standard input. One thread, which is also the EAL's only lcore.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/api/dp_stats.h"

/* What limenbench/dpapi.py builds and reads by hand. */
_Static_assert(sizeof(struct dp_port) == 248 && sizeof(struct dp_media_addr) == 40 &&
		       sizeof(struct dp_leg) == 696 && sizeof(struct dp_hello_reply) == 32,
	"dpapi.py has another layout of the session API");
/* versus.py of limenbench reads three counters of each row. */
_Static_assert(offsetof(struct dp_worker_stats, cycles_total) == 80 &&
		       offsetof(struct dp_worker_stats, cycles_asleep) == 96 &&
		       offsetof(struct dp_mcore_stats, cycles_total) == 64 &&
		       offsetof(struct dp_mcore_stats, cycles_asleep) == 80,
	"POLLERS in limenbench/versus.py");
_Static_assert(offsetof(struct dp_stats_header, off_ports) == 52 &&
		       offsetof(struct dp_worker_stats, relayed_packets) == 16 &&
		       offsetof(struct dp_worker_stats, cycles_busy) == 88,
	"dpapi.py has another layout of the statistics segment");

#define BURST	     32
#define RING	     2048
#define MBUFS	     16383
#define SIDES	     2
#define REMOTE_PORT  20000
#define PAYLOAD	     160 /* G.711, 20 ms */
#define PT_PCMA	     8
#define LINK_WAIT_MS 10000
#define DRAIN_MS     50	 /* silence after which nothing more is expected */
#define CHECK_EVERY  64	 /* every so many packets the checksums are computed in full */
#define BUCKET_NS    100 /* of the latency histogram */
#define BUCKETS	     65536
#define LATE_PACKETS 4096 /* so far behind the schedule the generator gives packets up */

struct rtp {
	uint8_t vpxcc, m_pt;
	uint16_t seq_be16;
	uint32_t ts_be32, ssrc_be32;
} __attribute__((packed));

struct frame {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
	struct rtp rtp;
	uint64_t stamp; /* TSC when it was made */
	uint8_t voice[PAYLOAD - sizeof(uint64_t)];
} __attribute__((packed, aligned(2)));

/* One direction of a session, as its sender has it. */
struct flow {
	uint32_t src_be32, ssrc_be32, ts;
	uint32_t udp_sum; /* of all that never changes, ones-complement, not folded */
	uint16_t local_be16, ip_check, seq, expect;
};

struct side {
	uint16_t port;
	struct rte_ether_addr mac, box_mac;
	uint32_t local_be32, net; /* net in host order */
	struct frame template;
	struct flow *flows; /* sent from this side */
	uint32_t next;
};

struct result {
	uint64_t offered, sent, unsent, late, received, bad, misordered;
	double seconds;
};

static struct side sides[SIDES];
static uint32_t n_flows = 1000, port_lo = 16384;
static struct rte_mempool *pool;
static uint32_t latency[BUCKETS];
static double tsc_per_bucket;

static uint32_t sum16(const void *data, size_t len)
{
	uint32_t sum = 0;
	const uint8_t *p = data;

	for (size_t i = 0; i + 1 < len; i += 2) {
		uint16_t word;

		memcpy(&word, p + i, sizeof(word));
		sum += word;
	}
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void template_make(struct side *s)
{
	struct frame *f = &s->template;

	f->eth = (struct rte_ether_hdr){.dst_addr = s->box_mac,
		.src_addr = s->mac,
		.ether_type = htons(RTE_ETHER_TYPE_IPV4)};
	f->ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = htons(sizeof(*f) - sizeof(f->eth)),
		.fragment_offset = htons(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.dst_addr = s->local_be32,
	};
	f->udp = (struct rte_udp_hdr){
		.src_port = htons(REMOTE_PORT),
		.dgram_len = htons(sizeof(*f) - sizeof(f->eth) - sizeof(f->ip)),
	};
	f->rtp = (struct rtp){.vpxcc = 0x80, .m_pt = PT_PCMA};
	for (size_t i = 0; i < sizeof(f->voice); i++)
		f->voice[i] = (uint8_t)(0xd5 ^ i * 7);
}

static void flows_make(struct side *s, uint32_t ssrc_base)
{
	s->flows = calloc(n_flows, sizeof(*s->flows));
	if (!s->flows)
		rte_exit(1, "memory is short for %u flows\n", n_flows);
	for (uint32_t i = 0; i < n_flows; i++) {
		struct flow *w = &s->flows[i];
		struct frame f = s->template;
		uint16_t pseudo[2] = {htons(IPPROTO_UDP), f.udp.dgram_len};

		w->src_be32 = htonl(s->net + i);
		w->local_be16 = htons((uint16_t)(port_lo + 2 * i));
		w->ssrc_be32 = htonl(ssrc_base + i);
		f.ip.src_addr = w->src_be32;
		f.udp.dst_port = w->local_be16;
		f.rtp.ssrc_be32 = w->ssrc_be32;
		w->ip_check = fold(sum16(&f.ip, sizeof(f.ip)));
		w->udp_sum = sum16(&f.ip.src_addr, 8) + sum16(pseudo, sizeof(pseudo)) +
			     sum16(&f.udp, sizeof(f) - offsetof(struct frame, udp));
	}
}

static void frame_fill(struct side *s, struct flow *w, struct frame *f)
{
	uint16_t check;

	*f = s->template;
	f->ip.src_addr = w->src_be32;
	f->ip.hdr_checksum = w->ip_check;
	f->udp.dst_port = w->local_be16;
	f->rtp.seq_be16 = htons(w->seq++);
	f->rtp.ts_be32 = htonl(w->ts);
	f->rtp.ssrc_be32 = w->ssrc_be32;
	f->stamp = rte_rdtsc();
	w->ts += PAYLOAD;
	check = fold(w->udp_sum + (uint64_t)f->rtp.seq_be16 + sum16(&f->rtp.ts_be32, 4) +
		     sum16(&f->stamp, sizeof(f->stamp)));
	f->udp.dgram_cksum = check ? check : 0xffff;
}

static void send_burst(struct side *s, uint16_t n, struct result *r)
{
	struct rte_mbuf *m[BURST];
	uint16_t done = 0;

	if (rte_pktmbuf_alloc_bulk(pool, m, n) == 0) {
		for (uint16_t i = 0; i < n; i++) {
			frame_fill(s, &s->flows[s->next],
				(struct frame *)rte_pktmbuf_append(m[i], sizeof(struct frame)));
			s->next = s->next + 1 == n_flows ? 0 : s->next + 1;
		}
		done = rte_eth_tx_burst(s->port, 0, m, n);
		if (done < n)
			rte_pktmbuf_free_bulk(m + done, n - done);
	}
	r->sent += done;
	r->unsent += n - done;
}

static bool checksums_ok(const struct frame *f)
{
	uint16_t pseudo[2] = {htons(IPPROTO_UDP), f->udp.dgram_len};

	return fold(sum16(&f->ip, sizeof(f->ip))) == 0 &&
	       fold((uint64_t)sum16(&f->ip.src_addr, 8) + sum16(pseudo, sizeof(pseudo)) +
		       sum16(&f->udp, sizeof(*f) - offsetof(struct frame, udp))) == 0;
}

/* to: the side it arrived at; from: the side whose far end sent it. */
static void frame_take(
	const struct side *to, struct side *from, const struct rte_mbuf *m, struct result *r)
{
	const struct frame *f = rte_pktmbuf_mtod(m, const struct frame *);
	uint32_t i;
	uint64_t bucket;

	/* What else the box's Linux says (ARP, ND) is none of our business. */
	if (m->data_len < sizeof(*f) || f->eth.ether_type != htons(RTE_ETHER_TYPE_IPV4) ||
		f->ip.next_proto_id != IPPROTO_UDP)
		return;
	r->received++;
	i = ntohl(f->ip.dst_addr) - to->net;
	if (i >= n_flows || f->ip.src_addr != to->local_be32 ||
		f->udp.dst_port != htons(REMOTE_PORT) ||
		f->udp.src_port != from->flows[i].local_be16 ||
		f->rtp.ssrc_be32 != from->flows[i].ssrc_be32 || f->rtp.m_pt != PT_PCMA ||
		!rte_is_same_ether_addr(&f->eth.dst_addr, &to->mac) ||
		(r->received % CHECK_EVERY == 0 && !checksums_ok(f))) {
		r->bad++;
		return;
	}
	if (ntohs(f->rtp.seq_be16) != from->flows[i].expect)
		r->misordered++;
	from->flows[i].expect = ntohs(f->rtp.seq_be16) + 1;
	bucket = (uint64_t)((double)(rte_rdtsc() - f->stamp) / tsc_per_bucket);
	latency[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
}

static uint16_t receive(struct result *r)
{
	uint16_t all = 0;

	for (int i = 0; i < SIDES; i++) {
		struct rte_mbuf *m[BURST];
		uint16_t n = rte_eth_rx_burst(sides[i].port, 0, m, BURST);

		for (uint16_t k = 0; k < n; k++)
			frame_take(&sides[i], &sides[!i], m[k], r);
		rte_pktmbuf_free_bulk(m, n);
		all += n;
	}
	return all;
}

static void run(double pps, double seconds, struct result *r)
{
	const uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc();
	const uint64_t end = start + (uint64_t)(seconds * (double)hz);
	uint64_t now = start, last = start;
	int turn = 0;

	memset(latency, 0, sizeof(latency));
	while ((now = rte_rdtsc()) < end) {
		uint64_t due = (uint64_t)((double)(now - start) / (double)hz * pps);
		uint64_t behind = due - r->offered;

		if (behind > LATE_PACKETS) {
			r->late += behind - LATE_PACKETS;
			r->offered += behind - LATE_PACKETS;
			behind = LATE_PACKETS;
		}
		if (behind > 0) {
			uint16_t n = behind > BURST ? BURST : (uint16_t)behind;

			send_burst(&sides[turn ^= 1], n, r);
			r->offered += n;
		}
		receive(r);
	}
	r->seconds = (double)(now - start) / (double)hz;
	for (last = now; now - last < hz * DRAIN_MS / 1000; now = rte_rdtsc())
		if (receive(r))
			last = rte_rdtsc();
}

static double percentile_us(uint64_t total, double share)
{
	uint64_t want = (uint64_t)((double)total * share), sum = 0;

	for (uint32_t i = 0; i < BUCKETS; i++) {
		sum += latency[i];
		if (sum > want)
			return (i + 1) * (double)BUCKET_NS / 1000;
	}
	return 0;
}

static void run_command(double pps, double seconds)
{
	struct result r = {0};
	uint64_t n = 0;

	run(pps, seconds, &r);
	for (uint32_t i = 0; i < BUCKETS; i++)
		n += latency[i];
	printf("{\"offered\": %" PRIu64 ", \"sent\": %" PRIu64 ", \"unsent\": %" PRIu64
	       ", \"late\": %" PRIu64 ", \"received\": %" PRIu64 ", \"bad\": %" PRIu64
	       ", \"misordered\": %" PRIu64
	       ", \"seconds\": %.6f, \"p50_us\": %.1f, "
	       "\"p99_us\": %.1f, \"p999_us\": %.1f}\n",
		r.offered, r.sent, r.unsent, r.late, r.received, r.bad, r.misordered, r.seconds,
		percentile_us(n, 0.5), percentile_us(n, 0.99), percentile_us(n, 0.999));
}

static void link_command(void)
{
	int up = 0;

	for (int waited = 0; up < SIDES && waited < LINK_WAIT_MS; waited += 10) {
		up = 0;
		for (int i = 0; i < SIDES; i++) {
			struct rte_eth_link link;

			if (rte_eth_link_get_nowait(sides[i].port, &link) == 0 && link.link_status)
				up++;
		}
		rte_delay_us_sleep(10000);
	}
	printf("{\"up\": %d}\n", up);
}

static void port_start(struct side *s, uint16_t port)
{
	struct rte_eth_conf conf = {0};
	int rc;

	s->port = port;
	if ((rc = rte_eth_dev_configure(port, 1, 1, &conf)) ||
		(rc = rte_eth_rx_queue_setup(port, 0, RING, SOCKET_ID_ANY, NULL, pool)) ||
		(rc = rte_eth_tx_queue_setup(port, 0, RING, SOCKET_ID_ANY, NULL)) ||
		(rc = rte_eth_dev_start(port)) || (rc = rte_eth_macaddr_get(port, &s->mac)))
		rte_exit(1, "port %u cannot be started: %s\n", port, strerror(-rc));
}

static uint32_t address(const char *text)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		rte_exit(1, "'%s' is not an IPv4 address\n", text);
	return a.s_addr;
}

static uint32_t number(const char *text, uint32_t max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || n == 0 || n > max)
		rte_exit(1, "'%s' is not a number from 1 to %u\n", text, max);
	return (uint32_t)n;
}

static void argument(const char *key, const char *value)
{
	struct side *s = &sides[key[0] == 'b'];

	if (!strcmp(key, "flows"))
		n_flows = number(value, 32768);
	else if (!strcmp(key, "port_lo"))
		port_lo = number(value, 65534);
	else if (!strcmp(key, "a_local") || !strcmp(key, "b_local"))
		s->local_be32 = address(value);
	else if (!strcmp(key, "a_net") || !strcmp(key, "b_net"))
		s->net = ntohl(address(value));
	else if (!strcmp(key, "a_mac") || !strcmp(key, "b_mac")) {
		if (rte_ether_unformat_addr(value, &s->box_mac))
			rte_exit(1, "'%s' is not a MAC address\n", value);
	} else
		rte_exit(1, "unknown argument '%s'; see the head of memif_gen.c\n", key);
}

int main(int argc, char **argv)
{
	char line[128];
	int used = rte_eal_init(argc, argv);

	if (used < 0)
		rte_exit(1, "EAL does not start\n");
	for (int i = used + 1; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value)
			rte_exit(1, "'%s' has no '='\n", argv[i]);
		*value++ = 0;
		argument(argv[i], value);
	}
	if (port_lo + 2 * n_flows > 65535)
		rte_exit(1, "%u flows do not fit above port %u\n", n_flows, port_lo);
	if (rte_eth_dev_count_avail() != SIDES)
		rte_exit(1, "two --vdev net_memif... are needed\n");
	pool = rte_pktmbuf_pool_create(
		"gen", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!pool)
		rte_exit(1, "memory is short for %d packets\n", MBUFS);
	tsc_per_bucket = (double)rte_get_tsc_hz() * BUCKET_NS / 1e9;
	for (uint16_t i = 0; i < SIDES; i++) {
		port_start(&sides[i], i);
		template_make(&sides[i]);
		flows_make(&sides[i], i ? 0xb0000000 : 0xa0000000);
	}
	setlinebuf(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		double pps;
		unsigned int ms;

		if (!strncmp(line, "link", 4))
			link_command();
		else if (sscanf(line, "run %lf %u", &pps, &ms) == 2 && pps > 0 && pps < 1e9 &&
			 ms > 0)
			run_command(pps, ms / 1000.0);
		else
			printf("{\"error\": \"link, or run PACKETS_PER_SECOND MILLISECONDS\"}\n");
	}
	return 0;
}
