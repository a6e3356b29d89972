/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The initial INVITE: checks (RFC 3261 8.2 in its order), admission, routing, candidate after
 * candidate. Every attempt becomes a call with a record, also one that is refused at once.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/b2b/reason.h"
#include "sip-b2bua/b2b/stir.h"

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

void call_name_copy(char dst[CTL_NAME_MAX], const char *src)
{
	if (view_copy(view_of(src), dst, CTL_NAME_MAX) < 0)
		dst[0] = '\0';
}

const struct sip_uri *call_called_uri(const struct call *call, const struct sip_msg *invite)
{
	return call->to_contact ? &invite->to.uri : &invite->uri;
}

/* A temporary GRUU hides whose phone is called; the call goes to the number of that user. */
static void record_called(struct call *call, const struct sip_msg *msg)
{
	const struct cfg_pool *pool = call_gruu_user(call, call_called_uri(call, msg));

	if (pool) {
		snprintf(call->rec.called[LEG_A], CTL_NUMBER_MAX, "%s", cfg_pool_number(pool));
		return;
	}
	if (policy_user_text(call_called_uri(call, msg), call->rec.called[LEG_A], CTL_NUMBER_MAX) <
		0)
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
	call_name_copy(call->rec.realm[LEG_A], realm->name);
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
		call_name_copy(call->rec.trunk[LEG_A], trunk->name);
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
		call_name_copy(c->trunk, c->local || c->user ? "" : row->trunk->name);
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
	struct sip_buf buf;
	char text[64];

	if (!reason)
		route_on(call, msg);
	else if (call->caller_asked && !call->caller)
		refuse(call, 503, retry_after(&buf, text, sizeof(text)), reason);
	else
		refuse(call, 403, none, reason);
}

/* The INVITE of a call that has waited. NULL: its transaction is gone, and the call is over. */
static const struct sip_msg *invite_still(struct call *call)
{
	const struct sip_msg *msg = call_invite(call);

	if (!msg)
		refuse(call, 500, none, "the caller's transaction is gone");
	return msg;
}

void call_caller_known(struct call *call)
{
	const struct sip_msg *msg;

	call->locating = call->asking_caller = false;
	twheel_stop(call->b->env.wheel, &call->timer);
	msg = invite_still(call);
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
	const struct sip_msg *msg = invite_still(call);

	if (!msg)
		return;
	if (call_candidate_take(call, msg) < 0)
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
	const struct sip_msg *msg = call->state == CALL_MEDIA ? invite_still(call) : NULL;

	if (msg && call_stir_check(call, msg) == STIR_GOES_ON)
		route(call, msg);
}

void call_route_go_on(struct call *call)
{
	const struct sip_msg *msg = call->state == CALL_MEDIA ? invite_still(call) : NULL;

	if (msg)
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
	if (!invite || call_candidate_take(call, invite) < 0) {
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
