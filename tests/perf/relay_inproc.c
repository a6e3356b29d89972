/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one worker of limen-dataplane costs per relayed packet: the product's own workers and
 * stages, with every guard, counter and statistic on, turned by hand on a port made of rings, so
 * that neither the kernel nor a second core is in the way.
 *
 * 2048 G.711 packets with right sequence numbers and timestamps are made in packet memory (not
 * timed), then workers are turned until all of them have left (timed by the TSC). The figure of a
 * run is the median over its batches, so that preemption by other processes drops out; the streams
 * are visited in a shuffled order. Before that, one packet of every stream is sent through, and
 * what comes out is checked against the configuration, with checksums computed from nothing.
 *
 *   relay_inproc EAL-OPTIONS -- streams=100000 runs=5 seconds=0.5 workers=1
 *
 * workers=N turns N workers one after the other: the price of handing packets over.
 * edit=pt gives each packet another payload type on its way, edit=law makes PCMA of PCMU.
 */
#include "dataplane/transcode/g711_map.h"
#include "tests/unit/dataplane/rig.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BATCH		2048
#define PAYLOAD		160
#define PORT_FIRST	10000
#define SESSIONS_PER_IP 25000
#define BATCHES_MAX	2000000

struct plan {
	uint32_t n_streams, n_workers, runs;
	enum { EDIT_NONE, EDIT_PT, EDIT_LAW } edit;
	double seconds;
	uint32_t *order, pos;
	uint16_t *seq;
};

static uint32_t local_ip(uint32_t stream)
{
	return (stream & 1 ? 0x0a030001 : 0x0a020001) + stream / 2 / SESSIONS_PER_IP;
}

static uint16_t local_port(uint32_t stream)
{
	return (uint16_t)(PORT_FIRST + 2 * (stream / 2 % SESSIONS_PER_IP));
}

static uint32_t remote_ip(uint32_t stream)
{
	return (stream & 1 ? 0xac100001 : 0x0a100001) + stream / 2 % 65000;
}

static uint16_t remote_port(uint32_t stream)
{
	return (uint16_t)(20000 + 2 * (stream / 2 / 65000));
}

static struct ipaddr make_ip(uint32_t ip, uint16_t port)
{
	struct ipaddr addr = {.family = 4, .port_be16 = htons(port)};

	ip = htonl(ip);
	memcpy(addr.ip, &ip, 4);
	return addr;
}

static uint8_t addr_index(uint32_t stream)
{
	return (uint8_t)(stream / 2 / SESSIONS_PER_IP * 2 + (stream & 1));
}

/* What is to change in the packets of leg. */
static void set_edit(struct dp_session *session, const struct plan *plan, uint32_t leg)
{
	struct dp_payload *p = &session->leg[leg].payloads[0];

	if (plan->edit == EDIT_PT) {
		p->action = DP_PT_RENUMBER;
		p->pt_out = 96;
	} else if (plan->edit == EDIT_LAW) {
		p->action = DP_PT_TRANSCODE;
		p->codec = DP_CODEC_PCMU;
		session->leg[!leg].send = (struct dp_send){.codec = DP_CODEC_PCMA, .pt = 8};
	}
}

static void set_up(struct rig *rig, const struct plan *plan)
{
	char text[INET_ADDRSTRLEN];
	uint32_t n_streams = plan->n_streams;

	for (uint32_t i = 0; i < ((n_streams + 1) & ~1u); i++) {
		struct in_addr ip = {htonl(local_ip(i))};
		if (i / 2 % SESSIONS_PER_IP == 0)
			rig_addr(rig, addr_index(i), inet_ntop(AF_INET, &ip, text, sizeof(text)),
				PORT_FIRST, PORT_FIRST + 2 * SESSIONS_PER_IP - 1, 0);
	}
	for (uint32_t i = 0; i < n_streams; i += 2) {
		struct dp_session session = {.id = i + 1, .call_id = i + 1};
		for (uint32_t leg = 0; leg < DP_LEGS; leg++)
			session.leg[leg] = (struct dp_leg){
				.local = make_ip(local_ip(i + leg), local_port(i + leg)),
				.remote_rtp = make_ip(remote_ip(i + leg), remote_port(i + leg)),
				.flags = DP_LEG_SEND | DP_LEG_RECV,
				.dscp = 46,
				.n_payloads = 2,
				.payloads = {{.pt = 0, .clock_hz = 8000}, {.pt = 101}}};
		for (uint32_t leg = 0; leg < DP_LEGS; leg++)
			set_edit(&session, plan, leg);
		int r = rig_session(
			rig, i, &session, addr_index(i), addr_index(i + 1), 0, 0, false);
		if (r < 0)
			rte_exit(1, "session %u: %d\n", i, r);
	}
}

/* The next packet of a stream, as its phone would send it. */
static void fill(const struct rig *rig, struct rte_mbuf *m, uint32_t stream, uint16_t seq)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 2, 2};
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	const uint16_t udp_len = 8 + 12 + PAYLOAD;
	uint16_t v16;
	uint32_t v32, sum = 0;
	uint8_t *ip = p + 14, *udp = ip + 20;
	static const uint8_t head[12] = {0x45, 0xb8, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0};

	memcpy(p, rig->mac[0], 6);
	memcpy(p + 6, mac, 6);
	memcpy(p + 12, "\x08\x00", 2);
	memcpy(ip, head, 12);
	v16 = htons(20 + udp_len);
	memcpy(ip + 2, &v16, 2);
	memcpy(ip + 4, &seq, 2);
	v32 = htonl(remote_ip(stream));
	memcpy(ip + 12, &v32, 4);
	v32 = htonl(local_ip(stream));
	memcpy(ip + 16, &v32, 4);
	for (int i = 0; i < 20; i += 2) {
		memcpy(&v16, ip + i, 2);
		sum += v16;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	v16 = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
	memcpy(ip + 10, &v16, 2);
	v16 = htons(remote_port(stream));
	memcpy(udp, &v16, 2);
	v16 = htons(local_port(stream));
	memcpy(udp + 2, &v16, 2);
	v16 = htons(udp_len);
	memcpy(udp + 4, &v16, 2);
	memcpy(udp + 6, "\x12\x34", 2); /* only carried on; the check before makes a right one */
	v32 = htonl(0x5a000000 + stream);
	memcpy(udp + 16, &v32, 4);
	udp[8] = 0x80;
	udp[9] = 0;
	v16 = htons(seq);
	memcpy(udp + 10, &v16, 2);
	v32 = htonl((uint32_t)seq * PAYLOAD);
	memcpy(udp + 12, &v32, 4);
	m->data_len = 14 + 20 + udp_len;
	m->pkt_len = m->data_len;
}

/* One packet of each stream through all of it, compared with what must come out. */
static void check(struct rig *rig, struct plan *plan)
{
	for (uint32_t i = 0; i < plan->n_streams; i++) {
		uint8_t in[RIG_FRAME], out[RIG_FRAME], rtp[256];
		char src[INET_ADDRSTRLEN], dst[INET_ADDRSTRLEN];
		struct in_addr a = {htonl(remote_ip(i))}, b = {htonl(local_ip(i))};
		struct rig_frame frame = {.src = inet_ntop(AF_INET, &a, src, sizeof(src)),
			.dst = inet_ntop(AF_INET, &b, dst, sizeof(dst)),
			.sport = remote_port(i),
			.dport = local_port(i),
			.payload = rtp,
			.tos = 0x03};
		uint16_t seq = plan->seq[i]++;

		memcpy(frame.dst_mac, rig->mac[0], 6);
		frame.payload_len = rig_rtp(
			rtp, 0, seq, (uint32_t)seq * PAYLOAD, 0x5a000000 + i, PAYLOAD);
		uint32_t len = rig_build(&frame, in);
		rig_put(rig, 0, in, len);
		rig_run(rig);
		if (plan->edit != EDIT_NONE)
			rtp[1] = plan->edit == EDIT_PT ? 96 : 8;
		if (plan->edit == EDIT_LAW)
			(void)g711_map_payload(rtp + 12, PAYLOAD, true);
		uint32_t want_src = htonl(local_ip(i ^ 1)), want_dst = htonl(remote_ip(i ^ 1));
		uint16_t want_sport = htons(local_port(i ^ 1)),
			 want_dport = htons(remote_port(i ^ 1));
		if (rig_get(rig, 0, out) != len || rig_checksums(out, len) ||
			memcmp(out + 26, &want_src, 4) || memcmp(out + 30, &want_dst, 4) ||
			memcmp(out + 34, &want_sport, 2) || memcmp(out + 36, &want_dport, 2) ||
			out[15] != (46 << 2 | 3) || memcmp(out + 42, rtp, frame.payload_len))
			rte_exit(1, "the packet of stream %u came out wrong\n", i);
	}
}

static int perf_open(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One batch; cycles per packet. */
static double batch(struct rig *rig, struct plan *plan, int perf)
{
	static struct rte_mbuf *m[BATCH];
	unsigned int n = 0;

	if (rte_pktmbuf_alloc_bulk(rig->pool, m, BATCH) != 0)
		rte_exit(1, "out of packets\n");
	for (unsigned int i = 0; i < BATCH; i++) {
		uint32_t stream = plan->order[plan->pos];
		if (++plan->pos == plan->n_streams)
			plan->pos = 0;
		fill(rig, m[i], stream, plan->seq[stream]++);
	}
	if (rte_ring_enqueue_bulk(rig->rx[0], (void **)m, BATCH, NULL) != BATCH)
		rte_exit(1, "the ring is too small\n");
	if (perf >= 0)
		ioctl(perf, PERF_EVENT_IOC_ENABLE, 0);
	uint64_t t0 = rte_rdtsc_precise();
	rig_run(rig);
	uint64_t t1 = rte_rdtsc_precise();
	if (perf >= 0)
		ioctl(perf, PERF_EVENT_IOC_DISABLE, 0);
	for (uint16_t q = 0; q < rig->conf.n_txq; q++)
		n += rte_ring_dequeue_burst(rig->tx[0][q], (void **)(m + n), BATCH - n, NULL);
	if (n != BATCH)
		rte_exit(1, "%u of %u packets were relayed\n", n, BATCH);
	rte_pktmbuf_free_bulk(m, n);
	return (double)(t1 - t0) / BATCH;
}

static void measure(struct rig *rig, struct plan *plan)
{
	double hz = (double)rte_get_tsc_hz();
	double *cycles = calloc(BATCHES_MAX, sizeof(double));
	double *med = calloc(plan->runs, sizeof(double)), *low = calloc(plan->runs, sizeof(double));
	uint64_t packets = 0, instructions = 0;
	int perf = perf_open();
	char text[32] = "n/a";

	if (!cycles || !med || !low)
		rte_exit(1, "memory\n");
	for (uint32_t r = 0; r < plan->runs; r++) {
		uint64_t end = rte_rdtsc() + (uint64_t)(plan->seconds * hz);
		size_t n = 0;
		while (n == 0 || (rte_rdtsc() < end && n < BATCHES_MAX)) {
			cycles[n++] = batch(rig, plan, perf);
			packets += BATCH;
		}
		qsort(cycles, n, sizeof(double), by_value);
		med[r] = cycles[n / 2];
		low[r] = cycles[n / 100];
	}
	if (perf >= 0 && read(perf, &instructions, sizeof(instructions)) == sizeof(instructions) &&
		instructions)
		snprintf(text, sizeof(text), "%.1f", (double)instructions / (double)packets);
	qsort(med, plan->runs, sizeof(double), by_value);
	qsort(low, plan->runs, sizeof(double), by_value);
	double m = med[plan->runs / 2], worst = med[plan->runs - 1];
	printf("relay_inproc streams=%u workers=%u hugepages=%d packets=%" PRIu64
	       ": cycles/pkt min/med/max %.1f/%.1f/%.1f  ns %.1f/%.1f/%.1f  Mpps(med) %.2f"
	       "  1%%-quantile %.1f cyc  instructions/pkt %s\n",
		plan->n_streams, plan->n_workers, rig->stats_on_hugepages, packets, med[0], m,
		worst, med[0] / hz * 1e9, m / hz * 1e9, worst / hz * 1e9, hz / m / 1e6,
		low[plan->runs / 2], text);
	free(cycles);
	free(med);
	free(low);
}

static void show_stages(const struct rig *rig)
{
	static const char *const names[] = {
#define X(sym, name) name,
		DP_STAGES(X)
#undef X
	};
	struct dp_worker_stats sum;

	rig_totals(rig, &sum);
	printf("stages, cycles/pkt (sampled):");
	for (unsigned int i = 0; i < DP_STAGE_N; i++)
		if (sum.stages[i].sampled)
			printf(" %s %.1f", names[i],
				(double)sum.stages[i].cycles / (double)sum.stages[i].sampled);
	printf("\n");
}

static void parse(struct plan *plan, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		char *value = strchr(argv[i], '=');
		size_t n = value ? (size_t)(value++ - argv[i]) : 0;
		if (n == 7 && (!strncmp(argv[i], "streams", n)))
			plan->n_streams = (uint32_t)strtoul(value, NULL, 10);
		else if (n == 5 && !strncmp(argv[i], "flows", n))
			plan->n_streams = (uint32_t)strtoul(value, NULL, 10);
		else if (n == 7 && !strncmp(argv[i], "workers", n))
			plan->n_workers = (uint32_t)strtoul(value, NULL, 10);
		else if (n == 4 && !strncmp(argv[i], "runs", n))
			plan->runs = (uint32_t)strtoul(value, NULL, 10);
		else if (n == 4 && !strncmp(argv[i], "edit", n))
			plan->edit = strcmp(value, "law") == 0	? EDIT_LAW
				     : strcmp(value, "pt") == 0 ? EDIT_PT
								: EDIT_NONE;
		else if (n == 7 && !strncmp(argv[i], "seconds", n))
			plan->seconds = strtod(value, NULL);
		else
			rte_exit(1,
				"usage: relay_inproc EAL-OPTIONS -- streams=N workers=N runs=N"
				" seconds=S edit=none|pt|law\n");
	}
	if (plan->n_streams < 1 || plan->n_streams > 32 * 2 * SESSIONS_PER_IP || !plan->runs ||
		plan->n_workers < 1 || plan->n_workers > DP_WORKERS_MAX)
		rte_exit(1, "streams=1..%u workers=1..%u runs=1..\n", 32 * 2 * SESSIONS_PER_IP,
			DP_WORKERS_MAX);
}

int main(int argc, char **argv)
{
	struct plan plan = {.n_streams = 100000, .n_workers = 1, .runs = 5, .seconds = 0.5};
	int n = rte_eal_init(argc, argv);

	if (n < 0)
		rte_exit(1, "EAL does not start\n");
	parse(&plan, argc - n - 1, argv + n + 1);
	struct rig_conf conf = {.n_workers = plan.n_workers,
		.n_streams = plan.n_streams + (plan.n_streams & 1),
		.n_ports = 1,
		.n_mbufs = 16383};
	struct rig *rig = rig_new(&conf);
	plan.order = calloc(plan.n_streams, sizeof(*plan.order));
	plan.seq = calloc(plan.n_streams, sizeof(*plan.seq));
	if (!plan.order || !plan.seq)
		rte_exit(1, "memory\n");
	srand(7);
	for (uint32_t i = 0; i < plan.n_streams; i++) {
		uint32_t k = (uint32_t)((((uint64_t)rand() << 31) ^ (uint64_t)rand()) % (i + 1));
		plan.order[i] = plan.order[k];
		plan.order[k] = i;
	}
	set_up(rig, &plan);
	check(rig, &plan);
	measure(rig, &plan);
	show_stages(rig);
	rig_free(rig);
	free(plan.order);
	free(plan.seq);
	return 0;
}
