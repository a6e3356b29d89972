/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Differential fuzz target of URIs: a sip or sips URI that we take is taken by sofia-sip or libre, too,
 * and has the same parts for both; and one that is plainly well-formed is taken.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "sip-b2bua/parser/sip_uri.h"
#include "tests/fuzz/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct view host;

static bool ipv4_inside(struct view ours, struct view theirs)
{
	return diff_ipv4_inside(host);
}

const struct diff_known diff_known[] = {
	{&oracle_re, NULL, ipv4_inside,
		"RFC 3261 25.1: an IPv6 address may end as an IPv4 "
		"one; libre splits it at its dots"},
	{0},
};

static void parts_compare(
	const struct oracle *oracle, const struct sip_uri *ours, const struct oracle_uri *theirs)
{
	char a[4096], b[4096];

	host = ours->host;
	diff_nocase(oracle, "scheme", ours->scheme_text, theirs->scheme);
	diff_text(oracle, "user", diff_uri_text(ours->user, a, sizeof(a)),
		diff_uri_text(theirs->user, b, sizeof(b)));
	diff_text(oracle, "password", diff_uri_text(ours->password, a, sizeof(a)),
		diff_uri_text(theirs->password, b, sizeof(b)));
	diff_nocase(oracle, "host", ours->host, theirs->host);
	diff_number(oracle, "port", ours->port, theirs->port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct oracle *const oracles[] = {&oracle_sofia, &oracle_re};
	struct view text = {(const char *)data, size};
	struct oracle_uri theirs;
	struct sip_uri ours;
	unsigned int n_take = 0;

	bool taken = sip_uri_parse(text, &ours) == 0;
	if (taken && ours.scheme != SIP_SCHEME_SIP && ours.scheme != SIP_SCHEME_SIPS)
		return 0; /* others are opaque, and tel has no parts for libre */
	for (unsigned int i = 0; i < 2; i++) {
		if (!oracles[i]->uri(text.p, text.n, &theirs))
			continue;
		n_take++;
		if (taken)
			parts_compare(oracles[i], &ours, &theirs);
	}
	if (!taken && n_take == 2 && diff_plain_uri(text))
		diff_refused("URI");
	if (taken && n_take == 0) {
		fprintf(stderr, "taken by us alone: %.*s\n", VIEW_ARG(text));
		abort();
	}
	return 0;
}
