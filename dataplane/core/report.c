/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sends RTCP of our own to a leg: the control thread says when and brings the memory, the owner of
 * the session, who has the figures and the way out, makes the packet. It takes the way of any
 * other from rewriting on. Runs in the worker's thread, between two bursts.
 */
#include "dataplane/core/worker_priv.h"
#include "dataplane/stages/made.h"
#include "dataplane/stages/rtcp.h"
#include "dataplane/stages/rtcp_write.h"
#include "dataplane/stages/rtp.h"
#include "dataplane/stages/stages.h"

#include <errno.h>

/* Of a leg that hears what a media core makes, or once has: what left, in place of what came. */
static struct dp_stream_stats sent_stats(const struct worker *w, uint32_t to, uint32_t clock_mult)
{
	const struct stream_wire *wire = &w->more[to].wire;
	struct dp_stream_stats s = w->stream_stats[to];

	if (!stream_is_made(stream_at(w, to), &w->more[to])) {
		s.rx_packets += w->stream_rare[to].made_packets;
		s.rx_octets += w->stream_rare[to].made_octets;
		return s;
	}
	s.ssrc = wire->ssrc;
	s.rx_packets += w->stream_rare[to].made_packets;
	s.rx_octets += w->stream_rare[to].made_octets;
	s.transit_valid = wire->tsc != 0 && clock_mult;
	s.transit = rtp_arrival(wire->tsc, clock_mult) - wire->ts;
	return s;
}

static uint32_t write_report(
	struct worker *w, const struct worker_report *msg, uint8_t *payload, uint32_t room)
{
	uint32_t to = msg->slot ^ 1;
	const struct stream_voice *voice = &w->more[to].voice;
	uint32_t clock_mult = voice->clock_mult ? voice->clock_mult : stream_at(w, to)->clock_mult;
	struct dp_stream_stats sent = sent_stats(w, to, clock_mult);
	struct rtcp_subject subject = {.from = &w->stream_stats[msg->slot],
		.to = &sent,
		.from_rare = &w->stream_rare[msg->slot],
		.to_rare = &w->stream_rare[to],
		.to_clock_mult = clock_mult};
	uint64_t passed = w->now > msg->ntp_tsc ? w->now - msg->ntp_tsc : 0;
	struct rtcp_report report;

	rtcp_report_of(&subject, msg->own_ssrc, w->now, w->tsc_hz, &report);
	report.ntp = msg->ntp + (uint64_t)(((unsigned __int128)passed << 32) / w->tsc_hz);
	report.cname = msg->cname;
	report.bye = msg->bye;
	report.rating = msg->rating;
	return rtcp_write(&report, payload, room);
}

static int send_report(struct worker *w, struct worker_report *msg)
{
	uint32_t to = msg->slot ^ 1;
	struct batch *b = &w->batch;
	const struct stream_path *path;
	uint8_t *frame;

	if (to >= w->n_streams || msg->slot >= w->n_streams ||
		!(stream_at(w, msg->slot)->flags & stream_at(w, to)->flags & STREAM_LIVE))
		return -ENOENT;
	path = &w->more[to].path[STREAM_RTCP];
	if (!path->family || !path->ready || w->more[msg->slot].rtcp & STREAM_RTCP_KEYLESS)
		return -EHOSTUNREACH;
	frame = (uint8_t *)rte_pktmbuf_append(msg->frame, MADE_HEADERS + RTCP_REPORT_MAX);
	if (!frame)
		return -ENOBUFS;
	uint32_t len = write_report(w, msg, frame + MADE_HEADERS, RTCP_REPORT_MAX);
	if (!len)
		return -EMSGSIZE;
	rte_pktmbuf_trim(msg->frame, (uint16_t)(RTCP_REPORT_MAX - len));
	made_put_headers(frame, len);
	rtcp_note_sent(&w->stream_rare[to].quality, frame + MADE_HEADERS, len, w->now);
	b->n = 1;
	b->now = w->now;
	b->pkt[0] = (struct packet){.m = msg->frame,
		.frame = frame,
		.slot = to,
		.udp_len = (uint16_t)len,
		.flags = PACKET_RTCP};
	msg->frame = NULL;
	w->stats->injected_packets++;
	if (stream_at(w, to)->flags & STREAM_SRTP)
		stage_seal(w, b);
	stage_rewrite(w, b);
	stage_transmit(w);
	return 0;
}

int worker_do_report(struct worker *w, struct worker_report *msg)
{
	int ret = send_report(w, msg);

	if (msg->frame)
		rte_pktmbuf_free(msg->frame);
	msg->frame = NULL;
	return ret;
}
