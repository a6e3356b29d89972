/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Realms as media sees them; see realms.h. */
#include "controlplane/media/realms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct media_realms {
	struct media_realm **list;
	size_t n, cap;
};

static void realm_free(struct media_realm *realm)
{
	for (unsigned int f = 0; f < REALM_FAMILIES; f++)
		pool_free(realm->pool[f]);
	free(realm);
}

struct media_realms *media_realms_new(void)
{
	return calloc(1, sizeof(struct media_realms));
}

void media_realms_free(struct media_realms *realms)
{
	if (realms == NULL)
		return;
	for (size_t i = 0; i < realms->n; i++)
		realm_free(realms->list[i]);
	free(realms->list);
	free(realms);
}

static struct media_realm *find_any(const struct media_realms *realms, const char *name)
{
	for (size_t i = 0; i < realms->n; i++) {
		if (strcmp(realms->list[i]->name, name) == 0)
			return realms->list[i];
	}
	return NULL;
}

struct media_realm *media_realm_find(const struct media_realms *realms, const char *name)
{
	struct media_realm *realm = find_any(realms, name);
	return realm != NULL && !realm->removed ? realm : NULL;
}

struct pool *media_realm_pool(const struct media_realm *realm, unsigned int family)
{
	if (family == 4 || (family == 0 && realm->pool[REALM_V4] != NULL))
		return realm->pool[REALM_V4];
	return realm->pool[REALM_V6];
}

static uint32_t pool_in_use(const struct pool *pool)
{
	struct pool_counts counts = {0};
	if (pool != NULL)
		pool_counts(pool, &counts);
	return counts.in_use;
}

static const struct ipaddr *cfg_addr(const struct cfg_realm *realm, unsigned int f)
{
	return f == REALM_V4 ? &realm->media_ipv4 : &realm->media_ipv6;
}

int media_realms_check(
	const struct media_realms *realms, const struct cfg *next, char error[CFG_ERROR_MAX])
{
	char addr[IPADDR_TEXT_MAX];

	for (size_t i = 0; i < realms->n; i++) {
		const struct media_realm *realm = realms->list[i];
		const struct cfg_realm *wanted = cfg_find_realm(next, realm->name);
		for (unsigned int f = 0; f < REALM_FAMILIES; f++) {
			const struct pool *pool = realm->pool[f];
			uint32_t n = pool_in_use(pool);
			if (n == 0)
				continue;
			if (wanted != NULL && ipaddr_same_ip(cfg_addr(wanted, f), pool_addr(pool)))
				n = pool_in_use_outside(pool, (uint16_t)wanted->media_port_min,
					(uint16_t)wanted->media_port_max);
			if (n == 0)
				continue;
			snprintf(error, CFG_ERROR_MAX,
				"realm %s: calls hold %u pairs of media ports at %s that would go "
				"away; clear them or wait until they end",
				realm->name, n, ipaddr_print(pool_addr(pool), addr));
			return -EBUSY;
		}
	}
	return 0;
}

static int realm_add(struct media_realms *realms, const char *name, struct media_realm **ret)
{
	if (realms->n == realms->cap) {
		size_t cap = realms->cap == 0 ? 8 : realms->cap * 2;
		struct media_realm **list = realloc(realms->list, cap * sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		realms->list = list;
		realms->cap = cap;
	}
	struct media_realm *realm = calloc(1, sizeof(*realm));
	if (realm == NULL)
		return -ENOMEM;
	snprintf(realm->name, sizeof(realm->name), "%s", name);
	realms->list[realms->n++] = realm;
	*ret = realm;
	return 0;
}

static int pool_apply(struct pool **pool, const struct ipaddr *addr, const struct cfg_realm *cfg,
	uint32_t n_workers)
{
	uint16_t lo = (uint16_t)cfg->media_port_min, hi = (uint16_t)cfg->media_port_max;
	struct pool *fresh;
	bool same = *pool != NULL && ipaddr_same_ip(pool_addr(*pool), addr);

	if (!ipaddr_is_set(addr) || !same) {
		/* A call that came between check and now keeps its pool until the next change. */
		if (pool_in_use(*pool) > 0)
			return 0;
		pool_free(*pool);
		*pool = NULL;
		if (!ipaddr_is_set(addr))
			return 0;
	}
	fresh = pool_new(addr, lo, hi, n_workers);
	if (fresh == NULL)
		return -ENOMEM;
	if (*pool != NULL) {
		if (pool_in_use_outside(*pool, lo, hi) > 0) {
			pool_free(fresh);
			return 0;
		}
		pool_inherit(fresh, *pool);
		pool_free(*pool);
	}
	*pool = fresh;
	return 0;
}

static int realm_apply(struct media_realms *realms, const struct cfg_realm *cfg, uint32_t reserve,
	uint32_t n_workers)
{
	struct media_realm *realm = find_any(realms, cfg->name);
	int ret = 0;

	if (realm == NULL)
		ret = realm_add(realms, cfg->name, &realm);
	if (ret < 0)
		return ret;
	realm->removed = false;
	realm->dscp = cfg->dscp_media;
	realm->dscp_video = cfg->dscp_video;
	realm->latch = cfg->latch;
	realm->rtcp_strict = cfg->rtcp_strict;
	realm->timeout_ms = cfg->media_timeout_s * 1000;
	realm->audio_pps = (uint16_t)cfg->audio_pps;
	realm->other_pps = (uint16_t)cfg->other_pps;
	for (unsigned int f = 0; f < REALM_FAMILIES; f++) {
		int r = pool_apply(&realm->pool[f], cfg_addr(cfg, f), cfg, n_workers);
		ret = r < 0 ? r : ret;
		if (realm->pool[f] != NULL)
			pool_reserve(realm->pool[f], reserve);
	}
	return ret;
}

int media_realms_apply(struct media_realms *realms, const struct cfg *next, uint32_t n_workers)
{
	int ret = 0;

	for (size_t i = 0; i < realms->n;) {
		struct media_realm *realm = realms->list[i];
		realm->removed = cfg_find_realm(next, realm->name) == NULL;
		if (realm->removed && pool_in_use(realm->pool[REALM_V4]) == 0 &&
			pool_in_use(realm->pool[REALM_V6]) == 0) {
			realm_free(realm);
			realms->list[i] = realms->list[--realms->n];
			continue;
		}
		i++;
	}
	for (uint32_t i = 0; i < next->n_realms; i++) {
		int r = realm_apply(realms, &next->realms[i], next->emergency_ports, n_workers);
		ret = r < 0 ? r : ret;
	}
	return ret;
}

void media_realms_set_workers(struct media_realms *realms, uint32_t n_workers)
{
	for (size_t i = 0; i < realms->n; i++) {
		for (unsigned int f = 0; f < REALM_FAMILIES; f++) {
			if (realms->list[i]->pool[f] != NULL)
				pool_set_workers(realms->list[i]->pool[f], n_workers);
		}
	}
}
