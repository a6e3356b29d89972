/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Toll limits of a call: which of its trunk's, user's and tenant's limits are about the called number, and
 * what comes of it (toll.h). The number is the one that routes the call, after incoming translations; a
 * call that is redirected is looked at again. Emergency calls are not looked at.
 */
#include "sip-b2bua/b2b/call.h"

#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/reason.h"
#include "sip-b2bua/routing/numbers.h"

LOG_TOPIC("toll");

#define Q850_REJECTED 21
#define Q850_EXPIRED  102 /* recovery on timer expiry */
#define HELD_MAX      (3 * CFG_LIST_MAX)

struct toll_held {
	uint32_t index, tag;
	char subject[CTL_CAPACITY_KEY];
};

/* What a call to such a number is counted in. */
struct call_tolls {
	uint32_t max_duration_s, duration_tag; /* 0: none */
	unsigned int n;
	struct toll_held held[HELD_MAX];
};

static bool concerns(const struct call *call, const struct cfg_toll *toll)
{
	for (uint32_t i = 0; i < toll->n_maps; i++) {
		if (numbers_match(call->b->numbers, toll->maps[i], view_of(call->numbers.called)))
			return true;
	}
	return false;
}

void call_toll_drop(struct call *call)
{
	struct b2b *b = call->b;

	twheel_stop(b->env.wheel, &call->toll_timer);
	if (!call->tolls)
		return;
	for (unsigned int i = 0; i < call->tolls->n; i++)
		toll_end(&b->env.shared->tolls, call->tolls->held[i].index, call->rec.answer_ms,
			b->env.ops->wall_ms(b->env.ctx));
	free(call->tolls);
	call->tolls = NULL;
}

static bool refuse(struct call *call)
{
	call_toll_drop(call);
	call->limited = (struct admission_refusal){
		(uint16_t)call->b->cfg->toll_status, Q850_REJECTED, CTL_LIMIT_TOLL};
	call->b->env.stats->toll_refused++;
	return false;
}

static void sentence(
	struct call *call, const struct cfg_toll *toll, const char *subject, enum toll_cause cause)
{
	char *reason = call->rec.reason;
	size_t size = sizeof(call->rec.reason);

	if (cause == TOLL_CALLS)
		snprintf(reason, size,
			"%.64s has begun the %u calls in %u s that voice class toll-limit %u lets "
			"it (calls)",
			subject, toll->calls, toll->period_s, toll->tag);
	else if (cause == TOLL_MINUTES)
		snprintf(reason, size,
			"%.64s has talked the %u minutes in %u s that voice class toll-limit %u "
			"lets it (minutes)",
			subject, toll->minutes, toll->period_s, toll->tag);
	else
		snprintf(reason, size,
			"%.64s has the %u calls that voice class toll-limit %u lets it (max-conn)",
			subject, toll->max_conn, toll->tag);
}

/* One limit; false: it refuses the call. */
static bool take(struct call *call, const struct cfg_toll *toll, const char *subject)
{
	struct b2b *b = call->b;
	struct toll_held held = {.tag = toll->tag};
	enum toll_cause cause;

	if (!concerns(call, toll))
		return true;
	if (!call->tolls)
		call->tolls = calloc(1, sizeof(*call->tolls));
	if (!call->tolls || call->tolls->n == HELD_MAX) {
		snprintf(call->rec.reason, sizeof(call->rec.reason), "memory is short");
		return refuse(call);
	}
	snprintf(held.subject, sizeof(held.subject), "%s", subject);
	cause = toll_begin(
		&b->env.shared->tolls, toll, subject, b->env.ops->wall_ms(b->env.ctx), &held.index);
	if (cause != TOLL_FITS)
		sentence(call, toll, subject, cause);
	if (cause != TOLL_FITS && toll->action != CFG_TOLL_REFUSE) {
		b->env.stats->toll_alarms++;
		call->rec.toll_alarm = 1;
		log_warning("call %016" PRIx64 ": toll alarm: %s", call->rec.id, call->rec.reason);
	}
	if (held.index == TOLL_NONE)
		return refuse(call);
	call->rec.reason[0] = '\0';
	call->tolls->held[call->tolls->n++] = held;
	if (toll->max_duration_s && (!call->tolls->max_duration_s ||
					    toll->max_duration_s < call->tolls->max_duration_s)) {
		call->tolls->max_duration_s = toll->max_duration_s;
		call->tolls->duration_tag = toll->tag;
	}
	return true;
}

static bool take_list(struct call *call, const uint32_t *tags, uint32_t n, const char *subject)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct cfg_toll *toll = cfg_find_toll(call->b->cfg, tags[i]);

		if (toll && !take(call, toll, subject))
			return false;
	}
	return true;
}

static bool take_user(struct call *call, const struct cfg_pool *pool)
{
	const struct cfg_registrar *registrar = cfg_find_registrar(call->b->cfg, pool->registrar);
	char subject[CTL_CAPACITY_KEY];

	snprintf(subject, sizeof(subject), "user %s at %s", pool->username, pool->registrar);
	if (pool->n_tolls == 0 && registrar)
		return take_list(call, registrar->tolls, registrar->n_tolls, subject);
	return take_list(call, pool->tolls, pool->n_tolls, subject);
}

bool call_toll_take(struct call *call)
{
	const struct cfg *cfg = call->b->cfg;
	const struct cfg_pool *pool = call->user_pool ? cfg_find_pool(cfg, call->user_pool) : NULL;
	const char *realm_name, *trunk_name;
	char subject[CTL_CAPACITY_KEY];
	const struct cfg_tenant *tenant;
	const struct cfg_trunk *trunk;

	call_authority(call, &realm_name, &trunk_name);
	trunk = cfg_find_trunk(cfg, trunk_name);
	tenant = cfg_tenant_of(cfg, cfg_find_realm(cfg, realm_name), trunk);
	call_toll_drop(call);
	if (cfg->n_tolls == 0 || call->emergency)
		return true;
	if (pool && !take_user(call, pool))
		return false;
	snprintf(subject, sizeof(subject), "trunk %s", trunk ? trunk->name : "");
	if (trunk && !take_list(call, trunk->tolls, trunk->n_tolls, subject))
		return false;
	snprintf(subject, sizeof(subject), "tenant %u", tenant ? tenant->tag : 0);
	return !tenant || take_list(call, tenant->tolls, tenant->n_tolls, subject);
}

void call_toll_timer(struct twheel_timer *timer, void *arg)
{
	struct call *call = arg;

	call->rec.limit = CTL_LIMIT_TOLL;
	call_end(call,
		&(struct call_why){.by = CTL_BY_BOX,
			.status = 200,
			.q850 = Q850_EXPIRED,
			.reason = reason_say(call->b,
				"the call has lasted the %u s that voice class toll-limit %u lets "
				"it (max-duration)",
				call->tolls->max_duration_s, call->tolls->duration_tag)});
}

static void duration_start(struct call *call, uint64_t now_ms)
{
	uint64_t end_ms = call->rec.answer_ms + (uint64_t)call->tolls->max_duration_s * 1000;

	if (call->tolls->max_duration_s)
		twheel_start(call->b->env.wheel, &call->toll_timer,
			end_ms > now_ms ? end_ms - now_ms : 1);
}

void call_toll_answered(struct call *call)
{
	for (unsigned int i = 0; call->tolls && i < call->tolls->n; i++)
		toll_answered(&call->b->env.shared->tolls, call->tolls->held[i].index,
			call->rec.answer_ms);
	if (call->tolls)
		duration_start(call, call->rec.answer_ms);
}

void call_toll_checkpoint(const struct call *call, struct ckpt_out *out)
{
	unsigned int n = call->tolls ? call->tolls->n : 0;

	ckpt_put_u(out, n, 1);
	if (n == 0)
		return;
	ckpt_put_u(out, call->tolls->max_duration_s, 4);
	ckpt_put_u(out, call->tolls->duration_tag, 4);
	for (unsigned int i = 0; i < n; i++) {
		ckpt_put_u(out, call->tolls->held[i].tag, 4);
		ckpt_put_view(out, view_of(call->tolls->held[i].subject));
	}
}

void call_toll_read(struct call *call, struct ckpt_in *in)
{
	unsigned int n = (unsigned int)ckpt_get_u(in, 1);

	if (n == 0)
		return;
	call->tolls = n <= HELD_MAX ? calloc(1, sizeof(*call->tolls)) : NULL;
	if (!call->tolls) {
		in->failed = true;
		return;
	}
	call->tolls->max_duration_s = (uint32_t)ckpt_get_u(in, 4);
	call->tolls->duration_tag = (uint32_t)ckpt_get_u(in, 4);
	for (unsigned int i = 0; i < n; i++) {
		struct toll_held *held = &call->tolls->held[i];

		held->tag = (uint32_t)ckpt_get_u(in, 4);
		if (view_copy(ckpt_get_view(in, sizeof(held->subject) - 1), held->subject,
			    sizeof(held->subject)) < 0)
			in->failed = true;
	}
	/* Nothing is counted before the whole call is back. */
	call->tolls->n = in->failed ? 0 : n;
}

void call_toll_restored(struct call *call)
{
	struct b2b *b = call->b;
	unsigned int n = call->tolls ? call->tolls->n : 0, kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct toll_held held = call->tolls->held[i];

		held.index = toll_again(
			&b->env.shared->tolls, held.tag, held.subject, call->rec.answer_ms);
		if (held.index != TOLL_NONE)
			call->tolls->held[kept++] = held;
	}
	if (!call->tolls)
		return;
	call->tolls->n = kept;
	duration_start(call, b->env.ops->wall_ms(b->env.ctx));
}
