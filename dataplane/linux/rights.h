/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rights of limen-dataplane: CAP_NET_ADMIN (interfaces, TAP), CAP_NET_RAW (packet sockets)
 * and CAP_IPC_LOCK (packet memory that is not swapped). Everything else is given up before EAL
 * starts a thread, because Linux keeps capabilities per thread and a thread inherits them.
 */
#pragma once

/*
 * Gives up all other capabilities, for good (bounding set, no_new_privs). Call first in main(),
 * before there are threads. -EPERM when a needed one is missing; the log says what to do.
 */
int rights_reduce(void) __attribute__((warn_unused_result));
