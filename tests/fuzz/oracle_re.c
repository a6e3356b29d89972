/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libre as an oracle: see oracle.h. */
#include "tests/fuzz/oracle.h"

#include <stdlib.h>
#include <sys/types.h>

#include <re_types.h>
#include <re_mem.h>
#include <re_fmt.h>
#include <re_mbuf.h>
#include <re_list.h>
#include <re_hash.h>
#include <re_sa.h>
#include <re_uri.h>
#include <re_msg.h>
#include <re_sip.h>
#include <re_httpauth.h>

static struct view view_pl(struct pl pl)
{
	return (struct view){pl.p, pl.p ? pl.l : 0};
}

static void uri_read(const struct uri *uri, struct oracle_uri *ret)
{
	*ret = (struct oracle_uri){.scheme = view_pl(uri->scheme),
		.user = view_pl(uri->user),
		.password = view_pl(uri->password),
		.host = view_pl(uri->host),
		.port = uri->port};
}

static bool contact_read(const struct sip_hdr *hdr, const struct sip_msg *msg, void *arg)
{
	struct oracle_msg *ret = arg;
	struct sip_addr addr;

	/* Nothing between two commas is no contact. */
	if (!pl_isset(&hdr->val))
		return false;
	if (ret->n_contacts < ORACLE_CONTACTS_MAX) {
		ret->contacts[ret->n_contacts] = (struct oracle_uri){0};
		if (pl_strcmp(&hdr->val, "*") != 0) {
			if (sip_addr_decode(&addr, &hdr->val) != 0)
				return true;
			uri_read(&addr.uri, &ret->contacts[ret->n_contacts]);
		}
	}
	ret->n_contacts++;
	return false;
}

/* As libre's transport does it for a datagram: the length that was said cuts the rest off. */
static bool body_read(const struct sip_msg *msg, struct view *ret)
{
	size_t left = mbuf_get_left(msg->mb), n = left;

	if (pl_isset(&msg->clen)) {
		n = pl_u32(&msg->clen);
		if (n > left)
			return false;
	}
	*ret = (struct view){(const char *)mbuf_buf(msg->mb), n};
	return true;
}

/* libre knows fields by a hash of 12 bits of their name: others may pass for them. */
static bool is_named(const struct sip_msg *msg)
{
	static const struct {
		enum sip_hdrid id;
		const char *name, *compact;
	} known[] = {{SIP_HDR_VIA, "Via", "v"}, {SIP_HDR_TO, "To", "t"},
		{SIP_HDR_FROM, "From", "f"}, {SIP_HDR_CALL_ID, "Call-ID", "i"},
		{SIP_HDR_CSEQ, "CSeq", "CSeq"}, {SIP_HDR_CONTACT, "Contact", "m"},
		{SIP_HDR_CONTENT_LENGTH, "Content-Length", "l"}};

	for (struct le *le = list_head(&msg->hdrl); le; le = le->next) {
		const struct sip_hdr *hdr = le->data;
		for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
			if (hdr->id == known[i].id &&
				pl_strcasecmp(&hdr->name, known[i].name) != 0 &&
				pl_strcasecmp(&hdr->name, known[i].compact) != 0)
				return false;
		}
	}
	return true;
}

static bool re_msg(const char *text, size_t n, struct oracle_msg *ret)
{
	static struct mbuf *mb;
	static struct sip_msg *msg;
	struct pl rport, rport_name = PL("rport");

	msg = mem_deref(msg);
	mb = mem_deref(mb);
	mb = mbuf_alloc(n ? n : 1);
	if (!mb || mbuf_write_mem(mb, (const uint8_t *)text, n) != 0)
		abort();
	mbuf_set_pos(mb, 0);
	if (sip_msg_decode(&msg, mb) != 0 || !is_named(msg))
		return false;
	*ret = (struct oracle_msg){.is_request = msg->req,
		.status = msg->req ? 0 : msg->scode,
		.method = view_pl(msg->met),
		.call_id = view_pl(msg->callid),
		.cseq = msg->cseq.num,
		.cseq_method = view_pl(msg->cseq.met),
		.from_tag = view_pl(msg->from.tag),
		.to_tag = view_pl(msg->to.tag),
		.via_branch = view_pl(msg->via.branch),
		.via_port = sa_port(&msg->via.addr)};
	struct pl host, port;
	if (uri_decode_hostport(&msg->via.sentby, &host, &port) != 0)
		return false;
	ret->via_host = view_pl(host);
	ret->via_port = pl_isset(&port) ? pl_u32(&port) : 0;
	ret->has_rport = uri_param_get(&msg->via.params, &rport_name, &rport) == 0;
	ret->via_rport = ret->has_rport && pl_isset(&rport) ? pl_u32(&rport) : 0;
	if (msg->req)
		uri_read(&msg->uri, &ret->uri);
	uri_read(&msg->from.uri, &ret->from);
	uri_read(&msg->to.uri, &ret->to);
	if (sip_msg_hdr_apply(msg, true, SIP_HDR_CONTACT, contact_read, ret) != NULL)
		return false;
	return pl_isset(&msg->callid) && pl_isset(&msg->cseq.met) && pl_isset(&msg->from.auri) &&
	       pl_isset(&msg->to.auri) && body_read(msg, &ret->body);
}

static bool re_uri(const char *text, size_t n, struct oracle_uri *ret)
{
	struct pl pl = {text, n};
	struct uri uri;

	if (uri_decode(&uri, &pl) != 0)
		return false;
	uri_read(&uri, ret);
	return true;
}

static bool re_challenge(const char *text, size_t n, struct oracle_digest *ret)
{
	struct pl pl = {text, n};
	struct httpauth_digest_chall c;

	if (httpauth_digest_challenge_decode(&c, &pl) != 0)
		return false;
	*ret = (struct oracle_digest){.realm = view_pl(c.realm),
		.nonce = view_pl(c.nonce),
		.opaque = view_pl(c.opaque),
		.stale = pl_isset(&c.stale) && pl_strcasecmp(&c.stale, "true") == 0};
	return true;
}

static bool re_credentials(const char *text, size_t n, struct oracle_digest *ret)
{
	struct pl pl = {text, n};
	struct httpauth_digest_resp r;

	if (httpauth_digest_response_decode(&r, &pl) != 0)
		return false;
	*ret = (struct oracle_digest){.realm = view_pl(r.realm),
		.nonce = view_pl(r.nonce),
		.username = view_pl(r.username),
		.uri = view_pl(r.uri),
		.response = view_pl(r.response),
		.cnonce = view_pl(r.cnonce),
		.nc = view_pl(r.nc)};
	return true;
}

const struct oracle oracle_re = {.name = "libre",
	.msg = re_msg,
	.uri = re_uri,
	.challenge = re_challenge,
	.credentials = re_credentials};
