/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PASSporT (RFC 8225) of SHAKEN (RFC 8588), as they stand in an Identity header field (RFC 8224): made,
 * read, signed and checked with ES256. What is read is input from strangers: bounded and checked.
 * Pure functions; any thread.
 */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/view.h"

#define PASSPORT_TN_MAX	   24 /* digits of a number, with its NUL */
#define PASSPORT_URL_MAX   256
#define PASSPORT_ID_MAX	   64	/* origid */
#define PASSPORT_TNS_MAX   8	/* of dest */
#define PASSPORT_TOKEN_MAX 4096 /* octets of an Identity value */

struct passport {
	char x5u[PASSPORT_URL_MAX];
	char attest;		    /* 'A', 'B', 'C' */
	uint64_t iat;		    /* seconds since 1970 */
	char orig[PASSPORT_TN_MAX]; /* digits */
	char dest[PASSPORT_TNS_MAX][PASSPORT_TN_MAX];
	uint32_t n_dest;
	char origid[PASSPORT_ID_MAX];
	/* Of what was read: the signed octets and the signature, views into the header's value. */
	struct view signed_text;
	uint8_t signature[64];
};

/* Digits of a number: a plus sign and visual separators are gone (RFC 8224 8.3). false: it is none. */
bool passport_tn(const char *number, char ret_tn[PASSPORT_TN_MAX]);

/*
 * The value of an Identity header field for p, signed; returns its length, 0 when it does not fit
 * or the key is none for ES256.
 */
size_t passport_print(const struct passport *p, EVP_PKEY *key, char *buf, size_t size);

/*
 * Reads the value of an Identity header field. -EINVAL with a reason: no full form of ES256 and
 * "shaken", broken JSON, missing or strange claims.
 */
int passport_read(struct view value, struct passport *ret, const char **ret_reason)
	__attribute__((warn_unused_result));
/* Whether the signature is that of key. */
bool passport_verify(const struct passport *p, EVP_PKEY *key);

/* Signs or checks any text (RFC 7515, 7518 3.4); for those above and for tests. */
bool passport_sign_text(struct view text, EVP_PKEY *key, uint8_t ret_signature[64]);
bool passport_verify_text(struct view text, EVP_PKEY *key, const uint8_t signature[64]);
/* base64url without padding (RFC 7515 2). Length of the result; decode: -EINVAL. */
size_t passport_encode64(const void *data, size_t n, char *dst, size_t size);
int passport_decode64(struct view text, uint8_t *dst, size_t size);
