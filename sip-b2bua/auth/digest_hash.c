/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See digest_private.h. */
#include "sip-b2bua/auth/digest_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>

#include "controlplane/base/secret.h"
#include "sip-b2bua/parser/sip_char.h"

struct hash_row {
	struct view name;
	const char *openssl;
	unsigned int hex_len;
};

static const struct hash_row rows[] = {
	[DIGEST_MD5] = {{"MD5", 3}, "MD5", 32},
	[DIGEST_SHA256] = {{"SHA-256", 7}, "SHA2-256", 64},
	[DIGEST_SHA512_256] = {{"SHA-512-256", 11}, "SHA2-512/256", 64},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* Looked up once in the process: a look-up by OpenSSL costs more than a hash. Never freed. */
static EVP_MD *mds[N_ROWS];
static pthread_once_t mds_once = PTHREAD_ONCE_INIT;

static void mds_fetch(void)
{
	for (unsigned int i = DIGEST_MD5; i < N_ROWS; i++)
		mds[i] = EVP_MD_fetch(NULL, rows[i].openssl, NULL);
}

/* What is hashed is short: put together first, it costs OpenSSL one call. */
struct input {
	EVP_MD_CTX *ctx;
	size_t n;
	char text[256];
};

static void add(struct input *in, const char *p, size_t n)
{
	if (in->n + n > sizeof(in->text)) {
		EVP_DigestUpdate(in->ctx, in->text, in->n);
		in->n = 0;
	}
	if (n > sizeof(in->text)) {
		EVP_DigestUpdate(in->ctx, p, n);
	} else if (n > 0) {
		memcpy(in->text + in->n, p, n);
		in->n += n;
	}
}

void digest_hash_hex(EVP_MD_CTX *ctx, uint8_t hash, char ret_hex[DIGEST_HEX_MAX], ...)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char md[EVP_MAX_MD_SIZE];
	struct input in;
	unsigned int n = 0;
	const struct view *v;
	va_list args;
	bool first = true;

	ret_hex[0] = '\0';
	pthread_once(&mds_once, mds_fetch);
	if (!ctx || !mds[hash] || EVP_DigestInit_ex2(ctx, mds[hash], NULL) != 1)
		return;
	in.ctx = ctx;
	in.n = 0;
	va_start(args, ret_hex);
	while ((v = va_arg(args, const struct view *)) != NULL) {
		if (!first)
			add(&in, ":", 1);
		first = false;
		add(&in, v->p, v->n);
	}
	va_end(args);
	EVP_DigestUpdate(ctx, in.text, in.n);
	if (EVP_DigestFinal_ex(ctx, md, &n) != 1)
		n = 0;
	for (unsigned int i = 0; i < n; i++) {
		ret_hex[2 * i] = digits[md[i] >> 4];
		ret_hex[2 * i + 1] = digits[md[i] & 15];
	}
	ret_hex[2 * n] = '\0';
	secret_wipe(md, sizeof(md));
	secret_wipe(in.text, sizeof(in.text));
}

struct view digest_hash_name(uint8_t hash)
{
	return rows[hash].name;
}

unsigned int digest_hash_len(uint8_t hash)
{
	return rows[hash].hex_len;
}

int digest_hash_find(struct view name, uint8_t *ret_hash)
{
	for (unsigned int i = DIGEST_MD5; i < N_ROWS; i++) {
		if (view_eq_nocase(name, rows[i].name)) {
			*ret_hash = (uint8_t)i;
			return 0;
		}
	}
	return -EINVAL;
}

static enum digest_param param_find(struct view name)
{
	static const struct view names[DIGEST_N_PARAMS] = {
		[DIGEST_P_USERNAME] = {"username", 8},
		[DIGEST_P_REALM] = {"realm", 5},
		[DIGEST_P_NONCE] = {"nonce", 5},
		[DIGEST_P_URI] = {"uri", 3},
		[DIGEST_P_RESPONSE] = {"response", 8},
		[DIGEST_P_CNONCE] = {"cnonce", 6},
		[DIGEST_P_ALGORITHM] = {"algorithm", 9},
		[DIGEST_P_QOP] = {"qop", 3},
		[DIGEST_P_NC] = {"nc", 2},
		[DIGEST_P_OPAQUE] = {"opaque", 6},
		[DIGEST_P_STALE] = {"stale", 5},
	};
	unsigned int i;

	for (i = DIGEST_N_PARAMS - 1; i > DIGEST_P_OTHER; i--) {
		if (view_eq_nocase(name, names[i]))
			break;
	}
	return i;
}

int digest_param_take(const char **p, const char *end, unsigned int *seen,
	enum digest_param *ret_param, struct view *ret_value)
{
	const char *from = sip_skip_ws(*p, end), *q = sip_skip(from, end, SIP_C_TOKEN);
	struct view name = sip_between(from, q), value;
	enum digest_param param = param_find(name);

	q = sip_skip_ws(q, end);
	if (name.n == 0 || q == end || *q != '=')
		return -EINVAL;
	q = from = sip_skip_ws(q + 1, end);
	if (q < end && *q == '"') {
		q = sip_skip_quoted(q, end);
		if (!q)
			return -EINVAL;
		value = sip_between(from + 1, q - 1);
	} else {
		q = sip_skip(q, end, SIP_C_TOKEN);
		value = sip_between(from, q);
	}
	q = sip_skip_ws(q, end);
	if ((q < end && *q != ',') || *seen & 1u << param)
		return -EINVAL;
	if (param != DIGEST_P_OTHER)
		*seen |= 1u << param;
	*p = q < end ? q + 1 : q;
	*ret_param = param;
	*ret_value = value;
	return 0;
}
