/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls to registered users (session target registrar): the question where the user is, then INVITEs
 * to all of its phones at a time. They are one call with one Call-ID, as behind a forking proxy
 * (RFC 3261 16.7): the first 2xx gets it, the others are cancelled; of refusals the best one counts
 * when the last phone has refused. leg->out is one of the INVITEs, the others are call->others.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/core/sip_slab.h"
#include "sip-b2bua/registrar/registrar.h"

LOG_TOPIC("user");

/* ---- where is it ---- */

bool call_user_wanted(const struct call *call)
{
	for (unsigned int i = 0; i < call->n_candidates; i++) {
		if (call->candidates[i].user)
			return true;
	}
	return false;
}

int call_user_locate(struct call *call, const struct sip_msg *invite)
{
	struct b2b *b = call->b;
	const struct cfg_pool *pool = registrar_user(b->registrar, call->numbers.called);
	struct view instance = {NULL, 0};
	int rc;

	if (!pool)
		return 0;
	snprintf(call->user, sizeof(call->user), "%s", pool->username);
	sip_params_get(invite->uri.params, VIEW("gr"), &instance);
	rc = registrar_locate(b->registrar, pool, instance,
		(uint64_t)call->slot << 32 | call->generation, &call->phones);
	if (rc == -EINPROGRESS) {
		call->locating = true;
		twheel_start(b->env.wheel, &call->timer, B2B_LOCATE_MS);
	}
	return rc;
}

static void located(void *arg, uint64_t ticket, struct registrar_targets *targets)
{
	struct b2b *b = arg;
	struct call *call = sip_slab_find(b->calls, (uint32_t)(ticket >> 32), (uint32_t)ticket);

	if (!call || !call->locating || call->state != CALL_MEDIA) {
		free(targets); /* it was given up meanwhile */
		return;
	}
	call->phones = targets;
	call_user_located(call);
}

void call_user_located(struct call *call)
{
	call->locating = false;
	twheel_stop(call->b->env.wheel, &call->timer);
	call_routed(call);
}

void b2b_told(struct b2b *b, unsigned int from, const void *bytes, size_t n)
{
	registrar_told(b->registrar, from, bytes, n, located, b);
}

/* ---- the called side ---- */

/* Our side of a flow; the listener that it came by, or another one of that address. */
static const struct sip_listener *listener_of(
	const struct b2b *b, const char *realm, const struct sip_path *path)
{
	const struct sip_listener *l = b->env.ops->listener(b->env.ctx, path->listener);

	if (l && l->transport == path->transport && ipaddr_equal(&l->addr, &path->local) &&
		strcmp(l->realm, realm) == 0)
		return l;
	return b->env.ops->find(b->env.ctx, realm, path->transport, path->local.family);
}

/* Whether the target can be reached in the same media address's family as the first one. */
static bool target_path(const struct call *call, unsigned int i, const char *realm, uint8_t family,
	struct sip_path *ret_path)
{
	const struct registrar_target *t = &call->phones->target[i];
	const struct sip_listener *l = listener_of(call->b, realm, &t->path);

	if (!l || (family != 0 && l->addr.family != family) ||
		registrar_target_uri(call->phones, i).n >= CALL_URI_MAX)
		return false;
	*ret_path = t->path;
	ret_path->listener = l->id;
	ret_path->local = l->addr;
	return true;
}

bool call_user_take(struct call *call, const struct cfg_realm **ret_realm)
{
	struct b2b *b = call->b;
	const struct cfg_pool *pool = registrar_user(b->registrar, call->numbers.called);
	const struct cfg_registrar *conf = pool ? cfg_find_registrar(b->cfg, pool->registrar)
						: NULL;
	const struct cfg_realm *realm = conf ? cfg_find_realm(b->cfg, conf->realm) : NULL;

	if (!realm) {
		call->last_failure = 404;
		snprintf(call->rec.reason, sizeof(call->rec.reason),
			"no user has the number %s (voice register pool)", call->numbers.called);
		return false;
	}
	for (unsigned int i = 0; call->phones && i < call->phones->n; i++) {
		struct view uri = registrar_target_uri(call->phones, i);

		if (!target_path(call, i, realm->name, 0, &call->out_path) ||
			view_copy(uri, call->uri, sizeof(call->uri)) < 0)
			continue;
		call->target = (uint8_t)i;
		call->by_user = true;
		*ret_realm = realm;
		return true;
	}
	call->last_failure = 480;
	snprintf(call->rec.reason, sizeof(call->rec.reason), "user %s is not registered",
		call->user);
	return false;
}

struct view call_user_route(const struct call *call, unsigned int target)
{
	return call->by_user ? registrar_target_route(call->phones, target)
			     : (struct view){NULL, 0};
}

/* ---- several phones ---- */

void call_user_ring_others(struct call *call, struct view sdp)
{
	const char *realm = call->rec.realm[LEG_B];
	struct sip_path path;

	for (unsigned int i = call->target + 1u; call->by_user && i < call->phones->n; i++) {
		struct sip_ctxn *ctxn;

		if (call->n_others == CALL_OTHERS_MAX ||
			!target_path(call, i, realm, call->out_path.local.family, &path))
			continue;
		if (call_invite_to(call, registrar_target_uri(call->phones, i), &path,
			    registrar_target_route(call->phones, i), sdp, &ctxn) == 0)
			call->others[call->n_others++] = ctxn;
	}
}

static int other_find(const struct call *call, const struct sip_ctxn *ctxn)
{
	for (unsigned int i = 0; i < call->n_others; i++) {
		if (call->others[i] == ctxn)
			return (int)i;
	}
	return -1;
}

bool call_user_rings(const struct call *call, const struct sip_ctxn *ctxn)
{
	return other_find(call, ctxn) >= 0;
}

/* It answered although it was told to stop: it gets its ACK and a BYE. */
static void loser_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	if (msg->status >= 200 && msg->status < 300)
		dialog_drop(arg, msg, path);
}

static void loser_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
}

static const struct sip_ctxn_ops loser_ops = {.response = loser_response, .failed = loser_failed};

static void lose(struct call *call, struct sip_ctxn *ctxn, struct view headers)
{
	sip_ctxn_set_user(ctxn, &loser_ops, call->b);
	sip_ctxn_cancel(ctxn, headers);
}

void call_user_others_lose(struct call *call, struct view headers)
{
	while (call->n_others > 0)
		lose(call, call->others[--call->n_others], headers);
}

void call_user_others_detach(struct call *call)
{
	while (call->n_others > 0)
		sip_ctxn_detach(call->others[--call->n_others]);
}

void call_user_answered(struct call *call, struct sip_ctxn *ctxn)
{
	struct leg *leg = &call->leg[LEG_B];
	int i = other_find(call, ctxn);

	if (i >= 0) {
		call->others[i] = leg->out;
		leg->out = ctxn;
	}
	/* RFC 3326: so that the other phones show no missed call. */
	call_user_others_lose(
		call, VIEW("Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"));
}

/* RFC 3261 16.7 step 6: what says most to the caller. */
static unsigned int weight(unsigned int status)
{
	return status >= 600 ? 5 : status == 486 ? 4 : status >= 500 ? 1 : status == 408 ? 2 : 3;
}

bool call_user_refused(struct call *call, struct sip_ctxn *ctxn, unsigned int *status)
{
	struct leg *leg = &call->leg[LEG_B];
	int i = other_find(call, ctxn);

	if (call->n_others == 0) {
		if (call->best_refusal != 0 && weight(call->best_refusal) > weight(*status))
			*status = call->best_refusal;
		call->best_refusal = 0;
		return false;
	}
	if (i >= 0)
		call->others[i] = call->others[--call->n_others];
	else
		leg->out = call->others[--call->n_others];
	if (call->best_refusal == 0 || weight(*status) > weight(call->best_refusal))
		call->best_refusal = (uint16_t)*status;
	log_info("call %016" PRIx64 ": a phone of user %s answered %u, %u still ring", call->rec.id,
		call->user, *status, call->n_others + 1u);
	/* Nobody there wants it, anywhere (RFC 3261 21.6). */
	if (*status >= 600) {
		call_user_others_lose(call, (struct view){NULL, 0});
		lose(call, leg->out, (struct view){NULL, 0});
		leg->out = NULL;
		call->best_refusal = 0;
		return false;
	}
	return true;
}
