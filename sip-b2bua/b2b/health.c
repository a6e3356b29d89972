/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trunk health by OPTIONS (RFC 3261 11, 21.4.9). The targets of a trunk are asked by one worker, the
 * one whose number is the trunk's modulo the workers; all workers read the result. A target is up
 * until options_down_after OPTIONS in a row had no answer, and up again with the first answer; 408
 * and 503 count as none, every other final status says that somebody is there.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/b2b/peer_load.h"
#include "sip-b2bua/core/sip_slab.h"

LOG_TOPIC("health");

static const struct view none = {NULL, 0};

struct probe {
	struct health *health;
	struct cfg_trunk trunk; /* as configured */
	struct target target;
	char name[CFG_HOST_MAX +
		  12];	   /* of the target with port, when it was not given by address */
	uint32_t n_failed; /* in a row */
	uint32_t last_status;
	uint64_t sent_us, rtt_us;
	struct sip_ctxn *ctxn;
	struct twheel_timer timer;
	char reason[160];
};

/* A trunk that this worker asks. It is up while one of its targets is. */
struct watch {
	char trunk[CTL_NAME_MAX];
	bool told, down;
	uint64_t since_ms;
	uint32_t first, n; /* of its probes */
};

struct health {
	struct b2b *b;
	uint32_t n_watches, n_probes;
	struct watch *watches;
	struct probe **probes;
	uint32_t n_sent;
};

bool health_trunk_up(void *arg, uint32_t trunk_index)
{
	const struct health *h = arg;

	return targets_usable(h->b->targets, trunk_index) &&
	       regclient_allows(h->b->regclient, trunk_index);
}

static struct watch *watch_of(const struct health *h, const char *trunk)
{
	for (uint32_t i = 0; i < h->n_watches; i++) {
		if (strcmp(h->watches[i].trunk, trunk) == 0)
			return &h->watches[i];
	}
	return NULL;
}

static void status_send(const struct health *h, struct watch *w)
{
	struct b2b *b = h->b;
	struct ctl_trunk_status status = {.up = !w->down, .since_ms = w->since_ms};
	const struct probe *shown = h->probes[w->first];
	uint32_t n_up = 0;

	/* One target that answers stands for the trunk; without any the first one says why. */
	for (uint32_t i = 0; i < w->n; i++) {
		const struct probe *p = h->probes[w->first + i];
		bool up = !spot_down(b, p->target.spot);

		if (up && (n_up++ == 0 || (p->rtt_us != 0 && shown->rtt_us == 0)))
			shown = p;
	}
	status.last_status = shown->last_status;
	status.rtt_us = shown->rtt_us;
	memcpy(status.trunk, w->trunk, sizeof(status.trunk));
	if (w->n == 1)
		memcpy(status.reason, shown->reason, sizeof(status.reason));
	else
		snprintf(status.reason, sizeof(status.reason),
			"%u of %u targets are active; %.100s", n_up, w->n, shown->reason);
	if (b->control_up && b->env.ops->control_send(b->env.ctx, CTL_TRUNK_STATUS, 0, &status,
				     sizeof(status), NULL, 0) == 0)
		w->told = true;
}

/* A probe, or the set of them, has changed; force: limen-control hears of it in any case. */
static void watch_update(const struct health *h, struct watch *w, bool force)
{
	bool down = w->n > 0;

	for (uint32_t i = 0; i < w->n; i++)
		down = down && spot_down(h->b, h->probes[w->first + i]->target.spot);
	if (w->n == 0 || (down == w->down && w->told && !force))
		return;
	if (down != w->down) {
		w->down = down;
		w->since_ms = h->b->env.ops->wall_ms(h->b->env.ctx);
		if (down)
			log_warning("trunk %s is busied out: %s", w->trunk,
				h->probes[w->first]->reason);
		else
			log_notice("trunk %s is active", w->trunk);
	}
	status_send(h, w);
}

static void state_set(struct probe *p, bool down)
{
	struct health *h = p->health;
	struct watch *w = watch_of(h, p->trunk.name);
	bool was_down = spot_down(h->b, p->target.spot);
	char addr[IPADDR_TEXT_MAX];

	if (!w || p->target.spot == SPOT_NONE)
		return;
	spot_set_down(h->b, p->target.spot, down);
	if (w->n > 1 && was_down != down)
		log_notice("trunk %s: target %s is %s: %s", p->trunk.name,
			ipaddr_print_port(&p->target.addr, addr), down ? "busied out" : "active",
			p->reason);
	watch_update(h, w, was_down != down);
}

static void probe_failed(struct probe *p, const char *reason)
{
	snprintf(p->reason, sizeof(p->reason), "%s", reason);
	p->rtt_us = 0;
	if (++p->n_failed >= p->trunk.options_down_after)
		state_set(p, true);
}

/* The next OPTIONS leaves one interval after the last one ended, give or take an eighth, so that
 * trunks and boxes do not fall into step. */
static void schedule(struct probe *p)
{
	struct health *h = p->health;
	uint64_t interval_ms = (uint64_t)p->trunk.options_interval_s * 1000;
	uint64_t seed[2] = {h->n_sent, p->target.spot};
	uint64_t spread = interval_ms / 4 + 1;

	twheel_start(h->b->env.wheel, &p->timer,
		interval_ms - interval_ms / 8 +
			siphash24(h->b->id_key, seed, sizeof(seed)) % spread);
}

static void options_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct probe *p = arg;
	struct b2b *b = p->health->b;
	char reason[64];

	if (msg->status < 200 || ctxn != p->ctxn)
		return;
	peer_load_heard(b, p->target.spot, &p->trunk, msg);
	p->ctxn = NULL;
	sip_ctxn_detach(ctxn);
	p->last_status = msg->status;
	snprintf(reason, sizeof(reason), "OPTIONS was answered with %u", msg->status);
	if (msg->status == 408 || msg->status == 503) {
		probe_failed(p, reason);
	} else {
		p->n_failed = 0;
		p->rtt_us = b->env.ops->mono_us(b->env.ctx) - p->sent_us;
		snprintf(p->reason, sizeof(p->reason), "%s", reason);
		state_set(p, false);
	}
	schedule(p);
}

static void options_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	struct probe *p = arg;

	if (ctxn != p->ctxn)
		return;
	p->ctxn = NULL;
	sip_ctxn_detach(ctxn);
	p->last_status = 0;
	probe_failed(p, err == -ETIMEDOUT ? "OPTIONS was not answered" : strerror(-err));
	schedule(p);
}

static const struct sip_ctxn_ops options_ops = {
	.response = options_response, .failed = options_failed};

/* RFC 3263 4.3: the URI names what was asked for, whichever address it goes to. */
static void put_target(struct sip_buf *buf, const struct probe *p)
{
	if (p->name[0])
		sip_put(buf, view_of(p->name));
	else
		sip_put_host(buf, &p->target.addr, true);
}

static int options_build(struct probe *p, const struct sip_path *path, struct sip_buf *buf)
{
	struct health *h = p->health;
	struct b2b *b = h->b;
	uint64_t seed[2] = {h->n_sent, b->env.seed}, id;

	id = siphash24(b->id_key, seed, sizeof(seed));
	sip_put_lit(buf, "OPTIONS sip:");
	put_target(buf, p);
	sip_put_lit(buf, " SIP/2.0\r\n");
	sip_put_via_with(buf, sip_transport_text(path->transport), &path->local,
		sip_ctxn_branch(p->ctxn), peer_load_offer(&p->trunk));
	sip_put_hdr_u64(buf, SIP_H_MAX_FORWARDS, b->cfg->max_forwards);
	sip_put_hdr_start(buf, SIP_H_FROM);
	sip_put_lit(buf, "<sip:");
	sip_put_host(buf, &path->local, true);
	sip_put_lit(buf, ">;tag=");
	sip_put_u64(buf, id & 0xffffffff);
	sip_put_crlf(buf);
	sip_put_hdr_start(buf, SIP_H_TO);
	sip_put_lit(buf, "<sip:");
	put_target(buf, p);
	sip_put_lit(buf, ">\r\n");
	sip_put_hdr_start(buf, SIP_H_CALL_ID);
	sip_put_u64(buf, id);
	sip_put_crlf(buf);
	sip_put_cseq(buf, 1, VIEW("OPTIONS"));
	sip_put_hdr_start(buf, SIP_H_CONTACT);
	sip_put_lit(buf, "<sip:");
	sip_put_host(buf, &path->local, true);
	sip_put_lit(buf, ">\r\n");
	sip_put_hdr(buf, SIP_H_ACCEPT, VIEW("application/sdp"));
	sip_put_hdr(buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	return sip_build_end(buf, none, none);
}

static void probe_timer(struct twheel_timer *timer, void *arg)
{
	struct probe *p = arg;
	struct health *h = p->health;
	struct b2b *b = h->b;
	const struct sip_listener *listener = b->env.ops->find(
		b->env.ctx, p->trunk.realm, p->target.transport, p->target.addr.family);
	struct sip_path path;
	struct sip_buf buf;

	if (!listener) {
		probe_failed(p, "its realm has no listener of its transport and family");
		schedule(p);
		return;
	}
	h->n_sent++;
	if (sip_ctxn_new(b->env.txns, SIP_M_OPTIONS, &options_ops, p, &p->ctxn) < 0) {
		p->ctxn = NULL; /* overload of our own says nothing about the trunk */
		schedule(p);
		return;
	}
	path = call_path_to(listener, &p->target.addr);
	p->sent_us = b->env.ops->mono_us(b->env.ctx);
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	if (options_build(p, &path, &buf) < 0) {
		sip_ctxn_discard(p->ctxn);
		p->ctxn = NULL;
		schedule(p);
	} else if (sip_ctxn_send(p->ctxn, &path, sip_buf_view(&buf)) < 0) {
		p->ctxn = NULL;
		probe_failed(p, "OPTIONS could not be sent");
		schedule(p);
	}
}

static void probe_free(struct probe *p)
{
	if (!p)
		return;
	twheel_stop(p->health->b->env.wheel, &p->timer);
	if (p->ctxn)
		sip_ctxn_detach(p->ctxn);
	free(p);
}

static void all_free(struct health *h)
{
	for (uint32_t i = 0; i < h->n_probes; i++)
		probe_free(h->probes[i]);
	free(h->probes);
	free(h->watches);
	h->probes = NULL;
	h->watches = NULL;
	h->n_probes = h->n_watches = 0;
}

struct health *health_new(struct b2b *b)
{
	struct health *h = calloc(1, sizeof(*h));

	if (h)
		h->b = b;
	return h;
}

void health_free(struct health *health)
{
	if (!health)
		return;
	all_free(health);
	free(health);
}

/* The probe of a target that was configured just like this before; its history goes on. */
static struct probe *probe_take(
	struct health *h, const struct cfg_trunk *trunk, const struct target *target)
{
	for (uint32_t i = 0; i < h->n_probes; i++) {
		struct probe *p = h->probes[i];

		if (p && ipaddr_equal(&p->target.addr, &target->addr) &&
			p->target.transport == target->transport &&
			memcmp(&p->trunk, trunk, sizeof(*trunk)) == 0) {
			h->probes[i] = NULL;
			p->target = *target;
			return p;
		}
	}
	return NULL;
}

static struct probe *probe_new(struct health *h, const struct target_set *set,
	const struct target *target, uint32_t number)
{
	const struct cfg_target *conf = targets_conf(h->b->targets, set->trunk, target);
	struct probe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->health = h;
	p->trunk = *set->trunk;
	p->target = *target;
	if (conf->name[0] && conf->port)
		snprintf(p->name, sizeof(p->name), "%s:%u", conf->name, conf->port);
	else
		snprintf(p->name, sizeof(p->name), "%s", conf->name);
	snprintf(p->reason, sizeof(p->reason), "not asked yet");
	twheel_timer_init(&p->timer, probe_timer, p);
	/* Soon, but not all of them in one instant. */
	twheel_start(h->b->env.wheel, &p->timer, 10 + (uint64_t)(number % 50) * 20);
	return p;
}

struct building {
	struct health *old;
	struct health fresh;
};

/* The probes of a trunk that this worker asks. */
static void trunk_watch(struct building *g, const struct target_set *set, uint32_t number)
{
	struct health *h = &g->fresh;
	struct watch *w = &h->watches[h->n_watches];
	const struct watch *before = watch_of(g->old, set->trunk->name);

	if (before)
		*w = *before;
	else
		*w = (struct watch){.since_ms = h->b->env.ops->wall_ms(h->b->env.ctx)};
	memcpy(w->trunk, set->trunk->name, sizeof(w->trunk));
	w->first = h->n_probes;
	w->n = 0;
	for (uint32_t i = 0; i < set->n_targets; i++) {
		struct probe *p = probe_take(g->old, set->trunk, &set->targets[i]);

		if (!p)
			p = probe_new(g->old, set, &set->targets[i], number + i);
		if (!p)
			continue;
		h->probes[h->n_probes++] = p;
		w->n++;
	}
	h->n_watches++;
}

/* Nobody asks its targets (any more): nothing is held against them. */
static void trunk_trust(struct b2b *b, const struct target_set *set)
{
	for (uint32_t i = 0; i < set->n_targets; i++)
		spot_set_down(b, set->targets[i].spot, false);
}

int health_config(struct health *health)
{
	struct b2b *b = health->b;
	uint32_t n = targets_n(b->targets), n_targets = 0;
	struct building g = {.old = health, .fresh = {.b = b, .n_sent = health->n_sent}};

	for (uint32_t i = b->env.worker; i < n; i += b->env.n_workers)
		n_targets += targets_set(b->targets, i)->n_targets;
	g.fresh.watches = calloc(n + 1, sizeof(*g.fresh.watches));
	g.fresh.probes = calloc(n_targets + 1, sizeof(struct probe *));
	if (!g.fresh.watches || !g.fresh.probes) {
		free(g.fresh.watches);
		free(g.fresh.probes);
		return -ENOMEM;
	}
	for (uint32_t i = b->env.worker; i < n; i += b->env.n_workers) {
		const struct target_set *set = targets_set(b->targets, i);

		if (set->trunk->options_interval_s != 0 && !set->trunk->shutdown)
			trunk_watch(&g, set, i);
		else
			trunk_trust(b, set);
	}
	all_free(health);
	*health = g.fresh;
	/* Of a trunk whose targets are others now the answer may be another one already. */
	for (uint32_t i = 0; i < health->n_watches; i++) {
		if (health->watches[i].told)
			watch_update(health, &health->watches[i], false);
	}
	return 0;
}

void health_replay(struct health *health)
{
	for (uint32_t i = 0; i < health->n_watches; i++) {
		if (health->watches[i].n > 0)
			status_send(health, &health->watches[i]);
	}
}
