/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One IP address and port, IPv4 or IPv6, in a form that may cross a process boundary as it is:
 * fixed size, no padding, network byte order. Unused bytes of ip[] are zero, so that addresses
 * can be compared and hashed as memory. Thread-safe (no state).
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "controlplane/base/view.h"

struct ipaddr {
	uint8_t family; /* 0 none, 4 or 6 */
	uint8_t zero;
	uint16_t port_be16;
	uint8_t ip[16]; /* IPv4: the first 4 */
};
_Static_assert(sizeof(struct ipaddr) == 20, "wire struct");

#define IPADDR_TEXT_MAX 64 /* "[v6]:65535" and a NUL fit */

static inline uint16_t ipaddr_port(const struct ipaddr *a)
{
	return ntohs(a->port_be16);
}

static inline bool ipaddr_is_set(const struct ipaddr *a)
{
	return a->family != 0;
}

/* Family and address bytes, not the port. */
bool ipaddr_same_ip(const struct ipaddr *a, const struct ipaddr *b);
bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b);
/* family 0/4/6, zero bytes where none belong: what a peer process sent is checked with this. */
bool ipaddr_valid(const struct ipaddr *a);
bool ipaddr_is_any(const struct ipaddr *a); /* 0.0.0.0 or :: */
bool ipaddr_is_multicast(const struct ipaddr *a);

/* "192.0.2.1" as inet_pton() takes it: four numbers without leading zeros. *ret_ip is untouched else. */
bool ipaddr_parse_ipv4(struct view text, uint8_t ret_ip[4]);
/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]"; the port becomes port. -EINVAL otherwise. */
int ipaddr_parse(struct view text, uint16_t port, struct ipaddr *ret)
	__attribute__((warn_unused_result));
/* "192.0.2.1:5060", "[2001:db8::1]:5060"; without a port default_port is taken. */
int ipaddr_parse_port(struct view text, uint16_t default_port, struct ipaddr *ret)
	__attribute__((warn_unused_result));

/* Without the port, IPv6 without brackets. buf holds IPADDR_TEXT_MAX. Returns buf. */
char *ipaddr_print(const struct ipaddr *a, char *buf);
/* With the port, IPv6 in brackets. */
char *ipaddr_print_port(const struct ipaddr *a, char *buf);

/* Returns the length for bind() and connect(). */
socklen_t ipaddr_to_sockaddr(const struct ipaddr *a, struct sockaddr_storage *ret);
/* -EAFNOSUPPORT for other families; v4-mapped IPv6 becomes IPv4. */
int ipaddr_from_sockaddr(const struct sockaddr *sa, struct ipaddr *ret)
	__attribute__((warn_unused_result));
