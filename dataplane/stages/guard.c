/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may use a stream, and what it counts. The order is that of trust: nothing of a packet from
 * a wrong source is looked at, and a source is learned only from a packet that is valid in every
 * other respect. guard_fast() is what nearly every packet of a running call needs: one compare
 * each of state, source, first octet, payload type, SSRC and sequence number. Whatever differs
 * in any of them is judged by guard_rtp(), which knows all the rules.
 */
#include "dataplane/session/bundle.h"
#include "dataplane/stages/digits.h"
#include "dataplane/stages/rtcp.h"
#include "dataplane/stages/rtp.h"
#include "dataplane/stages/source.h"
#include "dataplane/stages/stages.h"

#include <rte_prefetch.h>

/* What guard_fast() and rewrite_plain() need to be so. */
#define FAST_MASK                                                                            \
	(STREAM_RECV | STREAM_SEND | STREAM_REMOTE | STREAM_HOP | STREAM_IN6 | STREAM_OUT6 | \
		STREAM_LEARN | STREAM_NO_SRC | STREAM_SEQ | STREAM_TELL)
/* Before packets are opened those of streams with SRTP are not fast, afterwards they are. */
#define FAST_SEALED STREAM_SRTP
#define FAST_WANT   (STREAM_RECV | STREAM_SEND | STREAM_REMOTE | STREAM_HOP | STREAM_SEQ)

/* Beside DP_DROP_N and the reasons: the packet is somebody else's now. */
#define GUARD_TAKEN ((enum dp_drop)(DP_DROP_N + 1))

static inline void count_rtp(struct dp_stream_stats *stats, uint32_t octets, uint64_t now)
{
	stats->rx_packets++;
	stats->rx_octets += octets;
	stats->last_rx_tsc = now;
}

/* The first 8 octets of struct stream, as guard_fast() compares them in one go. */
#define HEAD_MASK(flags) (UINT64_C(0xffffffffffff) | (uint64_t)(flags) << 48)
_Static_assert(offsetof(struct stream, src_ip_be32) == 0 &&
		       offsetof(struct stream, src_port_be16) == 4 &&
		       offsetof(struct stream, flags) == 6,
	"state and source lie together");

static __rte_always_inline bool guard_fast(
	struct dp_stream_stats *stats, struct packet *p, uint64_t now, uint16_t mask)
{
	const struct stream *s = stream_of(stats);
	const uint8_t *rtp = p->frame + RTP4_OFF;
	uint32_t src_ip;
	uint16_t src_port, first;
	uint64_t head;

	memcpy(&src_ip, p->frame + IP4_SRC_OFF, 4);
	memcpy(&src_port, p->frame + IP4_SPORT_OFF, 2);
	memcpy(&head, s, 8);
	if (unlikely((head & HEAD_MASK(mask)) !=
		     ((uint64_t)FAST_WANT << 48 | (uint64_t)src_port << 32 | src_ip)))
		return false;
	if (unlikely(p->flags || p->udp_len < RTP_HDR_LEN))
		return false;
	memcpy(&first, rtp, 2);
	if (unlikely((first & 0x7fff) != s->rtp_first))
		return false;

	if (unlikely((uint32_t)stats->rx_packets == stats->limit_mark))
		return false;

	uint32_t ext_seq = stats->ext_seq, ssrc;
	uint16_t delta = (uint16_t)(rtp_be16(rtp + 2) - (uint16_t)ext_seq);
	memcpy(&ssrc, rtp + 8, 4);
	/* what is lost, late or twice is for guard_rtp() to write down */
	if (unlikely(__builtin_bswap32(ssrc) != stats->ssrc || delta != 1))
		return false;
	stats->ext_seq = ext_seq + 1;
	stats->received++;
	/* accept_rtp() has set transit together with clock_mult */
	if (likely(s->clock_mult != 0))
		rtp_jitter(stats, rtp_arrival(now, s->clock_mult) - rtp_be32(rtp + 4));
	count_rtp(stats, p->udp_len - RTP_HDR_LEN, now);
	p->flags = s->fast;
	return true;
}

/* Tells the control thread what was learned; what finds no room stays in more->tell. */
static void tell(struct worker *w, struct stream *s, struct stream_more *more, uint32_t slot)
{
	for (unsigned int kind = 0; kind < STREAM_KINDS; kind++) {
		struct worker_event event = {
			.slot = slot,
			.epoch = more->epoch,
			.kind = kind,
			.learned = more->expect[kind],
		};
		if (!(more->tell & 1u << kind))
			continue;
		if (rte_ring_sp_enqueue_elem(w->events, &event, sizeof(event)) != 0) {
			w->stats->events_late++;
			return;
		}
		more->tell &= (uint8_t) ~(1u << kind);
		w->bell.ring = true;
	}
	s->flags &= (uint16_t)~STREAM_TELL;
}

static void learn(struct worker *w, struct stream *s, struct stream_more *more, uint32_t slot,
	enum stream_kind kind, const struct ipaddr *src)
{
	more->expect[kind] = *src;
	more->tell |= (uint8_t)(1u << kind);
	if (kind == STREAM_RTP) {
		s->flags &= (uint16_t)~STREAM_LEARN;
		s->src_ip_be32 = 0;
		if (src->family == 4)
			memcpy(&s->src_ip_be32, src->ip, 4);
		s->src_port_be16 = src->port_be16;
		if (s->flags & STREAM_MUX)
			more->expect[STREAM_RTCP] = *src;
	}
	s->flags |= STREAM_TELL;
	tell(w, s, more, slot);
}

/* The source of RTP; where streams share a port they share the far end, too. */
static void learn_source(struct worker *w, uint32_t slot, const struct ipaddr *src)
{
	const struct bundle *b = w->more[slot].bundle;

	learn(w, stream_at(w, slot), &w->more[slot], slot, STREAM_RTP, src);
	for (uint32_t i = 0; b && i < b->n_lines; i++) {
		uint32_t other = b->line[i].slot;
		if (stream_at(w, other)->flags & STREAM_LEARN)
			learn(w, stream_at(w, other), &w->more[other], other, STREAM_RTP, src);
	}
}

/* Index into more->pts, DP_PAYLOAD_TYPES when any type goes, -1 when it was not negotiated. */
static int find_payload(const struct stream *s, const struct stream_more *more, uint8_t pt)
{
	for (int i = 0; i < more->n_payloads; i++)
		if (more->pts[i] == pt)
			return i;
	return s->flags & STREAM_ANY_PT ? DP_PAYLOAD_TYPES : -1;
}

/* Keeps the type at hand for guard_fast(), unless its marker bit would make it look like RTCP. */
static void remember_payload(struct stream *s, const struct stream_more *more, uint8_t pt, int i)
{
	bool ambiguous = (s->flags & STREAM_MUX) && pt >= 64 && pt < 96;

	s->rtp_first = ambiguous ? STREAM_FIRST_NONE : (uint16_t)(0x80 | pt << 8);
	s->clock_mult = i < DP_PAYLOAD_TYPES ? more->clock_mult[i] : 0;
	s->pt_out = i < DP_PAYLOAD_TYPES ? more->pts_out[i] : pt;
	s->law = i < DP_PAYLOAD_TYPES ? more->laws[i] : DIRECTION_LAW_KEEP;
}

/* One of several sources of a far end that is known: video, see rtp_beside(). */
static bool is_beside(const struct stream *s, const struct dp_stream_stats *stats, uint32_t ssrc)
{
	return (s->flags & (STREAM_ANY_PT | STREAM_SEQ | STREAM_LEARN)) ==
		       (STREAM_ANY_PT | STREAM_SEQ) &&
	       ssrc != stats->ssrc;
}

/* Whether the packet is the other side's RTP. DP_DROP_N: yes, and it is counted. */
static enum dp_drop accept_rtp(
	struct worker *w, const struct batch *b, const struct packet *p, const uint8_t *rtp)
{
	struct stream *s = stream_at(w, p->slot);
	struct stream_more *more = &w->more[p->slot];
	struct dp_stream_stats *stats = &w->stream_stats[p->slot];
	struct dp_stream_rare *rare = &w->stream_rare[p->slot];
	struct ipaddr src = source_of(p);
	enum dp_drop reason;

	if (!(s->flags & STREAM_LEARN) && !same_source(&src, &more->expect[STREAM_RTP]))
		return DP_DROP_SOURCE;
	if (!(s->flags & STREAM_RECV))
		return DP_DROP_DIRECTION;
	if (rtp_over_limit(stats, more, b->now, w->tsc_hz))
		return DP_DROP_RATE;
	int octets = rtp_payload_len(rtp, p->udp_len);
	if (octets < 0)
		return DP_DROP_NOT_RTP;
	uint8_t pt = rtp[1] & 0x7f;
	int i = find_payload(s, more, pt);
	if (i < 0)
		return DP_DROP_PAYLOAD_TYPE;
	struct rtp_before before = {stats->ext_seq, rare->quality.reordered};
	uint16_t seq = rtp_be16(rtp + 2);
	uint32_t timestamp = rtp_be32(rtp + 4), ssrc = rtp_be32(rtp + 8);
	if (is_beside(s, stats, ssrc)) {
		if (!rtp_beside(more, stats, rare, ssrc, seq, b->now, w->tsc_hz))
			return DP_DROP_SSRC;
		count_rtp(stats, (uint32_t)octets, b->now);
		if (more->bundle)
			bundle_heard(more->bundle, ssrc, p->slot);
		return DP_DROP_N;
	}
	reason = rtp_sequence(s, more, stats, rare, ssrc, seq, b->now, w->tsc_hz);
	if (reason != DP_DROP_N)
		return reason;

	/* digits are few, and what guard_fast() knows is the voice's */
	if (i < DP_PAYLOAD_TYPES && unlikely(more->digits.khz[i]))
		digits_heard(w, p->slot, i, rtp, p->udp_len, b->now);
	else
		remember_payload(s, more, pt, i);
	if (i < DP_PAYLOAD_TYPES) {
		uint32_t mult = more->clock_mult[i], hz = more->clock_hz[i];
		rtp_place(stats, &rare->quality, &before, seq, timestamp, b->now, mult, hz);
		rtp_clock(stats, timestamp, b->now, mult, hz);
	}
	count_rtp(stats, (uint32_t)octets, b->now);
	if (more->bundle)
		bundle_heard(more->bundle, stats->ssrc, p->slot);
	if (s->flags & STREAM_LEARN)
		learn_source(w, p->slot, &src);
	return DP_DROP_N;
}

static enum dp_drop guard_rtp(
	struct worker *w, const struct batch *b, struct packet *p, const uint8_t *rtp)
{
	struct stream *s = stream_at(w, p->slot);
	struct dp_stream_rare *rare = &w->stream_rare[p->slot];
	uint64_t octets = w->stream_stats[p->slot].rx_octets;
	enum dp_drop reason = accept_rtp(w, b, p, rtp);

	if (reason != DP_DROP_N) {
		rare->dropped++;
		return reason;
	}
	reason = w->more[p->slot].voice.to == STREAM_TO_LEG ? way_out(s) : DP_DROP_N;
	if (reason != DP_DROP_N) {
		rare->unsent_packets++;
		rare->unsent_octets += w->stream_stats[p->slot].rx_octets - octets;
	} else {
		p->flags |= s->fast;
		if (s->flags & (STREAM_IN6 | STREAM_OUT6))
			p->flags &= (uint16_t)~PACKET_PLAIN;
	}
	return reason;
}

/* What the leg says is on the stream that it is sent: the other one of the session. */
static void read_rtcp(
	struct worker *w, uint32_t slot, const uint8_t *rtcp, uint32_t len, uint64_t now)
{
	uint32_t other = (slot ^ 1) < w->n_streams ? slot ^ 1 : slot;
	const struct dp_stream_stats *stats = &w->stream_stats[other];
	bool made = stream_at(w, other)->edit & STREAM_EDIT_WIRE;
	struct rtcp_heard_of sent = {.ssrc = made ? w->more[other].wire.ssrc : stats->ssrc,
		.clock_hz = stats->clock_hz,
		.echoes = &w->stream_rare[other].quality};

	rtcp_read(&w->stream_rare[slot].quality, &sent, rtcp, len, now, w->tsc_hz);
}

/* False: nothing is left. */
static bool strip(struct packet *p, uint8_t *rtcp)
{
	uint16_t cut = (uint16_t)(p->udp_len - rtcp_strip(rtcp, p->udp_len));

	p->udp_len = (uint16_t)(p->udp_len - cut);
	rte_pktmbuf_trim(p->m, cut);
	return p->udp_len > 0;
}

/*
 * Where a media core makes, or has made, what one of the legs hears, reports speak of sources that
 * the other leg knows nothing of. The two directions of a session are neighbours.
 */
static bool rtcp_ends(const struct worker *w, uint32_t slot)
{
	return stream_is_made(stream_at(w, slot), &w->more[slot]) ||
	       stream_is_made(stream_at(w, slot ^ 1), &w->more[slot ^ 1]);
}

/*
 * RTCP has its own source. One that learns takes it only from the IP address of its RTP, so that
 * whoever is first at the odd port of somebody else's call gains nothing.
 */
static enum dp_drop guard_rtcp(
	struct worker *w, const struct batch *b, struct packet *p, uint8_t *rtcp)
{
	struct stream *s = stream_at(w, p->slot);
	struct stream_more *more = &w->more[p->slot];
	struct dp_stream_rare *rare = &w->stream_rare[p->slot];
	const struct stream_path *path = &more->path[STREAM_RTCP];
	struct ipaddr src = source_of(p), *expect = more->expect;
	bool may_learn = (s->flags & STREAM_LATCH) && !expect[STREAM_RTCP].family &&
			 same_ip(&src, &expect[STREAM_RTP]);

	if (!may_learn && !same_source(&src, &expect[STREAM_RTCP])) {
		rare->dropped++;
		return DP_DROP_SOURCE;
	}
	if (!rtcp_is_valid(rtcp, p->udp_len)) {
		rare->dropped++;
		return DP_DROP_RTCP_INVALID;
	}
	if (!rtcp_may_pass(&more->rtcp_budget, &more->rtcp_tsc, b->now, w->tsc_hz)) {
		rare->dropped++;
		return DP_DROP_RTCP_RATE;
	}
	if (more->rtcp & STREAM_RTCP_SHUT) {
		rare->dropped++;
		return DP_DROP_DIRECTION;
	}
	if (may_learn)
		learn(w, s, more, p->slot, STREAM_RTCP, &src);
	rare->rtcp_packets++;
	rare->last_rtcp_tsc = b->now;
	read_rtcp(w, p->slot, rtcp, p->udp_len, b->now);
	if (more->rtcp & STREAM_RTCP_ENDS || rtcp_ends(w, p->slot))
		return DP_DROP_RTCP_OWN;
	if (more->rtcp & STREAM_RTCP_STRICT && !strip(p, rtcp))
		return DP_DROP_RTCP_TYPE;
	/* RFC 3264 5.1: RTCP flows on while media is on hold, so SEND does not matter here */
	if (!path->family)
		return DP_DROP_NO_REMOTE;
	if (!path->ready)
		return DP_DROP_NO_NEIGHBOUR;
	rtcp_hide_names(w->name_key, rtcp, p->udp_len, rtcp - UDP_HDR_LEN + 6);
	rtcp_note_sent(&rare->quality, rtcp, p->udp_len, b->now);
	return DP_DROP_N;
}

/* RFC 7983: STUN and DTLS by the first byte. */
static bool is_for_nat(const struct packet *p, const uint8_t *payload)
{
	return p->udp_len && (payload[0] <= 3 || (payload[0] >= 20 && payload[0] <= 63));
}

/*
 * To limen-nat, which trusts nobody either; so much of it as a handshake needs. It says nothing
 * about the stream: no source is learned, no time-out refreshed.
 */
static enum dp_drop guard_nat(struct worker *w, const struct batch *b, const struct packet *p)
{
	struct worker_nat item = {.frame = p->m, .slot = p->slot, .kind = packet_kind(p)};
	struct stream_more *more = &w->more[p->slot];
	uint64_t more_now = (b->now - more->nat_tsc) / (w->tsc_hz / STREAM_NAT_PER_S);

	if (more_now) {
		uint64_t budget = more->nat_budget + more_now;
		more->nat_budget = (uint8_t)RTE_MIN(budget, (uint64_t)STREAM_NAT_BURST);
		more->nat_tsc = b->now;
	}
	if (!more->nat_budget)
		return DP_DROP_NAT_RATE;
	if (rte_ring_sp_enqueue_elem(w->nat_ring, &item, sizeof(item)) != 0)
		return DP_DROP_NAT_FULL;
	more->nat_budget--;
	w->stats->nat_packets++;
	w->bell.ring = true;
	return GUARD_TAKEN;
}

static __rte_noinline enum dp_drop guard_slow(
	struct worker *w, const struct batch *b, struct packet *p)
{
	struct stream *s = stream_at(w, p->slot);
	bool in6 = p->flags & PACKET_IN6;
	uint8_t *payload = p->frame + (in6 ? RTP6_OFF : RTP4_OFF);

	if (s->flags & STREAM_TELL)
		tell(w, s, &w->more[p->slot], p->slot);
	if ((s->flags & STREAM_MUX) && (p->flags & PACKET_RTCP))
		return DP_DROP_NO_STREAM; /* the second port of the pair is not in use */
	if (w->more[p->slot].nat && is_for_nat(p, payload))
		return guard_nat(w, b, p);
	if ((s->flags & STREAM_MUX) && p->udp_len >= 2 && rtp_is_rtcp(payload))
		p->flags |= PACKET_RTCP;
	return p->flags & PACKET_RTCP ? guard_rtcp(w, b, p, payload) : guard_rtp(w, b, p, payload);
}

/*
 * The first look at a packet that is not fast: SRTP is set aside for stage_open(), unless it is
 * what limen-nat wants of a stream with DTLS. What that stage reads is fetched here.
 */
static __rte_noinline enum dp_drop guard_first(
	struct worker *w, const struct batch *b, struct packet *p)
{
	if (!(stream_at(w, p->slot)->flags & STREAM_SRTP) ||
		(is_for_nat(p, packet_payload(p)) && w->more[p->slot].nat))
		return guard_slow(w, b, p);
	rte_prefetch0(&w->srtp[p->slot]);
	rte_prefetch0(&w->stream_srtp[p->slot]);
	w->srtp_batch.pkt[w->srtp_batch.n++] = *p;
	return GUARD_TAKEN;
}

static __rte_always_inline void guard(struct worker *w, struct batch *b, uint16_t fast_mask)
{
	struct dp_stream_stats *stats = w->stream_stats;
	uint64_t now = b->now;
	uint16_t flags = 0;
	unsigned int n = 0;

	for (unsigned int i = 0; i < b->n; i++) {
		struct packet *p = &b->pkt[i];

		if (unlikely(!guard_fast(&stats[p->slot], p, now, fast_mask))) {
			enum dp_drop reason = fast_mask & FAST_SEALED ? guard_first(w, b, p)
								      : guard_slow(w, b, p);
			if (reason == GUARD_TAKEN)
				continue;
			if (reason != DP_DROP_N) {
				drop(w, p->m, reason);
				continue;
			}
		}
		flags |= p->flags;
		keep(b, n++, i);
	}
	b->n = n;
	b->flags = flags;
}

void stage_guard(struct worker *w, struct batch *b)
{
	guard(w, b, FAST_MASK | FAST_SEALED);
}

void stage_guard_opened(struct worker *w, struct batch *b)
{
	guard(w, b, FAST_MASK);
}
