/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The device text of a port ("net_af_packet,iface=veth0", "0000:00:04.0"). Pure; any thread. */
#pragma once

#include <net/if.h>
#include <stddef.h>

#include "dataplane/api/dp_api.h"

struct devargs {
	char text[DP_DEVARGS_MAX + DP_NAME_MAX + 32]; /* for rte_dev_probe() */
	char dev[64];				      /* DPDK's name of the device */
	char parent[IFNAMSIZ]; /* kernel interface that net_af_packet shares; "": none */
	char driver[32];       /* of a virtual device; "": PCI */
	char socket[108];      /* file at which the device will listen; "": none */
};

/*
 * Checks what limen-control sent and makes DPDK's form of it: virtual devices get the port's name
 * in theirs, so that two of one kind can live side by side, and net_af_packet a queue pair per
 * worker. -EINVAL with a sentence part in ret_why.
 */
int devargs_parse(const char *name, const char *text, unsigned int n_workers,
	struct devargs *ret_devargs, const char **ret_why) __attribute__((warn_unused_result));

/* What an interface name may look like, so that the TAP twin can have it. */
int devargs_name_check(const char *name) __attribute__((warn_unused_result));
