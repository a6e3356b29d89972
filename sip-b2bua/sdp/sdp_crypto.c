/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 4568 sections 4, 6.1 and 9; see sdp_crypto.h. */
#include "sip-b2bua/sdp/sdp_crypto.h"

#include "controlplane/base/secret.h"
#include "sip-b2bua/sdp/sdp.h"

#define LIFETIME_MAX_LOG2 48 /* packets under one master key (RFC 3711 9.2) */

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/*
 * Exactly size octets. The "=" at the end may be missing, as some devices leave it out; when it is
 * there it must be right. Bits behind the last octet are zero (RFC 4648 3.5).
 */
static bool base64_decode(struct view text, uint8_t *ret, size_t size)
{
	size_t n = (size * 8 + 5) / 6, padded = (size + 2) / 3 * 4, at = 0;
	uint32_t bits = 0;
	unsigned int n_bits = 0;

	if (text.n != n && text.n != padded)
		return false;
	for (size_t i = n; i < text.n; i++) {
		if (text.p[i] != '=')
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		int value = digit_value(text.p[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		ret[at++] = (uint8_t)(bits >> n_bits);
		bits &= (1u << n_bits) - 1;
	}
	return bits == 0;
}

static void base64_put(struct sip_buf *b, const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i += 3) {
		size_t n = size - i < 3 ? size - i : 3;
		uint32_t bits = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
				(n > 2 ? p[i + 2] : 0);

		for (size_t j = 0; j < 4; j++)
			sip_put_char(b, j > n ? '=' : digits64[bits >> (18 - 6 * j) & 63]);
	}
}

/* Up to a separator; the rest stands behind it, with .p NULL when there was none. */
static struct view cut(struct view *rest, char separator)
{
	struct view part = *rest;
	const char *at = part.n ? memchr(part.p, separator, part.n) : NULL;

	if (!at) {
		*rest = (struct view){NULL, 0};
		return part;
	}
	part.n = (size_t)(at - part.p);
	rest->p += part.n + 1;
	rest->n -= part.n + 1;
	return part;
}

static bool suite_find(struct view name, uint8_t *ret_suite)
{
	for (unsigned int suite = DP_SRTP_NONE + 1; suite < DP_SRTP_N; suite++) {
		if (view_eq_nocase(name, view_of(dp_srtp_suite(suite)->name))) {
			*ret_suite = (uint8_t)suite;
			return true;
		}
	}
	return false;
}

/* "2^31" or "1048576". The peer keeps it for the packets that it sends; we only check its sense. */
static bool lifetime_ok(struct view v)
{
	uint64_t number;

	if (v.n > 2 && v.p[0] == '2' && v.p[1] == '^')
		return view_to_u64((struct view){v.p + 2, v.n - 2}, LIFETIME_MAX_LOG2, &number) ==
		       0;
	return view_to_u64(v, UINT64_C(1) << LIFETIME_MAX_LOG2, &number) == 0 && number > 0;
}

/* "inline:KEY[|LIFETIME][|MKI:LENGTH]", one of them */
static enum sdp_crypto_fault key_parse(struct view params, struct dp_srtp *srtp)
{
	const struct dp_srtp_suite_info *info = dp_srtp_suite(srtp->suite);
	struct view rest = params, method, key;

	/* Several keys can only be told apart by an MKI (RFC 4568 6.1). */
	if (memchr(params.p, ';', params.n))
		return SDP_CRYPTO_MKI;
	method = cut(&rest, ':');
	if (!rest.p || !view_eq_nocase(method, VIEW("inline")))
		return SDP_CRYPTO_FORM;
	key = cut(&rest, '|');
	while (rest.p) {
		struct view field = cut(&rest, '|');

		if (field.n && memchr(field.p, ':', field.n))
			return SDP_CRYPTO_MKI;
		if (rest.p && !memchr(rest.p, ':', rest.n))
			return SDP_CRYPTO_FORM;
		if (!lifetime_ok(field))
			return SDP_CRYPTO_LIFETIME;
	}
	return base64_decode(key, srtp->key, (size_t)info->key_len + info->salt_len)
		       ? SDP_CRYPTO_NONE
		       : SDP_CRYPTO_KEY;
}

/*
 * RFC 4568 6.3 and 9.1: WSH is a hint, what begins with '-' may be ignored. KDR would need key
 * derivation that we do not do; UNENCRYPTED_*, UNAUTHENTICATED_*, FEC_* are never honoured.
 */
static bool param_ok(struct view param)
{
	uint64_t window;

	if (param.n > 1 && param.p[0] == '-')
		return true;
	return param.n > 4 && view_eq_nocase((struct view){param.p, 4}, VIEW("WSH=")) &&
	       view_to_u64((struct view){param.p + 4, param.n - 4}, UINT32_MAX, &window) == 0 &&
	       window >= 64;
}

static enum sdp_crypto_fault line_parse(struct view value, struct sdp_crypto *c)
{
	struct view tag, suite, params, param;
	enum sdp_crypto_fault fault;
	uint64_t number;

	if (!sdp_format_next(&value, &tag) || !sdp_format_next(&value, &suite) ||
		!sdp_format_next(&value, &params) ||
		view_to_u64(tag, SDP_CRYPTO_TAG_MAX, &number) < 0 || tag.n > 9 || number == 0)
		return SDP_CRYPTO_FORM;
	c->tag = (uint32_t)number;
	if (!suite_find(suite, &c->srtp.suite))
		return SDP_CRYPTO_SUITE;
	fault = key_parse(params, &c->srtp);
	while (fault == SDP_CRYPTO_NONE && sdp_format_next(&value, &param)) {
		if (!param_ok(param))
			fault = SDP_CRYPTO_PARAM;
	}
	return fault;
}

enum sdp_crypto_fault sdp_crypto_parse(struct view value, struct sdp_crypto *ret)
{
	struct sdp_crypto c = {0};
	enum sdp_crypto_fault fault = line_parse(value, &c);

	if (fault == SDP_CRYPTO_NONE)
		*ret = c;
	secret_wipe(&c, sizeof(c));
	return fault;
}

const char *sdp_crypto_fault_text(enum sdp_crypto_fault fault)
{
	static const char *const texts[] = {
#define X(sym, text) text,
		SDP_CRYPTO_FAULTS(X)
#undef X
	};
	return fault < SDP_CRYPTO_N_FAULTS ? texts[fault] : "";
}

void sdp_crypto_put(struct sip_buf *b, const struct sdp_crypto *crypto)
{
	const struct dp_srtp_suite_info *info = dp_srtp_suite(crypto->srtp.suite);

	sip_put_lit(b, "a=crypto:");
	sip_put_u64(b, crypto->tag);
	sip_put_char(b, ' ');
	sip_put(b, view_of(info->name));
	sip_put_lit(b, " inline:");
	base64_put(b, crypto->srtp.key, (size_t)info->key_len + info->salt_len);
	sip_put_crlf(b);
}

static bool tag_is_new(const struct sdp_cryptos *all, uint32_t tag)
{
	for (unsigned int i = 0; i < all->n; i++) {
		if (all->line[i].tag == tag)
			return false;
	}
	return true;
}

void sdp_cryptos_read(const struct sdp *sdp, unsigned int media_index, struct sdp_cryptos *ret)
{
	const struct sdp_line *l;
	int section = sdp->media[media_index].transport;
	uint16_t pos = 0;

	memset(ret, 0, sizeof(*ret));
	while ((l = sdp_attr(sdp, section, VIEW("crypto"), &pos)) != NULL) {
		enum sdp_crypto_fault fault;
		struct sdp_crypto *c;

		ret->n_lines++;
		if (ret->n == SDP_CRYPTO_MAX)
			continue;
		c = &ret->line[ret->n];
		fault = sdp_crypto_parse(l->attr_value, c);
		if (fault == SDP_CRYPTO_NONE && !tag_is_new(ret, c->tag))
			fault = SDP_CRYPTO_FORM;
		if (fault == SDP_CRYPTO_NONE) {
			ret->n++;
			continue;
		}
		secret_wipe(c, sizeof(*c));
		if (ret->faults++ == 0)
			ret->first_fault = fault;
	}
}

/* ---- profiles ---- */

static const struct view profiles[] = {
	[SDP_PROFILE_NONE] = {"", 0},
	[SDP_RTP_AVP] = {"RTP/AVP", 7},
	[SDP_RTP_AVPF] = {"RTP/AVPF", 8},
	[SDP_RTP_SAVP] = {"RTP/SAVP", 8},
	[SDP_RTP_SAVPF] = {"RTP/SAVPF", 9},
	[SDP_DTLS_SAVP] = {"UDP/TLS/RTP/SAVP", 16},
	[SDP_DTLS_SAVPF] = {"UDP/TLS/RTP/SAVPF", 17},
};

enum sdp_profile sdp_profile_parse(struct view proto)
{
	for (enum sdp_profile p = SDP_RTP_AVP; p <= SDP_DTLS_SAVPF; p++) {
		if (view_eq(proto, profiles[p]))
			return p;
	}
	return SDP_PROFILE_NONE;
}

struct view sdp_profile_text(enum sdp_profile profile)
{
	return profiles[profile <= SDP_DTLS_SAVPF ? profile : SDP_PROFILE_NONE];
}
