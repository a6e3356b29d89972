/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See digest.h. */
#include "sip-b2bua/auth/digest.h"

#include <errno.h>
#include <stdio.h>

#include "controlplane/base/secret.h"
#include "sip-b2bua/auth/digest_private.h"
#include "sip-b2bua/parser/sip_char.h"

#define TRIES_MAX 3 /* a server that calls every nonce stale is not believed for ever */

/* ---- challenges ---- */

/* Quoted text that goes back the same way: no fold may come along. */
static int text_take(struct view value, char *ret_text)
{
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\r' || value.p[i] == '\n')
			return -EINVAL;
	}
	return view_copy(value, ret_text, DIGEST_TEXT_MAX);
}

static bool qop_has_auth(struct view list)
{
	struct view one;

	while (sip_list_next(&list, &one)) {
		if (view_eq_nocase(one, VIEW("auth")))
			return true;
	}
	return false;
}

static int param_read(struct digest_challenge *c, enum digest_param param, struct view value)
{
	switch (param) {
	case DIGEST_P_REALM:
		return text_take(value, c->realm);
	case DIGEST_P_NONCE:
		return text_take(value, c->nonce);
	case DIGEST_P_OPAQUE:
		return text_take(value, c->opaque);
	case DIGEST_P_STALE:
		c->stale = view_eq_nocase(value, VIEW("true"));
		return 0;
	case DIGEST_P_ALGORITHM:
		c->hash_named = true;
		return digest_hash_find(value, &c->hash);
	case DIGEST_P_QOP:
		c->qop_auth = qop_has_auth(value);
		return c->qop_auth ? 0 : -EINVAL;
	default:
		return 0;
	}
}

int digest_challenge_parse(struct view value, struct digest_challenge *ret_challenge)
{
	struct digest_challenge c = {.hash = DIGEST_MD5};
	const char *end = sip_view_end(value), *p = sip_skip_ws(value.p, end),
		   *scheme_end = sip_skip(p, end, SIP_C_TOKEN);
	unsigned int seen = 0;

	if (!view_eq_nocase(sip_between(p, scheme_end), VIEW("Digest")))
		return -EINVAL;
	p = scheme_end;
	while (sip_skip_ws(p, end) < end) {
		enum digest_param param;
		struct view text;
		if (digest_param_take(&p, end, &seen, &param, &text) < 0 ||
			param_read(&c, param, text) < 0)
			return -EINVAL;
	}
	if (!(seen & 1u << DIGEST_P_REALM) || !c.nonce[0])
		return -EINVAL;
	*ret_challenge = c;
	return 0;
}

bool digest_client_take(struct digest_client *client, const struct sip_msg *answer)
{
	bool proxy = answer->status == 407, found = false;
	enum sip_hdr_id id = proxy ? SIP_H_PROXY_AUTHENTICATE : SIP_H_WWW_AUTHENTICATE;
	struct digest_challenge best = {.hash = 0}, c;

	for (const struct sip_hdr *h = sip_msg_hdr(answer, id); h;
		h = sip_msg_hdr_next(answer, h)) {
		if (digest_challenge_parse(h->value, &c) == 0 && c.hash > best.hash) {
			best = c;
			found = true;
		}
	}
	if (!found)
		return false;
	if (client->tries > 0 && (!best.stale || client->tries >= TRIES_MAX))
		return false;
	*client = (struct digest_client){
		.proxy = proxy, .tries = (uint8_t)(client->tries + 1), .challenge = best};
	return true;
}

/* ---- credentials ---- */

/* Quoted text means what it says without its backslashes. */
static struct view unescaped(const char *text, char buf[DIGEST_TEXT_MAX])
{
	size_t n = 0;

	for (; *text && n < DIGEST_TEXT_MAX - 1; text++) {
		if (*text == '\\' && text[1])
			text++;
		buf[n++] = *text;
	}
	return (struct view){buf, n};
}

static void put_quoted(struct sip_buf *b, struct view text)
{
	sip_put_char(b, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			sip_put_char(b, '\\');
		sip_put_char(b, text.p[i]);
	}
	sip_put_char(b, '"');
}

/* RFC 7616 3.4.1; without qop RFC 2617 3.2.2.1. */
static void response_make(const struct digest_client *client, struct view method, struct view uri,
	const char *username, const char *password, struct view nc, struct view cnonce,
	char ret_hex[DIGEST_HEX_MAX])
{
	const struct digest_challenge *c = &client->challenge;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	char realm_text[DIGEST_TEXT_MAX], nonce_text[DIGEST_TEXT_MAX];
	char a1[DIGEST_HEX_MAX], a2[DIGEST_HEX_MAX];
	struct view user = view_of(username), pass = view_of(password), auth = VIEW("auth"),
		    realm = unescaped(c->realm, realm_text),
		    nonce = unescaped(c->nonce, nonce_text);

	digest_hash_hex(ctx, c->hash, a1, &user, &realm, &pass, NULL);
	digest_hash_hex(ctx, c->hash, a2, &method, &uri, NULL);
	struct view h1 = view_of(a1), h2 = view_of(a2);
	if (c->qop_auth)
		digest_hash_hex(ctx, c->hash, ret_hex, &h1, &nonce, &nc, &cnonce, &auth, &h2, NULL);
	else
		digest_hash_hex(ctx, c->hash, ret_hex, &h1, &nonce, &h2, NULL);
	secret_wipe(a1, sizeof(a1));
	EVP_MD_CTX_free(ctx);
}

void digest_client_put(struct digest_client *client, struct sip_buf *b, struct view method,
	struct view uri, const char *username, const char *password)
{
	const struct digest_challenge *c = &client->challenge;
	char nc[9], cnonce[33], response[DIGEST_HEX_MAX];
	uint64_t random[2];

	if (c->hash == 0)
		return;
	client->nc++;
	secret_random(random, sizeof(random));
	snprintf(nc, sizeof(nc), "%08x", client->nc);
	snprintf(cnonce, sizeof(cnonce), "%016llx%016llx", (unsigned long long)random[0],
		(unsigned long long)random[1]);
	response_make(
		client, method, uri, username, password, view_of(nc), view_of(cnonce), response);
	sip_put_hdr_start(b, client->proxy ? SIP_H_PROXY_AUTHORIZATION : SIP_H_AUTHORIZATION);
	sip_put_lit(b, "Digest username=");
	put_quoted(b, view_of(username));
	sip_put_lit(b, ", realm=\"");
	sip_put(b, view_of(c->realm));
	sip_put_lit(b, "\", nonce=\"");
	sip_put(b, view_of(c->nonce));
	sip_put_lit(b, "\", uri=");
	put_quoted(b, uri);
	sip_put_lit(b, ", response=\"");
	sip_put(b, view_of(response));
	sip_put_char(b, '"');
	if (c->hash_named) {
		sip_put_lit(b, ", algorithm=");
		sip_put(b, digest_hash_name(c->hash));
	}
	if (c->opaque[0]) {
		sip_put_lit(b, ", opaque=\"");
		sip_put(b, view_of(c->opaque));
		sip_put_char(b, '"');
	}
	if (c->qop_auth) {
		sip_put_lit(b, ", qop=auth, nc=");
		sip_put(b, view_of(nc));
		sip_put_lit(b, ", cnonce=\"");
		sip_put(b, view_of(cnonce));
		sip_put_char(b, '"');
	}
	sip_put_crlf(b);
}
