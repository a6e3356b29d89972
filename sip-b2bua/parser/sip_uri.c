/* SPDX-License-Identifier: GPL-3.0-or-later */
/* URIs and parameter lists; see sip_uri.h. */
#include <errno.h>

#include "sip-b2bua/parser/sip_char.h"
#include "sip-b2bua/parser/sip_uri.h"

bool sip_params_next(struct view *rest, struct view *ret_name, struct view *ret_value)
{
	const char *p = rest->p, *end = sip_view_end(*rest);
	if (rest->n == 0)
		return false;
	if (sip_param_take(&p, end, ret_name, ret_value) != 0) {
		rest->n = 0;
		return false;
	}
	if (p < end)
		p++; /* ';' */
	*rest = sip_between(p, end);
	return true;
}

bool sip_params_get(struct view params, struct view name, struct view *ret_value)
{
	struct view n, v;
	while (sip_params_next(&params, &n, &v)) {
		if (view_eq_nocase(n, name)) {
			*ret_value = v;
			return true;
		}
	}
	return false;
}

bool sip_params_has(struct view params, struct view name)
{
	struct view value;
	return sip_params_get(params, name, &value);
}

static bool all_of(struct view v, unsigned int classes)
{
	return v.n > 0 && sip_skip(v.p, sip_view_end(v), classes) == sip_view_end(v);
}

int sip_host_addr(struct view host, uint16_t port, struct ipaddr *ret_addr)
{
	char text[IPADDR_TEXT_MAX];
	const char *colons;

	if (ipaddr_parse(host, port, ret_addr) == 0)
		return 0;
	colons = memmem(host.p, host.n, ":::", 3);
	if (colons == NULL || host.n > sizeof(text) ||
		memchr(colons + 3, ':', (size_t)(sip_view_end(host) - colons - 3)) != NULL ||
		memchr(colons, '.', (size_t)(sip_view_end(host) - colons)) == NULL)
		return -EINVAL;
	size_t n = (size_t)(colons - host.p);
	memcpy(text, host.p, n);
	memcpy(text + n, colons + 1, host.n - n - 1);
	return ipaddr_parse((struct view){text, host.n - 1}, port, ret_addr);
}

int sip_host_parse(struct view text, uint8_t *ret_kind, struct view *ret_host)
{
	struct ipaddr addr;
	uint8_t ip[4];
	if (text.n > 1 && text.p[0] == '[') {
		struct view host = {text.p + 1, text.n - 2};
		if (text.p[text.n - 1] != ']' || sip_host_addr(host, 0, &addr) != 0 ||
			addr.family != 6)
			return -EINVAL;
		*ret_kind = SIP_HOST_IPV6;
		*ret_host = host;
		return 0;
	}
	if (text.n > 0 && sip_char_is(text.p[0], SIP_C_DIGIT) && ipaddr_parse_ipv4(text, ip)) {
		*ret_kind = SIP_HOST_IPV4;
		*ret_host = text;
		return 0;
	}
	if (!all_of(text, SIP_C_HOST))
		return -EINVAL;
	/* A last label of digits cannot be a name (RFC 3261 25.1: toplabel). */
	size_t label = text.n;
	while (label > 0 && text.p[label - 1] != '.')
		label--;
	if (all_of((struct view){text.p + label, text.n - label}, SIP_C_DIGIT))
		return -EINVAL;
	*ret_kind = SIP_HOST_NAME;
	*ret_host = text;
	return 0;
}

/* user [":" password] */
static int userinfo_parse(struct view text, struct sip_uri *u)
{
	const char *end = sip_view_end(text);
	const char *p = sip_skip_escaped(text.p, end, SIP_C_USER);
	if (p == NULL || p == text.p)
		return -EINVAL;
	u->user = sip_between(text.p, p);
	if (p == end)
		return 0;
	if (*p != ':')
		return -EINVAL;
	const char *q = sip_skip_escaped(p + 1, end, SIP_C_PASS);
	if (q != end)
		return -EINVAL;
	u->password = sip_between(p + 1, end);
	return 0;
}

/* No white space and no quotes inside a URI, whatever a header field's list may have. */
static int params_check(struct view params)
{
	const char *p = params.p, *end = sip_view_end(params);
	for (;;) {
		const char *name = p;
		p = sip_skip_escaped(p, end, SIP_C_PARAM);
		if (p == NULL || p == name)
			return -EINVAL;
		if (p < end && *p == '=') {
			const char *value = ++p;
			while ((p = sip_skip_escaped(p, end, SIP_C_PARAM)) != NULL && p < end &&
				*p == '=')
				p++;
			if (p == NULL || p == value)
				return -EINVAL;
		}
		if (p == end)
			return 0;
		if (*p++ != ';')
			return -EINVAL;
	}
}

static int headers_check(struct view headers)
{
	const char *p = headers.p, *end = sip_view_end(headers);
	for (;;) {
		const char *name = p;
		p = sip_skip_escaped(p, end, SIP_C_HEADER);
		if (p == NULL || p == name || p == end || *p != '=')
			return -EINVAL;
		p = sip_skip_escaped(p + 1, end, SIP_C_HEADER);
		if (p == NULL)
			return -EINVAL;
		if (p == end)
			return 0;
		if (*p++ != '&')
			return -EINVAL;
	}
}

/* host [":" port] [";" params] ["?" headers] */
static int hostpart_parse(const char *p, const char *end, struct sip_uri *u)
{
	const char *q = p;
	if (q < end && *q == '[') {
		q = memchr(q, ']', (size_t)(end - q));
		if (q == NULL)
			return -EINVAL;
		q++;
	} else {
		q = sip_skip(q, end, SIP_C_HOST);
	}
	if (sip_host_parse(sip_between(p, q), &u->host_kind, &u->host) != 0)
		return -EINVAL;
	if (q < end && *q == ':') {
		uint64_t port;
		p = q + 1;
		q = sip_skip(p, end, SIP_C_DIGIT);
		if (view_to_u64(sip_between(p, q), 65535, &port) != 0 || port == 0)
			return -EINVAL;
		u->port = (uint16_t)port;
	}
	if (q < end && *q == ';') {
		p = q + 1;
		const char *mark = memchr(p, '?', (size_t)(end - p));
		q = mark ? mark : end;
		u->params = sip_between(p, q);
		if (params_check(u->params) != 0)
			return -EINVAL;
	}
	if (q < end && *q == '?') {
		u->headers = sip_between(q + 1, end);
		return headers_check(u->headers);
	}
	return q == end ? 0 : -EINVAL;
}

/* RFC 3966 3: '+' in front or not at all, and of visual separators alone there is no number. */
static int tel_parse(const char *p, const char *end, struct sip_uri *u)
{
	const char *q = sip_skip(p, end, SIP_C_TEL), *digit = p;
	if (q > p && memchr(p + 1, '+', (size_t)(q - p - 1)) != NULL)
		return -EINVAL;
	while (digit < q && !sip_char_is(*digit, SIP_C_HEX) && *digit != '*' && *digit != '#')
		digit++;
	if (digit == q)
		return -EINVAL;
	u->user = sip_between(p, q);
	if (q == end)
		return 0;
	if (*q != ';')
		return -EINVAL;
	u->params = sip_between(q + 1, end);
	return params_check(u->params);
}

static int other_check(const char *p, const char *end)
{
	/* Opaque to us, but white space, quotes and brackets would change the field around it. */
	for (; p < end; p++) {
		if ((uint8_t)*p <= ' ' || *p == 0x7f || *p == '<' || *p == '>' || *p == '"')
			return -EINVAL;
	}
	return 0;
}

int sip_uri_parse(struct view text, struct sip_uri *ret_uri)
{
	struct sip_uri u = {.text = text};
	const char *end = sip_view_end(text);
	const char *p = text.p;
	int rc;

	while (p < end &&
		(sip_char_is(*p, SIP_C_ALPHA | SIP_C_DIGIT) || *p == '+' || *p == '-' || *p == '.'))
		p++;
	if (p == end || *p != ':' || p == text.p || !sip_char_is(text.p[0], SIP_C_ALPHA))
		return -EINVAL;
	u.scheme_text = sip_between(text.p, p);
	p++;
	if (view_eq_nocase(u.scheme_text, VIEW("sip")))
		u.scheme = SIP_SCHEME_SIP;
	else if (view_eq_nocase(u.scheme_text, VIEW("sips")))
		u.scheme = SIP_SCHEME_SIPS;
	else if (view_eq_nocase(u.scheme_text, VIEW("tel")))
		u.scheme = SIP_SCHEME_TEL;

	if (u.scheme == SIP_SCHEME_OTHER) {
		rc = p == end ? -EINVAL : other_check(p, end);
	} else if (u.scheme == SIP_SCHEME_TEL) {
		rc = tel_parse(p, end, &u);
	} else {
		/* '@' is legal nowhere but between user and host, so the first one decides. */
		const char *at = memchr(p, '@', (size_t)(end - p));
		rc = at ? userinfo_parse(sip_between(p, at), &u) : 0;
		if (rc == 0)
			rc = hostpart_parse(at ? at + 1 : p, end, &u);
	}
	if (rc == 0)
		*ret_uri = u;
	return rc;
}

int sip_uri_addr(const struct sip_uri *uri, struct ipaddr *ret_addr)
{
	uint16_t port = uri->port ? uri->port : uri->scheme == SIP_SCHEME_SIPS ? 5061 : 5060;
	if (uri->host_kind != SIP_HOST_IPV4 && uri->host_kind != SIP_HOST_IPV6)
		return -EINVAL;
	return sip_host_addr(uri->host, port, ret_addr);
}

static unsigned int hex_value(char c)
{
	return sip_char_is(c, SIP_C_DIGIT) ? (unsigned int)(c - '0')
					   : (unsigned int)((c | 0x20) - 'a' + 10);
}

/* The next character with its escape resolved; the escapes were checked by the parser. */
static unsigned int unescaped_take(const char **p, const char *end, bool nocase)
{
	unsigned int c = (uint8_t) * (*p)++;
	if (c == '%' && end - *p >= 2 && sip_char_is((*p)[0], SIP_C_HEX) &&
		sip_char_is((*p)[1], SIP_C_HEX)) {
		c = hex_value((*p)[0]) << 4 | hex_value((*p)[1]);
		*p += 2;
	}
	return nocase && c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool escaped_eq(struct view a, struct view b, bool nocase)
{
	const char *p = a.p, *q = b.p, *pe = sip_view_end(a), *qe = sip_view_end(b);
	if ((p == NULL) != (q == NULL))
		return false;
	while (p < pe && q < qe) {
		if (unescaped_take(&p, pe, nocase) != unescaped_take(&q, qe, nocase))
			return false;
	}
	return p == pe && q == qe;
}

/* These never match when only one of the two has them, RFC 3261 19.1.4. */
static bool param_is_decisive(struct view name)
{
	return view_eq_nocase(name, VIEW("user")) || view_eq_nocase(name, VIEW("ttl")) ||
	       view_eq_nocase(name, VIEW("method")) || view_eq_nocase(name, VIEW("maddr")) ||
	       view_eq_nocase(name, VIEW("transport"));
}

/* With that value; a name that stands twice (19.1.1 forbids it) matches by any of its values. */
static bool param_in(struct view params, struct view name, struct view value)
{
	struct view n, v;
	while (sip_params_next(&params, &n, &v)) {
		if (view_eq_nocase(n, name) && escaped_eq(v, value, true))
			return true;
	}
	return false;
}

static bool params_match(struct view a, struct view b, bool all_decisive)
{
	struct view name, value, other, rest = a;
	while (sip_params_next(&rest, &name, &value)) {
		if (param_in(b, name, value))
			continue;
		if (sip_params_get(b, name, &other) || all_decisive || param_is_decisive(name))
			return false;
	}
	return true;
}

static bool header_take(struct view *rest, struct view *ret_name, struct view *ret_value)
{
	if (rest->n == 0)
		return false;
	const char *p = rest->p, *end = sip_view_end(*rest);
	const char *amp = memchr(p, '&', rest->n);
	const char *stop = amp ? amp : end;
	const char *eq = memchr(p, '=', (size_t)(stop - p));
	*ret_name = sip_between(p, eq ? eq : stop);
	*ret_value = eq ? sip_between(eq + 1, stop) : sip_between(stop, stop);
	*rest = sip_between(amp ? amp + 1 : end, end);
	return true;
}

/* Each header of a stands in b with the same value. */
static bool headers_within(struct view a, struct view b)
{
	struct view name, value, other_name, other_value;
	while (header_take(&a, &name, &value)) {
		struct view rest = b;
		bool found = false;
		while (!found && header_take(&rest, &other_name, &other_value))
			found = escaped_eq(name, other_name, true) &&
				escaped_eq(value, other_value, false);
		if (!found)
			return false;
	}
	return true;
}

static const char *tel_skip_visual(const char *p, const char *end)
{
	while (p < end && (*p == '-' || *p == '.' || *p == '(' || *p == ')'))
		p++;
	return p;
}

static bool tel_number_eq(struct view a, struct view b)
{
	const char *p = a.p, *q = b.p, *pe = sip_view_end(a), *qe = sip_view_end(b);
	for (;; p++, q++) {
		p = tel_skip_visual(p, pe);
		q = tel_skip_visual(q, qe);
		if (p == pe || q == qe)
			return p == pe && q == qe;
		if ((*p | 0x20) != (*q | 0x20))
			return false;
	}
}

static bool host_eq(const struct sip_uri *a, const struct sip_uri *b)
{
	struct ipaddr x, y;
	if (a->host_kind != b->host_kind)
		return false;
	if (a->host_kind == SIP_HOST_NAME)
		return view_eq_nocase(a->host, b->host);
	return sip_host_addr(a->host, 0, &x) == 0 && sip_host_addr(b->host, 0, &y) == 0 &&
	       ipaddr_same_ip(&x, &y);
}

bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->scheme != b->scheme)
		return false;
	switch (a->scheme) {
	case SIP_SCHEME_OTHER:
		return view_eq(a->text, b->text);
	case SIP_SCHEME_TEL:
		return tel_number_eq(a->user, b->user) &&
		       params_match(a->params, b->params, true) &&
		       params_match(b->params, a->params, true);
	default:
		return escaped_eq(a->user, b->user, false) &&
		       escaped_eq(a->password, b->password, false) && host_eq(a, b) &&
		       a->port == b->port && params_match(a->params, b->params, false) &&
		       params_match(b->params, a->params, false) &&
		       headers_within(a->headers, b->headers) &&
		       headers_within(b->headers, a->headers);
	}
}
