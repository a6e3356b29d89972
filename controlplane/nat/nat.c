/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See nat.h. */
#include "controlplane/nat/nat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "controlplane/base/idmap.h"
#include "controlplane/base/secret.h"
#include "controlplane/nat/dtls.h"

/* One leg's association. Owner: struct nat. */
struct nat_leg {
	struct nat *nat;
	LIST_ENTRY(nat_leg) busy_link; /* while its handshake goes on */
	bool busy, over;	       /* over: keyed or timed out, to be taken off the busy list */
	struct ctl_nat conf;
	struct dtls_assoc *assoc;
	struct ctl_nat_keys keys; /* rx.suite NONE: none yet */
};

struct nat {
	struct nat_ops ops;
	void *arg;
	struct dtls_endpoint *endpoint;
	struct idmap legs; /* by key_of() */
	LIST_HEAD(, nat_leg) busy;
	uint32_t n_legs;
};

/* Ids of sessions are spread over 64 bits; the legs of one get neighbours. */
static uint64_t key_of(uint64_t session_id, uint32_t leg)
{
	return session_id ^ ((uint64_t)leg << 63);
}

static void not_busy(struct nat_leg *leg)
{
	if (leg->busy)
		LIST_REMOVE(leg, busy_link);
	leg->busy = false;
}

static void on_send(void *arg, const struct ipaddr *to, const uint8_t *bytes, size_t len)
{
	const struct nat_leg *leg = arg;
	struct dp_nat_packet head = {.session_id = leg->conf.id.session_id,
		.leg = leg->conf.id.leg,
		.remote = *to,
		.n = (uint32_t)len};

	leg->nat->ops.send(leg->nat->arg, &head, bytes);
}

static void on_done(
	void *arg, const struct ipaddr *source, const struct dp_srtp *rx, const struct dp_srtp *tx)
{
	struct nat_leg *leg = arg;

	leg->over = true;
	leg->keys = (struct ctl_nat_keys){
		.id = leg->conf.id, .source = *source, .rx = *rx, .tx = *tx};
	leg->nat->ops.keys(leg->nat->arg, &leg->keys);
}

static void on_timeout(void *arg)
{
	struct nat_leg *leg = arg;

	leg->over = true;
	leg->nat->ops.failed(leg->nat->arg, &leg->conf.id);
}

static const struct dtls_ops dtls_ops = {on_send, on_done, on_timeout};

int nat_new(const struct nat_ops *ops, void *arg, struct nat **ret_nat)
{
	struct nat *nat = calloc(1, sizeof(*nat));
	int rc = nat ? dtls_endpoint_new(&nat->endpoint) : -ENOMEM;

	if (rc < 0) {
		free(nat);
		return rc;
	}
	nat->ops = *ops;
	nat->arg = arg;
	idmap_init(&nat->legs);
	LIST_INIT(&nat->busy);
	*ret_nat = nat;
	return 0;
}

void nat_set_patience(struct nat *nat, uint64_t handshake_ms)
{
	dtls_endpoint_set_patience(nat->endpoint, handshake_ms);
}

static void leg_free(struct nat_leg *leg)
{
	not_busy(leg);
	dtls_assoc_free(leg->assoc);
	secret_wipe(leg, sizeof(*leg));
	free(leg);
}

void nat_free(struct nat *nat)
{
	size_t pos = 0;

	if (!nat)
		return;
	for (struct nat_leg *leg; (leg = idmap_next(&nat->legs, &pos)) != NULL;)
		leg_free(leg);
	idmap_wipe(&nat->legs);
	dtls_endpoint_free(nat->endpoint);
	free(nat);
}

static void leg_drop(struct nat *nat, struct nat_leg *leg)
{
	idmap_del(&nat->legs, key_of(leg->conf.id.session_id, leg->conf.id.leg));
	nat->n_legs--;
	leg_free(leg);
}

static bool conf_ok(const struct ctl_nat *msg)
{
	return msg->id.leg < DP_LEGS && msg->id.association == msg->dtls.association &&
	       msg->dtls.zero == 0 && msg->dtls.zero2 == 0 && fingerprint_valid(&msg->dtls.peer) &&
	       ipaddr_valid(&msg->remote);
}

/* (Re)starts the handshake of a leg. */
static int leg_start(struct nat_leg *leg, const struct ctl_nat *msg, uint64_t now_ms)
{
	struct dtls_conf conf = {.role = (enum ctl_dtls_role)msg->dtls.role,
		.peer = msg->dtls.peer,
		.remote = msg->remote,
		.suites = msg->dtls.suites};
	struct dtls_assoc *assoc;
	int rc;

	dtls_assoc_free(leg->assoc);
	leg->assoc = NULL;
	leg->conf = *msg;
	leg->over = false;
	secret_wipe(&leg->keys, sizeof(leg->keys));
	rc = dtls_assoc_new(leg->nat->endpoint, &conf, &dtls_ops, leg, now_ms, &assoc);
	if (rc < 0)
		return rc;
	leg->assoc = assoc;
	if (!leg->busy)
		LIST_INSERT_HEAD(&leg->nat->busy, leg, busy_link);
	leg->busy = true;
	return 0;
}

int nat_set(struct nat *nat, const struct ctl_nat *msg, uint64_t now_ms)
{
	uint64_t key = key_of(msg->id.session_id, msg->id.leg);
	struct nat_leg *leg = idmap_get(&nat->legs, key);
	int rc;

	if (!conf_ok(msg))
		return -EINVAL;
	if (leg && memcmp(&leg->conf.dtls, &msg->dtls, sizeof(msg->dtls)) == 0 &&
		(ipaddr_equal(&leg->conf.remote, &msg->remote) || leg->keys.rx.suite ||
			msg->dtls.role == CTL_DTLS_SERVER)) {
		/* Who asks for what is done has not heard: it started after limen-sip's calls came. */
		if (leg->keys.rx.suite)
			nat->ops.keys(nat->arg, &leg->keys);
		return 0;
	}
	if (!leg) {
		leg = calloc(1, sizeof(*leg));
		if (!leg)
			return -ENOMEM;
		leg->nat = nat;
		leg->conf.id = msg->id;
		if (idmap_put(&nat->legs, key, leg) < 0) {
			free(leg);
			return -ENOMEM;
		}
		nat->n_legs++;
	}
	rc = leg_start(leg, msg, now_ms);
	if (rc < 0)
		leg_drop(nat, leg);
	return rc;
}

void nat_del(struct nat *nat, const struct ctl_nat_id *id)
{
	struct nat_leg *leg = idmap_get(&nat->legs, key_of(id->session_id, id->leg));

	if (leg)
		leg_drop(nat, leg);
}

void nat_packet(struct nat *nat, const struct dp_nat_packet *packet, uint64_t now_ms)
{
	struct nat_leg *leg = idmap_get(&nat->legs, key_of(packet->session_id, packet->leg));

	/* STUN is not answered yet, and RTCP shares the port of RTP (RFC 5761). */
	if (!leg || packet->rtcp || packet->bytes[0] < 20) {
		dtls_endpoint_counts(nat->endpoint)->stray++;
		return;
	}
	dtls_assoc_input(leg->assoc, &packet->remote, packet->bytes, packet->n, now_ms);
	if (leg->over)
		not_busy(leg);
}

uint64_t nat_timer(struct nat *nat, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;
	struct nat_leg *leg, *after;

	for (leg = LIST_FIRST(&nat->busy); leg; leg = after) {
		uint64_t due_ms = dtls_assoc_deadline(leg->assoc, now_ms);

		after = LIST_NEXT(leg, busy_link);
		/* Also when it is not due: OpenSSL's timer runs on another clock and knows best. */
		dtls_assoc_timer(leg->assoc, now_ms);
		if (leg->over)
			not_busy(leg);
		else if (due_ms < next_ms)
			next_ms = due_ms;
	}
	return next_ms;
}

void nat_replay(struct nat *nat)
{
	size_t pos = 0;

	for (struct nat_leg *leg; (leg = idmap_next(&nat->legs, &pos)) != NULL;)
		if (leg->keys.rx.suite)
			nat->ops.keys(nat->arg, &leg->keys);
}

void nat_info(const struct nat *nat, struct ctl_nat_info *ret_info)
{
	*ret_info = (struct ctl_nat_info){
		.n_associations = nat->n_legs, .counts = *dtls_endpoint_counts(nat->endpoint)};
	dtls_endpoint_fingerprint(nat->endpoint, &ret_info->own);
}
