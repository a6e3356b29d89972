/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See rights.h. Raw system calls: four lines do not need a library. */
#include "dataplane/linux/rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "controlplane/base/log.h"

LOG_TOPIC("rights");

#define NEEDED_LOW                                                       \
	((UINT32_C(1) << CAP_NET_ADMIN) | (UINT32_C(1) << CAP_NET_RAW) | \
		(UINT32_C(1) << CAP_IPC_LOCK))
_Static_assert(CAP_NET_ADMIN < 32 && CAP_NET_RAW < 32 && CAP_IPC_LOCK < 32, "first word");

static int bounding_reduce(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (cap < 32 && (NEEDED_LOW >> cap & 1))
			continue;
		/* EPERM: without CAP_SETPCAP; then no_new_privs alone keeps them away. */
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno != EPERM)
			return -errno;
	}
	return 0;
}

int rights_reduce(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	if (syscall(SYS_capget, &head, data))
		return -errno;
	uint32_t missing = NEEDED_LOW & ~data[0].permitted;
	if (missing & ~(UINT32_C(1) << CAP_IPC_LOCK)) {
		log_err("limen-dataplane needs CAP_NET_ADMIN and CAP_NET_RAW: start it as root or "
			"from its systemd unit");
		return -EPERM;
	}
	if (missing)
		log_notice("without CAP_IPC_LOCK packet memory may be swapped");
	int err = bounding_reduce();
	if (!err && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		err = -errno;
	data[0].permitted &= NEEDED_LOW;
	data[0].effective = data[0].permitted;
	data[1] = (struct __user_cap_data_struct){0};
	data[0].inheritable = 0;
	if (!err && syscall(SYS_capset, &head, data))
		err = -errno;
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (err)
		log_err("cannot give up capabilities: %s", strerror(-err));
	return err;
}
