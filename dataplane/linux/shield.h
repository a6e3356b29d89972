/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Takes a kernel interface away from the kernel's own stack. net_af_packet only listens beside
 * the stack: without this every ping is answered twice and every UDP datagram arrives twice,
 * once through the interface itself and once through the port's TAP twin.
 *
 * An nftables chain at the interface's ingress hook drops everything; packet sockets stand
 * before that hook and still see it. The table has the flag "owner", so that the kernel itself
 * removes it when our socket closes, however this process ends. IPv6 is switched off on the
 * interface (it would send neighbour and router solicitations of its own) and comes back at
 * shield_free(). Control thread only.
 */
#pragma once

struct shield;

/*
 * iface is the kernel interface, name the port's (names the table limen-NAME). Also brings iface
 * up. 0, -ENODEV, -ENOMEM, or what else bringing it up gave. A kernel without the ingress hook is
 * no error here: the port works, and a log line says what the operator loses and can do.
 */
int shield_new(const char *iface, const char *name, struct shield **ret_shield)
	__attribute__((warn_unused_result));
void shield_free(struct shield *shield);
