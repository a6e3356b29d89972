/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The initial INVITE: checks (RFC 3261 8.2 in its order), admission, routing, and the INVITE to
 * the called side, candidate after candidate. Every attempt becomes a call with a record, also
 * one that is refused at once.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/b2b/peer_load.h"
#include "sip-b2bua/b2b/reason.h"
#include "sip-b2bua/b2b/stir.h"
#include "sip-b2bua/registrar/registrar.h"

LOG_TOPIC("setup");

static const struct view none = {NULL, 0};

static void refuse(struct call *call, unsigned int status, struct view headers, const char *reason)
{
	call_end(call, &(struct call_why){.by = CTL_BY_BOX,
			       .status = (uint16_t)status,
			       .headers = headers,
			       .reason = reason});
}

static struct view retry_after(struct sip_buf *b, char *text, size_t size)
{
	sip_buf_init(b, text, size);
	sip_put_hdr_u64(b, SIP_H_RETRY_AFTER, B2B_RETRY_AFTER_S);
	return sip_buf_view(b);
}

void call_end_limited(struct call *call, const char *reason)
{
	struct sip_buf buf;
	char text[CALL_HEADERS_MAX], why[sizeof(call->rec.reason)];
	const struct admission_refusal *refusal = &call->limited;

	snprintf(why, sizeof(why), "%s", reason);
	sip_buf_init(&buf, text, sizeof(text));
	admission_put_headers(refusal, &buf);
	call->rec.limit = refusal->limit;
	call_end(call, &(struct call_why){.by = CTL_BY_BOX,
			       .status = refusal->status,
			       .q850 = refusal->q850,
			       .headers = sip_buf_view(&buf),
			       .reason = why});
}

static void name_copy(char dst[CTL_NAME_MAX], const char *src)
{
	if (view_copy(view_of(src), dst, CTL_NAME_MAX) < 0)
		dst[0] = '\0';
}

/* The URI whose user part is called. */
static const struct sip_uri *called_uri(const struct call *call, const struct sip_msg *invite)
{
	return call->to_contact ? &invite->to.uri : &invite->uri;
}

/* A temporary GRUU hides whose phone is called; the call goes to the number of that user. */
static void record_called(struct call *call, const struct sip_msg *msg)
{
	const struct cfg_pool *pool = call_gruu_user(call, called_uri(call, msg));

	if (pool) {
		snprintf(call->rec.called[LEG_A], CTL_NUMBER_MAX, "%s", cfg_pool_number(pool));
		return;
	}
	if (policy_user_text(called_uri(call, msg), call->rec.called[LEG_A], CTL_NUMBER_MAX) < 0)
		call->rec.called[LEG_A][0] = '\0';
}

/* What the record says of the caller's side; texts that do not fit stay empty. */
static void record_caller(struct call *call, const struct sip_msg *msg, const struct sip_path *path)
{
	struct ctl_call *rec = &call->rec;

	if (policy_user_text(&msg->from.uri, rec->calling[LEG_A], CTL_NUMBER_MAX) < 0)
		rec->calling[LEG_A][0] = '\0';
	record_called(call, msg);
	if (view_copy(msg->call_id, rec->sip_call_id[LEG_A], sizeof(rec->sip_call_id[LEG_A])) < 0)
		rec->sip_call_id[LEG_A][0] = '\0';
	leg_session_id_take(&call->leg[LEG_A], msg);
	rec->peer_sig[LEG_A] = path->remote;
	rec->transport[LEG_A] = path->transport;
}

/* RFC 3261 8.2.2 to 8.2.3. Returns false when the call was refused (and is gone). */
static bool check_request(struct call *call, const struct sip_msg *msg)
{
	struct leg *a = &call->leg[LEG_A];
	struct sip_buf headers;
	char text[512];
	unsigned int status;
	const char *reason;

	sip_buf_init(&headers, text, sizeof(text));
	a->peer_requires_100rel = sip_msg_has_token(msg, SIP_H_REQUIRE, VIEW("100rel"));
	a->peer_100rel = a->peer_requires_100rel ||
			 sip_msg_has_token(msg, SIP_H_SUPPORTED, VIEW("100rel"));
	leg_learn(a, msg);
	reason = reason_of_request(a, msg, &headers, &status);
	if (!reason && !leg_timer_check(a, msg, &headers)) {
		status = 422;
		reason = reason_say(call->b,
			"the session interval of the INVITE is below %u s (min-se)", a->se.min_s);
	}
	if (!reason && a->rel1xx == CFG_REL1XX_REQUIRE && !a->peer_100rel) {
		status = 421;
		sip_put_hdr(&headers, SIP_H_REQUIRE, VIEW("100rel"));
		reason = "the caller does not know 100rel, which its side requires (rel1xx)";
	}
	if (!reason)
		return true;
	refuse(call, status,
		status == 415 ? VIEW("Accept: application/sdp\r\n") : sip_buf_view(&headers),
		reason);
	return false;
}

/* Realm and trunk of the source; whether it may call; whether there is room. */
static bool check_source(struct call *call, const struct sip_msg *msg, const struct sip_path *path)
{
	struct b2b *b = call->b;
	const struct sip_listener *listener = b->env.ops->listener(b->env.ctx, path->listener);
	const struct cfg_realm *realm = listener ? cfg_find_realm(b->cfg, listener->realm) : NULL;
	const struct cfg_trunk *trunk;
	struct admission_place place;
	char addr[IPADDR_TEXT_MAX];

	if (!realm) {
		refuse(call, 503, none,
			"the realm of its listener was just taken out of the configuration");
		return false;
	}
	name_copy(call->rec.realm[LEG_A], realm->name);
	/* A carrier's calls to the Contact that we registered may come from any of its hosts. */
	trunk = regclient_trunk(b, realm->name, &msg->uri);
	if (trunk) {
		call->to_contact = true;
		record_called(call, msg);
	} else {
		trunk = targets_source(b->targets, realm->name, &path->remote);
		if (trunk && call_binding_take(call, &msg->uri)) {
			call->to_contact = true;
			record_called(call, msg);
		}
	}
	if (trunk)
		name_copy(call->rec.trunk[LEG_A], trunk->name);
	call->emergency = admission_is_emergency(b->cfg, call->rec.called[LEG_A]);
	b->env.stats->emergency_calls += call->emergency;
	switch (route_admit(realm, trunk)) {
	case ROUTE_ADMITTED:
		break;
	case ROUTE_UNKNOWN_SOURCE:
		if (call->emergency && realm->emergency_unregistered)
			break;
		ipaddr_print_port(&path->remote, addr);
		refuse(call, 403, none,
			reason_say(b, "%s is no trunk of realm %s, which admits nobody else", addr,
				realm->name));
		return false;
	case ROUTE_SOURCE_SHUTDOWN:
		refuse(call, 403, none,
			reason_say(b, "trunk %s, which it came from, is shut down", trunk->name));
		return false;
	}
	place = (struct admission_place){.realm = realm,
		.trunk = trunk,
		.pool = call->user_pool ? cfg_find_pool(b->cfg, call->user_pool) : NULL,
		.family = path->local.family};
	if (!admission_box(call) || !admission_take(call, LEG_A, &place, msg->body)) {
		call_end_limited(call, call->rec.reason);
		return false;
	}
	leg_set_terms(&call->leg[LEG_A], realm, trunk);
	call->media.emergency = call->emergency;
	media_map_set_own(&call->media, &b->dtls_own);
	media_map_set_side(&call->media, LEG_A, realm, &path->local);
	media_map_set_music(&call->media, LEG_A, realm, trunk);
	media_map_set_srtp(&call->media, LEG_A, b->cfg, realm, trunk);
	media_map_set_codecs(&call->media, LEG_A, b->cfg, realm, trunk);
	return true;
}

static void count_quality(struct ctl_sip_stats *stats, const struct route_result *result)
{
	for (uint32_t i = 0; i < result->n_rows; i++) {
		const struct route_row *row = &result->rows[i];

		stats->quality_demoted += row->demoted || row->verdict == ROUTE_EXCLUDED;
		stats->quality_probes += row->probe && row->verdict == ROUTE_USE;
	}
}

static bool way_up(void *arg, uint32_t trunk_index)
{
	return health_trunk_up(((const struct b2b *)arg)->health, trunk_index);
}

static const struct ctl_quality *way_quality(void *arg, uint32_t trunk_index)
{
	return trunk_quality_of(((const struct b2b *)arg)->quality, trunk_index);
}

/*
 * The dial-peers of a number, as candidates in place of those that the call has. asked: what a
 * route-hook said of this number, or NULL.
 */
static void candidates_look_up(struct call *call, const char *number,
	const struct route_asked *asked, struct route_result *ret_result)
{
	struct b2b *b = call->b;
	struct route_query query = {.realm = call->rec.realm[LEG_A],
		.trunk = call->rec.trunk[LEG_A],
		.calling = call->rec.calling[LEG_A],
		.called = view_of(number),
		.numbers = b->numbers,
		.asked = asked,
		.now_s = (int64_t)(b->env.ops->wall_ms(b->env.ctx) / 1000),
		.random = call->rec.id,
		.up = way_up,
		.quality = way_quality,
		.arg = b};
	int rc;

	call_authority(call, &query.realm, &query.trunk);
	rc = route_lookup(b->routes, &query, ret_result);

	call->numbers = ret_result->in;
	call->rec.dial_peer_in = ret_result->peer_in ? ret_result->peer_in->tag : 0;
	call->n_candidates = call->candidate = 0;
	if (!ret_result->ask)
		count_quality(b->env.stats, ret_result);
	for (uint32_t i = 0; rc == 0 && i < ret_result->n_rows; i++) {
		const struct route_row *row = &ret_result->rows[i];
		struct candidate *c = &call->candidates[call->n_candidates];

		if (row->verdict != ROUTE_USE)
			continue;
		c->tag = row->peer->tag;
		c->local = cfg_dial_peer_is_local(row->peer);
		c->user = row->peer->registrar;
		c->hook_rank = row->hook_rank;
		name_copy(c->trunk, c->local || c->user ? "" : row->trunk->name);
		call->n_candidates++;
	}
}

bool call_route_again(struct call *call, const char *number)
{
	char reason[ROUTE_REASON_MAX];
	struct route_result result;

	/* The number is another one than a route-hook was asked about. */
	candidates_look_up(call, number, NULL, &result);
	if (call->n_candidates > 0)
		return call_toll_take(call);
	route_result_explain(&result, call->rec.realm[LEG_A], reason);
	log_info("call %016llx: %s", (unsigned long long)call->rec.id, reason);
	return false;
}

/* false: the call is gone, or it waits for a route-hook. */
static bool find_candidates(struct call *call, const struct sip_msg *msg)
{
	static const struct route_asked nobody = {0};
	const struct route_asked *asked = call_is_transfer(call) ? &nobody : call_hook_asked(call);
	char reason[ROUTE_REASON_MAX];
	struct route_result result;

	candidates_look_up(call, call->rec.called[LEG_A], asked, &result);
	if (result.ask) {
		int rc = call_hook_ask(call, &result);

		if (rc == -EINPROGRESS)
			return false;
		if (rc < 0) {
			refuse(call, 500, none, "memory is short");
			return false;
		}
		candidates_look_up(call, call->rec.called[LEG_A], call_hook_asked(call), &result);
	}
	if (call->hook && result.rejected[0])
		call_hook_refused(call);
	if (call->n_candidates > 0 && !call_toll_take(call)) {
		call_end_limited(call, call->rec.reason);
		return false;
	}
	if (call->n_candidates > 0)
		return call_is_transfer(call) || !call_redirect(call, msg, &result);
	route_result_explain(&result, call->rec.realm[LEG_A], reason);
	refuse(call, route_result_status(&result), none, reason);
	return false;
}

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

static void refuse_offer(struct call *call, int rc, const char *reason)
{
	struct sip_buf buf;
	char text[CALL_HEADERS_MAX];

	if (rc == -EAGAIN) {
		refuse(call, 503, retry_after(&buf, text, sizeof(text)), reason);
	} else if (rc == -EDQUOT) {
		call_end_limited(call, reason);
	} else if (rc == -ENOTSUP) {
		sip_buf_init(&buf, text, sizeof(text));
		call_put_warning(&buf, reason);
		refuse(call, 488, sip_buf_view(&buf), reason);
	} else {
		refuse(call, rc == -ENOMEM ? 500 : 400, none, reason);
	}
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
	called = uri_for(
		called_uri(call, invite), call->rec.called[LEG_A], call->rec.called[LEG_B], user);
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
	called = uri_for(
		called_uri(call, invite), call->rec.called[LEG_A], call->rec.called[LEG_B], user);
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

static bool user_take(struct call *call, const struct candidate *c, const struct sip_msg *invite)
{
	struct leg *leg = &call->leg[LEG_B];
	const struct cfg_realm *realm;
	struct admission_place place;

	spot_leave(call->b, &call->targets.spot);
	call->targets.n = call->targets.next = 0;
	if (!call_user_take(call, &realm))
		return false;
	snprintf(call->far, sizeof(call->far), "user %s", call->user);
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
	name_copy(call->rec.realm[LEG_B], realm->name);
	call->rec.trunk[LEG_B][0] = '\0';
	call->rec.peer_sig[LEG_B] = call->out_path.remote;
	call->rec.transport[LEG_B] = call->out_path.transport;
	return true;
}

/* Makes the next target or candidate that can be reached the called side. -ENOENT: there is none. */
static int candidate_take(struct call *call, const struct sip_msg *invite)
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
		snprintf(call->far, sizeof(call->far), "trunk %s", trunk->name);
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
		name_copy(call->rec.realm[LEG_B], realm->name);
		name_copy(call->rec.trunk[LEG_B], trunk->name);
		call->rec.dial_peer_out = c->tag;
		call_identity_number(call);
		return 0;
	}
	return -ENOENT;
}

static void refuse_without_trunk(struct call *call)
{
	struct sip_buf buf;
	char text[64], why[sizeof(call->rec.reason)];

	memcpy(why, call->rec.reason, sizeof(why));
	if (call->limited.limit != CTL_LIMIT_NONE)
		call_end_limited(call, call->rec.reason);
	else if (why[0] && call->last_failure)
		refuse(call, call->last_failure, none, why);
	else if (why[0])
		refuse(call, 503, retry_after(&buf, text, sizeof(text)), why);
	else
		refuse(call, 503, none,
			"every matching dial-peer's trunk was just taken out of service");
}

/* The INVITE without an offer needs no ports yet, but it needs limen-control for its record. */
static void start_without_offer(struct call *call)
{
	struct sip_buf buf;
	char text[64];

	if (!call->b->control_up) {
		refuse(call, 503, retry_after(&buf, text, sizeof(text)),
			"limen-control is not reachable");
	} else if (call->local.on) {
		call_local_offer(call);
	} else if (call_invite_out(call) < 0) {
		call_hunt(call);
	}
}

/* The called side is known. */
static void go_on(struct call *call, const struct sip_msg *msg)
{
	struct leg *a = &call->leg[LEG_A];
	const char *reason;
	int rc;

	control_call_put(call, NULL, 0);
	if (oa_receive(&a->oa, OA_INVITE, msg->body.n > 0) == OA_OFFER_WANTED) {
		start_without_offer(call);
		return;
	}
	rc = call_offer(a, msg->body, THEN_INVITE, &reason);
	if (rc < 0)
		refuse_offer(call, rc, reason);
}

/* Where it goes is known to be found now. */
static void route_on(struct call *call, const struct sip_msg *msg)
{
	if (msg->first[SIP_H_REPLACES] != SIP_NONE) {
		const char *reason;
		unsigned int status;

		if (call_replaces_take(call, msg, &status, &reason) < 0) {
			refuse(call, status, none, reason);
			return;
		}
		admission_replaces(call, msg->body);
		go_on(call, msg);
		return;
	}
	if (call->by_binding) {
		if (call_binding_locate(call) != -EINPROGRESS)
			call_routed(call);
		return;
	}
	if (!find_candidates(call, msg))
		return;
	/* Where a user is may be another worker's to say. */
	if (!call_user_wanted(call) || call_user_locate(call, msg) != -EINPROGRESS)
		call_routed(call);
}

static void caller_known(struct call *call, const struct sip_msg *msg)
{
	const char *reason = call_caller_refused(call);

	if (reason)
		refuse(call, 403, none, reason);
	else
		route_on(call, msg);
}

void call_caller_known(struct call *call)
{
	const struct leg *a = &call->leg[LEG_A];
	const struct sip_msg *msg = a->in ? sip_stxn_request(a->in) : NULL;

	call->locating = call->asking_caller = false;
	twheel_stop(call->b->env.wheel, &call->timer);
	if (msg)
		caller_known(call, msg);
}

/* Its source and its Identity are what they have to be. */
static void route(struct call *call, const struct sip_msg *msg)
{
	if (call_caller_locate(call, msg) != -EINPROGRESS)
		caller_known(call, msg);
}

void call_routed(struct call *call)
{
	const struct sip_msg *msg = call_invite(call);

	if (!msg)
		return;
	if (candidate_take(call, msg) < 0)
		refuse_without_trunk(call);
	else
		go_on(call, msg);
}

/* RFC 3261 8.2 in its order. */
static void start(struct call *call, const struct sip_msg *msg, const struct sip_path *path)
{
	struct leg *a = &call->leg[LEG_A];
	char tag[SIP_TOKEN_LEN];
	int rc;

	if (!check_source(call, msg, path) || !check_request(call, msg))
		return;
	rc = dialog_new_uas(msg, call_tag(call, LEG_A, 0, tag), path, &a->dialog);
	if (rc < 0) {
		refuse(call, rc == -ENOMEM ? 500 : 400, none,
			"the INVITE has no usable Contact or Record-Route");
		return;
	}
	call->b->n_dialogs++;
	call->max_forwards = call->b->cfg->max_forwards;
	if (msg->max_forwards > 0 && (uint32_t)msg->max_forwards - 1 < call->max_forwards)
		call->max_forwards = (uint32_t)msg->max_forwards - 1;
	if (call_stir_check(call, msg) == STIR_GOES_ON)
		route(call, msg);
}

void call_setup_transfer(struct call *call)
{
	const struct sip_msg *msg = call_invite(call);

	if (policy_user_text(&msg->from.uri, call->rec.calling[LEG_A], CTL_NUMBER_MAX) < 0)
		call->rec.calling[LEG_A][0] = '\0';
	record_called(call, msg);
	call->emergency = admission_is_emergency(call->b->cfg, call->rec.called[LEG_A]);
	route(call, msg);
}

void call_setup_go_on(struct call *call)
{
	const struct sip_msg *msg = call->leg[LEG_A].in ? sip_stxn_request(call->leg[LEG_A].in)
							: NULL;

	if (call->state != CALL_MEDIA)
		return;
	if (!msg)
		refuse(call, 500, none, "the caller's transaction is gone");
	else if (call_stir_check(call, msg) == STIR_GOES_ON)
		route(call, msg);
}

void call_route_go_on(struct call *call)
{
	const struct sip_msg *msg = call->leg[LEG_A].in ? sip_stxn_request(call->leg[LEG_A].in)
							: NULL;

	if (call->state != CALL_MEDIA)
		return;
	if (!msg)
		refuse(call, 500, none, "the caller's transaction is gone");
	else
		route(call, msg);
}

/* From tag, Call-ID and CSeq (RFC 3261 8.2.2.2), under a key that nobody outside knows. */
static uint64_t invite_hash(const struct b2b *b, const struct sip_msg *msg)
{
	uint64_t parts[3] = {
		siphash24(b->id_key, msg->call_id.p, msg->call_id.n),
		siphash24(b->id_key, msg->from.tag.p, msg->from.tag.n),
		msg->cseq.number,
	};

	return siphash24(b->id_key, parts, sizeof(parts));
}

/* The same request came by another path while the first copy is still being worked on. */
static bool invite_is_merged(const struct b2b *b, uint64_t hash)
{
	const struct call *call;

	LIST_FOREACH(call, &b->invites[hash % INVITE_BUCKETS], invite_link) {
		if (call->invite_hash == hash)
			return true;
	}
	return false;
}

void call_invite_over(struct call *call)
{
	if (!call->invite_link.le_prev)
		return;
	LIST_REMOVE(call, invite_link);
	call->invite_link.le_prev = NULL;
}

void call_setup(struct b2b *b, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path, const struct cfg_pool *user)
{
	uint64_t hash = invite_hash(b, msg);
	struct call *call;

	if (invite_is_merged(b, hash)) {
		/* No attempt of its own: the first copy gets the record. */
		if (sip_stxn_reject(stxn, 482, none, none, none) < 0)
			log_debug("482 not sent");
		return;
	}
	call = call_new(b);
	b->env.stats->calls_attempted++;
	if (!call) {
		/* So full that there is not even room for a record's call. */
		b->env.stats->calls_failed++;
		if (sip_stxn_reject(stxn, 503, none, VIEW("Retry-After: 5\r\n"), none) < 0)
			log_debug("503 not sent");
		log_warning("an INVITE was refused: all call slots are in use");
		return;
	}
	record_caller(call, msg, path);
	call_trace(call, LEG_A, msg->call_id);
	call->user_pool = user ? user->tag : 0;
	call->invite_hash = hash;
	LIST_INSERT_HEAD(&b->invites[hash % INVITE_BUCKETS], call, invite_link);
	call->leg[LEG_A].in = stxn;
	sip_stxn_set_user(stxn, &leg_invite_in_ops, &call->leg[LEG_A]);
	start(call, msg, path);
}

/* Nobody is left to try. */
static void hunt_over(struct call *call)
{
	char why[sizeof(call->rec.reason)] = "the caller's INVITE is gone", text[CALL_HEADERS_MAX];
	struct sip_buf headers;

	if (call_invite(call) && call_redirect_next(call)) {
		call_hunt(call);
		return;
	}

	if (call->rec.reason[0])
		memcpy(why, call->rec.reason, sizeof(why));
	if (call->limited.limit == CTL_LIMIT_TOLL ||
		(call->limited.limit != CTL_LIMIT_NONE && !call->last_failure)) {
		call_end_limited(call, call->rec.reason);
		return;
	}
	sip_buf_init(&headers, text, sizeof(text));
	if (call->no_codec && call->last_failure == 488)
		call_put_warning(&headers, why);
	else if (call->no_codec)
		sip_put_hdr_u64(&headers, SIP_H_RETRY_AFTER, B2B_RETRY_AFTER_S);
	refuse(call, call->last_failure ? call->last_failure : 503, sip_buf_view(&headers), why);
}

void call_reroute(struct call *call)
{
	uint32_t close = media_map_reroute(&call->media, call->early_sdp_sent);

	for (unsigned int i = 0; i < call->media.n_lines; i++) {
		if (close & 1u << i)
			control_media_close(call, i);
	}
	call_offer_wait(call, THEN_INVITE);
}

void call_hunt(struct call *call)
{
	struct leg *a = &call->leg[LEG_A], *b_leg = &call->leg[LEG_B];
	const struct sip_msg *invite = call_invite(call);
	struct ipaddr before = call->rec.peer_sig[LEG_B];
	char realm[CTL_NAME_MAX], addr[IPADDR_TEXT_MAX];

	memcpy(realm, call->rec.realm[LEG_B], sizeof(realm));
	call_forks_clear(call);
	oa_fail(&b_leg->oa);
	call->prack.wanted = false;
	if (call->prack_out)
		sip_ctxn_detach(call->prack_out);
	call->prack_out = NULL;
	/* An offer of the side that gave up is void; the next one is asked for its own. */
	if (invite && invite->body.n == 0 && call->offer) {
		call_exchange_fail(call);
		oa_fail(&a->oa);
		oa_receive(&a->oa, OA_INVITE, false);
	}
	if (!invite || candidate_take(call, invite) < 0) {
		hunt_over(call);
		return;
	}
	log_info("call %016llx: hunts on to trunk %s at %s", (unsigned long long)call->rec.id,
		call->rec.trunk[LEG_B], ipaddr_print_port(&call->rec.peer_sig[LEG_B], addr));
	control_call_put(call, NULL, 0);
	if (!call->offer && call->local.on) {
		call_local_offer(call);
		return;
	}
	if (!call->offer) {
		if (call_invite_out(call) < 0)
			call_hunt(call);
		return;
	}
	/* The same realm and family keep the ports; else the lines move. */
	if (strcmp(realm, call->rec.realm[LEG_B]) == 0 &&
		before.family == call->rec.peer_sig[LEG_B].family) {
		call_offer_again(call);
		if (call_invite_out(call) < 0)
			call_hunt(call);
		return;
	}
	call_reroute(call);
}

static struct view call_id_text(struct call *call, char buf[SIP_TOKEN_LEN + 2])
{
	struct b2b *b = call->b;
	struct sip_token token = {
		.kind = SIP_TOKEN_CALL_ID,
		.worker = b->env.worker,
		.index = call->slot << 4 | (call->attempt & 15),
		.generation = call->generation,
	};

	sip_token_print(b->env.key, &token, buf);
	return (struct view){buf, SIP_TOKEN_LEN};
}

static void put_route(struct sip_buf *buf, struct view route)
{
	if (route.n == 0)
		return;
	sip_put_hdr(buf, SIP_H_ROUTE, route);
}

static int invite_build(struct call *call, const struct sip_msg *from, struct view branch,
	struct view uri, const struct sip_path *path, struct view route, struct view sdp,
	struct sip_buf *buf)
{
	struct leg *leg = &call->leg[LEG_B];
	char tag[SIP_TOKEN_LEN], call_id[SIP_TOKEN_LEN + 2];
	struct view id = call_id_text(call, call_id);
	struct identity identity;

	call_identity(call, &identity);
	sip_build_request(buf, VIEW("INVITE"), uri);
	sip_put_via_with(buf, sip_transport_text(path->transport), &path->local, branch,
		peer_load_offer(cfg_find_trunk(call->b->cfg, call->rec.trunk[LEG_B])));
	put_route(buf, route);
	sip_put_hdr_u64(buf, SIP_H_MAX_FORWARDS, call->max_forwards);
	sip_put_hdr_start(buf, SIP_H_FROM);
	identity_put_from(buf, &identity, from);
	sip_put_lit(buf, ";tag=");
	sip_put(buf, call_tag(call, LEG_B, 0, tag));
	sip_put_crlf(buf);
	sip_put_hdr_start(buf, SIP_H_TO);
	sip_put_char(buf, '<');
	sip_put(buf, uri);
	sip_put_lit(buf, ">\r\n");
	sip_put_hdr(buf, SIP_H_CALL_ID, id);
	call_trace(call, LEG_B, id);
	sip_put_cseq(buf, leg->out_cseq, VIEW("INVITE"));
	leg_put_contact(buf, leg, call->by_user || call->n_branches > 0 ? path : &call->out_path);
	sip_put_hdr(buf, SIP_H_ALLOW, VIEW(POLICY_ALLOW));
	leg_put_extensions(leg, buf);
	call_put_replaces(call, buf);
	sip_put_hdr(buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	leg_put_auth(leg, buf, SIP_M_INVITE, uri);
	policy_put_headers(buf, from, POLICY_INVITE);
	policy_put_referred_by(buf, from, &path->local);
	identity_put_headers(buf, &identity, from);
	identity_put_redirecting(buf, &identity, from);
	call_stir_sign(call, &identity, from, buf);
	leg_put_session_id(buf, leg);
	if (view_copy(id, call->rec.sip_call_id[LEG_B], sizeof(call->rec.sip_call_id[LEG_B])) < 0)
		call->rec.sip_call_id[LEG_B][0] = '\0';
	return sip_build_end(buf, sdp.n > 0 ? VIEW("application/sdp") : none, sdp);
}

/* Another trunk may have a codec; else this is why the call fails. */
static void no_codec(struct call *call)
{
	char text[CALL_HEADERS_MAX];
	struct sip_buf unused;
	const char *reason;

	sip_buf_init(&unused, text, sizeof(text));
	call->last_failure = (uint16_t)call_unprintable(call, -ENOTSUP, &unused, &reason);
	call->no_codec = true;
	if (view_copy(view_of(reason), call->rec.reason, sizeof(call->rec.reason)) < 0)
		call->rec.reason[0] = '\0';
}

int call_invite_to(struct call *call, struct view uri, const struct sip_path *path,
	struct view route, struct view sdp, struct sip_ctxn **ret_ctxn)
{
	struct b2b *b = call->b;
	struct leg *leg = &call->leg[LEG_B];
	const struct sip_msg *from = call_invite(call);
	struct sip_ctxn *ctxn;
	struct sip_buf buf;
	int rc = from ? sip_ctxn_new(b->env.txns, SIP_M_INVITE, &leg_invite_ops, leg, &ctxn)
		      : -ENOMEM;

	if (rc < 0)
		return rc;
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	rc = invite_build(call, from, sip_ctxn_branch(ctxn), uri, path, route, sdp, &buf);
	if (rc < 0) {
		sip_ctxn_discard(ctxn);
		return rc;
	}
	rc = sip_ctxn_send(ctxn, path, sip_buf_view(&buf));
	if (rc == 0)
		*ret_ctxn = ctxn;
	return rc;
}

static int invite_send(struct call *call)
{
	struct b2b *b = call->b;
	struct leg *leg = &call->leg[LEG_B];
	struct view sdp = none;
	int rc;

	call->no_codec = false;
	if (call->offer) {
		rc = call_offer_text(call, &sdp);
		if (rc == -ENOTSUP)
			no_codec(call);
		if (rc < 0)
			return rc;
	}
	rc = call_invite_to(call, view_of(call->uri), &call->out_path,
		(struct view){call->route, call->route_len}, sdp, &leg->out);
	if (rc < 0) {
		leg->out = NULL;
		return rc;
	}
	if (call->rec.tried_ms == 0 && call->rec.trunk[LEG_B][0])
		call->rec.tried_ms = b->env.ops->wall_ms(b->env.ctx);
	leg_tell(leg, sdp);
	call_ring_send(call, sdp);
	oa_send(&leg->oa, OA_INVITE, sdp.n > 0);
	call->state = CALL_CALLING;
	call->answer_by_ms = twheel_now(b->env.wheel) + (uint64_t)b->cfg->timer_no_answer_s * 1000;
	call->targets.waits = call->targets.next < call->targets.n;
	if (call->targets.waits)
		twheel_start(
			b->env.wheel, &call->timer, (uint64_t)b->cfg->timer_next_target_s * 1000);
	else if (call_user_ring_ms(call) > 0)
		twheel_start(b->env.wheel, &call->timer, call_user_ring_ms(call));
	else
		call_answer_timer(call);
	return 0;
}

void call_target_heard(struct call *call)
{
	if (!call->targets.waits)
		return;
	call->targets.waits = false;
	twheel_start(
		call->b->env.wheel, &call->timer, (uint64_t)call->b->cfg->timer_no_answer_s * 1000);
}

/* What could not be sent is the reason of the call, should nobody else be there. */
static int invite_try(struct call *call)
{
	int rc = invite_send(call);

	if (rc < 0 && !call->no_codec)
		snprintf(call->rec.reason, sizeof(call->rec.reason),
			"the INVITE to %s could not be sent: %s", call->far,
			rc == -ENOBUFS ? "too many transactions" : strerror(-rc));
	return rc;
}

int call_invite_out(struct call *call)
{
	/* To another target it goes as it was, but for the branch: RFC 3263 4.3. */
	if (!call->targets.again) {
		call->attempt++;
		call->leg[LEG_B].out_cseq = 1;
	}
	call->targets.again = false;
	return invite_try(call);
}

int call_invite_retry(struct call *call)
{
	call->leg[LEG_B].out_cseq++;
	return invite_try(call);
}

int leg_reinvite(struct leg *leg)
{
	struct call *call = leg->call;
	struct b2b *b = call->b;
	struct view sdp = none;
	struct sip_buf buf;
	int rc;

	if (call->offer) {
		rc = call_offer_text(call, &sdp);
		if (rc < 0)
			return rc;
	}
	rc = sip_ctxn_new(b->env.txns, SIP_M_INVITE, &leg_invite_ops, leg, &leg->out);
	if (rc < 0) {
		leg->out = NULL;
		return rc;
	}
	leg->out_cseq = dialog_next_cseq(leg->dialog);
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	dialog_put_request(&buf, leg->dialog, SIP_M_INVITE, leg->out_cseq,
		sip_ctxn_branch(leg->out), call->max_forwards);
	leg_put_contact(&buf, leg, &leg->dialog->path);
	sip_put_hdr(&buf, SIP_H_ALLOW, VIEW(POLICY_ALLOW));
	sip_put_hdr(&buf, SIP_H_SUPPORTED, VIEW("timer"));
	leg_timer_put_request(leg, &buf);
	leg_tell(leg, sdp);
	sip_put_hdr(&buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	leg_put_auth(leg, &buf, SIP_M_INVITE, dialog_request_uri(leg->dialog));
	leg_put_session_id(&buf, leg);
	rc = sip_build_end(&buf, sdp.n > 0 ? VIEW("application/sdp") : none, sdp);
	if (rc < 0) {
		sip_ctxn_discard(leg->out);
		leg->out = NULL;
		return rc;
	}
	rc = sip_ctxn_send(leg->out, &leg->dialog->path, sip_buf_view(&buf));
	if (rc < 0) {
		leg->out = NULL;
		return rc;
	}
	oa_send(&leg->oa, OA_INVITE, sdp.n > 0);
	/* Who sent an UPDATE does not wait as long as for an INVITE (RFC 3261 17.1.2.2). */
	twheel_start(b->env.wheel, &call->timer,
		leg_other(leg)->update.on ? B2B_UPDATE_WAIT_MS
					  : (uint64_t)b->cfg->timer_no_answer_s * 1000);
	return 0;
}
