/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Differential fuzz target of digest: a challenge and credentials that we take are taken by sofia-sip or
 * libre, too, and say the same to both.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "sip-b2bua/auth/digest_server.h"
#include "tests/fuzz/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct view text;
static const char *param; /* that is being compared */

static bool in_quotes(struct view ours, struct view theirs)
{
	struct view name = view_of(param);
	bool inside = false;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"')
			inside = !inside;
		else if (inside && text.p[i] == '\\')
			i++;
		else if (inside && i + name.n <= text.n &&
			 view_eq_nocase((struct view){text.p + i, name.n}, name))
			return true;
	}
	return false;
}

/* sofia-sip leaves the white space, and then the quotes. */
static bool keeps_space(struct view ours, struct view theirs)
{
	struct view bare = view_trim(theirs);

	return theirs.n > 0 && (bare.n < theirs.n || bare.p[0] == '"');
}

const struct diff_known diff_known[] = {
	{&oracle_re, NULL, in_quotes,
		"RFC 3261 25.1, quoted-string: libre finds parameters inside of others' quotes, "
		"too"},
	{&oracle_sofia, NULL, keeps_space,
		"RFC 3261 25.1, EQUAL: white space may stand around '='"},
	{0},
};

static void compare(
	const struct oracle *oracle, const char *what, struct view ours, struct view theirs)
{
	char a[8192], b[8192];

	param = what;
	ours = diff_quoted_text(ours, a, sizeof(a));
	if (!oracle->unescapes)
		theirs = diff_quoted_text(theirs, b, sizeof(b));
	diff_text(oracle, what, ours, theirs);
}

static void challenge_compare(const struct oracle *oracle, const struct digest_challenge *ours,
	const struct oracle_digest *theirs)
{
	compare(oracle, "realm", view_of(ours->realm), theirs->realm);
	compare(oracle, "nonce", view_of(ours->nonce), theirs->nonce);
	compare(oracle, "opaque", view_of(ours->opaque), theirs->opaque);
	param = "stale";
	diff_number(oracle, "stale", ours->stale, theirs->stale);
}

static void credentials_compare(const struct oracle *oracle, const struct digest_credentials *ours,
	const struct oracle_digest *theirs)
{
	compare(oracle, "username", ours->username, theirs->username);
	compare(oracle, "realm", ours->realm, theirs->realm);
	compare(oracle, "nonce", ours->nonce, theirs->nonce);
	compare(oracle, "uri", ours->uri, theirs->uri);
	compare(oracle, "response", ours->response, theirs->response);
	compare(oracle, "cnonce", ours->cnonce, theirs->cnonce);
	compare(oracle, "nc", ours->nc_text, theirs->nc);
}

static void alone(const char *what)
{
	fprintf(stderr, "taken by us alone: %s\n", what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct oracle *const oracles[] = {&oracle_sofia, &oracle_re};
	struct digest_challenge challenge;
	struct digest_credentials credentials;
	struct oracle_digest theirs;
	unsigned int n_challenge = 0, n_credentials = 0;

	text = (struct view){(const char *)data, size};
	bool is_challenge = digest_challenge_parse(text, &challenge) == 0;
	bool is_credentials = digest_credentials_parse(text, &credentials) == 0;
	for (unsigned int i = 0; i < 2; i++) {
		if (is_challenge && oracles[i]->challenge(text.p, text.n, &theirs)) {
			challenge_compare(oracles[i], &challenge, &theirs);
			n_challenge++;
		}
		if (is_credentials && oracles[i]->credentials(text.p, text.n, &theirs)) {
			credentials_compare(oracles[i], &credentials, &theirs);
			n_credentials++;
		}
	}
	if (is_challenge && n_challenge == 0)
		alone("challenge");
	if (is_credentials && n_credentials == 0)
		alone("credentials");
	return 0;
}
