/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests that are no calls: admission, routing by dial-peer, and the request anew for the other
 * side, candidate after candidate (RFC 3261 16.7 has the order of refusals). See relay.h.
 */
#include "sip-b2bua/b2b/relay.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/auth/digest.h"
#include "sip-b2bua/core/sip_slab.h"

LOG_TOPIC("relay");

#define RELAYS_MAX 20000 /* of a worker at a time */

static const struct view none = {NULL, 0};

static void reject(struct sip_stxn *stxn, unsigned int status, struct view headers)
{
	if (sip_stxn_reject(stxn, status, none, headers, none) < 0)
		log_debug("%u not sent", status);
}

/* ---- life ---- */

static void in_terminated(struct sip_stxn *stxn, void *arg)
{
	struct relay *r = arg;

	if (r->in == stxn)
		r->in = NULL;
}

static const struct sip_stxn_ops in_ops = {.terminated = in_terminated};

static void target_silent(struct twheel_timer *timer, void *arg);

static struct relay *relay_new(struct b2b *b, struct sip_stxn *stxn, enum relay_kind kind)
{
	struct relay *r = b->n_relays < RELAYS_MAX ? calloc(1, sizeof(*r)) : NULL;

	if (!r)
		return NULL;
	r->b = b;
	r->kind = (uint8_t)kind;
	r->in = stxn;
	r->end_ms = twheel_now(b->env.wheel) + 64 * (uint64_t)sip_txns_timers(b->env.txns)->t1;
	twheel_timer_init(&r->timer, target_silent, r);
	sip_stxn_set_user(stxn, &in_ops, r);
	LIST_INSERT_HEAD(&b->relays, r, link);
	b->n_relays++;
	return r;
}

static void relay_free(struct relay *r)
{
	if (r->in)
		sip_stxn_detach(r->in);
	if (r->out)
		sip_ctxn_detach(r->out);
	twheel_stop(r->b->env.wheel, &r->timer);
	LIST_REMOVE(r, link);
	r->b->n_relays--;
	free(r->auth);
	free(r);
}

void relays_free(struct b2b *b)
{
	while (!LIST_EMPTY(&b->relays))
		relay_free(LIST_FIRST(&b->relays));
}

static struct subscription *sub_of(const struct relay *r)
{
	return r->generation ? subscription_find(r->b, r->slot, r->generation) : NULL;
}

/* The end without an answer of the other side; a subscription that never began ends too. */
static void refuse(struct relay *r, unsigned int status, struct view headers)
{
	struct subscription *sub = r->kind == RELAY_OUTSIDE ? sub_of(r) : NULL;

	r->b->env.stats->relay_refused++;
	if (r->in)
		reject(r->in, status, headers);
	if (sub)
		subscription_free(sub);
	relay_free(r);
}

/* ---- the request anew ---- */

/* The user of a URI as a number; empty: it has none, or one that is too long. */
static void number_of(const struct sip_uri *uri, char number[CTL_NUMBER_MAX])
{
	if (policy_user_text(uri, number, CTL_NUMBER_MAX) < 0)
		number[0] = '\0';
}

void relay_put_contact(struct sip_buf *b, struct view token, const struct sip_path *path)
{
	sip_put_hdr_start(b, SIP_H_CONTACT);
	sip_put_lit(b, "<sip:");
	sip_put(b, token);
	sip_put_char(b, '@');
	sip_put_host(b, &path->local, true);
	if (sip_transport_param(path->transport).n > 0) {
		sip_put_lit(b, ";transport=");
		sip_put(b, sip_transport_param(path->transport));
	}
	sip_put_lit(b, ">\r\n");
}

static uint32_t forwards(const struct b2b *b, const struct sip_msg *msg)
{
	uint32_t left = b->cfg->max_forwards;

	if (msg->max_forwards > 0 && (uint32_t)msg->max_forwards - 1 < left)
		left = (uint32_t)msg->max_forwards - 1;
	return left;
}

static void random_token(struct b2b *b, char buf[SIP_TOKEN_LEN])
{
	struct sip_token token = {.kind = SIP_TOKEN_CALL_ID, .worker = b->env.worker};
	uint64_t bits = siphash24(b->id_key, &b->n_ids, sizeof(b->n_ids));

	b->n_ids++;
	token.index = (uint32_t)bits & SIP_TOKEN_INDEX_MAX;
	token.generation = (uint32_t)(bits >> 32) & SIP_TOKEN_GEN_MASK;
	sip_token_print(b->env.key, &token, buf);
}

static void put_auth(struct relay *r, struct sip_buf *buf, struct view method, struct view uri)
{
	const struct cfg_trunk *trunk = cfg_find_trunk(r->b->cfg, r->trunk_out);

	if (r->auth && trunk && trunk->auth_username[0])
		digest_client_put(
			r->auth, buf, method, uri, trunk->auth_username, trunk->auth_password);
}

static int build_outside(struct relay *r, const struct sip_msg *msg, struct sip_buf *buf)
{
	const struct cfg *cfg = r->b->cfg;
	const struct cfg_trunk *to = cfg_find_trunk(cfg, r->trunk_out);
	struct view method = msg->method_text, tag = {r->id[0], SIP_TOKEN_LEN};
	struct subscription *sub = sub_of(r);
	char number[CTL_NUMBER_MAX], sub_tag[SIP_TOKEN_LEN];
	struct identity identity;

	if (!to)
		return -ENOENT;
	if (sub)
		tag = subscription_tag(sub, true, sub_tag);
	number_of(&msg->from.uri, number);
	identity_init(&identity, cfg, cfg_find_realm(cfg, r->realm), cfg_find_trunk(cfg, r->trunk),
		cfg_find_realm(cfg, to->realm), to, &r->path.local,
		strcmp(number, r->calling_out) == 0 ? NULL : r->calling_out);
	sip_build_request(buf, method, view_of(r->uri));
	sip_put_via(buf, sip_transport_text(r->path.transport), &r->path.local,
		sip_ctxn_branch(r->out));
	sip_put_hdr_u64(buf, SIP_H_MAX_FORWARDS, forwards(r->b, msg));
	sip_put_hdr_start(buf, SIP_H_FROM);
	identity_put_from(buf, &identity, msg);
	sip_put_lit(buf, ";tag=");
	sip_put(buf, tag);
	sip_put_crlf(buf);
	sip_put_hdr_start(buf, SIP_H_TO);
	sip_put_char(buf, '<');
	sip_put(buf, view_of(r->uri));
	sip_put_lit(buf, ">\r\n");
	sip_put_hdr(buf, SIP_H_CALL_ID, (struct view){r->id[1], SIP_TOKEN_LEN});
	sip_put_cseq(buf, r->cseq, method);
	if (msg->first[SIP_H_CONTACT] != SIP_NONE && msg->method != SIP_M_MESSAGE &&
		msg->method != SIP_M_PUBLISH)
		relay_put_contact(buf, tag, &r->path);
	sip_put_hdr(buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	put_auth(r, buf, method, view_of(r->uri));
	relay_put_headers(buf, msg);
	identity_put_headers(buf, &identity, msg);
	return relay_build_end(buf, msg);
}

/* In a dialog of ours with the other side. */
static int build_inside(struct relay *r, const struct sip_msg *msg, struct dialog *dialog,
	struct view tag, const struct leg *leg, struct sip_buf *buf)
{
	if (!dialog)
		return -ENOENT;
	r->path = dialog->path;
	r->cseq = dialog_next_cseq(dialog);
	dialog_put_request(buf, dialog, (enum sip_method)msg->method, r->cseq,
		sip_ctxn_branch(r->out), forwards(r->b, msg));
	if (r->kind == RELAY_WITHIN)
		relay_put_contact(buf, tag, &r->path);
	sip_put_hdr(buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	put_auth(r, buf, sip_method_text((enum sip_method)msg->method), dialog_request_uri(dialog));
	if (leg)
		leg_put_session_id(buf, leg);
	relay_put_headers(buf, msg);
	return relay_build_end(buf, msg);
}

static int build(struct relay *r, const struct sip_msg *msg, struct sip_buf *buf)
{
	struct subscription *sub = sub_of(r);
	char tag[SIP_TOKEN_LEN];
	struct call *call;
	struct leg *to;

	if (r->kind == RELAY_OUTSIDE)
		return build_outside(r, msg, buf);
	if (r->kind == RELAY_WITHIN)
		return sub ? build_inside(r, msg, subscription_dialog(sub, !r->from_notifier),
				     subscription_tag(sub, !r->from_notifier, tag), NULL, buf)
			   : -ENOENT;
	call = sip_slab_find(r->b->calls, r->call_slot, r->call_generation);
	if (!call || call->state == CALL_ENDING)
		return -ENOENT;
	to = &call->leg[!r->side];
	return build_inside(r, msg, to->dialog, call_tag(call, to->side, 0, tag), to, buf);
}

static const struct sip_ctxn_ops out_ops;

static int relay_send(struct relay *r)
{
	const struct sip_msg *msg = r->in ? sip_stxn_request(r->in) : NULL;
	struct b2b *b = r->b;
	struct sip_buf buf;
	int rc;

	if (!msg)
		return -ENOENT;
	rc = sip_ctxn_new(b->env.txns, (enum sip_method)msg->method, &out_ops, r, &r->out);
	if (rc < 0) {
		r->out = NULL;
		return rc;
	}
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	rc = build(r, msg, &buf);
	if (rc < 0)
		sip_ctxn_discard(r->out);
	else
		rc = sip_ctxn_send(r->out, &r->path, sip_buf_view(&buf));
	if (rc < 0)
		r->out = NULL;
	else
		b->env.stats->relayed++;
	return rc;
}

/* ---- candidates ---- */

/* The next target of the trunk that can be reached (RFC 3263 4.3); false: there is none. */
static bool target_take(struct relay *r, const struct sip_msg *msg)
{
	const struct cfg_trunk *trunk = cfg_find_trunk(r->b->cfg, r->trunk_out);
	char user[POLICY_USER_MAX], number[CTL_NUMBER_MAX];
	struct sip_uri uri = msg->uri;

	number_of(&msg->uri, number);
	if (strcmp(number, r->called_out) != 0)
		uri.user = policy_user_escape(r->called_out, user);
	while (trunk && !trunk->shutdown && r->targets.next < r->targets.n) {
		const struct target *target = &r->targets.list[r->targets.next++];
		const struct sip_listener *listener = r->b->env.ops->find(
			r->b->env.ctx, trunk->realm, target->transport, target->addr.family);
		struct sip_buf text;

		sip_buf_init(&text, r->uri, sizeof(r->uri) - 1);
		targets_put_uri(r->b->targets, &text, &uri, trunk, target);
		if (!listener || text.overflow)
			continue;
		r->uri[text.n] = '\0';
		r->path = call_path_to(listener, &target->addr);
		r->cseq = 1;
		return true;
	}
	return false;
}

static bool candidate_take(struct relay *r, const struct sip_msg *msg, const struct candidate *c)
{
	const struct cfg *cfg = r->b->cfg;
	const struct cfg_dial_peer *peer = cfg_find_dial_peer(cfg, c->tag);
	const struct cfg_trunk *trunk = cfg_find_trunk(cfg, c->trunk);
	const struct cfg_realm *realm = trunk ? cfg_find_realm(cfg, trunk->realm) : NULL;
	char why[ROUTE_REASON_MAX];
	struct numbers out = r->numbers;
	const char *why_not;

	r->targets.n = r->targets.next = 0;
	if (!peer || !realm || trunk->shutdown ||
		!relay_takes(cfg_tenant_of(cfg, realm, trunk), (enum sip_method)msg->method) ||
		!route_numbers_out(r->b->routes, peer, trunk, &out, NULL, why))
		return false;
	targets_pick(r->b->targets, trunk, &r->targets, &why_not);
	memcpy(r->called_out, out.called, sizeof(r->called_out));
	memcpy(r->calling_out, out.calling, sizeof(r->calling_out));
	memcpy(r->trunk_out, trunk->name, sizeof(r->trunk_out));
	free(r->auth);
	r->auth = NULL;
	random_token(r->b, r->id[0]);
	random_token(r->b, r->id[1]);
	return target_take(r, msg);
}

/* It goes out, and has the time of a target, or what is left of timer F of who asked. */
static bool try_target(struct relay *r)
{
	uint64_t now = twheel_now(r->b->env.wheel), ms = r->end_ms - now;
	uint64_t next_ms = (uint64_t)r->b->cfg->timer_next_target_s * 1000;
	bool more = r->targets.next < r->targets.n;

	if (relay_send(r) < 0)
		return false;
	twheel_start(r->b->env.wheel, &r->timer, more && next_ms < ms ? next_ms : ms);
	return true;
}

/* The next target or candidate that can be asked, while there is time; false: there is none. */
static bool hunt(struct relay *r)
{
	const struct sip_msg *msg = r->in ? sip_stxn_request(r->in) : NULL;

	twheel_stop(r->b->env.wheel, &r->timer);
	while (msg && twheel_now(r->b->env.wheel) < r->end_ms) {
		if (target_take(r, msg)) {
			r->b->env.stats->failovers++;
			if (try_target(r))
				return true;
		} else if (r->candidate == r->n_candidates) {
			return false;
		} else if (candidate_take(r, msg, &r->candidates[r->candidate++]) &&
			   try_target(r)) {
			return true;
		}
	}
	return false;
}

/* ---- answers ---- */

static bool auth_take(struct relay *r, const struct sip_msg *answer)
{
	const struct cfg_trunk *trunk = cfg_find_trunk(r->b->cfg, r->trunk_out);

	if ((answer->status != 401 && answer->status != 407) || !trunk || !trunk->auth_username[0])
		return false;
	if (!r->auth)
		r->auth = calloc(1, sizeof(*r->auth));
	return r->auth && digest_client_take(r->auth, answer);
}

/* The other side's answer, or what stands for none, to who asked. */
static void answer_on(struct relay *r, unsigned int status, const struct sip_msg *answer)
{
	const struct sip_msg *request = sip_stxn_request(r->in);
	struct subscription *sub = sub_of(r);
	const struct sip_path *path = sip_stxn_path(r->in);
	char tag[SIP_TOKEN_LEN];
	struct sip_buf buf;
	struct view view;

	if (!request)
		return;
	if (sub) {
		view = subscription_tag(sub, r->from_notifier, tag);
	} else {
		random_token(r->b, tag);
		view = (struct view){tag, SIP_TOKEN_LEN};
	}
	sip_buf_init(&buf, r->b->msg_buf, sizeof(r->b->msg_buf));
	sip_build_response(&buf, request, sip_stxn_source(r->in),
		relay_status(status, r->kind != RELAY_OUTSIDE), none, view);
	if (sub && status < 300)
		relay_put_contact(&buf, view, path);
	if (request->method == SIP_M_OPTIONS)
		sip_put_hdr(&buf, SIP_H_ALLOW, VIEW(POLICY_ALLOW));
	sip_put_hdr(&buf, SIP_H_SERVER, VIEW(POLICY_PRODUCT));
	if (answer)
		relay_put_headers(&buf, answer);
	if ((answer ? relay_build_end(&buf, answer) : sip_build_end(&buf, none, none)) < 0 ||
		sip_stxn_respond(r->in, sip_buf_view(&buf)) < 0)
		log_debug("%u not sent", status);
}

static void done(struct relay *r, unsigned int status, const struct sip_msg *answer,
	const struct sip_path *path)
{
	const struct sip_msg *request = r->in ? sip_stxn_request(r->in) : NULL;
	struct subscription *sub = sub_of(r);
	bool lives = !sub ||
		     (request && subscription_answer(sub, r, request, status, answer, path));

	if (request)
		answer_on(r, lives || status >= 300 || r->kind == RELAY_WITHIN ? status : 502,
			answer);
	if (sub && !lives)
		subscription_free(sub);
	relay_free(r);
}

static bool has_notifier(const struct relay *r)
{
	const struct subscription *sub = sub_of(r);

	return sub && subscription_dialog(sub, true);
}

static void out_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct relay *r = arg;

	if (ctxn != r->out)
		return;
	twheel_stop(r->b->env.wheel, &r->timer);
	if (msg->status < 200)
		return;
	r->out = NULL;
	sip_ctxn_detach(ctxn);
	if (msg->status >= 300) {
		if (auth_take(r, msg)) {
			r->cseq++; /* within a dialog it comes from there */
			if (relay_send(r) == 0)
				return;
		}
		/* Who has sent a NOTIFY already is the one. */
		if (msg->status != 503)
			r->targets.next = r->targets.n; /* it speaks for its trunk */
		if (policy_failure_of(msg->status).hunt && !has_notifier(r) && hunt(r))
			return;
	}
	done(r, msg->status, msg, path);
}

static void out_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	struct relay *r = arg;

	if (ctxn != r->out)
		return;
	r->out = NULL;
	sip_ctxn_detach(ctxn);
	if (has_notifier(r) || !hunt(r))
		done(r, err == -ETIMEDOUT ? 408 : 503, NULL, NULL);
}

static const struct sip_ctxn_ops out_ops = {.response = out_response, .failed = out_failed};

/* It may still be answered: the transaction goes on alone, and nobody hears of its end. */
static void target_silent(struct twheel_timer *timer, void *arg)
{
	struct relay *r = arg;

	if (r->out)
		sip_ctxn_detach(r->out);
	r->out = NULL;
	if (has_notifier(r) || !hunt(r))
		done(r, 408, NULL, NULL);
}

/* ---- new requests ---- */

/* RFC 3261 8.2.2, 16.3. 0: it may go on; else the answer. */
static unsigned int check(struct b2b *b, const struct sip_msg *msg, struct sip_buf *headers)
{
	if (msg->uri.scheme != SIP_SCHEME_SIP && msg->uri.scheme != SIP_SCHEME_TEL)
		return 416;
	if (msg->max_forwards == 0)
		return 483;
	if (b->env.ops->own_vias(b->env.ctx, msg) > 0)
		return 482;
	return policy_unsupported(msg, 0, headers) ? 420 : 0;
}

/* 0, or the answer. */
static unsigned int route(struct relay *r, const struct sip_msg *msg)
{
	struct b2b *b = r->b;
	char called[CTL_NUMBER_MAX], calling[CTL_NUMBER_MAX];
	struct route_result result;
	struct route_query query = {.realm = r->realm,
		.trunk = r->trunk,
		.calling = calling,
		.numbers = b->numbers,
		.now_s = (int64_t)(b->env.ops->wall_ms(b->env.ctx) / 1000),
		.random = siphash24(b->id_key, &b->n_ids, sizeof(b->n_ids)),
		.up = health_trunk_up,
		.arg = b->health};
	int rc;

	number_of(&msg->uri, called);
	number_of(&msg->from.uri, calling);
	query.called = view_of(called);
	rc = route_lookup(b->routes, &query, &result);
	r->numbers = result.in;
	for (uint32_t i = 0; rc == 0 && i < result.n_rows; i++) {
		const struct route_row *row = &result.rows[i];
		struct candidate *c = &r->candidates[r->n_candidates];

		/* What the box plays takes calls alone. */
		if (row->verdict != ROUTE_USE || cfg_dial_peer_is_local(row->peer) || !row->trunk ||
			r->n_candidates == ROUTE_TRIES_MAX)
			continue;
		c->tag = row->peer->tag;
		memcpy(c->trunk, row->trunk->name, sizeof(c->trunk));
		r->n_candidates++;
	}
	if (r->n_candidates > 0)
		return 0;
	/* All of its ways end in the box. */
	return route_result_status(&result) ? route_result_status(&result) : 404;
}

/* A SUBSCRIBE makes two dialogs. 0, or the answer. */
static unsigned int subscribe(
	struct relay *r, const struct sip_msg *msg, const struct sip_path *path)
{
	struct subscription *sub;
	int rc;

	if (msg->method != SIP_M_SUBSCRIBE)
		return 0;
	if (msg->first[SIP_H_EVENT] == SIP_NONE)
		return 489;
	rc = subscription_new(r->b, msg, path, &sub, &r->slot, &r->generation);
	return rc == 0 ? 0 : rc == -ENOSPC ? 503 : rc == -EINVAL ? 400 : 500;
}

bool relay_request(struct b2b *b, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path)
{
	const struct sip_listener *listener = b->env.ops->listener(b->env.ctx, path->listener);
	const struct cfg_realm *realm = listener ? cfg_find_realm(b->cfg, listener->realm) : NULL;
	const struct cfg_trunk *trunk = realm ? targets_source(
							b->targets, realm->name, &path->remote)
					      : NULL;
	struct view retry = VIEW("Retry-After: 5\r\n");
	struct sip_buf headers;
	unsigned int status;
	struct relay *r;
	char text[512];

	/* OPTIONS to nobody asks for the box itself (RFC 3261 11). */
	if (!relay_takes(cfg_tenant_of(b->cfg, realm, trunk), (enum sip_method)msg->method) ||
		(msg->method == SIP_M_OPTIONS && msg->uri.user.n == 0))
		return false;
	sip_buf_init(&headers, text, sizeof(text));
	status = route_admit(realm, trunk) == ROUTE_ADMITTED ? check(b, msg, &headers) : 403;
	r = status == 0 ? relay_new(b, stxn, RELAY_OUTSIDE) : NULL;
	if (!r) {
		b->env.stats->relay_refused++;
		reject(stxn, status ? status : 503, status ? sip_buf_view(&headers) : retry);
		return true;
	}
	memcpy(r->realm, realm->name, sizeof(r->realm));
	if (trunk)
		memcpy(r->trunk, trunk->name, sizeof(r->trunk));
	status = route(r, msg);
	if (status == 0)
		status = subscribe(r, msg, path);
	if (status != 0)
		refuse(r, status, status == 503 ? retry : none);
	else if (!hunt(r))
		refuse(r, 405, VIEW("Allow: " POLICY_ALLOW "\r\n"));
	return true;
}

bool relay_in_call(struct leg *from, struct sip_stxn *stxn, const struct sip_msg *msg)
{
	struct call *call = from->call;
	struct leg *to = leg_other(from);
	struct relay *r;

	if (call->state == CALL_ENDING || call->local.on || !to->dialog ||
		to->dialog->state != DIALOG_CONFIRMED ||
		!relay_takes(leg_tenant(from), (enum sip_method)msg->method) ||
		!relay_takes(leg_tenant(to), (enum sip_method)msg->method) ||
		(msg->method != SIP_M_MESSAGE && msg->method != SIP_M_INFO &&
			msg->method != SIP_M_OPTIONS))
		return false;
	r = relay_new(call->b, stxn, RELAY_CALL);
	if (!r) {
		reject(stxn, 503, VIEW("Retry-After: 5\r\n"));
		return true;
	}
	r->call_slot = call->slot;
	r->call_generation = call->generation;
	r->side = from->side;
	memcpy(r->trunk_out, call->rec.trunk[to->side], sizeof(r->trunk_out));
	if (relay_send(r) < 0)
		refuse(r, 500, none);
	return true;
}

void relay_within(struct subscription *sub, bool from_notifier, struct sip_stxn *stxn,
	const struct sip_msg *msg)
{
	struct relay *r = relay_new(subscription_b2b(sub), stxn, RELAY_WITHIN);

	if (!r) {
		reject(stxn, 503, VIEW("Retry-After: 5\r\n"));
		return;
	}
	subscription_names(sub, &r->slot, &r->generation);
	r->from_notifier = from_notifier;
	if (relay_send(r) < 0)
		refuse(r, 500, none);
}
