/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls of and to phones that are registered with a registrar behind the box: who calls is looked for
 * among them by his From and by where the INVITE came from; a call that this registrar sends to the
 * Contact that we gave it goes to the phone, without dial-peers. See registrar/cache.h.
 */
#include "sip-b2bua/b2b/regcache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/reason.h"
#include "sip-b2bua/registrar/registrar.h"

LOG_TOPIC("user");

/* ---- to a phone ---- */

bool call_binding_take(struct call *call, const struct sip_uri *uri)
{
	call->by_binding = reg_cache_token_read(call->b->env.key, uri->user, &call->binding_user,
				   &call->binding_contact) == 0;
	return call->by_binding;
}

int call_binding_locate(struct call *call)
{
	struct b2b *b = call->b;
	int rc;

	memcpy(call->numbers.called, call->rec.called[LEG_A], sizeof(call->numbers.called));
	memcpy(call->numbers.calling, call->rec.calling[LEG_A], sizeof(call->numbers.calling));
	call->candidates[0] = (struct candidate){.user = true};
	call->n_candidates = 1;
	if (view_copy(view_of(call->rec.called[LEG_A]), call->user, sizeof(call->user)) < 0)
		call->user[0] = '\0';
	rc = registrar_locate_binding(b->registrar, call->binding_user, call->binding_contact,
		(uint64_t)call->slot << 32 | call->generation, &call->phones);
	if (rc == -EINPROGRESS) {
		call->locating = true;
		twheel_start(b->env.wheel, &call->timer, B2B_LOCATE_MS);
	}
	return rc;
}

const struct cfg_realm *call_binding_realm(const struct call *call)
{
	struct b2b *b = call->b;
	const struct sip_listener *l = call->phones && call->phones->n > 0
					       ? b->env.ops->listener(b->env.ctx,
							 call->phones->target[0].path.listener)
					       : NULL;

	return l ? cfg_find_realm(b->cfg, l->realm) : NULL;
}

/* ---- of a phone ---- */

static const struct cfg_registrar *conf_of(const struct call *call)
{
	return call->rec.trunk[LEG_A][0] ? NULL : regcache_conf(call->b, call->rec.realm[LEG_A]);
}

int call_caller_locate(struct call *call, const struct sip_msg *invite)
{
	struct b2b *b = call->b;
	const struct cfg_registrar *conf = conf_of(call);
	char user[REG_USER_MAX];
	struct sip_path path = {.transport = (uint8_t)call->rec.transport[LEG_A],
		.remote = call->rec.peer_sig[LEG_A]};
	int rc;

	/* Routing may begin again with what a hook answered. */
	if (call->caller || !conf || reg_cache_user(&invite->from.uri, conf->domain, user) < 0)
		return 0;
	call->caller_asked = true;
	rc = registrar_locate_caller(b->registrar, conf->realm, view_of(user), &path,
		CALL_TICKET_CALLER | (uint64_t)call->slot << 32 | call->generation, &call->caller);
	if (rc == -EINPROGRESS) {
		call->locating = call->asking_caller = true;
		twheel_start(b->env.wheel, &call->timer, B2B_LOCATE_MS);
	}
	return rc;
}

static bool caller_is_registered(const struct call *call)
{
	return call->caller && call->caller->n > 0;
}

const char *call_caller_refused(struct call *call)
{
	const struct cfg_realm *realm = cfg_find_realm(call->b->cfg, call->rec.realm[LEG_A]);
	const struct cfg_registrar *conf = conf_of(call);
	char addr[IPADDR_TEXT_MAX];

	if (!conf || !realm || realm->admission != CFG_ADMIT_USERS || call->emergency ||
		caller_is_registered(call))
		return NULL;
	if (call->caller_asked && !call->caller)
		return reason_say(call->b, "no worker of limen-sip says whether %s is registered",
			call->rec.calling[LEG_A]);
	ipaddr_print_port(&call->rec.peer_sig[LEG_A], addr);
	return reason_say(call->b,
		"%s is not registered from %s (admission users, registration passthrough)",
		call->rec.calling[LEG_A][0] ? call->rec.calling[LEG_A] : "the caller", addr);
}

/* To the registrar's trunk a call goes as its user's. */
static bool goes_to_core(const struct call *call, const char *trunk)
{
	const struct cfg_registrar *conf = conf_of(call);

	return conf && caller_is_registered(call) && strcmp(conf->core, trunk) == 0;
}

struct view call_caller_route(const struct call *call, const char *trunk)
{
	return goes_to_core(call, trunk) ? registrar_target_route(call->caller, 0)
					 : (struct view){NULL, 0};
}

struct view call_caller_identity(const struct call *call)
{
	return goes_to_core(call, call->rec.trunk[LEG_B]) ? registrar_target_uri(call->caller, 0)
							  : (struct view){NULL, 0};
}

/* A box with credentials of its own meets challenges itself (call_auth.c). */
static bool caller_proves_himself(const struct call *call)
{
	const char *name = call->rec.trunk[LEG_B];
	const struct cfg_trunk *trunk = goes_to_core(call, name)
						? cfg_find_trunk(call->b->cfg, name)
						: NULL;

	return trunk && !trunk->auth_username[0];
}

void call_caller_put_auth(const struct call *call, const struct sip_msg *invite, struct sip_buf *b)
{
	if (!caller_proves_himself(call))
		return;
	reg_cache_put_credentials(b, invite);
}

void call_caller_proved(const struct call *call)
{
	const struct b2b *b = call->b;
	struct sip_stxn *in = call->leg[LEG_A].in;
	struct sip_path path;

	if (!b->env.ops->proof || !in || !caller_proves_himself(call) ||
		!reg_cache_has_credentials(sip_stxn_request(in)))
		return;
	path = sip_stxn_came_by(in);
	b->env.ops->proof(b->env.ctx, &path, true);
}

bool call_caller_challenged(struct call *call, unsigned int status, const struct sip_msg *answer)
{
	char text[CALL_HEADERS_MAX], reason[sizeof(call->rec.reason)];
	struct sip_buf headers;

	if (!is_challenge(status) || !caller_proves_himself(call))
		return false;
	sip_buf_init(&headers, text, sizeof(text));
	if (sip_put_copies(&headers, answer,
		    status == 401 ? SIP_H_WWW_AUTHENTICATE : SIP_H_PROXY_AUTHENTICATE) == 0 ||
		headers.overflow)
		return false;
	snprintf(reason, sizeof(reason), "trunk %s asks the phone for its password (%u)",
		call->rec.trunk[LEG_B], status);
	call_end(call, &(struct call_why){.by = CTL_BY_CALLED,
			       .status = (uint16_t)status,
			       .headers = sip_buf_view(&headers),
			       .reason = reason});
	return true;
}
