/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mirror of routes, addresses and neighbours, fed with events by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/linux/mirror.h"

struct seen {
	unsigned int hops, routes, probes;
	const struct mirror_hop *last_hop, *last_probe;
};

static void hop_changed(struct mirror_hop *hop, void *arg)
{
	struct seen *s = arg;
	s->hops++;
	s->last_hop = hop;
}

static void routes_changed(void *arg)
{
	((struct seen *)arg)->routes++;
}

static void hop_probe(const struct mirror_hop *hop, void *arg)
{
	struct seen *s = arg;
	s->probes++;
	s->last_probe = hop;
}

static const struct mirror_ops ops = {hop_changed, routes_changed, hop_probe};
static const uint8_t mac_1[6] = {2, 0, 0, 0, 0, 1}, mac_2[6] = {2, 0, 0, 0, 0, 2};

static struct ipaddr ip(const char *text)
{
	struct ipaddr a;
	assert_int_equal(ipaddr_parse(view_of(text), 0, &a), 0);
	return a;
}

static struct mirror_route route(
	const char *dst, uint8_t len, int ifindex, const char *gateway, uint32_t metric)
{
	struct mirror_route r = {
		.dst = ip(dst), .prefix_len = len, .ifindex = ifindex, .metric = metric};
	if (gateway)
		r.gateway = ip(gateway);
	return r;
}

static void set(struct mirror *m, struct mirror_route r)
{
	assert_int_equal(mirror_route_set(m, &r), 0);
}

static void del(struct mirror *m, struct mirror_route r)
{
	mirror_route_del(m, &r);
}

/* The hop towards dst: its address (or NULL for none) and interface. */
static void expect_hop(struct mirror *m, const char *dst, int err, const char *hop, int ifindex)
{
	struct mirror_user user = {0};
	struct ipaddr to = ip(dst);
	assert_int_equal(mirror_user_set(m, &user, &to), err);
	if (err) {
		assert_null(user.hop);
		return;
	}
	struct ipaddr want = ip(hop);
	assert_true(ipaddr_equal(&user.hop->ip, &want));
	assert_int_equal(user.hop->ifindex, ifindex);
	mirror_user_clear(m, &user);
}

static void test_longest_prefix(void **state)
{
	struct seen seen = {0};
	struct mirror *m = mirror_new(&ops, &seen);
	expect_hop(m, "192.0.2.10", -ENETUNREACH, NULL, 0);
	set(m, route("0.0.0.0", 0, 3, "192.0.2.254", 0));
	set(m, route("192.0.2.0", 24, 3, NULL, 0));
	set(m, route("192.0.2.128", 25, 4, NULL, 0));
	set(m, route("192.0.2.200", 32, 3, "192.0.2.7", 0));
	set(m, route("198.51.100.0", 24, 0, NULL, 0)); /* unreachable */
	set(m, route("::", 0, 3, "fe80::1", 1024));
	set(m, route("2001:db8:1::", 64, 3, NULL, 256));
	static const struct {
		const char *dst, *hop;
		int err, ifindex;
	} cases[] = {
		{"192.0.2.10", "192.0.2.10", 0, 3},
		{"192.0.2.127", "192.0.2.127", 0, 3},
		{"192.0.2.128", "192.0.2.128", 0, 4},
		{"192.0.2.200", "192.0.2.7", 0, 3},
		{"192.0.2.201", "192.0.2.201", 0, 4},
		{"203.0.113.1", "192.0.2.254", 0, 3},
		{"198.51.100.9", NULL, -ENETUNREACH, 0},
		{"2001:db8:1::10", "2001:db8:1::10", 0, 3},
		{"2001:db8:2::10", "fe80::1", 0, 3},
	};
	for (unsigned int i = 0; i < sizeof cases / sizeof cases[0]; i++)
		expect_hop(m, cases[i].dst, cases[i].err, cases[i].hop, cases[i].ifindex);
	/* A route of the other family's bits must not match: 0x20010db8 is 32.1.13.184. */
	expect_hop(m, "32.1.13.184", 0, "192.0.2.254", 3);
	mirror_free(m);
}

static void test_metric_and_order(void **state)
{
	struct seen seen = {0};
	struct mirror *m = mirror_new(&ops, &seen);
	set(m, route("203.0.113.0", 24, 3, "192.0.2.1", 100));
	set(m, route("203.0.113.0", 24, 3, "192.0.2.2", 50));
	set(m, route("203.0.113.0", 24, 3, "192.0.2.3", 50));
	expect_hop(m, "203.0.113.5", 0, "192.0.2.2", 3);
	del(m, route("203.0.113.0", 24, 3, "192.0.2.2", 50));
	expect_hop(m, "203.0.113.5", 0, "192.0.2.3", 3);
	del(m, route("203.0.113.0", 24, 3, "192.0.2.3", 50));
	expect_hop(m, "203.0.113.5", 0, "192.0.2.1", 3);
	del(m, route("203.0.113.0", 24, 4, "192.0.2.1", 100)); /* another interface: not it */
	expect_hop(m, "203.0.113.5", 0, "192.0.2.1", 3);
	del(m, route("203.0.113.9", 24, 3, "192.0.2.1", 100)); /* host bits do not matter */
	expect_hop(m, "203.0.113.5", -ENETUNREACH, NULL, 0);
	mirror_free(m);
}

static void test_bad_routes(void **state)
{
	struct seen seen = {0};
	struct mirror *m = mirror_new(&ops, &seen);
	struct mirror_route r = route("192.0.2.0", 24, 3, NULL, 0);
	r.prefix_len = 33;
	assert_int_equal(mirror_route_set(m, &r), -EINVAL);
	r.dst.family = 0;
	r.prefix_len = 0;
	assert_int_equal(mirror_route_set(m, &r), -EINVAL);
	assert_int_equal(seen.routes, 0);
	mirror_free(m);
}

static void test_own_address(void **state)
{
	struct seen seen = {0};
	struct mirror *m = mirror_new(&ops, &seen);
	struct ipaddr own = ip("192.0.2.1");
	set(m, route("192.0.2.0", 24, 3, NULL, 0));
	assert_int_equal(mirror_addr_set(m, 3, &own), 0);
	assert_true(mirror_addr_known(m, &own));
	expect_hop(m, "192.0.2.1", -EADDRINUSE, NULL, 0);
	mirror_addr_del(m, 4, &own); /* of another interface */
	assert_true(mirror_addr_known(m, &own));
	mirror_addr_del(m, 3, &own);
	expect_hop(m, "192.0.2.1", 0, "192.0.2.1", 3);
	mirror_free(m);
}

static void test_neighbour_life(void **state)
{
	struct seen seen = {0};
	struct mirror *m = mirror_new(&ops, &seen);
	struct mirror_user a = {0}, b = {0};
	struct ipaddr dst = ip("192.0.2.10");
	set(m, route("192.0.2.0", 24, 3, NULL, 0));
	/* Unknown: provoked, once for all users. */
	assert_int_equal(mirror_user_set(m, &a, &dst), 0);
	assert_int_equal(mirror_user_set(m, &b, &dst), 0);
	assert_int_equal(mirror_user_set(m, &b, &dst), 0);
	assert_ptr_equal(a.hop, b.hop);
	assert_int_equal(seen.probes, 1);
	assert_false(a.hop->resolved);
	assert_int_equal(mirror_neigh_set(m, 3, &dst, NULL, false), 0);
	assert_int_equal(seen.hops, 0); /* still unresolved: no news */
	assert_int_equal(mirror_neigh_set(m, 3, &dst, mac_1, false), 0);
	assert_int_equal(seen.hops, 1);
	assert_ptr_equal(seen.last_hop, a.hop);
	assert_memory_equal(a.hop->mac, mac_1, 6);
	assert_int_equal(mirror_neigh_set(m, 3, &dst, mac_1, true), 0);
	assert_int_equal(seen.hops, 1); /* stale, same MAC: no news */
	assert_int_equal(mirror_neigh_set(m, 4, &dst, mac_2, false), 0);
	assert_int_equal(seen.hops, 1); /* another link */
	assert_int_equal(mirror_neigh_set(m, 3, &dst, mac_2, false), 0);
	assert_int_equal(seen.hops, 2);
	/* Forgotten by the kernel although used: unresolved, and provoked again. */
	mirror_neigh_del(m, 3, &dst);
	assert_int_equal(seen.hops, 3);
	assert_int_equal(seen.probes, 2);
	assert_false(a.hop->resolved);
	/* Only what is used is provoked from time to time. */
	mirror_probe_used(m, false);
	assert_int_equal(seen.probes, 3);
	mirror_user_clear(m, &a);
	mirror_user_clear(m, &b);
	mirror_probe_used(m, true);
	assert_int_equal(seen.probes, 3);
	struct mirror_count n;
	mirror_count_get(m, &n);
	assert_int_equal(n.neighs, 1); /* the one of the other link, which the kernel has */
	assert_int_equal(n.used, 0);
	mirror_free(m);
}

static void test_stale_probe(void **state)
{
	struct seen seen = {0};
	struct mirror *m = mirror_new(&ops, &seen);
	struct mirror_user a = {0};
	struct ipaddr dst = ip("2001:db8:1::10");
	set(m, route("2001:db8:1::", 64, 3, NULL, 0));
	assert_int_equal(mirror_neigh_set(m, 3, &dst, mac_1, false), 0);
	assert_int_equal(mirror_user_set(m, &a, &dst), 0);
	assert_int_equal(seen.probes, 0);
	assert_int_equal(mirror_neigh_set(m, 3, &dst, mac_1, true), 0);
	mirror_probe_used(m, false);
	assert_int_equal(seen.probes, 0);
	mirror_probe_used(m, true);
	assert_int_equal(seen.probes, 1);
	mirror_free(m);
}

static void test_user_moves(void **state)
{
	struct seen seen = {0};
	struct mirror *m = mirror_new(&ops, &seen);
	struct mirror_user a = {0};
	struct ipaddr dst = ip("203.0.113.5");
	set(m, route("0.0.0.0", 0, 3, "192.0.2.1", 0));
	assert_int_equal(mirror_user_set(m, &a, &dst), 0);
	const struct mirror_hop *before = a.hop;
	unsigned int told = seen.routes;
	set(m, route("203.0.113.0", 24, 4, "198.51.100.1", 0));
	assert_int_equal(seen.routes, told + 1);
	assert_ptr_equal(a.hop, before); /* until the user asks again */
	assert_int_equal(mirror_user_set(m, &a, &dst), 0);
	assert_int_equal(a.hop->ifindex, 4);
	set(m, route("203.0.113.5", 32, 0, NULL, 0));
	assert_int_equal(mirror_user_set(m, &a, &dst), -ENETUNREACH);
	assert_null(a.hop);
	struct mirror_count n;
	mirror_count_get(m, &n);
	assert_int_equal(n.neighs, 0); /* nobody holds the old hops */
	mirror_free(m);
}

static void test_resync(void **state)
{
	struct seen seen = {0};
	struct mirror *m = mirror_new(&ops, &seen);
	struct ipaddr own = ip("192.0.2.1"), n_1 = ip("192.0.2.10"), n_2 = ip("192.0.2.11");
	struct mirror_user a = {0};
	set(m, route("192.0.2.0", 24, 3, NULL, 0));
	set(m, route("203.0.113.0", 24, 3, "192.0.2.9", 0));
	assert_int_equal(mirror_addr_set(m, 3, &own), 0);
	assert_int_equal(mirror_neigh_set(m, 3, &n_1, mac_1, false), 0);
	assert_int_equal(mirror_neigh_set(m, 3, &n_2, mac_2, false), 0);
	assert_int_equal(mirror_user_set(m, &a, &n_1), 0);
	seen = (struct seen){0};
	/* The same again: nothing is told. */
	mirror_mark(m);
	set(m, route("192.0.2.0", 24, 3, NULL, 0));
	set(m, route("203.0.113.0", 24, 3, "192.0.2.9", 0));
	assert_int_equal(mirror_addr_set(m, 3, &own), 0);
	assert_int_equal(mirror_neigh_set(m, 3, &n_1, mac_1, false), 0);
	assert_int_equal(mirror_neigh_set(m, 3, &n_2, mac_2, false), 0);
	mirror_sweep(m, MIRROR_ROUTES | MIRROR_ADDRS | MIRROR_NEIGHS);
	assert_int_equal(seen.hops + seen.routes + seen.probes, 0);
	/* Less and other than before: told once, and at the end. */
	mirror_mark(m);
	set(m, route("192.0.2.0", 24, 3, NULL, 0));
	set(m, route("203.0.113.0", 24, 3, "192.0.2.8", 0));
	assert_int_equal(seen.routes, 0);
	mirror_sweep(m, MIRROR_ROUTES | MIRROR_NEIGHS);
	assert_int_equal(seen.routes, 1);
	assert_int_equal(seen.hops, 1); /* the used one is unresolved now */
	assert_int_equal(seen.probes, 1);
	assert_true(mirror_addr_known(m, &own)); /* this kind was not swept */
	expect_hop(m, "203.0.113.5", 0, "192.0.2.8", 3);
	struct mirror_count n;
	mirror_count_get(m, &n);
	assert_int_equal(n.routes, 2);
	assert_int_equal(n.neighs, 1);
	mirror_free(m);
}

/* Against the definition: of all routes that match, the longest with the lowest metric. */
static void test_many_routes(void **state)
{
	enum { N = 3000, LOOKUPS = 3000 };
	struct seen seen = {0};
	struct mirror *m = mirror_new(&ops, &seen);
	struct mirror_route *all = calloc(N, sizeof *all);
	uint32_t x = 12345;
	for (unsigned int i = 0; i < N; i++) {
		x = x * 1664525u + 1013904223u;
		struct mirror_route r = {.prefix_len = (uint8_t)(8 + (x >> 27) % 25), .ifindex = 3};
		r.dst.family = 4;
		/* Few different top bits, so that prefixes nest. */
		uint8_t b[4] = {10, (uint8_t)(x >> 8 & 3), (uint8_t)(x >> 16), (uint8_t)(x >> 4)};
		for (unsigned int k = 0; k < 4; k++) {
			unsigned int keep = r.prefix_len > k * 8 ? r.prefix_len - k * 8 : 0;
			r.dst.ip[k] = keep >= 8 ? b[k] : b[k] & (uint8_t)(0xff00 >> keep);
		}
		r.gateway = (struct ipaddr){
			.family = 4, .ip = {1, (uint8_t)(i >> 8), (uint8_t)i, 1}};
		r.metric = i; /* unique, so that the answer is */
		all[i] = r;
		set(m, r);
	}
	for (unsigned int i = 0; i < LOOKUPS; i++) {
		x = x * 1664525u + 1013904223u;
		struct ipaddr dst = {.family = 4,
			.ip = {10, (uint8_t)(x >> 8 & 3), (uint8_t)(x >> 16), (uint8_t)(x >> 4)}};
		const struct mirror_route *best = NULL;
		for (unsigned int k = 0; k < N; k++) {
			const struct mirror_route *r = &all[k];
			unsigned int bytes = r->prefix_len / 8, bits = r->prefix_len % 8;
			if (memcmp(r->dst.ip, dst.ip, bytes) ||
				(bits && (r->dst.ip[bytes] ^ dst.ip[bytes]) >> (8 - bits)))
				continue;
			if (!best || r->prefix_len > best->prefix_len ||
				(r->prefix_len == best->prefix_len && r->metric < best->metric))
				best = r;
		}
		struct mirror_user user = {0};
		assert_int_equal(mirror_user_set(m, &user, &dst), best ? 0 : -ENETUNREACH);
		if (best)
			assert_true(ipaddr_equal(&user.hop->ip, &best->gateway));
		mirror_user_clear(m, &user);
	}
	for (unsigned int i = 0; i < N; i++)
		mirror_route_del(m, &all[i]);
	struct mirror_count n;
	mirror_count_get(m, &n);
	assert_int_equal(n.routes, 0);
	assert_int_equal(n.neighs, 0);
	free(all);
	mirror_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest_prefix),
		cmocka_unit_test(test_metric_and_order),
		cmocka_unit_test(test_bad_routes),
		cmocka_unit_test(test_own_address),
		cmocka_unit_test(test_neighbour_life),
		cmocka_unit_test(test_stale_probe),
		cmocka_unit_test(test_user_moves),
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_many_routes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
