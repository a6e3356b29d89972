/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digest authentication, the side of who has to prove itself (RFC 7616, RFC 3261 22, RFC 8760): reads
 * challenges, chooses one, makes the Authorization field of a request. Any thread; a client belongs
 * to one leg.
 *
 * Chosen is the strongest hash that both know: SHA-512-256, SHA-256, MD5. Of the protections there is
 * "auth" and none (RFC 2069); "auth-int" alone and the "-sess" variants are no challenge for us.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sip-b2bua/parser/sip_build.h"
#include "sip-b2bua/parser/sip_msg.h"

enum digest_hash { DIGEST_MD5 = 1, DIGEST_SHA256, DIGEST_SHA512_256 };

#define DIGEST_TEXT_MAX 256

/* As received: text between quotes, still with its backslashes, so it can be given back as it is. */
struct digest_challenge {
	uint8_t hash; /* enum digest_hash */
	bool hash_named, qop_auth, stale;
	char realm[DIGEST_TEXT_MAX], nonce[DIGEST_TEXT_MAX], opaque[DIGEST_TEXT_MAX];
};

/* One value of WWW-Authenticate or Proxy-Authenticate. -EINVAL: none that we can meet. */
int digest_challenge_parse(struct view value, struct digest_challenge *ret_challenge)
	__attribute__((warn_unused_result));

struct digest_client {
	bool proxy;    /* 407 asked, so Proxy-Authorization answers */
	uint8_t tries; /* challenges taken since credentials were accepted last */
	uint32_t nc;   /* requests made with this nonce */
	struct digest_challenge challenge;
};

/*
 * Takes the challenge of a 401 or 407. true: the request may be sent again, now with credentials.
 * false: there is none to be met, or the credentials were refused: another challenge follows an answer
 * to one, and does not say that only the nonce was stale (RFC 7616 3.3).
 */
bool digest_client_take(struct digest_client *client, const struct sip_msg *answer);

/* The request was answered otherwise: later challenges begin anew. */
static inline void digest_client_accepted(struct digest_client *client)
{
	client->tries = 0;
}

/*
 * Appends the header field that answers the challenge; nothing while there is none. uri: the
 * Request-URI as it stands in the request.
 */
void digest_client_put(struct digest_client *client, struct sip_buf *b, struct view method,
	struct view uri, const char *username, const char *password);
