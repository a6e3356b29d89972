/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Differential fuzz target of messages: what we, sofia-sip and libre take says the same to all: start
 * line, tags, Call-ID, CSeq, top Via, addresses of From, To and Contact, where the body lies. What both
 * others take is taken by us, or refused for a reason that an RFC gives.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "sip-b2bua/parser/sip_msg.h"
#include "tests/fuzz/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sip_msg msg;
/* What is being compared: a host as we have it, and what an address, or one of all Contacts, has. */
static struct view host;
static bool has_utf8_display, has_comma_in_uri;

/* ---- differences that are known ---- */

static bool ipv4_inside(struct view ours, struct view theirs)
{
	return diff_ipv4_inside(host);
}

static bool display_utf8(struct view ours, struct view theirs)
{
	return has_utf8_display;
}

static bool comma_in_uri(struct view ours, struct view theirs)
{
	return has_comma_in_uri;
}

static bool transport_token(struct view ours, struct view theirs)
{
	for (size_t i = 0; i < msg.via.transport.n; i++) {
		if (msg.via.transport.p[i] < 'A' || msg.via.transport.p[i] > 'Z')
			return true;
	}
	return false;
}

/* A parameter of Via whose name goes on after "rport". */
static bool rport_begins(struct view ours, struct view theirs)
{
	struct view params = msg.via.params, name, value;

	while (sip_params_next(&params, &name, &value)) {
		if (name.n > 5 && view_eq_nocase((struct view){name.p, 5}, VIEW("rport")))
			return true;
	}
	return false;
}

const struct diff_known diff_known[] = {
	{&oracle_re, "rport", rport_begins,
		"RFC 3581 3: the parameter is rport; libre takes each for it that begins so"},
	{&oracle_re, "value of rport", rport_begins, "the same"},
	{&oracle_re, "host of Via", transport_token,
		"RFC 3261 25.1: a transport is a token; libre ends "
		"it at what is no capital letter"},
	{&oracle_re, "port of Via", transport_token, "the same"},
	{&oracle_re, NULL, ipv4_inside,
		"RFC 3261 25.1: an IPv6 address may end as an IPv4 one; libre splits it at its "
		"dots"},
	{&oracle_sofia, NULL, display_utf8,
		"RFC 3261 25.1: such a display name needs quotes; we bear it without, sofia-sip "
		"takes "
		"all of it for the URI"},
	{&oracle_re, NULL, comma_in_uri,
		"RFC 3261 25.1, user-unreserved: a user may have a comma; libre ends the value at "
		"it"},
	{0},
};

/* Why we refuse what both others take; with values of a field that may be plain all the same. */
static const struct refusal {
	const char *error;
	enum sip_hdr_id field; /* SIP_H_OTHER: none to look at */
	bool (*plain)(struct view value);
	const char *why;
} refusals[] = {
	{"bad From", SIP_H_FROM, diff_plain_addr, "RFC 3261 25.1: they check no characters"},
	{"bad To", SIP_H_TO, diff_plain_addr, "RFC 3261 25.1"},
	{"bad Contact", SIP_H_CONTACT, diff_plain_addr, "RFC 3261 25.1"},
	{"bad Route", SIP_H_ROUTE, diff_plain_addr, "RFC 3261 25.1"},
	{"bad Record-Route", SIP_H_RECORD_ROUTE, diff_plain_addr, "RFC 3261 25.1"},
	{"bad Via", SIP_H_VIA, diff_plain_via, "RFC 3261 25.1"},
	{"headers in the Request-URI", 0, NULL, "RFC 3261 19.1.1, table 1"},
	{"SIP version not supported", 0, NULL, "RFC 3261 7.1, 21.5.6"},
	{"method of CSeq is not that of the request", 0, NULL, "RFC 3261 8.1.1.5"},
	{"a header field that may stand once stands twice", 0, NULL, "RFC 3261 7.3.1"},
	{"bad Date", 0, NULL, "RFC 3261 20.17: GMT"},
	{"bad Call-ID", 0, NULL, "RFC 3261 25.1: visible characters"},
	{"bad status code", 0, NULL, "RFC 3261 25.1: three digits, 100 to 699"},
	{"bad method", 0, NULL, "RFC 3261 25.1: a token"},
	{"bad request line", 0, NULL, "RFC 3261 7.1: single spaces"},
	{"a bare CR in the header", 0, NULL, "RFC 3261 25.1: CR stands in front of LF"},
	{"bad header field", 0, NULL, "RFC 3261 7.3.1: a token and a colon"},
	{"bad CSeq", 0, NULL, "RFC 3261 20.16: below 2^32, and a token"},
	{"bad Max-Forwards", 0, NULL, "RFC 3261 20.22: 0 to 255"},
	{"bad Content-Length", 0, NULL, "RFC 3261 20.14: digits alone"},
	{"too many header fields", 0, NULL, "a limit of ours: 128"},
	{"header field too long", 0, NULL, "a limit of ours: 8 KiB"},
	{"start line too long", 0, NULL, "a limit of ours: 8 KiB"},
};

static void refusal_check(void)
{
	struct sip_values it;
	struct view value;

	for (unsigned int i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];
		bool plain = r->plain != NULL;

		if (strcmp(msg.error, r->error) != 0)
			continue;
		if (!plain)
			return;
		sip_values_start(&it, &msg, r->field);
		while (sip_values_next(&it, &value))
			plain = plain && r->plain(value);
		if (!plain)
			return;
	}
	if (strcmp(msg.error, "bad Request-URI") != 0 || diff_plain_uri(msg.uri_text))
		diff_refused(msg.error);
}

/* ---- comparison ---- */

static void uri_compare(const struct oracle *oracle, const char *what, const struct sip_uri *ours,
	const struct oracle_uri *theirs)
{
	char a[SIP_LINE_MAX], b[SIP_LINE_MAX];

	host = ours->host;
	if (ours->scheme != SIP_SCHEME_SIP && ours->scheme != SIP_SCHEME_SIPS)
		return; /* others are opaque, and tel has no parts for libre */
	diff_text(oracle, what, diff_uri_text(ours->user, a, sizeof(a)),
		diff_uri_text(theirs->user, b, sizeof(b)));
	diff_nocase(oracle, what, ours->host, theirs->host);
	diff_number(oracle, what, ours->port, theirs->port);
}

static void addr_look(const struct sip_addr *addr)
{
	for (size_t i = 0; i < addr->display.n; i++)
		has_utf8_display = has_utf8_display || (uint8_t)addr->display.p[i] >= 0x80;
	has_comma_in_uri = has_comma_in_uri ||
			   (addr->uri.text.n > 0 &&
				   memchr(addr->uri.text.p, ',', addr->uri.text.n));
}

static void looked(void)
{
	has_utf8_display = has_comma_in_uri = false;
}

static void addr_compare(const struct oracle *oracle, const char *what, const struct sip_addr *ours,
	const struct oracle_uri *theirs)
{
	addr_look(ours);
	uri_compare(oracle, what, &ours->uri, theirs);
	looked();
}

static void contacts_compare(const struct oracle *oracle, const struct oracle_msg *theirs)
{
	struct sip_values it;
	struct sip_addr addrs[ORACLE_CONTACTS_MAX], more;
	struct view value;
	unsigned int n = 0;

	sip_values_start(&it, &msg, SIP_H_CONTACT);
	for (; sip_values_next(&it, &value); n++) {
		struct sip_addr *addr = n < ORACLE_CONTACTS_MAX ? &addrs[n] : &more;
		if (sip_addr_parse(value, addr) == 0)
			addr_look(addr);
	}
	for (unsigned int i = 0; i < n && i < ORACLE_CONTACTS_MAX && i < theirs->n_contacts; i++) {
		if (!addrs[i].star)
			uri_compare(oracle, "Contact", &addrs[i].uri, &theirs->contacts[i]);
	}
	diff_number(oracle, "number of contacts", n, theirs->n_contacts);
	looked();
}

static void via_compare(const struct oracle *oracle, const struct oracle_msg *theirs)
{
	host = msg.via.host;
	diff_text(oracle, "branch", msg.via.branch, theirs->via_branch);
	diff_nocase(oracle, "host of Via", msg.via.host, theirs->via_host);
	diff_number(oracle, "port of Via", msg.via.port, theirs->via_port);
	diff_number(oracle, "rport", msg.via.has_rport, theirs->has_rport);
	diff_number(oracle, "value of rport", msg.via.rport, theirs->via_rport);
}

static void compare(const struct oracle *oracle, const struct oracle_msg *theirs)
{
	diff_number(oracle, "kind", msg.is_request, theirs->is_request);
	if (msg.is_request) {
		diff_text(oracle, "method", msg.method_text, theirs->method);
		uri_compare(oracle, "Request-URI", &msg.uri, &theirs->uri);
	} else {
		diff_number(oracle, "status", msg.status, theirs->status);
	}
	diff_text(oracle, "Call-ID", msg.call_id, theirs->call_id);
	diff_number(oracle, "number of CSeq", msg.cseq.number, theirs->cseq);
	diff_text(oracle, "method of CSeq", msg.cseq.method_text, theirs->cseq_method);
	addr_compare(oracle, "From", &msg.from, &theirs->from);
	diff_text(oracle, "tag of From", msg.from.tag, theirs->from_tag);
	addr_compare(oracle, "To", &msg.to, &theirs->to);
	diff_text(oracle, "tag of To", msg.to.tag, theirs->to_tag);
	via_compare(oracle, theirs);
	contacts_compare(oracle, theirs);
	diff_text(oracle, "body", msg.body, theirs->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct oracle *const oracles[] = {&oracle_sofia, &oracle_re};
	const char *text = (const char *)data;
	struct oracle_msg theirs;
	unsigned int n_take = 0;

	bool taken = sip_msg_parse(&msg, text, size, false) == 0;
	for (unsigned int i = 0; i < 2; i++) {
		if (!oracles[i]->msg(text, size, &theirs))
			continue;
		n_take++;
		if (taken)
			compare(oracles[i], &theirs);
	}
	if (!taken && n_take == 2)
		refusal_check();
	return 0;
}
