/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the media of a leg takes of its link, in bit/s of one direction, the wider one: payload at the
 * rate of the codec, and on each packet RTP (RFC 3550 5.1), UDP, IPv4 or IPv6, Ethernet with its check
 * sequence, a VLAN tag and the tag of SRTP where there are such. RTCP is not in it. Video and codecs
 * that the box does not know are what their b= says (RFC 8866 5.8, RFC 3890). Pure; any thread.
 */
#pragma once

#include "sip-b2bua/sdp/media_map.h"

/* How packets of a leg travel. */
struct bandwidth_path {
	uint8_t family;	     /* 4, 6 */
	uint8_t srtp_tag;    /* octets; 0: RTP */
	bool vlan;	     /* 802.1Q */
	uint32_t other_kbps; /* of lines that are not audio and do not say it */
};

/* The most that SRTP of these suites adds to a packet, octets; 0: none is used. */
uint8_t bandwidth_srtp_tag(const struct media_srtp *srtp);

/* Voice of a format in packets of ptime_ms (0: 20), bit/s; kbps: b= of its line, 0: none. */
uint64_t bandwidth_voice(const struct codec_format *format, uint32_t ptime_ms, uint32_t kbps,
	const struct bandwidth_path *path);

/* b= of a media line in kbit/s, rounded up, as sent by IP; 0: it has none that can be read. */
uint32_t bandwidth_line_kbps(const struct sdp *sdp, unsigned int index);

/*
 * The worst of what a description offers, on one side of it. from: the codecs of who offers; to: of
 * who is offered to, NULL on the offering side itself; can: as in codec_sides.
 */
uint64_t bandwidth_offered(const struct sdp *sdp, const struct codec_policy *from,
	const struct codec_policy *to, uint32_t can, const struct bandwidth_path *path);

/* What the last answer has agreed on for a leg. other_kbps: as in bandwidth_path. */
uint64_t bandwidth_agreed(
	const struct media_map *map, unsigned int leg, bool vlan, uint32_t other_kbps);
