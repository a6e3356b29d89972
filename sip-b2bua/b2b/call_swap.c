/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Legs that change their call: in a transfer a far end goes on in another call than the one that its
 * dialog began in. The tag that its requests name is that of the old place, so the leg is found by
 * the tag itself (an alias), as long as it lives; a restored call makes its aliases again.
 */
#include "sip-b2bua/b2b/call.h"

#include "controlplane/base/siphash.h"

static unsigned int bucket_of(const struct sip_token *token)
{
	return (token->index >> 3 ^ token->generation) % LEG_ALIASES;
}

/* The token in the leg's tag names another place than the one that it has. */
static bool is_elsewhere(const struct leg *leg, struct sip_token *ret_token)
{
	const struct call *call = leg->call;

	return leg->dialog &&
	       sip_token_parse(call->b->env.key, leg->dialog->local_tag, ret_token) == 0 &&
	       ret_token->kind == SIP_TOKEN_DIALOG &&
	       (ret_token->worker != call->b->env.worker ||
		       ret_token->index >> 3 != (call->slot << 1 | leg->side) ||
		       ret_token->generation != call->generation);
}

void leg_alias_drop(struct leg *leg)
{
	struct sip_token token;

	if (!leg->alias_link.le_prev)
		return;
	LIST_REMOVE(leg, alias_link);
	leg->alias_link.le_prev = NULL;
	if (sip_token_parse(leg->call->b->env.key, leg->dialog->local_tag, &token) == 0)
		leg_tell_place(leg->call->b, &token, false);
}

void leg_alias_set(struct leg *leg)
{
	struct sip_token token;

	leg_alias_drop(leg);
	if (!is_elsewhere(leg, &token))
		return;
	LIST_INSERT_HEAD(&leg->call->b->aliases[bucket_of(&token)], leg, alias_link);
	leg_tell_place(leg->call->b, &token, true);
}

struct leg *leg_by_alias(struct b2b *b, const struct sip_token *token, struct view tag)
{
	struct leg *leg;

	LIST_FOREACH(leg, &b->aliases[bucket_of(token)], alias_link) {
		if (view_eq_nocase(leg->dialog->local_tag, tag))
			return leg;
	}
	return NULL;
}

bool leg_is_idle(const struct leg *leg)
{
	return leg->dialog && leg->dialog->state == DIALOG_CONFIRMED && !leg->bye_done &&
	       !leg->bye && !leg->se.out && !leg->refer.in && !leg->refer.out && !leg->reverts &&
	       leg->call->state == CALL_UP && !call_is_busy(leg->call);
}

/* What is bound to the leg's address, before it moves, and after. */
static void take_off(struct leg *leg)
{
	leg_alias_drop(leg);
	leg_timer_pause(leg);
	leg_dtmf_clear(leg);
}

static void settle(struct leg *leg, struct call *call, uint8_t side)
{
	leg->call = call;
	leg->side = side;
	leg_timer_init(leg);
	leg_timer_resume(leg);
	leg_alias_set(leg);
	if (leg->accepted)
		sip_ctxn_set_user(leg->accepted, &leg_invite_ops, leg);
	if (leg->out)
		sip_ctxn_set_user(leg->out, &leg_invite_ops, leg);
}

void leg_swap(struct leg *a, struct leg *b)
{
	struct call *call_a = a->call, *call_b = b->call;
	uint8_t side_a = a->side, side_b = b->side;
	struct admission_held held = call_a->held[side_a];
	struct leg tmp;

	take_off(a);
	take_off(b);
	tmp = *a;
	*a = *b;
	*b = tmp;
	call_a->held[side_a] = call_b->held[side_b];
	call_b->held[side_b] = held;
	settle(a, call_a, side_a);
	settle(b, call_b, side_b);
}
