/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Building of messages by appending; see sip_build.h. */
#include <errno.h>

#include "sip-b2bua/parser/sip_build.h"
#include "sip-b2bua/parser/sip_char.h"

void sip_put_u64(struct sip_buf *b, uint64_t value)
{
	char digits[20];
	unsigned int i = sizeof(digits);
	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	sip_put_mem(b, digits + i, sizeof(digits) - i);
}

void sip_put_unfolded(struct sip_buf *b, struct view value)
{
	const char *p = value.p, *end = sip_view_end(value);
	if (value.n == 0)
		return;
	if (memchr(p, '\n', value.n) == NULL && memchr(p, '\r', value.n) == NULL) {
		sip_put(b, value);
		return;
	}
	while (p < end) {
		const char *q = p;
		while (q < end && *q != '\r' && *q != '\n')
			q++;
		sip_put_mem(b, p, (size_t)(q - p));
		p = sip_skip_ws(q, end);
		if (q < end)
			sip_put_char(b, ' ');
	}
}

void sip_put_ip(struct sip_buf *b, const struct ipaddr *addr)
{
	char text[IPADDR_TEXT_MAX], *p = text;
	if (addr->family != 4) {
		sip_put(b, view_of(ipaddr_print(addr, text)));
		return;
	}
	for (unsigned int i = 0; i < 4; i++) {
		unsigned int octet = addr->ip[i];
		if (i > 0)
			*p++ = '.';
		if (octet >= 100)
			*p++ = (char)('0' + octet / 100);
		if (octet >= 10)
			*p++ = (char)('0' + octet / 10 % 10);
		*p++ = (char)('0' + octet % 10);
	}
	sip_put_mem(b, text, (size_t)(p - text));
}

void sip_put_host(struct sip_buf *b, const struct ipaddr *addr, bool with_port)
{
	bool v6 = addr->family == 6;
	if (v6)
		sip_put_char(b, '[');
	sip_put_ip(b, addr);
	if (v6)
		sip_put_char(b, ']');
	if (with_port && addr->port_be16 != 0) {
		sip_put_char(b, ':');
		sip_put_u64(b, ipaddr_port(addr));
	}
}

void sip_put_hdr_start(struct sip_buf *b, enum sip_hdr_id id)
{
	sip_put(b, sip_hdr_text(id));
	sip_put_lit(b, ": ");
}

void sip_put_hdr(struct sip_buf *b, enum sip_hdr_id id, struct view value)
{
	sip_put_hdr_named(b, sip_hdr_text(id), value);
}

void sip_put_hdr_named(struct sip_buf *b, struct view name, struct view value)
{
	sip_put(b, name);
	sip_put_lit(b, ": ");
	sip_put_unfolded(b, value);
	sip_put_crlf(b);
}

void sip_put_hdr_u64(struct sip_buf *b, enum sip_hdr_id id, uint64_t value)
{
	sip_put_hdr_start(b, id);
	sip_put_u64(b, value);
	sip_put_crlf(b);
}

unsigned int sip_put_copies(struct sip_buf *b, const struct sip_msg *msg, enum sip_hdr_id id)
{
	unsigned int n = 0;
	for (const struct sip_hdr *h = sip_msg_hdr(msg, id); h; h = sip_msg_hdr_next(msg, h), n++)
		sip_put_hdr(b, id, h->value);
	return n;
}

void sip_put_via(
	struct sip_buf *b, struct view transport, const struct ipaddr *sent_by, struct view branch)
{
	sip_put_via_with(b, transport, sent_by, branch, (struct view){NULL, 0});
}

void sip_put_via_with(struct sip_buf *b, struct view transport, const struct ipaddr *sent_by,
	struct view branch, struct view params)
{
	sip_put_lit(b, "Via: SIP/2.0/");
	sip_put(b, transport);
	sip_put_char(b, ' ');
	sip_put_host(b, sent_by, true);
	sip_put_lit(b, ";branch=");
	sip_put(b, branch);
	/* What comes back may use the connection (RFC 5923 4). */
	if (view_eq(transport, VIEW("TLS")))
		sip_put_lit(b, ";alias");
	sip_put(b, params);
	sip_put_lit(b, ";rport\r\n");
}

void sip_put_cseq(struct sip_buf *b, uint32_t number, struct view method)
{
	sip_put_lit(b, "CSeq: ");
	sip_put_u64(b, number);
	sip_put_char(b, ' ');
	sip_put(b, method);
	sip_put_crlf(b);
}

void sip_build_request(struct sip_buf *b, struct view method_text, struct view uri)
{
	sip_put(b, method_text);
	sip_put_char(b, ' ');
	sip_put(b, uri);
	sip_put_lit(b, " SIP/2.0\r\n");
}

/*
 * The topmost Via as it goes back: received is the true source whatever it said before, rport
 * gets its value when it was asked for. RFC 3261 18.2.1 adds received only when it differs; saying
 * it whenever rport is there is RFC 3581 4.
 */
static void top_via_put(struct sip_buf *b, const struct sip_msg *req, const struct ipaddr *source)
{
	const struct sip_via *via = &req->via;
	struct view rest = via->params, name, value;
	struct ipaddr sent_by;
	bool differs = sip_host_addr(via->host, 0, &sent_by) != 0 ||
		       !ipaddr_same_ip(&sent_by, source);

	sip_put_lit(b, "SIP/");
	sip_put(b, via->version);
	sip_put_char(b, '/');
	sip_put(b, via->transport);
	sip_put_char(b, ' ');
	sip_put_unfolded(b, via->sent_by);
	while (sip_params_next(&rest, &name, &value)) {
		if (view_eq_nocase(name, VIEW("received")) || view_eq_nocase(name, VIEW("rport")))
			continue;
		sip_put_char(b, ';');
		sip_put(b, name);
		if (value.p != NULL) {
			sip_put_char(b, '=');
			sip_put_unfolded(b, value);
		}
	}
	if (via->has_rport) {
		sip_put_lit(b, ";rport=");
		sip_put_u64(b, ipaddr_port(source));
	}
	if (via->has_rport || differs) {
		sip_put_lit(b, ";received=");
		sip_put_ip(b, source);
	}
}

static void vias_put(struct sip_buf *b, const struct sip_msg *req, const struct ipaddr *source)
{
	const struct sip_hdr *h = sip_msg_hdr(req, SIP_H_VIA);
	if (source == NULL || req->via.text.p == NULL) {
		(void)sip_put_copies(b, req, SIP_H_VIA);
		return;
	}
	struct view rest = h->value, top;
	(void)sip_list_next(&rest, &top);
	sip_put_lit(b, "Via: ");
	top_via_put(b, req, source);
	sip_put_crlf(b);
	rest = view_trim(rest);
	if (rest.n > 0)
		sip_put_hdr(b, SIP_H_VIA, rest);
	while ((h = sip_msg_hdr_next(req, h)) != NULL)
		sip_put_hdr(b, SIP_H_VIA, h->value);
}

void sip_build_response(struct sip_buf *b, const struct sip_msg *request,
	const struct ipaddr *source, unsigned int status, struct view reason, struct view to_tag)
{
	sip_put_lit(b, "SIP/2.0 ");
	sip_put_u64(b, status);
	sip_put_char(b, ' ');
	sip_put_unfolded(b, reason.n > 0 ? reason : sip_reason_text(status));
	sip_put_crlf(b);
	vias_put(b, request, source);
	struct view v = sip_msg_value(request, SIP_H_FROM);
	if (v.p != NULL)
		sip_put_hdr(b, SIP_H_FROM, v);
	v = sip_msg_value(request, SIP_H_TO);
	if (v.p != NULL) {
		sip_put_hdr_start(b, SIP_H_TO);
		sip_put_unfolded(b, v);
		/* A To that does not parse goes back as it came: where its tag would be, nobody
		 * knows. */
		if (to_tag.n > 0 && request->to.text.p != NULL && request->to.tag.p == NULL) {
			sip_put_lit(b, ";tag=");
			sip_put(b, to_tag);
		}
		sip_put_crlf(b);
	}
	v = sip_msg_value(request, SIP_H_CALL_ID);
	if (v.p != NULL)
		sip_put_hdr(b, SIP_H_CALL_ID, v);
	v = sip_msg_value(request, SIP_H_CSEQ);
	if (v.p != NULL)
		sip_put_hdr(b, SIP_H_CSEQ, v);
	v = sip_msg_value(request, SIP_H_TIMESTAMP);
	if (status == 100 && v.p != NULL) /* RFC 3261 8.2.6.1 */
		sip_put_hdr(b, SIP_H_TIMESTAMP, v);
}

int sip_build_end(struct sip_buf *b, struct view content_type, struct view body)
{
	if (content_type.n > 0)
		sip_put_hdr(b, SIP_H_CONTENT_TYPE, content_type);
	sip_put_hdr_u64(b, SIP_H_CONTENT_LENGTH, body.n);
	sip_put_crlf(b);
	sip_put(b, body);
	return b->overflow ? -EMSGSIZE : 0;
}
