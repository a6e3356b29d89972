/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See police.h. Runs in the worker's thread, on the few frames that are not media. */
#include "dataplane/stages/police.h"

#include <string.h>

#define ETH_LEN	   14
#define BURST_MIN  64 /* packets */
#define BURST_PART 8  /* of a second's worth */
#define KNOWN_S	   2
#define QUIET_S	   60

enum { TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, TYPE_IPV6 = 0x86dd };
enum {
	PROTO_ICMP = 1,
	PROTO_IGMP = 2,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ICMP6 = 58,
	PROTO_OSPF = 89,
	PROTO_PIM = 103,
	PROTO_VRRP = 112,
};
enum { ND_FIRST = 133, ND_LAST = 137 }; /* router and neighbour discovery, redirect: RFC 4861 */

_Static_assert(DP_DROP_POLICE_ARP + DP_POLICE_TCP_NEW == DP_DROP_POLICE_TCP_NEW &&
		       DP_DROP_POLICE_ARP + DP_POLICE_OTHER == DP_DROP_POLICE_OTHER,
	"a drop reason for each class, in their order");

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static struct police_rate rate_of(uint32_t per_second, uint64_t tsc_hz)
{
	struct police_rate rate = {0};

	if (!per_second)
		return rate;
	rate.cost = tsc_hz / per_second ? tsc_hz / per_second : 1;
	rate.burst = tsc_hz / BURST_PART;
	if (rate.burst < rate.cost * BURST_MIN)
		rate.burst = rate.cost * BURST_MIN;
	return rate;
}

void police_configure(struct police *p, const struct dp_police *conf, uint64_t tsc_hz)
{
	for (unsigned int i = 0; i < DP_POLICE_N; i++) {
		p->class[i] = rate_of(conf->class[i].rate, tsc_hz);
		p->source[i] = rate_of(conf->class[i].source_rate, tsc_hz);
	}
	p->tsc_hz = tsc_hz;
	memcpy(p->sip_ports, conf->sip_ports, sizeof(p->sip_ports));
	p->n_sip_ports = (uint16_t)conf->n_sip_ports;
}

/* ---- classes ---- */

static bool is_sip(const struct police *p, uint16_t port)
{
	for (unsigned int i = 0; i < p->n_sip_ports; i++)
		if (p->sip_ports[i] == port)
			return true;
	return false;
}

static bool is_management(uint16_t port)
{
	switch (port) {
	case 22:  /* SSH */
	case 53:  /* DNS */
	case 80:  /* HTTP */
	case 123: /* NTP */
	case 161: /* SNMP */
	case 162:
	case 443: /* HTTPS */
	case 514: /* syslog */
	case 830: /* NETCONF */
		return true;
	default:
		return false;
	}
}

static bool is_routing(uint16_t port)
{
	switch (port) {
	case 179:  /* BGP */
	case 520:  /* RIP */
	case 521:  /* RIPng */
	case 3784: /* BFD, RFC 5881 */
	case 3785:
	case 4784: /* BFD, RFC 5883 */
		return true;
	default:
		return false;
	}
}

/* l4: 4 octets or more. A port of either side counts: answers come to ours from the far one's. */
static enum dp_police_class class_of_ports(
	const struct police *p, uint8_t proto, const uint8_t *l4, uint32_t len)
{
	uint16_t sport = be16(l4), dport = be16(l4 + 2);
	bool tcp = proto == PROTO_TCP;

	/* SYN without ACK: a connection that is not there yet has no claim on those that are */
	if (tcp && (len < 14 || (l4[13] & 0x12) == 0x02))
		return DP_POLICE_TCP_NEW;
	if (is_sip(p, dport) || is_sip(p, sport))
		return tcp ? DP_POLICE_SIP_TCP : DP_POLICE_SIP_UDP;
	if (is_routing(dport) || is_routing(sport))
		return DP_POLICE_ROUTING;
	return is_management(dport) || is_management(sport) ? DP_POLICE_MANAGEMENT
							    : DP_POLICE_OTHER;
}

static enum dp_police_class class_of_proto(
	const struct police *p, uint8_t proto, const uint8_t *l4, uint32_t len)
{
	switch (proto) {
	case PROTO_TCP:
	case PROTO_UDP:
		return len < 4 ? DP_POLICE_OTHER : class_of_ports(p, proto, l4, len);
	case PROTO_ICMP:
		return DP_POLICE_ICMP;
	case PROTO_ICMP6:
		return len && l4[0] >= ND_FIRST && l4[0] <= ND_LAST ? DP_POLICE_ARP
								    : DP_POLICE_ICMP;
	case PROTO_IGMP:
	case PROTO_OSPF:
	case PROTO_PIM:
	case PROTO_VRRP:
		return DP_POLICE_ROUTING;
	default:
		return DP_POLICE_OTHER;
	}
}

enum dp_police_class police_class(const struct police *p, const uint8_t *frame, uint32_t len)
{
	const uint8_t *ip = frame + ETH_LEN;
	uint32_t hdr;

	if (len < ETH_LEN)
		return DP_POLICE_OTHER;
	len -= ETH_LEN;
	switch (be16(frame + 12)) {
	case TYPE_ARP:
		return DP_POLICE_ARP;
	case TYPE_IPV4:
		hdr = len >= 20 ? (ip[0] & 0x0fu) * 4 : 0;
		if (hdr < 20 || hdr > len || (be16(ip + 6) & 0x1fff))
			return DP_POLICE_OTHER; /* broken, or a fragment without ports */
		return class_of_proto(p, ip[9], ip + hdr, len - hdr);
	case TYPE_IPV6:
		return len < 40 ? DP_POLICE_OTHER : class_of_proto(p, ip[6], ip + 40, len - 40);
	default:
		return DP_POLICE_OTHER;
	}
}

bool police_is_for_sip(const struct police *p, const uint8_t *frame, uint32_t len)
{
	const uint8_t *ip = frame + ETH_LEN;
	uint32_t hdr;
	uint8_t proto;

	if (len < ETH_LEN + 20)
		return false;
	len -= ETH_LEN;
	switch (be16(frame + 12)) {
	case TYPE_IPV4:
		hdr = (ip[0] & 0x0fu) * 4;
		proto = ip[9];
		if (hdr < 20 || (be16(ip + 6) & 0x1fff))
			return false;
		break;
	case TYPE_IPV6:
		hdr = 40;
		proto = ip[6];
		break;
	default:
		return false;
	}
	return (proto == PROTO_UDP || proto == PROTO_TCP) && len >= hdr + 4 &&
	       is_sip(p, be16(ip + hdr + 2));
}

/* ---- buckets ---- */

static bool take(uint64_t *full_tsc, const struct police_rate *rate, uint64_t now_tsc)
{
	uint64_t full = *full_tsc > now_tsc ? *full_tsc : now_tsc;

	if (!rate->cost)
		return true;
	if (full - now_tsc + rate->cost > rate->burst)
		return false;
	*full_tsc = full + rate->cost;
	return true;
}

/* Keyed, so that nobody can choose sources that meet another's bucket. */
static uint64_t source_hash(
	const struct police *p, const uint8_t *frame, uint32_t len, enum dp_police_class class)
{
	uint64_t h = 0;

	if (len < ETH_LEN + 20 || class == DP_POLICE_ARP)
		memcpy(&h, frame + 6, len >= 12 ? 6 : 0);
	else if (be16(frame + 12) == TYPE_IPV4)
		memcpy(&h, frame + ETH_LEN + 12, 4);
	else if (be16(frame + 12) == TYPE_IPV6)
		memcpy(&h, frame + ETH_LEN + 8, 8);
	else
		memcpy(&h, frame + 6, 6);
	h ^= p->key[0] + class;
	h = (h ^ h >> 32) * (p->key[1] | 1);
	h = (h ^ h >> 29) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static bool is_known(
	const struct police *p, const struct police_set *set, unsigned int i, uint64_t now_tsc)
{
	uint32_t age = (uint32_t)(now_tsc >> POLICE_UNIT) - set->since[i];

	return age >= (KNOWN_S * p->tsc_hz) >> POLICE_UNIT;
}

/* The place that a new source may have; POLICE_WAYS: none, all are in use by known ones. */
static unsigned int free_place(
	const struct police *p, const struct police_set *set, uint64_t now_tsc)
{
	unsigned int best = POLICE_WAYS;

	for (unsigned int i = 0; i < POLICE_WAYS; i++) {
		bool may_go = !set->tag[i] || !is_known(p, set, i, now_tsc) ||
			      set->full_tsc[i] + QUIET_S * p->tsc_hz < now_tsc;
		if (may_go && (best == POLICE_WAYS || set->full_tsc[i] < set->full_tsc[best]))
			best = i;
	}
	return best;
}

enum source { SOURCE_NEW, SOURCE_KNOWN, SOURCE_OVER };

static enum source source_take(
	struct police *p, uint64_t hash, const struct police_rate *rate, uint64_t now_tsc)
{
	struct police_set *set = &p->sets[hash % POLICE_SETS];
	uint32_t tag = (uint32_t)(hash >> 32) | 1;
	unsigned int i = 0;

	while (i < POLICE_WAYS && set->tag[i] != tag)
		i++;
	if (i == POLICE_WAYS) {
		i = free_place(p, set, now_tsc);
		if (i == POLICE_WAYS)
			return SOURCE_NEW;
		set->tag[i] = tag;
		set->since[i] = (uint32_t)(now_tsc >> POLICE_UNIT);
		set->full_tsc[i] = 0;
	}
	if (!take(&set->full_tsc[i], rate, now_tsc))
		return SOURCE_OVER;
	return is_known(p, set, i, now_tsc) ? SOURCE_KNOWN : SOURCE_NEW;
}

/*
 * What the others let pass empties the bucket, too; over the time since this was last looked at, as
 * a bucket that nobody drew from does not become fuller than full.
 */
static void charge_others(struct police *p, unsigned int source, enum dp_police_class class)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p->n_others; i++)
		sum += __atomic_load_n(&p->others[i]->n[source][class], __ATOMIC_RELAXED);
	p->full_tsc[source][class] += (sum - p->charged[source][class]) * p->class[class].cost;
	p->charged[source][class] = sum;
}

enum dp_drop police_frame(struct police *p, const uint8_t *frame, uint32_t len, uint64_t now_tsc)
{
	enum dp_police_class class = police_class(p, frame, len);
	enum source source = SOURCE_NEW;

	if (p->source[class].cost)
		source = source_take(
			p, source_hash(p, frame, len, class), &p->source[class], now_tsc);
	if (source == SOURCE_OVER)
		return DP_DROP_POLICE_SOURCE;
	if (p->n_others)
		charge_others(p, source, class);
	if (!take(&p->full_tsc[source][class], &p->class[class], now_tsc))
		return DP_DROP_POLICE_ARP + class;
	if (p->passed)
		__atomic_store_n(&p->passed->n[source][class], p->passed->n[source][class] + 1,
			__ATOMIC_RELAXED);
	return DP_DROP_N;
}
