/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Callers' numbers: from what is dialled in the caller's country to E.164, and from there to what
 * the called side wants to see. A number with a plus sign is E.164 already.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sip-b2bua/identity/identity.h"

#define DIGITS_MIN 7 /* fewer are an extension or a service, which has no country */

static bool is_number(const char *text)
{
	const char *digits = text + (*text == '+');
	size_t n = strspn(digits, "0123456789");

	return n >= DIGITS_MIN && digits[n] == '\0';
}

static const char *without(const char *number, const char *prefix)
{
	size_t n = strlen(prefix);

	return n > 0 && strncmp(number, prefix, n) == 0 ? number + n : NULL;
}

/* With a plus sign; false: it cannot be known which country it is of. */
static bool to_e164(const struct cfg_tenant *in, const char *number, char dst[IDENTITY_NUMBER_MAX])
{
	const char *rest;

	if (*number == '+')
		return snprintf(dst, IDENTITY_NUMBER_MAX, "%s", number) < IDENTITY_NUMBER_MAX;
	if (!in || in->country_code == 0)
		return false;
	rest = without(number, in->international_prefix);
	if (rest)
		return snprintf(dst, IDENTITY_NUMBER_MAX, "+%s", rest) < IDENTITY_NUMBER_MAX;
	rest = without(number, in->national_prefix);
	/* Where no prefix is dialled, each number is one of the country. */
	if (!rest && in->national_prefix[0])
		return false;
	return snprintf(dst, IDENTITY_NUMBER_MAX, "+%u%s", in->country_code, rest ? rest : number) <
	       IDENTITY_NUMBER_MAX;
}

static int from_e164(const struct cfg_tenant *out, const char *e164, char dst[IDENTITY_NUMBER_MAX])
{
	char country[8];
	const char *rest;
	int n;

	snprintf(country, sizeof(country), "+%u", out->country_code);
	rest = without(e164, country);
	if (out->caller_id == CFG_CALLER_ID_E164)
		n = snprintf(dst, IDENTITY_NUMBER_MAX, "%s", e164);
	else if (rest)
		n = snprintf(dst, IDENTITY_NUMBER_MAX, "%s%s", out->national_prefix, rest);
	else
		n = snprintf(dst, IDENTITY_NUMBER_MAX, "%s%s", out->international_prefix, e164 + 1);
	return n < IDENTITY_NUMBER_MAX ? 0 : -ENAMETOOLONG;
}

int identity_number(const struct cfg_tenant *in, const struct cfg_tenant *out, const char *number,
	char dst[IDENTITY_NUMBER_MAX])
{
	char e164[IDENTITY_NUMBER_MAX], sent[IDENTITY_NUMBER_MAX];
	size_t n = strlen(number);

	if (n >= IDENTITY_NUMBER_MAX)
		return -ENAMETOOLONG;
	memcpy(sent, number, n + 1);
	if (out && out->caller_id != CFG_CALLER_ID_PASS && is_number(number) &&
		to_e164(in, number, e164) && from_e164(out, e164, sent) < 0)
		return -ENAMETOOLONG;
	memcpy(dst, sent, sizeof(sent));
	return 0;
}
