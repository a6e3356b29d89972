/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Single UDP datagrams in Ethernet frames, for the few that the control thread itself reads and
 * writes (limen-nat's). Pure.
 */
#pragma once

#include <stdint.h>

#include "controlplane/base/ipaddr.h"
#include "dataplane/session/stream.h"

#include <rte_mbuf.h>

/* A datagram in a frame that classify has let pass; bytes points into the frame. */
struct datagram {
	struct ipaddr source;
	const uint8_t *bytes;
	uint32_t len;
};

/* -EBADMSG: not whole UDP over IPv4 without options or IPv6 without extensions. */
int datagram_read(const uint8_t *frame, uint32_t frame_len, struct datagram *ret_datagram)
	__attribute__((warn_unused_result));

/*
 * Writes a frame into an empty mbuf, checksums and all. from and to are of one family. -EMSGSIZE:
 * it does not fit the mbuf or the length fields.
 */
int datagram_write(struct rte_mbuf *m, const struct stream_hop *hop, const struct ipaddr *from,
	const struct ipaddr *to, uint8_t dscp, const uint8_t *bytes, uint32_t len)
	__attribute__((warn_unused_result));
