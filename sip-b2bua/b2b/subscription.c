/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Subscriptions that go through the box (RFC 6665): a dialog with the subscriber and one with the
 * notifier, joined here. One ends with a NOTIFY that says terminated, with a refusal that ends it,
 * or when nobody refreshed it; so nothing is left behind whatever a side forgets. The notifier's
 * dialog begins with its 2xx or with its first NOTIFY, which may come before.
 */
#include <errno.h>
#include <string.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/relay.h"
#include "sip-b2bua/core/sip_slab.h"

LOG_TOPIC("subscription");

#define CKPT_MAGIC	  0x534d494c /* "LIMS" */
#define CKPT_VERSION	  1
#define EXPIRES_DEFAULT_S 3600
#define GRACE_MS	  32000 /* for the NOTIFY that ends it, and clocks that differ */

static const struct view none = {NULL, 0};

struct subscription {
	struct b2b *b;
	uint32_t slot, generation;
	bool pending;		  /* the SUBSCRIBE that makes it has no answer yet */
	bool terminated;	  /* a NOTIFY said so; over with its answer */
	bool kept;		  /* limen-control has a copy */
	uint64_t end_ms;	  /* wall clock, without the grace */
	struct dialog *dialog[2]; /* subscriber, notifier */
	struct twheel_timer timer;
};

static void reject(struct sip_stxn *stxn, unsigned int status)
{
	if (sip_stxn_reject(stxn, status, none, none, none) < 0)
		log_debug("%u not sent", status);
}

static void expired(struct twheel_timer *timer, void *arg)
{
	struct subscription *sub = arg;

	log_info("a subscription ended: nobody refreshed it");
	subscription_free(sub);
}

static void dialog_set(struct subscription *sub, bool notifier, struct dialog *dialog)
{
	sub->dialog[notifier] = dialog;
	sub->b->n_dialogs++;
}

int subscription_new(struct b2b *b, const struct sip_msg *msg, const struct sip_path *path,
	struct subscription **ret_sub, uint32_t *ret_slot, uint32_t *ret_generation)
{
	atomic_uint *count = &b->env.shared->n_subscriptions;
	struct subscription *sub;
	struct dialog *dialog;
	char tag[SIP_TOKEN_LEN];
	uint32_t slot, generation;
	int rc;

	if (atomic_fetch_add_explicit(count, 1, memory_order_relaxed) >=
		b->cfg->max_subscriptions) {
		atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
		b->env.stats->subscriptions_refused++;
		return -ENOSPC;
	}
	sub = sip_slab_get(b->subscriptions, &slot, &generation);
	if (!sub) {
		atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
		return -ENOMEM;
	}
	sub->b = b;
	sub->slot = slot;
	sub->generation = generation;
	sub->pending = true;
	b->env.stats->subscriptions++;
	twheel_timer_init(&sub->timer, expired, sub);
	rc = dialog_new_uas(msg, subscription_tag(sub, false, tag), path, &dialog);
	if (rc < 0) {
		subscription_free(sub);
		return rc;
	}
	dialog->state = DIALOG_CONFIRMED;
	dialog_set(sub, false, dialog);
	*ret_sub = sub;
	*ret_slot = slot;
	*ret_generation = generation;
	return 0;
}

static uint64_t id_of(const struct subscription *sub)
{
	/* 8, 20 and 28 bits; a generation may be 0, a slot and a worker too. */
	return UINT64_C(1) << 56 | (uint64_t)sub->b->env.worker << 48 | (uint64_t)sub->slot << 28 |
	       sub->generation;
}

static void forget(struct subscription *sub)
{
	struct b2b *b = sub->b;

	twheel_stop(b->env.wheel, &sub->timer);
	for (unsigned int i = 0; i < 2; i++) {
		if (!sub->dialog[i])
			continue;
		dialog_free(sub->dialog[i]);
		b->n_dialogs--;
	}
	atomic_fetch_sub_explicit(&b->env.shared->n_subscriptions, 1, memory_order_relaxed);
	b->env.stats->subscriptions--;
	sip_slab_put(b->subscriptions, sub->slot);
}

void subscription_free(struct subscription *sub)
{
	struct b2b *b = sub->b;
	struct ctl_sub head = {.id = id_of(sub)};

	if (sub->kept && b->control_up)
		b->env.ops->control_send(b->env.ctx, CTL_SUB_DEL, 0, &head, sizeof(head), NULL, 0);
	forget(sub);
}

/* ---- checkpoint ---- */

/* What a worker that starts again needs to go on. Once both dialogs are there. */
static void keep(struct subscription *sub)
{
	struct b2b *b = sub->b;
	struct ckpt_out out = {b->ckpt_buf, 0, sizeof(b->ckpt_buf), false};
	struct ctl_sub head = {.id = id_of(sub), .end_ms = sub->end_ms};

	if (sub->pending || sub->terminated || !sub->dialog[0] || !sub->dialog[1] || !b->control_up)
		return;
	ckpt_put_u(&out, CKPT_MAGIC, 4);
	ckpt_put_u(&out, CKPT_VERSION, 1);
	ckpt_put_u(&out, b->env.worker, 1);
	ckpt_put_u(&out, sub->slot, 4);
	ckpt_put_u(&out, sub->generation, 4);
	dialog_checkpoint(sub->dialog[0], &out);
	dialog_checkpoint(sub->dialog[1], &out);
	if (out.failed) {
		log_warning("a subscription is too large for a checkpoint");
		return;
	}
	sub->kept = b->env.ops->control_send(
			    b->env.ctx, CTL_SUB_PUT, 0, &head, sizeof(head), out.p, out.n) == 0;
}

void subscriptions_replay(struct b2b *b)
{
	struct subscription *sub;
	uint32_t pos = 0;

	while ((sub = sip_slab_next(b->subscriptions, &pos)))
		keep(sub);
}

/* Read as input from outside: bounded, checked, versioned. */
static int restore(struct b2b *b, const struct ctl_sub *head, struct ckpt_in *in)
{
	struct dialog *dialog[2] = {NULL, NULL};
	struct subscription *sub = NULL;
	uint32_t slot, generation;
	uint64_t now_ms = b->env.ops->wall_ms(b->env.ctx);
	int rc = 0;

	if (ckpt_get_u(in, 4) != CKPT_MAGIC || ckpt_get_u(in, 1) != CKPT_VERSION ||
		ckpt_get_u(in, 1) != b->env.worker)
		return -EINVAL;
	slot = (uint32_t)ckpt_get_u(in, 4);
	generation = (uint32_t)ckpt_get_u(in, 4);
	if (in->failed || slot >= SUBSCRIPTIONS_MAX)
		return -EINVAL;
	for (unsigned int i = 0; rc == 0 && i < 2; i++)
		rc = dialog_restore(in, &dialog[i]);
	if (rc == 0 && (in->failed || in->n != 0))
		rc = -EINVAL;
	if (rc == 0)
		sub = sip_slab_claim(b->subscriptions, slot, generation);
	if (rc == 0 && !sub)
		rc = -EBUSY;
	if (rc < 0) {
		dialog_free(dialog[0]);
		dialog_free(dialog[1]);
		return rc;
	}
	sub->b = b;
	sub->slot = slot;
	sub->generation = generation;
	sub->kept = true;
	sub->end_ms = head->end_ms;
	twheel_timer_init(&sub->timer, expired, sub);
	atomic_fetch_add_explicit(&b->env.shared->n_subscriptions, 1, memory_order_relaxed);
	b->env.stats->subscriptions++;
	dialog_set(sub, false, dialog[0]);
	dialog_set(sub, true, dialog[1]);
	twheel_start(b->env.wheel, &sub->timer,
		(head->end_ms > now_ms ? head->end_ms - now_ms : 0) + GRACE_MS);
	return 0;
}

void b2b_sub_restore(struct b2b *b, const struct ctl_sub *sub, const void *state, size_t state_len)
{
	struct ckpt_in in = {state, state_len, false};
	int rc = restore(b, sub, &in);
	struct ctl_sub gone = {.id = sub->id};

	if (rc == 0)
		return;
	log_warning("a subscription cannot be restored: %s", strerror(-rc));
	b->env.ops->control_send(b->env.ctx, CTL_SUB_DEL, 0, &gone, sizeof(gone), NULL, 0);
}

struct sip_slab *subscriptions_new(uint32_t first_generation)
{
	return sip_slab_new(sizeof(struct subscription), SUBSCRIPTIONS_MAX, first_generation);
}

void subscriptions_free(struct b2b *b)
{
	struct subscription *sub;
	uint32_t pos = 0;

	/* Without telling limen-control: they live on in its copies. */
	while (b->subscriptions && (sub = sip_slab_next(b->subscriptions, &pos)))
		forget(sub);
	sip_slab_free(b->subscriptions);
	b->subscriptions = NULL;
}

struct subscription *subscription_find(struct b2b *b, uint32_t slot, uint32_t generation)
{
	return sip_slab_find(b->subscriptions, slot, generation);
}

struct view subscription_tag(const struct subscription *sub, bool notifier, char buf[SIP_TOKEN_LEN])
{
	struct sip_token token = {
		.kind = SIP_TOKEN_SUBSCRIPTION,
		.worker = sub->b->env.worker,
		.index = sub->slot << 1 | notifier,
		.generation = sub->generation,
	};

	return sip_token_print(sub->b->env.key, &token, buf);
}

struct subscription *subscription_of(struct b2b *b, struct view tag, bool *ret_notifier)
{
	struct sip_token token;

	if (sip_token_parse(b->env.key, tag, &token) < 0 || token.kind != SIP_TOKEN_SUBSCRIPTION ||
		token.worker != b->env.worker)
		return NULL;
	*ret_notifier = token.index & 1;
	return subscription_find(b, token.index >> 1, token.generation);
}

struct dialog *subscription_dialog(const struct subscription *sub, bool notifier)
{
	return sub->dialog[notifier];
}

struct b2b *subscription_b2b(const struct subscription *sub)
{
	return sub->b;
}

void subscription_names(
	const struct subscription *sub, uint32_t *ret_slot, uint32_t *ret_generation)
{
	*ret_slot = sub->slot;
	*ret_generation = sub->generation;
}

/* ---- requests ---- */

/* The first NOTIFY may come before the 2xx, and then makes the dialog (RFC 6665 4.4.1). */
static int notify_dialog(
	struct subscription *sub, const struct sip_msg *msg, const struct sip_path *path)
{
	struct dialog *dialog;
	int rc = dialog_new_uas(msg, msg->to.tag, path, &dialog);

	if (rc < 0)
		return rc;
	dialog->state = DIALOG_CONFIRMED;
	dialog->remote_cseq_set = false; /* taken by who asks next */
	dialog->local_cseq = 1;		 /* our SUBSCRIBE */
	dialog_set(sub, true, dialog);
	return 0;
}

static bool says_terminated(const struct sip_msg *msg)
{
	struct view value = sip_msg_value(msg, SIP_H_SUBSCRIPTION_STATE);
	const char *semi = value.n ? memchr(value.p, ';', value.n) : NULL;

	if (semi)
		value.n = (size_t)(semi - value.p);
	return view_eq_nocase(view_trim(value), VIEW("terminated"));
}

void subscription_request(struct subscription *sub, bool from_notifier, struct sip_stxn *stxn,
	const struct sip_msg *msg, const struct sip_path *path)
{
	enum sip_method wanted = from_notifier ? SIP_M_NOTIFY : SIP_M_SUBSCRIBE;
	struct dialog *dialog;
	int rc = 0;

	if (from_notifier && !sub->dialog[1] && msg->method == SIP_M_NOTIFY)
		rc = notify_dialog(sub, msg, path);
	dialog = sub->dialog[from_notifier];
	if (rc < 0) {
		reject(stxn, rc == -ENOMEM ? 500 : 400);
	} else if (!dialog || !dialog_match_request(dialog, msg)) {
		/* Another notifier that a fork has reached, among others. */
		sub->b->env.stats->rx_stray++;
		reject(stxn, 481);
	} else if (!dialog_take_cseq(dialog, msg->cseq.number)) {
		reject(stxn, 500);
	} else if (msg->method != wanted) {
		if (sip_stxn_reject(stxn, 405, none,
			    from_notifier ? VIEW("Allow: NOTIFY\r\n")
					  : VIEW("Allow: SUBSCRIBE\r\n"),
			    none) < 0)
			log_debug("405 not sent");
	} else if (!sub->dialog[!from_notifier]) {
		reject(stxn, 500); /* a refresh before the notifier has answered */
	} else {
		if (dialog_refresh(dialog, msg, path) < 0)
			log_info("the Contact of a %s is not used",
				from_notifier ? "NOTIFY" : "SUBSCRIBE");
		sub->terminated |= from_notifier && says_terminated(msg);
		relay_within(sub, from_notifier, stxn, msg);
	}
}

/* ---- answers ---- */

static bool subscribe_accepted(struct subscription *sub, const struct relay *relay,
	const struct sip_msg *request, const struct sip_msg *answer, const struct sip_path *path)
{
	uint32_t seconds;
	struct dialog *dialog;

	/* RFC 6665 4.2.1.1: the notifier's word counts. */
	if (sip_msg_seconds(answer, SIP_H_EXPIRES, &seconds) < 0 &&
		sip_msg_seconds(request, SIP_H_EXPIRES, &seconds) < 0)
		seconds = EXPIRES_DEFAULT_S;
	if (!sub->dialog[1]) {
		if (dialog_new_uac(answer, view_of(relay->uri), path, &dialog) < 0)
			return false;
		dialog_set(sub, true, dialog);
	} else if (dialog_match_response(sub->dialog[1], answer) &&
		   dialog_refresh(sub->dialog[1], answer, path) < 0) {
		log_info("the Contact of a 200 to SUBSCRIBE is not used");
	}
	/* A fetch (RFC 6665 4.4.3) may be over before its 200. */
	twheel_start(sub->b->env.wheel, &sub->timer,
		sub->terminated ? 1 : (uint64_t)seconds * 1000 + GRACE_MS);
	sub->end_ms = sub->b->env.ops->wall_ms(sub->b->env.ctx) + (uint64_t)seconds * 1000;
	keep(sub);
	return true;
}

bool subscription_answer(struct subscription *sub, const struct relay *relay,
	const struct sip_msg *request, unsigned int status, const struct sip_msg *answer,
	const struct sip_path *path)
{
	bool first = relay->kind == RELAY_OUTSIDE;

	if (relay->kind == RELAY_WITHIN && relay->from_notifier) {
		/* RFC 6665 4.2.2: a NOTIFY that nobody takes ends it too. */
		return sub->pending || (!sub->terminated && status != 408 && status != 481);
	}
	sub->pending = false;
	if (status < 300 && answer)
		return subscribe_accepted(sub, relay, request, answer, path);
	/* RFC 6665 4.1.2.2: a refused refresh leaves it as it was, but for these. */
	return !first && status != 481 && status != 404 && status != 405 && status != 410 &&
	       status != 416 && status != 480 && status != 484 && status != 485 && status != 489 &&
	       status != 501 && status != 604;
}
