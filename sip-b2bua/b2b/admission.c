/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See admission.h. */
#include "sip-b2bua/b2b/admission.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/call.h"

LOG_TOPIC("admission");

/* ---- slots ---- */

static uint16_t slot_of(struct b2b_shared *shared, const char *kind, const char *name)
{
	char key[ADMISSION_KEY_MAX];
	uint32_t i;

	snprintf(key, sizeof(key), "%s %s", kind, name);
	pthread_mutex_lock(&shared->lock);
	for (i = 0; i < shared->n_admission; i++) {
		if (strcmp(shared->admission[i].key, key) == 0)
			break;
	}
	if (i == shared->n_admission && i < ADMISSION_SLOTS) {
		memcpy(shared->admission[i].key, key, sizeof(key));
		shared->n_admission++;
	}
	pthread_mutex_unlock(&shared->lock);
	if (i < ADMISSION_SLOTS)
		return (uint16_t)i;
	log_warning(
		"%s is not limited: the box has had too many realms, trunks and dial-peers", key);
	return ADMISSION_NO_SLOT;
}

int admission_map_new(struct b2b *b, const struct cfg *cfg, struct admission_map *ret_map)
{
	struct admission_map map = {calloc(cfg->n_realms + 1, sizeof(uint16_t)),
		calloc(cfg->n_trunks + 1, sizeof(uint16_t)),
		calloc(cfg->n_dial_peers + 1, sizeof(uint16_t))};
	char tag[16];

	if (!map.realms || !map.trunks || !map.peers) {
		admission_map_free(&map);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < cfg->n_realms; i++)
		map.realms[i] = slot_of(b->env.shared, "realm", cfg->realms[i].name);
	for (uint32_t i = 0; i < cfg->n_trunks; i++)
		map.trunks[i] = slot_of(b->env.shared, "trunk", cfg->trunks[i].name);
	for (uint32_t i = 0; i < cfg->n_dial_peers; i++) {
		/* Of the many dial-peers only those with a limit are counted. */
		map.peers[i] = ADMISSION_NO_SLOT;
		snprintf(tag, sizeof(tag), "%u", cfg->dial_peers[i].tag);
		if (cfg->dial_peers[i].max_conn)
			map.peers[i] = slot_of(b->env.shared, "dial-peer", tag);
	}
	*ret_map = map;
	return 0;
}

void admission_map_free(struct admission_map *map)
{
	free(map->realms);
	free(map->trunks);
	free(map->peers);
	*map = (struct admission_map){0};
}

bool admission_is_emergency(const struct cfg *cfg, const char *called)
{
	for (uint32_t i = 0; i < cfg->n_emergency_numbers; i++) {
		if (strcmp(called, cfg->emergency_numbers[i]) == 0)
			return true;
	}
	return false;
}

/* ---- taking ---- */

/* May a call begin now? Counts it when it may (or must): a bucket that holds one second's calls. */
static bool rate_take(struct admission_slot *slot, uint32_t per_s, uint64_t now_us, bool must)
{
	uint64_t step = 1000000 / per_s, next, wanted;

	next = atomic_load_explicit(&slot->next_us, memory_order_relaxed);
	do {
		wanted = (next > now_us ? next : now_us) + step;
		if (wanted > now_us + 1000000 && !must)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&slot->next_us, &next, wanted, memory_order_relaxed, memory_order_relaxed));
	return true;
}

static bool count_take(struct admission_slot *slot, uint32_t max, bool must)
{
	uint32_t n = atomic_fetch_add_explicit(&slot->n_calls, 1, memory_order_relaxed);

	if (max == 0 || n < max || must)
		return true;
	atomic_fetch_sub_explicit(&slot->n_calls, 1, memory_order_relaxed);
	return false;
}

static bool take(struct call *call, unsigned int side, uint16_t index, uint32_t max, uint32_t per_s,
	const char *what)
{
	struct b2b *b = call->b;
	struct admission_held *held = &call->held[side];
	struct admission_slot *slot;
	bool must = call->emergency;

	if (index == ADMISSION_NO_SLOT)
		return true;
	slot = &b->env.shared->admission[index];
	if (!count_take(slot, max, must)) {
		snprintf(call->rec.reason, sizeof(call->rec.reason),
			"%s has the %u calls that it may have (max-conn)", what, max);
		return false;
	}
	held->slot[held->n++] = index;
	if (per_s == 0 || rate_take(slot, per_s, b->env.ops->mono_us(b->env.ctx), must))
		return true;
	snprintf(call->rec.reason, sizeof(call->rec.reason),
		"more than %u calls a second would begin at %s (call spike)", per_s, what);
	return false;
}

bool admission_take(struct call *call, unsigned int side, const struct cfg_realm *realm,
	const struct cfg_trunk *trunk, const struct cfg_dial_peer *peer)
{
	const struct b2b *b = call->b;
	const struct cfg *cfg = b->cfg;
	const struct admission_map *map = &b->admission;
	char what[64];
	bool ok;

	admission_drop(call, side);
	snprintf(what, sizeof(what), "realm %s", realm->name);
	ok = take(call, side, map->realms[realm - cfg->realms], realm->max_conn, realm->call_spike,
		what);
	if (ok && trunk) {
		snprintf(what, sizeof(what), "trunk %s", trunk->name);
		ok = take(call, side, map->trunks[trunk - cfg->trunks], trunk->max_conn,
			trunk->call_spike, what);
	}
	if (ok && peer) {
		snprintf(what, sizeof(what), "dial-peer %u", peer->tag);
		ok = take(call, side, map->peers[peer - cfg->dial_peers], peer->max_conn, 0, what);
	}
	if (ok)
		return true;
	admission_drop(call, side);
	call->b->env.stats->admission_refused++;
	return false;
}

void admission_drop(struct call *call, unsigned int side)
{
	struct admission_held *held = &call->held[side];

	while (held->n > 0) {
		struct admission_slot *slot = &call->b->env.shared
						       ->admission[held->slot[--held->n]];

		atomic_fetch_sub_explicit(&slot->n_calls, 1, memory_order_relaxed);
	}
}

void admission_restore(struct call *call)
{
	const struct cfg *cfg = call->b->cfg;
	bool emergency = call->emergency;

	call->emergency = true; /* it was let in before */
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		const struct cfg_realm *realm = cfg_find_realm(cfg, call->rec.realm[side]);

		if (realm &&
			!admission_take(call, side, realm,
				cfg_find_trunk(cfg, call->rec.trunk[side]),
				side == LEG_B ? cfg_find_dial_peer(cfg, call->rec.dial_peer_out)
					      : NULL))
			log_debug("call %016llx: is not counted", (unsigned long long)call->rec.id);
	}
	call->emergency = emergency;
}
