/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls to registered users (session target registrar): the question where the user is; then its
 * phones of the highest q are rung at a time (call_ring.c), and those of the next one when these have
 * refused or not answered (RFC 3261 16.6). Of a phone with several flows one is tried after the other.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/core/sip_slab.h"
#include "sip-b2bua/registrar/registrar.h"

LOG_TOPIC("user");

/* ---- where is it ---- */

const struct cfg_pool *call_gruu_user(struct call *call, const struct sip_uri *uri)
{
	char choice[REG_GRUU_CHOICE];
	struct view instance;
	const struct cfg_pool *pool = registrar_temp_gruu(
		call->b->registrar, uri, choice, &instance);

	call->by_temp_gruu = pool != NULL;
	call->b->env.stats->gruu_calls += pool != NULL;
	return pool;
}

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
	char choice[REG_GRUU_CHOICE];
	int rc;

	if (!pool)
		return 0;
	snprintf(call->user, sizeof(call->user), "%s", pool->username);
	if (!registrar_temp_gruu(b->registrar, &invite->uri, choice, &instance))
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
	bool of_caller = ticket & CALL_TICKET_CALLER;
	struct call *call = sip_slab_find(
		b->calls, (uint32_t)((ticket & ~CALL_TICKET_CALLER) >> 32), (uint32_t)ticket);

	if (!call || !call->locating || call->asking_caller != of_caller ||
		call->state != CALL_MEDIA) {
		free(targets); /* it was given up meanwhile */
		return;
	}
	if (of_caller) {
		call->caller = targets;
		call_caller_known(call);
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
	if (!call_move_told(b, from, bytes, n))
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

/* Phones that ring together: all, or those of one q. */
static bool rings_with(const struct registrar_targets *t, unsigned int i, unsigned int first)
{
	return t->fork == CFG_FORK_PARALLEL || t->target[i].q == t->target[first].q;
}

/* The next phones that can be reached become the called side. */
static bool phones_take(struct call *call, const char *realm, uint8_t family)
{
	const struct registrar_targets *t = call->phones;
	unsigned int first = 0;
	struct sip_path path;
	bool taken = false;

	while (t && call->next_phone < t->n) {
		unsigned int i = call->next_phone;
		struct view uri = registrar_target_uri(t, i), route = registrar_target_route(t, i);

		if (taken && !rings_with(t, i, first))
			break;
		call->next_phone++;
		if (!target_path(
			    call, i, realm, taken ? call->out_path.local.family : family, &path))
			continue;
		if (taken) {
			if (call_ring_add(call, uri, route, &path, SPOT_NONE) < 0)
				break;
			continue;
		}
		if (view_copy(uri, call->uri, sizeof(call->uri)) < 0)
			continue;
		call_copy_set(&call->route, &call->route_len, route);
		call->out_path = path;
		first = i;
		taken = true;
	}
	return taken;
}

bool call_user_take(struct call *call, const struct cfg_realm **ret_realm)
{
	struct b2b *b = call->b;
	const struct cfg_pool *pool = registrar_user(b->registrar, call->numbers.called);
	const struct cfg_registrar *conf = pool ? cfg_find_registrar(b->cfg, pool->registrar)
						: NULL;
	const struct cfg_realm *realm = conf ? cfg_find_realm(b->cfg, conf->realm) : NULL;

	if (call->by_binding)
		realm = call_binding_realm(call);
	if (!realm && !call->by_binding) {
		call->last_failure = 404;
		snprintf(call->rec.reason, sizeof(call->rec.reason),
			"no user has the number %s (voice register pool)", call->numbers.called);
		return false;
	}
	call_ring_clear(call);
	call->next_phone = 0;
	if (realm && phones_take(call, realm->name, 0)) {
		call->by_user = true;
		*ret_realm = realm;
		return true;
	}
	call->last_failure = call->by_temp_gruu ? 404 : 480;
	/* RFC 5627 5.4: a GRUU that is no more, and a phone that is not there. */
	snprintf(call->rec.reason, sizeof(call->rec.reason),
		call->by_temp_gruu
			? "the temporary GRUU is not good any more: the phone of user %s has "
			  "ended the registration that it was of"
		: call->by_binding && call->phones
			? "the phone of %s that the registrar calls is not registered any more"
		: call->phones ? "user %s is not registered"
			       : "no worker of limen-sip says where user %s is",
		call->user);
	return false;
}

bool call_user_has_more(const struct call *call)
{
	return call->by_user && call->state == CALL_CALLING && call->phones &&
	       call->next_phone < call->phones->n;
}

int call_user_next(struct call *call)
{
	struct sip_msg *refusal = call->refusal;
	uint16_t best = call->best_refusal;

	if (!call_user_has_more(call))
		return -ENOENT;
	/* What the phones before have said counts against what these will say. */
	call->refusal = NULL;
	call_ring_clear(call);
	call->refusal = refusal;
	call->best_refusal = best;
	if (!phones_take(call, call->rec.realm[LEG_B], call->out_path.local.family))
		return -ENOENT;
	call->targets.again = true; /* one call of SIP, as behind a forking proxy */
	call->rec.peer_sig[LEG_B] = call->out_path.remote;
	call->rec.transport[LEG_B] = call->out_path.transport;
	return 0;
}

uint64_t call_user_ring_ms(const struct call *call)
{
	const struct cfg_registrar *conf = cfg_realm_registrar(
		call->b->cfg, call->rec.realm[LEG_B]);

	return conf && call_user_has_more(call) ? (uint64_t)conf->fork_timeout_s * 1000 : 0;
}

/* ---- flows ---- */

static bool is_way(const struct registrar_targets *t, unsigned int i, const struct call_way *way)
{
	const struct sip_path *path = &t->target[i].path;

	return path->conn == way->path.conn && path->conn_worker == way->path.conn_worker &&
	       ipaddr_equal(&path->remote, &way->path.remote) &&
	       view_eq(registrar_target_uri(t, i), way->uri);
}

/* The binding that a way is of, among those that the call knows; UINT_MAX: none. */
static unsigned int way_find(const struct registrar_targets *t, const struct call_way *way)
{
	for (unsigned int i = 0; i < t->n; i++) {
		for (unsigned int at = i;; at = t->target[at].next_flow) {
			if (is_way(t, at, way))
				return at;
			if (t->target[at].next_flow == 0)
				break;
		}
	}
	return UINT_MAX;
}

bool call_user_other_flow(struct call *call, struct call_way *way, unsigned int status)
{
	const struct registrar_targets *t = call->phones;
	unsigned int at = call->by_user && t ? way_find(t, way) : UINT_MAX, next;

	if (at == UINT_MAX)
		return false;
	if (status == 430)
		registrar_flow_failed(call->b->registrar, t->owner, t->target[at].id);
	next = t->target[at].next_flow;
	if (next == 0 || !target_path(call, next, call->rec.realm[LEG_B],
				 call->out_path.local.family, &way->path))
		return false;
	way->uri = registrar_target_uri(t, next);
	way->route = registrar_target_route(t, next);
	return true;
}

bool call_user_moves(struct leg *leg)
{
	struct call *call = leg->call;
	struct call_way way = {.uri = view_of(call->uri), .path = call->out_path};

	/* It is the one that answered, so out_path is its way. */
	if (leg->side != LEG_B || !leg->dialog || !call_user_other_flow(call, &way, 0) ||
		view_copy(way.uri, call->uri, sizeof(call->uri)) < 0)
		return false;
	call->out_path = way.path;
	dialog_set_way(leg->dialog, &way.path);
	call->b->env.stats->flow_failovers++;
	log_info("call %016" PRIx64 ": a flow of %s is gone, the call goes on along another one",
		call->rec.id, call->far);
	return true;
}
