/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses, routes and link states into the kernel; see nlw.h. */
#include "controlplane/netlink/nlw.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"

LOG_TOPIC("netlink");

#define SETTLE_MS 20   /* events come in swarms: look once after them */
#define RETRY_MS  1000 /* while something could not be done */
#define PATIENCE  3    /* rounds until it is logged: interfaces and routes come one by one */

struct nlw {
	struct nl_sock *requests, *events;
	struct event *readable, *timer;
	const struct cfg *cfg;
	bool failing;	       /* in this round something could not be done */
	unsigned int n_failed; /* rounds in a row, at most one a second */
	char told[256]; /* the first fault of the last round, so that a retry says nothing new */
	char fault[256];
};

__attribute__((format(printf, 2, 3))) static void fault(struct nlw *nlw, const char *fmt, ...)
{
	va_list ap;

	if (nlw->failing)
		return;
	nlw->failing = true;
	va_start(ap, fmt);
	vsnprintf(nlw->fault, sizeof(nlw->fault), fmt, ap);
	va_end(ap);
}

static struct nl_addr *to_nl(const struct ipaddr *addr, unsigned int prefix_len)
{
	int family = addr->family == 4 ? AF_INET : AF_INET6;
	struct nl_addr *nl = nl_addr_build(family, addr->ip, addr->family == 4 ? 4 : 16);

	if (nl != NULL)
		nl_addr_set_prefixlen(nl, (int)prefix_len);
	return nl;
}

/* ---- addresses ---- */

static bool is_addr(const struct nl_addr *nl, const struct cfg_prefix *prefix)
{
	int family = prefix->addr.family == 4 ? AF_INET : AF_INET6;

	return nl != NULL && nl_addr_get_family(nl) == family &&
	       nl_addr_get_prefixlen(nl) == prefix->len &&
	       memcmp(nl_addr_get_binary_addr(nl), prefix->addr.ip, nl_addr_get_len(nl)) == 0;
}

static const struct cfg_prefix *wanted_addr(
	const struct cfg_interface *interface, const struct nl_addr *nl)
{
	for (uint32_t i = 0; interface != NULL && i < interface->n_address; i++) {
		if (is_addr(nl, &interface->address[i]))
			return &interface->address[i];
	}
	return NULL;
}

static void addr_add(
	struct nlw *nlw, const char *name, int ifindex, const struct cfg_prefix *prefix)
{
	struct rtnl_addr *addr = rtnl_addr_alloc();
	struct nl_addr *local = to_nl(&prefix->addr, prefix->len);
	char text[IPADDR_TEXT_MAX];
	int ret = -NLE_NOMEM;

	if (addr != NULL && local != NULL) {
		rtnl_addr_set_ifindex(addr, ifindex);
		rtnl_addr_set_local(addr, local);
		/* The box is told its addresses; waiting for duplicates would delay SIP by seconds. */
		if (prefix->addr.family == 6)
			rtnl_addr_set_flags(addr, IFA_F_NODAD);
		ret = rtnl_addr_add(nlw->requests, addr, 0);
	}
	if (ret == 0)
		log_info("interface %s: address %s/%u added", name,
			ipaddr_print(&prefix->addr, text), prefix->len);
	else if (ret != -NLE_EXIST)
		fault(nlw, "interface %s: address %s/%u cannot be added: %s", name,
			ipaddr_print(&prefix->addr, text), prefix->len, nl_geterror(ret));
	nl_addr_put(local);
	rtnl_addr_put(addr);
}

static void addr_del(struct nlw *nlw, const char *name, struct rtnl_addr *addr)
{
	char text[80];
	int ret = rtnl_addr_delete(nlw->requests, addr, 0);

	nl_addr2str(rtnl_addr_get_local(addr), text, sizeof(text));
	if (ret == 0)
		log_info("interface %s: address %s removed", name, text);
	else if (ret != -NLE_NOADDR)
		fault(nlw, "interface %s: address %s cannot be removed: %s", name, text,
			nl_geterror(ret));
}

static bool is_link_local(struct rtnl_addr *addr)
{
	return rtnl_addr_get_family(addr) == AF_INET6 && rtnl_addr_get_scope(addr) == RT_SCOPE_LINK;
}

static void sync_addrs(
	struct nlw *nlw, struct nl_cache *addrs, const struct cfg_interface *interface, int ifindex)
{
	bool have[CFG_LIST_MAX] = {false};

	for (struct nl_object *o = nl_cache_get_first(addrs), *next; o != NULL; o = next) {
		struct rtnl_addr *addr = (struct rtnl_addr *)o;
		next = nl_cache_get_next(o);
		if (rtnl_addr_get_ifindex(addr) != ifindex)
			continue;
		const struct cfg_prefix *wanted = wanted_addr(interface, rtnl_addr_get_local(addr));
		if (wanted != NULL)
			have[wanted - interface->address] = true;
		else if (cfg_interface_has_device(interface) && !is_link_local(addr))
			addr_del(nlw, interface->name, addr);
	}
	for (uint32_t i = 0; i < interface->n_address; i++) {
		if (!have[i])
			addr_add(nlw, interface->name, ifindex, &interface->address[i]);
	}
}

/* Of interfaces that Linux has by itself: what the last configuration had and this one has not. */
static void remove_old_addrs(struct nlw *nlw, struct nl_cache *addrs, const struct cfg *old)
{
	for (struct nl_object *o = nl_cache_get_first(addrs), *next; o != NULL; o = next) {
		struct rtnl_addr *addr = (struct rtnl_addr *)o;
		char name[IF_NAMESIZE];
		next = nl_cache_get_next(o);
		if (if_indextoname((unsigned int)rtnl_addr_get_ifindex(addr), name) == NULL)
			continue;
		const struct cfg_interface *before = cfg_find_interface(old, name);
		if (before == NULL || cfg_interface_has_device(before))
			continue;
		if (wanted_addr(before, rtnl_addr_get_local(addr)) != NULL &&
			wanted_addr(cfg_find_interface(nlw->cfg, name),
				rtnl_addr_get_local(addr)) == NULL)
			addr_del(nlw, name, addr);
	}
}

/* ---- links ---- */

static void sync_link(
	struct nlw *nlw, const struct cfg_interface *interface, struct rtnl_link *link)
{
	bool is_up = (rtnl_link_get_flags(link) & IFF_UP) != 0;
	struct rtnl_link *change;

	if (is_up == !interface->shutdown || (change = rtnl_link_alloc()) == NULL)
		return;
	if (interface->shutdown)
		rtnl_link_unset_flags(change, IFF_UP);
	else
		rtnl_link_set_flags(change, IFF_UP);
	int ret = rtnl_link_change(nlw->requests, link, change, 0);
	if (ret < 0)
		fault(nlw, "interface %s cannot be set %s: %s", interface->name,
			interface->shutdown ? "down" : "up", nl_geterror(ret));
	rtnl_link_put(change);
}

static void sync_interface(
	struct nlw *nlw, struct nl_cache *addrs, const struct cfg_interface *interface)
{
	struct rtnl_link *link = NULL;

	if (rtnl_link_get_kernel(nlw->requests, 0, interface->name, &link) < 0)
		return; /* an event will tell when it comes */
	sync_link(nlw, interface, link);
	sync_addrs(nlw, addrs, interface, rtnl_link_get_ifindex(link));
	rtnl_link_put(link);
}

/* ---- routes ---- */

static bool is_route(struct rtnl_route *route, const struct cfg_route *wanted)
{
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);
	struct cfg_prefix gateway = {
		.addr = wanted->next_hop, .len = wanted->next_hop.family == 4 ? 32 : 128};
	struct nl_addr *dst = rtnl_route_get_dst(route);

	if (hop == NULL || rtnl_route_get_nnexthops(route) != 1 ||
		!is_addr(rtnl_route_nh_get_gateway(hop), &gateway))
		return false;
	if (wanted->dest.len == 0) /* a default route has no address bytes */
		return dst != NULL && nl_addr_get_prefixlen(dst) == 0;
	return is_addr(dst, &wanted->dest);
}

static bool is_ours(struct rtnl_route *route)
{
	return rtnl_route_get_protocol(route) == NLW_ROUTE_PROTOCOL &&
	       rtnl_route_get_table(route) == RT_TABLE_MAIN;
}

static const char *route_error(int ret)
{
	if (ret == -NLE_EXIST)
		return "Linux has another route to it";
	if (ret == -NLE_FAILURE) /* what libnl makes of ENETUNREACH and EHOSTUNREACH */
		return "the next hop is on no interface that is up";
	return nl_geterror(ret);
}

static void route_add(struct nlw *nlw, const struct cfg_route *wanted)
{
	struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct nl_addr *dst = to_nl(&wanted->dest.addr, wanted->dest.len);
	struct nl_addr *gateway = to_nl(&wanted->next_hop, wanted->next_hop.family == 4 ? 32 : 128);
	char dest_text[IPADDR_TEXT_MAX], hop_text[IPADDR_TEXT_MAX];
	int ret = -NLE_NOMEM;

	if (route != NULL && hop != NULL && dst != NULL && gateway != NULL) {
		rtnl_route_set_family(route, wanted->dest.addr.family == 4 ? AF_INET : AF_INET6);
		rtnl_route_set_dst(route, dst);
		rtnl_route_set_table(route, RT_TABLE_MAIN);
		rtnl_route_set_protocol(route, NLW_ROUTE_PROTOCOL);
		rtnl_route_nh_set_gateway(hop, gateway);
		rtnl_route_add_nexthop(route, hop);
		hop = NULL; /* the route's now */
		ret = rtnl_route_add(nlw->requests, route, NLM_F_EXCL);
	}
	ipaddr_print(&wanted->dest.addr, dest_text);
	ipaddr_print(&wanted->next_hop, hop_text);
	if (ret == 0)
		log_info("route %s/%u via %s added", dest_text, wanted->dest.len, hop_text);
	else
		fault(nlw, "route %s/%u via %s cannot be added: %s", dest_text, wanted->dest.len,
			hop_text, route_error(ret));
	nl_addr_put(dst);
	nl_addr_put(gateway);
	if (hop != NULL)
		rtnl_route_nh_free(hop);
	rtnl_route_put(route);
}

static void sync_routes(struct nlw *nlw)
{
	const struct cfg *cfg = nlw->cfg;
	bool *have = calloc(cfg->n_routes + 1, sizeof(*have));
	struct nl_cache *routes = NULL;

	if (have == NULL || rtnl_route_alloc_cache(nlw->requests, AF_UNSPEC, 0, &routes) < 0) {
		fault(nlw, "the kernel's routes cannot be read");
		free(have);
		return;
	}
	for (struct nl_object *o = nl_cache_get_first(routes), *next; o != NULL; o = next) {
		struct rtnl_route *route = (struct rtnl_route *)o;
		uint32_t i;
		next = nl_cache_get_next(o);
		if (!is_ours(route))
			continue;
		for (i = 0; i < cfg->n_routes && !is_route(route, &cfg->routes[i]); i++)
			continue;
		if (i < cfg->n_routes)
			have[i] = true;
		else
			rtnl_route_delete(nlw->requests, route, 0);
	}
	for (uint32_t i = 0; i < cfg->n_routes; i++) {
		if (!have[i] && ipaddr_is_set(&cfg->routes[i].next_hop))
			route_add(nlw, &cfg->routes[i]);
	}
	nl_cache_free(routes);
	free(have);
}

/* ---- rounds ---- */

static void look_again(struct nlw *nlw, unsigned int ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000};
	event_add(nlw->timer, &tv);
}

static void sync_all(struct nlw *nlw, const struct cfg *old)
{
	struct nl_cache *addrs = NULL;

	nlw->failing = false;
	if (rtnl_addr_alloc_cache(nlw->requests, &addrs) < 0) {
		fault(nlw, "the kernel's addresses cannot be read");
	} else {
		if (old != NULL)
			remove_old_addrs(nlw, addrs, old);
		for (uint32_t i = 0; i < nlw->cfg->n_interfaces; i++)
			sync_interface(nlw, addrs, &nlw->cfg->interfaces[i]);
		nl_cache_free(addrs);
	}
	sync_routes(nlw);
	if (!nlw->failing) {
		if (nlw->told[0] != '\0')
			log_notice("addresses and routes are as configured");
		nlw->told[0] = '\0';
		nlw->n_failed = 0;
		return;
	}
	if (++nlw->n_failed > PATIENCE && strcmp(nlw->fault, nlw->told) != 0) {
		log_warning("%s; it is tried again", nlw->fault);
		snprintf(nlw->told, sizeof(nlw->told), "%s", nlw->fault);
	}
	look_again(nlw, RETRY_MS);
}

static void timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct nlw *nlw = arg;

	if (nlw->cfg != NULL)
		sync_all(nlw, NULL);
}

static int event_seen(struct nl_msg *msg, void *arg)
{
	*(bool *)arg = true;
	return NL_OK;
}

static void readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct nlw *nlw = arg;
	bool seen = false;

	nl_socket_modify_cb(nlw->events, NL_CB_VALID, NL_CB_CUSTOM, event_seen, &seen);
	/* An overflow (-NLE_NOMEM) says that events were lost: the same as having seen one. */
	int ret = nl_recvmsgs_default(nlw->events);
	if (seen || (ret < 0 && ret != -NLE_AGAIN))
		look_again(nlw, SETTLE_MS);
}

static int open_sockets(struct nlw *nlw)
{
	nlw->requests = nl_socket_alloc();
	nlw->events = nl_socket_alloc();
	if (nlw->requests == NULL || nlw->events == NULL)
		return -ENOMEM;
	nl_socket_disable_seq_check(nlw->events);
	if (nl_connect(nlw->requests, NETLINK_ROUTE) < 0 ||
		nl_connect(nlw->events, NETLINK_ROUTE) < 0 ||
		nl_socket_add_memberships(nlw->events, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
			RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, 0) < 0)
		return -EPERM;
	nl_socket_set_nonblocking(nlw->events);
	return 0;
}

int nlw_new(struct event_base *base, struct nlw **ret_nlw)
{
	struct nlw *nlw = calloc(1, sizeof(*nlw));
	int ret = nlw == NULL ? -ENOMEM : open_sockets(nlw);

	if (ret == 0) {
		nlw->readable = event_new(base, nl_socket_get_fd(nlw->events), EV_READ | EV_PERSIST,
			readable_cb, nlw);
		nlw->timer = event_new(base, -1, 0, timer_cb, nlw);
		if (nlw->readable == NULL || nlw->timer == NULL ||
			event_add(nlw->readable, NULL) < 0)
			ret = -ENOMEM;
	}
	if (ret < 0) {
		nlw_free(nlw);
		return ret;
	}
	*ret_nlw = nlw;
	return 0;
}

void nlw_free(struct nlw *nlw)
{
	if (nlw == NULL)
		return;
	if (nlw->readable != NULL)
		event_free(nlw->readable);
	if (nlw->timer != NULL)
		event_free(nlw->timer);
	nl_socket_free(nlw->requests);
	nl_socket_free(nlw->events);
	free(nlw);
}

void nlw_apply(struct nlw *nlw, const struct cfg *old, const struct cfg *cfg)
{
	nlw->cfg = cfg;
	sync_all(nlw, old);
}

void nlw_link(struct nlw *nlw, const char *name, struct nlw_link *ret_link)
{
	struct rtnl_link *link = NULL;
	struct nl_addr *mac;

	memset(ret_link, 0, sizeof(*ret_link));
	if (rtnl_link_get_kernel(nlw->requests, 0, name, &link) < 0)
		return;
	ret_link->known = true;
	ret_link->carrier = rtnl_link_get_carrier(link) != 0;
	ret_link->up = (rtnl_link_get_flags(link) & IFF_UP) != 0 && ret_link->carrier;
	ret_link->mtu = rtnl_link_get_mtu(link);
	mac = rtnl_link_get_addr(link);
	if (mac != NULL && nl_addr_get_len(mac) == 6)
		memcpy(ret_link->mac, nl_addr_get_binary_addr(mac), 6);
	rtnl_link_put(link);
}
