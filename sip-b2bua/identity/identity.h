/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an INVITE says of who calls, at the border between two sides (RFC 3323, 3325): From,
 * P-Asserted-Identity, P-Preferred-Identity, Remote-Party-ID and Privacy for the called side, made
 * from those of the caller by the tenants of both sides. Hosts never cross: all have our address.
 * Pure functions; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/config/cfg.h"
#include "sip-b2bua/b2b/policy.h"
#include "sip-b2bua/parser/sip_build.h"
#include "sip-b2bua/parser/sip_msg.h"

#define IDENTITY_NUMBER_MAX 64

/* What holds between a caller's side and a called one. */
struct identity {
	bool believed;				/* the caller's side is in our domain of trust */
	bool told;				/* the called side is */
	uint8_t asserted, privacy, redirecting; /* of the called side: enum cfg_... */
	const struct cfg_tenant *in, *out;	/* NULL: none */
	const struct ipaddr *host;		/* ours, for every URI */
	const char *verstat; /* what came of the check of the caller's Identity; NULL: not told */
	bool verstat_from, verstat_identity; /* where it is told */
	struct view registered; /* URI that the called side itself gave the caller; empty: none */
	struct view number;	/* of the caller, as it is sent; empty: as it came */
	char number_text[POLICY_USER_MAX];
	/* Changes the number of who redirected the call; false: he is not named. NULL: as it is. */
	bool (*redirecting_number)(void *arg, char number[IDENTITY_NUMBER_MAX]);
	void *arg;
};

/* trunks may be NULL; host must outlive the result, which must not be copied. number: of the caller,
 * when it is another than From's; else NULL or empty. */
void identity_init(struct identity *id, const struct cfg *cfg, const struct cfg_realm *from,
	const struct cfg_trunk *from_trunk, const struct cfg_realm *to,
	const struct cfg_trunk *to_trunk, const struct ipaddr *host, const char *number);

/* Bits of what is asked for. */
enum {
	PRIVACY_HEADER = 1 << 0,
	PRIVACY_SESSION = 1 << 1,
	PRIVACY_USER = 1 << 2,
	PRIVACY_NONE = 1 << 3,
	PRIVACY_CRITICAL = 1 << 4,
	PRIVACY_ID = 1 << 5,
	PRIVACY_HISTORY = 1 << 6,
};
/* What the caller (Privacy, Remote-Party-ID) and the called side's tenant ask for. */
unsigned int identity_privacy(const struct identity *id, const struct sip_msg *msg);

/* "display <uri>" for From, without a tag; anonymous when that was asked for and not told. */
void identity_put_from(struct sip_buf *b, const struct identity *id, const struct sip_msg *msg);
/* Nothing says who calls. */
bool identity_hides_caller(const struct identity *id, const struct sip_msg *msg);
/* P-Asserted-Identity or what the called side wants in its place, and Privacy. */
void identity_put_headers(struct sip_buf *b, const struct identity *id, const struct sip_msg *msg);
/* Diversion or History-Info, see redirect.c. */
void identity_put_redirecting(
	struct sip_buf *b, const struct identity *id, const struct sip_msg *msg);

/* "<sip:user@host>" with the user's number in the called side's form. */
void identity_put_uri(struct sip_buf *b, const struct identity *id, const struct sip_uri *uri);

/*
 * A caller's number from the form of one side into that of another. Numbers that are none, and
 * sides without "caller-id" settings, leave it as it is. tenants may be NULL. dst may be number.
 * -ENAMETOOLONG: then dst is number.
 */
int identity_number(const struct cfg_tenant *in, const struct cfg_tenant *out, const char *number,
	char dst[IDENTITY_NUMBER_MAX]);
