/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies for limen-rec, of legs whose calls are recorded (DP_LEG_TAP): what guard has let through,
 * opened and before anything of it changes. Streams without it never come here; those with it take
 * the way of streams that need an edit.
 */
#include "dataplane/core/tap.h"
#include "dataplane/stages/rtp.h"
#include "dataplane/stages/source.h"
#include "dataplane/stages/stages.h"

void stage_tap(struct worker *w, const struct packet *p, uint64_t now)
{
	const uint8_t *rtp = packet_payload(p);
	int n = rtp_payload_len(rtp, p->udp_len);
	struct dp_tap_packet *copy;

	if (unlikely(n < 0 || n > DP_TAP_BYTES_MAX))
		n = 0; /* it counts as a packet that came; nothing of it can be heard */
	copy = tap_ring_reserve(w->tap, (uint32_t)n);
	if (unlikely(!copy)) {
		w->stats->tap_full++;
		return;
	}
	uint32_t pad = rtp[0] & 0x20 ? rtp[p->udp_len - 1] : 0;
	*copy = (struct dp_tap_packet){
		.session_id = w->more[p->slot].tap_id,
		.time_us = now,
		.ssrc = rtp_be32(rtp + 8),
		.timestamp = rtp_be32(rtp + 4),
		.seq = rtp_be16(rtp + 2),
		.leg = p->slot & 1,
		.pt = rtp[1] & 0x7f,
		.marker = rtp[1] >> 7,
		.n = (uint16_t)n,
	};
	/* what fills up is zero, whatever lay there before */
	memset(copy->bytes + (n & ~7), 0, (size_t)(-n & 7) + (n & 7));
	if (n)
		memcpy(copy->bytes, rtp + p->udp_len - pad - (uint32_t)n, (size_t)n);
	tap_ring_commit(w->tap, copy);
	w->stats->tapped++;
	w->bell.ring |= tap_ring_presses(w->tap);
}
