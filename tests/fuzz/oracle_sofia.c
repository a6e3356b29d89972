/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sofia-sip as an oracle: see oracle.h. */
#include "tests/fuzz/oracle.h"

#include <stdlib.h>

#include <sofia-sip/auth_digest.h>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/url.h>

static unsigned int number(const char *text)
{
	return text ? (unsigned int)strtoul(text, NULL, 10) : 0;
}

static struct view bare_host(const char *host)
{
	struct view v = view_of(host);

	if (v.n > 1 && v.p[0] == '[' && v.p[v.n - 1] == ']')
		v = (struct view){v.p + 1, v.n - 2};
	return v;
}

static void uri_read(const url_t *url, struct oracle_uri *ret)
{
	*ret = (struct oracle_uri){.scheme = view_of(url->url_scheme),
		.user = view_of(url->url_user),
		.password = view_of(url->url_password),
		.host = bare_host(url->url_host),
		.port = number(url->url_port)};
}

static void msg_read(const sip_t *sip, struct oracle_msg *ret)
{
	*ret = (struct oracle_msg){.is_request = sip->sip_request != NULL,
		.call_id = view_of(sip->sip_call_id->i_id),
		.cseq = sip->sip_cseq->cs_seq,
		.cseq_method = view_of(sip->sip_cseq->cs_method_name),
		.from_tag = view_of(sip->sip_from->a_tag),
		.to_tag = view_of(sip->sip_to->a_tag),
		.via_branch = view_of(sip->sip_via->v_branch),
		.via_host = bare_host(sip->sip_via->v_host),
		.via_port = number(sip->sip_via->v_port),
		.via_rport = number(sip->sip_via->v_rport),
		.has_rport = sip->sip_via->v_rport != NULL};
	if (sip->sip_request) {
		ret->method = view_of(sip->sip_request->rq_method_name);
		uri_read(sip->sip_request->rq_url, &ret->uri);
	} else {
		ret->status = (unsigned int)sip->sip_status->st_status;
	}
	uri_read(sip->sip_from->a_url, &ret->from);
	uri_read(sip->sip_to->a_url, &ret->to);
	for (const sip_contact_t *m = sip->sip_contact; m; m = m->m_next) {
		if (ret->n_contacts < ORACLE_CONTACTS_MAX)
			uri_read(m->m_url, &ret->contacts[ret->n_contacts]);
		ret->n_contacts++;
	}
	if (sip->sip_payload)
		ret->body = (struct view){sip->sip_payload->pl_data, sip->sip_payload->pl_len};
}

static bool sofia_msg(const char *text, size_t n, struct oracle_msg *ret)
{
	static msg_t *msg;
	sip_t *sip;

	msg_destroy(msg);
	msg = msg_make(sip_default_mclass(), 0, text, (ssize_t)n);
	sip = msg ? sip_object(msg) : NULL;
	if (!sip || (sip->sip_flags & (MSG_FLG_ERROR | MSG_FLG_TRUNC)) || sip->sip_error ||
		msg_extract_errors(msg) || (!sip->sip_request && !sip->sip_status) ||
		!sip->sip_via || !sip->sip_from || !sip->sip_to || !sip->sip_call_id ||
		!sip->sip_cseq || sip_sanity_check(sip) < 0)
		return false;
	msg_read(sip, ret);
	return true;
}

static bool sofia_uri(const char *text, size_t n, struct oracle_uri *ret)
{
	static char *copy;
	url_t url;

	free(copy);
	copy = strndup(text, n);
	if (!copy)
		abort();
	if (strlen(copy) != n || url_d(&url, copy) < 0 || !url.url_scheme)
		return false;
	uri_read(&url, ret);
	return true;
}

static const msg_auth_t *auth_make(su_home_t **home, const char *text, size_t n)
{
	char *copy = strndup(text, n);
	const msg_auth_t *au;

	su_home_unref(*home);
	*home = su_home_new(sizeof(**home));
	if (!copy || !*home)
		abort();
	au = strlen(copy) == n ? sip_authorization_make(*home, copy) : NULL;
	free(copy);
	return au && au->au_scheme && view_eq_nocase(view_of(au->au_scheme), VIEW("Digest")) ? au
											     : NULL;
}

static bool sofia_challenge(const char *text, size_t n, struct oracle_digest *ret)
{
	static su_home_t *home;
	const msg_auth_t *au = auth_make(&home, text, n);
	auth_challenge_t c = {.ac_size = sizeof(c)};

	if (!au || auth_digest_challenge_get(home, &c, au->au_params) < 0)
		return false;
	*ret = (struct oracle_digest){.realm = view_of(c.ac_realm),
		.nonce = view_of(c.ac_nonce),
		.opaque = view_of(c.ac_opaque),
		.stale = c.ac_stale};
	return c.ac_realm && c.ac_nonce;
}

static bool sofia_credentials(const char *text, size_t n, struct oracle_digest *ret)
{
	static su_home_t *home;
	const msg_auth_t *au = auth_make(&home, text, n);
	auth_response_t r = {.ar_size = sizeof(r)};

	if (!au || auth_digest_response_get(home, &r, au->au_params) < 0)
		return false;
	*ret = (struct oracle_digest){.realm = view_of(r.ar_realm),
		.nonce = view_of(r.ar_nonce),
		.username = view_of(r.ar_username),
		.uri = view_of(r.ar_uri),
		.response = view_of(r.ar_response),
		.cnonce = view_of(r.ar_cnonce),
		.nc = view_of(r.ar_nc)};
	return r.ar_realm && r.ar_nonce && r.ar_username && r.ar_uri && r.ar_response;
}

const struct oracle oracle_sofia = {.name = "sofia-sip",
	.unescapes = true,
	.msg = sofia_msg,
	.uri = sofia_uri,
	.challenge = sofia_challenge,
	.credentials = sofia_credentials};
