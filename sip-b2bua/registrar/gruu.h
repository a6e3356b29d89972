/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Temporary GRUUs (RFC 5627 3.1.2): a URI for each REGISTER that leads to the phone and tells nobody whose
 * it is. No state is kept: the user part is one block of AES-128 under a key of the box, of the hash that
 * names the user, a tag of the registration and a number that is never the same. It is good as long as
 * a binding has that tag: as long as the instance is registered without a break, and for a phone without
 * flows with the same Call-ID (RFC 5627 5.2). Any thread, one object each.
 */
#pragma once

#include "sip-b2bua/core/sip_token.h"
#include "sip-b2bua/registrar/bindings.h"

#define REG_GRUU_LEN	32 /* of the user part: "tgruu." and 26 characters */
#define REG_GRUU_CHOICE 5  /* octets that stand for an instance, see reg_gruu_choice() */

struct reg_gruu;

/* key may change its content later; count: where the numbers begin, random. NULL when memory is short. */
struct reg_gruu *reg_gruu_new(const struct sip_token_key *key, uint32_t count);
void reg_gruu_free(struct reg_gruu *gruu);

/* What the GRUUs of a binding have in common, until it is another registration. */
uint32_t reg_gruu_tag(const struct reg_contact *contact);
/* Another user part each time. -EIO: OpenSSL does not work. */
int reg_gruu_print(struct reg_gruu *gruu, const struct reg_contact *contact,
	char ret_user[REG_GRUU_LEN]) __attribute__((warn_unused_result));
/* -ENOENT: it is none of this form. What others make up leads to hashes that nobody has. */
int reg_gruu_parse(struct reg_gruu *gruu, struct view user, uint64_t *ret_owner, uint32_t *ret_tag)
	__attribute__((warn_unused_result));

/* A tag in the place of an instance, which never begins so; and the way back: false, it is none. */
struct view reg_gruu_choice(uint32_t tag, char buf[REG_GRUU_CHOICE]);
bool reg_gruu_chosen(struct view choice, uint32_t *ret_tag);
