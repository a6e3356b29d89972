/* SPDX-License-Identifier: GPL-3.0-or-later */
/* REGISTER of the box: how it is built, what its answer says of our binding, and whose Contact a
 * Request-URI is; see regclient.c. */
#include "sip-b2bua/b2b/regclient.h"

#include "controlplane/base/siphash.h"

static const struct view none = {NULL, 0};

uint64_t reg_name_hash(const char *trunk)
{
	static const uint64_t key[2] = {0x6c696d656e2d7472, 0x756e6b2d6e616d65};

	return siphash24(key, trunk, strlen(trunk));
}

static struct view contact_user(const struct b2b *b, const char *trunk, char buf[SIP_TOKEN_LEN])
{
	uint64_t hash = reg_name_hash(trunk);
	struct sip_token token = {.kind = SIP_TOKEN_TRUNK,
		.index = (uint32_t)hash & SIP_TOKEN_INDEX_MAX,
		.generation = (uint32_t)(hash >> 32) & SIP_TOKEN_GEN_MASK};

	return sip_token_print(b->env.key, &token, buf);
}

const struct cfg_trunk *regclient_trunk(
	const struct b2b *b, const char *realm, const struct sip_uri *uri)
{
	struct sip_token token;

	if (uri->user.n != SIP_TOKEN_LEN || sip_token_parse(b->env.key, uri->user, &token) < 0 ||
		token.kind != SIP_TOKEN_TRUNK)
		return NULL;
	for (uint32_t i = 0; i < b->cfg->n_trunks; i++) {
		const struct cfg_trunk *trunk = &b->cfg->trunks[i];
		uint64_t hash = reg_name_hash(trunk->name);

		if (trunk->reg_expires_s != 0 && strcmp(trunk->realm, realm) == 0 &&
			((uint32_t)hash & SIP_TOKEN_INDEX_MAX) == token.index &&
			((uint32_t)(hash >> 32) & SIP_TOKEN_GEN_MASK) == token.generation)
			return trunk;
	}
	return NULL;
}

const char *reg_line(const struct cfg_trunk *trunk)
{
	return trunk->reg_number[0] ? trunk->reg_number : trunk->auth_username;
}

/* remote: where the request goes. */
static void put_domain(
	struct sip_buf *b, const struct cfg_trunk *trunk, const struct ipaddr *remote)
{
	if (trunk->reg_domain[0])
		sip_put(b, view_of(trunk->reg_domain));
	else if (trunk->target.name[0])
		sip_put(b, view_of(trunk->target.name));
	else
		sip_put_host(b, remote, false);
}

static void put_line(struct sip_buf *b, const struct cfg_trunk *trunk, const struct ipaddr *remote)
{
	char user[POLICY_USER_MAX];

	sip_put_lit(b, "<sip:");
	sip_put(b, policy_user_escape(reg_line(trunk), user));
	sip_put_char(b, '@');
	put_domain(b, trunk, remote);
	sip_put_char(b, '>');
}

/* A name of this box that no other has, of the token key (RFC 5626 4.1). */
static void put_instance(struct sip_buf *b, struct reg *r)
{
	static const char hex[] = "0123456789abcdef";
	const struct sip_token_key *key = r->all->b->env.key;
	uint64_t half[2] = {siphash24(key->mac, "instance", 8), siphash24(key->mac, "Instance", 8)};

	sip_put_lit(b, ";+sip.instance=\"<urn:uuid:");
	for (unsigned int i = 0; i < 32; i++) {
		unsigned int digit = (unsigned int)(half[i / 16] >> (60 - 4 * (i % 16))) & 15;

		if (i == 8 || i == 12 || i == 16 || i == 20)
			sip_put_char(b, '-');
		/* Version and variant of RFC 4122 4.4. */
		digit = i == 12 ? 4 : i == 16 ? (digit & 3) | 8 : digit;
		sip_put_char(b, hex[digit]);
	}
	sip_put_lit(b, ">\";reg-id=1");
}

static void put_contact(struct sip_buf *b, struct reg *r, const struct sip_path *path)
{
	char user[SIP_TOKEN_LEN];

	sip_put_hdr_start(b, SIP_H_CONTACT);
	sip_put_lit(b, "<sip:");
	if (!r->trunk.reg_bulk) {
		sip_put(b, contact_user(r->all->b, r->trunk.name, user));
		sip_put_char(b, '@');
	}
	sip_put_host(b, &path->local, true);
	if (sip_transport_param(path->transport).n > 0) {
		sip_put_lit(b, ";transport=");
		sip_put(b, sip_transport_param(path->transport));
	}
	if (r->trunk.reg_bulk)
		sip_put_lit(b, ";bnc");
	sip_put_char(b, '>');
	if (sip_transport_is_stream(path->transport) && !r->trunk.reg_bulk)
		put_instance(b, r);
	sip_put_lit(b, ";expires=");
	sip_put_u64(b, r->want_s);
	sip_put_crlf(b);
}

int reg_request_build(struct reg *r, const struct sip_path *path, struct sip_buf *b)
{
	const struct cfg_trunk *trunk = &r->trunk;
	char uri[CFG_HOST_MAX + 8];
	struct sip_buf u;

	sip_buf_init(&u, uri, sizeof(uri));
	sip_put_lit(&u, "sip:");
	put_domain(&u, trunk, &path->remote);
	sip_build_request(b, VIEW("REGISTER"), sip_buf_view(&u));
	sip_put_via(b, sip_transport_text(path->transport), &path->local, sip_ctxn_branch(r->ctxn));
	sip_put_hdr_u64(b, SIP_H_MAX_FORWARDS, r->all->b->cfg->max_forwards);
	sip_put_hdr_start(b, SIP_H_FROM);
	put_line(b, trunk, &path->remote);
	sip_put_lit(b, ";tag=");
	sip_put_u64(b, r->id & 0xffffffff);
	sip_put_crlf(b);
	sip_put_hdr_start(b, SIP_H_TO);
	put_line(b, trunk, &path->remote);
	sip_put_crlf(b);
	sip_put_hdr_start(b, SIP_H_CALL_ID);
	sip_put_u64(b, r->id);
	sip_put_crlf(b);
	sip_put_cseq(b, r->cseq, VIEW("REGISTER"));
	put_contact(b, r, path);
	sip_put_hdr_u64(b, SIP_H_EXPIRES, r->want_s);
	if (trunk->reg_bulk)
		sip_put_lit(b, "Require: gin\r\nProxy-Require: gin\r\nSupported: path\r\n");
	else if (sip_transport_is_stream(path->transport))
		sip_put_lit(b, "Supported: path, outbound\r\n");
	sip_put_hdr(b, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	if (trunk->auth_username[0])
		digest_client_put(&r->auth, b, VIEW("REGISTER"), sip_buf_view(&u),
			trunk->auth_username, trunk->auth_password);
	return sip_build_end(b, none, none);
}

uint32_t reg_expires_of(struct reg *r, const struct sip_msg *msg)
{
	char user[SIP_TOKEN_LEN];
	struct view mine = contact_user(r->all->b, r->trunk.name, user), value, text;
	uint32_t usual;
	struct sip_values it;
	struct sip_addr addr;
	uint64_t seconds;

	if (sip_msg_seconds(msg, SIP_H_EXPIRES, &usual) < 0)
		usual = r->want_s;
	sip_values_start(&it, msg, SIP_H_CONTACT);
	while (sip_values_next(&it, &value)) {
		if (sip_addr_parse(value, &addr) < 0 || addr.star)
			continue;
		if (r->trunk.reg_bulk ? !sip_params_has(addr.uri.params, VIEW("bnc"))
				      : !view_eq_nocase(addr.uri.user, mine))
			continue;
		if (sip_params_get(addr.params, VIEW("expires"), &text) &&
			view_to_u64(text, UINT32_MAX, &seconds) == 0)
			return (uint32_t)seconds;
		return usual;
	}
	return 0;
}
