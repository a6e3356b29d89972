/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See rtnl.h. Two sockets: events, and requests with their dumps. A dump may be newer than
 * events that still wait; playing those over it ends in the right state all the same, because
 * the last event of an object is the truth about it.
 */
#include "dataplane/linux/rtnl.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/log.h"

LOG_TOPIC("netlink");

#define EVENT_BUFFER	(4 << 20)
#define RESYNC_DELAY_MS 20
#define MSGS_PER_TURN	512

struct rtnl {
	struct mirror *mirror;
	struct nl_sock *events, *requests;
	struct event *readable, *resync_timer;
	unsigned int resync_kinds; /* wanted when resync_timer fires */
	bool short_of_memory;
	bool overrun; /* the event socket dropped something, and may still do */
	struct rtnl_stats stats;
};

static bool attr_ip(const struct nlattr *a, uint8_t family, struct ipaddr *ret)
{
	int n = family == AF_INET ? 4 : 16;
	if (!a || nla_len(a) != n)
		return false;
	*ret = (struct ipaddr){.family = family == AF_INET ? 4 : 6};
	memcpy(ret->ip, nla_data(a), (size_t)n);
	return true;
}

/* RTA_VIA: a gateway of the other family (RFC 5549). */
static void attr_via(const struct nlattr *a, struct ipaddr *ret)
{
	if (nla_len(a) < (int)sizeof(struct rtvia))
		return;
	const struct rtvia *via = nla_data(a);
	int n = nla_len(a) - (int)sizeof *via;
	if ((via->rtvia_family == AF_INET && n == 4) ||
		(via->rtvia_family == AF_INET6 && n == 16)) {
		*ret = (struct ipaddr){.family = via->rtvia_family == AF_INET ? 4 : 6};
		memcpy(ret->ip, via->rtvia_addr, (size_t)n);
	}
}

static void resync_later(struct rtnl *nl, unsigned int kinds)
{
	nl->resync_kinds |= kinds;
	if (!evtimer_pending(nl->resync_timer, NULL)) {
		struct timeval tv = {.tv_usec = RESYNC_DELAY_MS * 1000};
		evtimer_add(nl->resync_timer, &tv);
	}
}

static void fed(struct rtnl *nl, int err)
{
	if (err == -ENOMEM && !nl->short_of_memory) {
		nl->short_of_memory = true;
		log_err("no memory to mirror the kernel's tables: some next hops stay unresolved");
	}
}

/* The first hop of a multipath route (RTA_MULTIPATH is an array of struct rtnexthop). */
static void route_multipath(const struct nlattr *a, uint8_t family, struct mirror_route *r)
{
	const struct rtnexthop *nh = nla_data(a);
	int len = nla_len(a);
	if (len < (int)sizeof *nh || nh->rtnh_len < sizeof *nh || nh->rtnh_len > len)
		return;
	r->ifindex = nh->rtnh_ifindex;
	struct nlattr *tb[RTA_MAX + 1];
	struct nlattr *attrs = (struct nlattr *)(uintptr_t)RTNH_DATA(nh);
	if (nla_parse(tb, RTA_MAX, attrs, nh->rtnh_len - (int)sizeof *nh, NULL) < 0)
		return;
	if (tb[RTA_GATEWAY])
		attr_ip(tb[RTA_GATEWAY], family, &r->gateway);
	else if (tb[RTA_VIA])
		attr_via(tb[RTA_VIA], &r->gateway);
}

static bool route_parse(struct nlmsghdr *h, struct mirror_route *ret)
{
	struct nlattr *tb[RTA_MAX + 1];
	const struct rtmsg *rtm = nlmsg_data(h);
	if (nlmsg_parse(h, sizeof *rtm, tb, RTA_MAX, NULL) < 0)
		return false;
	if (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6)
		return false;
	uint32_t table = tb[RTA_TABLE] ? nla_get_u32(tb[RTA_TABLE]) : rtm->rtm_table;
	/* A cloned route is the kernel's own cache (IPv6 path MTU), not a configured one. */
	if (table != RT_TABLE_MAIN || (rtm->rtm_flags & RTM_F_CLONED) || rtm->rtm_tos ||
		rtm->rtm_src_len)
		return false;
	*ret = (struct mirror_route){.prefix_len = rtm->rtm_dst_len};
	ret->dst.family = rtm->rtm_family == AF_INET ? 4 : 6;
	if (rtm->rtm_dst_len && !attr_ip(tb[RTA_DST], rtm->rtm_family, &ret->dst))
		return false;
	if (tb[RTA_PRIORITY])
		ret->metric = nla_get_u32(tb[RTA_PRIORITY]);
	switch (rtm->rtm_type) {
	case RTN_UNREACHABLE:
	case RTN_BLACKHOLE:
	case RTN_PROHIBIT:
		return true;
	case RTN_UNICAST:
		break;
	default:
		return false;
	}
	if (tb[RTA_MULTIPATH])
		route_multipath(tb[RTA_MULTIPATH], rtm->rtm_family, ret);
	if (tb[RTA_OIF])
		ret->ifindex = (int)nla_get_u32(tb[RTA_OIF]);
	if (tb[RTA_GATEWAY])
		attr_ip(tb[RTA_GATEWAY], rtm->rtm_family, &ret->gateway);
	else if (tb[RTA_VIA])
		attr_via(tb[RTA_VIA], &ret->gateway);
	return ret->ifindex > 0;
}

static void on_route(struct rtnl *nl, struct nlmsghdr *h, bool is_event)
{
	struct mirror_route r;
	if (!route_parse(h, &r))
		return;
	if (h->nlmsg_type == RTM_DELROUTE) {
		mirror_route_del(nl->mirror, &r);
		return;
	}
	fed(nl, mirror_route_set(nl->mirror, &r));
	/* What was replaced is not said; where an appended one stands neither. */
	if (is_event && (h->nlmsg_flags & (NLM_F_REPLACE | NLM_F_APPEND)))
		resync_later(nl, MIRROR_ROUTES);
}

static void on_addr(struct rtnl *nl, struct nlmsghdr *h, bool is_event)
{
	struct nlattr *tb[IFA_MAX + 1];
	const struct ifaddrmsg *ifa = nlmsg_data(h);
	struct ipaddr ip;
	if (nlmsg_parse(h, sizeof *ifa, tb, IFA_MAX, NULL) < 0)
		return;
	if (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6)
		return;
	/* On a point-to-point link IFA_ADDRESS is the other end and IFA_LOCAL ours. */
	const struct nlattr *a = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!attr_ip(a, ifa->ifa_family, &ip))
		return;
	if (h->nlmsg_type == RTM_NEWADDR) {
		fed(nl, mirror_addr_set(nl->mirror, (int)ifa->ifa_index, &ip));
		return;
	}
	mirror_addr_del(nl->mirror, (int)ifa->ifa_index, &ip);
	if (is_event)
		resync_later(nl, MIRROR_ROUTES);
}

static void on_neigh(struct rtnl *nl, struct nlmsghdr *h)
{
	struct nlattr *tb[NDA_MAX + 1];
	const struct ndmsg *ndm = nlmsg_data(h);
	struct ipaddr ip;
	if (nlmsg_parse(h, sizeof *ndm, tb, NDA_MAX, NULL) < 0)
		return;
	if ((ndm->ndm_family != AF_INET && ndm->ndm_family != AF_INET6) ||
		(ndm->ndm_flags & NTF_PROXY) || !attr_ip(tb[NDA_DST], ndm->ndm_family, &ip))
		return;
	if (h->nlmsg_type == RTM_DELNEIGH) {
		mirror_neigh_del(nl->mirror, ndm->ndm_ifindex, &ip);
		return;
	}
	const unsigned int usable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE |
				    NUD_PERMANENT | NUD_NOARP;
	const uint8_t *mac = NULL;
	if ((ndm->ndm_state & usable) && tb[NDA_LLADDR] && nla_len(tb[NDA_LLADDR]) == 6)
		mac = nla_data(tb[NDA_LLADDR]);
	fed(nl, mirror_neigh_set(
			nl->mirror, ndm->ndm_ifindex, &ip, mac, ndm->ndm_state & NUD_STALE));
}

static void on_msg(struct rtnl *nl, struct nlmsghdr *h, bool is_event)
{
	switch (h->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		on_route(nl, h, is_event);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		on_addr(nl, h, is_event);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		on_neigh(nl, h);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (is_event)
			resync_later(nl, MIRROR_ROUTES | MIRROR_ADDRS | MIRROR_NEIGHS);
		break;
	default:
		break;
	}
}

static int on_event_msg(struct nl_msg *msg, void *arg)
{
	struct rtnl *nl = arg;
	nl->stats.events++;
	on_msg(nl, nlmsg_hdr(msg), true);
	return NL_OK;
}

static int on_dump_msg(struct nl_msg *msg, void *arg)
{
	on_msg(arg, nlmsg_hdr(msg), false);
	return NL_OK;
}

/*
 * After an overrun the kernel drops every further event in silence until the queue is empty. Only
 * then a dump tells the truth about what came meanwhile, and later events are complete again.
 */
static void on_drained(struct rtnl *nl)
{
	if (!nl->overrun)
		return;
	nl->overrun = false;
	resync_later(nl, MIRROR_ROUTES | MIRROR_ADDRS | MIRROR_NEIGHS);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct rtnl *nl = arg;
	for (int i = 0; i < MSGS_PER_TURN; i++) {
		int err = nl_recvmsgs_default(nl->events);
		if (err == -NLE_AGAIN) {
			on_drained(nl);
			return;
		}
		if (err == -NLE_NOMEM) { /* ENOBUFS */
			nl->stats.overruns++;
			nl->overrun = true;
			log_notice("events were lost: reading the kernel's tables again");
		} else if (err < 0 && err != -NLE_INTR) {
			log_warning("event socket: %s", nl_geterror(err));
			return;
		}
	}
}

/* One kind, one family. A dump that the kernel interrupted (tables changed) is taken again. */
static int dump(struct rtnl *nl, int type, int family)
{
	struct rtgenmsg gen = {.rtgen_family = (unsigned char)family};
	int err = -NLE_DUMP_INTR;
	for (int tries = 0; err == -NLE_DUMP_INTR && tries < 5; tries++) {
		err = nl_send_simple(nl->requests, type, NLM_F_DUMP, &gen, sizeof gen);
		if (err >= 0)
			err = nl_recvmsgs_default(nl->requests);
	}
	return err < 0 ? err : 0;
}

void rtnl_resync(struct rtnl *nl, unsigned int kinds)
{
	static const struct {
		unsigned int kind;
		int type;
	} dumps[] = {
		{MIRROR_ADDRS, RTM_GETADDR},
		{MIRROR_ROUTES, RTM_GETROUTE},
		{MIRROR_NEIGHS, RTM_GETNEIGH},
	};
	unsigned int complete = kinds;
	nl->stats.resyncs++;
	nl->short_of_memory = false;
	mirror_mark(nl->mirror);
	for (unsigned int i = 0; i < sizeof dumps / sizeof dumps[0]; i++) {
		if (!(kinds & dumps[i].kind))
			continue;
		int err = dump(nl, dumps[i].type, AF_INET);
		int err6 = dump(nl, dumps[i].type, AF_INET6);
		if (err == 0)
			err = err6;
		if (err) {
			log_warning("the kernel's tables could not be read: %s; trying again",
				nl_geterror(err));
			complete &= ~dumps[i].kind;
		}
	}
	/* Never sweep by half a dump. */
	mirror_sweep(nl->mirror, complete);
	if (complete != kinds)
		resync_later(nl, kinds & ~complete);
}

static void on_resync(evutil_socket_t fd, short what, void *arg)
{
	struct rtnl *nl = arg;
	unsigned int kinds = nl->resync_kinds;
	nl->resync_kinds = 0;
	rtnl_resync(nl, kinds);
}

void rtnl_probe(struct rtnl *nl, const struct mirror_hop *hop)
{
	struct ndmsg ndm = {
		.ndm_family = hop->ip.family == 4 ? AF_INET : AF_INET6,
		.ndm_ifindex = hop->ifindex,
		.ndm_flags = NTF_USE,
	};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE);
	if (!msg)
		return;
	nl->stats.probes++;
	if (nlmsg_append(msg, &ndm, sizeof ndm, NLMSG_ALIGNTO) == 0 &&
		nla_put(msg, NDA_DST, hop->ip.family == 4 ? 4 : 16, hop->ip.ip) == 0) {
		/* On the event socket: an error comes back there and is not waited for. */
		nl_complete_msg(nl->events, msg);
		int err = nl_send(nl->events, msg);
		if (err < 0)
			log_debug("probe: %s", nl_geterror(err));
	}
	nlmsg_free(msg);
}

/* A probe that failed (interface gone): the mirror hears of the reason by itself. */
static int on_event_error(struct sockaddr_nl *nla, struct nlmsgerr *err, void *arg)
{
	return NL_SKIP;
}

static int sockets_open(struct rtnl *nl)
{
	nl->events = nl_socket_alloc();
	nl->requests = nl_socket_alloc();
	if (!nl->events || !nl->requests)
		return -ENOMEM;
	nl_socket_disable_seq_check(nl->events);
	nl_socket_disable_auto_ack(nl->events);
	int err = nl_connect(nl->events, NETLINK_ROUTE);
	if (err == 0)
		err = nl_connect(nl->requests, NETLINK_ROUTE);
	if (err == 0)
		err = nl_socket_set_nonblocking(nl->events);
	if (err == 0)
		err = nl_socket_add_memberships(nl->events, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
			RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_NEIGH,
			0);
	if (err < 0) {
		log_err("cannot listen to the kernel's routes and neighbours: %s",
			nl_geterror(err));
		return -EIO;
	}
	/* More than rmem_max needs CAP_NET_ADMIN; without it an overrun resynchronises. */
	(void)nl_socket_set_buffer_size(nl->events, EVENT_BUFFER, 0);
	nl_socket_modify_cb(nl->events, NL_CB_VALID, NL_CB_CUSTOM, on_event_msg, nl);
	nl_socket_modify_err_cb(nl->events, NL_CB_CUSTOM, on_event_error, nl);
	nl_socket_modify_cb(nl->requests, NL_CB_VALID, NL_CB_CUSTOM, on_dump_msg, nl);
	return 0;
}

int rtnl_new(struct event_base *base, struct mirror *m, struct rtnl **ret_nl)
{
	struct rtnl *nl = calloc(1, sizeof *nl);
	if (!nl)
		return -ENOMEM;
	nl->mirror = m;
	int err = sockets_open(nl);
	if (err)
		goto fail;
	err = -ENOMEM;
	nl->resync_timer = evtimer_new(base, on_resync, nl);
	nl->readable = event_new(
		base, nl_socket_get_fd(nl->events), EV_READ | EV_PERSIST, on_readable, nl);
	if (!nl->resync_timer || !nl->readable || event_add(nl->readable, NULL))
		goto fail;
	rtnl_resync(nl, MIRROR_ROUTES | MIRROR_ADDRS | MIRROR_NEIGHS);
	*ret_nl = nl;
	return 0;
fail:
	rtnl_free(nl);
	return err;
}

void rtnl_free(struct rtnl *nl)
{
	if (!nl)
		return;
	if (nl->readable)
		event_free(nl->readable);
	if (nl->resync_timer)
		event_free(nl->resync_timer);
	nl_socket_free(nl->events);
	nl_socket_free(nl->requests);
	free(nl);
}

const struct rtnl_stats *rtnl_stats_get(const struct rtnl *nl)
{
	return &nl->stats;
}
