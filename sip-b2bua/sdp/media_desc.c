/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One media line of a session description as received: where it wants its media, in which
 * direction, and which payload types. Both halves of an exchange read it so.
 */
#include "sip-b2bua/sdp/media_private.h"

#include "sip-b2bua/core/sip_token.h"
#include "controlplane/base/secret.h"

bool media_direction_sends(uint8_t direction)
{
	return direction == SDP_SENDRECV || direction == SDP_SENDONLY;
}

bool media_direction_receives(uint8_t direction)
{
	return direction == SDP_SENDRECV || direction == SDP_RECVONLY;
}

uint8_t media_held_direction(const struct sdp_media *m)
{
	if (!ipaddr_is_any(&m->connection))
		return m->direction;
	return m->direction == SDP_SENDRECV || m->direction == SDP_SENDONLY ? SDP_SENDONLY
									    : SDP_INACTIVE;
}

static void desc_addrs(const struct sdp_media *m, struct media_desc *desc)
{
	if (!ipaddr_is_set(&m->connection) || ipaddr_is_any(&m->connection) ||
		ipaddr_is_multicast(&m->connection) || m->port == 0 || m->port > UINT16_MAX)
		return;
	desc->rtp = m->connection;
	desc->rtp.port_be16 = htons((uint16_t)m->port);
	if (m->rtcp_port == 0 || m->rtcp_port > UINT16_MAX)
		return;
	desc->rtcp = ipaddr_is_set(&m->rtcp_addr) ? m->rtcp_addr : m->connection;
	desc->rtcp.port_be16 = htons((uint16_t)m->rtcp_port);
}

void media_desc_read(const struct sdp *sdp, unsigned int index, const struct media_take *take,
	struct media_desc *desc)
{
	const struct sdp_media *m = &sdp->media[index];
	struct view rest = m->formats, format;

	secret_wipe(desc, sizeof(*desc));
	desc->usable = take->usable;
	desc->profile = take->profile;
	desc->peer = take->peer;
	desc->ours = take->ours;
	desc->dtls = take->dtls;
	desc->direction = media_held_direction(m);
	desc->rtcp_mux = m->rtcp_mux;
	desc_addrs(m, desc);
	while (desc->n_payloads < DP_PAYLOAD_TYPES && sdp_format_next(&rest, &format)) {
		struct dp_payload *p = &desc->payloads[desc->n_payloads];
		struct sdp_rtpmap rtpmap;
		uint64_t pt;

		if (view_to_u64(format, 127, &pt) < 0)
			continue;
		p->pt = (uint8_t)pt;
		/* Without a known clock, and for events, the jitter is not measured. */
		if (sdp_rtpmap(sdp, index, (uint32_t)pt, &rtpmap) == 0 &&
			!view_eq_nocase(rtpmap.encoding, VIEW("telephone-event")))
			p->clock_hz = rtpmap.rate;
		desc->n_payloads++;
	}
}
