/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sip-b2bua/identity/identity.h"

#include <string.h>

static const struct {
	const char *word;
	unsigned int bit;
} privacy_words[] = {
	{"header", PRIVACY_HEADER},
	{"session", PRIVACY_SESSION},
	{"user", PRIVACY_USER},
	{"none", PRIVACY_NONE},
	{"critical", PRIVACY_CRITICAL},
	{"id", PRIVACY_ID},
	{"history", PRIVACY_HISTORY},
};
#define N_WORDS (sizeof(privacy_words) / sizeof(privacy_words[0]))

static bool trusts(const struct cfg_tenant *tenant, const struct cfg_realm *realm, bool in)
{
	uint8_t trust = tenant ? tenant->trust : CFG_TRUST_CLASS;

	if (trust == CFG_TRUST_CLASS)
		return realm && realm->class != CFG_REALM_ACCESS;
	return trust == CFG_TRUST_BOTH || trust == (in ? CFG_TRUST_IN : CFG_TRUST_OUT);
}

void identity_init(struct identity *id, const struct cfg *cfg, const struct cfg_realm *from,
	const struct cfg_trunk *from_trunk, const struct cfg_realm *to,
	const struct cfg_trunk *to_trunk, const struct ipaddr *host, const char *number)
{
	*id = (struct identity){
		.in = cfg_tenant_of(cfg, from, from_trunk),
		.out = cfg_tenant_of(cfg, to, to_trunk),
		.host = host,
	};
	id->believed = trusts(id->in, from, true);
	id->told = trusts(id->out, to, false);
	if (id->out) {
		id->asserted = id->out->asserted_id;
		id->privacy = id->out->privacy;
		id->redirecting = id->out->redirecting;
	}
	if (number && number[0])
		id->number = policy_user_escape(number, id->number_text);
}

/* ---- privacy ---- */

static unsigned int words_of(struct view rest)
{
	unsigned int bits = 0;

	while (rest.n > 0) {
		size_t n = 0;
		struct view word;

		while (n < rest.n && rest.p[n] != ',' && rest.p[n] != ';')
			n++;
		word = view_trim((struct view){rest.p, n});
		rest.p += n < rest.n ? n + 1 : n;
		rest.n -= n < rest.n ? n + 1 : n;
		for (size_t i = 0; i < N_WORDS; i++) {
			if (view_eq_nocase(word, view_of(privacy_words[i].word)))
				bits |= privacy_words[i].bit;
		}
	}
	return bits;
}

/* The field of the caller among Remote-Party-ID (party=calling, or no party). */
static bool party_id(const struct sip_msg *msg, struct sip_addr *ret)
{
	struct sip_values it;
	struct view value, party;

	sip_values_start(&it, msg, SIP_H_REMOTE_PARTY_ID);
	while (sip_values_next(&it, &value)) {
		if (sip_addr_parse(value, ret) == 0 && !ret->star &&
			(!sip_params_get(ret->params, VIEW("party"), &party) ||
				view_eq_nocase(party, VIEW("calling"))))
			return true;
	}
	return false;
}

unsigned int identity_privacy(const struct identity *id, const struct sip_msg *msg)
{
	static const unsigned int added[] = {
		[CFG_PRIVACY_ID] = PRIVACY_ID,
		[CFG_PRIVACY_USER] = PRIVACY_ID | PRIVACY_USER,
		[CFG_PRIVACY_FULL] = PRIVACY_ID | PRIVACY_USER | PRIVACY_HEADER | PRIVACY_SESSION |
				     PRIVACY_HISTORY,
	};
	unsigned int bits = words_of(sip_msg_value(msg, SIP_H_PRIVACY));
	struct sip_addr party;
	struct view value;

	if (id->privacy == CFG_PRIVACY_DISABLE)
		return 0;
	if (party_id(msg, &party) && sip_params_get(party.params, VIEW("privacy"), &value) &&
		!view_eq_nocase(value, VIEW("off")))
		bits |= PRIVACY_ID;
	if (id->privacy != CFG_PRIVACY_PASS)
		bits = (bits | added[id->privacy]) & ~(unsigned int)PRIVACY_NONE;
	return bits;
}

/* What is private is kept from a side outside of our domain of trust. */
static bool hidden(const struct identity *id, unsigned int privacy, unsigned int bits)
{
	return !id->told && !(privacy & PRIVACY_NONE) && (privacy & bits);
}

static void put_privacy(struct sip_buf *b, const struct identity *id, unsigned int privacy)
{
	bool first = true;

	/* What the box has done by itself is no longer asked for (RFC 3323 5). */
	if (!id->told)
		privacy &= PRIVACY_NONE;
	for (size_t i = 0; i < N_WORDS; i++) {
		if (!(privacy & privacy_words[i].bit))
			continue;
		if (first)
			sip_put_hdr_start(b, SIP_H_PRIVACY);
		else
			sip_put_char(b, ';');
		first = false;
		sip_put(b, view_of(privacy_words[i].word));
	}
	if (!first)
		sip_put_crlf(b);
}

/* ---- URIs ---- */

static bool anonymous(const struct sip_uri *uri)
{
	return uri->host_kind == SIP_HOST_NAME &&
	       view_eq_nocase(uri->host, VIEW("anonymous.invalid"));
}

static bool is_tel(const struct sip_uri *uri)
{
	struct view value;

	return uri->scheme == SIP_SCHEME_TEL ||
	       (sip_params_get(uri->params, VIEW("user"), &value) &&
		       view_eq_nocase(value, VIEW("phone")));
}

/* verstat: a parameter of the number (3GPP TS 24.229 7.2A.20), NULL: none. */
static void put_verstat(struct sip_buf *b, const char *verstat)
{
	if (!verstat)
		return;
	sip_put_lit(b, ";verstat=");
	sip_put(b, view_of(verstat));
}

static void put_user_uri(struct sip_buf *b, const struct identity *id, struct view user, bool phone,
	const char *verstat)
{
	sip_put_lit(b, "<sip:");
	if (user.n > 0) {
		sip_put(b, user);
		put_verstat(b, verstat);
		sip_put_char(b, '@');
	}
	sip_put_host(b, id->host, ipaddr_port(id->host) != 5060);
	if (phone)
		sip_put_lit(b, ";user=phone");
	sip_put_char(b, '>');
}

/* Its number in the called side's form; empty: it stays as it is written. */
static struct view user_number(
	const struct identity *id, const struct sip_uri *uri, char buf[IDENTITY_NUMBER_MAX])
{
	char text[IDENTITY_NUMBER_MAX];

	if (policy_user_text(uri, text, sizeof(text)) < 0 ||
		identity_number(id->in, id->out, text, buf) < 0 || strcmp(text, buf) == 0)
		return (struct view){NULL, 0};
	return view_of(buf);
}

/* The user as it is, escaped for a URI; empty: it has none, or a long one. */
static struct view user_as_it_is(const struct sip_uri *uri, char escaped[POLICY_USER_MAX])
{
	char text[IDENTITY_NUMBER_MAX];

	return policy_user_text(uri, text, sizeof(text)) == 0 ? policy_user_escape(text, escaped)
							      : (struct view){NULL, 0};
}

static void put_uri(struct sip_buf *b, const struct identity *id, const struct sip_uri *uri,
	const char *verstat)
{
	char buf[IDENTITY_NUMBER_MAX], escaped[POLICY_USER_MAX];
	struct view number = user_number(id, uri, buf);

	if (number.n == 0 && verstat && !anonymous(uri))
		number = user_as_it_is(uri, escaped);
	if (number.n > 0) {
		put_user_uri(b, id, number, is_tel(uri), verstat);
		return;
	}
	sip_put_char(b, '<');
	policy_put_uri(b, uri, id->host);
	sip_put_char(b, '>');
}

void identity_put_uri(struct sip_buf *b, const struct identity *id, const struct sip_uri *uri)
{
	put_uri(b, id, uri, NULL);
}

static void put_display(struct sip_buf *b, struct view display)
{
	if (display.n == 0)
		return;
	sip_put_unfolded(b, display);
	sip_put_char(b, ' ');
}

bool identity_hides_caller(const struct identity *id, const struct sip_msg *msg)
{
	return hidden(id, identity_privacy(id, msg), PRIVACY_USER | PRIVACY_ID);
}

void identity_put_from(struct sip_buf *b, const struct identity *id, const struct sip_msg *msg)
{
	const char *verstat = id->verstat_from ? id->verstat : NULL;

	if (identity_hides_caller(id, msg)) {
		sip_put_lit(b, "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
		return;
	}
	put_display(b, msg->from.display);
	if (id->number.n > 0)
		put_user_uri(b, id, id->number, is_tel(&msg->from.uri), verstat);
	else
		put_uri(b, id, &msg->from.uri, verstat);
}

/* ---- identities ---- */

static bool usable(const struct sip_addr *addr)
{
	return !addr->star &&
	       (addr->uri.scheme == SIP_SCHEME_SIP || addr->uri.scheme == SIP_SCHEME_SIPS ||
		       addr->uri.scheme == SIP_SCHEME_TEL);
}

/* The n-th usable value of a field. */
static bool value_at(
	const struct sip_msg *msg, enum sip_hdr_id hdr, unsigned int n, struct sip_addr *ret)
{
	struct sip_values it;
	struct view value;

	sip_values_start(&it, msg, hdr);
	while (sip_values_next(&it, &value)) {
		if (sip_addr_parse(value, ret) == 0 && usable(ret) && n-- == 0)
			return true;
	}
	return false;
}

/* Who calls, by the best that its side says; of P-Asserted-Identity there may be two. */
static bool caller(
	const struct identity *id, const struct sip_msg *msg, unsigned int n, struct sip_addr *ret)
{
	if (value_at(msg, SIP_H_P_ASSERTED_IDENTITY, 0, ret))
		return n == 0 || value_at(msg, SIP_H_P_ASSERTED_IDENTITY, n, ret);
	if (id->asserted == CFG_ASSERTED_PASS || n > 0)
		return false;
	if ((party_id(msg, ret) && usable(ret)) ||
		value_at(msg, SIP_H_P_PREFERRED_IDENTITY, 0, ret))
		return true;
	*ret = msg->from;
	return usable(ret) && ret->uri.user.n > 0 && !anonymous(&ret->uri);
}

static void put_identity(struct sip_buf *b, const struct identity *id, enum sip_hdr_id hdr,
	const struct sip_addr *addr)
{
	const char *verstat = id->verstat_identity ? id->verstat : NULL;
	char buf[IDENTITY_NUMBER_MAX];
	struct view number = user_number(id, &addr->uri, buf);

	sip_put_hdr_start(b, hdr);
	if (addr->uri.scheme == SIP_SCHEME_TEL && number.n == 0 &&
		policy_user_text(&addr->uri, buf, sizeof(buf)) == 0)
		number = view_of(buf);
	if (addr->uri.scheme == SIP_SCHEME_TEL && hdr != SIP_H_REMOTE_PARTY_ID) {
		sip_put_lit(b, "<tel:");
		sip_put(b, number);
		put_verstat(b, verstat);
		sip_put_char(b, '>');
	} else {
		put_display(b, addr->display);
		put_uri(b, id, &addr->uri, verstat);
	}
}

void identity_put_headers(struct sip_buf *b, const struct identity *id, const struct sip_msg *msg)
{
	static const uint8_t hdrs[] = {
		[CFG_ASSERTED_PASS] = SIP_H_P_ASSERTED_IDENTITY,
		[CFG_ASSERTED_PAI] = SIP_H_P_ASSERTED_IDENTITY,
		[CFG_ASSERTED_PPI] = SIP_H_P_PREFERRED_IDENTITY,
		[CFG_ASSERTED_RPID] = SIP_H_REMOTE_PARTY_ID,
	};
	unsigned int privacy = identity_privacy(id, msg), n = 0;
	struct sip_addr addr;

	put_privacy(b, id, privacy);
	if (id->registered.n > 0 && id->asserted != CFG_ASSERTED_NONE &&
		!hidden(id, privacy, PRIVACY_ID)) {
		sip_put_hdr_start(b, (enum sip_hdr_id)hdrs[id->asserted]);
		sip_put_char(b, '<');
		sip_put(b, id->registered);
		sip_put_lit(b, ">\r\n");
		return;
	}
	if (!id->believed || id->asserted == CFG_ASSERTED_NONE || hidden(id, privacy, PRIVACY_ID))
		return;
	while (n < 2 && caller(id, msg, n, &addr)) {
		put_identity(b, id, (enum sip_hdr_id)hdrs[id->asserted], &addr);
		if (id->asserted == CFG_ASSERTED_RPID)
			sip_put(b, privacy & PRIVACY_ID
					   ? VIEW(";party=calling;screen=yes;privacy=full")
					   : VIEW(";party=calling;screen=yes;privacy=off"));
		sip_put_crlf(b);
		/* One sip and one tel URI (RFC 3325 9.1), of the others just one. */
		if (++n == 1 && hdrs[id->asserted] != SIP_H_P_ASSERTED_IDENTITY)
			break;
	}
}
