/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Building, applying and summing streams: see stream.h. No state, no DPDK. */
#include "dataplane/session/stream.h"

#include "dataplane/stages/csum.h"
#include "dataplane/stages/rtp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define IPV4_TTL	  64
#define EVENT_DEFAULT_KHZ 8

static struct ipaddr next_port(const struct ipaddr *addr)
{
	struct ipaddr next = *addr;
	uint16_t port = ipaddr_port(addr);

	if (!addr->family || port == UINT16_MAX)
		return (struct ipaddr){0};
	next.port_be16 = htons(port + 1);
	return next;
}

/* An address without a port is as good as none. */
static struct ipaddr usable(const struct ipaddr *addr)
{
	return addr->port_be16 ? *addr : (struct ipaddr){0};
}

static int check_leg(const struct dp_session *session, unsigned int n)
{
	const struct dp_leg *leg = &session->leg[n];
	uint16_t port = ipaddr_port(&leg->local);

	if (n >= dp_session_n_legs(session))
		return 0;

	if (!leg->local.family || !port || (port & 1) || leg->dscp > 63 ||
		leg->n_payloads > DP_PAYLOAD_TYPES)
		return -EINVAL;
	for (unsigned int i = 0; i < leg->n_payloads; i++)
		if (leg->payloads[i].pt > 127 || leg->payloads[i].clock_hz > STREAM_CLOCK_MAX)
			return -EINVAL;
	return 0;
}

static void build_path(struct stream_path *path, const struct stream_out *out,
	const struct ipaddr *local, uint16_t local_port, uint8_t tos)
{
	*path = (struct stream_path){.tos = tos};
	if (!out->remote.family)
		return;
	path->family = out->remote.family;
	path->ready = out->hop.ready;
	path->port = out->hop.port;
	memcpy(path->macs, out->hop.dst_mac, 6);
	memcpy(path->macs + 6, out->hop.src_mac, 6);
	memcpy(path->src_ip, local->ip, 16);
	memcpy(path->dst_ip, out->remote.ip, 16);
	path->src_port_be16 = htons(local_port);
	path->dst_port_be16 = out->remote.port_be16;
}

/* What the one line of an IPv4 stream needs of its path. */
static void build_hot(struct stream *hot, const struct stream_path *path)
{
	const uint8_t fixed[8] = {0, 0, 0x40, 0, IPV4_TTL, 17, 0, 0}; /* no id, DF, TTL, UDP */

	hot->port = path->port;
	hot->tos = path->tos;
	memcpy(&hot->ip_first, (uint8_t[2]){0x45, path->tos}, 2);
	if (path->family)
		hot->flags |= STREAM_REMOTE;
	if (path->family && path->ready)
		hot->flags |= STREAM_HOP;
	memcpy(hot->macs, path->macs, 12);
	memcpy(hot->ends, path->src_ip, 4);
	memcpy(hot->ends + 4, path->dst_ip, 4);
	memcpy(hot->ends + 8, &path->src_port_be16, 2);
	memcpy(hot->ends + 10, &path->dst_port_be16, 2);
	hot->ends_sum = csum_fold(csum_add(0, hot->ends, 12));
	hot->ip_sum = csum_fold(csum_add(csum_add(0, fixed, 8), hot->ends, 8));
}

static uint32_t clock_mult(uint64_t hz, uint64_t tsc_hz)
{
	return (uint32_t)(((hz << STREAM_CLOCK_SHIFT) + tsc_hz / 2) / tsc_hz);
}

/* A clock that no telephone-event has is that of most. */
static uint8_t event_khz(uint32_t hz)
{
	return hz >= 1000 && hz <= 48000 && hz % 1000 == 0 ? (uint8_t)(hz / 1000)
							   : EVENT_DEFAULT_KHZ;
}

/* Where the packets go. */
static void build_voice(struct stream_conf *conf, const struct stream_args *args)
{
	struct stream_voice *voice = &conf->more.voice;

	if (args->session->leg[args->leg].play.kind == DP_PLAY_ROOM)
		voice->to = STREAM_TO_ROOM;
	else if (!direction_is_heard(args->session, args->leg))
		voice->to = STREAM_TO_NONE;
	if (voice->to == STREAM_TO_ROOM || direction_is_voice(args->session, args->leg)) {
		voice->tag = args->voice.tag;
		voice->core = args->voice.core;
	}
}

/* What becomes of the payload; guard_fast() and the stages after it go by it. */
static void build_payloads(struct stream_conf *conf, const struct stream_args *args)
{
	const struct dp_leg *in = &args->session->leg[args->leg];
	const struct dp_send *send = &args->session->leg[!args->leg].send;
	const struct dp_codec *made = dp_codec_row(send->codec);
	struct stream_more *more = &conf->more;

	conf->hot.fast = PACKET_PLAIN;
	for (unsigned int i = 0; i < in->n_payloads; i++) {
		more->pts_out[i] = direction_pt_out(args->session, args->leg, i);
		more->laws[i] = direction_law(args->session, args->leg, i);
		if (more->pts_out[i] != more->pts[i] || more->laws[i] != DIRECTION_LAW_KEEP)
			conf->hot.edit |= STREAM_EDIT_PT;
		if (in->payloads[i].action == DP_PT_EVENT)
			more->digits.khz[i] = event_khz(in->payloads[i].clock_hz);
		if (more->laws[i] != DIRECTION_LAW_KEEP)
			conf->hot.fast |= PACKET_LAW;
	}
	more->digits.tell = (in->flags & DP_LEG_DTMF) != 0;
	if (send->event_pt && send->digits == DP_DIGITS_MEDIA) {
		more->digits.pt = send->event_pt;
		more->digits.out_khz = send->event_khz ? send->event_khz : EVENT_DEFAULT_KHZ;
	}
	more->wire = (struct stream_wire){
		.ssrc = args->voice.ssrc, .seq = args->voice.seq, .ts = args->voice.ts};
	build_voice(conf, args);
	if (direction_is_made(args->session, args->leg) && made) {
		conf->hot.edit = STREAM_EDIT_WIRE;
		more->voice.tag = args->voice.tag;
		more->voice.clock_mult = clock_mult(made->clock_hz, args->tsc_hz);
	}
}

static void build_guard(struct stream_conf *conf, const struct dp_leg *in, uint64_t tsc_hz)
{
	struct stream_more *more = &conf->more;

	struct ipaddr rtp = usable(&in->remote_rtp), rtcp = usable(&in->remote_rtcp);

	if (in->flags & DP_LEG_LATCH || (in->flags & DP_LEG_EARLY && !rtp.family)) {
		conf->hot.flags |= STREAM_LATCH;
	} else {
		more->expect[STREAM_RTP] = rtp;
		if (in->flags & DP_LEG_RTCP_MUX)
			rtcp = rtp;
		else if (!rtcp.family)
			rtcp = next_port(&rtp);
		more->expect[STREAM_RTCP] = rtcp;
	}
	more->max_pps = in->max_pps;
	more->n_payloads = in->n_payloads;
	for (unsigned int i = 0; i < in->n_payloads; i++) {
		bool clocked = in->payloads[i].action < DP_PT_EVENT;
		uint64_t hz = clocked ? in->payloads[i].clock_hz : 0;
		more->pts[i] = in->payloads[i].pt;
		more->clock_hz[i] = (uint32_t)hz;
		more->clock_mult[i] = clock_mult(hz, tsc_hz);
	}
}

/* The keys of a leg come from a handshake, and have not come yet. */
static bool waits_for_keys(const struct dp_leg *leg)
{
	return leg->flags & DP_LEG_NAT && leg->rx.suite == DP_SRTP_NONE &&
	       !(leg->flags & (DP_LEG_SEND | DP_LEG_RECV));
}

int stream_build(const struct stream_args *args, struct stream_conf *ret_conf)
{
	const struct dp_leg *in = &args->session->leg[args->leg];
	const struct dp_leg *out = &args->session->leg[!args->leg];
	struct stream_out rtp = args->out[STREAM_RTP], rtcp = args->out[STREAM_RTCP];
	bool out_mux = out->flags & DP_LEG_RTCP_MUX;
	uint16_t out_port = ipaddr_port(&out->local);
	struct stream_conf *conf = ret_conf;

	if (check_leg(args->session, 0) < 0 || check_leg(args->session, 1) < 0 || args->tsc_hz == 0)
		return -EINVAL;
	if (in->remote_rtp.family && in->remote_rtp.family != in->local.family)
		return -EINVAL;
	rtp.remote = usable(&rtp.remote);
	rtcp.remote = usable(&rtcp.remote);
	if (out_mux) {
		rtcp = rtp;
	} else if (!rtcp.remote.family) {
		rtcp.remote = next_port(&rtp.remote);
		rtcp.hop = rtp.hop;
	}
	if ((rtp.remote.family && rtp.remote.family != out->local.family) ||
		(rtcp.remote.family && rtcp.remote.family != out->local.family))
		return -EINVAL;

	*conf = (struct stream_conf){.hot.rtp_first = STREAM_FIRST_NONE,
		.more.bad_seq = STREAM_SEQ_NONE,
		.more.next_seq = STREAM_SEQ_NONE};
	uint8_t tos = (uint8_t)(out->dscp << 2);
	build_path(&conf->more.path[STREAM_RTP], &rtp, &out->local, out_port, tos);
	build_path(&conf->more.path[STREAM_RTCP], &rtcp, &out->local,
		out_mux ? out_port : out_port + 1, tos);
	build_hot(&conf->hot, &conf->more.path[STREAM_RTP]);
	conf->hot.flags |= (in->flags & DP_LEG_RECV ? STREAM_RECV : 0) |
			   (out->flags & DP_LEG_SEND ? STREAM_SEND : 0) |
			   (in->local.family == 6 ? STREAM_IN6 : 0) |
			   (out->local.family == 6 ? STREAM_OUT6 : 0) |
			   (in->flags & DP_LEG_RTCP_MUX ? STREAM_MUX : 0) |
			   (in->flags & DP_LEG_ANY_PT ? STREAM_ANY_PT : 0);
	build_guard(conf, in, args->tsc_hz);
	conf->more.rtcp = ((in->flags | out->flags) & DP_LEG_RTCP_OWN ? STREAM_RTCP_ENDS : 0) |
			  (in->flags & DP_LEG_RTCP_STRICT ? STREAM_RTCP_STRICT : 0) |
			  (waits_for_keys(in) || waits_for_keys(out) ? STREAM_RTCP_SHUT : 0) |
			  (waits_for_keys(in) ? STREAM_RTCP_KEYLESS : 0);
	conf->more.nat = (in->flags & DP_LEG_NAT) != 0;
	build_payloads(conf, args);
	if (in->flags & DP_LEG_TAP) {
		conf->hot.edit |= STREAM_EDIT_TAP;
		conf->more.tap_id = args->session->id;
	}
	conf->bundle = in->bundle;
	conf->more.epoch = args->epoch;
	conf->more.half_port = ipaddr_port(&in->local) >> 1;
	conf->more.addr_index = args->addr_index;
	return 0;
}

/* The sources to accept: as configured, or as learned when that is still good. */
static void apply_sources(struct stream *s, struct stream_more *more, const struct stream *old,
	const struct stream_more *old_more, bool keep)
{
	struct ipaddr *rtp = &more->expect[STREAM_RTP], *rtcp = &more->expect[STREAM_RTCP];

	if ((s->flags & STREAM_LATCH) && keep) {
		*rtp = old_more->expect[STREAM_RTP];
		if (s->flags & STREAM_MUX)
			*rtcp = *rtp;
		else if (!(old->flags & STREAM_MUX))
			*rtcp = old_more->expect[STREAM_RTCP];
		more->tell = old_more->tell;
		s->flags |= old->flags & STREAM_TELL;
	}
	if (!rtp->family)
		s->flags |= s->flags & STREAM_LATCH ? STREAM_LEARN : STREAM_NO_SRC;
	if (rtp->family == 4)
		memcpy(&s->src_ip_be32, rtp->ip, 4);
	s->src_port_be16 = rtp->port_be16;
}

static void keep_digits(struct stream_digits *digits, const struct stream_digits *old)
{
	digits->pressed = old->pressed;
	digits->sending = old->sending;
	digits->cut = old->cut;
	digits->cut_seq = old->cut_seq;
	digits->rx = old->rx;
}

void stream_apply(struct stream *s, struct stream_more *more, const struct stream_conf *conf,
	bool fresh, bool relearn)
{
	struct stream old = *s;
	struct stream_more old_more = *more;
	bool keep = !fresh && !relearn && (old.flags & STREAM_LATCH) &&
		    ((old.flags ^ conf->hot.flags) & STREAM_IN6) == 0;

	*s = conf->hot;
	*more = conf->more;
	s->flags = (uint16_t)((s->flags & ~STREAM_OWN_FLAGS) | STREAM_LIVE);
	s->rtp_first = STREAM_FIRST_NONE;
	s->clock_mult = 0;
	if (fresh) {
		more->bad_seq = STREAM_SEQ_NONE;
		more->ssrc_budget = RTP_SSRC_BUDGET;
		more->rtcp_budget = RTCP_BURST;
		more->nat_budget = STREAM_NAT_BURST;
	} else {
		/* another far end is another talker, whose first packet counts */
		s->flags |= relearn ? 0 : old.flags & STREAM_SEQ;
		more->bad_seq = old_more.bad_seq;
		more->ssrc_budget = old_more.ssrc_budget;
		more->ssrc_tsc = old_more.ssrc_tsc;
		if (!relearn) {
			more->n_beside = old_more.n_beside;
			more->beside_next = old_more.beside_next;
			memcpy(more->beside, old_more.beside, sizeof(more->beside));
		}
		more->rtcp_budget = old_more.rtcp_budget;
		more->rtcp_tsc = old_more.rtcp_tsc;
		more->nat_budget = old_more.nat_budget;
		more->nat_tsc = old_more.nat_tsc;
		keep_digits(&more->digits, &old_more.digits);
		/* What has been on the wire stays there, also when the packets pass again. */
		if (old.edit & STREAM_EDIT_WIRE) {
			more->wire = old_more.wire;
			s->edit |= STREAM_EDIT_WIRE;
		}
	}
	if (more->voice.tag || more->voice.to != STREAM_TO_LEG)
		s->fast = PACKET_VOICE;
	else if (s->edit)
		s->fast |= PACKET_EDIT;
	apply_sources(s, more, &old, &old_more, keep);
}

void stream_wire_continue(struct stream *s, struct stream_more *more,
	const struct dp_stream_stats *stats, const struct dp_stream_rare *rare, uint32_t clock_mult)
{
	struct stream_wire *wire = &more->wire;

	if (!(s->edit & STREAM_EDIT_WIRE) || stats->rx_packets <= rare->unsent_packets)
		return;
	wire->ssrc = stats->ssrc;
	wire->seq = (uint16_t)stats->ext_seq;
	wire->tsc = stats->last_rx_tsc;
	if (stats->transit_valid && clock_mult)
		wire->ts = rtp_arrival(wire->tsc, clock_mult) - stats->transit;
}

/* Of the payload type that came last, or of one that may come; 0: not known. */
uint32_t stream_clock_mult(const struct stream *s, const struct stream_more *more)
{
	uint32_t mult = s->clock_mult;

	for (unsigned int i = 0; i < more->n_payloads && !mult; i++)
		mult = more->clock_mult[i];
	return mult;
}

void stream_wire_begin(struct stream *s, struct stream_more *more,
	const struct dp_stream_stats *stats, const struct dp_stream_rare *rare)
{
	struct stream_wire *wire = &more->wire;

	if (s->edit & STREAM_EDIT_WIRE)
		return;
	s->edit |= STREAM_EDIT_WIRE;
	s->fast |= PACKET_EDIT;
	stream_wire_continue(s, more, stats, rare, stream_clock_mult(s, more));
	if (stats->rx_packets <= rare->unsent_packets)
		return;
	wire->from = wire->ssrc;
	wire->anchored = wire->same = 1;
}
