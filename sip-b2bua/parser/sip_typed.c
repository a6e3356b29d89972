/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Typed access to header fields: Via, name-addr, CSeq, lists, numbers; see sip_msg.h. */
#include <errno.h>

#include "sip-b2bua/parser/sip_char.h"
#include "sip-b2bua/parser/sip_msg.h"

bool sip_is_token(struct view v)
{
	return v.n > 0 && sip_skip(v.p, sip_view_end(v), SIP_C_TOKEN) == sip_view_end(v);
}

/* Takes a word of token characters and the white space behind it. */
static struct view word_take(const char **p, const char *end)
{
	const char *q = sip_skip(*p, end, SIP_C_TOKEN);
	struct view word = sip_between(*p, q);
	*p = sip_skip_ws(q, end);
	return word;
}

static bool char_take(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	*p = sip_skip_ws(*p + 1, end);
	return true;
}

/* sent-by: host [COLON port]; *p moves behind it and its white space. */
static int sent_by_take(const char **p, const char *end, struct sip_via *via)
{
	const char *start = *p, *q = start;
	if (q < end && *q == '[') {
		q = memchr(q, ']', (size_t)(end - q));
		if (q == NULL)
			return -EINVAL;
		q++;
	} else {
		q = sip_skip(q, end, SIP_C_HOST);
	}
	if (sip_host_parse(sip_between(start, q), &via->host_kind, &via->host) != 0)
		return -EINVAL;
	via->sent_by = sip_between(start, q);
	q = sip_skip_ws(q, end);
	if (q < end && *q == ':') {
		uint64_t port;
		const char *digits = sip_skip_ws(q + 1, end);
		q = sip_skip(digits, end, SIP_C_DIGIT);
		if (view_to_u64(sip_between(digits, q), 65535, &port) != 0 || port == 0)
			return -EINVAL;
		via->port = (uint16_t)port;
		via->sent_by = sip_between(start, q);
		q = sip_skip_ws(q, end);
	}
	*p = q;
	return 0;
}

/* RFC 3261 7.3.1: a parameter stands once. Of two branches each end would take another. */
static int param_once(struct view *field, struct view value)
{
	if (field->p != NULL)
		return -EINVAL;
	*field = value;
	return 0;
}

static int via_param_set(struct sip_via *via, struct view name, struct view value)
{
	uint64_t port;
	switch (name.n) {
	case 5:
		if (view_eq_nocase(name, VIEW("maddr")))
			return param_once(&via->maddr, value);
		if (view_eq_nocase(name, VIEW("rport"))) {
			if (via->has_rport)
				return -EINVAL;
			via->has_rport = true;
			if (value.n > 0) {
				if (view_to_u64(value, 65535, &port) != 0)
					return -EINVAL;
				via->rport = (uint16_t)port;
			}
		}
		break;
	case 6:
		if (view_eq_nocase(name, VIEW("branch")))
			return param_once(&via->branch, value);
		break;
	case 8:
		if (view_eq_nocase(name, VIEW("received")))
			return param_once(&via->received, value);
		break;
	default:
		break;
	}
	return 0;
}

int sip_via_parse(struct view value, struct sip_via *ret_via)
{
	struct view text = view_trim(value), name, word;
	const char *p = text.p, *end = sip_view_end(text);
	struct sip_via via = {.text = text};

	if (!view_eq_nocase(word_take(&p, end), VIEW("SIP")) || !char_take(&p, end, '/'))
		return -EINVAL;
	via.version = word_take(&p, end);
	if (via.version.n == 0 || !char_take(&p, end, '/'))
		return -EINVAL;
	const char *before = p;
	via.transport = word_take(&p, end);
	/* White space must stand between transport and host. */
	if (via.transport.n == 0 || p == before + via.transport.n)
		return -EINVAL;
	if (sent_by_take(&p, end, &via) != 0)
		return -EINVAL;
	if (p < end && *p != ';')
		return -EINVAL;
	*ret_via = via;
	if (p < end)
		via.params = sip_between(p + 1, end);
	while (p < end) {
		p++;
		if (sip_param_take(&p, end, &name, &word) != 0 ||
			via_param_set(&via, name, word) != 0)
			return -EBADMSG;
		/* Behind a '<' it did not part the list, for others it does: a Via more or less. */
		if (word.n > 0 && *word.p != '"' && memchr(word.p, ',', word.n))
			return -EBADMSG;
	}
	*ret_via = via;
	return 0;
}

/* Header parameters from *p (at ';' or at the end), keeping the tag. */
static int addr_params(const char *p, const char *end, struct sip_addr *a)
{
	struct view name, value;
	p = sip_skip_ws(p, end);
	if (p == end)
		return 0;
	if (*p != ';')
		return -EINVAL;
	a->params = sip_between(p + 1, end);
	while (p < end) {
		p++;
		if (sip_param_take(&p, end, &name, &value) != 0)
			return -EINVAL;
		if (name.n == 3 && view_eq_nocase(name, VIEW("tag"))) {
			if (!sip_is_token(value) || param_once(&a->tag, value) != 0)
				return -EINVAL;
		}
	}
	return 0;
}

/*
 * An unquoted display name is tokens and white space; octets of UTF-8 are let in, phones send them.
 * Returns where it ends.
 */
static const char *display_skip(const char *p, const char *end)
{
	while (p < end && (sip_char_is(*p, SIP_C_TOKEN | SIP_C_WS) || (uint8_t)*p >= 0x80))
		p++;
	return p;
}

int sip_addr_parse(struct view value, struct sip_addr *ret_addr)
{
	struct view text = view_trim(value);
	struct sip_addr a = {.text = text};
	const char *p = text.p, *end = sip_view_end(text), *q;

	if (text.n == 0)
		return -EINVAL;
	if (text.n == 1 && *p == '*') {
		a.star = true;
		*ret_addr = a;
		return 0;
	}
	if (*p == '"') {
		q = sip_skip_quoted(p, end);
		if (q == NULL)
			return -EINVAL;
		a.display = sip_between(p, q);
		q = sip_skip_ws(q, end);
		if (q == end || *q != '<')
			return -EINVAL;
	} else {
		q = display_skip(p, end);
		if (q < end && *q == '<' && q > p)
			a.display = view_trim(sip_between(p, q));
	}
	if (q < end && *q == '<') {
		const char *uri = q + 1;
		q = memchr(uri, '>', (size_t)(end - uri));
		if (q == NULL || sip_uri_parse(sip_between(uri, q), &a.uri) != 0)
			return -EINVAL;
		q++;
	} else {
		/* addr-spec: what follows ';' belongs to the header field; '?' and ',' would have
		 * needed <> (RFC 3261 20.10). */
		for (q = p; q < end && *q != ';' && !sip_char_is(*q, SIP_C_WS); q++) {
			if (*q == '?' || *q == ',')
				return -EINVAL;
		}
		if (sip_uri_parse(sip_between(p, q), &a.uri) != 0)
			return -EINVAL;
	}
	if (addr_params(q, end, &a) != 0)
		return -EINVAL;
	*ret_addr = a;
	return 0;
}

int sip_cseq_parse(struct view value, struct sip_cseq *ret_cseq)
{
	struct view text = view_trim(value);
	const char *p = text.p, *end = sip_view_end(text);
	const char *q = sip_skip(p, end, SIP_C_DIGIT);
	uint64_t number;

	/* RFC 3261 8.1.1.5: less than 2^31; peers use the upper half, which does no harm here. */
	if (view_to_u64(sip_between(p, q), UINT32_MAX, &number) != 0)
		return -EINVAL;
	p = sip_skip_ws(q, end);
	struct view method = sip_between(p, end);
	if (p == q || !sip_is_token(method))
		return -EINVAL;
	*ret_cseq = (struct sip_cseq){(uint32_t)number, sip_method_lookup(method), method};
	return 0;
}

const struct sip_hdr *sip_msg_hdr(const struct sip_msg *msg, enum sip_hdr_id id)
{
	return msg->first[id] == SIP_NONE ? NULL : &msg->hdrs[msg->first[id]];
}

const struct sip_hdr *sip_msg_hdr_next(const struct sip_msg *msg, const struct sip_hdr *hdr)
{
	return hdr->next == SIP_NONE ? NULL : &msg->hdrs[hdr->next];
}

const struct sip_hdr *sip_msg_hdr_named(const struct sip_msg *msg, struct view name)
{
	for (unsigned int i = 0; i < msg->n_hdrs; i++) {
		if (view_eq_nocase(msg->hdrs[i].name, name))
			return &msg->hdrs[i];
	}
	return NULL;
}

struct view sip_msg_value(const struct sip_msg *msg, enum sip_hdr_id id)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, id);
	return hdr ? hdr->value : (struct view){NULL, 0};
}

bool sip_list_next(struct view *rest, struct view *ret_value)
{
	const char *p = rest->p, *end = sip_view_end(*rest);
	bool in_angle = false;

	if (rest->n == 0)
		return false;
	/* Nearly all fields hold one value. */
	if (memchr(p, ',', rest->n) == NULL)
		p = end;
	while (p < end && (in_angle || *p != ',')) {
		if (*p == '"' && !in_angle) {
			p = sip_skip_quoted(p, end);
			if (p == NULL)
				p = end; /* the value's own parser will refuse it */
			continue;
		}
		if (*p == '<')
			in_angle = true;
		else if (*p == '>')
			in_angle = false;
		p++;
	}
	*ret_value = view_trim(sip_between(rest->p, p));
	*rest = p < end ? sip_between(p + 1, end) : sip_between(end, end);
	return true;
}

void sip_values_start(struct sip_values *it, const struct sip_msg *msg, enum sip_hdr_id id)
{
	*it = (struct sip_values){.msg = msg, .next = msg->first[id]};
}

bool sip_values_next(struct sip_values *it, struct view *ret_value)
{
	while (!sip_list_next(&it->rest, ret_value)) {
		if (it->next == SIP_NONE)
			return false;
		const struct sip_hdr *hdr = &it->msg->hdrs[it->next];
		it->rest = hdr->value;
		it->next = hdr->next;
	}
	return true;
}

bool sip_msg_has_token(const struct sip_msg *msg, enum sip_hdr_id id, struct view token)
{
	for (const struct sip_hdr *h = sip_msg_hdr(msg, id); h; h = sip_msg_hdr_next(msg, h)) {
		const char *p = h->value.p, *end = sip_view_end(h->value);
		/* Tokens alone, so that no comma is within one. */
		for (;;) {
			const char *word = p = sip_skip_ws(p, end);
			p = sip_skip(p, end, SIP_C_TOKEN);
			struct view value = sip_between(word, p);
			p = sip_skip_ws(p, end);
			if ((p == end || *p == ',') && view_eq_nocase(value, token))
				return true;
			while (p < end && *p != ',')
				p++;
			if (p == end)
				break;
			p++;
		}
	}
	return false;
}

int sip_msg_contact(const struct sip_msg *msg, struct sip_addr *ret_contact)
{
	if (msg->contact.text.p == NULL)
		return -ENOENT;
	*ret_contact = msg->contact;
	return 0;
}

int sip_msg_seconds(const struct sip_msg *msg, enum sip_hdr_id id, uint32_t *ret_seconds)
{
	struct view v = sip_msg_value(msg, id);
	uint64_t seconds;
	if (v.p == NULL)
		return -ENOENT;
	const char *end = sip_view_end(v), *p = sip_skip(v.p, end, SIP_C_DIGIT);
	if (view_to_u64(sip_between(v.p, p), UINT32_MAX, &seconds) != 0)
		return -EINVAL;
	p = sip_skip_ws(p, end);
	if (p < end && *p != ';' && *p != '(')
		return -EINVAL;
	*ret_seconds = (uint32_t)seconds;
	return 0;
}

int sip_msg_rack(const struct sip_msg *msg, struct sip_rack *ret_rack)
{
	struct view v = sip_msg_value(msg, SIP_H_RACK);
	struct sip_cseq cseq;
	uint64_t rseq;

	if (v.p == NULL)
		return -ENOENT;
	const char *end = sip_view_end(v), *p = sip_skip(v.p, end, SIP_C_DIGIT);
	/* What follows the number is as in CSeq. */
	if (view_to_u64(sip_between(v.p, p), UINT32_MAX, &rseq) != 0 || rseq == 0 || p == end ||
		sip_skip_ws(p, end) == p ||
		sip_cseq_parse(sip_between(sip_skip_ws(p, end), end), &cseq) != 0)
		return -EINVAL;
	*ret_rack = (struct sip_rack){
		.rseq = (uint32_t)rseq, .cseq = cseq.number, .method = (uint8_t)cseq.method};
	return 0;
}

int sip_msg_rseq(const struct sip_msg *msg, uint32_t *ret_rseq)
{
	struct view v = sip_msg_value(msg, SIP_H_RSEQ);
	uint64_t rseq;

	if (v.p == NULL)
		return -ENOENT;
	if (view_to_u64(v, UINT32_MAX, &rseq) != 0 || rseq == 0)
		return -EINVAL;
	*ret_rseq = (uint32_t)rseq;
	return 0;
}

int sip_msg_content_type(const struct sip_msg *msg, struct view *ret_type, struct view *ret_subtype,
	struct view *ret_params)
{
	struct view v = sip_msg_value(msg, SIP_H_CONTENT_TYPE);
	if (v.p == NULL)
		return -ENOENT;
	const char *p = v.p, *end = sip_view_end(v);
	struct view type = word_take(&p, end);
	if (type.n == 0 || !char_take(&p, end, '/'))
		return -EINVAL;
	struct view subtype = word_take(&p, end);
	if (subtype.n == 0 || (p < end && *p != ';'))
		return -EINVAL;
	*ret_type = type;
	*ret_subtype = subtype;
	*ret_params = sip_between(p < end ? sip_skip_ws(p + 1, end) : end, end);
	return 0;
}

bool sip_msg_is_sdp(const struct sip_msg *msg)
{
	struct view type, subtype, params;
	return msg->body.n > 0 && sip_msg_content_type(msg, &type, &subtype, &params) == 0 &&
	       view_eq_nocase(type, VIEW("application")) && view_eq_nocase(subtype, VIEW("sdp"));
}
