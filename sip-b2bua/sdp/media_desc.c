/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One media line of a session description as received: where it wants its media, in which
 * direction, and which payload types. Both halves of an exchange read it so.
 */
#include "sip-b2bua/sdp/media_private.h"

#include "controlplane/base/secret.h"
#include "sip-b2bua/sdp/bandwidth.h"

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

bool media_same_family(
	const struct sdp_media *m, const struct media_line *line, unsigned int leg, uint8_t wanted)
{
	uint8_t ours = line && line->state == MEDIA_OPEN ? line->ctl.leg[leg].local.family : wanted;

	return m->port == 0 || ours == 0 || !ipaddr_is_set(&m->connection) ||
	       ipaddr_is_any(&m->connection) || m->connection.family == ours;
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
	const struct codec_list *codecs, struct media_desc *desc)
{
	const struct sdp_media *m = &sdp->media[index];

	secret_wipe(desc, sizeof(*desc));
	desc->usable = take->usable;
	desc->profile = take->profile;
	desc->peer = take->peer;
	desc->ours = take->ours;
	desc->dtls = take->dtls;
	desc->direction = media_held_direction(m);
	desc->rtcp_mux = m->rtcp_mux;
	desc->ptime_ms = m->ptime <= 240 ? (uint16_t)m->ptime : 0;
	desc->kbps = bandwidth_line_kbps(sdp, index);
	media_bundle_read(sdp, index, &desc->bundle);
	desc_addrs(m, desc);
	if (codecs)
		desc->codecs = *codecs;
	else
		codec_list_read(sdp, index, &desc->codecs);
}
