/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fingerprints of certificates, as SDP says them (RFC 8122 5) and as they travel between the
 * processes. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/view.h"

#define FINGERPRINT_MAX	 64 /* octets */
#define FINGERPRINT_TEXT (8 + 3 * FINGERPRINT_MAX)

/* SHA-1 and MD5 are not accepted. */
enum fingerprint_hash {
	FINGERPRINT_NONE,
	FINGERPRINT_SHA_256,
	FINGERPRINT_SHA_384,
	FINGERPRINT_SHA_512,
	FINGERPRINT_HASHES,
};

struct fingerprint {
	uint8_t hash; /* enum fingerprint_hash; NONE: none, and the rest is zero */
	uint8_t len;
	uint8_t value[FINGERPRINT_MAX]; /* rest zero */
};
_Static_assert(sizeof(struct fingerprint) == 66, "wire struct");

/* "sha-256 4A:AD:..."; -EINVAL: malformed; -ENOTSUP: another hash function. */
int fingerprint_parse(struct view text, struct fingerprint *ret_fingerprint)
	__attribute__((warn_unused_result));
/* buf holds FINGERPRINT_TEXT. Returns buf. Not of NONE. */
char *fingerprint_print(const struct fingerprint *fingerprint, char *buf);
/* A known hash function, its length, and nothing behind the value. */
bool fingerprint_valid(const struct fingerprint *fingerprint);
