/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What another parser makes of a text, for the differential fuzz targets: sofia-sip 1.12.11 and libre
 * 1.1.0 as Debian 12 has them. Both have structs of the same names as ours, so each is used in a file
 * of its own and gives its findings in these. Views live until the next call of the same function.
 * Their SDP and WebSocket parsers are never called: sofia-sip's sdp_parse() can loop for ever, libre's
 * websock_decode() writes past its buffer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/base/view.h"

/* Of a part that is not there: .p NULL. */
struct oracle_uri {
	struct view scheme, user, password, host; /* IPv6 without brackets */
	unsigned int port;			  /* 0: none */
};

#define ORACLE_CONTACTS_MAX 4

struct oracle_msg {
	bool is_request;
	unsigned int status;
	struct view method, call_id, cseq_method, from_tag, to_tag;
	struct view via_branch, via_host;
	unsigned int via_port, via_rport;
	bool has_rport;
	uint32_t cseq;
	struct oracle_uri uri, from, to; /* uri: of a request */
	unsigned int n_contacts;	 /* may be more than there is room for */
	struct oracle_uri contacts[ORACLE_CONTACTS_MAX];
	struct view body;
};

/* Of a challenge: realm, nonce, opaque, stale, qop auth; of credentials the rest, too. */
struct oracle_digest {
	struct view realm, nonce, opaque, username, uri, response, cnonce, nc;
	bool stale;
};

/* false: it does not take the text. */
struct oracle {
	const char *name;
	bool unescapes; /* quoted text comes without its backslashes, URIs without needless escapes */
	bool (*msg)(const char *text, size_t n, struct oracle_msg *ret_msg);
	bool (*uri)(const char *text, size_t n, struct oracle_uri *ret_uri);
	bool (*challenge)(const char *text, size_t n, struct oracle_digest *ret_digest);
	bool (*credentials)(const char *text, size_t n, struct oracle_digest *ret_digest);
};

extern const struct oracle oracle_sofia, oracle_re;
