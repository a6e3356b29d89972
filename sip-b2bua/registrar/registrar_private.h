/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside of the registrar: what its files share. Private to sip-b2bua/registrar. */
#pragma once

#include <time.h>

#include "sip-b2bua/auth/digest_server.h"
#include "sip-b2bua/registrar/register.h"
#include "sip-b2bua/registrar/registrar.h"
#include "sip-b2bua/registrar/sync.h"
#include "sip-b2bua/registrar/users.h"

struct registrar {
	struct b2b_env env;
	const struct cfg *cfg; /* NULL before the first configuration */
	struct reg_users *users, *users_next;
	struct digest_server *digest;
	struct reg_store *store;
	struct reg_sync *sync;
	struct reg_gruu *gruu;
	uint64_t n_tags;
	time_t date_s; /* of this second is date */
	size_t n_date;
	char date[64];
	bool restoring;		/* what is put into the store comes from limen-control */
	registrar_gone_fn gone; /* of cached bindings; NULL: nobody wants to know */
	void *gone_arg;
	char text[SIP_MSG_MAX]; /* scratch, valid within one event */
};

/* Who a request is from. */
struct registrar_proof {
	const struct cfg_pool *pool; /* with status 200 */
	uint64_t owner;		     /* registrar_hash() of it */
	uint8_t hash;		     /* enum digest_hash */
	bool stale;
	uint16_t status; /* 200, 401, or what it is refused with */
	const char *reason;
};
struct registrar_proof registrar_prove(struct registrar *r, const struct cfg_registrar *conf,
	const struct sip_msg *msg, const struct sip_path *path);
/* The header lines of a 401. */
void registrar_put_challenge(
	struct registrar *r, const struct cfg_registrar *conf, bool stale, struct sip_buf *b);

const char *registrar_domain(const struct cfg_registrar *conf);
/* reg_owner_hash() under the token key. */
uint64_t registrar_hash(const struct registrar *r, const char *realm, struct view user);
/* What a question of another worker for a cached binding gets; cache_locate.c. false: it is none. */
bool registrar_cache_asked(struct registrar *r, unsigned int from, const void *bytes, size_t n);
/* The answer to a question of another worker; targets NULL: there is none. */
void registrar_tell(struct registrar *r, unsigned int to, uint64_t ticket,
	const struct registrar_targets *targets);

/* NULL: there is none of that name in the configuration any more. */
const struct cfg_pool *registrar_pool_of(const struct registrar *r, const struct reg_aor *aor);
