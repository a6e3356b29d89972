/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The TAP twin of a port: the network interface by which Linux uses the port. It has the port's
 * name, MAC and MTU, and goes when the descriptor closes. Control thread only.
 */
#pragma once

#include <stdint.h>

/*
 * Makes the interface and brings it up; the descriptor does not block. -EBUSY: the name is taken
 * by another interface. Negative errno otherwise; a log line says what to do.
 */
int tap_open(const char *name, const uint8_t mac[6], uint16_t mtu, int *ret_fd, int *ret_ifindex)
	__attribute__((warn_unused_result));

/* Carrier as of the wire, so that routing daemons and the kernel see a pulled cable. */
int tap_carrier_set(int fd, int up);
