/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The registrar of one worker: takes REGISTER for the realms that have a registrar, proves users by
 * digest, keeps their bindings and tells limen-control of them. A user's bindings live in the worker
 * that a hash of the user names; the others ask it over the rings. All functions in the worker's thread.
 */
#pragma once

#include "sip-b2bua/b2b/b2b.h"
#include "sip-b2bua/registrar/gruu.h"

#define REGISTRAR_CONTACTS_MAX (1u << 20) /* of a worker */

struct registrar;

/* env is copied; what it points to must outlive the object. -ENOMEM. */
int registrar_new(const struct b2b_env *env, struct registrar **ret_registrar)
	__attribute__((warn_unused_result));
void registrar_free(struct registrar *r);

/* As in struct sip_app_ops. */
int registrar_config_prepare(struct registrar *r, const struct cfg *cfg, char error[CFG_ERROR_MAX]);
void registrar_config_apply(struct registrar *r, const struct cfg *cfg);
void registrar_config_abort(struct registrar *r);
bool registrar_owner(struct registrar *r, const struct sip_msg *msg, const struct sip_path *path,
	uint64_t *ret_number);

/* ---- for regcache.c ---- */
struct reg_store;
struct reg_contact;
/* A cached binding is about to go: its phone vanished, gave way to others, or an operator wants it. */
typedef void (*registrar_gone_fn)(void *arg, const struct reg_contact *contact);
void registrar_set_gone(struct registrar *r, registrar_gone_fn gone, void *arg);
struct reg_store *registrar_store(struct registrar *r);
/* The 200 to a REGISTER up to Via, From, To, and what follows its contacts; the answer is sent. */
struct sip_buf;
void registrar_accept_start(
	struct registrar *r, struct sip_stxn *stxn, const struct sip_msg *msg, struct sip_buf *b);
void registrar_accept_end(struct registrar *r, struct sip_stxn *stxn,
	const struct cfg_registrar *conf, struct sip_buf *b);
/* Whether a REGISTER is of somebody who is registered from there, or with that Contact. */
bool registrar_knows(struct registrar *r, const struct sip_msg *msg, const struct sip_path *path);

/* The registrar of the realm that a path leads to; NULL: it has none. */
const struct cfg_registrar *registrar_of_path(
	const struct registrar *r, const struct sip_path *path);
/* A REGISTER without credentials is challenged without state. false: it wants a transaction. */
bool registrar_challenge(
	struct registrar *r, const struct sip_msg *msg, const struct sip_path *path);
/* A REGISTER to a realm that has a registrar; it is answered. */
void registrar_request(struct registrar *r, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path);

/*
 * An INVITE of nobody's trunk, in a realm with "admission users": true when it is from a user who
 * proves himself and calls under his own name (RFC 3261 22.2). Else it is answered.
 */
bool registrar_caller(struct registrar *r, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path, const struct cfg_pool **ret_pool);

/* ---- calls to users (locate.c) ---- */

#define REGISTRAR_TARGETS_MAX 8 /* phones that ring for one call */
#define REGISTRAR_FLOWS_MAX   8 /* further flows of them */

/* Where a phone is to be called. */
struct registrar_target {
	struct sip_path path; /* its listener may be gone by now, also its connection */
	uint64_t id;	      /* of the binding */
	uint32_t uri_at, n_uri, n_route;
	uint16_t q;
	uint8_t next_flow; /* of the same phone, to be tried when this one fails; 0: none */
	uint8_t zero;
};

/* One block of size octets with its texts: to be copied and freed as it is. */
struct registrar_targets {
	uint64_t size;
	uint64_t owner; /* hash of the user */
	uint32_t n;	/* phones, by descending q; then their further flows */
	uint8_t fork;	/* enum cfg_fork */
	uint8_t zero[3];
	struct registrar_target target[];
};
struct view registrar_target_uri(const struct registrar_targets *t, unsigned int i);
/* Values of Route, one list; empty: none. */
struct view registrar_target_route(const struct registrar_targets *t, unsigned int i);

/* The user who is called by that number; NULL. */
const struct cfg_pool *registrar_user(const struct registrar *r, const char *number);
/*
 * Whose phone a URI with a temporary GRUU leads to, and what registrar_locate() is to be asked for. NULL:
 * it is none, or of nobody.
 */
const struct cfg_pool *registrar_temp_gruu(const struct registrar *r, const struct sip_uri *uri,
	char buf[REG_GRUU_CHOICE], struct view *ret_instance);
/*
 * Where a user is registered; instance: only the phone that a GRUU names ("gr"), or empty. 0:
 * *ret_targets, perhaps of none, is the caller's. -EINPROGRESS: it comes by registrar_told() with that
 * ticket, or not at all. -ENOMEM, -ENOBUFS.
 */
int registrar_locate(struct registrar *r, const struct cfg_pool *pool, struct view instance,
	uint64_t ticket, struct registrar_targets **ret_targets)
	__attribute__((warn_unused_result));
/*
 * A proxy in front of the phone, or nobody at all, says that the flow of a binding is gone (430, RFC 5626
 * 5.3.1): it is forgotten, wherever its user belongs.
 */
void registrar_flow_failed(struct registrar *r, uint64_t owner, uint64_t id);
/* A connection of a worker has ended. */
void registrar_conn_gone(struct registrar *r, uint8_t conn_worker, uint64_t conn);

/*
 * The same for a Contact that a registrar behind the box knows: the phone that its token names, in n
 * targets 0 or 1. And for a caller: a target when user is registered there by path's flow; its URI is the
 * identity that the registrar gave him, its route the Service-Route that his requests follow.
 */
int registrar_locate_binding(struct registrar *r, uint32_t user_number, uint32_t contact_number,
	uint64_t ticket, struct registrar_targets **ret_targets)
	__attribute__((warn_unused_result));
int registrar_locate_caller(struct registrar *r, const char *realm, struct view user,
	const struct sip_path *path, uint64_t ticket, struct registrar_targets **ret_targets)
	__attribute__((warn_unused_result));
/* targets becomes its owner's. */
typedef void (*registrar_located_fn)(void *arg, uint64_t ticket, struct registrar_targets *targets);
/* What another worker's registrar sent. */
void registrar_told(struct registrar *r, unsigned int from, const void *bytes, size_t n,
	registrar_located_fn located, void *arg);

/* limen-control; see controlplane/api/ctl_api.h. */
void registrar_control_down(struct registrar *r);
void registrar_ack(struct registrar *r, const struct ctl_reg_ack *ack);
void registrar_restore(struct registrar *r, const void *state, size_t len);
void registrar_clear(struct registrar *r, const struct ctl_reg_clear *clear);

uint32_t registrar_n_contacts(const struct registrar *r);
