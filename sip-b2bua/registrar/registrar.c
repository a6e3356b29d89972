/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See registrar.h. */
#include "sip-b2bua/registrar/registrar_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/registrar/cache.h"
#include "sip-b2bua/b2b/policy.h"

LOG_TOPIC("registrar");

static const struct view none = {NULL, 0};
static const char a_register[] = "a REGISTER";

/* What a network may delay a keep-alive (RFC 5626 4.4: the server waits longer than it says). */
#define FLOW_GRACE_MS(timer_s) (1000u + (timer_s)*100u)

/* ---- making ---- */

static void on_put(void *ctx, struct reg_contact *contact)
{
	struct registrar *r = ctx;

	if (!r->restoring)
		reg_sync_put(r->sync, contact);
}

static void on_gone(void *ctx, struct reg_contact *contact, enum reg_gone why)
{
	struct registrar *r = ctx;

	r->env.stats->reg_expired += why == REG_EXPIRED;
	r->env.stats->flows_lost += why == REG_FLOW_LOST;
	reg_sync_gone(r->sync, contact);
	if (r->gone && contact->flags & REG_CACHED && why != REG_REPLACED)
		r->gone(r->gone_arg, contact);
}

void registrar_set_gone(struct registrar *r, registrar_gone_fn gone, void *arg)
{
	r->gone = gone;
	r->gone_arg = arg;
}

struct reg_store *registrar_store(struct registrar *r)
{
	return r->store;
}

static int sync_send(
	void *ctx, uint16_t type, const void *part1, size_t len1, const void *part2, size_t len2)
{
	struct registrar *r = ctx;

	return r->env.ops->control_send(r->env.ctx, type, 0, part1, len1, part2, len2);
}

static uint64_t sync_wall_ms(void *ctx)
{
	struct registrar *r = ctx;

	return r->env.ops->wall_ms(r->env.ctx);
}

int registrar_new(const struct b2b_env *env, struct registrar **ret_registrar)
{
	static const struct reg_store_ops store_ops = {.put = on_put, .gone = on_gone};
	static const struct reg_sync_ops sync_ops = {.send = sync_send, .wall_ms = sync_wall_ms};
	static const uint64_t key[2] = {0x6c696d656e2d7265, 0x6769737472617273};
	struct registrar *r = calloc(1, sizeof(*r));
	uint64_t parts[2] = {env->seed, env->worker};

	if (!r)
		return -ENOMEM;
	r->env = *env;
	/* Not the seed itself: call ids are made of that. */
	parts[0] = siphash24(key, parts, sizeof(parts));
	r->digest = digest_server_new(parts[0]);
	r->sync = reg_sync_new(&sync_ops, r);
	r->store = reg_store_new(env->wheel, siphash24(key, parts, sizeof(parts)),
		REGISTRAR_CONTACTS_MAX, &store_ops, r);
	r->gruu = reg_gruu_new(env->key, (uint32_t)siphash24(key, &env->seed, sizeof(env->seed)));
	if (!r->digest || !r->sync || !r->store || !r->gruu) {
		registrar_free(r);
		return -ENOMEM;
	}
	reg_sync_set_store(r->sync, r->store);
	*ret_registrar = r;
	return 0;
}

void registrar_free(struct registrar *r)
{
	if (!r)
		return;
	reg_sync_free(r->sync);
	reg_store_free(r->store);
	digest_server_free(r->digest);
	reg_gruu_free(r->gruu);
	reg_users_free(r->users_next);
	reg_users_free(r->users);
	free(r);
}

int registrar_config_prepare(struct registrar *r, const struct cfg *cfg, char error[CFG_ERROR_MAX])
{
	r->users_next = reg_users_new(cfg, r->env.key->mac);
	if (r->users_next)
		return 0;
	snprintf(error, CFG_ERROR_MAX, "memory is short for the users");
	return -ENOMEM;
}

void registrar_config_abort(struct registrar *r)
{
	reg_users_free(r->users_next);
	r->users_next = NULL;
}

const struct cfg_pool *registrar_pool_of(const struct registrar *r, const struct reg_aor *aor)
{
	struct view realm = reg_aor_realm(aor);
	char name[REG_REALM_MAX];
	const struct cfg_registrar *conf;

	if (!r->cfg || view_copy(realm, name, sizeof(name)) < 0)
		return NULL;
	conf = cfg_realm_registrar(r->cfg, name);
	return conf ? reg_users_name(r->users, conf->name, reg_aor_user(aor)) : NULL;
}

/* The user was taken out of the configuration, or shut down; or the registrar is another's. */
static bool is_over(void *arg, const struct reg_contact *contact)
{
	const struct registrar *r = arg;
	struct view realm = reg_aor_realm(contact->aor);
	const struct cfg_registrar *conf;
	char name[REG_REALM_MAX];

	if (!(contact->flags & REG_CACHED))
		return !registrar_pool_of(r, contact->aor);
	conf = r->cfg && view_copy(realm, name, sizeof(name)) == 0
		       ? cfg_realm_registrar(r->cfg, name)
		       : NULL;
	return !conf || !conf->core[0];
}

void registrar_config_apply(struct registrar *r, const struct cfg *cfg)
{
	reg_users_free(r->users);
	r->users = r->users_next;
	r->users_next = NULL;
	r->cfg = cfg;
	reg_store_sweep(r->store, is_over, r);
}

/* ---- who is it ---- */

const struct cfg_registrar *registrar_of_path(
	const struct registrar *r, const struct sip_path *path)
{
	const struct sip_listener *listener = r->env.ops->listener(r->env.ctx, path->listener);

	return listener && r->cfg ? cfg_realm_registrar(r->cfg, listener->realm) : NULL;
}

uint64_t registrar_hash(const struct registrar *r, const char *realm, struct view user)
{
	return reg_owner_hash(r->env.key->mac, view_of(realm), user);
}

bool registrar_owner(struct registrar *r, const struct sip_msg *msg, const struct sip_path *path,
	uint64_t *ret_number)
{
	const struct cfg_registrar *conf = registrar_of_path(r, path);
	const struct cfg_pool *pool;
	char user[REG_USER_MAX];

	if (conf && conf->core[0]) {
		if (reg_cache_user(&msg->to.uri, conf->domain, user) < 0)
			return false;
		*ret_number = reg_cache_hash(r->env.key,
			reg_cache_number(r->env.key, view_of(conf->realm), view_of(user)));
		return true;
	}
	if (!conf || policy_user_text(&msg->to.uri, user, sizeof(user)) < 0)
		return false;
	pool = reg_users_either(r->users, conf->name, view_of(user));
	/* Somebody who is not there may be refused by any worker, but always by the same one. */
	*ret_number = registrar_hash(
		r, conf->realm, pool ? view_of(pool->username) : view_of(user));
	return true;
}

const char *registrar_domain(const struct cfg_registrar *conf)
{
	return conf->domain[0] ? conf->domain : conf->name;
}

static unsigned int hashes_of(const struct cfg_registrar *conf)
{
	switch (conf->digest) {
	case CFG_DIGEST_MD5:
		return 1u << DIGEST_MD5;
	case CFG_DIGEST_SHA:
		return 1u << DIGEST_SHA512_256 | 1u << DIGEST_SHA256;
	default:
		return DIGEST_HASHES_ALL;
	}
}

void registrar_put_challenge(
	struct registrar *r, const struct cfg_registrar *conf, bool stale, struct sip_buf *b)
{
	digest_server_challenge(r->digest, b, false, registrar_domain(conf), hashes_of(conf), stale,
		twheel_now(r->env.wheel));
}

static bool is_registered_from(
	const struct registrar *r, const struct reg_aor *aor, const struct ipaddr *source)
{
	for (const struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next) {
		if (ipaddr_same_ip(&c->path.remote, source))
			return true;
	}
	return false;
}

struct registrar_proof registrar_prove(struct registrar *r, const struct cfg_registrar *conf,
	const struct sip_msg *msg, const struct sip_path *path)
{
	struct registrar_proof proof = {.status = 401, .reason = "it has no credentials"};
	struct ctl_sip_stats *stats = r->env.stats;
	struct digest_credentials c;
	struct digest_try attempt = {.method = msg->method_text,
		.hashes = hashes_of(conf),
		.realm = registrar_domain(conf),
		.source = &path->remote,
		.now_ms = twheel_now(r->env.wheel)};
	const struct cfg_pool *pool = NULL;
	const struct reg_aor *aor = NULL;
	char name[REG_USER_MAX];
	int rc = digest_credentials_find(msg, false, attempt.realm, &c);

	if (rc == -EINVAL) {
		proof.status = 400;
		proof.reason = "its Authorization cannot be read";
		return proof;
	}
	if (rc < 0) {
		stats->auth_challenged++;
		return proof;
	}
	if (digest_credentials_username(&c, name, sizeof(name)) == 0)
		pool = reg_users_name(r->users, conf->name, view_of(name));
	if (pool) {
		attempt.username = pool->username;
		attempt.password = pool->password;
		proof.owner = registrar_hash(r, conf->realm, view_of(pool->username));
		aor = reg_aor_find(
			r->store, proof.owner, view_of(conf->realm), view_of(pool->username));
		attempt.known_source = is_registered_from(r, aor, &path->remote);
	}
	enum digest_verdict verdict = digest_server_verify(r->digest, &c, &attempt);
	if (r->env.ops->proof && verdict != DIGEST_STALE)
		r->env.ops->proof(r->env.ctx, path, verdict == DIGEST_OK);
	switch (verdict) {
	case DIGEST_OK:
		proof.pool = pool;
		proof.hash = c.hash;
		proof.status = 200;
		proof.reason = NULL;
		break;
	case DIGEST_STALE:
		stats->auth_stale++;
		proof.stale = true;
		proof.reason = "its nonce is old or was used before";
		break;
	case DIGEST_WRONG:
		stats->auth_wrong++;
		proof.reason = "its user name or password is wrong";
		break;
	case DIGEST_WEAK:
		stats->auth_wrong++;
		proof.reason = "it proves itself by a hash that was not offered";
		break;
	case DIGEST_LIMITED:
		stats->auth_limited++;
		proof.status = 403;
		proof.reason = "too many wrong passwords came from there, or for this user";
		break;
	}
	return proof;
}

/* ---- REGISTER ---- */

/* Whether a name or number is that of a user whom registrar_prove() found. */
static bool is_user(const struct registrar *r, const struct cfg_registrar *conf, struct view text,
	const struct cfg_pool *pool)
{
	return view_eq(text, view_of(pool->username)) ||
	       reg_users_either(r->users, conf->name, text) == pool;
}

/* What we know of what may be required; else "Unsupported: ..." with CRLF is in b. */
static bool requires_other(const struct sip_msg *msg, struct sip_buf *b)
{
	static const struct view known[] = {{"path", 4}, {"outbound", 8}, {"gruu", 4}};
	struct sip_values it;
	struct view value;
	unsigned int n = 0;

	sip_values_start(&it, msg, SIP_H_REQUIRE);
	while (sip_values_next(&it, &value)) {
		bool is_known = false;

		for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			is_known = is_known || view_eq_nocase(value, known[i]);
		if (is_known)
			continue;
		if (n++ == 0)
			sip_put_hdr_start(b, SIP_H_UNSUPPORTED);
		else
			sip_put_lit(b, ", ");
		sip_put_unfolded(b, value);
	}
	if (n > 0)
		sip_put_crlf(b);
	return n > 0;
}

static void refuse(struct sip_stxn *stxn, const char *what, unsigned int status,
	struct sip_buf *headers, const char *reason)
{
	char from[IPADDR_TEXT_MAX];

	if (status != 401)
		log_info("%s from %s is answered with %u: %s", what,
			ipaddr_print_port(sip_stxn_source(stxn), from), status, reason);
	if (headers->overflow ||
		sip_stxn_reject(stxn, status, none, sip_buf_view(headers), none) < 0)
		log_debug("%u not sent", status);
}

bool registrar_caller(struct registrar *r, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path, const struct cfg_pool **ret_pool)
{
	const struct cfg_registrar *conf = registrar_of_path(r, path);
	struct registrar_proof proof = {.status = 403, .reason = "its realm has no registrar"};
	char text[1024], user[REG_USER_MAX];
	struct sip_buf headers;

	sip_buf_init(&headers, text, sizeof(text));
	if (conf)
		proof = registrar_prove(r, conf, msg, path);
	if (proof.status == 401)
		registrar_put_challenge(r, conf, proof.stale, &headers);
	if (proof.status == 200 && (policy_user_text(&msg->from.uri, user, sizeof(user)) < 0 ||
					   !is_user(r, conf, view_of(user), proof.pool))) {
		proof.status = 403;
		proof.reason = "its From is not the user who proved himself";
	}
	if (proof.status == 200) {
		*ret_pool = proof.pool;
		return true;
	}
	refuse(stxn, "an INVITE", proof.status, &headers, proof.reason);
	return false;
}

bool registrar_knows(struct registrar *r, const struct sip_msg *msg, const struct sip_path *path)
{
	const struct cfg_registrar *conf = registrar_of_path(r, path);
	const struct cfg_pool *pool = NULL;
	const struct reg_aor *aor;
	struct sip_addr contact;
	char user[REG_USER_MAX];

	if (conf && policy_user_text(&msg->to.uri, user, sizeof(user)) == 0)
		pool = reg_users_either(r->users, conf->name, view_of(user));
	if (!pool)
		return false;
	aor = reg_aor_find(r->store, registrar_hash(r, conf->realm, view_of(pool->username)),
		view_of(conf->realm), view_of(pool->username));
	if (is_registered_from(r, aor, &path->remote))
		return true;
	if (sip_msg_contact(msg, &contact) < 0)
		return false;
	for (const struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next) {
		if (view_eq(reg_contact_text(c, REG_URI), contact.uri.text))
			return true;
	}
	return false;
}

static void put_date(struct registrar *r, struct sip_buf *b)
{
	time_t now = (time_t)(r->env.ops->wall_ms(r->env.ctx) / 1000);
	struct tm tm;

	/* English whatever the locale: limen-sip sets none. */
	if (r->n_date == 0 || now != r->date_s)
		r->n_date = strftime(
			r->date, sizeof(r->date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	r->date_s = now;
	sip_put_hdr(b, SIP_H_DATE, (struct view){r->date, r->n_date});
}

static void put_service_route(struct sip_buf *b, const struct sip_path *path)
{
	sip_put_lit(b, "Service-Route: <sip:");
	sip_put_host(b, &path->local, true);
	if (path->transport != SIP_UDP) {
		sip_put_lit(b, ";transport=");
		sip_put(b, sip_transport_text(path->transport));
	}
	sip_put_lit(b, ";lr>\r\n");
}

/* RFC 5626 6: flows are kept, and for how long without a sign of life (4.4). */
static void put_outbound(struct registrar *r, const struct cfg_registrar *conf,
	const struct sip_path *path, struct sip_buf *b)
{
	sip_put_hdr(b, SIP_H_REQUIRE, VIEW("outbound"));
	if (conf->flow_timer_s == 0)
		return;
	sip_put_lit(b, "Flow-Timer: ");
	sip_put_u64(b, conf->flow_timer_s);
	sip_put_crlf(b);
	if (path->transport == SIP_TCP || path->transport == SIP_TLS)
		r->env.ops->flow_timer(r->env.ctx, path,
			conf->flow_timer_s * 1000u + FLOW_GRACE_MS(conf->flow_timer_s));
}

void registrar_accept_start(
	struct registrar *r, struct sip_stxn *stxn, const struct sip_msg *msg, struct sip_buf *b)
{
	char tag[SIP_TOKEN_LEN];
	struct sip_token token = {.kind = SIP_TOKEN_STATELESS,
		.worker = r->env.worker,
		.index = r->n_tags++ & SIP_TOKEN_INDEX_MAX,
		.generation = (uint32_t)(r->n_tags >> 24) & SIP_TOKEN_GEN_MASK};

	sip_buf_init(b, r->text, sizeof(r->text));
	sip_build_response(
		b, msg, sip_stxn_source(stxn), 200, none, sip_token_print(r->env.key, &token, tag));
}

void registrar_accept_end(struct registrar *r, struct sip_stxn *stxn,
	const struct cfg_registrar *conf, struct sip_buf *b)
{
	if (conf->service_route)
		put_service_route(b, sip_stxn_path(stxn));
	put_date(r, b);
	sip_put_hdr(b, SIP_H_SERVER, VIEW(POLICY_PRODUCT));
	if (sip_build_end(b, none, none) < 0 || sip_stxn_respond(stxn, sip_buf_view(b)) < 0)
		log_debug("200 to a REGISTER not sent");
}

static void accept_register(struct registrar *r, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct cfg_registrar *conf, const struct reg_answer *answer)
{
	struct sip_buf b;

	registrar_accept_start(r, stxn, msg, &b);
	reg_put_contacts(r->store, answer->aor, view_of(registrar_domain(conf)), r->gruu, &b);
	if (sip_msg_has_token(msg, SIP_H_SUPPORTED, VIEW("path")))
		sip_put_copies(&b, msg, SIP_H_PATH);
	if (answer->by_outbound)
		put_outbound(r, conf, sip_stxn_path(stxn), &b);
	sip_put_hdr(&b, SIP_H_SUPPORTED, VIEW("path, outbound, gruu"));
	registrar_accept_end(r, stxn, conf, &b);
}

bool registrar_challenge(
	struct registrar *r, const struct sip_msg *msg, const struct sip_path *path)
{
	const struct cfg_registrar *conf = registrar_of_path(r, path);
	char text[1024];
	struct sip_buf b;

	if (!conf || conf->core[0] || sip_msg_hdr(msg, SIP_H_AUTHORIZATION))
		return false;
	r->env.stats->registers++;
	r->env.stats->auth_challenged++;
	sip_buf_init(&b, text, sizeof(text));
	registrar_put_challenge(r, conf, false, &b);
	if (b.overflow ||
		sip_txns_reply_stateless(r->env.txns, msg, path, 401, none, sip_buf_view(&b)) < 0)
		log_debug("401 not sent");
	return true;
}

void registrar_request(struct registrar *r, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path)
{
	const struct cfg_registrar *conf = registrar_of_path(r, path);
	struct registrar_proof proof;
	struct reg_answer answer;
	struct reg_limits limits;
	struct sip_buf headers;
	char text[1024], user[REG_USER_MAX];

	r->env.stats->registers++;
	sip_buf_init(&headers, text, sizeof(text));
	if (!conf) {
		refuse(stxn, a_register, 403, &headers, "its realm has no registrar");
		return;
	}
	if (requires_other(msg, &headers)) {
		refuse(stxn, a_register, 420, &headers,
			"an extension is required that the box does not have");
		return;
	}
	proof = registrar_prove(r, conf, msg, path);
	if (proof.status != 200) {
		if (proof.status == 401)
			registrar_put_challenge(r, conf, proof.stale, &headers);
		refuse(stxn, a_register, proof.status, &headers, proof.reason);
		return;
	}
	/* RFC 3261 10.3 step 4: a user registers nobody else. */
	if (policy_user_text(&msg->to.uri, user, sizeof(user)) < 0 ||
		!is_user(r, conf, view_of(user), proof.pool)) {
		r->env.stats->reg_refused++;
		refuse(stxn, a_register, 403, &headers,
			"its To is not the user who proved himself");
		return;
	}
	limits = (struct reg_limits){.min_s = conf->expires_min_s,
		.max_s = conf->expires_max_s,
		.nat_s = conf->expires_nat_s,
		.max_contacts = conf->max_contacts};
	reg_register(r->store,
		&(struct reg_request){.msg = msg,
			.path = path,
			.realm = view_of(conf->realm),
			.user = view_of(proof.pool->username),
			.hash = proof.owner,
			.wall_ms = r->env.ops->wall_ms(r->env.ctx),
			.digest_hash = proof.hash,
			.limits = &limits},
		&answer);
	if (answer.status == 200) {
		r->env.stats->reg_accepted++;
		accept_register(r, stxn, msg, conf, &answer);
		return;
	}
	r->env.stats->reg_refused++;
	if (answer.status == 423)
		sip_put_hdr_u64(&headers, SIP_H_MIN_EXPIRES, answer.min_expires);
	if (answer.status == 503)
		sip_put_hdr_u64(&headers, SIP_H_RETRY_AFTER, B2B_RETRY_AFTER_S);
	refuse(stxn, a_register, answer.status, &headers, answer.reason);
}

/* ---- limen-control ---- */

void registrar_control_down(struct registrar *r)
{
	reg_sync_down(r->sync);
}

void registrar_ack(struct registrar *r, const struct ctl_reg_ack *ack)
{
	reg_sync_ack(r->sync, ack);
}

static bool is_known(const struct registrar *r, const struct reg_new *n)
{
	const struct reg_aor *aor = reg_aor_find(r->store, n->hash, n->realm, n->user);

	for (const struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next) {
		if (c->id == n->id)
			return true;
	}
	return false;
}

/* The same contact has come by a REGISTER since the start, as a new one. */
static bool is_there(const struct registrar *r, const struct reg_new *n)
{
	const struct reg_aor *aor = reg_aor_find(r->store, n->hash, n->realm, n->user);

	for (const struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next) {
		if (view_eq(reg_contact_text(c, REG_URI), n->text[REG_URI]) ||
			(n->flags & c->flags & REG_OUTBOUND && c->reg_id == n->reg_id &&
				view_eq(reg_contact_text(c, REG_INSTANCE), n->text[REG_INSTANCE])))
			return true;
	}
	return false;
}

void registrar_restore(struct registrar *r, const void *state, size_t len)
{
	struct ckpt_in in = {state, len, false};
	const struct sip_listener *listener;
	struct reg_contact *made;
	struct reg_new n;
	char realm[REG_REALM_MAX];
	int rc = reg_contact_read(&in, r->env.ops->wall_ms(r->env.ctx), &n);

	if (rc < 0) {
		if (rc != -ETIMEDOUT)
			log_warning("a binding cannot be restored: %s", strerror(-rc));
		return;
	}
	/* The token key is another one when STATE was lost: then users live elsewhere now. */
	n.hash = n.flags & REG_CACHED
			 ? reg_cache_hash(r->env.key, reg_cache_number(r->env.key, n.realm, n.user))
			 : reg_owner_hash(r->env.key->mac, n.realm, n.user);
	if (is_known(r, &n))
		return; /* it came from here a moment ago */
	if (is_there(r, &n) || view_copy(n.realm, realm, sizeof(realm)) < 0) {
		reg_sync_forget(r->sync, n.id, n.hash);
		return;
	}
	listener = r->env.ops->find(r->env.ctx, realm, n.path.transport, n.path.remote.family);
	if (listener)
		n.path.listener = listener->id;
	r->restoring = true;
	rc = reg_contact_set(r->store, NULL, &n, &made);
	r->restoring = false;
	if (rc < 0)
		log_warning("a binding of %.*s cannot be restored: %s", VIEW_ARG(n.user),
			strerror(-rc));
	else if (is_over(r, made))
		reg_contact_remove(r->store, made, REG_REMOVED);
}

static bool is_cached(void *arg, const struct reg_contact *contact)
{
	return contact->flags & REG_CACHED;
}

static unsigned int clear_aor(struct registrar *r, struct reg_aor *aor)
{
	unsigned int n = aor ? aor->n_contacts : 0;

	for (unsigned int i = 0; i < n; i++)
		reg_contact_remove(r->store, aor->contacts, REG_REMOVED);
	return n;
}

void registrar_clear(struct registrar *r, const struct ctl_reg_clear *clear)
{
	struct view user = view_of(clear->user), realm = view_of(clear->realm);
	unsigned int n;

	if (user.n == 0) {
		reg_store_sweep(r->store, is_cached, NULL);
		log_notice("the registration cache was cleared by an operator");
		return;
	}
	n = clear_aor(
		r, reg_aor_find(r->store, registrar_hash(r, clear->realm, user), realm, user));
	n += clear_aor(
		r, reg_aor_find(r->store,
			   reg_cache_hash(r->env.key, reg_cache_number(r->env.key, realm, user)),
			   realm, user));
	if (n > 0)
		log_notice("user %s of realm %s: %u registrations were removed by an operator",
			clear->user, clear->realm, n);
}

uint32_t registrar_n_contacts(const struct registrar *r)
{
	return reg_store_n_contacts(r->store);
}
