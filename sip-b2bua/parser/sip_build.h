/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Builds messages into a caller's buffer, front to back. Appending never writes past the end: an
 * overflow is remembered and reported once, by sip_build_end(). Nothing of a received message gets
 * into a built one except through a call that names it. Any thread (no state but the buffer).
 *
 * A request:                                   A response:
 *   sip_build_request(b, method, uri);           sip_build_response(b, req, 180, none, tag);
 *   sip_put_via(b, ...);                         sip_put_hdr(b, SIP_H_CONTACT, ...);
 *   sip_put_hdr(b, SIP_H_FROM, ...); ...         sip_build_end(b, type, body);
 *   sip_build_end(b, type, body);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "controlplane/base/ipaddr.h"
#include "controlplane/base/view.h"
#include "sip-b2bua/parser/sip_msg.h"

struct sip_buf {
	char *p;
	size_t n, size;
	bool overflow; /* something did not fit; n stays at what did */
};

static inline void sip_buf_init(struct sip_buf *b, char *p, size_t size)
{
	*b = (struct sip_buf){p, 0, size, false};
}

static inline struct view sip_buf_view(const struct sip_buf *b)
{
	return (struct view){b->p, b->n};
}

static inline void sip_put_mem(struct sip_buf *b, const char *p, size_t n)
{
	if (n > b->size - b->n) {
		b->overflow = true;
		return;
	}
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

static inline void sip_put(struct sip_buf *b, struct view v)
{
	sip_put_mem(b, v.p, v.n);
}

/* A string literal. */
#define sip_put_lit(b, literal) sip_put_mem((b), (literal), sizeof(literal) - 1)

static inline void sip_put_char(struct sip_buf *b, char c)
{
	sip_put_mem(b, &c, 1);
}

void sip_put_u64(struct sip_buf *b, uint64_t value);
/* A received value with its folds replaced by one space each: no CR or LF gets through. */
void sip_put_unfolded(struct sip_buf *b, struct view value);
/* An address without brackets and port, as in SDP. */
void sip_put_ip(struct sip_buf *b, const struct ipaddr *addr);
/* An address as a host: IPv6 in brackets; with_port: and ":port" when it is not 0. */
void sip_put_host(struct sip_buf *b, const struct ipaddr *addr, bool with_port);

/* "Name: value CRLF". */
void sip_put_hdr(struct sip_buf *b, enum sip_hdr_id id, struct view value);
void sip_put_hdr_named(struct sip_buf *b, struct view name, struct view value);
void sip_put_hdr_u64(struct sip_buf *b, enum sip_hdr_id id, uint64_t value);
/* "Name: " alone; the caller appends the value and sip_put_crlf(). */
void sip_put_hdr_start(struct sip_buf *b, enum sip_hdr_id id);
static inline void sip_put_crlf(struct sip_buf *b)
{
	sip_put_lit(b, "\r\n");
}

/* All fields of this id, each on its own line, unfolded, verbatim otherwise, with their long name;
 * returns how many. */
unsigned int sip_put_copies(struct sip_buf *b, const struct sip_msg *msg, enum sip_hdr_id id);

/* "Via: SIP/2.0/UDP host:port;branch=...;rport" for a request of ours (rport: RFC 3581). */
void sip_put_via(
	struct sip_buf *b, struct view transport, const struct ipaddr *sent_by, struct view branch);
/* The same with further parameters, each with its ';'. */
void sip_put_via_with(struct sip_buf *b, struct view transport, const struct ipaddr *sent_by,
	struct view branch, struct view params);
/* "CSeq: 1 INVITE" */
void sip_put_cseq(struct sip_buf *b, uint32_t number, struct view method);

/* Request line. method_text: sip_method_text() or the text of an unknown method. */
void sip_build_request(struct sip_buf *b, struct view method_text, struct view uri);
/*
 * Status line (reason empty: the standard phrase), all Via of the request with received= and
 * rport= filled in the topmost (RFC 3261 18.2.1, RFC 3581 4) from source, From, To with tag
 * appended unless to_tag is empty or To has one, Call-ID, CSeq; Timestamp for 100.
 * source: where the request came from; NULL leaves the Via as it is.
 */
void sip_build_response(struct sip_buf *b, const struct sip_msg *request,
	const struct ipaddr *source, unsigned int status, struct view reason, struct view to_tag);
/*
 * Content-Type (unless type is empty), Content-Length, the empty line and the body.
 * 0 and the length in b->n, or -EMSGSIZE when anything did not fit.
 */
int sip_build_end(struct sip_buf *b, struct view content_type, struct view body)
	__attribute__((warn_unused_result));
