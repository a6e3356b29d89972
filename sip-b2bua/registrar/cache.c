/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See cache.h. */
#include "sip-b2bua/registrar/cache.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "controlplane/base/siphash.h"
#include "sip-b2bua/auth/digest_server.h"
#include "sip-b2bua/b2b/policy.h"

#define LEFT_MIN_S 5 /* a shorter time than this is not granted out of the cache */

/* ---- extra octets ---- */

/* The first octets anew; the texts stay. */
static struct view extra_with(
	const struct reg_contact *c, const struct reg_core *core, char buf[REG_EXTRA_MAX])
{
	struct view extra = reg_contact_extra(c);

	memcpy(buf, extra.p, extra.n);
	memcpy(buf, core, sizeof(*core));
	return (struct view){buf, extra.n};
}

/* ---- names ---- */

int reg_cache_user(const struct sip_uri *uri, const char *domain, char dst[REG_USER_MAX])
{
	char user[REG_USER_MAX];
	int rc = policy_user_text(uri, user, sizeof(user)), n;

	if (rc < 0)
		return rc;
	if (domain[0])
		n = snprintf(dst, REG_USER_MAX, "%s@%s", user, domain);
	else
		n = snprintf(dst, REG_USER_MAX, "%s@%.*s", user, VIEW_ARG(uri->host));
	if (n >= REG_USER_MAX)
		return -ENAMETOOLONG;
	for (char *p = dst + strlen(user); *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}

uint32_t reg_cache_number(const struct sip_token_key *key, struct view realm, struct view user)
{
	return (uint32_t)reg_owner_hash(key->mac, realm, user);
}

uint64_t reg_cache_hash(const struct sip_token_key *key, uint32_t user_number)
{
	uint64_t parts[2] = {user_number, 0x6361636865};

	return siphash24(key->mac, parts, sizeof(parts)) >> 1;
}

struct view reg_cache_token(const struct sip_token_key *key, uint32_t user_number,
	uint32_t contact_number, char buf[SIP_TOKEN_LEN])
{
	struct sip_token token = {.kind = SIP_TOKEN_BINDING,
		.worker = (uint8_t)(user_number >> 24),
		.index = user_number & SIP_TOKEN_INDEX_MAX,
		.generation = contact_number};

	return sip_token_print(key, &token, buf);
}

int reg_cache_token_read(const struct sip_token_key *key, struct view text,
	uint32_t *ret_user_number, uint32_t *ret_contact_number)
{
	struct sip_token token;

	if (text.n != SIP_TOKEN_LEN || sip_token_parse(key, text, &token) < 0 ||
		token.kind != SIP_TOKEN_BINDING)
		return -EINVAL;
	*ret_user_number = (uint32_t)token.worker << 24 | token.index;
	*ret_contact_number = token.generation;
	return 0;
}

static bool is_numbered(void *arg, const struct reg_contact *c)
{
	return c->flags & REG_CACHED && reg_core_of(c).number == *(const uint32_t *)arg;
}

struct reg_contact *reg_cache_find(
	const struct reg_store *store, uint64_t hash, uint32_t contact_number)
{
	return reg_contact_match(store, hash, is_numbered, &contact_number);
}

/* ---- reading ---- */

static bool refuse(struct reg_cache_refusal *ret, unsigned int status, uint32_t min_expires,
	const char *reason)
{
	*ret = (struct reg_cache_refusal){(uint16_t)status, min_expires, reason};
	return false;
}

/* What makes a contact one and the same: its flow by RFC 5626, else its URI. */
static uint32_t number_of(const struct reg_cache_request *r, const struct reg_cache_contact *c)
{
	struct view v = c->flags & REG_OUTBOUND ? c->instance : c->addr.uri.text;
	uint64_t parts[4] = {r->number, siphash24(r->key->mac, v.p, v.n), c->reg_id,
		siphash24(r->key->mac, r->user.p, r->user.n)};

	return (uint32_t)siphash24(r->key->mac, parts, sizeof(parts)) & SIP_TOKEN_GEN_MASK;
}

static bool is_same_contact(const struct reg_contact *old, const struct reg_cache_contact *c)
{
	struct sip_uri uri;

	if ((old->flags & REG_OUTBOUND) != (c->flags & REG_OUTBOUND))
		return false;
	if (c->flags & REG_OUTBOUND)
		return old->reg_id == c->reg_id &&
		       view_eq(reg_contact_text(old, REG_INSTANCE), c->instance);
	return view_eq(reg_contact_text(old, REG_URI), c->addr.uri.text) ||
	       (sip_uri_parse(reg_contact_text(old, REG_URI), &uri) == 0 &&
		       sip_uri_equal(&uri, &c->addr.uri));
}

static void find_olds(const struct reg_store *store, struct reg_cache_request *r)
{
	const struct reg_aor *aor = reg_aor_find(store, r->hash, r->realm, r->user);

	for (uint32_t i = 0; i < r->n; i++) {
		struct reg_cache_contact *c = &r->list[i];

		c->old = NULL;
		for (struct reg_contact *old = aor ? aor->contacts : NULL; old && !c->old;
			old = old->next) {
			if (old->flags & REG_CACHED && is_same_contact(old, c))
				c->old = old;
		}
		/* Its name in the core is the one that it got there. */
		c->number = c->old ? reg_core_of(c->old).number : number_of(r, c);
	}
}

static bool is_sip(const struct sip_uri *uri)
{
	return uri->scheme == SIP_SCHEME_SIP || uri->scheme == SIP_SCHEME_SIPS;
}

static bool parse_one(struct reg_cache_request *r, struct view value, uint32_t header_s,
	struct reg_cache_refusal *ret)
{
	struct reg_cache_contact *c = &r->list[r->n];
	uint64_t number;
	struct view v;

	*c = (struct reg_cache_contact){.q = REG_Q_ONE, .asked_s = header_s, .flags = REG_CACHED};
	if (sip_addr_parse(value, &c->addr) < 0 || c->addr.star || !is_sip(&c->addr.uri))
		return refuse(ret, 400, 0, "a Contact of the REGISTER is no SIP URI");
	if (c->addr.uri.text.n > REG_TEXT_MAX)
		return refuse(ret, 400, 0, "a Contact of the REGISTER is too long");
	if (sip_params_get(c->addr.params, VIEW("expires"), &v))
		c->asked_s = reg_seconds(v);
	if (sip_params_get(c->addr.params, VIEW("q"), &v))
		c->q = reg_q(v);
	if (sip_params_get(c->addr.params, VIEW("+sip.instance"), &v) && v.n <= REG_TEXT_MAX)
		c->instance = v;
	if (c->instance.n > 0 && sip_params_get(c->addr.params, VIEW("reg-id"), &v) &&
		view_to_u64(v, INT32_MAX, &number) == 0 && number > 0) {
		c->reg_id = (uint32_t)number;
		c->flags |= REG_OUTBOUND;
	}
	if (reg_is_behind_nat(r->msg, &c->addr.uri, r->path))
		c->flags |= REG_NAT;
	if (c->asked_s > 0 && c->asked_s < r->limits->min_s)
		return refuse(ret, 423, r->limits->min_s, "the time asked for is too short");
	r->n++;
	return true;
}

static void read_name(struct reg_cache_request *r)
{
	const struct sip_hdr *hdr = sip_msg_hdr(r->msg, SIP_H_AUTHORIZATION);
	struct digest_credentials c;

	r->credentials = hdr != NULL;
	r->name[0] = '\0';
	if (hdr && digest_credentials_parse(hdr->value, &c) == 0 &&
		digest_credentials_username(&c, r->name, sizeof(r->name)) < 0)
		r->name[0] = '\0';
}

bool reg_cache_parse(
	const struct reg_store *store, struct reg_cache_request *r, struct reg_cache_refusal *ret)
{
	struct view value, header = sip_msg_value(r->msg, SIP_H_EXPIRES);
	uint32_t header_s = header.p ? reg_seconds(header) : REG_DEFAULT_S;
	char path[REG_TEXT_MAX];
	struct sip_values it;

	r->n = 0;
	r->star = false;
	*ret = (struct reg_cache_refusal){0};
	if (!is_sip(&r->msg->uri))
		return refuse(ret, 416, 0, "its Request-URI is no SIP URI");
	if (!is_sip(&r->msg->from.uri) || !is_sip(&r->msg->to.uri))
		return refuse(ret, 400, 0, "its From or To is no SIP URI");
	read_name(r);
	if (r->msg->call_id.n > REG_TEXT_MAX)
		return refuse(ret, 400, 0, "the Call-ID of the REGISTER is too long");
	if (reg_path_text(r->msg, path, sizeof(path)).n > sizeof(path))
		return refuse(ret, 400, 0, "the Path of the REGISTER is too long");
	sip_values_start(&it, r->msg, SIP_H_CONTACT);
	while (sip_values_next(&it, &value)) {
		if (r->star ||
			(view_eq(value, VIEW("*")) && (r->n > 0 || !header.p || header_s != 0)))
			return refuse(ret, 400, 0,
				"\"Contact: *\" is not alone, or without \"Expires: 0\"");
		if (view_eq(value, VIEW("*")))
			r->star = true;
		else if (r->n == REG_CACHE_CONTACTS_MAX)
			return refuse(ret, 400, 0, "the REGISTER has too many Contacts");
		else if (!parse_one(r, value, header_s, ret))
			return false;
	}
	find_olds(store, r);
	return true;
}

/* ---- judging ---- */

static uint32_t core_left_s(const struct reg_cache_request *r, const struct reg_core *core)
{
	return core->until_ms > r->wall_ms ? (uint32_t)((core->until_ms - r->wall_ms) / 1000) : 0;
}

static bool same_flow(const struct sip_path *a, const struct sip_path *b)
{
	return a->transport == b->transport && ipaddr_equal(&a->remote, &b->remote) &&
	       ipaddr_equal(&a->local, &b->local) &&
	       (!sip_transport_is_stream(a->transport) ||
		       (a->conn == b->conn && a->conn_worker == b->conn_worker));
}

/* The request comes from who made the binding: the Call-ID is known to nobody else. */
static bool is_of_phone(const struct reg_cache_request *r, const struct reg_contact *old)
{
	return old && same_flow(&old->path, r->path) &&
	       view_eq(reg_contact_text(old, REG_CALL_ID), r->msg->call_id);
}

static bool is_as_it_was(const struct reg_cache_request *r, const struct reg_cache_contact *c)
{
	const struct reg_contact *old = c->old;
	char buf[REG_TEXT_MAX];

	return old && same_flow(&old->path, r->path) && old->q == c->q &&
	       view_eq(reg_contact_text(old, REG_URI), c->addr.uri.text) &&
	       view_eq(reg_contact_text(old, REG_INSTANCE), c->instance) &&
	       view_eq(reg_contact_text(old, REG_PATH), reg_path_text(r->msg, buf, sizeof(buf))) &&
	       (!r->credentials || view_eq(reg_core_name(old), view_of(r->name)));
}

enum reg_cache_verdict reg_cache_judge(
	const struct reg_store *store, const struct reg_cache_request *r)
{
	bool removes = r->star, changed = false, due = false;
	const struct reg_aor *aor = r->star ? reg_aor_find(store, r->hash, r->realm, r->user)
					    : NULL;

	for (const struct reg_contact *c = aor ? aor->contacts : NULL; c; c = c->next) {
		if (!reg_is_in_order(r->msg, c))
			return REG_CACHE_OLD;
	}
	for (uint32_t i = 0; i < r->n; i++) {
		const struct reg_cache_contact *c = &r->list[i];
		struct reg_core core = {0};

		if (c->old && !reg_is_in_order(r->msg, c->old))
			return REG_CACHE_OLD;
		removes = removes || c->asked_s == 0;
		changed = changed || !is_as_it_was(r, c);
		if (c->old)
			core = reg_core_of(c->old);
		due = due || core_left_s(r, &core) <= core.given_s / 2 || core.lost_ms != 0;
	}
	if (removes)
		return REG_CACHE_REMOVES;
	if (r->n == 0)
		return REG_CACHE_ASKS;
	return changed ? REG_CACHE_CHANGED : due ? REG_CACHE_DUE : REG_CACHE_SHIELDED;
}

/* What the phone gets of the time that there is. */
static uint32_t granted_s(
	const struct reg_cache_request *r, const struct reg_cache_contact *c, uint32_t most_s)
{
	const struct reg_cache_limits *l = r->limits;
	uint32_t s = c->asked_s < l->max_s ? c->asked_s : l->max_s;

	if (l->nat_s > 0 && s > l->nat_s &&
		(c->flags & REG_NAT || sip_transport_is_stream(r->path->transport)))
		s = l->nat_s;
	return s < most_s ? s : most_s;
}

bool reg_cache_keep(struct reg_store *store, struct reg_cache_request *r, bool lost)
{
	char buf[REG_EXTRA_MAX];

	for (uint32_t i = 0; i < r->n; i++) {
		struct reg_core core = reg_core_of(r->list[i].old);

		if (lost && core.lost_ms != 0 &&
			r->wall_ms >= core.lost_ms + (uint64_t)r->limits->grace_s * 1000)
			return false;
		if (lost ? r->limits->grace_s == 0 : core_left_s(r, &core) < LEFT_MIN_S)
			return false;
	}
	for (uint32_t i = 0; i < r->n; i++) {
		struct reg_cache_contact *c = &r->list[i];
		struct reg_core core = reg_core_of(c->old);
		uint32_t most_s = lost ? UINT32_MAX : core_left_s(r, &core);

		core.n_shielded++;
		if (lost && core.lost_ms == 0)
			core.lost_ms = r->wall_ms;
		if (view_eq(reg_contact_text(c->old, REG_CALL_ID), r->msg->call_id))
			c->old->cseq = r->msg->cseq.number;
		reg_contact_extend(
			store, c->old, granted_s(r, c, most_s), extra_with(c->old, &core, buf));
	}
	return true;
}

/* Never longer than the core's time, or the grace: whoever asks has proven nothing yet. */
static uint32_t held_s(const struct reg_cache_request *r, const struct reg_core *core)
{
	uint64_t grace_ms = core->lost_ms == 0
				    ? 0
				    : core->lost_ms + (uint64_t)r->limits->grace_s * 1000;
	uint64_t until_ms = core->until_ms > grace_ms ? core->until_ms : grace_ms;
	uint64_t end_ms = until_ms + REG_CACHE_HELD_S * 1000, left_s;

	if (end_ms <= r->wall_ms)
		return 0;
	left_s = (end_ms - r->wall_ms) / 1000;
	return left_s < REG_CACHE_HELD_S ? (uint32_t)left_s : REG_CACHE_HELD_S;
}

void reg_cache_hold(struct reg_store *store, const struct reg_cache_request *r)
{
	char buf[REG_EXTRA_MAX];

	for (uint32_t i = 0; i < r->n; i++) {
		struct reg_contact *old = r->list[i].old;
		struct reg_core core = reg_core_of(old);
		uint32_t s = held_s(r, &core);

		if (reg_contact_left_s(store, old) < s)
			reg_contact_extend(store, old, s, extra_with(old, &core, buf));
	}
}

/* ---- answers of the core ---- */

/* The time that it gives a contact of ours; 0: it is not there. */
static uint32_t given_of(
	const struct reg_cache_request *r, const struct sip_msg *answer, uint32_t number)
{
	char token[SIP_TOKEN_LEN];
	struct view mine = reg_cache_token(r->key, r->number, number, token), value, text;
	struct sip_values it;
	struct sip_addr addr;
	uint32_t seconds;

	if (sip_msg_seconds(answer, SIP_H_EXPIRES, &seconds) < 0)
		seconds = r->limits->core_s;
	sip_values_start(&it, answer, SIP_H_CONTACT);
	while (sip_values_next(&it, &value)) {
		if (sip_addr_parse(value, &addr) < 0 || addr.star ||
			!view_eq_nocase(addr.uri.user, mine))
			continue;
		if (sip_params_get(addr.params, VIEW("expires"), &text))
			seconds = reg_seconds(text);
		/* More than was asked for is not its to give (RFC 3261 10.3 step 7). */
		return seconds < r->limits->core_s ? seconds : r->limits->core_s;
	}
	return 0;
}

/* All values of a field that the parser does not know, as one list. */
static struct view list_of(const struct sip_msg *msg, struct view name, char *buf, size_t size)
{
	struct sip_buf b;

	sip_buf_init(&b, buf, size);
	for (uint8_t i = 0; i < msg->n_hdrs; i++) {
		if (!view_eq_nocase(msg->hdrs[i].name, name))
			continue;
		if (b.n > 0)
			sip_put_lit(&b, ", ");
		sip_put_unfolded(&b, msg->hdrs[i].value);
	}
	return b.overflow ? (struct view){NULL, 0} : sip_buf_view(&b);
}

static int set_one(struct reg_store *store, struct reg_cache_request *r,
	struct reg_cache_contact *c, const struct sip_msg *answer, uint32_t given_s,
	struct reg_contact **ret_made)
{
	char route[700], associated[600], path[REG_TEXT_MAX], extra[REG_EXTRA_MAX];
	struct view texts[3] = {view_of(r->name),
		list_of(answer, VIEW("Service-Route"), route, sizeof(route)),
		list_of(answer, VIEW("P-Associated-URI"), associated, sizeof(associated))};
	struct view agent = sip_msg_value(r->msg, SIP_H_USER_AGENT);
	struct reg_core core = {.until_ms = r->wall_ms + (uint64_t)given_s * 1000,
		.given_s = given_s,
		.number = c->number,
		.n_forwarded = 1,
		.n_name = (uint16_t)texts[0].n,
		.n_route = (uint16_t)texts[1].n,
		.n_associated = (uint16_t)texts[2].n};
	struct reg_new fresh = {.realm = r->realm,
		.user = r->user,
		.hash = r->hash,
		.path = *r->path,
		.since_ms = r->wall_ms,
		.expires_s = granted_s(r, c, given_s),
		.cseq = r->msg->cseq.number,
		.reg_id = c->reg_id,
		.q = c->q,
		.flags = c->flags};
	size_t at = sizeof(core);

	_Static_assert(
		sizeof(core) + sizeof(route) + sizeof(associated) + REG_NAME_MAX <= REG_EXTRA_MAX,
		"the texts fit");
	if (c->old) {
		core.n_forwarded += reg_core_of(c->old).n_forwarded;
		core.n_shielded = reg_core_of(c->old).n_shielded;
	}
	/* What was proven before is not forgotten because this one was not asked. */
	if (!r->credentials && c->old) {
		texts[0] = reg_core_name(c->old);
		core.n_name = (uint16_t)texts[0].n;
	}
	memcpy(extra, &core, sizeof(core));
	for (unsigned int i = 0; i < 3; i++) {
		if (texts[i].n > 0)
			memcpy(extra + at, texts[i].p, texts[i].n);
		at += texts[i].n;
	}
	fresh.extra = (struct view){extra, at};
	fresh.text[REG_URI] = c->addr.uri.text;
	fresh.text[REG_CALL_ID] = r->msg->call_id;
	fresh.text[REG_INSTANCE] = c->instance;
	fresh.text[REG_PATH] = reg_path_text(r->msg, path, sizeof(path));
	fresh.text[REG_AGENT] = agent.n > 64 ? (struct view){agent.p, 64} : agent;
	return reg_contact_set(store, c->old, &fresh, ret_made);
}

/* Beyond what a user may have the one that was silent for longest goes, also from the core. */
static void drop_oldest(
	struct reg_store *store, const struct reg_cache_request *r, const struct reg_contact *made)
{
	struct reg_aor *aor = made->aor;

	while (aor->n_contacts > r->limits->max_contacts) {
		struct reg_contact *c = aor->contacts;

		while (c->next)
			c = c->next;
		if (c == made)
			return;
		reg_contact_remove(store, c, REG_REMOVED);
	}
}

static void drop_all(struct reg_store *store, const struct reg_cache_request *r)
{
	struct reg_aor *aor = reg_aor_find(store, r->hash, r->realm, r->user);
	unsigned int n = aor ? aor->n_contacts : 0;

	while (n-- > 0)
		reg_contact_remove(store, aor->contacts, REG_REPLACED);
}

static unsigned int accepted(struct reg_store *store, struct reg_cache_request *r,
	const struct sip_msg *answer, const char **ret_reason)
{
	unsigned int n_wanted = 0, n_taken = 0;
	struct reg_contact *made;

	if (r->star)
		drop_all(store, r);
	for (uint32_t i = 0; i < r->n; i++) {
		struct reg_cache_contact *c = &r->list[i];
		uint32_t given_s = c->asked_s > 0 ? given_of(r, answer, c->number) : 0;

		/* A binding may have gone with the contact before this one. */
		find_olds(store, r);
		n_wanted += c->asked_s > 0;
		if (given_s == 0) {
			if (c->old)
				reg_contact_remove(store, c->old, REG_REPLACED);
			continue;
		}
		if (set_one(store, r, c, answer, given_s, &made) < 0) {
			*ret_reason = "there is no room for a further binding";
			return 503;
		}
		n_taken++;
		drop_oldest(store, r, made);
	}
	if (n_wanted == 0 || n_taken > 0)
		return 200;
	*ret_reason = "the registrar's answer does not name the Contact, or gives it no time";
	return 502;
}

unsigned int reg_cache_answer(struct reg_store *store, struct reg_cache_request *r,
	const struct sip_msg *answer, const char **ret_reason)
{
	/* The store may have changed while the core was asked. */
	find_olds(store, r);
	if (answer->status < 300)
		return accepted(store, r, answer, ret_reason);
	*ret_reason = "the registrar refuses it";
	if (answer->status < 400 || (answer->status >= 500 && answer->status < 600))
		return answer->status < 400 ? 502 : answer->status;
	/* It is the core's to say who is registered; but others who name the contact are refused, too. */
	for (uint32_t i = 0; i < r->n; i++) {
		find_olds(store, r);
		if (answer->status != 423 && is_of_phone(r, r->list[i].old))
			reg_contact_remove(store, r->list[i].old, REG_REPLACED);
	}
	return answer->status;
}
