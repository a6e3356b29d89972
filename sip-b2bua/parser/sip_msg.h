/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SIP messages as they arrive. One pass over the buffer finds start line, header fields and body;
 * what every message needs (top Via, From, To, Call-ID, CSeq, Max-Forwards, Content-Length) is
 * typed at once, the rest on demand. All views point into the buffer, which is never modified and
 * must outlive the struct. A message is never edited either: what leaves is built anew
 * (sip_build.h). RFC 3261 7, 18.3, 20, 25. Any thread (no state).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sip-b2bua/parser/sip_hdr.h"
#include "sip-b2bua/parser/sip_uri.h"

#define SIP_MSG_MAX  65535 /* octets of a message: the most that a UDP datagram could carry */
#define SIP_HDRS_MAX 128   /* header fields of a message */
#define SIP_LINE_MAX 8192  /* octets of a start line or of a header field with its folds */
#define SIP_NONE     0xff  /* no header field */

struct sip_hdr {
	struct view name;  /* as written */
	struct view value; /* trimmed; may hold folds (CRLF and white space, RFC 3261 7.3.1) */
	uint8_t id;	   /* enum sip_hdr_id */
	uint8_t next;	   /* the next one with this id (not for SIP_H_OTHER), or SIP_NONE */
};

struct sip_via {
	struct view version;   /* "2.0"; a message with another one is refused, but answered */
	struct view transport; /* "UDP", "TCP", ... as written */
	uint8_t host_kind;     /* enum sip_host_kind */
	bool has_rport;	       /* the parameter is there, with or without a value (RFC 3581) */
	uint16_t port;	       /* of sent-by; 0: not given */
	uint16_t rport;	       /* its value; 0: none */
	struct view host;      /* of sent-by; IPv6 without brackets */
	struct view sent_by;   /* host and port as written */
	struct view branch, received, maddr; /* .p NULL: not there */
	struct view params;		     /* all of them, for sip_params_next() */
	struct view text;		     /* the whole value, without what follows a comma */
};

/* name-addr or addr-spec with its header parameters. */
struct sip_addr {
	struct view display; /* as written, with quotes; .p NULL: none */
	struct sip_uri uri;
	struct view params; /* of the header field, not of the URI */
	struct view tag;    /* .p NULL: none */
	struct view text;   /* the whole value */
	bool star;	    /* Contact: * (the rest is empty then) */
};

struct sip_cseq {
	uint32_t number;
	uint8_t method; /* enum sip_method */
	struct view method_text;
};

struct sip_msg {
	struct view raw; /* start line to the end of the body */
	bool is_request;
	bool is_stream;			   /* came over TCP: Content-Length decided where it ends */
	uint8_t method;			   /* enum sip_method; of a response: that of CSeq */
	uint16_t status;		   /* response: 100..699; request: 0 */
	struct view method_text, uri_text; /* request */
	struct view reason;		   /* response */
	struct sip_uri uri;		   /* request */
	struct view body;

	/* Typed while parsing. A field that is absent (allowed only in a broken message) is zero. */
	struct sip_via via; /* the topmost */
	struct sip_addr from, to;
	struct sip_addr contact; /* the first; text.p NULL: there is none */
	struct view call_id;
	struct sip_cseq cseq;
	int max_forwards; /* 0..255, or -1: none (RFC 2543) */

	/*
	 * When sip_msg_parse() failed: the status that RFC 3261 has for it and the reason in a
	 * few words. answerable: a request (not ACK) whose Via, From, To, Call-ID and CSeq are
	 * good enough to build that answer with sip_build_response().
	 */
	uint16_t error_status;
	bool answerable;
	const char *error;

	uint8_t n_hdrs;
	uint8_t first[SIP_H_N]; /* index of the first field of each id, or SIP_NONE */
	struct sip_hdr hdrs[SIP_HDRS_MAX];
};

/*
 * Where a message ends in a byte stream. The caller has skipped leading CRLFs. 0 and its length
 * (once the header is complete, though the body may still be missing: compare with n), -EAGAIN
 * when the header is not complete yet, -EBADMSG when the stream cannot be framed (no or bad or
 * two different Content-Length, a header over 64 KiB, SIP_MSG_MAX exceeded): answer if possible
 * and close.
 */
int sip_msg_frame(const char *buf, size_t n, size_t *ret_len) __attribute__((warn_unused_result));

/*
 * Parses one message. is_stream false: a datagram, whose excess octets behind Content-Length are
 * cut off and whose body reaches to its end without one; true: exactly one framed message.
 * 0, or -EBADMSG with error, error_status and answerable set. Checks what RFC 4475 3.1.2 asks for.
 */
int sip_msg_parse(struct sip_msg *msg, const char *buf, size_t n, bool is_stream)
	__attribute__((warn_unused_result));

/*
 * A copy of a parsed message together with its octets, in one block. Only as many hdrs as there
 * are: the struct must not be assigned to another. NULL when memory is short. Its end wipes it, as
 * a session description may carry SRTP keys; NULL is fine.
 */
struct sip_msg *sip_msg_dup(const struct sip_msg *msg) __attribute__((warn_unused_result));
void sip_msg_free(struct sip_msg *copy);

/* First field with this id, the next one after it, or NULL. */
const struct sip_hdr *sip_msg_hdr(const struct sip_msg *msg, enum sip_hdr_id id);
const struct sip_hdr *sip_msg_hdr_next(const struct sip_msg *msg, const struct sip_hdr *hdr);
/* By name, for fields that are not in the table. */
const struct sip_hdr *sip_msg_hdr_named(const struct sip_msg *msg, struct view name);
/* The value of the first field with this id; .p NULL: none. */
struct view sip_msg_value(const struct sip_msg *msg, enum sip_hdr_id id);

/* Walks the comma-separated values of all fields with one id, in order (Via, Route, Contact,
 * Require, ...). */
struct sip_values {
	const struct sip_msg *msg;
	struct view rest;
	uint8_t next;
};
void sip_values_start(struct sip_values *it, const struct sip_msg *msg, enum sip_hdr_id id);
bool sip_values_next(struct sip_values *it, struct view *ret_value);
/* Splits one value off a comma-separated text; commas in quotes and in <> do not count. */
bool sip_list_next(struct view *rest, struct view *ret_value);
/* Whether an option tag stands in Require, Supported or the like. */
bool sip_msg_has_token(const struct sip_msg *msg, enum sip_hdr_id id, struct view token);

/* One value each, as sip_values_next() gives it. 0, or -EINVAL. Of a Via also -EBADMSG: it says who
 * wants the answer, and ret_via is that much, but its parameters are none. */
int sip_via_parse(struct view value, struct sip_via *ret_via) __attribute__((warn_unused_result));
int sip_addr_parse(struct view value, struct sip_addr *ret_addr)
	__attribute__((warn_unused_result));
int sip_cseq_parse(struct view value, struct sip_cseq *ret_cseq)
	__attribute__((warn_unused_result));
/* The first Contact. 0, or -ENOENT without one. */
int sip_msg_contact(const struct sip_msg *msg, struct sip_addr *ret_contact)
	__attribute__((warn_unused_result));
/* delta-seconds of Expires, Retry-After, Min-Expires, Session-Expires: the number in front,
 * parameters and comments ignored. 0, -ENOENT, -EINVAL. */
int sip_msg_seconds(const struct sip_msg *msg, enum sip_hdr_id id, uint32_t *ret_seconds)
	__attribute__((warn_unused_result));
/* RAck of a PRACK (RFC 3262 7.2). */
struct sip_rack {
	uint32_t rseq, cseq;
	uint8_t method; /* enum sip_method */
};
/* 0, -ENOENT, -EINVAL. */
int sip_msg_rack(const struct sip_msg *msg, struct sip_rack *ret_rack)
	__attribute__((warn_unused_result));
/* RSeq of a provisional response (RFC 3262 7.1): not 0. 0, -ENOENT, -EINVAL. */
int sip_msg_rseq(const struct sip_msg *msg, uint32_t *ret_rseq) __attribute__((warn_unused_result));
/* Type and subtype of the body, e.g. "application", "sdp". -ENOENT without a Content-Type. */
int sip_msg_content_type(const struct sip_msg *msg, struct view *ret_type, struct view *ret_subtype,
	struct view *ret_params) __attribute__((warn_unused_result));
bool sip_msg_is_sdp(const struct sip_msg *msg); /* application/sdp and a body */

/* Characters of RFC 3261's token. */
bool sip_is_token(struct view v);
