/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The box as a user of a carrier's registrar: trunks with "registrar expires" are registered there
 * (RFC 3261 10.2, RFC 5626 4, in bulk by RFC 6140). Each trunk is seen to by one worker, the one whose
 * number is the trunk's modulo the workers; all workers read whether it is registered.
 *
 * The user part of our Contact is a token that stands for the trunk's name, sealed with the key that
 * outlives this process: requests to it are the trunk's wherever they come from, and a binding of
 * before a restart is the same binding. Nothing is kept of one; a new process registers anew.
 */
#include "sip-b2bua/b2b/regclient.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"

LOG_TOPIC("register");

#define RETRY_MAX_S   1800  /* RFC 5626 4.5 */
#define KEEPALIVE_MS  96000 /* four fifths of 120 s (RFC 5626 4.4.1) */
#define INTERVALS_MAX 3	    /* 423 in a row that are believed */
#define FLOW_BACK_MS  200   /* after a connection has broken, the first time */

/* ---- state ---- */

static void status_send(struct reg *r)
{
	struct b2b *b = r->all->b;
	struct ctl_reg_status status = {.registered = r->registered,
		.given_s = r->given_s,
		.until_ms = r->until_ms,
		.last_status = r->last_status,
		.n_failed = r->n_failed};

	memcpy(status.trunk, r->trunk.name, sizeof(status.trunk));
	if (view_copy(view_of(reg_line(&r->trunk)), status.line, sizeof(status.line)) < 0)
		status.line[0] = '\0';
	memcpy(status.associated, r->associated, sizeof(status.associated));
	memcpy(status.reason, r->reason, sizeof(status.reason));
	r->told = b->control_up && b->env.ops->control_send(b->env.ctx, CTL_REG_STATUS, 0, &status,
					   sizeof(status), NULL, 0) == 0;
}

static void state_set(struct reg *r, bool registered)
{
	struct b2b_shared *shared = r->all->b->env.shared;

	if (registered && !r->registered)
		log_notice("trunk %s is registered for %u s", r->trunk.name, r->given_s);
	else if (!registered && (r->registered || r->n_failed == 1))
		log_warning("trunk %s is not registered: %s", r->trunk.name, r->reason);
	r->registered = registered;
	if (r->slot != ROUTE_NONE)
		atomic_store_explicit(&shared->required[r->slot].missing,
			r->trunk.reg_required && !registered, memory_order_relaxed);
	status_send(r);
}

/* A number from the whole range to its half, another one for each call. */
static uint64_t spread(struct reg *r, uint64_t range)
{
	uint64_t seed[3] = {r->id, r->cseq, r->all->n_serial++};

	return range - siphash24(r->all->b->id_key, seed, sizeof(seed)) % (range / 2 + 1);
}

static void reg_free(struct reg *r)
{
	if (!r)
		return;
	twheel_stop(r->all->b->env.wheel, &r->timer);
	twheel_stop(r->all->b->env.wheel, &r->ping);
	twheel_stop(r->all->b->env.wheel, &r->end);
	if (r->ctxn)
		sip_ctxn_detach(r->ctxn);
	free(r);
}

static void reg_drop(struct reg *r)
{
	struct regclient *all = r->all;

	for (uint32_t i = 0; i < all->n; i++) {
		if (all->regs[i] == r)
			all->regs[i] = all->regs[--all->n];
	}
	reg_free(r);
}

/*
 * RFC 5626 4.5: twice as long after each failure, up to half an hour; from the half to the whole of
 * it. No sooner than the registrar says. over: so is the binding that there may have been; one that
 * could not be refreshed is good until its end.
 */
static void retry_later(struct reg *r, const char *reason, bool over)
{
	uint64_t wait_s = r->trunk.reg_retry_s;

	snprintf(r->reason, sizeof(r->reason), "%s", reason);
	for (uint32_t i = 0; i < r->n_failed && wait_s < RETRY_MAX_S; i++)
		wait_s *= 2;
	if (wait_s > RETRY_MAX_S)
		wait_s = RETRY_MAX_S;
	r->n_failed++;
	uint64_t wait_ms = spread(r, wait_s * 1000);
	if (wait_ms < (uint64_t)r->retry_after_s * 1000)
		wait_ms = (uint64_t)r->retry_after_s * 1000;
	r->retry_after_s = 0;
	twheel_start(r->all->b->env.wheel, &r->timer, wait_ms);
	state_set(r, r->registered && !over);
}

static void end_fired(struct twheel_timer *timer, void *arg)
{
	state_set(arg, false);
}

static const struct sip_ctxn_ops register_ops;

static int register_send(struct reg *r, const struct sip_path *path)
{
	struct b2b *b = r->all->b;
	struct sip_buf buf;
	int rc = sip_ctxn_new(b->env.txns, SIP_M_REGISTER, &register_ops, r, &r->ctxn);

	if (rc < 0) {
		r->ctxn = NULL;
		return rc;
	}
	r->cseq++;
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	rc = reg_request_build(r, path, &buf);
	if (rc < 0) {
		sip_ctxn_discard(r->ctxn);
		r->ctxn = NULL;
		return rc;
	}
	rc = sip_ctxn_send(r->ctxn, path, sip_buf_view(&buf));
	if (rc < 0)
		r->ctxn = NULL;
	return rc;
}

/* Once more, now or later; of a goodbye nothing more comes. */
static void try_now(struct reg *r)
{
	struct b2b *b = r->all->b;
	const struct cfg_trunk *trunk = &r->trunk;
	const struct sip_listener *listener = NULL;
	const char *why = "its realm has no listener of its transport and family";
	const struct cfg_trunk *now = cfg_find_trunk(b->cfg, trunk->name);
	struct call_targets to = {.n = 0};
	struct sip_path path;

	/* A goodbye goes to where the last answer came from, whatever the trunk is now. */
	if (r->leaving)
		to = (struct call_targets){.n = r->flow.transport != 0,
			.list[0] = {.addr = r->flow.remote, .transport = r->flow.transport}};
	else if (now)
		targets_pick(b->targets, now, &to, &why);
	if (to.n > 0)
		listener = b->env.ops->find(
			b->env.ctx, trunk->realm, to.list[0].transport, to.list[0].addr.family);
	if (listener) {
		path = call_path_to(listener, &to.list[0].addr);
		/* The flow that is registered is the one that is refreshed (RFC 5626 4.2). */
		if (r->flow.transport == path.transport && r->flow.listener == path.listener)
			path.conn = r->flow.conn;
		path.conn_worker = b->env.worker;
		if (register_send(r, &path) == 0)
			return;
	}
	if (r->leaving)
		reg_drop(r);
	else
		retry_later(r, listener ? "REGISTER could not be sent" : why, false);
}

static void timer_fired(struct twheel_timer *timer, void *arg)
{
	struct reg *r = arg;

	if (!r->ctxn)
		try_now(r);
}

/* ---- answers ---- */

static void accepted(struct reg *r, const struct sip_msg *msg, const struct sip_path *path)
{
	struct b2b *b = r->all->b;
	const struct sip_hdr *hdr = sip_msg_hdr_named(msg, VIEW("P-Associated-URI"));
	struct view rest = hdr ? hdr->value : VIEW(""), first = VIEW("");
	uint32_t seconds = reg_expires_of(r, msg);

	digest_client_accepted(&r->auth);
	if (seconds == 0) {
		retry_later(r, "the answer to REGISTER does not name our Contact", true);
		return;
	}
	if (hdr)
		(void)sip_list_next(&rest, &first);
	if (view_copy(view_trim(first), r->associated, sizeof(r->associated)) < 0)
		r->associated[0] = '\0';
	r->n_failed = r->n_423 = 0;
	r->given_s = seconds;
	r->until_ms = b->env.ops->wall_ms(b->env.ctx) + (uint64_t)seconds * 1000;
	r->flow = *path;
	snprintf(r->reason, sizeof(r->reason), "REGISTER was answered with %u", msg->status);
	twheel_start(b->env.wheel, &r->end, (uint64_t)seconds * 1000);
	/* In time, but not all trunks at once: from half to nine tenths of its life. */
	twheel_start(b->env.wheel, &r->timer, spread(r, (uint64_t)seconds * 900));
	if (sip_transport_is_stream(path->transport)) {
		b->env.ops->conn_watch(b->env.ctx, path->conn);
		twheel_start(b->env.wheel, &r->ping, KEEPALIVE_MS);
	}
	state_set(r, true);
}

/* 423: the registrar wants a longer time (RFC 3261 10.2.8). */
static bool interval_take(struct reg *r, const struct sip_msg *msg)
{
	uint32_t seconds;

	if (msg->status != 423 || sip_msg_seconds(msg, SIP_H_MIN_EXPIRES, &seconds) < 0 ||
		seconds <= r->want_s || seconds > CFG_REG_EXPIRES_MAX || r->n_423 >= INTERVALS_MAX)
		return false;
	r->n_423++;
	r->want_s = seconds;
	return true;
}

static const char *refused_for(const struct reg *r, const struct sip_msg *msg, char buf[160])
{
	const char *more = "";

	if ((msg->status == 401 || msg->status == 407) && !r->trunk.auth_username[0])
		more = ": it wants credentials, and \"authentication username\" is not set";
	else if (msg->status == 401 || msg->status == 407)
		more = r->auth.tries > 0 ? ": it refused the credentials"
					 : ": it asks for credentials in a way not known here";
	else if (msg->status == 423)
		more = ": it wants more time than it can have";
	snprintf(buf, 160, "REGISTER was answered with %u%s", msg->status, more);
	return buf;
}

static void on_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct reg *r = arg;
	char reason[160];

	if (msg->status < 200 || ctxn != r->ctxn)
		return;
	r->ctxn = NULL;
	sip_ctxn_detach(ctxn);
	r->last_status = msg->status;
	if ((msg->status == 401 || msg->status == 407) && r->trunk.auth_username[0] &&
		digest_client_take(&r->auth, msg)) {
		try_now(r);
	} else if (r->leaving) {
		reg_drop(r);
	} else if (msg->status < 300) {
		accepted(r, msg, path);
	} else if (interval_take(r, msg)) {
		try_now(r);
	} else {
		refused_for(r, msg, reason);
		if (sip_msg_seconds(msg, SIP_H_RETRY_AFTER, &r->retry_after_s) < 0)
			r->retry_after_s = 0;
		else if (r->retry_after_s > RETRY_MAX_S)
			r->retry_after_s = RETRY_MAX_S;
		digest_client_accepted(&r->auth);
		/* The binding is the registrar's to end, who has just said no to it. */
		retry_later(r, reason, msg->status < 500);
	}
}

static void on_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	struct reg *r = arg;

	if (ctxn != r->ctxn)
		return;
	r->ctxn = NULL;
	sip_ctxn_detach(ctxn);
	r->last_status = 0;
	memset(&r->flow, 0, sizeof(r->flow));
	if (r->leaving)
		reg_drop(r);
	else
		retry_later(
			r, err == -ETIMEDOUT ? "REGISTER was not answered" : strerror(-err), false);
}

static const struct sip_ctxn_ops register_ops = {.response = on_response, .failed = on_failed};

/* ---- flows ---- */

static void ping_fired(struct twheel_timer *timer, void *arg)
{
	struct reg *r = arg;
	struct b2b *b = r->all->b;

	/* One that is gone is told of by its end. */
	if (r->registered && sip_txns_send(b->env.txns, &r->flow, VIEW("\r\n\r\n")) == 0)
		twheel_start(b->env.wheel, &r->ping, spread(r, KEEPALIVE_MS * 5 / 4));
}

void regclient_conn_gone(struct regclient *all, uint8_t conn_worker, uint64_t conn)
{
	for (uint32_t i = 0; conn_worker == all->b->env.worker && i < all->n; i++) {
		struct reg *r = all->regs[i];

		if (r->flow.conn != conn || !sip_transport_is_stream(r->flow.transport) ||
			r->leaving)
			continue;
		twheel_stop(all->b->env.wheel, &r->ping);
		memset(&r->flow, 0, sizeof(r->flow));
		snprintf(r->reason, sizeof(r->reason), "the connection to the registrar has ended");
		state_set(r, false);
		if (!r->ctxn)
			twheel_start(all->b->env.wheel, &r->timer, spread(r, FLOW_BACK_MS));
	}
}

/* ---- configuration ---- */

/* In shared->required, or ROUTE_NONE: it need not be registered, or there are too many. */
static uint32_t slot_of(struct b2b_shared *shared, const struct cfg_trunk *trunk)
{
	uint32_t slot = ROUTE_NONE;

	if (!trunk->reg_required)
		return ROUTE_NONE;
	pthread_mutex_lock(&shared->lock);
	for (uint32_t i = 0; i < shared->n_required && slot == ROUTE_NONE; i++) {
		if (strcmp(shared->required[i].trunk, trunk->name) == 0)
			slot = i;
	}
	if (slot == ROUTE_NONE && shared->n_required < B2B_REQUIRED_MAX) {
		slot = shared->n_required++;
		memcpy(shared->required[slot].trunk, trunk->name, CTL_NAME_MAX);
	}
	pthread_mutex_unlock(&shared->lock);
	return slot;
}

bool regclient_allows(const struct regclient *all, uint32_t trunk_index)
{
	uint32_t slot = trunk_index < all->n_trunks ? all->slots[trunk_index] : ROUTE_NONE;

	return slot == ROUTE_NONE ||
	       !atomic_load_explicit(
		       &all->b->env.shared->required[slot].missing, memory_order_relaxed);
}

static bool is_wanted(const struct cfg_trunk *trunk)
{
	return trunk->reg_expires_s != 0 && !trunk->shutdown;
}

/* The registrar, and what it is told, are the same. */
static bool is_same(const struct cfg_trunk *a, const struct cfg_trunk *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->realm, b->realm) == 0 &&
	       memcmp(&a->target, &b->target, sizeof(a->target)) == 0 &&
	       a->transport == b->transport && a->reg_expires_s == b->reg_expires_s &&
	       a->reg_bulk == b->reg_bulk && strcmp(a->reg_domain, b->reg_domain) == 0 &&
	       strcmp(a->reg_number, b->reg_number) == 0 &&
	       strcmp(a->auth_username, b->auth_username) == 0 &&
	       strcmp(a->auth_password, b->auth_password) == 0;
}

static struct reg *reg_take(struct regclient *all, const struct cfg_trunk *trunk, uint32_t slot)
{
	for (uint32_t i = 0; i < all->n; i++) {
		struct reg *r = all->regs[i];

		if (r && !r->leaving && is_same(&r->trunk, trunk)) {
			all->regs[i] = NULL;
			r->trunk = *trunk;
			r->slot = slot;
			state_set(r, r->registered);
			return r;
		}
	}
	return NULL;
}

static struct reg *reg_new(struct regclient *all, const struct cfg_trunk *trunk, uint32_t slot)
{
	struct reg *r = calloc(1, sizeof(*r));
	uint64_t seed[3] = {all->b->env.seed, reg_name_hash(trunk->name), all->n_serial++};

	if (!r)
		return NULL;
	r->all = all;
	r->trunk = *trunk;
	r->slot = slot;
	r->want_s = trunk->reg_expires_s;
	r->id = siphash24(all->b->id_key, seed, sizeof(seed));
	snprintf(r->reason, sizeof(r->reason), "not asked yet");
	twheel_timer_init(&r->timer, timer_fired, r);
	twheel_timer_init(&r->ping, ping_fired, r);
	twheel_timer_init(&r->end, end_fired, r);
	/* Soon, but not all of them in one instant. */
	twheel_start(all->b->env.wheel, &r->timer, 10 + all->n_serial % 500 * 20);
	state_set(r, false);
	return r;
}

/* Says goodbye to a registrar that nothing else is said to; or is forgotten. */
static bool reg_leave(struct reg *r, const struct cfg *cfg)
{
	const struct cfg_trunk *now = cfg_find_trunk(cfg, r->trunk.name);

	if (r->leaving)
		return true;
	/* The new registration puts another binding in the place of this one. */
	if (!r->registered ||
		(now && is_wanted(now) &&
			memcmp(&now->target, &r->trunk.target, sizeof(now->target)) == 0))
		return false;
	twheel_stop(r->all->b->env.wheel, &r->ping);
	twheel_stop(r->all->b->env.wheel, &r->end);
	r->leaving = true;
	r->want_s = 0;
	/* In a turn of its own: the configuration is not in force everywhere yet. */
	if (!r->ctxn)
		twheel_start(r->all->b->env.wheel, &r->timer, 1);
	return true;
}

int regclient_config(struct regclient *all, const struct cfg *cfg)
{
	struct b2b *b = all->b;
	struct reg **regs = calloc(cfg->n_trunks + all->n + 1, sizeof(struct reg *));
	uint32_t *slots = calloc(cfg->n_trunks + 1, sizeof(*slots));
	uint32_t n = 0;

	if (!regs || !slots) {
		free(regs);
		free(slots);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < cfg->n_trunks; i++) {
		const struct cfg_trunk *trunk = &cfg->trunks[i];
		uint32_t slot = slot_of(b->env.shared, trunk);
		struct reg *r = NULL;

		slots[i] = slot;
		if (i % b->env.n_workers != b->env.worker)
			continue;
		if (is_wanted(trunk)) {
			r = reg_take(all, trunk, slot);
			if (!r)
				r = reg_new(all, trunk, slot);
		} else if (slot != ROUTE_NONE) {
			atomic_store_explicit(&b->env.shared->required[slot].missing, false,
				memory_order_relaxed);
		}
		if (r)
			regs[n++] = r;
	}
	for (uint32_t i = 0; i < all->n; i++) {
		if (all->regs[i] && reg_leave(all->regs[i], cfg))
			regs[n++] = all->regs[i];
		else
			reg_free(all->regs[i]);
	}
	free(all->regs);
	free(all->slots);
	all->regs = regs;
	all->n = n;
	all->slots = slots;
	all->n_trunks = cfg->n_trunks;
	return 0;
}

struct regclient *regclient_new(struct b2b *b)
{
	struct regclient *all = calloc(1, sizeof(*all));

	if (all)
		all->b = b;
	return all;
}

void regclient_free(struct regclient *all)
{
	for (uint32_t i = 0; all && i < all->n; i++)
		reg_free(all->regs[i]);
	if (all) {
		free(all->regs);
		free(all->slots);
	}
	free(all);
}

void regclient_replay(struct regclient *all)
{
	for (uint32_t i = 0; i < all->n; i++) {
		if (!all->regs[i]->leaving)
			status_send(all->regs[i]);
	}
}
