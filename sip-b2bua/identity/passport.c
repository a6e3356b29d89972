/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sip-b2bua/identity/passport.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <stdio.h>
#include <string.h>

#define JSON_MAX 1024 /* octets of a header or of claims */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---- base64url ---- */

size_t passport_encode64(const void *data, size_t n, char *dst, size_t size)
{
	const uint8_t *p = data;
	size_t out = 0;
	uint32_t bits = 0;
	unsigned int n_bits = 0;

	if ((n * 8 + 5) / 6 > size)
		return 0;
	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | p[i];
		n_bits += 8;
		while (n_bits >= 6) {
			n_bits -= 6;
			dst[out++] = letters[bits >> n_bits & 63];
		}
	}
	if (n_bits > 0)
		dst[out++] = letters[bits << (6 - n_bits) & 63];
	return out;
}

static int letter_value(char c)
{
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? (int)(at - letters) : -1;
}

int passport_decode64(struct view text, uint8_t *dst, size_t size)
{
	size_t out = 0;
	uint32_t bits = 0;
	unsigned int n_bits = 0;

	/* One letter alone, or bits beyond the last octet, are nothing that anybody encodes. */
	if (text.n % 4 == 1 || text.n * 6 / 8 > size)
		return -EINVAL;
	for (size_t i = 0; i < text.n; i++) {
		int value = letter_value(text.p[i]);

		if (value < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)value;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			dst[out++] = (uint8_t)(bits >> n_bits);
		}
	}
	if (bits & ((1u << n_bits) - 1))
		return -EINVAL;
	return (int)out;
}

/* ---- ES256 ---- */

static bool is_p256(EVP_PKEY *key)
{
	char group[32];
	size_t n;

	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1 &&
	       strcmp(group, "prime256v1") == 0;
}

bool passport_sign_text(struct view text, EVP_PKEY *key, uint8_t ret_signature[64])
{
	EVP_MD_CTX *ctx = is_p256(key) ? EVP_MD_CTX_new() : NULL;
	uint8_t der[80];
	const uint8_t *p = der;
	size_t n = sizeof(der);
	ECDSA_SIG *sig = NULL;
	bool ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		  EVP_DigestSign(ctx, der, &n, (const uint8_t *)text.p, text.n) == 1 &&
		  (sig = d2i_ECDSA_SIG(NULL, &p, (long)n)) != NULL;

	ok = ok && BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret_signature, 32) == 32 &&
	     BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret_signature + 32, 32) == 32;
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool passport_verify_text(struct view text, EVP_PKEY *key, const uint8_t signature[64])
{
	EVP_MD_CTX *ctx = is_p256(key) ? EVP_MD_CTX_new() : NULL;
	BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	uint8_t *der = NULL;
	bool ok = false;
	int n = 0;

	if (r && s && sig && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL; /* sig's now */
		n = i2d_ECDSA_SIG(sig, &der);
	}
	if (ctx && n > 0 && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1)
		ok = EVP_DigestVerify(ctx, der, (size_t)n, (const uint8_t *)text.p, text.n) == 1;
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	BN_free(r);
	BN_free(s);
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool passport_verify(const struct passport *p, EVP_PKEY *key)
{
	return passport_verify_text(p->signed_text, key, p->signature);
}

/* ---- writing ---- */

bool passport_tn(const char *number, char ret_tn[PASSPORT_TN_MAX])
{
	size_t n = 0;

	for (const char *p = number + (*number == '+'); *p; p++) {
		if (strchr("-.() ", *p))
			continue;
		if (!strchr("0123456789*#", *p) || n + 1 >= PASSPORT_TN_MAX)
			return false;
		ret_tn[n++] = *p;
	}
	ret_tn[n] = '\0';
	return n > 0;
}

/* What needs no escapes in JSON; other text is not signed. */
static bool is_plain(const char *text)
{
	for (; *text; text++) {
		if (*text < '!' || *text > '~' || *text == '"' || *text == '\\' || *text == '>')
			return false;
	}
	return true;
}

/* Keys in the order of their letters, without white space (RFC 8225 9). */
static int print_claims(const struct passport *p, char *buf, size_t size)
{
	int n = snprintf(buf, size, "{\"attest\":\"%c\",\"dest\":{\"tn\":[", p->attest);

	for (uint32_t i = 0; i < p->n_dest && n > 0 && (size_t)n < size; i++)
		n += snprintf(buf + n, size - (size_t)n, "%s\"%s\"", i > 0 ? "," : "", p->dest[i]);
	if (n > 0 && (size_t)n < size)
		n += snprintf(buf + n, size - (size_t)n,
			"]},\"iat\":%llu,\"orig\":{\"tn\":\"%s\"},\"origid\":\"%s\"}",
			(unsigned long long)p->iat, p->orig, p->origid);
	return n;
}

size_t passport_print(const struct passport *p, EVP_PKEY *key, char *buf, size_t size)
{
	char header[JSON_MAX], claims[JSON_MAX];
	uint8_t signature[64];
	size_t n, more;
	int n_header, n_claims, n_params;

	if (!is_plain(p->x5u) || !is_plain(p->origid) || p->n_dest == 0)
		return 0;
	n_header = snprintf(header, sizeof(header),
		"{\"alg\":\"ES256\",\"ppt\":\"shaken\",\"typ\":\"passport\",\"x5u\":\"%s\"}",
		p->x5u);
	n_claims = print_claims(p, claims, sizeof(claims));
	if (n_header <= 0 || (size_t)n_header >= sizeof(header) || n_claims <= 0 ||
		(size_t)n_claims >= sizeof(claims) || size < 2)
		return 0;
	n = passport_encode64(header, (size_t)n_header, buf, size - 1);
	if (n == 0)
		return 0;
	buf[n++] = '.';
	more = passport_encode64(claims, (size_t)n_claims, buf + n, size - n);
	n += more;
	if (more == 0 || size - n < 90 ||
		!passport_sign_text((struct view){buf, n}, key, signature))
		return 0;
	buf[n++] = '.';
	n += passport_encode64(signature, sizeof(signature), buf + n, size - n);
	n_params = snprintf(buf + n, size - n, ";info=<%s>;alg=ES256;ppt=shaken", p->x5u);
	if (n_params <= 0 || (size_t)n_params >= size - n)
		return 0;
	return n + (size_t)n_params;
}

/* ---- reading ---- */

/* The text up to the next of these characters, or the end. */
static struct view take(struct view *rest, char end, bool *ret_found)
{
	const char *at = rest->n ? memchr(rest->p, end, rest->n) : NULL;
	struct view head = *rest;

	*ret_found = at != NULL;
	if (at) {
		head.n = (size_t)(at - rest->p);
		rest->p += head.n + 1;
		rest->n -= head.n + 1;
	} else {
		rest->p += rest->n;
		rest->n = 0;
	}
	return head;
}

static json_t *load(struct view text)
{
	uint8_t plain[JSON_MAX];
	json_error_t error;
	int n = passport_decode64(text, plain, sizeof(plain));

	return n > 0 ? json_loadb((const char *)plain, (size_t)n, JSON_REJECT_DUPLICATES, &error)
		     : NULL;
}

static bool text_of(const json_t *object, const char *key, char *dst, size_t size)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);

	if (!text || json_string_length(value) >= size || strlen(text) >= size)
		return false;
	memcpy(dst, text, strlen(text) + 1);
	return true;
}

static bool is_text(const json_t *object, const char *key, const char *want)
{
	char text[32];

	return text_of(object, key, text, sizeof(text)) && strcmp(text, want) == 0;
}

static bool read_header(const json_t *json, struct passport *p)
{
	return is_text(json, "alg", "ES256") && is_text(json, "typ", "passport") &&
	       is_text(json, "ppt", "shaken") && text_of(json, "x5u", p->x5u, sizeof(p->x5u)) &&
	       is_plain(p->x5u);
}

static bool read_dest(const json_t *json, struct passport *p)
{
	const json_t *tns = json_object_get(json_object_get(json, "dest"), "tn"), *tn;
	size_t i;

	if (!json_is_array(tns) || json_array_size(tns) == 0 ||
		json_array_size(tns) > PASSPORT_TNS_MAX)
		return false;
	json_array_foreach(tns, i, tn)
	{
		if (!json_is_string(tn) || !passport_tn(json_string_value(tn), p->dest[i]))
			return false;
	}
	p->n_dest = (uint32_t)json_array_size(tns);
	return true;
}

static bool read_claims(const json_t *json, struct passport *p)
{
	const json_t *iat = json_object_get(json, "iat");
	char attest[4], orig[PASSPORT_URL_MAX];

	if (!text_of(json, "attest", attest, sizeof(attest)) || strlen(attest) != 1 ||
		!strchr("ABC", attest[0]) || !json_is_integer(iat) || json_integer_value(iat) < 0 ||
		!text_of(json_object_get(json, "orig"), "tn", orig, sizeof(orig)) ||
		!passport_tn(orig, p->orig) ||
		!text_of(json, "origid", p->origid, sizeof(p->origid)))
		return false;
	p->attest = attest[0];
	p->iat = (uint64_t)json_integer_value(iat);
	return read_dest(json, p);
}

/* ";info=<URL>;alg=ES256;ppt=shaken": what stands there is what is signed, or is not there. */
static bool params_agree(struct view params, const struct passport *p)
{
	bool more = true, has_info = false;

	while (more && params.n > 0) {
		struct view param = view_trim(take(&params, ';', &more)), name;
		bool has_value;

		name = take(&param, '=', &has_value);
		if (view_eq_nocase(name, VIEW("info"))) {
			has_info = true;
			if (param.n < 2 || param.p[0] != '<' || param.p[param.n - 1] != '>' ||
				!view_eq((struct view){param.p + 1, param.n - 2}, view_of(p->x5u)))
				return false;
		} else if ((view_eq_nocase(name, VIEW("alg")) &&
				   !view_eq_nocase(param, VIEW("ES256")) &&
				   !view_eq_nocase(param, VIEW("\"ES256\""))) ||
			   (view_eq_nocase(name, VIEW("ppt")) &&
				   !view_eq_nocase(param, VIEW("shaken")) &&
				   !view_eq_nocase(param, VIEW("\"shaken\"")))) {
			return false;
		}
	}
	return has_info;
}

int passport_read(struct view value, struct passport *ret, const char **ret_reason)
{
	bool dots[2], semi;
	struct view rest = view_trim(value), token, parts[3];
	struct passport p = {.attest = 0};
	json_t *header = NULL, *claims = NULL;
	int rc = -EINVAL;

	*ret_reason = "it is no token of three parts";
	if (rest.n > PASSPORT_TOKEN_MAX)
		return -EINVAL;
	token = take(&rest, ';', &semi);
	token = view_trim(token);
	p.signed_text = token;
	parts[0] = take(&token, '.', &dots[0]);
	parts[1] = take(&token, '.', &dots[1]);
	parts[2] = token;
	if (!dots[0] || !dots[1] || parts[0].n == 0 || parts[1].n == 0)
		return -EINVAL;
	p.signed_text.n = parts[0].n + 1 + parts[1].n;
	if (passport_decode64(parts[2], p.signature, sizeof(p.signature)) != sizeof(p.signature))
		return -EINVAL;
	header = load(parts[0]);
	claims = load(parts[1]);
	*ret_reason = "its header is none of SHAKEN with ES256";
	if (header && read_header(header, &p)) {
		*ret_reason = "its claims are not those of SHAKEN";
		if (claims && read_claims(claims, &p)) {
			*ret_reason = "its parameters say something else than what is signed";
			if (params_agree(rest, &p))
				rc = 0;
		}
	}
	json_decref(header);
	json_decref(claims);
	if (rc == 0)
		*ret = p;
	return rc;
}
