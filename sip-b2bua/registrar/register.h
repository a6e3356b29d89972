/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * REGISTER on a store of bindings: RFC 3261 10.3 from step 6 on, with RFC 5626 6 (instance, reg-id),
 * RFC 3327 (Path) and RFC 5627 (GRUUs). Who may do it has been decided before. The worker's
 * thread; no sockets.
 */
#pragma once

#include "sip-b2bua/parser/sip_build.h"
#include "sip-b2bua/parser/sip_msg.h"
#include "sip-b2bua/registrar/bindings.h"
#include "sip-b2bua/registrar/gruu.h"

struct reg_limits {
	uint32_t min_s, max_s; /* granted; below min_s 423 */
	uint32_t nat_s;	       /* at most for who is behind NAT or on a connection; 0: as max_s */
	uint32_t max_contacts; /* of a user, 1 to REG_CONTACTS_MAX; beyond, the oldest gives way */
};

struct reg_request {
	const struct sip_msg *msg;
	const struct sip_path *path; /* it came by */
	struct view realm, user;     /* the address of record */
	uint64_t hash;		     /* reg_owner_hash() of it */
	uint64_t wall_ms;
	uint8_t digest_hash; /* of its credentials; 0: none */
	const struct reg_limits *limits;
};

#define REG_DEFAULT_S 3600 /* where the request says nothing (RFC 3261 10.2.1.1) */

struct reg_answer {
	uint16_t status;      /* 200, or why nothing has changed */
	const char *reason;   /* a sentence for who looks after it; NULL with 200 */
	uint32_t min_expires; /* of 423 */
	bool by_outbound;     /* "Require: outbound" is due (RFC 5626 6) */
	struct reg_aor *aor;  /* as it is now; NULL: nothing is registered */
	unsigned int n_added, n_refreshed, n_removed;
};

/* Takes the contacts of a REGISTER: all or none, unless memory runs short on the way (503). */
void reg_register(
	struct reg_store *store, const struct reg_request *request, struct reg_answer *ret_answer);

/* The Contact header lines of a 200; domain: host of the GRUUs; gruu: makes temporary ones. */
void reg_put_contacts(const struct reg_store *store, const struct reg_aor *aor, struct view domain,
	struct reg_gruu *gruu, struct sip_buf *b);

/* delta-seconds; what is none counts as 3600, what is too much as the most (RFC 3261 20.19). */
uint32_t reg_seconds(struct view text);
/* "0.25" as 250 (RFC 3261 25.1: at most three digits); what is none as 1. */
uint16_t reg_q(struct view text);

/* All values of Path as one list; what does not fit is longer than size. */
struct view reg_path_text(const struct sip_msg *msg, char *buf, size_t size);

/* RFC 3261 10.3 step 7: what is older than what we have changes nothing. */
bool reg_is_in_order(const struct sip_msg *msg, const struct reg_contact *old);

/* The Contact of a request names another host than it came from, or it came through one that said so. */
bool reg_is_behind_nat(
	const struct sip_msg *msg, const struct sip_uri *contact, const struct sip_path *path);
