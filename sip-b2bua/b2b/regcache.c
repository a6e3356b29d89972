/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of a REGISTER for a registrar behind the box; see regcache.h. */
#include "sip-b2bua/b2b/regcache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/registrar/registrar.h"

LOG_TOPIC("regcache");

static const struct view none = {NULL, 0};

/* ---- answers ---- */

void regcache_refuse(
	struct sip_stxn *stxn, unsigned int status, struct view headers, const char *reason)
{
	char from[IPADDR_TEXT_MAX];

	if (reason)
		log_info("a REGISTER from %s is answered with %u: %s",
			ipaddr_print_port(sip_stxn_source(stxn), from), status, reason);
	if (sip_stxn_reject(stxn, status, none, headers, none) < 0)
		log_debug("%u not sent", status);
}

static uint32_t retry_after_s(struct b2b *b, uint32_t least_s)
{
	uint32_t s = REGCACHE_RETRY_MIN_S +
		     (uint32_t)(siphash24(b->id_key, &b->n_ids, sizeof(b->n_ids)) %
				(REGCACHE_RETRY_MAX_S - REGCACHE_RETRY_MIN_S + 1));

	b->n_ids++;
	/* Who is told to wait longer still does not come back with all the others. */
	return least_s > REGCACHE_RETRY_MIN_S ? least_s + s - REGCACHE_RETRY_MIN_S : s;
}

void regcache_put_off(struct b2b *b, struct sip_stxn *stxn, uint32_t least_s, const char *reason)
{
	struct sip_buf headers;
	char text[64];

	sip_buf_init(&headers, text, sizeof(text));
	sip_put_hdr_u64(&headers, SIP_H_RETRY_AFTER, retry_after_s(b, least_s));
	regcache_refuse(stxn, 503, sip_buf_view(&headers), reason);
}

void regcache_accept(struct b2b *b, const struct cfg_registrar *conf, struct sip_stxn *stxn,
	const struct reg_cache_request *r, const struct sip_msg *answer)
{
	struct sip_buf buf;

	registrar_accept_start(b->registrar, stxn, r->msg, &buf);
	reg_cache_put_accepted(registrar_store(b->registrar), r, answer, &buf);
	registrar_accept_end(b->registrar, stxn, conf, &buf);
}

void regcache_survive(struct b2b *b, const struct cfg_registrar *conf, struct sip_stxn *stxn,
	struct reg_cache_request *r, const char *reason)
{
	struct reg_store *store = registrar_store(b->registrar);
	enum reg_cache_verdict verdict = reg_cache_judge(store, r);

	if ((verdict == REG_CACHE_SHIELDED || verdict == REG_CACHE_DUE) &&
		reg_cache_keep(store, r, true)) {
		b->env.stats->reg_survived++;
		regcache_accept(b, conf, stxn, r, NULL);
		return;
	}
	regcache_put_off(b, stxn, 0, reason);
}

/* ---- registration rate-limit ---- */

struct reg_core_state *regcache_core(struct b2b *b, const struct cfg_registrar *conf)
{
	uint32_t i = (uint32_t)(conf - b->cfg->registrars);

	return i < b->regcache->n_cores ? &b->regcache->cores[i] : NULL;
}

static struct budget *budget_for(struct b2b *b, const struct cfg_registrar *conf)
{
	const struct reg_core_state *core = regcache_core(b, conf);

	return conf->rate_limit > 0 && core && core->budget != BUDGET_NONE
		       ? budget_at(&b->env.shared->budgets, core->budget)
		       : NULL;
}

/* Microseconds until its turn; negative: that would be later than most_us. */
static int64_t turn_take(struct b2b *b, const struct cfg_registrar *conf, uint64_t most_us)
{
	struct budget *budget = budget_for(b, conf);

	return budget ? budget_turn_take(
				budget, conf->rate_limit, b->env.ops->mono_us(b->env.ctx), most_us)
		      : 0;
}

static bool is_full(struct b2b *b, const struct cfg_registrar *conf)
{
	const struct budget *budget = budget_for(b, conf);

	return budget &&
	       budget_turn_waits(budget, conf->rate_limit, b->env.ops->mono_us(b->env.ctx));
}

/* ---- requests ---- */

const struct cfg_registrar *regcache_conf(const struct b2b *b, const char *realm)
{
	const struct cfg_registrar *conf = b->cfg ? cfg_realm_registrar(b->cfg, realm) : NULL;

	return conf && conf->core[0] ? conf : NULL;
}

bool regcache_read(struct b2b *b, const struct cfg_registrar *conf, const struct sip_msg *msg,
	const struct sip_path *path, struct reg_cache_limits *limits, struct reg_cache_request *ret,
	struct reg_cache_refusal *ret_refusal)
{
	*limits = (struct reg_cache_limits){.min_s = conf->expires_min_s,
		.max_s = conf->expires_max_s,
		.nat_s = conf->expires_nat_s,
		.core_s = conf->core_expires_s,
		.grace_s = conf->core_grace_s,
		.max_contacts = conf->max_contacts};
	*ret = (struct reg_cache_request){.msg = msg,
		.path = path,
		.key = b->env.key,
		.limits = limits,
		.realm = view_of(conf->realm),
		.wall_ms = b->env.ops->wall_ms(b->env.ctx)};
	if (reg_cache_user(&msg->to.uri, conf->domain, ret->user_text) < 0) {
		*ret_refusal = (struct reg_cache_refusal){
			.status = 400, .reason = "its To names no user, or one of a long name"};
		return false;
	}
	ret->user = view_of(ret->user_text);
	ret->number = reg_cache_number(b->env.key, ret->realm, ret->user);
	ret->hash = reg_cache_hash(b->env.key, ret->number);
	return reg_cache_parse(registrar_store(b->registrar), ret, ret_refusal);
}

/* RFC 3261 8.2.2, 16.3: what any request has to be. 0: it may go on. */
static unsigned int check(
	struct b2b *b, const struct sip_msg *msg, struct sip_buf *headers, const char **ret_reason)
{
	if (msg->max_forwards == 0) {
		*ret_reason = "it has no hops left (Max-Forwards 0)";
		return 483;
	}
	if (b->env.ops->own_vias(b->env.ctx, msg) > 0) {
		*ret_reason = "it came back to the box (loop)";
		return 482;
	}
	if (policy_unsupported(msg, 0, headers)) {
		*ret_reason = "an extension is required that the box does not have";
		return 420;
	}
	return 0;
}

static void in_terminated(struct sip_stxn *stxn, void *arg)
{
	struct reg_forward *f = arg;

	if (f->in == stxn)
		f->in = NULL;
}

static const struct sip_stxn_ops in_ops = {.terminated = in_terminated};

/* The phone is here again: what is in the core is its own. */
static bool is_back(const struct b2b *b, const struct reg_cache_removal *removal)
{
	uint32_t number = reg_cache_number(
		b->env.key, view_of(removal->realm), view_of(removal->user));

	return reg_cache_find(registrar_store(b->registrar), reg_cache_hash(b->env.key, number),
		       removal->contact_number) != NULL;
}

static void turn_fired(struct twheel_timer *timer, void *arg)
{
	reg_forward_send(arg);
}

/* When no phone waits: what has vanished has time, who comes back has none. */
static void removal_turn_fired(struct twheel_timer *timer, void *arg)
{
	struct reg_forward *f = arg;
	const struct cfg_registrar *conf = regcache_conf(f->b, f->realm);

	if (is_back(f->b, f->removal))
		reg_forward_free(f);
	else if (conf && turn_take(f->b, conf, 0) < 0)
		twheel_start(f->b->env.wheel, &f->timer,
			REGCACHE_AGAIN_MS + f->removal->contact_number % REGCACHE_AGAIN_MS);
	else
		reg_forward_send(f);
}

/* in NULL: of the box. */
static struct reg_forward *forward_new(
	struct b2b *b, const struct cfg_registrar *conf, struct sip_stxn *in)
{
	struct regcache *c = b->regcache;
	uint32_t max = in ? REGCACHE_FORWARDS_MAX : REGCACHE_FORWARDS_MAX / 2;
	struct reg_forward *f = c->n_forwards < max ? calloc(1, sizeof(*f)) : NULL;

	if (!f)
		return NULL;
	f->b = b;
	f->core_s = conf->core_expires_s;
	memcpy(f->realm, conf->realm, sizeof(f->realm));
	twheel_timer_init(&f->timer, turn_fired, f);
	LIST_INSERT_HEAD(&c->forwards, f, link);
	c->n_forwards++;
	f->in = in;
	if (in)
		sip_stxn_set_user(in, &in_ops, f);
	return f;
}

void reg_forward_free(struct reg_forward *f)
{
	twheel_stop(f->b->env.wheel, &f->timer);
	if (f->in)
		sip_stxn_detach(f->in);
	if (f->out)
		sip_ctxn_detach(f->out);
	LIST_REMOVE(f, link);
	f->b->regcache->n_forwards--;
	free(f->removal);
	free(f->auth);
	free(f);
}

/* To the core, now or when its turn has come. */
static void forward(struct b2b *b, const struct cfg_registrar *conf, struct sip_stxn *stxn,
	struct reg_cache_request *r, enum reg_cache_verdict verdict)
{
	struct reg_store *store = registrar_store(b->registrar);
	bool kept = verdict == REG_CACHE_SHIELDED || verdict == REG_CACHE_DUE;
	uint64_t most_us = (uint64_t)conf->core_queue_ms * 1000;
	struct reg_forward *f;
	int64_t wait_us;

	/* Who has the core's challenge already goes before who does not. */
	if (verdict == REG_CACHE_REMOVES)
		most_us *= 2;
	else if (!r->credentials)
		most_us /= 2;
	wait_us = turn_take(b, conf, kept ? 0 : most_us);
	if (wait_us < 0 && kept) {
		if (reg_cache_keep(store, r, false)) {
			b->env.stats->reg_smoothed++;
			regcache_accept(b, conf, stxn, r, NULL);
			return;
		}
		wait_us = turn_take(b, conf, most_us);
	}
	f = wait_us < 0 ? NULL : forward_new(b, conf, stxn);
	if (!f) {
		b->env.stats->reg_put_off++;
		regcache_put_off(b, stxn, 0,
			wait_us < 0 ? "more register in a second than the registrar is to be asked "
				      "(registration rate-limit)"
				    : "too many REGISTERs wait for the registrar");
		return;
	}
	if (kept)
		reg_cache_hold(store, r);
	if (wait_us == 0) {
		reg_forward_send(f);
		return;
	}
	b->env.stats->reg_smoothed++;
	twheel_start(b->env.wheel, &f->timer, (uint64_t)wait_us / 1000 + 1);
}

void regcache_request(struct b2b *b, const struct cfg_registrar *conf, struct sip_stxn *stxn,
	const struct sip_msg *msg, const struct sip_path *path)
{
	struct reg_store *store = registrar_store(b->registrar);
	struct reg_core_state *core = regcache_core(b, conf);
	struct reg_cache_refusal refusal;
	struct reg_cache_limits limits;
	struct reg_cache_request r;
	enum reg_cache_verdict verdict;
	const char *reason;
	struct sip_buf headers;
	unsigned int status;
	char text[512];

	b->env.stats->registers++;
	sip_buf_init(&headers, text, sizeof(text));
	status = check(b, msg, &headers, &reason);
	if (status == 0 && !regcache_read(b, conf, msg, path, &limits, &r, &refusal)) {
		status = refusal.status;
		reason = refusal.reason;
		if (refusal.min_expires > 0)
			sip_put_hdr_u64(&headers, SIP_H_MIN_EXPIRES, refusal.min_expires);
	}
	if (status != 0) {
		regcache_refuse(stxn, status, sip_buf_view(&headers), reason);
		return;
	}
	verdict = reg_cache_judge(store, &r);
	if (verdict == REG_CACHE_OLD)
		regcache_refuse(stxn, 500, none, "the REGISTER is older than the last one (CSeq)");
	else if (verdict == REG_CACHE_SHIELDED && reg_cache_keep(store, &r, false)) {
		b->env.stats->reg_shielded++;
		regcache_accept(b, conf, stxn, &r, NULL);
	} else if (core && twheel_now(b->env.wheel) < core->silent_until_ms) {
		regcache_survive(b, conf, stxn, &r, "the registrar did not answer a moment ago");
	} else {
		forward(b, conf, stxn, &r, verdict);
	}
}

/* ---- the box's own ---- */

/* A binding went without its phone having said so: the core is told. In the middle of the store's work. */
static void on_gone(void *arg, const struct reg_contact *contact)
{
	struct b2b *b = arg;
	struct reg_cache_removal removal;
	const struct cfg_registrar *conf;
	struct reg_forward *f;

	reg_cache_removal_of(contact, b->env.key, &removal);
	conf = regcache_conf(b, removal.realm);
	/* What is no longer in front of a registrar has none to be told. */
	if (!conf)
		return;
	f = forward_new(b, conf, NULL);
	if (f)
		f->removal = malloc(sizeof(removal));
	if (!f || !f->removal) {
		b->env.stats->reg_core_kept++;
		log_info(
			"the registration of %s stays in the registrar until its end: too many "
			"wait",
			removal.user);
		if (f)
			reg_forward_free(f);
		return;
	}
	*f->removal = removal;
	twheel_timer_init(&f->timer, removal_turn_fired, f);
	twheel_start(b->env.wheel, &f->timer, 1);
}

/* ---- life ---- */

struct regcache *regcache_new(struct b2b *b)
{
	struct regcache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->b = b;
	LIST_INIT(&c->forwards);
	return c;
}

void regcache_start(struct b2b *b)
{
	registrar_set_gone(b->registrar, on_gone, b);
}

void regcache_free(struct regcache *c)
{
	while (c && !LIST_EMPTY(&c->forwards))
		reg_forward_free(LIST_FIRST(&c->forwards));
	if (c)
		free(c->cores);
	free(c);
}

int regcache_config(struct regcache *c, const struct cfg *cfg)
{
	struct reg_core_state *cores = calloc(cfg->n_registrars + 1, sizeof(*cores));
	char key[BUDGET_KEY_MAX];

	if (!cores)
		return -ENOMEM;
	for (uint32_t i = 0; i < cfg->n_registrars; i++) {
		const struct cfg_registrar *conf = &cfg->registrars[i];
		struct reg_core_state *core = &cores[i];

		memcpy(core->name, conf->name, sizeof(core->name));
		memcpy(core->trunk, conf->core, sizeof(core->trunk));
		snprintf(key, sizeof(key), "registrar %s", conf->name);
		core->budget = conf->rate_limit > 0 ? budget_of(&c->b->env.shared->budgets, key)
						    : BUDGET_NONE;
		for (uint32_t k = 0; k < c->n_cores; k++) {
			if (strcmp(c->cores[k].name, core->name) == 0 &&
				strcmp(c->cores[k].trunk, core->trunk) == 0)
				core->silent_until_ms = c->cores[k].silent_until_ms;
		}
	}
	free(c->cores);
	c->cores = cores;
	c->n_cores = cfg->n_registrars;
	return 0;
}

uint32_t regcache_n_forwards(const struct regcache *c)
{
	return c->n_forwards;
}

/* ---- the box's own registrar ---- */

bool regcache_local_full(struct b2b *b, const struct sip_msg *msg, const struct sip_path *path)
{
	const struct cfg_registrar *conf = registrar_of_path(b->registrar, path);
	struct sip_buf headers;
	char text[64];

	/* Who has answered a challenge is counted, see regcache_local_refuses(). */
	if (!conf || conf->core[0] || sip_msg_hdr(msg, SIP_H_AUTHORIZATION) || !is_full(b, conf) ||
		registrar_knows(b->registrar, msg, path))
		return false;
	b->env.stats->registers++;
	b->env.stats->reg_put_off++;
	sip_buf_init(&headers, text, sizeof(text));
	sip_put_hdr_u64(&headers, SIP_H_RETRY_AFTER, retry_after_s(b, 0));
	if (sip_txns_reply_stateless(b->env.txns, msg, path, 503, none, sip_buf_view(&headers)) < 0)
		log_debug("503 not sent");
	return true;
}

bool regcache_local_refuses(struct b2b *b, const struct cfg_registrar *conf, struct sip_stxn *stxn,
	const struct sip_msg *msg, const struct sip_path *path)
{
	if (conf->rate_limit == 0 || registrar_knows(b->registrar, msg, path) ||
		turn_take(b, conf, 0) == 0)
		return false;
	b->env.stats->registers++;
	b->env.stats->reg_put_off++;
	regcache_put_off(b, stxn, 0,
		"more new phones register in a second than may "
		"(registration rate-limit)");
	return true;
}
