/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Credentials towards far ends that ask for them (RFC 3261 22): a leg whose trunk has "authentication"
 * answers a 401 or 407 by sending the request again, and puts the field into later ones of the
 * dialog by itself. Memory for that is taken with the first challenge.
 */
#include <stdlib.h>

#include "sip-b2bua/auth/digest.h"
#include "sip-b2bua/b2b/call.h"

bool leg_auth_take(struct leg *leg, unsigned int status, const struct sip_msg *answer)
{
	const struct cfg_trunk *trunk = leg_trunk(leg);

	if (!is_challenge(status) || !answer || !trunk || !trunk->auth_username[0])
		return false;
	if (!leg->auth)
		leg->auth = calloc(1, sizeof(*leg->auth));
	return leg->auth && digest_client_take(leg->auth, answer);
}

void leg_auth_accepted(struct leg *leg)
{
	if (leg->auth)
		digest_client_accepted(leg->auth);
}

void leg_auth_forget(struct leg *leg)
{
	free(leg->auth);
	leg->auth = NULL;
}

void leg_put_auth(struct leg *leg, struct sip_buf *b, enum sip_method method, struct view uri)
{
	const struct cfg_trunk *trunk = leg->auth ? leg_trunk(leg) : NULL;

	if (trunk && trunk->auth_username[0])
		digest_client_put(leg->auth, b, sip_method_text(method), uri, trunk->auth_username,
			trunk->auth_password);
}

const char *leg_auth_problem(const struct leg *leg)
{
	const struct cfg_trunk *trunk = leg_trunk(leg);

	if (!trunk || !trunk->auth_username[0])
		return "it wants credentials, and \"authentication username\" is not set";
	return leg->auth && leg->auth->tries > 0
		       ? "it refused the credentials"
		       : "it asks for credentials in a way that is not known here";
}
