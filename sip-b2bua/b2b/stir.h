/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * STIR/SHAKEN of a worker: the voice classes stir-shaken with their keys and authorities read from
 * files, and a cache of signers' certificates each. Read at each commit; a class that did not change
 * keeps what it has. Private to sip-b2bua/b2b; the worker's thread.
 */
#pragma once

#include "sip-b2bua/b2b/call.h"
#include "sip-b2bua/identity/cert_cache.h"
#include "sip-b2bua/identity/passport.h"

struct stir;

struct stir_class {
	struct cfg_stir cfg;
	struct b2b *b;
	uint32_t number;	  /* of the class among all that ever were, for ids of fetches */
	EVP_PKEY *key;		  /* NULL: calls are not signed */
	X509_STORE *store;	  /* NULL: calls are not verified */
	struct cert_cache *cache; /* with store */
};

struct stir *stir_new(struct b2b *b); /* NULL when memory is short */
void stir_free(struct stir *stir);
/* A file that cannot be read refuses the configuration, with a sentence. */
int stir_prepare(struct stir *stir, const struct cfg *cfg, char error[CFG_ERROR_MAX])
	__attribute__((warn_unused_result));
/* After b->cfg is the new one: calls that wait for a certificate of an old class ask again. */
void stir_apply(struct stir *stir);
void stir_abort(struct stir *stir);
void stir_fetched(
	struct stir *stir, uint64_t id, struct view body, uint32_t max_age_s, const char *reason);

/* That of a tenant (may be NULL); NULL: none. */
struct stir_class *stir_class_of(struct stir *stir, const struct cfg_tenant *tenant);

/* ---- call_stir.c ---- */

enum stir_go { STIR_GOES_ON, STIR_WAITS, STIR_REFUSED };

/*
 * Checks the Identity of a caller's INVITE as its side's class wants. WAITS: call_setup_go_on() is
 * called when the certificate is there; REFUSED: the call is gone.
 */
enum stir_go call_stir_check(struct call *call, const struct sip_msg *msg);
/* Date and Identity of the INVITE to the called side, if its class signs. */
void call_stir_sign(struct call *call, const struct identity *identity, const struct sip_msg *from,
	struct sip_buf *buf);
void call_stir_forget(struct call *call);
/* What the called side is told of the check; NULL: nothing. */
const char *call_stir_verstat(const struct call *call);
