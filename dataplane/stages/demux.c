/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whose a packet is that came to a port which several streams share (session/bundle.h). Between
 * lookup and guard, for such ports alone. Nothing is learned here: guard tells the bundle of an
 * SSRC when it has found the packet good.
 *
 * SRTP leaves the header in clear, so RTP finds its stream, and with it its replay window, before
 * it is opened. SRTCP is opened by the first stream and finds its own afterwards.
 */
#include "dataplane/session/bundle.h"
#include "dataplane/stages/rtp.h"
#include "dataplane/stages/source.h"
#include "dataplane/stages/stages.h"

static void sent_add(struct bundle_sent *sent, uint32_t ssrc, uint32_t slot)
{
	sent->of[sent->n].ssrc = ssrc;
	sent->of[sent->n++].slot = slot;
}

/* What the far end of a bundle is sent: the present SSRC of each line, and others of its source. */
static void sent_of(const struct worker *w, const struct bundle *b, struct bundle_sent *sent)
{
	sent->n = 0;
	for (uint32_t i = 0; i < b->n_lines; i++) {
		uint32_t slot = b->line[i].slot, to = slot ^ 1;
		const struct bundle *source = w->more[to].bundle;
		if (!(stream_at(w, to)->flags & STREAM_LIVE))
			continue;
		sent_add(sent,
			stream_at(w, to)->edit & STREAM_EDIT_WIRE ? w->more[to].wire.ssrc
								  : w->stream_stats[to].ssrc,
			slot);
		for (uint32_t k = 0; source && k < source->n_heard; k++)
			if (source->heard[k].slot == to)
				sent_add(sent, source->heard[k].ssrc, slot);
	}
}

uint32_t demux_rtcp(const struct worker *w, uint32_t slot, const uint8_t *rtcp, uint32_t len)
{
	const struct bundle *b = w->more[slot].bundle;
	struct bundle_sent sent;

	sent_of(w, b, &sent);
	return bundle_of_rtcp(b, &sent, rtcp, len);
}

/* STUN and DTLS: one line has the handshake for all. */
static uint32_t nat_line(const struct worker *w, const struct bundle *b)
{
	for (uint32_t i = 0; i < b->n_lines; i++)
		if (w->more[b->line[i].slot].nat)
			return b->line[i].slot;
	return b->line[0].slot;
}

bool stage_demux(struct worker *w, struct packet *p, uint32_t *slot)
{
	uint32_t any = *slot & ~ROW_BUNDLE;
	const uint8_t *payload = packet_payload(p);

	if (any >= w->n_streams) {
		drop(w, p->m, DP_DROP_NO_STREAM);
		return false;
	}
	const struct bundle *b = w->more[any].bundle;
	/* what is neither RTP nor RTCP is the guard's to judge */
	*slot = b->line[0].slot;
	if (p->flags & PACKET_RTCP || p->udp_len < RTCP_HDR_LEN)
		return true;
	if (payload[0] >> 6 != 2)
		*slot = nat_line(w, b);
	else if (!rtp_is_rtcp(payload))
		*slot = bundle_of_rtp(b, payload, p->udp_len);
	else if (!w->srtp[*slot].rx)
		*slot = demux_rtcp(w, *slot, payload, p->udp_len);
	if (*slot != SLOT_NONE)
		return true;
	drop(w, p->m, DP_DROP_BUNDLE);
	return false;
}
