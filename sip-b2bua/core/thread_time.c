/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See thread_time.h. */
#include "sip-b2bua/core/thread_time.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int thread_time_open(void)
{
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int thread_time_parse(const char *text, uint64_t *ret_us)
{
	uint64_t ran_ns, waited_ns;

	if (sscanf(text, "%" SCNu64 " %" SCNu64, &ran_ns, &waited_ns) != 2 || ran_ns == 0)
		return -EINVAL;
	*ret_us = (ran_ns + waited_ns) / 1000;
	return 0;
}

uint64_t thread_time_us(int fd)
{
	char text[80];
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
	struct timespec ts;
	uint64_t us;

	if (n > 0) {
		text[n] = '\0';
		if (thread_time_parse(text, &us) == 0)
			return us;
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}
