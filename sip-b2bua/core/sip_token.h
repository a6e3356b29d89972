/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tokens that we write into branches, tags, Contact users and Call-IDs, and find again when they
 * come back: worker, slot index and generation of an object, sealed with a key that limen-control
 * keeps over restarts. So the owner of a message is known without a hash look-up, and nobody who
 * has not seen a token can make one up (no forged BYE, no forged 200).
 *
 * Text: 26 characters a-z2-7 (base32 without padding), the same in any case, as tags and branches
 * may be compared and re-written case-insensitively. 64 bits of content are hidden by a pad that
 * depends on the 64-bit SipHash-2-4 of the content (a synthetic IV), so counts and worker numbers
 * do not show. Any thread (no state but the key).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/base/view.h"

#define SIP_TOKEN_LEN	 26
#define SIP_TOKEN_KEY	 32 /* CTL_TOKEN_KEY */
#define SIP_BRANCH_MAGIC "z9hG4bK"
#define SIP_BRANCH_LEN	 (7 + SIP_TOKEN_LEN)

enum sip_token_kind {
	SIP_TOKEN_CLIENT = 1, /* client transaction, in our branch */
	SIP_TOKEN_DIALOG =
		2, /* dialog or call leg: our tag, Contact user (owner: sip-b2bua/dialog) */
	SIP_TOKEN_STATELESS = 3,    /* tag of an answer without state */
	SIP_TOKEN_CALL_ID = 4,	    /* our Call-ID */
	SIP_TOKEN_SUBSCRIPTION = 5, /* side of a subscription: our tag, Contact user */
	SIP_TOKEN_TRUNK = 6,	    /* a trunk's name: Contact user of its registration */
	SIP_TOKEN_BINDING = 7,	    /* of a registrar behind the box: Contact user towards it */
};

struct sip_token_key {
	uint64_t mac[2], pad[2];
};

struct sip_token {
	uint8_t kind; /* enum sip_token_kind, 1..15 */
	uint8_t worker;
	uint32_t index;	     /* 0..2^24-1 */
	uint32_t generation; /* 0..2^28-1 */
};

#define SIP_TOKEN_INDEX_MAX 0xffffffu
#define SIP_TOKEN_GEN_MASK  0xfffffffu

void sip_token_key_set(struct sip_token_key *key, const uint8_t secret[SIP_TOKEN_KEY]);

/* Writes SIP_TOKEN_LEN characters, no NUL. Returns them as a view. */
struct view sip_token_print(
	const struct sip_token_key *key, const struct sip_token *token, char buf[SIP_TOKEN_LEN]);
/* 0, or -EINVAL for text that this key did not make (whatever its form). */
int sip_token_parse(const struct sip_token_key *key, struct view text, struct sip_token *ret_token)
	__attribute__((warn_unused_result));

/* "z9hG4bK" and a token of kind SIP_TOKEN_CLIENT. buf holds SIP_BRANCH_LEN. */
struct view sip_token_branch(
	const struct sip_token_key *key, const struct sip_token *token, char buf[SIP_BRANCH_LEN]);
int sip_token_parse_branch(const struct sip_token_key *key, struct view branch,
	struct sip_token *ret_token) __attribute__((warn_unused_result));
