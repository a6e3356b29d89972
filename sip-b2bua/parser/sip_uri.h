/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * URIs (sip, sips, tel; others are kept as text) and the parameter lists of URIs and header
 * fields. RFC 3261 19.1 and 25.1, RFC 3966. Everything handed out is a view into the caller's
 * text; nothing is unescaped, copied or changed. Any thread (no state).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/ipaddr.h"
#include "controlplane/base/view.h"

enum sip_scheme { SIP_SCHEME_OTHER, SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL };
enum sip_host_kind { SIP_HOST_NONE, SIP_HOST_NAME, SIP_HOST_IPV4, SIP_HOST_IPV6 };

struct sip_uri {
	struct view text; /* the whole URI */
	struct view scheme_text;
	uint8_t scheme;	      /* enum sip_scheme */
	uint8_t host_kind;    /* enum sip_host_kind; NONE for tel and other schemes */
	uint16_t port;	      /* 0: not given */
	struct view user;     /* before '@', without the password; tel: the number; .p NULL: none */
	struct view password; /* .p NULL: none */
	struct view host;     /* IPv6 without its brackets */
	struct view params;   /* after the first ';' of the URI, up to '?'; for sip_params_next() */
	struct view headers;  /* after '?' */
};

/*
 * Parses one URI that fills text exactly. Strict where RFC 3261's grammar is (characters, host,
 * port 1..65535); for schemes other than sip, sips and tel only scheme and text are set.
 * 0, or -EINVAL.
 */
int sip_uri_parse(struct view text, struct sip_uri *ret_uri) __attribute__((warn_unused_result));

/*
 * Equivalence of RFC 3261 19.1.4 (scheme, user with escapes resolved, host, port as written,
 * parameters by its rules, headers); tel by RFC 3966 4 (visual separators ignored). Other schemes
 * compare as text.
 */
bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b);

/* The host as an address with the port (default 5060, sips 5061). -EINVAL for host names. */
int sip_uri_addr(const struct sip_uri *uri, struct ipaddr *ret_addr)
	__attribute__((warn_unused_result));

/*
 * Takes the next parameter off *rest, a list "a;b=c;d="x;y"" without its leading ';'. A value's
 * quotes stay. false at the end. Lists out of a parsed message are well-formed; elsewhere a
 * malformed rest ends the walk.
 */
bool sip_params_next(struct view *rest, struct view *ret_name, struct view *ret_value);
/* The value of a parameter (name compared case-insensitively); true when it is there. */
bool sip_params_get(struct view params, struct view name, struct view *ret_value);
bool sip_params_has(struct view params, struct view name);

/*
 * A host as it stands in a Via or URI: name, IPv4, or IPv6 in brackets. Sets the kind and the
 * bare host. 0, or -EINVAL.
 */
int sip_host_parse(struct view text, uint8_t *ret_kind, struct view *ret_host)
	__attribute__((warn_unused_result));
/*
 * The address that a bare host is (a name is none). Of IPv6 that ends in an IPv4 address a third
 * colon before it is borne (RFC 5118 4.10). 0, or -EINVAL.
 */
int sip_host_addr(struct view host, uint16_t port, struct ipaddr *ret_addr)
	__attribute__((warn_unused_result));
