/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What both sides of Digest share: hashes and parameters (RFC 7616, RFC 8760). Private. Any thread. */
#pragma once

#include <openssl/evp.h>

#include "sip-b2bua/auth/digest.h"

#define DIGEST_HEX_MAX 65 /* of the longest hash, with its NUL */

/*
 * The hash, in hex, of texts that are put together with colons: struct view pointers, the last one
 * NULL. The empty text when ctx is NULL or OpenSSL refuses.
 */
void digest_hash_hex(EVP_MD_CTX *ctx, uint8_t hash, char ret_hex[DIGEST_HEX_MAX], ...);
struct view digest_hash_name(uint8_t hash); /* of the parameter "algorithm" */
int digest_hash_find(struct view name, uint8_t *ret_hash) __attribute__((warn_unused_result));
unsigned int digest_hash_len(uint8_t hash); /* in hex digits */

/* Parameters of challenges and credentials that have a meaning. */
enum digest_param {
	DIGEST_P_OTHER,
	DIGEST_P_USERNAME,
	DIGEST_P_REALM,
	DIGEST_P_NONCE,
	DIGEST_P_URI,
	DIGEST_P_RESPONSE,
	DIGEST_P_CNONCE,
	DIGEST_P_ALGORITHM,
	DIGEST_P_QOP,
	DIGEST_P_NC,
	DIGEST_P_OPAQUE,
	DIGEST_P_STALE,
	DIGEST_N_PARAMS,
};

/*
 * One "name = value" at *p, which is moved behind it and its comma; the value without its quotes but
 * with its backslashes. One that has a meaning stands once (RFC 3261 7.3.1), else two readers could take
 * two values. seen: 0 before the first one. -EINVAL.
 */
int digest_param_take(const char **p, const char *end, unsigned int *seen,
	enum digest_param *ret_param, struct view *ret_value) __attribute__((warn_unused_result));
