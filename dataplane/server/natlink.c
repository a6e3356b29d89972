/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See natlink.h. */
#include "dataplane/server/natlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/server/datagram.h"

#define BURST	     64
#define DESTINATIONS 256 /* a power of 2 */

/* The next hop of a destination, kept so that the mirror goes on asking for its MAC address. */
struct destination {
	struct mirror_user user;
	uint64_t used_ms;
};

struct natlink {
	struct natlink_conf conf;
	struct destination destinations[DESTINATIONS];
};

struct natlink *natlink_new(const struct natlink_conf *conf)
{
	struct natlink *link = calloc(1, sizeof(*link));

	if (link)
		link->conf = *conf;
	return link;
}

void natlink_free(struct natlink *link)
{
	if (!link)
		return;
	for (unsigned int i = 0; i < DESTINATIONS; i++)
		mirror_user_clear(link->conf.mirror, &link->destinations[i].user);
	free(link);
}

static void deliver(struct natlink *link, const struct worker_nat *item)
{
	const uint8_t *frame = rte_pktmbuf_mtod(item->frame, const uint8_t *);
	struct dp_nat_packet head = {.rtcp = item->kind == STREAM_RTCP};
	struct datagram d;
	unsigned int leg;

	if (!sessions_slot(link->conf.sessions, item->slot, &head.session_id, &leg) ||
		datagram_read(frame, item->frame->data_len, &d) < 0 || d.len > DP_NAT_BYTES_MAX)
		return;
	head.leg = leg;
	head.remote = d.source;
	head.n = d.len;
	link->conf.ops->packet(link->conf.arg, &head, d.bytes);
}

unsigned int natlink_collect(struct natlink *link)
{
	struct worker_nat items[BURST];
	unsigned int n = worker_nats(link->conf.group, items, BURST);

	for (unsigned int i = 0; i < n; i++) {
		deliver(link, &items[i]);
		rte_pktmbuf_free(items[i].frame);
	}
	return n;
}

static unsigned int place_of(const struct ipaddr *ip)
{
	uint64_t sum = 0, word;

	for (unsigned int i = 0; i < sizeof(ip->ip); i += sizeof(word)) {
		memcpy(&word, ip->ip + i, sizeof(word));
		sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
	}
	return (unsigned int)(sum >> 32) % DESTINATIONS;
}

static int find_hop(struct natlink *link, const struct ipaddr *remote, uint64_t now_ms,
	struct stream_hop *ret_hop)
{
	struct ipaddr ip = *remote;
	struct destination *d = &link->destinations[place_of(remote)];
	const struct mirror_hop *hop;

	ip.port_be16 = 0;
	d->used_ms = now_ms;
	/* Anew each time: it costs a look-up and follows the routes. */
	if (mirror_user_set(link->conf.mirror, &d->user, &ip) < 0)
		return -EHOSTUNREACH;
	hop = d->user.hop;
	if (!hop || !hop->resolved ||
		!link->conf.ops->egress(
			link->conf.arg, hop->ifindex, &ret_hop->port, ret_hop->src_mac))
		return -EHOSTUNREACH;
	memcpy(ret_hop->dst_mac, hop->mac, sizeof(ret_hop->dst_mac));
	ret_hop->ready = true;
	return 0;
}

static bool can_be_remote(const struct ipaddr *a, uint8_t family)
{
	return ipaddr_valid(a) && a->family == family && ipaddr_port(a) != 0 && !ipaddr_is_any(a) &&
	       !ipaddr_is_multicast(a);
}

int natlink_send(struct natlink *link, const struct dp_nat_packet *packet, uint64_t now_ms)
{
	const struct dp_leg *leg = sessions_leg(
		link->conf.sessions, packet->session_id, packet->leg);
	struct stream_hop hop = {0};
	struct ipaddr from;
	struct rte_mbuf *m;
	int err;

	if (!leg || !(leg->flags & DP_LEG_NAT))
		return -ENOENT;
	if (packet->rtcp > 1 || (packet->rtcp && leg->flags & DP_LEG_RTCP_MUX) ||
		!can_be_remote(&packet->remote, leg->local.family))
		return -EINVAL;
	err = find_hop(link, &packet->remote, now_ms, &hop);
	if (err)
		return err;
	from = leg->local;
	from.port_be16 = htons((uint16_t)(ipaddr_port(&from) + packet->rtcp));
	m = rte_pktmbuf_alloc(link->conf.pool);
	if (!m)
		return -ENOBUFS;
	err = datagram_write(m, &hop, &from, &packet->remote, leg->dscp, packet->bytes, packet->n);
	if (err == 0)
		err = worker_inject(link->conf.group, hop.port, m);
	if (err)
		rte_pktmbuf_free(m);
	return err;
}

void natlink_second(struct natlink *link, uint64_t now_ms)
{
	for (unsigned int i = 0; i < DESTINATIONS; i++) {
		struct destination *d = &link->destinations[i];

		if (d->user.hop && now_ms - d->used_ms > NATLINK_KEEP_MS)
			mirror_user_clear(link->conf.mirror, &d->user);
	}
}
