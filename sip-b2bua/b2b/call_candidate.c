/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom a call goes to: of its candidates the first whose numbers, keys and targets let it. */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/peer_load.h"
#include "sip-b2bua/registrar/registrar.h"

LOG_TOPIC("setup");

/* The numbers that a candidate gets; false: its translation rejects them. */
static bool candidate_numbers(
	struct call *call, const struct candidate *c, const struct cfg_trunk *trunk)
{
	const struct cfg_dial_peer *peer = cfg_find_dial_peer(call->b->cfg, c->tag);
	struct numbers out = call->numbers;

	_Static_assert(TRANSLATE_NUMBER_MAX == CTL_NUMBER_MAX, "numbers fit the record");
	if (call->by_binding) {
		memcpy(call->rec.calling[LEG_B], out.calling, CTL_NUMBER_MAX);
		memcpy(call->rec.called[LEG_B], out.called, CTL_NUMBER_MAX);
		return true;
	}
	route_numbers_hook(call_hook_asked(call), c->hook_rank, &out);
	if (!peer || !route_numbers_out(call->b->routes, peer, trunk, &out, NULL, call->rec.reason))
		return false;
	memcpy(call->rec.calling[LEG_B], out.calling, CTL_NUMBER_MAX);
	memcpy(call->rec.called[LEG_B], out.called, CTL_NUMBER_MAX);
	return true;
}

/* The user part that a URI of the caller's gets for the called side: changed, or as it came. */
static struct sip_uri uri_for(const struct sip_uri *uri, const char *before, const char *after,
	char user[POLICY_USER_MAX])
{
	struct sip_uri ret = *uri;

	if (strcmp(before, after) != 0)
		ret.user = policy_user_escape(after, user);
	return ret;
}

/* A trunk that requires keys by DTLS is passed over while limen-nat is away. */
static bool can_encrypt(
	struct call *call, const struct cfg_realm *realm, const struct cfg_trunk *trunk)
{
	media_map_set_own(&call->media, &call->b->dtls_own);
	media_map_set_srtp(&call->media, LEG_B, call->b->cfg, realm, trunk);
	media_map_set_codecs(&call->media, LEG_B, call->b->cfg, realm, trunk);
	if (!media_map_lacks_dtls(&call->media, LEG_B))
		return true;
	snprintf(call->rec.reason, sizeof(call->rec.reason),
		"%s requires keys by DTLS, and limen-nat is not running", call->far);
	log_warning("%s", call->rec.reason);
	return false;
}

/* Nor is an offer asked for where it would come in a provisional that nobody here can answer. */
static bool can_acknowledge(struct call *call, const struct sip_msg *invite)
{
	if (invite->body.n > 0 || call->leg[LEG_B].rel1xx != CFG_REL1XX_REQUIRE ||
		call_takes_early_offer(call))
		return true;
	snprintf(call->rec.reason, sizeof(call->rec.reason),
		"%s requires 100rel, and the caller wants an offer but does not know it",
		call->far);
	log_info("%s", call->rec.reason);
	return false;
}

/* A target of the trunk becomes the called side. -ENOENT: it cannot be reached by us now. */
static int target_use(struct call *call, const struct sip_msg *invite,
	const struct cfg_realm *realm, const struct cfg_trunk *trunk, const struct target *target)
{
	struct b2b *b = call->b;
	const struct sip_listener *listener = b->env.ops->find(
		b->env.ctx, realm->name, target->transport, target->addr.family);
	char user[POLICY_USER_MAX];
	struct sip_uri called;
	struct sip_buf uri;

	if (!listener) {
		snprintf(call->rec.reason, sizeof(call->rec.reason),
			"trunk %s: realm %s has no listener of its transport and family "
			"(sip listen)",
			trunk->name, realm->name);
		log_warning("%s", call->rec.reason);
		return -ENOENT;
	}
	if (!can_encrypt(call, realm, trunk))
		return -ENOENT;
	called = uri_for(call_called_uri(call, invite), call->rec.called[LEG_A],
		call->rec.called[LEG_B], user);
	sip_buf_init(&uri, call->uri, sizeof(call->uri) - 1);
	targets_put_uri(b->targets, &uri, &called, trunk, target);
	if (uri.overflow) {
		snprintf(call->rec.reason, sizeof(call->rec.reason),
			"the called number is too long for a Request-URI");
		return -ENOENT;
	}
	call->uri[uri.n] = '\0';
	if (!call->emergency && !peer_load_admit(b, target->spot, trunk, call->rec.reason,
					sizeof(call->rec.reason))) {
		call->limited = (struct admission_refusal){503, 42, CTL_LIMIT_PEER};
		return -ENOENT;
	}
	if (!spot_enter(b, &call->targets.spot, target->spot))
		return -ENOENT; /* another call tries it just now */
	call->limited = (struct admission_refusal){.limit = CTL_LIMIT_NONE};
	leg_auth_forget(&call->leg[LEG_B]);
	call->out_path = call_path_to(listener, &target->addr);
	media_map_set_side(&call->media, LEG_B, realm, &listener->addr);
	media_map_set_music(&call->media, LEG_B, realm, trunk);
	call->rec.peer_sig[LEG_B] = target->addr;
	call->rec.transport[LEG_B] = target->transport;
	return 0;
}

/* One more target rings beside the called side: its way is of the same family, for the media's sake. */
static void target_join(struct call *call, const struct sip_msg *invite,
	const struct cfg_realm *realm, const struct cfg_trunk *trunk, const struct target *target)
{
	struct b2b *b = call->b;
	const struct sip_listener *listener = b->env.ops->find(
		b->env.ctx, realm->name, target->transport, target->addr.family);
	char user[POLICY_USER_MAX], text[CALL_URI_MAX], why[sizeof(call->rec.reason)];
	struct sip_uri called;
	struct sip_path path;
	struct sip_buf uri;

	if (!listener || target->addr.family != call->out_path.remote.family)
		return;
	/* It is left out quietly: the others ring. */
	if (!call->emergency && !peer_load_admit(b, target->spot, trunk, why, sizeof(why)))
		return;
	path = call_path_to(listener, &target->addr);
	called = uri_for(call_called_uri(call, invite), call->rec.called[LEG_A],
		call->rec.called[LEG_B], user);
	sip_buf_init(&uri, text, sizeof(text) - 1);
	targets_put_uri(b->targets, &uri, &called, trunk, target);
	if (uri.overflow || call_ring_add(call, sip_buf_view(&uri),
				    call_caller_route(call, trunk->name), &path, target->spot) < 0)
		log_info("call %016llx: a target of trunk %s does not ring",
			(unsigned long long)call->rec.id, trunk->name);
}

static int target_take(struct call *call, const struct sip_msg *invite,
	const struct cfg_realm *realm, const struct cfg_trunk *trunk)
{
	struct call_targets *ct = &call->targets;

	call_ring_clear(call);
	call_copy_set(&call->route, &call->route_len, call_caller_route(call, trunk->name));
	while (ct->next < ct->n) {
		const struct target *target = &ct->list[ct->next++];

		if (target_use(call, invite, realm, trunk, target) < 0)
			continue;
		while (ct->next < ct->n && ct->list[ct->next].group == target->group)
			target_join(call, invite, realm, trunk, &ct->list[ct->next++]);
		return 0;
	}
	return -ENOENT;
}

/* The same trunk again, at its next target (RFC 3263 4.3). */
static int target_again(struct call *call, const struct sip_msg *invite)
{
	struct b2b *b = call->b;
	const struct cfg_trunk *trunk = cfg_find_trunk(b->cfg, call->rec.trunk[LEG_B]);
	const struct cfg_realm *realm = trunk ? cfg_find_realm(b->cfg, trunk->realm) : NULL;

	/* The configuration may have changed while another target was tried. */
	if (!realm || trunk->shutdown || target_take(call, invite, realm, trunk) < 0)
		return -ENOENT;
	call->targets.again = true;
	b->env.stats->failovers++;
	return 0;
}

/* The called side in sentences; there is room for any name. */
static void far_set(struct call *call, struct view what, const char *name)
{
	struct sip_buf buf;

	sip_buf_init(&buf, call->far, sizeof(call->far) - 1);
	sip_put(&buf, what);
	sip_put(&buf, view_of(name));
	call->far[buf.n] = '\0';
}

static bool user_take(struct call *call, const struct candidate *c, const struct sip_msg *invite)
{
	struct leg *leg = &call->leg[LEG_B];
	const struct cfg_realm *realm;
	struct admission_place place;

	spot_leave(call->b, &call->targets.spot);
	call->targets.n = call->targets.next = 0;
	if (!call_user_take(call, &realm))
		return false;
	far_set(call, VIEW("user "), call->user);
	leg_set_terms(leg, realm, NULL);
	place = (struct admission_place){.realm = realm,
		.peer = cfg_find_dial_peer(call->b->cfg, c->tag),
		.pool = registrar_user(call->b->registrar, call->numbers.called),
		.family = call->out_path.local.family};
	if (!candidate_numbers(call, c, NULL) || !can_acknowledge(call, invite) ||
		!can_encrypt(call, realm, NULL) ||
		!admission_take(call, LEG_B, &place, invite->body))
		return false;
	leg_auth_forget(leg);
	media_map_set_side(&call->media, LEG_B, realm, &call->out_path.local);
	media_map_set_music(&call->media, LEG_B, realm, NULL);
	control_attempt(call);
	call_name_copy(call->rec.realm[LEG_B], realm->name);
	call->rec.trunk[LEG_B][0] = '\0';
	call->rec.peer_sig[LEG_B] = call->out_path.remote;
	call->rec.transport[LEG_B] = call->out_path.transport;
	return true;
}

/* Makes the next target or candidate that can be reached the called side. -ENOENT: there is none. */
int call_candidate_take(struct call *call, const struct sip_msg *invite)
{
	struct b2b *b = call->b;

	if (call_user_next(call) == 0 || target_again(call, invite) == 0)
		return 0;
	while (call->candidate < call->n_candidates) {
		const struct candidate *c = &call->candidates[call->candidate++];
		const struct cfg_trunk *trunk = cfg_find_trunk(b->cfg, c->trunk);
		const struct cfg_realm *realm = trunk ? cfg_find_realm(b->cfg, trunk->realm) : NULL;
		struct admission_place place;
		const char *why;

		if (c->local) {
			const struct cfg_dial_peer *peer = cfg_find_dial_peer(b->cfg, c->tag);

			if (!peer || peer->shutdown || !cfg_dial_peer_is_local(peer))
				continue;
			if (call_is_transfer(call)) {
				snprintf(call->rec.reason, sizeof(call->rec.reason),
					"dial-peer %u ends in the box, where nobody is transferred "
					"to",
					c->tag);
				continue;
			}
			spot_leave(b, &call->targets.spot);
			admission_drop(call, LEG_B);
			control_attempt(call);
			call_local_take(call, peer);
			return 0;
		}
		call->by_user = false;
		if (c->user && !user_take(call, c, invite))
			continue;
		if (c->user) {
			call->rec.dial_peer_out = c->tag;
			call_identity_number(call);
			return 0;
		}
		if (!realm || trunk->shutdown)
			continue;
		if (!candidate_numbers(call, c, trunk))
			continue;
		far_set(call, VIEW("trunk "), trunk->name);
		leg_set_terms(&call->leg[LEG_B], realm, trunk);
		if (!can_acknowledge(call, invite))
			continue;
		place = (struct admission_place){.realm = realm,
			.trunk = trunk,
			.peer = cfg_find_dial_peer(b->cfg, c->tag),
			.family = trunk->target.addr.family};
		if (!admission_take(call, LEG_B, &place, invite->body))
			continue;
		targets_pick(b->targets, trunk, &call->targets, &why);
		if (call->targets.n == 0)
			snprintf(call->rec.reason, sizeof(call->rec.reason), "trunk %s: %s",
				trunk->name, why);
		if (target_take(call, invite, realm, trunk) < 0)
			continue;
		control_attempt(call);
		call_name_copy(call->rec.realm[LEG_B], realm->name);
		call_name_copy(call->rec.trunk[LEG_B], trunk->name);
		call->rec.dial_peer_out = c->tag;
		call_identity_number(call);
		return 0;
	}
	return -ENOENT;
}
