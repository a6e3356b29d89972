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

static void add(EVP_MD_CTX *ctx, const void *p, size_t n)
{
	if (n > 0)
		EVP_DigestUpdate(ctx, p, n);
}

void digest_hash_hex(EVP_MD_CTX *ctx, uint8_t hash, char ret_hex[DIGEST_HEX_MAX], ...)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	const struct view *v;
	va_list args;
	bool first = true;

	ret_hex[0] = '\0';
	pthread_once(&mds_once, mds_fetch);
	if (!ctx || !mds[hash] || EVP_DigestInit_ex2(ctx, mds[hash], NULL) != 1)
		return;
	va_start(args, ret_hex);
	while ((v = va_arg(args, const struct view *)) != NULL) {
		if (!first)
			add(ctx, ":", 1);
		first = false;
		add(ctx, v->p, v->n);
	}
	va_end(args);
	if (EVP_DigestFinal_ex(ctx, md, &n) != 1)
		n = 0;
	for (unsigned int i = 0; i < n; i++) {
		ret_hex[2 * i] = digits[md[i] >> 4];
		ret_hex[2 * i + 1] = digits[md[i] & 15];
	}
	ret_hex[2 * n] = '\0';
	secret_wipe(md, sizeof(md));
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

int digest_param_take(
	const char **p, const char *end, struct view *ret_name, struct view *ret_value)
{
	const char *from = sip_skip_ws(*p, end), *q = sip_skip(from, end, SIP_C_TOKEN);

	*ret_name = sip_between(from, q);
	q = sip_skip_ws(q, end);
	if (ret_name->n == 0 || q == end || *q != '=')
		return -EINVAL;
	q = from = sip_skip_ws(q + 1, end);
	if (q < end && *q == '"') {
		q = sip_skip_quoted(q, end);
		if (!q)
			return -EINVAL;
		*ret_value = sip_between(from + 1, q - 1);
	} else {
		q = sip_skip(q, end, SIP_C_TOKEN);
		*ret_value = sip_between(from, q);
	}
	q = sip_skip_ws(q, end);
	if (q < end && *q != ',')
		return -EINVAL;
	*p = q < end ? q + 1 : q;
	return 0;
}

int digest_param_once(struct view name, unsigned int *seen)
{
	static const char *const names[] = {"username", "realm", "nonce", "uri", "response",
		"cnonce", "algorithm", "qop", "nc", "opaque", "stale"};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!view_eq_nocase(name, view_of(names[i])))
			continue;
		if (*seen & 1u << i)
			return -EINVAL;
		*seen |= 1u << i;
	}
	return 0;
}
