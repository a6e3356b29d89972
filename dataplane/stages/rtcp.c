/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTCP carries text that its sender made of its own surroundings: a CNAME is often user@address
 * (RFC 3550 6.5.1), a BYE may give a reason. None of that may cross the box. Each text is replaced
 * by letters of the same length that a keyed hash makes of it, so the same name stays the same
 * (which ties audio to video, and a source to its next SSRC) and says nothing (RFC 7022). Called by
 * the owning worker for a packet that rtcp_is_valid() has accepted.
 */
#include "dataplane/stages/rtcp.h"

#include "controlplane/base/siphash.h"
#include "dataplane/stages/csum.h"
#include "dataplane/stages/rtp.h"

#define SDES_LAST_NAME	 11 /* CNAME (1) to RGRP; above are identifiers such as MID (15) */
#define SDES_PRIV	 8
#define LETTERS_PER_HASH 12

static void hide_text(const uint64_t key[2], uint8_t *text, uint32_t n)
{
	static const char letters[33] = "abcdefghijklmnopqrstuvwxyz234567";
	uint64_t hash = siphash24(key, text, n);

	for (uint32_t i = 0; i < n; i++) {
		if (i > 0 && i % LETTERS_PER_HASH == 0)
			hash = siphash24(key, &hash, sizeof(hash));
		text[i] = (uint8_t)letters[hash >> (5 * (i % LETTERS_PER_HASH)) & 31];
	}
}

/* One chunk, from its items on; the place after it, or end when it is broken. */
static uint8_t *hide_chunk(const uint64_t key[2], uint8_t *p, uint8_t *end)
{
	const uint8_t *start = p;

	while (p < end && *p != 0) {
		uint32_t room = (uint32_t)(end - p);
		if (room < 2 || p[1] > room - 2) {
			/* no item: nobody can read it, so nobody misses it */
			hide_text(key, p, room);
			return end;
		}
		uint32_t n = p[1];
		/* PRIV: the length of a prefix stands first and stays */
		uint32_t skip = p[0] == SDES_PRIV && n > 0 ? 1 : 0;
		if (p[0] <= SDES_LAST_NAME)
			hide_text(key, p + 2 + skip, n - skip);
		p += 2 + n;
	}
	/* the null octets up to the next 32-bit boundary; chunks begin on one */
	p += 4 - ((uint32_t)(p - start) & 3);
	return p < end ? p : end;
}

static void hide_packet(const uint64_t key[2], uint8_t *pkt, uint32_t n)
{
	uint32_t count = pkt[0] & 0x1f;
	uint8_t *p = pkt + 4, *end = pkt + n;

	if (pkt[1] == RTCP_SDES) {
		for (uint32_t i = 0; i < count && end - p >= 4; i++)
			p = hide_chunk(key, p + 4, end);
	} else if (pkt[1] == RTCP_BYE && n > 4 + count * 4) {
		p += (size_t)count * 4;
		uint32_t room = (uint32_t)(end - p) - 1;
		hide_text(key, p + 1, *p < room ? *p : room);
	}
}

void rtcp_hide_names(const uint64_t key[2], uint8_t *rtcp, uint32_t len, uint8_t *udp_csum)
{
	uint64_t difference = csum_sub(0, rtcp, len);
	uint32_t at = 0;
	uint16_t csum;

	while (at < len) {
		uint32_t n = (rtp_be16(rtcp + at + 2) + 1u) * 4;
		uint32_t pad = rtcp[at] & 0x20 ? rtcp[at + n - 1] : 0;
		hide_packet(key, rtcp + at, n - pad);
		at += n;
	}
	memcpy(&csum, udp_csum, 2);
	if (csum == 0)
		return; /* IPv4 without a checksum */
	csum = csum_udp_update(csum, csum_add(difference, rtcp, len));
	memcpy(udp_csum, &csum, 2);
}
