/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long a thread has worked or would have, had it had a processor: the time that it ran, and the time that
 * it was ready and others ran. Only what is left of the wall clock was free.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* For the calling thread; negative errno where the kernel does not tell (then thread_time_us() knows only when
 * the thread ran). */
int thread_time_open(void);
/* Microseconds since the thread's start; fd: of thread_time_open() in the same thread, or negative. */
uint64_t thread_time_us(int fd);
/* The content of /proc/thread-self/schedstat; 0 or -EINVAL, also for the zeros of a kernel that does not count. */
int thread_time_parse(const char *text, uint64_t *ret_us) __attribute__((warn_unused_result));
