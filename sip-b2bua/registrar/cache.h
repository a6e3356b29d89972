/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Registrations of another registrar, kept in front of it: what a REGISTER of a phone means for the
 * bindings that the box has, what goes on to that registrar (the core), what its answer changes, and
 * what the phone is told. The way to the core and back is sip-b2bua/b2b/regcache.c's.
 *
 * A cached binding is a struct reg_contact with REG_CACHED: its expiry is the phone's, its extra octets
 * are struct reg_core and three texts. The core sees a Contact of ours, whose user is a token (kind
 * SIP_TOKEN_BINDING) of a number of the user and a number of the contact, the same ones as long as the
 * token key lives: so a lost store makes no second binding in the core, and any worker knows whose it is.
 * The phone's Call-ID goes on as a keyed hash, its CSeq as it is, so their order (RFC 3261 10.3) does.
 *
 * One store per worker, the registrar's; its thread. No sockets, no timers of its own.
 */
#pragma once

#include "controlplane/api/ctl_api.h"
#include "sip-b2bua/core/sip_token.h"
#include "sip-b2bua/registrar/register.h"

#define REG_CACHE_CONTACTS_MAX 16 /* of one REGISTER */
#define REG_NAME_MAX	       64 /* of a user name in credentials */
#define REG_HIDDEN_MAX	       36

/* What is known of a binding in the core. Lives as octets at the contact. */
struct reg_core {
	uint64_t until_ms; /* wall clock: its end there */
	uint64_t lost_ms;  /* wall clock: the core has not answered since; 0: it did */
	uint32_t given_s;  /* that the core granted last */
	uint32_t number;   /* 28 bits, of the contact */
	uint32_t n_shielded, n_forwarded;
	uint16_t n_name, n_route, n_associated, zero;
};

struct reg_core reg_core_of(const struct reg_contact *contact);
/* User name of its credentials; Service-Route and P-Associated-URI of the core, each one list. */
struct view reg_core_name(const struct reg_contact *contact);
struct view reg_core_route(const struct reg_contact *contact);
struct view reg_core_associated(const struct reg_contact *contact);
/* Fills what limen-control shows of it. */
void reg_core_tell(const struct reg_contact *contact, struct ctl_reg *reg);

/* ---- names ---- */

/* "user@host" of a URI, host in lower case, or domain in its place unless that is empty. -EINVAL, -ENAMETOOLONG. */
int reg_cache_user(const struct sip_uri *uri, const char *domain, char dst[REG_USER_MAX])
	__attribute__((warn_unused_result));
/* The number of a user, and where the store has users of that number. */
uint32_t reg_cache_number(const struct sip_token_key *key, struct view realm, struct view user);
uint64_t reg_cache_hash(const struct sip_token_key *key, uint32_t user_number);
struct view reg_cache_token(const struct sip_token_key *key, uint32_t user_number,
	uint32_t contact_number, char buf[SIP_TOKEN_LEN]);
/* -EINVAL: it is none of ours. */
int reg_cache_token_read(const struct sip_token_key *key, struct view text,
	uint32_t *ret_user_number, uint32_t *ret_contact_number)
	__attribute__((warn_unused_result));
struct reg_contact *reg_cache_find(
	const struct reg_store *store, uint64_t hash, uint32_t contact_number);

/* ---- a REGISTER ---- */

struct reg_cache_limits {
	uint32_t min_s, max_s; /* granted to phones; below min_s 423 */
	uint32_t nat_s;	       /* at most for who is behind NAT or on a connection; 0: as max_s */
	uint32_t core_s;       /* asked of the core */
	uint32_t grace_s;      /* bindings outlive the core's silence so long */
	uint32_t max_contacts; /* of a user */
};

/* A contact of the request. */
struct reg_cache_contact {
	struct sip_addr addr;
	struct view instance;
	uint32_t asked_s, reg_id, number;
	uint16_t q;
	uint8_t flags;
	struct reg_contact *old; /* valid until the store changes */
};

struct reg_cache_request {
	const struct sip_msg *msg;
	const struct sip_path *path; /* it came by */
	const struct sip_token_key *key;
	const struct reg_cache_limits *limits;
	struct view realm, user; /* user: "user@host" */
	uint64_t wall_ms, hash;
	uint32_t number; /* of the user */
	/* By reg_cache_parse(): */
	uint32_t n;
	bool star;	  /* all contacts are to be removed */
	bool credentials; /* it has some; of name, unless that is not to be read */
	char name[REG_NAME_MAX];
	char user_text[REG_USER_MAX]; /* room for user */
	struct reg_cache_contact list[REG_CACHE_CONTACTS_MAX];
};

struct reg_cache_refusal {
	uint16_t status;      /* 0: none */
	uint32_t min_expires; /* of 423 */
	const char *reason;
};

/* Reads a request whose first members are set. false: it is refused, nothing has changed. */
bool reg_cache_parse(const struct reg_store *store, struct reg_cache_request *r,
	struct reg_cache_refusal *ret_refusal);

enum reg_cache_verdict {
	REG_CACHE_SHIELDED, /* nothing has changed, and the core need not know yet */
	REG_CACHE_DUE,	    /* nothing has changed, but half of the core's time is over */
	REG_CACHE_CHANGED,  /* a contact is new, or not as it was */
	REG_CACHE_REMOVES,  /* contacts are removed */
	REG_CACHE_ASKS,	    /* no Contact: it only asks */
	REG_CACHE_OLD,	    /* out of order: 500 */
};
enum reg_cache_verdict reg_cache_judge(
	const struct reg_store *store, const struct reg_cache_request *r);

/*
 * Grants the contacts of a request that were judged SHIELDED or DUE more time without the core. lost: as
 * it does not answer, which ends with the grace. false: their time is over, nothing has changed.
 */
bool reg_cache_keep(struct reg_store *store, struct reg_cache_request *r, bool lost);

/* Contacts that were judged so do not end for REG_CACHE_HELD_S, in which the core is asked; and end so long
 * after the core's time, or the grace, at the latest. */
#define REG_CACHE_HELD_S 32
void reg_cache_hold(struct reg_store *store, const struct reg_cache_request *r);

/*
 * A final answer of the core other than a challenge: takes its 2xx, and drops bindings that it refused
 * for good (4xx, 6xx) to the phone that made them. The status for the phone; ret_reason: a sentence where that is no 2xx.
 */
unsigned int reg_cache_answer(struct reg_store *store, struct reg_cache_request *r,
	const struct sip_msg *answer, const char **ret_reason);

/* ---- messages (cache_msg.c) ---- */

/* What is the core's own of a REGISTER: its addresses and its time. */
struct reg_cache_way {
	const struct sip_path *path;
	struct view branch;
	const char *domain; /* in place of the phone's; empty: as it came */
	uint32_t core_s;    /* asked for each contact that is not removed */
	uint32_t max_forwards;
	bool with_path; /* Path (RFC 3327) */
};
/* The request for the core; its Authorization is the phone's. As sip_build_end(). */
int reg_cache_build(
	const struct reg_cache_request *r, const struct reg_cache_way *way, struct sip_buf *b);
/* A binding that is to go from the core. */
struct reg_cache_removal {
	char realm[REG_REALM_MAX], user[REG_USER_MAX];
	char call_id[REG_HIDDEN_MAX]; /* as the core knows it */
	uint32_t contact_number;
	uint32_t cseq; /* of the next REGISTER */
};
void reg_cache_removal_of(const struct reg_contact *contact, const struct sip_token_key *key,
	struct reg_cache_removal *ret_removal);
/* The REGISTER of the box, begun: all but credentials and end. Its Request-URI is in uri. */
void reg_cache_build_removal(const struct reg_cache_removal *removal,
	const struct sip_token_key *key, const struct reg_cache_way *way, struct sip_buf *uri,
	struct sip_buf *b);
/* Fields of the 200 for the phone: Contact, P-Associated-URI, Path. answer: the core's, or NULL. */
void reg_cache_put_accepted(const struct reg_store *store, const struct reg_cache_request *r,
	const struct sip_msg *answer, struct sip_buf *b);
/* A phone's credentials are for the core alone. */
void reg_cache_put_credentials(struct sip_buf *b, const struct sip_msg *request);
bool reg_cache_has_credentials(const struct sip_msg *request);
/* Fields of another answer of the core that are for the phone: challenges, Retry-After. */
void reg_cache_put_refused(struct sip_buf *b, const struct sip_msg *answer);
