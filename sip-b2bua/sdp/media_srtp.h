/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SRTP with keys by SDES in the media map (by DTLS: media_dtls.h): what the policy of a side makes of an offer, what we offer to a side, what
 * of an answer is taken, and the keys that are ours. Each side is negotiated for itself: its peer's
 * keys and ours towards it never meet those of the other side.
 *
 *                 never          prefer                          require
 *   offer comes   SRTP: 488      either is taken                 RTP alone: 488
 *   we offer      RTP            SRTP, then RTP when it was      SRTP
 *                                refused; RTP with keys (RFC
 *                                8643) where nobody can refuse
 *   answer comes  RTP            as offered                      SRTP or the call ends
 *
 * Our keys are drawn anew for each call, line, side and suite. A re-offer keeps the suite and key in
 * force, and names that suite first: there are ends that never take another key in mid-call, and
 * others whose roll-over counter would not follow. When a peer changes its own key, it gets a new
 * one, and so does the other side. Struct media_line holds them; its owner is the call's thread of
 * limen-sip.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/config/cfg.h"
#include "sip-b2bua/dialog/checkpoint.h"
#include "sip-b2bua/sdp/sdp.h"

/* Of one side; part of the checkpoint. */
struct media_srtp {
	uint8_t policy; /* enum cfg_srtp, never CFG_SRTP_REALM */
	uint8_t keying; /* enum cfg_keying, never CFG_KEYING_REALM */
	uint8_t n_suites;
	uint8_t suites[DP_SRTP_N - 1]; /* enum dp_srtp_suite, preferred first */
	bool refused; /* prefer: the far end took no SRTP, so none is offered to it any more */
	bool lost;    /* prefer: a line was encrypted until a re-INVITE of the far end */
};

/* The policy of a far end: its trunk's, else its realm's. trunk: NULL when it has none. */
void media_srtp_set(struct media_srtp *srtp, const struct cfg *cfg, const struct cfg_realm *realm,
	const struct cfg_trunk *trunk);
void media_srtp_checkpoint(const struct media_srtp *srtp, struct ckpt_out *out);
void media_srtp_restore(struct media_srtp *srtp, struct ckpt_in *in); /* in->failed */

/* How a line is offered to a side. */
enum media_srtp_mode {
	MEDIA_PLAIN,
	MEDIA_SECURE,	/* RTP/SAVP */
	MEDIA_OPTIONAL, /* RTP/AVP with keys (RFC 8643) */
	MEDIA_DTLS,	/* UDP/TLS/RTP/SAVP */
};

/* Our a=crypto lines of an offer to one side. */
struct media_keys {
	unsigned int n;
	struct sdp_crypto line[DP_SRTP_N - 1];
};
/*
 * Tags from 1 on in the order of the side's suites, but first_suite (NONE: as they are) in front;
 * fresh keys for all of them.
 */
void media_keys_draw(struct media_keys *keys, const struct media_srtp *srtp, uint8_t first_suite);
/* The key in force stays that of its suite, which is in front. false: it is not among them. */
bool media_keys_keep(struct media_keys *keys, const struct dp_srtp *in_force);
void media_keys_free(struct media_keys *keys); /* wiped; NULL is fine */

/* What one leg's description says of the keys of one line. */
struct media_take {
	bool usable;		/* the line is relayed */
	uint8_t profile;	/* enum sdp_profile */
	unsigned int n_ignored; /* a=crypto lines that could not be used */
	struct sdp_crypto peer; /* the line of the peer that counts; suite NONE: RTP */
	struct sdp_crypto ours; /* answers: our offered line with its tag */
	struct sdp_dtls dtls;	/* of the peer, where the keys come by DTLS; else all zero */
	const char *why;	/* a sentence when the line is not usable */
	bool by_policy;		/* because of keys or policy, not for lack of media */
	bool away;		/* limen-nat is not there, it may be another time */
};

/* An offered line, not of a DTLS profile. */
void media_srtp_take_offer(const struct media_srtp *srtp, const struct sdp *sdp, unsigned int index,
	struct media_take *ret);
/*
 * An answered line whose port is not 0. -EINVAL with a reason when it is no answer to what we
 * offered (RFC 4568 5.1.3): the call must not go on with it.
 */
int media_srtp_take_answer(const struct media_srtp *srtp, enum media_srtp_mode offered,
	const struct media_keys *keys, const struct sdp *sdp, unsigned int index,
	struct media_take *ret) __attribute__((warn_unused_result));
/*
 * Our line of the answer to peer's: the key in force when the peer kept its own (RFC 4568 7.1.4),
 * else a fresh one.
 */
void media_srtp_answer_key(const struct sdp_crypto *peer, const struct dp_srtp *rx_now,
	const struct dp_srtp *tx_now, struct sdp_crypto *ret_ours);
bool media_srtp_same(const struct dp_srtp *a, const struct dp_srtp *b);
