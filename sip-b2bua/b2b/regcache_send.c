/* SPDX-License-Identifier: GPL-3.0-or-later */
/* REGISTERs to a registrar behind the box, and its answers; see regcache.h. */
#include "sip-b2bua/b2b/regcache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/registrar/registrar.h"

LOG_TOPIC("regcache");

#define SILENT_MAX_S 30 /* whatever Retry-After the core says */

/* ---- what came of it ---- */

/* The core is left alone for a while. s: as its Retry-After says, or 0. */
static void core_silent(struct reg_forward *f, const struct cfg_registrar *conf, uint32_t s)
{
	struct b2b *b = f->b;
	struct reg_core_state *core = regcache_core(b, conf);
	uint64_t now_ms = twheel_now(b->env.wheel);

	b->env.stats->reg_core_silent++;
	if (!core)
		return;
	if (core->silent_until_ms == 0)
		log_warning(
			"the registrar at trunk %s does not answer; phones that are registered "
			"stay so for %u s",
			conf->core, conf->core_grace_s);
	core->silent_until_ms = now_ms + (s == 0 ? REGCACHE_SILENT_MS
						 : 1000ull * (s < SILENT_MAX_S ? s : SILENT_MAX_S));
}

static void core_answers(struct reg_forward *f, const struct cfg_registrar *conf)
{
	struct reg_core_state *core = regcache_core(f->b, conf);

	if (core && core->silent_until_ms != 0) {
		log_notice("the registrar at trunk %s answers again", conf->core);
		core->silent_until_ms = 0;
	}
}

static void removal_over(struct reg_forward *f, const char *why)
{
	if (why) {
		f->b->env.stats->reg_core_kept++;
		log_info("the registration of %s stays in the registrar until its end: %s",
			f->removal->user, why);
	} else {
		f->b->env.stats->reg_core_removed++;
	}
	reg_forward_free(f);
}

/* No target has answered as it should. */
static void unanswered(struct reg_forward *f, const struct cfg_registrar *conf, uint32_t retry_s,
	const char *reason)
{
	const struct sip_msg *msg = f->in ? sip_stxn_request(f->in) : NULL;
	struct reg_cache_refusal refusal;
	struct reg_cache_limits limits;
	struct reg_cache_request r;
	struct sip_stxn *in = f->in;
	struct sip_path from;

	core_silent(f, conf, retry_s);
	if (f->removal) {
		removal_over(f, reason);
		return;
	}
	if (msg) {
		from = sip_stxn_came_by(in);
		if (regcache_read(f->b, conf, msg, &from, &limits, &r, &refusal))
			regcache_survive(f->b, conf, in, &r, reason);
	}
	reg_forward_free(f);
}

/* ---- sending ---- */

static const struct sip_ctxn_ops out_ops;

static int build(struct reg_forward *f, const struct cfg_registrar *conf,
	const struct cfg_trunk *trunk, const struct sip_path *path, struct sip_buf *buf)
{
	struct b2b *b = f->b;
	const struct sip_msg *msg = f->in ? sip_stxn_request(f->in) : NULL;
	struct reg_cache_way way = {.path = path,
		.branch = sip_ctxn_branch(f->out),
		.domain = conf->domain,
		.core_s = f->core_s,
		.max_forwards = b->cfg->max_forwards,
		.with_path = conf->core_path};
	struct reg_cache_refusal refusal;
	struct reg_cache_limits limits;
	struct reg_cache_request r;
	struct sip_path from;
	struct sip_buf uri;
	char text[300];

	if (f->removal) {
		sip_buf_init(&uri, text, sizeof(text));
		reg_cache_build_removal(f->removal, b->env.key, &way, &uri, buf);
		if (f->auth)
			digest_client_put(f->auth, buf, VIEW("REGISTER"), sip_buf_view(&uri),
				trunk->auth_username, trunk->auth_password);
		return sip_build_end(buf, (struct view){NULL, 0}, (struct view){NULL, 0});
	}
	if (!msg)
		return -EINVAL;
	from = sip_stxn_came_by(f->in);
	if (!regcache_read(b, conf, msg, &from, &limits, &r, &refusal))
		return -EINVAL;
	if (msg->max_forwards > 0 && (uint32_t)msg->max_forwards - 1 < way.max_forwards)
		way.max_forwards = (uint32_t)msg->max_forwards - 1;
	return reg_cache_build(&r, &way, buf);
}

static bool send_to(struct reg_forward *f, const struct cfg_registrar *conf,
	const struct cfg_trunk *trunk, const struct target *target)
{
	struct b2b *b = f->b;
	const struct sip_listener *listener = b->env.ops->find(
		b->env.ctx, trunk->realm, target->transport, target->addr.family);
	struct sip_path path;
	struct sip_buf buf;
	int rc;

	if (!listener || sip_ctxn_new(b->env.txns, SIP_M_REGISTER, &out_ops, f, &f->out) < 0) {
		f->out = NULL;
		return false;
	}
	path = call_path_to(listener, &target->addr);
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	rc = build(f, conf, trunk, &path, &buf);
	if (rc < 0)
		sip_ctxn_discard(f->out);
	else
		rc = sip_ctxn_send(f->out, &path, sip_buf_view(&buf));
	if (rc < 0) {
		f->out = NULL;
		return false;
	}
	b->env.stats->reg_forwarded++;
	twheel_start(b->env.wheel, &f->timer, (uint64_t)conf->core_timeout_s * 1000);
	return true;
}

/* The next target, or the end. */
static void go_on(struct reg_forward *f, uint32_t retry_s, const char *why)
{
	struct b2b *b = f->b;
	const struct cfg_registrar *conf = regcache_conf(b, f->realm);
	const struct cfg_trunk *trunk = conf ? cfg_find_trunk(b->cfg, conf->core) : NULL;

	twheel_stop(b->env.wheel, &f->timer);
	/* The phone has gone, or the configuration is another one by now. */
	if (!trunk || (!f->removal && !f->in)) {
		if (f->in)
			regcache_put_off(b, f->in, 0, "the configuration has changed");
		reg_forward_free(f);
		return;
	}
	if (!f->picked) {
		f->picked = true;
		if (trunk->shutdown)
			why = "the trunk of the registrar is shut down";
		else
			targets_pick(b->targets, trunk, &f->to, &why);
	}
	while (f->to.next < f->to.n) {
		if (send_to(f, conf, trunk, &f->to.list[f->to.next++]))
			return;
		why = "a REGISTER to the registrar could not be sent";
	}
	unanswered(f, conf, retry_s, why);
}

static void again(struct reg_forward *f)
{
	f->to.next--;
	go_on(f, 0, NULL);
}

static void silence(struct twheel_timer *timer, void *arg);

void reg_forward_send(struct reg_forward *f)
{
	/* Its turn came by this timer; from now on it is the core's time. */
	twheel_stop(f->b->env.wheel, &f->timer);
	twheel_timer_init(&f->timer, silence, f);
	go_on(f, 0, NULL);
}

static void out_drop(struct reg_forward *f)
{
	if (f->out)
		sip_ctxn_detach(f->out);
	f->out = NULL;
}

static void silence(struct twheel_timer *timer, void *arg)
{
	struct reg_forward *f = arg;

	out_drop(f);
	go_on(f, 0, "the registrar did not answer in its time (registration timeout)");
}

/* ---- answers ---- */

static void removal_answered(
	struct reg_forward *f, const struct cfg_registrar *conf, const struct sip_msg *msg)
{
	const struct cfg_trunk *trunk = cfg_find_trunk(f->b->cfg, conf->core);
	bool asked = msg->status == 401 || msg->status == 407;
	char why[80];

	if (asked && trunk && trunk->auth_username[0]) {
		if (!f->auth)
			f->auth = calloc(1, sizeof(*f->auth));
		if (f->auth && digest_client_take(f->auth, msg)) {
			f->removal->cseq++;
			again(f);
			return;
		}
	}
	/* 404: it knows nobody of that name any more. */
	if (msg->status < 300 || msg->status == 404) {
		removal_over(f, NULL);
		return;
	}
	snprintf(why, sizeof(why), "it answers %u%s", msg->status,
		asked ? " and wants the phone's password" : "");
	removal_over(f, why);
}

/* It wants a longer time than we asked for (RFC 3261 10.2.8). */
static bool lengthen(struct reg_forward *f, const struct sip_msg *msg)
{
	uint32_t seconds;

	if (msg->status != 423 || f->lengthened ||
		sip_msg_seconds(msg, SIP_H_MIN_EXPIRES, &seconds) < 0 || seconds <= f->core_s ||
		seconds > CFG_REG_EXPIRES_MAX)
		return false;
	f->lengthened = true;
	f->core_s = seconds;
	return true;
}

static void relay(
	struct reg_forward *f, const struct cfg_registrar *conf, const struct sip_msg *msg)
{
	struct b2b *b = f->b;
	const struct sip_msg *request = f->in ? sip_stxn_request(f->in) : NULL;
	bool challenge = msg->status == 401 || msg->status == 407;
	unsigned int status = msg->status;
	struct reg_cache_refusal refusal;
	struct reg_cache_limits limits;
	struct reg_cache_request r;
	const char *reason = NULL;
	struct sip_buf headers;
	struct sip_path from;
	char text[4096];

	if (request)
		from = sip_stxn_came_by(f->in);
	if (!request || !regcache_read(b, conf, request, &from, &limits, &r, &refusal)) {
		reg_forward_free(f);
		return;
	}
	limits.core_s = f->core_s;
	sip_buf_init(&headers, text, sizeof(text));
	reg_cache_put_refused(&headers, msg);
	if (!challenge)
		status = reg_cache_answer(registrar_store(b->registrar), &r, msg, &reason);
	/* How long the core wants is no business of the phone. */
	if (status == 423)
		status = 500;
	if (status == 200) {
		b->env.stats->reg_accepted++;
		if (b->env.ops->proof && reg_cache_has_credentials(request))
			b->env.ops->proof(b->env.ctx, &from, true);
		regcache_accept(b, conf, f->in, &r, msg);
	} else {
		b->env.stats->reg_core_refused += !challenge;
		if (headers.overflow)
			regcache_refuse(f->in, 500, (struct view){NULL, 0},
				"the registrar's challenge is too long");
		else
			regcache_refuse(f->in, status, sip_buf_view(&headers), reason);
	}
	reg_forward_free(f);
}

/* It does not work there at present, which says nothing of the phone. */
static bool is_outage(unsigned int status)
{
	return status == 408 || status == 500 || status == 502 || status == 503 || status == 504;
}

static void on_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct reg_forward *f = arg;
	const struct cfg_registrar *conf = regcache_conf(f->b, f->realm);
	uint32_t retry_s;

	if (msg->status < 200 || ctxn != f->out)
		return;
	out_drop(f);
	twheel_stop(f->b->env.wheel, &f->timer);
	if (!conf) {
		go_on(f, 0, NULL);
	} else if (is_outage(msg->status)) {
		if (sip_msg_seconds(msg, SIP_H_RETRY_AFTER, &retry_s) < 0)
			retry_s = 0;
		go_on(f, retry_s, "the registrar answers that it cannot serve now");
	} else if (lengthen(f, msg)) {
		again(f);
	} else {
		core_answers(f, conf);
		if (f->removal)
			removal_answered(f, conf, msg);
		else
			relay(f, conf, msg);
	}
}

static void on_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	struct reg_forward *f = arg;

	if (ctxn != f->out)
		return;
	out_drop(f);
	go_on(f, 0,
		err == -ETIMEDOUT ? "the registrar did not answer"
				  : "the registrar could not be reached");
}

static const struct sip_ctxn_ops out_ops = {.response = on_response, .failed = on_failed};
