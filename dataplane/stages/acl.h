/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Access lists on what goes up to Linux (struct dp_acl says what a rule means). The rules are
 * compiled for librte_acl by the control thread, which makes and frees a list; in between it is
 * the workers', who only read it, each counting in memory of its own. ARP and whatever else is not
 * IP passes; IPv6 neighbour discovery has a last rule of its own.
 */
#pragma once

#include <stdint.h>

#include "dataplane/api/dp_api.h"
#include "dataplane/api/dp_stats.h"

#define ACL_BURST 32

/* What the rules look at, as librte_acl reads it: proto alone, then groups of four octets. */
struct acl_key {
	uint8_t proto;
	uint8_t room[3];
	uint8_t src[16], dst[16]; /* IPv4: the first 4 octets */
	uint8_t sport[2], dport[2];
	uint8_t flags; /* enum acl_key_flag */
	uint8_t icmp_type, icmp_code;
	uint8_t zero;
};

enum acl_key_flag {
	ACL_KEY_LATER = 1 << 0, /* a fragment but the first: nothing behind the addresses counts */
	ACL_KEY_ESTABLISHED = 1 << 1, /* TCP with ACK or RST */
	ACL_KEY_ND = 1 << 2, /* ICMPv6 neighbour solicitation or advertisement, hop limit 255 */
};

enum acl_read {
	ACL_READ_OK,
	ACL_READ_OTHER,	     /* not IP of this family */
	ACL_READ_UNREADABLE, /* cut short, lengths that do not fit, or more headers than anybody needs */
};

/* frame: len octets from the Ethernet header, without a tag. */
enum acl_read acl_key_read(
	const uint8_t *frame, uint32_t len, uint32_t family, struct acl_key *ret_key);

struct acl;

/*
 * rows[i]: the counter of rule i. fresh_rows: those that the workers are to begin at 0 when they
 * take the list. The rules are checked. -EINVAL, -ENOMEM. number: unique in the process.
 */
int acl_new(const struct dp_acl *conf, const uint16_t *rows, uint64_t number, int socket_id,
	struct acl **ret_acl) __attribute__((warn_unused_result));
void acl_free(struct acl *acl); /* NULL is fine */

/*
 * The rows that decide about n (at most ACL_BURST) keys; returns bit i: key i is let in. Counts.
 * acl NULL: nobody is (counts may be NULL then).
 */
uint32_t acl_match(
	const struct acl *acl, const struct acl_key *const *keys, unsigned int n, uint64_t *counts);

/* 0, or -EINVAL. */
int acl_check(const struct dp_acl *conf);
