/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker and the sources of what it receives (defence/defence.h): who is dropped, what is counted,
 * who is exempt, and what limen-control is told and tells.
 */
#include <stdio.h>
#include <string.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/log.h"
#include "sip-b2bua/core/worker_private.h"

LOG_TOPIC("defence");

#define TRUST_S	       3600 /* without another proof */
#define LINES_A_SECOND 20

static const uint8_t reasons[SOURCE_N_COUNTS] = {CTL_BLOCK_MESSAGES, CTL_BLOCK_CALLS,
	CTL_BLOCK_MALFORMED, CTL_BLOCK_UNKNOWN, CTL_BLOCK_CHALLENGES, CTL_BLOCK_PASSWORDS};

/* ---- towards limen-control ---- */

struct batch {
	struct sip_worker *w;
	struct ctl_blocks head;
	struct ctl_block list[CTL_BLOCKS_BATCH];
};

static void batch_send(struct batch *batch, uint16_t type)
{
	struct sip_worker *w = batch->w;

	if (batch->head.n > 0 && w->control.up)
		(void)ipc_send(w->control.peer, type, 0, 0, w->control.generation, &batch->head,
			sizeof(batch->head), batch->list, batch->head.n * sizeof(batch->list[0]));
	batch->head.n = 0;
}

static void batch_add(struct batch *batch, uint16_t type, const struct ctl_block *block)
{
	batch->list[batch->head.n++] = *block;
	if (batch->head.n == CTL_BLOCKS_BATCH)
		batch_send(batch, type);
}

static bool put(const struct ctl_block *block, void *arg)
{
	batch_add(arg, CTL_BLOCKS_PUT, block);
	return false;
}

static void tell(struct sip_worker *w, enum shun_which which)
{
	struct batch batch = {.w = w};

	shun_each(w->group->defence->shun, which, w->id, clock_mono_ms(), put, &batch);
	batch_send(&batch, CTL_BLOCKS_PUT);
}

void defence_tell_all(struct sip_worker *w)
{
	tell(w, SHUN_ALL);
}

void defence_second(struct sip_worker *w)
{
	if (w->control.up)
		tell(w, SHUN_DROPS_CHANGED);
	if (w->defence_lines > LINES_A_SECOND)
		log_notice("and %u more sources are blocked", w->defence_lines - LINES_A_SECOND);
	w->defence_lines = 0;
}

static uint64_t tag_of(const struct sip_worker *w, const struct ctl_block *block)
{
	return shun_tag(w->group->defence->key, defence_scope_of_name(block->realm), &block->addr,
		block->prefix_len);
}

int defence_message(struct sip_worker *w, const struct ipc_hdr *hdr, const void *body, size_t len)
{
	const struct ctl_block *list = ctl_blocks_of(body, len);
	const struct ctl_blocks *head = body;
	struct shun *shun = w->group->defence->shun;

	if (list == NULL)
		return -EPROTO;
	if (hdr->type == CTL_BLOCKS_DEL && head->n == 0)
		shun_del_all(shun);
	for (uint32_t i = 0; i < head->n; i++) {
		if (hdr->type == CTL_BLOCKS_PUT)
			shun_put(shun, tag_of(w, &list[i]), &list[i], w->id, clock_mono_ms());
		else if (shun_del(shun, tag_of(w, &list[i])))
			sources_forgive(w->group->defence->sources, tag_of(w, &list[i]));
	}
	return 0;
}

/* ---- blocking ---- */

/* A block of a network would hit all that are in it. */
static bool is_exempt(
	const struct sip_worker *w, const char *realm, const struct ipaddr *net, uint8_t prefix_len)
{
	return defence_is_exempt(&w->defence_conf, net, prefix_len) ||
	       (w->ops->trusted != NULL && w->ops->trusted(w->app, realm, net, prefix_len));
}

static bool is_exempt_source(
	const struct sip_worker *w, const struct sip_listener *l, const struct ipaddr *remote)
{
	uint8_t len = remote->family == 4 ? 32 : w->defence_conf.prefix6;
	struct ipaddr net = ctl_block_net(remote, len);

	return is_exempt(w, l->realm, &net, len);
}

static void line(struct sip_worker *w, const struct ctl_block *block)
{
	char text[CTL_BLOCK_TEXT];

	if (++w->defence_lines <= LINES_A_SECOND)
		log_notice("SIP of %s in realm %s is dropped for %u s: %s",
			ctl_block_print(block, text), block->realm, block->remaining_ms / 1000,
			ctl_block_text(block->reason));
}

static void block(struct sip_worker *w, const struct sip_listener *l, uint64_t tag,
	const struct ipaddr *remote, uint8_t reason)
{
	const struct cfg_realm *realm = cfg_find_realm(w->cfg, l->realm);
	uint8_t prefix6 = w->defence_conf.prefix6;
	struct batch batch = {.w = w};
	struct ctl_block b = {.addr = ctl_block_net(remote, prefix6),
		.prefix_len = remote->family == 4 ? 32 : prefix6,
		.reason = reason,
		.since_ms = clock_wall_ms()};

	if (realm == NULL)
		return;
	if (!defence_may_block(w->group->defence, clock_mono_us())) {
		w->stats.block_refused++;
		return;
	}
	snprintf(b.realm, sizeof(b.realm), "%s", cfg_realm_network(w->cfg, realm)->name);
	if (!shun_block(w->group->defence->shun, tag, &b, &w->defence_conf.times, w->id,
		    clock_mono_ms()))
		return;
	sources_forgive(w->group->defence->sources, tag);
	w->stats.sources_blocked++;
	line(w, &b);
	batch_add(&batch, CTL_BLOCKS_PUT, &b);
	batch_send(&batch, CTL_BLOCKS_PUT);
}

/* false: it is over the limit, and is blocked now. */
static bool count(struct sip_worker *w, const struct sip_listener *l, const struct ipaddr *remote,
	enum source_count what)
{
	const struct defence_conf *conf = &w->defence_conf;
	struct defence *d = w->group->defence;

	if (l == NULL || !l->defended)
		return true;
	uint64_t tag = defence_tag(d, conf, l->scope, remote);
	if (sources_count(
		    d->sources, tag, what, &conf->limits[what], conf->factor, clock_mono_us()))
		return true;
	if (is_exempt_source(w, l, remote)) {
		sources_forgive(d->sources, tag);
		return true;
	}
	block(w, l, tag, remote, reasons[what]);
	return false;
}

/* ---- what comes and goes ---- */

bool defence_admits(void *ctx, const struct sip_listener *l, const struct ipaddr *remote)
{
	struct sip_worker *w = ctx;
	struct defence *d = w->group->defence;

	if (!shun_any(d->shun) || !defence_drops(d, l->scope, remote, clock_mono_ms()))
		return true;
	w->stats.blocked_drops++;
	return false;
}

void defence_misbehaved(void *ctx, const struct sip_listener *l, const struct ipaddr *remote)
{
	(void)count(ctx, l, remote, SOURCE_MALFORMED);
}

static const struct sip_listener *listener_of(
	const struct sip_worker *w, const struct sip_path *path)
{
	return sip_transport_listener(w->transport, path->listener);
}

bool defence_octets(struct sip_worker *w, const struct sip_path *path)
{
	return count(w, listener_of(w, path), &path->remote, SOURCE_MESSAGES);
}

bool defence_malformed(struct sip_worker *w, const struct sip_path *path)
{
	return count(w, listener_of(w, path), &path->remote, SOURCE_MALFORMED);
}

bool defence_request(struct sip_worker *w, const struct sip_msg *msg, const struct sip_path *path)
{
	const struct sip_listener *l = listener_of(w, path);
	const struct sip_hdr *agent = sip_msg_hdr(msg, SIP_H_USER_AGENT);
	struct defence *d = w->group->defence;

	if (l == NULL || !l->defended)
		return true;
	if (agent != NULL && defence_is_scanner(&w->defence_conf, agent->value)) {
		uint64_t tag = defence_tag(d, &w->defence_conf, l->scope, &path->remote);
		/* Who has a password may name his phone as he likes. */
		if (!sources_is_trusted(d->sources, tag, clock_mono_us()) &&
			!is_exempt_source(w, l, &path->remote)) {
			block(w, l, tag, &path->remote, CTL_BLOCK_SCANNER);
			return false;
		}
	}
	if (msg->method != SIP_M_INVITE || msg->to.tag.n > 0 ||
		(w->ops->urgent != NULL && w->ops->urgent(w->app, msg)))
		return true;
	return count(w, l, &path->remote, SOURCE_CALLS);
}

void defence_answered(struct sip_worker *w, const struct sip_path *path,
	const struct ipaddr *source, unsigned int status)
{
	switch (status) {
	case 403:
	case 404:
	case 484:
	case 604:
		(void)count(w, listener_of(w, path), source, SOURCE_UNKNOWN);
		break;
	case 401:
	case 407:
		(void)count(w, listener_of(w, path), source, SOURCE_CHALLENGES);
		break;
	default:
		break;
	}
}

void sip_worker_proof(struct sip_worker *w, const struct sip_path *path, bool good)
{
	const struct sip_listener *l = listener_of(w, path);
	struct defence *d = w->group->defence;

	if (l == NULL || !l->defended)
		return;
	if (good)
		sources_trust(d->sources, defence_tag(d, &w->defence_conf, l->scope, &path->remote),
			TRUST_S, clock_mono_us());
	else
		(void)count(w, l, &path->remote, SOURCE_PASSWORDS);
}

/* ---- configuration ---- */

struct pardon {
	struct sip_worker *w;
	struct batch batch;
};

/* Who was blocked for what he did, and is a trunk or exempt now. */
static bool pardoned(const struct ctl_block *b, void *arg)
{
	struct pardon *p = arg;
	const struct cfg_realm *realm = cfg_find_realm(p->w->cfg, b->realm);

	if (realm == NULL || b->reason == CTL_BLOCK_OPERATOR)
		return false;
	if (!is_exempt(p->w, realm->name, &b->addr, b->prefix_len))
		return false;
	batch_add(&p->batch, CTL_BLOCKS_DEL, b);
	return true;
}

void defence_config(struct sip_worker *w)
{
	struct pardon pardon = {.w = w, .batch = {.w = w}};

	defence_conf_of(w->cfg, &w->defence_conf);
	shun_each(w->group->defence->shun, SHUN_ALL, w->id, clock_mono_ms(), pardoned, &pardon);
	batch_send(&pardon.batch, CTL_BLOCKS_DEL);
}
