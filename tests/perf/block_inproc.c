/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a packet of SIP for Linux costs a worker of limen-dataplane with so many blocked sources: the
 * product's own worker on a port made of rings (rig.h), turned by hand. All packets are of sources that are
 * blocked, or of none that is; each of another one, so that the table is not in the cache.
 *
 *   block_inproc BLOCKS drop|pass BURSTS
 *
 * Prints nanoseconds per packet (median of the bursts); ./bench counts instructions by callgrind.
 */
#include "dataplane/core/worker_priv.h"
#include "tests/unit/dataplane/rig.h"

#include <arpa/inet.h>
#include <rte_cycles.h>
#include <rte_debug.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST 32

static struct block_key key_of(uint32_t i)
{
	struct block_key key = {.scope = 1, .len = 32};
	uint32_t ip = htonl(0x0a000000 + i);

	memcpy(key.ip, &ip, 4);
	return key;
}

static void blocks_fill(struct rig *rig, uint32_t n)
{
	struct worker_block *changes = calloc(DP_BLOCKS_BATCH, sizeof(*changes));
	struct worker_msg msg = {.op = WORKER_BLOCKS};

	msg.blocks.buckets = worker_blocks_new();
	msg.blocks.scopes_set = true;
	msg.blocks.scopes[0] = 1;
	msg.blocks.changes = changes;
	for (uint32_t i = 0; i <= n; i += DP_BLOCKS_BATCH) {
		msg.blocks.n = 0;
		for (uint32_t k = i; k < n && k < i + DP_BLOCKS_BATCH; k++)
			changes[msg.blocks.n++] = (struct worker_block){
				.key = key_of(k), .row = k, .until_tsc = UINT64_MAX};
		if (rig_post(rig, 0, &msg) != 0)
			rte_exit(1, "blocks are refused\n");
		msg.blocks.buckets = NULL;
	}
	free(changes);
}

static struct rte_mbuf *packet(struct rig *rig, uint32_t src)
{
	static const uint8_t head[] = {0x45, 0, 1, 0xf4, 0, 0, 0x40, 0, 64, 17, 0, 0};
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig->pool);
	uint8_t *p = m ? (uint8_t *)rte_pktmbuf_append(m, 14 + 500) : NULL;
	uint32_t sum = 0;

	if (!p)
		rte_exit(1, "no packets\n");
	memset(p, 0, 14 + 500);
	memcpy(p, rig->mac[0], 6);
	p[12] = 8;
	memcpy(p + 14, head, sizeof(head));
	src = htonl(src);
	memcpy(p + 26, &src, 4);
	memcpy(p + 30, "\xc0\x00\x02\x01", 4);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(p[14 + i] << 8 | p[15 + i]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	p[24] = (uint8_t)(sum >> 8);
	p[25] = (uint8_t)sum;
	memcpy(p + 34, "\x13\xc4\x13\xc4\x01\xe0", 6);
	return m;
}

static int by_value(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

int main(int argc, char **argv)
{
	struct rig_conf conf = {.n_workers = 1, .n_streams = RIG_SLOTS, .n_ports = 1};
	struct dp_police police = {.n_sip_ports = 1, .sip_ports = {5060}};
	uint32_t n_blocks = argc > 3 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0, n_punts = 0;
	uint32_t bursts = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	bool drop = argc > 3 && strcmp(argv[2], "drop") == 0;
	struct rte_mbuf *m[BURST];
	double *cycles = calloc(bursts ? bursts : 1, sizeof(*cycles));

	if (!bursts || n_blocks > DP_BLOCKS_MAX || (drop && !n_blocks) || !cycles) {
		fprintf(stderr, "usage: block_inproc BLOCKS drop|pass BURSTS\n");
		return 1;
	}
	rig_eal("block_inproc");
	struct rig *rig = rig_new(&conf);
	rig_police(rig, &police);
	blocks_fill(rig, n_blocks);
	for (uint32_t b = 0; b < bursts; b++) {
		for (uint32_t i = 0; i < BURST; i++) {
			uint32_t at = (b * BURST + i) * 2654435761u;
			m[i] = packet(rig,
				drop ? 0x0a000000 + at % n_blocks : 0x0b000000 + at % 0x1000000);
		}
		if (rte_ring_enqueue_bulk(rig->rx[0], (void **)m, BURST, NULL) != BURST)
			rte_exit(1, "the ring is too small\n");
		uint64_t t0 = rte_rdtsc_precise();
		(void)worker_turn(rig->group, 0);
		cycles[b] = (double)(rte_rdtsc_precise() - t0) / BURST;
		uint32_t n = worker_punts(rig->group, m, BURST);
		n_punts += n;
		if (n)
			rte_pktmbuf_free_bulk(m, n);
	}
	if (n_punts != (drop ? 0 : bursts * BURST))
		rte_exit(1, "%u of %u packets went up\n", n_punts, bursts * BURST);
	qsort(cycles, bursts, sizeof(*cycles), by_value);
	printf("block_inproc blocks=%u %s: %.1f ns/packet\n", n_blocks, argv[2],
		cycles[bursts / 2] / (double)rte_get_tsc_hz() * 1e9);
	return 0;
}
