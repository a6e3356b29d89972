/* SPDX-License-Identifier: GPL-3.0-or-later */
/* REGISTER towards the core and what of its answers is for the phone; see cache.h. No address of one side
 * gets to the other. */
#include "sip-b2bua/registrar/cache.h"

#include <inttypes.h>
#include <stdio.h>

#include "controlplane/base/siphash.h"
#include "sip-b2bua/b2b/policy.h"

static const struct view none = {NULL, 0};

/* A received URI's host as it stands in a URI. */
static void put_host(struct sip_buf *b, const struct sip_uri *uri)
{
	bool brackets = uri->host_kind == SIP_HOST_IPV6;

	if (brackets)
		sip_put_char(b, '[');
	sip_put(b, uri->host);
	if (brackets)
		sip_put_char(b, ']');
}

static void put_address(struct sip_buf *b, const struct sip_uri *uri, const char *domain)
{
	sip_put_lit(b, "<sip:");
	if (uri->user.n > 0) {
		sip_put(b, uri->user);
		sip_put_char(b, '@');
	}
	if (domain[0])
		sip_put(b, view_of(domain));
	else
		put_host(b, uri);
	sip_put_char(b, '>');
}

static void put_at(struct sip_buf *b, const struct sip_path *path)
{
	sip_put_host(b, &path->local, true);
	if (sip_transport_param(path->transport).n > 0) {
		sip_put_lit(b, ";transport=");
		sip_put(b, sip_transport_param(path->transport));
	}
}

static void put_contact(struct sip_buf *b, struct view token, const struct sip_path *path,
	uint32_t expires_s, uint16_t q)
{
	char text[16];

	sip_put_hdr_start(b, SIP_H_CONTACT);
	sip_put_lit(b, "<sip:");
	sip_put(b, token);
	sip_put_char(b, '@');
	put_at(b, path);
	sip_put_lit(b, ">;expires=");
	sip_put_u64(b, expires_s);
	if (q != REG_Q_ONE) {
		snprintf(text, sizeof(text), ";q=0.%03u", q);
		sip_put(b, view_of(text));
	}
	sip_put_crlf(b);
}

/* Names of the phone's that the core can tell apart, but not read. */
static void hide(const struct sip_token_key *key, struct view text, char buf[REG_HIDDEN_MAX])
{
	uint64_t parts[2] = {siphash24(key->mac, text.p, text.n), 0};

	parts[1] = siphash24(key->pad, parts, sizeof(parts));
	snprintf(buf, REG_HIDDEN_MAX, "%016" PRIx64 "%016" PRIx64, parts[0], parts[1]);
}

static void put_names(struct sip_buf *b, const char *call_id, const struct sip_uri *from,
	const struct sip_uri *to, const char *domain, uint32_t cseq)
{
	sip_put_hdr_start(b, SIP_H_FROM);
	put_address(b, from, domain);
	sip_put_lit(b, ";tag=");
	sip_put(b, view_of(call_id));
	sip_put_crlf(b);
	sip_put_hdr_start(b, SIP_H_TO);
	put_address(b, to, domain);
	sip_put_crlf(b);
	sip_put_hdr(b, SIP_H_CALL_ID, view_of(call_id));
	sip_put_cseq(b, cseq, VIEW("REGISTER"));
}

static void put_start(struct sip_buf *b, const struct reg_cache_way *way, struct view uri)
{
	sip_build_request(b, VIEW("REGISTER"), uri);
	sip_put_via(b, sip_transport_text(way->path->transport), &way->path->local, way->branch);
	sip_put_hdr_u64(b, SIP_H_MAX_FORWARDS, way->max_forwards);
}

void reg_cache_put_credentials(struct sip_buf *b, const struct sip_msg *request)
{
	(void)sip_put_copies(b, request, SIP_H_AUTHORIZATION);
	(void)sip_put_copies(b, request, SIP_H_PROXY_AUTHORIZATION);
}

bool reg_cache_has_credentials(const struct sip_msg *request)
{
	return sip_msg_hdr(request, SIP_H_AUTHORIZATION) ||
	       sip_msg_hdr(request, SIP_H_PROXY_AUTHORIZATION);
}

int reg_cache_build(
	const struct reg_cache_request *r, const struct reg_cache_way *way, struct sip_buf *b)
{
	char uri[300], token[SIP_TOKEN_LEN], call_id[REG_HIDDEN_MAX];
	struct sip_buf u;

	sip_buf_init(&u, uri, sizeof(uri));
	sip_put_lit(&u, "sip:");
	if (way->domain[0])
		sip_put(&u, view_of(way->domain));
	else
		put_host(&u, &r->msg->uri);
	b->overflow = b->overflow || u.overflow;
	put_start(b, way, sip_buf_view(&u));
	hide(r->key, r->msg->call_id, call_id);
	put_names(b, call_id, &r->msg->from.uri, &r->msg->to.uri, way->domain, r->msg->cseq.number);
	if (r->star)
		sip_put_lit(b, "Contact: *\r\n");
	for (uint32_t i = 0; i < r->n; i++) {
		const struct reg_cache_contact *c = &r->list[i];

		put_contact(b, reg_cache_token(r->key, r->number, c->number, token), way->path,
			c->asked_s > 0 ? way->core_s : 0, c->q);
	}
	if (r->star || r->n > 0)
		sip_put_hdr_u64(b, SIP_H_EXPIRES, r->star ? 0 : way->core_s);
	if (way->with_path && r->n > 0) {
		sip_put_hdr_start(b, SIP_H_PATH);
		sip_put_lit(b, "<sip:");
		put_at(b, way->path);
		sip_put_lit(b, ";lr>\r\nSupported: path\r\n");
	}
	sip_put_hdr(b, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	reg_cache_put_credentials(b, r->msg);
	return sip_build_end(b, none, none);
}

void reg_cache_removal_of(
	const struct reg_contact *c, const struct sip_token_key *key, struct reg_cache_removal *ret)
{
	struct view realm = reg_aor_realm(c->aor), user = reg_aor_user(c->aor);

	*ret = (struct reg_cache_removal){
		.contact_number = reg_core_of(c).number, .cseq = c->cseq + 1};
	memcpy(ret->realm, realm.p, realm.n);
	memcpy(ret->user, user.p, user.n);
	hide(key, reg_contact_text(c, REG_CALL_ID), ret->call_id);
}

void reg_cache_build_removal(const struct reg_cache_removal *r, const struct sip_token_key *key,
	const struct reg_cache_way *way, struct sip_buf *uri, struct sip_buf *b)
{
	const char *at = strrchr(r->user, '@'), *host = at ? at + 1 : r->user;
	bool brackets = strchr(host, ':') != NULL;
	char name[REG_USER_MAX], escaped[POLICY_USER_MAX], token[SIP_TOKEN_LEN];
	uint32_t number = reg_cache_number(key, view_of(r->realm), view_of(r->user));
	struct sip_uri who;

	snprintf(name, sizeof(name), "%.*s", at ? (int)(at - r->user) : 0, r->user);
	sip_put_lit(uri, "sip:");
	if (brackets)
		sip_put_char(uri, '[');
	sip_put(uri, view_of(host));
	if (brackets)
		sip_put_char(uri, ']');
	if (uri->overflow || sip_uri_parse(sip_buf_view(uri), &who) < 0) {
		b->overflow = true;
		return;
	}
	put_start(b, way, sip_buf_view(uri));
	who.user = policy_user_escape(name, escaped);
	put_names(b, r->call_id, &who, &who, "", r->cseq);
	put_contact(
		b, reg_cache_token(key, number, r->contact_number, token), way->path, 0, REG_Q_ONE);
	sip_put_hdr_u64(b, SIP_H_EXPIRES, 0);
	sip_put_hdr(b, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
}

static void put_named(struct sip_buf *b, const struct sip_msg *msg, struct view name)
{
	for (uint8_t i = 0; i < msg->n_hdrs; i++) {
		if (!view_eq_nocase(msg->hdrs[i].name, name))
			continue;
		sip_put(b, name);
		sip_put_lit(b, ": ");
		sip_put_unfolded(b, msg->hdrs[i].value);
		sip_put_crlf(b);
	}
}

void reg_cache_put_accepted(const struct reg_store *store, const struct reg_cache_request *r,
	const struct sip_msg *answer, struct sip_buf *b)
{
	const struct reg_aor *aor = reg_aor_find(store, r->hash, r->realm, r->user);

	reg_put_contacts(store, aor, none, NULL, b);
	if (answer) {
		put_named(b, answer, VIEW("P-Associated-URI"));
		/* Of the credentials, so the phone's (RFC 7616 3.5). */
		put_named(b, answer, VIEW("Authentication-Info"));
	} else if (aor && reg_core_associated(aor->contacts).n > 0) {
		sip_put_hdr_named(b, VIEW("P-Associated-URI"), reg_core_associated(aor->contacts));
	}
	if (sip_msg_has_token(r->msg, SIP_H_SUPPORTED, VIEW("path")))
		(void)sip_put_copies(b, r->msg, SIP_H_PATH);
}

void reg_cache_put_refused(struct sip_buf *b, const struct sip_msg *answer)
{
	(void)sip_put_copies(b, answer, SIP_H_WWW_AUTHENTICATE);
	(void)sip_put_copies(b, answer, SIP_H_PROXY_AUTHENTICATE);
	(void)sip_put_copies(b, answer, SIP_H_RETRY_AFTER);
}
