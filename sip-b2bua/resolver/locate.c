/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See locate.h. Comments name sections of RFC 3263. */
#include "sip-b2bua/resolver/locate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip-b2bua/transport/sip_transport.h"

#define SIP_PORT  5060
#define SIPS_PORT 5061

struct search {
	const struct locate_query *query;
	locate_look_fn look;
	void *arg;
	struct locate_result *ret;
};

static void why_set(struct search *s, const char *name, uint16_t type, const struct locate_look *l)
{
	char *why = s->ret->why;

	if (l->found == LOCATE_FAILED)
		snprintf(why, LOCATE_WHY_MAX, "DNS of %.80s: %s", name, l->why);
	else if (l->no_such_name)
		snprintf(why, LOCATE_WHY_MAX, "DNS says that there is no name %.100s", name);
	else
		snprintf(why, LOCATE_WHY_MAX, "DNS has no %s record for %.100s",
			dns_type_word(type), name);
}

static struct locate_look look_up(struct search *s, const char *name, uint16_t type)
{
	struct locate_look l = s->look(s->arg, name, type);

	s->ret->waiting |= l.found == LOCATE_WAIT;
	s->ret->stale |= l.found == LOCATE_DATA && l.stale;
	return l;
}

static void addresses_add(
	struct search *s, struct locate_server *server, uint16_t type, uint16_t port)
{
	struct locate_look l = look_up(s, server->host, type);

	if (l.found == LOCATE_FAILED || l.found == LOCATE_NOTHING)
		why_set(s, server->host, type, &l);
	for (uint32_t i = 0; l.found == LOCATE_DATA && i < l.answer->n; i++) {
		if (server->n_addrs == LOCATE_ADDRS_MAX)
			return;
		server->addrs[server->n_addrs] = l.answer->records[i].addr;
		server->addrs[server->n_addrs++].port_be16 = htons(port);
	}
}

/* A host becomes a server if it has an address that we can go to. */
static void server_add(struct search *s, const char *host, uint8_t transport, uint16_t port,
	uint32_t priority, uint16_t weight)
{
	struct locate_result *ret = s->ret;
	struct locate_server *server;

	if (ret->n_servers == LOCATE_SERVERS_MAX)
		return;
	server = &ret->servers[ret->n_servers];
	memset(server, 0, sizeof(*server));
	snprintf(server->host, sizeof(server->host), "%s", host);
	server->transport = transport;
	server->priority = priority;
	server->weight = weight;
	/* RFC 6724 and RFC 7984 4.1: IPv6 before IPv4 where there are both. */
	if (s->query->transports6 & LOCATE_BIT(transport))
		addresses_add(s, server, DNS_AAAA, port);
	if (s->query->transports4 & LOCATE_BIT(transport))
		addresses_add(s, server, DNS_A, port);
	ret->n_servers += server->n_addrs > 0;
}

static bool have(const struct search *s, uint8_t transport)
{
	return (s->query->transports4 | s->query->transports6) & LOCATE_BIT(transport);
}

/* Records of an answer, which itself may be gone with the next look-up. */
struct kept {
	uint32_t n;
	struct dns_record records[LOCATE_SERVERS_MAX];
};

static void keep(const struct locate_look *l, struct kept *ret)
{
	ret->n = l->found != LOCATE_DATA	     ? 0
		 : l->answer->n < LOCATE_SERVERS_MAX ? l->answer->n
						     : LOCATE_SERVERS_MAX;
	if (ret->n > 0)
		memcpy(ret->records, l->answer->records, ret->n * sizeof(ret->records[0]));
}

static int srv_order(const void *a, const void *b)
{
	const struct dns_record *x = a, *y = b;

	int names = strcmp(x->name, y->name);

	if (x->priority != y->priority)
		return x->priority - y->priority;
	return names ? names : x->port - y->port;
}

/*
 * The servers that the SRV records of a service name, the first to be tried first. Name servers
 * rotate their answers; what is made of them must not change with that.
 */
static struct locate_look srv_take(
	struct search *s, const char *service, uint8_t transport, uint32_t rank)
{
	struct locate_look l = look_up(s, service, DNS_SRV);
	struct kept kept;

	keep(&l, &kept);
	qsort(kept.records, kept.n, sizeof(kept.records[0]), srv_order);
	for (uint32_t i = 0; i < kept.n; i++) {
		const struct dns_record *r = &kept.records[i];

		if (r->name[0])
			server_add(s, r->name, transport, r->port, rank << 16 | r->priority,
				r->weight);
		else
			snprintf(s->ret->why, LOCATE_WHY_MAX,
				"DNS says that the service %.100s is not offered", service);
	}
	return l;
}

static void service_name(const struct search *s, uint8_t transport, char ret[DNS_NAME_MAX])
{
	snprintf(ret, DNS_NAME_MAX, "%s.%.230s",
		transport == SIP_TLS   ? "_sips._tcp"
		: transport == SIP_TCP ? "_sip._tcp"
				       : "_sip._udp",
		s->query->name);
}

static void host_take(struct search *s, uint8_t transport)
{
	uint16_t port = s->query->port;

	server_add(s, s->query->name, transport,
		port		       ? port
		: transport == SIP_TLS ? SIPS_PORT
				       : SIP_PORT,
		0, 0);
}

/* 4.2 with a transport and no port: SRV; the name itself when there are no such records. */
static void by_service(struct search *s, uint8_t transport)
{
	char service[DNS_NAME_MAX];
	struct locate_look l;

	service_name(s, transport, service);
	l = srv_take(s, service, transport, 0);
	if (l.found == LOCATE_NOTHING)
		host_take(s, transport);
	else if (l.found == LOCATE_FAILED)
		why_set(s, service, DNS_SRV, &l);
}

static uint8_t transport_of(uint8_t service)
{
	return service == DNS_SIPS_TLS ? SIP_TLS : service == DNS_SIP_TCP ? SIP_TCP : SIP_UDP;
}

/*
 * 4.1: of the NAPTR records those whose transport we have, and of them those of the lowest order
 * (RFC 3403 4.1), by preference. false: there are none, so that SRV is asked for by itself.
 */
static bool by_naptr(struct search *s, const struct kept *answer)
{
	uint32_t order = UINT32_MAX, n = 0;
	int32_t last = -1;

	for (uint32_t i = 0; i < answer->n; i++) {
		const struct dns_record *r = &answer->records[i];

		if (have(s, transport_of(r->service)) && r->priority < order)
			order = r->priority;
	}
	/* Each round takes the records of the next higher preference. */
	for (;;) {
		int32_t preference = INT32_MAX;

		for (uint32_t i = 0; i < answer->n; i++) {
			const struct dns_record *r = &answer->records[i];

			if (r->priority == order && have(s, transport_of(r->service)) &&
				r->weight > last && r->weight < preference)
				preference = r->weight;
		}
		if (preference == INT32_MAX)
			return n > 0;
		for (uint32_t i = 0; i < answer->n; i++) {
			const struct dns_record *r = &answer->records[i];

			if (r->priority == order && r->weight == preference &&
				have(s, transport_of(r->service)))
				(void)srv_take(s, r->name, transport_of(r->service), n);
		}
		n++;
		last = preference;
	}
}

/* 4.1 without a transport: NAPTR, else SRV of each transport that we have, else UDP. */
static void by_name(struct search *s)
{
	static const uint8_t order[] = {SIP_UDP, SIP_TCP, SIP_TLS};
	struct locate_look l = look_up(s, s->query->name, DNS_NAPTR);
	struct kept naptr;
	char service[DNS_NAME_MAX];
	uint32_t rank = 0;
	uint8_t first = 0;

	if (l.found == LOCATE_FAILED)
		why_set(s, s->query->name, DNS_NAPTR, &l);
	keep(&l, &naptr);
	if (l.found == LOCATE_FAILED || l.found == LOCATE_WAIT || by_naptr(s, &naptr))
		return;
	for (unsigned int i = 0; i < sizeof(order); i++) {
		if (!have(s, order[i]))
			continue;
		if (!first)
			first = order[i];
		service_name(s, order[i], service);
		l = srv_take(s, service, order[i], rank);
		rank += l.found == LOCATE_DATA;
		if (l.found == LOCATE_FAILED)
			why_set(s, service, DNS_SRV, &l);
		if (l.found == LOCATE_FAILED || l.found == LOCATE_WAIT)
			return;
	}
	if (rank == 0)
		host_take(s, first);
}

void locate(const struct locate_query *query, locate_look_fn look, void *arg,
	struct locate_result *ret_result)
{
	struct search s = {query, look, arg, ret_result};

	ret_result->n_servers = 0;
	ret_result->waiting = ret_result->stale = false;
	ret_result->why[0] = '\0';
	if (query->transport && query->port)
		host_take(&s, query->transport);
	else if (query->transport)
		by_service(&s, query->transport);
	else if (query->port) /* 4.1: a port without a transport is UDP */
		host_take(&s, SIP_UDP);
	else
		by_name(&s);
	if (ret_result->n_servers == 0 && !ret_result->waiting && !ret_result->why[0])
		snprintf(ret_result->why, LOCATE_WHY_MAX,
			"its realm has no listener for what DNS says of %.80s", query->name);
}
