/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Several far ends that ring for one call at a time: the phones of a user, the members of a server
 * group. Their INVITEs are one call with one Call-ID, as behind a forking proxy (RFC 3261 16.7): the
 * first 2xx gets it, the others are cancelled; of refusals the best one counts when the last far end
 * has refused. One of them is that of call->uri and leg->out, the others are branches.
 *
 * Of early media the caller hears the first far end that sends a description, and another one when
 * that has refused; what the others say before they answer is not for the caller.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "controlplane/base/log.h"

LOG_TOPIC("ring");

static const struct view none = {NULL, 0};

struct call_branch {
	STAILQ_ENTRY(call_branch) next;
	struct sip_ctxn *ctxn; /* NULL: its INVITE has not left, or is over */
	bool over;	       /* it has refused */
	bool spoke;	       /* something came from it */
	uint16_t spot;
	struct sip_path path;
	struct digest_client *auth;
	uint32_t n_uri, n_route;
	char text[]; /* URI, values of Route */
};

static struct view branch_uri(const struct call_branch *br)
{
	return (struct view){br->text, br->n_uri};
}

static struct view branch_route(const struct call_branch *br)
{
	return (struct view){br->text + br->n_uri, br->n_route};
}

static struct call_branch *branch_new(
	struct view uri, struct view route, const struct sip_path *path, uint16_t spot)
{
	struct call_branch *br = calloc(1, sizeof(*br) + uri.n + route.n);

	if (!br)
		return NULL;
	br->path = *path;
	br->spot = spot;
	br->n_uri = (uint32_t)uri.n;
	br->n_route = (uint32_t)route.n;
	memcpy(br->text, uri.p, uri.n);
	if (route.n > 0)
		memcpy(br->text + uri.n, route.p, route.n);
	return br;
}

static void branch_free(struct call *call, struct call_branch *br)
{
	STAILQ_REMOVE(&call->branches, br, call_branch, next);
	call->n_branches--;
	spot_leave(call->b, &br->spot);
	free(br->auth);
	free(br);
}

static struct call_branch *branch_find(const struct call *call, const struct sip_ctxn *ctxn)
{
	struct call_branch *br;

	STAILQ_FOREACH(br, &call->branches, next) {
		if (ctxn && br->ctxn == ctxn)
			return br;
	}
	return NULL;
}

static unsigned int n_ringing(const struct call *call)
{
	const struct call_branch *br;
	unsigned int n = 0;

	STAILQ_FOREACH(br, &call->branches, next)
		n += br->ctxn != NULL;
	return n;
}

/* ---- the group ---- */

void call_ring_clear(struct call *call)
{
	while (!STAILQ_EMPTY(&call->branches)) {
		struct call_branch *br = STAILQ_FIRST(&call->branches);

		if (br->ctxn)
			sip_ctxn_detach(br->ctxn);
		branch_free(call, br);
	}
	free(call->refusal);
	call->refusal = NULL;
	call->best_refusal = 0;
	call->heard = NULL;
	call->spoke = call->some_refused = false;
}

int call_ring_add(struct call *call, struct view uri, struct view route,
	const struct sip_path *path, uint16_t spot)
{
	struct call_branch *br;

	if (call->n_branches == CALL_BRANCHES_MAX)
		return -ENOSPC;
	br = uri.n < CALL_URI_MAX ? branch_new(uri, route, path, SPOT_NONE) : NULL;
	if (!br)
		return -ENOMEM;
	if (!spot_enter(call->b, &br->spot, spot)) {
		free(br);
		return -EBUSY;
	}
	STAILQ_INSERT_TAIL(&call->branches, br, next);
	call->n_branches++;
	return 0;
}

static int branch_send(struct call *call, struct call_branch *br, struct view sdp)
{
	struct leg *leg = &call->leg[LEG_B];
	struct digest_client *auth = leg->auth;
	int rc;

	leg->auth = br->auth;
	br->spoke = false;
	rc = call_invite_to(call, branch_uri(br), &br->path, branch_route(br), sdp, &br->ctxn);
	leg->auth = auth;
	if (rc < 0) {
		br->ctxn = NULL;
		br->over = true;
		spot_leave(call->b, &br->spot);
	}
	return rc;
}

void call_ring_send(struct call *call, struct view sdp)
{
	struct call_branch *br;

	STAILQ_FOREACH(br, &call->branches, next) {
		if (!br->ctxn && !br->over && branch_send(call, br, sdp) < 0)
			log_info("call %016" PRIx64 ": an INVITE to %s could not be sent",
				call->rec.id, call->far);
	}
}

void call_ring_again(struct call *call)
{
	struct call_branch *br;

	STAILQ_FOREACH(br, &call->branches, next)
		br->over = false;
	free(call->refusal);
	call->refusal = NULL;
	call->best_refusal = 0;
	call->some_refused = false;
}

uint16_t call_ring_spot(const struct call *call, const struct sip_ctxn *ctxn)
{
	const struct call_branch *br = branch_find(call, ctxn);

	if (br)
		return br->spot;
	return ctxn == call->leg[LEG_B].out ? call->targets.spot : SPOT_NONE;
}

bool call_rings(const struct call *call, const struct sip_ctxn *ctxn)
{
	return branch_find(call, ctxn) != NULL;
}

bool call_ring_heard(struct call *call, const struct sip_ctxn *ctxn, bool has_sdp)
{
	if (has_sdp && !call->heard)
		call->heard = ctxn;
	return !call->heard || call->heard == ctxn || n_ringing(call) == 0;
}

void call_ring_spoke(struct call *call, const struct sip_ctxn *ctxn)
{
	struct call_branch *br = branch_find(call, ctxn);

	if (br)
		br->spoke = true;
	else
		call->spoke = true;
	call_target_heard(call);
}

/* Of those that still ring nobody has said a word: they get no more time than a single target. */
static void wait_again(struct call *call)
{
	struct call_targets *ct = &call->targets;
	const struct call_branch *br;

	if (call->spoke || call->some_refused || ct->next == ct->n)
		return;
	STAILQ_FOREACH(br, &call->branches, next) {
		if (br->ctxn && br->spoke)
			return;
	}
	ct->waits = true;
	twheel_start(call->b->env.wheel, &call->timer,
		(uint64_t)call->b->cfg->timer_next_target_s * 1000);
}

/* ---- its end ---- */

/* It answered although it was told to stop: it gets its ACK and a BYE. */
static void loser_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	if (msg->status >= 200 && msg->status < 300)
		dialog_drop(arg, msg, path);
}

static void loser_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
}

static const struct sip_ctxn_ops loser_ops = {.response = loser_response, .failed = loser_failed};

static void lose(struct call *call, struct sip_ctxn *ctxn, struct view headers)
{
	sip_ctxn_set_user(ctxn, &loser_ops, call->b);
	sip_ctxn_cancel(ctxn, headers);
}

void call_ring_lose(struct call *call, struct view headers)
{
	struct call_branch *br;

	STAILQ_FOREACH(br, &call->branches, next) {
		if (br->ctxn)
			lose(call, br->ctxn, headers);
		br->ctxn = NULL;
	}
	call_ring_clear(call);
}

/* A branch takes the place of the far end of call->uri, which becomes a branch that is over. */
static void promote(struct call *call, struct call_branch *br)
{
	struct leg *leg = &call->leg[LEG_B];
	struct view route = {call->route, call->route_len};
	struct call_branch *was = branch_new(
		view_of(call->uri), route, &call->out_path, call->targets.spot);

	if (was) {
		was->over = true;
		was->auth = leg->auth;
		STAILQ_INSERT_TAIL(&call->branches, was, next);
		call->n_branches++;
		spot_leave(call->b, &was->spot);
		call->targets.spot = SPOT_NONE;
	} else {
		free(leg->auth);
	}
	spot_leave(call->b, &call->targets.spot);
	call->targets.spot = br->spot;
	leg->auth = br->auth;
	leg->out = br->ctxn;
	call->spoke = br->spoke;
	call->out_path = br->path;
	call->rec.peer_sig[LEG_B] = br->path.remote;
	call->rec.transport[LEG_B] = br->path.transport;
	memcpy(call->uri, br->text, br->n_uri);
	call->uri[br->n_uri] = '\0';
	call_copy_set(&call->route, &call->route_len, branch_route(br));
	br->auth = NULL;
	br->spot = SPOT_NONE;
	branch_free(call, br);
}

void call_ring_answered(struct call *call, struct sip_ctxn *ctxn)
{
	struct call_branch *br = branch_find(call, ctxn);

	if (br) {
		struct sip_ctxn *first = call->leg[LEG_B].out;

		promote(call, br);
		if (first)
			lose(call, first,
				VIEW("Reason: SIP;cause=200;text=\"Call completed "
				     "elsewhere\"\r\n"));
	}
	/* RFC 3326: so that the other phones show no missed call. */
	call_ring_lose(call, VIEW("Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"));
}

/*
 * What says most to the caller. RFC 3261 16.7 step 6: the lowest class, of 4xx what says how to ask
 * again; 503 and silence, which say nothing of whom was called, come last.
 */
static unsigned int weight(unsigned int status, bool silent)
{
	switch (status) {
	case 401:
	case 407:
	case 415:
	case 420:
	case 484:
		return 6;
	case 486:
		return 5;
	case 503:
		return 1;
	case 408:
		return silent ? 1 : 3;
	default:
		return status >= 600 ? 8 : status < 400 ? 7 : status < 500 ? 4 : 2;
	}
}

static void remember(struct call *call, unsigned int status, const struct sip_msg *msg)
{
	if (msg && status != 503)
		call->some_refused = true;
	if (call->best_refusal != 0 &&
		weight(status, !msg) <= weight(call->best_refusal, !call->refusal))
		return;
	free(call->refusal);
	call->refusal = msg ? sip_msg_dup(msg) : NULL;
	call->best_refusal = (uint16_t)status;
}

void call_ring_silent(struct call *call, unsigned int *ret_status, const struct sip_msg **ret_msg)
{
	const struct cfg_trunk *trunk = cfg_find_trunk(call->b->cfg, call->rec.trunk[LEG_B]);
	struct leg *leg = &call->leg[LEG_B];
	struct call_branch *br;

	sip_ctxn_abandon(leg->out, &loser_ops, call->b);
	leg->out = NULL;
	STAILQ_FOREACH(br, &call->branches, next) {
		if (!br->ctxn)
			continue;
		sip_ctxn_abandon(br->ctxn, &loser_ops, call->b);
		br->ctxn = NULL;
		br->over = true;
		if (trunk)
			spot_failed(call->b, br->spot, trunk, 0);
		spot_leave(call->b, &br->spot);
	}
	remember(call, 408, NULL);
	*ret_status = call->best_refusal;
	*ret_msg = call->refusal;
	call->best_refusal = 0;
}

/* A challenge, or a session interval that is too short, is met by that far end alone. */
static bool asked_again(struct call *call, struct sip_ctxn *ctxn, const struct sip_msg *msg)
{
	struct leg *leg = &call->leg[LEG_B];
	struct call_branch *br = branch_find(call, ctxn);
	struct digest_client *auth = leg->auth;
	struct view sdp = none;
	bool again;

	if (!msg || (call->offer && call_offer_text(call, &sdp) < 0))
		return false;
	if (br)
		leg->auth = br->auth;
	again = leg_auth_take(leg, msg->status, msg) || leg_timer_take_422(leg, msg->status, msg);
	if (br) {
		br->auth = leg->auth;
		leg->auth = auth;
	}
	if (!again)
		return false;
	leg->out_cseq++;
	if (br)
		return branch_send(call, br, sdp) == 0;
	if (call_invite_to(call, view_of(call->uri), &call->out_path,
		    (struct view){call->route, call->route_len}, sdp, &leg->out) == 0)
		return true;
	leg->out = NULL;
	return false;
}

bool call_ring_refused(struct call *call, struct sip_ctxn *ctxn, unsigned int *status,
	const struct sip_msg **msg, uint64_t retry_after_ms)
{
	const struct cfg_trunk *trunk = cfg_find_trunk(call->b->cfg, call->rec.trunk[LEG_B]);
	struct leg *leg = &call->leg[LEG_B];
	struct call_branch *br = branch_find(call, ctxn), *next = NULL;
	unsigned int n = n_ringing(call);

	if (call->heard == ctxn)
		call->heard = NULL;
	if (n == 0 && call->best_refusal == 0 && !call_user_has_more(call))
		return false; /* it is alone */
	if (asked_again(call, ctxn, *msg))
		return true;
	remember(call, *status, *msg);
	if (trunk && (!*msg || *status == 503))
		spot_failed(call->b, br ? br->spot : call->targets.spot, trunk, retry_after_ms);
	else
		spot_worked(call->b, br ? br->spot : call->targets.spot);
	if (n == 0) {
		spot_leave(call->b, &call->targets.spot); /* it has had its say */
		*status = call->best_refusal;
		*msg = call->refusal;
		return false;
	}
	log_info("call %016" PRIx64 ": one of %s answered %u, %u still ring", call->rec.id,
		call->far, *status, n);
	if (br) {
		br->ctxn = NULL;
		br->over = true;
		spot_leave(call->b, &br->spot);
	} else {
		STAILQ_FOREACH(next, &call->branches, next) {
			if (next->ctxn)
				break;
		}
		promote(call, next);
	}
	if (*status < 600) {
		wait_again(call);
		return true;
	}
	/* Nobody there wants it, anywhere (RFC 3261 21.6). */
	STAILQ_FOREACH(next, &call->branches, next) {
		if (next->ctxn)
			lose(call, next->ctxn, none);
		next->ctxn = NULL;
	}
	lose(call, leg->out, none);
	leg->out = NULL;
	*msg = call->refusal;
	return false;
}

bool call_ring_other_flow(struct call *call, struct sip_ctxn *ctxn, int err, unsigned int status)
{
	struct leg *leg = &call->leg[LEG_B];
	struct call_branch *br = branch_find(call, ctxn), *fresh;
	struct call_way way = {.uri = br ? branch_uri(br) : view_of(call->uri),
		.path = br ? br->path : call->out_path};
	struct view sdp = none;

	if ((err == 0 && status != 430) || call->state != CALL_CALLING ||
		!call_user_other_flow(call, &way, status) ||
		(call->offer && call_offer_text(call, &sdp) < 0))
		return false;
	if (br) {
		fresh = branch_new(way.uri, way.route, &way.path, SPOT_NONE);
		if (!fresh || branch_send(call, fresh, sdp) < 0) {
			free(fresh);
			return false;
		}
		STAILQ_INSERT_TAIL(&call->branches, fresh, next);
		call->n_branches++;
		fresh->auth = br->auth;
		br->auth = NULL;
		branch_free(call, br);
	} else {
		if (call_invite_to(call, way.uri, &way.path, way.route, sdp, &leg->out) != 0 ||
			view_copy(way.uri, call->uri, sizeof(call->uri)) < 0)
			return false;
		call_copy_set(&call->route, &call->route_len, way.route);
		call->out_path = way.path;
		call->rec.peer_sig[LEG_B] = way.path.remote;
		call->rec.transport[LEG_B] = way.path.transport;
	}
	call->b->env.stats->flow_failovers++;
	log_info("call %016" PRIx64 ": a flow of %s is gone, the INVITE takes another one",
		call->rec.id, call->far);
	return true;
}
