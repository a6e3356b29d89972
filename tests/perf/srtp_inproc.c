/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What SRTP costs per packet of 160 octets of payload, in one process and on one core:
 *
 *   mode=seal, open            the library alone (dataplane/srtp), bursts of 32 different streams
 *   mode=path-seal, path-open  the whole path of limen-dataplane from a port to a port: a worker
 *                              with every guard, counter and checksum, RTP to SRTP and SRTP to RTP
 *   mode=libsrtp-seal, libsrtp-open  Debian's libsrtp2, for comparison
 *
 *   srtp_inproc EAL-OPTIONS -- mode=path-seal suite=cm streams=200 runs=5 seconds=0.5
 *
 * Packets are made (and for opening sealed) in advance and not timed; the figure of a run is the
 * median over its batches by the TSC. What comes out is checked: its number always, and of the
 * first batch each tag and each octet.
 */
#include "dataplane/srtp/srtp.h"
#include "tests/unit/dataplane/rig.h"

#include <arpa/inet.h>
#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH	    1024
#define PAYLOAD	    160
#define RTP_LEN	    (12 + PAYLOAD)
#define HEADERS	    (14 + 20 + 8)
#define PORT_FIRST  10000
#define STREAMS_MAX 20000
#define BATCHES_MAX 200000

struct plan {
	const char *mode;
	enum dp_srtp_suite suite;
	uint32_t n_streams, runs;
	double seconds;
	bool path, libsrtp, open;
	struct srtp_engine *engine;
	struct srtp_ctx **tx, **rx; /* of the far ends, and of the library under test */
	struct dp_srtp_flow *to, *from;
	srtp_t *libsrtp_tx, *libsrtp_rx;
	uint64_t *seq;
	uint32_t pos;
	struct rig *rig;
};

static struct dp_srtp key_of(const struct plan *plan, uint32_t stream)
{
	const struct dp_srtp_suite_info *info = dp_srtp_suite(plan->suite);
	struct dp_srtp key = {.suite = (uint8_t)plan->suite};

	for (unsigned int i = 0; i < info->key_len + info->salt_len; i++)
		key.key[i] = (uint8_t)(stream * 31 + i * 7 + 1);
	return key;
}

static void *zeroed(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		rte_exit(1, "memory\n");
	return p;
}

static srtp_t libsrtp_new(const struct plan *plan, uint32_t stream)
{
	struct dp_srtp key = key_of(plan, stream);
	srtp_profile_t profile = plan->suite == DP_SRTP_GCM_128 ? srtp_profile_aead_aes_128_gcm
								: srtp_profile_aes128_cm_sha1_80;
	srtp_policy_t policy = {
		.window_size = 128, .key = key.key, .ssrc = {ssrc_specific, 0x5a000000 + stream}};
	srtp_t s;

	srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile);
	srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile);
	if (srtp_create(&s, &policy) != srtp_err_status_ok)
		rte_exit(1, "libsrtp2\n");
	return s;
}

static struct ipaddr make_ip(uint32_t ip, uint16_t port)
{
	struct ipaddr addr = {.family = 4, .port_be16 = htons(port)};

	ip = htonl(ip);
	memcpy(addr.ip, &ip, 4);
	return addr;
}

static void session_new(struct plan *plan, uint32_t i)
{
	struct dp_session s = {.id = i + 1};

	for (uint32_t leg = 0; leg < DP_LEGS; leg++)
		s.leg[leg] = (struct dp_leg){.local = make_ip(leg ? 0x0a030001 : 0x0a020001,
						     (uint16_t)(PORT_FIRST + 2 * i)),
			.remote_rtp = make_ip((leg ? 0xac100001 : 0x0a100001) + i, 20000),
			.flags = DP_LEG_SEND | DP_LEG_RECV,
			.dscp = 46,
			.n_payloads = 1,
			.payloads = {{.pt = 0, .clock_hz = 8000}}};
	struct dp_leg *sealed = &s.leg[plan->open ? 0 : 1];
	sealed->rx = sealed->tx = key_of(plan, i);
	if (rig_session(plan->rig, 2 * i, &s, 0, 1, 0, 0, false) < 0)
		rte_exit(1, "session %u\n", i);
}

static void set_up(struct plan *plan)
{
	struct srtp_choice choice;

	if (srtp_choose(&choice) < 0 || srtp_engine_new(&choice, &plan->engine) < 0)
		rte_exit(1, "no SRTP\n");
	plan->tx = zeroed(plan->n_streams, sizeof(*plan->tx));
	plan->rx = zeroed(plan->n_streams, sizeof(*plan->rx));
	plan->to = zeroed(plan->n_streams, sizeof(*plan->to));
	plan->from = zeroed(plan->n_streams, sizeof(*plan->from));
	plan->seq = zeroed(plan->n_streams, sizeof(*plan->seq));
	plan->libsrtp_tx = zeroed(plan->n_streams, sizeof(srtp_t));
	plan->libsrtp_rx = zeroed(plan->n_streams, sizeof(srtp_t));
	for (uint32_t i = 0; i < plan->n_streams; i++) {
		struct dp_srtp key = key_of(plan, i);
		if (srtp_ctx_new(plan->engine, &key, &plan->tx[i]) < 0 ||
			srtp_ctx_new(plan->engine, &key, &plan->rx[i]) < 0)
			rte_exit(1, "contexts\n");
		if (plan->libsrtp) {
			plan->libsrtp_tx[i] = libsrtp_new(plan, i);
			plan->libsrtp_rx[i] = libsrtp_new(plan, i);
		}
	}
	struct rig_conf conf = {.n_workers = 1,
		.n_streams = 2 * plan->n_streams,
		.n_ports = 1,
		.n_mbufs = 8191,
		.srtp = choice};
	plan->rig = rig_new(&conf);
	rig_addr(plan->rig, 0, "10.2.0.1", PORT_FIRST, PORT_FIRST + 2 * STREAMS_MAX - 1, 0);
	rig_addr(plan->rig, 1, "10.3.0.1", PORT_FIRST, PORT_FIRST + 2 * STREAMS_MAX - 1, 0);
	for (uint32_t i = 0; i < plan->n_streams && plan->path; i++)
		session_new(plan, i);
}

static void fill_rtp(uint8_t *p, uint32_t stream, uint16_t seq)
{
	uint16_t v16 = htons(seq);
	uint32_t v32 = htonl((uint32_t)seq * PAYLOAD);

	memset(p, 0x55, RTP_LEN);
	p[0] = 0x80;
	p[1] = 0;
	memcpy(p + 2, &v16, 2);
	memcpy(p + 4, &v32, 4);
	v32 = htonl(0x5a000000 + stream);
	memcpy(p + 8, &v32, 4);
}

/* Headers of a frame from leg A's far end, around len octets; checksums are right. */
static void fill_headers(const struct plan *plan, struct rte_mbuf *m, uint32_t i, uint32_t len)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *), built[RIG_FRAME],
		rtp[RTP_LEN + SRTP_GROWTH];
	char src[INET_ADDRSTRLEN];
	struct in_addr ip = {htonl(0x0a100001 + i)};
	struct rig_frame f = {.src = inet_ntop(AF_INET, &ip, src, sizeof(src)),
		.dst = "10.2.0.1",
		.sport = 20000,
		.dport = (uint16_t)(PORT_FIRST + 2 * i),
		.payload = rtp,
		.payload_len = (uint16_t)len};

	memcpy(f.dst_mac, plan->rig->mac[0], 6);
	memcpy(rtp, frame + HEADERS, len);
	uint32_t all = rig_build(&f, built);
	memcpy(frame, built, HEADERS);
	m->data_len = (uint16_t)all;
	m->pkt_len = all;
}

/* BATCH packets, plain or sealed as the mode wants them. streams: of each. */
static void make_batch(struct plan *plan, struct rte_mbuf **m, uint32_t *streams)
{
	struct srtp_pkt pkts[SRTP_BURST];

	if (rte_pktmbuf_alloc_bulk(plan->rig->pool, m, BATCH) != 0)
		rte_exit(1, "out of packets\n");
	for (unsigned int at = 0; at < BATCH; at += SRTP_BURST) {
		for (unsigned int i = 0; i < SRTP_BURST; i++) {
			uint32_t s = streams[at + i] = plan->pos++ % plan->n_streams;
			uint8_t *rtp = rte_pktmbuf_mtod(m[at + i], uint8_t *) + HEADERS;
			fill_rtp(rtp, s, (uint16_t)plan->seq[s]++);
			pkts[i] = (struct srtp_pkt){.data = rtp,
				.len = RTP_LEN,
				.ctx = plan->tx[s],
				.flow = &plan->to[s]};
		}
		if (plan->open)
			srtp_seal(plan->engine, pkts, SRTP_BURST);
		for (unsigned int i = 0; i < SRTP_BURST; i++)
			fill_headers(plan, m[at + i], streams[at + i], pkts[i].len);
	}
}

static void library(struct plan *plan, struct rte_mbuf **m, const uint32_t *streams)
{
	struct srtp_pkt pkts[SRTP_BURST];

	for (unsigned int at = 0; at < BATCH; at += SRTP_BURST) {
		for (unsigned int i = 0; i < SRTP_BURST; i++) {
			uint32_t s = streams[at + i];
			pkts[i] = (struct srtp_pkt){
				.data = rte_pktmbuf_mtod(m[at + i], uint8_t *) + HEADERS,
				.len = m[at + i]->data_len - HEADERS,
				.ctx = plan->open ? plan->rx[s] : plan->tx[s],
				.flow = plan->open ? &plan->from[s] : &plan->to[s]};
		}
		if (plan->open)
			srtp_open(plan->engine, pkts, SRTP_BURST);
		else
			srtp_seal(plan->engine, pkts, SRTP_BURST);
		for (unsigned int i = 0; i < SRTP_BURST; i++) {
			if (pkts[i].result != SRTP_OK)
				rte_exit(1, "result %u\n", pkts[i].result);
			m[at + i]->data_len = (uint16_t)(HEADERS + pkts[i].len);
		}
	}
}

static void with_libsrtp(struct plan *plan, struct rte_mbuf **m, const uint32_t *streams)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		uint8_t *rtp = rte_pktmbuf_mtod(m[i], uint8_t *) + HEADERS;
		int len = m[i]->data_len - HEADERS;
		if (plan->open ? srtp_unprotect(plan->libsrtp_rx[streams[i]], rtp, &len)
			       : srtp_protect(plan->libsrtp_tx[streams[i]], rtp, &len))
			rte_exit(1, "libsrtp2 refuses a packet\n");
		m[i]->data_len = (uint16_t)(HEADERS + len);
	}
}

/* What came out is what must: opened by the far end's context, it is the packet that was made. */
static void check_out(struct plan *plan, struct rte_mbuf **m, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *rtp = rte_pktmbuf_mtod(m[i], uint8_t *) + HEADERS, want[RTP_LEN];
		uint32_t ssrc, stream;
		memcpy(&ssrc, rtp + 8, 4);
		stream = ntohl(ssrc) - 0x5a000000;
		struct dp_srtp_flow flow = {0};
		struct srtp_pkt p = {.data = rtp,
			.len = m[i]->data_len - HEADERS,
			.ctx = plan->rx[stream % plan->n_streams],
			.flow = &flow};
		if (!plan->open)
			srtp_open(plan->engine, &p, 1);
		fill_rtp(want, stream, (uint16_t)(rtp[2] << 8 | rtp[3]));
		if (p.result != SRTP_OK || p.len != RTP_LEN || memcmp(rtp, want, RTP_LEN) != 0)
			rte_exit(1, "packet %u came out wrong\n", i);
	}
}

/* One batch; cycles per packet. */
static double batch(struct plan *plan, bool check)
{
	static struct rte_mbuf *m[BATCH];
	static uint32_t streams[BATCH];
	unsigned int n = BATCH;

	make_batch(plan, m, streams);
	if (plan->path && rte_ring_enqueue_bulk(plan->rig->rx[0], (void **)m, BATCH, NULL) != BATCH)
		rte_exit(1, "the ring is too small\n");
	uint64_t t0 = rte_rdtsc_precise();
	if (plan->path)
		rig_run(plan->rig);
	else if (plan->libsrtp)
		with_libsrtp(plan, m, streams);
	else
		library(plan, m, streams);
	uint64_t t1 = rte_rdtsc_precise();
	if (plan->path)
		n = rte_ring_dequeue_burst(plan->rig->tx[0][0], (void **)m, BATCH, NULL);
	if (n != BATCH)
		rte_exit(1, "%u of %u packets came out\n", n, BATCH);
	if (check)
		check_out(plan, m, n);
	rte_pktmbuf_free_bulk(m, n);
	return (double)(t1 - t0) / BATCH;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(struct plan *plan)
{
	double hz = (double)rte_get_tsc_hz();
	double *cycles = zeroed(BATCHES_MAX, sizeof(double));
	double *med = zeroed(plan->runs, sizeof(double));

	batch(plan, true);
	for (uint32_t r = 0; r < plan->runs; r++) {
		uint64_t end = rte_rdtsc() + (uint64_t)(plan->seconds * hz);
		size_t n = 0;
		while (n == 0 || (rte_rdtsc() < end && n < BATCHES_MAX))
			cycles[n++] = batch(plan, false);
		qsort(cycles, n, sizeof(double), by_value);
		med[r] = cycles[n / 2];
	}
	qsort(med, plan->runs, sizeof(double), by_value);
	double m = med[plan->runs / 2];
	printf("srtp_inproc mode=%s suite=%s streams=%u engine=%s: ns min/med/max %.1f/%.1f/%.1f"
	       "  Mpps(med) %.4f\n",
		plan->mode, dp_srtp_suite(plan->suite)->name, plan->n_streams,
		srtp_backend_name(plan->suite == DP_SRTP_GCM_128 ? plan->rig->conf.srtp.gcm
								 : plan->rig->conf.srtp.cm),
		med[0] / hz * 1e9, m / hz * 1e9, med[plan->runs - 1] / hz * 1e9, hz / m / 1e6);
	free(cycles);
	free(med);
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
		if (value)
			*value++ = '\0';
		if (value && !strcmp(argv[i], "mode"))
			plan->mode = value;
		else if (value && !strcmp(argv[i], "suite"))
			plan->suite = !strcmp(value, "gcm") ? DP_SRTP_GCM_128
							    : DP_SRTP_CM_128_SHA1_80;
		else if (value && !strcmp(argv[i], "streams"))
			plan->n_streams = (uint32_t)strtoul(value, NULL, 10);
		else if (value && !strcmp(argv[i], "runs"))
			plan->runs = (uint32_t)strtoul(value, NULL, 10);
		else if (value && !strcmp(argv[i], "seconds"))
			plan->seconds = strtod(value, NULL);
		else
			rte_exit(1, "srtp_inproc: %s?\n", argv[i]);
	}
	plan->path = !strncmp(plan->mode, "path-", 5);
	plan->libsrtp = !strncmp(plan->mode, "libsrtp-", 8);
	const char *op = strrchr(plan->mode, '-') ? strrchr(plan->mode, '-') + 1 : plan->mode;
	plan->open = !strcmp(op, "open");
	if ((!plan->open && strcmp(op, "seal") != 0) || plan->n_streams < SRTP_BURST ||
		plan->n_streams > STREAMS_MAX || !plan->runs)
		rte_exit(1, "mode=[path-|libsrtp-]seal|open streams=%u..%u runs=1..\n", SRTP_BURST,
			STREAMS_MAX);
}

int main(int argc, char **argv)
{
	struct plan plan = {.mode = "path-seal",
		.suite = DP_SRTP_CM_128_SHA1_80,
		.n_streams = 200,
		.runs = 5,
		.seconds = 0.5};
	int n = rte_eal_init(argc, argv);

	if (n < 0)
		rte_exit(1, "EAL does not start\n");
	parse(&plan, argc - n - 1, argv + n + 1);
	if (srtp_init() != srtp_err_status_ok)
		rte_exit(1, "libsrtp2\n");
	set_up(&plan);
	measure(&plan);
	if (plan.path)
		show_stages(plan.rig);
	rig_free(plan.rig);
	return 0;
}
