/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text, socket and wire forms of struct ipaddr; see ipaddr.h. */
#include "controlplane/base/ipaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static inline size_t ip_len(const struct ipaddr *a)
{
	return a->family == 4 ? 4 : 16;
}

bool ipaddr_same_ip(const struct ipaddr *a, const struct ipaddr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b)
{
	return ipaddr_same_ip(a, b) && a->port_be16 == b->port_be16;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

bool ipaddr_valid(const struct ipaddr *a)
{
	static const uint8_t none[sizeof(a->ip)];

	if (a->zero != 0)
		return false;
	switch (a->family) {
	case 0:
		return a->port_be16 == 0 && memcmp(a->ip, none, sizeof(a->ip)) == 0;
	case 4:
		return memcmp(a->ip + 4, none, sizeof(a->ip) - 4) == 0;
	case 6:
		return true;
	default:
		return false;
	}
}

bool ipaddr_is_any(const struct ipaddr *a)
{
	return a->family != 0 && all_zero(a->ip, ip_len(a));
}

bool ipaddr_is_multicast(const struct ipaddr *a)
{
	return (a->family == 4 && (a->ip[0] & 0xf0) == 0xe0) ||
	       (a->family == 6 && a->ip[0] == 0xff);
}

bool ipaddr_parse_ipv4(struct view text, uint8_t ret_ip[4])
{
	unsigned int value = 0, n_digits = 0, n_dots = 0;
	uint8_t ip[4];

	for (size_t i = 0; i < text.n; i++) {
		unsigned int digit = (uint8_t)text.p[i] - (unsigned int)'0';

		if (digit <= 9) {
			if (n_digits++ > 0 && value == 0)
				return false;
			value = value * 10 + digit;
			if (value > 255)
				return false;
		} else {
			if (text.p[i] != '.' || n_digits == 0 || n_dots == 3)
				return false;
			ip[n_dots++] = (uint8_t)value;
			value = n_digits = 0;
		}
	}
	if (n_dots != 3 || n_digits == 0)
		return false;
	ip[3] = (uint8_t)value;
	memcpy(ret_ip, ip, sizeof(ip));
	return true;
}

int ipaddr_parse(struct view text, uint16_t port, struct ipaddr *ret)
{
	struct ipaddr a = {.port_be16 = htons(port)};
	char buf[INET6_ADDRSTRLEN];

	if (ipaddr_parse_ipv4(text, a.ip)) {
		a.family = 4;
		*ret = a;
		return 0;
	}
	if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']') {
		text.p++;
		text.n -= 2;
	}
	if (view_copy(text, buf, sizeof(buf)) < 0 || inet_pton(AF_INET6, buf, a.ip) != 1)
		return -EINVAL;
	a.family = 6;
	*ret = a;
	return 0;
}

int ipaddr_parse_port(struct view text, uint16_t default_port, struct ipaddr *ret)
{
	const char *colon = NULL;
	uint64_t port = default_port;

	if (text.n > 0 && text.p[0] == '[') {
		const char *close = memchr(text.p, ']', text.n);
		if (close == NULL)
			return -EINVAL;
		if (close + 1 < text.p + text.n) {
			if (close[1] != ':')
				return -EINVAL;
			colon = close + 1;
		}
	} else if (text.n > 0) {
		colon = memchr(text.p, ':', text.n);
		/* A second colon: a bare IPv6 address, which has no port. */
		if (colon != NULL && memchr(colon + 1, ':', text.n - (size_t)(colon + 1 - text.p)))
			colon = NULL;
	}
	if (colon != NULL) {
		struct view digits = {colon + 1, text.n - (size_t)(colon + 1 - text.p)};
		if (view_to_u64(digits, 65535, &port) < 0)
			return -EINVAL;
		text.n = (size_t)(colon - text.p);
	}
	return ipaddr_parse(text, (uint16_t)port, ret);
}

static char *put_number(char *p, unsigned int value)
{
	char digits[10];
	unsigned int n = 0;

	do
		digits[n++] = (char)('0' + value % 10);
	while (value /= 10);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

/* Without the library's printf, as each record and many messages have some. Returns the end. */
static char *put_ipv4(char *p, const uint8_t ip[4])
{
	for (unsigned int i = 0; i < 4; i++) {
		if (i > 0)
			*p++ = '.';
		p = put_number(p, ip[i]);
	}
	return p;
}

char *ipaddr_print(const struct ipaddr *a, char *buf)
{
	if (a->family == 4) {
		*put_ipv4(buf, a->ip) = '\0';
	} else if (a->family != 6) {
		buf[0] = '-';
		buf[1] = '\0';
	} else if (inet_ntop(AF_INET6, a->ip, buf, IPADDR_TEXT_MAX) == NULL) {
		buf[0] = '\0';
	}
	return buf;
}

char *ipaddr_print_port(const struct ipaddr *a, char *buf)
{
	char ip[IPADDR_TEXT_MAX];

	if (a->family == 4) {
		char *p = put_ipv4(buf, a->ip);
		*p++ = ':';
		*put_number(p, ipaddr_port(a)) = '\0';
		return buf;
	}
	ipaddr_print(a, ip);
	if (a->family == 6)
		snprintf(buf, IPADDR_TEXT_MAX, "[%.46s]:%u", ip, ipaddr_port(a));
	else
		memcpy(buf, ip, 2);
	return buf;
}

socklen_t ipaddr_to_sockaddr(const struct ipaddr *a, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (a->family == 6) {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = a->port_be16;
		memcpy(&sin6->sin6_addr, a->ip, 16);
		return sizeof(*sin6);
	}
	struct sockaddr_in *sin = (struct sockaddr_in *)ret;
	sin->sin_family = AF_INET;
	sin->sin_port = a->port_be16;
	memcpy(&sin->sin_addr, a->ip, 4);
	return sizeof(*sin);
}

int ipaddr_from_sockaddr(const struct sockaddr *sa, struct ipaddr *ret)
{
	struct ipaddr a = {0};

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)sa;
		a.family = 4;
		a.port_be16 = sin->sin_port;
		memcpy(a.ip, &sin->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)sa;
		a.port_be16 = sin6->sin6_port;
		if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
			a.family = 4;
			memcpy(a.ip, sin6->sin6_addr.s6_addr + 12, 4);
		} else {
			a.family = 6;
			memcpy(a.ip, &sin6->sin6_addr, 16);
		}
	} else {
		return -EAFNOSUPPORT;
	}
	*ret = a;
	return 0;
}
