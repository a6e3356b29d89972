/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a name to servers (RFC 3263 4): NAPTR says the transports, SRV the hosts and ports, A and
 * AAAA their addresses. Nothing is asked here: what DNS has said comes from a function, which may
 * answer that it does not know yet; then locate() is called again when it does. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sip-b2bua/resolver/dns_answer.h"

#define LOCATE_SERVERS_MAX 16 /* further ones are left off */
#define LOCATE_ADDRS_MAX   4  /* of a server */
#define LOCATE_WHY_MAX	   160

/* Bits of the transports that we have towards there; numbers of enum sip_transport_kind. */
#define LOCATE_BIT(transport) (1u << (transport))

struct locate_query {
	const char *name;
	uint16_t port;	   /* 0: not said (RFC 3263 4.2) */
	uint8_t transport; /* SIP_UDP, SIP_TCP, SIP_TLS; 0: not said (4.1) */
	/* Transports to choose from, of each family: LOCATE_BIT() of them. */
	uint8_t transports4, transports6;
};

enum locate_found {
	LOCATE_DATA,
	LOCATE_NOTHING, /* DNS says that there is none */
	LOCATE_WAIT,	/* not known yet */
	LOCATE_FAILED,	/* nobody answers */
};

/*
 * What is known of a name and type. With LOCATE_DATA answer has at least one record and is valid
 * until the next look-up; stale says that it is past its time. With LOCATE_FAILED why says why, in
 * words that follow "DNS of NAME: ".
 */
struct locate_look {
	enum locate_found found;
	const struct dns_answer *answer;
	bool stale;
	bool no_such_name;
	const char *why;
};
typedef struct locate_look (*locate_look_fn)(void *arg, const char *name, uint16_t type);

/* A host, of an SRV record or the name itself. */
struct locate_server {
	char host[DNS_NAME_MAX];
	uint8_t transport;
	uint8_t n_addrs;
	uint32_t priority; /* of SRV behind the rank of the NAPTR record that led to it */
	uint16_t weight;
	struct ipaddr addrs[LOCATE_ADDRS_MAX]; /* with port; IPv6 first where we have it */
};

struct locate_result {
	unsigned int n_servers;
	struct locate_server servers[LOCATE_SERVERS_MAX];
	bool waiting;		  /* more may be known later */
	bool stale;		  /* something is past its time */
	char why[LOCATE_WHY_MAX]; /* no servers, not waiting: a sentence */
};

void locate(const struct locate_query *query, locate_look_fn look, void *arg,
	struct locate_result *ret_result);
