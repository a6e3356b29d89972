/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starts DPDK's environment: memory, lcores, log. Called once, by main(). */
#pragma once

#include "dataplane/api/dp_stats.h"
#include "dataplane/options.h"

struct eal {
	bool hugepages;
	unsigned int memory_mb;
	unsigned int lcores[DP_WORKERS_MAX + DP_MCORES_MAX]; /* of workers, then media cores */
};

/* Megabytes that the packet path needs for what the options promise. */
unsigned int eal_memory_mb(const struct options *o);

struct eal_threads {
	unsigned int n;
	const char *cpus; /* each pinned to one of a list like "2,3,5-7"; NULL: they float */
};

/*
 * "--lcores" for EAL: lcore 0 is the control thread, then the workers, then the media cores. Who
 * is not pinned floats over the allowed CPUs that nobody is pinned to, or all of them. -EINVAL: a
 * list is malformed, too short, or names a CPU that is not allowed; ret_why says which.
 */
int eal_lcores(const cpu_set_t *allowed, const struct eal_threads *workers,
	const struct eal_threads *mcores, char *buf, size_t size, const char **ret_why)
	__attribute__((warn_unused_result));

/* A negative errno when DPDK cannot start; the log says what to do. */
int eal_start(const struct options *o, struct eal *ret_eal) __attribute__((warn_unused_result));
