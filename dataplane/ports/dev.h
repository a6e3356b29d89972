/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One DPDK ethdev: plugged in, configured and started, and the reverse. Control thread only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/ports/devargs.h"

struct rte_mempool;

struct dev_conf {
	const char *name; /* of the port, for the log */
	struct devargs devargs;
	uint16_t mtu;
	unsigned int n_workers;
	struct rte_mempool *pool;
};

struct dev {
	uint16_t ethdev;
	uint16_t n_rxq, n_txq;
	uint8_t mac[6];
	char driver[32];
};

/* -ENODEV or what DPDK said; the log says what to do. */
int dev_open(const struct dev_conf *conf, struct dev *ret_dev) __attribute__((warn_unused_result));
/* No worker may use it any more. */
void dev_close(const struct dev *dev);

/* Each burst is a system call, in and out. */
bool dev_is_costly(const struct dev *dev);

void dev_link_get(const struct dev *dev, bool *ret_up, uint32_t *ret_speed_mbps);
