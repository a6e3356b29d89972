/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Local addresses of a session; see session_ports.h. */
#include "controlplane/media/session_ports.h"

#include <errno.h>
#include <string.h>

#define OWNER_ANY UINT32_MAX

/* Another session of the call that has a local address on this leg; NULL: none. */
static const struct media_session *also_at(const struct sessions *ss, uint64_t call_id,
	uint32_t index, unsigned int leg, const struct ipaddr *local)
{
	for (uint32_t i = 0; i < CTL_MEDIA_MAX; i++) {
		const struct media_session *s = i == index ? NULL : sessions_find(ss, call_id, i);
		if (s != NULL && ipaddr_equal(&s->conf.leg[leg].local, local))
			return s;
	}
	return NULL;
}

/* The port that a leg is to share: the one it claims, or that of the bundle. NULL: there is none. */
static const struct ipaddr *shared(
	const struct sessions *ss, const struct ctl_media *media, unsigned int leg)
{
	const struct ipaddr *wish = &media->leg[leg].local;
	const struct media_session *s;

	if (!(media->leg[leg].flags & DP_LEG_BUNDLE))
		return NULL;
	if (ipaddr_port(wish) != 0) {
		s = also_at(ss, media->call_id, media->media_index, leg, wish);
		return s != NULL ? &s->conf.leg[leg].local : NULL;
	}
	for (uint32_t i = 0; i < CTL_MEDIA_MAX; i++) {
		s = i == media->media_index ? NULL : sessions_find(ss, media->call_id, i);
		if (s != NULL && s->conf.leg[leg].flags & DP_LEG_BUNDLE &&
			memcmp(s->realm_name[leg], media->realm[leg], CTL_NAME_MAX) == 0)
			return &s->conf.leg[leg].local;
	}
	return NULL;
}

/* The present local address is kept when the realm is the same and nothing else was asked for. */
static bool keeps(const struct media_session *present, const struct session_ports *ports,
	const struct ctl_media *media, unsigned int leg)
{
	const struct ipaddr *wish = &media->leg[leg].local;

	if (present == NULL || present->realm[leg] != ports->realm[leg])
		return false;
	const struct ipaddr *has = &present->conf.leg[leg].local;
	if (ipaddr_port(wish) != 0)
		return ipaddr_equal(wish, has);
	return wish->family == 0 || wish->family == has->family;
}

static int resolve(struct session_ports *ports, const struct sessions *ss,
	const struct media_realms *realms, const struct ctl_media *media,
	const struct media_session *present, unsigned int leg)
{
	const struct ipaddr *wish = &media->leg[leg].local, *other = shared(ss, media, leg);

	ports->realm[leg] = media_realm_find(realms, media->realm[leg]);
	if (ports->realm[leg] == NULL)
		return -ENOENT;
	if (other != NULL) {
		ports->local[leg] = *other;
		ports->pool[leg] = media_realm_pool(ports->realm[leg], other->family);
		return 0;
	}
	if (keeps(present, ports, media, leg)) {
		ports->local[leg] = present->conf.leg[leg].local;
		ports->pool[leg] = media_realm_pool(ports->realm[leg], ports->local[leg].family);
		return 0;
	}
	ports->pool[leg] = media_realm_pool(ports->realm[leg], wish->family);
	if (ports->pool[leg] == NULL)
		return -EAFNOSUPPORT;
	if (ipaddr_port(wish) == 0)
		return 0;
	if (!ipaddr_same_ip(wish, pool_addr(ports->pool[leg])))
		return -ERANGE;
	int ret = pool_claim(ports->pool[leg], ipaddr_port(wish));
	if (ret < 0)
		return ret;
	ports->local[leg] = *wish;
	ports->taken[leg] = true;
	return 0;
}

static int take_leg(struct session_ports *ports, unsigned int leg, uint32_t owner, uint64_t now_ms)
{
	uint16_t port;
	int ret = pool_take(ports->pool[leg], owner, now_ms, ports->urgent, &port);

	if (ret < 0)
		return ret;
	ports->local[leg] = *pool_addr(ports->pool[leg]);
	ports->local[leg].port_be16 = htons(port);
	ports->taken[leg] = true;
	return 0;
}

/* Both legs from the same worker: in turn, and whichever has ports left. */
static int take_both(
	struct session_ports *ports, uint32_t n_workers, uint32_t *rotor, uint64_t now_ms)
{
	for (uint32_t i = 0; i < n_workers; i++) {
		uint32_t owner = (*rotor + i) % n_workers;
		if (take_leg(ports, 0, owner, now_ms) < 0)
			continue;
		if (take_leg(ports, 1, owner, now_ms) == 0) {
			*rotor = (owner + 1) % n_workers;
			return 0;
		}
		pool_give(ports->pool[0], ipaddr_port(&ports->local[0]), 0);
		ports->taken[0] = false;
		ports->local[0] = (struct ipaddr){0};
	}
	return -ENOSPC;
}

static int take_alone(
	struct session_ports *ports, uint32_t n_workers, uint32_t *rotor, uint64_t now_ms)
{
	for (uint32_t i = 0; i < n_workers; i++) {
		uint32_t owner = (*rotor + i) % n_workers;

		if (take_leg(ports, 0, owner, now_ms) == 0) {
			*rotor = (owner + 1) % n_workers;
			return 0;
		}
	}
	return -ENOSPC;
}

static int take_missing(
	struct session_ports *ports, uint32_t n_workers, uint32_t *rotor, uint64_t now_ms)
{
	uint16_t port[DP_LEGS] = {ipaddr_port(&ports->local[0]), ipaddr_port(&ports->local[1])};

	if (ports->realm[1] == NULL)
		return port[0] != 0 ? 0 : take_alone(ports, n_workers, rotor, now_ms);
	if (port[0] == 0 && port[1] == 0)
		return take_both(ports, n_workers, rotor, now_ms);
	if (port[0] == 0)
		return take_leg(ports, 0, dp_port_owner(port[1], n_workers), now_ms);
	if (port[1] == 0)
		return take_leg(ports, 1, dp_port_owner(port[0], n_workers), now_ms);
	return dp_port_owner(port[0], n_workers) == dp_port_owner(port[1], n_workers) ? 0 : -EXDEV;
}

int session_ports_take(struct session_ports *ports, const struct sessions *ss,
	struct media_realms *realms, const struct ctl_media *media,
	const struct media_session *present, uint32_t n_workers, uint32_t *rotor, uint64_t now_ms)
{
	int ret;

	memset(ports, 0, sizeof(*ports));
	ports->urgent = media->emergency != 0;
	ret = resolve(ports, ss, realms, media, present, 0);
	if (ret == 0 && ctl_media_n_legs(media) == DP_LEGS)
		ret = resolve(ports, ss, realms, media, present, 1);
	if (ret == 0)
		ret = take_missing(ports, n_workers, rotor, now_ms);
	if (ret < 0)
		session_ports_undo(ports, now_ms);
	return ret;
}

void session_ports_undo(const struct session_ports *ports, uint64_t now_ms)
{
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		if (ports->taken[i])
			pool_give(ports->pool[i], ipaddr_port(&ports->local[i]), now_ms);
	}
}

static void give_leg(
	const struct sessions *ss, const struct media_session *s, unsigned int leg, uint64_t now_ms)
{
	const struct ipaddr *local = &s->conf.leg[leg].local;

	if (s->realm[leg] == NULL || !ipaddr_is_set(local) ||
		also_at(ss, s->call_id, s->index, leg, local) != NULL)
		return;
	struct pool *pool = media_realm_pool(s->realm[leg], local->family);
	if (pool != NULL && ipaddr_same_ip(pool_addr(pool), local))
		pool_give(pool, ipaddr_port(local), now_ms);
}

void session_ports_commit(const struct session_ports *ports, const struct sessions *ss,
	const struct media_session *present, uint64_t now_ms)
{
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		/* taken anew, or shared now, or gone */
		if (ports->taken[i] || ports->realm[i] == NULL ||
			!ipaddr_equal(&ports->local[i], &present->conf.leg[i].local))
			give_leg(ss, present, i, now_ms);
	}
}

void session_ports_give(
	const struct sessions *ss, const struct media_session *session, uint64_t now_ms)
{
	for (unsigned int i = 0; i < DP_LEGS; i++)
		give_leg(ss, session, i, now_ms);
}
