/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SRTP, on its way in. The guard has set these packets aside before it looked at anything but
 * their stream; it sees them again when they are open, and only then is anything learned, counted
 * or kept alive. What is not authentic ends here and has changed nothing.
 *
 * The order is that of cost: who may not send at all, or comes from elsewhere than the stream's
 * known source, is not worth a hash. Nor is, for the rest of an eighth of a second, what comes with
 * an unknown SSRC from where eight packets have just failed: made-up packets with the right source,
 * or to a stream that has not learned its source yet, cost no more than that. The SSRC that was
 * authentic last is always opened; nobody who is not on the way knows it, and so nobody else's
 * packets keep the far end from being heard.
 */
#include "dataplane/srtp/srtp.h"
#include "dataplane/stages/payload.h"
#include "dataplane/stages/rtp.h"
#include "dataplane/stages/stages.h"

/* By enum srtp_result. */
static const uint8_t drops[] = {
	[SRTP_SHORT] = DP_DROP_SRTP_SHORT,
	[SRTP_AUTH] = DP_DROP_SRTP_AUTH,
	[SRTP_REPLAY] = DP_DROP_SRTP_REPLAY,
	[SRTP_LIMIT] = DP_DROP_SRTP_KEY_LIMIT,
	[SRTP_CLEAR] = DP_DROP_SRTP_CLEAR,
};

/* Whether a source that is known already is another's. Of a stream that learns there is none. */
static bool source_differs(const struct worker *w, const struct packet *p, enum stream_kind kind)
{
	const struct stream *s = stream_at(w, p->slot);
	const struct ipaddr *expect = w->more[p->slot].expect;

	if (kind == STREAM_RTP && !(p->flags & PACKET_IN6)) {
		uint32_t ip;
		uint16_t port;
		memcpy(&ip, p->frame + IP4_SRC_OFF, 4);
		memcpy(&port, p->frame + IP4_SPORT_OFF, 2);
		return !(s->flags & STREAM_LEARN) &&
		       (ip != s->src_ip_be32 || port != s->src_port_be16);
	}
	if (kind == STREAM_RTP && (s->flags & STREAM_LEARN))
		return false;
	struct ipaddr src = source_of(p);
	if (kind == STREAM_RTCP && (s->flags & STREAM_LATCH) && !expect[STREAM_RTCP].family)
		return !same_ip(&src, &expect[STREAM_RTP]);
	return !same_source(&src, &expect[kind]);
}

static enum dp_drop admit(const struct worker *w, const struct packet *p, enum stream_kind kind)
{
	const struct stream *s = stream_at(w, p->slot);

	if ((s->flags & STREAM_MUX) && (p->flags & PACKET_RTCP))
		return DP_DROP_NO_STREAM; /* the second port of the pair is not in use */
	if ((s->flags & STREAM_NO_SRC) || source_differs(w, p, kind))
		return DP_DROP_SOURCE;
	if (kind == STREAM_RTP && !(s->flags & STREAM_RECV))
		return DP_DROP_DIRECTION;
	return DP_DROP_N;
}

/* RFC 5761: SRTP and SRTCP on one port are told apart as RTP and RTCP are. */
static enum stream_kind kind_of(const struct worker *w, const struct packet *p)
{
	bool mux = stream_at(w, p->slot)->flags & STREAM_MUX;

	if (mux && p->udp_len >= 2 && rtp_is_rtcp(packet_payload(p)))
		return STREAM_RTCP;
	return packet_kind(p);
}

static bool ssrc_is_known(const struct dp_srtp_flow *flow, const uint8_t *ssrc)
{
	return flow->next && flow->ssrc == rtp_be32(ssrc);
}

/* Where those from the source of a packet are counted; keyed, so that nobody can aim. */
static uint8_t *forged_count(const struct worker *w, const struct packet *p)
{
	struct ipaddr src = source_of(p);
	uint64_t h[2];

	memcpy(h, src.ip, sizeof(h));
	h[0] = (h[0] ^ w->name_key[0] ^ src.port_be16) * (w->name_key[1] | 1);
	h[0] = (h[0] ^ h[0] >> 32 ^ h[1] ^ w->name_key[1]) * (w->name_key[0] | 1);
	return &w->more[p->slot].forged[(h[0] >> 32) % STREAM_FORGED_WAYS];
}

/* Whether packets like this one have failed too often. Of a known SSRC none does. */
static bool was_forged(
	const struct worker *w, const struct packet *p, enum stream_kind kind, uint64_t now)
{
	const struct dp_stream_srtp *row = &w->stream_srtp[p->slot];
	const uint8_t *payload = packet_payload(p);

	if (likely(kind == STREAM_RTP && p->udp_len >= RTP_HDR_LEN &&
		    ssrc_is_known(&row->rx, payload + 8)))
		return false;
	if (kind == STREAM_RTCP && p->udp_len >= 8 &&
		(ssrc_is_known(&row->rx_rtcp, payload + 4) || ssrc_is_known(&row->rx, payload + 4)))
		return false;
	struct stream_more *more = &w->more[p->slot];
	if (now - more->forged_tsc >= w->tsc_hz / STREAM_FORGED_PER_S) {
		more->forged_tsc = now;
		memset(more->forged, 0, sizeof(more->forged));
	}
	return *forged_count(w, p) >= STREAM_FORGED_MAX;
}

/* Has failed. */
static void note_forged(const struct worker *w, const struct packet *p)
{
	uint8_t *count = forged_count(w, p);

	if (*count < STREAM_FORGED_MAX)
		++*count;
}

static void fetch(const struct worker *w, const struct batch *b)
{
	for (unsigned int i = 0; i < b->n; i++) {
		const struct stream_srtp *srtp = &w->srtp[b->pkt[i].slot];
		if (srtp->rx)
			srtp_ctx_prefetch(srtp->rx);
		if (srtp->tx)
			srtp_ctx_prefetch(srtp->tx);
	}
}

void stage_open(struct worker *w, struct batch *b)
{
	struct srtp_pkt pkts[WORKER_BURST];
	uint8_t place[WORKER_BURST]; /* in pkts, or none */
	const uint8_t none = WORKER_BURST;
	unsigned int n_pkts = 0, n = 0;

	fetch(w, b);
	for (unsigned int i = 0; i < b->n; i++) {
		struct packet *p = &b->pkt[i];
		struct srtp_ctx *ctx = w->srtp[p->slot].rx;
		enum stream_kind kind = kind_of(w, p);
		enum dp_drop reason = admit(w, p, kind);
		if (ctx && reason == DP_DROP_N && was_forged(w, p, kind, b->now))
			reason = DP_DROP_SRTP_FORGED;
		if (unlikely(reason != DP_DROP_N)) {
			w->stream_rare[p->slot].dropped += reason != DP_DROP_NO_STREAM;
			drop(w, p->m, reason);
			continue;
		}
		struct dp_stream_srtp *row = &w->stream_srtp[p->slot];
		place[n] = none;
		if (ctx) {
			place[n] = (uint8_t)n_pkts;
			pkts[n_pkts++] = (struct srtp_pkt){.data = packet_payload(p),
				.len = p->udp_len,
				.is_rtcp = kind == STREAM_RTCP,
				.ctx = ctx,
				.flow = kind == STREAM_RTCP ? &row->rx_rtcp : &row->rx};
		}
		keep(b, n++, i);
	}
	b->n = n;
	srtp_engine_set_clock(w->srtp_engine, b->now);
	srtp_open(w->srtp_engine, pkts, n_pkts);

	n = 0;
	for (unsigned int i = 0; i < b->n; i++) {
		struct packet *p = &b->pkt[i];
		if (place[i] != none) {
			const struct srtp_pkt *pkt = &pkts[place[i]];
			if (unlikely(pkt->result != SRTP_OK)) {
				w->stream_rare[p->slot].dropped++;
				if (pkt->result == SRTP_AUTH)
					note_forged(w, p);
				drop(w, p->m, drops[pkt->result]);
				continue;
			}
			payload_set_len(p, pkt->len);
			if (unlikely(pkt->is_rtcp && w->more[p->slot].bundle)) {
				p->slot = demux_rtcp(w, p->slot, packet_payload(p), pkt->len);
				if (p->slot == SLOT_NONE) {
					drop(w, p->m, DP_DROP_BUNDLE);
					continue;
				}
			}
		}
		keep(b, n++, i);
	}
	b->n = n;
}
