/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The statistics segment, mapped and checked; see segment.h. */
#include "controlplane/media/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "dataplane/session/stream.h"

/* The clock of the segment's time stamps: the counter that rte_rdtsc() reads. */
static uint64_t tsc_now(void)
{
#if defined(__x86_64__)
	return __rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
#error "the time stamp counter of this processor is not known here"
#endif
}

static bool array_fits(uint64_t len, uint64_t off, uint64_t n, uint64_t size)
{
	return off % 8 == 0 && off <= len && n <= (len - off) / size;
}

static bool header_ok(const struct dp_stats_header *h, const struct dp_hello_reply *hello)
{
	uint64_t len = hello->stats_len;

	return h->magic == DP_STATS_MAGIC && h->version == DP_STATS_VERSION &&
	       h->boot_id == hello->boot_id && h->n_workers == hello->n_workers &&
	       h->n_workers >= 1 && h->n_workers <= DP_WORKERS_MAX && h->n_ports <= DP_PORTS_MAX &&
	       h->n_drops == DP_DROP_N && h->tsc_hz > 0 &&
	       array_fits(len, h->off_workers, h->n_workers, sizeof(struct dp_worker_stats)) &&
	       h->n_mcores <= DP_MCORES_MAX &&
	       array_fits(len, h->off_mcores, h->n_mcores, sizeof(struct dp_mcore_stats)) &&
	       array_fits(len, h->off_loads, h->n_workers + h->n_mcores,
		       sizeof(struct dp_core_load)) &&
	       array_fits(len, h->off_ports, h->n_ports, sizeof(struct dp_port_stats)) &&
	       array_fits(len, h->off_streams, h->n_streams, sizeof(struct dp_stream_stats)) &&
	       array_fits(len, h->off_rare, h->n_streams, sizeof(struct dp_stream_rare)) &&
	       array_fits(len, h->off_srtp, h->n_streams, sizeof(struct dp_stream_srtp)) &&
	       array_fits(len, h->off_acls, DP_ACLS_MAX, sizeof(struct dp_acl_info)) &&
	       array_fits(len, h->off_acl_counts,
		       (uint64_t)h->n_workers * DP_ACLS_MAX * DP_ACL_ROWS, sizeof(uint64_t)) &&
	       array_fits(len, h->off_block_counts, (uint64_t)h->n_workers * DP_BLOCKS_MAX,
		       sizeof(uint64_t));
}

int segment_map(int fd, const struct dp_hello_reply *hello, struct segment_map *ret_map)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & F_SEAL_SHRINK) == 0)
		return -EPERM;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (hello->stats_len < sizeof(struct dp_stats_header) ||
		(uint64_t)st.st_size < hello->stats_len)
		return -EPROTO;
	void *p = mmap(NULL, hello->stats_len, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	const struct dp_stats_header *h = p;
	if (!header_ok(h, hello)) {
		munmap(p, hello->stats_len);
		return -EPROTO;
	}
	*ret_map = (struct segment_map){
		.header = h,
		.len = hello->stats_len,
		.off_streams = h->off_streams,
		.off_rare = h->off_rare,
		.off_srtp = h->off_srtp,
		.tsc_hz = h->tsc_hz,
		.boot_id = h->boot_id,
		.n_streams = h->n_streams,
		.n_ports = h->n_ports,
		.off_acls = h->off_acls,
		.off_block_counts = h->off_block_counts,
		.n_workers = h->n_workers,
		.off_ports = h->off_ports,
		.n_mcores = h->n_mcores,
		.off_mcore_loads = h->off_loads +
				   h->n_workers * (uint32_t)sizeof(struct dp_core_load),
		.codecs = h->codecs,
	};
	return 0;
}

void segment_unmap(struct segment_map *map)
{
	if (map->header != NULL)
		munmap((void *)(uintptr_t)map->header, map->len);
	*map = (struct segment_map){0};
}

bool segment_port(const struct segment_map *map, uint32_t i, struct dp_port_stats *ret_port)
{
	const uint8_t *base = (const uint8_t *)map->header;

	if (base == NULL || i >= map->n_ports)
		return false;
	/* The writer may be at it: first copied, then looked at. */
	*ret_port = ((const struct dp_port_stats *)(const void *)(base + map->off_ports))[i];
	return ret_port->used && ipc_str_ok(ret_port->name, sizeof(ret_port->name)) &&
	       ipc_str_ok(ret_port->driver, sizeof(ret_port->driver));
}

bool segment_acl(const struct segment_map *map, uint32_t i, struct dp_acl_name *ret_acl)
{
	const uint8_t *base = (const uint8_t *)map->header;
	const struct dp_acl_info *info;

	if (base == NULL || i >= DP_ACLS_MAX)
		return false;
	info = (const struct dp_acl_info *)(const void *)(base + map->off_acls) + i;
	memset(ret_acl, 0, sizeof(*ret_acl));
	memcpy(ret_acl->name, info->name, sizeof(ret_acl->name));
	ret_acl->family = info->family;
	return ret_acl->name[0] != 0 && ipc_str_ok(ret_acl->name, sizeof(ret_acl->name));
}

uint64_t segment_block_drops(const struct segment_map *map, uint32_t row)
{
	const uint8_t *base = (const uint8_t *)map->header;
	const uint64_t *counts = (const void *)(base + map->off_block_counts);
	uint64_t sum = 0;

	for (uint32_t w = 0; base != NULL && row < DP_BLOCKS_MAX && w < map->n_workers; w++)
		sum += __atomic_load_n(&counts[(size_t)w * DP_BLOCKS_MAX + row], __ATOMIC_RELAXED);
	return sum;
}

bool segment_sum(const struct segment_map *map, uint32_t slot, struct dp_stream_sum *ret_sum)
{
	const uint8_t *base = (const uint8_t *)map->header;

	if (base == NULL || slot >= map->n_streams)
		return false;
	stream_sum((const struct dp_stream_stats *)(const void *)(base + map->off_streams) + slot,
		(const struct dp_stream_rare *)(const void *)(base + map->off_rare) + slot,
		tsc_now(), map->tsc_hz, ret_sum);
	return true;
}

bool segment_srtp(const struct segment_map *map, uint32_t slot, struct dp_srtp_state *ret_rx,
	struct dp_srtp_state *ret_tx)
{
	const uint8_t *base = (const uint8_t *)map->header;

	if (base == NULL || slot >= map->n_streams)
		return false;
	const struct dp_stream_srtp
		*row = (const struct dp_stream_srtp *)(const void *)(base + map->off_srtp) + slot;
	*ret_rx = dp_srtp_state_of(&row->rx, &row->rx_rtcp);
	*ret_tx = dp_srtp_state_of(&row->tx, &row->tx_rtcp);
	return true;
}
