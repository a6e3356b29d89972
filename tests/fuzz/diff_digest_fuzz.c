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
#include "sip-b2bua/parser/sip_char.h"
#include "tests/fuzz/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct view text;

/*
 * libre looks for names of lower-case letters, wherever they stand: behind another name it goes on inside
 * of the value, and there a comma begins a parameter.
 */
static bool libre_lost(struct view ours, struct view theirs)
{
	const char *end = sip_view_end(text);
	const char *params = sip_skip(sip_skip_ws(text.p, end), end, SIP_C_TOKEN);
	bool inside = false, plain = true;

	for (const char *p = params; p < end; p++) {
		char c = *p;
		if (inside && c == '\\') {
			p++;
		} else if (c == '"') {
			inside = !inside;
			if (inside && !plain)
				return true;
		} else if (c == ',' && !inside) {
			plain = true;
		} else if (!inside && c != '=' && !sip_char_is(c, SIP_C_WS) &&
			   (c < 'a' || c > 'z')) {
			plain = false;
		}
	}
	return false;
}

/* sofia-sip leaves the white space, and then the quotes. */
static bool keeps_space(struct view ours, struct view theirs)
{
	struct view bare = view_trim(theirs);

	return theirs.n > 0 && (bare.n < theirs.n || bare.p[0] == '"');
}

/* The same at a parameter of which only the meaning is compared. */
static bool space_at_equal(struct view ours, struct view theirs)
{
	for (size_t i = 1; i + 1 < text.n; i++) {
		if (text.p[i] == '=' && (sip_char_is(text.p[i - 1], SIP_C_WS) ||
						sip_char_is(text.p[i + 1], SIP_C_WS)))
			return true;
	}
	return false;
}

const struct diff_known diff_known[] = {
	{&oracle_re, NULL, libre_lost,
		"RFC 3261 25.1, quoted-string: libre finds parameters inside of others' quotes, "
		"too"},
	{&oracle_sofia, NULL, keeps_space,
		"RFC 3261 25.1, EQUAL: white space may stand around '='"},
	{&oracle_sofia, "stale", space_at_equal,
		"RFC 3261 25.1, EQUAL: white space may stand around '='"},
	{0},
};

static void compare(
	const struct oracle *oracle, const char *what, struct view ours, struct view theirs)
{
	char a[8192], b[8192];

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
	if (libre_lost(text, text))
		return;
	fprintf(stderr, "taken by us alone: %s\n", what);
	abort();
}

/* What a message's parser can give: no line break but those of folds. */
static bool is_field_value(struct view value)
{
	for (size_t i = 0; i < value.n; i++) {
		char next = i + 1 < value.n ? value.p[i + 1] : '\0';
		if ((value.p[i] == '\r' && next != '\n') ||
			(value.p[i] == '\n' && next != ' ' && next != '\t'))
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct oracle *const oracles[] = {&oracle_sofia, &oracle_re};
	struct digest_challenge challenge;
	struct digest_credentials credentials;
	struct oracle_digest theirs;
	unsigned int n_challenge = 0, n_credentials = 0;

	text = (struct view){(const char *)data, size};
	if (!is_field_value(text))
		return 0;
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
