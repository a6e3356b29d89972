/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trunk health by OPTIONS (RFC 3261 11, 21.4.9). Each trunk is asked by one worker, the one whose
 * number is the trunk's modulo the workers; all workers read the result. A trunk is up until
 * options_down_after OPTIONS in a row had no answer, and up again with the first answer; 408 and
 * 503 count as none, every other final status says that somebody is there.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/core/sip_slab.h"

LOG_TOPIC("health");

static const struct view none = {NULL, 0};

struct probe {
	struct health *health;
	struct cfg_trunk trunk; /* as configured */
	uint32_t slot;	   /* in shared->trunk, or ROUTE_NONE: not known to all, so always up */
	uint32_t n_failed; /* in a row */
	uint32_t last_status;
	bool told; /* limen-control knows of this probe */
	uint64_t since_ms, sent_us, rtt_us;
	struct sip_ctxn *ctxn;
	struct twheel_timer timer;
	char reason[160];
};

struct health {
	struct b2b *b;
	uint32_t n_trunks;
	uint32_t *slots; /* by trunk index of the configuration in force */
	uint32_t n_probes;
	struct probe **probes; /* the trunks that this worker asks */
	uint32_t n_sent;
};

void b2b_shared_init(struct b2b_shared *shared)
{
	memset(shared, 0, sizeof(*shared));
	pthread_mutex_init(&shared->lock, NULL);
}

static uint32_t slot_of(struct b2b_shared *shared, const char *name)
{
	uint32_t slot = ROUTE_NONE;

	pthread_mutex_lock(&shared->lock);
	for (uint32_t i = 0; i < shared->n_trunks && slot == ROUTE_NONE; i++) {
		if (strcmp(shared->trunk[i].name, name) == 0)
			slot = i;
	}
	if (slot == ROUTE_NONE && shared->n_trunks < B2B_TRUNKS_MAX) {
		slot = shared->n_trunks++;
		snprintf(shared->trunk[slot].name, CTL_NAME_MAX, "%s", name);
	}
	pthread_mutex_unlock(&shared->lock);
	return slot;
}

static bool slot_down(const struct b2b_shared *shared, uint32_t slot)
{
	return slot != ROUTE_NONE &&
	       atomic_load_explicit(&shared->trunk[slot].down, memory_order_relaxed);
}

bool health_trunk_up(void *arg, uint32_t trunk_index)
{
	const struct health *h = arg;

	return trunk_index >= h->n_trunks || !slot_down(h->b->env.shared, h->slots[trunk_index]);
}

static void status_send(struct probe *p)
{
	struct b2b *b = p->health->b;
	struct ctl_trunk_status status = {
		.up = !slot_down(b->env.shared, p->slot),
		.last_status = p->last_status,
		.since_ms = p->since_ms,
		.rtt_us = p->rtt_us,
	};

	memcpy(status.trunk, p->trunk.name, sizeof(status.trunk));
	memcpy(status.reason, p->reason, sizeof(status.reason));
	if (b->control_up && b->env.ops->control_send(b->env.ctx, CTL_TRUNK_STATUS, 0, &status,
				     sizeof(status), NULL, 0) == 0)
		p->told = true;
}

static void state_set(struct probe *p, bool down)
{
	struct b2b *b = p->health->b;

	if (p->slot == ROUTE_NONE)
		return;
	if (slot_down(b->env.shared, p->slot) == down) {
		/* The first answer says that the trunk is watched and well. */
		if (!p->told)
			status_send(p);
		return;
	}
	atomic_store_explicit(&b->env.shared->trunk[p->slot].down, down, memory_order_relaxed);
	p->since_ms = b->env.ops->wall_ms(b->env.ctx);
	if (down)
		log_warning("trunk %s is busied out: %s", p->trunk.name, p->reason);
	else
		log_notice("trunk %s is active: %s", p->trunk.name, p->reason);
	status_send(p);
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
	uint64_t seed[2] = {h->n_sent, p->slot};
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

static int options_build(struct probe *p, const struct sip_path *path, struct sip_buf *buf)
{
	struct health *h = p->health;
	struct b2b *b = h->b;
	uint64_t seed[2] = {h->n_sent, b->env.seed}, id;

	id = siphash24(b->id_key, seed, sizeof(seed));
	sip_put_lit(buf, "OPTIONS sip:");
	sip_put_host(buf, &p->trunk.target.addr, true);
	sip_put_lit(buf, " SIP/2.0\r\n");
	sip_put_via(
		buf, sip_transport_text(path->transport), &path->local, sip_ctxn_branch(p->ctxn));
	sip_put_hdr_u64(buf, SIP_H_MAX_FORWARDS, b->cfg->max_forwards);
	sip_put_hdr_start(buf, SIP_H_FROM);
	sip_put_lit(buf, "<sip:");
	sip_put_host(buf, &path->local, true);
	sip_put_lit(buf, ">;tag=");
	sip_put_u64(buf, id & 0xffffffff);
	sip_put_crlf(buf);
	sip_put_hdr_start(buf, SIP_H_TO);
	sip_put_lit(buf, "<sip:");
	sip_put_host(buf, &p->trunk.target.addr, true);
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
		b->env.ctx, p->trunk.realm, p->trunk.transport, p->trunk.target.addr.family);
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
	path = call_path_to(listener, &p->trunk.target.addr);
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

static void probes_free(struct health *h)
{
	for (uint32_t i = 0; i < h->n_probes; i++)
		probe_free(h->probes[i]);
	free(h->probes);
	h->probes = NULL;
	h->n_probes = 0;
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
	probes_free(health);
	free(health->slots);
	free(health);
}

/* The probe of a trunk that was configured just like this before; its history goes on. */
static struct probe *probe_take(struct health *h, const struct cfg_trunk *trunk)
{
	for (uint32_t i = 0; i < h->n_probes; i++) {
		struct probe *p = h->probes[i];

		if (p && memcmp(&p->trunk, trunk, sizeof(*trunk)) == 0) {
			h->probes[i] = NULL;
			return p;
		}
	}
	return NULL;
}

static struct probe *probe_new(struct health *h, const struct cfg_trunk *trunk, uint32_t slot)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->health = h;
	p->trunk = *trunk;
	p->slot = slot;
	p->since_ms = h->b->env.ops->wall_ms(h->b->env.ctx);
	snprintf(p->reason, sizeof(p->reason), "not asked yet");
	twheel_timer_init(&p->timer, probe_timer, p);
	/* Soon, but not all of them in one instant. */
	twheel_start(h->b->env.wheel, &p->timer, 10 + (uint64_t)(slot % 50) * 20);
	return p;
}

int health_config(struct health *health, const struct cfg *cfg)
{
	struct b2b *b = health->b;
	uint32_t n = cfg->n_trunks ? cfg->n_trunks : 1;
	uint32_t *slots = calloc(n, sizeof(*slots));
	struct probe **probes = calloc(n, sizeof(struct probe *));
	uint32_t n_probes = 0;

	if (!slots || !probes) {
		free(slots);
		free(probes);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < cfg->n_trunks; i++) {
		const struct cfg_trunk *trunk = &cfg->trunks[i];
		bool asked = trunk->options_interval_s != 0 && !trunk->shutdown;
		struct probe *p;

		slots[i] = slot_of(b->env.shared, trunk->name);
		if (slots[i] == ROUTE_NONE)
			log_warning("trunk %s is not watched: more than %d trunks", trunk->name,
				B2B_TRUNKS_MAX);
		if (i % b->env.n_workers != b->env.worker || slots[i] == ROUTE_NONE)
			continue;
		/* Nobody asks it (any more): nothing is held against it. */
		if (!asked)
			atomic_store_explicit(
				&b->env.shared->trunk[slots[i]].down, false, memory_order_relaxed);
		p = asked ? probe_take(health, trunk) : NULL;
		if (asked && !p)
			p = probe_new(health, trunk, slots[i]);
		if (p)
			probes[n_probes++] = p;
	}
	probes_free(health);
	free(health->slots);
	health->slots = slots;
	health->n_trunks = cfg->n_trunks;
	health->probes = probes;
	health->n_probes = n_probes;
	return 0;
}

void health_replay(struct health *health)
{
	for (uint32_t i = 0; i < health->n_probes; i++)
		status_send(health->probes[i]);
}
