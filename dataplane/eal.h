/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starts DPDK's environment: memory, lcores, log. Called once, by main(). */
#pragma once

#include "dataplane/api/dp_stats.h"
#include "dataplane/options.h"

struct eal {
	bool hugepages;
	unsigned int memory_mb;
	unsigned int lcores[DP_WORKERS_MAX]; /* of the workers */
};

/* Megabytes that the packet path needs for what the options promise. */
unsigned int eal_memory_mb(const struct options *o);

/*
 * "--lcores" for EAL: lcore 0 is the control thread, 1..n the workers, floating over the allowed
 * CPUs, or each pinned to one of cpus (a list like "2,3,5-7"). -EINVAL: the list is malformed,
 * too short, or names a CPU that is not allowed; ret_why says which.
 */
int eal_lcores(const cpu_set_t *allowed, const char *cpus, unsigned int n_workers, char *buf,
	size_t size, const char **ret_why) __attribute__((warn_unused_result));

/* A negative errno when DPDK cannot start; the log says what to do. */
int eal_start(const struct options *o, struct eal *ret_eal) __attribute__((warn_unused_result));
