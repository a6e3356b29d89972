/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See digest_server.h. */
#include "sip-b2bua/auth/digest_server.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/auth/digest_private.h"
#include "sip-b2bua/parser/sip_char.h"

#define NONCES	     (1u << 18) /* that can be in use at a time; a slot is taken over by a later one */
#define WINDOW	     64		/* counts that may overtake each other */
#define GUESS_SETS   4096
#define GUESS_WAYS   4
#define USERNAME_MAX 128

/* A nonce that proved a password. */
struct nonce_use {
	uint32_t number; /* of its making; 0: free */
	uint32_t last;	 /* highest count */
	uint64_t window; /* bit i: last - i was used */
};

struct guess {
	uint64_t who; /* hash of an address or a user; 0: free */
	uint64_t since_ms;
	uint32_t n;
	uint32_t zero;
};

struct digest_server {
	uint64_t key[2];
	uint32_t n_made;
	EVP_MD_CTX *ctx;
	struct nonce_use *uses; /* NONCES of them, by number */
	struct guess guesses[GUESS_SETS][GUESS_WAYS];
};

struct digest_server *digest_server_new(uint64_t seed)
{
	static const uint64_t key[2] = {0x6469676573742d73, 0x65727665722d6b65};
	struct digest_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t parts[2] = {seed, i};

		s->key[i] = siphash24(key, parts, sizeof(parts));
	}
	s->ctx = EVP_MD_CTX_new();
	s->uses = calloc(NONCES, sizeof(*s->uses)); /* only what is used becomes memory */
	if (!s->ctx || !s->uses) {
		digest_server_free(s);
		return NULL;
	}
	return s;
}

void digest_server_free(struct digest_server *s)
{
	if (!s)
		return;
	EVP_MD_CTX_free(s->ctx);
	free(s->uses);
	secret_free(s, sizeof(*s));
}

/* ---- nonces: 8 hex digits of seconds, 8 of the number, 16 of the keyed hash ---- */

static void put_hex(char *dst, uint64_t value, unsigned int n)
{
	for (unsigned int i = n; i-- > 0; value >>= 4)
		dst[i] = "0123456789abcdef"[value & 15];
}

static bool get_hex(struct view v, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (size_t i = 0; i < v.n; i++) {
		char c = v.p[i];
		unsigned int d = c >= '0' && c <= '9'	? (unsigned int)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a' + 10)
				 : c >= 'A' && c <= 'F' ? (unsigned int)(c - 'A' + 10)
							: 16;
		if (d > 15)
			return false;
		value = value << 4 | d;
	}
	*ret_value = value;
	return true;
}

static uint64_t nonce_seal(const struct digest_server *s, const char *realm, uint64_t content)
{
	uint64_t parts[2] = {content, siphash24(s->key, realm, strlen(realm))};

	return siphash24(s->key, parts, sizeof(parts));
}

static void nonce_make(
	struct digest_server *s, const char *realm, uint64_t now_ms, char nonce[DIGEST_NONCE_LEN])
{
	uint64_t content;

	if (++s->n_made == 0)
		s->n_made = 1;
	content = (now_ms / 1000) << 32 | s->n_made;
	put_hex(nonce, content, 16);
	put_hex(nonce + 16, nonce_seal(s, realm, content), 16);
}

/* Ours and young: its number. */
static bool nonce_known(const struct digest_server *s, struct view nonce, const char *realm,
	uint64_t now_ms, uint32_t *ret_number)
{
	uint64_t content, seal, made_ms;

	if (nonce.n != DIGEST_NONCE_LEN || !get_hex((struct view){nonce.p, 16}, &content) ||
		!get_hex((struct view){nonce.p + 16, 16}, &seal) ||
		seal != nonce_seal(s, realm, content))
		return false;
	made_ms = (content >> 32) * 1000;
	*ret_number = (uint32_t)content;
	return now_ms >= made_ms && now_ms - made_ms <= DIGEST_NONCE_LIFE_MS;
}

/* Each count of a nonce once. A slot that a later nonce has taken knows the earlier one no more. */
static bool nonce_use(struct digest_server *s, uint32_t number, uint32_t nc)
{
	struct nonce_use *use = &s->uses[number % NONCES];
	uint32_t back;

	if (use->number != number) {
		if (use->number != 0 && (int32_t)(use->number - number) > 0)
			return false;
		*use = (struct nonce_use){.number = number, .last = nc, .window = 1};
		return true;
	}
	if (nc > use->last) {
		uint32_t step = nc - use->last;

		use->window = step < WINDOW ? use->window << step | 1 : 1;
		use->last = nc;
		return true;
	}
	back = use->last - nc;
	if (back >= WINDOW || use->window & (uint64_t)1 << back)
		return false;
	use->window |= (uint64_t)1 << back;
	return true;
}

/* ---- guesses ---- */

static struct guess *guess_find(struct digest_server *s, uint64_t who, uint64_t now_ms)
{
	struct guess *set = s->guesses[who % GUESS_SETS];

	for (unsigned int i = 0; i < GUESS_WAYS; i++) {
		if (set[i].who == who && now_ms - set[i].since_ms < DIGEST_GUESS_MS)
			return &set[i];
	}
	return NULL;
}

/* Of those that share a set the one with the fewest guesses gives way, of these the oldest. */
static void guess_count(struct digest_server *s, uint64_t who, uint64_t now_ms)
{
	struct guess *g = guess_find(s, who, now_ms), *set = s->guesses[who % GUESS_SETS];

	if (g) {
		g->n++;
		return;
	}
	g = &set[0];
	for (unsigned int i = 0; i < GUESS_WAYS; i++) {
		if (set[i].who == 0 || now_ms - set[i].since_ms >= DIGEST_GUESS_MS) {
			g = &set[i];
			break;
		}
		if (set[i].n < g->n || (set[i].n == g->n && set[i].since_ms < g->since_ms))
			g = &set[i];
	}
	*g = (struct guess){.who = who, .since_ms = now_ms, .n = 1};
}

static bool guess_limit(struct digest_server *s, uint64_t who, uint32_t max, uint64_t now_ms)
{
	const struct guess *g = guess_find(s, who, now_ms);

	return g && g->n >= max;
}

/* ---- credentials ---- */

static int param_read(struct digest_credentials *c, enum digest_param param, struct view value)
{
	uint64_t number;

	switch (param) {
	case DIGEST_P_USERNAME:
		c->username = value;
		break;
	case DIGEST_P_REALM:
		c->realm = value;
		break;
	case DIGEST_P_NONCE:
		c->nonce = value;
		break;
	case DIGEST_P_URI:
		c->uri = value;
		break;
	case DIGEST_P_RESPONSE:
		c->response = value;
		break;
	case DIGEST_P_CNONCE:
		c->cnonce = value;
		break;
	case DIGEST_P_ALGORITHM:
		return digest_hash_find(value, &c->hash) < 0 ? -ENOTSUP : 0;
	case DIGEST_P_QOP:
		c->qop = true;
		return view_eq_nocase(value, VIEW("auth")) ? 0 : -ENOTSUP;
	case DIGEST_P_NC:
		if (value.n != 8 || !get_hex(value, &number))
			return -EINVAL;
		c->nc = (uint32_t)number;
		c->nc_text = value;
		break;
	default:
		break;
	}
	return 0;
}

int digest_credentials_parse(struct view value, struct digest_credentials *ret_credentials)
{
	struct digest_credentials c = {.hash = DIGEST_MD5};
	const char *end = sip_view_end(value), *p = sip_skip_ws(value.p, end),
		   *scheme_end = sip_skip(p, end, SIP_C_TOKEN);
	unsigned int seen = 0;

	if (!view_eq_nocase(sip_between(p, scheme_end), VIEW("Digest")))
		return -ENOTSUP;
	p = scheme_end;
	while (sip_skip_ws(p, end) < end) {
		enum digest_param param;
		struct view text;
		int rc = digest_param_take(&p, end, &seen, &param, &text);

		if (rc == 0)
			rc = param_read(&c, param, text);
		if (rc < 0)
			return rc;
	}
	if (!c.username.p || !c.realm.p || !c.nonce.p || !c.uri.p ||
		c.response.n != digest_hash_len(c.hash) ||
		(c.qop && (!c.nc_text.p || c.cnonce.n == 0)))
		return -EINVAL;
	*ret_credentials = c;
	return 0;
}

int digest_credentials_find(const struct sip_msg *request, bool proxy, const char *realm,
	struct digest_credentials *ret_credentials)
{
	enum sip_hdr_id id = proxy ? SIP_H_PROXY_AUTHORIZATION : SIP_H_AUTHORIZATION;
	int first = -ENOENT;

	for (const struct sip_hdr *h = sip_msg_hdr(request, id); h;
		h = sip_msg_hdr_next(request, h)) {
		struct digest_credentials c;
		int rc = digest_credentials_parse(h->value, &c);

		if (rc == 0 && view_eq(c.realm, view_of(realm))) {
			*ret_credentials = c;
			return 0;
		}
		/* For another realm they are somebody else's to read. */
		if (rc < 0 && first == -ENOENT)
			first = rc;
	}
	return first;
}

int digest_credentials_username(
	const struct digest_credentials *credentials, char *dst, size_t dst_size)
{
	struct view v = credentials->username;
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\' && i + 1 < v.n)
			i++;
		if (n + 1 >= dst_size || v.p[i] == '\0')
			return -ENAMETOOLONG;
		dst[n++] = v.p[i];
	}
	dst[n] = '\0';
	return 0;
}

/* RFC 7616 3.4.1; without qop RFC 2617 3.2.2.1. */
static bool is_right(struct digest_server *s, const struct digest_credentials *c,
	const struct digest_try *t, const char *username, const char *password)
{
	struct view user = view_of(username), pass = view_of(password), realm = view_of(t->realm),
		    auth = VIEW("auth");
	char a1[DIGEST_HEX_MAX], a2[DIGEST_HEX_MAX], want[DIGEST_HEX_MAX], got[DIGEST_HEX_MAX];

	digest_hash_hex(s->ctx, c->hash, a1, &user, &realm, &pass, NULL);
	digest_hash_hex(s->ctx, c->hash, a2, &t->method, &c->uri, NULL);
	struct view h1 = view_of(a1), h2 = view_of(a2);
	if (c->qop)
		digest_hash_hex(s->ctx, c->hash, want, &h1, &c->nonce, &c->nc_text, &c->cnonce,
			&auth, &h2, NULL);
	else
		digest_hash_hex(s->ctx, c->hash, want, &h1, &c->nonce, &h2, NULL);
	secret_wipe(a1, sizeof(a1));
	for (size_t i = 0; i < c->response.n; i++) {
		char x = c->response.p[i];

		got[i] = x >= 'A' && x <= 'F' ? (char)(x | 0x20) : x;
	}
	/* An empty one is a hash that OpenSSL refused. */
	return strlen(want) == c->response.n && secret_equal(want, got, c->response.n);
}

enum digest_verdict digest_server_verify(
	struct digest_server *s, const struct digest_credentials *c, const struct digest_try *t)
{
	uint64_t source = siphash24(s->key, t->source->ip, sizeof(t->source->ip)) | 1;
	uint64_t user = siphash24(s->key, c->username.p, c->username.n) | 1;
	uint32_t number;
	bool right;

	if (!(t->hashes & 1u << c->hash))
		return DIGEST_WEAK;
	if (!t->known_source && (guess_limit(s, source, DIGEST_GUESSES_SOURCE, t->now_ms) ||
					guess_limit(s, user, DIGEST_GUESSES_USER, t->now_ms)))
		return DIGEST_LIMITED;
	if (!nonce_known(s, c->nonce, t->realm, t->now_ms, &number))
		return DIGEST_STALE;
	/* For somebody who does not exist the same work is done: the time tells nothing. */
	right = is_right(s, c, t, t->username ? t->username : "nobody",
			t->password ? t->password : "nothing") &&
		t->username && t->password;
	if (!right) {
		guess_count(s, source, t->now_ms);
		guess_count(s, user, t->now_ms);
		return DIGEST_WRONG;
	}
	return nonce_use(s, number, c->qop ? c->nc : 0) ? DIGEST_OK : DIGEST_STALE;
}

void digest_server_challenge(struct digest_server *s, struct sip_buf *b, bool proxy,
	const char *realm, unsigned int hashes, bool stale, uint64_t now_ms)
{
	char nonce[DIGEST_NONCE_LEN];

	nonce_make(s, realm, now_ms, nonce);
	for (uint8_t hash = DIGEST_SHA512_256; hash >= DIGEST_MD5; hash--) {
		if (!(hashes & 1u << hash))
			continue;
		sip_put_hdr_start(b, proxy ? SIP_H_PROXY_AUTHENTICATE : SIP_H_WWW_AUTHENTICATE);
		sip_put_lit(b, "Digest realm=\"");
		sip_put(b, view_of(realm));
		sip_put_lit(b, "\", nonce=\"");
		sip_put_mem(b, nonce, sizeof(nonce));
		sip_put_lit(b, "\", algorithm=");
		sip_put(b, digest_hash_name(hash));
		sip_put_lit(b, ", qop=\"auth\"");
		if (stale)
			sip_put_lit(b, ", stale=true");
		sip_put_crlf(b);
	}
}
