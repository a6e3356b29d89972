/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls to registered users (session target registrar): the question where the user is; then all of
 * its phones are rung at a time (call_ring.c).
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
	call_ring_clear(call);
	for (unsigned int i = 0; call->phones && i < call->phones->n; i++) {
		struct view uri = registrar_target_uri(call->phones, i);
		struct view route = registrar_target_route(call->phones, i);
		uint8_t family = call->by_user ? call->out_path.local.family : 0;
		struct sip_path path;

		if (!target_path(call, i, realm->name, family, &path))
			continue;
		if (call->by_user) {
			if (call_ring_add(call, uri, route, &path, SPOT_NONE) < 0)
				break;
			continue;
		}
		if (view_copy(uri, call->uri, sizeof(call->uri)) < 0)
			continue;
		call_copy_set(&call->route, &call->route_len, route);
		call->out_path = path;
		call->by_user = true;
		*ret_realm = realm;
	}
	if (call->by_user)
		return true;
	call->last_failure = 480;
	snprintf(call->rec.reason, sizeof(call->rec.reason), "user %s is not registered",
		call->user);
	return false;
}
