/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digest authentication, the side of who wants proof (RFC 7616, RFC 3261 22, RFC 8760): makes
 * challenges, reads credentials, checks them. One object per worker, its thread; time is an input.
 *
 * A nonce is made without keeping anything: time and number of its making under a keyed hash of this
 * object, so one of another worker, or of before a restart, is stale, not wrong. Only a nonce that
 * proved a password gets a place in a table, with the counts (nc) that it was used with: each count is
 * good once (RFC 7616 5.12). Without qop a nonce is good for one request.
 *
 * Who guesses is held off by source address and by user. A user that is being guessed at can still be
 * used from where it is known to be.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/ipaddr.h"
#include "sip-b2bua/auth/digest.h"

#define DIGEST_NONCE_LEN      32
#define DIGEST_NONCE_LIFE_MS  (300 * 1000)
#define DIGEST_GUESS_MS	      (60 * 1000) /* wrong ones are forgotten after this */
#define DIGEST_GUESSES_SOURCE 20	  /* wrong ones of one address in that time */
#define DIGEST_GUESSES_USER   20	  /* and for one user */

/* Bits 1 << enum digest_hash. */
#define DIGEST_HASHES_ALL (1u << DIGEST_MD5 | 1u << DIGEST_SHA256 | 1u << DIGEST_SHA512_256)

/* As received: views into the message, without quotes but with their backslashes. */
struct digest_credentials {
	uint8_t hash; /* enum digest_hash */
	bool qop;     /* auth; else as RFC 2069 */
	uint32_t nc;
	struct view username, realm, nonce, uri, response, cnonce, nc_text;
};

/*
 * One value of Authorization or Proxy-Authorization. -EINVAL: not as it has to be. -ENOTSUP: another
 * scheme, algorithm or protection than ours.
 */
int digest_credentials_parse(struct view value, struct digest_credentials *ret_credentials)
	__attribute__((warn_unused_result));
/* Those of a request for this realm. -ENOENT: none; else as above, of the first that are for it. */
int digest_credentials_find(const struct sip_msg *request, bool proxy, const char *realm,
	struct digest_credentials *ret_credentials) __attribute__((warn_unused_result));
/* The user name as it is meant, into dst. -ENAMETOOLONG. */
int digest_credentials_username(const struct digest_credentials *credentials, char *dst,
	size_t dst_size) __attribute__((warn_unused_result));

enum digest_verdict {
	DIGEST_OK,
	DIGEST_STALE,	/* the nonce is old, or its count was used: a challenge with stale=true */
	DIGEST_WRONG,	/* no such user, or another password */
	DIGEST_LIMITED, /* too many wrong ones: not looked at */
	DIGEST_WEAK,	/* by a hash that was not offered */
};

struct digest_try {
	struct view method; /* of the request */
	unsigned int hashes;
	const char *realm;
	const char *username, *password; /* NULL: there is no such user */
	const struct ipaddr *source;
	bool known_source; /* the user is registered from there */
	uint64_t now_ms;   /* any clock that does not jump */
};

struct digest_server;

/* seed: random. NULL when memory is short. */
struct digest_server *digest_server_new(uint64_t seed);
void digest_server_free(struct digest_server *server);

/* One header line per hash of hashes, the strongest first (RFC 8760 2.4). */
void digest_server_challenge(struct digest_server *server, struct sip_buf *b, bool proxy,
	const char *realm, unsigned int hashes, bool stale, uint64_t now_ms);
enum digest_verdict digest_server_verify(struct digest_server *server,
	const struct digest_credentials *credentials, const struct digest_try *attempt);
