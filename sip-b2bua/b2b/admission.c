/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See admission.h. */
#include "sip-b2bua/b2b/admission.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/call.h"
#include "sip-b2bua/b2b/reason.h"
#include "sip-b2bua/sdp/bandwidth.h"
#include "sip-b2bua/routing/route.h"

LOG_TOPIC("admission");

/* Causes of Q.850. */
#define Q850_USER_BUSY	17
#define Q850_NO_CIRCUIT 34
#define Q850_CONGESTION 42
#define Q850_NO_QUALITY 49

/* ---- the budgets of a configuration ---- */

static uint32_t budget_named(struct b2b *b, const char *kind, const char *name, const char *at)
{
	char key[BUDGET_KEY_MAX];
	uint32_t index;

	snprintf(key, sizeof(key), "%s %s%s%s", kind, name, at ? " at " : "", at ? at : "");
	index = budget_of(&b->env.shared->budgets, key);
	if (index == BUDGET_NONE)
		log_warning(
			"%s is not limited: memory is short, or the box has had too many "
			"realms, trunks, links, dial-peers and users",
			key);
	return index;
}

static uint32_t *places_new(uint32_t n)
{
	uint32_t *places = malloc((n + 1) * sizeof(*places));

	for (uint32_t i = 0; places && i <= n; i++)
		places[i] = BUDGET_NONE;
	return places;
}

/* A user's limits: its own, else the registrar's. */
static uint32_t or_else(uint32_t own, uint32_t registrar)
{
	return own ? own : registrar;
}

static void pool_limits(const struct cfg *cfg, const struct cfg_pool *pool, uint32_t ret[3])
{
	const struct cfg_registrar *r = cfg_find_registrar(cfg, pool->registrar);

	ret[0] = or_else(pool->max_conn, r ? r->user_max_conn : 0);
	ret[1] = or_else(pool->call_spike, r ? r->user_call_spike : 0);
	ret[2] = or_else(pool->bandwidth_kbps, r ? r->user_bandwidth_kbps : 0);
}

int admission_map_new(struct b2b *b, const struct cfg *cfg, struct admission_map *ret_map)
{
	struct admission_map map = {places_new(cfg->n_realms), places_new(cfg->n_trunks),
		places_new(cfg->n_dial_peers), places_new(cfg->n_links), places_new(cfg->n_pools)};
	char tag[16];

	if (!map.realms || !map.trunks || !map.peers || !map.links || !map.pools) {
		admission_map_free(&map);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < cfg->n_realms; i++)
		map.realms[i] = budget_named(b, "realm", cfg->realms[i].name, NULL);
	for (uint32_t i = 0; i < cfg->n_trunks; i++)
		map.trunks[i] = budget_named(b, "trunk", cfg->trunks[i].name, NULL);
	for (uint32_t i = 0; i < cfg->n_links; i++)
		map.links[i] = budget_named(b, "link", cfg->links[i].name, NULL);
	/* Of the many dial-peers and users only those with a limit are counted. */
	for (uint32_t i = 0; i < cfg->n_dial_peers; i++) {
		snprintf(tag, sizeof(tag), "%u", cfg->dial_peers[i].tag);
		if (cfg->dial_peers[i].max_conn)
			map.peers[i] = budget_named(b, "dial-peer", tag, NULL);
	}
	for (uint32_t i = 0; i < cfg->n_pools; i++) {
		const struct cfg_pool *pool = &cfg->pools[i];
		uint32_t limits[3];

		pool_limits(cfg, pool, limits);
		if (limits[0] || limits[1] || limits[2])
			map.pools[i] = budget_named(b, "user", pool->username, pool->registrar);
	}
	*ret_map = map;
	return 0;
}

static void limit_set(
	struct b2b *b, uint32_t index, uint32_t max_calls, uint32_t per_s, uint32_t kbps)
{
	if (index != BUDGET_NONE)
		budget_limit(budget_at(&b->env.shared->budgets, index), max_calls, per_s, kbps);
}

void admission_map_apply(struct b2b *b, const struct cfg *cfg, const struct admission_map *map)
{
	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		const struct cfg_realm *c = &cfg->realms[i];

		limit_set(b, map->realms[i], c->max_conn, c->call_spike, c->bandwidth_kbps);
	}
	for (uint32_t i = 0; i < cfg->n_trunks; i++) {
		const struct cfg_trunk *c = &cfg->trunks[i];

		limit_set(b, map->trunks[i], c->max_conn, c->call_spike, c->bandwidth_kbps);
	}
	for (uint32_t i = 0; i < cfg->n_links; i++) {
		const struct cfg_link *c = &cfg->links[i];

		limit_set(b, map->links[i], c->max_conn, c->call_spike, c->bandwidth_kbps);
	}
	for (uint32_t i = 0; i < cfg->n_dial_peers; i++)
		limit_set(b, map->peers[i], cfg->dial_peers[i].max_conn, 0, 0);
	for (uint32_t i = 0; i < cfg->n_pools; i++) {
		uint32_t limits[3];

		if (map->pools[i] == BUDGET_NONE)
			continue;
		pool_limits(cfg, &cfg->pools[i], limits);
		limit_set(b, map->pools[i], limits[0], limits[1], limits[2]);
	}
}

void admission_map_free(struct admission_map *map)
{
	free(map->realms);
	free(map->trunks);
	free(map->peers);
	free(map->links);
	free(map->pools);
	*map = (struct admission_map){0};
}

bool admission_is_emergency(const struct cfg *cfg, const char *called)
{
	return route_is_emergency(cfg, view_of(called));
}

/* ---- refusals ---- */

static bool refuse(struct call *call, enum ctl_limit limit, uint32_t status, uint16_t q850)
{
	call->limited = (struct admission_refusal){(uint16_t)status, q850, (uint8_t)limit};
	call->b->env.stats->admission_refused++;
	return false;
}

static unsigned int kbps_of(const _Atomic uint64_t *bps)
{
	return (unsigned int)((atomic_load_explicit(bps, memory_order_relaxed) + 999) / 1000);
}

static bool refuse_for(
	struct call *call, const struct budget *budget, enum budget_cause cause, uint64_t bps)
{
	const struct cfg *cfg = call->b->cfg;
	bool user = strncmp(budget->key, "user ", 5) == 0;
	char *reason = call->rec.reason;
	size_t size = sizeof(call->rec.reason);

	switch (cause) {
	case BUDGET_CALLS:
		snprintf(reason, size, "%.64s has the %u calls that it may have (max-conn)",
			budget->key,
			atomic_load_explicit(&budget->max_calls, memory_order_relaxed));
		return refuse(call, CTL_LIMIT_CALLS, user ? cfg->user_status : cfg->conn_status,
			user ? Q850_USER_BUSY : Q850_NO_CIRCUIT);
	case BUDGET_RATE:
		snprintf(reason, size,
			"more than %u calls a second would begin at %.64s (call spike)",
			atomic_load_explicit(&budget->per_s, memory_order_relaxed), budget->key);
		return refuse(call, CTL_LIMIT_RATE, user ? cfg->user_status : cfg->spike_status,
			Q850_CONGESTION);
	default:
		snprintf(reason, size,
			"%.64s has no room for %u kbit/s: %u of its %u are in use (bandwidth)",
			budget->key, (unsigned int)((bps + 999) / 1000), kbps_of(&budget->bps),
			kbps_of(&budget->max_bps));
		call->b->env.stats->bandwidth_refused++;
		return refuse(call, CTL_LIMIT_BANDWIDTH, cfg->bandwidth_status, Q850_NO_QUALITY);
	}
}

void admission_put_headers(const struct admission_refusal *refusal, struct sip_buf *headers)
{
	if (refusal->status == 503)
		sip_put_hdr_u64(headers, SIP_H_RETRY_AFTER, B2B_RETRY_AFTER_S);
	/* RFC 3261 20.43 */
	if (refusal->limit == CTL_LIMIT_BANDWIDTH)
		sip_put_lit(headers, "Warning: 370 limen \"Insufficient bandwidth\"\r\n");
}

bool admission_box(struct call *call)
{
	const struct cfg *cfg = call->b->cfg;
	uint32_t n = atomic_load_explicit(&call->b->env.shared->n_calls, memory_order_relaxed);

	if (cfg->max_calls == 0 || n <= cfg->max_calls - cfg->emergency_calls || call->emergency)
		return true;
	if (n > cfg->max_calls)
		snprintf(call->rec.reason, sizeof(call->rec.reason),
			"the limit of %u calls is reached (max-calls)", cfg->max_calls);
	else
		snprintf(call->rec.reason, sizeof(call->rec.reason),
			"the last %u of %u calls are kept for emergency numbers (emergency reserve "
			"calls)",
			cfg->emergency_calls, cfg->max_calls);
	return refuse(call, CTL_LIMIT_CALLS, cfg->conn_status, Q850_CONGESTION);
}

/* ---- taking ---- */

/* What a leg is to be counted in; the narrow ones last, as the box has a sentence for the first full one. */
static unsigned int budgets_for(
	const struct b2b *b, const struct admission_place *place, uint32_t ret[ADMISSION_HELD_MAX])
{
	const struct cfg *cfg = b->cfg;
	const struct admission_map *map = &b->admission;
	const char *name = place->trunk && place->trunk->link[0] ? place->trunk->link
								 : place->realm->link;
	const struct cfg_link *link = cfg_find_link(cfg, name);
	unsigned int n = 0;

	ret[n++] = map->realms[place->realm - cfg->realms];
	if (place->trunk)
		ret[n++] = map->trunks[place->trunk - cfg->trunks];
	if (place->peer)
		ret[n++] = map->peers[place->peer - cfg->dial_peers];
	if (place->pool)
		ret[n++] = map->pools[place->pool - cfg->pools];
	for (unsigned int i = 0; link && i < CFG_LINKS_DEEP; i++) {
		ret[n++] = map->links[link - cfg->links];
		link = cfg_find_link(cfg, link->uplink);
	}
	return n;
}

static bool take_one(struct call *call, struct admission_held *held, uint32_t index, uint64_t bps)
{
	struct budget *budget;
	bool must = call->emergency;

	if (index == BUDGET_NONE)
		return true;
	budget = budget_at(&call->b->env.shared->budgets, index);
	if (!budget_call_take(budget, must))
		return refuse_for(call, budget, BUDGET_CALLS, bps);
	if (!budget_bps_move(budget, 0, bps, must)) {
		budget_call_give(budget);
		return refuse_for(call, budget, BUDGET_BANDWIDTH, bps);
	}
	held->budget[held->n++] = index;
	return true;
}

static bool take_rates(struct call *call, const struct admission_held *held)
{
	struct b2b *b = call->b;
	uint64_t now_us = b->env.ops->mono_us(b->env.ctx);

	for (unsigned int i = 0; i < held->n; i++) {
		struct budget *budget = budget_at(&b->env.shared->budgets, held->budget[i]);

		if (!budget_rate_take(budget, now_us, call->emergency))
			return refuse_for(call, budget, BUDGET_RATE, 0);
	}
	return true;
}

static uint32_t can_transcode(const struct b2b *b)
{
	return b->transcoder.state == CTL_TRANSCODER_READY ? b->transcoder.codecs : 0;
}

static bool on_vlan(const struct cfg *cfg, const struct cfg_realm *realm)
{
	const struct cfg_interface *interface = cfg_find_interface(cfg, realm->interface);

	return interface && interface->vlan;
}

/* The wider family of a realm's media, where nobody knows yet which one it will be. */
static uint8_t family_of(const struct admission_place *place)
{
	if (place->family == 4 && ipaddr_is_set(&place->realm->media_ipv4))
		return 4;
	return ipaddr_is_set(&place->realm->media_ipv6) ? 6 : 4;
}

/* Only where bandwidth is limited the worst of an offer is worked out: what was agreed always counts. */
static bool any_limits_bps(struct b2b *b, const uint32_t *list, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (list[i] != BUDGET_NONE &&
			budget_limits_bps(budget_at(&b->env.shared->budgets, list[i])))
			return true;
	}
	return false;
}

/* The worst of what a leg gets to see of the caller's first offer. */
static uint64_t first_bps(struct call *call, unsigned int side, const struct admission_place *place,
	bool vlan, struct view offer)
{
	struct b2b *b = call->b;
	struct codec_policy own;
	struct media_srtp srtp = {.policy = CFG_SRTP_NEVER};
	struct bandwidth_path path = {
		.family = family_of(place), .vlan = vlan, .other_kbps = b->cfg->video_kbps};

	/* What does not parse is refused for that. */
	if (offer.n == 0 || sdp_parse(&b->sdp, offer) < 0)
		return 0;
	codec_policy_set(&own, b->cfg, place->realm, place->trunk);
	media_srtp_set(&srtp, b->cfg, place->realm, place->trunk);
	path.srtp_tag = bandwidth_srtp_tag(&srtp);
	if (side == LEG_A)
		return bandwidth_offered(&b->sdp, &own, NULL, can_transcode(b), &path);
	return bandwidth_offered(
		&b->sdp, &call->media.side[LEG_A].codecs, &own, can_transcode(b), &path);
}

/* again: it was let in before, and begins no more. */
static bool take(struct call *call, unsigned int side, const struct admission_place *place,
	struct view offer, bool again)
{
	struct b2b *b = call->b;
	struct admission_held *held = &call->held[side];
	uint32_t wanted[ADMISSION_HELD_MAX];
	unsigned int n = budgets_for(b, place, wanted);
	bool ok = true;

	admission_drop(call, side);
	held->vlan = on_vlan(b->cfg, place->realm);
	held->pool = place->pool ? place->pool->tag : 0;
	if (any_limits_bps(b, wanted, n))
		held->bps = first_bps(call, side, place, held->vlan, offer);
	for (unsigned int i = 0; ok && i < n; i++)
		ok = take_one(call, held, wanted[i], held->bps);
	ok = ok && (again || take_rates(call, held));
	if (ok)
		call->limited = (struct admission_refusal){.limit = CTL_LIMIT_NONE};
	else
		admission_drop(call, side);
	return ok;
}

bool admission_take(struct call *call, unsigned int side, const struct admission_place *place,
	struct view offer)
{
	return take(call, side, place, offer, false);
}

void admission_drop(struct call *call, unsigned int side)
{
	struct admission_held *held = &call->held[side];

	while (held->n > 0) {
		struct budget *budget = budget_at(
			&call->b->env.shared->budgets, held->budget[--held->n]);

		budget_bps_move(budget, held->bps, 0, true);
		budget_call_give(budget);
	}
	held->bps = held->agreed = 0;
	held->pool = 0;
}

static const struct cfg_pool *pool_tagged(const struct cfg *cfg, uint32_t tag)
{
	return tag ? cfg_find_pool(cfg, tag) : NULL;
}

void admission_restore(struct call *call)
{
	const struct cfg *cfg = call->b->cfg;
	bool emergency = call->emergency;

	call->emergency = true; /* it was let in before */
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		struct admission_held *held = &call->held[side];
		uint64_t bps = held->bps;
		const struct admission_place place = {
			.realm = cfg_find_realm(cfg, call->rec.realm[side]),
			.trunk = cfg_find_trunk(cfg, call->rec.trunk[side]),
			.peer = side == LEG_B ? cfg_find_dial_peer(cfg, call->rec.dial_peer_out)
					      : NULL,
			.pool = pool_tagged(cfg, held->pool)};

		held->bps = held->agreed = 0;
		if (!place.realm)
			continue;
		if (!take(call, side, &place, (struct view){NULL, 0}, true))
			log_debug("call %016llx: is not counted", (unsigned long long)call->rec.id);
		for (unsigned int i = 0; i < held->n; i++)
			budget_bps_move(budget_at(&call->b->env.shared->budgets, held->budget[i]),
				0, bps, true);
		held->bps = held->agreed = held->n > 0 ? bps : 0;
	}
	call->emergency = emergency;
}

void admission_replaces(struct call *call, struct view offer)
{
	const struct cfg *cfg = call->b->cfg;
	bool emergency = call->emergency;
	const struct admission_place place = {.realm = cfg_find_realm(cfg, call->rec.realm[LEG_B]),
		.trunk = cfg_find_trunk(cfg, call->rec.trunk[LEG_B])};

	/* The call that it replaces has its room, and gives it back in a moment. */
	call->emergency = true;
	if (place.realm && !take(call, LEG_B, &place, offer, true))
		log_debug("call %016llx: is not counted", (unsigned long long)call->rec.id);
	call->emergency = emergency;
}

/* ---- exchanges ---- */

/* The reservation of a leg in all that it is counted in, or in none. */
static bool move(struct call *call, struct admission_held *held, uint64_t to, bool must)
{
	struct budgets *all = &call->b->env.shared->budgets;

	if (to == held->bps)
		return true;
	for (unsigned int i = 0; i < held->n; i++) {
		struct budget *budget = budget_at(all, held->budget[i]);

		if (budget_bps_move(budget, held->bps, to, must || call->emergency))
			continue;
		(void)refuse_for(call, budget, BUDGET_BANDWIDTH, to - held->bps);
		while (i-- > 0)
			budget_bps_move(budget_at(all, held->budget[i]), to, held->bps, true);
		return false;
	}
	held->bps = held->n > 0 ? to : 0;
	return true;
}

static uint64_t offer_bps(const struct call *call, unsigned int from, unsigned int side)
{
	const struct b2b *b = call->b;
	const struct media_map *map = &call->media;
	struct bandwidth_path path = {.family = map->side[side].family,
		.srtp_tag = bandwidth_srtp_tag(&map->side[side].srtp),
		.vlan = call->held[side].vlan,
		.other_kbps = b->cfg->video_kbps};

	return bandwidth_offered(&b->sdp, &map->side[from].codecs,
		side == from ? NULL : &map->side[side].codecs, can_transcode(b), &path);
}

bool admission_offer(struct call *call, unsigned int from, bool must, const char **ret_reason)
{
	char before[sizeof(call->rec.reason)];
	uint64_t was[DP_LEGS] = {call->held[0].bps, call->held[1].bps};

	memcpy(before, call->rec.reason, sizeof(before));
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		struct admission_held *held = &call->held[side];
		uint64_t bps = any_limits_bps(call->b, held->budget, held->n)
				       ? offer_bps(call, from, side)
				       : 0;

		/* Before an answer, other answers to the first offer may still come. */
		if (bps < held->bps)
			bps = held->bps;
		if (move(call, held, bps, must))
			continue;
		*ret_reason = reason_say(call->b, "%s", call->rec.reason);
		/* The call goes on: its record is to say nothing of this. */
		memcpy(call->rec.reason, before, sizeof(before));
		if (side == LEG_B)
			(void)move(call, &call->held[LEG_A], was[LEG_A], true);
		return false;
	}
	return true;
}

void admission_agreed(struct call *call)
{
	/* Of a call that was restored the answer is not known: what it held then still holds. */
	if (!call->media.answered)
		return;
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		struct admission_held *held = &call->held[side];

		(void)move(call, held,
			bandwidth_agreed(&call->media, side, held->vlan, call->b->cfg->video_kbps),
			true);
		held->agreed = held->bps;
	}
}

void admission_revert(struct call *call, unsigned int side)
{
	(void)move(call, &call->held[side], call->held[side].agreed, true);
}

void admission_failed(struct call *call)
{
	if (call->state != CALL_UP)
		return;
	for (unsigned int side = 0; side < DP_LEGS; side++)
		admission_revert(call, side);
}
