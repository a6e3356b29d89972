/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changes in RTP itself, for streams that need any (PACKET_EDIT): another payload type, PCMU to
 * PCMA and back by table, and an SSRC, sequence numbers and timestamps of the stream's own once
 * something other than the far end's packets has left in it (struct stream_wire). The checksum of
 * UDP follows by difference, so that damage done before is still found by the receiver.
 *
 * Also the door to the media cores: a packet of a stream that one serves leaves here (PACKET_VOICE),
 * and what one has made comes in (stage_made).
 *
 * Runs after guard, which has seen to it that the packet is RTP whose lengths fit.
 */
#include "dataplane/stages/csum.h"
#include "dataplane/stages/digits.h"
#include "dataplane/stages/rtp.h"
#include "dataplane/stages/stages.h"
#include "dataplane/transcode/g711_packet.h"

static inline uint8_t *udp_of(const struct packet *p)
{
	return p->frame + ETH_HDR_LEN + (p->flags & PACKET_IN6 ? IPV6_HDR_LEN : IPV4_HDR_LEN);
}

static inline void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put_be32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
}

/* The way out of a payload type: as remembered by guard when it is the last one. */
static inline uint8_t pt_out(const struct stream *s, const struct stream_more *more, uint8_t pt,
	enum direction_law *ret_law)
{
	if (likely((uint16_t)(0x80 | pt << 8) == s->rtp_first)) {
		*ret_law = s->law;
		return s->pt_out;
	}
	for (unsigned int i = 0; i < more->n_payloads; i++) {
		if (more->pts[i] == pt) {
			*ret_law = more->laws[i];
			return more->pts_out[i];
		}
	}
	*ret_law = DIRECTION_LAW_KEEP;
	return pt; /* any type goes */
}

/* Another source than before: it goes on where the last one stopped. */
static void wire_anchor(
	struct stream_wire *wire, const uint8_t *rtp, uint32_t clock_mult, uint64_t now)
{
	uint32_t elapsed = wire->tsc ? rtp_arrival(now - wire->tsc, clock_mult) : 0;

	wire->same = 0;
	wire->from = rtp_be32(rtp + 8);
	wire->seq_add = (uint16_t)(wire->seq + 1 - rtp_be16(rtp + 2));
	wire->ts_add = wire->ts + elapsed - rtp_be32(rtp + 4);
	wire->anchored = 1;
}

static void edit_wire(struct stream_wire *wire, uint8_t *rtp, uint32_t clock_mult, uint64_t now)
{
	if (!wire->anchored || rtp_be32(rtp + 8) != wire->from)
		wire_anchor(wire, rtp, clock_mult, now);
	uint16_t seq = (uint16_t)(rtp_be16(rtp + 2) + wire->seq_add);
	uint32_t ts = rtp_be32(rtp + 4) + wire->ts_add;
	put_be16(rtp + 2, seq);
	put_be32(rtp + 4, ts);
	put_be32(rtp + 8, wire->ssrc);
	if ((int16_t)(seq - wire->seq) < 0)
		return; /* late: what came after it is what counts */
	wire->seq = seq;
	wire->ts = ts;
	wire->tsc = now;
}

/* The RTP packet alone goes to the media core of its stream; or nobody is to hear it. */
static void hand_to_mcore(struct worker *w, struct packet *p, uint64_t now)
{
	const struct stream_voice *voice = &w->more[p->slot].voice;
	struct voice_packet packet = {.m = p->m, .tsc = now, .slot = p->slot, .tag = voice->tag};
	uint8_t *rtp = udp_of(p) + UDP_HDR_LEN;

	transmit_unsent(w, p->m, p->slot);
	if (voice->to == STREAM_TO_NONE) {
		drop(w, p->m, DP_DROP_UNHEARD);
		return;
	}
	rte_pktmbuf_adj(p->m, (uint16_t)(rtp - p->frame));
	if (unlikely(voice->core >= w->n_mcores)) {
		drop(w, p->m, DP_DROP_VOICE_GONE);
		return;
	}
	if (likely(rte_ring_sp_enqueue_elem(w->to_mcore[voice->core], &packet, sizeof(packet)) ==
		    0))
		w->stats->to_mcores++;
	else
		drop(w, p->m, DP_DROP_VOICE_FULL);
}

/* PCMU to PCMA or back, in place; what that adds to the checksum. */
static uint64_t convert(enum direction_law law, uint8_t *rtp, uint32_t len)
{
	int n = rtp_payload_len(rtp, len);
	uint32_t pad = rtp[0] & 0x20 ? rtp[len - 1] : 0;

	if (n <= 0)
		return 0;
	return g711_map_packet(
		rtp + len - pad - (uint32_t)n, (uint32_t)n, law == DIRECTION_LAW_U_TO_A);
}

static inline void correct(uint8_t *udp, uint64_t difference)
{
	uint16_t csum;

	memcpy(&csum, udp + 6, 2);
	if (csum) {
		csum = csum_udp_update(csum, difference);
		memcpy(udp + 6, &csum, 2);
	}
}

/*
 * The payload type, and the law of what is coded in it, of the one that guard remembers: what nearly
 * every packet needs. Its first octet is then 0x80: the payload is all that follows the header.
 */
static inline bool edit_fast(const struct stream *s, struct packet *p)
{
	uint8_t *udp = udp_of(p), *rtp = udp + UDP_HDR_LEN;
	uint16_t before, after;

	memcpy(&before, rtp, 2);
	if (unlikely(s->edit != STREAM_EDIT_PT || (before & 0x7fff) != s->rtp_first ||
		     s->pt_out == DIRECTION_PT_NONE))
		return false;
	/* marker and payload type are the second octet; a load from under a store would wait */
	after = (uint16_t)((before & 0x80ff) | s->pt_out << 8);
	memcpy(rtp, &after, 2);
	uint64_t difference = (uint64_t)after + (uint16_t)~before;
	if (s->law != DIRECTION_LAW_KEEP)
		difference += g711_map_packet(rtp + RTP_HDR_LEN, p->udp_len - (uint32_t)RTP_HDR_LEN,
			s->law == DIRECTION_LAW_U_TO_A);
	correct(udp, difference);
	return true;
}

/*
 * A packet stays behind, and those after it close up, so that the far end misses nothing. What comes
 * twice closes one gap only.
 */
static enum dp_drop cut(struct worker *w, uint32_t slot, const uint8_t *rtp)
{
	struct stream_more *more = &w->more[slot];
	struct stream_digits *digits = &more->digits;
	uint16_t seq = rtp_be16(rtp + 2);

	if (digits->cut && (int16_t)(seq - digits->cut_seq) <= 0)
		return DP_DROP_DTMF;
	if (!(stream_at(w, slot)->edit & STREAM_EDIT_WIRE)) {
		stream_wire_begin(
			stream_at(w, slot), more, &w->stream_stats[slot], &w->stream_rare[slot]);
		if (more->wire.seq == seq)
			more->wire.seq--; /* guard has counted this one already */
	}
	digits->cut = 1;
	digits->cut_seq = seq;
	if (more->wire.anchored && rtp_be32(rtp + 8) == more->wire.from)
		more->wire.seq_add--;
	return DP_DROP_DTMF;
}

/* What is not to be in the stream: events for a leg without them, voice while a digit is sent. */
static inline bool is_cut(
	const struct stream_more *more, const struct packet *p, const uint8_t *rtp, uint8_t pt_to)
{
	const struct stream_digits *digits = &more->digits;

	if (likely(pt_to != DIRECTION_PT_NONE && !digits->sending))
		return false;
	if (p->flags & PACKET_MADE)
		return false;
	return digits_are_in(more, rtp[1] & 0x7f) == (pt_to == DIRECTION_PT_NONE);
}

/* DP_DROP_N, or why the packet cannot go on. */
static enum dp_drop edit_one(struct worker *w, struct packet *p, uint64_t now)
{
	const struct stream *s = stream_at(w, p->slot);
	struct stream_more *more = &w->more[p->slot];
	uint8_t *udp = udp_of(p), *rtp = udp + UDP_HDR_LEN;
	enum direction_law law = DIRECTION_LAW_KEEP;
	uint64_t difference = csum_sub(0, rtp, RTP_HDR_LEN);

	if (s->edit & STREAM_EDIT_TAP && !(p->flags & PACKET_MADE))
		stage_tap(w, p, now);
	if (s->edit == STREAM_EDIT_TAP)
		return DP_DROP_N;
	if (!(p->flags & PACKET_MADE)) {
		uint8_t pt = pt_out(s, more, rtp[1] & 0x7f, &law);
		if (unlikely(is_cut(more, p, rtp, pt)))
			return cut(w, p->slot, rtp);
		if (pt == DIRECTION_PT_NONE)
			return DP_DROP_PAYLOAD_TYPE;
		rtp[1] = (rtp[1] & 0x80) | pt;
	}
	if (s->edit & STREAM_EDIT_WIRE)
		edit_wire(&more->wire, rtp,
			p->flags & PACKET_MADE ? more->voice.clock_mult : s->clock_mult, now);
	difference = csum_add(difference, rtp, RTP_HDR_LEN);
	if (law != DIRECTION_LAW_KEEP)
		difference += convert(law, rtp, p->udp_len);
	correct(udp, difference);
	return DP_DROP_N;
}

void stage_edit(struct worker *w, struct batch *b)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < b->n; i++) {
		struct packet *p = &b->pkt[i];
		if (p->flags & PACKET_VOICE) {
			if (stream_at(w, p->slot)->edit & STREAM_EDIT_TAP)
				stage_tap(w, p, b->now);
			hand_to_mcore(w, p, b->now);
			continue;
		}
		if (p->flags & PACKET_EDIT && !edit_fast(stream_at(w, p->slot), p)) {
			enum dp_drop reason = edit_one(w, p, b->now);
			if (reason != DP_DROP_N) {
				transmit_unsent(w, p->m, p->slot);
				drop(w, p->m, reason);
				continue;
			}
		}
		keep(b, n++, i);
	}
	b->n = n;
}

void stage_made(struct worker *w, struct batch *b, const struct voice_packet *made, unsigned int n,
	bool shed)
{
	b->n = w->srtp_batch.n = 0;
	b->flags = w->srtp_batch.flags = PACKET_EDIT;
	w->stats->from_mcores += n;
	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = made[i].m;
		uint32_t slot = made[i].slot;
		const struct stream *s = stream_at(w, slot);
		enum dp_drop reason = shed ? DP_DROP_VOICE_FULL : way_out(s);
		if (!(s->flags & STREAM_LIVE) || w->more[slot].voice.tag != made[i].tag)
			reason = DP_DROP_VOICE_GONE;
		if (unlikely(reason != DP_DROP_N)) {
			drop(w, m, reason);
			continue;
		}
		struct batch *to = s->flags & STREAM_SRTP ? &w->srtp_batch : b;
		struct packet *p = &to->pkt[to->n++];
		p->m = m;
		p->frame = rte_pktmbuf_mtod(m, uint8_t *);
		p->slot = slot;
		p->udp_len = (uint16_t)(m->data_len - VOICE_HEADERS);
		p->flags = PACKET_EDIT | PACKET_MADE;
		if (!(s->flags & STREAM_OUT6))
			p->flags |= PACKET_PLAIN;
		w->stream_rare[slot].made_packets++;
		w->stream_rare[slot].made_octets += p->udp_len - RTP_HDR_LEN;
	}
}
