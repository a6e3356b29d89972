/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See segment.h. */
#include "dataplane/server/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "controlplane/base/log.h"

LOG_TOPIC("stats");

#define HUGE_SIZE (UINT64_C(2) << 20)
#define LINE	  128u

static uint64_t align(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static int map_one(uint64_t len, unsigned int flags, struct segment *s)
{
	int err = 0;
	void *p = MAP_FAILED;
	s->fd = memfd_create("limen-statistics", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
	if (s->fd < 0)
		return -errno;
	if (ftruncate(s->fd, (off_t)len))
		err = -errno;
	if (!err) {
		/* Populated now: a missing page must not show up later as SIGBUS in a worker. */
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, s->fd, 0);
		if (p == MAP_FAILED)
			err = -errno;
	}
	/* Our own mapping stays writable; every later one is read-only. */
	if (!err && fcntl(s->fd, F_ADD_SEALS,
			    F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		err = -errno;
	if (err) {
		if (p != MAP_FAILED)
			munmap(p, len);
		close(s->fd);
		return err;
	}
	s->header = p;
	s->len = (uint32_t)len;
	return 0;
}

int segment_new(
	uint32_t n_workers, uint32_t n_mcores, uint32_t n_streams, struct segment *ret_segment)
{
	struct segment s = {.fd = -1};
	uint64_t workers = align(sizeof *s.header, LINE);
	uint64_t ports = align(workers + n_workers * sizeof *s.workers, LINE);
	uint64_t mcores = align(ports + DP_PORTS_MAX * sizeof *s.ports, LINE);
	uint64_t loads = align(mcores + n_mcores * sizeof *s.mcores, LINE);
	uint64_t streams = align(loads + (n_workers + n_mcores) * sizeof *s.loads, LINE);
	uint64_t rare = align(streams + n_streams * sizeof *s.streams, LINE);
	uint64_t srtp = align(rare + n_streams * sizeof *s.rare, LINE);
	uint64_t acls = align(srtp + n_streams * sizeof *s.srtp, LINE);
	uint64_t counts = align(acls + DP_ACLS_MAX * sizeof *s.acls, LINE);
	uint64_t n_counts = (uint64_t)n_workers * DP_ACLS_MAX * DP_ACL_ROWS;
	uint64_t blocks = align(counts + n_counts * sizeof *s.acl_counts, LINE);
	uint64_t n_blocks = (uint64_t)n_workers * DP_BLOCKS_MAX;
	uint64_t len = align(blocks + n_blocks * sizeof *s.block_counts, HUGE_SIZE);
	if (len > UINT32_MAX)
		return -EINVAL;
	int err = map_one(len, MFD_HUGETLB, &s);
	s.hugepages = err == 0;
	if (err)
		err = map_one(len, 0, &s);
	if (err) {
		log_err("cannot make the statistics segment of %llu MB: %s",
			(unsigned long long)(len >> 20), strerror(-err));
		return err;
	}
	char *base = (char *)s.header;
	s.workers = (void *)(base + workers);
	s.ports = (void *)(base + ports);
	s.mcores = (void *)(base + mcores);
	s.loads = (void *)(base + loads);
	s.streams = (void *)(base + streams);
	s.rare = (void *)(base + rare);
	s.srtp = (void *)(base + srtp);
	s.acls = (void *)(base + acls);
	s.acl_counts = (void *)(base + counts);
	s.block_counts = (void *)(base + blocks);
	s.header->magic = DP_STATS_MAGIC;
	s.header->version = DP_STATS_VERSION;
	s.header->n_workers = n_workers;
	s.header->n_ports = DP_PORTS_MAX;
	s.header->n_streams = n_streams;
	s.header->n_drops = DP_DROP_N;
	s.header->off_workers = (uint32_t)workers;
	s.header->off_ports = (uint32_t)ports;
	s.header->n_mcores = n_mcores;
	s.header->off_mcores = (uint32_t)mcores;
	s.header->off_loads = (uint32_t)loads;
	s.header->off_streams = streams;
	s.header->off_rare = rare;
	s.header->off_srtp = srtp;
	s.header->off_acls = acls;
	s.header->off_acl_counts = counts;
	s.header->off_block_counts = blocks;
	*ret_segment = s;
	return 0;
}

void segment_free(struct segment *segment)
{
	if (!segment->header)
		return;
	munmap(segment->header, segment->len);
	close(segment->fd);
	*segment = (struct segment){.fd = -1};
}
