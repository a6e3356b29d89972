/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * STUN on the SIP port over UDP: the keep-alive of clients behind NAT, which learn by the answer
 * whether their address there has changed (RFC 5626 3.5.2 and 8, RFC 8489). Binding requests and
 * nothing else, without credentials. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/base/ipaddr.h"

#define STUN_ANSWER_MAX 64

/* By the first octet: no message of SIP begins like that (RFC 5626 8). */
static inline bool stun_is(const char *p, size_t n)
{
	return n > 1 && (p[0] == 0 || p[0] == 1);
}

/*
 * The answer to a datagram that came from remote; octets of it. 0: none is due, as it is no request
 * of RFC 8489.
 */
size_t stun_answer(const char *p, size_t n, const struct ipaddr *remote, char out[STUN_ANSWER_MAX]);
