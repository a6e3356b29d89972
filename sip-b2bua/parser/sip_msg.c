/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One pass over a message: start line, header fields, body; then the checks that RFC 3261 wants of
 * every message and RFC 4475 tries. The first fault is remembered and the scan goes on, as the
 * answer to a broken request needs its Via, From, To, Call-ID and CSeq.
 */
#include <errno.h>

#include "sip-b2bua/parser/sip_char.h"
#include "sip-b2bua/parser/sip_msg.h"

static void fail(struct sip_msg *msg, uint16_t status, const char *why)
{
	if (msg->error == NULL) {
		msg->error = why;
		msg->error_status = status;
	}
}

/*
 * Takes a line with its folds (RFC 3261 7.3.1: a line that starts with white space goes on with the
 * one before), without its line end. A bare LF ends a line too. false: no line end in the rest.
 */
static bool line_take(const char **p, const char *end, struct view *ret_line)
{
	const char *start = *p, *q = start;
	for (;;) {
		q = memchr(q, '\n', (size_t)(end - q));
		if (q == NULL)
			return false;
		q++;
		const char *stop = q - 1;
		if (stop > start && stop[-1] == '\r')
			stop--;
		/* The empty line ends the header and folds nothing. */
		if (stop == start || q == end || (*q != ' ' && *q != '\t')) {
			*ret_line = sip_between(start, stop);
			*p = q;
			return true;
		}
	}
}

/* The colon's place, or NULL; name without the white space that may stand before the colon. */
static const char *name_take(struct view line, struct view *ret_name)
{
	const char *end = sip_view_end(line);
	const char *p = sip_skip(line.p, end, SIP_C_TOKEN);
	*ret_name = sip_between(line.p, p);
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p < end && *p == ':' && ret_name->n > 0 ? p : NULL;
}

int sip_msg_frame(const char *buf, size_t n, size_t *ret_len)
{
	const char *p = buf, *end = n > 0 ? buf + n : buf;
	struct view line, name;
	uint64_t length = 0, value;
	bool have_length = false;

	for (;;) {
		if (!line_take(&p, end, &line))
			return n > SIP_MSG_MAX ? -EBADMSG : -EAGAIN;
		if (line.n == 0)
			break;
		/* A line at the very end may be folded by what has not arrived yet. */
		if (p == end)
			return n > SIP_MSG_MAX ? -EBADMSG : -EAGAIN;
		if ((line.p[0] | 0x20) != 'c' && (line.p[0] | 0x20) != 'l')
			continue;
		const char *colon = name_take(line, &name);
		if (colon == NULL || sip_hdr_lookup(name) != SIP_H_CONTENT_LENGTH)
			continue;
		struct view text = view_trim(sip_between(colon + 1, sip_view_end(line)));
		if (view_to_u64(text, SIP_MSG_MAX, &value) != 0 || (have_length && value != length))
			return -EBADMSG;
		length = value;
		have_length = true;
	}
	/* RFC 3261 18.3: on a stream the length must be said. */
	if (!have_length || (size_t)(p - buf) + length > SIP_MSG_MAX)
		return -EBADMSG;
	*ret_len = (size_t)(p - buf) + (size_t)length;
	return 0;
}

/* "SIP/2.0" in any case; anything else of that form is another version (505). */
static void version_check(struct sip_msg *msg, struct view version)
{
	if (view_eq_nocase(version, VIEW("SIP/2.0")))
		return;
	bool is_sip = version.n > 4 && view_eq_nocase((struct view){version.p, 4}, VIEW("SIP/")) &&
		      sip_is_token((struct view){version.p + 4, version.n - 4});
	fail(msg, is_sip ? 505 : 400, is_sip ? "SIP version not supported" : "bad request line");
}

static void request_line(struct sip_msg *msg, struct view line)
{
	const char *p = line.p, *end = sip_view_end(line);
	const char *sp = memchr(p, ' ', line.n);
	msg->method_text = sip_between(p, sp ? sp : end);
	if (!sip_is_token(msg->method_text)) {
		fail(msg, 400, "bad method");
		return;
	}
	msg->method = sip_method_lookup(msg->method_text);
	const char *sp2 = sp ? memchr(sp + 1, ' ', (size_t)(end - sp - 1)) : NULL;
	if (sp2 == NULL || memchr(sp2 + 1, ' ', (size_t)(end - sp2 - 1)) != NULL) {
		fail(msg, 400, "bad request line");
		return;
	}
	msg->uri_text = sip_between(sp + 1, sp2);
	version_check(msg, sip_between(sp2 + 1, end));
	if (sip_uri_parse(msg->uri_text, &msg->uri) != 0)
		fail(msg, 400, "bad Request-URI");
	else if (msg->uri.headers.p != NULL)
		fail(msg, 400, "headers in the Request-URI"); /* RFC 3261 19.1.1, table 1 */
}

static void status_line(struct sip_msg *msg, struct view line)
{
	const char *p = line.p, *end = sip_view_end(line);
	const char *sp = memchr(p, ' ', line.n);
	uint64_t status;
	version_check(msg, sip_between(p, sp ? sp : end));
	const char *digits = sp ? sp + 1 : end;
	const char *q = sip_skip(digits, end, SIP_C_DIGIT);
	if (q - digits != 3 || view_to_u64(sip_between(digits, q), 699, &status) != 0 ||
		status < 100 || (q < end && *q != ' ')) {
		fail(msg, 400, "bad status code");
		return;
	}
	msg->status = (uint16_t)status;
	msg->reason = q < end ? sip_between(q + 1, end) : sip_between(end, end);
}

static void header_add(struct sip_msg *msg, struct view line, uint8_t last[SIP_H_N])
{
	struct view name;
	if (line.n > SIP_LINE_MAX) {
		fail(msg, 400, "header field too long");
		return;
	}
	const char *colon = name_take(line, &name);
	if (colon == NULL) {
		fail(msg, 400, "bad header field");
		return;
	}
	if (msg->n_hdrs == SIP_HDRS_MAX) {
		fail(msg, 400, "too many header fields");
		return;
	}
	uint8_t i = msg->n_hdrs++;
	struct sip_hdr *hdr = &msg->hdrs[i];
	hdr->name = name;
	hdr->value = view_trim(sip_between(colon + 1, sip_view_end(line)));
	hdr->id = (uint8_t)sip_hdr_lookup(name);
	hdr->next = SIP_NONE;
	if (hdr->id == SIP_H_OTHER)
		return;
	if (msg->first[hdr->id] == SIP_NONE)
		msg->first[hdr->id] = i;
	else
		msg->hdrs[last[hdr->id]].next = i;
	last[hdr->id] = i;
}

/*
 * RFC 3261 25.1: CR stands only in front of LF. Some readers end a line at a CR alone, and would see other
 * fields than we do in what we pass on.
 */
static bool has_bare_cr(struct view head)
{
	/* Octets all the way: so many are looked at together. */
	uint8_t bare = 0;
	for (size_t i = 0; i + 1 < head.n; i++)
		bare |= (uint8_t)((head.p[i] == '\r') & (head.p[i + 1] != '\n'));
	return bare;
}

/* RFC 3261 18.3 */
static void body_find(struct sip_msg *msg, const char *p, const char *end)
{
	struct view v = sip_msg_value(msg, SIP_H_CONTENT_LENGTH);
	uint64_t length = (uint64_t)(end - p);
	if (v.p != NULL && view_to_u64(v, SIP_MSG_MAX, &length) != 0) {
		fail(msg, 400, "bad Content-Length");
		length = 0;
	} else if (v.p == NULL && msg->is_stream && p < end) {
		fail(msg, 400, "no Content-Length");
	} else if (length > (uint64_t)(end - p)) {
		fail(msg, 400, "Content-Length larger than the message");
		length = (uint64_t)(end - p);
	}
	msg->body = sip_between(p, p + length);
	msg->raw.n = (size_t)(p + length - msg->raw.p);
}

static void singles_check(struct sip_msg *msg)
{
	static const uint8_t singles[] = {SIP_H_FROM, SIP_H_TO, SIP_H_CALL_ID, SIP_H_CSEQ,
		SIP_H_MAX_FORWARDS, SIP_H_CONTENT_LENGTH, SIP_H_CONTENT_TYPE};
	for (unsigned int i = 0; i < sizeof(singles); i++) {
		const struct sip_hdr *hdr = sip_msg_hdr(msg, singles[i]);
		if (hdr != NULL && hdr->next != SIP_NONE)
			fail(msg, 400, "a header field that may stand once stands twice");
	}
}

static void addrs_check(struct sip_msg *msg, enum sip_hdr_id id, const char *why)
{
	struct sip_values it;
	struct sip_addr addr;
	struct view value;
	sip_values_start(&it, msg, id);
	while (sip_values_next(&it, &value)) {
		if (sip_addr_parse(value, &addr) != 0 || (addr.star && id != SIP_H_CONTACT))
			fail(msg, 400, why);
		else if (id == SIP_H_CONTACT && msg->contact.text.p == NULL)
			msg->contact = addr;
	}
}

/* The topmost Via is typed for good, the others must be well-formed. */
static bool vias_check(struct sip_msg *msg)
{
	struct sip_values it;
	struct sip_via via;
	struct view value;
	bool first = true, top_is_good = false;
	sip_values_start(&it, msg, SIP_H_VIA);
	while (sip_values_next(&it, &value)) {
		int rc = sip_via_parse(value, &via);
		if (first) {
			top_is_good = rc != -EINVAL;
			if (top_is_good)
				msg->via = via;
		}
		if (rc != 0 || !view_eq(via.version, VIEW("2.0")))
			fail(msg, 400, "bad Via");
		first = false;
	}
	if (first)
		fail(msg, 400, "no Via");
	return top_is_good;
}

static void cseq_check(struct sip_msg *msg)
{
	struct view v = sip_msg_value(msg, SIP_H_CSEQ);
	if (v.p == NULL) {
		fail(msg, 400, "no CSeq");
		return;
	}
	if (sip_cseq_parse(v, &msg->cseq) != 0) {
		fail(msg, 400, "bad CSeq");
		return;
	}
	if (!msg->is_request)
		msg->method = msg->cseq.method;
	else if (!view_eq(msg->cseq.method_text, msg->method_text))
		fail(msg, 400, "method of CSeq is not that of the request");
}

static void party_check(struct sip_msg *msg, enum sip_hdr_id id, struct sip_addr *ret_addr,
	const char *missing, const char *bad)
{
	struct view v = sip_msg_value(msg, id);
	if (v.p == NULL)
		fail(msg, 400, missing);
	else if (sip_addr_parse(v, ret_addr) != 0 || ret_addr->star)
		fail(msg, 400, bad);
}

/* More than RFC 3261's word, as devices put '=' and ',' into a Call-ID; it is compared as text. */
static bool visible(struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f)
			return false;
	}
	return true;
}

static void fields_check(struct sip_msg *msg)
{
	uint64_t hops;
	party_check(msg, SIP_H_FROM, &msg->from, "no From", "bad From");
	party_check(msg, SIP_H_TO, &msg->to, "no To", "bad To");
	msg->call_id = sip_msg_value(msg, SIP_H_CALL_ID);
	if (msg->call_id.n == 0)
		fail(msg, 400, "no Call-ID");
	else if (!visible(msg->call_id))
		fail(msg, 400, "bad Call-ID");
	cseq_check(msg);

	struct view v = sip_msg_value(msg, SIP_H_MAX_FORWARDS);
	if (v.p != NULL && view_to_u64(v, 255, &hops) != 0)
		fail(msg, 400, "bad Max-Forwards");
	else if (v.p != NULL)
		msg->max_forwards = (int)hops;

	addrs_check(msg, SIP_H_CONTACT, "bad Contact");
	addrs_check(msg, SIP_H_ROUTE, "bad Route");
	addrs_check(msg, SIP_H_RECORD_ROUTE, "bad Record-Route");

	/* RFC 3261 20.17: only GMT. */
	v = sip_msg_value(msg, SIP_H_DATE);
	if (v.p != NULL && (v.n < 4 || memcmp(sip_view_end(v) - 4, " GMT", 4) != 0))
		fail(msg, 400, "bad Date");
}

int sip_msg_parse(struct sip_msg *msg, const char *buf, size_t n, bool is_stream)
{
	const char *p = buf, *end = n > 0 ? buf + n : buf;
	uint8_t last[SIP_H_N];
	struct view line;

	memset(msg, 0, offsetof(struct sip_msg, first));
	memset(msg->first, SIP_NONE, sizeof(msg->first));
	msg->raw = sip_between(buf, end);
	msg->is_stream = is_stream;
	msg->max_forwards = -1;

	if (n > SIP_MSG_MAX || !line_take(&p, end, &line) || line.n == 0) {
		fail(msg, 400, "no message");
		return -EBADMSG;
	}
	msg->is_request = line.n < 4 || !view_eq_nocase((struct view){line.p, 4}, VIEW("SIP/"));
	if (line.n > SIP_LINE_MAX)
		fail(msg, 414, "start line too long");
	else if (msg->is_request)
		request_line(msg, line);
	else
		status_line(msg, line);

	for (;;) {
		if (!line_take(&p, end, &line)) {
			fail(msg, 400, "the header does not end");
			p = end;
			break;
		}
		if (line.n == 0)
			break;
		header_add(msg, line, last);
	}
	if (has_bare_cr(sip_between(buf, p)))
		fail(msg, 400, "a bare CR in the header");
	singles_check(msg);
	bool via_is_good = vias_check(msg);
	fields_check(msg);
	body_find(msg, p, end);
	if (msg->error == NULL)
		return 0;
	msg->answerable = msg->is_request && via_is_good && msg->method != SIP_M_ACK;
	return -EBADMSG;
}
