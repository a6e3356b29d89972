/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests that are no calls: taken from one side and made anew for the other, when the tenants of
 * both let their method pass. A relay is one such request with its two transactions; it is owned by
 * b2b->relays and lives until the request has its final answer and the other side's is over.
 * Subscriptions (RFC 6665) are two dialogs that relays go through. Private to sip-b2bua/b2b; the
 * worker's thread.
 */
#pragma once

#include "sip-b2bua/b2b/call.h"

#define SUBSCRIPTIONS_MAX (1u << 20) /* of a worker: what a token can name, two sides each */

struct subscription;

enum relay_kind {
	RELAY_OUTSIDE, /* in no dialog, or the SUBSCRIBE that makes one */
	RELAY_CALL,    /* between the legs of a call */
	RELAY_WITHIN,  /* in a subscription */
};

struct relay {
	LIST_ENTRY(relay) link;
	struct b2b *b;
	struct sip_stxn *in;  /* NULL: it has its final answer */
	struct sip_ctxn *out; /* NULL: none is under way */
	uint8_t kind;	      /* enum relay_kind */
	uint8_t n_candidates, candidate;
	uint32_t cseq;
	uint32_t slot, generation;		   /* of the subscription; generation 0: none */
	bool from_notifier;			   /* RELAY_WITHIN */
	uint32_t call_slot, call_generation, side; /* RELAY_CALL: the leg that it came from */
	struct numbers numbers;
	struct candidate candidates[ROUTE_TRIES_MAX];
	char realm[CTL_NAME_MAX], trunk[CTL_NAME_MAX];		   /* where it came from */
	char trunk_out[CTL_NAME_MAX], calling_out[CTL_NUMBER_MAX]; /* where it goes, who sends it */
	char called_out[CTL_NUMBER_MAX];
	struct call_targets targets; /* of trunk_out */
	struct twheel_timer timer;   /* nothing came from the target */
	uint64_t end_ms;	     /* of the wheel: who asked waits no longer (timer F) */
	char uri[256];
	char id[2][SIP_TOKEN_LEN]; /* From tag, Call-ID of what goes out */
	struct sip_path path;
	struct digest_client *auth;
};

/* ---- relay.c ---- */

/* A request without a To tag, not an INVITE. false: nobody takes it, the caller answers. */
bool relay_request(struct b2b *b, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path);
/* The same of a request in a call's dialog, whose CSeq was taken. */
bool relay_in_call(struct leg *from, struct sip_stxn *stxn, const struct sip_msg *msg);
/* A request within a subscription, from its notifier or subscriber, goes on along the other dialog. */
void relay_within(struct subscription *sub, bool from_notifier, struct sip_stxn *stxn,
	const struct sip_msg *msg);
void relays_free(struct b2b *b);
/* "<sip:token@host>" of ours, for Contact. */
void relay_put_contact(struct sip_buf *b, struct view token, const struct sip_path *path);

/* ---- relay_msg.c: what crosses ---- */

/* Whether a tenant (NULL: none) lets this method pass. */
bool relay_takes(const struct cfg_tenant *tenant, enum sip_method method);
/* Header fields of a request, or of an answer, that may cross; without identities and the body's. */
void relay_put_headers(struct sip_buf *b, const struct sip_msg *msg);
/* Ends the message with msg's body, byte for byte, and the fields that describe it. */
int relay_build_end(struct sip_buf *b, const struct sip_msg *msg)
	__attribute__((warn_unused_result));
/* A final status as it goes on; inside: in a dialog. */
unsigned int relay_status(unsigned int status, bool inside);

/* ---- subscription.c ---- */

/* Of a SUBSCRIBE; with the subscriber's dialog. Negative errno: -EINVAL for its Contact or
 * Record-Route, -ENOSPC at the limit, -ENOMEM. */
int subscription_new(struct b2b *b, const struct sip_msg *msg, const struct sip_path *path,
	struct subscription **ret_sub, uint32_t *ret_slot, uint32_t *ret_generation)
	__attribute__((warn_unused_result));
struct subscription *subscription_find(struct b2b *b, uint32_t slot, uint32_t generation);
/* The subscription that a tag of ours names, and whose side; NULL. */
struct subscription *subscription_of(struct b2b *b, struct view tag, bool *ret_notifier);
void subscription_free(struct subscription *sub);
/* The table of a worker; NULL when memory is short. */
/* limen-control is back: it gets them all again. */
void subscriptions_replay(struct b2b *b);
struct sip_slab *subscriptions_new(uint32_t first_generation);
void subscriptions_free(struct b2b *b);
struct view subscription_tag(
	const struct subscription *sub, bool notifier, char buf[SIP_TOKEN_LEN]);
/* The dialog with a side; NULL: the notifier's is not there yet. */
struct dialog *subscription_dialog(const struct subscription *sub, bool notifier);
struct b2b *subscription_b2b(const struct subscription *sub);
void subscription_names(
	const struct subscription *sub, uint32_t *ret_slot, uint32_t *ret_generation);
/* A request with a tag of a subscription in To. */
void subscription_request(struct subscription *sub, bool from_notifier, struct sip_stxn *stxn,
	const struct sip_msg *msg, const struct sip_path *path);
/*
 * A relay of the subscription has this final answer of the other side (NULL: none, status as if);
 * before it goes on. false: the subscription is over once it went on.
 */
bool subscription_answer(struct subscription *sub, const struct relay *relay,
	const struct sip_msg *request, unsigned int status, const struct sip_msg *answer,
	const struct sip_path *path) __attribute__((warn_unused_result));
