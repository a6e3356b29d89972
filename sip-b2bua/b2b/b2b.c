/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The B2BUA of a worker: its parts, configuration, and where each request goes first. */
#include "sip-b2bua/b2b/b2b.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/b2b/reason.h"
#include "sip-b2bua/b2b/regcache.h"
#include "sip-b2bua/b2b/relay.h"
#include "sip-b2bua/b2b/stir.h"
#include "sip-b2bua/core/sip_slab.h"
#include "sip-b2bua/registrar/registrar.h"

LOG_TOPIC("b2b");

static const struct view none = {NULL, 0};

int b2b_new(const struct b2b_env *env, struct b2b **ret_b2b)
{
	struct b2b *b = calloc(1, sizeof(*b));
	uint64_t words[2];

	if (!b)
		return -ENOMEM;
	b->env = *env;
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t parts[2] = {env->seed, i};
		static const uint64_t key[2] = {0x6c696d656e2d6964, 0x63616c6c2d696473};

		words[i] = siphash24(key, parts, sizeof(parts));
		b->id_key[i] = words[i];
	}
	STAILQ_INIT(&b->ends);
	twheel_timer_init(&b->ends_timer, control_ends_timer, b);
	b->calls = sip_slab_new(
		sizeof(struct call), B2B_CALLS_MAX, (uint32_t)words[1] & SIP_TOKEN_GEN_MASK);
	b->subscriptions = subscriptions_new((uint32_t)words[0] & SIP_TOKEN_GEN_MASK);
	b->stir = stir_new(b);
	LIST_INIT(&b->relays);
	b->waits = calloc(MEDIA_WAITS, sizeof(*b->waits));
	b->health = health_new(b);
	b->regclient = regclient_new(b);
	b->regcache = regcache_new(b);
	b->numbers = numbers_new();
	b->targets = targets_new(b);
	b->quality = trunk_quality_new();
	b->hooks = hooks_new(&b->env, b->id_key);
	if (!b->quality || !b->hooks || !b->calls || !b->subscriptions || !b->stir || !b->waits ||
		!b->health || !b->numbers || !b->targets || !b->regclient || !b->regcache ||
		registrar_new(env, &b->registrar) < 0) {
		b2b_free(b);
		return -ENOMEM;
	}
	regcache_start(b);
	*ret_b2b = b;
	return 0;
}

void b2b_free(struct b2b *b)
{
	struct call *call;
	uint32_t pos = 0;

	if (!b)
		return;
	while (b->calls && (call = sip_slab_next(b->calls, &pos))) {
		if (call->state != CALL_ENDING)
			atomic_fetch_sub_explicit(&b->env.shared->n_calls, 1, memory_order_relaxed);
		call->state = CALL_ENDING;
		call_ring_clear(call);
		admission_drop(call, LEG_A);
		admission_drop(call, LEG_B);
		call_toll_drop(call);
		for (unsigned int side = 0; side < DP_LEGS; side++) {
			struct leg *leg = &call->leg[side];

			if (leg->bye)
				sip_ctxn_detach(leg->bye);
			if (leg->out)
				sip_ctxn_detach(leg->out);
			leg_dtmf_clear(leg);
			leg->bye = leg->out = NULL;
			leg->bye_wanted = false;
		}
		call_release(call);
	}
	relays_free(b);
	call_moved_free(b);
	subscriptions_free(b);
	stir_free(b->stir);
	twheel_stop(b->env.wheel, &b->ends_timer);
	regclient_free(b->regclient);
	regcache_free(b->regcache);
	health_free(b->health);
	targets_free(b->targets);
	trunk_quality_free(b->quality);
	hooks_free(b->hooks);
	registrar_free(b->registrar);
	control_free(b);
	sip_slab_free(b->calls);
	route_table_free(b->routes_next);
	route_table_free(b->routes);
	rules_free(b->rules_next);
	rules_free(b->rules);
	admission_map_free(&b->admission_next);
	admission_map_free(&b->admission);
	capacity_clear(&b->capacity);
	numbers_free(b->numbers);
	free(b);
}

int b2b_config_prepare(struct b2b *b, const struct cfg *cfg, char error[CFG_ERROR_MAX])
{
	char why[ROUTE_REASON_MAX];
	int rc = route_table_new(cfg, &b->routes_next, why);

	if (rc < 0) {
		snprintf(error, CFG_ERROR_MAX, "%s", why);
		return rc;
	}
	rc = registrar_config_prepare(b->registrar, cfg, error);
	if (rc == 0)
		rc = stir_prepare(b->stir, cfg, error);
	if (rc == 0)
		rc = rules_new(cfg, &b->rules_next, error);
	if (rc == 0) {
		rc = admission_map_new(b, cfg, &b->admission_next);
		if (rc < 0)
			snprintf(error, CFG_ERROR_MAX, "memory is short");
	}
	if (rc < 0)
		b2b_config_abort(b);
	return rc;
}

void b2b_config_apply(struct b2b *b, const struct cfg *cfg)
{
	route_table_free(b->routes);
	b->routes = b->routes_next;
	b->routes_next = NULL;
	rules_free(b->rules);
	b->rules = b->rules_next;
	b->rules_next = NULL;
	admission_map_free(&b->admission);
	b->admission = b->admission_next;
	b->admission_next = (struct admission_map){0};
	b->cfg = cfg;
	admission_map_apply(b, cfg, &b->admission);
	registrar_config_apply(b->registrar, cfg);
	if (regcache_config(b->regcache, cfg) < 0)
		log_err("silent registrars are asked again and again: memory is short");
	stir_apply(b->stir);
	if (targets_config(b->targets, cfg) < 0)
		log_err("trunks have no targets: memory is short");
	if (trunk_quality_config(b->quality, cfg) < 0)
		log_err("the quality of trunks is not looked at: memory is short");
	if (regclient_config(b->regclient, cfg) < 0)
		log_err("trunks are not registered: memory is short");
	hooks_config(b->hooks, cfg); /* calls that wait go on, so all else is there */
}

void b2b_dns_changed(struct b2b *b)
{
	if (!b->cfg)
		return;
	targets_refresh(b->targets);
	sip_txns_look_again(b->env.txns);
}

void b2b_numbers(struct b2b *b, const struct ctl_numbers *msg, int fd)
{
	bool known = msg->kind < NUMBERS_N_KINDS;
	int rc = known ? 0 : -EPROTO;

	if (fd < 0 && known) {
		numbers_del(b->numbers, msg->kind, msg->tag);
		return;
	}
	if (known)
		rc = numbers_set(b->numbers, msg->kind, msg->tag, fd, msg->len);
	if (rc < 0)
		log_err("voice class %s %u cannot be used: %s; what it had stays",
			msg->kind == NUMBERS_TABLE ? "route-table" : "e164-pattern-map", msg->tag,
			strerror(-rc));
	if (fd >= 0)
		close(fd);
}

void b2b_asked(struct b2b *b, uint64_t id, struct view body, const char *reason)
{
	hooks_answered(b->hooks, id, body, reason);
}

void b2b_second(struct b2b *b)
{
	if (b->control_up)
		hooks_tell(b->hooks, false);
}

int b2b_routing(struct b2b *b, uint16_t type, const void *body, size_t len)
{
	return trunk_quality_set(b->quality, body);
}

void b2b_conn_gone(struct b2b *b, uint8_t conn_worker, uint64_t conn)
{
	regclient_conn_gone(b->regclient, conn_worker, conn);
	registrar_conn_gone(b->registrar, conn_worker, conn);
}

void b2b_config_abort(struct b2b *b)
{
	route_table_free(b->routes_next);
	b->routes_next = NULL;
	registrar_config_abort(b->registrar);
	stir_abort(b->stir);
	rules_free(b->rules_next);
	b->rules_next = NULL;
	admission_map_free(&b->admission_next);
}

bool b2b_register_owner(
	struct b2b *b, const struct sip_msg *msg, const struct sip_path *path, uint64_t *ret_number)
{
	return registrar_owner(b->registrar, msg, path, ret_number);
}

enum sip_admit b2b_admit(struct b2b *b, const struct sip_msg *msg, const struct sip_path *path)
{
	const struct sip_listener *listener;
	const struct cfg_realm *realm;

	if (msg->to.tag.n > 0)
		return SIP_ADMIT_YES; /* only who knows a tag of ours gets any further */
	listener = b->env.ops->listener(b->env.ctx, path->listener);
	realm = listener && b->cfg ? cfg_find_realm(b->cfg, listener->realm) : NULL;
	if (!realm)
		return SIP_ADMIT_NO;
	/* Phones come from anywhere; they ask by OPTIONS whether the box is still there. */
	if ((msg->method == SIP_M_REGISTER || msg->method == SIP_M_OPTIONS) &&
		cfg_realm_registrar(b->cfg, realm->name))
		return msg->method == SIP_M_REGISTER &&
				       (regcache_local_full(b, msg, path) ||
					       registrar_challenge(b->registrar, msg, path))
			       ? SIP_ADMIT_ANSWERED
			       : SIP_ADMIT_YES;
	/* An INVITE that is refused gets a record, so it is let in as far as that. */
	return realm->admission == CFG_ADMIT_ANY || msg->method == SIP_M_INVITE ||
			       targets_source(b->targets, realm->name, &path->remote)
		       ? SIP_ADMIT_YES
		       : SIP_ADMIT_NO;
}

/*
 * Realms with "admission users": who is no trunk has to prove that he is a user, unless he calls for help
 * and the realm takes such calls of anybody. ret_pool: the user, NULL: none.
 */
static bool caller_is_known(struct b2b *b, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path, const struct cfg_pool **ret_pool)
{
	const struct sip_listener *listener = b->env.ops->listener(b->env.ctx, path->listener);
	const struct cfg_realm *realm = listener ? cfg_find_realm(b->cfg, listener->realm) : NULL;

	/* Users of a registrar behind the box are known by their registration, see call_cached.c. */
	*ret_pool = NULL;
	return !realm || realm->admission != CFG_ADMIT_USERS || regcache_conf(b, realm->name) ||
	       targets_source(b->targets, realm->name, &path->remote) ||
	       (realm->emergency_unregistered && b2b_urgent(b, msg)) ||
	       registrar_caller(b->registrar, stxn, msg, path, ret_pool);
}

bool b2b_trusted(
	const struct b2b *b, const char *realm, const struct ipaddr *net, uint8_t prefix_len)
{
	const struct cfg_realm *here = b->cfg ? cfg_find_realm(b->cfg, realm) : NULL;
	const struct cfg_realm *network = here ? cfg_realm_network(b->cfg, here) : NULL;

	for (uint32_t i = 0; network && i < b->cfg->n_realms; i++) {
		const struct cfg_realm *other = &b->cfg->realms[i];
		if (cfg_realm_network(b->cfg, other) == network &&
			targets_within(b->targets, other->name, net, prefix_len))
			return true;
	}
	return false;
}

bool b2b_urgent(struct b2b *b, const struct sip_msg *msg)
{
	char called[CTL_NUMBER_MAX];

	return b->cfg && b->cfg->n_emergency_numbers > 0 &&
	       policy_user_text(&msg->uri, called, sizeof(called)) == 0 &&
	       admission_is_emergency(b->cfg, called);
}

void b2b_request(struct b2b *b, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path)
{
	enum sip_method method = (enum sip_method)msg->method;
	unsigned int status = policy_method_status(method);
	struct view headers = none;
	struct sip_buf buf;
	char text[512];
	bool notifier;

	sip_buf_init(&buf, text, sizeof(text));
	if (!b->cfg) {
		status = 503;
	} else if (msg->to.tag.n > 0) {
		struct subscription *sub = subscription_of(b, msg->to.tag, &notifier);

		if (sub)
			subscription_request(sub, notifier, stxn, msg, path);
		else
			call_inside(b, stxn, msg, path);
		return;
	} else if (method == SIP_M_INVITE) {
		const struct cfg_pool *pool;

		if (caller_is_known(b, stxn, msg, path, &pool))
			call_setup(b, stxn, msg, path, pool);
		return;
	} else if (method == SIP_M_REGISTER && registrar_of_path(b->registrar, path)) {
		const struct cfg_registrar *conf = registrar_of_path(b->registrar, path);

		if (conf->core[0])
			regcache_request(b, conf, stxn, msg, path);
		else if (!regcache_local_refuses(b, conf, stxn, msg, path))
			registrar_request(b->registrar, stxn, msg, path);
		return;
	} else if (relay_request(b, stxn, msg, path)) {
		return;
	} else if (status != 0) {
		headers = VIEW("Allow: " POLICY_ALLOW "\r\n");
	} else if (method != SIP_M_OPTIONS) {
		status = 481; /* BYE without a tag, CANCEL of nothing */
	} else if (msg->uri.scheme == SIP_SCHEME_OTHER) {
		status = 416;
	} else if (msg->max_forwards == 0) {
		status = 483;
	} else if (policy_unsupported(msg, POLICY_100REL, &buf)) {
		status = 420;
		headers = sip_buf_view(&buf);
	} else {
		status = 200;
		headers = VIEW("Allow: " POLICY_ALLOW
			       "\r\nAccept: application/sdp\r\n"
			       "Server: " POLICY_PRODUCT "\r\n");
	}
	if (sip_stxn_reject(stxn, status, none, headers, none) < 0)
		log_debug("%u not sent", status);
}

void b2b_fetched(
	struct b2b *b, uint64_t id, struct view body, uint32_t max_age_s, const char *reason)
{
	stir_fetched(b->stir, id, body, max_age_s, reason);
}

void b2b_call_restore(
	struct b2b *b, const struct ctl_call *rec, const void *checkpoint, size_t checkpoint_len)
{
	struct ckpt_in in = {checkpoint, checkpoint_len, false};
	struct call *call;
	bool plays;
	int rc = b->cfg ? call_checkpoint_read(b, rec, &in, &call) : -EAGAIN;

	if (rc < 0) {
		call_restore_failed(b, rec,
			reason_say(b, "limen-sip could not restore the call: %s", strerror(-rc)));
		return;
	}
	call_restored(call);
	log_info("call %016" PRIx64 ": is back", rec->id);
	/* The end of its prompt may have come meanwhile: the reply tells how long it is. */
	plays = call->media.play[LEG_A].kind != CTL_PLAY_NONE ||
		call->media.play[LEG_B].kind != CTL_PLAY_NONE;
	for (unsigned int i = 0; plays && i < call->media.n_lines; i++) {
		if (call->media.line[i]->state == MEDIA_OPEN)
			control_media_set(call, i);
	}
	if (call->leg[LEG_A].bye_done || call->leg[LEG_B].bye_done)
		call_end(call, &(struct call_why){.by = call->leg[LEG_A].bye_done ? CTL_BY_CALLER
										  : CTL_BY_CALLED,
				       .status = 200,
				       .q850 = 41,
				       .reason = "a party hung up while a transfer was under way, "
						 "which ended with limen-sip"});
}

int b2b_registration(struct b2b *b, uint16_t type, const void *body, size_t len)
{
	const struct ctl_reg_clear *clear = body;

	switch (type) {
	case CTL_REG_ACK:
		registrar_ack(b->registrar, body);
		return 0;
	case CTL_REG_RESTORE:
		registrar_restore(b->registrar, body, len);
		return 0;
	default:
		if (!ipc_str_ok(clear->realm, sizeof(clear->realm)) ||
			!ipc_str_ok(clear->user, sizeof(clear->user)))
			return -EPROTO;
		registrar_clear(b->registrar, clear);
		return 0;
	}
}

uint32_t b2b_n_bindings(const struct b2b *b)
{
	return registrar_n_contacts(b->registrar);
}

struct sip_txns *b2b_txns(const struct b2b *b)
{
	return b->env.txns;
}

uint32_t b2b_n_calls(const struct b2b *b)
{
	return b->n_calls;
}

uint32_t b2b_n_slots(const struct b2b *b)
{
	return sip_slab_n_used(b->calls);
}

uint32_t b2b_n_dialogs(const struct b2b *b)
{
	return b->n_dialogs;
}

uint32_t b2b_n_relays(const struct b2b *b)
{
	return b->n_relays;
}

uint32_t b2b_n_unacked_ends(const struct b2b *b)
{
	return b->n_ends;
}

int b2b_moved_to(struct b2b *b, const struct sip_token *token)
{
	return call_moved_to(b, token);
}
