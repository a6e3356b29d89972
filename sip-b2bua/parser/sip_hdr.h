/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names: methods and header fields that the program knows, one row each. Any thread.
 */
#pragma once

#include <stdint.h>

#include "controlplane/base/view.h"

/* X(id, name) */
#define SIP_METHODS(X)            \
	X(INVITE, "INVITE")       \
	X(ACK, "ACK")             \
	X(BYE, "BYE")             \
	X(CANCEL, "CANCEL")       \
	X(OPTIONS, "OPTIONS")     \
	X(REGISTER, "REGISTER")   \
	X(PRACK, "PRACK")         \
	X(UPDATE, "UPDATE")       \
	X(INFO, "INFO")           \
	X(SUBSCRIBE, "SUBSCRIBE") \
	X(NOTIFY, "NOTIFY")       \
	X(REFER, "REFER")         \
	X(MESSAGE, "MESSAGE")     \
	X(PUBLISH, "PUBLISH")

enum sip_method {
	SIP_M_OTHER, /* a token that is none of these; its text is in the message */
#define X(id, name) SIP_M_##id,
	SIP_METHODS(X)
#undef X
		SIP_M_N
};

/*
 * X(id, name, compact form or 0). Compact forms: RFC 3261 7.3.3 and IANA. Sorting does not
 * matter; unit tests look every row up.
 */
#define SIP_HDRS(X)                                        \
	X(VIA, "Via", 'v')                                 \
	X(FROM, "From", 'f')                               \
	X(TO, "To", 't')                                   \
	X(CALL_ID, "Call-ID", 'i')                         \
	X(CSEQ, "CSeq", 0)                                 \
	X(CONTACT, "Contact", 'm')                         \
	X(MAX_FORWARDS, "Max-Forwards", 0)                 \
	X(CONTENT_LENGTH, "Content-Length", 'l')           \
	X(CONTENT_TYPE, "Content-Type", 'c')               \
	X(ROUTE, "Route", 0)                               \
	X(RECORD_ROUTE, "Record-Route", 0)                 \
	X(ALLOW, "Allow", 0)                               \
	X(SUPPORTED, "Supported", 'k')                     \
	X(REQUIRE, "Require", 0)                           \
	X(PROXY_REQUIRE, "Proxy-Require", 0)               \
	X(UNSUPPORTED, "Unsupported", 0)                   \
	X(USER_AGENT, "User-Agent", 0)                     \
	X(SERVER, "Server", 0)                             \
	X(EXPIRES, "Expires", 0)                           \
	X(RETRY_AFTER, "Retry-After", 0)                   \
	X(ACCEPT, "Accept", 0)                             \
	X(ACCEPT_ENCODING, "Accept-Encoding", 0)           \
	X(ACCEPT_LANGUAGE, "Accept-Language", 0)           \
	X(ALERT_INFO, "Alert-Info", 0)                     \
	X(ALLOW_EVENTS, "Allow-Events", 'u')               \
	X(AUTHORIZATION, "Authorization", 0)               \
	X(CALL_INFO, "Call-Info", 0)                       \
	X(CONTENT_DISPOSITION, "Content-Disposition", 0)   \
	X(CONTENT_ENCODING, "Content-Encoding", 'e')       \
	X(CONTENT_LANGUAGE, "Content-Language", 0)         \
	X(DATE, "Date", 0)                                 \
	X(DIVERSION, "Diversion", 0)                       \
	X(EVENT, "Event", 'o')                             \
	X(HISTORY_INFO, "History-Info", 0)                 \
	X(IDENTITY, "Identity", 'y')                       \
	X(INFO_PACKAGE, "Info-Package", 0)                 \
	X(MIME_VERSION, "MIME-Version", 0)                 \
	X(MIN_EXPIRES, "Min-Expires", 0)                   \
	X(MIN_SE, "Min-SE", 0)                             \
	X(P_ASSERTED_IDENTITY, "P-Asserted-Identity", 0)   \
	X(P_EARLY_MEDIA, "P-Early-Media", 0)               \
	X(P_PREFERRED_IDENTITY, "P-Preferred-Identity", 0) \
	X(PATH, "Path", 0)                                 \
	X(PRIORITY, "Priority", 0)                         \
	X(PRIVACY, "Privacy", 0)                           \
	X(PROXY_AUTHENTICATE, "Proxy-Authenticate", 0)     \
	X(PROXY_AUTHORIZATION, "Proxy-Authorization", 0)   \
	X(RACK, "RAck", 0)                                 \
	X(REASON, "Reason", 0)                             \
	X(REFER_TO, "Refer-To", 'r')                       \
	X(REFERRED_BY, "Referred-By", 'b')                 \
	X(REMOTE_PARTY_ID, "Remote-Party-ID", 0)           \
	X(REPLACES, "Replaces", 0)                         \
	X(RSEQ, "RSeq", 0)                                 \
	X(SESSION_EXPIRES, "Session-Expires", 'x')         \
	X(SESSION_ID, "Session-ID", 0)                     \
	X(SIP_ETAG, "SIP-ETag", 0)                         \
	X(SIP_IF_MATCH, "SIP-If-Match", 0)                 \
	X(SUBJECT, "Subject", 's')                         \
	X(SUBSCRIPTION_STATE, "Subscription-State", 0)     \
	X(TIMESTAMP, "Timestamp", 0)                       \
	X(WARNING, "Warning", 0)                           \
	X(WWW_AUTHENTICATE, "WWW-Authenticate", 0)

enum sip_hdr_id {
	SIP_H_OTHER, /* not in the table; its name is in the message */
#define X(id, name, compact) SIP_H_##id,
	SIP_HDRS(X)
#undef X
		SIP_H_N
};

/* Methods are case-sensitive (RFC 3261 7.1), header names and compact forms are not. */
enum sip_method sip_method_lookup(struct view text);
struct view sip_method_text(enum sip_method method); /* empty for SIP_M_OTHER */
enum sip_hdr_id sip_hdr_lookup(struct view name);
struct view sip_hdr_text(enum sip_hdr_id id); /* the long form; empty for SIP_H_OTHER */
/* RFC 3261 21's phrase for a status; that of its class for others. */
struct view sip_reason_text(unsigned int status);
