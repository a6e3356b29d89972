/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See mirror.h. Routes are hashed by (prefix, length) and a look-up probes the lengths that
 * exist, longest first: at most 33 or 129 probes, in practice three or four. Two routes with the
 * same prefix hang in one bucket and the metric decides.
 */
#include "dataplane/linux/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N_BUCKETS_MIN 64u
#define HOP_BUCKETS   4096u
#define PLEN_MAX      129u

struct route {
	struct mirror_route r; /* dst is masked */
	uint32_t epoch;
	uint32_t hash;
	TAILQ_ENTRY(route) bucket; /* in order of arrival */
};
TAILQ_HEAD(route_list, route);

struct addr {
	struct ipaddr ip;
	int ifindex;
	uint32_t epoch;
	LIST_ENTRY(addr) link;
};

struct mirror {
	const struct mirror_ops *ops;
	void *arg;
	struct route_list *routes; /* n_buckets of them, a power of two */
	uint32_t n_buckets, n_routes;
	uint32_t n_by_len[2][PLEN_MAX]; /* [v6][length] */
	LIST_HEAD(, addr) addrs;
	uint32_t n_addrs, n_neighs, n_used;
	LIST_HEAD(hop_list, mirror_hop) hops[HOP_BUCKETS];
	struct hop_list used;
	uint32_t epoch;
	bool marked; /* between mark and sweep: changes are told at the end */
	bool routes_dirty;
};

/* FNV-1a over the bytes that make up a key, finished by a multiply so that low bits mix. */
static uint32_t hash_bytes(uint32_t h, const void *p, size_t n)
{
	const uint8_t *b = p;
	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 16777619u;
	return h;
}

static uint32_t route_hash(const struct ipaddr *dst, uint8_t prefix_len)
{
	uint32_t h = hash_bytes(2166136261u ^ prefix_len, dst->ip, sizeof dst->ip);
	h ^= dst->family;
	return (h ^ (h >> 15)) * 0x85ebca6bu;
}

static uint32_t hop_hash(int ifindex, const struct ipaddr *ip)
{
	uint32_t h = hash_bytes(2166136261u ^ (uint32_t)ifindex, ip->ip, sizeof ip->ip);
	h ^= ip->family;
	return (h ^ (h >> 15)) * 0x85ebca6bu;
}

static uint8_t addr_bits(const struct ipaddr *a)
{
	return a->family == 4 ? 32 : 128;
}

static void addr_mask(struct ipaddr *a, uint8_t prefix_len)
{
	a->port_be16 = 0;
	a->zero = 0;
	for (unsigned int i = 0; i < sizeof a->ip; i++) {
		if (prefix_len >= (i + 1) * 8)
			continue;
		unsigned int keep = prefix_len > i * 8 ? prefix_len - i * 8 : 0;
		a->ip[i] &= (uint8_t)(0xff00u >> keep);
	}
}

static bool same_ip(const struct ipaddr *a, const struct ipaddr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

struct mirror *mirror_new(const struct mirror_ops *ops, void *arg)
{
	struct mirror *m = calloc(1, sizeof *m);
	if (!m)
		return NULL;
	m->ops = ops;
	m->arg = arg;
	m->n_buckets = N_BUCKETS_MIN;
	m->routes = calloc(m->n_buckets, sizeof *m->routes);
	if (!m->routes) {
		free(m);
		return NULL;
	}
	for (uint32_t i = 0; i < m->n_buckets; i++)
		TAILQ_INIT(&m->routes[i]);
	LIST_INIT(&m->addrs);
	LIST_INIT(&m->used);
	return m;
}

void mirror_free(struct mirror *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->n_buckets; i++) {
		struct route *r;
		while ((r = TAILQ_FIRST(&m->routes[i]))) {
			TAILQ_REMOVE(&m->routes[i], r, bucket);
			free(r);
		}
	}
	struct addr *a;
	while ((a = LIST_FIRST(&m->addrs))) {
		LIST_REMOVE(a, link);
		free(a);
	}
	for (uint32_t i = 0; i < HOP_BUCKETS; i++) {
		struct mirror_hop *h;
		while ((h = LIST_FIRST(&m->hops[i]))) {
			LIST_REMOVE(h, bucket);
			free(h);
		}
	}
	free(m->routes);
	free(m);
}

/* A failure leaves the table as it was, only slower. */
static void routes_grow(struct mirror *m)
{
	uint32_t n = m->n_buckets * 4;
	struct route_list *lists = calloc(n, sizeof *lists);
	if (!lists)
		return;
	for (uint32_t i = 0; i < n; i++)
		TAILQ_INIT(&lists[i]);
	for (uint32_t i = 0; i < m->n_buckets; i++) {
		struct route *r;
		while ((r = TAILQ_FIRST(&m->routes[i]))) {
			TAILQ_REMOVE(&m->routes[i], r, bucket);
			TAILQ_INSERT_TAIL(&lists[r->hash & (n - 1)], r, bucket);
		}
	}
	free(m->routes);
	m->routes = lists;
	m->n_buckets = n;
}

static bool route_same(const struct mirror_route *a, const struct mirror_route *b)
{
	return a->prefix_len == b->prefix_len && a->metric == b->metric &&
	       a->ifindex == b->ifindex && same_ip(&a->dst, &b->dst) &&
	       same_ip(&a->gateway, &b->gateway);
}

static struct route *route_find(const struct mirror *m, const struct mirror_route *want, uint32_t h)
{
	struct route *r;
	TAILQ_FOREACH(r, &m->routes[h & (m->n_buckets - 1)], bucket)
		if (r->hash == h && route_same(&r->r, want))
			return r;
	return NULL;
}

static void routes_touch(struct mirror *m)
{
	if (m->marked)
		m->routes_dirty = true;
	else
		m->ops->routes_changed(m->arg);
}

static int route_normal(const struct mirror_route *in, struct mirror_route *ret)
{
	if ((in->dst.family != 4 && in->dst.family != 6) || in->prefix_len > addr_bits(&in->dst))
		return -EINVAL;
	*ret = *in;
	addr_mask(&ret->dst, in->prefix_len);
	ret->gateway.port_be16 = 0;
	return 0;
}

int mirror_route_set(struct mirror *m, const struct mirror_route *route)
{
	struct mirror_route want;
	int err = route_normal(route, &want);
	if (err)
		return err;
	uint32_t h = route_hash(&want.dst, want.prefix_len);
	struct route *r = route_find(m, &want, h);
	if (r) {
		r->epoch = m->epoch;
		return 0;
	}
	r = calloc(1, sizeof *r);
	if (!r)
		return -ENOMEM;
	r->r = want;
	r->hash = h;
	r->epoch = m->epoch;
	if (m->n_routes >= m->n_buckets)
		routes_grow(m);
	TAILQ_INSERT_TAIL(&m->routes[h & (m->n_buckets - 1)], r, bucket);
	m->n_routes++;
	m->n_by_len[want.dst.family == 6][want.prefix_len]++;
	routes_touch(m);
	return 0;
}

static void route_remove(struct mirror *m, struct route *r)
{
	TAILQ_REMOVE(&m->routes[r->hash & (m->n_buckets - 1)], r, bucket);
	m->n_routes--;
	m->n_by_len[r->r.dst.family == 6][r->r.prefix_len]--;
	free(r);
	routes_touch(m);
}

void mirror_route_del(struct mirror *m, const struct mirror_route *route)
{
	struct mirror_route want;
	if (route_normal(route, &want))
		return;
	struct route *r = route_find(m, &want, route_hash(&want.dst, want.prefix_len));
	if (r)
		route_remove(m, r);
}

static struct addr *addr_find(const struct mirror *m, int ifindex, const struct ipaddr *ip)
{
	struct addr *a;
	LIST_FOREACH(a, &m->addrs, link)
		if ((ifindex == 0 || a->ifindex == ifindex) && same_ip(&a->ip, ip))
			return a;
	return NULL;
}

int mirror_addr_set(struct mirror *m, int ifindex, const struct ipaddr *addr)
{
	struct addr *a = addr_find(m, ifindex, addr);
	if (a) {
		a->epoch = m->epoch;
		return 0;
	}
	a = calloc(1, sizeof *a);
	if (!a)
		return -ENOMEM;
	a->ip = *addr;
	a->ip.port_be16 = 0;
	a->ifindex = ifindex;
	a->epoch = m->epoch;
	LIST_INSERT_HEAD(&m->addrs, a, link);
	m->n_addrs++;
	routes_touch(m);
	return 0;
}

static void addr_remove(struct mirror *m, struct addr *a)
{
	LIST_REMOVE(a, link);
	m->n_addrs--;
	free(a);
	routes_touch(m);
}

void mirror_addr_del(struct mirror *m, int ifindex, const struct ipaddr *addr)
{
	struct addr *a = addr_find(m, ifindex, addr);
	if (a)
		addr_remove(m, a);
}

bool mirror_addr_known(const struct mirror *m, const struct ipaddr *addr)
{
	return addr_find(m, 0, addr) != NULL;
}

static struct mirror_hop *hop_find(
	const struct mirror *m, int ifindex, const struct ipaddr *ip, uint32_t h)
{
	struct mirror_hop *hop;
	LIST_FOREACH(hop, &m->hops[h % HOP_BUCKETS], bucket)
		if (hop->hash == h && hop->ifindex == ifindex && same_ip(&hop->ip, ip))
			return hop;
	return NULL;
}

static struct mirror_hop *hop_new(
	struct mirror *m, int ifindex, const struct ipaddr *ip, uint32_t h)
{
	struct mirror_hop *hop = calloc(1, sizeof *hop);
	if (!hop)
		return NULL;
	hop->ip = *ip;
	hop->ip.port_be16 = 0;
	hop->ifindex = ifindex;
	hop->hash = h;
	LIST_INIT(&hop->users);
	LIST_INSERT_HEAD(&m->hops[h % HOP_BUCKETS], hop, bucket);
	m->n_neighs++;
	return hop;
}

static void hop_reap(struct mirror *m, struct mirror_hop *hop)
{
	if (hop->in_kernel || !LIST_EMPTY(&hop->users))
		return;
	LIST_REMOVE(hop, bucket);
	m->n_neighs--;
	free(hop);
}

int mirror_neigh_set(
	struct mirror *m, int ifindex, const struct ipaddr *ip, const uint8_t *mac, bool stale)
{
	uint32_t h = hop_hash(ifindex, ip);
	struct mirror_hop *hop = hop_find(m, ifindex, ip, h);
	if (!hop)
		hop = hop_new(m, ifindex, ip, h);
	if (!hop)
		return -ENOMEM;
	bool changed = hop->resolved != (mac != NULL) ||
		       (mac && memcmp(mac, hop->mac, sizeof hop->mac) != 0);
	hop->in_kernel = true;
	hop->epoch = m->epoch;
	hop->stale = stale;
	hop->resolved = mac != NULL;
	if (mac)
		memcpy(hop->mac, mac, sizeof hop->mac);
	if (changed && !LIST_EMPTY(&hop->users))
		m->ops->hop_changed(hop, m->arg);
	return 0;
}

static void hop_forget(struct mirror *m, struct mirror_hop *hop)
{
	bool changed = hop->resolved;
	hop->in_kernel = false;
	hop->resolved = false;
	hop->stale = false;
	if (!LIST_EMPTY(&hop->users)) {
		m->ops->hop_probe(hop, m->arg);
		if (changed)
			m->ops->hop_changed(hop, m->arg);
	}
	hop_reap(m, hop);
}

void mirror_neigh_del(struct mirror *m, int ifindex, const struct ipaddr *ip)
{
	struct mirror_hop *hop = hop_find(m, ifindex, ip, hop_hash(ifindex, ip));
	if (hop)
		hop_forget(m, hop);
}

void mirror_mark(struct mirror *m)
{
	m->epoch++;
	m->marked = true;
}

static void sweep_routes(struct mirror *m)
{
	for (uint32_t i = 0; i < m->n_buckets; i++) {
		struct route *r = TAILQ_FIRST(&m->routes[i]);
		while (r) {
			struct route *next = TAILQ_NEXT(r, bucket);
			if (r->epoch != m->epoch)
				route_remove(m, r);
			r = next;
		}
	}
}

static void sweep_addrs(struct mirror *m)
{
	struct addr *a = LIST_FIRST(&m->addrs);
	while (a) {
		struct addr *next = LIST_NEXT(a, link);
		if (a->epoch != m->epoch)
			addr_remove(m, a);
		a = next;
	}
}

static void sweep_neighs(struct mirror *m)
{
	for (uint32_t i = 0; i < HOP_BUCKETS; i++) {
		struct mirror_hop *hop = LIST_FIRST(&m->hops[i]);
		while (hop) {
			struct mirror_hop *next = LIST_NEXT(hop, bucket);
			if (hop->in_kernel && hop->epoch != m->epoch)
				hop_forget(m, hop);
			hop = next;
		}
	}
}

void mirror_sweep(struct mirror *m, unsigned int kinds)
{
	if (kinds & MIRROR_ROUTES)
		sweep_routes(m);
	if (kinds & MIRROR_ADDRS)
		sweep_addrs(m);
	if (kinds & MIRROR_NEIGHS)
		sweep_neighs(m);
	m->marked = false;
	if (m->routes_dirty) {
		m->routes_dirty = false;
		m->ops->routes_changed(m->arg);
	}
}

static const struct route *route_best(
	const struct mirror *m, const struct ipaddr *dst, uint8_t prefix_len)
{
	struct ipaddr key = *dst;
	addr_mask(&key, prefix_len);
	uint32_t h = route_hash(&key, prefix_len);
	const struct route *r, *best = NULL;
	TAILQ_FOREACH(r, &m->routes[h & (m->n_buckets - 1)], bucket) {
		if (r->hash != h || r->r.prefix_len != prefix_len || !same_ip(&r->r.dst, &key))
			continue;
		if (!best || r->r.metric < best->r.metric)
			best = r;
	}
	return best;
}

static int hop_towards(struct mirror *m, const struct ipaddr *dst, struct mirror_hop **ret_hop)
{
	if (dst->family != 4 && dst->family != 6)
		return -ENETUNREACH;
	if (mirror_addr_known(m, dst))
		return -EADDRINUSE;
	const uint32_t *n_by_len = m->n_by_len[dst->family == 6];
	const struct route *r = NULL;
	for (int len = addr_bits(dst); len >= 0 && !r; len--)
		if (n_by_len[len])
			r = route_best(m, dst, (uint8_t)len);
	if (!r || r->r.ifindex == 0)
		return -ENETUNREACH;
	const struct ipaddr *ip = r->r.gateway.family ? &r->r.gateway : dst;
	uint32_t h = hop_hash(r->r.ifindex, ip);
	struct mirror_hop *hop = hop_find(m, r->r.ifindex, ip, h);
	if (!hop)
		hop = hop_new(m, r->r.ifindex, ip, h);
	if (!hop)
		return -ENOMEM;
	*ret_hop = hop;
	return 0;
}

int mirror_user_set(struct mirror *m, struct mirror_user *user, const struct ipaddr *dst)
{
	struct mirror_hop *hop;
	int err = hop_towards(m, dst, &hop);
	if (err) {
		mirror_user_clear(m, user);
		return err;
	}
	if (hop == user->hop)
		return 0;
	mirror_user_clear(m, user);
	if (LIST_EMPTY(&hop->users)) {
		LIST_INSERT_HEAD(&m->used, hop, used_link);
		m->n_used++;
		if (!hop->resolved || hop->stale)
			m->ops->hop_probe(hop, m->arg);
	}
	LIST_INSERT_HEAD(&hop->users, user, link);
	user->hop = hop;
	return 0;
}

void mirror_user_clear(struct mirror *m, struct mirror_user *user)
{
	struct mirror_hop *hop = user->hop;
	if (!hop)
		return;
	user->hop = NULL;
	LIST_REMOVE(user, link);
	if (!LIST_EMPTY(&hop->users))
		return;
	LIST_REMOVE(hop, used_link);
	m->n_used--;
	hop_reap(m, hop);
}

void mirror_probe_used(struct mirror *m, bool stale)
{
	const struct mirror_hop *hop;
	LIST_FOREACH(hop, &m->used, used_link)
		if (!hop->resolved || (stale && hop->stale))
			m->ops->hop_probe(hop, m->arg);
}

void mirror_count_get(const struct mirror *m, struct mirror_count *ret_count)
{
	*ret_count = (struct mirror_count){
		.routes = m->n_routes,
		.addrs = m->n_addrs,
		.neighs = m->n_neighs,
		.used = m->n_used,
	};
}
