/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The packet index of SRTP and what was seen of it: RFC 3711 3.3.1 (guess), 3.3.2 (replay). Pure;
 * the caller owns the flow it passes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_stats.h"

#define SRTP_WINDOW 128

/*
 * The index of a packet with this sequence number, of a flow whose next index is next (0: none
 * yet). Before index 0 there is nothing, so there is no roll-over counter of -1.
 */
static inline uint64_t srtp_index_guess(uint64_t next, uint16_t seq)
{
	if (next == 0)
		return seq;
	uint64_t top = next - 1, roc = top >> 16;
	uint32_t last = (uint32_t)(top & 0xffff);

	if (last < 32768) {
		if (roc > 0 && seq > last + 32768)
			roc--;
	} else if (seq < last - 32768) {
		roc++;
	}
	return roc << 16 | seq;
}

/* Whether an index may be taken: not seen before, and not older than the window can tell. */
static inline bool srtp_index_fresh(const struct dp_srtp_flow *flow, uint64_t index)
{
	if (index >= flow->next)
		return true;
	uint64_t back = flow->next - 1 - index;

	return back < SRTP_WINDOW && !(flow->window[back >> 6] >> (back & 63) & 1);
}

/* Takes an index that is fresh. */
static inline void srtp_index_take(struct dp_srtp_flow *flow, uint64_t index)
{
	if (index < flow->next) {
		uint64_t back = flow->next - 1 - index;
		flow->window[back >> 6] |= UINT64_C(1) << (back & 63);
		return;
	}
	unsigned __int128 w = (unsigned __int128)flow->window[1] << 64 | flow->window[0];
	uint64_t step = index + 1 - flow->next;

	w = step < SRTP_WINDOW ? w << step | 1 : 1;
	flow->window[0] = (uint64_t)w;
	flow->window[1] = (uint64_t)(w >> 64);
	flow->next = index + 1;
}

/* A flow that goes on after a restart: whatever came before counts as seen. */
static inline void srtp_flow_resume(struct dp_srtp_flow *flow, uint32_t ssrc, uint64_t next)
{
	uint64_t seen = next ? UINT64_MAX : 0;

	*flow = (struct dp_srtp_flow){.next = next, .window = {seen, seen}, .ssrc = ssrc};
}
