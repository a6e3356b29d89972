/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What may cross from one leg to the other, in tables: header fields, methods, and the classes of
 * refusal. What is not in a table does not cross (RFC 5853 3.1, RFC 7092 3). Any thread (no state).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sip-b2bua/parser/sip_build.h"
#include "sip-b2bua/parser/sip_msg.h"

#define POLICY_PRODUCT "Limen"
/* What we take, in and out of dialogs; the value of Allow. */
#define POLICY_ALLOW "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER, NOTIFY"

enum policy_msg {
	POLICY_INVITE = 1 << 0, /* the first one of a call */
	POLICY_BYE = 1 << 1,	/* also CANCEL */
	POLICY_PROVISIONAL = 1 << 2,
	POLICY_FAILURE = 1 << 3,
	POLICY_RELAY = 1 << 4, /* a request that is no call */
};

/* Appends to b the header fields of msg that may cross in a message of this kind. */
void policy_put_headers(struct sip_buf *b, const struct sip_msg *msg, enum policy_msg kind);

/*
 * "sip:user@host:port" for the other leg: the user of uri, with our (or the peer's) address as host;
 * user=phone is kept, other parameters are not. Anonymous callers (RFC 3323 4.1.1.3) stay
 * "anonymous.invalid".
 */
void policy_put_uri(struct sip_buf *b, const struct sip_uri *uri, const struct ipaddr *host);
/* The same with a host name, and a port unless that is 0. */
void policy_put_uri_name(
	struct sip_buf *b, const struct sip_uri *uri, const char *name, uint32_t port);

/* Referred-By of msg (RFC 3892) with that host, if there is one. */
void policy_put_referred_by(
	struct sip_buf *b, const struct sip_msg *msg, const struct ipaddr *host);

/* The user part without its parameters and escapes. -ENAMETOOLONG, -EINVAL (none, bad escape). */
int policy_user_text(const struct sip_uri *uri, char *dst, size_t dst_size)
	__attribute__((warn_unused_result));

#define POLICY_USER_MAX 192
/* Text as a user part: what must not stand there is escaped (RFC 3261 25.1). At most 63 bytes. */
struct view policy_user_escape(const char *text, char buf[POLICY_USER_MAX]);

/* 0, or the status with which a request's method is refused: 405, or 501 when nobody knows it. */
unsigned int policy_method_status(enum sip_method method);

/* Extensions that a far end may require of us (option tags). */
enum policy_option {
	POLICY_100REL = 1 << 0,
	POLICY_TIMER = 1 << 1,
	POLICY_REPLACES = 1 << 2,
	POLICY_NOREFERSUB = 1 << 3, /* RFC 4488 */
};

/*
 * Whether an extension is required that is not among known (enum policy_option bits): then
 * "Unsupported: ..." with CRLF is in b, for a 420 (RFC 3261 8.2.2.3).
 */
bool policy_unsupported(const struct sip_msg *msg, unsigned int known, struct sip_buf *b);

/* Whether session descriptions are taken (Accept, RFC 3261 20.1); without the field they are. */
bool policy_accepts_sdp(const struct sip_msg *msg);

/* What a refusal of the called side means for the caller and for the hunt. */
struct policy_failure {
	uint16_t status; /* towards the caller */
	bool hunt;	 /* the next dial-peer is tried */
	uint16_t q850;	 /* cause for the record (RFC 3398 8.2.6.1) */
};
struct policy_failure policy_failure_of(unsigned int status);

/* "Reason: Q.850;cause=16" */
void policy_put_reason(struct sip_buf *b, unsigned int q850);
/* Q.850 cause of a Reason header field (RFC 3326); 0: none. */
unsigned int policy_reason_q850(const struct sip_msg *msg);
/* The cause that stands for a final status when the peer gave none; 16 for 2xx. */
uint16_t policy_q850_of_status(unsigned int status);
/* The refusal that says a cause of Q.850 (RFC 3398 7.2.4.1). */
unsigned int policy_status_of_q850(unsigned int q850);
