/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What SDP says of a DTLS handshake: a=fingerprint (RFC 8122), a=setup (RFC 4145) and a=tls-id
 * (RFC 8842). Reading decides nothing; media_dtls.h does. Any thread (no state).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/fingerprint.h"
#include "controlplane/base/view.h"
#include "sip-b2bua/parser/sip_build.h"

#define SDP_TLS_ID	 16 /* octets of ours: 128 random bits (RFC 8842 4 asks for 120) */
#define SDP_TLS_ID_MIN	 20 /* characters of anybody's */
#define SDP_TLS_ID_CHARS 255

struct sdp;

enum sdp_setup {
	SDP_SETUP_NONE, /* not said */
	SDP_SETUP_ACTPASS,
	SDP_SETUP_ACTIVE,
	SDP_SETUP_PASSIVE,
	SDP_SETUP_HOLDCONN,
	SDP_SETUP_UNKNOWN,
};

struct sdp_dtls {
	struct fingerprint
		fingerprint;  /* the first one that can be used; hash NONE: there is none */
	bool has_fingerprint; /* of any kind */
	uint8_t setup;	      /* enum sdp_setup */
	uint64_t tls_id;      /* a hash of it; 0: none, or not formed as RFC 8842 says */
};

/*
 * Of one media section. Fingerprints and setup of the session section count where the media
 * section has none of its own (RFC 8122 5, RFC 4145 4); a=tls-id is of media sections only.
 */
void sdp_dtls_read(const struct sdp *sdp, unsigned int media_index, struct sdp_dtls *ret);

/* What we say. */
struct sdp_dtls_plan {
	struct fingerprint own; /* hash NONE: nothing is said */
	uint8_t setup;		/* enum sdp_setup: ACTPASS, ACTIVE or PASSIVE */
	bool with_tls_id;
	uint8_t tls_id[SDP_TLS_ID];
};
void sdp_dtls_put(struct sip_buf *b, const struct sdp_dtls_plan *plan);
