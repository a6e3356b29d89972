/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which voice class sip-profiles a message goes through: of what leaves that of the dial-peer, else of
 * the trunk, else of the realm; of what comes that of the trunk, else of the realm. Without any profile
 * in the configuration nothing is looked at.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/call.h"
#include "sip-b2bua/b2b/targets.h"
#include "sip-b2bua/core/sip_slab.h"
#include "sip-b2bua/profiles/profiles.h"

LOG_TOPIC("rules");

struct rules {
	struct sip_profiles *profiles;
	char in[SIP_MSG_MAX], out[SIP_MSG_MAX]; /* both are in use while a request is answered */
};

int rules_new(const struct cfg *cfg, struct rules **ret_rules, char error[CFG_ERROR_MAX])
{
	struct rules *rules;
	int rc;

	*ret_rules = NULL;
	if (cfg->n_sip_profiles == 0)
		return 0;
	snprintf(error, CFG_ERROR_MAX, "memory is short");
	rules = malloc(sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	rc = sip_profiles_new(cfg, &rules->profiles, error);
	if (rc < 0)
		free(rules);
	else
		*ret_rules = rules;
	return rc;
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	sip_profiles_free(rules->profiles);
	free(rules);
}

/* The dial-peer's, when the message is of a leg that was called by one: our Call-ID names the call. */
static uint32_t peer_profile(const struct b2b *b, struct view call_id)
{
	const struct cfg_dial_peer *peer;
	const struct call *call;
	struct sip_token token;

	if (sip_token_parse(b->env.key, call_id, &token) < 0 || token.kind != SIP_TOKEN_CALL_ID ||
		token.worker != b->env.worker)
		return 0;
	call = sip_slab_find(b->calls, token.index >> 4, token.generation);
	peer = call ? cfg_find_dial_peer(b->cfg, call->rec.dial_peer_out) : NULL;
	return peer ? peer->sip_profile_out : 0;
}

static uint32_t side_profile(const struct b2b *b, const struct sip_path *path, bool out)
{
	const struct sip_listener *listener = b->env.ops->listener(b->env.ctx, path->listener);
	const struct cfg_realm *realm = listener ? cfg_find_realm(b->cfg, listener->realm) : NULL;
	const struct cfg_trunk *trunk = realm ? targets_source(
							b->targets, realm->name, &path->remote)
					      : NULL;
	uint32_t tag = trunk ? out ? trunk->sip_profile_out : trunk->sip_profile_in : 0;

	if (tag || !realm)
		return tag;
	return out ? realm->sip_profile_out : realm->sip_profile_in;
}

static bool apply(struct b2b *b, uint32_t tag, const struct sip_path *path, struct view msg,
	char *buf, struct view *ret)
{
	char why[SIP_PROFILES_WHY_MAX];
	size_t n;
	int rc = sip_profiles_apply(b->rules->profiles, tag, msg,
		sip_transport_is_framed(path->transport), buf, SIP_MSG_MAX, &n, why);

	if (rc < 0) {
		b->env.stats->profile_refused++;
		log_info("voice class sip-profiles %" PRIu32 " is not carried out on \"%.*s\": %s",
			tag, (int)(msg.n < 40 ? msg.n : 40), msg.p, why);
	}
	if (rc <= 0)
		return false;
	b->env.stats->profile_changed++;
	*ret = (struct view){buf, n};
	return true;
}

bool b2b_rules_in(struct b2b *b, const struct sip_path *path, struct view msg, struct view *ret)
{
	uint32_t tag = b->rules ? side_profile(b, path, false) : 0;

	return tag && apply(b, tag, path, msg, b->rules->in, ret);
}

bool b2b_rules_out(struct b2b *b, const struct sip_path *path, struct view msg, struct view *ret)
{
	uint32_t tag = b->rules ? peer_profile(b, trace_call_id(msg)) : 0;

	if (b->rules && !tag)
		tag = side_profile(b, path, true);
	return tag && apply(b, tag, path, msg, b->rules->out, ret);
}
