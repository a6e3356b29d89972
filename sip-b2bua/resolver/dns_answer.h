/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a DNS answer says (RFC 1035 4, RFC 2782, RFC 3403): the records of one type that belong to
 * a name, aliases followed, with the time that they may be kept. Input from outside: bounded and
 * checked; names are read by c-ares. Any thread (no state).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/base/ipaddr.h"
#include "controlplane/base/view.h"

#define DNS_NAME_MAX	256 /* of the text form with its NUL; in lower case, no dot at the end */
#define DNS_RECORDS_MAX 64  /* further ones of an answer are left off */

#define DNS_CLASS_IN	1

enum dns_type { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33, DNS_NAPTR = 35 };

/* What a NAPTR record leads to (RFC 3263 4.1); records for anything else are left off. */
enum dns_service { DNS_SIP_UDP = 1, DNS_SIP_TCP, DNS_SIPS_TLS };

struct dns_record {
	struct ipaddr addr;	 /* A, AAAA; port 0 */
	uint16_t priority;	 /* SRV; NAPTR: order */
	uint16_t weight;	 /* SRV; NAPTR: preference */
	uint16_t port;		 /* SRV */
	uint8_t service;	 /* NAPTR: enum dns_service */
	char name[DNS_NAME_MAX]; /* SRV: target, empty: no such service (RFC 2782); NAPTR: where the
				  * SRV records are */
};

struct dns_answer {
	/* Seconds: the least of the records and of the aliases on the way; of no records: that of the
	 * absence (RFC 2308 5), 0 when the server did not say. */
	uint32_t ttl_s;
	uint32_t n;
	struct dns_record records[];
};

/*
 * Reads a message as it came from a server, asked for name and type. 0; no record of the type is
 * an answer with n 0. -EBADMSG: no DNS message, or one that contradicts itself; -ENOMEM. The answer
 * is the caller's, freed with free().
 */
int dns_answer_read(const uint8_t *msg, size_t len, const char *name, uint16_t type,
	struct dns_answer **ret_answer) __attribute__((warn_unused_result));

/*
 * The fields of a NAPTR record that say what it leads to: flags, service, regular expression. 0 for
 * a record that is of no use to SIP: RFC 3263 4.1 takes flag "s" and no expression alone.
 */
enum dns_service dns_naptr_service(struct view flags, struct view service, struct view regexp);

/*
 * A host name as it may be asked for: letters, digits, hyphens and underscores in labels of at most
 * 63 octets. Copied in lower case without the dot at its end. -EINVAL.
 */
int dns_name_copy(struct view text, char ret_name[DNS_NAME_MAX])
	__attribute__((warn_unused_result));

const char *dns_type_word(uint16_t type); /* "SRV" */
