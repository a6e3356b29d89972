/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The form of CTL_MEDIA_SET, whatever its contents mean; see sessions.h. */
#include "controlplane/media/sessions.h"

#include <string.h>

#include "controlplane/api/ctl_play.h"

#define FLAGS_KNOWN                                                                   \
	(DP_LEG_SEND | DP_LEG_RECV | DP_LEG_RTCP_MUX | DP_LEG_LATCH | DP_LEG_ANY_PT | \
		DP_LEG_EARLY | DP_LEG_RTCP_OWN | DP_LEG_BUNDLE | DP_LEG_DTMF | DP_LEG_TONES)

/* As the data plane demands it (session_check). */
static bool bundle_ok(const struct dp_leg *leg)
{
	static const struct dp_bundle none;

	if (!(leg->flags & DP_LEG_BUNDLE))
		return memcmp(&leg->bundle, &none, sizeof(none)) == 0;
	return leg->flags & DP_LEG_RTCP_MUX && leg->bundle.n_ssrcs <= DP_BUNDLE_SSRCS &&
	       leg->bundle.mid_len <= DP_MID_MAX && leg->bundle.mid_ext != 15;
}

static bool leg_ok(const struct dp_leg *leg)
{
	static const struct dp_payload none[DP_PAYLOAD_TYPES];
	static const struct dp_play no_play;

	if (memcmp(&leg->play, &no_play, sizeof(no_play)) != 0)
		return false;

	if (!ipaddr_valid(&leg->remote_rtp) || !ipaddr_valid(&leg->remote_rtcp))
		return false;
	if ((leg->flags & ~(uint32_t)FLAGS_KNOWN) != 0 || leg->n_payloads > DP_PAYLOAD_TYPES)
		return false;
	if (!dp_srtp_valid(&leg->rx) || !dp_srtp_valid(&leg->tx) ||
		!leg->rx.suite != !leg->tx.suite)
		return false;
	if (leg->max_pps != 0 || leg->dscp > 63 || !bundle_ok(leg))
		return false;
	if (memcmp(&leg->payloads[leg->n_payloads], none,
		    (DP_PAYLOAD_TYPES - leg->n_payloads) * sizeof(none[0])) != 0)
		return false;
	for (unsigned int i = 0; i < leg->n_payloads; i++) {
		const struct dp_payload *p = &leg->payloads[i];
		if (p->pt > 127 || p->pt_out > 127 || p->action > DP_PT_NOISE ||
			p->codec >= DP_CODEC_END)
			return false;
	}
	return true;
}

static bool dtls_ok(const struct ctl_dtls *dtls, const struct dp_leg *leg)
{
	static const struct ctl_dtls none;

	if (dtls->role == CTL_DTLS_NONE)
		return memcmp(dtls, &none, sizeof(none)) == 0;
	return dtls->role <= CTL_DTLS_CLIENT && dtls->zero == 0 && dtls->zero2 == 0 &&
	       dtls->peer.hash != FINGERPRINT_NONE && fingerprint_valid(&dtls->peer) &&
	       leg->rx.suite == DP_SRTP_NONE;
}

/* A wish (a family, no address) or a claim (the whole address). */
static bool local_ok(const struct ipaddr *local)
{
	static const uint8_t none[16];

	if (ipaddr_port(local) != 0)
		return ipaddr_is_set(local) && ipaddr_valid(local) && !ipaddr_is_any(local);
	/* An address without a port is taken for its family: what a session had, say. */
	return (local->family == 0 && memcmp(local->ip, none, sizeof(none)) == 0 &&
		       local->zero == 0) ||
	       (ipaddr_is_set(local) && ipaddr_valid(local));
}

/* Nothing is said of a leg that is not there. */
static bool no_leg_ok(const struct ctl_media *media)
{
	static const struct ctl_media none;

	return memcmp(media->realm[1], none.realm[1], sizeof(none.realm[1])) == 0 &&
	       memcmp(&media->leg[1], &none.leg[1], sizeof(none.leg[1])) == 0 &&
	       memcmp(&media->play[1], &none.play[1], sizeof(none.play[1])) == 0 &&
	       memcmp(&media->dtls[1], &none.dtls[1], sizeof(none.dtls[1])) == 0;
}

bool ctl_media_ok(const struct ctl_media *media)
{
	unsigned int n_legs = ctl_media_n_legs(media);

	if (media->call_id == 0 || media->media_index >= CTL_MEDIA_MAX || media->emergency > 1 ||
		media->zero != 0)
		return false;
	if (n_legs == 1 && !no_leg_ok(media))
		return false;
	for (unsigned int i = 0; i < n_legs; i++) {
		if (!ctl_play_ok(&media->play[i]))
			return false;
		if (!ipc_str_ok(media->realm[i], CTL_NAME_MAX) || media->realm[i][0] == '\0' ||
			!local_ok(&media->leg[i].local) || !leg_ok(&media->leg[i]) ||
			!dtls_ok(&media->dtls[i], &media->leg[i]))
			return false;
	}
	return true;
}
