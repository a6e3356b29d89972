/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls that move to another worker. A REFER names a dialog that another worker has (attended
 * transfer): its call comes over whole, as the checkpoint that a restart would bring back, if nothing is
 * under way in it. Its tags still name the worker that it began in. That one keeps a note for each,
 * and hands the requests on; the call's worker finds the leg by its alias (call_swap.c). Who has a
 * leg with a tag of another worker says so (HERE), also after a restart, and when it is over (GONE).
 *
 * Messages never leave the process; told() of the worker's thread reads them.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "sip-b2bua/core/sip_slab.h"

LOG_TOPIC("move");

enum { ASK = MOVE_FIRST, CALL, NOT_HERE, HERE, GONE };

struct ask {
	uint8_t what, zero;
	uint16_t n_call_id, n_to, n_from;
	struct call_ticket ticket;
	char text[];
};

struct answer {
	uint8_t what, side; /* CALL: of the leg that was named */
	uint16_t status;    /* NOT_HERE: why, as a status */
	struct call_ticket ticket;
	struct ctl_call rec;
	uint32_t n;
	uint8_t checkpoint[];
};

struct place {
	uint8_t what, zero[3];
	uint32_t place, generation;
};

struct moved {
	LIST_ENTRY(moved) link;
	uint32_t place, generation; /* slot and side of a token */
	uint8_t worker;
};

static struct moved_list *bucket(struct b2b *b, uint32_t place, uint32_t generation)
{
	return &b->moved[(place ^ generation) % MOVED_BUCKETS];
}

static struct moved *find(struct b2b *b, uint32_t place, uint32_t generation)
{
	struct moved *m;

	LIST_FOREACH(m, bucket(b, place, generation), link) {
		if (m->place == place && m->generation == generation)
			return m;
	}
	return NULL;
}

static void note(struct b2b *b, uint32_t place, uint32_t generation, uint8_t worker)
{
	struct moved *m = find(b, place, generation);

	if (!m) {
		m = calloc(1, sizeof(*m));
		if (!m) {
			log_err("a call that has moved cannot be found any more: memory is short");
			return;
		}
		m->place = place;
		m->generation = generation;
		LIST_INSERT_HEAD(bucket(b, place, generation), m, link);
	}
	m->worker = worker;
}

int call_moved_to(struct b2b *b, const struct sip_token *token)
{
	const struct moved *m = token->kind == SIP_TOKEN_DIALOG
					? find(b, token->index >> 3, token->generation)
					: NULL;

	return m ? m->worker : -1;
}

void call_moved_free(struct b2b *b)
{
	for (unsigned int i = 0; i < MOVED_BUCKETS; i++) {
		while (!LIST_EMPTY(&b->moved[i])) {
			struct moved *m = LIST_FIRST(&b->moved[i]);

			LIST_REMOVE(m, link);
			free(m);
		}
	}
}

static void tell(struct b2b *b, unsigned int worker, const void *msg, size_t n)
{
	if (b->env.ops->worker_tell(b->env.ctx, worker, msg, n) < 0)
		log_warning("worker %u is not told of a call that moves", worker);
}

void leg_tell_place(struct b2b *b, const struct sip_token *token, bool here)
{
	unsigned int worker = token->worker % b->env.n_workers;
	struct place msg = {.what = here ? HERE : GONE,
		.place = token->index >> 3,
		.generation = token->generation};

	if (worker != b->env.worker)
		tell(b, worker, &msg, sizeof(msg));
}

/* ---- who wants the call ---- */

int call_move_ask(struct b2b *b, unsigned int worker, const struct replaces *r,
	const struct call_ticket *ticket)
{
	size_t n = r->call_id.n + r->to_tag.n + r->from_tag.n;
	struct ask *msg;
	int rc;

	if (n > UINT16_MAX)
		return -EINVAL;
	msg = calloc(1, sizeof(*msg) + n);
	if (!msg)
		return -ENOMEM;
	msg->what = ASK;
	msg->n_call_id = (uint16_t)r->call_id.n;
	msg->n_to = (uint16_t)r->to_tag.n;
	msg->n_from = (uint16_t)r->from_tag.n;
	msg->ticket = *ticket;
	memcpy(msg->text, r->call_id.p, r->call_id.n);
	memcpy(msg->text + r->call_id.n, r->to_tag.p, r->to_tag.n);
	memcpy(msg->text + r->call_id.n + r->to_tag.n, r->from_tag.p, r->from_tag.n);
	rc = b->env.ops->worker_tell(b->env.ctx, worker, msg, sizeof(*msg) + n);
	free(msg);
	return rc;
}

/* ---- who has it ---- */

static bool can_move(const struct call *call)
{
	return call->state == CALL_UP && !call->local.on && !call->transfer &&
	       leg_is_idle(&call->leg[LEG_A]) && leg_is_idle(&call->leg[LEG_B]);
}

/* Without a word to the far ends or to limen-control: it lives on elsewhere. */
static void leave(struct call *call, uint8_t worker)
{
	struct b2b *b = call->b;

	for (unsigned int side = 0; side < DP_LEGS; side++)
		note(b, call->slot << 1 | side, call->generation, worker);
	spot_leave(b, &call->targets.spot);
	call_toll_drop(call);
	admission_drop(call, LEG_A);
	admission_drop(call, LEG_B);
	control_media_forget(call);
	call->state = CALL_ENDING;
	b->n_calls--;
	atomic_fetch_sub_explicit(&b->env.shared->n_calls, 1, memory_order_relaxed);
	call_release(call);
}

static void give(struct b2b *b, unsigned int from, const struct ask *ask, size_t n)
{
	struct replaces r;
	struct answer head = {.what = NOT_HERE, .status = 404, .ticket = ask->ticket};
	struct ckpt_out out = {b->ckpt_buf, 0, sizeof(b->ckpt_buf), false};
	struct answer *msg;
	struct leg *leg;

	if (n != sizeof(*ask) + ask->n_call_id + ask->n_to + ask->n_from)
		return;
	r = (struct replaces){.call_id = {ask->text, ask->n_call_id},
		.to_tag = {ask->text + ask->n_call_id, ask->n_to},
		.from_tag = {ask->text + ask->n_call_id + ask->n_to, ask->n_from}};
	leg = replaces_find(b, &r);
	if (leg)
		head.status = 480; /* it is busy, or its checkpoint is too large */
	if (!leg || !can_move(leg->call) || call_checkpoint_write(leg->call, &out) < 0) {
		tell(b, from, &head, sizeof(head));
		return;
	}
	head.what = CALL;
	head.side = leg->side;
	head.rec = leg->call->rec;
	head.n = (uint32_t)out.n;
	msg = malloc(sizeof(head) + out.n);
	if (msg) {
		memcpy(msg, &head, sizeof(head));
		memcpy(msg->checkpoint, out.p, out.n);
		if (b->env.ops->worker_tell(b->env.ctx, from, msg, sizeof(head) + out.n) == 0) {
			log_info("call %016" PRIx64 ": moves to worker %u", head.rec.id, from);
			leave(leg->call, (uint8_t)from);
		}
		secret_free(msg, sizeof(head) + out.n); /* SRTP keys */
	}
	secret_wipe(b->ckpt_buf, out.n);
}

static void take(struct b2b *b, const struct answer *a, size_t n)
{
	struct ckpt_in in = {a->checkpoint, a->n, false};
	struct call *call = NULL;

	if (n < sizeof(*a))
		return;
	if (a->what == NOT_HERE) {
		call_transfer_found(b, &a->ticket, NULL, a->status);
		return;
	}
	if (n != sizeof(*a) + a->n || a->side >= DP_LEGS)
		return;
	if (call_checkpoint_adopt(b, &a->rec, &in, &call) < 0) {
		call_restore_failed(b, &a->rec, "it could not move to another worker");
		call_transfer_found(b, &a->ticket, NULL, 500);
		return;
	}
	call_restored(call);
	b->env.stats->calls_moved++;
	call_checkpoint(call);
	call_trace_again(call);
	call_transfer_found(b, &a->ticket, &call->leg[a->side], 0);
}

bool call_move_told(struct b2b *b, unsigned int from, const void *bytes, size_t n)
{
	const uint8_t *what = bytes;
	const struct place *p = bytes;
	struct moved *m;

	if (n == 0 || *what < MOVE_FIRST)
		return false;
	if (*what == ASK && n >= sizeof(struct ask))
		give(b, from, bytes, n);
	else if (*what == CALL || *what == NOT_HERE)
		take(b, bytes, n);
	if ((*what != HERE && *what != GONE) || n != sizeof(*p))
		return true;
	m = find(b, p->place, p->generation);
	if (*what == HERE) {
		note(b, p->place, p->generation, (uint8_t)from);
	} else if (m && m->worker == from) {
		LIST_REMOVE(m, link);
		free(m);
	}
	return true;
}
