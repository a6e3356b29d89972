/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is registered where: users (addresses of record), each with its contacts, and the time when each
 * ends (RFC 3261 10.3). One store per worker, which holds the users whose hash names that worker; its
 * thread. Time comes from the wheel. It knows no messages: those are register.h's.
 *
 * A contact is one block of memory, texts included. Whoever keeps a copy elsewhere learns of each
 * change by the callbacks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "controlplane/base/twheel.h"
#include "controlplane/base/view.h"
#include "sip-b2bua/dialog/checkpoint.h"
#include "sip-b2bua/transport/sip_transport.h"

#define REG_REALM_MAX	 32
#define REG_USER_MAX	 64
#define REG_TEXT_MAX	 1024 /* of one text of a contact */
#define REG_CONTACTS_MAX 16   /* of a user, whatever is configured */
#define REG_EXTRA_MAX	 2048 /* octets of somebody else's at a contact */
#define REG_Q_ONE	 1000

/* The texts of a contact. X(symbol, field) */
#define REG_TEXTS(X)                                                                \
	X(URI, uri) /* without < > */                                               \
	X(CALL_ID, call_id)                                                         \
	X(INSTANCE, instance) /* "<urn:uuid:...>" with its quotes (RFC 5626 4.1) */ \
	X(PATH, path)	      /* values of Path, one list (RFC 3327) */             \
	X(AGENT, agent)	      /* User-Agent */
enum reg_text {
#define X(sym, field) REG_##sym,
	REG_TEXTS(X)
#undef X
		REG_N_TEXTS,
};

enum reg_flag {
	REG_NAT = 1 << 0,      /* its Contact names another address than it was sent from */
	REG_OUTBOUND = 1 << 1, /* instance and reg-id are its name (RFC 5626 6) */
	REG_GRUU = 1 << 2,     /* it knows GRUUs (RFC 5627) */
	REG_CACHED = 1 << 7,   /* another registrar's (cache.h); only then there are extra octets */
};

/* Only the way it came by leads to it: that connection and no other (RFC 5626 5.3). */
static inline bool reg_needs_flow(uint8_t flags, const struct sip_path *path)
{
	return sip_transport_is_ws(path->transport) ||
	       (sip_transport_is_stream(path->transport) && flags & (REG_NAT | REG_OUTBOUND));
}

struct reg_aor;
struct reg_sync_item;

struct reg_contact {
	struct reg_contact *next;     /* of its user; the latest first */
	LIST_ENTRY(reg_contact) flow; /* of those with a connection; le_prev NULL: it has none */
	struct reg_aor *aor;
	struct reg_sync_item *item; /* sync.c's: limen-control does not know its state yet */
	uint64_t id;		    /* unique over restarts */
	uint64_t since_ms;	    /* wall clock of its first registration; of its phone's flows */
	struct twheel_timer expiry; /* due_ms is its end */
	struct sip_path path;	    /* where it was sent from */
	uint32_t cseq, reg_id;
	uint16_t q; /* thousandths */
	uint8_t flags;
	uint8_t hash; /* enum digest_hash of its credentials; 0: none were asked for */
	uint16_t n_text[REG_N_TEXTS], n_extra;
	char text[]; /* one behind the other, without NULs; then the extra octets */
};

struct reg_aor {
	LIST_ENTRY(reg_aor) link;
	struct reg_contact *contacts;
	uint64_t hash; /* its owner is hash % workers; 63 bits */
	uint8_t n_contacts;
	uint8_t n_realm, n_user;
	char text[]; /* realm, user */
};

enum reg_gone { REG_EXPIRED, REG_REMOVED, REG_REPLACED, REG_FLOW_LOST };

struct reg_store_ops {
	/* It is new, or not what it was. */
	void (*put)(void *ctx, struct reg_contact *contact);
	/* It is about to be freed. */
	void (*gone)(void *ctx, struct reg_contact *contact, enum reg_gone why);
};

struct reg_store;

/*
 * key: the same in all workers and over restarts (of the token key). seed: random. max_contacts: of
 * the whole store. NULL when memory is short.
 */
struct reg_store *reg_store_new(struct twheel *wheel, uint64_t seed, uint32_t max_contacts,
	const struct reg_store_ops *ops, void *ctx);
void reg_store_free(struct reg_store *store); /* without callbacks */
uint32_t reg_store_n_aors(const struct reg_store *store);
uint32_t reg_store_n_contacts(const struct reg_store *store);

/* Which worker a user belongs to: this modulo the number of workers. key: the token key's. */
uint64_t reg_owner_hash(const uint64_t key[2], struct view realm, struct view user);

struct reg_aor *reg_aor_find(
	const struct reg_store *store, uint64_t hash, struct view realm, struct view user);
static inline struct view reg_aor_realm(const struct reg_aor *aor)
{
	return (struct view){aor->text, aor->n_realm};
}
static inline struct view reg_aor_user(const struct reg_aor *aor)
{
	return (struct view){aor->text + aor->n_realm, aor->n_user};
}
struct view reg_contact_text(const struct reg_contact *contact, enum reg_text which);
struct view reg_contact_extra(const struct reg_contact *contact);
/* Seconds until its end, rounded up. */
uint32_t reg_contact_left_s(const struct reg_store *store, const struct reg_contact *contact);

/* What a contact is to be; all views are copied. */
struct reg_new {
	struct view realm, user;
	uint64_t hash;
	struct view text[REG_N_TEXTS];
	struct view extra; /* with REG_CACHED */
	struct sip_path path;
	uint64_t since_ms; /* of a new one */
	uint64_t id;	   /* of one that is restored; 0: a fresh one */
	uint32_t expires_s, cseq, reg_id;
	uint16_t q;
	uint8_t flags, digest_hash;
};
/*
 * Adds a contact, or puts it in place of old (of the same user, or NULL), whose id and since stay.
 * -EINVAL: a text is too long; -ENOSPC: the store is full; -ENOMEM. On failure nothing has changed.
 */
int reg_contact_set(struct reg_store *store, struct reg_contact *old, const struct reg_new *fresh,
	struct reg_contact **ret_contact) __attribute__((warn_unused_result));
/*
 * A contact as it was, for expires_s from now on, with other extra octets, as many as it had. Also as
 * the callback put() tells.
 */
void reg_contact_extend(struct reg_store *store, struct reg_contact *contact, uint32_t expires_s,
	struct view extra);
/* The first contact of users with that hash for which the function says so; NULL: none. */
struct reg_contact *reg_contact_match(const struct reg_store *store, uint64_t hash,
	bool (*is_it)(void *arg, const struct reg_contact *contact), void *arg);
/* The user goes with its last contact. */
void reg_contact_remove(struct reg_store *store, struct reg_contact *contact, enum reg_gone why);
/*
 * A connection of a worker has ended, so what is reached by it alone is gone (RFC 5626 6); others may be
 * reached by a new one. Number of those that were removed.
 */
unsigned int reg_flow_lost(struct reg_store *store, uint8_t conn_worker, uint64_t conn);
/* The binding with this id of a user with this hash, if its flow is its name: removed (RFC 5626 6). */
void reg_flow_failed(struct reg_store *store, uint64_t hash, uint64_t id);
/* Removes all for which the function says so. */
void reg_store_sweep(struct reg_store *store,
	bool (*is_over)(void *arg, const struct reg_contact *contact), void *arg);
void reg_store_each(
	struct reg_store *store, void (*visit)(void *arg, struct reg_contact *contact), void *arg);

/* As bytes that outlive the process. wall_ms: now. The path is read without listener and connection. */
void reg_contact_write(const struct reg_store *store, const struct reg_contact *contact,
	uint64_t wall_ms, struct ckpt_out *out);
/* Views point into the input. -EBADMSG: it is none; -ETIMEDOUT: it has ended. */
int reg_contact_read(struct ckpt_in *in, uint64_t wall_ms, struct reg_new *ret_new)
	__attribute__((warn_unused_result));
