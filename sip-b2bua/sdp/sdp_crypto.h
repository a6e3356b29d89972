/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * a=crypto of SDP (RFC 4568; suites of RFC 6188 and RFC 7714 as well) and the RTP profiles of m=
 * lines. A line is taken when it can be honoured to the letter: one key, no MKI (the data plane
 * has none), no session parameter that takes protection away or that we do not have. Everything
 * else is a fault with a name, so that the line can be ignored and counted. Used by the media map
 * of limen-sip. Any thread (no state). What is in struct sdp_crypto is secret: wipe it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/view.h"
#include "dataplane/api/dp_api.h"
#include "sip-b2bua/parser/sip_build.h"

#define SDP_CRYPTO_MAX	   16 /* lines of a media section that are looked at */
#define SDP_CRYPTO_TAG_MAX 999999999

struct sdp;

/* X(symbol, sentence) */
#define SDP_CRYPTO_FAULTS(X)                                           \
	X(NONE, "it can be used")                                      \
	X(FORM, "it is not formed as RFC 4568 says")                   \
	X(SUITE, "its suite is not known")                             \
	X(KEY, "its key is not base64 of the suite's length")          \
	X(LIFETIME, "its lifetime is zero or longer than SRTP allows") \
	X(MKI, "it has a master key identifier or several keys")       \
	X(PARAM, "a session parameter takes protection away, or is not known")

enum sdp_crypto_fault {
#define X(sym, text) SDP_CRYPTO_##sym,
	SDP_CRYPTO_FAULTS(X)
#undef X
		SDP_CRYPTO_N_FAULTS,
};

struct sdp_crypto {
	uint32_t tag; /* 1..SDP_CRYPTO_TAG_MAX */
	struct dp_srtp srtp;
};

/* The value of one a=crypto line; *ret is written only when there is no fault. */
enum sdp_crypto_fault sdp_crypto_parse(struct view value, struct sdp_crypto *ret);
const char *sdp_crypto_fault_text(enum sdp_crypto_fault fault);

/* "a=crypto:1 AEAD_AES_256_GCM inline:...\r\n" */
void sdp_crypto_put(struct sip_buf *b, const struct sdp_crypto *crypto);

/* What a media section says of keys. */
struct sdp_cryptos {
	unsigned int n;	      /* usable lines, in their order */
	unsigned int n_lines; /* a=crypto lines of any kind */
	unsigned int faults;  /* of them not usable */
	enum sdp_crypto_fault first_fault;
	struct sdp_crypto line[SDP_CRYPTO_MAX];
};
/* A tag that stands twice counts as a fault of the second line (RFC 4568 5.1). */
void sdp_cryptos_read(const struct sdp *sdp, unsigned int media_index, struct sdp_cryptos *ret);

/* ---- profiles ---- */

enum sdp_profile {
	SDP_PROFILE_NONE, /* no RTP */
	SDP_RTP_AVP,
	SDP_RTP_AVPF,
	SDP_RTP_SAVP,
	SDP_RTP_SAVPF,
	SDP_DTLS_SAVP, /* UDP/TLS/RTP/SAVP (RFC 5764 8) */
	SDP_DTLS_SAVPF,
};

/* Where the keys of a profile come from. */
enum sdp_keying { SDP_PLAIN, SDP_SDES, SDP_DTLS };

enum sdp_profile sdp_profile_parse(struct view proto);
struct view sdp_profile_text(enum sdp_profile profile); /* empty for NONE */

/* Not of NONE. */
static inline enum sdp_keying sdp_profile_keying(enum sdp_profile profile)
{
	return profile >= SDP_DTLS_SAVP ? SDP_DTLS : profile >= SDP_RTP_SAVP ? SDP_SDES : SDP_PLAIN;
}

/* The same with other keys or none; AVPF stays AVPF. */
static inline enum sdp_profile sdp_profile_with(enum sdp_profile profile, enum sdp_keying keying)
{
	static const enum sdp_profile all[][2] = {[SDP_PLAIN] = {SDP_RTP_AVP, SDP_RTP_AVPF},
		[SDP_SDES] = {SDP_RTP_SAVP, SDP_RTP_SAVPF},
		[SDP_DTLS] = {SDP_DTLS_SAVP, SDP_DTLS_SAVPF}};
	bool feedback = profile == SDP_RTP_AVPF || profile == SDP_RTP_SAVPF ||
			profile == SDP_DTLS_SAVPF;

	return all[keying][feedback];
}
