/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SRTP, on its way out: after the guard and before new headers, so that lengths and the checksum
 * of UDP are right under the old ones and rewriting carries them on as ever.
 *
 * What came as SRTP was authenticated: its checksum is made from nothing. What came in clear keeps
 * the error of its checksum if it has one, by difference (RFC 1624), so that the receiver still
 * finds a payload that was damaged before it came here.
 */
#include "dataplane/srtp/srtp.h"
#include "dataplane/stages/payload.h"
#include "dataplane/stages/rtp.h"
#include "dataplane/stages/stages.h"

#define NO_SEAL WORKER_BURST

struct sealing {
	struct srtp_pkt pkts[WORKER_BURST];
	unsigned int n;
	uint8_t place[WORKER_BURST];   /* in pkts, or NO_SEAL */
	uint64_t before[WORKER_BURST]; /* sum of the payload that came in clear */
};

/* Valid RTP that does not leave after all. */
static void not_sealed(struct worker *w, struct packet *p, enum dp_drop reason)
{
	if (packet_kind(p) == STREAM_RTP) {
		int octets = rtp_payload_len(packet_payload(p), p->udp_len);
		w->stream_rare[p->slot].unsent_packets++;
		w->stream_rare[p->slot].unsent_octets += octets > 0 ? (uint32_t)octets : 0;
	}
	drop(w, p->m, reason);
}

static void gather(struct worker *w, struct batch *b, struct sealing *sealing)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < b->n; i++) {
		struct packet *p = &b->pkt[i];
		const struct stream_srtp *srtp = &w->srtp[p->slot];
		struct dp_stream_srtp *row = &w->stream_srtp[p->slot];
		bool rtcp = packet_kind(p) == STREAM_RTCP;
		uint8_t *payload = packet_payload(p);

		sealing->place[n] = NO_SEAL;
		if (srtp->tx) {
			/* padding of a short frame is room, too, but not counted on */
			if (unlikely(rte_pktmbuf_tailroom(p->m) < SRTP_GROWTH)) {
				not_sealed(w, p, DP_DROP_MTU);
				continue;
			}
			sealing->place[n] = (uint8_t)sealing->n;
			sealing->before[n] = srtp->rx ? 0 : csum_add_bytes(0, payload, p->udp_len);
			sealing->pkts[sealing->n++] = (struct srtp_pkt){.data = payload,
				.len = p->udp_len,
				.is_rtcp = rtcp,
				.ctx = srtp->tx,
				.flow = rtcp ? &row->tx_rtcp : &row->tx};
		}
		keep(b, n++, i);
	}
	b->n = n;
}

/* The checksum of a datagram that came in clear; before: sum of its payload then. */
static void carry_checksum(struct packet *p, uint64_t before, uint16_t len_before)
{
	uint8_t *payload = packet_payload(p);
	uint16_t len = rte_cpu_to_be_16((uint16_t)(p->udp_len + UDP_HDR_LEN)), csum;
	uint16_t was = rte_cpu_to_be_16((uint16_t)(len_before + UDP_HDR_LEN));

	memcpy(&csum, payload - 2, 2);
	if (csum == 0)
		return; /* IPv4 without a checksum */
	uint64_t difference = csum_add_bytes(0, payload, p->udp_len);
	difference += (uint16_t)~csum_fold(before);
	/* the length stands in the header and in the pseudo header */
	difference += 2 * ((uint64_t)len + (uint16_t)~was);
	csum = csum_udp_update(csum, difference);
	memcpy(payload - 2, &csum, 2);
}

static enum dp_drop reason_of(uint8_t result)
{
	if (result == SRTP_LIMIT)
		return DP_DROP_SRTP_KEY_LIMIT;
	if (result == SRTP_OTHERS)
		return DP_DROP_BUNDLE_SSRC;
	return result == SRTP_REPLAY ? DP_DROP_SRTP_REPEAT : DP_DROP_SRTP_SHORT;
}

void stage_seal(struct worker *w, struct batch *b)
{
	struct sealing sealing;
	unsigned int n = 0;

	sealing.n = 0;
	gather(w, b, &sealing);
	srtp_seal(w->srtp_engine, sealing.pkts, sealing.n);
	for (unsigned int i = 0; i < b->n; i++) {
		struct packet *p = &b->pkt[i];
		uint16_t len_before = p->udp_len;
		bool opened = w->srtp[p->slot].rx != NULL;

		if (sealing.place[i] != NO_SEAL) {
			const struct srtp_pkt *pkt = &sealing.pkts[sealing.place[i]];
			if (unlikely(pkt->result != SRTP_OK)) {
				not_sealed(w, p, reason_of(pkt->result));
				continue;
			}
			payload_set_len(p, pkt->len);
		}
		if (opened)
			payload_checksum(p);
		else
			carry_checksum(p, sealing.before[i], len_before);
		keep(b, n++, i);
	}
	b->n = n;
}
