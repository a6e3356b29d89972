/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attributes of a DTLS handshake; see sdp_dtls.h. */
#include "sip-b2bua/sdp/sdp_dtls.h"

#include "controlplane/base/siphash.h"
#include "sip-b2bua/sdp/sdp.h"

static const struct view setups[] = {
	[SDP_SETUP_ACTPASS] = {"actpass", 7},
	[SDP_SETUP_ACTIVE] = {"active", 6},
	[SDP_SETUP_PASSIVE] = {"passive", 7},
	[SDP_SETUP_HOLDCONN] = {"holdconn", 8},
};

/* The fingerprints of a section (-1: the session's). Whether there are any. */
static bool fingerprints_read(const struct sdp *sdp, int index, struct sdp_dtls *ret)
{
	const struct sdp_line *l;
	uint16_t pos = 0;

	while ((l = sdp_attr(sdp, index, VIEW("fingerprint"), &pos)) != NULL) {
		struct fingerprint one;

		ret->has_fingerprint = true;
		if (ret->fingerprint.hash == FINGERPRINT_NONE &&
			fingerprint_parse(view_trim(l->attr_value), &one) == 0)
			ret->fingerprint = one;
	}
	return ret->has_fingerprint;
}

static bool setup_read(const struct sdp *sdp, int index, struct sdp_dtls *ret)
{
	uint16_t pos = 0;
	const struct sdp_line *l = sdp_attr(sdp, index, VIEW("setup"), &pos);

	if (!l)
		return false;
	ret->setup = SDP_SETUP_UNKNOWN;
	for (enum sdp_setup s = SDP_SETUP_ACTPASS; s <= SDP_SETUP_HOLDCONN; s++) {
		if (view_eq_nocase(view_trim(l->attr_value), setups[s]))
			ret->setup = (uint8_t)s;
	}
	return true;
}

static bool tls_id_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/' || c == '-' || c == '_';
}

static uint64_t tls_id_read(const struct sdp *sdp, unsigned int index)
{
	/* Whoever makes two of its own ids collide harms only itself: no secret is needed. */
	static const uint64_t key[2] = {0x746c732d69642e31, 0x6173736f63696174};
	uint16_t pos = 0;
	const struct sdp_line *l = sdp_attr(sdp, (int)index, VIEW("tls-id"), &pos);
	struct view v = l ? view_trim(l->attr_value) : (struct view){NULL, 0};

	if (v.n < SDP_TLS_ID_MIN || v.n > SDP_TLS_ID_CHARS)
		return 0;
	for (size_t i = 0; i < v.n; i++) {
		if (!tls_id_char(v.p[i]))
			return 0;
	}
	return siphash24(key, v.p, v.n) | 1;
}

void sdp_dtls_read(const struct sdp *sdp, unsigned int media_index, struct sdp_dtls *ret)
{
	memset(ret, 0, sizeof(*ret));
	media_index = sdp->media[media_index].transport;
	if (!fingerprints_read(sdp, (int)media_index, ret))
		(void)fingerprints_read(sdp, -1, ret);
	if (!setup_read(sdp, (int)media_index, ret))
		(void)setup_read(sdp, -1, ret);
	ret->tls_id = tls_id_read(sdp, media_index);
}

void sdp_dtls_put(struct sip_buf *b, const struct sdp_dtls_plan *plan)
{
	static const char hex[] = "0123456789abcdef";
	char text[FINGERPRINT_TEXT];

	if (plan->own.hash == FINGERPRINT_NONE)
		return;
	sip_put_lit(b, "a=fingerprint:");
	sip_put(b, view_of(fingerprint_print(&plan->own, text)));
	sip_put_lit(b, "\r\na=setup:");
	sip_put(b, setups[plan->setup]);
	sip_put_crlf(b);
	if (!plan->with_tls_id)
		return;
	sip_put_lit(b, "a=tls-id:");
	for (unsigned int i = 0; i < SDP_TLS_ID; i++) {
		sip_put_char(b, hex[plan->tls_id[i] >> 4]);
		sip_put_char(b, hex[plan->tls_id[i] & 15]);
	}
	sip_put_crlf(b);
}
