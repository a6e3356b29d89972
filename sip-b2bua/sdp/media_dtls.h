/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SRTP keyed by DTLS in the media map (RFC 5763, RFC 5764, RFC 8842): what the policy of a side
 * makes of an offer or an answer, and the association of each line and side. limen-sip makes no
 * handshake; it tells limen-control what limen-nat is to expect (struct ctl_dtls).
 *
 *                      never    prefer                         require
 *   srtp keying sdes
 *     DTLS is offered  488      taken                          488
 *   srtp keying dtls
 *     DTLS is offered  488      taken                          taken
 *     SDES is offered  488      taken                          488
 *     we offer         RTP      DTLS, then RTP when it was     DTLS
 *                               refused
 *
 * Without limen-nat there is no certificate to announce: DTLS that is offered, or that is required,
 * is refused with 503 then; prefer offers RTP. A 2xx that makes an offer, which cannot be refused,
 * offers RTP under prefer.
 *
 * Our offers say actpass, as RFC 5763 5 demands. To an offer of actpass we answer passive where the
 * realm latches, for its phones may be behind NAT and must send first; else active, which is
 * quicker. What was agreed stays until there is a new association.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "sip-b2bua/dialog/checkpoint.h"
#include "sip-b2bua/sdp/media_srtp.h"
#include "sip-b2bua/sdp/sdp.h"

/*
 * The association of one line with one side's far end. Another number stands for another
 * handshake: RFC 8842 4 has one when a fingerprint, a tls-id or a role changes; without tls-id also
 * when the far end moves (RFC 5763 6.6), so that each fork gets its own. Owner: the media line.
 */
struct media_assoc {
	/* What the far end was told last. */
	struct fingerprint own; /* hash NONE: nothing */
	uint8_t tls_id[SDP_TLS_ID];
	bool anew; /* it is not what the association was agreed on with */
	/* What was agreed on. */
	uint8_t role; /* ours, enum ctl_dtls_role; NONE: there is no association */
	uint32_t number;
	struct fingerprint peer;
	uint64_t peer_tls_id;
	struct ipaddr remote; /* family 0: never told */
};

/* Everything but the number, so that the next association has another one. */
void media_assoc_forget(struct media_assoc *assoc);
/* Before an offer to the far end: with another certificate of ours it is another association. */
void media_assoc_announce(struct media_assoc *assoc, const struct fingerprint *own);
/*
 * Both descriptions are known. peer and remote: of the far end's; offered: its was the offer, so
 * that own counts and passive decides about actpass.
 */
void media_assoc_agree(struct media_assoc *assoc, const struct sdp_dtls *peer,
	const struct ipaddr *remote, bool offered, bool passive, const struct fingerprint *own);
/* What limen-control is told of an association. */
void media_assoc_ctl(
	const struct media_assoc *assoc, const struct media_srtp *srtp, struct ctl_dtls *ret_dtls);
/* What our offer (answer: our answer) says. */
void media_assoc_plan(const struct media_assoc *assoc, bool answer, struct sdp_dtls_plan *ret_plan);
void media_assoc_checkpoint(const struct media_assoc *assoc, struct ckpt_out *out);
void media_assoc_restore(struct media_assoc *assoc, struct ckpt_in *in); /* in->failed */

/* Whether a handshake can be offered to that side: own: of limen-nat, hash NONE: it is away. */
bool media_dtls_possible(const struct media_srtp *srtp, const struct fingerprint *own);
/*
 * An offered line of a DTLS profile. assoc: of that line, or NULL; remote: where the line is to be
 * sent to. take->away: only the lack of limen-nat speaks against it.
 */
void media_dtls_take_offer(const struct media_srtp *srtp, const struct fingerprint *own,
	const struct media_assoc *assoc, const struct sdp *sdp, unsigned int index,
	struct media_take *ret);
/* An answered line, port not 0, where we offered DTLS. -EINVAL with a reason. */
int media_dtls_take_answer(const struct sdp *sdp, unsigned int index, struct media_take *ret)
	__attribute__((warn_unused_result));
